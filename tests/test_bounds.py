"""The bound on shallow networks against total variations of explicit networks."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.theory.bounds import shallow_length_bound


def length(x):
    """Length of the polygon through the rows."""
    return np.linalg.norm(np.diff(x, axis=0), axis=1).sum()


def circle(points=4001):
    theta = np.linspace(0, 2 * np.pi, points)
    return np.stack([np.cos(theta), np.sin(theta)], axis=1)


@given(gain=st.floats(0.01, 1e4), seed=st.integers(0, 50), bias=st.floats(0, 3))
def test_no_circle_is_longer(gain, seed, bias):
    rng = np.random.default_rng(seed)
    h = gain * circle() @ rng.standard_normal((2, 20)) + gain * bias * rng.standard_normal(20)
    assert length(np.tanh(h)) <= shallow_length_bound(20, 2, closed=True)


def test_the_bound_is_reached_by_growing_weights():
    """Steep units switch one after another, each by R, twice going round."""
    angle = 0.11 + np.arange(10) * np.pi / 10
    h = circle(400_001) @ np.array([np.cos(angle), np.sin(angle)])
    share = [length(np.tanh(gain * h)) / shallow_length_bound(10, 2, closed=True)
             for gain in (1.0, 30.0, 1000.0)]
    assert share[0] < 0.5 and share[1] < share[2] and 0.99 < share[2] <= 1.0


def test_open_curves_and_other_ranges():
    """A parabola turns once in y: s = 1. A logistic unit ranges over 1."""
    t = np.linspace(-1, 1, 200_001)
    h = 4000.0 * np.stack([t**2 - 0.25, t**2 - 0.04], axis=1)
    x = 0.5 + 0.5 * np.tanh(0.5 * h)
    bound = shallow_length_bound(2, 1, phi="sigmoid")
    assert bound == 4.0 and 0.99 * bound < length(x) <= bound
    assert shallow_length_bound(2, 1, phi="erf") == pytest.approx(8.0, rel=1e-15)
    assert shallow_length_bound(3, 0, phi=np.arctan) == pytest.approx(3 * np.pi, rel=1e-12)
    assert shallow_length_bound(5, 0, closed=True) == 0.0  # monotone and back where it began


@pytest.mark.parametrize("phi, why", [
    ("relu", "bounded"), ("linear", "bounded"), ("softplus", "bounded"), (np.arcsinh, "bounded"),
    ("sin", "non-decreasing"), ("gelu", "non-decreasing")])
def test_activations_without_a_bound(phi, why):
    with pytest.raises(ValueError, match=f"phi must be {why}"):
        shallow_length_bound(10, 1, phi=phi)


@pytest.mark.parametrize("call, error", [
    (lambda: shallow_length_bound(0, 1), "width must be at least 1"),
    (lambda: shallow_length_bound(3, -1), "sign_changes must be at least 0"),
    (lambda: shallow_length_bound(3, 1, closed=True), "sign_changes must be even")])
def test_bad_arguments_are_named(call, error):
    with pytest.raises(ValueError, match=error):
        call()
