"""revstamp's own routes: plans, redeployments, their events, environments.

Owns: paths below `/revstamp/v1`, cursor paging. Refuses: identity, shapes of errors (`problems`).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from generator.api.context import Context, Parts, Who, asker_of, require_writer
from generator.api.etags import tagged
from generator.api.requests import RedeployBody
from generator.api.roles import Forbidden
from generator.errors import NotFound, Refused
from generator.service.committed_files import fleet_at
from generator.service.questions import answer_all
from generator.service.recording import Asker
from generator.store.queries import Filter
from generator.store.redeployment import Redeployment
from generator.store.states import Kind, State

PREFIX = "/revstamp/v1"
router = APIRouter(prefix=PREFIX, tags=["revstamp"])
_NEWEST = 10
"""Redeployments that are told with an endpoint."""


class ReasonBody(BaseModel):
    """Why, for a write that has nothing else to say."""

    reason: str = ""
    revision: int | None = None


@router.get("/environments")
def list_environments(request: Request, parts: Parts, _who: Who) -> Response:
    """The environments of the repository, with what each allows."""
    fleet = fleet_at(parts.service.trunk.read_tip(refresh=False))
    found = []
    for name in fleet.environment_names():
        spec = fleet.environment(name)[0].spec
        policies = spec.policies.model_dump(mode="json", by_alias=True)
        found.append({"name": name, "cluster": spec.cluster, "namespace": spec.namespace, "policies": policies})
    return tagged(request, {"environments": found})


@router.get("/endpoints")
def list_states(
    request: Request,
    parts: Parts,
    _who: Who,
    environment: str | None = None,
    limit: int = Query(100, ge=1, le=1000),
    after: str = "",
) -> Response:
    """What is known of each endpoint, by environment and name; `next` is the cursor of the next page."""
    first, _, last = after.partition("/")
    states = parts.states.page(environment=environment, limit=limit, after=(first, last))
    cursor = f"{states[-1].environment}/{states[-1].endpoint}" if len(states) == limit else None
    return tagged(request, {"endpoints": [state.to_dict() for state in states], "next": cursor})


@router.get("/endpoints/{environment}/{name}")
def get_state(request: Request, parts: Parts, _who: Who, environment: str, name: str) -> Response:
    """What is known of one endpoint, with its newest redeployments."""
    state = parts.states.find(environment, name)
    rows = parts.service.queries.page(Filter(environment, name), _NEWEST)
    if state is None and not rows:
        raise NotFound(f"nothing is known of {environment}/{name}", hint="`GET /revstamp/v1/endpoints` lists them")
    known = state.to_dict() if state is not None else None
    return tagged(request, {"endpoint": known, "redeployments": [row.to_dict() for row in rows]})


@router.post("/endpoints/{environment}/{name}/plan")
def plan(
    parts: Parts, who: Who, environment: str, name: str, body: Annotated[RedeployBody | None, Body()] = None
) -> dict[str, Any]:
    """What a redeploy would do: difference, restarts, GPUs, downtime, refusals. Nothing is touched or recorded."""
    given = body.given() if body is not None else {}
    return parts.service.plan_redeploy(f"{environment}/{name}", Asker(who.id), given).to_dict()


@router.post("/endpoints/{environment}/{name}/redeploy", status_code=202)
def redeploy(
    request: Request,
    parts: Parts,
    who: Who,
    environment: str,
    name: str,
    body: Annotated[RedeployBody | None, Body()] = None,
    reason: str = "",
    supersede: bool = False,
) -> dict[str, Any]:
    """New pods in place; the redeployment that was accepted."""
    require_writer(parts, who, environment, "redeploy", f"{environment}/{name}")
    asker = asker_of(request, who, reason, supersede=supersede)
    given = body.given() if body is not None else {}
    return _accepted(parts, parts.service.redeploy(f"{environment}/{name}", asker, given).row)


@router.post("/endpoints/{environment}/{name}/rollback", status_code=202)
def rollback(
    request: Request, parts: Parts, who: Who, environment: str, name: str, body: ReasonBody | None = None
) -> dict[str, Any]:
    """An earlier revision as a new one; without a number the last that was healthy."""
    require_writer(parts, who, environment, "rollback", f"{environment}/{name}")
    wanted = body or ReasonBody()
    asker = asker_of(request, who, wanted.reason)
    return _accepted(parts, parts.service.rollback(f"{environment}/{name}", asker, wanted.revision).row)


@router.post("/redeployments/{number}/supersede", status_code=202)
def supersede(
    request: Request,
    parts: Parts,
    who: Who,
    number: str,
    body: Annotated[RedeployBody | None, Body()] = None,
    reason: str = "",
) -> dict[str, Any]:
    """A redeploy that takes the place of this one. Refused where it has its verdict, or is another's already."""
    old = parts.service.queries.find(number)
    require_writer(parts, who, old.environment, "redeploy", old.name)
    asker = asker_of(request, who, reason, supersede=True)
    given = body.given() if body is not None else {}
    repeated = parts.service.queries.by_key(asker.key) if asker.key else None
    if repeated is None and not old.state.holds_lock:
        raise Refused(
            f"redeployment {old.id} of {old.name} is {old.state} already",
            hint="redeploy the endpoint; nothing has to be superseded",
        )
    return _accepted(parts, parts.service.redeploy(old.name, asker, given).row)


