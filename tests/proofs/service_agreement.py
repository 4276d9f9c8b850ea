"""Whether ledger, git, the platform's rows and the cluster say the same of every endpoint, and whether none ever lied.

Owns: the comparisons, and a record of every state that any row ever had, made by the database itself. Refuses:
repairing anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from generator.gitops.message import find_request_ids
from generator.service.redeployments import Redeployments
from generator.spec.names import endpoint_name
from generator.store.database import Database
from generator.store.queries import Filter
from generator.store.redeployment import Redeployment
from generator.store.states import INITIAL, LOCKING, State, may_follow
from generator.store.steps import SUPERSEDED
from tests.cluster.gitops import GitOps
from tests.fleet_repository import git
from tests.proofs.agreement import find_disagreements, read_tip
from tests.proofs.askers import Request
from tests.testbed.kube.api import Api, Object

_RECORD = """
CREATE TABLE proof_states (
  number bigserial PRIMARY KEY, id bigint NOT NULL, place text NOT NULL, state text NOT NULL, kind text NOT NULL
);
CREATE FUNCTION proof_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO proof_states (id, place, state, kind)
  VALUES (NEW.id, NEW.environment || '/' || NEW.endpoint, NEW.state, NEW.kind);
  RETURN NEW; END $$;
CREATE TRIGGER proof_note AFTER INSERT OR UPDATE OF state ON revstamp_redeployments
  FOR EACH ROW EXECUTE FUNCTION proof_note();
"""


def record_states(database: Database) -> None:
    """From now on every state of every row is kept, whoever writes it."""
    database.write(lambda connection: connection.execute(text(_RECORD)))


def find_illegal(database: Database) -> tuple[list[str], int]:
    """Steps that no row may take; and the most rows that held the lock of one endpoint at a time."""
    query = text("SELECT id, place, state, kind FROM proof_states ORDER BY number")
    moves = database.read(lambda connection: connection.execute(query).all())
    known: dict[int, State] = {}
    holders: dict[str, set[int]] = {}
    illegal, most = [], 0
    for row_id, place, word, kind in moves:
        state, before = State(word), known.get(row_id)
        if before is None and kind not in [each.value for each in INITIAL.get(state, ())]:
            illegal.append(f"{row_id} of {place} begins as {state.value}")
        if before is not None and before is not state and not may_follow(before, state):
            illegal.append(f"{row_id} of {place} goes from {before.value} to {state.value}")
        known[row_id] = state
        held = holders.setdefault(place, set())
        (held.add if state in LOCKING else held.discard)(row_id)
        most = max(most, len(held))
    return illegal, most


def list_rows(service: Redeployments) -> list[Redeployment]:
    """The whole ledger, newest first."""
    rows: list[Redeployment] = []
    while page := service.queries.page(Filter(), 1000, rows[-1].id if rows else None):
        rows += page
    return rows


def commits_by_request(remote: Any) -> Mapping[str, list[str]]:
    """Every request id that a commit of the remote's branch names, and the commits that do."""
    found: dict[str, list[str]] = {}
    for entry in git(remote, "log", "--format=%H%n%B%x00", "main").split("\0"):
        commit, _, message = entry.strip().partition("\n")
        for request_id in find_request_ids(message):
            found.setdefault(request_id, []).append(commit)
    return found


def find_lost(rows: Sequence[Redeployment], requests: Sequence[Request], since: int) -> list[str]:
    """Requests whose row is not there or not theirs, accepted ones without an end, and rows that nobody asked for."""
    by_id = {row.id: row for row in rows}
    found = [f"{row.id} of {row.name} is still {row.state.value}" for row in rows if not row.state.is_final]
    for request in requests:
        if len(set(request.answers)) > 1:
            found.append(f"{request.key} was told of {request.answers}")
        for number in request.answers:
            if number not in by_id or by_id[number].idempotency_key != request.key:
                found.append(f"{request.key} was told of {number}, which is not its row")
        if request.refusal and not request.answers and request.refused and request.refused not in by_id:
            found.append(f"{request.key}: the row of its refusal is not there")
    asked = {request.key for request in requests}
    found += [
        f"{row.id} of {row.name} ({row.kind.value}, {row.state.value}, {row.reason}) was asked for by nobody"
        for row in rows
        if row.id > since and row.state is not State.REFUSED and row.idempotency_key not in asked
    ]
    return found


def find_unfounded(rows: Sequence[Redeployment]) -> list[str]:
    """Rows that are healthy without a commit of their own, at a revision that no cluster was seen to be healthy at."""
    seen = {(row.name, row.revision) for row in rows if row.state is State.HEALTHY and row.committed_at}
    called = [row for row in rows if row.state is State.HEALTHY and row.revision and not row.committed_at]
    return [
        f"{row.id} of {row.name} calls r{row.revision} healthy"
        for row in called
        if (row.name, row.revision) not in seen
    ]


