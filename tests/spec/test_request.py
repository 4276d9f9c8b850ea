# ruff: noqa: E501  a row of a table is one line
"""A request of the platform becomes a patch on the endpoint's file, and nothing that nobody chose comes with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.errors import InvalidInput
from generator.spec.document import load_document
from generator.spec.patch import Patch
from generator.spec.request import MAX_REQUEST_BYTES, load_request
from tests.spec.factory import ENDPOINT, apply, endpoint_text, patch_of, refused

STORED = {
    "model_ref": "llama-8b:1.0",
    "model_family": "llama",
    "job_type": "SFT",
    "serve_target": "GENERATION",
    "resources": {"gpus": 1},
    "runtime": {"max_concurrent_requests": 64, "max_input_tokens": 4096, "max_output_tokens": 1024},
    "use_gpu": True,
}


def text(**more: Any) -> str:
    """An endpoint file with a stored spec, and more."""
    return endpoint_text(deployment=STORED, **more)


def changes(request: dict[str, Any], file: str | None = None) -> dict[str, Any]:
    """What a request sets and clears, as dotted paths without `spec.`."""
    patch = patch_of(request, file or text())
    data = patch.to_dict()
    found = {path.removeprefix("spec."): value for path, value in data["set"].items()}
    return found | {path.removeprefix("spec."): None for path in data["clear"]}


def spec(**changed: Any) -> dict[str, Any]:
    """The stored spec as the page sends it back, with changes."""
    return {"deploymentSpec": {**STORED, **changed}}


@pytest.mark.parametrize(
    ("request_field", "value", "path"),
    [
        ("useGpu", False, "deployment.use_gpu"),
        ("servingRuntimeImage", "reg.local/vllm:2", "image"),
        ("cpuRequest", "2", "cpu.request"),
        ("cpuLimit", "500m", "cpu.limit"),
        ("memoryRequest", "2Gi", "memory.request"),
        ("memoryLimit", "48Gi", "memory.limit"),
        ("servingFramework", "kserve", "framework"),
    ],
)
def test_every_field_becomes_one_of_the_file(request_field: str, value: Any, path: str) -> None:
    """The value reaches the file as it is, under the request's own name."""
    patch = patch_of({request_field: value}, text())
    assert changes({request_field: value}) == {path: value}
    assert list(patch.labels.values()) == [request_field]
    assert value in json.loads(json.dumps(_flat(load_document(apply(patch, text()), "f").data)))


def _flat(data: Any) -> list[Any]:
    if isinstance(data, dict):
        return [leaf for item in data.values() for leaf in _flat(item)]
    return [leaf for item in data for leaf in _flat(item)] if isinstance(data, list) else [data]


def test_a_policy_is_taken_key_by_key() -> None:
    """The page sends the keys that it knows; a person's others stay, null takes one out."""
    file = text(autoscaling={"cpuUtilization": 70, "queueLength": 5, "targetLatencyMs": 800})
    request = {"autoscalePolicy": {"cpuUtilization": 65, "targetLatencyMs": None, "gpuUtilization": ""}}
    assert changes(request, file) == {"autoscaling.cpuUtilization": 65, "autoscaling.targetLatencyMs": None}
    assert changes({"autoscalePolicy": {"cpuUtilization": 70.0}}, file) == {}
    assert changes({"autoscalePolicy": {}}, file) == {}


@pytest.mark.parametrize(
    ("request_field", "path", "given"),
    [
        ("useGpu", "deployment.use_gpu", {}),
        ("servingRuntimeImage", "image", {"image": "a/b:1"}),
        ("cpuLimit", "cpu.limit", {"cpu": {"limit": "8"}}),
        ("memoryRequest", "memory.request", {"memory": {"request": "8Gi"}}),
        ("autoscalePolicy", "autoscaling", {"autoscaling": {"cpuUtilization": 70}}),
        ("servingFramework", "framework", {"framework": "kserve"}),
        ("deploymentSpec", "deployment", {}),
    ],
)
def test_null_clears_an_override_and_only_one_that_is_there(
    request_field: str, path: str, given: dict[str, Any]
) -> None:
    """Null says: back to the environment's default. Where nothing is overridden, nothing changes."""
    assert changes({request_field: None}, text(**given)) == {path: None}
    if request_field not in ("useGpu", "deploymentSpec"):
        assert changes({request_field: None}) == {}


