"""What a git server may answer instead of what is asked: the faults of forges and networks, and their words.

Owns: the actions, and the answer of a server whose hook said no, to the byte as git's own `receive-pack` gives it.
Refuses: sending anything; the server does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status in place of git's answer, as from a proxy or an application before it."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refuse:
    """The push arrives whole and is refused, as by a hook. `reason` stands at the ref, `messages` at `remote:`."""

    messages: Sequence[str]
    reason: str = "pre-receive hook declined"


@dataclass(frozen=True, slots=True)
class CutRequest:
    """The connection breaks while the request is on its way: nothing is done."""


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """All is done as asked, but the connection breaks after so many bytes of the answer; None is before its head."""

    after: int | None = None


UNAUTHORIZED = Answer(401, "HTTP Basic: Access denied", {"WWW-Authenticate": 'Basic realm="git"'})
FORBIDDEN = Answer(403, "You are not allowed to push code to this project.")
BROKEN = Answer(500, "Internal Server Error")
BUSY = Answer(503, "Service Unavailable", {"Retry-After": "1"})

GITHUB_PROTECTED = Refuse(
    (
        "error: GH006: Protected branch update failed for refs/heads/main.",
        "error: At least 1 approving review is needed.",
    ),
    "protected branch hook declined",
)
GITLAB_PROTECTED = Refuse(("GitLab: You are not allowed to push code to protected branches on this project.",))
GITEA_PROTECTED = Refuse(("Gitea: Not allowed to push to protected branch main",))


def report_refusal(refusal: Refuse, request: bytes) -> bytes:
    """The body that answers a push: every ref that the request names is refused."""
    lines = _read_lines(request)
    capabilities = lines[0].partition(b"\0")[2].split() if lines else []
    refs = [line.partition(b"\0")[0].split(b" ")[2].rstrip(b"\n") for line in lines]
    report = _line(b"unpack ok\n")
    report += b"".join(_line(b"ng " + ref + b" " + refusal.reason.encode() + b"\n") for ref in refs) + b"0000"
    if b"side-band-64k" not in capabilities:
        return report
    said = b"".join(_line(b"\x02" + message.encode() + b"\n") for message in refusal.messages)
    return said + _line(b"\x01" + report) + b"0000"


def _read_lines(request: bytes) -> list[bytes]:
    """The pkt-lines up to the first flush."""
    lines = []
    while len(request) >= 4 and (length := int(request[:4], 16)):
        lines.append(request[4:length])
        request = request[length:]
    return lines


def _line(content: bytes) -> bytes:
    return f"{len(content) + 4:04x}".encode() + content
