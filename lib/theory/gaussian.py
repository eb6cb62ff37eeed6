"""Averages over one centred normal, each with a bounded error or an exception.

Double-exponential rules on a half line, split at breakpoints. The substitution
``z = exp(t - exp(-t))`` keeps a strip of analyticity in ``log z`` whose width does not depend on
the scale of the integrand, so one rule serves every pre-activation variance, where Gauss-Hermite
needs ten thousand nodes.
"""
from functools import lru_cache
from typing import Callable

import numpy as np

from lib.activations import Activation
from lib.checks import Untrusted, real

REACH = 13.0  # the normal density there is 1e-37
LEVELS = (97, 193, 385, 769)  # nodes a panel: every second and fourth node is a rule too
FINER = (1537, 3073)  # for what oscillates
BLOCK = 200_000  # values of f held at a time: they stay in the processor's cache
UNSETTLED, GROWING, INFINITE = 1, 2, 3
FAULTS = {
    UNSETTLED: "the Gaussian average at q = {q:.4g} does not converge to {rtol:g}: declare every "
               "kink of phi",
    GROWING: f"phi grows too fast: the average at q = {{q:.4g}} is not settled {REACH:g} standard "
             "deviations out",
    INFINITE: f"phi is not finite within {REACH:g} standard deviations at q = {{q:.4g}}",
}


@lru_cache(maxsize=32)
def half_line(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, inf), clustered at 0, for integrands that decay like a Gaussian.

    Accuracy: error falls like exp(-nodes/const); 97 nodes give 1e-15 for an analytic integrand
        of scale one, and still 1e-13 where its scale is 1/10.

    Source: [takahasi1974].
    """
    t, step = np.linspace(-3.7, 2.64, nodes, retstep=True)
    z = np.exp(t - np.exp(-t))
    return _frozen(z, step * z * (1.0 + np.exp(-t)))


@lru_cache(maxsize=32)
def unit_interval(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Tanh-sinh nodes and weights on [0, 1], clustered at both ends; an odd number of nodes.

    Source: [takahasi1974].
    """
    t, step = np.linspace(-3.1, 3.1, nodes, retstep=True)
    inner = 0.5 * np.pi * np.sinh(t)
    weights = step * 0.25 * np.pi * np.cosh(t) / np.cosh(inner) ** 2
    return _frozen(1.0 / (1.0 + np.exp(-2.0 * inner)), weights)


