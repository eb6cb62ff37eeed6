"""Sphinx extension: {finding}`key` writes the number found for a claim, with a link to its row.

The number is that of the run which judges, so that a page on several chapters types none.
"""
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx.application import Sphinx

from lib.report.claims import scorecard


def finding(name: str, raw: str, key: str, line: int, inliner: Inliner, *rest: object
            ) -> tuple[list, list]:
    """The role; an unknown key is a warning."""
    app = inliner.document.settings.env.app
    if not hasattr(app, "findings"):
        app.findings = {one.key: one for one in scorecard(Path(app.srcdir) / "book")}
    if key not in app.findings:
        told = inliner.reporter.warning(f"no claim {key!r} in claims.toml", line=line)
        return [inliner.problematic(raw, raw, told)], [told]
    number = app.findings[key].number
    return [nodes.reference(raw, number, refuri=f"scorecard.html#{key}")], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_role("finding", finding)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
