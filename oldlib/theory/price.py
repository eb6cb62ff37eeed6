"""Two correlated normals, piecewise-linear phi: Price's theorem at the kinks.

phi'' is a sum of deltas, so ``d^2/dc^2 E phi phi`` is a sum of normal densities at the kinks.
Integrated twice from c = 1 in the angle ``cos(theta) = c``, what remains is one smooth
integral over [0, theta], exact to rounding for every c and every variance.
"""
import numpy as np

from oldlib.activations import Activation
from oldlib.theory.gaussian import co_moment
from oldlib.theory.quadrature import LEVELS, three_sums, unit_interval

BLOCK = 400_000  # exponentials held at a time


class PriceKernel:
    """``E phi(u1) phi(u2)`` for one pair of variances a row, and its c-derivative.

    Args:
        phi: continuous and linear between its kinks.
        q: variances of u1, shape ``(rows,)``.
        other: variances of u2; those of u1 if left out.

    Accuracy: 1e-14 relative for the deficit at every c, and for the slope.

    Source: [price1958]; the single integral is derived here.
    """

    def __init__(self, phi: Activation, q: np.ndarray, other: np.ndarray | None = None):
        self.phi, self.q, self.other = phi, q, q if other is None else other
        self.scale = np.sqrt(self.q * self.other)
        self.pairs = _pairs(phi, alike=other is None)
        self.power = co_moment(phi, self.q, self.other, 0)
        self.slope_power = self.scale * co_moment(phi, self.q, self.other, 1)

    def deficit(self, d: np.ndarray, rtol: float = 1e-13) -> tuple[np.ndarray, np.ndarray]:
        """``E phi phi`` at c = 1 less that at c = 1 - d, and its error bound.

        Args:
            d: deficits of the correlation in [0, 2], shape ``(m,)`` or ``(rows, m)``.
            rtol: refine until the error estimate is below ``rtol`` of the result.

        Returns:
            Values and bounds, each of shape ``(rows, m)``.

        Accuracy: the bound; 1e-14 relative is within reach up to q = 1e4.

        Source: derived here.
        """
        bent, bound = self._integral(d, rtol, lambda t, d: d - 2.0 * np.sin(0.5 * t) ** 2)
        return self.slope_power[:, None] * d - bent, bound

    def slope(self, d: np.ndarray, rtol: float = 1e-13) -> tuple[np.ndarray, np.ndarray]:
        """``d/dc E phi phi`` at c = 1 - d and its error bound; arguments as in `deficit`.

        Args:
            d: as in `deficit`.
            rtol: relative to ``q E phi'^2``.

        Returns:
            Values and bounds, each of shape ``(rows, m)``.

        Accuracy: the bound.

        Source: derived here.
        """
        bent, bound = self._integral(d, rtol, lambda t, d: 1.0)
        return self.slope_power[:, None] - bent, bound

    def _integral(self, d: np.ndarray, rtol: float, weight) -> tuple[np.ndarray, np.ndarray]:
        """``scale/2pi sum_ij J_i J_j int_0^theta exp(-E_ij(t)) weight dt`` and its error."""
        d = np.broadcast_to(d, (self.q.size, np.shape(d)[-1]))
        value, bound = np.empty(d.shape), np.empty(d.shape)
        rows = np.arange(self.q.size)
        for nodes in LEVELS:
            step = max(1, BLOCK // (nodes * max(1, d.shape[1])))
            for start in range(0, rows.size, step):
                some = rows[start:start + step]
                value[some], bound[some] = self._block(some, d[some, :, None], nodes, weight)
            whole = self.slope_power[rows, None] * weight(0.0, d[rows])
            rows = rows[np.any(bound[rows] > rtol * np.abs(whole - value[rows]), axis=1)]
            if rows.size == 0:
                break
        return value, bound

    def _block(self, rows: np.ndarray, d: np.ndarray, nodes: int,
               weight) -> tuple[np.ndarray, np.ndarray]:
        share, w = unit_interval(nodes)
        theta = 2.0 * np.arcsin(np.sqrt(np.clip(0.5 * d, 0.0, 1.0)))
        t = theta * share
        total = np.zeros_like(t)
        for (a, b), weight_of_pair in self.pairs.items():
            total += weight_of_pair * _density(t, a / np.sqrt(self.q[rows, None, None]),
                                               b / np.sqrt(self.other[rows, None, None]))
        scale = self.scale[rows, None] * theta[..., 0] / (2.0 * np.pi)
        value, error = three_sums(total * weight(t, d) * w, nodes)
        return scale * value, scale * error


def _pairs(phi: Activation, alike: bool) -> dict[tuple[float, float], float]:
    """Pairs of kinks with the product of their jumps; mirror images once if u1, u2 are alike."""
    pairs: dict[tuple[float, float], float] = {}
    for a, jump in zip(phi.kinks, phi.jumps(1)):
        for b, other_jump in zip(phi.kinks, phi.jumps(1)):
            same = {(a, b), (b, a), (-a, -b), (-b, -a)} if alike else {(a, b)}
            key = max(same)
            pairs[key] = pairs.get(key, 0.0) + jump * other_jump
    return pairs


def _density(t: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``exp(-(a^2 + b^2 - 2 a b cos t) / (2 sin^2 t))`` without cancellation."""
    apart = (a - b) ** 2 / (8.0 * np.maximum(np.sin(0.5 * t) ** 2, 1e-300))
    together = (a + b) ** 2 / (8.0 * np.maximum(np.cos(0.5 * t) ** 2, 1e-300))
    return np.exp(-np.minimum(apart + together, 690.0))
