"""Noise on one layer against networks whose weights are changed by hand."""
import numpy as np
import pytest

from lib.networks import noise
from lib.networks.network import convolutional, random_network

RNG = np.random.default_rng(3)
X, IMAGES = RNG.standard_normal((300, 6)), RNG.standard_normal((20, 4, 4, 3))
LABELS = RNG.integers(0, 4, 300)


def dense(phi="hard_tanh"):
    return random_network(6, [7, 5], 4, 2.0, 0.3, networks=3, seed=1, phi=phi)


def conv(phi="relu"):
    return convolutional((4, 4, 3), (5, "pool", 6), (7,), 4, sigma_w=1.4, sigma_b=0.1, networks=2,
                    seed=1, phi=phi)


each_kind = pytest.mark.parametrize("build, x", [(dense, X), (conv, IMAGES)],
                                    ids=["dense", "conv"])


def rms(array):
    """Of each network, one at a time."""
    return np.array([np.sqrt((one.ravel() @ one.ravel()) / one.size) for one in array])


def seen(model, layer, x):
    """Pre-activations of a layer; the activation must be linear."""
    if layer == len(model.weights) - 1:
        return model.forward(x)
    hidden = [h for name, h in zip(model.names, model.hidden(x)) if not name.startswith("pool")]
    return hidden[layer]


@each_kind
@pytest.mark.parametrize("relative", [False, True])
def test_accuracy_under_noise_against_changed_weights(build, x, relative, monkeypatch):
    model, labels, sizes = build(), LABELS[:len(x)], [0.0, 0.3, 1.0]
    drawn = [[RNG.standard_normal(w.shape) for _ in range(2)] for w in model.weights]
    monkeypatch.setattr(noise, "_noise", lambda *arguments: drawn)
    before = [w.copy() for w in model.weights]
    found = noise.accuracy_under_noise(model, x, labels, sizes, seed=0, relative=relative,
                                       draws=2)
    assert found.shape == (len(model), len(drawn), len(sizes))
    for layer, draws in enumerate(drawn):
        for i, size in enumerate(sizes):
            right = np.zeros(len(model))
            for one in draws:
                changed = model.copy()
                for network, w in enumerate(changed.weights[layer]):
                    w += size * (rms([w])[0] if relative else 1.0) * one[network]
                right += np.sum(changed.forward(x).argmax(axis=2) == labels, axis=1)
            assert np.array_equal(np.round(found[:, layer, i] * 2 * len(x)), right)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.weights))


def test_the_noise_hangs_on_the_seed_alone():
    first, second, other = (noise.accuracy_under_noise(dense(), X, LABELS, [1.0], seed=seed)
                            for seed in (5, 5, 6))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


@each_kind
def test_the_disturbance_is_what_noise_does(build, x):
    """Sampled: 300 draws of noise on the weights of a network without activation."""
    model, x = build("linear"), x[:20]
    told = noise.scales(model, x)
    for layer, w in enumerate(model.weights):
        clean, square = seen(model, layer, x), 0.0
        for _ in range(300):
            changed = model.copy()
            changed.weights[layer][...] += RNG.standard_normal(w.shape)
            square = square + rms(seen(changed, layer, x) - clean) ** 2 / 300
        assert told.disturbance[:, layer] == pytest.approx(np.sqrt(square), rel=0.05)
        assert told.pre_activations[:, layer] == pytest.approx(rms(clean))
        assert told.weights[:, layer] == pytest.approx(rms(w))
        assert told.fan_in[layer] == w.shape[2]
    assert told.incoming[:, 0] == pytest.approx(rms([x])[0])
    assert told.names[-1] == "read-out" and len(told.names) == len(model.weights)


def test_in_a_dense_layer_the_disturbance_is_fan_in_times_activation_scale():
    told = noise.scales(dense(), X)
    assert told.disturbance == pytest.approx(np.sqrt(told.fan_in) * told.incoming, rel=1e-12)


