"""Notebooks executed from scratch: fresh kernels side by side, under one progress bar."""
from __future__ import annotations

import itertools
import logging
import os
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from math import isnan
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING, Callable, Mapping, NamedTuple, Sequence
from zlib import crc32

from lib.report.leaf import figure
from lib.report.parameters import DATA, declared

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from tqdm import tqdm

DEAR = 180  # seconds that nobody waits for by mistake
SOCKET = 60  # letters of a folder in which the names of sockets do not become too long
CELL_LIMIT = 1200  # seconds; a cell that takes longer has hung, if its chapter is not as slow
# One thread each (kernels run side by side, and a sum over threads rounds differently), sets in a
# fixed order, figures always inline.
SURROUNDINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


class Job(NamedTuple):
    """One notebook to execute, where to write the executed copy, and its parameters.

    A copy that is ``canonical`` has no trace of the run; others keep the cell of parameters that
    papermill put in, and its notes.
    """

    source: Path
    target: Path
    parameters: Mapping[str, object] = {}
    canonical: bool = True

    @property
    def name(self) -> str:
        """Name of the chapter: the file's, without its ending."""
        return self.source.stem


class Outcome(NamedTuple):
    """How the execution of one notebook ended; ``error`` is empty if it ran through."""

    job: Job
    seconds: float
    error: str = ""

    def word(self) -> str:
        """What to print behind it: nothing, or that it failed."""
        return "FAILED" if self.error else ""


def execute_all(*groups: Sequence[Job], workers: int | None = None,
                settle: Callable[[Outcome], str] = Outcome.word) -> list[Outcome]:
    """Execute notebooks side by side, group after group, each by papermill in its own kernel.

    A notebook that fails stops no other; what it did before failing stands in its target. On
    Ctrl-C every kernel is ended first.

    Args:
        workers: how many at once; by default one a core.
        settle: called with each outcome as it comes in; returns the word to print behind it.
    """
    from jupyter_client import AsyncKernelManager
    from tqdm import tqdm

    running: list[str] = []
    futures: list[Future] = []

    def work(job: Job) -> Outcome:
        running.append(job.name)
        start, error = time.perf_counter(), ""
        try:
            execute(job, kernels, folder, bar.update)
        except Exception as problem:  # whatever it was, it is this chapter's and goes no further
            error = explain(problem)
        running.remove(job.name)
        return Outcome(job, time.perf_counter() - start, error)

    with (
        kernel_folder() as folder,
        tqdm(total=sum(map(_code_cells, itertools.chain(*groups))), leave=False,
             disable=not sys.stderr.isatty(),
             bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} cells, {elapsed}{postfix}") as bar,
        ThreadPoolExecutor(workers or cores()) as pool,
    ):
        kernels = private_kernels(Path(folder), AsyncKernelManager)
        try:
            for group in groups:
                started = [pool.submit(work, job) for job in group]
                futures += started
                _watch(started, bar, running, settle)
        except BaseException:
            logging.disable()  # that kernels died is no news
            pool.shutdown(wait=False, cancel_futures=True)
            while not all(future.done() for future in futures):
                kernels.kill_all()  # again and again: one may have been about to start
                time.sleep(0.1)
            logging.disable(logging.NOTSET)
            raise
    return [future.result() for future in futures]


def execute(job: Job, kernels: type, folder: str, on_cell: Callable[[], object]) -> None:
    """Execute one notebook by papermill; what that raises when a cell fails is raised.

    Args:
        kernels: kernel manager class, from `private_kernels`.
        folder: of the kernel; not the notebook's, as a chapter must run from any folder.
        on_cell: called after each code cell.
    """
    import nbformat
    import papermill

    job.target.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            job.source, job.target, dict(job.parameters),
            kernel_name="python3", language="python", progress_bar=False,
            request_save_on_cell_execute=False,  # nothing half-done beside the finished ones
            execution_timeout=_limit(job), kernel_manager_class=kernels,
            resources={"metadata": {"path": folder}},  # papermill's `cwd` would move every thread
            coalesce_streams=True,  # where a text is cut depends on the clock
            shutdown_kernel="immediate",  # the polite way takes three seconds now and then
            on_cell_complete=lambda cell, cell_index: on_cell(),
        )
    except OSError:  # the disk is full; nobody takes half a file for a whole one
        job.target.unlink(missing_ok=True)
        raise
    if job.canonical:
        executed = nbformat.read(job.target, as_version=4)
        job.target.write_text(canonical(executed), encoding="utf-8", newline="\n")


def _limit(job: Job) -> int:
    """Seconds after which a cell has hung: a busy machine is ten times as slow."""
    told = declared(job.source).seconds(job.parameters)
    return CELL_LIMIT if isnan(told) else max(CELL_LIMIT, round(10 * told))


