"""A real Chromium, and a real server for it.

Owns: finding the browser, starting both, what a page must never do (errors in the console, serious accessibility
findings). Refuses: asserting what a page shows.
"""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from generator.api.app import create_app
from generator.api.identity import READER, Identifier, Person
from tests.api.conftest import Served
from tests.testbed.machine import skip_without

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """The browser's program; skips where there is none."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return found
    return skip_without("chromium", "no Chromium was found; `apt-get install chromium` brings one")


@contextmanager
def serving(served: Served, port: int = 0) -> Iterator[str]:
    """The page on a port of loopback, for a browser without a proxy; its address."""
    served.context.identifier = Identifier(local=Person("test-user", frozenset((READER,))))
    app = create_app(served.context, install=served.install)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@dataclass
class Tab:
    """A page of the browser, and what went wrong in it."""

    page: Any
    base: str
    expected: tuple[str, ...] = ()
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go there."""
        self.page.goto(self.base + path)

    def sees(self, text: str, seconds: float = 30) -> None:
        """Wait until the page says it."""
        self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)

    def press(self, name: str) -> None:
        """Press a button or follow a link by its name."""
        self.page.locator(f"a:has-text('{name}'), button:has-text('{name}')").first.click()

    def note(self, text: str) -> None:
        """Keep what went wrong, but for what was expected."""
        if not any(word in text for word in self.expected):
            self.troubles.append(text)

    @property
    def text(self) -> str:
        """What can be read."""
        return str(self.page.locator("main").inner_text())


@contextmanager
def browsing(base: str, browser: Any, expected: tuple[str, ...] = (), **options: Any) -> Iterator[Tab]:
    """A tab of a browser of its own: other cookies, language, size.

    What its console complains of is a failure, unless a word of it is `expected`.
    """
    context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1200, "height": 900}, **options})
    tab = Tab(context.new_page(), base, expected)
    tab.page.set_default_timeout(30_000)
    tab.page.on("pageerror", lambda error: tab.note(str(error)))
    tab.page.on("console", lambda message: tab.note(message.text) if message.type == "error" else None)
    try:
        yield tab
    finally:
        context.close()
    assert not tab.troubles


def check_accessibility(tab: Tab) -> None:
    """axe finds nothing serious in what is shown now."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab.page).response["violations"]
    serious = [item for item in found if item["impact"] in ("serious", "critical")]
    details = [(item["id"], [node["html"][:200] for node in item["nodes"]][:3]) for item in serious]
    assert not serious, (tab.page.url, details)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests of a process."""
    program = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
