# ruff: noqa: E501  a row of a table is one line
"""Each rule refuses what it is there for, at its place, with what would be right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.errors import Violation
from generator.spec.document import Document
from generator.spec.fleet_rules import check_gpu_budget, check_route
from tests.spec.factory import ENDPOINT, ENDPOINT_FILE, ENVIRONMENT_FILE, check, endpoint_text, environment, only

POOL = {"name": "a100", "gpuMemoryMib": 40960, "gpus": 16, "gpusPerNode": 8}


def model(**fields: Any) -> str:
    """The small endpoint with other fields of its model."""
    text = ENDPOINT
    for name, value in fields.items():
        if f"\n    {name}: " in text:
            head, _, tail = text.partition(f"\n    {name}: ")
            text = f"{head}\n    {name}: {json.dumps(value)}\n{tail.partition(chr(10))[2]}"
        else:
            text = text.replace("    metadata:\n", f"    {name}: {json.dumps(value)}\n    metadata:\n")
    return text


REFUSALS: dict[str, tuple[Any, str, str, str, str]] = {
    "a model that is not approved": (
        lambda: check(model(status="under_review")), "model-status", "spec.model.status",
        "the model is under_review, only approved models are deployed", "have the model approved",
    ),
    "a model without storage": (
        lambda: check(ENDPOINT.replace("    storageUri: s3://models/llama-8b/1.0\n", "")), "storage", "spec.model.storageUri",
        "an internal model needs a storage_uri", "set the model's storage_uri",
    ),
    "an oci model in a Deployment": (
        lambda: check(model(storageUri="oci://reg.io/m:1")), "storage", "spec.model.storageUri",
        "oci:// models are loaded by KServe only", "use framework kserve",
    ),
    "a claim without a path": (
        lambda: check(model(storageUri="pvc://claim")), "storage", "spec.model.storageUri",
        "'pvc://claim' names no path in the claim", "write pvc://claim/path",
    ),
    "RAG tuning that serves generation": (
        lambda: check(deployment={"job_type": "RAG_TUNING", "serve_target": "GENERATION"}), "job-pair",
        "spec.deployment.serve_target", "RAG_TUNING serves only RAG, not GENERATION", "use serve_target RAG",
    ),
    "fine-tuning that serves RAG": (
        lambda: check(deployment={"serve_target": "RAG"}), "job-pair", "spec.deployment.serve_target",
        "SFT serves only GENERATION, not RAG", "use serve_target GENERATION",
    ),
    "another family than the model's": (
        lambda: check(deployment={"model_family": "mistral"}), "family", "spec.deployment.model_family",
        "model_family is mistral, but the model is llama", "use model_family llama",
    ),
    "a family that is not served here": (
        lambda: check(env=environment(limits={"modelFamilies": ["gemma"]})), "family", "spec.model.family",
        "the environment does not serve the family llama", "served here: gemma",
    ),
    "an input above the window": (
        lambda: check(deployment={"runtime": {"max_input_tokens": 8193}}), "tokens",
        "spec.deployment.runtime.max_input_tokens", "max_input_tokens 8193 is above the model's 8192", "use at most 8192",
    ),
    "a strategy that is not allowed": (
        lambda: check(env=environment(policies={"strategies": ["in-place"]}), deployment={"rollout": {"strategy": "blue-green"}}),
        "strategy", "spec.deployment.rollout.strategy", "does not allow blue-green rollouts", "allowed here: in-place",
    ),
    "a canary without a split": (
        lambda: check(deployment={"rollout": {"strategy": "canary"}}), "canary", "spec.deployment.rollout.traffic_split",
        "canary needs traffic_split", "add traffic_split with old and new",
    ),
    "a split of ninety": (
        lambda: check(deployment={"rollout": {"strategy": "canary", "traffic_split": {"old": 80, "new": 10}}}), "canary",
        "spec.deployment.rollout.traffic_split", "80 + 10 is 90, not 100", "make old and new add up to 100",
    ),
    "an image of another registry": (
        lambda: check(env=environment(limits={"imageRegistries": ["reg.local/serve"]}), image="reg.local/vllm:1"), "image",
        "spec.image", "is from a registry that the environment does not allow", "allowed: reg.local/serve",
    ),
    "an image without a tag": (
        lambda: check(env=environment(limits={"mutableTags": False}), image="reg.local/vllm"), "image", "spec.image",
        "may be another one tomorrow", "name a tag or a digest",
    ),
    "names too long for KServe's host": (
        lambda: check(env=environment(namespace="n" * 50), framework="kserve"), "name", "metadata.name",
        "name and namespace together are 54 characters", "at most 52 together",
    ),
    "a GPU image without a GPU": (
        lambda: check(deployment={"use_gpu": True, "resources": {"gpus": 0}}), "gpus", "spec.deployment.resources.gpus",
        "use_gpu is true, but gpus is 0", "set resources.gpus to 1 or more",
    ),
    "more GPUs than one endpoint may have": (
        lambda: check(env=environment(limits={"maxGpusPerEndpoint": 5}), deployment={"resources": {"gpus": 2}}), "gpus",
        "spec.deployment.resources.gpus", "2 GPUs x 3 replicas is 6, above the environment's 5", "lower the GPUs",
    ),
    "heads that cannot be split": (
        lambda: check(ENDPOINT + "      num_attention_heads: 28\n  deployment: {resources: {gpus: 8}}\n"), "gpus",
        "spec.deployment.resources.gpus", "28 attention heads cannot be split over 8 GPUs", "use a number that divides 28",
    ),
    "a pool that is not there": (
        lambda: check(env=environment(gpuPools=[POOL]), gpuPool="h100"), "pool", "spec.gpuPool",
        "the environment has no GPU pool 'h100'", "pools: a100 (40960 MiB)",
    ),
    "cards that no pool has": (
        lambda: check(env=environment(gpuPools=[POOL]), deployment={"resources": {"gpus": 1, "gpu_memory_gb": 80}}), "pool",
        "spec.deployment.resources.gpu_memory_gb", "no GPU pool has cards of 80 GB", "pools: a100 (40960 MiB)",
    ),
    "cards that the named pool does not have": (
        lambda: check(env=environment(gpuPools=[POOL]), gpuPool="a100", deployment={"resources": {"gpus": 1, "gpu_memory_gb": 80}}),
        "pool", "spec.deployment.resources.gpu_memory_gb", "no GPU pool has cards of 80 GB", "pools:",
    ),
    "more GPUs than a node has": (
        lambda: check(env=environment(gpuPools=[POOL]), deployment={"resources": {"gpus": 16}}), "pool",
        "spec.deployment.resources.gpus", "one replica needs 16 GPUs, a node has at most 8", "use at most 8 GPUs",
    ),
    "no CPU at all": (
        lambda: check(cpu={"request": "0"}), "quantity", "spec.cpu.request", "0 is not above zero", "leave it out",
    ),
    "a negative limit": (
        lambda: check(memory={"limit": "-1Gi"}), "quantity", "spec.memory.limit", "-1Gi is not above zero", "leave it out",
    ),
    "memory without a unit": (
        lambda: check(memory={"limit": "16"}), "quantity", "spec.memory.limit", "16 is less than 1Mi of memory", "write the unit",
    ),
    "memory in thousandths of a byte": (
        lambda: check(memory={"request": "16384m"}), "quantity", "spec.memory.request", "16384m is less than 1Mi", "write the unit",
    ),
    "CPU finer than a thousandth": (
        lambda: check(cpu={"limit": "0.0001"}), "quantity", "spec.cpu.limit", "100u is finer than 1m of a core", "use whole millicores",
    ),
    "a request above its limit": (
        lambda: check(cpu={"request": "8", "limit": "4"}), "request-above-limit", "spec.cpu.limit",
        "the cpu request 8 is above the limit 4", "raise the limit or lower the request",
    ),
    "shared memory above the limit": (
        lambda: check(pod={"shmSize": "4Gi"}, memory={"limit": "4Gi"}), "shm", "spec.pod.shmSize",
        "shared memory of 4Gi does not fit into the memory limit of 4Gi", "make it smaller",
    ),
    "shared memory without a unit": (
        lambda: check(pod={"shmSize": "4"}), "shm", "spec.pod.shmSize", "4 is less than 1Mi", "write the unit",
    ),
    "fewer at most than at least": (
        lambda: check(replicas={"min": 3, "max": 2}), "replicas", "spec.replicas.min", "min 3 is above max 2", "lower min",
    ),
    "zero replicas without Knative": (
        lambda: check(replicas={"min": 0, "max": 2}), "replicas", "spec.replicas.min", "scaling to zero needs KServe's Knative mode", "use min 1",
    ),
    "more replicas than allowed": (
        lambda: check(env=environment(limits={"maxReplicas": 2}), replicas={"min": 1, "max": 3}), "replicas", "spec.replicas.max",
        "max 3 is above the environment's 2", "use at most 2",
    ),
    "a policy that is no number": (
        lambda: check(autoscaling={"cpuUtilization": "high"}, cpu={"request": "1"}), "autoscaling", "spec.autoscaling.cpuUtilization",
        "'high' is not a number above zero", "write a number",
    ),
    "a percentage with a fraction": (
        lambda: check(autoscaling={"cpuUtilization": 70.5}, cpu={"request": "1"}), "autoscaling", "spec.autoscaling.cpuUtilization",
        "70.5 is not a percentage", "use 1 to 100",
    ),
    "a deadline within the startup budget": (
        lambda: check(budgets={"loadSeconds": 60, "progressDeadlineSeconds": 60}), "budgets", "spec.budgets.progressDeadlineSeconds",
        "the progress deadline of 60 s is not above the startup budget of 60 s", "raise it",
    ),
    "a variable without a value": (
        lambda: check(pod={"env": [{"name": "A"}]}), "env", "spec.pod.env", "the variable A needs either value or secret", "give one",
    ),
    "a variable with two values": (
        lambda: check(pod={"env": [{"name": "A", "value": "", "secret": {"name": "s", "key": "k"}}]}), "env", "spec.pod.env",
        "the variable A needs either value or secret", "give one",
    ),
    "a gateway without a name": (
        lambda: check(env=environment(routing={"type": "gateway"})), "routing", "spec.routing.gateway.name",
        "routing by gateway needs the name of the Gateway", "set spec.routing.gateway.name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_each_rule_refuses_at_its_place_with_its_fix(case: str) -> None:
    """One violation, its code, path, line in a file, sentence and fix."""
    find, code, path, message, fix = REFUSALS[case]
    violation = only(find())
    assert (violation.code, violation.path) == (code, path)
    assert message in violation.message
    assert fix in violation.fix
    assert violation.file in (ENDPOINT_FILE, ENVIRONMENT_FILE)
    assert violation.line >= 1


def test_the_small_endpoint_keeps_all_rules() -> None:
    """So each refusal above is of what it changes, and of nothing else."""
    assert check().violations == ()


@pytest.mark.parametrize(
    "spec",
    [
        {"deployment": {"runtime": {"max_input_tokens": 8192, "max_output_tokens": 8192}}},
        {"deployment": {"rollout": {"strategy": "canary", "traffic_split": {"old": 100, "new": 0}}}},
        {"deployment": {"job_type": "RAG_TUNING", "serve_target": "RAG"}},
        {"replicas": {"min": 0, "max": 0}},
        {"memory": {"limit": "1Mi"}, "deployment": {"use_gpu": False}},
        {"cpu": {"request": "1m", "limit": "1m"}},
        {"autoscaling": {"anything": {"at": ["all"]}}},
        {"pod": {"env": [{"name": "A", "value": ""}]}},
        {"budgets": {"loadSeconds": 60, "progressDeadlineSeconds": 61}},
    ],
)
def test_the_edge_of_each_rule_is_allowed(spec: dict[str, Any]) -> None:
    """The last value before a refusal."""
    assert check(**spec).violations == ()


@pytest.mark.parametrize("heads", [True, "28", 0, -4, 28.5, None, []])
def test_heads_that_are_no_number_are_not_counted(heads: Any) -> None:
    """Metadata is free-form: only a positive whole number speaks about heads."""
    text = ENDPOINT + f"      num_attention_heads: {json.dumps(heads)}\n  deployment: {{resources: {{gpus: 8}}}}\n"
    assert check(text).violations == ()


def test_all_broken_rules_come_at_once() -> None:
    """Five mistakes of one file are five violations."""
    found = check(
        cpu={"request": "8", "limit": "4"},
        replicas={"min": 0, "max": 2},
        deployment={
            "model_family": "mistral",
            "runtime": {"max_input_tokens": 9000},
            "rollout": {"strategy": "canary"},
        },
    )
    assert {violation.code for violation in found.violations} == {
        "request-above-limit", "replicas", "family", "tokens", "canary",
    }  # fmt: skip


def test_a_bound_of_the_environment_is_wrong_in_the_environment() -> None:
    """The violation points at the line that holds the value, which is not in the endpoint's file."""
    env = environment(resources={"gpu": {"memory": {"limit": "16"}}})
    violation = only(check(env=env))
    assert (violation.file, violation.code) == (ENVIRONMENT_FILE, "quantity")
    assert violation.line > 1


