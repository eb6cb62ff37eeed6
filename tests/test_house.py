"""The house rules: who may import whom, how large things are, what a docstring says.

Theory and simulation share no code but the activations: that is what makes their agreement mean
something. Each rule is a function from a source text to a list of complaints, so that the tests at
the end can feed it a fault.
"""
import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lib
from tests.mutants import mutants

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "lib").rglob("*.py"))
PACKAGES = {"lib.measure", "lib.networks", "lib.report", "lib.tasks", "lib.theory", "lib.__main__"}

# What each part of lib may import from lib, besides itself. A new part must be entered here.
MAY_IMPORT = {
    "checks": set(),
    "estimate": {"checks"},
    "profile": {"checks"},
    "jets": {"checks"},
    "formula": {"checks", "jets"},
    "sampled": {"checks", "jets"},
    "activations": {"checks", "jets", "formula", "sampled"},
    "theory": {"activations", "checks", "estimate", "profile",
               "sampled"},  # its tables are read as sampled functions are
    "networks": {"activations", "checks", "estimate", "profile", "measure"},
    "measure": {"checks", "estimate"},
    "tasks": {"checks"},
    "report": {"checks", "estimate", "profile", "activations"},  # which read a parameter
    "__main__": {"report"},
}
# Nobody else imports matplotlib.
FIGURES = {"lib.report.figures", "lib.report.gallery"}

FUNCTION_LINES = 40

# Modules with one user or none among modules and chapters: a named idea, and why it stands alone.
NAMED_IDEAS = {
    "lib.formula": "a text is read and never executed; apart from what it makes",
    "lib.networks.boundary": "where a read-out changes its sign, and how to find it",
    "lib.report.flow": "what hangs on what in a notebook, without executing it",
    "lib.report.journal": "what of a sweep is safe on disk; tested by killing",
    "lib.report.sweep": "a command",
    "lib.tasks.disc": "the task of Storm et al.",
    "lib.tasks.files": "containers of image sets, verified by content",
    "lib.tasks.series": "chaotic time series as a task",
    "lib.theory.bounds": "what holds whatever the weights",
    "lib.theory.finite_width": "how far single networks stray, of order 1/N",
    "lib.theory.geometry": "metric, curvature and Gauss map of a circle in wide networks",
}


