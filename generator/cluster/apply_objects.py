"""Bring one endpoint's objects to what git says, in place.

Owns: the order, one object's way through (unchanged, handed over, applied, healed, left to others), and that one
object's failure stops no other. Refuses: pruning (`prune`), adoption (`adopt`), and what the endpoint is about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from generator.cluster.changes import Action, ChangeSet, ObjectChange
from generator.cluster.conflicts import apply_over
from generator.cluster.drift import Drift, blocks_apply, content_of, find_drift, is_added, is_ours, say_makers
from generator.cluster.kinds import DEPLOYMENT, ObjectRef, ref_of
from generator.cluster.orphans import count_replicas, create_over_orphans, find_orphans
from generator.cluster.ownership import is_applied
from generator.cluster.policy import ADOPTING, ApplyPolicy
from generator.cluster.port import Body, Cluster
from generator.cluster.replicas import hand_over, least_replicas, leaves_replicas, must_hand_over, seed
from generator.cluster.takeover import take_fields
from generator.errors import NotOurs, RevstampError, StaleObject
from generator.render.pods import REVISION


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an object, and the live object afterwards where it is known."""

    change: ObjectChange
    live: Body | None = None


def _may_be() -> bool:
    """Where nobody has looked."""
    return True


@dataclass(frozen=True, slots=True)
class Listing:
    """What a listing before the pass has shown; it only saves requests, and may be wrong by now.

    `absent`: objects that it did not show: they are made without being read first. `may_have_orphans`: whether one of
    them, a Deployment, may meet pods that others have left.
    """

    absent: Collection[ObjectRef] = ()
    may_have_orphans: Callable[[], bool] = _may_be


NO_LISTING = Listing()


@dataclass(frozen=True, slots=True)
class _Work:
    """One object to apply, and how."""

    cluster: Cluster
    manifest: Body
    ref: ObjectRef
    policy: ApplyPolicy
    least: int
    kept: str
    may_have_orphans: Callable[[], bool] = _may_be


def order_manifests(manifests: Sequence[Body]) -> list[Body]:
    """Prerequisites first, then the Service and the workload, then what refers to them."""
    return sorted(manifests, key=lambda body: (ref_of(body).kind.rank, str(body.get("kind"))))


def apply_objects(
    cluster: Cluster, manifests: Sequence[Body], policy: ApplyPolicy, listing: Listing = NO_LISTING
) -> tuple[Applied, ...]:
    """Apply all, each by itself."""
    return tuple(
        apply_object(cluster, manifest, policy, least=least_replicas(manifests, manifest), listing=listing)
        for manifest in order_manifests(manifests)
    )


def collect_changes(applied: Sequence[Applied]) -> ChangeSet:
    """The changes alone."""
    return ChangeSet(tuple(item.change for item in applied))


def apply_object(
    cluster: Cluster,
    manifest: Body,
    policy: ApplyPolicy,
    *,
    least: int = 1,
    kept: str = "",
    listing: Listing = NO_LISTING,
) -> Applied:
    """Make or read one object, and apply it; whatever goes wrong becomes part of the answer.

    What a listing did not show may be there by now, and may be somebody else's: then it is not made, but read. A new
    Deployment keeps the pods that one of its name has left behind.

    `least`: replicas that an autoscaler keeps at least, for a Deployment whose number git leaves open. `kept`: why an
    object that is there and differs is not to be changed now, in words.
    """
    ref = ref_of(manifest)
    try:
        if ref in listing.absent:
            with suppress(StaleObject):
                return _create(_Work(cluster, manifest, ref, policy, least, kept, listing.may_have_orphans))
        live = cluster.read(ref)
    except RevstampError as error:
        return Applied(ObjectChange(ref, Action.FAILED, error.message, error))
    return apply_to_live(cluster, manifest, live, policy, least=least, kept=kept)


def apply_to_live(
    cluster: Cluster, manifest: Body, live: Body | None, policy: ApplyPolicy, *, least: int = 1, kept: str = ""
) -> Applied:
    """Like `apply_object`, to what has just been read of the object: None where there is none."""
    ref = ref_of(manifest)
    work = _Work(cluster, manifest, ref, policy, least, kept)
    try:
        return _create(work) if live is None else _update(work, live)
    except RevstampError as error:
        drift = find_drift(manifest, live) if live is not None else ()
        return Applied(ObjectChange(ref, Action.FAILED, error.message, error, drift), live)


