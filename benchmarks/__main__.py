"""Print the table of work items, their limits and their bars; ``--peers``: other packages too."""
import os
import sys
from importlib.util import find_spec

for library in ("OPENBLAS", "OMP", "MKL"):  # before NumPy is imported: blocks here are small
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

from benchmarks.items import geometry, in_new_process, in_process, process_cost  # noqa: E402
from benchmarks.limits import machine, seconds  # noqa: E402
from benchmarks.hermite import hermite  # noqa: E402
from benchmarks.lyapunov import lyapunov  # noqa: E402
from benchmarks.peers import PACKAGES, ratios  # noqa: E402
from benchmarks.training import training  # noqa: E402
from benchmarks.trajectories import trajectories  # noqa: E402

SUBJECTS = (in_process, geometry, trajectories, training, lyapunov, hermite)
ROW = "{:50} {:>10} {:>10} {:>7} {:>10} {:>7}"
MEMORY = 300.0  # MB


def main() -> None:
    """Measure and print."""
    here = machine()
    scale = here.product / 0.25
    print(f"a product of 2048 x 2048 takes {here.product:.3f} s of processor time on one thread; "
          f"bars are scaled by {scale:.2f}\n")
    print(ROW.format("work item", "time", "limit", "ratio", "bar", "meets"))
    for item in (item for subject in SUBJECTS for item in subject()):
        took = seconds(item.work, item.repeats)
        limit = item.limit(here) if item.limit else None
        _print(item.name, took, limit, item.bar * (scale if item.scaled else 1.0))
    peak = 0.0
    for name, program, bar in in_new_process():
        took, memory = process_cost(program)
        peak = max(peak, memory)
        _print(name, took, None, bar * scale)
    print(ROW.format("peak memory of these", f"{peak:.0f} MB", "", "", f"{MEMORY:.0f} MB",
                     "yes" if peak <= MEMORY else "NO"))
    if "--peers" in sys.argv[1:]:
        _peers()


def _peers() -> None:
    """What the packages that are installed need for the same work, beside ours."""
    if missing := [name for name in PACKAGES if not find_spec(name)]:
        print(f"\nnot installed here, so not compared: {', '.join(missing)}")
    row = "{:50} {:>10} {:>10} {:>10} {:>7} {:>10}"
    print("\n" + row.format("the same work", "peer", "ours", "theirs", "ratio", "apart"))
    for name, peer, ours, theirs, gap in ratios():
        print(row.format(name, peer, f"{1e3 * ours:.2f} ms", f"{1e3 * theirs:.2f} ms",
                         f"{theirs / ours:.2f}", f"{gap:.1e}"), flush=True)


def _print(name: str, took: float, limit: float | None, bar: float) -> None:
    known = (f"{1e3 * limit:.2f} ms", f"{took / limit:.1f}") if limit else ("-", "-")
    print(ROW.format(name, f"{1e3 * took:.1f} ms", *known, f"{1e3 * bar:.1f} ms",
                     "yes" if took <= bar else "NO"), flush=True)


if __name__ == "__main__":
    main()