def test_null_inside_the_spec_clears_a_field_or_a_whole_section() -> None:
    """`runtime: null` clears what is stored of it; null for what is not stored changes nothing."""
    assert changes({"deploymentSpec": {"runtime": None}}) == {
        "deployment.runtime.max_concurrent_requests": None,
        "deployment.runtime.max_input_tokens": None,
        "deployment.runtime.max_output_tokens": None,
    }
    assert changes({"deploymentSpec": {"resources": {"gpus": None}}}) == {"deployment.resources.gpus": None}
    assert changes({"deploymentSpec": {"resources": {"gpu_memory_gb": None}, "rollout": None}}) == {}


def test_cleared_inputs_are_fields_not_given() -> None:
    """The page sends an empty text for a number input that was cleared, at every depth."""
    request = {
        "cpuRequest": "",
        "memoryLimit": "",
        "servingRuntimeImage": "",
        "autoscalePolicy": {"cpuUtilization": "", "targetLatencyMs": ""},
        **spec(resources={"gpus": 1, "gpu_memory_gb": ""}, rollout={"strategy": "", "traffic_split": {"old": "", "new": ""}}),
    }  # fmt: skip
    assert patch_of(request, text()).is_empty


def test_an_untouched_form_changes_nothing() -> None:
    """What the page sends when nobody touched it: the stored spec, the placeholders, the current framework."""
    request = {
        **spec(resources={"gpus": 1, "gpu_memory_gb": 80}, rollout=None),
        "useGpu": True,
        "servingFramework": "deployment",
    }
    patch = patch_of(request, text())
    assert patch.is_empty
    assert [notice.split(":")[0] for notice in patch.notices] == ["gpu_memory_gb 80 is dropped"]


def test_an_untouched_form_of_a_file_that_says_little_pins_nothing() -> None:
    """Values that come from defaults are sent back by the page; they stay defaults."""
    effective = {
        **STORED,
        "runtime": {"max_concurrent_requests": 256, "max_input_tokens": 4096, "max_output_tokens": 1024},
    }
    assert patch_of({"deploymentSpec": effective}, ENDPOINT).is_empty


def test_a_made_up_label_pins_nothing_else() -> None:
    """The page makes up `model_ref` as name-version; it is a free label and is never compared."""
    assert changes(spec(model_ref="llama-8b-1.0")) == {"deployment.model_ref": "llama-8b-1.0"}
    assert changes({"deploymentSpec": {**STORED, "model_ref": "llama-8b-1.0", "runtime": {}}}, ENDPOINT) == {}


def test_gpu_memory_without_gpus_is_ignored_with_a_notice() -> None:
    """The page sends 80 also with no GPUs; a person's other number is ignored there too."""
    for request in (
        spec(resources={"gpus": 0, "gpu_memory_gb": 80}, use_gpu=False),
        {"useGpu": False, "deploymentSpec": {"resources": {"gpu_memory_gb": 24}}},
    ):
        patch = patch_of(request, text())
        assert ("spec", "deployment", "resources", "gpu_memory_gb") not in patch.sets
        assert "is ignored: no GPUs are asked for" in patch.notices[0]


@pytest.mark.parametrize(("memory", "stored"), [(40, None), (80, 40), (81, None)])
def test_gpu_memory_that_somebody_chose_is_taken(memory: int, stored: int | None) -> None:
    """Any number but 80, and 80 where the file names another one."""
    file = endpoint_text(
        deployment={**STORED, "resources": {"gpus": 1, **({"gpu_memory_gb": stored} if stored else {})}}
    )
    request = spec(resources={"gpus": 1, "gpu_memory_gb": memory})
    assert changes(request, file) == {"deployment.resources.gpu_memory_gb": memory}


def test_the_pages_tokens_for_no_stored_spec_are_dropped() -> None:
    """The whole window with 1024 out is what the page fills in where no spec is stored."""
    runtime = {"max_concurrent_requests": 256, "max_input_tokens": 8192, "max_output_tokens": 1024}
    patch = patch_of(spec(runtime=runtime), ENDPOINT)
    assert not any("max_input_tokens" in path for path in patch.sets)
    assert "max_input_tokens 8192 and max_output_tokens 1024 are dropped" in patch.notices[0]
    chosen = patch_of(spec(runtime={**runtime, "max_output_tokens": 1000}), ENDPOINT)
    assert chosen.sets["spec", "deployment", "runtime", "max_input_tokens"] == 8192


