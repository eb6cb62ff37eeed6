"""What may move: a trained finding by its error, a drawn point by a step, and nothing else."""
import pytest
from tests.within_errors import agree, redrawn, same_drawing, settled

from lib.report.claims import MIME

STORED = {"key": "a-claim", "says": "so", "value": 0.8, "error": 0.02, "verdict": "holds"}


@pytest.mark.parametrize("changes", [{}, {"value": 0.81}, {"value": 0.78}, {"error": 0.03}])
def test_what_the_error_does_not_support_may_move(changes):
    assert agree(STORED | changes, STORED, 1)


@pytest.mark.parametrize("changes", [
    {"value": 0.821}, {"value": 0.7}, {"error": 0.045}, {"verdict": "undecided"},
    {"verdict": "differs"}, {"key": "another"}, {"says": "otherwise"}, {"extra": 1},
])
def test_nothing_else_may(changes):
    assert not agree(STORED | changes, STORED, 1)


def test_a_chaotic_finding_has_more_room():
    far, near = STORED | {"value": 0.89}, STORED | {"value": 0.88}
    assert agree(near, STORED, 3) and not agree(far, STORED, 3)
    assert agree(far | {"error": 0.03}, STORED, 3)
    assert not agree(far | {"error": 0.09}, STORED, 3)
    assert agree(near | {"verdict": "undecided"}, STORED, 3)
    assert agree(near, STORED | {"verdict": "undecided"}, 3)
    assert not agree(near | {"verdict": "differs"}, STORED, 3)


def test_a_finding_without_error_is_compared_exactly():
    exact = STORED | {"error": 0.0}
    assert agree(exact, exact, 3) and not agree(exact | {"value": 0.80001}, exact, 3)


def test_a_finding_without_a_number_stays_so():
    unknown = STORED | {"value": None, "error": None, "verdict": "elsewhere"}
    assert agree(unknown, unknown, 3)
    assert not agree(STORED, unknown, 3) and not agree(unknown, STORED, 3)


def test_a_lost_finding_is_no_agreement():
    assert not agree(None, STORED, 1) and not agree(STORED, None, 1) and not agree(None, None, 1)


def test_only_the_data_of_agreeing_findings_are_replaced():
    near, far = STORED | {"value": 0.81}, STORED | {"value": 0.9}
    stored = [{"data": {MIME: STORED, "text/plain": "0.80"}}] * 3 + [{"text": "x"}]
    new = [{"data": {MIME: near, "text/plain": "0.81"}},
           {"data": {MIME: far, "text/plain": "0.90"}},
           {"data": {"text/plain": "0.81"}}, {"text": "y"}]
    assert settled(new, stored, 1) == stored[:1] + new[1:]
    assert new[0]["data"][MIME] == near  # the argument is left alone


def test_all_findings_of_a_table_must_agree():
    def output(*values):
        return [{"data": {MIME: [STORED | {"value": value} for value in values]}}]

    stored = output(0.8, 0.8)
    assert settled(output(0.81, 0.79), stored, 1) == stored
    for new in (output(0.81, 0.9), output(0.8), output(0.8, 0.8, 0.8), output()):
        assert settled(new, stored, 1) == new


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
