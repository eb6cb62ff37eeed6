"""Gradients, Hessians and boundary points against complex steps and exact small cases."""
import numpy as np
import pytest

from lib.activations import get
from lib.networks.readout import (Network, NotFound, boundary_points, crossing_points, forward,
                                  gradients, hessians, jacobians, read_out,
                                  sample_network)


def from_layer(net, layer, h):
    """The read-out as a function of the pre-activations of a layer; layer 0 is the input."""
    if layer == 0:
        h, layer = net.weights[0] @ h + net.biases[0], 1
    for w, b in zip(net.weights[layer:], net.biases[layer:]):
        h = w @ np.tanh(h) + b
    return net.beta @ np.tanh(h)


def gradient_by_complex_step(f, x):
    """Exact to rounding."""
    return np.array([f(x + 1e-30j * unit).imag / 1e-30 for unit in np.eye(x.size)])


def hessian_by_differences(f, x, step=2e-4):
    """Fourth-order differences of the exact gradient."""
    rows = []
    for unit in step * np.eye(x.size):
        g = [gradient_by_complex_step(f, x + k * unit) for k in (-2, -1, 1, 2)]
        rows.append((g[0] - 8 * g[1] + 8 * g[2] - g[3]) / (12 * step))
    return np.array(rows)


@pytest.mark.parametrize("sigma_w", [1.3, 4.0])
def test_gradients_and_hessians_at_every_layer(sigma_w):
    net = sample_network(sigma_w, 0.3, width=9, depth=4, rng=3, inputs=6)
    x = 0.8 * np.random.default_rng(0).standard_normal((2, 6))
    exact = list(hessians(net, x))[::-1]
    places = [x, *forward(net, x)]
    for layer, (g, (again, h), at) in enumerate(zip(gradients(net, x), exact, places)):
        for point in range(2):
            def f(y, layer=layer):
                return from_layer(net, layer, y)
            slope = gradient_by_complex_step(f, at[point])
            bend = hessian_by_differences(f, at[point])
            assert np.abs(g[point] - slope).max() < 1e-13 * np.abs(slope).max()
            assert np.abs(again[point] - slope).max() < 1e-13 * np.abs(slope).max()
            assert np.abs(h[point] - bend).max() < 1e-7 * np.abs(bend).max()
        assert np.array_equal(h, np.swapaxes(h, 1, 2))


def test_jacobians_at_every_layer_by_complex_steps():
    net = sample_network(2.5, 0.3, width=7, depth=3, rng=5, inputs=4)
    x = 0.8 * np.random.default_rng(1).standard_normal((2, 4))
    found = list(jacobians(net, x))
    assert [j.shape for j in found] == [(2, 7, 4)] * 3
    for point, start in enumerate(x):
        for i, unit in enumerate(np.eye(4)):
            h = start + 1e-30j * unit
            for layer, (w, b) in enumerate(zip(net.weights, net.biases)):
                h = w @ (h if layer == 0 else np.tanh(h)) + b
                assert np.allclose(found[layer][point, :, i], h.imag / 1e-30, rtol=1e-12, atol=0)


def test_own_activation():
    """A quadratic network of one layer: the Hessian is W^T diag(2 beta) W exactly."""
    net = sample_network(1.0, 0.2, width=5, depth=1, rng=0, phi=lambda x: x * x, inputs=3)
    (g1, h1), (g0, h0) = hessians(net, np.ones((1, 3)))
    w = net.weights[0]
    assert np.allclose(h0[0], w.T @ np.diag(2 * net.beta) @ w, rtol=1e-8, atol=1e-8)
    assert np.allclose(g0[0], w.T @ (2 * net.beta * (w @ np.ones(3) + net.biases[0])), rtol=1e-9)


def test_linear_boundary_is_the_hyperplane():
    net = sample_network(1.0, 0.5, width=8, depth=3, rng=1, phi="linear")
    x = boundary_points(net, 6, rng=2)
    slope = net.beta @ net.weights[2] @ net.weights[1] @ net.weights[0]
    offset = net.beta @ (net.biases[2] + net.weights[2] @ (
        net.biases[1] + net.weights[1] @ net.biases[0]))
    assert np.abs(x @ slope + offset).max() < 1e-11
    assert all(np.abs(h).max() == 0.0 for _, h in hessians(net, x))


