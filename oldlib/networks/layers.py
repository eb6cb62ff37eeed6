"""Networks that can be trained: stacks of several of one shape, side by side.

    model = mlp(784, [100] * 8, 10, sigma_w=1.4, sigma_b=0.0, networks=5, rng=1, phi="hard_tanh")

holds five networks: ``model.weights[l]`` has shape ``(5, fan-out, fan-in)``. Whatever goes in has
the shape ``(points, ...)``, the same for all of them, or ``(5, points, ...)``.
"""
import copy
from typing import Callable, Sequence

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.networks.blocks import (
    Affine, Bend, Convolution, Flatten, Mode, Normalise, Pool, Regularise, polyline)

BLOCK = 2**22  # numbers of the widest layer held at a time
LISTS = ("weights", "biases", "gains", "shifts", "means", "variances", "scales")


class Stack:
    """Networks of one shape with their weights; made by `mlp` or `conv_net`.

    ``weights[l]`` of shape ``(networks, fan-out, fan-in)`` and ``biases[l]`` of shape
    ``(networks, fan-out)``, the read-out last, may be changed by whoever likes to.

    Args:
        shape: of one input.
        networks: how many.
        phi: activation.
        dtype: ``np.float64`` or ``np.float32``.

    Accuracy: rounding.

    Source: [raghu2017]; derived here.

    >>> model = mlp(3, [4, 5], 2, 1.0, 0.1, networks=7, rng=0)
    >>> [w.shape for w in model.weights], model.names
    ([(7, 4, 3), (7, 5, 4), (7, 2, 5)], ['dense 1', 'dense 2'])
    """

    def __init__(self, shape: tuple[int, ...], networks: int, phi: str | Activation | Callable,
                 dtype: type):
        self.networks, self.phi = count("networks", networks), get(phi)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {self.dtype}")
        if not self.phi.continuous:
            raise ValueError(f"phi: {self.phi.name} jumps, so it has no gradient to train by")
        self.shape, self.largest = tuple(shape), int(np.prod(shape))
        self.blocks: list = []
        self.ends: dict[int, str] = {}  # the block a hidden layer ends with, and its name
        for name in LISTS:
            setattr(self, name, [])

    @property
    def names(self) -> list[str]:
        """What the hidden layers are, in order: ``conv 1``, ``pool 1``, ``dense 1``."""
        return list(self.ends.values())

    def copy(self) -> "Stack":
        """The same networks with weights of their own."""
        twin = copy.copy(self)
        for name in LISTS:
            setattr(twin, name, [array.copy() for array in getattr(self, name)])
        return twin

    def given(self, block: object) -> list[np.ndarray]:
        """The parameters of a block."""
        return [getattr(self, name)[block.index] for name in block.parameters]

    def points(self, name: str, x: np.ndarray) -> np.ndarray:
        """Inputs in the type of the networks, the axis of the networks (1 if shared) in front.

        Raises:
            TypeError, ValueError: not numbers, not finite, or a shape these networks do not take.
        """
        x, inner = np.asarray(x), len(self.shape)
        if x.dtype.kind not in "iuf":
            raise TypeError(f"{name} must be real numbers, got dtype {x.dtype}")
        x = x.astype(self.dtype, copy=False)
        fits = x.shape[x.ndim - inner:] == self.shape and (
            x.ndim == inner + 1 or (x.ndim == inner + 2 and x.shape[0] in (1, self.networks)))
        if not fits or not x.size:
            raise ValueError(f"{name} must have shape (points, {str(self.shape)[1:-1].strip(',')})"
                             f", or ({self.networks}, points, ...), got {x.shape}")
        if not np.isfinite(x.sum()):
            raise ValueError(f"{name} must be finite")
        return x if x.ndim == inner + 2 else x[None]

    def place(self, name: str, layer: int) -> int:
        """Place among the blocks of the one with ``weights[layer]``.

        Raises:
            TypeError, ValueError: no such layer.
        """
        layers = len(self.weights)
        if not -layers <= count(name, layer, -layers) < layers:
            raise ValueError(f"{name} must be a layer 0 .. {layers - 1}, or negative from the "
                             f"last, got {layer}")
        return next(place for place, block in enumerate(self.blocks)
                    if "weights" in block.parameters and block.index == layer % layers)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Outputs, shape ``(networks, points, outputs)``.

        Raises:
            TypeError, ValueError: see `points`.
        """
        x = self.points("x", x)
        return self.through(x, 0, len(self.blocks))

    def through(self, x: np.ndarray, first: int, last: int) -> np.ndarray:
        """Points through blocks ``first`` to ``last - 1``, some at a time."""
        step = max(1, BLOCK // (self.networks * self.largest))
        parts = []
        for start in range(0, x.shape[1], step):
            part = x[:, start:start + step]
            for block in self.blocks[first:last]:
                part = block.forward(part, Mode(), *self.given(block))[0]
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def hidden(self, x: np.ndarray) -> list[np.ndarray]:
        """Activations of every hidden layer (see `names`), shape ``(networks, points, ...)``.

        Raises:
            TypeError, ValueError: see `points`.
        """
        x, found = self.points("x", x), []
        for place, block in enumerate(self.blocks[:max(self.ends) + 1]):
            x = block.forward(x, Mode(), *self.given(block))[0]
            if place in self.ends:
                found.append(x)
        return found

    def push(self, x: np.ndarray, dx: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Activations of every hidden layer, and the tangents ``dx`` becomes there.

        Raises:
            TypeError, ValueError: see `points`.
        """
        x, dx = self.points("x", x), self.points("dx", dx)
        if x.shape[1] != dx.shape[1]:
            raise ValueError(f"dx must have one tangent a point, got {dx.shape} for {x.shape}")
        found, tangents = [], []
        for place, block in enumerate(self.blocks[:max(self.ends) + 1]):
            x, dx = block.push(x, dx, *self.given(block))
            if place in self.ends:
                found.append(x)
                tangents.append(dx)
        return found, tangents

    def calibrate(self, x: np.ndarray) -> None:
        """Replace the statistics that batch normalisation uses outside training by those of x.

        Raises:
            TypeError, ValueError: see `points`.
        """
        x = self.points("x", x)
        for block in self.blocks:
            if isinstance(block, Normalise):
                over = tuple(range(1, x.ndim - 1))
                self.means[block.index][...] = x.mean(axis=over)
                self.variances[block.index][...] = x.var(axis=over)
            x = block.forward(x, Mode(), *self.given(block))[0]

    def kept(self, x: np.ndarray, first: int = 0) -> tuple[np.ndarray, list, np.ndarray]:
        """A training pass from block ``first`` on: outputs, what each block kept, penalties."""
        trajectory = any(isinstance(block, Regularise) for block in self.blocks)
        mode, kept = Mode(True, polyline(x) if trajectory else None), []
        penalty = np.zeros(self.networks)
        for block in self.blocks[first:]:
            x, needed = block.forward(x, mode, *self.given(block))
            kept.append(needed)
            if isinstance(block, Regularise):
                penalty = penalty + block.penalty(needed, *self.given(block))
        return x, kept, penalty

    def back(self, g: np.ndarray, kept: list, first: int = 0,
             last: bool = False) -> dict[tuple[str, int], np.ndarray]:
        """Gradients by parameter, from that of the outputs; ``last``: of block ``first`` alone."""
        found = {}
        for place in range(len(self.blocks) - 1, first - 1, -1):
            block = self.blocks[place]
            g, grown = block.backward(g, kept[place - first], place > first, *self.given(block))
            if not last or place == first:
                found.update({(name, block.index): gradient
                              for name, gradient in zip(block.parameters, grown)})
        return found


