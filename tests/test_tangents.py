"""Curves with tangents against spectral derivatives, closed forms and each other."""
import numpy as np
import pytest

from lib.activations import get
from lib.checks import Untrusted
from lib.measure.curves import kappa2, log_length_gauss, log_metric
from lib.networks.ensemble import Ensemble, circle

DERIVED = {"own": lambda x: x * np.tanh(x), "tanh": "tanh", "gelu": "gelu", "sin": "sin"}


def ensemble(*sigmas, width, networks, seed=0, **others):
    return Ensemble(*sigmas, width=width, networks=networks, seed=seed, **others)


def spectral(h):
    """d/dtheta of a closed curve that its samples resolve."""
    points = h.shape[1]
    wave = np.fft.rfft(h, axis=1)
    return np.fft.irfft(1j * np.arange(wave.shape[1])[:, None] * wave, n=points, axis=1)


def true(motion):
    """First and second derivative without the clocks."""
    pace = np.exp(motion.log_speed)[..., None]
    return pace * motion.dh, pace**2 * motion.d2h


def log_gauss(motion):
    return log_length_gauss(motion.dh, motion.d2h, motion.log_speed)


@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("dense", [True, False])
def test_tangents_are_the_derivatives(name, dense):
    """Without weights too: whatever was drawn, it is one smooth map of the whole curve."""
    nets = ensemble(1.2, 0.3, width=50, networks=2, seed=3, phi=DERIVED[name])
    for motion in nets.layers(0.3, curve="circle", points=300, depth=4, dense=dense):
        dh, d2h = true(motion)
        assert np.abs(dh - spectral(motion.h)).max() < 1e-9 * np.abs(dh).max()
        assert np.abs(d2h - spectral(dh)).max() < 1e-8 * np.abs(d2h).max()


def test_a_layer_to_the_last_digit():
    """By the chain rule with the weights drawn again."""
    rng, width = np.random.default_rng(5), 9
    rng.standard_normal((1, 1, 2, width))  # what the circle took
    nets = ensemble(1.3, 0.3, width=width, networks=1, seed=5, phi="sin")
    first, second, third = nets.layers(0.8, curve="circle", points=6, depth=3, dense=True)
    for before, after in ((first, second), (second, third)):
        w, b = rng.standard_normal((width, width)), rng.standard_normal(width)
        w *= 1.3 / np.sqrt(width)
        h, (dh, d2h) = before.h[0], (part[0] for part in true(before))
        found = after.h[0], *(part[0] for part in true(after))
        for one, expected in zip(found, (
                np.sin(h) @ w + 0.3 * b, (np.cos(h) * dh) @ w,
                (np.cos(h) * d2h - np.sin(h) * dh**2) @ w)):
            np.testing.assert_allclose(one, expected, rtol=1e-11, atol=1e-12)


def test_layer_one_is_exact():
    nets = ensemble(2.0, 0.3, width=70, networks=3)
    (wheel,) = nets.layers(2.5, curve="circle", points=30, depth=1)
    assert np.abs(np.exp(log_metric(wheel.dh, wheel.log_speed)) - 2.5).max() < 1e-13
    assert np.abs(kappa2(wheel.dh, wheel.d2h) - 1 / 2.5).max() < 1e-13
    assert np.abs(np.mean(wheel.h**2, axis=2) - 2.5).max() < 1e-13
    assert np.abs(np.exp(log_gauss(wheel)) - 2 * np.pi).max() < 1e-13


@pytest.mark.parametrize("dense", [True, False])
def test_a_linear_network_does_not_turn_the_tangent_further(dense):
    nets = ensemble(1.3, 0.3, width=200, networks=2, seed=5, phi="linear")
    run = nets.run(1.0, curve="circle", points=120, depth=15, dense=dense)
    assert run.length_gauss.shape == (2, 15, 1)
    assert np.abs(run.length_gauss - 2 * np.pi).max() < 1e-10


