"""One environment of one cluster, brought to one commit, endpoint by endpoint.

Owns: what an endpoint's pass consists of: suspended or not, waiting for a slot or not, which objects are out of sync,
which git no longer has and whether they may be pruned. Refuses: loops, threads, watches; `apply` and the reconciler
both work through this.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from generator.cluster.apply_objects import Listing
from generator.cluster.changes import Action, ChangeSet, ObjectChange
from generator.cluster.drift import blocks_apply
from generator.cluster.endpoint_pass import EndpointPass, run_pass
from generator.cluster.kinds import RENDERED, WORKLOADS, Kind, ObjectRef, ref_of
from generator.cluster.orphans import OrphanHint
from generator.cluster.policy import ApplyPolicy
from generator.cluster.port import Body, Cluster
from generator.cluster.record import AppliedRecord
from generator.errors import InvalidInput, KindMissing, NotFound, Refused, RevstampError
from generator.reconciler.endpoint_result import APPLIED, WAITING, EndpointResult, SyncOptions, is_rolled_out
from generator.reconciler.leftovers import Leftovers
from generator.reconciler.prune_gate import PruneGate, limit_pruning
from generator.reconciler.slots import RolloutSlots
from generator.reconciler.sync_index import SyncIndex, endpoint_of
from generator.render.pods import ENDPOINT, pod_revision_path, value_at
from generator.service.desired import DesiredEndpoint, DesiredEnvironment, DesiredObject, Traces, file_of
from generator.service.fleet import EndpointRef

_CACHED_ENDPOINTS = 256
FEW = 20
"""Endpoints whose objects alone are listed; for more, everything in the namespace is."""
READ_AHEAD = 100
"""Endpoints, or objects, that are read from git at one time: some 200 kB of the 4 MB that are kept."""
_LISTS_AT_ONCE = 3
"""The server writes one list while another is read; more would only hold more of them in memory."""


class EnvironmentSync:
    """Brings endpoints of one environment to what `desired` says. Shared by threads, one endpoint at a time each."""

    def __init__(
        self,
        cluster: Cluster,
        desired: DesiredEnvironment,
        options: SyncOptions | None = None,
        slots: RolloutSlots | None = None,
        *,
        notify: Callable[[str], None] = lambda _: None,
        is_failing: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`notify` is told of an endpoint whose object is not, or no longer, what git wants. `is_failing`: whether an
        endpoint's rollout is known to fail, so that what mends it waits for no slot.
        """
        self._notify, self._is_failing = notify, is_failing
        self.cluster = cluster
        self.options = options or SyncOptions()
        self.slots = slots
        self._lock = threading.RLock()
        self._desired = desired
        self._before: DesiredEnvironment | None = None
        self._read: OrderedDict[str, DesiredEndpoint] = OrderedDict()
        self._done: dict[str, str] = {}
        self._gate = PruneGate()
        self.record: AppliedRecord | None = None
        """What was applied before, by the cluster's own record."""
        self._orphans: tuple[OrphanHint, int] | None = None
        """What a pass over many endpoints has seen of pods without a Deployment, and the Deployments lost before."""
        self._known_leftovers: Leftovers | None = None
        self.index = SyncIndex(self.find_manifest, self._forget_done)

    @property
    def desired(self) -> DesiredEnvironment:
        """The commit that is worked towards."""
        return self._desired

    def move_to(self, desired: DesiredEnvironment) -> None:
        """Work towards another commit from now on; nothing is pruned before that was judged."""
        with self._lock:
            self._gate.close()
            self._before, self._desired = self._desired, desired
            self._read.clear()

    def list_objects(self, labels: str = "") -> None:
        """List every object of the rendered kinds once, for a pass without watches; `labels` as `Cluster.list`."""
        namespace = self.desired.environment.spec.namespace

        def look(kind: Kind) -> None:
            with suppress(KindMissing):
                listed = self.cluster.list(kind, namespace, labels)
                while bodies := list(islice(listed, READ_AHEAD)):
                    self.desired.read_ahead(map(endpoint_of, bodies), file_of(kind))
                    for body in bodies:
                        self.index.observe(kind, body)

        with ThreadPoolExecutor(_LISTS_AT_ONCE) as pool:
            list(pool.map(look, RENDERED))

    def look_up(self, names: Iterable[str]) -> None:
        """List the objects of a few endpoints, for a pass over these alone."""
        if chosen := ",".join(names):
            self.list_objects(f"{ENDPOINT} in ({chosen})")

    def begin_pass(self, count: int) -> None:
        """Before so many endpoints: pods without a Deployment are then asked for once, not for each of them.

        As long as no Deployment that is known now goes away: those of one that does have to be asked for.
        """
        if count > FEW:
            hint = OrphanHint(self.cluster, self.desired.environment.spec.namespace)
            self._orphans = (hint, self.index.lost_deployments)

    def end_pass(self) -> None:
        """Nothing waits any more: what was seen is old by the next time."""
        self._orphans = None

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
        behind = [name for name in self.desired.traces if not self.is_done(name)]
        return tuple(sorted({*behind, *self._leftovers().strangers()}))

    def is_done(self, name: str) -> bool:
        """Whether the cluster is known to have what the current commit says of an endpoint."""
        return self._done.get(name, "") == self.desired.traces.get(name, Traces()).rendered

    def find_same(self, names: Iterable[str], commit: str) -> set[str]:
        """The endpoints of which another commit, where this clone has it, says the same as the current one."""
        leftovers = self._leftovers()
        return {name for name in names if leftovers.is_same_wish(name, commit)}

    def everything(self) -> tuple[str, ...]:
        """Every endpoint, also those that only the cluster still has."""
        return tuple(sorted({*self.desired.traces, *self._leftovers().strangers()}))

    def doomed_refs(self, desired: DesiredEndpoint) -> tuple[ObjectRef, ...]:
        """Objects of an endpoint that revstamp applied and git no longer has; whether they may go is another matter."""
        return self._leftovers().refs_of(desired)

    def _leftovers(self) -> Leftovers:
        with self._lock:
            if self._known_leftovers is None or self._known_leftovers.source != (self._desired, self.record):
                self._known_leftovers = Leftovers(self.index, self._desired, self.record, self._before)
            return self._known_leftovers

    def judge_pruning(self, names: Iterable[str] | None = None) -> Refused | None:
        """Look through all that git no longer has, and say what of it may be pruned; the refusal where it is too much.

        `names`: a pass that is about these endpoints only.
        """
        self._gate.close()
        if not self.options.prune:
            return None
        desired, leftovers = self.desired, self._leftovers()
        confirmed = bool(self.options.confirmed_prune)
        doomed: set[ObjectRef] = set()
        kept: dict[ObjectRef, str] = {}
        for name in self.pending() if names is None else names:
            refs, reason = leftovers.judge(name, self.read, confirmed=confirmed)
            if reason:
                kept.update(dict.fromkeys(refs, reason))
            else:
                doomed.update(refs)
        refusal = limit_pruning(doomed, desired, self.options.confirmed_prune)
        if refusal is not None:
            kept.update(dict.fromkeys(doomed, f"kept: {refusal.message}"))
            doomed = set()
        with self._lock:
            if self._desired is desired:
                self._gate.open(doomed, kept)
        return refusal

    def sync(self, name: str) -> EndpointResult:
        """One endpoint's pass. Whatever is wrong with it is part of the answer."""
        result = self._sync(name)
        if self.slots is not None and not result.waits_for_slot:
            for waiting in self._give_back(self.slots, result):
                self._notify(waiting)
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
            if desired.bodies and (rival := desired_environment.find_rival(name)):
                raise Refused(
                    f"{desired.ref} and {rival}/{name} are in one namespace, where their objects have the same names",
                    hint="give one of the environments another namespace, or one of the endpoints another name",
                )
            result = replace(result, changes=self._run(desired))
        except RevstampError as error:
            return replace(result, error=error)
        if result.is_complete:
            self._done[name] = desired.traces.rendered
        else:
            self._done.pop(name, None)  # what came up during an earlier pass is found by a later one
        return result

    def _give_back(self, slots: RolloutSlots, result: EndpointResult) -> tuple[str, ...]:
        """The slot of an endpoint that begins no rollout: nobody would ever see that one end. Who may try now."""
        waiting = slots.leave(result.name)
        if result.held or (result.error is None and is_rolled_out(result.changes)):
            return waiting
        return (*waiting, *slots.release(result.name))

    def _find_settled(self, environment: DesiredEnvironment, name: str) -> EndpointResult | None:
        """The result for an endpoint that has nothing to do, found without parsing anything but its stamp."""
        blobs = environment.blobs(name)
        refs = self.index.find_settled(name, blobs) if blobs else None
        if refs is None or environment is not self.desired:
            return None
        stamp = environment.fleet.stamp(EndpointRef(environment.name, name))
        self._done[name] = environment.traces[name].rendered
        changes = ChangeSet(tuple(ObjectChange(ref, Action.UNCHANGED) for ref in refs))
        revisions = (stamp.revision, stamp.pod_revision) if stamp else (0, 0)
        return EndpointResult(name, environment.commit, *revisions, changes)

    def _hold(self, environment: DesiredEnvironment, desired: DesiredEndpoint) -> str:
        """Why the endpoint is left alone for now, in words."""
        name = desired.ref.name
        if suspension := environment.find_suspension(name):
            return suspension
        if self.slots is None or not self._restarts(desired):
            return ""
        if self._is_failing(name):
            self.slots.hold(name, desired.pod_revision)  # what mends a failed rollout waits for no other
        elif not self.slots.take(name, desired.pod_revision):
            return f"{WAITING}: {', '.join(self.slots.holders())}"
        return ""

    def _restarts(self, desired: DesiredEndpoint) -> bool:
        """Whether applying it replaces pods that run: another pod revision, or a template that is healed."""
        heal = self._policy().heal
        for body in desired.bodies:
            ref = ref_of(body)
            path = pod_revision_path(ref.kind.name)
            if path is None:
                continue
            mark = self.index.find(ref)
            if mark is not None and mark.replicas and mark.ours:
                edited = any(field.startswith("spec.template") for item in mark.drift for field in item.fields)
                healed = heal and edited and any(map(blocks_apply, mark.drift))
                return healed or mark.pod_revision != str(value_at(body, *path))
        return False

    def _run(self, desired: DesiredEndpoint) -> ChangeSet:
        name = desired.ref.name
        left = self.doomed_refs(desired)
        doomed, kept = self._gate.split(left) if self.options.prune else ((), ())
        swaps = any(ref.kind in WORKLOADS for ref in left)  # whether the successor serves must be seen
        fresh = [
            item
            for item in desired.objects
            if not self._is_settled(item) or (swaps and ref_of(item.body).kind in WORKLOADS)
        ]
        same = tuple(ObjectChange(ref_of(item.body), Action.UNCHANGED) for item in desired.objects if item not in fresh)
        bodies = [item.body for item in fresh]
        staying = [ref for ref in left if ref not in doomed]
        task = EndpointPass(name, bodies, tuple(doomed), self._policy(), staying, self._listing(bodies))
        done = run_pass(self.cluster, task)
        if not self.options.dry_run:
            ends = {change.ref: change for change in done.changes}
            for item in fresh:
                ref = ref_of(item.body)
                if (live := done.live.get(ref)) is not None:
                    self.index.note(item, live, applied=ends[ref].action in APPLIED)
            for change in done.changes:
                if change.action is Action.PRUNED:
                    self.index.forget(change.ref)
        return ChangeSet((*done.changes, *same, *kept))

    def _listing(self, bodies: Iterable[Body]) -> Listing:
        absent = frozenset(ref for ref in map(ref_of, bodies) if self.index.find(ref) is None)
        hint, lost = self._orphans or (None, 0)
        if hint is None or lost != self.index.lost_deployments:
            return Listing(absent)
        return Listing(absent, hint.are_there)

    def _is_settled(self, item: DesiredObject) -> bool:
        """Whether nothing is to be done for an object, nor to be told about it."""
        mark = self.index.find(ref_of(item.body))
        return mark is not None and not mark.drift and mark.blob == item.blob

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
        self._notify(name)
