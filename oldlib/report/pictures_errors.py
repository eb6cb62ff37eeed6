"""Curves with the error of their mean over repetitions, such as networks that were trained.

Like `lib.report.show`, whose style it shares, this module draws arrays and knows no physics.
"""
from typing import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from oldlib.report.show import Curve, Panel, Picture, style


def shades(count: int) -> list[str]:
    """Colours from dark to light, for curves that have an order.

    Args:
        count: how many.

    Returns:
        Hexadecimal colours.

    >>> shades(2)
    ['#440154', '#7ad151']
    """
    return [matplotlib.colors.to_hex(color)
            for color in matplotlib.colormaps["viridis"](np.linspace(0, 0.8, count))]


def family(names: Sequence[str], at: np.ndarray, samples: np.ndarray,
           color: str = "") -> list[Curve]:
    """Curves that belong together, such as one a layer, for `means`.

    Args:
        names: of the first curves, for the legend; may be empty.
        at: shape ``(points,)``, or ``(curves, points)`` where each has its own.
        samples: shape ``(repetitions, curves, points)``.
        color: of all of them; from dark to light if left out.

    Returns:
        One `Curve` each.
    """
    number = samples.shape[1]
    at = np.broadcast_to(at, samples.shape[1:])
    labels = [*names, *["_"] * (number - len(names))]
    colors = [color] * number if color else shades(number)
    return [Curve(*one, at[i], None, at[i], None, samples[:, i])
            for i, one in enumerate(zip(labels, colors))]


def means(panels: Sequence[Panel], columns: int = 2, height: float = 2.4,
          note: str = "", low: float | None = None, level: float | None = None) -> Picture:
    """Means over repetitions with two of their standard errors, panels in rows.

    Args:
        panels: of each `Curve`, ``samples`` of shape (repetitions, points) at ``at`` are drawn,
            and the line of ``theory`` over ``x`` if there is one. The panels of a row share the
            vertical axis; the curves are named once, in the first panel that has names.
        columns: panels a row.
        height: of a row in inches.
        note: small print under the figure: where the data come from.
        low: where the vertical axes begin.
        level: height of a dotted line across every panel, such as that of guessing.

    Returns:
        A `Picture` in pixels: what is trained is never the same twice to the last digit.

    Raises:
        ValueError: no panels, or a curve with a single repetition.
    """
    if not panels:
        raise ValueError("panels must hold at least one Panel")
    rows = -(-len(panels) // columns)
    with style({}):
        figure = Figure(figsize=(7.4, height * rows + (0.2 if note else 0.0)))
        table = figure.subplots(rows, columns, squeeze=False, sharey="row")
        for axes in table.flat[len(panels):]:
            axes.set_axis_off()
        for index, (axes, panel) in enumerate(zip(table.flat, panels)):
            for curve in panel.curves:
                _draw(axes, curve)
            if level is not None:
                axes.axhline(level, ls=":", color="#888888", lw=0.8)
            axes.set(title=panel.title, xlabel=panel.xlabel,
                     ylabel="" if index % columns else panel.ylabel,
                     **{f"{axis}scale": "log" for axis in panel.log})
            axes.set_ylim(bottom=low)
            if "x" in panel.log:  # 0.2, 0.5, 1, 2: a decade or less has too few powers of ten
                axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                axes.xaxis.set_major_formatter("{x:g}")
                axes.xaxis.set_minor_formatter(NullFormatter())
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")
        if note:
            figure.supxlabel(note, fontsize=7, color="#555555")
        return Picture(figure, vector=False)


def _draw(axes: matplotlib.axes.Axes, curve: Curve) -> None:
    label = curve.label if not curve.label.startswith("_") else None
    if curve.theory is not None:
        axes.plot(curve.x, curve.theory, "--", color=curve.color, lw=0.9)
    samples = np.asarray(curve.samples, dtype=float)
    if len(samples) < 2:
        raise ValueError(f"{curve.label!r} must have at least two repetitions for an error")
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    axes.errorbar(curve.at, samples.mean(axis=0), 2 * error, fmt="o-", color=curve.color, ms=3,
                  lw=1.1, elinewidth=0.8, capsize=1.5, label=label)
