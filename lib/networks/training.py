"""Training networks side by side, each with minibatches of its own.

    history = train(net, x, labels, 1000, optimizer=Adam(1e-3), seed=1, at=(0, 100, 1000),
                    watch=lambda net, step: accuracy(net, x_test, labels_test))

All layers, or one alone; for a number of steps, or until each network has reached an accuracy; at
one rate, or at the best of several. A read-out alone needs no steps: `fit_read_out` solves for it.
"""
from dataclasses import dataclass, field
from itertools import chain
from math import cos, pi, sqrt
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import numpy as np

from lib.checks import Untrusted, choice, count, number, real
from lib.networks.network import Affine, Network, Regularise, Seed, stream

MEMORY, SQUARES, TINY = 0.9, 0.999, 1e-8  # of Adam: beta_1, beta_2 and epsilon
SEEN = 2000  # training points on which the accuracy of one trained layer is counted
ROUNDING = 1e-12  # of a sum over points, relative


@dataclass(frozen=True)
class Optimizer:
    """A rule by which gradients change parameters; the decay of weights is apart from it.

    Args:
        rate: step size.
        decay: of the weights, ``w <- (1 - rate decay) w`` a step; biases do not decay.

    Source: decoupled decay [loshchilov2019].
    """

    rate: float
    decay: float = field(default=0.0, kw_only=True)
    memories = 0  # arrays that are kept for each parameter

    def __post_init__(self) -> None:
        below_1 = np.nextafter(1.0, 0.0)
        for name, high in (("rate", np.inf), ("decay", np.inf), ("momentum", below_1)):
            number(name, getattr(self, name, 0.0), 0.0, high)

    def now(self, share: float) -> float:
        """The rate after a share of the training."""
        return self.rate

    def turn(self, g: np.ndarray, kept: list[np.ndarray], step: int) -> float:
        """Turn a gradient in place into the direction of the step; its length for rate 1."""
        raise NotImplementedError


@dataclass(frozen=True)
class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum from 0 to below 1: ``v <- momentum v + g``.

    Source: [sutskever2013].
    """

    momentum: float = 0.0
    memories = 1

    def turn(self, g: np.ndarray, kept: list[np.ndarray], step: int) -> float:
        if self.momentum:
            kept[0] *= self.momentum
            kept[0] += g
            g[...] = kept[0]
        return 1.0


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam with the usual constants; ``cosine`` lets the rate fall to 0 as half a cosine.

    Source: [kingma2015]; cosine [loshchilov2019].
    """

    cosine: bool = False
    memories = 2

    def now(self, share: float) -> float:
        return self.rate * (0.5 * (1 + cos(pi * share)) if self.cosine else 1.0)

    def turn(self, g: np.ndarray, kept: list[np.ndarray], step: int) -> float:
        (mean, square), root = kept, sqrt(1 - SQUARES ** (step + 1))
        mean *= MEMORY
        mean += (1 - MEMORY) * g
        square *= SQUARES
        g *= g
        g *= 1 - SQUARES
        square += g
        np.sqrt(square, out=g)
        g += TINY * root
        np.divide(mean, g, out=g)
        return root / (1 - MEMORY ** (step + 1))


class History(NamedTuple):
    """What was seen in training.

    ``steps`` are those of the checkpoints; ``loss`` of shape ``(networks, checkpoints)`` is the
    mean over the minibatches since the last one (at step 0 that of the first minibatch);
    ``watched`` what `watch` returned there; ``diverged`` the step at which a network's loss was
    no longer finite, -1 for those whose loss stayed so.
    """

    steps: np.ndarray
    loss: np.ndarray
    watched: list
    diverged: np.ndarray


