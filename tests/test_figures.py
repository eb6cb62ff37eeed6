"""Figures: the same bytes each time, widgets that need nothing from outside, shapes refused."""
import json
import base64
import io
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib
import numpy as np
import pytest
from PIL import Image

from lib.estimate import Estimate, mean
from lib.profile import Profile
from lib.report import figures
from lib.report.figures import Curve, compare, heat, keep, lines, panels, shades, slider
from lib.report.gallery import atlas, barcode, bars, cloud, loop

X = np.linspace(0.0, 5.0, 21)


def curve(**changes):
    at = np.array([1.0, 2.0, 3.0])
    samples = at**2 + np.random.default_rng(0).standard_normal((12, 3)) * 0.1
    return Curve(**{"x": X, "y": X**2, "at": at, "expected": at**2, "seen": samples,
                    "sd": np.full(21, 0.1)} | changes)


def panel(*curves, **changes):
    return lines(X, {"theory": curve()} if not curves else curves, residuals=True, ylabel="q",
                 title="A <title> & more", xlabel="layer", **changes)


def a_map(values=None, **changes):
    values = np.arange(12.0).reshape(3, 4) if values is None else values
    options = {"title": "c*", "low": 0.0, "high": 11.0, "label": "c*"} | changes
    return heat(*GRID, values, **options)


GRID = np.array([0.0, 0.5, 1.0, 1.5]), np.array([1.0, 2.0, 3.0])
PLACES = "one = [0.3, 1.0]\ntwo = [0.3, 1.0]"
EDGE = np.array([0.0, 0.5, 1.0]), np.array([1.0, 1.55, 1.86])


def a_slider(values=(1.0, 2.0, 3.5), label="sigma_w", alt="a line"):
    return slider(lambda v: lines(X, [v * X]), values, label, alt)


def an_atlas():
    with TemporaryDirectory() as folder:
        book = Path(folder)
        (book / "map.toml").write_text(PLACES, "utf-8")
        for name, title in ("one", "Order & <chaos>"), ("two", "More"):
            cells = [{"cell_type": "markdown", "source": [f"# {title}"]}]
            (book / f"{name}.ipynb").write_text(json.dumps({"cells": cells}), "utf-8")
        return atlas(EDGE, book)


FIGURES = {
    "against simulation": lambda: panels(panel(), panel(diagonal=True)).data,
    "maps": lambda: panels(a_map(edge=EDGE), a_map()).data,
    "slider": lambda: a_slider().html,
    "atlas": lambda: an_atlas().html,
}


@cache
def first(name):
    """One of them as it was drawn before anything else."""
    return FIGURES[name]()


class Page(HTMLParser):
    """Ids, references to ids, and everything else an element says."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.uses, self.elements = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name, value in attrs:
            if name in ("href", "xlink:href") and (value or "").startswith("#"):
                self.uses.add(value[1:])
            self.uses |= set(re.findall(r"url\(#([^)]+)\)", value or ""))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


# bytes

@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_bytes_each_time(name):
    assert first(name) and FIGURES[name]() == first(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_does_not_depend_on_a_readers_own_settings(name):
    """A matplotlibrc in the home folder, say, or the notebook's back end."""
    expected = first(name)
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "lines.linewidth": 9}):
        assert FIGURES[name]() == expected


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_leaves_the_settings_and_pyplot_alone(name):
    before = dict(matplotlib.rcParams)
    FIGURES[name]()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ["against simulation", "slider", "atlas"])
def test_nothing_is_fetched_from_outside(name):
    text = first(name)
    addresses = set(re.findall(r"https?://[^\"'\s<>)]+", text))
    assert all(a.startswith("http://www.w3.org/") for a in addresses)  # names of formats
    page = Page(text)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "image", "iframe"}
    for _, attributes in page.elements:
        for key in ("href", "xlink:href", "src"):
            value = attributes.get(key, "#")
            assert value.startswith("#") or value in ("one.html", "two.html")


@pytest.mark.parametrize("name", ["against simulation", "slider", "atlas"])
def test_every_id_is_unique_and_every_reference_has_its_target(name):
    page = Page(first(name))
    assert len(set(page.ids)) == len(page.ids)
    assert page.uses <= set(page.ids)


