"""Gradients against central differences, training against training written out by hand."""
import numpy as np
import pytest

from lib.activations import FAMILIES
from lib.networks.freezing import gradient_agreement, train_each_alone
from lib.networks.layers import conv_net, mlp
from lib.networks.optimizers import Adam, Sgd
from lib.networks.training import Diverged, accuracy, gradients, train
from lib.networks.trajectories import arcs, lengths

RNG = np.random.default_rng(6)
TRAINED = ("weights", "biases", "gains", "shifts", "scales")


def gradient_error(model, x, y, loss):
    """Largest difference from central differences over some of the parameters of every kind."""
    found = gradients(model, x, y, loss)[1]
    largest = max(np.abs(g).max() for (name, _), g in found.items() if name in TRAINED)
    worst, kinds = 0.0, set()
    for (name, layer), g in found.items():
        kinds.add((name, layer))
        array = getattr(model, name)[layer]
        for _ in range(4):
            place = tuple(RNG.integers(array.shape))
            value, around = array[place], []
            for step in (1e-5, -1e-5):
                array[place] = value + step
                around.append(gradients(model, x, y, loss)[0][place[0]])
            array[place] = value
            slope = (around[0] - around[1]) / 2e-5
            worst = max(worst, abs(slope - g[place]) / largest)
    lists = {(name, layer) for name in TRAINED for layer in range(len(getattr(model, name)))}
    assert kinds == lists  # no parameter without its gradient
    return worst


BUILDS = {
    "dense": lambda **k: mlp(5, [7, 6], 3, 1.5, 0.3, networks=2, rng=1, **k),
    "dense, normalised": lambda **k: mlp(5, [7, 6], 3, 1.5, 0.3, networks=2, rng=1,
                                         batch_norm=True, **k),
    "convolution": lambda **k: conv_net((4, 4, 2), (3, "pool", 4), (5,), 3, sigma_w=1.5,
                                        sigma_b=0.3, networks=2, rng=1, **k),
    "convolution, normalised": lambda **k: conv_net((4, 4, 2), (3, "pool", 4), (5,), 3,
                                                    sigma_w=1.5, sigma_b=0.3, networks=2, rng=1,
                                                    batch_norm=True, **k),
    "convolution, regularised": lambda **k: conv_net((4, 4, 2), (3, "pool", 4), (5,), 3,
                                                     sigma_w=1.5, sigma_b=0.3, networks=2, rng=1,
                                                     trajectory=0.1, **k),
}


@pytest.mark.parametrize("phi", [*FAMILIES, lambda x: x / (1 + x * x)],
                         ids=[*FAMILIES, "callable"])
@pytest.mark.parametrize("build", BUILDS)
def test_gradients_are_those_of_central_differences(build, phi):
    model = BUILDS[build](phi=phi)
    x, labels = RNG.normal(size=(8, *model.shape)), RNG.integers(3, size=8)
    assert gradient_error(model, x, labels, "softmax") < 1e-6


@pytest.mark.parametrize("output", ["linear", "tanh"])
@pytest.mark.parametrize("build", BUILDS)
def test_gradients_of_the_square_loss(build, output):
    model = BUILDS[build](output=output)
    x, y = RNG.normal(size=(8, *model.shape)), RNG.normal(size=(8, 3))
    assert gradient_error(model, x, y, "square") < 1e-6


def test_the_losses_by_hand():
    model, x = mlp(4, [3], 3, 1.5, 0.4, networks=2, rng=1), RNG.normal(size=(6, 4))
    out, labels, y = model.forward(x), np.array([0, 1, 2, 2, 1, 0]), RNG.normal(size=(6, 3))
    chance = np.exp(out) / np.exp(out).sum(axis=2, keepdims=True)
    crossed = [-np.mean([np.log(chance[n, p, k]) for p, k in enumerate(labels)]) for n in (0, 1)]
    assert gradients(model, x, labels)[0] == pytest.approx(crossed, rel=1e-13)
    squared = [0.5 * np.mean([np.sum((out[n, p] - y[p]) ** 2) for p in range(6)]) for n in (0, 1)]
    assert gradients(model, x, y, "square")[0] == pytest.approx(squared, rel=1e-13)


