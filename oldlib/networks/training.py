"""Training a stack of networks side by side, from one stream of minibatches.

    history = train(model, x, labels, 1000, optimizer=Adam(1e-3), rng=seed, at=(0, 100, 1000),
                    watch=lambda model, step: accuracy(model, x_test, labels_test))
"""
import sys
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import numpy as np

from oldlib.checks import count, real
from oldlib.networks.layers import Stack
from oldlib.networks.optimizers import Adam, Sgd


class History(NamedTuple):
    """What was seen in training.

    ``steps`` are those of the checkpoints; ``loss`` of shape ``(checkpoints, networks)`` is the
    mean over the minibatches since the last one (at step 0 that of the first minibatch);
    ``watched`` what `watch` returned there; ``diverged`` the step at which a network's loss was
    no longer finite, -1 for those whose loss stayed so.
    """

    steps: np.ndarray
    loss: np.ndarray
    watched: list
    diverged: np.ndarray


class Diverged(ArithmeticError):
    """A loss is no longer finite; ``history`` and ``model`` are as of the last checkpoint."""

    def __init__(self, message: str, history: History, model: Stack):
        super().__init__(message)
        self.history, self.model = history, model


def train(model: Stack, x: np.ndarray, y: np.ndarray, steps: int, *, optimizer: Sgd | Adam,
          batch: int = 128, loss: str = "softmax", only: int | None = None,
          rng: int | np.random.Generator, at: Sequence[int] | None = None,
          watch: Callable[[Stack, int], Any] | None = None,
          stop: Callable[[Stack, int], bool] | None = None, input_noise: float = 0.0,
          diverging: str = "raise", progress: bool | None = None) -> History:
    """Train the networks in place.

    Args:
        model: the stack.
        x: inputs, ``(points, ...)`` for all networks or ``(networks, points, ...)``.
        y: labels 0, 1, .. (softmax) or values ``(points, outputs)`` (square); with the axis of
            the networks in front where each has its own.
        steps: number of minibatches.
        optimizer: `Sgd` or `Adam`.
        batch: points of a minibatch. Every epoch is a new order of the points; what does not
            fill a minibatch at its end is left out.
        loss: ``"softmax"``, the cross-entropy; or ``"square"``, half the squared distance.
        only: index into ``model.weights`` of the one layer that is trained, weights and biases;
            -1 for the read-out. What the layers below make of the inputs is computed once, and
            batch normalisation there uses its statistics from outside training.
        rng: of the minibatches, and of the noise on the inputs.
        at: steps after which there is a checkpoint; the first and the last if left out.
        watch: called with the model and the step at each checkpoint.
        stop: likewise; training ends where it returns true.
        input_noise: standard deviation of Gaussian noise added to each minibatch.
        diverging: ``"raise"``; or ``"keep"`` to go on with the other networks, the lost one
            put back to the last checkpoint, with infinite loss in the history.
        progress: show a bar; if left out, where errors go to a terminal.

    Returns:
        The `History`.

    Raises:
        Diverged: a loss or a weight is not finite.
        ValueError, TypeError: bad arguments.

    Accuracy: gradients to rounding; the same seeds give the same networks, up to rounding on
        another processor, which training amplifies.

    Source: derived here (reverse mode).

    >>> from oldlib.networks.layers import mlp
    >>> x = np.random.default_rng(0).standard_normal((64, 2))
    >>> model = mlp(2, [8], 2, 1.0, 0.0, rng=0)
    >>> history = train(model, x, (x[:, 0] > 0).astype(int), 200, optimizer=Adam(0.01), batch=16,
    ...                 rng=0)
    >>> bool(history.loss[-1, 0] < 0.3), bool(accuracy(model, x, x[:, 0] > 0)[0] > 0.9)
    (True, True)
    """
    x, y = model.points("x", x), _targets(model, y, loss)
    steps, batch = count("steps", steps), count("batch", batch)
    input_noise = float(real("input_noise", input_noise, low=0.0))
    if y.shape[1] != x.shape[1]:
        raise ValueError(f"y must have one target a point, got {y.shape[1]} for {x.shape[1]}")
    if batch > x.shape[1]:
        raise ValueError(f"batch must be at most the {x.shape[1]} points, got {batch}")
    if diverging not in ("raise", "keep"):
        raise ValueError(f"diverging must be 'raise' or 'keep', got {diverging!r}")
    at = _checkpoints(at, steps)
    first = 0 if only is None else model.place("only", only)
    if first and (input_noise or model.scales):
        raise ValueError("only: the features below are computed once, so there is no room for "
                         "input_noise or trajectory regularisation")
    x = model.through(x, 0, first)
    rng = np.random.default_rng(rng)
    batches = _batches(x, y, batch, steps, rng, input_noise)
    run = _Run(model, optimizer, steps, first, only is not None, LOSSES[loss], diverging)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for step, (some, wanted) in enumerate(_bar(batches, steps, progress)):
            if step in at and run.checkpoint(step, watch, stop):
                return run.history()
            run.step(step, some, wanted)
        run.checkpoint(steps, watch, stop)
    return run.history()


