"""Answers of a Kubernetes API server that are no success, and what a request was about.

Owns: reading a `Status` and its causes, whatever else may come in its place, and whether the server is only busy.
Refuses: which error that is (`api_errors`). Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator.cluster.kinds import Kind, ObjectRef

_LONGEST_TEXT = 300
_BUSY = re.compile(
    r"etcdserver: (leader changed|no leader|request timed out|too many requests|server stopped)"
    r"|leader changed|context deadline exceeded|transport is closing|connection refused|storage is \(re\)initializing"
    r"|the server is currently unable|apiserver is shutting down",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class About:
    """What a request is about, for messages. `verb` is the API's, such as `patch`."""

    cluster: str
    verb: str
    kind: Kind | None = None
    ref: ObjectRef | None = None
    namespace: str = ""
    path: str = ""

    def __str__(self) -> str:
        if self.ref is not None:
            return f"{self.ref} in the cluster {self.cluster!r}"
        if self.kind is not None:
            space = f" of the namespace {self.namespace}" if self.namespace else ""
            return f"{self.kind.plural or self.kind.name}{space} in the cluster {self.cluster!r}"
        return f"the cluster {self.cluster!r}"

    @property
    def details(self) -> dict[str, Any]:
        """For `details` of an error."""
        found: dict[str, Any] = {"cluster": self.cluster, "verb": self.verb}
        if self.ref is not None:
            found |= {"kind": self.ref.kind.name, "namespace": self.ref.namespace, "name": self.ref.name}
        elif self.kind is not None:
            found |= {"kind": self.kind.name, "namespace": self.namespace}
        return found


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of 400 and more. `status` is the API's `Status`, empty where it sent something else: then `text`."""

    code: int
    status: Mapping[str, Any]
    text: str = ""

    @property
    def reason(self) -> str:
        """The API's word, such as `Conflict`."""
        return str(self.status.get("reason") or "")

    @property
    def message(self) -> str:
        """The API's sentence, on one line."""
        return " ".join(str(self.status.get("message") or self.text).split())

    @property
    def details(self) -> Mapping[str, Any]:
        """What the API adds."""
        found = self.status.get("details")
        return found if isinstance(found, Mapping) else {}

    @property
    def causes(self) -> Sequence[Mapping[str, Any]]:
        """Its causes, one a field."""
        found = self.details.get("causes")
        return [cause for cause in found if isinstance(cause, Mapping)] if isinstance(found, list) else []

    @property
    def is_busy(self) -> bool:
        """Whether the server itself says that the same request may succeed in a moment."""
        if self.code in (429, 502, 503, 504):
            return True
        return self.code == 500 and bool(_BUSY.search(self.message)) and "webhook" not in self.message


def read_refusal(code: int, data: bytes) -> Refusal:
    """The answer's body, whatever it is."""
    text = data.decode("utf-8", "replace")
    try:
        status = json.loads(text)
    except ValueError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return Refusal(code, status)
    return Refusal(code, {}, text[:_LONGEST_TEXT])
