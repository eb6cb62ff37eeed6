"""One layer's weights turn on a great circle, ``W cos t + W' sin t``; everything else is fixed.

What any fixed input sends into the swept layer makes its pre-activations run along an arc, so
that the layers above can be traced exactly, input by input.
"""
from typing import Callable, NamedTuple, Sequence

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.networks.paths import arc
from oldlib.networks.piecewise import trace
from oldlib.networks.readout import sample_network

MOST_INPUTS = 62  # a labelling is the bits of one integer


class Sweep(NamedTuple):
    """What the outputs do while one layer is swept; axis 0 is the remaining depth 0, 1, ..

    ``dichotomies``: distinct labellings of the inputs, with each neuron of the layer as output,
    shape ``(layers, width)``. ``transitions``: sign transitions of those outputs, summed over
    inputs, same shape.
    """

    dichotomies: np.ndarray
    transitions: np.ndarray


def sweep(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], inputs: np.ndarray,
          layer: int, other: np.ndarray, phi: str | Activation | Callable = "hard_tanh",
          stop: float = 2 * np.pi) -> Sweep:
    """Dichotomies of a few inputs while the weights of one layer turn.

    The output is the sign of a pre-activation: each neuron of the swept layer (remaining depth
    0) and of every layer above it (remaining depth 1, 2, ..) is a random read-out of the layer
    before, and so one sweep gives every remaining depth, for many read-outs.

    Args:
        weights, biases: of each layer, as for `lib.networks.piecewise.trace`; all layers have
            the width of the swept one from there on.
        inputs: shape ``(s, inputs)``.
        layer: which layer is swept, from 1.
        other: W' with the shape of the swept layer's weights.
        phi: piecewise-linear activation.
        stop: range of t, a full turn if left out.

    Returns:
        The `Sweep`.

    Raises:
        ValueError, TypeError: bad arguments. TooManyPieces: as `trace`.

    Accuracy: exact, as `trace`.

    Source: [raghu2017], ICLR form Fig. 4 and 5.

    >>> eye = np.eye(2)
    >>> turn = sweep([eye], [np.zeros(2)], eye, 1, np.array([[0.0, 1.0], [-1.0, 0.0]]))
    >>> turn.dichotomies.tolist(), turn.transitions.tolist()
    ([[4, 4]], [[4, 4]])
    """
    phi, layer = get(phi), count("layer", layer)
    if layer > len(weights):
        raise ValueError(f"layer must be at most {len(weights)}, got {layer}")
    x = real("inputs", inputs)
    if x.ndim != 2 or not 1 <= len(x) <= MOST_INPUTS:
        raise ValueError(f"inputs must have shape (s, inputs), s at most {MOST_INPUTS}, got shape "
                         f"{x.shape}")
    for w, b in zip(weights[:layer - 1], biases):
        x = np.asarray(phi.phi(x @ np.asarray(w).T + b))
    w, other = real("weights", weights[layer - 1]), real("other", other)
    if other.shape != w.shape:
        raise ValueError(f"other must have shape {w.shape}, got {other.shape}")
    width = len(w)
    above = [np.eye(width), *weights[layer:]], [np.zeros(width), *biases[layer:]]
    seen: list[list[tuple]] = [[] for _ in above[0]]
    for row in x:
        path = arc(w @ row, other @ row, stop, centre=biases[layer - 1])
        for one, at in zip(trace(path, *above, phi), seen):
            at.append(one.signs)
    return Sweep(np.stack([_labellings(at) for at in seen]),
                 np.stack([np.bincount(np.concatenate([neuron for _, neuron, _ in at]),
                                       minlength=len(at[0][2])) for at in seen]))


def _labellings(signs: list[tuple]) -> np.ndarray:
    """Distinct sign patterns over the inputs for each neuron, from all changes in order of t."""
    times = np.concatenate([t for t, _, _ in signs])
    neuron = np.concatenate([who for _, who, _ in signs])
    bit = np.concatenate([np.full(len(t), 1 << i) for i, (t, _, _) in enumerate(signs)])
    start = sum((first.astype(np.int64) << i for i, (_, _, first) in enumerate(signs)))
    order = np.lexsort((times, neuron))
    edges = np.searchsorted(neuron[order], np.arange(len(start) + 1))
    return np.array([len(np.unique(_walk(first, times[of], bit[of])))
                     for first, of in zip(start, np.split(order, edges[1:-1]))])


def _walk(first: int, times: np.ndarray, bit: np.ndarray) -> np.ndarray:
    """Labellings between the changes; what changes at one time changes together."""
    labels = np.bitwise_xor.accumulate(np.concatenate([[first], bit]))
    return labels[np.append(np.diff(times, prepend=-np.inf) > 0, True)]


def sampled_sweeps(sigma_w: float, sigma_b: float, width: int, remaining: int, inputs: int,
                   networks: int, rng: int | np.random.Generator, below: int = 0,
                   phi: str | Activation | Callable = "hard_tanh") -> Sweep:
    """Sweeps of one layer in random networks, for random inputs.

    Args:
        sigma_w, sigma_b: standard deviations; W' is drawn like W.
        width: of all layers, and dimension of the inputs, which are N(0, 1).
        remaining: layers above the swept one.
        inputs: how many, s.
        networks: how many are sampled, each with inputs of its own.
        rng: a seed or a `numpy.random.Generator`.
        below: layers below the swept one.
        phi: piecewise-linear activation.

    Returns:
        A `Sweep` with the networks on axis 0: shape ``(networks, remaining + 1, width)``.

    Raises:
        ValueError, TypeError, TooManyPieces: as `sweep`.

    Accuracy: exact, as `sweep`.

    Source: [raghu2017], ICLR form Fig. 4 and 5.

    >>> sampled_sweeps(2.0, 0.0, width=5, remaining=1, inputs=2, networks=3, rng=0).transitions[
    ...     :, 0].tolist()  # each of two inputs crosses each neuron's hyperplane twice
    [[4, 4, 4, 4, 4], [4, 4, 4, 4, 4], [4, 4, 4, 4, 4]]
    """
    remaining, below = count("remaining", remaining, low=0), count("below", below, low=0)
    rng, many = np.random.default_rng(rng), []
    for _ in range(count("networks", networks)):
        net = sample_network(sigma_w, sigma_b, width, below + 1 + remaining, rng, phi)
        other = sample_network(sigma_w, sigma_b, width, 1, rng, phi).weights[0]
        x = rng.standard_normal((count("inputs", inputs), width))
        many.append(sweep(net.weights, net.biases, x, below + 1, other, phi))
    return Sweep(*(np.stack(counts) for counts in zip(*many)))
