"""Length and correlation maps, fixed points, depth scales, the critical line, orbits, analyse."""
import inspect

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from lib.activations import get
from lib.theory import lengths
from lib.theory import meanfield as mf
from lib.theory.analyse import Record, analyse
from lib.theory.quadrature import NotTrusted

ORDERED, CHAOTIC = (1.3, 0.3), (2.5, 0.3)


def trapezoid(f, q):
    """E f(u), u ~ N(0, q), on a plain uniform grid: no code of lib."""
    z, h = np.linspace(-12.0, 12.0, 6001, retstep=True)
    return h * f(np.sqrt(q) * z) @ np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


PHI = {
    "tanh": np.tanh,
    "gelu": lambda u: 0.5 * u * (1 + np.vectorize(__import__("math").erf)(u / np.sqrt(2))),
    "swish": lambda u: u / (1 + np.exp(-u)),
}


def excess(name, sigma_w, sigma_b):
    """V(q) - q by the trapezoid, as a function of log q."""
    def f(log_q):
        q = np.exp(log_q)
        return (sigma_w**2 * trapezoid(lambda u: PHI[name](u) ** 2, q) + sigma_b**2) / q - 1
    return f


# the length map

@pytest.mark.parametrize("q", [1e-6, 0.5, 5.0, 116.0])
@pytest.mark.parametrize("name", ["tanh", "gelu", "hard_tanh", "elu"])
def test_the_length_map(name, q):
    expected = 1.7**2 * oracles.moment(name, q, 0) + 0.4**2
    assert abs(mf.length_map(q, 1.7, 0.4, phi=name) / expected - 1) < 1e-12
    without = 1.7**2 * oracles.moment(name, q, 0)
    assert abs(mf.length_map(q, 1.7, 0.0, phi=name) / without - 1) < 1e-12


def test_at_small_length_tanh_has_its_series():
    q = 1e-5
    series = q - 2 * q**2 + 17 / 3 * q**3
    assert abs(mf.length_map(q, 2.0, 0.0) / (4 * series) - 1) < 1e-12


@pytest.mark.parametrize("q", [1e-4, 0.6, 4.0, 80.0])
@pytest.mark.parametrize("name", ["tanh", "relu", "hard_tanh", "swish", "elu", "sin"])
def test_the_slope_of_the_length_map_is_its_difference_quotient(name, q):
    h = 1e-3 * q
    near, far = (mf.length_map(q + x, 1.4, 0.2, phi=name)
                 - mf.length_map(q - x, 1.4, 0.2, phi=name) for x in (h, 2 * h))
    slope = (4 * near / (2 * h) - far / (4 * h)) / 3
    got = mf.length_slope(q, 1.4, phi=name)
    assert abs(got - slope) < 1e-9 * max(1.0, abs(slope))


@pytest.mark.parametrize("name, slope", [("softplus", 0.25 + np.log(2) / 4), ("sigmoid", 1 / 16)])
@pytest.mark.parametrize("q", [0.0, 1e-20, 1e-12])
def test_the_slope_at_tiny_length_where_phi_does_not_vanish(name, slope, q):
    assert abs(mf.length_slope(q, 1.0, phi=name) - slope) < 1e-9


# fixed points

@pytest.mark.parametrize("sigma_w, sigma_b", [ORDERED, CHAOTIC, (1.0, 0.05), (10.0, 4.0),
                                              (1.01, 0.0),
                                              (2.0, 0.0), (0.1, 4.0), (1.0, 1e-3), (0.5, 1e-8)])
def test_q_star_is_the_root_by_another_quadrature_and_brent(sigma_w, sigma_b):
    f = excess("tanh", sigma_w, sigma_b)
    root = np.exp(brentq(f, np.log(sigma_b**2 or 1e-4) - 0.01, np.log(200.0), xtol=1e-15,
                         rtol=1e-15))
    got = mf.q_star(sigma_w, sigma_b)
    assert abs(got - root) < max(2e-12 * root, 1e-14) / (1 - mf.length_slope(root, sigma_w))


@pytest.mark.parametrize("sigma_w", [0.0, 0.3, 0.999, 1.0])
def test_without_biases_and_gain_activity_dies(sigma_w):
    assert mf.q_star(sigma_w, 0.0) == 0.0
    assert mf.chi1(sigma_w, 0.0) == pytest.approx(sigma_w**2, rel=1e-14)
    assert mf.c_star(sigma_w, 0.0) == 1.0 and mf.deficit_star(sigma_w, 0.0) == 0.0
    assert np.isinf(mf.xi_c(sigma_w, 0.0)) == np.isinf(mf.xi_q(sigma_w, 0.0)) == (sigma_w == 1.0)


