# ruff: noqa: E501  a row of a table is one line
"""What the API server would refuse in a pod is refused here first, at the line that a person wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.errors import InvalidInput
from generator.spec.names import is_secret_key
from generator.spec.rules import check_endpoint
from generator.spec.validate import load_endpoint, load_environment
from tests.spec.factory import (
    ENDPOINT,
    ENDPOINT_FILE,
    ENVIRONMENT_FILE,
    check,
    environment,
    environment_data,
    only,
    refused,
    resolve,
    resolved,
)

LARGE = 2**31
HALF = "x" * 131_000
SECTIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "Exists with a value": ({"tolerations": [{"key": "gpu", "operator": "Exists", "value": "yes"}]}, "tolerations[0].value", "takes no value"),
    "no key and no operator": ({"tolerations": [{"effect": "NoSchedule"}]}, "tolerations[0]", "needs the operator Exists"),
    "no key and Equal": ({"tolerations": [{"operator": "Equal", "value": "a"}]}, "tolerations[0].operator", "needs the operator Exists"),
    "seconds without an effect": ({"tolerations": [{"key": "a", "tolerationSeconds": 5}]}, "tolerations[0].tolerationSeconds", "not all effects"),
    "seconds with another effect": ({"tolerations": [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 5}]}, "tolerations[0].tolerationSeconds", "not NoSchedule"),
    "a user below zero": ({"securityContext": {"runAsUser": -1}}, "securityContext.runAsUser", "is no user or group"),
    "a group that is too large": ({"securityContext": {"runAsGroup": LARGE}}, "securityContext.runAsGroup", "0 to 2147483647"),
    "a file group below zero": ({"securityContext": {"fsGroup": -5}}, "securityContext.fsGroup", "is no user or group"),
    "a further group that is too large": ({"securityContext": {"supplementalGroups": [1, LARGE]}}, "securityContext.supplementalGroups[1]", "is no user or group"),
    "a container's user": ({"containerSecurityContext": {"runAsUser": LARGE}}, "containerSecurityContext.runAsUser", "is no user or group"),
    "a fraction": ({"securityContext": {"runAsUser": 1.5}}, "securityContext.runAsUser", "1.5 is not a whole number"),
    "privileges that may not grow": ({"containerSecurityContext": {"privileged": True, "allowPrivilegeEscalation": False}}, "containerSecurityContext.privileged", "contradicts allowPrivilegeEscalation"),
    "a capability that may not grow": ({"containerSecurityContext": {"allowPrivilegeEscalation": False, "capabilities": {"add": ["CAP_SYS_ADMIN"]}}}, "containerSecurityContext.capabilities.add", "CAP_SYS_ADMIN contradicts"),
    "root that must not be root": ({"securityContext": {"runAsNonRoot": True, "runAsUser": 0}}, "securityContext.runAsUser", "runAsNonRoot: true forbids"),
    "a container as root in a pod that must not be": ({"securityContext": {"runAsNonRoot": True}, "containerSecurityContext": {"runAsUser": 0}}, "containerSecurityContext.runAsUser", "runAsNonRoot: true forbids"),
    "an unknown seccomp type": ({"securityContext": {"seccompProfile": {"type": "Default"}}}, "securityContext.seccompProfile.type", "'Default' is not one of"),
    "a local profile without its name": ({"securityContext": {"seccompProfile": {"type": "Localhost"}}}, "securityContext.seccompProfile.localhostProfile", "needs a localhostProfile"),
    "a profile's name that nobody reads": ({"securityContext": {"appArmorProfile": {"type": "Unconfined", "localhostProfile": "x"}}}, "securityContext.appArmorProfile.localhostProfile", "takes no localhostProfile"),
    "a profile outside of its folder": ({"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "../x"}}}, "securityContext.seccompProfile.localhostProfile", "below the kubelet's profiles"),
    "a sysctl twice": ({"securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}, {"name": "net.core.somaxconn", "value": "2"}]}}, "securityContext.sysctls[1].name", "given twice"),
    "no sysctl": ({"securityContext": {"sysctls": [{"name": "Net Core", "value": "1"}]}}, "securityContext.sysctls[0].name", "is not the name of a sysctl"),
    "an unknown policy": ({"securityContext": {"fsGroupChangePolicy": "Never"}}, "securityContext.fsGroupChangePolicy", "'Never' is not one of"),
    "an unknown proc mount": ({"containerSecurityContext": {"procMount": "None"}}, "containerSecurityContext.procMount", "'None' is not one of"),
    "annotations that no object carries": ({"annotations": {"example.com/a": HALF, "example.com/b": HALF}}, "annotations", "an object carries"),
}  # fmt: skip


@pytest.mark.parametrize("case", SECTIONS)
def test_an_impossible_pod_is_refused_at_the_endpoints_line(case: str) -> None:
    """Before any template sees it."""
    pod, path, words = SECTIONS[case]
    found = only(check(pod=pod))
    assert words in found.message
    assert found.fix
    assert (found.file, found.line) == (ENDPOINT_FILE, 16)
    assert found.path.startswith(f"spec.pod.{path}")


@pytest.mark.parametrize("case", SECTIONS)
def test_an_impossible_pod_is_refused_at_the_environments_line(case: str) -> None:
    """When the environment is read, whatever its endpoints say."""
    pod, path, words = SECTIONS[case]
    text = json.dumps(environment_data(pod=pod), indent=1)
    found = only(refused(load_environment, text, ENVIRONMENT_FILE))
    assert words in found.message
    assert (found.file, found.path.startswith(f"spec.pod.{path}")) == (ENVIRONMENT_FILE, True)
    assert found.line > 1


def test_what_the_api_server_takes_is_taken() -> None:
    """The edges of the same rules."""
    possible: tuple[dict[str, Any], ...] = (
        {"tolerations": [{"operator": "Exists"}, {"key": "a"}, {"key": "b", "operator": "Equal", "value": "c"}]},
        {"tolerations": [{"key": "a", "effect": "NoExecute", "tolerationSeconds": 0}]},
        {"securityContext": {"runAsUser": 0, "fsGroup": LARGE - 1, "supplementalGroups": [0]}},
        {"securityContext": {"runAsNonRoot": True, "runAsUser": 0}, "containerSecurityContext": {"runAsUser": 5}},
        {
            "securityContext": {"runAsNonRoot": True},
            "containerSecurityContext": {"runAsNonRoot": False, "runAsUser": 0},
        },
        {"containerSecurityContext": {"privileged": True}},
        {"containerSecurityContext": {"allowPrivilegeEscalation": False, "capabilities": {"add": ["SYS_ADMIN"]}}},
        {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"}}},
        {"annotations": {"example.com/a": HALF}},
    )
    for pod in possible:
        assert check(pod=pod).violations == (), pod


def test_two_files_are_impossible_only_together() -> None:
    """The endpoint's container is root in the environment's pods that must not be."""
    env = environment(pod={"securityContext": {"runAsNonRoot": True}})
    found = only(check(env=env, pod={"containerSecurityContext": {"runAsUser": 0}}))
    assert (found.file, found.line) == (ENDPOINT_FILE, 16)
    env = environment(pod={"securityContext": {"runAsUser": 0}})
    found = only(check(env=env, pod={"containerSecurityContext": {"runAsNonRoot": True}}))
    assert found.file == ENVIRONMENT_FILE


def test_the_tolerations_of_a_pool_are_held_to_the_same() -> None:
    """They reach the same pods."""
    pool = {"name": "a", "gpuMemoryMib": 1, "gpus": 1, "tolerations": [{"operator": "Equal"}]}
    found = only(refused(load_environment, json.dumps(environment_data(gpuPools=[pool])), ENVIRONMENT_FILE))
    assert found.path == "spec.gpuPools[0].tolerations[0].operator"


def test_annotations_of_an_ingress_are_counted_where_there_is_one() -> None:
    """An HTTPRoute has none of them."""
    large = {"ingress": {"annotations": {"example.com/a": HALF, "example.com/b": HALF}}}
    assert "an object carries" in only(check(routing={"type": "ingress", **large})).message
    assert check(routing=large).violations == ()


def test_a_pull_secret_is_given_once() -> None:
    """Kubernetes keeps them by name."""
    with pytest.raises(InvalidInput) as caught:
        resolve(pod={"imagePullSecrets": ["a", "b", "a"]})
    assert only(caught.value).message == "'a' is given twice"


@pytest.mark.parametrize(
    ("key", "taken"),
    [("a", True), (".a", True), ("A-b_c.1", True), ("x" * 253, True), ("", False), (".", False), ("..", False),
     ("..a", False), ("a/b", False), ("a b", False), ("x" * 254, False), ("é", False)],
)  # fmt: skip
def test_the_key_of_a_secret_is_a_file_name(key: str, taken: bool) -> None:
    """As the API server has it, with no way out of the folder it is mounted in."""
    assert is_secret_key(key) is taken


def test_the_variable_that_kserve_fetches_by_is_revstamps() -> None:
    """Twice in one container it would be refused; each file is pointed at for its own."""
    knative = {"framework": "kserve", "kserve": {"mode": "Knative"}}
    given = [{"name": "A", "value": "b"}, {"name": "STORAGE_URI", "value": "s3://x/y"}]
    found = only(check(pod={"env": given}, **knative))
    assert (found.file, found.path) == (ENDPOINT_FILE, "spec.pod.env[1]")
    env = environment(pod={"env": given})
    endpoint = resolved(env=env, **knative, pod={"env": [{"name": "C", "value": "d"}]})
    document = load_endpoint(ENDPOINT, ENDPOINT_FILE)[1]
    found = only(check_endpoint(endpoint, document, *env))
    assert (found.file, found.path) == (ENVIRONMENT_FILE, "spec.pod.env[1]")
    assert check(pod={"env": given}, framework="kserve").violations == ()


@pytest.mark.parametrize(
    ("key", "owner"),
    [("app", "revstamp"), ("app.kubernetes.io/managed-by", "revstamp"), ("revstamp.io/x", "revstamp"), ("endpoint-id", "revstamp"),
     ("a.revstamp.io/x", "revstamp"), ("serving.kserve.io/inferenceservice", "KServe and Knative"), ("pod-template-hash", "Kubernetes"),
     ("serving.knative.dev/revision", "KServe and Knative")],
)  # fmt: skip
def test_labels_that_objects_are_found_by_are_not_peoples(key: str, owner: str) -> None:
    """On the endpoint, on its pods, and in the environment."""
    words = f"the label {key!r} belongs to {owner}"
    for text in (
        ENDPOINT.replace("  owner: nlp\n", f'  labels: {{"{key}": x}}\n'),
        ENDPOINT + f'  pod: {{"labels": {{"{key}": x}}}}\n',
    ):
        assert only(refused(resolve, text)).message == words
    text = json.dumps(environment_data(pod={"labels": {key: "x"}}))
    assert only(refused(load_environment, text, ENVIRONMENT_FILE)).message == words


def test_labels_that_people_give_to_kserve_stay_theirs() -> None:
    """Visibility is asked for by a label."""
    labels = {
        "networking.knative.dev/visibility": "cluster-local",
        "networking.kserve.io/visibility": "x",
        "app.kubernetes.io/name": "x",
    }
    assert resolved(pod={"labels": labels}).pod.labels == labels


def test_annotations_that_a_field_stands_for_are_said_by_the_field() -> None:
    """KServe would take them from the pods before those of the InferenceService."""
    found = only(refused(resolve, pod={"annotations": {"serving.kserve.io/deploymentMode": "Standard"}}))
    assert found.message == "the annotation 'serving.kserve.io/deploymentMode' is set by revstamp"
    assert found.fix == "say it by kserve.mode"
    allowed = {"serving.kserve.io/enable-prometheus-scraping": "true"}
    assert resolved(pod={"annotations": allowed}).pod.annotations == allowed
