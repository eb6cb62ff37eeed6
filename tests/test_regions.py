"""Regions against a grid, Euler's formula, full counts and the tracer; dichotomies by hand."""
from itertools import combinations

import numpy as np
import pytest

from lib import activations
from lib.checks import Untrusted
from lib.networks.network import Network, random_network
from lib.networks.piecewise import Path, random_arcs, trace
from lib.networks.regions import (count_dichotomies, count_patterns, count_regions,
                                  count_transitions, plane_regions)
from lib.theory.bounds import layer_patterns, patterns_bound
from lib.theory.meanfield import MeanField
from lib.theory.stretch import circle_transitions

SIGN = activations.get(np.sign, kinks=(0.0,), name="sign")


def sample_network(sigma_w, sigma_b, width, depth, seed, phi, inputs):
    """One random network with equal hidden layers."""
    return random_network(inputs, [width] * depth, 1, sigma_w, sigma_b, seed=seed, phi=phi)


def hidden(net):
    """Weights and biases of the hidden layers of one network."""
    return [(w[0], b[0]) for w, b in zip(net.weights[:-1], net.biases)]


def single(w, b=None, phi="relu"):
    """A network of one hidden layer."""
    return Network([w, np.ones((1, len(w)))], [b, None], phi)


def box(half):
    """A square around the origin, counter-clockwise."""
    return half * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def area(corners):
    """Area of a polygon, positive if its corners go counter-clockwise (Gauss)."""
    x, y = corners.T
    return 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)


def codes(net, points):
    """How many kinks lie below every neuron of every layer, by a forward pass."""
    found = []
    for w, b in hidden(net):
        h = points @ w.T + b
        found.append(sum((h > kink).astype(np.int8) for kink in net.phi.kinks))
        points = net.phi.phi(h)
    return np.hstack(found)


@pytest.mark.slow
@pytest.mark.parametrize("phi, seed", [("relu", 0), ("relu", 1), ("relu", 2), ("hard_tanh", 3),
                                       (activations.get("leaky_relu", slope=0.2), 4), (SIGN, 5)])
def test_regions_against_the_patterns_on_a_fine_grid(phi, seed):
    net = sample_network(1.5, 0.7, 4, 3, seed, phi, 2)
    cell = (6 / 1200) ** 2
    x = 3 * (2 * (np.arange(1200) + 0.5) / 1200 - 1)
    grid = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    known = codes(net, grid).astype(float)
    for layer, regions in enumerate(plane_regions(net, box(3.0)), 1):
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
    [(w, b)] = hidden(net)
    rows, offsets = np.vstack([w, w]), np.concatenate([b - 1, b + 1])
    enter = np.abs(offsets) < np.abs(rows).sum(axis=1)
    inside = 0
    for i, j in combinations(range(18), 2):
        if j != i + 9:
            inside += np.abs(np.linalg.solve(rows[[i, j]], -offsets[[i, j]])).max() < 1
    [regions] = plane_regions(net, box(1.0))
    assert len(regions) == 1 + enter.sum() + inside


