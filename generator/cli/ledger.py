"""The way from a command to the ledger.

Owns: which database it is, and opening the service on it. Refuses: what is done there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from generator.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from generator.service.operations import Operation
    from generator.service.redeployments import Redeployments
    from generator.service.trunk import Trunk
    from generator.service.workspace import Workspace
    from generator.settings import Settings
    from generator.store.database import Database
    from generator.store.schema import SchemaState

_FILE = "revstamp/ledger.db"
"""Below the git directory: the ledger of a repository that is used on one machine."""


def has_ledger(git_dir: Path, settings: Settings) -> bool:
    """Whether redeployments are recorded: a database is set, or a worker has made one beside this repository."""
    return bool(settings.database) or (git_dir / _FILE).exists()


def find_ledger_url(git_dir: Path, settings: Settings) -> str | None:
    """The URL of the ledger; None where this repository has none."""
    return _url(git_dir, settings) if has_ledger(git_dir, settings) else None


def _url(git_dir: Path, settings: Settings) -> str:
    return settings.database or f"sqlite:///{git_dir.absolute() / _FILE}"


def is_recorded(workspace: Workspace, operation: Operation) -> bool:
    """Whether an operation goes through the ledger; suspending and resuming begins no rollout."""
    from generator.store.states import Kind

    kinds = {kind.value for kind in Kind}
    return operation.verb in kinds and has_ledger(workspace.repository.git_dir, workspace.settings)


def open_database(git_dir: Path, settings: Settings) -> tuple[Database, SchemaState]:
    """The database that is set, else a file beside the repository, whose tables are made and upgraded by itself.

    StoreOutdated and StoreNewer where this revstamp cannot work with it.
    """
    from generator.errors import StoreOutdated
    from generator.store.database import Database
    from generator.store.schema import check_schema, upgrade_schema

    database = Database(_url(git_dir, settings))
    try:
        return database, check_schema(database)
    except StoreOutdated:
        if settings.database:
            raise
    upgrade_schema(database)
    return database, check_schema(database)


@contextmanager
def open_service(trunk: Trunk, settings: Settings) -> Iterator[Redeployments]:
    """The use cases with a ledger, on one branch."""
    with serve_from(trunk, *open_database(trunk.repository.git_dir, settings)) as service:
        yield service


@contextmanager
def serve_from(trunk: Trunk, database: Database, schema: SchemaState) -> Iterator[Redeployments]:
    """The same from a database that is open; it is closed at the end of the `with`."""
    from generator.service.redeployments import Redeployments
    from generator.store.ledger import Ledger
    from generator.store.platform import PlatformRows

    try:
        yield Redeployments(trunk, Ledger(database), PlatformRows(database) if schema.platform else None)
    finally:
        database.close()


@contextmanager
def open_ledger_of(folder: str) -> Iterator[Redeployments]:
    """The same for a command that reads. InvalidInput where this repository has no ledger."""
    from generator.service.trunk import ClonedTrunk
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    settings = load_settings()
    workspace = Workspace.open(folder, settings)
    if not has_ledger(workspace.repository.git_dir, settings):
        raise InvalidInput(
            "this repository has no ledger",
            hint="set REVSTAMP_DATABASE, or start `revstamp worker`; `revstamp log` tells what git knows",
        )
    with open_service(ClonedTrunk(workspace), settings) as service:
        yield service
