"""One type of network: a list of layers that own their arrays, several networks side by side.

    net = Network([w1, w2], [b1, b2], phi="relu")          # your own arrays, the read-out last
    net = Network.load("net.npz", phi="relu")              # the same out of a file
    net = random_network(784, [100] * 8, 10, 1.4, 0.0, networks=5, seed=1, phi="hard_tanh")

The last holds five networks: ``net.weights[l]`` has shape ``(5, fan-out, fan-in)``, ``net[2]``
is one of them and ``net[mask]`` are some. Whatever goes in has the shape ``(points, ...)``, the
same for all of them, or ``(5, points, ...)``; whatever comes out has the networks in front.
"""
from __future__ import annotations

import copy
import re
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lib.activations import Activation, get
from lib.checks import choice, count, number, real

Phi = str | Activation | Callable
Seed = int | np.random.Generator


def stream(seed: Seed) -> np.random.Generator:
    """Random numbers, other ones than those of weights that were drawn from the same seed."""
    return seed if isinstance(seed, np.random.Generator) else np.random.default_rng([1, seed])


BLOCK = 2**22  # numbers of the widest layer held at a time
CACHED = 2**17  # numbers of one piece of a convolution, so that it stays in the cache
KEPT = 0.9  # of the running statistics of a normalisation, a step
SMALL = 1e-5  # variance below which a normalisation does not blow a channel up
STORED = re.compile(r"(?:(.+)\.)?(weight|bias)|(W|b)(\d+)")  # names of the arrays of a file

# Slopes that the output tells, so that training need not compute the function again.
FROM_OUTPUT = {get("tanh"): lambda y: 1 - y * y, get("relu"): lambda y: y > 0,
               get("hard_tanh"): lambda y: np.abs(y) < 1}


