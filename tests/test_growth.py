"""Fits against numpy's own least squares and against samples of known spread."""
import numpy as np
import pytest

from lib.measure.growth import exponent, rate
from lib.measure.osculation import osculating


def test_rate_is_the_mean_of_polynomial_fits():
    rng = np.random.default_rng(0)
    x, samples = rng.random(7), rng.standard_normal((5, 7))
    slopes = np.polyfit(x, samples.T, 1)[0]
    found = rate(x, samples)
    np.testing.assert_allclose(found, [slopes.mean(), slopes.std(ddof=1) / np.sqrt(5)], rtol=1e-9)


def test_exponent_is_a_weighted_polynomial_fit():
    x, mean = np.array([1.0, 2.0, 4.0, 9.0]), np.array([3.0, 5.5, 14.0, 28.0])
    error = np.array([0.1, 0.5, 2.0, 0.7])
    fit, cov = np.polyfit(np.log(x), np.log(mean), 1, w=mean / error, cov="unscaled")
    np.testing.assert_allclose(exponent(x, mean, error), [fit[0], np.sqrt(cov[0, 0])], rtol=1e-9)


def test_the_error_of_an_exponent_is_its_spread():
    rng, x = np.random.default_rng(1), np.array([250.0, 500.0, 1000.0, 2000.0])
    error = 0.02 / x
    found = np.array([exponent(x, 1 / x + error * rng.standard_normal(4), error)
                      for _ in range(2000)])
    assert found[:, 0].mean() == pytest.approx(-1, abs=2e-3)
    assert found[:, 0].std() == pytest.approx(found[0, 1], rel=0.06)


def test_osculating_circle_of_a_helix():
    """Radius of curvature a + b^2/a about the axis, at every point and by every clock."""
    a, b, t, clock = 2.0, 0.7, 0.9, 3.1
    h = np.array([a * np.cos(t), a * np.sin(t), b * t])
    v = np.array([-a * np.sin(t), a * np.cos(t), b])
    w = np.array([-a * np.cos(t), -a * np.sin(t), 0.0])
    found = osculating(h, clock * v, clock**2 * w + 0.3 * v, turns=5)
    assert found.radius == pytest.approx(a + b**2 / a)
    np.testing.assert_allclose(found.plane.T @ found.plane, np.eye(2), atol=1e-14)
    np.testing.assert_allclose(found.circle[:, [0, 4]], np.stack([h, h], axis=1), atol=1e-12)
    centre = h - found.radius * np.array([np.cos(t), np.sin(t), 0.0])
    np.testing.assert_allclose(found.circle.T[:4].mean(axis=0), centre, atol=1e-12)


@pytest.mark.parametrize("call, error", [
    (lambda: rate([1.0, 2.0], [[1.0, 2.0]]), "at least two networks"),
    (lambda: rate([1.0, 1.0], [[1.0, 2.0]] * 2), "x must hold"),
    (lambda: rate([1.0], [[1.0, 2.0]] * 2), "samples must have shape"),
    (lambda: exponent([1.0, 2.0], [1.0, -2.0], [1.0, 1.0]), "mean must be at least"),
    (lambda: exponent([1.0, 2.0], [1.0, 2.0], [1.0, 0.0]), "error must be at least"),
    (lambda: exponent([1.0, 1.0], [1.0, 2.0], [1.0, 1.0]), "two different x"),
    (lambda: osculating(np.zeros(2), np.zeros(3), np.zeros(2)), "one shape"),
    (lambda: osculating(np.zeros(2), np.zeros(2), np.ones(2)), "dh must not be zero"),
    (lambda: osculating(np.zeros(2), np.ones(2), np.ones(2) * 2), "d2h must not be along"),
])
def test_bad_arguments_are_named(call, error):
    with pytest.raises(ValueError, match=error):
        call()
