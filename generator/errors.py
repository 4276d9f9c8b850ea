"""The one error tree of revstamp.

Owns: every error a person can meet, with what to do next. Refuses: knowledge of git, YAML, HTTP or Kubernetes;
a library's exceptions stop at its adapter and are chained to one of these.

    RevstampError
    ├── InvalidInput            a file, request or option that cannot be accepted (carries violations)
    ├── Refused                 the request is well formed, the rules say no (carries violations)
    │   └── AlreadyRunning      another redeployment of the endpoint has no verdict yet
    ├── NotFound                no such endpoint, environment, revision or file
    ├── AlreadyExists           would overwrite something that is there
    ├── RenderFailed            a template or its result is wrong (carries violations)
    ├── CheckFailed             a check that was asked for found differences
    ├── NotReproducible         the bytes can be checked only with another generator or other templates
    ├── GitError                something about the repository
    │   ├── NotARepository      no git repository, or no revstamp.yaml in it
    │   ├── DirtyClone          local work stands in the way
    │   ├── ChangeConflict      somebody else changed the same endpoint
    │   ├── PushRejected        the remote refuses this branch (protected, hook, no such branch)
    │   ├── AuthenticationFailed
    │   └── RemoteUnavailable   network, time-out; trying again helps
    ├── ClusterError            something about the Kubernetes cluster
    │   ├── ClusterNotConfigured    no kubeconfig, no such context, no mapping for the cluster's name
    │   ├── ClusterUnreachable      network, time-out, an API server that is overloaded; trying again helps
    │   ├── ClusterUnauthorized     the API server does not know who we are
    │   ├── ClusterForbidden        it knows, and says no; names verb and resource
    │   ├── KindMissing             the cluster has no such kind: a CRD is not installed
    │   ├── ApplyConflict           another field manager holds a field
    │   ├── NotOurs             an object of that name was made by somebody else
    │   ├── NotLeading          another instance leads by now
    │   ├── StaleObject             the object was changed, replaced or made by somebody else meanwhile
    │   ├── AdmissionRefused        a webhook or an admission policy refused the object
    │   ├── ImmutableField          the object's field cannot be changed
    │   ├── QuotaExceeded           a quota of the namespace is used up
    │   └── ObjectInvalid           the API server does not take the object for another reason
    ├── ApplyIncomplete         some objects could not be applied, or were put off
    ├── RolloutFailed           the verdict on a revision is failed
    ├── RolloutTimedOut         a wait ended before there was a verdict
    ├── RolloutSuperseded       a newer revision took the place of the one that was waited for
    ├── StoreError              something about the database
    │   ├── StoreUnavailable    not reachable, overloaded, locked; trying again helps
    │   ├── StoreReadOnly       it takes no writes
    │   ├── StoreFull           it has no room left
    │   ├── StoreOutdated       its tables are older than this revstamp
    │   ├── StoreNewer          its tables are newer than this revstamp
    │   └── StoreConflict       a rule of the tables does not allow it
    ├── StorageFailed           the machine does not let a file be read or written
    └── InternalError           a bug of revstamp
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong, where it stands, and what would be right.

    `file` is a repository path or a name such as `<stdin>`; `line` and `column` count from 1 and are 0 where
    there is no place to point at (a request field, a default). `path` is a dotted path such as `spec.cpu.limit`.
    """

    message: str
    fix: str = ""
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    code: str = ""

    @property
    def place(self) -> str:
        """`file:line:column`, `file`, or an empty string."""
        if not self.file:
            return ""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; every key is always there."""
        return {
            "message": self.message,
            "fix": self.fix,
            "path": self.path,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "code": self.code,
        }

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.place, self.path) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.fix})" if self.fix else text


class RevstampError(Exception):
    """Base of all errors. `hint` says what to do next; `retryable` whether the same call may succeed later.

    Where no hint is given, it is what would mend the violations, else what usually helps with this error.
    """

    code: ClassVar[str] = "error"
    usual_hint: ClassVar[str] = "see docs/errors.md"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool | None = None,
        violations: Sequence[Violation] = (),
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or _few_fixes(violations) or self.usual_hint
        self.retryable = self.default_retryable if retryable is None else retryable
        self.violations = tuple(violations)
        self.details = dict(details or {})

    def to_dict(self) -> dict[str, Any]:
        """The JSON form that the command line prints on standard error and the API builds on."""
        return {
            "error": self.code,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "violations": [violation.to_dict() for violation in self.violations],
            **({"details": self.details} if self.details else {}),
        }


def _few_fixes(violations: Sequence[Violation]) -> str:
    """What would mend the violations, where that is short enough to be read as one hint."""
    fixes = dict.fromkeys(violation.fix for violation in violations if violation.fix)
    return "; ".join(fixes) if len(fixes) <= 3 else ""


class InvalidInput(RevstampError):
    """A file, a request or an option that cannot be accepted; nothing was touched."""

    code = "invalid-input"
    usual_hint = "correct what is named, and run it again"
    exit_code = 3
    http_status = 422


class Refused(RevstampError):
    """A well-formed request that the rules do not allow; nothing was touched."""

    code = "refused"
    usual_hint = "change the request, the endpoint's file, or the limits of its environment"
    exit_code = 3
    http_status = 409


class AlreadyRunning(Refused):
    """Another redeployment of the endpoint has no verdict yet; `details` say which, by whom, since when."""

    code = "already-running"
    usual_hint = "wait for its verdict, or take its place with --supersede"
    exit_code = 5


class NotFound(RevstampError):
    """No such endpoint, environment, revision or file."""

    code = "not-found"
    usual_hint = "`revstamp environments` lists what there is"
    exit_code = 4
    http_status = 404


class AlreadyExists(RevstampError):
    """Something is there already and is not overwritten without being asked."""

    code = "already-exists"
    usual_hint = "choose another name"
    exit_code = 5
    http_status = 409


class RenderFailed(RevstampError):
    """A template, or what it made, is wrong; nothing was written."""

    code = "render-failed"
    usual_hint = "correct the template or the value that it is made with"
    exit_code = 3
    http_status = 500


class CheckFailed(RevstampError):
    """A check that was asked for found differences (`render --check`, `verify`)."""

    code = "check-failed"
    usual_hint = "`revstamp commit --all` renders again"
    exit_code = 1
    http_status = 409


class NotReproducible(RevstampError):
    """The recorded generator or templates are not the ones at hand, so bytes cannot be made again here."""

    code = "not-reproducible"
    usual_hint = "install the revstamp that the stamp names, and check out the templates of that commit"
    exit_code = 7
    http_status = 409


class GitError(RevstampError):
    """Something about the repository; the subclasses say what."""

    code = "git-error"
    usual_hint = "`git status` and `git fsck` say more; nothing is half done"
    exit_code = 6
    http_status = 502


class NotARepository(GitError):
    """There is no git repository here, or it has no revstamp.yaml."""

    code = "not-a-repository"
    usual_hint = "change to a GitOps repository, give it with -C, or make one with `revstamp init FOLDER`"
    exit_code = 4
    http_status = 404


class DirtyClone(GitError):
    """Local work in the clone stands in the way; it is left as it is."""

    code = "dirty-clone"
    usual_hint = "commit or stash your own work, and run it again"
    exit_code = 5
    http_status = 409


class ChangeConflict(GitError):
    """Somebody else changed the same endpoint; the message names the commit and the file."""

    code = "conflict"
    usual_hint = "bring the clone up to date with `git pull --rebase`, and run it again"
    exit_code = 5
    http_status = 409


class PushRejected(GitError):
    """The remote refuses the push for a reason that waiting does not cure (protected branch, hook)."""

    code = "push-rejected"
    usual_hint = "push a branch for review with --branch NAME"


class AuthenticationFailed(GitError):
    """The remote does not accept the credentials, or asks for some."""

    code = "authentication-failed"
    usual_hint = "correct git's credentials; `git fetch` tests them"


class RemoteUnavailable(GitError):
    """The remote cannot be reached or does not answer; trying again helps."""

    code = "remote-unavailable"
    usual_hint = "try again"
    default_retryable = True
    http_status = 503


class ClusterError(RevstampError):
    """Something about the cluster; the subclasses say what. `details` name the cluster and the object."""

    code = "cluster-error"
    usual_hint = "`revstamp doctor` checks the way to the cluster"
    exit_code = 8
    http_status = 502


class ClusterNotConfigured(ClusterError):
    """It is not known how to reach the cluster: no kubeconfig, no such context, no mapping for its name."""

    code = "cluster-not-configured"
    usual_hint = "give --kubeconfig and --context, or map the cluster's name in REVSTAMP_CLUSTERS"


class ClusterUnreachable(ClusterError):
    """The API server cannot be reached, does not answer, or asks to come back later; trying again helps."""

    code = "cluster-unreachable"
    usual_hint = "try again; `kubectl cluster-info` tells whether it is the network"
    default_retryable = True
    http_status = 503


class ClusterUnauthorized(ClusterError):
    """The API server does not accept the credentials."""

    code = "cluster-unauthorized"
    usual_hint = "renew the credentials of the kubeconfig; `kubectl auth whoami` tests them"


class ClusterForbidden(ClusterError):
    """The API server does not allow it; the message names verb, resource and namespace."""

    code = "cluster-forbidden"
    usual_hint = "give the account the right that is named; `revstamp install --export` prints all that are needed"


class KindMissing(ClusterError):
    """The cluster does not know the kind, since its CustomResourceDefinition is not installed."""

    code = "kind-missing"
    usual_hint = "install what brings the kind, or choose another framework or routing for the environment"


class ApplyConflict(ClusterError):
    """Another field manager holds a field; `details["conflicts"]` lists `{"manager", "field"}`."""

    code = "apply-conflict"
    usual_hint = "take the change over into git, or have it undone with --force-conflicts"
    exit_code = 5
    http_status = 409


class NotOurs(ClusterError):
    """An object of that name is there already, and revstamp has not made it; it is left as it is."""

    code = "not-ours"
    usual_hint = "`revstamp adopt ENDPOINT` shows how it can be taken over"
    exit_code = 5
    http_status = 409


class NotLeading(ClusterError):
    """The lease is lost, so that another instance may be writing; nothing is written by this one."""

    code = "not-leading"
    usual_hint = "nothing to do: the instance that leads goes on"
    default_retryable = True
    http_status = 503


class StaleObject(ClusterError):
    """The object is not the one that was read: changed, replaced, made or deleted meanwhile."""

    code = "stale-object"
    usual_hint = "try again"
    default_retryable = True
    exit_code = 5
    http_status = 409


class AdmissionRefused(ClusterError):
    """A webhook or an admission policy refused the object; its own words are passed on."""

    code = "admission-refused"
    usual_hint = "change what it names; who wrote the policy can say more"


class ImmutableField(ClusterError):
    """A field of the object cannot be changed once it is there."""

    code = "immutable-field"
    usual_hint = "bring the old value back, or give the endpoint another name; `revstamp adopt` replaces a selector"


class QuotaExceeded(ClusterError):
    """A quota of the namespace is used up."""

    code = "quota-exceeded"
    usual_hint = "raise the quota, or ask for less"


class ObjectInvalid(ClusterError):
    """The API server does not take the object."""

    code = "object-invalid"
    usual_hint = "correct what is named in the endpoint's file or the template"


class ApplyIncomplete(RevstampError):
    """Some objects could not be applied, or were put off; all others were. `details` say which."""

    code = "apply-incomplete"
    usual_hint = "mend what is named, and run it again: what is applied stays, and is not applied twice"
    exit_code = 9
    http_status = 502


class RolloutFailed(RevstampError):
    """The verdict on the revision is failed; what served before may still serve."""

    code = "rollout-failed"
    usual_hint = "`revstamp status ENDPOINT` says why, `revstamp rollback ENDPOINT` brings the last revision back"
    exit_code = 10
    http_status = 409


class RolloutTimedOut(RevstampError):
    """The wait ended before there was a verdict; the rollout goes on."""

    code = "rollout-timed-out"
    usual_hint = "`revstamp watch ENDPOINT` goes on waiting"
    default_retryable = True
    exit_code = 11
    http_status = 504


class RolloutSuperseded(RevstampError):
    """A newer revision took the place of the one that was waited for."""

    code = "rollout-superseded"
    usual_hint = "`revstamp watch ENDPOINT` follows the newer one"
    exit_code = 12
    http_status = 409


class StoreError(RevstampError):
    """Something about the database; the subclasses say what. Neither git nor a cluster was touched."""

    code = "store-error"
    usual_hint = "`revstamp db check` says what is wrong with the database"
    exit_code = 13
    http_status = 503
    passes: ClassVar[bool] = False
    """Whether the same transaction may come through a moment later."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, or is too busy; trying again helps."""

    code = "store-unavailable"
    usual_hint = "try again; `revstamp db check` tells whether it can be reached"
    default_retryable = True
    passes = True


