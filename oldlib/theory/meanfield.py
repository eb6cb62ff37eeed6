"""Mean-field theory of deep random networks: maps, fixed points, depth scales, phases.

``h = W phi(h_previous) + b`` with W of variance sigma_w^2 / fan-in and b of variance sigma_b^2.
Every function takes arrays of sigma_w and sigma_b that broadcast, and a list of activations in
place of one (the results are then stacked along a new first axis).
"""
from functools import wraps
from typing import Callable, Sequence

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.theory.correlated import pair_average
from oldlib.theory.gaussian import moment, moment_slope
from oldlib.theory.lengths import FixedPoints, fixed_points
from oldlib.theory.quadrature import NotTrusted
from oldlib.theory.shell import CorrelationShell

Phi = str | Activation | Callable | Sequence


class NoFixedPoint(NotTrusted):
    """The length map takes unit length nowhere; ``best`` holds NaN where that is so."""


def _over_activations(function: Callable) -> Callable:
    """Let ``phi`` be a list of activations, with the results stacked."""
    @wraps(function)
    def stacked(*args, phi: Phi = "tanh", **kwargs):
        if isinstance(phi, (list, tuple)):
            return np.stack([function(*args, phi=get(one), **kwargs) for one in phi])
        return function(*args, phi=get(phi), **kwargs)
    return stacked


def _sigmas(sigma_w: object, sigma_b: object) -> tuple[np.ndarray, np.ndarray]:
    return real("sigma_w", sigma_w, low=0.0), real("sigma_b", sigma_b, low=0.0)


@_over_activations
def length_map(q: np.ndarray, sigma_w: np.ndarray, sigma_b: np.ndarray, *,
               phi: Phi = "tanh") -> np.ndarray:
    """Squared length after one layer, ``V(q) = sigma_w^2 E phi(sqrt(q) z)^2 + sigma_b^2``.

    Args:
        q: squared length per unit of the pre-activations, not negative.
        sigma_w, sigma_b: standard deviations. All three broadcast.
        phi: activation, by name or as a callable.

    Returns:
        Squared length per unit of the next pre-activations, broadcast shape.

    Raises:
        ValueError, TypeError: bad arguments. NotTrusted: an average without a bounded error.

    Accuracy: 1e-12 relative.

    Source: [poole2016], the length map.

    >>> float(length_map(2.0, 3.0, 1.0, phi="linear"))
    19.0
    """
    sigma_w, sigma_b = _sigmas(sigma_w, sigma_b)
    return sigma_w**2 * moment(phi, real("q", q, low=0.0)) + sigma_b**2


@_over_activations
def length_slope(q: np.ndarray, sigma_w: np.ndarray, *, phi: Phi = "tanh") -> np.ndarray:
    """Slope of the length map, ``V'(q) = sigma_w^2 E[phi'^2 + phi phi'']``.

    Args:
        q: squared length per unit.
        sigma_w: standard deviation; broadcasts.
        phi: activation.

    Returns:
        The slope, broadcast shape.

    Raises:
        ValueError, TypeError: bad arguments. NotTrusted: an average without a bounded error.

    Accuracy: 1e-12 of ``sigma_w^2 E|phi phi' u|/q``.

    Source: [schoenholz2017]; kinks allowed.

    >>> float(length_slope(2.0, 3.0, phi="linear")).__round__(12)
    9.0
    """
    return real("sigma_w", sigma_w, low=0.0)**2 * moment_slope(phi, real("q", q, low=0.0))


@_over_activations
def q_star(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
           missing: str = "raise") -> np.ndarray:
    """The fixed point ``q* = V(q*)`` of the length map that attracts unit length.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast.
        phi: activation.
        missing: "raise", or "nan" to mark the points where there is none.

    Returns:
        q*, broadcast shape. Where every length is a fixed point (ReLU at sigma_w = sqrt(2),
        sigma_b = 0) unit length stays, so 1.

    Raises:
        NoFixedPoint: lengths diverge.
        ValueError, TypeError: bad arguments.

    Accuracy: 1e-12 relative, or 1e-14 absolute below 1e-2.

    Source: [poole2016], Fig. 1.

    >>> round(float(q_star(1.2, 0.3, phi="relu")), 9)  # sigma_b^2 / (1 - sigma_w^2 / 2)
    0.321428571
    """
    return _fixed_points(sigma_w, sigma_b, phi, missing).value