def accuracy(model: Stack, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of the points that each network labels correctly.

    Args:
        model: the stack.
        x: inputs, as for `train`.
        labels: 0, 1, ..; for a single output its sign, by labels above 0 or not.

    Returns:
        Shape ``(networks,)``.

    Raises:
        ValueError, TypeError: wrong shapes.

    Accuracy: exact.

    Source: standard definition.

    >>> from oldlib.networks.layers import mlp
    >>> accuracy(mlp(2, [3], 2, 0.0, 0.0, rng=0), [[1.0, 2.0], [3.0, 4.0]], [0, 1]).tolist()
    [0.5]
    """
    out, labels = model.forward(x), np.asarray(labels)
    if labels.shape not in (out.shape[1:2], out.shape[:2]):
        raise ValueError(f"labels must have shape {out.shape[1:2]}, got {labels.shape}")
    if out.shape[2] == 1:
        return np.mean((out[..., 0] > 0) == (labels > 0), axis=1)
    return np.mean(out.argmax(axis=2) == labels, axis=1)


def gradients(model: Stack, x: np.ndarray, y: np.ndarray, loss: str = "softmax"
              ) -> tuple[np.ndarray, dict[tuple[str, int], np.ndarray]]:
    """The loss of each network and its gradient with respect to every parameter.

    Args:
        model, x, y, loss: as for `train`; all points are one minibatch.

    Returns:
        Losses of shape ``(networks,)``, and gradients by name and layer, as ``("weights", 0)``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: rounding; at a kink the derivative on one side.

    Source: derived here (reverse mode).

    >>> from oldlib.networks.layers import mlp
    >>> model = mlp(1, [1], 1, 1.0, 0.0, rng=0, phi="linear")
    >>> value, found = gradients(model, [[1.0]], [[0.0]], loss="square")
    >>> bool(np.isclose(found["biases", 1][0, 0], model.forward([[1.0]])[0, 0, 0]))
    True
    """
    x, y = model.points("x", x), _targets(model, y, loss)
    out, kept, penalty = model.kept(x)
    value, slope = LOSSES[loss](out, y)
    return value + penalty, model.back(slope, kept)


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


class _Run:
    """One training: the parameters that change, and what has been seen so far."""

    def __init__(self, model: Stack, optimizer: Sgd | Adam, steps: int, first: int, last: bool,
                 loss: Callable, diverging: str):
        self.model, self.first, self.last = model, first, last
        self.loss, self.diverging = loss, diverging
        blocks = model.blocks[first:first + 1] if last else model.blocks
        trained = ("weights", "biases", "gains", "shifts", "scales")
        self.keys = [(name, block.index) for block in blocks for name in block.parameters
                     if name in trained]
        self.arrays = [getattr(model, name)[index] for name, index in self.keys]
        self.update = optimizer.begin(self.arrays, [name == "weights" for name, _ in self.keys],
                                      steps)
        self.losses = np.full((steps, model.networks), np.nan)
        self.steps, self.watched = [], []
        self.lost = np.full(model.networks, -1)
        self.saved = [array.copy() for array in self.arrays]

    def step(self, step: int, x: np.ndarray, y: np.ndarray) -> None:
        out, kept, penalty = self.model.kept(x, self.first)
        value, slope = self.loss(out, y)
        self.losses[step] = value + penalty
        if not np.isfinite(self.losses[step]).all():
            self._lose(step, ~np.isfinite(self.losses[step]))
        grown = self.model.back(slope, kept, self.first, self.last)
        self.update([grown[key] for key in self.keys], step)
        self._put_back()

    def checkpoint(self, step: int, watch: Callable | None, stop: Callable | None) -> bool:
        """Record a step; true where training shall end."""
        finite = [np.isfinite(array.reshape(len(array), -1)).all(axis=1) for array in self.arrays]
        if not np.all(finite):
            self._lose(step, ~np.all(finite, axis=0))
            self._put_back()
        self.saved = [array.copy() for array in self.arrays]
        self.steps.append(step)
        self.watched.append(watch(self.model, step) if watch else None)
        return bool(stop and stop(self.model, step))

    def history(self) -> History:
        means, before = [], 0
        for step in self.steps:
            some = self.losses[before:max(step, 1)]
            means.append(some.mean(axis=0) if len(some) else means[-1])
            before = step
        loss = np.array(means).reshape(-1, self.model.networks)
        loss[(self.lost >= 0) & (np.array(self.steps)[:, None] > self.lost)] = np.inf
        return History(np.array(self.steps), loss, self.watched, self.lost)

    def _lose(self, step: int, gone: np.ndarray) -> None:
        self.lost[gone & (self.lost < 0)] = step
        if self.diverging == "raise":
            for array, saved in zip(self.arrays, self.saved):
                array[...] = saved
            which = ", ".join(map(str, np.flatnonzero(gone)))
            raise Diverged(f"the loss of network {which} is not finite at step {step}; the model "
                           f"is back at step {self.steps[-1]}. Take a smaller rate, or "
                           "diverging='keep' to go on with the others", self.history(), self.model)

    def _put_back(self) -> None:
        gone = self.lost >= 0
        if gone.any():
            for array, saved in zip(self.arrays, self.saved):
                array[gone] = saved[gone]


def _targets(model: Stack, y: np.ndarray, loss: str) -> np.ndarray:
    """Targets with the axis of the networks (1 if shared) in front."""
    if loss not in LOSSES:
        raise ValueError(f"loss must be 'softmax' or 'square', got {loss!r}")
    y, outputs = np.asarray(y), model.weights[-1].shape[1]
    if loss == "softmax":
        if y.dtype.kind not in "iu" or y.ndim not in (1, 2) or y.min() < 0 or y.max() >= outputs:
            raise ValueError(f"y must be labels 0 .. {outputs - 1}, one a point")
        return y if y.ndim == 2 else y[None]
    y = real("y", y).astype(model.dtype)
    if y.ndim not in (2, 3) or y.shape[-1] != outputs:
        raise ValueError(f"y must have shape (points, {outputs}), got {y.shape}")
    return y if y.ndim == 3 else y[None]


def _checkpoints(at: Sequence[int] | None, steps: int) -> set[int]:
    at = {0, steps} if at is None else {count("at", step, 0) for step in at}
    if at and max(at) > steps:
        raise ValueError(f"at must be at most steps = {steps}, got {max(at)}")
    return at


def _batches(x: np.ndarray, y: np.ndarray, batch: int, steps: int, rng: np.random.Generator,
             noise: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Minibatches, the same points for all networks."""
    points = x.shape[1]
    for step in range(steps):
        place = step % (points // batch)
        if place == 0:
            order = rng.permutation(points)
        some = order[place * batch:(place + 1) * batch]
        part = x[:, some]
        if noise:
            part += noise * rng.standard_normal(part.shape)
        yield part, y[:, some]


def _bar(batches: Iterator, steps: int, progress: bool | None) -> Iterator:
    """A bar on standard error; none in a notebook, whose outputs are stored."""
    if progress is None:
        progress = sys.stderr.isatty()
    if not progress:
        return batches
    try:
        from tqdm import tqdm
    except ImportError:
        return batches
    return tqdm(batches, total=steps, file=sys.stderr, delay=2.0, leave=False, unit="step")
