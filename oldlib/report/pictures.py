"""More figures of the book: loops in three dimensions and heat maps over any two axes.

Like `lib.report.show`, whose style it shares, this module draws arrays and knows no physics.
"""
from typing import NamedTuple, Sequence

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oldlib.report.show import INK, Map, Panel, Picture, style, whole_ticks

VIEW = np.deg2rad(-60.0), np.deg2rad(25.0)  # azimuth and elevation of the eye
PIECES = 16  # of one colour each


def loop(axes: matplotlib.axes.Axes, points: np.ndarray, shift: float = 0.0,
         title: str = "") -> None:
    """Draw a closed curve in three dimensions, its start and its end in one colour.

    The curve is centred and scaled to reach 1; what is nearer is drawn later and thicker. The
    colour runs once around the colour circle.

    Args:
        axes: where to draw.
        points: shape ``(points, 3)``.
        shift: how far to the right the centre lies.
        title: written above it.
    """
    points = np.asarray(points, dtype=float) - np.mean(points, axis=0)
    points = points / np.linalg.norm(points, axis=1).max()
    turn, lift = VIEW
    right = np.array([-np.sin(turn), np.cos(turn), 0.0])
    eye = np.array([np.cos(lift) * np.cos(turn), np.cos(lift) * np.sin(turn), np.sin(lift)])
    flat = np.stack([points @ right + shift, points @ np.cross(eye, right)], axis=1)
    near = 0.5 + 0.5 * points @ eye
    edges = np.linspace(0, len(points), PIECES + 1).astype(int)
    part = [np.arange(a, b + 1) % len(points) for a, b in zip(edges, edges[1:])]
    part.sort(key=lambda some: near[some].mean())
    hues = matplotlib.colormaps["hsv"](np.array([some[0] for some in part]) / len(points))
    axes.add_collection(LineCollection(
        [flat[some] for some in part], colors=0.85 * hues[:, :3],
        linewidths=[0.5 + 1.3 * near[some].mean() for some in part], capstyle="round"))
    axes.text(shift, 0.93, title, ha="center", va="bottom")
    axes.set(xlim=(-1.05, max(axes.get_xlim()[1], shift + 1.05)), ylim=(-0.95, 1.1),
             aspect="equal")
    axes.set_axis_off()


def loops(points: np.ndarray, spectra: np.ndarray, rows: Sequence[str],
          columns: Sequence[str]) -> Picture:
    """A table of loops, each with the bars of its leading variances.

    Args:
        points: shape ``(rows, columns, points, 3)``.
        spectra: shares to draw as bars, shape ``(rows, columns, bars)``.
        rows, columns: titles.

    Returns:
        A vector `Picture`.
    """
    with style({}):
        figure = Figure(figsize=(7.4, 1.85 * len(rows)))
        table = figure.subplots(len(rows), len(columns), squeeze=False)
        for i, j in np.ndindex(table.shape):
            axes = table[i, j]
            loop(axes, points[i][j], title=columns[j] if i == 0 else "")
            axes.set(xlim=(-1.1, 2.0))
            bars = axes.inset_axes([0.76, 0.06, 0.24, 0.4])
            bars.bar(np.arange(1, len(spectra[i][j]) + 1), spectra[i][j], color=INK, width=0.7)
            bars.set(ylim=(0, 0.55), yticks=[0, 0.5], xticks=[])
            bars.tick_params(labelsize=6, length=2, pad=1)
            if j == 0:
                axes.text(-1.1, 0.0, rows[i], rotation=90, ha="right", va="center")
        return Picture(figure)


def heat(x: np.ndarray, y: np.ndarray, panels: Sequence[Map], xlabel: str, ylabel: str,
         color: str = "viridis") -> Picture:
    """Heat maps side by side over two axes, the first row of values on top.

    Args:
        x, y: evenly spaced coordinates, shapes ``(n,)`` and ``(m,)``.
        panels: each a `Map` with values of shape ``(m, n)``; they share the colour limits of the
            first, and its bar.
        xlabel, ylabel: names of the axes.
        color: name of the colour map.

    Returns:
        A `Picture` in pixels.

    Raises:
        ValueError: a map of the wrong shape.
    """
    for panel in panels:
        if np.shape(panel.values) != (len(y), len(x)):
            raise ValueError(f"values of {panel.title!r} must have shape ({len(y)}, {len(x)}), "
                             f"got {np.shape(panel.values)}")
    half_x, half_y = (0.5 * (v[1] - v[0]) for v in (x, y))
    extent = x[0] - half_x, x[-1] + half_x, y[-1] + half_y, y[0] - half_y
    with style({"axes.spines.top": True, "axes.spines.right": True}):
        figure = Figure(figsize=(7.4, 2.9))
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, panel in zip(row, panels):
            image = axes.imshow(panel.values, aspect="auto", extent=extent, cmap=color,
                                vmin=panels[0].low, vmax=panels[0].high,
                                interpolation="nearest")
            axes.set(title=panel.title, xlabel=xlabel)
        row[0].set(ylabel=ylabel)
        if len(y) <= 8:
            row[0].set_yticks(y)
        else:
            row[0].yaxis.set_major_locator(MaxNLocator(integer=True))
        figure.colorbar(image, ax=row, label=panels[0].label, extend=panels[0].extend)
        return Picture(figure, vector=False)


