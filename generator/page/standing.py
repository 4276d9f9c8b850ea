"""How an endpoint or a redeployment stands, in one word of a small vocabulary.

Owns: the kinds (each has a shape, a colour and words) and which of them holds. Refuses: the words themselves
(`language`), storage, clocks. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from generator.rollout.status import Phase
from generator.store.endpoints import EndpointState
from generator.store.redeployment import Redeployment
from generator.store.states import State

HEALTHY, ROLLING, WAITING, WARNING, BROKEN, STOPPED, QUIET = (
    "healthy",
    "rolling",
    "waiting",
    "warning",
    "broken",
    "stopped",
    "quiet",
)
KINDS = (HEALTHY, ROLLING, WAITING, WARNING, BROKEN, STOPPED, QUIET)


@dataclass(frozen=True, slots=True)
class Standing:
    """A kind, the key of its words, and what goes into them."""

    kind: str
    words: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lane:
    """Pods of one revision: what serves, or what is coming. None where it is not known."""

    revision: int | None
    ready: int | None
    wanted: int | None


@dataclass(frozen=True, slots=True)
class Lanes:
    """What serves now, and what is coming (None: nothing)."""

    serving: Lane | None
    coming: Lane | None


def read_lanes(rollout: Mapping[str, Any] | None, coming: int | None = None, quiet: int | None = None) -> Lanes:
    """Both lanes of an assessment, as `RolloutStatus.to_dict` writes it.

    `coming`: a revision that is on its way, also before the assessment is about it. `quiet`: the pods' revision of an
    endpoint of which nothing is to be told (no assessment), so that all its pods are ready.
    """
    if rollout is None:
        serving = Lane(quiet, None, None) if quiet else None
        return Lanes(serving, Lane(coming, 0, None) if coming else None)
    progress, pods = rollout["progress"], rollout["podRevision"]
    wanted, ready, old = progress["wanted"], progress["ready"], progress["oldServing"]
    own = Lane(pods, ready, wanted)
    if coming is not None and rollout["revision"] < coming:
        serving = own if ready or not old else Lane(progress["oldRevision"], old, wanted)
        return Lanes(serving, Lane(coming, 0, None))
    if rollout["newestLive"]:
        return Lanes(own, None)
    serving = Lane(progress["oldRevision"], old, wanted) if old else Lane(None, 0, wanted)
    return Lanes(serving, Lane(rollout["revision"], ready, wanted))


def find_quiet(state: EndpointState | None) -> int | None:
    """The pods' revision of a healthy endpoint of which nothing is to be told."""
    return state.pod_revision if state and state.rollout is None and state.status == "healthy" else None


def judge_endpoint(state: EndpointState | None, active: Redeployment | None, *, is_external: bool = False) -> Standing:
    """How an endpoint stands. `active`: its redeployment that has no verdict yet."""
    if active is not None:
        return judge_redeployment(active, state.rollout if state else None)
    if state is not None and state.is_deleted:
        return Standing(QUIET, "stands.deleted")
    if is_external:
        return Standing(QUIET, "stands.external")
    if state is None:
        return Standing(QUIET, "stands.unknown")
    if state.phase == Phase.STOPPED.value:
        return Standing(STOPPED, "stands.stopped")
    values = {"revision": state.revision, "serving": find_serving(state.rollout)}
    if state.status == "healthy":
        return Standing(HEALTHY, "stands.healthy")
    if state.status == "degraded":
        is_old = values["serving"] not in (state.revision, state.pod_revision)
        return Standing(WARNING, _name(values, "failed") if is_old else "stands.degraded", values)
    if state.status == "failed":
        return Standing(BROKEN, "stands.failed", values)
    return Standing(ROLLING, "stands.rolling", values)


def judge_redeployment(row: Redeployment, rollout: Mapping[str, Any] | None = None) -> Standing:
    """How a redeployment stands. `rollout`: the assessment that goes with it, which tells what serves."""
    serves = bool(rollout and rollout["serving"])
    values = {"revision": row.revision, "serving": find_serving(rollout), "number": row.id}
    if row.state in _QUIET:
        return Standing(QUIET, _QUIET[row.state], values)
    if row.state is State.HEALTHY:
        return Standing(HEALTHY, "stands.live" if row.revision else "stands.done", values)
    if row.state is State.PROPOSED:
        return Standing(WAITING, "stands.proposed", values)
    if row.state is State.FAILED and row.committed_at is None:
        return Standing(WARNING, "stands.not_committed", values)
    if row.state is State.FAILED:
        return Standing(WARNING if serves else BROKEN, _name(values, "failed") if serves else "stands.failed", values)
    if row.failing:
        return Standing(WARNING, _name(values, "failing") if serves else "stands.failing", values)
    if row.phase == Phase.WAITING_FOR_CAPACITY.value:
        return Standing(WAITING, "stands.capacity", values)
    return Standing(ROLLING, "stands.rolling" if row.revision else "stands.accepted", values)


_QUIET = {
    State.SUPERSEDED: "stands.superseded",
    State.REFUSED: "stands.refused",
    State.REJECTED: "stands.rejected",
}


def _name(values: Mapping[str, Any], word: str) -> str:
    """Old pods that somebody else made carry no revision, and serve all the same."""
    return f"stands.{word}_serving" if values["serving"] is not None else f"stands.{word}_serving_unnamed"


def find_serving(rollout: Mapping[str, Any] | None) -> int | None:
    """The revision of the pods that serve; None where none does, or they carry none."""
    if rollout is None or not rollout["serving"]:
        return None
    progress = rollout["progress"]
    if progress["oldServing"]:
        return int(progress["oldRevision"]) if progress["oldRevision"] is not None else None
    return int(rollout["podRevision"])
