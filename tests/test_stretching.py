"""Tangents through networks against finite differences, products of Jacobians and a closed form.
"""
import numpy as np
import pytest

from lib.measure.lyapunov import leading, spectrum, top_singular
from lib.networks.stretching import cauchy_green, layer_jacobians, linearised


def networks(count, sizes, sigma_w=1.5, sigma_b=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return ([sigma_w / np.sqrt(a) * rng.standard_normal((count, b, a))
             for a, b in zip(sizes, sizes[1:])],
            [sigma_b * rng.standard_normal((count, b)) for b in sizes[1:]])


def outputs(weights, biases, phi, x):
    for w, b in zip(weights, biases):
        x = phi(x @ np.swapaxes(w, 1, 2) + b[:, None])
    return x


def full_jacobian(weights, biases, phi, x, step=1e-3):
    """By differences of eighth order, (networks, points, neurons, inputs)."""
    columns = []
    for e in np.eye(x.shape[1]):
        columns.append(sum(
            c * (outputs(weights, biases, phi, x + k * step * e)
                 - outputs(weights, biases, phi, x - k * step * e))
            for k, c in enumerate((4 / 5, -1 / 5, 4 / 105, -1 / 280), start=1)) / step)
    return np.stack(columns, axis=-1)


SIZES = [[2, 20, 20, 20], [3, 7], [2, 5, 30, 4], [40, 6, 9], [1, 8, 8]]
SMOOTH = {"tanh": np.tanh, "sin": np.sin, "softplus": lambda h: np.logaddexp(0.0, h)}


@pytest.mark.parametrize("phi", SMOOTH)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_road_gives_the_jacobian_of_finite_differences(phi, sizes):
    w, b = networks(3, sizes)
    x = np.random.default_rng(1).standard_normal((5, sizes[0]))
    j = full_jacobian(w, b, SMOOTH[phi], x)
    field = cauchy_green(w, b, phi, x)
    lifted = (field.frame[:, None] @ field.gram) @ np.swapaxes(field.frame, 1, 2)[:, None]
    green = np.exp(2 * field.log_scale)[..., None, None] * lifted
    assert np.abs(green - np.swapaxes(j, -1, -2) @ j).max() < 1e-10 * np.abs(green).max()

    chain = layer_jacobians(w, b, phi, x)
    product = chain[0]
    for layer in chain[1:]:
        product = layer @ product
    assert np.abs(product - j).max() < 1e-10 * np.abs(j).max()

    linear, rng = linearised(w, b, phi, x), np.random.default_rng(2)
    v = rng.standard_normal((3, 5, linear.frame.shape[2]))
    u = rng.standard_normal((3, 5, sizes[-1]))
    scale = np.exp(linear.log_scale)[..., None]
    forth = (j @ linear.lift(v)[..., None])[..., 0]
    back = ((np.swapaxes(j, -1, -2) @ u[..., None])[..., 0][..., None, :]
            @ linear.frame[:, None])[..., 0, :]
    assert np.abs(scale * linear.apply(v) - forth).max() < 1e-10 * np.abs(forth).max()
    assert np.abs(scale * linear.adjoint(u) - back).max() < 1e-10 * np.abs(back).max()


def test_a_layer_of_two_units_in_closed_form():
    """tanh(a x), tanh(b y): stretched by a / cosh(a x)^2 along x, or b / cosh(b y)^2 along y."""
    a, b = 2.0, 0.7
    x = np.random.default_rng(3).uniform(-2, 2, (200, 2))
    field = leading(*cauchy_green([np.diag([a, b])[None]], [np.zeros((1, 2))], "tanh", x)[:2])
    both = np.log([a, b]) - 2 * np.log(np.cosh(x * [a, b]))
    assert np.abs(field.log[0] - both.max(axis=1)).max() < 1e-13
    along = np.take_along_axis(np.abs(field.direction[0]), both.argmax(axis=1)[:, None], axis=1)
    assert np.abs(along - 1.0).max() < 1e-12


@pytest.mark.parametrize("kinked", ["relu", "hard_tanh"])
def test_piecewise_linear_networks(kinked):
    w, b = networks(2, [3, 15, 15, 15])
    x = np.random.default_rng(5).standard_normal((50, 3))
    field = leading(*cauchy_green(w, b, kinked, x)[:2])
    phi = {"relu": lambda h: np.maximum(h, 0.0), "hard_tanh": lambda h: np.clip(h, -1, 1)}[kinked]
    j = full_jacobian(w, b, phi, x, step=1e-7)
    exact = np.log(np.linalg.svd(j, compute_uv=False)[..., 0])
    assert np.quantile(np.abs(field.log - exact), 0.9) < 1e-6  # a kink may be within the step


@pytest.mark.parametrize("stretch", [1e-6, 0.3, 1.0, 3.0, 1e6])
def test_a_thousand_linear_layers(stretch):
    rng, w = np.random.default_rng(6), []
    for _ in range(1000):
        turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        w.append(stretch * (turn * [1.0, 0.5, 0.5, 0.5]) @ turn.T)  # differing main axes
    weights, biases = [one[None] for one in w], [np.zeros((1, 4))] * 1000
    x = np.zeros((2, 4))
    exact = spectrum([one / stretch for one in w])[0] + 1000 * np.log(stretch)
    field = cauchy_green(weights, biases, "linear", x)
    assert leading(field.gram, field.log_scale).log == pytest.approx(exact, rel=1e-12, abs=1e-9)
    linear = linearised(weights, biases, "linear", x)
    top = top_singular(linear.apply, linear.adjoint, rng.standard_normal((1, 2, 4)))
    assert top.log + linear.log_scale == pytest.approx(exact, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("phi", ["tanh", "erf"])
def test_saturated_layers_carry_no_squares_of_tiny_numbers(phi):
    """Slopes of 1e-13 for 100 layers: their squares are far below the range of floats."""
    weight = 15.0 if phi == "tanh" else 5.3
    w, b = [np.full((1, 1, 1), weight)] * 100, [np.zeros((1, 1))] * 100
    field = leading(*cauchy_green(w, b, phi, np.ones((1, 1)))[:2])
    slopes = [float(j[0, 0, 0, 0]) for j in layer_jacobians(w, b, phi, np.ones((1, 1)))]
    assert 0 < slopes[-1] < 1e-10
    assert field.log == pytest.approx(np.sum(np.log(slopes)), rel=1e-6)


def test_a_field_does_not_depend_on_how_it_is_cut_into_blocks():
    w, b = networks(2, [2, 20, 20, 20])
    x = np.random.default_rng(7).standard_normal((3000, 2))
    whole = leading(*cauchy_green(w, b, "tanh", x)[:2]).log
    for part in (slice(0, 1), slice(700, 990), slice(2999, 3000)):
        assert np.abs(whole[:, part] - leading(*cauchy_green(w, b, "tanh", x[part])[:2]).log
                      ).max() < 1e-12


def test_inputs_of_many_dimensions_agree_with_a_full_svd():
    w, b = networks(2, [300, 12, 12, 12, 12])
    x = np.random.default_rng(8).standard_normal((9, 300))
    chain = layer_jacobians(w, b, "tanh", x)
    j = chain[3] @ chain[2] @ chain[1] @ chain[0]
    _, s, vt = np.linalg.svd(j, full_matrices=False)
    field, linear = cauchy_green(w, b, "tanh", x), linearised(w, b, "tanh", x)
    start = np.random.default_rng(9).standard_normal((2, 9, 12))
    lanczos = top_singular(linear.apply, linear.adjoint, start, tolerance=1e-9)
    for log, direction in (
            (leading(field.gram, field.log_scale).log,
             leading(*field).direction),
            (lanczos.log + linear.log_scale, linear.lift(lanczos.direction))):
        assert np.abs(log - np.log(s[..., 0])).max() < 1e-12
        assert np.abs(np.einsum("npd,npd->np", direction, vt[..., 0, :])).min() > 1 - 1e-10


W, B, X = [np.ones((1, 3, 2))], [np.zeros((1, 3))], np.zeros((4, 2))


@pytest.mark.parametrize("call, told", [
    (lambda f: f([], [], "tanh", X), "weights and biases must be lists"),
    (lambda f: f(W, [], "tanh", X), "weights and biases must be lists"),
    (lambda f: f(W, B, "tanh", np.zeros((4, 3))), r"layer 1 must have weights .* 3\)"),
    (lambda f: f(W, [np.zeros(3)], "tanh", X), "layer 1"),
    (lambda f: f(W * 2, B * 2, "tanh", X), "layer 2"),
    (lambda f: f(W, B, "tanh", np.zeros(2)), "x must have shape"),
    (lambda f: f(W, B, "tanh", [[np.nan, 0.0]]), "x must be finite"),
    (lambda f: f(W, B, lambda h: np.sign(h), X), "."),
    (lambda f: f([W[0], np.ones((2, 3, 3))], [B[0], np.zeros((2, 3))], "tanh", X), "one number"),
])
@pytest.mark.parametrize("function", [cauchy_green, linearised, layer_jacobians])
def test_bad_arguments(function, call, told):
    with pytest.raises(ValueError, match=told):
        call(function)


@pytest.mark.parametrize("function", [cauchy_green, linearised, layer_jacobians])
def test_what_grows_beyond_floats_is_refused(function):
    w, b = [np.full((1, 2, 2), 1e60)] * 8, [np.zeros((1, 2))] * 8
    with pytest.raises(OverflowError, match="floating-point range"):
        function(w, b, "relu", np.ones((1, 2)))
