"""Every violation of a file is reported at once, each at its place and with what would be right."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from generator.errors import Violation
from generator.spec.validate import MAX_VIOLATIONS, load_endpoint, load_environment, load_repository_file
from tests.spec.factory import ENDPOINT, ENDPOINT_FILE, endpoint_text, environment, environment_data, refused

BAD = """\
apiVersion: revstamp.io/v1
kind: Endpoint
metadata:
  name: Chat_1
  labels: {team: "a b"}
  onwer: nlp
spec:
  model:
    name: llama
    version: 1.0
    family: llama
    status: aproved
    storageUri: /models/x
  replicas: {min: -1, max: two}
  cpu:
    reqest: "4"
    limit: 8 cores
  pod:
    env:
    - name: 1A
      valu: x
  image: "x\\n  hostNetwork: true"
  kserve: []
"""


def violations(text: str) -> list[Violation]:
    """All violations of an endpoint file."""
    return list(refused(load_endpoint, text, ENDPOINT_FILE).violations)


def test_all_violations_come_at_once_with_line_and_column() -> None:
    """Fourteen mistakes, fourteen findings, in the order of the file."""
    found = [(v.line, v.column, v.path, v.message) for v in violations(BAD)]
    assert found == [
        (4, 9, "metadata.name", "'Chat_1' is not an endpoint name"),
        (5, 11, "metadata.labels", "'a b' is not a label value"),
        (6, 3, "metadata.onwer", "unknown field 'onwer'"),
        (7, 1, "spec.route", "the field 'route' is missing"),
        (10, 14, "spec.model.version", "must be text, not 1.0"),
        (12, 13, "spec.model.status", "'aproved' is not one of 'draft', 'under_review', 'approved', 'deprecated', "
         "'pending_review' or 'rejected'"),
        (13, 17, "spec.model.storageUri", "'/models/x' is not a storage URI"),
        (14, 19, "spec.replicas.min", "-1 is below 0"),
        (14, 28, "spec.replicas.max", "must be a whole number, not 'two'"),
        (16, 5, "spec.cpu.reqest", "unknown field 'reqest'"),
        (17, 12, "spec.cpu.limit", "'8 cores' is not a Kubernetes quantity"),
        (20, 13, "spec.pod.env[0].name", "'1A' is not a variable name"),
        (21, 7, "spec.pod.env[0].valu", "unknown field 'valu'"),
        (22, 10, "spec.image", "'x\\n  hostNetwork: true' is not an image reference"),
        (23, 11, "spec.kserve", "must be a mapping of names to values, not a list"),
    ]  # fmt: skip


def test_each_violation_says_what_would_be_right() -> None:
    """The nearest known field, the nearest known word, or the form that is asked for."""
    fixes = {v.path: v.fix for v in violations(BAD)}
    assert fixes["metadata.onwer"] == "did you mean 'owner'?"
    assert fixes["spec.cpu.reqest"] == "did you mean 'request'?"
    assert fixes["spec.model.status"] == "did you mean 'approved'?"
    assert fixes["spec.model.version"] == 'write "1.0" with quotes'
    assert fixes["spec.route"] == "add `route:`"
    assert 'such as "500m"' in fixes["spec.cpu.limit"]


def test_an_unknown_field_with_no_neighbour_lists_what_is_known() -> None:
    """Where nothing is near, all fields of this place are named."""
    (violation,) = violations(endpoint_text(zzzzz=1))
    assert violation.fix.startswith("known here: route, model, framework, deployment")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "an Endpoint is a mapping"),
        ("hello\n", "an Endpoint is a mapping"),
        ("", "is empty"),
        ("~\n", "an Endpoint is a mapping"),
        ("7\n", "an Endpoint is a mapping"),
    ],
)
def test_a_file_that_is_no_mapping_says_what_it_should_be(text: str, message: str) -> None:
    """Lists, texts, numbers and nothing at all."""
    assert [v.message for v in violations(text)] == [message]


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
@pytest.mark.parametrize(
    "field", ["model", "deployment", "replicas", "autoscaling", "cpu", "memory", "routing", "pod", "budgets", "storage"]
)
def test_a_mapping_is_not_replaced_by_anything_else(field: str, value: Any) -> None:
    """A list, a text or a number where a mapping belongs is one violation; null is a field not given."""
    text = endpoint_text(**{field: value}) if field != "model" else ENDPOINT.split("  model:")[0] + "  model: "
    if field == "model":
        text += json.dumps(value) + "\n"
    if value is None and field != "model":
        load_endpoint(text, ENDPOINT_FILE)
        return
    (violation,) = violations(text)
    assert violation.path == f"spec.{field}"
    assert violation.message.startswith("must be a mapping of names to values, not ")


def test_spec_null_is_refused() -> None:
    """A spec with nothing in it is no spec."""
    (violation,) = violations(ENDPOINT.split("spec:")[0] + "spec: null\n")
    assert (violation.path, violation.message) == ("spec", "must be a mapping of names to values, not nothing")


def test_a_field_named_like_a_mark_of_the_validator_is_still_named() -> None:
    """`[key]` is how the validator marks wrong keys; as a field of a file it is unknown like any other."""
    (violation,) = violations(ENDPOINT + '"[key]": 1\n')
    assert (violation.path, violation.message, violation.line) == ("[key]", "unknown field '[key]'", 16)


def test_wrong_keys_of_a_map_point_at_the_map() -> None:
    """An annotation with a key that Kubernetes does not know, and one that is revstamp's."""
    found = violations(endpoint_text(pod={"annotations": {"a b": "x"}, "labels": {"revstamp.io/endpoint": "y"}}))
    assert [(v.path, v.message) for v in found] == [
        ("spec.pod.annotations", "'a b' is not an annotation key"),
        ("spec.pod.labels", "the label 'revstamp.io/endpoint' belongs to revstamp"),
    ]


