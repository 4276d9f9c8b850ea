"""Addresses and credentials of a cluster, as the official client loads them.

Owns: the client's configuration for a place, and its failures turned into ours. Refuses: choosing the place
(`kubeconfig`), requests (`connection`).
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from generator.cluster.kubeconfig import Kubeconfig, read_kubeconfig
from generator.cluster.places import ClusterPlace, Way
from generator.errors import ClusterError, ClusterNotConfigured, ClusterUnauthorized

if TYPE_CHECKING:
    from kubernetes.client import Configuration


def load_configuration(name: str, place: ClusterPlace) -> Configuration:
    """The client's configuration; exec plugins and token files are asked anew at each call.

    ClusterNotConfigured where the place says too little, ClusterUnauthorized where a plugin gives no credentials.
    """
    # The client takes a quarter of a second to import: only who speaks to a cluster pays for it.
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException

    configuration = Configuration()
    try:
        if place.way is Way.IN_CLUSTER:
            _load_in_cluster(configuration)
        else:
            _load_context(name, configuration, place)
    except ClusterError:
        raise
    except (ConfigException, OSError, ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ClusterNotConfigured(
            f"the credentials of the cluster {name!r} cannot be loaded: {error}",
            hint="`kubectl config view` shows what the kubeconfig holds",
            details={"cluster": name},
        ) from error
    return configuration


def _load_in_cluster(configuration: Configuration) -> None:
    from kubernetes.config import load_incluster_config

    load_incluster_config(  # type: ignore[no-untyped-call]
        client_configuration=configuration
    )


def _load_context(name: str, configuration: Configuration, place: ClusterPlace) -> None:
    from kubernetes.config import load_kube_config

    found = read_kubeconfig(place.kubeconfig, must_exist=True)
    if not found.server_of(place.context):
        raise ClusterNotConfigured(
            f"the context {place.context!r} in {found.place} names no cluster with a server",
            details={"cluster": name},
        )
    load_kube_config(  # type: ignore[no-untyped-call]
        config_file=place.kubeconfig, context=place.context, client_configuration=configuration
    )
    _check_plugin(name, configuration, found, place.context)


def _check_plugin(name: str, configuration: Configuration, found: Kubeconfig, context: str) -> None:
    """The client only logs a plugin's failure and goes on as anonymous: that would read as a missing right."""
    plugin = found.user_of(context).get("exec")
    if not isinstance(plugin, Mapping) or configuration.auth_settings() or configuration.cert_file:
        return
    raise ClusterUnauthorized(
        f"the credential plugin {plugin.get('command')!r} of the context {context!r} gives no credentials"
        f" for the cluster {name!r}",
        hint=f"`kubectl --context {context} auth whoami` shows what it says; log in anew",
        details={"cluster": name},
    )


def read_impersonation(place: ClusterPlace) -> dict[str, str]:
    """Headers for the `as` fields of a kubeconfig's user, which the official client leaves out.

    Left out, requests would be made with more rights than the file says. Several groups are not possible in one
    header: ClusterNotConfigured.
    Source: kubernetes.io, "Authenticating", user impersonation.
    """
    if place.way is not Way.KUBECONFIG:
        return {}
    user = read_kubeconfig(place.kubeconfig, must_exist=True).user_of(place.context)
    headers: dict[str, Any] = {}
    if user.get("as"):
        headers["Impersonate-User"] = user["as"]
    if user.get("as-uid"):
        headers["Impersonate-Uid"] = user["as-uid"]
    groups = user.get("as-groups") or []
    if len(groups) > 1 or user.get("as-user-extra"):
        raise ClusterNotConfigured(
            f"the context {place.context!r} impersonates with several groups or extras, which revstamp cannot do",
            hint="give it a user of its own",
        )
    if groups:
        headers["Impersonate-Group"] = groups[0]
    return {key: str(value) for key, value in headers.items()}
