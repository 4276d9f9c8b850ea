"""Where clusters are, as a setting says it.

Owns: the text of `REVSTAMP_CLUSTERS`. Refuses: reading kubeconfigs (`kubeconfig`) and connecting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from generator.errors import InvalidInput, Violation

VARIABLE = "REVSTAMP_CLUSTERS"
_FORMS = "write `name=FILE`, `name=FILE#CONTEXT`, `name=#CONTEXT`, `name=in-cluster` or `name=simulated`"


class Way(StrEnum):
    """How a cluster is reached."""

    KUBECONFIG = "kubeconfig"
    IN_CLUSTER = "in-cluster"
    """By the service account of the pod that this process runs in."""
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class ClusterPlace:
    """Where one cluster is. An empty `kubeconfig` is the default one, an empty `context` its current one."""

    way: Way = Way.KUBECONFIG
    kubeconfig: str = ""
    context: str = ""


def parse_places(text: str) -> Mapping[str, ClusterPlace]:
    """Clusters by name, from entries with commas between. InvalidInput points at what it cannot read."""
    places: dict[str, ClusterPlace] = {}
    column = 1
    for entry in text.split(",") if text.strip() else ():
        at = column + len(entry) - len(entry.lstrip())
        column += len(entry) + 1
        name, equals, place = (part.strip() for part in entry.partition("="))
        if not name or not equals or not place or place == "#":
            raise _nonsense(f"{entry.strip()!r} names no cluster and its place", at)
        if name in places:
            raise _nonsense(f"the cluster {name!r} is named twice", at)
        places[name] = _read_place(place)
    return places


def _read_place(text: str) -> ClusterPlace:
    if text in (Way.IN_CLUSTER, Way.SIMULATED):
        return ClusterPlace(Way(text))
    file, _, context = text.partition("#")
    return ClusterPlace(Way.KUBECONFIG, file.strip(), context.strip())


def _nonsense(message: str, column: int) -> InvalidInput:
    violation = Violation(message, fix=_FORMS, file=VARIABLE, line=1, column=column)
    return InvalidInput(f"{VARIABLE}, column {column}: {message}", violations=[violation])
