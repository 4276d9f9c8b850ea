"""The page over what the demo has left: endpoints in different states, on the simulated cluster.

Owns: making everything that `revstamp serve` consists of in one process, and the wishes that bring endpoints into their
states. Refuses: the steps before it (`demo_steps`).
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.cli.output import say

if TYPE_CHECKING:
    from generator.cluster.port import Cluster
    from generator.service.recording import Asker
    from generator.service.redeployments import Redeployments
    from generator.spec.document import Path

VISITOR = "demo"
_CRASHING = "registry.internal/serve/vllm:fate-crash-loop"
_SLOW = "registry.internal/serve/tgi:fate-slow-load-after-20m"


@dataclass(frozen=True, slots=True)
class Wished:
    """One wish, by the page's own fields. `waits`: for its verdict, before the next one is made."""

    endpoint: str
    reason: str
    fields: Mapping[Path, Any]
    kind: str = "redeploy"
    waits: bool = False


WISHES: tuple[Wished, ...] = (
    Wished("prod/embed", "new tokenizer", {}, waits=True),
    Wished("prod/chat", "a night of quiet, then the new build", {("spec", "image"): _CRASHING}),
    Wished("stg/search", "try the larger context", {("spec", "image"): _SLOW}),
    Wished("prod/large", "the launch", {("spec", "replicas", "min"): 3, ("spec", "replicas", "max"): 4}),
    Wished("dev/chat", "not needed over the weekend", {}, kind="stop"),
)


def serve_page(folder: pathlib.Path, cluster: Cluster, port: int) -> None:
    """Serve it until SIGINT or SIGTERM. `port` 0: any free one."""
    from generator.cli.background import stop_on_signal
    from generator.cli.http_server import listening, serve_until_signal

    with listening("127.0.0.1", port) as listener, _working(folder, cluster) as app:
        say(f"\nThe page: http://127.0.0.1:{listener.getsockname()[1]}/   (Ctrl-C ends it)")
        sys.stdout.flush()
        serve_until_signal(app, listener, stop_on_signal(), grace_seconds=2, on_signal=app.end_streams)


@contextmanager
def _working(folder: pathlib.Path, cluster: Cluster) -> Iterator[Any]:
    """The application, with worker, status reader and reconciler at work."""
    import io

    from generator.api.app import create_app
    from generator.api.context import Context
    from generator.api.identity import READER, Identifier, Person
    from generator.api.rate import RateLimit
    from generator.api.roles import Roles
    from generator.cli.ledger import open_database, serve_from
    from generator.page.drift import drift_of
    from generator.page.routes import install_pages
    from generator.reconciler.log import make_log
    from generator.reconciler.metrics import Metrics
    from generator.reconciler.reconciler import Reconciler
    from generator.reconciler.source import BranchSource
    from generator.service.trunk import ClonedTrunk
    from generator.service.workspace import Workspace
    from generator.settings import Settings
    from generator.worker.background import Background

    settings, log = Settings(), make_log("json", io.StringIO())
    workspace = Workspace.open(folder, settings)
    trunk = ClonedTrunk(workspace)
    source = BranchSource(workspace.repository, workspace.delivery_branch, None, 0.2)
    with serve_from(trunk, *open_database(trunk.repository.git_dir, settings)) as service:
        reconciler = Reconciler(source, lambda _: cluster, VISITOR, Metrics(), log)
        background = Background(service, source, lambda _: cluster, VISITOR, log)
        background.start()
        try:
            _make_wishes(service)
            person = Person(VISITOR, frozenset((READER,)))
            context = Context(
                service,
                service.platform,
                Identifier(local=person),
                Roles(),
                RateLimit(0),
                log,
                background.nudge,
            )
            drift = drift_of(service.trunk, lambda _: cluster)
            yield create_app(context, install=lambda app: install_pages(app, drift=drift))
        finally:
            background.close()
            reconciler.close()


def _make_wishes(service: Redeployments) -> None:
    """Bring endpoints into different states, whoever looks at them."""
    from generator.service.recording import Asker

    for wished in WISHES:
        accepted = _make_wish(service, wished, Asker(f"{VISITOR} <{VISITOR}@localhost>", wished.reason))
        if wished.waits:
            _wait(service, accepted.row.id)


def _make_wish(service: Redeployments, wished: Wished, asker: Asker) -> Any:
    from generator.spec.patch import Patch

    if wished.kind == "stop":
        return service.scale(wished.endpoint, asker, 0, 0)
    return service.redeploy(wished.endpoint, asker, None, Patch(wished.fields))


def _wait(service: Redeployments, number: int, seconds: float = 20.0) -> None:
    import time

    end = time.monotonic() + seconds
    while not service.queries.get(number).state.is_final and time.monotonic() < end:
        time.sleep(0.05)