def test_registries_are_compared_by_folder() -> None:
    """An entry may be a registry, a folder or one image; a name that only begins alike is another one."""
    env = environment(limits={"imageRegistries": ["reg.local/serve/vllm", "other.io/"]})
    for image in ("reg.local/serve/vllm:1", "reg.local/serve/vllm/x@sha256:" + "0" * 64, "other.io/a/b:1"):
        assert check(env=env, image=image).violations == ()
    for image in ("reg.local/serve/vllm2:1", "other.io.evil/a:1"):
        assert only(check(env=env, image=image)).code == "image"


def test_a_key_with_a_dot_is_one_key() -> None:
    """A policy's key may hold a dot; the violation names it whole."""
    env = environment(autoscaling={"metrics": {"queue.length": {"metric": "q"}}})
    violation = only(check(env=env, autoscaling={"queue.length": -1}))
    assert (violation.path, violation.line) == ("spec.autoscaling.queue.length", 16)


def test_an_external_model_keeps_only_the_rules_of_its_entry() -> None:
    """Nothing is deployed: no storage, no image, no GPUs are asked for. Approved it must be."""
    text = ENDPOINT.replace("    family: llama\n", "    family: gpt\n    type: external\n")
    assert check(text).violations == ()
    assert check(text).warnings == ()
    assert (
        only(check(text.replace("    type: external\n", "    type: external\n    status: draft\n"))).code
        == "model-status"
    )


