"""Sampled networks: two samplers of one law, exact inputs, exact moments. Statistics as z-scores
of fixed seeds."""
import itertools

import numpy as np
import pytest

from lib.networks.ensemble import Ensemble, correlations, grams, lengths, pairs

GRAM = np.array([[1.0, 0.3, -0.2], [0.3, 0.5, 0.1], [-0.2, 0.1, 2.0]])


def z_scores(samples, expected):
    """Of the mean over axis 0."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return (samples.mean(axis=0) - expected) / error


def step_covariance(h, sigma_w, sigma_b, phi):
    x = phi(h)
    return sigma_w**2 / h.shape[0] * x.T @ x + sigma_b**2


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("sigma_w, sigma_b", [(1.3, 0.3), (2.5, 0.0), (0.0, 0.7)])
def test_a_layer_is_normal_with_the_covariance_of_the_one_before(dense, sigma_w, sigma_b):
    """Second and fourth moments, neurons independent, given one fixed layer."""
    n, width = 4000, 7
    nets = Ensemble(sigma_w, sigma_b, width, n, rng=1)
    before = np.random.default_rng(2).standard_normal((width, 3)) @ np.linalg.cholesky(GRAM).T
    h = (nets.dense_layer if dense else nets.layer)(np.broadcast_to(before, (n, width, 3)))
    k = step_covariance(before, sigma_w, sigma_b, np.tanh)
    assert h.shape == (n, width, 3)
    assert np.abs(z_scores(h, 0.0)).max() < 4.5
    second = np.einsum("nwi,nwj->nij", h, h) / width
    assert np.abs(z_scores(second, k)).max() < 4
    fourth = (h**4).mean(axis=1)
    assert np.abs(z_scores(fourth, 3 * np.diag(k) ** 2)).max() < 4
    apart = h[:, 0, :, None] * h[:, 1, None, :]  # two neurons share nothing
    assert np.abs(z_scores(apart, 0.0)).max() < 4
    mixed = h[:, 0] ** 2 * h[:, 1] ** 2
    assert np.abs(z_scores(mixed, np.diag(k) ** 2)).max() < 4


@pytest.mark.parametrize("sigma_w, sigma_b, phi", [(1.3, 0.3, "tanh"), (2.5, 0.3, "tanh"),
                                                   (1.4, 0.1, "relu")])
def test_both_samplers_have_one_law_after_several_layers(sigma_w, sigma_b, phi):
    stats = []
    for dense, seed in ((False, 3), (True, 4)):
        nets = Ensemble(sigma_w, sigma_b, 12, 1500, rng=seed, phi=phi)
        g = grams(nets.layers(nets.inputs(pairs(1.0, [0.5])), 5, dense=dense))
        q, c = lengths(g[-1])[:, 0], correlations(g[-1])[:, 0]
        stats.append(np.stack([q, q * q, c, c * c, q * c], axis=1))
    gap = stats[0].mean(axis=0) - stats[1].mean(axis=0)
    error = np.sqrt(sum(s.var(axis=0, ddof=1) / len(s) for s in stats))
    assert np.abs(gap / error).max() < 4


@pytest.mark.parametrize("dense", [False, True])
def test_linear_networks_have_exact_moments(dense):
    """E q_l = sigma_w^(2 (l-1)) q and E q_l^2 = q^2 sigma_w^(4 (l-1)) (1 + 2/N)^l."""
    nets = Ensemble(0.9, 0.0, 10, 4000, rng=6, phi="linear")
    q = lengths(grams(nets.layers(nets.inputs([[2.0]]), 5, dense=dense)))[..., 0]
    for layer, value in enumerate(q):
        mean = 2.0 * 0.81**layer
        assert abs(z_scores(value, mean)) < 4
        assert abs(z_scores(value**2, mean**2 * 1.2 ** (layer + 1))) < 4


def test_the_bias_is_shared_by_all_inputs():
    nets = Ensemble(0.0, 0.5, 9, 50, rng=0)
    for layer in (nets.layer, nets.dense_layer):
        h = layer(nets.inputs(GRAM))
        assert np.allclose(h, h[..., :1], atol=1e-12) and h.std() > 0.3


# inputs

@pytest.mark.parametrize("gram", [GRAM, np.ones((2, 2)), np.zeros((2, 2)), np.diag([1.0, 0.0]),
                                  pairs(1.0, [-1.0, 1.0]), [[4.0]]])
def test_exact_inputs_have_exactly_that_gram_matrix(gram):
    h = Ensemble(1.0, 0.0, 8, 5, rng=0).inputs(gram, exact=True)
    assert np.allclose(grams([h])[0], gram, atol=1e-13)
    assert np.ptp(h[:, 0, 0]) > 0 or not np.any(gram)  # in another direction each time


def test_a_seed_means_the_same_inputs_whatever_the_linear_algebra_library():
    """Its signs are free; ours are those of Cholesky's root."""
    z = np.random.default_rng(3).standard_normal((2, 6, 3))
    h = Ensemble(1.0, 0.0, 6, 2, rng=3).inputs(GRAM)
    assert np.allclose(h, z @ np.linalg.cholesky(GRAM).T, atol=1e-13)


