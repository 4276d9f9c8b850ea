"""Pages that are only looked at: endpoints, one endpoint, its values, its drift, a revision, a redeployment.

Owns: paths and what each page shows. Refuses: forms (`form_routes`).
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Query, Response
from fastapi.responses import RedirectResponse

from generator.errors import NotFound
from generator.page import form_routes
from generator.page.drift import Differ
from generator.page.fleet_view import choose_lines, count_kinds
from generator.page.language import COOKIE, LANGUAGES
from generator.page.reading import TIMELINE, Reader
from generator.page.rendering import STATIC, static_file
from generator.page.visit import PageRoute, Seen, read_ref
from generator.service.explain import explain_endpoint
from generator.service.history import diff_revision, find_revision

router = APIRouter(route_class=PageRoute, include_in_schema=False)
PAGE_SIZE = 50
"""Endpoints of one page of the list."""


def install_pages(app: FastAPI, *, drift: Differ | None = None) -> None:
    """Add all pages to an application. `drift` asks a cluster; None where this process knows none."""
    app.state.page_reader = Reader(app.state.context)
    app.state.page_drift = drift
    app.include_router(router)
    app.include_router(form_routes.router)


@router.get("/")
def show_endpoints(
    visit: Seen,
    environment: str = "",
    status: str = "",
    q: str = "",
    sort: str = "name",
    page: int = Query(1, ge=1, le=100_000),
) -> Response:
    """All endpoints."""
    lines = visit.reader.list_lines()
    names = visit.reader.fleet().environment_names()
    found = choose_lines(lines, environment=environment, kind=status, text=q, order=sort)
    start = (page - 1) * PAGE_SIZE
    shown = visit.reader.with_latest(found[start : start + PAGE_SIZE])
    return visit.answer(
        "endpoints",
        lines=shown,
        environments=names,
        counts=count_kinds(lines),
        total=len(lines),
        matching=len(found),
        wanted={"environment": environment, "status": status, "q": q, "sort": sort},
        number=page,
        pages=max(1, -(-len(found) // PAGE_SIZE)),
        last_event=visit.parts.service.queries.last_event_id(),
    )


@router.get("/endpoints/{environment}/{name}")
def show_endpoint(
    visit: Seen, environment: str, name: str, before: int | None = Query(None, ge=1, le=2**62)
) -> Response:
    """One endpoint and its redeployments."""
    ref = read_ref(environment, name)
    line = visit.reader.find_line(ref)
    timeline = visit.reader.read_timeline(line, before)
    older = timeline[-1][0].id if len(timeline) == TIMELINE else None
    known = [row.revision for row, _ in timeline if row.revision and row.committed_at]
    earlier = () if older else visit.reader.read_earlier(ref, min(known, default=line.revision + 1))
    return visit.answer(
        "endpoint",
        line=line,
        timeline=timeline,
        earlier=earlier,
        older=older,
        before=before,
        last_event=visit.parts.service.queries.last_event_id(),
    )


@router.get("/endpoints/{environment}/{name}/values")
def show_values(visit: Seen, environment: str, name: str) -> Response:
    """Where each value comes from, and the lines that it ends in."""
    ref, fleet = visit.parts.service.find_present(str(read_ref(environment, name)), refresh=False)
    return visit.answer("values", ref=ref, explanation=explain_endpoint(fleet, ref))


@router.get("/endpoints/{environment}/{name}/drift")
def show_drift(visit: Seen, environment: str, name: str) -> Response:
    """What git says against what the cluster has, field by field."""
    ref = read_ref(environment, name)
    differ: Differ | None = visit.request.app.state.page_drift
    if differ is None:
        raise NotFound("this process knows no cluster", hint="run `revstamp serve` with access to the clusters")
    return visit.answer("drift", ref=ref, objects=differ(ref))


@router.get("/endpoints/{environment}/{name}/revisions/{revision}")
def show_revision(visit: Seen, environment: str, name: str, revision: int) -> Response:
    """Who made a revision, why, and what it changed."""
    ref = read_ref(environment, name)
    trunk = visit.parts.service.trunk
    tip = trunk.read_tip(refresh=False)
    layout = visit.reader.fleet().layout
    entry = find_revision(trunk.repository, layout, ref, tip.commit or "HEAD", revision)
    return visit.answer("revision", ref=ref, entry=entry, diff=diff_revision(trunk.repository, entry))


@router.get("/redeployments/{number}")
def show_redeployment(visit: Seen, number: str) -> Response:
    """One redeployment, live."""
    view = visit.reader.view(number, visit.now)
    return visit.answer("redeployment", view=view, pools=visit.reader.read_pools(view))


@router.get("/language/{language}")
def choose_language(language: str, back: str = "/") -> Response:
    """Remember the reader's language."""
    if language not in LANGUAGES:
        raise NotFound(f"there is no language {language[:20]!r}", hint=f"there are {', '.join(LANGUAGES)}")
    place = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    answer = RedirectResponse(place, 303)
    answer.set_cookie(COOKIE, language, max_age=365 * 86400, httponly=True, samesite="lax")
    return answer


@router.get("/static/{name}")
def send_static(name: str) -> Response:
    """A file that pages need; needs no identity."""
    if name not in STATIC:
        raise NotFound(f"there is no file {name[:60]!r}")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(static_file(name)[0], media_type=STATIC[name], headers=headers)
