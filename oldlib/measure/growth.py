"""Growth rates and exponents with their errors."""
import numpy as np

from oldlib.checks import real


def rate(x: np.ndarray, samples: np.ndarray) -> tuple[float, float]:
    """Slope of samples against x by least squares, each network fitted by itself.

    Of logarithms against the layer it is the growth per layer; against the logarithm of the
    layer, an exponent.

    Args:
        x: shape ``(points,)``, at least two different values.
        samples: shape ``(networks, points)``, at least two networks.

    Returns:
        Mean slope over the networks and its standard error.

    Raises:
        ValueError: shapes that do not match, fewer than two networks, or one x only.

    Accuracy: the standard error; points of one network may depend on each other, networks not.

    Source: textbook.

    >>> rate([1.0, 2.0, 3.0], [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]])
    (2.0, 0.0)
    """
    x, samples = real("x", x), real("samples", samples)
    if samples.ndim != 2 or len(samples) < 2 or x.shape != samples.shape[1:]:
        raise ValueError("samples must have shape (networks, points) with at least two networks "
                         f"and the points of x, got {samples.shape} and {x.shape}")
    lever = x - x.mean()
    if not np.any(lever):
        raise ValueError("x must hold at least two different values")
    slopes = samples @ lever / (lever @ lever)
    return float(slopes.mean()), float(slopes.std(ddof=1) / np.sqrt(len(slopes)))


def exponent(x: np.ndarray, mean: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Power with which independent means grow with x, by a straight line through logarithms.

    Args:
        x: positive, shape ``(points,)``, at least two different values.
        mean: positive means, same shape.
        error: their standard errors, positive, same shape.

    Returns:
        Exponent and its standard error, each mean weighted by its relative error.

    Raises:
        ValueError: shapes that differ, or numbers that are not positive.

    Accuracy: first order in ``error / mean``.

    Source: textbook (weighted least squares).

    >>> exponent([1.0, 10.0], [5.0, 500.0], [0.05, 5.0])[0].__round__(12)
    2.0
    """
    tiny = np.finfo(float).tiny
    x, mean, error = (real(name, value, low=tiny) for name, value in
                      (("x", x), ("mean", mean), ("error", error)))
    if x.ndim != 1 or not x.shape == mean.shape == error.shape or np.ptp(x) == 0.0:
        raise ValueError("x, mean and error must have one shape (points,), with at least two "
                         f"different x; got {x.shape}, {mean.shape} and {error.shape}")
    weight = (mean / error) ** 2
    lever = np.log(x) - np.average(np.log(x), weights=weight)
    spread = weight @ lever**2
    return float(weight @ (lever * np.log(mean)) / spread), float(spread**-0.5)
