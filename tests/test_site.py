"""The built pages: links lead somewhere, pictures speak, nothing comes from another host."""
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zipfile import ZipFile

import pytest

from lib.report.claims import scorecard
from lib.report.site import ROOT, BuildError, _archive, _picture, build
from tests.tiny import project

SCRIPTS = ("jets", "formula", "theory", "network")  # each needs those before it
PLAYED = {"laboratory": {"laboratory", "order_to_chaos", "your_own_nonlinearity"},
          "hero": {"intro"}}

LOADING = {  # what a browser fetches by itself
    "script": "src", "img": "src", "source": "src", "iframe": "src", "embed": "src",
    "video": "src", "audio": "src", "object": "data", "use": "href", "image": "href",
}
LOADING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch",
                 "modulepreload", "manifest"}
FROM_CSS = re.compile(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)")


class Page(HTMLParser):
    """What a page links to, loads, and offers as anchors; and its pictures without a text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.links, self.loads, self.anchors, self.silent = path, [], [], set(), []
        self.styles = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list) -> None:
        """Look at one element."""
        given = {name: value or "" for name, value in attributes}
        self.styles = tag == "style"
        self.anchors.update(given[name] for name in ("id", "name") if given.get(name))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and LOADING_LINKS & set(given.get("rel", "").lower().split()):
            self.loads.append(given.get("href", ""))
        if tag in LOADING:
            self.loads.append(given.get(LOADING[tag]) or given.get("xlink:href", ""))
        self.loads += [part.split()[0] for part in given.get("srcset", "").split(",") if part]
        self.loads += from_css(given.get("style", ""))
        if tag == "img" and not says_something(given.get("alt", ""), given.get("src", "")):
            self.silent.append(given.get("src", "img"))
        if tag == "svg" and given.get("aria-hidden") != "true" and not given.get("aria-label"):
            self.silent.append("svg")

    def handle_data(self, data: str) -> None:
        """Look at the rules of a style element."""
        if self.styles:
            self.loads += from_css(data)


seen = cache(Page)  # a page is read once, whoever asks


def says_something(text: str, file: str) -> bool:
    """Whether an alternative text is one; by default it is the file's name."""
    return bool(text.strip()) and Path(file).name not in text


def from_css(rules: str) -> list[str]:
    """Addresses that style rules load."""
    return [first or second for first, second in FROM_CSS.findall(rules)]


def outside(address: str) -> bool:
    """Whether an address names a host."""
    return bool(urlsplit(address).netloc)


