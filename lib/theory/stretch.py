"""How a layer of finite width stretches a curve, and how often its neurons change sign along it.

Given a point z of a curve and its velocity v perpendicular to z, the pre-activations ``h_i`` and
their velocities ``g_i`` are independent, ``g_i ~ N(0, sigma_w^2 |v|^2 / k)``. So the layer
multiplies the speed by ``sigma_w sqrt(sum_i (phi'(h_i) g_i)^2 / k)`` with standard normal g: the
mean of that root is what a length grows by, ``sqrt(chi1)`` as the width k goes to infinity and
less before. For ReLU no condition on v is needed: the sign of h says nothing about ``g^2``.

Kac and Rice: for a fresh Gaussian neuron the expected number of zeros of ``w . z(t) + b`` is
the length of the curve ``u(t) / |u(t)|`` over pi, with ``u = (sigma_w z / sqrt(k), sigma_b)``: a
random hyperplane through the origin meets a great circle twice. That is true at every width,
given the layer before.
"""
from typing import Callable

import numpy as np

from lib.activations import Activation, get
from lib.checks import Untrusted, choice, count, number, real
from lib.theory.gaussian import LEVELS, moment, split_half_line, three_sums
from lib.theory.meanfield import MeanField, crossing

STEP, SPAN = 0.4, 48.0  # of the integral over the logarithm of the Laplace variable
BLOCK = 1_000_000  # values of phi' by Laplace variables held at a time
Law = Callable[[MeanField, int], np.ndarray]


def stretch(q: np.ndarray, width: int, *,
            phi: str | Activation | Callable = "tanh") -> np.ndarray:
    """Mean factor by which a layer of sigma_w = 1 multiplies speeds, at pre-activations N(0, q).

    With ``S = sum_i phi'(h_i)^2 g_i^2 / k`` and M its Laplace transform,
    ``E sqrt(S) = integral (1 - M(t)) t^(-3/2) dt / (2 sqrt(pi))``, and
    ``M(t) = (E (1 + 2 t phi'(h)^2 / k)^(-1/2))^k``.

    Args:
        q: variances, positive, any shape, which is that of the result.
        width: k, of the layer that comes before the weights.
        phi: activation, its kinks declared.

    Accuracy: 3e-10 for the formula; see `growth` for what it leaves out. Source: derived here.

    >>> float(stretch(1.0, 1, phi="linear")).__round__(6)  # sqrt(2 / pi)
    0.797885
    """
    phi, width, q = get(phi), count("width", width), real("q", q, low=1e-300)
    if not q.size:  # of no layers
        return q
    known, back = np.unique(q, return_inverse=True)
    scale = moment(phi, known, 1)
    value = np.zeros_like(known)
    some = np.flatnonzero(scale > 0.0)
    value[some] = np.sqrt(scale[some]) * _mean_root(phi, known[some], scale[some], width)
    return value[back].reshape(q.shape)


