"""Whether a webhook comes from the forge that shares our secret.

Owns: the ways in which GitHub, Gitea, Forgejo and GitLab prove it. Refuses: an unsigned call where there is a secret,
and any call where there is none.
Sources: GitHub "Validating webhook deliveries" (X-Hub-Signature-256), Gitea and Forgejo webhooks (X-Gitea-Signature,
X-Forgejo-Signature: hex HMAC-SHA256 of the body), GitLab webhooks (X-Gitlab-Token: the secret itself).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from generator.errors import InvalidInput

_HEX_SIGNATURES = ("x-hub-signature-256", "x-forgejo-signature", "x-gitea-signature", "x-gogs-signature")
_TOKEN = "x-gitlab-token"  # noqa: S105 - the header's name


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is made of a webhook: accepted, ignored or refused; the HTTP status, and why where it is not accepted."""

    outcome: Literal["accepted", "ignored", "refused"]
    status: int
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"accepted": self.outcome == "accepted", **({"reason": self.reason} if self.reason else {})}


def judge_delivery(body: bytes, headers: Mapping[str, str], secret: str, branch: str) -> Delivery:
    """Whether a webhook says that `branch` has moved. One that is sent again says no more than that once more."""
    if not is_signed(body, headers, secret):
        reason = "the signature is missing or wrong" if secret else "no webhook secret is set here"
        return Delivery("refused", 403, reason)
    try:
        pushed = read_pushed_branch(body)
    except InvalidInput as error:
        return Delivery("refused", 400, error.message)
    if pushed != branch:
        return Delivery("ignored", 202, f"only pushes to {branch} are followed")
    return Delivery("accepted", 202)


def is_signed(body: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """Whether one of the known headers proves that the sender knows the secret; names in any case."""
    if not secret:
        return False
    given = {name.lower(): value.strip() for name, value in headers.items()}
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    for name in _HEX_SIGNATURES:
        if name in given:
            signature = given[name].removeprefix("sha256=").lower()
            return hmac.compare_digest(signature.encode(), wanted.encode())
    return _TOKEN in given and hmac.compare_digest(given[_TOKEN].encode(), secret.encode())


def read_pushed_branch(body: bytes) -> str | None:
    """The branch that a push event is about; None for another event. InvalidInput for what is no JSON object."""
    try:
        event: Any = json.loads(body)
    except ValueError:
        raise InvalidInput("the webhook's body is not JSON", hint="set the content type to application/json") from None
    if not isinstance(event, dict):
        raise InvalidInput("the webhook's body is not a JSON object")
    ref = event.get("ref")
    return ref.removeprefix("refs/heads/") if isinstance(ref, str) and ref.startswith("refs/heads/") else None
