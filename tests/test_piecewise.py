"""Exact counting against dense sampling, closed forms and degenerate cases."""
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import activations
from lib.checks import Untrusted
from lib.networks.network import Network, random_network, sawtooth
from lib.networks.piecewise import Path, random_arcs, trace
from lib.networks.regions import count_patterns, count_transitions, sampled_transitions

SIGN = activations.get(np.sign, kinks=(0.0,), name="sign")
PHIS = [activations.get("relu"), activations.get("hard_tanh"),
        activations.get("leaky_relu", slope=0.3)]
POINTS, BLOCK = 1_000_000, 15_625


def circle(x0, x1, **more):
    """A whole turn."""
    return Path.arc(x0, x1, 2 * np.pi, **more)


line, arc = Path.line, Path.arc
SPANS = {line: 1.0, arc: np.pi / 2, circle: 2 * np.pi}
TIMES = {kind: span * (np.arange(POINTS) + 0.5) / POINTS for kind, span in SPANS.items()}
BASES = {kind: t[None] if kind is line else np.stack([np.cos(t), np.sin(t)])
         for kind, t in TIMES.items()}


def sample_network(sigma_w, sigma_b, width, depth, seed, phi, inputs):
    """One random network with equal hidden layers."""
    return random_network(inputs, [width] * depth, 1, sigma_w, sigma_b, seed=seed, phi=phi)


def hidden(net):
    """Weights and biases of the hidden layers of one network."""
    return [(w[0], b[0]) for w, b in zip(net.weights[:-1], net.biases)]


def sampled_layers(kind, ends, net, basis):
    """Pre-activations, shape (width, points), of a path by its definition and a forward pass."""
    x0, x1 = ends
    x = x0[:, None] + (x1 - x0)[:, None] * basis if kind is line else np.stack(ends, 1) @ basis
    for w, b in hidden(net):
        h = w @ x
        h += b[:, None]
        yield h
        x = net.phi.phi(h)


def crude_counts(kind, ends, net):
    """Changes of region and of sign, for each neuron, between neighbours of a dense sample."""
    levels = [*net.phi.kinks, 0.0]
    sizes = [len(b) for _, b in hidden(net)]
    counts = [np.zeros((len(levels), size), int) for size in sizes]
    first, last = [None] * len(sizes), [None] * len(sizes)
    for start in range(0, POINTS, BLOCK):
        basis = BASES[kind][:, start:start + BLOCK]
        for i, h in enumerate(sampled_layers(kind, ends, net, basis)):
            above = np.array([h > level for level in levels])
            counts[i] += np.count_nonzero(above[..., 1:] != above[..., :-1], axis=-1)
            if start:
                counts[i] += above[..., 0] != last[i]
            else:
                first[i] = above[..., 0]
            last[i] = above[..., -1]
    if kind is circle:
        counts = [c + (f != e) for c, f, e in zip(counts, first, last)]
    return [(c[:-1].sum(axis=0), c[-1]) for c in counts]


def random_case(seed):
    """A small network and the ends of a path; all of it depends on the seed alone."""
    rng = np.random.default_rng(seed)
    phi, kind = PHIS[seed % 3], list(SPANS)[seed // 3 % 3]
    inputs, width, depth = (int(rng.integers(low, high)) for low, high in (
        (2, 5), (2, 5), (1, 4)))
    net = sample_network(rng.uniform(0.8, 2.5), rng.uniform(0, 0.5), width, depth, rng, phi,
                         inputs)
    return kind, rng.standard_normal((2, inputs)), net


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10**6))
def test_counts_equal_a_sample_of_a_million_points(seed):
    kind, ends, net = random_case(seed)
    layers = list(trace(kind(*ends), net))
    for layer, (regions, signs) in zip(layers, crude_counts(kind, ends, net), strict=True):
        assert layer.transitions.tolist() == regions.tolist()
        assert layer.sign_transitions.tolist() == signs.tolist()


def forward_points(net, x):
    """Activations of the last layer at some inputs, written out."""
    for w, b in hidden(net):
        x = net.phi.phi(x @ w.T + b)
    return x


def single(w, b, phi="relu"):
    """A network of one hidden layer."""
    return Network([w, np.ones((1, len(w)))], [b, None], phi)


