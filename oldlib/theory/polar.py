"""Two correlated normals, any phi: polar coordinates, split where an argument meets a kink.

``u1 = r sqrt(q1) cos(psi)``, ``u2 = r sqrt(q2) cos(psi - theta)`` with ``cos(theta) = c``. Both
the angle and the radius cluster geometrically at their ends, so the rule does not care how large
the variances are. It costs some ten thousand evaluations a value.
"""
from typing import Callable

import numpy as np

from oldlib.activations import Activation
from oldlib.theory.gaussian import moment
from oldlib.theory.quadrature import split_half_line, unit_interval

GRIDS = ((49, 65), (65, 97), (97, 193))  # angles a sector, radii a panel
SMALL = 1e-3  # below this deficit, integrate the slope instead of subtracting


def pair_average(f: Callable, q1: float, q2: float, theta: float, kinks: tuple[float, ...] = (),
                 grid: tuple[int, int] = GRIDS[1]) -> float:
    """``E f(u1) f(u2)`` for normals of variances q1, q2 and correlation ``cos(theta)``.

    Args:
        f: elementwise, smooth between the kinks.
        q1, q2: variances.
        theta: angle in [0, pi].
        kinks: of f.
        grid: angles a sector and radii a panel.

    Returns:
        The average.

    Accuracy: 1e-13 for functions of scale one with kinks at 0 only; with kinks elsewhere 1e-11
        for variances up to 10 and 1e-9 at 100. `PolarKernel` compares grids.

    Source: derived here.
    """
    return pair_expectation(lambda u1, u2: f(u1) * f(u2), q1, q2, theta, kinks, grid)


def pair_expectation(g: Callable, q1: float, q2: float, theta: float,
                     kinks: tuple[float, ...] = (),
                     grid: tuple[int, int] = GRIDS[1]) -> float:
    """``E g(u1, u2)``, with g broken only where u1 or u2 meets a kink or 0.

    Args:
        g: of two arrays of equal shape.
        q1, q2, theta, kinks, grid: as in `pair_average`.

    Returns:
        The average.

    Accuracy: as `pair_average`.

    Source: derived here.
    """
    share, weight = unit_interval(grid[0])
    edges = _sector_edges(np.sqrt(q1), np.sqrt(q2), theta, kinks)
    width = np.diff(edges)
    psi = (edges[:-1, None] + width[:, None] * share).ravel()
    angle_weight = (width[:, None] * weight).ravel() / (2.0 * np.pi)
    along1, along2 = np.sqrt(q1) * np.cos(psi), np.sqrt(q2) * np.cos(psi - theta)
    at = np.array([k for k in kinks if k != 0.0])
    with np.errstate(divide="ignore"):
        breaks = np.concatenate([at / along1[:, None], at / along2[:, None]], axis=-1)
    r, w = split_half_line(np.where(np.isfinite(breaks), breaks, 0.0), grid[1])
    values = g(along1[:, None] * r, along2[:, None] * r) * (w * r * np.exp(-0.5 * r * r))
    return float(angle_weight @ values.sum(axis=-1))


def _sector_edges(s1: float, s2: float, theta: float, kinks: tuple[float, ...]) -> np.ndarray:
    """Angles where u1 or u2 changes sign, or where u1 and u2 meet kinks at one radius."""
    start = 0.5 * np.pi
    edges = [start, start + theta, start + np.pi, start + np.pi + theta, start + 2.0 * np.pi]
    nonzero = [k for k in kinks if k != 0.0]
    for a in nonzero:
        for b in nonzero:  # a / (s1 cos psi) = b / (s2 cos(psi - theta))
            meet = np.arctan2(b * s1 - a * s2 * np.cos(theta), a * s2 * np.sin(theta))
            edges += [start + (meet - start) % np.pi, start + np.pi + (meet - start) % np.pi]
    return np.unique(np.clip(edges, start, start + 2.0 * np.pi))


class PolarKernel:
    """``E phi(u1) phi(u2)`` for one pre-activation variance a row, and its c-derivative.

    Args:
        phi: any activation whose kinks are declared.
        q: variances, shape ``(rows,)``.

    Accuracy: every method returns a bound of its own error, the change between two grids.

    Source: derived here.
    """

    def __init__(self, phi: Activation, q: np.ndarray):
        self.phi, self.q = phi, q
        self.power, self.slope_power = moment(phi, q, 0), q * moment(phi, q, 1)

    def deficit(self, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """``E phi^2 - E phi phi`` at c = 1 - d and a bound of its error.

        Args:
            d: deficits of the correlation in [0, 2], shape ``(m,)`` or ``(rows, m)``.
            rtol: refine until two grids agree to ``rtol`` of the result.

        Returns:
            Values and bounds, each of shape ``(rows, m)``.

        Accuracy: the bound.

        Source: derived here: half the mean square of ``phi(u1) - phi(u2)``, or for small
            deficits the integral of the slope over the angle.
        """
        return self._each(self._one_deficit, d, rtol)

    def slope(self, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """``d/dc E phi phi = q E phi' phi'`` at c = 1 - d and a bound of its error.

        Args:
            d, rtol: as in `deficit`.

        Returns:
            Values and bounds, each of shape ``(rows, m)``.

        Accuracy: the bound.

        Source: derived here.
        """
        return self._each(self._one_slope, d, rtol)

    def _each(self, one: Callable, d: np.ndarray,
              rtol: float) -> tuple[np.ndarray, np.ndarray]:
        d = np.broadcast_to(d, (self.q.size, np.shape(d)[-1]))
        value, bound = np.empty(d.shape), np.empty(d.shape)
        for index in np.ndindex(d.shape):
            previous = np.nan
            for grid in GRIDS:
                value[index] = one(index[0], float(d[index]), grid)
                bound[index] = abs(value[index] - previous)
                if bound[index] <= rtol * abs(value[index]):
                    break
                previous = value[index]
        return value, bound

    def _one_deficit(self, row: int, d: float, grid: tuple[int, int]) -> float:
        theta = 2.0 * np.arcsin(np.sqrt(0.5 * d))
        q, phi = float(self.q[row]), self.phi.phi
        if d > SMALL:
            return pair_expectation(lambda a, b: 0.5 * (phi(a) - phi(b)) ** 2, q, q, theta,
                                    self.phi.kinks, grid)
        node, weight = np.polynomial.legendre.leggauss(grid[0] // 8)
        t = 0.5 * theta * (1.0 + node)
        slopes = np.array([self._slope_at(row, angle, grid) for angle in t])
        return float(0.5 * theta * (weight * slopes) @ np.sin(t))

    def _one_slope(self, row: int, d: float, grid: tuple[int, int]) -> float:
        return self._slope_at(row, 2.0 * np.arcsin(np.sqrt(0.5 * d)), grid)

    def _slope_at(self, row: int, theta: float, grid: tuple[int, int]) -> float:
        if theta == 0.0:
            return float(self.slope_power[row])
        q = float(self.q[row])
        return q * pair_average(self.phi.dphi, q, q, theta, self.phi.kinks, grid)
