"""Stems and bars: what is drawn where, the same bytes each time, what is refused."""
import re

import numpy as np
import pytest

from lib.report import show
from lib.report.pictures_spectra import bars, dots, stems

VALUES = np.array([1.0, -0.1, 0.0, 0.01, 1e-9])


def test_stems_tell_signs_and_zeros_apart():
    drawn = stems([("one", VALUES), ("two", VALUES[:2])], "k", "a").data
    assert stems([("one", VALUES), ("two", VALUES[:2])], "k", "a").data == drawn
    blue, red = show.BLUE.lower(), show.RED.lower()
    assert drawn.lower().count(f"stroke: {blue}") > drawn.lower().count(f"stroke: {red}") > 0
    none = stems([("one", np.abs(VALUES))], "k", "a").data
    assert not re.search(red, none.lower())


def test_a_small_value_is_no_zero():
    drawn = [stems([("one", [1.0, last])], "k", "a").data for last in (0.0, 1e-15, 1e-9, -1e-9)]
    assert drawn[0] == drawn[1] and len(set(drawn)) == 3


def test_bars_mark_and_refuse():
    drawn = bars(["a", "b"], [("n", [1.0, 2.0]), ("m", [np.nan, 1.0])], ["b"]).data.lower()
    assert drawn.count(show.RED.lower()) == 2
    assert show.RED.lower() not in bars(["a"], [("n", [1.0])]).data.lower()
    with pytest.raises(ValueError, match="values of 'n'"):
        bars(["a", "b"], [("n", [1.0])])
    with pytest.raises(ValueError, match="panels"):
        stems([], "k", "a")


def test_dots_are_drawn_and_refused():
    values = np.arange(1.0, 7.0).reshape(2, 3)
    one = dots(["a", "b"], [("n", values)], "y", log=True, marked=["b"])
    assert one.mime == "image/png"
    assert one.data == dots(["a", "b"], [("n", values)], "y", log=True, marked=["b"]).data
    assert one.data != dots(["a", "b"], [("n", values)], "y").data
    with pytest.raises(ValueError, match="2 rows, got 3"):
        dots(["a", "b"], [("n", values.T)], "y")