def one_layer(w, b, path, phi="relu"):
    """The only layer of a network with given weights."""
    [layer] = trace(path, single(w, b, phi))
    return layer


@pytest.mark.parametrize("phi, curve", [("relu", line), ("hard_tanh", circle), ("relu", arc)])
def test_values_at_the_nodes_are_those_of_a_forward_pass(phi, curve):
    rng = np.random.default_rng(8)
    net = sample_network(1.6, 0.3, 12, 4, rng, phi, 3)
    ends = rng.standard_normal((2, 3))
    layers = list(trace(curve(*ends), net))
    t = layers[-1].t
    basis = t[None] if curve is line else np.stack([np.cos(t), np.sin(t)])
    for layer, h in zip(layers, sampled_layers(curve, ends, net, basis)):
        assert np.abs(h.T[np.searchsorted(t, layer.t)] - layer.ends).max() < 1e-12
    assert np.setdiff1d(t, layers[-2].t).size == layers[-1].transitions.sum() > 5


def test_what_is_straight_has_no_transitions():
    net = sample_network(2.0, 0.5, 9, 5, 1, "linear", 3)
    for layer in trace(circle([1.0, 0, 0], [0, 1.0, 0]), net):
        assert layer.number == 1 and not layer.transitions.any()
    assert layer.sign_transitions.max() <= 2  # a sinusoid


def test_a_ray_through_the_origin():
    rng = np.random.default_rng(2)
    net = sample_network(1.5, 0.0, 30, 4, rng, "relu", 7)
    x = rng.standard_normal(7)
    through = list(trace(line(-x, 2 * x), net))
    assert through[0].transitions.tolist() == [1] * 30
    assert [layer.number for layer in through] == [2] * 4 == count_patterns(through)
    for layer, positive, negative in zip(through, *(
            sampled_layers(line, (s * x, s * x), net, np.zeros((1, 1))) for s in (1, -1))):
        assert layer.transitions.tolist() == ((positive > 0) != (negative > 0))[:, 0].tolist()
    away = list(trace(line(0.5 * x, 3 * x), net))
    assert [layer.number for layer in away] == [1] * 4
    assert not any(layer.transitions.any() for layer in away)


def test_from_the_origin_along_a_ray():
    net = sample_network(1.5, 0.0, 20, 3, 4, "relu", 5)
    for layer in trace(line(np.zeros(5), np.ones(5)), net):
        assert layer.number == 1 and layer.transitions.sum() == layer.sign_transitions.sum() == 0


@pytest.mark.parametrize("phi", ["relu", "hard_tanh"])
def test_a_dead_layer(phi):
    net = sample_network(1.5, 0.1, 6, 4, 0, phi, 3)
    net.biases[1][...] = -50.0
    layers = list(trace(circle([3.0, 0, 0], [0, 3.0, 0]), net))
    assert layers[0].transitions.any()
    assert not any(layer.transitions.any() or layer.sign_transitions.any()
                   for layer in layers[1:])
    assert [layer.number for layer in layers] == [layers[0].number] * 4
    assert layers[-1].length() == 0


def test_a_layer_dead_on_half_of_the_path():
    rise = [[1.0]], [-0.5]
    up = Network([[[1.0]], [[2.0], [-1.0]], [[1.0, 1.0]]], [[-0.5], None, None], "relu")
    first, second = trace(line([0.0], [1.0]), up)
    assert one_layer(*rise, line([0.0], [1.0])).transitions.tolist() == [1]
    assert second.transitions.tolist() == [1, 0]  # 0 to active at the same point; never active
    assert (first.number, second.number, count_patterns([first, second])) == (2, 2, [2, 2])


def test_coincident_breakpoints_count_for_each_neuron():
    w = np.array([[1.0], [1.0], [2.0], [3.0]])
    layer = one_layer(w, [-0.3, -0.3, -0.6, -0.9 + 4e-16], line([0.0], [1.0]))
    assert layer.transitions.tolist() == [1] * 4 and layer.number == 2


