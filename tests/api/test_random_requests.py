"""Requests that schemathesis makes of the OpenAPI document, good and bad ones, to the real app."""

from __future__ import annotations

import copy
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from generator.api.app import create_app
from generator.service.recording import Asker
from generator.spec.names import endpoint_name
from tests.api.conftest import WHO, Served
from tests.api.test_platform_routes import DATA, SUPPORT

pytestmark = pytest.mark.sweep

EXAMPLES = 6
"""Requests of each kind to each operation."""
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    unsupported_method,
]
KNOWN = {
    "identity": [SUPPORT, *(row["id"] for row in DATA["models"][:2])],
    "environment": ["prod", "dev"],
    "name": [endpoint_name(SUPPORT)],
    "number": ["1", "2"],
}
"""Values of parameters that mean something here; malformed requests have others."""


def test_no_request_meets_a_bug_or_an_answer_that_is_not_documented(served: Served) -> None:
    """Statuses, content types, headers and bodies are those of the document, for well-formed and malformed requests."""
    for reason in ("first", "second"):
        served.stage.service.redeploy(SUPPORT, Asker("ann", reason, supersede=True))
    document = load_document(served)
    seen: Counter[tuple[str, int]] = Counter()
    for found in document.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/events"):
            continue  # streams do not end
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            with suppress(Unsatisfiable):  # where nothing is taken, nothing can be wrong
                ask(operation, mode, seen)
    assert sum(seen.values()) > 150
    assert {"GET 200", "POST 202", "POST 422", "GET 404"} <= {f"{method} {status}" for method, status in seen}, seen


def load_document(served: Served) -> Any:
    """The document with values that mean something, and an app that knows who asks."""
    app = create_app(served.context)

    async def from_home(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": ("127.0.0.1", 50000)}, receive, send)

    with served.client() as client:
        raw = copy.deepcopy(client.get("/openapi.json").json())
    for operation in (each for methods in raw["paths"].values() for each in methods.values()):
        operation.pop("security", None)
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                parameter["schema"] = {"type": "string", "enum": KNOWN[parameter["name"]]}
    document = schemathesis.openapi.from_dict(raw)
    document.app = from_home
    return document


def ask(operation: Any, mode: GenerationMode, seen: Counter[tuple[str, int]]) -> None:
    """Send requests of one kind."""
    is_told_by_status = not operation.path.startswith("/llm-ops/")  # there a refusal has status 200
    more = [negative_data_rejection] if mode is GenerationMode.NEGATIVE and is_told_by_status else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Case) -> None:
        answer = case.call_and_validate(headers=WHO, checks=[*CHECKS, *more])
        seen[case.method, answer.status_code] += 1

    send()
