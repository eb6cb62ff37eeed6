"""Finite-time Lyapunov exponents of given Jacobians: singular values, as logarithms.

A small ``J^T J`` has its leading eigenvalue in closed form or from LAPACK. A J known only by its
products with vectors has its largest singular value from Golub and Kahan's bidiagonalisation.
What is returned is ``ln Lambda``; the exponent is that divided by the depth.
"""
from typing import Callable, NamedTuple, Sequence

import numpy as np

from lib.checks import Untrusted, count, number, real


class Stretch(NamedTuple):
    """``ln Lambda_1``, shape ``(...)``, and the unit vector that is stretched so, ``(..., d)``.

    The sign of a direction means nothing. Where nothing is stretched at all the logarithm is minus
    infinity and the direction arbitrary.
    """

    log: np.ndarray
    direction: np.ndarray


def leading(gram: np.ndarray, log_scale: np.ndarray | float = 0.0,
            frame: np.ndarray | None = None) -> Stretch:
    """The largest stretching of ``J^T J = exp(2 log_scale) gram`` and its direction.

    Args:
        gram: symmetric, shape ``(..., d, d)``.
        log_scale: shape ``(...)``.
        frame: orthonormal columns, the same for every point, in which gram is written, shape
            ``(networks, inputs, d)`` for a gram of shape ``(networks, points, d, d)``.

    Accuracy: rounding for the logarithm; the direction is off by rounding over the relative gap to
        the second eigenvalue of gram.

    Source: [storm2024]; two by two in closed form, derived here.
    """
    gram = real("gram", gram, axes="..., d, d")
    if gram.shape[-1] == 2:
        a, b, c = gram[..., 0, 0], gram[..., 0, 1], gram[..., 1, 1]
        top = 0.5 * (a + c) + np.hypot(0.5 * (a - c), b)
        angle = 0.5 * np.arctan2(2.0 * b, a - c)
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    else:
        values, vectors = np.linalg.eigh(gram)
        top, direction = np.maximum(values[..., -1], 0.0), vectors[..., -1]
    if frame is not None:
        direction = direction @ real("frame", frame).mT
    with np.errstate(divide="ignore"):
        return Stretch(0.5 * np.log(top) + log_scale, direction)


def top_singular(apply: Callable, adjoint: Callable, start: np.ndarray,
                 tolerance: float = 1e-6, steps: int = 100) -> Stretch:
    """The largest singular value of many matrices at once, from products with vectors.

    Golub and Kahan's bidiagonalisation with full orthogonalisation. After k steps the leading
    singular triple (s, u, v) of the bidiagonal matrix satisfies ``J v = s u`` exactly and
    ``|J^T u - s v| = r s`` with a known r, so that some singular value lies within a share r of s.

    Args:
        apply: takes vectors ``(..., d)`` to ``J v`` of shape ``(..., n)``, matrix by matrix.
        adjoint: takes ``(..., n)`` to ``J^T u``.
        start: random vectors, ``(..., d)``.
        tolerance: on r, at every matrix.
        steps: how many at most; d are enough for any matrix.

    Raises:
        Untrusted: r is still above the tolerance; ``best`` holds the `Stretch` and r.

    Accuracy: the logarithm is within about r of a singular value's, and with a gap to the next
        within r^2 over the relative gap; the direction within r over that gap. That the value is
        the largest rests on the start: for random ones it is missed by a share e after k steps
        with a probability of less than ``1.65 sqrt(d) exp(-(2 k - 1) sqrt(2 e))``.

    Source: [golub1965]; probability [kuczynski1992].
    """
    tolerance = number("tolerance", tolerance, low=1e-14)
    start = real("start", start, axes="..., d")
    if not np.all(start.any(axis=-1)):
        raise ValueError("start must hold vectors along its last axis, none of them zero")
    steps = min(count("steps", steps), start.shape[-1])
    v = _unit(start)[0]
    right, left, alphas, betas = [v], [], [], []
    u, beta = 0.0, 0.0
    for step in range(1, steps + 1):
        u, alpha = _unit(_orthogonal(np.asarray(apply(v)) - beta * u, left), alphas)
        left.append(u)
        alphas.append(alpha)
        v, beta = _unit(_orthogonal(np.asarray(adjoint(u)) - alpha * v, right), alphas)
        betas.append(beta)
        if step == steps or (step >= 3 and (step & (step - 1) == 0 or step % 5 == 0)):
            top, residual = _leading_triple(alphas, betas, right)
            if np.all(residual <= tolerance):
                return top
        right.append(v)
    raise Untrusted(f"a residual of {np.max(residual):.1g} is left after {steps} steps, "
                    f"{tolerance:.1g} was wanted: take more steps", (top, residual))


def crest_distance(radii: np.ndarray, exponents: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Distance along rays from the crest of the exponent to where the output changes sign.

    Ascending ``(radii,)`` and values ``(..., radii)``, one ray in a row, give ``(...)``: distance
    from the largest exponent to the nearest change of sign; NaN on rays without one.

    Accuracy: half the spacing of the radii for the crest, far less for the change of sign, which
        is interpolated.

    Source: derived here, for [storm2024], Fig. 2.
    """
    radii, exponents = real("radii", radii, axes="radii,"), real("exponents", exponents)
    outputs = real("outputs", outputs)
    if np.any(np.diff(radii) <= 0):
        raise ValueError("radii must ascend")
    if exponents.shape != outputs.shape or exponents.shape[-1:] != radii.shape:
        raise ValueError(f"exponents and outputs must have shape (..., {len(radii)}), got "
                         f"{exponents.shape} and {outputs.shape}")
    crest = radii[exponents.argmax(axis=-1)]
    below, above = outputs[..., :-1], outputs[..., 1:]
    crossed = np.sign(below) != np.sign(above)
    part = below / np.where(crossed, below - above, 1.0)
    place = np.where(crossed, radii[:-1] + part * np.diff(radii), np.inf)
    distance = np.abs(place - crest[..., None]).min(axis=-1)
    return np.where(np.isfinite(distance), distance, np.nan)


def _unit(x: np.ndarray, seen: Sequence[np.ndarray] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors and lengths; what is rounding beside the lengths seen is zero."""
    size = np.linalg.norm(x, axis=-1, keepdims=True)
    if len(seen):
        size = np.where(size > 1e-14 * np.max(seen, axis=0), size, 0.0)
    return x / np.where(size > 0.0, size, np.inf), size


def _orthogonal(x: np.ndarray, basis: Sequence[np.ndarray]) -> np.ndarray:
    """Remove what rounding left along a basis; after the recurrence once is enough."""
    if not basis:
        return x
    vectors = np.stack(basis, axis=-2)
    return x - np.vecmat(np.matvec(vectors, x), vectors)


def _leading_triple(alphas: list[np.ndarray], betas: list[np.ndarray],
                    right: list[np.ndarray]) -> tuple[Stretch, np.ndarray]:
    """Leading singular value of the bidiagonal matrix, its direction and its residual."""
    k = len(alphas)
    diagonal, above = (np.stack(one, axis=-2) for one in (alphas, betas))
    u, s, vt = np.linalg.svd(diagonal * np.eye(k) + above * np.eye(k, k=1))
    top, direction = s[..., 0], np.vecmat(vt[..., 0, :], np.stack(right, axis=-2))
    residual = betas[-1][..., 0] * np.abs(u[..., -1, 0]) / np.where(top > 0.0, top, 1.0)
    with np.errstate(divide="ignore"):
        return Stretch(np.log(top), direction), residual