def test_softmax_of_large_outputs_does_not_overflow():
    model = mlp(1, [1], 2, 1.0, 0.0, rng=0, phi="linear")
    for w in model.weights:
        w[...] = [[1e3]] * w.shape[1]
    model.weights[1][0, 1] = -1e3
    assert gradients(model, [[1.0]], [1])[0] == pytest.approx(2e6)


def by_hand(optimizer, x, y, steps, batch, keys=None):
    """Training of one stack written out, with the update rules of the textbooks."""
    model, rng = mlp(5, [7, 6], 3, 1.5, 0.3, networks=2, rng=1), np.random.default_rng(9)
    order, memory = np.empty(0, int), {}
    for step in range(1, steps + 1):
        if len(order) < batch:
            order = rng.permutation(len(x))
        some, order = order[:batch], order[batch:]
        for (name, layer), g in gradients(model, x[some], y[some])[1].items():
            if keys and (name, layer) not in keys:
                continue
            w = getattr(model, name)[layer]
            m, v = memory.get((name, layer), (0.0, 0.0))
            keep = 1 - optimizer.rate * optimizer.decay * (name == "weights")
            if isinstance(optimizer, Sgd):
                m = optimizer.momentum * m + g
                w[...] = keep * w - optimizer.rate * m
            else:
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
                fall = 0.5 + 0.5 * np.cos(np.pi * (step - 1) / steps) if optimizer.cosine else 1
                keep = 1 - optimizer.rate * fall * optimizer.decay * (name == "weights")
                w[...] = keep * w - optimizer.rate * fall * (m / (1 - 0.9**step)) / (
                    np.sqrt(v / (1 - 0.999**step)) + 1e-8)
            memory[name, layer] = m, v
    return model


DATA = RNG.normal(size=(23, 5)), RNG.integers(3, size=23)


@pytest.mark.parametrize("optimizer", [
    Sgd(0.1), Sgd(0.1, momentum=0.9), Sgd(0.1, momentum=0.5, decay=0.3), Adam(0.01),
    Adam(0.01, cosine=True), Adam(0.01, cosine=True, decay=0.3), Adam(0.01, decay=0.3)], ids=str)
def test_optimizers_by_hand(optimizer):
    model = mlp(5, [7, 6], 3, 1.5, 0.3, networks=2, rng=1)
    train(model, *DATA, 11, optimizer=optimizer, batch=5, rng=9)
    other = by_hand(optimizer, *DATA, 11, 5)
    for ours, theirs in zip(model.weights + model.biases, other.weights + other.biases):
        assert np.abs(ours - theirs).max() < 1e-11


@pytest.mark.parametrize("only", [0, 1, 2, -1])
def test_one_trained_layer(only):
    model, before = (mlp(5, [7, 6], 3, 1.5, 0.3, networks=2, rng=1) for _ in range(2))
    train(model, *DATA, 11, optimizer=Adam(0.01), batch=5, rng=9, only=only)
    layer = only % 3
    other = by_hand(Adam(0.01), *DATA, 11, 5, {("weights", layer), ("biases", layer)})
    for place in range(3):
        assert np.abs(model.weights[place] - other.weights[place]).max() < 1e-11
        assert np.abs(model.biases[place] - other.biases[place]).max() < 1e-11
        moved = np.abs(model.weights[place] - before.weights[place]).max()
        assert (moved > 0.01) == (place == layer)