def split_half_line(edges: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, inf) split at breakpoints that differ from point to point.

    Args:
        edges: breakpoints in any order, shape ``(..., m)``; those not positive count as 0, and
            panels that are empty at every point are left out.
        nodes: nodes of each of the panels, m + 1 at most.

    Returns:
        Nodes and weights of shape ``(..., panels * nodes)``, or ``(nodes,)`` if there is one.
    """
    edges = np.sort(np.maximum(edges, 0.0), axis=-1)
    edges = edges[..., np.any(edges > 0.0, axis=tuple(range(edges.ndim - 1)))]
    if edges.shape[-1] == 0:
        return half_line(nodes)
    inner = np.minimum(edges, REACH)
    start = np.concatenate([np.zeros_like(inner[..., :1]), inner[..., :-1]], axis=-1)
    share, weight = unit_interval(nodes)
    wide = (inner - start)[..., None]
    z, w = start[..., None] + wide * share, wide * weight
    tail, tail_weight = half_line(nodes)
    last = edges[..., -1:]
    shape = (*edges.shape[:-1], -1)
    return (np.concatenate([z.reshape(shape), last + tail], axis=-1),
            np.concatenate([w.reshape(shape), np.broadcast_to(tail_weight, last.shape[:-1]
                                                              + tail.shape)], axis=-1))


def three_sums(terms: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """The sum of a rule's terms ``(..., panels * nodes)`` and an estimate of its error, ``(...)``.

    A rule of step h contains those of step 2h and 4h. If they give I1, I2, I4, then
    ``|I1 - I2|^2 / |I2 - I4|`` estimates the error of I1 for geometric convergence and bounds
    it for the double-exponential kind.

    Accuracy: the estimate is within a factor of a few for kinks and pessimistic otherwise.

    Source: Aitken's extrapolation.
    """
    fine, middle, coarse = np.moveaxis(terms @ _masks(terms.shape[-1] // nodes, nodes), -1, 0)
    small, large = np.abs(fine - middle), np.abs(middle - coarse)
    return fine, small * np.minimum(1.0, small / np.maximum(large, 1e-300))


@lru_cache(maxsize=32)
def _masks(panels: int, nodes: int) -> np.ndarray:
    index = np.arange(nodes)
    one = np.stack([np.ones(nodes), 2.0 * (index % 2 == 0), 4.0 * (index % 4 == 0)], axis=-1)
    return np.tile(one, (panels, 1))


def _frozen(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    for array in arrays:
        array.flags.writeable = False
    return arrays


def average(f: Callable, q: np.ndarray, kinks: tuple[float, ...] = (), even: bool = False,
            rtol: float = 1e-12, missing: str = "raise") -> np.ndarray:
    """``E f(u)`` for ``u`` normal with mean 0 and variance ``q``.

    Args:
        f: elementwise callable, smooth between the kinks, growing slower than exp(u^2/100).
        q: variances, any shape, not negative.
        kinks: where f or one of its derivatives jumps.
        even: promise that f(-u) = f(u), which halves the work.
        rtol: error allowed, relative to ``E |f(u)|``.
        missing: "raise", or "nan" to mark averages that cannot be trusted.

    Returns:
        The averages, shape of ``q``.

    Raises:
        Untrusted: the error estimate stays above ``rtol`` (an undeclared kink, say) or f grows
            too fast; carries the best values.

    Accuracy: ``rtol``, by comparing each rule with its own every-second-node subsets.

    Source: double-exponential rule [takahasi1974], split at the kinks.

    >>> float(average(np.square, np.array(3.0), even=True)).__round__(12)
    3.0
    """
    q = real("q", q, low=0.0)
    flat = q.ravel()
    out, fault = np.empty_like(flat), np.zeros(flat.size, dtype=int)
    out[flat == 0.0] = np.mean(f(np.array([1e-300, -1e-300])))  # each side of a kink counts
    todo = np.flatnonzero(flat)
    for nodes in LEVELS + FINER:
        size = max(1, BLOCK // (nodes * (2 + len(kinks))))
        for start in range(0, todo.size, size):
            rows = todo[start:start + size]
            out[rows], error, scale, fault[rows] = _one_block(f, flat[rows], kinks, even, nodes)
            fault[rows[(fault[rows] == 0) & ~(error <= rtol * scale)]] = UNSETTLED
        todo = todo[fault[todo] == UNSETTLED]
        if todo.size == 0:
            break
    if missing == "nan":
        out[fault > 0] = np.nan
    elif fault.any():
        first = np.flatnonzero(fault)[0]
        raise Untrusted(FAULTS[fault[first]].format(q=flat[first], rtol=rtol),
                        out.reshape(q.shape))
    return out.reshape(q.shape)


def _one_block(f: Callable, q: np.ndarray, kinks: tuple[float, ...], even: bool,
               nodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Averages, error estimates, E|f| and faults over both half lines for a few variances."""
    root = np.sqrt(q)[:, None]
    total = error = scale = fault = 0.0
    for sign in (1.0,) if even else (1.0, -1.0):
        with np.errstate(over="ignore", invalid="ignore"):
            edges = np.clip(sign * np.asarray(kinks, dtype=float) / root, -1e150, 1e150)
            z, w = split_half_line(edges, nodes)
            density = w * np.exp(-0.5 * z * z) * ((2.0 if even else 1.0) / np.sqrt(2.0 * np.pi))
            terms = f((sign * root) * z) * density
            value, guess = three_sums(terms, nodes)
            size = value if terms.min() >= 0.0 else np.abs(terms).sum(axis=-1)
            far = np.abs(terms[..., -1]) > 1e-15 * size + 1e-300
        fault = np.maximum(fault, np.where(np.isfinite(size), GROWING * far, INFINITE))
        total, error, scale = total + value, error + guess, scale + size
    return total, error, scale + 1e-300, fault


