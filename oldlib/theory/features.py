"""A nonlinearity as a point of Hilbert space: its Hermite coefficients and what they decide.

On pre-activations of variance q, ``phi(sqrt(q) z) = sum_k a_k(q) h_k(z)`` with orthonormal
``h_k = He_k / sqrt(k!)``. Two inputs of correlation rho then meet as ``sum_k a_k^2 rho^k``, the
kernel of one layer; its slope at 1 is the gain of small differences. Every series here is cut,
and every result comes with a bound on what was cut off.
"""
from typing import Callable, NamedTuple

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.theory.gaussian import average, moment, moment_slope
from oldlib.theory.hermite import coefficients, piecewise_coefficients, resolution
from oldlib.theory.quadrature import NotTrusted

EMPTY = 1e-13  # of the root of the power: a coefficient below is zero but for rounding
ROUNDING = 4e-15  # of a sum of positive terms, relative


class Features(NamedTuple):
    """The leading Hermite coefficients of phi at one variance, and Parseval's word on the rest.

    ``power`` is ``E phi^2``, the sum of all ``a_k^2``; ``first`` is ``q E phi'^2``, the sum of all
    ``k a_k^2``; ``second`` is ``q^2 E phi''^2``, that of ``k (k-1) a_k^2``. What is infinite, at a
    jump or a corner, is ``inf``. ``accuracy`` is the relative one of ``power`` and ``second``.
    """

    name: str
    q: float
    a: np.ndarray
    power: float
    first: float
    second: float
    accuracy: tuple[float, float] = (1e-12, 1e-12)


def features(phi: str | Activation | Callable, q: float = 1.0, orders: int = 21) -> Features:
    """The Hermite coefficients ``a_0 ... a_(orders-1)`` of ``z -> phi(sqrt(q) z)``.

    Args:
        phi: name, `Activation` or elementwise callable with its kinks declared.
        q: variance of the pre-activation, above 0.
        orders: how many, counted from 0; at least 2.

    Returns:
        The `Features`.

    Raises:
        TypeError, ValueError: bad arguments.
        NotTrusted: phi is too steep at this q for every rule, or has a kink that was not
            declared.

    Accuracy: 1e-13 of ``sqrt(E phi^2)`` in each coefficient; closed forms for erf, GELU, ReLU
        and whatever else is linear on both sides of 0.

    Source: [zhang2019] (expansion); closed forms [williams1997] (erf), [cho2009] (ReLU), derived
        here (GELU, by the recurrence for ``z phi``); rules derived here.

    >>> features("relu", orders=3).a.round(4).tolist()
    [0.3989, 0.5, 0.2821]
    """
    phi, orders = get(phi), count("orders", orders, low=2)
    q = _one("q", q, 1e-12)
    power = float(moment(phi, q, 0))
    first = q * float(moment(phi, q, 1)) if phi.continuous else np.inf
    second = q * q * float(moment(phi, q, 2)) if phi.differentiable else np.inf
    if phi.homogeneous:
        up, down = (float(phi.phi(np.array(x))) for x in (1.0, -1.0))
        a = np.sqrt(q) * (up + down) * _relu(orders)
        a[1] = np.sqrt(q) * 0.5 * (up - down)
    elif phi is get("erf"):
        a = _erf(np.sqrt(q), orders)
    elif phi is get("gelu"):  # z Phi(sqrt(q) z), and z h_k = sqrt(k+1) h_(k+1) + sqrt(k) h_(k-1)
        half = 0.5 * _erf(np.sqrt(0.5 * q), orders + 1)
        half[0] = 0.5
        root = np.sqrt(np.arange(orders + 1.0))
        below = np.concatenate([[0.0], half[:-2]])
        a = np.sqrt(q) * (root[1:] * half[1:] + root[:-1] * below)
    else:
        a = _by_quadrature(phi, q, orders, power, first)
    return Features(phi.name, q, a, power, first, second,
                    (phi.accuracy[0], phi.accuracy[2]))


