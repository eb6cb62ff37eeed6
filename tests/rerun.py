"""Chapters run with parameters that nobody chose: a page, or a refusal before a kernel starts.

    python -m tests.rerun [CHAPTER ...] [--count 20] [--seed 1] [--seconds 12]

The corners come first: both ends of every range, every named nonlinearity and some formulas, each
beside small sizes; then settings at random; then the commands of the exercises, with what their
solutions state: a line ``% then KEY < 3`` of a solution (or ``>``, or ``is elsewhere``) is about
that finding of the run. What would take longer than ``--seconds`` is not drawn.
"""
import argparse
import json
import operator
import re
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from math import exp, log
from pathlib import Path
from random import Random
from typing import NamedTuple

from lib.activations import FAMILIES
from lib.report.claims import MIME, answering, catalogue, kept
from lib.report.execute import Job, execute_all
from lib.report.leaf import leaf
from lib.report.parameters import PLACES, Parameter, Parameters, check, declared, understood
from lib.report.site import ROOT, SCORECARD, chapters

FORMULAS = ("x*exp(-x**2/8)", "sin(3*x) + x/2", "abs(x)", "x**3", "exp(x)", "exp(-x**2)", "x",
            "max(x, -1)", "1/(1+x**2)", "sigmoid(x) - 0.5", "relu(x)**2", "0*x + 1")
COMMAND = re.compile(r"`python -m lib run ([^`]+)`")
STATED = re.compile(r"^\s*% then (\S+) (<|>|is) (\S+)$", re.MULTILINE)
SLOW = 6  # times longer than told; the machine may be busy
COMPARE = {"<": operator.lt, ">": operator.gt}


class Setting(NamedTuple):
    """A chapter, what is given for its parameters, and what must come out."""

    notebook: Path
    given: Mapping[str, object]
    stated: tuple = ()

    def __str__(self) -> str:
        words = (word for name, value in self.given.items() for word in ("-p", name, str(value)))
        return shlex.join(["run", self.notebook.stem, *words])


# What to try

@cache
def ends(one: Parameter) -> list:
    """What a parameter may be at most and at least, or each of its words."""
    if one.range in PLACES:
        return [one.default]
    if one.range == "formula":
        return [*FAMILIES, *FORMULAS]
    if ".." not in one.range:
        return [True, False] if one.kind is bool else one.range.split("|")
    return [one.kind(float(end)) if one.kind in (int, float) else end
            for end in one.range.split("..") if end]


def drawn(one: Parameter, rng: Random, most: float = float("inf")) -> object:
    """A value from the range of a parameter, up to ``most``; sizes by their logarithm."""
    limits = ends(one)
    if one.kind in (str, bool):
        if ".." not in one.range:
            return rng.choice(limits)
        low, high = map(int, limits)
        return ", ".join(str(round(exp(rng.uniform(log(low), log(min(high, 60))))))
                         for _ in range(rng.randint(1, 4)))
    low, high = limits[0], one.kind(min(limits[1] if len(limits) > 1 else 10**6, most))
    if low > 0 and (high > 20 * low or one.kind is int):
        value = exp(rng.uniform(log(low), log(max(high, low))))
    else:
        value = rng.uniform(low, max(high, low))
    return min(max(one.kind(f"{value:.3g}") if one.kind is float else round(value), low), high)


def beside(parameters: Parameters, fixed: Mapping, rng: Random, limit: float) -> dict | None:
    """The fixed values beside small sizes, so that a run takes ``limit`` seconds at most."""
    sizes = [one for one in parameters if one.kind is int and one.name != "seed"]
    for attempt in range(300):
        small = {one.name: drawn(one, rng, max(one.default * 0.98**attempt, ends(one)[0]))
                 for one in sizes}
        if parameters.seconds(small | dict(fixed)) <= limit:
            return small | dict(fixed)
    return None


