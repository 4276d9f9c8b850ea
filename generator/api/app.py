"""The application: routes, handlers, layers.

Owns: putting them together. Refuses: making the parts that routes work with (`cli.serve_command`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache, partial

from fastapi import FastAPI, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse

from generator import __version__
from generator.api import (
    catalogue_routes,
    endpoint_routes,
    platform_routes,
    redeployment_routes,
    streams,
    webhook_route,
)
from generator.api.answers import Json
from generator.api.broadcast import Broadcaster
from generator.api.context import Context
from generator.api.document import document_of
from generator.api.guard import Guard
from generator.api.own_shapes import Health, Readiness, answering
from generator.api.problems import install_handlers


def create_app(
    context: Context, *, origins: tuple[str, ...] = (), install: Callable[[FastAPI], None] = lambda _: None
) -> Guard:
    """The ASGI application. `origins`: whose pages may call it from a browser, beside its own.

    `install` adds what rooms above bring, such as the page.
    """

    broadcaster = Broadcaster(context.service.queries, context.log)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        broadcaster.close()

    app = FastAPI(title="revstamp", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.context, app.state.broadcaster = context, broadcaster
    app.openapi = cache(partial(document_of, app))  # type: ignore[method-assign]
    install_handlers(app)
    for module in (platform_routes, catalogue_routes, endpoint_routes, redeployment_routes, streams, webhook_route):
        app.include_router(module.router)
    _add_probes(app, context)
    install(app)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["*"],
        )
    return Guard(app, context.log, origins, broadcaster.close)


def _add_probes(app: FastAPI, context: Context) -> None:
    @app.get("/healthz", tags=["probes"], response_model=None, responses=answering(Health))
    def healthz() -> Response:
        """Whether the process answers."""
        return Json({"healthy": True})

    @app.get(
        "/readyz", tags=["probes"], response_model=None, responses=answering(Readiness) | answering(Readiness, 503)
    )
    def readyz() -> Response:
        """Whether it can do its work, and what it lacks."""
        missing = context.readiness()
        return Json({"ready": not missing, "missing": missing}, 503 if missing else 200)

    @app.get("/metrics", tags=["probes"], response_class=PlainTextResponse)
    def metrics() -> Response:
        """Prometheus' text format."""
        return Response(context.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")
