"""The work items, each with the bar it must meet and the least work it could do.

Bars are processor seconds on a machine where a 2048 x 2048 product takes 0.25 s; the table scales
them by the product measured in the same run.
"""
import os
import resource
import subprocess
import sys
from functools import partial
from typing import Callable, NamedTuple

import numpy as np

from benchmarks.limits import Machine, seconds
from lib.activations import get
from lib.measure.curves import principal_curvatures
from lib.networks.boundary import boundary_points
from lib.networks.ensemble import Ensemble
from lib.networks.jacobians import read_out_hessians
from lib.networks.network import Network
from lib.theory.gaussian import moment
from lib.theory.meanfield import MeanField

SIGMA_W, SIGMA_B = np.linspace(1, 5, 41)[:, None], np.linspace(0, 4, 41)
CORRELATIONS = np.linspace(0, 1, 51)
TANH = get("tanh")
COLD = """
import numpy as np
from lib.theory.meanfield import MeanField
law = MeanField(np.linspace(1, 5, 41)[:, None], np.linspace(0, 4, 41))
law.q_star, law.chi1, law.c_star
"""
LARGE = """
import numpy as np
from lib.theory.meanfield import MeanField
law = MeanField(np.linspace(1, 5, 641)[:, None], np.linspace(0, 4, 641))
law.q_star, law.chi1
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
    q = MeanField(SIGMA_W, SIGMA_B).q_star
    return [
        Item("q* on the 41 x 41 grid", lambda: MeanField(SIGMA_W, SIGMA_B).q_star, 0.005,
             lambda m: 0.60e6 / m.tanh),
        Item("chi1 and chi2 there, given q*", lambda: (moment(TANH, q, 1), moment(TANH, q, 2)),
             0.002, lambda m: 0.13e6 / m.tanh),
        Item("chi1 and chi2 there, given the sigmas", both_gains, 0.010,
             lambda m: 0.73e6 / m.tanh),
        Item("correlation map at 51 c there, to 1e-10",
             lambda: MeanField(SIGMA_W[..., None], SIGMA_B[:, None]).correlation_map(
                 CORRELATIONS), 0.060,
             lambda m: 1.9e9 / m.flops),
        Item("c* and xi_c there", lambda: MeanField(SIGMA_W, SIGMA_B).xi_c, 0.150),
        *(Item(f"50 layers off the shell there, {phi}", partial(off_the_shell, phi), bar,
               lambda m: 50 * SIGMA_W.size * SIGMA_B.size / m.exp)
          for phi, bar in (("erf", 0.060), ("relu", 0.060))),
        Item("50 layers off the shell there, tanh", partial(off_the_shell, "tanh"), 1.5),
    ]


def both_gains() -> None:
    """At lengths that must be found first."""
    law = MeanField(SIGMA_W, SIGMA_B)
    _ = law.chi1, law.chi2


def off_the_shell(phi: str) -> None:
    """Pairs of inputs that start at another length, through fifty layers at every point."""
    MeanField(SIGMA_W, SIGMA_B, phi, missing="nan").run(2.0, c=0.3, depth=50)


def geometry() -> list[Item]:
    """The circle through 50 layers against its bare work, and a decision-boundary figure.

    The limit of the circle is timed, not counted: 50 weight matrices drawn, and as many products
    of one with the stack of pre-activations and two tangents.
    """
    items = [_circle(kind) for kind in (np.float64, np.float32)]
    net = equal_layers(4.0, 0.3, 200, 10, 1, "tanh")

    def boundary() -> None:
        points = boundary_points(net, 10, 2, q=0.782)
        for gradient, hessian in read_out_hessians(net, points):
            principal_curvatures(gradient, hessian)

    return [*items, Item("decision boundary, 10 points, 11 layers, N = 200", boundary, 5.0)]


def _circle(kind: type) -> Item:
    width, depth, rng = 1000, 50, np.random.default_rng(0)
    nets = Ensemble(2.5, 0.3, width=width, networks=1, dtype=kind)
    stack = rng.standard_normal((3 * width, width), dtype=kind)
    out = np.empty_like(stack)

    def work() -> None:
        for _ in nets.layers(4.08, curve="circle", points=width, depth=depth + 1, dense=True):
            pass

    def bare_work() -> None:
        for _ in range(depth):
            np.matmul(stack, rng.standard_normal((width, width), dtype=kind), out=out)

    limit = seconds(bare_work, 3)
    name = f"circle, N = 1000, 50 layers drawn, {np.dtype(kind).name}"
    return Item(name, work, limit / 0.75, lambda _: limit, scaled=False, repeats=3)


def equal_layers(sigma_w: float, sigma_b: float, width: int, depth: int, seed: int,
                 phi: str) -> Network:
    """A random network of equal layers with a read-out of unit length.

    It is drawn here, array by array, so that an item has the same network in every edition.
    """
    rng = np.random.default_rng(seed)
    weights = [sigma_w / np.sqrt(width) * rng.standard_normal((width, width))
               for _ in range(depth)]
    biases = [sigma_b * rng.standard_normal(width) for _ in range(depth)]
    beta = rng.standard_normal((1, width))
    return Network([*weights, beta / np.linalg.norm(beta)], [*biases, None], phi)


def in_new_process() -> list[tuple[str, str, float]]:
    """Items timed as a whole new process: name, program, bar in seconds."""
    return [("import of theory and networks",
             "import lib.theory.meanfield, lib.networks.ensemble", 0.25),
            ("cold phase diagram: q*, chi1, c*", COLD, 0.5),
            ("q* and chi1 on a 641 x 641 grid, cold", LARGE, 4.0)]


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
