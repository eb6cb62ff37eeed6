"""Ensembles of random networks, sampled without weights or with them.

Given the activations of M inputs at one layer, the pre-activations of the next are exactly
independent from neuron to neuron, each an M-vector ``N(0, K)`` with
``K = sigma_w^2 / width * X^T X + sigma_b^2``. So they can be drawn from K, at any finite width,
without the ``width^2`` weights. `Ensemble.dense_layer` draws the weights: one is the other's test.
"""
from typing import Callable, Iterator

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real


class Ensemble:
    """Random networks of one width, all layers with fresh weights.

    Args:
        sigma_w, sigma_b: standard deviations; weights have variance ``sigma_w**2 / width``.
        width: neurons a layer.
        networks: how many are sampled side by side.
        rng: a seed or a `numpy.random.Generator`.
        phi: activation, by name or as a callable.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: exact in law at any width, not only for wide networks.

    Source: [poole2016] (the ensemble); sampling without weights is derived here.

    >>> h = Ensemble(1.0, 0.0, width=8, networks=3, rng=0, phi="linear").inputs([[1.0]])
    >>> h.shape
    (3, 8, 1)
    """

    def __init__(self, sigma_w: float, sigma_b: float, width: int, networks: int,
                 rng: int | np.random.Generator, phi: str | Activation | Callable = "tanh"):
        self.sigma_w = float(real("sigma_w", sigma_w, low=0.0))
        self.sigma_b = float(real("sigma_b", sigma_b, low=0.0))
        self.width, self.networks = count("width", width), count("networks", networks)
        self.phi, self.rng = get(phi), np.random.default_rng(rng)

    def inputs(self, gram: np.ndarray, exact: bool = False) -> np.ndarray:
        """First pre-activations of M inputs, ``h^1``, with a given Gram matrix per unit.

        Args:
            gram: ``K^1``, shape ``(M, M)``: squared lengths per unit on the diagonal.
            exact: if true ``h^T h / width`` equals ``gram`` in every network; if false the
                neurons are independent N(0, gram), as behind a random first layer.

        Returns:
            Shape ``(networks, width, M)``.

        Raises:
            ValueError: not a symmetric positive semi-definite matrix, or more inputs than
                neurons when exact.

        Accuracy: exact.

        Source: derived here.
        """
        root = _square_root(real("gram", gram))
        if exact and root.shape[0] > self.width:
            raise ValueError(f"gram of {root.shape[0]} inputs cannot be exact at width "
                             f"{self.width}")
        z = self.rng.standard_normal((self.networks, self.width, root.shape[0]))
        if exact:
            z = np.sqrt(self.width) * np.linalg.qr(z)[0]
        return z @ root

    def layer(self, h: np.ndarray) -> np.ndarray:
        """The next pre-activations, drawn without weights.

        Args:
            h: pre-activations, shape ``(networks, width, M)``.

        Returns:
            Next pre-activations, same shape.

        Accuracy: exact in law, for networks whose weights are independent of everything before;
            the triangular root comes from the activations themselves, so inputs that agree to
            1e-15 stay apart.

        Source: derived here.
        """
        x = np.asarray(self.phi.phi(h)) * (self.sigma_w / np.sqrt(self.width))
        bias = np.full_like(x[:, :1], self.sigma_b)
        root = np.linalg.qr(np.concatenate([x, bias], axis=1), mode="r")
        z = self.rng.standard_normal((self.networks, self.width, root.shape[1]))
        return z @ root

    def dense_layer(self, h: np.ndarray) -> np.ndarray:
        """The next pre-activations by explicit weights and biases.

        Args:
            h: pre-activations, shape ``(networks, width, M)``.

        Returns:
            Next pre-activations, same shape.

        Accuracy: exact.

        Source: [poole2016].
        """
        weights = self.rng.standard_normal((self.networks, self.width, self.width))
        weights *= self.sigma_w / np.sqrt(self.width)
        bias = self.sigma_b * self.rng.standard_normal((self.networks, self.width, 1))
        return weights @ np.asarray(self.phi.phi(h)) + bias

    def layers(self, h: np.ndarray, depth: int, dense: bool = False) -> Iterator[np.ndarray]:
        """Pre-activations of layers 1 (``h`` itself) to ``depth``.

        Args:
            h: first pre-activations, shape ``(networks, width, M)``.
            depth: number of layers.
            dense: draw the weights.

        Returns:
            Iterator of arrays of the shape of ``h``.

        Raises:
            ValueError: wrong shape, or depth below 1.

        Accuracy: exact in law.

        Source: [poole2016].
        """
        h = real("h", h)
        if h.ndim != 3 or h.shape[:2] != (self.networks, self.width):
            raise ValueError(f"h must have shape (networks, width, inputs) = ({self.networks}, "
                             f"{self.width}, ...), got {h.shape}")
        depth, step = count("depth", depth), self.dense_layer if dense else self.layer
        for layer in range(depth):
            yield h
            h = step(h) if layer + 1 < depth else h


