"""Claims of the papers, our findings on them, and the verdicts: computed, never typed.

``book/claims.toml`` states the claims. A chapter signs them, all those of a figure in one table;
what Jupyter stores of such tables is read again for the scorecard.
"""
from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from hashlib import sha256
from html import escape
from pathlib import Path
from types import MappingProxyType

from lib.estimate import Estimate
from lib.report.parameters import (Parameter, admits, check, declared, did_you_mean,
                                   in_words, wanted)

BOOK = Path(__file__).resolve().parents[2] / "book"  # lib is installed where it stands
MIME = "application/vnd.expressivity.finding+json"
VERDICTS = ("holds", "differs", "undecided", "not matched", "elsewhere", "not attempted")
KINDS = ("paper", "ours")
ORIGINS = {"text": "printed", "figure": "read off", "reading": "our reading of",
           "memory": "from memory of", "theory": "ours, beside"}
GROUPS = {"text": "What the papers print", "figure": "What the papers print",
          "reading": "What we read into their words", "ours": "Ours, beside the papers",
          "memory": "From memory, not counted"}
PAPERS = {  # by their keys in references.bib
    "poole2016": "Poole et al. 2016",
    "raghu2017": "Raghu et al. 2017",
    "raghu2016": "Raghu et al. 2016",
    "zhang2019": "Zhang et al. 2019",
    "storm2024": "Storm et al. 2024",
}
KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LABEL = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")  # of a run on record
INJECTED = (str, int, float, bool, type(None), list, tuple, dict)  # what papermill can inject
IPYTHON = {"In", "Out"}  # its plain names; the others begin with an underscore
BANNER = "Run with other parameters"
OWN = "At the chapter's own parameters"  # begins what is said of the default run alone
FEW = 8  # independent samples
PAGE = "page"  # of a claim that the run on the chapter's own page judges
COLUMNS = "found", "the range", "verdict"  # beside a claim
MEANING = ("key", "low", "high")  # of a claim; its sentence may be reworded, and its run remains
GLUED = "application/papermill.record/"  # the prefix hides an output on its own page


class UnknownClaim(KeyError):
    """A key that claims.toml does not have."""

    __str__ = Exception.__str__  # KeyError would print the message in quotes


@dataclass(frozen=True, kw_only=True, repr=False)
class Claim:
    """One claim that can be checked as a number."""

    key: str
    says: str  # one sentence, ours: what is tested, and how
    source: str  # "poole2016, Fig. 2D"; "derived here, beside poole2016, Fig. 2D"
    kind: str  # whose statement it is, of `KINDS`
    range_from: str  # what the range rests on, of `ORIGINS`
    chapter: str  # the notebook that signs it
    low: float = -math.inf
    high: float = math.inf
    at: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    free: str = ""  # what else may be changed, and why: "width, seed: theory; steps: ..."
    evidence: str = PAGE  # the run that judges: the page's own, or the label of one on record
    requires: str = ""  # key of what must hold for the networks to be the paper's
    note: str = ""

    @property
    def paper(self) -> str:
        """The key of the paper it belongs to."""
        return next(key for key in PAPERS if key in self.source)

    @property
    def group(self) -> str:
        """Which table of the scorecard it stands in."""
        return GROUPS["ours" if self.kind == "ours" else self.range_from]

    @property
    def range(self) -> str:
        """The bounds in words, an infinite one being none."""
        low, high = f"{self.low:g}", f"{self.high:g}"
        if "inf" in low + high:
            return f"at least {low}" if high == "inf" else f"at most {high}"
        return low if low == high else f"{low} to {high}"

    @property
    def origin(self) -> str:
        """Where the range comes from, in words: ``read off Poole et al. 2016, Fig. 2D``."""
        if self.kind == "ours":
            return "ours"
        place = self.source.replace(self.paper, PAPERS[self.paper])
        return f"{ORIGINS[self.range_from]} {place}"

    # while no chapter has signed it
    verdict, number, elsewhere, samples = "not attempted", "–", "", None

    def __repr__(self) -> str:
        """One line: the number, the range, where it comes from, and the verdict."""
        line = f"{self.number} ({self.range}, {self.origin}) → {self.verdict}"
        return f"{line}: {self.elsewhere}" if self.elsewhere else line

    def record(self) -> dict:
        """The claim as JSON can hold it: its key, its bounds, and a mark of all that it says."""
        said = self.says, self.source, self.chapter, self.at
        low, high = map(_finite, (self.low, self.high))
        return {"key": self.key, "low": low, "high": high,
                "mark": sha256(repr(said).encode()).hexdigest()[:8]}


