"""The sweep of the rate: it chooses on the check points, reports on the test points."""
import numpy as np
import pytest

from lib.networks.layers import mlp
from lib.networks.optimizers import Adam
from lib.networks.training import train
from lib.networks.tuning import prediction_error, tune

X = np.random.default_rng(0).standard_normal((160, 3))
Y = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)


def test_the_best_on_the_check_points_is_trained_as_alone():
    model = mlp(3, [12, 12], 2, 1.2, 0.1, networks=3, rng=0)
    before = [w.copy() for w in model.weights]
    parts = (X[:100], Y[:100]), (X[100:130], Y[100:130]), (X[130:], Y[130:])
    found = tune(model, *parts[0], *parts[1:], rates=(1e-6, 1e-2), steps=120, batch=20,
                 loss="square", rng=5)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.weights))
    assert found.rate == 1e-2 and found.checked.shape == (2, 3)
    alone = model.copy()
    train(alone, *parts[0], 120, optimizer=Adam(1e-2, cosine=True), batch=20, loss="square", rng=5)
    for part, error in ((parts[2], found.errors), (parts[1], found.checked[1])):
        out = alone.forward(part[0])
        for net in range(3):
            mean = np.mean((out[net] - part[1]) ** 2)
            spread = np.mean((part[1] - part[1].mean(axis=0)) ** 2)
            assert abs(error[net] - np.sqrt(mean / spread)) < 1e-12


def test_labels_are_counted_and_a_lost_network_is_never_best():
    labels = (X[:, 0] > 0).astype(int)
    model = mlp(3, [8], 2, 1.0, 0.0, networks=2, rng=1, phi="relu")
    found = tune(model, X[:80], labels[:80], (X[80:120], labels[80:120]),
                 (X[120:], labels[120:]), rates=(1e-2, 1e300), steps=100, batch=40, rng=0)
    assert found.rate == 1e-2 and np.all(found.errors < 0.2)
    assert not np.isfinite(found.checked[1]).all()
    out = model.forward(X).argmax(axis=2)
    assert np.allclose(prediction_error(model, X, labels, "softmax"),
                       [(one != labels).mean() for one in out])


def test_bad_arguments_are_named():
    model = mlp(3, [4], 2, 1.0, 0.0, rng=0)
    with pytest.raises(ValueError, match="y must vary"):
        prediction_error(model, X, np.ones((160, 2)))
    with pytest.raises(ValueError, match="rates"):
        tune(model, X, Y, (X, Y), (X, Y), rates=(-1.0,), steps=1, loss="square", rng=0)
