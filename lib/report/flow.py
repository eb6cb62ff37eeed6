"""What depends on what in a notebook, read off its code; nothing is executed."""
from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

PLAIN = ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.Import, ast.ImportFrom
FUNCTIONS = ast.Lambda, ast.FunctionDef
COMPREHENSIONS = ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
KEEPING = ("numpy", "scipy", "itertools", "dataclasses", "lib.estimate", "lib.measure",
           "lib.theory", "lib.networks.jacobians", "lib.report")  # what they are given stays
LAWS = "lib.MeanField", "lib.Ensemble"  # what these make does not change, whatever it is asked


class Step(NamedTuple):
    """One statement: the names it reads, those it makes anew and those it may change.

    ``touches`` are the names that calls get, which may keep a state: a random generator, a
    network that is trained.
    """

    cell: int
    node: ast.AST
    reads: frozenset[str]
    makes: frozenset[str]
    changes: frozenset[str]
    touches: frozenset[str]


def steps(sources: Sequence[str]) -> list[Step]:
    """The statements of a notebook's code cells, in the order in which they are executed."""
    bodies = [ast.parse(source).body for source in sources]
    nodes = [node for body in bodies for node in body]
    imported = {name: full for node in nodes for name, full in _imported(node).items()}
    made = [(ast.unparse(name), value) for node in nodes for name, value in _assigned(node)]
    functions = {name for name, value in made if isinstance(value, FUNCTIONS)
                 } - {name for name, value in made if not isinstance(value, FUNCTIONS)}
    constants = ({name for name, _ in made} | vars(builtins).keys()
                 ) - {name for name, value in made if not _fixed(value)}
    every, acts = [], {}  # what a function touches when it is called
    for number, body in enumerate(bodies):
        for node in body:
            step = _step(number, node, node is body[-1], imported, constants, functions)
            touches = step.touches.union(*(acts.get(name, ()) for name in step.reads))
            if step.makes and step.makes <= functions:
                acts |= dict.fromkeys(step.makes, touches - _stored(node))
                touches = frozenset()
            every.append(step._replace(touches=touches))
    return every


def _fixed(value: ast.expr) -> bool:
    """Whether no call changes what is assigned: a number, a word, a law, a function."""
    return isinstance(value, (ast.Constant, *FUNCTIONS)) or \
        isinstance(value, ast.Call) and ast.unparse(value.func) in LAWS


def _imported(node: ast.stmt) -> dict[str, str]:
    """The names that an import makes, and what they stand for in full."""
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return {}