class StoreReadOnly(StoreError):
    """The database takes no writes: a standby, a read-only file or disk."""

    code = "store-read-only"
    usual_hint = "give the URL of the primary, or the right to write the file and its folder"


class StoreFull(StoreError):
    """The database has no room left."""

    code = "store-full"
    usual_hint = "make room; `revstamp db prune` takes old events away"


class StoreOutdated(StoreError):
    """The tables are missing, or older than this revstamp."""

    code = "store-outdated"
    usual_hint = "run `revstamp db upgrade`"


class StoreNewer(StoreError):
    """The tables were upgraded by a newer revstamp."""

    code = "store-newer"
    usual_hint = "install the revstamp that upgraded the database, or a newer one"


class StoreConflict(StoreError):
    """A rule of the tables does not allow it; a bug where a person meets it."""

    code = "store-conflict"
    http_status = 409


class StorageFailed(RevstampError):
    """The machine does not let a file be read or written: rights, a full disk, a limit."""

    code = "storage-failed"
    usual_hint = "look at the file and its folder, then run it again"
    exit_code = 6

    @classmethod
    def from_os(cls, error: OSError) -> StorageFailed:
        """What the operating system said, with the file that it is about."""
        what = f"{error.filename}: " if error.filename else ""
        hint = ""
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            hint = "give yourself the right to write there, or choose another folder"
        elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            hint = "make room there, or raise the limit, then run it again"
        return cls(f"{what}{error.strerror or error}", hint=hint)


class InternalError(RevstampError):
    """A bug of revstamp: never the user's mistake."""

    code = "internal-error"
    usual_hint = "run again with REVSTAMP_DEBUG=1 and report what it prints"
    exit_code = 70

    @classmethod
    def from_bug(cls, error: Exception, where: str = "", hint: str = "") -> InternalError:
        """What was raised and should not have been; `where`, in words, stands before it."""
        wrapped = cls(f"{where}{type(error).__name__}: {error}", hint=hint)
        wrapped.__cause__ = error
        return wrapped
