"""The laboratory in the page: its numbers are the library's, and a browser can work with it.

The numbers are asked of the same scripts in V8, wherever the tests run. The page itself is opened
in headless Chromium where there is one, from a file and without flags that allow it more.
"""
import contextlib
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from py_mini_racer import MiniRacer

from lib.activations import FAMILIES, get
from lib.formula import FormulaError, formula
from lib.jets import FUNCTIONS
from lib.report.leaf import leaf
from lib.report.parameters import check, declared, understood
from lib.report.site import chapter
from lib.theory.meanfield import MeanField
from tests.browser import FOUND, Browser, lone_page

FOLDER = Path(__file__).parents[1] / "book" / "_static" / "lab"
SCRIPTS = ("jets", "formula", "theory", "network", "laboratory")
LINES = 800
PHIS = ["tanh", "erf", "relu", "leaky_relu", "hard_tanh", "sigmoid", "gelu", "swish", "softplus",
        "elu", "selu", "sin", "linear", "hermite", "sin(x) + cos(x)", "x*tanh(x)",
        "x*exp(-x**2/8)", "max(x, 0) + 0.1*sin(x)", "clip(2*x, -1, 0.5)", "tanh(x) + 0.3*x",
        "exp(-x**2)", "relu(x)**2/(1 + x**2)", "x/(1 + x**2)", "abs(x + 1) - abs(x - 1) - x",
        "-x**3/6 + x", "mish", "hard_swish", "where(x > 1, 2*x - 1, x)", "x/(1 + np.abs(x))",
        "x if x > 0 else exp(x) - 1", "tanh(x) + exp(-(x - 20)**2)"]
POINTS = 8  # of each; 248 in all
NUMBERS = {"q": "q_star", "chi1": "chi1", "c": "c_star", "xi_q": "xi_q",
           "slope": "slope_at_c_star", "repeller": "repeller"}


@pytest.fixture(scope="module")
def ask() -> Iterator[Callable]:
    """A function of the scripts with its arguments; what it throws comes back as a text."""
    engine = MiniRacer()
    for name in SCRIPTS[:-1]:
        engine.eval((FOLDER / f"{name}.js").read_text("utf-8"))
    engine.eval("""
        const told = (key, one) => typeof one === "number" && !isFinite(one) ? `${one}` : one;
        function ask(f, given) {
          try { return JSON.stringify({found: f(...given)}, told); }
          catch (problem) { return JSON.stringify({error: problem.message}); }
        }""")

    def asked(function: str, *given: object) -> object:
        answer = json.loads(engine.eval(f"ask({function}, {json.dumps(given)})"))
        return answer.get("error", answer.get("found"))

    yield asked
    engine.close()


def number(value: float | str) -> float:
    """A number, which JSON has as a text where it is not finite."""
    return float(value.replace("Infinity", "inf")) if isinstance(value, str) else value


def near(ours: float | str, theirs: float) -> bool:
    """Equal to 1e-8, or missing on both sides."""
    return number(ours) == pytest.approx(theirs, rel=1e-8, abs=1e-8, nan_ok=True)


# numbers

@pytest.mark.slow
@pytest.mark.parametrize("phi", PHIS)
def test_numbers_are_those_of_the_library(ask, phi):
    rng = np.random.default_rng([18, PHIS.index(phi)])
    w, b = rng.uniform(0.4, 3, POINTS), rng.choice([0, 0.1, 0.3, 1, 2], POINTS)
    q, c = np.exp(rng.uniform(-3, 3, POINTS)), rng.uniform(-0.95, 0.95, POINTS)
    law = MeanField(w, b, phi, missing="nan")
    edge, told = law.critical_line(), {key: getattr(law, name) for key, name in NUMBERS.items()}
    length_map, correlation_map = law.length_map(q), law.correlation_map(c)
    for i in range(POINTS):
        given = phi, w[i], float(b[i])
        found = ask("(phi, w, b) => lab.point(lab.activation(phi), w, b)", *given)
        for key, values in told.items():  # the library does not tell what it knows to 1e-9 only
            if not np.isnan(values[i]) or np.isnan(law.q_star[i]):
                assert near(found[key], values[i]), (key, *given)
                if key == "slope":
                    assert number(found["xi_c"]) == pytest.approx(
                        law.xi_c[i], rel=1e-6, nan_ok=True), given
        assert found["phase"] == law.phase[i]
        assert near(ask("(phi, b) => lab.criticalWeight(lab.activation(phi), b)", phi, given[2]),
                    edge[i]), given
        assert near(ask("(phi, w, b, q) => lab.lengthMap(lab.activation(phi), w, b, q)",
                        *given, q[i]), length_map[i]), given
        if law.q_star[i] > 1e-16 and not np.isnan(correlation_map[i]):
            assert near(ask("(phi, w, q, c) => lab.correlationMap(lab.activation(phi), w, q, c)",
                            phi, w[i], law.q_star[i], c[i]), correlation_map[i]), (given, c[i])


