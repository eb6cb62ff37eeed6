"""A circle on its way through a wide random network: metric, curvature, Gauss map.

A circle ``h^1(theta)`` of radius sqrt(N q) moves through the layers. At a fixed theta every
neuron is a stationary Gaussian process of theta with covariance ``k(d)``; then::

    metric  g = |dh/dtheta|^2 / N     = -k''(0)
    kappa2    = N kappa^2             = k''''(0) / k''(0)^2
    Gauss map (L^G / 2 pi)^2          = kappa2 * metric

and the chain rule on ``k -> sigma_w^2 E phi phi + sigma_b^2``, differentiated four times, gives
the recursions: ``k'' -> chi1 k''`` and ``k'''' -> chi1 k'''' + 3 chi2 k''^2``. Everything is
carried in logarithms, since chi1^1000 is no float.
"""
from typing import Callable, NamedTuple

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.theory import meanfield as mf
from oldlib.theory.gaussian import moment
from oldlib.theory.quadrature import NotTrusted

Phi = str | Activation | Callable
TURN = np.log(2.0 * np.pi)  # the logarithm of the Gauss-map length of a circle
LARGEST = 708.0  # exp of more, or of minus that, is no normal float
SETTLED = 4.0 * np.finfo(float).eps


class Geometry(NamedTuple):
    """What becomes of the circle; every array has shape ``(layers, ...)``, the circle first.

    ``q`` is the squared length per unit, ``log_metric`` the logarithm of ``|dh/dtheta|^2 / N``
    and ``log_length_gauss`` that of the true length of the curve of unit tangents. The
    properties without ``log_`` raise `NotTrusted` where the number is too large or too small
    for a float.
    """

    q: np.ndarray
    log_metric: np.ndarray
    log_length_gauss: np.ndarray

    @property
    def log_kappa2(self) -> np.ndarray:
        """Logarithm of the squared curvature ``N kappa^2``."""
        return 2.0 * (self.log_length_gauss - TURN) - self.log_metric

    @property
    def log_length_euclid(self) -> np.ndarray:
        """Logarithm of the length of the curve per sqrt(N)."""
        return TURN + 0.5 * self.log_metric

    @property
    def metric(self) -> np.ndarray:
        """``|dh/dtheta|^2 / N``."""
        return _plain("metric", self.log_metric)

    @property
    def kappa2(self) -> np.ndarray:
        """Squared curvature ``N kappa^2``."""
        return _plain("kappa2", self.log_kappa2)

    @property
    def length_gauss(self) -> np.ndarray:
        """True length of the Gauss map, ``2 pi`` for the circle itself."""
        return 2.0 * np.pi * _plain("length_gauss", self.log_length_gauss - TURN)


def _plain(name: str, log: np.ndarray) -> np.ndarray:
    """exp(log), or an exception where that is neither a normal float nor exactly 0 or inf."""
    with np.errstate(over="ignore", under="ignore"):
        value = np.exp(log)
    if np.any(np.isfinite(log) & (np.abs(log) > LARGEST)):
        raise NotTrusted(f"{name} leaves the range of floats; take log_{name}", value)
    return value


def curve(q1: np.ndarray, sigma_w: np.ndarray, sigma_b: np.ndarray, layers: int, *,
          phi: Phi = "tanh") -> Geometry:
    """A circle of radius sqrt(N q1) at layer 1, layer by layer, on the shell q1 = q* or off it.

    With chi1 and chi2 taken at the length that the curve comes from,
    ``g' = chi1 g`` and ``kappa2' = 3 chi2/chi1^2 + kappa2/chi1``, from g = q1, kappa2 = 1/q1.
    The second is summed as ``(L^G/2 pi)^2 += 3 (chi2/chi1) g``, whose terms are all positive.

    Args:
        q1: squared length per unit of the circle, positive.
        sigma_w, sigma_b: standard deviations, sigma_w positive. All three broadcast.
        layers: how many, the circle included.
        phi: activation whose derivative does not jump.

    Returns:
        `Geometry`.

    Raises:
        ValueError: phi has a kink (chi2 and the curvature are infinite; `log_metric` serves
            it), or bad arguments. NotTrusted: an average without a bounded error, or lengths
            beyond the floats.

    Accuracy: 1e-12 relative a layer, at any depth.

    Source: [poole2016], eq. 8; the start off the shell is derived here.

    >>> circle = curve(1.0, 2.0, 0.0, 3, phi="linear")
    >>> circle.metric.round(9).tolist(), bool(np.all(circle.length_gauss == 2 * np.pi))
    ([1.0, 4.0, 16.0], True)
    """
    phi = _smooth(phi)
    q, slope, bend = _means(phi, q1, sigma_w, sigma_b, layers, (1, 2))
    metric = _log_metric(q, slope, sigma_w)
    with np.errstate(divide="ignore"):
        source = np.log(3.0) + np.log(bend) - np.log(slope)  # sigma_w^2 drops out
    square = np.zeros_like(q)
    for layer in range(len(q) - 1):
        square[layer + 1] = np.logaddexp(square[layer], source[layer] + metric[layer])
    return Geometry(q, metric, TURN + 0.5 * square)


