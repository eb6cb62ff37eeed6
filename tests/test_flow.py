"""What hangs on what in a notebook: small programs whose dependence is plain."""
import ast
import json

import pytest
from reached import behind, parameters_behind

from lib.report.flow import _assigned, cells_behind, steps
from lib.report.site import chapters


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
    (["x = a", "y = [x for x in [b]]", "claim.all({'k': y})"], {"b"}),
    (["x = [a]", "y = [x for x in x]", "claim.all({'k': y})"], {"a"}),
    (["x = a", "f = lambda x: x + b", "claim.all({'k': f(1)})"], {"b"}),
    (["x = a", "y = 0\nfor x in [b]:\n    t = x\n    y = t", "claim.all({'k': y})"], {"b"}),
    (["t = a", "for x in [b]:\n    y = t\n    t = x", "claim.all({'k': y})"], {"a", "b"}),
    (["y = []\nfor x in [1]:\n    y.append(b)", "claim.all({'k': y})"], {"b"}),
    (["y = a\nnp.put(y, 0, b)\nc", "claim.all({'k': y})"], {"a", "b"}),
    (["y = a", "show(y, b)", "claim.all({'k': y})"], {"a"}),
])
def test_a_finding_hangs_on_what_its_names_were_made_of(cells, key):
    head = ["a = 1\nb = 2\nc = 3", "import numpy as np"]
    assert parameters_behind(head + cells, {"a", "b", "c"})["k"] == key


def test_only_the_statements_behind_a_name_are_told():
    every = steps(["a = 1", "b = a", "c = 2", "d = b + 1"])
    assert [step.cell for step in behind(every, {"d"})] == [3, 1, 0]


@pytest.mark.parametrize("cells, needed", [
    (["x = np.sin(a)", "y = np.sin(b)", "draw(y)"], [0, 2, 3]),
    (["x = 1", "x = 2", "draw(x)"], [0, 2, 3]),
    (["rng = g()", "x = rng.normal()", "draw(rng.normal())"], [0, 1, 2, 3]),
    (["rng = g()", "x = f([1, rng])", "draw(rng.normal())"], [0, 1, 2, 3]),
    (["rng = g()", "x = f(seed=rng)", "draw(rng.normal())"], [0, 1, 2, 3]),
    (["net = g()", "x = np.mean(net)", "y = len(net)", "draw(net)"], [0, 1, 4]),
    (["ys = iter([1, 2])", "x = next(ys)", "draw(next(ys))"], [0, 1, 2, 3]),
    (["def show():\n    return s", "t = 2", "s = 2", "show()"], [0, 1, 3, 4]),
    (["show = lambda: s", "t = 2", "s = 2", "show()"], [0, 1, 3, 4]),
    (["x = g()", "train(net, x)", "draw(x)"], [0, 1, 3]),
    (["net = g()", "train(net, a)", "draw(net)"], [0, 1, 2, 3]),
    (["n = 3", "x = f(n)", "y = np.f(len(x))", "draw(n)"], [0, 1, 4]),
    (["n = 3", "n = g()", "x = f(n)", "draw(n)"], [0, 2, 3, 4]),
    (["map = g()", "x = f(map)", "draw(map)"], [0, 1, 2, 3]),
    (["law, x = lib.MeanField(1, 0), g()", "y = law.run(q=x)", "draw(law, x)"], [0, 1, 3]),
    (["f = lambda x: x", "y = f(a)", "draw(f(1))"], [0, 1, 3]),
    (["rng = g()", "f = lambda: rng.normal()", "x = f()", "draw(rng.normal())"], [0, 1, 2, 3, 4]),
    (["z = [0]", "def f(x):\n    z.append(x)", "f(1)", "draw(z)"], [0, 1, 2, 3, 4]),
    (["net = g()", "f = lambda net: train(net, a)", "f(1)", "draw(net)"], [0, 1, 4]),
    (["net = g()", "f = lambda other: train(other, a)", "f(net)", "draw(net)"], [0, 1, 2, 3, 4]),
    (["f = g()", "y = f(a)", "draw(f(1))"], [0, 1, 2, 3]),
    (["x = 1\nz = [0]", "y = x", "z[0] = 3\nu = y", "draw(z)"], [0, 1, 2, 3, 4]),
])
def test_a_cell_needs_whoever_touches_what_it_needs(cells, needed):
    head = "a = 1\nb = 2\nimport numpy as np\nfrom lib.networks.training import train"
    assert cells_behind([head, *cells, "draw(later)"], len(cells)) == needed


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_a_random_generator_is_handed_over_as_a_seed(path):
    """What a call of the library may change is read off its arguments by this."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    nodes = [node for cell in cells if cell["cell_type"] == "code"
             for node in ast.walk(ast.parse("".join(cell["source"])))]
    generators = {name.id for node in nodes for name, value in _assigned(node)
                  if isinstance(value, ast.Call)
                  and ast.unparse(value.func).endswith("default_rng")}
    for call in nodes:
        if isinstance(call, ast.Call):
            handed = call.args + [word.value for word in call.keywords
                                  if word.arg != "seed" or ast.unparse(call.func) == "dict"]
            assert not generators & set(map(ast.unparse, handed)), ast.unparse(call)
