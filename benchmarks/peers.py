"""The same work by other packages: same arrays, results compared, in turn in one process."""
import time
from importlib.util import find_spec
from typing import Callable, Iterator, NamedTuple

import numpy as np

from benchmarks.items import equal_layers
from benchmarks.lyapunov import DEPTH, SIDE, WIDTH
from benchmarks.training import STEPS
from lib.measure.lyapunov import leading
from lib.networks.jacobians import cauchy_green
from lib.networks.network import random_network, stream
from lib.networks.piecewise import Path, trace
from lib.networks.training import Sgd, train

PACKAGES = ("torch", "jax", "regioncam")
BATCH, RATE, BLOCK = 128, 1e-3, 2000  # BLOCK: inputs at a time, so that they stay in the cache


class Contest(NamedTuple):
    """One result, made by us and by packages that make it too; how far they may be apart."""

    name: str
    ours: Callable[[], np.ndarray]
    peers: dict[str, Callable[[], Callable[[], np.ndarray]]]  # each prepares what is timed
    apart: float


def contests() -> list[Contest]:
    """Exponents by automatic differentiation, training, and regions."""
    return [_exponents(), _steps(), *(_regions(*size) for size in ((32, 8), (100, 10), (300, 20)))]


def ratios(repeats: int = 7) -> Iterator[tuple[str, str, float, float, float]]:
    """Of every contest and every package there is: its name, the package, processor seconds of
    both (medians), and the largest difference of the results."""
    for one in contests():
        works = {"ours": one.ours} | {name: prepare() for name, prepare in one.peers.items()
                                      if find_spec(name)}
        results = {name: work() for name, work in works.items()}
        times: dict[str, list[float]] = {name: [] for name in works}
        for name, work in [*works.items()] * repeats:
            start = time.process_time()
            work()
            times[name].append(time.process_time() - start)
        took = {name: sorted(some)[repeats // 2] for name, some in times.items()}
        for name in [*works][1:]:
            gap = float(np.max(np.abs(results[name] - results["ours"])))
            if not gap <= one.apart:
                raise AssertionError(f"{one.name}: {name} differs by {gap:.1e}")
            yield one.name, name, took["ours"], took[name], gap


def _exponents() -> Contest:
    net = random_network(2, [WIDTH] * DEPTH, 1, 1.0, 0.0, seed=0).hidden_part
    line = np.linspace(-1.7, 1.7, SIDE)
    x = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    arrays = [(w[0], b[0]) for w, b in zip(net.weights, net.biases)]

    def by_torch() -> Callable[[], np.ndarray]:
        import torch

        torch.set_num_threads(1)
        given = [tuple(map(torch.tensor, pair)) for pair in arrays]

        def forward(point):
            for w, b in given:
                point = torch.tanh(w @ point + b)
            return point

        slope, parts = torch.func.vmap(torch.func.jacrev(forward)), torch.tensor(x).split(BLOCK)
        return lambda: np.concatenate([
            torch.linalg.svdvals(slope(part))[:, 0].log().numpy() for part in parts])

    def by_jax() -> Callable[[], np.ndarray]:
        import jax

        jax.config.update("jax_enable_x64", True)

        def forward(point):
            for w, b in arrays:
                point = jax.numpy.tanh(w @ point + b)
            return point

        log = jax.jit(lambda part: jax.numpy.log(jax.numpy.linalg.svd(
            jax.vmap(jax.jacfwd(forward))(part), compute_uv=False)[:, 0]))
        return lambda: np.concatenate([log(x[at:at + BLOCK]) for at in range(0, len(x), BLOCK)])

    return Contest(f"exponents of {SIDE} x {SIDE} inputs, N = {WIDTH}, L = {DEPTH}",
                   lambda: leading(*cauchy_green(net, x)[:2]).log[0],
                   {"torch": by_torch, "jax": by_jax}, 1e-9)


def _steps() -> Contest:
    start = random_network(784, [500, 500], 10, 1.4, 0.0, seed=0, phi="relu", dtype=np.float32)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((STEPS * BATCH, 784), dtype=np.float32)
    y = rng.integers(10, size=len(x))
    (minibatches,) = stream(0).spawn(1)  # as `train` does
    batches = minibatches.permutation(len(x)).reshape(STEPS, BATCH)

    def ours() -> np.ndarray:
        net = start.copy()
        train(net, x, y, STEPS, optimizer=Sgd(RATE), batch=BATCH, seed=0)
        return net.weights[-1][0]

    def by_torch() -> Callable[[], np.ndarray]:
        import torch

        points, labels = torch.tensor(x), torch.tensor(y)

        def work() -> np.ndarray:
            given = [torch.tensor(array[0], requires_grad=True) for pair in
                     zip(start.weights, start.biases) for array in pair]
            rule = torch.optim.SGD(given, RATE)
            for some in batches:
                out = points[some]
                for w, b in zip(given[::2], given[1::2]):
                    out = torch.nn.functional.linear(out if w is given[0] else out.relu(), w, b)
                rule.zero_grad()
                torch.nn.functional.cross_entropy(out, labels[some]).backward()
                rule.step()
            return given[-2].detach().numpy()

        return work

    return Contest(f"{STEPS} SGD steps, 784-500-500-10, batch {BATCH}, float32", ours,
                   {"torch": by_torch}, 1e-5)


def _regions(width: int, depth: int) -> Contest:
    net = equal_layers(2**0.5, 0.1, width, depth, 1, "relu")
    ends = np.random.default_rng(0).standard_normal((2, width))

    def by_regioncam() -> Callable[[], np.ndarray]:
        import regioncam

        arrays = [(np.ascontiguousarray(w[0].T, np.float32), b[0].astype(np.float32))
                  for w, b in zip(net.weights[:-1], net.biases)]

        def work() -> np.ndarray:
            line = regioncam.Regioncam1D.through_points(ends.astype(np.float32), size=2.0)
            for w, b in arrays:
                line.linear(w, b)
                line.relu()
            return np.array(line.num_edges)

        return work

    return Contest(f"regions on a segment, ReLU {width} x {depth}",
                   lambda: np.array([here.number for here in trace(Path.line(*ends), net)][-1]),
                   {"regioncam": by_regioncam}, 0.002 * width * depth)  # theirs is in float32
