"""Sampled sweeps: repeated by hand on a fine grid, and their mean against Kac-Rice."""
import numpy as np
import pytest

from lib.networks.readout import sample_network
from lib.networks.sweeps import sampled_sweeps
from lib.theory.kac_rice import circle_transitions


def labellings(h):
    """Distinct rows of signs of every neuron; h has shape (t, inputs, neurons)."""
    bits = np.einsum("tsi,s->ti", h > 0, 1 << np.arange(h.shape[1]))
    return [len(np.unique(neuron)) for neuron in bits.T]


@pytest.mark.parametrize("below, sigma_b", [(0, 0.0), (2, 0.7)])
def test_the_same_networks_on_a_grid(below, sigma_b):
    swept = sampled_sweeps(2.5, sigma_b, 6, 2, 4, networks=2, rng=3, below=below)
    assert swept.dichotomies.shape == swept.transitions.shape == (2, 3, 6)
    rng = np.random.default_rng(3)
    t = 2 * np.pi * (np.arange(40_000) + 0.5)[:, None, None] / 40_000
    for found in swept.dichotomies:
        net = sample_network(2.5, sigma_b, 6, below + 3, rng, "hard_tanh")
        other = sample_network(2.5, sigma_b, 6, 1, rng, "hard_tanh").weights[0]
        x = rng.standard_normal((4, 6))
        for w, b in zip(net.weights[:below], net.biases):
            x = np.clip(x @ w.T + b, -1, 1)
        h = np.cos(t) * (x @ net.weights[below].T) + np.sin(t) * (x @ other.T)
        h = h + net.biases[below]
        for layer in range(3):
            seen = labellings(h)
            # a grid can miss a labelling that lasts a moment, and see none that is not there
            assert np.all(seen <= found[layer]) and np.sum(found[layer] - seen) <= 2
            if layer < 2:
                h = np.clip(h, -1, 1) @ net.weights[below + layer + 1].T \
                    + net.biases[below + layer + 1]


def test_mean_transitions_by_kac_rice():
    w, k, s = 8**0.5, 40, 6
    swept = sampled_sweeps(w, 0.0, k, 4, s, networks=6, rng=1)
    seen = swept.transitions.mean(axis=2)
    assert np.all(seen[:, 0] == 2 * s)
    error = seen.std(axis=0, ddof=1) / 6**0.5
    expected = s * circle_transitions(w**2, w, 0.0, 5, k)
    assert np.all(np.abs(seen.mean(axis=0) - expected) < 4 * error + 0.02 * expected)
    assert np.all(swept.dichotomies <= np.minimum(swept.transitions, 2**s))


@pytest.mark.parametrize("change, error", [
    ({"remaining": -1}, "remaining must be at least 0"),
    ({"below": -1}, "below must be at least 0"), ({"inputs": 0}, "inputs must be at least 1"),
    ({"networks": 0}, "networks must be at least 1"), ({"sigma_w": -1}, "sigma_w must be")])
def test_bad_arguments_are_named(change, error):
    given = {"sigma_w": 1.0, "sigma_b": 0.0, "width": 3, "remaining": 1, "inputs": 2,
             "networks": 1, "rng": 0} | change
    with pytest.raises(ValueError, match=error):
        sampled_sweeps(**given)
