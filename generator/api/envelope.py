"""The platform's envelope around every answer of its routes.

Owns: `status`, `message`, `data`, and what an error looks like in it. Refuses: what the data are.
Source: platform-contract, "HTTP": a refusal is an answer with status 200, since its page shows nothing else of others.
"""

from __future__ import annotations

from typing import Any

from generator.errors import RevstampError


def success(data: Any, message: str = "") -> dict[str, Any]:
    """An answer."""
    return {"status": "success", "message": message, "data": data}


def fail(message: str, data: Any = None) -> dict[str, Any]:
    """A refusal; the message stands alone in an alert."""
    return {"status": "fail", "message": message, "data": data}


def fail_of(error: RevstampError) -> dict[str, Any]:
    """The refusal that an error is: what happened and what to do; every violation is in the data."""
    hint = f". {error.hint[0].upper()}{error.hint[1:]}" if error.hint else ""
    return fail(f"{error.message}{hint}", error.to_dict())
