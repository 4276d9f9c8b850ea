"""revstamp's own routes for environments and endpoints: what is known of them, plans, redeploys, rollbacks.

Owns: their paths below `/revstamp/v1`, cursor paging. Refuses: identity, shapes of errors (`problems`).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from generator.api import own_shapes
from generator.api.answers import Json, tagged
from generator.api.context import Context, Parts, Who, asker_of, require_writer
from generator.api.own_shapes import answering
from generator.api.requests import PathWord, RedeployBody, RollbackBody
from generator.errors import NotFound
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef
from generator.service.recording import Asker
from generator.store.queries import Filter
from generator.store.redeployment import Redeployment

PREFIX = "/revstamp/v1"
_LAST = 10
"""Redeployments that are shown with an endpoint."""
router = APIRouter(prefix=PREFIX, tags=["revstamp"])


@router.get("/environments", response_model=None, responses=answering(own_shapes.Environments))
def list_environments(request: Request, parts: Parts, _who: Who) -> Response:
    """The environments of the repository, with what each allows."""
    fleet = fleet_at(parts.service.trunk.read_tip(refresh=False))
    found = []
    for name in fleet.environment_names():
        spec = fleet.environment(name)[0].spec
        policies = spec.policies.model_dump(mode="json", by_alias=True)
        found.append({"name": name, "cluster": spec.cluster, "namespace": spec.namespace, "policies": policies})
    return tagged(request, {"environments": found})


@router.get("/endpoints", response_model=None, responses=answering(own_shapes.EndpointPage))
def list_states(
    request: Request,
    parts: Parts,
    _who: Who,
    environment: Annotated[str | None, Query(max_length=200)] = None,
    limit: int = Query(100, ge=1, le=1000),
    after: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """What is known of each endpoint, by environment and name; `next` is the cursor of the next page."""
    first, _, last = after.partition("/")
    states = parts.states.page(environment=environment, limit=limit, after=(first, last))
    cursor = f"{states[-1].environment}/{states[-1].endpoint}" if len(states) == limit else None
    return tagged(request, {"endpoints": [state.to_dict() for state in states], "next": cursor})


@router.get("/endpoints/{environment}/{name}", response_model=None, responses=answering(own_shapes.EndpointDetails))
def get_endpoint(request: Request, parts: Parts, _who: Who, environment: PathWord, name: PathWord) -> Response:
    """What is known of one endpoint, with its last redeployments; also of one that is gone."""
    state = parts.states.find(environment, name)
    rows = parts.service.queries.page(Filter(environment, name), _LAST)
    if state is None and not rows and not _has_file(parts, environment, name):
        raise NotFound(f"there is no endpoint {environment}/{name}", hint=f"GET {PREFIX}/endpoints lists them")
    shown = [row.to_dict() for row in rows]
    return tagged(request, {"endpoint": state.to_dict() if state else None, "redeployments": shown})


@router.post("/endpoints/{environment}/{name}/plan", response_model=None, responses=answering(own_shapes.Plan))
def plan(parts: Parts, who: Who, environment: PathWord, name: PathWord, body: RedeployBody | None = None) -> Response:
    """What a redeploy would do: difference, restarts, GPUs, downtime, refusals. Nothing is touched or recorded."""
    given = body.given() if body is not None else {}
    return Json(parts.service.plan_redeploy(f"{environment}/{name}", Asker(who.id), given).to_dict())


@router.post(
    "/endpoints/{environment}/{name}/redeploy",
    status_code=202,
    response_model=None,
    responses=answering(own_shapes.Redeployment, 202),
)
def redeploy(
    request: Request,
    parts: Parts,
    who: Who,
    environment: PathWord,
    name: PathWord,
    body: RedeployBody | None = None,
    reason: Annotated[str, Query(max_length=2000)] = "",
    supersede: bool = False,
) -> Response:
    """New pods in place; the redeployment that was accepted."""
    require_writer(parts, who, environment, "redeploy", f"{environment}/{name}")
    asker = asker_of(request, who, reason, supersede=supersede)
    given = body.given() if body is not None else {}
    return accepted(parts, parts.service.redeploy(f"{environment}/{name}", asker, given).row)


@router.post(
    "/endpoints/{environment}/{name}/rollback",
    status_code=202,
    response_model=None,
    responses=answering(own_shapes.Redeployment, 202),
)
def rollback(
    request: Request, parts: Parts, who: Who, environment: PathWord, name: PathWord, body: RollbackBody | None = None
) -> Response:
    """An earlier revision as a new one; without a number the last that was healthy."""
    require_writer(parts, who, environment, "rollback", f"{environment}/{name}")
    wanted = body or RollbackBody()
    asker = asker_of(request, who, wanted.reason)
    return accepted(parts, parts.service.rollback(f"{environment}/{name}", asker, wanted.revision).row)


def accepted(parts: Context, row: Redeployment) -> Response:
    """The answer to a write; whoever carries it out hears of it."""
    parts.nudge()
    return Json(row.to_dict(), 202)


def _has_file(parts: Context, environment: str, name: str) -> bool:
    """Whether git has it, though nobody has seen it yet."""
    fleet = fleet_at(parts.service.trunk.read_tip(refresh=False))
    return fleet.find_file(EndpointRef(environment, name)) is not None
