"""`revstamp reconcile`: keep clusters at what the branch says, for ever."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import click

from generator.cli.cluster_options import cluster_options, open_named_cluster
from generator.errors import InvalidInput

if TYPE_CHECKING:
    from generator.gitops.remote import Remote
    from generator.gitops.repository import Repository
    from generator.reconciler.source import BranchSource
    from generator.settings import Settings


@click.command("reconcile")
@click.option("--environment", "-e", "environments", multiple=True, metavar="NAME", help="Only these.  [default: all]")
@click.option("--url", metavar="URL", help="Follow this remote through a mirror of its own, without a clone.")
@click.option("--mirror", metavar="FOLDER", type=click.Path(file_okay=False), help="Where the mirror is kept.")
@click.option("--branch", metavar="NAME", help="The branch.  [default: the one that revstamp.yaml names]")
@click.option(
    "--poll",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How often the branch is looked at, beside webhooks.",
)
@click.option(
    "--full-pass",
    type=click.FloatRange(min=1),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How often every endpoint is compared.",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve /healthz, /readyz, /metrics and the webhook there.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["auto", "text", "json"]),
    default="auto",
    show_default=True,
    help="Log lines as text or JSON; auto: text on a terminal.",
)
@cluster_options
@click.pass_obj
def command(folder: str, /, environments: tuple[str, ...], **values: Any) -> None:
    """Follow the branch and keep every environment's cluster at what it says.

    Only what changed is applied; a full pass runs at the start and every so often; what people change in the cluster
    is seen at once, and reported or undone as the environment says. Several instances elect a leader for each
    environment. Ends on SIGTERM or SIGINT, and gives its leases back.

    \b
    Examples:
      revstamp reconcile
      revstamp reconcile -e prod --listen 127.0.0.1:8080 --poll 30
      revstamp reconcile --url https://git.example.com/team/gitops.git --mirror /var/lib/revstamp/mirror
    """
    from generator.reconciler.log import make_log
    from generator.reconciler.metrics import Metrics
    from generator.reconciler.reconciler import Reconciler
    from generator.reconciler.server import FaceServer
    from generator.reconciler.watched_environment import LoopOptions
    from generator.settings import load_settings

    settings = load_settings()
    log, metrics = make_log(values["output"]), Metrics()
    address = _parse_address(values["listen"])
    source = _open_source(folder, settings, values, log)
    reconciler = Reconciler(
        source,
        lambda name: open_named_cluster(name, settings, values, connections=12),
        f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4().hex[:8]}",
        metrics,
        log,
        LoopOptions(full_pass_seconds=values["full_pass"]),
        environments,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    face = None
    if address is not None:
        face = FaceServer(
            address,
            metrics,
            reconciler.readiness,
            source.nudge,
            branch=source.branch,
            webhook_secret=settings.webhook_secret,
        )
        face.start()
        log.info("listening", port=face.port)
    reconciler.start()
    log.info("reconciling", branch=source.branch, remote=str(source.remote or "none: the local branch"))
    try:
        stop.wait()
    finally:
        log.info("stopping")
        reconciler.close()
        if face is not None:
            face.close()


def _parse_address(text: str | None) -> tuple[str, int] | None:
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise InvalidInput(f"{text!r} is not HOST:PORT", hint="write 127.0.0.1:8080, or 0.0.0.0:8080 in a container")
    return host.strip("[]") or "127.0.0.1", int(port)


def _open_source(folder: str, settings: Settings, values: dict[str, Any], log: Any) -> BranchSource:
    from generator.reconciler.source import BranchSource

    repository, branch, remote = _open_branch(folder, settings, values, log)

    def fail(error: Any, pause: float) -> None:
        log.warning("remote is away", error=error.message, retry_in=round(pause, 1))

    return BranchSource(repository, branch, remote, values["poll"], on_failure=fail)


def _open_branch(
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
    from generator.service.commit import fleet_at

    tips = mirror.git("for-each-ref", "--format=%(objectname)", "refs/heads").text.split()
    tip = mirror.tip("main") or (tips[0] if tips else None)
    return fleet_at(mirror.snapshot(tip)).settings.spec.branch if tip else "main"
