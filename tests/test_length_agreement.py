"""Formulas for the growth of length against sampled networks: the bars of the chapter."""
import numpy as np
import pytest

from lib.measure.curves import log_length_euclid
from lib.measure.resampling import factor_per_layer, jackknife
from lib.networks.tangents import Curves
from lib.theory.stretch import growth, hard_tanh_growth, mean_lengths, relu_growth


def lengths(phi, w2, b2, width, depth=10, networks=32, points=60):
    nets = Curves(w2**0.5, b2**0.5, width, networks, rng=width + int(w2), phi=phi)
    circle = nets.circle(w2, points, curvature=False)
    return np.exp([log_length_euclid(m.dh, m.log_speed)
                   for m in nets.moving_layers(circle, depth)]).T


@pytest.mark.parametrize("w2, b2, width", [(2, 0, 64), (4, 0, 64), (16, 0, 100), (4, 1, 100)])
def test_hard_tanh_within_one_per_cent(w2, b2, width):
    value, error = jackknife(factor_per_layer, lengths("hard_tanh", w2, b2, width)[:, 2:])
    formula = hard_tanh_growth(w2**0.5, b2**0.5, width)
    assert error < 0.003 * formula and abs(value / formula - 1) < 0.01


def test_relu_at_he_initialisation_within_three_standard_errors():
    value, error = jackknife(factor_per_layer,
                             lengths("relu", 2, 0, 100, networks=150, points=8))
    assert error < 0.003 and abs(value - relu_growth(2**0.5, 100)) < 3 * error
    assert value + 3 * error < 1.05  # far from the printed 1.407


def test_tanh_and_the_way_to_its_fixed_point():
    seen = lengths("tanh", 9, 0.25, 64)
    expected = mean_lengths(9.0, 3.0, 0.5, 10, 64, phi="tanh")
    np.testing.assert_allclose((seen / seen[:, :1]).mean(axis=0), expected, rtol=0.05)
    value, _ = jackknife(factor_per_layer, seen[:, 2:])
    assert value == pytest.approx(float(growth(3.0, 0.5, 64)), rel=0.01)
