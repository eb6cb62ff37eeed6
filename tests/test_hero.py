"""The moving picture of the front page, worked in headless Chromium from a file."""
from pathlib import Path

import pytest

from tests.browser import FOUND, Browser, lone_page

STATIC = Path(__file__).parents[1] / "book" / "_static"
SCRIPTS = ("lab/jets", "lab/formula", "lab/theory", "lab/network", "hero")
READY = "document.querySelectorAll('.hero figcaption span').length === 3"
LAYER, SIGMA_W = ("document.querySelector('.hero [name=layer]')",
                  "document.querySelector('.hero [name=sigma_w]')")
TOLD = "[...document.querySelectorAll('.hero figcaption')].map(one => one.textContent)"
PIXELS = "[...document.querySelectorAll('.hero canvas')].map(one => one.toDataURL()).join()"

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(FOUND is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with the picture and nothing else, as a file."""
    return lone_page(tmp_path_factory.mktemp("page"),
                     [STATIC / f"{name}.js" for name in SCRIPTS], STATIC / "hero.css",
                     '<div class="hero"><p>A sentence.</p></div><p id="next">Next.</p>')


def still(browser: Browser) -> None:
    """Motion is unwanted."""
    browser("Emulation.setEmulatedMedia",
            features=[{"name": "prefers-reduced-motion", "value": "reduce"}])


def test_it_moves_until_it_is_paused(browser, page):
    browser.open(page)
    browser.until(f"{READY} && {LAYER}.value > 2")
    browser.run("document.querySelector('.hero button').click()")
    before = browser.run(PIXELS)
    browser.run("new Promise(later => setTimeout(later, 1500))")
    assert browser.run(PIXELS) == before
    browser.run("document.querySelector('.hero button').click()")
    browser.until(f"{PIXELS} !== `{before}`")


def test_it_is_still_where_motion_is_unwanted_and_the_keys_turn_the_layers(browser, page):
    still(browser)
    browser.open(page)
    browser.until(READY)
    assert browser.run("document.querySelector('.hero button').textContent") == "play"
    before = browser.run(PIXELS)
    browser.run("new Promise(later => setTimeout(later, 1500))")
    assert browser.run(PIXELS) == before
    browser.run(f"{LAYER}.focus()")
    browser.key("ArrowRight")
    browser.until(f"{PIXELS} !== `{before}`")
    assert browser.run(f"{LAYER}.getAttribute('aria-valuetext')") == "layer 7 of 10"


def test_the_handle_makes_the_third_network_another(browser, page):
    still(browser)
    browser.open(page)
    browser.until(READY)
    assert browser.run(TOLD) == ["order, σw = 0.9", "edge of chaos, σw = 1.4", "chaos, σw = 3.5"]
    browser.run(f"{{{SIGMA_W}.value = 1; {SIGMA_W}.dispatchEvent(new Event('input'))}}")
    browser.until(f"{TOLD}[2] === 'order, σw = 1'")
    assert browser.run(TOLD)[:2] == ["order, σw = 0.9", "edge of chaos, σw = 1.4"]
    assert browser.run(f"{SIGMA_W}.getAttribute('aria-valuetext')") == "1, order"


def test_nothing_below_it_jumps_when_it_comes(browser, page):
    top = "document.querySelector('#next').getBoundingClientRect().top"
    browser.open(page)
    browser.until(READY)
    drawn = browser.run(top)
    browser.run("document.querySelector('.hero').className = 'hero'")
    browser.run("document.querySelector('.hero').innerHTML = '<p>A sentence.</p>'")
    assert browser.run(top) == pytest.approx(drawn, abs=4)


def test_without_scripts_the_picture_stands_there(browser, page):
    browser("Emulation.setScriptExecutionDisabled", value=True)
    browser("Page.navigate", url=page)
    browser.until("document.querySelector('.hero p') && document.readyState === 'complete'")
    assert browser.run("document.querySelector('.hero').innerText") == "A sentence."
