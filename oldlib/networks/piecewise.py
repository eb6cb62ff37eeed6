"""Piecewise-linear networks along a line or a circular arc: every breakpoint, exactly.

A network of ReLU, leaky ReLU, hard-tanh or threshold units cuts a path into pieces. On each piece
all its pre-activations are ``a + b t`` (line) or ``a + b cos t + c sin t`` (arc), so that two
values (line) or three (arc) on a piece are the whole truth about it. The nodes of the pieces pass
through the network like any inputs; at every layer the kinks of its own neurons, found in closed
form, become nodes too. Nothing is sampled and nothing is missed.
"""
from functools import cached_property
from typing import Callable, Iterator, Sequence

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.networks.paths import QUARTER, Path

TINY = 1e-13  # nodes closer than this share of the path are one node
SHORT = 1e-5  # rounding drowns the bend of half an arc of this angle


class TooManyPieces(ArithmeticError):
    """A path falls into more pieces than memory was set aside for; ``best`` says how many."""

    def __init__(self, message: str, best: int):
        super().__init__(message)
        self.best = best


class Layer:
    """A path as one layer sees it, cut at every kink of this layer and of those below.

    ``t`` are the nodes, shape ``(pieces + 1,)``; ``ends`` the pre-activations there, shape
    ``(pieces + 1, width)``, and ``inside`` those in the middle of each piece (of an arc; of a
    line they are the mean of both ends). ``regions`` counts the kinks of phi below each neuron
    on each piece, shape ``(pieces, width)``: 0 or 1 for ReLU, 0, 1 or 2 for hard-tanh. ``kinked``
    marks the nodes where a neuron of this or a lower layer changes its region; the others only
    divide an arc into quarters.
    """

    def __init__(self, path: Path, phi: Activation, t: np.ndarray, ends: np.ndarray | None,
                 inside: np.ndarray | None, kinked: np.ndarray,
                 signs: tuple[np.ndarray, np.ndarray, np.ndarray] | None):
        self.path, self.phi, self.t, self.ends, self.inside = path, phi, t, ends, inside
        self.regions = _regions(phi.kinks, ends, inside)
        self._signs = signs
        self.kinked = kinked
        self.kinked[1:-1] |= np.any(self.regions[1:] != self.regions[:-1], axis=1)
        if path.closed:
            seam = kinked[0] | np.any(self.regions[0] != self.regions[-1])
            self.kinked[[0, -1]] = seam

    @property
    def pieces(self) -> int:
        """Linear pieces of the path up to this layer: stretches with one activation pattern."""
        nodes = int(self.kinked[1:-1].sum())
        return max(1, nodes + int(self.kinked[0])) if self.path.closed else nodes + 1

    @cached_property
    def transitions(self) -> np.ndarray:
        """Region transitions of each neuron, shape ``(width,)``."""
        regions = self.regions
        steps = np.abs(regions[1:] - regions[:-1]).sum(axis=0, dtype=int)
        return steps + np.abs(regions[0] - regions[-1]) if self.path.closed else steps

    @cached_property
    def signs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sign transitions: their t in order, their neurons, and which neurons start above 0."""
        if self._signs is not None:
            return self._signs
        above = self.regions > self.phi.kinks.index(0.0) if 0.0 in self.phi.kinks else \
            self.inside > 0
        piece, neuron = np.nonzero(above[1:] != above[:-1])
        times = self.t[1 + piece]
        if self.path.closed:
            seam = np.flatnonzero(above[0] != above[-1])
            times = np.append(times, np.full(seam.size, self.path.stop))
            neuron = np.append(neuron, seam)
        return times, neuron, above[0]

    @property
    def sign_transitions(self) -> np.ndarray:
        """Sign transitions of each neuron, shape ``(width,)``."""
        return np.bincount(self.signs[1], minlength=self.regions.shape[1])

    @cached_property
    def coefficients(self) -> tuple[np.ndarray, ...]:
        """Of the activations on each piece, ``A + B s`` or ``A + B cos u + C sin u``.

        s runs from -1 to 1 on a piece of a line and u from -d to d on a piece of an arc, where d
        is half its extent; where d < 1e-5 the arc is a chord, to 1e-11.
        """
        if not self.phi.continuous:
            raise ValueError(f"{self.phi.name} jumps: its curves are points, which have no length")
        x = np.asarray(self.phi.phi(self.ends))
        mean, tilt = 0.5 * (x[1:] + x[:-1]), 0.5 * (x[1:] - x[:-1])
        if not self.path.curved:
            return mean, tilt
        d, middle = 0.5 * np.diff(self.t)[:, None], np.asarray(self.phi.phi(self.inside))
        bend = np.where(d > SHORT, 0.5 * (middle - mean) / np.sin(0.5 * d) ** 2, 0.0)
        return middle - bend, bend, tilt / np.sin(d)


def straight_pieces(phi: Activation) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of phi on each piece, from left to right.

    Args:
        phi: activation that is straight between its kinks.

    Returns:
        Two arrays of shape ``(kinks + 1,)``.

    Raises:
        ValueError: phi is not piecewise linear.

    Accuracy: rounding.

    Source: derived here.

    >>> slope, intercept = straight_pieces(get("hard_tanh"))
    >>> slope.tolist(), intercept.tolist()
    ([0.0, 1.0, 0.0], [-1.0, 0.0, 1.0])
    """
    if not phi.piecewise_linear:
        raise ValueError(f"phi must be straight between its kinks; {phi.name} is not")
    at = np.asarray(phi.kinks or (0.0,), dtype=float)
    inner = np.concatenate([[at[0] - 2.0], at, [at[-1] + 2.0]])
    left, right = (0.75 * inner[:-1] + 0.25 * inner[1:], 0.25 * inner[:-1] + 0.75 * inner[1:])
    low, high = np.asarray(phi.phi(left)), np.asarray(phi.phi(right))
    slope = (high - low) / (right - left)
    some = slice(None) if phi.kinks else slice(1)
    return slope[some], (low - slope * left)[some]


