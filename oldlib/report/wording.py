"""Numbers in words: rounding to the error, bounds, and the line a finding prints."""

import math
from collections.abc import Mapping

FLOOR = 1e-12  # a smaller error is platform noise
RELATIVE_FLOOR = 1e-8  # so is one smaller than this share of the value
DIGITS = 6  # significant digits shown, whatever the error would allow


def rounded(value: float, error: float) -> tuple[float, float]:
    """Value and error with the digits that mean something, so that stored bytes repeat.

    Args:
        value: finite number.
        error: finite, not negative; 0 for counts and what is made of counts.

    Returns:
        The value to 3 significant digits of the error, and the error to 2, raised to 1e-12 and
        to 1e-8 of the value where it is smaller. With an error of 0, the value to 8 digits.

    >>> rounded(0.9398074003, 2.31e-5)
    (0.9398074, 2.3e-05)
    >>> rounded(96 / 25, 0)
    (3.84, 0.0)
    """
    if error == 0:
        return float(f"{value:.8g}") + 0.0, 0.0  # + 0.0: no minus zero
    error = float(f"{max(error, FLOOR, RELATIVE_FLOOR * abs(value)):.1e}")
    return round(float(value), 2 - _exponent(error)) + 0.0, error


def measured(value: float, error: float) -> str:
    """``value ± error``, both with the digits the error supports, six at most.

    >>> measured(0.9398074, 2.3e-05)
    '0.93981 ± 0.00002'
    >>> measured(2.5948e8, 3.1e6)
    '(2.59 ± 0.03)e+08'
    >>> measured(7, 0)
    '7 exactly'
    """
    if error == 0:
        return f"{value:.{DIGITS}g} exactly"
    if value == 0 and error < 1e-4:
        return f"0 ± {error:.0e}"
    scale = _exponent(max(abs(value), error))
    if -4 <= scale < DIGITS:
        return "{} ± {}".format(*_aligned(value, error))
    value, error = value / 10.0**scale, error / 10.0**scale
    return "({} ± {})e{:+03d}".format(*_aligned(value, error), scale)


def _aligned(value: float, error: float) -> tuple[str, str]:
    """Value and error to the same last digit: the error's first, or second after a 1."""
    last = _exponent(error) - (f"{error:.0e}"[0] == "1")
    if value:
        last = max(last, _exponent(value) - DIGITS + 1)
    error = max(error, 10.0**last)  # what is not shown of the value is part of its error
    places = max(0, -last)
    return f"{round(value, -last) + 0.0:.{places}f}", f"{round(error, -last):.{places}f}"


def _exponent(number: float) -> int:
    """The power of ten of the first significant digit of a positive or negative number."""
    return math.floor(math.log10(abs(number)))


def bounds(low: float, high: float) -> str:
    """The interval in words; an infinite bound is no bound.

    >>> bounds(0.93, 0.95), bounds(1, math.inf), bounds(0, 0)
    ('0.93 to 0.95', 'at least 1', '0')
    """
    if low == high:
        return f"{low:g}"
    if low == -math.inf:
        return f"at most {high:g}"
    return f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"


def differences(at: Mapping, present: Mapping) -> str:
    """Where this run's parameters are not those of the claim.

    >>> differences({"sigma_b": 0.3, "width": 1000}, {"sigma_b": 0.5, "width": 1000})
    'sigma_b = 0.5 here, 0.3 in the claim'
    """
    return ", ".join(
        f"{name} = {present[name]} here, {value} in the claim"
        for name, value in at.items()
        if present[name] != value
    )
