"""Figures of the book: one style, theory with simulation and its residuals, maps, sliders.

This module draws arrays. It knows no physics, and every figure is the same bytes each time.
"""
import base64
import html
import io
import re
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Callable, Mapping, NamedTuple, Sequence

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oldlib.report.page import Fragment, typeset

BLUE, GREEN, RED, INK = "#0072B2", "#009E73", "#D55E00", "#222222"  # Okabe and Ito's
GLYPH = re.compile(r"<path id='[A-Z][A-Za-z]+-[0-9a-f]+'[^>]*/> ")  # a letter of a figure
STYLE = {
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 8,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "axes.spines.top": False,
    "axes.spines.right": False, "axes.linewidth": 0.7, "lines.linewidth": 1.4,
    "legend.frameon": False, "figure.facecolor": "white", "savefig.facecolor": "white",
    "svg.fonttype": "path", "svg.hashsalt": "figure", "path.simplify": False,
    "figure.constrained_layout.use": True,
}


class Curve(NamedTuple):
    """A theory curve and what sampled networks say of it.

    ``x`` and ``theory`` draw the line. At ``at``, shape (points,), ``expected`` is the theory,
    ``samples`` of shape (networks, points) the sampled values and ``spread`` the predicted
    standard deviation over networks. Without samples it is a line only.
    """

    label: str
    color: str
    x: np.ndarray
    theory: np.ndarray
    at: np.ndarray | None = None
    expected: np.ndarray | None = None
    samples: np.ndarray | None = None
    spread: np.ndarray | None = None


class Panel(NamedTuple):
    """Axes of `against_simulation`: labels, curves, and whether to draw the diagonal.

    ``log`` names the axes that are logarithmic: "", "x", "y" or "xy".
    """

    title: str
    xlabel: str
    ylabel: str
    curves: Sequence[Curve]
    diagonal: bool = False
    marks: Sequence[tuple[float, float, str]] = ()
    log: str = ""


class Map(NamedTuple):
    """A heat map of `maps`: values on the grid, colour limits, and the label of the bar."""

    title: str
    values: np.ndarray
    low: float
    high: float
    label: str
    extend: str = "neither"


class Picture:
    """A finished figure that shows itself in a notebook, the same bytes every time."""

    def __init__(self, figure: Figure, vector: bool = True):
        self.mime = "image/svg+xml" if vector else "image/png"
        self.data = _svg(figure) if vector else _png(figure)

    def __repr__(self) -> str:
        return f"<picture, {self.mime}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/plain": repr(self), self.mime: self.data}


def style(changes: dict) -> AbstractContextManager:
    """The book's style from scratch, whatever a reader's own settings are, and changes to it."""
    return matplotlib.style.context(["default", STYLE | changes])


def bundle(x: np.ndarray, at: np.ndarray, theory: np.ndarray, samples: np.ndarray,
           spread: np.ndarray, colors: Sequence[str]) -> list[Curve]:
    """Curves without labels for every start and colour of a set of orbits.

    Args:
        x: layers, shape ``(layers,)``.
        at: indices of the layers where samples are drawn.
        theory: shape ``(layers, starts, colors)``; samples: ``(networks, layers, starts,
            colors)``; spread: predicted standard deviations, shape of ``theory``.
        colors: one for each entry of the last axis.

    Returns:
        One `Curve` for each start and colour.
    """
    return [Curve("_", color, x, theory[:, start, i], x[at], theory[at, start, i],
                  samples[:, at, start, i], spread[at, start, i])
            for i, color in enumerate(colors) for start in range(theory.shape[1])]


def against_simulation(panels: Sequence[Panel], dots: int = 8) -> Picture:
    """Theory lines with sampled networks, and a strip of residuals under each panel.

    The band is the predicted spread, two standard deviations of single networks; the faint dots
    are single networks and the ringed ones their mean. The strip shows (mean - theory) in
    standard errors of that mean, with two standard errors in grey.

    Args:
        panels: one or more.
        dots: how many single networks to draw.

    Returns:
        A vector `Picture`.

    Raises:
        ValueError: no panels.
    """
    if not panels:
        raise ValueError("panels must hold at least one Panel")
    with style({}):
        each = 3.7 if len(panels) < 3 else 2.8  # a page shows 7.4 inches at full size
        figure = Figure(figsize=(each * len(panels), 4.1))
        axes = figure.subplots(2, len(panels), squeeze=False, sharex="col",
                               height_ratios=[4, 1])
        for panel, top, strip in zip(panels, *axes):
            for curve in panel.curves:
                _draw_curve(top, strip, curve, dots)
            _finish_panel(top, strip, panel)
        return Picture(figure)


