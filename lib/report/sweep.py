"""The command `sweep`: a chapter at every point of a grid, on Dask, safe against being killed."""
from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from math import isnan
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

import lib
from lib.report.claims import MIME, catalogue, kept
from lib.report.execute import (DEAR, Job, cores, execute, explain, kernel_folder, lasting,
                                meant, private_kernels)
from lib.report.journal import Journal, key
from lib.report.parameters import Grid, Parameters, declared, grid
from lib.report.run import RUNS, filename
from lib.report.site import ROOT, chapter

if TYPE_CHECKING:
    from distributed import Client

ADDRESS = re.compile(r"((tcp|tls|wss?|ucx)://)?(\[[\da-fA-F:]+\]|[\w.-]+):\d{1,5}/?")
MANY = 1000  # runs that nobody starts by mistake
PROMPT, PATIENCE = 3, 60  # seconds for an answer, and for a worker to come back


class SweepError(RuntimeError):
    """The sweep could not go on; what is finished is safe."""


def sweep(name: str, given: Sequence[tuple[str, str]] = (), seeds: int | None = None,
          out: Path | None = None, scheduler: str = "", workers: int | None = None,
          yes: bool = False, root: Path = ROOT) -> int:
    """Execute one chapter at every combination of some values of its parameters.

    Each run is on disk as soon as it ends. The same command goes on where it was stopped or
    killed, and makes no finished run again. The exit code is 1 if a run failed.

    Args:
        given, seeds: what to sweep, as for `lib.report.parameters.grid`.
        out: folder of the table, the journal and the plots; by default one named by the command.
        scheduler: address of a Dask scheduler at work; by default one is started here.
        workers: how many runs at once, if it is started here; by default one a core.
        yes: whether not to ask before more than `MANY` runs, or more than `DEAR` seconds.
    """
    if scheduler and not ADDRESS.fullmatch(scheduler):  # Dask would answer with a traceback
        raise ValueError(f"--scheduler is an address like tcp://host:8786, not {scheduler!r}")
    source = chapter(name, root)
    parameters = declared(source)
    if not any(one.chapter == name for one in catalogue(source.parent).values()):
        raise ValueError(f"{name} signs no findings, so that there would be nothing to keep; "
                         "python -m lib run writes its page and figures")
    points = grid(parameters, given, seeds)
    words = dict(given) | ({"seeds": seeds} if seeds else {})
    folder = Path(out) if out else RUNS / f"sweep-{filename(name, words)}"
    text, defaults, hands = bare(source), parameters.defaults, workers or cores()
    heading = {"chapter": name, "version": sha256((text + library()).encode()).hexdigest()[:16],
               "parameters": list(defaults)}
    if not (begun := (folder / "runs.sqlite").exists()):  # else what is finished costs nothing
        _ask(parameters, points, points.size, hands, yes)
    with Journal(folder, heading) as journal:
        todo = [point for point in points if not journal.stands(defaults | point)]
        if todo:
            if begun:
                _ask(parameters, points, len(todo), hands, yes)
            with _client(scheduler, min(hands, len(todo))) as client:
                _work(client, journal, (name, text, library()), defaults, todo, points.size)
        return _finish(journal, points, defaults)


def _ask(parameters: Parameters, points: Grid, number: int, hands: int, yes: bool) -> None:
    """Refuse many runs, and what takes long, unless a person means it.

    Args:
        points: of which so many in ``number`` are to be run.
        hands: how many at once.
    """
    draw = Random(0)
    some = points if points.size <= MANY else (
        {name: draw.choice(values) for name, values in points.axes.items()} for _ in range(MANY))
    seconds = number / hands * fmean(map(parameters.seconds, some))
    if number > MANY or seconds > DEAR:
        time = "" if isnan(seconds) else f", {lasting(seconds)} with {hands} at once"
        meant(f"{number} runs{time}", yes)


