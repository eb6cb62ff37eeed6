"""The task of Storm et al.: is a point of a square inside a disc of half its area?

The square has unit variance, its half side is the root of 3. Targets are 1 inside and -1 outside.
"""
from typing import NamedTuple

import numpy as np

from oldlib.checks import count, real
from oldlib.networks.layers import Stack, mlp
from oldlib.networks.optimizers import Adam, Sgd
from oldlib.networks.training import accuracy, train

HALF_SIDE = np.sqrt(3.0)
RADIUS = np.sqrt(2.0 / np.pi)  # of the disc, in half sides
TRAINED, TESTED, CHECKED = 36_000, 4_000, 100  # points, points, steps between checks
STARTS = 2  # times as many networks are started as are wanted, where they are narrow
NARROW = 10
PLAIN = Sgd(0.1)  # on half the squared error: 0.05 on the squared one


class Fit(NamedTuple):
    """Trained networks, the step at which each was kept, and its test accuracy then."""

    model: Stack
    steps: np.ndarray
    accuracy: np.ndarray


class NotReached(ArithmeticError):
    """Too few networks reached the accuracy; ``best`` is the `Fit` with those that came near."""

    def __init__(self, message: str, best: Fit):
        super().__init__(message)
        self.best = best


def sample(points: int, rng: int | np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Uniform points of the square and their targets.

    Args:
        points: how many.
        rng: a seed or a `numpy.random.Generator`.

    Returns:
        Inputs ``(points, 2)`` of unit variance, and targets 1 or -1, ``(points, 1)``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: exact.

    Source: [storm2024], Fig. 1b.

    >>> x, y = sample(10_000, 0)
    >>> bool(abs(x.var() - 1) < 0.02), bool(abs(y.mean()) < 0.02)
    (True, True)
    """
    x = np.random.default_rng(rng).uniform(-1.0, 1.0, (count("points", points), 2))
    inside = np.sum(x * x, axis=1, keepdims=True) < RADIUS**2
    return HALF_SIDE * x, np.where(inside, 1.0, -1.0)


def circle(points: int, radius: float = RADIUS) -> np.ndarray:
    """Evenly spaced points on a circle; by default on the edge of the disc.

    Args:
        points: how many.
        radius: in half sides.

    Returns:
        Inputs ``(points, 2)``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: rounding.

    Source: [storm2024], Fig. 1b.

    >>> circle(4, 1.0).round(3).tolist()[0]
    [1.732, 0.0]
    """
    angle = 2.0 * np.pi * np.arange(count("points", points)) / points
    size = HALF_SIDE * float(real("radius", radius, low=0.0))
    return size * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def core(points: int, radius: float = 0.2) -> np.ndarray:
    """Points spread evenly over the middle of the disc, as the seeds of a sunflower.

    Args:
        points: how many.
        radius: in half sides. How large the middle is, the article does not say.

    Returns:
        Inputs ``(points, 2)``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: equal areas to order 1 / points.

    Source: derived here, for [storm2024], Fig. 3b.

    >>> bool(np.all(np.linalg.norm(core(50), axis=1) < 0.2 * HALF_SIDE))
    True
    """
    points, radius = count("points", points), float(real("radius", radius, low=0.0))
    seed = np.arange(points)
    angle = np.pi * (3.0 - np.sqrt(5.0)) * seed
    size = HALF_SIDE * radius * np.sqrt((seed + 0.5) / points)
    return size[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


class FirstReached:
    """A stopping rule for `train`: every network is kept as it first reached an accuracy.

    Args:
        x, labels: the test points; labels as for `accuracy`.
        share: the accuracy to reach.
        enough: training ends when so many networks have.

    Accuracy: up to the steps between checks.

    Source: derived here, for the stopping rule of [storm2024].
    """

    def __init__(self, x: np.ndarray, labels: np.ndarray, share: float, enough: int):
        self.x, self.labels, self.share, self.enough = x, labels, share, enough
        self.kept: Stack | None = None

    def __call__(self, model: Stack, step: int) -> bool:
        """Look at the networks; true when enough of them are there."""
        if self.kept is None:
            self.kept, self.steps = model.copy(), np.full(model.networks, -1)
            self.accuracy = np.zeros(model.networks)
        now = accuracy(model, self.x, self.labels)
        here = (now >= self.share) & (self.steps < 0)
        better = here | ((self.steps < 0) & (now > self.accuracy))
        _put(self.kept, model, better)
        self.accuracy[better], self.steps[here] = now[better], step
        return bool(np.sum(self.steps >= 0) >= self.enough)


def fit(width: int, depth: int, networks: int, rng: int, optimizer: Sgd | Adam = PLAIN, *,
        share: float = 0.99, steps: int = 20_000, batch: int = 64) -> Fit:
    """Train networks on the disc until each has reached a test accuracy.

    Narrow networks get stuck at times, so twice as many of them are started; the first to
    arrive are kept.

    Args:
        width, depth: of the hidden layers, tanh like the output.
        networks: how many are wanted.
        rng: seed of weights, points and minibatches.
        optimizer: acts on half the squared error.
        share: accuracy to reach; 0 to train for all the steps.
        steps: at most.
        batch: points a step.

    Returns:
        The `Fit`, networks in the order in which they arrived.

    Raises:
        NotReached: fewer networks arrived in time than were wanted.
        ValueError, TypeError: bad arguments.

    Accuracy: networks are compared at the first check, every 100 steps, that they pass.

    Source: [storm2024], Fig. 2 and 3.

    >>> done = fit(16, 2, networks=2, rng=0, share=0.9)
    >>> bool(np.all(done.accuracy >= 0.9)), done.model.networks
    (True, 2)
    """
    rng = np.random.default_rng(rng)
    (x, y), (x_test, y_test) = sample(TRAINED, rng), sample(TESTED, rng)
    share = float(real("share", share, low=0.0, high=1.0))
    wanted = count("networks", networks)
    started = STARTS * wanted if width <= NARROW and share else wanted
    model = mlp(2, [width] * count("depth", depth), 1, 1.0, 0.0, networks=started, rng=rng,
                output="tanh")
    rule = FirstReached(x_test, y_test[:, 0], share or 2.0, wanted)
    train(model, x, y, steps, optimizer=optimizer, batch=batch, loss="square", rng=rng,
          at=range(CHECKED, steps + 1, CHECKED) if share else (steps,), stop=rule)
    if not share:
        return Fit(model, np.full(wanted, steps), accuracy(model, x_test, y_test[:, 0]))
    order = np.argsort(np.where(rule.steps < 0, steps + 1, rule.steps), kind="stable")[:wanted]
    done = Fit(chosen(rule.kept, order), rule.steps[order], rule.accuracy[order])
    if np.any(done.steps < 0):
        raise NotReached(f"{np.sum(done.steps >= 0)} of {started} networks of width {width} and "
                         f"depth {depth} reached {share:g} in {steps} steps, {wanted} were "
                         "wanted: take more steps or another seed", done)
    return done


def chosen(model: Stack, which: np.ndarray) -> Stack:
    """Some of the networks of a stack.

    Args:
        model: the stack.
        which: their indices.

    Returns:
        A stack of them, with weights of its own.

    Raises:
        IndexError: there are not so many.

    Accuracy: exact.

    Source: derived here.

    >>> chosen(mlp(2, [3], 1, 1.0, 0.0, networks=5, rng=0), np.array([4, 1])).weights[0].shape
    (2, 3, 2)
    """
    few = model.copy()
    for name in ("weights", "biases"):
        setattr(few, name, [array[which] for array in getattr(model, name)])
    few.networks = len(which)
    return few


def _put(target: Stack, source: Stack, which: np.ndarray) -> None:
    for to, fro in zip(target.weights + target.biases, source.weights + source.biases):
        to[which] = fro[which]


def least_squares(features: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Linear read-outs with a constant, by least squares, one for each network.

    Args:
        features: activations of a hidden layer, shape ``(networks, points, neurons)``.
        targets: shape ``(points, 1)``.

    Returns:
        Weights ``(networks, neurons + 1, 1)``, the constant last; see `read`.

    Raises:
        ValueError: shapes that do not fit.

    Accuracy: that of LAPACK's least squares, of the shortest solution where there are many.

    Source: textbook.

    >>> least_squares([[[0.0], [1.0]]], [[1.0], [3.0]]).round(9).tolist()
    [[[2.0], [1.0]]]
    """
    features, targets = _with_constant(features, targets)
    return np.stack([np.linalg.lstsq(one, targets, rcond=None)[0] for one in features])


def logistic(features: np.ndarray, targets: np.ndarray, penalty: float = 1e-3,
             rounds: int = 100) -> np.ndarray:
    """Linear read-outs with a constant that make the signs of the targets most likely.

    Args:
        features, targets: as for `least_squares`.
        penalty: times half the squared weights, against the sum over points of the loss; without
            one, classes that can be separated drive the weights to infinity.
        rounds: of Newton's method, at most.

    Returns:
        As `least_squares`.

    Raises:
        ValueError: shapes that do not fit. ArithmeticError: Newton's method did not arrive.

    Accuracy: the gradient vanishes to 1e-6 of a point's weight.

    Source: textbook (logistic regression by Newton's method).

    >>> bool(logistic([[[0.0], [1.0]]], [[-1.0], [1.0]])[0, 0, 0] > 1)
    True
    """
    features, targets = _with_constant(features, targets)
    penalty = float(real("penalty", penalty, low=1e-12))
    return np.stack([_newton(one * np.sign(targets), penalty, count("rounds", rounds))
                     for one in features])


def _newton(margins: np.ndarray, penalty: float, rounds: int) -> np.ndarray:
    """The minimum of ``sum log(1 + exp(-margins w)) + penalty |w|^2 / 2``; steps are halved
    until they descend."""
    def loss(w: np.ndarray) -> float:
        return float(np.sum(np.logaddexp(0.0, -(margins @ w))) + 0.5 * penalty * (w @ w))

    w = np.zeros(margins.shape[1])
    now = loss(w)
    for _ in range(rounds):
        p = 0.5 - 0.5 * np.tanh(0.5 * (margins @ w))
        slope = penalty * w - p @ margins
        if np.abs(slope).max() < 1e-6:
            return w[:, None]
        curved = (margins * (p * (1 - p))[:, None]).T @ margins
        step = np.linalg.solve(curved + penalty * np.eye(len(w)), slope)
        for _ in range(40):
            if (there := loss(w - step)) <= now:
                break
            step *= 0.5
        w, now = w - step, there
    raise ArithmeticError(f"the logistic fit did not arrive in {rounds} rounds")


def _with_constant(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features, targets = real("features", features), real("targets", targets)
    if features.ndim != 3 or targets.shape != (features.shape[1], 1):
        raise ValueError("features must have shape (networks, points, neurons) and targets "
                         f"(points, 1), got {features.shape} and {targets.shape}")
    return np.concatenate([features, np.ones((*features.shape[:2], 1))], axis=2), targets


def read(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What read-outs make of features.

    Args:
        features: shape ``(networks, points, neurons)``.
        weights: of `least_squares` or `logistic`.

    Returns:
        Shape ``(networks, points, outputs)``.

    Raises:
        ValueError: shapes that do not fit.

    Accuracy: rounding.

    Source: textbook.

    >>> read([[[5.0]]], [[[2.0], [1.0]]]).tolist()
    [[[11.0]]]
    """
    features, weights = real("features", features), real("weights", weights)
    return features @ weights[:, :-1] + weights[:, -1:]
