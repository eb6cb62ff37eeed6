"""Statistics of sampled networks that no library has: growth, ranks, what an ensemble knows.

Where there is nothing to measure, in a single layer or among equal values, they are NaN.
"""
from dataclasses import replace

import numpy as np

from lib.checks import real
from lib.estimate import Estimate, mean


def factor_per_layer(lengths: np.ndarray) -> np.ndarray:
    """Factor per layer of the mean over networks, ``(last / first)^(1 / steps)``.

    The mean over networks is taken before the ratio: expected lengths are what formulas speak of,
    and a typical network is shorter than the mean. Lengths ``(networks, ..., layers)``, from the
    layer where the fit starts, give ``(...)``; a dead network counts as 0, and of dead ones alone
    there is no factor.

    >>> factor_per_layer([[1.0, 3.0, 4.0], [1.0, 1.0, 14.0]]).item()
    3.0
    """
    lengths = real("lengths", lengths, low=0.0, axes="networks, ..., layers")
    size, steps = lengths.mean(axis=0), lengths.shape[-1] - 1
    alive = np.all(size > 0.0, axis=-1) & (steps > 0)
    return (np.where(alive, size[..., -1], np.nan) / np.where(alive, size[..., 0], 1.0)) ** (
        1.0 / max(steps, 1))


def straightness(sizes: np.ndarray) -> float:
    """Squared correlation of the logarithm of the mean over networks with the layer.

    Sizes ``(networks, layers)`` give 0 to 1: 1 if the mean grows, or falls, by the same factor in
    every layer. Two layers say nothing, nor does a mean that stays, or is 0.
    """
    sizes = real("sizes", sizes, low=0.0, axes="networks, layers")
    size = sizes.mean(axis=0)
    if size.size < 3 or not np.all(size > 0.0):
        return np.nan
    return float(correlation(np.arange(size.size), np.log(size)) ** 2)


def proportionality(x: np.ndarray, y: np.ndarray) -> float:
    """Share of the variance of y that ``y = a x`` explains, a by least squares.

    The line has no constant term: one that misses the origin scores lower than its squared
    correlation. At most 1, which is exact proportionality; below 0 where a constant would fit
    better.
    """
    x = real("x", x, axes="..., n")
    x, y = x.ravel(), real("y", y, axes=x.shape).ravel()
    if not x.any() or np.ptp(y) == 0.0:
        return np.nan
    rest = y - x * (x @ y) / (x @ x)
    return float(1.0 - rest @ rest / np.sum((y - y.mean()) ** 2))


def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's correlation along the last axis.

    Shapes that broadcast to ``(..., n)`` give ``(...)``, one a network where networks come first.
    """
    x = real("x", x, axes="..., n", finite=False)
    y = real("y", y, axes=f"..., {x.shape[-1]}", finite=False)
    level = (np.ptp(x, axis=-1) == 0.0) | (np.ptp(y, axis=-1) == 0.0)
    x, y = (one - one.mean(axis=-1, keepdims=True) for one in (x, y))
    size = np.sqrt(np.vecdot(x, x) * np.vecdot(y, y))
    return np.vecdot(x, y) / np.where(level, np.nan, size)


def rank_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's `correlation`, that of the ranks; ties share theirs."""
    return correlation(*(np.apply_along_axis(_ranks, -1, one) for one in (x, y)))


def _ranks(x: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
    """How many values (of others) each is above; those that it equals count half."""
    of = np.sort(x if of is None else of)
    below, upto = (np.searchsorted(of, x, side) for side in ("left", "right"))
    return np.where(np.isnan(of[-1:]), np.nan, 0.5 * (below + upto))  # NaN is sorted to the end


def rank_trend(x: np.ndarray, samples: np.ndarray) -> Estimate:
    """Mean over networks of the rank correlation with x; its error allows for few ranks.

    A rank correlation of a few items moves in steps: exchanging two neighbours of n costs
    ``12 / (n (n^2 - 1))``. Five networks that all say 1 do not make it exact: half a step for
    each network is added to the error in quadrature.

    Args:
        x: shape ``(n,)``, or ``(networks, n)`` if every network has its own.
        samples: shape ``(networks, n)``.
    """
    found, n = mean(rank_correlation(x, samples)), np.shape(samples)[-1]
    half = 6.0 / max(n * (n**2 - 1), 1) / np.sqrt(found.samples)
    return replace(found, error=np.hypot(found.error, half))


def mean_prediction(outputs: np.ndarray) -> np.ndarray:
    """Probabilities ``(points, classes)`` of classes, averaged over an ensemble of networks.

    Outputs before the softmax have shape ``(networks, points, classes)``.

    Source: [storm2024].
    """
    from scipy.special import softmax

    outputs = real("outputs", outputs, axes="networks, points, classes")
    return softmax(outputs, axis=2).mean(axis=0)


def predictive_entropy(outputs: np.ndarray) -> np.ndarray:
    """Entropy ``(points,)`` of the mean prediction, ``-sum_i <p_i> ln <p_i>``; not the mean of
    entropies.

    Source: [storm2024].
    """
    from scipy.special import entr

    return entr(mean_prediction(outputs)).sum(axis=1)


def detection(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the curve: how often a positive has a higher score than a negative.

    Scores and truth values have shape ``(n,)``; ties count half, so that 0.5 knows nothing. NaN
    where all are positive, or none.

    Source: textbook (Mann and Whitney's statistic).
    """
    scores = real("scores", scores, axes="n")
    positive = real("positive", np.asarray(positive) * 1.0, axes=scores.shape) > 0.0
    if positive.all() or not positive.any():
        return np.nan
    return float(_ranks(scores[positive], scores[~positive]).mean() / np.sum(~positive))
