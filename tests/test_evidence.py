"""Stored runs: what is kept, what makes one stale, and that every one of the book is fresh."""
import ast
import functools
import json
import re

import nbformat
import numpy as np
import pytest
from tiny import CELLS, project, texts

from lib.__main__ import main
from lib.report import run as once
from lib.report.site import chapters
from lib.report.claims import BOOK, read
from lib.report.evidence import TABLE, place, stored, table

TABLE_CELL = "from lib.report.evidence import stored, table\n" \
             "table(['layer', 'accuracy'], [[1, 0.912345], ['last', 0.5]], 'By layer.')"
SHOW_CELL = "stored('tiny', 'full', Path({book!r}))"


slow = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny project whose chapter was run and stored once by the command line."""
    root = tmp_path_factory.mktemp("tiny")
    show = SHOW_CELL.format(book=str(root / "book"))
    project(root, [*CELLS, TABLE_CELL, show])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(once, "run", functools.partial(once.run, root=root))
        code = main(["run", "tiny", "-p", "sigma_w", "1.25", "--store", "full", "--out",
                     str(root / "runs")])
    assert code == 0
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy of it to spoil."""
    project(tmp_path)
    (tmp_path / "book" / "stored").mkdir()
    place("tiny", "full", tmp_path / "book").write_bytes(
        place("tiny", "full", made / "book").read_bytes())
    return tmp_path


@slow
def test_the_file_holds_the_run_and_nothing_of_the_machine(made):
    data = json.loads(place("tiny", "full", made / "book").read_text("utf-8"))
    assert data["parameters"] == {"sigma_w": 1.25, "name": "tanh", "fresh": True, "seed": 7}
    assert [record["key"] for record in data["findings"]] == ["twice", "counted"]
    assert data["findings"][0]["value"] == 2.5 and data["findings"][0]["verdict"] == "holds"
    assert data["tables"] == [{"columns": ["layer", "accuracy"], "caption": "By layer.",
                               "rows": [[1, 0.9123], ["last", 0.5]]}]
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", data["date"]) and data["minutes"] >= 0
    assert data["versions"]["numpy"] == np.__version__
    assert set(data) == {"chapter", "label", "parameters", "date", "minutes", "versions",
                         "processor", "findings", "tables"}


@slow
def test_a_chapter_can_run_before_it_is_stored(made):
    (notebook,) = (made / "runs").glob("*.ipynb")
    assert texts(notebook)[-1] == \
        "no stored run yet: python -m lib run tiny -p ... --store full"


@slow
def test_it_is_shown_and_signs_no_claim_again(made, root):
    run = stored("tiny", "full", made / "book")
    assert repr(run).startswith("Stored run “full”: sigma_w = 1.25, name = tanh, fresh = True")
    assert "twice: 2.50 ± 0.10 (2 to 4, read off Poole et al. 2016, Fig. 1) → holds" in repr(run)
    page = run.html
    assert "claim-holds" in page and "By layer." in page and "<td>0.9123</td>" in page
    assert not run.stored
    assert "run tiny -p sigma_w 1.25 --store full --force" in page
    output = nbformat.v4.new_output("execute_result", {"text/html": page}, execution_count=1)
    project(root)
    notebook = nbformat.read(root / "book" / "tiny.ipynb", as_version=4)
    notebook.cells[-1].outputs = [output]
    nbformat.write(notebook, root / "book" / "tiny.ipynb")
    assert read(book=root / "book") == []


@slow
@pytest.mark.parametrize("file, old, new, told", [
    ("claims.toml", "high = 4", "high = 3", "no longer makes the claim 'twice' in this form"),
    ("claims.toml", "[twice]", "[thrice]", "no longer makes the claim 'twice' in this form"),
    ("tiny.ipynb", "sigma_w: ", "sigma: ", "unknown parameter 'sigma_w'"),
    ("tiny.ipynb", "[0..5]", "[1.5..]", "'sigma_w' must be at least 1.5"),
])
def test_a_stale_run_is_refused_with_the_command_that_renews_it(root, file, old, new, told):
    assert "twice" in repr(stored("tiny", "full", root / "book"))
    path = root / "book" / file
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        stored("tiny", "full", root / "book")
    assert "renew it: python -m lib run tiny -p sigma_w 1.25" in str(refused.value)
    assert str(refused.value).endswith("--store full --force")


@slow
def test_a_claim_at_other_parameters_is_no_longer_judged_by_the_run(root):
    assert "holds" in repr(stored("tiny", "full", root / "book"))
    path = root / "book" / "claims.toml"
    path.write_text(path.read_text("utf-8").replace('at = { name = "tanh" }',
                                                    'at = { sigma_w = "2.." }'), "utf-8")
    told = repr(stored("tiny", "full", root / "book"))
    assert "elsewhere: sigma_w = 1.25 here, at least 2 in the claim" in told


@slow
def test_a_reworded_claim_keeps_the_run(root):
    path = root / "book" / "claims.toml"
    path.write_text(path.read_text("utf-8").replace("Twice", "Two times"), "utf-8")
    assert stored("tiny", "full", root / "book").html.count("Two times σ<sub>w</sub>.") == 1


def test_tables_round_and_refuse():
    made = table(["a", "b"], [[np.float64(1 / 3), np.int64(12345)], [True, None]], "C.")
    assert made.stored[TABLE]["rows"] == [[0.3333, 12345], ["True", "None"]]
    assert json.loads(json.dumps(made._repr_mimebundle_()[TABLE]))["rows"][0] == [0.3333, 12345]
    assert table(["a"], [["<b>"]], "C.").html.count("&lt;b&gt;") == 1
    odd = table(["a", "b", "c"], [[np.nan, np.inf, -np.inf]], "C.")
    assert odd.stored[TABLE]["rows"] == [["–", "∞", "-∞"]]
    for rows in ([], [[1]], [[1, 2, 3]]):
        with pytest.raises(ValueError, match="rows must be rows of 2 cells"):
            table(["a", "b"], rows, "C.")
    with pytest.raises(ValueError, match="rows must be"):
        table([], [[]], "C.")


@pytest.mark.parametrize("label", ["", "Full", "a.b", "a/b", "-a"])
def test_a_label_is_a_plain_word(label):
    with pytest.raises(ValueError, match="label of a stored run"):
        place("tiny", label)


# The book's own

@pytest.mark.parametrize("path", sorted((BOOK / "stored").glob("*")), ids=lambda path: path.name)
def test_every_stored_run_answers_the_claims_and_parameters_of_today(path):
    assert repr(stored(*path.stem.split("."))).startswith("Stored run")
    assert path == place(*path.stem.split("."))


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_every_stored_run_that_a_chapter_shows_is_there(path):
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        for node in ast.walk(ast.parse("".join(cell["source"]))) \
                if cell["cell_type"] == "code" else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "stored":
                assert place(*(word.value for word in node.args)).is_file(), ast.unparse(node)
