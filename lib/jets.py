"""Functions that know their derivatives: each is defined once, and any order follows.

A `Jet` stands for a function of one variable, ``x -> (phi, phi', phi'', ...)``. Jets are added,
multiplied and put into one another as the functions are; a derivative is worked out when it is
first asked for, by the rules of product and chain. A primitive such as `tanh` is its value and its
slope, and the slope is a jet again: ``tanh' = s``, ``s' = -2 tanh s``. So nothing cancels, and
nothing is written twice.

The entries of a jet are expressions (`_Value`). Those that are asked for become a `_Program`,
which does nothing twice.
"""
from __future__ import annotations

from functools import cache, reduce
from math import comb
from typing import Callable, Iterable, Sequence

import numpy as np

from lib.checks import count

Function = Callable[[np.ndarray], np.ndarray]
BLOCK = 4_096  # points at a time, so that what is in between stays in the processor's cache


class _Value:
    """An operation (ufunc of NumPy, name of one of SciPy, function) and what it is done to."""

    def __init__(self, op: Callable | str, *args: _Value | float):
        self.op, self.args = op, args


POINT = _Value("x")
QUIET = (np.tanh, np.sin, np.cos, np.arctan)  # ufuncs that never warn, and are used as they are


def _do(op: Callable | str, *args: _Value | float) -> _Value | float:
    """An operation, done at once where all it is done to are numbers."""
    if any(isinstance(one, _Value) for one in args):
        return _Value(op, *args)
    with np.errstate(all="ignore"):
        return float(_operation(op)(*args))


def _operation(op: Callable | str) -> Callable:
    if isinstance(op, str):
        from scipy import special  # costs more to import than all the rest together
        return getattr(special, op)
    return op


def _times(a: _Value | float, b: _Value | float) -> _Value | float:
    a, b = (b, a) if isinstance(b, float) else (a, b)
    if isinstance(a, float) and isinstance(b, _Value):
        if b.op is np.multiply and isinstance(b.args[0], float):
            return _times(a * b.args[0], b.args[1])
        if a in (0.0, 1.0):
            return b if a else 0.0
    return _do(np.multiply, a, b)


def _sum(a: _Value | float, b: _Value | float) -> _Value | float:
    if 0.0 in (a, b):
        return b if a == 0.0 else a
    return _do(np.add, a, b)


def _leibniz(k: int, a: Jet, b: Jet, chain: bool = False) -> _Value | float:
    """The k-th derivative of ``a b``; `chain` if b is an outer slope and a an inner one."""
    total = 0.0
    for i in range(k + 1):
        if a[i] != 0.0:
            guard = chain and not _bounded(a[i])
            term = _Value(_chained, a[i], b[k - i]) if guard else _times(a[i], b[k - i])
            total = _sum(total, _times(float(comb(k, i)), term))
    return total


def _bounded(value: _Value | float) -> bool:
    return isinstance(value, float) or value.op is _chosen and not any(
        isinstance(one, _Value) for one in value.args[1:3])


def _chained(inner: np.ndarray, outer: np.ndarray | float) -> np.ndarray:
    """The product, where a slope of 0 wins over one that overflowed: 1/(1 + exp(-x)) far left."""
    product = inner * outer
    return np.where(outer == 0.0, 0.0, product) if np.isnan(np.sum(product)) else product


class _Program:
    """The steps that lead from points to some values.

    Every value has its place in a list. A step is an operation, the places of its arguments and
    the place of its result.
    """

    def __init__(self, wanted: Sequence[_Value | float]):
        self.start: list = [None]
        self.steps: list = []
        places = {POINT: 0}

        def place(value: _Value | float) -> int:
            """Where a value is; equal operations on equal places are done once."""
            if value in places:
                return places[value]
            key, step = value, isinstance(value, _Value)
            if step:
                key = value.op, *(place(one) for one in value.args)
            if key not in places:
                places[key] = len(self.start)
                self.start.append(None if step else value)
                if step:
                    self.steps.append((_operation(value.op), key[1:], places[key]))
            places[value] = places[key]
            return places[key]

        self.results = [place(one) for one in wanted]

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        """The values at points x, one-dimensional, block by block if there are many steps."""
        if len(self.steps) == len(self.results) == 1:
            held, (op, args, _) = [x, *self.start[1:]], self.steps[0]
            return [op(*[held[one] for one in args])]
        found = [np.empty(x.size, x.dtype) for _ in self.results]
        for start in range(0, x.size, BLOCK):
            some, held = slice(start, start + BLOCK), self.start.copy()
            held[0] = x[some]
            for op, args, place in self.steps:
                held[place] = op(*[held[one] for one in args])
            for one, place in zip(found, self.results):
                one[some] = held[place]
        return found


