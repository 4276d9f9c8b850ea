"""Endpoint and environment files for tests of the spec room, and short ways through it.

Owns: one complete environment, one small endpoint, and `resolve`, `check`, `refused`. Refuses: rendering and git.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from generator.errors import InvalidInput, RevstampError, Violation
from generator.spec.document import Document
from generator.spec.endpoint import Endpoint
from generator.spec.environment import Environment
from generator.spec.patch import Patch, edit_text, patch_document
from generator.spec.request import request_patch
from generator.spec.resolve import Resolution, resolve_endpoint
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.rules import Findings, check_endpoint
from generator.spec.validate import load_endpoint, load_environment, validate_document

ENDPOINT_FILE = "environments/dev/endpoints/chat.yaml"
ENVIRONMENT_FILE = "environments/dev/environment.yaml"
CASES = Path(__file__).parent.parent / "cases"
EXAMPLES = Path(__file__).parent.parent.parent / "environments"

ENDPOINT = """\
apiVersion: revstamp.io/v1
kind: Endpoint
metadata:
  name: chat
  owner: nlp
spec:
  route: /llm/chat
  model:
    name: llama-8b
    version: "1.0"
    family: llama
    storageUri: s3://models/llama-8b/1.0
    metadata:
      max_position_embeddings: 8192
      job_type: SFT
"""


def environment_data(**spec: Any) -> dict[str, Any]:
    """A small environment; keyword arguments replace sections of its spec."""
    base: dict[str, Any] = {
        "namespace": "llm-dev",
        "routing": {"type": "gateway", "gateway": {"name": "llm"}},
        "images": {
            "GENERATION": {"gpu": {"image": "reg.local/vllm:1-gpu"}, "cpu": {"image": "reg.local/vllm:1-cpu"}},
            "RAG": {"gpu": {"image": "reg.local/vllm-rag:1-gpu"}},
        },
    }
    base.update(copy.deepcopy(spec))
    return {
        "apiVersion": "revstamp.io/v1",
        "kind": "Environment",
        "metadata": {"name": "dev"},
        "spec": {key: value for key, value in base.items() if value is not None},
    }


def environment(**spec: Any) -> tuple[Environment, Document]:
    """The same, read as a file: JSON is YAML, one key a line."""
    return load_environment(json.dumps(environment_data(**spec), indent=1), ENVIRONMENT_FILE)


def endpoint_text(**spec: Any) -> str:
    """The small endpoint with further fields of `spec`, as JSON behind its lines."""
    lines = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in spec.items())
    return ENDPOINT + lines


def resolve(text: str | None = None, env: tuple[Environment, Document] | None = None, **spec: Any) -> Resolution:
    """What an endpoint file resolves to."""
    endpoint, document = load_endpoint(text or endpoint_text(**spec), ENDPOINT_FILE)
    return resolve_endpoint(endpoint, document, *(env or environment()))


def resolved(text: str | None = None, env: tuple[Environment, Document] | None = None, **spec: Any) -> ResolvedEndpoint:
    """The same where nothing is missing."""
    found = resolve(text, env, **spec)
    assert found.endpoint is not None, found.violations
    return found.endpoint


def check(text: str | None = None, env: tuple[Environment, Document] | None = None, **spec: Any) -> Findings:
    """What the rules say of an endpoint file."""
    env = env or environment()
    endpoint, document = load_endpoint(text or endpoint_text(**spec), ENDPOINT_FILE)
    found = resolve_endpoint(endpoint, document, *env)
    assert found.endpoint is not None, found.violations
    return check_endpoint(found.endpoint, document, env[0])


def only(findings: Findings | Resolution) -> Violation:
    """The one violation there is."""
    (violation,) = findings.violations
    return violation


def refused(call: Any, *args: Any, **kwargs: Any) -> RevstampError:
    """The error of a call that must be refused as invalid input."""
    with pytest.raises(InvalidInput) as caught:
        call(*args, **kwargs)
    return caught.value


def patch_of(request: dict[str, Any], text: str = ENDPOINT, env: Any = None) -> Patch:
    """The patch that a request means for an endpoint file."""
    endpoint, document = load_endpoint(text, ENDPOINT_FILE)
    current = resolve_endpoint(endpoint, document, *(env or environment())).endpoint
    return request_patch(request, document, current)


def apply(patch: Patch, text: str = ENDPOINT) -> str:
    """A file with a patch: as a change of an endpoint goes, checked as data before its text is edited."""
    _, document = load_endpoint(text, ENDPOINT_FILE)
    if patch.is_empty:
        return text
    validate_document(Endpoint, patch_document(document, patch))
    return edit_text(text, patch)
