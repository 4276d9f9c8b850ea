"""A resolved endpoint as plain data.

Owns: the form that the spec's digest is taken of. Refuses: reading it back.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from generator.spec.resolved import ResolvedEndpoint


def resolved_data(resolved: ResolvedEndpoint) -> dict[str, Any]:
    """Everything that rendering reads, without the origins."""
    return {item.name: _plain(getattr(resolved, item.name)) for item in fields(resolved) if item.name != "origins"}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
