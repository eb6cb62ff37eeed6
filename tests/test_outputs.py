"""Outputs at several depths: the law of their variance, their types, their refusals."""
import numpy as np
import pytest

from lib import MeanField
from lib.networks.ensemble import Ensemble, circle, frames


def arc(points, dimension, radius, seed):
    return radius * circle(points, turn=0.5)[0] @ frames((2, dimension), seed)


def nets(sigma_w, sigma_b, width, seed, networks=1, **others):
    return Ensemble(sigma_w, sigma_b, width=width, networks=networks, seed=seed, **others)


def test_length_and_correlation_are_those_of_the_maps():
    x = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 2)))[0].T * np.sqrt(50)
    found = iter(nets(1.7, 0.4, 1500, 5).outputs(x, 1500, [1, 2, 4]))
    q, c = 1.7**2 + 0.4**2, 0.4**2 / (1.7**2 + 0.4**2)
    told = MeanField(1.7, 0.4).run(q=q, c=c, depth=4)
    for depth in (1, 2, 4):
        y = next(found)[0]
        gram = y @ y.T / y.shape[1]
        assert gram[0, 0] == pytest.approx(told.q[depth - 1, 0], rel=0.15)
        assert gram[0, 1] / np.sqrt(gram[0, 0] * gram[1, 1]) == pytest.approx(
            told.c[depth - 1, 0], abs=0.1)


def test_depth_one_is_linear_and_its_bias_is_shared():
    x = np.random.default_rng(1).standard_normal((3, 6))
    x = np.concatenate([x, x[:1] - x[1:2] + x[2:]])
    (y,) = nets(2.0, 0.5, 9, 3, networks=2).outputs(x, 4, [1])
    np.testing.assert_allclose(y[:, 3], y[:, 0] - y[:, 1] + y[:, 2], atol=1e-12)


def test_outputs_to_the_last_digit():
    """The weights are drawn again; the read-outs do not touch the hidden layers."""
    x = arc(5, 6, 1.0, 0)
    rng, found = np.random.default_rng(3), list(nets(2.0, 0.5, 7, 3).outputs(x, 4, [1, 3]))

    def linear(x, units):
        w, b = rng.standard_normal((x.shape[1], units)), rng.standard_normal(units)
        return 2.0 / np.sqrt(x.shape[1]) * x @ w + 0.5 * b

    np.testing.assert_allclose(found[0][0], linear(x, 4), rtol=1e-12, atol=1e-13)
    h = np.tanh(linear(np.tanh(linear(x, 7)), 7))
    np.testing.assert_allclose(found[1][0], linear(h, 4), rtol=1e-12, atol=1e-13)


def test_every_network_may_have_inputs_of_its_own():
    x = np.stack([arc(30, 20, 1.0, seed) for seed in (0, 1)])
    ours, shared = nets(1.2, 0.3, 40, 7, networks=2), x[0]
    own, same = (list(ours.outputs(one, 10, [1, 3])) for one in (x, shared))
    for a, b in zip(own, same):
        assert a.shape == (2, 30, 10)
        assert np.array_equal(a[0], b[0]) and not np.allclose(a[1], b[1])


def test_both_float_types_draw_the_same_network():
    x = arc(30, 20, 1.0, 0)
    one, two = (list(nets(1.2, 0.3, 40, 7, dtype=kind).outputs(x, 10, [1, 3]))
                for kind in (np.float32, np.float64))
    for single, double in zip(one, two):
        assert single.dtype == np.float32 and double.dtype == np.float64
        assert 0 < np.abs(single - double).max() < 1e-5


@pytest.mark.parametrize("changes, told", [
    ({"depths": [3, 1]}, "depths must rise"), ({"depths": []}, "depths must rise"),
    ({"x": np.ones(3)}, "x must have shape"), ({"x": np.ones((3, 4, 5))}, "x must have shape"),
    ({"units": 0}, "units"), ({"depths": [0]}, "depths")])
def test_bad_input_is_refused_before_anything_is_drawn(changes, told):
    given = {"x": np.ones((3, 4)), "units": 2, "depths": [1]} | changes
    with pytest.raises(ValueError, match=told):
        next(nets(1.0, 0.1, 5, 0).outputs(**given))
    with pytest.raises(ValueError, match="must be numbers here"):
        next(nets([1.0, 2.0], 0.1, 5, 0).outputs(np.ones((3, 4)), 2, [1]))
