"""Sweeps: what is asked for, what is on disk, and that a kill at any moment loses nothing."""
import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from tiny import CELLS, project

from lib.__main__ import main
from lib.report import sweep as engine
from lib.report.execute import meant
from lib.report.parameters import grid, parse
from lib.report.journal import COLUMNS, Journal

from lib.report.gallery import swept

resource = pytest.importorskip("resource")  # kills and full disks are made the POSIX way
slow = pytest.mark.slow
CHAPTER = parse("""sigma_w: float = 1.5  # of the weights [0..5]
width: int = 9  # neurons [1..]
formula: str = "tanh"  # nonlinearity
fresh: bool = True  # weights
seed: int = 7  # of the random numbers""")


# The grid

@pytest.mark.parametrize("name, word, values", [
    ("sigma_w", "1:4:13", [1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 3.75, 4]),
    ("sigma_w", "0:1:11", [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
    ("sigma_w", "4:1:4", [4, 3, 2, 1]),
    ("sigma_w", "0.5, 3:4:2", [0.5, 3, 4]),
    ("sigma_w", "2", [2]),
    ("width", "1:9:5", [1, 3, 5, 7, 9]),
    ("formula", "tanh,max(x,abs(x-1)),1/(1+exp(-x))",
     ["tanh", "max(x,abs(x-1))", "1/(1+exp(-x))"]),
    ("fresh", "true,false", [True, False]),
])
def test_words_become_values(name, word, values):
    found = grid(CHAPTER, [(name, word)]).axes[name]
    assert found == values
    assert {type(value) for value in found} == {type(getattr(*_default(name)))}


def _default(name):
    """The declared parameter, and the name of its field with a value of the right kind."""
    return next(one for one in CHAPTER if one.name == name), "default"


def test_a_grid_is_a_product_and_is_counted_without_being_made():
    points = grid(CHAPTER, [("sigma_w", "1,2"), ("width", "3,4")], 2)
    assert points.size == 8 and len(list(points)) == 8
    assert list(points)[1] == {"sigma_w": 1.0, "width": 3, "seed": 8}
    words = [("sigma_w", "0:5:1000"), ("width", "1:1000:1000"), ("fresh", "true,false")]
    assert grid(CHAPTER, words, 10**6).size == 2 * 10**12


@pytest.mark.parametrize("given, seeds, told", [
    ([], None, "nothing to sweep"),
    ([("sigma", "1")], None, "unknown parameter 'sigma'; did you mean 'sigma_w'?"),
    ([("sigma_w", "1"), ("sigma_w", "2")], None, "given twice"),
    ([("sigma_w", "")], None, "'sigma_w' must be a number, not ''"),
    ([("sigma_w", "1:4")], None, "'1:4' is not of the form low:high:count"),
    ([("sigma_w", "1:4:x")], None, "not of the form"),
    ([("sigma_w", "1:4:3:9")], None, "not of the form"),
    ([("sigma_w", "1:4:0")], None, "has 0 points"),
    ([("sigma_w", "1:4:-3")], None, "has -3 points"),
    ([("sigma_w", "1:4:1")], None, "has 1 points from 1 to 4"),
    ([("sigma_w", "1:1:5")], None, "has 5 points from 1 to 1"),
    ([("sigma_w", "0:1:100001")], None, "2 to 100000 points"),
    ([("sigma_w", "nan:1:3")], None, "must be finite"),
    ([("sigma_w", "1,1.0")], None, "holds a value twice"),
    ([("sigma_w", "4:6:3")], None, "'sigma_w' must be between 0 and 5, not 6.0"),
    ([("width", "1:4:3")], None, "does not fall on whole numbers"),
    ([("width", "1.5")], None, "must be a whole number"),
    ([("fresh", "maybe")], None, "must be true or false"),
    ([("seed", "1,2")], 4, "--seeds needs a chapter with a parameter 'seed'"),
])
def test_malformed_grids_are_refused(given, seeds, told):
    with pytest.raises(ValueError, match=told.replace("?", r"\?")):
        grid(CHAPTER, given, seeds)


# The journal

HEADING = {"chapter": "tiny", "version": "1", "parameters": ["a"]}


def entry(a, value=1.0, problem="", final=True):
    """A run as the journal keeps it."""
    finding = {"key": "k", "value": value, "error": 0.1, "low": 0, "high": None,
               "verdict": "holds"}
    return {"parameters": {"a": a}, "findings": [] if problem else [finding], "seconds": 1.0,
            "problem": problem, "final": final}


def rows(folder):
    """The table as dictionaries."""
    with open(next(Path(folder).rglob("rows.csv")), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_kept_is_read_again_and_made_into_a_table(tmp_path):
    with Journal(tmp_path, HEADING) as journal:
        journal.add(entry(1))
        journal.add(entry(2, problem="Boom, \"quoted\"\nin two lines"))
    table = (tmp_path / "rows.csv").read_bytes()
    (tmp_path / "rows.csv").write_bytes(table[:-7])  # cut off: it is made anew
    with Journal(tmp_path, HEADING) as journal:
        assert journal.stands({"a": 1}) and journal.stands({"a": 2})
        assert not journal.stands({"a": 3})
    assert (tmp_path / "rows.csv").read_bytes() == table
    assert [row["claim"] for row in rows(tmp_path)] == ["k", ""]
    assert rows(tmp_path)[1]["problem"] == "Boom, \"quoted\"\nin two lines"
    assert list(rows(tmp_path)[0]) == ["a", *COLUMNS]


def test_a_journal_of_the_first_edition_is_left_alone(tmp_path):
    (tmp_path / "journal.jsonl").write_text("{}\n", "utf-8")
    (tmp_path / "rows.csv").write_text("a,claim\n", "utf-8")
    with pytest.raises(ValueError, match="are of another version"):
        Journal(tmp_path, HEADING)
    assert (tmp_path / "rows.csv").read_text("utf-8") == "a,claim\n"


def test_a_dead_kernel_is_no_finished_run_and_its_second_try_counts(tmp_path):
    with Journal(tmp_path, HEADING) as journal:
        journal.add(entry(1, problem="DeadKernelError", final=False))
        assert not journal.stands({"a": 1})
        journal.add(entry(1, value=2.0))
    with Journal(tmp_path, HEADING) as journal:
        assert journal.stands({"a": 1}) and len(journal.runs) == 1
    assert [row["value"] for row in rows(tmp_path)] == ["2.0"]


@slow
@pytest.mark.parametrize("cell, problem, final", [
    ("sigma_w", "", True), ("assert not sigma_w", "AssertionError", True),
    ("import os; os.kill(os.getpid(), 9)", "DeadKernelError", False)])
def test_a_run_stands_unless_its_kernel_died(tmp_path, cell, problem, final):
    text = engine.bare(project(tmp_path, [cell]) / "book" / "tiny.ipynb")
    run = engine.one_run("tiny", text, engine.library(), {"sigma_w": 2.0})
    assert (run["problem"].split(":")[0], run["final"]) == (problem, final)


def test_runs_of_another_version_are_not_mixed(tmp_path):
    with Journal(tmp_path, HEADING) as journal:
        journal.add(entry(1))
    with pytest.raises(ValueError, match="are of another version; start anew with another --out"):
        Journal(tmp_path, HEADING | {"version": "2"})
    with Journal(tmp_path, HEADING) as journal:
        assert journal.stands({"a": 1})


def test_a_folder_is_for_one_sweep_at_a_time(tmp_path):
    with Journal(tmp_path, HEADING):
        with pytest.raises(ValueError, match="another sweep is at work in"):
            Journal(tmp_path, HEADING)
    with Journal(tmp_path, HEADING):
        pass


def test_a_full_disk_is_told_and_loses_nothing(tmp_path):
    with Journal(tmp_path, HEADING) as journal:
        journal.add(entry(1))
        size = (tmp_path / "runs.sqlite").stat().st_size
        unlimited = resource.prlimit(0, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        try:
            with pytest.raises(OSError, match=f"{tmp_path}: .*disk"):
                journal.add(entry(2, problem="much " * 10_000))
        finally:
            resource.prlimit(0, resource.RLIMIT_FSIZE, unlimited)
    with Journal(tmp_path, HEADING) as journal:
        assert list(journal.runs.values()) == [entry(1)]
        journal.add(entry(2))
    assert len(rows(tmp_path)) == 2


# The plots

def test_one_figure_a_finding_with_seeds_averaged():
    def run(a, b, seed, value):
        return entry(0, value) | {"parameters": {"a": a, "b": b, "seed": seed, "c": 0}}

    axes = {"b": ["one", "other"], "a": [1.0, 2.0, 3.0], "seed": [0, 1]}
    runs = [run(a, b, seed, a + seed) for a in axes["a"] for b in axes["b"] for seed in (0, 1)]
    (picture,) = swept(axes, runs).values()
    assert picture.mime == "image/svg+xml"
    runs[0] = entry(0, problem="Boom") | {"parameters": runs[0]["parameters"]}
    assert swept(axes, runs)["k"].data != picture.data
    assert swept({"seed": [0]}, runs[1:2]) and swept({"b": ["one"]}, runs[1:2])
    assert swept(axes, []) == {}


# The command

COUNTING = "import os, time\nwith open({log!r}, 'a') as log: log.write(f'{{sigma_w}} {{seed}}\\n')"
COMMAND = "import functools, pathlib, signal, sys\n" \
          "from lib.__main__ import main\n" \
          "from lib.report import sweep\n" \
          "if __name__ == '__main__':\n" \
          "    signal.signal(signal.SIGINT, signal.default_int_handler)\n" \
          "    root = pathlib.Path(sys.argv[1])\n" \
          "    sweep.sweep = functools.partial(sweep.sweep, root=root)\n" \
          "    sys.exit(main(['sweep', 'tiny', *sys.argv[2:]]))"
FOUR = ["-p", "sigma_w", "1:2:2", "--seeds", "2", "--out", "out"]


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A tiny project that counts its executions and fails at sigma_w = 2, seed 8."""
    log = tmp_path / "log"
    log.touch()
    project(tmp_path, [COUNTING.format(log=str(log)), "time.sleep(0.3)", CELLS[0],
                       "assert (sigma_w, seed) != (2, 8)", CELLS[1]])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "command.py").write_text(COMMAND, "utf-8")
    return tmp_path


def start(root, *words, **how):
    """The command in a process of its own."""
    return subprocess.Popen([sys.executable, "command.py", str(root), *words], cwd=root,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def finish(root, *words):
    """The command to its end: exit code and what it told."""
    process = start(root, *words)
    out, err = process.communicate(timeout=200)
    return process.returncode, out + err


def done(root):
    """Points that the table holds, a torn line left out."""
    table = root / "out" / "rows.csv"
    lines = table.read_text("utf-8").split("\n")[1:-1] if table.exists() else []
    return {(float(row[0]), int(row[3])) for row in csv.reader(lines) if len(row) > 4}


def executions(root):
    """How often each point was executed."""
    return Counter(tuple(map(float, line.split()))
                   for line in (root / "log").read_text().splitlines())


def wait_for(condition, seconds=120):
    """Until it is true, or the test has failed."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def children(process):
    """Ids of all processes below one."""
    import psutil

    return [child.pid for child in psutil.Process(process).children(recursive=True)]


def alive(pid):
    """Whether a process runs, a dead one not yet collected not counted."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


ALL = {(w, seed) for w in (1.0, 2.0) for seed in (7, 8)}


def assert_complete(root, code, told):
    """All four points are there, one failed and is told, and each finding has its plot."""
    assert code == 1, told
    assert "4 runs, 1 failed" in told
    found = Counter((float(row["sigma_w"]), int(row["seed"])) for row in rows(root / "out")
                    if row["claim"])
    assert found == {point: 1 if point == (2.0, 8) else 2 for point in ALL}, "a finding is lost"
    (failed,) = [row for row in rows(root / "out") if row["problem"]]
    assert failed["problem"].startswith("AssertionError") and failed["claim"] == ""
    assert (failed["sigma_w"], failed["seed"]) == ("2.0", "8")
    assert (root / "out" / "twice.svg").exists() and (root / "out" / "counted.svg").exists()


@slow
def test_killed_client_goes_on_and_makes_no_finished_run_again(tiny):
    first = start(tiny, *FOUR, "--workers", "2")
    wait_for(lambda: done(tiny))
    below = children(first.pid)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    finished, before = done(tiny), executions(tiny)
    assert 1 <= len(finished) < 4 and len(below) >= 2
    wait_for(lambda: not any(map(alive, below)))  # neither workers nor kernels are left behind
    code, told = finish(tiny, *FOUR, "--workers", "2")
    assert_complete(tiny, code, told)
    after = executions(tiny)
    assert all(after[point] == 1 for point in finished), "a finished run was made again"
    assert all(after[point] <= before[point] + 1 for point in ALL)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers as processes of their own, and the scheduler's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "scratch").mkdir()

    def spawn(*words):
        return subprocess.Popen([sys.executable, "-m", "distributed.cli." + words[0], *words[1:]],
                                cwd=tmp_path, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)

    made = [spawn("dask_scheduler", "--host", "127.0.0.1", "--port", address.split(":")[-1],
                  "--no-dashboard")]
    made += [spawn("dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                   "--local-directory", str(tmp_path / "scratch")) for _ in range(2)]
    yield address, made
    for process in made:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@slow
def test_a_scheduler_at_work_serves_and_a_killed_worker_loses_nothing(tiny, cluster):
    address, (_, victim, _) = cluster
    sweep = start(tiny, *FOUR, "--scheduler", address)
    wait_for(lambda: done(tiny))
    victim.send_signal(signal.SIGKILL)
    out, err = sweep.communicate(timeout=200)
    assert_complete(tiny, sweep.returncode, out + err)
    assert sum(executions(tiny).values()) <= 5, "more than the killed worker's run was made again"


@slow
def test_a_killed_scheduler_is_told_and_loses_nothing(tiny, cluster):
    address, (scheduler, *_) = cluster
    sweep = start(tiny, *FOUR, "--scheduler", address)
    wait_for(lambda: done(tiny))
    scheduler.send_signal(signal.SIGKILL)
    _, told = sweep.communicate(timeout=200)
    assert sweep.returncode == 1 and "Traceback" not in told
    assert "the scheduler is gone; the same command goes on where this stopped" in told
    assert done(tiny)


@slow
def test_workers_of_another_version_are_refused(tiny, cluster):
    address, _ = cluster
    words = [word.replace("root=root)", "root=root)\n    sweep.library = lambda: 'other'")
             for word in [COMMAND]]
    (tiny / "command.py").write_text(words[0], "utf-8")
    code, told = finish(tiny, *FOUR, "--scheduler", address)
    assert code == 1 and "this worker has another version of the library" in told
    assert done(tiny) == set()


@slow
def test_an_interrupt_ends_everything_and_says_how_to_go_on(tiny):
    first = start(tiny, *FOUR, "--workers", "2")
    wait_for(lambda: done(tiny))
    below = children(first.pid)
    first.send_signal(signal.SIGINT)
    _, told = first.communicate(timeout=200)
    assert first.returncode == 130 and "the same command goes on" in told
    assert "Traceback" not in told
    wait_for(lambda: not any(map(alive, below)))


@slow
@pytest.mark.parametrize("seconds", [0.3, 1.5])
def test_an_interrupt_while_workers_start_is_told_in_a_sentence(tiny, seconds):
    first = start(tiny, *FOUR, "--workers", "1", start_new_session=True)
    wait_for(lambda: children(first.pid))
    time.sleep(seconds)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does: to all of them
    out, err = first.communicate(timeout=200)
    assert first.returncode == 130 and out == ""
    assert err.strip().startswith("interrupted;") and len(err.splitlines()) == 2


@slow
def test_workers_that_die_at_their_start_are_told_in_a_sentence(tiny):
    sweep = start(tiny, *FOUR, "--workers", "1")

    def killed():
        for child in children(sweep.pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return sweep.poll() is not None

    wait_for(killed)
    out, err = sweep.communicate()
    assert sweep.returncode == 1 and out == ""
    assert err.startswith("the workers do not start: ") and len(err.splitlines()) == 1


@slow
def test_what_is_finished_is_not_asked_for_again(tiny):
    dear = ["-p", "seed=99", "--out", "out"]
    assert finish(tiny, *dear)[0] == 2
    assert finish(tiny, *dear, "--yes")[0] == 0
    lines, made = (tiny / "out" / "rows.csv").read_bytes(), executions(tiny)
    assert finish(tiny, *dear)[0] == 0  # nothing is left to do
    assert executions(tiny) == made and (tiny / "out" / "rows.csv").read_bytes() == lines
    code, told = finish(tiny, "-p", "seed=99", "-p", "sigma_w=1,1.5", "--out", "out")
    assert code == 2 and "1 runs, about " in told, "one of the two is there already"


@slow
def test_a_missing_scheduler_is_told_within_seconds(tiny):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # taken, and nobody listens
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        code, told = finish(tiny, *FOUR, "--scheduler", address)
    assert code == 1 and f"no scheduler at {address}" in told and "Traceback" not in told
    assert done(tiny) == set() and not (tiny / "log").read_text()


@pytest.mark.parametrize("words, code, told", [
    (["-p", "sigma_w", "1:2:0"], 2, "has 0 points"),
    (["-p", "sigma_w", "0:5:1000", "--seeds", "50", "--workers", "4"], 2,
     "50000 runs, about 7 hours with 4 at once; if that is meant, give --yes"),
    (["-p", "sigma_w", "0:5:1001", "--workers", "2"], 2, "1001 runs, about 17 minutes with 2 at"),
    (["-p", "seed=98,99", "--workers", "2"], 2, "2 runs, about 8 minutes with 2 at once; if that"),
    (["-p", "sigma_w", "-1:1:3"], 2, "must be between 0 and 5, not -1.0"),
    (["-p", "sigma_w=1,2", "--scheduler", "tcp://"], 2, "an address like tcp://host:8786"),
    (["--seeds", "2", "--out", "log/out"], 1, "log"),
])
def test_bad_words_and_folders(tiny, monkeypatch, capsys, words, code, told):
    monkeypatch.setattr(engine, "chapter", lambda name, root: tiny / "book" / f"{name}.ipynb")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert main(["sweep", "tiny", *words]) == code
    assert told in capsys.readouterr().err
    assert not (tiny / "runs").exists()


def test_a_chapter_that_signs_nothing_is_refused(tiny, monkeypatch, capsys):
    monkeypatch.setattr(engine, "chapter", lambda name, root: tiny / "book" / f"{name}.ipynb")
    (tiny / "book" / "claims.toml").write_text("", "utf-8")
    with pytest.raises(ValueError, match="tiny signs no findings"):
        engine.sweep("tiny", [("sigma_w", "1,2")], root=tiny)
    assert not (tiny / "runs").exists()


def test_a_folder_in_use_is_refused(tiny, monkeypatch, capsys):
    monkeypatch.setattr(engine, "chapter", lambda name, root: tiny / "book" / f"{name}.ipynb")
    with Journal(tiny / "out", HEADING):
        assert main(["sweep", "tiny", *FOUR]) == 2
    assert "another sweep is at work in out" in capsys.readouterr().err


@pytest.mark.parametrize("answer, asked", [("y", True), ("", False), ("no", False)])
def test_a_person_is_asked(monkeypatch, answer, asked):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    if asked:
        meant("many runs", yes=False)
    else:
        with pytest.raises(ValueError, match="nothing was run"):
            meant("many runs", yes=False)
    meant("many runs", yes=True)
