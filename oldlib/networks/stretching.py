"""How networks stretch their inputs: tangents carried along with the activations.

The Jacobian of the last hidden layer with respect to the input is ``J = D^L W^L .. D^1 W^1`` with
``D = diag phi'(h)``, ``h = W x + b``. With fewer inputs than neurons its d columns travel with
the activations, one matrix product a layer for both, and the d x d matrix ``J^T J`` is
all that is kept. With more inputs than neurons, only the row space of ``W^1`` can be stretched:
tangents start there. Factors common to a point's tangents go into a logarithm, so that no depth
overflows.

Networks come as the lists ``weights`` of shape ``(networks, neurons, neurons before)`` and
``biases`` of shape ``(networks, neurons)``; inputs have shape ``(points, inputs)``.
"""
from math import prod
from typing import Callable, Iterator, NamedTuple, Sequence

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import real

BLOCK = 131_072  # numbers worked on at a time: they stay in the cache, and calls cost little
RESCALE = 8  # layers of tanh, slopes at least 1e-16 or zero, that do not leave the range of floats
FEW = 4  # tangents for which sums beat matrix products
TINY = 1e-300


class CauchyGreen(NamedTuple):
    """The right Cauchy-Green matrices of a field of inputs, in parts.

    ``J^T J`` at a point, restricted to the columns of ``frame``, is ``exp(2 log_scale) * gram``.
    Shapes: ``gram`` is ``(networks, points, d, d)``, ``log_scale`` is ``(networks, points)`` and
    ``frame`` is ``(networks, inputs, d)`` with orthonormal columns outside of whose span nothing
    is stretched.
    """

    gram: np.ndarray
    log_scale: np.ndarray
    frame: np.ndarray


