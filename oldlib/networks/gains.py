"""The mean-square gain of each layer of a given network, random or trained."""
from typing import Callable, Sequence

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import real


def layer_gains(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray],
                phi: str | Activation | Callable, x: np.ndarray) -> np.ndarray:
    """``|D W|_F^2 / N`` of every layer but the first, averaged over inputs.

    This is the mean of the squared singular values of a layer's Jacobian ``D W``, where
    ``D = diag phi'(h)``: the gain of a small perturbation in a random direction. In random wide
    networks at their fixed point it is chi1. The first layer is left out: its fan-in is another.

    Args:
        weights: of the hidden layers, each ``(networks, neurons, neurons before)``.
        biases: each ``(networks, neurons)``.
        phi: activation.
        x: inputs, shape ``(points, inputs)``.

    Returns:
        Shape ``(networks, layers - 1)``.

    Raises:
        ValueError, TypeError: fewer than two layers, or shapes that do not fit.

    Accuracy: rounding.

    Source: [poole2016] (chi1); derived here.

    >>> layer_gains([np.eye(2)[None], 3 * np.eye(2)[None]], [np.zeros((1, 2))] * 2, "linear",
    ...             np.ones((1, 2))).tolist()
    [[9.0]]
    """
    phi, x = get(phi), real("x", x)
    if len(weights) < 2 or len(weights) != len(biases):
        raise ValueError("weights and biases must be lists of one array a layer, two at least, "
                         f"got {len(weights)} and {len(biases)}")
    if x.ndim != 2 or np.ndim(weights[0]) != 3 or x.shape[1] != np.shape(weights[0])[2]:
        raise ValueError(f"x must have shape (points, inputs) as the first weights "
                         f"{np.shape(weights[0])} take them, got {x.shape}")
    gains = []
    for layer, (w, b) in enumerate(zip(weights, biases)):
        h = x @ np.swapaxes(w, 1, 2) + np.asarray(b)[:, None, :]
        x = phi.phi(h)
        if layer:
            squares = np.square(w).sum(axis=2)[:, :, None]
            gains.append((np.square(phi.dphi(h)) @ squares)[..., 0].mean(axis=1) / w.shape[2])
    return np.stack(gains, axis=1)
