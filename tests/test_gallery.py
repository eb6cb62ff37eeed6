"""Stems and bars: what is drawn where, the same bytes each time, what is refused."""
import re

import numpy as np
import pytest

from lib.report import figures as show
from lib.report.figures import draw, panels, style
from lib.report.gallery import (Stroke, barcode, bars, cloud, dots, field, loop, plane, sketch,
                                stems, tiling)

VALUES = np.array([1.0, -0.1, 0.0, 0.01, 1e-9])


def test_stems_tell_signs_and_zeros_apart():
    one, two = stems(VALUES, title="one", xlabel="k"), stems(VALUES[:2], title="two")
    drawn = panels(one, two).data
    assert panels(one, two).data == drawn
    blue, red = show.BLUE.lower(), show.RED.lower()
    assert drawn.lower().count(f"stroke: {blue}") > drawn.lower().count(f"stroke: {red}") > 0
    none = stems(np.abs(VALUES)).data
    assert not re.search(red, none.lower())


def test_a_small_value_is_no_zero():
    drawn = [stems([1.0, last]).data for last in (0.0, 1e-15, 1e-9, -1e-9)]
    assert drawn[0] == drawn[1] and len(set(drawn)) == 3


def test_bars_mark_and_refuse():
    drawn = panels(bars(["a", "b"], [1.0, 2.0], ["b"]), bars(["a", "b"], [np.nan, 1.0], ["b"]))
    assert drawn.data.lower().count(show.RED.lower()) == 2
    assert show.RED.lower() not in bars(["a"], [1.0]).data.lower()
    with pytest.raises(ValueError, match="values must be 2, one for each name, got 1"):
        bars(["a", "b"], [1.0])


def test_dots_are_drawn_and_refused():
    values = np.arange(1.0, 7.0).reshape(2, 3)
    one = dots(["a", "b"], values, log=True, marked=["b"])
    assert one.mime == "image/png"
    assert one.data == dots(["a", "b"], values, log=True, marked=["b"]).data
    assert one.data != dots(["a", "b"], values).data
    with style({}):  # labels of a short logarithmic axis are plain numbers
        axes = draw(dots(["a", "b"], values, log=True)).axes[0]
        told = [label.get_text() for label in axes.get_yticklabels()]
    assert {"1", "2", "5"} < set(told) and not any("times" in one for one in told)
    with pytest.raises(ValueError, match="must be 2, one for each name, got 3"):
        dots(["a", "b"], values.T)


TURN = np.linspace(0, 2 * np.pi, 40, endpoint=False)
RING = np.stack([np.cos(TURN), np.sin(TURN), 0.3 * np.sin(3 * TURN)], axis=1)
GRID = np.linspace(-1, 1, 5)
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
HALVES = [SQUARE * [0.5, 1.0], SQUARE * [0.5, 1.0] + [0.5, 0.0]]
DRAWN = {
    "loop": lambda: loop(RING, [0.5, 0.3], title="a"),
    "plane": lambda: plane(RING[:, :2], xlabel="note"),
    "sketch": lambda: sketch(Stroke(x=[0, 1], y=[0, 1], style="->"),
                             Stroke(x=[0, 1], y=[1, 0])),
    "field": lambda: field(GRID, np.outer(GRID, GRID), 1.0, at=SQUARE, along=SQUARE,
                           boundary=np.outer(GRID, GRID)),
    "cloud": lambda: cloud(SQUARE, np.arange(4.0), 3.0, line=SQUARE, names=[(0.5, 0.5, "a")]),
    "tiling": lambda: tiling([[SQUARE], HALVES], [1.0, 2.0]),
    "barcode": lambda: barcode([([1.0, 2.0], True), ([], False)], 3.0),
}


def test_a_loop_has_no_gaps():
    """Each piece ends where the next one begins, also where the farther ones are drawn first."""
    with style({}):
        [pieces] = draw(loop(RING)).axes[0].collections
    firsts, lasts = ({tuple(piece[at]) for piece in pieces.get_segments()} for at in (0, -1))
    assert len(firsts) > 10 and firsts == lasts


def test_a_barcode_is_black_where_the_sign_is_positive():
    rows = [([1.0, 2.0, 4.0], True), ([3.0], False), ([], True), ([], False)]
    with style({}):
        [stripes] = draw(barcode(rows, 5.0)).axes[0].patches
    corners = stripes.get_path().vertices.reshape(-1, 5, 2)  # each closed
    assert corners[:, [0, 1], 0].tolist() == [[0, 1], [2, 4], [3, 5], [0, 5]]
    assert corners[:, [0, 2], 1].mean(axis=1) == pytest.approx([1, 1, 2, 3])
    assert not draw(barcode([([], False)], 1.0)).axes[0].patches


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_is_the_same_bytes_each_time_alone_and_in_a_table(name):
    assert DRAWN[name]().data == DRAWN[name]().data
    one = DRAWN[name]()
    table = panels(one, one, None, one, columns=2, titles=["A", "B"], rows=["1", "2"])
    with style(table.changes):
        assert [axes.get_title() for axes in draw(table).axes[:2]] == ["A", "B"]
    assert table.data == panels(one, one, None, one, columns=2, titles=["A", "B"],
                                rows=["1", "2"]).data
