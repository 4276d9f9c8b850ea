"""What every route works with.

Owns: the parts, and finding who asks. Refuses: making the parts (`app`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from generator.api.identity import Identifier, Person
from generator.api.rate import RateLimit, StreamPlaces
from generator.api.roles import Forbidden, Roles
from generator.errors import InvalidInput
from generator.reconciler.signature import Delivery
from generator.service.recording import Asker
from generator.service.redeployments import Redeployments
from generator.store.endpoints import EndpointStates
from generator.store.platform import PlatformRows


@dataclass(slots=True)
class Context:
    """The parts of one server. `nudge` wakes worker and reader of this process, `readiness` says what is not ready."""

    service: Redeployments
    platform: PlatformRows | None
    identifier: Identifier
    roles: Roles
    rate: RateLimit
    log: Any
    nudge: Callable[[], None] = lambda: None
    readiness: Callable[[], dict[str, str]] = dict
    metrics: Callable[[], bytes] = bytes
    webhook: Callable[[Mapping[str, str], bytes], Delivery] | None = None
    streams: StreamPlaces = field(default_factory=StreamPlaces)
    states: EndpointStates = field(init=False)

    def __post_init__(self) -> None:
        self.states = EndpointStates(self.service.ledger.database)


def context_of(request: Request) -> Context:
    """The server's parts."""
    found: Context = request.app.state.context
    return found


def person_of(request: Request) -> Person:
    """Who asks. Unidentified and Forbidden are answered by the app's handlers."""
    context = context_of(request)
    peer = request.client.host if request.client else ""
    person = context.identifier.identify(peer, request.headers)
    context.roles.require_reader(person)
    request.state.person = person.id
    return person


def require_writer(context: Context, person: Person, environment: str, action: str, resource: str) -> None:
    """Forbidden where the person may not change the environment; the attempt is audited."""
    try:
        context.roles.require_writer(person, environment)
    except Forbidden:
        if context.platform is not None:
            details = {"error": Forbidden.code, "environment": environment}
            context.platform.audit(
                person.id, f"serving.{action}", ("serving_endpoint", resource), allowed=False, details=details
            )
        raise


def asker_of(
    request: Request,
    person: Person,
    reason: str = "",
    *,
    key: str | None = None,
    supersede: bool = False,
    instead_of: int | None = None,
) -> Asker:
    """The asker behind a write, with its key, else the one of the header; counts against the rate limit."""
    context_of(request).rate.take(person.id)
    key = request.headers.get("idempotency-key") if key is None else key
    if key is not None and not (0 < len(key) <= 200 and key.isprintable()):
        raise InvalidInput("the Idempotency-Key must be 1 to 200 printable characters", hint="send a UUID")
    return Asker(person.id, reason, key, supersede=supersede, instead_of=instead_of)


Parts = Annotated[Context, Depends(context_of)]
Who = Annotated[Person, Depends(person_of)]
