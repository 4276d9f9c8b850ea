"""The forge's webhook.

Owns: its path. Refuses: judging it (`reconciler.webhook`), and knowing people: its signature is all that counts.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from generator.api import own_shapes
from generator.api.answers import Json
from generator.api.context import Parts
from generator.api.endpoint_routes import PREFIX
from generator.api.own_shapes import answering
from generator.api.problems import Rejected
from generator.api.roles import Forbidden
from generator.errors import NotFound

router = APIRouter(tags=["revstamp"])
WEBHOOK = f"{PREFIX}/webhook"


@router.post(WEBHOOK, status_code=202, response_model=None, responses=answering(own_shapes.Delivery, 202))
async def webhook(request: Request, parts: Parts) -> Response:
    """A forge tells that the branch has moved; its signature is checked, nothing else of it is believed."""
    if parts.webhook is None:
        raise NotFound("no webhook is accepted here", hint="set REVSTAMP_WEBHOOK_SECRET")
    found = parts.webhook(request.headers, await request.body())
    if found.status == 403:
        raise Forbidden(found.reason, hint="give the forge the secret of REVSTAMP_WEBHOOK_SECRET")
    if found.outcome == "refused":
        raise Rejected(found.status, "no-webhook", found.reason, "set the content type to application/json")
    if found.outcome == "accepted":
        parts.nudge()
    return Json(found.to_dict(), 202)
