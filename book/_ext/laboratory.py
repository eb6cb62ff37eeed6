"""Sphinx extension: the scripts of the laboratory, on the pages that have one and no others.

The files are classic scripts, loaded in this order, since browsers refuse modules from a file.
"""
from docutils import nodes
from sphinx.application import Sphinx

SCRIPTS = ("jets", "formula", "theory", "network", "laboratory")


def add_scripts(app: Sphinx, page: str, template: str, context: dict, tree: nodes.document | None
                ) -> None:
    """Load them after the page, which shows a picture until then."""
    if tree and any("laboratory" in one["classes"] for one in tree.findall(nodes.container)):
        for name in SCRIPTS:
            app.add_js_file(f"lab/{name}.js", loading_method="defer")
        app.add_css_file("lab/laboratory.css")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
