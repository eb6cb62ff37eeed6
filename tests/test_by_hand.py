"""A nonlinearity whose every average can be done by hand: ``sin x + cos x``, given as a formula.

E (sin u + cos u)^2 = 1 at any variance, so q* = sigma_w^2 + sigma_b^2, chi1 = sigma_w^2, and the
kernel is the Gaussian ``exp(-q (1 - c))``. These closed forms go through the reader of formulas,
the averages over one and two normals, the fixed points, the Hermite weights and the geometry.
"""
import numpy as np
import pytest

from lib import MeanField

PHI = "sin(x) + cos(x)"
W, B = np.linspace(0.5, 3, 31)[:, None], np.linspace(0, 2, 25)


def test_length_and_gain_on_the_grid_of_the_phase_diagram():
    theory = MeanField(W, B, phi=PHI)
    assert theory.q_star == pytest.approx(W**2 + B**2, rel=1e-9)
    assert theory.chi1 == pytest.approx(np.broadcast_to(W**2, theory.chi1.shape), rel=1e-9)


def test_edge_of_chaos_is_at_one_whatever_the_bias():
    assert MeanField(1.0, 0.0, phi=PHI).critical_line(B) == pytest.approx(1.0, abs=1e-9)


def test_correlation_map_is_a_gaussian_kernel():
    c, q = np.linspace(-1, 1, 41), 1.5**2 + 0.3**2
    by_hand = (1.5**2 * np.exp(-q * (1 - c)) + 0.3**2) / q
    assert MeanField(1.5, 0.3, phi=PHI).correlation_map(c) == pytest.approx(by_hand, abs=1e-9)


def test_curvature_settles_where_it_must():
    w = np.linspace(1.25, 3, 15)
    assert MeanField(w, 0.3, phi=PHI).kappa2_star == pytest.approx(3 / (w**2 - 1), rel=1e-9)


def test_one_attracting_length_and_no_overshoot_for_tanh():
    """At every point of the papers' grid: nothing leaves, and the slope at q* is in [0, 1]."""
    w, b = np.linspace(1, 5, 41)[:, None], np.linspace(0, 4, 41)
    theory = MeanField(w, b)
    assert np.all(np.isinf(theory.repeller))
    slope = theory.length_slope(theory.q_star)
    assert slope.min() >= 0 and slope.max() <= 1 + 1e-12


def test_chi1_decides_whether_equal_inputs_stay_alike():
    w, b = np.linspace(1, 5, 41)[:, None], np.linspace(0, 4, 41)
    theory = MeanField(w, b)
    alive = theory.q_star > 0  # the corner (1, 0) has no length and nothing to compare
    assert np.array_equal((theory.chi1 > 1)[alive], (theory.c_star < 1)[alive])


def test_two_fixed_points_part_what_dies_from_what_diverges():
    theory = MeanField(1.05, 0.3, phi="x*tanh(x)")
    start = theory.repeller * np.array([0.25, 4.0])
    q = theory.run(q=start, depth=60).q
    assert q[-1, 0] == pytest.approx(theory.q_star, rel=1e-6) and q[-1, 1] > 10 * start[1]
