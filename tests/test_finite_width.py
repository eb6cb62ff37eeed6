"""Bands of finite width: the recursion by closed forms, the spread by sampled networks.

The networks here are plain NumPy with explicit weights' law, no code of lib.networks.
"""
import numpy as np
import pytest

from lib.activations import get
from lib.theory import meanfield as mf
from lib.theory.finite_width import Band, band

NETWORKS = 3000


def sample(q, c, sigma_w, sigma_b, width, layers, phi, seed=5, exact=False):
    """(q, c) of two inputs in every layer, shapes (layers, networks): each neuron's pair of
    pre-activations is normal given the layer before, so no weights need be drawn."""
    rng = np.random.default_rng(seed)
    out = []
    z = rng.standard_normal((NETWORKS, width, 2))
    if exact:
        z = np.linalg.qr(z)[0] * np.sqrt(width)
    a, b, ab = np.full((3, NETWORKS), q) * np.array([1, 1, c])[:, None]
    for _ in range(layers):
        low = ab / np.sqrt(a)
        h = np.stack([np.sqrt(a)[:, None] * z[..., 0], low[:, None] * z[..., 0] + np.sqrt(
            np.maximum(b - low**2, 0))[:, None] * z[..., 1]])
        q1, q2, q12 = ((h[i] * h[j]).mean(axis=1) for i, j in ((0, 0), (1, 1), (0, 1)))
        out.append((q1, q12 / np.sqrt(q1 * q2)))
        x = phi(h)
        a, b, ab = (sigma_w**2 * (x[i] * x[j]).mean(axis=1) + sigma_b**2
                    for i, j in ((0, 0), (1, 1), (0, 1)))
        z = rng.standard_normal((NETWORKS, width, 2))
    return np.moveaxis(np.array(out), 1, 0)


def erf_fast(x):
    from scipy.special import erf
    return erf(x)


CASES = {  # phi, its sampled twin, sigma_w^2, width, layers at which sd(q) and sd(c) are compared
    "tanh, ordered": ("tanh", np.tanh, 1.3, 100, (0, 1, 2, 5, 9)),
    "tanh, chaotic": ("tanh", np.tanh, 2.5, 100, (0, 1, 2, 5, 9, 29)),
    "erf": ("erf", erf_fast, 1.8, 50, (0, 1, 2)),
    "sin, by differences": (lambda x: np.sin(x), np.sin, 1.5, 100, (0, 1, 2, 5, 9)),
    "relu": ("relu", lambda x: np.maximum(x, 0.0), 1.5, 100, (0, 1, 2, 5)),
}


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_the_predicted_spread_is_within_ten_percent_of_sampled_networks(name, exact):
    phi, plain, w2, width, layers = CASES[name]
    w, b = np.sqrt(w2), np.sqrt(0.05)
    q = float(mf.q_star(w, b, phi=phi))
    predicted = band(q, q, 0.3, w, b, max(layers) + 1, width, phi=phi, exact=exact)
    got_q, got_c = sample(q, 0.3, w, b, width, max(layers) + 1, plain, exact=exact)
    for layer in layers:
        if exact and layer == 0:
            assert predicted.sd_q[0] == predicted.sd_c[0] == 0.0
            continue
        assert abs(got_q[layer].std() / predicted.sd_q[layer] - 1) < 0.10
        assert abs(got_c[layer].std() / predicted.sd_c[layer] - 1) < 0.10


def test_deep_in_the_ordered_phase_the_spread_of_c_is_predicted_too_small():
    """c is near 1 there and its distribution far from normal: some 20 % are missing."""
    w, b = np.sqrt(1.3), np.sqrt(0.05)
    q = float(mf.q_star(w, b))
    predicted = band(q, q, 0.0, w, b, 30, 100).sd_c[29]
    shortfall = 1 - predicted / sample(q, 0.0, w, b, 100, 30, np.tanh)[1][29].std()
    assert 0.08 < shortfall < 0.30


def test_the_stationary_spread_of_lengths_in_closed_form():
    """sd(q)^2 = sigma_w^4 Var(phi^2) / (N (1 - V'^2)) + 2 q^2 / N."""
    w, b, width = 1.5, 0.3, 200
    q = float(mf.q_star(w, b))
    z, h = np.linspace(-10, 10, 4001, retstep=True)
    bell, f = h * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi), np.tanh(np.sqrt(q) * z) ** 2
    noise = w**4 * (bell @ f**2 - (bell @ f) ** 2) / (1 - mf.length_slope(q, w) ** 2)
    got = band(q, q, 0.2, w, b, 60, width).sd_q[-1]
    assert got**2 * width == pytest.approx(noise + 2 * q * q, rel=1e-6)


def linear(c, width, layers, sigma_w=1.1, q=1.7):
    """Exact first-order variances of a linear network: log q is a sum of log chi-squares."""
    return q * sigma_w ** (2 * np.arange(layers)), np.sqrt(2 * np.arange(1, layers + 1) / width)


@pytest.mark.parametrize("c", [-1.0, 0.0, 0.6, 1.0])
def test_linear_networks_in_closed_form(c):
    layers, width = 6, 300
    got = band(1.7, 1.7, c, 1.1, 0.0, layers, width, phi="linear")
    mean, relative = linear(c, width, layers)
    assert np.allclose(got.q, mean, rtol=1e-12) and np.allclose(got.c, c, atol=1e-12)
    assert np.allclose(got.sd_q / mean, relative, rtol=1e-8)
    # c of two normals: sd (1 - c^2) / sqrt(N) a layer
    grown = np.sqrt(np.arange(1, layers + 1) / width)
    assert np.allclose(got.sd_c, (1 - c * c) * grown, atol=1e-8)


