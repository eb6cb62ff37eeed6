"""Hermite coefficients of an activation at any pre-activation variance."""
from functools import lru_cache

import numpy as np

from oldlib.activations import Activation
from oldlib.theory.gaussian import average
from oldlib.theory.quadrature import NotTrusted

REACH = 12.6  # beyond it the square root of the normal density is below 1e-17
FINER = (1.0, 2.0, 4.0, 8.0)  # grids tried for phi steeper than tanh
LARGEST = 2e7  # entries of a table, 160 MB
STRIP = 24.0  # frequencies of phi(s z) per unit of s that matter: poles at i pi/2 need 23.5


def coefficients(phi: Activation, q: np.ndarray, orders: int,
                 finer: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """``a_k(q) = E[phi(sqrt(q) z) h_k(z)]`` with the orthonormal ``h_k = He_k / sqrt(k!)``.

    Args:
        phi: a smooth activation.
        q: variances, shape ``(rows,)``.
        orders: how many, counted from 0; orders that vanish by parity are left out.
        finer: how many times nearer to the real axis than those of tanh its poles may lie; see
            `resolution`.

    Returns:
        The orders ``k``, shape ``(n,)``, and the coefficients, shape ``(rows, n)``.

    Accuracy: 1e-16 of ``sqrt(E phi^2)`` each where the grid resolves phi: the trapezoid rule is
        spectrally accurate. The grid ends 12.6 standard deviations out, which costs an
        exponential phi some 1e-13.

    Source: [zhang2019] (expansion), [mehler1866]; rule derived here.

    >>> from oldlib.activations import get
    >>> k, a = coefficients(get("linear"), np.array([4.0]), 4)
    >>> k.tolist(), (np.round(a, 12) + 0.0).tolist()
    ([1, 3], [[2.0, 0.0]])
    """
    z, table = _table(orders, _scale(q, finer))
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


def piecewise_coefficients(phi: Activation, q: float, orders: int, power: float) -> np.ndarray:
    """``a_k(q)`` of a phi with kinks, by Gauss-Legendre panels that end at them.

    Args:
        phi: activation whose kinks are declared.
        q: one variance.
        orders: how many, counted from 0.
        power: E phi^2 there, which sets the scale of the error.

    Returns:
        The coefficients, shape ``(orders,)``.

    Raises:
        NotTrusted: panels of two sizes disagree, because phi has another kink, say; carries the
            better ones.

    Accuracy: 1e-13 of ``sqrt(E phi^2)`` each, by comparing panels of two sizes.

    Source: derived here.

    >>> from oldlib.activations import get
    >>> piecewise_coefficients(get("relu"), 1.0, 2, 0.5).round(12).tolist()
    [0.398942280401, 0.5]
    """
    coarse, fine = (_panels(phi, np.sqrt(q), orders, refined) for refined in (1.0, 1.4))
    gap = np.abs(fine - coarse).max() / np.sqrt(max(power, 1e-300))
    if not gap <= 1e-12:
        raise NotTrusted(f"the Hermite coefficients of {phi.name} at q = {q:.4g} are uncertain by "
                         f"{gap:.1g} of their size: declare every kink", fine)
    return fine


def _panels(phi: Activation, scale: float, orders: int, refined: float) -> np.ndarray:
    """The coefficients from panels about one wave of ``h_k`` and one scale of phi long."""
    edges = np.array([-REACH, *(k / scale for k in phi.kinks if abs(k) < REACH * scale), REACH])
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
    return _rows(orders, z, weight) @ np.asarray(phi.phi(scale * z))


def resolution(phi: Activation, q: np.ndarray, power: np.ndarray,
               slope: np.ndarray) -> tuple[float, np.ndarray]:
    """How fine a grid the coefficients need, and for which variances none is fine enough.

    The grid of the lowest orders is the coarsest. On it E phi^2, E phi'^2 and the first two
    coefficients must come out as the double-exponential rule has them, which is split at 0 and
    so sees a kink there that was not declared.

    Args:
        phi: the activation.
        q: variances, shape ``(rows,)``.
        power, slope: E phi^2 and E phi'^2 there.

    Returns:
        ``finer`` for `coefficients`, and a mask of the variances where even the finest fails.

    Accuracy: agreement to 1e-12 is asked for.

    Source: derived here.
    """
    for finer in FINER:
        few = np.argsort(q)[np.linspace(0, q.size - 1, min(q.size, 7)).astype(int)]
        lost = np.zeros(q.size, dtype=bool)
        if _unresolved(phi, q[few], power[few], slope[few], _scale(q, finer)).any():
            lost = _unresolved(phi, q, power, slope, _scale(q, finer))  # look at every one
        if not lost.any():
            break
    return finer, lost


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


def _scale(q: np.ndarray, finer: float) -> float:
    """The largest root of the variances, rounded up so that few tables are made."""
    return 2.0 ** (np.ceil(2.0 * np.log2(max(np.sqrt(q.max(initial=0.0)), 0.5))) / 2.0) * finer


@lru_cache(maxsize=12)
def _table(orders: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Half-line nodes ``(nodes,)`` and rows ``weight * h_k`` of shape ``(orders, nodes)``.

    The trapezoid rule is exact once its sampling frequency exceeds all that the integrand
    holds: ``sqrt(k)`` from h_k, 6 from the Gaussian and ``STRIP * scale`` from phi.
    """
    step = 2.0 * np.pi / (np.sqrt(orders) + 6.0 + STRIP * scale)
    if not orders * REACH / step < LARGEST:
        raise NotTrusted(f"pre-activations of a spread of {scale:.1g} are beyond the grids that "
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
