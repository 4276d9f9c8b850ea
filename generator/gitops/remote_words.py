"""The words that remotes use, and what they mean.

Owns: telling a lost race from a refusal, a refusal from missing rights, missing rights from a dead network; masking
credentials. Refuses: guessing; what is not known is passed on in the remote's own words.
Sources: git's `builtin/push.c`, `send-pack.c`, `receive-pack.c` and `http.c`; the texts of GitHub, GitLab, Gitea.
"""

from __future__ import annotations

import re

from generator.errors import AuthenticationFailed, GitError, NotARepository, PushRejected, RemoteUnavailable
from generator.gitops.process import GitOutput

_CREDENTIALS = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s'\"]*@")
_SECRET_PARAMETER = re.compile(r"(?i)([?&](?:[a-z_-]*token|password|access_key|secret|sig(?:nature)?)=)[^&\s'\"]+")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_LINK = re.compile(r"https?://[^\s'\"<>]+")

_MOVED = re.compile(
    r"non-fast-forward|fetch first|stale info|needs force|cannot lock ref|failed to update ref|failed to lock"
    r"|incorrect old value|but expected|reference already exists|already exists\)|fetched in between"
    r"|remote ref updated since|\b409\b|\.lock': File exists|could not lock|cas mismatch|reference (has )?changed",
    re.IGNORECASE,
)
_AUTHENTICATION = re.compile(
    r"Authentication failed|could not read (Username|Password)|terminal prompts disabled|Permission denied"
    r"|Permission to \S+ denied|\b40[13]\b|Invalid (username|credentials)|Host key verification failed"
    r"|Access denied|HTTP Basic: |Write access to repository not granted|DeployKey|read-only|insufficient permission",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"does not appear to be a git repository|[Rr]epository .*not found|not found: did you|\b404\b|does not exist"
)
_UNAVAILABLE = re.compile(
    r"[Cc]ould ?n[o']t (resolve|connect)|Could not resolve|Temporary failure|Name or service"
    r"|Connection (refused|reset|timed|closed)"
    r"|timed out|Timeout|early EOF|hung up|RPC failed|\b(429|5\d\d)\b|[Bb]roken pipe|[Nn]etwork is unreachable"
    r"|No route to host|[Ii]nternal (API|[Ss]erver)|unable to access|unexpected disconnect|unpack failed|unpacker error"
    r"|[Cc]ould not read from remote|SSL|TLS|certificate|kex_exchange"
)
_SERVER_TROUBLE = re.compile(r"[Ii]nternal (API|[Ss]erver)|\b(429|5\d\d)\b|[Tt]imed out|unpack|[Uu]navailable")


def mask_credentials(text: str) -> str:
    """The text with user names, passwords and tokens in URLs replaced, and terminal escapes removed."""
    text = _ESCAPES.sub("", text)
    return _SECRET_PARAMETER.sub(r"\1***", _CREDENTIALS.sub(r"\g<scheme>***@", text))


def list_remote_lines(stderr: str) -> tuple[str, ...]:
    """What the remote itself said, line by line, safe to show."""
    lines = (line.strip() for part in stderr.split("\n") for line in part.split("\r"))
    said = (mask_credentials(line.removeprefix("remote:").strip()) for line in lines if line.startswith("remote:"))
    return tuple(line for line in said if line)


def find_link(messages: tuple[str, ...]) -> str | None:
    """The link that forges print after a push of a new branch."""
    return next((match[0].rstrip(".,)") for line in messages if (match := _LINK.search(line))), None)


def is_moved(verdict: str) -> bool:
    """Whether a rejected ref was rejected because somebody else moved it first."""
    return _MOVED.search(verdict) is not None


def explain_rejection(verdict: str, messages: tuple[str, ...]) -> GitError:
    """The error for a push that the remote answered with no."""
    reason = mask_credentials(verdict.strip() or "the remote gave no reason")
    text = "; ".join(messages)
    if _SERVER_TROUBLE.search(verdict) and "hook declined" not in verdict:
        said = f"the remote could not take the push: {reason}"
        return RemoteUnavailable(f"{said}: {text}" if text else said, hint="try again later")
    if "branch is currently checked out" in verdict:
        hint = "let the remote be a bare repository (git clone --bare), or use --branch NAME for review"
        return PushRejected("the remote is somebody's clone that has this branch checked out", hint=hint)
    said = f"the remote refuses the push: {reason}"
    hint = "nothing was pushed. See the branch's protection rules and hooks, or use --branch NAME for review"
    return PushRejected(f"{said}: {text}" if text else said, hint=hint, details={"remote": list(messages)})


def explain_failure(answer: GitOutput, time_limit: float) -> GitError:
    """The error for a fetch or a push that did not come to a verdict."""
    said = mask_credentials(_last_words(answer.stderr))
    if answer.timed_out:
        return RemoteUnavailable(
            f"the remote did not answer within {time_limit:g} s", hint="check the network, or raise the time limit"
        )
    if _AUTHENTICATION.search(answer.stderr):
        hint = "check the token, key or credential helper that git uses here, and its right to write"
        if "Authentication failed for" in answer.stderr:  # the answer that it goes by is the 401 before the break
            hint += "; git says the same where the connection breaks while it logs in, then trying again helps"
        return AuthenticationFailed(f"the remote does not accept the credentials: {said}", hint=hint)
    if _MISSING.search(answer.stderr):
        return NotARepository(f"there is no such remote repository: {said}", hint="check the URL with git remote -v")
    if _UNAVAILABLE.search(answer.stderr):
        hint = "check the network, the name in the URL and the proxy; then try again"
        return RemoteUnavailable(f"the remote cannot be reached: {said}", hint=hint)
    return GitError(f"git failed: {said or f'exit code {answer.code}'}")


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.replace("\r", "\n").split("\n") if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))] or lines
    return "; ".join(dict.fromkeys(telling[:6]))
