"""The circle's geometry against roads of its own: the covariance differentiated in mpmath, sums
and recursions by hand over a plain trapezoid, sampled networks, and reference values."""
import json
import re
from pathlib import Path
from types import SimpleNamespace

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.activations import custom
from lib.checks import Untrusted
from lib.theory.meanfield import MeanField

REFERENCE = json.loads((Path(__file__).parent / "data" / "geometry.json").read_text("utf-8"))
TRIO = np.array([1.3, 2.5, 4.0])
Z = np.arange(-12.0, 12.0, 0.01)
BELL = 0.01 * np.exp(-0.5 * Z * Z) / np.sqrt(2 * np.pi)
FIELDS = ("q", "metric", "kappa2", "length_gauss")
CRITICAL = {phi: float(MeanField(1.0, 0.3, phi).critical_line()) for phi in ("tanh", "erf")}
TANH = (np.tanh, lambda x: np.cosh(x) ** -2, lambda x: -2 * np.tanh(x) * np.cosh(x) ** -2)


def circle(sigma_w, sigma_b, depth, q=None, phi="tanh", **kwargs):
    """The fields of a circle without their point axis, which has one entry."""
    run = MeanField(sigma_w, sigma_b, phi, **kwargs).run(q=q, curve="circle", depth=depth)
    return SimpleNamespace(**{name: field[:, 0] for name, field in run.fields.items()})


@np.vectorize
def closed_logs(q, one, two, passed):
    """ln g and ln (L^G/2 pi)^2 on the shell: ``q* chi1^n``, and 1 + 3 (chi2/chi1) q* times a
    geometric series of n terms."""
    with mp.workdps(30):
        q, one, two, n = (mp.mpf(float(x)) for x in (q, one, two, passed))
        series = n if one == 1 else (one**n - 1) / (one - 1)
        return float(mp.log(q * one**n)), float(mp.log(1 + 3 * two / one * q * series))


def closed_form(sigma_w, sigma_b, depth):
    """Logarithms of metric, kappa2 and length_gauss, shape ``(depth, *sigma)``."""
    law = MeanField(sigma_w, sigma_b)
    passed = np.arange(depth).reshape(-1, *(1,) * law.sigma_w.ndim)
    metric, turned = closed_logs(law.q_star, law.chi1, law.chi2, passed)
    return metric, turned - metric, np.log(2 * np.pi) + 0.5 * turned


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
    (CRITICAL["erf"], 0.3, None)])
def test_recursion_is_the_covariance_differentiated(sigma_w, sigma_b, q1):
    q1 = float(MeanField(sigma_w, sigma_b, "erf").q_star) if q1 is None else q1
    found = circle(sigma_w, sigma_b, 6, q1, phi="erf")
    exact = differentiated(q1, sigma_w, sigma_b, 6)
    np.testing.assert_allclose([found.q, found.metric, found.kappa2], exact, rtol=1e-12)
    np.testing.assert_allclose((found.length_gauss / 2 / np.pi) ** 2, exact[1] * exact[2],
                               rtol=1e-12)


