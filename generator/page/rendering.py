"""Templates, and what they may call.

Owns: the environment of templates (everything is escaped, nothing may be undefined), filters, static files. Refuses:
reading anything a page is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from generator import __version__
from generator.page.language import LANGUAGES, Words
from generator.store.redeployment import to_json

_HERE = Path(__file__).parent
STATIC: Mapping[str, str] = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""Files that are served, with their types."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["iso"] = to_json
    environment.filters["clock"] = _write_clock
    environment.filters["person"] = _write_person
    environment.globals["asset"] = lambda name: f"/static/{name}?{static_file(name)[1]}"
    environment.globals["languages"] = tuple(LANGUAGES)
    environment.globals["version"] = __version__
    return environment


def render_page(name: str, words: Words, now: datetime, values: Mapping[str, Any]) -> str:
    """The HTML of a page."""
    known = {"t": words, "lang": words.language, "now": now}
    return _environment().get_template(f"{name}.html.j2").render({**known, **values})


@cache
def static_file(name: str) -> tuple[bytes, str]:
    """A static file's bytes, and a word that changes with them. KeyError for any other name."""
    content = (_HERE / "static" / {name: name for name in STATIC}[name]).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def _write_clock(moment: datetime | None) -> str:
    """A moment for people, in UTC."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _write_person(actor: str) -> str:
    """`Ann` of `Ann <ann@example.com>`."""
    return actor.partition(" <")[0] or actor
