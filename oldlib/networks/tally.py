"""Exact counts along paths through many networks, layer by layer."""
from typing import Callable, Iterable, NamedTuple

import numpy as np

from oldlib.activations import Activation
from oldlib.checks import count
from oldlib.networks.arclength import angular_length, length
from oldlib.networks.paths import Path
from oldlib.networks.piecewise import trace
from oldlib.networks.readout import Network, forward, sample_network


class Tally(NamedTuple):
    """What every layer sees; all shapes are ``(networks, depth)`` or ``(networks, depth + 1)``.

    ``signs`` and ``regions``: transitions of all neurons of layers 1 to D. ``pieces``: linear
    pieces up to each layer. ``length`` and ``angle``: of the curves of activations of layers 0
    (the input) to D, the angle as for `lib.networks.arclength.angular_length`.
    """

    signs: np.ndarray
    regions: np.ndarray
    pieces: np.ndarray
    length: np.ndarray
    angle: np.ndarray


def tally(paths: Iterable[Path], networks: Iterable[Network], offset: float = 0.0) -> Tally:
    """Trace each path through its network, and count.

    Args:
        paths: one for each network.
        networks: with a continuous piecewise-linear activation; used one after the other.
        offset: for the angle: ``sigma_b sqrt(width) / sigma_w``.

    Returns:
        The `Tally`.

    Raises:
        ValueError, TooManyPieces, Unresolved: as the functions it calls.

    Accuracy: counts exact, as `lib.networks.piecewise.trace`; lengths as
        `lib.networks.arclength`.

    Source: [raghu2017], the measures of expressivity along a trajectory.

    >>> from oldlib.networks.paths import circle
    >>> from oldlib.networks.readout import sample_network
    >>> net = sample_network(1.0, 0.0, width=5, depth=2, rng=0, phi="relu", inputs=2)
    >>> tally([circle([1.0, 0.0], [0.0, 1.0])], [net]).signs[:, 0].tolist()
    [10]
    """
    return Tally(*(np.array(rows) for rows in zip(*(
        _one(path, net, offset) for path, net in zip(paths, networks)))))


def _one(path: Path, net: Network, offset: float) -> tuple[list, ...]:
    inputs = len(path.centre)
    start = list(trace(path, [np.eye(inputs)], [np.zeros(inputs)], "linear"))
    signs, regions, pieces = [], [], []
    spans = [(length(start[0]), angular_length(start[0], offset))]
    for layer in trace(path, net.weights, net.biases, net.phi):
        signs.append(int(layer.sign_transitions.sum()))
        regions.append(int(layer.transitions.sum()))
        pieces.append(layer.pieces)
        spans.append((length(layer), angular_length(layer, offset)))
    lengths, angles = zip(*spans)
    return signs, regions, pieces, list(lengths), list(angles)


class Counts(NamedTuple):
    """Transitions of each layer and linear pieces up to it, shapes ``(networks, depth)``."""

    signs: np.ndarray
    regions: np.ndarray
    pieces: np.ndarray


def transitions(paths: Iterable[Path], networks: Iterable[Network]) -> Counts:
    """The counts of `tally` without its lengths; the activation may jump.

    Args:
        paths: one for each network.
        networks: with a piecewise-linear activation; used one after the other.

    Returns:
        The `Counts`.

    Raises:
        ValueError, TooManyPieces: as `lib.networks.piecewise.trace`.

    Accuracy: exact, as `lib.networks.piecewise.trace`.

    Source: [raghu2017], number of transitions.

    >>> from oldlib.networks.paths import line
    >>> from oldlib.networks.sawtooth import sawtooth
    >>> transitions([line([0.0], [1.0])], [sawtooth(3)]).regions.tolist()
    [[1, 2, 4]]
    """
    rows = [[(int(layer.sign_transitions.sum()), int(layer.transitions.sum()), layer.pieces)
             for layer in trace(path, net.weights, net.biases, net.phi)]
            for path, net in zip(paths, networks)]
    return Counts(*np.moveaxis(np.array(rows), 2, 0))


def sample_networks(number: int, sigma_w: float, sigma_b: float, width: int, depth: int,
                    seed: int, phi: str | Activation | Callable = "hard_tanh",
                    inputs: int | None = None) -> list[Network]:
    """Several networks, as by `lib.networks.readout.sample_network`.

    Args:
        number: how many.
        sigma_w, sigma_b, width, depth, phi, inputs: as for `sample_network`.
        seed: of all of them. The same random numbers serve every sigma_w and sigma_b, and the
            first few networks do not depend on the number.

    Returns:
        The networks.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: exact in law.

    Source: [raghu2017], networks with random weights.

    >>> weak, strong = (sample_networks(2, s, 0.0, 3, 1, seed=0)[1].weights[0] for s in (1, 2))
    >>> bool(np.allclose(2 * weak, strong))
    True
    """
    number, seed = count("number", number), count("seed", seed, low=0)
    return [sample_network(sigma_w, sigma_b, width, depth, np.random.default_rng([seed, i]), phi,
                           inputs) for i in range(number)]


def sampled_transitions(path: Path, net: Network, points: int) -> np.ndarray:
    """Region transitions that show between neighbours of equally spaced points of a path.

    Args:
        path: in the input of the network.
        net: with a piecewise-linear activation.
        points: how many, each in the middle of an equal part of the path.

    Returns:
        Shape ``(depth,)``: what is left of the ``regions`` of `tally`.

    Raises:
        ValueError, TypeError: fewer than two points.

    Accuracy: none: two transitions of one neuron between neighbours are not seen.

    Source: [raghu2017], as transitions are usually counted.

    >>> from oldlib.networks.paths import line
    >>> from oldlib.networks.sawtooth import sawtooth
    >>> sampled_transitions(line([0.0], [1.0]), sawtooth(5), 4).tolist()
    [1, 2, 0, 0, 0]
    """
    points = count("points", points, low=2)
    t = path.start + (path.stop - path.start) * (np.arange(points) + 0.5) / points
    layers = forward(net, path.at(t))
    above = [[h > kink for kink in net.phi.kinks] for h in layers]
    return np.array([sum(np.count_nonzero(a[1:] != a[:-1]) for a in layer) for layer in above])
