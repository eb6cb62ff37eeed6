"""Runs on record: a chapter executed at the papers' size and kept whole, for claims to rest on.

``python -m lib run CHAPTER -p NAME VALUE ... --record LABEL`` keeps such a run as the notebook
``book/evidence/CHAPTER-LABEL.ipynb``, with its parameters, figures, findings, date and versions.
The claims with ``evidence = "LABEL"`` are judged by it. It is a page of the book, and its chapter
shows what it found by ``on_record("CHAPTER", "LABEL")``. ``python -m lib renew`` executes again
those that no longer answer the claims, the parameters or the protocol of their chapter.
"""
from __future__ import annotations

import json
import math
import os
import platform
import re
import shlex
import subprocess
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path

from lib.report.claims import (BANNER, BOOK, GLUED, MEANING, MIME, OWN, Finding, Fragment,
                               answering, catalogue, kept, met, ran_with, record, remark, signed,
                               typeset)
from lib.report.leaf import title
from lib.report.parameters import check, declared

TABLE = "application/vnd.expressivity.table+json"
PACKAGES = ("numpy", "scipy")  # what a number may hang on
LOCAL = ("input_path", "output_path", "environment_variables", "exception", "end_time")
SLIDER = '<div class="slider"'
HEADING = re.compile(r"^##+( .+)", re.MULTILINE)
REFERENCE = re.compile(r"\{numref\}`[\w-]+`")  # to a figure of the chapter


