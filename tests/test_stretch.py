"""Growth per layer against the sheet's digits, mpmath, and sampled layers."""
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf, gammaln, xlog1py, xlogy

from lib.theory.meanfield import MeanField
from lib.theory.stretch import (circle_transitions, growth, growth_boundary, level_ratio,
                                lower_bound, mean_lengths, printed_base, sign_changes,
                                steep_growth, stretch, transitions_per_length)
from tests import oracles


def mean_root_chi2(width, share):
    """G(k, p) = E sqrt(chi^2_B), the number of degrees B being Binomial(k, p), as a sum over B."""
    kept = np.arange(1, width + 1)
    ways = gammaln(width + 1) - gammaln(kept + 1) - gammaln(width - kept + 1)
    root = np.sqrt(2.0) * np.exp(gammaln(0.5 * (kept + 1)) - gammaln(0.5 * kept))
    p = np.asarray(share)[..., None]
    return np.exp(ways + xlogy(kept, p) + xlog1py(width - kept, -p)) @ root


def hard_tanh_growth(w, b, k):
    """sigma_w G(k, p) / sqrt(k) with p = erf(1 / sqrt(2 q*)), the share of linear units."""
    q = np.maximum(MeanField(w, b, "hard_tanh").q_star, 1e-300)
    return w * mean_root_chi2(k, erf(np.sqrt(0.5 / q))) / k**0.5


def relu_growth(w, k):
    """Half of the units are on, whatever q."""
    return w * mean_root_chi2(k, 0.5) / k**0.5


def hard_tanh(w, b):
    return MeanField(w, b, "hard_tanh")

# sigma_w^2, sigma_b^2, k: q, p, sqrt(chi), finite k, printed, p_min; prototyped before this code.
SHEET = [((4, 0, 100), 2.764975, 0.452418, 1.345241, 1.335737, 1.400280, 1.226992),
         ((8, 0, 100), 6.335627, 0.308845, 1.571864, 1.554621, 1.658502, 1.468339),
         ((16, 0, 64), 13.718830, 0.212829, 1.845336, 1.797225, 1.940285, 1.726914),
         ((2, 1, 100), 2.331889, 0.487440, 0.987360, 0.980978, 1.065383, 0.927239),
         ((4, 1, 100), 3.956663, 0.384846, 1.240720, 1.230128, 1.322773, 1.163847)]


@pytest.mark.parametrize("at, q, p, wide, finite, printed, least", SHEET)
def test_hard_tanh_to_the_digits_of_the_sheet(at, q, p, wide, finite, printed, least):
    w, b, k = at[0] ** 0.5, at[1] ** 0.5, at[2]
    law = hard_tanh(w, b)
    assert law.q_star == pytest.approx(q, abs=5e-7)
    assert growth(law, k) == pytest.approx(finite, abs=5e-7)
    assert printed_base(law, k) == pytest.approx(printed, abs=5e-7)
    assert lower_bound(law, k) == pytest.approx(least, abs=5e-7)
    assert growth(law, 20_000) == pytest.approx(wide, abs=2e-4)
    assert growth(law, k) == pytest.approx(w * mean_root_chi2(k, p) / k**0.5, abs=2e-6)
    fewest = erf(np.sqrt(0.5 / (w * w + b * b)))
    assert lower_bound(law, k) == pytest.approx(w * mean_root_chi2(k, fewest) / k**0.5, rel=3e-10)


@pytest.mark.parametrize("w2, k, value", [(2, 64, 0.990190), (2, 100, 0.993732),
                                          (1, 16, 0.678973)])
def test_relu_to_the_digits_of_the_sheet(w2, k, value):
    for found in (growth(MeanField(w2**0.5, 0.0, "relu"), k), relu_growth(w2**0.5, k)):
        assert found == pytest.approx(value, abs=5e-7)
        assert found == pytest.approx((w2 / 2) ** 0.5 * (1 - 5 / (8 * k)), abs=2 / k**2)
    assert printed_base(MeanField(2**0.5, 0.0, "relu"), 100) == pytest.approx(1.407195, abs=5e-7)


@pytest.mark.slow
@pytest.mark.parametrize("k, p", [(1, 0.3), (100, 0.05), (10_000, 0.31)])
def test_mean_root_by_a_laplace_transform(k, p):
    """E sqrt(S) = integral of (1 - E exp(-t S)) t^(-3/2): no binomial sum."""
    with mp.workdps(24):
        q = mp.mpf(p)
        below = mp.quad(lambda u: -mp.expm1(k * mp.log1p(q * (1 / mp.sqrt(1 + 2 * mp.exp(u)) - 1)))
                        * mp.exp(-u / 2), np.linspace(-75, 75, 26).tolist(),
                        method="gauss-legendre")
        exact = below / (2 * mp.sqrt(mp.pi))
    assert mean_root_chi2(k, p) == pytest.approx(float(exact), rel=1e-11 if k > 1000 else 1e-12)


