"""The parameters a chapter declares, and what a reader may give for them."""

import ast
import io
import json
import math
import re
import sys
import tokenize
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

KINDS = {"float": float, "int": int, "str": str, "bool": bool}
ALLOWED = re.compile(r"\s*\[(\S+\.\.\S*|\.\.\S+|\w+(?:\|\w+)+)\]$")  # [0..], [mnist|cifar10]

USUAL = {"sigma_w": "0..", "sigma_b": "0..", "width": "1..", "depth": "1..", "networks": "1..",
         "seed": "0.."}  # of names that mean the same in every chapter; sigma_w_low is a sigma_w


class Parameter(NamedTuple):
    """One line ``name: kind = default  # help [range]`` of a chapter's parameters cell.

    The range is optional: ``[low..high]`` with one end possibly missing, or ``[one|other]``.
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


def declared(notebook: Path) -> tuple[Parameter, ...]:
    """The parameters in the cell of ``notebook`` that is tagged ``parameters``.

    Args:
        notebook: path of an .ipynb file; nothing in it is executed.

    Returns:
        One `Parameter` a line, in the order of the cell.

    Raises:
        ValueError: there is not exactly one such cell, or a line of it is not
            ``name: float|int|str|bool = literal  # help``.
        TypeError: a default is not of the kind its own line announces.
    """
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    tagged = [
        "".join(cell["source"])
        for cell in cells
        if "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if len(tagged) != 1:
        raise ValueError(
            f"{Path(notebook).name} has {len(tagged)} cells tagged 'parameters'; "
            "a chapter has exactly one"
        )
    return parse(tagged[0])


def parse(source: str) -> tuple[Parameter, ...]:
    """The parameters in the source of a parameters cell.

    Raises:
        ValueError, TypeError: as for `declared`.

    >>> parse("width: int = 1000  # neurons in a layer")[0].help
    'neurons in a layer'
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    found = tuple(_parameter(line, comments) for line in ast.parse(source).body)
    names = [parameter.name for parameter in found]
    if len(set(names)) < len(names):
        raise ValueError(f"a parameter is declared twice: {', '.join(names)}")
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
    raise ValueError(
        f"parameters cell: {ast.unparse(line)!r} is not of the form "
        "'name: float|int|str|bool = literal  # help'"
    )


def _literal(value: ast.expr) -> object:
    """The value of a literal; anything that would have to be computed is refused."""
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise ValueError(f"parameters cell: {ast.unparse(value)!r} is not a literal") from None


def check(parameters: Iterable[Parameter], given: Mapping[str, object]) -> dict:
    """The given values, once every name and type is known to be right.

    Args:
        parameters: what the chapter declares.
        given: name and value; not every parameter need be given.

    Returns:
        The given values; an int given for a float has become a float.

    Raises:
        ValueError: a name is not declared (the message lists those that are), a float
            is not finite, or a value is out of the range that the chapter states.
        TypeError: a value is not of the declared kind; a bool is never a number.

    >>> check(parse("sigma_w: float = 1.5  # weights"), {"sigma_w": 4})
    {'sigma_w': 4.0}
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in by_name:
            raise ValueError(f"unknown parameter {name!r}{did_you_mean(name, by_name)}")
    return {name: _typed(by_name[name], value) for name, value in given.items()}


def _typed(parameter: Parameter, value: object) -> object:
    """``value`` as the parameter's kind, or a TypeError or ValueError that names it."""
    name, kind = parameter.name, parameter.kind
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits:
        raise TypeError(
            f"parameter {name!r} is {kind.__name__}, not {type(value).__name__}: {value!r}"
        )
    if kind is float:
        if not abs(value) <= sys.float_info.max:
            raise ValueError(f"parameter {name!r} must be finite, not {value!r}")
        value = float(value)
    if parameter.range and not _within(value, parameter.range):
        raise ValueError(f"parameter {name!r} must be {_in_words(parameter.range)}, "
                         f"not {value!r}")
    return value


def _within(value: object, allowed: str) -> bool:
    """Whether a value is in the range written as ``low..high`` or ``one|other``."""
    if ".." not in allowed:
        return str(value) in allowed.split("|")
    low, high = allowed.split("..")
    return float(low or -math.inf) <= value <= float(high or math.inf)


def _in_words(allowed: str) -> str:
    low, dots, high = allowed.partition("..")
    if not dots:
        return " or ".join(allowed.split("|"))
    if not high:
        return f"at least {low}"
    return f"between {low} and {high}" if low else f"at most {high}"


def read(parameter: Parameter, word: str) -> float | int | str | bool:
    """A word of the command line as a value of the parameter's kind.

    Raises:
        ValueError: it is none; says what is expected. Ranges are for `check`.

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


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """The end of an error message: the nearest valid name, then all of them.

    >>> did_you_mean("sigmaw", ["sigma_w", "seed"])
    "; did you mean 'sigma_w'? valid are: sigma_w, seed"
    """
    valid = list(valid)
    near = get_close_matches(name, valid, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"{hint} valid are: {', '.join(valid) or 'none'}"
