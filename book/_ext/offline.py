"""Sphinx extension: nothing on the pages comes from another host.

Sphinx loads MathJax from another host by default. The package ``sphinx-mathjax-offline`` ships the
files; of its 24 MB this takes the one that needs no further fonts or files. Jupyter Book brings
along live cells ("thebe"), which could only work from another host; their scripts are left out.
"""
from importlib.metadata import files
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset

SCRIPT = "tex-svg-full.js"


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put MathJax beside the pages' other static files."""
    if error is None:
        # read from the record of installed files, as the package's name cannot be imported
        shipped = next(file for file in files("sphinx-mathjax-offline") if file.name == SCRIPT)
        copy_asset(shipped.locate(), Path(app.outdir) / "_static" / "mathjax")


def drop_live_cells(app: Sphinx, page: str, template: str, context: dict, tree: object) -> None:
    """Take the scripts of live cells off a page."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if "thebe" not in f"{vars(file)}".lower()]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.config.mathjax_path = f"mathjax/{SCRIPT}"
    app.connect("html-page-context", drop_live_cells, priority=900)  # after they were put there
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