def test_two_sliders_on_a_page_have_ids_of_their_own():
    """But for letters, which are equal where they are named equally."""
    pages = [Page(a_slider(label=label).html) for label in ("sigma_w", "sigma_b")]
    own = [{i for i in page.ids if not re.fullmatch(r"[A-Z][A-Za-z]+-[0-9a-f]+", i)}
           for page in pages]
    assert own[0] and not own[0] & own[1]


# pictures

def test_a_vector_picture_shows_itself_as_svg():
    picture = panel()
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml"}
    assert bundle["text/plain"] == repr(picture) == "<picture, image/svg+xml>"
    assert "<svg" in bundle["image/svg+xml"] and "<metadata>" not in bundle["image/svg+xml"]


def test_a_map_shows_itself_as_png():
    bundle = a_map()._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.format == "PNG" and image.mode == "P" and min(image.size) > 300
    assert len(np.unique(np.asarray(image))) > 12


def test_a_map_has_y_upward_and_marks_what_is_missing():
    values = np.zeros((3, 4))
    values[2, 0] = 11.0  # largest y, smallest x: upper left
    values[0, 3] = np.nan
    image = Image.open(io.BytesIO(base64.b64decode(a_map(values).data)))
    pixels = np.asarray(image.convert("RGB")).astype(int)
    yellow = np.argwhere(np.abs(pixels - [253, 231, 37]).sum(axis=-1) < 12)
    grey = np.argwhere(np.abs(pixels - 204).sum(axis=-1) < 6)
    purple = np.argwhere(np.abs(pixels - [68, 1, 84]).sum(axis=-1) < 12)
    left = purple[:, 1].max() - 5  # the bar of colours lies to the right of the map
    assert np.median(yellow[:, 0]) < np.median(grey[:, 0])
    assert np.median(yellow[yellow[:, 1] < left, 1]) < np.median(grey[:, 1])


def draw_curve(top, strip, one):
    box = lines(X, {"theory": one}, residuals=True).panels[0]
    box.draw(top)
    box.strip(strip)


def test_the_strip_holds_residuals_in_standard_errors():
    """Checked on the axes, before they become bytes."""
    from matplotlib.figure import Figure

    top, strip = Figure().subplots(2, 1)
    c = curve()
    draw_curve(top, strip, c)
    drawn = strip.lines[0].get_xydata()[::3]  # each point is a stroke from itself to itself
    error = c.seen.std(axis=0, ddof=1) / np.sqrt(12)
    assert np.allclose(drawn, np.stack([c.at, (c.seen.mean(axis=0) - c.expected) / error], 1))
    band = top.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(25.2) and band[:, 1].min() == pytest.approx(-0.2)
    (grey,) = strip.patches  # Student's t with 11 degrees of freedom
    assert grey.get_y() == pytest.approx(-2.201, abs=1e-3)


def test_points_without_spread_have_no_residual():
    from matplotlib.figure import Figure

    top, strip = Figure().subplots(2, 1)
    exact = np.tile(curve().at ** 2, (12, 1))
    exact[:, 1:] += np.random.default_rng(0).standard_normal((12, 2))
    draw_curve(top, strip, curve(seen=exact))
    assert strip.lines[0].get_xdata()[::3].tolist() == [2.0, 3.0]


def test_a_line_alone_and_marks_are_drawn():
    picture = panel(Curve(y=X, color=figures.RED), X**2, stars=[(1.0, 1.0), (2.0, 2.0)])
    for color in (figures.RED, figures.GREEN, figures.BLUE):
        assert color.lower() in picture.data.lower()


def on_axes(picture):
    """The axes of a picture, before they become bytes."""
    with figures.style(picture.changes):
        return figures.draw(picture).axes


@pytest.mark.parametrize("y, told", [(np.nan, ["nothing to draw"]), (1.0, [])])
def test_a_panel_says_that_there_is_nothing_to_draw(y, told):
    for one in (lines(np.arange(3.0), [np.full(3, y)], levels=[2.0]), a_map(np.full((3, 4), y))):
        assert [text.get_text() for text in on_axes(one)[0].texts] == told


def test_a_logarithmic_axis_ends_before_the_floats_do():
    with np.errstate(over="ignore"):
        axes = on_axes(lines(np.arange(3.0), [np.geomspace(1e-300, 1e300, 3)], log="y"))[0]
    assert axes.get_ylim() == pytest.approx((1e-200, 1e200))


