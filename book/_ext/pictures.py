"""Sphinx extension: a page loads its pictures when they come into sight, in places kept for them.

Pixels that stand in a page as text, the frames of a slider, become files like the others.
"""
import re
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx

INLINE = re.compile(r'src="data:image/png;base64,([\w+/=]{100,})"')
SHOWN = re.compile(r'<img (?![^>]*loading=)([^>]*src="([^":]+/_images/[^"]+)"[^>]*)>')
POINTS = re.compile(r"""<svg[^>]*?\bwidth=['"]([\d.]+)pt['"][^>]*?\bheight=['"]([\d.]+)pt['"]""")


def place(app: Sphinx, error: Exception | None) -> None:
    """Go through all pages when they stand."""
    for page in Path(app.outdir).rglob("*.html") if error is None else ():
        folder = Path(app.outdir) / "_images"
        away = "../" * (len(page.relative_to(app.outdir).parts) - 1) or "./"

        def file(found: re.Match, folder: Path = folder, away: str = away) -> str:
            content = b64decode(found[1])
            name = f"{sha256(content).hexdigest()[:40]}.png"
            (folder / name).write_bytes(content)
            return f'src="{away}_images/{name}"'

        def lazy(found: re.Match, page: Path = page) -> str:
            rest = found[1].rstrip(" /")
            size = "" if " width=" in f" {rest}" else _size(page.parent / found[2])
            return f'<img loading="lazy"{size} {rest} />'

        text = page.read_text("utf-8")
        page.write_text(SHOWN.sub(lazy, INLINE.sub(file, text)), "utf-8")


def _size(path: Path) -> str:
    """Width and height as attributes, for the browser to keep the place."""
    if path.suffix == ".svg":
        found = POINTS.search(path.read_text("utf-8"))
        size = [float(one) * 96 / 72 for one in found.groups()] if found else []
    else:
        with Image.open(path) as image:
            size = image.size
    return ' width="{:.0f}" height="{:.0f}"'.format(*size) if size else ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", place, priority=900)  # after the pictures were copied
    return {"parallel_read_safe": True, "parallel_write_safe": True}
