"""Other roads to the numbers of lib.theory, sharing no code with it.

Averages over one normal by mpmath with 30 digits; over two by bivariate closed forms, by the
conditional mean in mpmath, or by a plain trapezoid in axes turned so that nothing cancels.
"""
from functools import cache

import mpmath as mp
import numpy as np
from scipy.special import erf, expit

from lib.activations import Activation
from lib.jets import POINT, Jet, _Value

SELU = (mp.mpf("1.6732632423543772"), mp.mpf("1.0507009873554805"))


def _logistic(x):
    return 1 / (1 + mp.exp(-x))


def _bell(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def _elu(alpha, scale):
    return (lambda x: scale * (x if x > 0 else alpha * mp.expm1(x)),
            lambda x: scale * (1 if x > 0 else alpha * mp.exp(x)),
            lambda x: scale * (0 if x > 0 else alpha * mp.exp(x)))


def _zero(x):
    return mp.mpf(0)


def unsearched(phi, dphi, d2phi):
    """An activation of callables whose kinks nobody declared and nobody looked for."""
    return Activation("bent", Jet(lambda k: _Value((phi, dphi, d2phi)[k], POINT)))


# phi, phi', phi'' (deltas left out), written down from the textbooks in mpmath.
HERMITE = [mp.sqrt(sum(n * 0.4**n for n in range(4)))] + [mp.mpf(0.4) ** (mp.mpf(n) / 2)
                                                         for n in range(4)]


def _clipped_series(sizes, clip):
    """Orthonormal Hermite polynomials of mpmath, by H_n(x / sqrt 2) = 2^(n/2) He_n(x)."""
    norm = mp.sqrt(sum(a * a for a in sizes))
    signs = [1, 1, -1, -1, 1]

    def order(m):
        def f(x):
            if m and abs(x) >= clip:
                return mp.mpf(0)
            x = max(min(x, mp.mpf(clip)), -mp.mpf(clip))
            return sum(sign * a / norm / mp.sqrt(mp.factorial(n)) * mp.ff(n, m)
                       * mp.hermite(n - m, x / mp.sqrt(2)) / mp.mpf(2) ** (mp.mpf(n - m) / 2)
                       for n, (sign, a) in enumerate(zip(signs, sizes)) if n >= m)
        return f

    return order(0), order(1), order(2)


EXACT = {
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2, lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2),
    "erf": (mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x),
            lambda x: -4 * x / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "relu": (lambda x: max(x, mp.mpf(0)), lambda x: mp.mpf(x > 0), _zero),
    "leaky_relu": (lambda x: x if x > 0 else x / 100,
                   lambda x: mp.mpf(1) if x > 0 else mp.mpf(1) / 100, _zero),
    "hard_tanh": (lambda x: min(max(x, mp.mpf(-1)), mp.mpf(1)), lambda x: mp.mpf(abs(x) < 1),
                  _zero),
    "sigmoid": (_logistic, lambda x: _logistic(x) * _logistic(-x),
                lambda x: _logistic(x) * _logistic(-x) * (1 - 2 * _logistic(x))),
    "gelu": (lambda x: x * mp.ncdf(x), lambda x: mp.ncdf(x) + x * _bell(x),
             lambda x: (2 - x * x) * _bell(x)),
    "swish": (lambda x: x * _logistic(x),
              lambda x: _logistic(x) * (1 + x * _logistic(-x)),
              lambda x: _logistic(x) * _logistic(-x) * (2 + x - 2 * x * _logistic(x))),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), _logistic,
                 lambda x: _logistic(x) * _logistic(-x)),
    "elu": _elu(mp.mpf(1), mp.mpf(1)),
    "selu": _elu(*SELU),
    "sin": (mp.sin, mp.cos, lambda x: -mp.sin(x)),
    "linear": (lambda x: x, lambda x: mp.mpf(1), _zero),
}
EXACT["silu"] = EXACT["swish"]
EXACT["hermite"] = _clipped_series(HERMITE, 3)
DELTAS = {"relu", "leaky_relu", "hard_tanh", "selu", "hermite"}  # E phi''^2 is infinite
KINKS = {"relu": (0,), "leaky_relu": (0,), "hard_tanh": (-1, 1), "elu": (0,), "selu": (0,),
         "hermite": (-3, 3)}


