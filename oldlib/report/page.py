"""Claims and findings as HTML: the badge under a cell, the scorecard, numbers for other pages.

The verdict always stands there as a word; colour only repeats it.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

from oldlib.report import wording

if TYPE_CHECKING:
    from oldlib.report.catalogue import Claim
    from oldlib.report.claims import Finding

PAPERS = {
    "poole2016": "Poole et al. 2016",
    "raghu2017": "Raghu et al. 2017",
    "raghu2016": "Raghu et al. 2016",
    "zhang2019": "Zhang et al. 2019",
    "storm2024": "Storm et al. 2024",
}
GLUED = "application/papermill.record/"  # the prefix hides an output on its own page


@dataclass(frozen=True)
class Fragment:
    """A piece of a page, which a cell shows as HTML and a terminal as text."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def badge(finding: Finding) -> str:
    """The line of HTML under the cell that signs a claim; the scorecard links to it."""
    numbers = finding.numbers + (f": {finding.elsewhere}" if finding.elsewhere else "")
    return (
        f'<p class="claim {_class(finding.verdict)}" id="claim-{finding.key}">'
        f"{_word(finding.verdict)} {typeset(finding.says)} "
        f'<span class="numbers">We find {escape(numbers)}.</span> '
        f"<small>{typeset(_source(finding))}</small></p>"
    )


def attempted(claims: Iterable[Claim]) -> Fragment:
    """The table of the findings among the claims, paper by paper.

    Args:
        claims: what `lib.report.claims.scorecard` returns.
    """
    claims = [claim for claim in claims if claim.verdict != "not attempted"]
    titles = ("range", "we find", "verdict", "chapter")
    head = '<th scope="col" style="min-width: 13rem">claim</th>'
    head += "".join(f'<th scope="col">{title}</th>' for title in titles)
    parts = [
        f"<h3>{PAPERS.get(paper, paper)}</h3>"
        f'<table class="table claims"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_row, group))}</tbody></table>"
        for paper, group in _by_paper(claims)
    ]
    return _fragment(parts, [f"{claim.key}: {claim!r}" for claim in claims])


def waiting(claims: Iterable[Claim]) -> Fragment:
    """The claims that no chapter has signed, folded, paper by paper.

    Args:
        claims: what `lib.report.claims.scorecard` returns.
    """
    claims = [claim for claim in claims if claim.verdict == "not attempted"]
    parts, lines = [], []
    for paper, group in _by_paper(claims):
        items = "".join(map(_item, group))
        title = f"{PAPERS.get(paper, paper)}: {len(group)} not attempted"
        parts.append(f"<details><summary>{title}</summary><ul>{items}</ul></details>")
        lines.append(title)
    return _fragment(parts, lines)


def counted(tally: Mapping[str, int]) -> Fragment:
    """The tally as a row of numbers with their verdicts.

    >>> counted({"holds": 2, "differs": 1})
    3 claims: 2 holds, 1 differs
    """
    chips = " ".join(
        f'<span class="claim {_class(verdict)}"><strong>{count}</strong> {_word(verdict)}</span>'
        for verdict, count in tally.items()
    )
    words = ", ".join(f"{count} {verdict}" for verdict, count in tally.items())
    return Fragment(f'<p class="tally">{chips}</p>', f"{sum(tally.values())} claims: {words}")


def glue(name: str, value: object) -> None:
    """Store a value in the notebook under a name, for another page of the book to show.

    A page writes ``{glue:text}`notebook.ipynb::name:d``` for a number, and a ``{glue:}``
    directive with ``:doc: notebook.ipynb`` for anything that has HTML.

    Args:
        name: what the other page calls it.
        value: a number, a text, or an object with ``_repr_html_``.
    """
    from IPython.display import display

    plain = value.item() if hasattr(value, "item") else value  # NumPy numbers print their type
    data = {"text/plain": repr(plain)}
    if hasattr(value, "_repr_html_"):
        data["text/html"] = value._repr_html_()
    display({GLUED + mime: shown for mime, shown in data.items()}, raw=True,
            metadata={"scrapbook": {"name": name, "mime_prefix": GLUED}})


def _fragment(parts: list[str], lines: list[str]) -> Fragment:
    """The parts of a scorecard together; a word if there are none."""
    if not parts:
        return Fragment("<p>none</p>", "none")
    return Fragment(f'<div class="scorecard">{"".join(parts)}</div>', "\n".join(lines))


def _by_paper(claims: list[Claim]) -> list[tuple[str, list[Claim]]]:
    """The claims in groups, papers in the order of `PAPERS`."""
    order = list(PAPERS)
    rank = {claim.paper: len(order) for claim in claims} | {key: i for i, key in enumerate(order)}
    ordered = sorted(claims, key=lambda claim: rank[claim.paper])
    return [(paper, list(group)) for paper, group in groupby(ordered, lambda claim: claim.paper)]


def _row(finding: Finding) -> str:
    """One finding in the table."""
    number = escape(wording.measured(finding.value, finding.error))
    if finding.elsewhere:
        number += f" <small>{escape(finding.elsewhere)}</small>"
    page = f"{finding.chapter}.html#claim-{finding.key}"
    return (
        f'<tr id="{finding.key}"><td>{typeset(finding.says)} {_small(finding)}</td>'
        f"<td>{finding.whose}: {wording.bounds(finding.low, finding.high)}</td>"
        f"<td>{number}</td>"
        f'<td class="claim {_class(finding.verdict)}">{_word(finding.verdict)}</td>'
        f'<td><a href="{page}">{_title(finding)}</a></td></tr>'
    )


def _item(claim: Claim) -> str:
    """One claim in the folded list."""
    interval = wording.bounds(claim.low, claim.high)
    return (f'<li id="{claim.key}">{typeset(claim.says)} {claim.whose.capitalize()}: {interval}. '
            f"Chapter: {_title(claim)}. {_small(claim)}</li>")


def _small(claim: Claim) -> str:
    """Source and note."""
    note = f". {claim.note}" if claim.note else ""
    return f"<small>{typeset(_source(claim) + note)}</small>"


def _source(claim: Claim) -> str:
    """The source with the paper's key written out."""
    return claim.source.replace(claim.paper, PAPERS.get(claim.paper, claim.paper))


def typeset(text: str) -> str:
    """The text as HTML, ``σ_w`` with a subscript, but neither ``σ_w²`` with its power in it nor
    names like ``hard_tanh``."""
    return re.sub(r"(?<=\b\w)_([^\W²³]+)", r"<sub>\1</sub>", escape(text))


def _title(claim: Claim) -> str:
    return claim.chapter.replace("_", " ")


def _class(verdict: str) -> str:
    return "claim-" + verdict.replace(" ", "-")


def _word(verdict: str) -> str:
    return f'<strong class="verdict">{verdict}</strong>'
