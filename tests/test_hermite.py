"""Hermite coefficients, kernels, the conditions on an activation, and activations built to them.

The table tests/data/hermite.json was computed by another program with 60 digits. Other roads here:
closed kernels, SciPy's polynomials and adaptive quadrature, the mean-field averages.
"""
import json
from math import factorial
from pathlib import Path

import numpy as np
import oracles
import pytest
from scipy.special import erf, eval_hermitenorm

from lib.activations import critical_coefficients, custom, get, hermite
from lib.checks import Untrusted
from lib.theory.correlated import pair_average
from lib.theory.hermite import (Conditions, coefficients, conditions, features,
                                panel_coefficients)
from lib.theory.meanfield import MeanField

TABLE = json.loads((Path(__file__).parent / "data" / "hermite.json").read_text("utf-8"))
ROOT = np.sqrt(2.0)
BELL = 1.0 / np.sqrt(2.0 * np.pi)
OURS = {
    "leaky_relu_0.01": get("leaky_relu"),
    "step": custom(lambda x: np.where(x > 0, 1.0, 0.0), np.zeros_like, np.zeros_like, (0.0,)),
    "erf_sqrt2": custom(lambda x: erf(x / ROOT), lambda x: 2 * BELL * np.exp(-x * x / 2),
                        lambda x: -2 * BELL * x * np.exp(-x * x / 2)),
}
NAMES = sorted(TABLE["activations"])
SMOOTH = [name for name in NAMES if name not in ("step", "relu", "leaky_relu_0.01", "selu")]
RHO = np.array([-1.0, -0.99, -0.5, 0.0, 0.3, 0.9, 0.99, 1.0])


def ours(name):
    return OURS.get(name) or get(name)


def one_coefficient(f, k, q, breaks=()):
    """E f(sqrt(q) z) h_k(z), 400 Gauss-Legendre nodes on each piece, SciPy's polynomials."""
    cuts = np.unique([-12.0, *(b / np.sqrt(q) for b in breaks), 0.0, 12.0])
    x, w = np.polynomial.legendre.leggauss(400)
    z = cuts[:-1, None] + 0.5 * np.diff(cuts)[:, None] * (1 + x)
    terms = f(np.sqrt(q) * z) * eval_hermitenorm(k, z) * BELL * np.exp(-z * z / 2)
    return 0.5 * np.diff(cuts) @ (terms @ w) / np.sqrt(factorial(k))


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_the_table(name):
    row, of = TABLE["activations"][name], features(ours(name))
    assert np.abs(of.a - np.array(row["a"], dtype=float)).max() < 1e-13
    assert abs(of.power - float(row["E_f2"])) < 1e-12
    if name == "step":
        assert of.first == of.second == np.inf
    else:
        assert abs(of.first - float(row["E_fprime2"])) < 1e-12
        told = conditions(ours(name))
        assert abs(told.gain - row["chi"]) < 1e-12 * row["chi"]
        assert abs(told.gain_centred - row["chi_centred"]) < 1e-11
    assert abs(of.effective_orders - row["D_eff"]) < 6e-7
    exact = [k for k in range(1, 21) if float(row["a"][k]) == 0.0]
    assert of.empty_orders.tolist() == exact


def test_the_table_and_the_list_of_empty_orders_are_not_vacuous():
    empty = {name: sum(float(x) == 0.0 for x in TABLE["activations"][name]["a"][1:])
             for name in NAMES}
    assert empty["elu"] == 0 and empty["tanh"] == 10 and empty["relu"] == 9 and len(NAMES) == 13


@pytest.mark.parametrize("name, breaks", [
    ("relu", ()), ("erf", ()), ("gelu", ()), ("elu", ()), ("hard_tanh", (-1, 1)),
    ("hermite", (-3, 3)), ("swish", ()), ("tanh", ())])
