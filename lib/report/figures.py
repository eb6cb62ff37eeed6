"""Figures of the book: one style, pictures made of panels, theory against networks, sliders.

Every drawing function returns a `Picture` of one panel; `panels` puts several side by side. They
draw arrays and know no physics, and a picture is the same bytes each time.
"""
import base64
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from lib.estimate import Estimate, mean
from lib.profile import Profile
from lib.report.claims import Fragment, typeset

BLUE, GREEN, RED, INK, GREY = "#0072B2", "#009E73", "#D55E00", "#222222", "#888888"
PALETTE = (BLUE, GREEN, RED, "#8A5A9E", "#B8860B", INK, "#56B4E9", GREY)  # Okabe and Ito's first
STYLE = {
    "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "legend.fontsize": 8,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "axes.spines.top": False,
    "axes.spines.right": False, "axes.linewidth": 0.7, "lines.linewidth": 1.4,
    "legend.frameon": False, "figure.facecolor": "white", "savefig.facecolor": "white",
    "svg.fonttype": "path", "svg.hashsalt": "figure", "path.simplify": False,
    "figure.constrained_layout.use": True,
}
FRAMED = {"axes.spines.top": True, "axes.spines.right": True}
WIDTHS = {1: 5.2, 2: 7.4}  # inches by columns; a page shows 7.4 at full size
WIDEST = 8.2
FRAME = 100  # dots an inch of a slider's frames, of which there are many
RINGS = 14  # layers at most that get rings unless asked for
SYMBOLS = {"q": "$q$", "c": "$c$", "deficit": "$1 - c$", "metric": r"metric $\bar g$",
           "kappa2": r"$\bar\kappa^2$", "length_euclid": r"length / $\sqrt{N}$",
           "length_gauss": "$L^G$", "sigma_w": r"$\sigma_w$", "sigma_b": r"$\sigma_b$"}
GLYPH = re.compile(r"<path id='[A-Z][A-Za-z]+-[0-9a-f]+'[^>]*/> ")  # a letter of a figure


def shades(count: int, colors: str = "viridis") -> list[str]:
    """Colours from dark to light, for curves that have an order; "plasma" sets them further apart.

    >>> shades(2)
    ['#440154', '#7ad151']
    """
    return [matplotlib.colors.to_hex(color)
            for color in matplotlib.colormaps[colors](np.linspace(0, 0.8, count))]


# Pictures

@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes: what draws on it, what draws on the strip under it, and its labels."""

    numbers: Mapping[str, object]  # what is drawn, by name, for other programs
    draw: Callable[[Axes], object]  # returns what a bar of colours explains, if anything
    strip: Callable[[Axes], None] | None = None
    bar: Mapping[str, object] | None = None  # of the bar of colours: label, extend, limits
    labels: Mapping[str, object] = field(default_factory=dict)  # handed to ``axes.set``


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Panels that show themselves in a notebook, drawn when first asked for."""

    panels: Sequence[Panel | None]  # None leaves its place empty
    columns: int = 0  # panels a row; all in one if 0
    rows: Sequence[str] = ()  # names
    width: float = 0.0  # of the figure, in inches; by the number of columns if 0
    height: float = 2.9  # of a row, in inches
    aspect: float = 0.0  # height of a panel over its width; takes the place of height
    share: str = ""  # axes that all panels have in common: "", "x", "y" or "xy"
    vector: bool = True
    dpi: int = 170  # if not; a page shows 85
    note: str = ""  # small print under the figure
    like: "Picture | None" = None  # another, drawn before, whose axes stand where these shall
    changes: Mapping[str, object] = field(default_factory=dict)  # of the style

    @cached_property
    def figure(self) -> Figure:
        """The drawing as a figure of matplotlib."""
        with style(self.changes), np.errstate(over="ignore"):
            return draw(self)

    @cached_property
    def data(self) -> str:
        """The drawing as SVG, or as PNG in base 64."""
        with style(self.changes), np.errstate(over="ignore"):
            return svg(self.figure) if self.vector else png(self.figure, self.dpi)

    @property
    def mime(self) -> str:
        """What the data are."""
        return "image/svg+xml" if self.vector else "image/png"

    def __repr__(self) -> str:
        return f"<picture, {self.mime}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict:
        return {"text/plain": repr(self), self.mime: self.data}


