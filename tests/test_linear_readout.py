"""Fits and read-outs against normal equations, sampled noise and exact small cases."""
import numpy as np
import pytest

from lib.measure.readout import (Readout, angular_error, class_error, cutoff, noisy_readout,
                                 project, span)

RNG = np.random.default_rng(11)


def test_projection_against_the_normal_equations():
    features, targets = RNG.standard_normal((5, 40)), RNG.standard_normal((3, 40))
    weights = np.linalg.solve(features @ features.T, features @ targets.T)
    for cut in (0.0, 1e-10):
        onto = span(features.T, rank_cut=cut)
        assert onto.rank == 5
        np.testing.assert_allclose(project(targets, onto), weights.T @ features, atol=1e-12)
        np.testing.assert_allclose(onto.singular**2, np.sort(np.linalg.eigvalsh(
            features @ features.T))[::-1], rtol=1e-12)


def test_the_rank_cut_leaves_out_what_it_says():
    scales = np.array([1.0, 1e-3, 1e-6, 1e-9, 1e-12])
    directions = np.linalg.qr(RNG.standard_normal((30, 5)))[0].T
    features = RNG.permutation(5)[:, None] * 0 + scales[:, None] * directions
    for cut, rank in ((1e-1, 1), (1e-4, 2), (1e-7, 3), (1e-10, 4)):
        onto = span(features.T, cut)
        assert onto.rank == rank == span(features.T).share(cut)
        np.testing.assert_allclose(project(directions, onto),
                                   directions * (np.arange(5) < rank)[:, None], atol=1e-5)


def test_rounding_noise_is_kept_in_single_precision_without_a_cut():
    features = np.outer(np.linspace(1, 2, 50), [1.0, 2.0, 3.0]) / 7.0
    assert span(features, 0.0, np.float32).rank == 3
    assert span(features, 1e-5, np.float32).rank == 1
    assert span(features, 0.0, np.float32).basis.dtype == np.float32


def test_angular_error_is_one_minus_the_cosine_to_the_fit():
    features, targets = RNG.standard_normal((4, 25)), RNG.standard_normal((6, 25))
    fitted = np.linalg.lstsq(features.T, targets.T, rcond=None)[0].T @ features
    cosine = [t @ f / np.linalg.norm(t) / np.linalg.norm(f) for t, f in zip(targets, fitted)]
    np.testing.assert_allclose(angular_error(targets, span(features.T)), 1 - np.array(cosine),
                               atol=1e-13)
    assert angular_error(targets[2], span(features.T)) == pytest.approx(1 - cosine[2])


def test_angular_error_of_targets_at_known_angles_to_a_line():
    angle = np.linspace(0, np.pi, 7)
    targets = np.stack([2.0 * np.cos(angle), 2.0 * np.sin(angle)], axis=1)
    found = angular_error(targets, span([[3.0], [0.0]]))
    np.testing.assert_allclose(found, 1 - np.abs(np.cos(angle)), atol=1e-15)
    assert angular_error([0.0, 1.0], span([[1.0], [0.0]])) == 1.0  # nothing is reproduced


def test_noise_directions_catch_their_share_of_any_target():
    # n random directions of p points hold the share n/p of a target's square: error 1 - sqrt(n/p)
    onto = span(RNG.standard_normal((2000, 100)))
    error = angular_error(RNG.standard_normal((50, 2000)), onto)
    assert error.mean() == pytest.approx(1 - np.sqrt(100 / 2000), abs=0.01)


def test_cutoff_reads_the_crossing():
    assert cutoff([0.0, 0.2, 0.6], 0.4) == pytest.approx(1.5)
    assert cutoff([[0.5, 0.0], [0.0, 0.0]], 0.4).tolist() == [0.0, 2.0]
    assert np.isnan(cutoff([[0.0, np.nan, 0.5], [0.5, 0.0, np.nan]], 0.4)).all()
    error = RNG.random((4, 5, 9)).cumsum(axis=-1)
    found = cutoff(error, 3.3)  # where the polygon through the samples reaches the level
    for place in np.ndindex(4, 5):
        assert found[place] == pytest.approx(np.interp(3.3, error[place], np.arange(9))
                                             if error[place].max() > 3.3 else 9)


