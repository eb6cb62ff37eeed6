"""The disc: its points, and networks kept as they first reach an accuracy."""
import numpy as np
import pytest

from lib.networks.disc import (
    HALF_SIDE, RADIUS, FirstReached, NotReached, chosen, circle, core, fit, least_squares,
    logistic, read, sample)
from lib.networks.layers import mlp
from lib.networks.optimizers import Sgd
from lib.networks.stretching import hidden_layers


def test_half_of_the_square_is_inside():
    x, y = sample(200_000, 1)
    assert np.abs(x).max() <= HALF_SIDE
    assert x.var(axis=0) == pytest.approx(1.0, abs=0.01)
    assert y.mean() == pytest.approx(0.0, abs=0.01)
    radius = np.hypot(*x.T) / HALF_SIDE
    assert np.all((radius < np.sqrt(2 / np.pi)) == (y[:, 0] > 0))


def test_circle_and_core():
    assert np.hypot(*circle(7).T) == pytest.approx(RADIUS * HALF_SIDE)
    radius = np.sort(np.hypot(*core(2000, 0.2).T)) / HALF_SIDE
    assert radius == pytest.approx(0.2 * np.sqrt((np.arange(2000) + 0.5) / 2000))
    assert np.abs(core(2000).mean(axis=0)).max() < 1e-3


def test_networks_are_kept_as_they_first_reach_the_accuracy():
    """Accuracies put in by hand through the read-out's bias: which steps count is known."""
    model = mlp(2, [3], 1, 0.0, 0.0, networks=3, rng=0, output="tanh")
    x, labels = np.zeros((10, 2)), np.array([1] * 6 + [-1] * 4)
    rule = FirstReached(x, labels, 0.6, enough=2)
    stops = []
    for step, biases in enumerate([(-1, -1, -1), (-2, 1, -2), (-3, 2, -3), (4, -4, -4)]):
        model.biases[-1][:, 0] = biases
        stops.append(rule(model, 100 * step))
    assert stops == [False, False, False, True]
    assert rule.steps.tolist() == [300, 100, -1]
    assert rule.kept.biases[-1][:2, 0].tolist() == [4.0, 1.0]
    assert rule.accuracy.tolist() == [0.6, 0.6, 0.4]


def test_fit_reaches_what_it_says():
    done = fit(16, 2, networks=3, rng=5, share=0.93)
    x, y = sample(20_000, 99)
    right = np.mean((done.model.forward(x)[..., 0] > 0) == (y[:, 0] > 0), axis=1)
    assert done.model.networks == 3 and np.all(done.accuracy >= 0.93)
    assert np.abs(right - done.accuracy).max() < 0.02
    assert np.all(done.steps % 100 == 0)


def test_narrow_networks_that_do_not_arrive_are_refused():
    with pytest.raises(NotReached, match="0 of 4 networks of width 2") as refusal:
        fit(2, 2, networks=2, rng=0, steps=200)
    assert refusal.value.best.model.networks == 2


def test_a_fixed_number_of_steps():
    done = fit(8, 1, networks=2, rng=0, optimizer=Sgd(0.01), share=0.0, steps=30)
    assert done.steps.tolist() == [30, 30]


def test_chosen_networks_are_those():
    model = mlp(2, [4, 4], 1, 1.0, 0.1, networks=5, rng=3)
    x = np.random.default_rng(0).standard_normal((6, 2))
    some = chosen(model, np.array([3, 0]))
    assert np.array_equal(some.forward(x), model.forward(x)[[3, 0]])
    some.weights[0][...] = 0.0
    assert np.any(model.weights[0])


def test_hidden_layers_leave_the_read_out_away():
    model = mlp(2, [4, 5], 3, 1.0, 0.1, rng=3)
    weights, biases, _ = hidden_layers(model)
    assert [w.shape for w in weights] == [(1, 4, 2), (1, 5, 4)] and len(biases) == 2
    with pytest.raises(ValueError, match="batch normalisation"):
        hidden_layers(mlp(2, [4], 3, 1.0, 0.1, rng=3, batch_norm=True))


def test_least_squares_leave_nothing_along_the_features():
    rng = np.random.default_rng(4)
    features, targets = rng.standard_normal((3, 50, 4)), rng.standard_normal((50, 1))
    left = targets - read(features, least_squares(features, targets))
    assert np.abs(np.swapaxes(features, 1, 2) @ left).max() < 1e-12
    assert np.abs(left.sum(axis=1)).max() < 1e-12


def test_the_logistic_fit_is_where_a_general_minimiser_ends():
    from scipy.optimize import minimize

    rng = np.random.default_rng(5)
    features = rng.standard_normal((2, 60, 3))
    targets = np.sign(features[0, :, :1] + rng.standard_normal((60, 1)))
    found = logistic(features, targets, penalty=0.5)
    for one, w in zip(features, found[..., 0]):
        def loss(v, one=one):
            score = targets[:, 0] * (one @ v[:3] + v[3])
            return np.sum(np.log1p(np.exp(-score))) + 0.25 * v @ v
        assert minimize(loss, np.zeros(4), tol=1e-12).x == pytest.approx(w, abs=1e-5)


def test_separable_classes_are_separated():
    x, y = sample(300, 3)
    model = mlp(2, [149], 1, 1.0, 0.5, networks=1, rng=0)
    features = model.hidden(x)[-1]
    assert np.mean((read(features, logistic(features, y))[0] > 0) == (y > 0)) > 0.99
