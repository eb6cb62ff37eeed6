"""Straight and circular paths, as the papers lay them through the input."""
from typing import NamedTuple

import numpy as np

from oldlib.checks import count, real

QUARTER = np.pi / 2


class Path(NamedTuple):
    """``x(t) = centre + t frame[0]``, or ``centre + cos t frame[0] + sin t frame[1]``.

    ``start <= t <= stop``; ``frame`` has shape ``(1, inputs)`` for a line and ``(2, inputs)``
    for an arc.
    """

    centre: np.ndarray
    frame: np.ndarray
    start: float
    stop: float

    @property
    def curved(self) -> bool:
        """Whether it is an arc."""
        return len(self.frame) == 2

    @property
    def closed(self) -> bool:
        """Whether it is a whole circle, whose end is its start."""
        return self.curved and bool(np.isclose(self.stop - self.start, 2 * np.pi, rtol=1e-15))

    def at(self, t: np.ndarray) -> np.ndarray:
        """Points of the path, shape ``(len(t), inputs)``."""
        t = np.asarray(t, dtype=float)[:, None]
        basis = np.hstack([np.cos(t), np.sin(t)]) if self.curved else t
        return self.centre + basis @ self.frame


def line(x0: np.ndarray, x1: np.ndarray) -> Path:
    """The segment ``(1 - t) x0 + t x1``, t from 0 to 1.

    Args:
        x0, x1: its ends, shape ``(inputs,)``; they may coincide.

    Returns:
        The `Path`.

    Raises:
        ValueError, TypeError: not two vectors of one length.

    Source: [raghu2017], straight-line trajectory.

    >>> line([0.0, 2.0], [1.0, 2.0]).at([0.5]).tolist()
    [[0.5, 2.0]]
    """
    x0, x1 = _vectors(x0=x0, x1=x1)
    return Path(x0, (x1 - x0)[None], 0.0, 1.0)


def arc(x0: np.ndarray, x1: np.ndarray, stop: float = QUARTER, start: float = 0.0,
        centre: np.ndarray | None = None) -> Path:
    """The arc ``centre + x0 cos t + x1 sin t`` from x0 (t = 0) to x1 (t = pi/2) and beyond.

    Args:
        x0, x1: vectors, shape ``(inputs,)``; of an ellipse where not orthogonal and equally long.
        stop, start: range of the angle t, at most one turn.
        centre: the origin if left out.

    Returns:
        The `Path`.

    Raises:
        ValueError, TypeError: not vectors of one length, or a range that is empty or above
            one turn.

    Source: [raghu2017], circular trajectory, where ``t`` of [0, 1] is our angle over pi/2.

    >>> arc([1.0, 0.0], [0.0, 1.0]).at([0.0]).tolist()
    [[1.0, 0.0]]
    """
    x0, x1 = _vectors(x0=x0, x1=x1)
    start, stop = float(real("start", start)), float(real("stop", stop))
    if not 0 < stop - start <= 2 * np.pi * (1 + 1e-15):
        raise ValueError(f"stop must be above start by at most 2 pi, got {start:g} to {stop:g}")
    middle = np.zeros_like(x0) if centre is None else _vectors(x0=x0, centre=centre)[1]
    return Path(middle, np.stack([x0, x1]), start, stop)


def circle(u0: np.ndarray, u1: np.ndarray) -> Path:
    """The whole circle ``u0 cos t + u1 sin t``.

    Args:
        u0, u1: vectors, shape ``(inputs,)``; orthogonal and equally long, or else an ellipse.

    Returns:
        The `Path`, t from 0 to 2 pi.

    Raises:
        ValueError, TypeError: not two vectors of one length.

    Source: [poole2016], [raghu2017].

    >>> circle([1.0, 0.0], [0.0, 1.0]).closed
    True
    """
    return arc(u0, u1, 2 * np.pi)


def _vectors(**given: object) -> list[np.ndarray]:
    vectors = [real(name, value) for name, value in given.items()]
    for name, vector in zip(given, vectors):
        if vector.ndim != 1 or vector.shape != vectors[0].shape or not vector.size:
            raise ValueError(f"{name} must be a vector as long as {next(iter(given))}, got shape "
                             f"{vector.shape}")
    return vectors


def random_frame(inputs: int, rng: int | np.random.Generator) -> np.ndarray:
    """Two orthogonal vectors of length ``sqrt(inputs)`` in a random direction.

    Args:
        inputs: dimension, at least 2.
        rng: a seed or a `numpy.random.Generator`.

    Returns:
        Shape ``(2, inputs)``: ``arc(*frame)`` runs on the sphere of mean square 1.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: orthogonal to rounding; uniform over directions.

    Source: [raghu2017], circle between two random vectors.

    >>> u = random_frame(5, rng=0)
    >>> np.abs(u @ u.T).round(12).tolist()
    [[5.0, 0.0], [0.0, 5.0]]
    """
    inputs, rng = count("inputs", inputs, low=2), np.random.default_rng(rng)
    first, second = rng.standard_normal((2, inputs))
    second = second - first * (first @ second) / (first @ first)
    return np.stack([np.sqrt(inputs) * u / np.sqrt(u @ u) for u in (first, second)])


def random_arcs(number: int, inputs: int, seed: int, stop: float = QUARTER,
                radius: float = 1.0) -> list[Path]:
    """Arcs around the origin, each through a `random_frame` of its own.

    Args:
        number: how many.
        inputs: dimension, at least 2.
        seed: of all of them; the first few do not depend on the number.
        stop: angle at which they end; 2 pi makes circles.
        radius: in units of ``sqrt(inputs)``.

    Returns:
        The paths.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: as `random_frame`.

    Source: [raghu2017], circle between two random vectors.

    >>> [path.at([0.0]).shape for path in random_arcs(2, inputs=5, seed=0)]
    [(1, 5), (1, 5)]
    """
    number, seed = count("number", number), count("seed", seed, low=0)
    radius = float(real("radius", radius, low=0.0))
    return [arc(*radius * random_frame(inputs, np.random.default_rng([seed, i, 1])), stop)
            for i in range(number)]
