"""The work items run; how fast is for ``make bench`` to say, never for a test."""
import numpy as np
import pytest

from benchmarks import peers
from benchmarks.items import in_process
from benchmarks.limits import Machine, seconds

MACHINE = Machine(product=0.25, flops=7e10, tanh=5e8, exp=1e9)


@pytest.mark.parametrize("item", in_process(), ids=lambda item: item.name)
def test_item_runs_and_its_bar_is_above_its_limit(item):
    item.work()
    assert item.bar > (item.limit(MACHINE) if item.limit else 0)


def test_seconds_counts_work_and_not_the_first_call():
    calls = []
    assert seconds(lambda: calls.append(None), repeats=3) >= 0
    assert len(calls) == 4


@pytest.mark.parametrize("told, apart", [(1.001, 0.001), (1.1, 0.1)])
def test_a_package_is_compared_where_it_finds_the_same(monkeypatch, told, apart):
    contest = peers.Contest("one", lambda: np.array([1.0]), {
        "numpy": lambda: lambda: np.array([told]), "no_such_package": lambda: None}, 0.01)
    monkeypatch.setattr(peers, "contests", lambda: [contest])
    if apart > 0.01:
        with pytest.raises(AssertionError, match="one: numpy differs by 1.0e-01"):
            next(peers.ratios(1))
    else:
        [(name, package, *_, gap)] = peers.ratios(1)
        assert (name, package) == ("one", "numpy") and gap == pytest.approx(apart)