def _draw_curve(top, strip, curve: Curve, dots: int) -> None:
    top.plot(curve.x, curve.theory, color=curve.color, label=curve.label, zorder=3)
    if curve.samples is None:
        return
    at, mean = curve.at, curve.samples.mean(axis=0)
    error = curve.samples.std(axis=0, ddof=1) / np.sqrt(len(curve.samples))
    if curve.spread is not None:
        two = 2 * np.asarray(curve.spread)
        top.fill_between(at, curve.expected - two, curve.expected + two, color=curve.color,
                         alpha=0.15, lw=0)
    few = curve.samples[:dots]
    _specks(top, np.tile(at, len(few)), few.ravel(), curve.color)
    top.plot(at, mean, "o", mfc="white", mec=curve.color, ms=3.4, mew=0.9, zorder=4)
    sampled = error > 1e-12 * np.maximum(np.abs(curve.expected), 1e-300)
    residual = (mean - curve.expected) / np.where(sampled, error, 1.0)
    _specks(strip, at[sampled], residual[sampled], curve.color, size=3.2, alpha=1.0)


def _specks(axes, x: np.ndarray, y: np.ndarray, color: str, size: float = 1.7,
            alpha: float = 0.5) -> None:
    """Many small dots as one path, a quarter of the bytes that markers take."""
    apart = np.full_like(x, np.nan, dtype=float)
    axes.plot(np.stack([x, x, apart], axis=1).ravel(), np.stack([y, y, apart], axis=1).ravel(),
              color=color, lw=size, solid_capstyle="round", alpha=alpha)


def _finish_panel(top, strip, panel: Panel) -> None:
    if panel.diagonal:
        low, high = top.get_xlim()
        top.plot([low, high], [low, high], "--", color="#888888", lw=0.8, zorder=1)
        top.set_xlim(low, high)
    for x, y, color in panel.marks:
        top.plot(x, y, "*", color=color, mec="white", mew=0.5, ms=10, zorder=5)
    handles, labels = top.get_legend_handles_labels()
    named = [(h, t) for h, t in zip(handles, labels) if not t.startswith("_")]
    if named:
        top.legend(*zip(*named), loc="best")
    top.set(title=panel.title, ylabel=panel.ylabel,
            **{f"{axis}scale": "log" for axis in panel.log})
    at = panel.curves[0].at if "x" in panel.log else None
    if at is not None and len(at) <= 6:  # a few places less than a decade apart
        top.set_xticks(at, [f"{place:g}" for place in at])
        top.set_xticks([], minor=True)
    whole_ticks(top, panel)
    strip.axhspan(-2, 2, color="#dddddd", lw=0)
    strip.axhline(0, color="#888888", lw=0.6)
    reach = max(4.0, 1.1 * np.abs(strip.get_ylim()).max())
    strip.set(xlabel=panel.xlabel, ylabel="residual\n/ s.e.", ylim=(-reach, reach))


def whole_ticks(axes: Axes, panel: Panel) -> None:
    """Ticks at whole numbers where all curves are drawn over such: there is no layer 2.5."""
    if "x" not in panel.log and all(np.array_equal(c.x, np.rint(c.x)) for c in panel.curves):
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))


