"""What a sweep has finished, on disk: safe against being killed at any moment.

``journal.jsonl`` is the truth: a heading, then a line a run, appended and forced to disk as the
run ends. A line that was cut off by a kill is dropped when the sweep goes on. ``rows.csv`` is made
from it, for people and other programs.
"""
from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

COLUMNS = ("claim", "value", "error", "low", "high", "verdict", "seconds", "problem")


class Journal:
    """The finished runs of one folder; a context that holds the folder's lock.

    A run is a dictionary: ``parameters`` (all of the chapter's), ``findings`` (records of claims),
    ``seconds``, ``problem`` (empty if it ran through) and ``final`` (whether it stands: a run
    whose kernel or worker died is made again).
    """

    def __init__(self, folder: Path, heading: Mapping):
        """Open the folder's journal, a new one if there is none.

        Args:
            folder: made if it is missing.
            heading: what all runs of the folder have in common: ``chapter``, ``version`` and the
                names of the ``parameters``.

        Raises:
            ValueError: another sweep is at work in the folder, or its runs have another heading.
            OSError: the folder cannot be made or written.
        """
        self.folder, self.runs, self._names = Path(folder), {}, heading["parameters"]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.folder / "lock", "a")
        try:
            if not _locked(self._lock):
                raise ValueError(f"another sweep is at work in {self.folder}")
            self._file = self._continued(heading)
            self.rows = self.write_rows(self.runs.values())
        except BaseException:
            self._lock.close()  # and with it the lock is gone
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()
        self._lock.close()  # which gives up the lock, as a kill does

    def _continued(self, heading: Mapping) -> io.FileIO:
        """Read what is there, drop a line cut off, and return the file ready to append."""
        file = open(self.folder / "journal.jsonl", "a+b", buffering=0)
        file.seek(0)
        whole, _, cut = file.readall().rpartition(b"\n")
        if cut:
            file.truncate(len(whole) + bool(whole))
        lines = [json.loads(line) for line in whole.splitlines()]
        if lines and lines[0] != heading:
            file.close()
            changed = " and ".join(name for name in heading if lines[0].get(name) != heading[name])
            raise ValueError(f"the runs in {self.folder} are of another {changed}; "
                             "start anew with another --out")
        for run in lines[1:]:  # of a point made again the last line counts
            self.runs[key(run["parameters"])] = run
        if not lines:
            self._append(file, heading)
        return file

    def stands(self, parameters: Mapping) -> bool:
        """Whether the run with these parameters is finished."""
        run = self.runs.get(key(parameters))
        return bool(run) and run["final"]

    def add(self, run: Mapping) -> None:
        """Keep one run; it is on disk when this returns.

        Raises:
            OSError: it could not be written; all the others are safe.
        """
        self._append(self._file, run)
        self.runs[key(run["parameters"])] = run
        with open(self.rows, "a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(_rows(run))

    @staticmethod
    def _append(file: io.FileIO, line: Mapping) -> None:
        data = json.dumps(line).encode() + b"\n"
        while data:  # a disk may take a part, and the rest never
            data = data[file.write(data):]
        os.fsync(file.fileno())

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


def _locked(file: io.TextIOBase) -> bool:
    """Take the lock, which the system gives back when the process ends, however it ends."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
