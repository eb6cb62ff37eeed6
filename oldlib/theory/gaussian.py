"""Averages over one centred normal, each with a bounded error or an exception."""
from typing import Callable

import numpy as np

from oldlib.activations import Activation
from oldlib.checks import real
from oldlib.theory.quadrature import LEVELS, NotTrusted, REACH, split_half_line, three_sums

BLOCK = 200_000  # values of f held at a time: they stay in the processor's cache


def average(f: Callable, q: np.ndarray, kinks: tuple[float, ...] = (), even: bool = False,
            rtol: float = 1e-12) -> np.ndarray:
    """``E f(u)`` for ``u`` normal with mean 0 and variance ``q``.

    Args:
        f: elementwise callable, smooth between the kinks, growing slower than exp(u^2/100).
        q: variances, any shape, not negative.
        kinks: where f or one of its derivatives jumps.
        even: promise that f(-u) = f(u), which halves the work.
        rtol: error allowed, relative to ``E |f(u)|``.

    Returns:
        The averages, shape of ``q``.

    Raises:
        NotTrusted: the error estimate stays above ``rtol`` (an undeclared kink, say) or f grows
            too fast; carries the best values.

    Accuracy: ``rtol``, by comparing each rule with its own every-second-node subsets.

    Source: double-exponential rule [takahasi1974], split at the kinks.

    >>> float(average(np.square, np.array(3.0), even=True)).__round__(12)
    3.0
    """
    q = real("q", q, low=0.0)
    flat = q.ravel()
    out = np.empty_like(flat)
    out[flat == 0.0] = np.mean(f(np.array([1e-300, -1e-300])))  # each side of a kink counts
    todo = np.flatnonzero(flat)
    for nodes in LEVELS:
        size = max(1, BLOCK // (nodes * (2 + len(kinks))))
        failed = []
        for start in range(0, todo.size, size):
            rows = todo[start:start + size]
            out[rows], error, scale = _one_block(f, flat[rows], kinks, even, nodes)
            failed.append(rows[~(error <= rtol * scale)])
        todo = np.concatenate(failed) if failed else todo[:0]
        if todo.size == 0:
            return out.reshape(q.shape)
    raise NotTrusted(f"the Gaussian average at q = {flat[todo[0]]:.4g} does not converge to "
                     f"{rtol:g}: declare every kink of phi", out.reshape(q.shape))


def _one_block(f: Callable, q: np.ndarray, kinks: tuple[float, ...], even: bool,
               nodes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Averages, error estimates and E|f| over both half lines for a few variances."""
    root = np.sqrt(q)[:, None]
    total = error = scale = 0.0
    for sign in (1.0,) if even else (1.0, -1.0):
        with np.errstate(over="ignore", invalid="ignore"):
            edges = np.clip(sign * np.asarray(kinks, dtype=float) / root, -1e150, 1e150)
            z, w = split_half_line(edges, nodes)
            density = w * np.exp(-0.5 * z * z) * ((2.0 if even else 1.0) / np.sqrt(2.0 * np.pi))
            terms = f((sign * root) * z) * density
            value, guess = three_sums(terms, nodes)
        size = value if terms.min() >= 0.0 else np.abs(terms).sum(axis=-1)
        _refuse_unless_settled(size, np.abs(terms[..., -1]), q)
        total, error, scale = total + value, error + guess, scale + size
    return total, error, scale + 1e-300


def _refuse_unless_settled(size: np.ndarray, last: np.ndarray, q: np.ndarray) -> None:
    if not np.isfinite(size).all():
        raise NotTrusted(f"phi is not finite within {REACH:g} standard deviations at q = "
                         f"{q[~np.isfinite(size)][0]:.4g}")
    if np.any(last > 1e-15 * size + 1e-300):
        raise NotTrusted(f"phi grows too fast: the average at q = {q.max():.4g} is not settled "
                         f"{REACH:g} standard deviations out")


def moment(phi: Activation, q: np.ndarray, order: int = 0) -> np.ndarray:
    """``E phi(u)^2``, ``E phi'(u)^2`` or ``E phi''(u)^2`` for u ~ N(0, q).

    Args:
        phi: the activation.
        q: variances, any shape, not negative.
        order: of the derivative, 0, 1 or 2.

    Returns:
        The averages, shape of ``q``.

    Raises:
        ValueError: the average is infinite, because phi (order 1) or phi' (order 2) jumps.
        NotTrusted: see `average`.

    Accuracy: 1e-12 relative, or that of derivatives by differences (1e-11 for phi', 1e-8 for
        phi''); closed form where one exists.

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
                   phi.accuracy[order])


def moment_slope(phi: Activation, q: np.ndarray) -> np.ndarray:
    """``d/dq E phi(u)^2`` for u ~ N(0, q), that is ``E[phi'^2 + phi phi'']`` for smooth phi.

    Args:
        phi: the activation.
        q: variances, any shape, not negative.

    Returns:
        The slopes, shape of ``q``.

    Raises:
        ValueError: phi jumps at a kink and q = 0, where the slope is infinite.
        NotTrusted: see `average`.

    Accuracy: 1e-12 of ``E|phi phi' u|/q``, or of ``E[phi'^2 + |phi phi''|]`` for small q.

    Source: derived here: differentiate under the integral, ``E[phi(u) phi'(u) u] / q``, which
        needs no phi''; at small q, where that cancels, the other form if phi has no corner.
    """
    q = real("q", q, low=0.0)
    even, small = bool(phi.parity), (q < 1e-4) & phi.differentiable
    slope = np.empty(q.shape)
    slope[small] = average(lambda u: np.square(phi.dphi(u)) + phi.phi(u) * phi.d2phi(u),
                           q[small], phi.kinks, even, max(phi.accuracy))
    safe = np.maximum(q[~small], 1e-30)  # there phi is its own tangent on each side
    slope[~small] = average(lambda u: phi.phi(u) * phi.dphi(u) * u, safe, phi.kinks, even,
                            max(phi.accuracy[:2])) / safe
    return slope


def co_moment(phi: Activation, q: np.ndarray, other: np.ndarray, order: int = 0) -> np.ndarray:
    """``E f(sqrt(q) z) f(sqrt(other) z)`` with f = phi or phi': two normals of correlation one.

    Args:
        phi: the activation.
        q, other: variances, shape ``(rows,)``.
        order: 0 for phi, 1 for phi'.

    Returns:
        The averages, shape ``(rows,)``.

    Raises:
        ValueError, NotTrusted: as `moment`.

    Accuracy: 1e-12 relative.

    Source: derived here.
    """
    if np.array_equal(q, other):
        return moment(phi, q, order)
    f = phi.derivative(order)
    out = np.empty_like(q)
    for row, (a, b) in enumerate(zip(np.sqrt(q), np.sqrt(other))):
        kinks = tuple(k / s for k in phi.kinks for s in (a, b) if s > 0)
        out[row] = average(lambda z: f(a * z) * f(b * z), np.ones(1), kinks)[0]  # noqa: B023
    return out
