"""Sphinx extension: the scripts of the laboratory and of the front page, only where one is.

The files are classic scripts, loaded in this order, since browsers refuse modules from a file.
"""
from docutils import nodes
from sphinx.application import Sphinx

NUMBERS = ("lab/jets", "lab/formula", "lab/theory", "lab/network")
PAGES = {"laboratory": "lab/laboratory", "hero": "hero"}  # by the class of a container


def add_scripts(app: Sphinx, page: str, template: str, context: dict, tree: nodes.document | None
                ) -> None:
    """Load them after the page, which shows a picture until then."""
    found = {name for one in (tree.findall(nodes.container) if tree else ())
             for name in one["classes"]}
    for last in (PAGES[name] for name in PAGES if name in found):
        for name in (*NUMBERS, last):
            app.add_js_file(f"{name}.js", loading_method="defer")
        app.add_css_file(f"{last}.css")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