@pytest.mark.parametrize("curve", [line, arc])
@pytest.mark.parametrize("phi", PHIS, ids=lambda phi: phi.name)
def test_a_path_of_length_zero(curve, phi):
    ends = (np.ones(3), np.ones(3)) if curve is line else np.zeros((2, 3))
    net = sample_network(1.5, 0.3, 6, 3, 0, phi, 3)
    layers = list(trace(curve(*ends), net))
    assert [layer.number for layer in layers] == [1] * 3 == count_patterns(layers)
    assert not any(layer.transitions.any() or layer.sign_transitions.any() for layer in layers)
    if phi.continuous:
        assert layers[-1].length() < 1e-14
        assert layers[-1].angle() < 1e-12


@pytest.mark.parametrize("phi, level", [("relu", 0.0), ("hard_tanh", 1.0), ("hard_tanh", 0.0)])
def test_a_breakpoint_at_an_end_is_none(phi, level):
    for x0, x1 in ((0.0, 0.4), (0.0, -0.4), (0.4, 0.0), (-0.4, 0.0)):
        layer = one_layer([[1.0]], [level], line([x0], [x1]), phi)
        assert layer.number == 1 and layer.transitions.sum() == 0
        assert layer.sign_transitions.sum() == 0
        assert layer.signs[2].item() == (level + 0.5 * (x0 + x1) > 0)


@pytest.mark.parametrize("phi, regions", [("relu", 2), ("hard_tanh", 4)])
def test_the_seam_of_a_circle_is_a_point_like_others(phi, regions):
    for turn in (0.0, 0.3, np.pi / 2, np.pi):
        u = np.array([np.cos(turn), np.sin(turn)])
        layer = one_layer([2 * u], [0.0], circle([1.0, 0.0], [0.0, 1.0]), phi)
        assert layer.transitions.tolist() == [regions] and layer.number == regions
        assert layer.sign_transitions.tolist() == [2]
    at_seam = one_layer([[0.0, 3.0]], [1.0], circle([1.0, 0.0], [0.0, 1.0]), "hard_tanh")
    assert at_seam.transitions.tolist() == [4] and at_seam.number == 4


def test_touching_a_kink_is_no_transition():
    path = circle([-1.0, 0.0], [0.0, -1.0], centre=[-1.0, 0.0])
    layer = one_layer([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], path)
    assert layer.transitions.tolist() == [0, 2] and layer.number == 2
    just = one_layer([[1.0, 0.0]], [1e-6], path)  # two zeros 0.003 apart, between equal signs
    assert just.transitions.tolist() == [2]


def test_a_path_that_comes_back_into_a_cell():
    layer = one_layer([[1.0, 0.0], [-1.0, 0.0]], [-0.9, -0.9], circle([1.0, 0], [0, 1.0]))
    assert (layer.number, count_patterns([layer])) == (4, [3])