def log_metric(q1: np.ndarray, sigma_w: np.ndarray, sigma_b: np.ndarray, layers: int, *,
               phi: Phi = "tanh") -> np.ndarray:
    """Logarithm of the metric alone, ``g' = chi1 g``, for any phi without jumps.

    Args:
        q1, sigma_w, sigma_b, layers: as in `curve`.
        phi: activation; kinks are allowed, since chi2 is not needed.

    Returns:
        ``ln(|dh/dtheta|^2 / N)``, shape ``(layers, ...)``.

    Raises:
        ValueError: phi jumps, or bad arguments. NotTrusted: as in `curve`.

    Accuracy: 1e-12 a layer.

    Source: [poole2016], eq. 8.

    >>> np.exp(log_metric(3.0, 2.0, 0.0, 3, phi="relu")).round(9).tolist()  # sigma_w^2/2 a layer
    [3.0, 6.0, 12.0]
    """
    q, slope = _means(get(phi), q1, sigma_w, sigma_b, layers, (1,))
    return _log_metric(q, slope, sigma_w)


def circle_closed_form(sigma_w: np.ndarray, sigma_b: np.ndarray, layers: int, *,
                       phi: Phi = "tanh", missing: str = "raise") -> Geometry:
    """The circle on the shell q1 = q*, without recursion, in all three phases.

    ``g = q* chi1^(l-1)`` and ``(L^G/2 pi)^2 = 1 + 3 (chi2/chi1) q* (1 + chi1 + ... )``, a
    geometric series of l - 1 terms, which at chi1 = 1 is l - 1.

    Args:
        sigma_w, sigma_b: standard deviations, sigma_w positive; they broadcast.
        layers: how many, the circle included.
        phi: activation whose derivative does not jump.
        missing: "raise", or "nan" where the length map has no fixed point.

    Returns:
        `Geometry`. Where q* = 0 the limit is meant: metric 0, kappa2 infinite, length 2 pi.

    Raises:
        ValueError: phi has a kink, or bad arguments. NoFixedPoint: there is no q*.

    Accuracy: 1e-12 (l - 1) relative: the error of chi1, to that power.

    Source: derived here from [poole2016], eq. 8.

    >>> circle = circle_closed_form(2.5, 0.3, 40)
    >>> [round(float(x), 6) for x in (circle.kappa2[9], circle.kappa2[39])]
    [3.810404, 3.86771]
    """
    phi = _smooth(phi)
    q, one, two = _on_shell(sigma_w, sigma_b, phi, missing)
    passed = np.arange(count("layers", layers)).reshape(-1, *(1,) * q.ndim)
    with np.errstate(divide="ignore", invalid="ignore"):  # q* = 0 and NaN
        rate, source = np.log(one), np.log(3.0 * q * two) - np.log(one)
        square = np.logaddexp(0.0, source + _log_series(rate, passed))
        metric = np.log(q) + passed * rate
    return Geometry(np.broadcast_to(q, metric.shape), metric, TURN + 0.5 * square)


def kappa2_star(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
                missing: str = "raise") -> np.ndarray:
    """Where the squared curvature settles: ``3 chi2 / (chi1 (chi1 - 1))`` in the chaotic phase.

    Args:
        sigma_w, sigma_b, phi, missing: as in `circle_closed_form`.

    Returns:
        Limit of ``N kappa^2``; infinite for chi1 <= 1, where the curvature grows for ever
        (but for linear phi at chi1 = 1, which leaves the circle as it is).

    Raises:
        As `circle_closed_form`.

    Accuracy: that of chi1 - 1, 1e-12 absolute.

    Source: derived here from [poole2016], eq. 8.

    >>> round(float(kappa2_star(4.0, 0.3)), 6)
    1.72138
    """
    q, one, two = _on_shell(sigma_w, sigma_b, _smooth(phi), missing)
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = np.where(one <= 1.0, np.inf, 3.0 * two / (one * (one - 1.0)))
        return np.where((one == 1.0) & (two == 0.0), 1.0 / q, limit)  # nothing ever happens


