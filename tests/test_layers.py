"""Stacks of networks against networks by hand, and their tangents against differences."""
import numpy as np
import pytest

from lib.activations import FAMILIES, get
from lib.networks.blocks import polyline
from lib.networks.layers import conv_net, mlp

RNG = np.random.default_rng(5)
SIGN = get(np.sign, dphi=np.zeros_like, d2phi=np.zeros_like, kinks=(0.0,), name="sign")


def close(a, b, tolerance=1e-13):
    return np.allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


def by_hand(model, network, x):
    """Hidden layers and output of one fully connected network, one neuron at a time."""
    layers = []
    for w, b in zip(model.weights, model.biases):
        h = np.array([[b[network, j] + sum(w[network, j, i] * point[i] for i in range(len(point)))
                       for j in range(w.shape[1])] for point in x])
        layers.append(model.phi.phi(h))
        x = layers[-1]
    return layers[:-1], h


def test_every_network_of_a_stack_is_what_its_weights_say():
    model, x = mlp(4, [3, 5], 2, 1.5, 0.4, networks=3, rng=1, phi="gelu"), RNG.normal(size=(6, 4))
    hidden, out = model.hidden(x), model.forward(x)
    for network in range(3):
        layers, last = by_hand(model, network, x)
        assert close(out[network], last)
        assert len(hidden) == 2 and all(close(h[network], a) for h, a in zip(hidden, layers))
    assert close(mlp(4, [3, 5], 2, 1.5, 0.4, networks=3, rng=1, phi="gelu",
                     output="tanh").forward(x), np.tanh(out))


def test_networks_may_see_points_of_their_own():
    model, x = mlp(4, [3], 2, 1.5, 0.4, networks=3, rng=1), RNG.normal(size=(3, 6, 4))
    apart = np.stack([model.forward(x[i])[i] for i in range(3)])
    assert close(model.forward(x), apart)


def test_weights_have_the_variance_asked_for():
    model = mlp(50, [400], 300, 3.0, 0.5, networks=4, rng=2)
    for w, fan_in in zip(model.weights, (50, 400)):
        assert w.var() * fan_in == pytest.approx(9.0, rel=5 * np.sqrt(2 / w.size))
    b = np.concatenate([b.ravel() for b in model.biases])
    assert b.var() == pytest.approx(0.25, rel=5 * np.sqrt(2 / b.size))
    kernel = conv_net((4, 4, 30), (200,), (), 2, sigma_w=2.0, sigma_b=0.0, rng=0).weights[0]
    assert kernel.var() * 270 == pytest.approx(4.0, rel=5 * np.sqrt(2 / kernel.size))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_convolution_is_correlation_with_the_kernels(size):
    from scipy.signal import correlate

    model = conv_net((4, 6, 3), (2,), (), 1, sigma_w=1.0, sigma_b=0.5, size=size, networks=2,
                     rng=3, phi="linear")
    x, kernels = RNG.normal(size=(5, 4, 6, 3)), model.weights[0].reshape(2, 2, size, size, 3)
    found = model.hidden(x)[0]
    for network, point, channel in np.ndindex(2, 5, 2):
        image = sum(correlate(x[point, ..., c], kernels[network, channel, ..., c], "same")
                    for c in range(3))
        assert close(found[network, point, ..., channel],
                     image + model.biases[0][network, channel], 1e-12)


def test_pooling_averages_and_layers_have_names():
    model = conv_net((4, 4, 3), (2, "pool", "pool"), (3,), 1, sigma_w=1.0, sigma_b=0.0, rng=0)
    layers = model.hidden(RNG.normal(size=(5, 4, 4, 3)))
    assert model.names == ["conv 1", "pool 1", "pool 2", "dense 1"]
    assert close(layers[1][0, 2, 1, 0, 1], layers[0][0, 2, 2:4, 0:2, 1].mean())
    assert close(layers[2][:, :, 0, 0], layers[0].mean(axis=(2, 3)))


def test_much_data_goes_through_in_pieces(monkeypatch):
    model, x = mlp(4, [3], 2, 1.5, 0.4, networks=2, rng=1), RNG.normal(size=(50, 4))
    images = conv_net((4, 4, 3), (2, 3), (), 2, sigma_w=1.0, sigma_b=0.1, rng=0)
    y, whole, seen = RNG.normal(size=(7, 4, 4, 3)), model.forward(x), None
    seen = images.forward(y)
    monkeypatch.setattr("lib.networks.layers.BLOCK", 40)
    monkeypatch.setattr("lib.networks.blocks.CACHED", 300)
    assert close(model.forward(x), whole) and close(images.forward(y), seen)


