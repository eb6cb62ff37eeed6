"""Inputs that nobody chose: ``make fuzz ARGS="--seconds 600 --seed 1"``.

Named functions, formulas made from the grammar, callables with declared kinks and without, odd
scales and types, and small piecewise-linear networks with ties, each compared with an oracle that
shares no code with lib: composite Gauss-Legendre sums cut at the kinks which the generator knows,
twice as fine until they agree; Hermite sums for two normals; exact rationals for networks; mpmath
on a sample. Printed is *grade: tried, right, refused, wrong*. Where an oracle is not sure of
itself the point is not counted.
"""
from __future__ import annotations

import argparse
import time
from collections import Counter
from fractions import Fraction
from typing import Callable, Iterator, NamedTuple

import mpmath as mp
import numpy as np
from scipy import special

from lib.activations import FAMILIES, Activation, get
from lib.checks import Untrusted
from lib.networks.network import Network
from lib.networks.piecewise import Path, trace
from lib.theory.correlated import pair_average
from lib.theory.gaussian import moment
from lib.theory.meanfield import MeanField

STATED = 0.1  # the search promises to see what is this wide, or |x| / 80
NODE, WEIGHT = np.polynomial.legendre.leggauss(16)


class Subject(NamedTuple):
    """A function as lib gets it, and as the oracle knows it."""

    grade: str
    given: object
    declared: dict
    f: Callable
    kinks: tuple[float, ...]
    jumps: bool = False
    text: str = ""


# What is drawn

def _mish(x):
    return x * np.tanh(np.logaddexp(0.0, x))


NAMES = {  # for formulas, in NumPy
    "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "exp": np.exp, "erf": special.erf,
    "atan": np.arctan, "sqrt": np.sqrt, "log": np.log, "abs": np.abs, "max": np.maximum,
    "clip": np.clip, "where": np.where, "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": special.expit, "softplus": lambda x: np.logaddexp(0.0, x),
    "gelu": lambda x: x * special.ndtr(x), "swish": lambda x: x * special.expit(x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
    "hard_tanh": lambda x: np.clip(x, -1, 1), "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x), "sign": np.sign, "mish": _mish,
    "softsign": lambda x: x / (1 + np.abs(x)),
}
SMOOTH = ("tanh({})", "sin({})", "cos({})", "exp(-({})**2)", "erf({})", "atan({})", "sigmoid({})",
          "softplus({})", "gelu({})", "swish({})", "log(1+({})**2)", "sqrt(1+({})**2)", "mish({})",
          "({})", "({0})/(1+({0})**2)")
BENT = {"abs({})": (0,), "relu({})": (0,), "elu({})": (0,), "leaky_relu({})": (0,),
        "hard_tanh({})": (-1, 1), "relu6({})": (0, 6), "softsign({})": (0,),
        "clip({},-1,2)": (-1, 2)}
PLAIN = {  # name, in NumPy, kinks
    "tanh": (np.tanh, ()), "erf": (special.erf, ()), "sin": (np.sin, ()),
    "linear": (lambda x: x, ()),
    "relu": (NAMES["relu"], (0.0,)), "leaky_relu": (NAMES["leaky_relu"], (0.0,)),
    "hard_tanh": (NAMES["hard_tanh"], (-1.0, 1.0)), "sigmoid": (special.expit, ()),
    "gelu": (NAMES["gelu"], ()), "swish": (NAMES["swish"], ()), "silu": (NAMES["swish"], ()),
    "softplus": (NAMES["softplus"], ()), "elu": (NAMES["elu"], (0.0,)),
    "selu": (lambda x: 1.0507009873554805 * np.where(
        x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0.0))), (0.0,)),
}


def a_number(rng, low=0.1, high=5.0) -> float:
    """A few digits, either sign."""
    return float(f"{rng.choice((-1, 1)) * np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")


def an_atom(rng) -> tuple[str, set[float]]:
    """A function of a straight line, and its kinks."""
    a, b = a_number(rng), a_number(rng, 0.01, 4.0) if rng.random() < 0.6 else 0.0
    inner = f"{a}*x+{b}" if b else f"{a}*x"
    if rng.random() < 0.6:
        return str(rng.choice(SMOOTH)).format(inner), set()
    form = str(rng.choice(list(BENT)))
    return form.format(inner), {(at - b) / a for at in BENT[form]}


