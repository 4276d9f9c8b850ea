"""One environment of one cluster, brought to one commit, endpoint by endpoint.

Owns: what an endpoint's pass consists of: suspended or not, waiting for a slot or not, which objects are out of sync,
which git no longer has and whether they may be pruned. Refuses: loops, threads, watches; `apply` and the reconciler
both work through this.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from generator.cluster.changes import Action, ChangeSet, ObjectChange
from generator.cluster.endpoint_pass import EndpointPass, run_pass
from generator.cluster.kinds import DEPLOYMENT, INFERENCE_SERVICE, RENDERED, ObjectRef, ref_of
from generator.cluster.policy import ApplyPolicy, PruneLimit
from generator.cluster.port import Body, Cluster
from generator.cluster.prune import check_limit
from generator.cluster.record import AppliedRecord
from generator.errors import InvalidInput, NotFound, Refused, RevstampError
from generator.reconciler.slots import RolloutSlots
from generator.reconciler.sync_index import SyncIndex
from generator.render.pods import pod_revision_path, value_at
from generator.service.desired import DesiredEndpoint, DesiredEnvironment, DesiredObject
from generator.service.fleet import EndpointRef

_CACHED_ENDPOINTS = 256
_WORKLOADS = (DEPLOYMENT, INFERENCE_SERVICE)
_APPLIED = (Action.CREATED, Action.CONFIGURED, Action.UNCHANGED)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How a pass treats what it meets; None: as the environment says."""

    heal: bool | None = None
    force: bool = False
    dry_run: bool = False
    prune: bool = True
    confirmed_prune: int = 0
    """Objects that may be pruned though the environment's limit is lower."""
    ignore_suspend: bool = False


