"""Shape of a curve in many dimensions: autocorrelation, principal components, dimension.

A closed curve is sampled at equally spaced angles, the end next to the start. Networks stand side
by side on the first axis.
"""
from typing import NamedTuple

import numpy as np

from oldlib.checks import count, real


class Components(NamedTuple):
    """Principal components of points: ``scores`` and ``spectrum``.

    ``scores`` has shape (networks, points, kept), in the unit of the points times the root of the
    width; ``spectrum`` has shape (networks, points), the variances per neuron along all
    components, falling. They add up to the variance of the points per neuron.
    """

    scores: np.ndarray
    spectrum: np.ndarray


def autocorrelation(h: np.ndarray) -> np.ndarray:
    """Mean cosine of the angle between points of a closed curve, for each offset along it.

    Args:
        h: points at equally spaced angles, shape ``(networks, width, points)``; not centred.

    Returns:
        Shape ``(networks, points)``: entry k is the mean over theta of the cosine between
        ``h(theta)`` and ``h(theta + 2 pi k / points)``, wrapped around, so that every offset has
        the same number of pairs. The first entry is 1.

    Raises:
        ValueError: wrong shape, not finite, or a point of length zero.

    Accuracy: rounding, about 1e-15; near 1 that is absolute, not relative to ``1 - c``.

    Source: [poole2016], Fig. 3C; the wrap is ours.

    >>> quarter = np.array([[[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]]])
    >>> autocorrelation(quarter).tolist()
    [[1.0, 0.0, -1.0, 0.0]]
    """
    h = _points(h)
    length = np.linalg.norm(h, axis=1, keepdims=True)
    if not np.all(length > 0.0):
        raise ValueError("h holds a point of length zero, which has no direction")
    unit = h / length
    cosines = np.swapaxes(unit, 1, 2) @ unit
    start = np.arange(h.shape[2])
    end = (start + start[:, None]) % h.shape[2]  # row: offset, column: start
    return cosines[:, start, end].mean(axis=-1)


def components(h: np.ndarray, kept: int = 3) -> Components:
    """Principal components of points, every network by itself.

    Args:
        h: shape ``(networks, width, points)``.
        kept: of how many components the scores are returned.

    Returns:
        `Components`. The sign of a component is chosen so that its largest score is positive.

    Raises:
        ValueError: wrong shape, or more components than points.

    Accuracy: rounding of the Gram matrix: variances below 1e-15 of the largest are noise.

    Source: textbook.

    >>> components(np.array([[[3.0, -3.0], [4.0, -4.0]]]), kept=1).scores.tolist()
    [[[5.0], [-5.0]]]
    """
    h, kept = _points(h), count("kept", kept)
    if kept > h.shape[2]:
        raise ValueError(f"kept must be at most the number of points, {h.shape[2]}, got {kept}")
    centred = h - h.mean(axis=2, keepdims=True)
    values, vectors = np.linalg.eigh(np.swapaxes(centred, 1, 2) @ centred)
    values = np.maximum(values[:, ::-1], 0.0)
    scores = vectors[:, :, ::-1][:, :, :kept] * np.sqrt(values[:, None, :kept])
    largest = np.take_along_axis(scores, np.abs(scores).argmax(axis=1)[:, None], axis=1)
    return Components(scores * np.where(largest < 0.0, -1.0, 1.0),
                      values / (h.shape[1] * h.shape[2]))


def participation_ratio(spectrum: np.ndarray) -> np.ndarray:
    """Effective number of components, ``(sum of variances)^2 / sum of squared variances``.

    Args:
        spectrum: variances along the principal components, shape ``(..., components)``.

    Returns:
        Shape ``(...)``: 1 for a line, n for n equal variances.

    Raises:
        ValueError: negative variances, or nothing but zeros.

    Accuracy: rounding.

    Source: textbook.

    >>> float(participation_ratio([1.0, 1.0, 0.0]))
    2.0
    """
    spectrum = real("spectrum", spectrum, low=0.0)
    scale = spectrum.max(axis=-1, keepdims=True)
    if not np.all(scale > 0.0):
        raise ValueError("spectrum must have a variance above 0: the points are all the same")
    share = spectrum / scale
    return share.sum(axis=-1)**2 / (share**2).sum(axis=-1)


def follow(scores: np.ndarray) -> np.ndarray:
    """Scores of successive layers, each turned to match the one before as well as it can.

    Principal components have arbitrary signs, and two of equal variance an arbitrary mix; an
    orthogonal turn (Procrustes) takes that out and changes no distance.

    Args:
        scores: shape ``(layers, points, kept)``.

    Returns:
        The same shape; the first layer as it is.

    Raises:
        ValueError: wrong shape.

    Accuracy: rounding.

    Source: textbook.

    >>> follow([[[1.0], [-1.0]], [[-2.0], [2.0]]])[1].tolist()
    [[2.0], [-2.0]]
    """
    scores = real("scores", scores).copy()
    if scores.ndim != 3:
        raise ValueError(f"scores must have shape (layers, points, kept), got {scores.shape}")
    for layer in range(1, len(scores)):
        left, _, right = np.linalg.svd(scores[layer].T @ scores[layer - 1])
        scores[layer] = scores[layer] @ (left @ right)
    return scores


def _points(h: np.ndarray) -> np.ndarray:
    h = real("h", h)
    if h.ndim != 3 or not h.size:
        raise ValueError(f"h must have shape (networks, width, points), got {h.shape}")
    return h
