"""Gradients against central differences, training against training written out by hand."""
import numpy as np
import pytest

from lib.activations import FAMILIES, get
from lib.checks import Untrusted
from lib.networks.network import Network, convolutional, stream
from lib.networks.network import random_network as dense
from lib.networks.training import (Adam, Sgd, _batches, accuracy, fit_read_out,
                                   gradient_agreement, gradients, prediction_error, train,
                                   train_each_alone, train_until, tune)
from lib.tasks import disc

RNG = np.random.default_rng(6)
SIGN = get(np.sign, dphi=np.zeros_like, d2phi=np.zeros_like, kinks=(0.0,), name="sign")


def gradient_error(model, x, y, loss):
    """Largest difference from central differences over some of the parameters of every kind."""
    found = gradients(model, x, y, loss)[1]
    largest, worst = max(np.abs(g).max() for g in found.values()), 0.0
    for key, g in found.items():
        array = model.parameters[key]
        for _ in range(4):
            place = tuple(RNG.integers(array.shape))
            value, around = array[place], []
            for step in (1e-5, -1e-5):
                array[place] = value + step
                around.append(gradients(model, x, y, loss)[0][place[0]])
            array[place] = value
            slope = (around[0] - around[1]) / 2e-5
            worst = max(worst, abs(slope - g[place]) / largest)
    assert found.keys() == model.parameters.keys()  # no parameter without its gradient
    return worst


BUILDS = {
    "dense": lambda **k: dense(5, [7, 6], 3, 1.5, 0.3, networks=2, seed=1, **k),
    "dense, normalised": lambda **k: dense(5, [7, 6], 3, 1.5, 0.3, networks=2, seed=1,
                                         batch_norm=True, **k),
    "convolution": lambda **k: convolutional((4, 4, 2), (3, "pool", 4), (5,), 3, sigma_w=1.5,
                                        sigma_b=0.3, networks=2, seed=1, **k),
    "convolution, normalised": lambda **k: convolutional((4, 4, 2), (3, "pool", 4), (5,), 3,
                                                    sigma_w=1.5, sigma_b=0.3, networks=2, seed=1,
                                                    batch_norm=True, **k),
    "convolution, regularised": lambda **k: convolutional((4, 4, 2), (3, "pool", 4), (5,), 3,
                                                     sigma_w=1.5, sigma_b=0.3, networks=2, seed=1,
                                                     trajectory=0.1, **k),
}


@pytest.mark.parametrize("phi", [*FAMILIES, lambda x: x / (1 + x * x)],
                         ids=[*FAMILIES, "callable"])
@pytest.mark.parametrize("build", BUILDS)
def test_gradients_are_those_of_central_differences(build, phi):
    model = BUILDS[build](phi=phi)
    x, labels = RNG.normal(size=(8, *model.shape)), RNG.integers(3, size=8)
    assert gradient_error(model, x, labels, "softmax") < 1e-6


@pytest.mark.parametrize("build", BUILDS)
def test_single_precision_has_the_same_gradients_equal_points_included(build):
    model, half = BUILDS[build](), BUILDS[build](dtype=np.float32)
    x, labels = RNG.normal(size=(8, *model.shape)), RNG.integers(3, size=8)
    x[3] = x[4]  # neighbours in the minibatch with no distance between them
    wanted, found = gradients(model, x, labels)[1], gradients(half, x, labels)[1]
    largest = max(np.abs(g).max() for g in wanted.values())
    assert all(found[key].dtype == np.float32 for key in wanted)
    assert max(np.abs(found[key] - g).max() for key, g in wanted.items()) < 1e-5 * largest


@pytest.mark.parametrize("output", ["linear", "tanh"])
@pytest.mark.parametrize("build", BUILDS)
def test_gradients_of_the_square_loss(build, output):
    model = BUILDS[build](output=output)
    x, y = RNG.normal(size=(8, *model.shape)), RNG.normal(size=(8, 3))
    assert gradient_error(model, x, y, "square") < 1e-6