def settings(notebook: Path, count: int, rng: Random, limit: float) -> Iterator[Setting]:
    """The corners of a chapter, then ``count`` settings of one to three parameters at random."""
    parameters = declared(notebook)
    corners = [{one.name: end} for one in parameters for end in ends(one)]
    some = [{one.name: drawn(one, rng) for one in rng.sample(
        parameters, rng.randint(1, min(3, len(parameters))))} for _ in range(count)]
    for fixed in corners + some:
        given = beside(parameters, fixed, rng, limit)
        if given is not None:
            yield Setting(notebook, given)


def exercises(notebook: Path) -> Iterator[Setting]:
    """The commands that solutions of the chapter give, and what they state behind each."""
    parameters = declared(notebook)
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    places = [*COMMAND.finditer(text)]
    for place, after in zip(places, [one.start() for one in places[1:]] + [len(text)]):
        words = shlex.split(place[1])
        pairs = [(words[at + 1], words[at + 2]) for at, word in enumerate(words) if word == "-p"]
        yield Setting(notebook, understood(tuple(parameters), pairs),
                      tuple(STATED.findall(text[place.end():after])))


# What comes out

def faults(executed: Path, setting: Setting) -> list[str]:
    """What is wrong with a page: warnings, numbers that are none, statements that are false."""
    told, claims = [], catalogue()
    for cell in json.loads(executed.read_text("utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                told.append("".join(output["text"]).strip().splitlines()[0])
            if re.search(r"\bnan\b", "".join(output.get("data", {}).get("text/plain", ""))):
                told.append("nan in: " + "".join(output["data"]["text/plain"])[:80])
    found = {record["key"]: answering(record, claims) for record in kept(executed, MIME)}
    for key, word, wanted in setting.stated:
        one = found[key]
        if not (one.verdict == wanted if word == "is" else
                one.value is not None and COMPARE[word](one.value, float(wanted))):
            told.append(f"{key} is {one!r}, and the solution states {word} {wanted}")
    leaf(executed, ROOT / "book")
    return told


def tried(todo: list[Setting]) -> Iterator[tuple[Setting, str]]:
    """Each setting with its end: empty for a page, else the refusal or what was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = {}
        for number, setting in enumerate(todo):
            try:
                check(declared(setting.notebook), setting.given)
            except (ValueError, TypeError) as problem:
                yield setting, f"refused: {problem}"
                continue
            target = Path(folder, str(number), setting.notebook.name)
            jobs[target] = setting
        outcomes = execute_all([Job(setting.notebook, target, setting.given, canonical=False)
                                for target, setting in jobs.items()])
        for outcome in outcomes:
            setting = jobs[outcome.job.target]
            wrong = [outcome.error] if outcome.error else faults(outcome.job.target, setting)
            told = declared(setting.notebook).seconds(setting.given)
            if not outcome.error and outcome.seconds > SLOW * told:
                wrong.append(f"{outcome.seconds:.0f} s, and {told:.0f} s were told")
            yield setting, "; ".join(wrong)


def main() -> int:
    """Try, print what went wrong, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CHAPTER")
    parser.add_argument("--count", type=int, default=20, help="settings at random, each chapter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=12, help="what a run may take")
    options = parser.parse_args()
    rng, counts = Random(options.seed), Counter()
    for notebook in chapters():
        if notebook.stem == SCORECARD or options.names and notebook.stem not in options.names:
            continue
        todo = [*settings(notebook, options.count, rng, options.seconds),
                *(one for one in exercises(notebook)
                  if declared(notebook).seconds(one.given) <= 10 * options.seconds)]
        here = Counter()
        for setting, end in tried(todo):
            word = "refused" if end.startswith("refused") else "failed" if end else "page"
            here[word] += 1
            if end:
                print(f"{setting}\n    {end}", flush=True)
        counts += here
        print(f"{notebook.stem}: {dict(here)}", flush=True)
    print(f"all: {dict(counts)}")
    return 1 if counts["failed"] or counts["refused"] > 0.1 * counts.total() else 0


if __name__ == "__main__":
    sys.exit(main())