def test_a_look_alike_of_the_reserved_domain_is_not_reserved() -> None:
    """`notrevstamp.io/x` is somebody else's label; `sub.revstamp.io/x` is not."""
    load_endpoint(endpoint_text(pod={"labels": {"notrevstamp.io/x": "y"}}), ENDPOINT_FILE)
    assert violations(endpoint_text(pod={"labels": {"sub.revstamp.io/x": "y"}}))


@pytest.mark.parametrize(
    "value",
    [1.5, True, "1", None, -1, 0, 2**31, 2**63 - 1, [1], {"a": 1}],
)
def test_a_count_takes_whole_numbers_in_its_bounds_only(value: Any) -> None:
    """Tokens are at least one and at most 32 bits; nothing is converted."""
    found = violations_or_none(deployment={"runtime": {"max_input_tokens": value}})
    assert found == ([] if value is None else ["spec.deployment.runtime.max_input_tokens"])


def violations_or_none(**spec: Any) -> list[str]:
    """Paths of the violations; empty where the file is right."""
    try:
        load_endpoint(endpoint_text(**spec), ENDPOINT_FILE)
    except Exception as error:
        return [v.path for v in error.violations]  # type: ignore[attr-defined]
    return []


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\x1b", "\x7f", "\x80", "\x85", "\x9f", "\u2028", "\ufeff", "\uffff"]
)
def test_control_characters_reach_nothing_by_way_of_escapes(character: str) -> None:
    """YAML's escapes could carry what neither YAML nor Kubernetes can write again: refused in every kind of text."""
    escaped = f'"a\\u{ord(character):04x}b"'
    for field in ("image", "gpuPool", "rollbackPlan"):
        assert [v.path for v in violations(ENDPOINT + f"  {field}: {escaped}\n")] == [f"spec.{field}"]
    free = f"  autoscaling: {{k: {escaped}}}\n  pod: {{securityContext: {{{escaped}: 1}}}}\n"
    assert {v.path for v in violations(ENDPOINT + free)} == {"spec.autoscaling", "spec.pod.securityContext"}


@pytest.mark.parametrize("text", ["a\u202eb", "a\u2066b", "\u200fx", "a\tb", "a\nb", "  ", ""])
def test_a_name_is_one_visible_line(text: str) -> None:
    """Marks that turn the direction of text would show a reviewer another name than the one that is meant."""
    assert [v.path for v in violations(ENDPOINT + f"  gpuPool: {json.dumps(text)}\n")] == ["spec.gpuPool"]


