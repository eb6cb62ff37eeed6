"""Figures: the same bytes each time, widgets that need nothing from outside, shapes refused."""
import base64
import io
import re
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
from PIL import Image

from lib.report import show

X = np.linspace(0.0, 5.0, 21)


def curve(**changes):
    at = np.array([1.0, 2.0, 3.0])
    samples = at**2 + np.random.default_rng(0).standard_normal((12, 3)) * 0.1
    return show.Curve("theory", show.BLUE, X, X**2, at, at**2, samples, np.full(3, 0.1))._replace(
        **changes)


def panel(*curves, **changes):
    return show.Panel("A <title> & more", "layer", "q", curves or (curve(),))._replace(**changes)


def a_map(values=None, **changes):
    values = np.arange(12.0).reshape(3, 4) if values is None else values
    return show.Map("c*", values, 0.0, 11.0, "c*")._replace(**changes)


GRID = np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.5, 1.0, 1.5])
PLACES = ({"title": "Order & <chaos>", "at": (0.3, 1.3), "url": "one.html"},
          {"title": "Later", "at": (0.3, 2.5), "url": ""})
EDGE = np.array([0.0, 0.5, 1.0]), np.array([1.0, 1.55, 1.86])


def a_slider(values=(1.0, 2.0, 3.5), label="sigma_w", alt="a line"):
    return show.slider(lambda axes, v: axes.plot(X, v * X), values, label, alt)


FIGURES = {
    "against simulation": lambda: show.against_simulation([panel(), panel(diagonal=True)]).data,
    "maps": lambda: show.maps(*GRID, [a_map(), a_map()], edge=EDGE).data,
    "slider": lambda: a_slider().html(),
    "atlas": lambda: show.atlas(EDGE, PLACES).html,
}


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

@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_bytes_each_time(name):
    first = FIGURES[name]()
    assert first and FIGURES[name]() == first


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_does_not_depend_on_a_readers_own_settings(name):
    """A matplotlibrc in the home folder, say, or the notebook's back end."""
    first = FIGURES[name]()
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "lines.linewidth": 9}):
        assert FIGURES[name]() == first


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_leaves_the_settings_and_pyplot_alone(name):
    before = dict(matplotlib.rcParams)
    FIGURES[name]()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ["against simulation", "slider", "atlas"])
def test_nothing_is_fetched_from_outside(name):
    text = FIGURES[name]()
    addresses = set(re.findall(r"https?://[^\"'\s<>)]+", text))
    assert all(a.startswith("http://www.w3.org/") for a in addresses)  # names of formats
    page = Page(text)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "image", "iframe"}
    for _, attributes in page.elements:
        for key in ("href", "xlink:href", "src"):
            value = attributes.get(key, "#")
            assert value.startswith("#") or value == "one.html"


@pytest.mark.parametrize("name", ["against simulation", "slider", "atlas"])
def test_every_id_is_unique_and_every_reference_has_its_target(name):
    page = Page(FIGURES[name]())
    assert len(set(page.ids)) == len(page.ids)
    assert page.uses <= set(page.ids)


def test_two_sliders_on_a_page_have_ids_of_their_own():
    """But for letters, which are equal where they are named equally."""
    pages = [Page(a_slider(label=label).html()) for label in ("sigma_w", "sigma_b")]
    own = [{i for i in page.ids if not re.fullmatch(r"[A-Z][A-Za-z]+-[0-9a-f]+", i)}
           for page in pages]
    assert own[0] and not own[0] & own[1]


# pictures

def test_a_vector_picture_shows_itself_as_svg():
    picture = show.against_simulation([panel()])
    bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml"}
    assert bundle["text/plain"] == repr(picture) == "<picture, image/svg+xml>"
    assert "<svg" in bundle["image/svg+xml"] and "<metadata>" not in bundle["image/svg+xml"]


