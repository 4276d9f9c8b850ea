"""Rendered objects are checked against the schemas of the cluster they are for."""

from __future__ import annotations

import copy
import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from generator.errors import InvalidInput
from generator.render import schema_catalogue
from generator.render.schema_check import SchemaProblem, SchemaVersions, available_versions, check_manifest

Body = dict[str, Any]

SCHEMAS = Path(schema_catalogue.__file__).parent / "schemas"
INDEX = json.loads((SCHEMAS / "index.json").read_text())
NEWEST = SchemaVersions(kubernetes="1.36", kserve="0.20")


def pod_spec() -> Body:
    """A pod as the generator renders it for a GPU server."""
    return {
        "serviceAccountName": "models",
        "terminationGracePeriodSeconds": 90,
        "nodeSelector": {"pool": "a100"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "imagePullSecrets": [{"name": "registry"}],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": ["74000"]}]}
                    ]
                }
            }
        },
        "containers": [
            {
                "name": "server",
                "image": "vllm/vllm-openai:v0.11.0",
                "imagePullPolicy": "IfNotPresent",
                "args": ["--model", "/models"],
                "ports": [{"name": "http", "containerPort": 8000, "protocol": "TCP"}, {"containerPort": 9000}],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "token"}}},
                ],
                "resources": {
                    "requests": {"cpu": "500m", "memory": "16Gi", "nvidia.com/gpu": 1},
                    "limits": {"memory": "16Gi", "nvidia.com/gpu": "1"},
                },
                "startupProbe": {"httpGet": {"path": "/health", "port": "http"}, "failureThreshold": 180},
                "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 5},
                "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
                "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}, {"name": "models", "mountPath": "/models"}],
            }
        ],
        "volumes": [
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}},
            {"name": "models", "emptyDir": {}},
        ],
    }


def meta(**more: Any) -> Body:
    return {"name": "svc-0123456789ab", "namespace": "models", "labels": {"app": "x"}, **more}


def valid_objects() -> dict[str, Body]:
    """One object of every kind that has a schema, as rich as a real one."""
    template = {"metadata": {"labels": {"app": "x"}, "annotations": {"revstamp.io/revision": "7"}}, "spec": pod_spec()}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }
    port = {"name": "http", "port": 80, "targetPort": "http"}
    backend = {"name": "svc-0123456789ab", "port": 80}
    rewrite = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    predictor = {
        "minReplicas": 1,
        "maxReplicas": 3,
        "scaleMetric": "cpu",
        "scaleTarget": 80,
        "timeout": 600,
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}},
        "model": {
            "modelFormat": {"name": "huggingface"},
            "runtime": "kserve-huggingfaceserver",
            "storageUri": "s3://models/llama",
            "args": ["--max-model-len=8192"],
            "resources": {"limits": {"nvidia.com/gpu": "1", "memory": "16Gi"}},
        },
    }
    specs: dict[str, tuple[str, Body]] = {
        "Deployment": (
            "apps/v1",
            {
                "spec": {
                    "replicas": 2,
                    "progressDeadlineSeconds": 1800,
                    "selector": {"matchLabels": {"app": "x"}},
                    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
                    "template": template,
                }
            },
        ),
        "Service": ("v1", {"spec": {"type": "ClusterIP", "selector": {"app": "x"}, "ports": [port]}}),
        "HorizontalPodAutoscaler": (
            "autoscaling/v2",
            {"spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 4, "metrics": [metric]}},
        ),
        "Ingress": (
            "networking.k8s.io/v1",
            {
                "spec": {
                    "ingressClassName": "nginx",
                    "rules": [
                        {
                            "host": "models.example.com",
                            "http": {
                                "paths": [
                                    {
                                        "path": "/x(/|$)(.*)",
                                        "pathType": "ImplementationSpecific",
                                        "backend": {"service": {"name": "x", "port": {"number": 80}}},
                                    }
                                ]
                            },
                        }
                    ],
                }
            },
        ),
        "PodDisruptionBudget": (
            "policy/v1",
            {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "x"}}}},
        ),
        "HTTPRoute": (
            "gateway.networking.k8s.io/v1",
            {
                "spec": {
                    "parentRefs": [{"name": "models", "namespace": "gateways", "sectionName": "https"}],
                    "hostnames": ["models.example.com"],
                    "rules": [
                        {
                            "matches": [{"path": {"type": "PathPrefix", "value": "/x"}}],
                            "filters": [rewrite],
                            "backendRefs": [backend],
                            "timeouts": {"request": "600s"},
                        }
                    ],
                }
            },
        ),
        "InferenceService": ("serving.kserve.io/v1beta1", {"spec": {"predictor": predictor}}),
        "ServiceAccount": ("v1", {"automountServiceAccountToken": False, "secrets": [{"name": "s3"}]}),
        "ConfigMap": ("v1", {"data": {"a": "b"}, "binaryData": {"c": "AAEC"}}),
        "NetworkPolicy": (
            "networking.k8s.io/v1",
            {"spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": "http"}]}]}},
        ),
    }
    return {
        kind: {"apiVersion": api_version, "kind": kind, "metadata": meta(), **rest}
        for kind, (api_version, rest) in specs.items()
    }


