"""A circle on its way through a wide random network: metric, curvature, Gauss map, dimension.

A circle ``h^1(theta)`` of radius sqrt(N q) moves through the layers. At a fixed theta every
neuron is a stationary Gaussian process of theta with covariance ``k(d)``; then::

    metric  g = |dh/dtheta|^2 / N     = -k''(0)
    kappa2    = N kappa^2             = k''''(0) / k''(0)^2
    Gauss map (L^G / 2 pi)^2          = kappa2 * metric

and the chain rule on ``k -> sigma_w^2 E phi phi + sigma_b^2``, differentiated four times, gives
the recursions: ``k'' -> chi1 k''`` and ``k'''' -> chi1 k'''' + 3 chi2 k''^2``. Everything is
carried in logarithms, since chi1^1000 is no float.
"""
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lib.activations import Activation
from lib.checks import Untrusted, count, one_a_sigma
from lib.profile import Profile
from lib.theory.gaussian import moment

if TYPE_CHECKING:
    from lib.theory.meanfield import MeanField

TURN = 2.0 * np.pi


def circle(law: "MeanField", q: np.ndarray | None, depth: int, *,
           points: int | None = None) -> Profile:
    """A circle of radius sqrt(N q) in the first pre-activations, layer by layer.

    With chi1 and chi2 taken at the length that the curve comes from,
    ``g' = chi1 g`` and ``kappa2' = 3 chi2/chi1^2 + kappa2/chi1``, from g = q, kappa2 = 1/q.
    The second is summed as ``(L^G/2 pi)^2 += 3 (chi2/chi1) g``, whose terms are all positive.

    Args:
        law: the networks, sigma_w positive.
        q: squared length per unit, positive, one number or one a sigma; None for q*.
        depth: layers, the circle's own included.
        points: if given, the correlation of points at so many offsets round the circle is added.

    Returns:
        `Profile` of one point, axes (layer, 1, *sigma): q; unless phi jumps, metric
        (``|dh/dtheta|^2 / N``) and length_euclid (per sqrt(N)); unless it has a kink, kappa2
        (``N kappa^2``) and length_gauss (of the curve of unit tangents). Each but q also as its
        logarithm, ``log_``: where the number itself leaves the range of floats it is inf or 0 as
        exp gives it. Where q* = 0 the limit is meant: metric 0, kappa2 infinite. With ``points``
        also c and deficit, with the angles between the points as their point axis and as x.

    Raises:
        Untrusted: lengths beyond the floats.

    Accuracy: 1e-12 relative a layer, at any depth.

    Source: [poole2016], eq. 8; the start off the shell is derived here.

    >>> from lib.theory.meanfield import MeanField
    >>> run = circle(MeanField(2.0, 0.0, "linear"), 1.0, 3)
    >>> run.metric[:, 0].round(9).tolist(), bool(np.all(run.length_gauss == 2 * np.pi))
    ([1.0, 4.0, 16.0], True)
    """
    _with_weights(law)
    shape, layer = law.sigma_w.shape, np.arange(1, count("depth", depth) + 1)
    if q is None:
        lengths = np.broadcast_to(law.q_star, (depth, 1, *shape))
    else:
        q = one_a_sigma("q", q, shape)
        if np.any(q == 0.0):
            raise ValueError("q must be positive: a circle of radius 0 is a point")
        lengths = law.lengths(q[None], depth)
    fields, x = {"q": lengths}, None
    for name, log in _logs(law, lengths, lengths[:1] if q is None else lengths[:-1]).items():
        round_ = TURN if name.startswith("length") else 1.0
        fields[f"log_{name}"] = np.log(round_) + log
        with np.errstate(over="ignore", under="ignore"):
            fields[name] = round_ * np.exp(log)
    if points is not None:
        x = TURN * np.arange(count("points", points, 3)) / points
        pairs = law.run(q=q, deficit=2.0 * np.sin(0.5 * x)**2, depth=depth)
        fields |= {"c": pairs.c, "deficit": pairs.deficit}
    return Profile("theory", layer, fields, x=x,
                   sigma={"sigma_w": law.sigma_w, "sigma_b": law.sigma_b})


