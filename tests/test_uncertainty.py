"""Entropies, detectors and bins against loops and small cases done by hand."""
import numpy as np
import pytest

from lib.measure.uncertainty import (
    by_bins, detection, mean_prediction, peak_offset, predictive_entropy)


def test_entropy_is_that_of_the_mean_not_the_mean_of_entropies():
    sure = np.array([[[50.0, 0.0]], [[0.0, 50.0]]])  # two sure networks that disagree
    assert predictive_entropy(sure) == pytest.approx(np.log(2))
    assert predictive_entropy(sure[:1]) == pytest.approx(0.0, abs=1e-15)


def test_mean_prediction_by_hand():
    outputs = np.random.default_rng(0).normal(size=(4, 5, 3))
    for point in range(5):
        p = [np.exp(one) / np.exp(one).sum() for one in outputs[:, point]]
        assert mean_prediction(outputs)[point] == pytest.approx(np.mean(p, axis=0))
        q = np.mean(p, axis=0)
        assert predictive_entropy(outputs)[point] == pytest.approx(-sum(q * np.log(q)))


def test_peak_beside_a_change():
    values = [0, 0, 3, 0, 0, 0, 0, 0, 9, 0, 0]
    assert peak_offset(values, [1] * 3 + [2] * 4 + [3] * 4) == pytest.approx(0.15)
    assert peak_offset(values, [1] * 9 + [2] * 2) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="must change"):
        peak_offset(values, [1] * 11)


def test_detection_counts_pairs():
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(0, 9, 60).astype(float), rng.random(60) < 0.3
    pairs = scores[positive][:, None] - scores[~positive]
    assert detection(scores, positive) == pytest.approx(np.mean((np.sign(pairs) + 1) / 2))
    assert detection(-scores, positive) == pytest.approx(1 - detection(scores, positive))


def test_bins_against_a_loop():
    rng = np.random.default_rng(2)
    x, values, edges = rng.normal(size=300), rng.normal(size=300), np.linspace(-2, 4, 9)
    mean, error, number = by_bins(edges, x, values)
    for i, (low, high) in enumerate(zip(edges, edges[1:])):
        some = values[(x >= low) & (x < high)]
        assert number[i] == len(some)
        if len(some) > 1:
            assert mean[i] == pytest.approx(some.mean())
            assert error[i] == pytest.approx(some.std(ddof=1) / np.sqrt(len(some)))
    assert np.isnan(mean[number == 0]).all()


@pytest.mark.parametrize("call, told", [
    (lambda: detection([1.0, 2.0], [True, True]), "both kinds"),
    (lambda: by_bins([0.0], [1.0], [1.0]), "edges must be"),
    (lambda: by_bins([0.0, 1.0], [1.0], [1.0, 2.0]), "one shape"),
    (lambda: mean_prediction([[1.0]]), "outputs must have shape"),
    (lambda: peak_offset([1.0], [1, 2]), "one shape"),
])
def test_bad_arguments(call, told):
    with pytest.raises(ValueError, match=told):
        call()
