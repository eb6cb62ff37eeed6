"""Mean-field theory of deep random networks: maps, fixed points, depth scales, phases, runs.

``h = W phi(h_previous) + b`` with W of variance sigma_w^2 / fan-in and b of variance sigma_b^2.
"""
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Callable

import numpy as np

from lib.activations import Activation, get
from lib.checks import Untrusted, choice, count, real
from lib.profile import Profile
from lib.theory import geometry
from lib.theory.correlated import pair_average
from lib.theory.gaussian import average, moment, moment_slope
from lib.theory.lengths import FixedPoints, fixed_points
from lib.theory.shell import CorrelationShell

Phi = str | Activation | Callable
MARGIN = 1e-9  # how close to 1 chi1 must be to be called critical
SETTLED = 4e-12  # relative; lengths that near to q* are at q*
NUMBERS = ("q_star", "chi1", "chi2", "c_star", "xi_q", "xi_c", "lyapunov")


class MeanField:
    """An infinitely wide random network, at one (sigma_w, sigma_b) or at many at once.

    Every property is computed when it is first asked for, and kept. Properties and maps have the
    shape of the sigmas, broadcast; its repr says in which phase the network is, with all numbers
    and what a reader must know before using them.

    Args:
        sigma_w, sigma_b: standard deviations of weights (times root fan-in) and biases; they
            broadcast.
        phi: name, formula, `Activation` or elementwise callable.
        missing: "raise" where lengths settle nowhere, or "nan" to mark such points.

    Raises:
        Untrusted: by whatever needs q*, where there is none and ``missing`` is "raise"; and by
            averages whose error cannot be bounded.

    Source: [poole2016]; depth scales [schoenholz2017].

    >>> print(MeanField(2.5, 0.3).phase, round(MeanField(1.3, 0.3).chi1, 6))
    chaotic 0.939807
    """

    def __init__(self, sigma_w: np.ndarray, sigma_b: np.ndarray, phi: Phi = "tanh", *,
                 missing: str = "raise"):
        self.phi = get(phi)
        self.missing = choice("missing", missing, ("raise", "nan"))
        sigmas = real("sigma_w", sigma_w, low=0.0), real("sigma_b", sigma_b, low=0.0)
        self.sigma_w, self.sigma_b = map(_kept, np.broadcast_arrays(*sigmas))

    # lengths

    @cached_property
    def _found(self) -> FixedPoints:
        return fixed_points(self.phi, self.sigma_w, self.sigma_b)

    @cached_property
    def q_star(self) -> np.ndarray:
        """The fixed point ``q* = V(q*)`` of the length map that attracts unit length.

        Where every length is a fixed point (ReLU at sigma_w = sqrt(2), sigma_b = 0) unit length
        stays, so 1.

        Accuracy: 1e-12 relative, or 1e-14 absolute below 1e-2.

        Source: [poole2016], Fig. 1.
        """
        found, lost = self._found, np.isnan(self._found.value)
        if lost.any() and self.missing == "raise":
            raise Untrusted(
                f"{self.phi.name}: lengths settle nowhere at {lost.sum()} of {lost.size} points, "
                f"first at sigma_w = {self.sigma_w[lost][0]:.4g}, sigma_b = "
                f"{self.sigma_b[lost][0]:.4g} ({found.kind[lost][0]}); missing='nan' marks them "
                "instead", found.value)
        return _kept(found.value)

    @property
    def repeller(self) -> np.ndarray:
        """The fixed point next above q*, good to 1e-5: longer inputs leave; infinite if none."""
        return _kept(self._found.repeller)

    @property
    def attractors(self) -> np.ndarray:
        """How many fixed points of the length map below 1e10 attract."""
        return _kept(self._found.attractors)

    def length_map(self, q: np.ndarray) -> np.ndarray:
        """``V(q) = sigma_w^2 E phi(sqrt(q) z)^2 + sigma_b^2``; q broadcasts against the sigmas.

        Accuracy: 1e-12 relative.

        Source: [poole2016], the length map.

        >>> float(MeanField(3.0, 1.0, "linear").length_map(2.0))
        19.0
        """
        q = real("q", q, low=0.0)
        return self.sigma_w**2 * moment(self.phi, q) + self.sigma_b**2

    def length_slope(self, q: np.ndarray) -> np.ndarray:
        """``V'(q) = sigma_w^2 E[phi'^2 + phi phi'']``, kinks allowed; q broadcasts.

        Accuracy: 1e-12 of ``sigma_w^2 E|phi phi' u|/q``.

        Source: [schoenholz2017].

        >>> float(MeanField(3.0, 1.0, "linear").length_slope(2.0)).__round__(12)
        9.0
        """
        return self.sigma_w**2 * moment_slope(self.phi, real("q", q, low=0.0))

    @cached_property
    def xi_q(self) -> np.ndarray:
        """Layers over which lengths forget, ``-1 / ln V'(q*)``: 0 where V' <= 0, inf if neutral.

        Source: [schoenholz2017].
        """
        unit = _where_finite(lambda q: moment_slope(self.phi, q), self.q_star)
        return _depth_scale(np.square(self.sigma_w) * unit)

    # stretch and bend of a layer

    @cached_property
    def chi1(self) -> np.ndarray:
        """Mean squared stretch, ``sigma_w^2 E phi'(sqrt(q*) z)^2 = C'(1)``; above 1 in chaos.

        Raises:
            ValueError: phi jumps, so that it is infinite.

        Accuracy: 1e-12 relative.

        Source: [poole2016], Fig. 2D.
        """
        return self._gain(1)

    @cached_property
    def chi2(self) -> np.ndarray:
        """Mean squared bend, ``sigma_w^2 E phi''(sqrt(q*) z)^2``; ``q* chi2 = C''(1)``.

        Raises:
            ValueError: phi has a kink, so that it is infinite.

        Accuracy: 1e-12 relative.

        Source: [poole2016].
        """
        return self._gain(2)

    def _gain(self, order: int) -> np.ndarray:
        """``sigma_w^2 E phi^(order)^2`` at q*, which for homogeneous phi does not depend on q."""
        q = np.ones(self.sigma_w.shape) if self.phi.homogeneous else self.q_star
        return _kept(self.sigma_w**2 * _where_finite(lambda v: moment(self.phi, v, order), q))

    @cached_property
    def lyapunov(self) -> np.ndarray:
        """Mean rate ``(1/2) ln chi1`` per layer at which near inputs part; infinite for jumps."""
        if not self.phi.continuous:
            return _kept(np.full(self.sigma_w.shape, np.inf))
        with np.errstate(divide="ignore"):
            return _kept(0.5 * np.log(self.chi1))

    @cached_property
    def phase(self) -> np.ndarray:
        """"ordered", "critical", "chaotic", or "none" where lengths do not settle."""
        q = self._lenient.q_star
        gain = self._lenient.chi1 if self.phi.continuous else np.inf
        return _kept(np.where(np.isnan(q), "none", np.where(
            np.abs(gain - 1.0) < MARGIN, "critical", np.where(gain > 1.0, "chaotic", "ordered"))))

    # curves and boundaries

    kappa2_star = cached_property(geometry.kappa2_star)
    length_gauss_star = cached_property(geometry.length_gauss_star)
    boundary_curvature = geometry.boundary_curvature

    # correlations

    @cached_property
    def _shell(self) -> CorrelationShell:
        return CorrelationShell(self.phi, self.sigma_w, np.asarray(self.q_star))

    def deficit_map(self, d: np.ndarray) -> np.ndarray:
        """The correlation map on the shell q = q* in d = 1 - c: ``D(d) = 1 - C(1 - d)``.

        d in [0, 2] broadcasts against the sigmas; work that does not depend on it is done once.
        Where q* = 0 the limit sigma_b -> 0 is meant, the straight line chi1 d.

        Accuracy: 1e-10 relative, down to d = 1e-30.

        Source: [poole2016], Fig. 2A.

        >>> d = MeanField(2.5, 0.3).deficit_map(1e-20)
        >>> bool(abs(d / 1e-20 / MeanField(2.5, 0.3).chi1 - 1) < 1e-10)
        True
        """
        return self._shell.deficit(real("d", d, low=0.0, high=2.0))

    def deficit_slope(self, d: np.ndarray) -> np.ndarray:
        """``D'(d) = C'(1 - d)``; d in [0, 2] broadcasts.

        Accuracy: 1e-10 of chi1.

        Source: [price1958].

        >>> round(float(MeanField(1.2, 0.3, "relu").deficit_slope(1.0)), 9)  # sigma_w^2 / 4
        0.36
        """
        return self._shell.slope(real("d", d, low=0.0, high=2.0))

    def correlation_map(self, c: np.ndarray) -> np.ndarray:
        """The correlation of two inputs after one layer on the shell q = q*, ``C(c)``.

        c in [-1, 1] broadcasts against the sigmas; near 1 use `deficit_map`.

        Accuracy: 1e-10 absolute.

        Source: [poole2016], Fig. 2A.

        >>> round(float(MeanField(2.5, 0.3).correlation_map(0.0)), 6)
        0.022064
        """
        return 1.0 - self._shell.deficit(1.0 - _correlations(c))

    def pair_map(self, q: np.ndarray, other: np.ndarray, c: np.ndarray) -> tuple:
        """One layer for two inputs of any lengths: the next ``(q, other, c)``; all broadcast.

        Raises:
            Untrusted: no bounded error, or a length that becomes 0, which has no correlation.

        Accuracy: 1e-12 relative for the lengths, 1e-10 absolute for c.

        Source: [poole2016], the correlation map off the shell.

        >>> [round(float(x), 9) for x in MeanField(2.0, 0.0, "linear").pair_map(1.0, 4.0, 0.5)]
        [4.0, 16.0, 0.5]
        """
        product = self.sigma_w**2 * pair_average(self.phi, q, other, _correlations(c)) \
            + self.sigma_b**2
        q, other = self.length_map(q), self.length_map(real("other", other, low=0.0))
        if not np.all(q * other > 0.0):
            raise Untrusted("activity is gone: an input of length 0 has no correlation", product)
        return q, other, np.clip(product / np.sqrt(q * other), -1.0, 1.0)

    @cached_property
    def deficit_star(self) -> np.ndarray:
        """``1 - c*``: 0 in the ordered phase and on the critical line, positive in chaos.

        Accuracy: 1e-10 relative away from the critical line; near it the rounding of chi1 - 1,
        which is 1e-12 / (chi1 - 1).

        Source: [poole2016], Fig. 2C.
        """
        return _kept(self._shell.deficit_star())

    @property
    def c_star(self) -> np.ndarray:
        """The correlation that any two inputs approach: 1 less `deficit_star`."""
        return 1.0 - self.deficit_star

    @cached_property
    def slope_at_c_star(self) -> np.ndarray:
        """``C'(c*)``, by which a difference of correlations shrinks each layer; chi1 if c* = 1.

        Accuracy: 1e-10.

        Source: [schoenholz2017].
        """
        return _kept(self._shell.slope(self.deficit_star))

    @property
    def xi_c(self) -> np.ndarray:
        """Layers over which correlations forget, ``-1 / ln C'(c*)``; infinite at criticality.

        Source: [schoenholz2017].
        """
        return _depth_scale(self.slope_at_c_star)

    # layer by layer

    def run(self, q: np.ndarray | None = None, c: np.ndarray | None = None, *, depth: int,
            width: int | None = None, deficit: np.ndarray | None = None,
            curve: str | None = None, points: int | None = None) -> Profile:
        """Lengths, or pairs of inputs, layer by layer; h^1 has exactly what is asked for.

        Args:
            q: squared lengths per unit at layer 1, q* if left out. Without c: a number,
                ``(point,)`` or ``(point, *sigma)``. With c, where both inputs of a pair are that
                long: a number or the shape of the sigmas.
            c: correlations of the pairs, a number or ``(point,)``.
            depth: how many layers, the first included.
            width: of networks whose spread is wanted: adds ``sd_q``, and ``sd_c`` with c.
            deficit: ``1 - c`` in place of c, for pairs too near to be told by c.
            curve: "circle" for a great circle of radius sqrt(width q), q one number or one a sigma;
                with ``points`` also the correlation at so many angles round it.

        Returns:
            A `Profile` with fields of shape ``(depth, point, *sigma)``: q; with c also c and
            deficit; for a curve those of `lib.theory.geometry.circle`.

        Raises:
            Untrusted: lengths grow beyond the floats, or vanish so that pairs lose their angle.

        Accuracy: lengths 1e-12 relative a layer, and the map contracts; deficits 1e-10 relative a
            layer however near c is to 1. Spreads are of first order in 1/width, see
            `lib.theory.finite_width`.

        Source: [poole2016], Figs. 1B and 2B; off the shell derived here.

        >>> MeanField(2.0, 0.0, "linear").run(1.0, depth=3).q.tolist()
        [[1.0], [4.0], [16.0]]
        """
        depth = count("depth", depth)
        if curve is not None:
            choice("curve", curve, ("circle",))
            return geometry.circle(self, q, depth, points=points)
        if c is None and deficit is None:
            x, fields = self._run_lengths(q, depth)
        else:
            x, fields = self._run_pairs(q, c, deficit, depth)
        if width is not None:
            self._add_spread(fields, count("width", width))
        return Profile("theory", np.arange(1, depth + 1), fields, x=x,
                       sigma={"sigma_w": self.sigma_w, "sigma_b": self.sigma_b})

    def _start(self, q: np.ndarray | None) -> np.ndarray:
        """Checked lengths; NaN may come where there is no q*."""
        if q is None:
            return np.asarray(self.q_star)
        known = np.asarray(q)
        return np.asarray(q, float) if self.missing == "nan" and known.dtype.kind == "f" \
            and np.isnan(known).any() else real("q", q, low=0.0)

    def _run_lengths(self, q: np.ndarray | None, depth: int) -> tuple[np.ndarray, dict]:
        shape = self.sigma_w.shape
        q = self._start(q) if q is not None else self._start(q)[None]
        if q.ndim < 2:
            x = np.atleast_1d(q)
            q = x.reshape(-1, *(1,) * len(shape)) if q.shape != (1, *shape) else q
        else:
            x = np.arange(len(q), dtype=float)
        start = np.broadcast_to(q, (len(q), *shape))
        return x, {"q": self.lengths(start, depth)}

    def lengths(self, start: np.ndarray, depth: int) -> np.ndarray:
        """Squared lengths from layer 1 on, ``(depth, ...)``; start ends in the sigmas' shape.

        Raises:
            Untrusted: lengths grow beyond the floats.

        Accuracy: 1e-12 relative a layer; a length that is carried on unchanged stays as it is.
        """
        start = np.asarray(start, dtype=float)
        w2, b2 = (np.broadcast_to(np.square(s), start.shape).ravel()
                  for s in (self.sigma_w, self.sigma_b))
        q = np.tile(start.ravel(), (depth, 1))
        moving = np.flatnonzero(np.isfinite(q[0]))
        for layer in range(depth - 1):
            here = q[layer, moving]
            with np.errstate(over="ignore"):
                ahead = w2[moving] * moment(self.phi, here) + b2[moving]
            if not np.isfinite(ahead).all():
                raise Untrusted(f"lengths grow without bound: they leave the floats at layer "
                                f"{layer + 2}", q[:layer + 1].reshape(-1, *start.shape))
            q[layer + 1:, moving] = ahead
            moving = moving[np.abs(ahead - here) > 4.0 * np.finfo(float).eps * here]
        return q.reshape(depth, *start.shape)

    def _run_pairs(self, q: np.ndarray | None, c: np.ndarray | None,
                   deficit: np.ndarray | None, depth: int) -> tuple[np.ndarray, dict]:
        if c is not None and deficit is not None:
            raise TypeError("deficit is 1 - c: give one of the two")
        d = 1.0 - _correlations(c) if deficit is None else real("deficit", deficit, 0.0, 2.0)
        if d.ndim > 1:
            raise TypeError(f"c must be a number or one-dimensional, got shape {d.shape}")
        shape = self.sigma_w.shape
        q, d = np.broadcast_to(self._start(q), shape), np.atleast_1d(d)
        x = 1.0 - d if deficit is None else d
        lengths, gaps = self.lengths(q, depth), np.empty((depth, d.size, *shape))
        gaps[0] = d.reshape(-1, *(1,) * len(shape))
        for layer in range(depth - 1):
            gaps[layer + 1] = self._next_deficit(gaps[layer], lengths[layer], lengths[layer + 1])
        lengths = np.broadcast_to(lengths[:, None], gaps.shape)
        return x, {"c": 1.0 - gaps, "deficit": gaps, "q": lengths}

    def _next_deficit(self, d: np.ndarray, q: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """One layer of ``1 - c`` for pairs of length q, by the shell's kernel where q is q*."""
        star = np.asarray(self._lenient.q_star)
        moving = np.isfinite(q) & ~(np.abs(q - star) <= SETTLED * star)
        out = np.empty(d.shape) if moving.all() else np.array(self._lenient._shell.deficit(d))
        if moving.any():
            if np.any(ahead[moving] == 0.0):
                raise Untrusted("activity is gone: an input of length 0 has no correlation", d)
            shell = CorrelationShell(self.phi, self.sigma_w[moving], q[moving], ahead[moving])
            out[:, moving] = shell.deficit(d[:, moving])
        out[:, np.isnan(q)] = np.nan
        return np.minimum(out, 2.0)  # opposite, to rounding

    def _add_spread(self, fields: dict, width: int) -> None:
        from lib.theory import finite_width
        fields["sd_q"] = finite_width.sd_q(self.phi, fields["q"], self.sigma_w, width)
        if "deficit" in fields:
            fields["sd_c"] = finite_width.sd_c(self.phi, fields["q"], fields["deficit"],
                                               self.sigma_w, width)

    # the edge of chaos

    def critical_line(self, sigma_b: np.ndarray | None = None) -> np.ndarray:
        """``sigma_w`` at which chi1 = 1, the edge of chaos, for given ``sigma_b``.

        On it ``sigma_w^2 = 1 / E phi'^2`` and ``q = sigma_w^2 E phi^2 + sigma_b^2`` at one q, so
        that ``sigma_b^2 = q - E phi^2 / E phi'^2`` is solved for q. Only a q that attracts
        lengths, V'(q) <= 1, counts; of several the smallest. GELU and swish have none for small
        biases: they lose their fixed point before chi1 reaches 1.

        Args:
            sigma_b: any shape; its own if left out.

        Raises:
            Untrusted: no sigma_w is critical for some sigma_b, and ``missing`` is "raise".

        Accuracy: 1e-12 relative for sigma_b above 1e-6.

        Source: [poole2016], Fig. 2D; the parametrisation is derived here.

        >>> round(float(MeanField(1.0, 0.3).critical_line()), 9)
        1.395583975
        """
        sigma_b = self.sigma_b if sigma_b is None else real("sigma_b", sigma_b, low=0.0)
        line = critical_weights(self.phi, sigma_b)
        lost = np.isnan(line)
        if lost.any() and self.missing == "raise":
            raise Untrusted(f"{self.phi.name}: no sigma_w has chi1 = 1 and settled lengths at "
                            f"sigma_b = {sigma_b[lost][0]:.4g}; missing='nan' marks such points")
        return line

    # the record

    @cached_property
    def _lenient(self) -> "MeanField":
        """The same, with NaN where there is no fixed point; what is known goes along."""
        if self.missing == "nan":
            return self
        twin = copy(self)
        twin.missing = "nan"
        return twin

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before using the numbers; for many points with their number."""
        found, told = self._found, []

        def warn(where: np.ndarray, text: str) -> None:
            if np.any(where):
                told.append(text if where.ndim == 0 else
                            f"at {where.sum()} of {where.size} points: {text}")

        warn(found.kind == "neutral", "every length is a fixed point; q* = 1 is the start")
        warn(found.kind == "diverges", "from unit length on, lengths grow without bound")
        warn(found.kind == "out of reach",
             "q* is infinite or too large to average phi there")
        above = np.min(found.repeller, initial=np.inf)
        warn(np.isfinite(found.repeller), f"two fixed points: lengths above q = {above:.4g} "
             "diverge, lengths below approach q*")
        warn(found.value == 0.0, "activity dies out: q* = 0, and c* is the limit sigma_b -> 0")
        if not self.phi.differentiable:
            told.append("phi has a kink: chi2 and with it all curvature is infinite")
        return tuple(told)

    def __repr__(self) -> str:
        if self.sigma_w.ndim:
            return self._repr_of_many()
        lines, told = [], []
        for name in ("phase", *NUMBERS, "warnings"):
            try:
                value = getattr(self._lenient, name)
            except ValueError:
                value = np.inf  # a kink or a jump
            except ArithmeticError as problem:
                value = np.nan
                told.append(f"{name} is not known: {problem}")
            lines.append(value)
        phase, *numbers, warnings = lines
        head = (f"{self.phi.name} at sigma_w = {self.sigma_w:g}, sigma_b = {self.sigma_b:g}: "
                f"{phase if isinstance(phase, str) else 'not known'}")
        told = [*(warnings if isinstance(warnings, tuple) else ()), *told]
        return "\n  ".join([head, *(f"{name:9} {value:.6g}" for name, value in
                                    zip(NUMBERS, numbers)), *(f"warning: {w}" for w in told)])

    def _repr_of_many(self) -> str:
        """Shape and ranges; nothing is computed for it."""
        known = [name for name in NUMBERS if name in self.__dict__]
        ranges = [f"{name:9} {np.nanmin(value):.6g} to {np.nanmax(value):.6g}"
                  for name in ("sigma_w", "sigma_b", *known)
                  if np.isfinite(value := np.asarray(getattr(self, name))).any()]
        return "\n  ".join([f"{self.phi.name} at {' x '.join(map(str, self.sigma_w.shape))} "
                            "points", *ranges])


def _kept(array: np.ndarray) -> np.ndarray:
    """A copy that nobody can write to; a scalar in place of an array without axes."""
    array = np.array(array)
    array.flags.writeable = False
    return array[()]


def _correlations(c: np.ndarray) -> np.ndarray:
    """Checked correlations; what rounding put beyond 1 is 1."""
    c = np.asarray(c) if np.asarray(c).dtype.kind not in "f" else np.where(
        np.abs(np.abs(c) - 1.0) < 1e-14, np.sign(c), c)
    return real("c", c, low=-1.0, high=1.0)


def _where_finite(f: Callable, q: np.ndarray) -> np.ndarray:
    q = np.asarray(q)
    out = np.full(q.shape, np.nan)
    good = np.isfinite(q)
    out[good] = f(q[good])
    return out


def _depth_scale(slope: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = -1.0 / np.log(np.maximum(slope, 0.0))
    return _kept(np.where(slope >= 1.0 - 4e-16, np.inf, scale))


def critical_weights(phi: Activation, sigma_b: np.ndarray) -> np.ndarray:
    """``sigma_w`` on the edge of chaos, NaN where there is none: see `MeanField.critical_line`."""
    from scipy.optimize import elementwise  # costs as much to import as NumPy; used here only

    def squared_bias(log_q, target=0.0):
        q = np.exp(log_q)
        return q - moment(phi, q) / moment(phi, q, 1) - target

    if phi.homogeneous:
        return np.full(sigma_b.shape, moment(phi, np.ones(1), 1)[0] ** -0.5)
    scan = np.linspace(np.log(1e-10), np.log(_reach(phi)), 240)
    above = squared_bias(scan) >= np.square(sigma_b)[..., None]
    settles = moment_slope(phi, np.exp(scan)) <= moment(phi, np.exp(scan), 1) * (1 + 1e-9)
    crossing = (above[..., 1:] != above[..., :-1]) & (settles[1:] | settles[:-1])
    at_rest = (sigma_b == 0.0) & (moment(phi, np.zeros(1))[0] == 0.0)  # starts at q = 0
    lost = ~crossing.any(axis=-1) & ~at_rest
    cell = np.argmax(crossing, axis=-1)
    solvable = ~(lost | at_rest)
    q = np.where(lost, np.nan, 0.0)
    q[solvable] = np.exp(elementwise.find_root(
        squared_bias, (scan[cell[solvable]], scan[cell[solvable] + 1]),
        args=(np.square(sigma_b[solvable]),), tolerances={"xatol": 1e-14}).x)
    return _where_finite(lambda v: moment(phi, v, 1), q) ** -0.5


def _reach(phi: Activation) -> float:
    """A variance up to which the averages of phi are cheap, for a scan."""
    for top in (1e8, 1e4, 1e2, 30.0, 10.0):
        try:
            moment(phi, np.array([top])), moment_slope(phi, np.array([top]))
            return top
        except Untrusted:
            continue
    return 3.0


@dataclass(frozen=True, repr=False)
class Gains:
    """Factors of the weights that make something 1 in the layer after: see `gains`."""

    phi: Activation
    second_moment: float
    variance: float
    edge_at_unit_q: float

    def edge(self, sigma_b: float = 0.0) -> float:
        """``sigma_w`` where chi1 = 1 at the fixed point, or NaN if there is none."""
        return float(critical_weights(self.phi, real("sigma_b", sigma_b, low=0.0)))

    def __repr__(self) -> str:
        told = {"second_moment": "g^2 E phi(z)^2 = 1", "variance": "g^2 Var phi(z) = 1",
                "edge_at_unit_q": "g^2 E phi'(z)^2 = 1"}
        return "\n  ".join([f"gains of {self.phi.name}", *(
            f"{name:15} {getattr(self, name):.9g}   {text}" for name, text in told.items())])


def gains(phi: Phi) -> Gains:
    """By how much to scale the weights of a layer, in three senses; z is standard normal.

    Returns:
        `Gains` with ``second_moment`` (``g^2 E phi(z)^2 = 1``), ``variance`` (``g^2 Var phi(z)
        = 1``), ``edge_at_unit_q`` (``g^2 E phi'(z)^2 = 1``; NaN if phi jumps) and ``edge``.

    Accuracy: 1e-12 relative.

    Source: definitions; [poole2016] (edge).

    >>> round(gains("tanh").second_moment, 6), round(gains("relu").second_moment ** 2, 12)
    (1.592537, 2.0)
    """
    phi, one = get(phi), np.ones(1)
    power = float(moment(phi, one)[0])
    mean = 0.0 if phi.parity == "odd" else float(average(phi.phi, one, phi.kinks)[0])
    slope = float(moment(phi, one, 1)[0]) if phi.continuous else np.nan
    with np.errstate(divide="ignore"):
        return Gains(phi, *(float(np.float64(x) ** -0.5) for x in
                            (power, max(power - mean**2, 0.0), slope)))


# until geometry, stretch and kac_rice say MeanField themselves

NoFixedPoint = Untrusted


def q_star(w, b, *, phi="tanh", missing="raise"):
    return MeanField(w, b, phi, missing=missing).q_star


def chi1(w, b, *, phi="tanh", missing="raise"):
    return MeanField(w, b, phi, missing=missing).chi1


def chi2(w, b, *, phi="tanh", missing="raise"):
    return MeanField(w, b, phi, missing=missing).chi2


def deficit_orbit(d, w, b, layers, *, phi="tanh"):
    return MeanField(w, b, phi).run(deficit=d, depth=layers).deficit


def length_orbit(q, w, b, layers, *, phi="tanh"):
    theory = MeanField(w, b, phi)
    shape = np.broadcast_shapes(np.shape(q), theory.sigma_w.shape)
    return theory.lengths(np.broadcast_to(real("q", q, low=0.0), shape), count("layers", layers))


def critical_line(b, *, phi="tanh", missing="raise"):
    return MeanField(1.0, b, phi, missing=missing).critical_line()