class Layer:
    """One step of a network, with its derivative in both directions.

    Arrays of points have the shape ``(networks, points, ...)`` with the channels last; the first
    axis may be 1 where all networks see the same points. `forward` returns the output and what
    `backward` will need; `backward` takes the gradient with respect to the output and returns
    that with respect to the input (``down``) and to every parameter; `jvp` carries a tangent
    along. A layer with a ``name`` is the last of a hidden layer. In training, ``start`` holds the
    lengths of the minibatch that entered the networks (see `polyline`).
    """

    trained: tuple[str, ...] = ()  # names of the arrays that training changes
    counted: tuple[str, ...] = ()  # and of those that are only kept account of
    name = ""

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The arrays that training changes, networks on axis 0."""
        return {name: getattr(self, name) for name in self.trained}

    def some(self, which: Any) -> Layer:
        """The same layer of some of the networks."""
        one = copy.copy(self)
        for name in self.trained + self.counted:
            setattr(one, name, getattr(self, name)[which])
        return one

    def shape(self, before: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of one output, given that of one input."""
        return before

    def forward(self, x: np.ndarray, start: np.ndarray | None = None) -> tuple[np.ndarray, Any]:
        """The output, and what `backward` will need."""
        raise NotImplementedError

    def backward(self, g: np.ndarray, kept: Any, down: bool = True) -> tuple:
        """Gradients with respect to the input and, in a tuple, to each parameter."""
        raise NotImplementedError

    def jvp(self, x: np.ndarray, dx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The output and its tangent."""
        return self.forward(x)[0], self.forward(dx)[0]


class Weighted(Layer):
    """A layer with weights ``(networks, out, fan-in)`` and biases ``(networks, out)``."""

    trained = ("weights", "biases")

    def __init__(self, weights: np.ndarray, biases: np.ndarray):
        self.weights, self.biases = weights, biases

    def product(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """What weights of this fan-in make of x, without biases."""
        raise NotImplementedError

    def forward(self, x: np.ndarray, start: np.ndarray | None = None) -> tuple:
        out = self.product(x, self.weights)
        out += _beside(self.biases, out)
        return out, x

    def jvp(self, x: np.ndarray, dx: np.ndarray) -> tuple:
        return self.forward(x)[0], self.product(dx, self.weights)


class Affine(Weighted):
    """``x W^T + b``."""

    def shape(self, before: tuple[int, ...]) -> tuple[int, ...]:
        return self.weights.shape[1:2]

    def product(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return x @ weights.mT

    def backward(self, g: np.ndarray, kept: np.ndarray, down: bool = True) -> tuple:
        return g @ self.weights if down else None, (g.swapaxes(1, 2) @ kept, _sums(g))


class Convolution(Weighted):
    """Correlation with ``size x size`` kernels, zeros around the image, as one matrix product.

    A row of the weights is a kernel, its numbers in the order row, column, channel. Both passes
    work through the images in pieces that stay in the cache.
    """

    def __init__(self, weights: np.ndarray, biases: np.ndarray, size: int):
        super().__init__(weights, biases)
        self.size = size

    def shape(self, before: tuple[int, ...]) -> tuple[int, ...]:
        return *before[:2], self.weights.shape[1]

    def product(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        out = np.empty((len(weights), *x.shape[1:4], weights.shape[1]), weights.dtype)
        for some, patches in self._pieces(x):
            out[:, some] = (patches @ weights.mT).reshape(len(weights), -1, *out.shape[2:])
        return out

    def backward(self, g: np.ndarray, kept: np.ndarray, down: bool = True) -> tuple:
        w = self.weights
        networks, out, channels = len(w), w.shape[1], kept.shape[-1]
        gw, gx = np.zeros_like(w), None
        for some, patches in self._pieces(kept):
            gw += g[:, some].reshape(networks, -1, out).swapaxes(1, 2) @ patches
        if down:  # the same correlation, kernels turned by half a turn, channels exchanged
            kernel = w.reshape(networks, out, self.size, self.size, channels)[:, :, ::-1, ::-1]
            gx = self.product(g, kernel.transpose(0, 4, 2, 3, 1).reshape(networks, channels, -1))
        return gx, (gw, _sums(g))

    def _pieces(self, x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """A few images at a time: which, and what their kernels see, ``(networks, places, *)``."""
        networks, points, rows, columns, channels = x.shape
        around, more = self.size // 2, self.size - 1
        padded = np.zeros((networks, points, rows + more, columns + more, channels), x.dtype)
        padded[:, :, around:around + rows, around:around + columns] = x
        seen = sliding_window_view(padded, (self.size, self.size), axis=(2, 3))
        seen = seen.transpose(0, 1, 2, 3, 5, 6, 4)
        step = max(1, CACHED // (networks * self.size**2 * rows * columns * channels))
        for start in range(0, points, step):
            some = slice(start, start + step)
            yield some, seen[:, some].reshape(networks, -1, self.size**2 * channels)


class Pool(Layer):
    """Averages over 2 x 2 squares."""

    def __init__(self, name: str = ""):
        self.name = name

    def shape(self, before: tuple[int, ...]) -> tuple[int, ...]:
        if before[0] % 2 or before[1] % 2:
            raise ValueError(f"channels: {before[0]} x {before[1]} cannot be pooled by 2")
        return before[0] // 2, before[1] // 2, before[2]

    def forward(self, x: np.ndarray, start: np.ndarray | None = None) -> tuple:
        out = x[:, :, ::2, ::2] + x[:, :, 1::2, ::2]
        out += x[:, :, ::2, 1::2]
        out += x[:, :, 1::2, 1::2]
        out *= 0.25
        return out, None

    def backward(self, g: np.ndarray, kept: None, down: bool = True) -> tuple:
        return (0.25 * g).repeat(2, axis=2).repeat(2, axis=3), ()


class Flatten(Layer):
    """Images to vectors."""

    def shape(self, before: tuple[int, ...]) -> tuple[int, ...]:
        return (int(np.prod(before)),)

    def forward(self, x: np.ndarray, start: np.ndarray | None = None) -> tuple:
        return x.reshape(*x.shape[:2], -1), x.shape

    def backward(self, g: np.ndarray, kept: tuple, down: bool = True) -> tuple:
        return g.reshape(len(g), *kept[1:]), ()


class Activate(Layer):
    """The activation, elementwise."""

    def __init__(self, phi: Activation, name: str = ""):
        self.phi, self.name, self.slope = phi, name, FROM_OUTPUT.get(phi)

    def forward(self, x: np.ndarray, start: np.ndarray | None = None) -> tuple:
        if start is not None and not self.slope:
            return self.phi.jet(x, 1)  # the slope comes cheaper together with the value
        y = np.asarray(self.phi.phi(x), dtype=x.dtype)
        return y, y

    def backward(self, g: np.ndarray, kept: np.ndarray, down: bool = True) -> tuple:
        g *= self.slope(kept) if self.slope else kept
        return g, ()

    def jvp(self, x: np.ndarray, dx: np.ndarray) -> tuple:
        slope = self.phi.dphi(x)  # not told by the output, which rounds where tanh is level
        return self.forward(x)[0], (dx * slope).astype(x.dtype, copy=False)


class Normalise(Layer):
    """Batch normalisation of every channel, then a gain and a shift.

    In training by the mean and the variance of the minibatch, whose running averages are kept;
    otherwise by those averages, or by what `Network.calibrate` put in their place.
    """

    trained, counted = ("gains", "shifts"), ("means", "variances")

    def __init__(self, networks: int, channels: int, dtype: np.dtype):
        self.gains, self.variances = np.ones((2, networks, channels), dtype)
        self.shifts, self.means = np.zeros((2, networks, channels), dtype)

    def forward(self, x: np.ndarray, start: np.ndarray | None = None) -> tuple:
        if start is None:
            out = (x - _beside(self.means, x)) * self._scale(x)
            return out + _beside(self.shifts, x), None
        per_channel = x[0, ..., 0].size
        middle = _sums(x) / per_channel
        unit = x - _beside(middle, x)
        spread = _sums(unit * unit) / per_channel
        for kept, now in ((self.means, middle), (self.variances, spread)):
            kept *= KEPT
            kept += (1 - KEPT) * now
        root = _beside(np.sqrt(spread + SMALL), x)
        unit /= root
        return unit * _beside(self.gains, x) + _beside(self.shifts, x), (unit, root)

    def backward(self, g: np.ndarray, kept: tuple, down: bool = True) -> tuple:
        unit, root = kept
        ggain, gshift, per_channel = _sums(g * unit), _sums(g), g[0, ..., 0].size
        g = g - _beside(gshift / per_channel, g) - unit * _beside(ggain / per_channel, g)
        g *= _beside(self.gains, g) / root
        return g, (ggain, gshift)

    def jvp(self, x: np.ndarray, dx: np.ndarray) -> tuple:
        return self.forward(x)[0], dx * self._scale(x)

    def _scale(self, x: np.ndarray) -> np.ndarray:
        return _beside(self.gains / np.sqrt(self.variances + SMALL), x)


class Regularise(Layer):
    """Trajectory regularisation: a learned scale, and the length it stands for in the loss.

    The output is ``lambda x``, and ``weight * lambda * (length of x / length of the input)`` is
    added to the loss; a length is that of the polyline through the minibatch in its order.
    """

    trained = ("scales",)

    def __init__(self, scales: np.ndarray, weight: float):
        self.scales, self.weight = scales, weight

    def forward(self, x: np.ndarray, start: np.ndarray | None = None) -> tuple:
        out = x * _beside(self.scales, x)
        if start is None:
            return out, None
        step = np.diff(x.reshape(*x.shape[:2], -1), axis=1)
        size = np.sqrt(np.einsum("npi,npi->np", step, step))
        apart = np.where(size > 0.0, size, 1.0)  # equal points do not know where to move
        step *= (self.weight / (start[:, None] * apart))[..., None]
        return out, (x, step, self.weight * size.sum(axis=1) / start)

    def penalty(self, kept: tuple) -> np.ndarray:
        """What is added to the loss of each network."""
        return self.scales * kept[2]

    def backward(self, g: np.ndarray, kept: tuple, down: bool = True) -> tuple:
        x, step, length = kept
        gscale = np.einsum("npi,npi->n", *(a.reshape(*a.shape[:2], -1) for a in (g, x))) + length
        step = (step * self.scales[:, None, None]).reshape(len(g), -1, *g.shape[2:])
        g = g * _beside(self.scales, g)
        g[:, 1:] += step
        g[:, :-1] -= step
        return g, (gscale,)


class Network:
    """Networks of one shape side by side: a list of `Layer` objects that own their arrays.

    Args:
        weights: of each layer, ``(out, in)`` of one network or ``(networks, out, in)``, as
            PyTorch keeps them; the last layer is the read-out. They are copied.
        biases: of each layer, ``(out,)`` or ``(networks, out)``; None, for all layers or in the
            place of one, for no biases.
        phi: activation of all layers but the last.
        order: ``"in_out"`` for weights of shape ``(in, out)``, as JAX and Keras keep them.
        output: activation of the read-out.

    >>> net = Network([np.ones((3, 2)), np.ones((1, 3))], phi="relu")
    >>> net, net.forward([[1.0, 2.0]]).tolist()
    (Network(1 x 2-3-1, relu), [[[9.0]]])
    """

    def __init__(self, weights: Sequence, biases: Sequence | None = None, phi: Phi = "tanh",
                 order: str = "out_in", output: Phi = "linear"):
        pairs, output = _pairs(weights, biases, order), get(output)
        self.layers, self.phi, self.shape = [], get(phi), pairs[0][0].shape[2:]
        for layer, pair in enumerate(pairs, start=1):
            self.layers += [Affine(*pair), Activate(self.phi, f"dense {layer}")]
        self.layers[-1:] = [Activate(output)] * (output is not get("linear"))

    @classmethod
    def load(cls, file: str | Path, phi: Phi = "tanh", order: str = "out_in") -> Network:
        """A fully connected network that was trained elsewhere, in double precision.

        Args:
            file: an ``.npz`` of arrays named as the ``state_dict()`` of a sequential network of
                PyTorch names them, ``0.weight, 0.bias, 2.weight``, or ``W1, b1, W2``. Names that
                differ in their numbers only are taken in the order of these, others as they come.
                Biases may be missing.
            phi, order: as for the constructor, for the whole file.

        Raises:
            ValueError: one sentence that names the file and the array.
        """
        names, weights, biases = _stored(Path(file))
        return cls(*zip(*_pairs(weights, biases, order, names)), phi)

    def load_points(self, file: str | Path) -> np.ndarray:
        """Inputs of these networks out of an ``.npy`` file, one a row, ``(points, inputs)``.

        Further axes, as of images, are taken as one. Inputs that are 0 have no direction and are
        left out.
        """
        file = Path(file)
        [x, *more] = _arrays(file).values()
        if more or not x.ndim or not x.size:
            raise ValueError(f"{file.name}: one array of inputs was wanted, as np.save writes it")
        x = real(file.name, x).reshape(len(x), -1)
        x = x[x.any(axis=1)]
        if x.shape[1:] != self.shape:
            raise ValueError(f"{file.name}: inputs of {x.shape[1]} numbers, and the network takes "
                             f"{self.shape[0]}")
        return x

    @classmethod
    def of(cls, layers: Sequence[Layer], shape: tuple[int, ...], phi: Activation) -> Network:
        """A network of these layers, for inputs of this shape; the layers are not copied."""
        net = cls.__new__(cls)
        net.layers, net.shape, net.phi = list(layers), tuple(shape), phi
        return net

    def __len__(self) -> int:
        return len(self.weights[0])

    def __getitem__(self, which: Any) -> Network:
        """Some of the networks, by an index, a slice, a mask or indices; the first two share
        their arrays with these."""
        if isinstance(which, (int, np.integer)):
            place = range(len(self))[which]
            which = slice(place, place + 1)
        return Network.of([layer.some(which) for layer in self.layers], self.shape, self.phi)

    def __repr__(self) -> str:
        sizes = ["x".join(map(str, self.shape)), *(str(w.shape[1]) for w in self.weights)]
        return f"Network({len(self)} x {'-'.join(sizes)}, {self.phi.name})"

    def copy(self) -> Network:
        """The same networks with arrays of their own."""
        return self[np.arange(len(self))]

    @property
    def weighted(self) -> list[Weighted]:
        """The layers with weights, the read-out last."""
        return [layer for layer in self.layers if isinstance(layer, Weighted)]

    @property
    def weights(self) -> tuple[np.ndarray, ...]:
        """Of each layer ``(networks, fan-out, fan-in)``: the arrays themselves, which may be
        changed in place."""
        return tuple(layer.weights for layer in self.weighted)

    @property
    def biases(self) -> tuple[np.ndarray, ...]:
        """Of each layer ``(networks, fan-out)``, as `weights`."""
        return tuple(layer.biases for layer in self.weighted)

    @property
    def parameters(self) -> dict[tuple[str, int], np.ndarray]:
        """Every array that training changes, by name and number: ``("weights", 0)``."""
        found: dict[tuple[str, int], np.ndarray] = {}
        for layer in self.layers:
            for name, array in layer.parameters.items():
                found[name, sum(other == name for other, _ in found)] = array
        return found

    @property
    def dtype(self) -> np.dtype:
        """float64 or float32."""
        return self.weights[0].dtype

    @property
    def names(self) -> list[str]:
        """What the hidden layers are, in order: ``conv 1``, ``pool 1``, ``dense 1``."""
        return [layer.name for layer in self.layers if layer.name]

    @property
    def hidden_part(self) -> Network:
        """The network without its read-out, on the same arrays: its outputs are the activations
        of the last hidden layer."""
        return self.up_to(max(len(self.names), 1))

    def up_to(self, hidden: int) -> Network:
        """The first so many hidden layers, on the same arrays."""
        places = [place for place, layer in enumerate(self.layers) if layer.name]
        if not places:
            raise ValueError("this network is a read-out alone: it has no hidden layer")
        last = places[count("hidden", hidden, 1, len(places)) - 1]
        return Network.of(self.layers[:last + 1], self.shape, self.phi)

    def dense(self) -> list[tuple[np.ndarray, np.ndarray, Activation | None]]:
        """Weights ``(networks, out, in)``, biases ``(networks, out)`` and activation of every
        layer; None where a layer is linear. Other layers are refused."""
        found = []
        for layer in self.layers:
            if isinstance(layer, Affine):
                found.append((layer.weights, layer.biases, None))
            elif isinstance(layer, Activate) and found and found[-1][2] is None:
                found[-1] = (*found[-1][:2], layer.phi)
            else:
                raise ValueError("the network must be fully connected and without normalisation; "
                                 f"it has a layer {type(layer).__name__}")
        return found

    def points(self, name: str, x: np.ndarray) -> np.ndarray:
        """Inputs in the type of the networks, the axis of the networks (1 if shared) in front."""
        x, inner = np.asarray(x), len(self.shape)
        if x.dtype.kind not in "iuf":
            raise TypeError(f"{name} must be real numbers, got dtype {x.dtype}")
        x = x.astype(self.dtype, copy=False)
        fits = x.shape[x.ndim - inner:] == self.shape and (
            x.ndim == inner + 1 or (x.ndim == inner + 2 and x.shape[0] in (1, len(self))))
        if not fits or not x.size:
            raise ValueError(f"{name} must have shape (points, {str(self.shape)[1:-1].strip(',')})"
                             f", or ({len(self)}, points, ...), got {x.shape}")
        if not np.isfinite(x.sum()):
            raise ValueError(f"{name} must be finite")
        return x if x.ndim == inner + 2 else x[None]

    def refuse_jumps(self) -> None:
        """Raise a ValueError where an activation jumps, so that there are no derivatives."""
        for layer in self.layers:
            if isinstance(layer, Activate) and not layer.phi.continuous:
                raise ValueError(f"phi: {layer.phi.name} jumps, so it has no tangents and no "
                                 "gradient to train by")

    def place(self, name: str, layer: int) -> int:
        """Place in ``layers`` of the one with ``weights[layer]``."""
        weighted = self.weighted
        layer = count(name, layer, -len(weighted), len(weighted) - 1)
        return self.layers.index(weighted[layer])

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Outputs, shape ``(networks, points, outputs)``."""
        return self.through(self.points("x", x))

    def through(self, x: np.ndarray, first: int = 0, last: int | None = None) -> np.ndarray:
        """Points, as of `points`, through ``layers[first:last]``, some at a time."""
        step, parts = max(1, BLOCK // max(1, len(self) * self._largest)), []
        for start in range(0, x.shape[1], step):
            part = x[:, start:start + step]
            for layer in self.layers[first:last]:
                part = layer.forward(part)[0]
            parts.append(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    @cached_property
    def _largest(self) -> int:
        """Numbers a point is at most while it passes."""
        shapes = [self.shape]
        for layer in self.layers:
            shapes.append(layer.shape(shapes[-1]))
        return max(int(np.prod(shape)) for shape in shapes)

    def _passed(self, x: np.ndarray) -> Iterator[tuple[Layer, np.ndarray]]:
        """Every layer, and what it makes of the points."""
        x = self.points("x", x)
        for layer in self.layers:
            x = layer.forward(x)[0]
            yield layer, x

    def pre_activations(self, x: np.ndarray) -> list[np.ndarray]:
        """What each layer with weights makes of the points, the read-out last, each
        ``(networks, points, ...)``."""
        return [h for layer, h in self._passed(x) if isinstance(layer, Weighted)]

    def hidden(self, x: np.ndarray) -> list[np.ndarray]:
        """Activations of every hidden layer (see `names`), shape ``(networks, points, ...)``."""
        return [h for layer, h in self._passed(x) if layer.name]

    def jvp(self, x: np.ndarray, dx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs, and what becomes of one tangent ``dx`` a point."""
        *_, last = self._moved(x, dx)
        return last[1:]

    def hidden_jvp(self, x: np.ndarray,
                   dx: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Activations of every hidden layer, and the tangents ``dx`` becomes there."""
        found = [moved for layer, *moved in self._moved(x, dx) if layer.name]
        return [x for x, _ in found], [dx for _, dx in found]

    def _moved(self, x: np.ndarray, dx: np.ndarray) -> Iterator[tuple]:
        x, dx = self.points("x", x), self.points("dx", dx)
        if x.shape[1] != dx.shape[1]:
            raise ValueError(f"dx must have one tangent a point, got {dx.shape} for {x.shape}")
        self.refuse_jumps()
        for layer in self.layers:
            x, dx = layer.jvp(x, dx)
            yield layer, x, dx

    def calibrate(self, x: np.ndarray) -> None:
        """Replace the statistics that batch normalisation uses outside training by those of x."""
        x = self.points("x", x)
        for layer in self.layers:
            if isinstance(layer, Normalise):
                over = tuple(range(1, x.ndim - 1))
                layer.means[...], layer.variances[...] = x.mean(axis=over), x.var(axis=over)
            x = layer.forward(x)[0]

    def kept(self, x: np.ndarray, first: int = 0) -> tuple[np.ndarray, list, np.ndarray]:
        """A training pass from ``layers[first]`` on: outputs, what each layer kept, penalties."""
        trajectory = any(isinstance(layer, Regularise) for layer in self.layers)
        start = polyline(x) if trajectory else np.ones(len(x))
        kept, penalty = [], np.zeros(len(self))
        for layer in self.layers[first:]:
            x, needed = layer.forward(x, start)
            kept.append(needed)
            if isinstance(layer, Regularise):
                penalty = penalty + layer.penalty(needed)
        return x, kept, penalty

    def backward(self, g: np.ndarray, kept: list, first: int = 0) -> list[tuple]:
        """Gradients of the parameters of each of ``layers[first:]``, from that of the outputs."""
        found = []
        for place in range(len(self.layers) - 1, first - 1, -1):
            g, grown = self.layers[place].backward(g, kept[place - first], place > first)
            found.append(grown)
        return found[::-1]


def random_network(inputs: int, widths: Sequence[int] | int, outputs: int, sigma_w: float,
                   sigma_b: float, *, phi: Phi = "tanh", unit_read_out: bool = False,
                   **law: Any) -> Network:
    """Random fully connected networks.

    Args:
        widths: of the hidden layers.
        sigma_w, sigma_b, phi: as for `convolutional`, and by name ``networks``, ``seed``,
            ``output``, ``batch_norm`` and ``dtype``.
        unit_read_out: read-outs of unit length in a random direction, without biases.

    Source: [poole2016], [raghu2017].

    >>> random_network(3, [4], 2, 1.0, 0.1, networks=5, seed=0).forward(np.zeros((6, 3))).shape
    (5, 6, 2)
    """
    widths = [count("widths", width) for width in np.atleast_1d(widths).tolist()]
    if not widths:
        raise ValueError("widths must name at least one layer")
    net = convolutional((count("inputs", inputs),), (), widths, outputs, sigma_w=sigma_w,
                        sigma_b=sigma_b, phi=phi, **law)
    if unit_read_out:
        w = net.weights[-1]
        w /= np.sqrt(np.sum(w * w, axis=2, keepdims=True))
        net.biases[-1][...] = 0.0
    return net


def convolutional(shape: Sequence[int] = (16, 16, 3),
                  channels: Sequence[int | str] = (16, 16, "pool", 32, 32, "pool"),
                  hidden: Sequence[int] | int = (64,), outputs: int = 10, *, sigma_w: float,
                  sigma_b: float, size: int = 3, networks: int = 1, seed: Seed, phi: Phi = "relu",
                  output: Phi = "linear", batch_norm: bool = False, trajectory: float = 0.0,
                  dtype: type = np.float64) -> Network:
    """Random convolutional networks.

    Args:
        shape: rows, columns and channels of an image; of vectors, which have no ``channels``,
            how many numbers they are.
        channels: of the convolutions in order; ``"pool"`` averages over 2 x 2 squares.
        hidden: widths of the fully connected layers after them.
        sigma_w, sigma_b: standard deviations; weights have variance ``sigma_w**2 / fan-in`` in
            every layer, the read-out included.
        size: of a kernel, odd, whose fan-in is ``size**2 * channels``; images keep their size.
        phi, output: activations of the hidden layers and of the read-out.
        batch_norm: normalise the pre-activations of hidden layers.
        trajectory: weight of trajectory regularisation, which takes the place of batch
            normalisation; 0 for none.
        dtype: ``np.float64`` or ``np.float32``.

    Source: [raghu2017]; where it leaves the regularisation open, `Regularise` says what is done
        here.

    >>> net = convolutional((8, 8, 3), (4, "pool"), (5,), 2, sigma_w=1.4, sigma_b=0.0, seed=0)
    >>> net.names, net.forward(np.zeros((6, 8, 8, 3))).shape
    (['conv 1', 'pool 1', 'dense 1'], (1, 6, 2))
    """
    if count("size", size) % 2 == 0:
        raise ValueError(f"size must be odd, got {size}")
    if len(shape) != 3 and (len(shape) != 1 or channels):
        raise ValueError(f"shape must be (rows, columns, channels), got {shape}")
    trajectory = number("trajectory", trajectory, low=0.0)
    if batch_norm and trajectory:
        raise ValueError("trajectory takes the place of batch_norm; give one of them")
    choice("dtype", np.dtype(dtype).name, ("float32", "float64"))
    phi, output, shape = get(phi), get(output), tuple(count("shape", side) for side in shape)
    kinds = [("pool", 0) if kind == "pool" else ("conv", count("channels", kind))
             for kind in channels] + [("flat", 0)] * (len(shape) == 3)
    kinds += [("dense", count("hidden", width)) for width in np.atleast_1d(hidden).tolist()]
    draw = _drawn(number("sigma_w", sigma_w, low=0.0), number("sigma_b", sigma_b, low=0.0),
                  count("networks", networks), np.random.default_rng(seed), dtype)
    layers, after = [], shape
    for kind, units in [*kinds, ("read-out", count("outputs", outputs))]:
        name = f"{kind} {1 + sum(layer.name.startswith(kind) for layer in layers)}"
        if kind == "pool":
            more = [Pool(name)]
        elif kind == "flat":
            more = [Flatten()]
        elif kind == "conv":
            more = [Convolution(*draw(units, size**2 * after[-1]), size)]
        else:
            more = [Affine(*draw(units, after[-1]))]
        if kind in ("conv", "dense"):
            more += [Normalise(networks, units, dtype)] * bool(batch_norm)
            more += [Regularise(np.ones(networks, dtype), trajectory)] * bool(trajectory)
            more += [Activate(phi, name)]
        for layer in more:
            after = layer.shape(after)
        layers += more
    layers += [Activate(output)] * (output is not get("linear"))
    return Network.of(layers, shape, phi)


def _drawn(sigma_w: float, sigma_b: float, networks: int, rng: np.random.Generator,
           dtype: type) -> Callable:
    """What draws weights and biases of a layer; weights are scaled here alone."""
    def draw(units: int, fan_in: int) -> tuple[np.ndarray, np.ndarray]:
        w = sigma_w / np.sqrt(fan_in) * rng.standard_normal((networks, units, fan_in))
        return w.astype(dtype), (sigma_b * rng.standard_normal((networks, units))).astype(dtype)

    return draw


def sawtooth(depth: int) -> Network:
    """Two ReLU units a layer that fold [0, 1] in the middle: ``2^depth`` pieces.

    Every layer applies the tent ``2 relu(x) - 4 relu(x - 1/2)``, as ``relu(2 x) - relu(4 x - 2)``:
    it goes up to 1 at the middle and back to 0, and each layer runs over all teeth of the layer
    before twice. The read-out is the tent of the last layer, divided by the square root of 2.

    Accuracy: exact in double precision up to depth 52: all numbers are fractions of powers of 2.

    Source: [telgarsky2016].

    >>> (np.sqrt(2) * sawtooth(2).forward([[0.0], [0.25], [0.5]])).round(9).ravel().tolist()
    [0.0, 1.0, 0.0]
    """
    depth = count("depth", depth)
    tent, fold = np.array([[1.0, -1.0]]), np.array([[2.0], [4.0]])
    weights = [fold, *[fold @ tent] * (depth - 1), tent / np.sqrt(2)]
    return Network(weights, [*[np.array([0.0, -2.0])] * depth, None], "relu")


def _pairs(weights: Sequence, biases: Sequence | None, order: str,
           names: Sequence | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Copies of a user's arrays as ``(networks, out, in)`` and ``(networks, out)``."""
    choice("order", order, ("out_in", "in_out"))
    if isinstance(weights, dict) or not np.iterable(weights):
        raise ValueError("weights must be a list of arrays, one a layer, the read-out last; a "
                         "state_dict goes through np.savez and Network.load")
    biases = [None] * len(weights) if biases is None else list(biases)
    if not 0 < len(weights) == len(biases):
        raise ValueError("weights and biases must be lists of one array a layer, got "
                         f"{len(weights)} and {len(biases)}")
    names = names or [(f"weights[{i}]", f"biases[{i}]") for i in range(len(weights))]
    single = all(np.asarray(w).dtype == np.float32 for w in weights)
    dtype, pairs = np.float32 if single else np.float64, []
    for (name, label), w, b in zip(names, weights, biases):
        w = real(name, w, axes="..., out, in")
        w = w.swapaxes(-1, -2) if order == "in_out" else w
        w = w if w.ndim == 3 else w[None]
        networks, before = pairs[-1][0].shape[:2] if pairs else (len(w), w.shape[-1])
        if w.ndim != 3 or (len(w), w.shape[2]) != (networks, before):
            raise ValueError(f"{name} must have shape (out, {before}) or ({networks}, out, "
                             f"{before}) to fit what comes before; read as {order}, it has "
                             f"{w.shape}")
        b = np.zeros(w.shape[:2]) if b is None else real(label, b)
        b = b if b.ndim == 2 else b[None]
        if b.shape != w.shape[:2]:
            raise ValueError(f"{label} must have shape {w.shape[:2]}, got {b.shape}")
        pairs.append((np.array(w, dtype, order="C"), b.astype(dtype)))
    return pairs


def _arrays(file: Path) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz`` by their names, or that of an ``.npy`` by an empty one."""
    if not file.is_file():
        raise ValueError(f"there is no file {str(file)!r}")
    try:
        found = np.load(file, allow_pickle=False)
        found = {"": found} if isinstance(found, np.ndarray) else dict(found)
    except Exception:  # whatever damaged bytes make zipfile, zlib and NumPy raise
        found = {}
    if not found:
        raise ValueError(f"{file.name}: NumPy can read no arrays in it")
    for name, array in found.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
            raise ValueError(f"{file.name}: {name!r} is no array of real numbers, as np.savez "
                             "writes them")
    return found


def _stored(file: Path) -> tuple[list, list, list]:
    """Names, weights and biases of the layers of a file, in order."""
    layers: dict[str, dict] = {}
    for name, array in _arrays(file).items():
        told, at = STORED.fullmatch(name), f"{file.name}: {name!r}"
        kind = told and (told[2] or {"W": "weight", "b": "bias"}[told[3]])
        if not told or array.ndim != (2 if kind == "weight" else 1):
            raise ValueError(f"{at} of shape {array.shape} is no array of a fully connected layer:"
                             " these are called 0.weight and 0.bias, or W1 and b1. A normalisation"
                             " must be folded into the weights beside it, a convolution is not "
                             "read")
        layers.setdefault(told[1] or told[4] or "", {})[kind] = at, array.astype(float)
    if len({re.sub(r"\d+", "", layer) for layer in layers}) == 1:
        layers = {layer: layers[layer] for layer in sorted(
            layers, key=lambda layer: [*map(int, re.findall(r"\d+", layer))])}
    for one in layers.values():
        if "weight" not in one:
            raise ValueError(f"{one['bias'][0]} has no weights beside it")
    pairs = [(one["weight"], one.get("bias", ("", None))) for one in layers.values()]
    if len(pairs) < 2:
        raise ValueError(f"{pairs[0][0][0]} is alone, so there is no hidden layer")
    return ([(w[0], b[0]) for w, b in pairs], *([one[1] for one in of] for of in zip(*pairs)))


def _beside(array: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What there is once a network, or once a channel of each, with axes to multiply x."""
    return array.reshape(len(array), *(1,) * (x.ndim - array.ndim), *array.shape[1:])


def _sums(x: np.ndarray) -> np.ndarray:
    """Sums over all but networks and channels; a product is several times faster than `sum`."""
    rows = x.reshape(len(x), -1, x.shape[-1])
    return (np.ones((1, rows.shape[1]), x.dtype) @ rows)[:, 0]


def polyline(x: np.ndarray) -> np.ndarray:
    """Length of the polyline through ``(networks, points, ...)`` in their order, of each network.

    Source: [raghu2017], trajectory length.
    """
    step = np.diff(x, axis=1)
    return np.sqrt(np.sum(step * step, axis=tuple(range(2, x.ndim)))).sum(axis=1)