def length_gauss_star(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
                      missing: str = "raise") -> np.ndarray:
    """Where the Gauss-map length of the circle settles in the ordered phase.

    Args:
        sigma_w, sigma_b, phi, missing: as in `circle_closed_form`.

    Returns:
        ``2 pi sqrt(1 + 3 chi2 q* / (chi1 (1 - chi1)))``; infinite for chi1 >= 1 unless phi is
        linear, which keeps 2 pi.

    Raises:
        As `circle_closed_form`.

    Accuracy: that of 1 - chi1, 1e-12 absolute.

    Source: derived here from [poole2016], eq. 8.

    >>> round(float(length_gauss_star(1.3, 0.3)) / (2 * np.pi), 6)
    4.300698
    """
    q, one, two = _on_shell(sigma_w, sigma_b, _smooth(phi), missing)
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = 1.0 + np.where(two * q == 0.0, 0.0, 3.0 * two * q / (one * (1.0 - one)))
    endless = (one >= 1.0) & (two * q > 0.0)
    return 2.0 * np.pi * np.sqrt(np.where(endless, np.inf, limit))


def boundary_curvature(sigma_w: np.ndarray, sigma_b: np.ndarray, depth: int, *,
                       phi: Phi = "tanh", missing: str = "raise",
                       log: bool = False) -> np.ndarray:
    """Sum of squared principal curvatures of a decision boundary, seen from every layer.

    Of the boundary ``beta . phi(h^D) = 0`` as a surface in the space of h^l:
    ``K_D = chi2/chi1``, ``K_l = chi1 K_(l+1) + chi2/chi1``, and ``K_0 = sigma_w^2 K_1`` through
    the linear first layer. The root mean square curvature is sqrt(K_l / N).

    Args:
        sigma_w, sigma_b: standard deviations, sigma_w positive; they broadcast.
        depth: number of layers D, at least 1.
        phi: activation whose derivative does not jump.
        missing: as in `circle_closed_form`.
        log: return ln K, which no depth takes out of the floats.

    Returns:
        K_0 (the input) to K_D, shape ``(depth + 1, ...)``.

    Raises:
        As `circle_closed_form`. NotTrusted: K beyond the floats and ``log`` not asked for.

    Accuracy: 1e-12 (depth) relative. Leading order in 1/N, for lengths at q*.

    Source: derived here (backward recursion of the Hessian).

    >>> boundary_curvature(4.0, 0.3, 10)[[0, 1, 10]].round(3).tolist()
    [50729.242, 3170.578, 0.785]
    """
    _, one, two = _on_shell(sigma_w, sigma_b, _smooth(phi), missing)
    terms = np.arange(count("depth", depth), 0, -1).reshape(-1, *(1,) * one.ndim)
    with np.errstate(divide="ignore"):
        value = np.log(two) - np.log(one) + _log_series(np.log(one), terms)
    value = np.concatenate([value[:1] + 2.0 * np.log(np.asarray(sigma_w, float)), value])
    return value if log else _plain("boundary_curvature (log=True)", value)


def boundary_curvature_star(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
                            missing: str = "raise") -> np.ndarray:
    """Where `boundary_curvature` settles far from the read-out in the ordered phase.

    Args:
        sigma_w, sigma_b, phi, missing: as in `circle_closed_form`.

    Returns:
        ``(chi2/chi1) / (1 - chi1)``, the layers before the linear one; infinite for chi1 >= 1.

    Raises:
        As `circle_closed_form`.

    Accuracy: that of 1 - chi1, 1e-12 absolute.

    Source: derived here.

    >>> round(float(boundary_curvature_star(1.3, 0.3)), 3)
    9.607
    """
    _, one, two = _on_shell(sigma_w, sigma_b, _smooth(phi), missing)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(one >= 1.0, np.inf, two / (one * (1.0 - one)))


def shallow_length(q: np.ndarray, *, phi: Phi = "tanh") -> np.ndarray:
    """Length per sqrt(N) of the image ``x = phi(h)`` of a circle under one hidden layer.

    Args:
        q: squared length per unit of the circle in h, not negative.
        phi: activation; kinks are allowed.

    Returns:
        ``2 pi sqrt(q E phi'(sqrt(q) z)^2)``, shape of q: the same at every width.

    Raises:
        ValueError: phi jumps, or bad arguments.

    Accuracy: 1e-12 relative; leading order in 1/N.

    Source: derived here, beside [poole2016], theorem on shallow networks.

    >>> round(float(shallow_length(2.0, phi="relu") / (2 * np.pi)), 9)  # half the units are on
    1.0
    """
    q = real("q", q, low=0.0)
    return 2.0 * np.pi * np.sqrt(q * moment(get(phi), q, 1))


