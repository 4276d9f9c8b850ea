"""Who may ask: attacks on the identity, and what becomes of each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from generator.api.identity import Identifier, TokenRules, Unidentified, key_source, parse_networks, parse_person
from generator.api.rate import RateLimit
from generator.api.roles import parse_roles
from generator.errors import InvalidInput
from tests.api.conftest import OWN, SERVING, WHO, Served

SUPPORT = "c48311a0-9cf4-501c-b0af-ca267da9bdfa"
ENDPOINTS = f"{SERVING}/endpoints"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def secured(served: Served, tmp_path: Path) -> Served:
    """Tokens of one key, one proxy, a role for prod."""
    keys = tmp_path / "keys.json"
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
    keys.write_text(json.dumps({"keys": [{**public, "kid": "one", "use": "sig"}]}))
    tokens = TokenRules(key_source(str(keys)), "https://issuer.example", "revstamp")
    served.context = replace(
        served.context,
        identifier=Identifier(parse_networks("10.1.0.0/16"), tokens),
        roles=parse_roles("prod=release, *=llm-ops-user"),
    )
    return served


def token(key: Any = KEY, **changes: Any) -> str:
    """A token that is accepted, but for the changes."""
    claims = {
        "sub": "ann", "roles": ["llm-ops-user"], "iss": "https://issuer.example", "aud": "revstamp",
        "exp": int(time.time()) + 300,
    }  # fmt: skip
    algorithm = changes.pop("algorithm", "RS256")
    merged = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return str(jwt.encode(merged, key, algorithm=algorithm, headers={"kid": "one"}))


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("127.0.0.1", {"X-Other": "1"}),
        ("127.0.0.1", {"X-User-Id": "  ", "X-User-Roles": "llm-ops-user"}),
        ("203.0.113.9", WHO),
        ("203.0.113.9", {**WHO, "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}),
        ("10.2.0.1", WHO),
    ],
    ids=["nobody", "blank", "from elsewhere", "says that it is loopback", "beside the proxies"],
)
def test_identity_headers_are_believed_only_from_loopback_and_named_proxies(
    secured: Served, peer: str, headers: dict[str, str]
) -> None:
    """401, on both kinds of routes, with a message."""
    with secured.client(peer, **headers) as client:
        answer = client.get(ENDPOINTS)
        assert (answer.status_code, answer.json()["status"]) == (401, "fail")
        assert client.get(f"{OWN}/redeployments").status_code == 401


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3"])
def test_trusted_peers_name_people(secured: Served, peer: str) -> None:
    """Loopback in each of its forms, and the proxy."""
    with secured.client(peer) as client:
        assert client.get(ENDPOINTS).json()["status"] == "success"


TOKENS: dict[str, Callable[[], str]] = {
    "none": lambda: str(jwt.encode({"sub": "ann", "exp": time.time() + 300}, None, algorithm="none")),
    "another key": lambda: token(OTHER),
    "expired": lambda: token(exp=int(time.time()) - 300),
    "never ends": lambda: token(exp=None),
    "nobody": lambda: token(sub=None),
    "another issuer": lambda: token(iss="https://other.example"),
    "for another": lambda: token(aud="other"),
    "garbage": lambda: "a.b.c",
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_is_not_right_is_refused_also_beside_headers(secured: Served, name: str) -> None:
    """Headers from loopback do not make up for it."""
    with secured.client("127.0.0.1", Authorization=f"Bearer {TOKENS[name]()}", **WHO) as client:
        answer = client.get(ENDPOINTS)
        assert answer.status_code == 401
        assert "Bearer" in answer.headers["www-authenticate"]


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(secured: Served) -> None:
    """The classic confusion of algorithms: only public-key signatures are known."""
    import base64
    import hashlib
    import hmac

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    secret = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    head = part({"alg": "HS256", "kid": "one"}) + b"." + part({"sub": "ann", "exp": time.time() + 300})
    signature = base64.urlsafe_b64encode(hmac.new(secret, head, hashlib.sha256).digest()).rstrip(b"=")
    with secured.client("203.0.113.9", Authorization=f"Bearer {(head + b'.' + signature).decode()}") as client:
        assert client.get(ENDPOINTS).status_code == 401


def test_a_good_token_is_enough_from_anywhere(secured: Served) -> None:
    """Its subject and roles are who asks."""
    with secured.client("203.0.113.9", Authorization=f"Bearer {token()}") as client:
        assert client.get(ENDPOINTS).json()["status"] == "success"


def test_a_role_is_needed_to_change_an_environment_and_the_attempt_is_audited(secured: Served) -> None:
    """prod takes another role than the others."""
    with secured.client("203.0.113.9", Authorization=f"Bearer {token()}") as client:
        answer = client.post(f"{ENDPOINTS}/{SUPPORT}/redeploy", json={})
        assert "may not change prod" in answer.json()["message"]
    denied = [line for line in secured.stage.platform.read_audit() if line["result"] == "denied"]
    assert [(line["actor_id"], line["resource_id"]) for line in denied] == [("ann", SUPPORT)]
    with secured.client("203.0.113.9", Authorization=f"Bearer {token(roles=['release'])}") as client:
        assert client.post(f"{ENDPOINTS}/{SUPPORT}/redeploy", json={}).json()["status"] == "success"


def test_somebody_without_a_known_role_reads_nothing(secured: Served) -> None:
    """A refusal on the platform's routes, 403 on revstamp's."""
    with secured.client("203.0.113.9", Authorization=f"Bearer {token(roles=['guest'])}") as client:
        assert client.get(ENDPOINTS).json()["status"] == "fail"
        assert client.get(f"{OWN}/redeployments").status_code == 403


def test_a_body_that_is_too_large_or_a_path_with_tricks_reaches_nothing(served: Served) -> None:
    """413; 404 or a refusal."""
    with served.client() as client:
        large = client.post(f"{ENDPOINTS}/{SUPPORT}/redeploy", content=b"{" + b" " * 2_000_000)
        assert large.status_code == 413
        for path in (f"{ENDPOINTS}/../../etc/passwd", f"{ENDPOINTS}/..%2f..%2fetc", f"{OWN}/redeployments/%2e%2e%2f"):
            answer = client.get(path)
            assert answer.status_code in (404, 405) or answer.json()["status"] == "fail"


def test_writes_are_limited_by_person(served: Served) -> None:
    """Two, then 429 with how long to wait; another person may."""
    served.context = replace(served.context, rate=RateLimit(2, clock=lambda: 0.0))
    with served.client() as client:
        path = f"{ENDPOINTS}/00000000-0000-4000-8000-000000000000"
        own = f"{OWN}/endpoints/prod/nothing/redeploy"
        assert [client.post(own, json={}).status_code for _ in range(3)] == [404, 404, 429]
        assert client.post(own, json={}, headers={**WHO, "X-User-Id": "bob"}).status_code == 404
        assert client.get(path).status_code == 200


def test_answers_carry_security_headers_and_a_request_id(served: Served) -> None:
    """A given id is kept where it is harmless."""
    with served.client() as client:
        answer = client.get(ENDPOINTS, headers={"X-Request-Id": "abc-1"})
        assert answer.headers["x-request-id"] == "abc-1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert client.get(ENDPOINTS, headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"] != "a b\tc"
        assert (
            "access-control-allow-origin"
            not in client.get(ENDPOINTS, headers={"Origin": "https://evil.example"}).headers
        )


@pytest.mark.parametrize(
    ("peer", "headers", "known"),
    [
        ("127.0.0.1", {"host": "127.0.0.1:8080"}, True),
        ("127.0.0.1", {"host": "localhost:8080"}, True),
        ("::1", {"host": "[::1]:8080"}, True),
        ("127.0.0.1", {"host": "rebound.example:8080"}, False),
        ("127.0.0.1", {}, False),
        ("127.0.0.1", {"host": "[::1"}, False),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "203.0.113.9"}, False),
        ("127.0.0.1", {"host": "localhost", "forwarded": "for=203.0.113.9"}, False),
        ("203.0.113.9", {"host": "localhost"}, False),
    ],
)
def test_the_local_user_is_only_who_sits_at_this_machine(peer: str, headers: dict[str, str], known: bool) -> None:
    """By loopback on both sides: a name that leads here was chosen by somebody else, a proxy speaks for others."""
    identifier = Identifier(local=parse_person("ann:llm-ops-user+release"))
    if not known:
        with pytest.raises(Unidentified):
            identifier.identify(peer, headers)
        return
    person = identifier.identify(peer, headers)
    assert (person.id, person.roles) == ("ann", {"llm-ops-user", "release"})
    named = identifier.identify(peer, {**headers, "x-user-id": "bob", "x-user-roles": "llm-ops-user"})
    assert named.id == "bob"


def test_nobody_is_a_local_user_by_default() -> None:
    """And what names nobody is refused when it is read."""
    assert parse_person("") is None
    assert parse_person("ann") is not None
    for text in (":role", "ann:", "  :x"):
        with pytest.raises(InvalidInput):
            parse_person(text)
