"""A kubeconfig's current context: where the server is, how to trust it and who we are.

Owns: reading tokens, client certificates and certificate authorities, and writing a kubeconfig with a token. Refuses:
credential plugins (`exec`), which would run a program of the file's choice.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.testbed.errors import TestbedError


@dataclass(frozen=True)
class Access:
    """A server and what to show it. `token` is empty where a client certificate in `tls` says who we are."""

    server: str
    tls: ssl.SSLContext
    token: str


def read_access(path: Path) -> Access:
    """Raises TestbedError where the current context uses something else than a token or a certificate."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    context = _named(config, "context", config.get("current-context"))
    cluster = _named(config, "cluster", context["cluster"])
    user = _named(config, "user", context["user"])
    if "exec" in user or "auth-provider" in user:
        raise TestbedError(
            f"{path}: user {context['user']} logs in by a plugin", "name a kubeconfig with a token or a certificate"
        )
    tls = ssl.create_default_context(cadata=_bytes(cluster, "certificate-authority", path).decode("ascii") or None)
    # Since Python 3.13 the default; the certificates that an API server makes for itself lack what it asks for.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    certificate = _bytes(user, "client-certificate", path)
    if certificate:
        with tempfile.NamedTemporaryFile() as file:  # the ssl module reads client keys from files only
            file.write(certificate + b"\n" + _bytes(user, "client-key", path))
            file.flush()
            tls.load_cert_chain(file.name)
    return Access(cluster["server"], tls, user.get("token", ""))


def write_kubeconfig(path: Path, *, server: str, authority: Path, user: str, token: str) -> None:
    """One cluster, one user, for nobody else's eyes."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "testbed",
                "cluster": {
                    "server": server,
                    "certificate-authority-data": base64.b64encode(authority.read_bytes()).decode("ascii"),
                },
            }
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
        "current-context": "testbed",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def _named(config: dict[str, Any], kind: str, name: str | None) -> dict[str, Any]:
    for each in config.get(f"{kind}s") or ():
        if each["name"] == name:
            found: dict[str, Any] = each[kind]
            return found
    raise TestbedError(f"the kubeconfig has no {kind} named {name}")


def _bytes(entry: dict[str, Any], name: str, beside: Path) -> bytes:
    """A value that stands in the file itself or in a file that it names."""
    if f"{name}-data" in entry:
        return base64.b64decode(entry[f"{name}-data"])
    return (beside.parent / entry[name]).read_bytes() if name in entry else b""
