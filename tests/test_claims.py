"""Claims: the verdicts, what is stored, what is refused; and the state of book/claims.toml."""
import json
import math
import re
import tomllib
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reached import parameters_behind

from lib.estimate import Estimate
from lib.report.claims import (BOOK, GLUED, MIME, PAPERS, VERDICTS, Claims, Finding,
                               UnknownClaim, answering, card, catalogue, glue, met, read,
                               scorecard, signed, tally)
from lib.report.execute import Job, execute_all
from lib.report.parameters import declared, wanted
from lib.report.site import SCORECARD, chapters

CHAPTER = 'sigma_w: float = 1.5  # weights\nname: str = "tanh"  # phi\nseed: int = 0  # seed\n'
HERE = {"sigma_w": 1.5, "name": "tanh", "seed": 0}

TOML = """
[slope-below-one]
says = "Slope < 1."
source = "poole2016, Fig. 1"
kind = "paper"
range_from = "figure"
chapter = "chapter"
low = 0.9
high = 1.1
at = { sigma_w = 1.5, name = "tanh" }
note = "Read."

[grows]
says = "Growth."
source = "derived here, beside raghu2017, Fig. 2"
kind = "ours"
range_from = "theory"
chapter = "chapter"
low = 1

[counted]
says = "Number of exceptions."
source = "poole2016, Fig. 3"
kind = "paper"
range_from = "reading"
chapter = "chapter"
low = 0
high = 0

[another]
says = "Of another chapter."
source = "storm2024, Fig. 2"
kind = "paper"
range_from = "memory"
chapter = "elsewhere"
high = 2.5
"""


@pytest.fixture
def book(tmp_path):
    """A book of one chapter, never executed."""
    (tmp_path / "claims.toml").write_text(TOML, "utf-8")
    write(tmp_path / "chapter.ipynb")
    return tmp_path


def write(path, *outputs):
    """A chapter as a file, one cell an output bundle."""
    parameters = nbformat.v4.new_code_cell(CHAPTER, metadata={"tags": ["parameters"]})
    cells = [nbformat.v4.new_code_cell("claim()", outputs=[
        nbformat.v4.new_output("execute_result", data, execution_count=1)]) for data in outputs]
    notebook = nbformat.v4.new_notebook(cells=[parameters, *cells])
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def sign(book, key, value, error, **changes):
    """A finding of the chapter, executed with these parameters."""
    claim = Claims("chapter", HERE | changes, book)
    (record,) = claim.all({key: (value, error)}).stored[MIME]
    return answering(record, claim.catalogue)


def store(book, *findings, name="chapter"):
    """Store findings in a notebook of the book, as Jupyter does."""
    write(book / f"{name}.ipynb", signed(findings)._repr_mimebundle_())


def finding(value, error, low, high, **told):
    """A finding with these numbers and no parameters."""
    return Finding(key="k", says="", source="poole2016, Fig. 1", kind="paper", range_from="text",
                   chapter="c", low=low, high=high, value=value, error=error, present={}, **told)


# The verdict

def test_what_is_undecided_says_how_many_networks_would_decide():
    some = finding(1.1, 0.1, 1.0, math.inf, error_from="mean", samples=9)
    assert some.verdict == "undecided" and some.cost == "5.3 times as many would decide"
    more = replace(some, error=0.1 / 6.0**0.5, samples=54)
    assert more.verdict == "holds" and more.cost == ""
    assert replace(some, value=1.001).cost == "hardly to be decided by more networks"
    assert finding(1.1, 0.2, 1.0, math.inf).cost == "", "no number of samples shrinks a bound"


@pytest.mark.parametrize("value, error, low, high, verdict", [
    (1.0, 0.02, 0.9, 1.1, "holds"),
    (1.0, 0.5, 0.5, 1.5, "holds"),  # the bounds of the value are exactly the range
    (0.0, 0.0, 0.0, 0.0, "holds"),  # a count
    (1.0, 0.0, 0.0, 0.0, "differs"),
    (1.1, 0.02, 0.9, 1.1, "undecided"),
    (1.25, 0.25, 0.5, 1.0, "undecided"),  # the near end touches the bound
    (1.25, 0.249, 0.5, 1.0, "differs"),
    (0.25, 0.25, 0.5, 1.0, "undecided"),
    (0.25, 0.249, 0.5, 1.0, "differs"),
    (1.0, 9.0, 0.9, 1.1, "undecided"),  # knows nothing
    (9.0, 2.0, -math.inf, 11.0, "holds"),
    (9.0, 2.0, -math.inf, 10.5, "undecided"),
    (9.0, 2.0, -math.inf, 6.5, "differs"),
    (9.0, 2.0, 7.0, math.inf, "holds"),
    (9.0, 2.0, 11.5, math.inf, "differs"),
])
def test_verdict(value, error, low, high, verdict):
    assert finding(value, error, low, high).verdict == verdict


