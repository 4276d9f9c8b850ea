"""The list of endpoints: which of them, in which order.

Owns: search, filters, sorting, counts. Refuses: reading. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from generator.page.reading import EndpointLine
from generator.page.standing import BROKEN, HEALTHY, KINDS, QUIET, ROLLING, STOPPED, WAITING, WARNING

_URGENT = (BROKEN, WARNING, WAITING, ROLLING, HEALTHY, STOPPED, QUIET)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

ORDERS: Mapping[str, Callable[[EndpointLine], Any]] = {
    "name": lambda line: (line.ref.name, line.ref.environment),
    "environment": lambda line: (line.ref.environment, line.ref.name),
    "status": lambda line: (_URGENT.index(line.standing.kind), line.ref.name),
    "model": lambda line: (line.summary.model, line.summary.model_version, line.ref.name),
    "gpus": lambda line: (-line.summary.gpus_held, line.ref.name),
    "revision": lambda line: (-line.revision, line.ref.name),
    "changed": lambda line: (-((line.state.changed_at if line.state else _LONG_AGO) - _LONG_AGO).total_seconds(),),
}
"""How the list may be sorted."""


def choose_lines(
    lines: Sequence[EndpointLine], *, environment: str = "", kind: str = "", text: str = "", order: str = "name"
) -> tuple[EndpointLine, ...]:
    """Those that are asked for; what is not known is passed over. `text`: words that all stand somewhere in it."""
    words = text.lower().split()
    found = [
        line
        for line in lines
        if environment in ("", line.ref.environment)
        and (kind not in KINDS or line.standing.kind == kind)
        and all(word in _text_of(line) for word in words)
    ]
    return tuple(sorted(found, key=ORDERS.get(order, ORDERS["name"])))


def count_kinds(lines: Sequence[EndpointLine]) -> tuple[tuple[str, int], ...]:
    """How many there are of each kind, the most urgent first; kinds without any are left out."""
    counts = Counter(line.standing.kind for line in lines)
    return tuple((kind, counts[kind]) for kind in _URGENT if counts[kind])


def _text_of(line: EndpointLine) -> str:
    item = line.summary
    words = (line.ref.environment, line.ref.name, item.model, item.model_version, item.route, item.image)
    return " ".join(words).lower()
