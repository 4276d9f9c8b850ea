"""The OpenAPI document: whole, true, and with examples that are what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from tests.api.conftest import Served


@pytest.fixture
def document(served: Served) -> dict[str, Any]:
    """As clients load it."""
    with served.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def find_examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Schema and example, for every example below a node."""
    if isinstance(node, dict):
        if any(word in node for word in ("type", "properties", "$ref", "anyOf")):
            yield from ((node, example) for example in node.get("examples", ()))
            if "example" in node:
                yield node, node["example"]
        for value in node.values():
            yield from find_examples(value)
    elif isinstance(node, list):
        for value in node:
            yield from find_examples(value)


def test_every_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    """Who copies one is not refused for its shape."""
    found = list(find_examples(document))
    assert len(found) >= 10
    for schema, example in found:
        plain = {key: value for key, value in schema.items() if key not in ("examples", "example")}
        jsonschema_rs.validate({**plain, "components": document["components"]}, example)


def test_every_operation_says_what_it_answers_and_who_may_ask(document: dict[str, Any]) -> None:
    """A schema or a media type for each status with a body; problem details on revstamp's own routes only."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], f"{method} {path}"
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                assert content or status == "304", f"{method} {path} {status}"
                if int(status) >= 400 and path not in ("/readyz",):
                    media = "application/json" if path.startswith("/llm-ops/") else "application/problem+json"
                    assert set(content) == {media}, f"{method} {path} {status}"
            if path.startswith(("/llm-ops/", "/revstamp/")) and not path.endswith("/webhook"):
                assert operation["security"], f"{method} {path}"
