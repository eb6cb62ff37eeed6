"""The law of random networks: layers drawn one after the other, with weights or without.

Given the activations of M inputs at one layer, the pre-activations of the next are exactly
independent from neuron to neuron, each an M-vector ``N(0, K)`` with
``K = sigma_w^2 / width * X X^T + sigma_b^2``. So they can be drawn from K, at any finite width,
without the ``width^2`` weights. A curve brings its tangents along: a layer takes a point h, its
velocity v and its acceleration a to ``W phi(h) + b``, ``W [phi'(h) v]`` and
``W [phi''(h) v^2 + phi'(h) a]``, three products with one W, whose joint law is such a K again.
"""
from __future__ import annotations

from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Callable, Iterator, NamedTuple, Sequence

import numpy as np

from lib.activations import Activation, get
from lib.checks import Untrusted, choice, count, number, real, sigmas
from lib.measure import curves
from lib.profile import Profile

if TYPE_CHECKING:
    from lib.networks.network import Network

SAME = "same_kind"
BLOCK = 12_288  # numbers worked on at a time, so that all of them stay in the cache


class Motion(NamedTuple):
    """Points of every network at one layer, moving along a curve if they are on one.

    ``h``, ``dh`` and ``d2h`` have shape ``(networks, points, neurons)``, ``log_speed`` has
    ``(networks, points)``. The true first derivative is ``exp(log_speed) * dh`` and the second
    ``exp(2 log_speed) * d2h``: each point has its own clock, which changes no curvature, so that
    no depth overflows. What was not carried along is None.
    """

    h: np.ndarray
    dh: np.ndarray | None
    d2h: np.ndarray | None
    log_speed: np.ndarray


