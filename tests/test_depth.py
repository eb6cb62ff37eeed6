"""Slopes along depth against iterations made by hand."""
import numpy as np
import pytest

from lib.activations import critical_coefficients, get, hermite
from lib.theory.correlated import Kernel
from lib.theory.meanfield import MeanField


def descend(phi, c, depth, q=1.0):
    """Deficits and slopes layer by layer."""
    return Kernel(get(phi), q).descend(c, depth)


def test_relu_is_the_arc_cosine_iteration():
    c = np.array([-1.0, 0.0, 0.7])
    deficit, slope = descend("relu", c, 6)
    for layer in range(6):
        assert np.allclose(1 - deficit[layer], c, atol=1e-10)
        assert np.allclose(slope[layer], 1 - np.arccos(c) / np.pi, atol=1e-8)
        c = np.minimum((np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / np.pi, 1.0)


def test_relu_and_a_critical_series_near_one_like_powers_of_depth():
    deficit, slope = descend("relu", 0.0, 1001)
    assert abs(1000 * (1 - slope[1000]) - 3) < 0.06  # of order log(l) / l
    assert abs(1e6 * deficit[1000] * 2 / (9 * np.pi**2) - 1) < 0.03
    _, smooth = descend(hermite(critical_coefficients(), np.inf), 0.0, 1001)
    assert abs(1000 * (1 - smooth[1000]) - 2) < 0.03


@pytest.mark.parametrize("phi, slope", [("sigmoid", 0.1528270117), ("softplus", 0.3184589837)])
def test_with_a_mean_everything_becomes_alike_at_once(phi, slope):
    deficit, found = descend(phi, 0.2, 60)
    assert abs(found[-1] - slope) < 1e-9 and deficit[-1] < 1e-20
    assert np.allclose(deficit[21:30] / deficit[20:29], slope, rtol=1e-6)


def test_tanh_that_keeps_its_variance_decorrelates():
    deficit, slope = descend("tanh", 0.5, 400)
    assert abs(slope[-1] - 0.60570551**2 / 0.39429449) < 1e-6
    assert abs(deficit[-1] - 1) < 1e-9


def test_it_is_the_correlation_map_of_mean_field():
    law, c = MeanField(np.array([1.7, 2.5]), 0.0), np.array([[0.3], [0.9]])
    ours = descend("tanh", c, 8, q=law.q_star)[0]
    assert ours.shape == (8, 2, 2)
    assert np.allclose(ours, law.run(c=c[:, 0], depth=8).deficit, rtol=1e-8)


@pytest.mark.parametrize("call, named", [
    (lambda: descend("relu", 1.5, 3), "c must"),
    (lambda: descend("relu", 0.5, 0), "depth"),
])
def test_bad_arguments_are_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
