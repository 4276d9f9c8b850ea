"""The use cases with a ledger: everything that is asked for is checked, recorded, and only then carried out.

Owns: what each of them means for an endpoint's file. Refuses: recording (`recording`), committing (`committing`), what
the cluster says (the worker), and anything a person sees.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from generator.errors import (
    InvalidInput,
    NotFound,
    Refused,
    StoreConflict,
)
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef, Fleet, ref_of_row
from generator.service.operations import DeleteOperation, Operation, PatchOperation, RestoreOperation
from generator.service.plan import EndpointPlan
from generator.service.promotion import PromoteOperation
from generator.service.recording import Accepted, Asker, Prepared, Recorder, Target
from generator.service.rollback import restore
from generator.service.seeding import SeededOperation, with_seed
from generator.service.trunk import Trunk
from generator.spec.endpoint_request import IDENTITY, require_identity, settings_patch, split_request
from generator.spec.names import endpoint_name, is_dns_label, is_endpoint_name, read_uuid
from generator.spec.patch import Patch
from generator.spec.platform_rows import read_rows
from generator.store.endpoints import EndpointStates
from generator.store.ledger import Ledger, now
from generator.store.platform import EndpointRows, PlatformRows
from generator.store.queries import LedgerQueries
from generator.store.states import Kind


class Redeployments:
    """The use cases of one repository and one database. May be shared by threads."""

    def __init__(self, trunk: Trunk, ledger: Ledger, platform: PlatformRows | None) -> None:
        """`platform`: None where the database has no tables of the platform."""
        self.trunk, self.ledger, self.platform = trunk, ledger, platform
        self.queries = LedgerQueries(ledger.database)
        self._recorder = Recorder(trunk, ledger, platform)

    def find_target(self, text: str, fleet: Fleet, *, past: bool = False) -> Target:
        """The endpoint that an id, a name or `environment/name` means; one that has only a row counts too.

        `past`: also one that was deleted.
        """
        rows = self._find_rows(text)
        if rows is not None:
            name = endpoint_name(str(rows.endpoint["id"]))
            return Target(EndpointRef(str(rows.endpoint["environment"]), name), rows)
        try:
            ref = fleet.find_past_endpoint(text) if past else fleet.find_endpoint(text)
        except NotFound:
            rows = self._find_rows_by_name(text)
            if rows is None:
                raise
            return Target(EndpointRef(*text.split("/")), rows)
        identity = fleet.endpoint_file(ref).endpoint.metadata.id if fleet.find_file(ref) else None
        return Target(ref, self._find_rows(identity) if identity else None)

    def find_ref(self, text: str) -> EndpointRef:
        """The endpoint that is meant, also one that is gone, as `environment/name`."""
        environment, _, name = text.rpartition("/")
        if environment and is_dns_label(environment) and is_endpoint_name(name):
            return EndpointRef(environment, name)
        return self.find_target(text, fleet_at(self.trunk.read_tip(refresh=False))).ref

    def find_present(self, text: str, *, refresh: bool = True) -> tuple[EndpointRef, Fleet]:
        """An endpoint, and what the branch says; the platform's row is its file where it has none yet."""
        fleet = fleet_at(self.trunk.read_tip(refresh=refresh))
        target = self.find_target(text, fleet)
        if target.rows is not None and fleet.find_file(target.ref) is None:
            return target.ref, with_seed(fleet, target.ref, self._seed(target.rows))
        return target.ref, fleet

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
            operation = operation.as_patch(fleet_at(self.trunk.read_tip()))
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
        tip = self.trunk.read_tip()
        target = self.find_target(text, fleet_at(tip))

        def prepare() -> Prepared:
            return self._on_file(target, PatchOperation(str(target.ref), patch, body, restart, kind.value)), {}

        request = dict(body) if body is not None else patch.to_dict()
        return self._recorder.submit(target, kind, prepare, asker, request, tip)

    def rollback(
        self, text: str, asker: Asker, revision: int | None = None, *, rolls_back: int | None = None
    ) -> Accepted:
        """An earlier revision as a new one; without `revision` the newest that was healthy and differs.

        Where none is known to have been healthy, the newest whose spec differs from the present one's.
        """
        tip = self.trunk.read_tip()
        target = self.find_target(text, fleet_at(tip), past=True)

        def prepare() -> Prepared:
            chosen = revision or self.find_good(target.ref, fleet_at(tip))
            operation, entry = restore(self.trunk.repository, tip, target.ref, chosen)
            return operation, {"restores": entry.stamp.revision, "rolls_back": rolls_back or self._latest(target.ref)}

        request = {"revision": revision} if revision is not None else {}
        return self._recorder.submit(target, Kind.ROLLBACK, prepare, asker, request, tip)

    def find_good(self, ref: EndpointRef, tip: Fleet) -> int | None:
        """The last revision that was healthy, other than the present one; None where none is known."""
        state, stamp = EndpointStates(self.ledger.database).find(ref.environment, ref.name), tip.stamp(ref)
        good = state.good_revision if state is not None else None
        return good if good and stamp is not None and good < stamp.revision else None

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
            prepared: Prepared = (SeededOperation(seed, inner), {})
            tip = self.trunk.read_tip()
            return self._recorder.submit(target, Kind.CREATE, lambda: prepared, asker, dict(body), tip, also=add_row)
        except StoreConflict:
            raise Refused(f"{environment} has an endpoint on {route} already", hint="choose another route") from None

    def delete(self, text: str, asker: Asker) -> Accepted:
        """Take an endpoint away; its history stays."""
        tip = self.trunk.read_tip()
        target = self.find_target(text, fleet_at(tip))
        prepared: Prepared = (DeleteOperation(str(target.ref)), {})
        return self._recorder.submit(target, Kind.DELETE, lambda: prepared, asker, {}, tip)

    def plan_redeploy(
        self, text: str, asker: Asker, body: Mapping[str, Any] | None = None, patch: Patch | None = None
    ) -> EndpointPlan:
        """What a redeploy would do, with nothing touched or recorded."""
        tip = self.trunk.read_tip()
        target = self.find_target(text, fleet_at(tip))
        operation = self._on_file(target, PatchOperation(str(target.ref), patch or Patch(), body, restart=True))
        return self._recorder.plan(operation, asker, tip)

    def plan_rollback(self, text: str, asker: Asker, revision: int | None = None) -> tuple[EndpointPlan, int]:
        """What a rollback would do, and the revision that it would restore; nothing is touched or recorded."""
        tip = self.trunk.read_tip()
        target = self.find_target(text, fleet_at(tip), past=True)
        chosen = revision or self.find_good(target.ref, fleet_at(tip))
        operation, entry = restore(self.trunk.repository, tip, target.ref, chosen)
        return self._recorder.plan(operation, asker, tip), entry.stamp.revision

    def _on_file(self, target: Target, operation: PatchOperation) -> Operation:
        """The patch, with the platform's row below it where the endpoint may have no file yet."""
        return operation if target.rows is None else SeededOperation(self._seed(target.rows), operation)

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

    def _find_rows_by_name(self, text: str) -> EndpointRows | None:
        """The rows of `environment/name`, for an endpoint that has no file yet."""
        environment, _, name = text.rpartition("/")
        if self.platform is None or not environment:
            return None
        wanted, places = EndpointRef(environment, name), self.platform.list_places()
        found = next((identity for identity, place in places if ref_of_row(identity, place) == wanted), None)
        return self.platform.find_endpoint(found) if found is not None else None

    def _latest(self, ref: EndpointRef) -> int | None:
        """The redeployment that a rollback takes back: the newest that reached git."""
        found = self.queries.latest_committed(ref.environment, ref.name)
        return found.id if found else None


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
