"""Linear regions of a plane: convex polygons, cut by one neuron after the other.

On a polygon of the layers below, every pre-activation of a layer is one affine function of the
two coordinates, so that a kink of a neuron is a straight line across it.
"""
from typing import Callable, Iterable, Iterator, NamedTuple, Sequence

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real
from oldlib.networks.piecewise import TooManyPieces, straight_pieces
from oldlib.networks.readout import Network, forward

TINY = 1e-12  # a corner this close to a line, in units of the values there, is on it


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


def plane_regions(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray],
                  corners: np.ndarray, phi: str | Activation | Callable = "relu",
                  most: int = 100_000) -> Iterator[list[Region]]:
    """Regions of a convex polygon in the plane of a network's two inputs, layer by layer.

    Args:
        weights, biases: of each layer; the first takes two inputs.
        corners: of the polygon, counter-clockwise, shape ``(n, 2)``.
        phi: piecewise-linear activation, as for `lib.networks.piecewise.trace`.
        most: regions at which to stop.

    Returns:
        Iterator of one list of regions a layer, each list a refinement of the one before.

    Raises:
        ValueError, TypeError: bad arguments.
        TooManyPieces: more than ``most``; the layers before were given.

    Accuracy: exact but for regions thinner than 1e-12 of the values at their corners.

    Source: derived here; the regions of [raghu2017], ICML form Theorem 2 and Fig. 1.

    >>> square = [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]
    >>> [regions] = plane_regions([np.eye(2)], [np.zeros(2)], square)
    >>> sorted(region.pattern for region in regions)
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    phi, most, corners = get(phi), count("most", most), real("corners", corners)
    pieces = straight_pieces(phi)
    if corners.ndim != 2 or corners.shape[1] != 2 or area(corners) <= 0:
        raise ValueError("corners must be of a polygon, counter-clockwise, shape (n, 2), got "
                         f"{corners.tolist()}")
    plane = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    return _refine([Region(corners, plane, ())], weights, biases, phi.kinks, pieces, most)


def _refine(regions: list[Region], weights: Sequence[np.ndarray], biases: Sequence[np.ndarray],
            kinks: Sequence[float], pieces: tuple, most: int) -> Iterator[list[Region]]:
    for w, b in zip(weights, biases, strict=True):
        finer = []
        for region in regions:
            affine = region.affine @ np.asarray(w).T
            affine[0] += b
            for corners in _pieces(region.corners, affine, kinks):
                finer.append(_active(corners, affine, region.pattern, kinks, pieces))
            if len(finer) > most:
                raise TooManyPieces(f"more than {most} regions; the layers before can be counted, "
                                    "or raise most", len(finer))
        regions = finer
        yield regions


def _pieces(corners: np.ndarray, affine: np.ndarray,
            kinks: Sequence[float]) -> list[np.ndarray]:
    """A polygon cut along every line on which a neuron meets a kink."""
    done, left = [], [(corners, 0)]
    lines = [affine[:, j] - kink * np.array([1.0, 0.0, 0.0])
             for kink in kinks for j in range(affine.shape[1])]
    rows = np.array(lines).reshape(-1, 3).T
    while left:
        corners, first = left.pop()
        values = corners @ rows[1:, first:] + rows[0, first:]
        tiny = TINY * (np.abs(rows[0, first:]) + np.abs(values).max(axis=0))
        cut = np.flatnonzero((values.min(axis=0) < -tiny) & (values.max(axis=0) > tiny))
        if not cut.size:
            done.append(corners)
            continue
        value = np.where(np.abs(values[:, cut[0]]) <= tiny[cut[0]], 0.0, values[:, cut[0]])
        left += [(part, first + cut[0] + 1) for part in _halves(corners, value)]
    return done


def _halves(corners: np.ndarray, value: np.ndarray) -> list[np.ndarray]:
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


def _active(corners: np.ndarray, affine: np.ndarray, below: tuple[int, ...],
            kinks: Sequence[float], pieces: tuple[np.ndarray, np.ndarray]) -> Region:
    """The activations on a polygon that no kink crosses."""
    h = Region(corners, affine, below).middle
    pattern = np.sum(h[:, None] > np.asarray(kinks), axis=1)
    slope, intercept = (of[pattern] for of in pieces)
    active = affine * slope
    active[0] += intercept
    return Region(corners, active, below + tuple(pattern.tolist()))


def region_counts(networks: Iterable[Network], corners: np.ndarray) -> np.ndarray:
    """How many regions each layer of each network leaves of a polygon.

    Args:
        networks: of one depth, with two inputs and a piecewise-linear activation.
        corners: as for `plane_regions`.

    Returns:
        Integers of shape ``(networks, depth)``.

    Raises:
        ValueError, TypeError, TooManyPieces: as `plane_regions`.

    Accuracy: as `plane_regions`.

    Source: derived here.

    >>> from oldlib.networks.readout import sample_network
    >>> square = [[-1e4, -1e4], [1e4, -1e4], [1e4, 1e4], [-1e4, 1e4]]
    >>> region_counts([sample_network(1.0, 1.0, 4, 1, 0, "relu", 2)], square).tolist()
    [[11]]
    """
    return np.array([[len(level) for level in plane_regions(net.weights, net.biases, corners,
                                                            net.phi)] for net in networks])


def cells(network: Network, x: np.ndarray) -> np.ndarray:
    """A number for the cell that each input lies in: equal where activation patterns are.

    Args:
        network: with a piecewise-linear activation.
        x: shape ``(points, inputs)``.

    Returns:
        Integers from 0 on, shape ``(points,)``.

    Raises:
        ValueError: wrong shape, or an activation without kinks.

    Accuracy: exact, but for inputs on a boundary.

    Source: [raghu2017], activation patterns.

    >>> from oldlib.networks.sawtooth import sawtooth
    >>> cells(sawtooth(1), [[0.1], [0.9], [0.2]]).tolist()
    [0, 1, 0]
    """
    if not network.phi.kinks:
        raise ValueError(f"network must have an activation with kinks, not {network.phi.name}")
    bits = [np.packbits(h > kink, axis=1) for h in forward(network, x)
            for kink in network.phi.kinks]
    rows = np.ascontiguousarray(np.hstack(bits))
    return np.unique(rows.view(f"V{rows.shape[1]}").ravel(), return_inverse=True)[1]


def area(corners: np.ndarray) -> float:
    """Area of a polygon, positive if its corners go counter-clockwise.

    Args:
        corners: shape ``(n, 2)``.

    Returns:
        The area.

    Accuracy: rounding.

    Source: standard (Gauss' shoelace formula).

    >>> area(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    1.0
    """
    x, y = np.asarray(corners).T
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
