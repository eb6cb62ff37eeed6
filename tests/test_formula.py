"""Formulas: values, exact derivatives, kinks, and that no text can do anything but compute."""
import sys
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from lib.activations import get
from lib.formula import FormulaError, formula
from lib.jets import FUNCTIONS
from lib.theory.meanfield import MeanField

X = np.array([-3.7, -1.3, -0.4, 0.21, 0.9, 2.6])


def high_precision(text: str, x: float) -> tuple[float, float, float]:
    """Value and two derivatives by mpmath, which differentiates numerically with 40 digits."""
    names = {"e": mpmath.e, "pi": mpmath.pi, "max": max, "min": min, "abs": abs,
             "expm1": mpmath.expm1, "log1p": mpmath.log1p, "arctan": mpmath.atan,
             "sigmoid": lambda u: 1 / (1 + mpmath.exp(-u)),
             "softplus": lambda u: mpmath.log(1 + mpmath.exp(u)),
             "gelu": lambda u: u * mpmath.ncdf(u), "swish": lambda u: u / (1 + mpmath.exp(-u)),
             "silu": lambda u: u / (1 + mpmath.exp(-u)), "relu": lambda u: max(u, mpmath.mpf(0)),
             "clip": lambda u, low, high: min(max(u, low), high),
             "hard_tanh": lambda u: min(max(u, -1), 1),
             "leaky_relu": lambda u: u if u > 0 else mpmath.mpf(0.01) * u,
             "elu": lambda u: u if u > 0 else mpmath.expm1(u),
             "selu": lambda u: mpmath.mpf(1.0507009873554805) * (
                 u if u > 0 else mpmath.mpf(1.6732632423543772) * mpmath.expm1(u))}
    names |= {"ln": mpmath.log, "maximum": max, "minimum": min, "sign": mpmath.sign,
              "relu6": lambda u: min(max(u, 0), 6), "softsign": lambda u: u / (1 + abs(u)),
              "mish": lambda u: u * mpmath.tanh(mpmath.log(1 + mpmath.exp(u))),
              "hard_sigmoid": lambda u: min(max(u + 3, 0), 6) / mpmath.mpf(6),
              "hard_swish": lambda u: u * min(max(u + 3, 0), 6) / mpmath.mpf(6)}
    names |= {name: getattr(mpmath, name) for name in FUNCTIONS if name not in names}
    with mpmath.workdps(40):
        def f(t):
            return mpmath.mpf(1) * eval(text, {"__builtins__": {}}, names | {"x": t})  # ours

        return tuple(float(mpmath.diff(f, mpmath.mpf(x), n)) if n else float(f(mpmath.mpf(x)))
                     for n in (0, 1, 2))


@pytest.mark.parametrize("text", [
    *(f"{name}(0.7*x)" for name in FUNCTIONS if name not in (
        "ln", "log", "log1p", "sqrt", "max", "maximum", "min", "minimum", "clip")),
    "log(2 + x**2)", "log1p(x**2)", "sqrt(1 + x**2)", "x*tanh(x)", "max(x, 0) + 0.1*sin(x)",
    "x/(1 + exp(-x))", "-x**3/6 + x", "+x - -x", "2**x", "e**(-x**2/2)", "(x**2 + 1)**-1.5",
    "abs(x - 0.5)*x", "relu(x)**2", "clip(x, -1, 1)", "min(x, 2*x, 3)", "max(x, 0.1*x)",
    "x*exp(-x**2/8)", "tanh(x)/cosh(x)", "sin(pi*x)**2", "x**0 + x**1 + x**2", "3*x*x/4",
    "expm1(min(x, 0)) + max(x, 0)", "1e-1*x + 2.5e0", "1/(2 + sin(x))", "(x + 1)**2/(x**2 + 3)",
])
def test_values_and_derivatives_against_high_precision(text):
    found = formula(text)(X)
    expected = np.transpose([high_precision(text, x) for x in X])
    for ours, theirs in zip(found, expected):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("text, kinks", [
    ("x*tanh(x)", ()), ("relu(x)", (0,)), ("max(x, 0)", (0,)), ("max(0, x - 1)", (1,)),
    ("abs(2*x + 3)", (-1.5,)), ("clip(x, -1, 1)", (-1, 1)), ("clip(3*x, -1, 2)", (-1 / 3, 2 / 3)),
    ("min(max(x, 0), 6)", (0, 6)), ("abs(abs(x) - 1)", (-1, 0, 1)),
    ("max(x, -x, 0.5)", (-0.5, 0, 0.5)), ("max(1, 2)*x", ()), ("relu(x) + relu(-x)", (0,)),
    ("relu(x)*sin(x)", (0,)), ("tanh(abs(x))", (0,)), ("abs(x)/x**0 - 1", (0,)),
    ("max(relu(x), 0)", (0,)), ("abs(relu(x) - relu(x - 1) - 1/2)", (0, 0.5, 1)),
    ("max(x, x + 1)", ()), ("abs(x - 1000)", (1000,)), ("abs(1e-3*x - 1e-6)", (0.001,)),
])
def test_kinks_are_found_where_arguments_are_straight(text, kinks):
    assert sorted(formula(text).kinks) == pytest.approx(kinks, rel=1e-14)