def test_mean_root_ends():
    assert mean_root_chi2(5, [0.0, 1.0]) == pytest.approx(
        [0.0, float(mp.sqrt(2) * mp.gamma(3) / mp.gamma(2.5))], rel=1e-14)


@settings(max_examples=40)
@given(w=st.floats(1.05, 12), b=st.floats(0, 3), k=st.integers(1, 400))
def test_two_roads_to_hard_tanh_and_relu(w, b, k):
    assert growth(hard_tanh(w, b), k) == pytest.approx(hard_tanh_growth(w, b, k), rel=3e-10)
    assert growth(MeanField(w, b, "relu"), k) == pytest.approx(relu_growth(w, k), rel=3e-10)


@given(w=st.floats(0.3, 30), b=st.floats(0, 5), k=st.integers(2, 1000))
def test_order_of_the_bounds(w, b, k):
    """Defensible bound <= formula <= sigma_w; ReLU's printed base is above what is exact."""
    law, relu = hard_tanh(w, b), MeanField(w, b, "relu")
    assert lower_bound(law, k) <= growth(law, k) * (1 + 1e-12) and growth(law, k) < w
    assert growth(relu, k) < printed_base(relu, k) < w


@pytest.mark.parametrize("name, w, b, k", [("tanh", 2.0, 0.3, 30), ("hard_tanh", 4.0, 0.5, 16),
                                           ("leaky_relu", 1.3, 0.0, 5), ("erf", 3.0, 1.0, 3),
                                           ("sin", 6.0, 0.3, 64)])
def test_growth_of_one_sampled_layer(name, w, b, k):
    """The root of the mean of (phi' g)^2 over k units, drawn 60 000 times."""
    rng = np.random.default_rng(11)
    exact = oracles.EXACT[name][1]
    law = MeanField(w, b, name)
    q = 1.0 if name == "leaky_relu" else float(law.q_star)
    table = np.linspace(-9 * q**0.5, 9 * q**0.5, 9_001)
    slopes = np.array([float(exact(mp.mpf(float(x)))) for x in table])
    h = q**0.5 * rng.standard_normal((60_000, k), dtype=np.float32)
    slope = slopes[np.rint((h + 9 * q**0.5) / (table[1] - table[0])).astype(int)]
    root = w * np.sqrt(np.mean((slope * rng.standard_normal(h.shape, dtype=np.float32)) ** 2,
                               axis=1))
    error = root.std() / len(root) ** 0.5
    assert abs(root.mean() - growth(law, k)) < 4 * error + 1e-4 * root.mean()


def test_lengths_of_sampled_layers_on_the_way_to_the_fixed_point():
    """Tangents carried by hand through 3000 networks of 24 units that start far from q*."""
    rng, k, q1, w, b = np.random.default_rng(6), 24, 9.0, 2.0, 0.4
    z = rng.standard_normal((2, 3000, k))
    v = z[1] - z[0] * np.sum(z[0] * z[1], axis=1, keepdims=True) / np.sum(
        z[0] ** 2, axis=1, keepdims=True)
    h = z[0] * (q1 * k) ** 0.5 / np.linalg.norm(z[0], axis=1, keepdims=True)
    dh = v / np.linalg.norm(v, axis=1, keepdims=True)
    expected = mean_lengths(MeanField(w, b), q1, 5, k)
    for layer in range(5):
        speed = np.linalg.norm(dh, axis=1)
        error = speed.std() / len(speed) ** 0.5
        assert abs(speed.mean() - expected[layer]) < 4 * error + 0.02 * expected[layer]
        weights = w / k**0.5 * rng.standard_normal((3000, k, k))
        dh = np.einsum("nij,nj->ni", weights, dh / np.cosh(h) ** 2)
        h = np.einsum("nij,nj->ni", weights, np.tanh(h)) + b * rng.standard_normal((3000, k))
    assert expected[-1] / expected[-2] == pytest.approx(float(growth(MeanField(w, b), k)),
                                                         rel=0.02)
    assert expected[1] == pytest.approx(w * float(stretch(q1, k)), rel=1e-14)


def test_growth_of_a_lost_curve_and_of_many():
    assert growth(MeanField(0.0, 0.0), 10) == 0.0
    w, one = np.array([[1.5], [2.5]]), MeanField(2.5, 0.1)
    both = growth(MeanField(w, [0.0, 0.1]), 50)
    assert both.shape == (2, 2) and both[1, 1] == pytest.approx(float(growth(one, 50)), rel=1e-14)
    grown = mean_lengths(MeanField(w, [0.0, 0.1]), w**2, 4, 50)
    assert grown.shape == (4, 2, 2)
    assert grown[:, 1, 1] == pytest.approx(mean_lengths(one, 6.25, 4, 50), rel=1e-14)
    many = stretch(np.geomspace(0.01, 100, 60), 7, phi="hard_tanh")  # more than one block
    assert many[[3, 41]] == pytest.approx([float(stretch(q, 7, phi="hard_tanh")) for q in
                                           np.geomspace(0.01, 100, 60)[[3, 41]]], rel=1e-14)


