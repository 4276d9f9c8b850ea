"""What the commands have in common that run until they are told to stop.

Owns: which branch they follow and how, the log's format, the process's name, ending on a signal. Refuses: their work.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from generator.gitops.remote import Remote
    from generator.gitops.repository import Repository
    from generator.reconciler.source import BranchSource
    from generator.service.trunk import Trunk
    from generator.settings import Settings
    from generator.store.database import Database
    from generator.store.schema import SchemaState

F = TypeVar("F", bound=Callable[..., Any])


def branch_options(function: F) -> F:
    """Adds `--url`, `--mirror`, `--branch` and `--poll` to a command."""
    options = (
        click.option("--url", metavar="URL", help="Follow this remote through a mirror of its own, without a clone."),
        click.option("--mirror", metavar="FOLDER", type=click.Path(file_okay=False), help="Where the mirror is kept."),
        click.option("--branch", metavar="NAME", help="The branch.  [default: the one that revstamp.yaml names]"),
        click.option(
            "--poll",
            type=click.FloatRange(min=0.1),
            default=60.0,
            show_default=True,
            metavar="SECONDS",
            help="How often the branch is looked at, beside webhooks.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def log_option(function: F) -> F:
    """Adds `--output auto|text|json`, the format of the log, to a command."""
    option = click.option(
        "-o",
        "--output",
        type=click.Choice(["auto", "text", "json"]),
        default="auto",
        show_default=True,
        help="Log lines as text or JSON; auto: text on a terminal.",
    )
    return option(function)


def name_process() -> str:
    """A name that no other process has, for leases and claims."""
    return f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:8]}"


def stop_on_signal() -> threading.Event:
    """Set when the process is asked to end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def open_source(folder: str, settings: Settings, values: dict[str, Any], log: Any) -> BranchSource:
    """What follows the branch; that the remote is away is logged."""
    from generator.reconciler.source import BranchSource

    repository, branch, remote = open_branch(folder, settings, values, log)

    def fail(error: Any, pause: float) -> None:
        log.warning("remote is away", error=error.message, retry_in=round(pause, 1))

    return BranchSource(repository, branch, remote, values["poll"], on_failure=fail)


def open_branch(
    folder: str, settings: Settings, values: dict[str, Any], log: Any
) -> tuple[Repository, str, Remote | None]:
    """The repository, the branch that is followed, and its remote."""
    from generator.gitops.remote import Remote
    from generator.service.workspace import Workspace

    if bool(values["url"]) != bool(values["mirror"]):
        raise click.UsageError("--url and --mirror go together")
    limit = settings.git_timeout_seconds
    if values["url"]:
        mirror = _make_mirror(values["url"], values["mirror"], log)
        branch = values["branch"]
        if not branch:
            branch = _find_branch(mirror)
        return mirror, branch, Remote(values["url"], branch, limit)
    workspace = Workspace.open(folder, settings)
    branch = values["branch"] or workspace.delivery_branch
    return workspace.repository, branch, workspace.clone.remote(branch)


def _make_mirror(url: str, folder: str, log: Any) -> Repository:
    """The mirror, also where the remote is away for as long as it likes when this starts."""
    from generator.errors import RemoteUnavailable
    from generator.gitops.repository import Repository

    pause = 1.0
    while True:
        try:
            return Repository.clone_mirror(url, folder)
        except RemoteUnavailable as error:
            log.warning("remote is away", error=error.message, retry_in=pause)
            time.sleep(pause)
            pause = min(60.0, pause * 2)


def _find_branch(mirror: Repository) -> str:
    """The branch that `revstamp.yaml` names, on whichever branch there is."""
    from generator.service.committed_files import fleet_at

    tips = mirror.git("for-each-ref", "--format=%(objectname)", "refs/heads").text.split()
    tip = mirror.tip("main") or (tips[0] if tips else None)
    return fleet_at(mirror.snapshot(tip)).settings.spec.branch if tip else "main"


def wait_for_database(
    trunk: Trunk,
    settings: Settings,
    stop: threading.Event,
    log: Any,
    meanwhile: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> tuple[Database, SchemaState] | None:
    """The database, also where it is away for as long as it likes when this starts; None when told to stop.

    `meanwhile` is entered where it has to be waited for.
    """
    from generator.cli.ledger import open_database
    from generator.errors import StoreUnavailable

    pause = 1.0
    with ExitStack() as waiting:
        while not stop.is_set():
            try:
                return open_database(trunk.repository.git_dir, settings)
            except StoreUnavailable as error:
                if pause == 1.0:
                    waiting.enter_context(meanwhile())
                log.warning("the database is away", error=error.message, retry_in=pause)
                stop.wait(pause)
                pause = min(30.0, pause * 2)
    return None


def run_background(folder: str, values: dict[str, Any], parts: tuple[str, ...]) -> None:
    """Worker, status reader or both, until the process is asked to end."""
    from generator.cli.cluster_options import Clusters
    from generator.cli.ledger import serve_from
    from generator.reconciler.log import make_log
    from generator.service.trunk import MirroredTrunk
    from generator.settings import load_settings
    from generator.worker.background import Background
    from generator.worker.reader import ReaderOptions

    settings, log = load_settings(), make_log(values["output"])
    source = open_source(folder, settings, values, log)
    trunk = MirroredTrunk(source.repository, source.branch, source.remote)
    stop = stop_on_signal()
    opened = wait_for_database(trunk, settings, stop, log)
    if opened is None:
        return
    with serve_from(trunk, *opened) as service:
        clusters = Clusters(settings, values)
        background = Background(
            service,
            source,
            clusters.find,
            name_process(),
            log,
            parts=parts,
            options=ReaderOptions(apply_seconds=values.get("apply_limit") or 900.0),
        )
        background.start()
        log.info("working", parts=list(parts), branch=source.branch, database=service.ledger.database.label)
        try:
            stop.wait()
        finally:
            log.info("stopping")
            background.close()
            clusters.close()
