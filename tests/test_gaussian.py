"""Averages over one normal, to 1e-12, against mpmath; and what must be refused."""
import mpmath as mp
import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import erf, ndtr

from lib.activations import FAMILIES, Activation, get
from lib.checks import Untrusted
from lib.theory.gaussian import (
    LEVELS,
    average,
    co_moment,
    half_line,
    moment,
    moment_slope,
    split_half_line,
    three_sums,
    unit_interval,
)

NAMES = sorted(set(FAMILIES) - {"silu"})  # swish by another name
VARIANCES = (1e-6, 0.07, 1.9, 116.0)  # sigma_w = 10, sigma_b = 4 gives q* = 116


# the rules themselves

@pytest.mark.parametrize("nodes", LEVELS)
@pytest.mark.parametrize("power", [0, 1, 2, 5, 8])
def test_the_half_line_integrates_powers_under_a_bell(nodes, power):
    z, w = half_line(nodes)
    expected = float(mp.gamma((power + 1) / 2)) * 2 ** ((power - 1) / 2)
    assert abs(w @ (z**power * np.exp(-0.5 * z * z)) / expected - 1) < 1e-14


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-4])
def test_the_half_line_does_not_care_about_scales(scale):
    z, w = half_line(193)
    expected = float(mp.pi / 2 * mp.erfcx(scale / mp.sqrt(2)) / scale) if hasattr(mp, "erfcx") \
        else float(mp.pi / 2 * mp.exp(mp.mpf(scale)**2 / 2) * mp.erfc(scale / mp.sqrt(2)) / scale)
    got = w @ (np.exp(-0.5 * z * z) / (z * z + scale**2))
    assert abs(got / expected - 1) < 1e-12


@pytest.mark.parametrize("nodes", LEVELS)
@pytest.mark.parametrize("f, expected", [
    (np.ones_like, 1.0), (lambda x: x**7, 1 / 8), (np.sqrt, 2 / 3), (np.exp, np.e - 1),
    (lambda x: 1 / (x + 0.01), np.log(101))])
def test_the_unit_interval(nodes, f, expected):
    x, w = unit_interval(nodes)
    assert abs(w @ f(x) / expected - 1) < 2e-13


@pytest.mark.parametrize("rule", [half_line, unit_interval])
def test_nodes_that_are_shared_cannot_be_overwritten(rule):
    for array in rule(97):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


@pytest.mark.parametrize("edges", [[1.0], [-1.0], [2.0, 0.5], [0.0, 3.0], [20.0], [1e9, 0.1]])
def test_a_split_half_line_handles_jumps_at_its_edges(edges):
    z, w = split_half_line(np.array([edges]), 97)
    assert z.size == w.size == 97 * (1 + sum(e > 0.0 for e in edges))
    steps = sum((z > e).astype(float) for e in edges)
    got = (w * steps * np.exp(-0.5 * z * z)).sum() / np.sqrt(2 * np.pi)
    expected = sum(ndtr(-max(e, 0.0)) for e in edges)
    assert abs(got - expected) < 1e-14


def test_without_edges_it_is_the_plain_rule():
    assert split_half_line(np.empty((4, 0)), 97)[0] is half_line(97)[0]


def test_the_error_estimate_is_aitkens_and_bounds_the_error():
    z, w = half_line(97)
    sharp = w * np.exp(-0.5 * z * z) / (1 + (300 * z) ** 2) ** 2
    exact = float(mp.quad(lambda t: mp.exp(-t * t / 2) / (1 + (300 * t) ** 2) ** 2,
                          [0, 0.001, 0.003, 0.01, 0.1, 1, 13]))
    terms = np.stack([sharp, w * np.exp(-0.5 * z * z) * (z > 0.7)])
    value, error = three_sums(terms, 97)
    one, two, four = (terms[:, ::k].sum(axis=1) * k for k in (1, 2, 4))
    assert np.allclose(value, one, rtol=1e-14)
    assert np.allclose(error, np.abs(one - two) * np.minimum(
        1, np.abs(one - two) / np.abs(two - four)), rtol=1e-6, atol=1e-25)
    assert abs(value[0] - exact) <= error[0] + 1e-16
    assert abs(value[1] - np.sqrt(np.pi / 2) * 2 * ndtr(-0.7)) < 10 * error[1]


# averages