def _assigned(node: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What an assignment assigns to, and what, one by one; a function is assigned to its name."""
    if isinstance(node, ast.FunctionDef):
        yield ast.Name(node.name), node
    if isinstance(node, ast.AnnAssign):
        yield node.target, node.value
    if isinstance(node, ast.Assign):
        target, value = node.targets[0], node.value
        parts = getattr(target, "elts", [target])
        yield from zip(parts, value.elts if len(parts) > 1 and isinstance(value, ast.Tuple)
                       else [value] * len(parts))


def _step(cell: int, node: ast.stmt, last: bool, imported: Mapping[str, str],
          constants: Set[str], functions: Set[str]) -> Step:
    """A plain assignment makes its names; whatever else is assigned to is changed.

    So is the object of a call whose result nobody takes, or else its first argument. What the
    last statement of a cell comes to is shown.

    Args:
        constants: names of numbers, words, laws and what Python has, which no call changes.
        functions: those of them that the notebook defines.
    """
    shown = last and isinstance(node, ast.Expr)
    reads, targets = _names(node.value if shown else node, imported)
    plain = isinstance(node, PLAIN) and not targets & reads
    touches = {name for call in ast.walk(node)
               if isinstance(call, ast.Call) and not _keeps(_root(call.func), imported)
               for one in _open(call, imported, constants - functions)
               for name in _handed(one)}
    fixed, nothing = imported.keys() | {"", "claim"}, frozenset()
    return Step(cell, node, frozenset(reads), frozenset(targets) if plain else nothing,
                nothing if plain else frozenset(targets - fixed),
                frozenset(touches - fixed - constants))


def _keeps(name: str, imported: Mapping[str, str]) -> bool:
    """Whether a function leaves alone what it is given."""
    full = imported.get(name, "")
    return (name in vars(builtins) and name != "next"
            or f"{full}.".startswith(tuple(f"{one}." for one in KEEPING)))


def _open(call: ast.Call, imported: Mapping[str, str], given: Set[str]) -> Iterator[ast.expr]:
    """What a call may change; of the library's, its first argument and a random generator."""
    root = _root(call.func)
    ours = root in given or f"{imported.get(root, '')}.".startswith("lib.")
    yield from (call.func, *call.args[:1 if ours else None])
    yield from (word.value for word in call.keywords if not ours or word.arg == "seed")


def _names(node: ast.AST, imported: Mapping[str, str], own: frozenset[str] = frozenset()
           ) -> tuple[set[str], set[str]]:
    """The names that a piece of code reads from before it, and those it makes or changes.

    Args:
        imported: names of modules and of what is in them; they do not change.
        own: names that it has made itself by then.
    """
    reads, targets = set(), set()

    def take(*parts: ast.AST, own: frozenset[str] = own, inside: bool = False) -> None:
        for part in parts:
            read, assigned = _names(part, imported, own)
            reads.update(read)
            targets.update(() if inside else assigned)
            if isinstance(part, PLAIN):
                own |= assigned - read

    if isinstance(node, ast.Name):
        return ({node.id} - own, set()) if isinstance(node.ctx, ast.Load) else (set(), {node.id})
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return set(), set(_imported(node))
    if isinstance(node, COMPREHENSIONS):
        take(node.generators[0].iter)
        take(*ast.iter_child_nodes(node), own=own | _stored(node), inside=True)
    elif isinstance(node, FUNCTIONS):
        take(*ast.iter_child_nodes(node), own=own | _stored(node), inside=True)
        targets.update([node.name] if isinstance(node, ast.FunctionDef) else ())
    elif isinstance(node, ast.For):
        take(node.iter, node.target)
        take(*node.body, own=own | _stored(node.target))
        take(*node.orelse)
    elif isinstance(node, (ast.If, ast.While)):
        take(node.test)
        take(*node.body)
        take(*node.orelse)
    else:
        take(*ast.iter_child_nodes(node))
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            targets.add(_root(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            to = [call.func, *call.args][_root(call.func) in imported:][:1]
            targets.update(map(_root, to))
    return reads, targets


def _stored(node: ast.AST) -> set[str]:
    """Every name that is assigned to inside, arguments of functions included."""
    return {part.arg if isinstance(part, ast.arg) else part.id for part in ast.walk(node)
            if isinstance(part, ast.arg)
            or isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _root(node: ast.expr) -> str:
    """``x`` of ``x[0].a``."""
    while not isinstance(node, ast.Name):
        node = getattr(node, "value", None) or getattr(node, "func", None) or ast.Name("")
    return node.id


def _handed(node: ast.expr) -> Iterator[str]:
    """The names that an argument hands over, also within a list."""
    if isinstance(node, ast.Dict):
        node = ast.List(node.values)
    for one in getattr(node, "elts", [node]):
        yield from _handed(one) if one is not node else [_root(one)]


def cells_behind(sources: Sequence[str], cell: int) -> list[int]:
    """The cells without which a cell would not do what it does after all of them.

    Whoever touches what is needed is needed: a random generator that another cell has advanced
    gives other numbers. Functions read when they are called and not where they stand.
    """
    every, names, found = steps(sources), set(), []
    later = {}  # what is read when a name is called
    for step in every:
        if any(isinstance(part, (*FUNCTIONS, ast.GeneratorExp))
               for part in ast.walk(step.node)):
            later |= {name: later.get(name, set()) | step.reads for name in step.makes}
    for number in range(cell, -1, -1):
        mine = [step for step in every if step.cell == number]
        if number in (0, cell) or any(names & (step.makes | step.changes | step.touches)
                                      for step in mine):
            found.append(number)
            for step in reversed(mine):
                names = (names - step.makes) | step.reads
            while more := {read for name in names for read in later.get(name, ())} - names:
                names |= more
    return found[::-1]