def trace(path: Path, weights: Sequence[np.ndarray], biases: Sequence[np.ndarray],
          phi: str | Activation | Callable = "relu", most: int = 300_000) -> Iterator[Layer]:
    """Follow a path through a piecewise-linear network, layer by layer.

    Args:
        path: in the input, by `lib.networks.paths`.
        weights, biases: of each layer, shapes ``(neurons, neurons before)`` and ``(neurons,)``,
            as in `lib.networks.readout.Network`.
        phi: an activation that is straight between its kinks: "relu", "leaky_relu", "hard_tanh",
            "linear", or of your own with its kinks, such as
            ``get(np.sign, kinks=(0.0,), name="sign")``. One that jumps must be level elsewhere.
        most: pieces at which to stop.

    Returns:
        Iterator of one `Layer` a layer.

    Raises:
        ValueError, TypeError: phi is not piecewise linear, or shapes that do not fit.
        TooManyPieces: more than ``most``; the layers before were given.

    Accuracy: the count is exact unless two breakpoints that differ are closer than 1e-13 of the
        path, or further apart in truth than rounding can tell (about 1e-16 times the growth of
        lengths up to there). Coinciding breakpoints count each for its neuron.

    Source: derived here; transitions as in [raghu2017].

    >>> from oldlib.networks.paths import line
    >>> identity = [np.eye(2)], [np.zeros(2)]
    >>> [one] = trace(line([-1.0, -2.0], [1.0, 1.0]), *identity)
    >>> one.t.round(3).tolist(), one.transitions.tolist(), one.pieces
    ([0.0, 0.5, 0.667, 1.0], [1, 1], 3)
    """
    phi, most = get(phi), count("most", most)
    if np.any(straight_pieces(phi)[0]) and not phi.continuous:
        raise ValueError(f"phi must not jump and slope; {phi.name} does both")
    weights = [real("weights", w) for w in weights]
    biases = [real("biases", b) for b in biases]
    before = len(path.centre)
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        if w.ndim != 2 or w.shape[1] != before or b.shape != w.shape[:1]:
            raise ValueError(f"weights[{i}] and biases[{i}] must have shapes (neurons, {before}) "
                             f"and (neurons,), got {w.shape} and {b.shape}")
        before = len(w)
    return _trace(path, weights, biases, phi, most)


def _trace(path: Path, weights: list, biases: list, phi: Activation,
           most: int) -> Iterator[Layer]:
    quarters = int(np.ceil((path.stop - path.start) / QUARTER - 1e-9)) if path.curved else 1
    t = np.linspace(path.start, path.stop, quarters + 1)
    kinked = np.zeros(len(t), bool)
    x, middle = path.at(t), path.at(0.5 * (t[1:] + t[:-1])) if path.curved else None
    for w, b in zip(weights, biases):
        ends = None if x is None else _affine(x, w, b)
        inside = None if middle is None else _affine(middle, w, b)
        if ends is None:
            layer = Layer(path, phi, t, None, inside, kinked.copy(), None)
        else:
            layer = _cut(path, phi, t, ends, inside, kinked)
        if len(layer.t) > most:
            raise TooManyPieces(f"the path has {len(layer.t) - 1} pieces; the layers before can "
                                "be counted, or raise most", len(layer.t) - 1)
        yield layer
        t, kinked = layer.t, layer.kinked
        if phi.continuous:
            x = np.asarray(phi.phi(layer.ends))
            middle = None if layer.inside is None else np.asarray(phi.phi(layer.inside))
        else:
            inside = layer.inside
            if inside is None:
                inside = 0.5 * (layer.ends[1:] + layer.ends[:-1])
            x, middle = None, np.asarray(phi.phi(inside))


