"""Drawings of one kind each: curves in space, in the plane, fields, clouds, tilings, spectra.

Like `lib.report.figures`, whose pictures they are, they draw arrays and know no physics.
`lib.report.figures.panels` makes tables of them.
"""
import html
import itertools
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.ticker import MaxNLocator

from lib.estimate import Estimate, mean
from lib.report.claims import BOOK, Fragment
from lib.report.figures import (BLUE, FRAMED, INK, RED, Curve, Panel, Picture, heat, lines, panels,
                                shades, style, svg, ticks)
from lib.report.leaf import title

VIEW = np.deg2rad(-60.0), np.deg2rad(45.0)  # azimuth and elevation of the eye
PIECES = 20  # of one colour each
FLOOR = 1.4  # how far below the middle a shadow falls
EVERY = 9  # sticks to a side of a field
DIVERGING = "RdBu_r"
EDGES = (INK, 1.0), (BLUE, 0.7), (RED, 0.45)  # of a tiling, the coarsest level first
PANELS = 12  # of a sweep's figure
ZERO = 1e-12  # relative size of what rounding makes of a zero


# Curves

def loop(points: np.ndarray, shares: Sequence[float] = (), **labels: object) -> Picture:
    """A closed curve in space with its shadow on a floor, seen obliquely from above.

    It is centred and scaled to reach 1; what is nearer is thicker, what is farther is paler. The
    colour runs once around the colour circle.

    Args:
        points: shape (points, 3); NaN where there is nothing to draw.
        shares: to draw as bars beside it, such as of its leading variances.
        labels: handed to ``axes.set``.
    """
    points = np.asarray(points, dtype=float) - np.mean(points, axis=0)
    if np.isnan(points).any():
        return lines([0.0], [[np.nan]], frame_on=False, xticks=[], yticks=[], **labels)
    points = points / (np.linalg.norm(points, axis=1).max() or 1.0)
    turn, lift = VIEW
    right = np.array([-np.sin(turn), np.cos(turn), 0.0])
    eye = np.array([np.cos(lift) * np.cos(turn), np.cos(lift) * np.sin(turn), np.sin(lift)])
    screen = np.stack([right, np.cross(eye, right)], axis=1)
    flat, floor = points @ screen, (points[::2] * [1, 1, 0] - [0, 0, FLOOR]) @ screen
    near = 0.5 + 0.5 * points @ eye
    edges = np.linspace(0, len(points), PIECES + 1).astype(int)
    part = [np.arange(a, b + 1) % len(points) for a, b in zip(edges, edges[1:])]
    part.sort(key=lambda some: near[some].mean())
    depth = np.array([near[some].mean() for some in part])
    pale = 0.5 * (1.0 - depth[:, None])

    def paint(axes: Axes) -> None:
        hues = _around([some[0] for some in part], len(points))
        axes.plot(*np.append(floor, floor[:1], axis=0).T, color="#d8d8d8", lw=0.7, zorder=1)
        axes.add_collection(LineCollection(
            [flat[some] for some in part], colors=hues + pale * (1.0 - hues), capstyle="round",
            linewidths=(0.6 + 1.6 * depth).round(1), zorder=2, clip_on=False))
        axes.set(xlim=(-1.1, 1.9 if len(shares) else 1.1), ylim=(-1.7, 1.0), aspect="equal")
        _bare(axes)
        if len(shares):
            bars = axes.inset_axes([0.8, 0.08, 0.2, 0.36])
            bars.bar(np.arange(1, len(shares) + 1), shares, color=INK, width=0.7)
            bars.set(ylim=(0, 0.55), yticks=[0, 0.5], xticks=[])
            bars.tick_params(labelsize=7, length=2, pad=1)

    return _picture({"points": points, "shares": shares}, paint, labels, aspect=0.9, width=7.4)


def plane(points: np.ndarray, **labels: object) -> Picture:
    """A closed curve in the plane, enlarged to fill its frame, its colour as for `loop`.

    Args:
        points: shape (points, 2).
        labels: handed to ``axes.set``.
    """
    points = np.asarray(points, dtype=float)
    points = points - 0.5 * (points.min(axis=0) + points.max(axis=0))
    points = points / np.abs(points).max()
    pieces = np.stack([points, np.roll(points, -1, axis=0)], axis=1)

    def paint(axes: Axes) -> None:
        axes.add_collection(LineCollection(pieces, linewidths=0.8, capstyle="round",
                                           colors=_around(range(len(points)), len(points))))
        axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), aspect="equal")
        _bare(axes)

    return _picture({"points": points}, paint, labels, aspect=1.05, width=7.4, vector=False)