def test_the_losses_by_hand():
    model, x = dense(4, [3], 3, 1.5, 0.4, networks=2, seed=1), RNG.normal(size=(6, 4))
    out, labels, y = model.forward(x), np.array([0, 1, 2, 2, 1, 0]), RNG.normal(size=(6, 3))
    chance = np.exp(out) / np.exp(out).sum(axis=2, keepdims=True)
    crossed = [-np.mean([np.log(chance[n, p, k]) for p, k in enumerate(labels)]) for n in (0, 1)]
    assert gradients(model, x, labels)[0] == pytest.approx(crossed, rel=1e-13)
    squared = [0.5 * np.mean([np.sum((out[n, p] - y[p]) ** 2) for p in range(6)]) for n in (0, 1)]
    assert gradients(model, x, y, "square")[0] == pytest.approx(squared, rel=1e-13)


def test_softmax_of_large_outputs_does_not_overflow():
    model = dense(1, [1], 2, 1.0, 0.0, seed=0, phi="linear")
    for w in model.weights:
        w[...] = [[1e3]] * w.shape[1]
    model.weights[1][0, 1] = -1e3
    assert gradients(model, [[1.0]], [1])[0] == pytest.approx(2e6)


def by_hand(optimizer, x, y, steps, batch, keys=None):
    """Training written out, with the update rules of the textbooks."""
    model, rngs = dense(5, [7, 6], 3, 1.5, 0.3, networks=2, seed=1), stream(9).spawn(2)
    order, memory = np.empty((2, 0), int), {}
    for step in range(1, steps + 1):
        if order.shape[1] < batch:
            order = np.array([rng.permutation(len(x)) for rng in rngs])
        some, order = order[:, :batch], order[:, batch:]
        for (name, layer), g in gradients(model, x[some], y[some])[1].items():
            if keys and (name, layer) not in keys:
                continue
            w = model.parameters[name, layer]
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
    model = dense(5, [7, 6], 3, 1.5, 0.3, networks=2, seed=1)
    train(model, *DATA, 11, optimizer=optimizer, batch=5, seed=9)
    other = by_hand(optimizer, *DATA, 11, 5)
    for ours, theirs in zip(model.weights + model.biases, other.weights + other.biases):
        assert np.abs(ours - theirs).max() < 1e-11


@pytest.mark.parametrize("only", [0, 1, 2, -1])
def test_one_trained_layer(only):
    model, before = (dense(5, [7, 6], 3, 1.5, 0.3, networks=2, seed=1) for _ in range(2))
    train(model, *DATA, 11, optimizer=Adam(0.01), batch=5, seed=9, only=only)
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
    train(model, x, y, 5, optimizer=Sgd(0.1), batch=20, seed=0, only=1)
    twin = before.copy()
    for _ in range(5):
        found = gradients(twin, x, y)[1]
        twin.weights[1][...] -= 0.1 * found["weights", 1]
        twin.biases[1][...] -= 0.1 * found["biases", 1]
    assert np.abs(model.weights[1] - twin.weights[1]).max() < 1e-12
    assert all(np.array_equal(model.weights[k], before.weights[k]) for k in (0, 2, 3))


def test_a_stack_is_trained_as_its_networks_would_be_alone():
    stack, twin = BUILDS["convolution"](), BUILDS["convolution"]()
    x, y = RNG.normal(size=(20, 4, 4, 2)), RNG.integers(3, size=20)
    train(stack, x, y, 6, optimizer=Adam(0.01), batch=5, seed=0)
    twin = twin[:1]
    train(twin, x, y, 6, optimizer=Adam(0.01), batch=5, seed=0)
    assert all(np.abs(a[:1] - b).max() < 1e-12 for a, b in zip(stack.weights, twin.weights))


def test_networks_may_have_data_of_their_own():
    x, y = RNG.normal(size=(2, 20, 5)), RNG.integers(3, size=(2, 20))
    both, one = (dense(5, [7], 3, 1.5, 0.3, networks=2, seed=1) for _ in range(2))
    train(both, x, y, 6, optimizer=Sgd(0.1), batch=5, seed=0)
    train(one, x[0], y[0], 6, optimizer=Sgd(0.1), batch=5, seed=0)
    assert np.abs(both.weights[0][0] - one.weights[0][0]).max() < 1e-13
    assert np.abs(both.weights[0][1] - one.weights[0][1]).max() > 1e-3


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_a_read_out_may_be_fitted_to_data_of_its_own(loss):
    x, y = RNG.normal(size=(2, 20, 5)), np.sign(RNG.normal(size=(2, 20, 1)))
    both = dense(5, [3], 1, 1.5, 0.3, networks=2, seed=1)
    fitted = fit_read_out(both, x, y, loss=loss)
    for one in (0, 1):
        alone = fit_read_out(both[one:one + 1], x[one], y[one], loss=loss)
        assert np.abs(fitted.weights[-1][one] - alone.weights[-1][0]).max() < 1e-12
    with pytest.raises(ValueError, match="y must have shape"):
        fit_read_out(both, x, np.ones((3, 20, 1)), loss=loss)


