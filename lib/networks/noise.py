"""Noise on the weights of one layer at a time: what it does to that layer, and to the answers.

Add ``s N(0, 1)`` to every weight of a layer whose incoming activations are ``z``. Its
pre-activations are disturbed by ``s`` times a normal variable of variance ``sum_j z_j^2``: noise
that is the same on every weight is the larger the more inputs a neuron has and the larger they
are. What reaches the read-out also passes the layers above.
"""
from typing import Iterator, NamedTuple, Sequence

import numpy as np

from lib.checks import choice, count, real
from lib.networks.network import Network, Seed, Weighted, stream

SOME = 250  # points at a time
SMALL = 1e-4  # of a disturbance, where a derivative is meant
KINDS = "absolute", "relative"
RULERS = "weights", "local", "response", "depth"


class Scales(NamedTuple):
    """What noise of size 1 meets in each layer; arrays ``(networks, layers)``, read-out last.

    ``fan_in`` of a neuron, shape ``(layers,)``; rms of the ``weights``, of the ``incoming``
    activations and of the ``pre_activations``; ``disturbance``, the rms change of the latter.
    """

    names: list[str]
    fan_in: np.ndarray
    weights: np.ndarray
    incoming: np.ndarray
    pre_activations: np.ndarray
    disturbance: np.ndarray

    @property
    def local(self) -> np.ndarray:
        """The disturbance in units of the pre-activations it disturbs."""
        return self.disturbance / self.pre_activations


class Sensitivity(NamedTuple):
    """Noise in one layer at a time, in several networks; the read-out is the last layer.

    By kind of noise, ``absolute`` (the same on every weight) or ``relative`` (in units of the
    layer's rms weight): its ``sizes``, the first of them 0, and the ``accuracy``, ``(networks,
    layers, sizes)``. The `Scales`; the `response`, ``(networks, layers)``.
    """

    sizes: dict[str, np.ndarray]
    accuracy: dict[str, np.ndarray]
    scales: Scales
    response: np.ndarray

    def lost(self, kind: str) -> np.ndarray:
        """Accuracy lost to noise, ``(networks, layers, sizes)``."""
        return self.accuracy[kind][..., :1] - self.accuracy[kind]

    def ruler(self, kind: str, of: str) -> np.ndarray:
        """What is said to decide what is lost, ``(networks, layers, sizes)``.

        ``of`` is ``"weights"``, the noise in units of the layer's rms weight; ``"local"``, the
        predicted disturbance of the pre-activations in units of their own; ``"response"``, the
        predicted change of the outputs; or ``"depth"``, the number of layers above.
        """
        weights, layers = self.scales.weights, self.response.shape[1]
        if choice("of", of, RULERS) == "depth":
            above = np.arange(layers - 1.0, -1.0, -1.0)[:, None]
            return above + np.zeros_like(self.accuracy[kind])
        scale = {"weights": 1.0 / weights, "local": self.scales.local,
                 "response": self.response}[of]
        unit = weights if kind == "relative" else 1.0
        return (scale * unit)[..., None] * self.sizes[kind]


def pooled(some: Sequence[Sensitivity], at: Sequence[tuple[str, int]],
           of: str) -> tuple[np.ndarray, np.ndarray]:
    """What was lost in all layers of several kinds of networks, beside what is said to decide it.

    Args:
        some: with as many networks each, which are taken in their order.
        at: pairs of a kind of noise and an index of its size.
        of: as for `Sensitivity.ruler`.

    Returns:
        Two arrays of shape ``(networks, items)``.
    """
    items = [(one, kind, i) for kind, i in at for one in some]
    return (np.hstack([one.lost(kind)[..., i] for one, kind, i in items]),
            np.hstack([one.ruler(kind, of)[..., i] for one, kind, i in items]))


def sensitivity(net: Network, x: np.ndarray, labels: np.ndarray, sizes: np.ndarray,
                relative_sizes: np.ndarray, *, seed: int, draws: int = 2,
                few: int = 200) -> Sensitivity:
    """Everything this module measures, of trained networks.

    Args:
        sizes, relative_sizes: of the two kinds of noise, both beginning with 0.
        seed: the same noise is used throughout.
        draws: of the noise, averaged over.
        few: how many of the inputs serve for the scales and the response.

    Source: [raghu2017], ICML form Fig. 6; derived here.

    >>> net = Network([np.ones((5, 4)), [[1.0] * 5, [2.0] * 5]])
    >>> found = sensitivity(net, np.ones((1, 4)), [0], [0.0, 0.1, 1.0], [0.0, 2.0], seed=0)
    >>> found.accuracy["absolute"].shape, found.response.shape
    ((1, 2, 3), (1, 2))
    >>> pooled([found], [("absolute", 1), ("relative", 1)], "depth")[1].tolist()
    [[1.0, 0.0, 1.0, 0.0]]
    """
    given = {kind: np.atleast_1d(real("sizes", some, low=0.0))
             for kind, some in zip(KINDS, (sizes, relative_sizes))}
    if any(some[0] != 0.0 for some in given.values()):
        raise ValueError("sizes and relative_sizes must begin with 0, the clean network")
    accuracy = {kind: accuracy_under_noise(net, x, labels, some, seed=seed, draws=draws,
                                           relative=kind == "relative")
                for kind, some in given.items()}
    return Sensitivity(given, accuracy, scales(net, x[:few]),
                       response(net, x[:few], seed=seed, draws=draws))


