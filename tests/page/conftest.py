"""The page over a stage: nothing at work, or everything on a simulated cluster."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from generator.cluster.simulated import SimulatedCluster
from generator.page.drift import drift_of
from generator.page.routes import install_pages
from tests.api.conftest import Served
from tests.api.conftest import served as served
from tests.api.conftest import simulated as simulated
from tests.api.conftest import working as working
from tests.page.browser import chromium as chromium

SUPPORT = "/endpoints/prod/svc-c48311a09cf4"


@pytest.fixture
def paged(served: Served) -> Served:
    """Nothing works in the background: what is accepted stays pending."""
    served.install = install_pages
    return served


@pytest.fixture
def living(working: Served, simulated: SimulatedCluster) -> Served:
    """Reconciler, worker and reader at work on a simulated cluster."""
    drift = drift_of(working.stage.service.trunk, lambda _: simulated)
    working.install = lambda app: install_pages(app, drift=drift)
    return working


class _Form(HTMLParser):
    """The fields of the first form that is posted, with their values."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._inside = self._done = False
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and given.get("method") == "post" and not self._done:
            self._inside = True
        name = given.get("name") or ""
        if not self._inside:
            return
        if tag == "input":
            self.fields[name] = given.get("value") or ""
        elif tag == "select":
            self._select, self.fields[name] = name, ""
        elif tag == "option" and self._select and "selected" in given and given.get("value") is not None:
            self.fields[self._select] = given["value"] or ""
        elif tag == "textarea":
            self._area, self.fields[name] = name, ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._inside:
            self._inside, self._done = False, True
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None


def read_form(text: str) -> dict[str, str]:
    """What a browser would send of a page's form."""
    parser = _Form()
    parser.feed(text)
    return parser.fields


class _Attributes(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.update(name for name, _ in attrs)


def list_attributes(text: str) -> set[str]:
    """The names of all attributes of a page."""
    parser = _Attributes()
    parser.feed(text)
    return parser.names


def walk_through(client: Any, place: str, **changes: str) -> Any:
    """Form, preview, commit, as a person does; the answer to the last press, not followed."""
    form = read_form(client.get(f"{place}/redeploy").text)
    preview = client.post(f"{place}/redeploy", data={**form, **changes, "step": "preview"})
    assert preview.status_code == 200, preview.text
    return client.post(f"{place}/redeploy", data={**read_form(preview.text), "step": "commit"}, follow_redirects=False)