def a_formula(rng, depth: int = 2) -> tuple[str, set[float]]:
    """A formula and its kinks."""
    if depth == 0 or rng.random() < 0.25:
        return an_atom(rng)
    (one, kinks), (two, more) = a_formula(rng, depth - 1), an_atom(rng)
    kind = rng.integers(6)
    if kind == 0:
        return f"tanh({one})", kinks
    if kind == 1:
        return f"sin({one})", kinks
    if kind == 2:
        return f"({one})/(1+({two})**2)", kinks | more
    if kind == 3:
        return f"({one})*tanh({two})", kinks | more
    return f"({one}){'+-'[kind - 4]}{abs(a_number(rng))}*({two})", kinks | more


def of_formula(text: str) -> Callable:
    """The formula in NumPy; it is ours, so that it may be executed."""
    code = compile(text, "formula", "eval")
    return lambda x: eval(code, {"__builtins__": {}}, NAMES | {"x": x}) + 0.0 * x


def disguised(rng, f: Callable) -> Callable:
    """The same values from a callable with bad manners."""
    def overwrites(x):
        x[...] = f(x)
        return x

    return [f, f, overwrites, lambda x: f(x).tolist(), lambda x: np.asarray(f(x), dtype=object)
            .astype(float)][rng.integers(5)]


def a_callable(rng) -> Subject:
    """A sum of pieces at odd scales, its kinks declared, or not."""
    scale = 10.0 ** rng.integers(-10, 9) if rng.random() < 0.3 else 1.0
    text, kinks = a_formula(rng)
    jumps, kind = False, rng.random()
    if kind < 0.15:  # far out
        at = float(f"{rng.uniform(5, 60):.3g}")
        text, kinks = f"{text}+0.3*abs(x-{at})", kinks | {at}
    elif kind < 0.3:
        at = float(f"{rng.uniform(-3, 3):.3g}")
        text, kinks, jumps = f"{text}+0.5*sign(x-{at})", kinks | {at}, True
    elif kind < 0.4:
        places, values = np.sort(rng.choice(np.arange(-40, 41), 3, False)) / 10, rng.integers(
            -20, 21, 4).astype(np.int8)

        def f(x):
            return values[np.searchsorted(places, x)]

        if len(set(np.diff(values.astype(int)))) > 1 and np.all(np.diff(values.astype(int))):
            declared = {"kinks": tuple(places)} if rng.random() < 0.4 else {}
            return Subject("certified: declared" if declared else "estimated", f, declared,
                           lambda x: f(x).astype(float), tuple(places), True,
                           f"{values.tolist()} with jumps at {places.tolist()}")
    bare = of_formula(text)

    def g(x):
        return scale * bare(x)

    if rng.random() < 0.4:
        return Subject("certified: declared", disguised(rng, g), {"kinks": tuple(sorted(kinks))},
                       g, tuple(kinks), jumps, f"{scale:g} * {text}")
    return Subject("estimated", disguised(rng, g), {}, g, tuple(kinks), jumps,
                   f"{scale:g} * {text}")


def subjects(rng) -> Iterator[Subject]:
    """For ever."""
    while True:
        kind = rng.random()
        if kind < 0.08:
            name = str(rng.choice([one for one in FAMILIES if one in PLAIN]))
            yield Subject("certified: named", name, {}, *PLAIN[name])
        elif kind < 0.6:
            text, kinks = a_formula(rng)
            yield Subject("certified: formula", text, {}, of_formula(text), tuple(kinks))
        else:
            yield a_callable(rng)


# Oracles

