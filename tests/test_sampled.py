"""Functions that can only be called: what the search finds in them, and their derivatives."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from lib.activations import get
from lib.checks import Untrusted
from lib.sampled import Sampled
from lib.theory.gaussian import moment

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
    _, first, second = Sampled(f)(X)
    assert np.abs(first - df(X)).max() < 2e-12 * np.abs(f(X)).max()
    assert np.abs(second - d2f(X)).max() < 2e-10 * np.abs(f(X)).max()


@settings(max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=11, max_size=11))
def test_a_polynomial_has_its_derivatives(coefficients):
    p = np.polynomial.Polynomial(coefficients)
    x = np.linspace(-1.0, 1.0, 9)
    _, first, second = Sampled(p)(x)
    size = 1.0 + np.abs(p(X[X < 8.0])).max() * 1e-6
    assert np.abs(first - p.deriv()(x)).max() < 1e-10 * size
    assert np.abs(second - p.deriv(2)(x)).max() < 1e-8 * size


FOUND = [  # callable, its kinks, parity, a straight line between them, jumps
    (lambda x: x, (), -1, True, False),
    (lambda x: np.maximum(x, 0.0), (0.0,), 0, True, False),
    (lambda x: 1e-10 * np.maximum(x, 0.0), (0.0,), 0, True, False),
    (lambda x: np.clip(x, -50, 50), (-50.0, 50.0), -1, True, False),
    (lambda x: np.clip(x, 0.0, 6.0), (0.0, 6.0), 0, True, False),
    (lambda x: np.abs(np.abs(x) - 1.0), (-1.0, 0.0, 1.0), 1, True, False),
    (lambda x: np.tanh(x) + 0.1 * np.abs(x - np.pi), (np.pi,), 0, False, False),
    (lambda x: np.tanh(x) + 1e-6 * np.abs(x - 3.2), (3.2,), 0, False, False),
    (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), (0.0,), 0, False, False),
    (lambda x: x * np.clip(x + 3, 0, 6) / 6, (-3.0, 3.0), 0, False, False),
    (lambda x: np.maximum(x - 0.3, 0) ** 2, (0.3,), 0, False, False),
    (lambda x: np.sign(x - 0.5), (0.5,), 0, True, True),
    (lambda x: np.where(x > 0, 20, 0).astype(np.int8), (0.0,), 0, True, True),
    (lambda x: np.tanh(x) + 0.1 * (np.abs(x - 1.2345) < 0.03), (1.2045, 1.2645), 0, False, True),
    (lambda x: np.tanh(x) + np.exp(-(x - 20.0) ** 2), (), 0, False, False),
    (lambda x: 1e-6 * np.sin(30 * x), (), -1, False, False),
    (lambda x: x / (1 + np.abs(x)), (0.0,), -1, False, False),
    (np.vectorize(math.tanh), (), -1, False, False),
    (lambda x: [math.tanh(one) for one in x], (), -1, False, False),
    (lambda x: 0.5 * x * (1.0 + erf(x / np.sqrt(2.0))), (), 0, False, False),
]


@pytest.mark.parametrize("f, kinks, parity, straight, jumps", FOUND)
def test_what_a_search_finds(f, kinks, parity, straight, jumps):
    phi = get(f)
    assert phi.kinks == pytest.approx(kinks, rel=1e-9, abs=1e-12)
    assert (phi.made.parity, phi.piecewise_linear, not phi.continuous) == (parity, straight, jumps)


def test_steep_is_no_jump_as_long_as_it_can_be_seen():
    for gain in (1e3, 1e6):
        phi = get(lambda x: np.tanh(gain * x))  # noqa: B023
        assert phi.kinks == () and abs(phi.dphi(np.zeros(1))[0] / gain - 1.0) < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("f, reach, why", [
    (np.exp, 600.0, "not finite"), (lambda x: np.sin(x * x), 100.0, "varies too fast"),
    (np.floor, 25.0, "more kinks"), (lambda x: np.where(x > 20, np.nan, x), 19.0, "not finite")])
def test_how_far_it_was_seen_is_told(f, reach, why):
    made = Sampled(f)
    assert reach < made.reach < 8.0 * reach and why in made.seen and not made.straight
    assert np.isnan(made.derivative(1)(np.array([2.0 * made.reach]))).all()


@pytest.mark.parametrize("f, told", [
    (lambda x: np.tanh(x) + 1e-9 * np.sin(1e7 * x * x + x), "noisy, at .e-09"),
    (lambda x: np.sin(1e5 * x), "on any scale"),
    (lambda x: np.where(np.abs(x) > 7.95, np.nan, x), "finite, with few kinks, for |x| < 8")])
def test_what_cannot_be_seen_is_refused(f, told):
    with pytest.raises(ValueError, match=told.replace("|", r"\|")):
        Sampled(f)


def test_a_kink_that_is_missing_among_those_declared_is_named():
    for kinks in ((), (0.0,)):
        with pytest.raises(ValueError, match="bends or jumps near x = 3.2, which kinks does not"):
            get(lambda x: np.tanh(x) + 0.1 * np.abs(x - 3.2), kinks=kinks)


def test_a_kink_far_out_that_was_not_declared_ends_what_is_known():
    """Whether there is one, or what oscillates only looks like it."""
    bent = get(lambda x: np.tanh(x) + 0.1 * np.maximum(x - 12.5, 0.0), kinks=())
    assert 12.4 < bent.reach <= 12.5 and not bent.kinks
    assert moment(bent, np.array(0.5)) == pytest.approx(moment(get("tanh"), np.array(0.5)))
    with pytest.raises(Untrusted, match=r"for \|x\| < 12.5 only.*kinks=\(...\) names nothing"):
        moment(bent, np.array(4.0))
    fast = get(lambda x: np.tanh(np.sin(-0.3 * x)) - 0.892 * np.sin(-0.387 * x)
               + 0.5 * np.sign(x + 1.91), kinks=(-1.91,))
    assert fast.kinks == (-1.91,) and moment(fast, np.array(1.0)) > 0.0


@pytest.mark.parametrize("kinks", [None, (-1.0, 1.0), (0.35, 2.0)])
def test_derivatives_stay_on_one_side_of_a_kink(kinks):
    at = kinks or (0.35, 2.0)

    def f(x):  # slope 0 left of the first kink, 1 more behind each
        return sum(np.maximum(x - k, 0.0) for k in at)

    near = np.concatenate([k + np.linspace(-0.16, 0.16, 64) for k in at])
    _, first, second = Sampled(f, kinks=kinks)(near)
    assert np.abs(first - sum(near > k for k in at)).max() < 1e-10
    assert np.abs(second).max() < 1e-8


def test_at_the_kink_itself_the_value_is_that_of_the_right_side():
    first = Sampled(np.abs, kinks=(0.0,)).derivative(1)
    assert abs(first(np.zeros(1))[0] - 1.0) < 1e-11
    assert abs(first(np.array([-1e-12]))[0] + 1.0) < 1e-11


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_any_shape_is_kept(shape):
    for one in Sampled(np.sin)(np.ones(shape)):
        assert one.shape == shape


def test_higher_derivatives_of_a_callable():
    x = np.linspace(-3.0, 3.0, 25)
    third, fourth = Sampled(np.sin)(x, 4)[3:]
    assert np.abs(third + np.cos(x)).max() < 1e-8 and np.abs(fourth - np.sin(x)).max() < 1e-6
    assert np.abs(Sampled(np.sin, np.cos)(x, 3)[3] + np.cos(x)).max() < 2e-10


def test_a_callable_can_neither_spoil_its_argument_nor_its_result():
    def rude(x):
        return np.tanh(x, out=x)

    x = X.copy()
    assert np.array_equal(Sampled(rude)(x)[0], np.tanh(X)) and np.array_equal(x, X)
    assert np.abs(Sampled(rude).derivative(1)(x) - 1 / np.cosh(X) ** 2).max() < 2e-12
    few = Sampled(lambda x: np.where(x > 0, np.int8(20), np.int8(0)), np.zeros_like, np.zeros_like)
    assert few(X)[0].dtype == float and (few(X)[0] ** 2).max() == 400.0
    assert few(X.astype(np.float32))[0].dtype == np.float32