class Ensemble:
    """Random networks, all layers with fresh weights; what is drawn depends on the seed alone.

    Args:
        sigma_w, sigma_b: standard deviations; weights have variance ``sigma_w**2 / fan-in``.
            Arrays that broadcast are several ensembles, each drawn from its own stream.
        seed: an integer or several; every call starts from it anew.
        missing: ``"nan"`` marks what lies beyond the range of the dtype, where networks diverge,
            and `layers` end before it; ``"raise"`` refuses it.
        dtype: ``np.float64`` or ``np.float32``; both draw the same networks, to rounding.

    Accuracy: exact in law at any width. Rounding, 1e-15 or 1e-7 a layer, is multiplied by
        ``sqrt(chi1)`` a layer in the chaotic phase, as any other small change of the input.

    Source: [poole2016] (the ensemble); sampling without weights and tangents derived here.

    >>> nets = Ensemble(1.5, 0.1, width=50, networks=3)
    >>> nets.run(q=[1.0, 2.0], depth=4).q.shape
    (3, 4, 2)
    """

    def __init__(self, sigma_w: float | np.ndarray, sigma_b: float | np.ndarray, *, width: int,
                 networks: int, seed: int | Sequence[int] = 0,
                 phi: str | Activation | Callable = "tanh", missing: str = "raise",
                 dtype: type = np.float64):
        self.sigma_w, self.sigma_b = sigmas(sigma_w, sigma_b)
        if not self.sigma_w.size:
            raise ValueError("sigma_w and sigma_b must not be empty")
        self.width, self.networks = count("width", width), count("networks", networks)
        self.seed = tuple(count("seed", one, low=0) for one in np.atleast_1d(seed))
        self.phi, self.dtype = get(phi), np.dtype(dtype)
        self.missing = choice("missing", missing, ["raise", "nan"])
        choice("dtype", self.dtype.name, ["float32", "float64"])

    def __repr__(self) -> str:
        w, b = (f"{one:g}" if one.ndim == 0 else f"({one.min():g} to {one.max():g})"
                for one in (self.sigma_w, self.sigma_b))
        return (f"<{self.networks} random {self.phi.name} networks of width {self.width}: "
                f"sigma_w = {w}, sigma_b = {b}, seed {', '.join(map(str, self.seed))}>")

    def run(self, q: float | np.ndarray, c: float | np.ndarray | None = None, *, depth: int,
            deficit: float | np.ndarray | None = None, curve: str | tuple | None = None,
            points: int = 16, order: int | None = None, dense: bool | None = None) -> Profile:
        """Lengths, correlations or the geometry of a curve, layer by layer.

        Args:
            q, ...: as for `layers`; with several sigmas q may have shape ``(points, *sigma)``,
                or that of sigma for pairs and curves.

        Returns:
            `Profile` with axes ``(network, layer, point, *sigma)`` and the fields

            * ``q`` of single inputs;
            * ``q`` (of the first), ``c`` and ``deficit`` = 1 - c of pairs;
            * of a curve, closed and at equal steps of its parameter: ``q``, ``metric`` and
              ``kappa2``, means over it, ``length_euclid`` (per root of the width) and
              ``length_gauss``, one point each, and their logarithms ``log_metric``, ...; what
              would overflow has its logarithm alone, or is NaN if that is asked for; and ``c``
              and ``deficit`` of two points on it, means by offset. A kink leaves no curvature, a
              jump no metric.

            A network that has died (ReLU, without biases) has length 0 and NaN for c; a sigma
            whose q is NaN, for want of a q*, has NaN throughout.
        """
        parts, read, x = _inputs(c, deficit, curve, points)
        q = real("q", q, low=0.0, finite=False)
        x, runs = np.atleast_1d(q) if x is None else x, []
        q = self._starts(q, read is _single)
        lost = np.isnan(q).any(axis=0) if read is _single else np.isnan(q)
        q = np.where(np.isnan(q), 1.0, q)
        for i, index in enumerate(np.ndindex(self.sigma_w.shape)):
            one = copy(self)
            one.sigma_w, one.sigma_b = self.sigma_w[index], self.sigma_b[index]
            one.seed = *self.seed, i
            motions = one._layers(q[(..., *index)], parts, depth, order, dense, read is _curve)
            runs.append(self._read(motions, read, depth))
        fields = {}
        for name in runs[0][0]:
            field = np.array([[layer[name] for layer in run] for run in runs])
            field = np.transpose(field, (2, 1, 3, 0))  # network, layer, point, sigma
            fields[name] = field.reshape(*field.shape[:3], *self.sigma_w.shape)
            fields[name][..., lost] = np.nan
            if name.startswith("log_") and (self.missing == "nan" or not np.any(field > 709.0)):
                fields[name.removeprefix("log_")] = np.exp(np.where(
                    fields[name] > 709.0, np.nan, fields[name]))
        return Profile(f"{self.networks} networks of width {self.width}",
                       np.arange(1, depth + 1), fields, self.networks, x if x.ndim == 1 else None,
                       {"sigma_w": self.sigma_w, "sigma_b": self.sigma_b})

    def _read(self, motions: Iterator[Motion], read: Callable, depth: int) -> list[dict]:
        """The fields of every layer, NaN from where networks diverge."""
        found = [read(motion) for motion in motions]
        if self.missing == "nan":
            for fields in found:
                fields["q"] = np.where(np.isinf(fields["q"]), np.nan, fields["q"])
        blank = {name: np.full_like(field, np.nan) for name, field in found[0].items()}
        return found + [blank] * (depth - len(found))

    def layers(self, q: float | np.ndarray, c: float | np.ndarray | None = None, *, depth: int,
               deficit: float | np.ndarray | None = None, curve: str | tuple | None = None,
               points: int = 16, order: int | None = None, dense: bool | None = None
               ) -> Iterator[Motion]:
        """The points themselves, at layers 1 (``h^1``) to ``depth``, of one sigma_w and sigma_b.

        In ``h^1`` every network has exactly the lengths and correlations asked for, each point,
        pair or curve in a random direction or plane of its own.

        Args:
            q: squared length per neuron: single inputs, a number or shape ``(points,)``; of
                pairs and curves one number.
            c: correlations, a number or shape ``(pairs,)``: two inputs each, side by side.
            deficit: ``1 - c`` in place of c, for pairs too near to be told by c.
            curve: ``"circle"``, the great circle ``sqrt(width q) (u0 cos theta + u1 sin theta)``
                at ``theta = 2 pi k / points``; or its like: coordinates ``x, dx, d2x`` of shape
                ``(points, dimensions)``, in units of ``sqrt(width q)``, along random orthonormal
                directions. The derivatives may be left out.
            points: on the circle.
            order: how many derivatives of a curve are carried, 0 to 2; by default as many as it
                has and as phi allows: a kink leaves a corner, a jump tears the curve.
            dense: draw the weights, which costs ``width^2`` numbers a layer; or draw each layer
                from its law given the one before. By default what is cheaper, by a count that
                knows the shapes alone. Weights are drawn for one network at a time.

        Raises:
            Untrusted: numbers beyond the range of the dtype, where networks diverge or the curve
                has shrunk towards a point.
        """
        self._one_law()
        parts, read, _ = _inputs(c, deficit, curve, points)
        q = self._starts(real("q", q, low=0.0), read is _single)
        return self._layers(q, parts, depth, order, dense, read is _curve)

    def network(self, depth: int, inputs: int | None = None, outputs: int | None = None
                ) -> Network:
        """Networks of the same law with their weights, to be pushed, trained or cut.

        Args:
            depth: number of weighted layers, as in `layers`; the last is linear, a read-out.
            inputs, outputs: dimensions of both ends; by default the width.
        """
        from lib.networks.network import random_network

        self._one_law()
        widths = [self.width] * (count("depth", depth, low=2) - 1)
        return random_network(inputs or self.width, widths, outputs or self.width,
                              float(self.sigma_w), float(self.sigma_b), phi=self.phi,
                              networks=self.networks, seed=np.random.default_rng(self.seed),
                              dtype=self.dtype)

    def outputs(self, x: np.ndarray, units: int, depths: Sequence[int]) -> Iterator[np.ndarray]:
        """Linear outputs of each network cut off at several depths.

        The hidden layers are drawn once; on what is there at a depth a read-out of its own is
        put: d linear maps with d - 1 nonlinear layers between.

        Args:
            x: inputs, shape ``(points, inputs)``, or ``(networks, points, inputs)``.
            depths: rising; 1 has no hidden layer.

        Returns:
            Iterator over the depths, shape ``(networks, points, units)``.

        Source: [poole2016], Fig. 5.
        """
        self._one_law()
        x, units = real("x", x, axes="..., points, inputs"), count("units", units)
        depths = [count("depths", depth) for depth in depths]
        if x.shape[:-2] not in ((), (self.networks,)):
            raise ValueError(f"x must have shape ([networks,] points, inputs), got {x.shape}")
        if not depths or depths != sorted(set(depths)):
            raise ValueError(f"depths must rise, got {depths}")
        rng = np.random.default_rng(self.seed)
        active = self._active((self.networks, 1, *x.shape[-2:]))
        active[:, 0, :, :-1] = x * (self.sigma_w / np.sqrt(x.shape[-1]))
        for depth in range(1, depths[-1] + 1):
            if depth in depths:
                yield _with_weights(active[:, 0], rng, units)
            if depth < depths[-1]:
                h = _with_weights(active[:, 0], rng, self.width)
                active = self._active((len(h), 1, *h.shape[1:]))
                self._activate(Motion(h, None, None, np.zeros(h.shape[:2])), active)

    def _one_law(self) -> None:
        if self.sigma_w.ndim:
            raise ValueError("sigma_w and sigma_b must be numbers here, got shape "
                             f"{self.sigma_w.shape}: only run takes several")

    def _starts(self, q: float | np.ndarray, single: bool) -> np.ndarray:
        """Lengths with the axes ``([point,] *sigma)``."""
        q, shape = np.asarray(q, dtype=float), self.sigma_w.shape
        if single:
            q = q.reshape(-1, *[1] * len(shape)) if q.ndim < 2 else q
            shape = (len(q), *shape)
        try:
            return np.broadcast_to(q, shape)
        except ValueError:
            raise ValueError(f"q must have a shape that fits {shape}, got {q.shape}") from None

    def _layers(self, q: np.ndarray, parts: list, depth: int, order: int | None,
                dense: bool | None, smooth: bool) -> Iterator[Motion]:
        depth = count("depth", depth)
        most = min(2 if self.phi.differentiable else int(self.phi.continuous), len(parts) - 1)
        order = most if order is None else count("order", order, 0, most)
        parts = [np.sqrt(q).reshape(-1, 1, 1) * x for x in parts[:order + 1]]
        if parts[0].shape[-1] > self.width:
            raise ValueError(f"width must be at least {parts[0].shape[-1]} to hold such inputs, "
                             f"got {self.width}")
        motions = self._stream(parts, depth, dense, smooth)
        return motions if self.missing == "raise" else _until_lost(motions)

    def _stream(self, parts: list, depth: int, dense: bool | None, smooth: bool
                ) -> Iterator[Motion]:
        rng = np.random.default_rng(self.seed)
        start = np.sqrt(self.width) * frames(
            (self.networks, len(parts[0]), parts[0].shape[-1], self.width), rng)
        stack = np.stack([x @ start for x in parts], axis=1)
        stack = stack.reshape(self.networks, len(parts), -1, self.width).astype(self.dtype)
        _, size, points, _ = stack.shape
        if dense is None:
            dense = _weights_are_cheaper(size * points, self.width, smooth)
        active, log_speed = self._active(stack.shape), np.zeros((self.networks, points))
        for layer in range(1, depth + 1):
            _refuse_overflow(stack, layer)
            motion = Motion(*(stack[:, i] if i < size else None for i in range(3)), log_speed)
            yield motion
            if layer < depth:
                log_speed = self._activate(motion, active)
                _refuse_overflow(active, layer + 1)
                rows = active.reshape(self.networks, size * points, self.width + 1)
                with np.errstate(over="ignore", invalid="ignore"):
                    stack = (_with_weights(rows, rng, self.width) if dense else
                             _without_weights(rows, rng, smooth))
                stack = stack.reshape(self.networks, size, points, self.width)

    def _active(self, shape: tuple[int, ...]) -> np.ndarray:
        """Room for scaled phi and tangents, and the bias as a neuron that does not move."""
        active = np.zeros((*shape[:-1], shape[-1] + 1), self.dtype)
        active[:, 0, :, -1] = self.sigma_b
        return active

    def _activate(self, motion: Motion, out: np.ndarray) -> np.ndarray:
        """``phi, phi' dh, phi'' dh^2 + phi' d2h``, in blocks; the logarithm of the new clocks.

        Tangents are brought to unit speed on the way, so that no depth overflows.
        """
        log_speed, slower = motion.log_speed, np.ones((*motion.h.shape[:2], 1), self.dtype)
        if motion.dh is not None:
            speed = np.sqrt(_mean_square(motion.dh))
            slower[..., 0] /= np.where(speed > 0.0, speed, 1.0)
            with np.errstate(divide="ignore"):
                log_speed = log_speed + np.log(speed)
        some = max(1, BLOCK // self.width)
        many = max(1, some // motion.h.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            for n in range(0, self.networks, many):
                for p in range(0, motion.h.shape[1], some):
                    at = slice(n, n + many), slice(p, p + some)
                    self._block(motion, at, slower[at], out[at[0], :, at[1], :-1])
        return log_speed

    def _block(self, motion: Motion, at: tuple, slower: np.ndarray, out: np.ndarray) -> None:
        order, scale = out.shape[1] - 1, float(self.sigma_w) / np.sqrt(self.width)
        jet = self.phi.jet(motion.h[at], order)
        np.multiply(jet[0], scale, out=out[:, 0], casting=SAME)
        if order > 0:
            slope, dh = jet[1] * scale, motion.dh[at] * slower
            np.multiply(slope, dh, out=out[:, 1], casting=SAME)
        if order > 1:
            d2h = motion.d2h[at] * slower
            d2h *= slower
            dh *= dh
            np.add(dh * (jet[2] * scale), slope * d2h, out=out[:, 2], casting=SAME)


def _until_lost(motions: Iterator[Motion]) -> Iterator[Motion]:
    """The first layer, and those before networks leave the range of numbers."""
    yield next(motions)
    with suppress(Untrusted):
        for motion in motions:
            if np.abs(motion.h).max() > 1e-4 * np.sqrt(np.finfo(motion.h.dtype).max):
                break  # their squares
            yield motion


def circle(points: int, turn: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A circle of radius 1 with its derivatives, or a part of it, at equal steps of the angle.

    Returns:
        ``x, dx, d2x`` at ``theta = 2 pi turn k / points``, each of shape ``(points, 2)``.
    """
    points = count("points", points)
    theta = 2.0 * np.pi * number("turn", turn, 0.0, 1.0) * np.arange(points) / points
    x = np.stack([np.cos(theta), np.sin(theta)], axis=1)
    return x, np.stack([-x[:, 1], x[:, 0]], axis=1), -x


def frames(shape: tuple[int, ...], seed: int | np.random.Generator) -> np.ndarray:
    """Random orthonormal rows, uniform in direction, whatever the linear algebra library.

    Of shape ``(..., rows, dimension)``, no more rows than dimensions.
    """
    if shape[-2] > shape[-1]:
        raise ValueError(f"shape must have no more rows than dimensions, got {shape}")
    u = np.random.default_rng(seed).standard_normal(shape)
    for row in range(shape[-2]):
        one, before = u[..., row, :], u[..., :row, :]
        for _ in range(2 if row else 0):  # twice, for rows that are nearly parallel
            along = np.einsum("...ki,...i->...k", before, one)
            one -= np.einsum("...k,...ki->...i", along, before)
        one /= np.linalg.norm(one, axis=-1, keepdims=True)
    return u


def _inputs(c: float | np.ndarray | None, deficit: float | np.ndarray | None,
            curve: str | tuple | None, points: int) -> tuple[list, Callable, np.ndarray | None]:
    """What is put into h^1, what to measure of it, and what the points are.

    Points and derivatives have shape ``(frames, points, dimensions)``: every frame is a random
    one of its own.
    """
    given = [name for name, one in (("c", c), ("deficit", deficit), ("curve", curve))
             if one is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} must not be given together")
    if not given:
        return [np.ones((1, 1, 1))], _single, None
    if curve is not None:
        parts = _coordinates(curve, points)
        theta = 2.0 * np.pi * np.arange(len(parts[0])) / len(parts[0])
        return [x[None] for x in parts], _curve, theta
    d = 1.0 - real("c", c, -1.0, 1.0) if deficit is None else real("deficit", deficit, 0.0, 2.0)
    if d.ndim > 1:
        raise ValueError(f"{given[0]} must be a number or of shape (pairs,), got {d.shape}")
    d = np.atleast_1d(d)
    pairs = np.array([[np.ones_like(d), np.zeros_like(d)], [1.0 - d, np.sqrt(d * (2.0 - d))]])
    return [np.moveaxis(pairs, -1, 0)], _pairs, 1.0 - d if deficit is None else d


def _coordinates(curve: str | tuple, points: int) -> list[np.ndarray]:
    if isinstance(curve, str):
        choice("curve", curve, ["circle"])
        return list(circle(count("points", points, 3)))
    parts = [real("curve", x, axes="points, dimensions") for x in curve]
    if not 0 < len(parts) < 4 or len({x.shape for x in parts}) > 1:
        raise ValueError(f"curve must be x, dx, d2x of one shape, got {[x.shape for x in parts]}")
    return parts


def _weights_are_cheaper(rows: int, width: int, smooth: bool) -> bool:
    """By nanoseconds of normals, products and roots, measured once.

    The same on every machine, so that a seed means the same networks everywhere.
    """
    rank = min(rows, width + 1)
    without = rank * (9.4 * width + 0.1 * width * rows + smooth * rows * rank)
    return width**2 * (9.4 + 0.04 * rows) < without


def _with_weights(active: np.ndarray, rng: np.random.Generator, units: int) -> np.ndarray:
    """The next layer of ``(networks, rows, inputs + 1)``, one network's weights at a time."""
    networks, rows, inputs = active.shape
    out = np.empty((networks, rows, units), active.dtype)
    many = max(1, BLOCK // (inputs * units))  # or of as few networks as are worth a product
    weights = np.empty((min(many, networks), inputs, units))
    for n in range(0, networks, many):
        some = weights[:networks - n]
        rng.standard_normal(out=some)
        np.matmul(active[n:n + many], some.astype(active.dtype, copy=False), out=out[n:n + many])
    return out


def _without_weights(active: np.ndarray, rng: np.random.Generator, smooth: bool) -> np.ndarray:
    """The same in law. The root comes from the activations and not from K, so that inputs that
    agree to 1e-15 stay apart.
    """
    # In the ordered phase tangents outgrow points: every row counts in its own unit. Points and
    # tangents of a smooth curve are nearly dependent, so a triangular root hangs on rounding. The
    # symmetric one does not: the same seed, the same networks everywhere.
    tiny = np.finfo(active.dtype).tiny
    size = np.maximum(np.abs(active).max(axis=2, keepdims=True), tiny) if smooth else 1.0
    root = np.linalg.qr((active / size).mT, mode="r").mT
    if smooth:
        _, singular, v = np.linalg.svd(root.mT, full_matrices=False)
        root = size * v.mT * singular[:, None, :] @ v
    z = rng.standard_normal((len(active), root.shape[2], active.shape[2] - 1))
    return root @ z.astype(active.dtype, copy=False)


def _mean_square(x: np.ndarray) -> np.ndarray:
    """Over neurons, shape ``(networks, points)``, in double precision."""
    return np.einsum("npi,npi->np", x, x, dtype=float) / x.shape[-1]


def _refuse_overflow(parts: np.ndarray, layer: int) -> None:
    """Of the points, ``parts[:, 0]``, and of second derivatives, ``parts[:, 2]``."""
    for part in range(0, parts.shape[1], 2):
        if not (np.isfinite(parts[:, part].max()) and np.isfinite(parts[:, part].min())):
            if part == 0 and not np.isinf(parts[:, 0]).any():
                raise Untrusted(f"phi is not a number somewhere in layer {layer - 1}")
            why = "the curve has shrunk to a point, take order=1" if part else "networks diverge"
            raise Untrusted(f"layer {layer} is beyond {parts.dtype}: {why}, or fewer layers")


def _single(motion: Motion) -> dict[str, np.ndarray]:
    return {"q": _mean_square(motion.h)}


def _pairs(motion: Motion) -> dict[str, np.ndarray]:
    """The deficit from the difference of directions, so that nothing cancels near c = 1."""
    square = _mean_square(motion.h)
    with np.errstate(invalid="ignore"):  # a network that has died has no angles
        unit = motion.h / np.sqrt(square)[..., None]
    deficit = 0.5 * _mean_square(unit[:, 1::2] - unit[:, ::2])
    return {"q": square[:, ::2], "c": 1.0 - deficit, "deficit": deficit}


def _curve(motion: Motion) -> dict[str, np.ndarray]:
    h, dh, d2h, log_speed = motion
    square = _mean_square(h)
    alive, c = np.all(square > 0.0, axis=1), np.full(square.shape, np.nan)
    if alive.any():
        c[alive] = curves.autocorrelation(h if alive.all() else h[alive])
    fields = {"q": square.mean(axis=-1)}
    with np.errstate(all="ignore"):  # a curve that stands still, is straight, or runs away
        if dh is not None:
            log = curves.log_metric(dh, log_speed)
            fields["log_metric"] = np.logaddexp.reduce(log, axis=-1) - np.log(log.shape[-1])
            fields["log_length_euclid"] = curves.log_length_euclid(dh, log_speed)
        if d2h is not None:  # where it stands still it has no curvature
            moves = np.all(np.vecdot(dh, dh) > 0.0, axis=-1)  # a square can underflow
            fields["log_kappa2"], fields["log_length_gauss"] = np.full((2, len(h)), np.nan)
            if moves.any():
                one = [x if moves.all() else x[moves] for x in (dh, d2h, log_speed)]
                fields["log_kappa2"][moves] = np.log(curves.kappa2(*one[:2]).mean(axis=-1))
                fields["log_length_gauss"][moves] = curves.log_length_gauss(*one)
    return {name: x[:, None] for name, x in fields.items()} | {"c": c, "deficit": 1.0 - c}
