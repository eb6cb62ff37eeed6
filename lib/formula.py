"""A formula such as ``"max(x, 0) + 0.1*sin(x)"`` as a jet.

A formula is data, not a program: it is read into a syntax tree, every node of which must be on the
short list below, and nothing of it is ever handed to Python to execute.
"""
from __future__ import annotations

import ast
from difflib import get_close_matches
from inspect import signature
from operator import add, mul, sub, truediv
from typing import Sequence

import numpy as np

from lib.checks import real
from lib.jets import FUNCTIONS, Jet, X, choice, exp, number

LENGTH, DEPTH, POWER = 500, 40, 100  # characters, nested operations, largest exponent
PREFIXES = ("np", "numpy", "math")
CONSTANTS = {"pi": np.pi, "e": np.e}
ARITHMETIC = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv}


class FormulaError(ValueError):
    """The formula cannot be used; the message says which part, and what to write instead."""


def formula(text: str, kinks: Sequence[float] | None = None, variable: str = "x") -> Jet:
    """The function that a formula means.

    Known are ``+ - * / **``, numbers, ``pi``, ``e``, `lib.jets.FUNCTIONS`, with ``np.`` before
    them or not, ``where(x > 1, a, b)``, ``a if x > 1 else b`` and ``(x > 1)``. Kinks and jumps
    are found where what is compared are straight lines, with kinks or without.

    Args:
        text: the formula.
        kinks: where phi, phi' or phi'' jumps, if the formula bends where it cannot be found.
        variable: name of the argument.

    Raises:
        FormulaError: what is not a formula, or is not finite; names the part.

    Accuracy: derivatives by the rules of calculus, exact to rounding.

    >>> sorted(formula("abs(x - 1) * x").kinks)
    [1.0]
    """
    made = _Reader(text, variable, kinks is not None).part(_tree(text), DEPTH)
    if made.constant is not None:
        raise FormulaError(f"formula {text!r} does not depend on {variable}")
    told = real("kinks", () if kinks is None else kinks).ravel().tolist()
    made = Jet(made.__getitem__, made.kinks | set(told), made.straight, parity=made.parity)
    at = np.array([0.0, *sorted(made.kinks)])
    for x, value in zip(at, made(at, 0)[0]):
        if not np.isfinite(value):
            raise FormulaError(f"formula {text!r} is {value} at {variable} = {x:g}")
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
    """From syntax trees to jets, refusing whatever is not on the list."""

    def __init__(self, text: str, variable: str, bends_told: bool):
        self.text, self.variable, self.bends_told = text, variable, bends_told

    def refuse(self, node: ast.AST, why: str) -> FormulaError:
        """The error that names a part."""
        part = ast.get_source_segment(self.text.strip(), node) or type(node).__name__
        return FormulaError(f"formula {self.text!r}: {part!r} {why}")

    def part(self, node: ast.AST, depth: int) -> Jet:
        """The meaning of one node, which must be finite and have kinks that are known."""
        if depth == 0:
            raise FormulaError(f"formula {self.text!r} is nested more than {DEPTH} deep")
        made = self.meaning(node, depth - 1)
        if made.constant is not None and not np.isfinite(made.constant):
            raise self.refuse(node, f"is too large: a constant in it is {made.constant}")
        if made.hidden and not self.bends_told:
            raise self.refuse(node, "bends where it cannot be found out; give kinks=(...)")
        return made

    def meaning(self, node: ast.AST, depth: int) -> Jet:
        """The meaning of one node by its kind."""
        match node:
            case ast.Constant(value) if type(value) in (int, float):
                return number(value if abs(value) < 1e308 else np.inf)
            case ast.Name(name) if name == self.variable:
                return X
            case ast.Name(name) if name.lower() in CONSTANTS:
                return number(CONSTANTS[name.lower()])
            case ast.Name():
                raise self.refuse(node, f"is unknown; the variable is {self.variable}")
            case ast.UnaryOp(ast.UAdd() | ast.USub() as sign, operand):
                inner = self.part(operand, depth)
                return inner if isinstance(sign, ast.UAdd) else -inner
            case ast.BinOp(ast.Call(ast.Name("exp"), [power], []), ast.Sub(), ast.Constant(1)):
                return FUNCTIONS["expm1"](self.part(power, depth))  # which does not cancel
            case ast.BinOp(left, operator, right):
                return self.binary(node, operator, self.part(left, depth),
                                   self.part(right, depth))
            case ast.Call(ast.Name(name), given, []):
                if name == "where" and len(given) == 3:
                    yes, no = (self.part(one, depth) for one in given[1:])
                    return self.where(given[0], yes, no, depth)
                return self.call(node, name.lower(), [self.part(one, depth) for one in given])
            case ast.Call(ast.Attribute(ast.Name(prefix), name), given, []) if prefix in PREFIXES:
                bare = ast.copy_location(ast.Call(ast.Name(name), given, []), node)
                return self.meaning(bare, depth)
            case ast.Compare():
                return self.where(node, number(1.0), number(0.0), depth)
            case ast.IfExp(test, yes, no):
                return self.where(test, self.part(yes, depth), self.part(no, depth), depth)
        raise self.refuse(node, f"is not allowed; use + - * / **, numbers and {_known()}")

    def where(self, test: ast.expr, yes: Jet, no: Jet, depth: int) -> Jet:
        """One or the other by a comparison; which of them at the very kink is left open."""
        match test:
            case ast.Compare(left, [ast.Gt() | ast.GtE()], [right]):
                return choice(self.part(left, depth), self.part(right, depth), yes, no)
            case ast.Compare(left, [ast.Lt() | ast.LtE()], [right]):
                return choice(self.part(right, depth), self.part(left, depth), yes, no)
        raise self.refuse(test, "is no condition; write one of < <= > >=, as in x > 1")

    def binary(self, node: ast.AST, operator: ast.operator, a: Jet, b: Jet) -> Jet:
        """A sum, difference, product, quotient or power."""
        if type(operator) in ARITHMETIC:
            if isinstance(operator, ast.Div) and b.constant == 0.0:
                raise self.refuse(node, "divides by zero")
            return ARITHMETIC[type(operator)](a, b)
        if not isinstance(operator, ast.Pow):
            hint = "; write ** for a power" if isinstance(operator, ast.BitXor) else ""
            raise self.refuse(node, f"is not allowed{hint}")
        if b.constant is not None:
            if abs(b.constant) > POWER:
                raise self.refuse(node, f"has an exponent beyond {POWER}")
            return a ** b.constant
        if a.constant is None or a.constant <= 0:
            raise self.refuse(node, "needs a constant exponent or a positive constant base; "
                                    "write exp(b*log(a))")
        return exp(float(np.log(a.constant)) * b)

    def call(self, node: ast.AST, name: str, given: list[Jet]) -> Jet:
        """A function of `lib.jets`."""
        if name not in FUNCTIONS:
            near = get_close_matches(name, FUNCTIONS, 1)
            raise self.refuse(node, "is unknown; " + (
                f"did you mean {near[0]}?" if near else f"known are {_known()}"))
        try:
            signature(FUNCTIONS[name]).bind(*given)
        except TypeError:
            raise self.refuse(node, "has the wrong number of arguments") from None
        return FUNCTIONS[name](*given)


def _known() -> str:
    return ", ".join(sorted(FUNCTIONS))