def test_one_trained_convolution():
    model = BUILDS["convolution"]()
    before = model.copy()
    x, y = RNG.normal(size=(20, 4, 4, 2)), RNG.integers(3, size=20)
    train(model, x, y, 5, optimizer=Sgd(0.1), batch=20, rng=0, only=1)
    twin = before.copy()
    for _ in range(5):
        found = gradients(twin, x, y)[1]
        twin.weights[1] -= 0.1 * found["weights", 1]
        twin.biases[1] -= 0.1 * found["biases", 1]
    assert np.abs(model.weights[1] - twin.weights[1]).max() < 1e-12
    assert all(np.array_equal(model.weights[k], before.weights[k]) for k in (0, 2, 3))


def test_a_stack_is_trained_as_its_networks_would_be_alone():
    stack, twin = BUILDS["convolution"](), BUILDS["convolution"]()
    x, y = RNG.normal(size=(20, 4, 4, 2)), RNG.integers(3, size=20)
    train(stack, x, y, 6, optimizer=Adam(0.01), batch=5, rng=0)
    twin.networks = 1
    for arrays in (twin.weights, twin.biases):
        arrays[:] = [array[1:] for array in arrays]
    train(twin, x, y, 6, optimizer=Adam(0.01), batch=5, rng=0)
    assert all(np.abs(a[1:] - b).max() < 1e-12 for a, b in zip(stack.weights, twin.weights))


def test_networks_may_have_data_of_their_own():
    x, y = RNG.normal(size=(2, 20, 5)), RNG.integers(3, size=(2, 20))
    both, one = (mlp(5, [7], 3, 1.5, 0.3, networks=2, rng=1) for _ in range(2))
    train(both, x, y, 6, optimizer=Sgd(0.1), batch=5, rng=0)
    train(one, x[1], y[1], 6, optimizer=Sgd(0.1), batch=5, rng=0)
    assert np.abs(both.weights[0][1] - one.weights[0][1]).max() < 1e-13
    assert np.abs(both.weights[0][0] - one.weights[0][0]).max() > 1e-3


def test_checkpoints():
    model, seen = mlp(5, [7], 3, 1.5, 0.3, networks=2, rng=1), []
    history = train(model, *DATA, 20, optimizer=Sgd(0.1), batch=5, rng=0, at=(0, 4, 5, 20),
                    watch=lambda m, step: (step, m.weights[0].copy()),
                    stop=lambda m, step: seen.append(step))
    assert history.steps.tolist() == [0, 4, 5, 20] == seen
    assert [step for step, _ in history.watched] == seen
    assert np.array_equal(history.watched[-1][1], model.weights[0])
    assert history.loss.shape == (4, 2) and history.diverged.tolist() == [-1, -1]
    again = mlp(5, [7], 3, 1.5, 0.3, networks=2, rng=1)
    every = train(again, *DATA, 20, optimizer=Sgd(0.1), batch=5, rng=0, at=range(21))
    assert np.array_equal(again.weights[0], model.weights[0])  # looking changes nothing
    assert history.loss[3] == pytest.approx(every.loss[6:].mean(axis=0), rel=1e-13)
    assert np.array_equal(every.loss[0], every.loss[1])


def test_training_may_be_stopped():
    model = mlp(5, [7], 3, 1.5, 0.3, rng=1)
    history = train(model, *DATA, 20, optimizer=Sgd(0.1), batch=5, rng=0, at=range(21),
                    stop=lambda m, step: step == 7)
    assert history.steps[-1] == 7 and len(history.loss) == 8


def test_noise_on_the_inputs():
    """A linear network learns the values divided by one plus the variance of the noise."""
    x = RNG.normal(size=(4000, 1))
    model = mlp(1, [1], 1, 1.0, 0.0, rng=3, phi="linear")
    train(model, x, 2 * x, 3000, optimizer=Sgd(0.02), loss="square", batch=50, rng=0,
          input_noise=1.0)
    slope = model.forward([[1.0]]) - model.forward([[0.0]])
    assert slope.item() == pytest.approx(2 * x.var() / (x.var() + 1), abs=0.15)
    assert abs(x.std() - 1) < 0.1  # the data themselves stay as they are


