"""Checks of arguments, one clear error that names the argument before any work; and distrust."""
import operator
import re
from typing import Iterable

import numpy as np

HUGE = 1e100  # a standard deviation beyond which squares and their sums leave the floats


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
         axes: str | tuple[int, ...] = "...", finite: bool = True) -> np.ndarray:
    """The argument as an array of finite floats in ``[low, high]``.

    ``axes`` is the shape that it must have, or names its axes, as ``"networks, points"`` does:
    a number among them is a size, axes of one name have one size, and ``...`` stands for any
    others. An array whose axes are named must not be empty. Where it need not be ``finite``, NaN
    passes and infinities are in the range or not.
    """
    axes = f"({axes})" if isinstance(axes, str) else str(axes)
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got {value!r}")
    array = array.astype(float)
    if axes != "(...)" and not _fits(array, axes):
        raise ValueError(f"{name} must have shape {axes}, got {array.shape}")
    for fault, wrong in (("finite", ~np.isfinite(array) & finite),
                         (f"at least {low:g}", array < low), (f"at most {high:g}", array > high)):
        if wrong.any():
            raise ValueError(f"{name} must be {fault}, got {array[wrong].flat[0]:g}")
    return array


def _fits(array: np.ndarray, axes: str) -> bool:
    """Whether an array has these axes."""
    first, last = (re.findall(r"\w+", side) for side in axes.partition("...")[::2])
    others = array.ndim - len(first) - len(last)
    if others < 0 or others and "..." not in axes:
        return False
    sizes, names = array.shape[:len(first)] + array.shape[len(first) + others:], first + last
    told = {name: int(name) if name.isdigit() else size for name, size in zip(names, sizes)}
    return tuple(told[name] for name in names) == sizes and (array.size > 0 or not names)


def sigmas(sigma_w: object, sigma_b: object) -> tuple[np.ndarray, ...]:
    """Standard deviations of weights and biases, broadcast; a square is far within the floats."""
    w, b = real("sigma_w", sigma_w, 0.0, HUGE), real("sigma_b", sigma_b, 0.0, HUGE)
    try:
        return np.broadcast_arrays(w, b)
    except ValueError:
        raise ValueError("sigma_w and sigma_b must be numbers, or arrays that broadcast, got "
                         f"shapes {w.shape} and {b.shape}") from None


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


def choice(name: str, value: object, options: Iterable) -> object:
    """The argument, if it is one of the options."""
    options = list(options)
    if value not in options:
        raise ValueError(f"{name} must be {' or '.join(map(repr, options))}, got {value!r}")
    return value