def mlp(inputs: int, widths: Sequence[int], outputs: int, sigma_w: float, sigma_b: float, *,
        networks: int = 1, rng: int | np.random.Generator,
        phi: str | Activation | Callable = "tanh", output: str = "linear",
        batch_norm: bool = False, dtype: type = np.float64) -> Stack:
    """Random fully connected networks.

    Args:
        inputs: dimension of an input.
        widths: of the hidden layers.
        outputs: of the linear read-out.
        sigma_w, sigma_b: standard deviations; weights have variance ``sigma_w**2 / fan-in`` in
            every layer, the read-out included.
        networks: how many side by side.
        rng: a seed or a `numpy.random.Generator`.
        phi: activation.
        output: ``"linear"``, or ``"tanh"`` of the read-out.
        batch_norm: normalise the pre-activations of hidden layers.
        dtype: ``np.float64`` or ``np.float32``.

    Returns:
        The `Stack`.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: exact in law; the same seed gives the same networks.

    Source: [raghu2017].

    >>> mlp(3, [4], 2, 1.0, 0.1, networks=5, rng=0).forward(np.zeros((6, 3))).shape
    (5, 6, 2)
    """
    model = Stack((count("inputs", inputs),), networks, phi, dtype)
    grow = _Builder(model, sigma_w, sigma_b, rng, bool(batch_norm), 0.0)
    for width in _sizes("widths", widths):
        grow.dense(width)
    return grow.read_out(outputs, output)