def panels(*pictures: Picture | None, titles: Sequence[str] = (), vector: bool | None = None,
           labels: Mapping[str, object] | None = None, **layout: object) -> Picture:
    """Pictures side by side as one.

    Args:
        pictures: in the order of reading; None leaves a place empty.
        titles: of the panels of the first row, in place of their own.
        vector: whether as SVG; unless given, if all pictures are. What is trained is another
            sample on another processor and belongs into pixels, which are not compared.
        labels: for all panels, handed to ``axes.set``: xlabel, ylabel, xlim, ...
        layout: ``columns, rows, width, height, aspect, share, note`` of `Picture`; of the first
            picture unless given.

    Raises:
        ValueError: no pictures.
    """
    drawn = [picture for picture in pictures if picture]
    if not drawn:
        raise ValueError("panels must hold at least one picture")
    boxes: list[Panel | None] = []
    for picture in pictures:
        boxes += picture.panels if picture else [None]
    own = [{"title": title} for title in titles] + [{}] * len(boxes)
    boxes = [box and replace(box, labels={**box.labels, **(labels or {}), **more})
             for box, more in zip(boxes, own)]
    if vector is None:
        vector = all(picture.vector for picture in drawn)
    shape = {"height": max(picture.height for picture in drawn)} | layout
    return replace(drawn[0], panels=boxes, vector=vector, **shape)


def style(changes: Mapping[str, object]) -> AbstractContextManager:
    """The book's style from scratch, whatever a reader's own settings are, and changes to it."""
    return matplotlib.style.context(["default", STYLE | dict(changes)])


