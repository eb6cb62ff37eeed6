"""The blocks trained networks are built of, each with its derivative in both directions.

A block holds no numbers: its parameters are handed to it. Arrays of points have the shape
``(networks, points, ...)`` with the channels last; the first axis may be 1 where all networks see
the same points. `forward` returns what it computed and what `backward` will need; `backward` takes
the gradient of the loss with respect to the output and returns that with respect to the input and
to every parameter; `push` carries a tangent along.
"""
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from oldlib.activations import Activation, get

KEPT = 0.9  # of the running statistics of a normalisation, a step
SMALL = 1e-5  # variance below which a normalisation does not blow a channel up
CACHED = 2**17  # numbers of one piece of a convolution, so that it stays in the cache

# Slopes that the output tells, so that the function need not be computed again.
FROM_OUTPUT = {get("tanh"): lambda y: 1 - y * y, get("relu"): lambda y: y > 0,
               get("hard_tanh"): lambda y: np.abs(y) < 1}


class Mode(NamedTuple):
    """How a pass is made: in training or not, and the length of the input minibatch."""

    training: bool = False
    start: np.ndarray | None = None


class Affine:
    """``x W^T + b``."""

    parameters = ("weights", "biases")

    def __init__(self, index: int):
        self.index = index

    def forward(self, x: np.ndarray, mode: Mode, w: np.ndarray, b: np.ndarray) -> tuple:
        """The output, and what `backward` will need."""
        out = x @ w.swapaxes(1, 2)
        out += b[:, None]
        return out, x

    def backward(self, g: np.ndarray, x: np.ndarray, down: bool, w: np.ndarray,
                 b: np.ndarray) -> tuple:
        """Gradients with respect to the input and to each parameter."""
        return g @ w if down else None, (g.swapaxes(1, 2) @ x, _sums(g))

    def push(self, x: np.ndarray, dx: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple:
        """The output and its tangent."""
        return self.forward(x, Mode(), w, b)[0], dx @ w.swapaxes(1, 2)


class Convolution:
    """Correlation with ``size x size`` kernels, zeros around the image, as one matrix product.

    A row of the weights is a kernel, its numbers in the order row, column, channel. Both passes
    work through the images in pieces that stay in the cache.
    """

    parameters = ("weights", "biases")

    def __init__(self, index: int, size: int):
        self.index, self.size = index, size

    def forward(self, x: np.ndarray, mode: Mode, w: np.ndarray, b: np.ndarray) -> tuple:
        """The output, and what `backward` will need."""
        out = self._product(x, w)
        out += b[:, None, None, None]
        return out, x

    def backward(self, g: np.ndarray, x: np.ndarray, down: bool, w: np.ndarray,
                 b: np.ndarray) -> tuple:
        """Gradients with respect to the input and to each parameter."""
        networks, out, channels = len(w), w.shape[1], x.shape[-1]
        gw = np.zeros_like(w)
        for some in self._pieces(x):
            rows = g[:, some].reshape(networks, -1, out)
            gw += rows.swapaxes(1, 2) @ self._patches(x[:, some])
        gx = None
        if down:  # the same correlation, kernels turned by half a turn, channels exchanged
            kernel = w.reshape(networks, out, self.size, self.size, channels)[:, :, ::-1, ::-1]
            gx = self._product(g, kernel.transpose(0, 4, 2, 3, 1).reshape(networks, channels, -1))
        return gx, (gw, _sums(g))

    def push(self, x: np.ndarray, dx: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple:
        """The output and its tangent."""
        return self.forward(x, Mode(), w, b)[0], self._product(dx, w)

    def _product(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        out = np.empty((len(w), *x.shape[1:4], w.shape[1]), w.dtype)
        for some in self._pieces(x):
            rows = self._patches(x[:, some]) @ w.swapaxes(1, 2)
            out[:, some] = rows.reshape(len(w), -1, *out.shape[2:])
        return out

    def _pieces(self, x: np.ndarray) -> list[slice]:
        row = x.shape[0] * self.size**2 * int(np.prod(x.shape[2:]))
        step = max(1, CACHED // row)
        return [slice(start, start + step) for start in range(0, x.shape[1], step)]

    def _patches(self, x: np.ndarray) -> np.ndarray:
        """``(networks, points * rows * columns, size * size * channels)``."""
        networks, points, rows, columns, channels = x.shape
        around = self.size // 2
        padded = np.zeros((networks, points, rows + self.size - 1, columns + self.size - 1,
                           channels), x.dtype)
        padded[:, :, around:around + rows, around:around + columns] = x
        seen = sliding_window_view(padded, (self.size, self.size), axis=(2, 3))
        return seen.transpose(0, 1, 2, 3, 5, 6, 4).reshape(
            networks, points * rows * columns, -1)


class Pool:
    """Averages over 2 x 2 squares."""

    parameters, index = (), -1

    def forward(self, x: np.ndarray, mode: Mode) -> tuple:
        """The output, and what `backward` will need."""
        out = x[:, :, ::2, ::2] + x[:, :, 1::2, ::2]
        out += x[:, :, ::2, 1::2]
        out += x[:, :, 1::2, 1::2]
        out *= 0.25
        return out, None

    def backward(self, g: np.ndarray, kept: None, down: bool) -> tuple:
        """Gradients with respect to the input and to each parameter."""
        g = 0.25 * g
        out = np.empty((*g.shape[:2], 2 * g.shape[2], 2 * g.shape[3], g.shape[4]), g.dtype)
        for row, column in np.ndindex(2, 2):
            out[:, :, row::2, column::2] = g
        return out, ()

    def push(self, x: np.ndarray, dx: np.ndarray) -> tuple:
        """The output and its tangent."""
        return self.forward(x, Mode())[0], self.forward(dx, Mode())[0]


class Flatten:
    """Images to vectors."""

    parameters, index = (), -1

    def forward(self, x: np.ndarray, mode: Mode) -> tuple:
        """The output, and what `backward` will need."""
        return x.reshape(*x.shape[:2], -1), x.shape

    def backward(self, g: np.ndarray, shape: tuple, down: bool) -> tuple:
        """Gradients with respect to the input and to each parameter."""
        return g.reshape(len(g), *shape[1:]), ()

    def push(self, x: np.ndarray, dx: np.ndarray) -> tuple:
        """The output and its tangent."""
        return self.forward(x, Mode())[0], self.forward(dx, Mode())[0]


class Bend:
    """The activation."""

    parameters, index = (), -1

    def __init__(self, phi: Activation):
        self.phi, self.slope = phi, FROM_OUTPUT.get(phi)

    def forward(self, x: np.ndarray, mode: Mode) -> tuple:
        """The output, and what `backward` will need."""
        y = np.asarray(self.phi.phi(x), dtype=x.dtype)
        return y, y if self.slope else x

    def backward(self, g: np.ndarray, kept: np.ndarray, down: bool) -> tuple:
        """Gradients with respect to the input and to each parameter."""
        g *= (self.slope or self.phi.dphi)(kept)
        return g, ()

    def push(self, x: np.ndarray, dx: np.ndarray) -> tuple:
        """The output and its tangent."""
        y, kept = self.forward(x, Mode())
        slope = (self.slope or self.phi.dphi)(kept)
        return y, (dx * slope).astype(x.dtype, copy=False)


class Normalise:
    """Batch normalisation of every channel, then a gain and a shift.

    In training by the mean and the variance of the minibatch, whose running averages are kept;
    otherwise by those averages, or by what `Stack.calibrate` put in their place.
    """

    parameters = ("gains", "shifts", "means", "variances")

    def __init__(self, index: int):
        self.index = index

    def forward(self, x: np.ndarray, mode: Mode, gain: np.ndarray, shift: np.ndarray,
                mean: np.ndarray, variance: np.ndarray) -> tuple:
        """The output, and what `backward` will need."""
        wide = (len(gain), *(1,) * (x.ndim - 2), -1)
        if not mode.training:
            scale = (gain / np.sqrt(variance + SMALL)).reshape(wide)
            return (x - mean.reshape(wide)) * scale + shift.reshape(wide), None
        count = x[0, ..., 0].size
        middle = _sums(x) / count
        unit = x - middle.reshape(len(x), *wide[1:])
        spread = _sums(unit * unit) / count
        for kept, now in ((mean, middle), (variance, spread)):
            kept *= KEPT
            kept += (1 - KEPT) * now
        root = np.sqrt(spread + SMALL).reshape(len(x), *wide[1:])
        unit /= root
        return unit * gain.reshape(wide) + shift.reshape(wide), (unit, root)

    def backward(self, g: np.ndarray, kept: Any, down: bool, gain: np.ndarray, *_: Any) -> tuple:
        """Gradients with respect to the input and to each parameter."""
        unit, root = kept
        ggain, gshift, count = _sums(g * unit), _sums(g), g[0, ..., 0].size
        wide = (len(gain), *(1,) * (g.ndim - 2), -1)
        g = g - (gshift / count).reshape(wide) - unit * (ggain / count).reshape(wide)
        g *= gain.reshape(wide) / root
        return g, (ggain, gshift)

    def push(self, x: np.ndarray, dx: np.ndarray, gain: np.ndarray, shift: np.ndarray,
             mean: np.ndarray, variance: np.ndarray) -> tuple:
        """The output and its tangent."""
        scale = (gain / np.sqrt(variance + SMALL)).reshape(len(gain), *(1,) * (x.ndim - 2), -1)
        return self.forward(x, Mode(), gain, shift, mean, variance)[0], dx * scale


class Regularise:
    """Trajectory regularisation: a learned scale, and the length it stands for in the loss.

    The output is ``lambda x``, and ``weight * lambda * (length of x / length of the input)`` is
    added to the loss; a length is that of the polyline through the minibatch in its order.
    """

    parameters = ("scales",)

    def __init__(self, index: int, weight: float):
        self.index, self.weight = index, weight

    def forward(self, x: np.ndarray, mode: Mode, scale: np.ndarray) -> tuple:
        """The output, and what `backward` will need."""
        out = x * scale.reshape(-1, *(1,) * (x.ndim - 1))
        if not mode.training:
            return out, None
        step = np.diff(x.reshape(*x.shape[:2], -1), axis=1)
        size = np.sqrt(np.einsum("npi,npi->np", step, step))
        step *= (self.weight / (mode.start[:, None] * np.maximum(size, 1e-300)))[..., None]
        return out, (x, step, self.weight * size.sum(axis=1) / mode.start)

    def penalty(self, kept: Any, scale: np.ndarray) -> np.ndarray:
        """What is added to the loss of each network."""
        return scale * kept[2]

    def backward(self, g: np.ndarray, kept: Any, down: bool, scale: np.ndarray) -> tuple:
        """Gradients with respect to the input and to each parameter."""
        x, step, length = kept
        gscale = np.einsum("npi,npi->n", *(a.reshape(*a.shape[:2], -1) for a in (g, x))) + length
        g = g * scale.reshape(-1, *(1,) * (x.ndim - 1))
        step = (step * scale[:, None, None]).reshape(len(g), -1, *g.shape[2:])
        g[:, 1:] += step
        g[:, :-1] -= step
        return g, (gscale,)

    def push(self, x: np.ndarray, dx: np.ndarray, scale: np.ndarray) -> tuple:
        """The output and its tangent."""
        wide = scale.reshape(-1, *(1,) * (x.ndim - 1))
        return x * wide, dx * wide


def _sums(x: np.ndarray) -> np.ndarray:
    """Sums over all but networks and channels; a product is several times faster than `sum`."""
    rows = x.reshape(len(x), -1, x.shape[-1])
    return (np.ones((1, rows.shape[1]), x.dtype) @ rows)[:, 0]


def polyline(x: np.ndarray) -> np.ndarray:
    """Length of the polyline through points in their order, of each network.

    Args:
        x: shape ``(networks, points, ...)``.

    Returns:
        Shape ``(networks,)``.

    Accuracy: rounding.

    Source: [raghu2017], trajectory length.

    >>> polyline(np.array([[[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]])).tolist()
    [6.0]
    """
    step = np.diff(x, axis=1)
    return np.sqrt(np.sum(step * step, axis=tuple(range(2, x.ndim)))).sum(axis=1)
