# ruff: noqa: E501  a row of a table is one line
"""Every value of an endpoint is decided, and knows where it came from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.spec.capacity import eligible_pools, gpu_memory_threshold, plan_rollout
from generator.spec.endpoint import Endpoint
from generator.spec.environment import GpuPool
from generator.spec.patch import Patch, patch_document
from generator.spec.resolve import resolve_endpoint
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.validate import load_endpoint, validate_document
from tests.spec.factory import (
    ENDPOINT,
    ENDPOINT_FILE,
    ENVIRONMENT_FILE,
    endpoint_text,
    environment,
    only,
    resolve,
    resolved,
)

POOL = {"name": "a100", "gpuMemoryMib": 81559, "gpus": 16}


def origin(endpoint: ResolvedEndpoint, name: str) -> tuple[str, str]:
    """Source and place of a field."""
    found = endpoint.origins[name]
    return found.source, found.place


def line_of(text: str, words: str) -> int:
    """The number of the first line that holds the words."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def test_the_file_wins_over_the_environment_and_names_its_line() -> None:
    """The endpoint's own value, with file and line."""
    text = endpoint_text(memory={"limit": "48Gi"})
    found = resolved(text, environment(resources={"gpu": {"memory": {"limit": "32Gi"}}}))
    assert found.memory_limit == "48Gi"
    assert origin(found, "memory.limit") == ("file", f"{ENDPOINT_FILE}:{line_of(text, 'memory')}")


def test_the_environment_wins_over_the_default_and_names_its_line() -> None:
    """The environment's value for the device that is used."""
    env = environment(resources={"gpu": {"memory": {"limit": "32Gi"}}, "cpu": {"memory": {"limit": "8Gi"}}})
    found = resolved(env=env)
    assert found.memory_limit == "32Gi"
    source, place = origin(found, "memory.limit")
    assert (source, place.rpartition(":")[0]) == ("environment", ENVIRONMENT_FILE)
    on_cpu = resolved(env=env, deployment={"use_gpu": False})
    assert on_cpu.memory_limit == "8Gi"


def test_the_default_is_last_and_says_so() -> None:
    """Where nobody says anything."""
    found = resolved()
    assert (found.min_replicas, found.max_replicas, found.budgets.load_seconds) == (1, 3, 1800)
    assert origin(found, "replicas.max") == ("default", "revstamp's default")


def test_a_request_wins_over_the_file_and_names_its_own_field() -> None:
    """A patched file: what the request set comes from the request, the rest from the file."""
    _, document = load_endpoint(endpoint_text(memory={"limit": "48Gi", "request": "1Gi"}), ENDPOINT_FILE)
    path = ("spec", "memory", "limit")
    patched = patch_document(document, Patch({path: "64Gi"}, labels={path: "memoryLimit"}))
    found = resolve_endpoint(validate_document(Endpoint, patched), patched, *environment()).endpoint
    assert found is not None
    assert origin(found, "memory.limit") == ("request", "request memoryLimit")
    assert origin(found, "memory.request")[0] == "file"


def test_clearing_an_override_falls_back_to_the_environment() -> None:
    """Without the file's value the environment's is back, with its origin."""
    _, document = load_endpoint(endpoint_text(memory={"limit": "48Gi"}), ENDPOINT_FILE)
    patched = patch_document(document, Patch(clears=frozenset([("spec", "memory", "limit")])))
    env = environment(resources={"gpu": {"memory": {"limit": "32Gi"}}})
    found = resolve_endpoint(validate_document(Endpoint, patched), patched, *env).endpoint
    assert found is not None
    assert found.memory_limit == "32Gi"
    assert origin(found, "memory.limit")[0] == "environment"


def test_a_missing_spec_is_rebuilt_from_the_models_entry() -> None:
    """Job type, family and label from the catalogue; the rest from the spec's own defaults."""
    spec = resolved().deployment
    assert (spec.job_type, spec.model_family, spec.model_ref, spec.serve_target) == (
        "SFT", "llama", "llama-8b-1.0", "GENERATION",
    )  # fmt: skip
    assert spec.runtime.model_dump() == {
        "max_concurrent_requests": 256, "max_input_tokens": 4096, "max_output_tokens": 1024,
    }  # fmt: skip
    assert origin(resolved(), "deployment.job_type") == ("model", f"{ENDPOINT_FILE}:15")


