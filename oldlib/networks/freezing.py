"""One layer trained, all others frozen: how far it gets, and what it could know beforehand."""
from typing import Callable, NamedTuple, Sequence

import numpy as np

from oldlib.checks import count
from oldlib.networks.layers import Stack
from oldlib.networks.optimizers import Adam, Sgd
from oldlib.networks.training import gradients, train

SEEN = 2000  # training images on which the training accuracy is counted


class Alone(NamedTuple):
    """Accuracies with one layer trained alone, arrays ``(layers, checkpoints, networks)``."""

    layers: np.ndarray
    steps: np.ndarray
    train: np.ndarray
    test: np.ndarray


def train_each_alone(model: Stack, x: np.ndarray, labels: np.ndarray, x_test: np.ndarray,
                     labels_test: np.ndarray, layers: Sequence[int], steps: int, *,
                     optimizer: Sgd | Adam, batch: int, rng: int,
                     at: Sequence[int] | None = None) -> Alone:
    """Train each of several layers alone, always from the same random networks.

    Args:
        model: where every training starts; it stays as it is.
        x, labels: to train on, the same for all networks.
        x_test, labels_test: to test on.
        layers: indices into ``model.weights``.
        steps, optimizer, batch, at: as for `lib.networks.training.train`.
        rng: seed of the minibatches, the same for every layer.

    Returns:
        `Alone`. The training accuracy is that on the first 2000 training points at most.

    Raises:
        ValueError, TypeError: bad arguments. Diverged: a loss is not finite.

    Accuracy: as `train`.

    Source: [raghu2017], ICLR form Fig. 6, ICML form Fig. 7.

    >>> from oldlib.networks.layers import mlp
    >>> x, labels = np.eye(4), np.arange(4) % 2
    >>> start = mlp(4, [5, 5], 2, 1.0, 0.0, networks=3, rng=0)
    >>> train_each_alone(start, x, labels, x, labels, [1, 2], 10, optimizer=Adam(0.01), batch=4,
    ...                  rng=0).test.shape
    (2, 2, 3)
    """
    seen = [(model.points("x", x)[:, :SEEN], np.asarray(labels)[:SEEN]),
            (model.points("x_test", x_test), np.asarray(labels_test))]
    histories = [train(model.copy(), x, labels, steps, optimizer=optimizer, batch=batch,
                       only=layer, rng=rng, at=at, watch=_watch(model, layer, seen))
                 for layer in layers]
    found = np.array([history.watched for history in histories])
    return Alone(np.array(layers), histories[0].steps, found[:, :, 0], found[:, :, 1])


def _watch(model: Stack, layer: int, seen: list[tuple[np.ndarray, np.ndarray]]) -> Callable:
    """What counts right answers; what the layers below make of the images is computed once."""
    first = model.place("layers", layer)
    below = [(model.through(x, 0, first), labels) for x, labels in seen]

    def accuracies(trained: Stack, step: int) -> list[np.ndarray]:
        out = [trained.through(x, first, len(trained.blocks)).argmax(axis=2) for x, _ in below]
        return [np.mean(told == labels, axis=1) for told, (_, labels) in zip(out, below)]

    return accuracies


def gradient_agreement(model: Stack, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cosine between the gradients that two halves of the data give, by layer.

    1: either half tells the layer where to go, and it is right for the other. 0: a step that
    helps one half is of no use to the other.

    Args:
        model: the networks.
        x, labels: points for all networks, cut in the middle.

    Returns:
        Shape ``(layers, networks)``, the read-out last.

    Raises:
        ValueError, TypeError: bad arguments, or fewer than two points.

    Accuracy: rounding, for these points.

    Source: derived here.

    >>> from oldlib.networks.layers import mlp
    >>> same = np.ones((4, 3))
    >>> gradient_agreement(mlp(3, [5], 2, 1.0, 0.0, rng=0), same, [0] * 4).round(6).tolist()
    [[1.0], [1.0]]
    """
    labels, half = np.asarray(labels), count("points", len(x), 2) // 2
    first, second = (gradients(model, x[some], labels[some])[1]
                     for some in (slice(half), slice(half, 2 * half)))
    cosines = []
    for layer in range(len(model.weights)):
        a, b = (found["weights", layer].reshape(model.networks, -1) for found in (first, second))
        cosines.append(np.sum(a * b, axis=1) / np.sqrt(np.sum(a * a, axis=1)
                                                       * np.sum(b * b, axis=1)))
    return np.array(cosines)
