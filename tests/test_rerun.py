"""`make rerun` in small: what is drawn, what is found wrong, and a few pages that nobody chose."""
from random import Random

import nbformat
import pytest
from tiny import CELLS, project

from lib.report.claims import catalogue
from lib.report.parameters import PLACES, check, declared
from lib.report.site import SCORECARD, chapters
from tests.rerun import Setting, beside, drawn, ends, exercises, settings, tried

NOTEBOOKS = [path for path in chapters() if path.stem != SCORECARD]
LIMIT = 8.0  # seconds of a sample
each_chapter = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


@each_chapter
def test_every_value_drawn_is_allowed(notebook):
    rng, parameters = Random(0), declared(notebook)
    for one in parameters:
        values = {str(drawn(one, rng)): None for _ in range(30)}
        assert len(values) > 1 or one.range in PLACES, one.name
        for value in [drawn(one, rng) for _ in range(30)] + ends(one):
            assert check([one], {one.name: value})[one.name] == value


@pytest.mark.slow
@each_chapter
def test_the_corners_are_tried_at_sizes_that_are_cheap(notebook):
    parameters = declared(notebook)
    todo = list(settings(notebook, 3, Random(0), LIMIT))
    for one in parameters:
        for end in ends(one):
            fits = beside(parameters, {one.name: end}, Random(0), LIMIT)
            assert not fits or any(setting.given.get(one.name) == end for setting in todo)
    assert all(parameters.seconds(setting.given) <= LIMIT for setting in todo if setting.given)
    assert [str(one) for one in todo] == [
        str(one) for one in settings(notebook, 3, Random(0), LIMIT)]


@each_chapter
def test_what_a_solution_states_is_about_the_chapter(notebook):
    claims = catalogue()
    for setting in exercises(notebook):
        assert all(claims[key].chapter == notebook.stem for key, *_ in setting.stated), setting
        if not setting.given.get("source") == "full":
            check(declared(notebook), setting.given)


def tiny(root, monkeypatch, *cells):
    """A setting of the tiny chapter, its claims and its folder in the place of the book's."""
    project(root, cells)
    monkeypatch.setattr("tests.rerun.ROOT", root)
    monkeypatch.setattr("tests.rerun.catalogue", lambda: catalogue(root / "book"))
    return root / "book" / "tiny.ipynb"


@pytest.mark.slow
@pytest.mark.parametrize("cell, told", [
    ("0", ""), ("1 / 0", "ZeroDivisionError: division by zero"),
    ("import warnings\nwarnings.warn('odd')", "odd"), ("float('nan')", "nan in: nan")])
def test_what_is_wrong_with_a_page_is_told(tmp_path, monkeypatch, cell, told):
    notebook = tiny(tmp_path, monkeypatch, *CELLS, cell)
    (pair,) = tried([Setting(notebook, {"sigma_w": 2.0})])
    assert told in pair[1] and bool(told) == bool(pair[1].split("; ")[0].strip())


@pytest.mark.slow
def test_what_a_solution_states_is_checked(tmp_path, monkeypatch):
    notebook = tiny(tmp_path, monkeypatch, *CELLS)
    text = ("1. Why?\n\n   `python -m lib run tiny -p sigma_w 2`\n   % then twice > 3\n"
            "   % then counted is holds\n\n2. How?\n\n"
            "   `python -m lib run tiny -p seed 8`\n   % then counted < 8")
    data = nbformat.read(notebook, as_version=4)
    data.cells.append(nbformat.v4.new_markdown_cell(text))
    nbformat.write(data, notebook)
    todo = list(exercises(notebook))
    assert [dict(one.given) for one in todo] == [{"sigma_w": 2.0}, {"seed": 8}]
    assert [one.stated for one in todo] == [
        (("twice", ">", "3"), ("counted", "is", "holds")), (("counted", "<", "8"),)]
    ends_ = dict((str(setting), end) for setting, end in tried(todo))
    assert "counted" not in ends_["run tiny -p sigma_w 2.0"]
    assert "the solution states < 8" in ends_["run tiny -p seed 8"]


@pytest.mark.slow
def test_a_setting_that_nobody_chose_gives_a_page():
    notebook = next(path for path in NOTEBOOKS if path.stem == "dichotomies")
    rng, parameters = Random(notebook.stem), declared(notebook)
    some = {one.name: drawn(one, rng) for one in rng.sample(parameters, 3)}
    (pair,) = tried([Setting(notebook, beside(parameters, some, rng, LIMIT) or some)])
    assert not pair[1] or pair[1].startswith("refused: this needs"), pair
