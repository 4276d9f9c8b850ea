"""Errors over HTTP: the platform's envelope on its routes, problem details (RFC 9457) on revstamp's own.

Owns: which status and shape an error gets, also one that was not foreseen. Refuses: what is an error.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from generator.api.envelope import fail, fail_of
from generator.api.identity import Unidentified
from generator.api.rate import TooManyRequests
from generator.errors import InternalError, RevstampError

_PLATFORM = "/llm-ops/"
_DETAILS = "https://github.com/revstamp/revstamp/blob/main/docs/errors.md"


def install_handlers(app: FastAPI) -> None:
    """Let the app answer errors so."""
    app.add_exception_handler(RevstampError, _answer_error)
    app.add_exception_handler(Unidentified, _answer_unidentified)
    app.add_exception_handler(Exception, _answer_bug)


def _answer_error(request: Request, error: Exception) -> JSONResponse:
    assert_is = error if isinstance(error, RevstampError) else InternalError(str(error))
    _tell(request, assert_is)
    if is_platform(request):
        # Its page shows nothing else of an answer that is not 200; who asks too often has to see the number.
        status = 429 if isinstance(assert_is, TooManyRequests) else 200
        return JSONResponse(fail_of(assert_is), status, headers=_retry(assert_is))
    return problem(assert_is.http_status, assert_is.message, assert_is)


def _answer_unidentified(request: Request, error: Exception) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"}
    if is_platform(request):
        return JSONResponse(fail(f"Not signed in: {error}"), 401, headers=headers)
    found = problem(401, str(error))
    found.headers.update(headers)
    return found


def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    bug = InternalError.from_bug(error)
    _tell(request, bug)
    shown = InternalError(
        "something went wrong inside revstamp; its log says what", hint="report it with the request id"
    )
    if is_platform(request):
        return JSONResponse(fail_of(shown), 500)
    return problem(500, shown.message, shown)


def problem(status: int, title: str, error: RevstampError | None = None) -> JSONResponse:
    """A problem document; `error`'s hint, violations and details are members of it."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if error is not None:
        body = {"type": f"{_DETAILS}#{error.code}", "title": title, "status": status, "detail": error.hint}
        body |= {key: value for key, value in error.to_dict().items() if key != "message"}
    return JSONResponse(body, status, media_type="application/problem+json", headers=_retry(error))


def is_platform(request: Request) -> bool:
    """Whether it is one of the platform's routes."""
    return request.url.path.startswith(_PLATFORM)


def _retry(error: RevstampError | None) -> dict[str, str]:
    return {"Retry-After": "5"} if error is not None and error.http_status in (429, 503) else {}


def _tell(request: Request, error: RevstampError) -> None:
    log = request.app.state.context.log
    say = log.error if isinstance(error, InternalError) else log.info
    say("refused", code=error.code, error=error.message, request=getattr(request.state, "request_id", ""))
