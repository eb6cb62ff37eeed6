"""The circle's geometry against roads of its own: the covariance differentiated in mpmath, sums
and recursions by hand over a plain trapezoid, sampled networks, and reference values."""
import json
import re
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.theory import geometry as geo
from lib.theory import meanfield as mf
from lib.theory.quadrature import NotTrusted

REFERENCE = json.loads((Path(__file__).parent / "data" / "geometry.json").read_text("utf-8"))
TRIO = np.array([1.3, 2.5, 4.0])
Z = np.arange(-12.0, 12.0, 0.01)
BELL = 0.01 * np.exp(-0.5 * Z * Z) / np.sqrt(2 * np.pi)
TANH = (np.tanh, lambda x: np.cosh(x) ** -2, lambda x: -2 * np.tanh(x) * np.cosh(x) ** -2)


def mean_square(order, q):
    """E of the squared derivative of tanh, by a plain trapezoid."""
    return BELL @ TANH[order](np.sqrt(q) * Z) ** 2


def by_hand(q, sigma_w, sigma_b, layers):
    """Rows (q, metric, kappa2) of the recursion, each line as it is printed."""
    rows = [(q, q, 1 / q)]
    for _ in range(layers - 1):
        q, g, k = rows[-1]
        one, two = (sigma_w**2 * mean_square(order, q) for order in (1, 2))
        rows.append((sigma_w**2 * mean_square(0, q) + sigma_b**2, one * g,
                     3 * two / one**2 + k / one))
    return np.array(rows).T


def differentiated(q, sigma_w, sigma_b, layers):
    """Rows (q, metric, kappa2) for erf: the composed covariance differentiated numerically.

    For erf ``E phi phi = 2/pi asin(2 k / (1 + 2 q))``, so the covariance k(d) of a neuron at two
    points of the circle is a closed formula, composed layer by layer.
    """
    with mp.workdps(60):
        w2, b2 = mp.mpf(float(sigma_w)) ** 2, mp.mpf(float(sigma_b)) ** 2
        lengths = [mp.mpf(q)]
        for _ in range(layers - 1):
            lengths.append(w2 * 2 / mp.pi * mp.asin(2 * lengths[-1] / (1 + 2 * lengths[-1])) + b2)

        def covariance(d, layer):
            k = lengths[0] * mp.cos(d)
            for before in lengths[:layer]:
                k = w2 * 2 / mp.pi * mp.asin(2 * k / (1 + 2 * before)) + b2
            return k

        rows = []
        for layer, length in enumerate(lengths):
            c = mp.taylor(lambda d, at=layer: covariance(d, at), 0, 4)
            second, fourth = 2 * c[2], 24 * c[4]
            rows.append([float(x) for x in (length, -second, fourth / second**2)])
    return np.array(rows).T


@pytest.mark.parametrize("sigma_w, sigma_b, q1", [
    (0.9, 0.3, 0.5), (1.5, 0.3, 2.0), (3.0, 0.1, 0.2), (1.0, 0.0, 1.0),
    (float(mf.critical_line(0.3, phi="erf")), 0.3, None)])
def test_recursion_is_the_covariance_differentiated(sigma_w, sigma_b, q1):
    q1 = float(mf.q_star(sigma_w, sigma_b, phi="erf")) if q1 is None else q1
    found = geo.curve(q1, sigma_w, sigma_b, 6, phi="erf")
    exact = differentiated(q1, sigma_w, sigma_b, 6)
    np.testing.assert_allclose([found.q, found.metric, found.kappa2], exact, rtol=1e-12)
    np.testing.assert_allclose((found.length_gauss / 2 / np.pi) ** 2, exact[1] * exact[2],
                               rtol=1e-12)


