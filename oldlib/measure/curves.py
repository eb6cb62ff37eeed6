"""Lengths and curvatures of curves given as points, tangents and second tangents.

Arrays have shape ``(networks, width, points)``. Tangents come with the logarithm of a speed a
point: the true first derivative is ``exp(log_speed) * dh``, the second ``exp(2 log_speed) * d2h``,
each point by its own clock. Integrals are over the closed curve, ``theta = 2 pi k / points``.
"""
import numpy as np

from oldlib.checks import real


class Aliased(ArithmeticError):
    """A length that the sampling of the curve is too coarse to give.

    ``best`` is the length of the chords, a lower bound.
    """

    def __init__(self, message: str, best: np.ndarray):
        super().__init__(message)
        self.best = best


def log_metric(dh: np.ndarray, log_speed: np.ndarray) -> np.ndarray:
    """``ln(|dh/dtheta|^2 / width)``, the logarithm of the metric per neuron.

    Args:
        dh: tangents, shape ``(networks, width, points)``.
        log_speed: shape ``(networks, points)``.

    Returns:
        Shape ``(networks, points)``; -inf where the curve stands still.

    Raises:
        ValueError: shapes that do not match, or numbers that are not finite.

    Accuracy: rounding.

    Source: [poole2016], main text.

    >>> log_metric(np.ones((1, 4, 1)), [[0.5]]).tolist()
    [[1.0]]
    """
    dh, log_speed = _tangents(dh, log_speed)
    with np.errstate(divide="ignore"):
        return 2.0 * log_speed + np.log(np.mean(dh * dh, axis=-2))


def kappa2(dh: np.ndarray, d2h: np.ndarray) -> np.ndarray:
    """``width * kappa^2``, the squared curvature in units in which it is of order one.

    Args:
        dh, d2h: tangents and second tangents, shape ``(networks, width, points)``. The clock of
            a point does not matter.

    Returns:
        Shape ``(networks, points)``.

    Raises:
        ValueError: shapes that differ, numbers that are not finite, or a point that stands
            still and has no curvature.

    Accuracy: rounding, without cancellation: the part of d2h across dh is taken first.

    Source: [poole2016], main text.

    >>> kappa2(np.array([[[1.0], [0.0]]]), np.array([[[5.0], [3.0]]])).tolist()
    [[18.0]]
    """
    across, square = _across(dh, d2h)
    width = np.shape(dh)[-2]
    return width * (np.sum(across * across, axis=-2) / square) / square


def log_length_gauss(dh: np.ndarray, d2h: np.ndarray, log_speed: np.ndarray) -> np.ndarray:
    """Logarithm of the length of the Gauss map, ``integral kappa |dh/dtheta| dtheta``.

    Args:
        dh, d2h, log_speed: as in `kappa2` and `log_metric`.

    Returns:
        Shape ``(networks,)``.

    Raises:
        ValueError: as for `kappa2`.

    Accuracy: that of the trapezoid rule on a closed curve: rounding where the points resolve
        the curve; where they do not, an average over points that are as good as independent.

    Source: [poole2016], main text.
    """
    across, square = _across(dh, d2h)
    log_speed = _tangents(dh, log_speed)[1]
    with np.errstate(divide="ignore"):
        turning = 0.5 * np.log(np.sum(across * across, axis=-2) / square) + log_speed
    return _log_integral(turning)


def length_gauss(dh: np.ndarray, d2h: np.ndarray, log_speed: np.ndarray) -> np.ndarray:
    """Length of the Gauss map: how far the unit tangent travels on its sphere.

    Args:
        dh, d2h, log_speed: as in `log_length_gauss`.

    Returns:
        Shape ``(networks,)``; ``2 pi`` for a circle.

    Raises:
        ValueError: as for `kappa2`. OverflowError: too long for a number; take the logarithm.

    Accuracy: as `log_length_gauss`.

    Source: [poole2016], main text.

    >>> theta = 2 * np.pi * np.arange(8) / 8
    >>> wheel = np.array([[np.cos(theta), np.sin(theta)]])
    >>> round(float(length_gauss(wheel, np.roll(wheel, 2, axis=-1), np.zeros((1, 8)))[0]), 6)
    6.283185
    """
    logarithm = log_length_gauss(dh, d2h, log_speed)
    if logarithm.max() > 709.0:
        raise OverflowError(f"the Gauss map is exp({logarithm.max():.0f}) long: take "
                            "log_length_gauss")
    return np.exp(logarithm)


def log_length_euclid(dh: np.ndarray, log_speed: np.ndarray) -> np.ndarray:
    """``ln(L / sqrt(width))``, L the Euclidean length of the closed curve.

    Args:
        dh, log_speed: as in `log_metric`.

    Returns:
        Shape ``(networks,)``.

    Raises:
        ValueError: as for `log_metric`.

    Accuracy: as `log_length_gauss`.

    Source: [poole2016], main text.

    >>> round(float(np.exp(log_length_euclid(np.ones((1, 9, 5)), np.zeros((1, 5))))[0]), 6)
    6.283185
    """
    return _log_integral(0.5 * log_metric(dh, log_speed))


