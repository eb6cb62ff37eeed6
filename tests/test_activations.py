"""Nonlinearities: derivatives, kinks; what a caller may hand in."""
import mpmath as mp
import numpy as np
import oracles
import pytest
from scipy.special import expit, log_softmax, softmax

from lib.activations import FAMILIES, Activation, activation, custom, get
from lib.theory.gaussian import moment
from lib.theory.meanfield import MeanField

NAMES = sorted(FAMILIES)
X = np.array([-30.0, -7.3, -3.0, -1.7, -0.9, -1e-3, -1e-9, 1e-9, 1e-3, 0.4, 0.99, 2.1, 6.7, 25.0])


@pytest.mark.parametrize("order", range(3))
@pytest.mark.parametrize("name", NAMES)
def test_the_function_and_its_derivatives_are_those_of_the_textbook(name, order):
    exact = oracles.EXACT[name][order]
    with mp.workdps(40):
        expected = [float(exact(mp.mpf(x))) for x in X.tolist()]
    got = get(name).derivative(order)(X)
    assert np.allclose(got, expected, rtol=1e-14, atol=3e-15)


@pytest.mark.parametrize("name", NAMES)
def test_every_derivative_is_the_slope_of_the_one_before(name):
    phi, h = get(name), 1e-5
    x = X[(np.abs(X) > 1e-2) & ~np.isin(X, phi.kinks)]
    for order in (0, 1):
        f, slope = phi.derivative(order), phi.derivative(order + 1)
        assert np.allclose((f(x + h) - f(x - h)) / (2 * h), slope(x), rtol=1e-8, atol=2e-9)


@pytest.mark.parametrize("name, parameters, at, value", [
    ("leaky_relu", {"slope": 0.2}, -3.0, -0.6), ("leaky_relu", {}, -3.0, -0.03),
    ("elu", {"alpha": 2.0}, -1.0, 2.0 * np.expm1(-1.0)), ("swish", {"beta": 2.0}, 1.5,
                                                         1.5 / (1 + np.exp(-3.0))),
])
def test_a_family_has_its_parameter(name, parameters, at, value):
    phi = get(name, **parameters)
    assert abs(phi(np.array(at)) - value) < 1e-15
    h = 1e-5
    slope = (phi.phi(at + h) - phi.phi(at - h)) / (2 * h)
    bend = (phi.dphi(at + h) - phi.dphi(at - h)) / (2 * h)
    assert abs(slope - phi.dphi(at)) < 1e-9 and abs(bend - phi.d2phi(at)) < 1e-9


@pytest.mark.parametrize("name, kinks, parity, continuous, differentiable, linear, homogeneous", [
    ("tanh", (), "odd", True, True, False, False),
    ("erf", (), "odd", True, True, False, False),
    ("sin", (), "odd", True, True, False, False),
    ("sigmoid", (), "", True, True, False, False),
    ("gelu", (), "", True, True, False, False),
    ("softplus", (), "", True, True, False, False),
    ("relu", (0.0,), "", True, False, True, True),
    ("leaky_relu", (0.0,), "", True, False, True, True),
    ("hard_tanh", (-1.0, 1.0), "odd", True, False, True, False),
    ("elu", (0.0,), "", True, True, False, False),
    ("selu", (0.0,), "", True, False, False, False),
    ("linear", (), "odd", True, True, True, True),
    ("hermite", (-3.0, 3.0), "", True, False, False, False),
])
def test_what_is_known_of_it(name, kinks, parity, continuous, differentiable, linear,
                             homogeneous):
    phi = get(name)
    assert (phi.kinks, phi.parity, phi.continuous, phi.differentiable, phi.piecewise_linear,
            phi.homogeneous) == (kinks, parity, continuous, differentiable, linear, homogeneous)


def test_jumps_are_measured_at_every_kink():
    assert get("hard_tanh").jumps(1).tolist() == [1.0, -1.0]
    assert get("relu").jumps(0).tolist() == [0.0]
    for text, slopes in (("clip(2*x, -1, 0.5)", [2, -2]), ("max(3*x - 0.7, 0)", [3]),
                         ("max(0.1*x, x - 0.7)", [0.9]), ("abs(x - 1/3)", [2])):
        assert get(text).jumps(1) == pytest.approx(slopes)  # though the kink is rounded
    step = custom(np.sign, np.zeros_like, np.zeros_like, kinks=(0.0,))
    assert step.jumps(0).tolist() == [2.0] and not step.continuous and not step.differentiable


def test_a_shifted_ramp_is_linear_in_pieces_but_not_homogeneous():
    ramp = get(lambda x: np.maximum(x - 0.5, 0.0), kinks=(0.5,))
    assert ramp.piecewise_linear and not ramp.homogeneous