@pytest.mark.parametrize("q1", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("sigma_w", TRIO)
def test_recursion_by_hand(sigma_w, q1):
    found = geo.curve(q1, sigma_w, 0.3, 12)
    np.testing.assert_allclose([found.q, found.metric, found.kappa2],
                               by_hand(q1, sigma_w, 0.3, 12), rtol=1e-11)


@given(sigma_w=st.floats(0.3, 5), sigma_b=st.floats(0.05, 3))
def test_closed_form_is_the_recursion(sigma_w, sigma_b):
    closed = geo.circle_closed_form(sigma_w, sigma_b, 12)
    steps = geo.curve(float(mf.q_star(sigma_w, sigma_b)), sigma_w, sigma_b, 12)
    for name in ("q", "metric", "kappa2", "length_gauss"):
        np.testing.assert_allclose(getattr(steps, name), getattr(closed, name), rtol=1e-12)


@pytest.mark.parametrize("off", [0.0, 1e-15, -1e-15, 1e-9, -1e-9])
def test_on_and_beside_the_critical_line(off):
    sigma_w = float(mf.critical_line(0.3)) * (1 + off)
    found = geo.circle_closed_form(sigma_w, 0.3, 40)
    q = 0.7634747669104629  # of the reference, like chi2 below
    square = 1 + 3 * 0.6116713494237694 * q * np.arange(40)
    np.testing.assert_allclose((found.length_gauss / 2 / np.pi) ** 2, square, rtol=1e-6)
    np.testing.assert_allclose(found.metric, q, rtol=1e-6)
    np.testing.assert_allclose(found.kappa2, square / q, rtol=1e-6)


def test_series_has_no_gap_at_zero():
    for rate in (0.0, 1e-300, -1e-18, 1e-9, -1e-5, 0.3, -2.0):
        with mp.workdps(30):
            exact = mp.log(mp.fsum(mp.exp(mp.mpf(rate) * i) for i in range(50)))
        assert geo._log_series(np.array(rate), np.array(50)) == pytest.approx(float(exact),
                                                                              abs=1e-14)
    assert geo._log_series(np.array([0.0, 0.5]), np.array(0)).tolist() == [-np.inf, -np.inf]


def test_linear_networks_keep_the_gauss_map_at_any_depth():
    for sigma_w in (0.5, 1.0, 1.3):
        found = geo.curve(1.7, sigma_w, 0.2, 1000, phi="linear")
        assert np.all(found.length_gauss == 2 * np.pi)
        np.testing.assert_allclose(found.log_metric,
                                   np.log(1.7) + 2 * np.arange(1000) * np.log(sigma_w), atol=1e-9)
    assert geo.length_gauss_star(0.5, 0.2, phi="linear") == 2 * np.pi
    assert geo.kappa2_star(1.0, 0.0, phi="linear") == 1.0 and \
        np.isinf(geo.kappa2_star(0.9, 0.1, phi="linear"))


def test_depth_1000_in_every_phase():
    q = mf.q_star(TRIO, 0.3)
    steps, closed = geo.curve(q, TRIO, 0.3, 1000), geo.circle_closed_form(TRIO, 0.3, 1000)
    for name in ("log_metric", "log_kappa2", "log_length_gauss"):
        np.testing.assert_allclose(getattr(steps, name), getattr(closed, name), rtol=1e-11)
    assert steps.log_metric[-1, 2] > 800.0  # beyond any float
    with pytest.raises(NotTrusted, match="log_metric"):
        _ = steps.metric
    np.testing.assert_allclose(steps.kappa2[-1, 1:], [3.867709824309086, 1.7213799491608148],
                               rtol=1e-9)
    faint = geo.circle_closed_form(0.2, 0.3, 1000)
    with pytest.raises(NotTrusted, match="log_kappa2"):
        _ = faint.kappa2
    assert faint.length_gauss[-1] == pytest.approx(float(geo.length_gauss_star(0.2, 0.3)))


def test_vectorised_is_one_by_one():
    sigma_w, sigma_b = np.array([[0.8], [1.5], [3.0]]), np.array([0.1, 0.5, 1.0, 2.0])
    both = geo.curve(0.7, sigma_w, sigma_b, 9, phi="gelu")
    closed = geo.circle_closed_form(sigma_w, sigma_b, 5)
    assert both.q.shape == (9, 3, 4) and closed.q.shape == (5, 3, 4)
    for i, j in np.ndindex(3, 4):
        one = geo.curve(0.7, sigma_w[i, 0], sigma_b[j], 9, phi="gelu")
        np.testing.assert_allclose(one.log_length_gauss, both.log_length_gauss[:, i, j],
                                   rtol=1e-13)
        one = geo.circle_closed_form(sigma_w[i, 0], sigma_b[j], 5)
        np.testing.assert_allclose(one.log_metric, closed.log_metric[:, i, j], atol=1e-13)


def test_kinks_are_refused_for_curvature_and_served_for_the_metric():
    for phi, slope in (("relu", 0.5), ("leaky_relu", 0.50005)):
        for refused in (lambda p: geo.curve(1.0, 1.5, 0.1, 4, phi=p),
                        lambda p: geo.circle_closed_form(1.2, 0.1, 4, phi=p),
                        lambda p: geo.kappa2_star(1.2, 0.1, phi=p),
                        lambda p: geo.length_gauss_star(1.2, 0.1, phi=p),
                        lambda p: geo.boundary_curvature(1.2, 0.1, 4, phi=p),
                        lambda p: geo.shallow_length_gauss(1.0, phi=p)):
            with pytest.raises(ValueError, match="kink.*delta.*log_metric"):
                refused(phi)
        found = geo.log_metric(3.0, 1.7, 0.4, 30, phi=phi)
        np.testing.assert_allclose(found, np.log(3.0) + np.arange(30) * np.log(slope * 1.7**2),
                                   atol=1e-12)
    smooth = geo.log_metric(3.0, 1.7, 0.4, 30)
    np.testing.assert_allclose(smooth, geo.curve(3.0, 1.7, 0.4, 30).log_metric, rtol=1e-14)


def test_limits():
    deep = geo.circle_closed_form(TRIO, 0.3, 400)
    np.testing.assert_allclose(geo.kappa2_star(TRIO[1:], 0.3), deep.kappa2[-1, 1:], rtol=1e-11)
    np.testing.assert_allclose(geo.length_gauss_star(1.3, 0.3), deep.length_gauss[-1, 0],
                               rtol=1e-10)
    assert np.isinf(geo.kappa2_star(1.3, 0.3)) and np.isinf(geo.length_gauss_star(2.5, 0.3))
    critical = mf.critical_line(0.3) * (1 - 1e-13)
    assert geo.length_gauss_star(critical, 0.3) > 1e4
    layers = geo.boundary_curvature(1.3, 0.3, 400)
    assert geo.boundary_curvature_star(1.3, 0.3) == pytest.approx(layers[1], rel=1e-10)
    assert np.isinf(geo.boundary_curvature_star(4.0, 0.3))
    far = geo.kappa2_star(1e4, 0.3) * (mf.chi1(1e4, 0.3) - 1)
    assert far == pytest.approx(2.4, rel=1e-3)  # 3 (16/15) / (4/3), tanh as a step


def test_no_bias_below_the_edge():
    """q* = 0: the metric is 0, and the Gauss map that of a linear network."""
    found = geo.circle_closed_form(0.8, 0.0, 4)
    assert np.all(found.metric == 0) and np.all(np.isinf(found.kappa2))
    assert np.all(found.length_gauss == 2 * np.pi)
    assert geo.length_gauss_star(0.8, 0.0) == 2 * np.pi


def test_missing_fixed_points_are_marked():
    found = geo.circle_closed_form(np.array([0.5, 3.0]), 0.3, 3, phi="gelu", missing="nan")
    assert np.isnan(found.log_metric[:, 1]).all() and np.isfinite(found.log_metric[:, 0]).all()
    with pytest.raises(mf.NoFixedPoint):
        geo.circle_closed_form(3.0, 0.3, 3, phi="gelu")


@pytest.mark.parametrize("sigma_w", TRIO)
def test_boundary_curvature_by_hand(sigma_w):
    q = float(mf.q_star(sigma_w, 0.3))
    one, two = (sigma_w**2 * mean_square(order, q) for order in (1, 2))
    back = [two / one]
    for _ in range(6):
        back.append(one * back[-1] + two / one)
    back.append(sigma_w**2 * back[-1])
    np.testing.assert_allclose(geo.boundary_curvature(sigma_w, 0.3, 7), back[::-1], rtol=1e-11)
    logs = geo.boundary_curvature(sigma_w, 0.3, 1000, log=True)
    np.testing.assert_allclose(np.exp(logs[-7:]), back[-2::-1], rtol=1e-11)
    assert np.all(np.isfinite(logs))


def test_boundary_curvature_too_large_for_a_float():
    with pytest.raises(NotTrusted, match="log=True"):
        geo.boundary_curvature(4.0, 0.3, 1000)


def test_shallow_lengths_of_a_sampled_layer():
    """One wide layer: speed and tangent angle of phi(h) by finite differences."""
    q, width, points = 2.0, 20_000, 600
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.standard_normal((width, 2)))[0]
    theta = 2 * np.pi * np.arange(points) / points
    x = np.tanh(np.sqrt(width * q) * plane @ np.array([np.cos(theta), np.sin(theta)]))
    steps = np.diff(x, axis=1, append=x[:, :1])
    speed = np.linalg.norm(steps, axis=0)
    assert speed.sum() / np.sqrt(width) == pytest.approx(float(geo.shallow_length(q)), rel=5e-3)
    unit = steps / speed
    turned = np.linalg.norm(np.diff(unit, axis=1, append=unit[:, :1]), axis=0).sum()
    assert turned == pytest.approx(float(geo.shallow_length_gauss(q)), rel=5e-3)


