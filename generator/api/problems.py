"""Errors over HTTP: the platform's envelope on its routes, problem details (RFC 9457) on revstamp's own.

Owns: which status and shape an error gets, also one that was not foreseen. Refuses: what is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from generator.api.envelope import fail, fail_of
from generator.api.identity import Unidentified
from generator.api.rate import TooManyRequests
from generator.errors import InternalError, RevstampError

_PLATFORM = "/llm-ops/"


def install_handlers(app: FastAPI) -> None:
    """Let the app answer errors so."""
    app.add_exception_handler(RevstampError, _answer_error)
    app.add_exception_handler(Unidentified, _answer_unidentified)
    app.add_exception_handler(Exception, _answer_bug)


def _answer_error(request: Request, error: Any) -> JSONResponse:
    _tell(request, error)
    # The platform's page shows nothing else of an answer that is not 200; who asks too often has to see the number.
    return _answer(request, error, 429 if isinstance(error, TooManyRequests) else 200)


def _answer_unidentified(request: Request, error: Exception) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"}
    if is_platform(request):
        return JSONResponse(fail(f"Not signed in: {error}"), 401, headers=headers)
    return problem(401, str(error), headers=headers)


def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    _tell(request, InternalError.from_bug(error))
    words = "something went wrong inside revstamp; its log says what"
    return _answer(request, InternalError(words, hint="report it with the request id"), 500)


def _answer(request: Request, error: RevstampError, platform_status: int) -> JSONResponse:
    """An error in the shape of the route."""
    headers = {"Retry-After": "5"} if error.http_status in (429, 503) else {}
    if is_platform(request):
        return JSONResponse(fail_of(error), platform_status, headers=headers)
    members = {key: value for key, value in error.to_dict().items() if key != "message"}
    members |= {"type": f"urn:revstamp:error:{error.code}", "detail": error.hint}
    return problem(error.http_status, error.message, members, headers)


def problem(
    status: int, title: str, members: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A problem document with further members."""
    body = {"type": "about:blank", "title": title, "status": status, **(members or {})}
    return JSONResponse(body, status, media_type="application/problem+json", headers=headers)


def is_platform(request: Request) -> bool:
    """Whether it is one of the platform's routes."""
    return request.url.path.startswith(_PLATFORM)


def _tell(request: Request, error: RevstampError) -> None:
    log = request.app.state.context.log
    say = log.error if isinstance(error, InternalError) else log.info
    say("refused", code=error.code, error=error.message, request=getattr(request.state, "request_id", ""))
