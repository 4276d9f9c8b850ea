"""Which web pages may have a browser write here.

Owns: telling a foreign page's request from one of our own page and from a program's. Refuses: judging reads: what a
foreign page asks for it cannot see without CORS.
Sources: W3C Fetch Metadata (`Sec-Fetch-Site` is set by the browser and by no page), RFC 6454 (`Origin`).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from generator.api.problems import Rejected


def check_origin(headers: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    """Rejected where a page of another origin asks. A request without both headers is a program's."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin in allowed:
        return
    if site is not None and site not in ("same-origin", "none"):
        raise _foreign(origin or site)
    if site is None and origin is not None and not _is_same(origin, headers.get("host", "")):
        raise _foreign(origin)


def _is_same(origin: str, host: str) -> bool:
    """By host and port: the scheme may have been another one before a proxy."""
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _foreign(origin: str) -> Rejected:
    hint = "name it in REVSTAMP_ORIGINS if it may; behind a proxy, have the proxy pass Host on"
    return Rejected(403, "foreign-origin", f"the page {origin[:200]!r} may not write here", hint)
