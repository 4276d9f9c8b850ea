"""The page over what the demo has left: endpoints in different states, on the simulated cluster.

Owns: the wishes that bring endpoints into their states. Refuses: the steps before it (`demo_steps`), and what
`revstamp serve` consists of (`serving`).
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.cli.output import say

if TYPE_CHECKING:
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


def serve_page(folder: pathlib.Path, port: int) -> None:
    """Serve it until SIGINT or SIGTERM. `port` 0: any free one."""
    import io

    from generator.cli.background import stop_on_signal
    from generator.cli.cluster_options import Clusters
    from generator.cli.http_server import listening
    from generator.cli.ledger import open_service
    from generator.cli.serving import PARTS, serve_here, working
    from generator.reconciler.log import make_log
    from generator.reconciler.source import BranchSource
    from generator.service.trunk import ClonedTrunk
    from generator.service.workspace import Workspace
    from generator.settings import Settings

    settings, log = Settings(local_user=VISITOR), make_log("json", io.StringIO())
    workspace, clusters = Workspace.open(folder, settings), Clusters(settings, {})
    for name in workspace.fleet.environment_names():
        clusters.find(workspace.fleet.environment(name)[0].spec.cluster)  # the demo's own, which only this thread knows
    source = BranchSource(workspace.repository, workspace.delivery_branch, None, 0.2)
    with (
        listening("127.0.0.1", port) as listener,
        open_service(ClonedTrunk(workspace), settings) as service,
        working(service, source, clusters, PARTS, settings, log) as context,
    ):
        _make_wishes(service)
        say(f"\nThe page: http://127.0.0.1:{listener.getsockname()[1]}/   (Ctrl-C ends it)")
        sys.stdout.flush()
        serve_here(context, clusters, listener, settings, stop_on_signal())


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
