"""Inputs on the decision boundary of networks, where the read-out ``G(x) = forward(x)[..., 0]``
vanishes."""
from typing import Callable

import numpy as np

from lib.checks import Untrusted, count, number
from lib.networks.jacobians import read_out_gradients
from lib.networks.network import Network, Seed, stream

HALVINGS, STEPS, ROUNDS = 30, 60, 20  # of a Newton step, of a search, of drawing new starts
BISECTIONS = 52
TOLERANCE = 1e-13  # distance from the boundary that is accepted, in units of |x|
FARTHEST = 1e8  # that a step may go, in units of |x|
NEEDLES = 32  # dropped for each point that is wanted


def boundary_points(net: Network, points: int, seed: Seed, *, q: float = 1.0) -> np.ndarray:
    """Inputs on the boundary ``G = 0``, by damped Newton steps along the gradient.

    A search starts at a random input and steps to where the tangent plane crosses zero; a step
    that does not shrink ``|G|`` is halved. Starts that stall are replaced by new ones.

    Args:
        points: how many are wanted, in each network.
        q: squared length per dimension of the starts.

    Returns:
        Shape ``(networks, points, inputs)``.

    Raises:
        Untrusted: G has one sign nearly everywhere, or its zeros are too far from the starts;
            ``best`` holds the points that were found in the network in question.

    Accuracy: ``|G| <= 1e-13 |g^0| |x|``. Starts are uniform on a sphere and the points are
        near them: not uniform on the boundary.

    Source: derived here, in place of the gradient descent on ``G^2`` of [poole2016].

    >>> from lib.networks.network import random_network
    >>> net = random_network(20, [20] * 2, 1, 2.0, 0.1, seed=0)
    >>> bool(np.abs(net.forward(boundary_points(net, 3, seed=1))).max() <= 1e-12)
    True
    """
    return _found(net, points, seed, q, 1, lambda one, x, rng: _newton(one, x))


def crossing_points(net: Network, points: int, seed: Seed, *, q: float = 1.0) -> np.ndarray:
    """Inputs on the boundary ``G = 0``, uniform over it: where short random needles cross it.

    Of needles dropped anywhere in any direction, each piece of a surface is crossed by as many
    as it has area (Buffon). A descent from random starts, as in `boundary_points`, instead
    favours the pieces with much empty space around them.

    Arguments, result and errors are those of `boundary_points`.

    Accuracy: rounding for the points; needles as long as a tenth of the distance over which G
        varies miss a few close pairs of crossings.
    """
    def search(one: Network, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        along = rng.standard_normal(x.shape)
        along /= np.sqrt(np.sum(along * along, axis=1, keepdims=True))
        slope = np.sqrt(np.mean(_gradient(one, x[:len(x) // NEEDLES]) ** 2))
        value, length = _value(one, x), np.sqrt(np.sum(x[0] * x[0]))
        needle = 0.1 * min(length, np.sqrt(np.mean(value**2)) / max(slope, 1e-300))
        crossed = value * _value(one, x + needle * along) < 0.0
        return _bisect(one, x[crossed], needle * along[crossed], value[crossed])

    return _found(net, points, seed, q, NEEDLES, search)


def _found(net: Network, points: int, seed: Seed, q: float, tries: int,
           search: Callable) -> np.ndarray:
    """Searches from random inputs of length q, so many a point, until there are enough."""
    rng = stream(seed)
    points, (size,), many = count("points", points), net.shape, []
    length = np.sqrt(size * number("q", q, low=1e-300))
    for one in net:
        found = np.empty((0, size))
        for _ in range(ROUNDS):
            x = rng.standard_normal((tries * points, size))
            x *= length / np.sqrt(np.sum(x * x, axis=1, keepdims=True))
            found = np.concatenate([found, search(one, x, rng)])
            if len(found) >= points:
                break
        else:
            raise Untrusted(f"only {len(found)} of {points} points of the boundary found in "
                            f"{ROUNDS * tries * points} searches: the read-out has one sign "
                            "nearly everywhere", found)
        many.append(found[:points])
    return np.stack(many)


def _value(one: Network, x: np.ndarray) -> np.ndarray:
    return one.forward(x)[0, :, 0] if len(x) else np.empty(0)


def _gradient(one: Network, x: np.ndarray) -> np.ndarray:
    return read_out_gradients(one, x)[0][0]


def _bisect(one: Network, x: np.ndarray, along: np.ndarray, value: np.ndarray) -> np.ndarray:
    low, high = np.zeros(len(x)), np.ones(len(x))
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        same = _value(one, x + middle[:, None] * along) * value > 0.0
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return x + low[:, None] * along


def _newton(one: Network, x: np.ndarray) -> np.ndarray:
    """The inputs that arrived, after their search.

    Positions after a long step are rounded: Newton's map is chaotic far from its goal, and the
    last bits, which differ from machine to machine, shall not choose the point that is found.
    """
    value = _value(one, x)
    grain = 2.0 ** np.floor(np.log2(1e-8 * np.sqrt(np.mean(x * x))))
    for _ in range(STEPS):
        slope = _gradient(one, x)
        square = np.sum(slope * slope, axis=1)
        reach = square * np.sum(x * x, axis=1)
        slopes = value**2 < FARTHEST**2 * reach  # where G is flat nothing crosses zero
        arrived = slopes & (value**2 <= TOLERANCE**2 * reach)
        going = slopes & ~arrived
        step = np.where(going, -value / np.where(going, square, 1.0), 0.0)[:, None] * slope
        for _ in range(HALVINGS):
            far = np.abs(step).max(axis=1, keepdims=True) > 1e3 * grain
            end = np.where(far, np.round((x + step) / grain) * grain, x + step)
            there = _value(one, end)
            worse = going & (np.abs(there) >= np.abs(value))
            step[worse] *= 0.5
            if not worse.any():
                break
        going &= ~worse
        if not going.any():
            break
        x[going] = end[going]
        value = np.where(going, there, value)
    return x[arrived]