def test_a_strategy_without_a_split_has_none() -> None:
    """A stored split does not stand in for the one that a canary must name."""
    file = endpoint_text(
        deployment={**STORED, "rollout": {"strategy": "canary", "traffic_split": {"old": 90, "new": 10}}}
    )
    request = spec(rollout={"strategy": "canary"})
    assert changes(request, file) == {
        "deployment.rollout.traffic_split.old": None,
        "deployment.rollout.traffic_split.new": None,
    }
    assert changes(spec(rollout=None), file) == {}


@pytest.mark.parametrize(
    ("use_gpu", "in_spec", "expected"),
    [
        (True, True, {}),
        (False, False, {"deployment.use_gpu": False}),
        (None, False, {"deployment.use_gpu": False}),
        (False, None, {"deployment.use_gpu": False}),
        (None, None, {"deployment.use_gpu": None}),
    ],
)
def test_use_gpu_is_one_field_under_two_names(use_gpu: Any, in_spec: Any, expected: dict[str, Any]) -> None:
    """Null under one name says nothing beside a value under the other."""
    assert changes({"useGpu": use_gpu, "deploymentSpec": {"use_gpu": in_spec}}) == expected


@pytest.mark.parametrize("use_gpu", [True, False])
def test_a_request_that_contradicts_itself_is_refused(use_gpu: bool) -> None:
    """useGpu and deploymentSpec.use_gpu say different things."""
    error = refused(patch_of, {"useGpu": use_gpu, "deploymentSpec": {"use_gpu": not use_gpu}}, text())
    assert error.violations[0].path == "useGpu"
    assert "contradicts itself" in error.message


def test_an_equal_quantity_in_other_words_changes_nothing() -> None:
    """`1024Mi` for `1Gi`, a number for its text."""
    file = text(memory={"limit": "1Gi"}, cpu={"request": 2})
    assert changes({"memoryLimit": "1024Mi", "cpuRequest": "2000m"}, file) == {}
    assert changes({"cpuRequest": 0.5}, file) == {"cpu.request": "0.5"}