@pytest.mark.parametrize("q", [0.2, 4.0])
def test_other_variances_against_adaptive_quadrature(name, breaks, q):
    phi = get(name)
    of = features(phi, q, 14)
    for k in (0, 1, 2, 5, 13):
        expected = one_coefficient(phi.phi, k, q, breaks)
        assert abs(of.a[k] - expected) < 1e-13


def erf_coefficients(c, orders):
    """``a_k`` of ``erf(c z)``, from its generating function."""
    a = np.zeros(orders)
    shrunk = c * c / (1 + 2 * c * c)
    a[1] = 2 * c / np.sqrt(np.pi * (1 + 2 * c * c))
    for k in range(1, orders - 2, 2):
        a[k + 2] = -a[k] * shrunk * k * np.sqrt((k + 1) / (k + 2)) / (0.5 * (k + 1))
    return a


def gelu_coefficients(c, orders):
    """Of ``c z Phi(c z)``, by ``z h_k = sqrt(k+1) h_(k+1) + sqrt(k) h_(k-1)``."""
    half = 0.5 * erf_coefficients(c / ROOT, orders + 1)
    half[0] = 0.5
    root = np.sqrt(np.arange(orders + 1))
    return c * (root[1:] * half[1:] + root[:-1] * np.append(0.0, half[:-2]))


@pytest.mark.parametrize("name, exact", [("erf", erf_coefficients), ("gelu", gelu_coefficients)])
@pytest.mark.parametrize("q", [0.1, 1.0, 9.0])
@pytest.mark.parametrize("orders", [2, 40, 400])
def test_the_spectral_rule_against_closed_forms(name, exact, q, orders):
    known = exact(np.sqrt(q), orders)
    assert np.abs(features(name, q, orders).a - known).max() < 1e-14 * np.sqrt(q)
    k, a = coefficients(get(name), np.array([q]), orders, 2.0)
    assert np.abs(known[k] - a[0]).max() < 1e-14 * np.sqrt(q)


def test_one_closed_form_serves_all_that_is_linear_on_both_sides():
    for phi in (get("relu"), get("leaky_relu", slope=0.3), get("linear")):
        of = features(phi, 2.0, 41)
        assert np.abs(of.a - panel_coefficients(phi, 2.0, 41, of.power)).max() < 1e-14
    few = features("relu", orders=2)
    assert few.a.tolist() == [BELL, 0.5]


def test_high_orders_keep_their_accuracy():
    """Stirling for ReLU's closed form; Parseval for a panel rule."""
    a = features("relu", orders=2001).a
    k = 2000.0
    assert abs(a[2000] ** 2 * np.sqrt(2 * np.pi**3) * k**2.5 - 1) < 3e-3
    of = features("hard_tanh", 1.0, 600)
    assert 0 < of.power - np.sum(of.a**2) < 1e-4 * of.power
    assert np.all(of.a[0::2] == 0.0) or np.abs(of.a[0::2]).max() < 1e-15


def test_an_undeclared_kink_and_too_steep_a_function_are_refused():
    bent = oracles.unsearched(lambda x: np.abs(x - 0.3), lambda x: np.sign(x - 0.3),
                              np.zeros_like)
    half = oracles.unsearched(lambda x: np.abs(x) + np.abs(x - 0.3),
                              lambda x: np.sign(x) + np.sign(x - 0.3), np.zeros_like)
    for phi in (bent, half):
        with pytest.raises(Untrusted, match="kink"):
            features(phi)
    with pytest.raises(Untrusted, match="kink"):
        panel_coefficients(half, 1.0, 8, 1.0)
    steep = custom(lambda x: np.tanh(40 * x), lambda x: 40 * (1 - np.tanh(40 * x) ** 2),
                   lambda x: -3200 * np.tanh(40 * x) * (1 - np.tanh(40 * x) ** 2))
    with pytest.raises(Untrusted):
        features(steep, 100.0)


