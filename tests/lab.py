"""A real JupyterLab in a real browser: what a person sees and presses.

    lab = Lab(folder, root, env={…})            a server on a free port; lab.url holds its token
    with browser() as chromium: page = chromium.new_page()      Playwright's
    notebook = Notebook(page, lab.url, "hello.ipynb")        opened in a page
    notebook.run_all(); notebook.wait_until_idle()
    notebook.cell(2).shown()                    the text of the third code cell's outputs
    stored(cell)                                the same of a cell in a file

The server has settings, kernels' profiles and work spaces of its own in ``folder``
and asks the internet for nothing.

Knows: JupyterLab's page, Playwright. Does not know: containers, pytest.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kernels
from support import chromium, free_port, wait_for

# As root Chromium has no sandbox; the rest keeps it from calling home.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    # Cells out of sight are drawn too, so that their text can be read.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
KERNELSPEC = {"name": "python3", "language": "python", "display_name": "Python 3 (ipykernel)"}
CHANGED = "net::ERR_NETWORK_CHANGED"
THEME = "@jupyterlab/apputils-extension/themes"


class Lab:
    """A JupyterLab server that shows ``root``; ``close`` ends it with its kernels."""

    def __init__(
        self, folder: Path, root: Path, *, env: Mapping[str, str], theme: str = "JupyterLab Light"
    ) -> None:
        self._folder = folder
        self._write_settings({**SETTINGS, THEME: {"theme": theme}})
        token, port = secrets.token_hex(16), free_port()
        self.url = f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"
        self._log = (folder / "lab.log").open("wb")
        self._server = subprocess.Popen(
            self._command(root, port, token),
            cwd=root,
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            self._wait(f"http://127.0.0.1:{port}/api?token={token}")
        except BaseException:
            self.close()
            raise

    def _write_settings(self, settings: Mapping[str, object]) -> None:
        for name, values in settings.items():
            file = self._folder / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))

    def _command(self, root: Path, port: int, token: str) -> list[str]:
        return [
            *(sys.executable, "-m", "jupyterlab", "--no-browser"),
            *(["--allow-root"] if os.geteuid() == 0 else []),
            f"--ServerApp.root_dir={root}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={token}",
            "--LabApp.extension_manager=readonly",
        ]

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
        return {
            **kernels.environment(self._folder, extra),
            **{f"JUPYTER_{name}": str(self._folder / name.lower()) for name in names},
            "JUPYTERLAB_SETTINGS_DIR": str(self._folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self._folder / "workspaces"),
        }

    def _wait(self, address: str) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and self._server.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(address, timeout=5).close()
                return
            time.sleep(0.1)
        raise AssertionError(f"JupyterLab did not start:\n{self.log()}")

    def log(self) -> str:
        return (self._folder / "lab.log").read_text(errors="replace")[-4000:]

    def close(self) -> None:
        self._server.send_signal(signal.SIGTERM)
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._log.close()


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Playwright's browser, a Chromium that is installed. Skips without one."""
    program = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield opened
        opened.close()


def stored(cell: Any) -> list[str]:
    """What JupyterLab draws of a cell's stored outputs."""
    drawn = []
    for output in cell.outputs:
        if output.output_type == "error":
            text = "\n".join(output.traceback)
        elif output.output_type == "stream":
            text = output.text
        elif "text/html" in output.data:
            text = _text_of_table(output.data["text/html"])
        else:
            text = output.data["text/plain"]
        drawn.append(text.rstrip())
    return drawn


def _text_of_table(html: str) -> str:
    """As a browser gives it: a line for each row, with tabs between its cells."""
    rows = (re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in html.split("</tr>"))
    return "\n".join("\t".join(row) for row in rows)


class Notebook:
    """A notebook in a page. ``page`` is Playwright's, for what has no method here."""

    def __init__(self, page: Any, url: str, name: str) -> None:
        """``url`` is JupyterLab's, with {} for the notebook's path."""
        self.page, self.name = page, name
        self._panel = page.locator(".jp-NotebookPanel:visible")
        self._open(url.format(name))
        self.wait_until_idle()

    def _open(self, address: str) -> None:
        """Chromium gives up what it loads when a network of this machine comes or goes, as those of
        containers do, and JupyterLab goes on without the part that it has not got."""
        lost: list[str] = []
        self.page.on("requestfailed", lambda request: lost.append(str(request.failure)))
        idle = self.page.locator("#jp-bottom-panel", has_text="| Idle")
        for _ in range(3):
            lost.clear()
            self._go(address, lost)
            assert wait_for(lambda: idle.is_visible() or CHANGED in lost)
            if CHANGED not in lost:
                return

    def _go(self, address: str, lost: list[str]) -> None:
        from playwright.sync_api import Error

        try:
            self.page.goto(address)
        except Error as error:  # of the page itself, which is the first that it loads
            if CHANGED not in error.message:
                raise
            lost.append(CHANGED)

    def wait_until_idle(self, seconds: float = 60) -> None:
        """Until the kernel is idle and no cell waits for its turn."""
        waiting = self._panel.locator(".jp-InputPrompt", has_text="[*]")
        waiting.first.wait_for(state="detached", timeout=seconds * 1000)
        status = self.page.locator("#jp-bottom-panel", has_text="| Idle")
        status.wait_for(timeout=seconds * 1000)

    def menu(self, menu: str, entry: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).first.click()
        self.page.get_by_role("menuitem", name=entry, exact=True).click()

    def run_all(self) -> None:
        self.menu("Run", "Run All Cells")
        self._panel.locator(".jp-InputPrompt", has_text="[*]").first.wait_for()

    def use(self, theme: str) -> None:
        """By the menu: "JupyterLab Dark" or "JupyterLab Light"."""
        self.page.get_by_role("menuitem", name="Settings", exact=True).first.click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Theme$")).hover()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{theme}$")).click()
        self.page.locator(f'body[data-jp-theme-name="{theme}"]').wait_for(state="attached")

    def interrupt(self) -> None:
        """Press ■."""
        self._panel.locator('[data-jp-item-name="interrupt"] jp-button').click()

    def save(self) -> None:
        self._panel.locator('[data-jp-item-name="save"] jp-button').click()
        self.page.locator(".jp-mod-dirty").wait_for(state="detached")

    def cells(self) -> list[Cell]:
        """The code cells, from top to bottom."""
        found = self._panel.locator(".jp-CodeCell")
        return [Cell(self.page, found.nth(number)) for number in range(found.count())]

    def shown(self) -> list[list[str]]:
        """Of each cell the text of each output."""
        return [cell.shown() for cell in self.cells()]

    def cell(self, number: int) -> Cell:
        return self.cells()[number]


class Cell:
    """A code cell in the page. ``locator`` is Playwright's."""

    def __init__(self, page: Any, locator: Any) -> None:
        self.page = page
        self.locator = locator

    def type(self, text: str) -> None:
        """Replace the cell's text, as a person would type it, with no closing of brackets."""
        self.locator.locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(text)

    def run(self) -> None:
        prompt = self.locator.locator(".jp-InputPrompt")
        before = prompt.inner_text()
        self.locator.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        prompt.filter(has_not_text=before).wait_for()

    def shown(self) -> list[str]:
        """The text of each output, as it is drawn."""
        return [text.rstrip() for text in self.outputs.all_inner_texts() if text.strip()]

    @property
    def outputs(self) -> Any:
        return self.locator.locator(".jp-OutputArea-output")

    def wait_for(self, text: str, seconds: float = 30) -> None:
        """Until an output shows the text."""
        self.outputs.filter(has_text=text).first.wait_for(timeout=seconds * 1000)
