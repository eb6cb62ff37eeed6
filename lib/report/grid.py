"""The points of a sweep, from the words of the command line."""
from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lib.report.parameters import Parameter, check, did_you_mean, read

MOST = 100_000  # values of one parameter


class Grid(NamedTuple):
    """Every combination of the values of some parameters, the last one fastest."""

    axes: Mapping[str, Sequence[float | int | str | bool]]

    @property
    def size(self) -> int:
        """How many points there are; none is made for counting."""
        return math.prod(map(len, self.axes.values()))

    def __iter__(self) -> Iterator[dict]:
        """The points, each a dictionary of parameters."""
        for values in itertools.product(*self.axes.values()):
            yield dict(zip(self.axes, values))


def grid(parameters: Sequence[Parameter], given: Sequence[tuple[str, str]],
         seeds: int | None = None) -> Grid:
    """What ``-p sigma_w 1:4:13 -p sigma_b 0.1,0.3 --seeds 8`` means.

    Args:
        parameters: what the chapter declares.
        given: names and words; a word is a value, several with commas, or ``low:high:count``.
        seeds: how many seeds, counted from the chapter's own; None for its own only.

    Returns:
        The `Grid`.

    Raises:
        ValueError: an unknown or repeated name, a malformed or empty range, a value of the wrong
            type or out of range, or nothing to sweep.

    >>> from lib.report.parameters import parse
    >>> grid(parse("sigma_w: float = 1.5  # weights"), [("sigma_w", "1:2:3,4")]).axes
    {'sigma_w': [1.0, 1.5, 2.0, 4.0]}
    """
    known = {parameter.name: parameter for parameter in parameters}
    axes: dict[str, list] = {}
    for name, word in given:
        if name not in known:
            raise ValueError(f"unknown parameter {name!r}{did_you_mean(name, known)}")
        if name in axes:
            raise ValueError(f"parameter {name!r} is given twice")
        axes[name] = _axis(known[name], word)
    if seeds is not None:
        if "seed" not in known or "seed" in axes:
            raise ValueError("--seeds needs a chapter with a parameter 'seed', "
                             "which is not given by -p")
        axes["seed"] = range(known["seed"].default, known["seed"].default + seeds)
    if not axes:
        raise ValueError("nothing to sweep: give -p NAME VALUES or --seeds N")
    return Grid(axes)


def _axis(parameter: Parameter, word: str) -> list:
    """The values of one parameter, each checked."""
    numbers = parameter.kind in (int, float)
    values = [value for piece in _pieces(word)
              for value in (_range(parameter, piece) if numbers and ":" in piece
                            else [read(parameter, piece.strip())])]
    for value in values:
        check([parameter], {parameter.name: value})
    if len(set(values)) < len(values):
        raise ValueError(f"parameter {parameter.name!r}: {word!r} holds a value twice")
    return values


def _pieces(word: str) -> list[str]:
    """The word split at its commas, but for those between the arguments of a formula."""
    pieces, depth = [""], 0
    for letter in word:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return pieces


def _range(parameter: Parameter, piece: str) -> list:
    """Evenly spaced values, both ends included."""
    name = f"parameter {parameter.name!r}"
    try:
        low, high, count = piece.split(":")
        first, last, number = float(low), float(high), int(count)
    except ValueError:
        raise ValueError(f"{name}: {piece!r} is not of the form low:high:count") from None
    if not (math.isfinite(first) and math.isfinite(last)):
        raise ValueError(f"{name}: the ends of {piece!r} must be finite")
    if not 1 <= number <= MOST or (number == 1) != (first == last):
        raise ValueError(f"{name}: {piece!r} has {number} points from {first:g} to {last:g}; "
                         f"a range has two ends and 2 to {MOST} points")
    step = (last - first) / max(number - 1, 1)
    values = [float(f"{first + step * index:.12g}") for index in range(number)]  # 0.3, not 0.30..4
    if parameter.kind is float:
        return values
    if any(value != round(value) for value in values):
        raise ValueError(f"{name} is int, and {piece!r} does not fall on whole numbers")
    return [round(value) for value in values]