def test_error_bars_are_two_errors_of_the_estimate():
    seen = mean(np.random.default_rng(0).standard_normal((12, 3)))
    (axes,) = on_axes(lines([1, 2, 3], {"a": seen}))
    _, _, (bars,) = axes.containers[0]
    low, high = np.array([segment[:, 1] for segment in bars.get_segments()]).T
    assert np.allclose(high - low, 4 * seen.error) and np.allclose(high + low, 2 * seen.value)


def test_samples_without_a_line_are_joined_at_their_means():
    """Also where a place has no number, or one network, or where an estimate has no error."""
    samples = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, np.nan]])
    (axes,) = on_axes(lines([1, 2, 3], {"a": samples}))
    assert np.allclose(axes.lines[-1].get_ydata(), [2.0, 3.0, np.nan], equal_nan=True)
    for one in (samples[:1], Estimate([1.0, 2.0, 3.0], np.nan), samples * np.nan):
        assert lines([1, 2, 3], [one]).data


def test_names_that_begin_with_a_dash_below_are_not_in_the_legend():
    (axes,) = on_axes(lines(X, {"shown": X, "_hidden": X**2, "too": Curve(seen=[X])}))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["shown", "too"]
    (axes,) = on_axes(lines(X, [X, X]))
    assert axes.get_legend() is None


def test_logarithmic_axes_have_plain_numbers():
    (axes,) = on_axes(lines([0.5, 1, 2, 6], [[1.0, 10, 1e5, 1e6]], log="xy"))
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert {"0.5", "1", "2", "5"} <= {text.get_text() for text in axes.get_xticklabels()}
    assert "$10^{5}$" in {text.get_text() for text in axes.get_yticklabels()}


def test_a_few_places_on_a_logarithmic_axis_are_all_named():
    told = {"a": Curve(y=X + 1, x=X + 32, at=[32, 37, 52], seen=np.ones((2, 3)))}
    (axes,) = on_axes(lines(X, told, log="x"))
    assert [text.get_text() for text in axes.get_xticklabels()] == ["32", "37", "52"]


def test_a_range_is_grey_as_far_as_the_axes_reach():
    for low, high in ((2.0, np.inf), (-np.inf, 3.0), (3.0, 3.0)):
        (axes,) = on_axes(lines(X, [X], span=(low, high), levels=[1.0]))
        box, reach = axes.patches[0].get_extents().transformed(axes.transData.inverted()),\
            axes.get_ylim()
        assert np.allclose([box.y0, box.y1], np.clip((low, high), *reach)) and reach[1] < 6


def test_panels_share_axes_and_leave_places_empty():
    one = lines(X, [X], xlabel="x", ylabel="y", title="own")
    axes = on_axes(panels(one, None, one, one, columns=2, share="xy", titles=["A", "B"],
                          rows=["first", "second"], labels={"ylim": (0, 9)}))
    assert [one.get_title() for one in axes] == ["A", "own", "own"]
    assert [one.get_ylabel() for one in axes] == ["first", "second", ""]
    assert [one.get_xlabel() for one in axes] == ["", "x", "x"]
    assert {one.get_ylim() for one in axes} == {(0, 9)}


def test_maps_that_mean_the_same_have_one_bar_of_colours():
    assert len(on_axes(panels(a_map(), a_map()))) == 3
    assert len(on_axes(panels(a_map(), a_map(high=12.0)))) == 4
    assert len(on_axes(panels(a_map(label=None)))) == 1


@pytest.mark.parametrize("colors", ["viridis", "plasma"])
def test_shades_get_lighter(colors):
    weights = 0.21, 0.72, 0.07  # of red, green and blue, to the eye
    shown = [np.dot(weights, matplotlib.colors.to_rgb(color)) for color in shades(6, colors)]
    assert len(set(shown)) == 6 and shown == sorted(shown)


# theory against networks

def profiles(depth=8, starts=(4.0, 8.0), sigmas=(1.3, 2.5, 4.0)):
    """Lengths that are halved and shifted by each layer, and 30 networks with their scatter."""
    rng, scale = np.random.default_rng(0), np.array(sigmas)
    fine = np.linspace(0.0, 16.0, 17)
    q = [np.broadcast_to(fine[:, None], (17, len(sigmas)))]
    for _ in range(depth - 1):
        q.append(0.5 * q[-1] + scale)
    q = np.array(q)
    told = Profile("theory", np.arange(1, depth + 1), {"q": q, "sd_q": np.full(q.shape, 0.1)},
                   x=fine, sigma={"sigma_w": scale, "sigma_b": np.float64(0.3)})
    some = q[:, np.searchsorted(fine, starts)]
    noise = 0.1 * rng.standard_normal((30, *some.shape))
    noise[:, 0] = 0.0  # the first lengths are exactly those asked for
    return told, Profile("networks", told.layer, {"q": some + noise}, 30, np.array(starts))