@pytest.mark.parametrize("width", [1, 3, 4, 8])
@pytest.mark.parametrize("phi, full", [("relu", lambda k: 1 + k + k * (k - 1) // 2),
                                       ("hard_tanh", lambda k: 1 + 2 * k + 2 * k * (k - 1))])
def test_one_layer_on_the_whole_plane(phi, full, width):
    net = sample_network(1.5, 0.5, width, 1, width, phi, 2)
    [regions] = plane_regions(net, box(1e5))
    assert len(regions) == full(width)


@pytest.mark.parametrize("phi", ["relu", "hard_tanh"])
def test_regions_tile_the_polygon_and_hold_the_network(phi):
    net = sample_network(1.5, 0.6, 6, 3, 7, phi, 2)
    corners, rng = box(2.0)[:3], np.random.default_rng(0)
    regions = list(plane_regions(net, corners))[-1]
    assert sum(area(region.corners) for region in regions) == pytest.approx(area(corners))
    for region in regions:
        assert area(region.corners) > 0
        x = rng.dirichlet(np.ones(len(region.corners)), 4) @ region.corners
        y = x
        for w, b in hidden(net):
            y = net.phi.phi(y @ w.T + b)
        affine = np.hstack([np.ones((4, 1)), x]) @ region.affine
        assert np.abs(affine - y).max() < 1e-12


@pytest.mark.parametrize("phi", ["relu", "hard_tanh"])
def test_no_network_has_more_regions_than_the_bound(phi):
    found = count_regions(random_network(2, [4] * 3, 1, 2.0, 0.7, networks=12, seed=6, phi=phi),
                          box(1e4))
    for printed in (False, True):
        bound = [patterns_bound(4, n, 2, phi=phi, printed=printed) for n in (1, 2, 3)]
        assert np.all(found[:, 1:] < bound[1:])
    assert found[:, 0].max() == layer_patterns(4, 2, phi)  # attained


@pytest.mark.slow
def test_a_segment_meets_as_many_regions_as_the_tracer_says():
    rng = np.random.default_rng(1)
    net = sample_network(1.6, 0.5, 7, 3, rng, "relu", 2)
    regions = list(plane_regions(net, box(3.0)))
    for _ in range(4):
        x0, x1 = rng.uniform(-3, 3, (2, 2))
        t = np.linspace(0, 1, 40_001)[:, None]
        names = codes(net, (1 - t) * x0 + t * x1)
        for layer, (traced, there) in enumerate(
                zip(trace(Path.line(x0, x1), net), regions), 1):
            met = set(map(tuple, names[:, :7 * layer].tolist()))
            assert traced.number == len(met) and met <= {cell.pattern for cell in there}


def test_lines_through_one_point_and_twice_the_same_line():
    w = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
    [regions] = plane_regions(single(w), box(1.0))
    assert len(regions) == 6  # three lines through a corner-free centre, one of them double
    [along] = plane_regions(single(np.eye(2), -np.ones(2)), box(1.0))
    assert len(along) == 1  # the lines run along two sides


def test_a_dead_layer_adds_no_regions():
    net = sample_network(1.5, 0.5, 5, 3, 2, "relu", 2)
    net.biases[1][...] = -50.0
    first, second, third = plane_regions(net, box(2.0))
    assert len(first) == len(second) == len(third) > 5


@pytest.mark.parametrize("corners, words", [
    (box(1.0)[::-1], "counter-clockwise"), (np.zeros((4, 2)), "counter-clockwise"),
    (np.zeros((3, 3)), "corners must have shape"), (np.zeros(4), "corners must have shape"),
    ([[np.nan, 0.0]], "corners must be finite")])
def test_bad_polygons_are_named(corners, words):
    with pytest.raises(ValueError, match=words):
        next(plane_regions(single(np.eye(2)), corners))


def test_bad_phi_and_too_many_regions():
    with pytest.raises(ValueError, match="phi must be straight"):
        next(plane_regions(single(np.eye(2), phi="tanh"), box(1.0)))
    with pytest.raises(Untrusted) as told:
        list(plane_regions(single(np.eye(2)), box(1.0), most=3))
    assert told.value.best == 4


def test_counts_of_several_networks_are_those_of_each():
    net = random_network(2, [5, 4], 1, 1.5, 0.6, networks=3, seed=2, phi="hard_tanh")
    found = count_regions(net, box(2.0))
    assert found.dtype == np.int64
    assert found.tolist() == [[len(level) for level in plane_regions(one, box(2.0))]
                              for one in net]


def test_more_kinks_than_a_byte_can_count():
    """A zigzag with 180 kinks on a line: 181 patterns and pieces."""
    kinks = 0.442 * (np.arange(180) - 89.5)
    zigzag = activations.get(lambda x: np.abs(np.clip(x / 0.442 + 89.5, 0.0, 179.0) % 2 - 1),
                             kinks=tuple(kinks.tolist()), name="zigzag")
    net = single([[1.0]], phi=zigzag)
    [layer] = trace(Path.line([-39.9], [39.9]), net)
    assert count_patterns([layer]) == [181] and layer.number == 181
    assert layer.transitions.tolist() == [180] and layer.transitions.dtype == np.int64


def test_a_neuron_that_is_zero_on_a_whole_cell_cuts_nothing():
    """Of x, y and x + y, thirds cancel but for rounding: the second layer must not see it."""
    first = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]) / 3
    net = Network([first, [[1.0, 1.0, -1.0]], [[1.0]]], [[0.1, 0.1, 0.2], None, None], "relu")
    one, two = plane_regions(net, box(2.0))
    both = [region for region in two if region.pattern[:3] == (1, 1, 1)]
    assert len(both) == 1 and both[0].pattern == (1, 1, 1, 0)
    assert len(two) == len(one)


@pytest.mark.slow
@pytest.mark.parametrize("layer, phi", [(1, "hard_tanh"), (2, "hard_tanh"), (3, "relu")])
def test_dichotomies_against_networks_with_turned_weights(layer, phi):
    rng = np.random.default_rng(layer)
    net = sample_network(2.0, 0.1, 5, 4, rng, phi, 3)
    x, other = rng.standard_normal((6, 3)), rng.standard_normal(net.weights[layer - 1].shape[1:])
    found = count_dichotomies(net, x, layer, other)
    t = (2 * np.pi * (np.arange(20_000) + 0.5) / 20_000)[:, None, None]
    z, hs = x, []
    for i, (w, b) in enumerate(hidden(net), start=1):
        w = w * np.cos(t) + other * np.sin(t) if i == layer else w
        hs.append(z @ w.mT + b)
        z = net.phi.phi(hs[-1])
    signs = np.stack(hs[layer - 1:], axis=1) > 0  # time, layer, input, neuron
    labels = np.sum(signs << np.arange(6)[:, None], axis=2)
    assert found.dichotomies[0].tolist() == [
        [len(set(labels[:, i, j])) for j in range(5)] for i in range(labels.shape[1])]
    changes = (signs != np.roll(signs, 1, axis=0)).sum(axis=(0, 2))
    assert found.sign_transitions[0].tolist() == changes.tolist()
    assert found.layer.tolist() == list(range(layer, 5))


