"""Tangents through networks against finite differences, products of Jacobians and a closed form.
"""
import mpmath
import numpy as np
import pytest

from lib.activations import get
from lib.measure.lyapunov import leading, top_singular
from lib.networks.jacobians import (arcs, cauchy_green, jacobian, layer_gains, layer_jacobians,
                                    linearised, read_out_gradients, read_out_hessians,
                                    stretching, trajectory_lengths)
from lib.networks.network import Network, convolutional, random_network


def networks(count, sizes, sigma_w=1.5, sigma_b=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return ([sigma_w / np.sqrt(a) * rng.standard_normal((count, b, a))
             for a, b in zip(sizes, sizes[1:])],
            [sigma_b * rng.standard_normal((count, b)) for b in sizes[1:]])


def hidden(weights, biases, phi):
    """A network without read-out: every layer has the activation."""
    return Network(weights, biases, phi, output=phi)


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
    field = cauchy_green(hidden(w, b, phi), x)
    lifted = (field.frame[:, None] @ field.gram) @ np.swapaxes(field.frame, 1, 2)[:, None]
    green = np.exp(2 * field.log_scale)[..., None, None] * lifted
    assert np.abs(green - np.swapaxes(j, -1, -2) @ j).max() < 1e-10 * np.abs(green).max()

    chain = layer_jacobians(hidden(w, b, phi), x)
    product = chain[0]
    for layer in chain[1:]:
        product = layer @ product
    assert np.abs(product - j).max() < 1e-10 * np.abs(j).max()

    linear, rng = linearised(hidden(w, b, phi), x), np.random.default_rng(2)
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
    field = leading(*cauchy_green(Network([np.diag([a, b])], output="tanh"), x)[:2])
    both = np.log([a, b]) - 2 * np.log(np.cosh(x * [a, b]))
    assert np.abs(field.log[0] - both.max(axis=1)).max() < 1e-13
    along = np.take_along_axis(np.abs(field.direction[0]), both.argmax(axis=1)[:, None], axis=1)
    assert np.abs(along - 1.0).max() < 1e-12


@pytest.mark.parametrize("kinked", ["relu", "hard_tanh"])
def test_piecewise_linear_networks(kinked):
    w, b = networks(2, [3, 15, 15, 15])
    x = np.random.default_rng(5).standard_normal((50, 3))
    field = leading(*cauchy_green(hidden(w, b, kinked), x)[:2])
    phi = {"relu": lambda h: np.maximum(h, 0.0), "hard_tanh": lambda h: np.clip(h, -1, 1)}[kinked]
    j = full_jacobian(w, b, phi, x, step=1e-7)
    exact = np.log(np.linalg.svd(j, compute_uv=False)[..., 0])
    assert np.quantile(np.abs(field.log - exact), 0.9) < 1e-6  # a kink may be within the step


@pytest.mark.slow
@pytest.mark.parametrize("stretch", [1e-6, 0.3, 1.0, 3.0, 1e6])
def test_a_thousand_linear_layers(stretch):
    rng, w = np.random.default_rng(6), []
    for _ in range(1000):
        turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        w.append(stretch * (turn * [1.0, 0.5, 0.5, 0.5]) @ turn.T)  # differing main axes
    weights, biases = [one[None] for one in w], [np.zeros((1, 4))] * 1000
    x = np.zeros((2, 4))
    with mpmath.workdps(30):
        product = mpmath.eye(4)
        for one in w:
            product = mpmath.matrix((one / stretch).tolist()) * product
        exact = float(mpmath.log(max(mpmath.svd_r(product, compute_uv=False))))
    exact += 1000 * np.log(stretch)
    field = cauchy_green(hidden(weights, biases, "linear"), x)
    assert leading(field.gram, field.log_scale).log == pytest.approx(exact, rel=1e-12, abs=1e-9)
    linear = linearised(hidden(weights, biases, "linear"), x)
    top = top_singular(linear.apply, linear.adjoint, rng.standard_normal((1, 2, 4)))
    assert top.log + linear.log_scale == pytest.approx(exact, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("phi", ["tanh", "erf"])
def test_saturated_layers_carry_no_squares_of_tiny_numbers(phi):
    """Slopes of 1e-13 for 100 layers: their squares are far below the range of floats."""
    weight = 15.0 if phi == "tanh" else 5.3
    w, b = [np.full((1, 1, 1), weight)] * 100, [np.zeros((1, 1))] * 100
    field = leading(*cauchy_green(hidden(w, b, phi), np.ones((1, 1)))[:2])
    slopes = [float(j[0, 0, 0, 0]) for j in layer_jacobians(hidden(w, b, phi), np.ones((1, 1)))]
    assert 0 < slopes[-1] < 1e-10
    assert field.log == pytest.approx(np.sum(np.log(slopes)), rel=1e-6)


def test_a_field_does_not_depend_on_how_it_is_cut_into_blocks():
    w, b = networks(2, [2, 20, 20, 20])
    x = np.random.default_rng(7).standard_normal((3000, 2))
    net = hidden(w, b, "tanh")
    whole = leading(*cauchy_green(net, x)[:2]).log
    for part in (slice(0, 1), slice(700, 990), slice(2999, 3000)):
        alone = leading(*cauchy_green(net, x[part])[:2]).log
        assert np.abs(whole[:, part] - alone).max() < 1e-12


def test_inputs_of_many_dimensions_agree_with_a_full_svd():
    w, b = networks(2, [300, 12, 12, 12, 12])
    x = np.random.default_rng(8).standard_normal((9, 300))
    chain = layer_jacobians(hidden(w, b, "tanh"), x)
    j = chain[3] @ chain[2] @ chain[1] @ chain[0]
    _, s, vt = np.linalg.svd(j, full_matrices=False)
    field, linear = cauchy_green(hidden(w, b, "tanh"), x), linearised(hidden(w, b, "tanh"), x)
    start = np.random.default_rng(9).standard_normal((2, 9, 12))
    lanczos = top_singular(linear.apply, linear.adjoint, start, tolerance=1e-9)
    for log, direction in (
            (leading(field.gram, field.log_scale).log, leading(*field).direction),
            stretching(hidden(w, b, "tanh"), x),
            (lanczos.log + linear.log_scale, linear.lift(lanczos.direction))):
        assert np.abs(log - np.log(s[..., 0])).max() < 1e-12
        assert np.abs(np.einsum("npd,npd->np", direction, vt[..., 0, :])).min() > 1 - 1e-10


X = np.zeros((4, 2))
SIGN = get(np.sign, dphi=np.zeros_like, d2phi=np.zeros_like, kinks=(0.0,), name="sign")


@pytest.mark.parametrize("net, x, told", [
    (Network([np.ones((3, 2))]), np.zeros((4, 3)), r"x must have shape \(points, 2\)"),
    (Network([np.ones((3, 2))]), np.zeros(2), "x must have shape"),
    (Network([np.ones((3, 2))]), [[np.nan, 0.0]], "x must be finite"),
    (Network([np.ones((3, 2))], output=SIGN), X, "sign jumps"),
    (random_network(2, [3], 1, 1.0, 0.0, seed=0, batch_norm=True), X, "fully connected"),
])
@pytest.mark.parametrize("function", [cauchy_green, linearised, layer_jacobians])
def test_bad_arguments(function, net, x, told):
    with pytest.raises(ValueError, match=told):
        function(net, x)


@pytest.mark.parametrize("function", [cauchy_green, linearised, layer_jacobians])
def test_what_grows_beyond_floats_is_refused(function):
    w, b = [np.full((1, 2, 2), 1e60)] * 8, [np.zeros((1, 2))] * 8
    with pytest.raises(OverflowError, match="floating-point range"):
        function(hidden(w, b, "relu"), np.ones((1, 2)))


def test_one_tiny_weight_among_seven_layers():
    """The sum of the logarithms of the slopes and weights, by hand in long arithmetic."""
    x, log = mpmath.mpf("0.3"), mpmath.mpf(0)
    for weight in [1e-30] * 7:
        h = mpmath.mpf(weight) * x
        x, log = mpmath.tanh(h), log + mpmath.log(weight * mpmath.sech(h) ** 2)
    net = hidden([np.full((1, 1, 1), weight) for weight in [1e-30] * 7], [np.zeros((1, 1))] * 7,
                 "tanh")
    assert leading(*cauchy_green(net, [[0.3]])[:2]).log.item() == pytest.approx(float(log))
    assert float(log) == pytest.approx(-483.54, abs=0.01)


def test_slopes_of_which_one_alone_has_no_square():
    """erf at h = 19: a slope of 1e-157 in each of five layers."""
    x, log = mpmath.mpf(1), mpmath.mpf(0)
    for _ in range(5):
        x, log = mpmath.erf(19 * x), log + mpmath.log(38 / mpmath.sqrt(mpmath.pi)) - 361 * x**2
    net = hidden([[[19.0]]] * 5, None, "erf")
    field = cauchy_green(net, [[1.0]])
    assert leading(*field[:2]).log.item() == pytest.approx(float(log), rel=1e-12)


@pytest.mark.parametrize("weights", [[18.0], [18.0] * 5, [3.0, 40.0, 0.01, 300.0, 9.0, 1e-40]],
                         ids=str)
def test_slopes_at_saturation(weights):
    with mpmath.workdps(400):
        x, log = mpmath.mpf("0.9444444444444444"), mpmath.mpf(0)
        for weight in weights:
            h = weight * x
            x, log = mpmath.tanh(h), log + mpmath.log(weight * mpmath.sech(h) ** 2)
    net = hidden([[[weight]] for weight in weights], None, "tanh")
    field = cauchy_green(net, [[0.9444444444444444]])
    assert leading(*field[:2]).log.item() == pytest.approx(float(log), rel=1e-12)


def test_inputs_of_their_own():
    net = random_network(3, [6, 6], 2, 1.5, 0.3, networks=4, seed=0)
    x = np.random.default_rng(1).standard_normal((4, 5, 3))
    own, linear = cauchy_green(net, x), linearised(net, x)
    for place, one in enumerate(net):
        alone = cauchy_green(one, x[place])
        assert np.allclose(own.gram[place], alone.gram[0], rtol=1e-12)
        assert np.allclose(own.log_scale[place], alone.log_scale[0], rtol=1e-12)
        assert np.allclose(jacobian(net, x)[place], jacobian(one, x[place])[0], rtol=1e-12)
        assert np.allclose(linear.log_scale[place], linearised(one, x[place]).log_scale)


def test_the_jacobian_and_the_mean_square_gains():
    net = random_network(3, [6, 5], 2, 1.5, 0.3, networks=4, seed=0)
    x = np.random.default_rng(1).standard_normal((7, 3))
    step = 1e-6 * np.eye(3)
    by_hand = np.stack([(net.forward(x + e) - net.forward(x - e)) / 2e-6 for e in step], axis=-1)
    assert np.abs(jacobian(net, x) - by_hand).max() < 1e-8
    inner = net.hidden_part
    gains = layer_gains(inner, x)
    squares = np.sum(np.linalg.svd(layer_jacobians(inner, x)[1], compute_uv=False) ** 2, axis=2)
    assert gains.shape == (4, 1)
    assert gains[:, 0] == pytest.approx(squares.mean(axis=1) / 6)
    with pytest.raises(ValueError, match="two layers"):
        layer_gains(net.up_to(1), x)


def test_gains_are_squared_jacobians_by_differences():
    rng = np.random.default_rng(0)
    shapes = [(5, 3), (4, 5), (6, 4)]
    weights = [rng.standard_normal((2, *s)) for s in shapes]
    biases = [rng.standard_normal((2, s[0])) for s in shapes]
    x = rng.standard_normal((7, 3))
    got = layer_gains(hidden(weights, biases, "tanh"), x)
    assert got.shape == (2, 2)
    for net in range(2):
        expected = np.zeros(2)
        for point in x:
            state = np.tanh(weights[0][net] @ point + biases[0][net])
            for layer in (1, 2):
                w, b, h = weights[layer][net], biases[layer][net], 1e-5
                found = [(np.tanh(w @ (state + h * e) + b) - np.tanh(w @ (state - h * e) + b))
                         / (2 * h) for e in np.eye(len(state))]
                expected[layer - 1] += np.sum(np.square(found)) / len(state) / len(x)
                state = np.tanh(w @ state + b)
        assert np.allclose(got[net], expected, rtol=1e-8)


# The read-out


def from_layer(net, layer, h):
    """The read-out as a function of the pre-activations of a layer; layer 0 is the input."""
    (*weights, beta), biases = ([a[0] for a in arrays] for arrays in (net.weights, net.biases))
    if layer == 0:
        h, layer = weights[0] @ h + biases[0], 1
    for w, b in zip(weights[layer:], biases[layer:]):
        h = w @ np.tanh(h) + b
    return beta[0] @ np.tanh(h)


def gradient_by_complex_step(f, x):
    """Exact to rounding."""
    return np.array([f(x + 1e-30j * unit).imag / 1e-30 for unit in np.eye(x.size)])


def hessian_by_differences(f, x, step=2e-4):
    """Fourth-order differences of the exact gradient."""
    rows = []
    for unit in step * np.eye(x.size):
        g = [gradient_by_complex_step(f, x + k * unit) for k in (-2, -1, 1, 2)]
        rows.append((g[0] - 8 * g[1] + 8 * g[2] - g[3]) / (12 * step))
    return np.array(rows)


@pytest.mark.parametrize("sigma_w", [1.3, 4.0])
def test_gradients_and_hessians_at_every_layer(sigma_w):
    nets = random_network(6, [9] * 4, 1, sigma_w, 0.3, networks=2, seed=3, unit_read_out=True)
    x = 0.8 * np.random.default_rng(0).standard_normal((2, 6))
    exact, slopes = list(read_out_hessians(nets, x))[::-1], read_out_gradients(nets, x)
    assert len(exact) == len(slopes) == 5
    for place, net in enumerate(nets):
        places = [x, *(h[0] for h in net.pre_activations(x)[:-1])]
        for layer, (g, (again, h), at) in enumerate(zip(slopes, exact, places)):
            for point in range(2):
                def f(y, layer=layer, net=net):
                    return from_layer(net, layer, y)
                slope = gradient_by_complex_step(f, at[point])
                bend = hessian_by_differences(f, at[point])
                small = 1e-13 * np.abs(slope).max()
                assert np.abs(g[place, point] - slope).max() < small
                assert np.abs(again[place, point] - slope).max() < small
                assert np.abs(h[place, point] - bend).max() < 1e-7 * np.abs(bend).max()
            assert np.array_equal(h, np.swapaxes(h, -1, -2))


def test_jacobians_at_every_layer_by_complex_steps():
    net = random_network(4, [7] * 3, 1, 2.5, 0.3, seed=5)
    x = 0.8 * np.random.default_rng(1).standard_normal((2, 4))
    layers = list(zip((w[0] for w in net.weights[:-1]), (b[0] for b in net.biases)))
    for depth in (1, 2, 3):
        found = jacobian(net.up_to(depth), x)
        assert found.shape == (1, 2, 7, 4)
        for point, start in enumerate(x):
            for i, unit in enumerate(np.eye(4)):
                h = start + 1e-30j * unit
                for w, b in layers[:depth]:
                    h = np.tanh(w @ h + b)
                assert np.allclose(found[0, point, :, i], h.imag / 1e-30, rtol=1e-12, atol=0)


def test_own_activation():
    """A quadratic network of one layer: the Hessian is W^T diag(2 beta) W exactly."""
    net = random_network(3, [5], 1, 1.0, 0.2, seed=0, phi=lambda x: x * x, unit_read_out=True)
    (g1, h1), (g0, h0) = read_out_hessians(net, np.ones((1, 3)))
    w, b, beta = net.weights[0][0], net.biases[0][0], net.weights[1][0, 0]
    assert np.allclose(h0[0, 0], w.T @ np.diag(2 * beta) @ w, rtol=1e-8, atol=1e-8)
    assert np.allclose(g0[0, 0], w.T @ (2 * beta * (w @ np.ones(3) + b)), rtol=1e-9)


@pytest.mark.parametrize("phi", ["relu", "hard_tanh"])
def test_a_kink_has_no_hessian_but_a_gradient(phi):
    net = random_network(6, [6] * 2, 1, 1.5, 0.1, seed=0, phi=phi)
    x = np.random.default_rng(1).standard_normal((1, 6))
    with pytest.raises(ValueError, match="second derivative is a delta"):
        list(read_out_hessians(net, x))
    step = 1e-7 * np.eye(6)
    slope = (net.forward(x + step) - net.forward(x - step))[0, :, 0] / 2e-7
    assert np.abs(read_out_gradients(net, x)[0][0, 0] - slope).max() < 1e-7


@pytest.mark.parametrize("net", [Network([[[1.0]]]), Network([[[1.0]], [[1.0]]], output="tanh")])
def test_a_scalar_read_out_is_linear(net):
    for function in (read_out_gradients, read_out_hessians):
        with pytest.raises(ValueError, match="a linear read-out"):
            list(function(net, [[1.0]]))


# Trajectories


def test_arcs_and_their_lengths():
    """Velocities by differences of the points, lengths by a fine polyline."""
    start, end = np.random.default_rng(6).normal(size=(2, 3, 5))
    x, dx = arcs(start, end, 4000)
    assert np.allclose(dx[1:3999], 2000 * (x[2:4000] - x[:3998]), atol=1e-5)
    assert np.allclose(x[0], start[0], atol=1e-2) and np.allclose(x[-1], end[-1], atol=1e-2)
    model = random_network(5, [7, 6], 3, 1.5, 0.3, networks=2, seed=1)
    for layer, found in zip(model.hidden(x), trajectory_lengths(model, x, dx).T):
        chords = np.linalg.norm(np.diff(layer.reshape(2, 3, 4000, -1), axis=2), axis=-1)
        assert found == pytest.approx(chords.sum(axis=2).mean(axis=1), rel=1e-3)


def test_averaging_shortens_every_curve():
    """Averages of four: at most half as long, and not longer per root dimension."""
    net = convolutional((8, 8, 3), (4, "pool", 5, "pool"), (), 1, sigma_w=2.0, sigma_b=0.3,
                        networks=3, seed=2)
    x, dx = arcs(*np.random.default_rng(3).normal(size=(2, 4, 8, 8, 3)), 10)
    conv, pooled, later, last = trajectory_lengths(net, x, dx).T
    assert np.all(pooled < 0.5 * conv) and np.all(last < 0.5 * later)


@pytest.mark.parametrize("call, message", [
    (lambda: arcs(np.ones((2, 3)), np.ones((3, 3)), 4), "end must have shape"),
    (lambda: arcs(np.ones((2, 3)), np.ones((2, 3)), 0), "points must be")])
def test_arcs_check_their_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