def test_compare_draws_a_colour_a_sigma_and_strays_in_standard_errors():
    top, strip = on_axes(compare(*profiles(), "q"))
    names = [text.get_text() for text in top.get_legend().get_texts()]
    assert names == [rf"$\sigma_w$ = {s:g}" for s in (1.3, 2.5, 4.0)]
    lines_drawn = [one for one in top.lines if len(one.get_xdata()) == 8 and one.get_ls() == "-"]
    assert [one.get_color() for one in lines_drawn] == [
        color for color in figures.PALETTE[:3] for _ in range(2)]
    assert len(top.collections) == 6 and strip.get_xlabel() == "layer"
    strays = np.concatenate([one.get_ydata()[::3] for one in strip.lines[:6]])
    assert len(strays) == 6 * 7 and 0.7 < np.std(strays) < 1.3


def test_compare_draws_a_map_with_its_fixed_points():
    told, seen = profiles()
    top, strip = on_axes(compare(told, seen, "q", over="map", stars=[2.6, 5.0, 8.0]))
    x, y = top.lines[0].get_xydata().T
    assert np.allclose(y, 0.5 * x + 1.3) and len(x) == 17
    rings = [one.get_xydata() for one in top.lines if one.get_marker() == "o"]
    assert np.allclose([one[:, 0] for one in rings], [4.0, 8.0])
    assert [one.get_xydata()[0].tolist() for one in top.lines if one.get_marker() == "*"] \
        == [[2.6, 2.6], [5.0, 5.0], [8.0, 8.0]]
    assert strip.get_xlabel() == "$q$" and top.get_ylabel() == "$q$ one layer later"


def test_compare_over_points_and_with_chosen_rings():
    told, seen = profiles()
    top, _ = on_axes(compare(told, seen, "q", over="point", layer=3, xlabel="start"))
    assert np.allclose(top.lines[0].get_ydata(), told.q[2, :, 0])
    top, _ = on_axes(compare(told, seen, "q", rings=[1, 5]))
    assert top.lines[2].get_xdata().tolist() == [1, 5]


def test_compare_gives_points_colours_where_there_is_one_sigma():
    told, seen = (Profile(one.label, one.layer, {name: array[..., 1] for name, array in
                                                 one.fields.items()}, one.networks, one.x)
                  for one in profiles())
    top, _ = on_axes(compare(told, seen, "q", names=["four", "eight"], log="y"))
    assert [text.get_text() for text in top.get_legend().get_texts()] == ["four", "eight"]
    assert top.lines[0].get_color() == figures.BLUE and top.get_yscale() == "log"


def test_a_few_points_of_one_sigma_are_named_by_where_they_start():
    rows = np.linspace(1.0, 2.0, 6).reshape(3, 2)
    for fields, names in (({"q": rows}, ["$q^1$ = 0.2", "$q^1$ = 0.5"]),
                          ({"q": rows, "c": rows}, ["$c^1$ = 0.2", "$c^1$ = 0.5"]),
                          ({"q": rows, "metric": rows}, [])):
        told = Profile("theory", np.arange(1, 4), fields, x=np.array([0.2, 0.5]))
        seen = Profile("networks", told.layer, {name: one + np.zeros((4, 1, 1))
                                                for name, one in fields.items()}, 4, told.x)
        top, _ = on_axes(compare(told, seen, "q"))
        assert [one.get_text() for one in (
            top.get_legend().get_texts() if names else ())] == names



def test_compare_refuses_what_theory_did_not_tell_of():
    told, seen = profiles()
    with pytest.raises(ValueError, match="told must have the points of seen"):
        compare(told, Profile("n", seen.layer, seen.fields, 30, np.array([4.0, 8.5])), "q")
    with pytest.raises(AttributeError, match="this profile has no 'c'"):
        compare(told, seen, "c")


# refusals

def test_no_panels_are_refused():
    for nothing in ([], [None]):
        with pytest.raises(ValueError, match="panels must hold at least one"):
            panels(*nothing)
    with pytest.raises(ValueError, match="curves must hold at least one"):
        lines(X, {})


