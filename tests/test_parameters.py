"""The parameters cell: what it may hold, and what a reader may give."""
import json
import math

import pytest

from lib.report.parameters import (Parameter, admits, check, data, declared, did_you_mean, grid,
                                   in_words, parse, read, wanted)

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


RANGES = '''width: int = 9  # neurons [1..10]
sigma_b: float = 0.3  # of the biases [0..]
shift: float = -1  # at most nothing [..0]
source: str = "embedded"  # which images [embedded|full]
index: int = 0  # see a[0] and b [note]
'''


def test_a_range_stands_in_brackets_at_the_end():
    assert [(one.help, one.allowed) for one in parse(RANGES)] == [
        ("neurons", "1..10"), ("of the biases", "0.."), ("at most nothing", "..0"),
        ("which images", "embedded|full"), ("see a[0] and b [note]", "")]


@pytest.mark.parametrize("given, told", [
    ({"width": 11}, "'width' must be between 1 and 10, not 11"),
    ({"width": 0}, "between 1 and 10"),
    ({"sigma_b": -1e-9}, "'sigma_b' must be at least 0, not -1e-09"),
    ({"shift": 0.5}, "'shift' must be at most 0, not 0.5"),
    ({"source": "ful"}, "'source' must be embedded or full, not 'ful'"),
])
def test_what_is_out_of_range_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        check(parse(RANGES), given)


def test_names_that_mean_the_same_everywhere_have_their_range_unsaid():
    cell = "sigma_w_low: float = 1.0  # of the weights\nseed: int = 0  # of the numbers\n" \
           "widths: str = 'a'  # no width\nnetworks: int = 5  # at least two [2..]\n"
    assert [one.range for one in parse(cell)] == ["0..", "0..", "", "2.."]
    for given, told in (({"sigma_w_low": -0.1}, "at least 0"), ({"seed": -1}, "at least 0"),
                        ({"networks": 1}, "at least 2")):
        with pytest.raises(ValueError, match=told):
            check(parse(cell), given)


def test_a_text_with_a_range_is_a_list_of_whole_numbers():
    one = parse('widths: str = "5, 10"  # neurons [3..400]')
    assert check(one, {"widths": "400"}) == {"widths": "400"}
    for word in ("abc", "", "5,", "2, 10", "5, 401", "5.5", "-5"):
        with pytest.raises(ValueError, match="must be whole numbers with commas, each between 3"):
            check(one, {"widths": word})


def test_the_ends_of_a_range_are_in_it_and_a_default_must_be():
    inside = {"width": 10, "sigma_b": 0, "shift": 0, "source": "full", "index": -5}
    assert check(parse(RANGES), inside) == inside
    with pytest.raises(ValueError, match="'x' must be at least 2, not 1"):
        parse("x: int = 1  # too small [2..]")


@pytest.mark.parametrize("name, word, value", [
    ("sigma_w", "4", 4.0), ("sigma_w", "1e-3", 0.001), ("width", "1_000", 1000),
    ("activation", "4", "4"), ("fresh", "False", False), ("fresh", "true", True)])
def test_words_are_read_by_kind(name, word, value):
    (parameter,) = [one for one in parse(CELL) if one.name == name]
    assert read(parameter, word) == value and type(read(parameter, word)) is type(value)


@pytest.mark.parametrize("name, word, told", [
    ("sigma_w", "1,5", "'sigma_w' must be a number, not '1,5'"),
    ("width", "1e3", "'width' must be a whole number"), ("fresh", "yes", "must be true or false")])
def test_words_of_another_kind_are_refused(name, word, told):
    (parameter,) = [one for one in parse(CELL) if one.name == name]
    with pytest.raises(ValueError, match=told):
        read(parameter, word)


