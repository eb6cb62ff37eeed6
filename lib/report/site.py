"""The commands that make the book: `book`, `site`, `refresh` and `renew`."""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from math import isnan
from pathlib import Path
from typing import Iterator, Sequence
from zipfile import ZIP_DEFLATED, ZipFile

from lib.report import evidence
from lib.report.claims import MIME, kept, scorecard, tally
from lib.report.execute import DEAR, Job, Outcome, cores, execute_all, lasting, meant
from lib.report.leaf import figure
from lib.report.parameters import declared, did_you_mean

ROOT = Path(__file__).resolve().parents[2]
# a page shows figure NAME of a chapter as images/CHAPTER/NAME.svg, or .png
SHOWN = re.compile(r"(images/(\w+)/(fig-[\w-]+)\.(svg|png))\b")
PROJECT = "benchmarks", "book", "lib", "tests"
# a short process: collecting its garbage would be a quarter of its time
BUILDER = "import gc; gc.disable(); from jupyter_book.cli.main import main; main()"
SCORECARD = "scorecard"  # sums up the findings of the other chapters, so it runs after them


class BuildError(RuntimeError):
    """The pages could not be built; the message holds the warnings and errors."""


def chapters(root: Path = ROOT) -> list[Path]:
    """Notebooks of the book, in the order of its table of contents."""
    import yaml

    contents = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    paths = [(root / entry).with_suffix(".ipynb") for entry in _entries(contents)]
    return [path for path in paths if path.is_file()]


def chapter(name: str, root: Path = ROOT) -> Path:
    """The notebook of one chapter; a ValueError suggests and lists."""
    known = {path.stem: path for path in chapters(root)}
    if name not in known:
        raise ValueError(f"no chapter {name!r}{did_you_mean(name, known)}")
    return known[name]


def book(names: Sequence[str] = (), workers: int | None = None, root: Path = ROOT) -> int:
    """Execute chapters from scratch and build the pages from these executions.

    Tracked files are only read. With a failed chapter no pages are built, and the exit code is 1.

    Args:
        names: chapters to execute; the others show their stored outputs. None means all.
        workers: how many chapters at once; by default one a core.
    """
    executed = root / "_build" / "executed"
    shutil.rmtree(executed, ignore_errors=True)
    executed.mkdir(parents=True)
    first, last = _in_order(names, root)
    for path in chapters(root):
        if path not in first + last:
            shutil.copy(path, executed)
    _expect(first, workers)
    outcomes = execute_all(
        [Job(path, executed / path.name) for path in first],
        [Job(path, executed / path.name, {"executions": str(executed)}) for path in last],
        workers=workers)
    if _report(outcomes):
        print(f"no pages built; how far they came: {executed}", file=sys.stderr)
        return 1
    _show(build(executed, root / "_build", root), executed)
    return 0


def site(root: Path = ROOT) -> int:
    """Build the pages from the stored outputs; nothing is executed."""
    _show(build(root / "book", root / "_build", root), root / "book")
    return 0


def refresh(names: Sequence[str] = (), workers: int | None = None, root: Path = ROOT) -> int:
    """Execute notebooks anew and store their outputs, each one whole or not at all.

    Args:
        names: chapters to refresh, none for all; the scorecard always follows.
        workers: how many chapters at once; by default one a core.
    """
    fresh = root / "_build" / "refreshed"

    def store(outcome: Outcome) -> str:
        job = outcome.job
        if outcome.error:
            return "FAILED, left as it was"
        if job.target.read_bytes() == job.source.read_bytes():
            return "as it was"
        os.replace(job.target, job.source)
        return "refreshed"

    groups = [[Job(path, fresh / path.name) for path in group] for group in _in_order(names, root)]
    _expect([job.source for job in groups[0]], workers)
    return 1 if _report(execute_all(*groups, workers=workers, settle=store)) else 0


def renew(names: Sequence[str] = (), everything: bool = False, yes: bool = False,
          workers: int | None = None, root: Path = ROOT) -> int:
    """Execute runs on record anew, each one whole or not at all; tell the verdicts that turn.

    Args:
        names: as "lyapunov_mnist-full"; none for those that no longer answer.
        everything: whether to renew all that are not of the present commit.
        yes: whether to begin without asking.
        workers: how many at once; by default one a core.
    """
    folder = root / "book" / "evidence"
    known = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    for name in names:
        if name not in known:
            raise ValueError(f"no run on record {name!r}{did_you_mean(name, known)}")
    todo = {name: path for name, path in known.items() if (
        name in names if names else evidence.aged(path) if everything
        else evidence.fault(path, root / "book"))}
    jobs = [Job(chapter(name.split("-")[0], root), root / "_build" / "renewed" / f"{name}.ipynb",
                evidence.given(path, root / "book"), canonical=False)
            for name, path in todo.items()]
    print(f"{len(jobs)} of {len(known)} runs on record: {', '.join(todo) or 'none'}", flush=True)
    seconds = sum(declared(job.source).seconds(job.parameters) for job in jobs)
    if seconds > DEAR:
        meant(f"they take {lasting(seconds / min(workers or cores(), len(jobs)))}", yes)

    def settle(outcome: Outcome) -> str:
        if outcome.error:
            return "FAILED, left as it was"
        target = folder / outcome.job.target.name
        before, after = (
            {one["key"]: one["verdict"] for one in kept(path, MIME)}
            for path in (target, outcome.job.target))
        evidence.keep(outcome.job.target, target)
        turned = [f"{key}: {before.get(key, 'new')} → {verdict}" for key, verdict in after.items()
                  if verdict != before.get(key)]
        return "\n    ".join(["renewed", *turned])

    return 1 if _report(execute_all(jobs, workers=workers, settle=settle)) else 0