@pytest.mark.parametrize("q1", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("sigma_w", TRIO)
def test_recursion_by_hand(sigma_w, q1):
    found = circle(sigma_w, 0.3, 12, q1)
    np.testing.assert_allclose([found.q, found.metric, found.kappa2],
                               by_hand(q1, sigma_w, 0.3, 12), rtol=1e-11)


@given(sigma_w=st.floats(0.3, 5), sigma_b=st.floats(0.05, 3))
def test_closed_form_is_the_recursion_on_and_off_the_shell(sigma_w, sigma_b):
    on = circle(sigma_w, sigma_b, 12)
    off = circle(sigma_w, sigma_b, 12, float(MeanField(sigma_w, sigma_b).q_star))
    for name in FIELDS:
        np.testing.assert_allclose(getattr(on, name), getattr(off, name), rtol=1e-12)
    for name, closed in zip(FIELDS[1:], closed_form(sigma_w, sigma_b, 12)):
        np.testing.assert_allclose(getattr(on, name), np.exp(closed), rtol=1e-12)


@pytest.mark.parametrize("off", [0.0, 1e-15, -1e-15, 1e-9, -1e-9])
def test_on_and_beside_the_critical_line(off):
    found = circle(CRITICAL["tanh"] * (1 + off), 0.3, 40)
    q = 0.7634747669104629  # of the reference, like chi2 below
    square = 1 + 3 * 0.6116713494237694 * q * np.arange(40)
    np.testing.assert_allclose((found.length_gauss / 2 / np.pi) ** 2, square, rtol=1e-6)
    np.testing.assert_allclose(found.metric, q, rtol=1e-6)
    np.testing.assert_allclose(found.kappa2, square / q, rtol=1e-6)


def test_linear_networks_keep_the_gauss_map_at_any_depth():
    for sigma_w in (0.5, 1.0, 1.3):
        found = circle(sigma_w, 0.2, 1000, 1.7, phi="linear")
        assert np.all(found.length_gauss == 2 * np.pi)
        np.testing.assert_allclose(found.log_metric,
                                   np.log(1.7) + 2 * np.arange(1000) * np.log(sigma_w), atol=1e-9)
    assert MeanField(0.5, 0.2, "linear").length_gauss_star == 2 * np.pi
    assert MeanField(1.0, 0.0, "linear").kappa2_star == 1.0 and \
        np.isinf(MeanField(0.9, 0.1, "linear").kappa2_star)


def test_depth_1000_in_every_phase():
    steps, closed = circle(TRIO, 0.3, 1000), closed_form(TRIO, 0.3, 1000)
    off = circle(TRIO, 0.3, 1000, MeanField(TRIO, 0.3).q_star)
    for name, exact in zip(("log_metric", "log_kappa2", "log_length_gauss"), closed):
        np.testing.assert_allclose(getattr(steps, name), exact, rtol=1e-11)
        np.testing.assert_allclose(getattr(off, name), exact, rtol=1e-11)
    assert steps.log_metric[-1, 2] > 800.0  # beyond any float
    assert np.isinf(steps.metric[-1, 2])
    np.testing.assert_allclose(steps.kappa2[-1, 1:], [3.867709824309086, 1.7213799491608148],
                               rtol=1e-9)
    faint = circle(0.2, 0.3, 1000)
    assert np.isinf(faint.kappa2[-1]) and faint.log_kappa2[-1] > 708.0
    assert faint.length_gauss[-1] == pytest.approx(float(MeanField(0.2, 0.3).length_gauss_star))


def test_vectorised_is_one_by_one():
    sigma_w, sigma_b = np.array([[0.8], [1.5], [3.0]]), np.array([0.1, 0.5, 1.0, 2.0])
    starts = np.linspace(0.5, 0.9, 12).reshape(3, 4)
    both = circle(sigma_w, sigma_b, 9, starts, phi="gelu")
    star = circle(sigma_w, sigma_b, 5)
    assert both.q.shape == (9, 3, 4) and star.q.shape == (5, 3, 4)
    for i, j in np.ndindex(3, 4):
        one = circle(sigma_w[i, 0], sigma_b[j], 9, starts[i, j], phi="gelu")
        np.testing.assert_allclose(one.log_length_gauss, both.log_length_gauss[:, i, j],
                                   rtol=1e-13)
        one = circle(sigma_w[i, 0], sigma_b[j], 5)
        np.testing.assert_allclose(one.log_metric, star.log_metric[:, i, j], atol=1e-13)


def test_a_run_says_what_it_is():
    law = MeanField(TRIO, 0.3)
    run = law.run(curve="circle", depth=4, points=12)
    assert run.metric.shape == (4, 1, 3) and run.c.shape == (4, 12, 3)
    assert run.layer.tolist() == [1, 2, 3, 4] and run.networks is None
    assert run.sigma["sigma_w"].tolist() == TRIO.tolist()
    np.testing.assert_allclose(run.x, 2 * np.pi * np.arange(12) / 12)
    np.testing.assert_allclose(run.c[0], np.cos(run.x)[:, None] * np.ones(3), atol=1e-15)
    np.testing.assert_allclose(run.c[1:], [law.correlation_map(c) for c in run.c[:-1]], atol=1e-9)
    np.testing.assert_allclose(np.log(run.length_euclid), run.log_length_euclid, rtol=1e-13)
    np.testing.assert_allclose(run.length_euclid, 2 * np.pi * np.sqrt(run.metric), rtol=1e-13)


def test_kinks_are_refused_for_curvature_and_served_for_the_metric():
    for phi, slope in (("relu", 0.5), ("leaky_relu", 0.50005)):
        law = MeanField(1.2, 0.1, phi)
        for refused in (lambda: law.kappa2_star,  # noqa: B023
                        lambda: law.length_gauss_star,  # noqa: B023
                        lambda: law.boundary_curvature(4)):  # noqa: B023
            with pytest.raises(ValueError, match="kink.*delta.*log_metric"):
                refused()
        run = MeanField(1.7, 0.4, phi).run(q=3.0, curve="circle", depth=30)
        for name in ("kappa2", "log_kappa2", "length_gauss", "log_length_gauss"):
            with pytest.raises(AttributeError, match=f"no '{name}'.*log_metric"):
                getattr(run, name)
        np.testing.assert_allclose(run.log_metric[:, 0],
                                   np.log(3.0) + np.arange(30) * np.log(slope * 1.7**2),
                                   atol=1e-12)


def test_a_jump_tears_the_curve_but_not_the_points():
    step = custom(np.sign, np.zeros_like, np.zeros_like, (0.0,))
    run = MeanField(1.5, 0.3, step).run(q=2.0, curve="circle", depth=3)
    np.testing.assert_allclose(run.q[:, 0], [2.0, 1.5**2 + 0.3**2, 1.5**2 + 0.3**2])
    assert set(run.fields) == {"q"}


def test_limits():
    deep, order, chaos = circle(TRIO, 0.3, 400), MeanField(1.3, 0.3), MeanField(TRIO[1:], 0.3)
    np.testing.assert_allclose(chaos.kappa2_star, deep.kappa2[-1, 1:], rtol=1e-11)
    np.testing.assert_allclose(order.length_gauss_star, deep.length_gauss[-1, 0], rtol=1e-10)
    assert np.isinf(order.kappa2_star) and np.all(np.isinf(chaos.length_gauss_star))
    assert MeanField(CRITICAL["tanh"] * (1 - 1e-13), 0.3).length_gauss_star > 1e4
    far = order.boundary_curvature(400)[1]  # (chi2 / chi1) / (1 - chi1)
    assert far == pytest.approx(order.chi2 / (order.chi1 * (1 - order.chi1)), rel=1e-10)
    steep = MeanField(1e4, 0.3)  # 3 (16/15) / (4/3), tanh as a step
    assert steep.kappa2_star * (steep.chi1 - 1) == pytest.approx(2.4, rel=1e-3)


def test_no_bias_below_the_edge():
    """q* = 0: the metric is 0, and the Gauss map that of a linear network."""
    found = circle(0.8, 0.0, 4)
    assert np.all(found.metric == 0) and np.all(np.isinf(found.kappa2))
    assert np.all(found.length_gauss == 2 * np.pi)
    assert MeanField(0.8, 0.0).length_gauss_star == 2 * np.pi


def test_missing_fixed_points_are_marked():
    found = circle(np.array([0.5, 3.0]), 0.3, 3, phi="gelu", missing="nan")
    assert np.isnan(found.log_metric[:, 1]).all() and np.isfinite(found.log_metric[:, 0]).all()
    with pytest.raises(Untrusted, match="settle nowhere"):
        circle(3.0, 0.3, 3, phi="gelu")


@pytest.mark.parametrize("sigma_w", TRIO)
def test_boundary_curvature_by_hand(sigma_w):
    law = MeanField(sigma_w, 0.3)
    q = float(law.q_star)
    one, two = (sigma_w**2 * mean_square(order, q) for order in (1, 2))
    back = [two / one]
    for _ in range(6):
        back.append(one * back[-1] + two / one)
    back.append(sigma_w**2 * back[-1])
    np.testing.assert_allclose(law.boundary_curvature(7), back[::-1], rtol=1e-11)
    logs = law.boundary_curvature(1000, log=True)
    np.testing.assert_allclose(np.exp(logs[-7:]), back[-2::-1], rtol=1e-11)
    assert np.all(np.isfinite(logs))


def test_boundary_curvature_too_large_for_a_float():
    with pytest.raises(Untrusted, match="log=True"):
        MeanField(4.0, 0.3).boundary_curvature(1000)


@pytest.mark.slow
def test_shallow_lengths_of_a_sampled_layer():
    """One wide layer: speed and tangent angle of phi(h) by finite differences.

    A layer of sigma_w = 1 keeps the lengths of x = phi(h).
    """
    q, width, points = 2.0, 20_000, 600
    told = circle(1.0, 0.0, 2, q)
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.standard_normal((width, 2)))[0]
    theta = 2 * np.pi * np.arange(points) / points
    x = np.tanh(np.sqrt(width * q) * plane @ np.array([np.cos(theta), np.sin(theta)]))
    steps = np.diff(x, axis=1, append=x[:, :1])
    speed = np.linalg.norm(steps, axis=0)
    assert speed.sum() / np.sqrt(width) == pytest.approx(float(told.length_euclid[1]), rel=5e-3)
    unit = steps / speed
    turned = np.linalg.norm(np.diff(unit, axis=1, append=unit[:, :1]), axis=0).sum()
    assert turned == pytest.approx(float(told.length_gauss[1]), rel=5e-3)


