"""Jets: every primitive against mpmath to high orders, and functions that are only called."""
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import jets
from lib.jets import BLOCK, FUNCTIONS, STEP, X as T, sampled

# Primitives

EXACT = {
    "abs": abs, "arctan": mp.atan, "atan": mp.atan, "cos": mp.cos, "cosh": mp.cosh,
    "elu": lambda x: x if x > 0 else mp.expm1(x), "erf": mp.erf, "exp": mp.exp,
    "expm1": mp.expm1, "gelu": lambda x: x * mp.ncdf(x),
    "hard_tanh": lambda x: min(max(x, mp.mpf(-1)), mp.mpf(1)),
    "leaky_relu": lambda x: x if x > 0 else x * mp.mpf(0.01), "log": mp.log, "log1p": mp.log1p,
    "relu": lambda x: max(x, mp.mpf(0)), "selu": lambda x: mp.mpf(1.0507009873554805) * (
        x if x > 0 else mp.mpf(1.6732632423543772) * mp.expm1(x)),
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "sin": mp.sin, "sinh": mp.sinh,
    "softplus": lambda x: mp.log1p(mp.exp(x)), "sqrt": mp.sqrt,
    "swish": lambda x: x / (1 + mp.exp(-x)), "silu": lambda x: x / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
}


def exact(f, x, order):
    with mp.workdps(60):
        return float(mp.diff(f, mp.mpf(x), order)) if order else float(f(mp.mpf(x)))


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"max", "min", "clip"}))
def test_every_primitive_has_the_derivatives_of_the_textbook(name, order):
    x = np.array([0.3, 0.7, 1.9, 4.2])
    x = x if name in ("log", "log1p", "sqrt") else np.concatenate([-x, x])
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
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"max", "min", "clip"}))
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


# Functions that can only be called

X = np.linspace(-6.0, 6.0, 241)
SMOOTH = {
    "exp": (np.exp, np.exp, np.exp),
    "sin": (np.sin, np.cos, lambda x: -np.sin(x)),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2, lambda x: -2 * np.tanh(x) / np.cosh(x) ** 2),
    "bell": (lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x),
             lambda x: (4 * x * x - 2) * np.exp(-x * x)),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_smooth_function_gives_12_and_10_digits(name):
    f, df, d2f = SMOOTH[name]
    _, first, second = sampled(f)(X)
    assert np.abs(first - df(X)).max() < 2e-12 * np.abs(f(X)).max()
    assert np.abs(second - d2f(X)).max() < 2e-10 * np.abs(f(X)).max()


@settings(max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=11, max_size=11))
def test_a_polynomial_of_degree_ten_has_no_truncation_error(coefficients):
    p = np.polynomial.Polynomial(coefficients)
    x = np.linspace(-1.0, 1.0, 9)
    _, first, second = sampled(p)(x)
    assert np.abs(first - p.deriv()(x)).max() < 1e-11
    assert np.abs(second - p.deriv(2)(x)).max() < 1e-9


@pytest.mark.parametrize("kinks", [(0.0,), (-1.0, 1.0), (0.35, 2.0)])
def test_the_stencil_stays_on_one_side_of_a_kink(kinks):
    def f(x):  # slope 0 left of the first kink, 1 more behind each
        return sum(np.maximum(x - k, 0.0) for k in kinks)

    near = np.concatenate([k + STEP * np.linspace(-8.0, 8.0, 65) for k in kinks])
    near = near[~np.isin(near, kinks)]
    slope = sum(near > k for k in kinks)
    _, first, second = sampled(f, kinks=kinks)(near)
    assert np.abs(first - slope).max() < 1e-11
    assert np.abs(second).max() < 3e-9  # a lopsided stencil has larger weights


def test_at_the_kink_itself_the_value_is_that_of_the_right_side():
    first = sampled(np.abs, kinks=(0.0,)).derivative(1)
    assert abs(first(np.zeros(1))[0] - 1.0) < 1e-11
    assert abs(first(np.array([-1e-12]))[0] + 1.0) < 1e-11


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_any_shape_is_kept(shape):
    for one in sampled(np.sin)(np.ones(shape)):
        assert one.shape == shape


@pytest.mark.parametrize("phi", [np.abs, lambda x: np.maximum(x, 0.3 * x), np.sign,
                                 lambda x: np.sin(80.0 * x)])
def test_a_kink_or_a_fine_scale_is_noticed(phi):
    with pytest.raises(ValueError, match="phi varies too fast"):
        sampled(phi)


def test_what_is_not_needed_is_not_checked():
    sampled(np.abs, np.sign, np.zeros_like)
    with pytest.raises(ValueError, match="order 2"):
        sampled(lambda x: np.maximum(x, 0.0) ** 2, lambda x: 2.0 * np.maximum(x, 0.0))


def test_kinks_too_close_to_fit_a_stencil_are_refused():
    with pytest.raises(ValueError, match="kinks must be at least 0.44 apart"):
        sampled(np.sin, kinks=(0.0, 0.3))


def test_higher_derivatives_of_a_callable():
    x = np.linspace(-3.0, 3.0, 25)
    third, fourth = sampled(np.sin)(x, 4)[3:]
    assert np.abs(third + np.cos(x)).max() < 1e-8 and np.abs(fourth - np.sin(x)).max() < 1e-6
    assert np.abs(sampled(np.sin, np.cos)(x, 3)[3] + np.cos(x)).max() < 2e-10


def test_a_callable_can_neither_spoil_its_argument_nor_its_result():
    def rude(x):
        return np.tanh(x, out=x)

    x = X.copy()
    assert np.array_equal(sampled(rude)(x)[0], np.tanh(X)) and np.array_equal(x, X)
    assert np.abs(sampled(rude).derivative(1)(x) - 1 / np.cosh(X) ** 2).max() < 2e-12
    few = sampled(lambda x: np.where(x > 0, np.int8(20), np.int8(0)), np.zeros_like, np.zeros_like)
    assert few(X)[0].dtype == float and (few(X)[0] ** 2).max() == 400.0
    assert few(X.astype(np.float32))[0].dtype == np.float32
