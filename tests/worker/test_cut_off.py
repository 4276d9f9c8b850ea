"""What may come between a commit and whoever tells of it, or between a row and whoever wrote it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from generator.cluster.simulated import SimulatedCluster
from generator.errors import AuthenticationFailed, InvalidInput, StoreUnavailable
from generator.gitops.changes import Change, CommitResult
from generator.gitops.remote import Remote
from generator.gitops.repository import Repository
from generator.service.committing import Committer
from generator.service.recording import Asker
from generator.spec.names import endpoint_name
from generator.store.database import Database
from generator.store.endpoints import EndpointState, EndpointStates
from generator.store.ledger import Ledger
from generator.store.queries import Filter
from generator.store.redeployment import Redeployment
from generator.store.states import Kind, State
from generator.worker.branch import BranchReader
from tests.cluster.gitops import GitOps, reconciling
from tests.fleet_repository import git
from tests.worker.stage import ROWS, Stage, add_rows, make_platform_repository, staged

ANN = Asker("Ann <ann@example.com>", "because")
GOOD = {"servingRuntimeImage": "registry.internal/serve/vllm:2"}
ENDPOINT = "c48311a0-9cf4-501c-b0af-ca267da9bdfa"
"""An endpoint of the platform's rows."""


class Trunk:
    """A trunk at which something happens before or after each commit."""

    def __init__(self, inner: Any, before: Callable[[], object], after: Callable[[], object]) -> None:
        self._inner, self._before, self._after = inner, before, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def commit(self, change: Change) -> CommitResult:
        """As the trunk does."""
        self._before()
        result: CommitResult = self._inner.commit(change)
        self._after()
        return result


def nothing() -> None:
    """Happens."""


def commits_of(gitops: GitOps, row: Redeployment) -> int:
    """How many commits name the request."""
    return git(gitops.root, "log", "--format=%B", "main").count(row.request_id)


def test_what_was_ended_while_its_commit_was_made_is_not_committed(gitops: GitOps, database: Database) -> None:
    """A stop that takes its place must not find it on top of itself."""
    gitops.add("chat")
    with staged(gitops.root, database, _no_cluster, work=False) as stage:
        service = stage.service
        row = service.redeploy("test/chat", ANN, GOOD).row
        trunk = Trunk(service.trunk, lambda: service.scale("test/chat", ANN, 0, 0), nothing)
        assert Committer(trunk, service.ledger, "one").drive(row) is None
        assert (stage.row(row).state, stage.row(row).commit_id) == (State.FAILED, None)
        assert commits_of(gitops, row) == 0
        stop = service.queries.active("test", "chat")
        assert stop is not None
        done = Committer(service.trunk, service.ledger, "one").drive(stop)
        assert done is not None
        assert (done.kind, done.state, done.revision) == (Kind.STOP, State.COMMITTED, 2)


@pytest.mark.parametrize("dies", [False, True])
def test_what_was_ended_after_its_commit_names_it(gitops: GitOps, database: Database, dies: bool) -> None:
    """Whoever committed tells of it, or died: then the branch does. It is nobody's edit by hand."""
    gitops.add("chat")
    with staged(gitops.root, database, _no_cluster, work=False) as stage:
        service, repository = stage.service, stage.service.trunk.repository
        branch = BranchReader(repository, "main", service.ledger, None)
        branch.take(service.trunk.read_tip())
        row = service.redeploy("test/chat", ANN, GOOD).row
        trunk = Trunk(service.trunk, nothing, lambda: service.scale("test/chat", ANN, 0, 0))
        Committer(trunk, _Cut(database) if dies else service.ledger, "one").drive(row)
        assert branch.take(service.trunk.read_tip())
        ended = stage.row(row)
        assert (ended.state, ended.failure_reason, ended.revision) == (State.FAILED, "Superseded", 2)
        assert ended.commit_id == gitops.tip
        assert {each.kind for each in service.queries.page(Filter())} == {Kind.REDEPLOY, Kind.STOP}


def test_a_database_that_goes_away_or_a_password_that_is_wrong_fails_nothing(
    gitops: GitOps, ledger_file: Database
) -> None:
    """Neither is the wish's fault: it stays pending."""
    gitops.add("chat")
    with staged(gitops.root, ledger_file, _no_cluster, work=False) as stage:
        row = stage.service.redeploy("test/chat", ANN, GOOD).row
        for error in (AuthenticationFailed("wrong password"), StoreUnavailable("away")):
            trunk = Trunk(stage.service.trunk, _raising(error), nothing)
            committer = Committer(trunk, stage.service.ledger, "one")
            if isinstance(error, StoreUnavailable):
                with pytest.raises(StoreUnavailable):
                    committer.drive(stage.row(row))
            else:
                committer.drive(stage.row(row))
            assert stage.row(row).state is State.PENDING


