"""Networks against networks by hand, and their tangents against differences."""
import numpy as np
import pytest

from lib.activations import FAMILIES, get
from lib.networks.network import Network, convolutional, polyline, sawtooth
from lib.networks.network import random_network as dense

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
    model, x = dense(4, [3, 5], 2, 1.5, 0.4, networks=3, seed=1, phi="gelu"), \
        RNG.normal(size=(6, 4))
    hidden, out = model.hidden(x), model.forward(x)
    for network in range(3):
        layers, last = by_hand(model, network, x)
        assert close(out[network], last)
        assert len(hidden) == 2 and all(close(h[network], a) for h, a in zip(hidden, layers))
    assert close(dense(4, [3, 5], 2, 1.5, 0.4, networks=3, seed=1, phi="gelu",
                     output="tanh").forward(x), np.tanh(out))


def test_networks_may_see_points_of_their_own():
    model, x = dense(4, [3], 2, 1.5, 0.4, networks=3, seed=1), RNG.normal(size=(3, 6, 4))
    apart = np.stack([model.forward(x[i])[i] for i in range(3)])
    assert close(model.forward(x), apart)


def test_weights_have_the_variance_asked_for():
    model = dense(50, [400], 300, 3.0, 0.5, networks=4, seed=2)
    for w, fan_in in zip(model.weights, (50, 400)):
        assert w.var() * fan_in == pytest.approx(9.0, rel=5 * np.sqrt(2 / w.size))
    b = np.concatenate([b.ravel() for b in model.biases])
    assert b.var() == pytest.approx(0.25, rel=5 * np.sqrt(2 / b.size))
    kernel = convolutional((4, 4, 30), (200,), (), 2, sigma_w=2.0, sigma_b=0.0, seed=0).weights[0]
    assert kernel.var() * 270 == pytest.approx(4.0, rel=5 * np.sqrt(2 / kernel.size))


@pytest.mark.parametrize("size", [1, 3, 5])
def test_convolution_is_correlation_with_the_kernels(size):
    from scipy.signal import correlate

    model = convolutional((4, 6, 3), (2,), (), 1, sigma_w=1.0, sigma_b=0.5, size=size, networks=2,
                     seed=3, phi="linear")
    x, kernels = RNG.normal(size=(5, 4, 6, 3)), model.weights[0].reshape(2, 2, size, size, 3)
    found = model.hidden(x)[0]
    for network, point, channel in np.ndindex(2, 5, 2):
        image = sum(correlate(x[point, ..., c], kernels[network, channel, ..., c], "same")
                    for c in range(3))
        assert close(found[network, point, ..., channel],
                     image + model.biases[0][network, channel], 1e-12)


def test_pooling_averages_and_layers_have_names():
    model = convolutional((4, 4, 3), (2, "pool", "pool"), (3,), 1, sigma_w=1.0, sigma_b=0.0,
                          seed=0)
    layers = model.hidden(RNG.normal(size=(5, 4, 4, 3)))
    assert model.names == ["conv 1", "pool 1", "pool 2", "dense 1"]
    assert close(layers[1][0, 2, 1, 0, 1], layers[0][0, 2, 2:4, 0:2, 1].mean())
    assert close(layers[2][:, :, 0, 0], layers[0].mean(axis=(2, 3)))


def test_much_data_goes_through_in_pieces(monkeypatch):
    model, x = dense(4, [3], 2, 1.5, 0.4, networks=2, seed=1), RNG.normal(size=(50, 4))
    images = convolutional((4, 4, 3), (2, 3), (), 2, sigma_w=1.0, sigma_b=0.1, seed=0)
    y, whole, seen = RNG.normal(size=(7, 4, 4, 3)), model.forward(x), None
    seen = images.forward(y)
    monkeypatch.setattr("lib.networks.network.BLOCK", 40)
    monkeypatch.setattr("lib.networks.network.CACHED", 300)
    assert close(model.forward(x), whole) and close(images.forward(y), seen)


