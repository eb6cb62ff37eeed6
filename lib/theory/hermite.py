"""A nonlinearity as a point of Hilbert space: its Hermite coefficients and what they decide.

On pre-activations of variance q, ``phi(sqrt(q) z) = sum_k a_k(q) h_k(z)`` with orthonormal
``h_k = He_k / sqrt(k!)``. Two inputs of correlation rho then meet as ``sum_k a_k^2 rho^k``, the
kernel of one layer; its slope at 1 is the gain of small differences. Every series here is cut,
and every result comes with a bound on what was cut off.
"""
from functools import lru_cache
from typing import Callable, NamedTuple

import numpy as np

from lib.activations import Activation, get
from lib.checks import Untrusted, choice, count, number, real
from lib.theory.gaussian import average, moment, moment_slope

Phi = str | Activation | Callable
EMPTY = 1e-13  # of the root of the power: a coefficient below is zero but for rounding
ROUNDING = 1e-14  # of a sum of some hundred positive terms, relative
REACH = 12.6  # beyond it the square root of the normal density is below 1e-17
FINER = (1.0, 2.0, 4.0, 8.0)  # grids tried for phi steeper than tanh
LARGEST = 2e7  # entries of a table, 160 MB
STRIP = 24.0  # frequencies of phi(s z) per unit of s that matter: poles at i pi/2 need 23.5


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

    def kernel(self, rho: np.ndarray, order: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """``E phi(u) phi(v) = sum_k a_k^2 rho^k`` for u, v of variance q, or a derivative by rho.

        Args:
            rho: correlations, any shape.
            order: of the derivative, 0, 1 or 2; the first is ``q E phi'(u) phi'(v)``.

        Returns:
            The values and a bound of the error of each, shape of ``rho``. The bound is infinite
            where nothing is known of what was cut off: for a derivative at ``|rho| = 1``, if phi
            has a corner.

        Accuracy: the bound. It knows two things of the coefficients left over, their power, which
            goes with ``rho^K``, and, if phi has no corner, their ``sum k (k-1) a_k^2``.

        Source: [mehler1866], [daniely2016] (dual activation); bound derived here.

        >>> value, bound = features("linear").kernel(0.5)
        >>> float(value.round(12)), bool(bound < 1e-14)
        (0.5, True)
        """
        rho, m = real("rho", rho, -1.0, 1.0), choice("order", order, (0, 1, 2))
        terms = np.polynomial.polynomial.polyder(self.a**2, m) if m else self.a**2
        value = np.polynomial.polynomial.polyval(rho, terms)
        size, first = np.abs(rho), self.a.size  # the first order left over
        power, second = self._left_over()
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            peak = np.maximum(-m / np.log(size), first)  # of k^m size^(k-m) over k >= first
            by_power = power * np.where(size < 1.0, peak**m * size ** (peak - m),
                                        np.inf if m else 1.0)
            pairs = (first * (first - 1.0), first - 1.0, 1.0)[m]
            by_second = second * size ** (first - m) / pairs
        scale = float(np.sum(terms * size.max(initial=0.0) ** np.arange(terms.size)))
        return value, np.fmin(by_power, by_second) + ROUNDING * scale

    def gain(self, sigma_w: float, within: float = 1e-10) -> float:
        """``chi1 = sigma_w^2 sum_k k a_k(q)^2 / q`` from the coefficients alone.

        Raises:
            Untrusted: its relative bound exceeds ``within``: take more orders, or, for phi with a
                corner, whose series falls too slowly to be bounded, chi1 of `lib.MeanField`.

        Source: derived here, from [poole2016] (chi1) and [daniely2016].

        >>> round(features("sin", q=1.0, orders=40).gain(1.0), 10)
        0.5676676416
        """
        scale = number("sigma_w", sigma_w, 0.0)**2 / self.q
        value, bound = self.kernel(1.0, 1)
        best = float(scale * value)
        if not bound <= within * value:
            raise Untrusted(f"chi1 of {self.name} at q = {self.q:.4g} from {self.a.size} Hermite "
                            f"orders is {best:.6g} with an error up to {scale * bound:.2g}: take "
                            "more orders, or MeanField.chi1", best)
        return best

    @property
    def effective_orders(self) -> float:
        """How many orders share the power: ``exp(-sum p ln p)`` with ``p_k = a_k^2 / E phi^2``.

        1 if one order holds all the power, n if n orders hold the same; what the orders held
        leave over is not counted (perplexity of the spectrum).
        """
        share = self.a**2 / self.power
        share = share[share > 0.0]
        return float(np.exp(-np.sum(share * np.log(share))))

    @property
    def empty_orders(self) -> np.ndarray:
        """The orders from 1 on whose coefficient is below 1e-13 of ``sqrt(E phi^2)``, shape (n,).

        >>> features("tanh", orders=8).empty_orders.tolist()
        [2, 4, 6]
        """
        small = np.abs(self.a) <= EMPTY * np.sqrt(self.power)
        return np.flatnonzero(small[1:]) + 1

    @property
    def decline(self) -> float:
        """Decades that ``|a_k|`` loses from one occupied order to the next, on average.

        The slope of a straight line through ``-log10 |a_k|`` over the occupied orders from 1 on,
        counted without the empty ones; NaN with fewer than two of them. A property of the orders
        held, not of a limit.
        """
        held = np.setdiff1d(np.arange(1, self.a.size), self.empty_orders)
        if held.size < 2:
            return np.nan
        return float(-np.polyfit(np.arange(held.size), np.log10(np.abs(self.a[held])), 1)[0])

    def _left_over(self) -> tuple[float, float]:
        """What Parseval leaves for the orders not held: of ``a_k^2`` and of ``k (k-1) a_k^2``."""
        k, squares = np.arange(self.a.size), self.a**2
        return (max(self.power - float(np.sum(squares)), 0.0) + self.accuracy[0] * self.power,
                max(self.second - float(k * (k - 1) @ squares), 0.0)
                + self.accuracy[1] * self.second)


def features(phi: Phi, q: float = 1.0, orders: int = 21) -> Features:
    """The Hermite coefficients ``a_0 ... a_(orders-1)`` of ``z -> phi(sqrt(q) z)``.

    Args:
        phi: activation, its kinks declared.
        q: variance of the pre-activation, above 0.
        orders: how many, counted from 0; at least 2.

    Raises:
        Untrusted: phi is too steep at this q for every rule, or has a kink that was not declared.

    Accuracy: 1e-13 of ``sqrt(E phi^2)`` in each coefficient; closed form for ReLU and whatever
        else is linear on both sides of 0.

    Source: [zhang2019] (expansion); [cho2009] (ReLU); rules derived here.

    >>> features("relu", orders=3).a.round(4).tolist()
    [0.3989, 0.5, 0.2821]
    """
    phi, orders, q = get(phi), count("orders", orders, low=2), number("q", q, 1e-12)
    power = float(moment(phi, q, 0))
    slope = float(moment(phi, q, 1)) if phi.continuous else np.inf
    second = q * q * float(moment(phi, q, 2)) if phi.differentiable else np.inf
    if phi.homogeneous:
        up, down = (float(phi.phi(np.array(x))) for x in (1.0, -1.0))
        a = np.sqrt(q) * (up + down) * _relu(orders)
        a[1] = np.sqrt(q) * 0.5 * (up - down)
    else:
        a = panel_coefficients(phi, q, orders, power)
    return Features(phi.name, q, a, power, q * slope, second, (phi.accuracy[0], phi.accuracy[2]))


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


def conditions(phi: Phi, q: float = 1.0) -> Conditions:
    """The conditions of any nonlinearity without jumps, by quadrature, at pre-activations N(0, q).

    Accuracy: 1e-12 relative, or that of phi's derivatives.

    Source: derived here. From the coefficients, ``gain = sum k a_k^2 / sum a_k^2``, whatever
        their signs, and ``variance_slope = gain + sum sqrt((k+1)(k+2)) a_k a_(k+2) / sum a_k^2``.

    >>> round(conditions("relu").gain_centred, 6)
    1.466942
    """
    phi, q = get(phi), number("q", q, 1e-12)
    power, first = float(moment(phi, q, 0)), q * float(moment(phi, q, 1))
    mean = 0.0 if phi.parity == "odd" else float(average(
        phi.phi, np.array(q), phi.kinks, bool(phi.parity)))
    return Conditions(power, first / power, first / (power - mean**2),
                      q * float(moment_slope(phi, np.array(q))) / power)


def coefficients(phi: Activation, q: np.ndarray, orders: int,
                 finer: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """``a_k(q) = E[phi(sqrt(q) z) h_k(z)]`` of a smooth phi at many variances.

    Args:
        phi: a smooth activation.
        q: variances, shape ``(rows,)``.
        orders: how many, counted from 0; orders that vanish by parity are left out.
        finer: how many times nearer to the real axis than those of tanh its poles may lie.

    Returns:
        The orders ``k``, shape ``(n,)``, and the coefficients, shape ``(rows, n)``.

    Accuracy: 1e-16 of ``sqrt(E phi^2)`` each where the grid resolves phi, see `resolution`: the
        trapezoid rule is spectrally accurate. The grid ends 12.6 standard deviations out, which
        costs an exponential phi some 1e-13.

    Source: [zhang2019] (expansion), [mehler1866]; rule derived here.
    """
    z, table = _table(orders, _scale(q, finer).max(initial=0.0))
    x = np.sqrt(q)[:, None] * z
    right = np.asarray(phi.phi(x))
    if phi.parity == "odd":
        return np.arange(1, orders, 2), right @ table[1::2].T
    if phi.parity == "even":
        return np.arange(0, orders, 2), right @ table[0::2].T
    left = np.asarray(phi.phi(-x))
    a = np.empty((q.size, orders))
    a[:, 0::2] = 0.5 * (right + left) @ table[0::2].T
    a[:, 1::2] = 0.5 * (right - left) @ table[1::2].T
    return np.arange(orders), a


def panel_coefficients(phi: Activation, q: float, orders: int, power: float) -> np.ndarray:
    """``a_k(q)`` of any phi at one variance, by Gauss-Legendre panels that end at its kinks.

    ``power``, E phi^2 at the variance q, sets the scale of the error: 1e-13 of its root in each of
    the coefficients 0 to ``orders`` - 1, or `Untrusted` where panels of two sizes disagree.
    """
    coarse, fine = (_panels(phi, np.sqrt(q), orders, refined) for refined in (1.0, 1.4))
    gap = np.abs(fine - coarse).max() / np.sqrt(max(power, 1e-300))
    if not gap <= 1e-12:
        raise Untrusted(f"the Hermite coefficients of {phi.name} at q = {q:.4g} are uncertain by "
                        f"{gap:.1g} of their size: phi is too steep there, or has a kink that was "
                        "not declared", fine)
    return fine


def _panels(phi: Activation, scale: float, orders: int, refined: float) -> np.ndarray:
    """The coefficients from panels about one wave of ``h_k`` and one scale of phi long."""
    start = 0.0 if phi.parity else -REACH  # half the line tells the rest
    kinks = (k / scale for k in phi.kinks if start < k / scale < REACH)
    edges = np.array([start, *kinks, REACH])
    x, w = np.polynomial.legendre.leggauss(24)
    density = refined * (np.sqrt(orders) + 2.0 + 2.0 * scale) / np.pi
    z, weight = [], []
    for left, right in zip(edges, edges[1:]):
        cuts = np.linspace(left, right, int(np.ceil((right - left) * density)) + 1)
        half = 0.5 * np.diff(cuts)[:, None]
        z.append((cuts[:-1, None] + half * (1.0 + x)).ravel())
        weight.append((half * w).ravel())
    z, weight = np.concatenate(z), np.concatenate(weight) / np.sqrt(2.0 * np.pi)
    weight *= np.exp(-0.25 * z * z)  # the other half of the density
    a = _rows(orders, z, weight) @ np.asarray(phi.phi(scale * z))
    if phi.parity:
        a *= 2.0
        a[0 if phi.parity == "odd" else 1::2] = 0.0
    return a


def _relu(orders: int) -> np.ndarray:
    """``a_k`` of ReLU: ``a_(k+2) / a_k = -(k-1) / sqrt((k+1)(k+2))`` for even k."""
    a = np.zeros(orders)
    a[0], a[1] = 1.0 / np.sqrt(2.0 * np.pi), 0.5
    for k in range(0, orders - 2, 2):
        a[k + 2] = -a[k] * (k - 1) / np.sqrt((k + 1.0) * (k + 2.0))
    return a


def resolution(phi: Activation, q: np.ndarray, power: np.ndarray,
               slope: np.ndarray) -> tuple[float, np.ndarray]:
    """How fine a grid the coefficients need, and for which variances none is fine enough.

    The grid of the lowest orders is the coarsest. On it E phi^2 (``power``), E phi'^2 (``slope``)
    and the first two coefficients must come out, to 1e-12, as the double-exponential rule has
    them, which is split at 0 and so sees a kink there that was not declared. Returns ``finer`` for
    `coefficients`, and a mask of the variances, all of shape ``(rows,)``, where all grids fail.
    """
    lost, near = np.ones(q.size, dtype=bool), np.flatnonzero(within_reach(q, 2))
    few = near[np.argsort(q[near])[np.linspace(0, near.size - 1, min(near.size, 7)).astype(int)]]
    for finer in FINER:
        scale = _scale(q[near], finer).max(initial=0.0)
        lost[near] = False
        if _unresolved(phi, q[few], power[few], slope[few], scale).any():
            lost[near] = _unresolved(phi, q[near], power[near], slope[near], scale)  # every one
        if not lost[near].any():
            break
    return finer, lost


def within_reach(q: np.ndarray, orders: int, finer: float = FINER[-1]) -> np.ndarray:
    """The variances whose table of so many orders can be held: a mask of the shape of ``q``."""
    return orders * REACH / _step(orders, _scale(q, finer)) < LARGEST


def _unresolved(phi: Activation, q: np.ndarray, power: np.ndarray, slope: np.ndarray,
                scale: float) -> np.ndarray:
    """Whether the trapezoid rule gets four known averages wrong, for each variance."""
    z, table = _table(2, scale)
    x, even = np.sqrt(q)[:, None] * z, bool(phi.parity)
    right, left = np.asarray(phi.phi(x)), np.asarray(phi.phi(-x))
    slopes = 0.5 * (np.square(phi.dphi(x)) + np.square(phi.dphi(-x)))
    mean = 0.0 * q if phi.parity == "odd" else average(phi.phi, q, phi.kinks, even)
    tilt = 0.0 * q if phi.parity == "even" else average(
        lambda u: phi.phi(u) * u, q, phi.kinks, even) / np.sqrt(np.maximum(q, 1e-300))
    size = np.sqrt(np.maximum(power, 1e-300))
    gaps = [(0.5 * (right**2 + left**2) @ table[0] - power) / size**2,
            (slopes @ table[0] - slope) / np.maximum(slope, 1e-300),
            (0.5 * (right + left) @ table[0] - mean) / size,
            (0.5 * (right - left) @ table[1] - tilt) / size]
    return np.abs(gaps).max(axis=0) > 2.0 * phi.accuracy[1]


def _scale(q: np.ndarray, finer: float) -> np.ndarray:
    """The roots of the variances, rounded up so that few tables are made."""
    return 2.0 ** (np.ceil(2.0 * np.log2(np.maximum(np.sqrt(q), 0.5))) / 2.0) * finer


def _step(orders: int, scale: np.ndarray) -> np.ndarray:
    """Of the trapezoid rule, which is exact once its frequency exceeds all that stands under it:
    ``sqrt(k)`` from h_k, 6 from the Gaussian and ``STRIP * scale`` from phi."""
    return 2.0 * np.pi / (np.sqrt(orders) + 6.0 + STRIP * scale)


@lru_cache(maxsize=12)
def _table(orders: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Half-line nodes ``(nodes,)`` and rows ``weight * h_k`` of shape ``(orders, nodes)``."""
    step = _step(orders, scale)
    if not orders * REACH / step < LARGEST:
        raise Untrusted(f"pre-activations of a spread of {scale:.1g} are beyond the grids that "
                        "resolve phi: lengths have run away", np.nan)
    z = step * np.arange(int(np.ceil(REACH / step)) + 1)
    weight = step * np.exp(-0.25 * z * z) * np.where(z == 0.0, 1.0, 2.0) / np.sqrt(2.0 * np.pi)
    return z, _rows(orders, z, weight)


def _rows(orders: int, z: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """``weight exp(-z^2/4) h_k(z)``, shape ``(orders, nodes)``, by the normalised recurrence."""
    root = np.sqrt(np.arange(orders + 1.0)).tolist()
    table = np.empty((orders, z.size))
    table[0] = np.exp(-0.25 * z * z) * weight  # with half the density in it nothing overflows
    table[1:2] = z * table[0]
    scratch = np.empty_like(z)
    for k in range(1, orders - 1):
        row = table[k + 1]
        np.multiply(z, table[k], out=row)
        np.multiply(root[k], table[k - 1], out=scratch)
        row -= scratch
        row /= root[k + 1]
    return table
