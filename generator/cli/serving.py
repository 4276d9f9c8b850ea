"""What `revstamp serve` consists of in one process: parts in the background, and what the routes need of them.

Owns: making and ending them in order. Refuses: how a socket is opened, and processes (`http_server`,
`api_processes`).
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from generator.cli.background import name_process
from generator.cli.cluster_options import Clusters

if TYPE_CHECKING:
    from generator.api.context import Context
    from generator.reconciler.signature import Delivery
    from generator.reconciler.source import BranchSource
    from generator.service.redeployments import Redeployments
    from generator.settings import Settings

PARTS = ("api", "worker", "reader", "reconciler")


@contextmanager
def working(
    service: Redeployments,
    source: BranchSource,
    clusters: Clusters,
    parts: tuple[str, ...],
    settings: Settings,
    log: Any,
    *,
    parent: int | None = None,
) -> Iterator[Context]:
    """The parts that work beside the API, and what its routes need of them.

    `parent`: the process whose parts are to be woken, where they work in another one than the API.
    """
    from generator.reconciler.metrics import Metrics
    from generator.worker.background import Background

    holder, metrics = name_process(), Metrics()
    reconciler = None
    if "reconciler" in parts:
        from generator.reconciler.reconciler import Reconciler

        reconciler = Reconciler(source, clusters.find, holder, metrics, log)
    chosen = tuple(part for part in ("worker", "reader") if part in parts)
    background = Background(service, source, clusters.find, holder, log, parts=chosen)

    def nudge() -> None:
        background.nudge()
        source.nudge()
        if parent is not None:
            wake(parent)

    background.start()  # the source too, for all of them
    try:
        yield _make_context(service, settings, log, background, source, metrics, nudge)
    finally:
        log.info("stopping")
        background.close()
        if reconciler is not None:
            reconciler.close()
        clusters.close()


def serve_here(
    context: Context, clusters: Clusters, listener: socket.socket, settings: Settings, stop: threading.Event
) -> None:
    """Serve page and API in this process until SIGINT or SIGTERM; `stop` as for `serve_until_signal`."""
    from generator.api.app import create_app
    from generator.cli.http_server import serve_until_signal
    from generator.page.drift import drift_of
    from generator.page.routes import install_pages

    drift = drift_of(context.service.trunk, clusters.find)
    origins = tuple(filter(None, (origin.strip() for origin in settings.origins.split(","))))
    app = create_app(context, origins=origins, install=lambda app: install_pages(app, drift=drift))
    serve_until_signal(app, listener, stop, on_signal=app.end_streams)


def wake(process: int) -> None:
    """Let the parts of another process look at ledger and branch now; one that has ended needs no waking."""
    try:
        os.kill(process, signal.SIGUSR1)
    except ProcessLookupError:
        return


def _make_context(
    service: Redeployments,
    settings: Settings,
    log: Any,
    background: Any,
    source: BranchSource,
    metrics: Any,
    nudge: Callable[[], None],
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

    def readiness() -> dict[str, str]:
        missing: dict[str, str] = background.errors()
        try:
            service.queries.last_event_id()
        except RevstampError as error:
            missing["database"] = error.message
        if source.state.error:
            missing["repository"] = source.state.error
        return missing

    webhooks = WebhookJudge(secret, source.branch)

    def judge(headers: Mapping[str, str], body: bytes) -> Delivery:
        delivery = webhooks.judge(body, headers)
        metrics.webhooks.labels(delivery.outcome).inc()
        return delivery

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
        judge if secret else None,
    )