@router.get("/redeployments")
def list_redeployments(
    request: Request,
    parts: Parts,
    _who: Who,
    environment: str | None = None,
    endpoint: str | None = None,
    state: Annotated[list[State] | None, Query()] = None,
    kind: Annotated[list[Kind] | None, Query()] = None,
    actor: str | None = None,
    limit: int = Query(100, ge=1, le=1000),
    before: int | None = Query(None, ge=1, le=2**62),
) -> Response:
    """Newest first; `next` is the cursor of the next page."""
    wanted = Filter(environment, endpoint, state or (), kind or (), actor)
    rows = parts.service.queries.page(wanted, limit, before)
    cursor = str(rows[-1].id) if len(rows) == limit else None
    return tagged(request, {"redeployments": [row.to_dict() for row in rows], "next": cursor})


@router.get("/redeployments/{number}")
def get_redeployment(request: Request, parts: Parts, _who: Who, number: str) -> Response:
    """One redeployment with its events; by its number or its request id."""
    row = parts.service.queries.find(number)
    events = [event.to_dict() for event in parts.service.queries.events(row.id)]
    return tagged(request, {**row.to_dict(), "events": events})


@router.get("/redeployments/{number}/explain")
def explain(request: Request, parts: Parts, _who: Who, number: str) -> Response:
    """Did the request arrive, did validation pass, what was decided, committed, applied, what does the cluster say."""
    row = parts.service.queries.find(number)
    state = parts.states.find(row.environment, row.endpoint)
    answers = answer_all(row, parts.service.queries.events(row.id), state)
    return tagged(request, {"redeployment": row.to_dict(), "answers": [answer.to_dict() for answer in answers]})


@router.post("/webhook")
async def webhook(request: Request, parts: Parts) -> Response:
    """A forge tells that the branch has moved; its signature is checked, nothing else of it is believed."""
    if parts.webhook is None:
        raise NotFound("no webhook is accepted here", hint="set REVSTAMP_WEBHOOK_SECRET")
    delivery = parts.webhook(dict(request.headers), await request.body())
    if delivery.outcome == "refused":
        raise Forbidden(delivery.reason, hint="give the forge the secret of REVSTAMP_WEBHOOK_SECRET")
    if delivery.outcome == "accepted":
        parts.nudge()
    return JSONResponse(delivery.to_dict(), delivery.status)


def _accepted(parts: Context, row: Redeployment) -> dict[str, Any]:
    parts.nudge()
    return row.to_dict()
