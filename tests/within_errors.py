"""What nbval lets differ: a drawn point by one step of its last digit, a finding by its error.

A figure is stored with coordinates to a tenth of a point, and on another processor one that lies
half-way between two tenths is rounded to the other. Nothing else of a figure may differ.

Training amplifies rounding, and rounding differs between processors: another machine ends with
weights that are as good and not the same. The tag of a cell says how far its findings may move,

    within-errors     by the stored error, with the same verdict
    within-3-errors   by three of both together, where the networks themselves are chaotic and two
                      runs are two samples; holds may not become differs, nor the reverse

and everything else is compared as in any other cell.
"""
import re
from collections.abc import Callable
from copy import deepcopy
from itertools import zip_longest
from math import hypot

from lib.report.claims import MIME

ROOM = {"within-errors": 1, "within-3-errors": 3}  # in stored errors, by tag
STEP = 0.1  # points, of a coordinate in a stored figure
DUST = 1e-9  # of the subtraction of two decimal numbers
PLACED = re.compile(
    r"""\s(?:d|x|y|width|height)=(?:'[^']*'|"[^"]*")|\btranslate\([^)]*\)""")
COORDINATE = re.compile(r"-?\d+(?:\.\d+)?(?![\w.])")


def redrawn(new: list[dict], stored: list[dict], sanitize: Callable[[str], str]) -> list[dict]:
    """The new outputs, those figures replaced that differ from the stored by a step at most."""
    new = deepcopy(new)
    for output, before in zip(new, stored):
        for kind in ("image/svg+xml", "text/html"):
            pair = [each.get("data", {}).get(kind) for each in (output, before)]
            if None not in pair and pair[0] != pair[1] and same_drawing(*pair, sanitize):
                output["data"][kind] = pair[1]
    return new


def same_drawing(new: str, stored: str, sanitize: Callable[[str], str] = str) -> bool:
    """Whether two texts differ in coordinates only, each by one step at most."""
    (bare, places), (before, where) = (_without_places(text) for text in (new, stored))
    return (sanitize(bare) == sanitize(before) and len(places) == len(where) and all(
        abs(place - old) <= STEP + DUST for place, old in zip(places, where)))


def _without_places(text: str) -> tuple[str, list[float]]:
    """A text with its coordinates taken out, and these."""
    places = []

    def take(found: re.Match) -> str:
        places.append(float(found[0]))
        return "#"

    return PLACED.sub(lambda part: COORDINATE.sub(take, part[0]), text), places


def settled(new: list[dict], stored: list[dict], room: float) -> list[dict]:
    """The new outputs, those whose findings all agree with their stored ones replaced."""
    new = deepcopy(new)
    for output, before in zip(new, stored):
        pairs = zip_longest(*(_records(each) for each in (output, before)))
        agreed = [agree(*pair, room) for pair in pairs]
        if agreed and all(agreed):
            output["data"] = deepcopy(before["data"])
    return new


def _records(output: dict) -> list[dict]:
    """The records of an output, which in the first edition was one."""
    content = output.get("data", {}).get(MIME, [])
    return [content] if isinstance(content, dict) else content


def agree(new: dict | None, stored: dict | None, room: float) -> bool:
    """Whether two records of a finding differ only in digits that its error does not support."""
    if new is None or stored is None:
        return False
    numbers = {name: stored[name] for name in ("value", "error")}
    if None in numbers.values() or None in (new["value"], new["error"]):  # no number to move
        return new == stored
    value, error = (abs(new[name] - number) for name, number in numbers.items())
    unsure = stored["error"]
    if room > 1:
        unsure = hypot(unsure, new["error"])
        if "undecided" in (new["verdict"], stored["verdict"]):
            new = new | {"verdict": stored["verdict"]}
    return (value <= room * unsure * (1 + DUST) and error <= room * stored["error"] * (1 + DUST)
            and new | numbers == stored)


def install(cell: type) -> None:
    """Teach nbval's cell class both rules."""
    compare: Callable = cell.compare_outputs

    def compare_outputs(self, test, ref, skip_compare=None):
        for tag in ROOM.keys() & self.cell.metadata.get("tags", []):
            test = settled(test, ref, ROOM[tag])
        return compare(self, redrawn(test, ref, self.sanitize), ref, skip_compare)

    cell.compare_outputs = compare_outputs