class Sums:
    """Averages of f over one normal, of variances within a factor of a hundred of each other."""

    def __init__(self, subject: Subject, q: np.ndarray):
        self.subject, self.q, self.fine = subject, q, 1
        self.best, self.error = {}, {}

    def _nodes(self, fine: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        low, top = np.sqrt(self.q.min()), 12.5 * np.sqrt(self.q.max())
        step = min(0.25, 0.4 * low) / fine
        edges = [0.0]
        while edges[-1] < top:
            edges.append(edges[-1] + max(step, 0.0625 / fine * (edges[-1] - 4.0)))
        at = np.array([k for k in self.subject.kinks if abs(k) < top])
        edges = np.unique(np.concatenate([edges, np.negative(edges), at]))
        edges = edges[np.append(True, np.diff(edges) > 1e-15)]
        half = 0.5 * np.diff(edges)[:, None]
        return edges[:-1, None] + half * (1.0 + NODE), half * WEIGHT, half

    def _at(self, fine: int) -> dict:
        u, w, half = self._nodes(fine)
        with np.errstate(all="ignore"):
            f = self.subject.f(u)
        slope = f @ _differentiation().T / half
        bell = np.exp(-0.5 * u.ravel()**2 / self.q[:, None]) / np.sqrt(2 * np.pi
                                                                      * self.q[:, None])
        return {order: bell @ (w * g**2).ravel() for order, g in enumerate((f, slope))}

    def moments(self, order: int, rtol: float) -> tuple[np.ndarray, np.ndarray]:
        """The averages of f^2 or f'^2, and where two rules agree."""
        if not self.best:
            self.best = self._at(1)
        while True:
            if self.error.get(order) is not None and (self.error[order] <= rtol).all() \
                    or self.fine >= 8:
                return self.best[order], self.error[order] <= rtol
            self.fine *= 2
            finer = self._at(self.fine)
            with np.errstate(all="ignore"):
                self.error = {one: np.abs(finer[one] / self.best[one] - 1.0) for one in finer}
            self.best = finer


def _differentiation() -> np.ndarray:
    """From values at the nodes to slopes there."""
    gap = NODE[:, None] - NODE + np.eye(NODE.size)
    weights = 1.0 / np.prod(gap, axis=1)
    d = weights / weights[:, None] / gap
    np.fill_diagonal(d, 0.0)
    np.fill_diagonal(d, -d.sum(axis=1))
    return d


def hermite_sum(subject: Subject, q: float, c: np.ndarray, orders: int = 200) -> tuple:
    """``E f(u1) f(u2)`` by orders of Hermite polynomials, and a bound of its error over E f^2."""
    sums = Sums(subject, np.array([q]))
    u, w, _ = sums._nodes(4)
    z, weight = u.ravel() / np.sqrt(q), w.ravel() / np.sqrt(2 * np.pi * q)
    with np.errstate(all="ignore"):
        f = subject.f(u.ravel()) * weight * np.exp(-0.25 * z * z)
    below, here = np.zeros_like(z), np.exp(-0.25 * z * z)
    a = np.empty(orders)
    for k in range(orders):
        a[k] = f @ here
        below, here = here, (z * here - np.sqrt(k) * below) / np.sqrt(k + 1.0)
    power = sums.moments(0, 1e-10)[0][0]
    left = max(power - a @ a, 0.0) + 1e-12 * power
    with np.errstate(all="ignore"):  # a power of 0, or one beyond all numbers, is not judged
        bound = left * np.abs(c) ** orders / power
    return np.polynomial.polynomial.polyval(c, a * a), bound, power


def by_mpmath(subject: Subject, q: float) -> float:
    """E f^2 by adaptive quadrature of f in double precision, cut at its kinks."""
    s = np.sqrt(q)
    cuts = sorted({0.0, *(k / s for k in subject.kinks if abs(k) < 12 * s),
                   *(sign * x for sign in (1, -1) for x in (0.3, 0.6, 1, 1.5, 2, 3, 4, 6, 9, 12)),
                   *(sign * x / s for sign in (1, -1) for x in (0.3, 1, 2, 4) if x < 12 * s)})

    def g(z):
        z = float(z)
        return mp.mpf(float(subject.f(np.array([s * z]))[0]) ** 2 * np.exp(-0.5 * z * z))

    return float(mp.quad(g, cuts, maxdegree=7) / mp.sqrt(2 * mp.pi))


# Comparing

class Tally:
    """How many points of which grade came out how, and what was wrong or refused."""

    def __init__(self):
        self.counts, self.wrong, self.why = Counter(), [], Counter()
        self.functions = self.unsure = 0

    def add(self, grade: str, right: np.ndarray, refused: np.ndarray, sure: np.ndarray,
            told: Callable) -> None:
        """One array of points; ``told(i)`` describes a wrong one."""
        refused = np.broadcast_to(refused, np.shape(right))
        bad = ~right & ~refused & sure
        self.counts[grade, "right"] += int((right & ~refused & sure).sum())
        self.counts[grade, "refused"] += int(refused.sum())
        self.counts[grade, "wrong"] += int(bad.sum())
        self.unsure += int((~sure & ~refused).sum())
        self.wrong += [f"{grade}: {told(i)}" for i in np.flatnonzero(bad)[:2]]

    def refuse(self, grade: str, points: int, problem: Exception) -> None:
        """All points of a function at once."""
        self.counts[grade, "refused"] += points
        self.why[f"{grade}: {str(problem)[:70]}"] += points

    def __str__(self) -> str:
        grades = sorted({grade for grade, _ in self.counts})
        rows = ["grade                        tried      right    refused      wrong"]
        total = Counter()
        for grade in grades:
            n = [self.counts[grade, one] for one in ("right", "refused", "wrong")]
            total.update(dict(enumerate(n)))
            rows.append(f"{grade:22} {sum(n):11,} {n[0]:10,} {n[1]:10,} {n[2]:10,}")
        n = [total[i] for i in range(3)]
        rows.append(f"{'all':22} {sum(n):11,} {n[0]:10,} {n[1]:10,} {n[2]:10,}")
        rows.append(f"{self.functions:,} functions and networks; the oracle was not sure of "
                    f"{self.unsure:,} more points")
        rows += [f"  refused {n:8,}  {why}" for why, n in self.why.most_common(8)]
        wrong = [one for one in self.wrong if "narrower than stated" not in one]  # these may be
        return "\n".join([*rows, *(f"  WRONG {one}" for one in wrong[:20])])

    @property
    def certified_wrong(self) -> int:
        """How many certified numbers are wrong."""
        return sum(n for (grade, how), n in self.counts.items()
                   if how == "wrong" and grade.startswith("certified"))


def compare(subject: Subject, rng, tally: Tally, points: int = 48) -> None:
    """One function, in one way: what costs more is asked of fewer."""
    tally.functions += 1
    of = (averages, fixed_points, edges, correlations)[rng.choice(4, p=[0.55, 0.27, 0.1, 0.08])]
    try:
        phi = get(subject.given, **subject.declared)
        exact = not subject.grade.startswith("estimated")
        of(subject, phi, rng, tally, points, 1e-9 if exact else 1e-7)
    except (Untrusted, ValueError, TypeError) as problem:
        tally.refuse(subject.grade, points, problem)


def _named(subject: Subject, **at) -> str:
    given = subject.given if isinstance(subject.given, str) else f"callable {subject.text}"
    return f"{given}: " + ", ".join(f"{key} = {value!r}" for key, value in at.items())


def averages(subject, phi: Activation, rng, tally: Tally, points: int, rtol: float) -> None:
    """E f^2 and E f'^2 at variances about two lengths."""
    for middle in np.exp(rng.uniform(np.log(1e-3), np.log(300.0), 2)):
        q = middle * np.exp(rng.uniform(-1.0, 1.0, points // 2))
        sums = Sums(subject, q)
        tiny = 1e-34 * np.max(subject.f(np.linspace(-8.0, 8.0, 400))**2)  # 13 deviations out
        for order in (0,) if subject.jumps else (0, 1):
            got = moment(phi, q, order, missing="nan")
            allowed = rtol if order == 0 else 1e-7
            expected, sure = sums.moments(order, 0.1 * allowed)
            right = np.abs(got - expected) <= allowed * np.abs(expected) + tiny + 1e-290
            tally.add(subject.grade, right, np.isnan(got), sure, lambda i: _named(
                subject, order=order, q=q[i], got=got[i], expected=expected[i]))  # noqa: B023
    if rng.random() < 0.002 and not np.isnan(got[0]):
        got, expected = moment(phi, q[:1])[0], by_mpmath(subject, float(q[0]))
        tally.add(subject.grade + ", mpmath", np.array([abs(got - expected) <= 1e-8 * expected]),
                  np.array([False]), np.array([True]),
                  lambda i: _named(subject, q=q[0], got=got, expected=expected))


def fixed_points(subject, phi: Activation, rng, tally: Tally, points: int, rtol: float) -> None:
    """q* must be a fixed point of the oracle's length map, the first one met from 1 on."""
    size = float(np.sqrt(moment(phi, np.ones(1))[0]))
    if not 0.0 < size < 1e100:
        return
    w, b = rng.uniform(0.3, 2.5, points) / size, rng.uniform(0.0, 1.5, points)
    law = MeanField(w, b, phi, missing="nan")
    q, lost = np.asarray(law.q_star), law._found.kind == "out of reach"
    way = np.where(np.isnan(q), 1e3, q)[:, None] ** np.linspace(0.0, 1.0, 7)  # from 1 to q*
    way = np.clip(way, 1e-3, 1e3)
    every = np.append(way.ravel(), np.clip(np.nan_to_num(q, nan=1.0), 1e-3, 1e3))
    power, sure, order = np.empty(every.size), np.empty(every.size, bool), np.argsort(every)
    while order.size:
        some = order[every[order] <= 60.0 * every[order[0]]]
        power[some], sure[some] = Sums(subject, every[some]).moments(0, 1e-10)
        order = order[some.size:]
    ahead = w[:, None]**2 * power[:way.size].reshape(way.shape) + b[:, None]**2
    up = np.where(np.isnan(q), 1.0, np.sign(q - 1.0))[:, None]
    follows = np.all(up * (ahead - way)[:, :-1] >= -1e-8 * way[:, :-1], axis=1)
    gap = np.abs(w**2 * power[way.size:] + b**2 - q)
    inside = np.isnan(q) | (q > 1e-3) & (q < 1e3)
    right = follows & (np.isnan(q) | (gap <= 10 * rtol * q))
    sure = sure[:way.size].reshape(way.shape).all(axis=1) & sure[way.size:] & inside
    tally.add(subject.grade, right, lost, sure, lambda i: _named(
        subject, sigma_w=w[i], sigma_b=b[i], q_star=q[i], gap=gap[i], follows=follows[i]))


def edges(subject, phi: Activation, rng, tally: Tally, points: int, rtol: float) -> None:
    """On the critical line the oracle's chi1 is 1 at the length that attracts."""
    b = rng.uniform(0.0, 1.5, points // 8) * float(np.sqrt(moment(phi, np.ones(1))[0]))
    if subject.jumps or not 1e-100 < b.max() < 1e100:
        return
    w = MeanField(1.0, b, phi, missing="nan").critical_line()
    q = np.asarray(MeanField(np.where(np.isfinite(w), w, 1.0), b, phi, missing="nan").q_star)
    for i in np.flatnonzero(np.isfinite(w)):
        inside = 1e-3 < q[i] < 1e3
        power, sure = Sums(subject, q[i:i + 1] if inside else np.ones(1)).moments(1, 1e-8)
        text = _named(subject, sigma_b=b[i], edge=w[i], q=q[i], chi1=w[i]**2 * power)
        tally.add(subject.grade, np.abs(w[i]**2 * power - 1.0) < 1e-6, np.isnan(q[i:i + 1]),
                  sure & inside, lambda _, text=text: text)


def correlations(subject, phi: Activation, rng, tally: Tally, points: int, rtol: float) -> None:
    """E f(u1) f(u2) at one variance."""
    q, c = float(np.exp(rng.uniform(np.log(0.01), np.log(30.0)))), rng.uniform(-0.95, 0.95, 12)
    if subject.jumps:
        return
    got = pair_average(phi, q, q, c, missing="nan")
    expected, bound, power = hermite_sum(subject, q, c)
    tally.add(subject.grade, np.abs(got - expected) <= (1e-8 + rtol) * power, np.isnan(got),
              (bound < 1e-9) & np.isfinite(expected), lambda i: _named(
                  subject, q=q, c=c[i], got=got[i], expected=expected[i]))


# Networks

def networks(rng, tally: Tally) -> None:
    """Kinks passed along a line in a network of half-integers, by exact rationals."""
    width, depth = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    weights = [rng.integers(-3, 4, (width, 2 if layer == 0 else width)) / 2
               for layer in range(depth)] + [np.ones((1, width))]
    biases = [rng.integers(-3, 4, width) / 2 for _ in range(depth)] + [None]
    x0, x1 = rng.integers(-4, 5, (2, 2)) / 2
    if np.array_equal(x0, x1):
        return
    tally.functions += 1
    told = [one.transitions for one in trace(Path.line(x0, x1),
                                             Network(weights, biases, phi="relu"))]
    pieces = [(Fraction(0), Fraction(1), [Fraction(v) for v in x0.tolist()],
               [Fraction(v) for v in (x1 - x0).tolist()])]  # from, to, value at 0, slope
    for layer, (w, b) in enumerate(zip(weights[:-1], biases)):
        passed, pieces = _exactly(w, b, pieces)
        tally.add("certified: network", told[layer] == passed, np.zeros(width, bool),
                  np.ones(width, bool), lambda i: f"ReLU network {weights}, {biases}, {x0}, {x1}: "
                  f"layer {layer}, neuron {i}")  # noqa: B023


def _exactly(w, b, pieces) -> tuple[np.ndarray, list]:
    """How often each neuron goes from above 0 to not above it or back, and what it hands on."""
    rows = [[Fraction(v) for v in row] for row in w.tolist()]
    shifts, found, above = [Fraction(v) for v in b.tolist()], [], []
    for left, right, at, slope in pieces:
        h = [sum(v * a for v, a in zip(row, at)) + shift for row, shift in zip(rows, shifts)]
        dh = [sum(v * a for v, a in zip(row, slope)) for row in rows]
        cuts = sorted({left, right, *(-y / dy for y, dy in zip(h, dh)
                                      if dy and left < -y / dy < right)})
        for low, high in zip(cuts, cuts[1:]):
            middle = (low + high) / 2
            on = [y + dy * middle > 0 for y, dy in zip(h, dh)]
            above.append(on)
            found.append((low, high, [y * o for y, o in zip(h, on)],
                          [dy * o for dy, o in zip(dh, on)]))
    return np.abs(np.diff(np.array(above, int), axis=0)).sum(axis=0), found


# How narrow a feature may be

def features(rng, tally: Tally) -> None:
    """A bump of some width somewhere, which a search of a black box sees, or not."""
    width, at = float(np.exp(rng.uniform(np.log(0.003), np.log(2.0)))), float(rng.uniform(-30, 30))
    subject = Subject("", lambda x: np.tanh(x) + np.exp(-0.5 * ((x - at) / width)**2), {},
                      lambda x: np.tanh(x) + np.exp(-0.5 * ((x - at) / width)**2),
                      (at - 6 * width, at, at + 6 * width))
    q = max(1.0, at * at) * np.exp(rng.uniform(-0.5, 0.5, 4))
    wide = 2.0 * width / max(STATED, abs(at) / 80)
    expected, sure = Sums(subject, q).moments(0, 1e-9)
    grade = f"estimated, bump {'wider' if wide > 1 else 'narrower'} than stated"
    tally.functions += 1
    try:
        got = moment(get(subject.given), q, missing="nan")
    except (ValueError, Untrusted) as problem:
        return tally.refuse(grade, q.size, problem)
    tally.add(grade, np.abs(got - expected) <= 1e-6 * expected, np.isnan(got), sure,
              lambda i: f"width {width:.3g} at {at:.4g}, q = {q[i]:.4g}")


def fuzz(seconds: float, seed: int, points: int = 48) -> Tally:
    """For so many seconds."""
    rng, tally, start = np.random.default_rng(seed), Tally(), time.monotonic()
    for subject in subjects(rng):
        if time.monotonic() - start > seconds:
            return tally
        compare(subject, rng, tally, points)
        if rng.random() < 0.2:
            networks(rng, tally)
        if rng.random() < 0.05:
            features(rng, tally)
    return tally


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    tally = fuzz(given.seconds, given.seed)
    print(f"seed {given.seed}\n{tally}")
    return int(tally.certified_wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
