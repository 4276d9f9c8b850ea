"""Events of the cluster about one endpoint.

Owns: reading them in both of their shapes, and which are about which object. Refuses: what they mean.
A kubelet or controller counts a repeated event up (`count`, or `series`) instead of writing another; both are kept for
an hour, so an event may speak of what is long over: who reads one asks when it was last seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from generator.render.pods import map_at
from generator.rollout.live import newest, oldest, read_count, read_created, read_text, read_time
from generator.rollout.status import Body


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was seen `count` times from `first` to `last`."""

    reason: str
    message: str
    count: int
    first: datetime | None
    last: datetime | None
    is_warning: bool


def read_event(body: Body) -> Event:
    """Shape: an Event of `v1`, whole or trimmed."""
    series = map_at(body, "series")
    moment = read_time(body.get("eventTime")) or read_created(body)
    first = oldest(read_time(body.get("firstTimestamp")) or moment)
    last = newest(read_time(body.get("lastTimestamp")), read_time(series.get("lastObservedTime")), first)
    count = max(read_count(body, "count"), read_count(series, "count"), 1)
    kind = read_text(body, "type")
    return Event(read_text(body, "reason"), read_text(body, "message"), count, first, last, kind != "Normal")


class EventIndex:
    """Events by the uid of the object that they are about, the newest last."""

    def __init__(self, bodies: Iterable[Body]) -> None:
        found: dict[str, list[Event]] = defaultdict(list)
        for body in bodies:
            found[read_text(body, "involvedObject", "uid")].append(read_event(body))
        for events in found.values():
            events.sort(key=lambda event: event.last.timestamp() if event.last else 0.0)
        self._events: Mapping[str, list[Event]] = found

    def about(self, uid: str, *reasons: str) -> list[Event]:
        """Events about the object, of these reasons if any are named."""
        if not uid:
            return []
        return [event for event in self._events.get(uid, ()) if not reasons or event.reason in reasons]

    def last_warning(self, uid: str) -> str:
        """The words of the newest warning about the object, or nothing."""
        warnings = [event for event in self.about(uid) if event.is_warning]
        return f"{warnings[-1].reason}: {warnings[-1].message}" if warnings else ""
