"""What the doctor says about clusters without asking one: what is needed, which versions, who is not configured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generator.cli.main import run
from generator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, HTTP_ROUTE, INFERENCE_SERVICE, INGRESS, LEASE, SERVICE
from generator.reconciler.doctor_kserve import read_tag
from generator.reconciler.doctor_needs import KNATIVE_SERVICE, find_needs
from generator.reconciler.doctor_rights import Right, list_rights
from generator.render.schema_catalogue import SchemaVersions, available_versions, kind_schema, shipped_kinds
from generator.render.schema_version import match_kserve_versions
from generator.service.workspace import Workspace
from generator.settings import Settings
from tests.fleet_repository import commit_by_hand, copy_repository, make_repository


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that no test changes."""
    return make_repository(tmp_path_factory.mktemp("doctor") / "gitops")


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A repository to change."""
    return copy_repository(made, tmp_path / "gitops")


@pytest.fixture(autouse=True)
def no_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever clusters the person at this machine has, no test here reaches them."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    for name in ("REVSTAMP_CLUSTERS", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


def findings(capsys: pytest.CaptureFixture[str], root: Path, *words: str, code: int) -> list[dict[str, Any]]:
    """The findings about clusters."""
    capsys.readouterr()
    assert run(["-C", str(root), "doctor", *words, "--output", "json"]) == code
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return [item for item in found if "cluster" in item["check"]]


def test_a_cluster_that_this_machine_does_not_know_is_worth_a_look(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once for each cluster, with the environments that name it; it is no failure."""
    dev, prod = findings(capsys, made, code=0)
    assert (dev["check"], dev["verdict"], dev["details"]) == ("cluster dev", "warning", ["named by dev, stg"])
    assert (prod["check"], prod["verdict"]) == ("cluster prod", "warning")
    assert "REVSTAMP_CLUSTERS" in prod["fix"]


def test_a_kubeconfig_that_was_asked_for_and_cannot_be_used_is_a_failure(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The person said that it is there."""
    found = findings(capsys, made, "--kubeconfig", str(tmp_path / "absent"), code=1)
    assert {item["verdict"] for item in found} == {"failure"}


@pytest.mark.sweep
def test_a_cluster_that_does_not_answer_is_a_failure(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody listens there; the other clusters are still looked at."""
    cluster = {"name": "it", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "it", "context": {"cluster": "it", "user": "it"}}
    users = [{"name": "it", "user": {"token": "x"}}]
    config = {"current-context": "it", "clusters": [cluster], "contexts": [context], "users": users}
    (tmp_path / "config").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config}))
    monkeypatch.setenv("REVSTAMP_CLUSTERS", f"dev={tmp_path / 'config'}")
    dev, prod = findings(capsys, made, code=1)
    assert (dev["check"], dev["verdict"], prod["verdict"]) == ("cluster dev", "failure", "warning")
    assert dev["fix"]