@pytest.mark.parametrize("text", [
    *(f"{name}(0.7*x)" for name in FUNCTIONS if name not in (
        "ln", "log", "log1p", "sqrt", "max", "maximum", "min", "minimum", "clip")),
    "log(2 + x**2)", "log1p(x**2)", "sqrt(1 + x**2)", "min(x, 2*x, 3)", "max(x, -x, 0.5)",
    "clip(3*x, -1, 2)", "2**x", "-x**2", "2**-x", "2**-x*x", "2**x/3**x", "-x*x", "max(1, 2)*x",
    "e**(-x**2/2)*PI", "x*x*x/4 - x", "1 - x - 2*x/4/2", "1e-1*x + 2.5e0", "(x**2 + 1)**-1.5",
    "swish(x, 2)", "leaky_relu(x, 0.2)", "elu(x, 0.5)", "1/(1 + exp(-x))", "abs(abs(x) - 1)",
    "+x - -x", "x**0 + x", "1_0*x + .5", "2**3**0.5*x", "x < 0", "(x >= 1)*x - (2 > x)",
    "where(x > 1, 2*x - 1, x)", "x if x > 0 else x/2 if x > -1 else -1/2", "ln(2 + x**2)",
    "-x if 2*x + 1 <= 1 - x else x**2", "np.where(x + 1 < 0, 0, numpy.maximum(x, 3))",
    "(x if x > 0 else 0)*math.exp(-x**2)", "where(2 > 1, x, 3)", "minimum(1, x)", "exp(x) - 1",
    "2*(exp(x/3) - 1)", "min(1, (0 if x < 0 else x))"])
def test_a_formula_means_what_it_means_in_the_library(ask, text):
    x = [-800.0, -3.7, -1.3, -0.4, 0.21, 0.9, 2.6, 800.0]
    x = x if "cosh" not in text and "sinh" not in text and "**" not in text else x[1:-1]
    made, theirs = formula(text), ask("(text, x) => {const made = lab.formula(text); return {"
                                      "at: made.at(Float64Array.from(x), 2).map(y => [...y]),"
                                      "kinks: made.kinks}}", text, x)
    assert theirs["kinks"] == pytest.approx(sorted(made.kinks))
    for ours, found in zip(made(np.array(x)), theirs["at"]):
        assert [number(one) for one in found] == pytest.approx(
            ours.tolist(), rel=1e-12, abs=1e-13, nan_ok=True)


@pytest.mark.parametrize("text", [
    "x ^ 2", "tan(x)", "sin(x, 2)", "clip(x)", "max(x)", "sin()", "sin", "y + 1", "3 + pi",
    "x // 2", "x % 2", "x @ x", "~x", "x == 0", "0 < x < 1", "where(x, 1, 2)", "x if 1 else 2",
    "where((x + 1), x, tan(x))", "x if tan(x) > 0 else y", "where(x > 1)", "x if x > 0", "np.pi*x",
    "np.tan(x)", "where(x**2 > 1, x, 1)", "rleu(x)", "Sigmod(x)", "arctanh(x)", "hardswish(x)",
    "softmax(x)", "heaviside(x, 0)", "tahn(x) + 1", "True*x", "None", "x**1000", "9**9**9*x",
    "x**x", "(-2)**x", "1e999*x", "10**100*10**100*10**100*10**100*x", "1/x", "log(x)",
    "x/(1 - 1)", "sin(x)/x", "(-8)**0.5*x", "x*" + "9" * 450, "x" + "+x" * 400, "-" * 60 + "x",
    "1/(x - x)", "sin(" * 60 + "x" + ")" * 60, "abs(sin(x))", "2*(x + (y))*x", "max(x**2, 1)",
    "", "   ", "x +", "sin(x", "2 + (x + 1"])
def test_a_formula_is_refused_in_the_library_s_words(ask, text):
    with pytest.raises(FormulaError) as refused:
        formula(text)
    assert ask("text => lab.formula(text).kinks", text) == str(refused.value)


