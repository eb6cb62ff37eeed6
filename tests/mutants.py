r'''`make mutants`: plant one fault at a time in a copy of the project; who is not caught survives.

`FAULTS` says, file by file, which tests look first and which chapter looks at what they let pass
(- for none); then every fault: its kind, what stands in the file, exactly once, and what takes its
place. The module's doctests are looked at first of all. A survivor shows a test that is missing;
`EXPLAINED` holds those that no test should have to see.

    python -m tests.mutants                       all of them
    python -m tests.mutants geometry constant     those whose file or kind has one of the words
'''
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lib.report.execute import SURROUNDINGS

ROOT = Path(__file__).parents[1]
SECONDS = 600  # for the tests of one mutant, and for its chapter; what hangs is caught
LEFT_OUT = shutil.ignore_patterns(".*", "_build", "__pycache__", "runs")
TESTS = "-o", "addopts=--doctest-modules", "-x", "-q", "-p", "no:cacheprovider"
CHAPTER = ("-o", "addopts=--nbval --nbval-current-env --nbval-sanitize-with=tests/nbval.cfg",
           *TESTS[2:])
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s[]+?)(?:::Cell|[\s[])", re.M)
PICTURE = "the first PNG"  # of this notebook, by the first one of another

FAULTS = r"""
lib/theory/gaussian.py  gaussian  order_to_chaos
  constant    step * 0.25 * np.pi  =>  step * 0.25000025 * np.pi
  sign        z * (1.0 + np.exp(-t))  =>  z * (1.0 - np.exp(-t))
  dropped     return slope  =>  return 0 * slope
  comparison  if terms.min() >= 0.0 else  =>  if terms.min() <= 0.0 else
  constant    slope += 0.5 * at  =>  slope += 0.5000005 * at
  constant    root, total = np.sqrt(q)[:, None], 0.0  =>  root, total = np.sqrt(q)[:, None], 1e-9
  dropped     np.maximum(error, np.abs(_shared(f, q, kinks, even, level) - total))  =>  error
  shifted     LOWEST + STRETCH * (panel + 0.5)  =>  LOWEST + STRETCH * (panel + 0.500001)
lib/sampled.py  sampled,activations  -
  constant    0.4567 * (right - left)  =>  0.0 * (right - left)
  dropped     = -jump / bend if bend else 0.0  =>  = 0.0
  sign        np.abs(y + mirror) <= near  =>  np.abs(y - mirror) <= near
  comparison  np.ptp(y))\n\n\ndef _clusters  =>  np.inf)\n\n\ndef _clusters
lib/theory/geometry.py  geometry,dimension  exponential_curvature
  constant    np.log(3.0 * _gain  =>  np.log(3.000003 * _gain
  constant    3.0 * two / (one  =>  3.000003 * two / (one
  constant    3.0 * two * q  =>  3.000003 * two * q
  dropped     np.log(two) - np.log(one)  =>  np.log(two)
  shifted     range(depth - 1, 0, -1)  =>  range(depth - 2, 0, -1)
  constant    + (noise + 1.0) / width  =>  + (noise + 1.000001) / width
  axis        (spectrum**2).sum(axis=1)  =>  (spectrum**2).sum(axis=0)
lib/theory/meanfield.py  meanfield,depth  order_to_chaos
  constant    size >= 1.0 - 4e-16  =>  size >= 1.0 - 4e-14
  constant    _kept(0.5 * np.log(self.chi1))  =>  _kept(0.5000005 * np.log(self.chi1))
  sign        scale = -1.0 / np.log  =>  scale = 1.0 / np.log
  comparison  right = ~(ahead >= d * (1.0 - 2e-14))  =>  right = ahead < d * (1.0 - 2e-14)
  dropped     moment(self.phi, q) + self.sigma_b**2  =>  moment(self.phi, q)
  comparison  gain > 1.0, "chaotic"  =>  gain < 1.0, "chaotic"
lib/theory/correlated.py  correlated  order_to_chaos
  constant    np.clip(0.5 * d, 0  =>  np.clip(0.5000005 * d, 0
  constant    1 / 30 - x  =>  1 / 30.0003 - x
  sign        np.exp(-g * d) + np.exp  =>  np.exp(-g * d) - np.exp
  constant    0.5 * np.square(phi.phi(u)  =>  0.5000005 * np.square(phi.phi(u)
  sign        ravel()[:, None] - value  =>  ravel()[:, None] + value
  sign        apart = (a - b) ** 2  =>  apart = (a + b) ** 2
  dropped     self.slope_power[:, None] * d - bent, bound  =>  self.slope_power[:, None] * d, bound
lib/theory/hermite.py  hermite  hermite_features
  sign        0.5 * (up - down)  =>  0.5 * (up + down)
  shifted     -a[k] * (k - 1) /  =>  -a[k] * k /
  constant    -0.25 * z * z)  # the other half  =>  -0.25000025 * z * z)  # the other half
  shifted     np.flatnonzero(small[1:]) + 1  =>  np.flatnonzero(small[1:])
lib/theory/stretch.py  stretch  transitions_and_regions
  constant    (k + 1))) * np.sqrt(0.5 * k)  =>  (k + 1))) * (0.5 * k) ** 0.500001
  constant    return 2.0 * np.exp(-0.5 * number  =>  return 2.0 * np.exp(-0.5000005 * number
  shifted     np.sqrt(k / (k + 1.0))  =>  np.sqrt(k / (k + 2.0))
  dropped     largest = law.sigma_w**2 + law.sigma_b**2  =>  largest = law.sigma_w**2
  constant    zeros[0] = 2.0  =>  zeros[0] = 2.000002
lib/theory/finite_width.py  finite_width  order_to_chaos
  constant    * np.sqrt(stray + 2.0 / width)  =>  * np.sqrt(stray + 2.000002 / width)
  sign        length - 2.0 * both + gap  =>  length + 2.0 * both + gap
  dropped     push**2 * length + 2.0 * push * keep * both  =>  push**2 * length
lib/theory/bounds.py  bounds  transitions_and_regions
  shifted     min(width, inputs) + 1  =>  min(width, inputs)
  comparison  if neurons % n == 0  =>  if neurons % n <= 1
  constant    (HYPERPLANES[phi] * width) **  =>  (HYPERPLANES[phi] * width + 1) **
lib/networks/ensemble.py  ensemble  order_to_chaos
  axis        np.isnan(q).any(axis=0)  =>  np.isnan(q).any(axis=1)
  shifted     np.arange(1, depth + 1), fields  =>  np.arange(depth), fields
lib/networks/network.py  network,training,your_own_network  one_trained_layer
  comparison  w.shape[2]) != (networks, before)  =>  w.shape[2]) < (networks, before)
  dropped     x = x[x.any(axis=1)]  =>  x = x[:]
  constant    w = sigma_w / np.sqrt(fan_in)  =>  w = 1.000001 * sigma_w / np.sqrt(fan_in)
  constant    np.array([0.0, -2.0])  =>  np.array([0.0, -2.000002])
  axis        step = np.diff(x, axis=1)  =>  step = np.diff(x, axis=2)
  dropped     penalty = penalty + layer.penalty(needed)  =>  penalty = layer.penalty(needed)
lib/networks/jacobians.py  jacobians,tangents  lyapunov_ridges
  constant    log_scale += np.log(size)\n    if  =>  log_scale += 1.000001 * np.log(size)\n    if
  dropped     log_scale = np.zeros(len(x))  =>  log_scale = np.ones(len(x))
  axis        slope[..., None] * w[:, None]  =>  slope[..., None, :] * w[:, None]
lib/networks/piecewise.py  piecewise  transitions_and_regions
  constant    0.5 * (middle - mean) / np.sin  =>  0.5000005 * (middle - mean) / np.sin
  axis        np.sum(tilt**2, axis=1)  =>  np.sum(tilt**2, axis=0)
  dropped     steps + np.abs(below[0] - below[-1]) if  =>  steps if
lib/networks/training.py  training  one_trained_layer
  comparison  share) & (reached < 0)  =>  share) & (reached <= 100)
  sign        array *= 1 - rate * decay  =>  array *= 1 + rate * decay
  shifted     before:max(step, 1)]  =>  before:max(step - 1, 1)]
  axis        off * off, axis=(1, 2)) / variance  =>  off * off, axis=1) / variance
lib/networks/noise.py  noise  layer_sensitivity
  sign        self.accuracy[kind][..., :1] - self  =>  self.accuracy[kind][..., :1] + self
  shifted     np.arange(layers - 1.0, -1.0  =>  np.arange(layers, 0.0
  dropped     return out - out.mean(axis=2, keepdims=True)  =>  return out
lib/networks/regions.py  regions  transitions_and_regions
  sign        here + v / (v - w)  =>  here + v / (v + w)
  shifted     first + cut[0] + 1)  =>  first + cut[0] + 2)
  axis        np.diff(h > kink, axis=1)  =>  np.diff(h > kink, axis=2)
  dropped     [walk, every ^ walk] if mirrored  =>  [walk, walk] if mirrored
lib/networks/boundary.py  boundary_points  decision_boundaries
  comparison  np.where(same, middle, low)  =>  np.where(same, low, middle)
  constant    step[worse] *= 0.5  =>  step[worse] *= -0.5
lib/measure/curves.py  curves,level_sets,components  exponential_curvature
  constant    return 2.0 * log_speed  =>  return 2.000002 * log_speed
  constant    np.log(2.0 * np.pi / logarithm  =>  np.log(2.000002 * np.pi / logarithm
  axis        axis=1, keepdims=True)\n    scale  =>  axis=2, keepdims=True)\n    scale
  sign        across / bend], axis=1)  =>  -across / bend], axis=1)
  dropped     (across, across) / square) + log_speed)  =>  (across, across) / square))
lib/measure/lyapunov.py  lyapunov  lyapunov_ridges
  dropped     return x - np.vecmat(  =>  return x - 0 * np.vecmat(
  constant    0.5 * np.arctan2(2.0 * b  =>  0.5000005 * np.arctan2(2.0 * b
  comparison  np.sign(below) != np.sign(above)  =>  np.sign(below) == np.sign(above)
lib/measure/readout.py  linear_readout  manifold_flattening
  shifted     np.maximum(first - 1, 0)  =>  np.maximum(first - 2, 0)
  constant    len(train) * noise**2  =>  len(train) * noise**2.000002
  sign        sure = -labels * readout  =>  sure = labels * readout
lib/measure/statistics.py  statistics  layer_sensitivity
  constant    half = 6.0 / max  =>  half = 6.000006 / max
  axis        _prediction(outputs)).sum(axis=1  =>  _prediction(outputs)).sum(axis=0
  dropped     np.hypot(found.error, half)  =>  found.error
lib/tasks/disc.py  disc_points  lyapunov_ridges
  constant    np.sqrt(2.0 / np.pi)  =>  np.sqrt(2.000002 / np.pi)
  shifted     (seed + 0.5) / points  =>  (seed + 1.5) / points
  comparison  keepdims=True) < RADIUS**2  =>  keepdims=True) > RADIUS**2
lib/tasks/series.py  series  edge_of_chaos
  constant    0.2 * old /  =>  0.2000002 * old /
  sign        x * (28.0 - z) - y  =>  x * (28.0 - z) + y
  shifted     series[:at[train - 1] + ahead + 1]  =>  series[:at[train - 1] + ahead + 2]
lib/tasks/images.py  images  lyapunov_mnist
  constant    x /= 255.0  =>  x /= 255.000255
  axis        blocks.mean(axis=(2, 4))  =>  blocks.mean(axis=(1, 3))
lib/tasks/files.py  images  -
  axis        grid.transpose(0, 2, 1, 3, 4)  =>  grid.transpose(2, 0, 1, 3, 4)
lib/activations.py  activations  your_own_nonlinearity
  constant    theirs, ours, rtol=1e-4  =>  theirs, ours, rtol=1e4
  comparison  if clip != np.inf  =>  if clip == np.inf
  constant    1e-13 * np.abs(at) + 1e-15  =>  1e-17 * np.abs(at) + 1e-300
lib/jets.py  jets,formula  your_own_nonlinearity
  constant    exponent * self ** (exponent - 1.0)  =>  exponent * self ** (exponent - 1.000001)
  sign        made * (-1.0 / self)  =>  made * (1.0 / self)
  shifted     cache(slope), Jet(lambda k: u[k + 1])  =>  cache(slope), Jet(lambda k: u[k])
lib/formula.py  formula  your_own_nonlinearity
  comparison  if abs(b.constant) > POWER  =>  if abs(b.constant) < POWER
  sign        inner if isinstance(sign, ast.UAdd) else -inner  =>  inner
lib/estimate.py  estimate  order_to_chaos
  constant    0.25 * per**2  =>  0.25000025 * per**2
  shifted     samples.std(axis=0, ddof=1)  =>  samples.std(axis=0, ddof=0)
  dropped     np.sqrt((networks - 1) * without.var  =>  np.sqrt(networks * without.var
  axis        lever / (lever @ lever), (1, 0)  =>  lever / (lever @ lever), (0, 0)
lib/checks.py  checks  order_to_chaos
  comparison  array < low  =>  array <= low
lib/report/claims.py  claims,evidence  order_to_chaos
  comparison  if self.low <= near and far  =>  if self.low < near and far
  dropped     MEANING = ("key", "low", "high")  =>  MEANING = ("key", "low")
  sign        0.0), self.value + self.reach  =>  0.0), self.value - self.reach
  comparison  if not one.elsewhere and one.low  =>  if one.elsewhere and one.low
lib/report/evidence.py  evidence  -
  comparison  now.protocol != then.protocol  =>  now.protocol < 0
  dropped     (one.chapter, one.evidence) == (name, label) and one  =>  False and one
lib/report/execute.py  execute  -
  comparison  if rest[4:8] == b"tEXt"  =>  if rest[4:8] != b"tEXt"
lib/report/figures.py  figures  order_to_chaos
  sign        curve.y - 2 * curve.sd, curve.y  =>  curve.y + 2 * curve.sd, curve.y
  sign        residual = (one.value - curve.expected)  =>  residual = (one.value + curve.expected)
lib/report/flow.py  flow  -
  dropped     number in (0, cell) or any  =>  number == cell or any
lib/report/gallery.py  gallery  manifold_flattening
  shifted     np.arange(a, b + 1) % len(points)  =>  np.arange(a, b) % len(points)
lib/report/journal.py  sweep  -
  dropped     return bool(run) and run["final"]  =>  return bool(run)
lib/report/parameters.py  parameters  -
  comparison  return low <= value <= high  =>  return low <= value < high
  shifted     / max(number - 1, 1)  =>  / max(number, 1)
lib/report/run.py  run  -
  shifted     first=2 if values else 1  =>  first=1 if values else 2
lib/report/site.py  execute,site  -
  comparison  if path.stem != SCORECARD]  =>  if path.stem == SCORECARD]
lib/report/sweep.py  sweep  -
  comparison  isinstance(failure, PapermillExecutionError)  =>  True
book/claims.toml  claims  order_to_chaos
  bound       low = 4.04\n  =>  low = 4.05\n
  bound       high = 0.126\n  =>  high = 0.127\n
  bound       low = 0.47\n  =>  low = 0.48\n
book/manifold_flattening.ipynb  notebooks  manifold_flattening
  figure      the first PNG  =>  book/decision_boundaries.ipynb
book/order_to_chaos.ipynb  notebooks  order_to_chaos
  figure      the first PNG  =>  book/trajectory_length.ipynb
"""

# (file, what it becomes): why no test should have to see it. At most three.
EXPLAINED: dict[tuple[str, str], str] = {}


class Mutant(NamedTuple):
    """One fault: in which file, who looks for it, of what kind, what stands there and becomes."""

    file: str
    tests: str
    chapter: str
    kind: str
    text: str
    becomes: str

    def applied(self, home: Path) -> str:
        """The file with the fault in it; ValueError if the text is not there exactly once."""
        source = (home / self.file).read_text("utf-8")
        text, becomes = (one.replace(r"\n", "\n") for one in (self.text, self.becomes))
        if text == PICTURE:
            text, becomes = map(_png, (source, (home / becomes).read_text("utf-8")))
        if source.count(text) != 1 or text == becomes:
            raise ValueError(f"tests/mutants.py: {self.file} holds {source.count(text)} "
                             f"times, not once: {self.text!r}")
        return source.replace(text, becomes)

    def looks(self) -> Iterator[tuple[str, ...]]:
        """What pytest is told to run, first the tests and then the chapter."""
        tests = [self.file] * self.file.endswith(".py") + [
            f"tests/test_{name}.py" for name in self.tests.split(",") if name != "-"]
        if tests:
            yield *TESTS, *tests
        if self.chapter != "-":
            yield *CHAPTER, f"book/{self.chapter}.ipynb"


def mutants() -> Iterator[Mutant]:
    """All of them, in the order of `FAULTS`."""
    place: list[str] = []
    for line in FAULTS.strip().splitlines():
        if line.startswith(" "):
            kind, fault = line.split(maxsplit=1)
            yield Mutant(*place, kind, *fault.split("  =>  "))
        else:
            place = line.split()


def _png(notebook: str) -> str:
    """The first PNG in the text of a notebook, as it stands there."""
    return notebook.split('"image/png": "', 1)[1].split('"', 1)[0]


def caught(mutant: Mutant, home: Path) -> str:
    """The test or the chapter that fails in the copy of the project at `home`, or nothing."""
    target = home / mutant.file
    whole, spoilt = target.read_bytes(), mutant.applied(home)
    for arguments in mutant.looks():
        try:
            target.write_text(spoilt, "utf-8")
            failed = _failed(arguments, home)
        finally:
            target.write_bytes(whole)
        if failed:
            if _fails_anyway((*arguments[:len(TESTS)], failed), home):
                raise RuntimeError(f"fails without any fault: {failed}")
            return failed
    return ""


@cache
def _fails_anyway(arguments: tuple[str, ...], home: Path) -> bool:
    """Whether a test fails as things are: then it would catch whatever is planted."""
    return bool(_failed(arguments, home))


def _failed(arguments: tuple[str, ...], home: Path) -> str:
    """The first test or chapter that fails, or nothing."""
    around = os.environ | SURROUNDINGS | {"PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=home, env=around,
                              timeout=SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        return arguments[-1]
    failed = FAILED.search(told := done.stdout.decode())
    if done.returncode and not failed:
        raise RuntimeError(f"pytest could not run: {told[-2000:]}")
    return failed[1] if failed else ""


def main(words: list[str]) -> int:
    """Plant them one by one; 1 if one survives that is not explained."""
    some = [one for one in mutants()
            if not words or any(word in one.file or word in one.kind for word in words)]
    by, unseen, begin = Counter(), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "project")
        shutil.copytree(ROOT, home, ignore=LEFT_OUT)
        for one in some:
            one.applied(home)  # all of them fit, or nothing runs
        for number, one in enumerate(some, start=1):
            start = time.monotonic()
            failed = caught(one, home)
            told = failed or EXPLAINED.get((one.file, one.becomes), "")
            who = ("chapter" if failed.endswith(".ipynb") else "test") if failed else "SURVIVES"
            by[who] += 1
            unseen += not told
            print(f"{number:3d}/{len(some)} {who:8} {time.monotonic() - start:4.0f} s  {one.file} "
                  f"[{one.kind}] {one.text} => {one.becomes}\n{'':21}{told}", flush=True)
    print(f"{len(some)} mutants in {(time.monotonic() - begin) / 60:.0f} minutes:",
          ", ".join(f"{count} {who}" for who, count in by.items()) + ";",
          f"{unseen} survive without an explanation")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
