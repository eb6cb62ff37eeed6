"""Mean-field theory of deep random networks: maps, fixed points, depth scales, phases, runs.

``h = W phi(h_previous) + b`` with W of variance sigma_w^2 / fan-in and b of variance sigma_b^2.
"""
from copy import copy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Callable, NamedTuple

import numpy as np

from lib.activations import Activation, get
from lib.checks import Untrusted, choice, count, number, one_a_sigma, real, sigmas
from lib.profile import Profile
from lib.theory import geometry
from lib.theory.correlated import Kernel, pair_average
from lib.theory.gaussian import average, moment, moment_slope

Phi = str | Activation | Callable
START = 1.0  # which basin: an input of unit variance
CRITICAL = 1e-12  # chi1 - 1 is not known better than this
MARGIN = 1e-9  # how close to 1 chi1 must be to be called critical
LEVEL = 2e-14  # relative; a length that changes by less stays, as averages are known no better
SETTLED = 4e-12  # relative; lengths that near to q* are at q*
BLOCK = 4_000  # points at a time, so that memory does not grow with a grid
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
        w, b = map(_kept, sigmas(sigma_w, sigma_b))
        vars(self).update(phi=get(phi), sigma_w=w, sigma_b=b,
                          missing=choice("missing", missing, ("raise", "nan")))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name} cannot be changed, as what was computed is kept: make "
                             "another MeanField")

    # lengths

    @cached_property
    def _found(self) -> "_FixedPoints":
        w, b, size = self.sigma_w.ravel(), self.sigma_b.ravel(), self.sigma_w.size
        parts = [_fixed_points(self.phi, w[at:at + BLOCK], b[at:at + BLOCK])
                 for at in range(0, max(size, 1), BLOCK)]
        return _FixedPoints(*(np.concatenate(field).reshape(self.sigma_w.shape)
                              for field in zip(*parts)))

    @cached_property
    def q_star(self) -> np.ndarray:
        """The fixed point ``q* = V(q*)`` of the length map that attracts unit length.

        Where every length is a fixed point (ReLU at sigma_w = sqrt(2), sigma_b = 0) unit length
        stays, so 1.

        Accuracy: 1e-12 relative, or 1e-14 absolute below 1e-2.

        Source: [poole2016], Fig. 1.
        """
        found = self._found
        lost = np.isnan(found.value)
        self._refuse(lost, f"lengths settle nowhere ({', '.join(set(found.kind[lost]))})",
                     found.value)
        return _kept(found.value)

    def _refuse(self, lost: np.ndarray, why: str, best: np.ndarray) -> None:
        """Raise for numbers that are missing, unless they are to be marked."""
        if lost.any() and self.missing == "raise":
            w, b = (np.broadcast_to(sigma, lost.shape)[lost][0] for sigma in
                    (self.sigma_w, self.sigma_b))
            raise Untrusted(f"{self.phi.name}: {why} at {lost.sum()} of {lost.size} points, first "
                            f"at sigma_w = {w:.6g}, sigma_b = {b:.6g}; missing='nan' marks such "
                            "points", best)

    @property
    def repeller(self) -> np.ndarray:
        """The fixed point next above q*, beyond which lengths leave; infinite if none."""
        return _kept(self._found.repeller)

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
        """Layers over which lengths forget, ``-1 / ln |V'(q*)|``; infinite if neutral.

        0 where a single layer does: ``|V'| <= 1e-12``, which is as well as it is known.

        Source: [schoenholz2017].
        """
        unit = _where_finite(lambda q: moment_slope(self.phi, q, missing=self.missing),
                             self.q_star)
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
        return _kept(self.sigma_w**2 * _where_finite(
            lambda q: moment(self.phi, q, order, missing=self.missing), q))

    @cached_property
    def lyapunov(self) -> np.ndarray:
        """Mean rate ``(1/2) ln chi1`` per layer at which near inputs part; infinite for jumps."""
        if not self.phi.continuous:
            return _kept(np.full(self.sigma_w.shape, np.inf))
        with np.errstate(divide="ignore"):
            return _kept(0.5 * np.log(self.chi1))

    @cached_property
    def phase(self) -> np.ndarray:
        """"ordered", "critical", "chaotic"; "none" where lengths do not settle, and "not known"
        where chi1 is not, as for an infinite slope."""
        q = self._lenient.q_star
        gain = self._lenient.chi1 if self.phi.continuous else np.inf
        names = np.where(np.isnan(gain), "not known", np.where(gain > 1.0, "chaotic", "ordered"))
        return _kept(np.where(np.isnan(q), "none", np.where(
            np.abs(gain - 1.0) < MARGIN, "critical", names)))

    # curves and boundaries

    kappa2_star = cached_property(geometry.kappa2_star)
    length_gauss_star = cached_property(geometry.length_gauss_star)
    boundary_curvature = geometry.boundary_curvature
    dimension = geometry.dimension

    # correlations

    @cached_property
    def _shell(self) -> "_Shell":
        return _Shell(self.phi, self.sigma_w, np.asarray(self.q_star), missing=self.missing)

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
        product = self.sigma_w**2 * pair_average(
            self.phi, q, other, _correlations(c), missing=self.missing) + self.sigma_b**2
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

    @cached_property
    def c_star(self) -> np.ndarray:
        """The correlation that any two inputs approach: 1 less `deficit_star`."""
        return _kept(1.0 - self.deficit_star)

    @cached_property
    def slope_at_c_star(self) -> np.ndarray:
        """``C'(c*)``, by which a difference of correlations shrinks each layer; chi1 if c* = 1.

        Accuracy: 1e-10.

        Source: [schoenholz2017].
        """
        return _kept(self._shell.slope(self.deficit_star))

    @cached_property
    def xi_c(self) -> np.ndarray:
        """Layers over which correlations forget, ``-1 / ln |C'(c*)|``; infinite at criticality.

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
            curve: "circle" for a great circle of radius sqrt(width q), q one number or one a
                sigma; with ``points`` also the correlation at so many angles round it.

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
        given = [name for name, one in (("c", c), ("deficit", deficit), ("curve", curve))
                 if one is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} must not be given together")
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

    def _run_lengths(self, q: np.ndarray | None, depth: int) -> tuple[np.ndarray | None, dict]:
        shape = self.sigma_w.shape
        start = np.asarray(self.q_star)[None] if q is None else \
            np.atleast_1d(real("q", q, low=0.0))
        if start.ndim not in (1, 1 + len(shape)) or not start.size:
            raise ValueError("q must be a number, of shape (points,) or (points, *sigma), got "
                             f"{start.shape}")
        x = start if start.ndim == 1 else None
        if start.ndim == 1:
            start = start.reshape(-1, *(1,) * len(shape))
        return x, {"q": self.lengths(np.broadcast_to(start, (len(start), *shape)), depth)}

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
                ahead = w2[moving] * moment(self.phi, here, missing=self.missing) + b2[moving]
            q[layer + 1:, moving] = ahead = np.where(np.isinf(ahead), np.nan, ahead)
            self._refuse(np.isnan(q[layer + 1]).reshape(start.shape),
                         f"lengths grow without bound and leave the floats at layer {layer + 2}",
                         q[:layer + 1].reshape(-1, *start.shape))
            moving = moving[np.abs(ahead - here) > 4.0 * np.finfo(float).eps * here]
            if moving.size == 0:
                break
        return q.reshape(depth, *start.shape)

    def _run_pairs(self, q: np.ndarray | None, c: np.ndarray | None,
                   deficit: np.ndarray | None, depth: int) -> tuple[np.ndarray, dict]:
        x = np.atleast_1d(_correlations(c) if deficit is None else
                          real("deficit", deficit, 0.0, 2.0))
        if x.ndim > 1 or not x.size:
            raise ValueError(f"{'c' if deficit is None else 'deficit'} must be a number or of "
                             f"shape (pairs,), got {x.shape}")
        shape = self.sigma_w.shape
        lengths = self.lengths(self.q_star if q is None else one_a_sigma("q", q, shape), depth)
        gaps = np.empty((depth, x.size, *shape))
        gaps[0] = (1.0 - x if deficit is None else x).reshape(-1, *(1,) * len(shape))
        for layer in range(depth - 1):
            gaps[layer + 1] = self._next_deficit(gaps[layer], *lengths[layer:layer + 2])
        lengths = np.broadcast_to(lengths[:, None], gaps.shape)
        return x, {"c": 1.0 - gaps, "deficit": gaps, "q": lengths}

    def _next_deficit(self, d: np.ndarray, q: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """One layer of ``1 - c`` for pairs of length q, by the shell's kernel where q is q*."""
        star = np.asarray(self._lenient.q_star)
        moving = np.isfinite(q) & ~(np.abs(q - star) <= SETTLED * star)
        out = np.empty(d.shape) if moving.all() else np.array(self._lenient._shell.deficit(d))
        if moving.any():
            ahead = np.where(ahead == 0.0, np.nan, ahead)  # without a length there is no angle
            out[:, moving] = _Shell(self.phi, self.sigma_w[moving], q[moving], ahead[moving],
                                    self.missing).deficit(d[:, moving])
            self._refuse(moving & np.isnan(ahead), "activity is gone, and with it the correlation",
                         out)
        out[:, np.isnan(q)] = np.nan
        return np.minimum(out, 2.0)  # opposite, to rounding

    def _add_spread(self, fields: dict, width: int) -> None:
        from lib.theory import finite_width
        law = self.sigma_w, width
        try:
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                fields["sd_q"] = finite_width.sd_q(self.phi, fields["q"], *law)
                if "deficit" in fields:
                    fields["sd_c"] = finite_width.sd_c(self.phi, fields["q"], fields["deficit"],
                                                       *law) + 0.0 * fields["sd_q"]
        except Untrusted:  # then there is no band
            if self.missing == "raise":
                raise
            for name in "qc":
                if name in fields:
                    fields.setdefault(f"sd_{name}", np.full(fields[name].shape, np.nan))

    # the edge of chaos

    def critical_line(self, sigma_b: np.ndarray | None = None) -> np.ndarray:
        """``sigma_w`` at which chi1 = 1, the edge of chaos, for given ``sigma_b``.

        On it ``sigma_w^2 = 1 / E phi'^2`` and ``q = sigma_w^2 E phi^2 + sigma_b^2`` at one q, so
        that ``sigma_b^2 = q - E phi^2 / E phi'^2`` is solved for q. Only a q that attracts
        unit length, q*, counts; of several the smallest. GELU and swish have none for small
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
        if self.missing == "raise" and np.isnan(line).any():
            raise Untrusted(f"{self.phi.name}: no sigma_w has chi1 = 1 and settled lengths at "
                            f"sigma_b = {sigma_b[np.isnan(line)][0]:.4g}; missing='nan' marks "
                            "such points", line)
        return line

    # the record

    @cached_property
    def _lenient(self) -> "MeanField":
        """The same, with NaN where there is no fixed point; what is known goes along."""
        if self.missing == "nan":
            return self
        twin = copy(self)
        vars(twin)["missing"] = "nan"
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
        warn(found.kind == "diverges", "from unit length on, lengths grow without bound, "
             "or beyond 1e10")
        warn(found.kind == "out of reach",
             "q* is infinite or too large to average phi there")
        above = np.min(found.repeller, initial=np.inf)
        warn(np.isfinite(found.repeller), f"two fixed points: lengths above q = {above:.4g} "
             "diverge, lengths below approach q*")
        warn(found.value == 0.0, "activity dies out: q* = 0, and c* is the limit sigma_b -> 0")
        if not self.phi.continuous:
            told.append("phi jumps: chi1 is infinite, and correlations are not averaged")
        elif not self.phi.differentiable:
            told.append("phi has a kink: chi2 and with it all curvature is infinite")
        return tuple(told)

    def __repr__(self) -> str:
        if self.sigma_w.ndim:
            return self._repr_of_many()
        lines, told = [], []
        for name in NUMBERS:
            try:
                value = getattr(self._lenient, name)
            except ValueError:  # a kink or a jump
                value = np.inf if name.startswith("chi") else np.nan
            except ArithmeticError as problem:
                value = np.nan
                told.append(f"warning: {name} is not known: {problem}")
            lines.append(f"{name:9} {'none' if np.isnan(value) else format(value, '.6g')}")
        head = f"{self.phi.name} at sigma_w = {self.sigma_w:g}, sigma_b = {self.sigma_b:g}"
        if "q_star" in self._lenient.__dict__:
            head = f"{head}: {self._lenient.phase}"
            told = [*(f"warning: {one}" for one in self._lenient.warnings), *told]
        if self.phi.searched:
            told.append(f"estimated: {self.phi.searched}; kinks=(...) certifies")
        return "\n  ".join([f"{head}, {self.phi.grade}", *lines, *told])

    def _repr_of_many(self) -> str:
        """Shape and ranges; nothing is computed for it."""
        known = [name for name in NUMBERS if name in self.__dict__]
        ranges = [f"{name:9} {np.nanmin(value):.6g} to {np.nanmax(value):.6g}"
                  for name in ("sigma_w", "sigma_b", *known)
                  if np.isfinite(value := np.asarray(getattr(self, name))).any()]
        told = [f"warning: {one}" for one in self.warnings] if "_found" in vars(self) else []
        return "\n  ".join([f"{self.phi.name} at {' x '.join(map(str, self.sigma_w.shape))} "
                            f"points, {self.phi.grade}", *ranges, *told])


def _kept(array: np.ndarray) -> np.ndarray:
    """A copy that nobody can write to; a scalar in place of an array without axes."""
    array = np.array(array)
    array.flags.writeable = False
    return array[()]


def _correlations(c: np.ndarray) -> np.ndarray:
    """Checked correlations; what rounding put beyond 1 is 1."""
    c = real("c", c)
    return real("c", np.where(np.abs(np.abs(c) - 1.0) < 1e-14, np.sign(c), c), -1.0, 1.0)


def _where_finite(f: Callable, q: np.ndarray) -> np.ndarray:
    q = np.asarray(q)
    out = np.full(q.shape, np.nan)
    good = np.isfinite(q)
    out[good] = f(q[good])
    return out


def _depth_scale(slope: np.ndarray) -> np.ndarray:
    """Infinite where a deviation stays, 0 where one layer takes it to what rounding leaves."""
    size = np.abs(slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = -1.0 / np.log(np.where(size <= CRITICAL, 0.0, size))
    return _kept(np.where(size >= 1.0 - 4e-16, np.inf, scale))


# the correlation map

class _Shell:
    """``D(d) = 1 - C(1 - d)`` for pairs of length q, at every (sigma_w, sigma_b) of a grid.

    Args:
        phi: the activation.
        sigma_w: standard deviations of the weights.
        q: lengths, same shape; NaN gives NaN. Where q is 0 the limit sigma_b -> 0 is meant.
        ahead: lengths a layer later, where these are not q.
    """

    def __init__(self, phi: Activation, sigma_w: np.ndarray, q: np.ndarray,
                 ahead: np.ndarray | None = None, missing: str = "raise"):
        self.phi, self.sigma_w, self.q, self.missing = phi, sigma_w, q, missing
        self.alive = np.isfinite(q) & (q > 1e-16)
        self.ratio = sigma_w**2 / np.where(self.alive, q if ahead is None else ahead, 1.0)
        self.kernel = Kernel(phi, np.where(self.alive, q, 1.0), missing=missing)
        self.chi1, self.tangent = self.ratio * self.kernel.slope_at_one, None
        if not self.alive.all():
            at_rest = moment(phi, np.zeros(1), 1, missing="nan")[0]
            self.chi1 = np.where(self.alive, self.chi1,
                                 np.where(np.isnan(q), np.nan, sigma_w**2 * at_rest))
            self.tangent = self._tangent()

    def _tangent(self) -> Kernel:
        """Of what phi looks like at 0, a line or a ReLU with a leak, in units of E phi'^2."""
        slopes = self.phi.dphi(np.array([1e-150, -1e-150]))
        steep, leak = slopes[np.argsort(-np.abs(slopes))]
        near = get("abs(x)") if leak == -steep else \
            get("leaky_relu", slope=leak / steep if steep else 1.0)
        return Kernel(near, np.ones(self.q.shape), missing=self.missing)

    def deficit(self, d: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """``1 - C(1 - d)``, broadcast shape; NaN where q* or d is."""
        return self._of("deficit", d, rtol)

    def slope(self, d: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """``C'(1 - d)``, broadcast shape; NaN where q* or d is."""
        return self._of("slope", d, rtol)

    def _of(self, what: str, d: np.ndarray, rtol: float) -> np.ndarray:
        """Of the kernel, or where activity is at rest of what is left there of phi."""
        lost, d = np.isnan(d), np.nan_to_num(d)
        value = self.ratio * getattr(self.kernel, what)(d, rtol)
        if self.tangent is not None:
            at_rest = getattr(self.tangent, what)(d, rtol) / self.tangent.slope_at_one
            value = np.where(self.alive, value, self.chi1 * at_rest)
        return np.where(lost, np.nan, value)

    def deficit_star(self) -> np.ndarray:
        """The stable fixed point of D: 0 if chi1 <= 1, else the one root of D(d) = d.

        C has non-negative Taylor coefficients, so ``D(d)/d`` falls from chi1 at d = 0 to
        ``1 - C(0) <= 1`` at d = 1: one root, found by Newton's method on whichever of
        two forms cannot overshoot.
        """
        out = np.where(np.isnan(self.chi1), np.nan, 0.0).ravel()
        rows = np.flatnonzero((self.chi1 > 1.0 + CRITICAL) & self.alive)
        for at in range(0, rows.size, BLOCK):
            some = rows[at:at + BLOCK]
            out[some] = _Shell(self.phi, self.sigma_w.ravel()[some], self.q.ravel()[some],
                               missing=self.missing)._root()
        return out.reshape(self.q.shape)

    def _root(self) -> np.ndarray:
        low, d = np.zeros(self.q.shape), np.ones(self.q.shape)
        settled = np.maximum(1e-12, CRITICAL / (self.chi1 - 1.0))
        for _ in range(80):
            ahead, slope = self.deficit(d, 1e-11), self.slope(d, 1e-9)
            right = ~(ahead >= d * (1.0 - 2e-14))  # or not known, which it then stays
            low = np.where(right, low, np.maximum(low, d))
            with np.errstate(divide="ignore", invalid="ignore"):
                fast = d - (ahead - d) / (slope - ahead / d)  # Newton on D(d)/d = 1, convex
                safe = d - (ahead - d) / (slope - 1.0)  # Newton on D(d) = d, concave: from the
            target = np.where(right & ~(fast > low), safe, fast)  # right it never overshoots
            target = np.where(~right & (d == 1.0), 1.0, np.minimum(target, 1.0))
            step, d = np.abs(target - d) / d, target
            if not np.any(step > settled):
                return d
        raise Untrusted(f"c* did not settle: the last step was {step.max():.0e} of 1 - c*", d)


# the fixed points of the length map

class _FixedPoints(NamedTuple):
    """Where the length map sends unit length, each array of the shape of the sigmas.

    ``value`` is q*, NaN where there is none; ``kind`` is "stable", "neutral" (every length stays
    as it is), "diverges" (q* beyond 1e10) or "out of reach" (beyond the lengths at which E phi^2
    can be averaged); ``repeller`` is the unstable fixed point next above q*.
    """

    value: np.ndarray
    kind: np.ndarray
    repeller: np.ndarray


class _LengthTable:
    """``E phi^2`` and its slope on a logarithmic grid of variances, to bracket fixed points.

    It is a function of q alone, so one table serves every (sigma_w, sigma_b). It reaches from
    unit length down and up as far as averages can be trusted.
    """

    def __init__(self, phi: Activation):
        nodes = np.geomspace(1e-16, 1e10, 261)
        start = int(np.searchsorted(nodes, START))
        moment(phi, nodes[start:start + 1])  # which says why there is none
        power = moment(phi, nodes, missing="nan")
        breaks = np.flatnonzero(np.isnan(power))
        low = breaks[breaks < start].max(initial=-1) + 1
        high = breaks[breaks > start].min(initial=nodes.size)
        self.nodes, self.power, self.beyond = nodes[low:high], power[low:high], high < nodes.size
        slope = moment_slope(phi, self.nodes, missing="nan")
        self.slope = np.where(np.isnan(slope), np.gradient(self.power, self.nodes), slope)
        self.rest = float(moment(phi, np.zeros(1))[0])
        rise = (self.power[:11] - self.rest) / self.nodes[:11]  # over a decade, if there is one
        self.straight = bool(low == 0 or self.nodes[0] < 1e-12 or (
            rise.size == 11 and np.ptp(rise) <= 1e-10 * np.abs(rise).max()))


_table = lru_cache(maxsize=16)(_LengthTable)


def _fixed_points(phi: Activation, sigma_w: np.ndarray, sigma_b: np.ndarray) -> _FixedPoints:
    """Bracketed in the table, then worked out; sigmas of shape ``(points,)``."""
    w2, b2 = np.square(sigma_w), np.square(sigma_b)
    if phi.homogeneous:
        return _on_a_line(phi, w2, b2)
    table = _table(phi)
    nodes, longer = table.nodes, _longer(w2, b2, table.nodes, table.power)
    turns = _turns(phi, table, w2, b2, longer)
    if turns.size:
        nodes, order = np.unique(np.concatenate([nodes, turns]), return_index=True)
        power = np.concatenate([table.power, moment(phi, turns)])[order]
        longer = _longer(w2, b2, nodes, power)
    start = np.searchsorted(nodes, START)
    grows = longer[:, start]
    above, below = ~longer[:, start:], longer[:, :start + 1]
    lost, vanishes = grows & ~above.any(axis=1), ~grows & ~below.any(axis=1)
    cell = np.where(grows, start + np.argmax(above, axis=1) - 1,  # q* is between it and the next
                    np.where(vanishes, -1, start - np.argmax(below[:, ::-1], axis=1)))
    kind = np.where(lost & (not table.beyond), "diverges", np.where(
        lost | vanishes & (not table.straight), "out of reach", "stable"))
    value, repeller = np.full(w2.size, np.nan), np.full(w2.size, np.inf)
    if table.straight:
        near = (table.power[0] - table.rest) / table.nodes[0]
        value[vanishes] = (b2 + w2 * table.rest)[vanishes] / np.maximum(
            1.0 - w2[vanishes] * near, LEVEL)
    found = np.flatnonzero((kind == "stable") & ~vanishes)
    again = np.flatnonzero((longer.sum(axis=1) > cell + 1) & ~lost)  # longer once more, beyond q*
    leaves = np.argmax(longer[again] & (np.arange(nodes.size) > cell[again, None]), axis=1) - 1
    for out, rows, left in ((value, found, cell[found]), (repeller, again, leaves)):
        out[rows] = crossing(
            lambda q, some: w2[rows[some]] * moment(phi, q) + b2[rows[some]] - q,  # noqa: B023
            nodes[left], nodes[left + 1])
    return _FixedPoints(value, kind, repeller)


def _longer(w2: np.ndarray, b2: np.ndarray, q: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Whether V(q) > q but for rounding, ``(points, lengths)``; a watershed is left downwards."""
    gap = np.stack([w2, b2, np.ones_like(w2)], axis=1) @ np.stack([power, np.ones_like(q), -q])
    return gap > LEVEL * q


def _turns(phi: Activation, table: _LengthTable, w2: np.ndarray, b2: np.ndarray,
           longer: np.ndarray) -> np.ndarray:
    """Lengths between two nodes at which V(q) - q has another sign than at both: extrema."""
    weights, place = np.unique(w2, return_inverse=True)  # b has no say in where V' passes 1
    steep = weights[:, None] * table.slope > 1.0
    kind, cell = np.nonzero(steep[:, 1:] != steep[:, :-1])
    which, row = np.nonzero(kind[:, None] == place)
    left, rises = cell[which], steep[place[row], cell[which] + 1]
    alike = (longer[row, left] == rises) & (longer[row, left + 1] == rises)
    row, left = row[alike], left[alike]
    wide = table.nodes[left + 1] - table.nodes[left]
    near = [np.abs(w2[row] * table.power[at] + b2[row] - table.nodes[at])
            < np.abs(w2[row] * table.slope[at] - 1.0) * wide for at in (left, left + 1)]
    row, left = row[near[0] & near[1]], left[near[0] & near[1]]
    turn = crossing(lambda q, some: w2[row[some]] * moment_slope(phi, q) - 1.0,
                    table.nodes[left], table.nodes[left + 1])
    there = w2[row] * moment(phi, turn) + b2[row] > turn * (1.0 + LEVEL)
    return np.unique(turn[there != longer[row, left]])


def _on_a_line(phi: Activation, w2: np.ndarray, b2: np.ndarray) -> _FixedPoints:
    """Homogeneous phi: V is a straight line, sigma_w^2 E phi^2(1) q + sigma_b^2."""
    slope = w2 * moment(phi, np.ones(1))[0]
    neutral = np.abs(slope - 1.0) <= 4e-15
    kind = np.where(neutral & (b2 == 0.0), "neutral",
                    np.where(neutral | (slope > 1.0), "diverges", "stable"))
    value = np.where(kind == "stable", b2 / np.where(kind == "stable", 1.0 - slope, 1.0),
                     np.where(kind == "neutral", START, np.nan))
    return _FixedPoints(value, kind, np.full(w2.shape, np.inf))


def crossing(f: Callable, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where f changes its sign between low and high: secants that stay between them.

    NaN where f is NaN on the way.

    Args:
        f: of points and of the indices of the brackets they lie in, both of shape ``(n,)``.
        low, high: positive, shape ``(brackets,)``; the signs of f differ there.

    Accuracy: the last step is below 1e-13 relative.

    Source: Illinois algorithm.
    """
    old, new, every = low.copy(), high.copy(), np.arange(low.size)
    f_old, f_new = f(old, every), f(new, every)
    known = np.isfinite(f_old) & np.isfinite(f_new)
    new[~known], some = np.nan, every[known]
    for _ in range(200):
        if some.size == 0:
            break
        a, b, at_a, at_b = old[some], new[some], f_old[some], f_new[some]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(at_b == 0.0, 0.0, at_b * (b - a) / (at_b - at_a))
        ahead = np.clip(b - step, np.minimum(a, b), np.maximum(a, b))
        value = f(ahead, some)
        passed = (value > 0.0) != (at_b > 0.0)
        old[some], f_old[some] = np.where(passed, b, a), np.where(passed, at_b, 0.5 * at_a)
        new[some], f_new[some] = np.where(np.isnan(value), np.nan, ahead), value
        some = some[(np.abs(ahead - b) > 1e-13 * ahead) & ~np.isnan(value)]
    return new


# the edge of chaos, and gains

def critical_weights(phi: Activation, sigma_b: np.ndarray) -> np.ndarray:
    """``sigma_w`` on the edge of chaos, NaN where there is none: see `MeanField.critical_line`."""
    if phi.homogeneous:
        with np.errstate(divide="ignore"):
            return np.full(sigma_b.shape, moment(phi, np.ones(1), 1)[0] ** -0.5)
    table, b2 = _table(phi), np.square(sigma_b).ravel()
    stretch = moment(phi, table.nodes, 1, missing="nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        above = table.nodes - table.power / stretch >= b2[:, None]
    settles = table.slope <= stretch * (1.0 + 1e-9)
    passes = (above[:, 1:] != above[:, :-1]) & (settles[1:] | settles[:-1])
    small = np.searchsorted(table.nodes, 1e-6)  # the line starts at q = 0 unless that repels
    at_rest = (b2 == 0.0) & (table.rest == 0.0) & settles[small] & (stretch[0] > 0.0)
    passes[b2 == 0.0, :small] = False
    q = np.where(at_rest, 0.0, np.nan)
    while (rows := np.flatnonzero(np.isnan(q) & passes.any(axis=1))).size:
        cell = np.argmax(passes[rows], axis=1)
        passes[rows, cell] = False
        with np.errstate(divide="ignore", invalid="ignore"):
            root = crossing(lambda q, some: q - b2[rows[some]]  # noqa: B023
                            - moment(phi, q, missing="nan") / moment(phi, q, 1, missing="nan"),
                            table.nodes[cell], table.nodes[cell + 1])
        weights = _where_finite(lambda q: moment(phi, q, 1), root) ** -0.5
        known = np.isfinite(weights)  # and unit length must be attracted by it
        star = _fixed_points(phi, weights[known], np.sqrt(b2[rows[known]])).value
        q[rows[known]] = np.where(np.abs(star - root[known]) <= 1e-6 * star, root[known], np.nan)
    q = q.reshape(sigma_b.shape)
    with np.errstate(divide="ignore"):
        return _where_finite(lambda q: moment(phi, q, 1), q) ** -0.5


@dataclass(frozen=True, repr=False)
class Gains:
    """Factors of the weights that make something 1 in the layer after: see `gains`."""

    phi: Activation
    second_moment: float
    variance: float
    edge_at_unit_q: float

    @property
    def pytorch(self) -> float:
        """What `torch.nn.init.calculate_gain` says, NaN where it knows nothing.

        The square root of 2 and what follows from it for a leak is `second_moment`; 5/3 and 3/4
        are conventions, found by trying, and 1 for sigmoid is no scale at all.
        """
        known = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": 2**0.5, "selu": 0.75,
                 "leaky_relu": (2 / (1 + 0.01**2)) ** 0.5}
        return known.get(self.phi.name, np.nan)

    def edge(self, sigma_b: float = 0.0) -> float:
        """``sigma_w`` where chi1 = 1 at the fixed point, or NaN if there is none."""
        bias = np.asarray(number("sigma_b", sigma_b, low=0.0))
        return float(critical_weights(self.phi, bias))

    def __repr__(self) -> str:
        told = {"second_moment": "g^2 E phi(z)^2 = 1", "variance": "g^2 Var phi(z) = 1",
                "edge_at_unit_q": "g^2 E phi'(z)^2 = 1", "pytorch": "calculate_gain of PyTorch"}
        rows = [f"{name:15} {value:<10.6g} {text}" for name, text in told.items()
                if np.isfinite(value := getattr(self, name))]
        return "\n  ".join([f"gains of {self.phi.name}, {self.phi.grade}", *rows])


def gains(phi: Phi) -> Gains:
    """By how much to scale the weights of a layer, in three senses; z is standard normal.

    Returns:
        `Gains` with ``second_moment`` (``g^2 E phi(z)^2 = 1``), ``variance`` (``g^2 Var phi(z)
        = 1``), ``edge_at_unit_q`` (``g^2 E phi'(z)^2 = 1``; NaN if phi jumps
        or that average is not known), ``edge(sigma_b)``, and what ``pytorch`` has for it.

    Accuracy: 1e-12 relative, 1e-11 for a callable without derivatives.

    Source: definitions; [poole2016] (edge).

    >>> round(gains("tanh").second_moment, 6), round(gains("relu").second_moment ** 2, 12)
    (1.592537, 2.0)
    """
    phi, one = get(phi), np.ones(1)
    power = float(moment(phi, one)[0])
    mean = 0.0 if phi.parity == "odd" else float(
        average(phi.phi, one, phi.kinks, reach=phi.reach)[0])
    slope = float(moment(phi, one, 1, missing="nan")[0]) if phi.continuous else np.nan
    with np.errstate(divide="ignore"):
        return Gains(phi, *(float(np.float64(x) ** -0.5) for x in
                            (power, max(power - mean**2, 0.0), slope)))

