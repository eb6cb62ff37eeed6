"""Networks kept with their weights: a scalar read-out with its gradient and Hessian, exactly.

The read-out is ``G(x) = beta . phi(h^D)`` with ``|beta| = 1``. Going back from layer D, with
``u = W^T g`` of the layer above,

    ``g^l = phi'(h^l) u``  and  ``H^l = diag(phi') W^T H^{l+1} W diag(phi') + diag(phi'' u)``,

and layer 0 is the input, which enters ``h^1`` linearly.
"""
from typing import Callable, Iterator, NamedTuple

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real

HALVINGS, STEPS, ROUNDS = 30, 60, 20  # of a Newton step, of a search, of drawing new starts
BISECTIONS = 52


class NotFound(ArithmeticError):
    """Fewer points on the boundary than asked for; ``best`` holds those that were found."""

    def __init__(self, message: str, best: np.ndarray):
        super().__init__(message)
        self.best = best


class Network(NamedTuple):
    """Weights ``W^1 .. W^D``, each ``(neurons, neurons before)``, biases, read-out, activation."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    beta: np.ndarray
    phi: Activation


def sample_network(sigma_w: float, sigma_b: float, width: int, depth: int,
                   rng: int | np.random.Generator, phi: str | Activation | Callable = "tanh",
                   inputs: int | None = None) -> Network:
    """A random network with its weights and a random read-out of unit length.

    Args:
        sigma_w, sigma_b: standard deviations; weights have variance ``sigma_w**2 / fan-in``.
        width: neurons a layer.
        depth: hidden layers D.
        rng: a seed or a `numpy.random.Generator`.
        phi: activation.
        inputs: dimension of the input; ``width`` if left out.

    Returns:
        The `Network`.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: exact.

    Source: [poole2016].

    >>> [w.shape for w in sample_network(1.0, 0.1, width=4, depth=2, rng=0, inputs=3).weights]
    [(4, 3), (4, 4)]
    """
    sigma_w = float(real("sigma_w", sigma_w, low=0.0))
    sigma_b = float(real("sigma_b", sigma_b, low=0.0))
    width, depth = count("width", width), count("depth", depth)
    sizes = [count("inputs", width if inputs is None else inputs)] + [width] * depth
    phi, rng = get(phi), np.random.default_rng(rng)
    weights = [sigma_w / np.sqrt(before) * rng.standard_normal((after, before))
               for before, after in zip(sizes, sizes[1:])]
    biases = [sigma_b * rng.standard_normal(size) for size in sizes[1:]]
    beta = rng.standard_normal(width)
    return Network(weights, biases, beta / np.sqrt(beta @ beta), phi)


def forward(network: Network, x: np.ndarray) -> list[np.ndarray]:
    """Pre-activations ``h^1 .. h^D`` of inputs.

    Args:
        network: with its weights.
        x: inputs, shape ``(points, inputs)``.

    Returns:
        D arrays of shape ``(points, neurons)``.

    Raises:
        ValueError: wrong shape.

    Accuracy: rounding.

    Source: [poole2016].

    >>> net = Network([np.eye(2)], [np.ones(2)], np.array([1.0, 0.0]), get("linear"))
    >>> forward(net, [[1.0, 2.0]])[0].tolist()
    [[2.0, 3.0]]
    """
    x = real("x", x)
    if x.ndim != 2 or x.shape[1] != network.weights[0].shape[1]:
        raise ValueError(f"x must have shape (points, {network.weights[0].shape[1]}), got "
                         f"{x.shape}")
    layers = []
    for w, b in zip(network.weights, network.biases):
        layers.append(x @ w.T + b)
        x = np.asarray(network.phi.phi(layers[-1]))
    return layers


def read_out(network: Network, x: np.ndarray) -> np.ndarray:
    """``G(x) = beta . phi(h^D)``.

    Args:
        network, x: as in `forward`.

    Returns:
        Shape ``(points,)``.

    Raises:
        ValueError: wrong shape.

    Accuracy: rounding.

    Source: [poole2016].

    >>> net = Network([np.eye(2)], [np.ones(2)], np.array([1.0, 0.0]), get("linear"))
    >>> read_out(net, [[1.0, 2.0]]).tolist()
    [2.0]
    """
    return np.asarray(network.phi.phi(forward(network, x)[-1])) @ network.beta


def gradients(network: Network, x: np.ndarray) -> list[np.ndarray]:
    """Gradients of the read-out with respect to the input and to every layer.

    Args:
        network, x: as in `forward`.

    Returns:
        D + 1 arrays of shape ``(points, neurons)``: ``g^0`` (input) to ``g^D``.

    Raises:
        ValueError: wrong shape.

    Accuracy: rounding; at a kink the derivative on one side.

    Source: derived here (chain rule).

    >>> net = Network([2 * np.eye(2)], [np.zeros(2)], np.array([1.0, 0.0]), get("linear"))
    >>> [g.tolist() for g in gradients(net, [[1.0, 2.0]])]
    [[[2.0, 0.0]], [[1.0, 0.0]]]
    """
    layers, u, found = forward(network, x), network.beta, []
    for h, w in zip(layers[::-1], network.weights[::-1]):
        found.append(np.asarray(network.phi.dphi(h)) * u)
        u = found[-1] @ w
    return [u, *found[::-1]]


def jacobians(network: Network, x: np.ndarray) -> Iterator[np.ndarray]:
    """Jacobians ``dh^l / dx`` of every layer with respect to the input, l = 1 .. D.

    Args:
        network, x: as in `forward`.

    Returns:
        Iterator of D arrays of shape ``(points, neurons, inputs)``.

    Raises:
        ValueError: wrong shape.

    Accuracy: rounding; at a kink the derivative on one side.

    Source: derived here (chain rule).

    >>> net = Network([2 * np.eye(2)], [np.zeros(2)], np.array([1.0, 0.0]), get("linear"))
    >>> [jacobian.tolist() for jacobian in jacobians(net, [[1.0, 2.0]])]
    [[[[2.0, 0.0], [0.0, 2.0]]]]
    """
    layers = forward(network, x)
    jacobian = np.broadcast_to(network.weights[0], (len(layers[0]), *network.weights[0].shape))
    yield jacobian
    for h, w in zip(layers, network.weights[1:]):
        jacobian = w @ (np.asarray(network.phi.dphi(h))[..., None] * jacobian)
        yield jacobian


def hessians(network: Network, x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Gradient and Hessian of the read-out with respect to layers D, D - 1, .., 1, 0.

    Args:
        network, x: as in `forward`.

    Returns:
        Iterator of pairs of shapes ``(points, n)`` and ``(points, n, n)``, from the last layer
        back to the input.

    Raises:
        ValueError: wrong shape, or an activation whose second derivative is a delta.

    Accuracy: rounding; symmetric to the last bit.

    Source: derived here (chain rule).

    >>> net = sample_network(1.0, 0.1, width=4, depth=2, rng=0, inputs=3)
    >>> [hessian.shape for _, hessian in hessians(net, np.zeros((5, 3)))]
    [(5, 4, 4), (5, 4, 4), (5, 3, 3)]
    """
    if not network.phi.differentiable:
        raise ValueError(f"{network.phi.name} has a kink: its second derivative is a delta there, "
                         "so the read-out has no Hessian: its boundaries are flat pieces that "
                         "meet at edges")
    return _hessians(network, forward(network, x))