def canonical(notebook: NotebookNode) -> str:
    """Text of an executed notebook's file without the traces of one run: same outputs, same bytes.

    The metadata name the kernel and the language and nothing else; timings and injected parameters
    are gone. A picture in pixels is titled with its figure's name. The notebook is changed.
    """
    import nbformat

    notebook.metadata = nbformat.from_dict({
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python",
                       "name": "python3"},
        "language_info": {"name": "python"},
    })
    notebook.cells = [cell for cell in notebook.cells
                      if "injected-parameters" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        for trace in ("papermill", "execution"):
            cell.metadata.pop(trace, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]  # papermill gives every cell an empty list
        for output in cell.get("outputs", ()):
            if png := output.get("data", {}).get("image/png"):
                output.data["image/png"] = titled(png, figure(cell).get("name", ""))
    return nbformat.writes(notebook) + "\n"


def titled(png: str, title: str) -> str:
    """A PNG in base 64 with a title, by which its place is known; an earlier title is left alone.

    Args:
        title: plain ASCII.
    """
    data = b64decode(png)
    header, rest = data[:33], data[33:]  # signature and first chunk: the size
    if rest[4:8] == b"tEXt":
        return png
    chunk = b"tEXtTitle\0" + title.encode("ascii")
    parts = header, pack(">I", len(chunk) - 4), chunk, pack(">I", crc32(chunk)), rest
    return b64encode(b"".join(parts)).decode()


def _watch(futures: Sequence[Future], bar: tqdm, running: Sequence[str],
           settle: Callable[[Outcome], str]) -> None:
    """Keep the bar moving, and write a line for each notebook as it ends, until all have."""
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, timeout=0.3, return_when=FIRST_COMPLETED)
        for future in ended:
            outcome = future.result()
            word = settle(outcome)
            bar.write(f"  {outcome.job.name:<24}{outcome.seconds:6.1f} s  {word}".rstrip())
        bar.set_postfix_str(", ".join(running))


def _code_cells(job: Job) -> int:
    """How many code cells will be executed, the injected one included."""
    import nbformat

    cells = nbformat.read(job.source, as_version=4).cells
    written = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in cells)
    return written + bool(job.parameters)


def cores() -> int:
    """How many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", lambda process: range(os.cpu_count() or 1))
    return len(allowed(0))


def lasting(seconds: float) -> str:
    """A duration in words, no finer than it is known.

    >>> lasting(8.7), lasting(100), lasting(5000), lasting(20000)
    ('about 9 seconds', 'about 2 minutes', 'about 83 minutes', 'about 6 hours')
    """
    for least, unit, name in ((7200, 3600, "hours"), (90, 60, "minutes")):
        if seconds >= least:
            return f"about {seconds / unit:.0f} {name}"
    return f"about {max(round(seconds), 2)} seconds"


def meant(told: str, yes: bool) -> None:
    """Go on with what is dear only if a person says so.

    Args:
        told: what it is and how long it takes.
        yes: whether it was said beforehand.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ValueError(f"{told}; if that is meant, give --yes")
    if input(f"{told}. Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise ValueError("not confirmed; nothing was run")


def explain(problem: Exception) -> str:
    """Why a chapter failed: the error, and the line and the number of the cell if it has one."""
    from papermill.exceptions import PapermillExecutionError

    if isinstance(problem, PapermillExecutionError):
        line = problem.source.strip().splitlines()[0]
        return f"{problem.ename}: {problem.evalue}\nin cell [{problem.exec_count}], {line}"
    return f"{type(problem).__name__}: {problem}"


def kernel_folder() -> tempfile.TemporaryDirectory:
    """A folder of their own for kernels, of a name short enough for sockets in it."""
    here = tempfile.gettempdir()
    short = "/tmp" if len(here) > SOCKET and os.access("/tmp", os.W_OK) else here
    return tempfile.TemporaryDirectory(prefix="k", dir=short, ignore_cleanup_errors=True)


def private_kernels(folder: Path, manager: type) -> type:
    """A kernel manager class whose kernels run this Python and talk through files in ``folder``.

    Over TCP a kernel's ports are picked first and bound later, so that kernels started side by
    side may pick the same ones and then hang for ever. Files cannot collide.

    Args:
        folder: from `kernel_folder`.
        manager: a class of jupyter_client; its subclass gets ``kill_all()``, which ends them all.
    """
    from jupyter_client.kernelspec import KernelSpec

    numbers = itertools.count()
    started: list[PrivateKernel] = []

    class PrivateKernel(manager):
        def __init__(self, **traits: object) -> None:
            super().__init__(**traits)
            self._home = folder / str(next(numbers))
            if os.name == "posix" and len(str(self._home)) <= SOCKET + 20:
                self.transport, self.connection_file = "ipc", f"{self._home}.json"
            started.append(self)

        @property
        def kernel_spec(self) -> KernelSpec:
            # IPYTHONDIR: neither the reader's start-up files nor a history shared by kernels
            env = {**SURROUNDINGS, "IPYTHONDIR": str(self._home)}
            if named := os.environ.get(DATA):  # a kernel has another folder than its reader
                env[DATA] = os.path.abspath(os.path.expanduser(named))
            return KernelSpec(
                argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                env=env,
                display_name="Python 3", language="python")

        @staticmethod
        def kill_all() -> None:
            for kernel in started:
                process = getattr(kernel.provisioner, "process", None)
                if process is not None:
                    process.kill()

    return PrivateKernel
