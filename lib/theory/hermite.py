"""Hermite coefficients of an activation at any pre-activation variance."""
from functools import lru_cache

import numpy as np

from lib.activations import Activation

REACH = 12.6  # beyond it the square root of the normal density is below 1e-17
STRIP = 24.0  # frequencies of phi(s z) per unit of s that matter: poles at i pi/2 need 23.5


def coefficients(phi: Activation, q: np.ndarray, orders: int) -> tuple[np.ndarray, np.ndarray]:
    """``a_k(q) = E[phi(sqrt(q) z) h_k(z)]`` with the orthonormal ``h_k = He_k / sqrt(k!)``.

    Args:
        phi: a smooth activation, its poles no nearer to the real axis than those of tanh.
        q: variances, shape ``(rows,)``.
        orders: how many, counted from 0; orders that vanish by parity are left out.

    Returns:
        The orders ``k``, shape ``(n,)``, and the coefficients, shape ``(rows, n)``.

    Accuracy: 1e-16 of ``sqrt(E phi^2)`` each, the trapezoid rule being spectrally accurate.

    Source: [zhang2019] (expansion), [mehler1866]; rule derived here.

    >>> from lib.activations import get
    >>> k, a = coefficients(get("linear"), np.array([4.0]), 4)
    >>> k.tolist(), (np.round(a, 12) + 0.0).tolist()
    ([1, 3], [[2.0, 0.0]])
    """
    s = np.sqrt(q)
    reach = float(s.max(initial=0.0))
    z, table = _table(orders, 2.0 ** (np.ceil(2.0 * np.log2(max(reach, 0.5))) / 2.0))
    x = s[:, None] * z
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


@lru_cache(maxsize=12)
def _table(orders: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Half-line nodes ``(nodes,)`` and rows ``weight * h_k`` of shape ``(orders, nodes)``.

    The trapezoid rule is exact once its sampling frequency exceeds all that the integrand
    holds: ``sqrt(k)`` from h_k, 6 from the Gaussian and ``STRIP * scale`` from phi.
    """
    step = 2.0 * np.pi / (np.sqrt(orders) + 6.0 + STRIP * scale)
    z = step * np.arange(int(np.ceil(REACH / step)) + 1)
    weight = step * np.exp(-0.25 * z * z) * np.where(z == 0.0, 1.0, 2.0) / np.sqrt(2.0 * np.pi)
    root = np.sqrt(np.arange(orders + 1.0)).tolist()
    table = np.empty((orders, z.size))
    table[0] = np.exp(-0.25 * z * z) * weight  # both halves of the density: no under-, overflow
    table[1:2] = z * table[0]
    scratch = np.empty_like(z)
    for k in range(1, orders - 1):
        row = table[k + 1]
        np.multiply(z, table[k], out=row)
        np.multiply(root[k], table[k - 1], out=scratch)
        row -= scratch
        row /= root[k + 1]
    return z, table
