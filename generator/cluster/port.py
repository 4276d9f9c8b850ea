"""The cluster port: what revstamp asks of a Kubernetes API, and nothing else.

Owns: the protocol that the Kubernetes adapter and the simulated cluster implement, held together by one contract
suite. Refuses: rules about what is applied when. Objects are plain JSON data, as the API has them.
Errors of every method: the ClusterError tree of `errors`, never a library's exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import Any, Protocol, runtime_checkable

from generator.cluster.kinds import Kind, ObjectRef

FIELD_MANAGER = "revstamp"
"""The one field manager of everything that revstamp applies."""

Body = Mapping[str, Any]


class Propagation(StrEnum):
    """What becomes of the objects that a deleted object owns."""

    BACKGROUND = "Background"
    ORPHAN = "Orphan"


class Happening(StrEnum):
    """What a watch tells."""

    PUT = "put"
    """The object is there, new or changed."""
    GONE = "gone"
    """The object is no longer there; `body` is its last known state."""
    LISTED = "listed"
    """A listing is complete: what was put since the watch began, or since the last LOST, is all there is."""
    LOST = "lost"
    """The connection or the place in history is lost: what is known may be old until the next LISTED."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One thing that a watch tells; `body` is empty for LISTED and LOST, `reason` says why something was LOST."""

    happening: Happening
    body: Body = field(default_factory=dict)
    reason: str = ""


class Cluster(Protocol):
    """One cluster. May be shared by threads."""

    @property
    def name(self) -> str:
        """The cluster's name, as environments give it."""
        ...

    @property
    def is_simulated(self) -> bool:
        """Whether it only plays a cluster; said wherever it shows."""
        ...

    def version(self) -> str:
        """The server's version, such as `v1.36.3`. Tells whether it answers at all."""
        ...

    def read(self, ref: ObjectRef) -> Body | None:
        """The live object with its managedFields, or None where there is none (or no such kind)."""
        ...

    def list(self, kind: Kind, namespace: str, labels: str = "") -> Iterator[Body]:
        """All objects of a kind, page by page; `labels` is a selector; an empty namespace means all of them.

        KindMissing where the cluster has no such kind.
        """
        ...

    def apply(
        self,
        body: Body,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
        only_new: bool = False,
    ) -> Body:
        """Server-side apply; the live object as it is afterwards.

        A field that another manager holds with another value is an ApplyConflict unless `force`. Where `body` has a
        `metadata.resourceVersion` the apply is refused as StaleObject once the object is another one; an unchanged
        object keeps its resourceVersion. With a `metadata.uid` that is not the live object's: StaleObject too.
        `only_new`: StaleObject where an object of this name is there already, whoever made it.
        """
        ...

    def create(self, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Create an object. StaleObject where one of this name is there already."""
        ...

    def replace(self, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Replace an object as a whole, by its resourceVersion. StaleObject where it was changed or is gone."""
        ...

    def patch(self, ref: ObjectRef, operations: Sequence[Mapping[str, Any]], *, manager: str = FIELD_MANAGER) -> Body:
        """Apply a JSON patch (RFC 6902). StaleObject where a `test` operation fails or the object is gone."""
        ...

    def delete(
        self, ref: ObjectRef, *, uid: str, resource_version: str = "", propagation: Propagation = Propagation.BACKGROUND
    ) -> bool:
        """Delete this very object; False where there is none any more. StaleObject where it is another one by now."""
        ...

    def watch(self, kind: Kind, namespace: str, stop: Event, labels: str = "") -> Iterator[WatchEvent]:
        """Everything that happens to objects of a kind until `stop` is set.

        Begins with PUT for what is there and LISTED. Never ends or fails for a connection, a time-out or a place in
        history that is gone: it says LOST, lists again, and goes on. Objects that vanished meanwhile are simply not
        put again before the next LISTED. Forbidden and KindMissing are raised.
        """
        ...

    def can(self, verb: str, kind: Kind, namespace: str, *, name: str = "") -> bool:
        """Whether whoever we are may do this, by a SelfSubjectAccessReview; without `name`, to all objects."""
        ...

    def close(self) -> None:
        """Give up connections and end watches."""
        ...


@runtime_checkable
class TimeLimited(Protocol):
    """A cluster that can hurry; the Kubernetes adapter does, where others have no time limits at all."""

    def within(self, seconds: float, attempt_seconds: float = 0.0) -> Cluster:
        """The same cluster, each call of which ends within so many seconds, and does not queue behind other calls.

        For what is worth nothing when it is late. `attempt_seconds` bounds one of several attempts; 0 is no bound.
        """
        ...


def hurry(cluster: Cluster, seconds: float, attempt_seconds: float = 0.0) -> Cluster:
    """The same cluster with these limits where it can hurry; as it is where it has none."""
    return cluster.within(seconds, attempt_seconds) if isinstance(cluster, TimeLimited) else cluster


@runtime_checkable
class Guardable(Protocol):
    """A cluster whose writes may take a while until they go out: they wait for a connection, or are tried again."""

    def guarded(self, check: Callable[[], None]) -> Cluster:
        """The same cluster, which calls `check` right before a write goes out, also one that is tried again."""
        ...


@runtime_checkable
class SchemaSource(Protocol):
    """A cluster that tells the schemas of its kinds; a simulated one has none."""

    def read_schemas(self, api_version: str) -> Mapping[str, Body]:
        """The schemas of one version of a group by name, as its OpenAPI v3 document has them; empty without one."""
        ...