@pytest.mark.parametrize("text", [
    "__import__('os')", "x.__class__", "x[0]", "lambda x: x", "x and 1", "'x'",
    "1j*x", "x := 3", "x = 3", "import os", "x; x", "sin(x=1)", "max(*x)", "eval('x')", "2x",
    "x)", "(" * 240 + "x" + ")" * 240, "x\0", "f'{x}'", "x!", "constructor(x)", "__proto__(x)",
    "toString"])
def test_everything_else_is_refused(ask, text):
    with pytest.raises(FormulaError):
        formula(text)
    assert isinstance(ask("text => lab.formula(text).kinks", text), str)


def test_names_are_those_of_the_library(ask):
    assert ask("() => lab.NAMES") == list(FAMILIES)
    assert ask("() => Object.keys(lab.FUNCTIONS)") == list(FUNCTIONS)
    name = "text => lab.activation(text).name"
    for wrong in ("rleu", "log(2 + x)", "ln", "maximum"):
        with pytest.raises(ValueError) as refused:
            get(wrong)
        assert ask(name, wrong) == str(refused.value)
    parameters = declared(chapter("your_own_nonlinearity"))
    for text in FUNCTIONS:
        try:
            check(parameters, {"formula": text})
        except ValueError as problem:
            assert str(problem) == f"parameter 'formula': {ask(name, text)}"
        else:
            assert ask(name, text) == text


@pytest.mark.parametrize("text", [*FUNCTIONS, "x*sign(x)", "tanh(x)**2", "x**3", "x**-2*x**2",
                                  "clip(x, -2, 2)", "clip(x, -1, 2)", "1/(1 + x**2)", "x + x**2",
                                  "tanh(x) + exp(-(x - 20)**2)", "where(abs(x) > 1, x**2, 1)",
                                  "where(x > 1, x**2, 1)", "abs(x + 1) - abs(x - 1)",
                                  "abs(x - 1)"])
def test_parity_and_homogeneity_are_those_of_the_library(ask, text):
    try:
        phi = get(text)
    except ValueError:
        return
    if phi.continuous:
        parity, homogeneous = ask("text => {const phi = lab.activation(text);"
                                  "return [+phi.parity, phi.homogeneous];}", text)
        assert parity == {"odd": -1, "even": 1, "": 0}[phi.parity], text
        assert homogeneous == phi.homogeneous


@pytest.mark.parametrize("phi, w, b", [
    ("relu", 2.0, 0.3), ("relu", 2**0.5, 0.0), ("gelu", 1.45, 0.3), ("gelu", 3.0, 0.3),
    ("x*tanh(x)", 1.05, 0.3), ("tanh", 0.9, 0.0), ("x**3", 2.0, 1.0), ("hard_tanh", 1.0, 0.5)])
def test_what_does_not_exist_is_told_as_in_the_library(ask, phi, w, b):
    law = MeanField(w, b, phi, missing="nan")
    found = ask("(phi, w, b) => lab.point(lab.activation(phi), w, b)", phi, w, b)
    assert found["warnings"] == list(law.warnings) and found["phase"] == law.phase
    assert near(found["q"], law.q_star) and near(found["c"], law.c_star)


@pytest.mark.parametrize("phi, w, b, q", [("tanh", 2.5, 0.3, 4.0), ("gelu", 1.2, 0.5, 0.3),
                                          ("sin(x) + cos(x)", 0.8, 0.1, 1.0), ("relu", 1, 1, 2)])
def test_the_circle_of_theory_is_the_library_s(ask, phi, w, b, q):
    told = MeanField(w, b, phi).run(q=q, curve="circle", depth=12)
    found = ask("(phi, ...rest) => lab.circle(lab.activation(phi), ...rest)", phi, w, b, q, 12)
    for layer, one in enumerate(found):
        assert near(one["length"], told.length_euclid[layer, 0])
        if phi != "relu":
            assert near(one["kappa2"], told.kappa2[layer, 0])


