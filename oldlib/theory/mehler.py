"""Two correlated normals, smooth phi: Mehler's series ``E phi(u1) phi(u2) = sum_k a_k^2 c^k``.

The series knows its own error. Parseval gives what is missing, ``E phi^2 - sum a_k^2`` and
``q E phi'^2 - sum k a_k^2``, and every missing power of c lies between c^(K+1) and its
Jensen bound; orders are added only where that gap matters.
"""
import numpy as np

from oldlib.activations import Activation
from oldlib.theory.gaussian import moment
from oldlib.theory.hermite import coefficients, resolution

STAGES = (64, 256, 1024, 2048, 4096, 8192)
BLOCK = 400_000  # powers of c held at a time


class MehlerKernel:
    """``E phi(u1) phi(u2)`` for one pre-activation variance a row, and its c-derivative.

    Args:
        phi: smooth activation.
        q: variances, shape ``(rows,)``.

    Accuracy: every method returns a bound of its own error beside the values.

    Source: [mehler1866], [daniely2016]; tail bound derived here.
    """

    def __init__(self, phi: Activation, q: np.ndarray):
        self.phi, self.q = phi, q
        self.power, slope = moment(phi, q, 0), moment(phi, q, 1)
        self.slope_power = q * slope
        self.finer, self.lost = resolution(phi, q, self.power, slope)
        self._stages: dict[int, tuple] = {}

    def deficit(self, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """``E phi^2 - E phi phi`` at c = 1 - d, to relative accuracy, and its error bound.

        Args:
            d: deficits of the correlation in [0, 2], shape ``(m,)`` or ``(rows, m)``.
            rtol: stop adding orders once the bound is below ``rtol`` times the result.

        Returns:
            Values and bounds, each of shape ``(rows, m)``.

        Accuracy: the bound.

        Source: derived here.
        """
        if self.phi.parity:  # fold c < 0 onto c > 0, where every term has one sign
            folded, bound = self._deficit(np.minimum(d, 2.0 - d), rtol)
            if self.phi.parity == "odd":
                folded = np.where(d > 1.0, 2.0 * self.power[:, None] - folded, folded)
            return folded, bound
        return self._deficit(d, rtol)

    def _deficit(self, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        def stage(k, a2, tail, tail_slope, d):
            mean_order = np.where(tail > 0, tail_slope / np.maximum(tail, 1e-300), k[-1] + 1.0)
            lump = tail[:, None] * _one_minus_power(mean_order[:, None], d)
            least = tail[:, None] * _one_minus_power(np.full((1, 1), k[-1] + 1.0), d)
            value = _weighted_sum(_one_minus_power, k, a2, d) + np.where(d > 1.0, 0.0, lump)
            gap = np.where(d > 1.0, 2.0 * tail[:, None] - least, lump - least)
            return value, np.abs(gap), value
        return self._climb(stage, d, rtol)

    def slope(self, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """``d/dc E phi phi = q E phi' phi'`` at c = 1 - d and its error bound.

        Args:
            d: as in `deficit`.
            rtol: relative to ``q E phi'^2``.

        Returns:
            Values and bounds, each of shape ``(rows, m)``.

        Accuracy: the bound.

        Source: derived here.
        """
        def stage(k, a2, tail, tail_slope, d):
            whole = (a2 @ k + tail_slope)[:, None]
            missing = tail_slope[:, None] * np.abs(1.0 - d) ** k[-1]
            value, gap = _weighted_sum(_power_slope, k, a2, d), missing
            return np.where(d == 0.0, whole, value), np.where(d == 0.0, 0.0, gap), whole
        return self._climb(stage, d, rtol)

    def _climb(self, stage, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate with 64 orders, and with more only in the rows whose bound asks for it."""
        d = np.asarray(d, dtype=float)
        shape = (self.q.size, d.shape[-1])
        value, bound = np.zeros(shape), np.full(shape, np.inf)
        rows = np.flatnonzero(~self.lost)
        for orders in STAGES if value.size else ():
            if rows.size == 0:
                break
            k, a2, tail, tail_slope = self._series(orders, rows)
            here = d if d.ndim == 1 else d[rows]
            value[rows], bound[rows], scale = stage(k, a2, tail, tail_slope, here)
            bound[self.lost] = np.inf  # Parseval overshot: the grid misses part of phi
            rows = rows[np.any(bound[rows] > rtol * np.abs(scale), axis=1) & ~self.lost[rows]]
        return value, bound

    def _series(self, orders: int, rows: np.ndarray) -> tuple:
        """Orders, squared coefficients and the two Parseval tails for some rows, remembered."""
        known, *cached = self._stages.get(orders, (np.empty(0, dtype=int),))
        if not np.isin(rows, known).all():
            k, a = coefficients(self.phi, self.q[rows], orders, self.finer)
            a2 = a * a
            tail_slope = self.slope_power[rows] - a2 @ k
            self.lost[rows[tail_slope < -1e-11 * self.slope_power[rows]]] = True
            tail_slope = np.maximum(tail_slope, 0.0)
            tail = np.clip(self.power[rows] - a2.sum(axis=1), 0.0, tail_slope / (k[-1] + 1.0))
            known, cached = rows, (k, a2, tail, tail_slope)
            self._stages[orders] = (known, *cached)
        k, *columns = cached
        if known.size == rows.size:
            return (k, *columns)
        pick = np.searchsorted(known, rows)
        return (k, *(column[pick] for column in columns))


def off_shell(phi: Activation, q: np.ndarray, other: np.ndarray, c: np.ndarray,
              atol: float) -> tuple[np.ndarray, np.ndarray]:
    """``E phi(u1) phi(u2)`` for two different variances and its error bound.

    Args:
        phi: smooth activation.
        q, other: variances of u1 and u2, shape ``(rows,)``.
        c: correlations, shape ``(rows,)``.
        atol: bound asked for, relative to ``sqrt(E phi(u1)^2 E phi(u2)^2)``.

    Returns:
        Values and bounds, each of shape ``(rows,)``.

    Accuracy: the bound, by Cauchy and Schwarz on the two tails.

    Source: [mehler1866].
    """
    power, other_power = moment(phi, q, 0), moment(phi, other, 0)
    finer, lost = resolution(phi, q, power, moment(phi, q, 1))
    other_finer, other_lost = resolution(phi, other, other_power, moment(phi, other, 1))
    for orders in STAGES:
        k, a = coefficients(phi, q, orders, finer)
        b = coefficients(phi, other, orders, other_finer)[1]
        tails = [np.maximum(p - np.sum(x * x, axis=1), 0.0) for p, x in
                 ((power, a), (other_power, b))]
        bound = np.sqrt(tails[0] * tails[1]) * np.abs(c) ** (k[-1] + 1)
        if np.all(bound <= atol * np.sqrt(power * other_power)):
            break
    terms = np.where(k == 0, 1.0, np.exp(_log_power(k, 1.0 - c[:, None])))
    signs = np.where((c[:, None] < 0) & (k % 2 == 1), -1.0, 1.0)
    return np.sum(a * b * signs * terms, axis=1), np.where(lost | other_lost, np.inf, bound)


def _weighted_sum(f, k: np.ndarray, a2: np.ndarray, d: np.ndarray) -> np.ndarray:
    """``sum_k a2[row, k] f(k, d)``: one product if all rows share d, else block by block."""
    if d.ndim == 1:
        return a2 @ f(k[:, None].astype(float), d)
    out = np.empty(d.shape)
    step = max(1, BLOCK // (k.size * d.shape[1]))
    for start in range(0, d.shape[0], step):
        block = slice(start, start + step)
        terms = f(k.astype(float), d[block, :, None])
        out[block] = np.matmul(terms, a2[block, :, None])[..., 0]
    return out


def _log_power(k: np.ndarray, d: np.ndarray) -> np.ndarray:
    """``k log|1 - d|``, floored where the power would be a denormal (they are slow)."""
    with np.errstate(divide="ignore"):
        log = np.where(d > 0.5, np.log(np.abs(1.0 - d)), np.log1p(-np.minimum(d, 0.5)))
    return np.maximum(k * np.maximum(log, -690.0), -690.0)


def _one_minus_power(k: np.ndarray, d: np.ndarray) -> np.ndarray:
    """``1 - (1-d)^k`` to full relative precision for small d."""
    small = -np.expm1(_log_power(k, d))
    if np.all(d <= 1.0):
        return small
    odd = (d > 1.0) & (np.asarray(k) % 2 == 1)
    return np.where(odd, 2.0 - small, small)


def _power_slope(k: np.ndarray, d: np.ndarray) -> np.ndarray:
    """``k (1-d)^(k-1)``."""
    size = k * np.exp(_log_power(np.maximum(k - 1.0, 0.0), d))
    return np.where((d > 1.0) & (k % 2 == 0), -size, size)