@pytest.mark.parametrize("fault, told", [
    ({"y": X[:-1]}, r"y of 'theory' must have shape \(21,\), got \(20,\)"),
    ({"seen": np.ones((12, 4))}, r"seen of 'theory' must have shape \(3,\), got \(4,\)"),
    ({"seen": Estimate(np.ones(4), 0.1)}, r"seen of 'theory' must have shape \(3,\), got \(4,\)"),
    ({"expected": np.ones(4)}, r"expected of 'theory' must have shape \(3,\), got \(4,\)"),
])
def test_arrays_that_do_not_match_are_refused(fault, told):
    with pytest.raises(ValueError, match=told):
        lines(X, {"theory": curve(**fault)})


@pytest.mark.parametrize("values", [np.zeros((4, 3)), np.zeros(12), np.zeros((3, 4, 1)), 0.0])
def test_a_map_of_the_wrong_shape_is_refused(values):
    with pytest.raises(ValueError, match=r"values must have shape \(y, x\) = \(3, 4\), got"):
        a_map(values)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_a_slider_needs_two_stops(values):
    with pytest.raises(ValueError, match="values must hold at least two"):
        a_slider(values)


# the slider

def test_a_slider_is_labelled_and_starts_in_the_middle():
    page = Page(a_slider().html)
    [group], [label], [knob] = page.all("div")[:1], page.all("label"), page.all("input")
    [output] = page.all("output")
    assert group["role"] == "group" and group["aria-label"] == "a line"
    assert label["for"] == knob["id"] == output["for"]
    assert (knob["type"], knob["min"], knob["max"], knob["step"], knob["value"]) \
        == ("range", "0", "2", "1", "1")
    frames = [a for a in page.all("div") if a.get("class") == "frame"]
    assert [a["data-value"] for a in frames] == ["1", "2", "3.5"]
    assert ["hidden" in a for a in frames] == [True, False, True]
    drawings = page.all("svg")
    assert len(drawings) == 4 and all(a["aria-hidden"] == "true" for a in drawings)


def test_letters_are_stored_once_for_all_frames():
    text = a_slider().html
    letters = re.findall(r"""<path id=["']([A-Z][A-Za-z]+-[0-9a-f]+)["']""", text)
    assert letters and len(letters) == len(set(letters))
    assert text.index("<path id=") < text.index('class="frame"')


def test_frames_stand_where_the_first_stands_if_their_limits_are_fixed():
    def boxes(**limits):
        html = slider(lambda v: lines(X, [10**v * X]), [0, 3, 6], "k", "a line", **limits).html
        return {re.findall(r"d='(M [^']*)' style='fill: #ffffff'", frame)[1]  # within the page
                for frame in html.split('class="frame"')[1:]}

    assert len(boxes(ylim=(0, 9))) == 1 and len(boxes()) == 3, "a wide label is cut"


@pytest.mark.parametrize("text", ['a "quoted" <b>&amp; more', "it's", "</svg><script>alert(1)"])
def test_words_are_escaped(text):
    page = Page(a_slider(label=text, alt=text).html)
    assert page.all("div")[0]["aria-label"] == text  # as a browser reads it
    assert not page.all("script") and not page.all("b")
    assert [a["id"] for a in page.all("input")] == [page.all("label")[0]["for"]]


def test_frames_in_pixels_say_what_they_show_and_keep_their_colours():
    text = slider(lambda v: heat(X, X, v * np.outer(X, X)), [1.0, 2.0, 3.0], "steps", "a map").html
    told = re.findall(r'<img class="keep-colors" width="442" alt="(.*?)" src="data:image/', text)
    assert told == ["steps = 1", "steps = 2", "steps = 3"] and text.count("<svg") == 1


def test_a_slider_shows_itself_as_html_and_says_what_it_is_in_text():
    one = a_slider()
    assert repr(one) == "<slider over sigma_w, 1 to 3.5>"
    assert one._repr_mimebundle_() == {"text/plain": repr(one), "text/html": one.html}


# the map of the book

def test_the_atlas_lists_its_chapters_with_their_links():
    fragment = an_atlas()
    assert '<ol><li><a href="one.html">Order &amp; &lt;chaos&gt;</a></li>' in fragment.html
    assert repr(fragment) == "<map of 2 chapters>"
    drawing = Page(fragment.html).all("svg")[0]
    assert drawing["role"] == "img" and "numbered point for each chapter" in drawing["aria-label"]
    assert len(Page(fragment.html).all("a")) == 2  # each once in the order of tabs


