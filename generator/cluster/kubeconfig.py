"""Kubeconfigs: which contexts there are, and which one a cluster's name means.

Owns: the order in which places are looked through, kubectl's rules of merging files as far as contexts go, and errors
that name what there is. Refuses: credentials; the official client loads them (`credentials`). No content of a file
is ever part of a message.
Source: kubectl takes the first file's `current-context` (kubernetes.io, "Organizing Cluster Access Using kubeconfig
Files"); the official client takes the last one's, so that the context is always handed to it by name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from generator.cluster.places import ClusterPlace, Way
from generator.errors import ClusterNotConfigured

DEFAULT_CLUSTER = "default"
"""The one name that may mean the current context."""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """What the files say together. `contexts` maps a name to its `cluster` and `user`."""

    files: tuple[str, ...] = ()
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    current: str = ""
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clusters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The files, for people."""
        return ", ".join(self.files) or "no kubeconfig"

    def user_of(self, context: str) -> Mapping[str, Any]:
        """The user's entry of a context; empty where it has none."""
        return self.users.get(str(self.contexts.get(context, {}).get("user")), {})

    def server_of(self, context: str) -> str:
        """Address of a context's API server; empty where it is not given."""
        cluster = self.clusters.get(str(self.contexts.get(context, {}).get("cluster")), {})
        return str(cluster.get("server") or "")


def find_place(
    name: str,
    *,
    kubeconfig: str = "",
    context: str = "",
    mapping: Mapping[str, ClusterPlace],
    environment: Mapping[str, str],
) -> ClusterPlace:
    """The place that a cluster's name means, with file and context filled in.

    Arguments win, then the mapping, then a context of that name in the default kubeconfig, then, for `default`, the
    current context or the pod's own service account. ClusterNotConfigured names the contexts there are.
    """
    if kubeconfig or context:
        return _fill_place(name, ClusterPlace(Way.KUBECONFIG, kubeconfig, context), environment)
    if name in mapping:
        return _fill_place(name, mapping[name], environment)
    found = read_kubeconfig(default_files(environment), must_exist=False)
    if name in found.contexts:
        return ClusterPlace(Way.KUBECONFIG, os.pathsep.join(found.files), name)
    if name == DEFAULT_CLUSTER:
        if found.current:
            return _fill_place(name, ClusterPlace(Way.KUBECONFIG), environment)
        if environment.get("KUBERNETES_SERVICE_HOST"):
            return ClusterPlace(Way.IN_CLUSTER)
    raise ClusterNotConfigured(
        f"nothing says how the cluster {name!r} is reached: it is not in REVSTAMP_CLUSTERS, and {_say_contexts(found)}",
        hint=f"set REVSTAMP_CLUSTERS={name}=FILE#CONTEXT, name a context {name!r}, or give --kubeconfig and --context",
        details={"cluster": name, "contexts": sorted(found.contexts)},
    )


def default_files(environment: Mapping[str, str]) -> str:
    """`$KUBECONFIG`, or the file in the home folder."""
    return environment.get("KUBECONFIG") or str(Path(environment.get("HOME") or "~") / ".kube/config")


def _fill_place(name: str, place: ClusterPlace, environment: Mapping[str, str]) -> ClusterPlace:
    if place.way is not Way.KUBECONFIG:
        return place
    given = place.kubeconfig or default_files(environment)
    found = read_kubeconfig(given, must_exist=True)
    context = place.context or found.current
    details = {"cluster": name, "contexts": sorted(found.contexts)}
    if not context:
        raise ClusterNotConfigured(
            f"{found.place} has no current context for the cluster {name!r}, and {_say_contexts(found)}",
            hint="give one with --context, or set it with `kubectl config use-context`",
            details=details,
        )
    if context not in found.contexts:
        raise ClusterNotConfigured(
            f"there is no context {context!r} for the cluster {name!r}: {_say_contexts(found)}", details=details
        )
    return ClusterPlace(Way.KUBECONFIG, os.pathsep.join(found.files), context)


def _say_contexts(found: Kubeconfig) -> str:
    if not found.files:
        return "there is no kubeconfig"
    if not found.contexts:
        return f"{found.place} has no contexts"
    names = sorted(found.contexts)
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"{found.place} has the contexts {', '.join(names[:10])}{more}"


def read_kubeconfig(paths: str, *, must_exist: bool) -> Kubeconfig:
    """The files of a list such as `$KUBECONFIG`, merged: the first to name something wins, missing ones are skipped.

    ClusterNotConfigured where a file cannot be read, or, with `must_exist`, where none of them exists.
    """
    named = [Path(path).expanduser() for path in paths.split(os.pathsep) if path]
    files = [path for path in named if path.exists()]
    if must_exist and not files:
        raise ClusterNotConfigured(f"there is no kubeconfig: {' and '.join(map(str, named))} does not exist")
    documents = [_read_file(path) for path in files]
    return Kubeconfig(
        tuple(map(str, files)),
        _merge_named(documents, "contexts", "context"),
        next((str(each["current-context"]) for each in documents if each.get("current-context")), ""),
        _merge_named(documents, "users", "user"),
        _merge_named(documents, "clusters", "cluster"),
    )


def _read_file(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except OSError as error:
        raise ClusterNotConfigured(f"the kubeconfig {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        # Not chained: the parser's error quotes the line, which may hold a token.
        raise ClusterNotConfigured(f"the kubeconfig {path}{where} is not YAML") from None
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise ClusterNotConfigured(f"{path} is no kubeconfig: it holds no mapping")
    return document


def _merge_named(documents: list[Mapping[str, Any]], kind: str, what: str) -> dict[str, Mapping[str, Any]]:
    merged: dict[str, Mapping[str, Any]] = {}
    for document in documents:
        entries = document.get(kind)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and entry.get("name"):
                value = entry.get(what)
                merged.setdefault(str(entry["name"]), value if isinstance(value, Mapping) else {})
    return merged
