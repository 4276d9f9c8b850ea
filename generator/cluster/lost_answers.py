"""Whether a live object is what we have just sent, where the answer was lost.

Owns: comparing what was sent with what is there. Refuses: requests. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.cluster.port import Body

_OF_THE_SERVER = ("resourceVersion", "managedFields", "generation", "creationTimestamp", "selfLink")


def contains(live: Body, sent: Body) -> bool:
    """Whether everything that was sent is there; what the server adds, and the version that was sent, do not count."""
    metadata = {key: value for key, value in sent.get("metadata", {}).items() if key not in _OF_THE_SERVER}
    return _holds(live, {**sent, "metadata": metadata})


def is_made_by(live: Body, manager: str) -> bool:
    """Whether this field manager has written the object."""
    entries = live.get("metadata", {}).get("managedFields") or ()
    return any(entry.get("manager") == manager for entry in entries)


def _holds(live: Any, sent: Any) -> bool:
    if isinstance(sent, Mapping) and isinstance(live, Mapping):
        return all(value is None or (key in live and _holds(live[key], value)) for key, value in sent.items())
    if isinstance(sent, list) and isinstance(live, list):
        return len(sent) == len(live) and all(map(_holds, live, sent))
    return type(sent) is type(live) and bool(sent == live)