def _affine(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    h = x @ w.T
    h += b
    return h


def _regions(kinks: Sequence[float], ends: np.ndarray | None,
             inside: np.ndarray | None) -> np.ndarray:
    """How many kinks lie below each neuron in the middle of each piece."""
    middle, scale = (ends[1:] + ends[:-1], 2.0) if inside is None else (inside, 1.0)
    regions = np.zeros(middle.shape, np.int8)
    for kink in kinks:
        regions += (middle > scale * kink).view(np.int8)
    return regions


def _cut(path: Path, phi: Activation, t: np.ndarray, ends: np.ndarray,
         inside: np.ndarray | None, kinked: np.ndarray) -> Layer:
    """New nodes where a neuron meets a kink of phi; its value there is the kink, to the bit."""
    if path.closed:
        ends[-1] = ends[0]
    found = _roots(t, ends, inside, phi.kinks if 0.0 in phi.kinks else [*phi.kinks, 0.0])
    signs = None if 0.0 in phi.kinks else _sign_changes(path, ends[0] > 0, *found.pop())
    times = np.concatenate([np.empty(0), *(root[0] for root in found)])
    new = _apart(np.sort(times), t, TINY * (path.stop - path.start))
    if new.size:
        nodes = np.sort(np.concatenate([t, new]))
        old, fresh = np.searchsorted(nodes, t), np.searchsorted(nodes, new)
        piece = np.searchsorted(t, new) - 1
        wider = np.empty((nodes.size, ends.shape[1]))
        wider[old], wider[fresh] = ends, _between(t, ends, inside, piece, new)
        if inside is not None:
            inside = _halve(t, ends, inside, nodes)
        marked = np.zeros(nodes.size, bool)
        marked[old] = kinked
    else:
        nodes, wider, marked = t, ends.copy(), kinked.copy()
    for kink, (at, neuron) in zip(phi.kinks, found):
        right = np.clip(np.searchsorted(nodes, at), 1, nodes.size - 1)
        wider[np.where(at - nodes[right - 1] < nodes[right] - at, right - 1, right), neuron] = kink
    return Layer(path, phi, nodes, wider, inside, marked, signs)


def _apart(times: np.ndarray, t: np.ndarray, tiny: float) -> np.ndarray:
    """Times that are no node yet, each once."""
    right = np.clip(np.searchsorted(t, times), 1, len(t) - 1)
    times = times[np.minimum(np.abs(times - t[right - 1]), np.abs(t[right] - times)) > tiny]
    return times[np.diff(times, prepend=-np.inf) > tiny]


def _halve(t: np.ndarray, ends: np.ndarray, inside: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Values in the middle of every piece after new nodes have been put in."""
    middles = 0.5 * (nodes[1:] + nodes[:-1])
    piece = np.searchsorted(t, middles) - 1
    wider = inside[piece]
    split = np.flatnonzero(np.bincount(piece, minlength=len(inside))[piece] > 1)
    wider[split] = _between(t, ends, inside, piece[split], middles[split])
    return wider


def _between(t: np.ndarray, ends: np.ndarray, inside: np.ndarray | None, piece: np.ndarray,
             times: np.ndarray) -> np.ndarray:
    """Pre-activations at times within given pieces, from their two or three known values."""
    left, right = t[piece], t[piece + 1]
    if inside is None:
        share = ((times - left) / (right - left))[:, None]
        return (1 - share) * ends[piece] + share * ends[piece + 1]
    d, u = 0.5 * (right - left), times - 0.5 * (left + right)
    both, tilt = (np.sin(0.5 * u) / np.sin(0.5 * d)) ** 2, np.sin(u) / np.sin(d)
    middle = np.sin(0.5 * (d - u)) * np.sin(0.5 * (d + u)) / np.sin(0.5 * d) ** 2
    values = inside[piece]  # in place: there are many of them
    values *= middle[:, None]
    for share, end in ((0.5 * (both - tilt), piece), (0.5 * (both + tilt), piece + 1)):
        part = ends[end]
        part *= share[:, None]
        values += part
    return values


def _roots(t: np.ndarray, ends: np.ndarray, inside: np.ndarray | None,
           levels: Sequence[float]) -> list[tuple[np.ndarray, np.ndarray]]:
    """For every level the times at which a neuron passes it, and the neurons."""
    if inside is not None:
        d = 0.5 * np.diff(t)
        turns = _where(_turns(ends, inside, d))
    found = []
    for level in levels:
        above = ends > level
        piece, neuron = _where(above[1:] != above[:-1])
        if inside is None:
            low, high = ends[piece, neuron] - level, ends[piece + 1, neuron] - level
            found.append((t[piece] + low / (low - high) * (t[piece + 1] - t[piece]), neuron))
            continue
        same = above[turns] == above[turns[0] + 1, turns[1]]
        once, pair = len(piece), (turns[0][same], turns[1][same])
        piece, neuron = np.append(piece, pair[0]), np.append(neuron, pair[1])
        y = np.stack(_parabola(d[piece], *(h - level for h in (
            ends[piece, neuron], inside[piece, neuron], ends[piece + 1, neuron]))))
        kept = np.abs(y) < 1  # NaN where the extremum does not reach the level
        kept &= kept[::-1]  # ends on the same side: two passages or none, whatever rounding says
        kept[:, :once] = [[True], [False]]
        y, piece, neuron = y[kept], *(np.stack([of, of])[kept] for of in (piece, neuron))
        found.append((0.5 * (t[piece] + t[piece + 1])
                      + 2 * np.arctan(np.tan(0.5 * d[piece]) * np.clip(y, -1, 1)), neuron))
    return found


def _where(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``np.nonzero`` of a matrix, five times faster."""
    return np.divmod(np.flatnonzero(mask), mask.shape[1])


def _turns(ends: np.ndarray, inside: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Which neurons have an extremum on which piece: where the bend outdoes the slope."""
    bend = ends[1:] + ends[:-1]
    bend *= -0.5
    bend += inside
    np.abs(bend, out=bend)
    bend *= (2 * (1 + 1 / np.cos(d)))[:, None]
    slope = ends[1:] - ends[:-1]
    return np.abs(slope, out=slope) < bend


def _parabola(d: np.ndarray, low: np.ndarray, middle: np.ndarray,
              high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zeros of a sinusoid on a piece of half extent d from three values, as y from -1 to 1.

    In ``y = tan(u/2) / tan(d/2)`` the sinusoid times ``1 / cos^2(u/2)`` is a parabola. The zero
    nearer to 0 comes first; between ends of different sign it is the one on the piece.
    """
    cos2 = np.cos(0.5 * d) ** 2
    b = 0.5 * (high - low) / cos2
    a = middle * np.tan(0.5 * d) ** 2 + (0.5 * (low + high) - middle) / cos2
    square = b * b - 4 * a * middle
    square = np.where((low > 0) != (high > 0), np.maximum(square, 0.0), square)
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(square)
        s = -0.5 * (b + np.where(b < 0, -root, root))
        near, far = middle / s, s / a
    return np.where(middle == 0, 0.0, near), far


def _sign_changes(path: Path, first: np.ndarray, times: np.ndarray,
                  neuron: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Zeros in order; one at the very start is no change but decides how the neuron starts."""
    tiny = TINY * (path.stop - path.start)
    early = times - path.start <= tiny
    np.logical_xor.at(first, neuron[early], True)
    times = np.where(early, path.stop, times)  # on a circle the start is the end
    kept = (path.stop - times > tiny) | path.closed
    order = np.argsort(times[kept], kind="stable")
    return times[kept][order], neuron[kept][order], first


def patterns(layers: Sequence[Layer]) -> list[int]:
    """Distinct activation patterns along the path, of layers 1 to l for every l.

    On a line they are as many as there are pieces; an arc can come back into a cell it has left.

    Args:
        layers: of one `trace`, from the first on.

    Returns:
        One number a layer.

    Raises:
        ValueError: no layers.

    Accuracy: exact, as `trace`.

    Source: [raghu2017], number of activation patterns along a trajectory.

    >>> from oldlib.networks.paths import circle
    >>> turn = circle([1.0, 0.0], [0.0, 1.0])
    >>> patterns(list(trace(turn, [np.eye(2)], [np.zeros(2)])))
    [4]
    """
    if not layers:
        raise ValueError("layers must hold at least one Layer")
    names, counts, nodes = np.zeros(len(layers[0].t) - 1, int), [], layers[0].t
    for layer in layers:
        parent = np.searchsorted(nodes, 0.5 * (layer.t[1:] + layer.t[:-1])) - 1
        width = max(1, len(layer.phi.kinks))
        bits = [np.packbits(layer.regions > kink, axis=1) for kink in range(width)]
        rows = np.hstack([names[parent].astype(np.int64)[:, None].view(np.uint8), *bits])
        rows = np.ascontiguousarray(rows).view(f"V{rows.shape[1]}").ravel()
        distinct, names = np.unique(rows, return_inverse=True)
        counts.append(len(distinct))
        nodes = layer.t
    return counts
