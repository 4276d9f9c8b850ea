"""What a filled form means for an endpoint's file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import Violation
from generator.page.redeploy_form import FIELDS, place_problems, read_filled, read_present
from generator.spec.document import Document, load_document

TEXT = """
spec:
  image: registry.example/vllm:1
  deployment:
    resources: {gpus: 1, gpu_memory_gb: 40}
    runtime: {max_input_tokens: 4096}
  cpu: {request: "4"}
  replicas: {min: 1, max: 3}
"""
DOCUMENT: Document = load_document(TEXT, "endpoint.yaml")
PRESENT = {kind.name: read_present(DOCUMENT, kind) for kind in FIELDS}


def test_an_untouched_form_changes_nothing() -> None:
    """Neither does one that sends no field at all."""
    assert read_filled(PRESENT, DOCUMENT).patch.is_empty
    assert read_filled({}, DOCUMENT).patch.is_empty


def test_a_field_that_was_changed_is_set_and_one_that_was_emptied_is_cleared() -> None:
    """An emptied field takes the environment's value again."""
    filled = read_filled({**PRESENT, "cpu_request": "6", "image": " ", "max_input_tokens": "8192"}, DOCUMENT)
    assert dict(filled.patch.sets) == {
        ("spec", "cpu", "request"): "6",
        ("spec", "deployment", "runtime", "max_input_tokens"): 8192,
    }
    assert filled.patch.clears == {("spec", "image")}
    assert not filled.problems


@pytest.mark.parametrize(("gpus", "use_gpu"), [("0", False), ("2", None)])
def test_no_gpus_means_serving_on_cpus(gpus: str, use_gpu: bool | None) -> None:
    """The two go together; where nothing changes in that, nothing is said of it."""
    sets = read_filled({**PRESENT, "gpus": gpus}, DOCUMENT).patch.sets
    assert sets.get(("spec", "deployment", "use_gpu")) == use_gpu


@pytest.mark.parametrize("text", ["two", "1.5", "-1", "٣", "1e3", "9" * 30])
def test_what_is_no_number_is_a_problem_of_its_field(text: str) -> None:
    """And is not handed on."""
    filled = read_filled({**PRESENT, "gpus": text}, DOCUMENT)
    assert set(filled.problems) == {"gpus"}
    assert filled.patch.is_empty


@given(st.dictionaries(st.sampled_from([kind.name for kind in FIELDS]), st.text(max_size=20)))
def test_any_text_in_any_field_is_a_change_a_problem_or_nothing(given_fields: dict[str, str]) -> None:
    """Reading a form never fails."""
    filled = read_filled({**PRESENT, **given_fields}, DOCUMENT)
    assert not set(filled.patch.sets) & filled.patch.clears


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("cpu_request", "cpu_request"),
        ("spec.cpu.request", "cpu_request"),
        ("spec.deployment.resources.gpus", "gpus"),
        ("resources.gpus", "gpus"),
        ("spec.deployment.resources", "gpus"),
        ("spec.image", "image"),
        ("spec.pod.shmSize", None),
        ("", None),
    ],
)
def test_a_refusal_is_placed_beside_the_field_that_it_is_about(path: str, field: str | None) -> None:
    """By the file's path, the form's name, or the section around it; all others stand above."""
    placed, others = place_problems([Violation("is wrong", path=path)])
    assert list(placed) == ([field] if field else [])
    assert len(others) == (0 if field else 1)
