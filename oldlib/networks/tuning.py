"""The same small search of the learning rate for everyone who is to be compared."""
from typing import NamedTuple, Sequence

import numpy as np

from oldlib.checks import real
from oldlib.networks.layers import Stack
from oldlib.networks.optimizers import Adam
from oldlib.networks.training import accuracy, train


class Tuned(NamedTuple):
    """The rate that did best on the check points, and how its networks do on the test points.

    ``errors`` has shape ``(networks,)``; ``checked``, ``(rates, networks)``, are the errors by
    which the rate was chosen. A network that diverged has an infinite error.
    """

    rate: float
    errors: np.ndarray
    checked: np.ndarray


def tune(model: Stack, x: np.ndarray, y: np.ndarray, check: tuple[np.ndarray, np.ndarray],
         test: tuple[np.ndarray, np.ndarray], *, rates: Sequence[float], steps: int,
         rng: int, batch: int = 64, loss: str = "softmax") -> Tuned:
    """Train copies of a stack by Adam at several rates and keep the best rate.

    Every rate starts from the same weights and sees the same minibatches; the rate falls to 0 as
    half a cosine. The best one has the lowest mean error on the check points; its errors are
    reported on the test points, which have no part in the choice.

    Args:
        model: the stack; it is left as it is.
        x, y: to train on.
        check, test: each inputs and targets.
        rates: learning rates to try.
        steps, batch, loss: as for `lib.networks.training.train`.
        rng: seed of the minibatches.

    Returns:
        The `Tuned`.

    Raises:
        TypeError, ValueError: bad arguments.

    Accuracy: as `train`.

    Source: derived here.

    >>> from oldlib.networks.layers import mlp
    >>> x = np.linspace(-1.0, 1.0, 64)[:, None]
    >>> found = tune(mlp(1, [8], 1, 1.0, 0.0, rng=0), x, x**2, (x, x**2), (x, x**2),
    ...              rates=(1e-5, 1e-2), steps=200, batch=16, loss="square", rng=0)
    >>> found.rate
    0.01
    """
    rates = np.atleast_1d(real("rates", rates, low=0.0))
    checked, tested = [], []
    for rate in rates:
        twin = model.copy()
        past = train(twin, x, y, steps, optimizer=Adam(float(rate), cosine=True), batch=batch,
                     loss=loss, rng=rng, diverging="keep")
        lost = past.diverged >= 0
        for found, points in ((checked, check), (tested, test)):
            found.append(np.where(lost, np.inf, prediction_error(twin, *points, loss)))
    best = int(np.mean(checked, axis=1).argmin())
    return Tuned(float(rates[best]), tested[best], np.array(checked))


def prediction_error(model: Stack, x: np.ndarray, y: np.ndarray,
                     loss: str = "square") -> np.ndarray:
    """How wrong each network is, as a number that knows no units.

    Args:
        model: the stack.
        x: inputs, ``(points, inputs)``.
        y: values ``(points, outputs)`` or, for the softmax loss, labels.
        loss: ``"square"`` or ``"softmax"``.

    Returns:
        Shape ``(networks,)``: the root of the mean squared error over the standard deviation of
        the values (NRMSE), 1 for guessing their mean; or the share of labels that are wrong.

    Raises:
        TypeError, ValueError: wrong shapes, or values that do not vary.

    Accuracy: exact.

    Source: standard definition.

    >>> from oldlib.networks.layers import mlp
    >>> silent = mlp(1, [2], 1, 0.0, 0.0, rng=0)
    >>> prediction_error(silent, [[0.0], [0.0]], [[-1.0], [1.0]]).tolist()
    [1.0]
    """
    if loss == "softmax":
        return 1.0 - accuracy(model, x, y)
    y = real("y", y)
    variance = float(np.mean(y.var(axis=0)))
    if not variance > 0.0:
        raise ValueError("y must vary")
    off = model.forward(x) - y
    return np.sqrt(np.mean(off * off, axis=(1, 2)) / variance)