def test_the_response_of_a_linear_network_in_closed_form():
    """Noise on W1 changes the outputs by W2 Xi x, of mean square |x|^2 |C W2|^2."""
    model = random_network(6, [7], 4, 2.0, 0.0, networks=3, seed=1, phi="linear")
    found = noise.response(model, X, seed=0, draws=600)
    for network in range(3):
        w1, w2 = model.weights[0][network], model.weights[1][network]
        centre = np.eye(4) - 0.25
        outputs = np.sum((X @ w1.T @ w2.T @ centre) ** 2)
        first = np.sum(X**2) * np.sum((centre @ w2) ** 2)
        last = np.sum((X @ w1.T) ** 2) * np.sum(centre**2)
        expected = np.sqrt([first / outputs, last / outputs])
        assert found[network] == pytest.approx(expected, rel=0.03)


@each_kind
def test_the_response_is_what_little_noise_does(build, x, monkeypatch):
    model, x = build(), x[:20]
    drawn = [[RNG.standard_normal(w.shape)] for w in model.weights]
    monkeypatch.setattr(noise, "_noise", lambda *arguments: drawn)
    found = noise.response(model, x, seed=0, draws=1)
    clean = model.forward(x)
    clean = clean - clean.mean(axis=2, keepdims=True)
    for layer, (one,) in enumerate(drawn):
        changed = model.copy()
        changed.weights[layer][...] += 1e-6 * one
        out = changed.forward(x)
        out = out - out.mean(axis=2, keepdims=True)
        assert found[:, layer] == pytest.approx(rms(out - clean) / 1e-6 / rms(clean), rel=1e-2)


def test_sensitivity_puts_them_together():
    model, sizes = dense(), {"absolute": [0.0, 0.1, 0.4], "relative": [0.0, 1.0]}
    found = noise.sensitivity(model, X, LABELS, *sizes.values(), seed=5, draws=3, few=50)
    clean = np.mean(model.forward(X).argmax(axis=2) == LABELS, axis=1)
    for kind, some in sizes.items():
        accuracy = noise.accuracy_under_noise(model, X, LABELS, some, seed=5, draws=3,
                                              relative=kind == "relative")
        assert np.array_equal(found.accuracy[kind], accuracy)
        for network, layer, i in np.ndindex(accuracy.shape):
            one = network, layer, i
            assert found.lost(kind)[one] == pytest.approx(clean[network] - accuracy[one])
            weight = rms(model.weights[layer])[network]
            size = some[i] * (weight if kind == "relative" else 1.0)  # on every weight
            assert found.ruler(kind, "weights")[one] == pytest.approx(size / weight)
            assert found.ruler(kind, "local")[one] == pytest.approx(
                size * found.scales.disturbance[network, layer]
                / found.scales.pre_activations[network, layer])
            assert found.ruler(kind, "response")[one] == pytest.approx(
                size * found.response[network, layer])
            assert found.ruler(kind, "depth")[one] == 2 - layer
    assert np.array_equal(found.response, noise.response(model, X[:50], seed=5, draws=3))
    lost, ruler = noise.pooled([found, found], [("relative", 1)], "local")
    assert np.array_equal(lost, np.tile(found.lost("relative")[..., 1], 2))
    assert np.array_equal(ruler, np.tile(found.ruler("relative", "local")[..., 1], 2))


def test_bad_arguments():
    with pytest.raises(ValueError, match="labels must have shape"):
        noise.accuracy_under_noise(dense(), X, LABELS[:5], [0.1], seed=0)
    with pytest.raises(ValueError, match="sizes must be at least 0, got -1"):
        noise.accuracy_under_noise(dense(), X, LABELS, [-1.0], seed=0)
    with pytest.raises(ValueError, match="must begin with 0"):
        noise.sensitivity(dense(), X, LABELS, [0.0, 1.0], [1.0], seed=0)
    with pytest.raises(ValueError, match="draws must be at least 1"):
        noise.response(dense(), X, seed=0, draws=0)


@pytest.mark.parametrize("build", [
    lambda: random_network(30, [20], 10, 1.0, 0.0, networks=2, seed=3),
    lambda: convolutional((4, 4, 3), (4,), (5,), sigma_w=1.0, sigma_b=0.0, networks=2, seed=3)])
def test_noise_is_not_made_of_the_weights_of_the_same_seed(build):
    net = build()
    for weights, draws in zip(net.weights, noise._noise(net, 3, 2)):
        for one in draws:
            assert abs(np.corrcoef(weights.ravel(), one.ravel())[0, 1]) < 5 / weights.size**0.5
