"""Exact counting of transitions against its bare products, and against sampling."""
import numpy as np

from benchmarks.items import Item, equal_layers
from benchmarks.limits import seconds
from lib.networks.network import Network
from lib.networks.piecewise import Path, trace

SAMPLES = 20_000


def trajectories() -> list[Item]:
    """Segments of ReLU networks and a circle of a hard-tanh network.

    The limit of a segment is one product of the weights with the nodes that reach each layer;
    the bar of the circle is the time that sampling it takes, which misses transitions.
    """
    return [_segment(100, 10, 0.008), _segment(300, 20, None), _circle()]


def _segment(width: int, depth: int, bar: float | None) -> Item:
    net = equal_layers(2**0.5, 0.1, width, depth, 1, "relu")
    path = Path.line(*np.random.default_rng(0).standard_normal((2, width)))
    nodes = [2] + [len(layer.t) for layer in trace(path, net)]
    flops = 2 * width**2 * sum(nodes[:-1])
    name = f"{nodes[-1] - 1} regions on a segment, ReLU {width} x {depth}"
    return Item(name, lambda: _count(path, net), bar or 4 * flops * 0.25 / (2 * 2048**3),
                lambda machine: flops / machine.flops)


def _circle(width: int = 100, depth: int = 8) -> Item:
    net = equal_layers(2.0, 0.0, width, depth, 7, "hard_tanh")
    u = np.linalg.qr(np.random.default_rng(0).standard_normal((width, 2)))[0].T * width**0.5
    t = np.linspace(0, 2 * np.pi, SAMPLES + 1)[:, None]
    points = np.cos(t) * u[0] + np.sin(t) * u[1]
    path = Path.arc(*u, 2 * np.pi)
    exact, sampled = _count(path, net), _sample(points, net)
    name = f"{exact} transitions on a circle, {sampled} by sampling"
    return Item(name, lambda: _count(path, net), seconds(lambda: _sample(points, net), 5),
                scaled=False)


def _count(path: Path, net: Network) -> int:
    return int(sum(layer.transitions.sum() for layer in trace(path, net)))


def _sample(x: np.ndarray, net: Network) -> int:
    total = 0
    for w, b in zip(net.weights[:-1], net.biases):
        h = x @ w[0].T + b[0]
        region = (h > -1).view(np.int8) + (h > 1).view(np.int8)
        total += int(np.abs(np.diff(region, axis=0)).sum(dtype=int))
        x = np.clip(h, -1, 1)
    return total