@pytest.mark.parametrize("build", [
    lambda phi: mlp(4, [3, 5], 2, 1.5, 0.4, networks=2, rng=1, phi=phi),
    lambda phi: mlp(4, [3, 5], 2, 1.5, 0.4, networks=2, rng=1, phi=phi, batch_norm=True),
    lambda phi: conv_net((4, 4, 2), (3, "pool"), (5,), 2, sigma_w=1.5, sigma_b=0.4, networks=2,
                         rng=1, phi=phi, trajectory=0.1),
])
@pytest.mark.parametrize("phi", ["tanh", "relu", "hard_tanh", "swish"])
def test_tangents(build, phi):
    model = build(phi)
    x, dx = RNG.normal(size=(2, 6, *model.shape))
    model.calibrate(x)
    layers, tangents = model.push(x, dx)
    ahead, behind = model.hidden(x + 1e-6 * dx), model.hidden(x - 1e-6 * dx)
    for layer, tangent, now, up, down in zip(model.hidden(x), tangents, layers, ahead, behind):
        assert close(now, layer)
        assert close(tangent, (up - down) / 2e-6, 1e-7)


def test_calibrated_normalisation_gives_unit_channels():
    model, x = mlp(4, [30, 20], 2, 3.0, 1.0, networks=2, rng=1, phi="linear", batch_norm=True), \
        RNG.normal(2.0, 3.0, size=(500, 4))
    model.calibrate(x)
    for layer in model.hidden(x):
        assert np.abs(layer.mean(axis=1)).max() < 1e-10
        assert np.abs(layer.std(axis=1) - 1).max() < 1e-3


def test_a_copy_has_weights_of_its_own():
    model = mlp(4, [3], 2, 1.5, 0.4, rng=1)
    twin = model.copy()
    twin.weights[0][...] = 0.0
    assert np.abs(model.weights[0]).min() > 0


def test_weights_may_be_replaced():
    model, x = mlp(4, [3], 2, 1.5, 0.4, rng=1), RNG.normal(size=(5, 4))
    model.weights[0] = np.zeros((1, 3, 4))
    model.biases[0] = np.zeros((1, 3))
    assert np.ptp(model.forward(x), axis=1).max() == 0.0


def test_a_seed_is_a_network():
    a, b, c = (mlp(4, [3], 2, 1.5, 0.4, rng=rng) for rng in (7, np.random.default_rng(7), 8))
    assert all(np.array_equal(v, w) for v, w in zip(a.weights, b.weights))
    assert not np.array_equal(a.weights[0], c.weights[0])


def test_single_precision_stays_single():
    model = conv_net((4, 4, 3), (2, "pool"), (5,), 2, sigma_w=1.0, sigma_b=0.1, rng=0,
                     phi=lambda x: x / (1 + x * x), batch_norm=True, dtype=np.float32)
    x = RNG.normal(size=(3, 4, 4, 3))
    assert {a.dtype for a in [model.forward(x), *model.hidden(x), *model.push(x, x)[1]]} == {
        np.dtype(np.float32)}


def test_length_of_a_circle():
    angle = np.linspace(0, 2 * np.pi, 2001)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert polyline(np.stack([circle, 3 * circle])) == pytest.approx(
        [2 * np.pi, 6 * np.pi], rel=1e-6)


def test_every_activation_that_is_continuous_is_taken():
    for name in FAMILIES:
        assert mlp(2, [3], 1, 1.0, 0.1, rng=0, phi=name).phi is get(name)


@pytest.mark.parametrize("call, message", [
    (lambda: mlp(0, [3], 2, 1.0, 0.0, rng=0), "inputs must be at least 1"),
    (lambda: mlp(4, [], 2, 1.0, 0.0, rng=0), "widths must name"),
    (lambda: mlp(4, [3], 2, -1.0, 0.0, rng=0), "sigma_w must be at least 0"),
    (lambda: mlp(4, [3], 2, 1.0, 0.0, rng=0, output="softmax"), "output must be"),
    (lambda: mlp(4, [3], 2, 1.0, 0.0, rng=0, dtype=np.float16), "dtype must be"),
    (lambda: mlp(4, [3], 2, 1.0, 0.0, rng=0, phi=SIGN), "phi: sign jumps"),
    (lambda: mlp(4, [3], 2, 1.0, 0.0, rng=0).forward(np.zeros((5, 3))), "x must have shape"),
    (lambda: mlp(4, [3], 2, 1.0, 0.0, rng=0).forward(np.full((5, 4), np.nan)), "x must be fin"),
    (lambda: mlp(4, [3], 2, 1.0, 0.0, rng=0).push(np.zeros((5, 4)), np.zeros((2, 4))), "dx must"),
    (lambda: conv_net(sigma_w=1.0, sigma_b=0.0, rng=0, size=2), "size must be odd"),
    (lambda: conv_net((6, 6, 1), ("pool", "pool"), sigma_w=1.0, sigma_b=0.0, rng=0), "channels:"),
    (lambda: conv_net((6, 6), sigma_w=1.0, sigma_b=0.0, rng=0), "shape must be"),
    (lambda: conv_net(sigma_w=1.0, sigma_b=0.0, rng=0, batch_norm=True, trajectory=0.1),
     "trajectory takes the place"),
])
def test_errors_name_the_argument(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
