"""The page over a stage: nothing at work, or everything on a simulated cluster."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.simulated import SimulatedCluster
from generator.page.drift import drift_of
from generator.page.routes import install_pages
from tests.api.conftest import Served, make_context
from tests.cluster.gitops import GitOps, reconciling
from tests.page.browser import chromium as chromium
from tests.worker.stage import add_rows, make_platform_repository, open_database, staged

SUPPORT = "/endpoints/prod/svc-c48311a09cf4"


@pytest.fixture
def paged(tmp_path: Path) -> Iterator[Served]:
    """Nothing works in the background: what is accepted stays pending."""
    root = make_platform_repository(tmp_path / "gitops")
    database = open_database(f"sqlite:///{tmp_path}/ledger.db")
    with staged(root, database, lambda _: SimulatedCluster("unused"), work=False) as stage:
        add_rows(stage.platform)
        yield Served(stage, make_context(stage), install_pages)
    database.close()


@pytest.fixture
def simulated() -> Iterator[SimulatedCluster]:
    """The cluster of `living`."""
    cluster = SimulatedCluster("testbed", strict_namespaces=False)
    yield cluster
    cluster.close()


@pytest.fixture
def living(tmp_path: Path, simulated: SimulatedCluster) -> Iterator[Served]:
    """Reconciler, worker and reader at work on a simulated cluster."""
    root = make_platform_repository(tmp_path / "gitops")
    database = open_database(f"sqlite:///{tmp_path}/ledger.db")
    with (
        reconciling(GitOps(root, ""), lambda _: simulated, poll=0.1),
        staged(root, database, lambda _: simulated) as stage,
    ):
        add_rows(stage.platform)
        drift = drift_of(stage.service.trunk, lambda _: simulated)
        yield Served(stage, make_context(stage), lambda app: install_pages(app, drift=drift))
    database.close()


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
