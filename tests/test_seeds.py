"""`python -m tests.seeds` in small: how verdicts turn by chance, and how findings scatter."""
import json
from dataclasses import replace

import numpy as np
import pytest

from lib.report.claims import Finding, catalogue
from tests.seeds import TABLES, chance, scatter, tables, turned

RNG = np.random.default_rng(1)
ONE = Finding(key="a", says="A.", source="poole2016", kind="paper", range_from="text",
              chapter="order_to_chaos", low=0.0, high=1.0, value=0.5, error=0.1,
              error_from="mean", samples=30, present={})


def drawn(truth, error, runs=5):
    return [replace(ONE, value=truth + error * one, error=error)
            for one in RNG.standard_normal(runs)]


def test_a_turn_is_from_holds_to_differs():
    assert [turned(some) for some in (["holds"] * 3, ["holds", "undecided"], ["differs"],
                                      ["holds", "undecided", "differs"])] == [0, 1, 0, 2]


@pytest.mark.slow
@pytest.mark.parametrize("truth, error", [(0.1, 0.05), (0.0, 0.02), (0.9, 0.2), (-0.3, 0.1)])
def test_chance_is_how_often_drawn_verdicts_turn(truth, error):
    several = [turned([run.verdict for run in drawn(truth, error)]) for _ in range(2000)]
    wanted = [np.mean(np.equal(several, kind)) for kind in (1, 2)]
    assert chance([replace(ONE, value=truth, error=error)] * 5) == pytest.approx(wanted, abs=0.035)


def test_a_bound_does_not_turn_and_scatter_is_in_units_of_the_error():
    theory = replace(ONE, error_from="bound", samples=None, error=1e-9)
    assert not chance([theory] * 5).any() and np.isnan(scatter([theory] * 5))
    assert np.sqrt(np.mean([scatter(drawn(0.0, 0.3)) ** 2 for _ in range(300)])) \
        == pytest.approx(1.0, abs=0.1)
    assert scatter([theory, replace(theory, value=0.6)]) > 1e6  # no bound at all


def test_the_tables_count_and_list():
    counted, listed = tables({"order_to_chaos": [
        [ONE, replace(ONE, value=3.0)], [ONE, replace(ONE, value=0.9)], [ONE, ONE]]}, "today")
    assert counted["rows"][0][1:4] == [2, 3, 1] and counted["rows"][0][5] == 1
    assert [row[3] for row in listed["rows"]] == ["1 holds, 1 differs", "1 holds, 1 undecided"]


def test_what_is_on_the_scorecard_is_about_claims_of_today():
    stored = json.loads(TABLES.read_text("utf-8"))
    assert {row[0] for one in stored[1:] for row in one["rows"]} <= set(catalogue())