def test_networks_draw_minibatches_of_their_own():
    """The first as if it were alone, the second others; each point once in an epoch."""
    x, y = RNG.normal(size=(20, 5)), RNG.integers(3, size=20)
    for own_data in (x, np.stack([x, x])):
        both, one = (dense(5, [7], 3, 1.5, 0.3, networks=2, seed=1)[:n] for n in (2, 1))
        train(both, own_data, y, 4, optimizer=Sgd(0.1), batch=5, seed=0)
        train(one, x, y, 4, optimizer=Sgd(0.1), batch=5, seed=0)
        assert np.abs(both.weights[0][0] - one.weights[0][0]).max() < 1e-13
    streams = np.random.default_rng(0).spawn(2)
    drawn = [part for part, _ in _batches(x[None], y[None], 5, 4, streams, 0)]
    assert all(np.array_equal(np.sort(np.concatenate(some), axis=0), np.sort(x, axis=0))
               for some in zip(*drawn))
    assert not np.array_equal(*drawn[0])


def test_checkpoints():
    model, seen = dense(5, [7], 3, 1.5, 0.3, networks=2, seed=1), []
    history = train(model, *DATA, 20, optimizer=Sgd(0.1), batch=5, seed=0, at=(0, 4, 5, 20),
                    watch=lambda m, step: (step, m.weights[0].copy()),
                    stop=lambda m, step: seen.append(step))
    assert history.steps.tolist() == [0, 4, 5, 20] == seen
    assert [step for step, _ in history.watched] == seen
    assert np.array_equal(history.watched[-1][1], model.weights[0])
    assert history.loss.shape == (2, 4) and history.diverged.tolist() == [-1, -1]
    again = dense(5, [7], 3, 1.5, 0.3, networks=2, seed=1)
    every = train(again, *DATA, 20, optimizer=Sgd(0.1), batch=5, seed=0, at=range(21))
    assert np.array_equal(again.weights[0], model.weights[0])  # looking changes nothing
    assert history.loss[:, 3] == pytest.approx(every.loss[:, 6:].mean(axis=1), rel=1e-13)
    assert np.array_equal(every.loss[:, 0], every.loss[:, 1])


def test_training_may_be_stopped():
    model = dense(5, [7], 3, 1.5, 0.3, seed=1)
    history = train(model, *DATA, 20, optimizer=Sgd(0.1), batch=5, seed=0, at=range(21),
                    stop=lambda m, step: step == 7)
    assert history.steps[-1] == 7 and history.loss.shape == (1, 8)


def test_noise_on_the_inputs():
    """A linear network learns the values divided by one plus the variance of the noise."""
    x = RNG.normal(size=(4000, 1))
    model = dense(1, [1], 1, 1.0, 0.0, seed=3, phi="linear")
    train(model, x, 2 * x, 3000, optimizer=Sgd(0.02), loss="square", batch=50, seed=0,
          input_noise=1.0)
    slope = model.forward([[1.0]]) - model.forward([[0.0]])
    assert slope.item() == pytest.approx(2 * x.var() / (x.var() + 1), abs=0.15)
    assert abs(x.std() - 1) < 0.1  # the data themselves stay as they are


def test_normalisation_learns_its_running_statistics():
    model, x = dense(3, [4], 2, 2.0, 1.0, seed=1, phi="linear", batch_norm=True), \
        RNG.normal(1.0, 2.0, size=(64, 3))
    labels = RNG.integers(2, size=64)
    train(model, x, labels, 150, optimizer=Sgd(0.0), batch=64, seed=0)
    pre = x @ model.weights[0][0].T + model.biases[0]
    normalise = model.layers[1]
    assert np.allclose(normalise.means, pre.mean(axis=0), rtol=1e-5)
    assert np.allclose(normalise.variances, pre.var(axis=0), rtol=1e-5)


