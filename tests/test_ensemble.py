"""Sampled networks: two samplers of one law, exact inputs, exact moments. Statistics as z-scores
of fixed seeds."""
import tracemalloc

import numpy as np
import pytest

from lib.checks import Untrusted
from lib.networks.ensemble import Ensemble, circle, frames

GRAM = np.array([[1.0, 0.3, -0.2], [0.3, 0.5, 0.1], [-0.2, 0.1, 2.0]])
ANY = np.linalg.cholesky(GRAM)  # coordinates of three points with that Gram matrix


def z_scores(samples, expected):
    """Of the mean over axis 0."""
    samples = samples - expected
    return samples.mean(axis=0) / (samples.std(axis=0, ddof=1) / np.sqrt(len(samples)))


def grams(h):
    return h @ np.swapaxes(h, -1, -2) / h.shape[-1]


def ensemble(*sigmas, width, networks, seed=0, **others):
    return Ensemble(*sigmas, width=width, networks=networks, seed=seed, **others)


# the law of a layer

@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("inputs", [dict(c=[0.3]), dict(curve=(ANY,))], ids=["pairs", "points"])
@pytest.mark.parametrize("sigma_w, sigma_b", [(1.3, 0.3), (2.5, 0.0), (0.0, 0.7)])
def test_a_layer_is_normal_with_the_covariance_of_the_one_before(dense, inputs, sigma_w, sigma_b):
    """Second and fourth moments, neurons independent, given the layer before."""
    n, width = 4000, 7
    nets = ensemble(sigma_w, sigma_b, width=width, networks=n, seed=1)
    before, after = (m.h for m in nets.layers(1.2, depth=2, dense=dense, **inputs))
    x = np.tanh(before)
    k = sigma_w**2 / width * x @ np.swapaxes(x, 1, 2) + sigma_b**2
    own = np.diagonal(k, axis1=1, axis2=2)
    assert after.shape == (n, k.shape[1], width)
    assert np.abs(z_scores(after, 0.0)).max() < 4.5
    assert np.abs(z_scores(grams(after), k)).max() < 4
    assert np.abs(z_scores((after**4).mean(axis=2), 3 * own**2)).max() < 4
    apart = after[:, :, 0, None] * after[:, None, :, 1]  # two neurons share nothing
    assert np.abs(z_scores(apart, 0.0)).max() < 4
    mixed = after[..., 0] ** 2 * after[..., 1] ** 2
    assert np.abs(z_scores(mixed, own**2)).max() < 4


def test_a_layer_to_the_last_digit_with_weights():
    """The weights are drawn again, in the order in which they were."""
    rng, n, width = np.random.default_rng(5), 3, 7
    rng.standard_normal((n, 1, 3, width))  # what the inputs took
    nets = ensemble(1.3, 0.3, width=width, networks=n, seed=5)
    before, after = (m.h for m in nets.layers(1.0, curve=(ANY,), depth=2, dense=True))
    for network in range(n):
        w, b = rng.standard_normal((width, width)), rng.standard_normal(width)
        h = np.tanh(before[network]) @ w * (1.3 / np.sqrt(width)) + 0.3 * b
        np.testing.assert_allclose(after[network], h, rtol=1e-12, atol=1e-13)


def test_a_layer_to_the_last_digit_without_weights():
    """Normals times a root of K: of Cholesky's for pairs, signs apart, the symmetric for curves;
    a row in units of its largest entry, the bias among them."""
    n, width = 2, 7
    nets = ensemble(1.3, 0.3, width=width, networks=n, seed=5)

    def layer(frame, **inputs):
        rng = np.random.default_rng(5)
        rng.standard_normal((n, 1, frame, width))
        before, after = (m.h for m in nets.layers(1.0, depth=2, dense=False, **inputs))
        x = np.concatenate([1.3 / np.sqrt(width) * np.tanh(before),
                            np.full((*before.shape[:2], 1), 0.3)], axis=2)
        return x, after, rng.standard_normal((n, before.shape[1], width))

    for x, after, z in zip(*layer(2, c=0.5)):
        z_again = np.linalg.solve(np.linalg.cholesky(x @ x.T), after)
        np.testing.assert_allclose(np.abs(z_again), np.abs(z), rtol=1e-9)
    for x, after, z in zip(*layer(3, curve=(ANY,))):
        size = np.abs(x).max(axis=1, keepdims=True)
        values, vectors = np.linalg.eigh(x / size @ (x / size).T)
        root = vectors * np.sqrt(values) @ vectors.T
        np.testing.assert_allclose(after, size * (root @ z), rtol=1e-9)