def test_a_missing_job_type_is_named_with_all_ways_to_supply_it() -> None:
    """The one value that cannot be made up: the field, the request's name for it, the flag, the file's path."""
    violation = only(resolve(ENDPOINT.replace("      job_type: SFT\n", "")))
    assert violation.path == "spec.deployment.job_type"
    assert "neither in the stored spec nor in the model's metadata" in violation.message
    for way in ("deploymentSpec.job_type", "--job-type SFT", "spec.deployment.job_type"):
        assert way in violation.fix


@pytest.mark.parametrize("value", ["sft", 7, [1], {"a": 1}, True, "x" * 5000])
def test_a_job_type_of_the_metadata_that_is_none_is_refused_there(value: Any) -> None:
    """Metadata is free-form: whatever stands there is judged where it stands."""
    violation = only(resolve(ENDPOINT.replace("job_type: SFT", f"job_type: {json.dumps(value)}")))
    assert (violation.path, violation.line) == ("spec.model.metadata.job_type", 15)
    assert "is none of SFT, RAG_TUNING" in violation.message
    assert len(violation.message) < 300


def test_an_external_model_needs_no_job_type_and_no_image() -> None:
    """Nothing of it is deployed here."""
    text = ENDPOINT.replace("      job_type: SFT\n", "      job_type: [nonsense]\n").replace(
        "    family: llama\n", "    family: gpt\n    type: external\n"
    )
    found = resolved(text, environment(images={}))
    assert found.is_external
    assert (found.device, found.gpus) == ("cpu", 0)


def test_the_longest_names_still_make_a_label() -> None:
    """Name and version of a thousand characters each: the label made of both is cut, not refused."""
    text = ENDPOINT.replace("name: llama-8b", f"name: {'n' * 1000}").replace('"1.0"', f'"{"1" * 1000}"')
    assert len(resolved(text).deployment.model_ref) == 1024


def test_a_small_window_bounds_the_default_input() -> None:
    """A model of 512 tokens is not asked for 4096; what the file says is left to the rules."""
    text = ENDPOINT.replace("8192", "512")
    assert resolved(text).deployment.runtime.max_input_tokens == 512
    assert origin(resolved(text), "deployment.runtime.max_input_tokens")[0] == "model"


@pytest.mark.parametrize("window", [0, -1, 8192.5, "8192", True, None, [], {"a": 1}, 2**63 - 1])
def test_a_window_of_the_wrong_type_is_no_window(window: Any) -> None:
    """Only a positive whole number bounds the input."""
    found = resolved(ENDPOINT.replace("8192", json.dumps(window)))
    assert found.model.max_position_embeddings == (2**63 - 1 if window == 2**63 - 1 else None)
    assert found.deployment.runtime.max_input_tokens == 4096


@pytest.mark.parametrize(
    ("given", "device", "gpus"),
    [
        ({}, "gpu", 1),
        ({"use_gpu": True}, "gpu", 1),
        ({"use_gpu": False}, "cpu", 0),
        ({"resources": {"gpus": 2}}, "gpu", 2),
        ({"resources": {"gpus": 0}}, "cpu", 0),
        ({"use_gpu": False, "resources": {"gpus": 2}}, "cpu", 0),
        ({"use_gpu": True, "resources": {"gpus": 0}}, "gpu", 0),
    ],
)
def test_device_and_gpus_follow_from_each_other(given: dict[str, Any], device: str, gpus: int) -> None:
    """What is given wins; a contradiction that matters is left to the rules."""
    found = resolved(deployment=given)
    assert (found.device, found.gpus) == (device, gpus)


def test_gpus_without_a_gpu_are_ignored_with_a_notice() -> None:
    """Both the number of cards and their memory."""
    found = resolve(deployment={"use_gpu": False, "resources": {"gpus": 2, "gpu_memory_gb": 40}})
    assert found.notices == (
        "gpus 2 is ignored: use_gpu is false",
        "gpu_memory_gb 40 is ignored: the endpoint uses no GPU",
    )


