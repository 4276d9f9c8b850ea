"""`revstamp serve`: the page and the API, with worker, status reader and reconciler beside them."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from generator.cli.api_processes import SOCKET, ApiProcesses, end_with
from generator.cli.background import branch_options, log_option, open_source, stop_on_signal, wait_for_database
from generator.cli.cluster_options import Clusters, cluster_options
from generator.cli.serving import PARTS, serve_here, working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.api.context import Context


@click.command("serve")
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where the API is served."
)
@click.option(
    "--only", multiple=True, type=click.Choice(PARTS), help="Run these parts only; repeatable.  [default: all]"
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="COUNT",
    help="Serve the API in so many processes; the other parts stay in this one.",
)
@branch_options
@log_option
@cluster_options
@click.pass_obj
def command(folder: str, /, listen: str, only: tuple[str, ...], workers: int, **values: Any) -> None:
    """Serve the page, the platform's routes and revstamp's own, until SIGTERM or SIGINT.

    In one process with worker, status reader and reconciler, or split by --only. Any number may run on one PostgreSQL:
    each part works in one of them at a time, the API in all.

    \b
    Examples:
      revstamp serve
      revstamp serve --only api --workers 4 --listen 0.0.0.0:8080
      REVSTAMP_DATABASE=postgresql://revstamp@db/platform revstamp serve --only api --only worker
    """
    from generator.cli.ledger import serve_from
    from generator.cli.opening import answering_meanwhile
    from generator.reconciler.log import make_log
    from generator.service.trunk import MirroredTrunk
    from generator.settings import load_settings

    settings, log = load_settings(), make_log(values["output"])
    parts, stop = only or PARTS, stop_on_signal()
    inherited = os.environ.pop(SOCKET, "")
    with _open_socket(listen, inherited, serves="api" in parts) as listener:
        source = open_source(folder, settings, values, log)
        trunk = MirroredTrunk(source.repository, source.branch, source.remote)
        waiting = partial(answering_meanwhile, listener) if listener is not None and not inherited else nullcontext
        opened = wait_for_database(trunk, settings, stop, log, waiting)
        if opened is None:
            return
        clusters, parent = Clusters(settings, values), os.getppid() if inherited else None
        if parent is not None:
            end_with(parent)
        with (
            serve_from(trunk, *opened) as service,
            working(service, source, clusters, parts, settings, log, parent=parent) as context,
        ):
            log.info("serving", parts=list(parts), listen=listen, database=service.ledger.database.label)
            if listener is None:
                stop.wait()
            elif workers > 1:
                _serve_in_processes(context, listener, workers, _words_of_child(folder, listen, values), stop)
            else:
                serve_here(context, clusters, listener, settings, stop)


@contextmanager
def _open_socket(listen: str, inherited: str, *, serves: bool) -> Iterator[socket.socket | None]:
    """What is listened on: nothing without the API, the parent's socket in a process of it."""
    from generator.cli.http_server import listening
    from generator.cli.reconcile_command import parse_address

    if not serves:
        yield None
    elif inherited:
        with socket.socket(fileno=int(inherited)) as listener:
            yield listener
    else:
        with listening(*(parse_address(listen) or ("127.0.0.1", 8080))) as listener:
            yield listener


def _serve_in_processes(
    context: Context, listener: socket.socket, count: int, words: list[str], stop: threading.Event
) -> None:
    listener.listen(2048)
    processes = ApiProcesses(words, listener.fileno(), count, context.log)
    before = signal.signal(signal.SIGUSR1, lambda *_: context.nudge())
    try:
        processes.start()
        processes.watch(stop)
    finally:
        processes.close()
        signal.signal(signal.SIGUSR1, before)


def _words_of_child(folder: str, listen: str, values: dict[str, Any]) -> list[str]:
    """The command line of a process that only serves the API."""
    words = ["-C", folder, "serve", "--only", "api", "--listen", listen]
    for name, value in values.items():
        if value not in (None, ""):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words
