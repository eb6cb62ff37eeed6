"""Exponents of given Jacobians against closed forms and a full SVD."""
import numpy as np
import pytest

from lib.checks import Untrusted
from lib.measure.lyapunov import crest_distance, leading, top_singular

GOLDEN = 0.5 * (1.0 + np.sqrt(5.0))


def products(j):
    """The two products with stacks of vectors that `top_singular` asks for."""
    return (lambda v: (j @ v[..., None])[..., 0],
            lambda u: (np.swapaxes(j, -1, -2) @ u[..., None])[..., 0])


def test_a_shear_stretches_by_the_golden_ratio():
    shear = np.array([[1.0, 1.0], [0.0, 1.0]])
    found = leading(shear.T @ shear)
    assert found.log == pytest.approx(np.log(GOLDEN), abs=1e-15)
    direction = np.array([1.0, GOLDEN]) / np.hypot(1.0, GOLDEN)
    assert abs(found.direction @ direction) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("d", [1, 2, 3, 9])
def test_leading_is_that_of_a_full_svd(d):
    j = np.random.default_rng(d).standard_normal((40, 11, d))
    _, s, vt = np.linalg.svd(j)
    found = leading(np.swapaxes(j, 1, 2) @ j, log_scale=7.0)
    assert np.abs(found.log - 7.0 - np.log(s[:, 0])).max() < 1e-14
    assert np.abs(np.einsum("pd,pd->p", found.direction, vt[:, 0])).min() > 1 - 1e-9


def test_nothing_stretched_is_minus_infinity():
    assert leading(np.zeros((2, 2))).log == -np.inf
    assert leading(np.zeros((3, 3))).log == -np.inf
    found = top_singular(*products(np.zeros((1, 4, 4))), np.ones((1, 4)))
    assert found.log.tolist() == [-np.inf]


@pytest.mark.parametrize("shape", [(60, 60), (12, 90), (90, 12), (1, 5), (5, 1)])
def test_top_singular_is_that_of_a_full_svd(shape):
    rng = np.random.default_rng(4)
    j = rng.standard_normal((6, *shape))
    _, s, vt = np.linalg.svd(j, full_matrices=False)
    found = top_singular(*products(j), rng.standard_normal((6, shape[1])), tolerance=1e-8)
    assert np.abs(found.log - np.log(s[:, 0])).max() < 1e-12
    assert np.abs(np.einsum("pd,pd->p", found.direction, vt[:, 0])).min() > 1 - 1e-10


def test_low_rank_ends_the_bidiagonalisation_early():
    rng = np.random.default_rng(9)
    j = np.stack([np.outer(rng.standard_normal(30), rng.standard_normal(50)),
                  rng.standard_normal((30, 50)), np.eye(30, 50)])
    found = top_singular(*products(j), rng.standard_normal((3, 50)))
    assert found.log == pytest.approx(
        np.log(np.linalg.svd(j, compute_uv=False)[:, 0]), abs=1e-10)


@pytest.mark.parametrize("apart", [0.0, 1e-12, 1e-8, 1e-6])
def test_a_cluster_at_the_top_leaves_the_directions_at_right_angles(apart):
    """A basis that has lost its right angles makes directions of another length."""
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((3, 60, 60)))[0] for _ in range(2))
    sizes = np.concatenate([1 - apart * np.arange(30), np.full(30, 1e-7)])
    j = (left * sizes) @ np.swapaxes(right, -1, -2)
    found = top_singular(*products(j), rng.standard_normal((3, 60)), tolerance=1e-13)
    assert np.abs(np.linalg.norm(found.direction, axis=1) - 1.0).max() < 1e-13
    assert np.abs(found.log).max() < 1e-13
    assert np.abs(right[..., 30:].mT @ found.direction[..., None]).max() < 1e-7


def test_the_certificate_bounds_the_error_and_too_few_steps_are_refused():
    rng = np.random.default_rng(2)
    j = rng.standard_normal((20, 80, 80))
    exact = np.log(np.linalg.svd(j, compute_uv=False))
    with pytest.raises(Untrusted, match="take more steps") as refusal:
        top_singular(*products(j), rng.standard_normal((20, 80)), steps=6)
    best, residual = refusal.value.best
    nearest = np.abs(best.log[:, None] - exact).min(axis=1)
    assert np.all(nearest <= -np.log1p(-residual))
    assert np.all(best.log <= exact[:, 0] + 1e-12)
    assert residual.max() > 1e-3


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


@pytest.mark.parametrize("call, told", [
    (lambda: leading(np.zeros((2, 3))), "gram must have shape"),
    (lambda: leading([[np.nan, 0], [0, 1]]), "gram must be finite"),
    (lambda: top_singular(None, None, [[0.0, 0.0]]), "none of them zero"),
    (lambda: top_singular(None, None, [[1.0]], steps=0), "steps must be at least 1"),
    (lambda: crest_distance([1.0, 0.0], [0, 0], [0, 0]), "radii must ascend"),
    (lambda: crest_distance([0.0, 1.0], [0, 0, 0], [0, 0, 0]), "must have shape"),
])
def test_bad_arguments(call, told):
    with pytest.raises(ValueError, match=told):
        call()
