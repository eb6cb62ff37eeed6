"""Double-exponential rules on a half line, split at breakpoints, with an error estimate.

The substitution ``z = exp(t - exp(-t))`` keeps a strip of analyticity in ``log z`` whose width
does not depend on the scale of the integrand, so one rule serves every pre-activation variance,
where Gauss-Hermite needs ten thousand nodes.
"""
from functools import lru_cache

import numpy as np

from lib.checks import Untrusted

REACH = 13.0  # the normal density there is 1e-37
LEVELS = (97, 193, 385, 769)  # nodes a panel: every second and fourth node is a rule too


NotTrusted = Untrusted  # until its users have moved


@lru_cache(maxsize=32)
def half_line(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, inf), clustered at 0, for integrands that decay like a Gaussian.

    Args:
        nodes: how many.

    Returns:
        Nodes and weights, each of shape ``(nodes,)``; reusable, not to be written to.

    Accuracy: error falls like exp(-nodes/const); 97 nodes give 1e-15 for an analytic integrand
        of scale one, and still 1e-13 where its scale is 1/10.

    Source: [takahasi1974].
    """
    t, step = np.linspace(-3.7, 2.64, nodes, retstep=True)
    z = np.exp(t - np.exp(-t))
    return _frozen(z, step * z * (1.0 + np.exp(-t)))


@lru_cache(maxsize=32)
def unit_interval(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Tanh-sinh nodes and weights on [0, 1], clustered at both ends.

    Args:
        nodes: how many; odd, so that the middle is a node.

    Returns:
        Nodes and weights, each of shape ``(nodes,)``.

    Accuracy: as `half_line`.

    Source: [takahasi1974].
    """
    t, step = np.linspace(-3.1, 3.1, nodes, retstep=True)
    inner = 0.5 * np.pi * np.sinh(t)
    weights = step * 0.25 * np.pi * np.cosh(t) / np.cosh(inner) ** 2
    return _frozen(1.0 / (1.0 + np.exp(-2.0 * inner)), weights)


def split_half_line(edges: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, inf) split at breakpoints that differ from point to point.

    Args:
        edges: breakpoints in any order, shape ``(..., m)``; those not positive count as 0.
        nodes: nodes of each of the ``m + 1`` panels.

    Returns:
        Nodes and weights of shape ``(..., (m + 1) * nodes)``, or ``(nodes,)`` if ``m = 0``.

    Accuracy: as `half_line` in each panel.

    Source: derived here.
    """
    if edges.shape[-1] == 0:
        return half_line(nodes)
    edges = np.sort(np.maximum(edges, 0.0), axis=-1)
    inner = np.minimum(edges, REACH)
    start = np.concatenate([np.zeros_like(inner[..., :1]), inner[..., :-1]], axis=-1)
    share, weight = unit_interval(nodes)
    wide = (inner - start)[..., None]
    z, w = start[..., None] + wide * share, wide * weight
    tail, tail_weight = half_line(nodes)
    last = edges[..., -1:]
    shape = (*edges.shape[:-1], -1)
    return (np.concatenate([z.reshape(shape), last + tail], axis=-1),
            np.concatenate([w.reshape(shape), np.broadcast_to(tail_weight, last.shape[:-1]
                                                              + tail.shape)], axis=-1))


def three_sums(terms: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """The sum of a rule's terms and an estimate of its error.

    A rule of step h contains those of step 2h and 4h. If they give I1, I2, I4, then
    ``|I1 - I2|^2 / |I2 - I4|`` estimates the error of I1 for geometric convergence and bounds
    it for the double-exponential kind.

    Args:
        terms: weight times value, shape ``(..., panels * nodes)``.
        nodes: nodes a panel.

    Returns:
        Sum and error estimate, each of shape ``(...)``.

    Accuracy: the estimate is within a factor of a few for kinks and pessimistic otherwise.

    Source: Aitken's extrapolation.
    """
    fine, middle, coarse = np.moveaxis(terms @ _masks(terms.shape[-1] // nodes, nodes), -1, 0)
    small, large = np.abs(fine - middle), np.abs(middle - coarse)
    return fine, small * np.minimum(1.0, small / np.maximum(large, 1e-300))


@lru_cache(maxsize=32)
def _masks(panels: int, nodes: int) -> np.ndarray:
    index = np.arange(nodes)
    one = np.stack([np.ones(nodes), 2.0 * (index % 2 == 0), 4.0 * (index % 4 == 0)], axis=-1)
    return np.tile(one, (panels, 1))


def _frozen(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    for array in arrays:
        array.flags.writeable = False
    return arrays