@pytest.mark.parametrize("sigma_w", [1.3, 2.5, 4.0])
def test_boundary_points(sigma_w):
    net = sample_network(sigma_w, 0.3, width=60, depth=10, rng=4)
    x = boundary_points(net, 7, rng=5)
    values = np.array([from_layer(net, 0, point) for point in x])
    assert x.shape == (7, 60)
    assert np.abs(values).max() < 1e-10 * sigma_w**4
    assert np.linalg.matrix_rank(x) == 7  # seven different points
    for point in x[:2]:  # the sign changes across
        across = 1e-6 * gradient_by_complex_step(lambda y: from_layer(net, 0, y), point)
        assert from_layer(net, 0, point + across) > 0 > from_layer(net, 0, point - across)


def test_boundary_points_are_the_same_for_the_same_seed():
    net = sample_network(2.0, 0.3, width=20, depth=3, rng=4)
    assert np.array_equal(boundary_points(net, 3, rng=5), boundary_points(net, 3, rng=5))


def test_crossings_are_uniform_on_the_boundary():
    """Mean slope there against the thin shell |G| < eps, which weighs the surface by 1/slope."""
    net = sample_network(3.0, 0.3, width=30, depth=3, rng=4, inputs=3)
    x = np.random.default_rng(0).standard_normal((200_000, 3))
    x *= np.sqrt(3 / np.sum(x * x, axis=1, keepdims=True))
    x = x[np.abs(read_out(net, x)) < 0.02]
    shell = np.sqrt(np.sum(gradients(net, x)[0] ** 2, axis=1))
    expected = np.sum(shell**2) / np.sum(shell)
    points = crossing_points(net, 4000, rng=1)
    found = np.sqrt(np.sum(gradients(net, points)[0] ** 2, axis=1))
    assert np.abs(read_out(net, points)).max() < 1e-12
    assert abs(found.mean() / expected - 1) < 0.05
    assert abs(shell.mean() / expected - 1) > 0.08  # the wrong weight would be seen
    searched = gradients(net, boundary_points(net, 500, rng=1))[0]
    assert np.sqrt(np.sum(searched**2, axis=1)).mean() < 0.95 * expected


@pytest.mark.parametrize("search", [boundary_points, crossing_points])
def test_no_boundary_is_said(search):
    net = Network([np.eye(3)], [np.zeros(3)], np.ones(3) / np.sqrt(3), get("sigmoid"))
    with pytest.raises(NotFound, match="boundary") as caught:
        search(net, 2, rng=0)
    assert caught.value.best.shape == (0, 3)


def test_sampled_law():
    """Variances of weights and biases, length of the read-out."""
    net = sample_network(3.0, 0.4, width=300, depth=2, rng=0, inputs=50)
    assert [w.shape for w in net.weights] == [(300, 50), (300, 300)]
    for w in net.weights:
        spread = np.sqrt(2 / w.size)
        assert abs(np.mean(w**2) * w.shape[1] / 9 - 1) < 4 * spread
    assert abs(np.mean(np.concatenate(net.biases) ** 2) / 0.16 - 1) < 4 * np.sqrt(2 / 600)
    assert np.isclose(net.beta @ net.beta, 1.0, rtol=1e-14)


def test_read_out_is_the_forward_pass():
    net = sample_network(2.0, 0.3, width=7, depth=3, rng=0)
    x = np.random.default_rng(1).standard_normal((4, 7))
    assert np.allclose(read_out(net, x), [from_layer(net, 0, point) for point in x], rtol=1e-13)


@pytest.mark.parametrize("phi", ["relu", "hard_tanh"])
def test_a_kink_has_no_hessian_but_a_gradient(phi):
    net = sample_network(1.5, 0.1, width=6, depth=2, rng=0, phi=phi)
    x = np.random.default_rng(1).standard_normal((1, 6))
    with pytest.raises(ValueError, match="second derivative is a delta"):
        hessians(net, x)
    step = 1e-7 * np.eye(6)
    slope = (read_out(net, x + step) - read_out(net, x - step)) / 2e-7
    assert np.abs(gradients(net, x)[0][0] - slope).max() < 1e-7


@pytest.mark.parametrize("call, error, named", [
    (lambda: sample_network(-1.0, 0.1, 5, 2, rng=0), ValueError, "sigma_w must be at least 0"),
    (lambda: sample_network(1.0, 0.1, 0, 2, rng=0), ValueError, "width must be at least 1"),
    (lambda: sample_network(1.0, 0.1, 5, 1.5, rng=0), TypeError, "depth must be an integer"),
    (lambda: forward(sample_network(1.0, 0.1, 5, 2, rng=0), np.ones((2, 4))), ValueError,
     r"x must have shape \(points, 5\)"),
    (lambda: boundary_points(sample_network(1.0, 0.1, 5, 2, rng=0), 0, rng=0), ValueError,
     "points must be at least 1"),
])
def test_bad_arguments_are_named(call, error, named):
    with pytest.raises(error, match=named):
        call()