def find_doubled(rows: Sequence[Redeployment], commits: Mapping[str, Sequence[str]]) -> list[str]:
    """Where ledger and git count otherwise: not one commit for a row that has one, or any for one that has none."""
    found = [f"{row_id} has {len(ids)} commits" for row_id, ids in commits.items() if len(ids) > 1]
    keys = Counter(row.idempotency_key for row in rows if row.idempotency_key)
    found += [f"the key {key} has {count} rows" for key, count in keys.items() if count > 1]
    for row in rows:
        made = [] if row.state is State.REFUSED else list(commits.get(row.request_id, ()))
        if made != ([row.commit_id] if row.commit_id else []):
            found.append(f"{row.id} of {row.name} ({row.state.value}) names {row.commit_id}, git has {made}")
    return found


def find_differences(
    gitops: GitOps, api: Api, service: Redeployments, targets: Sequence[str], rows: Sequence[Redeployment]
) -> list[str]:
    """What cluster and git, or the platform's rows and both of them, disagree about."""
    git(gitops.root, "pull", "-q", "--ff-only")
    found = find_disagreements(gitops, api, set())
    pods = api.items(f"/api/v1/namespaces/{gitops.namespace}/pods")
    for target in targets:
        name = endpoint_name(target)
        # One that found all as it was asked for took the unfinished rollout over, and has no commit of its own.
        newest = next((row for row in rows if row.endpoint == name and (row.commit_id or row.committed_at)), None)
        ready = sum(is_serving(pod) for pod in pods if pod["metadata"]["labels"].get("revstamp.io/endpoint") == name)
        own = [row for row in rows if row.endpoint == name and (row.commit_id or row.committed_at)]
        healthy = [row for row in own if row.state is State.HEALTHY]
        good = max((row.revision or 0 for row in healthy), default=0)
        unjudged = {row.revision for row in own if _is_unjudged(row)}
        found += [
            f"{name}: {what} is {is_now!r}, not {should!r}; {_describe(newest)}"
            for what, is_now, should in _compare(gitops, service, target, newest, ready, good, unjudged)
            if is_now != should
        ]
    return found


def _describe(row: Redeployment | None) -> str:
    if row is None:
        return "nothing of it was committed"
    return f"{row.kind} {row.id} r{row.revision} is {row.state} ({row.failure_reason}: {row.message}) {row.phase}"


def _compare(
    gitops: GitOps,
    service: Redeployments,
    target: str,
    newest: Redeployment | None,
    ready: int,
    good: int,
    unjudged: set[int | None],
) -> list[tuple[str, Any, Any]]:
    """What is said of one endpoint, what it says, and what it should."""
    assert service.platform is not None
    found, tip = service.platform.find_endpoint(target), read_tip(gitops).read(endpoint_name(target))
    assert found is not None
    assert found.deployment is not None
    assert tip.stamp is not None
    assert newest is not None
    file = read_tip(gitops).fleet.endpoint_file(tip.ref).endpoint.spec
    least, most = file.replicas.min, file.replicas.max
    # One that was ended without a verdict is at the tip where nothing had to be committed on top of it: pods tell.
    is_good = newest.state is State.HEALTHY or (_is_unjudged(newest) and ready == least)
    status = "healthy" if is_good else "degraded" if ready else "failed"
    said = found.deployment["framework_status"]
    # A revision may be seen to be healthy after its redeployment was ended.
    seen = said["goodRevision"] if said["goodRevision"] in unjudged and said["goodRevision"] > good else good
    return [
        ("the newest commit's revision", newest.revision, tip.stamp.revision),
        ("ready pods", ready if status == "healthy" else least, least),
        ("status", found.endpoint["status"], status),
        ("min_replicas", found.endpoint["min_replicas"], least),
        ("max_replicas", found.endpoint["max_replicas"], most),
        ("runtime_image", found.endpoint["runtime_image"], file.image),
        ("replica_count", found.deployment["replica_count"], min(most, max(least, ready))),
        ("framework_status.status", said["status"], status),
        ("framework_status.revision", said["revision"], tip.stamp.revision),
        ("framework_status.goodRevision", said["goodRevision"], tip.stamp.revision if is_good else seen),
    ]


def _is_unjudged(row: Redeployment) -> bool:
    """Whether another one took its place before there was a verdict."""
    return row.state is State.SUPERSEDED or row.failure_reason == SUPERSEDED


def is_serving(pod: Object) -> bool:
    """Whether a load balancer would send it requests."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]