class Stroke(NamedTuple):
    """A line through points of the plane; ``style`` "->" draws an arrow, "o" dots."""

    x: np.ndarray
    y: np.ndarray
    color: str
    style: str = "-"
    label: str = ""
    width: float = 1.2


def strokes(axes: matplotlib.axes.Axes, drawn: Sequence[Stroke]) -> None:
    """Draw strokes on axes of equal scale.

    Args:
        axes: where to draw.
        drawn: the strokes, the first at the bottom.
    """
    for stroke in drawn:
        if stroke.style == "->":
            axes.annotate("", (stroke.x[-1], stroke.y[-1]), (stroke.x[0], stroke.y[0]),
                          arrowprops={"arrowstyle": "-|>", "color": stroke.color, "lw":
                                      stroke.width, "shrinkA": 0, "shrinkB": 0})
        else:
            axes.plot(stroke.x, stroke.y, stroke.style, color=stroke.color, lw=stroke.width,
                      ms=4, label=stroke.label or None)
    axes.set(aspect="equal")


def sketch(panels: Sequence[tuple[str, str, Sequence[Stroke]]]) -> Picture:
    """Drawings in the plane side by side, each with the same scale along both axes.

    Args:
        panels: each a title, the unit of both axes, and the strokes.

    Returns:
        A vector `Picture`.
    """
    with style({}):
        figure = Figure(figsize=(3.7 * len(panels), 3.7))
        for axes, (title, unit, drawn) in zip(figure.subplots(1, len(panels), squeeze=False)[0],
                                              panels):
            strokes(axes, drawn)
            axes.set(title=title, xlabel=unit)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
        return Picture(figure)


def lines(panels: Sequence[Panel], height: float = 2.9, vector: bool = True) -> Picture:
    """Curves side by side, with dots for their samples and no strip of residuals.

    Args:
        panels: as for `lib.report.show.against_simulation`.
        height: of the figure in inches.
        vector: if false in pixels, for what is never the same twice to the last digit.

    Returns:
        A `Picture`.
    """
    with style({}):
        figure = Figure(figsize=(7.4, height))
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
            for curve in panel.curves:
                axes.plot(curve.x, curve.theory, color=curve.color, label=curve.label, lw=1.1)
                if curve.samples is not None:
                    for one in curve.samples:
                        axes.plot(curve.at, one, "o", ms=3, mfc="white", mec=curve.color)
            axes.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel,
                     **{f"{axis}scale": "log" for axis in panel.log})
            whole_ticks(axes, panel)
            if any(not curve.label.startswith("_") for curve in panel.curves):
                axes.legend(loc="best")
        return Picture(figure, vector)


def planes(points: Sequence[Sequence[np.ndarray]], rows: Sequence[str],
           columns: Sequence[str], notes: Sequence[Sequence[str]]) -> Picture:
    """A table of closed curves in the plane, each enlarged to fill its frame.

    Args:
        points: for each row and column an array of shape ``(points, 2)``; the colour runs once
            around the colour circle along it.
        rows, columns: titles.
        notes: a word below each curve.

    Returns:
        A `Picture` in pixels.
    """
    with style({}):
        figure = Figure(figsize=(7.4, 7.9 / len(columns) * len(rows)))
        table = figure.subplots(len(rows), len(columns), squeeze=False)
        for i, j in np.ndindex(table.shape):
            axes, some = table[i, j], np.asarray(points[i][j], dtype=float)
            some = some - 0.5 * (some.min(axis=0) + some.max(axis=0))
            some = some / np.abs(some).max()
            around = np.concatenate([some, some[:1]])
            hues = matplotlib.colormaps["hsv"](np.arange(len(some)) / len(some))
            axes.add_collection(LineCollection(
                np.stack([around[:-1], around[1:]], axis=1), colors=0.85 * hues[:, :3],
                linewidths=0.8, capstyle="round"))
            axes.set(xlim=(-1.08, 1.08), ylim=(-1.08, 1.08), aspect="equal", xticks=[],
                     yticks=[], title=columns[j] if i == 0 else "", xlabel=notes[i][j])
            if j == 0:
                axes.set_ylabel(rows[i])
            axes.spines[:].set_visible(False)
        return Picture(figure, vector=False)
