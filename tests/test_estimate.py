"""Estimates against SciPy's intervals, numpy's fits, and samples of known spread."""
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from lib.estimate import (Estimate, bound, exact, exponent, jackknife, mean, pooled, ratio, share,
                          slope, spread_ratio, worst_gap)
from lib.measure.statistics import factor_per_layer

finite = st.floats(-1e6, 1e6)
positive = st.floats(1e-15, 1e3)


# Digits and words

@given(finite, positive)
def test_rounding_loses_little_and_repeats(value, error):
    kept, bar = bound(value, error).rounded()
    assert abs(kept - value) <= 0.011 * bar
    assert 0.94 * error <= bar <= max(1.06 * error, 1.1e-12, 1.1e-8 * abs(value))
    assert tuple(bound(kept, bar).rounded()) == (kept, bar)


@pytest.mark.parametrize("value, error", [(0.9398074003, 2.31e-5), (-12.604149, 3e-3),
                                          (0.93980740031, 1e-16), (1.7e-17, 3.1e-16),
                                          (18 / 1640, 0.0), (0.123456789012, np.nan)])
def test_platform_noise_is_rounded_away(value, error):
    noise = 1 + 4 * np.finfo(float).eps
    first, second = bound(value, error).rounded(), bound(value * noise, error * noise).rounded()
    assert repr(tuple(first)) == repr(tuple(second)) and repr(first) == repr(second)


@pytest.mark.parametrize("value, error, told", [
    (0.9398074, 2e-5, "0.93981 ± 0.00002"),
    (0.9398074, 1.4e-4, "0.93981 ± 0.00014"),
    (0.9398074, 1e-12, "0.939807 ± 0.000001"),  # six digits, whatever is known
    (12.604149, 0.5, "12.6 ± 0.5"),
    (1234.5, 56, "1230 ± 60"),
    (2.5948e8, 3.1e6, "(2.59 ± 0.03)e+08"),
    (-4.4e-7, 2e-9, "(-4.40 ± 0.02)e-07"),
    (0.0, 3e-11, "0 ± 3e-11"),
    (-0.0001, 0.02, "0.00 ± 0.02"),
    (7.0, 0.0, "7 exactly"),
    (96 / 25, 0.0, "3.84 exactly"),
    (2 / 3, 0.0, "0.666667 exactly"),
    (2 / 3, np.nan, "0.667"),
    (2 / 3, np.inf, "0.667"),
    (np.nan, np.nan, "no number"),
    (np.nan, 0.1, "no number"),
])
def test_numbers_show_what_their_error_supports(value, error, told):
    assert bound(value, error).text == told == repr(bound(value, error))


@given(finite, positive)
def test_no_raw_floats(value, error):
    assert not re.search(r"\.\d{8}", repr(bound(value, error).rounded()))


@given(st.floats(-1e5, 1e5), st.floats(1e-4, 1e4))
def test_what_is_shown_is_true(value, error):
    assume(error > 1e-5 * abs(value) and abs(value) > 1e-3)
    shown, bar = map(float, bound(value, error).text.split(" ± "))
    assert abs(shown - value) <= 0.51 * bar
    assert 0.65 * error <= bar <= 1.5 * error


def test_arrays_are_for_figures_and_hold_scalars_for_claims():
    many = mean([np.arange(12.0), np.arange(2.0, 14.0)])
    assert many.value.shape == many.error.shape == (12,)
    assert repr(many) == "(12,) from 1 to 12, errors up to 1 (mean, 2 samples)"
    assert many[3] == Estimate(4.0, 1.0, 2, "mean")
    assert many[:2].text == "1.0 ± 1.0, 2.0 ± 1.0"
    assert repr(many[:2]) == "[1.0 ± 1.0, 2.0 ± 1.0] (mean, 2 samples)"
    assert many.rounded().value.tolist() == many.value.tolist()
    assert min(many[5], many[2], many[4]) == many[2]
    value, error = many[0]
    assert (value, error) == (1.0, 1.0) and {type(value), type(error)} == {float}


# Intervals

@pytest.mark.parametrize("level", [0.5, 0.68, 0.95, 0.99])
def test_intervals_of_means_as_scipy_has_them(level):
    samples = np.random.default_rng(0).standard_normal((7, 3)) + [1, 2, 30]
    told = stats.ttest_1samp(samples, 0.0).confidence_interval(level)
    for one in (mean(samples), jackknife(lambda some: some.mean(axis=0), samples)):
        np.testing.assert_allclose(one.interval(level), told, rtol=1e-12)
    assert bound(3.0, 0.5).interval(level) == (2.5, 3.5) and exact(3).interval(level) == (3, 3)