def test_a_diverging_training_is_stopped_at_its_last_good_state():
    model = dense(5, [7], 3, 1.5, 0.3, networks=2, seed=1, phi="relu")
    x, y = 10 * DATA[0], RNG.normal(size=(23, 3))
    with pytest.raises(Untrusted, match="not finite at step") as told:
        train(model, x, y, 400, optimizer=Sgd(10.0), loss="square", batch=5, seed=0,
              at=(0, 1, 400))
    assert np.isfinite(model.forward(x)).all()
    assert told.value.best.steps.tolist() == [0, 1] and told.value.best.diverged.max() > 1
    twin = dense(5, [7], 3, 1.5, 0.3, networks=2, seed=1, phi="relu")
    train(twin, x, y, 1, optimizer=Sgd(10.0), loss="square", batch=5, seed=0)
    assert np.array_equal(twin.weights[0], model.weights[0])


def test_the_others_may_go_on():
    model, alone = (dense(5, [7], 3, 1.5, 0.3, networks=2, seed=1, phi="relu") for _ in range(2))
    model.weights[0][1] *= 1e200
    x, y = DATA
    history = train(model, x, y, 50, optimizer=Sgd(0.1),
                    batch=5, seed=0, diverging="keep", at=(0, 25, 50))
    train(alone, x, y, 50, optimizer=Sgd(0.1), batch=5, seed=0)
    assert history.diverged[0] == -1 and 0 <= history.diverged[1] < 50
    assert np.isinf(history.loss[1, -1]) and np.isfinite(history.loss[0]).all()
    assert np.abs(model.weights[0][0] - alone.weights[0][0]).max() < 1e-12
    assert all(np.isfinite(w).all() for w in model.weights)


def test_accuracy():
    model, x = dense(4, [3], 3, 1.5, 0.4, networks=2, seed=1), RNG.normal(size=(50, 4))
    labels = RNG.integers(3, size=50)
    for network, found in enumerate(accuracy(model, x, labels)):
        right = sum(int(np.argmax(model.forward(x)[network, p]) == labels[p]) for p in range(50))
        assert found == right / 50
    one = dense(4, [3], 1, 1.5, 0.4, seed=1)
    assert accuracy(one, x, one.forward(x)[0, :, 0] > 0).tolist() == [1.0]


