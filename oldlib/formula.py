"""A formula such as ``"max(x, 0) + 0.1*sin(x)"`` as a nonlinearity with exact derivatives.

A formula is data, not a program: it is read into a syntax tree, every node of which must be on the
short list below, and nothing of it is ever handed to Python to execute.
"""
from __future__ import annotations

import ast
from functools import reduce
from typing import Callable, NamedTuple, Sequence

import numpy as np

from oldlib.checks import real

LENGTH, DEPTH, POWER = 500, 40, 100  # characters, nested operations, largest exponent
CONSTANTS = {"pi": np.pi, "e": np.e}

Jet = tuple  # value, first and second derivative; each an array, or a float where constant


class FormulaError(ValueError):
    """The formula cannot be used; the message says which part, and what to write instead."""


class Formula(NamedTuple):
    """A formula that was understood.

    ``jet`` gives phi, phi' and phi'' in one evaluation; ``kinks`` are where one of them jumps.
    """

    text: str
    jet: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
    kinks: tuple[float, ...]

    def phi(self, x: np.ndarray) -> np.ndarray:
        """The function."""
        return self.jet(x)[0]

    def dphi(self, x: np.ndarray) -> np.ndarray:
        """Its derivative; at a kink that of one side."""
        return self.jet(x)[1]

    def d2phi(self, x: np.ndarray) -> np.ndarray:
        """Its second derivative without the deltas at the kinks."""
        return self.jet(x)[2]


class _Part(NamedTuple):
    """A part of a formula: how to evaluate it, where it bends, whether it is straight between."""

    jet: Callable[[np.ndarray], Jet]
    kinks: frozenset[float] = frozenset()
    straight: bool = False
    constant: float | None = None