def test_single_networks_are_seen_at_a_single_place():
    seen = np.array([[1.0], [2.0], [4.0]])
    with_dots, without = (lines([3.0], [seen], dots=dots, xlim=(2, 4), ylim=(0, 5), vector=False)
                          for dots in (8, 0))
    assert with_dots.data != without.data


# Figures for elsewhere

def kept(folder, picture):
    """The arrays that are written for a picture."""
    keep({"x": picture, "none": None, "text": "no picture"}, str(folder))
    assert sorted(file.name for file in folder.iterdir()) == ["x.npz", "x.pdf", "x.svg"]
    with np.load(folder / "x.npz") as file:
        return {key: file[key] for key in file.files}


def test_what_curves_draw_is_kept_by_their_names(tmp_path):
    errors = Estimate(np.array([1.0, 2.0]), np.array([0.1, 0.3]), 9, "mean")
    told = kept(tmp_path, panels(panel(), lines([3.0, 4.0], {"$c_1$": errors, "_b": [5, 6]},
                                                levels=[5.5], title="two")))
    np.testing.assert_array_equal(told["panel 1/theory/x"], X)
    np.testing.assert_array_equal(told["panel 1/theory/y"], X**2)
    samples = curve().seen
    np.testing.assert_array_equal(told["panel 1/theory/samples"], samples)
    np.testing.assert_allclose(told["panel 1/theory/seen"], samples.mean(axis=0))
    np.testing.assert_allclose(told["panel 1/theory/error"], samples.std(axis=0, ddof=1) / 12**0.5)
    np.testing.assert_array_equal(told["panel 1/theory/sd"], curve().sd)
    np.testing.assert_array_equal(told["panel 2/c_1/at"], [3, 4])
    np.testing.assert_allclose(told["panel 2/c_1/error"], [0.1, 0.3])
    assert "panel 2/c_1/samples" not in told, "an estimate has none"
    np.testing.assert_array_equal(told["panel 2/curve b/y"], [5, 6])
    assert told["panel 2/title"] == "two" and told["panel 1/ylabel"] == "q"
    assert not [key for key in told if "5.5" in key], "a level is no curve"


@pytest.mark.parametrize("down", [False, True])
def test_images_are_kept_with_their_coordinates(tmp_path, down):
    told = kept(tmp_path, a_map(down=down))
    np.testing.assert_array_equal(told["panel 1/x"], GRID[0])
    np.testing.assert_array_equal(told["panel 1/y"], GRID[1])
    np.testing.assert_array_equal(told["panel 1/values"], np.arange(12.0).reshape(3, 4))
    assert not [key for key in told if key.startswith("panel 2")], "the bar of colours is no panel"
    assert not {"panel 1/edge", "panel 1/points"} & set(told)


def test_what_is_marked_on_a_map_is_kept(tmp_path):
    edge, points = [[0.0, 1.0], [1.0, 1.4]], [(0.3, 1.3), (0.3, 2.5)]
    told = kept(tmp_path, a_map(edge=edge, points=points))
    np.testing.assert_array_equal(told["panel 1/edge"], edge)
    np.testing.assert_array_equal(told["panel 1/points"], points)


def test_points_bars_and_paths_are_kept(tmp_path):
    at = np.random.default_rng(1).standard_normal((9, 2))
    told = kept(tmp_path / "a", cloud(at, np.arange(9.0), 4.0))
    np.testing.assert_array_equal(told["panel 1/points"], at)
    np.testing.assert_array_equal(told["panel 1/values"], np.arange(9))
    told = kept(tmp_path / "b", bars(["one", "other"], [3.0, 4.0], ["one"]))
    assert [*told["panel 1/names"]] == ["one", "other"] and [*told["panel 1/values"]] == [3, 4]
    around = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    told = kept(tmp_path / "c", loop(np.stack([np.cos(around), np.sin(around), 0 * around], 1),
                                     [0.5, 0.5]))
    assert told["panel 1/points"].shape == (40, 3), "three coordinates, and no perspective"
    np.testing.assert_array_equal(told["panel 1/shares"], [0.5, 0.5])
    told = kept(tmp_path / "d", barcode([(np.array([0.2, 0.4]), True)], 1.0))
    np.testing.assert_array_equal(told["panel 1/row 1/changes"], [0.2, 0.4])