def maps(sigma_w: np.ndarray, sigma_b: np.ndarray, panels: Sequence[Map],
         edge: tuple[np.ndarray, np.ndarray] | Sequence | None = None,
         points: Sequence[tuple[float, float, str]] = (), columns: int = 3) -> Picture:
    """Phase diagrams: heat maps over (sigma_b, sigma_w) with the edge of chaos dashed.

    Args:
        sigma_w, sigma_b: the grid's axes, shapes (n,) and (m,).
        panels: each a `Map` with values of shape (n, m); NaN is left grey.
        edge: ``(sigma_b, sigma_w)`` of the edge of chaos, or one such pair a panel.
        points: ``(sigma_b, sigma_w, color)`` to mark on every panel.
        columns: panels a row.

    Returns:
        A `Picture` in pixels.

    Raises:
        ValueError: a map of the wrong shape.
    """
    for panel in panels:
        if np.shape(panel.values) != (len(sigma_w), len(sigma_b)):
            raise ValueError(f"values of {panel.title!r} must have shape (sigma_w, sigma_b) = "
                             f"({len(sigma_w)}, {len(sigma_b)}), got {np.shape(panel.values)}")
    edges = [edge] * len(panels) if edge is None or isinstance(edge, tuple) else list(edge)
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with style({"axes.spines.top": True, "axes.spines.right": True}):
        figure = Figure(figsize=(7.4 / max(columns, 2) * columns, 3.0 * rows if columns < 3
                                 else 2.5 * rows))
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for axis in axes.flat[len(panels):]:
            axis.set_axis_off()
        for index, (axis, panel, line) in enumerate(zip(axes.flat, panels, edges)):
            _draw_map(figure, axis, sigma_w, sigma_b, panel, line, points)
            last = index + columns >= len(panels)
            axis.set(xlabel=r"$\sigma_b$" if last else "",
                     ylabel=r"$\sigma_w$" if index % columns == 0 else "")
            axis.tick_params(labelbottom=last)
        return Picture(figure, vector=False)


def _draw_map(figure, axis, sigma_w, sigma_b, panel: Map, line, points) -> None:
    half_b, half_w = (0.5 * (v[1] - v[0]) for v in (sigma_b, sigma_w))
    axis.set_facecolor("#cccccc")
    image = axis.imshow(panel.values, origin="lower", aspect="auto", cmap="viridis",
                        vmin=panel.low, vmax=panel.high, interpolation="nearest",
                        extent=(sigma_b[0] - half_b, sigma_b[-1] + half_b,
                                sigma_w[0] - half_w, sigma_w[-1] + half_w))
    if line is not None:
        axis.plot(*line, "--", color="white", lw=1.6)
        axis.plot(*line, "--", color=INK, lw=0.8)
    for b, w, color in points:
        axis.plot(b, w, "o", color=color, mec="white", ms=6)
    axis.set(title=panel.title, xlim=image.get_extent()[:2], ylim=image.get_extent()[2:])
    figure.colorbar(image, ax=axis, label=panel.label, extend=panel.extend)


def atlas(edge: tuple[np.ndarray, np.ndarray], places: Sequence[Mapping]) -> Fragment:
    """The map of the book: the phase diagram with each chapter a numbered point on it.

    Args:
        edge: ``(sigma_b, sigma_w)`` of the edge of chaos.
        places: chapters with ``title``, ``at = (sigma_b, sigma_w)`` and ``url``, which is empty
            for a chapter still to come.

    Returns:
        A `Fragment` of HTML: the picture and the list of chapters with their links.
    """
    with style({"svg.hashsalt": "atlas", "font.size": 10}):
        figure = Figure(figsize=(6.2, 4.4))
        axes = figure.subplots()
        axes.fill_between(*edge, 0.0, color=BLUE, alpha=0.10, lw=0)
        axes.fill_between(*edge, 5.0, color=RED, alpha=0.10, lw=0)
        axes.plot(*edge, "--", color=INK)
        for number, place in enumerate(places, 1):
            ready = bool(place["url"])
            axes.plot(*place["at"], "o", ms=15, mew=1.2, mec=INK if ready else "#777777",
                      mfc=INK if ready else "white", url=place["url"] or None)
            axes.annotate(str(number), place["at"], ha="center", va="center", url=place["url"]
                          or None, color="white" if ready else "#555555", fontsize=8,
                          annotation_clip=False)
        axes.text(0.66, 0.95, "order", color=BLUE, fontsize=13)
        axes.text(0.42, 3.1, "chaos", color="#B04A00", fontsize=13)
        axes.text(0.66, 1.83, "edge of chaos", fontsize=8, rotation=10, va="bottom", ha="center")
        axes.set(xlabel=r"spread of the biases, $\sigma_b$", xlim=(-0.05, 1.0), ylim=(0.75, 4.2),
                 ylabel=r"spread of the weights, $\sigma_w$")
        picture = _svg(figure)
    items = "".join(f"<li>{_entry(place)}</li>" for place in places)
    alt = "Phase diagram with a numbered point for each chapter; the list below names them."
    body = f'<svg role="img" aria-label="{alt}"' + picture.partition("<svg")[2]
    return Fragment(f'<div class="atlas">{body}<ol>{items}</ol></div>',
                    f"<map of {len(places)} chapters>")


