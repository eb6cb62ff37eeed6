"""The claims of the papers as ``book/claims.toml`` states them, validated on reading."""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from oldlib.report.parameters import did_you_mean

BOOK = Path(__file__).resolve().parents[2] / "book"  # lib is installed where it stands
OURS = "derived here"  # how the source of a claim begins that no paper makes
PAPER = re.compile(r"\b[a-z]+\d{4}\b")  # a key of references.bib
ORIGINS = {"kind": ("paper", "ours"),
           "range_from": ("text", "figure", "reading", "memory", "theory")}
KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim that can be checked as a number."""

    key: str
    says: str  # one sentence, ours: what is tested, and how
    source: str  # "poole2016, Fig. 2D"; "derived here, beside poole2016, Fig. 2D"
    chapter: str  # the notebook that signs it
    low: float = -math.inf
    high: float = math.inf
    at: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    note: str = ""
    kind: str = ""
    range_from: str = ""
    kind: str = ""  # whose statement it is, as `ORIGINS` lists them
    range_from: str = ""  # what the range rests on

    @property
    def paper(self) -> str:
        """The key of the paper it belongs to."""
        return PAPER.search(self.source)[0]

    @property
    def whose(self) -> str:
        """Who states the bounds."""
        return "expected" if self.source.startswith(OURS) else "paper"

    @property
    def verdict(self) -> str:
        """What stands on the scorecard while no chapter has signed the claim."""
        return "not attempted"

    def record(self) -> dict:
        """The claim as JSON can hold it, without what says nothing of the number."""
        record = asdict(self)
        for name in ("note", "kind", "range_from"):
            del record[name]
        for name in ("low", "high"):
            record[name] = record[name] if math.isfinite(record[name]) else None
        return record


FIELDS = [entry.name for entry in fields(Claim) if entry.name != "key"]


def catalogue(book: Path = BOOK) -> dict[str, Claim]:
    """Every claim by its key, in the order of the file.

    Args:
        book: folder of claims.toml.

    Raises:
        ValueError: the file is not TOML, or a claim is not well formed; names the claim.
    """
    path = Path(book) / "claims.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"claims.toml: {error}") from None
    return {key: located(key, _claim, key, table) for key, table in tables.items()}


def located(key: str, function: Callable, *arguments: object) -> object:
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
    if not PAPER.search(table["source"]):
        raise ValueError("'source' must name a paper of references.bib: 'poole2016, Fig. 1A'")
    if not isinstance(table.get("note", ""), str) or not isinstance(table.get("at", {}), dict):
        raise ValueError("'note' must be a text and 'at' a table")
    for name, words in ORIGINS.items():
        if table.get(name, words[0]) not in words:
            raise ValueError(f"{name!r} must be one of {', '.join(words)}")
    _interval([table[name] for name in ("low", "high") if name in table])
    return Claim(key=key, **table)


def _interval(given: list) -> None:
    """Refuse bounds that are missing, not finite numbers or in the wrong order."""
    if not given or any(type(bound) not in (int, float) for bound in given):
        raise ValueError("'low' or 'high' or both must be given, as numbers")
    if not all(map(math.isfinite, given)) or given != sorted(given):
        raise ValueError("'low' and 'high' must be finite, and low not above high")


def places(book: Path = BOOK) -> list[dict]:
    """The chapters of map.toml with their place in the phase diagram and the address of the page.

    Args:
        book: folder of map.toml and the notebooks.

    Returns:
        One dictionary a chapter: ``title``, ``at``, and ``url``, empty without a notebook.
    """
    entries = tomllib.loads((book / "map.toml").read_text("utf-8"))
    return [{**entry, "url": f"{stem}.html" if (book / f"{stem}.ipynb").is_file() else ""}
            for stem, entry in entries.items()]
