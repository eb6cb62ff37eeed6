"""Derivatives of networks: tangents, Jacobians, and the gradient and Hessian of a read-out.

Everything here takes a fully connected `Network` and inputs, ``(points, inputs)`` for all of the
networks or ``(networks, points, inputs)``, and works in double precision. A Jacobian is that of
the network's outputs; ``net.hidden_part`` leaves the read-out away.

`cauchy_green` carries tangents along with the activations, one matrix product a layer for both.
With fewer inputs than neurons these are the columns of J; with more, only the row space of the
first weights can be stretched, and tangents start there. Factors common to a point's tangents go
into a logarithm, so that no depth overflows.

The scalar read-out is ``G(x) = forward(x)[..., 0]``. Going back from its neuron, with
``u = W^T g`` of the layer above,

    ``g^l = phi'(h^l) u``  and  ``H^l = diag(phi') W^T H^{l+1} W diag(phi') + diag(phi'' u)``,

and layer 0 is the input, which enters ``h^1`` linearly.
"""
from typing import Iterator, NamedTuple

import numpy as np

from lib.activations import Activation, get
from lib.checks import count, real
from lib.measure.lyapunov import Stretch, leading
from lib.networks.network import Network

BLOCK = 131_072  # numbers worked on at a time: they stay in the cache, and calls cost little
LEVEL = 7.0  # beyond it 1 - tanh^2 has lost more than five digits
TINY = 1e-300

Dense = list[tuple[np.ndarray, np.ndarray, Activation | None]]


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


