"""Who asks: the platform's headers from whom they may be believed, else a bearer token.

Owns: telling trusted peers from others, checking tokens with pinned algorithms. Refuses: what somebody may do
(`roles`).
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from generator.errors import InvalidInput

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with public keys only: none that the verifier's own key could make, and not `none`."""

READER = "llm-ops-user"
"""The role that the platform asks of everybody (platform-contract: "Identity")."""

_KEYS_SECONDS = 300.0
_REFRESH_SECONDS = 10.0

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Unidentified(Exception):
    """Nobody is named, or whoever is named cannot be believed. The text says why, without the credential."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, and the roles that were vouched for."""

    id: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must say. `keys`: a JWK set as JSON data, read when needed."""

    keys: Callable[[], Any]
    issuer: str = ""
    audience: str = ""
    roles_claim: str = "roles"


class Identifier:
    """Tells who asks. `proxies`: networks whose identity headers are believed, beside loopback.

    `local`: who somebody at this very machine is that brings no headers, such as a browser without a proxy.
    """

    def __init__(
        self, proxies: Sequence[Network] = (), tokens: TokenRules | None = None, local: Person | None = None
    ) -> None:
        self._proxies, self._tokens, self._local = tuple(proxies), tokens, local
        self._lock = Lock()
        self._known: tuple[float, Any] = (0.0, None)

    def identify(self, peer: str, headers: Mapping[str, str]) -> Person:
        """The person behind a request. Raises Unidentified.

        A token is judged by itself, whoever brings it; a wrong one is never made up for by headers.
        """
        scheme, _, credential = headers.get("authorization", "").partition(" ")
        if credential and scheme.lower() == "bearer":
            return self._read_token(credential.strip())
        if not self._is_trusted(peer):
            raise Unidentified("identity headers are only believed from loopback or a proxy that the settings name")
        name = headers.get("x-user-id", "").strip()
        if not name and self._local is not None and _is_at_home(peer, headers):
            return self._local
        if not name:
            raise Unidentified("the header X-User-Id is missing or empty")
        roles = (role.strip() for role in headers.get("x-user-roles", "").split(","))
        return Person(_clean(name), frozenset(role for role in roles if role))

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return address.is_loopback or any(address in network for network in self._proxies)

    def _read_token(self, token: str) -> Person:
        import jwt

        rules = self._tokens
        if rules is None:
            raise Unidentified("tokens are not accepted here: no keys are set")
        try:
            key = self._find_key(jwt.get_unverified_header(token).get("kid"))
            claims = jwt.decode(
                token,
                key=key,
                algorithms=list(ALGORITHMS),
                audience=rules.audience or None,
                issuer=rules.issuer or None,
                leeway=30,
                options={"require": ["exp", "sub"], "verify_aud": bool(rules.audience)},
            )
        except jwt.PyJWTError as error:
            raise Unidentified(f"the token is not accepted: {type(error).__name__}") from None
        found = claims.get(rules.roles_claim)
        roles = found if isinstance(found, list) else str(found or "").replace(",", " ").split()
        return Person(_clean(str(claims["sub"])), frozenset(str(role) for role in roles))

    def _find_key(self, kid: Any) -> Any:
        """The key that a token names, fetched anew where it is not known; a set of one key needs no name."""
        import jwt

        for fresh in (False, True):
            keys = self._load_keys(fresh=fresh)
            named = [key for key in keys if kid is not None and key.key_id == kid]
            if named or (kid is None and len(keys) == 1):
                return (named or keys)[0].key
        raise jwt.InvalidKeyError

    def _load_keys(self, *, fresh: bool) -> list[Any]:
        import jwt

        with self._lock:
            loaded, keys = self._known
            age = time.monotonic() - loaded
            if keys is None or age > (_REFRESH_SECONDS if fresh else _KEYS_SECONDS):
                try:
                    keys = jwt.PyJWKSet.from_dict(self._tokens.keys() if self._tokens else {}).keys
                except (OSError, ValueError, jwt.PyJWTError) as error:
                    if keys is None:
                        raise Unidentified("the keys for tokens cannot be read") from error
                self._known = (time.monotonic(), keys)
            return list(keys or ())


def _is_at_home(peer: str, headers: Mapping[str, str]) -> bool:
    """Whether somebody at this machine asks, and not for another site's page: a name that leads here is a trap.

    A request that a proxy passes on is somebody else's.
    """
    passed_on = any(name in headers for name in ("forwarded", "x-forwarded-for", "via"))
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return False
    return not passed_on and _is_loopback(peer) and (host == "localhost" or _is_loopback(host))


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def parse_person(text: str) -> Person | None:
    """`ann` or `ann:llm-ops-user+llm-ops-admin`; None for an empty text. InvalidInput where it is neither."""
    name, colon, roles = text.strip().partition(":")
    if not text.strip():
        return None
    named = frozenset(role.strip() for role in roles.split("+") if role.strip())
    if not _clean(name) or (colon and not named):
        raise InvalidInput(f"{text!r} is nobody", hint="write NAME, or NAME:ROLE+ROLE")
    return Person(_clean(name), named or frozenset((READER,)))


def _clean(name: str) -> str:
    """A name that can stand in a commit, a row and a log."""
    return "".join(letter for letter in name if letter.isprintable() and letter not in "<>")[:200]


def parse_networks(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, 192.0.2.7`. InvalidInput where one is no network."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise InvalidInput(f"{part!r} is no network", hint="write 10.0.0.0/8 or an address") from None
    return tuple(found)


def key_source(place: str) -> Callable[[], Any]:
    """What reads a JWK set from a file, or over https."""

    def read_file() -> Any:
        import json

        return json.loads(Path(place).read_text(encoding="utf-8"))

    def fetch() -> Any:
        import json

        import urllib3

        answer = urllib3.request("GET", place, timeout=5.0, retries=False, redirect=False)
        if answer.status != 200:
            raise OSError(f"{place} answered {answer.status}")
        return json.loads(answer.data)

    if place.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
        return fetch
    if "://" in place:
        raise InvalidInput(f"{place!r} is no place for keys", hint="give a file, or an https URL")
    return read_file
