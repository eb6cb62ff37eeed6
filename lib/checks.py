"""Checks of arguments, one clear error that names the argument before any work; and distrust."""
import operator
from typing import Iterable

import numpy as np


class Untrusted(ArithmeticError):
    """A number that could not be computed to the accuracy promised; ``best`` is the best there is.

    Args:
        message: what went wrong, where, and what to do.
        best: the values as far as they are known, NaN where nothing is.
    """

    def __init__(self, message: str, best: object = None):
        super().__init__(message)
        self.best = best


def real(name: str, value: object, low: float = -np.inf, high: float = np.inf, *,
         axes: str = "...", finite: bool = True) -> np.ndarray:
    """The argument as an array of finite floats in ``[low, high]``.

    ``axes`` names the axes that it must have, as ``"networks, points"`` does; ``...`` among them
    stands for any others. An array whose axes are named must not be empty. Where it need not be
    ``finite``, NaN passes and infinities are in the range or not.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {value!r}")
    array, named = array.astype(float), [axis for axis in axes.split(", ") if axis != "..."]
    fits = array.ndim >= len(named) if "..." in axes else array.ndim == len(named)
    if named and not (fits and array.size):
        raise ValueError(f"{name} must have shape ({axes}), got {array.shape}")
    for fault, wrong in (("finite", ~np.isfinite(array) & finite),
                         (f"at least {low:g}", array < low), (f"at most {high:g}", array > high)):
        if wrong.any():
            raise ValueError(f"{name} must be {fault}, got {array[wrong].flat[0]:g}")
    return array


def one_a_sigma(name: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
    """One number for all sigmas, or one for each of them: an array of ``shape``, not negative."""
    array = real(name, value, low=0.0)
    if array.shape not in ((), shape):
        raise ValueError(f"{name} must be one number, or one for each sigma, of shape {shape}; "
                         f"got shape {array.shape}")
    return np.broadcast_to(array, shape)


def number(name: str, value: object, low: float = -np.inf, high: float = np.inf) -> float:
    """The argument as one finite float in ``[low, high]``."""
    array = real(name, value, low, high)
    if array.ndim:
        raise TypeError(f"{name} must be one number, got shape {array.shape}")
    return float(array)


def count(name: str, value: object, low: int = 1, high: float = np.inf) -> int:
    """The argument as an integer from ``low`` to ``high``; a bool is none."""
    try:
        whole = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        whole = None
    if whole is None or isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if not low <= whole <= high:
        bound = f"at least {low}" if whole < low else f"at most {high:g}"
        raise ValueError(f"{name} must be {bound}, got {whole}")
    return whole


def alike(**arrays: np.ndarray) -> None:
    """Refuse arrays, by their names, that have not one shape."""
    shapes = [np.shape(array) for array in arrays.values()]
    if len(set(shapes)) > 1:
        raise ValueError(f"{' and '.join(arrays)} must have one shape, got "
                         f"{' and '.join(map(str, shapes))}")


def choice(name: str, value: object, options: Iterable) -> object:
    """The argument, if it is one of the options."""
    options = list(options)
    if value not in options:
        raise ValueError(f"{name} must be {' or '.join(map(repr, options))}, got {value!r}")
    return value