WARNINGS: dict[str, tuple[dict[str, Any], str]] = {
    "input and output above the window": ({"deployment": {"runtime": {"max_input_tokens": 8000}}}, "the server's limit is 8192"),
    "a strategy that cannot be done yet": ({"deployment": {"rollout": {"strategy": "blue-green"}}}, "a Deployment cannot do it yet: the rollout will be in place"),
    "a canary in Standard mode": (
        {"framework": "kserve", "deployment": {"rollout": {"strategy": "canary", "traffic_split": {"old": 90, "new": 10}}}},
        "KServe in Standard mode cannot do it yet",
    ),
    "an image that may change": ({"image": "reg.local/vllm"}, "may be another one tomorrow"),
    "a slow load in Standard mode": ({"framework": "kserve"}, "reports a rollout of more than 600 s as failed"),
    "no GPU pools": ({}, "the environment declares no GPU pools"),
    "KServe's own sizes": ({"framework": "kserve"}, "no memory is given for the replicas: KServe sets request and limit to 2Gi"),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNINGS)
def test_what_is_allowed_but_perhaps_not_meant_is_a_warning(case: str) -> None:
    """In whole sentences, without refusing."""
    spec, words = WARNINGS[case]
    found = check(**spec)
    assert found.violations == ()
    assert any(words in warning for warning in found.warnings), found.warnings


