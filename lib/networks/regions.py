"""Counting: regions of a plane, and transitions, patterns and dichotomies along paths.

Everything is counted exactly and as 64-bit integers, for each network by itself. On a polygon of
the layers below, every pre-activation of a layer is one affine function of the two coordinates,
so that a kink of a neuron is a straight line across it.
"""
from typing import Iterator, NamedTuple, Sequence

import numpy as np

from lib.checks import Untrusted, count, real
from lib.networks.network import Network
from lib.networks.piecewise import NOISE, Path, Pieces, hidden_matrices, straight_parts, trace
from lib.profile import Profile

TINY = 1e-12  # a corner this close to a line, in units of the values there, is on it
MOST_INPUTS = 62  # a labelling is the bits of one integer


class Region(NamedTuple):
    """A cell of the plane on which one affine function holds.

    ``corners``: shape ``(corners, 2)``, counter-clockwise. ``affine``: the activations of the
    layer as ``[1, x, y] @ affine``, shape ``(3, width)``. ``pattern``: how many kinks lie below
    each neuron of this and all lower layers.
    """

    corners: np.ndarray
    affine: np.ndarray
    pattern: tuple[int, ...]

    @property
    def middle(self) -> np.ndarray:
        """Activations of the layer in the middle of the corners, shape ``(width,)``."""
        return np.concatenate([[1.0], self.corners.mean(axis=0)]) @ self.affine