def _around(at: Sequence[int], of: int) -> np.ndarray:
    """Colours around the colour circle."""
    return 0.85 * matplotlib.colormaps["hsv"](np.asarray(at) / of)[:, :3]


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """A line through points of the plane; ``style`` "->" draws an arrow, "o" dots."""

    x: np.ndarray
    y: np.ndarray
    color: str = INK
    style: str = "-"
    width: float = 1.2


def sketch(*strokes: Stroke, **labels: object) -> Picture:
    """A drawing in the plane with the same scale along both axes.

    Args:
        strokes: the first at the bottom.
        labels: handed to ``axes.set``.
    """
    def paint(axes: Axes) -> None:
        for one in strokes:
            if one.style == "->":
                axes.annotate("", (one.x[-1], one.y[-1]), (one.x[0], one.y[0]), arrowprops={
                    "arrowstyle": "-|>", "color": one.color, "lw": one.width, "shrinkA": 0,
                    "shrinkB": 0})
            else:
                axes.plot(one.x, one.y, one.style, color=one.color, lw=one.width, ms=4)
        axes.set(aspect="equal")

    told = {f"line {place}/{what}": array for place, one in enumerate(strokes, start=1)
            for what, array in (("x", one.x), ("y", one.y))}
    return _picture(told, paint, labels, height=3.7)


# Over the plane

def field(x: np.ndarray, values: np.ndarray, reach: float, *, label: str = "",
          at: np.ndarray | None = None, along: np.ndarray | None = None,
          boundary: np.ndarray | None = None, **labels: object) -> Picture:
    """A map over a square, blue below zero and red above.

    Args:
        x: coordinates of the rows and of the columns, evenly spaced, shape (n,).
        values: shape (n, n), the row being the second coordinate.
        reach: largest magnitude of the scale of colours.
        label: of the scale.
        at, along: places and unit vectors, (k, 2) each, to draw as sticks without heads.
        boundary: values on the same grid whose zeros are drawn as a line.
        labels: handed to ``axes.set``.

    Returns:
        A `Picture` in pixels.
    """
    maps = heat(x, x, values, low=-reach, high=reach, label=label, extend="both", color=DIVERGING,
                aspect="equal", **{"xticks": [], "yticks": []} | labels)

    def paint(axes: Axes) -> object:
        image = maps.panels[0].draw(axes)
        if along is not None:
            long = 0.3 * (x[-1] - x[0]) / EVERY * np.asarray(along)
            ends = np.stack([at - long, at + long, np.full_like(long, np.nan)], axis=1)
            axes.plot(*ends.reshape(-1, 2).T, color=INK, lw=0.7)
        if boundary is not None and np.min(boundary) < 0 < np.max(boundary):
            axes.contour(x, x, boundary, levels=[0.0], colors="#000000", linewidths=1.2)
        return image

    told = {"at": at, "along": along, "boundary": boundary}
    told = {name: one for name, one in told.items() if one is not None}
    box = replace(maps.panels[0], draw=paint, numbers=maps.panels[0].numbers | told)
    return replace(maps, panels=[box], aspect=0.9, width=6.4)


