"""The platform's routes for endpoints, exactly as its page and scripts use them.

Owns: paths, and which use case each one is. Refuses: shapes (`requests`, `views`), identity (`context`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from generator.api.answers import Json
from generator.api.context import Context, Parts, Who, asker_of, require_writer
from generator.api.envelope import success
from generator.api.platform_shapes import ChangedEndpoint, DeploymentView, EndpointView, answering
from generator.api.requests import DeploymentBody, EndpointBody, NewEndpointBody, RedeployBody
from generator.api.views import deployment_view, endpoint_view
from generator.errors import NotFound, RevstampError
from generator.service.describing import find_framework
from generator.service.fleet import EndpointRef
from generator.service.recording import Accepted
from generator.spec.names import endpoint_name, read_uuid
from generator.store.platform import EndpointRows

PREFIX = "/llm-ops/v1/serving"
router = APIRouter(prefix=PREFIX, tags=["platform"])
Environment = Literal["dev", "stg", "prod"]
Status = Literal["deploying", "healthy", "degraded", "failed"]


@router.get("/endpoints", response_model=None, responses=answering(list[EndpointView]))
def list_endpoints(
    parts: Parts,
    _who: Who,
    environment: Environment | None = None,
    model_id: Annotated[str | None, Query(alias="modelId")] = None,
    status: Status | None = None,
) -> Response:
    """All endpoints, newest first; one bad row never breaks the list."""
    model = _read_id(model_id, "model") if model_id else None
    rows = _platform(parts).list_endpoints(environment=environment, model_id=model, status=status)
    return Json(success([view for view in (_view_safely(parts, row) for row in rows) if view is not None]))


@router.post("/endpoints", response_model=None, responses=answering(EndpointView))
def create_endpoint(request: Request, parts: Parts, who: Who, body: NewEndpointBody) -> Response:
    """Create an endpoint and deploy it."""
    require_writer(parts, who, body.environment, "create", body.route)
    accepted = parts.service.create(asker_of(request, who), body.given())
    parts.nudge()
    return Json(success(endpoint_view(_find(parts, str(accepted.row.endpoint_id))), "the endpoint is being deployed"))


@router.get("/endpoints/{identity}", response_model=None, responses=answering(EndpointView))
def get_endpoint(parts: Parts, _who: Who, identity: str) -> Response:
    """One endpoint."""
    return Json(success(endpoint_view(_find(parts, identity))))


@router.patch("/endpoints/{identity}", response_model=None, responses=answering(ChangedEndpoint))
def update_endpoint(request: Request, parts: Parts, who: Who, identity: str, body: EndpointBody) -> Response:
    """Change settings; pods restart only where what they run by changes."""
    given = body.given()
    return _write(request, parts, who, identity, "update", lambda asker: parts.service.update(identity, asker, given))


@router.delete("/endpoints/{identity}", response_model=None, responses=answering(ChangedEndpoint))
def delete_endpoint(request: Request, parts: Parts, who: Who, identity: str) -> Response:
    """Remove an endpoint: its objects first, its row when nothing is left."""
    return _write(request, parts, who, identity, "delete", lambda asker: parts.service.delete(identity, asker))


@router.post("/endpoints/{identity}/redeploy", response_model=None, responses=answering(ChangedEndpoint))
def redeploy(request: Request, parts: Parts, who: Who, identity: str, body: RedeployBody | None = None) -> Response:
    """New pods in place, with or without changes."""
    given = body.given() if body is not None else {}
    return _write(
        request, parts, who, identity, "redeploy", lambda asker: parts.service.redeploy(identity, asker, given)
    )


@router.post("/endpoints/{identity}/rollback", response_model=None, responses=answering(ChangedEndpoint))
def rollback(request: Request, parts: Parts, who: Who, identity: str) -> Response:
    """Back to the last healthy revision, as a new one."""
    return _write(request, parts, who, identity, "rollback", lambda asker: parts.service.rollback(identity, asker))


@router.post("/endpoints/{identity}/refresh-status", response_model=None, responses=answering(EndpointView))
def refresh_status(parts: Parts, _who: Who, identity: str) -> Response:
    """The endpoint as it is known; the status reader keeps it up to date by itself, and writes nothing for this."""
    parts.nudge()
    return Json(success(endpoint_view(_find(parts, identity))))


@router.get("/endpoints/{identity}/deployment", response_model=None, responses=answering(DeploymentView))
def get_deployment(parts: Parts, _who: Who, identity: str) -> Response:
    """The deployment of an endpoint; every endpoint has one, with its real framework."""
    return Json(success(_view_deployment(parts, _find(parts, identity))))


@router.patch("/endpoints/{identity}/deployment", response_model=None, responses=answering(DeploymentView))
def update_deployment(request: Request, parts: Parts, who: Who, identity: str, body: DeploymentBody) -> Response:
    """Other numbers of replicas; 0 and 0 stop the endpoint."""
    rows = _find(parts, identity)
    if body.min_replicas is None and body.max_replicas is None:
        return Json(success(_view_deployment(parts, rows), "nothing to change"))
    require_writer(parts, who, str(rows.endpoint["environment"]), "scale", str(rows.endpoint["id"]))
    parts.service.scale(identity, asker_of(request, who), body.min_replicas, body.max_replicas)
    parts.nudge()
    return Json(success(_view_deployment(parts, rows), "the change is accepted"))


def _write(
    request: Request, parts: Context, who: Who, identity: str, action: str, use_case: Callable[[Any], Accepted]
) -> Response:
    """One change of an endpoint: who may, then the use case. The row itself changes only when the truth does."""
    rows = _find(parts, identity)
    require_writer(parts, who, str(rows.endpoint["environment"]), action, str(rows.endpoint["id"]))
    accepted = use_case(asker_of(request, who))
    parts.nudge()
    row, notices = accepted.row, list(accepted.plan.notices + accepted.plan.warnings) if accepted.plan else []
    message = f"redeployment {row.id} is accepted" if accepted.is_new else f"redeployment {row.id} was accepted before"
    view = {**endpoint_view(rows), "redeployment": row.to_dict(), "notices": notices}
    return Json(success({**view, "status": "deploying" if not row.state.is_final else view["status"]}, message))


def _platform(parts: Context) -> Any:
    if parts.platform is None:
        raise NotFound("the database has no tables of the platform", hint="set REVSTAMP_DATABASE to the platform's")
    return parts.platform


def _find(parts: Context, identity: str) -> EndpointRows:
    found: EndpointRows | None = _platform(parts).find_endpoint(_read_id(identity, "endpoint"))
    if found is None:
        raise NotFound(f"there is no endpoint {identity}", hint="the list of endpoints shows which there are")
    return found


def _read_id(text: str, what: str) -> str:
    try:
        return read_uuid(text)
    except ValueError:
        raise NotFound(f"{text[:60]!r} is not the id of an {what}", hint="ids are UUIDs") from None


def _view_safely(parts: Context, rows: EndpointRows) -> dict[str, Any] | None:
    try:
        return endpoint_view(rows)
    except (KeyError, TypeError, ValueError) as error:
        parts.log.warning("a row cannot be shown", endpoint=str(rows.endpoint.get("id")), error=type(error).__name__)
        return None


def _view_deployment(parts: Context, rows: EndpointRows) -> dict[str, Any]:
    """With the framework that the endpoint's file, or its environment, names."""
    environment, name = str(rows.endpoint["environment"]), endpoint_name(str(rows.endpoint["id"]))
    try:
        framework, namespace = find_framework(parts.service.trunk, EndpointRef(environment, name))
    except RevstampError:
        framework, namespace = "deployment", f"llm-ops-{environment}"
    return deployment_view(rows, framework, namespace, name)