def test_the_corner_and_its_neighbours():
    """q* ~ (sigma_w - 1) just above; the corner itself has infinite depth scales."""
    assert mf.q_star(1.0, 0.0) == 0.0 and abs(mf.chi1(1.0, 0.0) - 1.0) < 1e-15
    for e in (1e-3, 1e-5, 1e-7):  # from sigma_w^2 (1 - 2 q + 17/3 q^2) = 1
        w2 = (1 + e) ** 2
        q = (2 - np.sqrt(4 - 68 / 3 * (1 - 1 / w2))) / (34 / 3)
        assert abs(mf.q_star(1 + e, 0.0) / q - 1) < 20 * e**2 + 1e-8
        assert abs((mf.chi1(1 + e, 0.0) - 1) / ((w2 - 1) ** 2 / 3) - 1) < 5 * e + 1e-15 / e**2
    assert 0 < mf.q_star(1.0, 1e-6) < 1e-5 and mf.chi1(1.0, 1e-6) < 1.0


@pytest.mark.parametrize("sigma_w, sigma_b", [(1.0, 0.3), (1.3, 0.0), (0.0, 2.0), (1.4, 4.0)])
def test_relu_in_closed_form(sigma_w, sigma_b):
    q = sigma_b**2 / (1 - sigma_w**2 / 2)
    assert mf.q_star(sigma_w, sigma_b, phi="relu") == pytest.approx(q, rel=1e-12)
    assert mf.chi1(sigma_w, sigma_b, phi="relu") == pytest.approx(sigma_w**2 / 2, rel=1e-14)
    assert mf.c_star(sigma_w, sigma_b, phi="relu") == 1.0


def test_relu_at_the_edge_keeps_every_length():
    """At He's initialisation unit length is one fixed point of many."""
    w = np.sqrt(2.0)
    assert mf.q_star(w, 0.0, phi="relu") == 1.0
    assert mf.chi1(w, 0.0, phi="relu") == pytest.approx(1.0, abs=1e-15)
    assert mf.c_star(w, 0.0, phi="relu") == 1.0 and np.isinf(mf.xi_c(w, 0.0, phi="relu"))
    assert np.isinf(mf.xi_q(w, 0.0, phi="relu"))
    found = lengths.fixed_points(get("relu"), w, 0.0)
    assert str(found.kind) == "neutral" and found.attractors == 0


@pytest.mark.parametrize("sigma_w, sigma_b", [(1.5, 0.0), (1.5, 0.3), (np.sqrt(2.0), 0.3)])
def test_relu_diverges_beyond_it(sigma_w, sigma_b):
    with pytest.raises(mf.NoFixedPoint, match="diverges.*missing='nan'") as refused:
        mf.q_star(sigma_w, sigma_b, phi="relu")
    assert np.isnan(refused.value.best)
    assert np.isnan(mf.q_star(sigma_w, sigma_b, phi="relu", missing="nan"))
    assert mf.chi1(sigma_w, sigma_b, phi="relu") == pytest.approx(sigma_w**2 / 2)
    assert np.isnan(mf.c_star(sigma_w, sigma_b, phi="relu", missing="nan"))


@pytest.mark.parametrize("name, sigma_w, sigma_b", [("gelu", 1.6, 0.05), ("swish", 1.7, 0.1),
                                                    ("gelu", 1.9, 0.0), ("swish", 1.45, 0.3)])
def test_gelu_and_swish_have_a_repeller_above_their_fixed_point(name, sigma_w, sigma_b):
    f = excess(name, sigma_w, sigma_b)
    grid = np.linspace(np.log(1e-3), np.log(1e3), 300)
    signs = np.sign([f(x) for x in grid])
    up = np.flatnonzero((signs[:-1] < 0) & (signs[1:] > 0))
    above = np.exp(brentq(f, grid[up[-1]], grid[up[-1] + 1], xtol=1e-14))
    found = lengths.fixed_points(get(name), sigma_w, sigma_b)
    if above < 1.0:  # unit length is already beyond it
        assert str(found.kind) == "diverges"
        return
    assert str(found.kind) == "stable" and found.attractors == 1
    assert abs(found.repeller / above - 1) < 2e-5
    if sigma_b:
        below = np.exp(brentq(f, np.log(0.9 * sigma_b**2), np.log(0.999 * above), xtol=1e-15))
        assert abs(found.value / below - 1) < 1e-11
    else:
        assert found.value == 0.0


@pytest.mark.parametrize("name", ["gelu", "swish", "relu", "elu", "selu", "softplus"])
def test_what_does_not_saturate_diverges_at_large_gain(name):
    q = mf.q_star(np.array([0.5, 3.0]), 0.2, phi=name, missing="nan")
    assert np.isfinite(q[0]) and np.isnan(q[1])
    with pytest.raises(mf.NoFixedPoint, match="at 1 of 2 points, first at sigma_w = 3, "):
        mf.q_star(np.array([0.5, 3.0]), 0.2, phi=name)


@pytest.mark.parametrize("name", ["tanh", "erf", "hard_tanh", "sigmoid", "gelu", "swish",
                                  "softplus",
                                  "elu", "selu", "sin", "leaky_relu"])
