"""A cluster that is written only while we lead.

Owns: asking, before every write and before each attempt at it, whether the lease is still held. Refuses: everything
else of the cluster port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

from generator.cluster.kinds import Kind, ObjectRef
from generator.cluster.port import FIELD_MANAGER, Body, Cluster, Guardable, Propagation, WatchEvent, hurry
from generator.errors import NotLeading


class FencedCluster:
    """Passes everything on; a write raises NotLeading once `is_leading` says no."""

    def __init__(self, cluster: Cluster, is_leading: Callable[[], bool]) -> None:
        self._cluster = cluster
        self._is_leading = is_leading
        # A process may be stopped, or a server busy, between the question and the write: it is asked again then.
        self._writer = cluster.guarded(self._check) if isinstance(cluster, Guardable) else cluster

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self._cluster.name

    @property
    def is_simulated(self) -> bool:
        """Whether it only plays a cluster."""
        return self._cluster.is_simulated

    def version(self) -> str:
        """The server's version."""
        return self._cluster.version()

    def within(self, seconds: float, attempt_seconds: float = 0.0) -> FencedCluster:
        """The same cluster with other limits, where it has any."""
        limited = hurry(self._cluster, seconds, attempt_seconds)
        return self if limited is self._cluster else FencedCluster(limited, self._is_leading)

    def read(self, ref: ObjectRef) -> Body | None:
        """The live object."""
        return self._cluster.read(ref)

    def list(self, kind: Kind, namespace: str, labels: str = "") -> Iterator[Body]:
        """All objects of a kind."""
        return self._cluster.list(kind, namespace, labels)

    def apply(
        self,
        body: Body,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
        only_new: bool = False,
    ) -> Body:
        """Server-side apply, while we lead."""
        self._check()
        return self._writer.apply(body, manager=manager, force=force, dry_run=dry_run, only_new=only_new)

    def create(self, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Create, while we lead."""
        self._check()
        return self._writer.create(body, manager=manager)

    def replace(self, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Replace, while we lead."""
        self._check()
        return self._writer.replace(body, manager=manager)

    def patch(self, ref: ObjectRef, operations: Sequence[Mapping[str, Any]], *, manager: str = FIELD_MANAGER) -> Body:
        """Patch, while we lead."""
        self._check()
        return self._writer.patch(ref, operations, manager=manager)

    def delete(
        self, ref: ObjectRef, *, uid: str, resource_version: str = "", propagation: Propagation = Propagation.BACKGROUND
    ) -> bool:
        """Delete, while we lead."""
        self._check()
        return self._writer.delete(ref, uid=uid, resource_version=resource_version, propagation=propagation)

    def watch(self, kind: Kind, namespace: str, stop: Event, labels: str = "") -> Iterator[WatchEvent]:
        """Everything that happens to a kind."""
        return self._cluster.watch(kind, namespace, stop, labels)

    def can(self, verb: str, kind: Kind, namespace: str, *, name: str = "") -> bool:
        """Whether we may."""
        return self._cluster.can(verb, kind, namespace, name=name)

    def close(self) -> None:
        """Nothing: whoever made the cluster closes it."""

    def _check(self) -> None:
        if not self._is_leading():
            raise NotLeading("another instance leads, or may lead by now: nothing more is written here")