@pytest.mark.parametrize("kind, samples, reach, verdict", [
    ("mean", 3, None, "undecided"),  # Student: 4.30 errors
    ("mean", 8, None, "holds"),  # 2.36
    ("slope", 5, None, "holds"), ("jackknife", 4, None, "undecided"),  # 2.78 and 3.18
    ("largest", 8, 0.4, "undecided"), ("largest", 8, 0.2, "holds"),  # by resampling
    ("mean", 1, None, "undecided"),  # one network tells nothing
])
def test_the_interval_is_that_of_the_estimate(kind, samples, reach, verdict):
    assert finding(1.0, 0.1, 0.7, 1.3, error_from=kind, samples=samples,
                   reach=reach).verdict == verdict


def test_four_networks_of_four_are_not_all():
    assert finding(1.0, 0.1, 0.5, math.inf, error_from="share", samples=4).verdict == "holds"
    assert finding(1.0, 0.1, 0.6, math.inf, error_from="share", samples=4).verdict == "undecided"


def test_networks_unlike_the_papers_are_not_matched():
    one, other = (finding(1.0, 0.01, 0.9, 1.1, **told) for told in ({}, {"requires": "trained"}))
    trained = finding(0.5, 0.01, 0.9, 1.1)
    assert met({"trained": trained, "one": one, "other": other})["other"].verdict == "not matched"
    assert met({"trained": one, "other": other})["other"].verdict == "holds"
    near = finding(1.0, 0.3, 0.9, 1.1)  # inside, though others like it need not be
    assert near.verdict == "undecided"
    assert met({"trained": near, "other": other})["other"].verdict == "holds"
    assert met({"other": other})["other"].verdict == "not matched"  # its run is being renewed


@given(st.floats(-10, 10), st.floats(0, 5), st.floats(-10, 10), st.floats(0, 10))
def test_verdicts_are_mirror_images(value, error, low, width):
    high = low + width
    mirrored = finding(-value, error, -high, -low)
    assert mirrored.verdict == finding(value, error, low, high).verdict


def test_other_parameters_are_elsewhere(book):
    assert sign(book, "slope-below-one", 1.0, 0.01).verdict == "holds"
    away = sign(book, "slope-below-one", 1.0, 0.01, sigma_w=2.0)
    assert away.verdict == "elsewhere"
    assert repr(away).endswith("→ elsewhere: sigma_w = 2.0 here, 1.5 in the claim")
    assert sign(book, "slope-below-one", 5.0, 0.01, name="relu").verdict == "elsewhere"
    assert sign(book, "slope-below-one", 1.0, 0.01, seed=7).verdict == "holds"  # not in `at`


# Rounding

finite = st.floats(-1e6, 1e6)
positive = st.floats(1e-15, 1e3)


@given(finite, positive)
def test_rounding_loses_little_and_repeats(value, error):
    kept, bar = Estimate(value, error).rounded()
    assert abs(kept - value) <= 0.011 * bar
    assert 0.94 * error <= bar <= max(1.06 * error, 1.1e-12, 1.1e-8 * abs(value))
    assert tuple(Estimate(kept, bar).rounded()) == (kept, bar)


@pytest.mark.parametrize("value, error", [(0.9398074003, 2.31e-5), (-12.604149, 3e-3),
                                          (0.93980740031, 1e-16), (1.7e-17, 3.1e-16),
                                          (18 / 1640, 0.0)])
def test_platform_noise_does_not_reach_the_file(book, value, error):
    noise = 1 + 4 * np.finfo(float).eps
    first = sign(book, "grows", value, error)
    second = sign(book, "grows", value * noise, error * noise)
    assert json.dumps(first.record()) == json.dumps(second.record())
    assert repr(first) == repr(second)


