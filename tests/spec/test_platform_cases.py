"""The platform's requests against its rows, through the pure core: resolution and rules alone say what comes of them.

The same table runs through the command line elsewhere, with commits.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from generator.errors import InvalidInput, Refused
from generator.spec.document import load_document
from generator.spec.endpoint import Endpoint
from generator.spec.patch import edit_text, patch_document
from generator.spec.platform_rows import read_rows
from generator.spec.request import request_patch
from generator.spec.resolve import resolve_endpoint
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.rules import Findings, check_endpoint
from generator.spec.validate import load_endpoint, load_environment, validate_document
from tests.spec.factory import CASES, EXAMPLES

REQUESTS = json.loads((CASES / "redeploy-requests.json").read_text(encoding="utf-8"))
Row = tuple[str, str]


class Platform:
    """The imported files by id, changed by each request that is accepted."""

    def __init__(self) -> None:
        tables = json.loads((CASES / "platform-rows.json").read_text(encoding="utf-8"))
        self.files = {
            row.id: (row.environment, json.dumps(row.data, indent=2)) for row in read_rows(tables, "rows.json")
        }

    def redeploy(
        self, identity: str, request: dict[str, Any]
    ) -> tuple[ResolvedEndpoint, Findings, tuple[str, ...], Any]:
        """What the endpoint is then; Refused or InvalidInput where it stays as it is."""
        if identity not in self.files:
            raise Refused("no such endpoint")
        environment_name, text = self.files[identity]
        environment = load_environment(
            (EXAMPLES / environment_name / "environment.yaml").read_bytes(), "environment.yaml"
        )
        endpoint, document = load_endpoint(text, "endpoint.yaml")
        before = resolve_endpoint(endpoint, document, *environment).endpoint
        patch = request_patch(request, document, before)
        if not patch.is_empty:
            document = patch_document(document, patch)
            endpoint = validate_document(Endpoint, document)
            text = edit_text(text, patch)
            assert load_document(text, "f").data == document.data
        found = resolve_endpoint(endpoint, document, *environment)
        if found.endpoint is None:
            raise Refused("; ".join(v.message for v in found.violations))
        findings = check_endpoint(found.endpoint, document, environment[0])
        if findings.violations:
            raise Refused("; ".join(v.message for v in findings.violations))
        self.files[identity] = (environment_name, text)
        return found.endpoint, findings, (*patch.notices, *found.notices), before


@pytest.fixture(scope="module")
def platform() -> Platform:
    """One platform for all requests, in their order."""
    return Platform()


REFUSED = {
    "rebuilt spec": "job_type is neither in the stored spec nor in the model's metadata",
    "too long": "max_input_tokens 16384 is above the model's 8192",
    "wrong pair": "RAG_TUNING serves only RAG",
    "wrong family": "the model is mistral",
    "canary without split": "canary needs traffic_split",
    "split of 90": "80 + 10 is 90, not 100",
    "not approved": "the model is under_review",
    "no storage": "an internal model needs a storage_uri",
    "bad quantity": "'16 gigs' is not a Kubernetes quantity",
    "request above limit": "the cpu request 8 is above the limit 4",
    "hostile image": "is not an image reference",
    "unknown framework": "'ray' is not one of 'deployment' or 'kserve'",
    "no such endpoint": "no such endpoint",
}
UNTOUCHED = {"as it is", "the page, untouched, CPU", "the page, no stored spec, framework only"}
CHANGED: dict[str, dict[str, Any]] = {
    "new limits": {"memory_limit": "48Gi", "cpu_request": "6"},
    "to CPU": {"device": "cpu", "gpus": 0, "image": "registry.internal/serve/vllm:0.8.5-cpu"},
    "rebuilt spec, given": {"gpus": 1, "image": "registry.internal/serve/vllm:0.8.0-gpu"},
    "external": {"is_external": True},
    "the page, untouched, GPU without memory": {"gpus": 1, "device": "gpu"},
    "the page, cleared numbers": {"autoscaling": {"cpuUtilization": 65}},
    "input fills the window": {"gpus": 1, "device": "gpu"},
}


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: str(case["case"]))
def test_what_the_case_expects_comes_out(platform: Platform, case: dict[str, Any]) -> None:
    """Refused with its words, or accepted with its values; an untouched form changes nothing."""
    name = case["case"]
    if name in REFUSED:
        assert case["expect"].startswith("refused")
        with pytest.raises((Refused, InvalidInput)) as caught:
            platform.redeploy(case["endpoint"], case["request"])
        assert REFUSED[name] in caught.value.message
        return
    endpoint, findings, notices, before = platform.redeploy(case["endpoint"], case["request"])
    if name in UNTOUCHED:
        assert endpoint == before
    else:
        assert {field: getattr(endpoint, field) for field in CHANGED[name]} == CHANGED[name]
    if name == "the page, untouched, GPU without memory":
        assert "gpu_memory_gb 80 is dropped" in notices[0]
        assert endpoint.deployment.resources.gpu_memory_gb is None
    if name == "input fills the window":
        assert endpoint.deployment.runtime.max_input_tokens == 131072
        assert any("long inputs leave less room for output" in warning for warning in findings.warnings)


def test_every_case_has_its_expectation() -> None:
    """A case that is added is looked at by this table."""
    assert {case["case"] for case in REQUESTS} == REFUSED.keys() | UNTOUCHED | CHANGED.keys()
