"""Forms: a redeploy and a rollback, each shown as what it would do before it is done.

Owns: the way from a form over its preview to the wish. Refuses: what a wish means (`service`), and fields
(`redeploy_form`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Query, Response

from generator.api.context import require_writer
from generator.errors import AlreadyRunning, InvalidInput, NotFound, Refused, RenderFailed, RevstampError, Violation
from generator.page.redeploy_form import FIELDS, GROUPS, Filled, make_fields, place_problems, read_filled
from generator.page.visit import Form, PageRoute, Seen, Visit, read_ref
from generator.service.fleet import EndpointRef, Fleet
from generator.service.history import list_revisions
from generator.service.neighbours import resolve_current
from generator.service.recording import Asker

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_CHOICES = 20
"""Revisions that a rollback offers."""
_REFUSALS = (Refused, InvalidInput, RenderFailed)


@router.get("/endpoints/{environment}/{name}/redeploy")
def ask_redeploy(visit: Seen, environment: str, name: str) -> Response:
    """The form with the values of now."""
    ref, fleet = _find(visit, environment, name)
    return _show_form(visit, ref, fleet, {})


@router.post("/endpoints/{environment}/{name}/redeploy")
def redeploy(visit: Seen, environment: str, name: str, form: Form) -> Response:
    """What it would do; then, asked for once more, the wish itself."""
    ref, fleet = _find(visit, environment, name, refresh=True)
    filled = read_filled(form, fleet.endpoint_file(ref).document)
    if form.get("step") == "edit" or filled.problems:
        return _show_form(visit, ref, fleet, form, filled.problems, status=422 if filled.problems else 200)
    if form.get("step") == "commit" and form.get("base") == _base(fleet, ref):
        return _commit_redeploy(visit, ref, fleet, form, filled)
    try:
        plan = visit.parts.service.plan_redeploy(str(ref), Asker(visit.person.id), None, filled.patch)
    except _REFUSALS as error:
        return _show_refusal(visit, ref, fleet, form, error)
    moved = form.get("step") == "commit"
    return _preview_redeploy(visit, ref, fleet, form, plan, moved=moved)


def _commit_redeploy(visit: Visit, ref: EndpointRef, fleet: Fleet, form: Mapping[str, str], filled: Filled) -> Response:
    require_writer(visit.parts, visit.person, ref.environment, "redeploy", str(ref))
    asker = visit.asker(form, supersede=form.get("supersede") == "1")
    try:
        accepted = visit.parts.service.redeploy(str(ref), asker, None, filled.patch)
    except AlreadyRunning as error:
        plan = visit.parts.service.plan_redeploy(str(ref), asker, None, filled.patch)
        return _preview_redeploy(visit, ref, fleet, form, plan, running=error)
    except _REFUSALS as error:
        return _show_refusal(visit, ref, fleet, form, error)
    visit.parts.nudge()
    return visit.go(f"/redeployments/{accepted.row.id}")


def _preview_redeploy(
    visit: Visit,
    ref: EndpointRef,
    fleet: Fleet,
    form: Mapping[str, str],
    plan: Any,
    *,
    moved: bool = False,
    running: AlreadyRunning | None = None,
) -> Response:
    kept = {kind.name: form[kind.name] for kind in FIELDS if kind.name in form}
    return visit.answer(
        "preview",
        409 if running else 200,
        ref=ref,
        plan=plan,
        kept=kept,
        reason=form.get("reason", ""),
        base=_base(fleet, ref),
        key=str(uuid.uuid4()) if running or not form.get("key") else form["key"],
        moved=moved,
        running=running,
        active=visit.parts.service.queries.active(ref.environment, ref.name),
        policies=fleet.environment(ref.environment)[0].spec.policies,
    )


def _show_form(
    visit: Visit,
    ref: EndpointRef,
    fleet: Fleet,
    given: Mapping[str, str],
    problems: Mapping[str, tuple[Violation, ...]] | None = None,
    others: tuple[Violation, ...] = (),
    *,
    status: int = 200,
) -> Response:
    file = fleet.endpoint_file(ref)
    shared = fleet.environment(ref.environment)[1]
    return visit.answer(
        "redeploy",
        status,
        ref=ref,
        groups=GROUPS,
        fields=make_fields(file.document, resolve_current(fleet, ref, file), shared, given, problems),
        problems=problems or {},
        others=others,
        reason=given.get("reason", ""),
        base=_base(fleet, ref),
        active=visit.parts.service.queries.active(ref.environment, ref.name),
    )


def _show_refusal(
    visit: Visit, ref: EndpointRef, fleet: Fleet, form: Mapping[str, str], error: RevstampError
) -> Response:
    placed, others = place_problems(error.violations)
    if not error.violations:
        others = (Violation(error.message, error.hint),)
    return _show_form(visit, ref, fleet, form, placed, others, status=422)


@router.get("/endpoints/{environment}/{name}/rollback")
def ask_rollback(visit: Seen, environment: str, name: str, to: int | None = Query(None, ge=1, le=2**31)) -> Response:
    """What going back would do."""
    return _preview_rollback(visit, read_ref(environment, name), to, "")


@router.post("/endpoints/{environment}/{name}/rollback")
def rollback(visit: Seen, environment: str, name: str, form: Form) -> Response:
    """Go back; a reason is asked for."""
    ref = read_ref(environment, name)
    text = form.get("to", "")
    revision = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
    reason = form.get("reason", "").strip()
    if form.get("step") != "commit" or not reason:
        is_missing = form.get("step") == "commit"
        return _preview_rollback(visit, ref, revision, reason, is_reason_missing=is_missing)
    require_writer(visit.parts, visit.person, ref.environment, "rollback", str(ref))
    accepted = visit.parts.service.rollback(str(ref), visit.asker(form), revision)
    visit.parts.nudge()
    return visit.go(f"/redeployments/{accepted.row.id}")


def _preview_rollback(
    visit: Visit, ref: EndpointRef, revision: int | None, reason: str, *, is_reason_missing: bool = False
) -> Response:
    service = visit.parts.service
    tip = service.trunk.read_tip()
    entries = list_revisions(service.trunk.repository, visit.reader.fleet().layout, ref, tip.commit or "HEAD", _CHOICES)
    known = [entry for entry in entries if not entry.stamp.deleted]
    error, plan, chosen = None, None, revision
    try:
        plan, chosen = service.plan_rollback(str(ref), Asker(visit.person.id), revision)
    except (*_REFUSALS, NotFound) as problem:
        error = problem
    status = 422 if is_reason_missing or error is not None else 200
    return visit.answer(
        "rollback",
        status,
        ref=ref,
        plan=plan,
        chosen=chosen,
        entries=known,
        error=error,
        reason=reason,
        is_reason_missing=is_reason_missing,
        key=str(uuid.uuid4()),
        state=visit.parts.states.find(ref.environment, ref.name),
        active=service.queries.active(ref.environment, ref.name),
    )


def _find(visit: Visit, environment: str, name: str, *, refresh: bool = False) -> tuple[EndpointRef, Fleet]:
    return visit.parts.service.find_present(str(read_ref(environment, name)), refresh=refresh)


def _base(fleet: Fleet, ref: EndpointRef) -> str:
    """Which revision a form is filled in on."""
    stamp = fleet.stamp(ref)
    return str(stamp.revision) if stamp else "0"
