"""Training steps against the bare matrix products they are made of, timed in the same run.

A layer needs three products: forward, gradient of the weights, gradient of its input; the lowest
one needs no gradient of its input.
"""
from typing import Callable

import numpy as np

from benchmarks.items import Item
from benchmarks.limits import seconds
from lib.networks.network import Network, convolutional, random_network
from lib.networks.training import Sgd, train

STEPS = 20  # a timing
MLP, CONVOLUTION = 1.6, 3.0  # times the products: the bars


def training() -> list[Item]:
    """Steps of a fully connected network and of a convolutional one, in both float types."""
    items = []
    for kind in (np.float64, np.float32):
        net = random_network(784, [500, 500], 10, 1.4, 0.0, seed=0, phi="relu", dtype=kind)
        items.append(_steps("784-500-500-10, batch 128", net, 128, [128] * 3, MLP))
    for kind in (np.float64, np.float32):
        net = convolutional(sigma_w=1.4, sigma_b=0.0, seed=0, dtype=kind)
        rows = [64 * 256, 64 * 256, 64 * 64, 64 * 64, 64, 64]
        items.append(_steps("16 x 16 x 3, 4 convolutions, batch 64", net, 64, rows, CONVOLUTION))
    return items


def _steps(name: str, net: Network, batch: int, rows: list[int], bar: float) -> Item:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((10 * batch, *net.shape), dtype=net.dtype)
    y = rng.integers(10, size=10 * batch)

    def work() -> None:
        train(net, x, y, STEPS, optimizer=Sgd(1e-3), batch=batch, seed=0)

    limit = seconds(_products(net, rows), 5)
    return Item(f"{STEPS} SGD steps, {name}, {net.dtype}", work, bar * limit, lambda _: limit,
                scaled=False, repeats=5)


def _products(net: Network, rows: list[int]) -> Callable[[], None]:
    """The bare products of as many steps; ``rows`` of the matrix that meets each layer."""
    rng = np.random.default_rng(0)
    weights = [w[0] for w in net.weights]
    inputs = [rng.standard_normal((n, w.shape[1]), dtype=w.dtype) for n, w in zip(rows, weights)]
    slopes = [rng.standard_normal((n, w.shape[0]), dtype=w.dtype) for n, w in zip(rows, weights)]

    def work() -> None:
        for _ in range(STEPS):
            for layer, (w, x, g) in enumerate(zip(weights, inputs, slopes)):
                x @ w.T
                g.T @ x
                if layer:
                    g @ w

    return work
