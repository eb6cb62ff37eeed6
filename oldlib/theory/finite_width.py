"""Error bands of width N on mean-field curves: how far single networks stray from them.

Let ``K`` be the covariance of two inputs' pre-activations given the layer before. Over networks
it fluctuates by order ``1/sqrt(N)``; to first order its covariance obeys
``S' = J S J^T + Q / N`` with J the Jacobian of the mean-field map and Q the covariance of
``sigma_w^2 (phi1^2, phi2^2, phi1 phi2)`` over one neuron.
"""
from typing import Callable, NamedTuple

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.theory.meanfield import pair_map


class Band(NamedTuple):
    """Mean-field curves of two inputs with the network-to-network covariance at width N.

    ``mean`` has shape (layers, 3), the per-unit ``(q1, q2, q12)``; ``cov`` has shape
    (layers, 3, 3), their covariance over networks.
    """

    mean: np.ndarray
    cov: np.ndarray

    @property
    def q(self) -> np.ndarray:
        """Squared length of the first input, shape (layers,)."""
        return self.mean[:, 0]

    @property
    def c(self) -> np.ndarray:
        """Correlation of the two inputs, shape (layers,)."""
        return self.mean[:, 2] / np.sqrt(self.mean[:, 0] * self.mean[:, 1])

    @property
    def sd_q(self) -> np.ndarray:
        """Standard deviation of q over networks, shape (layers,)."""
        return self.sd(np.array([1.0, 0.0, 0.0]))

    @property
    def sd_c(self) -> np.ndarray:
        """Standard deviation of c over networks, shape (layers,); at most 1."""
        q1, q2, _ = self.mean.T
        gradient = np.stack([-self.c / (2.0 * q1), -self.c / (2.0 * q2), 1.0 / np.sqrt(q1 * q2)])
        return np.minimum(self.sd(gradient.T), 1.0)

    def sd(self, gradient: np.ndarray) -> np.ndarray:
        """Standard deviation of any function of (q1, q2, q12) with this gradient.

        Args:
            gradient: shape (3,) or (layers, 3).

        Returns:
            Shape (layers,).

        Accuracy: first order in 1/N.

        Source: propagation of errors.
        """
        gradient = np.broadcast_to(gradient, self.mean.shape)
        return np.sqrt(np.einsum("li,lij,lj->l", gradient, self.cov, gradient))


def band(q: float, other: float, c: float, sigma_w: float, sigma_b: float, layers: int,
         width: int, *, phi: str | Activation | Callable = "tanh", exact: bool = False) -> Band:
    """Mean-field orbit of two inputs and its spread over networks of finite width.

    Args:
        q, other: squared lengths per unit of the first pre-activations, positive.
        c: their correlation in [-1, 1].
        sigma_w, sigma_b: standard deviations, not both 0.
        layers: how many, the first included.
        width: neurons a layer.
        phi: activation.
        exact: whether the first pre-activations have exactly these lengths and correlation in
            every network, or are random with these as their covariance.

    Returns:
        `Band` of the measured ``h^T h / width``, their own sampling noise included.

    Raises:
        ValueError, TypeError: bad arguments. NotTrusted: see `lib.theory.meanfield.pair_map`.

    Accuracy: first order in 1/N. At N = 100 within 10 % of sampled networks, but about 20 % low
        deep in the ordered phase, where c is near 1 and its distribution far from normal; the
        band of c is cut at 1. The mean itself shifts by order 1/N, which is not included.

    Source: derived here (Price's theorem for J).

    >>> b = band(1.0, 1.0, 0.0, 1.0, 0.0, 1, 50, phi="linear")
    >>> float(b.sd_q[0] ** 2).__round__(9)  # 2 q^2 / N
    0.04
    """
    phi, width = get(phi), count("width", width)
    q, other, c = (float(real(name, x, low, high)) for name, x, low, high in
                   (("q", q, 1e-300, np.inf), ("other", other, 1e-300, np.inf), ("c", c, -1, 1)))
    sigma_w, sigma_b = (float(real(name, x, low=0.0)) for name, x in
                        (("sigma_w", sigma_w), ("sigma_b", sigma_b)))
    state, spread = np.array([q, other, c * np.sqrt(q * other)]), np.zeros((3, 3))
    mean, cov = [], []
    for layer in range(count("layers", layers)):
        known = exact and layer == 0
        mean.append(state)
        cov.append(spread if known else spread + _sampling(state) / width)
        if layer + 1 < layers:
            jacobian, noise = _one_layer(state, c, sigma_w, phi)
            if known:  # neurons bound to an exact Gram matrix fluctuate less
                noise = noise - jacobian @ _sampling(state) @ jacobian.T
            q, other, c = (float(x) for x in pair_map(*state[:2], c, sigma_w, sigma_b, phi=phi))
            state = np.array([q, other, c * np.sqrt(q * other)])
            spread = jacobian @ spread @ jacobian.T + noise / width
    return Band(np.array(mean), np.array(cov))


def _sampling(state: np.ndarray) -> np.ndarray:
    """Covariance of ``(h1 h1, h2 h2, h1 h2)`` for one neuron, by Wick's theorem."""
    a, b, ab = state
    return np.array([[2 * a * a, 2 * ab * ab, 2 * a * ab],
                     [2 * ab * ab, 2 * b * b, 2 * b * ab],
                     [2 * a * ab, 2 * b * ab, a * b + ab * ab]])


def _one_layer(state: np.ndarray, c: float, sigma_w: float,
               phi: Activation) -> tuple[np.ndarray, np.ndarray]:
    """Jacobian of the map of (q1, q2, q12) and covariance of one neuron's contribution."""
    q1, q2, _ = state
    z, step = np.linspace(-7.0, 7.0, 160, retstep=True)  # even: no node sits on a kink at 0
    bell = step * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    u1 = np.sqrt(q1) * z[:, None]
    u2 = np.sqrt(q2) * (c * z[:, None] + np.sqrt(max(0.0, 1.0 - c * c)) * z)

    def mean(values):
        return bell @ np.broadcast_to(values, u2.shape) @ bell

    f1, f2, g1, g2 = phi.phi(u1), phi.phi(u2), phi.dphi(u1), phi.dphi(u2)
    parts = [f1 * f1 + 0.0 * u2, f2 * f2, f1 * f2]
    means = np.array([mean(p) for p in parts])
    noise = np.array([[mean(a * b) for b in parts] for a in parts]) - np.outer(means, means)
    cross = mean(g1 * g2)
    pull = 0.5 * c * np.sqrt(q1 * q2) * cross
    jacobian = np.array([[mean(f1 * g1 * u1) / q1, 0.0, 0.0], [0.0, mean(f2 * g2 * u2) / q2, 0.0],
                         [(0.5 * mean(g1 * u1 * f2) - pull) / q1,
                          (0.5 * mean(g2 * u2 * f1) - pull) / q2, cross]])
    return sigma_w**2 * jacobian, sigma_w**4 * noise
