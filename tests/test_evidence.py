"""Runs on record: what is kept, what ages one, who judges; and that the book's own answer."""
import ast
import functools
import json
import shutil
import subprocess

import numpy as np
import pytest
from tiny import CELLS, FIGURE, project, texts

from lib.__main__ import main
from lib.report import evidence, site
from lib.report import run as once
from lib.report.claims import (BOOK, MIME, PAGE, Claims, catalogue, judged, kept, ran_with,
                               record, scorecard)
from lib.report.evidence import TABLE, fault, findings, on_record, page, renewal, table
from lib.report.parameters import declared
from lib.report.site import chapters

TABLE_CELL = "from lib.report.evidence import on_record, table\n" \
             "table(['layer', 'accuracy'], [[1, 0.912345], ['last', 0.5]], 'By layer.')"
SHOW_CELL = "on_record('tiny', 'full', Path({book!r}))"
RECORDS = sorted((BOOK / "evidence").glob("*.ipynb"))

slow = pytest.mark.slow


def spoil(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def judge_by_record(root):
    spoil(root / "book" / "claims.toml", 'says = "Twice', 'evidence = "full"\nsays = "Twice')


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tiny project whose chapter was run and put on record once, by the command line."""
    root = tmp_path_factory.mktemp("tiny")
    project(root, [*CELLS, TABLE_CELL, FIGURE, SHOW_CELL.format(book=str(root / "book"))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(once, "run", functools.partial(once.run, root=root))
        code = main(["run", "tiny", "-p", "sigma_w", "1.25", "--record", "full", "--out",
                     str(root / "runs")])
    assert code == 0
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy of it to spoil."""
    shutil.copytree(made / "book", tmp_path / "book")
    shutil.copy(made / "_toc.yml", tmp_path)
    spoil(tmp_path / "book" / "tiny.ipynb", str(made / "book"), str(tmp_path / "book"))
    return tmp_path


def kept_run(root):
    return record("tiny", "full", root / "book")


@slow
def test_a_record_is_the_whole_run_and_nothing_of_the_machine(made):
    path = kept_run(made)
    told = json.loads(path.read_text("utf-8"))
    assert ran_with(path) == {"sigma_w": 1.25, "name": "tanh", "fresh": True, "seed": 7}
    assert [one["key"] for one in kept(path, MIME)] == ["twice", "counted"]
    assert next(kept(path, TABLE))["rows"] == [[1, 0.9123], ["last", 0.5]]
    assert any("image/svg+xml" in output.get("data", {})
               for cell in told["cells"] for output in cell.get("outputs", []))
    assert set(told["metadata"]["papermill"]) <= {
        "parameters", "default_parameters", "start_time", "duration", "version"}
    assert told["metadata"]["record"]["versions"]["numpy"] == np.__version__
    assert str(made) not in json.dumps(told["metadata"])
    assert evidence.origin(path).startswith("Run on record “full”: sigma_w = 1.25, name = tanh")


@slow
def test_a_chapter_can_run_before_it_is_on_record(made):
    (notebook,) = (made / "runs").glob("*.ipynb")
    assert texts(notebook)[-1] == "No run on record “full”: there is none. It is made by " \
        "python -m lib run tiny -p NAME VALUE --record full --yes"


@slow
def test_its_chapter_shows_it_and_signs_no_claim_again(root):
    assert "twice" not in repr(on_record("tiny", "full", root / "book"))  # it judges nothing
    judge_by_record(root)
    run = on_record("tiny", "full", root / "book")
    assert "twice: 2.50 ± 0.10 (2 to 4, read off Poole et al. 2016, Fig. 1) → holds" in repr(run)
    assert "claim-holds" in run.html and "<td>0.9123</td>" in run.html and not run.stored
    assert "run tiny -p sigma_w 1.25 --record full --yes --force" in run.html
    assert 'href="evidence/tiny-full.html"' in run.html


@slow
def test_the_run_on_record_judges_where_the_claim_says_so(root):
    assert judged(root / "book") == {}
    judge_by_record(root)
    (one,) = judged(root / "book").values()
    assert (one.key, one.verdict, one.value) == ("twice", "holds", 2.5)
    spoil(root / "book" / "claims.toml", 'at = { name = "tanh" }', 'at = { sigma_w = "2.." }')
    (one,) = judged(root / "book").values()
    assert one.elsewhere == "sigma_w = 1.25 here, at least 2 in the claim"
    assert [claim.verdict for claim in scorecard(book=root / "book")] == \
        ["elsewhere", "not attempted"]


@slow
def test_a_run_of_ones_own_is_not_given_the_verdict_of_the_record(root):
    judge_by_record(root)
    spoil(root / "book" / "claims.toml", 'at = { name = "tanh" }', 'at = { sigma_w = "..1.3" }')
    book, plain = root / "book", declared(root / "book" / "tiny.ipynb").defaults
    page, own = (Claims("tiny", given, book).all({"twice": (9.0, 0.1)}).html
                 for given in (plain, plain | {"sigma_w": 1.6}))
    assert "claim-holds" in page and "claim-elsewhere" not in page  # of the record, beside 9
    assert "claim-elsewhere" in own and "claim-holds" not in own


@slow
@pytest.mark.parametrize("file, old, new, told", [
    ("claims.toml", "high = 4", "high = 3", "no longer makes the claim 'twice' in this form"),
    ("claims.toml", "[counted]", '[recounted]\nevidence = "full"', "no finding for recounted"),
    ("tiny.ipynb", "sigma_w: ", "sigma: ", "unknown parameter 'sigma_w'"),
    ("tiny.ipynb", "[0..5]", "[1.5..]", "'sigma_w' must be at least 1.5"),
    ("tiny.ipynb", "seed: ", "more: int = 8  # of it [0..]\\nseed: ", "has more as well today"),
    ("tiny.ipynb", "# seconds", "# protocol 2\\n# seconds",
     "the chapter's protocol is 2, and 1 in this run"),
])
def test_a_run_that_no_longer_answers_says_why(root, file, old, new, told):
    judge_by_record(root)
    assert not fault(kept_run(root), root / "book")
    spoil(root / "book" / file, old, new)
    assert told in fault(kept_run(root), root / "book")
    shown = repr(on_record("tiny", "full", root / "book"))
    assert told in shown and shown.endswith(renewal(kept_run(root), root / "book"))


@slow
def test_what_leaves_the_numbers_alone_leaves_the_record(root):
    judge_by_record(root)
    spoil(root / "book" / "claims.toml", "Twice", "Two times")
    spoil(root / "book" / "claims.toml", "low = 0", "low = -1")  # judged by the page
    assert not fault(kept_run(root), root / "book")
    assert on_record("tiny", "full", root / "book").html.count("Two times σ<sub>w</sub>.") == 1


@slow
def test_the_page_of_a_record_has_its_figures_and_none_of_the_prose(root):
    judge_by_record(root)
    cells = json.loads(page(kept_run(root), root / "book"))["cells"]
    first = cells[0]["source"]
    assert first.startswith("# On record: A tiny chapter") and 'id="claim-twice"' in first
    assert [cell["source"] for cell in cells[1:] if cell["cell_type"] == "markdown"] == ["## More"]
    drawn = [cell for cell in cells if cell["metadata"].get("mystnb", {}).get("figure")]
    shown, pasted = drawn[0]["outputs"]
    assert "image/svg+xml" in shown["data"]
    assert pasted["metadata"]["scrapbook"]["name"] == "fig-5"
    assert '<img alt="At the chapter' in str(pasted["data"])
    assert "name" not in drawn[0]["metadata"]["mystnb"]["figure"]
    shown = json.dumps(cells[1:])
    assert MIME not in shown and "Run with other parameters" not in shown


@slow
def test_renew_makes_what_no_longer_answers_and_tells_what_turned(root, capsys):
    judge_by_record(root)
    renew = functools.partial(site.renew, root=root)
    assert renew() == 0 and "0 of 1 runs on record: none" in capsys.readouterr().out
    book = root / "book"
    spoil(book / "tiny.ipynb", "seed: int = 7", "seed: int = 8")
    spoil(book / "claims.toml", "low = 2", "low = 2.45")
    assert renew() == 0
    told = capsys.readouterr().out
    assert "1 of 1 runs on record: tiny-full" in told
    assert "renewed\n    twice: holds → undecided" in told and "counted" not in told
    assert not fault(kept_run(root), book) and ran_with(kept_run(root))["seed"] == 7, \
        "a run on record keeps its parameters, whatever the chapter's are today"
    with pytest.raises(ValueError, match="no run on record 'tiny-ful'; did you mean 'tiny-full'"):
        renew(["tiny-ful"])


@slow
def test_a_record_that_fails_stays_as_it_was(root, capsys):
    before = kept_run(root).read_bytes()
    spoil(root / "book" / "tiny.ipynb", "from lib.report.figures import lines", "1 / 0")
    assert site.renew(["tiny-full"], root=root) == 1
    assert kept_run(root).read_bytes() == before and "left as it was" in capsys.readouterr().out


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


@pytest.mark.parametrize("label", ["Full", "a.b", "a/b", "-a", "a-b"])
def test_a_label_is_a_plain_word(label):
    with pytest.raises(ValueError, match="label of a run on record"):
        once.run("order_to_chaos", record=label)


# The book's own

@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_run_on_record_answers_the_claims_and_parameters_of_today(path):
    assert not fault(path), f"{fault(path)}; renew it: {renewal(path)}"
    assert findings(path)


def test_every_claim_that_names_a_run_is_judged_at_its_own_parameters():
    named = {one.key for one in catalogue().values() if one.evidence != PAGE}
    found = judged()
    assert named == set(found) and named
    assert not {key: one.elsewhere for key, one in found.items() if one.elsewhere}


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_a_chapter_shows_the_runs_that_judge_it(path):
    shown = set()
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        for node in ast.walk(ast.parse("".join(cell["source"]))) \
                if cell["cell_type"] == "code" else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "on_record":
                shown.add(record(*(word.value for word in node.args)))
    assert shown == {one for one in RECORDS if one.stem.split("-")[0] == path.stem}
    named = {one.evidence for one in catalogue().values() if one.chapter == path.stem} - {PAGE}
    assert named <= {one.stem.split("-")[1] for one in shown}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_range_that_was_changed_after_its_run_says_so(path):
    """Each range with which a run was ever kept, by the history, is the one of today."""
    try:
        log = subprocess.run(["git", "log", "--format=%H", "--", str(path)], cwd=BOOK, check=True,
                             capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no history here")
    claims = catalogue()
    for commit in log:
        shown = subprocess.run(["git", "show", f"{commit}:./{path.relative_to(BOOK)}"], cwd=BOOK,
                               capture_output=True, text=True)
        for cell in json.loads(shown.stdout)["cells"] if shown.returncode == 0 else ():
            for output in cell.get("outputs", []):
                for then in output.get("data", {}).get(MIME, []):
                    now = claims.get(then["key"])
                    if now and now.evidence != PAGE and "revised after seeing" not in now.note:
                        stated = now.record()
                        assert (then["low"], then["high"]) == (stated["low"], stated["high"]), \
                            f"{now.key}: say 'revised after seeing' in its note"