def test_a_map_shows_itself_as_png():
    bundle = show.maps(*GRID, [a_map()])._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    image = Image.open(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.format == "PNG" and image.mode == "P" and min(image.size) > 300
    assert len(np.unique(np.asarray(image))) > 12


def test_a_map_has_sigma_w_upward_and_marks_what_is_missing():
    values = np.zeros((3, 4))
    values[2, 0] = 11.0  # largest sigma_w, smallest sigma_b: upper left
    values[0, 3] = np.nan
    image = Image.open(io.BytesIO(base64.b64decode(show.maps(*GRID, [a_map(values)]).data)))
    pixels = np.asarray(image.convert("RGB")).astype(int)
    yellow = np.argwhere(np.abs(pixels - [253, 231, 37]).sum(axis=-1) < 12)
    grey = np.argwhere(np.abs(pixels - 204).sum(axis=-1) < 6)
    purple = np.argwhere(np.abs(pixels - [68, 1, 84]).sum(axis=-1) < 12)
    left = purple[:, 1].max() - 5  # the bar of colours lies to the right of the map
    assert np.median(yellow[:, 0]) < np.median(grey[:, 0])
    assert np.median(yellow[yellow[:, 1] < left, 1]) < np.median(grey[:, 1])


def test_the_strip_holds_residuals_in_standard_errors():
    """Checked on the axes, before they become bytes."""
    from matplotlib.figure import Figure

    top, strip = Figure().subplots(2, 1)
    c = curve()
    show._draw_curve(top, strip, c, 8)
    drawn = strip.lines[0].get_xydata()[::3]  # each point is a stroke from itself to itself
    error = c.samples.std(axis=0, ddof=1) / np.sqrt(12)
    assert np.allclose(drawn, np.stack([c.at, (c.samples.mean(axis=0) - c.expected) / error], 1))
    band = top.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(9.2) and band[:, 1].min() == pytest.approx(0.8)


def test_points_without_spread_have_no_residual():
    from matplotlib.figure import Figure

    top, strip = Figure().subplots(2, 1)
    exact = np.tile(curve().at ** 2, (12, 1))
    exact[:, 1:] += np.random.default_rng(0).standard_normal((12, 2))
    show._draw_curve(top, strip, curve(samples=exact), 8)
    assert strip.lines[0].get_xdata()[::3].tolist() == [2.0, 3.0]


def test_a_line_alone_and_marks_are_drawn():
    line = show.Curve("only theory", show.RED, X, X)
    picture = show.against_simulation([panel(line, marks=((2.0, 2.0, show.GREEN),))])
    assert show.RED.lower() in picture.data.lower() and show.GREEN.lower() in picture.data.lower()


# refusals

def test_no_panels_are_refused():
    with pytest.raises(ValueError, match="panels must hold at least one"):
        show.against_simulation([])


@pytest.mark.parametrize("values", [np.zeros((4, 3)), np.zeros(12), np.zeros((3, 4, 1)), 0.0])
def test_a_map_of_the_wrong_shape_is_refused(values):
    with pytest.raises(ValueError, match=r"values of 'c\*' must have shape \(sigma_w, sigma_b\) = "
                                         r"\(3, 4\), got"):
        show.maps(*GRID, [a_map(), a_map(values)])


@pytest.mark.parametrize("values", [[], [1.0]])
def test_a_slider_needs_two_stops(values):
    with pytest.raises(ValueError, match="values must hold at least two"):
        a_slider(values)


# the slider

def test_a_slider_is_labelled_and_starts_in_the_middle():
    page = Page(a_slider().html())
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
    text = a_slider().html()
    letters = re.findall(r"""<path id=["']([A-Z][A-Za-z]+-[0-9a-f]+)["']""", text)
    assert letters and len(letters) == len(set(letters))
    assert text.index("<path id=") < text.index('class="frame"')


@pytest.mark.parametrize("text", ['a "quoted" <b>&amp; more', "it's", "</svg><script>alert(1)"])
def test_words_are_escaped(text):
    page = Page(a_slider(label=text, alt=text).html())
    assert page.all("div")[0]["aria-label"] == text  # as a browser reads it
    assert not page.all("script") and not page.all("b")
    assert [a["id"] for a in page.all("input")] == [page.all("label")[0]["for"]]


def test_a_slider_shows_itself_as_html_and_says_what_it_is_in_text():
    one = a_slider()
    assert repr(one) == "<slider over sigma_w, 1 to 3.5>"
    assert one._repr_mimebundle_() == {"text/plain": repr(one), "text/html": one.html()}


# the map of the book

def test_the_atlas_lists_its_chapters_with_links_to_those_that_exist():
    fragment = show.atlas(EDGE, PLACES)
    assert "<ol><li><a href=\"one.html\">Order &amp; &lt;chaos&gt;</a></li>" in fragment.html
    assert "<li>Later (to come)</li>" in fragment.html
    assert repr(fragment) == "<map of 2 chapters>"
    drawing = Page(fragment.html).all("svg")[0]
    assert drawing["role"] == "img" and "numbered point for each chapter" in drawing["aria-label"]
    linked = [a for a in Page(fragment.html).all("a") if "one.html" in a.values()]
    assert len(linked) >= 2  # in the picture too
