"""A headless Chromium by the DevTools protocol over a pipe: nothing but Python's own modules."""
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FOUND = next(filter(None, map(shutil.which, NAMES)), None)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]


class Browser:
    """A browser with one page at a time; what it logs, throws and asks the network for is kept."""

    def __init__(self, profile: Path):
        reads, out = os.pipe()
        back, writes = os.pipe()
        self.process = subprocess.Popen(  # the browser reads from its file 3 and writes to 4
            [FOUND, *QUIET, f"--user-data-dir={profile}", "--remote-debugging-pipe"],
            pass_fds=(3, 4),
            preexec_fn=lambda: (os.dup2(reads, 3), os.dup2(writes, 4)),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(reads)
        os.close(writes)
        self.out, self.back = os.fdopen(out, "wb"), os.fdopen(back, "rb")
        self.number, self.session, self.context, self.rest = 0, None, None, b""
        self.fresh()

    def fresh(self) -> None:
        """A page that knows nothing of the one before, as in a browser that has just begun."""
        self.session, before, self.requests, self.complaints = None, self.context, [], []
        self.context = self("Target.createBrowserContext")["browserContextId"]
        target = self("Target.createTarget", url="about:blank", browserContextId=self.context,
                      width=1280, height=900)["targetId"]
        if before:
            self("Target.disposeBrowserContext", browserContextId=before)
        self.session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: object) -> dict:
        """One command, and what comes back."""
        self.number += 1
        asked = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            asked["sessionId"] = self.session
        self.out.write(json.dumps(asked).encode() + b"\0")
        self.out.flush()
        while True:
            while b"\0" not in self.rest:
                more = os.read(self.back.fileno(), 65_536)
                if not more:
                    raise EOFError("the browser ended")
                self.rest += more
            told, self.rest = self.rest.split(b"\0", 1)
            told = json.loads(told)
            if told.get("id") == self.number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told["result"]
            if told.get("sessionId") == self.session:
                self._note(told.get("method"), told.get("params", {}))

    def _note(self, event: str, of: dict) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(of["request"]["url"])
        if event == "Runtime.exceptionThrown" or event == "Log.entryAdded" or (
                event == "Runtime.consoleAPICalled" and of["type"] in ("error", "warning")):
            self.complaints.append(json.dumps(of)[:500])

    def run(self, script: str) -> object:
        """The value of an expression in the page; a promise is waited for."""
        told = self("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def until(self, script: str, seconds: float = 30.0) -> object:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.02)
        raise TimeoutError(f"never true: {script}")

    def open(self, address: str) -> None:
        """Another page, with nothing left of the one before."""
        self("Page.navigate", url="about:blank")
        self.requests.clear()
        self("Page.navigate", url=address)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def touch(self, kind: str, *at: float) -> None:
        """``Start``, ``Move`` or ``End`` of a finger at a place."""
        points = [{"x": at[0], "y": at[1]}] if at else []
        self("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)

    def key(self, name: str) -> None:
        """One press of a named key."""
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9,
                 "Enter": 13}
        for kind in ("rawKeyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=name, code=name,
                 windowsVirtualKeyCode=codes[name])

    def close(self) -> None:
        """End the browser."""
        try:
            self.session = None
            self("Browser.close")
        except (EOFError, OSError):
            pass
        self.process.wait(20)
        self.out.close()
        self.back.close()


def lone_page(folder: Path, scripts: Iterable[Path], style: Path, body: str) -> str:
    """The address of a file with these scripts, this style and nothing else."""
    loads = "".join(f'<script defer src="{script.as_uri()}"></script>' for script in scripts)
    (folder / "page.html").write_text(
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
        '<meta name="viewport" content="width=device-width"><title>page</title>'
        f'<link rel="stylesheet" href="{style.as_uri()}">{loads}{body}</html>', "utf-8")
    return (folder / "page.html").as_uri()
