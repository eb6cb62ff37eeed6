"""The commands for readers: `run` one chapter with other parameters, and `list` what there is."""
from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import isnan
from pathlib import Path
from typing import NamedTuple

from lib.report import evidence
from lib.report.claims import LABEL
from lib.report.claims import read as findings
from lib.report.claims import record as on_record
from lib.report.concordance import panels
from lib.report.execute import DEAR, Job, execute_all, lasting, meant
from lib.report.flow import cells_behind
from lib.report.leaf import figure as figure_of
from lib.report.leaf import leaf, title
from lib.report.parameters import declared, understood
from lib.report.site import ROOT, chapter, chapters

RUNS = Path("runs")
NAME_LENGTH = 100
KEEP = "figures-of-this-run"  # id of the cell that writes them


class Drawn(NamedTuple):
    """A figure of a chapter: the number of its cell, its name there, and its caption."""

    cell: int
    name: str
    caption: str

    @property
    def panels(self) -> dict[str, str]:
        """What it re-makes, by the number of a paper's figure: ``{"2": "CD"}``."""
        found: dict[str, str] = {}
        for _, number, letter in panels(self.caption):
            found[number] = found.get(number, "") + letter
        return found

    @property
    def file(self) -> str:
        """Its name as a file, with the panels: ``fig-2CD-otc-phases``."""
        return "-".join(["fig", *map("".join, self.panels.items()),
                         self.name.removeprefix("fig-")])

    def answers(self, word: str) -> bool:
        """Whether it is meant by its name, or by a panel: "2C", "Fig. 2C", "2CD", "2"."""
        known = {self.name, self.file, self.name.removeprefix("fig-"), *self.panels}
        known |= {number + part for number, letters in self.panels.items()
                  for part in (*letters, letters)}
        plain = re.sub(r"(?i)^fig(ure)?s?[.\s]*(?=\d)", "", word).lower()
        return plain in {one.lower() for one in known}


def run(name: str, given: Sequence[tuple[str, str]] = (), out: Path = RUNS, record: str = "",
        figure: str = "", force: bool = False, yes: bool = False, root: Path = ROOT) -> int:
    """Execute one chapter with other parameters.

    Everything is checked first. The executed notebook, its page and a folder with its figures are
    written whole, at the end, however far the chapter came; the exit code is 1 where it failed.

    Args:
        given: names of parameters and their values as words.
        out: folder to write into.
        record: label under which the book keeps the whole run; none if empty.
        figure: name of a figure or a panel of a paper, if only that is wanted, and no page.
        force: whether to replace files of an earlier run.
        yes: whether to run what takes more than `DEAR` seconds.
    """
    source = chapter(name, root)
    parameters = declared(source)
    values = understood(parameters, given)
    if record and figure:
        raise ValueError("--record keeps a whole run; leave out --figure")
    if record and not LABEL.fullmatch(record):
        raise ValueError(f"the label of a run on record is like 'full', not {record!r}")
    keep = on_record(name, record, root / "book") if record else None
    wanted = drawn(source, figure)
    place = Path(out) / filename(name, values)
    files = [place / f"{one.file}.svg" for one in wanted] if figure else \
        [place.with_name(place.name + ending) for ending in (".ipynb", ".html", "")]
    for file in (*files, keep):
        if file and file.exists() and not force:
            raise ValueError(f"{file} is there already; --force replaces it")
    if (seconds := parameters.seconds(values)) > DEAR:
        meant(f"{name} takes {'at most ' * bool(figure)}{lasting(seconds)}", yes)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".run", dir=place.parent) as folder:
        draft = Path(folder).resolve() / f"{place.name}.ipynb"
        copy = _copy(source, wanted, draft.parent, first=2 if values else 1, alone=bool(figure))
        (outcome,) = execute_all([Job(copy, draft, values, canonical=False)])
        told: list[str] = []
        try:
            if draft.is_file():  # it is not if the kernel could not even start
                if not figure:
                    _page(draft, place, root / "book", told)
                _figures(draft, wanted, place, told)
            if keep and not outcome.error:
                evidence.keep(place.with_name(draft.name), keep)
                told.append(str(keep))
        finally:
            print("".join(f"{line}\n" for line in told), end="")
    if outcome.error:
        print(f"{name} failed\n{outcome.error}", file=sys.stderr)
    return 1 if outcome.error else 0


def drawn(notebook: Path, word: str = "") -> list[Drawn]:
    """The figures of a chapter, or those that a word means; a ValueError lists them all."""
    cells = [cell for cell in json.loads(notebook.read_text("utf-8"))["cells"] if _code(cell)]
    every = [Drawn(number, told["name"], told.get("caption", "")) for number, cell
             in enumerate(cells) if "name" in (told := figure_of(cell))]
    found = [one for one in every if one.answers(word)] if word else every
    if word and not found:
        listed = "".join(f"\n  {one.name}" + (f" (Fig. {', '.join(map(''.join, panels))})"
                         if (panels := one.panels.items()) else "") for one in every)
        raise ValueError(f"no figure {word!r} in {notebook.stem}; there are:{listed or ' none'}")
    return found