FIELDS = [entry.name for entry in fields(Claim) if entry.name != "key"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Finding(Claim):
    """Our number for a claim."""

    value: float | None  # None where it is no finite number
    error: float | None  # one standard error, or a bound on the numerical error
    error_from: str = "bound"  # what makes the error, of `lib.estimate.KINDS`
    samples: int | None = None  # independent ones behind it
    reach: float | None = None  # of a largest of many: half its interval
    present: Mapping[str, float | int | str | bool]  # this run's values of what `at` names
    matched: bool = True  # whether what the claim requires holds

    @property
    def verdict(self) -> str:
        """One of the first five `VERDICTS`, from the interval of 95 % and the bounds."""
        if self.elsewhere:
            return "elsewhere"
        if not self.matched:
            return "not matched"
        near, far = self._interval
        if self.low <= near and far <= self.high:
            return "holds"
        return "differs" if far < self.low or near > self.high else "undecided"

    @property
    def elsewhere(self) -> str:
        """Why this run cannot judge the claim: other parameters, or no number; or empty."""
        away = [f"{name} = {self.present[name]} here, {in_words(value)} in the claim"
                for name, value in self.at.items() if not admits(value, self.present[name])]
        unknown = self.value is None or self.error is None
        return ", ".join(away + ["no error to judge by"] * unknown)

    @property
    def _interval(self) -> tuple[float, float]:
        if self.reach is None:
            return self._estimate.interval()
        return max(self.value - self.reach, 0.0), self.value + self.reach

    @property
    def cost(self) -> str:
        """What it would take to decide what is undecided; or empty.

        If the value stays where it is, and errors shrink as one over the root of the samples.
        """
        if self.verdict != "undecided" or not self.samples:
            return ""
        near, far = self._interval
        gap = min(abs(self.value - end) for end in (self.low, self.high))
        times = (0.5 * (far - near) / gap) ** 2 if gap else math.inf
        return "hardly to be decided by more networks" if times > 100 else \
            f"{max(times, 1.1):.2g} times as many would decide"

    @property
    def number(self) -> str:
        """The value and its error, with the digits that the error supports."""
        return self._estimate.text

    @property
    def _estimate(self) -> Estimate:
        value, error = (math.nan if x is None else x for x in (self.value, self.error))
        return Estimate(value, error, self.samples, self.error_from)

    def record(self) -> dict:
        """The finding as it is stored in the notebook."""
        numbers = {name: getattr(self, name) for name in NUMBERS
                   if name != "reach" or self.reach is not None}
        return super().record() | numbers | {"verdict": self.verdict}


NUMBERS = [entry.name for entry in fields(Finding)
           if entry.name not in ("key", "matched", *FIELDS)]


class Claims:
    """The claims in the hands of one chapter: ``claim = lib.Claims("chapter", globals())``.

    It stands in the chapter's imports cell and refuses, before anything is computed, parameters
    that the chapter does not declare or that have the wrong type.

    Args:
        chapter: name of the notebook, without ``.ipynb``.
        namespace: the notebook's ``globals()``.
        book: folder of the notebooks and of claims.toml.

    Raises:
        ValueError: a parameter is unknown, missing or not finite, or claims.toml is not well
            formed. TypeError: a parameter is of the wrong type.
        FileNotFoundError: the book has no such chapter.
    """

    def __init__(self, chapter: str, namespace: Mapping[str, object], book: Path = BOOK):
        notebook = Path(book) / f"{chapter}.ipynb"
        if not notebook.is_file():
            names = sorted(path.stem for path in Path(book).glob("*.ipynb"))
            raise FileNotFoundError(f"no chapter {chapter!r}{did_you_mean(chapter, names)}")
        parameters = declared(notebook)
        self.chapter = chapter
        self.parameters = check(parameters, _given(parameters, namespace))
        self.catalogue = catalogue(book)
        for claim in self.catalogue.values():
            if claim.chapter == chapter:
                _located(claim.key, wanted, parameters, claim.at)
        changed = [f"{one.name} = {self.parameters[one.name]} (the chapter: "
                   f"{one.default if one.default != '' else 'none'})"
                   for one in parameters if self.parameters[one.name] != one.default
                   and one.range != "notebooks"]  # where to read is no setting
        # a record speaks for the chapter's own run, and for no other
        self.judged = {} if changed else judged(book, chapter, strict=False)
        if changed:
            _show(remark(f"{BANNER}: {', '.join(changed)}. What is said {OWN.lower()} need not "
                         "be true here."))

    def all(self, found: Mapping[str, Iterable], figure: str = "") -> Fragment:
        """Our findings on the claims of one figure, each rounded to its error, with its verdict.

        As the last expression of a cell they are shown as one table and stored in the notebook.

        Args:
            found: estimates by the claim's key in claims.toml, where this chapter is the one to
                sign it: each a `lib.Estimate`, or a pair of a value and one standard error or a
                bound on the numerical error. Where one of them is not finite nothing is judged.
            figure: what says so, as "the phase diagram", for the head of the table.

        Raises:
            UnknownClaim: claims.toml has no such key.
            TypeError: value or error is not a number.
            ValueError: another chapter signs it, or an error is negative.
        """
        return signed([self._sign(key, estimate) for key, estimate in found.items()], figure,
                      judged=self.judged)

    def _sign(self, key: str, estimate: Iterable) -> Finding:
        mine = [key for key, claim in self.catalogue.items() if claim.chapter == self.chapter]
        if key not in self.catalogue:
            raise UnknownClaim(f"no claim {key!r}{did_you_mean(key, mine)}")
        claim = self.catalogue[key]
        if key not in mine:
            raise ValueError(f"claim {key!r} is for the chapter {claim.chapter!r} to sign")
        try:
            made = estimate if isinstance(estimate, Estimate) else Estimate(*estimate)
            made = replace(made, error=math.nan) if math.isinf(made.error) else made
            value, error = map(float, made.rounded())
        except TypeError:
            raise TypeError(f"claim {key!r}: a value and an error must be numbers") from None
        except ValueError as problem:
            raise ValueError(f"claim {key!r}: {problem}") from None
        present = {name: self.parameters[name] for name in claim.at}
        reach = None if made.draws is None else \
            _finite(float(f"{made.interval()[1] - made.value:.3g}"))
        return Finding(**vars(claim), value=_finite(value), error=_finite(error),
                       error_from=made.kind, samples=made.samples, reach=reach, present=present)


def _show(value: object, **how: object) -> None:
    from IPython.display import display

    display(value, **how)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _given(parameters: Iterable[Parameter], namespace: Mapping[str, object]) -> dict:
    """The declared parameters, and any other that was injected into the namespace.

    Right after the parameters cell every plain value in the namespace is a parameter. When cells
    are run again in a live kernel that no longer holds; then the Claims of before are there too.
    """
    names = [parameter.name for parameter in parameters]
    missing = [name for name in names if name not in namespace]
    if missing:
        raise ValueError(f"no value for {', '.join(missing)}: run the parameters cell first")
    if not any(isinstance(value, Claims) for value in namespace.values()):
        names += [name for name, value in namespace.items() if type(value) in INJECTED
                  and name not in IPYTHON and not name.startswith("_")]
    return {name: namespace[name] for name in names}


# claims.toml

def catalogue(book: Path = BOOK) -> dict[str, Claim]:
    """Every claim by its key, in the order of the file.

    Args:
        book: folder of claims.toml.

    Raises:
        ValueError: the file is not TOML, or a claim is not well formed; names the claim.
    """
    return dict(_catalogue((Path(book) / "claims.toml").read_text("utf-8")))


@cache
def _catalogue(text: str) -> dict[str, Claim]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"claims.toml: {error}") from None
    claims = {key: _located(key, _claim, key, table) for key, table in tables.items()}
    for one in claims.values():
        if one.requires and one.requires not in claims:
            raise ValueError(f"claims.toml, [{one.key}]: 'requires' must be a claim's key"
                             f"{did_you_mean(one.requires, claims)}")
    return claims


