"""Jets: every primitive against mpmath to high orders."""
import mpmath as mp
import numpy as np
import pytest

from lib import jets
from lib.jets import BLOCK, FUNCTIONS, X as T

# Primitives

EXACT = {
    "abs": abs, "arctan": mp.atan, "atan": mp.atan, "cos": mp.cos, "cosh": mp.cosh,
    "elu": lambda x: x if x > 0 else mp.expm1(x), "erf": mp.erf, "exp": mp.exp,
    "expm1": mp.expm1, "gelu": lambda x: x * mp.ncdf(x),
    "hard_tanh": lambda x: min(max(x, mp.mpf(-1)), mp.mpf(1)),
    "hard_sigmoid": lambda x: min(max(x + 3, mp.mpf(0)), mp.mpf(6)) / 6,
    "hard_swish": lambda x: x * min(max(x + 3, mp.mpf(0)), mp.mpf(6)) / 6, "ln": mp.log,
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
    "relu6": lambda x: min(max(x, mp.mpf(0)), mp.mpf(6)), "sign": mp.sign,
    "softsign": lambda x: x / (1 + abs(x)),
    "leaky_relu": lambda x: x if x > 0 else x * mp.mpf(0.01), "log": mp.log, "log1p": mp.log1p,
    "relu": lambda x: max(x, mp.mpf(0)), "selu": lambda x: mp.mpf(1.0507009873554805) * (
        x if x > 0 else mp.mpf(1.6732632423543772) * mp.expm1(x)),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "sin": mp.sin, "sinh": mp.sinh,
    "softplus": lambda x: mp.log1p(mp.exp(x)), "sqrt": mp.sqrt,
    "swish": lambda x: x / (1 + mp.exp(-x)), "silu": lambda x: x / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
}


SEVERAL = {"max", "maximum", "min", "minimum", "clip"}  # which take more than one argument


def exact(f, x, order):
    with mp.workdps(60):
        return float(mp.diff(f, mp.mpf(x), order)) if order else float(f(mp.mpf(x)))


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - SEVERAL))
def test_every_primitive_has_the_derivatives_of_the_textbook(name, order):
    x = np.array([0.3, 0.7, 1.9, 4.2])
    x = x if name in ("ln", "log", "log1p", "sqrt") else np.concatenate([-x, x])
    expected = np.array([exact(EXACT[name], one, order) for one in x.tolist()])
    got = FUNCTIONS[name](T).derivative(order)(x)
    assert np.abs(got - expected).max() < 2e-14 * 3.0**order * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_slopes_do_not_cancel_at_saturation(name, order):
    x = np.concatenate([np.geomspace(1e-9, 300.0, 300), [17.0, 300.0]])
    x = np.concatenate([-x, x])
    with mp.workdps(600 if order == 2 else 400):
        if name == "tanh":
            expected = [mp.sech(one) ** 2 * (1, -2 * mp.tanh(one))[order - 1]
                        for one in map(mp.mpf, x.tolist())]
        else:
            expected = [mp.sech(one / 2) ** 2 / 4 * (1, -mp.tanh(one / 2))[order - 1]
                        for one in map(mp.mpf, x.tolist())]
        for got in (FUNCTIONS[name](T).derivative(order)(x), FUNCTIONS[name](T)(x)[order]):
            wrong = [abs(mp.mpf(one) / other - 1) for one, other in zip(got.tolist(), expected)]
            assert max(wrong) < 1e-14
    assert FUNCTIONS[name](T).derivative(order)(np.array([-1e4, 1e4])).tolist() == [0.0, 0.0]


def test_the_tails_keep_their_digits():
    x = np.array([-300.0, -40.0, -5.0])
    assert np.allclose(jets.sigmoid(T)(x, 0)[0], np.exp(x) / (1 + np.exp(x)), rtol=1e-14, atol=0)
    assert np.allclose(jets.softplus(T)(x, 0)[0], np.log1p(np.exp(x)), rtol=1e-14, atol=0)


def test_products_quotients_and_functions_of_functions_to_high_order():
    f = jets.exp(-0.5 * (T * T)) * jets.sin(3.0 * T) / (2.0 + jets.cos(T)) - 1.0 / (1.0 + T**2)
    x = np.array([-1.3, 0.2, 0.9])

    def g(t):
        return mp.exp(-t * t / 2) * mp.sin(3 * t) / (2 + mp.cos(t)) - 1 / (1 + t * t)

    for order, got in enumerate(f(x, 8)):
        expected = np.array([exact(g, one, order) for one in x.tolist()])
        assert np.abs(got - expected).max() < 1e-13 * np.abs(expected).max()


def test_nothing_is_done_twice():
    f = jets.exp(-0.5 * (T * T)) * jets.sin(3.0 * T) * jets.tanh(T) / (1.0 + T**2)
    assert len(f._program(tuple(range(13))).steps) < 1500  # and not 3^12
    assert len(jets.swish(T)._program((0,)).steps) == 5  # -x, exp, 1 +, 1 /, x times


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - SEVERAL))
def test_precision_and_blocks_change_nothing(name, dtype):
    x = np.linspace(0.1, 3.0, 2 * BLOCK + 7, dtype=dtype)
    f = FUNCTIONS[name](T)
    before = x.copy()
    for whole, alone in zip(f(x, 3), map(f.derivative, range(4))):
        assert whole.dtype == alone(x).dtype == dtype and np.array_equal(x, before)
        few = alone(x.astype(float)[::1000])
        assert np.allclose(whole[::1000], few, rtol=1e-5 if dtype == np.float32 else 1e-15,
                           atol=2e-5 if dtype == np.float32 else 1e-15)
        assert np.array_equal(whole.reshape(1, -1), alone(x[None])) or dtype == np.float32


def test_results_belong_to_the_caller():
    """Nobody else holds what is returned, neither the argument nor another derivative."""
    for f in (T, jets.exp(T), jets.relu(T), jets.cos(T), 2.0 * T, jets.hard_tanh(T), T + 0.0):
        x = np.linspace(-2.0, 2.0, 5)
        value, *others = f(x)
        kept = [one.copy() for one in (x, *others)]
        value[...] = 77.0
        assert all(np.array_equal(one, was) for one, was in zip((x, *others), kept))
