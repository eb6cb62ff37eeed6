"""What nbval lets differ: a drawn point by one step of its last digit, a sample by its error.

A figure is stored with coordinates to a tenth of a point, and on another processor one that lies
half-way between two tenths is rounded to the other. Nothing else of a figure may differ.

Training amplifies rounding, and so does what is read in single precision, and rounding differs
between processors: another machine ends with networks that are as good and not the same. Two runs
of a cell tagged `another-sample` are two samples.

    a finding   its value by three of both errors together, its error by what so few samples give
                once in a thousand; holds may not become differs, nor the reverse
    a table     a number with an error likewise, one without by a quarter of itself
    a drawing   its points by a tenth of a panel, its pixels in any way

and everything else is compared as in any other cell.
"""
import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import zip_longest
from math import hypot, sqrt

from scipy.special import fdtri

from lib.report.claims import MIME
from lib.report.evidence import TABLE

TAG = "another-sample"  # of a cell
ROOM = 3  # errors
CHANCE = 1e-3  # that the ratio of two honest errors is taken for a fault
ALONE = 0.25  # of itself, what a number without an error may move by
FEW = 3  # samples behind a number in a table, which does not say how many
STEP, TENTH = 0.1, 15.0  # points, of a coordinate in a stored figure; of the height of a panel
DUST = 1e-9  # of the subtraction of two decimal numbers
PLACED = re.compile(
    r"""\s(?:d|x|y|width|height)=(?:'[^']*'|"[^"]*")|\btranslate\([^)]*\)""")
PIXELS = re.compile("base64,[A-Za-z0-9+/]+=*")
COORDINATE = re.compile(r"-?\d+(?:\.\d+)?(?![\w.])")
NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?: ± (\d+(?:\.\d+)?(?:e[+-]?\d+)?))?")


def redrawn(new: list[dict], stored: list[dict], sanitize: Callable[[str], str],
            step: float = STEP) -> list[dict]:
    """The new outputs, those figures replaced that differ from the stored by a step at most."""
    new = deepcopy(new)
    for output, before in zip(new, stored):
        for kind in ("image/svg+xml", "text/html"):
            pair = [each.get("data", {}).get(kind) for each in (output, before)]
            if None not in pair and pair[0] != pair[1] and same_drawing(*pair, sanitize, step):
                output["data"][kind] = pair[1]
    return new


def same_drawing(new: str, stored: str, sanitize: Callable[[str], str] = str,
                 step: float = STEP) -> bool:
    """Whether two texts differ in coordinates only, each by one step at most."""
    (bare, places), (before, where) = (_without_places(text) for text in (new, stored))
    return (sanitize(bare) == sanitize(before) and len(places) == len(where) and all(
        abs(place - old) <= step + DUST for place, old in zip(places, where)))


def _without_places(text: str) -> tuple[str, list[float]]:
    """A text with its coordinates taken out, and these."""
    places = []

    def take(found: re.Match) -> str:
        places.append(float(found[0]))
        return "#"

    return PLACED.sub(lambda part: COORDINATE.sub(take, part[0]), text), places


def settled(new: list[dict], stored: list[dict]) -> list[dict]:
    """The new outputs, those replaced whose findings and tables all agree with the stored ones."""
    new = deepcopy(new)
    for output, before in zip(new, stored):
        old, data = before.get("data", {}), output.get("data", {})
        agreed = [agree(*pair) for pair in zip_longest(data.get(MIME, []), old.get(MIME, []))]
        if TABLE in data and TABLE in old:
            agreed.append(_same_table(data[TABLE], old[TABLE]))
        if agreed and all(agreed):
            output["data"] = deepcopy(old)
    return new


def agree(new: dict | None, stored: dict | None) -> bool:
    """Whether two records of a finding are samples of the same."""
    if new is None or stored is None:
        return False
    free = {name: stored[name] for name in ("value", "error", "samples", "reach")
            if name in new.keys() & stored.keys()}
    if "undecided" in (new["verdict"], stored["verdict"]):
        free["verdict"] = stored["verdict"]
    many = [one["samples"] or 0 for one in (new, stored)]
    return (new | free == stored and abs(many[0] - many[1]) <= ROOM * sqrt(sum(many))
            and _near(*((one.get("reach"), None) for one in (new, stored)), 1)
            and _near(*((one["value"], one["error"]) for one in (new, stored)), min(many)))


def _same_table(new: dict, stored: dict) -> bool:
    """Whether two tables differ in numbers only, which are of two samples."""
    return (new | {"rows": stored["rows"]} == stored and len(new["rows"]) == len(stored["rows"])
            and all(map(_same_row, new["rows"], stored["rows"])))


def _same_row(new: list, stored: list) -> bool:
    """Whether two rows have the same name, the same words, and numbers of two samples."""
    (words, numbers), (said, before) = (
        (NUMBER.sub("#", each), NUMBER.findall(each)) for each in map("\t".join, (
            map(str, row[1:]) for row in (new, stored))))
    return new[:1] == stored[:1] and words == said and all(
        _near(*([float(part) if part else None for part in each] for each in pair), FEW)
        for pair in zip(numbers, before))


def _near(new: Iterable, stored: Iterable, samples: int) -> bool:
    """Whether two values with their errors may be of two samples of the same."""
    (value, error), (old, before) = new, stored
    if None in (value, old) or (error is None) != (before is None):
        return (value, error) == (old, before)
    if error is None:
        return abs(value - old) <= ALONE * abs(old) * (1 + DUST)
    low, high = sorted((error, before))
    free = max(samples, FEW) - 1
    return (abs(value - old) <= ROOM * hypot(error, before) * (1 + DUST)
            and (low == 0 or bool((high / low)**2 <= fdtri(free, free, 1 - CHANCE / 2))))


def install(cell: type) -> None:
    """Teach nbval's cell class both rules."""
    compare: Callable = cell.compare_outputs

    def compare_outputs(self, test, ref, skip_compare=None):
        sanitize, step = self.sanitize, STEP
        if TAG in self.cell.metadata.get("tags", []):
            test, step = settled(test, ref), TENTH
            sanitize = lambda text: PIXELS.sub("PIXELS", self.sanitize(text))  # noqa: E731
        return compare(self, redrawn(test, ref, sanitize, step), ref, skip_compare)

    cell.compare_outputs = compare_outputs