def moment(phi: Activation, q: np.ndarray, order: int = 0, *,
           missing: str = "raise") -> np.ndarray:
    """``E phi(u)^2``, ``E phi'(u)^2`` or ``E phi''(u)^2`` (order 0, 1, 2) for u ~ N(0, q).

    Returns:
        The averages, shape of ``q``.

    Raises:
        ValueError: the average is infinite, because phi (order 1) or phi' (order 2) jumps.
        Untrusted: see `average`, also for ``missing``.

    Accuracy: 1e-12 relative, or what ``phi.accuracy`` says of its derivatives; closed form where
        one exists.

    Source: [poole2016] (the integrals in the length map, chi1 and chi2).
    """
    q = real("q", q, low=0.0)
    if order == 1 and not phi.continuous:
        raise ValueError(f"{phi.name} jumps, so E phi'^2 is infinite: phi' is a delta there")
    if order == 2 and not phi.differentiable:
        raise ValueError(f"{phi.name} has a kink, so E phi''^2 (chi2, curvature) is infinite: "
                         "phi'' is a delta there")
    if order in phi.closed:
        return phi.closed[order](q)
    f = phi.derivative(order)
    return average(lambda u: np.square(f(u)), q, phi.kinks, bool(phi.parity),
                   phi.accuracy[order], missing)


def moment_slope(phi: Activation, q: np.ndarray, *, missing: str = "raise") -> np.ndarray:
    """``d/dq E phi(u)^2`` for u ~ N(0, q), that is ``E[phi'^2 + phi phi'']`` for smooth phi.

    Returns:
        The slopes, shape of ``q``.

    Accuracy: 1e-12 of ``E|phi phi' u|/q``, or of ``E[phi'^2 + |phi phi''|]`` for small q.

    Source: derived here: differentiate under the integral, ``E[phi(u) phi'(u) u] / q``, which
        needs no phi''; at small q, where that cancels, the other form if phi has no corner. A
        jump of phi^2 at k adds ``k [phi^2] / 2q`` times the density there.
    """
    q = real("q", q, low=0.0)
    even, small = bool(phi.parity), (q < 1e-4) & phi.differentiable
    slope = np.empty(q.shape)
    slope[small] = average(lambda u: np.square(phi.dphi(u)) + phi.phi(u) * phi.d2phi(u),
                           q[small], phi.kinks, even, max(phi.accuracy), missing)
    safe = np.maximum(q[~small], 1e-30)  # there phi is its own tangent on each side
    slope[~small] = average(lambda u: phi.phi(u) * phi.dphi(u) * u, safe, phi.kinks, even,
                            max(phi.accuracy[:2]), missing) / safe
    for at in () if phi.continuous else phi.kinks:
        above, below = (float(phi.phi(np.nextafter(at, to))) for to in (np.inf, -np.inf))
        slope += 0.5 * at * (above**2 - below**2) * _density(at, q) / np.maximum(q, 1e-30)
    return slope


def _density(at: float, q: np.ndarray) -> np.ndarray:
    q = np.maximum(q, 1e-30)
    return np.exp(-0.5 * at * at / q) / np.sqrt(2.0 * np.pi * q)


def co_moment(phi: Activation, q: np.ndarray, other: np.ndarray, order: int = 0) -> np.ndarray:
    """``E f(sqrt(q) z) f(sqrt(other) z)``, f = phi or phi' (order 0, 1): correlation one.

    q, other and the averages have shape ``(rows,)``.

    Accuracy: 1e-12 relative.
    """
    if np.array_equal(q, other):
        return moment(phi, q, order)
    f = phi.derivative(order)
    out = np.empty_like(q)
    for row, (a, b) in enumerate(zip(np.sqrt(q), np.sqrt(other))):
        kinks = tuple(k / s for k in phi.kinks for s in (a, b) if s > 0)
        out[row] = average(lambda z: f(a * z) * f(b * z), np.ones(1), kinks)[0]  # noqa: B023
    return out