@dataclass(frozen=True, slots=True)
class EndpointResult:
    """What a pass did to one endpoint. `held`: why it has not been looked at, in words."""

    name: str
    commit: str
    revision: int
    pod_revision: int
    changes: ChangeSet = field(default_factory=ChangeSet)
    held: str = ""
    error: RevstampError | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the cluster has all of what git wants of it."""
        return not self.held and self.error is None and self.changes.is_complete

    @property
    def waits_for_slot(self) -> bool:
        """Whether it only waits until other rollouts have ended."""
        return self.held.startswith(WAITING)

    @property
    def errors(self) -> tuple[RevstampError, ...]:
        """Everything that went wrong."""
        own = (self.error,) if self.error is not None else ()
        return (*own, *(change.error for change in self.changes.failed if change.error is not None))

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "endpoint": self.name,
            "revision": self.revision,
            "podRevision": self.pod_revision,
            "complete": self.is_complete,
            "held": self.held,
            "objects": [change.to_dict() for change in self.changes],
            **({"error": self.error.to_dict()} if self.error else {}),
        }


WAITING = "waits for a rollout to end"


class EnvironmentSync:
    """Brings endpoints of one environment to what `desired` says. Shared by threads, one endpoint at a time each."""

    def __init__(
        self,
        cluster: Cluster,
        desired: DesiredEnvironment,
        options: SyncOptions | None = None,
        slots: RolloutSlots | None = None,
    ) -> None:
        self.cluster = cluster
        self.options = options or SyncOptions()
        self.slots = slots
        self._lock = threading.RLock()
        self._desired = desired
        self._read: OrderedDict[str, DesiredEndpoint] = OrderedDict()
        self._done: dict[str, str] = {}
        self._prune_refusal: Refused | None = None
        self.record: AppliedRecord | None = None
        """What was applied before, by the cluster's own record."""
        self.is_complete_index = False
        """Whether the index holds every object of the rendered kinds: what is not in it is not there."""
        self.index = SyncIndex(self.find_manifest, self._forget_done)

    @property
    def desired(self) -> DesiredEnvironment:
        """The commit that is worked towards."""
        return self._desired

    def move_to(self, desired: DesiredEnvironment) -> None:
        """Work towards another commit from now on."""
        with self._lock:
            self._desired = desired
            self._read.clear()

    def list_objects(self) -> None:
        """List every object of the rendered kinds once, for a pass without watches."""
        from generator.errors import KindMissing

        namespace = self.desired.environment.spec.namespace
        for kind in RENDERED:
            try:
                for body in self.cluster.list(kind, namespace):
                    self.index.observe(kind, body)
            except KindMissing:
                continue
        self.is_complete_index = True

    def look_up(self, names: Iterable[str]) -> None:
        """Read the objects of a few endpoints, for a pass over these alone."""
        from generator.cluster.prune import ENDPOINT
        from generator.errors import KindMissing

        namespace = self.desired.environment.spec.namespace
        for name in names:
            for kind in RENDERED:
                try:
                    for body in self.cluster.list(kind, namespace, f"{ENDPOINT}={name}"):
                        self.index.observe(kind, body)
                except KindMissing:
                    continue

    def read(self, name: str) -> DesiredEndpoint:
        """The endpoint as the current commit wants it; the last ones are kept."""
        with self._lock:
            desired, known = self._desired, self._read.get(name)
            if known is not None:
                self._read.move_to_end(name)
                return known
        found = desired.read(name)
        with self._lock:
            if self._desired is desired:
                self._read[name] = found
                if len(self._read) > _CACHED_ENDPOINTS:
                    self._read.popitem(last=False)
        return found

    def find_manifest(self, endpoint: str, ref: ObjectRef) -> DesiredObject | None:
        """The manifest of an object, or None where git has none (or none that can be read)."""
        try:
            return self._desired.read_object(endpoint, ref)
        except RevstampError:
            return None

    def pending(self) -> tuple[str, ...]:
        """Endpoints that are not known to be in sync, and those that only the cluster still has."""
        traces = self.desired.traces
        behind = [name for name, trace in traces.items() if self._done.get(name) != trace.manifests + trace.stamp]
        strangers = [name for name in self.index.endpoints() if name not in traces]
        return tuple(sorted({*behind, *strangers}))

    def doomed_refs(self, name: str, desired: DesiredEndpoint) -> tuple[ObjectRef, ...]:
        """Objects of an endpoint that revstamp applied and git no longer has, where git says so on purpose."""
        wanted = {ref_of(body) for body in desired.bodies}
        if not desired.bodies and not desired.is_deleted and desired.traces.file:
            return ()  # its file is there and nothing is rendered: that is a failed render, not a wish
        left = [ref for ref in self.index.owned_refs(name) if ref not in wanted]
        return tuple(dict.fromkeys((*left, *self._recorded_refs(name, wanted))))

    def _recorded_refs(self, name: str, wanted: set[ObjectRef]) -> list[ObjectRef]:
        """Objects of kinds that are not looked through, from the tree that was applied last."""
        commit = self.record.commit_of(name) if self.record else ""
        if not commit or commit == self.desired.commit:
            return []
        try:
            older = DesiredEnvironment(self.desired.snapshot.repository.snapshot(commit), self.desired.name)
            if older.traces.get(name) == self.desired.traces.get(name):
                return []
            bodies = older.read(name).bodies
        except RevstampError:
            return []  # a shallow clone, or another history: what revstamp renders itself is found by its label
        refs = (ref_of(body) for body in bodies)
        return [ref for ref in refs if ref not in wanted and ref.kind not in RENDERED]

    def check_pruning(self, names: Iterable[str]) -> Refused | None:
        """Whether what these endpoints would have pruned is too much for one pass; remembered for their passes."""
        self._prune_refusal = None
        if not self.options.prune:
            return None
        doomed: list[ObjectRef] = []
        for name in names:
            try:
                if self._may_have_doomed(name):
                    doomed += self.doomed_refs(name, self.read(name))
            except RevstampError:
                continue
        try:
            self._refuse_emptiness(doomed)
            allowed = max(self.desired.environment.spec.policies.prune_limit, self.options.confirmed_prune)
            check_limit(doomed, PruneLimit(allowed), f"environment {self.desired.name}")
        except Refused as refused:
            self._prune_refusal = refused
        except RevstampError:
            pass
        return self._prune_refusal

    def _may_have_doomed(self, name: str) -> bool:
        """Whether the cluster has an object of a kind that git does not have of the endpoint; nothing is parsed."""
        owned = {f"{ref.kind.name.lower()}.yaml" for ref in self.index.owned_refs(name)}
        return not owned <= self.desired.blobs(name).keys() or bool(self.record and self.record.apart.get(name))

    def _refuse_emptiness(self, doomed: list[ObjectRef]) -> None:
        """Refused where the commit has no manifests at all, nor says of each endpoint that it was deleted."""
        if not doomed or any(trace.manifests for trace in self.desired.traces.values()):
            return
        if all(self.read(name).is_deleted for name in self.index.endpoints()):
            return
        raise Refused(
            f"environment {self.desired.name}: the commit has no manifests at all; nothing is pruned",
            hint="bring them back, or delete endpoints with `revstamp delete`",
        )

    def sync(self, name: str) -> EndpointResult:
        """One endpoint's pass. Whatever is wrong with it is part of the answer."""
        result = self._sync(name)
        if self.slots is not None and not result.waits_for_slot:
            for waiting in self._give_back(self.slots, result):
                self.on_change(waiting)
        return result

    def _sync(self, name: str) -> EndpointResult:
        desired_environment = self.desired
        try:
            settled = self._find_settled(desired_environment, name)
            if settled is not None:
                return settled
            desired = self.read(name)
        except RevstampError as error:
            return EndpointResult(name, desired_environment.commit, 0, 0, error=error)
        result = EndpointResult(name, desired_environment.commit, desired.revision, desired.pod_revision)
        try:
            held = self._hold(desired_environment, desired)
            if held:
                return replace(result, held=held)
            result = replace(result, changes=self._run(desired))
        except RevstampError as error:
            return replace(result, error=error)
        if result.is_complete:
            trace = desired.traces
            self._done[name] = trace.manifests + trace.stamp
        return result

    def _give_back(self, slots: RolloutSlots, result: EndpointResult) -> tuple[str, ...]:
        """The slot of an endpoint that begins no rollout: nobody would ever see that one end. Who may try now."""
        waiting = slots.leave(result.name)
        if result.held or (result.error is None and _is_rolled_out(result.changes)):
            return waiting
        return (*waiting, *slots.release(result.name))

    def _find_settled(self, environment: DesiredEnvironment, name: str) -> EndpointResult | None:
        """The result for an endpoint that has nothing to do, found without parsing anything but its stamp."""
        blobs = environment.blobs(name)
        refs = self.index.find_settled(name, blobs) if blobs else None
        if refs is None or environment is not self.desired:
            return None
        trace = environment.traces[name]
        stamp = environment.fleet.stamp(EndpointRef(environment.name, name))
        self._done[name] = trace.manifests + trace.stamp
        changes = ChangeSet(tuple(ObjectChange(ref, Action.UNCHANGED) for ref in refs))
        revisions = (stamp.revision, stamp.pod_revision) if stamp else (0, 0)
        return EndpointResult(name, environment.commit, *revisions, changes)

    def _hold(self, environment: DesiredEnvironment, desired: DesiredEndpoint) -> str:
        """Why the endpoint is left alone for now, in words."""
        name = desired.ref.name
        if not self.options.ignore_suspend:
            if environment.environment.spec.suspend:
                return f"environment {environment.name} is suspended"
            if environment.is_suspended(name):
                return f"{desired.ref} is suspended"
        if self.slots is None or not self._restarts(desired):
            return ""
        if self.is_failing(name):
            self.slots.hold(name, desired.pod_revision)  # what mends a failed rollout waits for no other
        elif not self.slots.take(name, desired.pod_revision):
            return f"{WAITING}: {', '.join(self.slots.holders())}"
        return ""

    def _restarts(self, desired: DesiredEndpoint) -> bool:
        """Whether applying it replaces pods that run."""
        for body in desired.bodies:
            ref = ref_of(body)
            path = pod_revision_path(ref.kind.name)
            if path is None:
                continue
            mark = self.index.find(ref)
            if mark is not None and mark.replicas and mark.ours:
                return mark.pod_revision != str(value_at(body, *path))
        return False

    def _run(self, desired: DesiredEndpoint) -> ChangeSet:
        name = desired.ref.name
        doomed = self.doomed_refs(name, desired) if self.options.prune else ()
        refusal = self._prune_refusal
        kept = tuple(ObjectChange(ref, Action.SKIPPED, refusal.message) for ref in doomed) if refusal else ()
        swaps = any(ref.kind in _WORKLOADS for ref in doomed)  # whether the successor serves must be seen
        fresh = [
            item
            for item in desired.objects
            if not self._is_settled(item) or (swaps and ref_of(item.body).kind in _WORKLOADS)
        ]
        same = tuple(ObjectChange(ref_of(item.body), Action.UNCHANGED) for item in desired.objects if item not in fresh)
        bodies = [item.body for item in fresh]
        done = run_pass(self.cluster, EndpointPass(name, bodies, () if refusal else doomed, self._policy()), self._find)
        if not self.options.dry_run:
            ends = {change.ref: change for change in done.changes}
            for item in fresh:
                ref = ref_of(item.body)
                if (live := done.live.get(ref)) is not None:
                    self.index.note(item, live, applied=ends[ref].action in _APPLIED)
            for change in done.changes:
                if change.action is Action.PRUNED:
                    self.index.forget(change.ref)
        return ChangeSet((*done.changes, *same, *kept))

    def _is_settled(self, item: DesiredObject) -> bool:
        """Whether nothing is to be done for an object, nor to be told about it."""
        mark = self.index.find(ref_of(item.body))
        return mark is not None and not mark.drift and mark.blob == item.blob

    def _find(self, ref: ObjectRef) -> Body | None:
        if self.is_complete_index and ref.kind in RENDERED and self.index.find(ref) is None:
            return None
        return self.cluster.read(ref)

    def _policy(self) -> ApplyPolicy:
        heal = self.options.heal
        if heal is None:
            try:
                heal = self.desired.environment.spec.policies.drift == "heal"
            except (InvalidInput, NotFound):
                heal = False
        return ApplyPolicy(heal, self.options.force, self.options.dry_run)

    def _forget_done(self, name: str) -> None:
        self._done.pop(name, None)
        self.on_change(name)

    def is_failing(self, name: str) -> bool:
        """Whether the endpoint's rollout is known to fail; who follows rollouts says so."""
        return False

    def on_change(self, name: str) -> None:
        """Is called when an endpoint's object is not, or no longer, what git wants; the reconciler listens here."""


def _is_rolled_out(changes: ChangeSet) -> bool:
    """Whether a workload is what git says: not one that the server refused, nor one that git no longer has."""
    return any(change.ref.kind in _WORKLOADS and change.action in _APPLIED for change in changes)