class Jet:
    """A function of one variable with its derivatives.

    Args:
        rule: its k-th derivative as an expression.
        kinks: where the function or a derivative jumps; between them it is smooth.
        straight: whether it is a straight line between the kinks.
        constant: its value, if it does not depend on x.
        hidden: whether it has kinks that could not be found.
        parity: 1 if it is known to be even, -1 odd, else 0.
        reach: it is known for ``|x|`` below.
    """

    def __init__(self, rule: Callable[[int], _Value | float], kinks: Iterable[float] = (),
                 straight: bool = False, constant: float | None = None, hidden: bool = False,
                 parity: int = 0, reach: float = np.inf):
        self._entry, self._program = cache(rule), cache(self._made)
        self.kinks, self.straight = frozenset(kinks), straight
        self.parity, self.reach = parity, reach
        self.constant, self.hidden = constant, hidden
        self.functions: dict = {}  # what `_primitive` made of this jet

    def __getitem__(self, k: int) -> _Value | float:
        """The k-th derivative as an expression; a number where it is one."""
        return self._entry(k)

    def __call__(self, x: np.ndarray, order: int = 2) -> tuple[np.ndarray, ...]:
        """Value and derivatives up to `order`, each of the shape and precision of x."""
        return self._at(x, tuple(range(count("order", order, 0) + 1)))

    def derivative(self, order: int) -> Function:
        """The function that gives one derivative, and computes no other for its own sake."""
        value = self[count("order", order, 0)]
        if isinstance(value, _Value) and value.op in QUIET and value.args == (POINT,):
            return value.op
        return lambda x: self._at(x, (order,))[0]

    def _made(self, orders: tuple[int, ...]) -> _Program:
        return _Program([self[k] for k in orders])

    def _at(self, x: np.ndarray, orders: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        x = np.asarray(x)
        x = x if x.dtype.kind == "f" else x.astype(float)
        with np.errstate(all="ignore"):  # what is not finite is told by whoever uses it
            found = self._program(orders)(x.reshape(-1))
        return tuple(one.reshape(x.shape) for one in found)

    def __add__(self, other: Jet | float) -> Jet:
        other = jet(other)
        return _built(lambda k: _sum(self[k], other[k]), (self, other),
                      self.straight and other.straight,
                      parity=self.parity if self.parity == other.parity else 0)

    def __mul__(self, other: Jet | float) -> Jet:
        one, other = self, jet(other)
        if other.straight and (other.constant is not None or not one.straight):
            one, other = other, one  # first the one whose derivatives vanish
        return _built(lambda k: _leibniz(k, one, other), (one, other),
                      one.constant is not None and other.straight,
                      parity=one.parity * other.parity)

    def __neg__(self) -> Jet:
        return -1.0 * self

    def __sub__(self, other: Jet | float) -> Jet:
        return self + -jet(other)

    def __rsub__(self, other: float) -> Jet:
        return jet(other) + -self

    def __truediv__(self, other: Jet | float) -> Jet:
        constant = jet(other).constant
        return self * (1.0 / other if constant is None else 1.0 / constant)

    def __rtruediv__(self, other: float) -> Jet:
        made = smooth(Jet(lambda k: _do(np.divide, other, self[0])), self,
                      lambda: made * (-1.0 / self), -1)
        return made

    def __pow__(self, exponent: float) -> Jet:
        if exponent in (0.0, 1.0):
            return self if exponent else number(1.0)
        if exponent == -1.0:
            return 1.0 / self
        quick = {2.0: np.square, 0.5: np.sqrt}
        value = quick.get(exponent, Jet(lambda k: _do(np.power, self[0], exponent)))
        return smooth(value, self, lambda: exponent * self ** (exponent - 1.0),
                      {0.0: 1, 1.0: -1}.get(exponent % 2.0, 0))

    __radd__, __rmul__ = __add__, __mul__


def number(value: float) -> Jet:
    """A constant."""
    value = float(value)
    return Jet(lambda k: 0.0 if k else value, straight=True, constant=value, parity=1)


def jet(value: Jet | float) -> Jet:
    """A jet as it is, a number as a constant."""
    return value if isinstance(value, Jet) else number(value)


X = Jet(lambda k: (POINT, 1.0)[k] if k < 2 else 0.0, straight=True, parity=-1)


def _built(rule: Callable, parts: Sequence[Jet], straight: bool = False,
           kinks: Iterable[float] = (), hidden: bool = False, parity: int = 0) -> Jet:
    """A jet made of others, with their kinks and its own."""
    if all(one.constant is not None for one in parts):
        return number(rule(0))
    return Jet(rule, frozenset(kinks).union(*(one.kinks for one in parts)), straight,
               hidden=hidden or any(one.hidden for one in parts), parity=parity)


def smooth(value: Callable | str | Jet, u: Jet, slope: Callable[[], Jet],
           parity: int = 0) -> Jet:
    """A smooth function of u.

    Args:
        value: as a ufunc, the name of one in `scipy.special`, or a jet whose value it is.
        slope: gives the derivative with respect to u, as a jet.
        parity: of the function of u.
    """
    slope, inner = cache(slope), Jet(lambda k: u[k + 1])

    def rule(k: int) -> _Value | float:
        if k:
            return _leibniz(k - 1, inner, slope(), chain=True)
        return value[0] if isinstance(value, Jet) else _do(value, u[0])

    return _built(rule, (u,), parity=parity if u.parity < 0 else u.parity)


def choice(p: Jet, q: Jet, a: Jet, b: Jet, value: Callable[[], _Value] | None = None,
           parity: int | None = None) -> Jet:
    """``a`` where ``p > q``, otherwise ``b``; the kinks are found where ``p - q`` is straight.

    Args:
        value: its value, where that is known without looking at p and q.
        parity: where that is known; otherwise it is even if all of them are.
    """
    gap = p - q
    if parity is None:
        parity = int(gap.parity == a.parity == b.parity == 1)
    if gap.constant is not None:
        return a if gap.constant > 0.0 else b

    def rule(k: int) -> _Value | float:
        if k == 0 and value:
            return value()
        if isinstance(a[k], float) and a[k] == b[k]:
            return a[k]
        return _Value(_chosen, _do(np.greater, p[0], q[0]), a[k], b[k], POINT)

    return _built(rule, (a, b, gap), a.straight and b.straight,
                  _roots(gap) if gap.straight else (), not gap.straight, parity)


def _chosen(first: np.ndarray, a: np.ndarray | float, b: np.ndarray | float,
            x: np.ndarray) -> np.ndarray:
    if isinstance(a, float) and isinstance(b, float):
        if (a, b) == (1.0, 0.0):  # many times faster than `where`
            return first.astype(x.dtype)
        a, b = x.dtype.type(a), x.dtype.type(b)
    return np.where(first, a, b)


def _roots(gap: Jet) -> set[float]:
    """Where a function that is straight between its kinks crosses zero."""
    edges, found = [-np.inf, *sorted(gap.kinks), np.inf], set()
    for left, right in zip(edges, edges[1:]):
        middle = 0.5 * (max(left, min(right, 1.0) - 2.0) + min(right, max(left, -1.0) + 2.0))
        step = min(0.5, 0.25 * (right - left))
        low, high = gap(np.array([middle - step, middle + step]), 0)[0].tolist()
        if low != high:
            root = middle - step + 2.0 * step * low / (low - high)
            if left <= root <= right:
                found.add(float(f"{root:.15g}") + 0.0)
    return found


# The primitives


def _primitive(value: Callable | str, slope: Callable[[Jet], Jet],
               parity: int = 0) -> Callable[[Jet], Jet]:
    """A smooth function of jets, from its value and its slope as functions of a jet."""
    def function(u: Jet) -> Jet:
        if function not in u.functions:  # made once, so that what it has worked out is shared
            first = value if isinstance(value, (np.ufunc, str)) else value(u)
            u.functions[function] = smooth(first, u, lambda: slope(u), parity)
        return u.functions[function]

    return function


exp = _primitive(np.exp, lambda u: exp(u))
expm1 = _primitive(np.expm1, lambda u: exp(u))
log = _primitive(np.log, lambda u: 1.0 / u)
log1p = _primitive(np.log1p, lambda u: 1.0 / (1.0 + u))
sin = _primitive(np.sin, lambda u: cos(u), -1)
cos = _primitive(np.cos, lambda u: -sin(u), 1)
sinh = _primitive(np.sinh, lambda u: cosh(u), -1)
cosh = _primitive(np.cosh, lambda u: sinh(u), 1)
atan = _primitive(np.arctan, lambda u: 1.0 / (1.0 + u * u), -1)
erf = _primitive("erf", lambda u: 2.0 / np.pi**0.5 * exp(-u * u), -1)
# The slope of tanh is not 1 - tanh^2, which cancels, but 1/cosh^2: to rounding, as long as the
# square can be written down, |u| < 354.
tanh = _primitive(np.tanh, lambda u: _sech2(u), -1)
_sech2 = _primitive(lambda u: 4.0 / (exp(u) + 1.0 / exp(u))**2,
                    lambda u: -2.0 * tanh(u) * _sech2(u), 1)
sigmoid = _primitive(lambda u: 1.0 / (1.0 + exp(-u)), lambda u: 0.25 * _sech2(0.5 * u))
softplus = _primitive(lambda u: relu(u) + log1p(exp(-absolute(u))), lambda u: sigmoid(u))


def gelu(u: Jet) -> Jet:
    """u times the distribution function of a standard normal."""
    return u * (0.5 + 0.5 * erf(0.5**0.5 * u))


def swish(u: Jet, beta: Jet | float = 1.0) -> Jet:
    """``u sigmoid(beta u)``."""
    return u * sigmoid(beta * u)


def maximum(a: Jet, b: Jet, *more: Jet) -> Jet:
    """The largest of two or more."""
    return reduce(maximum, more, choice(a, b, a, b, lambda: _do(np.maximum, a[0], b[0])))


def minimum(a: Jet, b: Jet, *more: Jet) -> Jet:
    """The smallest of two or more."""
    return reduce(minimum, more, choice(a, b, b, a, lambda: _do(np.minimum, a[0], b[0])))


def absolute(u: Jet) -> Jet:
    """``|u|``."""
    return choice(u, -u, u, -u, lambda: _do(np.abs, u[0]), abs(u.parity))


def clip(u: Jet, low: Jet | float, high: Jet | float) -> Jet:
    """u, but at least `low` and at most `high`."""
    low, high = jet(low), jet(high)
    cut = minimum(maximum(u, low), high)
    ends = low.constant, high.constant
    if cut.constant is not None or None in ends or ends[0] != -ends[1]:
        return cut
    inside = choice(high, absolute(u), u, number(0.0),  # one look says where it is level
                    lambda: _do(np.clip, u[0], low.constant, high.constant))
    return _built(inside.__getitem__, (cut,), u.straight, parity=u.parity)


def hard_tanh(u: Jet) -> Jet:
    """u cut to ``[-1, 1]``."""
    return clip(u, -1.0, 1.0)


def relu(u: Jet) -> Jet:
    """u where positive, otherwise 0."""
    return maximum(u, number(0.0))


def leaky_relu(u: Jet, slope: Jet | float = 0.01) -> Jet:
    """u where positive, otherwise ``slope u``."""
    other, quick = slope * u, jet(slope).constant <= 1.0
    return choice(u, number(0.0), u, other,
                  (lambda: _do(np.maximum, u[0], other[0])) if quick else None)


def elu(u: Jet, alpha: Jet | float = 1.0) -> Jet:
    """u where positive, otherwise ``alpha (e^u - 1)``."""
    return choice(u, number(0.0), u, alpha * expm1(u))


def selu(u: Jet) -> Jet:
    """The scaled `elu` that keeps mean 0 and variance 1."""
    return 1.0507009873554805 * elu(u, 1.6732632423543772)


def mish(u: Jet) -> Jet:
    """``u tanh(softplus(u))``."""
    return u * tanh(softplus(u))


def softsign(u: Jet) -> Jet:
    """``u / (1 + |u|)``."""
    return u / (1.0 + absolute(u))


def relu6(u: Jet) -> Jet:
    """u cut to ``[0, 6]``."""
    return clip(u, 0.0, 6.0)


def sign(u: Jet) -> Jet:
    """1 where positive, -1 where negative."""
    return choice(u, number(0.0), number(1.0), number(-1.0), lambda: _do(np.sign, u[0]),
                  u.parity)


def polynomial(coefficients: Sequence[float], u: Jet) -> Jet:
    """``sum_k c_k u^k``, by Horner's rule."""
    from numpy.polynomial.polynomial import polyder
    value = Jet(lambda k: reduce(lambda total, one: _sum(_times(total, u[0]), float(one)),
                                 coefficients[::-1], 0.0))
    parity = 1 if not any(coefficients[1::2]) else -int(not any(coefficients[::2]))
    return smooth(value, u, lambda: polynomial(polyder(coefficients), u), parity)


FUNCTIONS: dict[str, Callable[..., Jet]] = {
    "abs": absolute, "arctan": atan, "atan": atan, "clip": clip, "cos": cos, "cosh": cosh,
    "elu": elu, "erf": erf, "exp": exp, "expm1": expm1, "gelu": gelu,
    "hard_sigmoid": lambda u: relu6(u + 3.0) / 6.0,
    "hard_swish": lambda u: u * relu6(u + 3.0) / 6.0,
    "hard_tanh": hard_tanh, "leaky_relu": leaky_relu, "ln": log, "log": log, "log1p": log1p,
    "max": maximum, "maximum": maximum, "min": minimum, "minimum": minimum, "mish": mish,
    "relu": relu, "relu6": relu6, "selu": selu, "sigmoid": sigmoid, "sign": sign, "silu": swish,
    "sin": sin, "sinh": sinh, "softplus": softplus, "softsign": softsign,
    "sqrt": lambda u: u**0.5, "swish": swish, "tanh": tanh,
}
