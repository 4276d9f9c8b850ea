"""The use cases with a ledger: everything that is asked for is checked, recorded, and only then carried out.

Owns: the order of these steps, what is refused, the audit. Refuses: committing (`committing`), what the cluster says
(the worker), and anything a person sees.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from generator.errors import (
    AlreadyRunning,
    InvalidInput,
    NotFound,
    Refused,
    RenderFailed,
    RevstampError,
    StoreConflict,
)
from generator.service.commit import Author, OperationChange
from generator.service.committed_files import fleet_at
from generator.service.committing import read_actor
from generator.service.fleet import EndpointRef, Fleet
from generator.service.operations import DeleteOperation, Operation, PatchOperation, RestoreOperation
from generator.service.plan import EndpointPlan
from generator.service.promotion import PromoteOperation
from generator.service.rollback import restore
from generator.service.seeding import SeededOperation
from generator.service.trunk import Trunk
from generator.service.wishes import write_operation
from generator.spec.endpoint_request import IDENTITY, require_identity, settings_patch, split_request
from generator.spec.names import endpoint_name, is_dns_label, is_endpoint_name, read_uuid
from generator.spec.patch import Patch
from generator.spec.platform_rows import read_rows
from generator.store.endpoints import EndpointStates
from generator.store.ledger import Ledger, now
from generator.store.platform import EndpointRows, PlatformRows
from generator.store.queries import LedgerQueries
from generator.store.redeployment import Redeployment, Wish
from generator.store.states import Kind

_Prepared = tuple[Operation, Mapping[str, Any]]
"""What carries a wish out, and further fields of its row."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, why, and how often it may count.

    `actor` is `Name <address>` or a user id. `key`: the same key with the same content is carried out once.
    `request_id` names the wish in git; made up where it is empty. `supersede` takes the place of one that runs.
    `branch`: commit there, for a pull request.
    """

    actor: str = ""
    reason: str = ""
    key: str | None = None
    request_id: str = ""
    supersede: bool = False
    branch: str | None = None


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


class Redeployments:
    """The use cases of one repository and one database. May be shared by threads."""

    def __init__(self, trunk: Trunk, ledger: Ledger, platform: PlatformRows | None) -> None:
        """`platform`: None where the database has no tables of the platform."""
        self.trunk, self.ledger, self.platform = trunk, ledger, platform
        self.queries = LedgerQueries(ledger.database)

    def find_target(self, text: str, fleet: Fleet) -> Target:
        """The endpoint that an id, a name or `environment/name` means; one that has only a row counts too."""
        rows = self._find_rows(text)
        if rows is not None:
            name = endpoint_name(str(rows.endpoint["id"]))
            return Target(EndpointRef(str(rows.endpoint["environment"]), name), rows)
        ref = fleet.find_endpoint(text)
        identity = fleet.endpoint_file(ref).endpoint.metadata.id
        return Target(ref, self._find_rows(identity) if identity else None)

    def find_ref(self, text: str) -> EndpointRef:
        """The endpoint that is meant, also one that is gone, as `environment/name`."""
        environment, _, name = text.rpartition("/")
        if environment and is_dns_label(environment) and is_endpoint_name(name):
            return EndpointRef(environment, name)
        return self.find_target(text, self._fleet(refresh=False)).ref

    def redeploy(
        self, text: str, asker: Asker, body: Mapping[str, Any] | None = None, patch: Patch | None = None
    ) -> Accepted:
        """New pods for an endpoint, with or without changes. Refused and InvalidInput leave a refused row."""
        return self.change(text, Kind.REDEPLOY, asker, patch or Patch(), body, restart=True)

    def scale(self, text: str, asker: Asker, least: int | None, most: int | None) -> Accepted:
        """Other numbers of replicas."""
        given = {"min": least, "max": most}
        patch = Patch({("spec", "replicas", bound): value for bound, value in given.items() if value is not None})
        kind = Kind.STOP if (least, most) == (0, 0) else Kind.SCALE
        return self.change(text, kind, asker, patch)

    def carry_out(self, operation: Operation, asker: Asker) -> Accepted:
        """An operation of the command line, as the wish that it is."""
        if isinstance(operation, PromoteOperation):
            operation = operation.as_patch(self._fleet())
        if isinstance(operation, PatchOperation):
            kind, body = Kind(operation.verb), operation.request_body
            return self.change(operation.target, kind, asker, operation.patch, body, restart=operation.restart)
        if isinstance(operation, RestoreOperation):
            return self.rollback(str(operation.target), asker, operation.revision)
        return self.delete(str(operation.target), asker)

    def change(
        self,
        text: str,
        kind: Kind,
        asker: Asker,
        patch: Patch,
        body: Mapping[str, Any] | None = None,
        *,
        restart: bool = False,
    ) -> Accepted:
        """A patch on the endpoint's file, under the name that it has for people."""
        target = self.find_target(text, self._fleet())

        def prepare() -> _Prepared:
            return self._on_file(target, PatchOperation(str(target.ref), patch, body, restart, kind.value)), {}

        return self._submit(target, kind, prepare, asker, dict(body) if body is not None else patch.to_dict())

    def rollback(
        self, text: str, asker: Asker, revision: int | None = None, *, rolls_back: int | None = None
    ) -> Accepted:
        """An earlier revision as a new one; without `revision` the newest that was healthy and differs.

        Where none is known to have been healthy, the newest whose spec differs from the present one's.
        """
        tip = self.trunk.read_tip()
        target = self.find_target(text, fleet_at(tip))

        def prepare() -> _Prepared:
            chosen = revision or self._find_good(target.ref, fleet_at(tip))
            operation, entry = restore(self.trunk.repository, tip, target.ref, chosen)
            return operation, {"restores": entry.stamp.revision, "rolls_back": rolls_back or self._latest(target.ref)}

        request = {"revision": revision} if revision is not None else {}
        return self._submit(target, Kind.ROLLBACK, prepare, asker, request)

    def update(self, text: str, asker: Asker, body: Mapping[str, Any]) -> Accepted:
        """Other settings for an endpoint; pods restart only where what they run by changes."""
        settings, rest = split_request({name: value for name, value in body.items() if name not in IDENTITY})
        return self.change(text, Kind.REDEPLOY, asker, settings_patch(settings), rest or None)

    def create(self, asker: Asker, body: Mapping[str, Any]) -> Accepted:
        """A new endpoint of the platform: its row, its file, its first revision. NotFound where there is no model."""
        if self.platform is None:
            raise Refused("without the platform's tables an endpoint is a file", hint="revstamp new NAME")
        model_id, environment, route = require_identity(body)
        settings, rest = split_request(body)
        patch = settings_patch(settings)
        model = self.platform.find_model(model_id)
        if model is None:
            raise NotFound(f"there is no model {model_id} in the catalogue", hint="give the id of a catalogue entry")
        identity = uuid.uuid5(uuid.NAMESPACE_OID, asker.key) if asker.key else uuid.uuid4()  # one key, one endpoint
        row = new_row(str(identity), model_id, environment, route)
        target = Target(EndpointRef(environment, endpoint_name(row["id"])), EndpointRows(row, model))
        seed = self._seed(EndpointRows(row, model))
        inner = PatchOperation(str(target.ref), patch, rest or None, restart=True, verb=Kind.CREATE.value)
        add_row = self.platform.adding("serving_endpoints", row)
        try:
            prepared: _Prepared = (SeededOperation(seed, inner), {})
            return self._submit(target, Kind.CREATE, lambda: prepared, asker, dict(body), also=add_row)
        except StoreConflict:
            raise Refused(f"{environment} has an endpoint on {route} already", hint="choose another route") from None

    def delete(self, text: str, asker: Asker) -> Accepted:
        """Take an endpoint away; its history stays."""
        target = self.find_target(text, self._fleet())
        return self._submit(target, Kind.DELETE, lambda: (DeleteOperation(str(target.ref)), {}), asker, {})

    def plan_redeploy(self, text: str, asker: Asker, body: Mapping[str, Any] | None = None) -> EndpointPlan:
        """What a redeploy would do, with nothing touched or recorded."""
        target = self.find_target(text, self._fleet(refresh=False))
        operation = self._on_file(target, PatchOperation(str(target.ref), Patch(), body, restart=True))
        return self._plan(operation, self._author(asker, str(uuid.uuid4())))[0]

    def _on_file(self, target: Target, operation: PatchOperation) -> Operation:
        """The patch, with the platform's row below it where the endpoint may have no file yet."""
        return operation if target.rows is None else SeededOperation(self._seed(target.rows), operation)

    def _submit(
        self,
        target: Target,
        kind: Kind,
        prepare: Callable[[], _Prepared],
        asker: Asker,
        request: Any,
        also: Callable[[Connection], None] | None = None,
    ) -> Accepted:
        """Check everything, then record. What is refused leaves a row that says why.

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
        known = self.ledger.find_repeated(wish)
        if known is not None:
            return Accepted(known, False)
        try:
            operation, links = prepare()
            plan, base = self._plan(operation, self._author(asker, wish.request_id))
            branch = asker.branch or self._branch_for(plan, wish)
            wish = replace(wish, operation=write_operation(operation), base_commit=base, branch=branch, **links)
            row, is_new = self.ledger.accept(wish, supersede=asker.supersede, also=also)
        except (Refused, InvalidInput, RenderFailed) as error:
            self._refuse(wish, error)
            raise
        if is_new:
            self._audit(wish, allowed=True, details={"redeployment": str(row.id)})
        return Accepted(row, is_new, plan)

    def _plan(self, operation: Operation, author: Author) -> tuple[EndpointPlan, str | None]:
        tip = self.trunk.read_tip()
        change = OperationChange(self.trunk.repository, self.trunk.branch, operation, author, base=tip)
        change.build(tip)
        if change.plan is None:
            raise NotFound(f"there is no endpoint {operation.target}")
        return change.plan, tip.commit

    def _branch_for(self, plan: EndpointPlan, wish: Wish) -> str | None:
        """A branch of its own where the environment takes changes by pull request only."""
        policies = self._fleet(refresh=False).environment(plan.ref.environment)[0].spec.policies
        if not policies.pull_request_required or plan.outcome not in ("changed", "deleted"):
            return None
        return f"revstamp/{plan.ref.environment}/{plan.ref.name}/{wish.kind.value}-{wish.request_id[:8]}"

    def _refuse(self, wish: Wish, error: RevstampError) -> None:
        violations = [violation.to_dict() for violation in error.violations]
        running = error.details.get("redeployment") if isinstance(error, AlreadyRunning) else None
        details = {"error": error.code, **({"running": running["id"]} if running else {})}
        row = self.ledger.refuse(wish, error.message, error.hint, violations)
        error.details.setdefault("refused", str(row.id))
        self._audit(wish, allowed=False, details={"redeployment": str(row.id), **details})

    def _audit(self, wish: Wish, *, allowed: bool, details: Mapping[str, Any]) -> None:
        if self.platform is not None:
            resource = ("serving_endpoint", wish.endpoint_id or f"{wish.environment}/{wish.endpoint}")
            self.platform.audit(wish.actor, f"serving.{wish.kind.value}", resource, allowed=allowed, details=details)

    def _seed(self, rows: EndpointRows) -> dict[str, Any]:
        """The endpoint file that the rows stand for. InvalidInput where they cannot be understood."""
        imported = next(iter(read_rows(rows.as_export(), "the platform's row")))
        if imported.data is None:
            problem = imported.problems[0]
            raise InvalidInput(
                f"the platform's row of {imported.name or imported.id}: {problem.path}: {problem.message}",
                hint=problem.fix,
                violations=imported.problems,
            )
        return dict(imported.data)

    def _find_rows(self, text: str) -> EndpointRows | None:
        if self.platform is None:
            return None
        try:
            return self.platform.find_endpoint(read_uuid(text))
        except ValueError:
            return None

    def _find_good(self, ref: EndpointRef, tip: Fleet) -> int | None:
        state, stamp = EndpointStates(self.ledger.database).find(ref.environment, ref.name), tip.stamp(ref)
        good = state.good_revision if state is not None else None
        return good if good and stamp is not None and good < stamp.revision else None

    def _latest(self, ref: EndpointRef) -> int | None:
        """The redeployment that a rollback takes back: the newest that reached git."""
        found = self.queries.latest_committed(ref.environment, ref.name)
        return found.id if found else None

    def _fleet(self, *, refresh: bool = True) -> Fleet:
        return fleet_at(self.trunk.read_tip(refresh=refresh))

    def _author(self, asker: Asker, request_id: str) -> Author:
        return Author(request_id, read_actor(asker.actor), asker.reason)


def new_row(identity: str, model_id: str, environment: str, route: str) -> dict[str, Any]:
    """A row of the platform for an endpoint that is to be deployed."""
    return {
        "id": identity,
        "model_entry_id": model_id,
        "environment": environment,
        "route": route,
        "status": "deploying",
        "min_replicas": 1,
        "max_replicas": 3,
        "created_at": now(),
    }


def _digest(kind: Kind, ref: EndpointRef, request: Any) -> str:
    """Tells one wish from another that comes with the same key."""
    text = json.dumps([kind.value, str(ref), request], sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
