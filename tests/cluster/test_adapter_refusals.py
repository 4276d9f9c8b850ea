"""Each refusal of a real API server becomes the error that says what happened and what to do."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.cluster.kinds import CONFIG_MAP, DEPLOYMENT, Kind, ref_of
from generator.cluster.kubernetes_cluster import KubernetesCluster
from generator.errors import (
    AdmissionRefused,
    ClusterForbidden,
    ClusterUnauthorized,
    ImmutableField,
    ObjectInvalid,
    QuotaExceeded,
)
from tests.cluster.adapter_clusters import open_kubernetes
from tests.cluster.adapter_objects import make_map
from tests.testbed.fixtures.cluster import Cluster
from tests.testbed.workloads import make_deployment, make_inference_service

pytestmark = pytest.mark.cluster


def write_kubeconfig(testbed: Cluster, path: Path, token: str) -> Path:
    """The testbed's, with another token."""
    config = yaml.safe_load(testbed.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def reader(testbed: Cluster, namespace: str, tmp_path: Path) -> Iterator[KubernetesCluster]:
    """A real service account that may read ConfigMaps of the namespace and nothing else."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": namespace}}
    role: dict[str, Any] = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "reader", "namespace": namespace},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}],
    }
    binding = {
        **role,
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    del binding["rules"]
    for each in (account, role, binding):
        testbed.api.create(each)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/reader/token"
    token = testbed.api.request("POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"})
    cluster = open_kubernetes(write_kubeconfig(testbed, tmp_path / "reader", token["status"]["token"]))
    wait_until_allowed(cluster, namespace)
    yield cluster
    cluster.close()


def wait_until_allowed(cluster: KubernetesCluster, namespace: str) -> None:
    """Until the server has taken note of the role and its binding."""
    deadline = time.monotonic() + 60
    while not all(cluster.can(verb, CONFIG_MAP, namespace) for verb in ("get", "list")):
        assert time.monotonic() < deadline, "it still may not read"
        time.sleep(0.05)


def test_a_missing_right_is_named_with_who_needs_it(reader: KubernetesCluster, namespace: str) -> None:
    """Verb, resource with its group, namespace; for each method."""
    who = f"system:serviceaccount:{namespace}:reader"
    assert reader.read(ref_of(make_map(namespace))) is None
    with pytest.raises(ClusterForbidden) as found:
        reader.apply(make_deployment(namespace))
    assert f"{who} may not patch deployments.apps in the namespace {namespace}" in found.value.message
    assert f"Deployment {namespace}/chat in the cluster 'testbed'" in found.value.message
    assert (found.value.details["verb"], found.value.details["resource"]) == ("patch", "deployments.apps")
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("create configmaps", lambda: reader.create(make_map(namespace))),
        ("list configmaps", lambda: list(reader.list(CONFIG_MAP, ""))),
        ("delete configmaps", lambda: reader.delete(ref_of(make_map(namespace)), uid="x")),
        ("list deployments.apps", lambda: list(reader.list(DEPLOYMENT, namespace))),
    ]
    for words, attempt in attempts:
        with pytest.raises(ClusterForbidden, match=f"may not {words}"):
            attempt()
    assert not reader.can("patch", DEPLOYMENT, namespace)
    assert reader.can("get", CONFIG_MAP, namespace)
    assert not reader.can("get", CONFIG_MAP, "")


def test_credentials_that_are_not_accepted_are_said_to_be(testbed: Cluster, namespace: str, tmp_path: Path) -> None:
    """Without saying them."""
    cluster = open_kubernetes(write_kubeconfig(testbed, tmp_path / "stranger", "not-a-token"))
    with pytest.raises(ClusterUnauthorized, match="does not accept the credentials") as found:
        cluster.apply(make_map(namespace))
    assert not found.value.retryable
    assert "not-a-token" not in str(found.value.to_dict())


def test_credentials_that_are_renewed_on_disk_are_used_without_a_restart(
    testbed: Cluster, namespace: str, tmp_path: Path
) -> None:
    """A token that is refused is loaded anew, once."""
    path = write_kubeconfig(testbed, tmp_path / "renewed", "old-token")
    cluster = open_kubernetes(path)
    config = yaml.safe_load(testbed.kubeconfig.read_text())
    write_kubeconfig(testbed, path, config["users"][0]["user"]["token"])
    cluster._connection._loaded_at -= 60.0
    assert cluster.apply(make_map(namespace))["data"] == {"k": "1"}


def test_a_credential_plugin_is_asked_and_asked_again(testbed: Cluster, namespace: str, tmp_path: Path) -> None:
    """Its first token is of no use; the second is the server's."""
    config = yaml.safe_load(testbed.kubeconfig.read_text())
    version = "client.authentication.k8s.io/v1"
    good = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": {"token": token_of(config)}})
    bad = json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": {"token": "old"}})
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\nif [ -e {tmp_path}/asked ]; then echo '{good}'; else echo '{bad}'; fi\n")
    plugin.chmod(0o700)
    command = {"apiVersion": version, "command": str(plugin), "interactiveMode": "Never"}
    config["users"][0]["user"] = {"exec": command}
    path = tmp_path / "by-plugin"
    path.write_text(yaml.safe_dump(config))
    cluster = open_kubernetes(path)
    (tmp_path / "asked").touch()
    cluster._connection._loaded_at -= 60.0
    assert cluster.apply(make_map(namespace))["data"] == {"k": "1"}


def token_of(config: dict[str, Any]) -> str:
    """That of the testbed's administrator."""
    return str(config["users"][0]["user"]["token"])


def test_without_credentials_it_is_said_that_there_are_none(testbed: Cluster, namespace: str, tmp_path: Path) -> None:
    """The server calls that a missing right of nobody."""
    config = yaml.safe_load(testbed.kubeconfig.read_text())
    config["users"][0]["user"] = {}
    path = tmp_path / "nobody"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(ClusterUnauthorized, match=r"takes us for nobody|does not accept"):
        open_kubernetes(path).apply(make_map(namespace))


def test_impersonation_of_a_kubeconfig_is_kept(testbed: Cluster, namespace: str, tmp_path: Path) -> None:
    """Requests are made with no more rights than the file says."""
    config = yaml.safe_load(testbed.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = "ann"
    path = tmp_path / "ann"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(ClusterForbidden, match="ann may not patch configmaps"):
        open_kubernetes(path).apply(make_map(namespace))


def test_a_missing_namespace_is_said_with_how_to_make_it(adapter: KubernetesCluster) -> None:
    """Not as an object or a kind that is missing."""
    space = f"missing-{secrets.token_hex(4)}"
    for attempt in (adapter.apply, adapter.create):
        with pytest.raises(ObjectInvalid, match=f"the namespace {space} does not exist") as found:
            attempt(make_map(space))
        assert f"kubectl create namespace {space}" in found.value.hint


def test_a_namespace_that_is_being_deleted_takes_nothing_yet(testbed: Cluster, adapter: KubernetesCluster) -> None:
    """It passes, so it may be tried again."""
    space = f"ending-{secrets.token_hex(4)}"
    testbed.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    kept = make_map(space, "kept")
    kept["metadata"]["finalizers"] = ["example.org/hold"]
    made = adapter.create(kept)
    testbed.api.delete(f"/api/v1/namespaces/{space}")
    with pytest.raises(ObjectInvalid, match="is being deleted") as found:
        adapter.apply(make_map(space))
    assert found.value.retryable
    adapter.patch(ref_of(made), [{"op": "remove", "path": "/metadata/finalizers"}])


def test_a_policy_passes_its_words_on(testbed: Cluster, adapter: KubernetesCluster, namespace: str) -> None:
    """A real ValidatingAdmissionPolicy."""
    name = f"no-bad-{secrets.token_hex(4)}"
    root = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy = {
        **root,
        "kind": "ValidatingAdmissionPolicy",
        "spec": {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": chosen},
            "validations": [{"expression": "object.data.k != 'bad'", "message": "bad: it is not allowed here"}],
        },
    }
    binding = {
        **root,
        "kind": "ValidatingAdmissionPolicyBinding",
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    paths = [testbed.api.path_of(testbed.api.create(each)) for each in (policy, binding)]
    try:
        found = wait_for_refusal(adapter, make_map(namespace, value="bad"))
        assert f"the policy {name} refuses: bad: it is not allowed here" in found.message
        assert found.details["policy"] == name
        assert not found.retryable
        adapter.apply(make_map(namespace, value="good"))
    finally:
        for path in paths:
            testbed.api.delete(path)


def wait_for_refusal(adapter: KubernetesCluster, body: dict[str, Any]) -> AdmissionRefused:
    """A policy takes effect a moment after it is made."""
    import time

    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        try:
            adapter.apply(body, dry_run=True)
        except AdmissionRefused as error:
            return error
        time.sleep(0.1)
    raise AssertionError("it was never refused")


def test_a_webhook_passes_its_words_on(adapter: KubernetesCluster, namespace: str) -> None:
    """KServe's own."""
    odd = make_inference_service(namespace)
    odd["spec"]["predictor"]["minReplicas"] = 3
    odd["spec"]["predictor"]["maxReplicas"] = 1
    with pytest.raises(AdmissionRefused, match=r"the webhook inferenceservice\.\S+ refuses: .*[rR]eplicas") as found:
        adapter.apply(odd)
    assert found.value.details["webhook"].startswith("inferenceservice.")


def test_a_webhook_that_does_not_answer_may_be_tried_again(
    testbed: Cluster, adapter: KubernetesCluster, namespace: str
) -> None:
    """The server is well; only objects of that kind are not taken."""
    name = f"deaf-{secrets.token_hex(4)}.example.org"
    hook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": name,
                "clientConfig": {"url": "https://127.0.0.1:1/validate"},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail",
            }
        ],
    }
    path = testbed.api.path_of(testbed.api.create(hook))
    try:
        found = wait_for_refusal(adapter, make_map(namespace))
        assert f"the webhook {name}" in found.message
        assert "does not answer" in found.message
        assert found.retryable
    finally:
        testbed.api.delete(path)