def _hessians(network: Network,
              layers: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    u, above, w = network.beta, None, None
    for h, below in zip(layers[::-1], network.weights[::-1]):
        _, slope, bend = network.phi.jet(h)
        hessian = 0.0 if above is None else _through(above, w * slope[:, None, :])
        bent = np.zeros((*h.shape, h.shape[1]))
        np.einsum("pii->pi", bent)[...] = bend * u
        above, gradient, w = hessian + bent, slope * u, below
        yield gradient, above
        u = gradient @ w
    yield u, _through(above, w)


def _through(hessian: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
    """``J^T H J``, made symmetric to the last bit."""
    product = np.swapaxes(jacobian, -1, -2) @ (hessian @ jacobian)
    return 0.5 * (product + np.swapaxes(product, -1, -2))


def boundary_points(network: Network, points: int, rng: int | np.random.Generator,
                    q: float = 1.0, tolerance: float = 1e-13) -> np.ndarray:
    """Inputs on the decision boundary ``G = 0``, by damped Newton steps along the gradient.

    A search starts at a random input and steps to where the tangent plane crosses zero; a step
    that does not shrink ``|G|`` is halved. Starts that stall are replaced by new ones.

    Args:
        network: with its weights.
        points: how many are wanted.
        rng: of the starts.
        q: squared length per dimension of the starts.
        tolerance: largest distance from the boundary accepted, in units of ``|x|``.

    Returns:
        Shape ``(points, inputs)``.

    Raises:
        NotFound: G has one sign nearly everywhere, or its zeros are too far from the starts.
        ValueError, TypeError: bad arguments.

    Accuracy: ``|G| <= tolerance |g^0| |x|``. Starts are uniform on a sphere and the points are
        near them: not uniform on the boundary.

    Source: derived here, in place of the gradient descent on ``G^2`` of [poole2016].

    >>> net = sample_network(2.0, 0.1, width=20, depth=2, rng=0)
    >>> bool(np.abs(read_out(net, boundary_points(net, 3, rng=1))).max() <= 1e-12)
    True
    """
    points, rng = count("points", points), np.random.default_rng(rng)
    size, tolerance = network.weights[0].shape[1], float(real("tolerance", tolerance, low=1e-15))
    length = np.sqrt(size * float(real("q", q, low=1e-300)))
    found = np.empty((0, size))
    for _ in range(ROUNDS):
        x = rng.standard_normal((points, size))
        x *= length / np.sqrt(np.sum(x * x, axis=1, keepdims=True))
        x, arrived = _newton(network, x, tolerance)
        found = np.concatenate([found, x[arrived]])
        if len(found) >= points:
            return found[:points]
    raise NotFound(f"only {len(found)} of {points} boundary points found in {ROUNDS * points} "
                   "searches: the read-out has one sign nearly everywhere", found)


def crossing_points(network: Network, points: int, rng: int | np.random.Generator,
                    q: float = 1.0) -> np.ndarray:
    """Inputs on the decision boundary, uniform over it: where short random needles cross it.

    Of needles dropped anywhere in any direction, each piece of a surface is crossed by as many
    as it has area (Buffon). A descent from random starts, as in `boundary_points`, instead
    favours the pieces with much empty space around them.

    Args:
        network: with its weights.
        points: how many are wanted.
        rng: of the needles.
        q: squared length per dimension at which needles are dropped.

    Returns:
        Shape ``(points, inputs)``.

    Raises:
        NotFound: too few needles cross.
        ValueError, TypeError: bad arguments.

    Accuracy: rounding for the points; needles as long as a tenth of the distance over which G
        varies miss a few close pairs of crossings.

    Source: derived here.

    >>> net = sample_network(2.0, 0.1, width=20, depth=2, rng=0)
    >>> bool(np.abs(read_out(net, crossing_points(net, 3, rng=1))).max() < 1e-12)
    True
    """
    points, rng = count("points", points), np.random.default_rng(rng)
    size = network.weights[0].shape[1]
    length = np.sqrt(size * float(real("q", q, low=1e-300)))
    found = np.empty((0, size))
    for _ in range(ROUNDS):
        x, along = rng.standard_normal((2, 32 * points, size))
        x *= length / np.sqrt(np.sum(x * x, axis=1, keepdims=True))
        along /= np.sqrt(np.sum(along * along, axis=1, keepdims=True))
        slope = np.sqrt(np.mean(gradients(network, x[:points])[0] ** 2))
        value = read_out(network, x)
        needle = 0.1 * min(length, np.sqrt(np.mean(value**2)) / max(slope, 1e-300))
        crossed = value * read_out(network, x + needle * along) < 0.0
        x, along, value = x[crossed], needle * along[crossed], value[crossed]
        low, high = np.zeros(len(x)), np.ones(len(x))
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            same = read_out(network, x + middle[:, None] * along) * value > 0.0
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        found = np.concatenate([found, x + low[:, None] * along])
        if len(found) >= points:
            return found[:points]
    raise NotFound(f"only {len(found)} of {ROUNDS * 32 * points} needles cross the boundary, "
                   f"{points} points were wanted", found)


def _newton(network: Network, x: np.ndarray,
            tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Every input after its search, and whether it arrived.

    Positions after a long step are rounded: Newton's map is chaotic far from its goal, and the
    last bits, which differ from machine to machine, shall not choose the point that is found.
    """
    value = read_out(network, x)
    grain = 2.0 ** np.floor(np.log2(1e-8 * np.sqrt(np.mean(x * x))))
    for _ in range(STEPS):
        slope = gradients(network, x)[0]
        square = np.sum(slope * slope, axis=1)
        slopes = square > 0.0  # where G is flat to rounding nothing crosses zero
        arrived = slopes & (value**2 <= tolerance**2 * square * np.sum(x * x, axis=1))
        going = slopes & ~arrived
        step = np.where(going, -value / np.where(going, square, 1.0), 0.0)[:, None] * slope
        for _ in range(HALVINGS):
            far = np.abs(step).max(axis=1, keepdims=True) > 1e3 * grain
            end = np.where(far, np.round((x + step) / grain) * grain, x + step)
            there = read_out(network, end)
            worse = going & (np.abs(there) >= np.abs(value))
            step[worse] *= 0.5
            if not worse.any():
                break
        going &= ~worse
        if not going.any():
            break
        x[going] = end[going]
        value = np.where(going, there, value)
    return x, arrived