@pytest.mark.parametrize("order", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_moments_to_1e_12(name, order):
    if order == 2 and name in oracles.DELTAS:
        with pytest.raises(ValueError, match="has a kink, so E phi''\\^2 .* is infinite"):
            moment(get(name), np.ones(3), 2)
        return
    expected = np.array([oracles.moment(name, q, order) for q in VARIANCES])
    got = moment(get(name), np.array(VARIANCES), order)
    assert np.all(np.abs(got - expected) <= 1e-12 * expected)


@pytest.mark.parametrize("q", [1e-6, 0.5, 5.0, 116.0])
@pytest.mark.parametrize("name", ["tanh", "hard_tanh", "gelu", "swish", "elu", "selu", "sin"])
def test_the_slope_of_the_second_moment_is_that_of_mpmath(name, q):
    phi = oracles.EXACT[name]
    with mp.workdps(25):
        expected = float(oracles.average(lambda u: phi[0](u) * phi[1](u) * u, q,
                                         oracles.KINKS.get(name, ())) / mp.mpf(q))
    size = moment(get(name), np.array(q), 1)  # what the slope is made of
    assert abs(moment_slope(get(name), np.array(q)) - expected) < 1e-12 * size


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus", "erf"])
def test_the_slope_is_also_phi_prime_squared_and_phi_phi_second(name):
    phi, q = oracles.EXACT[name], 2.3
    expected = float(oracles.average(lambda u: phi[1](u) ** 2 + phi[0](u) * phi[2](u), q))
    assert abs(moment_slope(get(name), np.array(q)) - expected) < 1e-12


@pytest.mark.parametrize("name, at_rest", [
    ("tanh", (0.0, 1.0, 0.0, 1.0)), ("relu", (0.0, 0.5, None, 0.5)),
    ("leaky_relu", (0.0, 0.50005, None, 0.50005)), ("hard_tanh", (0.0, 1.0, None, 1.0)),
    ("sigmoid", (0.25, 1 / 16, 0.0, 1 / 16)), ("gelu", (0.0, 0.25, 2 / np.pi, 0.25)),
    ("softplus", (np.log(2) ** 2, 0.25, 1 / 16, 0.25 + np.log(2) / 4)),
    ("elu", (0.0, 1.0, 0.5, 1.0)), ("erf", (0.0, 4 / np.pi, 0.0, 4 / np.pi)),
])
def test_at_variance_zero_each_side_of_a_kink_counts_half(name, at_rest):
    phi, zero = get(name), np.zeros(1)
    for order, expected in enumerate(at_rest[:3]):
        if expected is not None:
            assert abs(moment(phi, zero, order)[0] - expected) < 1e-14
    assert abs(moment_slope(phi, zero)[0] - at_rest[3]) < 2e-14


@pytest.mark.parametrize("f, kinks, q, expected", [
    (lambda u: u**4, (), 3.0, 27.0),
    (lambda u: u**3, (), 3.0, 0.0),
    (np.abs, (0.0,), 2.0, np.sqrt(4 / np.pi)),
    (lambda u: u > 0.7, (0.7,), 1.0, ndtr(-0.7)),
    (lambda u: (u > -2.0) & (u < 5.0), (-2.0, 5.0), 9.0, ndtr(5 / 3) - ndtr(-2 / 3)),
    (np.exp, (), 2.0, np.e),
    (np.cos, (), 9.0, np.exp(-4.5)),
])
def test_averages_known_in_closed_form(f, kinks, q, expected):
    got = average(lambda u: 1.0 * f(u), np.array(q), kinks)
    assert abs(got - expected) < 1e-12 * max(1.0, expected)


@pytest.mark.parametrize("q", [1e-6, 1.0, 116.0])
def test_it_agrees_with_adaptive_quadrature(q):
    def density(z):
        return np.tanh(np.sqrt(q) * z + 0.0) ** 6 * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)

    expected = 2 * sum(integrate.quad(density, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in
                       ((0, 0.1), (0.1, 1), (1, 4), (4, 12)))
    got = average(lambda u: np.tanh(u) ** 6, np.array(q), even=True)
    assert abs(got / expected - 1) < 1e-12


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 1, 3)])
def test_any_shape_of_variances_is_kept(shape):
    q = np.full(shape, 2.0)
    assert moment(get("swish"), q).shape == moment_slope(get("swish"), q).shape == shape