def _create(work: _Work) -> Applied:
    if replicas := _count_orphaned(work):
        reason = f"it adopts {replicas} pods that a Deployment of this name has left, and rolls them"
        if work.policy.dry_run:
            made = work.cluster.apply(work.manifest, dry_run=True, only_new=True)
        else:
            made = create_over_orphans(work.cluster, work.manifest, replicas, work.least)
        return Applied(ObjectChange(work.ref, Action.CREATED, reason), made)
    created = work.cluster.apply(work.manifest, dry_run=work.policy.dry_run, only_new=True)
    if not work.policy.dry_run and leaves_replicas(work.manifest):
        seed(work.cluster, created, work.least)
    return Applied(ObjectChange(work.ref, Action.CREATED), created)


def _count_orphaned(work: _Work) -> int:
    """Pods that a new Deployment would adopt at once, and scale to its own number.

    An adoption that was cut off, or that is under way, leaves them, and so does a deletion by hand with
    `--cascade=orphan`.
    """
    if work.ref.kind != DEPLOYMENT or not work.may_have_orphans():
        return 0
    selector = (work.manifest.get("spec") or {}).get("selector") or {}
    return count_replicas(find_orphans(work.cluster, work.ref, selector))


def _update(work: _Work, live: Body) -> Applied:
    if not is_ours(live):
        raise NotOurs(
            f"{work.ref} is there already and was made by {say_makers(live)}",
            hint="`revstamp adopt ENDPOINT` shows how it can be taken over, or delete it by hand",
        )
    if ADOPTING in (live["metadata"].get("annotations") or {}):
        reason = "an adoption is under way; `revstamp adopt` finishes it"
        return Applied(ObjectChange(work.ref, Action.SKIPPED, reason), live)
    same = is_applied(work.manifest, live)
    if work.kept and not same:
        return Applied(ObjectChange(work.ref, Action.SKIPPED, work.kept))
    drift = find_drift(work.manifest, live)
    heals = work.policy.heal and any(map(is_added, drift))
    if same and not heals:
        return Applied(ObjectChange(work.ref, Action.UNCHANGED, _say_left(drift), drift=drift), live)
    if _is_left(work, live, drift):
        return Applied(ObjectChange(work.ref, Action.SKIPPED, _say_left(drift), drift=drift), live)
    return _configure(work, live, drift)


def _is_left(work: _Work, live: Body, drift: tuple[Drift, ...]) -> bool:
    """Whether nothing is to be done but what somebody did by hand, and the policy leaves that where it stands.

    That is so where this very revision was applied before: what differs since is theirs.
    """
    if work.policy.heal or work.policy.force or not any(map(blocks_apply, drift)):
        return False
    return _revision(live) == _revision(work.manifest)


def _revision(body: Body) -> str | None:
    annotations = body["metadata"].get("annotations") or {}
    found = annotations.get(REVISION)
    return None if found is None else str(found)


def _configure(work: _Work, live: Body, drift: tuple[Drift, ...]) -> Applied:
    cluster, dry = work.cluster, work.policy.dry_run
    base = live
    if not dry and work.policy.heal and any(map(is_added, drift)):
        managers = sorted({item.manager for item in drift if is_added(item)})
        base = take_fields(cluster, live, lambda _: [(manager, "Update") for manager in managers])
    if not dry and must_hand_over(work.manifest, base):
        hand_over(cluster, base, work.least)
    done, left = apply_over(cluster, work.manifest, work.policy)
    healed = [item for item in drift if work.policy.heal and blocks_apply(item)] if not left else []
    reason = "; ".join(part for part in (*(f"undone: {item}" for item in healed), left) if part)
    # Controllers write while we do, and in a dry run the version does not move at all.
    same = (not dry and _version(done) == _version(live)) or content_of(done) == content_of(live)
    return Applied(ObjectChange(work.ref, Action.UNCHANGED if same else Action.CONFIGURED, reason, drift=drift), done)


def _version(body: Body) -> str:
    return str(body["metadata"].get("resourceVersion"))


def _say_left(drift: Sequence[Drift]) -> str:
    return "; ".join(f"left as it is: {item}" for item in drift)
