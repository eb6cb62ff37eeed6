"""The commands `run` and `list`: what they refuse, what they write, what plain papermill does."""
import functools
import os
import re
import shlex
import subprocess
import sys
from html import escape
from pathlib import Path

import nbformat
import numpy as np
import pytest
from tiny import CELLS, FIGURE, project, texts

from lib.__main__ import _given, _parser, main
from lib.report import run as once
from lib.report import site
from lib.report.claims import BANNER, OWN
from lib.report.leaf import leaf
from lib.report.parameters import declared, understood

slow = pytest.mark.slow


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command line in a tiny project, files going to `out` beside it."""
    project(tmp_path)
    for module, name in ((once, "run"), (once, "listing")):
        monkeypatch.setattr(module, name, functools.partial(getattr(module, name), root=tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *words: main(list(words))


@slow
def test_a_run_writes_notebook_and_page_and_tells_the_verdicts(run, tmp_path, capsys):
    assert run("run", "tiny", "-p", "sigma_w", "1", "-p", "fresh", "false") == 0
    told = capsys.readouterr().out
    assert "twice: 2.00 ± 0.10 (2 to 4, read off Poole et al. 2016, Fig. 1) → undecided" in told
    assert "counted: 7 exactly (at least 0, ours) → holds" in told
    made = tmp_path / "runs" / "tiny-sigma_w=1.0-fresh=False.ipynb"
    assert sorted((tmp_path / "runs").iterdir()) == [made.with_suffix(".html"), made]
    assert [line.split()[-1] for line in texts(made)] == ["undecided", "holds"]
    assert '"fresh = False' in made.read_text("utf-8"), "injected, for the reader"
    page = made.with_suffix(".html").read_text("utf-8")
    assert "<h1>A tiny chapter</h1>" in page and "Twice σ<sub>w</sub>." in page
    assert "<details><summary>Solution</summary>" in page and r"\(x^2\)" in page
    assert "other.ipynb" not in page and not re.search(r"<(script|link|img)[^>]+(src|href)=.http",
                                                       page), "needs another file"


def test_what_is_dear_runs_if_it_is_meant(run, capsys):
    assert run("run", "tiny", "-p", "seed=99", "--yes") == 0
    assert "counted: 99" in capsys.readouterr().out


DRAWN = ["import numpy as np\nrng = np.random.default_rng(seed)", "x = rng.normal(size=3)",
         FIGURE.replace("sigma_w]", "rng.normal()]"), "1 / 0", FIGURE]


@slow
def test_a_run_writes_its_figures_and_their_numbers(run, tmp_path, capsys):
    project(tmp_path, [FIGURE, *CELLS, FIGURE])
    assert run("run", "tiny", "-p", "sigma_w=3") == 0
    folder = tmp_path / "runs" / "tiny-sigma_w=3.0"
    assert str(folder.relative_to(tmp_path)) in capsys.readouterr().out
    assert sorted(file.name for file in folder.iterdir()) == [
        f"fig-2CD-{number}.{kind}" for number in (2, 5) for kind in ("npz", "pdf", "svg")]
    assert (folder / "fig-2CD-2.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "fig-2CD-2.svg").read_text("utf-8").startswith("<?xml")
    with np.load(folder / "fig-2CD-2.npz") as told:
        np.testing.assert_array_equal(told["panel 1/one/y"], [0, 1, 3])
        np.testing.assert_array_equal(told["panel 1/other/x"], [0, 1, 2])
    page = nbformat.read(f"{folder}.ipynb", as_version=4)
    assert "keep(" not in "".join(cell.source for cell in page.cells), "a cell of ours is left"
    assert run("run", "tiny", "-p", "sigma_w=3") == 2
    (folder / "fig-old.svg").write_text("", "utf-8")
    project(tmp_path)
    assert run("run", "tiny", "-p", "sigma_w=3", "--force") == 0
    assert not list(folder.iterdir()), "figures of another run beside the page"


@pytest.mark.parametrize("word, names", [
    ("2C", "46"), ("Fig. 2d", "46"), ("2CD", "46"), ("2", "46"), ("", "46"), ("fig-4", "4"),
    ("4", "4"), ("fig-2CD-4", "4"), ("fig-2CD-6", "6")])
def test_a_figure_is_meant_by_its_name_or_a_panel(tmp_path, word, names):
    notebook = project(tmp_path, DRAWN) / "book" / "tiny.ipynb"
    assert [one.name for one in once.drawn(notebook, word)] == [f"fig-{name}" for name in names]


@slow
@pytest.mark.parametrize("word", ["2C", "4"])
def test_one_figure_is_what_it_is_in_the_whole_run(run, tmp_path, capsys, word):
    project(tmp_path, DRAWN)  # one cell fails, which no figure needs
    assert run("run", "tiny", "--figure", word) == 0
    assert (tmp_path / "runs" / "tiny" / "fig-2CD-6.npz").exists() == ("4" not in word)
    told = capsys.readouterr().out
    assert "fig-2CD-4 (.npz, .pdf, .svg)" in told
    assert not (tmp_path / "runs" / "tiny.ipynb").exists(), "a page of half a run"
    rng = np.random.default_rng(7)
    rng.normal(size=3)
    with np.load(tmp_path / "runs" / "tiny" / "fig-2CD-4.npz") as found:
        np.testing.assert_array_equal(found["panel 1/one/y"], [0, 1, rng.normal()])
    assert run("run", "tiny", "--figure", word) == 2
    assert "fig-2CD-4.svg is there already; --force replaces it" in capsys.readouterr().err


@slow
def test_a_figure_that_does_not_exist_at_a_setting_says_so(run, tmp_path, capsys):
    project(tmp_path, ["from lib.report.figures import lines\n"
                       "from lib.report.claims import remark\nremark('No such thing.')"])
    assert run("run", "tiny", "--figure", "2C") == 0
    assert "fig-2: No such thing." in capsys.readouterr().out


def test_an_unknown_figure_lists_those_there_are(run, tmp_path, capsys):
    project(tmp_path, [FIGURE])
    assert run("run", "tiny", "--figure", "3A") == 2
    assert "there are:\n  fig-2 (Fig. 2CD)\n" in capsys.readouterr().err


@pytest.mark.parametrize("caption, panels, file", [
    ("Left (Fig. 2C, D of Poole et al.).", {"2": "CD"}, "fig-2CD-x"),
    ("A circle (Fig. 1A and 1B of Raghu et al., ICLR form).", {"1": "AB"}, "fig-1AB-x"),
    ("(ICLR form Fig. 6, ICML form Fig. 7 of Raghu et al.)", {"6": "", "7": ""}, "fig-6-7-x"),
    ("Bottom (ICLR form Figs. 8 and 9 of Raghu et al.).", {"8": "", "9": ""}, "fig-8-9-x"),
    ("See Fig. 3, which is ours.", {"3": ""}, "fig-3-x"),
    ("Nothing of a paper.", {}, "fig-x"),
])
def test_a_caption_names_the_panels(caption, panels, file):
    told = once.Drawn(0, "fig-x", caption)
    assert told.panels == panels and told.file == file


def test_figures_of_a_page_have_numbers_to_refer_to(tmp_path):
    figures = [nbformat.v4.new_code_cell(metadata={"mystnb": {"figure": figure}}) for figure in
               ({"caption": "One."}, {"caption": "Two $x$.", "name": "fig-two"})]
    told = nbformat.v4.new_markdown_cell("# T\n\nSee {numref}`fig-two` and {numref}`fig-none`.")
    nbformat.write(nbformat.v4.new_notebook(cells=[told, *figures]), tmp_path / "t.ipynb")
    page = leaf(tmp_path / "t.ipynb", tmp_path)
    assert 'See <a href="#fig-two">Figure 2</a> and ' in page and "numref" not in page
    assert '<figure id="fig-two"><figcaption><em>Figure 2.</em> Two ' in page


@pytest.mark.parametrize("banner, count", [("", 0), (f"{BANNER}: x = 2", 2)])
def test_what_is_said_of_the_chapters_own_parameters_is_marked_elsewhere(tmp_path, banner, count):
    outputs = [nbformat.v4.new_output("display_data", {"text/plain": banner}),
               nbformat.v4.new_output("display_data", {"image/svg+xml": "<svg/>"})]
    cell = nbformat.v4.new_code_cell(outputs=outputs,
                                     metadata={"mystnb": {"image": {"alt": "Two lines."}}})
    broken = OWN.replace(" own", "\nown")
    said = nbformat.v4.new_markdown_cell(
        f"*{OWN}* it rises.\n% then one > 2\n\nAlways so.\n\n*{broken}* it falls.")
    nbformat.write(nbformat.v4.new_notebook(cells=[said, cell]), tmp_path / "t.ipynb")
    page = leaf(tmp_path / "t.ipynb", tmp_path)
    assert page.count('class="own"') == count and "then one" not in page
    assert f'alt="{escape(OWN) + ": " if count else ""}Two lines."' in page


@slow
def test_a_second_run_is_refused_until_forced(run, tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    old = tmp_path / "runs" / "tiny.html"
    old.write_text("old", "utf-8")
    assert run("run", "tiny") == 2
    assert "runs/tiny.html is there already; --force replaces it" in capsys.readouterr().err
    assert old.read_text("utf-8") == "old"
    assert run("run", "tiny", "--force") == 0
    assert "A tiny chapter" in old.read_text("utf-8")


@slow
def test_a_failing_chapter_leaves_how_far_it_came(run, tmp_path, capsys):
    project(tmp_path, [*CELLS[:1], "1 / 0", *CELLS[1:]])
    assert run("run", "tiny", "--out", "deep/er", "--record", "full") == 1
    told = capsys.readouterr()
    assert "ZeroDivisionError: division by zero\nin cell" in told.err
    assert "twice: 3.00" in told.out and "counted" not in told.out
    page = (tmp_path / "deep" / "er" / "tiny.html").read_text("utf-8")
    assert "ZeroDivisionError: division by zero" in page
    assert not (tmp_path / "book" / "evidence").exists(), "half a run is not kept"


@pytest.mark.parametrize("words, told", [
    (["tinny"], "no chapter 'tinny'; did you mean 'tiny'?"),
    (["tiny", "-p", "sigmaw", "1"], "did you mean 'sigma_w'? valid are: sigma_w, name, fresh"),
    (["tiny", "-p", "sigma_w", "big"], "'sigma_w' must be a number, not 'big'"),
    (["tiny", "-p", "sigma_w=-x=1"], "'sigma_w' must be a number, not '-x=1'"),
    (["tiny", "-p", "seed", "99"], "tiny takes about 17 minutes; if that is meant, give --yes"),
    (["tiny", "--figure", "2C"], "no figure '2C' in tiny; there are: none"),
    (["tiny", "--figure", "2C", "--record", "full"], "--record keeps a whole run"),
    (["tiny", "-p", "sigma_w", "nan"], "'sigma_w' must be finite"),
    (["tiny", "-p", "sigma_w", "-1"], "'sigma_w' must be between 0 and 5, not -1.0"),
    (["tiny", "-p", "seed", "1.5"], "'seed' must be a whole number, not '1.5'"),
    (["tiny", "-p", "seed", "-1"], "'seed' must be at least 0, not -1"),
    (["tiny", "-p", "name", "tan"], "'name' must be tanh or relu, not 'tan'"),
    (["tiny", "-p", "fresh", "1"], "'fresh' must be true or false, not '1'"),
    (["tiny", "-p", "seed", "1", "-p", "seed", "2"], "'seed' is given twice"),
    (["tiny", "--record", "Full run"], "the label of a run on record"),
])
def test_bad_words_are_refused_before_anything_runs(run, tmp_path, capsys, words, told):
    assert run("run", *words) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("words", [["run"], ["run", "tiny", "-p", "seed"], ["runn", "tiny"],
                                   ["list", "-p", "seed", "1"]])
def test_words_that_argparse_refuses(run, words):
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 2


def test_a_folder_that_cannot_be_made_is_a_failure(run, tmp_path, capsys):
    (tmp_path / "file").write_text("", "utf-8")
    assert run("run", "tiny", "--out", "file/runs") == 1
    assert "file" in capsys.readouterr().err


def test_list_reads_the_notebooks(run, capsys):
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["tiny", "  A tiny chapter (about 2 seconds)"]
    assert [line.split() for line in lines[2:]] == [
        ["sigma_w:", "float", "=", "1.5", "of", "the", "weights", "[0..5]"],
        ["name:", "str", "=", "'tanh'", "which", "nonlinearity", "[tanh|relu]"],
        ["fresh:", "bool", "=", "True", "new", "weights"],
        ["seed:", "int", "=", "7", "of", "the", "random", "numbers", "[0..]"]]


def test_every_chapter_of_the_book_can_be_listed(capsys):
    assert main(["list"]) == 0
    told = capsys.readouterr().out
    assert all(f"{path.stem}\n" in told for path in site.chapters())


def test_names_of_files_are_short_plain_and_tell_values_apart():
    one = once.filename("c", {"formula": "x*tanh(x)"})
    other = once.filename("c", {"formula": "x+tanh(x)"})
    assert one != other and re.fullmatch(r"[\w.=+-]+", one)
    assert len(once.filename("c", {"formula": "x" * 500})) < 120


COMMAND = "import functools, pathlib, sys\n" \
          "from lib.__main__ import main\n" \
          "from lib.report import run\n" \
          "run.run = functools.partial(run.run, root=pathlib.Path(sys.argv[1]))\n" \
          "sys.exit(main(['run', 'tiny', *sys.argv[2:]]))"


def elsewhere(root, *words, limit=None, **environment):
    """The command in a process of its own."""
    import resource

    return subprocess.run(
        [sys.executable, "-c", COMMAND, str(root), *words], cwd=root, capture_output=True,
        env=os.environ | environment, preexec_fn=limit and (
            lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))))


@slow
@pytest.mark.parametrize("environment", [
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""},
])
def test_no_result_is_lost_because_of_what_can_be_printed(tmp_path, environment):
    told = elsewhere(project(tmp_path), "--record", "full", **environment)
    assert told.returncode == 0, told.stderr
    assert b"twice: 3.00" in told.stdout and b"\\u2192 holds" in told.stdout
    assert (tmp_path / "runs" / "tiny.html").exists()
    assert (tmp_path / "book" / "evidence" / "tiny-full.ipynb").exists()


@slow
@pytest.mark.skipif(sys.platform == "win32", reason="sockets are no files there")
def test_a_long_name_of_the_folder_for_temporary_files(tmp_path):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    told = elsewhere(project(tmp_path), TMPDIR=str(long))
    assert told.returncode == 0, told.stderr


@slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
@pytest.mark.parametrize("room, left", [(100, []), (6_000, []), (40_000, ["tiny.ipynb"])])
def test_a_full_disk_is_told_in_a_sentence(tmp_path, room, left):
    told = elsewhere(project(tmp_path, [*CELLS, FIGURE]), limit=room)
    assert told.returncode == 1 and b"File too large" in told.stderr
    assert b"Traceback" not in told.stderr and len(told.stderr.splitlines()) <= 3
    assert sorted(file.name for file in (tmp_path / "runs").glob("*")) == left
    assert (b"twice: 3.00" in told.stdout) == bool(left)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such file here")
def test_output_that_cannot_be_written_is_told_in_a_sentence():
    with open("/dev/full", "w") as full:
        told = subprocess.run([sys.executable, "-m", "lib", "list"], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert told.returncode == 1 and told.stderr == "[Errno 28] No space left on device\n"


@pytest.mark.parametrize("command", ["book", "site", "refresh", "list", "run", "sweep"])
def test_help_shows_an_example_that_would_run(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = capsys.readouterr().out.split("example:")[1].strip().splitlines()
    for line in told:
        words, given = _given(shlex.split(line.strip().removeprefix("python -m lib")))
        options = _parser().parse_args(words)
        assert options.command == command
        if given:
            values = [(name, word.split(",")[0].split(":")[0]) for name, word in given]
            assert understood(declared(site.chapter(options.name)), values)
            if getattr(options, "figure", ""):
                assert once.drawn(site.chapter(options.name), options.figure)


@pytest.mark.parametrize("words, given", [
    (["-p", "a", "1", "b"], [("a", "1")]),
    (["-p", "a=1", "b"], [("a", "1")]),
    (["--parameter", "a=-1:1:3", "b"], [("a", "-1:1:3")]),
    (["-p", "a=x=y", "b"], [("a", "x=y")]),
    (["-p", "a", "x=y", "b"], [("a", "x=y")]),
    (["-p", "a", "-p", "b"], [("a", "-p")]),
    (["-p", "a=", "b"], [("a", "")]),
])
def test_a_value_may_hold_anything(words, given):
    assert _given(words) == (["b"], given)


def test_what_is_not_of_a_run_is_marked_and_comments_are_not_shown(tmp_path):
    text = "# T\n\n*At the chapter's own parameters* it climbs.\n\nOf any. " \
           "*At the chapter's own parameters*\nit falls.\n\n1. Ask\n\n" \
           "   :::{dropdown} Solution\n   Do.\n   % then a < 3\n   :::\n\n" \
           "% seen by nobody\n\n```\n% code\n```"
    banner = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output(
        "display_data", {"text/plain": f"{BANNER}: a = 1"})])
    for cells, marked in (([], False), ([banner], True)):
        told = nbformat.v4.new_markdown_cell(text)
        nbformat.write(nbformat.v4.new_notebook(cells=[told, *cells]), tmp_path / "t.ipynb")
        page = leaf(tmp_path / "t.ipynb", tmp_path)
        assert ('<p class="own"><em>At the chapter\'s own parameters</em> it climbs.</p>'
                in page) == marked
        assert ('Of any. <span class="own"><em>At the chapter\'s own parameters</em>\nit falls.'
                '</span></p>' in page) == marked
        assert "then a" not in page and "nobody" not in page and "% code" in page


@slow
def test_one_figure_of_a_chapter_has_the_numbers_of_the_whole_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["run", "your_own_network", "-p", "steps=1", "-p", "widths=8,8", "-p", "networks=2"]
    assert main([*words, "--out", "whole"]) == 0
    assert main([*words, "--out", "one", "--figure", "fig-network-sizes"]) == 0
    (one,) = (tmp_path / "one").rglob("*.npz")
    (same,) = (tmp_path / "whole").rglob(one.name)
    with np.load(one) as some, np.load(same) as every:
        assert some.files == every.files and len(some.files) > 6
        for key in some.files:
            np.testing.assert_array_equal(some[key], every[key])


@slow
def test_plain_papermill_goes_on_working(tmp_path):
    project(tmp_path)
    told = subprocess.run(
        [sys.executable, "-m", "papermill", "book/tiny.ipynb", "mine.ipynb", "-p", "sigma_w", "2",
         "--no-progress-bar"], cwd=tmp_path, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert texts(tmp_path / "mine.ipynb")[0].endswith(
        "4.00 ± 0.10 (2 to 4, read off Poole et al. 2016, Fig. 1) → undecided")
