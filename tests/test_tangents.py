"""Curves with tangents against spectral derivatives, closed forms and each other."""
import numpy as np
import pytest

from lib.activations import get
from lib.measure.curves import kappa2, length_gauss, log_metric
from lib.networks.tangents import Curves, Motion, moving

DERIVED = {"own": lambda x: x * np.tanh(x), "tanh": "tanh", "gelu": "gelu", "sin": "sin"}


def spectral(h):
    """d/dtheta of a closed curve that its samples resolve."""
    points = h.shape[-1]
    wave = np.fft.rfft(h, axis=-1)
    return np.fft.irfft(1j * np.arange(wave.shape[-1]) * wave, n=points, axis=-1)


def true(motion):
    """First and second derivative without the clocks."""
    pace = np.exp(motion.log_speed)[:, None]
    return pace * motion.dh, pace**2 * motion.d2h


@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("dense", [True, False])
def test_tangents_are_the_derivatives(name, dense):
    """Without weights too: whatever was drawn, it is one smooth map of the whole curve."""
    curves = Curves(1.2, 0.3, width=50, networks=2, rng=3, phi=DERIVED[name])
    for motion in curves.moving_layers(curves.circle(q=0.3, points=300), 4, dense):
        dh, d2h = true(motion)
        assert np.abs(dh - spectral(motion.h)).max() < 1e-9 * np.abs(dh).max()
        assert np.abs(d2h - spectral(dh)).max() < 1e-8 * np.abs(d2h).max()


def test_layer_one_is_exact():
    wheel = Curves(2.0, 0.3, width=70, networks=3, rng=0).circle(q=2.5, points=30)
    assert np.abs(np.exp(log_metric(wheel.dh, wheel.log_speed)) - 2.5).max() < 1e-13
    assert np.abs(kappa2(wheel.dh, wheel.d2h) - 1 / 2.5).max() < 1e-13
    assert np.abs(np.mean(wheel.h**2, axis=1) - 2.5).max() < 1e-13
    assert np.abs(length_gauss(*wheel[1:]) - 2 * np.pi).max() < 1e-13


@pytest.mark.parametrize("dense", [True, False])
def test_a_linear_network_does_not_turn_the_tangent_further(dense):
    curves = Curves(1.3, 0.3, width=200, networks=2, rng=5, phi="linear")
    for motion in curves.moving_layers(curves.circle(q=1.0, points=120), 15, dense):
        assert np.abs(length_gauss(*motion[1:]) - 2 * np.pi).max() < 1e-10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_thousand_chaotic_layers(dtype):
    """The metric grows by about ln 2.37 = 0.86 a layer, less at small width; curvature stays."""
    curves = Curves(4.0, 0.3, width=60, networks=2, rng=1, dtype=dtype)
    for motion in curves.moving_layers(curves.circle(q=12.6, points=8), 1000):
        assert 0.1 < np.sqrt(np.mean(motion.dh**2, axis=1)).min() < 10
    assert motion.h.dtype == motion.dh.dtype == motion.d2h.dtype == dtype
    assert 700 < log_metric(motion.dh, motion.log_speed).mean() < 870
    assert 1 < np.median(kappa2(motion.dh, motion.d2h)) < 10


def test_a_thousand_ordered_layers():
    """A tiny circle becomes an ellipse: kappa |v|^3 is the same everywhere on it."""
    curves = Curves(0.8, 0.0, width=50, networks=1, rng=1)
    *_, motion = curves.moving_layers(curves.circle(q=1e-12, points=7), 1000)
    speed2 = log_metric(motion.dh, motion.log_speed)
    area = np.log(kappa2(motion.dh, motion.d2h)) + 3 * speed2
    assert speed2.max() < -400 and np.ptp(speed2) > 1
    assert np.ptp(area) < 1e-4


def test_curvature_out_of_range_is_refused_and_lengths_go_on():
    curves = Curves(0.3, 0.0, width=20, networks=1, rng=1, dtype=np.float32)
    with pytest.raises(OverflowError, match="beyond float32"):
        list(curves.moving_layers(curves.circle(q=0.1, points=4), 200))
    still = curves.circle(q=0.1, points=4, curvature=False)
    last = list(curves.moving_layers(still, 60))[-1]
    assert np.all(np.isfinite(last.log_speed))


def test_single_precision_follows_double():
    rng = np.random.default_rng(0)
    pairs = [(rng.standard_normal((2, 80, 80)) * 2.5 / np.sqrt(80),
              0.3 * rng.standard_normal((2, 80, 1))) for _ in range(4)]
    ends = []
    for dtype in (np.float32, np.float64):
        curves = Curves(2.5, 0.3, width=80, networks=2, rng=7, dtype=dtype)
        given = [tuple(part.astype(dtype) for part in pair) for pair in pairs]
        ends.append(list(curves.moving_layers(curves.circle(4.0, 9), 5, weights=given))[-1])
    assert ends[0].d2h.dtype == np.float32
    for single, double in zip(ends[0], ends[1]):
        assert np.abs(single - double).max() < 1e-3 * np.abs(double).max()