def _logs(law: "MeanField", q: np.ndarray, before: np.ndarray) -> dict[str, np.ndarray]:
    """Logarithms of the fields, of lengths over 2 pi, from q and from q one layer before."""
    logs: dict[str, np.ndarray] = {}
    if not law.phi.continuous:
        return logs
    with np.errstate(divide="ignore", invalid="ignore"):  # q* = 0 and NaN
        rate, metric = np.log(_gain(law, before, 1)), np.log(q)
        metric[1:] = metric[0] + np.cumsum(np.broadcast_to(rate, metric[1:].shape), axis=0)
        logs["metric"], logs["length_euclid"] = metric, 0.5 * metric
        if law.phi.differentiable:
            turned = np.zeros_like(metric)  # ln (L^G / 2 pi)^2
            source = np.log(3.0 * _gain(law, before, 2)) - rate + metric[:-1]
            for layer, one in enumerate(source):
                turned[layer + 1] = np.logaddexp(turned[layer], one)
            logs["kappa2"], logs["length_gauss"] = turned - metric, 0.5 * turned
    return logs


def kappa2_star(law: "MeanField") -> np.ndarray:
    """Where the squared curvature settles: ``3 chi2 / (chi1 (chi1 - 1))`` in the chaotic phase.

    Infinite for chi1 <= 1, where the curvature grows for ever (but for linear phi at chi1 = 1,
    which leaves the circle as it is). Phi must have no kink.

    Accuracy: that of chi1 - 1, 1e-12 absolute. Source: derived here from [poole2016], eq. 8.
    """
    q, one, two = _on_shell(law)
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = np.where(one <= 1.0, np.inf, 3.0 * two / (one * (one - 1.0)))
        return np.where((one == 1.0) & (two == 0.0), 1.0 / q, limit)  # nothing ever happens


def length_gauss_star(law: "MeanField") -> np.ndarray:
    """Where the Gauss-map length of the circle settles in the ordered phase.

    ``2 pi sqrt(1 + 3 chi2 q* / (chi1 (1 - chi1)))``; infinite for chi1 >= 1 unless phi is linear,
    which keeps 2 pi. Phi must have no kink.

    Accuracy: that of 1 - chi1, 1e-12 absolute. Source: derived here from [poole2016], eq. 8.
    """
    q, one, two = _on_shell(law)
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = 1.0 + np.where(two * q == 0.0, 0.0, 3.0 * two * q / (one * (1.0 - one)))
    endless = (one >= 1.0) & (two * q > 0.0)
    return TURN * np.sqrt(np.where(endless, np.inf, limit))


def boundary_curvature(law: "MeanField", depth: int, *, log: bool = False) -> np.ndarray:
    """Sum of squared principal curvatures of a decision boundary, seen from every layer.

    Of the boundary ``beta . phi(h^D) = 0`` as a surface in the space of h^l, D = ``depth``:
    ``K_D = chi2/chi1``, ``K_l = chi1 K_(l+1) + chi2/chi1``, and ``K_0 = sigma_w^2 K_1`` through
    the linear first layer. The root mean square curvature is sqrt(K_l / N). Phi must have no kink.

    Returns:
        K_0 (the input) to K_D, shape ``(depth + 1, *sigma)``, or with ``log`` their logarithms,
        which no depth takes out of the floats.

    Accuracy: 1e-12 (depth) relative. Leading order in 1/N, for lengths at q*.

    Source: derived here (backward recursion of the Hessian).

    >>> from lib.theory.meanfield import MeanField
    >>> boundary_curvature(MeanField(4.0, 0.3), 10)[[0, 1, 10]].round(3).tolist()
    [50729.242, 3170.578, 0.785]
    """
    _, one, two = _on_shell(law)
    value = np.empty((count("depth", depth) + 1, *one.shape))
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        rate, value[-1] = np.log(one), np.log(two) - np.log(one)
        for layer in range(depth - 1, 0, -1):
            value[layer] = np.logaddexp(rate + value[layer + 1], value[-1])
        value[0] = value[1] + 2.0 * np.log(law.sigma_w)
        plain = np.exp(value)
    if not log and np.any(np.isfinite(value) & (np.abs(value) > 708.0)):
        raise Untrusted("boundary_curvature leaves the range of floats; take log=True", plain)
    return value if log else plain


class Dimension(NamedTuple):
    """Spectrum and effective dimension of the circle; the first axis counts layers.

    ``spectrum``, shape ``(layers, points - 1, *sigma)``, holds the variances along sines and
    cosines of theta as shares of q*, in the order of `numpy.fft.fft` without the constant;
    ``ratio`` and ``ratio_at_width``, shape ``(layers, *sigma)``, are the participation ratios of
    infinitely wide networks and of those of finite width.
    """

    spectrum: np.ndarray
    ratio: np.ndarray
    ratio_at_width: np.ndarray