def _located(key: str, function: Callable, *arguments: object) -> object:
    """Call the function; a ValueError or TypeError in it then names the claim."""
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"claims.toml, [{key}]: {error}") from None


def _claim(key: str, table: object) -> Claim:
    """One table of the file as a `Claim`."""
    if not isinstance(table, dict) or not KEY.fullmatch(key):
        raise ValueError("a claim is a table named in-small-letters")
    for name in table:
        if name not in FIELDS:
            raise ValueError(f"unknown field {name!r}{did_you_mean(name, FIELDS)}")
    for name in ("says", "source", "chapter"):
        if not isinstance(table.get(name), str) or not table[name].strip():
            raise ValueError(f"{name!r} must be a text")
    if not LABEL.fullmatch(table.get("evidence", PAGE)):
        raise ValueError(f"'evidence' must be {PAGE!r} or the label of a run on record")
    for name, words in (("kind", KINDS), ("range_from", ORIGINS)):
        if table.get(name) not in words:
            raise ValueError(f"{name!r} must be one of {', '.join(words)}")
    if not any(key in table["source"] for key in PAPERS):
        raise ValueError("'source' must name a paper of references.bib: 'poole2016, Fig. 1A'")
    if not isinstance(table.get("note", ""), str) or not isinstance(table.get("at", {}), dict):
        raise ValueError("'note' must be a text and 'at' a table")
    if not re.fullmatch(r"((\w+, )*\w+: [^;:]+(; |$))*", table.get("free", "")):
        raise ValueError("'free' must be like 'width, networks: why they do not matter'")
    given = [table[name] for name in ("low", "high") if name in table]
    if not given or any(type(bound) not in (int, float) for bound in given):
        raise ValueError("'low' or 'high' or both must be given, as numbers")
    if not all(map(math.isfinite, given)) or given != sorted(given):
        raise ValueError("'low' and 'high' must be finite, and low not above high")
    return Claim(key=key, **table)


