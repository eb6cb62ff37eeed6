"""Measures of curves against a curve whose geometry is known, in four dimensions and more."""
import numpy as np
import pytest

from lib.checks import Untrusted
from lib.measure.curves import (autocorrelation, kappa2, length_from_samples,
                                log_length_euclid, log_length_gauss, log_metric, osculating)

A, B, M, N = 2.0, 0.5, 1, 3  # two wheels at once: constant speed and curvature
SPEED2 = (A * M) ** 2 + (B * N) ** 2
KAPPA = np.sqrt((A * M**2) ** 2 + (B * N**2) ** 2) / SPEED2


def wheels(points):
    """Points, first and second derivative, each of shape (1, points, 4)."""
    t = 2 * np.pi * np.arange(points) / points
    h = np.stack([A * np.cos(M * t), A * np.sin(M * t), B * np.cos(N * t), B * np.sin(N * t)],
                 axis=1)
    dh = np.stack([-A * M * np.sin(M * t), A * M * np.cos(M * t),
                   -B * N * np.sin(N * t), B * N * np.cos(N * t)], axis=1)
    square = np.array([M, M, N, N]) ** 2
    return h[None], dh[None], (-square * h)[None]


def ellipse(points, long=3.0, short=1.0):
    """The same of an ellipse in the plane, whose speed varies."""
    t = 2 * np.pi * np.arange(points) / points
    h = np.stack([long * np.cos(t), short * np.sin(t)], axis=1)[None]
    return h, np.stack([-long * np.sin(t), short * np.cos(t)], axis=1)[None], -h


def closed(h):
    """Back to the first point."""
    return np.concatenate([h, h[..., :1, :]], axis=-2)


def unit(dh):
    return dh / np.linalg.norm(dh, axis=-1, keepdims=True)


def test_constant_curvature():
    h, dh, d2h = wheels(11)
    assert np.allclose(np.exp(log_metric(dh, np.zeros((1, 11)))), SPEED2 / 4, rtol=1e-14)
    assert np.allclose(kappa2(dh, d2h), 4 * KAPPA**2, rtol=1e-13)


def test_lengths():
    h, dh, d2h = wheels(24)
    still = np.zeros((1, 24))
    around = 2 * np.pi * np.sqrt(SPEED2)
    assert np.allclose(np.exp(log_length_euclid(dh, still)), around / 2, rtol=1e-14)
    assert np.allclose(np.exp(log_length_gauss(dh, d2h, still)), around * KAPPA, rtol=1e-13)


def test_ellipse_by_complete_elliptic_integral():
    from scipy.special import ellipe
    h, dh, d2h = ellipse(120)
    expected = 4 * 3.0 * ellipe(1 - 1 / 9)
    still = np.zeros((1, 120))
    assert np.allclose(np.exp(log_length_euclid(dh, still)), expected / np.sqrt(2), rtol=1e-13)
    assert np.allclose(np.exp(log_length_gauss(dh, d2h, still)), 2 * np.pi, rtol=1e-12)  # convex
    t = 2 * np.pi * np.arange(120) / 120
    speed = np.sqrt(9 * np.sin(t) ** 2 + np.cos(t) ** 2)
    assert np.allclose(kappa2(dh, d2h), 2 * (3.0 / speed**3) ** 2, rtol=1e-13)


def test_the_clock_does_not_matter():
    h, dh, d2h = ellipse(40)
    rng = np.random.default_rng(0)
    clock, drift = rng.uniform(-80, 80, (1, 40)), rng.standard_normal((1, 40))
    pace = np.exp(-clock)[..., None]
    own, bent = pace * dh, pace**2 * (d2h + drift[..., None] * dh)
    still = np.zeros((1, 40))
    assert np.allclose(kappa2(own, bent), kappa2(dh, d2h), rtol=1e-9)
    assert np.allclose(log_metric(own, clock), log_metric(dh, still), rtol=1e-12)
    assert np.allclose(np.exp(log_length_gauss(own, bent, clock) - log_length_gauss(
        dh, d2h, still)), 1, rtol=1e-9)
    assert np.allclose(log_length_euclid(own, clock), log_length_euclid(dh, still), rtol=1e-12)


def test_curvature_without_cancellation():
    """An acceleration nearly along the velocity: |a|^2 |v|^2 - (a v)^2 would lose all digits."""
    dh = np.array([[[3.0, 4.0, 0.0]]])
    d2h = 1e6 * dh + np.array([[[0.0, 0.0, 1e-2]]])
    assert np.allclose(kappa2(dh, d2h), 3 * (1e-2 / 25) ** 2, rtol=1e-9)