def module_name(path: Path) -> str:
    """``lib.theory.gaussian`` for its file, ``lib.theory`` for the package's."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part(module: str) -> str:
    """Part of lib that a module belongs to: ``theory`` for ``lib.theory.gaussian``."""
    return (module.split(".") + [""])[1]


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Every module that is imported, and whether anything but a type checker imports it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield from ((name, False) for name, _ in imports(node))
        elif isinstance(node, ast.Import):
            yield from ((alias.name, True) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), True
            if node.module and node.module.split(".")[0] == "lib":  # `from lib import theory`
                yield from ((f"{node.module}.{alias.name}", True) for alias in node.names)
        else:
            yield from imports(node)


def at_import(tree: ast.Module) -> set[str]:
    """Names of the packages that importing the module imports, ours and Python's own left out."""
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef))]
    body = [node for some in bodies for node in some
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    found = {name.split(".")[0] for name, real in imports(ast.Module(body, [])) if real}
    return found - set(sys.stdlib_module_names) - {"lib"}


def import_faults(source: str, module: str) -> list[str]:
    """Imports that the table does not allow."""
    tree, here = ast.parse(source), part(module)
    if here and here not in MAY_IMPORT:
        return [f"enter lib.{here} in MAY_IMPORT, with what it may import"]
    names = [name for name, _ in imports(tree)]
    faults = [f"{name}: write the full name" for name in names if name.startswith(".")]
    for name in names:
        there = part(name) if name.split(".")[0] == "lib" else ""
        if there and there != here and there not in MAY_IMPORT.get(here, set()):
            faults.append(f"imports {name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            faults.append(f"from {node.module} import *")
    heavy = at_import(tree) - {"numpy", "matplotlib" if module in FIGURES else ""}
    faults += [f"imports {name} at the top; do it in the function" for name in sorted(heavy)]
    if "matplotlib" in {name.split(".")[0] for name in names} and module not in FIGURES:
        faults.append("imports matplotlib; figures belong to lib.report.figures and gallery")
    return faults


def size_faults(source: str) -> list[str]:
    """A function that is too long, its docstring and comments not counted."""
    faults, lines = [], source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            code = [line for line in lines[body[0].lineno - 1:node.end_lineno]
                    if line.strip() and not line.strip().startswith("#")] if body else []
            if len(code) > FUNCTION_LINES:
                faults.append(f"{node.name}: {len(code)} lines, at most {FUNCTION_LINES}")
    return faults


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Public functions, classes and methods of a module, with their full names."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node
            for inner in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def inherited(tree: ast.Module) -> set[str]:
    """Methods whose docstring is that of the method they override, in a class of the module."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    told: dict[str, set[str]] = {}
    for name, node in classes.items():  # a base stands before what is derived from it
        own = {inner.name for inner in node.body
               if isinstance(inner, ast.FunctionDef) and ast.get_docstring(inner)}
        told[name] = own.union(*(told.get(base.id, ()) for base in node.bases
                                 if isinstance(base, ast.Name)))
    return {f"{name}.{method}" for name in classes for method in told[name]}


def docstring_faults(source: str) -> list[str]:
    """Public names without docstring, of their own or inherited, or without type hints."""
    tree = ast.parse(source)
    faults = [] if ast.get_docstring(tree) else ["no docstring"]
    for name, node in public(tree):
        if not ast.get_docstring(node) and name not in inherited(tree):
            faults.append(f"{name}: no docstring")
        if isinstance(node, ast.FunctionDef):
            untyped = [argument.arg for argument in arguments(node) if not argument.annotation]
            if untyped or not node.returns:
                faults.append(f"{name}: no type hint for {', '.join(untyped or ['what returns'])}")
    return faults


def arguments(node: ast.FunctionDef) -> list[ast.arg]:
    """Arguments of a function or method, `self` left out."""
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    starred = [argument for argument in (given.vararg, given.kwarg) if argument]
    return [argument for argument in named + starred if argument.arg not in ("self", "cls")]


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a ring, with those that import them; or nothing."""
    left = dict(graph)
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def users() -> dict[str, set[str]]:
    """Who imports each module of lib: other modules, the front door, chapters."""
    sources = {module_name(path): path.read_text("utf-8") for path in FILES}
    asking = sources | {path.stem: "\n".join(
        "".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]
        if cell["cell_type"] == "code") for path in (ROOT / "book").glob("*.ipynb")}
    found = {name: {"lib"} if name in lib.DOORS.values() else set() for name in sources
             if name != "lib" and name not in PACKAGES}
    for user, source in asking.items():
        for name, _ in imports(ast.parse(source)):
            if name in found and name != user:
                found[name].add(user)
    return found


each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


@each_file
def test_imports(path):
    assert import_faults(path.read_text("utf-8"), module_name(path)) == []


@each_file
def test_sizes(path):
    assert size_faults(path.read_text("utf-8")) == []


@each_file
def test_docstrings(path):
    assert docstring_faults(path.read_text("utf-8")) == []


def test_no_cycles():
    trees = {module_name(path): ast.parse(path.read_text("utf-8")) for path in FILES}
    graph = {module: {name for name, real in imports(tree) if real and name in trees} - {module}
             for module, tree in trees.items()}
    assert cycle(graph) == []


def test_every_module_has_two_users_or_is_a_named_idea():
    lonely = {name for name, some in users().items() if len(some) < 2}
    assert lonely == set(NAMED_IDEAS)


def test_every_planted_fault_has_its_place():
    assert len([mutant.applied(ROOT) for mutant in mutants()]) > 100


def test_lint():
    told = subprocess.run([sys.executable, "-m", "ruff", "check", "--quiet", "--no-cache", ROOT],
                          capture_output=True, text=True)
    assert told.stdout == ""


@pytest.mark.parametrize("module, source, fault", [
    ("lib.theory.x", "from lib.networks.ensemble import sample", "imports lib.networks.ensemble"),
    ("lib.theory.x", "def f():\n    from lib import networks", "imports lib.networks"),
    ("lib.measure.x", "import lib.theory.gaussian", "imports lib.theory.gaussian"),
    ("lib.report.x", "from lib.theory import gaussian", "imports lib.theory"),
    ("lib.networks.x", "from ..theory import gaussian", "write the full name"),
    ("lib.theory.x", "from numpy import *", "import *"),
    ("lib.theory.x", "import scipy.special", "imports scipy at the top"),
    ("lib.theory.x", "class A:\n    import scipy", "imports scipy at the top"),
    ("lib.report.run", "import papermill", "imports papermill at the top"),
    ("lib.report.claims", "def f():\n    import matplotlib.pyplot", "belong to lib.report"),
    ("lib.novelty", "", "enter lib.novelty"),
])
def test_a_forbidden_import_is_found(module, source, fault):
    assert any(fault in told for told in import_faults(source, module))


def test_allowed_imports_are_allowed():
    source = "import numpy as np\nfrom lib.activations import get\n" \
             "from lib.theory import gaussian\ndef f():\n    import scipy.special\n" \
             "class A:\n    def f(self):\n        import scipy.stats"
    assert import_faults(source, "lib.theory.x") == []
    assert import_faults("import matplotlib.pyplot as plt", "lib.report.figures") == []


def test_what_is_too_long_is_found():
    body = "\n".join(["def f():", '    """Doc."""', *["    x = 1"] * 41])
    assert size_faults(body) == ["f: 41 lines, at most 40"]


@pytest.mark.parametrize("source, fault", [
    ("def f() -> None: pass", "f: no docstring"),
    ('class A:\n  "Doc."\n  def f(self) -> None: pass', "A.f: no docstring"),
    ('def f(x) -> None:\n  "Doc."', "f: no type hint for x"),
    ('def f(x: int):\n  "Doc."', "f: no type hint for what returns"),
])
def test_a_poor_docstring_is_found(source, fault):
    assert fault in docstring_faults(f'"""Doc."""\n{source}')


def test_a_docstring_is_inherited_with_its_method():
    base = 'class A:\n  "Doc."\n  def f(self) -> None:\n    "Doc."\n'
    derived = '"""Doc."""\n{}class B(A):\n  "Doc."\n  def f(self) -> None: pass'
    assert docstring_faults(derived.format(base)) == []
    assert docstring_faults(derived.format(base.replace("f(", "g("))) == [
        "B.f: no docstring"]


def test_a_ring_of_imports_is_found():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]
