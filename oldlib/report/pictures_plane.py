"""Pictures of a plane cut into polygons, level by level.

Like `lib.report.pictures`, this module draws arrays and knows no physics.
"""
from typing import NamedTuple, Sequence

import matplotlib
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from oldlib.report.show import BLUE, INK, RED, Picture, style

EDGES, WIDTHS = (INK, BLUE, RED), (1.0, 0.7, 0.45)  # the coarsest level first


class Tiling(NamedTuple):
    """Polygons of each level, the coarsest first, and a number for each of the finest."""

    title: str
    levels: Sequence[Sequence[np.ndarray]]
    values: np.ndarray


def tile(axes: matplotlib.axes.Axes, tiling: Tiling) -> None:
    """Draw the polygons of the finest level in colours, and the outlines of all levels.

    Args:
        axes: where to draw.
        tiling: polygons of at most three levels.
    """
    finest, values = tiling.levels[-1], np.asarray(tiling.values, dtype=float)
    reach = np.abs(values - np.median(values)).max() or 1.0
    share = 0.5 + 0.5 * np.tanh(2 * (values - np.median(values)) / reach)
    colors = 0.6 + 0.4 * matplotlib.colormaps["coolwarm"](share)[:, :3]
    axes.add_collection(PolyCollection(finest, facecolors=colors, edgecolors=colors, lw=0.3))
    for polygons, color, width in list(zip(tiling.levels, EDGES, WIDTHS))[::-1]:
        axes.add_collection(PolyCollection(polygons, facecolors="none", edgecolors=color,
                                           lw=width, joinstyle="round"))
    corners = np.concatenate(list(tiling.levels[0]))
    low, high = corners.min(axis=0), corners.max(axis=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal", xticks=[],
             yticks=[], title=tiling.title)
    axes.spines[:].set_visible(True)


def tilings(rows: Sequence[Sequence[Tiling]], names: Sequence[str]) -> Picture:
    """A table of tilings.

    Args:
        rows: of equal length.
        names: of the rows.

    Returns:
        A `Picture` in pixels.
    """
    with style({"font.size": 6.5, "axes.titlesize": 6.5, "axes.labelsize": 6.5}):
        figure = Figure(figsize=(5.0, (5.0 / len(rows[0]) + 0.1) * len(rows)))
        table = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for axes_row, row, name in zip(table, rows, names):
            for axes, tiling in zip(axes_row, row):
                tile(axes, tiling)
            axes_row[0].set_ylabel(name)
        return Picture(figure, vector=False)
