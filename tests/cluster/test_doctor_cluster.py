"""The doctor looks at a real cluster: what is right is one line, what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generator.cli.main import run
from generator.cluster.kinds import INFERENCE_SERVICE
from generator.cluster.open import open_cluster
from generator.cluster.port import Cluster as Port
from generator.cluster.port import SchemaSource
from generator.reconciler.doctor_kserve import find_versions
from tests.cluster.accounts import kubeconfig_of, make_account
from tests.cluster.gitops import GitOps, make_gitops
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.fixtures.kserve_versions import ClusterWith

pytestmark = pytest.mark.cluster


@pytest.fixture
def gitops(tmp_path: Path, namespace: str) -> GitOps:
    """A repository for the namespace, with an endpoint on KServe."""
    made = make_gitops(tmp_path / "gitops", namespace)
    made.add("chat", framework="kserve")
    return made


def findings(
    capsys: pytest.CaptureFixture[str], gitops: GitOps, kubeconfig: Path, code: int = 0
) -> list[dict[str, Any]]:
    """The findings about the environment in its cluster."""
    capsys.readouterr()
    words = ["doctor", "--kubeconfig", str(kubeconfig), "--output", "json"]
    assert run(["-C", str(gitops.root), *words]) == code
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    assert next(item for item in found if item["check"] == "cluster testbed")["message"].startswith("v1.")
    return [item for item in found if item["check"] == "test in cluster testbed"]


def test_a_cluster_that_is_as_the_file_says_is_one_line(
    testbed: Cluster, gitops: GitOps, capsys: pytest.CaptureFixture[str]
) -> None:
    """Version, namespace, kinds, rights and KServe."""
    (found,) = findings(capsys, gitops, testbed.kubeconfig)
    assert found["verdict"] == "ok"
    assert "InferenceService" in found["message"]


def test_other_versions_than_the_file_says_are_named(
    testbed: Cluster, gitops: GitOps, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kubernetes' is worth a look; KServe's stands in the way, since its webhooks treat modes in another way."""
    gitops.edit_environment(lambda spec: spec.update(kubernetesVersion="1.34"))
    gitops.edit_environment(lambda spec: spec["kserve"].update(version="0.16"))
    kubernetes, kserve = findings(capsys, gitops, testbed.kubeconfig, code=1)
    assert (kubernetes["verdict"], kserve["verdict"]) == ("warning", "failure")
    assert "1.36" in kubernetes["fix"]
    assert "KServe 0.17" in kserve["message"]
    assert "0.16" in kserve["message"]


def test_what_the_cluster_lacks_is_named_with_what_brings_it(
    testbed: Cluster, gitops: GitOps, capsys: pytest.CaptureFixture[str]
) -> None:
    """A namespace that is not there, and Knative."""
    gitops.edit_environment(lambda spec: spec.update(namespace="not-there"))
    gitops.edit_environment(lambda spec: spec["kserve"].update(mode="Knative"))
    namespace, knative = findings(capsys, gitops, testbed.kubeconfig, code=1)
    assert namespace["fix"] == "kubectl create namespace not-there"
    assert "serving.knative.dev" in knative["message"]
    assert "Knative" in knative["fix"]


def test_an_account_that_only_looks_is_worth_a_look_and_one_without_rights_a_failure(
    testbed: Cluster, gitops: GitOps, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rights that are missing are listed by kind."""
    account = make_account(testbed, gitops.namespace, "somebody")
    kubeconfig = kubeconfig_of(testbed, gitops.namespace, account, tmp_path / "somebody.kubeconfig")
    (nothing,) = findings(capsys, gitops, kubeconfig, code=1)
    assert nothing["verdict"] == "failure"
    assert "deployments: get, list, watch, create, patch, delete" in nothing["details"]
    testbed.kubectl(
        *("create", "role", "looks", "-n", gitops.namespace, "--verb=get,list,watch"),
        "--resource=deployments.apps,replicasets.apps,services,pods,events,configmaps,horizontalpodautoscalers.autoscaling",
        "--resource=inferenceservices.serving.kserve.io,poddisruptionbudgets.policy,ingresses.networking.k8s.io",
        "--resource=httproutes.gateway.networking.k8s.io",
    )
    bound = f"--serviceaccount={gitops.namespace}:{account}"
    testbed.kubectl("create", "rolebinding", "looks", "-n", gitops.namespace, "--role=looks", bound)
    (looks,) = findings(capsys, gitops, kubeconfig)
    assert looks["verdict"] == "warning"
    assert "deployments: create, patch, delete" in looks["details"]


@pytest.mark.parametrize(
    "version",
    [pytest.param("0.15", marks=pytest.mark.soak), "0.16", pytest.param("0.20", marks=pytest.mark.soak)],
)
@pytest.mark.soak
def test_other_versions_of_kserve_are_told_by_what_they_serve(cluster_with: ClusterWith, version: str) -> None:
    """Their controllers run outside of the cluster there, so that no image tells."""
    opened = open_cluster("other", kubeconfig=str(cluster_with(version).kubeconfig))
    try:
        assert find_versions(opened) == (version,)
    finally:
        opened.close()


def test_a_version_is_told_by_the_controllers_image_first(testbed: Cluster, port: Port, namespace: str) -> None:
    """What the API serves is only asked without one."""

    class WithController:
        """The testbed, but for one object."""

        def __getattr__(self, name: str) -> Any:
            return getattr(port, name)

        def read(self, _ref: object) -> dict[str, Any]:
            """KServe's Deployment."""
            containers = [{"image": "kserve/kserve-controller:v0.18.2"}]
            return {"spec": {"template": {"spec": {"containers": containers}}}}

    assert find_versions(WithController()) == ("0.18",)  # type: ignore[arg-type]


def test_schemas_of_a_group_that_is_not_there_are_none(port: Port) -> None:
    """So that nothing is told of what is not installed."""
    assert isinstance(port, SchemaSource)
    assert port.read_schemas("nothing.example.com/v1") == {}
    assert port.read_schemas(INFERENCE_SERVICE.api_version)
