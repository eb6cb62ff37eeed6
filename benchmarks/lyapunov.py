"""The field of the maximal exponent against its bare products and tanh."""
import numpy as np

from benchmarks.items import Item
from benchmarks.limits import seconds
from lib.measure.lyapunov import leading, top_singular
from lib.networks.jacobians import cauchy_green, linearised
from lib.networks.network import random_network

WIDTH, DEPTH, SIDE = 20, 16, 200
POINTS = 780  # inputs a block at which the bare work is fastest


def lyapunov() -> list[Item]:
    """A map of 200 x 200 inputs, and the leading singular value of 784 inputs.

    The limit of the map is timed, not counted: the 16 products of a weight matrix with an
    activation and two tangents, and the tanh of the activation, in the blocks that suit them.
    """
    rng = np.random.default_rng(0)
    net = random_network(2, [WIDTH] * DEPTH, 1, 1.0, 0.0, seed=rng).hidden_part
    line = np.linspace(-1.7, 1.7, SIDE)
    x = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)

    def field() -> None:
        leading(*cauchy_green(net, x)[:2])

    limit = seconds(_bare_work(rng), 5)
    wide = random_network(784, [250] * DEPTH, 1, 1.0, 0.0, seed=rng).hidden_part
    images, start = rng.standard_normal((200, 784)), rng.standard_normal((1, 200, 250))

    def bidiagonalise() -> None:
        linear = linearised(wide, images)
        top_singular(linear.apply, linear.adjoint, start, tolerance=1e-4)

    return [Item(f"exponents of {SIDE} x {SIDE} inputs, N = 20, L = 16", field, 1.5 * limit,
                 lambda _: limit, scaled=False, repeats=5),
            Item("exponents of 200 images, N = 250, L = 16", bidiagonalise, 1.0, repeats=3)]


def _bare_work(rng: np.random.Generator):
    """The products and tanh of the map, on arrays that are there already."""
    blocks, stack = -(-SIDE**2 // POINTS), rng.standard_normal((WIDTH, 3 * POINTS))
    weights, out = rng.standard_normal((WIDTH, WIDTH)), np.empty_like(stack)
    h = rng.standard_normal((WIDTH, POINTS))
    x = np.empty_like(h)

    def work() -> None:
        for _ in range(blocks * DEPTH):
            np.matmul(weights, stack, out=out)
            np.tanh(h, out=x)

    return work
