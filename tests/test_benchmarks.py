"""The work items run; how fast is for ``make bench`` to say, never for a test."""
import pytest

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
