"""The parameters a chapter declares, what a reader may give for them, and grids of them."""

import ast
import io
import itertools
import json
import math
import os
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from math import sqrt
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import lib

MOST = 100_000  # values of one parameter
DATA = "EXPRESSIVITY_DATA"  # names a folder with whole sets of images
KINDS = {"float": float, "int": int, "str": str, "bool": bool}
# [0..], [mnist|cifar10], [formula], [file], [notebooks]
ALLOWED = re.compile(r"\s*\[(\S+\.\.\S*|\.\.\S+|\w+(?:\|\w+)+|formula|file|notebooks)\]$")
PLACES = {"file": ("a file that is there", Path.is_file),  # which may be left open
          "notebooks": ("a folder with notebooks", lambda folder: any(folder.glob("*.ipynb")))}
NEEDS = re.compile(r"# needs ([^:]+): (.+)")
COST = re.compile(r"# seconds ([^:]+)")
PROTOCOL = re.compile(r"# protocol (\d+)")


def data() -> bool:
    """Whether the whole data sets can be looked for: `DATA` names a folder."""
    return os.path.isdir(os.path.expanduser(os.environ.get(DATA, "")))


KNOWN = {"__builtins__": {}} | {word.__name__: word for word in (
    min, max, len, sum, sqrt, data, lib)}

USUAL = {"sigma_w": "0..", "sigma_b": "0..", "width": "1..", "depth": "1..", "networks": "1..",
         "seed": "0.."}  # of names that mean the same in every chapter; sigma_w_low is a sigma_w


class Parameter(NamedTuple):
    """One line ``name: kind = default  # help [range]`` of a chapter's parameters cell.

    The range is optional: ``[low..high]`` with one end possibly missing, or ``[one|other]``, or
    ``[formula]``, a nonlinearity by name or formula; or ``[file]`` or ``[notebooks]``, a file or a
    folder that holds some, which may be left open. A text with ends is a list of whole numbers
    between them: ``"5, 10, 50"``.
    """

    name: str
    kind: type
    default: float | int | str | bool
    help: str
    allowed: str = ""  # as it stands between the brackets

    @property
    def range(self) -> str:
        """What is allowed: what the chapter says, else what its name always implies."""
        return self.allowed or next(
            (usual for name, usual in USUAL.items() if f"{self.name}_".startswith(f"{name}_")), "")


class Parameters(tuple[Parameter, ...]):
    """The parameters of a chapter, what must be true of them together, and what a run costs.

    A line ``# needs depth >= layer: the layer is drawn`` of the cell is an entry of ``needs``; a
    line ``# seconds 4 + networks * width / 2e4`` is the ``cost``, of a quiet core. In both, a text
    with ends stands for its whole numbers, ``data()`` says whether the whole data sets can be
    looked for. ``lib`` is the library; what it refuses is refused in its words. What is too long
    for a line goes on behind ``#`` and three spaces. A line ``# protocol 2`` says that what the
    chapter measures has changed since its runs on record.
    """

    needs: Sequence[tuple[str, str]] = ()
    cost: str = ""
    protocol: int = 1

    @property
    def defaults(self) -> dict:
        """The chapter's own values."""
        return {parameter.name: parameter.default for parameter in self}

    def seconds(self, given: Mapping[str, object]) -> float:
        """How long a run takes that differs from the defaults by ``given``; NaN if not said."""
        return float(self._value(self.cost, given)) if self.cost else math.nan

    def together(self, given: Mapping[str, object]) -> None:
        """A ValueError if what the values must fulfil together is not so."""
        for expression, reason in self.needs:
            if not self._value(expression, given):
                here = ", ".join(f"{name} = {value}" for name, value in
                                 (self.defaults | dict(given)).items()
                                 if re.search(rf"\b{name}\b", expression))
                raise ValueError(f"this needs {expression}: {reason}; here {here}")

    def _value(self, expression: str, given: Mapping[str, object]) -> object:
        values = self.defaults | dict(given)
        values |= {one.name: tuple(map(int, values[one.name].split(","))) for one in self
                   if one.kind is str and ".." in one.range}
        try:
            return eval(_code(expression), KNOWN, values)  # a notebook's, which is to be executed
        except (NameError, SyntaxError, TypeError) as problem:
            raise ValueError(f"parameters cell: {expression!r}: {problem}") from None


@cache
def _code(expression: str) -> CodeType:
    return compile(expression, "parameters cell", "eval")


