"""Lists, page by page.

Owns: pages and their place in history. Refuses: what is done where a list expires in the middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

from generator.cluster.calling import Caller
from generator.cluster.connection import Request
from generator.cluster.discovery import collection_path
from generator.cluster.kinds import Kind
from generator.cluster.refusals import About

PAGE = 200
"""Objects of a page. Of Deployments that is 1.3 MB, and 8 MB while it is read; nine kinds are watched, and may be
listed at one time. kubectl's 500 were a third of a reconciler's memory."""


@dataclass(frozen=True, slots=True)
class Page:
    """Objects with their kind, and the resourceVersion that the whole list is of."""

    items: list[dict[str, Any]]
    resource_version: str


def iterate_pages(
    caller: Caller, kind: Kind, namespace: str, labels: str, about: About, stop: Event | None = None
) -> Iterator[Page]:
    """All pages of one moment in history. HistoryGone where that is forgotten before the last page; ClusterError.

    A set `stop` ends the waiting for a next attempt, by an error.
    """
    query = {"limit": str(PAGE)}
    if labels:
        query["labelSelector"] = labels
    path = collection_path(kind, namespace)
    while True:
        found: dict[str, Any] = caller.call(Request("GET", path, dict(query)), about, stop=stop)
        items: list[dict[str, Any]] = found.get("items") or []
        for item in items:
            # The API leaves them out of a list's items.
            item["apiVersion"], item["kind"] = kind.api_version, kind.name
        metadata = found.get("metadata") or {}
        yield Page(items, str(metadata.get("resourceVersion") or ""))
        if not metadata.get("continue"):
            return
        query["continue"] = metadata["continue"]