def test_shallow_lengths_of_the_sheet():
    told = circle(TRIO, 0.3, 2)
    np.testing.assert_allclose(told.length_euclid[1] / TRIO, [3.6506, 6.3910, 8.5802], atol=6e-5)
    np.testing.assert_allclose(told.length_gauss[1] / (2 * np.pi), [1.4329, 3.1989, 5.5376],
                               atol=6e-5)
    assert circle(1.0, 0.0, 2, 2.0, phi="hard_tanh").length_euclid[1] == pytest.approx(
        2 * np.pi * np.sqrt(2 * float(mp.erf(0.5))))  # P(|u| < 1), u ~ N(0, 2)


@pytest.mark.parametrize("entry", REFERENCE, ids=lambda entry: entry["name"])
def test_reference(entry):
    assert abs(value_of(entry["name"]) - entry["value"]) <= entry["tolerance"]


def value_of(name):
    """A number of the reference list through the public functions."""
    if name.endswith("kappabar2_times_chi1_minus_1"):  # the limit of infinite sigma_w
        w = np.array([1e4, 1e5])
        law = MeanField(w, 0.3)
        near, far = law.kappa2_star * (law.chi1 - 1)
        return far + (far - near) / 99  # corrections fall as 1/sigma_w^2
    if name.startswith("tanh.critical"):
        sigma_w, sigma_b = CRITICAL["tanh"], 0.3
        if name.endswith("chi2"):
            return float(MeanField(sigma_w, sigma_b).chi2)
    else:
        sigma_w, sigma_b = (float(x) for x in re.match(r"tanh\.sw=(.*?)\.sb=(.*?)\.[a-zL]",
                                                       name).groups())
    what, law = name.rsplit(".", 1)[1], MeanField(sigma_w, sigma_b)
    if what == "LG_limit_over_2pi":
        return float(law.length_gauss_star) / (2 * np.pi)
    if what == "kappabar2_fixed_point":
        return float(law.kappa2_star)
    if what.startswith("boundary_K"):
        layer = 0 if what.endswith("input") else int(what[len("boundary_K_layer"):])
        return law.boundary_curvature(10)[layer]
    quantity, layer = re.match(r"(\w+?)_layer(\d+)", what).groups()
    start = re.search(r"q1=(.*?)\.[a-z]", name)
    found = circle(sigma_w, sigma_b, int(layer), float(start[1]) if start else None)
    return {"gbar": found.metric, "kappabar2": found.kappa2, "q": found.q,
            "LG_over_2pi": found.length_gauss / (2 * np.pi)}[quantity][-1]