def test_noisy_readout_beats_its_neighbours_and_its_error_is_the_sampled_one():
    h, y, noise = RNG.standard_normal((6, 30)), RNG.standard_normal(30), 0.7
    found = noisy_readout(h.T @ h, y, noise)
    loss = np.mean((y - found.values[:, 0])**2) + found.jitter[0]**2
    weights = np.linalg.lstsq(h.T, found.values[:, 0], rcond=None)[0]
    assert found.jitter[0] == pytest.approx(noise * np.linalg.norm(weights), rel=1e-9)
    for _ in range(20):
        other = weights + 0.05 * RNG.standard_normal(6)
        assert np.mean((y - other @ h)**2) + noise**2 * other @ other > loss
    drawn = h[..., None] + noise * RNG.standard_normal((6, 30, 4000))
    seen = np.mean((y[:, None] - np.einsum("i,ips->ps", weights, drawn))**2)
    assert seen == pytest.approx(loss, rel=0.02)


def test_noisy_readout_of_a_harmonic_is_the_share_of_its_variance():
    theta = 2 * np.pi * np.arange(24) / 24
    gram = 1.0 + 3.0 * np.cos(theta[:, None] - theta) + 0.4 * np.cos(2 * (theta[:, None] - theta))
    targets = np.stack([np.cos(theta), np.sin(2 * theta), np.cos(3 * theta)], axis=1)
    found = noisy_readout(gram, targets, noise=0.5)
    gain = np.array([1.5 / (1.5 + 0.25), 0.2 / (0.2 + 0.25), 0.0])
    np.testing.assert_allclose(found.values, gain * targets, atol=1e-12)


def test_points_left_out_are_predicted():
    theta = 2 * np.pi * np.arange(20) / 20
    gram = np.cos(theta[:, None] - theta)
    found = noisy_readout(gram, np.sin(theta), 1e-4, np.arange(0, 20, 2))
    np.testing.assert_allclose(found.values[:, 0], np.sin(theta), atol=1e-6)


def test_where_the_inner_products_are_not_known_nothing_is():
    grams = np.stack([np.eye(6), np.full((6, 6), np.nan)])
    labels = np.array([1.0, -1.0] * 3)
    wrong = class_error(noisy_readout(grams, labels, 1.0), labels)[:, 0]
    assert wrong[0] == pytest.approx(class_error(noisy_readout(np.eye(6), labels, 1.0), labels)[0])
    assert np.isnan(wrong[1])


def test_a_readout_of_rounding_guesses():
    """Ten arcs of a circle in its plane: the best read-out is none at all."""
    turns = 2 * np.pi * np.arange(120) / 120
    labels = np.where(np.arange(120) // 12 % 2, -1.0, 1.0)
    for scale in 1.0, 1.0 + 1e-13:
        gram = 1000 * scale * np.cos(turns - turns[:, None])
        assert class_error(noisy_readout(gram, labels, 1.0), labels) == 0.5
    sure = Readout(np.array([[1e-3], [-1e-3]]), np.array([0.0]))
    assert class_error(sure, [1.0, -1.0]) == 0.0 and class_error(sure, [-1.0, -1.0]) == 0.5


def test_class_error_against_drawn_noise():
    readout = Readout(np.array([[0.3], [-0.1], [1.0], [0.2]]), np.array([0.5]))
    labels = np.array([1.0, 1.0, -1.0, 1.0])
    drawn = readout.values + 0.5 * RNG.standard_normal((4, 200_000))
    wrong = np.mean(np.sign(drawn) != labels[:, None], axis=1)
    assert class_error(readout, labels)[0] == pytest.approx(wrong.mean(), abs=2e-3)
    assert class_error(readout, labels, [2])[0] == pytest.approx(wrong[2], abs=3e-3)


@pytest.mark.parametrize("call, told", [
    (lambda: span(np.ones(3)), "points, features"),
    (lambda: span(np.zeros((2, 3))), "not all be 0"),
    (lambda: span(np.ones((2, 3)), 1.0), "rank_cut must be at most"),
    (lambda: span(np.ones((2, 3)), dtype=np.float16), "float32 or float64"),
    (lambda: project(np.ones(4), span(np.ones((3, 2)))), "targets"),
    (lambda: angular_error(np.ones(4), span(np.ones((3, 2)))), "targets"),
    (lambda: angular_error(np.zeros((1, 3)), span(np.ones((3, 2)))), "0 everywhere"),
    (lambda: cutoff([], 0.1), "error must have shape"),
    (lambda: noisy_readout(np.eye(3), np.ones(2), 0.1), "targets"),
    (lambda: noisy_readout(np.eye(3), np.ones(3), 0.0), "noise"),
    (lambda: class_error(Readout(np.ones((2, 1)), np.ones(1)), [0.0, 1.0]), "labels"),
])
def test_bad_input_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
