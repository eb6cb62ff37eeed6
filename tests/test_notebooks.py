"""The rules of a chapter, beside what nbval compares.

nbval passes a notebook that was never executed, sees no figure drawn as PNG, and compares whatever
digits are shown. These rules close the gaps and keep chapters short and readable. Each is a
function from a notebook to a list of complaints; the tests at the end feed it a fault.
"""
import ast
import copy
import json
import re
import tomllib
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from nbval.plugin import get_sanitize_patterns
from PIL import Image

from lib.report.execute import titled
from lib.report.leaf import figure
from lib.report.site import chapters
from lib.report.parameters import parse

ROOT = Path(__file__).parents[1]
CLAIMS = tomllib.loads((ROOT / "book" / "claims.toml").read_text("utf-8"))

FILE_BYTES, COLUMNS, FOLDED_COLUMNS, PARAMETERS = 500_000, 76, 99, 8
CELL_LINES, FREE_LINES, FIGURE_LINES, DRAW_LINES = 10, 25, 7, 2
SHUFFLES = re.compile(r"\b(moveaxis|swapaxes|transpose)\b")  # of axes, before a reader's eyes
KNOWN = {"parameters", "opening", "another-sample"}  # beside those that hide
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
LONG_DECIMAL = re.compile(r"(?<![\d.])(?:0?\.0*[1-9]\d{7,}|[1-9]\d*\.\d{8,})")  # 8 digits or more
SVG_OR_DATA = re.compile(r"<svg.*?</svg>|data:[^\"')]*", re.DOTALL)


def code(notebook: dict) -> list[dict]:
    """Code cells of a notebook."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def tags(cell: dict) -> set[str]:
    """Tags of a cell."""
    return set(cell["metadata"].get("tags", []))


def text(source: str | list[str]) -> str:
    """A multi-line string of a notebook file, which may be stored as a list."""
    return "".join(source)


def shown(cell: dict) -> list[dict]:
    """What a cell's outputs hold, by MIME type."""
    return [output["data"] for output in cell["outputs"] if "data" in output]


def lines(cell: dict) -> list[str]:
    """Lines of code of a cell, without blank lines and comments."""
    return [line for line in text(cell["source"]).splitlines()
            if line.strip() and not line.strip().startswith("#")]


def draws(cell: dict) -> bool:
    """Whether the cell shows a figure."""
    return any(kind.startswith("image/") or "<svg" in text(data.get("text/html", ""))
               for data in shown(cell) for kind in data)


