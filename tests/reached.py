"""Which parameters of a chapter can move which of its findings, by the flow of its code."""
import ast
from collections.abc import Iterator, Sequence

from lib.report.flow import Step, steps


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