def train(net: Network, x: np.ndarray, y: np.ndarray, steps: int, *, optimizer: Optimizer,
          seed: Seed, batch: int = 128, loss: str = "softmax", only: int | None = None,
          at: Sequence[int] | None = None, watch: Callable[[Network, int], Any] | None = None,
          stop: Callable[[Network, int], bool] | None = None, input_noise: float = 0.0,
          diverging: str = "raise") -> History:
    """Train the networks in place, each as if it were alone: independent samples of training.

    Args:
        x: inputs, ``(points, ...)`` for all networks or ``(networks, points, ...)``.
        y: labels 0, 1, .. (softmax) or values ``(points, outputs)`` (square); with the axis of
            the networks in front where each has its own.
        steps: number of minibatches.
        seed: of the minibatches, which every network draws for itself, and of the noise on the
            inputs; or a generator.
        batch: points of a minibatch. Every epoch is a new order of the points; what does not
            fill a minibatch at its end is left out.
        loss: ``"softmax"``, the cross-entropy; or ``"square"``, half the squared distance.
        only: index into ``net.weights`` of the one layer that is trained, weights and biases;
            -1 for the read-out. What the layers below make of the inputs is computed once, and
            batch normalisation there uses its statistics from outside training.
        at: steps after which there is a checkpoint; the first and the last if left out.
        watch: called with the networks and the step at each checkpoint.
        stop: likewise; training ends where it returns true.
        input_noise: standard deviation of Gaussian noise added to each minibatch.
        diverging: ``"raise"``; or ``"keep"`` to go on with the other networks, the lost one
            put back to the last checkpoint, with infinite loss in the history.

    Raises:
        Untrusted: a loss or a weight is not finite; ``best`` is the `History`, and the networks
            are back at its last checkpoint.

    Accuracy: gradients to rounding; the same seeds give the same networks, up to rounding on
        another processor, which training amplifies.

    Source: derived here (reverse mode).

    >>> from lib.networks.network import random_network
    >>> x = np.random.default_rng(0).standard_normal((64, 2))
    >>> net = random_network(2, [8], 2, 1.0, 0.0, seed=0)
    >>> history = train(net, x, (x[:, 0] > 0).astype(int), 200, optimizer=Adam(0.01), batch=16,
    ...                 seed=0)
    >>> bool(history.loss[0, -1] < 0.3), bool(accuracy(net, x, x[:, 0] > 0)[0] > 0.9)
    (True, True)
    """
    net.refuse_jumps()
    x, y = net.points("x", x), _targets(net, y, loss)
    steps, batch = count("steps", steps), count("batch", batch, 1, x.shape[1])
    input_noise = number("input_noise", input_noise, low=0.0)
    if y.shape[1] != x.shape[1]:
        raise ValueError(f"y must have one target a point, got {y.shape[1]} for {x.shape[1]}")
    choice("diverging", diverging, ("raise", "keep"))
    at = {0, steps} if at is None else {count("at", step, 0, steps) for step in at}
    first = 0 if only is None else net.place("only", only)
    if first and (input_noise or any(isinstance(layer, Regularise) for layer in net.layers)):
        raise ValueError("only: the features below are computed once, so there is no room for "
                         "input_noise or trajectory regularisation")
    x = net.through(x, 0, first)
    batches = _batches(x, y, batch, steps, stream(seed).spawn(len(net)), input_noise)
    run = _Run(net, optimizer, steps, first, only is not None, LOSSES[loss], diverging)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for step, (some, wanted) in enumerate(batches):
            if step in at and run.checkpoint(step, watch, stop):
                return run.history()
            run.step(step, some, wanted)
        run.checkpoint(steps, watch, stop)
    return run.history()