def length_from_samples(h: np.ndarray, closed: bool = True, rtol: float = 0.01) -> np.ndarray:
    """Length of a curve from the chords between its samples, guarded against aliasing.

    Chords cut corners. A curve that its points resolve loses a third as much in the chords as
    the chords lose when every second point is dropped; if that is more than ``rtol`` of the
    length, the points are too far apart and the number is refused.

    Args:
        h: points in order, shape ``(..., width, points)``, an even number if closed, odd if not.
        closed: whether the last point is joined to the first.
        rtol: loss to be tolerated; ``np.inf`` takes the chords as they come.

    Returns:
        Shape ``(...)``, the lengths of the chords.

    Raises:
        ValueError: too few points or the wrong number for halving.
        Aliased: chords that undercount; carries them as ``best``.

    Accuracy: ``rtol``, for a curve without wiggles much finer than a chord and much smaller,
        which no samples can show.

    Source: derived here.

    >>> theta = 2 * np.pi * np.arange(100) / 100
    >>> round(float(length_from_samples(np.array([np.cos(theta), np.sin(theta)]))), 3)
    6.282
    """
    h = real("h", h)
    points = h.shape[-1] if h.ndim >= 2 else 0
    if points < 5 or points % 2 == closed:
        raise ValueError(f"h must hold an {'even' if closed else 'odd'} number of points, at "
                         f"least 5, on its last axis; got shape {h.shape}")
    fine, coarse = _chords(h, closed), _chords(h[..., ::2], closed)
    lost = np.max((fine - coarse) / np.where(fine > 0.0, 3.0 * fine, 1.0))
    if lost > rtol:
        raise Aliased(f"the chords undercount the length by {lost:.1%} or more: sample the curve "
                      "more finely, or integrate the speed of its tangents", fine)
    return fine


def gauss_from_samples(dh: np.ndarray, closed: bool = True, rtol: float = 0.01) -> np.ndarray:
    """Length of the Gauss map from chords between unit tangents, guarded against aliasing.

    Args:
        dh: tangents in order, shape ``(..., width, points)``; their lengths do not matter.
        closed, rtol: as in `length_from_samples`.

    Returns:
        Shape ``(...)``.

    Raises:
        ValueError: as for `length_from_samples`, or a tangent of length 0.
        Aliased: chords that undercount; carries them as ``best``.

    Accuracy: as `length_from_samples`.

    Source: derived here.

    >>> theta = 2 * np.pi * np.arange(100) / 100
    >>> round(float(gauss_from_samples(np.array([np.cos(theta), np.sin(theta)]))), 3)
    6.282
    """
    dh = real("dh", dh)
    norm = np.sqrt(np.sum(dh * dh, axis=-2, keepdims=True)) if dh.ndim >= 2 else np.zeros(1)
    if not np.all(norm > 0.0):
        raise ValueError("dh must have tangents of positive length, shape (..., width, points)")
    return length_from_samples(dh / norm, closed, rtol)


def _tangents(dh: np.ndarray, log_speed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    dh, log_speed = real("dh", dh), np.asarray(log_speed, dtype=float)
    if dh.ndim < 2 or log_speed.shape != (*dh.shape[:-2], dh.shape[-1]):
        raise ValueError("dh must have shape (networks, width, points) and log_speed (networks, "
                         f"points); got {dh.shape} and {log_speed.shape}")
    return dh, log_speed


def _across(dh: np.ndarray, d2h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of d2h perpendicular to dh, and ``|dh|^2``."""
    dh, d2h = real("dh", dh), real("d2h", d2h)
    if dh.ndim < 2 or d2h.shape != dh.shape:
        raise ValueError("dh and d2h must have one shape (networks, width, points); got "
                         f"{dh.shape} and {d2h.shape}")
    square = np.sum(dh * dh, axis=-2)
    if not np.all(square > 0.0):
        raise ValueError("dh must not be zero: a point that stands still has no curvature")
    along = np.sum(dh * d2h, axis=-2) / square
    return d2h - along[..., None, :] * dh, square


def _log_integral(logarithm: np.ndarray) -> np.ndarray:
    """``ln`` of ``2 pi`` times the mean of the exponentials over the last axis."""
    top = logarithm.max(axis=-1)
    shift = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        mean = np.log(np.mean(np.exp(logarithm - shift[..., None]), axis=-1))
    return mean + shift + np.log(2.0 * np.pi)


def _chords(h: np.ndarray, closed: bool) -> np.ndarray:
    steps = np.diff(h, axis=-1, append=h[..., :1]) if closed else np.diff(h, axis=-1)
    return np.sqrt(np.sum(steps * steps, axis=-2)).sum(axis=-1)