def plane_regions(net: Network, corners: np.ndarray,
                  most: int = 100_000) -> Iterator[list[Region]]:
    """Regions of a convex polygon in the plane of a network's two inputs, layer by layer.

    Args:
        net: one network with a piecewise-linear activation, as for `lib.networks.piecewise.trace`.
        corners: of the polygon, counter-clockwise, shape ``(n, 2)``.
        most: regions at which to stop.

    Returns:
        Iterator of one list of regions a hidden layer, each a refinement of the one before.

    Raises:
        Untrusted: more than ``most``; the layers before were given, ``best`` is how many.

    Accuracy: exact but for regions thinner than 1e-12 of the values at their corners. A neuron
        that stays on a kink is not above it.

    Source: derived here; the regions of [raghu2017], ICML form Theorem 2 and Fig. 1.

    >>> square = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
    >>> [regions] = plane_regions(Network([np.eye(2), np.ones((1, 2))], phi="relu"), square)
    >>> sorted(region.pattern for region in regions)
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    most, corners = count("most", most), real("corners", corners, axes="n, 2")
    parts = straight_parts(net.phi)
    hidden = hidden_matrices(net)
    after = np.roll(corners, -1, axis=0)
    if np.sum(np.linalg.det(np.stack([corners, after], axis=1))) <= 0:  # twice the area
        raise ValueError(f"corners must go round a polygon counter-clockwise, got {corners}")
    if net.shape != (2,):
        raise ValueError(f"net must have two inputs, got shape {net.shape}")
    plane = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    regions, kinks = [Region(corners, plane, ())], np.array(net.phi.kinks)
    for w, b in hidden:
        finer, sizes = [], np.abs(w).T
        for region in regions:
            affine = region.affine @ w.T
            affine[0] += b
            reach = np.append(1.0, np.abs(region.corners).max(axis=0))
            noise = NOISE * (reach @ np.abs(region.affine) @ sizes + np.abs(b))
            for corners in _cells(region.corners, affine, kinks, noise):
                finer.append(_active(corners, affine, region.pattern, kinks, parts, noise))
            if len(finer) > most:
                raise Untrusted(f"more than {most} regions; the layers before can be counted, "
                                "or raise most", len(finer))
        regions = finer
        yield regions


def _cells(corners, affine, kinks, noise) -> list[np.ndarray]:
    """A polygon cut along every line on which a neuron meets a kink."""
    done, left = [], [(corners, 0)]
    rows, noise = np.tile(affine, len(kinks)), np.tile(noise, len(kinks))
    rows[0] -= np.repeat(kinks, affine.shape[1])
    while left:
        corners, first = left.pop()
        values = corners @ rows[1:, first:] + rows[0, first:]
        tiny = TINY * (np.abs(rows[0, first:]) + np.abs(values).max(axis=0)) + noise[first:]
        cut = np.flatnonzero((values.min(axis=0) < -tiny) & (values.max(axis=0) > tiny))
        if not cut.size:
            done.append(corners)
            continue
        value = np.where(np.abs(values[:, cut[0]]) <= tiny[cut[0]], 0.0, values[:, cut[0]])
        left += [(part, first + cut[0] + 1) for part in _halves(corners, value)]
    return done


def _halves(corners, value) -> list[np.ndarray]:
    """Both sides of a convex polygon cut along the line where the value is zero."""
    after, next_value = np.roll(corners, -1, axis=0), np.roll(value, -1)
    both: list[list[np.ndarray]] = [[], []]
    for here, there, v, w in zip(corners, after, value, next_value):
        for side, sign in zip(both, (-1.0, 1.0)):
            if sign * v >= 0:
                side.append(here)
        if v * w < 0:
            on = here + v / (v - w) * (there - here)
            both[0].append(on)
            both[1].append(on)
    return [np.array(side) for side in both]


def _active(corners, affine, below, kinks, parts, noise) -> Region:
    """The activations on a polygon that no kink crosses."""
    h = Region(corners, affine, below).middle - noise
    pattern = np.sum(h[:, None] > kinks, axis=1)
    slope, intercept = (of[pattern] for of in parts)
    active = affine * slope
    active[0] += intercept
    return Region(corners, active, below + tuple(pattern.tolist()))


def count_regions(net: Network, corners: np.ndarray) -> np.ndarray:
    """How many `plane_regions` each hidden layer of each network leaves of a polygon.

    Returns:
        Integers of shape ``(networks, layers)``.

    >>> square = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
    >>> count_regions(Network([np.eye(2), np.ones((1, 2))], phi="hard_tanh"), square).tolist()
    [[1]]
    """
    return np.array([[len(level) for level in plane_regions(one, corners)] for one in net])


def count_patterns(pieces: Sequence[Pieces]) -> list[int]:
    """Distinct activation patterns along a path, of layers 1 to l for every l.

    On a line they are as many as there are pieces; an arc can come back into a cell it has left.

    Source: [raghu2017], number of activation patterns along a trajectory.

    >>> turn = Path.arc([1.0, 0.0], [0.0, 1.0], 2 * np.pi)
    >>> count_patterns(list(trace(turn, Network([np.eye(2), np.ones((1, 2))], phi="relu"))))
    [4]
    """
    if not pieces:
        raise ValueError("pieces must hold at least one layer")
    names, counts, nodes = np.zeros(len(pieces[0].t) - 1, np.int64), [], pieces[0].t
    for here in pieces:
        parent = np.searchsorted(nodes, 0.5 * (here.t[1:] + here.t[:-1])) - 1
        rows = np.column_stack([names[parent], here.below])
        found, names = np.unique(rows.view(f"V{rows[0].nbytes}").ravel(), return_inverse=True)
        counts.append(len(found))
        nodes = here.t
    return counts


def count_transitions(paths: Path | Sequence[Path], net: Network, *,
                      lengths: bool = False) -> Profile:
    """Transitions and linear pieces along a path through each network, layer by layer.

    Args:
        paths: one for each network, or one for all.
        lengths: whether to measure the curves as well, which takes several times longer.

    Returns:
        A `Profile` with fields of shape ``(networks, layers)``: ``sign_transitions`` and
        ``transitions`` (passages of kinks) of all neurons of a layer; ``pieces``, up to it; and
        with lengths ``length`` of the curve of its activations, ``length_before`` and
        ``angle_before`` of the curve that enters it (`lib.networks.piecewise.Pieces`).

    Source: [raghu2017], the measures of expressivity along a trajectory.

    >>> from lib.networks.network import sawtooth
    >>> told = count_transitions(Path.line([0.0], [1.0]), sawtooth(3))
    >>> told.transitions.tolist(), told.pieces.tolist()
    ([[1, 2, 4]], [[2, 4, 8]])
    """
    rows = [_along(path, one, lengths) for path, one in _paired(paths, net)]
    fields = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return Profile("networks", np.arange(1, 1 + len(net.names)), fields, len(net))


def _along(path: Path, net: Network, lengths: bool) -> dict[str, list]:
    """The fields of `count_transitions` of one network."""
    seen = [(here.sign_transitions.sum(), here.transitions.sum(), here.number,
             *((here.length(), here.angle()) if lengths else ()))
            for here in trace(path, net)]
    signs, passed, pieces, *curves = map(list, zip(*seen))
    found = {"sign_transitions": signs, "transitions": passed, "pieces": pieces}
    if lengths:
        [start] = trace(path, Network([np.eye(len(path.centre))] * 2, phi="linear"))
        length, angle = curves
        found |= {"length": length, "length_before": [start.length(), *length[:-1]],
                  "angle_before": [start.angle(), *angle[:-1]]}
    return found


def _paired(paths: Path | Sequence[Path], net: Network) -> list[tuple[Path, Network]]:
    """Each network with its path."""
    paths = [paths] * len(net) if isinstance(paths, Path) else list(paths)
    if len(paths) != len(net):
        raise ValueError(f"paths must be one, or one for each of {len(net)} networks, got "
                         f"{len(paths)}")
    return list(zip(paths, net))


def sampled_transitions(paths: Path | Sequence[Path], net: Network, points: int) -> np.ndarray:
    """Transitions that show between neighbours of equally spaced points of a path.

    Points are in the middles of equal parts.

    Returns:
        Integers ``(networks, layers)``: what is left of the ``transitions`` of
        `count_transitions`, since two of one neuron between neighbours are not seen.

    Source: [raghu2017], as transitions are usually counted.

    >>> from lib.networks.network import sawtooth
    >>> sampled_transitions(Path.line([0.0], [1.0]), sawtooth(5), 4).tolist()
    [[1, 2, 0, 0, 0]]
    """
    share = (np.arange(count("points", points, low=2)) + 0.5) / points
    x = [path.at(path.stop * share) for path, _ in _paired(paths, net)]
    hidden = net.pre_activations(np.array(x))[:len(net.names)]
    return np.stack([sum(np.count_nonzero(np.diff(h > kink, axis=1), axis=(1, 2))
                         for kink in net.phi.kinks) for h in hidden], axis=1)


def count_dichotomies(net: Network, inputs: np.ndarray, layer: int, other: np.ndarray, *,
                      stop: float = 2 * np.pi) -> Profile:
    """Labellings of a few inputs while the weights of one layer turn, ``W cos t + W' sin t``.

    The output is the sign of a pre-activation: each neuron of the turning layer (remaining depth
    0) and of every hidden layer above it (remaining depth 1, 2, ..) is a random read-out of the
    layer before, and so one turn gives every remaining depth, for many read-outs.

    Args:
        net: networks with a piecewise-linear activation, all hidden layers of one width from the
            turning one on.
        inputs: shape ``(s, inputs)``, or ``(networks, s, inputs)``.
        layer: which hidden layer turns, from 1.
        other: W', of the shape of the turning layer's weights ``(networks, out, in)``.
        stop: range of t, a full turn if left out.

    Returns:
        A `Profile` of layers ``layer`` to the last with fields ``(networks, layers, width)``:
        ``dichotomies``, distinct labellings of the inputs with each neuron as output, and
        ``sign_transitions`` of those outputs, summed over inputs.

    Source: [raghu2017], ICLR form Fig. 4 and 5. What a fixed input sends into the turning layer
        makes its pre-activations run along an arc, derived here.

    >>> net, turned = Network([np.eye(2), np.ones((1, 2))], phi="relu"), [[0.0, 1.0], [-1.0, 0.0]]
    >>> found = count_dichotomies(net, np.eye(2), 1, turned)
    >>> found.dichotomies.tolist(), found.sign_transitions.tolist()
    ([[[4, 4]]], [[[4, 4]]])
    """
    depth = len(net.names)
    layer, before = count("layer", layer, 1, depth), net.points("inputs", inputs)
    count("inputs", before.shape[1], high=MOST_INPUTS)
    w = net.dense()[layer - 1][0]
    other = real("other", other, axes=f"..., {w.shape[1]}, {w.shape[2]}")
    if len({part.shape[1] for part in net.weights[layer - 1:depth]}) > 1:
        raise ValueError(f"net must have one width from layer {layer} on")
    x = [before, *net.hidden(before)][layer - 1]
    x, other = np.broadcast_to(x, (len(net), *x.shape[1:])), np.broadcast_to(other, w.shape)
    rows = [_turn(*each, layer, stop) for each in zip(net, x, other)]
    fields = dict(zip(("dichotomies", "sign_transitions"), map(np.array, zip(*rows))))
    return Profile("networks", np.arange(layer, depth + 1), fields, len(net))


def _turn(net, x, other, layer, stop) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Dichotomies and sign transitions of one network, layer by layer.

    An odd network shows in the second half turn the negative of the first. Of a neuron that is
    zero at the very start, or always, half a turn does not tell enough: its changes are even.
    """
    depth = len(net.names)
    mirrored = abs(stop - 2 * np.pi) < 1e-8 and net.phi.parity == "odd" and \
        not any(b.any() for b in net.biases[layer - 1:depth])
    seen = _signs(net, x, other, layer, stop / (1 + mirrored))
    if mirrored and not all((_changes(one) % 2).all() for one in seen):
        mirrored, seen = False, _signs(net, x, other, layer, stop)
    return ([_labellings(one, mirrored) for one in seen],
            [(1 + mirrored) * _changes(one).sum(axis=0) for one in seen])


