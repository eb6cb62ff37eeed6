"""The disc in a square: half its area, coordinates of variance one, points where they belong."""
import numpy as np
import pytest

from lib.tasks.disc import HALF_SIDE, RADIUS, core, rim, sample


def test_half_of_the_square_is_inside():
    assert np.pi * RADIUS**2 / 2**2 == pytest.approx(0.5, rel=1e-15)
    x, y = sample(200_000, 1)
    assert np.abs(x).max() <= HALF_SIDE
    assert x.var(axis=0) == pytest.approx(1.0, abs=0.01)
    assert y.mean() == pytest.approx(0.0, abs=0.01)
    radius = np.hypot(*x.T) / HALF_SIDE
    assert np.all((radius < np.sqrt(2 / np.pi)) == (y[:, 0] > 0))


def test_rim_and_core():
    assert np.hypot(*rim(7).T) == pytest.approx(RADIUS * HALF_SIDE)
    radius = np.sort(np.hypot(*core(2000, 0.2).T)) / HALF_SIDE
    assert radius == pytest.approx(0.2 * np.sqrt((np.arange(2000) + 0.5) / 2000))
    assert np.abs(core(2000).mean(axis=0)).max() < 1e-3
