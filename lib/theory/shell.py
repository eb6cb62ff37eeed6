"""The correlation map on the shell q = q*, in deficits, and its stable fixed point."""
import numpy as np

from lib.activations import Activation
from lib.theory.correlated import Kernel
from lib.theory.gaussian import moment
from lib.theory.quadrature import NotTrusted

CRITICAL = 1e-12  # chi1 - 1 is not known better than this


class CorrelationShell:
    """``D(d) = 1 - C(1 - d)`` at a given q* for every (sigma_w, sigma_b) of a grid.

    Args:
        phi: the activation.
        sigma_w: standard deviations of the weights.
        q: q*, same shape; NaN gives NaN. Where q* = 0 the limit sigma_b -> 0 is meant.

    Accuracy: see `lib.theory.correlated.Kernel`.

    Source: [poole2016].
    """

    def __init__(self, phi: Activation, sigma_w: np.ndarray, q: np.ndarray,
                 ahead: np.ndarray | None = None):
        self.phi, self.sigma_w, self.q = phi, sigma_w, q
        self.alive = np.isfinite(q) & (q > 0.0)
        self.ratio = sigma_w**2 / np.where(self.alive, q if ahead is None else ahead, 1.0)
        self.kernel = Kernel(phi, np.where(self.alive, q, 1.0))
        at_rest = moment(phi, np.zeros(1), 1)[0]
        self.chi1 = np.where(self.alive, self.ratio * self.kernel.slope_at_one,
                             np.where(np.isnan(q), np.nan, sigma_w**2 * at_rest))

    def deficit(self, d: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """``1 - C(1 - d)``, broadcast shape; NaN where q* is."""
        d = np.where(np.isnan(d), 0.0, d)  # where q* is NaN d may be too
        return np.where(self.alive, self.ratio * self.kernel.deficit(d, rtol), self.chi1 * d)

    def slope(self, d: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """``C'(1 - d)``, broadcast shape; NaN where q* is."""
        d = np.where(np.isnan(d), 0.0, d)  # where q* is NaN d may be too
        return np.where(self.alive, self.ratio * self.kernel.slope(d, rtol), self.chi1)

    def deficit_star(self) -> np.ndarray:
        """The stable fixed point of D: 0 if chi1 <= 1, else the one root of D(d) = d.

        C has non-negative Taylor coefficients, so ``D(d)/d`` falls from chi1 at d = 0 to
        ``1 - C(0) <= 1`` at d = 1: one root, found by Newton's method on whichever of
        two forms cannot overshoot.
        """
        out = np.where(np.isnan(self.chi1), np.nan, 0.0).ravel()
        rows = np.flatnonzero((self.chi1 > 1.0 + CRITICAL) & self.alive)
        if rows.size:
            part = CorrelationShell(self.phi, self.sigma_w.ravel()[rows], self.q.ravel()[rows])
            out[rows] = part._root()
        return out.reshape(self.q.shape)

    def _root(self) -> np.ndarray:
        low, d = np.zeros(self.q.shape), np.ones(self.q.shape)
        settled = np.maximum(1e-12, CRITICAL / (self.chi1 - 1.0))
        for _ in range(80):
            ahead, slope = self.deficit(d, 1e-11), self.slope(d, 1e-9)
            right = ahead < d * (1.0 - 1e-15)
            low = np.where(right, low, np.maximum(low, d))
            with np.errstate(divide="ignore", invalid="ignore"):
                fast = d - (ahead - d) / (slope - ahead / d)  # Newton on D(d)/d = 1, convex
                safe = d - (ahead - d) / (slope - 1.0)  # Newton on D(d) = d, concave: from the
            target = np.where(right & ~(fast > low), safe, fast)  # right it never overshoots
            target = np.where(~right & (d == 1.0), 1.0, np.minimum(target, 1.0))
            step, d = np.abs(target - d) / d, target
            if np.all(step <= settled):
                return d
        raise NotTrusted(f"c* did not settle: the last step was {step.max():.0e} of 1 - c*", d)