@pytest.mark.parametrize(
    ("spec", "image", "server"),
    [
        ({}, "reg.local/vllm:1-gpu", "vllm"),
        ({"deployment": {"use_gpu": False}}, "reg.local/vllm:1-cpu", "vllm"),
        ({"deployment": {"job_type": "RAG_TUNING"}}, "reg.local/vllm-rag:1-gpu", "vllm"),
        ({"server": "tgi"}, "reg.local/tgi:3", "tgi"),
        ({"image": "ghcr.io/huggingface/text-generation-inference:3"}, "ghcr.io/huggingface/text-generation-inference:3", "tgi"),
        ({"image": "reg.local/mine:1", "server": "sglang"}, "reg.local/mine:1", "sglang"),
        ({"image": "reg.local/mine:1"}, "reg.local/mine:1", "plain"),
        ({"image": "nvcr.io/nvidia/tritonserver:25"}, "nvcr.io/nvidia/tritonserver:25", "triton"),
    ],
)  # fmt: skip
def test_image_and_server_are_found_together(spec: dict[str, Any], image: str, server: str) -> None:
    """By target and device, by server, or the endpoint's own; the server by choice, entry or name."""
    images = {
        "GENERATION": {"gpu": {"image": "reg.local/vllm:1-gpu"}, "cpu": {"image": "reg.local/vllm:1-cpu"}},
        "RAG": {"gpu": {"image": "reg.local/vllm-rag:1-gpu"}},
        "servers": {"tgi": {"gpu": {"image": "reg.local/tgi:3", "port": 8123}}},
    }
    found = resolved(env=environment(images=images), **spec)
    assert (found.image, found.server) == (image, server)
    assert found.port == (8123 if server == "tgi" and "image" not in spec else None)


def test_an_image_of_another_server_does_not_take_the_entrys_port() -> None:
    """The environment's entry is for vLLM on 8123; the endpoint's own image is TGI."""
    entry = {"image": "reg.local/vllm:1", "port": 8123, "healthPath": "/x", "args": ["--a"]}
    env = environment(images={"GENERATION": {"gpu": entry}})
    other = resolved(env=env, image="reg.local/tgi:3")
    assert (other.server, other.port, other.health_path, other.image_args) == ("tgi", None, None, ())
    same = resolved(env=env, image="reg.local/vllm:2")
    assert (same.server, same.port, same.image_args) == ("vllm", 8123, ("--a",))


def test_an_image_that_names_no_server_is_taken_for_the_entrys() -> None:
    """With a notice, since nobody said so."""
    entry = {"image": "reg.local/serve:1", "server": "vllm", "port": 8123}
    found = resolve(env=environment(images={"GENERATION": {"gpu": entry}}), image="reg.local/mine:1")
    assert found.endpoint is not None
    assert (found.endpoint.server, found.endpoint.port) == ("vllm", 8123)
    assert found.notices == ("the image reg.local/mine:1 does not say which server it holds; taken for vllm",)


def test_a_missing_image_points_into_the_environment() -> None:
    """The endpoint's file is right: the catalogue lacks something."""
    violation = only(resolve(env=environment(images={"RAG": {}})))
    assert (violation.file, violation.path) == (ENVIRONMENT_FILE, "spec.images")
    assert violation.line > 1
    assert "no gpu image for GENERATION" in violation.message


def test_kserve_gets_both_bounds_of_a_resource() -> None:
    """KServe would put 1 CPU and 2Gi where one of the two is missing."""
    found = resolved(framework="kserve", memory={"limit": "48Gi"}, cpu={"request": "2"})
    assert (found.memory_request, found.memory_limit) == ("48Gi", "48Gi")
    assert (found.cpu_request, found.cpu_limit) == ("2", "2")
    assert found.origins["memory.request"].source == "rule"


def test_an_environments_bound_that_contradicts_the_endpoints_is_dropped() -> None:
    """A default limit of 32Gi is no reason to refuse a person's request of 48Gi."""
    env = environment(resources={"gpu": {"memory": {"request": "24Gi", "limit": "32Gi"}}})
    found = resolved(env=env, memory={"request": "48Gi"})
    assert (found.memory_request, found.memory_limit) == ("48Gi", None)
    assert found.origins["memory.limit"].note == "the environment's default contradicts the endpoint"
    small = resolved(env=env, memory={"limit": "16Gi"})
    assert (small.memory_request, small.memory_limit) == (None, "16Gi")
    kserve = resolved(env=env, memory={"request": "48Gi"}, framework="kserve")
    assert (kserve.memory_request, kserve.memory_limit) == ("48Gi", "48Gi")