@pytest.mark.parametrize("sigma_w, sigma_b, phi", [(1.3, 0.3, "tanh"), (2.5, 0.3, "tanh"),
                                                   (1.4, 0.1, "relu")])
def test_both_samplers_have_one_law_after_several_layers(sigma_w, sigma_b, phi):
    stats = []
    for dense, seed in ((False, 3), (True, 4)):
        nets = ensemble(sigma_w, sigma_b, width=12, networks=1500, seed=seed, phi=phi)
        run = nets.run(1.0, 0.5, depth=5, dense=dense)
        q, c = run.q[:, -1, 0], run.c[:, -1, 0]
        stats.append(np.stack([q, q * q, c, c * c, q * c], axis=1))
    gap = stats[0].mean(axis=0) - stats[1].mean(axis=0)
    error = np.sqrt(sum(s.var(axis=0, ddof=1) / len(s) for s in stats))
    assert np.abs(gap / error).max() < 4


@pytest.mark.parametrize("dense", [False, True])
def test_linear_networks_have_exact_moments(dense):
    """E q_l = sigma_w^(2 (l-1)) q and E q_l^2 = q^2 sigma_w^(4 (l-1)) (1 + 2/N)^(l-1)."""
    nets = ensemble(0.9, 0.0, width=10, networks=4000, seed=6, phi="linear")
    q = nets.run(2.0, depth=5, dense=dense).q[..., 0]
    assert np.allclose(q[:, 0], 2.0, rtol=1e-14, atol=0)
    for layer in range(1, 5):
        mean = 2.0 * 0.81**layer
        assert abs(z_scores(q[:, layer], mean)) < 4
        assert abs(z_scores(q[:, layer] ** 2, mean**2 * 1.2**layer)) < 4


@pytest.mark.parametrize("dense", [False, True])
def test_the_bias_is_shared_by_all_inputs(dense):
    nets = ensemble(0.0, 0.5, width=9, networks=50)
    *_, last = nets.layers(1.0, curve=(ANY,), depth=2, dense=dense)
    assert np.allclose(last.h, last.h[:, :1], atol=1e-12) and last.h.std() > 0.3


@pytest.mark.parametrize("deficit", [1e-12, 1e-20, 1e-28])
@pytest.mark.parametrize("dense", [False, True])
def test_nearly_identical_inputs_keep_their_distance(deficit, dense):
    """|h1 - h2|^2 = 2 q d: what the weights make of it depends on the difference alone."""
    nets = ensemble(1.5, 0.2, width=40, networks=400, seed=9)
    before, after = (m.h for m in nets.layers(1.0, deficit=deficit, depth=2, dense=dense))
    expected = 1.5**2 * (np.diff(np.tanh(before), axis=1) ** 2).mean(axis=(1, 2))
    got = (np.diff(after, axis=1) ** 2).mean(axis=(1, 2))
    if deficit > 1e-25:
        ratio = got / expected  # chi-square of 40 neurons over 40
        assert abs(ratio.mean() - 1) < 5 * np.sqrt(2 / 40 / 400) and 0.15 < ratio.std() < 0.3
    else:
        assert np.all(got < 1e-26)


def test_dense_or_not_is_chosen_by_cost():
    def same(dense, points, width):
        nets = ensemble(1.5, 0.2, width=width, networks=2)
        by_cost, forced = (list(nets.layers(1.0, curve="circle", points=points, depth=2,
                                            dense=one))[1].h for one in (None, dense))
        return np.array_equal(by_cost, forced)

    assert same(False, 3, 300) and not same(True, 3, 300)
    assert same(True, 80, 30) and not same(False, 80, 30)