def table(columns: Sequence[str], rows: Sequence[Sequence], caption: str) -> Fragment:
    """A small table, shown in the chapter and kept with its run.

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
        return "–" if cell == "nan" else str(cell)
    if not math.isfinite(cell):
        return "–" if math.isnan(cell) else f"{cell:g}".replace("inf", "∞")
    return cell if isinstance(cell, int) else float(f"{cell:.4g}")


def keep(executed: Path, target: Path) -> None:
    """Keep an executed notebook as a run on record, the file whole or not at all.

    Args:
        executed: as papermill left it.
        target: from `record`.
    """
    notebook = json.loads(executed.read_text("utf-8"))
    for cell in notebook["cells"]:
        for trace in ("papermill", "execution"):
            cell["metadata"].pop(trace, None)
        if "outputs" in cell:  # a slider is to play with, and half the size of a file
            cell["outputs"] = [one for one in cell["outputs"] if SLIDER not in str(one)]
    for name in LOCAL:
        notebook["metadata"]["papermill"].pop(name, None)
    versions = {"Python": platform.python_version()} | {name: version(name) for name in PACKAGES}
    notebook["metadata"]["record"] = {
        "versions": versions, "processor": processor(), "commit": _commit(target.parent)}
    target.parent.mkdir(exist_ok=True)
    draft = target.with_suffix(".part")
    draft.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")
    os.replace(draft, target)


def fault(path: Path, book: Path = BOOK) -> str:
    """Why a run on record no longer says anything of its chapter; empty if it does.

    What changes a run are the parameters and the protocol of its chapter, and the ranges of the
    claims that it judges. A change of the library does not: the small run on the chapter's own
    page, which is compared digit by digit, and the tests look after that.
    """
    if not path.is_file():
        return "there is none"
    name, label = path.stem.split("-", 1)
    claims = catalogue(book)
    try:
        now, then = declared(Path(book) / f"{name}.ipynb"), declared(path)
        if now.protocol != then.protocol:
            return f"the chapter's protocol is {now.protocol}, and {then.protocol} in this run"
        check(tuple(now), had := ran_with(path))  # its data need not be here
        if added := ", ".join(name for name in now.defaults if name not in had):
            return f"the chapter has {added} as well today"
        keys = {answering(stored, claims, MEANING).key for stored in kept(path, MIME)
                if stored["key"] in claims and claims[stored["key"]].evidence == label}
    except (ValueError, TypeError, KeyError) as problem:
        return str(problem)
    missing = [one.key for one in claims.values()
               if (one.chapter, one.evidence) == (name, label) and one.key not in keys]
    return f"no finding for {', '.join(missing)}" if missing else ""


def on_record(chapter: str, label: str, book: Path = BOOK) -> Fragment:
    """What a run on record found, to be shown in its chapter.

    Args:
        chapter, label: as they were given to ``python -m lib run CHAPTER --record LABEL``.
        book: folder of claims.toml and the notebooks.

    Returns:
        Where it comes from, its findings with the verdicts of today, its tables, and the command
        that renews it. A note if there is no such run, or if it no longer answers: the chapter
        must run through before it can be kept.
    """
    path = record(chapter, label, book)
    if told := fault(path, book):
        return remark(f"No run on record “{label}”: {told}. It is made by {renewal(path, book)}")
    found = findings(path, book)
    parts = [signed(found, anchors=False)] * bool(found) + [
        table(**one) for one in kept(path, TABLE)]
    told = origin(path)
    return Fragment(
        f'<div class="stored scorecard"><p>{escape(told)} '
        f'<a href="evidence/{path.stem}.html">The whole run</a>.</p>'
        f"{''.join(part.html for part in parts)}"
        f"<p><small>Renewed by <code>{escape(renewal(path, book))}</code></small></p></div>",
        "\n".join([told, *map(repr, parts)]))


def findings(path: Path, book: Path = BOOK) -> list[Finding]:
    """What a run on record found where it judges, its verdicts by the claims of today."""
    claims, parameters = catalogue(book), ran_with(path)
    found = [answering(stored, claims, ["key"], parameters) for stored in kept(path, MIME)
             if stored["key"] in claims]
    label = path.stem.split("-", 1)[1]
    return [one for one in met({one.key: one for one in found}).values() if one.evidence == label]


def origin(path: Path) -> str:
    """Parameters, date, duration and machine of a run on record in one sentence."""
    told = json.loads(path.read_text("utf-8"))["metadata"]
    set_to = ", ".join(f"{name} = {value}" for name, value in ran_with(path).items())
    made = ", ".join(f"{name} {number}" for name, number in told["record"]["versions"].items())
    commit = told["record"]["commit"]
    return (f"Run on record “{path.stem.split('-', 1)[1]}”: {set_to}. Run on "
            f"{told['papermill']['start_time'][:10]} in {told['papermill']['duration'] / 60:.1f} "
            f"minutes ({made}; {told['record']['processor']}"
            f"{f'; commit {commit}' if commit else ''}), not recomputed here.")


def renewal(path: Path, book: Path = BOOK) -> str:
    """The command that makes a run on record, or makes it anew."""
    name, label = path.stem.split("-", 1)
    set_to = given(path, book) if path.is_file() else {"NAME": "VALUE"}
    words = [word for name, value in set_to.items() for word in ("-p", name, str(value))]
    return shlex.join(["python", "-m", "lib", "run", name, *words, "--record", label, "--yes",
                       *["--force"] * path.is_file()])


def page(path: Path, book: Path = BOOK) -> str:
    """A run on record as a notebook for a page of the book: findings and figures, no prose.

    What the chapter says is said of its own run; here stand its headings, its code, folded, and
    what came out. Figures can be pasted into the chapter by their names.
    """
    notebook = json.loads(path.read_text("utf-8"))
    name, label = path.stem.split("-", 1)
    which = f" ({label})" * (label != "full")
    cells = [_text(f"# On record: {title(path)}{which}\n\n{origin(path)}\n\n"
                   f"The text to these figures is in [the chapter](../{name}.ipynb), which shows "
                   f"a smaller run. This one is made anew by\n\n"
                   f"```sh\n{renewal(path, book)}\n```\n\n"
                   f"{signed(findings(path, book)).html}")]
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cells += [_text(f"##{line}") for line in HEADING.findall(source)]
        elif shown := [one for one in cell["outputs"] if _belongs(one)]:
            cells.append(_drawn(cell, shown))
    kinds = [cell["cell_type"] for cell in cells[1:]] + ["markdown"]
    cells[1:] = [cell for cell, this, following in zip(cells[1:], kinds, kinds[1:])
                 if not this == following == "markdown"]  # nothing stands under such a heading
    return json.dumps(notebook | {"cells": cells})


def _text(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def _belongs(output: Mapping) -> bool:
    """Whether an output is shown again: not what stands at the head of the page."""
    data = output.get("data", {})
    told = "".join(data.get("text/plain", ""))
    if output.get("name") == "stdout":  # which images, with their hash
        return True
    return "data" in output and not (MIME in data or told.startswith((BANNER, "Run on record"))
                                     or "scrapbook" in output["metadata"])


def _drawn(cell: Mapping, shown: Sequence[Mapping]) -> dict:
    """A cell that only shows what came out, its code folded; a figure under its name for glue."""
    metadata = json.loads(REFERENCE.sub("the figure", json.dumps(cell["metadata"])))
    figure = metadata.get("mystnb", {}).get("figure", {})
    if name := figure.pop("name", ""):
        alt = f"{OWN}: {metadata['mystnb'].get('image', {}).get('alt', '')}"
        shown = [*shown, *(_pasted(name, alt, one["data"]) for one in shown if "data" in one)]
    return cell | {"metadata": metadata | {"tags": ["hide-input"]}, "outputs": list(shown)}


def _pasted(name: str, alt: str, data: Mapping) -> dict:
    """A picture as the page of its chapter shows it beside its own."""
    kind = next(kind for kind in ("image/svg+xml", "image/png", "text/plain") if kind in data)
    content = "".join(data[kind])
    if kind == "image/svg+xml":
        content = b64encode(content.encode()).decode()
    picture = f'<img alt="{escape(alt)}" src="data:{kind};base64,{content.strip()}">' \
        if kind.startswith("image") else escape(content)
    return {"output_type": "display_data", "data": {
        f"{GLUED}text/html": f"<figure>{picture}<figcaption>The same figure, of the run on "
                             "record.</figcaption></figure>", f"{GLUED}text/plain": name},
            "metadata": {"scrapbook": {"name": name, "mime_prefix": GLUED}}}


def given(path: Path, book: Path = BOOK) -> dict:
    """All in which a run on record differs from the defaults of its chapter today."""
    defaults = declared(Path(book) / f"{path.stem.split('-', 1)[0]}.ipynb").defaults
    return {name: value for name, value in ran_with(path).items()
            if name not in defaults or value != defaults[name]}


def aged(path: Path) -> bool:
    """Whether a run on record is of another commit than the present one."""
    made = json.loads(path.read_text("utf-8"))["metadata"]["record"]["commit"]
    return made.rstrip("+") != _commit(path.parent).rstrip("+")


def _commit(folder: Path) -> str:
    """The commit that was run, with a ``+`` if files had been changed; empty without git."""
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True,
                              check=True).stdout.strip()
    try:
        return git("rev-parse", "--short", "HEAD") + "+" * bool(
            git("status", "--porcelain", "--", ":!:evidence", ":/"))
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor() -> str:
    """The kind of processor, as the system names it; nothing that names the machine."""
    listed = Path("/proc/cpuinfo")
    text = listed.read_text("utf-8", "replace") if listed.is_file() else ""
    kind = re.search(r"model name\s*: (.+)", text)
    return kind[1].strip() if kind else platform.machine()
