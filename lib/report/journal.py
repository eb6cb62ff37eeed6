"""What a sweep has finished, on disk: safe against being killed at any moment.

``runs.sqlite`` is the truth: a row a run, on disk as the run ends. ``rows.csv`` is made from it,
for people and other programs.
"""
from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

COLUMNS = ("claim", "value", "error", "low", "high", "verdict", "seconds", "problem")


class Journal:
    """The finished runs of one folder; a context that has the folder to itself.

    A run is a dictionary: ``parameters`` (all of the chapter's), ``findings`` (records of claims),
    ``seconds``, ``problem`` (empty if it ran through) and ``final`` (whether it stands: a run
    whose kernel or worker died is made again). ValueError if another sweep is at work in the
    folder, or if its runs have another heading; OSError if it cannot be written.

    Args:
        folder: made if it is missing.
        heading: what all runs of the folder have in common: ``chapter``, ``version`` and the
            names of the ``parameters``.
    """

    def __init__(self, folder: Path, heading: Mapping):
        self.folder, self._names = Path(folder), heading["parameters"]
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / "journal.jsonl").exists():  # of the first edition: never written over
            raise ValueError(f"the runs in {folder} are of another version; "
                             "start anew with another --out")
        self._store = sqlite3.connect(self.folder / "runs.sqlite", timeout=0, isolation_level=None)
        try:
            self._store.execute("PRAGMA locking_mode = EXCLUSIVE")  # given up by a kill as well
            self._store.execute("CREATE TABLE IF NOT EXISTS runs (key TEXT PRIMARY KEY, run TEXT)")
            self._store.execute("INSERT OR IGNORE INTO runs VALUES ('', ?)", [json.dumps(heading)])
            rows = self._store.execute("SELECT key, run FROM runs ORDER BY rowid")
            self.runs = {name: json.loads(run) for name, run in rows}
            known = self.runs.pop("")
            if known != heading:
                changed = " and ".join(name for name in heading
                                       if known.get(name) != heading[name])
                raise ValueError(f"the runs in {folder} are of another {changed}; "
                                 "start anew with another --out")
            self.rows = self.write_rows(self.runs.values())
        except sqlite3.Error as problem:
            self._store.close()
            locked = "locked" in str(problem)
            raise ValueError(f"another sweep is at work in {folder}") if locked else \
                OSError(f"{folder}: {problem}") from None
        except BaseException:
            self._store.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *problem: object) -> None:
        self._store.close()

    def stands(self, parameters: Mapping) -> bool:
        """Whether the run with these parameters is finished."""
        run = self.runs.get(key(parameters))
        return bool(run) and run["final"]

    def add(self, run: Mapping) -> None:
        """Keep one run; it is on disk when this returns. OSError if not; all others are safe."""
        name = key(run["parameters"])
        try:
            self._store.execute("REPLACE INTO runs VALUES (?, ?)", [name, json.dumps(run)])
        except sqlite3.Error as problem:
            raise OSError(f"{self.folder}: {problem}") from None
        self.runs[name] = run
        with open(self.rows, "a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(_rows(run))

    def write_rows(self, runs: Iterable[Mapping]) -> Path:
        """Write the table anew, whole or not at all: a row a run and claim, one for a failure."""
        target = self.folder / "rows.csv"
        draft = target.with_suffix(".part")
        with open(draft, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*self._names, *COLUMNS])
            for run in runs:
                writer.writerows(_rows(run))
        os.replace(draft, target)
        return target


def key(parameters: Mapping) -> str:
    """The parameters as one text, whatever their order."""
    return json.dumps(dict(parameters), sort_keys=True)


def _rows(run: Mapping) -> list[Sequence]:
    """The rows of one run."""
    given = list(run["parameters"].values())  # in the order of the chapter, as the names are
    rows = [[*given, finding["key"], *(finding[name] for name in COLUMNS[1:6]), run["seconds"], ""]
            for finding in run["findings"]]
    if run["problem"] or not rows:
        rows.append([*given, *[""] * 6, run["seconds"], run["problem"]])
    return rows
