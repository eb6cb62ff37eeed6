"""One executed notebook as one page that needs nothing else: no network, no other file."""
from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING

from lib.report.claims import BANNER, OWN

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

SHOWN = ("text/html", "image/svg+xml", "image/png", "text/plain")  # the first there is
MATH = re.compile(r"<eq>|<eqn>|\\\(|\\\[")
NUMBERED = re.compile(r"\{numref\}`([\w-]+)`")
FENCE = re.compile(r"\{(admonition|dropdown)\}\s*(.*)")
PASTED = re.compile(r"^(```\{glue|:::\{container).*?^(```|:::)\n?", re.DOTALL | re.MULTILINE)
ELSEWHERE = re.compile(r'<a href="[\w-]+(/[\w-]+)?\.html[^"]*">')
STYLE = """
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
       font-family: system-ui, sans-serif; color: #222; background: white; }
pre { padding: .6rem .8rem; overflow-x: auto; background: #f5f5f5; font-size: .85rem; }
pre.error { background: #fbe9e7; }
img, svg { max-width: 100%; height: auto; }
figure { margin: 1rem 0; } figcaption { font-size: .9rem; color: #444; }
table { border-collapse: collapse; font-size: .9rem; }
td, th { padding: .3rem .6rem; border-bottom: 1px solid #ddd; text-align: left; }
.admonition { margin: 1rem 0; padding: .1rem 1rem; border-left: .3rem solid #4b5f9e; }
.admonition-title { font-weight: 600; }
a.far { color: inherit; text-decoration: none; }
.own { color: #767676; border-left: .2rem solid #bbb; padding-left: .5rem; }
.own::before { content: "not of this run: "; font-size: .8rem; font-variant: small-caps; }
"""
END = "</(?:p|li|td|figcaption)>"
BROKEN = OWN.replace(" ", r"\s")  # a line of the source may end inside
SAID = re.compile(rf"(<(?:p|li)>)?((?:<(?:em|strong)>)?{BROKEN}.*?)(?={END})", re.DOTALL)


def leaf(notebook: Path, book: Path) -> str:
    """The page of an executed notebook; formulas, figures and sliders work from a file, offline.

    Args:
        notebook: an .ipynb file.
        book: folder of the book, for its style sheet.
    """
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    markdown = _markdown()
    figures = [figure(cell).get("name", "") for cell in cells if figure(cell)]
    numbers = {name: f"Figure {place}" for place, name in enumerate(figures, start=1) if name}
    away = any(BANNER in str(cell.get("outputs")) for cell in cells)
    own = f"{OWN}: " if away else ""
    body = "\n".join(part for cell in cells for part in _cell(cell, markdown, numbers, own))
    if away:
        body = SAID.sub(_not_of_this_run, body)
    title = re.search(r"<h1>(.*?)</h1>", body)
    sheet = Path(book) / "_static" / "custom.css"
    css = STYLE + (sheet.read_text("utf-8") if sheet.is_file() else "")
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title[1] if title else notebook.stem}</title><style>{css}</style>"
            f"{_mathjax() if MATH.search(body) else ''}</head>\n<body>{body}</body></html>\n")


def title(notebook: Path) -> str:
    """Title of a chapter, by its first cell; else the name of its file."""
    first = json.loads(notebook.read_text("utf-8"))["cells"][0]
    found = re.search(r"^# +(.+)", "".join(first["source"]), re.MULTILINE)
    return found[1] if found and first["cell_type"] == "markdown" else notebook.stem


def _not_of_this_run(said: re.Match) -> str:
    """A paragraph, or the rest of one, that speaks of the chapter's own parameters, marked."""
    opening, text = said.groups()
    if opening:
        return f'{opening[:-1]} class="own">{text}'
    return f'<span class="own">{text}</span>'


def figure(cell: Mapping) -> Mapping:
    """What a cell says of its figure: name and caption."""
    return cell["metadata"].get("mystnb", {}).get("figure", {})


