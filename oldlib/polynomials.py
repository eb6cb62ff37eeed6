"""Nonlinearities built from chosen Hermite coefficients, and a choice that is critical.

With orthonormal ``h_k = He_k / sqrt(k!)`` a nonlinearity on standard normal pre-activations is
its coefficients: ``phi = sum_k a_k h_k``. Choosing them instead of phi puts power where it is
wanted. A polynomial explodes far out, so its input is clipped; what the clip does to the averages
is for `lib.theory.features` to say.
"""
import numpy as np

from oldlib.checks import count, real


def critical_coefficients(orders: int = 4, decay: float = 0.4) -> np.ndarray:
    """Coefficients of unit power with gain 1, no empty order and a stable variance.

    ``a_k^2`` falls by the factor ``decay`` from each order to the next, from 1 to ``orders``. The
    mean is as large as criticality, ``sum k a_k^2 = sum a_k^2``, needs it to be. Signs go
    + + - - and again, so that every ``a_k a_(k+2)`` lowers the slope of the variance map.

    Args:
        orders: the highest order, at least 2.
        decay: of the power from order to order, above 0 and at most 1.

    Returns:
        ``a_0`` to ``a_orders``, shape ``(orders + 1,)``.

    Raises:
        TypeError, ValueError: arguments out of range.

    Accuracy: rounding.

    Source: derived here (a construction in the spirit of [zhang2019], whose own activation we
        do not know).

    >>> a = critical_coefficients(2, 1.0)
    >>> np.round(a**2 * 3, 12).tolist()
    [1.0, 1.0, 1.0]
    """
    orders, decay = count("orders", orders, low=2), float(real("decay", decay, 1e-6, 1.0))
    k = np.arange(1, orders + 1)
    power = decay ** (k - 1.0)
    power = np.concatenate([[np.sum((k - 1) * power)], power])
    signs = np.where(np.arange(orders + 1) % 4 < 2, 1.0, -1.0)
    return signs * np.sqrt(power / power.sum())


def hermite_functions(coefficients: np.ndarray, clip: float = 3.0) -> dict:
    """What an `lib.activations.Activation` needs to know of ``sum_k a_k h_k(x)``.

    Args:
        coefficients: ``a_0, a_1, ...``, one-dimensional.
        clip: the input is cut to ``[-clip, clip]``; infinite for the polynomial itself.

    Returns:
        Keyword arguments: phi, dphi, d2phi, together, kinks, parity. The functions keep the
        precision of their argument.

    Raises:
        TypeError, ValueError: not a list of numbers, or a clip that is not positive.

    Accuracy: rounding, of the largest monomial.

    Source: [zhang2019] (expansion); derived here (clip).

    >>> hermite_functions([0.0, 1.0, 1.0], np.inf)["phi"](np.array([0.0, 1.0])).round(12).tolist()
    [-0.707106781187, 1.0]
    """
    a = real("coefficients", coefficients)
    if a.ndim != 1 or a.size == 0:
        raise ValueError(f"coefficients must be a list of numbers, got shape {a.shape}")
    clip = np.inf if clip == np.inf else float(real("clip", clip, low=1e-3))
    from numpy.polynomial import hermite_e, polynomial
    whole = hermite_e.herme2poly(a / np.sqrt(np.cumprod(np.maximum(np.arange(a.size), 1.0))))
    terms = [polynomial.polyder(whole, n).tolist() for n in range(3)]

    def phi(x):
        return _horner(terms[0], np.clip(x, -clip, clip))

    def derivative(order):
        return lambda x: _horner(terms[order], np.clip(x, -clip, clip)) * (np.abs(x) < clip)

    def together(x):
        cut, inside = np.clip(x, -clip, clip), np.abs(x) < clip
        return (_horner(terms[0], cut), *(inside * _horner(one, cut) for one in terms[1:]))

    parity = "odd" if not np.any(a[0::2]) else "even" if not np.any(a[1::2]) else ""
    return {"phi": phi, "dphi": derivative(1), "d2phi": derivative(2), "together": together,
            "kinks": () if clip == np.inf else (-clip, clip), "parity": parity}


def _horner(terms: list[float], x: np.ndarray) -> np.ndarray:
    """The polynomial with these coefficients, constant first, in the precision of x."""
    total = 0 * x + terms[-1] if len(terms) == 1 else x * terms[-1] + terms[-2]
    for term in terms[-3::-1]:
        total = total * x
        total += term
    return total
