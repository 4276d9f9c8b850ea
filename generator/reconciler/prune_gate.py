"""What may be pruned at the commit that is worked towards.

Owns: every reason to keep an object that git does not have any more, and the limit of one pass. Nothing may be pruned
before the whole environment was judged at this very commit. Refuses: deleting; the checks on the live object are
`cluster.prune`'s.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping

from generator.cluster.changes import Action, ObjectChange
from generator.cluster.kinds import ObjectRef
from generator.cluster.prune import check_limit
from generator.cluster.record import AppliedRecord
from generator.errors import Refused, RevstampError
from generator.render.stamp import manifests_digest
from generator.service.desired import DesiredEndpoint, DesiredEnvironment, Traces

UNJUDGED = "kept until the whole environment has been looked through"


class PruneGate:
    """Closed until it is opened for a set of objects. Shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._allowed: frozenset[ObjectRef] = frozenset()
        self._reasons: dict[ObjectRef, str] = {}

    def close(self) -> None:
        """Nothing may be pruned until the next judgement."""
        self.open((), {})

    def open(self, allowed: Iterable[ObjectRef], reasons: Mapping[ObjectRef, str]) -> None:
        """Let these be pruned; of others it is known why not."""
        with self._lock:
            self._allowed, self._reasons = frozenset(allowed), dict(reasons)

    def split(self, doomed: Iterable[ObjectRef]) -> tuple[list[ObjectRef], list[ObjectChange]]:
        """Those that may be pruned, and for the others what is told instead."""
        free: list[ObjectRef] = []
        kept: list[ObjectChange] = []
        with self._lock:
            for ref in doomed:
                if ref in self._allowed:
                    free.append(ref)
                else:
                    kept.append(ObjectChange(ref, Action.SKIPPED, self._reasons.get(ref, UNJUDGED)))
        return free, kept


class History:
    """What the commits of the record hold, and whether they lead to the tip. One for each tip."""

    def __init__(
        self, desired: DesiredEnvironment, record: AppliedRecord | None, before: DesiredEnvironment | None = None
    ) -> None:
        """`before`: what was worked towards until now; most often that is what the record holds."""
        self._desired, self._record = desired, record
        self._older: dict[str, DesiredEnvironment | None] = {} if before is None else {before.commit: before}
        self._leads: dict[str, bool] = {}

    def commit_of(self, name: str) -> str:
        """The commit of which this endpoint was applied last; empty where that is not known."""
        return self._record.commit_of(name) if self._record is not None else ""

    def traces_of(self, name: str) -> Traces:
        """What that commit held of it; empty traces where it cannot be read here."""
        older = self.older(self.commit_of(name))
        return older.traces.get(name, Traces()) if older is not None else Traces()

    def older(self, commit: str) -> DesiredEnvironment | None:
        """The environment at an older commit; None where this clone does not have it."""
        if commit not in self._older:
            try:
                snapshot = self._desired.snapshot.repository.snapshot(commit)
                older = self._older[commit] = DesiredEnvironment(snapshot, self._desired.name, self._desired)
                _ = older.traces
            except RevstampError:
                self._older[commit] = None
        return self._older[commit] if commit else None

    def leads_here(self, commit: str) -> bool:
        """Whether the tip contains this commit."""
        if commit not in self._leads:
            self._leads[commit] = self._desired.snapshot.repository.is_ancestor(commit, self._desired.commit)
        return self._leads[commit]


def find_reason_to_keep(desired: DesiredEndpoint, history: History, *, stays: bool, confirmed: bool) -> str:
    """Why nothing of an endpoint is pruned, in words; empty where its absence is meant.

    `stays`: another environment has an endpoint of this name in the same place. `confirmed`: a person allows what
    history does not.
    """
    name = desired.ref.name
    if stays:
        return "kept: another environment has an endpoint of this name in this namespace"
    if desired.objects and not _is_as_stamped(desired):
        return "kept: its manifests are not what its stamp says; `revstamp render --check` says more"
    if not desired.objects and not desired.is_deleted:
        if desired.traces.file:
            return "kept: its file is there and nothing is rendered from it; `revstamp commit` renders it"
        if not history.traces_of(name).manifests and not confirmed:
            return "kept: nothing in this repository says that it was deleted"
    commit = history.commit_of(name)
    if commit and not confirmed and not history.leads_here(commit):
        return (
            f"kept: the commit that was applied last, {commit[:10]}, does not lead to this one; "
            "`revstamp apply --confirm-prune` prunes all the same"
        )
    return ""


def _is_as_stamped(desired: DesiredEndpoint) -> bool:
    if desired.stamp is None or desired.stamp.deleted:
        return False
    return manifests_digest({item.file: item.content for item in desired.objects}) == desired.stamp.manifests_digest


def limit_pruning(doomed: Collection[ObjectRef], desired: DesiredEnvironment, confirmed: int) -> Refused | None:
    """The refusal where one pass would delete too much."""
    allowed = max(desired.environment.spec.policies.prune_limit, confirmed)
    try:
        check_limit(doomed, allowed, f"environment {desired.name}")
    except Refused as refused:
        return refused
    return None