@pytest.mark.parametrize("build", [
    lambda phi: dense(4, [3, 5], 2, 1.5, 0.4, networks=2, seed=1, phi=phi),
    lambda phi: dense(4, [3, 5], 2, 1.5, 0.4, networks=2, seed=1, phi=phi, batch_norm=True),
    lambda phi: convolutional((4, 4, 2), (3, "pool"), (5,), 2, sigma_w=1.5, sigma_b=0.4,
                              networks=2, seed=1, phi=phi, trajectory=0.1),
])
@pytest.mark.parametrize("phi", ["tanh", "relu", "hard_tanh", "swish"])
def test_tangents(build, phi):
    model = build(phi)
    x, dx = RNG.normal(size=(2, 6, *model.shape))
    model.calibrate(x)
    layers, tangents = model.hidden_jvp(x, dx)
    ahead, behind = model.hidden(x + 1e-6 * dx), model.hidden(x - 1e-6 * dx)
    for layer, tangent, now, up, down in zip(model.hidden(x), tangents, layers, ahead, behind):
        assert close(now, layer)
        assert close(tangent, (up - down) / 2e-6, 1e-7)


def test_calibrated_normalisation_gives_unit_channels():
    model = dense(4, [30, 20], 2, 3.0, 1.0, networks=2, seed=1, phi="linear", batch_norm=True)
    x = RNG.normal(2.0, 3.0, size=(500, 4))
    model.calibrate(x)
    for layer in model.hidden(x):
        assert np.abs(layer.mean(axis=1)).max() < 1e-10
        assert np.abs(layer.std(axis=1) - 1).max() < 1e-3


def test_a_copy_has_weights_of_its_own():
    model = dense(4, [3], 2, 1.5, 0.4, seed=1)
    twin = model.copy()
    twin.weights[0][...] = 0.0
    assert np.abs(model.weights[0]).min() > 0


def test_weights_may_be_changed_in_place_and_not_replaced():
    model, x = dense(4, [3], 2, 1.5, 0.4, seed=1), RNG.normal(size=(5, 4))
    model.weights[0][...] = 0.0
    model.biases[0][...] = 0.0
    assert np.ptp(model.forward(x), axis=1).max() == 0.0
    with pytest.raises(TypeError):
        model.weights[0] = np.zeros((1, 3, 4))


def test_a_seed_is_a_network():
    a, b, c = (dense(4, [3], 2, 1.5, 0.4, seed=rng) for rng in (7, np.random.default_rng(7), 8))
    assert all(np.array_equal(v, w) for v, w in zip(a.weights, b.weights))
    assert not np.array_equal(a.weights[0], c.weights[0])


def test_weights_are_the_normal_numbers_of_the_seed_over_the_root_of_the_fan_in():
    """Of 4 inputs, and of the 9 that a kernel sees: to the last digit."""
    for model, root in ((dense(4, [3], 2, 1.5, 0.4, networks=2, seed=7), 2),
                        (convolutional((2, 2, 1), (3,), (), 2, sigma_w=1.5, sigma_b=0.4,
                                       networks=2, seed=7), 3)):
        w, b, rng = model.weights[0], model.biases[0], np.random.default_rng(7)
        normal = rng.standard_normal(w.size).reshape(w.shape)
        assert close(w, 1.5 * normal / root)
        assert close(b, 0.4 * rng.standard_normal(b.size).reshape(b.shape))


def test_single_precision_stays_single():
    model = convolutional((4, 4, 3), (2, "pool"), (5,), 2, sigma_w=1.0, sigma_b=0.1, seed=0,
                     phi=lambda x: x / (1 + x * x), batch_norm=True, dtype=np.float32)
    x = RNG.normal(size=(3, 4, 4, 3))
    assert {a.dtype for a in [model.forward(x), *model.hidden(x), *model.hidden_jvp(x, x)[1]]} == {
        np.dtype(np.float32)}


def test_length_of_a_circle():
    angle = np.linspace(0, 2 * np.pi, 2001)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert polyline(np.stack([circle, 3 * circle])) == pytest.approx(
        [2 * np.pi, 6 * np.pi], rel=1e-6)


def test_every_activation_that_is_continuous_is_taken():
    for name in FAMILIES:
        assert dense(2, [3], 1, 1.0, 0.1, seed=0, phi=name).phi is get(name)


