"""A function that can only be called: where it bends, how far it was seen, its slopes.

It is laid out in panels, on each of which a Chebyshev series reproduces it between its nodes.
Where panels must shrink and shrink there is a kink or a jump, which becomes an edge. Derivatives
are those of the series.
"""
from __future__ import annotations

from functools import lru_cache
from itertools import count
from typing import Callable, NamedTuple, Sequence

import numpy as np

from lib.checks import real
from lib.jets import POINT, Function, Jet, _Value

ORDER = 24  # coefficients of a panel
CORE, FAR = 8.0, 2.0**21  # panels are about one long up to CORE, then an eighth of an octave
MOST, KINKS = 1500, 64  # panels looked at at a time, kinks at most
TIGHT = 2e-14  # of the size of the function
FINEST = "features narrower than 0.1, or |x| / 80 if that is more, are not seen"


def of_panels(series: np.ndarray, panel: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Chebyshev series, a column of ``series`` each, at points t in [-1, 1] of the panels given.

    Source: Clenshaw's recurrence.
    """
    twice, before, ahead = 2.0 * t, np.zeros_like(t), series[-1].take(panel)
    for row in series[-2:0:-1]:
        before -= row.take(panel)
        ahead, before = np.subtract(twice * ahead, before, out=before), ahead
    return series[0].take(panel) + t * ahead - before


class Panels(NamedTuple):
    """Intervals ``left`` to ``right``, ascending, and the series on each, ``(panels, ORDER)``.

    Beyond ``reach`` nothing is known, because of ``why``.
    """

    left: np.ndarray
    right: np.ndarray
    series: np.ndarray
    reach: float
    why: str

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The series at points ``(n,)``, to the right of an edge; NaN where nothing is known."""
        at = np.clip(np.searchsorted(self.left, x, side="right") - 1, 0, self.left.size - 1)
        t = 2.0 * (x - self.left[at]) / (self.right - self.left)[at] - 1.0
        return np.where(np.abs(x) < self.reach, of_panels(self.series.T, at, t), np.nan)

    def derivative(self, order: int = 1) -> Panels:
        """The derivative."""
        slopes = np.polynomial.chebyshev.chebder(self.series.T, order)
        return self._replace(series=(slopes / (0.5 * (self.right - self.left))**order).T)


class Sampled(Jet):
    """The jet of a callable, with what a search found; ``missing`` derivatives by panels.

    Args:
        phi, dphi, d2phi: elementwise callables of one array without axes or with one.
        kinks: where phi, phi' or phi'' jumps; None to search for them.

    Raises:
        ValueError: phi is not finite or not smooth within ``|x| < 8``, or bends there where it was
            not declared to. What bends farther out is known up to there.

    Accuracy: about 1e-12 of the size of phi on the panel for phi', 1e-10 for phi''.

    Source: derived here; the search is in the spirit of edge detection by bisection.
    """

    def __init__(self, phi: Function, dphi: Function | None = None, d2phi: Function | None = None,
                 kinks: Sequence[float] | None = None):
        self.given = {k: called(f) for k, f in enumerate((phi, dphi, d2phi)) if f is not None}
        told = np.unique(real("kinks", () if kinks is None else kinks).ravel())
        panels, found = _searched(self.given[0], told)
        if kinks is not None and found.size:
            near = found[np.abs(found).argmin()]
            if abs(near) < CORE:
                raise ValueError(f"phi bends or jumps near x = {near:.6g}, which kinks does not "
                                 "name: name it too, or give no kinks and have them searched for")
            panels, found = panels._replace(reach=abs(near), why=(
                f", since it bends or jumps near {near:.6g}, or seems to, and kinks does not "
                "name that")), found[:0]
        at = np.union1d(told, found)
        self._panels = {0: panels}
        size = np.abs(panels.series)
        typical = size[(panels.left < 1.0) & (panels.right > -1.0)].max()
        low = size[:, 2:].max(axis=1) <= 1e-13 * np.maximum(size.max(axis=1), typical)
        super().__init__(self._rule, at.tolist(), straight=bool(low.all()) and panels.reach == FAR,
                         parity=_parity(self.given[0], panels.reach), reach=panels.reach)
        self.seen = (f"kinks, jumps, parity and growth were searched for in |x| < {self.reach:.4g}"
                     f"{panels.why}; {FINEST}")

    def _rule(self, k: int) -> _Value:
        if k in self.given:
            return _Value(lambda x: self.given[k](x).astype(x.dtype), POINT)
        below = max(i for i in self.given if i < k)
        if below not in self._panels:
            self._panels[below] = _resolved(self.given[below], np.array(sorted(self.kinks)))
        slope = self._panels[below].derivative(k - below)
        return _Value(lambda x: slope(x.astype(float)).astype(x.dtype), POINT)


def called(f: Callable) -> Function:
    """f of a copy of the points in one row, as float64 of their shape."""
    def safe(x: np.ndarray) -> np.ndarray:
        flat = np.array(x, dtype=float).ravel()
        with np.errstate(all="ignore"):
            return np.asarray(f(flat) if flat.size else flat).astype(float).reshape(np.shape(x))

    return safe


@lru_cache
def _edges() -> np.ndarray:
    """Of the first panels: symmetric, and nowhere near a number that somebody would choose."""
    core = np.arange(0.618034, CORE)
    ring = core[-1] * 2.0 ** np.arange(0.125, np.log2(FAR / CORE), 0.125)
    right = np.concatenate([core, ring])
    return np.concatenate([-right[::-1], right])


@lru_cache
def _rule() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes and points between them, ``(2 ORDER - 1,)``, and the matrices to series and back."""
    nodes = np.cos(np.pi * (np.arange(ORDER) + 0.5) / ORDER)
    between = np.cos(np.pi * np.arange(1, ORDER) / ORDER)
    to_series = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, ORDER - 1)).T
    return (np.concatenate([nodes, between]), to_series,
            np.polynomial.chebyshev.chebvander(between, ORDER - 1).T)


def _resolved(f: Function, kinks: np.ndarray) -> Panels:
    """Panels that end at the kinks, cut until each reproduces f between its nodes."""
    edges = np.union1d(_edges(), kinks[np.abs(kinks) < FAR])
    left, right, done, reach, why, typical = edges[:-1], edges[1:], [], FAR, "", None
    for level in count():
        if left.size == 0:
            break
        near = np.minimum(np.abs(left), np.abs(right)) * (left * right > 0.0)
        series, miss, size, noise = _looked_at(f, left, right)
        lost = ~np.isfinite(size)
        if lost.any() and near[lost].min() < reach:
            reach, why = near[lost].min(), ", beyond which it is not finite"
        if typical is None:
            typical = size[(near < 1.0) & ~lost].max(initial=1e-300)
        size = np.maximum(size, 0.1 * typical)
        tight = TIGHT * 2.0 ** np.clip(level - 8, 0, 6)  # smooth, but for some rounding
        keep = (near < reach) & ~lost
        fine = (miss <= tight * size + noise) | (
            right - left <= 2e-13 * np.maximum(np.abs(left), 1e-3))
        series[np.abs(series) < 4e-16 * size[:, None]] = 0.0
        done.append([one[keep & fine] for one in (left, right, series, near)])
        left, right, near, miss = (one[keep & ~fine] for one in (left, right, near, miss / size))
        most = MOST if level < 12 else 4 * KINKS
        if left.size > most:
            first = np.argsort(near, kind="stable")[:most]
            reach, why = near[first[-1]], ", beyond which it varies too fast to be seen"
            if reach < CORE:
                raise ValueError(f"phi is not smooth near x = {left[first[-1]]:.3g} on any scale: "
                                 f"it is noisy, at {np.median(miss):.0e} of its size, or bends at "
                                 "very many points")
            left, right = left[first], right[first]
        cut = left + 0.4567 * (right - left)
        left, right = np.concatenate([left, cut]), np.concatenate([cut, right])
    left, right, series, near = (np.concatenate(part) for part in zip(*done))
    rank = np.flatnonzero(near < reach)[np.argsort(left[near < reach])]
    return Panels(left[rank], right[rank], series[rank], reach, why)


def _looked_at(f: Function, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, ...]:
    """The series on panels, how far they miss f between the nodes, its size and the noise of x.

    The size is infinite where f is not finite.
    """
    points, to_series, back = _rule()
    half = 0.5 * (right - left)
    x = 0.5 * (left + right)[:, None] + half[:, None] * points
    y = f(x)
    lost = ~np.isfinite(y).all(axis=1)
    y[lost] = 0.0
    series, size, order = y[:, :ORDER] @ to_series, np.abs(y).max(axis=1), np.argsort(points)
    miss = np.abs(series @ back - y[:, ORDER:]).max(axis=1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        steep = np.abs(np.diff(y[:, order]) / np.diff(x[:, order])).max(axis=1)
        noise = 1e-15 * np.fmin(steep, size / half) * np.abs(x).max(axis=1)
    return series, miss, np.where(lost, np.inf, size), noise


def _searched(f: Function, told: np.ndarray) -> tuple[Panels, np.ndarray]:
    """Panels that end at all kinks, and which of these were not told."""
    found, panels = np.empty(0), _resolved(f, told)
    for _ in range(4):
        places = [place for place in _clusters(panels)
                  if not np.any(np.abs(np.union1d(told, found) - place.mean()) <= np.ptp(place))]
        if not places:
            break
        fresh = np.array([_place(f, *place) for place in places])
        wide = 8.0 * np.array([_width(panels, k) for k in fresh])
        within = np.ptp(places, axis=1)
        for _ in range(2):
            panels = _resolved(f, np.concatenate([told, found, fresh]))
            holds = np.array([_width(panels, k) for k in fresh]) >= wide
            fresh, wide, within = fresh[holds], wide[holds], within[holds]
            fresh = np.array([_polished(panels, k, room) for k, room in zip(fresh, within)])
        fresh = fresh[[_holds(f, panels, k, room) for k, room in zip(fresh, within)]]
        found = np.union1d(found, fresh)
        panels = _resolved(f, np.union1d(told, found))
        if fresh.size == 0:
            break
    if found.size > KINKS:
        found = found[np.argsort(np.abs(found), kind="stable")]
        panels = panels._replace(reach=abs(found[KINKS]), why=", beyond which it has more kinks")
    if panels.reach < CORE:
        raise ValueError(f"phi must be finite, with few kinks, for |x| < {CORE:g}; it is not"
                         f" beyond |x| = {panels.reach:.3g}{panels.why}")
    return panels, np.sort(found[np.abs(found) < panels.reach])


def _width(panels: Panels, k: float) -> float:
    """Of the narrowest panel that touches k; infinite beyond their reach."""
    touch = (panels.left <= k) & (panels.right >= k)
    return float((panels.right - panels.left)[touch].min(initial=np.inf))


def _holds(f: Function, panels: Panels, k: float, within: float) -> bool:
    """Whether the series go on towards the kink; else f is only steep there."""
    out = within * 2.0 ** np.arange(-2.0, 10.0)
    x = np.concatenate([k - out, k + out])
    y = f(x)
    return bool(np.abs(panels(x) - y).max() <= 1e-3 * np.ptp(y))


def _clusters(panels: Panels) -> list[np.ndarray]:
    """Where panels shrink and shrink from both sides: both ends, of those nearest to 0."""
    width, edges = panels.right - panels.left, _edges()
    base = np.diff(edges)[np.clip(np.searchsorted(edges, panels.left, side="right") - 1, 0,
                                  edges.size - 2)]
    around = np.lib.stride_tricks.sliding_window_view(np.pad(width, 8, mode="edge"), 17)
    deep = (width <= base / 64) & (width <= 1.5 * around.min(axis=1)) & (
        16.0 * width <= np.minimum(around[:, :8].max(axis=1), around[:, 9:].max(axis=1)))
    at = np.flatnonzero(deep)
    runs = np.split(at, np.flatnonzero(np.diff(at) > 2) + 1) if at.size else []
    places = [np.array([panels.left[run[0]] - width[run].min(),
                        panels.right[run[-1]] + width[run].min()]) for run in runs]
    return sorted(places, key=lambda place: np.abs(place).min())[:KINKS + 1]


def _short(low: float, high: float) -> float:
    """The number of fewest digits in an interval."""
    if low <= 0.0 <= high:
        return 0.0
    tried = (float(f"{0.5 * (low + high):.{digits}g}") for digits in range(1, 16))
    return next((one for one in tried if low <= one <= high), 0.5 * (low + high))


def _place(f: Function, low: float, high: float) -> float:
    """The kink between two points: where it jumps, else a guess."""
    short = _short(low, high)
    y = f(np.array([low, np.nextafter(short, -np.inf), np.nextafter(short, np.inf), high]))
    step = abs(y[3] - y[0])
    if step <= 1e-6 * np.abs(y).max() or np.abs(y[2] - y[1]) > 0.5 * step:
        return short
    for _ in range(80):
        middle = 0.5 * (low + high)
        value = f(np.array([middle]))[0]
        low, high = (middle, high) if abs(value - y[0]) <= abs(value - y[3]) else (low, middle)
    return low


def _polished(panels: Panels, k: float, within: float) -> float:
    """The kink where the series on both sides meet, or their slopes if these do."""
    at = int(np.searchsorted(panels.left, k))
    if not 0 < at < panels.left.size or panels.left[at] != k:
        return k
    sides = [panels._replace(left=panels.left[i:i + 1], right=panels.right[i:i + 1],
                             series=panels.series[i:i + 1]) for i in (at - 1, at)]
    jump, bend, curve = (np.diff([side.derivative(order)(np.array([k]))[0] for side in sides])[0]
                         for order in range(3))
    room = 1e-13 * max(1.0, abs(k))
    if abs(jump * curve) > 0.25 * bend**2:  # a distance s from a bend of the slope: half of it
        jump, bend, room = bend, curve, 100.0 * room
    elif abs(jump) > 4.0 * abs(bend) * within:
        return k  # a jump
    shift, room = -jump / bend if bend else 0.0, min(room, 1e-2 * within)
    return _short(k + shift - room, k + shift + room) if abs(shift) < 4.0 * within else k


def _parity(f: Function, reach: float) -> int:
    """1 if f is even, -1 if odd, 0 otherwise, on the points of all the first panels."""
    edges = _edges()
    left, right = edges[:-1], edges[1:]
    x = 0.5 * ((left + right)[:, None] + (right - left)[:, None] * _rule()[0])
    x = x[(x > 0.0) & (x < reach)]
    y, mirror = f(x), f(-x)
    near = 1e-13 * np.abs(y) + 1e-15 * np.abs(y[x < CORE]).max()
    return 1 if np.all(np.abs(y - mirror) <= near) else -1 if np.all(
        np.abs(y + mirror) <= near) else 0
