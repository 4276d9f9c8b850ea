"""Following one redeployment by its events until there is a verdict.

Owns: the wait, and reading the cluster where nobody else does. Refuses: what is said about the verdict.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from generator.cli.cluster_options import Clusters

if TYPE_CHECKING:
    from generator.service.redeployments import Redeployments
    from generator.store.redeployment import Event, Redeployment

_LOOK_SECONDS = 0.1


def follow_redeployment(
    service: Redeployments, row: Redeployment, values: Mapping[str, Any], output: str
) -> Redeployment:
    """Tell each event as it comes; the row with its verdict. RolloutTimedOut after `--timeout` seconds."""
    from generator.errors import RolloutTimedOut

    seconds = values.get("timeout")
    end = None if seconds is None else time.monotonic() + seconds
    told = 0
    with _reading(service, values):
        while True:
            row = service.queries.get(row.id)
            for event in service.queries.events(row.id, after=told):
                told = event.id
                if output != "json":
                    _tell(event)
            if row.state.is_final or row.state == "proposed":
                return row
            if end is not None and time.monotonic() >= end:
                raise RolloutTimedOut(
                    f"no verdict after {seconds:g} s: redeployment {row.id} is {row.state}"
                    + (f", {row.phase}" if row.phase else ""),
                    hint=f"revstamp show {row.id} tells more; it goes on",
                    details={"redeployment": row.to_dict()},
                )
            time.sleep(_LOOK_SECONDS)


@contextmanager
def _reading(service: Redeployments, values: Mapping[str, Any]) -> Iterator[None]:
    """A worker and a status reader of our own, which only work where no other ones do."""
    from generator.cli.background import name_process
    from generator.reconciler.log import make_log
    from generator.reconciler.source import BranchSource
    from generator.settings import load_settings
    from generator.worker.background import Background

    settings = load_settings()
    log = make_log("text", io.StringIO())  # the events tell all
    source = BranchSource(service.trunk.repository, service.trunk.branch, service.trunk.remote, 1.0)
    clusters = Clusters(settings, values, connections=8)
    background = Background(service, source, clusters.find, name_process(), log)
    background.start()
    try:
        yield
    finally:
        background.close()
        clusters.close()


def _tell(event: Event) -> None:
    text = f": {event.message}" if event.message and event.message != event.name else ""
    click.echo(f"{event.at:%Y-%m-%dT%H:%M:%SZ} {event.name}{text}", file=sys.stderr)