def test_many_variances_give_what_each_gives_alone():
    q = np.geomspace(1e-9, 1e3, 700)  # several blocks
    phi = get("softplus")
    together, some = moment(phi, q, 2), [0, 1, 311, 312, 313, 699]
    assert np.allclose(together[some], [moment(phi, q[i], 2) for i in some], rtol=1e-14, atol=0)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("name, a, b", [("tanh", 0.3, 60.0), ("relu", 2.0, 8.0),
                                        ("hard_tanh", 0.2, 30.0), ("elu", 4.0, 1e-3)])
def test_the_product_at_correlation_one(name, a, b, order):
    f, kinks = oracles.EXACT[name][order], oracles.KINKS.get(name, ())
    with mp.workdps(25):
        s, t = mp.sqrt(mp.mpf(a)), mp.sqrt(mp.mpf(b))
        cuts = tuple(mp.mpf(k) / r for k in kinks for r in (s, t))
        expected = float(oracles.average(lambda z: f(s * z) * f(t * z), 1.0, cuts))
    got = co_moment(get(name), np.array([a]), np.array([b]), order)
    assert abs(got[0] - expected) < 2e-12 * abs(expected)
    assert co_moment(get(name), np.array([a]), np.array([a]), order) \
        == moment(get(name), np.array([a]), order)


@settings(max_examples=25)
@given(st.floats(1e-6, 100), st.floats(1e-3, 50),
       st.sampled_from(["relu", "leaky_relu", "linear"]))
def test_homogeneous_phi_scales(q, factor, name):
    phi = get(name)
    by_rule = average(lambda u: phi(u) ** 2, np.array([q, factor * q]), phi.kinks)
    assert abs(by_rule[1] / by_rule[0] / factor - 1) < 1e-12


@settings(max_examples=15)
@given(st.lists(st.floats(1e-6, 116.0), min_size=2, max_size=6, unique=True))
def test_saturating_units_never_outgrow_their_limits(variances):
    q = np.sort(variances)
    power, stretch = moment(get("tanh"), q), moment(get("tanh"), q, 1)
    assert np.all(np.diff(power) >= -1e-15) and np.all(power < np.minimum(q, 1.0))
    assert np.all(np.diff(stretch) <= 1e-15) and np.all(power + moment_slope(get("tanh"), q) > 0)


# refusals

def test_an_undeclared_kink_is_not_trusted_and_the_best_value_comes_along():
    def f(u):
        return np.maximum(u - 0.7, 0.0)

    with pytest.raises(Untrusted, match="does not name") as refused:
        average(f, np.array([1e-3, 2.0]))
    s = np.sqrt(2.0)
    bell = np.exp(-0.5 * 0.49 / 2) / np.sqrt(2 * np.pi)
    assert abs(refused.value.best[1] - (s * bell - 0.7 * ndtr(-0.7 / s))) < 1e-4


@pytest.mark.parametrize("phi", [
    lambda u: np.where(u > 1.0, 2.0 * u - 1.0, u), lambda u: np.clip(u, -1.5, 1.0)])
def test_an_undeclared_kink_behind_given_derivatives_is_caught(phi):
    sly = oracles.unsearched(phi, lambda u: np.where(u > 1.0, 2.0, 1.0), np.zeros_like)
    with pytest.raises(Untrusted):
        moment(sly, np.array(2.0))


@pytest.mark.parametrize("f", [
    np.exp, np.cosh, lambda u: np.exp(0.25 * u * u), lambda u: np.exp(u * u)])
def test_exponential_growth_is_refused_at_large_variance(f):
    with pytest.raises(Untrusted, match="grows too fast|not finite"):
        average(f, np.array([500.0]))


@pytest.mark.parametrize("q, factor", [(1.0, 0.45), (0.5, 0.9)])
def test_an_average_that_is_all_but_infinite_is_refused(q, factor):
    with pytest.raises(Untrusted):
        average(lambda u: np.exp(factor * u * u), np.array(q))


def test_a_function_that_turns_into_nan_far_out_is_refused():
    with pytest.raises(Untrusted, match="not finite within 13 standard deviations at q = 4"):
        average(lambda u: np.where(np.abs(u) > 20, np.nan, u * u), np.array([0.1, 4.0]))


