"""Theory against simulation: here, and in the notebooks, lib.theory and lib.networks meet.

Means over sampled networks as z-scores against mean-field curves. The curves are the limit of
infinite width; at width N the mean is off by order 1/N, which the widths and the numbers of
networks below keep under the standard error, or which is taken out by extrapolation.
"""
import numpy as np
import pytest

from lib.networks.ensemble import Ensemble, correlations, grams, lengths, pairs
from lib.theory import meanfield as mf
from lib.theory.finite_width import band

PHASES = {"ordered": (1.3, 0.3), "critical": (1.395583975, 0.3), "chaotic": (2.5, 0.3)}
LAYERS = 8


def simulate(sigma_w, sigma_b, gram, width, networks, phi="tanh", exact=True, seed=11,
             layers=LAYERS):
    nets = Ensemble(sigma_w, sigma_b, width, networks, rng=seed, phi=phi)
    return grams(nets.layers(nets.inputs(gram, exact=exact), layers))


def z_scores(samples, theory, bias=0.0):
    """Samples (layers, networks, ...) against (layers, ...); an exact first layer is left out."""
    error = samples.std(axis=1, ddof=1) / np.sqrt(samples.shape[1])
    return ((samples.mean(axis=1) - theory) / np.hypot(error, bias))[1:]


@pytest.mark.parametrize("phi", ["tanh", "erf", "relu", "hard_tanh", "gelu", "elu"])
@pytest.mark.parametrize("phase", PHASES)
def test_length_orbits(phase, phi):
    w, b = PHASES[phase]
    if phi in ("relu", "gelu", "elu"):
        w = {"ordered": 1.0, "critical": 1.2, "chaotic": 1.35}[phase]
    start = np.array([0.1, 1.0, 4.0])
    theory = mf.length_orbit(start, w, b, LAYERS, phi=phi)
    q = lengths(simulate(w, b, np.diag(start), 1000, 40, phi))
    assert np.abs(z_scores(q, theory, bias=2e-3 * theory)).max() < 4


@pytest.mark.parametrize("phi", ["tanh", "erf", "hard_tanh"])
@pytest.mark.parametrize("phase", PHASES)
def test_correlation_orbits(phase, phi):
    w, b = PHASES[phase]
    c = np.array([0.0, 0.5, 0.9, 0.999])
    q = float(mf.q_star(w, b, phi=phi))
    theory = 1 - mf.deficit_orbit(1 - c, w, b, LAYERS, phi=phi)
    got = correlations(simulate(w, b, pairs(q, c), 1000, 60, phi))
    assert np.abs(z_scores(got, theory, bias=3.0 / 1000)).max() < 4


@pytest.mark.parametrize("phase", PHASES)
def test_the_gap_to_theory_falls_as_one_over_the_width(phase):
    """2 mean(2N) - mean(N) has no 1/N term left: a sharper z than either width alone allows."""
    w, b = PHASES[phase]
    q, layers = float(mf.q_star(w, b)), 5
    theory = 1 - mf.deficit_orbit(0.5, w, b, layers)
    narrow, wide = (correlations(simulate(w, b, pairs(q, [0.5]), n, 4000, seed=n, layers=layers))
                    [..., 0] for n in (40, 80))
    extrapolated = 2 * wide.mean(axis=1) - narrow.mean(axis=1)
    error = np.sqrt(4 * wide.var(axis=1) + narrow.var(axis=1))[1:] / np.sqrt(4000)
    assert np.abs((extrapolated - theory)[1:] / np.hypot(error, 5.0 / 80**2)).max() < 4


@pytest.mark.parametrize("phase", PHASES)
def test_two_inputs_of_different_lengths(phase):
    w, b = PHASES[phase]
    state, theory = (0.4, 5.0, 0.6), []
    for _ in range(5):
        theory.append([float(x) for x in state])
        state = mf.pair_map(*state, w, b)
    q, r, c = np.array(theory).T
    cross = 0.6 * np.sqrt(0.4 * 5.0)
    g = simulate(w, b, [[0.4, cross], [cross, 5.0]], 1000, 60, layers=5)
    for i, j, line in ((0, 0, q), (1, 1, r), (0, 1, c * np.sqrt(q * r))):
        assert np.abs(z_scores(g[..., i, j], line, bias=2e-3 * line)).max() < 4


@pytest.mark.parametrize("phase", ["ordered", "chaotic"])
def test_a_tiny_deficit_shrinks_and_grows_at_the_rate_chi1(phase):
    """Far below what 1 - c could hold: the mean of |h1 - h2|^2 / 2N is q* d chi1^l, exactly."""
    w, b = PHASES[phase]
    q, d = float(mf.q_star(w, b)), 1e-12
    nets = Ensemble(w, b, 1000, 60, rng=2)
    h = nets.inputs([[q, 0.0], [0.0, q]], exact=True)
    h[..., 1] = h[..., 0] + np.sqrt(2 * d) * h[..., 1]
    gaps = np.array([0.5 * ((x[..., 1] - x[..., 0]) ** 2).mean(axis=1)
                     for x in nets.layers(h, LAYERS)])
    theory = q * mf.deficit_orbit(d, w, b, LAYERS)
    assert np.abs(z_scores(gaps, theory, bias=1e-2 * theory)).max() < 4


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("phase", PHASES)
def test_the_spread_over_networks_is_the_band(phase, exact):
    w, b = PHASES[phase]
    q, width = float(mf.q_star(w, b)), 200
    predicted = band(q, q, 0.5, w, b, 5, width, exact=exact)
    g = simulate(w, b, pairs(q, [0.5]), width, 2000, exact=exact, layers=5)
    first = 1 if exact else 0
    for samples, sd in ((lengths(g)[..., 0], predicted.sd_q),
                        (correlations(g)[..., 0], predicted.sd_c)):
        assert np.abs(samples.std(axis=1)[first:] / sd[first:] - 1).max() < 0.10


def test_explicit_weights_agree_too():
    w, b = PHASES["chaotic"]
    q = float(mf.q_star(w, b))
    nets = Ensemble(w, b, 200, 60, rng=4)
    g = grams(nets.layers(nets.inputs(pairs(q, [0.5]), exact=True), 4, dense=True))
    theory = 1 - mf.deficit_orbit(0.5, w, b, 4)
    assert np.abs(z_scores(correlations(g)[..., 0], theory, bias=1e-2)).max() < 4
    assert np.abs(z_scores(lengths(g)[..., 0], np.full(4, q), bias=1e-2 * q)).max() < 4


def test_deep_networks_reach_the_fixed_point_whatever_they_start_from():
    w, b = PHASES["chaotic"]
    nets = Ensemble(w, b, 1000, 20, rng=7)
    *_, last = nets.layers(nets.inputs(pairs(1.0, [0.9, -0.5])), 40)
    g = grams([last])[0]
    c, error = correlations(g).mean(), correlations(g).std() / np.sqrt(40)
    assert abs(c - mf.c_star(w, b)) < 4 * np.hypot(error, 3e-3)
    assert abs(lengths(g).mean() / mf.q_star(w, b) - 1) < 0.01
