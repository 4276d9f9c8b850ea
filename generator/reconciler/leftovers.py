"""What revstamp has applied of an environment, and git at its tip no longer has.

Owns: finding it, by the cluster's objects and by the record of what was applied, and the word on each endpoint of it.
Refuses: the limit of one pass and the gate (`prune_gate`), and deleting.
"""

from __future__ import annotations

from collections.abc import Callable

from generator.cluster.kinds import RENDERED, ObjectRef, ref_of
from generator.cluster.record import AppliedRecord
from generator.errors import RevstampError
from generator.reconciler.prune_gate import History, find_reason_to_keep
from generator.reconciler.sync_index import SyncIndex
from generator.service.desired import DesiredEndpoint, DesiredEnvironment, Traces


class Leftovers:
    """Of one tip and one record."""

    def __init__(
        self,
        index: SyncIndex,
        desired: DesiredEnvironment,
        record: AppliedRecord | None,
        before: DesiredEnvironment | None = None,
    ) -> None:
        """`before`: see `History`."""
        self.source = (desired, record)
        """What it is of."""
        self._index, self._desired, self._record = index, desired, record
        self._history = History(desired, record, before)

    def strangers(self) -> list[str]:
        """Endpoints that git does not have, and that were applied from this repository before."""
        names = self._index.endpoints(beyond=self._desired.traces)
        return [name for name in names if self._history.traces_of(name).manifests]

    def is_same_wish(self, name: str, commit: str) -> bool:
        """Whether another commit says the same of an endpoint as the tip; False where it is not in this clone."""
        older, now = self._history.older(commit), self._desired.traces.get(name, Traces())
        return older is not None and older.traces.get(name, Traces()).rendered == now.rendered

    def refs_of(self, endpoint: DesiredEndpoint) -> tuple[ObjectRef, ...]:
        """Objects of an endpoint that revstamp applied and git no longer has; whether they may go is another matter."""
        name = endpoint.ref.name
        wanted = {ref_of(body) for body in endpoint.bodies}
        left = [ref for ref in self._index.owned_refs(name) if ref not in wanted]
        return tuple(dict.fromkeys((*left, *self._recorded_refs(name, wanted))))

    def judge(
        self, name: str, read: Callable[[str], DesiredEndpoint], *, confirmed: bool
    ) -> tuple[tuple[ObjectRef, ...], str]:
        """What git no longer has of an endpoint, and why it is kept: empty where it may go.

        `confirmed`: a person allows what history does not.
        """
        try:
            if self._leaves_nothing(name) or self._index.find_settled(name, self._desired.blobs(name)) is not None:
                return (), ""
            endpoint = read(name)
            refs = self.refs_of(endpoint)
            if not refs:
                return (), ""
            stays = bool(self._desired.find_rival(name))
            return refs, find_reason_to_keep(endpoint, self._history, stays=stays, confirmed=confirmed)
        except RevstampError:
            return (), ""  # nothing of it is pruned: what was not judged is kept

    def _recorded_refs(self, name: str, wanted: set[ObjectRef]) -> list[ObjectRef]:
        """Objects of kinds that are not looked through, from the tree that was applied last."""
        commit = self._record.commit_of(name) if self._record else ""
        if not commit or commit == self._desired.commit:
            return []
        older = self._history.older(commit)
        if older is None or older.traces.get(name) == self._desired.traces.get(name):
            return []
        try:
            bodies = older.read(name).bodies
        except RevstampError:
            return []  # a shallow clone, or another history: what revstamp renders itself is found by its label
        refs = (ref_of(body) for body in bodies)
        return [ref for ref in refs if ref not in wanted and ref.kind not in RENDERED]

    def _leaves_nothing(self, name: str) -> bool:
        """Whether no object of an endpoint was ever applied, as far as the cluster and its record know."""
        return not self._index.owned_refs(name) and not (self._record and self._record.commit_of(name))
