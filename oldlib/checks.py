"""Checks of arguments: one clear error that names the argument, before any work.

Nothing here computes, so theory and simulation may both use it and stay independent.
"""
import operator

import numpy as np


def real(name: str, value: object, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    """The argument as an array of finite floats in ``[low, high]``.

    Args:
        name: what to call the argument in the error.
        value: number or array of numbers.
        low, high: the allowed range, ends included.

    Returns:
        Float array of the same shape.

    Raises:
        TypeError: not numbers. ValueError: NaN, infinite or out of range.

    >>> real("sigma_w", -1.0, low=0.0)
    Traceback (most recent call last):
    ...
    ValueError: sigma_w must be at least 0, got -1
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {value!r}")
    array = array.astype(float)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {_culprit(array, ~np.isfinite(array))}")
    if np.any(array < low):
        raise ValueError(f"{name} must be at least {low:g}, got {_culprit(array, array < low)}")
    if np.any(array > high):
        raise ValueError(f"{name} must be at most {high:g}, got {_culprit(array, array > high)}")
    return array


def count(name: str, value: object, low: int = 1) -> int:
    """The argument as an integer of at least ``low``.

    Args:
        name: what to call the argument in the error.
        value: anything that is an integer (``5``, ``np.int64(5)``; not ``5.0`` or ``True``).
        low: smallest allowed value.

    Returns:
        A Python int.

    Raises:
        TypeError: not an integer. ValueError: too small.

    >>> count("width", 0)
    Traceback (most recent call last):
    ...
    ValueError: width must be at least 1, got 0
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if number < low:
        raise ValueError(f"{name} must be at least {low}, got {number}")
    return number


def _culprit(array: np.ndarray, bad: np.ndarray) -> str:
    return f"{array[bad].flat[0]:g}"