def test_what_kserve_fills_in_is_said_once_and_only_where_it_does() -> None:
    """A serving runtime brings resources of its own; one bound is the other one's too."""
    assert sum("KServe sets" in text for text in check(framework="kserve").warnings) == 2
    given = {"cpu": {"limit": "4"}, "memory": {"request": "8Gi"}}
    assert not any("KServe sets" in text for text in check(framework="kserve", **given).warnings)
    by_runtime = {"predictor": "model", "runtime": "vllm"}
    assert not any("KServe sets" in text for text in check(framework="kserve", kserve=by_runtime).warnings)


def test_a_window_that_is_no_number_is_warned_about() -> None:
    """Limits are not checked against it, and somebody should know."""
    found = check(ENDPOINT.replace("8192", '"8192"'))
    assert any("max_position_embeddings '8192' is not a whole number above zero" in text for text in found.warnings)


def test_a_canary_on_knative_is_no_warning() -> None:
    """The one place where it is done."""
    rollout = {"strategy": "canary", "traffic_split": {"old": 90, "new": 10}}
    found = check(env=environment(kserve={"mode": "Knative"}), framework="kserve", deployment={"rollout": rollout})
    assert not any("in place" in warning for warning in found.warnings)


def test_a_route_belongs_to_one_endpoint_of_an_environment() -> None:
    """Named by the endpoint that has it; its own route is no conflict."""
    document = Document("f", {})
    others = [("chat", "/llm/chat"), ("other", "/llm/chat"), ("third", "/llm")]
    found: tuple[Violation, ...] = check_route("/llm/chat", "chat", others, document)
    assert [violation.message for violation in found] == ["the route /llm/chat belongs to the endpoint other"]


@pytest.mark.parametrize(("gpus", "held", "refused"), [(2, 6, False), (3, 6, True), (0, 100, False), (9, 0, True)])
def test_an_environments_gpus_are_a_budget(gpus: int, held: int, refused: bool) -> None:
    """At the least replicas of all endpoints; one that needs none is never refused."""
    env, _ = environment(policies={"maxGpus": 8})
    found = check_gpu_budget(gpus, held, env, Document(ENDPOINT_FILE, {}))
    assert bool(found) is refused
    assert check_gpu_budget(gpus, held, environment()[0], Document(ENDPOINT_FILE, {})) == ()


def test_text_of_the_endpoint_is_what_the_factory_says() -> None:
    """The tests' own file has the lines that the tests name."""
    assert endpoint_text(image="x").splitlines()[15] == '  image: "x"'
