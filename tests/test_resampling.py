"""Errors over networks against their true spread, ranks against SciPy."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from lib.measure.resampling import (factor_per_layer, jackknife, rank_correlation,
                                     rank_trend, straightness)


def test_jackknife_of_a_mean_is_the_standard_error():
    x = np.random.default_rng(0).standard_normal((9, 4))
    value, error = jackknife(lambda s: s[:, 2].mean(), x)
    assert value == pytest.approx(x[:, 2].mean(), rel=1e-14)
    assert error == pytest.approx(x[:, 2].std(ddof=1) / 3, rel=1e-12)


def test_jackknife_of_a_growth_factor_is_its_spread():
    """2000 experiments of 20 networks whose lengths are log-normal and grow by 1.3 a layer."""
    rng, found = np.random.default_rng(1), []
    for _ in range(2000):
        steps = np.exp(0.1 * rng.standard_normal((20, 5)) - 0.005)
        found.append(jackknife(factor_per_layer, np.cumprod(1.3 * steps, axis=1)))
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(1.3, abs=1e-3)
    assert errors.mean() == pytest.approx(values.std(), rel=0.06)


def test_means_before_ratios():
    """The mean of products is the product of means, whatever single networks do."""
    rng = np.random.default_rng(2)
    steps = rng.exponential(2.0, size=(200_000, 3))
    lengths = np.cumprod(steps, axis=1)
    assert factor_per_layer(lengths) == pytest.approx(2.0, abs=0.03)
    assert np.mean((lengths[:, -1] / lengths[:, 0]) ** 0.5) < 1.7
    both = factor_per_layer(np.stack([lengths, 3.0 * lengths], axis=1))
    assert both == pytest.approx(np.full(2, factor_per_layer(lengths)), rel=1e-12)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=12))
def test_ranks_as_scipy_has_them(pairs):
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) and np.ptp(y):
        assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_a_dead_network_counts():
    assert factor_per_layer([[1.0, 6.0], [2.0, 0.0]]) == pytest.approx(2.0, rel=1e-15)


def test_straightness_is_r_squared_of_a_fit():
    sizes = np.exp(np.random.default_rng(3).standard_normal((6, 8)) + np.arange(8))
    y, x = np.log(sizes.mean(axis=0)), np.arange(8.0)
    left = np.polyfit(x, y, 1, full=True)[1][0]
    assert straightness(sizes) == pytest.approx(1 - left / np.sum((y - y.mean()) ** 2), rel=1e-10)


@pytest.mark.parametrize("call, error", [
    (lambda: straightness([[1.0, 2.0]]), "at least three layers"),
    (lambda: straightness([[1.0, 1.0, 1.0]]), "the same mean"),
    (lambda: jackknife(np.mean, [1.0]), "at least two networks"),
    (lambda: jackknife(lambda s: np.nan, [1.0, 2.0]), "statistic is not finite"),
    (lambda: factor_per_layer([[-1.0, 1.0]]), "lengths must be at least 0"),
    (lambda: factor_per_layer([[0.0, 1.0], [0.0, 2.0]]), "lengths must not be 0"),
    (lambda: straightness([[1.0, 2.0, 0.0]]), "sizes must not be 0"),
    (lambda: factor_per_layer([[1.0]]), "at least two layers"),
    (lambda: rank_correlation([1.0, 1.0], [1.0, 2.0]), "two different values"),
    (lambda: rank_correlation([1.0, 2.0], [1.0, 2.0, 3.0]), "one shape")])
def test_bad_arguments_are_named(call, error):
    with pytest.raises(ValueError, match=error):
        call()


def test_rank_trend_by_hand():
    """One pair of neighbours exchanged among five takes 0.1 off a correlation."""
    rising, almost = [1, 2, 3, 4, 5], [1, 2, 4, 3, 5]
    value, error = rank_trend(range(5), [rising, almost, rising])
    assert value == pytest.approx((1 + 0.9 + 1) / 3) and error == pytest.approx(0.1 / 3)
    assert rank_trend(range(5), [rising] * 4) == pytest.approx((1.0, 0.1 / 4))
    with pytest.raises(ValueError, match="at least two networks"):
        rank_trend(range(5), [rising])
