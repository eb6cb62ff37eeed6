"""Sphinx extension: the pages made of the docstrings of `lib`.

``<!-- modules lib.theory -->`` on a page stands for the modules of that package, so a new module
needs no edit here or there. Each ``[key]`` of a docstring becomes a citation, so a source that is
not in the bibliography is a warning.
"""
import importlib
import pkgutil
import re

from sphinx.application import Sphinx

import lib

MARK = re.compile(r"<!-- modules ([\w.]+) -->")
OUR_SECTION = re.compile(r"^(\s*)(Accuracy|Source):")
CITATION = re.compile(r"\[([a-z]+\d{4}[a-z]*)\](?!_)")


def list_modules(app: Sphinx, page: str, text: list[str]) -> None:
    """Write a section for each module of a package in place of the mark on a page."""
    text[0] = MARK.sub(_sections, text[0])


def _sections(mark: re.Match) -> str:
    package = importlib.import_module(mark[1])
    names = [found.name for found in pkgutil.iter_modules(package.__path__, f"{mark[1]}.")
             if not found.ispkg and not found.name.endswith("__main__")]
    return "\n".join([_documented(mark[1])] * (package is not lib)
                     + [f"## `{name}`\n\n{_documented(name)}" for name in names])


def _documented(name: str) -> str:
    return f"```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n"


def prepare(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
            ) -> None:
    """Set the sections that napoleon does not know as fields, sources as citations, code as code.

    Of a property napoleon takes what stands before a colon in the first line for its type.
    """
    text, inside = ["\\"] * (what == "property"), ""
    for line in lines:
        if what == "module" and line.startswith("    ") and "`" not in line and not text[-1] \
                and not text[-2].startswith("    ") and not text[-2].endswith("::"):
            text += ["::", ""]  # a block of code begins
        found = OUR_SECTION.match(line)
        if found:
            line = OUR_SECTION.sub(r"\n\1:\2:", line, count=1)
        elif inside and line.strip():  # the rest of a field stands further in
            line = f"    {line}"
        inside = line.strip() and (found or inside)
        text.append(CITATION.sub(r":cite:t:`\1`", line))
    lines[:] = "\n".join(text).split("\n")


def skip(app: Sphinx, what: str, name: str, obj: object, skipped: bool, options: object
         ) -> bool | None:
    """Leave out what others wrote: the fields of named tuples, and what a module only imports.

    Of the latter Sphinx would leave out as much, but would read its source first.
    """
    home = getattr(obj, "__module__", None) or "lib"
    imported = what == "module" and not home.startswith("lib")
    return True if imported or (obj.__doc__ or "").startswith("Alias for field") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", list_modules)
    app.connect("autodoc-process-docstring", prepare, priority=100)  # napoleon has 500
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
