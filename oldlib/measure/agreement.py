"""How well samples agree with an expectation, as a number with its error."""
import numpy as np

from oldlib.checks import real


def worst_gap(samples: np.ndarray, expected: np.ndarray,
              relative: bool = False) -> tuple[float, float]:
    """The largest deviation of a mean over networks from what is expected, and its error.

    Args:
        samples: shape ``(networks, ...)``, at least two networks.
        expected: shape ``(...)``.
        relative: whether to divide by the expected values.

    Returns:
        The largest ``|mean - expected|`` and the standard error of that mean.

    Raises:
        ValueError: fewer than two networks, or shapes that do not match.

    Accuracy: the larger of many deviations is biased upwards by about two standard errors.

    Source: textbook.

    >>> worst_gap([[1.0, 2.0], [1.0, 4.0]], [1.0, 2.0])
    (1.0, 1.0)
    """
    samples, expected = _matching(samples, expected)
    unit = np.abs(expected) if relative else np.ones_like(expected)
    gap = np.abs(samples.mean(axis=0) - expected) / unit
    worst = np.unravel_index(gap.argmax(), gap.shape)
    error = samples[(slice(None), *worst)].std(ddof=1) / np.sqrt(len(samples)) / unit[worst]
    return float(gap[worst]), float(error)


def spread_ratio(samples: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """The standard deviation over networks in units of the predicted one, and its error.

    Args:
        samples: shape ``(networks, points, curves)``, at least two networks and two curves.
        predicted: predicted standard deviations, shape ``(points, curves)``.

    Returns:
        Mean over the curves of the root mean square ratio over the points of each, and its
        standard error over the curves.

    Raises:
        ValueError: fewer than two networks or curves, or shapes that do not match.

    Accuracy: the error takes the curves as independent.

    Source: textbook.

    >>> spread_ratio([[[0.0, 0.0]], [[2.0, 2.0]]], [[1.0, 1.0]])[0].__round__(6)
    1.414214
    """
    samples, predicted = _matching(samples, predicted)
    if predicted.ndim != 2 or predicted.shape[1] < 2:
        raise ValueError("predicted must have shape (points, curves) with at least two curves, "
                         f"got {predicted.shape}")
    ratio = samples.std(axis=0, ddof=1) / predicted
    curves = np.sqrt(np.mean(ratio**2, axis=0))
    return float(curves.mean()), float(curves.std(ddof=1) / np.sqrt(curves.size))


def _matching(samples: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    samples, other = real("samples", samples), real("expected", other)
    if samples.ndim < 1 or len(samples) < 2:
        raise ValueError(f"samples must hold at least two networks, got shape {samples.shape}")
    if samples.shape[1:] != other.shape:
        raise ValueError(f"samples of shape {samples.shape} do not match {other.shape}: the first "
                         "axis counts networks")
    return samples, other
