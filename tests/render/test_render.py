"""Claims about the objects of an endpoint, by framework, mode, routing and what its environment has."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.errors import RenderFailed
from generator.render.canonical import emit_yaml
from generator.render.engine import TemplateSet
from generator.render.manifest import ManifestSet
from generator.render.render import render_manifests
from generator.render.schema_check import SchemaVersions
from generator.render.shipped import shipped_templates
from generator.spec.environment import GpuPool
from generator.spec.model import Rollout, TrafficSplit
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import EnvVar, Scaling, SecretKey, Toleration
from tests.render.factory import make_cpu_endpoint, make_endpoint, make_external_endpoint

TEMPLATES = TemplateSet(shipped_templates())
SCHEMAS = SchemaVersions(kubernetes="1.36", kserve="0.16")
MAPPED = {"gpuUtilization": Scaling(metric="gpu_util")}


def render(endpoint: ResolvedEndpoint) -> ManifestSet:
    return render_manifests(endpoint, TEMPLATES, SCHEMAS)


def body(kind: str, **overrides: Any) -> Any:
    manifest = render(make_endpoint(**overrides)).get(kind)
    assert manifest is not None, f"no {kind}"
    return manifest.body


def kserve(**overrides: Any) -> Any:
    return body("InferenceService", framework="kserve", **overrides)


def pod_of(workload: Any) -> Any:
    return workload["spec"].get("template", {}).get("spec") or workload["spec"]["predictor"]


def kinds(**overrides: Any) -> list[str]:
    return [manifest.kind for manifest in render(make_endpoint(**overrides))]


def warned(word: str, **overrides: Any) -> bool:
    return any(word in warning for warning in render(make_endpoint(**overrides)).warnings)


ENDPOINTS = [
    {"server": server, **framework, "routing__type": routing, "min_replicas": replicas, "metrics": metrics}
    for server in ("vllm", "tgi", "sglang", "triton", "plain")
    for framework in (
        {"framework": "deployment"},
        {"framework": "kserve"},
        {"framework": "kserve", "kserve__mode": "Knative"},
        {"framework": "kserve", "kserve__predictor": "model"},
    )
    for routing in ("gateway", "ingress", "none")
    for replicas, metrics in ((1, {}), (2, MAPPED))
]


@pytest.mark.parametrize("overrides", ENDPOINTS, ids=lambda given: "-".join(str(value) for value in given.values()))
def test_every_combination_is_what_the_api_server_takes(overrides: dict[str, Any]) -> None:
    manifests = render(make_endpoint(**overrides))
    for manifest in manifests:
        assert yaml.safe_load(emit_yaml(manifest.body)) == manifest.body
        assert manifest.body["metadata"]["namespace"] == "llm-ops-dev"
        assert manifest.body["metadata"]["labels"]["revstamp.io/endpoint"] == "svc-0123456789ab"
        assert manifest.body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "revstamp"
        assert_nothing_empty(manifest.body)
    assert "revstamp.io/revision" not in str(list(manifests))
    assert len({manifest.kind for manifest in manifests}) == len(manifests)


def assert_nothing_empty(value: Any, key: str = "") -> None:
    assert value is not None, key
    if isinstance(value, dict | list):
        assert value or key == "emptyDir", key
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            assert_nothing_empty(inner, str(name))


def test_objects_are_in_the_order_in_which_they_are_applied() -> None:
    assert kinds(min_replicas=2) == [
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "HTTPRoute",
    ]
    assert kinds(framework="kserve", min_replicas=2, routing__type="ingress") == [
        "InferenceService",
        "PodDisruptionBudget",
        "Ingress",
    ]


def test_an_external_model_has_nothing_to_deploy() -> None:
    assert len(render(make_external_endpoint())) == 0


def test_rendering_twice_makes_the_same_bytes() -> None:
    again = TemplateSet(dict(reversed(shipped_templates().items())))
    first = [emit_yaml(manifest.body) for manifest in render(make_endpoint())]
    assert first == [emit_yaml(manifest.body) for manifest in render_manifests(make_endpoint(), again)]


def test_names_are_those_of_the_platform() -> None:
    names = {
        manifest.kind: manifest.name for manifest in render(make_endpoint(min_replicas=2, routing__type="ingress"))
    }
    assert names == {
        "Deployment": "svc-0123456789ab",
        "Service": "svc-0123456789ab-svc",
        "HorizontalPodAutoscaler": "svc-0123456789ab-hpa",
        "PodDisruptionBudget": "svc-0123456789ab-pdb",
        "Ingress": "svc-0123456789ab-ingress",
    }


# Replicas and scaling


def test_an_autoscaler_owns_the_replicas_where_there_is_one() -> None:
    assert "replicas" not in body("Deployment")["spec"]
    assert body("Deployment", autoscaling={})["spec"]["replicas"] == 1
    assert body("Deployment", min_replicas=3)["spec"]["replicas"] == 3


def test_a_stopped_endpoint_keeps_service_and_route_and_nothing_that_scales() -> None:
    stopped = {"min_replicas": 0, "max_replicas": 0}
    assert kinds(**stopped) == ["Deployment", "Service", "HTTPRoute"]
    assert body("Deployment", **stopped)["spec"]["replicas"] == 0


def test_a_cpu_metric_needs_a_cpu_request() -> None:
    given = {"cpu_request": None, "cpu_limit": None}
    assert "HorizontalPodAutoscaler" not in kinds(**given)
    assert body("Deployment", **given)["spec"]["replicas"] == 1
    assert warned("CPU request", **given)


def test_a_metric_that_nobody_maps_is_kept_with_a_warning() -> None:
    given = {"autoscaling": {"cpuUtilization": 70, "gpuUtilization": 80}}
    assert len(body("HorizontalPodAutoscaler", **given)["spec"]["metrics"]) == 1
    assert warned("gpuUtilization is kept, not applied", **given)
    assert kinds(autoscaling={"gpuUtilization": 80}).count("HorizontalPodAutoscaler") == 0


def test_mapped_metrics_become_pods_and_external_metrics_in_canonical_quantities() -> None:
    metrics = {
        "gpuUtilization": Scaling(metric="gpu_util", divisor=100),
        "targetLatencyMs": Scaling(type="External", metric="latency", selector={"queue": "q"}, divisor=1000),
    }
    policy = {"targetLatencyMs": 1500, "gpuUtilization": 80}
    spec = body("HorizontalPodAutoscaler", metrics=metrics, autoscaling=policy)["spec"]
    assert spec["metrics"] == [
        {
            "type": "Pods",
            "pods": {"metric": {"name": "gpu_util"}, "target": {"type": "AverageValue", "averageValue": "800m"}},
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "latency", "selector": {"matchLabels": {"queue": "q"}}},
                "target": {"type": "Value", "value": "1500m"},
            },
        },
    ]


@pytest.mark.parametrize("value", ["", "many", None, [], {}, True, -1, 0, float("nan"), "1/0", "9" * 50])
def test_a_target_that_is_no_number_is_kept_with_a_warning(value: Any) -> None:
    assert warned("not applied", autoscaling={"cpuUtilization": value})


def test_a_budget_for_drains_is_there_from_two_replicas_on() -> None:
    assert "PodDisruptionBudget" not in kinds()
    assert body("PodDisruptionBudget", min_replicas=2)["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"app": "svc-0123456789ab"}},
    }


# Pods


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


# Model files


def test_a_download_is_an_init_container_with_arguments_and_references_only() -> None:
    download = pod_of(body("Deployment"))["initContainers"][0]
    assert download["name"] == "storage-initializer"
    assert download["args"] == ["s3://models/llama-chat/1.2.0", "/mnt/models"]
    assert "command" not in download
    values = [variable for variable in download["env"] if "value" in variable]
    assert values == [{"name": "AWS_DEFAULT_REGION", "value": "us-east-1"}]
    assert "nvidia.com/gpu" not in str(download["resources"])


def test_a_claim_is_mounted_read_only_at_its_path() -> None:
    pod = pod_of(body("Deployment", model__storage_uri="pvc://models/llama/1"))
    assert "initContainers" not in pod
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    mount = {"name": "model", "mountPath": "/mnt/models", "subPath": "llama/1", "readOnly": True}
    assert pod["containers"][0]["volumeMounts"][0] == mount


def test_credentials_are_those_of_the_uris_scheme() -> None:
    assert "env" not in pod_of(body("Deployment", model__storage_uri="hf://org/model"))["initContainers"][0]


def test_kserve_standard_downloads_by_the_environments_own_mapping() -> None:
    predictor = pod_of(kserve())
    assert predictor["initContainers"][0]["name"] == "storage-initializer"
    assert "STORAGE_URI" not in str(predictor)


def test_knative_and_oci_leave_the_download_to_kserve() -> None:
    for given in ({"kserve__mode": "Knative"}, {"model__storage_uri": "oci://registry/model:1"}):
        predictor = pod_of(kserve(**given))
        assert "initContainers" not in predictor
        assert predictor["containers"][0]["env"][-1]["name"] == "STORAGE_URI"
    annotations = kserve(kserve__mode="Knative")["metadata"]["annotations"]
    assert annotations["serving.kserve.io/storageSecretName"] == "minio-secret"


# KServe


@pytest.mark.parametrize(
    ("version", "mode", "spelled"),
    [
        ("0.15.2", "Standard", "RawDeployment"),
        ("0.15.2", "Knative", "Serverless"),
        ("0.16.0", "Standard", "Standard"),
        ("0.17.0", "Knative", "Knative"),
    ],
)
def test_the_mode_is_always_given_as_the_version_spells_it(version: str, mode: str, spelled: str) -> None:
    annotations = kserve(kserve__version=version, kserve__mode=mode)["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == spelled


def test_a_change_of_policy_replicas_or_route_leaves_annotations_and_pods_of_kserve_alone() -> None:
    for metrics in ({}, MAPPED):
        before = kserve(metrics=metrics)
        for change in (
            {"autoscaling": {}},
            {"autoscaling": {"gpuUtilization": 50}},
            {"min_replicas": 2, "max_replicas": 9},
            {"route": "/other", "routing__type": "none"},
            {"owner": "somebody"},
        ):
            after = kserve(metrics=metrics, **change)
            assert after["metadata"] == before["metadata"]
            scaling = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}
            rest = [{k: v for k, v in one["spec"]["predictor"].items() if k not in scaling} for one in (before, after)]
            assert rest[0] == rest[1]


def test_kserve_scales_by_cpu_itself_where_the_environment_maps_nothing() -> None:
    predictor = kserve()["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (1, 3)
    assert (predictor["scaleMetric"], predictor["scaleTarget"]) == ("cpu", 70)
    assert "HorizontalPodAutoscaler" not in kinds(framework="kserve")


def test_fixed_replicas_on_kserve_pin_its_autoscaler() -> None:
    predictor = kserve(autoscaling={}, min_replicas=2)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 2)
    assert "scaleMetric" not in predictor


def test_mapped_metrics_bring_an_own_autoscaler_onto_the_predictor() -> None:
    given = {"framework": "kserve", "metrics": MAPPED, "autoscaling": {"gpuUtilization": 60}}
    autoscaler = body("HorizontalPodAutoscaler", **given)
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == "svc-0123456789ab-predictor"
    assert autoscaler["metadata"]["name"] != "svc-0123456789ab-predictor"
    annotations = kserve(**{key: value for key, value in given.items() if key != "framework"})["metadata"][
        "annotations"
    ]
    assert annotations["serving.kserve.io/autoscalerClass"] == "external"


def test_an_external_predictor_never_loses_its_autoscaler_while_it_runs() -> None:
    given = {"framework": "kserve", "metrics": MAPPED, "autoscaling": {}, "min_replicas": 2}
    spec = body("HorizontalPodAutoscaler", **given)["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 2)


def test_stopping_is_the_stop_annotation_where_the_version_knows_it() -> None:
    stopped = {"min_replicas": 0, "max_replicas": 0}
    service = kserve(**stopped)
    assert service["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    assert service["spec"]["predictor"]["minReplicas"] == 0
    assert "maxReplicas" not in service["spec"]["predictor"]
    old = kserve(kserve__version="0.15.2", **stopped)["metadata"]["annotations"]
    assert old["serving.kserve.io/autoscalerClass"] == "none"
    assert "serving.kserve.io/stop" not in old
    assert kinds(framework="kserve", metrics=MAPPED, **stopped) == ["InferenceService", "HTTPRoute"]


def test_kserve_is_never_left_to_fill_in_a_limit_below_the_request() -> None:
    resources = pod_of(kserve(memory_limit=None, cpu_request=None))["containers"][0]["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"] == "32Gi"
    assert resources["requests"]["cpu"] == resources["limits"]["cpu"] == "8"
    assert warned("memory limit", framework="kserve", memory_limit=None)


def test_a_predictor_by_format_names_its_runtime_and_nothing_of_the_image() -> None:
    predictor = kserve(kserve__predictor="model", kserve__runtime="vllm-runtime")["spec"]["predictor"]
    assert "containers" not in predictor
    assert predictor["model"]["modelFormat"] == {"name": "huggingface"}
    assert predictor["model"]["runtime"] == "vllm-runtime"
    assert predictor["model"]["storageUri"] == "s3://models/llama-chat/1.2.0"
    assert "registry.local" not in str(predictor)


def test_knative_gets_nothing_that_it_always_refuses() -> None:
    predictor = pod_of(kserve(kserve__mode="Knative"))
    for field in ("terminationGracePeriodSeconds", "automountServiceAccountToken", "deploymentStrategy"):
        assert field not in predictor
    container = predictor["containers"][0]
    assert "lifecycle" not in container
    assert container["ports"] == [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}]


def test_knative_fields_that_need_a_feature_flag_are_named_with_it() -> None:
    given = {"framework": "kserve", "kserve__mode": "Knative", "pod__node_selector": {"a": "b"}}
    assert warned("kubernetes.podspec-nodeselector", **given)
    assert warned("kubernetes.podspec-affinity", **given)


def test_a_canary_is_split_on_knative_only() -> None:
    rollout = Rollout(strategy="canary", traffic_split=TrafficSplit(old=90, new=10))
    given = {"deployment__rollout": rollout}
    assert kserve(kserve__mode="Knative", **given)["spec"]["predictor"]["canaryTrafficPercent"] == 10
    assert "canaryTrafficPercent" not in kserve(**given)["spec"]["predictor"]


def test_the_budget_for_drains_selects_the_pods_that_kserve_makes() -> None:
    spec = body("PodDisruptionBudget", framework="kserve", min_replicas=2)["spec"]
    assert spec["selector"]["matchLabels"] == {"app": "isvc.svc-0123456789ab-predictor"}


# Routes


def test_a_gateway_route_replaces_its_prefix() -> None:
    spec = body("HTTPRoute")["spec"]
    rule = spec["rules"][0]
    assert spec["parentRefs"] == [{"name": "llm-gateway", "namespace": "gateways"}]
    assert spec["hostnames"] == ["llm-ops.local"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/llm/chat"}}]
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": rewrite}]
    assert rule["backendRefs"] == [{"name": "svc-0123456789ab-svc", "port": 80}]
    assert rule["timeouts"] == {"request": "300s"}


def test_an_ingress_keeps_the_path_below_its_route() -> None:
    ingress = body("Ingress", routing__type="ingress", route="/llm/v1.5", routing__ingress_tls_secret="tls")
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/llm/v1\\.5(/|$)(.*)"
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/rewrite-target"] == "/$2"
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "300"
    assert ingress["spec"]["tls"] == [{"hosts": ["llm-ops.local"], "secretName": "tls"}]


def test_a_route_without_a_host_takes_any() -> None:
    assert "hostnames" not in body("HTTPRoute", routing__host=None)["spec"]
    ingress = body("Ingress", routing__type="ingress", routing__host=None, routing__ingress_tls_secret="tls")
    assert "host" not in ingress["spec"]["rules"][0]
    assert ingress["spec"]["tls"] == [{"secretName": "tls"}]


def test_routes_to_knative_carry_the_host_it_routes_by() -> None:
    given = {"framework": "kserve", "kserve__mode": "Knative"}
    host = "svc-0123456789ab-predictor.llm-ops-dev.svc.cluster.local"
    route = body("HTTPRoute", **given)["spec"]["rules"][0]
    assert route["filters"][0]["urlRewrite"]["hostname"] == host
    assert route["backendRefs"][0]["name"] == "svc-0123456789ab-predictor"
    ingress = body("Ingress", routing__type="ingress", **given)
    assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/upstream-vhost"] == host


# Hostile values and templates

hostile = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.sampled_from(
        [
            "x\nhostNetwork: true",
            '"\n  a: b',
            "{{ 1 }}",
            "{% if %}",
            "# x",
            "- a",
            "&a",
            "*a",
            "!!x",
            "| ",
            "yes",
            "1e3",
            "~",
        ]
    ),
)


def shape(value: Any) -> Any:
    """Keys and types, without the texts."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def with_text(text: str, **overrides: Any) -> ResolvedEndpoint:
    return make_endpoint(
        **overrides,
        owner=text,
        labels={"team": text},
        model__name=text,
        args=(f"--x={text}",),
        image_args=(f"--y={text}",),
        image=f"r/{text}",
        health_path=f"/{text}",
        pod__env=(EnvVar.model_construct(name="A", value=f"v{text}", secret=None),),
        pod__annotations={"a": text},
        pod__priority_class_name=text,
        pod__security_context={"seLinuxOptions": {"user": text}},
        routing__gateway_name=text,
        routing__host=text,
        routing__ingress_annotations={"b": text},
        kserve__model_format=text,
        route=f"/{text}",
    )