def build(notebooks: Path, work: Path, root: Path = ROOT) -> Path:
    """Build the pages by Jupyter Book, warnings as errors, from a copy of the sources.

    Args:
        notebooks: folder with the executed notebooks to show.
        work: folder for the copy, the log and the pages, which come to stand in ``work / "html"``;
            older ones are replaced only by good ones.
    """
    source, sphinx, pages = work / "source", work / "sphinx", work / "html"
    for folder in (source, sphinx):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / "book", source / "book", ignore=shutil.ignore_patterns(".*", "__*"))
    for file in ("_config.yml", "_toc.yml"):
        shutil.copy(root / file, source)
    for path in chapters(root):
        shutil.copy(notebooks / path.name, source / path.relative_to(root))
    for path in (root / "book" / "evidence").glob("*.ipynb"):
        (source / path.relative_to(root)).write_text(evidence.page(path, root / "book"), "utf-8")
    _archive(root, source / "book" / "companion.zip")
    for page in (source / "book").glob("*.md"):
        for told in SHOWN.finditer(page.read_text("utf-8")):
            _picture(source / "book", *told.groups())
    print("building the pages", flush=True)
    result = subprocess.run(
        [sys.executable, "-c", BUILDER, "build",
         str(source), "--path-output", str(sphinx), "-W", "-n", "--keep-going"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
        env={**os.environ, "PYTHONUTF8": "1"},
        start_new_session=True)  # on Ctrl-C it is ended with us, without a traceback of its own
    log = re.sub(r"\x1b\[[\d;]*m", "", result.stdout)  # without its colours
    (work / "sphinx.log").write_text(log, "utf-8")
    if result.returncode:
        lines = log.replace(f"{source}{os.sep}", "").splitlines()
        told = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-20:]
        told += [f"all of it: {work / 'sphinx.log'}"]
        raise BuildError("\n".join(["the pages do not build:", *told]))
    shutil.rmtree(pages, ignore_errors=True)
    os.replace(sphinx / "_build" / "html", pages)
    return pages


def _archive(root: Path, target: Path) -> None:
    """The project as one file to download, without what it makes by itself."""
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for path in sorted([*root.iterdir(), *(path for name in PROJECT
                                               for path in (root / name).rglob("*"))]):
            inside = path.relative_to(root)
            if path.is_file() and not any(part[0] == "." or part == "__pycache__"
                                          for part in inside.parts):
                archive.write(path, Path("companion") / inside)


def _picture(book: Path, path: str, chapter: str, name: str, kind: str) -> None:
    """A figure of a chapter as a file, for another page to show."""
    mime = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    cells = json.loads((book / f"{chapter}.ipynb").read_text("utf-8"))["cells"]
    shown = [output["data"][mime] for cell in cells if figure(cell).get("name") == name
             for output in cell["outputs"] if mime in output.get("data", {})]
    if not shown:
        raise BuildError(f"{path}: {chapter}.ipynb has no such figure")
    content = "".join(shown[0])
    (book / path).parent.mkdir(parents=True, exist_ok=True)
    (book / path).write_bytes(content.encode() if kind == "svg" else b64decode(content))


def _entries(contents: object) -> Iterator[str]:
    """Every file that a table of contents names, in order."""
    if isinstance(contents, dict):
        for key, value in contents.items():
            if key in ("root", "file"):
                yield value
            else:
                yield from _entries(value)
    elif isinstance(contents, list):
        for value in contents:
            yield from _entries(value)


def _in_order(names: Sequence[str], root: Path) -> tuple[list[Path], list[Path]]:
    """The chapters of these names, and the scorecard, which always comes last."""
    for name in names:
        chapter(name, root)  # refuses what is none
    paths = chapters(root)
    first = [path for path in paths if path.stem != SCORECARD]
    return ([path for path in first if not names or path.stem in names],
            [path for path in paths if path.stem == SCORECARD])


def _expect(paths: Sequence[Path], workers: int | None) -> None:
    """Say how long it takes, as far as the chapters tell."""
    known = [seconds for path in paths
             if not isnan(seconds := declared(path).seconds({}))]
    hands = min(workers or cores(), len(paths))
    if known:
        time = lasting(max(sum(known) / hands, *known, 0))
        print(f"{len(paths)} chapters, {hands} at once: {time}", flush=True)


def _report(outcomes: Sequence[Outcome]) -> bool:
    """Print the error of each that failed; whether any did."""
    failed = [outcome for outcome in outcomes if outcome.error]
    for job, _, error in failed:
        print(f"\n{job.name} failed\n{error}", file=sys.stderr)
    if failed:
        print(f"\n{len(failed)} of {len(outcomes)} failed", file=sys.stderr)
    return bool(failed)


def _show(pages: Path, notebooks: Path) -> None:
    """Print the tally of the papers' claims and where to open the book."""
    counts = (f"{count} {verdict}" for verdict, count in tally(scorecard(notebooks)).items())
    print(f"claims: {', '.join(counts)}")
    print(f"open {pages / 'index.html'}\n     {(pages / 'index.html').as_uri()}")