def test_an_exact_start_removes_one_layer_of_noise_from_linear_networks():
    free, bound = (band(1.0, 1.0, 0.4, 1.2, 0.0, 5, 100, phi="linear", exact=x) for x in (0, 1))
    assert np.allclose(bound.cov[1:] / 1.44**2, free.cov[:-1], rtol=1e-8)
    assert not bound.cov[0].any()


@pytest.mark.parametrize("name", ["tanh", "erf", "relu", "hard_tanh", "gelu"])
def test_the_curve_is_the_mean_field_orbit(name):
    got = band(0.8, 0.8, 0.3, 1.2, 0.4, 5, 100, phi=name)
    assert np.allclose(got.q, mf.length_orbit(0.8, 1.2, 0.4, 5, phi=name), rtol=1e-12)
    state = (0.8, 0.8, 0.3)
    for layer in range(5):
        assert got.c[layer] == pytest.approx(float(state[2]), abs=1e-12)
        state = mf.pair_map(*state, 1.2, 0.4, phi=name)


@pytest.mark.parametrize("name", ["tanh", "gelu", "relu", "hard_tanh"])
def test_the_jacobian_is_the_difference_quotient_of_the_map(name):
    """Noise put into layer 1 alone is what layer 2 has beyond its own."""
    def ahead(k):
        q, r, c = mf.pair_map(k[0], k[1], k[2] / np.sqrt(k[0] * k[1]), 1.4, 0.2, phi=name)
        return np.array([q, r, c * np.sqrt(q * r)])

    start, h = np.array([0.9, 1.3, 0.4]), 1e-4
    jacobian = np.stack([(ahead(start + h * e) - ahead(start - h * e)) / (2 * h)
                         for e in np.eye(3)], axis=1)
    c = 0.4 / np.sqrt(0.9 * 1.3)
    free, bound = (band(0.9, 1.3, c, 1.4, 0.2, 2, 1, phi=name, exact=x) for x in (0, 1))
    expected = jacobian @ free.cov[0] @ jacobian.T
    assert np.allclose(free.cov[1] - bound.cov[1], expected, rtol=0,
                       atol=(2e-2 if get(name).kinks else 1e-5) * np.abs(expected).max())


def test_the_spread_falls_as_one_over_the_root_of_the_width():
    wide, narrow = (band(0.6, 0.6, 0.1, 1.3, 0.3, 4, n) for n in (400, 100))
    assert np.allclose(narrow.cov, 4 * wide.cov, rtol=1e-12)
    assert np.array_equal(narrow.mean, wide.mean)


def test_sd_propagates_any_gradient_and_the_band_of_c_is_cut_at_one():
    got = band(0.6, 0.9, 0.1, 1.3, 0.3, 3, 50)
    assert isinstance(got, Band)
    assert np.allclose(got.sd([1.0, 0.0, 0.0]), got.sd_q)
    assert np.allclose(got.sd([1.0, 1.0, 0.0]) ** 2, got.cov[:, 0, 0] + got.cov[:, 1, 1]
                       + 2 * got.cov[:, 0, 1])
    assert np.all(band(0.6, 0.6, 0.0, 1.3, 0.3, 30, 1).sd_c <= 1.0)


def test_covariances_are_symmetric_and_not_negative():
    for c in (-0.99, 0.0, 0.999):
        cov = band(0.5, 3.0, c, 2.0, 0.2, 8, 40).cov
        assert np.allclose(cov, np.swapaxes(cov, 1, 2), rtol=1e-9)
        assert np.all(np.linalg.eigvalsh(cov) > -1e-12)


BAD = {"q": (-1.0, 1.0, 0.0, 1.0, 0.1, 3, 10), "other": (1.0, np.nan, 0.0, 1.0, 0.1, 3, 10),
       "c": (1.0, 1.0, 1.2, 1.0, 0.1, 3, 10), "sigma_w": (1.0, 1.0, 0.0, -1.0, 0.1, 3, 10),
       "sigma_b": (1.0, 1.0, 0.0, 1.0, np.inf, 3, 10), "layers": (1.0, 1.0, 0.0, 1.0, 0.1, 0, 10),
       "width": (1.0, 1.0, 0.0, 1.0, 0.1, 3, 0)}


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_name_themselves_before_any_work(name, layers):
    arguments = list(BAD[name])
    if name != "layers":
        arguments[5] = layers
    with pytest.raises(ValueError, match=f"^{name} must be"):
        band(*arguments)


def test_other_bad_arguments():
    with pytest.raises(TypeError, match="^width must be an integer"):
        band(1.0, 1.0, 0.0, 1.0, 0.1, 3, 10.0)
    with pytest.raises(ValueError, match="unknown activation"):
        band(1.0, 1.0, 0.0, 1.0, 0.1, 3, 10, phi="tanhh")


def test_silence_has_a_band_or_is_refused():
    """At length 0 the correlation means nothing, but no NaN may come out in silence."""
    try:
        got = band(0.0, 1.0, 0.5, 1.0, 0.3, 3, 10)
    except (ValueError, ArithmeticError):
        return
    assert np.isfinite(got.cov).all()