def test_the_door_takes_names_activations_and_callables():
    phi = get("gelu")
    assert get(phi) is phi and activation is get
    assert get(np.tanh) is get("tanh") and get(np.sin) is get("sin")
    mine = get(lambda x: x * expit(x), name="mine")
    assert isinstance(mine, Activation) and mine.name == "mine"
    assert np.abs(mine.dphi(X) - get("swish").dphi(X)).max() < 1e-11
    assert np.abs(mine.d2phi(X) - get("swish").d2phi(X)).max() < 1e-9


def test_activations_are_compared_by_identity_and_named_ones_are_made_once():
    assert get("tanh") is get("tanh") and get("elu", alpha=2) is get("elu", alpha=2.0)
    assert get("elu", alpha=2) is not get("elu") and get("tanh") != get("erf")
    assert get(np.cos) != get(np.cos) and len({get(np.cos), get(np.cos)}) == 2


@pytest.mark.parametrize("name", NAMES)
def test_the_jet_is_all_three_at_once(name):
    phi = get(name)
    for order, value in enumerate(phi.jet(X)):
        assert np.allclose(value, phi.derivative(order)(X), rtol=1e-13, atol=1e-15)


def test_a_family_has_one_member_at_a_time():
    steps = [get("leaky_relu", slope=slope) for slope in (0.0, 0.25, 1.0, 2.0)]
    assert [float(phi(np.array(-4.0))) for phi in steps] == [0.0, -1.0, -4.0, -8.0]
    assert [float(phi.dphi(np.array(-4.0))) for phi in steps] == [0.0, 0.25, 1.0, 2.0]
    with pytest.raises(TypeError, match="slope must be one number"):
        get("leaky_relu", slope=[0.1, 0.2])


@pytest.mark.parametrize("f, parity", [
    (np.cos, "even"), (lambda x: x**3, "odd"), (lambda x: x + 1.0, ""), (np.exp, "")])
def test_the_parity_of_a_callable_is_found(f, parity):
    assert get(f).parity == parity


def test_kinks_may_come_in_any_order_and_decide_on_parity():
    clip = get(lambda x: np.clip(x, -1.0, 1.0), kinks=(1, -1))
    assert clip.kinks == (-1.0, 1.0) and clip.parity == "odd"
    assert get(np.sin, kinks=(0.5,)).parity == ""


def test_an_unknown_name_is_told_all_names():
    with pytest.raises(ValueError, match="phi: unknown activation 'rleu'") as refused:
        get("rleu")
    assert all(name in str(refused.value) for name in FAMILIES)


@pytest.mark.parametrize("phi", [3, None, ["tanh"], 2.0])
def test_what_is_no_nonlinearity_is_a_type_error(phi):
    with pytest.raises(TypeError, match="phi must be"):
        get(phi)


@pytest.mark.parametrize("phi, parameters", [
    ("tanh", {"slope": 1.0}), ("leaky_relu", {"alpha": 1.0}), (get("tanh"), {"kinks": (0,)}),
    (np.cos, {"slope": 0.1}), ("leaky_relu", {"slope": "a"}), ("elu", {"alpha": True})])
def test_a_parameter_it_does_not_have_is_a_type_error(phi, parameters):
    with pytest.raises(TypeError):
        get(phi, **parameters)


@pytest.mark.parametrize("phi, parameters", [
    ("leaky_relu", {"slope": np.nan}), ("swish", {"beta": np.inf}),
    (np.cos, {"kinks": (np.nan,)})])
def test_a_parameter_that_is_not_finite_is_a_value_error(phi, parameters):
    with pytest.raises(ValueError, match="must be finite"):
        get(phi, **parameters)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("phi, told", [
    (softmax, "elementwise"),
    (log_softmax, "elementwise"),
    (np.sort, "elementwise"),
    (np.cumsum, "elementwise"),
    (lambda x: np.cumsum(x, axis=-1), "elementwise"),
    (lambda x: x / np.linalg.norm(x), "elementwise"),
    (lambda x: x - x.mean(), "elementwise"),
    (lambda x: x + 1e-9 * RNG.standard_normal(x.shape), "elementwise and deterministic"),
    (np.sum, "keep the shape"),
    (lambda x: x[1:], "keep the shape"),
    (lambda x: x[..., None], "keep the shape"),
    (lambda x: 1.0, "keep the shape"),
    (lambda x: np.where(x > 3.0, np.nan, x), "returned nan at x = "),
    (lambda x: np.where(x > 3.0, np.inf, x), "returned inf"),
    (lambda x: x + 0j, "real numbers"),
    (lambda x: x > 0, "real numbers"),
    (lambda x: x.astype(str), "real numbers"),
])
def test_what_is_not_an_elementwise_real_function_is_refused(phi, told):
    with pytest.raises(ValueError, match=told):
        get(phi)


@pytest.mark.parametrize("derivatives, told", [
    ({"dphi": np.sin}, "dphi is not the derivative of phi: at x = "),
    ({"dphi": lambda x: 1.001 / np.cosh(x) ** 2}, "dphi is not the derivative"),
    ({"d2phi": np.tanh}, "d2phi is not the derivative"),
    ({"dphi": softmax}, "dphi must be elementwise"),
    ({"d2phi": lambda x: x * np.nan}, "d2phi returned nan"),
])
def test_wrong_derivatives_are_found_out(derivatives, told):
    with pytest.raises(ValueError, match=told):
        get(lambda x: np.tanh(x), **derivatives)