@settings(max_examples=150, deadline=None)
@given(hostile, st.sampled_from(["deployment", "kserve"]), st.sampled_from(["gateway", "ingress"]))
def test_no_text_that_a_user_sets_becomes_structure(text: str, framework: str, routing: str) -> None:
    given = {"framework": framework, "routing__type": routing}
    calm = render_manifests(with_text("calm", **given), TEMPLATES)
    manifests = render_manifests(with_text(text, **given), TEMPLATES)
    for expected, manifest in zip(calm, manifests, strict=True):
        assert shape(manifest.body) == shape(expected.body)
        assert yaml.safe_load(emit_yaml(manifest.body)) == manifest.body
    workload = pod_of(manifests.manifests[0].body)
    assert workload["priorityClassName"] == text


def test_an_unknown_field_is_placed_in_the_template_that_makes_it() -> None:
    source = shipped_templates()["service.yaml.j2"].replace("  type: ClusterIP\n", "  type: ClusterIP\n  typo: 1\n")
    with pytest.raises(RenderFailed) as caught:
        render_manifests(make_endpoint(), TemplateSet(shipped_templates(), {"service.yaml.j2": source}), SCHEMAS)
    violation = caught.value.violations[0]
    line = source.split("\n").index("  typo: 1") + 1
    assert (violation.file, violation.line) == ("templates/service.yaml.j2", line)
    assert violation.path == "spec.typo"