def test_shallow_lengths_of_the_sheet():
    q = mf.q_star(TRIO, 0.3)
    np.testing.assert_allclose(geo.shallow_length(q), [3.6506, 6.3910, 8.5802], atol=6e-5)
    np.testing.assert_allclose(geo.shallow_length_gauss(q) / (2 * np.pi), [1.4329, 3.1989, 5.5376],
                               atol=6e-5)
    assert geo.shallow_length(2.0, phi="hard_tanh") == pytest.approx(  # P(|u| < 1), u ~ N(0, 2)
        2 * np.pi * np.sqrt(2 * float(mp.erf(0.5))))


@pytest.mark.parametrize("entry", REFERENCE, ids=lambda entry: entry["name"])
def test_reference(entry):
    assert abs(value_of(entry["name"]) - entry["value"]) <= entry["tolerance"]


def value_of(name):
    """A number of the reference list through the public functions."""
    if name.startswith("shallow."):
        from lib.theory.bounds import shallow_length_bound
        return shallow_length_bound(1, 2, closed=True)
    if name.endswith("kappabar2_times_chi1_minus_1"):  # the limit of infinite sigma_w
        w = np.array([1e4, 1e5])
        near, far = geo.kappa2_star(w, 0.3) * (mf.chi1(w, 0.3) - 1)
        return far + (far - near) / 99  # corrections fall as 1/sigma_w^2
    if name.startswith("tanh.critical"):
        sigma_w, sigma_b = float(mf.critical_line(0.3)), 0.3
        if name.endswith("chi2"):
            return float(mf.chi2(sigma_w, sigma_b))
    else:
        sigma_w, sigma_b = (float(x) for x in re.match(r"tanh\.sw=(.*?)\.sb=(.*?)\.[a-zL]",
                                                       name).groups())
    what = name.rsplit(".", 1)[1]
    if what == "LG_limit_over_2pi":
        return float(geo.length_gauss_star(sigma_w, sigma_b)) / (2 * np.pi)
    if what == "kappabar2_fixed_point":
        return float(geo.kappa2_star(sigma_w, sigma_b))
    if what.startswith("boundary_K"):
        layer = 0 if what.endswith("input") else int(what[len("boundary_K_layer"):])
        return geo.boundary_curvature(sigma_w, sigma_b, 10)[layer]
    quantity, layer = re.match(r"(\w+?)_layer(\d+)", what).groups()
    start = re.search(r"q1=(.*?)\.[a-z]", name)
    circle = geo.curve(float(start[1]), sigma_w, sigma_b, int(layer)) if start else \
        geo.circle_closed_form(sigma_w, sigma_b, int(layer))
    return {"gbar": circle.metric, "kappabar2": circle.kappa2, "q": circle.q,
            "LG_over_2pi": circle.length_gauss / (2 * np.pi)}[quantity][-1]