def test_q_star_stays_where_it_is_and_attracts(name):
    w, b = np.meshgrid([0.2, 0.9, 1.1], [0.01, 0.7])
    q = mf.q_star(w, b, phi=name)
    assert np.allclose(mf.length_map(q, w, b, phi=name), q, rtol=1e-11, atol=0)
    assert np.all(np.abs(mf.length_slope(q, w, phi=name)) < 1)
    assert np.allclose(mf.length_orbit(1.0, w, b, 3000, phi=name)[-1], q, rtol=1e-8)


BELL = get(lambda x: np.exp(-0.5 * x * x), dphi=lambda x: -x * np.exp(-0.5 * x * x),
           d2phi=lambda x: (x * x - 1) * np.exp(-0.5 * x * x), name="bell")


@pytest.mark.parametrize("sigma_w", [0.5, 2.0, 30.0])
def test_a_bump_in_closed_form_whose_length_map_falls(sigma_w):
    """V(q) = sigma_w^2 / sqrt(1 + 2 q); V' is negative, but no phi has V'(q*) below -1/2:
    d log E phi^2 / d log q is a mean of x^2 / 2q - 1/2. So lengths never oscillate for ever."""
    q = brentq(lambda q: sigma_w**2 / np.sqrt(1 + 2 * q) - q, 0, 1e4, xtol=1e-14, rtol=1e-15)
    assert abs(mf.q_star(sigma_w, 0.0, phi=BELL) / q - 1) < 1e-11
    assert abs(mf.length_slope(q, sigma_w, phi=BELL) + q / (1 + 2 * q)) < 1e-11
    assert mf.xi_q(sigma_w, 0.0, phi=BELL) == 0.0


# chi1, chi2

@pytest.mark.parametrize("name, order", [("tanh", 1), ("tanh", 2), ("gelu", 1), ("gelu", 2),
                                         ("hard_tanh", 1), ("elu", 1), ("elu", 2), ("swish", 2)])
@pytest.mark.parametrize("sigma_w, sigma_b", [(1.2, 0.2), (1.0, 1.0)])
def test_chi1_and_chi2_are_moments_at_q_star(name, order, sigma_w, sigma_b):
    q = float(mf.q_star(sigma_w, sigma_b, phi=name))
    expected = sigma_w**2 * oracles.moment(name, q, order)
    got = (mf.chi1, mf.chi2)[order - 1](sigma_w, sigma_b, phi=name)
    assert abs(got / expected - 1) < 1e-11


def test_erf_in_closed_form():
    w, b = 2.2, 0.3
    q = brentq(lambda q: w**2 * 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q)) + b**2 - q, 0.1, 9,
               xtol=1e-15)
    top = 2 * q / (1 + 2 * q)
    assert abs(mf.q_star(w, b, phi="erf") - q) < 1e-12
    assert abs(mf.chi1(w, b, phi="erf") - 4 * w**2 / np.pi / np.sqrt(1 + 4 * q)) < 1e-11
    assert abs(mf.chi2(w, b, phi="erf") - 16 * w**2 * q / np.pi / (1 + 4 * q) ** 1.5) < 1e-11
    c = brentq(lambda c: (w**2 * 2 / np.pi * np.arcsin(top * c) + b**2) / q - c, 0.0, 0.9,
               xtol=1e-15)
    assert abs(mf.c_star(w, b, phi="erf") - c) < 1e-10
    slope = w**2 * 2 / np.pi * top / q / np.sqrt(1 - (top * c) ** 2)
    assert abs(mf.slope_at_c_star(w, b, phi="erf") - slope) < 1e-10
    assert abs(mf.xi_c(w, b, phi="erf") + 1 / np.log(slope)) < 1e-8


def test_chi2_of_a_kink_is_refused():
    for name in ("relu", "hard_tanh", "selu", "leaky_relu"):
        with pytest.raises(ValueError, match="has a kink"):
            mf.chi2(1.0, 0.3, phi=name)


def test_q_chi2_is_the_curvature_of_the_correlation_map_at_one():
    d = np.array([1e-3, 2e-3])
    gain = mf.deficit_map(d, *CHAOTIC) / d  # chi1 - q chi2 d / 2 + O(d^2)
    bend = 2 * (2 * (mf.chi1(*CHAOTIC) - gain[0]) / d[0] - (mf.chi1(*CHAOTIC) - gain[1]) / d[1])
    assert abs(bend / (mf.q_star(*CHAOTIC) * mf.chi2(*CHAOTIC)) - 1) < 1e-3


# the correlation map

@pytest.mark.parametrize("sigma_w, sigma_b", [ORDERED, CHAOTIC, (1.395583975, 0.3), (1.05, 0.0)])
@pytest.mark.parametrize("d", [1e-30, 1e-9, 0.01, 0.5, 1.0, 1.9])
def test_the_deficit_map(sigma_w, sigma_b, d):
    q = float(mf.q_star(sigma_w, sigma_b))
    expected = sigma_w**2 / q * oracles.trapezoid_deficit("tanh", q, d)
    assert abs(mf.deficit_map(d, sigma_w, sigma_b) / expected - 1) < 1e-10
    assert abs(mf.correlation_map(1 - d, sigma_w, sigma_b) - (1 - expected)) < 1e-10


