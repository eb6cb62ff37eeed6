"""Geometry of curves through layers, and of level sets: lengths, curvature, shape.

Points and tangents have axes ``(network, point, neuron)``. Tangents come with the logarithm of a
speed a point: the true first derivative is ``exp(log_speed) * dh``, the second
``exp(2 log_speed) * d2h``, each point by its own clock. Integrals are over the closed curve,
``theta = 2 pi k / points``.
"""
from typing import NamedTuple

import numpy as np

from lib.checks import Untrusted, count, real


class Components(NamedTuple):
    """Principal components of points, in the unit of the points times the root of the width.

    ``scores`` has shape (networks, points, kept); ``spectrum`` (networks, points) holds the
    variances per neuron along all components, falling: they add up to the variance of the points
    per neuron.
    """

    scores: np.ndarray
    spectrum: np.ndarray


class Osculation(NamedTuple):
    """The circle that hugs a curve at a point; ``radius`` is one over the curvature.

    ``plane`` (neurons, 2) holds the unit tangent and the unit normal, towards the centre.
    """

    plane: np.ndarray
    radius: float


def log_metric(dh: np.ndarray, log_speed: np.ndarray) -> np.ndarray:
    """``ln(|dh/dtheta|^2 / width)``, the logarithm of the metric per neuron.

    Tangents ``(..., points, neurons)`` and logarithms of speeds ``(..., points)`` give
    ``(..., points)``; -inf where the curve stands still.

    Source: [poole2016], main text.
    """
    dh = real("dh", dh, axes="..., points, neurons")
    log_speed = real("log_speed", log_speed, axes=dh.shape[:-1], finite=False)
    with np.errstate(divide="ignore"):
        return 2.0 * log_speed + np.log(np.vecdot(dh, dh) / dh.shape[-1])


def kappa2(dh: np.ndarray, d2h: np.ndarray) -> np.ndarray:
    """``width * kappa^2``, the squared curvature in units in which it is of order one.

    Tangents and second tangents ``(..., neurons)`` give ``(...)``, by any clock; a point that
    stands still has no curvature (ValueError).

    Accuracy: rounding, without cancellation: the part of d2h across dh is taken first.

    Source: [poole2016], main text.
    """
    across, square = _across(dh, d2h)
    return across.shape[-1] * (np.vecdot(across, across) / square) / square


def log_length_euclid(dh: np.ndarray, log_speed: np.ndarray) -> np.ndarray:
    """``ln(L / sqrt(width))``, L the Euclidean length of the closed curve; one a network.

    Accuracy: that of the trapezoid rule on a closed curve: rounding where the points resolve the
    curve; where they do not, an average over points that are as good as independent.

    Source: [poole2016], main text.
    """
    return _log_integral(0.5 * log_metric(dh, log_speed))


def log_length_gauss(dh: np.ndarray, d2h: np.ndarray, log_speed: np.ndarray) -> np.ndarray:
    """Logarithm of how far the unit tangent travels on its sphere; ``2 pi`` around a circle.

    Accuracy: as `log_length_euclid`.

    Source: [poole2016], main text: ``integral kappa |dh/dtheta| dtheta``.
    """
    across, square = _across(dh, d2h)
    with np.errstate(divide="ignore"):
        return _log_integral(0.5 * np.log(np.vecdot(across, across) / square) + log_speed)


def length_from_samples(h: np.ndarray, rtol: float = 0.01) -> np.ndarray:
    """Length of a curve from the chords between its samples, guarded against aliasing.

    Chords cut corners. A curve that its points resolve loses a third as much in the chords as the
    chords lose when every second point is dropped; if that is more than ``rtol`` of the length,
    the points are too far apart and the number is refused.

    Args:
        h: an odd number of points in order, shape ``(..., points, neurons)``; the last on the
            first if the curve is closed. Unit tangents give the length of the Gauss map.
        rtol: loss to be tolerated; ``np.inf`` takes the chords as they come.

    Raises:
        Untrusted: chords that undercount; ``best`` are their lengths, lower bounds.

    Accuracy: ``rtol``, for a curve without wiggles much finer than a chord and much smaller, which
        no samples can show.
    """
    h = real("h", h, axes="..., points, neurons")
    if h.shape[-2] < 5 or h.shape[-2] % 2 == 0:
        raise ValueError(f"h must hold an odd number of points, at least 5; got shape {h.shape}")
    fine, coarse = (np.linalg.norm(np.diff(some, axis=-2), axis=-1).sum(axis=-1)
                    for some in (h, h[..., ::2, :]))
    lost = np.max((fine - coarse) / np.where(fine > 0.0, 3.0 * fine, 1.0))
    if lost > rtol:
        raise Untrusted(f"the chords undercount the length by {lost:.1%} or more: sample the "
                        "curve more finely, or integrate the speed of its tangents", fine)
    return fine