TOGETHER = """sigma_w_low: float = 1.3  # of the weights
sigma_w_high: float = 4.0  # the same
widths: str = "5, 50"  # neurons [3..300]
networks: int = 10  # sampled
phi: str = "tanh"  # nonlinearity [formula]
source: str = "embedded"  # images [embedded|full]
# needs sigma_w_low < sigma_w_high: order comes before chaos
# needs 5 in widths: width 5 is drawn
# needs source == "embedded" or data(): the whole sets lie in a folder
# seconds 4
#   + networks * sum(widths) / 1e3
"""


@pytest.mark.parametrize("given, told", [
    ({"sigma_w_low": 4.0}, "needs sigma_w_low < sigma_w_high: order comes before chaos; here "
                           "sigma_w_low = 4.0, sigma_w_high = 4.0"),
    ({"widths": "50, 6"}, "needs 5 in widths: width 5 is drawn; here widths = 50, 6"),
    ({"source": "full"}, "the whole sets lie in a folder; here source = full"),
    ({"phi": "x^2 +"}, "parameter 'phi'"),
    ({"phi": "tangh"}, "parameter 'phi': "),
    ({"phi": "sign(x)"}, "parameter 'phi': sign(x) jumps"),
])
def test_what_must_be_true_together_is_refused_in_a_sentence(given, told, monkeypatch):
    monkeypatch.delenv("EXPRESSIVITY_DATA", raising=False)
    with pytest.raises(ValueError) as refused:
        check(parse(TOGETHER), given)
    assert told in str(refused.value)


def test_a_folder_without_notebooks_is_refused_and_another_made_absolute(monkeypatch, tmp_path):
    (parameter,) = found = parse('executions: str = ""  # chapters [notebooks]')
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").mkdir()
    assert parameter.default == "" and check(found, {"executions": ""}) == {"executions": ""}
    for folder in ("some", "none"):
        with pytest.raises(ValueError, match="'executions' must be a folder with notebooks, not"):
            check(found, {"executions": folder})
    (tmp_path / "some" / "one.ipynb").write_text("{}", "utf-8")
    assert check(found, {"executions": "some"}) == {"executions": str(tmp_path / "some")}


def test_what_is_true_together_passes(monkeypatch, tmp_path):
    given = {"sigma_w_low": 1, "sigma_w_high": 2, "widths": "5", "phi": "x*tanh(x)"}
    assert check(parse(TOGETHER), given)["widths"] == "5"
    monkeypatch.setenv("EXPRESSIVITY_DATA", str(tmp_path))
    assert data() and check(parse(TOGETHER), {"source": "full"})


def test_a_grid_with_a_point_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="order comes before chaos; here sigma_w_low = 5.0"):
        grid(parse(TOGETHER), [("sigma_w_low", "1,5")])


def test_a_cost_is_a_number_of_seconds():
    assert parse(TOGETHER).seconds({}) == 4 + 10 * 55 / 1e3
    assert parse(TOGETHER).seconds({"widths": "5", "networks": 100}) == 4.5
    assert math.isnan(parse(CELL).seconds({}))


@pytest.mark.parametrize("line", ["# needs depth > 1: x", "# seconds nets", "# needs 1 +: x",
                                  "# needs networks > 10: false of the defaults"])
def test_a_poor_need_or_cost_is_refused(line):
    with pytest.raises(ValueError):
        parse(TOGETHER + line)


def test_a_claim_is_made_at_a_value_or_in_a_range():
    parameters = parse(TOGETHER)
    wanted(parameters, {"networks": "8..", "source": "embedded|full", "sigma_w_low": 1.3})
    for given, message in (
            ({"networks": "x.."}, "whole number"), ({"source": "some|full"}, "some"),
            ({"networks": "-1.."}, "at least 1"), ({"network": 3}, "unknown")):
        with pytest.raises(ValueError, match=message):
            wanted(parameters, given)
    assert not admits("8..", 7) and admits("8..", 8) and admits(8, 8) and not admits(8, 9)
    assert (in_words("8.."), in_words(8), in_words("a|b")) == ("at least 8", "8", "a or b")
