"""Ridges and their laws against small cases done by hand and numbers put in."""
import numpy as np
import pytest

from lib.measure.ridges import crest_distance, linear_law, meeting


def test_a_crest_beside_a_boundary_of_known_places():
    radii = np.linspace(0.3, 1.0, 701)
    crests, zeros = np.array([0.5, 0.7, 0.9]), np.array([0.53, 0.7, 0.81])
    exponents = -(radii - crests[:, None]) ** 2
    found = crest_distance(radii, exponents, np.tanh(5 * (zeros[:, None] - radii)))
    assert found == pytest.approx(np.abs(crests - zeros), abs=6e-4)
    assert np.isnan(crest_distance(radii, exponents[0], np.ones_like(radii)))


def test_of_two_changes_of_sign_the_nearer_counts():
    radii = np.linspace(0.0, 1.0, 1001)
    found = crest_distance(radii, -(radii - 0.6) ** 2, (radii - 0.2) * (radii - 0.65))
    assert found == pytest.approx(0.05, abs=1e-3)


def test_a_linear_law_recovers_what_was_put_in_with_honest_errors():
    rng, shape = np.random.default_rng(0), (4, 5, 30)
    a, b = np.arange(4)[:, None, None] * 1.0, np.arange(5)[None, :, None] * 2.0
    off = []
    for _ in range(300):
        law = linear_law([a, b], 1.5 * a - 0.3 * b - 5.0 + 0.7 * rng.standard_normal(shape))
        off.append((law.coefficients - [1.5, -0.3, -5.0]) / law.errors)
    assert np.abs(np.mean(off, axis=0)).max() < 0.25
    assert np.abs(np.std(off, axis=0) - 1).max() < 0.15
    assert law.rms == pytest.approx(0.7, rel=0.15)


def test_meeting_of_two_lines():
    x = np.array([1.0, 2.0, 4.0])
    assert meeting(x, [3.0, 3.1, 2.9], 0.5 * x - 1) == pytest.approx(8.0)
    with pytest.raises(ValueError, match="rising must rise"):
        meeting(x, [3.0, 3.0, 3.0], -x)


@pytest.mark.parametrize("call, told", [
    (lambda: crest_distance([1.0, 0.0], [0, 0], [0, 0]), "radii must ascend"),
    (lambda: crest_distance([0.0, 1.0], [0, 0, 0], [0, 0, 0]), "must have shape"),
    (lambda: linear_law([[1.0, 2.0]], [1.0, 2.0]), "cannot be told apart"),
    (lambda: linear_law([np.ones(9)], np.arange(9.0)), "cannot be told apart"),
])
def test_bad_arguments(call, told):
    with pytest.raises(ValueError, match=told):
        call()