@pytest.mark.parametrize("call, error", [
    (lambda: geo.curve(0.0, 1.0, 0.1, 3), "q1 must be positive"),
    (lambda: geo.curve(np.nan, 1.0, 0.1, 3), "q1 must be finite"),
    (lambda: geo.curve(1.0, 0.0, 0.1, 3), "sigma_w must be positive"),
    (lambda: geo.curve(1.0, -1.0, 0.1, 3), "sigma_w must be at least 0"),
    (lambda: geo.curve(1.0, 1.0, -0.1, 3), "sigma_b must be at least 0"),
    (lambda: geo.curve(1.0, 1.0, 0.1, 0), "layers must be at least 1"),
    (lambda: geo.curve(1.0, 1.0, 0.1, 3, phi="tan"), "unknown activation"),
    (lambda: geo.circle_closed_form(0.0, 0.1, 3), "sigma_w must be positive"),
    (lambda: geo.circle_closed_form(1.0, 0.1, 0), "layers must be at least 1"),
    (lambda: geo.boundary_curvature(1.0, 0.1, 0), "depth must be at least 1"),
    (lambda: geo.kappa2_star(0.0, 0.1), "sigma_w must be positive"),
    (lambda: geo.shallow_length(-1.0), "q must be at least 0"),
    (lambda: geo.shallow_length_gauss(-1.0), "q must be at least 0"),
])
def test_bad_arguments_are_named(call, error):
    with pytest.raises(ValueError, match=error):
        call()


def test_lengths_beyond_the_floats():
    with pytest.raises(NotTrusted, match="lengths overflow"):
        geo.curve(1.0, 10.0, 0.0, 400, phi="linear")