def average(f, q, kinks=()):
    """E f(u), u ~ N(0, q), in mpmath, with breakpoints where phi or the density turns."""
    s = mp.sqrt(mp.mpf(q))
    cuts = {0, *(mp.mpf(k) / s for k in kinks), *(sign * x for sign in (1, -1) for x in
            (1 / s, 3 / s, 9 / s, 27 / s, 1, 3, 6, mp.mpf(13)))}
    cuts = sorted(x for x in cuts if abs(x) <= 13)
    return mp.quad(lambda z: f(s * z) * _bell(z), cuts, method="gauss-legendre")


@cache
def moment(name, q, order):
    """E phi^(order)(u)^2, 25 digits asked for."""
    with mp.workdps(25):
        f = EXACT[name][order]
        return float(average(lambda u: f(u) ** 2, q, KINKS.get(name, ())))


# Two correlated normals, phi with kinks: phi as pieces ``x^n exp(tilt x)`` on intervals, so that
# E[phi(u2) | u1] is a sum of truncated normal moments, and one integral over u1 is left.

PIECES = {  # (left, right, coefficients of 1, x, x^2, tilt)
    "relu": [(0, mp.inf, (0, 1), 0)],
    "leaky_relu": [(0, mp.inf, (0, 1), 0), (-mp.inf, 0, (0, mp.mpf(0.01)), 0)],
    "hard_tanh": [(-mp.inf, -1, (-1,), 0), (-1, 1, (0, 1), 0), (1, mp.inf, (1,), 0)],
    "elu": [(-mp.inf, 0, (-1,), 0), (-mp.inf, 0, (1,), 1), (0, mp.inf, (0, 1), 0)],
    "selu": [(-mp.inf, 0, (-SELU[0] * SELU[1],), 0), (-mp.inf, 0, (SELU[0] * SELU[1],), 1),
             (0, mp.inf, (0, SELU[1]), 0)],
    "hard_swish": [(-3, 3, (0, mp.mpf(1) / 2, mp.mpf(1) / 6), 0), (3, mp.inf, (0, 1), 0)],
}


def _piecewise(pieces, x):
    return sum(c * x**n * mp.exp(tilt * x) for left, right, coefficients, tilt in pieces
               if left < x <= right for n, c in enumerate(coefficients))


def _smeared(pieces, m, s):
    """E phi(v) for v ~ N(m, s^2)."""
    total = mp.mpf(0)
    for left, right, coefficients, tilt in pieces:
        centre, weight = m + tilt * s * s, mp.exp(tilt * m + (tilt * s) ** 2 / 2)
        a, b = (left - centre) / s, (right - centre) / s
        ends = [(0 if mp.isinf(x) else x, mp.mpf(0) if mp.isinf(t) else _bell(t))
                for x, t in ((left, a), (right, b))]
        moments = [mp.ncdf(-a) - mp.ncdf(-b) if a > 0 else mp.ncdf(b) - mp.ncdf(a)]
        for n in range(len(coefficients) - 1):
            below = moments[n - 1] if n else 0
            moments.append(centre * moments[n] + n * s * s * below
                           - s * (ends[1][0] ** n * ends[1][1] - ends[0][0] ** n * ends[0][1]))
        total += weight * sum(c * x for c, x in zip(coefficients, moments))
    return total


