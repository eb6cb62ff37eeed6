"""How a layer of finite width stretches a curve: exact expectations, and the printed bases.

Given a point z of a curve and its velocity v perpendicular to z, the pre-activations ``h_i`` and
their velocities ``g_i`` are independent, ``g_i ~ N(0, sigma_w^2 |v|^2 / k)``. So the layer
multiplies the speed by ``sigma_w sqrt(sum_i (phi'(h_i) g_i)^2 / k)`` with standard normal g: the
mean of that root is what a length grows by, ``sqrt(chi1)`` as the width k goes to infinity and
less before. For ReLU no condition on v is needed: the sign of h says nothing about ``g^2``.
"""
from typing import Callable

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.theory.gaussian import moment
from oldlib.theory.meanfield import length_orbit, q_star
from oldlib.theory.quadrature import LEVELS, NotTrusted, split_half_line, three_sums

STEP, SPAN = 0.4, 48.0  # of the integral over the logarithm of the Laplace variable


def mean_root_chi2(width: int, share: np.ndarray) -> np.ndarray:
    """``G(k, p) = E sqrt(chi^2_B)``, the number of degrees B being Binomial(k, p).

    The length of a standard normal vector of k entries, each of which is kept with probability p.

    Args:
        width: k.
        share: probabilities p, any shape.

    Returns:
        Shape of ``share``; ``sqrt(k p) (1 - (3 / p - 1) / (8 k))`` up to order ``k**-1.5``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: 1e-12 relative up to width 100, 1e-11 up to 10 000.

    Source: derived here, for the layers of [raghu2017].

    >>> float(mean_root_chi2(1, 1.0)).__round__(6)  # sqrt(2 / pi)
    0.797885
    """
    from scipy.special import gammaln, xlog1py, xlogy

    width, share = count("width", width), real("share", share, low=0.0, high=1.0)
    kept = np.arange(1, width + 1)
    ways = gammaln(width + 1) - gammaln(kept + 1) - gammaln(width - kept + 1)
    root = np.sqrt(2.0) * np.exp(gammaln(0.5 * (kept + 1)) - gammaln(0.5 * kept))
    p = share[..., None]
    return np.exp(ways + xlogy(kept, p) + xlog1py(width - kept, -p)) @ root


def relu_growth(sigma_w: np.ndarray, width: int) -> np.ndarray:
    """Factor per layer of the mean length in ReLU networks, ``sigma_w G(k, 1/2) / sqrt(k)``.

    Exact at every width, for every curve and every bias; for wide layers
    ``sigma_w / sqrt(2) (1 - 5 / (8 k))``.

    Args:
        sigma_w: standard deviations, any shape.
        width: k.

    Returns:
        Shape of ``sigma_w``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: as `mean_root_chi2`.

    Source: derived here; agrees with [hanin2021].

    >>> float(relu_growth(np.sqrt(2.0), width=100)).__round__(6)
    0.993732
    """
    sigma_w = real("sigma_w", sigma_w, low=0.0)
    return sigma_w * mean_root_chi2(width, 0.5) / np.sqrt(width)


def hard_tanh_growth(sigma_w: np.ndarray, sigma_b: np.ndarray, width: int) -> np.ndarray:
    """Factor per layer of the mean length in hard-tanh networks, ``sigma_w G(k, p) / sqrt(k)``.

    p is the share of units in the linear piece at the fixed point of the length,
    ``erf(1 / sqrt(2 q*))``; for wide layers the factor is ``sqrt(chi1) = sigma_w sqrt(p)``.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast.
        width: k.

    Returns:
        Broadcast shape.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: as `mean_root_chi2` for the formula. The formula takes q at its infinite-width
        fixed point and the velocity perpendicular to the curve's points, which is right to order
        1/k: within 0.5 % of sampled networks for k >= 64 and sigma_w^2 >= 2.

    Source: derived here, beside [raghu2017], ICLR form, Theorem 1.

    >>> float(hard_tanh_growth(2.0, 0.0, width=100)).__round__(6)
    1.335737
    """
    phi, (w, b) = get("hard_tanh"), _sigmas(sigma_w, sigma_b)
    return w * mean_root_chi2(width, moment(phi, q_star(w, b, phi=phi), 1)) / np.sqrt(width)


