"""The rule that lets a trained finding move: by its error, and in nothing else."""
import pytest
from tests.within_errors import agree, settled

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
    far, near = STORED | {"value": 0.87}, STORED | {"value": 0.85}
    assert agree(near, STORED, 3) and not agree(far, STORED, 3)
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
