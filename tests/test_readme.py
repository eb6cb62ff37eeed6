"""The README shows what the book shows; ``python tests/test_readme.py`` draws it anew."""
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "book" / "images" / "overview.svg"
GLUED = "application/papermill.record/text/html"


def picture_of_the_book() -> str:
    """The map of chapters as the first chapter stores it for the front page."""
    notebook = json.loads((ROOT / "book" / "order_to_chaos.ipynb").read_text("utf-8"))
    pages = ["".join(output["data"][GLUED]) for cell in notebook["cells"]
             for output in cell.get("outputs", []) if GLUED in output.get("data", {})]
    (page,) = [page for page in pages if 'class="atlas"' in page]
    return re.search(r"<svg.*</svg>", page, re.DOTALL)[0] + "\n"


def test_picture_is_that_of_the_book():
    assert PICTURE.read_text("utf-8") == picture_of_the_book(), "python tests/test_readme.py"


def test_every_file_named_exists():
    text = (ROOT / "README.md").read_text("utf-8")
    named = re.findall(r"\]\(([^)#:]+)\)", text)
    assert named and all((ROOT / name).exists() for name in named)


if __name__ == "__main__":
    PICTURE.write_text(picture_of_the_book(), "utf-8")