class _Run:
    """One training: the parameters that change, and what has been seen so far."""

    def __init__(self, net: Network, optimizer: Optimizer, steps: int, first: int, alone: bool,
                 loss: Callable, diverging: str):
        self.net, self.first, self.loss, self.diverging = net, first, loss, diverging
        self.optimizer, self.trained = optimizer, net.layers[first:first + 1 if alone else None]
        self.parameters = [(array, optimizer.decay * (name == "weights"),
                            [np.zeros_like(array) for _ in range(optimizer.memories)])
                           for layer in self.trained for name, array in layer.parameters.items()]
        self.losses = np.full((len(net), steps), np.nan)
        self.steps, self.watched, self.lost = [], [], np.full(len(net), -1)
        self._save()

    def step(self, step: int, x: np.ndarray, y: np.ndarray) -> None:
        out, kept, penalty = self.net.kept(x, self.first)
        value, slope = self.loss(out, y)
        value = self.losses[:, step] = value + penalty
        self._lose(step, ~np.isfinite(value))
        grown = self.net.backward(slope, kept, self.first)[:len(self.trained)]
        rate = self.optimizer.now(step / self.losses.shape[1])
        for (array, decay, memory), g in zip(self.parameters, chain(*grown)):
            g *= rate * self.optimizer.turn(g, memory, step)
            if decay:
                array *= 1 - rate * decay
            array -= g
        self._put_back(self.lost >= 0)

    def checkpoint(self, step: int, watch: Callable | None, stop: Callable | None) -> bool:
        """Record a step; true where training shall end."""
        self._lose(step, ~np.all([np.isfinite(array.reshape(len(array), -1)).all(axis=1)
                                  for array, *_ in self.parameters], axis=0))
        self._put_back(self.lost >= 0)
        self._save()
        self.steps.append(step)
        self.watched.append(watch(self.net, step) if watch else None)
        return bool(stop and stop(self.net, step))

    def history(self) -> History:
        means, before = [], 0
        for step in self.steps:
            some = self.losses[:, before:max(step, 1)]
            means.append(some.mean(axis=1) if some.size else means[-1])
            before = step
        steps, loss = np.array(self.steps), np.array(means).reshape(-1, len(self.net)).T
        loss[(self.lost >= 0)[:, None] & (steps > self.lost[:, None])] = np.inf
        return History(steps, loss, self.watched, self.lost)

    def _lose(self, step: int, gone: np.ndarray) -> None:
        self.lost[gone & (self.lost < 0)] = step
        if gone.any() and self.diverging == "raise":
            self._put_back(np.full(len(gone), True))
            which = ", ".join(map(str, np.flatnonzero(gone)))
            raise Untrusted(f"the loss of network {which} is not finite at step {step}; the "
                            f"networks are back at step {self.steps[-1]}. Take a smaller rate, or "
                            "diverging='keep' to go on with the others", self.history())

    def _save(self) -> None:
        self.saved = [array.copy() for array, *_ in self.parameters]

    def _put_back(self, some: np.ndarray) -> None:
        if some.any():
            for (array, *_), saved in zip(self.parameters, self.saved):
                array[some] = saved[some]


class Reached(NamedTuple):
    """Trained networks in the order in which they arrived, the step at which each was kept (-1
    for one that did not arrive, kept at its best), and its accuracy then."""

    net: Network
    steps: np.ndarray
    accuracy: np.ndarray


def train_until(net: Network, x: np.ndarray, y: np.ndarray, steps: int, *, share: float,
                test: tuple[np.ndarray, np.ndarray], enough: int | None = None, every: int = 100,
                **recipe: Any) -> Reached:
    """Train networks until so many of them have reached a test accuracy.

    Narrow networks get stuck at times: start more than are wanted, and say how many are enough.

    Args:
        net, x, y, recipe: as for `train`; the networks are trained in place.
        share: the accuracy to reach.
        test: inputs and labels, as for `accuracy`.
        enough: how many networks are wanted; all if left out. Those that came nearest take the
            place of missing ones.
        every: steps between checks; networks are kept at the first check that they pass.

    Source: [storm2024], Fig. 2 and 3 (training to an accuracy).
    """
    wanted = count("enough", len(net) if enough is None else enough, 1, len(net))
    every, share = count("every", every), number("share", share, 0.0, 1.0)
    kept, reached, best = net.copy(), np.full(len(net), -1), np.zeros(len(net))

    def stop(net: Network, step: int) -> bool:
        now = accuracy(net, *test)
        here = (now >= share) & (reached < 0)
        better = here | ((reached < 0) & (now > best))
        for mine, present in zip(kept.layers, net.layers):
            for name in mine.trained + mine.counted:
                getattr(mine, name)[better] = getattr(present, name)[better]
        best[better], reached[here] = now[better], step
        return bool(np.sum(reached >= 0) >= wanted)

    train(net, x, y, steps, at=[*range(every, steps, every), steps], stop=stop, **recipe)
    order = np.argsort(np.where(reached < 0, steps + 1, reached), kind="stable")[:wanted]
    return Reached(kept[order], reached[order], best[order])


