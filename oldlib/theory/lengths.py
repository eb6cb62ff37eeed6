"""The length map ``V(q) = sigma_w^2 E phi(sqrt(q) z)^2 + sigma_b^2`` and all its fixed points.

``E phi^2`` is a function of q alone, so one table of it serves every (sigma_w, sigma_b): the
fixed points of a whole phase diagram are bracketed in the table and polished by Newton.
"""
from functools import lru_cache
from typing import Callable, NamedTuple

import numpy as np

from oldlib.activations import Activation
from oldlib.theory.gaussian import moment, moment_slope
from oldlib.theory.quadrature import NotTrusted

START = 1.0  # which basin: an input of unit variance


class FixedPoints(NamedTuple):
    """Where the length map sends unit length, each array of the common shape.

    ``value`` is q*, NaN where there is none; ``kind`` is "stable", "neutral" (every length
    stays as it is), "diverges" (q* beyond 1e10) or "out of reach" (beyond the lengths at which
    E phi^2 can be averaged); ``repeller`` is the unstable fixed point next
    above q*, good to 1e-5: longer inputs leave for ever. Infinite where there is none.
    ``attractors`` counts the attracting fixed points below 1e10.
    """

    value: np.ndarray
    kind: np.ndarray
    repeller: np.ndarray
    attractors: np.ndarray