def test_dense_weights_are_drawn_one_network_at_a_time():
    nets = ensemble(1.5, 0.2, width=400, networks=12)
    tracemalloc.start()
    nets.run(1.0, depth=3, dense=True)
    assert tracemalloc.get_traced_memory()[1] < 2 * 400 * 400 * 8
    tracemalloc.stop()


# inputs

@pytest.mark.parametrize("points", [ANY, np.ones((2, 1)), np.zeros((2, 2)), np.diag([1.0, 0.0]),
                                    [[1.0, 0.0], [-1.0, 0.0]], [[2.0]]])
def test_inputs_have_exactly_the_gram_matrix_asked_for(points):
    points = np.asarray(points)
    (motion,) = ensemble(1.0, 0.0, width=8, networks=5).layers(3.0, curve=(points,), depth=1)
    assert np.allclose(grams(motion.h), 3.0 * points @ points.T, atol=1e-13)
    assert np.ptp(motion.h[:, 0, 0]) > 0 or not np.any(points)  # another direction each time


def test_lengths_and_correlations_of_the_first_layer_are_exact():
    c = np.array([-1.0, 0.0, 0.4, 1.0])
    nets = ensemble(1.5, 0.1, width=9, networks=4)
    run = nets.run(1.7, c, depth=2)
    assert np.allclose(run.c[:, 0], c, rtol=0, atol=1e-15) and np.array_equal(run.x, c)
    assert np.allclose(run.q[:, 0], 1.7, rtol=1e-14, atol=0)
    near = nets.run(1.7, deficit=[1e-3, 1e-9], depth=1).deficit[:, 0]
    assert np.allclose(near, [1e-3, 1e-9], rtol=1e-6, atol=0)
    starts = nets.run([0.5, 3.0], depth=1)
    assert np.allclose(starts.q[:, 0], [0.5, 3.0], rtol=1e-14) and list(starts.x) == [0.5, 3.0]
    (motion,) = nets.layers(1.7, c, depth=1)
    assert np.allclose((motion.h**2).mean(axis=2), 1.7, rtol=1e-14)  # the second of a pair too


def test_run_measures_what_layers_streams():
    nets = ensemble(2.5, 0.3, width=30, networks=3, seed=4)
    run = nets.run(2.0, [0.1, 0.6], depth=4)
    assert run.layer.tolist() == [1, 2, 3, 4]
    for layer, m in enumerate(nets.layers(2.0, [0.1, 0.6], depth=4)):
        g = grams(m.h)
        for pair in range(2):
            i, j = 2 * pair, 2 * pair + 1
            assert np.allclose(run.q[:, layer, pair], g[:, i, i], rtol=1e-13)
            cosine = g[:, i, j] / np.sqrt(g[:, i, i] * g[:, j, j])
            assert np.allclose(run.c[:, layer, pair], cosine, atol=1e-13)
            assert np.allclose(run.deficit[:, layer, pair], 1 - cosine, atol=1e-13)


def test_frames_are_those_of_gram_and_schmidt():
    """The same for a seed whatever the linear algebra library, whose signs are free."""
    z = np.random.default_rng(3).standard_normal((4, 3, 6))
    q, r = np.linalg.qr(np.swapaxes(z, 1, 2))
    signs = np.sign(np.diagonal(r, axis1=1, axis2=2))[:, :, None]
    assert np.allclose(frames((4, 3, 6), 3), signs * np.swapaxes(q, 1, 2), atol=1e-13)
    with pytest.raises(ValueError, match="no more rows than dimensions"):
        frames((5, 3, 2), 0)


def test_frames_point_in_all_directions_alike():
    u = frames((6000, 2, 5), 8)
    assert np.abs(z_scores(u, 0.0)).max() < 4
    assert np.abs(z_scores(u**2, 0.2)).max() < 4
    assert np.abs(z_scores(u**4, 3 / 35)).max() < 4  # 3 / N (N + 2)
    assert np.abs(z_scores(u[:, 0] * u[:, 1], 0.0)).max() < 4