def _check_missing(missing: str) -> None:
    if missing not in ("raise", "nan"):
        raise ValueError(f"missing must be 'raise' or 'nan', got {missing!r}")


def _fixed_points(sigma_w: np.ndarray, sigma_b: np.ndarray, phi: Activation,
                  missing: str) -> FixedPoints:
    _check_missing(missing)
    sigma_w, sigma_b = _sigmas(sigma_w, sigma_b)
    found = fixed_points(phi, sigma_w, sigma_b)
    lost = np.isnan(found.value)
    if lost.any() and missing == "raise":
        w, b = np.broadcast_arrays(sigma_w, sigma_b)
        raise NoFixedPoint(
            f"{phi.name}: the length map settles nowhere at {lost.sum()} of {lost.size} points, "
            f"first at sigma_w = {w[lost][0]:.4g}, sigma_b = {b[lost][0]:.4g} "
            f"({found.kind[lost][0]}); missing='nan' marks them instead", found.value)
    return found


def _mean_gain(sigma_w: np.ndarray, sigma_b: np.ndarray, phi: Activation, missing: str,
               order: int) -> np.ndarray:
    """``sigma_w^2 E phi^(order)^2`` at q*, which for homogeneous phi does not depend on q."""
    sigma_w, sigma_b = _sigmas(sigma_w, sigma_b)
    if phi.homogeneous:
        q = np.ones(np.broadcast_shapes(sigma_w.shape, sigma_b.shape))
    else:
        q = _fixed_points(sigma_w, sigma_b, phi, missing).value
    return sigma_w**2 * _where_finite(lambda v: moment(phi, v, order), q)


def _where_finite(f: Callable, q: np.ndarray) -> np.ndarray:
    out = np.full(q.shape, np.nan)
    good = np.isfinite(q)
    out[good] = f(q[good])
    return out


@_over_activations
def chi1(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
         missing: str = "raise") -> np.ndarray:
    """Mean squared stretch of a layer, ``chi1 = sigma_w^2 E phi'(sqrt(q*) z)^2 = C'(1)``.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast.
        phi: activation.
        missing: as in `q_star`.

    Returns:
        chi1, broadcast shape; above 1 in the chaotic phase.

    Raises:
        NoFixedPoint: there is no q*. ValueError: phi jumps, so that chi1 is infinite.

    Accuracy: 1e-12 relative.

    Source: [poole2016], Fig. 2D.

    >>> float(chi1(3.0, 0.1, phi="relu"))  # sigma_w^2 / 2
    4.5
    """
    return _mean_gain(sigma_w, sigma_b, phi, missing, 1)


@_over_activations
def chi2(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
         missing: str = "raise") -> np.ndarray:
    """Mean squared bending of a layer, ``chi2 = sigma_w^2 E phi''(sqrt(q*) z)^2``.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast.
        phi: activation without kinks.
        missing: as in `q_star`.

    Returns:
        chi2, broadcast shape; q* chi2 is the curvature of the correlation map at c = 1.

    Raises:
        ValueError: phi has a kink, so that chi2 is infinite. NoFixedPoint: there is no q*.

    Accuracy: 1e-12 relative.

    Source: [poole2016].

    >>> round(float(chi2(1.3, 0.3)), 6)
    0.543472
    """
    return _mean_gain(sigma_w, sigma_b, phi, missing, 2)


def _shell(sigma_w: np.ndarray, sigma_b: np.ndarray, phi: Activation,
           missing: str) -> CorrelationShell:
    sigma_w, sigma_b = np.broadcast_arrays(*_sigmas(sigma_w, sigma_b))
    return CorrelationShell(phi, sigma_w, _fixed_points(sigma_w, sigma_b, phi, missing).value)


@_over_activations
def deficit_map(d: np.ndarray, sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
                missing: str = "raise") -> np.ndarray:
    """The correlation map on the shell q = q* in terms of d = 1 - c: ``D(d) = 1 - C(1 - d)``.

    Args:
        d: deficits in [0, 2]. To apply many to a whole grid, give the sigmas a last axis of
            length 1: the work on the grid is then done once.
        sigma_w, sigma_b: standard deviations. All three broadcast.
        phi: activation.
        missing: as in `q_star`.

    Returns:
        The next deficit, broadcast shape. Where q* = 0 the limit sigma_b -> 0 is meant, the
        straight line chi1 d.

    Raises:
        NoFixedPoint: there is no q*. ValueError: d out of range. NotTrusted: no bounded error.

    Accuracy: 1e-10 relative, down to d = 1e-30.

    Source: [poole2016], Fig. 2A.

    >>> float(deficit_map(1e-20, 2.0, 0.0, phi="linear", missing="nan"))
    nan
    """
    shell = _shell(sigma_w, sigma_b, phi, missing)
    return shell.deficit(real("d", d, low=0.0, high=2.0))


