"""Who owns which field: the entries of `metadata.managedFields`, through applies and updates.

Owns: conflicts, force, shared fields, and what an apply takes away. Refuses: storing, defaults, validation.
Source: Kubernetes documentation, "Server-Side Apply"; seen on a real server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from generator.cluster.simulated.field_sets import (
    Path,
    compare_fields,
    make_tree,
    read_fields,
    read_tree,
    say_field,
)
from generator.cluster.simulated.lists import is_built_in
from generator.cluster.simulated.merging import merge_values, remove_fields


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose entry it is."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """The fields of one owner, and when they last changed."""

    fields: frozenset[Path]
    time: str


Claims = dict[Owner, Claim]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that somebody else owns and that has another value."""

    owner: Owner
    field: str


class Conflicting(Exception):
    """An apply would change what others own; the caller makes an error of the tree out of it."""

    def __init__(self, conflicts: Iterable[Conflict]) -> None:
        super().__init__("conflict")
        self.conflicts = tuple(conflicts)


def read_claims(body: Mapping[str, Any]) -> Claims:
    """The entries of a body."""
    claims: Claims = {}
    for entry in (body.get("metadata") or {}).get("managedFields") or ():
        owner = Owner(
            str(entry.get("manager", "")),
            str(entry.get("operation", "")),
            str(entry.get("apiVersion", "")),
            str(entry.get("subresource", "")),
        )
        claims[owner] = Claim(read_tree(entry.get("fieldsV1") or {}), str(entry.get("time", "")))
    return claims


def write_claims(claims: Claims) -> list[dict[str, Any]]:
    """The other way: applies first, then by time, as the server has them."""
    entries = []
    for owner, claim in sorted(claims.items(), key=lambda item: (item[0].operation != "Apply", item[1].time)):
        if claim.fields:
            entry: dict[str, Any] = {
                "manager": owner.manager,
                "operation": owner.operation,
                "apiVersion": owner.api_version,
                "time": claim.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": make_tree(claim.fields),
            }
            if owner.subresource:
                entry["subresource"] = owner.subresource
            entries.append(entry)
    return entries


def apply_manifest(
    group: str, live: Mapping[str, Any] | None, manifest: Mapping[str, Any], manager: str, force: bool, now: str
) -> dict[str, Any]:
    """The body after a server-side apply. Raises Conflicting."""
    owner = Owner(manager, "Apply", str(manifest.get("apiVersion", "")))
    given = _without_foreign(group, manifest)
    fields = read_fields(group, given)
    if live is None:
        return _with_claims({**given}, {owner: Claim(fields, now)})
    claims = read_claims(live)
    merged = _merge_body(group, live, given)
    changed, _ = compare_fields(group, live, merged)
    _take_over(claims, owner, changed, force)
    last = claims.get(owner, Claim(frozenset(), now))
    claims[owner] = last if last.fields == fields and not changed else Claim(fields, now)
    kept = make_tree(frozenset().union(*(claim.fields for claim in claims.values())))
    pruned = _remove(group, merged, make_tree(last.fields), kept)
    return _with_claims(pruned, claims)


def _without_foreign(group: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What an apply to the main resource may give: no status where the kind has it as a subresource."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    given = {**manifest, "metadata": metadata}
    if not group or is_built_in(group) or group in ("serving.kserve.io", "gateway.networking.k8s.io"):
        given.pop("status", None)
    return given


def _merge_body(group: str, live: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    server = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
    metadata = {key: value for key, value in given["metadata"].items() if key not in server}
    return dict(merge_values(group, "", dict(live), {**given, "metadata": metadata}))


def _take_over(claims: Claims, owner: Owner, changed: set[Path], force: bool) -> None:
    conflicts: list[Conflict] = []
    for other, claim in list(claims.items()):
        if (other.manager, other.operation, other.subresource) == (owner.manager, "Apply", ""):
            continue
        taken = claim.fields & changed
        if taken and not force:
            conflicts.extend(Conflict(other, say_field(path)) for path in sorted(taken))
        elif taken:
            claims[other] = Claim(claim.fields - taken, claim.time)
    if conflicts:
        raise Conflicting(conflicts)


def _remove(group: str, body: dict[str, Any], gone: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """Only what an entry can name may go; who and what the object is, stays."""
    left = dict(remove_fields(group, "", body, {key: gone[key] for key in gone if key != "f:metadata"}, kept))
    metadata = remove_fields(
        group, "metadata", body["metadata"], gone.get("f:metadata", {}), kept.get("f:metadata", {})
    )
    return {**left, "metadata": metadata}


def update_body(
    group: str,
    live: Mapping[str, Any] | None,
    body: Mapping[str, Any],
    manager: str,
    now: str,
    subresource: str = "",
) -> dict[str, Any]:
    """The body after a create, a replace, a patch or a controller's write: what changed is the writer's now."""
    owner = Owner(manager, "Update", str(body.get("apiVersion", "")), subresource)
    claims = read_claims(body if live is None or body["metadata"].get("managedFields") else live)
    if live is None:
        return _with_claims(dict(body), {owner: Claim(read_fields(group, body, members=True), now)})
    changed, removed = compare_fields(group, live, body)
    if subresource == "scale" and not any(changed & claim.fields for claim in claims.values()):
        return _with_claims(dict(body), claims)  # seen on a real server: replicas that nobody owns stay nobody's
    if changed or removed:
        for other, claim in list(claims.items()):
            if other != owner and (left := claim.fields - changed - removed) != claim.fields:
                claims[other] = Claim(left, claim.time)
        own = claims[owner].fields if owner in claims else frozenset()
        claims[owner] = Claim((own | changed) - removed, now)
    return _with_claims(dict(body), claims)


def update_status(
    group: str, live: Mapping[str, Any], body: Mapping[str, Any], manager: str, now: str
) -> dict[str, Any]:
    """The body after a controller's write to its status, and to annotations that only this controller writes.

    As `update_body` has it, without looking at what others own: none of them owns any of that.
    """
    owner = Owner(manager, "Update", str(body.get("apiVersion", "")), "status")
    others, own = [], frozenset[Path]()
    for entry in live["metadata"].get("managedFields") or ():
        if (entry.get("manager"), entry.get("subresource")) == (manager, "status"):
            own = read_tree(entry["fieldsV1"])
        else:
            others.append(entry)
    fields = read_fields(group, {"metadata": {}, "status": body.get("status") or {}}, members=True)
    metadata, before = body["metadata"].get("annotations") or {}, live["metadata"].get("annotations") or {}
    fields |= {path for path in own if path[0] == "f:metadata"}
    fields |= {("f:metadata", "f:annotations", f"f:{key}") for key in metadata if metadata[key] != before.get(key)}
    entry = write_claims({owner: Claim(frozenset(fields), now)})
    return {**body, "metadata": {**body["metadata"], "managedFields": [*others, *entry]}}


def keep_times(live: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The body with its entries as they were, where nothing has changed but the times of entries.

    A write can take away what a webhook fills in again at once: to the server that is no change.
    """
    entries = live["metadata"].get("managedFields") or []
    before = {**body, "metadata": {**body["metadata"], "managedFields": entries}}
    return before if before == live and _fields_of(live) == _fields_of(body) else body


def _fields_of(body: Mapping[str, Any]) -> dict[Owner, frozenset[Path]]:
    return {owner: claim.fields for owner, claim in read_claims(body).items()}


def _with_claims(body: dict[str, Any], claims: Claims) -> dict[str, Any]:
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": {**metadata, "managedFields": write_claims(claims)}}
