"""Length of the image of a path, and the angle it sweeps, piece by piece and exactly."""
import numpy as np

from oldlib.checks import real
from oldlib.networks.piecewise import Layer

FEW, MANY = 7, 10  # Gauss-Legendre nodes on a piece; where they differ it is halved
RELATIVE, SLACK, HALVINGS = 1e-7, 1e-11, 16  # a turning point keeps its relative error


class Unresolved(ArithmeticError):
    """An integral along a path that passes too close to the origin; ``best`` is its value."""

    def __init__(self, message: str, best: float):
        super().__init__(message)
        self.best = best


def length(layer: Layer) -> float:
    """Length of the curve of the activations ``x^l`` of a layer.

    A piece of a line is a chord. A piece of an arc is a piece of an ellipse, whose length is an
    incomplete elliptic integral of the second kind.

    Args:
        layer: of `lib.networks.piecewise.trace`.

    Returns:
        The length.

    Raises:
        ValueError: the activation jumps.

    Accuracy: rounding; on an arc 1e-11 relative.

    Source: [raghu2017], trajectory length; closed form derived here.

    >>> from oldlib.networks.paths import circle
    >>> from oldlib.networks.piecewise import trace
    >>> [one] = trace(circle([1.0, 0.0], [0.0, 1.0]), [np.eye(2)], [np.zeros(2)])
    >>> round(length(one), 6)  # a quarter, and two radii along the axes, there and back
    3.570796
    """
    if not layer.path.curved:
        return float(2 * np.sqrt(np.sum(layer.coefficients[1] ** 2, axis=1)).sum())
    from scipy.special import ellipeinc
    _, bend, tilt = layer.coefficients
    bb, cc, bc = (np.einsum("pi,pi->p", *of) for of in (
        (bend, bend), (tilt, tilt), (bend, tilt)))
    mean, swing = 0.5 * (bb + cc), np.hypot(0.5 * (cc - bb), bc)
    fastest = 0.5 * np.arctan2(-bc, 0.5 * (cc - bb))  # where the speed is greatest
    top = mean + swing
    m = np.clip(2 * swing / np.where(top > 0, top, 1.0), 0.0, 1.0)
    d = 0.5 * np.diff(layer.t)
    return float(np.sum(np.sqrt(top) * (ellipeinc(d - fastest, m) - ellipeinc(-d - fastest, m))))


def angular_length(layer: Layer, offset: float = 0.0) -> float:
    """Length of the curve of directions ``u / |u|``, ``u = (x^l, offset)``.

    A neuron of the next layer, ``w . x + b`` with Gaussian weights and bias, changes its sign on
    average ``angular_length / pi`` times along the path if ``offset`` is
    ``sigma_b sqrt(width) / sigma_w`` (Kac and Rice; each great circle is crossed by chance).

    Args:
        layer: of `lib.networks.piecewise.trace`.
        offset: component that does not move.

    Returns:
        The angle, in radians. A passage through the origin between two pieces adds none.

    Raises:
        ValueError: the activation jumps. Unresolved: on an arc, after 16 halvings.

    Accuracy: rounding on a line; on an arc 1e-7 of the integral of ``|du| / |u|``, by a
        quadrature that checks itself.

    Source: derived here, beside [raghu2017], ICLR form Fig. 2.

    >>> from oldlib.networks.paths import circle
    >>> from oldlib.networks.piecewise import trace
    >>> [one] = trace(circle([1.0, 0.0], [0.0, 1.0]), [np.eye(2)], [np.zeros(2)], "linear")
    >>> round(angular_length(one) / np.pi, 9)
    2.0
    """
    offset = float(real("offset", offset))
    parts = layer.coefficients
    if not layer.path.curved:
        mean, tilt = parts
        size = np.sum(mean**2, axis=1) + offset**2
        along = np.einsum("pi,pi->p", mean, tilt) / np.where(size > 0, size, 1.0)
        across2 = np.sum((tilt - along[:, None] * mean) ** 2, axis=1) + (along * offset) ** 2
        dot = size - np.sum(tilt**2, axis=1)
        return float(np.arctan2(2 * np.sqrt(size * across2), dot).sum())
    gram = np.array([[np.einsum("pi,pi->p", one, other) for one in parts] for other in parts])
    gram[0, 0] += offset**2
    d = 0.5 * np.diff(layer.t)
    piece, left, right, total = np.arange(d.size), -d, d, 0.0
    for _ in range(HALVINGS):
        (few, _), (many, moved) = (_swept(gram[:, :, piece], left, right, order)
                                   for order in (FEW, MANY))
        turn = _between(gram[:, :, piece], left, right)
        rough = (np.abs(many - few) > RELATIVE * moved + SLACK) | (turn > many + 10 * RELATIVE)
        total += many[~rough].sum()
        if not rough.any():
            return float(total)
        middle = 0.5 * (left[rough] + right[rough])
        left, right = np.append(left[rough], middle), np.append(middle, right[rough])
        piece = np.tile(piece[rough], 2)
    total = float(total + many[rough].sum())
    raise Unresolved(f"the angle is about {total:.6g}, but the curve passes too close to the "
                     "origin to be sure; use a line or an offset", total)


def _swept(gram: np.ndarray, left: np.ndarray, right: np.ndarray,
           order: int) -> tuple[np.ndarray, np.ndarray]:
    """Integrals of ``|u x u'| / |u|^2`` and ``|u'| / |u|`` from inner products of A, B and C."""
    at, weight = np.polynomial.legendre.leggauss(order)
    d = 0.5 * (right - left)[:, None]
    u = 0.5 * (left + right)[:, None] + d * at
    (aa, ab, ac), (_, bb, bc), (_, _, cc) = gram[..., None]
    c, s = np.cos(u), np.sin(u)
    xx = aa + 2 * (ab * c + ac * s + bc * c * s) + bb * c * c + cc * s * s
    xv = ac * c - ab * s + bc * (c * c - s * s) + (cc - bb) * c * s
    vv = bb * s * s + cc * c * c - 2 * bc * c * s
    across = np.sqrt(np.maximum(xx * vv - xv * xv, 0.0))
    xx = np.where(xx > 0, xx, 1.0)
    return (np.sum(d * weight * across / xx, axis=1),
            np.sum(d * weight * np.sqrt(np.maximum(vv, 0.0) / xx), axis=1))


def _between(gram: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Angle between the directions at both ends: no way between them is shorter."""
    ends = [np.stack([np.ones_like(u), np.cos(u), np.sin(u)]) for u in (left, right)]
    (ll, lr), (_, rr) = [[np.einsum("ip,ijp,jp->p", one, gram, other) for other in ends]
                         for one in ends]
    both = np.sqrt(np.maximum(ll * rr, 0.0))
    return np.where(both > 0, np.arccos(np.clip(lr / np.where(both > 0, both, 1.0), -1, 1)), 0.0)