@pytest.mark.parametrize("seed", range(6))
def test_patterns_against_a_set_of_sampled_patterns(seed):
    kind, ends, net = random_case(100 + seed)
    layers = list(trace(kind(*ends), net))
    name, found = np.zeros(POINTS // 5, int), []
    for h in sampled_layers(kind, ends, net, BASES[kind][:, ::5]):
        for neuron in h:
            name = 3 * name + sum((neuron > kink).astype(int) for kink in net.phi.kinks)
        found.append(len(np.unique(name)))
    assert count_patterns(layers) == found
    if kind is line:  # one new pattern a transition
        passed = np.cumsum([layer.transitions.sum() for layer in layers])
        assert found == [layer.number for layer in layers] == (1 + passed).tolist()


@pytest.mark.parametrize("curve", [line, arc, circle])
@pytest.mark.parametrize("phi", ["relu", "hard_tanh"])
def test_lengths_and_angles_against_short_chords(curve, phi):
    rng = np.random.default_rng(3)
    net = sample_network(1.8, 0.2, 16, 3, rng, phi, 4)
    ends = rng.standard_normal((2, 4))
    layers = list(trace(curve(*ends), net))
    t = np.linspace(0, SPANS[curve], 200_001)
    basis = t[None] if curve is line else np.stack([np.cos(t), np.sin(t)])
    for layer, h in zip(layers, sampled_layers(curve, ends, net, basis)):
        x = np.clip(h, -1, 1) if phi == "hard_tanh" else np.maximum(h, 0)
        u = x / np.sqrt(np.sum(x * x, axis=0))
        for exact, points in ((layer.length(), x),
                              (layer.angle(), u)):
            chords = np.sqrt(np.sum(np.diff(points, axis=1) ** 2, axis=0)).sum()
            assert chords <= exact + 1e-9 and exact == pytest.approx(chords, rel=2e-4)


def test_lengths_in_closed_form():
    ellipse = one_layer(np.eye(2), [0.0, 0.0], circle([3.0, 0.0], [0.0, 1.0]), "linear")
    t = 2 * np.pi * np.arange(200) / 200  # the trapezoid rule is exact for a periodic integrand
    perimeter = np.mean(np.sqrt(9 * np.sin(t) ** 2 + np.cos(t) ** 2)) * 2 * np.pi
    assert ellipse.length() == pytest.approx(perimeter, rel=1e-13)
    straight = one_layer(np.eye(2), [0.0, 0.0], line([1.0, 0.0], [1.0, 5.0]), "linear")
    assert straight.length() == pytest.approx(5.0, rel=1e-15)
    assert straight.angle() == pytest.approx(np.arctan(5.0), rel=1e-15)
    back = one_layer([[1.0, 0.0]], [0.0], circle([1.0, 0.0], [0.0, 1.0]), "linear")
    assert back.length() == pytest.approx(4.0, rel=1e-13)  # there and back
    beside = one_layer([[1.0, 0.0], [0.0, 0.0]], [0.0, 2.0], circle([1.0, 0.0], [0.0, 1.0]),
                       "linear")
    assert beside.angle() == pytest.approx(4 * np.arctan(0.5), rel=1e-9)


@pytest.mark.parametrize("distance", [1e-2, 1e-4])
def test_passing_close_to_the_origin_turns_the_direction(distance):
    near = one_layer(np.eye(2), [0.0, distance], arc([1.0, 0.0], [0.0, 0.0], 2.0), "linear")
    exact = np.pi - np.arctan(distance) - np.arctan(-distance / np.cos(2.0))
    assert near.angle() == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("distance", [1e-7, 1e-10, 0.0])
def test_an_angle_that_cannot_be_resolved_says_so(distance):
    near = one_layer(np.eye(2), [0.0, distance], arc([1.0, 0.0], [0.0, 0.0], 2.0), "linear")
    with pytest.raises(Untrusted) as told:
        near.angle()
    assert told.value.best >= 0


def test_counts_hold_what_each_trace_says():
    net = random_network(6, [10] * 3, 1, 1.8, 0.3, networks=2, seed=8, phi="hard_tanh")
    [path] = random_arcs(1, 6, seed=8)
    told = count_transitions(path, net, lengths=True)
    layers = list(trace(path, net[1]))
    t = np.linspace(0, np.pi / 2, 100_001)
    x = np.stack([np.cos(t), np.sin(t)], axis=1) @ path.frame
    assert told.length_before[1, 0] == pytest.approx(np.pi / 2 * np.sqrt(6), rel=1e-12)
    assert told.angle_before[1, 0] == pytest.approx(np.pi / 2, rel=1e-6)
    assert np.array_equal(told.length_before[:, 1:], told.length[:, :-1])
    assert told.angle_before[1, 2] == layers[1].angle()
    for i, (w, b) in enumerate(hidden(net[1])):
        h = x @ w.T + b
        x = np.clip(h, -1, 1)
        assert told.sign_transitions[1, i] == np.count_nonzero(np.diff(h > 0, axis=0))
        assert told.transitions[1, i] == np.count_nonzero(np.diff(x == 1, axis=0)) \
            + np.count_nonzero(np.diff(x == -1, axis=0))
        assert told.length[1, i] == pytest.approx(
            np.sqrt(np.sum(np.diff(x, axis=0) ** 2, axis=1)).sum(), rel=1e-4)
        assert told.pieces[1, i] == layers[i].number
    plain = count_transitions([path] * 2, net)
    for name in ("sign_transitions", "transitions", "pieces"):
        assert getattr(plain, name).dtype == np.int64
        assert np.array_equal(getattr(plain, name), getattr(told, name))
    assert told.layer.tolist() == [1, 2, 3] and told.networks == 2


def test_random_arcs_are_orthogonal_and_random():
    frames = np.array([path.frame for path in random_arcs(4000, 3, seed=0)])
    gram = frames @ frames.transpose(0, 2, 1)
    assert np.abs(gram - 3 * np.eye(2)).max() < 1e-12
    assert np.abs(frames.mean(axis=0)).max() < 0.1
    assert np.abs(frames.transpose(1, 2, 0) @ frames.transpose(1, 0, 2) / 4000
                  - np.eye(3)).max() < 0.1
    assert np.array_equal(random_arcs(1, 3, seed=0)[0].frame, frames[0])


def test_too_many_pieces_is_an_error():
    net = sample_network(1.5, 0.1, 20, 3, 0, "relu", 3)
    given = []
    with pytest.raises(Untrusted) as told:
        for layer in trace(line(-np.ones(3), np.ones(3)), net, most=15):
            given.append(layer)
    assert told.value.best > 15 and all(layer.number <= 15 for layer in given)


@pytest.mark.parametrize("call, words", [
    (lambda: line([1.0], [1.0, 2.0]), "x1 must have shape"),
    (lambda: arc([1.0], [2.0], 7.0), "stop must be at most 6.28319, got 7"),
    (lambda: arc([1.0], [2.0], 0.0), "stop must be at least 1e-09, got 0"),
    (lambda: one_layer([[1.0]], [0.0], line([0.0], [1.0]), "tanh"), "phi must be straight"),
    (lambda: one_layer([[1.0]], [0.0], line([0.0], [1.0]), SIGN), "phi: sign jumps"),
    (lambda: one_layer([[1.0, 2.0]], [0.0], line([0.0], [1.0])), "path must have 2 inputs"),
    (lambda: list(trace(line([0.0], [1.0]), random_network(1, 2, 1, 1, 0, networks=2, seed=0))),
     "net must be one network, got 2"),
    (lambda: list(trace(line([0.0], [1.0]),
                         random_network(1, 2, 1, 1, 0, seed=0, batch_norm=True))),
     "without normalisation"),
    (lambda: count_transitions([line([0.0], [1.0])] * 2, sawtooth(1)), "paths must be one, or"),
    (lambda: count_patterns([]), "pieces must hold"),
    (lambda: one_layer([[np.nan]], [0.0], line([0.0], [1.0])), "must be finite"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("depth", [1, 2, 7, 15])
def test_the_sawtooth_is_the_tent_composed_with_itself(depth):
    net, x = sawtooth(depth), np.linspace(0, 1, 4097)
    y = x
    for _ in range(depth):
        y = 1 - np.abs(1 - 2 * y)
    z = forward_points(net, x[:, None]) @ net.weights[-1][0, 0] * np.sqrt(2)
    assert np.array_equal(z, y) or np.allclose(z, y, rtol=0, atol=1e-15)
    layers = list(trace(line([0.0], [1.0]), net))
    assert layers[-1].number == 2**depth == count_patterns(layers)[-1]


def test_sampling_loses_transitions_and_never_invents_one():
    net = sample_network(4.0, 0.0, 20, 6, 3, "hard_tanh", 5)
    [path] = random_arcs(1, 5, seed=1)
    exact = count_transitions(path, net).transitions
    lost = [exact - sampled_transitions(path, net, n) for n in (50, 500, 200_001)]
    assert lost[0].sum() > lost[1].sum() > lost[2].sum() == 0 and np.min(lost) >= 0


def test_many_networks_with_many_arcs():
    net = random_network(4, [6, 6], 1, 1.5, 0.2, networks=400, seed=3, phi="relu")
    paths = random_arcs(400, 4, seed=3, stop=2 * np.pi, radius=0.5)
    assert np.allclose([path.frame @ path.frame.T for path in paths], np.eye(2))
    frames = np.array([path.frame for path in paths])
    overlap = np.einsum("nij,nkj->nik", net.weights[0], frames)  # independent: normal, of 0.75
    assert np.abs(overlap.mean(axis=0)).max() < 0.2
    assert overlap.std() == pytest.approx(0.75, rel=0.05)
    some = count_transitions(paths[:3], net[:3]).transitions
    assert np.array_equal(some, [[layer.transitions.sum() for layer in trace(path, one)]
                                 for path, one in zip(paths, net[:3])])


def test_a_closed_curve_passes_a_level_an_even_number_of_times():
    """Circles aligned to a neuron's weights: zeros within rounding of the quarters' ends."""
    for path in random_arcs(60, 8, seed=0, stop=2 * np.pi):
        rows = np.vstack([path.frame / np.sqrt(8), [[1e-15, 5] @ path.frame],
                          [[5, 1e-15] @ path.frame]])
        layer = one_layer(rows, np.zeros(4), path, "hard_tanh")
        assert layer.sign_transitions.tolist() == [2, 2, 2, 2]


def exact_transitions(x0, x1, layers, kinks, parts):
    """Transitions of every layer along a line, all numbers fractions; phi is given by parts."""
    pieces = [(Fraction(0), Fraction(1), [Fraction(x) for x in x0],
               [Fraction(y) - Fraction(x) for x, y in zip(x0, x1)])]
    counts = []
    for w, b in layers:
        rows, patterns = [[Fraction(v) for v in row] for row in w.tolist()], []
        finer = []
        for start, stop, at, slope in pieces:
            h = [sum(v * a for v, a in zip(row, at)) + Fraction(c) for row, c in zip(rows, b)]
            dh = [sum(v * a for v, a in zip(row, slope)) for row in rows]
            cuts = {(kink - a) / d for a, d in zip(h, dh) if d for kink in kinks}
            nodes = [start, *sorted(t for t in cuts if start < t < stop), stop]
            for left, right in zip(nodes, nodes[1:]):
                values = [a + d * (left + right) / 2 for a, d in zip(h, dh)]
                patterns.append([sum(v > kink for kink in kinks) for v in values])
                of = [parts[region] for region in patterns[-1]]
                finer.append((left, right, [m * a + c for (m, c), a in zip(of, h)],
                              [m * d for (m, _), d in zip(of, dh)]))
        pieces = finer
        counts.append(int(np.abs(np.diff(patterns, axis=0)).sum()))
    return counts


@pytest.mark.parametrize("phi, kinks, parts", [
    ("relu", [0], [(0, 0), (1, 0)]), ("hard_tanh", [-1, 1], [(0, -1), (1, 0), (0, 1)])])
def test_half_integer_weights_against_exact_fractions(phi, kinks, parts):
    """Here neurons that stay on a kink for a whole stretch are common; rounding moves them off."""
    rng = np.random.default_rng(0)
    for _ in range(400):
        inputs, width, depth = rng.integers(1, 3), rng.integers(2, 5), rng.integers(1, 4)
        sizes = [inputs, *[width] * depth, 1]
        weights = [rng.integers(-3, 4, (a, b)) / 2
                   for b, a in zip(sizes, sizes[1:])]
        biases = [rng.integers(-2, 3, a) / 2 for a in sizes[1:]]
        x0, x1 = rng.integers(-3, 4, (2, inputs)).astype(float)
        net = Network(weights, biases, phi)
        [found] = count_transitions(line(x0, x1), net).transitions
        assert found.tolist() == exact_transitions(x0, x1, hidden(net), kinks, parts)


def test_a_read_out_alone_has_no_pieces():
    with pytest.raises(ValueError, match="no hidden layer"):
        count_transitions(line([0.0], [1.0]), Network([[[1.0]]], phi="relu"))


@pytest.mark.parametrize("phi", ["hard_tanh", "relu"])
def test_the_read_out_follows_as_a_layer_without_kinks(phi):
    net = random_network(3, [8, 8], 2, 3.0, 0.4, seed=4, phi=phi)
    [path] = random_arcs(1, 3, seed=4, stop=2 * np.pi)
    *layers, last = trace(path, net, outputs=True)
    assert len(layers) == 2 and last.number == layers[-1].number
    assert last.transitions.tolist() == [0, 0]
    above = net.forward(path.at(np.linspace(0, 2 * np.pi, 400_001)))[0] > 0
    changes = np.sum(above[1:] != above[:-1], axis=0)
    assert last.sign_transitions.tolist() == changes.tolist() and changes.min() > 0