def autocorrelation(h: np.ndarray) -> np.ndarray:
    """Mean cosine of the angle between points of a closed curve, for each offset along it.

    Args:
        h: points at equally spaced angles, shape ``(networks, points, neurons)``; not centred.

    Returns:
        Shape ``(networks, points)``: entry k is the mean over theta of the cosine between
        ``h(theta)`` and ``h(theta + 2 pi k / points)``, wrapped around, so that every offset has
        the same number of pairs. The first entry is 1.

    Accuracy: rounding, about 1e-15; near 1 that is absolute, not relative to ``1 - c``.

    Source: [poole2016], Fig. 3C; the wrap is ours.

    >>> autocorrelation([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]]).tolist()
    [[1.0, 0.0, -1.0, 0.0]]
    """
    h = real("h", h, axes="networks, points, neurons")
    if np.abs(h).max() > 1e150:  # whose squares no float holds
        h = h / np.abs(h).max(axis=2, keepdims=True)
    length = np.linalg.norm(h, axis=2, keepdims=True)
    if not np.all(length > 0.0):
        raise ValueError("h holds a point of length zero, which has no direction")
    wave = np.fft.rfft(h / length, axis=1)  # by Wiener and Khinchin
    power = np.sum(wave.real**2 + wave.imag**2, axis=2)
    return np.fft.irfft(power, h.shape[1], axis=1) / h.shape[1]


def components(h: np.ndarray, kept: int = 3) -> Components:
    """Principal components of points ``(networks, points, neurons)``, every network by itself.

    The scores of the first ``kept`` are returned, with signs that make the largest positive.

    Accuracy: rounding of the Gram matrix: variances below 1e-13 of the largest are noise, and
    their scores are zero.
    """
    h = real("h", h, axes="networks, points, neurons")
    kept = count("kept", kept, high=h.shape[1])
    centred = h - h.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(centred @ centred.mT)
    values = np.maximum(values[:, ::-1], 0.0)
    heard = np.where(values > 1e-13 * values[:, :1], values, 0.0)
    scores = vectors[:, :, ::-1][:, :, :kept] * np.sqrt(heard[:, None, :kept])
    largest = np.take_along_axis(scores, np.abs(scores).argmax(axis=1)[:, None], axis=1)
    return Components(scores * np.where(largest < 0.0, -1.0, 1.0),
                      values / (h.shape[1] * h.shape[2]))


def participation_ratio(h: np.ndarray) -> np.ndarray:
    """Effective number of principal components of points, those of every network by themselves.

    The squared sum of their variances over the sum of squares: 1 for points on a line, n for n
    equal variances. Of the inner products K of the centred points it is ``(tr K)^2 / tr K^2``,
    which takes no eigenvalue. Points ``(networks, points, neurons)`` give ``(networks,)``, NaN
    where they are all the same.
    """
    h = real("h", h, axes="networks, points, neurons")
    centred = h - h.mean(axis=1, keepdims=True)
    scale = np.abs(centred).max(axis=(1, 2), keepdims=True)
    centred /= np.where(scale > 0.0, scale, np.nan)
    inner = centred @ centred.mT
    return np.trace(inner, axis1=1, axis2=2)**2 / np.sum(inner * inner, axis=(1, 2))


def follow(scores: np.ndarray) -> np.ndarray:
    """Scores of successive layers, each turned to match the one before as well as it can.

    Principal components have arbitrary signs, and two of equal variance an arbitrary mix; an
    orthogonal turn (Procrustes) of the scores ``(layers, points, kept)`` takes that out and
    changes no distance. A direction in which the layer before is flat is new: it is turned towards
    powers of a ramp over the points, which tilt the others by 1e-10, rather than left to rounding.
    """
    from scipy.linalg import orthogonal_procrustes

    first, *rest = real("scores", scores, axes="layers, points, kept")
    ramps = np.linspace(-1.0, 1.0, first.shape[0])[:, None] ** np.arange(1, first.shape[1] + 1)
    turned = [first]
    for layer in rest:
        wanted = turned[-1] + 1e-10 * np.abs(turned[-1]).max() * ramps
        turned.append(layer @ orthogonal_procrustes(layer, wanted)[0])
    return np.array(turned)


