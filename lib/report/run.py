"""The commands for readers: `run` one chapter with other parameters, and `list` what there is."""
from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from lib.report import evidence
from lib.report.claims import read as findings
from lib.report.execute import Job, execute_all
from lib.report.leaf import leaf
from lib.report.parameters import declared, understood
from lib.report.site import ROOT, chapter, chapters

RUNS = Path("runs")
NAME_LENGTH = 100
TAKES = re.compile(r"takes\s+([^.]+?(?:seconds?|minutes?))")  # in a chapter's first cell


def run(name: str, given: Sequence[tuple[str, str]] = (), out: Path = RUNS, store: str = "",
        force: bool = False, root: Path = ROOT) -> int:
    """Execute one chapter with other parameters.

    Everything is checked first. The executed notebook and its page are written whole, at the end,
    however far the chapter came; the exit code is 1 where it failed.

    Args:
        given: names of parameters and their values as words.
        out: folder to write into.
        store: label under which the book keeps the findings; none if empty.
        force: whether to replace files of an earlier run.
    """
    source = chapter(name, root)
    parameters = declared(source)
    values = understood(parameters, given)
    target = Path(out) / f"{filename(name, values)}.ipynb"
    keep = evidence.place(name, store, root / "book") if store else None
    for file in (target, target.with_suffix(".html"), keep):
        if file and file.exists() and not force:
            raise ValueError(f"{file} is there already; --force replaces it")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".run", dir=target.parent) as folder:
        draft = Path(folder) / target.name
        (outcome,) = execute_all([Job(source, draft, values, canonical=False)])
        if draft.is_file():  # it is not if the kernel could not even start
            _publish(draft, target, root / "book")
    if outcome.error:
        print(f"{name} failed\n{outcome.error}", file=sys.stderr)
        return 1
    if keep:
        defaults = {parameter.name: parameter.default for parameter in parameters}
        evidence.store(target, keep, defaults | values, outcome.seconds / 60)
        print(keep)
    return 0


def _publish(draft: Path, target: Path, book: Path) -> None:
    """Print the verdicts of an executed notebook; move it and its page to where they belong."""
    told = findings(draft.parent, book)
    draft.with_suffix(".html").write_text(leaf(draft, book), "utf-8")
    for file in (target, target.with_suffix(".html")):
        os.replace(draft.with_name(file.name), file)
    for finding in told:
        print(f"  {finding.key}: {finding!r}")
    print(f"{target}\n{target.with_suffix('.html')}")


def filename(chapter: str, values: Mapping[str, object]) -> str:
    """A name for the files of a run: the chapter and what was given, safe on every system.

    >>> filename("order_to_chaos", {"sigma_b": 0.5, "activation": "x*tanh(x)"})
    'order_to_chaos-sigma_b=0.5-activation=x_tanh_x_-37eb6e'
    """
    plain = "-".join([chapter, *(f"{name}={value}" for name, value in values.items())])
    name = re.sub(r"[^\w.=+-]+", "_", plain)
    if name == plain and len(name) <= NAME_LENGTH:
        return name
    return f"{name[:NAME_LENGTH]}-{sha256(plain.encode()).hexdigest()[:6]}"


def listing(root: Path = ROOT) -> int:
    """Print every chapter: name, title, run time and parameters, as the notebooks state them."""
    for path in chapters(root):
        title, takes = _heading(path)
        print(f"{path.stem}\n  {title}{f' ({takes})' if takes else ''}")
        for parameter in declared(path):
            line = f"{parameter.name}: {parameter.kind.__name__} = {parameter.default!r}"
            within = f" [{parameter.range}]" if parameter.range else ""
            print(f"    {line:<34}{parameter.help}{within}")
    return 0


def _heading(notebook: Path) -> tuple[str, str]:
    """Title of a chapter and the time that its first cell says it takes."""
    first = json.loads(notebook.read_text("utf-8"))["cells"][0]
    text = "".join(first["source"]) if first["cell_type"] == "markdown" else ""
    title = re.search(r"^# +(.+)", text, re.MULTILINE)
    takes = TAKES.search(text)
    return title[1] if title else notebook.stem, " ".join(takes[1].split()) if takes else ""