def test_lengths_beyond_the_range_of_numbers():
    h, dh, d2h = wheels(24)
    fast = np.full((1, 24), 800.0)
    assert np.allclose(log_length_gauss(dh, d2h, fast) - 800,
                       np.log(2 * np.pi * np.sqrt(SPEED2) * KAPPA), rtol=1e-12)
    assert np.isfinite(log_length_euclid(dh, fast)).all()


def test_chords():
    around = 2 * np.pi * np.sqrt(SPEED2)
    h, dh, _ = wheels(400)
    assert np.allclose(length_from_samples(closed(h)), around, rtol=1e-3)
    assert np.allclose(length_from_samples(closed(unit(7 * dh))), around * KAPPA, rtol=1e-3)
    line = np.linspace(0, 2, 7)[:, None] * [3.0, 4.0]
    assert np.allclose(length_from_samples(line), 10.0, rtol=1e-14)
    there_and_back = line[[0, 1, 2, 3, 4, 3, 2, 1]]
    assert np.allclose(length_from_samples(closed(there_and_back)), 40 / 3, rtol=1e-14)


@pytest.mark.parametrize("points", [6, 10, 20])
def test_chords_that_undercount_are_refused(points):
    h, dh, _ = wheels(points)
    around = 2 * np.pi * np.sqrt(SPEED2)
    with pytest.raises(Untrusted, match="undercount") as caught:
        length_from_samples(closed(h))
    assert caught.value.best[0] < 0.99 * around
    with pytest.raises(Untrusted):
        length_from_samples(closed(unit(dh)))
    assert length_from_samples(closed(h), rtol=np.inf)[0] == caught.value.best[0]


def test_the_guard_knows_noise():
    """Points without any order: half as many chords are half as long together."""
    noise = np.random.default_rng(0).standard_normal((2, 301, 50))
    with pytest.raises(Untrusted):
        length_from_samples(noise)


def test_the_guard_is_honest():
    """Wherever the chords are let through, they are right to the tolerance."""
    around, passed = 2 * np.pi * np.sqrt(SPEED2), 0
    for points in range(8, 120, 2):
        try:
            length = length_from_samples(closed(wheels(points)[0]), rtol=0.01)[0]
        except Untrusted:
            continue
        passed += 1
        assert abs(length / around - 1) < 0.012
    assert passed > 20


def test_osculating_circle_of_a_helix():
    """Radius of curvature a + b^2/a about the axis, at every point and by every clock."""
    a, b, t, clock = 2.0, 0.7, 0.9, 3.1
    v = np.array([-a * np.sin(t), a * np.cos(t), b])
    w = np.array([-a * np.cos(t), -a * np.sin(t), 0.0])
    found = osculating(clock * v, clock**2 * w + 0.3 * v)
    assert found.radius == pytest.approx(a + b**2 / a)
    np.testing.assert_allclose(found.plane.T @ found.plane, np.eye(2), atol=1e-14)
    np.testing.assert_allclose(found.plane[:, 0], v / np.hypot(a, b), atol=1e-14)
    np.testing.assert_allclose(found.plane[:, 1], w / a, atol=1e-14)  # towards the axis


@pytest.mark.parametrize("call, named", [
    (lambda: kappa2(np.ones((1, 3, 4)), np.ones((1, 3, 5))), "d2h must have shape"),
    (lambda: kappa2(np.zeros((1, 3, 4)), np.ones((1, 3, 4))), "stands still"),
    (lambda: kappa2(np.full((1, 3, 4), np.nan), np.ones((1, 3, 4))), "dh must be finite"),
    (lambda: log_metric(np.ones((1, 3, 4)), np.ones((1, 4))), "log_speed"),
    (lambda: length_from_samples(np.ones((8, 3))), "odd number of points"),
    (lambda: length_from_samples(np.ones(8)), "points, neurons"),
    (lambda: osculating(np.zeros(3), np.zeros(2)), "d2h must have shape"),
    (lambda: osculating(np.zeros(2), np.ones(2)), "dh must not be zero"),
    (lambda: osculating(np.ones(2), np.ones(2) * 2), "d2h must not be along"),
])
def test_bad_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()


def test_a_curve_that_stands_still_has_no_length():
    assert log_length_euclid(np.zeros((1, 4, 3)), np.zeros((1, 4)))[0] == -np.inf
    assert length_from_samples(np.ones((9, 3))) == 0.0


def test_the_autocorrelation_of_points_whose_squares_no_float_holds():
    h = np.random.default_rng(3).standard_normal((2, 6, 5))
    with np.errstate(over="raise", invalid="raise"):
        assert np.allclose(autocorrelation(1e200 * h), autocorrelation(h), atol=1e-14)
