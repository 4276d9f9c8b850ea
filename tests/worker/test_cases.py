"""The platform's rows and requests through the service, from rows to settled rows, on every kind of database."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from generator.cluster.simulated import SimulatedCluster
from generator.errors import Refused, RevstampError
from generator.service.recording import Asker
from generator.spec.names import endpoint_name
from generator.store.database import Database
from generator.store.queries import Filter
from generator.store.states import State
from tests.cluster.gitops import GitOps, reconciling
from tests.fleet_repository import git
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.workloads import make_volume
from tests.worker.stage import ROWS, Stage, add_rows, make_platform_repository, staged

CASES = json.loads((ROWS.parent / "redeploy-requests.json").read_text(encoding="utf-8"))
UNKNOWN = "no such endpoint"
MODEL = "64a15960-62cd-51a2-9721-85edaa194da1"


def play(stage: Stage) -> dict[str, dict[str, Any]]:
    """Every request in its order, each to its end; what came of it."""
    add_rows(stage.platform)
    outcomes = {}
    for case in CASES:
        before = git(stage.root, "rev-parse", "main")
        try:
            row = stage.wait(stage.redeploy(case["endpoint"], case["request"], reason=case["case"]).row)
            outcome = {"state": row.state.value, "row": row}
        except RevstampError as error:
            outcome = {"state": "refused", "error": error}
        outcomes[case["case"]] = {**outcome, "moved": git(stage.root, "rev-parse", "main") != before}
    return outcomes


def check(stage: Stage, outcomes: Mapping[str, dict[str, Any]]) -> None:
    """Each came out as the case says, and ledger, git and rows agree."""
    for case in CASES:
        outcome, expect = outcomes[case["case"]], case["expect"]
        if expect.startswith("refused"):
            assert (outcome["state"], outcome["moved"]) == ("refused", False), case
            assert outcome["error"].hint
        elif expect.startswith("healthy"):
            assert (outcome["state"], outcome["row"].applied_at) == ("healthy", None), case
            assert not git(stage.root, "ls-files", "*/manifests/*/svc-d20a8476dcee/*")
        else:
            assert (outcome["state"], outcome["moved"]) == ("healthy", True), case
            assert outcome["row"].commit_id
            assert outcome["row"].applied_at
    _check_rows(stage)
    _check_refused(stage, outcomes)


def _check_rows(stage: Stage) -> None:
    """Every endpoint that was deployed is healthy, and its row says what its file says."""
    stage.until(
        lambda: "deploying" not in {rows.endpoint["status"] for rows in stage.platform.list_endpoints()}, "rows"
    )

    def support() -> tuple[Any, ...]:
        rows = stage.platform.find_endpoint(CASES[0]["endpoint"])
        if rows is None or rows.deployment is None:
            return ()
        limits, status = rows.deployment["resource_limits"], rows.deployment["framework_status"]
        return rows.endpoint["memory_limit"], rows.endpoint["cpu_request"], limits["memory"], status["revision"]

    stage.until(lambda: support() == ("48Gi", "6", "48Gi", 2), "the row says what the file says")


def _check_refused(stage: Stage, outcomes: Mapping[str, dict[str, Any]]) -> None:
    """A refused request leaves a row with its reasons, and a denied line in the audit."""
    refused = [name for name, outcome in outcomes.items() if outcome["state"] == "refused" and name != UNKNOWN]
    rows = stage.service.queries.page(Filter(states=[State.REFUSED]))
    assert sorted(row.reason for row in rows) == sorted(refused)
    assert all(row.message and (row.violations or row.hint) for row in rows)
    results = [line["result"] for line in stage.platform.read_audit()]
    assert results.count("denied") == len(refused)
    assert results.count("allowed") == len(outcomes) - len(refused) - 1


@pytest.mark.sweep
def test_all_cases_come_out_as_expected_on_the_simulated_cluster(
    tmp_path: Path, database: Database, simulated: SimulatedCluster
) -> None:
    """Rows in the database at first, nothing in git; at the end both agree with the cluster."""
    root = make_platform_repository(tmp_path / "gitops")
    gitops = GitOps(root, "")
    with (
        reconciling(gitops, lambda _: simulated, poll=0.1),
        staged(root, database, lambda _: simulated) as stage,
    ):
        check(stage, play(stage))


@pytest.mark.cluster
def test_all_cases_come_out_as_expected_on_a_real_cluster(
    tmp_path: Path, database: Database, testbed: Cluster, make_namespace: Callable[[str], str]
) -> None:
    """The same on the API server of the testbed, where the claim that one of them mounts has to be there."""
    namespaces = {name: make_namespace(name) for name in ("dev", "stg", "prod")}
    for body in make_volume(namespaces["prod"]):
        testbed.api.create(body)
    root = make_platform_repository(tmp_path / "gitops", namespaces)

    def connect(name: str) -> Port:
        return open_cluster(name, kubeconfig=str(testbed.kubeconfig), connections=12)

    with reconciling(GitOps(root, ""), connect, poll=0.1), staged(root, database, connect) as stage:
        check(stage, play(stage))
        name = endpoint_name(CASES[0]["endpoint"])
        live = testbed.api.find(
            f"/apis/serving.kserve.io/v1beta1/namespaces/{namespaces['prod']}/inferenceservices/{name}"
        )
        assert live is not None
        assert live["metadata"]["annotations"]["revstamp.io/revision"] == "2"


def test_an_endpoint_is_created_changed_and_deleted_with_its_row(
    tmp_path: Path, database: Database, simulated: SimulatedCluster
) -> None:
    """Its row is there from the accepted request on, says what its file says, and goes with the last pod."""
    root = make_platform_repository(tmp_path / "gitops")
    ann = Asker("Ann <ann@example.com>", key="new")
    with (
        reconciling(GitOps(root, ""), lambda _: simulated, poll=0.1),
        staged(root, database, lambda _: simulated) as stage,
    ):
        add_rows(stage.platform)
        body = {"modelId": MODEL, "environment": "dev", "route": "/llm/fresh", "useGpu": False, "maxReplicas": 2}
        created = stage.service.create(ann, body)
        identity = str(created.row.endpoint_id)
        assert stage.service.create(ann, body).row.id == created.row.id
        assert stage.status_of(identity) == "deploying"
        assert stage.wait(created.row).state is State.HEALTHY
        stage.until(lambda: stage.status_of(identity) == "healthy", "the row")
        with pytest.raises(Refused, match="/llm/fresh"):
            stage.service.create(Asker("Bob"), body)
        stage.wait(stage.service.update(identity, Asker("Ann"), {"memoryRequest": "2Gi", "minReplicas": 2}).row)

        def row() -> Mapping[str, Any]:
            found = stage.platform.find_endpoint(identity)
            return found.endpoint if found else {}

        stage.until(lambda: (row().get("memory_request"), row().get("min_replicas")) == ("2Gi", 2), "the row")
        stage.wait(stage.service.delete(identity, Asker("Ann")).row)
        stage.until(lambda: stage.platform.find_endpoint(identity) is None, "the row is gone")
