"""Error bands of width N on mean-field curves: how far single networks stray from them.

Over networks the lengths and correlations of a layer fluctuate by order ``1/sqrt(N)``. Let q be
the mean squared length of two inputs and e half their mean squared distance, per unit, and count
what they stray relative to their mean-field values. To first order its covariance obeys

    S' = J S J^T + Q / N

with J the Jacobian of the mean-field map of (q, e) and Q the covariance of what one neuron adds.
In these coordinates nothing cancels, however near the two inputs are. What is measured,
``h^T h / N``, has the sampling noise of its own layer on top.
"""
from typing import Callable

import numpy as np

from lib.activations import Activation
from lib.checks import Untrusted
from lib.theory.correlated import PolarRule, angle, polar_blocks, refined
from lib.theory.gaussian import fourth_moment, moment, moment_slope

GRIDS = ((25, 33), (49, 65), (97, 129))  # angles a sector, radii a panel
TOLERANCE = 1e-3  # between two grids; the finer one is then good to 1e-5
BENT = 0.1  # by how much the bend of maps may change a spread
NEAR = 1e-8  # nearer pairs stray relative to their distance as these do


def sd_q(phi: Activation, q: np.ndarray, sigma_w: np.ndarray, width: int, *,
         exact: bool = True) -> np.ndarray:
    """Standard deviation of the squared length over networks of a width.

    Args:
        phi: the activation.
        q: squared lengths of mean-field theory, shape ``(layers, ..., *sigma)``.
        sigma_w: of the weights; broadcasts from the right.
        width: neurons a layer.
        exact: whether h^1 has these lengths in every network, or is random with this variance.

    Returns:
        Shape of q; zero in the first layer if that is exact; NaN where lengths stray so far that
        their spread differs by more than 10 % from that of log-normal lengths under the whole map,
        and first order in 1/N is no longer enough.

    Accuracy: first order in 1/N: at N = 100 within 10 % of sampled networks. The mean itself
        shifts by order 1/N, which is not included.

    Source: derived here.

    >>> from lib.activations import get
    >>> float(sd_q(get("linear"), np.ones((1, 1)), 1.0, 50, exact=False)[0, 0] ** 2).__round__(9)
    0.04
    """
    def step(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return moment_slope(phi, q), fourth_moment(phi, q) - np.square(moment(phi, q))

    slope, noise = _where_known(step, q[:-1])
    grown = np.square(sigma_w) / _positive(q[1:])
    slope, noise = slope * q[:-1] * grown, noise * np.square(grown)
    stray, bent, out = *np.zeros((2, *q.shape[1:])), np.zeros(q.shape)
    for layer in range(len(q)):
        known = exact and layer == 0
        out[layer] = 0.0 if known else q[layer] * np.sqrt(stray + 2.0 / width)
        far = np.abs(np.sqrt((bent + 2.0 / width) / (stray + 2.0 / width)) - 1.0) > BENT
        out[layer, far] = np.nan
        if layer + 1 < len(q):  # neurons bound to an exact length stray less
            fresh = noise[layer] - (2.0 * slope[layer]**2 if known else 0.0)
            stray = slope[layer]**2 * stray + fresh / width
            bent = stray if known else _bent(phi, q[layer], bent, grown[layer], width)
    return np.where(np.isnan(q), np.nan, out)


def _bent(phi: Activation, q: np.ndarray, stray: np.ndarray, grown: np.ndarray,
          width: int) -> np.ndarray:
    """The relative variance one layer later of log-normal lengths, nothing linearised."""
    z, weight = np.polynomial.hermite_e.hermegauss(7)
    z, weight = (x.reshape(-1, *(1,) * q.ndim) for x in (z, weight / weight.sum()))
    spread = np.log1p(stray)
    near = q * np.exp(np.sqrt(spread) * z - 0.5 * spread)
    power, fourth = _where_known(lambda q: (
        moment(phi, q, missing="nan"), fourth_moment(phi, q, missing="nan")), near)
    noise = np.sum(weight * (fourth - power**2), axis=0) / width
    return grown**2 * (noise + np.sum(weight * (power - np.sum(weight * power, axis=0))**2,
                                      axis=0))


def sd_c(phi: Activation, q: np.ndarray, deficit: np.ndarray, sigma_w: np.ndarray, width: int, *,
         exact: bool = True) -> np.ndarray:
    """Standard deviation over networks of the correlation of two inputs of equal length.

    Args:
        phi: activation without jumps.
        q, deficit: squared lengths and ``1 - c`` of mean-field theory, both of shape
            ``(layers, ..., *sigma)``.
        sigma_w, width, exact: as in `sd_q`.

    Returns:
        Shape of q; at most 1, and zero in the first layer if that is exact.

    Raises:
        ValueError: phi jumps: near inputs then stray by more than ``1/sqrt(N)``.
        Untrusted: averages that do not settle.

    Accuracy: as `sd_q`, but some 20 % low deep in the ordered phase, where c is near 1 and its
        distribution far from normal.

    Source: derived here (Price's theorem for the Jacobian).
    """
    if not phi.continuous:
        raise ValueError(f"{phi.name} jumps: its correlations have no spread of order 1/sqrt(N)")
    _, _, slope, push, keep, of_length, of_both, of_gap = _where_known(
        lambda q, d: pair_step(phi, q, d), q[:-1], np.maximum(deficit[:-1], NEAR))
    grown = np.square(sigma_w) / _positive(q[1:])
    jacobian = np.stack([slope * q[:-1] * grown, push, keep])
    noise = np.stack([of_length * np.square(grown), of_both * grown, of_gap])
    stray, out = np.zeros((3, *q.shape[1:])), np.zeros(q.shape)
    for layer, d in enumerate(deficit):
        sampling = np.stack([1.0 + np.square(1.0 - d), d, np.full(d.shape, 2.0)])
        known = exact and layer == 0
        length, both, gap = stray + (0.0 if known else sampling / width)
        out[layer] = d * np.sqrt(np.maximum(length - 2.0 * both + gap, 0.0))
        if layer + 1 < len(q):  # neurons bound to an exact Gram matrix stray less
            fresh = noise[:, layer]
            if known:
                fresh = fresh - _carried(jacobian[:, layer], sampling)
            stray = _carried(jacobian[:, layer], stray) + fresh / width
    return np.where(np.isnan(q), np.nan, np.minimum(out, 1.0))


def _carried(jacobian: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """``J S J^T`` for J = ((slope, 0), (push, keep)), S as its three entries."""
    slope, push, keep = jacobian
    length, both, gap = covariance
    return np.stack([slope**2 * length, slope * (push * length + keep * both),
                     push**2 * length + 2.0 * push * keep * both + keep**2 * gap])


def pair_step(phi: Activation, q: np.ndarray, d: np.ndarray) -> np.ndarray:
    """What one neuron does to the length and the gap of two inputs of length q, sigma_w = 1.

    Args:
        q, d: squared lengths and ``1 - c``, shape ``(rows,)``, both above 0.

    Returns:
        Shape ``(8, rows)``. With ``S = (phi1^2 + phi2^2) / 2`` and ``T = (phi1 - phi2)^2 / 2``:
        E S; E T; the slope ``d E S / dq``; by how much T follows a relative change of q (push)
        and of the gap (keep), relative to E T; the variance of S; its covariance with T, relative
        to E T; the relative variance of T.

    Accuracy: 1e-5 of the natural scale of each, by two grids of the polar rule; 1e-4 for kinks
        off 0 and near inputs.

    Source: derived here.
    """
    fold = 4 if phi.parity else 2

    def values(some: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
        found = np.empty((8, some.size))
        for block in polar_blocks(some.size, phi.kinks, grid, fold):
            found[:, block] = _on_grid(phi, q[some[block]], d[some[block]], grid, fold)
        return found

    def allowed(fresh: np.ndarray, some: np.ndarray) -> np.ndarray:
        size, gap, _, _, keep, _, _, noise = np.abs(fresh)
        return TOLERANCE * np.stack([size, gap + 1e-20 * size, size / q[some], keep, keep,
                                     size * size, size * np.sqrt(noise), noise])

    found, _, lost = refined(values, q.size, allowed, GRIDS)
    if lost.size:
        raise Untrusted(f"{phi.name}: the spread over networks is not known to {TOLERANCE:g} at "
                        f"q = {q[lost[0]]:.4g}, 1 - c = {d[lost[0]]:.4g}", found)
    return found


def _on_grid(phi: Activation, q: np.ndarray, d: np.ndarray, grid: tuple[int, int],
             fold: int) -> np.ndarray:
    rule = PolarRule(q, q, angle(d), phi.kinks, grid, fold)
    f, f_other, g, g_other = (part(u) for part in (phi.phi, phi.dphi) for u in (rule.u1, rule.u2))
    step, pull, pull_other = f - f_other, g * rule.u1, g_other * rule.u2
    length, gap = 0.5 * (f * f + f_other * f_other), 0.5 * step * step
    values = (length, gap, g * g_other, 0.5 * (f * pull + f_other * pull_other),
              0.5 * step * (pull - pull_other), length * length, length * gap, gap * gap)
    size, split, cross, slope, turn, ss, st, tt = (rule.average(x) for x in values)
    apart = split > 1e-24 * size  # else opposite inputs become alike (phi even)
    relative = np.where(apart, 1.0 / np.where(apart, split, 1.0), 0.0)
    keep = q * d * cross * relative
    return np.array([size, split, slope / q, turn * relative - keep, keep, ss - size**2,
                     (st * relative - size) * apart, tt * relative**2 - apart])


def _where_known(function: Callable, *states: np.ndarray) -> np.ndarray:
    """The function of states ``(layers, ...)``; NaN where one is."""
    flat = np.stack([state.ravel() for state in np.broadcast_arrays(*states)])
    known = np.isfinite(flat).all(axis=0) & (flat[0] > 0.0)
    found = np.array(function(*flat[:, known]))
    out = np.where(flat[0] == 0.0, 0.0, np.full((len(found), flat.shape[1]), np.nan))
    out[:, known] = found
    return out.reshape(len(found), *states[0].shape)


def _positive(q: np.ndarray) -> np.ndarray:
    """Lengths to divide by; one that is 0 does not stray."""
    return np.where(q == 0.0, 1.0, q)