def test_one_maps_to_one_and_odd_units_without_biases_are_odd():
    for name in ("tanh", "relu", "hard_tanh", "gelu", "elu"):
        assert mf.correlation_map(1.0, 1.2, 0.3, phi=name) == 1.0
    c = np.array([0.2, 0.7, 1.0])
    mirrored = mf.correlation_map(-c, 2.0, 0.0)
    assert np.allclose(mirrored, -mf.correlation_map(c, 2.0, 0.0), atol=1e-14)
    assert abs(mf.correlation_map(0.0, 2.0, 0.0)) < 1e-15


def test_on_the_shell_the_pair_map_is_the_correlation_map():
    q, c = float(mf.q_star(*CHAOTIC)), np.array([-0.9, 0.1, 0.8])
    ahead, other, turned = mf.pair_map(q, q, c, *CHAOTIC)
    assert np.allclose(ahead, q, rtol=1e-12) and np.allclose(other, q, rtol=1e-12)
    assert np.allclose(turned, mf.correlation_map(c, *CHAOTIC), atol=1e-10)


def test_the_pair_map_off_the_shell_in_closed_form():
    q, other, c, w, b = 0.5, 6.0, 0.4, 1.8, 0.3
    product = w**2 * 2 / np.pi * np.arcsin(2 * np.sqrt(q * other) * c / np.sqrt(
        (1 + 2 * q) * (1 + 2 * other))) + b**2
    ahead = [w**2 * 2 / np.pi * np.arcsin(2 * x / (1 + 2 * x)) + b**2 for x in (q, other)]
    got = mf.pair_map(q, other, c, w, b, phi="erf")
    assert np.allclose(got, [*ahead, product / np.sqrt(ahead[0] * ahead[1])], rtol=1e-10)


def test_the_pair_map_of_silence_is_a_number_or_an_exception():
    """Without biases and at zero length there is no correlation to speak of."""
    try:
        got = mf.pair_map(0.0, 1.0, 0.5, 1.0, 0.0)
    except (ValueError, ArithmeticError):
        return
    assert not np.isnan(got[0]) and (np.isnan(got[2]) or -1 <= got[2] <= 1)


@settings(max_examples=20)
@given(st.floats(0.3, 6), st.floats(0.01, 3), st.sampled_from(["tanh", "erf", "hard_tanh"]))
def test_the_correlation_map_is_convex_and_increasing(sigma_w, sigma_b, name):
    c = np.linspace(0.0, 1.0, 21)
    y = mf.correlation_map(c, sigma_w, sigma_b, phi=name)
    assert np.all(np.diff(y) >= -1e-12) and np.all(np.diff(y, 2) >= -1e-11)
    assert y[0] >= 0 and y[-1] == 1.0


@settings(max_examples=20)
@given(st.floats(0.5, 8), st.floats(0.0, 3), st.sampled_from(["tanh", "hard_tanh", "sin"]))
def test_the_gain_of_a_deficit_falls_from_chi1(sigma_w, sigma_b, name):
    d = np.concatenate([[1e-30, 1e-8], np.linspace(0.01, 1.0, 15)])
    gain = mf.deficit_map(d, sigma_w, sigma_b, phi=name, missing="nan") / d
    assert np.all(np.diff(gain) <= 1e-10 * gain[0]) or np.isnan(gain).all()
    if np.isfinite(gain[0]):
        assert abs(gain[0] / mf.chi1(sigma_w, sigma_b, phi=name) - 1) < 1e-10


# c*

@pytest.mark.parametrize("sigma_w, sigma_b", [CHAOTIC, (4.0, 0.3), (1.5, 0.3), (1.40, 0.3),
                                              (10.0, 4.0), (2.0, 1.0), (1.2, 0.01)])
def test_the_deficit_of_the_fixed_point_by_brent_on_another_quadrature(sigma_w, sigma_b):
    q = float(mf.q_star(sigma_w, sigma_b))
    ratio = sigma_w**2 / q
    root = np.exp(brentq(lambda x: ratio * oracles.trapezoid_deficit("tanh", q, np.exp(x))
                         / np.exp(x) - 1, np.log(1e-6), 0.0, xtol=1e-13))
    margin = mf.chi1(sigma_w, sigma_b) - 1
    assert abs(mf.deficit_star(sigma_w, sigma_b) / root - 1) < 1e-10 + 1e-11 / margin
    assert mf.c_star(sigma_w, sigma_b) == 1 - mf.deficit_star(sigma_w, sigma_b)


@pytest.mark.parametrize("e", [1e-2, 1e-4, 1e-6, 1e-8])
def test_next_to_the_critical_line_the_deficit_vanishes_linearly(e):
    """To first order 1 - c* = 2 (chi1 - 1) / (q* chi2)."""
    w = mf.critical_line(0.3) * (1 + e)
    first_order = 2 * (mf.chi1(w, 0.3) - 1) / (mf.q_star(w, 0.3) * mf.chi2(w, 0.3))
    assert abs(mf.deficit_star(w, 0.3) / first_order - 1) < 10 * e + 1e-11 / e
    # and C'(c*) = 2 - chi1: both depth scales diverge alike
    assert abs((1 - mf.slope_at_c_star(w, 0.3)) / (mf.chi1(w, 0.3) - 1) - 1) < 10 * e + 1e-9 / e