@_over_activations
def correlation_map(c: np.ndarray, sigma_w: np.ndarray, sigma_b: np.ndarray, *,
                    phi: Phi = "tanh", missing: str = "raise") -> np.ndarray:
    """The correlation of two inputs after one layer, ``C(c)``, on the shell q = q*.

    Args:
        c: correlations in [-1, 1]; near 1 use `deficit_map`.
        sigma_w, sigma_b, phi, missing: as in `deficit_map`.

    Returns:
        The next correlation, broadcast shape.

    Raises:
        NoFixedPoint: there is no q*. ValueError: c out of range. NotTrusted: no bounded error.

    Accuracy: 1e-10 absolute.

    Source: [poole2016], Fig. 2A.

    >>> round(float(correlation_map(0.0, 2.5, 0.3)), 6)
    0.022064
    """
    return 1.0 - _shell(sigma_w, sigma_b, phi, missing).deficit(
        1.0 - real("c", c, low=-1.0, high=1.0))


@_over_activations
def pair_map(q: np.ndarray, other: np.ndarray, c: np.ndarray, sigma_w: np.ndarray,
             sigma_b: np.ndarray, *, phi: Phi = "tanh") -> tuple:
    """One layer for two inputs of any lengths: ``(q, other, c)`` to the next ``(q, other, c)``.

    Args:
        q, other: squared lengths per unit of the two pre-activations.
        c: their correlation in [-1, 1].
        sigma_w, sigma_b: standard deviations. All five broadcast.
        phi: one activation.

    Returns:
        The next q, other and c, each of the broadcast shape.

    Raises:
        ValueError: bad arguments. NotTrusted: no bounded error, or a length that becomes 0, so
            that there is no correlation.

    Accuracy: 1e-12 relative for the lengths, 1e-10 absolute for c.

    Source: [poole2016], the correlation map off the shell.

    >>> [round(float(x), 9) for x in pair_map(1.0, 4.0, 0.5, 2.0, 0.0, phi="linear")]
    [4.0, 16.0, 0.5]
    """
    sigma_w, sigma_b = _sigmas(sigma_w, sigma_b)
    product = sigma_w**2 * pair_average(phi, q, other, c) + sigma_b**2
    ahead, other_ahead = (length_map(x, sigma_w, sigma_b, phi=phi) for x in (q, other))
    if not np.all(ahead * other_ahead > 0.0):
        raise NotTrusted("activity is gone: an input of length 0 has no correlation", product)
    return ahead, other_ahead, np.clip(product / np.sqrt(ahead * other_ahead), -1.0, 1.0)


@_over_activations
def deficit_star(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
                 missing: str = "raise") -> np.ndarray:
    """``1 - c*``, zero in the ordered phase and on the critical line, positive in the chaotic.

    Args:
        sigma_w, sigma_b: standard deviations, broadcast.
        phi: activation.
        missing: as in `q_star`.

    Returns:
        The deficit of the stable fixed point of the correlation map in [0, 1].

    Raises:
        NoFixedPoint: there is no q*. NotTrusted: no bounded error.

    Accuracy: 1e-10 relative away from the critical line; near it the rounding of chi1 - 1,
        which is 1e-12 / (chi1 - 1).

    Source: [poole2016], Fig. 2C.

    >>> float(deficit_star(1.3, 0.3))
    0.0
    """
    return _shell(sigma_w, sigma_b, phi, missing).deficit_star()


@_over_activations
def c_star(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
           missing: str = "raise") -> np.ndarray:
    """The correlation ``c*`` that any two inputs approach: 1 less `deficit_star`.

    Args:
        sigma_w, sigma_b, phi, missing: as in `deficit_star`.

    Returns:
        c*, broadcast shape.

    Raises:
        As `deficit_star`.

    Accuracy: as `deficit_star`, but absolute.

    Source: [poole2016], Fig. 2C.

    >>> round(float(c_star(4.0, 0.3)), 7)
    0.0296959
    """
    return 1.0 - deficit_star(sigma_w, sigma_b, phi=phi, missing=missing)


