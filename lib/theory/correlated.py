"""Averages over two correlated normals: the right method for each phi, or an exception.

======================  ================  ========================
phi                     method            cost a value
======================  ================  ========================
erf, sine, leaky ReLU   closed form       one arcsine
smooth                  Mehler's series   one product
piecewise linear        Price's theorem   two hundred exponentials
anything else           polar rule        ten thousand phi
======================  ================  ========================

The polar rule also serves wherever another method cannot bound its error.
"""
from typing import Callable

import numpy as np

from lib.activations import Activation, get
from lib.checks import Untrusted, count, real
from lib.theory.gaussian import (
    LEVELS,
    co_moment,
    moment,
    split_half_line,
    three_sums,
    unit_interval,
)
from lib.theory.hermite import coefficients, resolution, within_reach

BLOCK = 400_000  # numbers held at a time
ROWS = 10_000  # variances whose coefficients are kept
NODES = 12_000  # of the polar rule held at a time
STAGES = (64, 256, 1024, 2048, 4096, 8192)  # orders of Mehler's series
GRIDS = ((49, 65), (65, 97), (97, 193), (145, 257), (193, 385))  # angles a sector, radii a panel
SMALL = 1e-3  # below this deficit the polar rule integrates the slope instead of subtracting


class Kernel:
    """``E phi(u1) phi(u2)`` for normals of equal variance q and correlation c = 1 - d.

    Everything is a function of the deficit d, because 1 - c, computed from c, is lost near 1.

    Args:
        phi: the activation.
        q: variances, any shape. Deficits given to the methods broadcast against it; along the
            axes that q lacks they share all work but one product.
        missing: "raise", or "nan" to mark numbers that cannot be trusted.

    Accuracy: 1e-10, of the deficit itself down to 1e-30, for smooth and piecewise-linear phi;
        the same for others where the two grids of the polar rule agree, else `Untrusted`.

    Source: [poole2016] (the integral in the correlation map).

    >>> from lib.activations import get
    >>> relu = Kernel(get("relu"), np.array(2.0))
    >>> float(relu.power - relu.deficit(np.array(1.0))).__round__(10), round(1 / np.pi, 10)
    (0.3183098862, 0.3183098862)
    """

    def __init__(self, phi: Activation, q: np.ndarray, missing: str = "raise"):
        self.phi, self.q, self.missing = phi, real("q", q, low=0.0), missing
        self.power = moment(phi, self.q, missing=missing)  # at c = 1; shape of q
        with np.errstate(over="ignore"):
            self.slope_at_one = self.q * moment(phi, self.q, 1, missing=missing)
        known = np.flatnonzero(np.isfinite(self.power + self.slope_at_one))
        self._blocks = [known[at:at + ROWS] for at in range(0, known.size, ROWS)]
        self._kept = self._method(known) if len(self._blocks) == 1 else None

    def _method(self, rows: np.ndarray) -> "Law | MehlerKernel | PolarKernel | PriceKernel":
        kind = _exact(self.phi) or (PolarKernel if self.phi.kinks else MehlerKernel)
        return kind(self.phi, self.q.ravel()[rows])

    def deficit(self, d: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """``E phi(u)^2 - E phi(u1) phi(u2)`` to a relative ``rtol``.

        Args:
            d: ``1 - c`` in [0, 2]; broadcasts against q.

        Raises:
            Untrusted: the bound stays above ``rtol``; carries the best values.
        """
        return self._evaluate("deficit", d, rtol)

    def slope(self, d: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """``d/dc E phi(u1) phi(u2) = q E phi'(u1) phi'(u2)``, to ``rtol`` of that at c = 1.

        Source: [price1958].
        """
        return self._evaluate("slope", d, rtol)

    def descend(self, c: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """Correlations through layers that keep the variance: ``c <- kappa(c) / kappa(1)``.

        The weights have ``sigma_w^2 = q / E phi^2`` and there is no bias, so that inputs of
        variance q keep it, whether or not q attracts other lengths.

        Args:
            c: correlations of the inputs, in [-1, 1]; broadcasts against q.
            depth: layers, the inputs' own included.

        Returns:
            Layer by layer ``1 - c``, and the slope of the map there, the factor by which the layer
            multiplies a small change of the correlation; each ``(depth, ...)``, broadcast shape.

        Accuracy: 1e-10 relative of each deficit a layer, also where c is within 1e-30 of 1.

        Source: [daniely2016] (depth as composition); derived here.

        >>> from lib.activations import get
        >>> [round(float(s), 6) for s in Kernel(get("relu"), 1.0).descend(0.0, 2)[1]]
        [0.5, 0.603115]
        """
        d = 1.0 - real("c", c, low=-1.0, high=1.0)
        shape = np.broadcast_shapes(self.q.shape, d.shape)
        deficit, slope = np.empty((2, count("depth", depth), *shape))
        for layer in range(depth):
            deficit[layer], slope[layer] = d, self.slope(d) / self.power
            d = np.minimum(self.deficit(d) / self.power, 2.0)  # 2 is passed by rounding
        return deficit, slope

    def _evaluate(self, what: str, d: np.ndarray, rtol: float) -> np.ndarray:
        """By a matrix with a row for each variance, in blocks; NaN where power is not known."""
        d = real("d", d, low=0.0, high=2.0)
        shape = np.broadcast_shapes(self.q.shape, d.shape)
        row = np.broadcast_to(np.arange(self.q.size).reshape(self.q.shape), shape).ravel()
        order = np.argsort(row, kind="stable")
        work = np.broadcast_to(d, shape).ravel()[order].reshape(
            self.q.size, row.size // max(1, self.q.size))
        near = np.minimum(work, 2.0 - work) if self.phi.parity else work  # mirror images
        shared = np.all(near == near[:1])  # the same deficits for every variance
        value, out = np.full(work.shape, np.nan), np.empty(shape)
        for rows in self._blocks:
            method = self._kept or self._method(rows)
            value[rows] = self._bounded(method, what, near[0] if shared else near[rows], rtol)
        if (what, self.phi.parity) == ("slope", "even"):
            value = np.where(work > 1.0, -value, value)
        elif (what, self.phi.parity) == ("deficit", "odd"):
            value = np.where(work > 1.0, 2.0 * self.power.ravel()[:, None] - value, value)
        out.flat[order] = value.ravel()
        return out

    def _bounded(self, method: "Law | MehlerKernel | PolarKernel | PriceKernel", what: str,
                 work: np.ndarray, rtol: float) -> np.ndarray:
        """Values whose bound is met, by the polar rule where that of the first method is not."""
        def not_met() -> np.ndarray:
            scale = np.abs(value) if what == "deficit" else method.slope_power[:, None]
            return bound > rtol * scale + 1e-300

        value, bound = getattr(method, what)(work, rtol)
        if self.phi.continuous:  # D(d) <= d C'(1)
            flat = method.slope_power == 0.0
            value[flat] = bound[flat] = 0.0
        lost, d = not_met(), np.broadcast_to(work, value.shape)
        if lost.any() and not isinstance(method, PolarKernel):
            polar = PolarKernel(self.phi, method.q[np.nonzero(lost)[0]])
            found = getattr(polar, what)(d[lost][:, None], rtol)
            value[lost], bound[lost] = (array[:, 0] for array in found)
            lost = not_met()
        if lost.any() and self.missing == "raise":
            q = method.q[np.nonzero(lost)[0]]
            raise Untrusted(f"the average of {self.phi.name} over two correlated normals is not "
                            f"known to {rtol:g} at {lost.sum()} points, first at q = {q[0]:.6g}, "
                            f"1 - c = {d[lost][0]:.6g}; missing='nan' marks them", value[lost])
        return np.where(lost, np.nan, value)


def pair_average(phi: Activation, q: np.ndarray, other: np.ndarray, c: np.ndarray,
                 atol: float = 1e-10, missing: str = "raise") -> np.ndarray:
    """``E phi(u1) phi(u2)`` for normals of variances ``q``, ``other`` and correlation ``c``.

    Args:
        phi: the activation.
        q, other: variances; c: correlation in [-1, 1]. All broadcast.
        atol: accuracy asked for, relative to the root mean squares of the two factors.
        missing: "raise", or "nan" to mark averages that cannot be trusted.

    Raises:
        Untrusted: the bound stays above ``atol``.

    Source: [poole2016], correlation map off the shell.

    >>> from lib.activations import get
    >>> float(pair_average(get("linear"), 4.0, 9.0, 0.5)).__round__(9)
    3.0
    """
    q, other, c = np.broadcast_arrays(real("q", q, low=0.0), real("other", other, low=0.0),
                                      real("c", c, low=-1.0, high=1.0))
    shape, q, other, c = q.shape, q.ravel(), other.ravel(), c.ravel()
    if exact := _exact(phi):
        kernel = exact(phi, q, other)
        return (kernel.power - kernel.deficit(1.0 - c[:, None])[0][:, 0]).reshape(shape)
    allowed = 1e-300 + atol * np.sqrt(moment(phi, q, missing=missing)
                                      * moment(phi, other, missing=missing))
    value, bound = np.full((2, q.size), np.inf)
    if not phi.kinks:
        known = np.flatnonzero(np.isfinite(allowed))
        value[known], bound[known] = off_shell(
            phi, q[known], other[known], c[known], atol, missing)
    value[np.isnan(allowed)] = np.nan  # of a factor whose size is not known
    todo = np.flatnonzero(bound > allowed)
    theta = np.arccos(c[todo])
    value[todo], _, lost = refined(
        lambda some, grid: polar_average(lambda u, v: phi.phi(u) * phi.phi(v), q[todo[some]],
                                         other[todo[some]], theta[some], phi.kinks, grid),
        todo.size, lambda fresh, some: allowed[todo[some]], GRIDS[1:])
    lost = todo[lost]
    if lost.size and missing == "raise":
        raise Untrusted(f"the average of {phi.name} over two correlated normals is not settled "
                        f"to {atol:g} at {lost.size} of {q.size} points, first at "
                        f"q = {q[lost[0]]:.4g}, {other[lost[0]]:.4g}, "
                        f"c = {c[lost[0]]:.6g}", value.reshape(shape))
    value[lost] = np.nan
    return value.reshape(shape)


class Law:
    """A kernel in closed form; methods as those of `MehlerKernel`, with no error but rounding.

    Args:
        phi: the activation that has this law.
        q, other: variances of u1 and u2, shape ``(rows,)``; the same if left out.
    """

    def __init__(self, phi: Activation, q: np.ndarray, other: np.ndarray | None = None):
        self.phi, self.q, self.other = phi, q, q if other is None else other
        self.scale = np.sqrt(q) * np.sqrt(self.other)
        self.power = self.independent() + self.at(np.ones((q.size, 1)), 0)[:, 0]
        self.slope_power = self.at(np.zeros((q.size, 1)), 1)[:, 0]

    def independent(self) -> np.ndarray:
        """``E phi(u1) E phi(u2)``, shape ``(rows,)``: 0 for odd phi."""
        return np.zeros(self.q.size)

    def at(self, d: np.ndarray, order: int) -> np.ndarray:
        """The deficit (order 0) or slope (order 1) at ``d`` of shape ``(rows, m)``."""
        raise NotImplementedError

    def deficit(self, d: np.ndarray, rtol: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The fall from c = 1 to c = 1 - d, and 0 as its error."""
        found = self.at(np.broadcast_to(d, (self.q.size, np.shape(d)[-1])), 0)
        return found, np.zeros(found.shape)

    def slope(self, d: np.ndarray, rtol: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The slope in c at c = 1 - d, and 0 as its error."""
        found = self.at(np.broadcast_to(d, (self.q.size, np.shape(d)[-1])), 1)
        return found, np.zeros(found.shape)


class ArcSine(Law):
    """The error function, ``2/pi arcsin(s c)`` with ``s^2 = 4 q q' / ((1 + 2q)(1 + 2q'))``.

    Source: [williams1997].
    """

    def _sine(self) -> tuple[np.ndarray, np.ndarray]:
        whole = (1.0 + 2.0 * self.q) * (1.0 + 2.0 * self.other)
        return 2.0 * self.scale / np.sqrt(whole), (1.0 + 2.0 * (self.q + self.other)) / whole

    def at(self, d: np.ndarray, order: int) -> np.ndarray:
        """Differences of arcsines as one arctangent, in which nothing cancels."""
        s, rest = (x[:, None] for x in self._sine())
        ahead = np.sqrt(rest + s * s * d * (2.0 - d))
        if order:
            return 2.0 / np.pi * s / ahead
        now, c = np.sqrt(rest), 1.0 - d
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = s * np.where(c > 0.0, d * (2.0 - d) / (ahead + c * now), ahead - c * now)
        return 2.0 / np.pi * np.arctan2(apart, ahead * now + s * s * c)


class ArcCosine(Law):
    """A slope on either side of 0, as ReLU, ``|x|`` and the line: ``sin + (pi - theta) cos``.

    Source: [cho2009].
    """

    def _slopes(self) -> tuple[float, float]:
        up, down = (float(x) for x in self.phi.phi(np.array([1.0, -1.0])))
        return 0.25 * (up - down) ** 2, 0.25 * (up + down) ** 2  # squared, of x and of |x|

    def independent(self) -> np.ndarray:
        """Of the part ``|x|``."""
        return self.scale * self._slopes()[1] * 2.0 / np.pi

    def at(self, d: np.ndarray, order: int) -> np.ndarray:
        """Small angles by their series."""
        (odd, even), theta = self._slopes(), angle(d)
        if order:
            return self.scale[:, None] * (odd + even * (1.0 - 2.0 / np.pi * theta))
        x = np.minimum(theta, 0.3) ** 2
        near = theta**3 * (1 / 3 - x * (1 / 30 - x * (1 / 840 - x * (1 / 45360 - x / 3991680))))
        bow = np.where(theta < 0.3, near, np.sin(theta) - theta * np.cos(theta))
        return self.scale[:, None] * (odd * d + even * (d - 2.0 / np.pi * bow))


class Exponential(Law):
    """The sine, ``exp(-(q + q')/2) sinh(c sqrt(q q'))``.

    Source: the generating function of a normal.
    """

    def at(self, d: np.ndarray, order: int) -> np.ndarray:
        """No term larger than 1."""
        apart = np.sqrt(self.q) - np.sqrt(self.other)
        g, factor = self.scale[:, None], 0.5 * np.exp(-0.5 * apart**2)[:, None]
        if order:
            return factor * g * (np.exp(-g * d) + np.exp(-g * (2.0 - d)))
        far = np.exp(-2.0 * g)
        back = np.where(g * d < 1.0, far * np.expm1(np.minimum(g * d, 1.0)),
                        np.exp(-g * (2.0 - d)) - far)
        return factor * (back - np.expm1(-g * d))


LAWS = {get("erf"): ArcSine, get("sin"): Exponential}


def _exact(phi: Activation) -> "type[Law] | type[PriceKernel] | None":
    straight = PriceKernel if phi.piecewise_linear and phi.continuous else None
    return ArcCosine if phi.homogeneous else LAWS.get(phi, straight)


class MehlerKernel:
    """Smooth phi: Mehler's series ``E phi(u1) phi(u2) = sum_k a_k^2 c^k``, a variance a row.

    The series knows its own error. Parseval gives what is missing, ``E phi^2 - sum a_k^2`` and
    ``q E phi'^2 - sum k a_k^2``, and every missing power of c lies between c^(K+1) and its
    Jensen bound; orders are added only where that gap matters.

    Args:
        phi: smooth activation.
        q: variances, shape ``(rows,)``.

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
        """
        def stage(k, a2, tail, tail_slope, d):
            mean_order = np.where(tail > 0, tail_slope / np.maximum(tail, 1e-300), k[-1] + 1.0)
            lump = tail[:, None] * _one_minus_power(mean_order[:, None], d)
            least = tail[:, None] * _one_minus_power(np.full((1, 1), k[-1] + 1.0), d)
            value = _weighted_sum(_one_minus_power, k, a2, d) + np.where(d > 1.0, 0.0, lump)
            gap = np.where(d > 1.0, 2.0 * tail[:, None] - least, lump - least)
            return value, np.abs(gap), value
        return self._climb(stage, d, rtol)

    def slope(self, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """``q E phi' phi'`` at c = 1 - d and its error bound, to ``rtol`` of that at c = 1."""
        def stage(k, a2, tail, tail_slope, d):
            whole = (a2 @ k + tail_slope)[:, None]
            missing = tail_slope[:, None] * np.abs(1.0 - d) ** k[-1]
            value, gap = _weighted_sum(_power_slope, k, a2, d), missing
            return np.where(d == 0.0, whole, value), np.where(d == 0.0, 0.0, gap), whole
        return self._climb(stage, d, rtol)

    def _climb(self, stage: Callable, d: np.ndarray,
               rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate with 64 orders, and with more only in the rows whose bound asks for it."""
        d = np.asarray(d, dtype=float)
        shape = (self.q.size, d.shape[-1])
        value, bound = np.zeros(shape), np.full(shape, np.inf)
        rows = np.flatnonzero(~self.lost)
        for orders in STAGES:
            rows = rows[within_reach(self.q[rows], orders, self.finer)]
            if rows.size == 0 or value.size == 0:
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
              atol: float, missing: str = "raise") -> tuple[np.ndarray, np.ndarray]:
    """``E phi(u1) phi(u2)`` of smooth phi for two different variances, and its error bound.

    Args:
        q, other, c: variances of u1 and u2 and their correlations, each of shape ``(rows,)``.
        atol: bound asked for, relative to ``sqrt(E phi(u1)^2 E phi(u2)^2)``.
        missing: as for `pair_average`; such bounds are infinite.

    Returns:
        Values and bounds, each of shape ``(rows,)``.

    Accuracy: the bound, by Cauchy and Schwarz on the two tails.

    Source: [mehler1866].
    """
    power, other_power = (moment(phi, one, 0, missing=missing) for one in (q, other))
    (finer, lost), (other_finer, other_lost) = (
        resolution(phi, one, its, moment(phi, one, 1, missing=missing))
        for one, its in ((q, power), (other, other_power)))
    value, bound = np.zeros(q.shape), np.full(q.shape, np.inf)
    rows = np.flatnonzero(~(lost | other_lost))
    for orders in STAGES:
        rows = rows[within_reach(q[rows], orders, finer)
                    & within_reach(other[rows], orders, other_finer)]
        if rows.size == 0:
            break
        k, a = coefficients(phi, q[rows], orders, finer)
        b = coefficients(phi, other[rows], orders, other_finer)[1]
        terms = np.where(k == 0, 1.0, np.exp(_log_power(k, 1.0 - c[rows, None])))
        signs = np.where((c[rows, None] < 0) & (k % 2 == 1), -1.0, 1.0)
        value[rows] = np.sum(a * b * signs * terms, axis=1)
        tails = [np.maximum(p[rows] - np.sum(x * x, axis=1), 0.0) for p, x in
                 ((power, a), (other_power, b))]
        bound[rows] = np.sqrt(tails[0] * tails[1]) * np.abs(c[rows]) ** (k[-1] + 1)
        rows = rows[bound[rows] > atol * np.sqrt(power[rows] * other_power[rows])]
    return value, bound


def _weighted_sum(f: Callable, k: np.ndarray, a2: np.ndarray, d: np.ndarray) -> np.ndarray:
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


class PolarRule:
    """Nodes and weights for averages of g(u1, u2) over two normals, whatever their kinks.

    ``u1 = r sqrt(q) cos(psi)``, ``u2 = r sqrt(other) cos(psi - theta)`` with ``cos(theta) = c``,
    split where an argument changes sign or meets a kink. Both the angle and the radius cluster
    geometrically at their ends, so the rule does not care how large the variances are.

    Args:
        q, other, theta: variances and angles in [0, pi], each of shape ``(rows,)``.
        kinks: of g, in u1 and in u2.
        grid: angles a sector and radii a panel, both odd: every second node is a rule too.
        fold: 2 if g(u1, u2) = g(u2, u1) and q = other; 4 if also g(-u1, -u2) = g(u1, u2). The
            rule is then confined to a half or a quarter of the plane.

    ``u1``, ``u2`` and ``weight`` have shape ``(rows, angles, radii)``; ``weight`` sums to 1.

    Source: derived here.
    """

    def __init__(self, q: np.ndarray, other: np.ndarray, theta: np.ndarray,
                 kinks: tuple[float, ...], grid: tuple[int, int], fold: int = 1):
        s1, s2, theta = np.sqrt(q)[:, None], np.sqrt(other)[:, None], theta[:, None]
        at = np.array([k for k in kinks if k != 0.0])
        edges = _sector_edges(s1, s2, theta, at, fold)
        share, weight = unit_interval(grid[0])
        wide = np.diff(edges)
        real = np.any(wide > 1e-13, axis=0)  # kinks that mirror each other meet at one angle
        wide = wide[:, real, None]
        psi = (edges[:, :-1][:, real, None] + wide * share).reshape(len(q), -1)
        turn = (wide * weight).reshape(len(q), -1) * (fold / (2.0 * np.pi))
        along1, along2 = s1 * np.cos(psi), s2 * np.cos(psi - theta)
        with np.errstate(divide="ignore"):
            breaks = np.concatenate([at / along1[..., None], at / along2[..., None]], axis=-1)
        r, w = split_half_line(np.where(np.isfinite(breaks), breaks, 0.0), grid[1])
        self.u1, self.u2 = along1[..., None] * r, along2[..., None] * r
        self.weight = turn[..., None] * (w * r * np.exp(-0.5 * r * r))

    def average(self, values: np.ndarray) -> np.ndarray:
        """The averages of g, given its values at the nodes; shape ``(rows,)``."""
        return np.einsum("rij,rij->r", self.weight, values)


def _sector_edges(s1: np.ndarray, s2: np.ndarray, theta: np.ndarray, at: np.ndarray,
                  fold: int) -> np.ndarray:
    """Angles where u1 or u2 changes sign, or where both meet kinks at one radius, ascending."""
    right = 0.5 * np.pi
    meet = [np.arctan2(b * s1 - a * s2 * np.cos(theta), a * s2 * np.sin(theta))
            for a in at for b in at]  # a / (s1 cos psi) = b / (s2 cos(psi - theta))
    if fold == 1:
        turns = [right + (angle - right) % np.pi for angle in meet]
        edges = [right, right + theta, 3.0 * right, 3.0 * right + theta, 5.0 * right,
                 *turns, *(angle + np.pi for angle in turns)]
    else:  # from the bisector on
        turns = [(angle - 0.5 * theta) % np.pi for angle in meet]
        if fold == 4:
            edges = [0.0, right - 0.5 * theta, right,
                     *(np.minimum(angle, np.pi - angle) for angle in turns)]
        else:
            edges = [0.0, right - 0.5 * theta, right + 0.5 * theta, np.pi, *turns]
        edges = [angle + 0.5 * theta for angle in edges]
    return np.sort(np.concatenate([np.broadcast_to(angle, theta.shape) for angle in edges],
                                  axis=1), axis=1)


def polar_blocks(rows: int, kinks: tuple[float, ...], grid: tuple[int, int],
                 fold: int) -> list[slice]:
    """So few rows at a time that their nodes stay in the processor's cache."""
    off = sum(k != 0.0 for k in kinks)
    step = max(1, NODES // (grid[0] * (4 + 2 * off * off) // fold * grid[1] * (1 + 2 * off)))
    return [slice(start, start + step) for start in range(0, rows, step)]


def polar_average(g: Callable, q: np.ndarray, other: np.ndarray, theta: np.ndarray,
                  kinks: tuple[float, ...] = (), grid: tuple[int, int] = GRIDS[1],
                  fold: int = 1) -> np.ndarray:
    """``E g(u1, u2)``, a pair of normals a row, by the `PolarRule`; g takes two arrays.

    Accuracy: 1e-13 for functions of scale one with kinks at 0 only; with kinks elsewhere 1e-11
        for variances up to 10 and 1e-9 at 100. `PolarKernel` compares grids.
    """
    q, other, theta = np.broadcast_arrays(*map(np.atleast_1d, (q, other, theta)))
    out = np.empty(q.shape)
    for block in polar_blocks(q.size, kinks, grid, fold):
        rule = PolarRule(q[block], other[block], theta[block], kinks, grid, fold)
        out[block] = rule.average(g(rule.u1, rule.u2))
    return out


def refined(values: Callable, size: int, allowed: Callable,
            grids: tuple = GRIDS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers from finer and finer grids, each until two of them agree.

    Args:
        values: of some of the numbers on one grid, ``(indices, grid) -> (..., indices)``.
        size: how many numbers.
        allowed: by how much they may change, ``(fresh values, indices) -> (..., indices)``.

    Returns:
        The values and their last changes, ``(..., size)``; the indices of what never settled.
    """
    todo = np.arange(size)
    value = values(todo, grids[0])
    change = np.full(value.shape, np.inf)
    for grid in grids[1:]:
        fresh = values(todo, grid)
        change[..., todo], value[..., todo] = np.abs(fresh - value[..., todo]), fresh
        settled = change[..., todo] <= allowed(fresh, todo)
        todo = todo[~np.all(settled, axis=tuple(range(settled.ndim - 1)))]
        if todo.size == 0:
            break
    return value, change, todo


class PolarKernel:
    """Any phi whose kinks are declared: ``E phi(u1) phi(u2)`` and its c-derivative.

    Args:
        phi: the activation.
        q: variances, shape ``(rows,)``.

    Accuracy: every method returns a bound of its own error, the change between two grids.

    Source: derived here.
    """

    def __init__(self, phi: Activation, q: np.ndarray):
        self.phi, self.q, self.fold = phi, q, 4 if phi.parity else 2
        self.power, self.slope_power = moment(phi, q, 0), q * moment(phi, q, 1)

    def deficit(self, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """``E phi^2 - E phi phi`` at c = 1 - d and a bound of its error, as `MehlerKernel`.

        Half the mean square of ``phi(u1) - phi(u2)``, or for small deficits the integral of the
        slope over the angle.
        """
        return self._refine(self._deficits, d, rtol)

    def slope(self, d: np.ndarray, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """``q E phi' phi'`` at c = 1 - d and a bound of its error, as `MehlerKernel`."""
        return self._refine(lambda row, d, grid: self._slopes(row, angle(d), grid), d, rtol)

    def _refine(self, values: Callable, d: np.ndarray,
                rtol: float) -> tuple[np.ndarray, np.ndarray]:
        d = np.broadcast_to(d, (self.q.size, np.shape(d)[-1]))
        row, flat = np.indices(d.shape)[0].ravel(), d.ravel()
        value, bound, _ = refined(lambda some, grid: values(row[some], flat[some], grid), d.size,
                                  lambda fresh, some: rtol * np.abs(fresh))
        return value.reshape(d.shape), bound.reshape(d.shape)

    def _deficits(self, row: np.ndarray, d: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
        phi, theta, out = self.phi, angle(d), np.empty(d.shape)
        far = d > SMALL
        out[far] = polar_average(lambda u, v: 0.5 * np.square(phi.phi(u) - phi.phi(v)),
                                 self.q[row[far]], self.q[row[far]], theta[far], phi.kinks, grid,
                                 self.fold)
        node, weight = np.polynomial.legendre.leggauss(grid[0] // 8)
        half = 0.5 * theta[~far, None]
        t = half * (1.0 + node)
        slopes = self._slopes(np.repeat(row[~far], node.size), t.ravel(), grid).reshape(t.shape)
        out[~far] = (half * slopes * np.sin(t)) @ weight
        return out

    def _slopes(self, row: np.ndarray, theta: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
        phi, q = self.phi, self.q[row]
        slopes = q * polar_average(lambda u, v: phi.dphi(u) * phi.dphi(v), q, q, theta, phi.kinks,
                                   grid, self.fold)
        return np.where(theta == 0.0, self.slope_power[row], slopes)


def angle(d: np.ndarray) -> np.ndarray:
    """The angle between two normals whose correlation is 1 - d."""
    return 2.0 * np.arcsin(np.sqrt(np.clip(0.5 * d, 0.0, 1.0)))


class PriceKernel:
    """Continuous, piecewise-linear phi: Price's theorem at the kinks, a pair of variances a row.

    phi'' is a sum of deltas, so ``d^2/dc^2 E phi phi`` is a sum of normal densities at the kinks.
    Integrated twice from c = 1 in the angle ``cos(theta) = c``, what remains is one smooth
    integral over [0, theta], exact to rounding for every c and every variance.

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
        """``E phi phi`` at c = 1 less that at c = 1 - d, and its error bound, as `MehlerKernel`.

        Accuracy: the bound; 1e-14 relative is within reach up to q = 1e4.
        """
        bent, bound = self._integral(d, rtol, lambda t, d: d - 2.0 * np.sin(0.5 * t) ** 2)
        return self.slope_power[:, None] * d - bent, bound

    def slope(self, d: np.ndarray, rtol: float = 1e-13) -> tuple[np.ndarray, np.ndarray]:
        """``d/dc E phi phi`` at c = 1 - d and its error bound, as `MehlerKernel`."""
        bent, bound = self._integral(d, rtol, lambda t, d: 1.0)
        return self.slope_power[:, None] - bent, bound

    def _integral(self, d: np.ndarray, rtol: float,
                  weight: Callable) -> tuple[np.ndarray, np.ndarray]:
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
               weight: Callable) -> tuple[np.ndarray, np.ndarray]:
        share, w = unit_interval(nodes)
        theta = angle(d)
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