def change(kind: str, *path: str | int, value: Any) -> Body:
    """A valid object of the kind with one value set."""
    body: Any = copy.deepcopy(valid_objects()[kind])
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return body


def drop(kind: str, *path: str | int) -> Body:
    """A valid object of the kind without one field."""
    body: Any = copy.deepcopy(valid_objects()[kind])
    place = body
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return body


def only(problems: tuple[SchemaProblem, ...]) -> SchemaProblem:
    assert len(problems) == 1, problems
    return problems[0]


CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize("kind", sorted(valid_objects()))
@pytest.mark.parametrize("kubernetes", INDEX["kubernetes"])
def test_valid_objects_have_no_problems_in_any_kubernetes_version(kind: str, kubernetes: str) -> None:
    """What the generator renders passes for every version shipped."""
    assert check_manifest(valid_objects()[kind], SchemaVersions(kubernetes, "0.17")) == ()


@pytest.mark.parametrize("kserve", INDEX["kserve"])
def test_an_inference_service_passes_in_every_kserve_version(kserve: str) -> None:
    """With a model and with a container of one's own."""
    versions = SchemaVersions("1.36", kserve)
    assert check_manifest(valid_objects()["InferenceService"], versions) == ()
    custom = {**pod_spec(), "minReplicas": 0}
    custom["containers"][0]["name"] = "kserve-container"
    assert check_manifest(change("InferenceService", "spec", "predictor", value=custom), versions) == ()


def test_every_shipped_kind_has_an_example_here() -> None:
    """A kind that is added to the schemas is tried."""
    kinds = {name.rpartition("/")[2] for name in schema_catalogue.known_kinds()}
    assert kinds == set(valid_objects())


@pytest.mark.parametrize("name", sorted(path.name for path in SCHEMAS.glob("*-*.json")))
def test_every_file_compiles_and_is_strict(name: str) -> None:
    """No file is left over, each one compiles and refuses an empty object."""
    used = {file for family in INDEX.values() for entry in family.values() for file in entry["kinds"].values()}
    assert name in used
    assert not schema_catalogue.kind_schema(name).validator.is_valid({})


def test_all_files_together_stay_small() -> None:
    """The wheel carries them."""
    assert sum(path.stat().st_size for path in SCHEMAS.iterdir()) < 600_000


# ------------------------------------------------------------------------------------------------ unknown fields


