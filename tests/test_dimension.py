"""The dimension of a circle in theory against its Gram matrix and against sampled networks."""
import numpy as np
import pytest

from lib.measure.curves import participation_ratio
from lib.networks.ensemble import Ensemble
from lib.theory.geometry import dimension
from lib.theory.meanfield import MeanField


def test_dimension_is_that_of_the_mean_field_gram_matrix():
    theta = 2 * np.pi * np.arange(40) / 40
    law = MeanField(np.array([1.3, 2.5]), 0.3)
    both = dimension(law, 7, 40, 10**9)
    assert both.spectrum.shape == (7, 39, 2) and both.ratio_at_width.shape == (7, 2)
    found = dimension(MeanField(2.5, 0.3), 7, 40, 10**9)
    for several, one in zip(both, found):
        np.testing.assert_allclose(several[..., 1], one, rtol=1e-9, atol=1e-12)
    gaps = 1 - np.cos(theta[:, None] - theta)
    c = 1 - MeanField(2.5, 0.3).run(deficit=gaps.ravel(), depth=7).deficit.reshape(7, 40, 40)
    middle = np.eye(40) - 1 / 40
    for layer in range(7):
        values = np.linalg.eigvalsh(middle @ c[layer] @ middle / 40)
        np.testing.assert_allclose(np.sort(found.spectrum[layer]), values[1:], atol=1e-12)
        ratio = values.sum()**2 / (values**2).sum()
        assert found.ratio[layer] == pytest.approx(ratio, rel=1e-9)
        assert found.ratio_at_width[layer] == pytest.approx(ratio, rel=1e-6)


def test_linear_networks_keep_the_circle_in_a_plane():
    # one layer of a linear net: E tr G^2 of a 2 x 2 Wishart matrix, by Wick's theorem
    found = dimension(MeanField(0.9, 0.1, "linear"), 3, 12, 1000)
    np.testing.assert_allclose(found.ratio, 2.0)
    assert found.ratio_at_width[0] == pytest.approx(2.0, rel=1e-12)
    assert found.ratio_at_width[1] == pytest.approx(1 / (1 / 2 + 1 / 1000), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("sigma_w, layers", [(1.3, 9), (1.3956, 9), (2.5, 13), (4.0, 13)])
def test_dimension_at_finite_width_against_sampled_networks(sigma_w, layers):
    width, points = 300, 60
    law = MeanField(sigma_w, 0.3)
    expected = dimension(law, layers, points, width).ratio_at_width[-1]
    nets = Ensemble(sigma_w, 0.3, width=width, networks=24, seed=5)
    *_, last = nets.layers(law.q_star, curve="circle", points=points, order=0, depth=layers)
    found = participation_ratio(last.h)
    error = found.std(ddof=1) / np.sqrt(24)
    assert abs(found.mean() - expected) < 3 * error + 0.02 * expected


def test_a_circle_of_no_radius_has_no_dimension():
    found = dimension(MeanField([0.5, 2.5], 0.0), 3, 12, 100)
    for some, known in zip(found, dimension(MeanField(2.5, 0.0), 3, 12, 100)):
        assert np.isnan(some[..., 0]).all()
        np.testing.assert_allclose(some[..., 1], known, rtol=1e-9, atol=1e-12)
    none = MeanField([1.6, 1.3], 0.3, "relu", missing="nan").dimension(3, 12, 100)
    assert np.isnan(none.ratio[:, 0]).all() and np.isfinite(none.ratio_at_width[:, 1]).all()
    with pytest.raises(ValueError, match="width"):
        dimension(MeanField(2.5, 0.3), 3, 12, 0)
