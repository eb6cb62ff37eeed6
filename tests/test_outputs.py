"""Outputs at several depths: the law of their variance, their types, their refusals."""
import numpy as np
import pytest

from lib.networks.outputs import arc, outputs
from lib.theory import meanfield as mf


def test_arc_is_half_a_circle_of_the_radius_in_a_plane():
    x = arc(30, 40, 3.0, 2)
    gaps = np.pi * (np.arange(40)[:, None] - np.arange(40)) / 40
    np.testing.assert_allclose(x.T @ x, 9.0 * np.cos(gaps), atol=1e-13)
    assert np.linalg.matrix_rank(x) == 2
    np.testing.assert_allclose(arc(9, 4, 1.0, 0, turn=1.0).sum(axis=1), 0.0, atol=1e-14)


def test_length_and_correlation_are_those_of_the_maps():
    x = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 2)))[0] * np.sqrt(50)
    found = list(outputs(x, 1.7, 0.4, 1500, 1500, [1, 2, 4], 5))
    q, c = 1.7**2 + 0.4**2, 0.4**2 / (1.7**2 + 0.4**2)
    for y in (found[0], found[1], None, found[2]):
        if y is not None:
            gram = y.T @ y / len(y)
            assert gram[0, 0] == pytest.approx(q, rel=0.15)
            assert gram[0, 1] / np.sqrt(gram[0, 0] * gram[1, 1]) == pytest.approx(c, abs=0.1)
        q, _, c = mf.pair_map(q, q, c, 1.7, 0.4)


def test_depth_one_is_linear_and_its_bias_is_shared():
    x = np.random.default_rng(1).standard_normal((6, 3))
    x = np.concatenate([x, x[:, :1] - x[:, 1:2] + x[:, 2:]], axis=1)
    (y,) = outputs(x, 2.0, 0.5, 9, 4, [1], 3)
    np.testing.assert_allclose(y[:, 3], y[:, 0] - y[:, 1] + y[:, 2], atol=1e-12)


def test_both_float_types_draw_the_same_network():
    x = arc(20, 30, 1.0, 0)
    one, two = (list(outputs(x, 1.2, 0.3, 40, 10, [1, 3], 7, dtype=kind))
                for kind in (np.float32, np.float64))
    for single, double in zip(one, two):
        assert single.dtype == np.float32 and double.dtype == np.float64
        assert 0 < np.abs(single - double).max() < 1e-5


@pytest.mark.parametrize("changes, told", [
    ({"depths": [3, 1]}, "depths must rise"), ({"depths": []}, "depths must rise"),
    ({"x": np.ones(3)}, "x must have shape"), ({"sigma_w": -1.0}, "sigma_w"),
    ({"width": 0}, "width"), ({"dtype": np.float16}, "dtype"),
])
def test_bad_input_is_refused_before_anything_is_drawn(changes, told):
    given = {"x": np.ones((3, 4)), "sigma_w": 1.0, "sigma_b": 0.1, "width": 5, "units": 2,
             "depths": [1], "rng": 0} | changes
    with pytest.raises(ValueError, match=told):
        outputs(**given)