@pytest.mark.parametrize("hits, n", [(0, 5), (3, 5), (5, 5), (41, 100), (1, 1)])
def test_intervals_of_shares_as_scipy_has_them(hits, n):
    found = share(np.arange(n) < hits)
    for level in (0.68, 0.95):
        told = stats.binomtest(hits, n).proportion_ci(level, "wilson")
        np.testing.assert_allclose(found.interval(level), told, atol=1e-12)
    low, high = stats.binomtest(hits, n).proportion_ci(stats.norm.cdf(1) * 2 - 1, "wilson")
    assert found.error == pytest.approx((high - low) / 2) and found.error > 0
    assert found.value == pytest.approx(hits / n) and found.samples == n


def test_a_pooled_error_is_the_residual_one_of_an_analysis_of_variance():
    samples = np.random.default_rng(5).normal(size=(4, 2, 3)) + np.arange(3.0)
    samples[:, 0, 1] = np.nan
    one, places = pooled(samples), samples.reshape(4, 6)[:, [0, 2, 3, 4, 5]]
    design = np.kron(np.eye(5), np.ones((4, 1)))
    residual = np.linalg.lstsq(design, places.T.ravel())[1].item()
    expected = np.sqrt(residual / (20 - 5) / 4)
    assert one.value.ravel()[[0, 2, 3, 4, 5]] == pytest.approx(places.mean(axis=0))
    assert one.error.ravel()[[0, 2, 3, 4, 5]] == pytest.approx([expected] * 5)
    assert np.isnan(one.value[0, 1]) and np.isnan(one.error[0, 1]) and one.samples == 16
    assert np.isnan(pooled(samples[:1]).error).all() and pooled(samples[:1]).value[0, 0]


def test_a_single_network_has_a_value_and_no_error():
    for one in (mean([3.0]), slope([0, 1], [[0.0, 3.0]]), jackknife(np.sum, [3.0]),
                worst_gap([3.0], 0.0)):
        assert one.value == 3.0 and np.isnan(one.error) and one.samples == 1
        assert one.interval() == (-np.inf, np.inf) and one.text == "3"
        assert one.rounded().value == 3.0 and np.isnan(one.rounded().error)
    assert np.isnan(mean([[1.0, 2.0]]).error).all()


@pytest.mark.parametrize("networks", [8, 40])
@pytest.mark.parametrize("gap", [0.0, 0.8])
def test_the_interval_of_a_largest_gap_covers_the_true_one(networks, gap):
    rng, hits, found = np.random.default_rng(2), [], []
    expected = np.linspace(1, 2, 30)
    truth = expected + gap * (np.arange(30) == 7)
    for _ in range(150):
        samples = truth + rng.standard_normal((networks, 30))
        found.append(worst_gap(samples, expected))
        low, high = found[-1].interval()
        hits.append(low <= gap <= high)
    assert np.mean(hits) > 0.95 - 2 * np.sqrt(0.05 * 0.95 / 150)
    if gap == 0.0:  # what chance alone gives is told
        told = np.mean([one.draws.mean() for one in found])
        assert told == pytest.approx(np.mean([one.value for one in found]), rel=0.15)
        assert "by chance alone" in repr(found[0])


def test_a_largest_gap_is_that_of_the_mean_with_its_error():
    samples = np.random.default_rng(3).standard_normal((9, 2, 3)) + 5
    centre, error = samples.mean(axis=0), samples.std(axis=0, ddof=1) / 3
    place = np.unravel_index(np.abs(centre - 4).argmax(), (2, 3))
    found = worst_gap(samples, np.full((2, 3), 4.0))
    assert tuple(found) == pytest.approx((centre[place] - 4, error[place]), rel=1e-12)
    part = worst_gap(samples, np.full((2, 3), 4.0), relative=True)
    assert tuple(part) == pytest.approx((found.value / 4, found.error / 4), rel=1e-12)
    assert found.interval() == worst_gap(samples, np.full((2, 3), 4.0)).interval()


