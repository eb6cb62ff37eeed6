"""Depth as the iteration of one kernel: how a network nears the edge of chaos by being deep."""
from typing import Callable, NamedTuple

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.theory.correlated import Kernel


class Descent(NamedTuple):
    """Layer by layer ``1 - c`` and the slope of the correlation map there, ``(layers, ...)``."""

    deficit: np.ndarray
    slope: np.ndarray


def descend(phi: str | Activation | Callable, c: np.ndarray, layers: int,
            q: float = 1.0) -> Descent:
    """Correlations through layers that keep the variance: ``c <- kappa(c) / kappa(1)``.

    The weights have ``sigma_w^2 = q / E phi^2`` and there is no bias, so that inputs of variance q
    keep it. Beside the correlation goes the slope of the map at it, the factor by which that layer
    multiplies a small change of the correlation.

    Args:
        phi: name, `Activation` or callable.
        c: correlations of the inputs, in [-1, 1], any shape.
        layers: how many, the inputs' own included.
        q: the variance, above 0.

    Returns:
        The `Descent`.

    Raises:
        TypeError, ValueError: bad arguments.
        NotTrusted: an average that does not converge.

    Accuracy: 1e-10 relative of each deficit a layer, also where c is within 1e-30 of 1.

    Source: [daniely2016] (depth as composition); derived here.

    >>> [round(float(s), 6) for s in descend("relu", 0.0, 2).slope]
    [0.5, 0.603115]
    """
    d = 1.0 - real("c", c, -1.0, 1.0)
    layers, q = count("layers", layers), real("q", q, low=1e-12)
    if q.ndim:
        raise TypeError(f"q must be one number, got shape {q.shape}")
    kernel = Kernel(get(phi), q[None])
    found = []
    for _ in range(layers):
        flat = np.clip(d.ravel(), 0.0, 2.0)  # 2 is passed by rounding at c = -1
        found.append((flat, kernel.slope(flat) / kernel.power))
        d = kernel.deficit(flat) / kernel.power
    deficit, slope = (np.reshape(part, (layers, *np.shape(c))) for part in zip(*found))
    return Descent(deficit, slope)
