"""Four seconds of `tests.fuzz`, and that it would notice."""
import numpy as np
import pytest
from fuzz import Subject, Sums, Tally, _exactly, averages, by_mpmath, fuzz, hermite_sum, networks

from lib.activations import get


@pytest.mark.slow
def test_nothing_certified_is_wrong():
    tally = fuzz(4.0, 2026)
    right = sum(n for (_, how), n in tally.counts.items() if how == "right")
    assert tally.certified_wrong == 0, str(tally)
    assert right > 100 and str(tally).startswith("grade ")


RELU = Subject("certified: named", "relu", {}, lambda x: np.maximum(x, 0.0), (0.0,))
BUMP = Subject("", "", {}, lambda x: np.tanh(3 * x) + np.abs(x - 1.3), (1.3,))


def test_the_oracles_know_what_is_known_by_hand():
    q = np.array([0.3, 2.0, 7.0])
    for order, expected in ((0, 0.5 * q), (1, 0.5 + 0 * q)):
        got, sure = Sums(RELU, q).moments(order, 1e-10)
        assert sure.all() and np.abs(got / expected - 1).max() < 1e-11
    c = np.array([-0.6, 0.1, 0.8])
    got, bound, power = hermite_sum(RELU, 2.0, c)
    exact = (np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / np.pi
    assert np.all(np.abs(got - exact) < bound * power + 1e-12) and power == pytest.approx(1.0)
    sums = Sums(BUMP, np.array([2.0])).moments(0, 1e-9)[0]
    assert by_mpmath(BUMP, 2.0) == pytest.approx(sums[0])


def test_a_wrong_number_is_counted():
    tally = Tally()
    averages(RELU, get("relu6"), np.random.default_rng(0), tally, 8, 1e-9)
    assert tally.certified_wrong > 0 and "WRONG certified: named: relu: order" in str(tally)


def test_exact_rationals_on_a_zigzag():
    from fractions import Fraction
    one, pieces = Fraction(1), [(Fraction(-2), Fraction(2), [Fraction(0)], [Fraction(1)])]
    passed, pieces = _exactly(np.array([[1.0], [-1.0]]), np.array([0.0, 0.0]), pieces)
    assert passed.tolist() == [1, 1] and len(pieces) == 2 and pieces[0][3] == [0, -one]
    passed, _ = _exactly(np.array([[1.0, 1.0]]), np.array([-1.0]), pieces)  # |x| - 1
    assert passed.tolist() == [2]
    tally = Tally()
    for _ in range(20):
        networks(np.random.default_rng(3), tally)
    assert tally.certified_wrong == 0