def draw(picture: Picture) -> Figure:
    """The picture as a figure of matplotlib, to be called within `style`."""
    number = len(picture.panels)
    columns = min(picture.columns or number, number)
    lines = -(-number // columns)
    width = picture.width or WIDTHS.get(columns, WIDEST)
    height = picture.aspect * width / columns if picture.aspect else picture.height
    figure = Figure(figsize=(width, height * lines + 0.2 * bool(picture.note)))
    thick = 2 if any(box and box.strip for box in picture.panels) else 1
    grid = figure.add_gridspec(thick * lines, columns, height_ratios=[4, 1][:thick] * lines)
    first, images = None, []
    for index, box in enumerate(picture.panels):
        if box is None:
            continue
        row, column = divmod(index, columns)
        place = grid[thick * row:thick * (row + 1) - bool(box.strip), column]
        axes = figure.add_subplot(place, **{f"share{axis}": first for axis in picture.share})
        first = first or axes
        image = box.draw(axes)
        images += [(axes, image, box.bar)] if box.bar else []
        names = {"ylabel": picture.rows[row]} if column == 0 and picture.rows else {}
        axes.set(**{**box.labels, **names})
        if box.strip:
            strip = figure.add_subplot(grid[2 * row + 1, column], sharex=axes)
            box.strip(strip)
            strip.set_xlabel(axes.get_xlabel())
        _unlabelled(axes, x=box.strip or "x" in picture.share and index + columns < number,
                    y="y" in picture.share and column)
    _bars(figure, images)
    if picture.note:
        figure.supxlabel(picture.note, fontsize=7, color="#555555")
    others = picture.like.figure.axes if picture.like else []
    if len(others) == len(figure.axes):
        for axes, other in zip(figure.axes, others):
            axes.set_position(other.get_position(original=True))
        figure.set_layout_engine("none")
    return figure


def _unlabelled(axes: Axes, x: object, y: object) -> None:
    """Labels that another pair of axes carries are left out."""
    if x:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    if y:
        axes.set_ylabel("")
        axes.tick_params(labelleft=False)


def _bars(figure: Figure, images: Sequence[tuple]) -> None:
    """A bar of colours for each image, or one for all if they mean the same."""
    same = all(bar == images[0][2] for _, _, bar in images)
    for axes, image, bar in images[:1] if same else images:
        where = [one for one, _, _ in images] if same else axes
        figure.colorbar(image, ax=where, label=bar["label"], extend=bar["extend"])


# Curves

@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line, and what sampled networks say of it.

    Args:
        x, y: the line; x is that of the panel unless given. Without y a line joins ``seen``.
        seen: an `Estimate` of shape (points,), drawn with two of its errors, or samples of shape
            (networks, points): single networks as faint dots and their mean as rings.
        at: where it was seen, shape (points,); x unless given.
        expected: the theory there, for the strip of residuals; y unless given.
        sd: predicted standard deviation of single networks along the line, for a band of two.
        color, style: of the line; colours come from the palette in order unless given.
    """

    x: np.ndarray | None = None
    y: np.ndarray | None = None
    seen: Estimate | np.ndarray | None = None
    at: np.ndarray | None = None
    expected: np.ndarray | None = None
    sd: np.ndarray | None = None
    color: str = ""
    style: str = "-"


def lines(x: np.ndarray, curves: Mapping[str, object] | Sequence, *, colors: Sequence[str] = (),
          log: str = "", dots: int = 8, residuals: bool = False, diagonal: bool = False,
          levels: Sequence[float] = (), span: tuple[float, float] | None = None,
          stars: Sequence[tuple[float, float]] = (), legend: str = "best", vector: bool = True,
          **labels: object) -> Picture:
    """Curves over x.

    Args:
        x: shape (points,), or names.
        curves: by their names for the legend, or a sequence without names: each an array of shape
            (points,) for a line, an `Estimate` for points with bars of two errors, samples of
            shape (networks, points), or a `Curve`. A name that begins with _ is not shown.
        colors: in the order of the curves; the palette unless given.
        log: which axes are logarithmic: "", "x", "y" or "xy".
        dots: how many single networks to draw.
        residuals: whether to draw a strip below with (mean - expected) in standard errors.
        diagonal: whether to draw y = x.
        levels: heights of dotted lines; span: a range in grey, an end of which may be infinite.
        stars: points to mark, in the colours of the curves.
        legend: where it stands; nowhere if empty.
        vector: see `panels`.
        labels: handed to ``axes.set``: title, xlabel, ylabel, ylim, ...

    Raises:
        ValueError: no curves, or arrays that do not match.
    """
    named = curves if isinstance(curves, Mapping) else {f"_{i}": one
                                                        for i, one in enumerate(curves)}
    if not len(named):
        raise ValueError("curves must hold at least one")
    hues = [*colors] or PALETTE
    made = [(name, _curve(x, one, hues[i % len(hues)], name))
            for i, (name, one) in enumerate(named.items())]

    def paint(axes: Axes) -> None:
        axes.set(**{f"{axis}scale": "log" for axis in log})
        for name, curve in made:
            _paint(axes, curve, name, dots)
        _say_if_empty(axes, [line.get_ydata() for line in axes.lines])
        for height in levels:
            axes.axhline(height, ls=":", color=GREY, lw=0.8)
        if span:
            _span(axes, *span)
        if diagonal:
            low, high = axes.get_xlim()
            axes.plot([low, high], [low, high], "--", color=GREY, lw=0.8, zorder=1)
            axes.set_xlim(low, high)
        for (across, up), color in zip(stars, hues):
            axes.plot(across, up, "*", color=color, mec="white", mew=0.5, ms=10, zorder=5)
        if legend and axes.get_legend_handles_labels()[0]:
            axes.legend(loc=legend)
        ticks(axes, log, [curve for _, curve in made])

    strip = (lambda axes: _strip(axes, made)) if residuals else None
    told = {f"{_key(name)}/{what}": array for name, curve in made
            for what, array in _told(curve).items()}
    return Picture(panels=[Panel(numbers=told, draw=paint, strip=strip, labels=labels)],
                   vector=vector, height=4.1 if residuals else 2.9)


def _say_if_empty(axes: Axes, numbers: Sequence[np.ndarray]) -> None:
    """A reader's parameters may leave nothing that exists."""
    if not any(np.isfinite(one).any() for one in numbers):
        axes.text(0.5, 0.5, "nothing to draw", transform=axes.transAxes, ha="center")


def _key(name: str) -> str:
    """A name from the legend without the marks of its formulas."""
    return re.sub(r"[$\\{}]", "", re.sub("^_", "curve ", name)).replace("/", "|")


def _told(curve: Curve) -> dict[str, np.ndarray]:
    """The numbers of a curve; those it does not have are left out."""
    told = {"x": curve.x, "y": curve.y, "sd": curve.sd}
    if curve.seen is not None:
        value, error = _average(curve.seen)
        told |= {"at": curve.at, "seen": value, "error": error}
        told |= {} if isinstance(curve.seen, Estimate) else {"samples": curve.seen}
    return {what: array for what, array in told.items() if array is not None}


def _span(axes: Axes, low: float, high: float) -> None:
    """A range in grey as far as the axes reach."""
    reach = axes.get_ylim()
    axes.axhspan(*np.clip((low, high), *reach), fc="#eeeeee", ec="#bbbbbb", lw=0.6, zorder=0)
    axes.set_ylim(reach)


def _curve(x: np.ndarray, given: object, color: str, name: str) -> Curve:
    """What is given for a curve as a `Curve` with nothing left open."""
    if not isinstance(given, Curve):
        sampled = isinstance(given, Estimate) or np.ndim(given) == 2
        given = Curve(seen=given) if sampled else Curve(y=given)
    x = np.asarray(x if given.x is None else given.x)
    at = x if given.at is None else np.asarray(given.at)
    expected = given.y if given.expected is None and given.at is None else given.expected
    seen = given.seen
    if seen is not None and not isinstance(seen, Estimate):
        seen = np.atleast_2d(np.asarray(seen, dtype=float))
    one = seen.value if isinstance(seen, Estimate) else seen if seen is None else seen[0]
    for what, array, over in (("y", given.y, x), ("sd", given.sd, x), ("seen", one, at),
                              ("expected", expected, at)):
        if array is not None and np.shape(array) != over.shape:
            raise ValueError(f"{what} of {name!r} must have shape {over.shape}, "
                             f"got {np.shape(array)}")
    return replace(given, x=x, at=at, seen=seen, expected=expected, color=given.color or color)


def _average(seen: object) -> Estimate:
    """What was seen with its error, NaN where a network has no number."""
    if isinstance(seen, Estimate):
        return seen
    known = np.isfinite(seen).all(axis=0)
    value, error = np.full((2, seen.shape[1]), np.nan)
    value[known], error[known] = mean(seen[:, known]) if known.any() else (0, 0)
    return Estimate(value, error, len(seen), "mean")


def _paint(axes: Axes, curve: Curve, name: str, dots: int) -> None:
    """Line, band, single networks and means."""
    color, label = curve.color, None if name.startswith("_") else name
    if curve.y is not None:
        axes.plot(curve.x, curve.y, curve.style, color=color, label=label, zorder=3)
        label = None
    if curve.sd is not None:
        axes.fill_between(curve.x, curve.y - 2 * curve.sd, curve.y + 2 * curve.sd, color=color,
                          alpha=0.15, lw=0)
    if curve.seen is None:
        return
    value, error = _average(curve.seen)
    line = "" if curve.y is not None else curve.style
    if isinstance(curve.seen, Estimate):
        axes.errorbar(curve.at, value, 2 * np.nan_to_num(error), fmt="o" + line, color=color, ms=3,
                      lw=1.1, elinewidth=0.8, capsize=1.5, label=label, zorder=4)
        return
    few = curve.seen[:dots] if len(curve.seen) > 1 else curve.seen[:0]
    _specks(axes, np.tile(curve.at, len(few)), few.ravel(), color)
    axes.plot(curve.at, value, "o" + line, color=color, mfc="white", mec=color, ms=3.4, mew=0.9,
              lw=1.1, label=label, zorder=4)


def _specks(axes: Axes, x: np.ndarray, y: np.ndarray, color: str, size: float = 1.7,
            alpha: float = 0.5) -> None:
    """Many small dots as one path, a quarter of the bytes that markers take."""
    ends = x + 1e-6 * (np.size(x) and np.ptp(x) or 1.0), np.full(np.shape(x), np.nan)
    axes.plot(np.stack([x, *ends], axis=1).ravel(), np.stack([y, y, ends[1]], axis=1).ravel(),
              color=color, lw=size, solid_capstyle="round", alpha=alpha, snap=False)


def _strip(axes: Axes, curves: Sequence[tuple[str, Curve]]) -> None:
    """Residuals of the means in standard errors; grey is where 95 % of them lie if theory holds.

    That is further out where fewer networks tell the error. Of several curves the widest is drawn.
    """
    usual = 0.0
    for _, curve in curves:
        if curve.seen is None or curve.expected is None:
            continue
        one = _average(curve.seen)
        size = np.abs(curve.expected)  # of rounding there is no residual
        sampled = one.error > 1e-12 * np.maximum(size, 1e-4 * min(1.0, size.max()))
        residual = (one.value - curve.expected)[sampled] / one.error[sampled]
        _specks(axes, np.asarray(curve.at)[sampled], residual, curve.color, size=3.2,
                alpha=1.0)
        if sampled.any():
            usual = max(usual, replace(one, value=0.0, error=1.0).interval()[1])
    axes.axhspan(-usual, usual, color="#dddddd", lw=0)
    axes.axhline(0, color=GREY, lw=0.6)
    reach = max(4.0, 1.1 * np.abs(axes.get_ylim()).max())
    axes.set(ylabel="residual\n/ s.e.", ylim=(-reach, reach))


def ticks(axes: Axes, log: str, curves: Sequence[Curve] = ()) -> None:
    """Plain numbers on logarithmic axes; whole ones where all curves are drawn over such."""
    seen = [curve.at for curve in curves if curve.seen is not None]
    few = np.unique(np.concatenate(seen)) if seen and "x" in log else ()
    for name in log:
        axis = getattr(axes, f"{name}axis")
        place = "xy".index(name)
        low, high = axes.dataLim.minpos[place], axes.dataLim.max[place]
        if low < high and not 1e-200 < low < high < 1e200:  # on the way out of the floats
            axes.set(**{f"{name}lim": np.clip((low, high), 1e-200, 1e200)})
        low, high = getattr(axes, f"get_{name}lim")()
        if high < 100 * low:
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(_plain))
        axis.set_minor_formatter(NullFormatter())
    if 0 < len(few) <= 6:  # a few places less than a decade apart
        axes.set_xticks(few, minor=False)
    over = [curve.x for curve in curves if curve.x.dtype.kind in "iuf"]
    if "x" not in log and over and all(np.array_equal(x, np.rint(x)) for x in over):
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    if "x" not in log and over and np.ptp(every := np.concatenate(over)) == 0:  # a single place
        axes.set(xlim=(every[0] - 1, every[0] + 1), xticks=every[:1])