def test_a_larger_change_does_reach_the_file(book):
    assert sign(book, "grows", 1.5, 0.01) != sign(book, "grows", 1.502, 0.01)


@pytest.mark.parametrize("value, error, told", [
    (0.9398074, 2e-5, "0.93981 ± 0.00002"),
    (0.9398074, 1.4e-4, "0.93981 ± 0.00014"),
    (0.9398074, 1e-12, "0.939807 ± 0.000001"),  # six digits, whatever is known
    (12.604149, 0.5, "12.6 ± 0.5"),
    (1234.5, 56, "1230 ± 60"),
    (2.5948e8, 3.1e6, "(2.59 ± 0.03)e+08"),
    (-4.4e-7, 2e-9, "(-4.40 ± 0.02)e-07"),
    (0.0, 3e-11, "0 ± 3e-11"),
    (-0.0001, 0.02, "0.00 ± 0.02"),
    (7.0, 0.0, "7 exactly"),
    (96 / 25, 0.0, "3.84 exactly"),
    (2 / 3, 0.0, "0.666667 exactly"),
])
def test_numbers_show_what_their_error_supports(value, error, told):
    assert finding(value, error, 0.0, 1.0).number == told


@given(finite, positive)
def test_no_raw_floats(value, error):
    told = repr(finding(*Estimate(value, error).rounded(), 0.0, 1.0))
    assert not re.search(r"\.\d{8}", told)


@given(st.floats(-1e5, 1e5), st.floats(1e-4, 1e4))
def test_what_is_shown_is_true(value, error):
    assume(error > 1e-5 * abs(value) and abs(value) > 1e-3)
    shown, bar = map(float, finding(value, error, 0.0, 1.0).number.split(" ± "))
    assert abs(shown - value) <= 0.51 * bar
    assert 0.65 * error <= bar <= 1.5 * error


# Signing

def test_the_line():
    assert repr(finding(0.9398074, 2e-5, 0.93, 0.95)) \
        == "0.93981 ± 0.00002 (0.93 to 0.95, printed Poole et al. 2016, Fig. 1) → holds"


def test_bounds_that_are_ours_say_so(book):
    assert repr(sign(book, "grows", 2.0, 0.1)) == "2.00 ± 0.10 (at least 1, ours) → holds"


def test_numpy_numbers_become_plain(book):
    record = sign(book, "grows", np.float32(2), np.array(0.5)).record()
    assert {type(record["value"]), type(record["error"])} == {float}


@pytest.mark.parametrize("key, value, error, kind, told", [
    ("slope-below-on", 1, 0, UnknownClaim, "did you mean 'slope-below-one'"),
    ("zzz", 1, 0, UnknownClaim, "no claim 'zzz'; valid are: slope-below-one, grows, counted$"),
    ("another", 1, 0, ValueError, "for the chapter 'elsewhere' to sign"),
    ("grows", 1, -0.1, ValueError, "claim 'grows': error must not be negative"),
    ("grows", "many", 0.1, ValueError, "claim 'grows': could not convert"),
    ("grows", {}, 0.1, TypeError, "claim 'grows': a value and an error must be numbers"),
    ("grows", [1, 2], 0.1, TypeError, "must be numbers"),
])
def test_what_cannot_be_signed(book, key, value, error, kind, told):
    with pytest.raises(kind, match=told):
        sign(book, key, value, error)


@pytest.mark.parametrize("value, error, number", [
    (math.nan, 0.1, "no number"), (math.inf, 0.1, "no number"), (1.25, math.nan, "1.25"),
    (1.25, math.inf, "1.25"), (math.nan, math.nan, "no number"), (None, 0, "no number"),
])
def test_what_is_no_number_judges_nothing(book, value, error, number):
    one = sign(book, "grows", value, error)
    assert (one.verdict, one.number) == ("elsewhere", number)
    assert repr(one) == f"{number} (at least 1, ours) → elsewhere: no error to judge by"
    json.dumps(one.record(), allow_nan=False)
    store(book, one)
    assert read(book=book) == [one]


