"""Derivatives by differences, against functions whose derivatives are known."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.differences import STEP, derivatives

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
    first, second = derivatives(f)
    assert np.abs(first(X) - df(X)).max() < 2e-12 * np.abs(f(X)).max()
    assert np.abs(second(X) - d2f(X)).max() < 2e-10 * np.abs(f(X)).max()


@settings(max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=11, max_size=11))
def test_a_polynomial_of_degree_ten_has_no_truncation_error(coefficients):
    p = np.polynomial.Polynomial(coefficients)
    first, second = derivatives(p, need=False, need_second=False)
    x = np.linspace(-1.0, 1.0, 9)
    assert np.abs(first(x) - p.deriv()(x)).max() < 1e-11
    assert np.abs(second(x) - p.deriv(2)(x)).max() < 1e-9


@pytest.mark.parametrize("kinks", [(0.0,), (-1.0, 1.0), (0.35, 2.0)])
def test_the_stencil_stays_on_one_side_of_a_kink(kinks):
    def f(x):  # slope 0 left of the first kink, 1 more behind each
        return sum(np.maximum(x - k, 0.0) for k in kinks)

    near = np.concatenate([k + STEP * np.linspace(-8.0, 8.0, 65) for k in kinks])
    near = near[~np.isin(near, kinks)]
    slope = sum(near > k for k in kinks)
    first, second = derivatives(f, kinks)
    assert np.abs(first(near) - slope).max() < 1e-11
    assert np.abs(second(near)).max() < 3e-9  # a lopsided stencil has larger weights


def test_at_the_kink_itself_the_value_is_that_of_the_right_side():
    first, _ = derivatives(np.abs, (0.0,))
    assert abs(first(np.zeros(1))[0] - 1.0) < 1e-11
    assert abs(first(np.array([-1e-12]))[0] + 1.0) < 1e-11


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_any_shape_is_kept(shape):
    first, second = derivatives(np.sin)
    assert first(np.ones(shape)).shape == second(np.ones(shape)).shape == shape


@pytest.mark.parametrize("phi", [np.abs, lambda x: np.maximum(x, 0.3 * x), np.sign,
                                 lambda x: np.sin(80.0 * x)])
def test_a_kink_or_a_fine_scale_is_noticed(phi):
    with pytest.raises(ValueError, match="phi varies too fast"):
        derivatives(phi)


def test_what_is_not_needed_is_not_checked():
    derivatives(np.abs, need=False, need_second=False)
    with pytest.raises(ValueError, match="order 2"):
        derivatives(lambda x: np.maximum(x, 0.0) ** 2, need=False)


def test_kinks_too_close_to_fit_a_stencil_are_refused():
    with pytest.raises(ValueError, match="kinks must be at least 0.44 apart"):
        derivatives(np.sin, (0.0, 0.3))
