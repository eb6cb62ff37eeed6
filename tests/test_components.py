"""Autocorrelation, principal components and the turns between layers, by other roads."""
import numpy as np
import pytest

from lib.measure.curves import autocorrelation, components, follow, participation_ratio


def random_curve(networks=2, points=9, width=7, seed=0):
    return np.random.default_rng(seed).standard_normal((networks, points, width))


def test_autocorrelation_is_the_mean_cosine_with_wrap():
    h = random_curve()
    found = autocorrelation(h)
    for network, k in np.ndindex(2, 9):
        cosines = [h[network, i] @ h[network, (i + k) % 9]
                   / np.linalg.norm(h[network, i]) / np.linalg.norm(h[network, (i + k) % 9])
                   for i in range(9)]
        assert found[network, k] == pytest.approx(np.mean(cosines), abs=1e-14)


def test_autocorrelation_of_a_circle_is_a_cosine_whatever_its_radius():
    theta = 2 * np.pi * np.arange(50) / 50
    frame = np.linalg.qr(np.random.default_rng(1).standard_normal((20, 2)))[0]
    h = 3.7 * frame @ np.stack([np.cos(theta), np.sin(theta)])
    np.testing.assert_allclose(autocorrelation(h.T[None])[0], np.cos(theta), atol=1e-14)


def test_components_against_the_singular_values():
    h = random_curve()
    found = components(h, kept=4)
    for network in range(2):
        centred = h[network] - h[network].mean(axis=0)
        left, singular, _ = np.linalg.svd(centred.T, full_matrices=False)
        np.testing.assert_allclose(found.spectrum[network, :7], singular**2 / 63, atol=1e-13)
        np.testing.assert_allclose(np.abs(found.scores[network]),
                                   np.abs(centred @ left[:, :4]), atol=1e-12)
        assert found.spectrum[network].sum() == pytest.approx(centred.var(axis=0).mean())
        peak = np.abs(found.scores[network]).argmax(axis=0)
        assert np.all(found.scores[network][peak, range(4)] > 0)


def test_participation_ratio_is_that_of_the_variances():
    h = random_curve()
    v = components(h).spectrum
    np.testing.assert_allclose(participation_ratio(h), v.sum(axis=1)**2 / (v**2).sum(axis=1),
                               rtol=1e-12)


def test_participation_ratio_counts_equal_variances():
    cross = np.concatenate([np.eye(5, 8), -np.eye(5, 8)])
    assert participation_ratio(np.stack([cross, 1e-200 * cross])) == pytest.approx(5)
    line = np.outer([0.0, 1.0, 3.0], [1.0, 2.0])
    found = participation_ratio(np.stack([line, np.ones((3, 2))]))
    assert found[0] == pytest.approx(1) and np.isnan(found[1])


def test_follow_undoes_turns_and_keeps_distances():
    points = np.random.default_rng(3).standard_normal((30, 3))
    turned = [points, points @ np.diag([-1.0, 1.0, -1.0]), 2 * points[:, [2, 0, 1]]]
    found = follow(np.array(turned))
    for layer, size in enumerate((1, 1, 2)):
        np.testing.assert_allclose(found[layer], size * points, atol=1e-8)


def test_a_new_direction_does_not_hang_on_rounding():
    """A flat curve that leaves its plane could as well be drawn as in a mirror."""
    rng = np.random.default_rng(4)
    flat, left = rng.standard_normal((2, 30, 3)) * [[[1.0, 1.0, 0.0]], [[1.0, 1.0, 1.0]]]
    found = [follow(np.array([flat + dust, left * [1.0, 1.0, side]]))[1]
             for dust in (0.0, 1e-14 * rng.standard_normal((30, 3))) for side in (1.0, -1.0)]
    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], atol=1e-2)


def test_scores_of_no_variance_are_zero():
    turns, plane = np.linspace(0.0, 6.0, 40), np.random.default_rng(5).standard_normal((1, 2, 50))
    h = np.stack([np.cos(turns), np.sin(turns)], axis=1) @ plane
    assert not components(h).scores[..., 2].any()


@pytest.mark.parametrize("function, argument, told", [
    (autocorrelation, np.zeros((1, 2, 3)), "length zero"),
    (autocorrelation, np.ones((2, 3)), "networks, points, neurons"),
    (components, np.ones((1, 2, 2)), "kept"),
    (components, np.full((1, 2, 3), np.nan), "finite"),
    (participation_ratio, [4.0, 2.0], "networks, points, neurons"),
    (follow, np.ones((2, 3)), "layers, points, kept"),
])
def test_bad_input_is_refused(function, argument, told):
    with pytest.raises(ValueError, match=told):
        function(argument)
