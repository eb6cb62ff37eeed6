"""The figures of a sweep: every finding over the parameters that were varied."""
from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from lib.report.show import INK, Picture, style

PANELS, COLUMNS = 12, 3
Value = float | int | str | bool


class Layout(NamedTuple):
    """Which parameter goes along the axis, which is told by colour, which get panels."""

    x: str
    color: str
    panels: list[str]


def findings(axes: Mapping[str, Sequence[Value]], runs: Sequence[Mapping]) -> dict[str, Picture]:
    """One figure a claim: its number over the swept parameters, with the claim's range in grey.

    Seeds are averaged; bars are two standard errors over them, or twice the finding's own error
    where there is one seed.

    Args:
        axes: the swept parameters with their values.
        runs: as `lib.report.journal.Journal` keeps them.

    Returns:
        Claims in the order signed, with their figures; at most `PANELS` panels each.
    """
    layout = _layout(axes)
    signed: dict[str, list] = {}
    for run in runs:
        for finding in run["findings"]:
            signed.setdefault(finding["key"], []).append((run["parameters"], finding))
    return {key: _picture(key, found, axes, layout) for key, found in signed.items()}


def _layout(axes: Mapping[str, Sequence[Value]]) -> Layout:
    """The longest row of numbers goes along the axis, the next parameter gets colours."""
    varied = [name for name, values in axes.items() if len(values) > 1]
    free = [name for name in varied if name != "seed"] or varied or list(axes)[:1]
    free.sort(key=lambda name: (_numbers(axes[name]), len(axes[name])), reverse=True)
    return Layout(free[0], free[1] if len(free) > 1 else "", free[2:])


def _numbers(values: Sequence[Value]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _picture(key: str, found: list, axes: Mapping, layout: Layout) -> Picture:
    """The figure of one claim."""
    combinations = list(itertools.product(*(axes[name] for name in layout.panels)))
    shown = combinations[:PANELS]
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    with style({"svg.hashsalt": key}):
        figure = Figure(figsize=(max(4.6, 3.0 * columns), 3.1 * rows + 0.2))
        table = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for panel in table.flat[len(shown):]:
            panel.set_axis_off()
        for panel, values in zip(table.flat, shown):
            at = dict(zip(layout.panels, values))
            _draw(panel, [pair for pair in found
                          if all(pair[0][name] == value for name, value in at.items())],
                  axes, layout)
            panel.set(title=", ".join(f"{name} = {value}" for name, value in at.items()))
        for panel in table[-1]:
            panel.set_xlabel(layout.x)
        hidden = len(combinations) - len(shown)
        figure.suptitle(key + f" ({hidden} panels left out)" * (hidden > 0), fontsize=10)
        if layout.color:
            table.flat[0].legend(title=layout.color, title_fontsize=8)
        return Picture(figure)


def _draw(panel: matplotlib.axes.Axes, found: list, axes: Mapping, layout: Layout) -> None:
    """One line a colour, with bars, and the range of the claim."""
    stops = axes[layout.x]
    places = list(stops) if _numbers(stops) else list(range(len(stops)))
    lines = list(axes[layout.color]) if layout.color else [None]
    colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(lines)))
    for line, color in zip(lines, colors):
        mean, bar = np.full((2, len(stops)), np.nan)
        for index, stop in enumerate(stops):
            here = [finding for given, finding in found if given[layout.x] == stop
                    and (line is None or given[layout.color] == line)]
            if here:  # a run that failed leaves a gap
                mean[index], bar[index] = _mean(here)
        panel.errorbar(places, mean, 2 * bar, color=color, marker="o", ms=3, elinewidth=0.8,
                       lw=1.1 if _numbers(stops) else 0.0,  # between names there is nothing
                       label=None if line is None else f"{line}")
    if not _numbers(stops):
        panel.set_xticks(places, [str(stop) for stop in stops])
        panel.margins(x=0.2)
    _claimed(panel, found)


def _mean(findings: Sequence[Mapping]) -> tuple[float, float]:
    """Mean over the seeds and its standard error; of one seed, the finding's own error."""
    values = np.array([finding["value"] for finding in findings])
    if len(values) == 1:
        return values[0], findings[0]["error"]
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def _claimed(panel: matplotlib.axes.Axes, found: list) -> None:
    """The range of the claim in grey, as far as the axes reach."""
    if not found:
        return
    low, high = found[0][1]["low"], found[0][1]["high"]
    reach = panel.get_ylim()
    if low is not None and low == high:
        panel.axhline(low, color=INK, lw=0.8, ls=":")
        return
    low, high = (reach[i] if end is None else end for i, end in enumerate((low, high)))
    panel.axhspan(max(low, min(reach[0], high)), min(high, max(reach[1], low)), color="#eeeeee",
                  lw=0, zorder=0)
    panel.set_ylim(reach)