def accuracy(net: Network, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of the points that each network labels correctly, shape ``(networks,)``.

    Args:
        labels: 0, 1, ..; for a single output its sign, by labels above 0 or not; one a point, or
            ``(networks, points)``.

    >>> accuracy(Network([np.zeros((2, 2))]), [[1.0, 2.0], [3.0, 4.0]], [0, 1]).tolist()
    [0.5]
    """
    out, labels = net.forward(x), np.asarray(labels)
    if labels.shape not in (out.shape[1:2], out.shape[:2]):
        raise ValueError(f"labels must have shape {out.shape[1:2]}, got {labels.shape}")
    if out.shape[2] == 1:
        return np.mean((out[..., 0] > 0) == (labels > 0), axis=1)
    return np.mean(out.argmax(axis=2) == labels, axis=1)


def prediction_error(net: Network, x: np.ndarray, y: np.ndarray,
                     loss: str = "square") -> np.ndarray:
    """How wrong each network is, as a number that knows no units, shape ``(networks,)``.

    The root of the mean squared error over the standard deviation of the values (NRMSE), 1 for
    guessing their mean; or, for the softmax loss, the share of labels that are wrong.

    Args:
        y: values ``(points, outputs)``, or labels.

    >>> prediction_error(Network([[[0.0]]]), [[0.0], [0.0]], [[-1.0], [1.0]]).tolist()
    [1.0]
    """
    if loss == "softmax":
        return 1.0 - accuracy(net, x, y)
    y = real("y", y)
    variance = float(np.mean(y.var(axis=0)))
    if not variance > 0.0:
        raise ValueError("y must vary")
    off = net.forward(x) - y
    return np.sqrt(np.mean(off * off, axis=(1, 2)) / variance)


def gradients(net: Network, x: np.ndarray, y: np.ndarray, loss: str = "softmax"
              ) -> tuple[np.ndarray, dict[tuple[str, int], np.ndarray]]:
    """The loss of each network and its gradient with respect to every parameter.

    All points are one minibatch.

    Returns:
        Losses of shape ``(networks,)``, and gradients by the keys of ``net.parameters``.

    >>> net = Network([[[2.0]], [[3.0]]], phi="linear")
    >>> value, found = gradients(net, [[1.0]], [[0.0]], loss="square")
    >>> value.tolist(), found["weights", 1].tolist()
    ([18.0], [[[12.0]]])
    """
    net.refuse_jumps()
    x, y = net.points("x", x), _targets(net, y, loss)
    out, kept, penalty = net.kept(x)
    value, slope = LOSSES[loss](out, y)
    return value + penalty, dict(zip(net.parameters, chain(*net.backward(slope, kept))))


class Alone(NamedTuple):
    """Accuracies with one layer trained alone, arrays ``(networks, layers, checkpoints)``."""

    layers: np.ndarray
    steps: np.ndarray
    train: np.ndarray
    test: np.ndarray


def train_each_alone(net: Network, x: np.ndarray, labels: np.ndarray, *,
                     test: tuple[np.ndarray, np.ndarray], layers: Sequence[int], steps: int,
                     seed: int, **recipe: Any) -> Alone:
    """Train each of several layers alone, always from the same random networks.

    Args:
        net: where every training starts; it stays as it is.
        x, labels: to train on, the same for all networks.
        test: inputs and labels to test on.
        layers: indices into ``net.weights``.
        seed: of the minibatches, the same for every layer.
        steps, recipe: as for `train`.

    Returns:
        `Alone`. The training accuracy is that on the first 2000 training points at most.

    Source: [raghu2017], ICLR form Fig. 6, ICML form Fig. 7.
    """
    x, counted = net.points("x", x), np.asarray(labels)[:SEEN]
    features, below = [x, net.points("test", test[0])], 0
    places, histories = [net.place("layers", layer) for layer in layers], {}
    for first in sorted(set(places)):  # what the layers below make of the inputs
        features, below = [net.through(one, below, first) for one in features], first
        upper = Network.of(net.layers[first:], features[0].shape[2:], net.phi).copy()
        seen = (features[0][:, :SEEN], counted), (features[1], np.asarray(test[1]))
        histories[first] = train(upper, features[0], labels, steps, only=0, seed=seed,
                                 watch=lambda upper, step, seen=seen: [
                                     accuracy(upper, *one) for one in seen], **recipe)
    found = np.array([histories[first].watched for first in places]).transpose(2, 3, 0, 1)
    return Alone(np.array(layers), histories[places[0]].steps, *found)


def gradient_agreement(net: Network, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Cosine between the gradients that two halves of the data give, by layer.

    1: either half tells the layer where to go, and it is right for the other. 0: a step that
    helps one half is of no use to the other.

    Args:
        x, labels: points for all networks, cut in the middle.

    Returns:
        Shape ``(networks, layers)``, the read-out last; NaN where a gradient is 0.

    >>> from lib.networks.network import random_network
    >>> net = random_network(3, [5], 2, 1.0, 0.0, seed=0)
    >>> gradient_agreement(net, np.ones((4, 3)), [0] * 4).round(6).tolist()
    [[1.0, 1.0]]
    """
    labels, half = np.asarray(labels), count("points", len(x), 2) // 2
    first, second = (gradients(net, x[some], labels[some])[1]
                     for some in (slice(half), slice(half, 2 * half)))
    cosines = []
    for layer in range(len(net.weights)):
        a, b = (found["weights", layer].reshape(len(net), -1) for found in (first, second))
        with np.errstate(invalid="ignore"):
            cosines.append(np.vecdot(a, b) / np.sqrt(np.vecdot(a, a) * np.vecdot(b, b)))
    return np.stack(cosines, axis=1)


class Tuned(NamedTuple):
    """The rate that did best on the check points, and the errors of its networks, ``(networks,)``,
    on the test points: infinite for one that diverged."""

    rate: float
    errors: np.ndarray


def tune(net: Network, x: np.ndarray, y: np.ndarray, *, check: tuple[np.ndarray, np.ndarray],
         test: tuple[np.ndarray, np.ndarray], rates: Sequence[float], steps: int, seed: int,
         batch: int = 64, loss: str = "softmax") -> Tuned:
    """Train copies of networks by Adam at several rates and keep the best rate.

    Every rate starts from the same weights and sees the same minibatches; the rate falls to 0 as
    half a cosine. The best one has the lowest mean error on the check points; its errors are
    reported on the test points, which have no part in the choice.

    Args:
        check, test: each inputs and targets, as for `prediction_error`.
        x, y, steps, seed, batch, loss: as for `train`.
    """
    checked, tested = [], []
    for rate in (rates := real("rates", rates, low=0.0, axes="rates,").tolist()):
        twin = net.copy()
        past = train(twin, x, y, steps, optimizer=Adam(rate, cosine=True), batch=batch, loss=loss,
                     seed=seed, diverging="keep")
        for found, points in ((checked, check), (tested, test)):
            found.append(np.where(past.diverged >= 0, np.inf,
                                  prediction_error(twin, *points, loss)))
    best = int(np.mean(checked, axis=1).argmin())
    return Tuned(rates[best], tested[best])


def fit_read_out(net: Network, x: np.ndarray, y: np.ndarray, *, loss: str = "square",
                 penalty: float = 1e-3) -> Network:
    """The networks with the best linear read-out there is for their hidden layers as they are.

    Args:
        net: its hidden layers are shared with the result.
        x: as for `train`.
        y: values ``(points, outputs)``, with the axis of the networks in front where each has its
            own; for the logistic loss 1 or -1, ``(points, 1)``.
        loss: ``"square"``, least squares and the shortest of many solutions; or ``"logistic"``,
            the signs of y most likely.
        penalty: of the logistic loss, times half the squared weights, against the sum over
            points; without one, classes that can be separated drive the weights to infinity.

    Raises:
        Untrusted: the logistic fit did not arrive; ``best`` is where it ended.

    Accuracy: that of LAPACK; the logistic gradient vanishes to 1e-6 of a point's weight, or the
        loss is at its minimum to rounding.

    >>> x = np.array([[0.0], [1.0]])
    >>> net = fit_read_out(Network([[[1.0]], [[1.0]]], phi="linear"), x, 2 * x + 1)
    >>> net.weights[1].round(9).tolist(), net.biases[1].round(9).tolist()
    ([[[2.0]]], [[1.0]])
    """
    choice("loss", loss, ("square", "logistic"))
    inner = net.hidden_part
    features = inner.forward(x)
    each = f"{len(net)}, " if np.ndim(y) == 3 else ""
    y = real("y", y, axes=f"{each}{features.shape[1]}, {1 if loss == 'logistic' else 'outputs'}")
    targets = np.broadcast_to(y, (len(net), *y.shape[-2:]))
    ones = np.ones((*features.shape[:2], 1), net.dtype)
    features, penalty = np.concatenate([features, ones], axis=2), number("penalty", penalty, 1e-12)
    found = np.stack([
        np.linalg.lstsq(one, wanted, rcond=None)[0].T if loss == "square" else
        _logistic(one * np.sign(wanted), penalty)[None]
        for one, wanted in zip(features, targets)]).astype(net.dtype)
    return Network.of([*inner.layers, Affine(found[..., :-1].copy(), found[..., -1].copy())],
                      net.shape, net.phi)


def _logistic(margins: np.ndarray, penalty: float) -> np.ndarray:
    """The minimum of ``sum log(1 + exp(-margins w)) + penalty |w|^2 / 2``."""
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        score = margins @ w
        value = np.sum(np.logaddexp(0.0, -score)) + 0.5 * penalty * (w @ w)
        return value, penalty * w - expit(-score) @ margins

    def hessian(w: np.ndarray) -> np.ndarray:
        p = expit(margins @ w)
        return (margins.T * (p * (1 - p))) @ margins + penalty * np.eye(len(w))

    end = minimize(loss, np.zeros(margins.shape[1]), jac=True, hess=hessian, method="trust-exact",
                   options={"gtol": 1e-6})
    rest = end.jac @ np.linalg.solve(hessian(end.x), end.jac)  # twice what is left to gain
    if not end.success and rest > ROUNDING * end.fun:
        raise Untrusted(f"the logistic fit did not arrive: {end.message}", end.x)
    return end.x


def _softmax(out: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean cross-entropy of each network, and its gradient."""
    out = out - out.max(axis=2, keepdims=True)
    probability = np.exp(out)
    total = probability.sum(axis=2, keepdims=True)
    probability /= total
    labels = np.broadcast_to(labels, out.shape[:2])[..., None]
    value = np.log(total) - np.take_along_axis(out, labels, 2)
    right = np.take_along_axis(probability, labels, 2)
    np.put_along_axis(probability, labels, right - 1, 2)
    probability /= out.shape[1]
    return value.mean(axis=(1, 2)), probability


def _square(out: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half the mean squared distance of each network, and its gradient."""
    off = out - values
    return 0.5 * np.sum(off * off, axis=(1, 2)) / out.shape[1], off / out.shape[1]


LOSSES = {"softmax": _softmax, "square": _square}


def _targets(net: Network, y: np.ndarray, loss: str) -> np.ndarray:
    """Targets with the axis of the networks (1 if shared) in front."""
    choice("loss", loss, LOSSES)
    y, outputs = np.asarray(y), net.weights[-1].shape[1]
    if loss == "softmax":
        if y.dtype.kind not in "iu" or y.ndim not in (1, 2) or y.min() < 0 or y.max() >= outputs:
            raise ValueError(f"y must be labels 0 .. {outputs - 1}, one a point")
        return y if y.ndim == 2 else y[None]
    y = real("y", y, axes=f"..., points, {outputs}").astype(net.dtype)
    return y if y.ndim == 3 else y[None]


def _batches(x: np.ndarray, y: np.ndarray, batch: int, steps: int,
             streams: Sequence[np.random.Generator], noise: float
             ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Minibatches, ``(networks, batch, ...)``, of every network by its own random numbers."""
    points, each = x.shape[1], np.arange(len(streams))[:, None]
    for step in range(steps):
        place = step % (points // batch)
        if place == 0:
            orders = np.array([rng.permutation(points) for rng in streams])
        some = orders[:, place * batch:(place + 1) * batch]
        part = x[each % len(x), some]
        if noise:
            part += noise * np.stack([rng.standard_normal(part.shape[1:]) for rng in streams])
        yield part, y[each % len(y), some]
