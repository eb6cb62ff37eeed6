"""Errors of statistics that are not means: leave one network out at a time."""
from typing import Callable

import numpy as np

from oldlib.checks import real


def jackknife(statistic: Callable[[np.ndarray], float],
              samples: np.ndarray) -> tuple[float, float]:
    """A statistic of samples and its standard error over networks.

    The statistic is computed again without each network in turn. Good for smooth functions of
    means: ratios, slopes, correlations; not for a median or a maximum over networks.

    Args:
        statistic: from an array of networks to a number.
        samples: shape ``(networks, ...)``, at least two networks.

    Returns:
        The statistic of all samples, and its standard error.

    Raises:
        ValueError: fewer than two networks, or a statistic that is not finite.

    Accuracy: the error to first order in 1 / networks.

    Source: textbook.

    >>> jackknife(np.mean, [0.0, 2.0])
    (1.0, 1.0)
    """
    samples = real("samples", samples)
    n = len(samples) if samples.ndim else 0
    if n < 2:
        raise ValueError(f"samples must hold at least two networks, got shape {samples.shape}")
    without = np.array([float(statistic(np.delete(samples, i, axis=0))) for i in range(n)])
    value = float(statistic(samples))
    if not (np.isfinite(value) and np.all(np.isfinite(without))):
        raise ValueError("statistic is not finite with all networks, or without one of them")
    return value, float(np.sqrt((n - 1) * np.mean((without - without.mean()) ** 2)))


def factor_per_layer(lengths: np.ndarray) -> np.ndarray:
    """Factor per layer of the mean over networks, ``(last / first)^(1 / steps)``.

    The mean over networks is taken before the ratio: expected lengths are what formulas speak
    of, and a typical network is shorter than the mean.

    Args:
        lengths: shape ``(networks, ..., layers)``, not negative: a dead network counts as 0. The
            first of the layers is where the fit starts.

    Returns:
        Shape ``(...)``.

    Raises:
        ValueError: negative, a mean of 0, or fewer than two layers.

    Accuracy: its error is what `jackknife` says.

    Source: derived here.

    >>> factor_per_layer([[1.0, 3.0, 4.0], [1.0, 1.0, 14.0]]).item()
    3.0
    """
    lengths = real("lengths", lengths, low=0.0)
    if lengths.ndim < 2 or lengths.shape[-1] < 2:
        raise ValueError("lengths must have shape (networks, ..., layers) with at least two "
                         f"layers, got {lengths.shape}")
    mean = lengths.mean(axis=0)
    if not np.all(mean > 0.0):
        raise ValueError("lengths must not be 0 in all networks")
    return (mean[..., -1] / mean[..., 0]) ** (1.0 / (lengths.shape[-1] - 1))


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation: that of the ranks, ties sharing theirs.

    Args:
        x, y: shape ``(n,)``, each with at least two different values.

    Returns:
        From -1 to 1.

    Raises:
        ValueError: shapes that differ, or a constant.

    Accuracy: exact.

    Source: textbook.

    >>> rank_correlation([1.0, 2.0, 3.0], [10.0, 1000.0, 100.0])
    0.5
    """
    x, y = real("x", x), real("y", y)
    if x.ndim != 1 or x.shape != y.shape or x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        raise ValueError("x and y must have one shape (n,) and each two different values, got "
                         f"{x.shape} and {y.shape}")
    ranks = [0.5 * (np.sum(v[:, None] > v, axis=1) - np.sum(v[:, None] < v, axis=1))
             for v in (x, y)]
    return float(ranks[0] @ ranks[1] / np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])))


def rank_trend(x: np.ndarray, samples: np.ndarray) -> tuple[float, float]:
    """Mean over networks of the rank correlation with x, and its standard error.

    Where networks agree to the last rank their spread is 0 and says nothing; the error is never
    below what one exchange of two neighbours in one network would change.

    Args:
        x: shape ``(n,)``.
        samples: shape ``(networks, n)``, at least two networks.

    Returns:
        The mean and its error.

    Raises:
        ValueError: fewer than two networks, or as `rank_correlation`.

    Accuracy: the error is that of a mean of independent networks.

    Source: derived here.

    >>> rank_trend([1, 2, 3], [[1, 2, 3], [1, 3, 2]])
    (0.75, 0.25)
    """
    samples = real("samples", samples)
    if samples.ndim != 2 or len(samples) < 2:
        raise ValueError(f"samples must hold at least two networks, got shape {samples.shape}")
    found = np.array([rank_correlation(x, one) for one in samples])
    networks, n = samples.shape
    exchange = 12.0 / (n * (n * n - 1.0)) / networks
    return float(found.mean()), float(max(found.std(ddof=1) / np.sqrt(networks), exchange))


def straightness(sizes: np.ndarray) -> float:
    """Squared correlation of the logarithm of the mean over networks with the layer.

    Args:
        sizes: shape ``(networks, layers)``, not negative, at least three layers.

    Returns:
        From 0 to 1: 1 if the mean grows, or falls, by the same factor in every layer.

    Raises:
        ValueError: negative, a mean of 0, fewer than three layers, or the same mean in all.

    Accuracy: its error is what `jackknife` says.

    Source: textbook.

    >>> straightness([[1.0, 2.0, 4.0, 8.0]]).__round__(12)
    1.0
    """
    sizes = real("sizes", sizes, low=0.0)
    if sizes.ndim != 2 or sizes.shape[1] < 3:
        raise ValueError("sizes must have shape (networks, layers) with at least three layers, "
                         f"got {sizes.shape}")
    mean = sizes.mean(axis=0)
    if not np.all(mean > 0.0):
        raise ValueError("sizes must not be 0 in all networks")
    log = np.log(mean)
    if np.ptp(log) == 0.0:
        raise ValueError("sizes must not have the same mean in all layers")
    return float(np.corrcoef(np.arange(log.size), log)[0, 1] ** 2)
