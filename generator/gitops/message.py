"""Commit messages: a subject, a text for people, trailers for search.

Owns: how a message is written and how its trailers are read back. Refuses: any text that could pass for a trailer,
an option or a second line. The stamp file, not the message, says what the revision is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generator.errors import InvalidInput
from generator.gitops.paths import has_control

REQUEST_ID = "Revstamp-Request-Id"
ENDPOINT = "Revstamp-Endpoint"
ENVIRONMENT = "Revstamp-Environment"
REVISION = "Revstamp-Revision"
SPEC_DIGEST = "Revstamp-Spec-Digest"
GENERATOR = "Revstamp-Generator"
ACTOR = "Revstamp-Actor"

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): ?(.*)")
_OURS = re.compile(r"^[ \t]*revstamp-[a-z-]+[ \t]*:", re.IGNORECASE | re.MULTILINE)
_REQUEST_LINE = re.compile(rf"^{REQUEST_ID}: (\S.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """One message. Raises InvalidInput at once where a part could be read as something else."""

    subject: str
    body: str = ""
    trailers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        _check_line("the subject of a commit", self.subject)
        if has_control(self.body, allowed="\n\t") or _OURS.search(self.body):
            raise InvalidInput(
                "the text of a commit has control characters or a line that passes for a Revstamp- trailer",
                hint="give plain text",
            )
        for key, value in self.trailers:
            if not _KEY.fullmatch(key):
                raise InvalidInput(f"{key!r} cannot be the key of a trailer")
            _check_line(f"the trailer {key}", value)

    def render(self) -> str:
        """The message as git stores it, with a final newline."""
        trailers = "\n".join(f"{key}: {value}" for key, value in self.trailers)
        return "\n\n".join(part for part in (self.subject.strip(), self.body.strip(), trailers) if part) + "\n"

    def with_request(self, request_id: str) -> CommitMessage:
        """The same message carrying the request id, which is how a later run finds that the work is done."""
        if any(key == REQUEST_ID for key, _ in self.trailers):
            return self
        return CommitMessage(self.subject, self.body, ((REQUEST_ID, request_id), *self.trailers))


def parse_message(text: str) -> CommitMessage:
    """Any message, ours or not, split into subject, body and trailers; nothing is refused."""
    subject, _, rest = text.strip().partition("\n\n")
    trailers = parse_trailers(text)
    if trailers:
        rest = rest.rpartition("\n\n")[0]
    message = object.__new__(CommitMessage)
    for name, value in (("subject", " ".join(subject.split("\n"))), ("body", rest.strip()), ("trailers", trailers)):
        object.__setattr__(message, name, value)
    return message


def parse_trailers(text: str) -> tuple[tuple[str, str], ...]:
    """The trailers of a message: its last paragraph, where every line of it is one. The subject never is."""
    _, blank, last = text.strip().rpartition("\n\n")
    if not blank:
        return ()
    trailers: list[tuple[str, str]] = []
    for line in last.split("\n"):
        match = _TRAILER.fullmatch(line)
        if match:
            trailers.append((match[1], match[2].strip()))
        elif line[:1] in (" ", "\t") and trailers:
            trailers[-1] = (trailers[-1][0], f"{trailers[-1][1]} {line.strip()}")
        else:
            return ()
    return tuple(trailers)


def find_request_ids(text: str) -> frozenset[str]:
    """Every request that a commit says it carries out.

    A forge that squashes a branch leaves the trailers in the middle of its message, so any line counts;
    CommitMessage lets no such line into a text.
    """
    return frozenset(_REQUEST_LINE.findall(text))


def _check_line(what: str, text: str) -> None:
    if not text.strip() or text.startswith("-") or has_control(text):
        raise InvalidInput(
            f"{what} cannot be {text!r}", hint="it must be one line, not empty, and not begin with a hyphen"
        )
