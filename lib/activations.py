"""Nonlinearities: phi with its derivatives, its kinks and what else is known of it.

`activation` is the one door (inside the library it is called `get`). It takes a name, an
`Activation`, a formula, or any elementwise callable::

    activation("tanh")                      by name
    activation("leaky_relu", slope=0.2)     a family with its parameter
    activation("x*tanh(x)")                 a formula; nothing of it is executed
    activation(lambda x: x * np.tanh(x))    your own; derivatives by differences
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from inspect import signature
from typing import Callable, Collection, Sequence

import numpy as np

from lib import jets
from lib.checks import count, number, real
from lib.formula import formula
from lib.jets import Function, Jet, X
from lib.sampled import Sampled


@dataclass(frozen=True, eq=False, repr=False)  # compared and hashed by identity
class Activation:
    """An elementwise nonlinearity and what is known about it.

    Args:
        name: as printed in figures and errors.
        made: the nonlinearity as a jet, from which all derivatives follow.
        accuracy: relative accuracy of phi, phi' and phi'' that averages may count on.
        searched: of a callable whose kinks were not declared, what was searched for them.

    Accuracy: built-in derivatives are exact to rounding; those found by differences for a
        caller's own function carry 1e-12 (phi') and 1e-10 (phi'', 1e-9 beside a kink) of its size.
    """

    name: str
    made: Jet
    accuracy: tuple[float, float, float] = (1e-12, 1e-12, 1e-12)
    searched: str = ""

    def __repr__(self) -> str:
        return f"{self.name}, {self.grade}" + f": {self.searched}" * bool(self.searched)

    @property
    def grade(self) -> str:
        """``"certified"``, or ``"estimated"`` where kinks may have been missed: see `searched`.

        Kinks, parity and growth of a name or a formula follow from it, and a caller may declare
        them. Of another callable nobody can know them, they are searched for.
        """
        return "estimated" if self.searched else "certified"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """``phi(x)``."""
        return self.phi(x)

    def jet(self, x: np.ndarray, order: int = 2) -> tuple[np.ndarray, ...]:
        """phi and its derivatives up to `order` at x, each of the shape and precision of x.

        At a kink phi' is the value on one side, and phi'' leaves the delta out.
        """
        return self.made(x, order)

    def derivative(self, order: int) -> Function:
        """The function phi, phi', phi'' or a higher derivative."""
        return self.made.derivative(order)

    phi = cached_property(lambda self: self.derivative(0))
    dphi = cached_property(lambda self: self.derivative(1))
    d2phi = cached_property(lambda self: self.derivative(2))

    @cached_property
    def kinks(self) -> tuple[float, ...]:
        """Where phi, phi' or phi'' jumps, ascending; between them phi is smooth."""
        return tuple(sorted(self.made.kinks))

    @cached_property
    def parity(self) -> str:
        """``"odd"``, ``"even"`` or ``""``."""
        mirrored = np.allclose(self.kinks, np.negative(self.kinks)[::-1])
        return {1: "even", -1: "odd", 0: ""}[self.made.parity * mirrored]

    @property
    def reach(self) -> float:
        """phi is known for ``|x|`` below; infinite unless it was searched."""
        return self.made.reach

    def jumps(self, order: int) -> np.ndarray:
        """Jump of phi (order 0) or phi' (order 1) at each kink, shape ``(len(kinks),)``."""
        at = np.asarray(self.kinks, dtype=float)
        f, aside = self.derivative(order), 1e-13 * np.abs(at) + 1e-15
        jump = f(at + aside) - f(at - aside)
        out = 2.0 ** -np.arange(0.0, 30.0)
        around = at[:, None] + np.concatenate([-out, out])
        size = np.maximum(np.abs(self.phi(around)), np.abs(f(around))).max(axis=-1)
        return np.where(np.abs(jump) > 1e-9 * size, jump, 0.0)

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
        return self.made.straight

    @cached_property
    def homogeneous(self) -> bool:
        """Whether phi(a x) = a phi(x) for every a > 0 (linear, ReLU, leaky ReLU)."""
        at_zero, at_one = np.abs(self.phi(np.array([[-1e-200, 1e-200], [-1.0, 1.0]]))).max(axis=1)
        return bool(self.made.straight and set(self.kinks) <= {0.0} and at_zero <= 1e-150 * at_one)