# What executed notebooks hold

def kept(notebook: Path, mime: str) -> Iterator[dict]:
    """What the cells of an executed notebook stored under one MIME type, in their order.

    Args:
        notebook: path of an .ipynb file.
        mime: `MIME` for findings, or another type whose content is JSON.
    """
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            content = output.get("data", {}).get(mime, [])
            content = [content] if isinstance(content, dict) else content  # the first edition's
            yield from content


def answering(record: Mapping, claims: Mapping[str, Claim], names: Iterable[str] = (),
              given: Mapping[str, object] | None = None) -> Finding:
    """A stored record as a finding, if claims.toml still says what it answers.

    Args:
        record: as `Finding.record` made it.
        claims: the `catalogue`.
        names: of what must be as it was; all if empty.
        given: all parameters of the run, for claims that name others today; else as recorded.

    Raises:
        ValueError: it does not.
    """
    claim = claims.get(record["key"])
    stated = claim.record() if claim else {}
    if not claim or any(record.get(name) != stated[name] for name in names or stated):
        raise ValueError(f"claims.toml no longer makes the claim {record['key']!r} in this form")
    numbers = {name: record[name] for name in NUMBERS if name in record}
    if given is not None:
        numbers["present"] = {name: given[name] for name in claim.at}
    return Finding(**vars(claim), **numbers)