@pytest.mark.parametrize(
    ("request_body", "path", "message"),
    [
        ({"memoryRequest": "16 gigs"}, "memoryRequest", "'16 gigs' is not a Kubernetes quantity"),
        ({"servingFramework": "ray"}, "servingFramework", "'ray' is not one of 'deployment' or 'kserve'"),
        ({"servingRuntimeImage": 'x"\n hostNetwork: true'}, "servingRuntimeImage", "'x\"\\n hostNetwork: true' is not an image reference"),
        ({"memoryLimits": "1Gi"}, "memoryLimits", "unknown field 'memoryLimits'"),
        ({"deploymentSpec": []}, "deploymentSpec", "must be a mapping of names to values, not a list"),
        ({"deploymentSpec": "x"}, "deploymentSpec", "must be a mapping of names to values, not 'x'"),
        ({"autoscalePolicy": []}, "autoscalePolicy", "must be a mapping of names to values, not a list"),
        ({"autoscalePolicy": 7}, "autoscalePolicy", "must be a mapping of names to values, not 7"),
        ({"useGpu": "true"}, "useGpu", "must be true or false, not 'true'"),
        ({"useGpu": 1}, "useGpu", "must be true or false, not 1"),
        ({"cpuRequest": True}, "cpuRequest", "must be text, not True"),
        ({"cpuRequest": {}}, "cpuRequest", "must be text, not a mapping"),
        ({"deploymentSpec": {"resources": []}}, "deploymentSpec.resources", "must be a mapping of names to values, not a list"),
        ({"deploymentSpec": {"resources": {"gpus": "1"}}}, "deploymentSpec.resources.gpus", "must be a whole number, not '1'"),
        ({"deploymentSpec": {"resources": {"gpus": 1.0}}}, "deploymentSpec.resources.gpus", "must be a whole number, not 1.0"),
        ({"deploymentSpec": {"resources": {"gpus": -1}}}, "deploymentSpec.resources.gpus", "-1 is below 0"),
        ({"deploymentSpec": {"runtime": {"max_input_tokens": 0}}}, "deploymentSpec.runtime.max_input_tokens", "0 is below 1"),
        ({"deploymentSpec": {"rollout": {"strategy": "canary", "traffic_split": {"old": 101, "new": 0}}}},
         "deploymentSpec.rollout.traffic_split.old", "101 is above 100"),
        ({"deploymentSpec": {"rollout": {"traffic_split": {"old": 90, "new": 10}}}}, "deploymentSpec.rollout.strategy", "the field 'strategy' is missing"),
        ({"deploymentSpec": {"model_ref": "a\nb"}}, "deploymentSpec.model_ref", "must be one line of printable text"),
        ({"deploymentSpec": {"jobType": "SFT"}}, "deploymentSpec.jobType", "unknown field 'jobType'"),
        ({"[key]": 1}, "[key]", "unknown field '[key]'"),
        ({"": 1}, "", "unknown field ''"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_as_the_request_names_it(request_body: Any, path: str, message: str) -> None:
    """The message stands alone: it goes into an alert box."""
    error = refused(patch_of, request_body, text())
    assert [(v.path, v.message, v.file) for v in error.violations] == [(path, message, "request")]
    assert message in error.message


def test_all_wrong_fields_are_named_at_once() -> None:
    """One refusal for three mistakes."""
    error = refused(patch_of, {"cpuLimit": "x", "memoryLimit": "y", "bogus": 1}, text())
    assert {v.path for v in error.violations} == {"cpuLimit", "memoryLimit", "bogus"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"cpuLimit": "1", "cpuLimit": "2"}', "the field 'cpuLimit' is given twice"),
        ('{"deploymentSpec": {"use_gpu": true, "use_gpu": false}}', "the field 'use_gpu' is given twice"),
        ('{"autoscalePolicy": {"a": NaN}}', "NaN is not a number that JSON knows"),
        ('{"autoscalePolicy": {"a": -Infinity}}', "-Infinity is not a number that JSON knows"),
        ('{"autoscalePolicy": {"a": 1e999}}', "inf is not a number that JSON knows"),
        ('{"autoscalePolicy": {"a": 9223372036854775808}}', "is a number of more than 64 bits"),
        ('{"autoscalePolicy": {"a": "\\ud800"}}', "holds a control character"),
        ('{"\\ud800": 1}', "is not a key of plain text"),
        ('{"autoscalePolicy": {"a": "\\u0000"}}', "holds a control character"),
        ("[]", "is not a JSON object"),
        ("null", "is not a JSON object"),
        ('"x"', "is not a JSON object"),
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("{'a': 1}", "is not JSON"),
        (b"\xff\xfe{", "is not JSON"),
        ('{"autoscalePolicy": ' + '{"a": ' * 60 + "1" + "}" * 61, "nested deeper than 40 levels"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 900 + "1" + "}" * 900, "nested deeper than 40 levels"),
        ('{"a": [' + "1," * 30_000 + "1]}", "holds more than 20000 values"),
        ("1" * 5000, "is not JSON"),
        (" " * (MAX_REQUEST_BYTES + 1), "is larger than 1 MiB"),
    ],
)
def test_what_is_no_request_is_refused_in_words(content: str | bytes, message: str) -> None:
    """Twice-given fields, numbers that JSON does not know, depth, size, other encodings; never a traceback."""
    error = refused(load_request, content)
    assert message in error.message
    assert len(error.message) < 300


def test_a_request_reads_as_it_is_written() -> None:
    """Bytes and text; nothing is converted."""
    assert load_request('{"cpuRequest": "6", "useGpu": null}') == {"cpuRequest": "6", "useGpu": None}
    assert load_request(b'{"a": "\xc3\xa4"}') == {"a": "ä"}


def test_two_patches_that_disagree_are_refused() -> None:
    """A flag and a request about one field, or about a field and what is inside it."""
    one = Patch({("spec", "cpu", "limit"): "8"})
    assert one.merged(Patch({("spec", "cpu", "limit"): "8"})).sets == one.sets
    for other in (
        Patch({("spec", "cpu", "limit"): "9"}),
        Patch(clears=frozenset([("spec", "cpu", "limit")])),
        Patch({("spec", "cpu"): {"limit": "9"}}),
    ):
        with pytest.raises(InvalidInput, match="contradicts itself"):
            one.merged(other)
        with pytest.raises(InvalidInput, match="contradicts itself"):
            other.merged(one)


def test_clearing_a_section_and_setting_a_field_in_it_goes_together() -> None:
    """The platform clears the spec and sets one field of it in one request."""
    patch = patch_of({"deploymentSpec": None, "useGpu": False}, text())
    assert load_document(apply(patch, text()), "f").data["spec"]["deployment"] == {"use_gpu": False}
