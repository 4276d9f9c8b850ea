"""Errors over HTTP: the platform's envelope on its routes, problem details (RFC 9457) on revstamp's own.

Owns: which status and shape an error gets, also one that was not foreseen, or that the framework raises. Refuses: what
is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from generator.api.answers import Json
from generator.api.envelope import fail, fail_of
from generator.api.identity import Unidentified
from generator.api.rate import TooManyRequests, TooManyStreams
from generator.errors import InternalError, InvalidInput, RevstampError, Violation

_PLATFORM = "/llm-ops/"
_MOST_WRONG = 50
"""Things that are wrong with one request and are told; a body may hold any number."""
_HEADERS = {429: {"Retry-After": "5"}, 503: {"Retry-After": "5"}, 401: {"WWW-Authenticate": "Bearer"}}

_SEEN = (TooManyRequests, TooManyStreams)
_FRAMEWORK = {
    404: ("no-such-path", "there is no such path"),
    405: ("no-such-method", "the path does not have this method"),
}


class Rejected(Exception):
    """A request that was turned away before any rule of revstamp was asked: `code` is its word, `status` HTTP's."""

    def __init__(self, status: int, code: str, title: str, hint: str) -> None:
        super().__init__(title)
        self.status, self.code, self.title, self.hint = status, code, title, hint


def install_handlers(app: FastAPI) -> None:
    """Let the app answer errors so."""
    app.add_exception_handler(RevstampError, _answer_error)
    app.add_exception_handler(Unidentified, _answer_unidentified)
    app.add_exception_handler(Rejected, _answer_rejected)
    app.add_exception_handler(RequestValidationError, _answer_shape)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_bug)


def answer_rejected(path: str, found: Rejected, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer, in the shape of the route."""
    more = {**_HEADERS.get(found.status, {}), **(headers or {})}
    if is_platform(path):
        hint = f". {found.hint[0].upper()}{found.hint[1:]}" if found.hint else ""
        return Json(fail(f"{found.title}{hint}", {"error": found.code}), found.status, headers=more)
    members = {"error": found.code, "hint": found.hint, "retryable": found.status in _HEADERS, "violations": []}
    return problem(found.status, found.title, members, more)


def _answer_error(request: Request, error: Any) -> JSONResponse:
    tell_error(request, error)
    # The platform's page shows nothing else of an answer that is not 200; who asks too often has to see the number.
    return shape_error(request.url.path, error, error.http_status if isinstance(error, _SEEN) else 200)


def _answer_rejected(request: Request, error: Any) -> JSONResponse:
    return answer_rejected(request.url.path, error)


def _answer_unidentified(request: Request, error: Exception) -> JSONResponse:
    hint = "send X-User-Id and X-User-Roles from a trusted place, or a bearer token"
    words = f"Not signed in: {error}" if is_platform(request.url.path) else str(error)
    return answer_rejected(request.url.path, Rejected(401, "unidentified", words, hint))


def _answer_shape(request: Request, error: Any) -> JSONResponse:
    """A body or query of another shape: FastAPI's own body on the platform's routes, as its scripts know it."""
    found = error.errors()[:_MOST_WRONG]
    if is_platform(request.url.path):
        return Json({"detail": jsonable_encoder(found, custom_encoder={Exception: str})}, 422)
    wrong = [Violation(str(each["msg"]), path=".".join(map(str, each["loc"]))) for each in found]
    where = ", ".join(violation.path for violation in wrong[:3])
    hint = "see /openapi.json for what each field takes"
    return shape_error(
        request.url.path, InvalidInput(f"the request is not well formed: {where}", hint=hint, violations=wrong)
    )


def _answer_http(request: Request, error: Any) -> JSONResponse:
    """What the framework raises: no such path, no such method, a body that is no text."""
    code, title = _FRAMEWORK.get(error.status_code, ("rejected", str(error.detail)))
    found = Rejected(error.status_code, code, title, "/openapi.json has all paths")
    return answer_rejected(request.url.path, found, error.headers)


def _answer_bug(request: Request, error: Exception) -> JSONResponse:
    return shape_error(request.url.path, admit_bug(request, error), 500)


def shape_error(path: str, error: RevstampError, platform_status: int = 200) -> JSONResponse:
    """An error in the shape of the route."""
    if is_platform(path):
        more = _HEADERS.get(error.http_status, {}) if error.retryable else {}
        return Json(fail_of(error), platform_status, headers=more)
    members = {key: value for key, value in error.to_dict().items() if key != "message"}
    return problem(error.http_status, error.message, members, _HEADERS.get(error.http_status, {}))


def problem(status: int, title: str, members: Mapping[str, Any], headers: Mapping[str, str]) -> JSONResponse:
    """A problem document with revstamp's members."""
    kind, detail = f"urn:revstamp:error:{members['error']}", members["hint"]
    body = {"type": kind, "title": title, "status": status, "detail": detail, **members}
    return Json(body, status, media_type="application/problem+json", headers=headers)


def is_platform(path: str) -> bool:
    """Whether it is one of the platform's routes."""
    return path.startswith(_PLATFORM)


def admit_bug(request: Request, error: Exception) -> InternalError:
    """What people are told of a bug; the log is told what it was."""
    tell_error(request, InternalError.from_bug(error))
    words = "something went wrong inside revstamp; its log says what"
    return InternalError(words, hint="report it with the request id")


def tell_error(request: Request, error: RevstampError) -> None:
    """Log that a request was refused; a bug as an error."""
    log = request.app.state.context.log
    say = log.error if isinstance(error, InternalError) else log.info
    say("refused", code=error.code, error=error.message, request=getattr(request.state, "request_id", ""))
