"""Nonlinearities: phi with its derivatives, its kinks and its closed-form Gaussian averages.

`get` is the one door. It takes a name, an `Activation`, or any elementwise callable::

    get("tanh")                      by name
    get("leaky_relu", slope=0.2)     a family with its parameter
    get("x*tanh(x)")                 a formula; nothing of it is executed
    get(lambda x: x * np.tanh(x))    your own; derivatives by differences
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from inspect import signature
from typing import Callable, Mapping, Sequence

import numpy as np

from oldlib.checks import real
from oldlib.custom import checked
from oldlib.formula import formula
from oldlib.polynomials import critical_coefficients, hermite_functions

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)  # compared and hashed by identity
class Activation:
    """An elementwise nonlinearity and what is known about it.

    Args:
        name: as printed in figures and errors.
        phi, dphi, d2phi: the function and its derivatives, elementwise on any shape. At a kink
            ``dphi`` is the value on one side and ``d2phi`` leaves the delta out.
        kinks: where phi, phi' or phi'' jumps, ascending; between them phi is smooth.
        parity: ``"odd"``, ``"even"`` or ``""``.
        together: phi, phi', phi'' from one evaluation, in the precision of its argument.
        closed: averages in closed form as functions of the variance ``q`` of a centred normal
            ``u``: key 0 is ``E phi(u)^2``, 1 is ``E phi'(u)^2``, 2 is ``E phi''(u)^2``.
        accuracy: relative accuracy of phi, phi' and phi'' that averages may count on.

    Accuracy: built-in derivatives are exact to rounding; those found by differences for a
        caller's own function carry 1e-12 (phi') and 1e-10 (phi'', 1e-9 beside a kink) of its size.

    Source: standard definitions; closed averages [williams1997] (erf), [cho2009] (ReLU family),
        the others by Stein's lemma.
    """

    name: str
    phi: Function = field(repr=False)
    dphi: Function = field(repr=False)
    d2phi: Function = field(repr=False)
    kinks: tuple[float, ...] = ()
    parity: str = ""
    closed: Mapping[int, Function] = field(default_factory=dict, repr=False)
    accuracy: tuple[float, float, float] = field(default=(1e-12, 1e-12, 1e-12), repr=False)
    together: Callable[[np.ndarray], tuple] | None = field(default=None, repr=False)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """``phi(x)``."""
        return self.phi(x)

    def derivative(self, order: int) -> Function:
        """phi, phi' or phi'' for order 0, 1 or 2."""
        return (self.phi, self.dphi, self.d2phi)[order]

    def jet(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """phi, phi' and phi'' at the same points; without `together` in double precision."""
        if self.together:
            return self.together(x)
        x = np.asarray(x, dtype=float)
        return self.phi(x), self.dphi(x), self.d2phi(x)

    def jumps(self, order: int) -> np.ndarray:
        """Jump of phi (order 0) or phi' (order 1) at each kink, shape ``(len(kinks),)``."""
        at = np.asarray(self.kinks, dtype=float)
        f = self.derivative(order)
        jump = np.asarray(f(np.nextafter(at, np.inf)) - f(np.nextafter(at, -np.inf)))
        return np.where(np.abs(jump) > 1e-9, jump, 0.0)

    @cached_property
    def continuous(self) -> bool:
        """Whether phi has no jump, so that E phi'^2 is finite."""
        return not np.any(self.jumps(0))

    @cached_property
    def differentiable(self) -> bool:
        """Whether phi' has no jump, so that E phi''^2 is finite."""
        return self.continuous and not np.any(self.jumps(1))

    @cached_property
    def piecewise_linear(self) -> bool:
        """Whether phi is a straight line between its kinks."""
        edges = np.concatenate([[-40.0], self.kinks, [40.0]])
        share = np.linspace(0.02, 0.98, 25)
        x = edges[:-1, None] + share * np.diff(edges)[:, None]
        y = np.asarray(self.phi(x))
        bend = np.abs(np.diff(y, 2, axis=-1)).max()
        return bool(bend <= 1e-13 * max(1.0, np.abs(y).max()))

    @cached_property
    def homogeneous(self) -> bool:
        """Whether phi(a x) = a phi(x) for every a > 0 (linear, ReLU, leaky ReLU)."""
        x = np.array([-3.0, -1.0, 1.0, 3.0])
        same = np.allclose(self.phi(7.0 * x), 7.0 * np.asarray(self.phi(x)), rtol=1e-13, atol=0)
        return bool(same and self.piecewise_linear and set(self.kinks) <= {0.0})


def get(phi: str | Activation | Callable, **parameters: float) -> Activation:
    """The activation meant by a name, a callable or an activation.

    Args:
        phi: name, formula of ``x`` as `lib.formula` reads it, `Activation`, SymPy expression in
            the same functions, or an elementwise callable that takes a NumPy array and returns
            what ``np.asarray`` understands.
        parameters: of the family named (``slope``, ``alpha``, ``beta``), or ``kinks`` and
            ``name`` of a formula, and ``dphi`` and ``d2phi`` of a callable as well.

    Returns:
        The `Activation`.

    Raises:
        ValueError: unknown name (the names are listed), a formula that cannot be read, or a
            callable that is not elementwise.
        TypeError: neither name nor callable, or a parameter the family does not have.

    Accuracy: as `Activation`.

    Source: standard definitions.

    >>> float(get("relu").phi(np.array(2.0))), get("max(x, 0)**2").kinks
    (2.0, (0.0,))
    """
    if isinstance(phi, Activation):
        if parameters:
            raise TypeError(f"phi is an Activation already; it takes no {sorted(parameters)}")
        return phi
    if isinstance(phi, str):
        if phi not in FAMILIES:
            return _read(phi, "x", **parameters)
        return _named(phi, tuple((key, _parameter(phi, key, value))
                                 for key, value in sorted(parameters.items())))
    if hasattr(phi, "free_symbols") and not isinstance(phi, type):  # an expression of SymPy
        return _read(str(phi), *_variable(phi), **parameters)
    if not callable(phi):
        raise TypeError(f"phi must be a name, an Activation or a callable, got {phi!r}")
    if not parameters and phi in (np.tanh, np.sin):
        return _named(phi.__name__, ())
    return custom(phi, **parameters)


def _read(text: str, variable: str, kinks: Sequence[float] | None = None,
          name: str = "") -> Activation:
    """A formula as an activation."""
    if text.isidentifier() and text != variable:
        raise ValueError(f"phi: unknown activation {text!r}; known: {', '.join(FAMILIES)}, and "
                         "formulas as 'x*tanh(x)'")
    return _formula(text, variable, None if kinks is None else tuple(kinks), name)


@lru_cache(maxsize=64)
def _formula(text: str, variable: str, kinks: tuple | None, name: str) -> Activation:
    made = formula(text, kinks, variable)
    return replace(custom(made.phi, made.dphi, made.d2phi, made.kinks, name or text),
                   together=made.jet)


def _variable(expression: object) -> list[str]:
    """The name of the one symbol that an expression has."""
    names = [str(symbol) for symbol in expression.free_symbols]
    if len(names) != 1:
        raise ValueError(f"phi must have one free symbol, {expression} has {sorted(names)}")
    return names


def family(name: str, **parameters: Sequence[float]) -> list[Activation]:
    """Activations of one family at several values of its parameter.

    Args:
        name: of the family.
        parameters: one parameter with its values.

    Returns:
        One `Activation` a value, which the functions of `lib.theory.meanfield` take as a list.

    Raises:
        ValueError, TypeError: as `get`, or not exactly one parameter.

    Accuracy: as `Activation`.

    Source: standard definitions.

    >>> [phi.name for phi in family("leaky_relu", slope=[0.1, 0.2])]
    ['leaky_relu(0.1)', 'leaky_relu(0.2)']
    """
    if len(parameters) != 1:
        raise TypeError(f"parameters must be exactly one, got {sorted(parameters)}")
    ((key, values),) = parameters.items()
    return [get(name, **{key: value}) for value in values]


def hermite(coefficients: Sequence[float], clip: float = 3.0, name: str = "") -> Activation:
    """The nonlinearity ``sum_k a_k h_k(x)`` of chosen Hermite coefficients, its input clipped.

    Args:
        coefficients: ``a_0, a_1, ...`` for the orthonormal ``h_k = He_k / sqrt(k!)``.
        clip: the input is cut to ``[-clip, clip]``, where phi then has corners; ``np.inf`` leaves
            the polynomial, which is smooth and explodes.
        name: what to call it.

    Returns:
        The `Activation`.

    Raises:
        TypeError, ValueError: not a list of numbers, or a clip that is not positive.

    Accuracy: as `Activation`. With a clip the coefficients of the function are no longer exactly
        those given: see `lib.theory.features`.

    Source: [zhang2019] (expansion); derived here (clip).

    >>> float(hermite([0.0, 2.0]).phi(np.array(5.0)))
    6.0
    """
    return Activation(name or "hermite series", **hermite_functions(coefficients, clip))


def _hermite(decay: float = 0.4, clip: float = 3.0) -> Activation:
    name = "hermite" if (decay, clip) == (0.4, 3.0) else f"hermite({clip:g}, {decay:g})"
    return hermite(critical_coefficients(4, decay), clip, name)


def _parameter(name: str, key: str, value: object) -> float:
    """A family's parameter, checked."""
    known = list(signature(FAMILIES[name]).parameters)
    if key not in known:
        raise TypeError(f"{name} has no parameter {key!r}; it has {known or 'none'}")
    number = real(key, value)
    if number.ndim:
        raise TypeError(f"{key} must be one number, got shape {number.shape}; for several "
                        "activations use lib.activations.family")
    return float(number)


@lru_cache(maxsize=64)
def _named(name: str, parameters: tuple) -> Activation:
    """One object a name, so that what is tabulated for it is tabulated once."""
    return FAMILIES[name](**dict(parameters))


def custom(phi: Callable, dphi: Callable | None = None, d2phi: Callable | None = None,
           kinks: tuple[float, ...] = (), name: str = "") -> Activation:
    """A caller's own nonlinearity, checked before it is believed.

    Args:
        phi: elementwise callable of one float array.
        dphi, d2phi: its derivatives; by differences of tenth order where not given.
        kinks: every point where phi, phi' or phi'' jumps. An undeclared kink is noticed later:
            the averages refuse to converge.
        name: what to call it.

    Returns:
        The `Activation`.

    Accuracy: as `lib.differences.derivatives` where derivatives are not given.

    Source: derived here.

    Raises:
        ValueError: phi is not elementwise, not deterministic, changes shape, or is not finite
            and real; dphi or d2phi disagrees with differences of phi; phi has a scale too
            fine for differences.

    >>> custom(lambda x: x**3, name="cube").parity
    'odd'
    """
    return Activation(**checked(phi, dphi, d2phi, kinks, name))


def _tanh() -> Activation:
    def dphi(x):
        t = np.tanh(x)
        return 1.0 - t * t

    def d2phi(x):
        t = np.tanh(x)
        return -2.0 * t * (1.0 - t * t)

    def together(x):
        t = np.tanh(x)
        slope = 1 - t * t
        return t, slope, -2 * t * slope

    return Activation("tanh", np.tanh, dphi, d2phi, parity="odd", together=together)


def _erf() -> Activation:
    gain = 2.0 / np.sqrt(np.pi)
    return Activation(
        "erf", _error_function, lambda x: gain * np.exp(-x * x),
        lambda x: -2.0 * gain * x * np.exp(-x * x), parity="odd",
        closed={0: lambda q: 2.0 / np.pi * np.arcsin(2.0 * q / (1.0 + 2.0 * q)),
                1: lambda q: 4.0 / np.pi / np.sqrt(1.0 + 4.0 * q),
                2: lambda q: 16.0 / np.pi * q * (1.0 + 4.0 * q) ** -1.5})


def _leaky_relu(slope: float = 0.01, name: str = "") -> Activation:
    slope = float(real("slope", slope))
    power = (1.0 + slope**2) / 2.0
    return Activation(
        name or f"leaky_relu({slope:g})", lambda x: np.where(x > 0, x, slope * x + 0.0),
        lambda x: np.where(x > 0, 1.0, slope), np.zeros_like, kinks=(0.0,),
        closed={0: lambda q: power * q, 1: lambda q: np.full_like(q, power)})


def _hard_tanh() -> Activation:
    def square(q):
        edge = 1.0 / np.sqrt(2.0 * np.maximum(q, 1e-300))
        inside = _error_function(edge)
        bell = 2.0 * edge / np.sqrt(np.pi) * np.exp(-edge * edge)
        return q * (inside - bell) + (1.0 - inside)

    return Activation(
        "hard_tanh", lambda x: np.clip(x, -1.0, 1.0),
        lambda x: np.where(np.abs(x) < 1.0, 1.0, 0.0), np.zeros_like, kinks=(-1.0, 1.0),
        parity="odd",
        closed={0: square,
                1: lambda q: _error_function(1.0 / np.sqrt(2.0 * np.maximum(q, 1e-300)))})


def _logistic(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _sigmoid() -> Activation:
    def dphi(x):
        t = np.tanh(0.5 * x)
        return 0.25 * (1.0 - t * t)

    return Activation("sigmoid", _logistic, dphi, lambda x: -np.tanh(0.5 * x) * dphi(x))


def _gelu() -> Activation:
    root = np.sqrt(2.0)

    def cdf(x):
        return 0.5 + 0.5 * _error_function(x / root)

    def pdf(x):
        return np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)

    def common(q):  # E cdf^2 + 2 E x cdf pdf
        return (0.25 + np.arcsin(q / (1.0 + q)) / (2.0 * np.pi)
                + q / (np.pi * (1.0 + q) * np.sqrt(1.0 + 2.0 * q)))

    def bend(q):
        shrunk = q / (1.0 + 2.0 * q)
        return (4.0 - 4.0 * shrunk + 3.0 * shrunk**2) / (2.0 * np.pi * np.sqrt(1.0 + 2.0 * q))

    return Activation(
        "gelu", lambda x: x * cdf(x), lambda x: cdf(x) + x * pdf(x),
        lambda x: (2.0 - x * x) * pdf(x),
        closed={0: lambda q: q * common(q),
                1: lambda q: common(q) + q * (1.0 + 2.0 * q) ** -1.5 / (2.0 * np.pi),
                2: bend})


def _swish(beta: float = 1.0) -> Activation:
    beta = float(real("beta", beta))

    def dphi(x):
        s = _logistic(beta * x)
        return s + beta * x * s * (1.0 - s)

    def d2phi(x):
        s = _logistic(beta * x)
        return beta * s * (1.0 - s) * (2.0 + beta * x * (1.0 - 2.0 * s))

    name = "swish" if beta == 1.0 else f"swish({beta:g})"
    return Activation(name, lambda x: x * _logistic(beta * x), dphi, d2phi)


def _softplus() -> Activation:
    def d2phi(x):
        t = np.tanh(0.5 * x)
        return 0.25 * (1.0 - t * t)

    return Activation("softplus", lambda x: np.logaddexp(0.0, x), _logistic, d2phi)


def _elu(alpha: float = 1.0, scale: float = 1.0, name: str = "") -> Activation:
    alpha, scale = float(real("alpha", alpha)), float(real("scale", scale))

    def left(x):
        return scale * alpha * np.exp(np.minimum(x, 0.0))

    return Activation(
        name or ("elu" if alpha == scale == 1.0 else f"elu({alpha:g})"),
        lambda x: np.where(x > 0, scale * x, scale * alpha * np.expm1(np.minimum(x, 0.0))),
        lambda x: np.where(x > 0, scale, left(x)), lambda x: np.where(x > 0, 0.0, left(x)),
        kinks=(0.0,))


def _sin() -> Activation:
    return Activation(
        "sin", np.sin, np.cos, lambda x: -np.sin(x), parity="odd",
        closed={0: lambda q: -0.5 * np.expm1(-2.0 * q),
                1: lambda q: 0.5 + 0.5 * np.exp(-2.0 * q),
                2: lambda q: -0.5 * np.expm1(-2.0 * q)})


def _linear() -> Activation:
    return Activation("linear", lambda x: 1.0 * x, np.ones_like, np.zeros_like, parity="odd",
                      closed={0: lambda q: 1.0 * q, 1: np.ones_like, 2: np.zeros_like},
                      together=lambda x: (x, np.ones_like(x), np.zeros_like(x)))


def _error_function(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf  # SciPy costs more to import than all the rest together
    return erf(x)


FAMILIES: dict[str, Callable[..., Activation]] = {
    "tanh": _tanh, "erf": _erf, "relu": lambda: _leaky_relu(0.0, "relu"),
    "leaky_relu": lambda slope=0.01: _leaky_relu(slope), "hard_tanh": _hard_tanh,
    "sigmoid": _sigmoid, "gelu": _gelu, "swish": _swish, "silu": _swish,
    "softplus": _softplus, "elu": lambda alpha=1.0: _elu(alpha),
    "selu": lambda: _elu(1.6732632423543772, 1.0507009873554805, "selu"),
    "sin": _sin, "linear": _linear, "hermite": _hermite,
}
