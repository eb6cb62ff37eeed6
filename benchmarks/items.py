"""The work items, each with the bar it must meet and the least work it could do.

Bars are processor seconds on a machine where a 2048 x 2048 product takes 0.25 s; the table scales
them by the product measured in the same run.
"""
import os
import resource
import subprocess
import sys
from typing import Callable, NamedTuple

import numpy as np

from benchmarks.limits import Machine
from lib import activations
from lib.theory import meanfield
from lib.theory.gaussian import moment

SIGMA_W, SIGMA_B = np.linspace(1, 5, 41)[:, None], np.linspace(0, 4, 41)
CORRELATIONS = np.linspace(0, 1, 51)
TANH = activations.get("tanh")
COLD = """
import numpy as np
from lib.theory import meanfield as mf
grid = np.linspace(1, 5, 41)[:, None], np.linspace(0, 4, 41)
mf.q_star(*grid), mf.chi1(*grid), mf.c_star(*grid)
"""


class Item(NamedTuple):
    """A work item: what it does, its bar in seconds, and its limit on a given machine.

    The limit is the time of the arithmetic that cannot be avoided, at the measured rates; None
    where no such count was derived.
    """

    name: str
    work: Callable[[], object]
    bar: float
    limit: Callable[[Machine], float] | None = None


def in_process() -> list[Item]:
    """Items timed in this process."""
    q = meanfield.q_star(SIGMA_W, SIGMA_B)
    return [
        Item("q* on the 41 x 41 grid", lambda: meanfield.q_star(SIGMA_W, SIGMA_B), 0.005,
             lambda m: 0.60e6 / m.tanh),
        Item("chi1 and chi2 there, given q*", lambda: (moment(TANH, q, 1), moment(TANH, q, 2)),
             0.003, lambda m: 0.13e6 / m.tanh),
        Item("correlation map at 51 c there, to 1e-10",
             lambda: meanfield.correlation_map(CORRELATIONS, SIGMA_W[..., None],
                                               SIGMA_B[:, None]), 0.060,
             lambda m: 1.9e9 / m.flops),
        Item("c* and xi_c there", lambda: meanfield.xi_c(SIGMA_W, SIGMA_B), 0.150),
    ]


def in_new_process() -> list[tuple[str, str, float]]:
    """Items timed as a whole new process: name, program, bar in seconds."""
    return [("import of theory and networks",
             "import lib.theory.analyse, lib.networks.ensemble", 0.25),
            ("cold phase diagram: q*, chi1, c*", COLD, 0.5)]


def process_cost(program: str, repeats: int = 5) -> tuple[float, float]:
    """Processor seconds (median) and peak memory in MB (largest) of a new Python process."""
    code = f"{program}\nimport resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    times, peaks = [], []
    for _ in range(repeats + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              check=True, env={**os.environ})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        peaks.append(int(told.stdout) / (1024 if sys.platform != "darwin" else 1024**2))
    return sorted(times[1:])[repeats // 2], max(peaks)
