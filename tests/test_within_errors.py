"""What may move: what was trained as another sample would, a drawn point by a step."""
from types import SimpleNamespace

import pytest
from tests.within_errors import TAG, TENTH, agree, install, redrawn, same_drawing, settled

from lib.report.claims import MIME
from lib.report.evidence import TABLE

STORED = {"key": "a-claim", "says": "so", "value": 0.8, "error": 0.02, "samples": 8,
          "verdict": "holds"}


@pytest.mark.parametrize("changes", [
    {}, {"value": 0.88}, {"value": 0.89, "error": 0.03}, {"error": 0.08}, {"samples": 15},
    {"verdict": "undecided"}, {"value": 0.86, "error": 0.0}])
def test_a_trained_finding_may_be_another_sample(changes):
    assert agree(STORED | changes, STORED) and agree(STORED, STORED | changes)


@pytest.mark.parametrize("changes", [
    {"value": 0.89}, {"value": 0.7}, {"error": 0.09}, {"samples": 30}, {"verdict": "differs"},
    {"key": "another"}, {"says": "otherwise"}, {"extra": 1}, {"error": None}, {"value": None},
])
def test_and_nothing_else(changes):
    assert not agree(STORED | changes, STORED) and not agree(STORED, STORED | changes)


@pytest.mark.parametrize("samples, error, same", [
    (3, 0.8, True), (3, 0.9, False), (30, 0.036, True), (30, 0.04, False)])
def test_how_far_an_error_may_move_follows_from_the_samples(samples, error, same):
    stored = STORED | {"samples": samples}
    assert agree(stored | {"error": error}, stored) is same


@pytest.mark.parametrize("value, same", [(0.99, True), (1.01, False), (0.61, True), (0.59, False)])
def test_a_finding_of_one_sample_moves_by_a_quarter(value, same):
    alone = STORED | {"error": None, "samples": 1}
    assert agree(alone | {"value": value}, alone) is same


def test_a_finding_without_error_is_compared_exactly():
    exact = STORED | {"error": 0.0}
    assert agree(exact, exact) and not agree(exact | {"value": 0.80001}, exact)


def test_a_finding_without_a_number_stays_so():
    unknown = STORED | {"value": None, "error": None, "verdict": "elsewhere"}
    assert agree(unknown, unknown)
    assert not agree(STORED, unknown) and not agree(unknown, STORED)


def test_a_lost_finding_is_no_agreement():
    assert not agree(None, STORED) and not agree(STORED, None) and not agree(None, None)


def test_only_the_data_of_agreeing_findings_are_replaced():
    near, far = STORED | {"value": 0.81}, STORED | {"value": 0.9}
    stored = [{"data": {MIME: [STORED], "text/plain": "0.80"}}] * 3 + [{"text": "x"}]
    new = [{"data": {MIME: [near], "text/plain": "0.81"}},
           {"data": {MIME: [far], "text/plain": "0.90"}},
           {"data": {"text/plain": "0.81"}}, {"text": "y"}]
    assert settled(new, stored) == stored[:1] + new[1:]
    assert new[0]["data"][MIME] == [near]  # the argument is left alone


def test_all_findings_of_a_table_must_agree():
    def output(*values):
        return [{"data": {MIME: [STORED | {"value": value} for value in values]}}]

    stored = output(0.8, 0.8)
    assert settled(output(0.81, 0.79), stored) == stored
    for new in (output(0.81, 0.9), output(0.8), output(0.8, 0.8, 0.8), output()):
        assert settled(new, stored) == new


@pytest.mark.parametrize("entry, same", [
    ("0.88 ± 0.03", True), ("0.92 ± 0.03", False), ("0.80 ± 2", False), ("0.8", False),
    ("0.80 ± 0.03 s", False), ("", False)])
def test_numbers_of_a_trained_table_may_be_another_sample(entry, same):
    def output(entry, other="6.1"):
        return [{"data": {TABLE: {"caption": "of", "rows": [["layer 1", entry], ["x", other]]}}}]

    stored = output("0.80 ± 0.02")
    assert (settled(output(entry), stored) == stored) is same
    assert settled(output("0.80 ± 0.02", "7.6"), stored) == stored
    assert settled(output("0.80 ± 0.02", "7.7"), stored) != stored