def get(phi: str | Activation | Callable, **parameters: float) -> Activation:
    """The activation meant by a name, a formula, a callable or an activation.

    Args:
        phi: name, formula of ``x`` as `lib.formula` reads it, `Activation`, SymPy expression in
            the same functions, or an elementwise callable that takes a NumPy array and returns
            what ``np.asarray`` understands.
        parameters: of the family named (``slope``, ``alpha``, ``beta``), or ``kinks`` and
            ``name`` of a formula, and ``dphi`` and ``d2phi`` of a callable as well.

    Raises:
        ValueError: unknown name (the names are listed), a formula that cannot be read, or a
            callable that is not elementwise.
        TypeError: neither name nor callable, or a parameter the family does not have.

    >>> float(get("relu").phi(np.array(2.0))), get("max(x, 0)**2").kinks
    (2.0, (0.0,))
    """
    if isinstance(phi, Activation):
        if parameters:
            raise TypeError(f"phi is an Activation already; it takes no {sorted(parameters)}")
        return phi
    if isinstance(phi, str):
        return (_named if phi in FAMILIES else _read)(phi, **parameters)
    if hasattr(phi, "free_symbols") and not isinstance(phi, type):  # an expression of SymPy
        names = [str(symbol) for symbol in phi.free_symbols]
        if len(names) != 1:
            raise ValueError(f"phi must have one free symbol, {phi} has {sorted(names)}")
        return _read(str(phi), variable=names[0], **parameters)
    if not callable(phi):
        raise TypeError(f"phi must be a name, an Activation or a callable, got {phi!r}")
    if not parameters and phi in (np.tanh, np.sin):
        return _named(phi.__name__)
    return custom(phi, **parameters)


activation = get


def _named(name: str, **parameters: float) -> Activation:
    """One of the families."""
    known = {key: one.default for key, one in signature(FAMILIES[name]).parameters.items()
             if one.default is not one.empty}
    for key in parameters:
        if key not in known:
            raise TypeError(f"{name} has no parameter {key!r}; it has {list(known) or 'none'}")
    given = {key: number(key, value) for key, value in parameters.items()}
    usual, values = known == known | given, (known | given).values()
    return _member(name, tuple((known | given).items()),
                   name if usual else f"{name}({', '.join(f'{one:g}' for one in values)})")


@lru_cache(maxsize=64)
def _member(name: str, parameters: tuple, title: str) -> Activation:
    """One object a name, so that what is tabulated for it is tabulated once."""
    return Activation(title, FAMILIES[name](X, **dict(parameters)))


def _read(text: str, kinks: Sequence[float] | None = None, name: str = "",
          variable: str = "x") -> Activation:
    """A formula as an activation."""
    if text in jets.FUNCTIONS:
        text, name = f"{text}({variable})", name or text
    if text.isidentifier() and text != variable:
        raise ValueError(f"phi: unknown activation {text!r}; known: {', '.join(FAMILIES)}, and "
                         "formulas as 'x*tanh(x)'")
    return _formula(text, variable, None if kinks is None else tuple(kinks), name)


@lru_cache(maxsize=64)
def _formula(text: str, variable: str, kinks: tuple | None, name: str) -> Activation:
    made = formula(text, kinks, variable)
    x = _probe_points(made.kinks)
    for label, y in zip(("phi", "dphi", "d2phi"), made(x)):
        _refuse_unless_finite(x, y, label)
    return Activation(name or text, made)


# A caller's own


def custom(phi: Callable, dphi: Callable | None = None, d2phi: Callable | None = None,
           kinks: Sequence[float] | None = None, name: str = "") -> Activation:
    """A caller's own nonlinearity, looked at closely before it is believed.

    Args:
        phi: elementwise callable of one float array.
        dphi, d2phi: its derivatives; worked out by `lib.sampled` where not given.
        kinks: every point where phi, phi' or phi'' jumps, ``()`` for none: then what is computed
            is certified. If left out they are searched for, and it is estimated.
        name: what to call it.

    Raises:
        ValueError: phi is not elementwise, not deterministic, changes shape, or is not finite
            and real; bends where it was not declared to; dphi or d2phi disagrees with
            differences of phi; phi is noisy or too fine to be seen.
        TypeError: phi does not take an array, or returns what NumPy does not understand.

    Accuracy: as `lib.sampled` where derivatives are not given; averages 1e-11 where kinks are
        searched for.

    >>> custom(lambda x: x**3, name="cube").parity
    'odd'
    """
    told = () if kinks is None else tuple(real("kinks", kinks).ravel())
    x, given = _probe_points(told), {"dphi": dphi, "d2phi": d2phi}
    for label, f in {"phi": phi, **given}.items():
        if f is not None:
            _try(f, x, label)
    made = Sampled(phi, dphi, d2phi, kinks)
    x = _probe_points(made.kinks)
    for order, label in enumerate(given):
        if given[label] is not None:
            below, theirs = made.derivative(order), made.derivative(order + 1)(x)
            ours = (below(x + 1e-5) - below(x - 1e-5)) / 2e-5
            if not np.allclose(theirs, ours, rtol=1e-4, atol=1e-5 * np.abs(ours).max()):
                i = int(np.abs(theirs - ours).argmax())
                raise ValueError(f"{label} is not the derivative of phi: at x = {x[i]:.3g} it is "
                                 f"{theirs[i]:.6g}, differences give {ours[i]:.6g}")
    known = getattr(phi, "__name__", "<")  # a lambda has none worth showing
    own = 1e-12 if kinks is not None else 1e-11  # a kink that is found lies near the true one
    return Activation(name or ("custom" if known.startswith("<") else known), made, accuracy=(
        own, own if dphi else 1e-11, own if d2phi else 1e-8),
        searched=made.seen if kinks is None else "")


def _probe_points(kinks: Collection[float]) -> np.ndarray:
    """Points of both signs, away from the kinks, where a function is tried out."""
    x = np.linspace(-7.9, 7.9, 96)
    return x[np.all(np.abs(x[:, None] - np.array([*kinks])) > 0.02, axis=-1)]


