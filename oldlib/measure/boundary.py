"""How a level set of a function is curved, from the function's gradient and Hessian there.

At a point of ``G = 0`` the surface bends along a unit tangent v by ``v^T H v / |g|``. Its
principal curvatures are the eigenvalues of that form on the tangent space, one fewer than there
are dimensions. Their sign is that of G: a ball ``|x|^2 < r^2`` with G = ``|x|^2 - r^2`` has +1/r.
"""
import numpy as np

from oldlib.checks import real


def principal_curvatures(gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """The principal curvatures of a level set, ascending.

    Args:
        gradient: shape ``(..., n)``, n at least 2.
        hessian: shape ``(..., n, n)``, symmetric.

    Returns:
        Shape ``(..., n - 1)``.

    Raises:
        ValueError: shapes that do not match, a Hessian that is not symmetric, or a gradient of
            length 0.

    Accuracy: 1e-14 of the largest; a reflection turns the normal onto the first axis, so the
        zero that a projected Hessian has along the normal never appears.

    Source: [poole2016], main text.

    >>> principal_curvatures([0.0, 2.0, 0.0], np.diag([2.0, 7.0, 6.0])).tolist()
    [1.0, 3.0]
    """
    return np.linalg.eigvalsh(_tangent_form(gradient, hessian)[0])


def principal_directions(gradient: np.ndarray,
                         hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The principal curvatures, ascending, and the tangent directions in which they occur.

    Args:
        gradient, hessian: as in `principal_curvatures`.

    Returns:
        Curvatures of shape ``(..., n - 1)`` and unit vectors as columns, ``(..., n, n - 1)``.

    Raises:
        ValueError: as for `principal_curvatures`.

    Accuracy: as `principal_curvatures`; directions of nearly equal curvatures mix.

    Source: [poole2016], main text.

    >>> np.abs(principal_directions([2.0, 0.0, 0.0], np.diag([5.0, 2.0, 1.0]))[1]).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    form, v = _tangent_form(gradient, hessian)
    curvatures, vectors = np.linalg.eigh(form)
    full = np.concatenate([np.zeros_like(vectors[..., :1, :]), vectors], axis=-2)
    return curvatures, full - v[..., :, None] * np.einsum("...i,...ij->...j", v, full)[
        ..., None, :]


def sum_of_squares(gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """The sum of the squared principal curvatures, ``|P H P|^2 / |g|^2``, without eigenvalues.

    Args:
        gradient, hessian: as in `principal_curvatures`.

    Returns:
        Shape ``(...)``. Divided by ``n - 1`` it is the mean square.

    Raises:
        ValueError: as for `principal_curvatures`.

    Accuracy: rounding.

    Source: [poole2016], main text; in terms of the mean-field law derived here.

    >>> float(sum_of_squares([0.0, 2.0, 0.0], np.diag([2.0, 7.0, 6.0])))
    10.0
    """
    normal, size, hessian = _checked(gradient, hessian)
    across = hessian - normal[..., :, None] * np.einsum(
        "...i,...ij->...j", normal, hessian)[..., None, :]
    across = across - np.einsum("...ij,...j->...i", across, normal)[..., None] \
        * normal[..., None, :]
    return np.sum(across * across, axis=(-2, -1)) / size**2


def _tangent_form(gradient: np.ndarray, hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The form whose eigenvalues are the curvatures, and v of the reflection ``I - v v^T``."""
    normal, size, hessian = _checked(gradient, hessian)
    v = normal.copy()
    v[..., 0] += np.where(normal[..., 0] < 0.0, -1.0, 1.0)  # turns the normal onto the first axis
    v /= np.sqrt(np.abs(v[..., :1]))
    turned = np.einsum("...ij,...j->...i", hessian, v)
    half = 0.5 * np.einsum("...i,...i->...", v, turned)
    outer = v[..., :, None] * (turned - half[..., None] * v)[..., None, :]
    tangent = (hessian - outer - np.swapaxes(outer, -1, -2))[..., 1:, 1:]
    return tangent / size[..., None, None], v


def _checked(gradient: np.ndarray,
             hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit normal, length of the gradient, Hessian."""
    gradient, hessian = real("gradient", gradient), real("hessian", hessian)
    n = gradient.shape[-1] if gradient.ndim else 0
    if n < 2 or hessian.shape != (*gradient.shape, n):
        raise ValueError("gradient must have shape (..., n) with n >= 2 and hessian (..., n, n); "
                         f"got {gradient.shape} and {hessian.shape}")
    scale = np.abs(hessian).max(axis=(-2, -1), keepdims=True)
    if np.any(np.abs(hessian - np.swapaxes(hessian, -1, -2)) > 1e-6 * scale):
        raise ValueError("hessian must be symmetric")
    size = np.sqrt(np.sum(gradient * gradient, axis=-1))
    if not np.all(size > 0.0):
        raise ValueError("gradient must not be zero: there the level set has no tangent plane")
    return gradient / size[..., None], size, hessian
