"""Claims about pods and their containers."""

from __future__ import annotations

import pytest

from generator.render.canonical import emit_yaml
from generator.render.render import render_manifests
from generator.spec.environment import GpuPool
from generator.spec.sections import EnvVar, SecretKey, Toleration
from tests.render.factory import make_cpu_endpoint, make_endpoint
from tests.render.rendering import TEMPLATES, body, kserve, pod_of, render


def test_an_owner_is_written_where_it_restarts_nothing() -> None:
    for manifest in render(make_endpoint(min_replicas=2)):
        assert manifest.body["metadata"]["annotations"]["revstamp.io/owner"] == "search-team"
    assert "search-team" not in str(body("Deployment")["spec"])
    assert "search-team" not in str(kserve())


def test_the_selector_is_one_label_and_pods_carry_it() -> None:
    deployment = body("Deployment", pod__labels={"zone": "a"})
    assert deployment["spec"]["selector"] == {"matchLabels": {"app": "svc-0123456789ab"}}
    assert deployment["spec"]["template"]["metadata"]["labels"] == {
        "app": "svc-0123456789ab",
        "revstamp.io/endpoint": "svc-0123456789ab",
        "team": "search",
        "zone": "a",
    }


def test_gpus_are_requested_and_limited_equally_with_room_for_cards_that_report_less() -> None:
    pod = pod_of(body("Deployment", deployment__resources__gpus=2))
    resources = pod["containers"][0]["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == "2"
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    expression = {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["74004"]}
    assert terms == [{"matchExpressions": [expression]}]


@pytest.mark.parametrize(("gigabytes", "reported"), [(80, 81920), (80, 81559), (40, 40960), (24, 23028), (48, 46068)])
def test_real_cards_of_a_size_pass_its_affinity(gigabytes: int, reported: int) -> None:
    pod = pod_of(body("Deployment", deployment__resources__gpu_memory_gb=gigabytes))
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert int(required["nodeSelectorTerms"][0]["matchExpressions"][0]["values"][0]) < reported


def test_a_cpu_endpoint_asks_for_no_gpu_memory_or_shared_memory() -> None:
    manifest = render(make_cpu_endpoint(deployment__resources__gpu_memory_gb=80, pod__shm_size="1Gi")).get("Deployment")
    assert manifest is not None
    text = emit_yaml(manifest.body)
    assert "nvidia" not in text
    assert "shm" not in text


def test_a_gpu_pools_nodes_and_tolerations_are_added_once() -> None:
    toleration = Toleration(key="gpu", operator="Exists", effect="NoSchedule")
    pool = GpuPool(
        name="a100", gpu_memory_mib=81920, gpus=8, node_selector={"p": "a", "z": "1"}, tolerations=(toleration,)
    )
    given = {"gpu_pool": pool, "pod__tolerations": (toleration,), "pod__node_selector": {"z": "2"}}
    pod = pod_of(body("Deployment", **given))
    assert pod["nodeSelector"] == {"p": "a", "z": "2"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]


@pytest.mark.parametrize(("seconds", "failures"), [(600, 60), (601, 61), (5, 1)])
def test_the_startup_probe_covers_the_load_budget(seconds: int, failures: int) -> None:
    probe = pod_of(body("Deployment", budgets__load_seconds=seconds))["containers"][0]["startupProbe"]
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (10, failures)
    assert probe["httpGet"] == {"path": "/health", "port": "http"}


def test_a_server_without_a_health_path_is_asked_by_its_port() -> None:
    container = pod_of(body("Deployment", server="plain"))["containers"][0]
    assert container["livenessProbe"]["tcpSocket"] == {"port": "http"}


def test_pods_stop_gracefully_without_a_shell() -> None:
    pod = pod_of(body("Deployment"))
    assert pod["terminationGracePeriodSeconds"] == 80
    assert pod["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    assert "lifecycle" not in pod_of(body("Deployment", budgets__pre_stop_seconds=0))["containers"][0]


def test_before_kubernetes_1_30_there_is_no_pause_but_a_warning() -> None:
    manifests = render_manifests(make_endpoint(kubernetes_version="v1.29.3"), TEMPLATES)
    assert "preStop" not in str(manifests.get("Deployment"))
    assert any("1.30" in warning for warning in manifests.warnings)


def test_a_tag_that_moves_is_pulled_always() -> None:
    assert pod_of(body("Deployment", image="r/x:latest"))["containers"][0]["imagePullPolicy"] == "Always"
    assert pod_of(body("Deployment", image="r/x:1"))["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_a_token_is_mounted_only_for_a_service_account() -> None:
    assert pod_of(body("Deployment"))["automountServiceAccountToken"] is False
    pod = pod_of(body("Deployment", pod__service_account_name="runner"))
    assert "automountServiceAccountToken" not in pod
    assert pod["serviceAccountName"] == "runner"


def test_variables_are_values_or_references_and_never_expanded() -> None:
    env = (
        EnvVar(name="A", value="$(PATH)"),
        EnvVar(name="B", secret=SecretKey(name="s", key="k")),
        EnvVar(name="C", value=""),
    )
    assert pod_of(body("Deployment", pod__env=env))["containers"][0]["env"] == [
        {"name": "A", "value": "$$(PATH)"},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "C"},
    ]