def test_kinks_elsewhere_are_asked_for_and_then_believed():
    for text in ("abs(sin(x))", "max(x**2, 1)", "relu(tanh(x) - 0.1)", "clip(x*x, 0, 1)"):
        with pytest.raises(FormulaError, match=r"bends where it cannot be found out; give kinks"):
            formula(text)
    assert formula("max(x**2, 1) + abs(x)", kinks=(1, -1)).kinks == {-1.0, 0.0, 1.0}
    assert get("max(x**2, 1)", kinks=[-1, 1]).jumps(1) == pytest.approx([2.0, 2.0])


def test_far_out_nothing_becomes_nan():
    x = np.array([-1e5, -800.0, 800.0, 1e5])
    for text, value, slope in (
            ("1/(1 + exp(-x))", [0, 0, 1, 1], 0), ("sigmoid(x)", [0, 0, 1, 1], 0),
            ("1/cosh(x)", 0, 0), ("softplus(x)", [0, 0, 800, 1e5], [0, 0, 1, 1])):
        phi, dphi, d2phi = formula(text)(x)
        assert np.array_equal(phi, value + 0 * x) and np.array_equal(dphi, slope + 0 * x)
        assert np.array_equal(d2phi, 0 * x)


def test_precision_and_shape_are_those_of_the_argument():
    made = formula("2*sin(x) + 1")
    for x in (np.float32([[1, 2]]), np.float64([1]), np.array(1.0), np.array([1, 2])):
        for one in made(x):
            assert one.shape == x.shape
            assert one.dtype == (x.dtype if x.dtype.kind == "f" else float)
    assert formula("x").derivative(1)(X).tolist() == [1.0] * 6


@pytest.mark.parametrize("text, told", [
    ("__import__('os').system('x')", "is not allowed"),
    ("__import__('os')", "'__import__' is unknown|is unknown; known are|is not allowed"),
    ("x.__class__", "is not allowed"), ("(1).__class__.__bases__", "is not allowed"),
    ("().__class__", "is not allowed"), ("os.tanh(x)", "not allowed"),
    ("np.load(x)", "is unknown"), ("x[0]", "not allowed"),
    ("[x for x in (1,)]", "not allowed"), ("lambda x: x", "not allowed"),
    ("x if x else 1", "is no condition"), ("1 < x < 2", "no condition"),
    ("x == 1", "is no condition"),
    ("x and 1", "not allowed"), ("not x", "not allowed"),
    ("~x", "not allowed"), ("'x'", "not allowed"), ("f'{x}'", "not allowed"),
    ("True*x", "not allowed"), ("1j*x", "not allowed"), ("None", "not allowed"),
    ("x // 2", "not allowed"), ("x % 2", "not allowed"), ("x @ x", "not allowed"),
    ("x ^ 2", r"write \*\* for a power"), ("x := 3", "invalid"), ("x = 3", "invalid syntax"),
    ("import os", "invalid syntax"), ("x; x", "invalid syntax"), ("sin(x", "was never closed"),
    ("", "at most 500 characters"), ("   ", "invalid syntax"), ("x +", "invalid syntax"),
    ("eval('x')", "not allowed|unknown"),
    ("tan(x)", "did you mean"), ("step(x)", "is unknown; known are abs"),
    ("sin(x, 2)", "wrong number of arguments"), ("clip(x)", "wrong number of arguments"),
    ("max(x)", "wrong number"), ("sin()", "wrong number"), ("sin(x=1)", "not allowed"),
    ("max(*x)", "not allowed"), ("sin(**x)", "not allowed"), ("sin", "is unknown"),
    ("y + 1", "'y' is unknown; the variable is x"), ("3 + pi", "does not depend on x"),
    ("x**1000", "an exponent beyond 100"), ("9**9**9**9**9*x", "exponent beyond 100"),
    ("x**x", "needs a constant exponent"), ("(-2)**x", "positive constant base"),
    ("x*" + "9" * 450, "is too large"), ("1e999*x", "is too large"), ("10**100*10**100*10**100*"
     "10**100*x", "constant in it is inf"),
    ("1/x", "at x = 0"), ("log(x)", "at x = 0"), ("x/(1 - 1)", "divides by zero"),
    ("sin(x)/x", "is nan at x = 0"), ("(-8)**0.5*x", "constant in it is nan"),
    ("x" + "+x" * 400, "at most 500 characters"), ("(" * 240 + "x" + ")" * 240, "nested"),
    ("-" * 300 + "x", "nested"), ("sin(" * 60 + "x" + ")" * 60, "nested more than 40 deep"),
    ("x\0", "formula"), ("ｘ" + "é" * 5, "unknown"),
])
def test_everything_else_is_refused(text, told):
    with pytest.raises(FormulaError, match=told) as refused:
        formula(text)
    assert isinstance(refused.value, ValueError)