def cloud(points: np.ndarray, values: np.ndarray, reach: float, *, label: str = "",
          line: np.ndarray | None = None, names: Sequence[tuple[float, float, str]] = (),
          **labels: object) -> Picture:
    """A cloud of coloured points, blue below zero and red above.

    Args:
        points: shape (n, 2); those with larger values are drawn later.
        values: shape (n,).
        reach, label: of the scale of colours, as for `field`.
        line: a path (m, 2) on top.
        names: ``(x, y, text)`` to write.
        labels: handed to ``axes.set``.

    Returns:
        A `Picture` in pixels.
    """
    order = np.argsort(values)
    points, values = np.asarray(points)[order], np.asarray(values)[order]

    def paint(axes: Axes) -> object:
        drawn = axes.scatter(*points.T, c=values, s=8, lw=0, cmap=DIVERGING, vmin=-reach,
                             vmax=reach)
        if line is not None:
            axes.plot(*np.asarray(line).T, "-", color=INK, lw=1.2)
            axes.plot(*np.asarray(line)[[0, -1]].T, "o", color=INK, ms=4)
        for x, y, text in names:
            axes.text(x, y, text, ha="center", va="center", fontsize=11, weight="bold", bbox={
                "boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.6})
        return drawn

    return _picture({"points": points, "values": values}, paint, labels, bar=(label, reach),
                    height=5.0, width=7.4, vector=False)


def tiling(levels: Sequence[Sequence[np.ndarray]], values: np.ndarray, **labels: object
           ) -> Picture:
    """Polygons: those of the finest level in colours, and the outlines of all levels.

    Args:
        levels: at most three lists of polygons, each (corners, 2), the coarsest level first.
        values: a number for each of the finest.
        labels: handed to ``axes.set``.

    Returns:
        A `Picture` in pixels.
    """
    values = np.asarray(values, dtype=float) - np.median(values)
    share = 0.5 + 0.5 * np.tanh(2 * values / (np.abs(values).max() or 1.0))
    corners = np.concatenate(list(levels[0]))
    (left, bottom), (right, top) = corners.min(axis=0), corners.max(axis=0)

    def paint(axes: Axes) -> None:
        colors = 0.6 + 0.4 * matplotlib.colormaps["coolwarm"](share)[:, :3]
        axes.add_collection(PolyCollection(levels[-1], facecolors=colors, edgecolors=colors,
                                           lw=0.3))
        for polygons, (color, width) in list(zip(levels, EDGES))[::-1]:
            rings = [np.vstack([one, one[:1], np.full((1, 2), np.nan)]) for one in polygons]
            axes.plot(*np.concatenate(rings).T, color=color, lw=width, solid_joinstyle="round")
        axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])

    told = {f"level {level}/polygon {place}": corners for level, polygons in enumerate(levels, 1)
            for place, corners in enumerate(polygons, 1)} | {"values": values}
    return _picture(told, paint, labels, aspect=1.02, width=5.6, vector=False, changes=FRAMED)


def barcode(rows: Sequence[tuple[np.ndarray, bool]], stop: float, **labels: object) -> Picture:
    """Rows of stripes over [0, stop], black where a sign is positive, the first row at the bottom.

    Args:
        rows: where the sign of each row changes, in order, and whether it starts positive.
        stop: where all rows end.
        labels: handed to ``axes.set``.
    """
    boxes = []
    for row, (changes, positive) in enumerate(rows, start=1):
        edges = np.concatenate([[0.0], changes, [stop]])[0 if positive else 1:]
        for left, right in edges[:len(edges) // 2 * 2].reshape(-1, 2):
            boxes.append([(left, row - 0.4), (right, row - 0.4), (right, row + 0.4),
                          (left, row + 0.4)])

    def paint(axes: Axes) -> None:
        if boxes:
            stripes = matplotlib.path.Path.make_compound_path_from_polys(np.array(boxes))
            axes.add_patch(PathPatch(stripes, facecolor=INK, lw=0))
        axes.set(xlim=(0.0, stop), ylim=(0.5, len(rows) + 0.5))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))

    told = {f"row {row}/{what}": one for row, pair in enumerate(rows, start=1)
            for what, one in zip(("changes", "starts positive"), pair)}
    return _picture(told, paint, labels, height=1.7, width=7.4)


# By number and by name