def stretch(q: np.ndarray, sigma_w: np.ndarray, width: int, *,
            phi: str | Activation | Callable = "tanh") -> np.ndarray:
    """Mean factor by which one layer multiplies speeds, where pre-activations have variance q.

    With ``S = sigma_w^2 sum_i phi'(h_i)^2 g_i^2 / k`` and M its Laplace transform,
    ``E sqrt(S) = integral (1 - M(t)) t^(-3/2) dt / (2 sqrt(pi))``, and
    ``M(t) = (E (1 + 2 t sigma_w^2 phi'(h)^2 / k)^(-1/2))^k``.

    Args:
        q: variances of the pre-activations, positive.
        sigma_w: standard deviations; broadcast against q.
        width: k.
        phi: activation.

    Returns:
        Broadcast shape; ``sigma_w sqrt(E phi'^2)`` for wide layers and less for narrow ones.

    Raises:
        NotTrusted: an average over phi' does not converge; declare its kinks.
        ValueError, TypeError: bad arguments.

    Accuracy: 3e-10 for the formula; see `hard_tanh_growth` for what it leaves out.

    Source: derived here.

    >>> float(stretch(1.0, 1.0, width=1, phi="linear")).__round__(6)  # sqrt(2 / pi)
    0.797885
    """
    phi, width = get(phi), count("width", width)
    q, w = np.broadcast_arrays(real("q", q, low=1e-300), real("sigma_w", sigma_w, low=0.0))
    return np.array([_mean_root(phi, *pair, width) for pair in zip(w.flat, q.flat)]
                    ).reshape(w.shape)


def growth(sigma_w: np.ndarray, sigma_b: np.ndarray, width: int, *,
           phi: str | Activation | Callable = "tanh") -> np.ndarray:
    """Factor per layer of the mean length for any activation: `stretch` at the fixed point q*.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast.
        width: k.
        phi: activation.

    Returns:
        Broadcast shape; `hard_tanh_growth` and `relu_growth` by another road.

    Raises:
        NoFixedPoint: lengths diverge, unless phi is homogeneous, when they do not matter.
        NotTrusted, ValueError, TypeError: as `stretch`.

    Accuracy: as `stretch`.

    Source: derived here.

    >>> float(growth(2.0, 0.0, width=100, phi="hard_tanh")).__round__(6)
    1.335737
    """
    phi, (w, b) = get(phi), np.broadcast_arrays(*_sigmas(sigma_w, sigma_b))
    q = np.ones(w.shape) if phi.homogeneous else q_star(w, b, phi=phi)
    return stretch(np.maximum(q, 1e-300), w, width, phi=phi)


def mean_lengths(q: float, sigma_w: float, sigma_b: float, layers: int, width: int, *,
                 phi: str | Activation | Callable = "tanh") -> np.ndarray:
    """Mean length in layers 1, 2, ... over that in layer 1, on the way to the fixed point.

    Args:
        q: variance of the pre-activations in layer 1.
        sigma_w, sigma_b: standard deviations.
        layers: how many.
        width: k.
        phi: activation.

    Returns:
        Shape ``(layers,)``, the first 1: products of `stretch` along the orbit of q.

    Raises:
        NotTrusted, ValueError, TypeError: as `stretch`.

    Accuracy: as `stretch`; q moves as in wide networks.

    Source: derived here.

    >>> mean_lengths(1.0, 2.0, 0.0, 3, width=1000, phi="linear").round(2).tolist()
    [1.0, 2.0, 4.0]
    """
    phi, layers = get(phi), count("layers", layers)
    qs = length_orbit(q, sigma_w, sigma_b, layers, phi=phi)
    if phi.homogeneous:
        qs = np.ones(layers)  # all the same, and never out of range
    return np.cumprod(np.append(1.0, stretch(qs[:-1], sigma_w, width, phi=phi)))


def _mean_root(phi: Activation, sigma_w: float, q: float, width: int) -> float:
    """E sqrt(S), by the trapezoidal rule over ln t, which converges exponentially here."""
    scale = sigma_w**2 * float(moment(phi, np.array(q), 1))
    if scale == 0.0:
        return 0.0
    log_t = np.arange(-SPAN, SPAN + STEP, STEP)
    stiff = 2.0 * sigma_w**2 * np.exp(log_t) / (scale * width)
    weight = STEP * np.exp(-0.5 * log_t) / (2.0 * np.sqrt(np.pi))
    for nodes in LEVELS:
        lost, error = _lost(phi, q, stiff, nodes)
        log_one_unit = np.log1p(-np.minimum(lost, 1.0 - 1e-16))
        value = -weight @ np.expm1(width * log_one_unit)
        error = weight @ (error * width * np.exp((width - 1) * log_one_unit))
        if error <= 1e-10 * value:
            return float(np.sqrt(scale) * value)
    raise NotTrusted(f"the stretch by {phi.name} at q = {q:.4g}, width {width}, is known to "
                     f"{error / value:.0e} only: declare every kink", np.sqrt(scale) * value)


