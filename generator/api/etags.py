"""Answers that say what they are, so that nobody has to read them twice.

Owns: `ETag` and `If-None-Match` (RFC 9110, 8.8.3 and 13.1.2). Refuses: what the answers are.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from fastapi import Request, Response


def tagged(request: Request, body: Any) -> Response:
    """The answer to a read; 304 without a body where the client has it already."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"', "Cache-Control": "no-cache"}
    given = request.headers.get("if-none-match", "")
    known = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    if headers["ETag"] in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
