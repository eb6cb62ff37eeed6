"""Is one quantity proportional to another?"""
import numpy as np

from oldlib.checks import real


def proportionality(x: np.ndarray, y: np.ndarray) -> float:
    """Share of the variance of y that ``y = a x`` explains, a by least squares.

    The line has no constant term, so that a straight line that misses the origin scores lower
    than its squared correlation.

    Args:
        x, y: of one shape, at least two points; x not all 0, y not constant.

    Returns:
        At most 1, which is exact proportionality; below 0 where a constant would fit better.

    Raises:
        ValueError: shapes that differ, or nothing to explain.

    Accuracy: rounding.

    Source: textbook (coefficient of determination).

    >>> proportionality([1.0, 2.0], [3.0, 6.0])
    1.0
    """
    x, y = real("x", x).ravel(), real("y", y).ravel()
    if x.shape != y.shape or not x.any() or x.size < 2 or np.ptp(y) == 0:
        raise ValueError("x and y must have one shape, x not all 0 and y not constant, got "
                         f"{x.size} and {y.size} points")
    rest = y - x * (x @ y) / (x @ x)
    return float(1.0 - rest @ rest / np.sum((y - y.mean()) ** 2))
