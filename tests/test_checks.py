"""Arguments: what is taken, and that every refusal names the argument."""
import numpy as np
import pytest

import lib
from lib.checks import Untrusted, choice, count, number, real


@pytest.mark.parametrize("value, shape", [
    (2, ()), (2.5, ()), ([1, 2], (2,)), ([[1.0], [2.0]], (2, 1)), (np.float32(1), ()), ([], (0,)),
    (np.arange(3, dtype=np.uint8), (3,)),
])
def test_numbers_become_floats_of_the_same_shape(value, shape):
    array = real("x", value)
    assert array.dtype == float and array.shape == shape
    assert np.array_equal(array, value)


def test_what_need_not_be_finite_is_still_in_range():
    assert np.isnan(real("x", [np.nan, 1.0], low=0.0, finite=False)[0])
    assert real("x", [np.inf], low=0.0, finite=False)[0] == np.inf
    with pytest.raises(ValueError, match="^x must be at least 0, got -inf"):
        real("x", [np.nan, -np.inf], low=0.0, finite=False)


def test_the_ends_of_the_range_are_in_it():
    assert real("x", [-1.0, 1.0], low=-1.0, high=1.0).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("value", [
    "1.0", None, True, [True, False], 1j, [1 + 0j], ["a"], {}, object(), b"1",
    np.array("2020-01-01", dtype="datetime64[D]"), np.array(3, dtype="timedelta64[D]")])
def test_what_is_not_a_real_number_is_a_type_error_that_names_it(value):
    with pytest.raises(TypeError, match="^sigma_w must be real numbers"):
        real("sigma_w", value, low=0.0)


@pytest.mark.parametrize("value, told", [
    (np.nan, "sigma_b must be finite, got nan"),
    ([1.0, np.inf], "sigma_b must be finite, got inf"),
    (-np.inf, "sigma_b must be finite, got -inf"),
    ([0.5, -0.25], "sigma_b must be at least 0, got -0.25"),
    (4.5, "sigma_b must be at most 4, got 4.5"),
    (np.nextafter(4.0, 5.0), "sigma_b must be at most 4"),
])
def test_the_first_culprit_and_the_range_are_told(value, told):
    with pytest.raises(ValueError) as refused:
        real("sigma_b", value, low=0.0, high=4.0)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("axes, fitting, others", [
    ("n,", [(3,)], [(), (0,), (3, 1)]),
    ("networks, points", [(2, 3)], [(2,), (1, 2, 3), (2, 0)]),
    ("..., points, neurons", [(2, 3), (5, 4, 2, 3)], [(3,), (), (0, 2, 3)]),
    ("networks, ..., layers", [(2, 3), (2, 4, 3)], [(3,), (2, 0)]),
    ("...", [(), (0,), (2, 3)], []),
    ("..., d, d", [(2, 2), (5, 3, 3)], [(2, 3), (2,), (0, 0)]),
    ("networks, 4, ...", [(2, 4), (1, 4, 7)], [(2, 3), (4,), (0, 4)]),
    ((2, 3), [(2, 3)], [(3, 2), (2,), (1, 2, 3)]),
    ((), [()], [(1,), (0,)]),
])
def test_named_axes_are_required(axes, fitting, others):
    told = f"({axes})" if isinstance(axes, str) else str(axes)
    for shape in fitting:
        assert real("h", np.ones(shape), axes=axes).shape == shape
    for shape in others:
        with pytest.raises(ValueError) as refused:
            real("h", np.ones(shape), axes=axes)
        assert str(refused.value) == f"h must have shape {told}, got {shape}"


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(9)])
def test_integers_are_counts(value):
    assert count("width", value) == value and type(count("width", value)) is int


@pytest.mark.parametrize("value", [1.0, "3", None, True, np.True_, np.float64(2), [1], 2j])
def test_nothing_else_is(value):
    with pytest.raises(TypeError, match="^width must be an integer"):
        count("width", value)


@pytest.mark.parametrize("value, low", [(0, 1), (-3, 1), (1, 2)])
def test_a_count_has_a_least_value(value, low):
    with pytest.raises(ValueError, match=f"^width must be at least {low}, got {value}"):
        count("width", value, low)


def test_one_number_is_a_float_and_an_array_is_refused():
    assert number("q", np.float32(2), low=0.0) == 2.0 and type(number("q", 2)) is float
    with pytest.raises(TypeError, match=r"^q must be one number, got shape \(2,\)"):
        number("q", [1.0, 2.0])
    with pytest.raises(ValueError, match="^q must be at least 0, got -1"):
        number("q", -1, low=0.0)


def test_a_count_may_have_a_largest_value():
    assert count("layer", 8, high=8) == 8
    with pytest.raises(ValueError, match="^layer must be at most 8, got 9"):
        count("layer", 9, high=8)


def test_one_of_some_options():
    assert choice("missing", "nan", ("raise", "nan")) == "nan"
    with pytest.raises(ValueError, match="^missing must be 'raise' or 'nan', got 'no'"):
        choice("missing", "no", ("raise", "nan"))


def test_what_cannot_be_trusted_carries_the_best_there_is():
    problem = Untrusted("not settled", best=3.0)
    assert isinstance(problem, ArithmeticError)
    assert (str(problem), problem.best) == ("not settled", 3.0)


@pytest.mark.parametrize("call, told", [
    (lambda: lib.MeanField([1, 2], [1, 2, 3]), r"sigma_w and sigma_b must .* \(2,\) and \(3,\)"),
    (lambda: lib.Ensemble([1, 2], [1, 2, 3], width=2, networks=1), "sigma_w and sigma_b must"),
    (lambda: lib.MeanField(1.5, 0.1).run(q=[], depth=3), r"q must be .* got \(0,\)"),
    (lambda: lib.MeanField(1.5, 0.1).run(c=[], depth=3), r"c must be .* got \(0,\)"),
    (lambda: lib.Network(None), "weights must be a list of arrays"),
    (lambda: lib.Network({"0.weight": [[1.0]]}), "a state_dict goes through np.savez"),
    (lambda: lib.Network.load("none.npz"), "there is no file 'none.npz'"),
])
def test_what_is_handed_to_the_front_door_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_one_bias_has_one_edge():
    with pytest.raises(TypeError, match="sigma_b must be one number, got shape"):
        lib.gains("tanh").edge([0.0, 0.1])