def test_a_single_layer_does_not_stretch():
    assert mean_lengths(MeanField([1.5, 2.0], 0.1), 1.0, 1, 30).tolist() == [[1.0, 1.0]]


def test_printed_base_in_the_other_form():
    """ICLR: (sigma_w / s^(1/4)) sqrt(k) / sqrt(sqrt(s) + k); without bias sqrt(w k / (w + k))."""
    s = 3.0**2 + 0.7**2
    assert printed_base(hard_tanh(3.0, 0.7), 40) == pytest.approx(
        3.0 / s**0.25 * 40**0.5 / (s**0.5 + 40) ** 0.5, rel=1e-14)
    assert printed_base(hard_tanh(3.0, 0.0), 40) == pytest.approx((3.0 * 40 / 43.0) ** 0.5,
                                                                  rel=1e-14)


def test_growth_boundaries_of_the_sheet():
    wide = hard_tanh(1.0, np.sqrt([0, 0.05, 0.3, 1, 4])).critical_line() ** 2
    assert wide == pytest.approx([1, 1.166, 1.528, 2.073, 3.310], abs=6e-4)
    found = growth_boundary(printed_base, np.sqrt([0.3, 1.0, 4.0]), 100)
    assert found**2 == pytest.approx([1.268, 1.656, 2.644], abs=6e-4)
    finite = growth_boundary(growth, 1.0, 100)
    assert 2.073 < finite**2 < 2.13
    assert growth(hard_tanh(finite, 1.0), 100) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("call, error", [
    (lambda: stretch(1.0, 0), "width must be at least 1"),
    (lambda: growth(MeanField(-1.0, 0.0, "relu"), 3), "sigma_w must be at least 0"),
    (lambda: growth(hard_tanh(1.0, np.nan), 3), "sigma_b must be finite"),
    (lambda: stretch(0.0, 3), "q must be at least"),
    (lambda: mean_lengths(MeanField(1.0, 0.0), 1.0, 0, 3), "depth must be at least 1"),
    (lambda: growth(MeanField(1.0, -0.1), 3), "sigma_b must be at least 0"),
    (lambda: lower_bound(hard_tanh(1.0, 0.0), 0), "width must be at least 1"),
    (lambda: lower_bound(MeanField(1.0, 0.0), 3), "phi must be 'hard_tanh', got 'tanh'"),
    (lambda: printed_base(MeanField(1.0, 0.0), 3), "phi must be 'hard_tanh' or 'relu'"),
    (lambda: printed_base(hard_tanh(0.0, 0.0), 3), "sigma_w must not be 0"),
    (lambda: growth_boundary(lambda law, width: 2.0, 0.1, 3), "factor must pass 1"),
    (lambda: sign_changes(-1.0, 3), "angle must be at least 0"),
    (lambda: transitions_per_length(hard_tanh(0.5, 0.0), 3), "sigma_w is so small"),
    (lambda: level_ratio(0.0), "q must be at least"),
    (lambda: circle_transitions(MeanField(1.0, 0.0), 0.0, 2, 3), "q must be at least"),
    (lambda: steep_growth(1), "width must be at least 2")])
def test_bad_arguments_are_named(call, error):
    with pytest.raises(ValueError, match=error):
        call()


def sine_curve(points=800):
    """A curve in three dimensions that is not on a sphere."""
    t = np.linspace(0, 1, points)
    return np.stack([1 + t, np.cos(5 * t), np.sin(3 * t) - 0.2], axis=1)


def test_sign_changes_of_fresh_neurons():
    """Any curve, any bias: zeros over random neurons against the angular length over pi."""
    z, b, rng = sine_curve(), 0.6, np.random.default_rng(5)
    u = np.concatenate([z / 3**0.5, np.full((len(z), 1), b)], axis=1)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    angle = np.arccos(np.clip(np.sum(u[1:] * u[:-1], axis=1), -1, 1)).sum()
    h = rng.standard_normal((20_000, 3)) @ (z.T / 3**0.5) + b * rng.standard_normal((20_000, 1))
    zeros = np.sum(h[:, 1:] * h[:, :-1] < 0, axis=1)
    error = zeros.std() / len(zeros) ** 0.5
    assert abs(zeros.mean() - sign_changes(angle, 1)) < 4 * error


