"""Our findings on the papers' claims, and the verdict, which is computed and never typed."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from oldlib.report import page, wording
from oldlib.report.catalogue import BOOK, Claim, catalogue, located
from oldlib.report.parameters import Parameter, check, declared, did_you_mean

MIME = "application/vnd.expressivity.finding+json"
VERDICTS = ("holds", "differs", "undecided", "elsewhere", "not attempted")
INJECTED = (str, int, float, bool, type(None), list, tuple, dict)  # what papermill can inject
IPYTHON = {"In", "Out"}  # its plain names; the others begin with an underscore


class UnknownClaim(KeyError):
    """A key that claims.toml does not have."""

    __str__ = Exception.__str__  # KeyError would print the message in quotes


@dataclass(frozen=True, kw_only=True, repr=False)
class Finding(Claim):
    """Our number for a claim. Shown as the last expression of a cell, it is stored there."""

    value: float
    error: float  # one standard error, or a bound on the numerical error
    present: Mapping[str, float | int | str | bool]  # this run's values of what `at` names

    @property
    def verdict(self) -> str:
        """One of the first four `VERDICTS`, from value ± 2 errors and the bounds."""
        if self.elsewhere:
            return "elsewhere"
        near, far = self.value - 2 * self.error, self.value + 2 * self.error
        if self.low <= near and far <= self.high:
            return "holds"
        return "differs" if far < self.low or near > self.high else "undecided"

    def record(self) -> dict:
        """The finding as it is stored in the notebook."""
        return super().record() | {"verdict": self.verdict}

    @property
    def numbers(self) -> str:
        """The number, its error and the bounds."""
        number = wording.measured(self.value, self.error)
        return f"{number} ({self.whose}: {wording.bounds(self.low, self.high)})"

    @property
    def elsewhere(self) -> str:
        """Where this run's parameters are not those of the claim; empty if nowhere."""
        return wording.differences(self.at, self.present)

    def __repr__(self) -> str:
        """One line: the numbers and the verdict."""
        line = f"{self.numbers} → {self.verdict}"
        return f"{line}: {self.elsewhere}" if self.elsewhere else line

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        """What Jupyter stores: text, HTML, and the record under a type of its own."""
        return {"text/plain": repr(self), "text/html": page.badge(self), MIME: self.record()}


class Claims:
    """The claims in the hands of one chapter: ``claim = Claims("chapter", globals())``.

    It stands in the chapter's imports cell and refuses, before anything is computed, parameters
    that the chapter does not declare or that have the wrong type. Called, it signs one claim.
    """

    def __init__(self, chapter: str, namespace: Mapping[str, object], book: Path = BOOK):
        """Check the chapter's parameters.

        Args:
            chapter: name of the notebook, without ``.ipynb``.
            namespace: the notebook's ``globals()``.
            book: folder of the notebooks and of claims.toml.

        Raises:
            ValueError: a parameter is unknown, missing or not finite, or claims.toml is
                not well formed.
            TypeError: a parameter is of the wrong type.
            FileNotFoundError: the book has no such chapter.
        """
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
                located(claim.key, check, parameters, claim.at)

    def __call__(self, key: str, value: float, error: float) -> Finding:
        """Our finding for one claim.

        Args:
            key: the claim's name in claims.toml, where this chapter is the one to sign it.
            value: our number.
            error: one standard error, or a bound on the numerical error; 0 for counts.

        Returns:
            The finding, rounded to its error, with its verdict.

        Raises:
            UnknownClaim: claims.toml has no such key.
            TypeError: value or error is not a number.
            ValueError: another chapter signs it, a number is not finite, an error negative.
        """
        claim = self._mine(key)
        try:
            value, error = float(value), float(error)
        except (TypeError, ValueError):
            raise TypeError(f"claim {key!r}: a value and an error must be numbers") from None
        if not math.isfinite(value) or not 0 <= error < math.inf:
            raise ValueError(f"claim {key!r}: {value} ± {error} is no finding")
        value, error = wording.rounded(value, error)
        present = {name: self.parameters[name] for name in claim.at}
        return Finding(**vars(claim), value=value, error=error, present=present)

    def _mine(self, key: str) -> Claim:
        """The claim, if it is this chapter's to sign."""
        if key not in self.catalogue:
            mine = [key for key, claim in self.catalogue.items() if claim.chapter == self.chapter]
            raise UnknownClaim(f"no claim {key!r}{did_you_mean(key, mine)}")
        claim = self.catalogue[key]
        if claim.chapter != self.chapter:
            raise ValueError(f"claim {key!r} is for the chapter {claim.chapter!r} to sign")
        return claim


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
        names += [
            name
            for name, value in namespace.items()
            if type(value) in INJECTED and name not in IPYTHON and not name.startswith("_")
        ]
    return {name: namespace[name] for name in names}


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
            finding = _current(record, claims, notebook.name)
            if finding.key in found:
                raise ValueError(f"{notebook.name}: claim {finding.key!r} is signed twice")
            found[finding.key] = finding
    return [found[key] for key in claims if key in found]


def kept(notebook: Path, mime: str) -> Iterator[dict]:
    """What the cells of an executed notebook stored under one MIME type, in their order.

    Args:
        notebook: path of an .ipynb file.
        mime: `MIME` for findings, or another type whose content is JSON.
    """
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            if mime in output.get("data", {}):
                yield output["data"][mime]


def _current(record: dict, claims: Mapping[str, Claim], notebook: str) -> Finding:
    """A stored record as a finding, if claims.toml still says what it answers."""
    claim = claims.get(record["key"])
    stated = claim.record() if claim else {}
    if not claim or any(record.get(name) != value for name, value in stated.items()):
        raise ValueError(
            f"{notebook}: the finding for {record['key']!r} answers a claim that claims.toml no "
            "longer makes in this form; execute the chapter again (make refresh)"
        )
    numbers = {name: record[name] for name in ("value", "error", "present")}
    return Finding(**vars(claim), **numbers)


def scorecard(folder: Path | str | None = None, book: Path = BOOK) -> list[Claim]:
    """Every claim of claims.toml: its `Finding` where a chapter signed it, else the `Claim`.

    Args, Raises: as for `read`.
    """
    found = {finding.key: finding for finding in read(folder, book)}
    return [found.get(key, claim) for key, claim in catalogue(book).items()]


def tally(folder: Path | str | None = None, book: Path = BOOK) -> dict[str, int]:
    """How many claims have each of the `VERDICTS`, zeros included.

    Args, Raises: as for `read`.
    """
    verdicts = [claim.verdict for claim in scorecard(folder, book)]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}
