"""The parameters cell: what it may hold, and what a reader may give."""
import json
import math

import pytest

from lib.report.parameters import Parameter, check, declared, did_you_mean, parse

CELL = '''sigma_w: float = 1.5  # standard deviation of the weights
width: int = 1_000  # neurons in a layer
activation: str = "tanh"  # name; see "lib.activations"
fresh: bool = True  # new weights at every layer
offset: float = -2  # an int is a float too
'''


def notebook(folder, *cells):
    """A notebook file with code cells of these tags and sources."""
    path = folder / "chapter.ipynb"
    path.write_text(json.dumps({"cells": [
        {"cell_type": "code", "metadata": {"tags": tags} if tags else {}, "source": source}
        for tags, source in cells]}), "utf-8")
    return path


def test_a_cell_is_read_as_it_stands():
    assert parse(CELL) == (
        Parameter("sigma_w", float, 1.5, "standard deviation of the weights"),
        Parameter("width", int, 1000, "neurons in a layer"),
        Parameter("activation", str, "tanh", 'name; see "lib.activations"'),
        Parameter("fresh", bool, True, "new weights at every layer"),
        Parameter("offset", float, -2.0, "an int is a float too"),
    )
    assert type(parse(CELL)[-1].default) is float


def test_the_tagged_cell_is_found(tmp_path):
    lines = CELL.splitlines(keepends=True)  # as notebook files store a source
    path = notebook(tmp_path, ([], "import os"), (["parameters"], lines), (["x"], "y = 1"))
    assert declared(path) == parse(CELL)


@pytest.mark.parametrize("cells, count", [
    ([([], CELL), (["hide-input"], "x = 1")], 0),
    ([(["parameters"], CELL), (["parameters"], CELL)], 2),
])
def test_there_is_exactly_one_such_cell(tmp_path, cells, count):
    with pytest.raises(ValueError, match=f"chapter.ipynb has {count} cells tagged"):
        declared(notebook(tmp_path, *cells))


@pytest.mark.parametrize("source, error, told", [
    ("x = 1  # plain", ValueError, "'x = 1' is not of the form"),
    ("x: int = 1", ValueError, "not of the form"),
    ("x: int  # no value", ValueError, "not of the form"),
    ("x: list = []  # kind", ValueError, "not of the form"),
    ("x.y: int = 1  # attribute", ValueError, "not of the form"),
    ("x: int = 1 + 1  # computed", ValueError, "'1 + 1' is not a literal"),
    ("x: int = other  # name", ValueError, "'other' is not a literal"),
    ("x: int = 1.5  # wrong kind", TypeError, "'x' is int, not float"),
    ("x: int = True  # wrong kind", TypeError, "'x' is int, not bool"),
    ("x: float = 1e999  # infinite", ValueError, "'x' must be finite"),
    ("x: int = 1  # a\nx: int = 2  # b", ValueError, "declared twice"),
])
def test_a_poor_line_is_refused(source, error, told):
    with pytest.raises(error, match=told.replace("+", r"\+")):
        parse(source)


def test_good_values_come_back():
    given = {"sigma_w": 4, "width": 10, "activation": "relu", "fresh": False}
    assert check(parse(CELL), given) == given
    assert type(check(parse(CELL), given)["sigma_w"]) is float
    assert check(parse(CELL), {}) == {}


@pytest.mark.parametrize("given, error, told", [
    ({"sigma": 1.0}, ValueError, "unknown parameter 'sigma'"),
    ({"sigmaw": 1.0}, ValueError, "did you mean 'sigma_w'"),
    ({"zzz": 1.0}, ValueError, "valid are: sigma_w, width, activation, fresh, offset"),
    ({"sigma_w": "4"}, TypeError, "'sigma_w' is float, not str: '4'"),
    ({"sigma_w": True}, TypeError, "'sigma_w' is float, not bool"),
    ({"sigma_w": None}, TypeError, "'sigma_w' is float, not NoneType"),
    ({"sigma_w": math.nan}, ValueError, "'sigma_w' must be finite, not nan"),
    ({"sigma_w": -math.inf}, ValueError, "must be finite"),
    ({"sigma_w": 10**400}, ValueError, "must be finite"),
    ({"width": 10.0}, TypeError, "'width' is int, not float"),
    ({"width": True}, TypeError, "'width' is int, not bool"),
    ({"activation": 3}, TypeError, "'activation' is str, not int"),
    ({"fresh": 1}, TypeError, "'fresh' is bool, not int"),
])
def test_bad_values_are_refused(given, error, told):
    with pytest.raises(error, match=told):
        check(parse(CELL), given)


def test_a_suggestion_needs_likeness():
    assert "did you mean" not in did_you_mean("zzz", ["sigma_w"])
    assert did_you_mean("x", []) == "; valid are: none"
