"""Calls of the webhook, judged by one and the same: a look at the branch, or nothing.

Owns: telling a call that is sent again. Refuses: what a call is worth by itself (`signature`), and answering over HTTP.

A recorded call carries a good signature, and the delivery ids of forges are not signed. All that it can bring about is
another look at the branch, and within a minute not even that: the same body is known by its digest.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping

from generator.reconciler.signature import Delivery, judge_delivery

LARGEST_WEBHOOK = 5 * 1024 * 1024
"""Bytes. A push of thousands of commits is smaller; whoever sends more has not signed it yet."""
_REMEMBERED_SECONDS = 60.0
_MOST_REMEMBERED = 1000


class WebhookJudge:
    """Judges the calls of one process. Shared by threads. Without a secret all are refused."""

    def __init__(self, secret: str, branch: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._secret, self._branch, self._clock = secret, branch, clock
        self._seen: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def judge(self, body: bytes, headers: Mapping[str, str]) -> Delivery:
        """Signature first, then the branch, then whether it is a repetition."""
        found = judge_delivery(body, headers, self._secret, self._branch)
        if found.outcome == "accepted" and self._is_repeated(body):
            return Delivery("ignored", 202, "the same call came within the last minute")
        return found

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