def test_given_weights_are_used_as_they_are():
    rng = np.random.default_rng(0)
    w, b = rng.standard_normal((1, 6, 6)), rng.standard_normal((1, 6, 1))
    curves = Curves(9.0, 9.0, width=6, networks=1, rng=0)
    first, last = curves.moving_layers(curves.circle(1.0, 5), 2, weights=[(w, b)])
    assert np.allclose(last.h, w @ np.tanh(first.h) + b, rtol=1e-14, atol=0)
    with pytest.raises(ValueError, match="weights ended after layer 2"):
        list(curves.moving_layers(first, 3, weights=[(w, b)]))


def test_without_weights_in_law_as_with_them():
    """Mean and variance of speed and curvature at layer 5 of narrow networks, 500 of each."""
    numbers = []
    for dense in (True, False):
        curves = Curves(2.5, 0.3, width=20, networks=500, rng=11 + dense)
        last = list(curves.moving_layers(curves.circle(4.08, 4), 5, dense))[-1]
        speed = log_metric(last.dh, last.log_speed)
        bend = np.log(kappa2(last.dh, last.d2h))
        one = np.stack([speed.mean(axis=1), bend.mean(axis=1), speed[:, 0] * speed[:, 1],
                        speed[:, 0] ** 2, bend[:, 0] ** 2, last.h[:, 0, 0] * last.dh[:, 0, 0],
                        last.h[:, 0, 0] ** 2, last.h[:, 0, 0] * last.h[:, 1, 0]])
        numbers.append((one.mean(axis=1), one.var(axis=1, ddof=1) / one.shape[1]))
    (a, va), (b, vb) = numbers
    assert np.abs((a - b) / np.sqrt(va + vb)).max() < 3.5


@pytest.mark.parametrize("phi", ["relu", "hard_tanh", "selu"])
def test_a_kink_is_refused_for_curvature_and_treated_for_length(phi):
    curves = Curves(1.5, 0.2, width=30, networks=2, rng=2, phi=phi)
    with pytest.raises(ValueError, match="second derivative is a delta"):
        curves.circle(1.0, 10)
    start = curves.circle(1.0, 10, curvature=False)
    with pytest.raises(ValueError, match="curvature=False"):
        next(curves.moving_layers(start._replace(d2h=-start.h), 2))
    rng = np.random.default_rng(4)
    w = rng.standard_normal((2, 30, 30)) / 5
    _, last = curves.moving_layers(start, 2, weights=[(w, np.zeros((2, 30, 1)))])
    nudge, act = 1e-7, get(phi)
    moved = act(start.h + nudge * start.dh) - act(start.h - nudge * start.dh)
    expected = w @ moved / (2 * nudge)
    found = np.exp(last.log_speed - start.log_speed)[:, None] * last.dh
    assert last.d2h is None
    assert np.abs(found - expected).max() < 1e-6 * np.abs(expected).max()


def test_a_jump_is_refused_at_all():
    sign = get(lambda x: np.where(x > 0, 1.0, -1.0), dphi=np.zeros_like, d2phi=np.zeros_like,
               kinks=(0.0,), name="sign")
    with pytest.raises(ValueError, match="torn"):
        Curves(1.0, 0.0, width=5, networks=1, rng=0, phi=sign)


def test_a_curve_of_ones_own():
    """A straight line through a linear network stays straight and keeps its clock."""
    line = np.linspace(0, 1, 5) * np.ones((1, 12, 1))
    curves = Curves(1.0, 0.0, width=12, networks=1, rng=0, phi="linear")
    start = moving(line, 3 * np.ones_like(line), np.zeros_like(line))
    last = list(curves.moving_layers(start, 6))[-1]
    dh, d2h = true(last)
    assert np.allclose(dh * (line[0, 0, -1] - line[0, 0, 0]),
                       3 * (last.h[..., -1:] - last.h[..., :1]), rtol=1e-12)
    assert np.abs(d2h).max() == 0.0


@pytest.mark.parametrize("arguments, error, named", [
    (dict(q=-1.0, points=5), ValueError, "q must be at least"),
    (dict(q=np.nan, points=5), ValueError, "q must be finite"),
    (dict(q=1.0, points=2), ValueError, "points must be at least 3"),
    (dict(q=1.0, points=5.0), TypeError, "points must be an integer"),
])
def test_bad_circles_are_named(arguments, error, named):
    with pytest.raises(error, match=named):
        Curves(1.0, 0.1, width=5, networks=1, rng=0).circle(**arguments)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="dtype must be"):
        Curves(1.0, 0.1, width=5, networks=1, rng=0, dtype=np.float16)
    with pytest.raises(ValueError, match="width must be at least 2"):
        Curves(1.0, 0.1, width=1, networks=1, rng=0).circle(1.0, 5)
    curves = Curves(1.0, 0.1, width=5, networks=1, rng=0)
    with pytest.raises(ValueError, match="motion must have shape"):
        next(curves.moving_layers(Motion(np.ones((2, 5, 3)), np.ones((2, 5, 3)), None,
                                         np.zeros((2, 3))), 2))
    with pytest.raises(ValueError, match="must all have shape"):
        moving(np.ones((1, 5, 3)), np.ones((1, 5, 2)))
    with pytest.raises(ValueError, match="depth"):
        next(curves.moving_layers(curves.circle(1.0, 5), 0))
