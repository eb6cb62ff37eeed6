"""Figures of fields over the plane: tables of maps with sticks, clouds of coloured points.

Like `lib.report.show`, whose style it shares, this module draws arrays and knows no physics.
"""
from typing import NamedTuple, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from oldlib.report.show import INK, Picture, style

EVERY = 9  # sticks to a side of a map
COLORS = "RdBu_r"


class Sticks(NamedTuple):
    """Directions to draw on a map, without heads: places and unit vectors, ``(n, 2)`` each."""

    at: np.ndarray
    along: np.ndarray


def field(axes: matplotlib.axes.Axes, x: np.ndarray, values: np.ndarray, reach: float,
          sticks: Sticks | None = None, boundary: np.ndarray | None = None,
          title: str = "") -> matplotlib.image.AxesImage:
    """Draw one map over a square, blue below zero and red above.

    Args:
        axes: where to draw.
        x: coordinates of the rows and of the columns, evenly spaced, shape ``(n,)``.
        values: shape ``(n, n)``, the row being the second coordinate.
        reach: largest magnitude of the scale of colours.
        sticks: directions on top of it.
        boundary: values on the same grid whose zeros are drawn as a line.
        title: written above it.

    Returns:
        The image, for a bar of colours.
    """
    half = 0.5 * (x[1] - x[0])
    extent = x[0] - half, x[-1] + half, x[0] - half, x[-1] + half
    image = axes.imshow(values, origin="lower", extent=extent, cmap=COLORS, vmin=-reach,
                        vmax=reach, interpolation="nearest")
    if sticks is not None:
        long = 0.3 * (x[-1] - x[0]) / EVERY * np.asarray(sticks.along)
        ends = np.stack([sticks.at - long, sticks.at + long, np.full_like(long, np.nan)], axis=1)
        axes.plot(*ends.reshape(-1, 2).T, color=INK, lw=0.7)
    if boundary is not None and np.min(boundary) < 0 < np.max(boundary):
        axes.contour(x, x, boundary, levels=[0.0], colors="#000000", linewidths=0.7,
                     linestyles="dotted")
    axes.set(xticks=[], yticks=[], title=title)
    return image


def fields(x: np.ndarray, values: Sequence[Sequence[np.ndarray]], rows: Sequence[str],
           columns: Sequence[str], reach: float, label: str,
           sticks: Sequence[Sequence[Sticks]] | None = None) -> Picture:
    """A table of maps with one scale of colours.

    Args:
        x: as for `field`.
        values: for each row and column a map, or None for an empty place.
        rows, columns: titles.
        reach, label: of the scale of colours.
        sticks: likewise for each row and column.

    Returns:
        A `Picture` in pixels.
    """
    with style({"axes.spines.top": True, "axes.spines.right": True}):
        figure = Figure(figsize=(5.6, 4.7 / len(columns) * len(rows) + 0.3))
        table = figure.subplots(len(rows), len(columns), squeeze=False)
        for i, j in np.ndindex(table.shape):
            axes = table[i, j]
            if values[i][j] is None:
                axes.set_axis_off()
                continue
            image = field(axes, x, values[i][j], reach, sticks[i][j] if sticks else None,
                          title=columns[j] if i == 0 else "")
            if j == 0:
                axes.set_ylabel(rows[i])
        figure.colorbar(image, ax=table, label=label, extend="both", shrink=0.8)
        return Picture(figure, vector=False)


def clouds(points: Sequence[np.ndarray], values: Sequence[np.ndarray], titles: Sequence[str],
           low: float, high: float, label: str, lines: Sequence[np.ndarray] = (),
           names: Sequence[tuple[float, float, str]] = (), units: tuple[str, str] = ("", "")
           ) -> Picture:
    """Clouds of coloured points side by side.

    Args:
        points: for each panel places ``(n, 2)``; those with larger values are drawn later.
        values: for each panel colours ``(n,)``.
        titles: of the panels.
        low, high, label: of the scale of colours.
        lines: for each panel a line ``(m, 2)`` on top, if any.
        names: ``(x, y, text)`` written into the first panel.
        units: labels of the axes.

    Returns:
        A `Picture` in pixels.
    """
    with style({}):
        figure = Figure(figsize=(7.4, 7.0 / len(points) if len(points) > 1 else 5.0))
        row = figure.subplots(1, len(points), squeeze=False)[0]
        for place, (axes, some, colour) in enumerate(zip(row, points, values)):
            order = np.argsort(colour)
            drawn = axes.scatter(*np.asarray(some)[order].T, c=colour[order], s=8, lw=0,
                                 cmap=COLORS, vmin=low, vmax=high)
            if place < len(lines):
                axes.plot(*np.asarray(lines[place]).T, "-", color=INK, lw=1.2)
                axes.plot(*np.asarray(lines[place])[[0, -1]].T, "o", color=INK, ms=4)
            axes.set(title=titles[place], xlabel=units[0], ylabel=units[1])
        for x, y, text in names:
            row[0].text(x, y, text, ha="center", va="center", fontsize=11, weight="bold",
                        bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none",
                              "alpha": 0.6})
        figure.colorbar(drawn, ax=row, label=label, extend="both")
        return Picture(figure, vector=False)
