"""Exponents of random networks against the mean field: z-scores over networks.

Of two inputs one is as long as the fixed point wants it and the other zero. The tangent along the
second is orthogonal to the point, so that in wide networks its squared length grows by ``chi1`` a
layer, the first included; at width N the mean of its logarithm is off by order L / N, which
extrapolation from N and 2 N takes out.
"""
import numpy as np
import pytest

from lib.measure.lyapunov import leading
from lib.networks.jacobians import cauchy_green, layer_gains
from lib.networks.network import random_network
from lib.theory.meanfield import MeanField

CASES = {"deep in order": (0.5, 0.3, "tanh"), "ordered": (1.3, 0.3, "tanh"),
         "critical": (1.395583975, 0.3, "tanh"), "chaotic": (2.5, 0.3, "tanh"),
         "deep in chaos": (6.0, 0.3, "tanh"), "ordered erf": (1.0, 0.2, "erf"),
         "chaotic sine": (1.5, 0.2, "sin")}
DEPTH = 12


def exponents(sigma_w, sigma_b, phi, q, width, seed, networks=200):
    """Of the tangent along the second input, one a network."""
    nets = random_network(2, [width] * DEPTH, 1, sigma_w, sigma_b, networks=networks, seed=seed,
                          phi=phi)
    field = cauchy_green(nets.hidden_part, [[np.sqrt(2 * (q - sigma_b**2)) / sigma_w, 0.0]])
    log = leading(field.gram[:, 0, 1:, 1:], field.log_scale[:, 0]).log
    return (log - 0.5 * np.log(width / 2)) / DEPTH


def z_score(sigma_w, sigma_b, phi, q, theory):
    narrow, wide = (exponents(sigma_w, sigma_b, phi, q, n, seed=n) for n in (40, 80))
    error = np.sqrt((4 * wide.var() + narrow.var()) / len(wide))
    assert error < 0.02
    return (2 * wide.mean() - narrow.mean() - theory) / np.hypot(error, 10.0 / 80**2)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_exponent_is_half_the_logarithm_of_chi1(case):
    sigma_w, sigma_b, phi = CASES[case]
    theory = MeanField(sigma_w, sigma_b, phi)
    expected = 0.5 * np.log(float(theory.chi1))
    assert abs(z_score(sigma_w, sigma_b, phi, float(theory.q_star), expected)) < 3.5


@pytest.mark.slow
@pytest.mark.parametrize("sigma_w", [0.8, np.sqrt(2.0), 2.2])
def test_relu_whose_mean_gain_is_half_the_square_of_sigma_w(sigma_w):
    assert abs(z_score(sigma_w, 0.0, "relu", 1.0, 0.5 * np.log(sigma_w**2 / 2))) < 3.5


def test_random_wide_layers_have_the_gain_chi1():
    law = MeanField(1.8, 0.2)
    nets = random_network(600, [600] * 5, 1, 1.8, 0.2, networks=4, seed=1)
    x = np.sqrt(law.q_star) / 1.8 * np.random.default_rng(1).standard_normal((5, 600))
    got = layer_gains(nets.hidden_part, x)[:, -2:]
    assert abs(got.mean() - float(law.chi1)) < 0.02