def test_very_long_values_are_quoted_shortly() -> None:
    """A message about a value of a hundred thousand characters is a line."""
    found = violations(endpoint_text(image="x" * 100_000, gpuPool="y" * 100_000, server="z" * 100_000))
    assert len(found) == 3
    assert all(len(str(v)) < 400 for v in found)


def test_ten_thousand_unknown_fields_are_reported_quickly() -> None:
    """The first hundred, and how many more there are."""
    text = ENDPOINT + "".join(f"  field{i}: 1\n" for i in range(10_000))
    start = time.process_time()
    found = violations(text)
    assert time.process_time() - start < 30  # what grows with the square takes many minutes
    assert len(found) == MAX_VIOLATIONS + 1
    assert "9900 more fields are wrong" in {v.message for v in found}


def test_environment_files_say_what_is_wrong_in_them() -> None:
    """The same for environments: place, message, nearest field."""
    text = json.dumps(environment_data(polices={}, gpuPools=[{"name": "a", "gpuMemoryMib": 0, "gpus": 1}]), indent=1)
    found = refused(load_environment, text, "e.yaml").violations
    assert [(v.path, v.message, v.fix) for v in found] == [
        ("spec.polices", "unknown field 'polices'", "did you mean 'policies'?"),
        ("spec.gpuPools[0].gpuMemoryMib", "0 is below 1", ""),
    ]
    assert all(v.line > 1 for v in found)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"gpuPools": [{"name": "a", "gpuMemoryMib": 1, "gpus": 1}] * 2}, "spec.gpuPools[1].name"),
        ({"gpuPools": [{"name": "a", "gpuMemoryMib": 1, "gpus": 1, "spareGpus": 2}]}, "spec.gpuPools[0].spareGpus"),
        ({"resources": {"gpu": {"cpu": {"request": "2", "limit": "1"}}}}, "spec.resources.gpu.cpu.limit"),
        ({"resources": {"cpu": {"memory": {"request": "2Gi", "limit": "1G"}}}}, "spec.resources.cpu.memory.limit"),
        ({"budgets": {"loadSeconds": 60, "progressDeadlineSeconds": 60}}, "spec.budgets.progressDeadlineSeconds"),
        ({"pod": {"env": [{"name": "A"}]}}, "spec.pod.env[0]"),
        (
            {"storage": {"credentials": [{"scheme": "s3", "secret": "a", "keys": {}}] * 2}},
            "spec.storage.credentials[1].scheme",
        ),
    ],
)
def test_an_environment_that_contradicts_itself_is_refused(spec: dict[str, Any], path: str) -> None:
    """Two fields of one file that cannot both hold, at the place of one of them."""
    (violation,) = refused(environment, **spec).violations
    assert violation.path == path
    assert violation.line > 1
    assert violation.fix


@pytest.mark.parametrize(
    "branch", ["-rf", "a..b", "a\nb", "a b", "/a", "a/", "a.lock", ".a", "a//b", "", "@{", "x" * 300]
)
def test_a_repository_file_names_a_real_branch(branch: str) -> None:
    """What git, a shell or an option parser would take for something else is refused."""
    text = f"apiVersion: revstamp.io/v1\nkind: Repository\nspec: {{generator: 0.1.0, branch: {json.dumps(branch)}}}\n"
    (violation,) = refused(load_repository_file, text, "revstamp.yaml").violations
    assert violation.path == "spec.branch"


@pytest.mark.parametrize("version", ["١.٣٦", "1", "1.x", "1.36.0.0", "v", "1.36\n", "99999.1"])
def test_versions_are_of_plain_digits(version: str) -> None:
    """Other scripts' digits count as digits to a careless pattern."""
    text = json.dumps(environment_data(kubernetesVersion=version), indent=1)
    assert [v.path for v in refused(load_environment, text, "e.yaml").violations] == ["spec.kubernetesVersion"]