def read(folder: Path | str | None = None, book: Path = BOOK) -> list[Finding]:
    """The findings stored in the executed notebooks of a folder; nothing is computed.

    Args:
        folder: where the executed notebooks are; the book's own if None or empty.
        book: folder of the claims.toml that they answer.

    Returns:
        The findings, in the order of claims.toml.

    Raises:
        ValueError: a claim is signed twice, or a finding answers a claim that claims.toml
            no longer makes in this form; the message names the notebook.
    """
    claims, found = catalogue(book), {}
    for notebook in sorted(Path(folder or book).glob("*.ipynb")):
        for record in kept(notebook, MIME):
            try:
                finding = answering(record, claims)
            except ValueError as problem:
                raise ValueError(f"{notebook.name}: {problem}; execute the chapter again "
                                 "(make refresh)") from None
            if finding.key in found:
                raise ValueError(f"{notebook.name}: claim {finding.key!r} is signed twice")
            found[finding.key] = finding
    return [found[key] for key in claims if key in found]


def record(chapter: str, label: str, book: Path = BOOK) -> Path:
    """The notebook of a run on record.

    >>> record("order_to_chaos", "full").name
    'order_to_chaos-full.ipynb'
    """
    return Path(book) / "evidence" / f"{chapter}-{label}.ipynb"


def judged(book: Path = BOOK, chapter: str = "", strict: bool = True) -> dict[str, Finding]:
    """The findings of the runs on record that claims.toml lets judge, by the claim's key.

    Args:
        book: folder of claims.toml and of ``evidence``.
        chapter: whose; all chapters if empty.
        strict: whether to raise a ValueError where a record is missing or answers another claim;
            else such findings are left out.
    """
    claims, found = catalogue(book), {}
    for runs in sorted({(one.chapter, one.evidence) for one in claims.values()
                        if one.evidence != PAGE and chapter in ("", one.chapter)}):
        path = record(*runs, book)
        if not path.is_file():
            if strict:
                raise ValueError(f"evidence/{path.name}: claims rest on it, and it is not there")
            continue
        given = ran_with(path)
        for stored in kept(path, MIME):
            claim = claims.get(stored["key"])
            if claim and (claim.chapter, claim.evidence) == runs:
                try:
                    found[claim.key] = answering(stored, claims, MEANING, given)
                except (ValueError, KeyError) as problem:
                    if strict:
                        raise ValueError(f"evidence/{path.name}: {problem}; python -m lib renew "
                                         f"{path.stem}") from None
    return met(found)


def met(found: Mapping[str, Finding]) -> dict[str, Finding]:
    """The findings by key, those marked whose claim requires what is not in its range.

    A requirement says what the networks must be, such as how accurate. It is met by the value
    itself: these networks are judged, and not those that might have been drawn.
    """
    inside = {"", *(key for key, one in found.items()
                    if not one.elsewhere and one.low <= one.value <= one.high)}
    return {key: replace(one, matched=one.requires in inside) for key, one in found.items()}


def ran_with(notebook: Path) -> dict[str, object]:
    """The parameters of an executed notebook: its defaults, and what papermill put in."""
    injected = json.loads(notebook.read_text("utf-8"))["metadata"].get("papermill", {})
    return declared(notebook).defaults | injected.get("parameters", {})


def scorecard(folder: Path | str | None = None, book: Path = BOOK) -> list[Claim]:
    """Every claim of claims.toml: its `Finding` by the run that judges, else the `Claim`.

    Args, Raises: as for `read`.
    """
    claims, on_record = catalogue(book), judged(book)
    found = met({one.key: one for one in read(folder, book) if one.evidence == PAGE} | on_record)
    return [found.get(key, claim) for key, claim in claims.items()]


def tally(claims: Iterable[Claim], kind: str = "paper") -> dict[str, int]:
    """How many claims of a kind have each of the `VERDICTS`, zeros included.

    What rests on memory is not counted.

    Args:
        claims: what `scorecard` returns.
        kind: of `KINDS`.
    """
    verdicts = [claim.verdict for claim in claims
                if claim.kind == kind and claim.range_from != "memory"]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


