"""Orders: how far one list goes up where another does, in several networks."""
import numpy as np

from oldlib.checks import real
from oldlib.measure.resampling import rank_correlation


def order_found(values: np.ndarray, order: np.ndarray) -> tuple[float, float]:
    """Mean rank correlation with an order over networks; its error allows for few ranks.

    A rank correlation of a few items moves in steps: exchanging two neighbours of n costs
    ``12 / (n (n^2 - 1))``. Five networks that all say 1 do not make it exact.

    Args:
        values: shape ``(networks, items)``, at least two of each.
        order: shape ``(items,)``, or ``(networks, items)`` if every network has its own.

    Returns:
        The mean, and its standard error with half a step a network added in quadrature.

    Raises:
        ValueError: shapes that do not match, a single network, or values that are all equal.

    Accuracy: the error is rough: networks are few and the distribution is skewed near 1.

    Source: derived here.

    >>> mean, error = order_found([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], [1, 2, 3])
    >>> round(mean, 6), round(error, 3)
    (1.0, 0.177)
    """
    found, items = _correlations(values, order), np.shape(values)[1]
    step = 12.0 / (items * (items**2 - 1))
    error = np.sqrt((found.var(ddof=1) + (0.5 * step) ** 2) / len(found))
    return float(found.mean()), float(error)


def share_explained(values: np.ndarray, predictor: np.ndarray) -> tuple[float, float]:
    """Share of the variance of the ranks of the values that the ranks of a predictor explain.

    Args:
        values, predictor: as for `order_found`. The sign of the relation does not matter.

    Returns:
        Mean over networks of the squared rank correlation, and its standard error.

    Raises:
        ValueError: as for `order_found`.

    Accuracy: with n items a predictor that has nothing to say still explains 1 / (n - 1).

    Source: textbook.

    >>> share_explained([[4.0, 1.0, 0.0], [9.0, 8.0, 2.0]], [1, 2, 3])
    (1.0, 0.0)
    """
    found = _correlations(values, predictor) ** 2
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found)))


def _correlations(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    values, order = real("values", values), real("order", order)
    if values.ndim != 2 or len(values) < 2 or order.shape not in (values.shape, values.shape[1:]):
        raise ValueError("values must have shape (networks, items), at least two of each, and "
                         "order that of one network or of all, got "
                         f"{values.shape} and {order.shape}")
    return np.array([rank_correlation(one, its) for one, its in zip(
        values, np.broadcast_to(order, values.shape))])
