"""Figures of spectra: stems of signed coefficients on a log scale, and bars by name.

Like `lib.report.show`, whose style it shares, this module draws arrays and knows no physics.
"""
from typing import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oldlib.report.show import BLUE, INK, RED, Picture, style

ZERO = 1e-12  # relative size of what rounding makes of a zero


def stems(panels: Sequence[tuple[str, np.ndarray]], xlabel: str, ylabel: str,
          floor: float = 1e-4, columns: int = 3) -> Picture:
    """Signed values over 0, 1, 2, .. by their size on a log scale; zeros are crosses.

    Positive values are filled dots and blue stems, negative ones rings and red stems. Zero is what
    is at most `ZERO` of the largest value of its panel.

    Args:
        panels: each a title and its values.
        xlabel, ylabel: names of the axes.
        floor: where the log scale begins; what is smaller and not zero points down from there.
        columns: panels a row.

    Returns:
        A vector `Picture`.

    Raises:
        ValueError: no panels.
    """
    if not panels:
        raise ValueError("panels must hold at least one title with its values")
    rows = -(-len(panels) // columns)
    with style({}):
        figure = Figure(figsize=(7.4, 1.55 * rows + 0.3))
        table = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axes in table.flat[len(panels):]:
            axes.set_axis_off()
        for index, (axes, (title, values)) in enumerate(zip(table.flat, panels)):
            values, at = np.asarray(values, dtype=float), np.arange(len(values))
            sizes = np.abs(values)
            none = sizes <= ZERO * sizes.max()
            for sign, color, fill in ((1, BLUE, BLUE), (-1, RED, "white")):
                mine = ~none & (sign * values > 0)
                seen, below = mine & (sizes >= floor), mine & (sizes < floor)
                axes.vlines(at[seen], floor, sizes[seen], color=color, lw=1.4)
                axes.plot(at[seen], sizes[seen], "o", color=color, mfc=fill, ms=4)
                axes.plot(at[below], np.full(below.sum(), 1.4 * floor), "v", color=color,
                          mfc=fill, ms=4)
            axes.plot(at[none], np.full(none.sum(), 1.6 * floor), "x", color=INK, ms=4.5, mew=1.2)
            axes.set(yscale="log", ylim=(floor, 1.5), title=title)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set(xlabel=xlabel if index + columns >= len(panels) else "",
                     ylabel=ylabel if index % columns == 0 else "")
        return Picture(figure)


def bars(names: Sequence[str], panels: Sequence[tuple[str, np.ndarray]],
         marked: Sequence[str] = ()) -> Picture:
    """Bars by name, the first name on top, one panel for each quantity.

    Args:
        names: of the bars.
        panels: each a title and one value a name; NaN leaves its place empty.
        marked: names whose bars stand out.

    Returns:
        A vector `Picture`.

    Raises:
        ValueError: a panel with another number of values than there are names.
    """
    for title, values in panels:
        if len(values) != len(names):
            raise ValueError(f"values of {title!r} must be {len(names)}, got {len(values)}")
    with style({}):
        figure = Figure(figsize=(7.4, 0.22 * len(names) + 0.6))
        row = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        at = np.arange(len(names))
        for axes, (title, values) in zip(row, panels):
            colors = [RED if name in marked else BLUE for name in names]
            axes.barh(at, values, color=colors, height=0.7)
            axes.set(title=title, yticks=at, yticklabels=names, ylim=(len(names) - 0.4, -0.6))
        return Picture(figure)


def dots(names: Sequence[str], panels: Sequence[tuple[str, np.ndarray]], ylabel: str,
         log: bool = False, marked: Sequence[str] = ()) -> Picture:
    """Single values and their means by name, one panel for each quantity.

    Args:
        names: one a column.
        panels: each a title and values of shape ``(names, samples)``.
        ylabel: name of the vertical axis.
        log: whether it is logarithmic; the panels then share it.
        marked: names whose dots stand out.

    Returns:
        A `Picture` in pixels, for values that are never the same twice to the last digit.

    Raises:
        ValueError: a panel with another number of rows than there are names.
    """
    for title, values in panels:
        if len(values) != len(names):
            raise ValueError(f"values of {title!r} must be {len(names)} rows, got {len(values)}")
    with style({}):
        figure = Figure(figsize=(7.4, 2.7))
        row = figure.subplots(1, len(panels), squeeze=False, sharey=log)[0]
        for axes, (title, values) in zip(row, panels):
            for at, (name, some) in enumerate(zip(names, np.asarray(values, dtype=float))):
                color = RED if name in marked else BLUE
                axes.plot(at + np.linspace(-0.18, 0.18, len(some)), some, "o", ms=3, mfc="white",
                          mec=color)
                axes.plot([at - 0.3, at + 0.3], [some.mean()] * 2, color=color, lw=1.6)
            axes.set(title=title, xticks=np.arange(len(names)), xlim=(-0.6, len(names) - 0.4),
                     yscale="log" if log else "linear")
            axes.set_xticklabels(names, rotation=40 if len(panels) > 2 else 0)
        row[0].set(ylabel=ylabel)
        return Picture(figure, vector=False)