def test_refusing_executes_nothing(tmp_path):
    before = set(sys.modules)
    target = tmp_path / "made"
    for text in (f"open({str(target)!r}, 'w')", f"x*0+len(open({str(target)!r}, 'w').name)",
                 "__import__('this')", "().__class__.__base__.__subclasses__()"):
        with pytest.raises(FormulaError):
            formula(text)
    assert not target.exists() and "this" not in set(sys.modules) - before


# As activations

def test_a_formula_is_an_activation_like_any_other():
    mine, theirs = get("x/(1 + exp(-x))"), get("swish")
    for order in (0, 1, 2):
        assert np.allclose(mine.derivative(order)(X), theirs.derivative(order)(X), rtol=1e-12)
    assert mine.name == "x/(1 + exp(-x))" and get("x/(1 + exp(-x))") is mine
    assert get("clip(x, -1, 1)").parity == "odd" and get("abs(x)").parity == "even"
    assert get("relu(x)").homogeneous and get("x").name == "x"
    assert get("x**2", name="square").name == "square"
    assert MeanField(2.0, 0.3, "clip(x, -1, 1)").chi1 == \
        pytest.approx(MeanField(2.0, 0.3, "hard_tanh").chi1, rel=1e-11)


def test_lengths_that_run_away_are_followed_and_do_not_fill_the_memory():
    """E u1^3 u2^3 = q^3 (9 c + 6 c^3), at lengths far beyond every grid."""
    w2, b2, q, c = 1.69, 0.09, np.float64(4.0), 0.3
    told = MeanField(1.3, 0.3, "x**3").run(q=q, c=c, depth=5, width=500)
    for layer in range(5):
        assert np.allclose([told.q[layer, 0], told.c[layer, 0]], [q, c], rtol=1e-9)
        with np.errstate(over="ignore", invalid="ignore"):
            both, q = w2 * (9 * c + 6 * c**3) * q**3 + b2, w2 * 15 * q**3 + b2
            c = both / q


def test_names_stay_names():
    assert get("tanh").parity == "odd" and get("erf") is get("erf")
    with pytest.raises(ValueError, match="unknown activation 'rleu'; known: tanh, .*x.tanh"):
        get("rleu")
    with pytest.raises(TypeError):
        get("x**2", slope=1.0)


