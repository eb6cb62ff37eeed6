"""Arcs of inputs, and how long networks make them."""
import numpy as np

from oldlib.checks import count, real
from oldlib.networks.layers import Stack


def arcs(start: np.ndarray, end: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Quarter arcs ``x(t) = cos(pi t / 2) start + sin(pi t / 2) end`` with their velocities.

    Args:
        start, end: shape ``(arcs, ...)``.
        points: on each arc, at the middles of as many equal parts of [0, 1].

    Returns:
        Points and velocities dx/dt, each of shape ``(arcs * points, ...)``, arc after arc.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: rounding.

    Source: [raghu2017], circular arcs between data points.

    >>> x, dx = arcs([[1.0, 0.0]], [[0.0, 1.0]], 1)
    >>> x.round(4).tolist(), dx.round(4).tolist()
    ([[0.7071, 0.7071]], [[-1.1107, 1.1107]])
    """
    start, end, points = real("start", start), real("end", end), count("points", points)
    if start.shape != end.shape or start.ndim < 2:
        raise ValueError(f"start and end must both have shape (arcs, ...), got {start.shape} and "
                         f"{end.shape}")
    angle = 0.5 * np.pi * (np.arange(points) + 0.5) / points
    angle = angle.reshape(1, -1, *(1,) * (start.ndim - 1))
    start, end = start[:, None], end[:, None]
    x = np.cos(angle) * start + np.sin(angle) * end
    dx = 0.5 * np.pi * (np.cos(angle) * end - np.sin(angle) * start)
    return x.reshape(-1, *x.shape[2:]), dx.reshape(-1, *x.shape[2:])


def lengths(model: Stack, x: np.ndarray, dx: np.ndarray) -> np.ndarray:
    """Mean length of the images of curves in every hidden layer, by tangents.

    Args:
        model: the networks.
        x, dx: points at evenly spaced times in [0, 1] and velocities, as from `arcs`.

    Returns:
        Shape ``(hidden layers, networks)``: the mean speed, which is the length of a curve
        averaged over the curves. Pooling layers count; see ``model.names``.

    Raises:
        ValueError, TypeError: wrong shapes.

    Accuracy: unbiased at any depth for points drawn evenly, since no chord cuts a corner; the
        spread of the speed over its mean, over root points.

    Source: [raghu2017], trajectory length; tangents derived here.

    >>> from oldlib.networks.layers import mlp
    >>> model = mlp(2, [2], 1, 1.0, 0.0, rng=0, phi="linear")
    >>> model.weights[0][...] = [[3.0, 0.0], [0.0, 3.0]]
    >>> lengths(model, *arcs([[1.0, 0.0]], [[0.0, 1.0]], 5)).round(4).tolist()
    [[4.7124]]
    """
    tangents = model.push(x, dx)[1]
    speeds = [np.sqrt(np.sum(v.reshape(*v.shape[:2], -1) ** 2, axis=2)) for v in tangents]
    return np.array([np.broadcast_to(speed.mean(axis=1), model.networks) for speed in speeds])