def execution_faults(notebook: dict) -> list[str]:
    """Not executed from top to bottom in one go, or not stored and compared as all others."""
    cells, faults = code(notebook), []
    counts = [cell["execution_count"] for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        faults.append(f"executed in the order {counts}; make refresh")
    for number, cell in enumerate(cells, start=1):
        if any(output["output_type"] == "error" for output in cell["outputs"]):
            faults.append(f"cell [{number}] shows an error")
        if not all(data and all(data.values()) for data in shown(cell)):
            faults.append(f"cell [{number}] has an empty output")
        faults += [f"cell [{number}] is tagged {tag}" for tag in tags(cell) - KNOWN - HIDDEN]
        traces = set(cell["metadata"]) & {"execution", "papermill"}
        faults += [f"cell [{number}] carries {trace} metadata" for trace in sorted(traces)]
    extra = set(notebook["metadata"]) - {"kernelspec", "language_info"}
    faults += [f"metadata hold {name}; make refresh" for name in sorted(extra)]
    return faults


def parameter_faults(notebook: dict) -> list[str]:
    """Parameters that papermill and a reader would not understand."""
    tagged = [cell for cell in code(notebook) if "parameters" in tags(cell)]
    if tagged != code(notebook)[:1]:
        return ["the first code cell, and no other, is tagged parameters"]
    try:
        names = [parameter.name for parameter in parse(text(tagged[0]["source"]))]
    except (ValueError, TypeError) as problem:
        return [str(problem)]
    faults = [] if len(names) <= PARAMETERS else [f"{len(names)} parameters, at most {PARAMETERS}"]
    if "seed" in names[:-1]:
        faults.append("seed is not the last parameter")
    return faults


def code_faults(notebook: dict) -> list[str]:
    """Code that a reader would have to scroll, or that belongs into lib."""
    faults, total = [], 0
    for number, cell in enumerate(code(notebook), start=1):
        source = text(cell["source"])
        columns = FOLDED_COLUMNS if tags(cell) & HIDDEN else COLUMNS
        wide = [line for line in source.splitlines() if len(line) > columns]
        faults += [f"cell [{number}] is wider than {columns}: {line}" for line in wide]
        if source.rstrip().endswith(";"):
            faults.append(f"cell [{number}] ends in ;, which hides nothing from nbval")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                if node.name != "draw" or node.end_lineno - node.lineno > DRAW_LINES:
                    faults.append(f"cell [{number}] defines {node.name}; put it into lib")
        if tags(cell) & (HIDDEN | {"parameters"}):
            continue
        total += len(lines(cell))
        if len(lines(cell)) > CELL_LINES:
            faults.append(f"cell [{number}] has {len(lines(cell))} lines, at most {CELL_LINES}")
        if SHUFFLES.search(source):
            faults.append(f"cell [{number}] shuffles axes; fold it, or let lib do it")
    figures = sum(draws(cell) for cell in code(notebook))
    most = FREE_LINES + FIGURE_LINES * figures
    if total > most:
        faults.append(f"{total} visible lines for {figures} figures, at most {most}")
    return faults


class Pictures(HTMLParser):
    """Counts the pictures in a piece of HTML that say nothing to those who cannot see them."""

    silent = 0

    def handle_starttag(self, tag: str, attributes: list) -> None:
        """Look at one element."""
        given = dict(attributes)
        if tag == "img" or (tag == "svg" and given.get("aria-hidden") != "true"):
            self.silent += not (given.get("alt") or given.get("aria-label"))


def figure_faults(notebook: dict) -> list[str]:
    """Figures without a text that says what they show, or in the place of another."""
    faults = []
    for number, cell in enumerate(code(notebook), start=1):
        told = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        for data in shown(cell):
            if "image/png" in data:
                title = Image.open(BytesIO(b64decode(data["image/png"]))).text.get("Title")
                if title != figure(cell).get("name"):
                    faults.append(f"cell [{number}] shows {title}; make refresh")
        if any(kind.startswith("image/") for data in shown(cell) for kind in data) and not told:
            faults.append(f"cell [{number}]: a figure without mystnb.image.alt")
        pictures = Pictures()
        for data in shown(cell):
            pictures.feed(text(data.get("text/html", "")))
        if pictures.silent:
            faults.append(f"cell [{number}]: a picture without alt or aria-label")
    return faults


def digit_faults(notebook: dict) -> list[str]:
    """Numbers with more digits than anybody stands for."""
    faults = []
    for number, cell in enumerate(code(notebook), start=1):
        texts = [text(data[kind]) for data in shown(cell) for kind in ("text/plain", "text/html")
                 if kind in data]
        texts += [text(output["text"]) for output in cell["outputs"] if "text" in output]
        for told in texts:
            long = LONG_DECIMAL.search(SVG_OR_DATA.sub("", told))
            if long:
                faults.append(f"cell [{number}] shows {long[0]}; round to what is known")
    return faults


def claim_faults(notebook: dict) -> list[str]:
    """Claims signed that book/claims.toml does not have."""
    keys = []
    for cell in code(notebook):
        for node in ast.walk(ast.parse(text(cell["source"]))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called == "claim":  # the first edition's
                keys.append(node.args[0] if node.args else None)
            elif called == "claim.all":
                keys += node.args[0].keys if isinstance(node.args[0], ast.Dict) else [None]
    keys = [key.value if isinstance(key, ast.Constant) else None for key in keys]
    return [f"no claim {key!r} in claims.toml" for key in keys if key not in CLAIMS]


RULES = [execution_faults, parameter_faults, code_faults,
         figure_faults, digit_faults, claim_faults]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_chapter(path, rule):
    assert rule(json.loads(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_file_is_small(path):
    assert path.stat().st_size < FILE_BYTES


def test_every_notebook_is_in_the_table_of_contents():
    assert set((ROOT / "book").glob("*.ipynb")) == set(chapters())


DOT = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJg"
       "gg==")  # a PNG of one pixel
GOOD = {
    "metadata": {"kernelspec": {}, "language_info": {}},
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
        {"cell_type": "code", "execution_count": 1, "outputs": [],
         "metadata": {"tags": ["parameters"]},
         "source": ["sigma_w: float = 1.5  # weights\n", "seed: int = 0  # of the generator"]},
        {"cell_type": "code", "execution_count": 2, "source": "plt.show()",
         "metadata": {"mystnb": {"image": {"alt": "A line."}, "figure": {"name": "fig-a"}}},
         "outputs": [{"output_type": "display_data", "data": {
             "image/svg+xml": "<svg>0.123456789</svg>", "text/plain": "<Figure>"}}]},
    ],
}


def spoilt(**changes: object) -> dict:
    """The good notebook with other fields in its last cell."""
    notebook = copy.deepcopy(GOOD)
    notebook["cells"][-1] |= changes
    return notebook


def with_parameters(source: str) -> dict:
    """The good notebook with another parameters cell."""
    notebook = copy.deepcopy(GOOD)
    notebook["cells"][1]["source"] = source
    return notebook


def result(**data: str) -> list[dict]:
    """Outputs with one result, its types written with _ for /."""
    return [{"output_type": "execute_result",
             "data": {kind.replace("_", "/"): value for kind, value in data.items()}}]


def test_a_good_notebook_passes():
    assert [fault for rule in RULES for fault in rule(GOOD)] == []
    assert figure_faults(spoilt(outputs=result(image_png=titled(DOT, "fig-a")))) == []
    assert digit_faults(spoilt(outputs=result(text_plain="0.00012345 1.2345678 4e-12"))) == []


@pytest.mark.parametrize("rule, notebook, fault", [
    (execution_faults, spoilt(execution_count=None), "executed in the order [1, None]"),
    (execution_faults, spoilt(execution_count=7), "executed in the order [1, 7]"),
    (execution_faults, spoilt(outputs=[{"output_type": "error"}]), "shows an error"),
    (execution_faults, spoilt(outputs=result(text_plain="")), "empty output"),
    (execution_faults, spoilt(outputs=result()), "empty output"),
    (execution_faults, spoilt(metadata={"tags": ["nbval-ignore-output"]}), "is tagged nbval"),
    (execution_faults, spoilt(metadata={"execution": {}}), "carries execution metadata"),
    (execution_faults, GOOD | {"metadata": {"papermill": {}}}, "metadata hold papermill"),
    (parameter_faults, spoilt(metadata={"tags": ["parameters"]}), "and no other"),
    (parameter_faults, with_parameters("x = 1  # bare"), "not of the form"),
    (parameter_faults, with_parameters("x: int = 1"), "not of the form"),
    (parameter_faults, with_parameters("seed: int = 1  # s\nx: int = 1  # x"), "not the last"),
    (parameter_faults, with_parameters("\n".join(f"x{i}: int = 1  # x" for i in range(9))),
     "9 parameters"),
    (code_faults, spoilt(source="x = " + "1 + " * 20 + "1"), "wider than 76"),
    (code_faults, spoilt(source="plot(x);"), "ends in ;"),
    (code_faults, spoilt(source="def helper(x):\n    return x"), "defines helper"),
    (code_faults, spoilt(source="def draw(x):\n    x\n    x\n    x"), "defines draw"),
    (code_faults, spoilt(source="x = 1\n" * 11), "has 11 lines, at most 10"),
    (code_faults, spoilt(source="x = 1\n" * 33), "33 visible lines for 1 figures, at most 32"),
    (code_faults, spoilt(source="x = np.moveaxis(y, 0, 1)"), "shuffles axes"),
    (figure_faults, spoilt(metadata={}), "without mystnb.image.alt"),
    (figure_faults, spoilt(outputs=result(image_png=DOT)), "shows None"),
    (figure_faults, spoilt(outputs=result(image_png=titled(DOT, "fig-b"))), "shows fig-b"),
    (figure_faults, spoilt(outputs=result(text_html="<svg></svg>")), "aria-label"),
    (figure_faults, spoilt(outputs=result(text_html="<img src='x'>")), "aria-label"),
    (digit_faults, spoilt(outputs=result(text_plain="0.012345678")), "shows 0.0123"),
    (digit_faults, spoilt(outputs=result(text_html="<p>1.123456789</p>")), "shows 1.123456789"),
    (digit_faults, spoilt(outputs=[{"output_type": "stream", "text": "2.123456789"}]), "shows 2."),
    (claim_faults, spoilt(source='claim("no-such-claim", 1.0, 0.1)'), "'no-such-claim'"),
    (claim_faults, spoilt(source="claim(key, 1.0, 0.1)"), "no claim None"),
    (claim_faults, spoilt(source='claim.all({"no-such-claim": x})'), "'no-such-claim'"),
    (claim_faults, spoilt(source='claim.all({"q-star-low": x, **more})'), "no claim None"),
    (claim_faults, spoilt(source="claim.all(found)"), "no claim None"),
])
def test_a_fault_is_found(rule, notebook, fault):
    assert any(fault in told for told in rule(notebook))


def sanitised(told: str) -> str:
    """A text as nbval compares it."""
    for pattern, replacement in get_sanitize_patterns((ROOT / "tests/nbval.cfg").read_text()):
        told = re.sub(pattern, replacement, told)
    return told


@pytest.mark.parametrize("stored, new, same", [
    ('url(#p3f2a9c0d1e)', 'url(#p0123456789)', True),
    ('q = 1.23456', 'q = 1.23457', False),
    ('(0.123, 0.12345)', '(0.123, 0.12346)', False),
    ('<f at 0x7f0a1b2c3d4e>', '<f at 0x7f0000000000>', True),
    ('/tmp/ipykernel_12/345.py:1: Warn', '/tmp/ipykernel_67/890.py:1: Warn', True),
])
def test_nbval_overlooks_noise_and_nothing_else(stored, new, same):
    assert (sanitised(stored) == sanitised(new)) is same
