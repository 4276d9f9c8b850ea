"""What the commands have in common that speak to a cluster.

Owns: `--kubeconfig` and `--context`, and the way from a cluster's name to the cluster. Refuses: what is done there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from generator.cluster.port import Cluster
    from generator.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(function: F) -> F:
    """Adds `--kubeconfig` and `--context` to a command."""
    options = (
        click.option(
            "--kubeconfig",
            metavar="FILE",
            default="",
            help="Use the cluster of this kubeconfig, whatever name the environment gives.",
        ),
        click.option("--context", default="", metavar="NAME", help="Context of the kubeconfig.  [default: current]"),
    )
    for option in reversed(options):
        function = option(function)
    return function


OPENER: ContextVar[Callable[[str], Cluster] | None] = ContextVar("opener", default=None)
"""What opens clusters in place of settings and options: the demo's own."""


class Clusters:
    """Clusters by the names that environments give them, each opened once. May be shared by threads."""

    def __init__(self, settings: Settings, values: Mapping[str, Any], *, connections: int = 12) -> None:
        self._open = partial(open_named_cluster, settings=settings, values=values, connections=connections)
        self._lock = threading.Lock()
        self._known: dict[str, Cluster] = {}

    def find(self, name: str) -> Cluster:
        """The cluster. Errors as when it is opened."""
        with self._lock:
            if name not in self._known:
                self._known[name] = self._open(name)
            return self._known[name]

    def close(self) -> None:
        """Close all that were opened."""
        with self._lock:
            for cluster in self._known.values():
                cluster.close()
            self._known.clear()


def open_named_cluster(name: str, settings: Settings, values: Mapping[str, Any], *, connections: int = 8) -> Cluster:
    """The cluster that an environment calls by this name, by the options or the settings."""
    opener = OPENER.get()
    if opener is not None:
        return opener(name)
    from generator.cluster.open import open_cluster
    from generator.cluster.places import parse_places

    return open_cluster(
        name,
        kubeconfig=values.get("kubeconfig") or "",
        context=values.get("context") or "",
        mapping=parse_places(settings.clusters),
        connections=connections,
    )
