"""Everything that a redeploy passes through, in one process: repository, database, worker, reader, reconciler, cluster.

Owns: making and ending it, rows of the platform, waiting. Refuses: asserting.
"""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from generator.cli.main import run
from generator.cluster.port import Cluster as Port
from generator.reconciler.log import make_log
from generator.reconciler.source import BranchSource
from generator.service.recording import Accepted, Asker
from generator.service.redeployments import Redeployments
from generator.service.trunk import ClonedTrunk, MirroredTrunk
from generator.service.workspace import Workspace
from generator.settings import Settings
from generator.store.database import Database
from generator.store.ledger import Ledger
from generator.store.platform import PlatformRows
from generator.store.queries import Filter
from generator.store.redeployment import Redeployment
from generator.store.schema import upgrade_schema
from generator.store.states import State
from generator.worker.background import Background
from generator.worker.reader import ReaderOptions

PATIENCE = 60.0
ROWS = Path(__file__).parents[1] / "cases" / "platform-rows.json"


def add_rows(platform: PlatformRows, rows: Mapping[str, Any] | None = None) -> None:
    """The platform's rows as a user brings them."""
    rows = rows or json.loads(ROWS.read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    for model in rows["models"]:
        platform.add("model_catalog_entries", {**model, "created_at": now, "updated_at": now})
    for endpoint in rows["endpoints"]:
        created = datetime.fromisoformat(endpoint["created_at"]) if endpoint.get("created_at") else now
        platform.add("serving_endpoints", {**endpoint, "created_at": created})
    for deployment in rows["deployments"]:
        platform.add(
            "serving_deployments", {"id": str(uuid.uuid4()), **deployment, "created_at": now, "updated_at": now}
        )


@dataclass
class Stage:
    """One service over one repository."""

    root: Path
    database: Database
    service: Redeployments
    source: BranchSource
    background: Background
    lines: io.StringIO

    @property
    def platform(self) -> PlatformRows:
        """The platform's rows."""
        assert self.service.platform is not None
        return self.service.platform

    def redeploy(self, name: str, body: Mapping[str, Any] | None = None, **asker: Any) -> Accepted:
        """A redeploy by Ann."""
        return self.service.redeploy(name, Asker(**{"actor": "Ann <ann@example.com>", **asker}), body)

    def row(self, row: Redeployment) -> Redeployment:
        """The row as it is now."""
        return self.service.queries.get(row.id)

    def wait(self, row: Redeployment, *states: State, seconds: float = PATIENCE) -> Redeployment:
        """Until the redeployment is in one of these states; in a final one where none is given."""

        def is_there() -> bool:
            found = self.row(row)
            return found.state in states if states else found.state.is_final

        self.until(is_there, f"{row.name} {[state.value for state in states]}", seconds)
        return self.row(row)

    def until(self, condition: Callable[[], object], what: str = "", seconds: float = PATIENCE) -> None:
        """Wait for something; rows and log are shown where it does not come."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what or 'it'} did not happen\n{self._describe()}"
            time.sleep(0.02)

    def status_of(self, identity: str) -> str:
        """The word in the platform's row."""
        found = self.platform.find_endpoint(identity)
        assert found is not None
        return str(found.endpoint["status"])

    def _describe(self) -> str:
        rows = [
            f"{row.id} {row.name} {row.kind} {row.state} r{row.revision} {row.phase} {row.message}"
            for row in self.service.queries.page(Filter())
        ]
        return "\n".join([*rows, self.lines.getvalue()[-6000:]])


def open_database(url: str) -> Database:
    """With all tables."""
    database = Database(url)
    upgrade_schema(database)
    return database


@contextmanager
def staged(
    root: Path,
    database: Database,
    open_cluster: Callable[[str], Port],
    *,
    holder: str = "one",
    work: bool = True,
    options: ReaderOptions | None = None,
) -> Iterator[Stage]:
    """The service, and (with `work`) its worker and reader."""
    lines = io.StringIO()
    log = make_log("json", lines)
    workspace = Workspace.open(root, Settings())
    remote = workspace.clone.remote()
    trunk = ClonedTrunk(workspace) if remote is None else MirroredTrunk(workspace.repository, "main", remote)
    ledger = Ledger(database)
    platform = PlatformRows(database)
    service = Redeployments(trunk, ledger, platform)
    source = BranchSource(workspace.repository, "main", remote, 0.1)
    background = Background(service, source, open_cluster, holder, log, options=options)
    if work:
        background.start()
    try:
        yield Stage(root, database, service, source, background, lines)
    finally:
        background.close()


def make_platform_repository(root: Path, namespaces: Mapping[str, str] | None = None) -> Path:
    """dev, stg and prod with nothing in them; in namespaces of their own where these are given."""
    assert run(["init", str(root)]) == 0
    for name in ("dev", "stg", "prod"):
        path = root / "environments" / name / "environment.yaml"
        body = yaml.safe_load(path.read_text())
        body["spec"] |= {"cluster": "testbed", "kserve": {**(body["spec"].get("kserve") or {}), "version": "0.17"}}
        if namespaces:
            body["spec"]["namespace"] = namespaces[name]
        path.write_text(yaml.safe_dump(body))
    assert run(["-C", str(root), "commit", "-m", "environments"]) == 0
    return root
