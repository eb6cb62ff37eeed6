"""What hangs on what in a notebook: small programs whose dependence is plain."""
import pytest

from lib.report.flow import behind, parameters_behind, steps


@pytest.mark.parametrize("cells, key", [
    (["y = a\nz = b", "claim.all({'k': exact(y)})"], {"a"}),
    (["y = a", "y = b", "claim.all({'k': y})"], {"b"}),
    (["y = [a]", "y[0] = b", "claim.all({'k': y})"], {"a", "b"}),
    (["y = a", "y.part = b", "claim.all({'k': y})"], {"a", "b"}),
    (["y = a", "y += b", "claim.all({'k': y})"], {"a", "b"}),
    (["y = {}\nfor x in range(a):\n    y[x] = b", "claim.all({'k': y})"], {"a", "b"}),
    (["def draw(x):\n    return a * x", "claim.all({'k': draw(1)})"], {"a"}),
    (["y, z = f(a), g(b)", "claim.all({'k': z})"], {"a", "b"}),
    (["y = a", "claim.all({'k': y})", "y = b"], {"a"}),
    (["claim.all({'k': a, 'other': b}, figure='one')"], {"a"}),
    (["if a:\n    y = 1\nelse:\n    y = b", "claim.all({'k': y})"], {"a", "b"}),
    (["y = [a for x in b]", "claim.all({'k': y})"], {"a", "b"}),
])
def test_a_finding_hangs_on_what_its_names_were_made_of(cells, key):
    head = ["a = 1\nb = 2\nc = 3", "import numpy as np"]
    assert parameters_behind(head + cells, {"a", "b", "c"})["k"] == key


def test_only_the_statements_behind_a_name_are_told():
    every = steps(["a = 1", "b = a", "c = 2", "d = b + 1"])
    assert [step.cell for step in behind(every, {"d"})] == [3, 1, 0]
