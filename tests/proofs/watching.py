"""What happens in a namespace, seen by a client that has nothing to do with revstamp.

Owns: one watch per list, each event once and in order. Refuses: judging.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.testbed.kube.api import Api, ApiError, Object

See = Callable[[str, Object], None]
"""Takes the type of an event (ADDED, MODIFIED, DELETED) and the object."""


@contextmanager
def watching(api: Api, path: str, see: See) -> Iterator[None]:
    """Tell `see` of everything that is in a list, and of all that happens to it, until the block ends."""
    first = api.get(path)
    for item in first.get("items") or []:
        see("ADDED", item)
    state = {"version": first["metadata"]["resourceVersion"]}
    ended, failures = threading.Event(), list[BaseException]()

    def follow() -> None:
        while not ended.is_set():
            try:
                for event in api.watch(path, 3, resourceVersion=state["version"], allowWatchBookmarks="true"):
                    if event["type"] == "ERROR":
                        raise AssertionError(f"the watch of {path} is broken: {json.dumps(event['object'])}")
                    state["version"] = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        see(event["type"], event["object"])
            except (OSError, ApiError, AssertionError) as error:
                failures.append(error)
                return

    thread = threading.Thread(target=follow, name=f"witness {path}", daemon=True)
    thread.start()
    yield
    ended.set()
    thread.join(10)
    assert not failures, failures