@_over_activations
def slope_at_c_star(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
                    missing: str = "raise") -> np.ndarray:
    """``C'(c*)``, by which a difference of correlations shrinks each layer; chi1 if c* = 1.

    Args:
        sigma_w, sigma_b, phi, missing: as in `deficit_star`.

    Returns:
        The slope in [0, 1], broadcast shape.

    Raises:
        As `deficit_star`.

    Accuracy: 1e-10.

    Source: [schoenholz2017].

    >>> round(float(slope_at_c_star(1.3, 0.3) - chi1(1.3, 0.3)), 12)
    0.0
    """
    shell = _shell(sigma_w, sigma_b, phi, missing)
    return shell.slope(shell.deficit_star())


def xi_q(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
         missing: str = "raise") -> np.ndarray:
    """Layers over which lengths forget: ``-1 / ln V'(q*)``, infinite on a neutral map.

    Args:
        sigma_w, sigma_b, phi, missing: as in `q_star`.

    Returns:
        Depth scale in layers, broadcast shape; 0 where V'(q*) = 0 or below.

    Raises:
        As `q_star`.

    Accuracy: 1e-12 in V'(q*).

    Source: [schoenholz2017].

    >>> round(float(xi_q(2.5, 0.3)), 6)
    0.688341
    """
    if isinstance(phi, (list, tuple)):
        return np.stack([xi_q(sigma_w, sigma_b, phi=one, missing=missing) for one in phi])
    q = q_star(sigma_w, sigma_b, phi=phi, missing=missing)
    unit = _where_finite(lambda v: length_slope(v, 1.0, phi=phi), q)
    return _depth_scale(np.square(sigma_w) * unit)


def xi_c(sigma_w: np.ndarray, sigma_b: np.ndarray, *, phi: Phi = "tanh",
         missing: str = "raise") -> np.ndarray:
    """Layers over which correlations forget: ``-1 / ln C'(c*)``, infinite at criticality.

    Args:
        sigma_w, sigma_b, phi, missing: as in `deficit_star`.

    Returns:
        Depth scale in layers, broadcast shape.

    Raises:
        As `deficit_star`.

    Accuracy: 1e-10 in C'(c*).

    Source: [schoenholz2017].

    >>> round(float(xi_c(1.3, 0.3)), 4)
    16.1082
    """
    return _depth_scale(slope_at_c_star(sigma_w, sigma_b, phi=phi, missing=missing))