def kernel(of: Features, rho: np.ndarray, order: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``E phi(u) phi(v) = sum_k a_k^2 rho^k`` for u, v of variance q, or a derivative by rho.

    Args:
        of: the coefficients.
        rho: correlations from -1 to 1, any shape.
        order: of the derivative, 0, 1 or 2; the first is ``q E phi'(u) phi'(v)``.

    Returns:
        The values and a bound of the error of each, shape of ``rho``. The bound is infinite where
        nothing is known of what was cut off: for a derivative at ``|rho| = 1``, if phi has a
        corner.

    Raises:
        TypeError, ValueError: a correlation or an order out of range.

    Accuracy: the bound. It knows two things of the coefficients left over, their power, which
        goes with ``rho^K``, and, if phi has no corner, their ``sum k (k-1) a_k^2``; it never
        uses the slope itself.

    Source: [mehler1866], [daniely2016] (dual activation); bound derived here.

    >>> value, bound = kernel(features("linear"), 0.5)
    >>> float(value.round(12)), bool(bound < 1e-14)
    (0.5, True)
    """
    rho, m = real("rho", rho, -1.0, 1.0), count("order", order, low=0)
    if m > 2:
        raise ValueError(f"order must be 0, 1 or 2, got {m}")
    terms = np.polynomial.polynomial.polyder(of.a**2, m) if m else of.a**2
    value = np.polynomial.polynomial.polyval(rho, terms)
    size, first = np.abs(rho), of.a.size  # the first order left over
    power, second = _left_over(of)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        peak = np.maximum(-m / np.log(size), first)  # where k^m size^(k-m) is largest, k >= first
        by_power = power * np.where(size < 1.0, peak**m * size ** (peak - m), np.inf if m else 1.0)
        by_second = second * size ** (first - m) / (1.0, first - 1.0, first * (first - 1.0))[2 - m]
    scale = float(np.sum(terms * size.max(initial=0.0) ** np.arange(terms.size)))
    return value, np.fmin(by_power, by_second) + ROUNDING * scale


def gain(of: Features, sigma_w: float, within: float = 1e-10) -> float:
    """``chi1 = sigma_w^2 sum_k k a_k(q)^2 / q`` from the coefficients alone.

    Args:
        of: the coefficients at the variance q where the gain is wanted, q* say.
        sigma_w: standard deviation of the weights (times root fan-in).
        within: error allowed, relative to the gain.

    Returns:
        The gain of small differences, chi1 if q is the fixed point.

    Raises:
        NotTrusted: the bound exceeds ``within``: take more orders, or, for phi with a corner,
            whose series falls too slowly to be bounded, ``lib.theory.meanfield.chi1``.

    Accuracy: ``within``, by the bound of `kernel` at 1.

    Source: derived here, from [poole2016] (chi1) and [daniely2016].

    >>> round(gain(features("sin", q=1.0, orders=40), 1.0), 10)
    0.5676676416
    """
    sigma_w = _one("sigma_w", sigma_w, 0.0)
    value, bound = kernel(of, 1.0, 1)
    best = float(sigma_w**2 * value / of.q)
    if not bound <= within * value:
        raise NotTrusted(f"chi1 of {of.name} at q = {of.q:.4g} from {of.a.size} Hermite orders is "
                         f"{best:.6g} with an error up to {sigma_w**2 * bound / of.q:.2g}: take "
                         "more orders, or lib.theory.meanfield.chi1", best)
    return best


def effective_orders(of: Features) -> float:
    """How many orders share the power: ``exp(-sum_k p_k ln p_k)`` with ``p_k = a_k^2 / E phi^2``.

    Args:
        of: the coefficients.

    Returns:
        1 if one order holds all the power, n if n orders hold the same.

    Accuracy: of the orders given; what they leave over is not counted.

    Source: derived here (perplexity of the spectrum).

    >>> round(effective_orders(features("linear")), 12)
    1.0
    """
    share = of.a**2 / of.power
    share = share[share > 0.0]
    return float(np.exp(-np.sum(share * np.log(share))))


def empty_orders(of: Features) -> np.ndarray:
    """The orders from 1 on that hold no power at all.

    Args:
        of: the coefficients.

    Returns:
        The orders, ascending, shape ``(n,)``.

    Accuracy: a coefficient below 1e-13 of ``sqrt(E phi^2)`` counts as zero.

    Source: derived here.

    >>> empty_orders(features("tanh", orders=8)).tolist()
    [2, 4, 6]
    """
    small = np.abs(of.a) <= EMPTY * np.sqrt(of.power)
    return np.flatnonzero(small[1:]) + 1


def decline(of: Features) -> float:
    """Decades that ``|a_k|`` loses from one occupied order to the next, on average.

    Args:
        of: the coefficients.

    Returns:
        The slope of a straight line through ``-log10 |a_k|`` over the occupied orders from 1 on,
        counted without the empty ones; NaN with fewer than two of them.

    Accuracy: rounding; a property of the orders given, not of a limit.

    Source: derived here.

    >>> round(decline(features(lambda x: x + 0.1 * (x * x - 1) / np.sqrt(2), orders=3)), 6)
    1.0
    """
    held = np.setdiff1d(np.arange(1, of.a.size), empty_orders(of))
    if held.size < 2:
        return np.nan
    return float(-np.polyfit(np.arange(held.size), np.log10(np.abs(of.a[held])), 1)[0])


class Conditions(NamedTuple):
    """What a layer does when its weights keep the variance, ``sigma_w^2 = q / E phi^2``, no bias.

    ``power`` is ``E phi^2``. ``gain`` multiplies small squared differences: 1 is critical.
    ``gain_centred`` is the same once the mean is taken out, never below 1. ``variance_slope``
    multiplies a small error of the variance: stable between -1 and 1.
    """

    power: float
    gain: float
    gain_centred: float
    variance_slope: float


def conditions(a: np.ndarray) -> Conditions:
    """The conditions from Hermite coefficients: the gain from ``|a_k|``, stability from signs.

    Args:
        a: all coefficients of a polynomial, or so many that the rest does not matter.

    Returns:
        The `Conditions`: ``gain = sum k a_k^2 / sum a_k^2``, and ``variance_slope = gain +
        sum sqrt((k+1)(k+2)) a_k a_(k+2) / sum a_k^2``.

    Raises:
        TypeError, ValueError: not a list of numbers, or all zero.

    Accuracy: rounding, for these coefficients.

    Source: derived here.

    >>> conditions([0.0, 1.0, 0.0, 0.0]).gain
    1.0
    """
    a = real("a", a)
    if a.ndim != 1 or not np.any(a):
        raise ValueError("a must be a list of coefficients, not all zero")
    k, power = np.arange(a.size), float(np.sum(a * a))
    first = float(np.sum(k * a * a))
    pairs = float(np.sum(np.sqrt((k[:-2] + 1.0) * (k[:-2] + 2.0)) * a[:-2] * a[2:]))
    rest = power - a[0] ** 2
    return Conditions(power, first / power, float(first / rest) if rest > 0 else np.nan,
                      (first + pairs) / power)


def conditions_of(phi: str | Activation | Callable, q: float = 1.0) -> Conditions:
    """The conditions of any nonlinearity by quadrature, a clipped Hermite series among them.

    Args:
        phi: name, `Activation` or callable.
        q: variance of the pre-activation, above 0.

    Returns:
        The `Conditions`.

    Raises:
        ValueError: phi jumps, so that its gain is infinite.
        NotTrusted: an average that does not converge.

    Accuracy: 1e-12 relative, or that of derivatives by differences.

    Source: derived here.

    >>> round(conditions_of("relu").gain_centred, 6)
    1.466942
    """
    phi, q = get(phi), _one("q", q, 1e-12)
    power, first = float(moment(phi, q, 0)), q * float(moment(phi, q, 1))
    mean = 0.0 if phi.parity == "odd" else float(average(
        phi.phi, np.array(q), phi.kinks, bool(phi.parity)))
    return Conditions(power, first / power, first / (power - mean**2),
                      q * float(moment_slope(phi, np.array(q))) / power)


def _one(name: str, value: object, low: float) -> float:
    number = real(name, value, low=low)
    if number.ndim:
        raise TypeError(f"{name} must be one number, got shape {number.shape}")
    return float(number)


def _left_over(of: Features) -> tuple[float, float]:
    """What Parseval leaves for the orders not held: of ``a_k^2`` and of ``k (k-1) a_k^2``."""
    k, squares = np.arange(of.a.size), of.a**2
    return (max(of.power - float(np.sum(squares)), 0.0) + of.accuracy[0] * of.power,
            max(of.second - float(k * (k - 1) @ squares), 0.0) + of.accuracy[1] * of.second)


def _relu(orders: int) -> np.ndarray:
    """``a_k`` of ReLU: ``a_(k+2) / a_k = -(k-1) / sqrt((k+1)(k+2))`` for even k."""
    a = np.zeros(orders)
    a[0], a[1] = 1.0 / np.sqrt(2.0 * np.pi), 0.5
    for k in range(0, orders - 2, 2):
        a[k + 2] = -a[k] * (k - 1) / np.sqrt((k + 1.0) * (k + 2.0))
    return a


def _erf(c: float, orders: int) -> np.ndarray:
    """``a_k`` of ``erf(c z)``, from its generating function."""
    a = np.zeros(orders)
    shrunk = c * c / (1.0 + 2.0 * c * c)
    a[1] = 2.0 * c / np.sqrt(np.pi * (1.0 + 2.0 * c * c))
    for k in range(1, a.size - 2, 2):  # k = 2m + 1
        a[k + 2] = -a[k] * shrunk * k * np.sqrt((k + 1.0) / (k + 2.0)) / (0.5 * (k + 1.0))
    return a


def _by_quadrature(phi: Activation, q: float, orders: int, power: float,
                   first: float) -> np.ndarray:
    at = np.array([q])
    if phi.kinks:
        return piecewise_coefficients(phi, q, orders, power)
    finer, lost = resolution(phi, at, np.array([power]), np.array([first / q]))
    k, found = coefficients(phi, at, orders, finer)
    a = np.zeros(orders)
    a[k] = found[0]
    if lost.any():
        raise NotTrusted(f"the Hermite coefficients of {phi.name} at q = {q:.4g} do not converge: "
                         "phi is too steep there, or has a kink that was not declared", a)
    return a