def declared(notebook: Path) -> Parameters:
    """The parameters in the cell of a notebook tagged ``parameters``; nothing is executed."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    tagged = ["".join(cell["source"]) for cell in cells
              if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f"{Path(notebook).name} has {len(tagged)} cells tagged 'parameters'; "
                         "a chapter has exactly one")
    return parse(tagged[0])


def parse(source: str) -> Parameters:
    """The parameters in the source of a parameters cell.

    Each line is ``name: float|int|str|bool = literal  # help [range]``, or one of the two kinds of
    comment that `Parameters` knows.

    >>> parse("width: int = 1000  # neurons in a layer")[0].help
    'neurons in a layer'
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens
                if token.type == tokenize.COMMENT}
    found = Parameters(_parameter(line, comments) for line in ast.parse(source).body)
    names = [parameter.name for parameter in found]
    if len(set(names)) < len(names):
        raise ValueError(f"a parameter is declared twice: {', '.join(names)}")
    lines = re.sub(r"\n#   +", " ", source).splitlines()  # a comment that goes on is indented
    found.needs = [needs.groups() for needs in map(NEEDS.fullmatch, lines) if needs]
    costs = [cost[1] for cost in map(COST.fullmatch, lines) if cost]
    if len(costs) > 1:
        raise ValueError(f"parameters cell: {len(costs)} lines of seconds")
    found.cost = "".join(costs)
    found.protocol = max((int(one[1]) for one in map(PROTOCOL.fullmatch, lines) if one), default=1)
    found.together({})
    found.seconds({})
    return found


def _parameter(line: ast.stmt, comments: Mapping[int, str]) -> Parameter:
    """One annotated assignment as a `Parameter`."""
    match line:
        case ast.AnnAssign(ast.Name(name), ast.Name(kind), ast.expr() as value):
            help_text = comments.get(line.end_lineno, "")
            if kind in KINDS and help_text:
                default, within = _literal(value), ALLOWED.search(help_text)
                draft = Parameter(name, KINDS[kind], default, ALLOWED.sub("", help_text),
                                  within[1] if within else "")
                return draft._replace(default=_typed(draft, default))
    raise ValueError(f"parameters cell: {ast.unparse(line)!r} is not of the form "
                     "'name: float|int|str|bool = literal  # help'")


def _literal(value: ast.expr) -> object:
    """The value of a literal; anything that would have to be computed is refused."""
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise ValueError(f"parameters cell: {ast.unparse(value)!r} is not a literal") from None


def check(parameters: Iterable[Parameter], given: Mapping[str, object]) -> dict:
    """The given values, once every name, kind and range is known to be right, and all together.

    An int given for a float becomes a float; a bool is never a number.

    >>> check(parse("sigma_w: float = 1.5  # weights"), {"sigma_w": 4})
    {'sigma_w': 4.0}
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in by_name:
            raise ValueError(f"unknown parameter {name!r}{did_you_mean(name, by_name)}")
    values = {name: _typed(by_name[name], value) for name, value in given.items()}
    if isinstance(parameters, Parameters):
        parameters.together(values)
    return values


def _typed(parameter: Parameter, value: object) -> object:
    """``value`` as the parameter's kind, or a TypeError or ValueError that names it."""
    name, kind = parameter.name, parameter.kind
    if not (type(value) is kind or (kind is float and type(value) is int)):
        raise TypeError(f"parameter {name!r} is {kind.__name__}, not {type(value).__name__}: "
                        f"{value!r}")
    if kind is float:
        if not abs(value) <= sys.float_info.max:
            raise ValueError(f"parameter {name!r} must be finite, not {value!r}")
        value = float(value)
    if parameter.range == "formula":
        from lib.activations import get

        try:
            phi = get(value)
        except ValueError as problem:
            raise ValueError(f"parameter {name!r}: {problem}") from None
        if not phi.continuous:
            raise ValueError(f"parameter {name!r}: {value} jumps, so that its slope, and with it "
                             "chi1, is infinite; take a nonlinearity without jumps")
    elif parameter.range in PLACES:
        (what, there), place = PLACES[parameter.range], Path(value).expanduser().resolve()
        if value and not there(place):
            raise ValueError(f"parameter {name!r} must be {what}, not {value!r}")
        value = value and str(place)  # a kernel may be in another folder
    elif parameter.range and not _within(value, parameter.range):
        listed = "whole numbers with commas, each " * (kind is str and ".." in parameter.range)
        raise ValueError(f"parameter {name!r} must be {listed}{in_words(parameter.range)}, "
                         f"not {value!r}")
    return value


def admits(wanted: object, value: object) -> bool:
    """Whether a claim made at ``wanted``, a value or a range, is made at ``value``; of a list,
    whether that holds all that are wanted.

    >>> admits(30, 31), admits("30..", 31), admits("mnist|cifar10", "mnist")
    (False, True, True)
    >>> admits("5, 50", "5, 10, 50"), admits("5, 50", "10, 50")
    (True, False)
    """
    if isinstance(wanted, str) and "," in wanted:
        return {*wanted.replace(" ", "").split(",")} <= {*value.replace(" ", "").split(",")}
    return _within(value, wanted) if _ranges(wanted) else value == wanted


