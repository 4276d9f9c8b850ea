"""What the way to an API server may do to a request: the faults, and how a Kubernetes API server words them.

Owns: the actions and the `Status` bodies. Refuses: sending anything; the proxy does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Answer:
    """A status in place of the server's answer; the server does not see the request."""

    status: int
    reason: str
    message: str = "asked for by a test"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """A `Status` object, as clients of Kubernetes expect it."""
        details = {"retryAfterSeconds": int(self.headers["Retry-After"])} if "Retry-After" in self.headers else {}
        content = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
            "reason": self.reason, "details": details, "code": self.status,
        }  # fmt: skip
        return json.dumps(content).encode()


def conflict() -> Answer:
    """409, as when somebody else wrote the object in between."""
    return Answer(409, "Conflict", "the object has been modified; please apply your changes to the latest version")


def gone() -> Answer:
    """410, as when a resource version is older than what the server remembers."""
    return Answer(410, "Expired", "too old resource version")


def too_many_requests(retry_after: int = 1) -> Answer:
    """429 with Retry-After in seconds."""
    return Answer(
        429, "TooManyRequests", "the server has received too many requests", {"Retry-After": str(retry_after)}
    )


def internal_error() -> Answer:
    """500."""
    return Answer(500, "InternalError", "Internal error occurred: etcdserver: request timed out")


@dataclass(frozen=True, slots=True)
class DropRequest:
    """The connection breaks before the server sees the request."""


@dataclass(frozen=True, slots=True)
class DropAnswer:
    """The server does as asked, and the connection breaks after so many bytes of the body; None is before its head."""

    after: int | None = None


@dataclass(frozen=True, slots=True)
class EndWatch:
    """A watch ends after so many events, or so many seconds, whichever comes first.

    `error` is sent as a last event of type ERROR (a server tells `gone()` so); `broken` breaks the connection instead
    of ending the answer as a server does at its time limit.
    """

    after_events: int | None = None
    after_seconds: float | None = None
    error: Answer | None = None
    broken: bool = False


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request as faults are matched against it. `path` has no query."""

    method: str
    path: str
    query: str

    @property
    def is_watch(self) -> bool:
        """Whether events are asked for."""
        return re.search(r"(^|&)watch=(1|t|true)(&|$)", self.query, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests: method and path as shell patterns, and whether it must be a watch or must not be one."""

    method: str = "*"
    path: str = "*"
    watch: bool | None = None

    def __call__(self, request: ApiRequest) -> bool:
        is_wanted = self.watch is None or self.watch == request.is_watch
        return is_wanted and fnmatchcase(request.method, self.method) and fnmatchcase(request.path, self.path)


@dataclass(frozen=True, slots=True)
class ApiExchange:
    """A request whose answer is on its way, or a watch that is over.

    `status` is what the client gets, 0 where the connection breaks before any.
    """

    request: ApiRequest
    status: int
    events: int = 0
    """Events of a watch that the client got."""

    fault: object | None = None