def _code(cell: Mapping) -> bool:
    """Whether there is something to execute."""
    return cell["cell_type"] == "code" and bool("".join(cell["source"]).strip())


def _copy(source: Path, wanted: Sequence[Drawn], folder: Path, first: int, alone: bool) -> Path:
    """The notebook with one more cell, which writes the figures into ``folder / "figures"``.

    Args:
        first: what is to be added to the number of a cell to get that of its output.
        alone: whether to leave out the cells that no figure needs.
    """
    notebook = json.loads(source.read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if _code(cell)]
    order = list(range(len(cells)))
    if alone:
        sources = ["".join(cell["source"]) for cell in cells]
        order = sorted({number for one in wanted for number in cells_behind(sources, one.cell)})
        notebook["cells"] = [cells[number] for number in order]
    outputs = ", ".join(f"{one.file!r}: Out.get({order.index(one.cell) + first})"
                        for one in wanted)
    if wanted:
        notebook["cells"].append({
            "cell_type": "code", "id": KEEP, "metadata": {}, "outputs": [],
            "execution_count": None, "source": "from lib.report.figures import keep\n\n"
            f"keep({{{outputs}}}, {str(folder / 'figures')!r})"})
    copy = folder / "source" / source.name
    copy.parent.mkdir()
    copy.write_text(json.dumps(notebook), "utf-8")
    return copy


def _page(draft: Path, place: Path, book: Path, told: list[str]) -> None:
    """Move an executed notebook and its page to where they belong; tell the verdicts."""
    told += [f"  {finding.key}: {finding!r}" for finding in findings(draft.parent, book)]
    notebook, page = json.loads(draft.read_text("utf-8")), draft.with_suffix(".html")
    notebook["cells"] = [cell for cell in notebook["cells"] if cell.get("id") != KEEP]
    part = draft.with_suffix(".part")
    part.write_text(json.dumps(notebook, indent=1, ensure_ascii=False), "utf-8")
    target = place.with_name(draft.name)
    os.replace(part, target)  # before the page, for which there may be no room
    told.append(str(target))
    page.write_text(leaf(target, book), "utf-8")
    os.replace(page, place.with_name(page.name))
    told.append(str(place.with_name(page.name)))
    for old in place.glob("fig-*"):
        old.unlink()


def _figures(draft: Path, wanted: Sequence[Drawn], place: Path, told: list[str]) -> None:
    """Move what was drawn to where it belongs; tell of it, or what is said in place of it."""
    cells = json.loads(draft.read_text("utf-8"))["cells"]
    for one in wanted:
        files = sorted((draft.parent / "figures").glob(f"{one.file}.*"))
        for file in files:
            place.mkdir(exist_ok=True)
            os.replace(file, place / file.name)
        kinds = ", ".join(file.suffix for file in files)
        told += [f"{place / one.file} ({kinds})"] if files else [
            f"{one.name}: {''.join(output['data']['text/plain'])}"
            for cell in cells if figure_of(cell).get("name") == one.name
            for output in cell["outputs"] if "text/plain" in output.get("data", {})]


def filename(chapter: str, values: Mapping[str, object]) -> str:
    """A name for the files of a run: the chapter and what was given, safe on every system.

    >>> filename("order_to_chaos", {"sigma_b": 0.5, "activation": "x*tanh(x)"})
    'order_to_chaos-sigma_b=0.5-activation=x_tanh_x_-37eb6e'
    """
    plain = "-".join([chapter, *(f"{name}={value}" for name, value in values.items())])
    name = re.sub(r"(?a)[^\w.=+-]+", "_", plain)
    if name == plain and len(name) <= NAME_LENGTH:
        return name
    return f"{name[:NAME_LENGTH]}-{sha256(plain.encode()).hexdigest()[:6]}"


def listing(root: Path = ROOT) -> int:
    """Print every chapter: name, title, run time and parameters, as the notebooks state them."""
    for path in chapters(root):
        parameters = declared(path)
        seconds = parameters.seconds({})
        print(f"{path.stem}\n  {title(path)}"
              f"{'' if isnan(seconds) else f' ({lasting(seconds)})'}")
        for parameter in parameters:
            line = f"{parameter.name}: {parameter.kind.__name__} = {parameter.default!r}"
            within = f" [{parameter.range}]" if parameter.range else ""
            print(f"    {line:<34}{parameter.help}{within}")
        for expression, reason in parameters.needs:
            print(f"    needs {expression}: {reason}")
    return 0