def complaints(folder: Path) -> list[str]:
    """Everything that is wrong with the pages in a folder."""
    pages = {path.resolve(): seen(path) for path in folder.rglob("*.html")
             if "_static" not in path.relative_to(folder).parts}
    found = []
    for page in pages.values():
        where = page.path.relative_to(folder)
        found += [f"{where}: a picture without a text: {name}" for name in page.silent]
        found += [f"{where}: loads {address}" for address in page.loads if outside(address)]
        for link in {*page.links, *page.loads}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path \
                else page.path.resolve()
            if not target.exists():
                found.append(f"{where}: leads nowhere: {link}")
            elif parts.fragment and target in pages \
                    and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{where}: no such anchor: {link}")
    for path in folder.rglob("*.css"):
        found += [f"{path.relative_to(folder)}: loads {address}"
                  for address in from_css(path.read_text("utf-8")) if outside(address)]
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages built from the stored outputs, warnings being errors."""
    return build(ROOT / "book", tmp_path_factory.mktemp("site"))


@pytest.mark.slow
def test_pages_are_sound(site):
    assert complaints(site) == []


@pytest.mark.slow
def test_formulas_are_drawn_by_a_local_script(site):
    for path in (site / "book").glob("*.html"):
        page = seen(path)
        scripts = [address for address in page.loads if "mathjax" in address.lower()]
        if 'class="math' in path.read_text("utf-8"):
            assert scripts, f"{path.name} has formulas and no MathJax"
        assert all((path.parent / urlsplit(address).path).exists() for address in scripts)


@pytest.mark.slow
def test_every_module_is_documented(site):
    text = "".join(path.read_text("utf-8") for path in (site / "book").rglob("api*/*.html"))
    text += (site / "book" / "api.html").read_text("utf-8")
    for path in (ROOT / "lib").rglob("*.py"):
        if not path.stem.startswith("__"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            assert f'id="module-{module}"' in text


@pytest.mark.slow
def test_a_number_on_a_page_is_that_of_the_run_that_judges(site):
    found = {one.key: one.number for one in scorecard()}
    shown = re.findall(r'href="scorecard.html#([\w-]+)">([^<]+)</a>',
                       (site / "book" / "findings.html").read_text("utf-8"))
    assert len(shown) > 10 and all(found[key] == number for key, number in shown)


@pytest.mark.slow
def test_pages_are_light_and_load_pictures_when_they_come_into_sight(site):
    for path in (site / "book").glob("*.html"):
        text = path.read_text("utf-8")
        assert len(text.encode()) < 450_000, path.name
        shown = re.findall("<img [^>]*_images/[^>]*>", text)
        assert all('loading="lazy"' in one and " width=" in one for one in shown), path.name


def test_the_archive_is_the_project_without_what_it_makes(tmp_path):
    _archive(ROOT, tmp_path / "all.zip")
    with ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path)
        names = archive.namelist()
    assert not [name for name in names if "/." in name or "__pycache__" in name]
    listed = subprocess.run([sys.executable, "-m", "lib", "list"], cwd=tmp_path / "companion",
                            capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."})
    assert "From order to chaos" in listed.stdout and not listed.stderr


def test_a_figure_of_a_chapter_becomes_a_file(tmp_path):
    cell = {"cell_type": "code", "metadata": {"mystnb": {"figure": {"name": "fig-a"}}},
            "outputs": [{"data": {"image/svg+xml": ["<svg>", "</svg>"]}}]}
    (tmp_path / "one.ipynb").write_text(json.dumps({"cells": [cell]}), "utf-8")
    _picture(tmp_path, "images/one/fig-a.svg", "one", "fig-a", "svg")
    assert (tmp_path / "images/one/fig-a.svg").read_text("utf-8") == "<svg></svg>"
    for name, kind in ("fig-a", "png"), ("fig-b", "svg"):
        with pytest.raises(BuildError, match="one.ipynb has no such figure"):
            _picture(tmp_path, "images/one/x", "one", name, kind)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYED)
def test_scripts_are_on_the_pages_that_play_and_on_no_others(site, name):
    for path in (site / "book").rglob("*.html"):
        loads = [Path(urlsplit(one).path) for one in seen(path).loads]
        here = path.parent.name == "book" and path.stem in PLAYED[name]
        assert (f'class="{name}' in path.read_text("utf-8")) is here
        assert ([one.stem for one in loads if one.suffix == ".js" and (
            one.parent.name == "lab" or one.stem == name)] == [*SCRIPTS, name]) is here
        assert (f"{name}.css" in [one.name for one in loads]) is here


@pytest.mark.slow
@pytest.mark.parametrize("address", ["", "https://github.com/someone/companion"])
def test_buttons_follow_from_the_repository_s_address(tmp_path, address):
    project(tmp_path)
    config = (ROOT / "_config.yml").read_text("utf-8")
    assert config.count('\n  url: ""') == 1
    (tmp_path / "_config.yml").write_text(config.replace('url: ""', f'url: "{address}"'), "utf-8")
    shutil.copytree(ROOT / "book" / "_ext", tmp_path / "book" / "_ext")
    shutil.copytree(ROOT / "book" / "_static", tmp_path / "book" / "_static")
    (tmp_path / "book" / "intro.md").write_text("# Intro\n\nA [link](tiny.ipynb).\n", "utf-8")
    notebook = tmp_path / "book" / "tiny.ipynb"
    notebook.write_text(notebook.read_text("utf-8").replace("other.ipynb", "intro.md"), "utf-8")
    (tmp_path / "book" / "references.bib").touch()
    tiny = build(tmp_path / "book", tmp_path / "_build", tmp_path) / "book"
    out = [link for name in ("intro", "tiny") for link in Page(tiny / f"{name}.html").links
           if outside(link) and "sphinx" not in link and "ebp" not in link]
    assert [one for one in out if "someone" not in one] == [] and bool(out) is bool(address)
    if address:
        assert f"{address}/edit/main/book/intro.md" in out
        assert ("https://mybinder.org/v2/gh/someone/companion/main?urlpath=lab/tree/book/tiny.ipynb"
                in out)


@pytest.mark.slow
def test_a_chapter_opens_with_a_picture_or_the_laboratory(site):
    for name in tomllib.loads((ROOT / "book" / "map.toml").read_text("utf-8")):
        head = (site / "book" / f"{name}.html").read_text("utf-8").partition('class="cell ')[0]
        assert 'class="opening' in head or 'class="laboratory' in head, name


@pytest.mark.parametrize("html, fault", [
    ('<script src="https://cdn.example/x.js"></script>', "loads https://cdn.example"),
    ('<link rel="stylesheet" href="//cdn.example/x.css">', "loads //cdn.example"),
    ('<link rel="preload" href="http://cdn.example/x.js">', "loads http://cdn.example"),
    ('<style>@import "https://cdn.example/x.css";</style>', "loads https://cdn.example"),
    ('<p style="background: url(https://cdn.example/x.png)">', "loads https://cdn.example"),
    ('<img srcset="https://cdn.example/x.png 2x" alt="A.">', "loads https://cdn.example"),
    ('<img src="page.html">', "picture without a text: page.html"),
    ('<img src="page.html" alt="../page.html">', "picture without a text: page.html"),
    ("<svg></svg>", "picture without a text: svg"),
    ('<a href="nowhere.html">x</a>', "leads nowhere: nowhere.html"),
    ('<img src="nowhere.png" alt="A.">', "leads nowhere: nowhere.png"),
    ('<a href="#nothing">x</a>', "no such anchor: #nothing"),
    ('<a href="page.html#nothing">x</a>', "no such anchor: page.html#nothing"),
])
def test_a_fault_is_found(tmp_path, html, fault):
    (tmp_path / "page.html").write_text(f"<h1 id='top'>Title</h1>{html}", "utf-8")
    assert any(fault in told for told in complaints(tmp_path))


def test_a_sound_page_passes(tmp_path):
    (tmp_path / "page.html").write_text(
        '<h1 id="top">Title</h1><a href="#top">up</a><a href="https://example.org">out</a>'
        '<img src="data:image/png;base64,AAAA" alt="A dot."><svg aria-label="A line."></svg>',
        "utf-8")
    (tmp_path / "style.css").write_text("p { background: url(#x) }", "utf-8")
    assert complaints(tmp_path) == []


def test_a_stylesheet_that_loads_from_elsewhere_is_found(tmp_path):
    (tmp_path / "style.css").write_text('@font-face { src: url("https://x.example/f") }', "utf-8")
    assert complaints(tmp_path) == ["style.css: loads https://x.example/f"]