@pytest.mark.parametrize(
    ("kind", "path", "suggestion"),
    [
        ("Deployment", ("spec", "replica"), "replicas"),
        ("Deployment", ("metadata", "label"), "labels"),
        ("Deployment", (*CONTAINER, "livenessprobe"), "livenessProbe"),
        ("Deployment", (*CONTAINER, "resources", "limit"), "limits"),
        ("Deployment", ("spec", "template", "spec", "volumes", 0, "emptydir"), "emptyDir"),
        ("Service", ("spec", "ports", 0, "targetport"), "targetPort"),
        ("HorizontalPodAutoscaler", ("spec", "maxReplica"), "maxReplicas"),
        ("Ingress", ("spec", "rules", 0, "http", "paths", 0, "pathtype"), "pathType"),
        ("PodDisruptionBudget", ("spec", "minAvailabe"), "minAvailable"),
        ("HTTPRoute", ("spec", "rules", 0, "backendRef"), "backendRefs"),
        ("HTTPRoute", ("metadata", "annotation"), "annotations"),
        ("InferenceService", ("spec", "predictor", "minReplica"), "minReplicas"),
        ("InferenceService", ("spec", "predictor", "model", "storageURI"), "storageUri"),
        ("InferenceService", ("metadata", "labells"), "labels"),
        ("ServiceAccount", ("secret",), "secrets"),
        ("ConfigMap", ("datas",), "data"),
        ("NetworkPolicy", ("spec", "podselector"), "podSelector"),
    ],
)
def test_an_unknown_field_is_named_with_the_nearest_known_one(
    kind: str, path: tuple[Any, ...], suggestion: str
) -> None:
    """At the very place, whatever the depth."""
    problem = only(check_manifest(change(kind, *path, value="x"), NEWEST))
    assert problem == SchemaProblem(
        path, f'unknown field "{path[-1]}"', f'did you mean "{suggestion}"?', code="unknown-field"
    )


def test_all_unknown_fields_are_reported_at_once() -> None:
    """Also several in one place, and beside other mistakes, in the order of the places."""
    body = change("Deployment", "spec", "template", "spec", "containers", 0, "imag", value="x")
    body["spec"] |= {"replica": 1, "pause": True}
    body["spec"]["replicas"] = "2"
    assert [problem.place for problem in check_manifest(body, NEWEST)] == [
        "spec.pause",
        "spec.replica",
        "spec.replicas",
        "spec.template.spec.containers[0].imag",
    ]


def test_a_misplaced_field_is_sent_to_where_it_belongs() -> None:
    """A pod's field on the Deployment, a Deployment's field in the pod."""
    down = only(check_manifest(change("Deployment", "spec", "containers", value=[]), NEWEST))
    assert down.hint == "it belongs to spec.template.spec"
    up = only(check_manifest(change("Deployment", "spec", "template", "spec", "replicas", value=1), NEWEST))
    assert up.hint == "it belongs to spec"


def test_progress_deadline_is_unknown_to_an_inference_service() -> None:
    """KServe has no such field on the predictor."""
    body = change("InferenceService", "spec", "predictor", "progressDeadlineSeconds", value=1800)
    assert only(check_manifest(body, NEWEST)).message == 'unknown field "progressDeadlineSeconds"'


def test_a_status_is_left_to_the_cluster() -> None:
    """An empty one, as kubectl writes it, does no harm."""
    problem = only(check_manifest(change("Deployment", "status", value={"replicas": 2}), NEWEST))
    assert (problem.message, problem.hint) == ("status is written by the cluster", "leave the field out")
    assert check_manifest(change("Deployment", "status", value={}), NEWEST) == ()


def test_free_form_maps_take_any_key() -> None:
    """Labels, annotations, selectors, data and resources have names of people's own."""
    body = change("Deployment", "metadata", "annotations", value={"any.example.com/thing": "1"})
    assert check_manifest(body, NEWEST) == ()
    assert check_manifest(change("ConfigMap", "data", "some.file-name", value="x"), NEWEST) == ()


# ---------------------------------------------------------------------------------------------- values and types