def test_random_inputs_are_independent_neurons_of_that_covariance():
    h = Ensemble(1.0, 0.0, 6, 4000, rng=8).inputs(GRAM)
    g = grams([h])[0]
    assert np.abs(z_scores(g, GRAM)).max() < 4
    wick = GRAM**2 + np.outer(np.diag(GRAM), np.diag(GRAM))  # N Var(h_i h_j)
    centred = 6 * (g - GRAM) ** 2
    assert np.abs(z_scores(centred, wick)).max() < 4


@pytest.mark.parametrize("d", [1e-12, 1e-20, 1e-28])
def test_nearly_identical_inputs_keep_their_distance(d):
    """h with |h1 - h2|^2 = 2 q d: what the weights make of it depends on the difference alone."""
    nets = Ensemble(1.5, 0.2, 40, 400, rng=9)
    h = nets.inputs([[1.0, 0.0], [0.0, 1.0]], exact=True)
    h[..., 1] = h[..., 0] + np.sqrt(2 * d) * h[..., 1] if d > 1e-25 else h[..., 0]
    before = np.tanh(h[..., 1]) - np.tanh(h[..., 0])
    ahead = nets.layer(h)
    got = ((ahead[..., 1] - ahead[..., 0]) ** 2).mean(axis=1)
    expected = 1.5**2 * (before**2).mean(axis=1)
    if d > 1e-25:
        ratio = got / expected  # chi-square of 40 neurons over 40
        assert abs(ratio.mean() - 1) < 5 * np.sqrt(2 / 40 / 400) and 0.15 < ratio.std() < 0.3
    else:
        assert np.all(got <= 1e-29)


