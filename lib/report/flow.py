"""What depends on what in a notebook, read off its code; nothing is executed."""
from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """One statement: the names it reads, those it makes anew and those it may change."""

    cell: int
    node: ast.AST
    reads: frozenset[str]
    makes: frozenset[str]
    changes: frozenset[str]


def steps(sources: Sequence[str]) -> list[Step]:
    """The statements of a notebook's code cells, in the order in which they are executed."""
    return [_step(number, node) for number, source in enumerate(sources)
            for node in ast.parse(source).body]


def _step(cell: int, node: ast.stmt) -> Step:
    """A plain assignment makes its names; whatever else is assigned to is changed."""
    reads, targets = set(), set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            (reads if isinstance(part.ctx, ast.Load) else targets).add(part.id)
        elif isinstance(part, (ast.Attribute, ast.Subscript)) \
                and not isinstance(part.ctx, ast.Load):
            targets |= {_root(part)}
        elif isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            targets.add(part.name)
        elif isinstance(part, (ast.Import, ast.ImportFrom)):
            targets |= {(alias.asname or alias.name).split(".")[0] for alias in part.names}
    plain = isinstance(node, (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.Import,
                              ast.ImportFrom)) and not targets & reads
    nothing = frozenset()
    return Step(cell, node, frozenset(reads), *(
        (frozenset(targets), nothing) if plain else (nothing, frozenset(targets))))


def _root(node: ast.expr) -> str:
    """``x`` of ``x[0].a``."""
    while not isinstance(node, ast.Name):
        node = getattr(node, "value", None) or getattr(node, "func", None) or ast.Name("")
    return node.id


def behind(steps: Sequence[Step], names: set[str]) -> Iterator[Step]:
    """The statements on which the names hang at the end of these, the last one first."""
    names = set(names)
    for step in reversed(steps):
        if names & (step.makes | step.changes):
            names = (names - step.makes) | step.reads
            yield step


def entries(step: Step) -> Iterator[tuple[str, set[str]]]:
    """The findings that a statement signs, ``claim.all({key: estimate})``, and the names in each.
    """
    for call in ast.walk(step.node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "claim.all":
            for key, value in zip(call.args[0].keys, call.args[0].values):
                yield key.value, {part.id for part in ast.walk(value)
                                  if isinstance(part, ast.Name)}


def parameters_behind(sources: Sequence[str], names: set[str]) -> dict[str, set[str]]:
    """Which of the parameters can move each finding, by its key in claims.toml.

    Args:
        sources: of the notebook's code cells, the parameters cell first.
        names: of the parameters.
    """
    every, found = steps(sources), {}
    for place, step in enumerate(every):
        for key, read in entries(step):
            reached = set(read)
            for before in behind(every[:place], read):
                reached |= before.reads | before.makes
            found[key] = reached & names
    return found
