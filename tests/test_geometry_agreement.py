"""Curves through sampled networks against the recursions of lib.theory.geometry.

Bars: at width 1000, 8 networks, layer 10, metric within 5 %, squared curvature within 8 %,
Gauss-map length within 5 %. Statistically, z-scores once the shift of order depth / width is out.
"""
import numpy as np
import pytest

from lib import Ensemble, MeanField
from lib.networks.ensemble import circle

CRITICAL = float(MeanField(1.0, 0.3).critical_line(0.3))
FIELDS = "metric", "kappa2", "length_gauss"


def sampled(sigma_w, q, *, width, networks, depth, points=16, phi="tanh", dense=None):
    """Metric, squared curvature and Gauss-map length, shape (3, networks, layers)."""
    nets = Ensemble(sigma_w, 0.3, width=width, networks=networks, seed=1, phi=phi)
    run = nets.run(q, curve="circle", points=points, depth=depth, dense=dense)
    return np.stack([run.fields[name][..., 0] for name in FIELDS])


def expected(sigma_w, q, depth, phi="tanh"):
    """The same of the theory, shape (3, 1, layers)."""
    run = MeanField(sigma_w, 0.3, phi).run(q, curve="circle", depth=depth)
    return np.stack([run.fields[name][..., 0] for name in FIELDS])[:, None]


@pytest.mark.parametrize("sigma_w", [1.3, CRITICAL, 2.5, 4.0])
def test_bars_at_layer_10(sigma_w):
    q = float(MeanField(sigma_w, 0.3).q_star)
    ratio = (sampled(sigma_w, q, width=1000, networks=8, depth=10)
             / expected(sigma_w, q, 10))
    assert np.all(np.abs(ratio[:, :, 0] - 1) < 1e-12)  # the circle itself
    assert np.all(np.abs(ratio[:, :, 9].mean(axis=1) - 1) < [0.05, 0.08, 0.05])


@pytest.mark.slow
@pytest.mark.parametrize("sigma_w, q1", [(1.3, 0.607), (2.5, 1.0), (2.5, 9.0), (4.0, 12.6)])
def test_agreement_after_the_shift_of_order_one_over_width(sigma_w, q1):
    """Widths 100 and 400 extrapolated to infinite width: within 3.5 standard errors."""
    theory = expected(sigma_w, q1, 4)
    narrow, wide = ((sampled(sigma_w, q1, width=width, networks=networks, depth=4, points=4)
                     / theory)[:, :, 1:] for width, networks in ((100, 800), (400, 400)))
    mean = (4 * wide.mean(axis=1) - narrow.mean(axis=1)) / 3
    error = np.hypot(4 * wide.std(axis=1) / np.sqrt(400), narrow.std(axis=1) / np.sqrt(800)) / 3
    assert np.all(np.abs(mean - 1) < 3.5 * error)
    assert np.all(error < 0.03)  # a missing 3, or chi1^l for chi1^(l-1), would show


def test_dense_weights_agree_too():
    ratio = (sampled(1.5, 2.0, width=500, networks=24, depth=5, points=8, phi="erf", dense=True)
             / expected(1.5, 2.0, 5, phi="erf"))[:, :, 1:]
    shift = 1.5 * np.arange(1, 5) * 5 / 500  # some depth / width
    error = ratio.std(axis=1) / np.sqrt(24)
    assert np.all(np.abs(ratio.mean(axis=1) - 1) < 3.5 * error + shift)
    assert np.all(error < 0.03)


@pytest.mark.slow
def test_linear_networks_keep_the_gauss_map():
    nets = Ensemble(1.2, 0.3, width=200, networks=4, phi="linear")
    run = nets.run(1.0, curve="circle", points=128, depth=30, dense=False)
    assert np.allclose(run.length_gauss, 2 * np.pi, rtol=1e-10, atol=0)


@pytest.mark.parametrize("sigma_w", [1.3, 2.5])
def test_euclidean_length_and_autocorrelation_agree(sigma_w):
    """To leading order the length is that of the metric; c is the orbit of every angle."""
    theory, depth = MeanField(sigma_w, 0.3), 5
    q = float(theory.q_star)
    told = theory.run(q, curve="circle", depth=depth, points=12)
    seen = Ensemble(sigma_w, 0.3, width=1000, networks=24, seed=3).run(
        q, curve="circle", depth=depth, points=12)
    assert set(told.fields) == set(seen.fields) and np.allclose(told.x, seen.x)
    for name in told.fields:
        assert seen.fields[name].shape[1:] == told.fields[name].shape
    ratio = (seen.length_euclid / told.length_euclid)[:, 1:, 0]
    error = ratio.std(axis=0, ddof=1) / np.sqrt(24)
    assert np.all(np.abs(ratio.mean(axis=0) - 1) < 4 * np.hypot(error, 5.0 / 1000))
    orbit = told.c
    error = seen.c.std(axis=0, ddof=1) / np.sqrt(24)
    assert np.all(np.abs(seen.c.mean(axis=0) - orbit) < 4 * np.hypot(error, 5.0 / 1000))


@pytest.mark.parametrize("sigma_w", [1.3, 2.5])
def test_a_small_circle_off_the_centre_agrees(sigma_w):
    """Of radius rho on the same sphere: its curvature exceeds the great circle's by a memory."""
    rho, depth = 0.3, 6
    theory = MeanField(sigma_w, 0.3)
    x, dx, d2x = (rho * np.pad(part, ((0, 0), (1, 0))) for part in circle(8))
    x[:, 0] = np.sqrt(1 - rho**2)
    seen = Ensemble(sigma_w, 0.3, width=1000, networks=30, seed=2).run(
        theory.q_star, curve=(x, dx, d2x), depth=depth)
    memory = (rho**-2 - 1) / theory.q_star * theory.chi1 ** -np.arange(depth)
    line = theory.run(curve="circle", depth=depth).kappa2[:, 0] + memory
    ratio = seen.kappa2[..., 0] / line
    assert np.allclose(ratio[:, 0], 1.0, rtol=1e-12)
    error = ratio.std(axis=0, ddof=1) / np.sqrt(30)
    assert np.all(np.abs(ratio.mean(axis=0) - 1)[1:] < 4 * np.hypot(error, 2e-3 * depth)[1:])
