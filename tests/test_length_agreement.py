"""Formulas for the growth of length against sampled networks: the bars of the chapter."""
import numpy as np
import pytest

from lib import Ensemble, MeanField
from lib.estimate import jackknife
from lib.measure.statistics import factor_per_layer
from lib.theory.stretch import growth, mean_lengths


def lengths(phi, w2, b2, width, depth=10, networks=32, points=60):
    nets = Ensemble(w2**0.5, b2**0.5, width=width, networks=networks, seed=width + int(w2),
                    phi=phi)
    return nets.run(w2, curve="circle", points=points, depth=depth, order=1).length_euclid[..., 0]


@pytest.mark.parametrize("w2, b2, width", [(2, 0, 64), (4, 0, 64), (16, 0, 100), (4, 1, 100)])
def test_hard_tanh_within_one_per_cent(w2, b2, width):
    value, error = jackknife(factor_per_layer, lengths("hard_tanh", w2, b2, width)[:, 2:])
    formula = growth(MeanField(w2**0.5, b2**0.5, "hard_tanh"), width)
    assert error < 0.003 * formula and abs(value / formula - 1) < 0.01
    assert value + 5 * error < w2**0.5  # the upper bound: no phi is steeper than 1


def test_relu_at_he_initialisation_within_three_standard_errors():
    value, error = jackknife(factor_per_layer,
                             lengths("relu", 2, 0, 100, networks=150, points=8))
    assert error < 0.003
    assert abs(value - growth(MeanField(2**0.5, 0.0, "relu"), 100)) < 3 * error
    assert value + 3 * error < 1.05  # far from the printed 1.407


def test_tanh_and_the_way_to_its_fixed_point():
    law, seen = MeanField(3.0, 0.5), lengths("tanh", 9, 0.25, 64)
    expected = mean_lengths(law, 9.0, 10, 64)
    np.testing.assert_allclose((seen / seen[:, :1]).mean(axis=0), expected, rtol=0.05)
    value, _ = jackknife(factor_per_layer, seen[:, 2:])
    assert value == pytest.approx(float(growth(law, 64)), rel=0.01)