def _lost(phi: Activation, q: float, stiff: np.ndarray,
          nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """``E [1 - (1 + stiff phi'^2)^(-1/2)]`` without cancellation, and an estimate of its error."""
    value, error = np.zeros_like(stiff), np.zeros_like(stiff)
    for sign in (1.0, -1.0):
        z, w = split_half_line(sign * np.asarray(phi.kinks, dtype=float) / np.sqrt(q), nodes)
        x = stiff[:, None] * np.square(phi.dphi(sign * np.sqrt(q) * z))
        root = np.sqrt(1.0 + x)
        density = w * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
        total, guess = three_sums(x / (root * (1.0 + root)) * density, nodes)
        value, error = value + total, error + guess
    return value, error


def lower_bound(sigma_w: np.ndarray, sigma_b: np.ndarray, width: int) -> np.ndarray:
    """A bound from below on the hard-tanh factor per layer, with no constant left open.

    As `hard_tanh_growth` with ``p_min = erf(1 / sqrt(2 (sigma_w^2 + sigma_b^2)))``: no unit's
    pre-activation has a larger variance, because the activations are at most 1, so that no
    fewer units are linear.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast.
        width: k.

    Returns:
        Broadcast shape.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: as `mean_root_chi2`. A bound for the part of the velocity perpendicular to the
        curve's point, which is all of it on average but a share 1/k.

    Source: derived here, in place of [raghu2017], ICLR form, Theorem 1.

    >>> float(lower_bound(2.0, 0.0, width=100)).__round__(6)
    1.226992
    """
    w, b = _sigmas(sigma_w, sigma_b)
    least = moment(get("hard_tanh"), w**2 + b**2, 1)
    return w * mean_root_chi2(width, least) / np.sqrt(count("width", width))


def printed_base(sigma_w: np.ndarray, sigma_b: np.ndarray, width: int, *,
                 phi: str = "hard_tanh") -> np.ndarray:
    """The base g of the paper's lower bound ``O(g)^d`` on the length after d layers.

    ``sigma_w sqrt(k) / sqrt(s + k sqrt(s))`` with ``s = sigma_w^2 + sigma_b^2`` for hard-tanh,
    ``sigma_w sqrt(k) / sqrt(k + 1)`` for ReLU. The constant that the O leaves open is below 1 in
    every layer: read with constant 1 neither is a bound.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast.
        width: k.
        phi: "hard_tanh" or "relu".

    Returns:
        Broadcast shape.

    Raises:
        ValueError: another activation, or sigma_w = sigma_b = 0.

    Accuracy: exact.

    Source: [raghu2017], ICLR form, Theorem 1; ICML form, Theorem 3.

    >>> float(printed_base(np.sqrt(2.0), 0.0, width=100, phi="relu")).__round__(6)
    1.407195
    """
    (w, b), k, phi = _sigmas(sigma_w, sigma_b), count("width", width), get(phi).name
    if phi == "relu":
        return w * np.sqrt(k / (k + 1.0)) + 0.0 * b
    if phi != "hard_tanh":
        raise ValueError(f"phi must be hard_tanh or relu; nothing is printed for {phi}")
    s = w**2 + b**2
    if np.any(s == 0.0):
        raise ValueError("sigma_w must not be 0 where sigma_b is 0: the base is 0/0")
    return w * np.sqrt(k / (s + k * np.sqrt(s)))


def growth_boundary(factor: Callable[[float], float], low: float = 0.01,
                    high: float = 100.0) -> float:
    """The smallest sigma_w at which a factor per layer reaches 1.

    Args:
        factor: of sigma_w, below 1 at ``low`` and above at ``high``, rising once between.
        low, high: where to look.

    Returns:
        sigma_w. The boundary of the wide limit, where chi1 = 1, is
        `lib.theory.meanfield.critical_line`.

    Raises:
        ValueError: the factor is not below 1 at ``low`` and above 1 at ``high``.

    Accuracy: 1e-12.

    Source: derived here.

    >>> growth_boundary(lambda sigma_w: sigma_w / 3.0).__round__(9)
    3.0
    """
    from scipy.optimize import brentq

    ends = [float(factor(sigma_w)) for sigma_w in (low, high)]
    if not ends[0] < 1.0 < ends[1]:
        raise ValueError(f"factor must pass 1 between low and high; it is {ends[0]:.4g} at "
                         f"{low:g} and {ends[1]:.4g} at {high:g}")
    return float(brentq(lambda w: float(factor(w)) - 1.0, low, high, xtol=1e-13))


def _sigmas(sigma_w: object, sigma_b: object) -> tuple[np.ndarray, np.ndarray]:
    return real("sigma_w", sigma_w, low=0.0), real("sigma_b", sigma_b, low=0.0)
