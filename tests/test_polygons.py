"""Regions of a plane against a fine grid, Euler's formula, full counts and the line tracer."""
from itertools import combinations

import numpy as np
import pytest

from lib import activations
from lib.networks.paths import line
from lib.networks.piecewise import TooManyPieces, trace
from lib.networks.polygons import area, cells, plane_regions
from lib.networks.readout import sample_network

SIGN = activations.get(np.sign, kinks=(0.0,), name="sign")


def box(half):
    """A square around the origin, counter-clockwise."""
    return half * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def codes(net, points):
    """How many kinks lie below every neuron of every layer, by a forward pass."""
    found = []
    for w, b in zip(net.weights, net.biases):
        h = points @ w.T + b
        found.append(sum((h > kink).astype(np.int8) for kink in net.phi.kinks))
        points = net.phi.phi(h)
    return np.hstack(found)


@pytest.mark.parametrize("phi, seed", [("relu", 0), ("relu", 1), ("relu", 2), ("hard_tanh", 3),
                                       (activations.get("leaky_relu", slope=0.2), 4), (SIGN, 5)])
def test_regions_against_the_patterns_on_a_fine_grid(phi, seed):
    net = sample_network(1.5, 0.7, 4, 3, seed, phi, 2)
    cell = (6 / 1200) ** 2
    x = 3 * (2 * (np.arange(1200) + 0.5) / 1200 - 1)
    grid = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    known = codes(net, grid).astype(float)
    for layer, regions in enumerate(plane_regions(net.weights, net.biases, box(3.0), phi), 1):
        found = {region.pattern @ 3.0 ** np.arange(4 * layer): area(region.corners)
                 for region in regions}
        assert len(found) == len(regions)
        names, counts = np.unique(known[:, :4 * layer] @ 3.0 ** np.arange(4 * layer),
                                  return_counts=True)
        sizes = dict(zip(names.tolist(), counts * cell))
        assert set(sizes) <= set(found)
        assert all(found[name] < 100 * cell for name in set(found) - set(sizes))
        for name, size in sizes.items():
            assert size == pytest.approx(found[name], abs=4 * 1200 * cell)


@pytest.mark.parametrize("seed", range(5))
def test_one_layer_against_eulers_formula(seed):
    """Regions = 1 + lines that enter the square + crossings of two lines within it."""
    net = sample_network(1.5, 1.0, 9, 1, seed, "hard_tanh", 2)
    (w,), (b,) = net.weights, net.biases
    rows, offsets = np.vstack([w, w]), np.concatenate([b - 1, b + 1])
    enter = np.abs(offsets) < np.abs(rows).sum(axis=1)
    inside = 0
    for i, j in combinations(range(18), 2):
        if j != i + 9:
            inside += np.abs(np.linalg.solve(rows[[i, j]], -offsets[[i, j]])).max() < 1
    [regions] = plane_regions(net.weights, net.biases, box(1.0), "hard_tanh")
    assert len(regions) == 1 + enter.sum() + inside


@pytest.mark.parametrize("width", [1, 3, 4, 8])
@pytest.mark.parametrize("phi, full", [("relu", lambda k: 1 + k + k * (k - 1) // 2),
                                       ("hard_tanh", lambda k: 1 + 2 * k + 2 * k * (k - 1))])
def test_one_layer_on_the_whole_plane(phi, full, width):
    net = sample_network(1.5, 0.5, width, 1, width, phi, 2)
    [regions] = plane_regions(net.weights, net.biases, box(1e5), phi)
    assert len(regions) == full(width)


@pytest.mark.parametrize("phi", ["relu", "hard_tanh"])
def test_regions_tile_the_polygon_and_hold_the_network(phi):
    net = sample_network(1.5, 0.6, 6, 3, 7, phi, 2)
    corners, rng = box(2.0)[:3], np.random.default_rng(0)
    regions = list(plane_regions(net.weights, net.biases, corners, phi))[-1]
    assert sum(area(region.corners) for region in regions) == pytest.approx(area(corners))
    for region in regions:
        assert area(region.corners) > 0
        x = rng.dirichlet(np.ones(len(region.corners)), 4) @ region.corners
        y = x
        for w, b in zip(net.weights, net.biases):
            y = net.phi.phi(y @ w.T + b)
        affine = np.hstack([np.ones((4, 1)), x]) @ region.affine
        assert np.abs(affine - y).max() < 1e-12


def test_a_segment_meets_as_many_regions_as_the_tracer_says():
    rng = np.random.default_rng(1)
    net = sample_network(1.6, 0.5, 7, 3, rng, "relu", 2)
    regions = list(plane_regions(net.weights, net.biases, box(3.0)))
    for _ in range(10):
        x0, x1 = rng.uniform(-3, 3, (2, 2))
        t = np.linspace(0, 1, 100_001)[:, None]
        names = codes(net, (1 - t) * x0 + t * x1)
        for layer, (traced, there) in enumerate(
                zip(trace(line(x0, x1), net.weights, net.biases), regions), 1):
            met = set(map(tuple, names[:, :7 * layer].tolist()))
            assert traced.pieces == len(met) and met <= {cell.pattern for cell in there}


def test_lines_through_one_point_and_twice_the_same_line():
    w = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
    [regions] = plane_regions([w], [np.zeros(4)], box(1.0))
    assert len(regions) == 6  # three lines through a corner-free centre, one of them double
    [along] = plane_regions([np.eye(2)], [-np.ones(2)], box(1.0))
    assert len(along) == 1  # the lines run along two sides


def test_a_dead_layer_adds_no_regions():
    net = sample_network(1.5, 0.5, 5, 3, 2, "relu", 2)
    net.biases[1][:] = -50.0
    first, second, third = plane_regions(net.weights, net.biases, box(2.0))
    assert len(first) == len(second) == len(third) > 5


@pytest.mark.parametrize("corners, words", [
    (box(1.0)[::-1], "counter-clockwise"), (np.zeros((4, 2)), "counter-clockwise"),
    (np.zeros(4), "corners must be of a polygon"), ([[np.nan, 0.0]], "corners must be finite")])
def test_bad_polygons_are_named(corners, words):
    with pytest.raises(ValueError, match=words):
        plane_regions([np.eye(2)], [np.zeros(2)], corners)


def test_bad_phi_and_too_many_regions():
    with pytest.raises(ValueError, match="phi must be straight"):
        plane_regions([np.eye(2)], [np.zeros(2)], box(1.0), "tanh")
    with pytest.raises(TooManyPieces) as told:
        list(plane_regions([np.eye(2)], [np.zeros(2)], box(1.0), most=3))
    assert told.value.best == 4


def test_area():
    assert area(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])) == 6.0
    assert area(box(1.0)[::-1]) == -4.0


def test_cells_are_equal_where_regions_are():
    net = sample_network(1.5, 0.6, 5, 2, 3, "hard_tanh", 2)
    points, owner = [], []
    *_, last = plane_regions(net.weights, net.biases, box(2.0), net.phi)
    for i, region in enumerate(last):
        points += [region.corners.mean(axis=0), 0.9 * region.corners.mean(axis=0)
                   + 0.1 * region.corners[0]]
        owner += [i, i]
    found = cells(net, np.array(points))
    assert np.array_equal(found[:, None] == found, np.equal.outer(owner, owner))
    with pytest.raises(ValueError, match="activation with kinks"):
        cells(sample_network(1.0, 0.1, 3, 1, 0, "tanh", 2), np.zeros((1, 2)))