@pytest.mark.parametrize(
    ("body", "place", "message", "hint"),
    [
        (
            change("Deployment", "spec", "replicas", value="2"),
            "spec.replicas",
            'expected integer, got string "2"',
            "write it without quotes: 2",
        ),
        (change("Deployment", "spec", "replicas", value=2.0), "spec.replicas", "expected integer, got number 2.0", ""),
        (
            change("Deployment", "spec", "replicas", value=True),
            "spec.replicas",
            "expected integer, got boolean true",
            "",
        ),
        (
            change("Deployment", *CONTAINER, "env", 0, "value", value=1),
            "spec.template.spec.containers[0].env[0].value",
            "expected string, got integer 1",
            'quote it: "1"',
        ),
        (
            change("Deployment", "metadata", "labels", "n", value=False),
            "metadata.labels.n",
            "expected string, got boolean false",
            'quote it: "false"',
        ),
        (
            change("Deployment", "metadata", "labels", value=None),
            "metadata.labels",
            "expected object, got null",
            "leave the field out, or give it a value",
        ),
        (
            change("Deployment", *CONTAINER, "args", value="--x"),
            "spec.template.spec.containers[0].args",
            'expected list, got string "--x"',
            "",
        ),
        (drop("Deployment", "spec", "selector"), "spec", 'required field "selector" is missing', "expected object"),
        (drop("Deployment", "spec"), "", 'required field "spec" is missing', "expected object"),
        (drop("Service", "metadata", "name"), "metadata", 'required field "name" is missing', "expected string"),
        (drop("Service", "spec", "ports", 0, "port"), "spec.ports[0]", 'required field "port" is missing', None),
        (drop("InferenceService", "spec", "predictor"), "spec", 'required field "predictor" is missing', None),
        (
            drop("InferenceService", "spec", "predictor", "model", "modelFormat", "name"),
            "spec.predictor.model.modelFormat",
            'required field "name" is missing',
            None,
        ),
        (
            change("Deployment", *CONTAINER, "imagePullPolicy", value="always"),
            "spec.template.spec.containers[0].imagePullPolicy",
            'expected one of "Always", "IfNotPresent", "Never", got "always"',
            'did you mean "Always"?',
        ),
        (
            change("InferenceService", "spec", "predictor", "scaleMetric", value="gpu"),
            "spec.predictor.scaleMetric",
            'expected one of "concurrency", "cpu", "memory", "rps", got "gpu"',
            None,
        ),
        (
            change("Deployment", *CONTAINER, "resources", "limits", "memory", value="16GB"),
            "spec.template.spec.containers[0].resources.limits.memory",
            '"16GB" is not a quantity',
            'such as "500m", "2" or "16Gi"',
        ),
        (
            change("InferenceService", "spec", "predictor", "model", "resources", "limits", "memory", value="16 Gi"),
            "spec.predictor.model.resources.limits.memory",
            '"16 Gi" is not a quantity',
            None,
        ),
        (
            change("HTTPRoute", "spec", "rules", 0, "backendRefs", 0, "port", value=70000),
            "spec.rules[0].backendRefs[0].port",
            "expected a number of at most 65535, got 70000",
            "",
        ),
        (
            change("HTTPRoute", "spec", "hostnames", 0, value=""),
            "spec.hostnames[0]",
            "expected at least 1 character, got 0",
            "",
        ),
        (change("Deployment", "spec", "replicas", value=2**31), "spec.replicas", None, None),
        (
            change("Service", "kind", value="Service") | {"spec": []},
            "spec",
            "expected object, got list",
            "",
        ),
        (
            change("ConfigMap", "binaryData", "c", value="not base64!"),
            "binaryData.c",
            "not base64",
            "",
        ),
    ],
)
def test_mistakes_are_worded_for_people(body: Body, place: str, message: str | None, hint: str | None) -> None:
    """No validator's jargon; the hint says what to do where that is known."""
    problems = [problem for problem in check_manifest(body, NEWEST) if problem.place == place]
    assert problems
    if message is not None:
        assert problems[0].message == message
    if hint is not None:
        assert problems[0].hint == hint


@pytest.mark.parametrize("value", [8000, "http"])
def test_ports_are_numbers_or_names(value: Any) -> None:
    """Int-or-string takes both."""
    assert check_manifest(change("Service", "spec", "ports", 0, "targetPort", value=value), NEWEST) == ()


@pytest.mark.parametrize("value", [1.5, None, True, {}])
def test_ports_are_nothing_else(value: Any) -> None:
    """Int-or-string takes nothing but these."""
    problem = only(check_manifest(change("Service", "spec", "ports", 0, "targetPort", value=value), NEWEST))
    assert problem.message.startswith("expected integer or string, got ")


@pytest.mark.parametrize("value", ["1", 1, 0.5, "500m", "1e3", "1.5Gi", "+2", ".5"])
def test_quantities_of_built_in_kinds_are_what_kubernetes_parses(value: Any) -> None:
    """Numbers too."""
    assert check_manifest(change("Deployment", *CONTAINER, "resources", "limits", "cpu", value=value), NEWEST) == ()