def _entry(place: Mapping) -> str:
    title = html.escape(place["title"])
    return f'<a href="{place["url"]}">{title}</a>' if place["url"] else f"{title} (to come)"


def slider(draw: Callable, values: Sequence[float], label: str, alt: str,
           size: tuple[float, float] = (4.6, 3.2), diagonal: bool = False,
           **labels: object) -> "Slider":
    """A slider that needs no kernel: the figure is drawn beforehand at every value.

    Args:
        draw: called as ``draw(axes, value)`` on fresh axes.
        values: the stops, in order.
        label: what slides, as text.
        alt: what the figure shows, for those who cannot see it.
        size: of each frame in inches.
        diagonal: whether to draw y = x from 0 to 1.
        labels: handed to ``axes.set``: xlabel, ylabel, xlim, ylim.

    Returns:
        A `Slider`, drawn at the middle value at first.

    Raises:
        ValueError: fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("values must hold at least two stops")
    frames = []
    for value in values:
        with style({"svg.hashsalt": f"{label}{value:g}"}):
            figure = Figure(figsize=size)
            axes = figure.subplots()
            if diagonal:
                axes.plot([0, 1], [0, 1], "--", color="#888888", lw=0.8)
            draw(axes, value)
            axes.set(**labels)
            frames.append(_svg(figure))
    return Slider(frames, [f"{value:g}" for value in values], label, alt)


class Slider:
    """Frames in SVG and a range input that shows one of them."""

    def __init__(self, frames: list[str], stops: list[str], label: str, alt: str):
        self.frames, self.stops, self.label, self.alt = frames, stops, label, alt

    def __repr__(self) -> str:
        return f"<slider over {self.label}, {self.stops[0]} to {self.stops[-1]}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/plain": repr(self), "text/html": self.html()}

    def html(self) -> str:
        """The widget: no library, no network, works from a file."""
        told = "".join([self.label, self.alt, *self.stops])  # no frames: they hang on rounding
        name = "slider-" + sha256(told.encode()).hexdigest()[:8]
        middle, label = len(self.frames) // 2, typeset(self.label)
        letters = dict.fromkeys(g for frame in self.frames for g in GLYPH.findall(frame))
        shared = f'<svg width="0" height="0" aria-hidden="true">{"".join(letters)}</svg>'
        shown = "".join(
            f'<div class="frame" data-value="{stop}"{"" if i == middle else " hidden"}>'
            f"{_bare_svg(GLYPH.sub('', frame))}</div>" for i, (frame, stop) in
            enumerate(zip(self.frames, self.stops)))
        script = ("var s=this.closest('.slider'),f=s.querySelectorAll('.frame');"
                  "f.forEach((d,i)=>{d.hidden=i!=this.value});"
                  "s.querySelector('output').value=f[this.value].dataset.value")
        return (f'<div class="slider" role="group" aria-label="{html.escape(self.alt)}">'
                f'<label for="{name}"><span>{label} =</span> '
                f'<output for="{name}">{self.stops[middle]}</output> '
                f'<input id="{name}" type="range" min="0" max="{len(self.frames) - 1}" '
                f'step="1" value="{middle}" oninput="{script}"></label>{shared}{shown}</div>')


def _svg(figure: Figure) -> str:
    """The figure as SVG, its coordinates cut to a tenth of a point."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"(?s)<metadata>.*?</metadata>\s*|<!--.*?-->", "", buffer.getvalue())
    text = re.sub(r"(?<=<g) id=\"[^\"]*\"", "", text)  # the same names in every figure
    text = re.sub(r"-?\d+\.\d{2,}", _shorter, text)
    return re.sub(r"\s*\n\s*", " ", text).replace('"', "'")  # a notebook escapes double quotes


def _shorter(number: re.Match) -> str:
    value = float(number[0])
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _png(figure: Figure) -> str:
    """The figure in 256 colours, twice as dense as a page shows it."""
    from PIL import Image  # matplotlib brings it

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=170, metadata={"Software": None})
    image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    image.save(packed, format="png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def _bare_svg(text: str) -> str:
    """The svg element alone, hidden from screen readers: the group around it has the words."""
    return '<svg aria-hidden="true" focusable="false"' + text.partition("<svg")[2]
