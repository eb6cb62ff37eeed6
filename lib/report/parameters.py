"""The parameters a chapter declares, and what a reader may give for them."""

import ast
import io
import json
import sys
import tokenize
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

KINDS = {"float": float, "int": int, "str": str, "bool": bool}


class Parameter(NamedTuple):
    """One line ``name: kind = default  # help`` of a chapter's parameters cell."""

    name: str
    kind: type
    default: float | int | str | bool
    help: str


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
                default = _literal(value)
                draft = Parameter(name, KINDS[kind], default, help_text)
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
        ValueError: a name is not declared (the message lists those that are), or
            a float is not finite.
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
    if kind is not float:
        return value
    if not abs(value) <= sys.float_info.max:
        raise ValueError(f"parameter {name!r} must be finite, not {value!r}")
    return float(value)


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """The end of an error message: the nearest valid name, then all of them.

    >>> did_you_mean("sigmaw", ["sigma_w", "seed"])
    "; did you mean 'sigma_w'? valid are: sigma_w, seed"
    """
    valid = list(valid)
    near = get_close_matches(name, valid, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ";"
    return f"{hint} valid are: {', '.join(valid) or 'none'}"