@pytest.mark.parametrize("call, message", [
    (lambda: dense(0, [3], 2, 1.0, 0.0, seed=0), "inputs must be at least 1"),
    (lambda: dense(4, [], 2, 1.0, 0.0, seed=0), "widths must name"),
    (lambda: dense(4, [3], 2, -1.0, 0.0, seed=0), "sigma_w must be at least 0"),
    (lambda: dense(4, [3], 2, 1.0, 0.0, seed=0, dtype=np.float16), "dtype must be"),
    (lambda: dense(4, [3], 2, 1.0, 0.0, seed=0).forward(np.zeros((5, 3))), "x must have shape"),
    (lambda: dense(4, [3], 2, 1.0, 0.0, seed=0).forward(np.full((5, 4), np.nan)), "x must be fin"),
    (lambda: dense(4, [3], 2, 1.0, 0.0, seed=0, phi=SIGN).hidden_jvp(
        *np.ones((2, 5, 4))), "sign jumps"),
    (lambda: dense(4, [3], 2, 1.0, 0.0, seed=0).hidden_jvp(
        np.zeros((5, 4)), np.zeros((2, 4))), "dx must"),
    (lambda: convolutional(sigma_w=1.0, sigma_b=0.0, seed=0, size=2), "size must be odd"),
    (lambda: convolutional((6, 6, 1), ("pool", "pool"), sigma_w=1.0, sigma_b=0.0, seed=0),
     "channels:"),
    (lambda: convolutional((6, 6), sigma_w=1.0, sigma_b=0.0, seed=0), "shape must be"),
    (lambda: convolutional(sigma_w=1.0, sigma_b=0.0, seed=0, batch_norm=True, trajectory=0.1),
     "trajectory takes the place"),
])
def test_errors_name_the_argument(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_given_arrays_as_pytorch_and_as_jax_keep_them(dtype):
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=size).astype(dtype) for size in ((5, 3), (4, 5), (2, 4))]
    biases = [rng.normal(size=size).astype(dtype) for size in (5, 4, 2)]
    x = RNG.normal(size=(6, 3))
    net = Network(weights, biases, phi="relu")
    turned = Network([w.T for w in weights], biases, phi="relu", order="in_out")
    by_hand = x.astype(dtype)
    for w, b in zip(weights[:-1], biases):
        by_hand = np.maximum(by_hand @ w.T + b, 0)
    by_hand = by_hand @ weights[-1].T + biases[-1]
    for one in (net, turned):
        assert one.dtype == dtype and one.forward(x).shape == (1, 6, 2)
        assert close(one.forward(x)[0], by_hand, 1e-5 if dtype is np.float32 else 1e-13)
    assert repr(net) == "Network(1 x 3-5-4-2, relu)"
    weights[0][...] = 0.0
    assert np.abs(net.weights[0]).min() > 0  # the caller's arrays are not the network's


def test_missing_biases_are_zero():
    w = [RNG.normal(size=(5, 3)), RNG.normal(size=(2, 5))]
    x, b = RNG.normal(size=(6, 3)), RNG.normal(size=5)
    assert close(Network(w).forward(x)[0], np.tanh(x @ w[0].T) @ w[1].T)
    assert close(Network(w, [b, None]).forward(x)[0], np.tanh(x @ w[0].T + b) @ w[1].T)


def test_several_given_networks_and_an_output():
    w = [RNG.normal(size=(4, 5, 3)), RNG.normal(size=(4, 2, 5))]
    net, x = Network(w, output="tanh"), RNG.normal(size=(6, 3))
    for place, one in enumerate(net):
        assert len(one) == 1
        assert close(one.forward(x)[0], np.tanh(np.tanh(x @ w[0][place].T) @ w[1][place].T))


@pytest.mark.parametrize("build", [
    lambda: dense(4, [3, 6], 2, 1.5, 0.4, networks=5, seed=1, batch_norm=True),
    lambda: convolutional((4, 4, 2), (3, "pool"), (5,), 2, sigma_w=1.5, sigma_b=0.4, networks=5,
                          seed=1, trajectory=0.1)], ids=["dense", "convolution"])
@pytest.mark.parametrize("which", [2, -1, slice(1, 4), [3, 0], [True, False, True, False, True]],
                         ids=str)