def test_a_simulated_cluster_is_said_to_be_one(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing about it can be wrong."""
    monkeypatch.setenv("REVSTAMP_CLUSTERS", "dev=simulated,prod=simulated")
    found = findings(capsys, made, code=0)
    assert [(item["check"], item["verdict"]) for item in found] == [("cluster dev", "ok"), ("cluster prod", "ok")]
    assert all("simulated" in item["message"] for item in found)


def test_offline_no_cluster_is_looked_at(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As no remote is."""
    assert findings(capsys, made, "--offline", code=0) == []


def test_only_the_clusters_of_chosen_environments_are_looked_at(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person at work on one of them does not want to hear of the others."""
    assert [item["check"] for item in findings(capsys, made, "-e", "prod", code=0)] == ["cluster prod"]


def test_an_environment_file_that_cannot_be_read_is_told_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own finding says so; the clusters of the others are looked at."""
    (root / "environments/prod/environment.yaml").write_text("kind: Environment\n")
    assert [item["check"] for item in findings(capsys, root, code=1)] == ["cluster dev"]


def test_what_is_rendered_decides_which_kinds_are_needed(made: Path) -> None:
    """prod has an endpoint on KServe though its framework is deployment; dev has none."""
    fleet = Workspace.open(made, Settings()).fleet
    prod = find_needs(fleet, "prod")
    assert {DEPLOYMENT, SERVICE, INFERENCE_SERVICE, HTTP_ROUTE} <= prod.kinds.keys()
    assert prod.kserve
    dev = find_needs(fleet, "dev")
    assert not dev.kserve
    assert HTTP_ROUTE in dev.kinds


def test_defaults_are_needed_before_anything_is_rendered(root: Path) -> None:
    """Framework, routing and mode of the environment's file."""
    path = root / "environments/stg/environment.yaml"
    text = path.read_text().replace("type: gateway", "type: ingress")
    path.write_text(
        text.replace("framework: deployment", "framework: kserve").replace("mode: Standard", "mode: Knative")
    )
    commit_by_hand(root)
    needs = find_needs(Workspace.open(root, Settings()).fleet, "stg")
    assert {INFERENCE_SERVICE, INGRESS, KNATIVE_SERVICE} == needs.kinds.keys()
    assert "Knative" in needs.fix_of(KNATIVE_SERVICE)


def test_rights_are_those_of_the_installation() -> None:
    """By object where the installation gives them so."""
    rights = set(list_rights("prod"))
    assert Right("patch", DEPLOYMENT) in rights
    assert Right("update", CONFIG_MAP, "revstamp-applied-prod") in rights
    assert Right("update", LEASE, "revstamp-prod") in rights
    assert Right("update", CONFIG_MAP) not in rights


@pytest.mark.parametrize("version", available_versions()["kserve"])
def test_a_version_is_told_by_its_fields(version: str) -> None:
    """What a cluster of each version serves matches that version."""
    api_version, kind = INFERENCE_SERVICE.api_version, INFERENCE_SERVICE.name
    assert version in match_kserve_versions(api_version, kind, served(version))


def test_versions_with_other_fields_do_not_match() -> None:
    """0.16 and 0.20 are told apart from 0.17."""
    found = match_kserve_versions(INFERENCE_SERVICE.api_version, INFERENCE_SERVICE.name, served("0.17"))
    assert not {"0.15", "0.16", "0.20"} & set(found)


def test_a_definition_without_fields_matches_no_version() -> None:
    """KServe's small definition says nothing; neither does a document without the kind."""
    api_version, kind = INFERENCE_SERVICE.api_version, INFERENCE_SERVICE.name
    small = {"it": {**_marked(kind), "properties": {"spec": {"x-kubernetes-preserve-unknown-fields": True}}}}
    assert match_kserve_versions(api_version, kind, small) == ()
    assert match_kserve_versions(api_version, kind, {}) == ()


def served(version: str) -> dict[str, Any]:
    """A version's schema as an API server serves it: references go by way of `allOf`, the kind is marked."""
    key = f"{INFERENCE_SERVICE.api_version}/{INFERENCE_SERVICE.name}"
    schema = kind_schema(shipped_kinds(SchemaVersions("1.36", version))[key])
    text = json.dumps({"root": schema.root, "definitions": dict(schema.definitions)})
    parts = json.loads(text.replace("#/definitions/", "#/components/schemas/"))
    parts["root"].pop("definitions", None)
    return {**parts["definitions"], "it": {**parts["root"], **_marked(INFERENCE_SERVICE.name)}}


def _marked(kind: str) -> dict[str, Any]:
    group, _, version = INFERENCE_SERVICE.api_version.rpartition("/")
    return {"x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": kind}]}


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("kserve/kserve-controller:v0.17.0", "0.17"),
        ("registry.internal:5000/kserve/kserve-controller:v0.16.0-rc1", "0.16"),
        ("kserve/kserve-controller:v0.15.2@sha256:0123", "0.15"),
        ("kserve/kserve-controller:latest", ""),
        ("kserve/kserve-controller@sha256:0123", ""),
        ("gcr.io/kubebuilder/kube-rbac-proxy:v0.13.1", ""),
    ],
)
def test_the_controllers_image_names_the_version(image: str, version: str) -> None:
    """Only KServe's own image does, and only by a tag that is one."""
    containers = [{"image": "gcr.io/kubebuilder/kube-rbac-proxy:v0.13.1"}, {"image": image}]
    assert read_tag({"spec": {"template": {"spec": {"containers": containers}}}}) == version