# As HTML. The verdict always stands there as a word; colour only repeats it.

@dataclass(frozen=True)
class Fragment:
    """A piece of a page, which a cell shows as HTML and a terminal as text.

    Args:
        html, text: what is shown.
        stored: what Jupyter stores beside them, by MIME type.
    """

    html: str
    text: str
    stored: Mapping[str, object] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/plain": self.text, "text/html": self.html, **self.stored}


def signed(findings: Sequence[Finding], figure: str = "", anchors: bool = True,
           judged: Mapping[str, Finding] = MappingProxyType({})) -> Fragment:
    """One compact table of findings, with anchors for the scorecard to link to, and their records.

    Args:
        findings: what `Claims` signs or `read` reads.
        figure: what says so, for the head of the table.
        anchors: whether the rows are where the scorecard leads to.
        judged: findings of the runs on record, which speak where these cannot.
    """
    rows = [_row(one, f"claim-{one.key}" * anchors, judge=judged.get(one.key)) for one in findings]
    best = [judged.get(one.key, one) if one.elsewhere else one for one in findings]
    title = f"What {figure} says: {verdicts(best)}" if figure else verdicts(best)
    return Fragment(f'<details class="scorecard" open><summary>{escape(title)}</summary>'
                    f'{table(("claim", *COLUMNS), rows)}</details>',
                    "\n".join(f"{one.key}: {one!r}" for one in findings),
                    {MIME: [one.record() for one in findings]})


def card(claims: Iterable[Claim]) -> Fragment:
    """The scorecard: a table for each group of claims, paper by paper; a reader can filter it.

    Args:
        claims: what `scorecard` returns.
    """
    order = [*PAPERS]
    claims = sorted(claims, key=lambda claim: order.index(claim.paper))
    parts, lines = [], []
    for group in dict.fromkeys(GROUPS.values()):
        mine = [claim for claim in claims if claim.group == group]
        if mine:
            parts.append(f"<h3>{group}</h3>" + table(
                ("claim", *COLUMNS), [_row(one, one.key, card=True) for one in mine]))
            lines += [group, *(f"{claim.key}: {claim!r}" for claim in mine)]
    chosen = _chosen("paper", PAPERS) + _chosen("verdict", {word: word for word in VERDICTS
                     if any(one.verdict == word for one in claims)})
    return Fragment(f'<div class="scorecard"><p class="filters">{chosen}</p>'
                    f'{"".join(parts) or "<p>none</p>"}</div>', "\n".join(lines) or "none")


def _chosen(name: str, words: Mapping[str, str]) -> str:
    """A menu that leaves those rows of the card whose data has the chosen word."""
    script = ("var s=this.closest('.scorecard'),f=[...s.querySelectorAll('select')];"
              "s.querySelectorAll('tbody tr').forEach(r=>{"
              "r.hidden=f.some(o=>o.value&&r.dataset[o.name]!=o.value)})")
    options = "".join(f'<option value="{key}">{told}</option>' for key, told in words.items())
    return (f'<label>{name} <select name="{name}" onchange="{script}">'
            f'<option value="">all</option>{options}</select></label> ')


def verdicts(claims: Iterable[Claim]) -> str:
    """How many of each verdict, in words: ``2 holds, 1 differs``."""
    words = [claim.verdict for claim in claims]
    return ", ".join(f"{words.count(word)} {word}" for word in VERDICTS if word in words)


def counted(tally: Mapping[str, int]) -> Fragment:
    """The tally as a row of numbers with their verdicts, without those that none has.

    >>> counted({"holds": 2, "differs": 1})
    3 claims: 2 holds, 1 differs
    """
    chips = " ".join(f'<span class="claim {_class(verdict)}"><strong>{count}</strong> '
                     f'<strong class="verdict">{verdict}</strong></span>'
                     for verdict, count in tally.items() if count)
    words = ", ".join(f"{count} {verdict}" for verdict, count in tally.items() if count)
    return Fragment(f'<p class="tally">{chips}</p>', f"{sum(tally.values())} claims: {words}")