def _ranges(wanted: object) -> bool:
    return isinstance(wanted, str) and (".." in wanted or "|" in wanted)


def wanted(parameters: Parameters, given: Mapping[str, object]) -> None:
    """A ValueError or TypeError unless each is a value, or a range of values, of a parameter."""
    single = {name: value for name, value in given.items() if not _ranges(value)}
    check(tuple(parameters), single)
    for name in given.keys() - single:
        for end in re.split(r"\.\.|\|", given[name]):
            if end:
                check(tuple(parameters), understood(tuple(parameters), [(name, end)]))


def _within(value: object, allowed: str) -> bool:
    """Whether a value is in the range written as ``low..high`` or ``one|other``."""
    if ".." not in allowed:
        return str(value) in allowed.split("|")
    low, high = (float(end or default) for end, default in
                 zip(allowed.split(".."), (-math.inf, math.inf)))
    if isinstance(value, str):
        whole = [re.fullmatch(r"\s*(\d+)\s*", item) for item in value.split(",")]
        return all(item and low <= int(item[1]) <= high for item in whole)
    return low <= value <= high


def in_words(wanted: object) -> str:
    """A value, or a range, in words.

    >>> in_words(30), in_words("30..")
    ('30', 'at least 30')
    """
    if not _ranges(wanted):
        return f"{wanted}"
    low, dots, high = wanted.partition("..")
    if not dots:
        return " or ".join(wanted.split("|"))
    if not high:
        return f"at least {low}"
    return f"between {low} and {high}" if low else f"at most {high}"


def read(parameter: Parameter, word: str) -> float | int | str | bool:
    """A word of the command line as a value of the parameter's kind; ranges are for `check`.

    >>> read(parse("width: int = 9  # neurons")[0], "1_000")
    1000
    """
    name, kind = parameter.name, parameter.kind
    try:
        if kind is bool:
            return {"true": True, "false": False}[word.lower()]
        return kind(word)
    except (ValueError, KeyError):
        expected = {float: "a number", int: "a whole number", bool: "true or false"}[kind]
        raise ValueError(f"parameter {name!r} must be {expected}, not {word!r}") from None


def understood(parameters: Sequence[Parameter], given: Iterable[tuple[str, str]],
               meaning: Callable[[Parameter, str], object] = read) -> dict:
    """Names and words of the command line as values of the chapter's parameters, each checked.

    Args:
        meaning: what a word becomes: a value, or for a `grid` a list of values.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict = {}
    for name, word in given:
        if name not in known:
            raise ValueError(f"unknown parameter {name!r}{did_you_mean(name, known)}")
        if name in values:
            raise ValueError(f"parameter {name!r} is given twice")
        values[name] = meaning(known[name], word)
    return values if meaning is not read else check(parameters, values)


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


def grid(parameters: Parameters, given: Sequence[tuple[str, str]],
         seeds: int | None = None) -> Grid:
    """What ``-p sigma_w 1:4:13 -p sigma_b 0.1,0.3 --seeds 8`` means.

    Args:
        given: names and words; a word is a value, several with commas, or ``low:high:count``.
        seeds: how many seeds, counted from the chapter's own; None for its own only.

    >>> grid(parse("sigma_w: float = 1.5  # weights"), [("sigma_w", "1:2:3,4")]).axes
    {'sigma_w': [1.0, 1.5, 2.0, 4.0]}
    """
    axes = understood(parameters, given, _axis)
    if seeds is not None:
        start = parameters.defaults.get("seed")
        if start is None or "seed" in axes:
            raise ValueError("--seeds needs a chapter with a parameter 'seed', "
                             "which is not given by -p")
        axes["seed"] = range(start, start + seeds)
    if not axes:
        raise ValueError("nothing to sweep: give -p NAME VALUES or --seeds N")
    if parameters.needs:
        for point in itertools.islice(Grid(axes), MOST):
            parameters.together(point)
    return Grid(axes)


def _axis(parameter: Parameter, word: str) -> list:
    """The values of one parameter, each checked."""
    numbers = parameter.kind in (int, float)
    values = [value for piece in _pieces(word)
              for value in (_range(parameter, piece) if numbers and ":" in piece
                            else [read(parameter, piece.strip())])]
    values = [check([parameter], {parameter.name: value})[parameter.name] for value in values]
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


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """The end of an error message: the nearest valid name, then all of them.

    >>> did_you_mean("sigmaw", ["sigma_w", "seed"])
    "; did you mean 'sigma_w'? valid are: sigma_w, seed"
    """
    valid = list(valid)
    near = get_close_matches(name, valid, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"{hint} valid are: {', '.join(valid) or 'none'}"