def test_on_the_critical_line_and_below_the_deficit_is_zero():
    w = mf.critical_line(0.3)
    for sigma_w in (w * (1 - 1e-9), w * (1 - 1e-3), 0.5):
        assert mf.deficit_star(sigma_w, 0.3) == 0.0
        assert abs(mf.slope_at_c_star(sigma_w, 0.3) / mf.chi1(sigma_w, 0.3) - 1) < 1e-12
    assert mf.deficit_star(w, 0.3) < 1e-9


@pytest.mark.parametrize("sigma_w", [1.001, 1.5, 5.0])
def test_without_biases_odd_units_decorrelate_in_chaos(sigma_w):
    assert abs(mf.c_star(sigma_w, 0.0)) < 1e-10
    assert abs(mf.c_star(sigma_w * np.sqrt(np.pi) / 2, 0.0, phi="erf")) < 1e-10


@pytest.mark.parametrize("name", ["hard_tanh", "elu", "sin", "sigmoid", "gelu"])
def test_c_star_is_where_the_orbits_of_the_correlation_map_go(name):
    w = {"sigmoid": 12.0, "gelu": 1.4, "elu": 1.3}.get(name, 2.0)
    goal = mf.deficit_star(w, 0.2, phi=name)
    orbit = mf.deficit_orbit(np.array([1e-3, 1.0]), w, 0.2, 300 if name != "elu" else 40, phi=name)
    scale = float(mf.xi_c(w, 0.2, phi=name))
    assert np.all(np.abs(orbit[-1] - goal) < 1e-8 + np.exp(-len(orbit) / scale))


# depth scales

@pytest.mark.parametrize("sigma_w, sigma_b", [ORDERED, CHAOTIC, (1.05, 0.0)])
def test_depth_scales_are_the_rates_of_orbits(sigma_w, sigma_b):
    q, d = mf.q_star(sigma_w, sigma_b), mf.deficit_star(sigma_w, sigma_b)
    away = mf.length_orbit(q * 1.0001, sigma_w, sigma_b, 3) - q
    assert abs(-1 / np.log(away[2] / away[1]) / mf.xi_q(sigma_w, sigma_b) - 1) < 1e-3
    start = d + 1e-5 if d else 1e-25
    away = mf.deficit_orbit(start, sigma_w, sigma_b, 3) - d
    assert abs(-1 / np.log(away[2] / away[1]) / mf.xi_c(sigma_w, sigma_b) - 1) < 1e-3


def test_a_length_that_settles_at_once_has_depth_scale_zero():
    assert mf.xi_q(0.0, 1.0) == 0.0 and mf.xi_c(0.0, 1.0) == 0.0


# the critical line

@pytest.mark.parametrize("name", ["tanh", "erf", "hard_tanh", "sin", "sigmoid", "elu"])
def test_on_the_critical_line_chi1_is_one(name):
    b = np.array([0.02, 0.3, 1.0])
    w = mf.critical_line(b, phi=name, missing="nan")
    known = np.isfinite(w)
    assert known.sum() >= (1 if name in ("sigmoid", "elu") else 3)
    assert np.allclose(mf.chi1(w[known], b[known], phi=name), 1.0, atol=1e-10)


@pytest.mark.parametrize("sigma_b", [1e-4, 0.05, 0.3, 1.0, 4.0])
def test_the_critical_line_of_erf_in_closed_form(sigma_b):
    """sigma_w^2 = pi sqrt(1 + 4 q) / 4, so q is the root of one equation."""
    def f(log_q):
        q = np.exp(log_q)
        return 0.5 * np.sqrt(1 + 4 * q) * np.arcsin(2 * q / (1 + 2 * q)) + sigma_b**2 - q
    q = np.exp(brentq(f, np.log(sigma_b**2), 6.0, xtol=1e-15))
    expected = np.sqrt(np.pi / 4 * np.sqrt(1 + 4 * q))
    assert abs(mf.critical_line(sigma_b, phi="erf") / expected - 1) < 1e-11


def test_the_critical_line_starts_where_the_slope_at_rest_says():
    assert mf.critical_line(0.0) == pytest.approx(1.0, rel=1e-15)
    assert mf.critical_line(0.0, phi="erf") == pytest.approx(np.sqrt(np.pi) / 2, rel=1e-14)
    assert mf.critical_line(0.0, phi="relu") == mf.critical_line(3.0, phi="relu") \
        == pytest.approx(np.sqrt(2), rel=1e-15)
    assert mf.critical_line(1.0, phi="leaky_relu") == pytest.approx(np.sqrt(2 / 1.0001), rel=1e-14)
    b = 1e-5  # vertical tangent: (3/4)^(1/3) sigma_b^(2/3)
    assert abs((mf.critical_line(b) - 1) / (0.75 ** (1 / 3) * b ** (2 / 3)) - 1) < 2e-3


