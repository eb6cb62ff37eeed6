"""What a worker of a sweep does: execute the chapter at one point."""
from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import lib
from lib.report.claims import MIME, kept
from lib.report.kernels import private_kernels
from lib.report.run import Job, execute, explain


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
        name: of the chapter.
        text: the notebook.
        version: `library` where the sweep was started.
        point: the parameters to inject.

    Returns:
        The run as `lib.report.journal.Journal` keeps it, but for its parameters.

    Raises:
        RuntimeError: the worker has another version of the library.
    """
    from jupyter_client import AsyncKernelManager
    from papermill.exceptions import PapermillExecutionError

    if library() != version:
        raise RuntimeError("this worker has another version of the library")
    problem, final, start = "", True, time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="k", ignore_cleanup_errors=True) as folder:
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