def scales(net: Network, x: np.ndarray) -> Scales:
    """The quantities that decide what noise on the weights of a layer does to the layer.

    ``disturbance`` is ``sqrt(mean sum_j z_j^2)`` over the inputs j of a neuron, averaged over x:
    ``sqrt(fan-in) * incoming``, but for the zeros around the image of a convolution.

    >>> scales(Network([np.ones((5, 4)), np.ones((2, 5))]), np.ones((1, 4))).disturbance[:, 0]
    array([2.])
    """
    rows = []
    for layer, z, _ in _weighted(net, net.points("x", x)):
        sums = layer.product(z * z, np.ones_like(layer.weights[:, :1]))
        rows.append([np.broadcast_to(value, len(net)) for value in (
            _rms(layer.weights), _rms(z), _rms(layer.forward(z)[0]),
            np.sqrt(sums.mean(axis=tuple(range(1, sums.ndim)))))])
    names = [name for name in net.names if not name.startswith("pool")] + ["read-out"]
    fan_in = np.array([w.shape[2] for w in net.weights])
    return Scales(names, fan_in, *np.array(rows).transpose(1, 2, 0))


def accuracy_under_noise(net: Network, x: np.ndarray, labels: np.ndarray, sizes: np.ndarray, *,
                         seed: Seed, relative: bool = False, draws: int = 4) -> np.ndarray:
    """Share of right answers with Gaussian noise on the weights of one layer at a time.

    Args:
        sizes: standard deviations of the noise, shape ``(sizes,)``; the same draws serve all.
        relative: sizes in units of the rms weight of the layer, each network's own; instead of
            the same noise on every weight. Biases stay as they are.

    Returns:
        Shape ``(networks, layers, sizes)``, the read-out last.

    Source: [raghu2017], ICML form Fig. 6.
    """
    x, sizes = net.points("x", x), np.atleast_1d(real("sizes", sizes, low=0.0))
    labels = real("labels", labels, axes=x.shape[1:2])
    noise = _noise(net, seed, draws)
    right = np.zeros((len(net), len(noise), len(sizes)))
    for start in range(0, len(labels), SOME):
        some = slice(start, start + SOME)
        for place, layer, h, change, above in _shaken(net, x[:, some], noise):
            if relative:
                unit = _rms(layer.weights).astype(net.dtype)
                change *= unit.reshape(-1, *[1] * (h.ndim - 1))
            for i, size in enumerate(sizes):
                out = net.through(h + net.dtype.type(size) * change, above)
                right[:, place, i] += np.sum(out.argmax(axis=2) == labels[some], axis=1)
    return right / (draws * len(labels))


def response(net: Network, x: np.ndarray, *, seed: Seed, draws: int = 4) -> np.ndarray:
    """How strongly the read-out answers to small noise on the weights of one layer.

    Returns:
        Shape ``(networks, layers)``: rms change of the outputs per unit of noise on every weight
        of the layer, in units of the rms output; the mean over the outputs, which changes no
        answer, is taken away from both.

    Accuracy: a difference quotient of step 1e-4 of the pre-activations.
    """
    x, found = net.points("x", x), np.zeros((len(net), len(net.weights)))
    noise, clean = _noise(net, seed, draws), _centred(net.through(x))
    for place, _, h, change, above in _shaken(net, x, noise):
        if change.any():  # else nothing comes into the layer
            step = SMALL * (_rms(h).mean() or 1.0) / _rms(change).mean()
            out = net.through(h + net.dtype.type(step) * change, above)
            found[:, place] += np.mean(((_centred(out) - clean) / step) ** 2, axis=(1, 2))
    return np.sqrt(found / draws) / _rms(clean)[:, None]


def _weighted(net: Network, x: np.ndarray) -> Iterator[tuple[Weighted, np.ndarray, int]]:
    """Every layer with weights, what comes into it, and the place of the layer above it."""
    done = 0
    for place, layer in enumerate(net.layers):
        if isinstance(layer, Weighted):
            x, done = net.through(x, done, place), place
            yield layer, x, place + 1


def _shaken(net: Network, x: np.ndarray, noise: list[list[np.ndarray]]) -> Iterator[tuple]:
    """For every layer and every draw of noise on its weights: the layer's number, the layer, its
    pre-activations, what the noise adds to them, and the place of the layer above."""
    for place, (layer, z, above) in enumerate(_weighted(net, x)):
        h = layer.forward(z)[0]
        for one in noise[place]:
            yield place, layer, h, layer.product(z, one), above


def _noise(net: Network, seed: Seed, draws: int) -> list[list[np.ndarray]]:
    rng = stream(seed)
    draws = count("draws", draws)
    return [[rng.standard_normal(w.shape).astype(net.dtype) for _ in range(draws)]
            for w in net.weights]


def _rms(array: np.ndarray) -> np.ndarray:
    """Root mean square of each network."""
    return np.sqrt(np.mean(array * array, axis=tuple(range(1, array.ndim))))


def _centred(out: np.ndarray) -> np.ndarray:
    return out - out.mean(axis=2, keepdims=True)