def shallow_length_gauss(q: np.ndarray, *, phi: Phi = "tanh") -> np.ndarray:
    """Length of the Gauss map of ``x = phi(h)``, the image of a circle under one hidden layer.

    Args:
        q: squared length per unit of the circle in h, not negative.
        phi: activation whose derivative does not jump.

    Returns:
        ``2 pi sqrt(1 + 3 q E phi''^2 / E phi'^2)``, shape of q: what `curve` has at layer 2.

    Raises:
        ValueError: phi has a kink, or bad arguments.

    Accuracy: 1e-12 relative; leading order in 1/N.

    Source: derived here from [poole2016], eq. 8.

    >>> float(shallow_length_gauss(2.0, phi="linear") / (2 * np.pi))
    1.0
    """
    phi, q = _smooth(phi), real("q", q, low=0.0)
    return 2.0 * np.pi * np.sqrt(1.0 + 3.0 * q * moment(phi, q, 2) / moment(phi, q, 1))


def _smooth(phi: Phi) -> Activation:
    phi = get(phi)
    if not phi.differentiable:
        raise ValueError(f"phi: {phi.name} has a kink. Its second derivative is a delta there, "
                         "the image of a curve gets corners, and chi2 and the curvature are "
                         "infinite. Lengths and the metric need chi1 alone: see log_metric")
    return phi


def _on_shell(sigma_w: np.ndarray, sigma_b: np.ndarray, phi: Activation,
              missing: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q*, chi1 and chi2, of the broadcast shape."""
    _positive("sigma_w", sigma_w, "without weights the curve becomes a point")
    q = mf.q_star(sigma_w, sigma_b, phi=phi, missing=missing)
    lost = np.isnan(q)
    one, two = (np.where(lost, np.nan, np.square(sigma_w) * moment(
        phi, np.where(lost, 1.0, q), order)) for order in (1, 2))
    return q, one, two


def _positive(name: str, value: np.ndarray, why: str) -> np.ndarray:
    value = real(name, value, low=0.0)
    if np.any(value == 0.0):
        raise ValueError(f"{name} must be positive: {why}")
    return value


def _means(phi: Activation, q1: np.ndarray, sigma_w: np.ndarray, sigma_b: np.ndarray,
           layers: int, orders: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Squared lengths ``(layers, ...)`` and E phi^(order)^2 at all of them but the last."""
    start = _positive("q1", q1, "a circle of radius 0 is a point")
    w = _positive("sigma_w", sigma_w, "without weights the curve becomes a point")
    start, w, b = np.broadcast_arrays(start, w, real("sigma_b", sigma_b, low=0.0))
    shape, w2, b2 = start.shape, w.ravel() ** 2, b.ravel() ** 2
    q = np.tile(start.ravel(), (count("layers", layers), 1))
    means = np.empty((len(orders), layers - 1, start.size))
    moving = np.arange(start.size)  # where the length still changes
    for layer in range(layers - 1):
        here = q[layer, moving]
        means[:, layer] = means[:, layer - 1]
        for row, order in enumerate(orders):
            means[row, layer, moving] = moment(phi, here, order)
        with np.errstate(over="ignore"):
            ahead = w2[moving] * moment(phi, here) + b2[moving]
        if not np.all(np.isfinite(ahead)):
            raise NotTrusted(f"lengths overflow {layer + 1} layers after the first", q[:layer + 1])
        q[layer + 1] = q[layer]
        q[layer + 1, moving] = ahead
        moving = moving[np.abs(ahead - here) > SETTLED * here]
        if moving.size == 0:
            q[layer + 2:], means[:, layer + 1:] = q[layer + 1], means[:, layer, None]
            break
    return (q.reshape(-1, *shape), *means.reshape(len(orders), layers - 1, *shape))


def _log_metric(q: np.ndarray, slope: np.ndarray, sigma_w: np.ndarray) -> np.ndarray:
    steps = 2.0 * np.log(np.asarray(sigma_w, dtype=float)) + np.log(slope)
    return np.log(q[0]) + np.concatenate([np.zeros_like(q[:1]), np.cumsum(steps, axis=0)])


def _log_series(rate: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """ln(1 + x + ... + x^(terms - 1)) for x = exp(rate), -inf for no terms; exact at rate 0."""
    flat = rate == 0.0
    fall = -np.where(flat, 1.0, np.abs(rate))
    with np.errstate(divide="ignore", invalid="ignore"):
        short = np.log(np.expm1(terms * fall) / np.expm1(fall))
        short = np.where(flat, np.log(terms), short)
    return short + np.maximum(terms - 1, 0) * np.maximum(rate, 0.0)