KERNELS = {
    "relu": (lambda r: (np.sqrt(1 - r * r) + r * (np.pi - np.arccos(r))) / (2 * np.pi),
             lambda r: (np.pi - np.arccos(r)) / (2 * np.pi),
             lambda r: 1 / (2 * np.pi * np.sqrt(np.maximum(1 - r * r, 1e-300)))),
    "erf": (lambda r: 2 / np.pi * np.arcsin(2 * r / 3),
            lambda r: 4 / (3 * np.pi) / np.sqrt(1 - 4 * r * r / 9),
            lambda r: 16 * r / (27 * np.pi) * (1 - 4 * r * r / 9) ** -1.5),
    "erf_sqrt2": (lambda r: 2 / np.pi * np.arcsin(r / 2),
                  lambda r: 1 / np.pi / np.sqrt(1 - r * r / 4),
                  lambda r: r / (4 * np.pi) * (1 - r * r / 4) ** -1.5),
    "sin": (lambda r: np.exp(-1) * np.sinh(r), lambda r: np.exp(-1) * np.cosh(r),
            lambda r: np.exp(-1) * np.sinh(r)),
}


@pytest.mark.parametrize("order", range(3))
@pytest.mark.parametrize("orders", [2, 3, 8, 21, 161])
@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_within_their_own_bound_of_the_closed_form(name, orders, order):
    of = features(ours(name), orders=orders)
    value, bound = of.kernel(RHO, order)
    gap = np.abs(value - KERNELS[name][order](RHO))
    assert np.all((gap <= bound) | np.isinf(bound))
    inside = np.abs(RHO) <= 0.9
    assert np.all(bound[inside] < 30 * gap[inside] + 1e-11) or orders < 161
    if name == "relu":
        assert np.isinf(bound[[0, -1]]).all() == (order > 0)


def test_the_spread_of_series_errors_is_as_derived():
    """Sum of what erf's 20 orders miss, and the slow tail of ReLU."""
    value, bound = features("erf").kernel(RHO)
    assert 1.5e-6 < np.abs(value - KERNELS["erf"][0](RHO)).max() < 2e-6
    k = np.arange(4001)
    of = features("relu", orders=4001)
    for cut in (1000, 4000):
        tail = of.first - np.sum((k * of.a**2)[:cut + 1])
        assert abs(tail * np.pi * np.sqrt(2 * np.pi * cut) - 1) < 2e-3


@pytest.mark.parametrize("name", ["tanh", "swish", "hermite", "elu"])
def test_kernels_agree_with_the_mean_field_pair_average(name):
    for q in (0.5, 3.0):
        of = features(name, q, 120)
        value, bound = of.kernel(RHO)
        q = np.full(RHO.size, q)
        expected = pair_average(get(name), q, q, RHO, 1e-9)
        assert np.all(np.abs(value - expected) <= bound + 1e-9 * of.power)


ROWS = [row for row in TABLE["tanh_mean_field"]["rows"] if row["q_star"] > 0]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['sigma_w']}-{row['sigma_b']}")
def test_chi1_from_coefficients_is_that_of_quadrature_or_is_refused(row):
    w, b = row["sigma_w"], row["sigma_b"]
    q, direct = float(MeanField(w, b).q_star), float(MeanField(w, b).chi1)
    assert abs(q - row["q_star"]) < 1e-9 * q and abs(direct - row["chi_1"]) < 1e-9
    for label, expected in row["chi_1_from_coefficients"].items():
        of = features("tanh", q, int(label[2:]) + 1)
        value, bound = of.kernel(1.0, 1)
        assert abs(w * w * value / q - expected) < 2e-10
        assert abs(w * w * value / q - direct) <= w * w * bound / q
        if bound > 1e-10 * value:
            with pytest.raises(Untrusted) as refused:
                of.gain(w)
            assert abs(refused.value.best - expected) < 2e-10
        else:
            assert abs(of.gain(w) - direct) < 1e-10
    if w <= 2.5:
        assert abs(features("tanh", q, 801).gain(w) - direct) < 1e-10


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gain_of_every_smooth_activation_from_its_coefficients(name):
    of = features(ours(name), 1.0, 2500 if name == "elu" else 200)
    expected = float(TABLE["activations"][name]["E_fprime2"])
    if name == "elu":  # phi'' jumps: k (k-1) a_k^2 falls like k^(-3/2), too slowly for 1e-10
        with pytest.raises(Untrusted):
            of.gain(1.0)
        assert abs(of.gain(1.0, within=1e-4) - expected) < 1e-4
    else:
        assert abs(of.gain(1.0) - expected) < 1e-10