@pytest.mark.parametrize("name", ["gelu", "swish"])
def test_gelu_and_swish_lose_their_fixed_point_before_they_turn_chaotic(name):
    with pytest.raises(mf.NoFixedPoint, match="no sigma_w has chi1 = 1.*sigma_b = 0.05"):
        mf.critical_line(0.05, phi=name)
    assert np.isnan(mf.critical_line(np.array([0.05]), phi=name, missing="nan")).all()
    w = np.linspace(1.0, 2.2, 241)
    gain = mf.chi1(w, 0.05, phi=name, missing="nan")
    assert np.nanmax(gain) < 1 and np.isnan(gain[-1])


# orbits and constants

def test_orbits_are_the_maps_repeated():
    q, d = [np.array([0.1, 9.0])], [np.array([1e-15, 1.5])]
    for _ in range(4):
        q.append(mf.length_map(q[-1], *CHAOTIC))
        d.append(mf.deficit_map(d[-1], *CHAOTIC))
    assert np.array_equal(mf.length_orbit(q[0], *CHAOTIC, 5), q)
    assert np.allclose(mf.deficit_orbit(d[0], *CHAOTIC, 5), d, rtol=2e-10, atol=0)


def test_a_small_deficit_shrinks_and_grows_by_chi1_for_hundreds_of_layers():
    for point, d in ((ORDERED, 1e-2), (CHAOTIC, 1e-30)):
        layers = 150 if point is CHAOTIC else 1000
        orbit = mf.deficit_orbit(d, *point, layers)
        linear = orbit < 1e-9
        gains = orbit[1:][linear[:-1]] / orbit[:-1][linear[:-1]]
        assert len(gains) > 90 and np.allclose(gains, mf.chi1(*point), rtol=1e-8)


def test_tanh_at_the_corner_dies_as_one_over_twice_the_depth():
    """Constant of [schoenholz2017]'s corner: 2 l q_l -> 1."""
    q = mf.length_orbit(1.0, 1.0, 0.0, 3000)
    assert abs(2 * 3000 * q[-1] - 1) < 5e-3 < abs(2 * 30 * q[29] - 1)


def test_he_relu_at_criticality_converges_as_the_depth_squared():
    """l^2 (1 - c_l) -> 9 pi^2 / 2."""
    d = mf.deficit_orbit(1.0, np.sqrt(2.0), 0.0, 4000, phi="relu")
    early, late = (abs(layer**2 * d[layer - 1] / (4.5 * np.pi**2) - 1) for layer in (400, 4000))
    assert late < 0.012 < early


@pytest.mark.parametrize("name", ["tanh", "erf"])
def test_smooth_units_at_criticality_converge_as_the_depth(name):
    """l (1 - c_l) -> 2 / (q* chi2)."""
    w = mf.critical_line(np.sqrt(0.05), phi=name)
    goal = 2 / (mf.q_star(w, np.sqrt(0.05), phi=name) * mf.chi2(w, np.sqrt(0.05), phi=name))
    if name == "tanh":
        assert abs(w**2 - 1.760955) < 1e-6 and abs(goal - 6.171) < 1e-3
    d = mf.deficit_orbit(1.0, w, np.sqrt(0.05), 2000, phi=name)
    assert abs(2000 * d[-1] / goal - 1) < 0.02 < abs(50 * d[49] / goal - 1)


# shapes

GRID = {"length_map": (0.7,), "length_slope": (0.7,), "deficit_map": (0.2,),
        "correlation_map": (0.4,)}


@pytest.mark.parametrize("name", ["q_star", "chi1", "chi2", "deficit_star", "c_star",
                                  "slope_at_c_star", "xi_q", "xi_c", "length_map", "deficit_map",
                                  "correlation_map"])
def test_a_grid_gives_what_a_loop_gives_and_lists_are_stacked(name):
    f, first = getattr(mf, name), GRID.get(name, ())
    w, b = np.array([[0.8], [1.4], [3.0]]), np.array([0.0, 0.05, 0.3, 1.0])
    table = f(*first, w, b)
    loop = [[float(f(*first, v, x)) for x in b] for v in w[:, 0]]
    assert table.shape == (3, 4)
    assert np.allclose(table, loop, rtol=1e-9, atol=1e-10)
    both = f(*first, w, b, phi=["tanh", get("erf")])
    assert both.shape == (2, 3, 4) and np.array_equal(both[0], table)
    assert np.array_equal(both[1], f(*first, w, b, phi="erf"))


def test_a_last_axis_of_one_takes_many_deficits_at_once():
    w, b = np.meshgrid([0.8, 1.4, 3.0], [0.05, 1.0])
    d = np.array([1e-20, 0.1, 1.0, 1.7])
    whole = mf.deficit_map(d, w[..., None], b[..., None])
    assert whole.shape == (2, 3, 4)
    for i in range(4):
        assert np.allclose(whole[..., i], mf.deficit_map(d[i], w, b), rtol=2e-10, atol=0)