def test_right_derivatives_are_used_as_they_are():
    phi = get(lambda x: np.tanh(x), dphi=get("tanh").dphi, d2phi=get("tanh").d2phi)
    assert np.array_equal(phi.dphi(X), get("tanh").dphi(X))
    assert np.array_equal(phi.d2phi(X), get("tanh").d2phi(X))


@pytest.mark.parametrize("gain", [4.0, 60.0, 1e4])
def test_a_fine_scale_needs_no_derivatives(gain):
    phi, named, x = get(lambda x: np.tanh(gain * x)), get("tanh"), X / gain
    assert phi.parity == "odd" and phi.kinks == ()
    assert np.abs(phi.dphi(x) / gain - named.dphi(X)).max() < 1e-11
    assert np.abs(phi.d2phi(x) / gain**2 - named.d2phi(X)).max() < 1e-8


def test_kinks_close_together_are_accepted():
    for phi in (get(lambda x: np.clip(x, 0.0, 0.1)),
                get(lambda x: np.clip(x, 0.0, 0.1), kinks=(0.0, 0.1))):
        assert phi.piecewise_linear and phi.kinks == (0.0, 0.1)
        assert phi.jumps(1) == pytest.approx([1.0, -1.0], rel=1e-9)


def test_a_grade_is_on_every_activation_and_every_result():
    for certain in ("tanh", "x*tanh(x)", np.tanh, "relu6"):
        assert get(certain).grade == "certified"
    declared = get(lambda x: np.maximum(x, 0.0), kinks=(0.0,))
    none = get(lambda x: np.cos(x), kinks=())
    assert declared.grade == none.grade == "certified" and not declared.searched
    found = get(lambda x: np.maximum(x, 0.0))
    assert found.grade == "estimated" and "|x| < 2.097e+06" in found.searched
    assert "estimated: kinks" in repr(MeanField(1.2, 0.1, found))
    assert "ordered, certified" in repr(MeanField(1.2, 0.1, declared))
    assert repr(declared) == "custom, certified" and repr(found).startswith("custom, estimated: k")


def test_a_callable_that_overwrites_its_argument_is_taken_as_it_is_meant():
    def rude(x):
        np.tanh(x, out=x)
        return x

    phi, x = get(rude), X.copy()
    assert np.array_equal(phi(x), np.tanh(X)) and np.array_equal(x, X)
    assert np.abs(phi.dphi(X) - get("tanh").dphi(X)).max() < 1e-11 and phi.parity == "odd"
    assert MeanField(2.0, 0.3, rude).xi_q == pytest.approx(0.8508, abs=5e-5)


def test_a_callable_that_returns_small_integers_does_not_overflow():
    step = get(lambda x: np.where(x > 0, np.int8(20), np.int8(0)), kinks=(0.0,))
    assert float(moment(step, np.array(1.0))) == pytest.approx(200.0, rel=1e-12)
    assert MeanField(1.0, 0.1, step).q_star == pytest.approx(200.01, rel=1e-12)
    assert step.jumps(0).tolist() == [20.0] and step.piecewise_linear


@pytest.mark.parametrize("scale", [1e-10, 1e8])
def test_what_is_known_of_a_function_does_not_hang_on_its_scale(scale):
    relu = get(lambda x: scale * np.maximum(x, 0.0), kinks=(0.0,))
    assert (relu.continuous, relu.differentiable, relu.piecewise_linear, relu.homogeneous,
            relu.parity) == (True, False, True, True, "")
    assert relu.jumps(1) == pytest.approx([scale], rel=1e-9)
    wave = get(lambda x: scale * np.sin(x))
    assert wave.parity == "odd" and not wave.piecewise_linear and not wave.kinks


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number_stays_visible(name):
    assert np.isnan(get(name)(np.array([np.nan, 1.0]))).tolist() == [True, False]


@pytest.mark.parametrize("phi", [*NAMES, "x*tanh(x)", lambda x: np.tanh(2.0 * x)])
def test_the_precision_is_that_of_the_argument(phi):
    phi, x = get(phi), np.linspace(-2.0, 2.0, 6, dtype=np.float32).reshape(2, 3)
    for order, value in enumerate(phi.jet(x)):
        assert value.dtype == np.float32 and value.shape == (2, 3)
        assert np.allclose(value, phi.derivative(order)(x.astype(float)), rtol=1e-5, atol=1e-5)


def test_a_ufunc_that_is_all_of_it_is_used_as_it_is():
    """What the fastest loops look for."""
    assert get("tanh").phi is np.tanh and get("tanh(x)").phi is np.tanh
    assert get("sin").dphi is np.cos