@pytest.mark.parametrize("phi", ["relu", "selu", "hard_tanh", "hermite"])
def test_a_corner_refuses_the_gain_with_the_best_value(phi):
    of = features(phi, orders=400)
    with pytest.raises(Untrusted, match="MeanField.chi1") as refused:
        of.gain(1.0)
    assert abs(refused.value.best - of.first) < 0.01


def test_numbers_of_a_spectrum_in_small_exact_cases():
    equal = hermite([0.0, 1.0, 1.0, 1.0], np.inf)
    assert abs(features(equal, orders=6).effective_orders - 3.0) < 1e-12
    falling = hermite([5.0, 1.0, 0.0, 0.1, -0.01], np.inf)
    assert abs(features(falling, orders=5).decline - 1.0) < 1e-10
    assert features(falling, orders=7).empty_orders.tolist() == [2, 5, 6]
    assert np.isnan(features("linear", orders=4).decline)


def from_coefficients(a):
    """The conditions of a polynomial, all of whose coefficients are given."""
    k, power, first = np.arange(a.size), np.sum(a * a), np.sum(np.arange(a.size) * a * a)
    pairs = np.sum(np.sqrt((k[:-2] + 1) * (k[:-2] + 2)) * a[:-2] * a[2:])
    return Conditions(power, first / power, first / (power - a[0]**2), (first + pairs) / power)


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus"])
def test_conditions_from_coefficients_and_by_quadrature(name):
    one, two = from_coefficients(features(name, 0.8, 300).a), conditions(name, 0.8)
    assert np.allclose(one, two, rtol=1e-11)


@pytest.mark.parametrize("phi", ["relu", "hermite", "selu", "sigmoid"])
def test_the_slope_of_the_variance_map_is_a_finite_difference(phi):
    h, q = 1e-4, 1.3
    power = [float(MeanField(1.0, 0.0, phi).length_map(x)) for x in (q - h, q, q + h)]
    expected = q * (power[2] - power[0]) / (2 * h) / power[1]
    assert abs(conditions(phi, q).variance_slope - expected) < 1e-6


def test_gain_knows_sizes_and_variance_knows_signs():
    a = critical_coefficients()
    ours_, plus = (from_coefficients(x) for x in (a, np.abs(a)))
    assert abs(ours_.gain - 1) < 1e-14 and ours_.gain == plus.gain
    assert abs(ours_.variance_slope - 0.0583) < 5e-5 and abs(plus.variance_slope - 1.94) < 5e-3
    rho = np.linspace(-1, 1, 9)
    same = [features(hermite(x, np.inf)).kernel(rho)[0] for x in (a, np.abs(a))]
    assert np.abs(same[0] - same[1]).max() < 1e-13


def test_after_the_clip():
    told, plus = conditions("hermite"), conditions(hermite(np.abs(critical_coefficients())))
    assert abs(told.power - 0.997) < 5e-4 and abs(told.gain - 0.9769) < 5e-5
    assert abs(told.variance_slope - 0.034) < 5e-4 and abs(plus.variance_slope - 1.61) < 5e-3


