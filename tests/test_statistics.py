"""Growth, ranks and ensembles against SciPy, fits, loops and small cases done by hand."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from lib.measure.statistics import (correlation, detection, factor_per_layer, mean_prediction,
                                    predictive_entropy, proportionality, rank_correlation,
                                    rank_trend, straightness)

RNG = np.random.default_rng(6)


# Growth

def test_means_before_ratios():
    """The mean of products is the product of means, whatever single networks do."""
    rng = np.random.default_rng(2)
    steps = rng.exponential(2.0, size=(200_000, 3))
    lengths = np.cumprod(steps, axis=1)
    assert factor_per_layer(lengths) == pytest.approx(2.0, abs=0.03)
    assert np.mean((lengths[:, -1] / lengths[:, 0]) ** 0.5) < 1.7
    both = factor_per_layer(np.stack([lengths, 3.0 * lengths], axis=1))
    assert both == pytest.approx(np.full(2, factor_per_layer(lengths)), rel=1e-12)


def test_a_dead_network_counts():
    assert factor_per_layer([[1.0, 6.0], [2.0, 0.0]]) == pytest.approx(2.0, rel=1e-15)


def test_straightness_is_r_squared_of_a_fit():
    sizes = np.exp(np.random.default_rng(3).standard_normal((6, 8)) + np.arange(8))
    y, x = np.log(sizes.mean(axis=0)), np.arange(8.0)
    left = np.polyfit(x, y, 1, full=True)[1][0]
    assert straightness(sizes) == pytest.approx(1 - left / np.sum((y - y.mean()) ** 2), rel=1e-10)


def test_proportionality_against_least_squares():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(1, 2, 50), rng.uniform(1, 2, 50)
    _, [rest], _, _ = np.linalg.lstsq(x[:, None], y, rcond=None)
    assert proportionality(x, y) == pytest.approx(1 - rest / (50 * y.var()), rel=1e-12)


def test_a_line_beside_the_origin_is_no_proportion():
    x = np.arange(1.0, 9.0)
    assert proportionality(x, 3 * x) == 1.0
    assert proportionality(x, 3 * x + 2) < 0.99 and proportionality(x, 9 - x) < 0


@pytest.mark.filterwarnings("error")
def test_where_there_is_nothing_to_measure_it_is_nan():
    assert np.isnan([straightness([[1.0, 2.0]]), straightness([[1.0, 1.0, 1.0]]),
                     straightness([[1.0, 2.0, 0.0]]), factor_per_layer([[1.0]]),
                     factor_per_layer([[0.0, 1.0], [0.0, 2.0]]), proportionality([1.0], [2.0]),
                     proportionality([0.0, 0.0], [1.0, 2.0]), proportionality([1, 2], [3.0, 3.0]),
                     rank_correlation([1.0, 1.0], [1.0, 2.0]), rank_correlation([1.0], [2.0]),
                     correlation([0.1] * 3, [1.0, 2.0, 3.0]),
                     rank_correlation([1.0, 2.0], [np.nan, 2.0]),
                     rank_trend([1.0], [[1.0], [2.0]]).value]).all()
    both = factor_per_layer([[[1.0, 2.0], [1.0, 0.0]]])
    assert both[0] == 2.0 and np.isnan(both[1])


# Ranks

@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=12))
def test_ranks_as_scipy_has_them(pairs):
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) and np.ptp(y):
        told = spearmanr(x, y).statistic
        assert rank_correlation(x, y) == pytest.approx(told, abs=1e-12)
        assert rank_correlation(x, [y, -y]) == pytest.approx([told, -told], abs=1e-12)


def test_rank_trend_against_scipy():
    values = RNG.standard_normal((7, 6)).round(1)
    value, error = rank_trend(np.arange(6), values)
    each = [spearmanr(one, np.arange(6)).statistic for one in values]
    assert value == pytest.approx(np.mean(each))
    step = 1.0 - spearmanr([0, 1, 2, 3, 5, 4], np.arange(6)).statistic
    assert error**2 == pytest.approx((np.var(each, ddof=1) + step**2 / 4) / 7, rel=1e-12)
    own = RNG.standard_normal((7, 6))
    assert rank_trend(own, values).value == pytest.approx(np.mean(
        [spearmanr(*pair).statistic for pair in zip(own, values)]))


def test_rank_trend_by_hand():
    """One pair of neighbours exchanged among five takes 0.1 off a correlation."""
    rising, almost = [1, 2, 3, 4, 5], [1, 2, 4, 3, 5]
    value, error = rank_trend(range(5), [rising, almost, rising])
    assert value == pytest.approx((1 + 0.9 + 1) / 3)
    assert error == pytest.approx(np.hypot(0.1 / 3, 0.05 / np.sqrt(3)))
    assert tuple(rank_trend(range(5), [rising] * 4)) == pytest.approx((1.0, 0.05 / 2))
    assert np.isnan(rank_trend(range(5), [rising]).error)


# Ensembles

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


def test_detection_counts_pairs():
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(0, 9, 60).astype(float), rng.random(60) < 0.3
    pairs = scores[positive][:, None] - scores[~positive]
    assert detection(scores, positive) == pytest.approx(np.mean((np.sign(pairs) + 1) / 2))
    assert detection(-scores, positive) == pytest.approx(1 - detection(scores, positive))
    assert np.isnan(detection(scores, positive | True))


@pytest.mark.parametrize("call, told", [
    (lambda: straightness([1.0, 2.0]), "sizes must have shape"),
    (lambda: factor_per_layer([[-1.0, 1.0]]), "lengths must be at least 0"),
    (lambda: factor_per_layer([1.0]), "lengths must have shape"),
    (lambda: rank_correlation([1.0, 2.0], [1.0, 2.0, 3.0]), r"y must have shape \(..., "),
    (lambda: rank_trend([1, 2], [1.0, 2.0]), "samples must have shape"),
    (lambda: rank_trend([1, 2, 3], [[1.0, 2.0]] * 2), r"y must have shape \(..., "),
    (lambda: proportionality([1.0, 2.0], [1.0, 2.0, 3.0]), r"y must have shape \(2"),
    (lambda: detection([1.0, 2.0], [True]), r"positive must have shape \(2"),
    (lambda: mean_prediction([[1.0]]), "outputs must have shape"),
])
def test_bad_arguments_are_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()
