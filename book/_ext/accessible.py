"""Sphinx extension: names and roles that the theme and its parts get wrong are put right.

A screen reader is told a label in place of the words that stand there, so that who speaks to the
page cannot name what is seen; one fold has no name; a list holds what is no item; every docstring
numbers its citations from 1, so that a page of many has each number several times.
"""
import re
from pathlib import Path

from sphinx.application import Sphinx

MENDED = {
    ' aria-label="Toggle hidden content"': "",  # "Show code cell source" stands there
    ' title="Search" aria-label="Search" data-bs-placement': ' title="Search" data-bs-placement',
    ' title="Light"></i>': "></i>", ' title="Dark"></i>': "></i>",  # of one button, "Color mode"
    ' title="System Settings"></i>': "></i>",
    '<summary><span class="toctree': '<summary aria-label="More pages"><span class="toctree',
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
}
CITED = re.compile(r'(<span class="bibtex-citation") id="id\d+"')


def mend(app: Sphinx, error: Exception | None) -> None:
    """Go through all pages when they stand."""
    for page in Path(app.outdir).rglob("*.html") if error is None else ():
        text = page.read_text("utf-8")
        for wrong, right in MENDED.items():
            text = text.replace(wrong, right)
        if 'href="#id' not in text:  # nothing leads to them
            text = CITED.sub(r"\1", text)
        page.write_text(text, "utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
