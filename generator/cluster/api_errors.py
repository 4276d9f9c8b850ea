"""What a Kubernetes API server says no with, as errors of our tree.

Owns: which error a refusal is, and its words. Refuses: sending, trying again, and anything that is not in the answer.
Pure. Source of the shapes: `k8s.io/apimachinery/pkg/api/errors` and the messages of Kubernetes 1.36.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from generator.cluster.refusals import About, Refusal
from generator.errors import (
    AdmissionRefused,
    ApplyConflict,
    ClusterError,
    ClusterForbidden,
    ClusterUnauthorized,
    ClusterUnreachable,
    ImmutableField,
    KindMissing,
    ObjectInvalid,
    QuotaExceeded,
    StaleObject,
    Violation,
)

_LONGEST = 300
_LONGEST_VALUE = 60
_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) (?:resource "(?P<resource>[^"]*)"|path "(?P<path>[^"]*)")'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_WEBHOOK_SAID = re.compile(
    r'admission webhook "(?P<name>[^"]+)" denied the request(?:: (?P<words>.*)| without.*)?', re.S
)
_WEBHOOK_LOST = re.compile(r'failed calling webhook "(?P<name>[^"]+)": (?P<words>.*)', re.S)
_POLICY_SAID = re.compile(
    r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '[^']+' denied request: (?P<words>.*)", re.S
)
_QUOTA = re.compile(r"exceeded quota: .*", re.S)
_IMMUTABLE = re.compile(
    r"immutable|may not be changed|may not change once set|cannot be changed|cannot be updated"
    r"|updates to \S+ spec for fields other than",
    re.IGNORECASE,
)
_MISFIT = re.compile(r"failed to create typed|failed to convert|strict decoding error|field not declared in schema")
"""The object is at fault, although the server answers 500."""
_UNSAID = "the server rejected our request due to an error in our request"
_VALUE = re.compile(r'^Invalid value: (?P<value>"(?:[^"\\]|\\.)*"|.*?[}\]]|[^:]*): (?P<words>.*)$', re.S)
UNEXPLAINED = "unexplained"
"""Key in the details of an ObjectInvalid for which the server gives no reason, as it does for JSON patches."""
_CONFLICT_MANAGER = re.compile(r'conflict with "([^"]+)"')


class HistoryGone(ClusterUnreachable):
    """The server no longer remembers the resourceVersion that a list or a watch wants to go on from."""


def explain_refusal(refusal: Refusal, about: About) -> ClusterError:
    """The error of our tree."""
    if refusal.code == 401:
        return ClusterUnauthorized(
            f"the API server of the cluster {about.cluster!r} does not accept the credentials", details=about.details
        )
    found = _explain_admission(refusal, about)
    if found is not None:
        return found
    if refusal.code == 403:
        return _explain_forbidden(refusal, about)
    if refusal.code == 404:
        return _explain_missing(refusal, about)
    if refusal.code == 405 or refusal.reason == "MethodNotAllowed":
        return _make(KindMissing, about, f"the cluster does not serve this now: {_shorten(refusal.message)}")
    if refusal.code == 409:
        return _explain_conflict(refusal, about)
    if refusal.code == 410:
        return _make(HistoryGone, about, f"the place in history is gone: {_shorten(refusal.message)}")
    if refusal.is_busy:
        return _make(ClusterUnreachable, about, f"the API server is busy: {refusal.code} {_shorten(refusal.message)}")
    if not refusal.status:
        return _make(
            ClusterUnreachable,
            about,
            f"what answers is no Kubernetes API: {refusal.code} {_shorten(refusal.message)}",
            hint="correct the server in the kubeconfig",
            retryable=refusal.code >= 500,
        )
    return _explain_invalid(refusal, about)


def _make(
    error: type[ClusterError], about: About, words: str, *, hint: str = "", retryable: bool | None = None, **more: Any
) -> ClusterError:
    violations = more.pop("violations", ())
    details = {**about.details, **more}
    return error(f"{about}: {words}", hint=hint, retryable=retryable, violations=violations, details=details)


def _explain_admission(refusal: Refusal, about: About) -> ClusterError | None:
    """Webhooks and policies choose their own status code, so their words are looked for first."""
    message = refusal.message
    if said := _WEBHOOK_SAID.search(message):
        words = said["words"] or "it gives no reason"
        return _make(AdmissionRefused, about, f"the webhook {said['name']} refuses: {words}", webhook=said["name"])
    if said := _POLICY_SAID.search(message):
        words = f"the policy {said['name']} refuses: {said['words']}"
        return _make(AdmissionRefused, about, words, policy=said["name"])
    if said := _WEBHOOK_LOST.search(message):
        return _make(
            AdmissionRefused,
            about,
            f"the webhook {said['name']}, without which the object is not taken, does not answer:"
            f" {_shorten(said['words'])}",
            hint="try again; see whether the controller that serves the webhook runs",
            retryable=True,
            webhook=said["name"],
        )
    return None


def _explain_forbidden(refusal: Refusal, about: About) -> ClusterError:
    message = refusal.message
    if said := _QUOTA.search(message):
        return _make(QuotaExceeded, about, said[0])
    if any(cause.get("reason") == "NamespaceTerminating" for cause in refusal.causes):
        words = f"the namespace {_namespace(about)} is being deleted"
        return _make(ObjectInvalid, about, words, hint="wait until it is gone, then make it again", retryable=True)
    said = _FORBIDDEN.search(message)
    if said is None:
        return _make(ClusterForbidden, about, _shorten(message))
    if said["user"] == "system:anonymous":
        return ClusterUnauthorized(
            f"{about}: the API server takes us for nobody, since the kubeconfig gives no credentials",
            details=about.details,
        )
    resource = said["path"] or ".".join(part for part in (said["resource"], said["group"]) if part)
    space = f" in the namespace {said['namespace']}" if said["namespace"] else ""
    return ClusterForbidden(
        f"{about}: {said['user']} may not {said['verb']} {resource}{space}",
        details={
            **about.details,
            "user": said["user"],
            "verb": said["verb"],
            "resource": resource,
            "namespace": said["namespace"] or "",
        },
    )


def _explain_missing(refusal: Refusal, about: About) -> ClusterError:
    """404: of the kind (no Status about an object), of the namespace, or of the object."""
    about_kind = str(refusal.details.get("kind") or "")
    if about_kind == "namespaces" and (about.kind is None or about.kind.plural != "namespaces"):
        space = str(refusal.details.get("name") or _namespace(about))
        return _make(
            ObjectInvalid,
            about,
            f"the namespace {space} does not exist",
            hint=f"`kubectl create namespace {space}` makes it",
            missing_namespace=space,
        )
    if refusal.status and refusal.details.get("name"):
        return _make(StaleObject, about, "it is not there any more")
    return missing_kind(about)


def missing_kind(about: About) -> KindMissing:
    """The cluster has no such kind."""
    kind = about.kind
    if kind is None:
        return KindMissing(f"{about} has no {about.path or 'such path'}", details=about.details)
    name = f"{kind.plural}.{kind.group}" if kind.plural and kind.group else kind.name
    return KindMissing(
        f"the cluster {about.cluster!r} has no kind {kind.name} of {kind.api_version}"
        + (f": the CustomResourceDefinition {name} is not installed" if "." in kind.group else ""),
        details={**about.details, "crd": name},
    )


def _namespace(about: About) -> str:
    return about.ref.namespace if about.ref is not None else about.namespace


def _explain_conflict(refusal: Refusal, about: About) -> ClusterError:
    conflicts = read_conflicts(refusal)
    if conflicts:
        held: dict[str, list[str]] = {}
        for conflict in conflicts:
            held.setdefault(conflict["manager"], []).append(conflict["field"].lstrip("."))
        words = "; ".join(f"{manager} holds {', '.join(fields)}" for manager, fields in held.items())
        return _make(ApplyConflict, about, words, conflicts=conflicts)
    if refusal.reason == "AlreadyExists":
        return _make(StaleObject, about, "it is there already")
    if "uid" in refusal.message.lower():
        return _make(StaleObject, about, "another object of that name is there by now, or none")
    return _make(StaleObject, about, "it was changed meanwhile")


def read_conflicts(refusal: Refusal) -> list[dict[str, str]]:
    """`manager` and `field` of each conflict of an apply."""
    found = []
    for cause in refusal.causes:
        if cause.get("reason") == "FieldManagerConflict":
            manager = _CONFLICT_MANAGER.search(str(cause.get("message")))
            found.append({"manager": manager[1] if manager else "another", "field": str(cause.get("field") or "")})
    return found


def _explain_invalid(refusal: Refusal, about: About) -> ClusterError:
    violations = [_violation(cause) for cause in refusal.causes if cause.get("message")]
    text = "; ".join(f"{each.path}: {each.message}" if each.path else each.message for each in violations)
    if any(each.path == "metadata.uid" for each in violations):
        return _make(StaleObject, about, "another object of that name is there by now")
    found = [each for each in violations if _IMMUTABLE.search(each.message)]
    if found or (refusal.code == 422 and _IMMUTABLE.search(refusal.message)):
        words = "; ".join(f"{each.path} cannot be changed: {each.message}" for each in found)
        return _make(ImmutableField, about, words or _shorten(refusal.message), violations=violations)
    words = text or _shorten(refusal.message, 1000)
    retryable = refusal.code >= 500 and not _MISFIT.search(refusal.message)
    more: dict[str, Any] = {UNEXPLAINED: True} if refusal.message == _UNSAID else {}
    return _make(ObjectInvalid, about, words, retryable=retryable, violations=violations, **more)


def _violation(cause: Mapping[str, Any]) -> Violation:
    message = " ".join(str(cause.get("message")).split())
    said = _VALUE.match(message)
    if said is not None and len(said["value"]) > _LONGEST_VALUE:
        # A whole object at times, with whatever it holds.
        message = f"Invalid value: {said['words']}"
    return Violation(_shorten(message), path=str(cause.get("field") or "").lstrip("."))


def _shorten(text: str, most: int = _LONGEST) -> str:
    """The beginning and, since that is where the point is, the end."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most // 3]} ... {text[-most // 2 :]}"
