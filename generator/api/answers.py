"""How answers are written: JSON that is always JSON, and tags by which a reader learns that nothing has changed.

Owns: what becomes of numbers and characters that JSON in UTF-8 has none for, `ETag` and `If-None-Match`. Refuses: what
an answer says.
Source: RFC 9110, sections 8.8.3 and 13.1.2.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from generator.store.words import write_json


class Json(JSONResponse):
    """An answer in JSON, whatever stands in a row or came with a request."""

    def render(self, content: Any) -> bytes:
        """The bytes; halves of surrogate pairs become U+FFFD, numbers that are none become null."""
        try:
            return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        except ValueError:
            return write_json(content).encode()


def tagged(request: Request, content: Any) -> Response:
    """The answer with its tag; 304 without a body where the reader has it already."""
    answer = Json(content)
    tag = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _is_known(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer


def _is_known(given: str | None, tag: str) -> bool:
    """Compared weakly: a proxy that compresses may have made the tag a weak one."""
    if given is None:
        return False
    return given.strip() == "*" or tag in (part.strip().removeprefix("W/") for part in given.split(","))