def test_an_estimate_says_what_makes_its_error(book):
    claim = Claims("chapter", HERE, book)
    told = claim.all({"counted": Estimate(0.0, 0.0, 12, "share")})
    one = answering(told.stored[MIME][0], claim.catalogue)
    assert (one.samples, one.error_from, one.number) == (12, "share", "0 without scatter")
    store(book, one)
    assert read(book=book) == [one]


def test_one_table_signs_all_findings_of_a_figure(book):
    told = Claims("chapter", HERE, book).all({"grows": (2, 0.1), "counted": (1, 0)}, figure="A")
    assert repr(told) == (
        "grows: 2.00 ± 0.10 (at least 1, ours) → holds\n"
        "counted: 1 exactly (0, our reading of Poole et al. 2016, Fig. 3) → differs")
    page = told._repr_mimebundle_()["text/html"]
    assert page.count("<table") == 1 and "What A says" in page
    assert re.findall(r'<tr id="([^"]+)"', page) == ["claim-grows", "claim-counted"]


def test_the_first_editions_outputs_are_read(book):
    """One record an output, and nothing of what makes the error."""
    old = sign(book, "grows", 2, 0.1).record()
    del old["samples"], old["error_from"]
    write(book / "chapter.ipynb", {MIME: old})
    assert read(book=book) == [sign(book, "grows", 2, 0.1)]


# Before anything is computed

def plain(**more):
    """The namespace of a kernel right after the parameters cell."""
    return HERE | {"In": [""], "Out": {}, "_": "", "__name__": "__main__", "_i1": "x = 1",
                   "exit": object(), "np": np, "Claims": Claims} | more


def test_a_fresh_kernel_is_accepted(book):
    assert Claims("chapter", plain(), book).parameters == HERE


@pytest.mark.parametrize("namespace, kind, told", [
    (plain(sigmaw=4.0), ValueError, "unknown parameter 'sigmaw'; did you mean 'sigma_w'"),
    (plain(depth=None), ValueError, "unknown parameter 'depth'"),
    (plain(grid=[1, 2]), ValueError, "unknown parameter 'grid'"),
    (plain(sigma_w="4.0"), TypeError, "'sigma_w' is float, not str"),
    (plain(sigma_w=math.nan), ValueError, "'sigma_w' must be finite"),
    (plain(seed=1.0), TypeError, "'seed' is int, not float"),
    (plain(seed=True), TypeError, "'seed' is int, not bool"),
    ({"sigma_w": 1.5}, ValueError, "no value for name, seed: run the parameters cell first"),
])
def test_bad_parameters_are_refused(book, namespace, kind, told):
    with pytest.raises(kind, match=told):
        Claims("chapter", namespace, book)


def test_cells_may_run_again_in_a_live_kernel(book):
    later = plain(claim=Claims("chapter", plain(), book), count=3)
    assert Claims("chapter", later, book).parameters == HERE
    with pytest.raises(TypeError, match="'sigma_w' is float"):  # still looked at
        Claims("chapter", later | {"sigma_w": "x"}, book)


def test_an_unknown_chapter_is_refused(book):
    with pytest.raises(FileNotFoundError, match="no chapter 'chaptr'; did you mean 'chapter'"):
        Claims("chaptr", plain(), book)


@pytest.mark.parametrize("at, kind, told", [
    ("{ sigma = 1.5 }", ValueError, r"\[slope-below-one\]: unknown parameter 'sigma'"),
    ('{ sigma_w = "x" }', TypeError, r"\[slope-below-one\]: parameter 'sigma_w' is float"),
])
def test_a_claim_at_what_is_no_parameter_is_refused(book, at, kind, told):
    amend(book, '{ sigma_w = 1.5, name = "tanh" }', at)
    with pytest.raises(kind, match=told):
        Claims("chapter", plain(), book)


@pytest.mark.slow
@pytest.mark.parametrize("parameters, told", [
    ({}, ""), ({"sigma_w": 2}, ""),
    ({"sigma": 2.0}, "unknown parameter 'sigma'; did you mean 'sigma_w'"),
    ({"sigma_w": "two"}, "parameter 'sigma_w' is float, not str"),
])
def test_plain_papermill_is_refused_in_a_real_kernel(book, parameters, told):
    source = ("from pathlib import Path\nfrom lib.report.claims import Claims\n"
              f"claim = Claims('chapter', globals(), Path({str(book)!r}))")
    notebook = nbformat.read(book / "chapter.ipynb", as_version=4)
    notebook.cells += [nbformat.v4.new_code_cell(source),
                       nbformat.v4.new_code_cell("claim.all({'slope-below-one': (1.0, 0.01)})")]
    nbformat.write(notebook, book / "chapter.ipynb")
    [outcome] = execute_all([Job(book / "chapter.ipynb", book / "out" / "chapter.ipynb",
                                 parameters)])
    assert (told in outcome.error) if told else not outcome.error
    verdicts = [finding.verdict for finding in read(book / "out", book)]
    assert verdicts == ([] if told else ["elsewhere" if parameters else "holds"])


