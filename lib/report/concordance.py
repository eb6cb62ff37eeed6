"""The concordance: every panel of every figure of the papers, and what became of it here.

``book/panels.toml`` lists the panels. The verdicts are found by the places that claims name.
"""
import re
import tomllib
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from lib.report.claims import BOOK, PAPERS, Claim, Fragment, table, typeset, verdicts

# "Fig. 2C, D", "Figs. 8 and 9", "ICLR form Fig. 1A and 1B", "Fig. S1"
FIGURES = re.compile(r"((?:IC(?:LR|ML) form )?)Figs?\. "
                     r"((?:S?\d+[A-Za-z]?)(?:(?:, | and )(?:\d+[A-Za-z]?|[A-Za-z])(?!\w))*)")
FIELDS = {"shows", "figure", "why"}
HEAD = "panel, and our figure", "what was found"
NONE = "no number in the print"
TEXT = "The text"  # where claims of no panel come from


def panels(text: str) -> Iterator[tuple[str, str, str]]:
    """The panels that a caption or a source names: form, number and letter of each.

    >>> list(panels("ICLR form Fig. 1A and B"))
    [('ICLR form ', '1', 'A'), ('ICLR form ', '1', 'B')]
    """
    for form, told in FIGURES.findall(text):
        number = ""
        for one in re.split(", | and ", told):
            digits, letter = re.fullmatch(r"(S?\d*)(\w*)", one).groups()
            number = digits or number
            yield form, number, letter


def places(source: str) -> set[str]:
    """What a claim's source names: its panels, and its other parts as they are.

    >>> sorted(places("poole2016, eq. 8 and Fig. 4C"))
    ['Fig. 4C', 'eq. 8', 'poole2016']
    """
    return {f"{form}Fig. {number}{letter}" for form, number, letter in panels(source)} | \
        {part for part in re.split(", | and ", source) if "Fig" not in part}


def listed(book: Path = BOOK) -> dict[tuple[str, str], dict[str, str]]:
    """The panels of ``panels.toml``, by paper and place.

    Raises:
        ValueError: a panel is not what the head of the file asks for.
    """
    read = tomllib.loads(Path(book, "panels.toml").read_text("utf-8"))
    for key, told in read.items():
        paper, _, place = key.partition(", ")
        if paper not in PAPERS or not place or not {"shows"} <= {*told} <= FIELDS or \
                not {"figure", "why"} & {*told}:
            raise ValueError(f"panels.toml: {key!r} needs a paper, a place, 'shows', and 'figure' "
                             "or 'why'")
    return {tuple(key.split(", ", 1)): told for key, told in read.items()}


def concordance(claims: Iterable[Claim], book: Path = BOOK) -> Fragment:
    """A table for each paper: what a panel shows, our figure and its command, what was found.

    Args:
        claims: what `lib.report.claims.scorecard` returns.
        book: folder of panels.toml.
    """
    every, tables, lines = listed(book), [], []
    for paper, name in PAPERS.items():
        mine = [claim for claim in claims if claim.paper == paper]
        drawn = {place: told for (key, place), told in every.items() if key == paper}
        found = {place: [one for one in mine if place in places(one.source)] for place in drawn}
        known = {one.key for part in found.values() for one in part}
        found[TEXT] = [one for one in mine if one.key not in known]
        rows = [_row(place, drawn.get(place, {}), part) for place, part in found.items()]
        lines += [f"{name}, {place}: {verdicts(part) or NONE}" for place, part in found.items()]
        tables.append(f"<h3>{escape(name)}</h3>" + table(HEAD, rows))
    html = f'<div class="scorecard concordance">{"".join(tables)}</div>'
    return Fragment(html, "\n".join(lines))


def _row(place: str, told: dict[str, str], mine: list[Claim]) -> str:
    chapter, _, figure = told.get("figure", "").partition("/")
    shows = typeset(told.get("shows", "its theorems, abstract and discussion"))
    why = told.get("why", "")
    here = f"<br><small>{typeset(why[:1].upper() + why[1:])}.</small>" if why else ""
    if chapter:
        here = (f' <a href="{chapter}.html#{figure}">{chapter.replace("_", " ")}</a><br><code>'
                f"python -m lib run {chapter} --figure {figure.removeprefix('fig-')}</code>{here}")
    found = "".join(f'<li><a href="scorecard.html#{one.key}">{typeset(one.says)}</a> '
                    f"{escape(one.number)} ({one.range}{', ours' * (one.kind == 'ours')}) "
                    f"<strong>{one.verdict}</strong></li>" for one in mine)
    counts = f"<details><summary>{verdicts(mine)}</summary><ul>{found}</ul></details>" \
        if mine else NONE
    return (f"<tr><td><strong>{escape(place)}</strong> {shows}{here}</td>"
            f"<td>{counts}</td></tr>")
