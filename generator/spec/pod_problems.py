"""What the API server refuses in the parts of a pod that people write as Kubernetes has them.

Owns: rules between the fields of one toleration, one securityContext, one map of annotations. Refuses: the types of
their fields (those are checked against the schemas) and where a value came from (that is `rules_pod`).
Sources: pkg/apis/core/validation of Kubernetes 1.36; a user of 0 that must not be root is refused by the kubelet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.spec.place import Path
from generator.spec.sections import Toleration
from generator.spec.text import shown

Problem = tuple[Path, str, str]
"""Where, below the section; what is wrong; what would be right."""

LARGEST_ID = 2**31 - 1
"""Of users and groups."""

MAX_ANNOTATIONS = 256 * 1024 - 4096
"""Bytes of keys and values together: Kubernetes takes 256 KiB, and revstamp and engines add some of their own."""

MAX_CONTEXT_DEPTH = 8

_IDS = ("runAsUser", "runAsGroup", "fsGroup")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "procMount": ("Default", "Unmasked"),
    "fsGroupChangePolicy": ("Always", "OnRootMismatch"),
    "supplementalGroupsPolicy": ("Merge", "Strict"),
    "seLinuxChangePolicy": ("MountOption", "Recursive"),
}
_PROFILES = ("seccompProfile", "appArmorProfile")
_PROFILE_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")


def find_toleration_problems(tolerations: Sequence[Toleration]) -> Iterator[Problem]:
    """Fields of one toleration that do not go together."""
    for index, toleration in enumerate(tolerations):
        exists = toleration.operator == "Exists"
        if toleration.key is None and not exists:
            message = "a toleration without a key is one of all taints, and needs the operator Exists"
            yield (index, "operator"), message, "name the key, or write operator: Exists"
        if exists and toleration.value:
            yield (index, "value"), "the operator Exists takes no value", "leave the value out, or use operator: Equal"
        if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
            message = f"tolerationSeconds needs the effect NoExecute, not {toleration.effect or 'all effects'}"
            yield (index, "tolerationSeconds"), message, "write effect: NoExecute, or leave tolerationSeconds out"


def find_context_problems(context: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong inside one securityContext, a pod's or a container's."""
    yield from _find_unknown_values(context, ())
    yield from _find_wrong_ids(context)
    for name, choices in _CHOICES.items():
        value = context.get(name)
        if isinstance(value, str) and value not in choices:
            yield (name,), f"{shown(value)} is not one of {', '.join(choices)}", f"write {' or '.join(choices)}"
    for name in _PROFILES:
        profile = context.get(name)
        if isinstance(profile, Mapping):
            yield from (((name, field), message, fix) for field, message, fix in _find_wrong_profile(name, profile))
    yield from _find_wrong_sysctls(context.get("sysctls"))
    yield from _find_escalation(context)


def _find_unknown_values(value: Any, path: Path) -> Iterator[Problem]:
    """What no field of a securityContext can be, so that no template has to be asked to write it."""
    if isinstance(value, float):
        yield path, f"{value} is not a whole number", "write text, whole numbers, true, false, maps and lists"
    elif isinstance(value, Mapping | list | tuple) and len(path) > MAX_CONTEXT_DEPTH:
        yield path, f"is nested deeper than {MAX_CONTEXT_DEPTH} levels", "no field of a securityContext is"
    elif isinstance(value, Mapping | list | tuple):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _find_unknown_values(item, (*path, key))


def _find_wrong_ids(context: Mapping[str, Any]) -> Iterator[Problem]:
    ids: list[tuple[Path, Any]] = [((name,), context.get(name)) for name in _IDS]
    groups = enumerate(_items(context.get("supplementalGroups")))
    ids += [(("supplementalGroups", index), item) for index, item in groups]
    for path, value in ids:
        if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= LARGEST_ID:
            yield path, f"{value} is no user or group: they go from 0 to {LARGEST_ID}", "use a number within them"


def _find_wrong_profile(name: str, profile: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    kind, local = profile.get("type"), profile.get("localhostProfile")
    if isinstance(kind, str) and kind not in _PROFILE_TYPES:
        choices = ", ".join(_PROFILE_TYPES)
        yield "type", f"{shown(kind)} is not one of {choices}", f"write one of {choices}"
    elif kind == "Localhost" and not local:
        yield "localhostProfile", "the type Localhost needs a localhostProfile", "name the profile on the node"
    elif isinstance(kind, str) and kind != "Localhost" and local is not None:
        yield "localhostProfile", f"the type {kind} takes no localhostProfile", "leave it out, or use type: Localhost"
    elif isinstance(local, str) and name == "seccompProfile" and (local[0] == "/" or ".." in local.split("/")):
        yield "localhostProfile", "must be a path below the kubelet's profiles", "leave out the first '/' and any '..'"
    elif isinstance(local, str) and name == "appArmorProfile" and local != local.strip():
        yield "localhostProfile", "must not begin or end with a space", "remove the space"


def _find_wrong_sysctls(sysctls: Any) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, item in enumerate(_items(sysctls)):
        name = item.get("name") if isinstance(item, Mapping) else None
        if not isinstance(name, str):
            continue
        path: Path = ("sysctls", index, "name")
        if len(name) > 253 or _SYSCTL.fullmatch(name) is None:
            yield path, f"{shown(name)} is not the name of a sysctl", "write a name such as net.core.somaxconn"
        elif name in seen:
            yield path, f"the sysctl {name} is given twice", "give it once"
        seen.add(name)


def _find_escalation(context: Mapping[str, Any]) -> Iterator[Problem]:
    """A container that may do everything cannot be kept from gaining more."""
    if context.get("allowPrivilegeEscalation") is not False:
        return
    capabilities = context.get("capabilities")
    added = _items(capabilities.get("add")) if isinstance(capabilities, Mapping) else ()
    fix = "leave one of the two out"
    if context.get("privileged") is True:
        yield ("privileged",), "privileged: true contradicts allowPrivilegeEscalation: false", fix
    if "CAP_SYS_ADMIN" in added:
        yield ("capabilities", "add"), "CAP_SYS_ADMIN contradicts allowPrivilegeEscalation: false", fix


def find_root_problems(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[tuple[str, Problem]]:
    """A container that must not be root, as root: no node starts it. The first word names the section to correct."""
    where = {"securityContext": pod, "containerSecurityContext": container}
    user = next((name for name in reversed(where) if where[name].get("runAsUser") is not None), None)
    must_not = next((context for context in (container, pod) if context.get("runAsNonRoot") is not None), {})
    if user is None or must_not.get("runAsNonRoot") is not True:
        return
    if where[user]["runAsUser"] == 0 and where[user]["runAsUser"] is not False:
        yield user, (("runAsUser",), "runAsUser: 0 is root, which runAsNonRoot: true forbids", "use another user")


def find_annotation_problems(annotations: Mapping[str, str]) -> Iterator[Problem]:
    """More than an object can carry."""
    size = sum(len(key.encode()) + len(text.encode()) for key, text in annotations.items())
    if size > MAX_ANNOTATIONS:
        message = f"the annotations are {size} bytes, an object carries {MAX_ANNOTATIONS}"
        yield (), message, "put what is large into a ConfigMap"


def _items(value: Any) -> Sequence[Any]:
    """The items of a list; none where it is something else, which the schema check says."""
    return value if isinstance(value, list | tuple) else ()