def by_chance(claims: Iterable[Claim]) -> Fragment:
    """How many verdicts on sampled networks may be wrong by chance, and how many rest on few.

    >>> by_chance([])
    None of the verdicts rests on sampled networks.
    """
    sampled = [one.samples for one in claims if one.samples and one.verdict in VERDICTS[:2]]
    few = sum(samples < FEW for samples in sampled)
    return remark(
        f"{len(sampled)} verdicts of holds or differs rest on sampled networks; about "
        f"{len(sampled) / 20:.0f} of them may be expected to be wrong by chance. {few} rest on "
        f"fewer than {FEW} independent samples." if sampled else
        "None of the verdicts rests on sampled networks.")


def remark(text: str) -> Fragment:
    """A sentence in place of a figure, or above one."""
    return Fragment(f"<p><em>{typeset(text)}</em></p>", text)


def glue(name: str, value: object) -> None:
    """Store a value in the notebook under a name, for another page of the book to show.

    A page writes ``{glue:text}`notebook.ipynb::name:d``` for a number, and a ``{glue:}``
    directive with ``:doc: notebook.ipynb`` for a `Fragment`.

    Args:
        name: what the other page calls it.
        value: a number, a text, or a `Fragment`.
    """
    plain = value.item() if hasattr(value, "item") else value  # NumPy numbers print their type
    data = {"text/plain": repr(plain)}
    if isinstance(value, Fragment):
        data["text/html"] = value.html
    _show({GLUED + mime: shown for mime, shown in data.items()}, raw=True,
          metadata={"scrapbook": {"name": name, "mime_prefix": GLUED}})


def typeset(text: str) -> str:
    """The text as HTML, ``σ_w`` with a subscript, but neither ``σ_w²`` with its power in it nor
    names like ``hard_tanh``."""
    return re.sub(r"(?<=\b\w)_([^\W²³]+)", r"<sub>\1</sub>", escape(text))


def table(head: Sequence[str], rows: Sequence[str]) -> str:
    """A table as HTML, of words for its head and of whole rows."""
    head = "".join(f'<th scope="col">{escape(word)}</th>' for word in head)
    return (f'<table class="table claims"><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>")


def _row(claim: Claim, ident: str, card: bool = False, judge: Finding | None = None) -> str:
    """One claim in a table; on the card with its note and a link to the run that judges it.

    Args:
        judge: the finding of the run on record, for where this one is not at the claim's size.
    """
    anchor = f' id="{ident}"' if ident else ""
    if card:
        anchor += f' data-paper="{claim.paper}" data-verdict="{claim.verdict}"'
    note = f" <small>{typeset(claim.note)}</small>" if card and claim.note else ""
    away = f" <small>{escape(claim.elsewhere)}</small>" if claim.elsewhere else ""
    if card and claim.samples:
        away += f" <small>of {claim.samples}{f'; {claim.cost}' * bool(claim.cost)}</small>"
    if card and claim.evidence != PAGE:
        away += " <small>on record</small>"
    said = claim
    if judge and claim.elsewhere:
        said, away = judge, f" <small>here; on record {escape(judge.number)}</small>"
    word = f'<strong class="verdict">{said.verdict}</strong>'
    if card and isinstance(claim, Finding) or said is judge:
        page = f"{said.chapter}.html" if said.evidence == PAGE else \
            f"evidence/{record(said.chapter, said.evidence).stem}.html"
        word = f'<a href="{page}#claim-{claim.key}">{word}</a>'
    return (f"<tr{anchor}><td>{typeset(claim.says)}{note}</td>"
            f"<td>{escape(claim.number)}{away}</td>"
            f"<td>{claim.range}, <small>{typeset(claim.origin)}</small></td>"
            f'<td class="claim {_class(said.verdict)}">{word}</td></tr>')


def _class(verdict: str) -> str:
    return "claim-" + verdict.replace(" ", "-")
