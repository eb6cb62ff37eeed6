"""Bounds against explicit networks, their patterns counted one by one."""
from itertools import combinations, product

import numpy as np
import pytest

from lib.theory.bounds import layer_patterns, patterns_bound, patterns_chain


def arrangement(width, inputs, thresholds, seed):
    """Patterns of one random layer, counted from the arrangement's own faces.

    Every region touches a vertex when there are at least as many hyperplanes as dimensions, so
    the regions are found by stepping a little away from all vertices in all directions.
    """
    rng = np.random.default_rng(seed)
    w, b = rng.standard_normal((width, inputs)), rng.standard_normal(width)
    planes = [(i, t) for i in range(width) for t in thresholds]
    seen = set()
    for some in combinations(planes, inputs):
        rows = [i for i, _ in some]
        if len(set(rows)) < inputs:
            continue
        vertex = np.linalg.solve(w[rows], [t - b[i] for i, t in some])
        for signs in product((-1e-7, 1e-7), repeat=inputs):
            h = w @ (vertex + np.linalg.solve(w[rows], np.array(signs))) + b
            seen.add(tuple(np.searchsorted(thresholds, h)))
    return len(seen)


@pytest.mark.parametrize("phi, thresholds", [("relu", [0.0]), ("hard_tanh", [-1.0, 1.0])])
@pytest.mark.parametrize("width, inputs", [(4, 2), (8, 2), (3, 1), (5, 3), (4, 4)])
def test_one_layer_attains_the_count(phi, thresholds, width, inputs):
    assert arrangement(width, inputs, thresholds, seed=width + inputs) \
        == layer_patterns(width, inputs, phi)


def test_counts_of_the_papers():
    assert [layer_patterns(k, 2) for k in (4, 8)] == [11, 37]
    assert [layer_patterns(k, 2, "hard_tanh") for k in (4, 8)] == [33, 129]
    assert layer_patterns(8, 2) < layer_patterns(8, 2, "hard_tanh") < layer_patterns(16, 2)
    assert patterns_bound(8, 3, 2) == 50653
    assert patterns_bound(4, 3, 2, phi="hard_tanh", printed=True) == 262144
    assert [patterns_bound(4, n, 2, phi="sign") for n in (1, 5)] == [11, 11]


def test_deep_sign_network_stays_below_its_first_layer():
    rng = np.random.default_rng(3)
    x, patterns = 3.0 * rng.standard_normal((20_000, 2)), []
    for before in (2, 4, 4):
        x = np.sign(x @ rng.standard_normal((before, 4)) + rng.standard_normal(4))
        patterns.append(x)
    found = np.unique(np.concatenate(patterns, axis=1), axis=0)
    assert len(found) == len(np.unique(patterns[0], axis=0)) <= patterns_bound(4, 3, 2, phi="sign")


def test_chain_of_the_sheet_and_its_limits():
    two, ten = patterns_chain(64, 2), patterns_chain(64, 10)
    assert two.depth == [1, 2, 4, 8, 16, 32, 64] and two.width[0] == 64
    assert two.log10_sharp[:6] == pytest.approx([3.32, 5.45, 8.55, 12.55, 16.66, 19.27], abs=5e-3)
    assert ten.log10_sharp[:6] == pytest.approx([11.27, 16.06, 19.07, 19.27, 19.27, 19.27],
                                                abs=5e-3)
    assert np.all(np.diff(two.log10_printed)[:4] > 0)  # k = 64, 32, 16, 8, 4
    assert two.log10_printed[4] == pytest.approx(two.log10_printed[5], rel=1e-14)  # 4 and 2
    assert ten.log10_sharp[-1] == pytest.approx(64 * np.log10(2), rel=1e-14)
    assert patterns_chain(16, 20, "hard_tanh").log10_sharp == pytest.approx(
        np.full(5, 16 * np.log10(3)), rel=1e-14)


@pytest.mark.parametrize("call, error", [
    (lambda: layer_patterns(0, 2), "width must be at least 1"),
    (lambda: layer_patterns(2, 0), "inputs must be at least 1"),
    (lambda: layer_patterns(2, 2, "tanh"), "phi must be 'relu' or 'hard_tanh' or 'sign'"),
    (lambda: patterns_bound(2, 0, 2), "depth must be at least 1"),
    (lambda: patterns_bound(2, 1, 2, phi="sign", printed=True), "phi must be .* got 'sign'"),
    (lambda: patterns_chain(0, 2), "neurons must be at least 1")])
def test_bad_counts_are_named(call, error):
    with pytest.raises(ValueError, match=error):
        call()
