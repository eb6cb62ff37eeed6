"""The page of panels: nothing of the papers is missing, and what it leads to is there."""
import json
import re

import pytest

from lib.report.claims import BOOK, scorecard
from lib.report.concordance import concordance, listed, panels, places
from lib.report.run import drawn

CLAIMS = scorecard()
FIGURES = {paper: [place for key, place in listed() if key == paper]
           for paper in ("poole2016", "raghu2017", "storm2024")}


@pytest.mark.parametrize("source, found", [
    ("Fig. 2C, D of Poole et al.", [("", "2", "C"), ("", "2", "D")]),
    ("ICLR form Figs. 8 and 9", [("ICLR form ", "8", ""), ("ICLR form ", "9", "")]),
    ("Fig. 1D and its caption", [("", "1", "D")]),
    ("the supplement's Fig. S1", [("", "S1", "")]),
    ("no figure at all", []),
])
def test_panels_of_a_text(source, found):
    assert list(panels(source)) == found


def test_a_source_names_its_panels_and_its_theorems():
    assert places("raghu2017, ICLR form Theorem 1, ICML form Fig. 3A and 3B") == {
        "raghu2017", "ICLR form Theorem 1", "ICML form Fig. 3A", "ICML form Fig. 3B", "3B"}


def test_every_panel_of_the_papers_is_listed():
    wanted = {
        "poole2016": [f"Fig. {n}{c}" for n, letters in ((1, "ABCD"), (2, "ABCD"), (3, "ABC"),
                                                        (4, "ABCDEFG"), (5, "ABCD"))
                      for c in letters],
        "raghu2017": [*(f"ICLR form Fig. 1{c}" for c in "ABCD"), "ICLR form Fig. 4A",
                      "ICLR form Fig. 4B", *(f"ICLR form Fig. {n}" for n in (2, 3, *range(5, 11))),
                      *(f"ICML form Fig. {n}" for n in (2, 3, 4, 6, 8, 9, 10))],
        "storm2024": ["Fig. 1a", "Fig. 1b", "Fig. 2", "Fig. 3a", "Fig. 3b",
                      *(f"Fig. 4{c}" for c in "abcd"), *(f"Fig. S{n}" for n in range(1, 5))]}
    for paper, some in wanted.items():
        assert set(some) <= set(FIGURES[paper]), paper


@pytest.mark.parametrize("key", [key for key, told in listed().items() if "figure" in told],
                         ids=", ".join)
def test_the_figure_of_a_panel_is_drawn_by_its_chapter(key):
    chapter, name = listed()[key]["figure"].split("/")
    assert [one.name for one in drawn(BOOK / f"{chapter}.ipynb", name)] == [name]


def test_every_claim_stands_on_the_page_and_every_link_leads_to_one():
    page = concordance(CLAIMS).html
    linked = set(re.findall(r'scorecard.html#([\w-]+)"', page))
    assert linked == {one.key for one in CLAIMS}


def test_the_stored_page_is_of_these_claims():
    cells = json.loads((BOOK / "scorecard.ipynb").read_text("utf-8"))["cells"]
    stored = [output["data"] for cell in cells for output in cell.get("outputs", [])
              if output.get("metadata", {}).get("scrapbook", {}).get("name") == "concordance"]
    html = next(text for kind, text in stored[0].items() if kind.endswith("text/html"))
    assert "".join(html) == concordance(CLAIMS).html


@pytest.mark.parametrize("text", [
    '["nobody2016, Fig. 1"]\nshows = "x"\nwhy = "y"', '["poole2016, Fig. 1"]\nshows = "x"',
    '["poole2016, Fig. 1"]\nwhy = "x"', '["poole2016, Fig. 1"]\nshows = "x"\nwhy = "y"\nz = 1'])
def test_a_panel_must_be_complete(tmp_path, text):
    (tmp_path / "panels.toml").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=r"panels.toml: '\w+, Fig. 1' needs"):
        listed(tmp_path)