def test_a_seed_is_a_training():
    runs = []
    for seed in (3, 3, 4):
        model = dense(5, [7], 3, 1.5, 0.3, seed=1)
        runs.append(train(model, *DATA, 10, optimizer=Adam(0.01), batch=5, seed=seed).loss)
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("change, message", [
    ({"steps": 0}, "steps must be at least 1"), ({"batch": 24}, "batch must be at most 23"),
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
                 "seed": 0, **change}
    with pytest.raises((ValueError, TypeError), match=message):
        train(dense(5, [7], 3, 1.5, 0.3, seed=1), **arguments)


@pytest.mark.parametrize("call, message", [
    (lambda: Sgd(-1.0), "rate"), (lambda: Sgd(1.0, momentum=1.0), "momentum"),
    (lambda: Adam(1.0, decay=-1.0), "decay"), (lambda: Adam(np.nan), "rate")])
def test_optimizers_check_their_constants(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_each_layer_alone_is_one_layer_trained_from_the_same_start():
    start, x, y = BUILDS["dense"](), *DATA
    found = train_each_alone(start, x, y, test=(x[:9], y[:9]), layers=[1, 2], steps=20,
                             optimizer=Adam(0.01), batch=5, seed=4, at=(0, 10, 20))
    assert found.train.shape == found.test.shape == (2, 2, 3)
    assert found.steps.tolist() == [0, 10, 20] and found.layers.tolist() == [1, 2]
    twin = BUILDS["dense"]()
    train(twin, x, y, 20, optimizer=Adam(0.01), batch=5, only=2, seed=4)
    assert np.array_equal(found.test[:, 1, -1], accuracy(twin, x[:9], y[:9]))
    assert np.array_equal(found.train[:, 1, -1], accuracy(twin, x, y))
    assert all(np.array_equal(a, b) for a, b in zip(start.weights, BUILDS["dense"]().weights))


def test_agreement_of_gradients_by_hand():
    model, (x, y) = BUILDS["dense"](), DATA
    first, second = (gradients(model, x[k:k + 11], y[k:k + 11])[1] for k in (0, 11))
    for layer, found in enumerate(gradient_agreement(model, x, y).T):
        for network in range(2):
            a, b = (g["weights", layer][network].ravel() for g in (first, second))
            assert found[network] == pytest.approx(
                a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-12)


def test_agreement_of_a_gradient_that_is_zero_is_no_number():
    model, (x, y) = BUILDS["dense"](), DATA
    model.weights[-1][...] = 0.0  # nothing reaches the layers below the read-out
    found = gradient_agreement(model, x, y)
    assert np.isnan(found[:, :-1]).all() and np.isfinite(found[:, -1]).all()


def test_agreement_needs_two_points():
    with pytest.raises(ValueError, match="points must be"):
        gradient_agreement(BUILDS["dense"](), DATA[0][:1], DATA[1][:1])


def test_what_jumps_is_not_trained():
    net = Network([np.ones((3, 2)), np.ones((2, 3))], phi=SIGN)
    for function in (lambda: gradients(net, np.ones((4, 2)), [0] * 4),
                     lambda: train(net, np.ones((4, 2)), [0] * 4, 1, optimizer=Sgd(0.1), seed=0,
                                   batch=4)):
        with pytest.raises(ValueError, match="phi: sign jumps"):
            function()


# Until an accuracy is reached


def biases_by_hand(monkeypatch, net, biases, test, share):
    """What is kept where the read-out's biases, and so the accuracies, are put in by hand."""
    stops = []

    def by_hand(net, x, y, steps, *, at, stop):
        for step, some in zip(at, biases):
            net.biases[-1][:, 0] = some
            stops.append(stop(net, step))

    monkeypatch.setattr("lib.networks.training.train", by_hand)
    return stops, train_until(net, *test, 400, test=test, share=share, enough=2)


def test_networks_are_kept_as_they_first_reach_the_accuracy(monkeypatch):
    net = dense(2, [3], 1, 0.0, 0.0, networks=3, seed=0, output="tanh")
    test = np.zeros((10, 2)), np.array([1] * 6 + [-1] * 4)
    stops, done = biases_by_hand(
        monkeypatch, net, [(-1, -1, -1), (-2, 1, -2), (-3, 2, -3), (4, -4, -4)], test, 0.6)
    assert stops == [False, False, False, True]
    assert done.steps.tolist() == [200, 400] and done.accuracy.tolist() == [0.6, 0.6]
    assert done.net.biases[-1][:, 0].tolist() == [1.0, 4.0]


def test_what_came_near_takes_the_place_of_what_is_missing(monkeypatch):
    net = dense(2, [3], 1, 0.0, 0.0, networks=3, seed=0, output="tanh")
    test = np.zeros((10, 2)), np.array([1] * 6 + [-1] * 4)
    stops, done = biases_by_hand(monkeypatch, net, [(0, -1, 1), (-2, -1, 2)], test, 0.6)
    assert stops == [False, False] and done.steps.tolist() == [100, -1]
    assert done.accuracy.tolist() == [0.6, 0.4] and done.net.biases[-1][:, 0].tolist() == [1, 0]


def fit_disc(width, wanted, started, **more):
    (x, y), (x_test, y_test) = disc.sample(36_000, 5), disc.sample(4_000, 6)
    nets = dense(2, [width] * 2, 1, 1.0, 0.0, networks=started, seed=0, output="tanh")
    return train_until(nets, x, y, test=(x_test, y_test[:, 0]), enough=wanted, loss="square",
                       optimizer=Sgd(0.1), batch=64, seed=7, **more)


def test_training_until_an_accuracy_reaches_what_it_says():
    done = fit_disc(16, 3, 4, share=0.93, steps=20_000)
    x, y = disc.sample(20_000, 99)
    right = accuracy(done.net, x, y[:, 0])
    assert len(done.net) == 3 and np.all(done.accuracy >= 0.93)
    assert np.abs(right - done.accuracy).max() < 0.02
    assert np.all(done.steps % 100 == 0) and np.all(np.diff(done.steps) >= 0)


def test_networks_that_do_not_arrive_are_marked():
    done = fit_disc(2, 2, 4, share=0.99, steps=200)
    assert len(done.net) == 2 and done.steps.tolist() == [-1, -1] and done.accuracy.max() < 0.99


# The best of several rates

X = np.random.default_rng(0).standard_normal((160, 3))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)


def test_the_best_on_the_check_points_is_trained_as_alone():
    net = dense(3, [12, 12], 2, 1.2, 0.1, networks=3, seed=0)
    before = [w.copy() for w in net.weights]
    parts = (X[:100], Y[:100]), (X[100:130], Y[100:130]), (X[130:], Y[130:])
    found = tune(net, *parts[0], check=parts[1], test=parts[2], rates=(1e-6, 1e-2), steps=120,
                 batch=20, loss="square", seed=5)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.weights))
    assert found.rate == 1e-2
    alone = net.copy()
    train(alone, *parts[0], 120, optimizer=Adam(1e-2, cosine=True), batch=20, loss="square",
          seed=5)
    out, y = alone.forward(parts[2][0]), parts[2][1]
    for place in range(3):
        mean, spread = np.mean((out[place] - y) ** 2), np.mean((y - y.mean(axis=0)) ** 2)
        assert abs(found.errors[place] - np.sqrt(mean / spread)) < 1e-12