@pytest.mark.slow
def test_the_sampled_network_is_a_sample_of_the_theory(ask):
    """A circle goes in exactly; means over twelve networks are theory's within four errors."""
    script = "(phi, ...rest) => lab.network(lab.activation(phi), ...rest)"
    told = MeanField(1.6, 0.3).run(q=1.2, curve="circle", depth=4)
    seen = [ask(script, "tanh", 1.6, 0.3, 1.2, 200, 4, seed) for seed in range(12)]
    assert seen[3] == ask(script, "tanh", 1.6, 0.3, 1.2, 200, 4, 3) != seen[4]
    for name, theory in (("q", told.q), ("length", told.length_euclid), ("kappa2", told.kappa2)):
        values = np.array([[layer[name] for layer in one] for one in seen])
        assert np.allclose(values[:, 0], theory[0, 0], rtol=1e-9)
        gap = values[:, 1:].mean(axis=0) - theory[1:, 0]
        error = values[:, 1:].std(axis=0, ddof=1) / 12**0.5
        assert np.all(np.abs(gap) < 4 * error + 0.03 * theory[1:, 0])  # of order 1/width
    flat = np.array([one[0]["path"] for one in seen])
    assert np.allclose(np.sum(flat**2, axis=1), 1.0)
    assert np.allclose([one[0]["share"] for one in seen], 1.0)
    normal = np.array(list(ask("() => lab.normals(5, 20000).slice(0, 20000)").values()))
    assert abs(normal.mean()) < 0.03 and abs(normal.var() - 1) < 0.04 and np.abs(normal).max() < 6


def test_the_scripts_are_few_and_name_no_host():
    """Comments and blank lines are not counted."""
    texts = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    assert set(texts) == {*(f"{name}.js" for name in SCRIPTS), "laboratory.css"}
    for name, text in texts.items():
        assert "://" not in text and not re.search(r"\b(import\(|eval|new Function)", text), name
    code = [line for name, text in texts.items() if name.endswith(".js")
            for line in re.sub(r"^\s*/\*.*?\*/$", "", text, flags=re.M | re.S).splitlines()]
    assert sum(bool(line.strip()) and not line.strip().startswith("//") for line in code) <= LINES


def test_a_page_that_stands_alone_leaves_it_out():
    page = leaf(chapter("order_to_chaos"), FOLDER.parents[1])
    assert "The phase diagram" in page and not re.search("laborator|overview.svg|:::", page)


# in a browser

needs_browser = pytest.mark.skipif(FOUND is None, reason="no Chromium on this machine")
SETTLED = ("document.querySelector('.laboratory').ariaBusy === 'false' && "
           "document.querySelectorAll('.laboratory path.curve').length >= 3 && "
           "document.querySelector('.laboratory .told').innerText")