def test_run_takes_means_over_the_curve():
    nets = ensemble(2.5, 0.3, width=40, networks=3, seed=1)
    run = nets.run(2.0, curve="circle", points=24, depth=4)
    for layer, m in enumerate(nets.layers(2.0, curve="circle", points=24, depth=4)):
        dh, d2h = true(m)
        speed = np.linalg.norm(dh, axis=2)
        normal = d2h - ((dh * d2h).sum(axis=2) / speed**2)[..., None] * dh
        bend = np.linalg.norm(normal, axis=2) / speed**2
        length = 2 * np.pi * speed.mean(axis=1)
        for name, expected in (("q", (m.h**2).mean(axis=(1, 2))),
                               ("metric", (speed**2).mean(axis=1) / 40),
                               ("log_metric", np.log((speed**2).mean(axis=1) / 40)),
                               ("kappa2", 40 * (bend**2).mean(axis=1)),
                               ("log_kappa2", np.log(40 * (bend**2).mean(axis=1))),
                               ("length_euclid", length / np.sqrt(40)),
                               ("log_length_euclid", np.log(length / np.sqrt(40))),
                               ("length_gauss", 2 * np.pi * (bend * speed).mean(axis=1)),
                               ("log_length_gauss", np.log(2 * np.pi * (bend * speed).mean(1)))):
            found = run.fields[name]
            assert found.shape == (3, 4, 1)
            np.testing.assert_allclose(found[:, layer, 0], expected, rtol=1e-10)
        unit = m.h / np.linalg.norm(m.h, axis=2, keepdims=True)
        for k in (0, 1, 11):
            cosine = (unit * np.roll(unit, -k, axis=1)).sum(axis=2).mean(axis=1)
            np.testing.assert_allclose(run.c[:, layer, k], cosine, atol=1e-13)
    np.testing.assert_allclose(run.x, 2 * np.pi * np.arange(24) / 24, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_thousand_chaotic_layers(dtype):
    """The metric grows by about ln 2.37 = 0.86 a layer, less at small width; curvature stays."""
    nets = ensemble(4.0, 0.3, width=60, networks=2, seed=1, dtype=dtype)
    for motion in nets.layers(12.6, curve="circle", points=8, depth=1000):
        if motion.log_speed.any():  # the circle itself is not yet at unit speed
            assert 0.1 < np.sqrt(np.mean(motion.dh**2, axis=2)).min() < 10
    assert motion.h.dtype == motion.dh.dtype == motion.d2h.dtype == dtype
    assert 700 < log_metric(motion.dh, motion.log_speed).mean() < 870
    assert 1 < np.median(kappa2(motion.dh, motion.d2h)) < 10


@pytest.mark.slow
def test_what_would_overflow_has_only_its_logarithm():
    run = ensemble(4.0, 0.3, width=60, networks=2, seed=1).run(12.6, curve="circle", points=4,
                                                              depth=900)
    assert run.log_metric.max() > 709 and "log_length_gauss" in run.fields
    assert "metric" not in run.fields and "length_gauss" in run.fields
    with pytest.raises(AttributeError, match="no 'metric'; it has .*log_metric"):
        getattr(run, "metric")  # noqa: B009


@pytest.mark.parametrize("dense", [True, False])
def test_a_thousand_ordered_layers(dense):
    """A tiny circle becomes an ellipse: kappa |v|^3 is the same everywhere on it."""
    nets = ensemble(0.8, 0.0, width=50, networks=1, seed=1)
    *_, motion = nets.layers(1e-12, curve="circle", points=7, depth=1000, dense=dense)
    speed2 = log_metric(motion.dh, motion.log_speed)
    area = np.log(kappa2(motion.dh, motion.d2h)) + 3 * speed2
    assert speed2.max() < -400 and np.ptp(speed2) > 1
    assert np.ptp(area) < 1e-4


def test_curvature_out_of_range_is_refused_and_lengths_go_on():
    nets = ensemble(0.3, 0.0, width=20, networks=1, seed=1, dtype=np.float32)
    with pytest.raises(Untrusted, match="beyond float32: the curve has shrunk"):
        list(nets.layers(0.1, curve="circle", points=4, depth=200))
    *_, last = nets.layers(0.1, curve="circle", points=4, depth=60, order=1)
    assert np.all(np.isfinite(last.log_speed))


@pytest.mark.parametrize("dense", [True, False])
def test_single_precision_follows_double(dense):
    ends = []
    for dtype in (np.float32, np.float64):
        nets = ensemble(2.5, 0.3, width=80, networks=2, seed=7, dtype=dtype)
        ends.append(list(nets.layers(4.0, curve="circle", points=9, depth=5, dense=dense))[-1])
    assert ends[0].d2h.dtype == np.float32
    for single, double in zip(*ends):
        assert np.abs(single - double).max() < 1e-3 * np.abs(double).max()


def test_without_weights_in_law_as_with_them():
    """Mean and variance of speed and curvature at layer 5 of narrow networks, 500 of each."""
    numbers = []
    for dense in (True, False):
        nets = ensemble(2.5, 0.3, width=20, networks=500, seed=11 + dense)
        *_, last = nets.layers(4.08, curve="circle", points=4, depth=5, dense=dense)
        speed = log_metric(last.dh, last.log_speed)
        bend = np.log(kappa2(last.dh, last.d2h))
        one = np.stack([speed.mean(axis=1), bend.mean(axis=1), speed[:, 0] * speed[:, 1],
                        speed[:, 0] ** 2, bend[:, 0] ** 2, last.h[:, 0, 0] * last.dh[:, 0, 0],
                        last.h[:, 0, 0] ** 2, last.h[:, 0, 0] * last.h[:, 0, 1]])
        numbers.append((one.mean(axis=1), one.var(axis=1, ddof=1) / one.shape[1]))
    (a, va), (b, vb) = numbers
    assert np.abs((a - b) / np.sqrt(va + vb)).max() < 3.5


@pytest.mark.parametrize("phi", ["relu", "hard_tanh", "selu"])
def test_a_kink_is_refused_for_curvature_and_treated_for_length(phi):
    """The same weights, drawn for a curve and for the curve a little further on."""
    nets = ensemble(1.5, 0.2, width=30, networks=2, seed=2, phi=phi)
    with pytest.raises(ValueError, match="order must be at most 1"):
        nets.layers(1.0, curve="circle", points=10, depth=2, order=2)
    run = nets.run(1.0, curve="circle", points=10, depth=2)
    assert "length_euclid" in run.fields and "kappa2" not in run.fields
    x, dx, _ = circle(10)
    first, last = nets.layers(1.0, curve=(x, dx), depth=2, dense=True)
    nudge, act = 1e-7, get(phi)
    ahead, behind = (list(nets.layers(1.0, curve=(x + step * dx,), depth=2, dense=True))
                     for step in (nudge, -nudge))
    assert np.allclose(ahead[0].h, first.h + nudge * first.dh, rtol=0, atol=1e-13)
    expected = (ahead[1].h - behind[1].h) / (2 * nudge)
    found = np.exp(last.log_speed)[..., None] * last.dh
    kinks = np.array(act.kinks)[:, None, None, None]
    near = np.any(np.abs(first.h - kinks) <= nudge * np.abs(first.dh), axis=(0, 3))
    assert last.d2h is None and not near.any()
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


def test_a_curve_that_stands_still_has_length_zero():
    run = ensemble(0.0, 0.3, width=9, networks=2).run(1.0, curve="circle", depth=3, order=1)
    assert np.all(run.log_metric[:, 1:] == -np.inf) and np.all(run.length_euclid[:, 1:] == 0.0)
    assert np.allclose(run.c[:, 1:], 1.0)


def test_a_jump_leaves_the_points_alone():
    sign = get(lambda x: np.where(x > 0, 1.0, -1.0), dphi=np.zeros_like, d2phi=np.zeros_like,
               kinks=(0.0,), name="sign")
    nets = ensemble(1.0, 0.0, width=5, networks=1, phi=sign)
    with pytest.raises(ValueError, match="order must be at most 0"):
        nets.layers(1.0, curve="circle", depth=2, order=1)
    run = nets.run(1.0, curve="circle", depth=2)
    assert set(run.fields) == {"q", "c", "deficit"}


def test_a_curve_of_ones_own():
    """A straight line through a linear network stays straight and keeps its clock."""
    x = np.linspace(0, 1, 5)[:, None] * [1.0, 2.0, -1.0]
    line = x, np.ones((5, 1)) * [3.0, 6.0, -3.0], np.zeros((5, 3))
    nets = ensemble(1.0, 0.0, width=12, networks=1, phi="linear")
    first, *_, last = nets.layers(1.0, curve=line, depth=6)
    assert np.allclose((first.h**2).mean(axis=2), 6 * np.linspace(0, 1, 5) ** 2, rtol=1e-13)
    dh, d2h = true(last)
    assert np.allclose(dh, 3 * (last.h[:, -1:] - last.h[:, :1]), rtol=1e-12)
    assert np.abs(d2h).max() == 0.0


@pytest.mark.parametrize("width, error", [(1, "width must be at least 2 to hold such inputs")])
def test_a_circle_needs_a_plane(width, error):
    with pytest.raises(ValueError, match=error):
        ensemble(1.0, 0.1, width=width, networks=1).layers(1.0, curve="circle", depth=2)
