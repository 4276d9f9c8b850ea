"""Hostile specs are refused with their place, or reach the resolved endpoint as the text that they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from generator.errors import InvalidInput, RevstampError
from generator.render.canonical import emit_yaml
from generator.spec.document import Document, load_document
from generator.spec.endpoint import Endpoint
from generator.spec.names import is_dns_label
from generator.spec.patch import edit_text, patch_document
from generator.spec.platform_rows import ImportedEndpoint, read_rows
from generator.spec.request import request_patch
from generator.spec.resolve import resolve_endpoint
from generator.spec.rules import check_endpoint
from generator.spec.validate import load_endpoint, load_environment, validate_document
from tests import hostile
from tests.hostile import HostileCase
from tests.spec.factory import ENDPOINT, ENDPOINT_FILE, ENVIRONMENT_FILE, environment

ENVIRONMENT = environment(
    gpuPools=[{"name": "l4", "gpuMemoryMib": 23028, "gpus": 16}],
    images={"GENERATION": {"gpu": {"image": "reg.local/vllm:1"}, "cpu": {"image": "reg.local/vllm:1"}}},
)
KEPT_IN_FILE = {"promptPolicyId", "rollbackPlan", "apiVersion", "kind"}
FILES = [*hostile.hostile_files(), *hostile.hostile_keys(), *hostile.hostile_values()]


def assert_placed(error: RevstampError, case: HostileCase) -> None:
    """Every violation says where: file, line and column, or the request's field."""
    assert error.violations, case.label
    for violation in error.violations:
        assert violation.file in (ENDPOINT_FILE, ENVIRONMENT_FILE, "request"), (case.label, violation)
        assert violation.file == "request" or (violation.line >= 1 and violation.column >= 1), (case.label, violation)
        assert len(violation.message) < 500, (case.label, violation)
        assert violation.path.isprintable(), (case.label, violation)
        str(violation).encode()


def judge(endpoint: Endpoint, document: Document, case: HostileCase) -> list[Any] | None:
    """All scalars of the resolved endpoint, or None where it is refused, with the place of every reason."""
    found = resolve_endpoint(endpoint, document, *ENVIRONMENT)
    violations = found.violations
    if found.endpoint is not None:
        findings = check_endpoint(found.endpoint, document, ENVIRONMENT[0])
        assert all(text.isprintable() for text in findings.warnings), case.label
        violations = findings.violations
    for violation in violations:
        assert violation.line >= 1 or violation.file == "request", (case.label, violation)
    return None if violations or found.endpoint is None else list(scalars(found.endpoint))


def scalars(value: Any) -> Iterator[Any]:
    """Every scalar and every key inside a value."""
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    elif is_dataclass(value):
        value = {item.name: getattr(value, item.name) for item in fields(value) if item.name != "origins"}
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from scalars(item)
    else:
        yield value


def test_there_are_more_than_five_hundred_and_always_the_same() -> None:
    """The seed is fixed; a case that failed once can be named."""
    assert len(FILES) >= 500
    again = [*hostile.hostile_files(), *hostile.hostile_keys(), *hostile.hostile_values()]
    assert [case.label for case in again] == [case.label for case in FILES]


def test_the_hosts_of_the_cases_are_right_without_them() -> None:
    """So what is refused is refused for the hostile value."""
    case = HostileCase("none", b"", (), None)
    endpoint, document = load_endpoint(hostile.file_bytes(hostile.ENDPOINT), ENDPOINT_FILE)
    load_environment(hostile.file_bytes(hostile.ENVIRONMENT), ENVIRONMENT_FILE)
    assert judge(endpoint, document, case) is not None
    assert request_patch(hostile.REQUEST, document, None).sets
    assert [row.problems for row in read_rows(hostile.ROWS, "rows.json")] == [()]


@pytest.mark.parametrize("part", range(10))
def test_a_hostile_file_is_refused_with_its_place_or_kept_as_it_is(part: int) -> None:
    """No other exception, no structure out of a text, no value changed on the way."""
    kept = 0
    for case in FILES[part::10]:
        try:
            endpoint, document = load_endpoint(case.content, ENDPOINT_FILE)
        except InvalidInput as error:
            assert_placed(error, case)
            continue
        resolved = judge(endpoint, document, case)
        if resolved is None or case.label.startswith("bare"):
            continue
        kept += 1
        assert document.at(case.path) == case.value or _has_index(case), case.label
        if isinstance(case.value, str) and case.path[-1] not in KEPT_IN_FILE:
            assert case.value in resolved or case.value in ("1.0", ".inf"), case.label
    assert kept


