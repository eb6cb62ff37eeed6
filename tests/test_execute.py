"""The machinery that executes, refreshes and builds, on tiny books made for the purpose."""
import base64
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from lib.__main__ import main
from lib.report import execute, site
from lib.report.execute import Job, canonical, execute_all
from lib.report.figures import heat

pytestmark = pytest.mark.slow

CONFIG = "title: tiny\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"


def write(path: Path, *cells: str) -> Path:
    """A notebook with these code cells after a title, the first tagged `parameters`."""
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    made[0].metadata["tags"] = ["parameters"]
    title = nbformat.v4.new_markdown_cell(f"# {path.stem}\n\n## Section")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[title, *made], metadata=kernel), path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a good chapter, a second one and a scorecard."""
    (tmp_path / "book").mkdir()
    names = ("good", "other", "scorecard")
    chapters = "".join(f"  - file: book/{name}\n" for name in names)
    (tmp_path / "_toc.yml").write_text(
        f"format: jb-book\nroot: book/intro\nchapters:\n{chapters}", "utf-8")
    (tmp_path / "_config.yml").write_text(CONFIG, "utf-8")
    (tmp_path / "book" / "intro.md").write_text("# Tiny\n", "utf-8")
    write(tmp_path / "book" / "good.ipynb", "a: int = 2  # a number", "print('one')\na + 1")
    write(tmp_path / "book" / "other.ipynb", "a: int = 2  # a number", "a + 2")
    write(tmp_path / "book" / "scorecard.ipynb", 'executions: str = ""  # folder',
          "import os\nsorted(os.listdir(executions)) if executions else 'stored'")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    """Name and bytes of every file in the folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def outputs(path: Path) -> list[str]:
    """Texts shown by a notebook's results."""
    cells = nbformat.read(path, as_version=4).cells
    return [output.data["text/plain"] for cell in cells for output in cell.get("outputs", [])
            if output.output_type == "execute_result"]


def break_chapter(root: Path) -> None:
    """Make the chapter `other` fail in its second cell."""
    write(root / "book" / "other.ipynb", "a: int = 2  # a number", "'before'", "1 / 0", "'after'")


def test_book_runs_all_then_the_scorecard_and_touches_nothing(root, capsys):
    before = contents(root / "book")
    assert site.book(root=root) == 0
    assert contents(root / "book") == before
    executed = root / "_build" / "executed"
    assert outputs(executed / "good.ipynb") == ["3"]
    assert outputs(executed / "scorecard.ipynb") == ["['good.ipynb', 'other.ipynb']"]
    page = (root / "_build" / "html" / "book" / "scorecard.html").read_text("utf-8")
    assert "other.ipynb" in page and str(executed) not in page, "the injected cell shows"
    told = capsys.readouterr().out
    assert "claims: " in told and "index.html\n" in told and "file://" in told


def test_a_failing_chapter_is_named_and_stops_no_other(root, capsys):
    break_chapter(root)
    assert site.book(root=root) == 1
    told = capsys.readouterr()
    assert "ZeroDivisionError: division by zero\nin cell [3], 1 / 0" in told.err
    assert "1 of 3 failed" in told.err and "FAILED" in told.out
    executed = root / "_build" / "executed"
    assert outputs(executed / "good.ipynb") == ["3"]
    assert outputs(executed / "other.ipynb") == ["'before'"]
    assert not (root / "_build" / "html").exists()


def test_chosen_chapters_are_executed_and_the_others_show_what_is_stored(root):
    break_chapter(root)
    stored = (root / "book" / "other.ipynb").read_bytes()
    assert site.book(["good"], root=root) == 0
    executed = root / "_build" / "executed"
    assert (executed / "other.ipynb").read_bytes() == stored
    assert outputs(executed / "good.ipynb") == ["3"]
    assert (root / "_build" / "html" / "index.html").exists()


def test_a_warning_fails_the_build_and_keeps_the_older_pages(root, capsys):
    old = root / "_build" / "html"
    old.mkdir(parents=True)
    (old / "index.html").write_text("old", "utf-8")
    (root / "book" / "intro.md").write_text("# Tiny\n\n[](nowhere.md)\n", "utf-8")
    with pytest.raises(site.BuildError, match="book/intro.md:3: WARNING: .*nowhere.md"):
        site.site(root)
    assert (old / "index.html").read_text("utf-8") == "old"


def test_refresh_stores_whole_or_not_at_all_and_the_same_bytes_twice(root, capsys):
    break_chapter(root)
    before = contents(root / "book")
    assert site.refresh(root=root) == 1
    after = contents(root / "book")
    assert after["other.ipynb"] == before["other.ipynb"]
    assert after["good.ipynb"] != before["good.ipynb"]
    assert outputs(root / "book" / "scorecard.ipynb") == ["'stored'"]
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert site.refresh(["good"], root=root) == 0
    assert contents(root / "book") == after
    assert "as it was" in capsys.readouterr().out


def test_what_is_stored_has_no_trace_of_the_run(root):
    site.refresh(["good"], root=root)
    notebook = nbformat.read(root / "book" / "good.ipynb", as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert [dict(cell.metadata) for cell in notebook.cells] == [{}, {"tags": ["parameters"]}, {}]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2]


