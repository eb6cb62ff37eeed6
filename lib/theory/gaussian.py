"""Averages over one centred normal, each with a bounded error or an exception.

Two rules of different kind must agree. Double-exponential rules on a half line, split at
breakpoints: the substitution ``z = exp(t - exp(-t))`` keeps a strip of analyticity in ``log z``
whose width does not depend on the scale of the integrand, so one rule serves every pre-activation
variance, where Gauss-Hermite needs ten thousand nodes. And Gauss-Legendre rules on octaves of z.

As a function of ``log q`` an average is analytic in a strip, whatever the kinks of phi, so those
of phi itself are worked out once, at the nodes of Chebyshev series, and then read off.
"""
from functools import lru_cache
from typing import Callable

import numpy as np

from lib.activations import Activation
from lib.checks import Untrusted, real
from lib.sampled import of_panels

REACH = 13.0  # the normal density there is 1e-37
LEVELS = (97, 193, 385, 769)  # nodes a panel: every second and fourth node is a rule too
FINER = (1537, 3073)  # for what oscillates
BLOCK = 200_000  # values of f held at a time: they stay in the processor's cache
GAUSS = 16  # nodes of a Gauss-Legendre panel
UNSETTLED, GROWING, INFINITE, BEYOND = 1, 2, 3, 4
FAULTS = {
    UNSETTLED: "two rules for the Gaussian average at q = {q:.4g} differ by {error:.0e}, not "
               "{rtol:g}, of it: phi is lost in rounding there, varies too fast, or has a "
               "singularity or a kink that kinks=(...) does not name",
    GROWING: f"phi grows too fast: the average at q = {{q:.4g}} is not settled {REACH:g} standard "
             "deviations out",
    INFINITE: f"phi is not finite within {REACH:g} standard deviations at q = {{q:.4g}}",
    BEYOND: f"phi is known for |x| < {{reach:.4g}} only, and the average at q = {{q:.4g}} reaches "
            f"{REACH:g} standard deviations out. Farther out it varies too fast to be seen, or "
            "seems to bend where kinks=(...) names nothing: take smaller lengths, or a formula",
}
STRETCH, DEGREE = 2.0, 30  # of a panel in log q, and of the series on it
TRIED = np.array([-0.998, -0.55, 0.03, 0.6, 0.998])  # where it is tried out
LOWEST, HIGHEST = -80.0, 48.0  # log q of the table; what lies outside is averaged by itself


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
    panels = terms.reshape(*terms.shape[:-1], terms.shape[-1] // nodes, nodes)
    fine, middle, coarse = (k * panels[..., ::k].sum(axis=(-2, -1)) for k in (1, 2, 4))
    small, large = np.abs(fine - middle), np.abs(middle - coarse)
    return fine, small * np.minimum(1.0, small / np.maximum(large, 1e-300))


def _frozen(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    for array in arrays:
        array.flags.writeable = False
    return arrays


def average(f: Callable, q: np.ndarray, kinks: tuple[float, ...] = (), even: bool = False,
            rtol: float = 1e-12, missing: str = "raise", reach: float = np.inf) -> np.ndarray:
    """``E f(u)`` for ``u`` normal with mean 0 and variance ``q``.

    Args:
        f: elementwise callable, smooth between the kinks, growing slower than exp(u^2/100).
        q: variances, any shape, not negative.
        kinks: where f or one of its derivatives jumps.
        even: promise that f(-u) = f(u), which halves the work.
        rtol: error allowed, relative to ``E |f(u)|``.
        missing: "raise", or "nan" to mark averages that cannot be trusted.
        reach: f is known for ``|u|`` below.

    Returns:
        The averages, shape of ``q``.

    Raises:
        Untrusted: the error estimate stays above ``rtol`` (an undeclared kink, say) or f grows
            too fast; carries the best values.

    Accuracy: ``rtol``: a rule must agree with its own every-second-node subsets, and with a rule
        of another kind. What f does beyond 13
        standard deviations is not seen.

    Source: double-exponential rule [takahasi1974], split at the kinks; Gauss-Legendre rules.

    >>> float(average(np.square, np.array(3.0), even=True)).__round__(12)
    3.0
    """
    q = real("q", q, low=0.0)
    flat = q.ravel()
    out, fault = np.empty_like(flat), np.zeros(flat.size, dtype=int)
    worst = np.zeros(flat.size)
    out[flat == 0.0] = np.mean(f(np.array([1e-300, -1e-300])))  # each side of a kink counts
    fault[REACH * np.sqrt(flat) > reach], out[REACH * np.sqrt(flat) > reach] = BEYOND, np.nan
    todo = np.flatnonzero((flat > 0.0) & (fault == 0))
    todo = todo[np.argsort(flat[todo], kind="stable")]
    for level, nodes in enumerate(LEVELS + FINER):
        size = max(1, BLOCK // (nodes * (2 + len(kinks))))
        while todo.size:
            some = todo[:size]
            some, todo = np.split(todo, [np.searchsorted(flat[some], 8.0 * flat[some[0]])])
            out[some], error, scale, fault[some] = _one_block(f, flat[some], kinks, even, level)
            worst[some] = error / scale
            fault[some[(fault[some] == 0) & ~(error <= rtol * scale)]] = UNSETTLED
        todo = np.flatnonzero(fault == UNSETTLED)
        todo = todo[np.argsort(flat[todo], kind="stable")]
    if missing == "nan":
        out[fault > 0] = np.nan
    elif fault.any():
        first = np.flatnonzero(fault)[0]
        raise Untrusted(FAULTS[fault[first]].format(q=flat[first], rtol=rtol, reach=reach,
                                                    error=worst[first]), out.reshape(q.shape))
    return out.reshape(q.shape)


def _one_block(f: Callable, q: np.ndarray, kinks: tuple[float, ...], even: bool,
               level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Averages, error estimates, E|f| and faults over both half lines for a few variances."""
    root, nodes = np.sqrt(q)[:, None], (LEVELS + FINER)[level]
    total = error = scale = fault = top = 0.0
    for sign in (1.0,) if even else (1.0, -1.0):
        with np.errstate(over="ignore", invalid="ignore"):
            edges = np.clip(sign * np.asarray(kinks, dtype=float) / root, -1e150, 1e150)
            z, w = split_half_line(edges, nodes)
            density = w * np.exp(-0.5 * z * z) * ((2.0 if even else 1.0) / np.sqrt(2.0 * np.pi))
            terms = f((sign * root) * z)
            top = np.maximum(top, np.abs(terms).max(axis=-1))
            terms = terms * density
            value, guess = three_sums(terms, nodes)
            size = value if terms.min() >= 0.0 else np.abs(terms).sum(axis=-1)
            far = np.abs(terms[..., -1]) > 1e-15 * size + 1e-300
        fault = np.maximum(fault, np.where(np.isfinite(size), GROWING * far, INFINITE))
        total, error, scale = total + value, error + guess, scale + size
    with np.errstate(invalid="ignore"):
        error = np.maximum(error, np.abs(_shared(f, q, kinks, even, level) - total))
    return total, error, scale + 1e-22 * np.fmin(top, 1e300) + 1e-300, fault  # beyond REACH


def _shared(f: Callable, q: np.ndarray, kinks: tuple[float, ...], even: bool,
            level: int) -> np.ndarray:
    """Averages by Gauss-Legendre rules on octaves, of one set of values of f for all variances."""
    root, total = np.sqrt(q)[:, None], 0.0
    for sign in (1.0,) if even else (1.0, -1.0):
        u, w = _octaves(sign * np.asarray(kinks), REACH * float(root.max()), level)
        with np.errstate(over="ignore", invalid="ignore"):
            bells = np.exp(-0.5 * np.square(u / root)) / root
            total = total + bells @ (f(sign * u) * w) * ((1.0 + even) / np.sqrt(2.0 * np.pi))
    return total


def _octaves(kinks: np.ndarray, top: float, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, top], on octaves cut at kinks and then in parts.

    The octaves go down to a scale of one and below, further with each level.
    """
    many, parts = int(np.clip(np.log2(REACH + top), 4, 45)) + 3 * level, 2 << level
    edges = np.concatenate([[0.0], top * 2.0 ** np.arange(-many, 1.0),
                            kinks[(kinks > 0.0) & (kinks < top)]])
    edges.sort()
    x, w = _gauss()
    wide = np.diff(edges)[:, None]
    return ((edges[:-1, None] + wide * ((np.arange(parts)[:, None] + x) / parts).ravel()).ravel(),
            (wide * np.tile(w / parts, parts)).ravel())


@lru_cache(maxsize=1)
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(GAUSS)
    return _frozen(0.5 + 0.5 * x, 0.5 * w)


class _Table:
    """An average as a function of q, on panels of log q that are laid out when they are needed.

    At the nodes of a panel the octaves alone are used. It counts only if its series gives between
    the nodes what both rules give there; where it does not, as near the end of what phi can be
    averaged over, every q is averaged by itself.

    Args:
        phi: the activation.
        kind: 0, 1 or 2 for the square of a derivative, "fourth" for that power of phi, "slope"
            for ``phi phi' u`` and "bend" for ``phi'^2 + phi phi''``.
    """

    def __init__(self, phi: Activation, kind: int | str):
        self.phi, order = phi, {"fourth": 0, "slope": 1, "bend": 2}.get(kind, kind)
        self.rtol = max(phi.accuracy[:order + 1]) if kind in ("slope", "bend") else \
            phi.accuracy[order]
        self.f = {"fourth": lambda u: phi.phi(u)**4,
                  "slope": lambda u: phi.phi(u) * phi.dphi(u) * u,
                  "bend": lambda u: np.square(phi.dphi(u)) + phi.phi(u) * phi.d2phi(u),
                  }.get(kind, lambda u: np.square(phi.derivative(order)(u)))
        panels = int((HIGHEST - LOWEST) / STRETCH)
        self.series, self.known = np.zeros((DEGREE, panels)), np.zeros(panels, dtype=int)

    def direct(self, q: np.ndarray, missing: str) -> np.ndarray:
        """By both rules."""
        return average(self.f, q, self.phi.kinks, bool(self.phi.parity), self.rtol, missing,
                       self.phi.reach)

    def __call__(self, q: np.ndarray, missing: str) -> np.ndarray:
        """The averages, shape of q."""
        flat = np.ravel(q)
        with np.errstate(divide="ignore"):
            t = (np.log(flat) - LOWEST) / STRETCH
        inside = (t >= 0.0) & (t < self.known.size)
        panel = np.where(inside, t, 0.0).astype(int)
        for one in np.flatnonzero(np.bincount(panel[inside], minlength=1)):
            if self.known[one] == 0:
                self._lay_out(one)
        read = inside & (self.known[panel] == 1)
        rest, t, panel = flat[~read], t[read], panel[read]
        out = of_panels(self.series, panel, 2.0 * (t - panel) - 1.0)
        if rest.size:
            out, some = np.empty(flat.shape), out
            out[read], out[~read] = some, self.direct(rest, missing)
        return out.reshape(np.shape(q))

    def _lay_out(self, panel: int) -> None:
        """The series on a panel, and whether it can be used: 1, else 2."""
        nodes, back, between = _panel()
        start = LOWEST + STRETCH * (panel + 0.5)
        self.known[panel] = 2
        expected = self.direct(np.exp(start + 0.5 * STRETCH * TRIED), "nan")
        if np.isnan(expected).any():
            return
        for level in range(3):
            values = _shared(self.f, np.exp(start + 0.5 * STRETCH * nodes), self.phi.kinks,
                             bool(self.phi.parity), level)
            self.series[:, panel] = back @ values
            miss = np.abs(between @ self.series[:, panel] - expected)
            if np.all(miss <= 2e-14 * np.abs(expected)):
                self.known[panel] = 1
                return


@lru_cache(maxsize=1)
def _panel() -> tuple[np.ndarray, ...]:
    """Nodes of a panel, the matrix from values there to the series, and from it to `TRIED`."""
    nodes = np.cos(np.pi * (np.arange(DEGREE) + 0.5) / DEGREE)
    vandermonde = np.polynomial.chebyshev.chebvander
    return (nodes, np.linalg.inv(vandermonde(nodes, DEGREE - 1)),
            vandermonde(TRIED, DEGREE - 1))


@lru_cache(maxsize=64)
def _table(phi: Activation, kind: int | str) -> _Table:
    return _Table(phi, kind)


def moment(phi: Activation, q: np.ndarray, order: int = 0, *,
           missing: str = "raise") -> np.ndarray:
    """``E phi(u)^2``, ``E phi'(u)^2`` or ``E phi''(u)^2`` (order 0, 1, 2) for u ~ N(0, q).

    Returns:
        The averages, shape of ``q``.

    Raises:
        ValueError: the average is infinite, because phi (order 1) or phi' (order 2) jumps.
        Untrusted: see `average`, also for ``missing``.

    Accuracy: 1e-12 relative, or what ``phi.accuracy`` says of its derivatives.

    Source: [poole2016] (the integrals in the length map, chi1 and chi2).
    """
    q = real("q", q, low=0.0)
    if order == 1 and not phi.continuous:
        raise ValueError(f"{phi.name} jumps, so E phi'^2 is infinite: phi' is a delta there")
    if order == 2 and not phi.differentiable:
        raise ValueError(f"{phi.name} has a kink, so E phi''^2 (chi2, curvature) is infinite: "
                         "phi'' is a delta there")
    if phi.homogeneous:
        power = 0.5 * float(np.sum(np.square(phi.phi(np.array([1.0, -1.0])))))
        return (power * q, np.full_like(q, power), np.zeros_like(q))[order]
    return _table(phi, order)(q, missing)


def fourth_moment(phi: Activation, q: np.ndarray, *, missing: str = "raise") -> np.ndarray:
    """``E phi(u)^4`` for u ~ N(0, q); shape of ``q``, accuracy as `moment`."""
    return _table(phi, "fourth")(real("q", q, low=0.0), missing)


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
    small = (q < 1e-4) & phi.differentiable
    slope, variance = np.empty(q.shape), np.maximum(q, 1e-30)  # phi is its own tangents there
    slope[small] = _table(phi, "bend")(q[small], missing)
    slope[~small] = _table(phi, "slope")(variance[~small], missing) / variance[~small]
    for at in () if phi.continuous else phi.kinks:
        above, below = (float(phi.phi(np.nextafter(at, to))) for to in (np.inf, -np.inf))
        bell = np.exp(-0.5 * at**2 / variance) / np.sqrt(2.0 * np.pi * variance)
        slope += 0.5 * at * (above**2 - below**2) * bell / variance
    return slope


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