def _signs(net, x, other, layer, stop) -> list[list[tuple]]:
    """`Pieces.signs` for every input, layer by layer from the turning one on."""
    w, b, depth = net.weights[layer - 1][0], net.biases[layer - 1][0], len(net.names)
    higher, shifts = net.weights[layer:depth], net.biases[layer:depth]
    above = Network([np.eye(len(w)), *(higher or [np.eye(len(w))])], [None, *(shifts or [None])],
                    net.phi)
    traced = [trace(Path.arc(w @ row, other @ row, stop, centre=b), above, outputs=bool(higher))
              for row in x]  # the last layer need not be cut for its signs
    return [[here.signs for here in layers] for layers in zip(*traced)]


def _changes(signs: list[tuple]) -> np.ndarray:
    """How often each neuron changes its sign for each input, shape ``(inputs, width)``."""
    return np.array([np.bincount(neuron, minlength=len(first)) for _, neuron, first in signs])


def _labellings(signs: list[tuple], mirrored: bool) -> np.ndarray:
    """Distinct sign patterns over the inputs for each neuron, from all changes in order of t."""
    times, neuron = (np.concatenate([one[i] for one in signs]) for i in (0, 1))
    bit = np.concatenate([np.full(len(t), 1 << i) for i, (t, _, _) in enumerate(signs)])
    start = sum(first.astype(np.int64) << i for i, (_, _, first) in enumerate(signs))
    order, every = np.lexsort((times, neuron)), (1 << len(signs)) - 1
    edges = np.searchsorted(neuron[order], np.arange(len(start) + 1))
    walks = [_walk(first, times[of], bit[of])
             for first, of in zip(start, np.split(order, edges[1:-1]))]
    return np.array([len(np.unique([walk, every ^ walk] if mirrored else walk)) for walk in walks])


def _walk(first: int, times: np.ndarray, bit: np.ndarray) -> np.ndarray:
    """Labellings between the changes; what changes at one time changes together."""
    labels = np.bitwise_xor.accumulate(np.concatenate([[first], bit]))
    return labels[np.append(np.diff(times, prepend=-np.inf) > 0, True)]
