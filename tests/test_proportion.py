"""Proportionality against least squares by another road."""
import numpy as np
import pytest

from lib.measure.proportion import proportionality


def test_against_least_squares():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(1, 2, 50), rng.uniform(1, 2, 50)
    _, [rest], _, _ = np.linalg.lstsq(x[:, None], y, rcond=None)
    assert proportionality(x, y) == pytest.approx(1 - rest / (50 * y.var()), rel=1e-12)


def test_a_line_beside_the_origin_is_no_proportion():
    x = np.arange(1.0, 9.0)
    assert proportionality(x, 3 * x) == 1.0
    assert proportionality(x, 3 * x + 2) < 0.99 and proportionality(x, 9 - x) < 0


@pytest.mark.parametrize("x, y", [([1.0], [2.0]), ([0.0, 0.0], [1.0, 2.0]),
                                  ([1.0, 2.0], [3.0, 3.0]), ([1.0, 2.0], [1.0, 2.0, 3.0])])
def test_nothing_to_explain(x, y):
    with pytest.raises(ValueError, match="x and y must have one shape"):
        proportionality(x, y)