def cauchy_green(net: Network, x: np.ndarray) -> CauchyGreen:
    """``J^T J`` at every input, with d the smaller of inputs and neurons of the first layer.

    Raises:
        ValueError, TypeError: a network that is not fully connected, or whose activation jumps.
        OverflowError: an activation that grew beyond the floating-point range.

    Accuracy: entries have the rounding of the largest one. A slope phi' below the range of
        floats counts as zero; for tanh that is where ``|h| > 370``.

    Source: [storm2024]; carried in one product a layer, derived here.

    >>> field = cauchy_green(Network([[[2.0, 0.0], [0.0, 1.0]]]), [[0.0, 0.0]])
    >>> (np.exp(2 * field.log_scale)[..., None, None] * field.gram).round(12).tolist()
    [[[[4.0, 0.0], [0.0, 1.0]]]]
    """
    layers, x = _given(net, x)
    frame = _frames(layers[0][0])
    networks, points, d = len(net), x.shape[1], frame.shape[2]
    gram, log_scale = np.empty((networks, points, d, d)), np.empty((networks, points))
    block = max(16, BLOCK // ((d + 1) * max(w.shape[1] for w, _, _ in layers)))
    for one in range(networks):
        mine = [(w[one], b[one], phi) for w, b, phi in layers]
        starts, inputs = layers[0][0][one] @ frame[one], x[one % len(x)]
        for at in range(0, points, block):
            part = slice(at, at + block)
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                gram[one, part], log_scale[one, part] = _carry(mine, starts, inputs[part])
    return CauchyGreen(gram, log_scale, frame)


def stretching(net: Network, x: np.ndarray) -> Stretch:
    """``ln Lambda_1``, shape ``(networks, points)``, of J at every input, and the direction v_1
    that is stretched so, ``(networks, points, inputs)``. Over the depth it is the exponent.

    Source: [storm2024], which takes ``net.hidden_part``.

    >>> found = stretching(Network([[[2.0, 0.0], [0.0, 1.0]]]), [[0.0, 0.0]])
    >>> np.exp(found.log).tolist(), np.abs(found.direction).tolist()
    ([[2.0]], [[[1.0, 0.0]]])
    """
    return leading(*cauchy_green(net, x))


def _carry(layers: Dense, starts: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``J^T J`` of a block of inputs in one network, and its logarithmic scale.

    ``stack[0]`` holds activations, ``stack[1:]`` the d tangents.
    """
    stack = np.empty((starts.shape[1] + 1, len(starts), len(x)))
    stack[0], stack[1:] = layers[0][0] @ x.T, starts.T[:, :, None]
    log_scale = np.zeros(len(x))
    for layer, (w, b, phi) in enumerate(layers):
        if layer:
            stack = w @ stack
        stack[0] += b[:, None]
        if phi is not None:
            slope = _advance(phi, stack[0])
            # squares may round to zero: what is divided by need not be exact, it is counted
            size = np.sqrt(np.einsum("dnp,dnp->p", stack[1:], stack[1:])) + TINY
            log_scale += np.log(size)
            slope /= size
            stack[1:] *= slope
    tangents = stack[1:]
    size = np.maximum(np.maximum(tangents.max(axis=(0, 1)), -tangents.min(axis=(0, 1))), TINY)
    tangents = np.ascontiguousarray((tangents / size).transpose(2, 0, 1))
    gram = tangents @ tangents.mT
    log_scale += np.log(size)
    if not (np.all(log_scale < np.inf) and np.isfinite(gram.sum() + stack[0].sum())):
        raise OverflowError("an activation or a tangent is beyond the floating-point range: "
                            "take smaller weights or fewer layers")
    return gram, log_scale


def _advance(phi: Activation, h: np.ndarray) -> np.ndarray:
    """Replace pre-activations by activations; the slopes phi'."""
    if phi is not get("tanh"):
        h[...], slope = phi.jet(h, 1)
        return slope
    level = np.flatnonzero(np.abs(h) > LEVEL) if max(h.max(), -h.min()) > LEVEL else []
    there = phi.dphi(h.flat[level])
    np.tanh(h, out=h)  # which tells its slope, but where it is level
    slope = h * h
    np.subtract(1.0, slope, out=slope)
    slope.flat[level] = there
    return slope


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
            v = (v @ w.mT) * slope
        return v

    def adjoint(self, u: np.ndarray) -> np.ndarray:
        """``exp(-log_scale) frame^T J^T u`` of vectors ``(networks, points, neurons)``."""
        for w, slope in zip(self.weights[::-1], self.slopes[::-1]):
            u = (u * slope) @ w
        return u

    def lift(self, v: np.ndarray) -> np.ndarray:
        """Directions in the input, ``frame v``: ``(networks, points, inputs)``."""
        return v @ self.frame.mT


def linearised(net: Network, x: np.ndarray) -> Linearised:
    """Networks linearised at every input, for inputs and layers too wide for `cauchy_green`.

    >>> linear = linearised(Network([[[3.0, 0.0], [0.0, 1.0]]]), [[0.0, 0.0]])
    >>> (np.exp(linear.log_scale)[..., None] * linear.apply(np.ones((1, 1, 2)))).round(12).tolist()
    [[[3.0, 1.0]]]
    """
    layers, x = _given(net, x)
    frame = _frames(layers[0][0])
    probe = np.ones((len(net), x.shape[1], frame.shape[2]))
    weights, slopes, log_scale = [], [], np.zeros(probe.shape[:2])
    for w, slope in _slopes(layers, x):
        weights.append(w if weights else w @ frame)
        probe = (probe @ weights[-1].mT) * slope
        size = np.abs(probe).max(axis=2, keepdims=True)
        size[~(size > TINY)] = 1.0
        probe, slope = probe / size, slope / size
        slopes.append(slope)
        log_scale += np.log(size[..., 0])
    return Linearised(weights, slopes, log_scale, frame)


def layer_jacobians(net: Network, x: np.ndarray) -> list[np.ndarray]:
    """``D^l W^l`` of every layer at every input, whose product is J.

    One array a layer, ``(networks, points, neurons, neurons before)``.

    Source: [storm2024].
    """
    return [slope[..., None] * w[:, None] for w, slope in _slopes(*_given(net, x))]


def jacobian(net: Network, x: np.ndarray) -> np.ndarray:
    """The Jacobian of the outputs, shape ``(networks, points, outputs, inputs)``.

    >>> jacobian(Network([2 * np.eye(2), [[1.0, 3.0]]], phi="linear"), [[1.0, 2.0]]).tolist()
    [[[[2.0, 6.0]]]]
    """
    product = None
    for layer in layer_jacobians(net, x):
        product = layer if product is None else layer @ product
    return product


def layer_gains(net: Network, x: np.ndarray) -> np.ndarray:
    """``|D W|_F^2 / N`` of every layer but the first, averaged over inputs.

    This is the mean of the squared singular values of a layer's Jacobian ``D W``, where
    ``D = diag phi'(h)``: the gain of a small perturbation in a random direction. In random wide
    networks at their fixed point it is chi1. The first layer is left out: its fan-in is another.

    Returns:
        Shape ``(networks, layers - 1)``.

    Source: [poole2016] (chi1); derived here.

    >>> layer_gains(Network([np.eye(2), 3 * np.eye(2)], phi="linear"), np.ones((1, 2))).tolist()
    [[9.0]]
    """
    layers, x = _given(net, x)
    if len(layers) < 2:
        raise ValueError("net must have two layers at least")
    gains = [(np.square(slope) @ np.square(w).sum(axis=2)[:, :, None])[..., 0].mean(axis=1)
             / w.shape[2] for w, slope in _slopes(layers, x)]
    return np.stack(np.broadcast_arrays(*gains[1:]), axis=1)


def read_out_gradients(net: Network, x: np.ndarray) -> list[np.ndarray]:
    """Gradients of the read-out G: ``g^0`` (input) to ``g^D``, ``(networks, points, neurons)``.

    >>> net = Network([2 * np.eye(2), [[1.0, 0.0]]], phi="linear")
    >>> [g.tolist() for g in read_out_gradients(net, [[1.0, 2.0]])]
    [[[[2.0, 0.0]]], [[[1.0, 0.0]]]]
    """
    layers, u, x = _read_out(net, x)
    found = []
    for w, slope in list(_slopes(layers, x))[::-1]:
        found.append(slope * u)
        u = found[-1] @ w
    return [u, *found[::-1]]


def read_out_hessians(net: Network, x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Gradient and Hessian of the read-out G with respect to layers D, D - 1, .., 1, 0, of shapes
    ``(networks, points, n)`` and ``(networks, points, n, n)``.

    Raises:
        ValueError: the second derivative of phi is a delta.
    """
    if not net.phi.differentiable:
        raise ValueError(f"{net.phi.name} has a kink: its second derivative is a delta there, "
                         "so the read-out has no Hessian: its boundaries are flat pieces that "
                         "meet at edges")
    (layers, u, x), above, w = _read_out(net, x), None, None
    for h, below, phi in list(_fields(layers, x))[::-1]:
        _, slope, bend = phi.jet(h)
        hessian = 0.0 if above is None else _through(above, w * slope[..., None, :])
        bent = np.zeros((*h.shape, h.shape[-1]))
        np.einsum("npii->npi", bent)[...] = bend * u
        above, gradient, w = hessian + bent, slope * u, below[:, None]
        yield gradient, above
        u = gradient @ below
    yield u, _through(above, w)


def _through(hessian: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """``J^T H J``, made symmetric to the last bit."""
    product = jacobian.mT @ (hessian @ jacobian)
    return 0.5 * (product + product.mT)


def _read_out(net: Network, x: np.ndarray) -> tuple[Dense, np.ndarray, np.ndarray]:
    """The hidden layers, the weights of the first output ``(networks, 1, n)``, and the inputs."""
    (*layers, (beta, _, output)), x = _given(net, x)
    if output is not None or not layers:
        raise ValueError("net must have hidden layers and a linear read-out")
    return layers, beta[:, :1], x


def _given(net: Network, x: np.ndarray) -> tuple[Dense, np.ndarray]:
    """Layers and inputs in double precision, networks (or 1) on axis 0."""
    net.refuse_jumps()
    layers = [(w.astype(float, copy=False), b.astype(float, copy=False), phi)
              for w, b, phi in net.dense()]
    net.points("x", x)  # refuses what does not fit
    x = np.asarray(x, dtype=float)
    return layers, x if x.ndim == 3 else x[None]


def _fields(layers: Dense, x: np.ndarray) -> Iterator[tuple]:
    """Pre-activations, weights and activation of every layer."""
    for w, b, phi in layers:
        with np.errstate(over="ignore", invalid="ignore"):
            h = x @ w.mT + b[:, None]
        if not np.all(np.isfinite(h)):
            raise OverflowError("an activation is beyond the floating-point range: take smaller "
                                "weights or fewer layers")
        yield h, w, phi
        x = h if phi is None else np.asarray(phi.phi(h))


def _slopes(layers: Dense, x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Weights of every layer, and phi' there, ``(networks, points, neurons)``."""
    for h, w, phi in _fields(layers, x):
        yield w, np.ones_like(h) if phi is None else np.asarray(phi.dphi(h), dtype=float)


def _frames(first: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the row space of the first weights, or all inputs."""
    networks, neurons, inputs = first.shape
    if inputs <= neurons:
        return np.tile(np.eye(inputs), (networks, 1, 1))
    return np.linalg.qr(first.mT)[0]


def arcs(start: np.ndarray, end: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Quarter arcs ``x(t) = cos(pi t / 2) start + sin(pi t / 2) end`` with their velocities.

    Points are at the middles of as many equal parts of [0, 1]. From shapes ``(arcs, ...)`` to
    points and velocities dx/dt of shape ``(arcs * points, ...)``, arc after arc.

    Source: [raghu2017], circular arcs between data points.

    >>> x, dx = arcs([[1.0, 0.0]], [[0.0, 1.0]], 1)
    >>> x.round(4).tolist(), dx.round(4).tolist()
    ([[0.7071, 0.7071]], [[-1.1107, 1.1107]])
    """
    points = count("points", points)
    start = real("start", start, axes="arcs, n, ...")
    end = real("end", end, axes=start.shape)
    angle = 0.5 * np.pi * (np.arange(points) + 0.5) / points
    angle = angle.reshape(1, -1, *(1,) * (start.ndim - 1))
    start, end = start[:, None], end[:, None]
    x = np.cos(angle) * start + np.sin(angle) * end
    dx = 0.5 * np.pi * (np.cos(angle) * end - np.sin(angle) * start)
    return x.reshape(-1, *x.shape[2:]), dx.reshape(-1, *x.shape[2:])


def trajectory_lengths(net: Network, x: np.ndarray, dx: np.ndarray) -> np.ndarray:
    """Mean length of the images of curves in every hidden layer, by tangents; any layers.

    Args:
        x, dx: points at evenly spaced times in [0, 1] and velocities, as from `arcs`.

    Returns:
        Shape ``(networks, hidden layers)``: the mean speed, which is the length of a curve
        averaged over the curves. Pooling layers count; see ``net.names``.

    Accuracy: unbiased at any depth for points drawn evenly, since no chord cuts a corner; the
        spread of the speed over its mean, over root points.

    Source: [raghu2017], trajectory length; tangents derived here.

    >>> net = Network([3 * np.eye(2), [[1.0, 1.0]]], phi="linear")
    >>> trajectory_lengths(net, *arcs([[1.0, 0.0]], [[0.0, 1.0]], 5)).round(4).tolist()
    [[4.7124]]
    """
    speeds = [np.sqrt(np.sum(v.reshape(*v.shape[:2], -1) ** 2, axis=2))
              for v in net.hidden_jvp(x, dx)[1]]
    return np.stack([np.broadcast_to(speed.mean(axis=1), len(net)) for speed in speeds], axis=1)
