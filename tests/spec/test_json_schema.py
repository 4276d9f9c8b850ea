# ruff: noqa: E501  a row of a table is one line
"""The JSON Schemas say what editors need, accept every right file, and refuse what no file may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import yaml

from generator.errors import InvalidInput
from generator.render.stamp_file import Stamp
from generator.spec.json_schema import DIALECT, file_schema
from generator.spec.platform_rows import read_rows
from generator.spec.validate import load_endpoint
from tests import hostile
from tests.spec.factory import CASES, ENDPOINT, ENDPOINT_FILE, EXAMPLES, environment_data

pytestmark = pytest.mark.sweep

KINDS = ("endpoint", "environment", "repository", "stamp")


def problems(kind: str, data: Any) -> list[str]:
    """What the schema has against data."""
    return [error.message for error in jsonschema_rs.validator_for(file_schema(kind)).iter_errors(data)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_has_the_address_that_files_name(kind: str) -> None:
    """Dialect and id; the schema itself is one that the dialect allows."""
    schema = file_schema(kind)
    assert (schema["$schema"], schema["$id"]) == (DIALECT, f"https://revstamp.io/schemas/v1/{kind}.json")
    jsonschema_rs.meta.validate(schema)
    assert file_schema(kind) == schema


def test_a_kind_that_is_none_is_a_key_error() -> None:
    """The command line offers only those that there are."""
    with pytest.raises(KeyError):
        file_schema("secret")


@pytest.mark.parametrize("kind", KINDS)
def test_no_mapping_of_a_fixed_form_takes_unknown_fields(kind: str) -> None:
    """In the file and in every section of it."""
    for name, body in _bodies(kind):
        assert body["additionalProperties"] is False, name


@pytest.mark.parametrize("kind", KINDS)
def test_every_section_and_field_is_described(kind: str) -> None:
    """What an editor shows at the cursor: one short sentence, none of it for programmers."""
    for name, body in _bodies(kind):
        assert body["description"], name
        for field, schema in body["properties"].items():
            fixed = kind == "stamp" and field in ("apiVersion", "kind", "environment", "endpoint", "requestId")
            assert fixed or 5 < len(schema["description"]) < 160, f"{name}.{field}"
            assert "default" not in schema or schema["default"] is not None, f"{name}.{field}"


def _bodies(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    schema = file_schema(kind)
    for name, body in {kind: schema, **schema.get("$defs", {})}.items():
        if "properties" in body:
            yield name, body


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/environment.yaml")), ids=lambda path: path.parent.name)
def test_the_example_environments_are_right(path: Any) -> None:
    """As plain YAML, without revstamp's own reading."""
    assert problems("environment", yaml.safe_load(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/endpoints/**/*.yaml")), ids=lambda path: path.stem)
def test_the_example_endpoints_are_right(path: Any) -> None:
    """The same for endpoints."""
    assert problems("endpoint", yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def test_the_example_repository_file_is_right() -> None:
    """The one at the top."""
    assert problems("repository", yaml.safe_load((EXAMPLES.parent / "revstamp.yaml").read_text(encoding="utf-8"))) == []


def test_the_platforms_rows_make_right_files() -> None:
    """All twelve."""
    rows = json.loads((CASES / "platform-rows.json").read_text(encoding="utf-8"))
    for imported in read_rows(rows, "rows.json"):
        assert problems("endpoint", imported.data) == [], imported.id


def test_a_stamp_is_right_by_its_schema() -> None:
    """The machine's file too, with and without what a rollback or a deletion adds."""
    digest = "sha256:" + "0" * 64
    for more in ({}, {"restores": 3}, {"deleted": True}):
        stamp = Stamp("dev", "chat", 7, "req-1", 7, digest, digest, digest, "0.1.0", **more)
        assert problems("stamp", stamp.to_fields()) == []
        assert problems("stamp", {**stamp.to_fields(), "more": 1})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.onwer", "x"), ("spec.model.x", 1), ("spec.pod.env", [{"name": "A", "valu": "x"}]), ("metadata.name", "Chat_1"),
        ("metadata.id", "x"), ("metadata.labels", {"a": "b c"}), ("spec.route", "llm"), ("spec.image", 'x"\n y: z'),
        ("spec.model.storageUri", "ftp://x"), ("spec.model.status", "aproved"), ("spec.model.version", 1.0),
        ("spec.cpu.limit", "8 cores"), ("spec.replicas.min", -1), ("spec.replicas", {"min": 1}), ("spec.routing.host", "a b"),
        ("spec.kserve.version", "new"), ("spec.pod.env", [{"name": "1A"}]), ("kind", "Environment"), ("spec", None),
    ],
)  # fmt: skip
def test_what_revstamp_refuses_in_one_field_an_editor_marks_too(path: str, value: Any) -> None:
    """Unknown fields, wrong words, forms and bounds."""
    data = hostile.with_value(hostile.ENDPOINT, tuple(path.split(".")), value)
    with pytest.raises(InvalidInput):
        load_endpoint(hostile.file_bytes(data), ENDPOINT_FILE)
    assert problems("endpoint", data)


@pytest.mark.parametrize("value", [2, 0.5, "2", "500m", ".5", "1e3", "16Gi", "+1"])
def test_a_quantity_may_be_a_number_or_a_text(value: Any) -> None:
    """As Kubernetes takes it."""
    data = hostile.with_value(hostile.ENDPOINT, ("spec", "cpu", "limit"), value)
    assert problems("endpoint", data) == []


def test_the_schema_is_never_stricter_than_revstamp() -> None:
    """An editor must not mark what the tool accepts."""
    for case in (*hostile.hostile_files(), *hostile.hostile_keys(), *hostile.hostile_values()):
        try:
            _, document = load_endpoint(case.content, ENDPOINT_FILE)
        except InvalidInput:
            continue
        assert problems("endpoint", document.data) == [], case.label


def test_the_tests_own_files_are_right() -> None:
    """The small ones that other tests build on."""
    assert problems("endpoint", yaml.safe_load(ENDPOINT)) == []
    assert problems("environment", environment_data()) == []
