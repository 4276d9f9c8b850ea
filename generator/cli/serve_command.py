"""`revstamp serve`: the API, with worker, status reader and reconciler beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from generator.cli.background import branch_options, log_option, name_process, open_source, stop_on_signal
from generator.cli.cluster_options import cluster_options, open_named_cluster

if TYPE_CHECKING:
    from generator.api.context import Context
    from generator.reconciler.source import BranchSource
    from generator.service.redeployments import Redeployments
    from generator.settings import Settings

PARTS = ("api", "worker", "reader", "reconciler")


@click.command("serve")
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where the API is served."
)
@click.option(
    "--only", multiple=True, type=click.Choice(PARTS), help="Run these parts only; repeatable.  [default: all]"
)
@branch_options
@log_option
@cluster_options
@click.pass_obj
def command(folder: str, /, listen: str, only: tuple[str, ...], **values: Any) -> None:
    """Serve the platform's routes and revstamp's own, until SIGTERM or SIGINT.

    In one process with worker, status reader and reconciler, or split by --only. Any number may run on one PostgreSQL:
    each part works in one of them at a time, the API in all.

    \b
    Examples:
      revstamp serve
      revstamp serve --only api --listen 0.0.0.0:8080
      REVSTAMP_DATABASE=postgresql://revstamp@db/platform revstamp serve --only api --only worker
    """
    from generator.api.app import create_app
    from generator.cli.http_server import listening, serve_until_signal
    from generator.cli.ledger import open_service
    from generator.cli.reconcile_command import parse_address
    from generator.page.drift import drift_of
    from generator.page.routes import install_pages
    from generator.reconciler.log import make_log
    from generator.service.trunk import MirroredTrunk
    from generator.settings import load_settings

    settings, log = load_settings(), make_log(values["output"])
    address = parse_address(listen)
    source = open_source(folder, settings, values, log)
    parts = only or PARTS
    trunk = MirroredTrunk(source.repository, source.branch, source.remote)
    with open_service(trunk, settings) as service, _working(service, source, parts, settings, values, log) as context:
        connect = cache(lambda name: open_named_cluster(name, settings, values, connections=4))
        log.info("serving", parts=list(parts), listen=listen, database=service.ledger.database.label)
        if "api" not in parts:
            stop_on_signal().wait()
            return

        def install(app: Any) -> None:
            install_pages(app, drift=drift_of(trunk, connect))

        origins = tuple(filter(None, (origin.strip() for origin in settings.origins.split(","))))
        app = create_app(context, origins=origins, install=install)
        with listening(*(address or ("127.0.0.1", 8080))) as listener:
            serve_until_signal(app, listener)


@contextmanager
def _working(
    service: Redeployments, source: BranchSource, parts: tuple[str, ...], settings: Settings, values: Any, log: Any
) -> Iterator[Context]:
    """The parts that work beside the API, and what its routes need of them."""
    from generator.reconciler.metrics import Metrics
    from generator.reconciler.reconciler import Reconciler
    from generator.worker.background import Background

    holder, metrics = name_process(), Metrics()

    def connect(name: str) -> Any:
        return open_named_cluster(name, settings, values, connections=12)

    reconciler = Reconciler(source, connect, holder, metrics, log) if "reconciler" in parts else None
    chosen = tuple(part for part in ("worker", "reader") if part in parts)
    background = Background(service, source, connect, holder, log, parts=chosen)
    background.start()  # the source too, for all of them
    try:
        yield _make_context(service, settings, log, background, source, metrics)
    finally:
        log.info("stopping")
        background.close()
        if reconciler is not None:
            reconciler.close()


def _make_context(
    service: Redeployments, settings: Settings, log: Any, background: Any, source: BranchSource, metrics: Any
) -> Context:
    from generator.api.context import Context
    from generator.api.identity import Identifier, TokenRules, key_source, parse_networks, parse_person
    from generator.api.rate import RateLimit
    from generator.api.roles import parse_roles
    from generator.errors import RevstampError
    from generator.reconciler.webhook import WebhookJudge

    tokens = None
    if settings.token_keys:
        tokens = TokenRules(key_source(settings.token_keys), settings.token_issuer, settings.token_audience)
    secret = settings.webhook_secret

    def nudge() -> None:
        background.nudge()
        source.nudge()

    def readiness() -> dict[str, str]:
        missing: dict[str, str] = background.errors()
        try:
            service.queries.last_event_id()
        except RevstampError as error:
            missing["database"] = error.message
        if source.state.error:
            missing["repository"] = source.state.error
        return missing

    return Context(
        service,
        service.platform,
        Identifier(parse_networks(settings.proxies), tokens, parse_person(settings.local_user)),
        parse_roles(settings.roles),
        RateLimit(settings.writes_per_minute),
        log,
        nudge,
        readiness,
        metrics.render,
        WebhookJudge(secret, source.branch) if secret else None,
    )