def test_the_designed_coefficients_are_those_of_the_rule():
    a = critical_coefficients(4, 0.4)
    assert np.abs(a - TABLE["designed"]["a"]).max() < 1e-14
    for orders, decay in ((2, 1.0), (4, 0.4), (7, 0.6)):
        a = critical_coefficients(orders, decay)
        k = np.arange(orders + 1)
        assert abs(np.sum(a * a) - 1) < 1e-14 and abs(np.sum(k * a * a) - 1) < 1e-14
        assert np.allclose((a[2:] / a[1:-1])[0 if orders == 2 else 1:] ** 2, decay)
        assert np.all(a[:-2] * a[2:] < 0)
    for bad, error in (((1, 0.4), ValueError), ((4, 0.0), ValueError), ((4.0, 0.4), TypeError),
                       ((4, 1.5), ValueError)):
        with pytest.raises(error):
            critical_coefficients(*bad)


def test_a_series_is_scipys_polynomials_and_keeps_the_precision():
    a, x = np.array([0.3, -1.0, 0.5, 0.25, 0.0, 2.0]), np.linspace(-4, 4, 41)
    exact = sum(c * eval_hermitenorm(k, x) / np.sqrt(factorial(k)) for k, c in enumerate(a))
    whole = hermite(a, np.inf)
    assert np.abs(whole.phi(x) - exact).max() < 1e-12 and whole.kinks == ()
    cut = hermite(a, 2.0)
    assert np.allclose(cut.phi(x), np.interp(np.clip(x, -2, 2), x, exact), atol=1e-12)
    assert np.all(cut.dphi(x[np.abs(x) > 2]) == 0) and cut.kinks == (-2.0, 2.0)
    for order, f in enumerate(cut.jet(x.astype(np.float32))):
        assert f.dtype == np.float32
        assert np.allclose(f, cut.derivative(order)(x), rtol=1e-4, atol=1e-4)
    assert abs(cut.dphi(0.7) - (cut.phi(0.7 + 1e-6) - cut.phi(0.7 - 1e-6)) / 2e-6) < 1e-8
    assert hermite([0.0, 1.0, 0.0, 1.0]).parity == "odd" and hermite([1.0]).parity == "even"
    for bad in ([], [[1.0]], [np.nan]):
        with pytest.raises(ValueError):
            hermite(bad)
    with pytest.raises(ValueError, match="clip"):
        hermite([1.0], clip=0.0)


def test_a_series_is_a_citizen():
    clipped, whole = MeanField(1.0, 0.0, "hermite"), MeanField(
        1.0, 0.0, hermite(critical_coefficients(), np.inf, "whole"))
    assert clipped.phase == "ordered"
    with pytest.raises(ValueError, match="kink"):
        _ = clipped.chi2
    assert whole.phase == "critical" and abs(whole.q_star - 1) < 1e-12 and 0 < whole.chi2 < 2
    sigma = 1 / np.sqrt(float(conditions("hermite").power))
    assert abs(MeanField(sigma, 0.0, "hermite").length_map(1.0) - 1) < 1e-12
    slack = get("hermite", decay=0.7)
    assert slack.name == "hermite(3, 0.7)" and slack is not get("hermite")


@pytest.mark.parametrize("call, error, named", [
    (lambda: features("tanh", 0.0), ValueError, "q"),
    (lambda: features("tanh", [1.0, 2.0]), TypeError, "q"),
    (lambda: features("tanh", 1.0, 1), ValueError, "orders"),
    (lambda: features("tanh", 1.0, 3.0), TypeError, "orders"),
    (lambda: features("tanh").kernel(1.5), ValueError, "rho"),
    (lambda: features("tanh").kernel(0.5, 3), ValueError, "order"),
    (lambda: features("tanh").gain(-1.0), ValueError, "sigma_w"),
    (lambda: conditions(OURS["step"]), ValueError, "jumps"),
])
def test_bad_arguments_are_named(call, error, named):
    with pytest.raises(error, match=named):
        call()