class LengthTable:
    """``E phi^2`` and its slope on a logarithmic grid of variances, and between by cubics.

    Args:
        phi: the activation.

    Raises:
        NotTrusted: E phi^2 cannot be computed even at q = 3.

    Accuracy: 1e-12 at the nodes, 1e-5 between: a bracket and a first guess, never an answer.

    Source: derived here.
    """

    def __init__(self, phi: Activation):
        for self.top in (1e10, 1e6, 1e4, 1e3, 1e2, 30.0, 10.0, 3.0):
            self.nodes = np.geomspace(1e-16, 1e10, 261)
            self.nodes = self.nodes[self.nodes <= self.top]
            try:  # an exponential or a sine cannot be averaged far up
                self.power = moment(phi, self.nodes)
                break
            except NotTrusted:
                if self.top == 3.0:
                    raise
        try:
            self.slope = moment_slope(phi, self.nodes)
        except NotTrusted:  # phi' by differences is lost at tiny q
            self.slope = np.gradient(self.power, self.nodes)
        self.start = int(np.searchsorted(self.nodes, START))

    def cubic(self, cell: np.ndarray) -> Callable:
        """E phi^2 and its slope inside the cells given, by cubic Hermite interpolation.

        Args:
            cell: index of the node below each variance to come.

        Returns:
            Function of variances, shape of ``cell``, to the two arrays.

        Accuracy: 1e-5 relative.

        Source: textbook.
        """
        left, width = self.nodes[cell], self.nodes[cell + 1] - self.nodes[cell]
        y0, m0, m1 = self.power[cell], self.slope[cell] * width, self.slope[cell + 1] * width
        rise = self.power[cell + 1] - y0
        a, b = m0 + m1 - 2.0 * rise, 3.0 * rise - 2.0 * m0 - m1

        def between(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            t = (q - left) / width
            return y0 + t * (m0 + t * (b + t * a)), (m0 + t * (2.0 * b + 3.0 * t * a)) / width

        return between


@lru_cache(maxsize=16)
def _table(phi: Activation) -> LengthTable:
    return LengthTable(phi)


def fixed_points(phi: Activation, sigma_w: np.ndarray, sigma_b: np.ndarray) -> FixedPoints:
    """The fixed point of the length map in whose basin unit length lies.

    Args:
        phi: the activation.
        sigma_w, sigma_b: standard deviations, broadcast against each other.

    Returns:
        `FixedPoints`.

    Raises:
        NotTrusted: Newton's method did not settle.

    Accuracy: 1e-12 relative, or 1e-14 absolute below 1e-2.

    Source: [poole2016] (length map); the table is our method.
    """
    w2, b2 = np.broadcast_arrays(np.square(sigma_w), np.square(sigma_b))
    shape, w2, b2 = w2.shape, w2.ravel(), b2.ravel()
    if phi.homogeneous:
        return _homogeneous(phi, w2, b2, shape)
    table = _table(phi)
    surplus = np.stack([w2, b2, np.ones_like(w2)], axis=1) @ np.stack(
        [table.power, np.ones_like(table.power), -table.nodes])
    longer = surplus > 0.0  # where does the map lengthen?
    grows = longer[:, table.start]
    above = _first_true(~longer[:, table.start:], table.start)
    below = _last_true(longer[:, :table.start + 1])
    cell = np.where(grows, above - 1, below)
    diverges, vanishes = grows & (above < 0), ~grows & (below < 0)
    value = np.zeros(w2.size)
    rows = np.flatnonzero(~(diverges | vanishes))
    value[rows] = _polish(phi, table, w2[rows], b2[rows], cell[rows])
    repeller = np.full(w2.size, np.inf)
    rows = np.flatnonzero((longer.sum(axis=1) > cell + 1) & ~diverges)
    away = _first_true(longer[rows] & (np.arange(table.nodes.size) > cell[rows, None]), -1)
    repeller[rows] = _guess(table, w2[rows], b2[rows], away, rising=True)
    beyond = "diverges" if table.top == 1e10 else "out of reach"
    kind = np.where(diverges, beyond, "stable")  # V' >= -1/2 there, whatever phi: no overshoot
    value = np.where(kind == "stable", value, np.nan)
    attractors = (longer[:, :-1] & ~longer[:, 1:]).sum(axis=1) + ~longer[:, 0]
    return FixedPoints(*(x.reshape(shape) for x in (value, kind, repeller, attractors)))


def _homogeneous(phi: Activation, w2: np.ndarray, b2: np.ndarray, shape: tuple) -> FixedPoints:
    """V is a straight line: sigma_w^2 E phi^2(1) q + sigma_b^2."""
    slope = w2 * moment(phi, np.ones(1))[0]
    neutral = np.abs(slope - 1.0) <= 1e-15 * 4.0
    value = np.where(slope < 1.0, b2 / np.where(slope < 1.0, 1.0 - slope, 1.0), np.nan)
    value = np.where(neutral, np.where(b2 == 0.0, START, np.nan), value)
    kind = np.where(neutral & (b2 == 0.0), "neutral",
                    np.where(neutral | (slope > 1.0), "diverges", "stable"))
    infinite, attracting = np.full(w2.shape, np.inf), (kind == "stable").astype(int)
    return FixedPoints(*(x.reshape(shape) for x in (value, kind, infinite, attracting)))


def _last_true(mask: np.ndarray) -> np.ndarray:
    """Index of the last True in each row, -1 where there is none."""
    found = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    return np.where(mask.any(axis=1), found, -1)


def _first_true(mask: np.ndarray, offset: int) -> np.ndarray:
    """Index of the first True in each row plus an offset, -1 where there is none."""
    return np.where(mask.any(axis=1), np.argmax(mask, axis=1) + offset, -1)


def _guess(table: LengthTable, w2: np.ndarray, b2: np.ndarray, cell: np.ndarray,
           rising: bool = False) -> np.ndarray:
    """The root of V(q) = q inside a cell of the table, by bisection on its cubics."""
    low, high, between = table.nodes[cell], table.nodes[cell + 1], table.cubic(cell)
    for _ in range(18):
        q = 0.5 * (low + high)
        left = (w2 * between(q)[0] + b2 > q) != rising
        low, high = np.where(left, q, low), np.where(left, high, q)
    return 0.5 * (low + high)


def _polish(phi: Activation, table: LengthTable, w2: np.ndarray, b2: np.ndarray,
            cell: np.ndarray) -> np.ndarray:
    """Newton's method from the table's guess, with the table's slope."""
    q = _guess(table, w2, b2, cell)
    slope = w2 * table.cubic(cell)(q)[1]
    active = np.arange(q.size)
    for _ in range(40):
        here = q[active]
        step = (w2[active] * moment(phi, here) + b2[active] - here) / (1.0 - slope[active])
        q[active] = np.clip(here + step, 0.5 * here, 2.0 * here)
        active = active[np.abs(step) > np.maximum(1e-13 * here, 1e-15)]
        if active.size == 0:
            return q
    raise NotTrusted(f"q* did not settle: the last step was {np.abs(step).max():.0e}", q)
