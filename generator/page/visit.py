"""One request for a page: who asks, in which language, and the answer as HTML.

Owns: what every page needs, forms as browsers send them, errors as pages. Refuses: what a page is about.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from generator.api.context import Context, Parts, Who, asker_of
from generator.api.identity import Person, Unidentified
from generator.api.problems import admit_bug, tell_error
from generator.errors import InvalidInput, NotFound, RevstampError
from generator.page.language import COOKIE, Words, choose_language
from generator.page.reading import Reader
from generator.page.rendering import render_page
from generator.service.fleet import EndpointRef
from generator.service.recording import Asker
from generator.spec.names import is_dns_label, is_endpoint_name

_FIELDS = 200


@dataclass(frozen=True, slots=True)
class Visit:
    """One request."""

    request: Request
    parts: Context
    person: Person
    reader: Reader
    words: Words
    now: datetime

    def answer(self, page: str, status: int = 200, **values: Any) -> Response:
        """A page."""
        text = render_page(page, self.words, self.now, {**_common(self.request), "person": self.person.id, **values})
        return _html(text, status)

    def asker(self, form: Mapping[str, str], *, supersede: bool = False) -> Asker:
        """Who asks for a write; counts against the rate limit."""
        reason, key = form.get("reason", "")[:4000], form.get("key") or None
        return asker_of(self.request, self.person, reason, key=key, supersede=supersede)

    def go(self, path: str) -> Response:
        """Look there next; a reload does not send the form again."""
        return RedirectResponse(path, 303)


def visit_of(request: Request, parts: Parts, who: Who) -> Visit:
    """The visit of a request."""
    return Visit(request, parts, who, request.app.state.page_reader, _words_of(request), datetime.now(UTC))


async def form_of(request: Request) -> dict[str, str]:
    """What a form sent. InvalidInput for a body of another kind."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidInput("this is no form", hint="send the form of the page")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise InvalidInput("the form cannot be read", hint="load the page again") from None
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def read_ref(environment: str, name: str) -> EndpointRef:
    """The endpoint of a path. NotFound where it cannot be one."""
    if not is_dns_label(environment) or not is_endpoint_name(name):
        raise NotFound(f"{environment[:63]}/{name[:63]} is not the name of an endpoint")
    return EndpointRef(environment, name)


Seen = Annotated[Visit, Depends(visit_of)]
Form = Annotated[dict[str, str], Depends(form_of)]


class PageRoute(APIRoute):
    """A route whose errors are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors turned into pages."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Unidentified as error:
                return _fail(request, 401, str(error), "")
            except RequestValidationError:
                return _fail(request, 422, _words_of(request)("error.address"), "")
            except RevstampError as error:
                tell_error(request, error)
                return _fail(request, error.http_status, error.message, error.hint, retryable=error.retryable)
            except Exception as error:
                found = admit_bug(request, error)
                return _fail(request, 500, found.message, f"{found.hint} {request.state.request_id}")

        return answer


def _fail(request: Request, status: int, message: str, hint: str, *, retryable: bool = False) -> Response:
    values = {"status": status, "message": message, "hint": hint, "retryable": retryable, "person": ""}
    page = render_page("error", _words_of(request), datetime.now(UTC), {**_common(request), **values})
    answer = _html(page, status)
    if retryable:
        answer.headers["Retry-After"] = "5"
    return answer


def _common(request: Request) -> dict[str, Any]:
    return {"path": request.url.path}


def _words_of(request: Request) -> Words:
    chosen = request.query_params.get("language") or request.cookies.get(COOKIE, "")
    return Words(choose_language(request.headers.get("accept-language", ""), chosen))


def _html(text: str, status: int) -> Response:
    return HTMLResponse(text, status, headers={"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"})