def test_an_unknown_field_in_a_shared_piece_is_placed_there() -> None:
    source = shipped_templates()["_pod.yaml.j2"].replace("volumes:\n", "volumez: [1]\nvolumes:\n")
    with pytest.raises(RenderFailed) as caught:
        render_manifests(make_endpoint(), TemplateSet(shipped_templates(), {"_pod.yaml.j2": source}), SCHEMAS)
    line = source.split("\n").index("volumez: [1]") + 1
    assert caught.value.violations[0].place.startswith(f"templates/_pod.yaml.j2:{line}")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: Service", "kind: ConfigMap"),
        ("name: {{ name }}-svc", "name: other"),
        ("namespace: {{ namespace }}", "namespace: kube-system"),
        ("labels: {{ labels }}", "labels: {}"),
    ],
)
def test_an_override_cannot_change_what_revstamp_finds_objects_by(old: str, new: str) -> None:
    source = shipped_templates()["service.yaml.j2"].replace(old, new, 1)
    with pytest.raises(RenderFailed) as caught:
        render_manifests(make_endpoint(), TemplateSet(shipped_templates(), {"service.yaml.j2": source}), SCHEMAS)
    assert (
        caught.value.violations[0].line
        == source.split("\n").index(new if new in source.split("\n") else f"  {new}") + 1
    )


@pytest.mark.parametrize("source", ["", "- a\n", "text\n", "{# nothing #}\n"])
def test_a_workload_template_must_make_an_object(source: str) -> None:
    with pytest.raises(RenderFailed):
        render_manifests(make_endpoint(), TemplateSet(shipped_templates(), {"deployment.yaml.j2": source}))


def test_a_company_may_leave_out_the_budget_for_drains() -> None:
    templates = TemplateSet(shipped_templates(), {"poddisruptionbudget.yaml.j2": "{# we have our own #}\n"})
    assert render_manifests(make_endpoint(min_replicas=2), templates).get("PodDisruptionBudget") is None
