"""Principal curvatures against surfaces whose curvatures are in every textbook."""
import numpy as np
import pytest

from lib.measure.curves import (principal_curvatures, principal_directions,
                                  sum_of_squares)


def turned(n, seed=0):
    """A random rotation."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


@pytest.mark.parametrize("n", [2, 3, 40])
def test_sphere(n):
    x = np.random.default_rng(1).standard_normal((5, n))
    radius = np.sqrt(np.sum(x * x, axis=1))
    found = principal_curvatures(2 * x, np.broadcast_to(2 * np.eye(n), (5, n, n)))
    assert found.shape == (5, n - 1)
    assert np.allclose(found, 1 / radius[:, None], rtol=1e-13)


def test_torus():
    """Outside 1/r and cos(v) / (R + r cos v), from the distance function's closed form."""
    big, small, v = 3.0, 1.2, np.linspace(0.1, 6.0, 7)
    rho = big + small * np.cos(v)
    gradient = np.stack([2 * (rho - big), 0 * v, 2 * small * np.sin(v)], axis=-1)
    hessian = np.zeros((7, 3, 3))  # of (sqrt(x^2 + y^2) - R)^2 + z^2 - r^2 at (rho, 0, z)
    hessian[:, 0, 0] = hessian[:, 2, 2] = 2.0
    hessian[:, 1, 1] = 2 * (rho - big) / rho
    expected = np.sort(np.stack([np.full(7, 1 / small), np.cos(v) / rho], axis=-1), axis=-1)
    turn = turned(3)
    found = principal_curvatures(gradient @ turn, turn.T @ hessian @ turn)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_tip_of_an_ellipsoid():
    axes = np.array([1.0, 2.0, 3.0, 0.5])
    tip = np.array([0.0, 0.0, 3.0, 0.0])
    expected = np.sort(3.0 / np.delete(axes, 2) ** 2)
    assert np.allclose(principal_curvatures(2 * tip / axes**2, np.diag(2 / axes**2)), expected)


def test_a_plane_is_flat_even_where_its_function_bends():
    normal = turned(9)[0]
    bent = 5.0 * np.outer(normal, normal)
    assert np.abs(principal_curvatures(normal, bent)).max() < 1e-14
    assert sum_of_squares(normal, bent) < 1e-28


def test_against_the_projected_hessian():
    rng = np.random.default_rng(2)
    gradient = rng.standard_normal((4, 30))
    hessian = rng.standard_normal((4, 30, 30))
    hessian += np.swapaxes(hessian, 1, 2)
    for g, h, found, squares in zip(gradient, hessian, principal_curvatures(gradient, hessian),
                                    sum_of_squares(gradient, hessian)):
        unit = g / np.linalg.norm(g)
        project = np.eye(30) - np.outer(unit, unit)
        values = np.linalg.eigvals(project @ h @ project / np.linalg.norm(g)).real
        expected = np.sort(np.delete(values, np.abs(values).argmin()))
        assert np.allclose(found, expected, rtol=1e-11, atol=1e-11)
        assert np.isclose(squares, np.sum(expected**2), rtol=1e-12)


def test_directions():
    """Unit, tangent, orthogonal, and bent as much as they say."""
    rng = np.random.default_rng(3)
    gradient, hessian = rng.standard_normal((2, 12)), rng.standard_normal((2, 12, 12))
    hessian += np.swapaxes(hessian, 1, 2)
    curvatures, vectors = principal_directions(gradient, hessian)
    for g, h, kappa, v in zip(gradient, hessian, curvatures, vectors):
        assert np.allclose(v.T @ v, np.eye(11), atol=1e-13)
        assert np.abs(g @ v).max() < 1e-13
        assert np.allclose(v.T @ h @ v / np.linalg.norm(g), np.diag(kappa), atol=1e-12)


def test_the_function_does_not_matter_only_its_zeros():
    """exp(G) - 1 and 5 G have the boundary of G, -G the same with the other sign."""
    g = np.array([1.0, -2.0, 0.5])
    h = np.array([[1.0, 0.3, 0.0], [0.3, -2.0, 1.0], [0.0, 1.0, 0.7]])
    same = principal_curvatures(g, h)
    assert np.allclose(principal_curvatures(5 * g, 5 * h), same)
    assert np.allclose(principal_curvatures(g, h + np.outer(g, g)), same)
    assert np.allclose(principal_curvatures(-g, -h), -same[::-1])


def test_normal_along_an_axis():
    for sign in (1.0, -1.0):
        found = principal_curvatures([sign, 0.0, 0.0], np.diag([9.0, 2.0, 1.0]))
        assert found.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("function", [principal_curvatures, principal_directions,
                                      sum_of_squares])
@pytest.mark.parametrize("gradient, hessian, named", [
    (np.zeros(3), np.eye(3), "tangent plane"),
    (np.ones(3), np.eye(4), "shape"),
    (np.ones(1), np.eye(1), "two components"),
    (np.ones(2), np.array([[1.0, 1.0], [0.0, 1.0]]), "symmetric"),
    (np.array([1.0, np.inf]), np.eye(2), "gradient must be finite"),
])
def test_bad_arguments_are_named(function, gradient, hessian, named):
    with pytest.raises(ValueError, match=named):
        function(gradient, hessian)
