"""What a call of the webhook is worth: nothing, or a look at the branch.

Owns: the one judgement that the reconciler's face and the API pass on it. Refuses: believing more of its body than the
name of the branch, and answering over HTTP.

A recorded call that is sent again carries a good signature, and the delivery ids of forges are not signed. All that it
can bring about is another look at the branch, and within a minute not even that: the same body is known by its digest.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from generator.errors import InvalidInput
from generator.reconciler.signature import is_signed, read_pushed_branch

LARGEST_WEBHOOK = 5 * 1024 * 1024
"""Bytes. A push of thousands of commits is smaller; whoever sends more has not signed it yet."""
_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Judgement:
    """`end` is accepted, ignored or refused, as the metrics count it; `status` is HTTP's; `reason` is for people."""

    end: str
    status: int
    reason: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether the branch is worth a look."""
        return self.end == "accepted"


class WebhookJudge:
    """Judges the calls of one process. Shared by threads. Without a secret all are refused."""

    def __init__(self, secret: str, branch: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._secret, self._branch, self._clock = secret, branch, clock
        self._seen: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def judge(self, body: bytes, headers: Mapping[str, str]) -> Judgement:
        """Signature first, then the branch, then whether it is a repetition."""
        if not self._secret:
            return Judgement("refused", 403, "no webhook secret is set here")
        if not is_signed(body, headers, self._secret):
            return Judgement("refused", 403, "the signature is missing or wrong")
        try:
            branch = read_pushed_branch(body)
        except InvalidInput as error:
            return Judgement("refused", 400, error.message)
        if branch != self._branch:
            return Judgement("ignored", 202, f"only pushes to {self._branch} are followed")
        if self._is_repeated(body):
            return Judgement("ignored", 202, "the same call came within the last minute")
        return Judgement("accepted", 202)

    def _is_repeated(self, body: bytes) -> bool:
        digest, now = hashlib.sha256(body).digest(), self._clock()
        with self._lock:
            before = self._seen.get(digest)
            if before is not None and now - before < _REMEMBERED_SECONDS:
                return True
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen = {key: at for key, at in self._seen.items() if now - at < _REMEMBERED_SECONDS}
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()  # a look too many costs less than a memory without bounds
            self._seen[digest] = now
            return False