def stems(values: np.ndarray, floor: float = 1e-4, **labels: object) -> Picture:
    """Signed values over 0, 1, 2, .. by their size on a log scale; zeros are crosses.

    Positive values are filled dots and blue stems, negative ones rings and red stems. Zero is what
    is at most `ZERO` of the largest value.

    Args:
        values: shape (n,).
        floor: where the log scale begins; what is smaller and not zero points down from there.
        labels: handed to ``axes.set``.
    """
    values, at = np.asarray(values, dtype=float), np.arange(len(values))
    sizes = np.abs(values)
    none = sizes <= ZERO * sizes.max()

    def paint(axes: Axes) -> None:
        for sign, color, fill in ((1, BLUE, BLUE), (-1, RED, "white")):
            mine = ~none & (sign * values > 0)
            seen, below = mine & (sizes >= floor), mine & (sizes < floor)
            axes.vlines(at[seen], floor, sizes[seen], color=color, lw=1.4)
            axes.plot(at[seen], sizes[seen], "o", color=color, mfc=fill, ms=4)
            axes.plot(at[below], np.full(below.sum(), 1.4 * floor), "v", color=color, mfc=fill,
                      ms=4)
        axes.plot(at[none], np.full(none.sum(), 1.6 * floor), "x", color=INK, ms=4.5, mew=1.2)
        axes.set(yscale="log", ylim=(floor, 1.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    return _picture({"values": values}, paint, labels, height=1.7, width=7.4, share="xy")


def bars(names: Sequence[str], values: np.ndarray, marked: Sequence[str] = (), **labels: object
         ) -> Picture:
    """Bars by name, the first name on top.

    Args:
        names: of the bars.
        values: one a name; NaN leaves its place empty.
        marked: names whose bars stand out.
        labels: handed to ``axes.set``.

    Raises:
        ValueError: not one value a name.
    """
    _one_each(names, values)
    at = np.arange(len(names))

    def paint(axes: Axes) -> None:
        axes.barh(at, values, color=[RED if name in marked else BLUE for name in names],
                  height=0.7)
        axes.set(yticks=at, yticklabels=names, ylim=(len(names) - 0.4, -0.6))

    return _picture({"names": names, "values": values}, paint, labels,
                    height=0.22 * len(names) + 0.6, width=7.4, share="y")


def dots(names: Sequence[str], values: Sequence[np.ndarray], marked: Sequence[str] = (), *,
         log: bool = False, **labels: object) -> Picture:
    """Single values and their means by name.

    Args:
        names: one a column.
        values: samples of each name.
        marked: names whose dots stand out.
        log: whether the vertical axis is logarithmic.
        labels: handed to ``axes.set``.

    Returns:
        A `Picture` in pixels, for values that are never the same twice to the last digit.

    Raises:
        ValueError: not one row a name.
    """
    _one_each(names, values)

    def paint(axes: Axes) -> None:
        for at, (name, some) in enumerate(zip(names, values)):
            color = RED if name in marked else BLUE
            axes.plot(at + np.linspace(-0.18, 0.18, len(some)), some, "o", ms=3, mfc="white",
                      mec=color)
            axes.plot([at - 0.3, at + 0.3], [np.mean(some)] * 2, color=color, lw=1.6)
        axes.set(xticks=np.arange(len(names)), xlim=(-0.6, len(names) - 0.4),
                 yscale="log" if log else "linear")
        axes.set_xticklabels(names, rotation=40)
        ticks(axes, "y" if log else "")

    return _picture(dict(zip(names, values)), paint, labels, height=2.7, width=7.4, vector=False)


def _one_each(names: Sequence[str], values: Sequence) -> None:
    if len(values) != len(names):
        raise ValueError(f"values must be {len(names)}, one for each name, got {len(values)}")


def _picture(numbers: Mapping, paint: Callable, labels: dict,
             bar: tuple[str, float] | None = None, **layout: object) -> Picture:
    """A picture of one panel."""
    told = bar and {"label": bar[0], "extend": "both", "limits": bar[1]}
    return Picture(panels=[Panel(numbers=numbers, draw=paint, bar=told, labels=labels)], **layout)


# Of a sweep

def swept(axes: Mapping[str, Sequence], runs: Sequence[Mapping]) -> dict[str, Picture]:
    """One figure a claim: its number over the swept parameters, with the claim's range in grey.

    The longest row of numbers goes along the axis, the next parameter gets colours, the others
    panels. Seeds are averaged; of one seed the finding's own error is shown.

    Args:
        axes: the swept parameters with their values.
        runs: as `lib.report.journal.Journal` keeps them.

    Returns:
        Claims in the order signed, with their figures; at most `PANELS` panels each.
    """
    varied = [name for name, values in axes.items() if len(values) > 1]
    free = [name for name in varied if name != "seed"] or varied or list(axes)[:1]
    free.sort(key=lambda name: (_numbers(axes[name]), len(axes[name])), reverse=True)
    signed: dict[str, list] = {}
    for run in runs:
        for finding in run["findings"]:
            signed.setdefault(finding["key"], []).append((run["parameters"], finding))
    return {key: _swept(key, found, axes, *free[:2], rest=free[2:])
            for key, found in signed.items()}


def _swept(key: str, found: list, axes: Mapping, x: str, color: str = "",
           rest: Sequence[str] = ()) -> Picture:
    """The figure of one claim."""
    chosen = [dict(zip(rest, some)) for some in itertools.product(*(axes[one] for one in rest))]
    stops = axes[x] if _numbers(axes[x]) else [str(stop) for stop in axes[x]]
    low, high = found[0][1]["low"], found[0][1]["high"]
    span = -np.inf if low is None else low, np.inf if high is None else high
    shown = []
    for at in chosen[:PANELS]:
        curves = {}
        for value in axes[color] if color else [None]:
            fixed = at | ({color: value} if color else {})
            points = [_mean([one for given, one in found if given[x] == stop
                             and all(given[name] == want for name, want in fixed.items())])
                      for stop in axes[x]]
            curves["_" if value is None else f"{color} = {value}"] = Curve(
                seen=Estimate(*np.transpose(points)), style="-" if _numbers(axes[x]) else "")
        shown.append(lines(stops, curves, colors=shades(len(curves)), span=span, xlabel=x,
                           title=", ".join(f"{name} = {value}" for name, value in at.items())))
    note = f"{key}. Grey: the range of the claim. Bars: two standard errors."
    if len(chosen) > PANELS:
        note += f" {len(chosen) - len(shown)} panels are left out."
    return panels(*shown, columns=3, share="x", height=3.1, note=note)


def _numbers(values: Sequence) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _mean(findings: Sequence[Mapping]) -> tuple[float, float]:
    """Mean over the seeds with its error; of one seed its own; nothing of a run that failed."""
    known = [one for one in findings if one["value"] is not None]
    if len(known) > 1:
        return tuple(mean([one["value"] for one in known]))
    return (known[0]["value"], known[0]["error"] or np.nan) if known else (np.nan, np.nan)


# The front page

def atlas(edge: tuple[np.ndarray, np.ndarray], book: Path = BOOK) -> Fragment:
    """The map of the book: the phase diagram with each chapter a numbered point on it.

    Args:
        edge: ``(sigma_b, sigma_w)`` of the edge of chaos.
        book: folder of map.toml, which says where the chapters lie, and of the notebooks.

    Returns:
        A `Fragment` of HTML: the picture, and the list of chapters with their links.
    """
    places = tomllib.loads((book / "map.toml").read_text("utf-8"))
    here = Counter()  # chapters that stand at one place are drawn in a row, which begins there
    with style({"svg.hashsalt": "atlas", "font.size": 10}):
        figure = Figure(figsize=(6.2, 5.0))
        axes = figure.subplots()
        axes.fill_between(*edge, 0.0, color=BLUE, alpha=0.10, lw=0)
        axes.fill_between(*edge, 5.0, color=RED, alpha=0.10, lw=0)
        axes.plot(*edge, "--", color=INK)
        for number, (x, y) in enumerate(places.values(), 1):
            place = x + 0.05 * here[x, y], y
            here[x, y] += 1
            axes.plot(*place, "o", ms=14, color=INK)
            axes.annotate(str(number), place, ha="center", va="center", fontsize=8, color="white")
        axes.text(0.66, 0.95, "order", color=BLUE, fontsize=13)
        axes.text(0.66, 3.1, "chaos", color="#B04A00", fontsize=13)
        axes.text(0.66, 1.83, "edge of chaos, tanh", fontsize=8, rotation=10, va="bottom",
                  ha="center")
        axes.set(xlabel=r"spread of the biases, $\sigma_b$", xlim=(-0.05, 1.0), ylim=(0.75, 4.3),
                 ylabel=r"spread of the weights, $\sigma_w$")
        picture = svg(figure)
    items = "".join(f'<li><a href="{stem}.html">{html.escape(title(book / f"{stem}.ipynb"))}</a>'
                    "</li>" for stem in places)
    alt = "Phase diagram with a numbered point for each chapter; the list below names them."
    body = f'<svg role="img" aria-label="{alt}"' + picture.partition("<svg")[2]
    return Fragment(f'<div class="atlas">{body}<ol>{items}</ol></div>',
                    f"<map of {len(places)} chapters>")