def _mean_root(phi: Activation, q: np.ndarray, scale: np.ndarray, width: int) -> np.ndarray:
    """E sqrt(S / E S) by the trapezoidal rule over ln t, which converges exponentially here."""
    log_t = np.arange(-SPAN, SPAN + STEP, STEP)
    weight = STEP * np.exp(-0.5 * log_t) / (2.0 * np.sqrt(np.pi))
    value, todo = np.empty_like(q), np.arange(q.size)
    for nodes in LEVELS:
        rows = max(1, BLOCK // (nodes * (1 + len(phi.kinks)) * log_t.size))
        failed = []
        for some in np.split(todo, np.arange(rows, todo.size, rows)):
            stiff = 2.0 * np.exp(log_t) / (scale[some, None] * width)
            lost, error = _lost(phi, q[some], stiff, nodes)
            log_one_unit = np.log1p(-np.minimum(lost, 1.0 - 1e-16))
            value[some] = -np.expm1(width * log_one_unit) @ weight
            error = (error * width * np.exp((width - 1) * log_one_unit)) @ weight
            failed.append(some[~(error <= 1e-10 * value[some])])
        todo = np.concatenate(failed)
        if todo.size == 0:
            return value
    raise Untrusted(f"the stretch by {phi.name} at q = {q[todo[0]]:.4g}, width {width}, is not "
                    "known to 1e-10: declare every kink", value)


def _lost(phi: Activation, q: np.ndarray, stiff: np.ndarray,
          nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """``E [1 - (1 + stiff phi'^2)^(-1/2)]`` without cancellation, and an estimate of its error."""
    value, error = np.zeros_like(stiff), np.zeros_like(stiff)
    root_q, kinks = np.sqrt(q)[:, None], np.asarray(phi.kinks, dtype=float)
    for sign in (1.0,) if phi.parity else (1.0, -1.0):
        z, w = split_half_line(sign * kinks / root_q, nodes)
        x = stiff[..., None] * np.square(phi.dphi(sign * root_q * z))[:, None]
        root = np.sqrt(1.0 + x)
        density = w * np.exp(-0.5 * z * z) * ((2.0 if phi.parity else 1.0) / np.sqrt(2.0 * np.pi))
        total, guess = three_sums(x / (root * (1.0 + root)) * density[..., None, :], nodes)
        value, error = value + total, error + guess
    return value, error


def growth(law: MeanField, width: int) -> np.ndarray:
    """Factor per layer of the mean length of curves: `stretch` at the fixed point q*.

    For ReLU ``sigma_w G(k, 1/2) / sqrt(k)`` and for hard-tanh ``sigma_w G(k, p) / sqrt(k)`` with
    p the share of units in the linear piece, G(k, p) the mean length of k standard normals each
    kept with probability p; in wide layers ``sqrt(chi1)``. Shape of the sigmas.

    Accuracy: 3e-10 for the formula. For ReLU that is exact at every width, for every curve and
        every bias. Else it takes q at its infinite-width fixed point and the velocity
        perpendicular to the curve's points, which is right to order 1/k: for hard-tanh within
        0.5 % of sampled networks for k >= 64 and sigma_w^2 >= 2.

    Source: derived here, beside [raghu2017], ICLR form, Theorem 1; ReLU agrees with [hanin2021].

    >>> float(growth(MeanField(2.0, 0.0, "hard_tanh"), 100)).__round__(6)
    1.335737
    """
    q = np.ones(law.sigma_w.shape) if law.phi.homogeneous else law.q_star
    known = np.isfinite(q)
    return np.where(known, law.sigma_w, np.nan) * stretch(
        np.maximum(np.where(known, q, 0.0), 1e-300), width, phi=law.phi)


def mean_lengths(law: MeanField, q: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Mean length in layers 1, 2, ... over that in layer 1, on the way to the fixed point.

    Products of `stretch` along the orbit of q, the variance of the pre-activations in layer 1,
    one number or one a sigma. Shape ``(depth, *sigma)``, the first 1.

    Accuracy: as `growth`; q moves as in wide networks. Source: derived here.

    >>> mean_lengths(MeanField(2.0, 0.0, "linear"), 1.0, 3, width=1000).round(2).tolist()
    [1.0, 2.0, 4.0]
    """
    shape, depth = law.sigma_w.shape, count("depth", depth)
    if law.phi.homogeneous:
        qs = np.ones((depth, *shape))  # all the same, and never out of range
    else:
        qs = law.lengths(np.broadcast_to(real("q", q, low=1e-300), shape), depth)
    steps = law.sigma_w * stretch(qs[:-1], width, phi=law.phi)
    return np.cumprod(np.concatenate([np.ones((1, *shape)), steps]), axis=0)


def lower_bound(law: MeanField, width: int) -> np.ndarray:
    """A bound from below on the hard-tanh factor per layer, with no constant left open.

    `growth` with the share of linear units as small as it can be,
    ``erf(1 / sqrt(2 (sigma_w^2 + sigma_b^2)))``: no unit's pre-activation has a larger variance,
    because the activations are at most 1. It bounds the part of the velocity perpendicular to the
    curve's point, which is all of it on average but a share 1/k. Shape of the sigmas.

    Source: derived here, in place of [raghu2017], ICLR form, Theorem 1.

    >>> float(lower_bound(MeanField(2.0, 0.0, "hard_tanh"), 100)).__round__(6)
    1.226992
    """
    choice("phi", law.phi.name, ("hard_tanh",))
    largest = law.sigma_w**2 + law.sigma_b**2
    return law.sigma_w * stretch(np.maximum(largest, 1e-300), width, phi=law.phi)


def printed_base(law: MeanField, width: int) -> np.ndarray:
    """The base g of the paper's lower bound ``O(g)^d`` on the length after d layers.

    ``sigma_w sqrt(k) / sqrt(s + k sqrt(s))`` with ``s = sigma_w^2 + sigma_b^2`` for hard-tanh,
    ``sigma_w sqrt(k) / sqrt(k + 1)`` for ReLU. The constant that the O leaves open is below 1 in
    every layer: read with constant 1 neither is a bound. Shape of the sigmas.

    Source: [raghu2017], ICLR form, Theorem 1; ICML form, Theorem 3.

    >>> float(printed_base(MeanField(np.sqrt(2.0), 0.0, "relu"), 100)).__round__(6)
    1.407195
    """
    w, k = law.sigma_w, count("width", width)
    if choice("phi", law.phi.name, ("hard_tanh", "relu")) == "relu":
        return w * np.sqrt(k / (k + 1.0))
    s = w**2 + law.sigma_b**2
    if np.any(s == 0.0):
        raise ValueError("sigma_w must not be 0 where sigma_b is 0: the base is 0/0")
    return w * np.sqrt(k / (s + k * np.sqrt(s)))


def growth_boundary(factor: Law, sigma_b: np.ndarray, width: int, *,
                    phi: str | Activation | Callable = "hard_tanh", low: float = 0.01,
                    high: float = 100.0) -> np.ndarray:
    """The smallest sigma_w at which a factor per layer reaches 1, to 1e-12, for every sigma_b.

    Args:
        factor: `growth`, `lower_bound`, `printed_base` or another law of its form; below 1 at
            sigma_w = ``low``, above at ``high``, rising once between.
        sigma_b: standard deviations of the biases, any shape, which is that of the result.
        width, phi: of the networks.
        low, high: values of sigma_w between which to look.

    >>> growth_boundary(lambda law, width: law.sigma_w / 3.0, 0.0, 10).round(9).item()
    3.0
    """
    sigma_b = real("sigma_b", sigma_b, low=0.0)
    biases = sigma_b.ravel()

    def above(sigma_w: np.ndarray, some: np.ndarray) -> np.ndarray:
        return factor(MeanField(sigma_w, biases[some], phi), width) - 1.0

    ends = np.full((2, biases.size), [[low], [high]])
    below, beyond = (reach(above(end, ...)) for reach, end in zip((np.max, np.min), ends))
    if not below < 0.0 < beyond:
        raise ValueError(f"factor must pass 1 between low and high; it is {below + 1:.4g} at "
                         f"{low:g} and {beyond + 1:.4g} at {high:g}")
    return crossing(above, *ends).reshape(sigma_b.shape)


def sign_changes(angle: np.ndarray, width: int) -> np.ndarray:
    """Mean number of sign transitions of a layer along a curve, ``width * angle / pi``.

    ``angle`` is the angular length of the curve ``u / |u|`` of the layer before. Exact, as an
    average over the weights of the layer, at any width.

    Source: [kac1943], [rice1944]; for layers derived here.

    >>> sign_changes(2 * np.pi, width=3).item()  # every neuron twice round a great circle
    6.0
    """
    return count("width", width) * real("angle", angle, low=0.0) / np.pi


def transitions_per_length(law: MeanField, width: int) -> np.ndarray:
    """Sign transitions of a layer over the length of the curve of activations before it.

    ``sigma_w sqrt(k) / (pi sqrt(q*))``, shape of the sigmas: the constant of "transitions are
    proportional to length", for activations that stay on the sphere of the fixed point.

    Accuracy: order 1/k and the distance of the first layers from q*.

    Source: derived here, beside [raghu2017], ICLR form, Fig. 2.

    >>> law = MeanField(np.sqrt(8.0), 0.0, "hard_tanh")
    >>> float(transitions_per_length(law, width=64)).__round__(2)
    2.86
    """
    if np.any(law.q_star == 0.0):
        raise ValueError("sigma_w is so small that q* = 0: the curve shrinks to a point")
    return law.sigma_w * np.sqrt(count("width", width)) / (np.pi * np.sqrt(law.q_star))


def level_ratio(q: np.ndarray, level: float = 1.0) -> np.ndarray:
    """Crossings of +level and -level together over sign changes, ``2 exp(-level^2 / (2 q))``.

    For a curve all along which the pre-activation has variance q; ``level`` is 1 for the region
    transitions of hard-tanh.

    Source: [rice1944].

    >>> float(level_ratio(0.5)).__round__(6)  # 2 / e
    0.735759
    """
    return 2.0 * np.exp(-0.5 * number("level", level) ** 2 / real("q", q, low=1e-300))


def circle_transitions(law: MeanField, q: np.ndarray, depth: int, width: int) -> np.ndarray:
    """Sign transitions of a neuron in layers 1, 2, ... along a circle put into ``h^1``.

    The mean length over the radius ``sqrt(q^l)``, from q in layer 1, one number or one a sigma; in
    wide networks at q* that is ``2 chi1^((l-1)/2)``: a stationary process with ``E h^2 = q*`` and
    ``E h'^2 = q* chi1^(l-1)``. Shape ``(depth, *sigma)``, the first 2.

    Accuracy: order 1/k; the radius is taken as constant. Source: derived here.

    >>> law = MeanField(3.0, 0.0, "linear")
    >>> circle_transitions(law, 3.0, 3, width=1000).round(2).tolist()
    [2.0, 2.0, 2.0]
    """
    from scipy.special import gammaln

    k, q = count("width", width), real("q", q, low=1e-300)
    start = np.broadcast_to(q, law.sigma_w.shape)
    fresh = np.exp(gammaln(0.5 * k) - gammaln(0.5 * (k + 1))) * np.sqrt(0.5 * k)
    radius = np.sqrt(law.lengths(start, count("depth", depth)) / start)
    zeros = 2.0 * fresh * mean_lengths(law, start, depth, k) / radius
    zeros[0] = 2.0
    return zeros


def steep_growth(width: int) -> float:
    """Factor per layer of the sign transitions as sigma_w grows without limit, no bias.

    ``k arccos(1 - 2 / k) / pi``, about ``2 sqrt(k) / pi``; [raghu2017] states the order. Nearly
    all units are saturated, and the activations walk along the edges of a cube. One transition is
    one edge, which seen from the centre is ``arccos(1 - 2 / k)`` long, and each unit of the next
    layer turns over with probability that over pi. Exact at every width.

    Source: derived here, beside [raghu2017], ICLR form, Theorem 2.

    >>> steep_growth(2)  # a square: an edge is a right angle
    1.0
    """
    width = count("width", width, low=2)
    return float(width * np.arccos(1.0 - 2.0 / width) / np.pi)