# Storing and reading

def test_a_finding_survives_the_notebook(book):
    signed = [sign(book, "slope-below-one", 1.0, 0.01), sign(book, "grows", 3.2, 0.4, seed=3),
              sign(book, "counted", 0, 0)]
    store(book, *signed)
    assert read(book=book) == signed
    assert [finding.verdict for finding in read(book=book)] == ["holds"] * 3


def test_a_bundle_is_strict_json_with_a_word_for_the_verdict(book):
    bundle = signed([sign(book, "slope-below-one", 7.0, 0.1)])._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", MIME}
    json.dumps(bundle, allow_nan=False)
    json.dumps(sign(book, "grows", 7.0, 0.1).record(), allow_nan=False)
    assert bundle["text/html"].endswith(
        '<tr id="claim-slope-below-one"><td>Slope &lt; 1.</td><td>7.00 ± 0.10</td><td>0.9 to 1.1, '
        '<small>read off Poole et al. 2016, Fig. 1</small></td><td class="claim claim-differs">'
        '<strong class="verdict">differs</strong></td></tr></tbody></table></details>')
    assert "<summary>1 differs</summary>" in bundle["text/html"]
    assert "note" not in bundle[MIME][0]


def test_findings_come_in_the_order_of_the_claims(book):
    store(book, sign(book, "counted", 0, 0), sign(book, "grows", 2, 0.1), name="a")
    store(book, sign(book, "slope-below-one", 2, 0.1), name="b")
    assert [finding.key for finding in read(book=book)] == ["slope-below-one", "grows", "counted"]