@pytest.mark.parametrize("name", ["q_star", "chi1", "deficit_star", "xi_q", "xi_c"])
def test_an_empty_grid_gives_an_empty_answer(name):
    assert getattr(mf, name)(np.empty(0), 0.3).shape == (0,)


def test_missing_nan_leaves_the_other_points_alone():
    w = np.array([1.0, 1.4, 3.0])
    for f in (mf.q_star, mf.deficit_star, mf.c_star, mf.xi_q, mf.xi_c):
        got = f(w, 0.2, phi="relu", missing="nan")
        assert np.isnan(got).tolist() == [False, False, True]
        assert np.array_equal(got[:2], f(w[:2], 0.2, phi="relu"))


# refusals

POINTWISE = [f for _, f in inspect.getmembers(mf, inspect.isfunction)
             if list(inspect.signature(f).parameters)[:2] == ["sigma_w", "sigma_b"]
             and not f.__name__.startswith("_")]


def test_every_function_of_a_point_is_covered():
    assert {f.__name__ for f in POINTWISE} == {"q_star", "chi1", "chi2", "deficit_star", "c_star",
                                               "slope_at_c_star", "xi_q", "xi_c"}


BAD = [(-1.0, ValueError, "at least 0"), (np.nan, ValueError, "finite"),
       (np.inf, ValueError, "finite"),
       ("1", TypeError, "real numbers"), (1j, TypeError, "real numbers"),
       (True, TypeError, "real numbers"), (None, TypeError, "real numbers"),
       ([1.0, -0.1], ValueError, "at least 0")]


@pytest.mark.parametrize("value, error, told", BAD)
def test_bad_standard_deviations_name_the_argument(value, error, told):
    for f in (*POINTWISE, lambda *p: mf.deficit_map(0.1, *p), lambda *p: mf.length_map(1.0, *p),
              lambda *p: mf.deficit_orbit(0.1, *p, 3), lambda *p: mf.length_orbit(1.0, *p, 3),
              lambda *p: mf.pair_map(1.0, 1.0, 0.5, *p), lambda *p: analyse("tanh", *p)):
        with pytest.raises(error, match=f"^sigma_w must be.*{told}|^sigma_w must be {told}"):
            f(value, 0.3)
        with pytest.raises(error, match=f"^sigma_b must be.*{told}|^sigma_b must be {told}"):
            f(1.3, value)


@pytest.mark.parametrize("c", [1.0000001, -1.5, np.nan, "a"])
def test_correlations_out_of_range_are_refused(c):
    for f in (lambda: mf.correlation_map(c, 1.0, 0.1), lambda: mf.pair_map(1.0, 1.0, c, 1.0, 0.1)):
        with pytest.raises((ValueError, TypeError), match="^c must be"):
            f()


def test_other_bad_arguments_name_themselves():
    for f, told in ((lambda: mf.deficit_map(2.5, 1.0, 0.1), "d must be at most 2"),
                    (lambda: mf.deficit_map(-0.1, 1.0, 0.1), "d must be at least 0"),
                    (lambda: mf.length_map(-1.0, 1.0, 0.1), "q must be at least 0"),
                    (lambda: mf.pair_map(1.0, -1.0, 0.0, 1.0, 0.1), "other must be at least 0"),
                    (lambda: mf.length_orbit(1.0, 1.0, 0.1, 0), "layers must be at least 1"),
                    (lambda: mf.q_star(1.0, 0.1, missing="no"), "missing must be 'raise' or"),
                    (lambda: mf.q_star(1.0, 0.1, phi="tan"), "unknown activation 'tan'.*: tanh"),
                    (lambda: mf.critical_line(-0.1), "sigma_b must be at least 0")):
        with pytest.raises(ValueError, match=told):
            f()
    with pytest.raises(TypeError, match="layers must be an integer"):
        mf.deficit_orbit(0.1, 1.0, 0.1, 3.0)


def test_an_unknown_choice_for_missing_is_refused_by_the_critical_line_too():
    with pytest.raises(ValueError, match="missing must be"):
        mf.critical_line(0.3, missing="no")


def test_shapes_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError):
        mf.q_star(np.ones(2), np.ones(3))
    with pytest.raises(ValueError):
        mf.deficit_map(np.ones(2), np.ones(3), 0.1)


# analyse

@pytest.mark.parametrize("point, phase", [
    (ORDERED, "ordered"), (CHAOTIC, "chaotic"), ((1.0, 0.0), "critical"),
    ((1.395583974954, 0.3), "critical"), ((0.0, 0.0), "ordered")])
def test_the_phase_of_tanh(point, phase):
    record = analyse("tanh", *point)
    assert record.phase == phase and record.activation == "tanh"
    for name in ("q_star", "chi1", "chi2", "c_star", "xi_q", "xi_c"):
        assert getattr(record, name) == pytest.approx(float(getattr(mf, name)(*point)), rel=1e-12)
    with np.errstate(divide="ignore"):
        assert record.lyapunov == pytest.approx(0.5 * np.log(mf.chi1(*point)), abs=1e-14)


