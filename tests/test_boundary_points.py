"""Points on decision boundaries against planes, sign changes and a thin shell."""
import numpy as np
import pytest

from lib.checks import Untrusted
from lib.networks.boundary import _found, boundary_points, crossing_points
from lib.networks.jacobians import read_out_gradients, read_out_hessians
from lib.networks.network import Network, random_network


def value(net, x):
    """The read-out of one network, written out."""
    (*weights, beta), biases = ([a[0] for a in arrays] for arrays in (net.weights, net.biases))
    for w, b in zip(weights, biases):
        x = np.tanh(x @ w.T + b)
    return x @ beta[0]


def random(sigma_w, sigma_b, width, depth, seed, inputs=None, **more):
    return random_network(inputs or width, [width] * depth, 1, sigma_w, sigma_b, seed=seed,
                          unit_read_out=True, **more)


def test_linear_boundary_is_the_hyperplane():
    net = random(1.0, 0.5, 8, 3, seed=1, phi="linear")
    x = boundary_points(net, 6, seed=2)[0]
    (a, b, c, beta), (p, q, r, _) = ([one[0] for one in arrays]
                                     for arrays in (net.weights, net.biases))
    assert np.abs(x @ (beta[0] @ c @ b @ a) + beta[0] @ (r + c @ (q + b @ p))).max() < 1e-11
    assert all(np.abs(h).max() == 0.0 for _, h in read_out_hessians(net, x))


@pytest.mark.parametrize("sigma_w", [1.3, 2.5, 4.0])
def test_boundary_points(sigma_w):
    net = random(sigma_w, 0.3, 60, 10, seed=4)
    x = boundary_points(net, 7, seed=5)
    assert x.shape == (1, 7, 60)
    assert np.abs(value(net, x[0])).max() < 1e-10 * sigma_w**4
    assert np.linalg.matrix_rank(x[0]) == 7  # seven different points
    for point in x[0, :2]:  # the sign changes across
        across = np.array([value(net, point + 1e-30j * unit).imag for unit in np.eye(60)]) * 1e24
        assert value(net, point + across) > 0 > value(net, point - across)


def test_every_network_has_points_of_its_own():
    nets = random(2.0, 0.3, 20, 3, seed=4, networks=3)
    for search in (boundary_points, crossing_points):
        x = search(nets, 5, seed=5)
        assert x.shape == (3, 5, 20) and np.array_equal(x, search(nets, 5, seed=5))
        for place, net in enumerate(nets):
            assert np.abs(value(net, x[place])).max() < 1e-12
        assert np.abs(nets.forward(x)).max() < 1e-12


@pytest.mark.slow
def test_crossings_are_uniform_on_the_boundary():
    """Mean slope there against the thin shell |G| < eps, which weighs the surface by 1/slope."""
    net = random(3.0, 0.3, 30, 3, seed=4, inputs=3)

    def steepness(x):
        return np.sqrt(np.sum(read_out_gradients(net, x)[0][0] ** 2, axis=1))

    x = np.random.default_rng(0).standard_normal((200_000, 3))
    x *= np.sqrt(3 / np.sum(x * x, axis=1, keepdims=True))
    shell = steepness(x[np.abs(value(net, x)) < 0.02])
    expected = np.sum(shell**2) / np.sum(shell)
    points = crossing_points(net, 4000, seed=1)[0]
    assert np.abs(value(net, points)).max() < 1e-12
    assert abs(steepness(points).mean() / expected - 1) < 0.05
    assert abs(shell.mean() / expected - 1) > 0.08  # the wrong weight would be seen
    assert steepness(boundary_points(net, 500, seed=1)[0]).mean() < 0.95 * expected


@pytest.mark.parametrize("search", [boundary_points, crossing_points])
def test_no_boundary_is_said(search):
    net = Network([np.eye(3), np.ones((1, 3))], phi="sigmoid")
    with pytest.raises(Untrusted, match="boundary") as caught:
        search(net, 2, seed=0)
    assert caught.value.best.shape == (0, 3)


def test_a_level_read_out_sends_no_search_to_infinity():
    """Slopes of 1e-161, whose squares are hardly numbers: one over them is none."""
    net = Network([np.eye(3), np.ones((1, 3))], [np.full(3, 185.0), None])
    with pytest.raises(Untrusted, match="only 0 of 2 points"):
        boundary_points(net, 2, seed=0)


@pytest.mark.parametrize("search", [boundary_points, crossing_points])
def test_bad_arguments_are_named(search):
    with pytest.raises(ValueError, match="points must be at least 1"):
        search(random(1.0, 0.1, 5, 2, seed=0), 0, seed=0)
    with pytest.raises(ValueError, match="q must be at least"):
        search(random(1.0, 0.1, 5, 2, seed=0), 1, seed=0, q=-1.0)
    with pytest.raises(ValueError, match="linear read-out"):
        search(random(1.0, 0.1, 5, 2, seed=0, output="tanh"), 1, seed=0)


def test_searches_do_not_start_from_the_weights_of_the_same_seed():
    net, seen = random_network(30, [30], 1, 2.0, 0.0, seed=3), []
    _found(net, 30, 3, 1.0, 1, lambda one, x, rng: seen.append(x) or x)
    assert abs(np.corrcoef(net.weights[0][0].ravel(), seen[0].ravel())[0, 1]) < 0.2
