"""Curves through sampled networks against the recursions of lib.theory.geometry.

Bars: at width 1000, 8 networks, layer 10, metric within 5 %, squared curvature within 8 %,
Gauss-map length within 5 %. Statistically, z-scores once the shift of order depth / width is out.
"""
import numpy as np
import pytest

from lib.measure import curves as measure
from lib.networks.tangents import Curves
from lib.theory import geometry as geo
from lib.theory import meanfield as mf

CRITICAL = float(mf.critical_line(0.3))


def sampled(sigma_w, width, networks, layers, q1, dense=False, points=16, phi="tanh"):
    """Metric, squared curvature and Gauss-map length, shape (3, layers, networks)."""
    nets = Curves(sigma_w, 0.3, width, networks, 1, phi)
    run = nets.moving_layers(nets.circle(q1, points), layers, dense)
    return np.array([(np.exp(measure.log_metric(m.dh, m.log_speed)).mean(-1),
                      measure.kappa2(m.dh, m.d2h).mean(-1), measure.length_gauss(*m[1:]))
                     for m in run]).transpose(1, 0, 2)


def expected(circle):
    """The same of the theory, shape (3, layers, 1)."""
    return np.stack([circle.metric, circle.kappa2, circle.length_gauss])[..., None]


@pytest.mark.parametrize("sigma_w", [1.3, CRITICAL, 2.5, 4.0])
def test_bars_at_layer_10(sigma_w):
    q = float(mf.q_star(sigma_w, 0.3))
    ratio = sampled(sigma_w, 1000, 8, 10, q) / expected(geo.curve(q, sigma_w, 0.3, 10))
    assert np.all(np.abs(ratio[:, 0] - 1) < 1e-12)  # the circle itself
    assert np.all(np.abs(ratio[:, 9].mean(axis=1) - 1) < [0.05, 0.08, 0.05])


@pytest.mark.parametrize("sigma_w, q1", [(1.3, 0.607), (2.5, 1.0), (2.5, 9.0), (4.0, 12.6)])
def test_agreement_after_the_shift_of_order_one_over_width(sigma_w, q1):
    """Widths 100 and 400 extrapolated to infinite width: within 3.5 standard errors."""
    theory = expected(geo.curve(q1, sigma_w, 0.3, 4))
    narrow, wide = (sampled(sigma_w, width, networks, 4, q1, points=4)[:, 1:] / theory[:, 1:]
                    for width, networks in ((100, 800), (400, 400)))
    mean = (4 * wide.mean(axis=-1) - narrow.mean(axis=-1)) / 3
    error = np.hypot(4 * wide.std(axis=-1) / np.sqrt(400), narrow.std(axis=-1) / np.sqrt(800)) / 3
    assert np.all(np.abs(mean - 1) < 3.5 * error)
    assert np.all(error < 0.03)  # a missing 3, or chi1^l for chi1^(l-1), would show


def test_dense_weights_agree_too():
    theory = expected(geo.curve(2.0, 1.5, 0.3, 5, phi="erf"))
    ratio = sampled(1.5, 500, 24, 5, 2.0, dense=True, points=8, phi="erf")[:, 1:] / theory[:, 1:]
    shift = 1.5 * np.arange(1, 5) * 5 / 500  # some depth / width
    error = ratio.std(axis=-1) / np.sqrt(24)
    assert np.all(np.abs(ratio.mean(axis=-1) - 1) < 3.5 * error + shift)
    assert np.all(error < 0.03)


def test_linear_networks_keep_the_gauss_map():
    nets = Curves(1.2, 0.3, 200, 4, 0, "linear")
    for m in nets.moving_layers(nets.circle(1.0, 128), 30, dense=False):
        assert np.allclose(measure.length_gauss(*m[1:]), 2 * np.pi, rtol=1e-10, atol=0)
