"""From a wish to its row: checked, then recorded, or refused with its reasons.

Owns: the order of these steps, what repeating a wish means, the audit. Refuses: what a wish means for an endpoint's
file (`redeployments`), and committing (`committing`).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from generator.errors import AlreadyRunning, InvalidInput, NotFound, Refused, RenderFailed, RevstampError
from generator.gitops.snapshot import Snapshot
from generator.service.commit import Author, OperationChange
from generator.service.committed_files import fleet_at
from generator.service.committing import read_actor
from generator.service.fleet import EndpointRef
from generator.service.operations import Operation
from generator.service.plan import EndpointPlan
from generator.service.trunk import Trunk
from generator.service.wishes import write_operation
from generator.store.ledger import Ledger
from generator.store.platform import EndpointRows, PlatformRows
from generator.store.redeployment import Redeployment, Wish
from generator.store.states import Kind

Prepared = tuple[Operation, Mapping[str, Any]]
"""What carries a wish out, and further fields of its row."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, why, and how often it may count.

    `actor` is `Name <address>` or a user id. `key`: the same key with the same content is carried out once.
    `request_id` names the wish in git; made up where it is empty. `supersede` takes the place of one that runs,
    `instead_of` only of the one with this number. `branch`: commit there, for a pull request.
    """

    actor: str = ""
    reason: str = ""
    key: str | None = None
    request_id: str = ""
    supersede: bool = False
    branch: str | None = None
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, and the platform's rows about it where it has any."""

    ref: EndpointRef
    rows: EndpointRows | None = None

    @property
    def id(self) -> str | None:
        """The platform's id of it."""
        return str(self.rows.endpoint["id"]) if self.rows else None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of a wish: its row, whether it is new, and the plan that was accepted (None for a repeated wish)."""

    row: Redeployment
    is_new: bool
    plan: EndpointPlan | None = None


class Recorder:
    """Records wishes about one repository in one database. `platform`: whose audit is written, where there is one."""

    def __init__(self, trunk: Trunk, ledger: Ledger, platform: PlatformRows | None) -> None:
        self._trunk, self._ledger, self._platform = trunk, ledger, platform

    def plan(self, operation: Operation, asker: Asker, tip: Snapshot) -> EndpointPlan:
        """What an operation would do on this tip, with nothing touched or recorded."""
        return self._plan(operation, _author(asker, str(uuid.uuid4())), tip)

    def submit(
        self,
        target: Target,
        kind: Kind,
        prepare: Callable[[], Prepared],
        asker: Asker,
        request: Any,
        tip: Snapshot,
        also: Callable[[Connection], None] = lambda _: None,
    ) -> Accepted:
        """Check everything on this tip, then record. What is refused leaves a row that says why.

        `request` is what was asked for, as it was asked. What it means now is found only by `prepare`, for a wish that
        is new: the same words may mean something else by the time that they are repeated.
        """
        wish = Wish(
            asker.request_id or str(uuid.uuid4()),
            target.ref.environment,
            target.ref.name,
            kind,
            asker.actor,
            asker.reason,
            target.id,
            asker.key,
            _digest(kind, target.ref, request),
            request,
        )
        known = self._ledger.find_repeated(wish)
        if known is not None:
            return Accepted(known, False)
        try:
            operation, links = prepare()
            plan = self._plan(operation, _author(asker, wish.request_id), tip)
            branch = asker.branch or _branch_for(plan, wish, tip)
            wish = replace(wish, operation=write_operation(operation), base_commit=tip.commit, branch=branch, **links)
            row, is_new = self._ledger.accept(
                wish, supersede=asker.supersede, instead_of=asker.instead_of, also=self._with_audit(wish, also)
            )
        except (Refused, InvalidInput, RenderFailed) as error:
            self._refuse(wish, error)
            raise
        return Accepted(row, is_new, plan)

    def _plan(self, operation: Operation, author: Author, tip: Snapshot) -> EndpointPlan:
        change = OperationChange(self._trunk.repository, self._trunk.branch, operation, author, base=tip)
        change.build(tip)
        if change.plan is None:
            raise NotFound(f"there is no endpoint {operation.target}")
        return change.plan

    def _refuse(self, wish: Wish, error: RevstampError) -> None:
        violations = [violation.to_dict() for violation in error.violations]
        running = error.details.get("redeployment") if isinstance(error, AlreadyRunning) else None
        details = {"error": error.code, **({"running": running["id"]} if running else {})}
        row = self._ledger.refuse(wish, error.message, error.hint, violations)
        error.details.setdefault("refused", str(row.id))
        self._audit(wish, allowed=False, details={"redeployment": str(row.id), **details})

    def _with_audit(self, wish: Wish, also: Callable[[Connection], None]) -> Callable[[Connection, Redeployment], None]:
        """The audit's line is written with the row, or not at all."""

        def work(connection: Connection, row: Redeployment) -> None:
            also(connection)
            self._audit(wish, allowed=True, details={"redeployment": str(row.id)}, within=connection)

        return work

    def _audit(
        self, wish: Wish, *, allowed: bool, details: Mapping[str, Any], within: Connection | None = None
    ) -> None:
        if self._platform is not None:
            resource = ("serving_endpoint", wish.endpoint_id or f"{wish.environment}/{wish.endpoint}")
            action = f"serving.{wish.kind.value}"
            self._platform.audit(wish.actor, action, resource, allowed=allowed, details=details, within=within)


def _branch_for(plan: EndpointPlan, wish: Wish, tip: Snapshot) -> str | None:
    """A branch of its own where the environment takes changes by pull request only."""
    policies = fleet_at(tip).environment(plan.ref.environment)[0].spec.policies
    if not policies.pull_request_required or plan.outcome not in ("changed", "deleted"):
        return None
    return f"revstamp/{plan.ref.environment}/{plan.ref.name}/{wish.kind.value}-{wish.request_id[:8]}"


def _author(asker: Asker, request_id: str) -> Author:
    return Author(request_id, read_actor(asker.actor), asker.reason)


def _digest(kind: Kind, ref: EndpointRef, request: Any) -> str:
    """Tells one wish from another that comes with the same key."""
    text = json.dumps([kind.value, str(ref), request], sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