def test_some_of_the_networks_are_those(build, which):
    net = build()
    x = RNG.normal(size=(6, *net.shape))
    net.calibrate(x)
    whole = net.forward(x)[which]
    some = net[which]
    assert np.array_equal(some.forward(x), whole if whole.ndim == 3 else whole[None])
    own = some.copy()
    for array in own.parameters.values():
        array[...] = 0.0
    assert np.array_equal(net.forward(x)[which], whole)
    with pytest.raises(IndexError):
        net[5]


def test_none_of_the_networks_is_a_network_too():
    none = dense(4, [3, 6], 2, 1.5, 0.4, networks=5, seed=1)[np.zeros(5, bool)]
    assert len(none) == 0 and none.forward(np.ones((6, 4))).shape == (0, 6, 2)
    assert list(none) == []


def test_pre_activations_and_the_hidden_part():
    net, x = dense(4, [3, 5], 2, 1.5, 0.4, networks=3, seed=1), RNG.normal(size=(6, 4))
    h1, h2, out = net.pre_activations(x)
    assert close(np.tanh(h1), net.hidden(x)[0]) and close(np.tanh(h2), net.hidden(x)[1])
    assert close(out, net.forward(x)) and close(net.hidden_part.forward(x), np.tanh(h2))
    assert net.hidden_part.weights[0] is net.weights[0] and len(net.hidden_part.weights) == 2
    assert close(net.up_to(1).forward(x), net.hidden(x)[0])
    assert [(w.shape, phi.name if phi else None) for w, _, phi in net.dense()] == [
        ((3, 3, 4), "tanh"), ((3, 5, 3), "tanh"), ((3, 2, 5), None)]


def test_a_jvp_is_a_difference_of_outputs():
    net = convolutional((4, 4, 2), (3, "pool"), (5,), 2, sigma_w=1.5, sigma_b=0.4, networks=2,
                        seed=1, phi="tanh")
    x, dx = RNG.normal(size=(2, 6, 4, 4, 2))
    out, tangent = net.jvp(x, dx)
    assert close(out, net.forward(x))
    assert close(tangent, (net.forward(x + 1e-6 * dx) - net.forward(x - 1e-6 * dx)) / 2e-6, 1e-7)


def test_a_unit_read_out():
    net = dense(4, [30], 3, 2.0, 0.4, networks=5, seed=1, unit_read_out=True)
    assert np.linalg.norm(net.weights[-1], axis=2) == pytest.approx(np.ones((5, 3)), rel=1e-14)
    assert not net.biases[-1].any() and net.biases[0].all()


def test_the_sawtooth_folds():
    x = np.linspace(0.0, 1.0, 257)
    fold = x
    for _ in range(6):
        fold = np.where(fold < 0.5, 2 * fold, 2 - 2 * fold)
    assert np.allclose(np.sqrt(2) * sawtooth(6).forward(x[:, None])[0, :, 0], fold, atol=1e-12)


W = [np.ones((5, 3)), np.ones((2, 5))]


@pytest.mark.parametrize("call, message", [
    (lambda: Network([]), "weights and biases must be lists"),
    (lambda: Network([W[0], np.ones((2, 4))]), r"weights\[1\] must have shape \(out, 5\) or"),
    (lambda: Network(W, order="in_out"), r"weights\[1\] must have shape \(out, 3\) or"),
    (lambda: Network([W[0], np.ones((2, 2, 5))]), r"\(1, out, 5\) to fit"),
    (lambda: Network(W, order="rows"), "order must be 'out_in' or 'in_out'"),
    (lambda: Network(W, [None]), "weights and biases must be lists"),
    (lambda: Network(W, [np.ones(4), None]), r"biases\[0\] must have shape \(1, 5\)"),
    (lambda: Network([W[0], np.full((2, 5), np.nan)]), r"weights\[1\] must be finite"),
    (lambda: Network([np.ones((2, 3, 3, 3))]), r"weights\[0\] must have shape"),
    (lambda: Network([np.ones((2, 3), complex)]), r"weights\[0\] must be real numbers"),
    (lambda: Network(W, phi="tahn"), "unknown activation"),
    (lambda: Network(W).forward(np.ones((4, 2))), r"x must have shape \(points, 3\)"),
    (lambda: Network(W[:1]).hidden_part, "no hidden layer"),
    (lambda: dense(4, [3], 2, 1.0, 0.0, seed=0, batch_norm=True).dense(), "fully conn"),
])
def test_given_arrays_are_refused_by_name(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
