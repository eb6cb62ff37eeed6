"""How many dimensions a circle fills after some layers, in wide networks and at finite width.

At infinite width the inner products of the circle's points depend on their distance alone, so
that its principal components are the sines and cosines of theta, with the Fourier coefficients
of the autocorrelation for variances. At width N these inner products carry noise of relative
variance ``(m + 1) / N`` in random directions, which adds to the sum of squared variances:

    1 / PR_N = 1 / PR + (m + 1) / N ,    m' = r^2 m + Q .

``r = C'(c) (1 - c) / (1 - C(c))`` says what a layer keeps of the noise it is handed, and
``Q = E v^2 / (E v)^2``, with v(z) the variance of phi given what all points share, what it adds;
c is the mean correlation along the circle. An exact circle starts with m = -1.
"""
from typing import Callable, NamedTuple

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count
from oldlib.theory import meanfield as mf
from oldlib.theory.shell import CorrelationShell


class Dimension(NamedTuple):
    """Spectrum and effective dimension of the circle; the first axis counts layers.

    ``spectrum`` of shape (layers, points - 1) holds the variances along sines and cosines of
    theta as shares of q*, in the order of `numpy.fft.fft` without the constant; ``ratio`` and
    ``ratio_at_width`` of shape (layers,) are the participation ratios of infinitely wide
    networks and of those of finite width.
    """

    spectrum: np.ndarray
    ratio: np.ndarray
    ratio_at_width: np.ndarray


def circle(sigma_w: float, sigma_b: float, layers: int, points: int, width: int, *,
           phi: str | Activation | Callable = "tanh") -> Dimension:
    """Principal components of a great circle of radius sqrt(N q*) put into layer 1.

    Args:
        sigma_w, sigma_b: standard deviations.
        layers: how many, the circle's own included.
        points: equally spaced on the circle; no ratio can exceed ``points - 1``.
        width: neurons a layer, for ``ratio_at_width``.
        phi: activation.

    Returns:
        `Dimension`.

    Raises:
        ValueError, TypeError: bad arguments, or q* = 0. NoFixedPoint: there is no q*.

    Accuracy: spectrum 1e-10 of its largest; ``ratio_at_width`` first order in (m + 1) / N: at
        N = 1000 within 3 % of sampled networks over twenty layers in all three phases.

    Source: derived here, beside [poole2016], Fig. 3A.

    >>> circle(2.0, 0.1, 1, 16, 100).ratio.round(9).tolist()
    [2.0]
    """
    phi, points, width = get(phi), count("points", points, 3), count("width", width)
    q = mf.q_star(sigma_w, sigma_b, phi=phi)
    if q.ndim or not q > 0.0:
        raise ValueError(f"sigma_w and sigma_b must be single numbers with q* above 0, got "
                         f"q* = {q}")
    theta = 2.0 * np.pi * np.arange(points) / points
    d = mf.deficit_orbit(1.0 - np.cos(theta), sigma_w, sigma_b, layers, phi=phi)
    spectrum = np.maximum(-np.fft.fft(d, axis=1).real[:, 1:] / points, 0.0)
    ratio = spectrum.sum(axis=1)**2 / (spectrum**2).sum(axis=1)
    shell = CorrelationShell(phi, np.asarray(sigma_w, dtype=float), q)
    mean = np.minimum(d.mean(axis=1), 1.0)  # rounding
    keeps = shell.slope(mean) * mean / shell.deficit(mean)
    noise = -np.ones(layers)
    for layer in range(layers - 1):
        noise[layer + 1] = keeps[layer]**2 * noise[layer] + _adds(phi, float(q), mean[layer])
    return Dimension(spectrum, ratio, 1.0 / (1.0 / ratio + (noise + 1.0) / width))


def _adds(phi: Activation, q: float, d: float) -> float:
    """``E v^2 / (E v)^2``, v(z) the variance of phi(h) given the shared part z of h."""
    z, step = np.linspace(-7.0, 7.0, 160, retstep=True)  # even: no node sits on a kink at 0
    bell = step * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    f = np.asarray(phi.phi(np.sqrt(q) * (np.sqrt(1.0 - d) * z[:, None] + np.sqrt(d) * z)))
    v = (f - (f @ bell)[:, None])**2 @ bell
    return float(bell @ v**2 / (bell @ v)**2)