def _depth_scale(slope: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = -1.0 / np.log(np.maximum(slope, 0.0))
    return np.where(slope >= 1.0 - 4e-16, np.inf, scale)


@_over_activations
def critical_line(sigma_b: np.ndarray, *, phi: Phi = "tanh", missing: str = "raise") -> np.ndarray:
    """``sigma_w`` at which chi1 = 1, the edge of chaos, for given ``sigma_b``.

    On it ``sigma_w^2 = 1 / E phi'^2`` and ``q = sigma_w^2 E phi^2 + sigma_b^2`` at one q, so that
    ``sigma_b^2 = q - E phi^2 / E phi'^2`` is solved for q.

    Args:
        sigma_b: standard deviations of the biases, any shape.
        phi: activation.
        missing: as in `q_star`.

    Returns:
        sigma_w, shape of ``sigma_b``. Only a q that attracts lengths, V'(q) <= 1, counts; of
        several the smallest. GELU and swish have none for small biases: they lose their fixed
        point before chi1 reaches 1.

    Raises:
        NoFixedPoint: no sigma_w is critical for some sigma_b.

    Accuracy: 1e-12 relative for sigma_b above 1e-6.

    Source: [poole2016], Fig. 2D; the parametrisation is derived here.

    >>> round(float(critical_line(0.3)), 9)
    1.395583975
    """
    from scipy.optimize import elementwise  # costs as much to import as NumPy; used here only
    _check_missing(missing)
    sigma_b = real("sigma_b", sigma_b, low=0.0)

    def squared_bias(log_q, target=0.0):
        q = np.exp(log_q)
        return q - moment(phi, q) / moment(phi, q, 1) - target

    if phi.homogeneous:
        return np.full(sigma_b.shape, moment(phi, np.ones(1), 1)[0] ** -0.5)
    scan = np.linspace(np.log(1e-10), np.log(_reach(phi)), 240)
    above = squared_bias(scan) >= np.square(sigma_b)[..., None]
    settles = moment_slope(phi, np.exp(scan)) <= moment(phi, np.exp(scan), 1) * (1 + 1e-9)
    crossing = (above[..., 1:] != above[..., :-1]) & (settles[1:] | settles[:-1])
    at_rest = (sigma_b == 0.0) & (moment(phi, np.zeros(1))[0] == 0.0)  # starts at q = 0
    lost = ~crossing.any(axis=-1) & ~at_rest
    if lost.any() and missing == "raise":
        raise NoFixedPoint(f"{phi.name}: no sigma_w has chi1 = 1 and settled lengths at sigma_b "
                           f"= {sigma_b[lost][0]:.4g}; missing='nan' marks such points")
    cell = np.argmax(crossing, axis=-1)
    solvable = ~(lost | at_rest)
    q = np.where(lost, np.nan, 0.0)
    q[solvable] = np.exp(elementwise.find_root(
        squared_bias, (scan[cell[solvable]], scan[cell[solvable] + 1]),
        args=(np.square(sigma_b[solvable]),), tolerances={"xatol": 1e-14}).x)
    return _where_finite(lambda v: moment(phi, v, 1), q) ** -0.5


def _reach(phi: Activation) -> float:
    """A variance up to which the averages of phi are cheap, for a scan."""
    for top in (1e8, 1e4, 1e2, 30.0, 10.0):
        try:
            moment(phi, np.array([top])), moment_slope(phi, np.array([top]))
            return top
        except NotTrusted:
            continue
    return 3.0


@_over_activations
def length_orbit(q: np.ndarray, sigma_w: np.ndarray, sigma_b: np.ndarray, layers: int, *,
                 phi: Phi = "tanh") -> np.ndarray:
    """Squared length layer by layer, starting from ``q`` at layer 1.

    Args:
        q: squared length per unit of the first pre-activations.
        sigma_w, sigma_b: standard deviations. All three broadcast.
        layers: how many, the start included.
        phi: activation.

    Returns:
        Shape ``(layers, ...)``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: 1e-12 relative a step; the map contracts, so errors do not add up.

    Source: [poole2016], Fig. 1B.

    >>> length_orbit(1.0, 2.0, 0.0, 3, phi="linear").tolist()
    [1.0, 4.0, 16.0]
    """
    return _orbit(lambda v: length_map(v, sigma_w, sigma_b, phi=phi), real("q", q, low=0.0),
                  layers, sigma_w, sigma_b)


@_over_activations
def deficit_orbit(d: np.ndarray, sigma_w: np.ndarray, sigma_b: np.ndarray, layers: int, *,
                  phi: Phi = "tanh", missing: str = "raise") -> np.ndarray:
    """``1 - c`` layer by layer on the shell q = q*, starting from ``d`` at layer 1.

    Args:
        d: deficits in [0, 2].
        sigma_w, sigma_b: standard deviations. All three broadcast.
        layers: how many, the start included.
        phi, missing: as in `deficit_map`.

    Returns:
        Shape ``(layers, ...)``.

    Raises:
        As `deficit_map`.

    Accuracy: 1e-10 relative a step, however close to 1 the correlation is; in the chaotic
        phase such errors grow with the deficit itself, not faster.

    Source: [poole2016], Fig. 2B.

    >>> d = deficit_orbit(1e-20, 2.5, 0.3, 2)
    >>> bool(abs(d[1] / d[0] - chi1(2.5, 0.3)) < 1e-9)
    True
    """
    shell = _shell(sigma_w, sigma_b, phi, missing)
    return _orbit(lambda d: np.minimum(shell.deficit(d), 2.0),  # opposite, to rounding
                  real("d", d, low=0.0, high=2.0), layers, sigma_w, sigma_b)


def _orbit(step: Callable, start: np.ndarray, layers: int, *others: np.ndarray) -> np.ndarray:
    shape = np.broadcast_shapes(start.shape, *(np.shape(x) for x in others))
    out = np.empty((count("layers", layers), *shape))
    out[0] = start
    for layer in range(1, layers):
        out[layer] = step(out[layer - 1])
    return out