@pytest.mark.parametrize("value", ["", "1 Gi", "Gi", "1GiB", "1,5", "one", "1\n"])
def test_other_strings_are_no_quantities(value: str) -> None:
    """Neither in built-in kinds nor in KServe's."""
    built_in = change("Deployment", *CONTAINER, "resources", "limits", "cpu", value=value)
    kserve = change("InferenceService", "spec", "predictor", "model", "resources", "limits", "memory", value=value)
    assert only(check_manifest(built_in, NEWEST)).message.endswith("is not a quantity")
    assert only(check_manifest(kserve, NEWEST)).message.endswith("is not a quantity")


def test_a_field_of_a_later_version_is_unknown_before_it() -> None:
    """The versions differ where the clusters do."""
    body = change("Deployment", *CONTAINER, "restartPolicyRules", value=[])
    assert only(check_manifest(body, SchemaVersions("1.32"))).code == "unknown-field"
    assert check_manifest(body, SchemaVersions("1.35")) == ()


# ---------------------------------------------------------------------------------------------------- duplicates


@pytest.mark.parametrize(
    ("path", "item", "said"),
    [
        ((*CONTAINER, "env"), {"name": "A", "value": "2"}, 'name "A" occurs twice: items 0 and 2'),
        (
            (*CONTAINER, "ports"),
            {"containerPort": 9000, "protocol": "TCP"},
            'containerPort 9000, protocol "TCP" occurs twice: items 1 and 2',
        ),
        (
            (*CONTAINER, "volumeMounts"),
            {"name": "other", "mountPath": "/models"},
            'mountPath "/models" occurs twice: items 1 and 2',
        ),
        (
            ("spec", "template", "spec", "volumes"),
            {"name": "shm", "emptyDir": {}},
            'name "shm" occurs twice: items 0 and 2',
        ),
    ],
)
def test_two_items_with_one_key_are_a_problem(path: tuple[Any, ...], item: Body, said: str) -> None:
    """The API server refuses them in a server-side apply; a missing key counts as its default."""
    body: Any = valid_objects()["Deployment"]
    place = body
    for step in path:
        place = place[step]
    place.append(item)
    problem = only(check_manifest(body, NEWEST))
    assert (problem.path, problem.message, problem.code) == ((*path, len(place) - 1), said, "duplicate")


def test_one_variable_twice_in_a_predictor_is_a_problem() -> None:
    """Lists of custom resources count as well, in a model and in a container."""
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    body = change("InferenceService", "spec", "predictor", "model", "env", value=env)
    assert only(check_manifest(body, NEWEST)).place == "spec.predictor.model.env[1]"
    containers = [{"name": "kserve-container", "image": "a", "env": env}]
    body = change("InferenceService", "spec", "predictor", value={"containers": containers})
    assert only(check_manifest(body, NEWEST)).place == "spec.predictor.containers[0].env[1]"


def test_the_same_port_over_two_protocols_is_no_duplicate() -> None:
    """The key of a port is its number and protocol."""
    ports = [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]
    assert check_manifest(change("Deployment", *CONTAINER, "ports", value=ports), NEWEST) == ()


def test_a_duplicate_beside_another_mistake_is_reported_too() -> None:
    """Neither hides the other, and a key of a wrong type is no crash."""
    env = [{"name": "A", "valu": "1"}, {"name": "A"}, {"name": {}}, "x"]
    problems = check_manifest(change("Deployment", *CONTAINER, "env", value=env), NEWEST)
    assert [problem.code for problem in problems] == ["unknown-field", "duplicate", "wrong-type", "wrong-type"]


def test_a_finalizer_twice_is_a_problem() -> None:
    """Sets hold each item once."""
    assert only(check_manifest(change("Service", "metadata", "finalizers", value=["a", "a"]), NEWEST)).hint


# --------------------------------------------------------------------------------------------- kinds and versions


