"""Verdicts with other seeds: how many turn, and whether errors are as large as the scatter.

    python -m tests.seeds [CHAPTER ...] [--seeds 5] [--resume]

Every chapter runs at its own size with the seeds that follow its own, whose run is on its page,
and every claim is judged, at whatever parameters. What comes out of all chapters is written to
``book/evidence/seeds.json``, which the scorecard shows. ``--resume`` keeps what an interrupted
command had executed.
"""
import argparse
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from lib.estimate import Estimate
from lib.report.claims import BOOK, MIME, Finding, answering, catalogue, kept
from lib.report.claims import judged as on_record
from lib.report.execute import Job, execute_all
from lib.report.leaf import title
from lib.report.parameters import declared
from lib.report.site import ROOT, SCORECARD, chapter, chapters

TABLES, EXECUTED = BOOK / "evidence" / "seeds.json", ROOT / "_build" / "seeds"
HEAD = ["chapter", "runs", "findings", "holds ↔ differs", "by chance", "to or from undecided",
        "by chance", "sampled", "scatter / error"]
FAR = 2.0  # times the error: one in three hundred by chance


def judged(notebook: Path) -> dict[str, Finding]:
    """The findings of a run that have a number, judged by their ranges alone."""
    claims = catalogue()
    found = (replace(answering(one, claims), at={}, present={}, matched=True)
             for one in kept(notebook, MIME))
    return {one.key: one for one in found if not one.elsewhere}


def turned(verdicts: Sequence[str]) -> int:
    """0 if all are the same, 2 if one holds and one differs, else 1."""
    seen = set(verdicts)
    return 2 if {"holds", "differs"} <= seen else int(len(seen) > 1)


def told(verdicts: Sequence[str]) -> str:
    """How many of each: "3 holds, 2 undecided"."""
    return ", ".join(f"{verdicts.count(one)} {one}" for one in dict.fromkeys(verdicts))


def chance(runs: Sequence[Finding]) -> np.ndarray:
    """Probabilities that the verdicts of so many runs turn as `turned` says, 1 and 2.

    The truth is taken to be the mean of the runs, and they to be normal with the stated error.
    """
    one = runs[0]
    if one.error_from == "bound" or not all(run.error for run in runs):
        return np.zeros(2)
    ends = [Estimate(run.value, run.error, run.samples, run.error_from).interval()
            if run.reach is None else (-run.reach, run.reach) for run in runs]
    value, half = np.mean([run.value for run in runs]), np.mean(np.diff(ends)) / 2
    error = np.sqrt(np.mean([run.error**2 for run in runs]))
    high, low = (one.high - value) / error, (one.low - value) / error
    half /= error
    holds = max(ndtr(high - half) - ndtr(low + half), 0.0)
    differs = ndtr(low - half) + ndtr(-high - half)
    rest, n = 1.0 - holds - differs, len(runs)
    both = 1.0 - (1.0 - holds)**n - (1.0 - differs)**n + rest**n
    return np.abs([1.0 - holds**n - differs**n - rest**n - both, both])  # no minus zero


def scatter(runs: Sequence[Finding]) -> float:
    """Scatter over the runs divided by the root mean square of the stated errors.

    NaN for what does not hang on the seed, and for a largest of many, whose error is not its own.
    """
    values = [run.value for run in runs]
    if runs[0].error_from == "largest" or runs[0].error_from == "bound" and len(set(values)) == 1:
        return np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.std(values, ddof=1) / np.sqrt(np.mean([run.error**2 for run in runs]))


def tables(found: dict[str, list[list[Finding]]], made: str) -> list[dict]:
    """What the scorecard shows: counts by chapter, and the claims that turned or strayed."""
    rows, listed = [], []
    for name, claims in found.items():
        turns = [turned([run.verdict for run in runs]) for runs in claims]
        (doubt, turn), ratios = sum(map(chance, claims)), np.array(list(map(scatter, claims)))
        drawn = np.isfinite(ratios)
        rms = f"{np.sqrt(np.mean(ratios[drawn] ** 2)):.2f}" if drawn.any() else "–"
        rows.append([title(chapter(name)), len(claims[0]), len(claims), turns.count(2),
                     f"{turn:.1f}", turns.count(1), f"{doubt:.1f}", int(drawn.sum()), rms])
        listed += [[runs[0].key, runs[0].range, "; ".join(run.number for run in runs),
                    told([run.verdict for run in runs]), "" if np.isnan(one) else f"{one:.1f}"]
                   for runs, one, turns in zip(claims, ratios, turns) if turns or one > FAR]
    sums = [f"{sum(float(row[i]) for row in rows):.3g}" for i in range(2, 8)]
    long = [[one, one] for one in on_record().values()]
    doubt, turn = sum(map(chance, long))
    rows += [["all", "", *sums, ""], ["runs on record, made once more", 2, len(long), "–",
                                      f"{turn:.1f}", "–", f"{doubt:.1f}", "–", "–"]]
    pair = (HEAD, rows, f"Verdicts with other seeds ({made})."), (
        ["claim", "range", "found", "verdicts", HEAD[-1]], listed,
        f"Claims that turned, or scatter by more than {FAR:g} times the stated error.")
    return [dict(zip(("columns", "rows", "caption"), one)) for one in pair if one[1]]


def finished(notebook: Path) -> bool:
    """Whether papermill came to the end of it."""
    return notebook.is_file() and bool(json.loads(notebook.read_text("utf-8"))["metadata"][
        "papermill"].get("duration"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.seeds", description=__doc__)
    parser.add_argument("chapters", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--resume", action="store_true")
    asked = parser.parse_args()
    names = asked.chapters or [path.stem for path in chapters() if path.stem != SCORECARD
                               and "seed" in declared(path).defaults and judged(path)]
    jobs = [Job(chapter(name), EXECUTED / f"{name}-{i}.ipynb",
                {"seed": declared(chapter(name)).defaults["seed"] + i}, canonical=False)
            for i in range(1, asked.seeds) for name in names]
    todo = [job for job in jobs if not (asked.resume and finished(job.target))]
    failed = [one for one in execute_all(todo, workers=1) if one.error]
    for one in failed:
        one.job.target.unlink(missing_ok=True)
        print(f"{one.job.name}, {dict(one.job.parameters)}: {one.error}")
    found = {}
    for name in names:
        runs = [judged(path) for path in [chapter(name), *(
            job.target for job in jobs if job.name == name and job.target.is_file())]]
        found[name] = [[run[key] for run in runs] for key in runs[0]
                       if all(key in run for run in runs)]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True,
                            capture_output=True).stdout.strip()
    made = tables(found, f"{date.today()}, commit {commit}")
    for one in made:
        print(*(" | ".join(map(str, row)) for row in [one["columns"], *one["rows"]]), "", sep="\n")
    if not asked.chapters and not failed:
        TABLES.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