def conditional_deficit(name, q, d, digits=60):
    """E phi^2 - E phi(u1) phi(u2) at c = 1 - d, to about 1e-13."""
    with mp.workdps(digits):
        pieces, d, root = PIECES[name], mp.mpf(d), mp.sqrt(mp.mpf(q))
        c, s = 1 - d, mp.sqrt(mp.mpf(q) * d * (2 - d))
        kinks = sorted({x for piece in pieces for x in piece[:2] if not mp.isinf(x)})
        cuts = {k * root for k in (-12, -8, -5, -3, -1.5, 0, 1.5, 3, 5, 8, 12)}
        cuts |= {k + sign * w * s for k in kinks for sign in (1, -1) for w in (0, 1.5, 4, 10)}
        cuts |= {(k + sign * w * s) / c for k in kinks for sign in (1, -1)
                 for w in (0, 1.5, 4, 10)} if c else set()
        cuts = sorted(x for x in cuts if abs(x) <= 12 * root)
        node, weight = np.polynomial.legendre.leggauss(24)
        total = mp.mpf(0)
        for left, right in zip(cuts, cuts[1:]):
            half = (right - left) / 2
            for t, w in zip(node.tolist(), weight.tolist()):
                u = left + half * (1 + mp.mpf(t))
                here = _piecewise(pieces, u)
                if here:
                    there = _smeared(pieces, c * u, s) if s else _piecewise(pieces, c * u)
                    total += w * half * here * (here - there) * _bell(u / root) / root
        return float(total)


# Smooth phi: phi(a) - phi(b) written with a - b = gap, so that nothing cancels.

def _tanh_gap(a, b, gap):
    near = np.sinh(np.clip(gap, -1, 1)) / (np.cosh(np.clip(a, -300, 300))
                                           * np.cosh(np.clip(b, -300, 300)))
    return np.where(np.abs(gap) < 1.0, near, np.tanh(a) - np.tanh(b))


def _swish_gap(a, b, gap):
    return gap * expit(a) + b * 0.5 * _tanh_gap(0.5 * a, 0.5 * b, 0.5 * gap)


def _softplus_gap(a, b, gap):
    near = np.log1p(np.expm1(np.clip(gap, -1.0, 1.0)) * expit(b))
    return np.where(np.abs(gap) < 1.0, near, np.logaddexp(0, a) - np.logaddexp(0, b))


def _gelu_gap(a, b, gap):
    node, weight = np.polynomial.legendre.leggauss(12)
    bell = sum(w * np.exp(-0.5 * (b + 0.5 * (1 + t) * gap) ** 2)
               for t, w in zip(node, weight)) * 0.5 / np.sqrt(2 * np.pi)
    cdf = np.where(np.abs(gap) < 1.0, gap * bell,
                   0.5 * (erf(a / np.sqrt(2)) - erf(b / np.sqrt(2))))
    return gap * (0.5 + 0.5 * erf(a / np.sqrt(2))) + b * cdf


GAPS = {"tanh": _tanh_gap, "swish": _swish_gap, "softplus": _softplus_gap, "gelu": _gelu_gap}


def trapezoid_deficit(name, q, d):
    """Half the mean square of phi(u1) - phi(u2), u1 and u2 along the diagonals of the square.

    The sum over a uniform grid is spectrally accurate, and every term is positive. E.g. for tanh,
    ``tanh a - tanh b = sinh(a - b) / (cosh a cosh b)``.
    """
    half = np.arcsin(np.sqrt(0.5 * d))  # of the angle between the two normals
    step = min(0.1, 0.2 / np.sqrt(q))
    count = int(np.ceil(9.5 / step))
    z = step * np.arange(-count, count + 1)
    bell = step * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    twice, bells = z[count + 1:], bell[count + 1:]  # y and -y give the same, and 0 nothing
    x, y = np.sqrt(q) * np.cos(half) * z[:, None], np.sqrt(q) * np.sin(half) * twice
    return float(bell @ (GAPS[name](x + y, x - y, 2 * y) ** 2) @ bells)
