"""Autocorrelation, principal components and the dimension of a circle, by other roads."""
import numpy as np
import pytest

from lib.measure.components import autocorrelation, components, follow, participation_ratio
from lib.networks.ensemble import Ensemble
from lib.theory import meanfield as mf
from lib.theory.dimension import circle


def random_curve(networks=2, width=7, points=9, seed=0):
    return np.random.default_rng(seed).standard_normal((networks, width, points))


def test_autocorrelation_is_the_mean_cosine_with_wrap():
    h = random_curve()
    found = autocorrelation(h)
    for network, k in np.ndindex(2, 9):
        cosines = [h[network, :, i] @ h[network, :, (i + k) % 9]
                   / np.linalg.norm(h[network, :, i]) / np.linalg.norm(h[network, :, (i + k) % 9])
                   for i in range(9)]
        assert found[network, k] == pytest.approx(np.mean(cosines), abs=1e-14)


def test_autocorrelation_of_a_circle_is_a_cosine_whatever_its_radius():
    theta = 2 * np.pi * np.arange(50) / 50
    frame = np.linalg.qr(np.random.default_rng(1).standard_normal((20, 2)))[0]
    h = 3.7 * frame @ np.stack([np.cos(theta), np.sin(theta)])
    np.testing.assert_allclose(autocorrelation(h[None])[0], np.cos(theta), atol=1e-14)


def test_components_against_the_singular_values():
    h = random_curve()
    found = components(h, kept=4)
    for network in range(2):
        centred = h[network] - h[network].mean(axis=1, keepdims=True)
        left, singular, _ = np.linalg.svd(centred, full_matrices=False)
        np.testing.assert_allclose(found.spectrum[network, :7], singular**2 / 63, atol=1e-13)
        np.testing.assert_allclose(np.abs(found.scores[network]),
                                   np.abs(centred.T @ left[:, :4]), atol=1e-12)
        assert found.spectrum[network].sum() == pytest.approx(centred.var(axis=1).mean())
        peak = np.abs(found.scores[network]).argmax(axis=0)
        assert np.all(found.scores[network][peak, range(4)] > 0)


def test_participation_ratio_counts_equal_variances():
    assert participation_ratio(np.ones((3, 5))) == pytest.approx(5)
    assert participation_ratio([4.0, 2.0, 1.0]) == pytest.approx(49 / 21)
    assert participation_ratio([1e-200, 1e-200]) == pytest.approx(2)  # no underflow


def test_follow_undoes_turns_and_keeps_distances():
    points = np.random.default_rng(3).standard_normal((30, 3))
    turned = [points, points @ np.diag([-1.0, 1.0, -1.0]), 2 * points[:, [2, 0, 1]]]
    found = follow(np.array(turned))
    for layer, size in enumerate((1, 1, 2)):
        np.testing.assert_allclose(found[layer], size * points, atol=1e-12)


@pytest.mark.parametrize("function, argument, told", [
    (autocorrelation, np.zeros((1, 2, 3)), "length zero"),
    (autocorrelation, np.ones((2, 3)), "networks, width, points"),
    (components, np.ones((1, 2, 2)), "kept"),
    (components, np.full((1, 2, 3), np.nan), "finite"),
    (participation_ratio, [0.0, 0.0], "all the same"),
    (participation_ratio, [1.0, -1.0], "at least 0"),
    (follow, np.ones((2, 3)), "layers, points, kept"),
])
def test_bad_input_is_refused(function, argument, told):
    with pytest.raises(ValueError, match=told):
        function(argument)


def test_dimension_is_that_of_the_mean_field_gram_matrix():
    theta = 2 * np.pi * np.arange(40) / 40
    found = circle(2.5, 0.3, 7, 40, 10**9)
    gaps = 1 - np.cos(theta[:, None] - theta)
    c = 1 - mf.deficit_orbit(gaps, 2.5, 0.3, 7)
    middle = np.eye(40) - 1 / 40
    for layer in range(7):
        values = np.linalg.eigvalsh(middle @ c[layer] @ middle / 40)
        np.testing.assert_allclose(np.sort(found.spectrum[layer]), values[1:], atol=1e-12)
        ratio = values.sum()**2 / (values**2).sum()
        assert found.ratio[layer] == pytest.approx(ratio, rel=1e-9)
        assert found.ratio_at_width[layer] == pytest.approx(ratio, rel=1e-6)


def test_linear_networks_keep_the_circle_in_a_plane():
    # one layer of a linear net: E tr G^2 of a 2 x 2 Wishart matrix, by Wick's theorem
    found = circle(0.9, 0.1, 3, 12, 1000, phi="linear")
    np.testing.assert_allclose(found.ratio, 2.0)
    assert found.ratio_at_width[0] == pytest.approx(2.0, rel=1e-12)
    assert found.ratio_at_width[1] == pytest.approx(1 / (1 / 2 + 1 / 1000), rel=1e-9)


@pytest.mark.parametrize("sigma_w, layers", [(1.3, 9), (1.3956, 9), (2.5, 13), (4.0, 13)])
def test_dimension_at_finite_width_against_sampled_networks(sigma_w, layers):
    width, points = 300, 60
    theta = 2 * np.pi * np.arange(points) / points
    expected = circle(sigma_w, 0.3, layers, points, width).ratio_at_width[-1]
    ensemble = Ensemble(sigma_w, 0.3, width, 24, 5)
    h = ensemble.inputs(mf.q_star(sigma_w, 0.3) * np.eye(2), exact=True)
    *_, h = ensemble.layers(h @ np.stack([np.cos(theta), np.sin(theta)]), layers)
    found = participation_ratio(components(h).spectrum)
    error = found.std(ddof=1) / np.sqrt(24)
    assert abs(found.mean() - expected) < 3 * error + 0.02 * expected


def test_dimension_refuses_a_circle_of_no_radius():
    with pytest.raises(ValueError, match="q\\* above 0"):
        circle(0.5, 0.0, 3, 12, 100)
    with pytest.raises(ValueError, match="width"):
        circle(2.5, 0.3, 3, 12, 0)