def test_quantities_come_out_canonical() -> None:
    """As the API server will answer, whatever the file says."""
    found = resolved(memory={"request": "1024Mi", "limit": "1e10"}, cpu={"request": 0.5, "limit": 2})
    assert (found.memory_request, found.memory_limit) == ("1Gi", "10e9")
    assert (found.cpu_request, found.cpu_limit) == ("500m", "2")


def test_maps_of_the_pod_merge_and_lists_are_replaced() -> None:
    """Key by key, the endpoint's on top; an empty list takes the environment's away."""
    pod = {"labels": {"a": "1", "b": "1"}, "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}
    env = environment(pod={**pod, "imagePullSecrets": ["reg"], "nodeSelector": {"app": "gpu"}})
    found = resolved(
        env=env, pod={"labels": {"b": "2"}, "env": [{"name": "B", "value": "2"}], "imagePullSecrets": []}
    ).pod
    assert (found.labels, found.image_pull_secrets) == ({"a": "1", "b": "2"}, ())
    assert [(variable.name, variable.value) for variable in found.env] == [("A", "1"), ("B", "2")]
    assert found.node_selector == {"app": "gpu"}


def test_shared_memory_that_would_not_fit_is_left_out() -> None:
    """Only the default: a size that somebody chose is left to the rules."""
    assert resolved().pod.shm_size == "2Gi"
    assert resolved(memory={"limit": "3Gi"}).pod.shm_size is None
    assert resolved(memory={"limit": "3Gi"}, pod={"shmSize": "2048Mi"}).pod.shm_size == "2Gi"
    assert resolved(deployment={"use_gpu": False}).pod.shm_size is None


def test_a_policy_loses_what_is_empty_and_fractions_of_nothing() -> None:
    """Null and cleared inputs in a stored policy are no metrics; 70.0 is 70."""
    found = resolved(autoscaling={"cpuUtilization": 70.0, "gpuUtilization": None, "targetLatencyMs": ""})
    assert found.autoscaling == {"cpuUtilization": 70}
    assert type(found.autoscaling["cpuUtilization"]) is int


def test_without_a_cpu_request_nothing_is_scaled_by_cpu() -> None:
    """A CPU autoscaler needs a CPU request; KServe makes one anyway, with CPUs of its own."""
    assert resolved().autoscaling == {}
    assert resolved(cpu={"request": "1"}).autoscaling == {"cpuUtilization": 80}
    assert resolved(framework="kserve").autoscaling == {"cpuUtilization": 80}


def test_the_deadline_is_the_sum_of_the_phases() -> None:
    """Unless somebody chose one."""
    budgets = {"capacitySeconds": 10, "downloadSeconds": 20, "loadSeconds": 30}
    assert resolved(budgets=budgets).budgets.progress_deadline_seconds == 120
    assert resolved(budgets={**budgets, "progressDeadlineSeconds": 99}).budgets.progress_deadline_seconds == 99
    assert resolved(budgets={"preStopSeconds": 5, "drainSeconds": 7}).budgets.termination_grace_seconds == 22


@pytest.mark.parametrize(
    ("version", "mode", "annotation"),
    [("0.15", "Standard", "RawDeployment"), ("v0.15.2", "Knative", "Serverless"), ("0.16", "Standard", "Standard"),
     ("v0.17.1", "Knative", "Knative"), ("1.0", "Standard", "Standard")],
)  # fmt: skip
def test_the_mode_is_spelt_as_the_kserve_of_the_environment_knows_it(version: str, mode: str, annotation: str) -> None:
    """Up to 0.15 the old words; afterwards the new ones, which are rewritten otherwise."""
    found = resolved(env=environment(kserve={"version": version, "mode": mode}))
    assert found.kserve.mode_annotation == annotation


@pytest.mark.parametrize(("version", "tag"), [("0.16", "v0.16.0"), ("v0.15.2", "v0.15.2")])
def test_the_storage_initializer_is_that_of_the_environments_kserve(version: str, tag: str) -> None:
    """Three numbers, as its tags have; an image of the environment or the endpoint wins."""
    env = environment(kserve={"version": version})
    assert resolved(env=env).storage_initializer_image == f"kserve/storage-initializer:{tag}"
    assert resolved(env=env, storage={"initializerImage": "a/b:1"}).storage_initializer_image == "a/b:1"


def test_every_origin_of_a_file_points_at_a_line_of_that_file() -> None:
    """No origin names a line that is not there, and none stands for a value that nobody gave."""
    text = endpoint_text(cpu={"limit": "8"}, pod={"labels": {"a": "b"}}, budgets={"loadSeconds": 60})
    found = resolved(text)
    for name, source in found.origins.items():
        if source.source in ("file", "model"):
            file, _, line = source.place.rpartition(":")
            assert file == ENDPOINT_FILE, name
            assert 1 <= int(line) <= text.count("\n"), name
    assert "labels" not in found.origins
    assert origin(found, "owner") == ("file", f"{ENDPOINT_FILE}:5")


@pytest.mark.parametrize(("gigabytes", "card"), [(80, 81559), (80, 81920), (40, 40960), (24, 23028), (48, 46068)])
def test_a_real_card_counts_as_what_its_label_says(gigabytes: int, card: int) -> None:
    """Real cards report a little less than their name; one of the next smaller size is still too small."""
    assert card > gpu_memory_threshold(gigabytes)
    assert gpu_memory_threshold(gigabytes) > gigabytes * 1024 * 0.85


def test_the_node_label_that_pods_ask_for_is_what_pools_are_chosen_by() -> None:
    """One number, to the MiB: a pool that the plan counts on must be one that the pod can be put on."""
    assert [gpu_memory_threshold(gigabytes) for gigabytes in (1, 24, 40, 80)] == [925, 22201, 37002, 74004]


def test_pools_are_chosen_by_memory_or_by_name() -> None:
    """Large enough, or the one that the endpoint names."""
    pools = [
        GpuPool.model_validate({**POOL, "name": name, "gpuMemoryMib": memory}) for name, memory in (("s", 23028), ("l", 81559))
    ]  # fmt: skip
    assert [pool.name for pool in eligible_pools(pools, None, None)] == ["s", "l"]
    assert [pool.name for pool in eligible_pools(pools, 80, None)] == ["l"]
    assert [pool.name for pool in eligible_pools(pools, 0, None)] == ["s", "l"]
    assert [pool.name for pool in eligible_pools(pools, 81, "s")] == ["s"]
    assert eligible_pools(pools, 200, None) == ()


@pytest.mark.parametrize(
    ("gpus", "replicas", "spare", "surge", "unavailable", "needed", "words"),
    [
        (1, 1, 1, 1, 0, 1, "none: a new pod finds"),
        (1, 1, 0, 0, 1, 0, "the endpoint is away"),
        (4, 1, 3, 0, 1, 0, "4 GPU(s) are needed for a pod beside the old one, 3 are spare"),
        (1, 3, 0, 0, 1, 0, "one of 3 replicas at a time"),
        (0, 2, 0, 1, 0, 0, "none: a new pod is ready"),
        (2, 0, 0, 1, 0, 0, "none: the endpoint is stopped"),
    ],
)
def test_a_rollout_surges_only_where_its_gpus_are_spare(
    gpus: int, replicas: int, spare: int, surge: int, unavailable: int, needed: int, words: str
) -> None:
    """Surge without a free GPU waits for ever; otherwise one pod at a time makes room, and the plan says so."""
    plan = plan_rollout(gpus, replicas, spare, 1800)
    assert (plan.max_surge, plan.max_unavailable, plan.gpus_needed) == (surge, unavailable, needed)
    assert words in plan.downtime


def test_spare_gpus_of_nodes_that_are_too_small_do_not_count() -> None:
    """Eight spare cards on nodes of two hold no replica of four."""
    small = {**POOL, "name": "small", "gpusPerNode": 2, "spareGpus": 8}
    large = {**POOL, "name": "large", "gpusPerNode": 8, "spareGpus": 0}
    found = resolved(env=environment(gpuPools=[small, large]), deployment={"resources": {"gpus": 4}})
    assert (found.rollout.max_surge, found.rollout.max_unavailable) == (0, 1)


def test_a_named_pool_decides_where_and_with_what_to_spare() -> None:
    """The pool that the endpoint names, not the one with the most spare cards."""
    pools = [{**POOL, "spareGpus": 0}, {**POOL, "name": "other", "spareGpus": 8}]
    found = resolved(env=environment(gpuPools=pools), gpuPool="a100")
    assert found.gpu_pool is not None
    assert (found.gpu_pool.name, found.rollout.max_surge) == ("a100", 0)
