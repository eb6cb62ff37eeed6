"""Runs too long for the book, kept as small files with where they come from.

``python -m lib run CHAPTER -p NAME VALUE ... --store LABEL`` executes a chapter once and writes
``book/stored/CHAPTER.LABEL.json``: its findings and tables, parameters, date and versions. A
chapter shows such a file by ``stored("CHAPTER", "LABEL")``; nothing is computed then.
"""
from __future__ import annotations

import json
import math
import os
import platform
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path

from lib.report.claims import (BOOK, MIME, Fragment, answering, catalogue, kept, remark, signed,
                               typeset)
from lib.report.parameters import Parameters, check, declared

TABLE = "application/vnd.expressivity.table+json"
LABEL = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
MEANING = ("key", "low", "high")  # of a claim; its sentence may be reworded
PACKAGES = ("numpy", "scipy")  # what a number may hang on


def table(columns: Sequence[str], rows: Sequence[Sequence], caption: str) -> Fragment:
    """A small table, shown in the chapter and kept by ``--store``.

    Args:
        columns: titles.
        rows: each with one text or number a column. Numbers are rounded to four significant
            digits, for other roundings give texts; NaN is a dash.
        caption: what the table shows.

    Returns:
        The table; make it the last expression of a cell.

    Raises:
        ValueError: a row is not as long as there are columns, or there are none.

    >>> table(["layer", "accuracy"], [[1, 0.91234]], "By layer.")
    By layer.
    layer  accuracy
    1      0.9123
    """
    if not columns or not rows or any(len(row) != len(columns) for row in rows):
        raise ValueError(f"rows must be rows of {len(columns)} cells, one for each of columns")
    columns, rows = list(map(str, columns)), [list(map(_plain, row)) for row in rows]
    cells = [columns, *([f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row]
                        for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    head, *body = ("".join(f"<{kind}>{typeset(cell)}</{kind[:2]}>" for cell in row)
                   for row, kind in zip(cells, ['th scope="col"'] + ["td"] * len(rows)))
    return Fragment(f'<table class="table"><caption>{typeset(caption)}</caption><thead><tr>{head}'
                    f"</tr></thead><tbody><tr>{'</tr><tr>'.join(body)}</tr></tbody></table>",
                    "\n".join([caption, *lines]),
                    {TABLE: {"columns": columns, "rows": rows, "caption": caption}})


def _plain(cell: object) -> str | float:
    """A cell as JSON can hold it, with no more digits than are shown."""
    cell = cell.item() if hasattr(cell, "item") else cell  # NumPy's numbers are not JSON's
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return str(cell)
    if not math.isfinite(cell):
        return "–" if math.isnan(cell) else f"{cell:g}".replace("inf", "∞")
    return cell if isinstance(cell, int) else float(f"{cell:.4g}")


def place(chapter: str, label: str, book: Path = BOOK) -> Path:
    """The file of a stored run.

    Args:
        chapter: name of the notebook, without its ending.
        label: name of the run, in small letters.
        book: folder of the notebooks.

    Raises:
        ValueError: the label is not one.

    >>> place("order_to_chaos", "full").name
    'order_to_chaos.full.json'
    """
    if not LABEL.fullmatch(label):
        raise ValueError(f"the label of a stored run is like 'full' or 'ten-seeds', not {label!r}")
    return Path(book) / "stored" / f"{chapter}.{label}.json"


def stored(chapter: str, label: str, book: Path = BOOK) -> Fragment:
    """A stored run of a chapter, its verdicts computed from the claims of today.

    Args:
        chapter, label: as they were given to ``python -m lib run CHAPTER --store LABEL``.
        book: folder of claims.toml and the notebooks.

    Returns:
        The run, to be shown beside the chapter's own findings, or a note that there is none yet:
        the chapter must run through before it can be stored.

    Raises:
        ValueError: the file answers claims or parameters that have changed since; says how to
            renew it.
    """
    path = place(chapter, label, book)
    if not path.is_file():
        return remark(f"no stored run yet: python -m lib run {chapter} -p ... --store {label}")
    data, claims = json.loads(path.read_text("utf-8")), catalogue(book)
    parameters = declared(Path(book) / f"{chapter}.ipynb")
    command = renewal(chapter, label, data["parameters"], parameters)
    try:
        check(tuple(parameters), data["parameters"])
        found = [answering(record, claims, MEANING) for record in data["findings"]]
        found = [replace(one, present={name: data["parameters"][name] for name in one.at})
                 for one in found]
    except (ValueError, TypeError, KeyError) as problem:
        raise ValueError(f"{path.name}: {problem}; renew it: {command}") from None
    parts = [signed(found, anchors=False)] * bool(found) + [table(**one) for one in data["tables"]]
    origin = _origin(**data)
    return Fragment(f'<div class="stored scorecard"><p>{escape(origin)}</p>'
                    f"{''.join(part.html for part in parts)}"
                    f"<p><small>Renewed by <code>{escape(command)}</code></small></p></div>",
                    "\n".join([origin, *map(repr, parts)]))


def _origin(*, label: str, parameters: Mapping, date: str, minutes: float, versions: Mapping,
            processor: str, **_: object) -> str:
    """Parameters, date, duration and machine in one sentence."""
    given = ", ".join(f"{name} = {value}" for name, value in parameters.items())
    made = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (f"Stored run “{label}”: {given}. Run on {date} in {minutes:g} minutes ({made}; "
            f"{processor}), not recomputed here.")


def renewal(chapter: str, label: str, given: Mapping, parameters: Parameters) -> str:
    """The command that makes a stored run anew: what differs from the chapter's defaults."""
    words = [word for name, value in given.items() if parameters.defaults.get(name) != value
             for word in ("-p", name, str(value))]
    return shlex.join(["python", "-m", "lib", "run", chapter, *words, "--store", label, "--force"])


def store(notebook: Path, target: Path, parameters: Mapping, minutes: float) -> None:
    """Keep the findings and tables of an executed notebook, the file whole or not at all.

    Args:
        notebook: the executed notebook.
        target: from `place`.
        parameters: the values of all the chapter's parameters in this run.
        minutes: how long it took.
    """
    chapter, label = target.name.removesuffix(".json").split(".")
    versions = {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    data = {
        "chapter": chapter, "label": label, "parameters": dict(parameters),
        "date": datetime.now(UTC).date().isoformat(), "minutes": round(minutes, 1),
        "versions": versions, "processor": processor(),
        "findings": list(kept(notebook, MIME)), "tables": list(kept(notebook, TABLE)),
    }
    target.parent.mkdir(exist_ok=True)
    draft = target.with_suffix(".part")
    draft.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", "utf-8")
    os.replace(draft, target)


def processor() -> str:
    """The kind of processor, as the system names it; nothing that names the machine."""
    listed = Path("/proc/cpuinfo")
    text = listed.read_text("utf-8", "replace") if listed.is_file() else ""
    kind = re.search(r"model name\s*: (.+)", text)
    return kind[1].strip() if kind else platform.machine()
