"""Curves through random networks with their first and second tangents, exactly.

A layer takes a point h of a curve, its velocity v and its acceleration a to ``W phi(h) + b``,
``W [phi'(h) v]`` and ``W [phi''(h) v^2 + phi'(h) a]``: three matrix products with one W, done as
one. Every point carries the logarithm of its own speed, so that no depth overflows.
"""
from typing import Callable, Iterable, Iterator, NamedTuple

import numpy as np

from oldlib.activations import Activation
from oldlib.checks import count, real
from oldlib.networks.ensemble import Ensemble

SAME = "same_kind"
BLOCK = 12_288  # numbers worked on at a time, so that all of them stay in the cache


class Motion(NamedTuple):
    """Points moving along a curve, in every network.

    ``h``, ``dh`` and ``d2h`` have shape ``(networks, width, points)``, ``log_speed`` has
    ``(networks, points)``. The true first derivative is ``exp(log_speed) * dh`` and the second
    ``exp(2 * log_speed) * d2h``. Each point is its own clock, which changes no curvature:
    that of (dh, d2h) is the true one. ``d2h`` is None where only lengths are asked for.
    """

    h: np.ndarray
    dh: np.ndarray
    d2h: np.ndarray | None
    log_speed: np.ndarray


class Curves(Ensemble):
    """An `Ensemble` through which curves pass with their tangents.

    Args:
        sigma_w, sigma_b, width, networks, rng, phi: as for `Ensemble`.
        dtype: ``np.float64`` or ``np.float32``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: rounding; 1e-15 or 1e-7 a layer, which the chaotic phase multiplies by
        ``sqrt(chi1)`` a layer, as it does any other small change of the input.

    Source: [poole2016]; tangents by the chain rule, derived here.

    >>> moving = Curves(1.0, 0.0, width=50, networks=2, rng=0).circle(q=1.0, points=12)
    >>> moving.dh.shape
    (2, 50, 12)
    """

    def __init__(self, sigma_w: float, sigma_b: float, width: int, networks: int,
                 rng: int | np.random.Generator, phi: str | Activation | Callable = "tanh",
                 dtype: type = np.float64):
        super().__init__(sigma_w, sigma_b, width, networks, rng, phi)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {self.dtype}")
        if not self.phi.continuous:
            raise ValueError(f"{self.phi.name} jumps, so a curve through it is torn and has no "
                             "tangents")

    def circle(self, q: float, points: int, curvature: bool = True) -> Motion:
        """The great circle in h^1, ``sqrt(width q) (u0 cos theta + u1 sin theta)``.

        Args:
            q: squared length per unit, positive.
            points: how many, at ``theta = 2 pi k / points``.
            curvature: if false second tangents are left out, for an activation with kinks.

        Returns:
            The `Motion`, u0 and u1 random and orthonormal, differing from network to network.

        Raises:
            ValueError: q not positive, fewer than 3 points, width 1, or an activation whose
                second derivative is a delta.

        Accuracy: rounding.

        Source: [poole2016], Fig. 3.
        """
        q = float(real("q", q, low=1e-300))
        points = count("points", points, low=3)
        if self.width < 2:
            raise ValueError("width must be at least 2 to hold a circle, got 1")
        self._refuse_kinks(curvature)
        frame = np.linalg.qr(self.rng.standard_normal((self.networks, self.width, 2)))[0]
        theta = 2.0 * np.pi * np.arange(points) / points
        cosine, sine = np.cos(theta), np.sin(theta)
        h = np.sqrt(self.width * q) * (frame @ np.stack([cosine, sine]))
        dh = np.sqrt(self.width) * (frame @ np.stack([-sine, cosine]))
        speed = np.full((self.networks, points), 0.5 * np.log(q))
        return Motion(h.astype(self.dtype), dh.astype(self.dtype),
                      (-h / q).astype(self.dtype) if curvature else None, speed)

    def moving_layers(self, motion: Motion, depth: int, dense: bool = True,
                      weights: Iterable | None = None) -> Iterator[Motion]:
        """The motion in layers 1 (``motion`` itself) to ``depth``.

        Args:
            motion: in h^1; see `circle` and `moving`.
            depth: number of layers.
            dense: draw the weights, which costs ``width^2`` numbers a layer; without them the
                next layer is drawn from its exact law given this one.
            weights: for each further layer a pair ``W, b`` of shapes ``(networks, width,
                width)`` and ``(networks, width, 1)``, used as they are, scale included.

        Returns:
            Iterator of `Motion`; the tangents are of order one, their growth is in
            ``log_speed``.

        Raises:
            ValueError: wrong shapes, depth below 1, too few weights, or an activation whose
                second derivative is a delta where the motion has second tangents.
            OverflowError: a curvature beyond the range of the dtype, deep in the ordered phase.

        Accuracy: see `Curves`; without weights exact in law.

        Source: [poole2016]; derived here.
        """
        depth, given = count("depth", depth), iter(weights) if weights is not None else None
        self._refuse_kinks(motion.d2h is not None)
        if np.ndim(motion.h) != 3 or motion.h.shape[:2] != (self.networks, self.width):
            raise ValueError(f"motion must have shape (networks, width, points) = "
                             f"({self.networks}, {self.width}, ...), got {motion.h.shape}")
        motion = Motion(*(None if x is None else np.asarray(x, dtype=self.dtype)
                          for x in motion[:3]), np.asarray(motion.log_speed, dtype=float))
        size, points = motion.h.shape[:2], motion.h.shape[-1]
        stack = np.empty((*size, (2 + (motion.d2h is not None)) * points), self.dtype)
        for layer in range(1, depth + 1):
            _refuse_overflow(motion.d2h, layer)
            yield motion
            if layer < depth:
                pair = None if given is None else next(given, None)
                if given is not None and pair is None:
                    raise ValueError(f"weights ended after layer {layer}; depth is {depth}")
                speed = np.sqrt(np.einsum("nip,nip->np", motion.dh, motion.dh) / self.width)
                self._stack(motion, 1 / np.where(speed > 0, speed, 1), stack)
                with np.errstate(divide="ignore"):
                    log_speed = motion.log_speed + np.log(speed, dtype=float)
                motion = _split(self._product(stack, points, dense, pair), log_speed)

    def _refuse_kinks(self, curvature: bool) -> None:
        if curvature and not self.phi.differentiable:
            raise ValueError(
                f"{self.phi.name} has a kink: its second derivative is a delta there, and the "
                "image of a curve has corners, where the curvature is infinite. Its length is "
                "fine: ask for curvature=False")

    def _stack(self, motion: Motion, slower: np.ndarray, out: np.ndarray) -> None:
        """``phi, phi' dh, phi'' dh^2 + phi' d2h`` side by side, in blocks of neurons.

        Tangents are brought to unit speed on the way, so that no depth overflows.
        """
        points = motion.h.shape[-1]
        parts = out.reshape(*out.shape[:2], -1, points)
        step = max(1, BLOCK // points)
        with np.errstate(over="ignore", invalid="ignore"):
            for network, start in np.ndindex(self.networks, -(-self.width // step)):
                some = network, slice(start * step, (start + 1) * step)
                block, dh = parts[some], motion.dh[some] * slower[network]
                if motion.d2h is None:
                    block[:, 0] = self.phi.phi(motion.h[some])
                    np.multiply(self.phi.dphi(motion.h[some]), dh, block[:, 1], casting=SAME)
                    continue
                block[:, 0], slope, bend = self.phi.jet(motion.h[some])
                np.multiply(slope, dh, block[:, 1], casting=SAME)
                d2h = motion.d2h[some] * slower[network]
                d2h *= slower[network]
                np.add(bend * (dh * dh), slope * d2h, block[:, 2], casting=SAME)

    def _product(self, stack: np.ndarray, points: int, dense: bool,
                 pair: tuple | None) -> np.ndarray:
        """The next layer's stack; the bias moves the points and not their tangents."""
        if dense or pair is not None:
            out = np.empty_like(stack)
            for network in range(self.networks):
                w, b = self._draw() if pair is None else (pair[0][network], pair[1][network])
                np.matmul(w, stack[network], out=out[network])
                out[network, :, :points] += b
            return out
        bias = np.zeros((self.networks, 1, stack.shape[-1]))
        bias[..., :points] = self.sigma_b * np.sqrt(self.width) / (self.sigma_w or 1.0)
        factor = np.linalg.qr(np.concatenate([stack, bias], axis=1), mode="r")
        # Points and tangents of a smooth curve are nearly dependent, so a triangular factor hangs
        # on rounding. The symmetric one does not: the same seed, the same networks everywhere.
        _, size, v = np.linalg.svd(factor, full_matrices=False)
        root = np.swapaxes(v, 1, 2) * (size * (self.sigma_w or 1.0) / np.sqrt(self.width))[
            :, None, :] @ v
        z = self.rng.standard_normal((self.networks, self.width, root.shape[1]))
        return (z @ root).astype(self.dtype)

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights and biases of one layer of one network."""
        w = self.rng.standard_normal((self.width, self.width), dtype=self.dtype)
        w *= self.dtype.type(self.sigma_w / np.sqrt(self.width))
        b = self.rng.standard_normal((self.width, 1), dtype=self.dtype)
        return w, b * self.dtype.type(self.sigma_b)


def moving(h: np.ndarray, dh: np.ndarray, d2h: np.ndarray | None = None) -> Motion:
    """A motion in h^1 from a curve's points and its derivatives, for curves other than circles.

    Args:
        h, dh, d2h: shape ``(networks, width, points)``; d2h may be left out.

    Returns:
        The `Motion`, with ``log_speed`` 0.

    Raises:
        ValueError: shapes that differ, or numbers that are not finite.

    Accuracy: rounding.

    Source: derived here.

    >>> moving([[[0.0]]], [[[2.0]]]).log_speed.tolist()
    [[0.0]]
    """
    h, dh = real("h", h), real("dh", dh)
    d2h = None if d2h is None else real("d2h", d2h)
    if h.ndim != 3 or dh.shape != h.shape or (d2h is not None and d2h.shape != h.shape):
        raise ValueError("h, dh and d2h must all have shape (networks, width, points); got "
                         f"{[None if x is None else x.shape for x in (h, dh, d2h)]}")
    return Motion(h, dh, d2h, np.zeros((h.shape[0], h.shape[2])))


def _split(stack: np.ndarray, log_speed: np.ndarray) -> Motion:
    """The parts of a stack."""
    points = log_speed.shape[-1]
    d2h = stack[..., 2 * points:] if stack.shape[-1] > 2 * points else None
    return Motion(stack[..., :points], stack[..., points:2 * points], d2h, log_speed)


def _refuse_overflow(d2h: np.ndarray | None, layer: int) -> None:
    if d2h is not None and not (np.isfinite(d2h.max()) and np.isfinite(d2h.min())):
        raise OverflowError(f"the curvature at layer {layer} is beyond {d2h.dtype}: the curve has "
                            "shrunk towards a point. Take fewer layers, float64, or "
                            "curvature=False")