def _try(f: Callable, x: np.ndarray, label: str) -> None:
    """Refuse what is no elementwise function of real numbers."""
    try:
        y, again, few = (np.asarray(f(one.copy())) for one in (x, x[::-1], x[3:5]))
    except Exception as problem:
        raise TypeError(
            f"{label} must take a NumPy array and return what np.asarray understands, "
            f"as np.vectorize({label}) does; it failed with {type(problem).__name__}: {problem}"
        ) from problem
    if y.shape != x.shape:
        raise ValueError(f"{label} must keep the shape: {x.shape} became {y.shape}")
    if y.dtype.kind not in "fiu":
        raise ValueError(f"{label} must return real numbers, got dtype {y.dtype}")
    if y.dtype in (np.float16, np.float32):
        raise ValueError(f"{label} returned {y.dtype} for float64; averages and derivatives need "
                         "double precision throughout")
    _refuse_unless_finite(x, y, label)
    expected, size = y[::-1], np.abs(y).max()
    if again.shape != expected.shape or not all(
            np.allclose(one, other, rtol=1e-12, atol=1e-15 * size)
            for one, other in ((again, expected), (few, y[3:5]))):
        raise ValueError(f"{label} must be elementwise and deterministic: the value at one point "
                         "changed with the other points")


def _refuse_unless_finite(x: np.ndarray, y: np.ndarray, label: str) -> None:
    wrong = ~np.isfinite(y)
    if wrong.any():
        raise ValueError(f"{label} returned {y[wrong][0]} at x = {x[wrong][0]:.3g}")


# Series of Hermite polynomials: phi by what it does to a normal input


def hermite(coefficients: Sequence[float], clip: float = 3.0, name: str = "") -> Activation:
    """The nonlinearity ``sum_k a_k h_k(x)`` of chosen Hermite coefficients, its input clipped.

    Args:
        coefficients: ``a_0, a_1, ...`` for the orthonormal ``h_k = He_k / sqrt(k!)``.
        clip: the input is cut to ``[-clip, clip]``, where phi then has corners; ``np.inf`` leaves
            the polynomial, which is smooth and explodes.
        name: what to call it.

    Accuracy: rounding, of the largest monomial. With a clip the coefficients of the function are
        no longer exactly those given: see `lib.theory.hermite`.

    Source: [zhang2019] (expansion); derived here (clip).

    >>> float(hermite([0.0, 2.0]).phi(np.array(5.0)))
    6.0
    """
    return Activation(name or "hermite series", _series(X, coefficients, clip))


def _series(u: Jet, coefficients: Sequence[float], clip: float) -> Jet:
    a = real("coefficients", coefficients)
    if a.ndim != 1 or a.size == 0:
        raise ValueError(f"coefficients must be a list of numbers, got shape {a.shape}")
    from numpy.polynomial.hermite_e import herme2poly
    terms = herme2poly(a / np.sqrt(np.cumprod(np.maximum(np.arange(a.size), 1.0))))
    if clip != np.inf:
        clip = number("clip", clip, low=1e-3)
        u = jets.clip(u, -clip, clip)
    return jets.polynomial(terms, u)


def critical_coefficients(orders: int = 4, decay: float = 0.4) -> np.ndarray:
    """Coefficients of unit power with gain 1, no empty order and a stable variance.

    ``a_k^2`` falls by the factor ``decay`` from each order to the next, from 1 to ``orders``. The
    mean is as large as criticality, ``sum k a_k^2 = sum a_k^2``, needs it to be. Signs go
    + + - - and again, so that every ``a_k a_(k+2)`` lowers the slope of the variance map.

    Args:
        orders: the highest order, at least 2.
        decay: of the power from order to order, above 0 and at most 1.

    Returns:
        ``a_0`` to ``a_orders``, shape ``(orders + 1,)``.

    Source: derived here (a construction in the spirit of [zhang2019], whose own activation we
        do not know).

    >>> a = critical_coefficients(2, 1.0)
    >>> np.round(a**2 * 3, 12).tolist()
    [1.0, 1.0, 1.0]
    """
    orders, decay = count("orders", orders, low=2), number("decay", decay, 1e-6, 1.0)
    k = np.arange(1, orders + 1)
    power = decay ** (k - 1.0)
    power = np.concatenate([[np.sum((k - 1) * power)], power])
    signs = np.where(np.arange(orders + 1) % 4 < 2, 1.0, -1.0)
    return signs * np.sqrt(power / power.sum())


# The named ones


def _hermite(u: Jet, clip: float = 3.0, decay: float = 0.4) -> Jet:
    return _series(u, critical_coefficients(4, decay), clip)


FAMILIES: dict[str, Callable[..., Jet]] = {
    **{name: jets.FUNCTIONS[name] for name in (
        "tanh", "erf", "relu", "leaky_relu", "hard_tanh", "sigmoid", "gelu", "swish", "silu",
        "softplus", "elu", "selu", "sin")},
    "linear": lambda u: u, "hermite": _hermite,
}