@pytest.mark.parametrize(
    ("body", "path", "message", "hint"),
    [
        ({"apiVersion": "v1", "kind": "Servic"}, ("kind",), "no schema shipped for Servic", 'did you mean "Service"?'),
        (
            {"apiVersion": "apps/v1beta1", "kind": "Deployment"},
            ("apiVersion",),
            "no schema shipped for Deployment of apps/v1beta1",
            'did you mean "apps/v1"?',
        ),
        ({"kind": "Service"}, (), 'required field "apiVersion" is missing', "expected string"),
        ({"apiVersion": "v1"}, (), 'required field "kind" is missing', "expected string"),
        ({"apiVersion": "v1", "kind": ["x"]}, ("kind",), "expected string, got a list", ""),
        ({}, (), 'required field "apiVersion" is missing', "expected string"),
    ],
)
def test_an_unknown_kind_is_a_problem(body: Body, path: tuple[str, ...], message: str, hint: str) -> None:
    """Not an exception, so that it is reported like all others."""
    problem = only(check_manifest(body, NEWEST))
    assert (problem.path, problem.message, problem.hint) == (path, message, hint)


def test_a_kind_of_a_company_s_own_is_told_apart() -> None:
    """Callers may let it pass with a warning."""
    problem = only(check_manifest({"apiVersion": "example.com/v1", "kind": "Zebra"}, NEWEST))
    assert (problem.message, problem.code) == ("no schema shipped for Zebra", "unknown-kind")


def test_an_inference_service_needs_a_kserve_version() -> None:
    """An environment without KServe has no schema for it."""
    problem = only(check_manifest(valid_objects()["InferenceService"], SchemaVersions("1.36")))
    assert problem.hint == "the environment names no KServe version that has it"


@pytest.mark.parametrize("version", ["1.36", "1.36.3", "v1.36.0", "v1.36.3-gke.100", "1.36+"])
def test_a_patch_release_has_its_minor_version_s_schema(version: str) -> None:
    """Fields never change between patch releases."""
    assert check_manifest(valid_objects()["Deployment"], SchemaVersions(version)) == ()


@pytest.mark.parametrize(
    ("versions", "message", "hint"),
    [
        (SchemaVersions("1.20"), "no schemas for Kubernetes '1.20'", "the nearest is 1.32"),
        (SchemaVersions("1.360"), "no schemas for Kubernetes '1.360'", "the nearest is 1.36"),
        (SchemaVersions("latest"), "no schemas for Kubernetes 'latest'", "schemas are shipped for Kubernetes 1.32"),
        (SchemaVersions("1.36", "0.11"), "no schemas for KServe '0.11'", "the nearest is 0.15"),
        (SchemaVersions("1.36", None, "2.0"), "no schemas for Gateway API '2.0'", "the nearest is 1.7"),
    ],
)
def test_a_version_without_schemas_is_refused(versions: SchemaVersions, message: str, hint: str) -> None:
    """No other version is taken silently; the error lists those that there are."""
    with pytest.raises(InvalidInput) as caught:
        check_manifest(valid_objects()["Service"], versions)
    assert caught.value.message == message
    assert hint in caught.value.hint


def test_versions_are_listed() -> None:
    """By the fields of SchemaVersions, oldest first."""
    versions = available_versions()
    assert versions["kubernetes"] == ("1.32", "1.33", "1.34", "1.35", "1.36")
    assert {"0.15", "0.16", "0.17", "0.20"} <= set(versions["kserve"])
    assert versions["gateway_api"] == ("1.7",)


# --------------------------------------------------------------------------------------------------- odd input


def test_values_that_are_not_json_are_problems() -> None:
    """YAML makes dates and numeric names; the API server never sees such."""
    body = change("ConfigMap", "data", value={"day": datetime.date(2024, 1, 1), 8: "x"})
    problems = check_manifest(body, NEWEST)
    assert {problem.place for problem in problems} == {"data.day", "data.8"}
    assert {problem.code for problem in problems} == {"not-json"}


def test_a_long_value_is_shortened() -> None:
    """A message stays a line."""
    body = change("Deployment", *CONTAINER, "imagePullPolicy", value="x" * 10_000)
    assert len(only(check_manifest(body, NEWEST)).message) < 200
