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

from benchmarks.limits import Machine, seconds
from lib import activations
from lib.measure.curves import principal_curvatures
from lib.networks.boundary import boundary_points
from lib.networks.jacobians import read_out_hessians
from lib.networks.network import random_network
from lib.networks.tangents import Curves
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
PEAK = """
import re, resource, sys
try:  # Linux counts what the parent held into ru_maxrss
    kilobytes = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
except OSError:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kilobytes /= 1024 if sys.platform == "darwin" else 1
print(int(kilobytes) / 1024)
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
    scaled: bool = True  # whether the bar depends on the machine
    repeats: int = 7


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


def geometry() -> list[Item]:
    """The circle through 50 layers against its bare products, and a decision-boundary figure.

    The weights are drawn beforehand. The limit of the circle is timed, not counted: the same 50
    products of a weight matrix with the stack of pre-activations and two tangents.
    """
    items = [_circle(kind) for kind in (np.float64, np.float32)]
    net = random_network(200, [200] * 10, 1, 4.0, 0.3, seed=1, unit_read_out=True)

    def boundary() -> None:
        points = boundary_points(net, 10, 2, q=0.782)
        for gradient, hessian in read_out_hessians(net, points):
            principal_curvatures(gradient, hessian)

    return [*items, Item("decision boundary, 10 points, 11 layers, N = 200", boundary, 5.0)]


def _circle(kind: type) -> Item:
    width, depth, rng = 1000, 50, np.random.default_rng(0)
    curves = Curves(2.5, 0.3, width, 1, 0, dtype=kind)
    start = curves.circle(4.08, 1000)
    weights = [(kind(2.5 / np.sqrt(width)) * rng.standard_normal((1, width, width), dtype=kind),
                kind(0.3) * rng.standard_normal((1, width, 1), dtype=kind)) for _ in range(depth)]
    stack = np.concatenate(start[:3], axis=-1)[0]
    out = np.empty_like(stack)

    def work() -> None:
        for _ in curves.moving_layers(start, depth + 1, weights=weights):
            pass

    def products() -> None:
        for w, _ in weights:
            np.matmul(w[0], stack, out=out)

    name = f"circle, N = 1000, 50 layers, {np.dtype(kind).name}"
    limit = seconds(products, 3)
    return Item(name, work, limit / 0.75, lambda _: limit, scaled=False, repeats=3)


def in_new_process() -> list[tuple[str, str, float]]:
    """Items timed as a whole new process: name, program, bar in seconds."""
    return [("import of theory and networks",
             "import lib.theory.analyse, lib.networks.ensemble", 0.25),
            ("cold phase diagram: q*, chi1, c*", COLD, 0.5)]


def process_cost(program: str, repeats: int = 5) -> tuple[float, float]:
    """Processor seconds (median) and peak memory in MB (largest) of a new Python process."""
    code = program + PEAK
    times, peaks = [], []
    for _ in range(repeats + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              check=True, env={**os.environ})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        peaks.append(float(told.stdout))
    return sorted(times[1:])[repeats // 2], max(peaks)