def test_a_circle_and_its_derivatives():
    theta = np.pi * np.arange(7) / 7
    x, dx, d2x = circle(7, turn=0.5)
    assert np.allclose(x, np.stack([np.cos(theta), np.sin(theta)], axis=1), atol=1e-15)
    assert np.allclose(dx, np.stack([-np.sin(theta), np.cos(theta)], axis=1), atol=1e-15)
    assert np.array_equal(d2x, -x)


# several sigmas, weights, float types

def test_several_sigmas_are_several_ensembles_from_streams_of_their_own():
    sigma_w, sigma_b = np.array([[1.3], [2.5]]), np.array([0.0, 0.3, 0.6])
    nets = ensemble(sigma_w, sigma_b, width=20, networks=3, seed=5)
    q = np.arange(1.0, 7.0).reshape(2, 3)
    run = nets.run(q, [0.2, 0.7], depth=4)
    assert run.c.shape == (3, 4, 2, 2, 3) and run.sigma["sigma_w"].shape == (2, 3)
    one = ensemble(2.5, 0.3, width=20, networks=3, seed=[5, 4]).run(q[1, 1], [0.2, 0.7], depth=4)
    assert np.array_equal(run.c[..., 1, 1], one.c) and np.array_equal(run.q[..., 1, 1], one.q)
    alike = ensemble(np.full(2, 1.3), 0.3, width=20, networks=3).run(1.0, depth=3).q
    assert not np.allclose(alike[:, 2, :, 0], alike[:, 2, :, 1])
    starts = nets.run([1.0, 2.0], depth=2).q
    each = nets.run(np.array([1.0, 2.0])[:, None, None] * np.ones((2, 3)), depth=2).q
    assert np.array_equal(starts, each)
    with pytest.raises(ValueError, match="must be numbers here"):
        nets.layers(1.0, depth=2)
    with pytest.raises(ValueError, match="q must have a shape that fits"):
        nets.run(np.ones(2), 0.5, depth=2)


def test_networks_with_weights_have_the_same_law():
    nets = Ensemble(1.6, 0.4, width=12, networks=1500, seed=3).network(4)
    x = np.sqrt(12.0) * np.eye(12)[:2]  # orthogonal, of length 1 per unit
    h = nets.pre_activations(x)
    assert np.abs(z_scores(grams(h[0]), 1.6**2 * np.eye(2) + 0.4**2)).max() < 4
    for before, after in zip(h, h[1:]):
        k = 1.6**2 * grams(np.tanh(before)) + 0.4**2
        assert np.abs(z_scores(grams(after), k)).max() < 4
    assert len(h) == 4


def test_both_float_types_draw_the_same_networks():
    for dense in (True, False):
        single, double = (ensemble(2.5, 0.3, width=40, networks=3, seed=7, dtype=kind).run(
            2.0, [0.5], depth=3, dense=dense) for kind in (np.float32, np.float64))
        assert 0 < np.abs(single.c - double.c).max() < 1e-5


# seeds, shapes, refusals

def test_a_seed_gives_the_same_networks_and_another_seed_others():
    def run(seed, dense):
        return ensemble(1.3, 0.3, width=6, networks=3, seed=seed).run(1.0, 0.5, depth=4,
                                                                      dense=dense).c

    for dense in (False, True):
        assert np.array_equal(run(5, dense), run(5, dense))
        assert not np.allclose(run(5, dense)[:, 1:], run(6, dense)[:, 1:])
        assert not np.allclose(run([5, 1], dense)[:, 1:], run(5, dense)[:, 1:])
    nets = ensemble(1.3, 0.3, width=6, networks=3)
    assert np.array_equal(nets.run(1.0, depth=3).q, nets.run(1.0, depth=3).q)


def test_any_callable_may_be_phi():
    nets = ensemble(1.0, 0.0, width=200, networks=30, phi=lambda x: x * x)
    first, second = nets.layers(1.0, depth=2)
    expected = (first.h**4).mean(axis=2)
    assert abs(((second.h**2).mean(axis=2) / expected).mean() - 1) < 0.1


