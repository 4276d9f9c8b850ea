"""The simulated cluster: an implementation of the cluster port in one process.

Owns: what a client may ask, and the answers of an API server. Refuses: what happens by itself (`controllers`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from generator.cluster.kinds import Kind, ObjectRef, find_kind, ref_of
from generator.cluster.port import FIELD_MANAGER, Body, Propagation, WatchEvent
from generator.cluster.simulated.bodies import (
    POD_KEY,
    address_of_ref,
    copy_in,
    copy_out,
    key_of_kind,
    labels_of,
)
from generator.cluster.simulated.clock import Clock, SystemClock
from generator.cluster.simulated.controllers import Controllers
from generator.cluster.simulated.defaults import set_defaults
from generator.cluster.simulated.faults import Faults
from generator.cluster.simulated.field_owners import Conflicting, apply_manifest, keep_times, update_body
from generator.cluster.simulated.json_patch import PatchInvalid, TestFailed, apply_operations
from generator.cluster.simulated.merging import without_empty
from generator.cluster.simulated.quotas import find_exceeded
from generator.cluster.simulated.refusals import (
    say_conflicts,
    say_invalid,
    say_kind_missing,
    say_namespace_missing,
    say_quota,
    say_stale,
)
from generator.cluster.simulated.scheduling import make_nodes
from generator.cluster.simulated.selectors import Selector, SelectorInvalid, read_selector
from generator.cluster.simulated.times import DEFAULT_POOLS, NodePool, SimulatedTimes
from generator.cluster.simulated.validation import check_object
from generator.cluster.simulated.watching import Subscription
from generator.errors import ClusterUnreachable, ObjectInvalid

VERSION = "simulated"
_QUOTA_KIND = Kind("v1", "ResourceQuota", "resourcequotas")
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class SimulatedCluster:
    """A cluster that only plays one. May be shared by threads.

    `clock`: with a ManualClock nothing happens by itself until `settle` or `advance`. `missing_kinds`: kinds that this
    cluster does not know. `extra_kinds`: kinds that it keeps without knowing what they mean. `strict_namespaces`
    False: namespaces come into being when they are first named.
    """

    def __init__(
        self,
        name: str = "simulated",
        *,
        clock: Clock | None = None,
        times: SimulatedTimes | None = None,
        pools: Sequence[NodePool] = DEFAULT_POOLS,
        missing_kinds: Iterable[Kind] = (),
        extra_kinds: Iterable[Kind] = (),
        strict_namespaces: bool = True,
    ) -> None:
        self._name = name
        self._controllers = Controllers(clock or SystemClock(), times or SimulatedTimes())
        self._world = self._controllers.world
        self._store = self._world.store
        self._driver = self._world.driver
        self._lock = self._driver.lock
        self._missing = {key_of_kind(kind) for kind in missing_kinds}
        self._extra = {key_of_kind(kind): kind for kind in (*extra_kinds, _QUOTA_KIND)}
        self._strict_namespaces = strict_namespaces
        self._closed = False
        self.faults = Faults()
        with self._lock:
            for namespace in _NAMESPACES:
                self._make_namespace(namespace)
            for node in (node for pool in pools for node in make_nodes(pool)):
                self._world.create(node, "kubelet")

    @property
    def name(self) -> str:
        """The cluster's name, as environments give it."""
        return self._name

    @property
    def is_simulated(self) -> bool:
        """True: it only plays a cluster."""
        return True

    def version(self) -> str:
        """`simulated`."""
        self._check("version", "")
        return VERSION

    def settle(self) -> None:
        """Do all that is due now, in the caller's thread; for a manual clock."""
        self._driver.settle()

    def advance(self, seconds: float) -> None:
        """Move a manual clock, doing on the way whatever becomes due."""
        self._driver.advance(seconds)

    def lose_watches(self, reason: str = "the connection was cut") -> None:
        """Break all watches, as a restart of an API server does: each says LOST and lists anew."""
        with self._lock:
            self._store.lose_watches(reason)

    def read(self, ref: ObjectRef) -> Body | None:
        """The live object with its managedFields, or None."""
        self._check("read", ref.kind.name, ref.name)
        with self._lock:
            found = self._store.find(address_of_ref(ref))
        return None if found is None else copy_out(found)

    def list(self, kind: Kind, namespace: str, labels: str = "") -> Iterator[Body]:
        """All objects of a kind; KindMissing where the cluster has no such kind."""
        self._check("list", kind.name)
        self._require_kind(kind)
        selects = self._read_selector(labels)
        with self._lock:
            found = [body for body in self._store.iterate(key_of_kind(kind), namespace) if selects(labels_of(body))]
        return (copy_out(body) for body in found)

    def apply(
        self,
        body: Body,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
        only_new: bool = False,
    ) -> Body:
        """Server-side apply, with real ownership of fields; see the port."""
        given, ref = self._take_in("apply", body)
        if given["metadata"].get("managedFields") is not None:
            raise say_invalid(self._name, ref, [("metadata.managedFields", "must be nil")])
        with self._lock:
            live = self._store.find(address_of_ref(ref))
            if only_new and live is not None:
                raise say_stale(self._name, ref, "it is there already")
            self._check_preconditions(ref, given, live)
            self._require_namespace(ref)
            try:
                merged = apply_manifest(ref.kind.group, live, given, manager, force, self._world.now_text())
            except Conflicting as error:
                raise say_conflicts(self._name, ref, error.conflicts) from error
            return self._keep(ref, merged, live, dry_run)

    def create(self, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Create an object. StaleObject where one of this name is there already."""
        given, ref = self._take_in("create", body)
        with self._lock:
            if self._store.find(address_of_ref(ref)) is not None:
                raise say_stale(self._name, ref, "it is there already")
            self._require_namespace(ref)
            given["metadata"].pop("managedFields", None)
            made = update_body(ref.kind.group, None, given, manager, self._world.now_text())
            return self._keep(ref, made, None)

    def replace(self, body: Body, *, manager: str = FIELD_MANAGER) -> Body:
        """Replace an object as a whole, by its resourceVersion. StaleObject where it was changed or is gone."""
        given, ref = self._take_in("replace", body)
        with self._lock:
            live = self._store.find(address_of_ref(ref))
            if live is None:
                raise say_stale(self._name, ref, "it is not there any more")
            self._check_preconditions(ref, given, live)
            return self._update(ref, live, given, manager)

    def patch(self, ref: ObjectRef, operations: Sequence[Mapping[str, Any]], *, manager: str = FIELD_MANAGER) -> Body:
        """Apply a JSON patch (RFC 6902). StaleObject where a `test` operation fails or the object is gone."""
        self._check("patch", ref.kind.name, ref.name)
        with self._lock:
            live = self._store.find(address_of_ref(ref))
            if live is None:
                raise say_stale(self._name, ref, "it is not there any more")
            try:
                patched = apply_operations(copy_out(live), copy_in(operations))
            except TestFailed as error:
                raise say_stale(self._name, ref, f"a test of the patch failed: {error}") from error
            except PatchInvalid as error:
                raise say_invalid(self._name, ref, [("", f"the patch is wrong: {error}")]) from error
            if not isinstance(patched, dict) or ref_of(patched) != ref_of(live):
                raise say_invalid(self._name, ref, [("metadata", "a patch cannot make another object of it")])
            self._check_preconditions(ref, patched, live)
            return self._update(ref, live, patched, manager)

    def delete(
        self, ref: ObjectRef, *, uid: str, resource_version: str = "", propagation: Propagation = Propagation.BACKGROUND
    ) -> bool:
        """Delete this very object; False where there is none any more. StaleObject where it is another one by now."""
        self._check("delete", ref.kind.name, ref.name)
        with self._lock:
            live = self._store.find(address_of_ref(ref))
            if live is None:
                return False
            metadata = live["metadata"]
            if metadata["uid"] != uid:
                raise say_stale(self._name, ref, f"it has the uid {metadata['uid']}, not {uid}")
            if resource_version and metadata["resourceVersion"] != resource_version:
                raise say_stale(self._name, ref, f"it is at {metadata['resourceVersion']}, not {resource_version}")
            self._world.delete(live, orphan=propagation is Propagation.ORPHAN)
            return True

    def watch(self, kind: Kind, namespace: str, stop: threading.Event, labels: str = "") -> Iterator[WatchEvent]:
        """Everything that happens to objects of a kind until `stop` is set or the cluster is closed; see the port."""
        self._check("watch", kind.name)
        self._require_kind(kind)
        subscription = Subscription(namespace, self._read_selector(labels) if labels else None)
        with self._lock:
            self._store.subscribe(key_of_kind(kind), subscription)
        try:
            yield from subscription.iterate(stop)
        finally:
            with self._lock:
                self._store.unsubscribe(key_of_kind(kind), subscription)

    def can(self, verb: str, kind: Kind, namespace: str, *, name: str = "") -> bool:
        """Everything is allowed."""
        self._check("can", kind.name)
        return True

    def close(self) -> None:
        """End the cluster: its watches, its thread, and all that is in it."""
        self._closed = True
        with self._lock:
            self._store.end_watches()
        self._driver.close()

    def _take_in(self, verb: str, body: Body) -> tuple[dict[str, Any], ObjectRef]:
        given: dict[str, Any] = copy_in(body)
        ref = ref_of(given)
        self._check(verb, ref.kind.name, ref.name)
        self._require_kind(ref.kind)
        if not ref.name:
            raise say_invalid(self._name, ref, [("metadata.name", "Required value: name is required")])
        if ref.kind.namespaced and not ref.namespace:
            raise say_invalid(self._name, ref, [("metadata.namespace", "Required value")])
        return given, ref

    def _check(self, verb: str, kind: str, name: str = "") -> None:
        if self._closed:
            raise ClusterUnreachable(f"cluster {self._name} is closed", hint="open it again", retryable=False)
        self.faults.check(verb, kind, name)

    def _require_kind(self, kind: Kind) -> None:
        key = key_of_kind(kind)
        known = find_kind(kind.api_version, kind.name) is not None or key in self._extra
        if not known or key in self._missing:
            raise say_kind_missing(self._name, kind)

    def _read_selector(self, labels: str) -> Selector:
        try:
            return read_selector(labels)
        except SelectorInvalid as error:
            raise ObjectInvalid(f"cluster {self._name}: {error}") from error

    def _require_namespace(self, ref: ObjectRef) -> None:
        if not ref.kind.namespaced or self._store.find((("", "Namespace"), "", ref.namespace)) is not None:
            return
        if self._strict_namespaces:
            raise say_namespace_missing(self._name, ref)
        self._make_namespace(ref.namespace)

    def _make_namespace(self, name: str) -> None:
        self._world.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, "simulated")

    def _check_preconditions(self, ref: ObjectRef, given: Body, live: Body | None) -> None:
        """What is given may say which object, and which version of it, is meant."""
        metadata = given["metadata"]
        uid, version = metadata.get("uid"), metadata.get("resourceVersion")
        if live is None:
            if uid or version:
                raise say_stale(self._name, ref, "it is not there any more")
            return
        if uid and uid != live["metadata"]["uid"]:
            raise say_stale(self._name, ref, f"it has the uid {live['metadata']['uid']}, not {uid}")
        if version and version != live["metadata"]["resourceVersion"]:
            raise say_stale(self._name, ref, "it was changed meanwhile")

    def _update(self, ref: ObjectRef, live: Body, given: dict[str, Any], manager: str) -> Body:
        """A write to the main resource: the status stays, where it is the controllers'."""
        if "status" in live and ref.kind.group != "":
            given["status"] = live["status"]
        changed = update_body(ref.kind.group, live, given, manager, self._world.now_text())
        return self._keep(ref, changed, live)

    def _keep(self, ref: ObjectRef, body: dict[str, Any], live: Body | None, dry_run: bool = False) -> Body:
        """Fill in, check, store."""
        filled = set_defaults(without_empty(body))
        if live is not None:
            filled = keep_times(live, filled)
        check_object(self._name, ref, filled, live)
        if live is None and key_of_kind(ref.kind) == POD_KEY and (over := find_exceeded(self._store, filled)):
            raise say_quota(self._name, ref, over)
        if dry_run:
            return copy_out(self._store.preview(filled))
        stored = self._store.insert(filled) if live is None else self._store.replace(filled)
        if live is not None:
            self._world.finish_deletion(stored)
        return copy_out(stored)
