"""Theory against simulation: here, and in the notebooks, lib.theory and lib.networks meet.

Means over sampled networks as z-scores against mean-field curves. The curves are the limit of
infinite width; at width N the mean is off by order 1/N, which the widths and the numbers of
networks below keep under the standard error, or which is taken out by extrapolation.
"""
import numpy as np
import pytest

from lib import Ensemble, MeanField, activation
from lib.activations import critical_coefficients, hermite
from lib.theory.hermite import conditions, features

PHASES = {"ordered": (1.3, 0.3), "critical": (1.395583975, 0.3), "chaotic": (2.5, 0.3)}
LAYERS = 8


def simulate(sigma_w, sigma_b, q, c=None, *, width, networks, phi="tanh", seed=11, depth=LAYERS,
             **others):
    nets = Ensemble(sigma_w, sigma_b, width=width, networks=networks, seed=seed, phi=phi)
    return nets.run(q, c, depth=depth, **others)


def z_scores(samples, theory, bias=0.0):
    """Samples (networks, layers, ...) against (layers, ...); the exact first layer left out."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return ((samples.mean(axis=0) - theory) / np.hypot(error, bias))[1:]


@pytest.mark.parametrize("phi", ["tanh", "erf", "relu", "hard_tanh", "gelu", "elu"])
@pytest.mark.parametrize("phase", PHASES)
def test_length_orbits(phase, phi):
    w, b = PHASES[phase]
    if phi in ("relu", "gelu", "elu"):
        w = {"ordered": 1.0, "critical": 1.2, "chaotic": 1.35}[phase]
    start = np.array([0.1, 1.0, 4.0])
    told = MeanField(w, b, phi).run(start, depth=LAYERS)
    seen = simulate(w, b, start, width=1000, networks=40, phi=phi)
    assert np.allclose(seen.q[:, 0], told.q[0], rtol=1e-13, atol=0)
    assert np.abs(z_scores(seen.q, told.q, bias=2e-3 * told.q)).max() < 4


@pytest.mark.parametrize("phi", ["tanh", "erf", "hard_tanh"])
@pytest.mark.parametrize("phase", PHASES)
def test_correlation_orbits(phase, phi):
    theory = MeanField(*PHASES[phase], phi)
    c = np.array([0.0, 0.5, 0.9, 0.999])
    told = theory.run(theory.q_star, c, depth=LAYERS)
    seen = simulate(*PHASES[phase], theory.q_star, c, width=1000, networks=60, phi=phi)
    assert np.allclose(seen.c[:, 0], told.c[0], rtol=0, atol=1e-14)
    assert np.abs(z_scores(seen.c, told.c, bias=3.0 / 1000)).max() < 4
    assert np.abs(z_scores(seen.deficit, told.deficit, bias=3.0 / 1000)).max() < 4


@pytest.mark.parametrize("phase", PHASES)
def test_the_gap_to_theory_falls_as_one_over_the_width(phase):
    """2 mean(2N) - mean(N) has no 1/N term left: a sharper z than either width alone allows."""
    theory, layers = MeanField(*PHASES[phase]), 5
    told = theory.run(theory.q_star, 0.5, depth=layers).c[:, 0]
    narrow, wide = (simulate(*PHASES[phase], theory.q_star, 0.5, width=n, networks=4000, seed=n,
                             depth=layers).c[..., 0] for n in (40, 80))
    extrapolated = 2 * wide.mean(axis=0) - narrow.mean(axis=0)
    error = np.sqrt(4 * wide.var(axis=0) + narrow.var(axis=0))[1:] / np.sqrt(4000)
    assert np.abs((extrapolated - told)[1:] / np.hypot(error, 5.0 / 80**2)).max() < 4


@pytest.mark.parametrize("phase", PHASES)
def test_two_inputs_of_different_lengths(phase):
    w, b = PHASES[phase]
    theory, state, told = MeanField(w, b), (0.4, 5.0, 0.6), []
    for _ in range(5):
        told.append([float(x) for x in state])
        state = theory.pair_map(*state)
    q, r, c = np.array(told).T
    points = np.sqrt([[0.4], [5.0]]) * [[1.0, 0.0], [0.6, 0.8]]
    nets = Ensemble(w, b, width=1000, networks=60, seed=11)
    g = np.stack([m.h @ np.swapaxes(m.h, 1, 2) / 1000
                  for m in nets.layers(1.0, curve=(points,), depth=5)], axis=1)
    for i, j, line in ((0, 0, q), (1, 1, r), (0, 1, c * np.sqrt(q * r))):
        assert np.abs(z_scores(g[..., i, j], line, bias=2e-3 * line)).max() < 4


@pytest.mark.parametrize("phase", ["ordered", "chaotic"])
def test_a_tiny_deficit_shrinks_and_grows_at_the_rate_chi1(phase):
    """Far below what 1 - c could hold."""
    theory, d = MeanField(*PHASES[phase]), 1e-12
    told = theory.run(theory.q_star, deficit=d, depth=LAYERS).deficit
    seen = simulate(*PHASES[phase], theory.q_star, deficit=d, width=1000, networks=60, seed=2)
    assert np.abs(z_scores(seen.deficit, told, bias=1e-2 * told)).max() < 4


@pytest.mark.parametrize("phase", PHASES)
def test_the_spread_over_networks_is_the_band(phase):
    theory, width = MeanField(*PHASES[phase]), 200
    told = theory.run(theory.q_star, 0.5, depth=5, width=width)
    seen = simulate(*PHASES[phase], theory.q_star, 0.5, width=width, networks=2000, depth=5)
    for samples, sd in ((seen.q, told.sd_q), (seen.c, told.sd_c)):
        assert np.abs(samples.std(axis=0)[1:] / sd[1:] - 1).max() < 0.10
        assert samples.std(axis=0)[0].max() < 1e-14 and np.all(sd[0] == 0.0)


def test_explicit_weights_agree_too():
    theory = MeanField(*PHASES["chaotic"])
    told = theory.run(theory.q_star, 0.5, depth=4)
    seen = simulate(*PHASES["chaotic"], theory.q_star, 0.5, width=200, networks=60, seed=4,
                    depth=4, dense=True)
    assert np.abs(z_scores(seen.c, told.c, bias=1e-2)).max() < 4
    assert np.abs(z_scores(seen.q, told.q, bias=1e-2 * told.q)).max() < 4


def test_a_grid_of_sigmas_agrees_in_every_corner():
    sigma_w, sigma_b = np.array([[1.3], [2.5]]), np.array([0.1, 0.5])
    theory = MeanField(sigma_w, sigma_b)
    told = theory.run(theory.q_star, [0.3, 0.9], depth=5)
    seen = simulate(sigma_w, sigma_b, theory.q_star, [0.3, 0.9], width=800, networks=60, depth=5)
    assert seen.c.shape == (60, 5, 2, 2, 2) and told.c.shape == (5, 2, 2, 2)
    assert np.abs(z_scores(seen.c, told.c, bias=3.0 / 800)).max() < 4
    assert np.abs(z_scores(seen.q, told.q, bias=3e-3 * told.q)).max() < 4


def test_deep_networks_reach_the_fixed_point_whatever_they_start_from():
    theory = MeanField(*PHASES["chaotic"])
    seen = simulate(*PHASES["chaotic"], 1.0, [0.9, -0.5], width=1000, networks=20, seed=7,
                    depth=40)
    c, error = seen.c[:, -1].mean(), seen.c[:, -1].std() / np.sqrt(40)
    assert abs(c - theory.c_star) < 4 * np.hypot(error, 3e-3)
    assert abs(seen.q[:, -1].mean() / theory.q_star - 1) < 0.01


@pytest.mark.parametrize("phi", ["relu", "tanh", "sigmoid", "gelu", "hermite"])
def test_a_sampled_layer_has_the_kernel_of_its_hermite_series(phi):
    """E phi(u) phi(v) = sum a_k^2 rho^k, and its slope, over pairs of neurons."""
    rho, of = np.array([0.05, 0.35, 0.65, 0.9]), features(phi, orders=200)
    h = next(Ensemble(1.0, 0.0, width=1000, networks=60, seed=3).layers(1.0, rho, depth=1)).h
    for order, f in enumerate(activation(phi).jet(h, 1)):
        seen, told = (f[:, ::2] * f[:, 1::2]).mean(axis=2), of.kernel(rho, order)[0]
        error = seen.std(axis=0, ddof=1) / np.sqrt(60)
        assert np.abs((seen.mean(axis=0) - told) / np.hypot(error, 2e-3 * told)).max() < 4


def test_lengths_of_our_hermite_activation_and_of_its_unstable_control():
    """Both keep length 1; signs decide whether a deviation dies or grows."""
    for phi, stable in (("hermite", True), (hermite(np.abs(critical_coefficients())), False)):
        w, start = conditions(phi).power ** -0.5, np.array([0.6, 1.6])
        told = MeanField(w, 0.0, phi).run(q=start, depth=10)
        seen = simulate(w, 0.0, start, width=1000, networks=40, phi=phi, depth=10)
        assert np.abs(z_scores(seen.q, told.q, bias=1e-2 * told.q)).max() < 4
        ends = seen.q[:, -1].mean(axis=0)
        assert np.allclose(ends, 1.0, atol=0.02) if stable else ends[0] < 0.4 and ends[1] > 10