@pytest.mark.parametrize("call, error", [
    (lambda: circle(1.0, 0.1, 3, 0.0), "q must be positive"),
    (lambda: circle(1.0, 0.1, 3, np.nan), "q must be finite"),
    (lambda: circle(0.0, 0.1, 3, 1.0), "sigma_w must be positive"),
    (lambda: circle(1.0, 0.1, 0, 1.0), "depth must be at least 1"),
    (lambda: circle(0.0, 0.1, 3), "sigma_w must be positive"),
    (lambda: circle(1.0, 0.1, 0), "depth must be at least 1"),
    (lambda: MeanField(1.0, 0.1).run(curve="square", depth=3), "curve must be 'circle'"),
    (lambda: MeanField(1.0, 0.1).run(curve="circle", depth=3, points=2), "points must be at lea"),
    (lambda: MeanField(1.0, 0.1).boundary_curvature(0), "depth must be at least 1"),
    (lambda: MeanField(0.0, 0.1).kappa2_star, "sigma_w must be positive"),
    (lambda: circle(1.0, 0.1, 2, -1.0), "q must be at least 0"),
])
def test_bad_arguments_are_named(call, error):
    with pytest.raises(ValueError, match=error):
        call()


def test_lengths_beyond_the_floats():
    with pytest.raises(Untrusted, match="lengths grow without bound"):
        circle(10.0, 0.0, 400, 1.0, phi="linear")
