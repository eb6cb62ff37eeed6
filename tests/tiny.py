"""A project of one tiny chapter, for the tests of the commands that execute chapters."""
from collections.abc import Sequence
from pathlib import Path

import nbformat

CONTENTS = "format: jb-book\nroot: book/intro\nchapters:\n  - file: book/tiny\n"
CLAIMS = """
[twice]
says = "Twice σ_w."
source = "poole2016, Fig. 1"
kind = "paper"
range_from = "figure"
chapter = "tiny"
low = 2
high = 4
at = { name = "tanh" }

[counted]
says = "The seed."
source = "derived here, beside poole2016, Fig. 2"
kind = "ours"
range_from = "theory"
chapter = "tiny"
low = 0
"""
PARAMETERS = """sigma_w: float = 1.5  # of the weights [0..5]
name: str = "tanh"  # which nonlinearity [tanh|relu]
fresh: bool = True  # new weights
seed: int = 7  # of the random numbers [0..]
# seconds 2 + 1000 * (seed == 99)"""
IMPORTS = """from pathlib import Path
from lib.report.claims import Claims
claim = Claims("tiny", globals(), Path({book!r}))"""
CELLS = ['claim.all({"twice": (2 * sigma_w, 0.1)}, figure="A")',
         'claim.all({"counted": (seed, 0)})']
FIGURE = """from lib.report.figures import lines
lines([0, 1, 2], {"one": [0, 1, sigma_w], "other": [seed, 1, 0]})"""
CAPTION = "Two lines (Fig. 2C, D of Poole et al.)."
TEXT = "# A tiny chapter\n\n$x^2$, [a link](other.ipynb).\n\n" \
       ":::{dropdown} Solution\n`x`\n:::\n\n## More"


def project(root: Path, cells: Sequence[str] = CELLS) -> Path:
    """A project in this folder, with one chapter of these code cells behind the usual two."""
    book = root / "book"
    book.mkdir(exist_ok=True)
    (root / "_toc.yml").write_text(CONTENTS, "utf-8")
    (book / "claims.toml").write_text(CLAIMS, "utf-8")
    sources = [PARAMETERS, IMPORTS.format(book=str(book)), *cells]
    made = [nbformat.v4.new_code_cell(source) for source in sources]
    made[0].metadata["tags"] = ["parameters"]
    for number, cell in enumerate(made):
        if "lib.report.figures" in cell.source:
            cell.metadata["mystnb"] = {"figure": {"name": f"fig-{number}", "caption": CAPTION}}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(TEXT), *made], metadata=kernel)
    nbformat.write(notebook, book / "tiny.ipynb")
    return root


def texts(notebook: Path) -> list[str]:
    """What the results of an executed notebook show as text."""
    cells = nbformat.read(notebook, as_version=4).cells
    return [output.data["text/plain"] for cell in cells for output in cell.get("outputs", [])
            if output.output_type == "execute_result"]