def test_more_inputs_than_neurons():
    nets = ensemble(1.3, 0.3, width=2, networks=3)
    for dense in (True, False):
        assert nets.run(np.ones(5), depth=3, dense=dense).q.shape == (3, 3, 5)
        assert nets.run(1.0, np.linspace(0, 1, 7), depth=3, dense=dense).c.shape == (3, 3, 7)
    with pytest.raises(ValueError, match="width must be at least 5"):
        nets.layers(1.0, curve=(np.eye(5),), depth=2)


def test_networks_that_diverge_are_refused():
    nets = ensemble(3.0, 0.0, width=20, networks=2, phi=lambda x: x**3)
    with pytest.raises(Untrusted, match="layer 7 is beyond float64: networks diverge"):
        nets.run(4.0, depth=20)
    told = ensemble(3.0, 0.0, width=20, networks=2, phi=lambda x: x**3, missing="nan").run(
        4.0, depth=20)
    assert np.isfinite(told.q[:, :5]).all() and np.isnan(told.q[:, 5:]).all()
    nets = ensemble(3.0, 0.0, width=20, networks=2, phi=lambda x: x**3, missing="nan")
    left = [layer.h for layer in nets.layers(4.0, depth=20)]
    assert np.square(left[:5]).mean(axis=(2, 3)).T == pytest.approx(told.q[:, :5, 0], rel=1e-12)
    assert 5 <= len(left) < 20
    with pytest.raises(ValueError, match="missing must be 'raise' or 'nan'"):
        ensemble(3.0, 0.0, width=20, networks=2, missing="no")
    with pytest.raises(ValueError, match="must not be empty"):
        ensemble([], 0.0, width=20, networks=2)


def test_a_curve_too_slow_to_be_squared_has_no_curvature():
    slow = ensemble(1e-4, 0.0, width=20, networks=2, phi=lambda x: x**2, missing="nan").run(
        1.0, curve="circle", depth=12)
    assert np.isfinite(slow.log_kappa2[:, 1]).all()
    fast = ensemble(1e19, 0.0, width=20, networks=2, phi="linear", missing="nan").run(
        1.0, curve="circle", depth=11)
    known = fast.log_metric < 709.0
    assert 0 < known.sum() < known.size and np.array_equal(known, np.isfinite(fast.metric))
    assert not np.isfinite(slow.log_kappa2[:, -1]).any()


def test_networks_that_die_have_length_zero_and_no_angle():
    nets = ensemble(1.4, 0.0, width=2, networks=60, seed=1, phi="relu")
    pairs, ring = nets.run(1.0, 0.5, depth=8), nets.run(1.0, curve="circle", depth=8)
    dead = pairs.q[:, -1, 0] == 0.0
    assert 5 < dead.sum() < 60 and np.all(np.isnan(pairs.c[dead, -1]))
    assert np.all(np.isfinite(pairs.q)) and np.all(np.isfinite(ring.length_euclid))
    assert np.all(np.isnan(ring.c[ring.q[:, -1, 0] == 0.0, -1]))
    assert not np.any(np.isnan(ring.c[:, 0]))


@pytest.mark.parametrize("width, networks, depth", [(1, 1, 1), (2, 1, 1), (2, 1, 6)])
def test_the_smallest_networks_run(width, networks, depth):
    for phi in ("tanh", "relu", "x * tanh(x)"):
        nets = ensemble(1.5, 0.0, width=width, networks=networks, phi=phi)
        assert nets.run(1.0, depth=depth).q.shape == (networks, depth, 1)
        if width > 1:
            assert nets.run(1.0, [0.5], depth=depth).c.shape == (networks, depth, 1)
            assert nets.run(1.0, curve="circle", depth=depth).length_euclid.size == depth


@pytest.mark.parametrize("changes, error, told", [
    (dict(sigma_w=-1.0), ValueError, "sigma_w"), (dict(sigma_b=np.nan), ValueError, "sigma_b"),
    (dict(sigma_w="1"), TypeError, "sigma_w"), (dict(sigma_b=1j), TypeError, "sigma_b"),
    (dict(width=0), ValueError, "width"), (dict(width=5.0), TypeError, "width"),
    (dict(networks=-2), ValueError, "networks"), (dict(networks=True), TypeError, "networks"),
    (dict(seed=-1), ValueError, "seed"), (dict(seed=1.5), TypeError, "seed"),
    (dict(dtype=np.float16), ValueError, "dtype")])