def test_any_callable_is_analysed_as_its_twin_by_name():
    mine, theirs = analyse(lambda x: np.tanh(x), 2.5, 0.3), analyse("tanh", 2.5, 0.3)
    assert np.allclose(mine[4:11], theirs[4:11], rtol=1e-9)
    by_hand = get(lambda x: np.maximum(x, 0), kinks=(0,))
    ramp, relu = (analyse(phi, 1.2, 0.3) for phi in (by_hand, "relu"))
    assert np.allclose(ramp[4:11], relu[4:11], rtol=1e-12)


USERS = {  # phi, phi' and where the kinks are
    "cosine": (np.cos, lambda x: -np.sin(x), ()),
    "bell": (BELL.phi, BELL.dphi, ()),
    "lorentz": (lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2, ()),
    "x tanh x": (lambda x: x * np.tanh(x), lambda x: np.tanh(x) + x / np.cosh(x) ** 2, ()),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x), ()),
    "shifted tanh": (lambda x: np.tanh(x) + 0.5, lambda x: 1 / np.cosh(x) ** 2, ()),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: (1 + np.abs(x)) ** -2.0, (0.0,)),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 0.25 / np.cosh(x / 2) ** 2, ()),
    "snake": (lambda x: x + np.sin(x) ** 2, lambda x: 1 + np.sin(2 * x), ()),
}


@pytest.mark.parametrize("point", [(0.8, 0.0), (0.9, 0.3)])
@pytest.mark.parametrize("name", USERS)
def test_a_users_function_needs_no_derivatives(name, point):
    phi, dphi, kinks = USERS[name]
    record = analyse(get(phi, kinks=kinks), *point)
    q, w = record.q_star, point[0]
    second, stretch = (2 * panel(lambda u, f=f: 0.5 * (f(u) ** 2 + f(-u) ** 2), q)
                       for f in (phi, dphi))
    assert abs(w**2 * second + point[1] ** 2 - q) < 1e-10 * max(q, 1e-3)
    assert abs(record.chi1 - w**2 * stretch) < 1e-9
    assert record.phase == ("chaotic" if record.chi1 > 1 else "ordered")


def panel(f, q):
    """Half of E f(u), f even, by Gauss-Legendre panels."""
    node, weight = np.polynomial.legendre.leggauss(60)
    edges = np.array([0, 0.25, 0.5, 1, 2, 4, 8, 12.5])
    half = 0.5 * np.diff(edges)[:, None]
    z, w = edges[:-1, None] + half * (1 + node), half * weight
    return (w * f(np.sqrt(q) * z) * np.exp(-0.5 * z * z)).sum() / np.sqrt(2 * np.pi)


def test_a_record_reads_well():
    text = repr(analyse("gelu", 1.45, 0.05)).splitlines()
    assert text[0] == "gelu at sigma_w = 1.45, sigma_b = 0.05: ordered"
    assert [line.split()[0] for line in text[1:8]] == list(Record._fields[4:11])
    assert text[8].startswith("  warning: two fixed points: lengths above q = ")


@pytest.mark.parametrize("phi, point, phase, told", [
    ("relu", (np.sqrt(2), 0.0), "critical", "every length is a fixed point"),
    ("relu", (2.0, 0.1), "none", "lengths grow without bound"),
    ("relu", (1.0, 0.1), "ordered", "phi has a kink"),
    ("tanh", (0.9, 0.0), "ordered", "activity dies out"),
    ("swish", (2.5, 0.1), "none", "lengths grow without bound"),
    (np.exp, (2.0, 0.5), "none", "infinite or too large"),
])
def test_warnings_say_what_a_reader_must_know(phi, point, phase, told):
    record = analyse(phi, *point)
    assert record.phase == phase and any(told in warning for warning in record.warnings)
    if phase == "none":
        assert all(np.isnan(getattr(record, x)) for x in ("q_star", "c_star", "xi_q", "xi_c"))


def test_kinks_and_jumps_have_infinite_chi():
    assert np.isinf(analyse("hard_tanh", 1.0, 0.3).chi2)
    sign = get(np.sign, dphi=np.zeros_like, d2phi=np.zeros_like, kinks=(0.0,))
    record = analyse(sign, 1.0, 0.3)
    assert np.isinf(record.chi1) and record.q_star == pytest.approx(1.09, rel=1e-12)
    assert record.phase == "chaotic" and np.isnan(record.c_star)


def test_grids_and_undeclared_kinks_are_refused():
    with pytest.raises(ValueError, match="sigma_w and sigma_b must be single numbers"):
        analyse("tanh", np.ones(2), 0.1)
    with pytest.raises(ValueError, match="unknown activation"):
        analyse("tanhh", 1.0, 0.1)
    bent = type(get("tanh"))("bent", lambda x: np.maximum(x - 0.4, 0.3 * x),
                             lambda x: np.where(x > 4 / 7, 1.0, 0.3), np.zeros_like)
    with pytest.raises(NotTrusted, match="declare every kink"):
        analyse(bent, 1.0, 0.3)