def test_a_picture_is_titled_once_with_its_figure_and_its_pixels_stay():
    png = heat([0, 1], [0, 1, 2], np.arange(6).reshape(3, 2)).data
    output = nbformat.v4.new_output("display_data", {"image/png": png})
    cell = nbformat.v4.new_code_cell("x", outputs=[output])
    for name in ("fig-a", "fig-b"):  # what has a title keeps it
        cell.metadata["mystnb"] = {"figure": {"name": name}}
        notebook = nbformat.reads(canonical(nbformat.v4.new_notebook(cells=[cell])), as_version=4)
        [cell] = notebook.cells
        before, after = (Image.open(io.BytesIO(base64.b64decode(one)))
                         for one in (png, cell.outputs[0].data["image/png"]))
        assert (before.text, after.text) == ({}, {"Title": "fig-a"})
        assert before.tobytes() == after.tobytes()


def test_how_long_it_takes_is_told_beforehand(root, capsys, monkeypatch):
    for name in ("good", "other"):
        write(root / "book" / f"{name}.ipynb", "a: int = 2  # a number\n# seconds 150 * a", "a")
    monkeypatch.setattr(site, "execute_all", lambda *groups, **settings: [])
    monkeypatch.setattr(site, "build", lambda *folders: root)
    assert site.refresh(workers=2, root=root) == 0
    assert capsys.readouterr().out.startswith("2 chapters, 2 at once: about 5 minutes\n")
    assert site.book(["good"], workers=2, root=root) == 0
    assert capsys.readouterr().out.startswith("1 chapters, 1 at once: about 5 minutes\n")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no such thing here")
def test_as_many_at_once_as_this_process_may_use(tmp_path, monkeypatch):
    allowed, hands = os.sched_getaffinity(0), []
    pool = execute.ThreadPoolExecutor
    monkeypatch.setattr(execute, "ThreadPoolExecutor", lambda n: hands.append(n) or pool(n))
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert execute_all([]) == [] and hands == [1]
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_folder_of_kernels_has_a_short_name(tmp_path, monkeypatch):
    monkeypatch.setattr(execute.tempfile, "tempdir", str(tmp_path / ("long" * 30)))
    with execute.kernel_folder() as folder:
        assert len(folder) < 40


def test_data_are_found_from_where_the_command_was_given(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPRESSIVITY_DATA", "data")
    source = write(tmp_path / "where.ipynb", "a: int = 0  # nothing",
                   "import os; os.environ['EXPRESSIVITY_DATA']")
    (outcome,) = execute_all([Job(source, tmp_path / "out" / "where.ipynb")])
    assert outcome.error == ""
    assert outputs(tmp_path / "out" / "where.ipynb") == [repr(str(tmp_path / "data"))]


def test_kernels_take_nothing_from_the_machine(tmp_path):
    source = write(tmp_path / "where.ipynb", "a: int = 0  # nothing", "import os, sys",
                   "os.environ['OPENBLAS_NUM_THREADS'], sys.executable, os.listdir('.') is None",
                   "os.environ['IPYTHONDIR'].startswith(os.getcwd())")
    target = tmp_path / "out" / "where.ipynb"
    (outcome,) = execute_all([Job(source, target, {"a": 1})], workers=1)
    assert outcome.error == "" and outcome.seconds > 0
    assert outputs(target) == [str(("1", sys.executable, False)), "True"]


def test_unknown_chapter_is_refused_before_anything_runs(root, capsys):
    with pytest.raises(ValueError, match="no chapter .goood.; did you mean .good."):
        site.book(["goood"], root=root)
    assert not (root / "_build" / "html").exists()
    assert main(["refresh", "order_to_kaos"]) == 2
    assert "order_to_kaos" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_interrupt_ends_the_kernels_and_leaves_the_notebooks(root):
    mark = root / "started"
    write(root / "book" / "other.ipynb", "a: int = 0  # nothing",
          f"import os, time, pathlib\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))",
          "time.sleep(300)")
    before = contents(root / "book")
    command = "import functools, pathlib, signal, sys\n" \
              "signal.signal(signal.SIGINT, signal.default_int_handler)\n" \
              "from lib.__main__ import main\n" \
              "from lib.report import site\n" \
              "root = pathlib.Path(sys.argv[1])\n" \
              "site.refresh = functools.partial(site.refresh, root=root)\n" \
              "sys.exit(main(['refresh', 'other']))"
    process = subprocess.Popen([sys.executable, "-c", command, str(root)],
                               stderr=subprocess.PIPE, text=True)
    wait_for(mark.exists)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.strip() == "interrupted; every file is as it was or whole and new"
    assert contents(root / "book") == before
    wait_for(lambda: not alive(int(mark.read_text())))


def wait_for(condition, seconds: float = 60) -> None:
    """Until it is true, or the test has failed."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def alive(process: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_help_answers_at_once_and_imports_nothing_heavy():
    code = "import sys, lib.__main__\n" \
           "try: lib.__main__.main(['--help'])\n" \
           "except SystemExit: print([m for m in ('numpy', 'papermill') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "refresh" in told.stdout and told.stdout.endswith("[]\n")