def _has_index(case: HostileCase) -> bool:
    return any(isinstance(part, int) for part in case.path)


def test_a_hostile_environment_is_refused_with_its_place_or_kept_as_it_is() -> None:
    """The same for the files that many endpoints share; an endpoint resolves against what is accepted."""
    endpoint, document = load_endpoint(ENDPOINT, ENDPOINT_FILE)
    kept = 0
    for case in hostile.hostile_environments():
        try:
            environment, environment_document = load_environment(case.content, ENVIRONMENT_FILE)
        except InvalidInput as error:
            assert_placed(error, case)
            continue
        kept += 1
        found = resolve_endpoint(endpoint, document, environment, environment_document)
        if found.endpoint is not None:
            check_endpoint(found.endpoint, document, environment)
        if isinstance(case.value, str):
            assert case.value in list(scalars(environment)), case.label
    assert kept > 20


def test_bare_text_never_becomes_another_field() -> None:
    """A careless person's text may break the file; it may not add to it what nobody sees."""
    for case in FILES:
        if not case.label.startswith("bare"):
            continue
        try:
            endpoint, document = load_endpoint(case.content, ENDPOINT_FILE)
        except InvalidInput:
            continue
        assert "hostNetwork" not in repr(endpoint.model_dump(exclude={"spec": {"args"}})).replace(repr(case.value), "")
        assert load_document(case.content, ENDPOINT_FILE).data == document.data


@pytest.mark.parametrize("case", list(hostile.hostile_requests()), ids=lambda case: case.label)
def test_a_hostile_request_is_refused_by_its_field_or_kept_as_it_is(case: HostileCase) -> None:
    """The refusal names the request's field; what is accepted stands in the edited file as it was sent."""
    text = hostile.file_bytes(hostile.ENDPOINT).decode()
    endpoint, document = load_endpoint(text, ENDPOINT_FILE)
    current = resolve_endpoint(endpoint, document, *ENVIRONMENT).endpoint
    try:
        patch = request_patch(case.content, document, current)
        patched = patch_document(document, patch)
        changed = validate_document(Endpoint, patched)
    except InvalidInput as error:
        assert_placed(error, case)
        return
    edited = load_document(edit_text(text, patch), ENDPOINT_FILE)
    assert (edited.data, edited.violations) == (patched.data, ())
    judge(changed, patched, case)


def imported_rows(data: Any) -> list[ImportedEndpoint]:
    """What comes of rows; none where the whole is refused, which says how it should look."""
    try:
        return list(read_rows(data, "rows.json"))
    except InvalidInput as refusal:
        error = refusal
    assert error.message.startswith("rows.json")
    assert error.hint
    return []


@pytest.mark.parametrize("case", list(hostile.hostile_rows()), ids=lambda case: case.label)
def test_hostile_rows_are_refused_by_their_column_or_make_a_right_file(case: HostileCase) -> None:
    """What is imported loads again from text, with the same values; what is not says which row and column."""
    for imported in imported_rows(case.content):
        assert (imported.data is None) == bool(imported.problems)
        for problem in imported.problems:
            assert problem.file == "rows.json"
            assert problem.path.startswith("endpoints[0]")
            assert len(problem.message) < 500
            str(problem).encode()
        if imported.data is not None:
            content = emit_yaml(imported.data)
            assert load_endpoint(content, "f")[1].data == imported.data
            assert imported.environment == case.content["endpoints"][0]["environment"]
            assert is_dns_label(imported.environment)


def test_a_megabyte_of_one_hostile_file_is_judged_quickly() -> None:
    """Long lists, maps and texts in fields that take them."""
    for spec in (
        {"args": ["x" * 50] * 15_000},
        {"rollbackPlan": "y" * 900_000},
        {"pod": {"env": [{"name": f"A{i}", "value": "b"} for i in range(6_000)]}},
        {"pod": {"annotations": {f"a{i}": "b" for i in range(18_000)}}},
        {"autoscaling": {f"k{i}": i for i in range(18_000)}},
    ):
        data = {**hostile.ENDPOINT, "spec": {**hostile.ENDPOINT["spec"], **spec}}
        content = hostile.file_bytes(data)
        assert len(content) < 1024 * 1024
        start = time.process_time()
        try:
            endpoint, document = load_endpoint(content, ENDPOINT_FILE)
            resolve_endpoint(endpoint, document, *ENVIRONMENT)
        except InvalidInput as error:
            assert_placed(error, HostileCase("long", b"", (), None))
        assert time.process_time() - start < 30  # work that grows with the square would take many minutes
