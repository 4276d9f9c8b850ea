"""The options that change fields: each reaches its field, a mistyped one is answered with the nearest."""

from __future__ import annotations

import pytest
import yaml

from generator.cli.fields import NUMBER_FLAGS, TEXT_FLAGS
from tests.cli.driver import Person

CHAT = "environments/prod/endpoints/chat.yaml"
VALUES: dict[str, tuple[str, ...]] = {
    "image": ("example.com/vllm:9",),
    "server": ("vllm",),
    "framework": ("kserve",),
    "cpu-request": ("3",),
    "cpu-limit": ("9",),
    "memory-request": ("30Gi",),
    "memory-limit": ("64Gi",),
    "model-ref": ("any",),
    "model-family": ("llama",),
    "job-type": ("RLHF",),
    "serve-target": ("GENERATION",),
    "strategy": ("blue-green",),
    "route": ("/llm/talk",),
    "gpu-pool": ("a100-80",),
    "model-version": ("2.0",),
    "storage-uri": ("s3://models/other",),
    "shm-size": ("4Gi",),
    "gpus": ("2",),
    "gpu-memory-gb": ("80",),
    "max-concurrent-requests": ("32",),
    "max-input-tokens": ("8192",),
    "max-output-tokens": ("2048",),
    "traffic-new": ("20", "--strategy", "canary"),
    "cpu-utilization": ("55",),
    "gpu-utilization": ("55",),
    "target-latency-ms": ("500",),
    "load-seconds": ("900",),
}


def test_every_flag_is_tried() -> None:
    """The list above forgets none."""
    assert set(VALUES) == {*TEXT_FLAGS, *NUMBER_FLAGS}


@pytest.mark.parametrize("flag", VALUES)
def test_a_flag_reaches_its_field_and_can_be_cleared(person: Person, flag: str) -> None:
    """In the endpoint's file at the tip; `--clear` by the flag's name takes it out again."""
    path, _ = {**TEXT_FLAGS, **NUMBER_FLAGS}[flag]
    person.do("redeploy", "prod/chat", f"--{flag}", *VALUES[flag])
    assert _at(person, path) == VALUES[flag][0]
    if flag in ("route", "model-version", "storage-uri", "strategy", "traffic-new"):
        return
    person.do("redeploy", "prod/chat", "--clear", flag)
    assert _at(person, path) is None


def _at(person: Person, path: tuple[str | int, ...]) -> str | None:
    value = yaml.safe_load(person.read(CHAT))
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else str(value)


def test_a_mistyped_field_to_clear_is_answered_with_the_nearest(person: Person) -> None:
    """It would otherwise look as if it had been cleared, and restart the pods for nothing."""
    before = person.state
    for name, near in (("cpu.limits", "limit"), ("memry-limit", "memory"), ("pod.shmsize", "shmSize")):
        error = person.fail("redeploy", "prod/chat", "--clear", name)
        assert near in error["hint"], error
    assert person.state == before


def test_any_field_can_be_set_by_its_path(person: Person) -> None:
    """Read as YAML; null clears."""
    person.do("redeploy", "prod/chat", "--set", "pod.priorityClassName=high", "--set", "pod.labels={tier: front}")
    spec = yaml.safe_load(person.read(CHAT))["spec"]
    assert spec["pod"] == {"priorityClassName": "high", "labels": {"tier": "front"}}
    person.do("redeploy", "prod/chat", "--set", "pod.priorityClassName=null")
    assert "priorityClassName" not in person.read(CHAT)
    assert "did you mean" in str(person.fail("redeploy", "prod/chat", "--set", "pod.priorityClas=high"))
    assert person.fail("redeploy", "prod/chat", "--set", "spec=1")["exit"] == 3


def test_a_wrong_value_in_a_free_section_is_told_at_its_line(person: Person) -> None:
    """Of the endpoint's file, or of the environment's where it stands there; not at a template's."""
    person.edit(CHAT, "  replicas:\n", "  pod:\n    securityContext:\n      runAsUser: nobody\n  replicas:\n")
    violation = person.fail("commit", "-m", "x")["violations"][0]
    assert (violation["file"], violation["path"]) == (CHAT, "spec.pod.securityContext.runAsUser")
    assert violation["line"] == person.read(CHAT).split("runAsUser")[0].count("\n") + 1
    person.git("checkout", "--", CHAT)
    environment = "environments/prod/environment.yaml"
    person.edit(environment, "  budgets:", "  pod:\n    containerSecurityContext:\n      privilged: true\n  budgets:")
    answer = person.type("render", "prod/chat", "--output", "json")
    assert answer.code == 3
    assert answer.error["violations"][0]["file"] == environment
    assert answer.error["violations"][0]["line"] > 0


def test_no_template_is_blamed_for_what_a_file_says(person: Person) -> None:
    """Not for values that only the schema or the writer of YAML refuses, nor for names that stand twice."""
    knative = "  framework: kserve\n  kserve: {mode: Knative}\n"
    by_format = "  framework: kserve\n  kserve: {predictor: model, runtime: vllm}\n"
    cases = {
        "  pod: {securityContext: {supplementalGroups: [1, x]}}\n": "spec.pod.securityContext.supplementalGroups[1]",
        "  pod: {securityContext: {runAsUser: 1.5}}\n": "spec.pod.securityContext.runAsUser",
        "  pod: {imagePullSecrets: [a, a]}\n": "spec.pod.imagePullSecrets",
        f"{knative}  pod: {{env: [{{name: STORAGE_URI, value: x}}]}}\n": "spec.pod.env[0]",
        f"{by_format}  pod: {{securityContext: {{runAsUser: nobody}}}}\n": "spec.pod.securityContext.runAsUser",
    }
    for text, path in cases.items():
        person.edit(CHAT, "  replicas:\n", text + "  replicas:\n")
        (violation,) = person.fail("commit", "-m", "x")["violations"]
        line = person.read(CHAT)[: person.read(CHAT).index("  pod: ")].count("\n") + 1
        assert (violation["file"], violation["path"], violation["line"]) == (CHAT, path, line), text
        person.git("checkout", "--", CHAT)


def test_flags_and_a_request_go_together_unless_they_contradict(person: Person) -> None:
    """Both say something of other fields: both are taken."""
    person.do("redeploy", "prod/chat", "--cpu-request", "5", "--request", "-", stdin='{"memoryLimit": "64Gi"}')
    assert "64Gi" in person.read(CHAT)
    assert 'request: "5"' in person.read(CHAT)
    error = person.fail(
        "redeploy", "prod/chat", "--memory-limit", "1Gi", "--request", "-", stdin='{"memoryLimit": "2Gi"}'
    )
    assert "twice" in str(error)