class Foreign:
    """An array of another library: nothing but `__array__`."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def test_callables_of_other_libraries_come_through_the_array_protocol():
    phi = get(lambda x: Foreign(np.tanh(x)), name="foreign")
    assert isinstance(phi(X), np.ndarray) and phi.parity == "odd"
    ours, theirs = (MeanField(1.5, 0.2, one).q_star for one in (phi, "tanh"))
    assert ours == pytest.approx(theirs, rel=1e-9)
    namespace = get(lambda x: x.__array_namespace__().tanh(x))  # as array-API libraries write it
    assert np.allclose(namespace.dphi(X), get("tanh").dphi(X), atol=1e-11)
    assert np.allclose(get(np.polynomial.Polynomial([0, 1, 0, -1 / 6])).dphi(X), 1 - X**2 / 2)


@pytest.mark.parametrize("phi, error, told", [
    (lambda x: np.tanh(x.astype(np.float32)), ValueError, "float32 for float64"),
    (lambda x: x.tensor(), TypeError, "must take a NumPy array.*AttributeError"),
    (lambda x: Foreign([object()]), TypeError, "keep the shape"),
])
def test_callables_that_cannot_come_through_are_told_why(phi, error, told):
    with pytest.raises((error, ValueError), match=told):
        get(phi)


class Expression:
    """What of SymPy is used: free symbols, and the text."""

    def __init__(self, text, *symbols):
        self.text, self.free_symbols = text, set(symbols)

    def __str__(self):
        return self.text


def test_symbolic_expressions_are_read_by_their_text():
    phi = get(Expression("Max(0, t) + t*tanh(t)/E", "t"))
    assert phi.kinks == (0.0,) and phi(np.array(1.0)) == pytest.approx(1 + np.tanh(1) / np.e)
    for names in ((), ("a", "b")):
        with pytest.raises(ValueError, match="must have one free symbol"):
            get(Expression("a*b", *names))


def test_sympy_itself():
    sympy = pytest.importorskip("sympy")
    t = sympy.Symbol("t")
    for expression in (t * sympy.tanh(t), sympy.Max(0, t) + sympy.Rational(1, 10) * sympy.sin(t),
                       sympy.erf(t) * sympy.exp(-t**2 / 2), sympy.Abs(t - 1), 1 / (1 + t**2)):
        phi, f = get(expression), sympy.lambdify(t, expression, "math")
        assert np.allclose(phi(X), [f(x) for x in X], rtol=1e-13)
    with pytest.raises(ValueError, match="is unknown; known are"):
        get(sympy.gamma(t))


def test_every_function_is_known_by_name_and_in_the_message():
    with pytest.raises(FormulaError) as refused:
        formula("nothing(x)")
    assert all(name in str(refused.value) for name in FUNCTIONS)
    assert float(Fraction(1, 3)) == formula("x/3").derivative(1)(np.array(1.0))


@pytest.mark.parametrize("text, same, kinks", [
    ("relu6", "clip(x, 0, 6)", (0.0, 6.0)), ("mish", "x*tanh(softplus(x))", ()),
    ("softsign", "x/(1 + abs(x))", (0.0,)), ("ln(1 + x**2)", "log(1 + x**2)", ()),
    ("hard_swish", "x*clip(x + 3, 0, 6)/6", (-3.0, 3.0)), ("np.maximum(x, 0)", "relu(x)", (0.0,)),
    ("where(x > 1, x, 0.5*x + 0.5)", "max(x, 0.5*x + 0.5)", (1.0,)),
    ("np.where(x < 0, 0, x)", "relu(x)", (0.0,)),
    ("x if x >= 0 else 0.1*x", "max(x, 0.1*x)", (0.0,)),
    ("x*(x > 0)", "relu(x)", (0.0,)), ("sign(x)*x", "abs(x)", (0.0,)),
    ("np.sqrt(1 + x**2)", "sqrt(1 + x**2)", ()), ("math.tanh(x)", "tanh(x)", ())])
def test_what_readers_type_is_read(text, same, kinks):
    mine, other = get(text), get(same)
    assert mine.kinks == kinks == other.kinks
    for one, two in zip(mine.jet(X), other.jet(X)):
        assert np.allclose(one, two, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("text, parity", [
    ("x*tanh(x)", "even"), ("sin(x**3)", "odd"), ("abs(x) + cos(x)", "even"), ("x + 1", ""),
    ("clip(x, -2, 2)*exp(-x**2)", "odd"), ("clip(x, -1, 2)", ""), ("x/(1 + x**2)", "odd"),
    ("tanh(x) + exp(-(x - 20)**2)", ""), ("max(x, 0)", ""), ("sign(x)*x**2", "odd")])
def test_parity_follows_from_the_formula(text, parity):
    assert get(text).parity == parity


def test_a_difference_from_one_does_not_cancel():
    assert formula("exp(x) - 1")(np.array([1e-20]), 0)[0][0] == 1e-20


def test_a_cut_keeps_its_slope_next_to_its_ends():
    """Also where the middle of what is kept is far from there."""
    for text in ("clip(x, 0, 6)", "relu6", "clip(x, 0, max(x, 6))"):
        x = np.array([-1e-300, 1e-300, 1e-20, 1.0])
        assert get(text).dphi(x).tolist() == [0.0, 1.0, 1.0, 1.0]
