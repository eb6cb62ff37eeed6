"""How often the neurons of a layer change sign along a curve: Kac-Rice, with its constant.

For a fresh Gaussian neuron the expected number of zeros of ``w . z(t) + b`` is the length of the
curve ``u(t) / |u(t)|`` over pi, with ``u = (sigma_w z / sqrt(k), sigma_b)``: a random hyperplane
through the origin meets a great circle twice. That is true at every width, given the layer
before.
"""
from typing import Callable

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.theory.meanfield import Phi, chi1, length_orbit, q_star
from oldlib.theory.stretch import mean_lengths


def sign_changes(angle: np.ndarray, width: int) -> np.ndarray:
    """Mean number of sign transitions of a layer along a curve, ``width * angle / pi``.

    Args:
        angle: angular length, in radians, of the curve ``u / |u|`` of the layer before.
        width: neurons of the layer.

    Returns:
        Shape of ``angle``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: exact, as an average over the weights of the layer, at any width.

    Source: [kac1943], [rice1944]; for layers derived here.

    >>> sign_changes(2 * np.pi, width=3).item()  # every neuron twice round a great circle
    6.0
    """
    return count("width", width) * real("angle", angle, low=0.0) / np.pi


def per_length(sigma_w: np.ndarray, sigma_b: np.ndarray, width: int, *,
               phi: Phi = "hard_tanh") -> np.ndarray:
    """Sign transitions of a layer over the length of the curve of activations before it.

    ``sigma_w sqrt(k) / (pi sqrt(q*))``: the constant of "transitions are proportional to
    length", for activations that stay on the sphere of the fixed point.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast; sigma_w not 0.
        width: k, of both layers.
        phi: activation, or a list of them.

    Returns:
        Transitions per unit of length, broadcast shape.

    Raises:
        NoFixedPoint: lengths diverge. ValueError, TypeError: bad arguments, or q* = 0.

    Accuracy: order 1/k and the distance of the first layers from q*.

    Source: derived here, beside [raghu2017], ICLR form, Fig. 2.

    >>> float(per_length(np.sqrt(8.0), 0.0, width=64)).__round__(2)
    2.86
    """
    q = q_star(sigma_w, sigma_b, phi=phi)
    if np.any(q == 0.0):
        raise ValueError("sigma_w is so small that q* = 0: the curve shrinks to a point")
    return real("sigma_w", sigma_w) * np.sqrt(count("width", width)) / (np.pi * np.sqrt(q))


def level_ratio(q: np.ndarray, level: float = 1.0) -> np.ndarray:
    """Crossings of +level and -level together over sign changes, ``2 exp(-level^2 / (2 q))``.

    Args:
        q: variance of the pre-activation, the same all along the curve.
        level: of the crossings; 1 for the region transitions of hard-tanh.

    Returns:
        Shape of ``q``.

    Raises:
        ValueError: q not positive.

    Accuracy: exact for constant q.

    Source: [rice1944].

    >>> float(level_ratio(0.5)).__round__(6)  # 2 / e
    0.735759
    """
    return 2.0 * np.exp(-0.5 * float(real("level", level)) ** 2 / real("q", q, low=1e-300))


def circle_zeros(layer: np.ndarray, sigma_w: float, sigma_b: float, *,
                 phi: Phi = "tanh") -> np.ndarray:
    """Zeros of a neuron on a great circle of ``h^1`` at q*, in wide networks: ``2 chi1^(l/2)``.

    Every layer stretches the circle by ``sqrt(chi1)`` and keeps it on the sphere q*, biases
    or not: a stationary Gaussian process with ``E h^2 = q*`` and ``E h'^2 = q* chi1^l``.

    Args:
        layer: layers l passed; 0 is the circle itself.
        sigma_w, sigma_b: standard deviations.
        phi: activation.

    Returns:
        Shape of ``layer``. Times `level_ratio` of q*, the region transitions of hard-tanh.

    Raises:
        NoFixedPoint: lengths diverge. ValueError, TypeError: bad arguments.

    Accuracy: the limit of infinite width.

    Source: derived here; the length is that of [poole2016].

    >>> circle_zeros(np.array([0]), 2.0, 0.0).tolist()
    [2.0]
    """
    return 2.0 * chi1(sigma_w, sigma_b, phi=phi) ** (0.5 * real("layer", layer, low=0.0))


def circle_transitions(q: float, sigma_w: float, sigma_b: float, layers: int, width: int, *,
                       phi: str | Activation | Callable = "hard_tanh") -> np.ndarray:
    """Sign transitions of a neuron in layers 1, 2, ... along a circle put into ``h^1``.

    `circle_zeros` at finite width and before the fixed point is reached: mean lengths along the
    orbit of q, over the radius ``sqrt(q^l)``.

    Args:
        q: variance of the pre-activations of layer 1.
        sigma_w, sigma_b: standard deviations.
        layers: how many.
        width: k of all layers.
        phi: activation.

    Returns:
        Shape ``(layers,)``, the first 2.

    Raises:
        NotTrusted, ValueError, TypeError: as `lib.theory.stretch.stretch`.

    Accuracy: order 1/k; the radius is taken as constant.

    Source: derived here.

    >>> circle_transitions(3.0, 3.0, 0.0, 3, width=1000, phi="linear").round(2).tolist()
    [2.0, 2.0, 2.0]
    """
    from scipy.special import gammaln

    phi, k = get(phi), count("width", width)
    q = float(real("q", q, low=1e-300))
    radius = np.sqrt(length_orbit(q, sigma_w, sigma_b, layers, phi=phi) / q)
    fresh = np.exp(gammaln(0.5 * k) - gammaln(0.5 * (k + 1))) * np.sqrt(0.5 * k)
    zeros = 2.0 * fresh * mean_lengths(q, sigma_w, sigma_b, layers, k, phi=phi) / radius
    return np.append(2.0, zeros[1:])


def steep_growth(width: int) -> float:
    """Factor per layer of the sign transitions as sigma_w grows without limit, no bias.

    ``k arccos(1 - 2 / k) / pi``, about ``2 sqrt(k) / pi``. Nearly all units are saturated, and
    the activations walk along the edges of a cube. One transition is one edge, which seen from
    the centre is ``arccos(1 - 2 / k)`` long, and each unit of the next layer turns over with
    probability that over pi. [raghu2017] states the order ``sqrt(k)``.

    Args:
        width: k, at least 2.

    Returns:
        The factor.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: the limit of large sigma_w, exact at every width.

    Source: derived here, beside [raghu2017], ICLR form, Theorem 2.

    >>> steep_growth(2)  # a square: an edge is a right angle
    1.0
    """
    width = count("width", width, low=2)
    return float(width * np.arccos(1.0 - 2.0 / width) / np.pi)