def formula(text: str, kinks: Sequence[float] | None = None, variable: str = "x") -> Formula:
    """The nonlinearity that a formula means.

    Known are ``+ - * / **``, numbers, ``pi``, ``e``, and the functions of `FUNCTIONS`. Kinks of
    ``abs``, ``relu``, ``max``, ``min`` and ``clip`` are found where their arguments are straight
    lines, with kinks or without.

    Args:
        text: the formula.
        kinks: where phi, phi' or phi'' jumps, if the formula bends where it cannot be found.
        variable: name of the argument.

    Returns:
        The `Formula`.

    Raises:
        FormulaError: what is not a formula, or is not finite; names the part.

    Accuracy: derivatives by the rules of calculus, exact to rounding.

    Source: derived here (second-order Taylor arithmetic).

    >>> formula("abs(x - 1) * x").kinks
    (1.0,)
    """
    tree = _tree(text)
    part = _Reader(text, variable, kinks is not None).part(tree, DEPTH)
    if part.constant is not None:
        raise FormulaError(f"formula {text!r} does not depend on {variable}")
    at = sorted({*part.kinks, *(real("kinks", kinks or ()).ravel().tolist())})

    def jet(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = np.asarray(x)
        x = x if x.dtype.kind == "f" else x.astype(float)
        with np.errstate(all="ignore"):  # what is not finite is told by whoever uses it
            return tuple(np.broadcast_to(one, x.shape).astype(x.dtype) for one in part.jet(x))

    made = Formula(text, jet, tuple(at))
    for x in (0.0, *at):
        if not np.isfinite(made.phi(x)):
            raise FormulaError(f"formula {text!r} is {made.phi(x)} at {variable} = {x:g}")
    return made


def _tree(text: str) -> ast.expr:
    """The syntax tree of a text that is short and an expression."""
    if not isinstance(text, str) or not 0 < len(text) <= LENGTH:
        raise FormulaError(f"a formula is a text of at most {LENGTH} characters")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        reason = problem.msg if isinstance(problem, SyntaxError) else "too deeply nested"
        raise FormulaError(f"formula {text!r}: {reason}") from None


class _Reader:
    """From syntax trees to parts, refusing whatever is not on the list."""

    def __init__(self, text: str, variable: str, bends_told: bool):
        self.text, self.variable, self.bends_told = text, variable, bends_told

    def refuse(self, node: ast.AST, why: str) -> FormulaError:
        """The error that names a part."""
        part = ast.get_source_segment(self.text.strip(), node) or type(node).__name__
        return FormulaError(f"formula {self.text!r}: {part!r} {why}")

    def part(self, node: ast.AST, depth: int) -> _Part:
        """The meaning of one node."""
        if depth == 0:
            raise FormulaError(f"formula {self.text!r} is nested more than {DEPTH} deep")
        match node:
            case ast.Constant(value) if type(value) in (int, float):
                return self.number(node, value)
            case ast.Name(name) if name == self.variable:
                return _Part(lambda x: (x, 1.0, 0.0), straight=True)
            case ast.Name(name) if name.lower() in CONSTANTS:
                return _number(CONSTANTS[name.lower()])
            case ast.Name():
                raise self.refuse(node, f"is unknown; the variable is {self.variable}")
            case ast.UnaryOp(ast.UAdd() | ast.USub() as sign, operand):
                inner = self.part(operand, depth - 1)
                return inner if isinstance(sign, ast.UAdd) else _times(_number(-1.0), inner)
            case ast.BinOp(left, operator, right):
                return self.binary(node, operator, self.part(left, depth - 1),
                                   self.part(right, depth - 1))
            case ast.Call(ast.Name(name), arguments, []):
                return self.call(node, name.lower(),
                                 [self.part(one, depth - 1) for one in arguments])
        raise self.refuse(node, f"is not allowed; use + - * / **, numbers and {_known()}")

    def number(self, node: ast.AST, value: float) -> _Part:
        """A literal number."""
        try:
            return _number(float(value))
        except (OverflowError, FormulaError):
            raise self.refuse(node, "is too large") from None

    def binary(self, node: ast.AST, operator: ast.operator, a: _Part, b: _Part) -> _Part:
        """A sum, difference, product, quotient or power."""
        match operator:
            case ast.Add():
                return _plus(a, b)
            case ast.Sub():
                return _plus(a, _times(_number(-1.0), b))
            case ast.Mult():
                return _times(a, b)
            case ast.Div():
                if b.constant == 0.0:
                    raise self.refuse(node, "divides by zero")
                return _times(a, _number(1.0 / b.constant) if b.constant else _curved(_inverse, b))
            case ast.Pow():
                return self.power(node, a, b)
        hint = "; write ** for a power" if isinstance(operator, ast.BitXor) else ""
        raise self.refuse(node, f"is not allowed{hint}")

    def power(self, node: ast.AST, a: _Part, b: _Part) -> _Part:
        """A power with a constant exponent, or of a constant."""
        if b.constant is not None:
            if abs(b.constant) > POWER:
                raise self.refuse(node, f"has an exponent beyond {POWER}")
            return _curved(lambda u: _power(u, b.constant), a)
        if a.constant is not None and a.constant > 0:
            return _curved(FUNCTIONS["exp"], _times(_number(float(np.log(a.constant))), b))
        raise self.refuse(node, "needs a constant exponent or a positive constant base; "
                                "write exp(b*log(a))")

    def call(self, node: ast.AST, name: str, given: list[_Part]) -> _Part:
        """A function of one argument, or one that bends."""
        if name in FUNCTIONS and len(given) == 1:
            return _curved(FUNCTIONS[name], given[0])
        if name == "abs" and len(given) == 1:
            return self.larger(node, given[0], _times(_number(-1.0), given[0]))
        if name == "relu" and len(given) == 1:
            return self.larger(node, given[0], _number(0.0))
        if name == "max" and len(given) >= 2:
            return reduce(lambda a, b: self.larger(node, a, b), given)
        if name == "min" and len(given) >= 2:
            return reduce(lambda a, b: self.larger(node, a, b, smaller=True), given)
        if name == "clip" and len(given) == 3:
            above = self.larger(node, given[0], given[1])
            return self.larger(node, above, given[2], smaller=True)
        raise self.refuse(node, "has the wrong number of arguments" if name in (*FUNCTIONS, *BENDS)
                          else f"is unknown; known are {_known()}")

    def larger(self, node: ast.AST, a: _Part, b: _Part, smaller: bool = False) -> _Part:
        """The larger of two parts (or the smaller), with the kinks where they cross."""
        gap = _plus(a, _times(_number(-1.0), b))
        if not gap.straight and not self.bends_told:
            raise self.refuse(node, "bends where it cannot be found out; give kinks=(...)")

        def jet(x: np.ndarray) -> Jet:
            ours, theirs = a.jet(x), b.jet(x)
            first = ours[0] < theirs[0] if smaller else ours[0] > theirs[0]
            return tuple(np.where(first, one, other) for one, other in zip(ours, theirs))

        crossings = _roots(gap) if gap.straight else frozenset()
        if a.constant is not None and b.constant is not None:
            return _number(float(jet(np.zeros(()))[0]))
        return _Part(jet, a.kinks | b.kinks | crossings, a.straight and b.straight)


def _number(value: float) -> _Part:
    if not np.isfinite(value):
        raise FormulaError(f"formula: a constant in it is {value}")
    return _Part(lambda x: (value, 0.0, 0.0), straight=True, constant=value)


def _plus(a: _Part, b: _Part) -> _Part:
    if a.constant is not None and b.constant is not None:
        return _number(a.constant + b.constant)
    return _Part(lambda x: tuple(one + other for one, other in zip(a.jet(x), b.jet(x))),
                 a.kinks | b.kinks, a.straight and b.straight)


def _times(a: _Part, b: _Part) -> _Part:
    if a.constant is not None and b.constant is not None:
        return _number(a.constant * b.constant)

    def jet(x: np.ndarray) -> Jet:
        (a0, a1, a2), (b0, b1, b2) = a.jet(x), b.jet(x)
        return a0 * b0, a1 * b0 + a0 * b1, a2 * b0 + 2.0 * a1 * b1 + a0 * b2

    scaled = a.constant is not None or b.constant is not None
    return _Part(jet, a.kinks | b.kinks, scaled and a.straight and b.straight)


def _curved(function: Callable, inner: _Part) -> _Part:
    """A smooth function of a part, by the chain rule."""
    if inner.constant is not None:
        with np.errstate(all="ignore"):
            return _number(float(function(np.float64(inner.constant))[0]))

    def jet(x: np.ndarray) -> Jet:
        u0, u1, u2 = inner.jet(x)
        g0, g1, g2 = function(u0)
        return g0, _flat(g1, u1), _flat(g2, u1 * u1) + _flat(g1, u2)

    return _Part(jet, inner.kinks)


def _flat(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The product, where a slope of 0 wins over one that overflowed: 1/(1 + exp(-x)) far left."""
    return np.where(outer == 0.0, 0.0, outer * inner)


def _roots(gap: _Part) -> frozenset[float]:
    """Where a function that is straight between its kinks crosses zero."""
    edges, found = [-np.inf, *sorted(gap.kinks), np.inf], set()
    for left, right in zip(edges, edges[1:]):
        middle = 0.5 * (max(left, min(right, 1.0) - 2.0) + min(right, max(left, -1.0) + 2.0))
        step = min(0.5, 0.25 * (right - left))
        low, high = (float(gap.jet(np.array(middle + sign * step))[0]) for sign in (-1, 1))
        if low != high:
            root = middle - step + 2.0 * step * low / (low - high)
            if left <= root <= right:
                found.add(float(f"{root:.15g}") + 0.0)
    return frozenset(found)


def _inverse(u: np.ndarray) -> Jet:
    r = 1.0 / u
    return r, -r * r, 2.0 * r * r * r


def _power(u: np.ndarray, k: float) -> Jet:
    slope = k * u ** (k - 1.0) if k != 0.0 else 0.0
    return u**k, slope, k * (k - 1.0) * u ** (k - 2.0) if k not in (0.0, 1.0) else 0.0


def _exp(u: np.ndarray) -> Jet:
    e = np.exp(u)
    return e, e, e


def _tanh(u: np.ndarray) -> Jet:
    t = np.tanh(u)
    s = 1.0 - t * t
    return t, s, -2.0 * t * s


def _sigmoid(u: np.ndarray) -> Jet:
    t, s, bend = _tanh(0.5 * u)
    return 0.5 + 0.5 * t, 0.25 * s, 0.125 * bend


def _softplus(u: np.ndarray) -> Jet:
    return np.logaddexp(0.0, u), *_sigmoid(u)[:2]


def _swish(u: np.ndarray) -> Jet:
    s, s1, s2 = _sigmoid(u)
    return u * s, s + u * s1, 2.0 * s1 + u * s2


def _bell(u: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi)


def _erf(u: np.ndarray) -> Jet:
    from scipy.special import erf
    slope = 2.0 * np.sqrt(2.0) * _bell(np.sqrt(2.0) * u)
    return erf(u), slope, -2.0 * u * slope


def _gelu(u: np.ndarray) -> Jet:
    below, bell = 0.5 + 0.5 * _erf(u / np.sqrt(2.0))[0], _bell(u)
    return u * below, below + u * bell, (2.0 - u * u) * bell


def _atan(u: np.ndarray) -> Jet:
    slope = 1.0 / (1.0 + u * u)
    return np.arctan(u), slope, -2.0 * u * slope * slope


FUNCTIONS: dict[str, Callable[[np.ndarray], Jet]] = {
    "exp": _exp, "expm1": lambda u: (np.expm1(u), *_exp(u)[1:]),
    "log": lambda u: (np.log(u), 1.0 / u, -1.0 / (u * u)),
    "log1p": lambda u: (np.log1p(u), 1.0 / (1.0 + u), -1.0 / (1.0 + u) ** 2),
    "sqrt": lambda u: _power(u, 0.5),
    "sin": lambda u: (np.sin(u), np.cos(u), -np.sin(u)),
    "cos": lambda u: (np.cos(u), -np.sin(u), -np.cos(u)),
    "sinh": lambda u: (np.sinh(u), np.cosh(u), np.sinh(u)),
    "cosh": lambda u: (np.cosh(u), np.sinh(u), np.cosh(u)),
    "tanh": _tanh, "atan": _atan, "arctan": _atan, "erf": _erf, "sigmoid": _sigmoid,
    "softplus": _softplus, "gelu": _gelu, "swish": _swish, "silu": _swish,
}
BENDS = ("abs", "relu", "max", "min", "clip")


def _known() -> str:
    return ", ".join(sorted((*FUNCTIONS, *BENDS)))