def grams(layers: Iterator[np.ndarray]) -> np.ndarray:
    """Gram matrices per unit, ``h^T h / width``, of every layer and network.

    Args:
        layers: pre-activations, each of shape ``(networks, width, M)``.

    Returns:
        Shape ``(depth, networks, M, M)``: q on the diagonal.

    Accuracy: rounding.

    Source: [poole2016], definition of q.

    >>> grams([np.ones((1, 4, 1))]).tolist()
    [[[[1.0]]]]
    """
    return np.stack([np.swapaxes(h, -1, -2) @ h / h.shape[-2] for h in layers])


def pairs(q: float, c: np.ndarray) -> np.ndarray:
    """Gram matrix of pairs of inputs: length ``q`` each, correlation ``c`` within a pair.

    Args:
        q: squared length per unit.
        c: correlations, shape ``(n,)``; inputs of different pairs are orthogonal.

    Returns:
        Shape ``(2 n, 2 n)``; the pairs stand side by side.

    Raises:
        ValueError: q negative or c outside [-1, 1].

    Accuracy: exact.

    Source: derived here.

    >>> pairs(2.0, [0.5]).tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    c = np.atleast_1d(real("c", c, low=-1.0, high=1.0))
    gram = np.eye(2 * c.size)
    first = np.arange(0, 2 * c.size, 2)
    gram[first, first + 1] = gram[first + 1, first] = c
    return float(real("q", q, low=0.0)) * gram


def correlations(gram: np.ndarray) -> np.ndarray:
    """Correlation within each pair of inputs, ``c = q12 / sqrt(q1 q2)``.

    Args:
        gram: shape ``(..., 2 n, 2 n)``, the pairs side by side.

    Returns:
        Shape ``(..., n)``.

    Accuracy: rounding.

    Source: [poole2016], definition of c.

    >>> correlations(np.array([[4.0, 1.0], [1.0, 1.0]])).tolist()
    [0.5]
    """
    first = np.arange(0, gram.shape[-1], 2)
    return gram[..., first, first + 1] / np.sqrt(
        gram[..., first, first] * gram[..., first + 1, first + 1])


def lengths(gram: np.ndarray) -> np.ndarray:
    """Squared lengths per unit, the diagonal of a Gram matrix.

    Args:
        gram: shape ``(..., M, M)``.

    Returns:
        Shape ``(..., M)``.

    Accuracy: exact.

    Source: [poole2016], definition of q.

    >>> lengths(np.diag([1.0, 4.0])).tolist()
    [1.0, 4.0]
    """
    return np.diagonal(gram, axis1=-2, axis2=-1)


def _square_root(gram: np.ndarray) -> np.ndarray:
    """R with ``R^T R = gram``."""
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or gram.size == 0 \
            or not np.allclose(gram, gram.T):
        raise ValueError(f"gram must be a symmetric matrix, got shape {gram.shape}")
    values, vectors = np.linalg.eigh(gram)
    if values.min() < -1e-12 * max(values.max(), 0.0):
        raise ValueError(f"gram must be positive semi-definite; its smallest eigenvalue is "
                         f"{values.min():.3g}")
    root = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T
    upper = np.linalg.qr(root, mode="r")  # triangular, so that the sign is not LAPACK's choice
    return upper * np.where(np.diag(upper) < 0.0, -1.0, 1.0)[:, None]
