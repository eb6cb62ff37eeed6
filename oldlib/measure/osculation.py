"""The circle that hugs a curve at a point, and the plane that it lies in."""
from typing import NamedTuple

import numpy as np

from oldlib.checks import count, real


class Osculation(NamedTuple):
    """At a point of a curve: ``plane``, ``radius`` and ``circle``.

    ``plane`` of shape (width, 2) holds the unit tangent and the unit normal, ``radius`` is one
    over the curvature, and ``circle`` of shape (width, turns) runs once around, the point first.
    """

    plane: np.ndarray
    radius: float
    circle: np.ndarray


def osculating(h: np.ndarray, dh: np.ndarray, d2h: np.ndarray, turns: int = 73) -> Osculation:
    """The osculating circle of a curve at one point.

    Args:
        h: the point, shape ``(width,)``.
        dh, d2h: first and second derivative there, by any clock.
        turns: points of the circle, the last on the first.

    Returns:
        `Osculation`.

    Raises:
        ValueError: shapes that differ, or a straight or resting curve, which has no circle.

    Accuracy: rounding.

    Source: textbook; [poole2016], Fig. 4A.

    >>> osculating(np.zeros(2), np.array([3.0, 0.0]), np.array([1.0, 4.5])).radius
    2.0
    """
    h, dh, d2h = real("h", h), real("dh", dh), real("d2h", d2h)
    if h.ndim != 1 or not h.shape == dh.shape == d2h.shape:
        raise ValueError("h, dh and d2h must have one shape (width,), got "
                         f"{h.shape}, {dh.shape} and {d2h.shape}")
    speed = np.linalg.norm(dh)
    if speed == 0.0:
        raise ValueError("dh must not be zero: a point that stands still has no circle")
    tangent = dh / speed
    across = d2h - (d2h @ tangent) * tangent
    bend = np.linalg.norm(across)
    if bend <= 1e-14 * np.linalg.norm(d2h):
        raise ValueError("d2h must not be along dh: a straight line has no circle")
    plane = np.stack([tangent, across / bend], axis=1)
    radius = speed / bend * speed
    angle = np.linspace(0.0, 2.0 * np.pi, count("turns", turns, low=2))
    ring = radius * np.stack([np.sin(angle), 1.0 - np.cos(angle)])
    return Osculation(plane, float(radius), h[:, None] + plane @ ring)