def bare(notebook: Path) -> str:
    """A notebook's text without its outputs: what there is to execute."""
    data = json.loads(notebook.read_text("utf-8"))
    for cell in data["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return json.dumps(data, sort_keys=True)


@contextmanager
def _client(scheduler: str, workers: int) -> Iterator[Client]:
    """A client of the scheduler at this address, or of one started here with its workers."""
    from distributed import Client, LocalCluster

    logging.disable()  # Dask's tracebacks; what matters is told by the errors raised here
    cluster = None
    try:
        try:
            with _quietly():
                cluster = None if scheduler else LocalCluster(
                    n_workers=workers, threads_per_worker=1, host="127.0.0.1", memory_limit=0,
                    dashboard_address=None, silence_logs=logging.CRITICAL, preload=[__name__])
                client = Client(cluster or scheduler, timeout=PROMPT, set_as_default=False)
        except Exception as problem:  # whatever Dask says
            sys.unraisablehook = lambda told: None  # what is half made complains once more
            what = f"no scheduler at {scheduler}" if scheduler else "the workers do not start"
            raise SweepError(f"{what}: {problem}") from None
        try:
            yield client
        finally:
            with suppress(TimeoutError):
                client.close(timeout=PROMPT)
    finally:
        if cluster:
            with suppress(TimeoutError):  # a worker that will not end now ends with this process
                cluster.close(timeout=PROMPT)
        logging.disable(logging.NOTSET)


@contextmanager
def _quietly() -> Iterator[None]:
    """Ctrl-C waits, and the processes that are started, which it reaches, say nothing."""
    came: SimpleQueue[None] = SimpleQueue()
    error, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    with _interrupts(came):
        os.dup2(nothing, 2)
        try:
            yield
        finally:
            os.dup2(error, 2)
            os.close(error)
            os.close(nothing)
            if not came.empty():
                raise KeyboardInterrupt


def _work(client: Client, journal: Journal, chapter: tuple[str, str, str], defaults: dict,
          todo: Sequence[dict], total: int) -> None:
    """Run the points, a few more submitted than there are hands, and keep each as it ends."""
    from distributed import Future
    from tqdm import tqdm

    ended: SimpleQueue[Future | None] = SimpleQueue()
    running: dict[Future, dict] = {}
    left, seen = iter(todo), time.monotonic()

    def submit(count: int) -> None:
        for point in islice(left, count):
            future = client.submit(one_run, *chapter, point, pure=False)
            running[future] = point
            future.add_done_callback(ended.put)

    with _interrupts(ended), tqdm(total=total, initial=total - len(todo), unit="run",
                                  disable=not sys.stderr.isatty()) as bar:
        try:
            submit(4 * max(4, cores()))
            while running:
                try:
                    future = ended.get(timeout=1)
                except Empty:
                    seen = _alive(client, seen)
                    bar.refresh()
                    continue
                if future is None:
                    raise KeyboardInterrupt
                point = running.pop(future)
                run = _result(future)
                journal.add({"parameters": defaults | point} | run)
                if run["problem"]:
                    told = ", ".join(f"{name} = {value}" for name, value in point.items())
                    bar.write(f"  failed at {told}: {run['problem'].splitlines()[0]}")
                bar.update()
                submit(1)
        finally:
            client.cancel(list(running))


@contextmanager
def _interrupts(ended: SimpleQueue) -> Iterator[None]:
    """Ctrl-C as one more message: raised anywhere else, Dask's own threads might swallow it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: ended.put(None))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _alive(client: Client, seen: float) -> float:
    """When a worker was last seen; an error if scheduler or workers have been gone for long."""
    workers = client.scheduler_info(n_workers=-1).get("workers") \
        if client.status == "running" else None
    if workers:
        return time.monotonic()
    if time.monotonic() - seen > PATIENCE:
        what = "no worker" if client.status == "running" else "the scheduler is gone, no answer"
        raise SweepError(f"{what} for {PATIENCE:g} s; the same command goes on later")
    return seen


def _result(future: object) -> dict:
    """What a task returned; a worker that died again and again is the run's failure."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker as problem:
        return {"findings": [], "seconds": 0.0, "problem": f"KilledWorker: {problem}",
                "final": False}
    except (CancelledError, OSError):  # the second where it dies while it hands a result over
        raise SweepError("the scheduler is gone; the same command goes on where this "
                         "stopped") from None
    except Exception as problem:  # this is about the workers, and not about a chapter
        raise SweepError(f"the workers cannot serve: {type(problem).__name__}: {problem}\n"
                         "they need this project, in this version, installed") from None


def _finish(journal: Journal, points: Grid, defaults: dict) -> int:
    """Put the table into the order of the grid, draw the findings, say what there is."""
    from lib.report.gallery import swept

    ours = {key(defaults | point): None for point in points}
    runs = [journal.runs[name] for name in ours]
    journal.write_rows(runs + [run for name, run in journal.runs.items() if name not in ours])
    failed = sum(bool(run["problem"]) for run in runs)
    print(f"{len(runs)} runs, {failed} failed: {journal.rows}")
    for claim, picture in swept(points.axes, runs).items():
        drawn = journal.folder / f"{claim}.svg"
        drawn.write_text(picture.data, "utf-8")
        print(drawn)
    return 1 if failed else 0


def dask_setup(worker: object) -> None:
    """Dask calls this in each worker that a sweep starts.

    Ctrl-C reaches every process of a terminal; the sweep ends its workers by itself, and what they
    would say on the way out is of no use.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@lru_cache
def library() -> str:
    """A mark of the library's source, so that runs of two versions are never mixed."""
    home = Path(lib.__file__).parent
    mark = sha256()
    for path in sorted(home.rglob("*.py")):
        if path.parent.name != "report":  # reports results and makes none
            mark.update(f"{path.relative_to(home).as_posix()}\n".encode() + path.read_bytes())
    return mark.hexdigest()[:16]


def one_run(name: str, text: str, version: str, point: Mapping) -> dict:
    """Execute the chapter at one point; this is what a worker does.

    Args:
        name, text: of the chapter, and its notebook.
        version: `library` where the sweep was started; a worker with another refuses.
        point: the parameters to inject.
    """
    from jupyter_client import AsyncKernelManager
    from papermill.exceptions import PapermillExecutionError

    if library() != version:
        raise RuntimeError("this worker has another version of the library")
    problem, final, start = "", True, time.perf_counter()
    with kernel_folder() as folder:
        source, target = Path(folder, f"{name}.ipynb"), Path(folder, "out.ipynb")
        source.write_text(text, "utf-8")
        try:
            execute(Job(source, target, point, canonical=False),
                    private_kernels(Path(folder), AsyncKernelManager), folder, lambda: None)
        except Exception as failure:  # whatever it was, it is this run's and stops no other
            problem, final = explain(failure), isinstance(failure, PapermillExecutionError)
        findings = list(kept(target, MIME)) if target.is_file() else []
    return {"findings": findings, "seconds": round(time.perf_counter() - start, 2),
            "problem": problem, "final": final}
