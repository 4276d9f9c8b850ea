"""`revstamp reconcile`: keep clusters at what the branch says, for ever."""

from __future__ import annotations

from typing import Any

import click

from generator.cli.background import branch_options, log_option, name_process, open_source, stop_on_signal
from generator.cli.cluster_options import cluster_options, open_named_cluster
from generator.errors import InvalidInput


@click.command("reconcile")
@click.option("--environment", "-e", "environments", multiple=True, metavar="NAME", help="Only these.  [default: all]")
@branch_options
@click.option(
    "--full-pass",
    type=click.FloatRange(min=1),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How often every endpoint is compared.",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve /healthz, /readyz, /metrics and the webhook there.")
@log_option
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
    address = parse_address(values["listen"])
    source = open_source(folder, settings, values, log)
    reconciler = Reconciler(
        source,
        lambda name: open_named_cluster(name, settings, values, connections=12),
        name_process(),
        metrics,
        log,
        LoopOptions(full_pass_seconds=values["full_pass"]),
        environments,
    )
    stop = stop_on_signal()
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


def parse_address(text: str | None) -> tuple[str, int] | None:
    """Host and port. InvalidInput where it is not of that shape."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise InvalidInput(f"{text!r} is not HOST:PORT", hint="write 127.0.0.1:8080, or 0.0.0.0:8080 in a container")
    return host.strip("[]") or "127.0.0.1", int(port)