def conv_net(shape: tuple[int, int, int] = (16, 16, 3),
             channels: Sequence[int | str] = (16, 16, "pool", 32, 32, "pool"),
             hidden: Sequence[int] = (64,), outputs: int = 10, *, sigma_w: float, sigma_b: float,
             size: int = 3, networks: int = 1, rng: int | np.random.Generator,
             phi: str | Activation | Callable = "relu", output: str = "linear",
             batch_norm: bool = False, trajectory: float = 0.0,
             dtype: type = np.float64) -> Stack:
    """Random convolutional networks.

    Args:
        shape: rows, columns and channels of an image.
        channels: of the convolutions in order; ``"pool"`` averages over 2 x 2 squares.
        hidden: widths of the fully connected layers after them.
        outputs: of the linear read-out.
        sigma_w, sigma_b: standard deviations; weights have variance ``sigma_w**2 / fan-in``, the
            fan-in of a convolution being ``size**2 * channels``.
        size: of a kernel, odd; images keep their size.
        networks, rng, phi, output, batch_norm, dtype: as for `mlp`.
        trajectory: weight of trajectory regularisation, which takes the place of batch
            normalisation; 0 for none.

    Returns:
        The `Stack`.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: exact in law; the same seed gives the same networks.

    Source: [raghu2017]; where it leaves the regularisation open, `blocks.Regularise` says what
        is done here.

    >>> model = conv_net((8, 8, 3), (4, "pool"), (5,), 2, sigma_w=1.4, sigma_b=0.0, rng=0)
    >>> model.names, model.forward(np.zeros((6, 8, 8, 3))).shape
    (['conv 1', 'pool 1', 'dense 1'], (1, 6, 2))
    """
    if count("size", size) % 2 == 0:
        raise ValueError(f"size must be odd, got {size}")
    if len(shape) != 3:
        raise ValueError(f"shape must be (rows, columns, channels), got {shape}")
    trajectory = float(real("trajectory", trajectory, low=0.0))
    if batch_norm and trajectory:
        raise ValueError("trajectory takes the place of batch_norm; give one of them")
    model = Stack(tuple(count("shape", side) for side in shape), networks, phi, dtype)
    grow = _Builder(model, sigma_w, sigma_b, rng, bool(batch_norm), trajectory)
    for number in channels:
        grow.pool() if number == "pool" else grow.convolution(count("channels", number), size)
    grow.flatten()
    for width in _sizes("hidden", hidden, 0):
        grow.dense(width)
    return grow.read_out(outputs, output)


def _sizes(name: str, sizes: Sequence[int], fewest: int = 1) -> list[int]:
    sizes = [count(name, size) for size in np.atleast_1d(sizes).tolist()]
    if len(sizes) < fewest:
        raise ValueError(f"{name} must name at least {fewest} layer")
    return sizes


class _Builder:
    """Adds layers to a stack and keeps account of the shape of what comes out."""

    def __init__(self, model: Stack, sigma_w: float, sigma_b: float,
                 rng: int | np.random.Generator, batch_norm: bool, trajectory: float):
        self.model, self.shape, self.counted = model, model.shape, {}
        self.sigma_w = float(real("sigma_w", sigma_w, low=0.0))
        self.sigma_b = float(real("sigma_b", sigma_b, low=0.0))
        self.rng, self.batch_norm = np.random.default_rng(rng), batch_norm
        self.trajectory = trajectory

    def dense(self, width: int) -> None:
        self._weigh(Affine, width, self.shape[0])
        self.shape = (width,)
        self._bend("dense")

    def convolution(self, channels: int, size: int) -> None:
        self._weigh(Convolution, channels, size * size * self.shape[2], size)
        self.shape = (*self.shape[:2], channels)
        self._bend("conv")

    def pool(self) -> None:
        if self.shape[0] % 2 or self.shape[1] % 2:
            raise ValueError(f"channels: images of {self.shape[0]} x {self.shape[1]} cannot be "
                             "pooled by 2")
        self.model.blocks.append(Pool())
        self.shape = (self.shape[0] // 2, self.shape[1] // 2, self.shape[2])
        self._end("pool")

    def flatten(self) -> None:
        self.model.blocks.append(Flatten())
        self.shape = (int(np.prod(self.shape)),)

    def read_out(self, outputs: int, output: str) -> Stack:
        if output not in ("linear", "tanh"):
            raise ValueError(f"output must be 'linear' or 'tanh', got {output!r}")
        self._weigh(Affine, count("outputs", outputs), self.shape[0])
        if output == "tanh":
            self.model.blocks.append(Bend(get("tanh")))
        return self.model

    def _weigh(self, kind: type, after: int, before: int, *rest: int) -> None:
        model = self.model
        model.blocks.append(kind(len(model.weights), *rest))
        w = self.rng.standard_normal((model.networks, after, before))
        b = self.rng.standard_normal((model.networks, after))
        model.weights.append((self.sigma_w / np.sqrt(before) * w).astype(model.dtype))
        model.biases.append((self.sigma_b * b).astype(model.dtype))

    def _bend(self, kind: str) -> None:
        model = self.model
        size = (model.networks, self.shape[-1])
        if self.batch_norm:
            model.blocks.append(Normalise(len(model.gains)))
            for name, start in (("gains", 1), ("shifts", 0), ("means", 0), ("variances", 1)):
                getattr(model, name).append(np.full(size, start, model.dtype))
        if self.trajectory:
            model.blocks.append(Regularise(len(model.scales), self.trajectory))
            model.scales.append(np.ones(model.networks, model.dtype))
        model.blocks.append(Bend(model.phi))
        model.largest = max(model.largest, int(np.prod(self.shape)))
        self._end(kind)

    def _end(self, kind: str) -> None:
        self.counted[kind] = self.counted.get(kind, 0) + 1
        self.model.ends[len(self.model.blocks) - 1] = f"{kind} {self.counted[kind]}"