def test_the_interval_of_a_largest_gap_by_a_loop():
    samples = np.random.default_rng(3).standard_normal((9, 4))
    rng, strays = np.random.default_rng(0), []
    for times in rng.multinomial(9, np.full(9, 1 / 9), 1000):
        again = np.repeat(samples, times, axis=0)
        strays.append(np.abs(again.mean(axis=0) - samples.mean(axis=0)).max() * np.sqrt(9 / 8))
    reach = np.quantile(strays, 0.9) * stats.t.ppf(0.95, 8) / stats.norm.ppf(0.95)
    found = worst_gap(samples, np.full(4, 3.0))
    assert found.interval(0.9) == pytest.approx((found.value - reach, found.value + reach))
    assert np.mean(np.square(worst_gap(samples[:, 0], 0.0).draws)) == pytest.approx(
        samples[:, 0].var(ddof=1) / 9, rel=0.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("found", [
    mean([1.0, np.inf, 2.0]), mean([np.nan]), slope([1.0, 2.0], [[-np.inf, 1.0], [2.0, 3.0]]),
    slope([1.0, 1.0], [[1.0, 2.0]] * 2), exponent([1.0, 2.0], bound([1.0, -2.0], 1.0)),
    exponent([1.0, 1.0], bound([1.0, 2.0], 1.0)), jackknife(lambda some: np.nan, [1.0, 2.0]),
    ratio([1.0, np.nan], [1.0, 2.0]), worst_gap([[0.0], [0.0]], [0.0], relative=True),
    worst_gap([[0.0], [1.0]], [np.nan]), spread_ratio([[1.0]], [1.0]),
    spread_ratio([[1.0], [np.nan], [2.0]], [1.0])])
def test_where_there_is_no_number_it_says_so(found):
    assert np.isnan(found.value) and found.text == "no number" and found.rounded().text
    assert not any(np.isfinite(found.interval()))


def test_a_statistic_that_one_network_carries_alone_has_no_error():
    found = jackknife(lambda some: some.mean() if some.max() > 1 else np.nan, [0.0, 1.0, 2.0])
    assert found.value == 1.0 and np.isnan(found.error)
    power = exponent([1.0, 2.0, 4.0], mean([[3.0, 6.0, 12.0]]))
    assert power.value == pytest.approx(1.0) and np.isnan(power.error) and power.samples == 1
    assert exponent([1.0, 2.0, 4.0], exact([3.0, 6.0, 12.0])).error == 0.0


# Makers

def test_slope_is_the_mean_of_polynomial_fits():
    rng = np.random.default_rng(0)
    x, samples = rng.random(7), rng.standard_normal((5, 7))
    slopes = np.polyfit(x, samples.T, 1)[0]
    found = slope(x, samples)
    np.testing.assert_allclose(tuple(found), [slopes.mean(), slopes.std(ddof=1) / np.sqrt(5)],
                               rtol=1e-9)
    assert slope(x, np.stack([samples, 2 * samples], axis=2))[1].value == pytest.approx(
        2 * found.value)


def test_exponent_is_a_weighted_polynomial_fit():
    x, means = np.array([1.0, 2.0, 4.0, 9.0]), np.array([3.0, 5.5, 14.0, 28.0])
    error = np.array([0.1, 0.5, 2.0, 0.7])
    fit, cov = np.polyfit(np.log(x), np.log(means), 1, w=means / error, cov="unscaled")
    found = exponent(x, Estimate(means, error, 12, "mean"))
    np.testing.assert_allclose(tuple(found), [fit[0], np.sqrt(cov[0, 0])], rtol=1e-9)
    assert found.samples == 12 and found.kind == "slope"


def test_the_error_of_an_exponent_is_its_spread():
    rng, x = np.random.default_rng(1), np.array([250.0, 500.0, 1000.0, 2000.0])
    error = 0.02 / x
    found = np.array([tuple(exponent(x, Estimate(1 / x + error * rng.standard_normal(4), error, 9,
                                                 "mean"))) for _ in range(2000)])
    assert found[:, 0].mean() == pytest.approx(-1, abs=2e-3)
    assert found[:, 0].std() == pytest.approx(found[0, 1], rel=0.06)


def test_bounds_in_an_exponent_add_up():
    """No choice of signs of the bounds moves the fit further than the bound that comes out."""
    x, value, error = np.array([[1.0, 2.0, 5.0], [2.0, 9.0, 40.0], [0.1, 0.2, 2.0]])
    found = exponent(x, bound(value, error))
    weight = value / error
    moved = [np.polyfit(np.log(x), np.log(value) + 1e-3 * np.array(signs) / weight, 1, w=weight)[0]
             for signs in np.ndindex(2, 2, 2) for signs in [[2 * s - 1 for s in signs]]]
    assert max(np.abs(np.array(moved) - found.value)) * 1e3 == pytest.approx(found.error, rel=1e-6)
    assert found.kind == "bound"


def test_jackknife_of_a_mean_is_the_standard_error():
    x = np.random.default_rng(0).standard_normal((9, 4))
    value, error = jackknife(lambda s: s[:, 2].mean(), x)
    assert value == pytest.approx(x[:, 2].mean(), rel=1e-14)
    assert error == pytest.approx(x[:, 2].std(ddof=1) / 3, rel=1e-12)


@pytest.mark.slow
def test_jackknife_of_a_growth_factor_is_its_spread():
    """2000 experiments of 20 networks whose lengths are log-normal and grow by 1.3 a layer."""
    steps = np.exp(0.1 * np.random.default_rng(1).standard_normal((20, 2000, 5)) - 0.005)
    values, errors = jackknife(factor_per_layer, np.cumprod(1.3 * steps, axis=2))
    assert values.mean() == pytest.approx(1.3, abs=1e-3)
    assert errors.mean() == pytest.approx(values.std(), rel=0.06)


def test_ratio_of_means_of_the_same_networks():
    """First order: the error of the mean of ``a - r b``, over the mean of b."""
    rng = np.random.default_rng(4)
    b = 5 + rng.standard_normal((2000, 2))
    a = 2 * b + 0.3 * rng.standard_normal((2000, 2))
    found = ratio(a, b)
    np.testing.assert_allclose(found.value, a.mean(axis=0) / b.mean(axis=0), rtol=1e-14)
    told = (a - found.value * b).std(axis=0, ddof=1) / b.mean(axis=0) / np.sqrt(2000)
    np.testing.assert_allclose(found.error, told, rtol=2e-3)


def test_spread_ratio_against_the_jackknife_of_its_formula():
    rng = np.random.default_rng(5)
    predicted = np.array([[1.0, 2.0], [3.0, 4.0], [0.5, 0.1]])
    samples = predicted * rng.standard_normal((300, 3, 2))
    told = jackknife(lambda some: np.sqrt(np.mean(
        (some.std(axis=0, ddof=1) / predicted) ** 2, axis=0)).mean(), samples)
    found = spread_ratio(samples, predicted)
    assert tuple(found) == pytest.approx(tuple(told), rel=1e-10)
    assert found.kind == "jackknife" and abs(found.value - 1) < 4 * found.error
    assert found.error == pytest.approx(1 / np.sqrt(2 * 300 * 6), rel=0.3)
    assert np.isnan(spread_ratio(samples[:2], predicted).error)


@pytest.mark.parametrize("call, error", [
    (lambda: slope([1.0], [[1.0, 2.0]] * 2), r"samples must have shape \(networks, 1, "),
    (lambda: exponent([1.0, 0.0], bound([1.0, 2.0], 1.0)), "x must be at least"),
    (lambda: exponent([1.0, 2.0], exact([1.0, 2.0, 3.0])), r"means must have shape \(2"),
    (lambda: jackknife(np.mean, [1.0, 2.0], [1.0]), "the same networks, got 2, 1"),
    (lambda: worst_gap([[1.0, 2.0]], [1.0]), "do not match"),
    (lambda: share([0.5, 2.0]), "hits must be at most 1"),
    (lambda: mean(1.0), "samples must have shape"),
    (lambda: bound(1.0, -1.0), "error must not be negative"),
    (lambda: Estimate(1.0, 0.1, 3, "guess"), "kind must be"),
    (lambda: mean([1.0, 2.0]).interval(2), "level must be at most 1"),
])
def test_bad_arguments_are_named(call, error):
    with pytest.raises(ValueError, match=error):
        call()


def test_all_kinds_but_bounds_count_their_samples():
    with pytest.raises(TypeError, match="samples must be an integer"):
        Estimate(1.0, 0.1, None, "mean")
    assert replace(bound(1.0, 0.1), samples=5).samples == 5


@pytest.mark.parametrize("measured", [worst_gap, spread_ratio])
def test_of_nothing_there_is_no_number(measured):
    value, error = measured(np.empty((5, 3, 0)), np.empty((3, 0)))
    assert np.isnan(value) and np.isnan(error)
    with pytest.raises(ValueError, match="first axis counts networks"):
        measured(np.empty((0, 3)), np.empty(3))