def _cell(cell: Mapping, markdown: MarkdownIt, numbers: Mapping[str, str], own: str = ""
          ) -> Iterator[str]:
    """The pieces of HTML of one cell; figures are numbered by their names.

    Args:
        own: stands before what is told of a picture to those who cannot see it.
    """
    source, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
    if cell["cell_type"] == "markdown":
        yield markdown.render(NUMBERED.sub(
            lambda told: f"[{numbers.get(told[1], 'the figure')}](#{told[1]})",
            PASTED.sub("", source)))
    if cell["cell_type"] != "code" or "remove-cell" in tags:
        return
    if source and "remove-input" not in tags:
        code = f"<pre><code>{escape(source)}</code></pre>"
        hidden = "hide-input" in tags or "hide-cell" in tags
        yield f"<details><summary>code</summary>{code}</details>" if hidden else code
    alt = own + cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
    shown = "".join(_output(output, alt) for output in cell["outputs"])
    caption, name = (figure(cell).get(key, "") for key in ("caption", "name"))
    number = f"<em>{numbers[name]}.</em> " if name else ""
    yield f'<figure id="{escape(name)}">{shown}<figcaption>{number}' \
        f"{markdown.renderInline(caption)}</figcaption></figure>" if caption else shown


def _output(output: Mapping, alt: str) -> str:
    """One output in the best form there is."""
    if output["output_type"] == "stream":
        return f"<pre>{escape(''.join(output['text']))}</pre>"
    if output["output_type"] == "error":
        return f'<pre class="error">{escape(output["ename"])}: {escape(output["evalue"])}</pre>'
    kind = next((kind for kind in SHOWN if kind in output["data"]), None)
    content = "".join(output["data"][kind]) if kind else ""
    if kind == "text/html":
        return ELSEWHERE.sub('<a class="far">', content)
    if kind == "image/svg+xml":  # not in line: two drawings may use the same identifiers
        content = b64encode(content.encode()).decode()
    if kind and kind.startswith("image/"):
        return f'<img alt="{escape(alt)}" src="data:{kind};base64,{content}">'
    return f"<pre>{escape(content)}</pre>" if kind else ""


def _markdown() -> MarkdownIt:
    """The dialect of the chapters: formulas, colon fences, and links to chapters as plain text."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.colon_fence import colon_fence_plugin
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from mdit_py_plugins.myst_blocks import myst_block_plugin

    markdown = MarkdownIt("commonmark", {"linkify": False}).enable("table")
    markdown.use(dollarmath_plugin, double_inline=True, renderer=_formula)
    markdown.use(colon_fence_plugin)
    markdown.use(myst_block_plugin)

    def fence(self: object, tokens: list, index: int, options: object, env: object) -> str:
        return _fence(tokens[index].info, tokens[index].content, markdown)

    def link(self: object, tokens: list, index: int, options: object, env: object) -> str:
        address = str(tokens[index].attrs["href"])
        near = "://" not in address and not address.startswith("#")  # another page of the book
        return '<a class="far">' if near else f'<a href="{escape(address)}">'

    markdown.add_render_rule("colon_fence", fence)
    markdown.add_render_rule("link_open", link)
    for unseen in ("myst_line_comment", "myst_target"):
        markdown.add_render_rule(unseen, lambda *token: "")
    return markdown


def _formula(content: str, options: Mapping) -> str:
    return escape(f"\\[{content}\\]" if options["display_mode"] else f"\\({content}\\)")


def _fence(info: str, content: str, markdown: MarkdownIt) -> str:
    """A note or a folded solution."""
    lines = content.splitlines()
    while lines and lines[0].startswith(":"):  # options, of the look
        del lines[0]
    inner, known = markdown.render("\n".join(lines)), FENCE.match(info.strip())
    if not known:
        return inner
    title = markdown.renderInline(known[2])
    if known[1] == "dropdown":
        return f"<details><summary>{title}</summary>{inner}</details>"
    return f'<div class="admonition"><p class="admonition-title">{title}</p>{inner}</div>'


def _mathjax() -> str:
    """The script that sets formulas, in the page itself."""
    shipped = next(file for file in files("sphinx-mathjax-offline")
                   if file.name == "tex-svg-full.js")  # the one that needs no further file
    script = Path(str(shipped.locate())).read_text("utf-8").replace("</script", r"<\/script")
    return f"<script>{script}</script>"