TOLD = "document.querySelector('.laboratory .told').innerText"
HANDLE = "document.querySelector('.laboratory .handle')"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with a laboratory and nothing else, as a file."""
    return lone_page(tmp_path_factory.mktemp("page"),
                     [FOLDER / f"{name}.js" for name in SCRIPTS], FOLDER / "laboratory.css",
                     '<div class="laboratory"><p>A sentence.</p></div>')


@pytest.fixture
def browser(browser: Browser) -> Browser:
    """A phone."""
    browser("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2,
            mobile=True)
    return browser


def middle(browser: Browser) -> tuple[float, float]:
    """Where the ring stands on the screen."""
    return tuple(browser.run(f"(({{x, y, width}}) => [x + width / 2, y + width / 2])"
                             f"({HANDLE}.getBoundingClientRect())"))


@needs_browser
@pytest.mark.slow
def test_the_edge_of_chaos_is_found_by_dragging_on_a_phone(browser, page):
    browser.open(f"{page}#phi=sin(x)%2Bcos(x)&sigma_w=1.3&sigma_b=0.5")
    assert "Chaos" in browser.until(SETTLED)
    assert browser.run("document.documentElement.scrollWidth") == 390
    browser.run(f"{HANDLE}.scrollIntoView({{block: 'center'}})")
    x, y = middle(browser)
    browser.touch("Start", x, y)
    for down in range(0, 200, 2):  # until the ring snaps
        browser.touch("Move", x, y + down)
        if "edge of chaos" in browser.until(SETTLED).splitlines()[0]:
            break
    browser.touch("End")
    assert "The edge of chaos" in browser.until(SETTLED)
    assert browser.run(f"{HANDLE}.getAttribute('aria-valuetext')") == \
        "sigma_w 1, sigma_b 0.5: critical, chi1 1"
    assert "∞" in browser.run(TOLD)


@needs_browser
@pytest.mark.slow
def test_the_keyboard_moves_the_point_and_what_it_finds_is_announced(browser, page):
    browser.open(f"{page}#sigma_w=1.3")
    assert "Order" in browser.until(SETTLED)
    browser.run(f"{HANDLE}.focus()")
    for _ in range(6):
        browser.key("ArrowUp")
    browser.until(f"{HANDLE}.getAttribute('aria-valuetext').startsWith("
                  "'sigma_w 1.42, sigma_b 0.3: chaotic, chi1 1.0')")
    assert float(browser.run(f"{HANDLE}.getAttribute('aria-valuenow')")) == pytest.approx(1.42)
    browser.key("ArrowRight")
    browser.until("document.querySelector('[name=sigma_b]').value === '0.32'")
    browser.until("location.hash.includes('&sigma_w=1.42&sigma_b=0.32&')")


@needs_browser
@pytest.mark.slow
def test_a_formula_is_typed_refused_and_mended(browser, page):
    browser.open(page)
    browser.until(SETTLED)
    browser.run("{const one = document.querySelector('[name=named]'); one.value = '';"
                "one.dispatchEvent(new Event('change', {bubbles: true}));}")
    browser.until("!document.querySelector('.formula').hidden")
    browser.run("document.querySelector('[name=formula]').select()")
    for letter in "sin":  # a name on the way does not take the box away
        browser("Input.insertText", text=letter)
    browser.run("document.querySelector('[name=formula]').select()")
    browser("Input.insertText", text="x*tan(x)")
    with pytest.raises(FormulaError) as refused:
        formula("x*tan(x)")
    assert browser.until("document.querySelector('.fault').textContent") == str(refused.value)
    shade = "getComputedStyle(document.querySelector('.plane')).opacity"
    assert float(browser.run(shade)) < 0.5, "what is seen is of the formula before"
    browser.run("document.querySelector('[name=formula]').select()")
    browser("Input.insertText", text="x*tanh(x)")
    browser.until("!document.querySelector('.fault').textContent")
    assert float(browser.run(shade)) == 1
    told = browser.until(SETTLED)
    assert MeanField(2.5, 0.3, "x*tanh(x)", missing="nan").phase == "none" and "No length" in told


@needs_browser
@pytest.mark.slow
def test_a_link_a_command_and_python_give_what_is_seen(browser, page):
    browser.open(f"{page}#phi=x*exp(-x**2/8)&sigma_w=1.7&sigma_b=0.2&seed=9&layer=7&width=60")
    told = browser.until(SETTLED)
    picture = browser.run("document.querySelector('.net svg').outerHTML")
    copy = {}
    for name in ("link", "command", "python"):
        browser.run(f"document.querySelector('[name={name}]').click()")
        copy[name] = browser.run("document.querySelector('.copied').textContent")
    browser.open(copy["link"])
    assert browser.until(SETTLED) == told
    assert browser.run("document.querySelector('.net svg').outerHTML") == picture
    words = shlex.split(copy["command"])
    assert words[:5] == ["python", "-m", "lib", "run", "your_own_nonlinearity"]
    given = understood(declared(chapter(words[4])), list(zip(words[6::3], words[7::3])))
    assert given == {"formula": "x*exp(-x**2/8)", "sigma_w": 1.7, "sigma_b": 0.2}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(copy["python"], {})
    values = [float(one) for one in printed.getvalue().splitlines()[-1].split()]
    shown = [float(row.split("\t")[1]) for row in told.splitlines() if "\t" in row]
    assert shown == pytest.approx(values, rel=1e-7)


@needs_browser
@pytest.mark.slow
def test_it_is_still_where_motion_is_unwanted_and_follows_the_theme(browser, page):
    browser("Emulation.setEmulatedMedia",
            features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    browser.open(page)
    browser.until(SETTLED)
    browser.run("document.querySelector('[name=step]').click()")
    browser.until("document.querySelector('.net figcaption').textContent.includes('layer 5 of')",
                  seconds=0.5)
    light = browser.run("document.querySelector('.plane image').getAttribute('href')")
    browser.run("document.documentElement.dataset.theme = 'dark'")
    browser.until(f"document.querySelector('.plane image').getAttribute('href') !== '{light}'")


@needs_browser
@pytest.mark.slow
def test_without_scripts_a_sentence_stands_in_its_place(browser, page):
    browser("Emulation.setScriptExecutionDisabled", value=True)
    browser("Page.navigate", url=page)
    browser.until("document.querySelector('.laboratory') && document.readyState === 'complete'")
    assert browser.run("document.querySelector('.laboratory').textContent") == "A sentence."
