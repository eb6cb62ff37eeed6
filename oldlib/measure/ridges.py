"""Ridges of a field of exponents: where they lie, how they grow, when they vanish."""
from typing import NamedTuple, Sequence

import numpy as np

from oldlib.checks import real


class Law(NamedTuple):
    """Coefficients of a linear law with their standard errors, the constant last; and the root
    mean square of what it leaves."""

    coefficients: np.ndarray
    errors: np.ndarray
    rms: float


def crest_distance(radii: np.ndarray, exponents: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Distance along rays from the crest of the exponent to where the output changes sign.

    Args:
        radii: ascending, shape ``(radii,)``.
        exponents, outputs: shape ``(..., radii)``, one ray in a row.

    Returns:
        Shape ``(...)``: distance from the largest exponent to the nearest change of sign; NaN on
        rays without one.

    Raises:
        ValueError: shapes that do not fit, radii that do not ascend.

    Accuracy: half the spacing of the radii for the crest, far less for the change of sign, which
        is interpolated.

    Source: derived here, for [storm2024], Fig. 2.

    >>> crest_distance([0.0, 1.0, 2.0], [0.0, 5.0, 1.0], [1.0, 1.0, -1.0]).item()
    0.5
    """
    radii, exponents = real("radii", radii), real("exponents", exponents)
    outputs = real("outputs", outputs)
    if radii.ndim != 1 or np.any(np.diff(radii) <= 0):
        raise ValueError("radii must ascend along one axis")
    if exponents.shape != outputs.shape or exponents.shape[-1:] != radii.shape:
        raise ValueError(f"exponents and outputs must have shape (..., {len(radii)}), got "
                         f"{exponents.shape} and {outputs.shape}")
    crest = radii[exponents.argmax(axis=-1)]
    below, above = outputs[..., :-1], outputs[..., 1:]
    crossed = np.sign(below) != np.sign(above)
    share = below / np.where(crossed, below - above, 1.0)
    place = np.where(crossed, radii[:-1] + share * np.diff(radii), np.inf)
    distance = np.abs(place - crest[..., None]).min(axis=-1)
    return np.where(np.isfinite(distance), distance, np.nan)


def linear_law(columns: Sequence[np.ndarray], values: np.ndarray) -> Law:
    """Least squares of ``values = c_1 column_1 + .. + constant``.

    Args:
        columns: the variables, each of a shape that broadcasts to that of the values.
        values: any shape.

    Returns:
        The `Law`.

    Raises:
        ValueError: fewer values than coefficients and one more, or columns that depend on each
            other.

    Accuracy: standard errors for independent scatter of one size.

    Source: textbook.

    >>> linear_law([[0.0, 1.0, 2.0]], [1.0, 3.0, 5.0]).coefficients.round(9).tolist()
    [2.0, 1.0]
    """
    values = real("values", values)
    parts = [np.broadcast_to(real("columns", c), values.shape).ravel() for c in columns]
    design = np.stack([*parts, np.ones(values.size)], axis=1)
    free = values.size - design.shape[1]
    if free < 1 or np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError(f"columns: {design.shape[1]} coefficients cannot be told apart by "
                         f"{values.size} values")
    found = np.linalg.lstsq(design, values.ravel(), rcond=None)[0]
    left = values.ravel() - design @ found
    spread = np.linalg.inv(design.T @ design).diagonal() * (left @ left) / free
    return Law(found, np.sqrt(spread), float(np.sqrt(np.mean(left * left))))


def meeting(x: np.ndarray, level: np.ndarray, rising: np.ndarray) -> float:
    """Where a straight line through rising values reaches the mean of level ones.

    Args:
        x: shape ``(n,)``, at least two.
        level, rising: shape ``(n,)``.

    Returns:
        The x, which may lie beyond those given.

    Raises:
        ValueError: the line does not rise.

    Accuracy: that of the two fits; far beyond the values given it is an extrapolation.

    Source: third law of [storm2024].

    >>> round(meeting([0.0, 1.0], [3.0, 3.0], [0.0, 1.0]), 9)
    3.0
    """
    slope, start = np.polyfit(real("x", x), real("rising", rising), 1)
    if not slope > 0:
        raise ValueError(f"rising must rise, its slope is {slope:.3g}")
    return float((np.mean(level) - start) / slope)