def test_an_immutable_field_is_named(adapter: KubernetesCluster, namespace: str) -> None:
    """The selector of the platform's old Deployments."""
    adapter.apply(make_deployment(namespace, replicas=0))
    other = make_deployment(namespace, replicas=0)
    other["spec"]["selector"] = {"matchLabels": {"app": "chat", "endpoint-id": "1"}}
    other["spec"]["template"]["metadata"]["labels"] = {"app": "chat", "endpoint-id": "1"}
    with pytest.raises(ImmutableField, match=r"spec\.selector cannot be changed") as found:
        adapter.apply(other)
    assert [each.path for each in found.value.violations] == ["spec.selector"]
    assert len(found.value.message) < 500


def test_a_quota_is_named(testbed: Cluster, adapter: KubernetesCluster, namespace: str) -> None:
    """With what was asked for and what is used."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": namespace},
        "spec": {"hard": {"count/deployments.apps": "0"}},
    }
    testbed.api.create(quota)
    testbed.api.wait(f"/api/v1/namespaces/{namespace}/resourcequotas/few", lambda found: found["status"].get("hard"))
    with pytest.raises(QuotaExceeded, match="exceeded quota: few"):
        adapter.apply(make_deployment(namespace))


def test_all_that_is_wrong_with_an_object_is_said_at_once(adapter: KubernetesCluster, namespace: str) -> None:
    """Field by field."""
    odd = make_deployment(namespace, replicas=-1)
    odd["spec"]["template"]["spec"]["containers"][0]["name"] = "Not A Name"
    with pytest.raises(ObjectInvalid) as found:
        adapter.apply(odd)
    fields = {each.path for each in found.value.violations}
    assert {"spec.replicas", "spec.template.spec.containers[0].name"} <= fields
    assert all(field in found.value.message for field in fields)
    assert not found.value.retryable


def test_a_field_that_does_not_exist_is_refused_and_not_dropped(adapter: KubernetesCluster, namespace: str) -> None:
    """In built-in kinds and in those of definitions; not worth another attempt."""
    odd = make_deployment(namespace)
    odd["spec"]["replica"] = 1
    custom = make_inference_service(namespace)
    custom["spec"]["predictor"]["replica"] = 1
    for body in (odd, custom):
        with pytest.raises(ObjectInvalid, match="replica") as found:
            adapter.apply(body)
        assert not found.value.retryable
    with pytest.raises(ObjectInvalid, match="replica"):
        adapter.create(odd)


def test_a_watch_or_list_of_a_forbidden_kind_is_raised(reader: KubernetesCluster, namespace: str) -> None:
    """Not waited for: a right does not come by itself."""
    from threading import Event

    with pytest.raises(ClusterForbidden, match="may not list secrets"):
        next(iter(reader.watch(Kind("v1", "Secret", "secrets"), namespace, Event())))
    events = iter(reader.watch(CONFIG_MAP, namespace, Event()))
    with pytest.raises(ClusterForbidden, match="may not watch configmaps"):
        for _ in events:
            pass