def cauchy_green(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray],
                 phi: str | Activation | Callable, x: np.ndarray) -> CauchyGreen:
    """``J^T J`` at every input, of all layers given.

    Args:
        weights, biases: of the hidden layers; see the top of the module.
        phi: activation.
        x: inputs, shape ``(points, inputs)``.

    Returns:
        The `CauchyGreen`, with d the smaller of inputs and neurons of the first layer.

    Raises:
        ValueError, TypeError: shapes that do not fit, numbers that are not finite, or an
            activation that jumps.
        OverflowError: an activation that grew beyond the floating-point range.

    Accuracy: entries have the rounding of the largest one. A slope phi' that rounds to zero
        counts as zero; for tanh that is where ``|h| > 19``.

    Source: [storm2024]; carried in one product a layer, derived here.

    >>> field = cauchy_green([[[[2.0, 0.0], [0.0, 1.0]]]], [[[0.0, 0.0]]], "linear", [[0.0, 0.0]])
    >>> (np.exp(2 * field.log_scale)[..., None, None] * field.gram).round(12).tolist()
    [[[[4.0, 0.0], [0.0, 1.0]]]]
    """
    weights, biases, phi, x = _checked(weights, biases, phi, x)
    frame = _frames(weights[0])
    networks, _, d = frame.shape
    gram, log_scale = np.empty((networks, len(x), d, d)), np.empty((networks, len(x)))
    column = (d + 1) * max(w.shape[1] + 1 for w in weights)
    block = max(16, BLOCK // column // 8 * 8)
    room = _aligned(3, column * block)  # used again and again: fresh memory costs much
    for net in range(networks):
        matrices = [np.column_stack([w[net], b[net]]) for w, b in zip(weights, biases)]
        starts = weights[0][net] @ frame[net]
        for at in range(0, len(x), block):
            part = slice(at, at + block)
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                gram[net, part], log_scale[net, part] = _carry(matrices, starts, phi, x[part],
                                                               room)
    return CauchyGreen(gram, log_scale, frame)


def _carry(matrices: list[np.ndarray], starts: np.ndarray, phi: Activation,
           x: np.ndarray, room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``J^T J`` of a block of inputs in one network, and its logarithmic scale.

    ``stack[0]`` holds activations, ``stack[1:]`` the d tangents. Each has a last row, 1 for
    activations and 0 for tangents, which is what the bias, the last column of a matrix,
    multiplies.
    """
    shape = starts.shape[1] + 1, len(starts) + 1, len(x)
    stack = room[0, :prod(shape)].reshape(shape)
    stack[0, :-1] = matrices[0] @ np.column_stack([x, np.ones(len(x))]).T
    stack[1:, :-1] = starts.T[:, :, None]
    log_scale, every = np.zeros(len(x)), RESCALE if phi.phi is np.tanh else 1
    for layer, matrix in enumerate(matrices):
        if layer:
            shape, below = (len(stack), len(matrix) + 1, len(x)), stack
            stack = room[layer % 2, :prod(shape)].reshape(shape)
            np.matmul(matrix, below, out=stack[:, :-1])
        h, tangents = stack[0, :-1], stack[1:, :-1]
        tangents *= _advance(phi, h, room[2, :h.size].reshape(h.shape))
        stack[0, -1], stack[1:, -1] = 1.0, 0.0
        if (layer + 1) % every == 0:
            log_scale += _rescale(tangents)
    gram, log_scale = _gram(tangents, log_scale)
    if not (np.all(log_scale < np.inf) and np.isfinite(gram.sum() + stack[0].sum())):
        raise OverflowError("an activation or a tangent is beyond the floating-point range: "
                            "take smaller weights or fewer layers")
    return gram, log_scale


def _gram(tangents: np.ndarray, log_scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Gram matrix of each point's tangents, of trace 1, and its logarithmic scale."""
    d, _, points = tangents.shape
    if d > FEW:
        apart = np.ascontiguousarray(tangents.transpose(2, 0, 1))
        gram = apart @ np.swapaxes(apart, 1, 2)
    else:
        gram = np.empty((points, d, d))
        for i, j in zip(*np.tril_indices(d)):
            gram[:, i, j] = gram[:, j, i] = np.einsum("np,np->p", tangents[i], tangents[j])
    trace = np.einsum("pii->p", gram)
    gram /= np.maximum(trace, TINY)[:, None, None]
    return gram, log_scale + 0.5 * np.log(trace)


def _aligned(rows: int, columns: int) -> np.ndarray:
    """Memory whose rows begin with a cache line."""
    memory = np.empty(rows * columns + 8)
    start = -memory.ctypes.data % 64 // 8
    return memory[start:start + rows * columns].reshape(rows, columns)


def _advance(phi: Activation, h: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Replace pre-activations by activations; write the slopes phi' and return them."""
    if phi.phi is np.tanh:  # the slope comes with the value: the rest is bare arithmetic
        np.tanh(h, out=h)
        np.multiply(h, h, out=slope)
        return np.subtract(1.0, slope, out=slope)
    slope[...] = phi.dphi(h)
    h[...] = phi.phi(h)
    return slope


def _rescale(tangents: np.ndarray) -> np.ndarray:
    """Divide each point's tangents by their common size; the logarithm of that size."""
    square = np.einsum("dnp,dnp->p", tangents, tangents)
    peak = np.ones_like(square)
    if square.min() < 1e-280:  # squares may have rounded to zero
        peak = np.maximum(np.abs(tangents).max(axis=(0, 1)), TINY)
        tangents /= peak
        square = np.einsum("dnp,dnp->p", tangents, tangents)
    size = np.sqrt(square)
    tangents *= 1.0 / np.maximum(size, TINY)
    return np.log(size) + np.log(peak)


def hidden_layers(model: object) -> tuple[list[np.ndarray], list[np.ndarray], Activation]:
    """What the functions of this module take of a trained network: all but its read-out.

    Args:
        model: with ``weights``, ``biases`` and ``phi``, the read-out last, as a
            `lib.networks.layers.Stack` without batch normalisation or convolutions.

    Returns:
        Weights, biases and activation of the hidden layers.

    Raises:
        ValueError: layers that are not fully connected.

    Accuracy: exact.

    Source: [storm2024]: the read-out is left out of the exponent.

    >>> from oldlib.networks.layers import mlp
    >>> weights, biases, phi = hidden_layers(mlp(2, [3, 3], 1, 1.0, 0.0, rng=0))
    >>> len(weights), phi.name
    (2, 'tanh')
    """
    if getattr(model, "gains", []) or len(getattr(model, "shape", (0,))) > 1:
        raise ValueError("model must be fully connected and without batch normalisation")
    return model.weights[:-1], model.biases[:-1], model.phi


class Linearised(NamedTuple):
    """Networks linearised at every input, ready to multiply by J and by its transpose.

    ``weights`` are those of the layers, the first times ``frame``; ``slopes[l]`` of shape
    ``(networks, points, neurons)`` is phi' at layer l divided by a size that the layer's
    stretching has at that point; ``log_scale``, shape ``(networks, points)``, is the sum of the
    logarithms of these sizes. ``frame`` is as in `CauchyGreen`.
    """

    weights: list[np.ndarray]
    slopes: list[np.ndarray]
    log_scale: np.ndarray
    frame: np.ndarray

    def apply(self, v: np.ndarray) -> np.ndarray:
        """``exp(-log_scale) J frame v`` of vectors, one a point: ``(networks, points, d)``."""
        for w, slope in zip(self.weights, self.slopes):
            v = (v @ np.swapaxes(w, 1, 2)) * slope
        return v

    def adjoint(self, u: np.ndarray) -> np.ndarray:
        """``exp(-log_scale) frame^T J^T u`` of vectors ``(networks, points, neurons)``."""
        for w, slope in zip(self.weights[::-1], self.slopes[::-1]):
            u = (u * slope) @ w
        return u

    def lift(self, v: np.ndarray) -> np.ndarray:
        """Directions in the input, ``frame v``: ``(networks, points, inputs)``."""
        return v @ np.swapaxes(self.frame, 1, 2)


def linearised(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray],
               phi: str | Activation | Callable, x: np.ndarray) -> Linearised:
    """Networks linearised at every input, for inputs and layers too wide for `cauchy_green`.

    Args:
        weights, biases, phi, x: as for `cauchy_green`.

    Returns:
        The `Linearised`, whose ``apply`` and ``adjoint`` cost one product a layer.

    Raises:
        ValueError, TypeError, OverflowError: as `cauchy_green`.

    Accuracy: rounding; slopes as in `cauchy_green`.

    Source: derived here (chain rule).

    >>> linear = linearised([[[[3.0, 0.0], [0.0, 1.0]]]], [[[0.0, 0.0]]], "linear", [[0.0, 0.0]])
    >>> (np.exp(linear.log_scale)[..., None] * linear.apply(np.ones((1, 1, 2)))).round(12).tolist()
    [[[3.0, 1.0]]]
    """
    weights, biases, phi, x = _checked(weights, biases, phi, x)
    frame = _frames(weights[0])
    started = [weights[0] @ frame, *weights[1:]]
    probe = np.ones((len(frame), len(x), frame.shape[2]))
    slopes, log_scale = [], np.zeros(probe.shape[:2])
    for h, w in zip(_fields(weights, biases, phi, x), started):
        slope = np.array(phi.dphi(h), dtype=float)
        probe = (probe @ np.swapaxes(w, 1, 2)) * slope
        size = np.abs(probe).max(axis=2, keepdims=True)
        size[~(size > TINY)] = 1.0
        probe, slope = probe / size, slope / size
        slopes.append(slope)
        log_scale += np.log(size[..., 0])
    return Linearised(started, slopes, log_scale, frame)


def layer_jacobians(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray],
                    phi: str | Activation | Callable, x: np.ndarray) -> list[np.ndarray]:
    """``D^l W^l`` of every layer at every input, whose product is J.

    Args:
        weights, biases, phi, x: as for `cauchy_green`.

    Returns:
        One array a layer, ``(networks, points, neurons, neurons before)``.

    Raises:
        ValueError, TypeError, OverflowError: as `cauchy_green`.

    Accuracy: rounding.

    Source: [storm2024].

    >>> [j.tolist() for j in layer_jacobians([[[[2.0]]]], [[[0.0]]], "tanh", [[0.0]])]
    [[[[[2.0]]]]]
    """
    weights, biases, phi, x = _checked(weights, biases, phi, x)
    return [np.asarray(phi.dphi(h))[..., None] * w[:, None]
            for h, w in zip(_fields(weights, biases, phi, x), weights)]


def _fields(weights, biases, phi, x) -> Iterator[np.ndarray]:
    """Pre-activations of every layer, ``(networks, points, neurons)``."""
    for w, b in zip(weights, biases):
        with np.errstate(over="ignore", invalid="ignore"):
            h = x @ np.swapaxes(w, 1, 2) + b[:, None]
        if not np.all(np.isfinite(h)):
            raise OverflowError("an activation is beyond the floating-point range: take smaller "
                                "weights or fewer layers")
        yield h
        x = np.asarray(phi.phi(h))


def _frames(first: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the row space of the first weights, or all inputs."""
    networks, neurons, inputs = first.shape
    if inputs <= neurons:
        return np.tile(np.eye(inputs), (networks, 1, 1))
    return np.linalg.qr(np.swapaxes(first, 1, 2))[0]


def _checked(weights, biases, phi, x) -> tuple:
    """The arguments as arrays that fit together."""
    phi, x = get(phi), real("x", x)
    if not phi.continuous:
        raise ValueError(f"phi: {phi.name} jumps, so it has no tangents")
    if len(weights) == 0 or len(weights) != len(biases):
        raise ValueError("weights and biases must be lists of one array a layer, got "
                         f"{len(weights)} and {len(biases)}")
    weights, biases = [real("weights", w) for w in weights], [real("biases", b) for b in biases]
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"x must have shape (points, inputs), got {x.shape}")
    before = x.shape[1]
    for layer, (w, b) in enumerate(zip(weights, biases), start=1):
        if w.ndim != 3 or w.shape[2] != before or b.shape != w.shape[:2]:
            raise ValueError(
                f"layer {layer} must have weights of shape (networks, neurons, {before}) and "
                f"biases of shape (networks, neurons), got {w.shape} and {b.shape}")
        before = w.shape[1]
    if len({len(w) for w in weights}) > 1:
        raise ValueError(f"weights must be of one number of networks, got "
                         f"{[len(w) for w in weights]}")
    return weights, biases, phi, x