def osculating(dh: np.ndarray, d2h: np.ndarray) -> Osculation:
    """The osculating circle of a curve at one point, by its first and second derivative there,
    shape ``(neurons,)``, by any clock.

    Raises:
        ValueError: a straight or resting curve, which has no circle.

    Source: textbook; [poole2016], Fig. 4A.
    """
    across, square = _across(real("dh", dh, axes="neurons,"), d2h)
    bend = np.linalg.norm(across)
    if bend <= 1e-14 * np.linalg.norm(d2h):
        raise ValueError("d2h must not be along dh: a straight line has no circle")
    plane = np.stack([dh / np.sqrt(square), across / bend], axis=1)
    return Osculation(plane, float(square / bend))


def principal_curvatures(gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """The principal curvatures of a level set ``G = 0``, ascending, shape ``(..., n - 1)``.

    The surface bends along a unit tangent v by ``v^T H v / |g|``; they are the eigenvalues of that
    form on the tangent space. Their sign is that of G: a ball ``G = |x|^2 - r^2 < 0`` has +1/r.

    Args:
        gradient: of G at points of the level set, shape ``(..., n)``, n at least 2, not 0.
        hessian: shape ``(..., n, n)``, symmetric.

    Accuracy: 1e-14 of the largest; the form is written in a basis of the tangent space, so the
        zero that a projected Hessian has along the normal never appears.

    Source: [poole2016], main text.

    >>> principal_curvatures([0.0, 2.0, 0.0], np.diag([2.0, 7.0, 6.0])).tolist()
    [1.0, 3.0]
    """
    return np.linalg.eigvalsh(_tangent_form(gradient, hessian)[0])


def principal_directions(gradient: np.ndarray,
                         hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The principal curvatures, and the tangent unit vectors in which they occur as columns.

    Shapes ``(..., n - 1)`` and ``(..., n, n - 1)``; directions of nearly equal curvatures mix.

    Source: [poole2016], main text.
    """
    form, tangents = _tangent_form(gradient, hessian)
    curvatures, vectors = np.linalg.eigh(form)
    return curvatures, tangents @ vectors


def sum_of_squares(gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """The sum of the squared principal curvatures, ``|P H P|^2 / |g|^2``, without eigenvalues.

    Source: [poole2016], main text; in terms of the mean-field law derived here.
    """
    normal, size, hessian = _checked(gradient, hessian)
    across = hessian - normal[..., :, None] * np.vecmat(normal, hessian)[..., None, :]
    across = across - np.matvec(across, normal)[..., None] * normal[..., None, :]
    return np.sum(across * across, axis=(-2, -1)) / size**2


def _across(dh: np.ndarray, d2h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of d2h perpendicular to dh, and ``|dh|^2``."""
    dh = real("dh", dh, axes="..., neurons")
    d2h = real("d2h", d2h, axes=dh.shape)
    square = np.vecdot(dh, dh)
    if not np.all(square > 0.0):
        raise ValueError("dh must not be zero: a point that stands still has no curvature")
    return d2h - (np.vecdot(dh, d2h) / square)[..., None] * dh, square


def _log_integral(logarithm: np.ndarray) -> np.ndarray:
    """``ln`` of ``2 pi`` times the mean of the exponentials over the last axis."""
    from scipy.special import logsumexp

    return logsumexp(logarithm, axis=-1) + np.log(2.0 * np.pi / logarithm.shape[-1])


def _tangent_form(gradient: np.ndarray, hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The form whose eigenvalues are the curvatures, in tangent unit vectors, the columns."""
    normal, size, hessian = _checked(gradient, hessian)
    tangents = np.linalg.qr(normal[..., None], mode="complete")[0][..., 1:]
    return tangents.mT @ hessian @ tangents / size[..., None, None], tangents


def _checked(gradient: np.ndarray,
             hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit normal, length of the gradient, Hessian."""
    gradient = real("gradient", gradient, axes="..., n")
    if gradient.shape[-1] < 2:
        raise ValueError(f"gradient must have two components at least, got {gradient.shape}")
    hessian = real("hessian", hessian, axes=(*gradient.shape, gradient.shape[-1]))
    scale = np.abs(hessian).max(axis=(-2, -1), keepdims=True)
    if np.any(np.abs(hessian - hessian.mT) > 1e-6 * scale):
        raise ValueError("hessian must be symmetric")
    size = np.linalg.norm(gradient, axis=-1)
    if not np.all(size > 0.0):
        raise ValueError("gradient must not be zero: there the level set has no tangent plane")
    return gradient / size[..., None], size, hessian