def _plain(number: float, _: int) -> str:
    if 1e-3 <= number < 1e5:
        return f"{number:g}"
    return f"$10^{{{np.log10(number):g}}}$"


# Theory against networks

def compare(told: Profile, seen: Profile, field: str, *, over: str = "layer", layer: int = 1,
            rings: Sequence[int] = (), names: Sequence[str] = (), stars: Sequence[float] = (),
            dots: int = 6, **options: object) -> Picture:
    """What theory told against what networks were seen to do.

    Line: theory. Band: where it puts 95 % of single networks, if it was given a width. Rings:
    means over networks; faint dots: single ones. Strip: (mean - theory) in standard errors.
    One colour a sigma, or a point where there is one sigma only.

    Args:
        told: from theory, fields of shape ``(layer, point, *sigma)``; it may have more points and
            layers than were seen. Where the spread of networks is not known there is no band.
        seen: from networks, fields of shape ``(network, layer, point, *sigma)``.
        field: of both.
        over: what runs along the horizontal axis: "layer"; "point", what the points are, at one
            ``layer``; or "map", the field itself in layer 1, against layer 2.
        layer: for "point".
        rings: layers with rings; about `RINGS` of them unless given.
        names: of the colours for the legend, in place of those that the profiles know.
        stars: fixed points to mark on a map, one a colour.
        dots: how many single networks to draw.
        options: of `lines`: log, legend, title, xlabel, ylabel, ylim, ...

    Returns:
        A `Picture`, which shows itself in a notebook; `keep` writes it as SVG, PDF and NPZ.

    Raises:
        ValueError: a layer or a point was seen that theory did not tell of.
    """
    line, sample = (np.asarray(getattr(one, field), dtype=float) for one in (told, seen))
    line, sample = (one.reshape(*one.shape[:axes], -1) for one, axes in ((line, 2), (sample, 3)))
    sd = np.asarray(told.fields.get(f"sd_{field}", np.full(line.shape, np.nan)))
    sd, sigmas = sd.reshape(line.shape), line.shape[2]
    where = _places("points", told.x, seen.x, line.shape[1], sample.shape[2])
    symbol = SYMBOLS.get(field, field.replace("_", " "))
    if over == "layer":  # then the axes are: along, curve, sigma
        rows = [list(seen.layer).index(one) for one in rings]
        rows = rows or list(range(0, len(seen.layer), -(-len(seen.layer) // RINGS)))
        line, sd, sample = line[:, where], sd[:, where], sample[:, rows]
        where = _places("layers", told.layer, seen.layer[rows], len(told.layer), len(rows))
        x, labels = np.tile(told.layer, (sigmas, 1)).T, {"xlabel": "layer", "ylabel": symbol}
    else:
        row = 1 if over == "map" else list(told.layer).index(layer)
        x = line[0] if over == "map" else np.tile(told.x, (sigmas, 1)).T
        labels = {"xlabel": "point", "ylabel": symbol}
        if over == "map":
            labels = {"xlabel": symbol, "ylabel": f"{symbol} one layer later", "diagonal": True}
        sample = sample[:, list(seen.layer).index(told.layer[row]), :, None]
        line, sd = line[row][:, None], sd[row][:, None]
    names, curves = list(names or _sigmas(told) or _points(seen, line.shape[1])), {}
    for s, p in np.ndindex(sigmas, line.shape[1]):
        one = s if sigmas > 1 else p
        name = names[one] if one < len(names) else f"_{one}"
        name = f"_{s}_{p}" if name in curves else name
        curves[name] = Curve(x=x[:, s], y=line[:, p, s], seen=sample[:, :, p, s], at=x[where, s],
                             expected=line[where, p, s], sd=_known(sd[:, p, s]),
                             color=PALETTE[one % len(PALETTE)])
    return lines(told.layer, curves, residuals=True, dots=dots,
                 stars=[(star, star) for star in stars], **labels | options)


def _known(sd: np.ndarray) -> np.ndarray | None:
    return None if np.isnan(sd).all() else sd


def _places(what: str, told: object, seen: object, of: int, number: int) -> np.ndarray:
    """Where theory tells of what was seen; what is not named is all there is."""
    if np.shape(told) != (of,) or np.shape(seen) != (number,):
        if of != number:
            raise ValueError(f"told must have the {what} of seen: {of} against {number}")
        return np.arange(of)
    told, seen = np.asarray(told, dtype=float), np.asarray(seen, dtype=float)
    gap = np.abs(told[:, None] - seen)
    if np.any(gap.min(axis=0) > 1e-9 * np.maximum(1.0, np.abs(seen))):
        raise ValueError(f"told must have the {what} of seen, {seen.tolist()}")
    return gap.argmin(axis=0)


def _sigmas(told: Profile) -> list[str]:
    """Each entry of the last axes in words: what varies among the sigmas."""
    varied = {name: np.ravel(values) for name, values in
              zip(told.sigma, np.broadcast_arrays(*told.sigma.values()))
              if np.ptp(values) > 0}
    return [", ".join(f"{SYMBOLS.get(name, name)} = {value:g}" for name, value in zip(varied, one))
            for one in zip(*varied.values())]


def _points(seen: Profile, number: int) -> list[str]:
    """A few points in words, by what they are: correlations of pairs, or lengths at layer 1."""
    if np.shape(seen.x) != (number,) or not 1 < number <= len(PALETTE) or "metric" in seen.fields:
        return []
    return [f"{'$c^1$' if 'c' in seen.fields else '$q^1$'} = {x:g}" for x in seen.x]


# Maps

def heat(x: np.ndarray, y: np.ndarray, values: np.ndarray, *, low: float | None = None,
         high: float | None = None, label: str | None = "", extend: str = "neither",
         color: str = "viridis", down: bool = False, edge: Sequence[np.ndarray] | None = None,
         points: Sequence[tuple[float, float]] = (), **labels: object) -> Picture:
    """A heat map; NaN is left grey.

    Args:
        x, y: evenly spaced coordinates, shapes (n,) and (m,).
        values: shape (m, n).
        low, high: limits of the colours.
        label, extend: of the bar of colours; no bar if the label is None.
        color: name of the colour map.
        down: whether the first row is on top.
        edge: ``(x, y)`` of a dashed line.
        points: places to mark, in the colours of the palette.
        labels: handed to ``axes.set``.

    Returns:
        A `Picture` in pixels.

    Raises:
        ValueError: values of another shape.
    """
    x, y, values = (np.asarray(one, dtype=float) for one in (x, y, values))
    if values.shape != (len(y), len(x)):
        raise ValueError(f"values must have shape (y, x) = ({len(y)}, {len(x)}), "
                         f"got {values.shape}")
    half_x, half_y = (0.5 * (v[1] - v[0]) for v in (x, y))
    bottom, top = (y[0] - half_y, y[-1] + half_y)[::-1 if down else 1]
    extent = x[0] - half_x, x[-1] + half_x, bottom, top

    def paint(axes: Axes) -> object:
        axes.set_facecolor("#cccccc")
        image = axes.imshow(values, origin="upper" if down else "lower", aspect="auto",
                            cmap=color, vmin=low, vmax=high, interpolation="nearest",
                            extent=extent)
        _say_if_empty(axes, [values])
        if edge is not None:
            axes.plot(*edge, "--", color="white", lw=1.6)
            axes.plot(*edge, "--", color=INK, lw=0.8)
        for place, hue in zip(points, PALETTE):
            axes.plot(*place, "o", color=hue, mec="white", ms=6)
        axes.set(xlim=extent[:2], ylim=extent[2:])
        if len(y) <= 8:
            axes.set_yticks(y)
        elif np.array_equal(y, np.rint(y)):
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        return image

    bar = {"label": label, "extend": extend, "limits": (low, high, color)}
    kept = {"x": x, "y": y, "values": values, "edge": edge, "points": points}
    box = Panel(numbers={name: one for name, one in kept.items()
                         if one is not None and len(one)}, draw=paint,
                bar=None if label is None else bar, labels=labels)
    return Picture(panels=[box], vector=False, height=2.9, changes=FRAMED)


# Sliders

def slider(draw: Callable[[float], Picture], values: Sequence[float], label: str, alt: str, *,
           size: tuple[float, float] = (4.6, 3.2), **labels: object) -> Fragment:
    """A slider that needs no kernel: the picture is drawn beforehand at every value.

    Args:
        draw: from a value to its picture, which is drawn as lines or in pixels as it says.
        values: the stops, in order; the middle one is shown at first.
        label: what slides, as text.
        alt: what the picture shows, for those who cannot see it.
        size: of each frame in inches.
        labels: handed to ``axes.set`` in every frame: xlabel, ylabel, xlim, ylim.

    Returns:
        HTML that needs no library and no network, and works from a file.

    Raises:
        ValueError: fewer than two values.
    """
    if len(values) < 2:
        raise ValueError("values must hold at least two stops")
    stops, frames, first = [f"{value:g}" for value in values], [], None
    for stop, value in zip(stops, values):
        one = panels(draw(value), width=size[0], height=size[1], aspect=0.0, labels=labels)
        changes = {**one.changes, "svg.hashsalt": label + stop}
        one = replace(one, changes=changes, dpi=FRAME, like=first)
        frames.append(one.data if one.vector else (
            f'<img class="keep-colors" width="{96 * size[0]:.0f}" '
            f'alt="{html.escape(f"{label} = {stop}")}" src="data:image/png;base64,{one.data}">'))
        if "ylim" in labels:  # tick labels are as wide in all frames
            first = first or one
    letters = "".join(dict.fromkeys(g for frame in frames for g in GLYPH.findall(frame)))
    told = "".join([label, alt, *stops])  # no frames: they hang on rounding
    name, middle = "slider-" + sha256(told.encode()).hexdigest()[:8], len(values) // 2
    shown = "".join(
        f'<div class="frame" data-value="{stop}"{"" if i == middle else " hidden"}>'
        f'{_frame(frame)}</div>' for i, (frame, stop) in enumerate(zip(frames, stops)))
    script = ("var s=this.closest('.slider'),f=s.querySelectorAll('.frame');"
              "f.forEach((d,i)=>{d.hidden=i!=this.value});"
              "s.querySelector('output').value=f[this.value].dataset.value")
    return Fragment(
        f'<div class="slider" role="group" aria-label="{html.escape(alt)}">'
        f'<label for="{name}"><span>{typeset(label)} =</span> '
        f'<output for="{name}">{stops[middle]}</output> '
        f'<input id="{name}" type="range" min="0" max="{len(frames) - 1}" '
        f'step="1" value="{middle}" oninput="{script}"></label>'
        f'<svg width="0" height="0" aria-hidden="true">{letters}</svg>{shown}</div>',
        f"<slider over {label}, {stops[0]} to {stops[-1]}>")


def _frame(drawn: str) -> str:
    """A frame without the letters that all frames share; pixels as they are."""
    _, begin, rest = GLYPH.sub("", drawn).partition("<svg")
    return f'<svg aria-hidden="true" focusable="false"{rest}' if begin else drawn


# Bytes

def _lay_out(canvas: FigureCanvasBase, dpi: float) -> None:
    """Place all that a figure has, once; ``savefig`` would draw the figure twice for that."""
    figure = canvas.figure
    engine, figure.dpi = figure.get_layout_engine(), dpi
    if engine:
        engine.execute(figure)
        figure.set_layout_engine("none")


def svg(figure: Figure) -> str:
    """The figure as SVG, its coordinates cut to a tenth of a point."""
    buffer = io.StringIO()
    canvas, usual = FigureCanvasSVG(figure), figure.dpi
    _lay_out(canvas, 72)  # points
    figure.dpi = usual
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = re.sub(r"(?s)<metadata>.*?</metadata>\s*|<!--.*?-->", "", buffer.getvalue())
    text = re.sub(r"(?<=<g) id=\"[^\"]*\"", "", text)  # the same names in every figure
    text = re.sub(r"-?\d+\.\d{2,}", _shorter, text)
    return re.sub(r"\s*\n\s*", " ", text).replace('"', "'")  # a notebook escapes double quotes


def _shorter(number: re.Match) -> str:
    value = float(number[0])
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def png(figure: Figure, dpi: int) -> str:
    """The figure in 256 colours."""
    from PIL import Image  # matplotlib brings it

    canvas = FigureCanvasAgg(figure)
    _lay_out(canvas, dpi)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).quantize(
        256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # marks keep their hues
    packed = io.BytesIO()
    image.save(packed, format="png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


# For elsewhere: a talk, a paper, other programs

def keep(shown: Mapping[str, object], folder: str) -> None:
    """Write pictures as SVG and PDF, and what they draw as NPZ; what is no picture is left out.

    Args:
        shown: by the names of the files.
        folder: made if it is missing.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for name, picture in shown.items():
        if isinstance(picture, Picture):
            drawn, figure = picture.data, picture.figure
            figure.set_layout_engine("none")  # it is laid out, which takes longer than to draw
            changes = {**picture.changes, "pdf.fonttype": 42}  # letters stay letters
            with style(changes), np.errstate(over="ignore"):
                vector = drawn if picture.vector else svg(figure)
                (place / f"{name}.svg").write_text(vector, "utf-8")
                figure.savefig(place / f"{name}.pdf", metadata={"CreationDate": None})
            np.savez_compressed(place / f"{name}.npz", **numbers(picture))


def numbers(picture: Picture) -> dict[str, np.ndarray]:
    """What a picture draws, by names like ``panel 2/tanh/x``, with title and labels of the panels.

    Curves have ``x`` and ``y``, and ``sd`` where they have a band; what was seen has ``seen``, its
    mean, with the standard ``error``, ``at`` where it was seen, and ``samples`` by network. Maps
    have ``x``, ``y`` and ``values``, and the ``edge`` and ``points`` that are marked on them.
    """
    return {f"panel {place}/{name}": np.asarray(array)
            for place, box in enumerate(picture.panels, start=1) if box
            for name, array in ({key: box.labels[key] for key in ("title", "xlabel", "ylabel")
                                 if box.labels.get(key)} | box.numbers).items()}