def test_normalisation_learns_its_running_statistics():
    model, x = mlp(3, [4], 2, 2.0, 1.0, rng=1, phi="linear", batch_norm=True), \
        RNG.normal(1.0, 2.0, size=(64, 3))
    labels = RNG.integers(2, size=64)
    train(model, x, labels, 150, optimizer=Sgd(0.0), batch=64, rng=0)
    pre = x @ model.weights[0][0].T + model.biases[0]
    assert np.allclose(model.means[0], pre.mean(axis=0), rtol=1e-5)
    assert np.allclose(model.variances[0], pre.var(axis=0), rtol=1e-5)


def test_a_diverging_training_is_stopped_at_its_last_good_state():
    model = mlp(5, [7], 3, 1.5, 0.3, networks=2, rng=1, phi="relu")
    x, y = 10 * DATA[0], RNG.normal(size=(23, 3))
    with pytest.raises(Diverged, match="not finite at step") as told:
        train(model, x, y, 400, optimizer=Sgd(10.0), loss="square", batch=5, rng=0, at=(0, 1, 400))
    assert told.value.model is model and np.isfinite(model.forward(x)).all()
    assert told.value.history.steps.tolist() == [0, 1] and told.value.history.diverged.max() > 1
    twin = mlp(5, [7], 3, 1.5, 0.3, networks=2, rng=1, phi="relu")
    train(twin, x, y, 1, optimizer=Sgd(10.0), loss="square", batch=5, rng=0)
    assert np.array_equal(twin.weights[0], model.weights[0])


def test_the_others_may_go_on():
    model, alone = (mlp(5, [7], 3, 1.5, 0.3, networks=2, rng=1, phi="relu") for _ in range(2))
    model.weights[0][1] *= 1e200
    x, y = DATA
    history = train(model, x, y, 50, optimizer=Sgd(0.1),
                    batch=5, rng=0, diverging="keep", at=(0, 25, 50))
    train(alone, x, y, 50, optimizer=Sgd(0.1), batch=5, rng=0)
    assert history.diverged[0] == -1 and 0 <= history.diverged[1] < 50
    assert np.isinf(history.loss[-1, 1]) and np.isfinite(history.loss[:, 0]).all()
    assert np.abs(model.weights[0][0] - alone.weights[0][0]).max() < 1e-12
    assert all(np.isfinite(w).all() for w in model.weights)


def test_accuracy():
    model, x = mlp(4, [3], 3, 1.5, 0.4, networks=2, rng=1), RNG.normal(size=(50, 4))
    labels = RNG.integers(3, size=50)
    for network, found in enumerate(accuracy(model, x, labels)):
        right = sum(int(np.argmax(model.forward(x)[network, p]) == labels[p]) for p in range(50))
        assert found == right / 50
    one = mlp(4, [3], 1, 1.5, 0.4, rng=1)
    assert accuracy(one, x, one.forward(x)[0, :, 0] > 0).tolist() == [1.0]


def test_a_seed_is_a_training():
    runs = []
    for seed in (3, 3, 4):
        model = mlp(5, [7], 3, 1.5, 0.3, rng=1)
        runs.append(train(model, *DATA, 10, optimizer=Adam(0.01), batch=5, rng=seed).loss)
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])


