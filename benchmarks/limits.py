"""What this machine can do at this moment, the yardstick of every work item."""
import time
from typing import Callable, NamedTuple

import numpy as np


class Machine(NamedTuple):
    """Processor seconds of a 2048 x 2048 product, and rates a second: flops, tanh, exp."""

    product: float
    flops: float
    tanh: float
    exp: float


def seconds(work: Callable[[], object], repeats: int = 7) -> float:
    """Median processor time of a call, the first call not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return sorted(times)[repeats // 2]


def machine() -> Machine:
    """Measure this machine, on one thread."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 2048, 2048))
    x, out = rng.standard_normal(200_000), np.empty(200_000)
    product = seconds(lambda: a @ b, 5)
    rates = [20 * x.size / seconds(lambda f=f: [f(x, out=out) for _ in range(20)])
             for f in (np.tanh, np.exp)]
    return Machine(product, 2 * 2048**3 / product, *rates)