def test_a_rollback_that_is_repeated_with_its_key_is_the_same(gitops: GitOps, ledger_file: Database) -> None:
    """Though by then another revision would be the one to go back to."""
    gitops.add("chat")
    asker = Asker("Ann <ann@example.com>", key="once")
    with staged(gitops.root, ledger_file, _no_cluster, work=False) as stage:
        service, states = stage.service, EndpointStates(ledger_file)
        committer = Committer(service.trunk, service.ledger, "one")
        committer.drive(service.redeploy("test/chat", ANN, GOOD).row)
        _note_good(service.ledger, states, 1)
        first = service.rollback("test/chat", Asker(**{**_fields(asker), "supersede": True})).row
        committer.drive(first)
        _note_good(service.ledger, states, 2)
        assert service.rollback("test/chat", asker).row.id == first.id
        assert stage.row(first).restores == 1
        with pytest.raises(InvalidInput):
            service.rollback("test/chat", asker, 2)


def test_many_fetches_of_one_mirror_at_once_all_succeed(gitops: GitOps) -> None:
    """Each moves the same ref while the others do."""
    gitops.add("chat")
    mirror = Repository.clone_mirror(str(gitops.root), gitops.root.parent / "mirror.git")
    remote, gate = Remote(str(gitops.root), "main"), threading.Barrier(6)

    def fetch(_number: int) -> str | None:
        gate.wait(60)
        return remote.fetch(mirror)

    with ThreadPoolExecutor(6) as pool:
        for number in range(5):
            git(gitops.root, "commit", "-q", "--allow-empty", "-m", f"commit {number}")
            assert set(pool.map(fetch, range(6))) == {gitops.tip}


def test_what_is_not_looked_at_yet_is_not_called_healthy(
    gitops: GitOps, ledger_file: Database, simulated: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A status reader that starts finds an endpoint that has failed; its revision is none to roll back to."""
    gitops.edit_environment(lambda spec: spec.setdefault("budgets", {}).update(failingSeconds=1))
    gitops.add("chat", image="registry.internal/serve/vllm:fate-crash-loop-after-0s")
    written: list[EndpointState] = []
    write = EndpointStates.write
    monkeypatch.setattr(EndpointStates, "write", lambda self, states: (written.extend(states), write(self, states)))
    with reconciling(gitops, lambda _: simulated, poll=0.1) as running:
        running.wait_applied(gitops.tip)
        for _ in range(3):
            with staged(gitops.root, ledger_file, lambda _: simulated) as stage:
                before = len(written)
                stage.until(lambda before=before: len(written) > before or before, "read")  # type: ignore[misc]
    assert written
    assert {state.status for state in written} == {"failed"}
    assert {state.good_revision for state in written} == {None}


def test_a_write_of_ones_own_is_not_taken_for_somebody_elses(
    tmp_path: Any, database: Database, simulated: SimulatedCluster
) -> None:
    """Also where the reader died before it had kept what it wrote: row and memory are written in one transaction."""
    root = make_platform_repository(tmp_path / "gitops")
    with (
        reconciling(GitOps(root, "", "prod"), lambda _: simulated, poll=0.1),
        staged(root, database, lambda _: simulated) as stage,
    ):
        rows: Mapping[str, Any] = json.loads(ROWS.read_text(encoding="utf-8"))
        add_rows(stage.platform, rows)
        states = EndpointStates(database)
        stage.wait(stage.redeploy(ENDPOINT).row)
        for least in (3, 2):
            stage.wait(stage.service.scale(ENDPOINT, ANN, least, 4).row)
            stage.until(lambda least=least: _least(stage) == least, "row")  # type: ignore[misc]
            state = states.find("prod", endpoint_name(ENDPOINT))
            assert state is not None
            assert state.projected is not None
            assert state.projected["min_replicas"] == least
            assert state.foreign_write_at is None


def _least(stage: Stage) -> int:
    found = stage.platform.find_endpoint(ENDPOINT)
    assert found is not None
    return int(found.endpoint["min_replicas"])


def _no_cluster(name: str) -> Any:
    raise AssertionError(name)


def _raising(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


def _fields(asker: Asker) -> dict[str, Any]:
    return {name: getattr(asker, name) for name in Asker.__slots__}


def _note_good(ledger: Ledger, states: EndpointStates, revision: int) -> None:
    states.write([EndpointState("test", "chat", "healthy", ledger.time(), revision=revision, good_revision=revision)])


class _Cut(Ledger):
    """A ledger whose process dies before it can say that a commit is made."""

    def move(self, *_: Any) -> None:
        return None

    def record_late(self, *_: Any) -> bool:
        return False