def test_a_bar_only_where_it_is_wanted(capsys):
    model = mlp(5, [7], 3, 1.5, 0.3, rng=1)
    train(model, *DATA, 10, optimizer=Adam(0.01), batch=5, rng=0)
    train(model, *DATA, 10, optimizer=Adam(0.01), batch=5, rng=0, progress=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("change, message", [
    ({"steps": 0}, "steps must be at least 1"), ({"batch": 24}, "batch must be at most the 23"),
    ({"y": np.zeros(22, int)}, "y must have one target a point"),
    ({"y": np.full(23, 3)}, "y must be labels 0 .. 2"), ({"y": np.zeros(23)}, "y must be labels"),
    ({"loss": "hinge"}, "loss must be"), ({"loss": "square"}, "y must have shape"),
    ({"only": 3}, "only must be"), ({"at": (0, 11)}, "at must be at most"),
    ({"input_noise": -1.0}, "input_noise must be at least 0"),
    ({"only": 1, "input_noise": 1.0}, "only: the features"), ({"diverging": "go"}, "diverging"),
    ({"x": np.zeros((23, 4))}, "x must have shape"),
])
def test_errors_name_the_argument(change, message):
    arguments = {"x": DATA[0], "y": DATA[1], "steps": 10, "optimizer": Sgd(0.1), "batch": 5,
                 "rng": 0, **change}
    with pytest.raises((ValueError, TypeError), match=message):
        train(mlp(5, [7], 3, 1.5, 0.3, rng=1), **arguments)


@pytest.mark.parametrize("call, message", [
    (lambda: Sgd(-1.0), "rate"), (lambda: Sgd(1.0, momentum=1.0), "momentum"),
    (lambda: Adam(1.0, decay=-1.0), "decay"), (lambda: Adam(np.nan), "rate")])
def test_optimizers_check_their_constants(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_each_layer_alone_is_one_layer_trained_from_the_same_start():
    start, x, y = BUILDS["dense"](), *DATA
    found = train_each_alone(start, x, y, x[:9], y[:9], [1, 2], 20, optimizer=Adam(0.01), batch=5,
                             rng=4, at=(0, 10, 20))
    assert found.train.shape == found.test.shape == (2, 3, 2)
    assert found.steps.tolist() == [0, 10, 20] and found.layers.tolist() == [1, 2]
    twin = BUILDS["dense"]()
    train(twin, x, y, 20, optimizer=Adam(0.01), batch=5, only=2, rng=4)
    assert np.array_equal(found.test[1, -1], accuracy(twin, x[:9], y[:9]))
    assert np.array_equal(found.train[1, -1], accuracy(twin, x, y))
    assert all(np.array_equal(a, b) for a, b in zip(start.weights, BUILDS["dense"]().weights))


def test_agreement_of_gradients_by_hand():
    model, (x, y) = BUILDS["dense"](), DATA
    first, second = (gradients(model, x[k:k + 11], y[k:k + 11])[1] for k in (0, 11))
    for layer, found in enumerate(gradient_agreement(model, x, y)):
        for network in range(2):
            a, b = (g["weights", layer][network].ravel() for g in (first, second))
            assert found[network] == pytest.approx(
                a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-12)


def test_arcs_and_their_lengths():
    """Velocities by differences of the points, lengths by a fine polyline."""
    start, end = RNG.normal(size=(2, 3, 5))
    x, dx = arcs(start, end, 4000)
    assert np.allclose(dx[1:3999], 2000 * (x[2:4000] - x[:3998]), atol=1e-5)
    assert np.allclose(x[0], start[0], atol=1e-2) and np.allclose(x[-1], end[-1], atol=1e-2)
    model = BUILDS["dense"](phi="tanh")
    for layer, found in zip(model.hidden(x), lengths(model, x, dx)):
        chords = np.linalg.norm(np.diff(layer.reshape(2, 3, 4000, -1), axis=2), axis=-1)
        assert found == pytest.approx(chords.sum(axis=2).mean(axis=1), rel=1e-3)


@pytest.mark.parametrize("call, message", [
    (lambda: arcs(np.ones((2, 3)), np.ones((3, 3)), 4), "start and end"),
    (lambda: arcs(np.ones((2, 3)), np.ones((2, 3)), 0), "points must be"),
    (lambda: gradient_agreement(BUILDS["dense"](), DATA[0][:1], DATA[1][:1]), "points must be")])
def test_trajectories_check_their_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