def test_a_jump_has_no_derivative_to_average():
    step = get(np.sign, dphi=np.zeros_like, d2phi=np.zeros_like, kinks=(0.0,))
    assert moment(step, np.array(2.0)) == pytest.approx(1.0, rel=1e-13)
    for order in (1, 2):
        with pytest.raises(ValueError, match="is infinite"):
            moment(step, np.array(2.0), order)


@pytest.mark.parametrize("at", [-0.4, 0.0, 1.0])
def test_the_slope_of_the_second_moment_counts_a_jump(at):
    """E (u > at) is a tail of the normal, whose derivative in q is known."""
    step = get(lambda x: 1.0 * (x > at), dphi=np.zeros_like, d2phi=np.zeros_like, kinks=(at,))
    q = np.array([0.02, 0.7, 9.0])
    expected = 0.5 * at * q**-1.5 * np.exp(-0.5 * at * at / q) / np.sqrt(2 * np.pi)
    assert np.allclose(moment_slope(step, q), expected, rtol=1e-12, atol=1e-300)


def test_too_fine_an_oscillation_is_refused_and_a_mild_one_is_right():
    assert abs(average(lambda u: np.cos(u) ** 2, np.array(400.0)) - 0.5) < 1e-12
    with pytest.raises(Untrusted):
        average(lambda u: np.cos(u) ** 2, np.array(1e8))


@pytest.mark.parametrize("q, error", [(-1.0, ValueError), (np.nan, ValueError),
                                      (np.inf, ValueError), ("1", TypeError), (1j, TypeError)])
def test_bad_variances_name_the_argument(q, error):
    for function in (lambda: moment(get("tanh"), q), lambda: moment_slope(get("tanh"), q),
                     lambda: average(np.cos, q)):
        with pytest.raises(error, match="^q must be"):
            function()


CASES = [  # phi, q, order, E f^2 by mpmath or in closed form
    ("abs((0.1*x))-sin(x**2)", 1.1030140197808118, 0, 0.264328948575018),  # an estimate was lucky
    (lambda x: np.where(x > 0, 20, 0).astype(np.int8), 1.0, 0, 200.0),  # overflowed
    (lambda x: 1e-6 * np.sin(30 * x), 1.0, 1, 4.5e-10 * (1 + np.exp(-1800.0))),
    (lambda x: 1e-6 * np.sin(30 * x), 1e-3, 1, 4.5e-10 * (1 + np.exp(-1.8))),
    (lambda x: np.tanh(x) + np.exp(-(x - 20.0) ** 2), 100.0, 0, 0.9466115209559737),  # called odd
    ("tanh(x) + exp(-(x - 20)**2)", 100.0, 0, 0.9466115209559737),
    ("exp(x) - 1", 1e-16, 0, 1e-16),  # cancelled
    (lambda x: np.clip(x, -50, 50), 400.0, 0, 2500.0 - 2100.0 * erf(2.5 / np.sqrt(2))
     - 2 * 20 * 50 * np.exp(-0.5 * 2.5**2) / np.sqrt(2 * np.pi)),
]


@pytest.mark.parametrize("phi, q, order, expected", CASES)
def test_what_was_wrong_in_silence_is_right(phi, q, order, expected):
    phi = get(phi)
    assert float(moment(phi, q, order)) == pytest.approx(
        expected, rel=1e-11 if phi.grade == "certified" else 1e-9)


@pytest.mark.parametrize("phi, q, told", [
    ("sin(x**2)", 1e4, "two rules .* differ by .* varies too fast"),
    ("sqrt(1+x**2)-1", 1e-16, "lost in rounding"), (np.exp, 1e4, "known for .x. < 689"),
    (lambda x: np.where(x > 20, np.nan, x), 9.0, "known for .x. < 19.76"),
    ("exp(0.3*x**2)", 1.0, "grows too fast")])
def test_messages_name_what_was_seen(phi, q, told):
    with pytest.raises(Untrusted, match=told):
        moment(get(phi), q)


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus", "hermite", "relu(x-0.2)**2"])
@pytest.mark.parametrize("order", [0, 1])
def test_the_series_in_log_q_is_what_the_rules_give(name, order):
    """Between any nodes, also where the average is exponentially small. Both round."""
    phi, q = get(name), np.geomspace(1e-3, 1e4, 137)
    f = phi.derivative(order)
    direct = average(lambda u: f(u) ** 2, q, phi.kinks, bool(phi.parity))
    got = moment(Activation("again", phi.made), q, order)
    assert np.abs(got / direct - 1).max() < 3e-13
