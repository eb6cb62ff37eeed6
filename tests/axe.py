"""axe-core over every built page, light and dark: `python -m tests.axe [FOLDER]`.

Needs Chromium, and npm, by which axe-core comes into _build/axe; where one of them is missing, or
npm does not reach its registry, this says so and passes; a page that does not load in two minutes
is named as not looked at. It is no part of `make test`.
"""
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.browser import FOUND, Browser

ROOT = Path(__file__).parents[1]
PACKAGE = "axe-core@4"
GRAVE = "serious", "critical"
READY = ("document.readyState === 'complete' && "
         "(!document.querySelector('.math') || document.querySelector('mjx-container') !== null)")
RUN = """axe.run(document, {resultTypes: ['violations']}).then(told => told.violations.flatMap(
    one => one.nodes.map(node => [one.id, node.impact || one.impact, node.target.join(' ')])))"""


def script(folder: Path) -> str:
    """The text of axe-core, installed if it is not there; an OSError says why not."""
    path = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise OSError("no npm on this machine")
        folder.mkdir(parents=True, exist_ok=True)
        told = subprocess.run(
            [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit",
             "--no-fund", "--loglevel=error", PACKAGE], capture_output=True, text=True)
        if told.returncode:
            raise OSError(f"npm does not bring {PACKAGE}: {told.stderr.strip()[-300:]}")
    return path.read_text("utf-8")


def violations(browser: Browser, page: Path, axe: str) -> Iterator[tuple[str, str, str, str]]:
    """Mode, rule, impact and element of each fault of a page, in light and in dark."""
    browser("Page.navigate", url=page.as_uri())
    browser.until(f"location.href === '{page.as_uri()}' && {READY}", 120)
    browser("Runtime.evaluate", expression=axe)
    for mode in ("light", "dark"):
        browser.run(f"document.documentElement.dataset.theme = '{mode}'")
        time.sleep(0.5)  # colours fade
        yield from ((mode, *told) for told in browser.run(RUN))


def main(site: Path) -> int:
    """Print the faults that are serious or critical and their number; 1 if there are any."""
    try:
        if FOUND is None:
            raise OSError("no Chromium on this machine")
        axe = script(ROOT / "_build" / "axe")
    except OSError as reason:
        print(f"axe: skipped, {reason}")
        return 0
    pages = [path for path in sorted(site.rglob("*.html"))
             if not {"_static", "_modules"} & {*path.parts} and path.name != "index.html"]
    grave, slow = 0, []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(Path(profile))
        for page in pages:
            name = page.relative_to(site)
            try:
                for mode, rule, impact, element in violations(browser, page, axe):
                    if impact in GRAVE:
                        grave += 1
                        print(f"{name}, {mode}: {rule}: {element}", flush=True)
            except TimeoutError:
                slow.append(f"{name}")
        browser.close()
    print(f"axe: {grave} serious or critical violations on {len(pages) - len(slow)} pages, light "
          f"and dark{'; not looked at: ' * bool(slow)}{', '.join(slow)}")
    return 1 if grave or not pages else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve() if sys.argv[1:] else ROOT / "_build" / "html"))
