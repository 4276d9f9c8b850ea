"""The answers of revstamp's own routes, as the OpenAPI document describes them.

Owns: fields and types, with examples. Refuses: making answers; tests hold the answers to these shapes.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from generator.store.states import Kind, State

_REDEPLOYMENT: dict[str, Any] = {
    "id": "17",
    "requestId": "3f0c6e0e-6f0e-4a53-9b4e-0b1c0d7f3b55",
    "environment": "prod",
    "endpoint": "svc-c48311a09cf4",
    "kind": "redeploy",
    "state": "progressing",
    "createdAt": "2026-03-01T12:00:00.000Z",
    "idempotencyKey": None,
    "endpointId": "c48311a0-9cf4-501c-b0af-ca267da9bdfa",
    "actor": "ann",
    "reason": "more memory",
    "request": {"memoryLimit": "48Gi"},
    "resolved": None,
    "baseCommit": "5a21f19c0e1b2c3d4e5f60718293a4b5c6d7e8f9",
    "branch": None,
    "revision": 42,
    "podRevision": 42,
    "restores": None,
    "commitId": "ffeacef00e1b2c3d4e5f60718293a4b5c6d7e8f9",
    "pullRequest": None,
    "committedAt": "2026-03-01T12:00:01.000Z",
    "appliedAt": "2026-03-01T12:00:02.000Z",
    "settledAt": None,
    "phase": "loading the model",
    "phaseSince": "2026-03-01T12:00:09.000Z",
    "failing": None,
    "verdict": None,
    "failureReason": None,
    "message": "",
    "hint": "",
    "violations": None,
    "supersededBy": None,
    "rollsBack": None,
}


class Redeployment(BaseModel):
    """A row of the ledger: what was asked for, by whom, and how far it has come."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REDEPLOYMENT]})

    id: str
    requestId: str
    environment: str
    endpoint: str
    kind: Kind
    state: State
    createdAt: str
    idempotencyKey: str | None
    endpointId: str | None
    actor: str
    reason: str
    request: Any
    resolved: Any
    baseCommit: str | None
    branch: str | None
    revision: int | None
    podRevision: int | None
    restores: int | None
    commitId: str | None
    pullRequest: str | None
    committedAt: str | None
    appliedAt: str | None
    settledAt: str | None
    phase: str | None
    phaseSince: str | None
    failing: str | None
    verdict: str | None
    failureReason: str | None
    message: str
    hint: str
    violations: Any
    supersededBy: str | None
    rollsBack: str | None


class Event(BaseModel):
    """Something that happened to a redeployment."""

    id: str
    redeploymentId: str
    at: str
    name: str
    message: str
    data: dict[str, Any]


class RedeploymentWithEvents(Redeployment):
    """One redeployment and all that happened to it."""

    model_config = ConfigDict(json_schema_extra={"examples": []})

    events: list[Event]


class RedeploymentPage(BaseModel):
    """Newest first. `next` is the cursor of the next page, null on the last."""

    redeployments: list[Redeployment]
    next: str | None


class EndpointState(BaseModel):
    """What is known of an endpoint, since when, and when its cluster was last looked at (`checkedAt`)."""

    environment: str
    endpoint: str
    id: str | None
    status: str
    revision: int
    podRevision: int
    goodRevision: int | None
    deleted: bool
    phase: str | None
    message: str
    rollout: dict[str, Any] | None
    foreignWriteAt: str | None
    checkedAt: str | None
    changedAt: str


class EndpointPage(BaseModel):
    """By environment and name. `next` is the cursor of the next page, null on the last."""

    endpoints: list[EndpointState]
    next: str | None


class EndpointDetails(BaseModel):
    """One endpoint: what is known of it, null where nothing is yet, and its last ten redeployments."""

    endpoint: EndpointState | None
    redeployments: list[Redeployment]


class Environment(BaseModel):
    """An environment of the repository."""

    name: str
    cluster: str
    namespace: str
    policies: dict[str, Any]


class Environments(BaseModel):
    """All of them."""

    environments: list[Environment]


class Question(BaseModel):
    """What people ask about a redeployment, and the answer."""

    question: str
    answer: str
    details: list[str]


class Explanation(BaseModel):
    """A redeployment explained."""

    redeployment: Redeployment
    answers: list[Question]


class Violation(BaseModel):
    """One thing that is wrong, where it stands, and what would be right."""

    message: str
    fix: str
    path: str
    file: str
    line: int
    column: int
    code: str


class Plan(BaseModel):
    """What a redeploy would do."""

    endpoint: str
    environment: str
    outcome: str
    baseRevision: int | None
    revision: int | None
    podRevision: int | None
    downtime: str
    warnings: list[str]
    notices: list[str]
    violations: list[Violation]
    diff: dict[str, Any] | None


class Delivery(BaseModel):
    """What becomes of a webhook."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"accepted": True}]})

    accepted: bool
    reason: str = ""


class Health(BaseModel):
    """Whether the process answers."""

    healthy: bool


class Readiness(BaseModel):
    """Whether it can do its work, and what it lacks: a part and the reason."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ready": False, "missing": {"database": "the database cannot be reached"}}]}
    )

    ready: bool
    missing: dict[str, str]


class Problem(BaseModel):
    """An error (RFC 9457), with revstamp's own members."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:revstamp:error:not-found",
                    "title": "there is no redeployment 99",
                    "status": 404,
                    "detail": "`revstamp history ENDPOINT` lists them",
                    "error": "not-found",
                    "hint": "`revstamp history ENDPOINT` lists them",
                    "retryable": False,
                    "violations": [],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    error: str
    hint: str
    retryable: bool
    violations: list[Violation]
    details: dict[str, Any] | None = None


def answering(model: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """What a route of revstamp's own answers where nothing is wrong."""
    return {status: {"model": model, "description": str(model.__doc__).partition("\n")[0]}}