@pytest.mark.parametrize("q, level", [(0.5, 1.0), (3.0, 1.0), (2.0, 0.4)])
def test_crossings_of_a_level(q, level):
    """A harmonic of Rayleigh amplitude is Gaussian; it crosses a level if it reaches it."""
    amplitude = np.sqrt(q) * np.linalg.norm(
        np.random.default_rng(8).standard_normal((400_000, 2)), axis=1)
    share = 2 * np.mean(amplitude > level)  # both levels, twice each; zeros: twice
    assert level_ratio(q, level) == pytest.approx(share, abs=0.01)


def test_transitions_on_a_sampled_circle():
    """Five layers of tanh and hard-tanh, 300 units: zeros, crossings, and length before them."""
    rng, k, theta = np.random.default_rng(2), 300, 2 * np.pi * np.arange(4000) / 4000
    for name, phi, w, b in (("tanh", np.tanh, 2.0, 0.3),
                            ("hard_tanh", lambda h: np.clip(h, -1, 1), 8**0.5, 0.0)):
        law = MeanField(w, b, name)
        q = float(law.q_star)
        frame = np.linalg.qr(rng.standard_normal((k, 2)))[0]
        h = (k * q) ** 0.5 * frame @ [np.cos(theta), np.sin(theta)]
        length = None
        for layer in range(5):
            turned = np.concatenate([h, h[:, :1]], axis=1)
            zeros = np.sum(turned[:, 1:] * turned[:, :-1] < 0)
            expected = k * 2 * law.chi1 ** (layer / 2)
            assert zeros == pytest.approx(expected, rel=0.08)
            if length is not None:
                per_length = transitions_per_length(law, k)
                assert zeros == pytest.approx(per_length * length, rel=0.08)
            if name == "hard_tanh":
                levels = sum(np.sum((turned[:, 1:] - s) * (turned[:, :-1] - s) < 0)
                             for s in (-1, 1))
                assert levels == pytest.approx(expected * level_ratio(q), rel=0.08)
            z = phi(turned)
            length = np.linalg.norm(np.diff(z, axis=1), axis=0).sum()
            h = w / k**0.5 * rng.standard_normal((k, k)) @ z[:, :-1] + b * rng.standard_normal(
                (k, 1))


def test_transitions_of_narrow_layers_that_start_far_from_the_fixed_point():
    """Zeros counted on 6000 angles in 150 networks of 20 units, q^1 four times q*."""
    rng, k, w, q1 = np.random.default_rng(9), 20, 2.5, 16.0
    theta = 2 * np.pi * np.arange(6000) / 6000
    expected = circle_transitions(hard_tanh(w, 0.0), q1, 4, k)
    found = np.zeros((150, 4))
    for net in found:
        frame = np.linalg.qr(rng.standard_normal((k, 2)))[0]
        h = (k * q1) ** 0.5 * frame @ [np.cos(theta), np.sin(theta)]
        for layer in range(4):
            net[layer] = np.sum(h * np.roll(h, 1, axis=1) < 0) / k
            h = w / k**0.5 * rng.standard_normal((k, k)) @ np.clip(h, -1, 1)
    error = found.std(axis=0) / 150**0.5
    assert found[:, 0] == pytest.approx(np.full(150, 2.0), abs=0.11)
    assert np.all(np.abs(found.mean(axis=0) - expected) < 4 * error + 0.03 * expected)
    steep = hard_tanh(8**0.5, 0.0)
    assert circle_transitions(steep, 6.335627, 5, 10**6) == pytest.approx(
        2 * steep.chi1 ** (np.arange(5) / 2), rel=1e-4)


@pytest.mark.parametrize("width", [1, 3, 50, 4000])
def test_a_line_through_an_ellipse_meets_it_twice(width):
    """One linear layer makes an ellipse of a circle, at any width and any length."""
    law = MeanField(1.7, 0.0, "linear")
    assert circle_transitions(law, 0.6, 2, width) == pytest.approx([2, 2], rel=2e-9)


def test_steep_growth_of_cube_edges():
    """An edge of the cube, random hyperplanes through the centre: how many cut it?"""
    rng, k = np.random.default_rng(4), 16
    w = rng.standard_normal((400_000, k))
    start, end = w.sum(axis=1), w.sum(axis=1) - 2 * w[:, 0]
    assert steep_growth(k) == pytest.approx(k * np.mean(start * end < 0), rel=0.01)
    assert [steep_growth(k) for k in (16, 64)] == pytest.approx([2.57, 5.11], abs=6e-3)
    assert steep_growth(10**6) == pytest.approx(2 * 1000 / np.pi, rel=1e-5)


def test_where_lengths_settle_nowhere_there_is_no_factor():
    law = MeanField([2.0, 0.8], 0.0, "x + tanh(x)", missing="nan")
    none, one = growth(law, 32)
    alone = growth(MeanField(0.8, 0.0, "x + tanh(x)"), 32)
    assert np.isnan(none) and np.isclose(one, alone, rtol=1e-13)