def dimension(law: "MeanField", depth: int, points: int, width: int) -> Dimension:
    """How many dimensions a great circle of radius sqrt(N q*) fills after some layers.

    NaN where q* is not above 0.

    At infinite width the inner products of the circle's points depend on their distance alone,
    so that its principal components are the sines and cosines of theta, with the Fourier
    coefficients of the autocorrelation for variances. At width N these inner products carry noise
    of relative variance ``(m + 1) / N`` in random directions, which adds to the sum of squared
    variances: ``1 / PR_N = 1 / PR + (m + 1) / N``, with ``m' = r^2 m + Q``.
    ``r = C'(c) (1 - c) / (1 - C(c))`` says what a layer keeps of the noise it is handed, and
    ``Q = E v^2 / (E v)^2``, with v(z) the variance of phi given what all points share, what it
    adds; c is the mean correlation along the circle. An exact circle starts with m = -1.

    Args:
        law: the networks.
        depth: layers, the circle's own included.
        points: equally spaced on the circle; no ratio can exceed ``points - 1``.
        width: neurons a layer, for ``ratio_at_width``.

    Accuracy: spectrum 1e-10 of its largest; ``ratio_at_width`` first order in (m + 1) / N: at
        N = 1000 within 3 % of sampled networks over twenty layers in all three phases.

    Source: derived here, beside [poole2016], Fig. 3A.

    >>> from lib.theory.meanfield import MeanField
    >>> dimension(MeanField(2.0, 0.1), 1, 16, 100).ratio.round(9).tolist()
    [2.0]
    """
    points, width = count("points", points, 3), count("width", width)
    q = np.where(law.q_star > 0.0, law.q_star, np.nan)
    steps = np.arange(points)
    half = 2.0 * np.sin(0.5 * TURN * steps[:points // 2 + 1] / points)**2
    d = law.run(deficit=half, depth=depth).deficit[:, np.minimum(steps, points - steps)] + 0.0 * q
    spectrum = np.maximum(-np.fft.fft(d, axis=1).real[:, 1:] / points, 0.0)
    with np.errstate(invalid="ignore"):  # all points in one
        ratio = spectrum.sum(axis=1)**2 / (spectrum**2).sum(axis=1)
    mean = np.minimum(d.mean(axis=1), 1.0)  # rounding
    mean = np.where(np.isnan(mean), 1.0, mean)  # the ratio is NaN there
    with np.errstate(invalid="ignore"):
        keeps = law.deficit_slope(mean) * mean / law.deficit_map(mean)
    noise = -np.ones_like(ratio)
    for layer in range(depth - 1):
        added = [_adds(law.phi, *pair) for pair in zip(np.ravel(q), np.ravel(mean[layer]))]
        noise[layer + 1] = keeps[layer]**2 * noise[layer] + np.reshape(added, np.shape(q))
    return Dimension(spectrum, ratio, 1.0 / (1.0 / ratio + (noise + 1.0) / width))


def _adds(phi: Activation, q: float, d: float) -> float:
    """``E v^2 / (E v)^2``, v(z) the variance of phi(h) given the shared part z of h."""
    z, step = np.linspace(-7.0, 7.0, 160, retstep=True)  # even: no node sits on a kink at 0
    bell = step * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    f = np.asarray(phi.phi(np.sqrt(q) * (np.sqrt(1.0 - d) * z[:, None] + np.sqrt(d) * z)))
    v = (f - (f @ bell)[:, None])**2 @ bell
    return float(bell @ v**2 / ((bell @ v)**2 or np.nan))


def _with_weights(law: "MeanField") -> None:
    if np.any(np.asarray(law.sigma_w) == 0.0):
        raise ValueError("sigma_w must be positive: without weights the curve becomes a point")


def _on_shell(law: "MeanField") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """q*, chi1 and chi2, NaN where there is no q*."""
    _with_weights(law)
    if not law.phi.differentiable:
        raise ValueError(f"phi: {law.phi.name} has a kink. Its second derivative is a delta "
                         "there, the image of a curve gets corners, and chi2 and the curvature "
                         "are infinite. Lengths and the metric need chi1 alone: see log_metric")
    lost = np.where(np.isnan(law.q_star), np.nan, 0.0)
    return law.q_star, law.chi1 + lost, law.chi2 + lost


def _gain(law: "MeanField", q: np.ndarray, order: int) -> np.ndarray:
    """``sigma_w^2 E phi^(order)^2`` where the squared length is q, NaN where that is."""
    lost = np.isnan(q)
    known = moment(law.phi, np.where(lost, 1.0, q), order, missing=law.missing)
    return np.where(lost, np.nan, law.sigma_w**2 * known)