def test_another_folder_answers_the_books_claims(book, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    store(runs, sign(book, "counted", 3, 0))
    assert [finding.value for finding in read(runs, book)] == [3]
    assert read("", book) == read(None, book) == []


def test_scorecard_and_tally(book):
    store(book, sign(book, "slope-below-one", 1.0, 0.01, sigma_w=3.0), sign(book, "counted", 1, 0))
    assert [claim.verdict for claim in scorecard(book=book)] \
        == ["elsewhere", "not attempted", "differs", "not attempted"]
    counts = tally(scorecard(book=book))
    assert counts == {  # the paper's, and what rests on memory is none of them
        "holds": 0, "differs": 1, "undecided": 0, "not matched": 0, "elsewhere": 1,
        "not attempted": 0}
    assert list(counts) == list(VERDICTS)
    assert tally(scorecard(book=book), "ours")["not attempted"] == 1


def test_a_claim_signed_twice_is_an_error(book):
    store(book, sign(book, "counted", 0, 0), name="a")
    store(book, sign(book, "counted", 0, 0), name="b")
    with pytest.raises(ValueError, match="b.ipynb: claim 'counted' is signed twice"):
        read(book=book)


def amend(book, old, new):
    """Change the book's claims."""
    path = book / "claims.toml"
    assert old in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


@pytest.mark.parametrize("old, new", [
    ("high = 1.1", "high = 1.2"),
    ("low = 0.9\n", ""),
    ("Slope < 1.", "Slope of something else."),
    ("poole2016, Fig. 1", "poole2016, Fig. 4"),
    ("sigma_w = 1.5", "sigma_w = 1.6"),
    ("[slope-below-one]", "[slope-renamed]"),
])
def test_a_stale_finding_is_refused(book, old, new):
    store(book, sign(book, "slope-below-one", 1.0, 0.01))
    amend(book, old, new)
    with pytest.raises(ValueError, match="chapter.ipynb: .*'slope-below-one'.*make refresh"):
        read(book=book)


def test_a_note_may_grow(book):
    store(book, sign(book, "slope-below-one", 1.0, 0.01))
    amend(book, 'note = "Read."', 'note = "Read again."')
    assert read(book=book)[0].note == "Read again."


def test_where_a_range_comes_from_may_be_told_later(book):
    store(book, sign(book, "slope-below-one", 1.0, 0.01))
    amend(book, 'range_from = "figure"', 'range_from = "text"')
    assert read(book=book)[0].range_from == "text"


# The catalogue

GOOD = ('says = "S."\nsource = "poole2016"\nkind = "paper"\nrange_from = "text"\nchapter = "c"\n'
        'low = 1\n')


@pytest.mark.parametrize("text, told", [
    ("[a]\nlow = ", "claims.toml: "),
    ("[a]\nlow = 1\n[a]\nlow = 2", "claims.toml: "),
    ("a = 1", r"\[a\]: a claim is a table"),
    ("[A_b]\n" + GOOD, r"\[A_b\]: a claim is a table named in-small-letters"),
    ("[a]\n" + GOOD.replace('says = "S."\n', ""), r"\[a\]: 'says' must be a text"),
    ("[a]\n" + GOOD.replace('"S."', '" "'), "'says' must be a text"),
    ("[a]\n" + GOOD.replace('source = "poole2016"\n', ""), "'source' must be a text"),
    ("[a]\n" + GOOD.replace("poole2016", "somewhere"), "'source' must name a paper"),
    ("[a]\n" + GOOD.replace('"c"', "3"), "'chapter' must be a text"),
    ("[a]\n" + GOOD + "hihg = 2", "unknown field 'hihg'; did you mean 'high'"),
    ("[a]\n" + GOOD + 'key = "b"', "unknown field 'key'"),
    ("[a]\n" + GOOD.replace("low = 1\n", ""), "'low' or 'high' or both"),
    ("[a]\n" + GOOD + "high = 0.5", "low not above high"),
    ("[a]\n" + GOOD + "high = inf", "must be finite"),
    ("[a]\n" + GOOD + "high = nan", "must be finite"),
    ("[a]\n" + GOOD + 'high = "2"', "as numbers"),
    ("[a]\n" + GOOD + "high = true", "as numbers"),
    ("[a]\n" + GOOD + "at = 3", "'at' a table"),
    ("[a]\n" + GOOD + "free = 'width'", "'free' must be like"),
    ("[a]\n" + GOOD + "note = 3", "'note' must be a text"),
    ("[a]\n" + GOOD.replace('"paper"', '"theirs"'), "'kind' must be one of paper, ours"),
    ("[a]\n" + GOOD.replace('range_from = "text"\n', ""), "'range_from' must be one of text, fig"),
])
def test_a_poor_claim_is_refused(tmp_path, text, told):
    (tmp_path / "claims.toml").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=told):
        catalogue(tmp_path)


def test_a_good_claim_is_read(tmp_path):
    (tmp_path / "claims.toml").write_text("[a-1]\n" + GOOD, "utf-8")
    claim = catalogue(tmp_path)["a-1"]
    assert (claim.says, claim.low, claim.high, claim.paper) == ("S.", 1, math.inf, "poole2016")
    assert (claim.kind, claim.verdict, claim.at) == ("paper", "not attempted", {})


# The page

def test_the_table_links_to_the_cell_that_signs(book):
    store(book, sign(book, "slope-below-one", 1.0, 0.01, sigma_w=3.0))
    told = card(scorecard(book=book))
    assert '<a href="chapter.html#claim-slope-below-one"><strong class="verdict">elsewhere' \
        in told.html
    assert 'id="claim-slope-below-one"' in signed(read(book=book)).html
    assert '<td class="claim claim-elsewhere">' in told.html and "Read.</small>" in told.html
    assert told.text.startswith("What the papers print\nslope-below-one: 1.00")


def test_claims_stand_in_groups_by_their_origin(book):
    told = card(scorecard(book=book))
    assert [line for line in told.text.splitlines() if ":" not in line] == [
        "What the papers print", "What we read into their words", "Ours, beside the papers",
        "From memory, not counted"]
    assert "grows: – (at least 1, ours) → not attempted" in told.text
    places = [told.html.index(word) for word in (
        "papers print</h3>", "Slope", "their words</h3>", "Number", "Ours", "Growth.", "From mem",
        "Of another chapter.", "at most 2.5, <small>from memory of Storm et al. 2024, Fig. 2<")]
    assert places == sorted(places)