def test_bad_arguments_name_themselves(changes, error, told):
    with pytest.raises(error, match=f"^{told} must be"):
        Ensemble(**dict(sigma_w=1.0, sigma_b=0.1, width=5, networks=5) | changes)


@pytest.mark.parametrize("arguments, error, told", [
    (dict(depth=0), ValueError, "depth must be at least 1"),
    (dict(c=[1.1]), ValueError, "^c must be at most 1"),
    (dict(c=[[0.5]]), ValueError, "^c must be a number or of shape"),
    (dict(deficit=-0.1), ValueError, "^deficit must be at least 0"),
    (dict(q=-1.0), ValueError, "^q must be at least 0"),
    (dict(q=[1.0, 2.0], c=0.5), ValueError, "^q must have a shape"),
    (dict(c=0.5, curve="circle"), ValueError, "c and curve must not"),
    (dict(curve="line"), ValueError, "^curve must be 'circle'"),
    (dict(curve=(np.ones(3),)), ValueError, "^curve must have shape"),
    (dict(curve=(ANY, ANY[:2])), ValueError, "^curve must be x, dx, d2x of one shape"),
    (dict(curve=()), ValueError, "^curve must be x, dx, d2x"),
    (dict(curve="circle", points=2), ValueError, "points must be at least 3"),
    (dict(curve="circle", points=5.0), TypeError, "points must be an integer"),
    (dict(curve="circle", order=3), ValueError, "order must be at most 2"),
    (dict(order=1), ValueError, "order must be at most 0")])
def test_bad_inputs_are_refused_before_anything_is_drawn(arguments, error, told):
    with pytest.raises(error, match=told):
        ensemble(1.0, 0.0, width=6, networks=3).layers(**dict(q=1.0, depth=2) | arguments)


def test_a_repr_says_what_is_drawn():
    assert repr(ensemble(2.5, 0.3, width=20, networks=3)) == (
        "<3 random tanh networks of width 20: sigma_w = 2.5, sigma_b = 0.3, seed 0>")


def test_a_sigma_without_a_length_has_no_numbers_and_harms_no_other():
    alone = Ensemble(1.3, 0.3, width=20, networks=3, seed=5).run(0.6, [0.5], depth=3)
    both = Ensemble([1.3, 4.0], 0.3, width=20, networks=3, seed=5).run(
        np.array([0.6, np.nan]), [0.5], depth=3)
    assert np.array_equal(both.c[..., 0], alone.c) and np.isnan(both.c[..., 1]).all()
    starts = Ensemble(1.3, 0.3, width=20, networks=3).run([1.0, np.nan], depth=2)
    assert np.isnan(starts.q).all()


def test_a_curve_that_stands_still_has_no_curvature():
    run = Ensemble(1.3, 0.3, width=5, networks=2, phi="0*x").run(1.0, curve="circle", depth=3)
    assert np.isfinite(run.log_kappa2[:, 0]).all() and np.isnan(run.log_kappa2[:, 1:]).all()
    assert np.all(run.log_metric[:, 1:] == -np.inf) and np.isnan(run.log_length_gauss[:, 2]).all()


def test_a_callable_that_overwrites_its_argument_is_taken_as_it_is_meant():
    def rude(x):
        return np.tanh(x, out=x)

    nets = dict(sigma_w=2.0, sigma_b=0.3, width=80, networks=3, seed=4)
    mine, named = (Ensemble(phi=phi, **nets).run(1.0, depth=4).q for phi in (rude, "tanh"))
    assert np.array_equal(mine, named)


def test_a_function_that_is_no_number_somewhere_is_named_with_its_layer():
    nets = Ensemble(2.0, 0.3, phi=lambda x: np.where(np.abs(x) > 9, np.nan, np.tanh(x)), width=80,
                    networks=3, seed=1)
    with pytest.raises(Untrusted, match="phi is not a number somewhere in layer 1"):
        nets.run(50.0, depth=3)