def test_pairs_and_readers_are_inverse():
    c = np.array([-1.0, 0.0, 0.4, 1.0])
    gram = pairs(1.7, c)
    assert gram.shape == (8, 8) and np.array_equal(gram, gram.T)
    assert np.allclose(correlations(gram), c) and np.allclose(lengths(gram), 1.7)
    others = [gram[i, j] for i, j in itertools.combinations(range(8), 2) if i // 2 != j // 2]
    assert not np.any(others)


def test_grams_are_means_over_neurons():
    h = np.random.default_rng(0).standard_normal((2, 3, 5, 4))
    g = grams(iter(h))
    assert g.shape == (2, 3, 4, 4)
    assert np.allclose(g[1, 2, 0, 3], (h[1, 2, :, 0] * h[1, 2, :, 3]).mean())


# seeds, shapes, refusals

def test_a_seed_gives_the_same_networks_and_another_seed_others():
    def run(seed, dense=False):
        nets = Ensemble(1.3, 0.3, 6, 3, rng=seed)
        return np.stack(list(nets.layers(nets.inputs(pairs(1.0, [0.5])), 4, dense)))

    assert np.array_equal(run(5), run(5)) and not np.allclose(run(5), run(6))
    assert np.array_equal(run(5, True), run(5, True))
    generator = np.random.default_rng(5)
    assert np.array_equal(run(generator), run(5)) and not np.allclose(run(generator), run(5))


@pytest.mark.parametrize("depth", [1, 4])
def test_layers_start_with_the_inputs(depth):
    nets = Ensemble(1.3, 0.3, 6, 3, rng=0)
    h = nets.inputs(pairs(1.0, [0.5]))
    seen = list(nets.layers(h, depth))
    assert len(seen) == depth and np.array_equal(seen[0], h)


def test_any_callable_may_be_phi():
    nets = Ensemble(1.0, 0.0, 200, 30, rng=0, phi=lambda x: x * x)
    h = nets.inputs([[1.0]], exact=True)
    expected = (h**4).mean(axis=(1, 2))
    assert abs((lengths(grams([nets.layer(h)]))[0, :, 0] / expected).mean() - 1) < 0.1


def test_more_inputs_than_neurons():
    nets = Ensemble(1.3, 0.3, 2, 3, rng=0)
    h = nets.inputs(np.eye(5))
    assert nets.layer(h).shape == nets.dense_layer(h).shape == (3, 2, 5)
    with pytest.raises(ValueError, match="gram of 5 inputs cannot be exact at width 2"):
        nets.inputs(np.eye(5), exact=True)


@pytest.mark.parametrize("arguments, error, told", [
    ((-1.0, 0.1, 5, 5), ValueError, "sigma_w"), ((1.0, np.nan, 5, 5), ValueError, "sigma_b"),
    (("1", 0.1, 5, 5), TypeError, "sigma_w"), ((1.0, 1j, 5, 5), TypeError, "sigma_b"),
    ((1.0, 0.1, 0, 5), ValueError, "width"), ((1.0, 0.1, 5.0, 5), TypeError, "width"),
    ((1.0, 0.1, 5, -2), ValueError, "networks"), ((1.0, 0.1, 5, True), TypeError, "networks")])
def test_bad_arguments_name_themselves(arguments, error, told):
    with pytest.raises(error, match=f"^{told} must be"):
        Ensemble(*arguments, rng=0)


@pytest.mark.parametrize("gram, told", [
    ([1.0, 2.0], "symmetric"), (np.ones((2, 3)), "symmetric"),
    ([[1.0, 0.5], [0.4, 1.0]], "symmetric"),
    ([[1.0, 2.0], [2.0, 1.0]], "positive semi-definite"), ([[-1.0]], "positive semi-definite"),
    ([[np.nan]], "finite"), (np.empty((0, 0)), "gram")])
def test_bad_gram_matrices_are_refused(gram, told):
    with pytest.raises(ValueError, match=told):
        Ensemble(1.0, 0.0, 4, 2, rng=0).inputs(gram)


@pytest.mark.parametrize("shape", [(6, 2), (3, 5, 2), (2, 6, 2), (3, 6)])
def test_pre_activations_of_the_wrong_shape_are_refused(shape):
    nets = Ensemble(1.0, 0.0, 6, 3, rng=0)
    with pytest.raises(ValueError, match="h must have shape"):
        next(nets.layers(np.zeros(shape), 2))


def test_depth_and_correlations_are_checked():
    nets = Ensemble(1.0, 0.0, 6, 3, rng=0)
    with pytest.raises(ValueError, match="depth must be at least 1"):
        next(nets.layers(nets.inputs([[1.0]]), 0))
    with pytest.raises(ValueError, match="^c must be at most 1"):
        pairs(1.0, [1.1])
    with pytest.raises(ValueError, match="^q must be at least 0"):
        pairs(-1.0, [0.1])