def test_subscripts_are_set(book):
    amend(book, "Slope < 1.", "Slope at σ_w, p_min & h^1_x.")
    told = card(scorecard(book=book)).html
    assert "Slope at σ<sub>w</sub>, p<sub>min</sub> &amp; h^1<sub>x</sub>." in told


def test_an_empty_card_says_so():
    assert card([]).text == "none" and "<p>none</p>" in card([]).html


@pytest.mark.parametrize("value, plain", [(3, "3"), (np.int64(3), "3"), (np.float64(0.5), "0.5")])
def test_glue_stores_plain_numbers(monkeypatch, value, plain):
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda data, **more: calls.append((data, more)))
    glue("count", value)
    [(data, more)] = calls
    assert data == {GLUED + "text/plain": plain}
    assert more["metadata"]["scrapbook"] == {"name": "count", "mime_prefix": GLUED}


# book/claims.toml itself

CLAIMS = list(catalogue().values())
CHAPTERS = [path for path in chapters() if path.stem != SCORECARD]


def test_every_source_is_in_the_references():
    keys = set(re.findall(r"^@\w+\{(\w+),", (BOOK / "references.bib").read_text("utf-8"), re.M))
    assert {claim.paper for claim in CLAIMS} <= keys
    assert {claim.paper for claim in CLAIMS} == set(PAPERS)


def test_claims_are_sentences_and_each_says_something_else():
    assert all(claim.says.endswith(".") and len(claim.says) < 240 for claim in CLAIMS)
    assert all(not claim.note or claim.note.endswith(".") for claim in CLAIMS)
    assert len({claim.says for claim in CLAIMS}) == len(CLAIMS)
    leaning = re.compile(r"(The same|That|This|These|Those|It) ")
    assert not [claim.key for claim in CLAIMS if leaning.match(claim.says)]


READ = r"(?:^|ead as )(-?[\d.]+)(?: to (-?[\d.]+))?[\w ,]*± ?([\d.]*\d)( %)?"


def test_what_is_read_off_a_figure_has_the_range_of_its_reading():
    """The note says what was read and how well: "Read as 1.1 to 1.35, ±0.1" is 1.0 to 1.45."""
    told = [(claim, re.search(READ, claim.note.replace("−", "-"))) for claim in CLAIMS]
    assert sum(bool(seen) for _, seen in told) > 15
    for claim, seen in told:
        assert seen or "ead as" not in claim.note, claim.key
        if seen:
            first, last, room = (float(one) for one in (seen[1], seen[2] or seen[1], seen[3]))
            ends = [first - room, last + room] if not seen[4] else [
                float(f"{first * (1 - room / 100):.2g}"), float(f"{last * (1 + room / 100):.2g}")]
            assert all(bound == pytest.approx(end, abs=1e-9) for bound, end in
                       zip((claim.low, claim.high), ends) if math.isfinite(bound)), claim.key


def test_what_rests_on_memory_says_so():
    assert {claim.key for claim in CLAIMS if claim.range_from == "memory"} == {
        claim.key for claim in CLAIMS if re.search("memory|not seen", claim.note)}


@pytest.mark.parametrize("notebook", CHAPTERS, ids=lambda path: path.stem)
def test_every_parameter_that_can_move_a_finding_is_named(notebook):
    """The flow of the code says which parameters count; the claim says at what each is judged."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    parameters, claims = declared(notebook), catalogue()
    reached = parameters_behind(sources, {one.name for one in parameters} - {"seed"})
    for key, names in reached.items():
        claim = claims[key]
        free = set(re.findall(r"\w+(?=[^;:]*:)", claim.free))
        assert names == claim.at.keys() | free, key
        wanted(parameters, claim.at)
        assert not free & claim.at.keys(), key
    assert reached.keys() == {key for key, one in claims.items() if one.chapter == notebook.stem}


def test_the_stored_findings_answer_the_present_claims():
    assert len(scorecard()) == len(CLAIMS)


def test_the_raw_file_has_no_claim_twice():
    text = (BOOK / "claims.toml").read_text("utf-8")
    assert len(tomllib.loads(text)) == len(re.findall(r"^\[", text, re.M)) == len(CLAIMS)
