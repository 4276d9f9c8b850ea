"""revstamp's own routes for redeployments: lists, one with its events, its explanation, taking its place.

Owns: their paths below `/revstamp/v1`, cursor paging. Refuses: identity, shapes of errors (`problems`).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from generator.api import own_shapes
from generator.api.answers import tagged
from generator.api.context import Parts, Who, asker_of, require_writer
from generator.api.endpoint_routes import PREFIX, accepted
from generator.api.own_shapes import answering
from generator.api.requests import PathWord, SupersedeBody
from generator.service.questions import answer_all
from generator.store.queries import Filter
from generator.store.states import Kind, State

router = APIRouter(prefix=PREFIX, tags=["revstamp"])


@router.get("/redeployments", response_model=None, responses=answering(own_shapes.RedeploymentPage))
def list_redeployments(
    request: Request,
    parts: Parts,
    _who: Who,
    environment: Annotated[str | None, Query(max_length=200)] = None,
    endpoint: Annotated[str | None, Query(max_length=200)] = None,
    state: Annotated[list[State] | None, Query(max_length=len(State))] = None,
    kind: Annotated[list[Kind] | None, Query(max_length=len(Kind))] = None,
    actor: Annotated[str | None, Query(max_length=400)] = None,
    limit: int = Query(100, ge=1, le=1000),
    before: int | None = Query(None, ge=1, le=2**62),
) -> Response:
    """Newest first; `next` is the cursor of the next page."""
    wanted = Filter(environment, endpoint, state or (), kind or (), actor)
    rows = parts.service.queries.page(wanted, limit, before)
    cursor = str(rows[-1].id) if len(rows) == limit else None
    return tagged(request, {"redeployments": [row.to_dict() for row in rows], "next": cursor})


@router.get("/redeployments/{number}", response_model=None, responses=answering(own_shapes.RedeploymentWithEvents))
def get_redeployment(request: Request, parts: Parts, _who: Who, number: PathWord) -> Response:
    """One redeployment with its events; by its number or its request id."""
    row = parts.service.queries.find(number)
    events = [event.to_dict() for event in parts.service.queries.events(row.id)]
    return tagged(request, {**row.to_dict(), "events": events})


@router.get("/redeployments/{number}/explain", response_model=None, responses=answering(own_shapes.Explanation))
def explain(request: Request, parts: Parts, _who: Who, number: PathWord) -> Response:
    """Did the request arrive, did validation pass, what was decided, committed, applied, what does the cluster say."""
    row = parts.service.queries.find(number)
    state = parts.states.find(row.environment, row.endpoint)
    answers = answer_all(row, parts.service.queries.events(row.id), state)
    return tagged(request, {"redeployment": row.to_dict(), "answers": [answer.to_dict() for answer in answers]})


@router.post(
    "/redeployments/{number}/supersede",
    status_code=202,
    response_model=None,
    responses=answering(own_shapes.Redeployment, 202),
)
def supersede(
    request: Request, parts: Parts, who: Who, number: PathWord, body: SupersedeBody | None = None
) -> Response:
    """A new redeploy of the same endpoint in the place of this one, where it is still the one that runs."""
    row = parts.service.queries.find(number)
    require_writer(parts, who, row.environment, "redeploy", row.endpoint_id or row.name)
    wanted = body or SupersedeBody()
    asker = asker_of(request, who, wanted.reason, instead_of=row.id)
    return accepted(parts, parts.service.redeploy(row.name, asker, wanted.given()).row)