def test_what_changes_at_once_is_one_labelling():
    x = np.array([[1.0, 2.0], [1.0, 2.0], [-1.0, -2.0]])
    other = np.array([[2.0, -1.0], [0.0, 1.0]])
    found = count_dichotomies(single(np.eye(2)), x, 1, other)
    assert found.dichotomies.tolist() == [[[2, 2]]]
    assert found.sign_transitions.tolist() == [[[6, 6]]]


def labellings(h):
    """Distinct rows of signs of every neuron; h has shape (t, inputs, neurons)."""
    bits = np.einsum("tsi,s->ti", h > 0, 1 << np.arange(h.shape[1]))
    return [len(np.unique(neuron)) for neuron in bits.T]


@pytest.mark.parametrize("below, sigma_b", [(0, 0.0), (2, 0.7)])
def test_dichotomies_of_several_networks_on_a_grid(below, sigma_b):
    net = random_network(6, [6] * (below + 3), 1, 2.5, sigma_b, networks=2, seed=3,
                         phi="hard_tanh")
    rng = np.random.default_rng(3)
    inputs, other = rng.standard_normal((2, 4, 6)), 2.5 / 6**0.5 * rng.standard_normal((2, 6, 6))
    turned = count_dichotomies(net, inputs, below + 1, other)
    assert turned.dichotomies.shape == turned.sign_transitions.shape == (2, 3, 6)
    t = 2 * np.pi * (np.arange(40_000) + 0.5)[:, None, None] / 40_000
    for found, one, x, towards in zip(turned.dichotomies, net, inputs, other):
        layers = hidden(one)
        for w, b in layers[:below]:
            x = np.clip(x @ w.T + b, -1, 1)
        h = np.cos(t) * (x @ layers[below][0].T) + np.sin(t) * (x @ towards.T)
        h = h + layers[below][1]
        for layer in range(3):
            seen = labellings(h)
            # a grid can miss a labelling that lasts a moment, and see none that is not there
            assert np.all(seen <= found[layer]) and np.sum(found[layer] - seen) <= 2
            if layer < 2:
                w, b = layers[below + layer + 1]
                h = np.clip(h, -1, 1) @ w.T + b


@pytest.mark.slow
def test_relu_layers_keep_angles_on_average_at_any_width():
    """A chi of n - 1 degrees over an independent one of n has the mean 1: half the neurons."""
    net = random_network(14, [14] * 5, 1, 1.0, 0.0, networks=1500, seed=11, phi="relu")
    seen = count_transitions(random_arcs(1500, 14, seed=12), net).sign_transitions
    error = seen.std(axis=0) / 1500**0.5
    assert np.all(np.abs(seen.mean(axis=0) - 7) < 4 * error) and error.max() < 0.15


def test_mean_transitions_by_kac_rice():
    w, k, s = 8**0.5, 40, 6
    net = random_network(k, [k] * 5, 1, w, 0.0, networks=6, seed=1, phi="hard_tanh")
    rng = np.random.default_rng(1)
    turned = count_dichotomies(net, rng.standard_normal((6, s, k)), 1,
                               w / k**0.5 * rng.standard_normal((6, k, k)))
    seen = turned.sign_transitions.mean(axis=2)
    assert np.all(seen[:, 0] == 2 * s)
    error = seen.std(axis=0, ddof=1) / 6**0.5
    expected = s * circle_transitions(MeanField(w, 0.0, "hard_tanh"), w**2, 5, k)
    assert np.all(np.abs(seen.mean(axis=0) - expected) < 4 * error + 0.02 * expected)
    assert np.all(turned.dichotomies <= np.minimum(turned.sign_transitions, 2**s))


@pytest.mark.parametrize("call, words", [
    (lambda: count_dichotomies(single(np.eye(2)), np.eye(2), 2, np.eye(2)),
     "layer must be at most 1"),
    (lambda: count_dichotomies(single(np.eye(2)), np.eye(2), 1, np.eye(3)),
     "other must have shape"),
    (lambda: count_dichotomies(single(np.eye(2)), np.ones((63, 2)), 1, np.eye(2)),
     "inputs must be at most 62"),
    (lambda: count_dichotomies(random_network(2, [2, 3], 1, 1.0, 0.0, seed=0, phi="relu"),
                               np.eye(2), 1, np.eye(2)), "net must have one width"),
    (lambda: count_dichotomies(single(np.eye(2), phi="tanh"), np.eye(2), 1, np.eye(2)),
     "phi must be straight"),
    (lambda: next(plane_regions(single(np.eye(3)), box(1.0))), "net must have two inputs"),
])
def test_bad_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
