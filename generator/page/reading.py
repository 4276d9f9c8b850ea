"""What pages are about, read from the ledger and from the branch as it was last seen.

Owns: which reads a page needs, each once. Refuses: HTML, words. A branch or a database that is away is somebody
else's error: pages say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from generator.api.context import Context
from generator.errors import NotFound, RevstampError
from generator.page.redeployment_view import RedeploymentView, view_redeployment
from generator.page.standing import Lanes, Standing, find_quiet, judge_endpoint, judge_redeployment, read_lanes
from generator.page.steps import find_marks, find_usual, spend_time
from generator.rollout.status import Phase
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef, Fleet, ref_of_row
from generator.service.history import RevisionEntry, list_revisions
from generator.service.summaries import EndpointSummary, Summaries, summarise_rows
from generator.spec.names import is_dns_label
from generator.store.endpoints import EndpointState
from generator.store.platform import EndpointRows
from generator.store.queries import Filter
from generator.store.redeployment import Redeployment
from generator.store.states import LOCKING, State

_USUAL_OF = 5
"""Rollouts that tell what is usual."""
TIMELINE = 25
"""Redeployments of one page of a timeline."""


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """One endpoint in a list or on its own page."""

    summary: EndpointSummary
    state: EndpointState | None
    active: Redeployment | None
    proposed: Redeployment | None
    latest: Redeployment | None
    standing: Standing
    lanes: Lanes

    @property
    def ref(self) -> EndpointRef:
        """Which endpoint."""
        return self.summary.ref

    @property
    def revision(self) -> int:
        """What the branch says; 0 where nothing was rendered yet."""
        return self.state.revision if self.state else 0


@dataclass(frozen=True, slots=True)
class GpuPools:
    """The pools of GPUs that something waits for: how many they have, who holds them by what git says."""

    names: str
    needed: int
    gpus: int
    held: int
    holders: tuple[tuple[EndpointRef, int], ...]


@dataclass(slots=True)
class Reader:
    """Reads for the pages of one server."""

    parts: Context
    summaries: Summaries = field(default_factory=Summaries)

    def fleet(self) -> Fleet:
        """What the branch says, as it was last seen."""
        return fleet_at(self.parts.service.trunk.read_tip(refresh=False))

    def list_lines(self) -> tuple[EndpointLine, ...]:
        """All endpoints."""
        summaries = self._read_all()
        states: dict[EndpointRef, EndpointState] = {}
        for name in {ref.environment for ref in summaries}:
            known = self.parts.states.load(name).values()
            states |= {EndpointRef(state.environment, state.endpoint): state for state in known}
        open_rows: dict[EndpointRef, list[Redeployment]] = {}
        for row in self.parts.service.queries.unsettled():
            open_rows.setdefault(EndpointRef(row.environment, row.endpoint), []).append(row)
        return tuple(make_line(item, states.get(ref), open_rows.get(ref, [])) for ref, item in summaries.items())

    def with_latest(self, lines: Sequence[EndpointLine]) -> tuple[EndpointLine, ...]:
        """The lines with the last redeployment of each."""
        refs = [(line.ref.environment, line.ref.name) for line in lines]
        latest = self.parts.service.queries.latest_of(refs)
        return tuple(replace(line, latest=latest.get((line.ref.environment, line.ref.name))) for line in lines)

    def find_line(self, ref: EndpointRef) -> EndpointLine:
        """One endpoint, also one that is gone. NotFound where there never was one."""
        tip = self.parts.service.trunk.read_tip(refresh=False)
        summary = self.summaries.read(tip).get(ref) or self._find_rows(ref)
        state = self.parts.states.find(ref.environment, ref.name)
        if summary is None and state is None and not self._timeline(ref, 1, None):
            raise NotFound(f"there is no endpoint {ref}", hint="the list of endpoints shows which there are")
        wanted = Filter(ref.environment, ref.name, (*LOCKING, State.PROPOSED))
        rows = self.parts.service.queries.page(wanted, 2)
        return self.with_latest([make_line(summary or EndpointSummary(ref), state, rows)])[0]

    def read_timeline(self, line: EndpointLine, before: int | None) -> tuple[tuple[Redeployment, Standing], ...]:
        """Redeployments of an endpoint, newest first, each with how it stands or stood."""
        state, found = line.state, []
        for row in self._timeline(line.ref, TIMELINE, before):
            is_present = state is not None and state.revision == row.revision
            found.append((row, judge_redeployment(row, state.rollout if state and is_present else None)))
        return tuple(found)

    def view(self, number: str, now: datetime) -> RedeploymentView:
        """One redeployment by its number. NotFound where there is none."""
        queries = self.parts.service.queries
        row = queries.find(number)
        state = self.parts.states.find(row.environment, row.endpoint)
        return view_redeployment(
            row,
            queries.events(row.id),
            state,
            self.find_usual(row),
            now,
            rolls_back=self._rolls_back(row.environment),
        )

    def find_usual(self, row: Redeployment) -> Mapping[str, float]:
        """Seconds that the last healthy rollouts of the endpoint took in each step."""
        queries = self.parts.service.queries
        wanted = Filter(row.environment, row.endpoint, (State.HEALTHY,))
        rows = [one for one in queries.page(wanted, _USUAL_OF, before=row.id) if one.settled_at and one.applied_at]
        return find_usual(spend_time(find_marks(one, queries.events(one.id)), one.settled_at) for one in rows)  # type: ignore[arg-type]

    def read_earlier(self, ref: EndpointRef, below: int) -> tuple[RevisionEntry, ...]:
        """Revisions below one, which the ledger does not know, newest first, by the branch's history."""
        trunk = self.parts.service.trunk
        tip = trunk.read_tip(refresh=False)
        if not tip.commit or below <= 1:
            return ()
        entries = list_revisions(trunk.repository, fleet_at(tip).layout, ref, tip.commit)
        return tuple(islice((entry for entry in entries if entry.stamp.revision < below), TIMELINE))

    def read_pools(self, view: RedeploymentView) -> GpuPools | None:
        """The GPUs that a redeployment waits for, and who holds them; None where it waits for none."""
        if view.is_over or view.row.phase != Phase.WAITING_FOR_CAPACITY.value:
            return None
        tip = self.parts.service.trunk.read_tip(refresh=False)
        summaries = self.summaries.read(tip)
        own = summaries.get(EndpointRef(view.row.environment, view.row.endpoint))
        if own is None or not own.gpu_pools:
            return None
        pools = fleet_at(tip).environment(view.row.environment)[0].spec.gpu_pools
        gpus = sum(pool.gpus for pool in pools if pool.name in own.gpu_pools)
        near = (one for one in summaries.values() if one.ref.environment == own.ref.environment)
        rivals = [one for one in near if one.gpus_held and set(one.gpu_pools) & set(own.gpu_pools)]
        holders = sorted(((one.ref, one.gpus_held) for one in rivals), key=lambda item: (-item[1], str(item[0])))
        held = sum(count for _, count in holders)
        return GpuPools(", ".join(own.gpu_pools), own.gpus_held, gpus, held, tuple(holders))

    def _read_all(self) -> Mapping[EndpointRef, EndpointSummary]:
        """What the branch has, and what only the platform's rows know."""
        summaries = self.summaries.read(self.parts.service.trunk.read_tip(refresh=False))
        if self.parts.platform is None:
            return summaries
        places = self.parts.platform.list_places()
        missing = [identity for identity, place in places if ref_of_row(identity, place) not in summaries]
        known = (_summarise_safely(row) for row in self.parts.platform.find_endpoints(missing))
        return {item.ref: item for item in known if item is not None} | dict(summaries)

    def _find_rows(self, ref: EndpointRef) -> EndpointSummary | None:
        try:
            rows = self.parts.service.find_target(str(ref), self.fleet()).rows
        except RevstampError:
            return None
        return _summarise_safely(rows) if rows is not None else None

    def _timeline(self, ref: EndpointRef, limit: int, before: int | None) -> tuple[Redeployment, ...]:
        return self.parts.service.queries.page(Filter(ref.environment, ref.name), limit, before)

    def _rolls_back(self, environment: str) -> bool:
        try:
            return self.fleet().environment(environment)[0].spec.policies.automatic_rollback.enabled
        except RevstampError:
            return False


def _summarise_safely(rows: EndpointRows) -> EndpointSummary | None:
    """A row that cannot be understood spoils no list."""
    try:
        found = summarise_rows(rows)
    except (ValueError, TypeError):
        return None
    return found if is_dns_label(found.ref.environment) else None


def make_line(summary: EndpointSummary, state: EndpointState | None, open_rows: Sequence[Redeployment]) -> EndpointLine:
    """An endpoint's line from all that is known of it."""
    active = next((row for row in open_rows if row.state.holds_lock), None)
    proposed = next((row for row in open_rows if row.state is State.PROPOSED), None)
    return EndpointLine(
        summary,
        state,
        active,
        proposed,
        None,
        judge_endpoint(state, active, is_external=summary.is_external),
        read_lanes(state.rollout if state else None, active.revision if active else None, find_quiet(state)),
    )