def test_labels_are_counted_and_a_lost_network_is_never_best():
    labels = (X[:, 0] > 0).astype(int)
    net = dense(3, [8], 2, 1.0, 0.0, networks=2, seed=1, phi="relu")
    found = tune(net, X[:80], labels[:80], check=(X[80:120], labels[80:120]),
                 test=(X[120:], labels[120:]), rates=(1e-2, 1e300), steps=100, batch=40, seed=0)
    assert found.rate == 1e-2 and np.all(found.errors < 0.2)
    out = net.forward(X).argmax(axis=2)
    assert np.allclose(prediction_error(net, X, labels, "softmax"),
                       [(one != labels).mean() for one in out])


def test_bad_arguments_of_tuning_are_named():
    net = dense(3, [4], 2, 1.0, 0.0, seed=0)
    with pytest.raises(ValueError, match="y must vary"):
        prediction_error(net, X, np.ones((160, 2)))
    with pytest.raises(ValueError, match="rates"):
        tune(net, X, Y, check=(X, Y), test=(X, Y), rates=(-1.0,), steps=1, loss="square", seed=0)


# Read-outs without training


def test_least_squares_leave_nothing_along_the_features():
    rng = np.random.default_rng(4)
    nets, x = dense(4, [5], 1, 1.0, 0.3, networks=3, seed=4), rng.standard_normal((50, 4))
    y = rng.standard_normal((50, 2))
    solved = fit_read_out(nets, x, y)
    left = y - solved.forward(x)
    assert np.abs(np.swapaxes(nets.hidden(x)[-1], 1, 2) @ left).max() < 1e-12
    assert np.abs(left.sum(axis=1)).max() < 1e-12


def test_the_logistic_fit_is_where_a_general_minimiser_ends():
    from scipy.optimize import minimize

    rng = np.random.default_rng(5)
    nets, x = dense(3, [3], 1, 2.0, 0.3, networks=2, seed=4), rng.standard_normal((60, 3))
    y = np.sign(x[:, :1] + rng.standard_normal((60, 1)))
    solved = fit_read_out(nets, x, y, loss="logistic", penalty=0.5)
    for features, w, b in zip(nets.hidden(x)[-1], solved.weights[-1], solved.biases[-1]):
        def loss(v, features=features):
            score = y[:, 0] * (features @ v[:3] + v[3])
            return np.sum(np.log1p(np.exp(-score))) + 0.25 * v @ v
        found = np.append(w[0], b)
        assert minimize(loss, np.zeros(4), tol=1e-12).x == pytest.approx(found, abs=1e-5)


def test_separable_classes_are_separated():
    x, y = disc.sample(300, 3)
    net = fit_read_out(dense(2, [149], 1, 1.0, 0.5, seed=0, output="tanh"), x, y, loss="logistic")
    assert accuracy(net, x, y[:, 0])[0] > 0.99


def test_read_outs_check_their_targets():
    with pytest.raises(ValueError, match="y must have shape"):
        fit_read_out(dense(2, [4], 1, 1.0, 0.0, seed=0), np.ones((5, 2)), np.ones((5, 2)),
                     loss="logistic")
    with pytest.raises(ValueError, match="loss must be 'square' or 'logistic'"):
        fit_read_out(dense(2, [4], 1, 1.0, 0.0, seed=0), np.ones((5, 2)), np.ones((5, 1)),
                     loss="hinge")