def test_a_table_keeps_its_shape_and_words():
    stored = [{"data": {TABLE: {"caption": "of", "rows": [["layer 1", 2]]}}}]
    for rows, caption in (([["layer 2", 2]], "of"), ([["layer 1"]], "of"), ([], "of"),
                          ([["layer 1", 2]], "off")):
        new = [{"data": {TABLE: {"caption": caption, "rows": rows}}}]
        assert settled(new, stored) == new


def test_a_trained_drawing_may_move_by_a_tenth_of_a_panel():
    stored, near, far = (f"<path d='M 57.6 {y} '/>" for y in (30, 44, 46))
    assert same_drawing(near, stored, step=TENTH) and not same_drawing(near, stored)
    assert not same_drawing(far, stored, step=TENTH)


@pytest.mark.parametrize("new, same", [
    ("<path d='M 57.6 307.6 L 59.1 -6.15 ' style='stroke: #b2ea76'/>", True),
    ("<path d='M 57.7 307.5 L 59 -6.24 ' style='stroke: #b2ea76'/>", True),
    ("<path d='M 57.8 307.6 L 59.1 -6.15 ' style='stroke: #b2ea76'/>", False),
    ("<path d='M 57.6 307.6 L 59.1 6.15 ' style='stroke: #b2ea76'/>", False),
    ("<path d='M 57.6 307.6 L 59.1 -6.15 L 59.1 -6.15 ' style='stroke: #b2ea76'/>", False),
    ("<path d='M 57.6 307.6 M 59.1 -6.15 ' style='stroke: #b2ea76'/>", False),
    ("<path d='M 57.6 307.6 L 59.1 -6.15 ' style='stroke: #b2ea77'/>", False),
])
def test_a_drawn_point_may_move_by_a_step(new, same):
    stored = "<path d='M 57.6 307.6 L 59.1 -6.15 ' style='stroke: #b2ea76'/>"
    assert same_drawing(new, stored) is same
    outputs = [[{"data": {"image/svg+xml": text}}] for text in (new, stored)]
    assert (redrawn(*outputs, str) == outputs[1]) is same


@pytest.mark.parametrize("stored, new, same", [
    ('<use x="73.8" y="-3.14"/>', '<use x="73.9" y="-3.15"/>', True),
    ('<use x="73.8"/>', '<use x="74"/>', False),
    ("<g transform='translate(65.9 322)'>", "<g transform='translate(65.8 322.1)'>", True),
    ("<g transform='scale(0.12)'>", "<g transform='scale(0.13)'>", False),
    ("<td>1.25</td>", "<td>1.26</td>", False),
    ("<text>0.5</text>", "<text>0.6</text>", False),
    ("<use href='#x1' x='3'/>", "<use href='#x2' x='3'/>", False),
])
def test_only_places_may(stored, new, same):
    assert same_drawing(new, stored) is same


def test_an_output_that_is_no_figure_stays():
    text = [{"name": "stdout", "text": "1.0"}]
    assert redrawn(text, [{"name": "stdout", "text": "1.1"}], str) == text


@pytest.mark.parametrize("tags, same", [([TAG], True), (["hide-input"], False), ([], False)])
@pytest.mark.parametrize("new, stored", [
    ("<img src='data:image/png;base64,iVBORw0+/8A='>", "<img src='data:image/png;base64,iVBO=='>"),
    ("<svg><path d='M 3 4'/></svg>", "<svg><path d='M 3 9'/></svg>")])
def test_pixels_and_points_may_differ_in_the_cell_of_a_sample_alone(tags, same, new, stored):
    class Cell:
        cell, sanitize = SimpleNamespace(metadata={"tags": tags}), str

        def compare_outputs(self, test, ref, skip_compare=None):
            return test == ref

    install(Cell)
    outputs = [[{"data": {"text/html": text}}] for text in (new, stored)]
    assert Cell().compare_outputs(*outputs) is same
