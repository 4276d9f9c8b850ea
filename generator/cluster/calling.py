"""One call of the API: sent, and sent again where that may help and cannot hurt.

Owns: which failures are tried again, for how long, how fast, and what is known about a lost answer. Refuses: knowing
what a call is for.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

from generator.cluster.api_errors import explain_refusal
from generator.cluster.connection import Answer, Connection, Request, TransportFailed
from generator.cluster.refusals import About, Refusal, read_refusal
from generator.errors import ClusterUnreachable

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LOOK_SECONDS = 0.1
"""Two events cannot be waited for together."""

ANSWER_LOST = "answer_lost"
"""Key in an error's details."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: of one request, and of a call with all that is tried again."""

    request_seconds: float = 30.0
    call_seconds: float = 30.0
    is_urgent: bool = False
    """Not to wait for other requests."""


LIMITS = Limits()


class AnswerLost(ClusterUnreachable):
    """It is not known whether the server did it, and doing it twice would not be the same."""


@dataclass(slots=True)
class _Attempts:
    """How far a call has come."""

    deadline: float
    stop: Event | None = None
    count: int = 0
    was_lost: bool = False
    renewed: bool = False

    def pause(self) -> float:
        """Seconds until the next attempt: twice as long each time, at random so that clients do not come together."""
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self.count)
        return random.uniform(longest / 2, longest)  # noqa: S311 - no secret


class Caller:
    """Shared by threads."""

    def __init__(self, connection: Connection, limits: Limits) -> None:
        self.connection = connection
        self.limits = limits

    def call(self, request: Request, about: About, *, repeatable: bool = True, stop: Event | None = None) -> Any:
        """The answer's JSON. Errors: the ClusterError tree; AnswerLost where the request is not `repeatable`.

        `details["answer_lost"]` stands where the answer to an earlier attempt was lost, so that the refusal may be
        about what that attempt did.
        """
        attempts = _Attempts(time.monotonic() + self.limits.call_seconds, stop)
        while True:
            seconds = max(0.05, min(self.limits.request_seconds, attempts.deadline - time.monotonic()))
            try:
                answer = self.connection.send(request, seconds, is_urgent=self.limits.is_urgent)
            except TransportFailed as failure:
                self._recover(failure, about, attempts, repeatable)
                continue
            if answer.status < 300:
                return _read(answer, about)
            refusal = read_refusal(answer.status, answer.data)
            if refusal.code == 401 and not attempts.renewed:
                attempts.renewed = True
                # Others may have just renewed them, so it is tried once more in any case.
                self.connection.renew()
                continue
            if not self._waits(answer, refusal, about, attempts, repeatable):
                self._refuse(refusal, about, attempts)

    def _refuse(self, refusal: Refusal, about: About, attempts: _Attempts) -> None:
        error = explain_refusal(refusal, about)
        if attempts.was_lost:
            error.details[ANSWER_LOST] = True
        raise error

    def _recover(self, failure: TransportFailed, about: About, attempts: _Attempts, repeatable: bool) -> None:
        """Wait for the next attempt, or raise."""
        attempts.was_lost = attempts.was_lost or failure.sent
        if failure.sent and not repeatable:
            raise AnswerLost(f"{about}: {failure.words}", details=about.details) from failure
        pause = 0.0 if failure.sent and attempts.count == 0 else attempts.pause()
        if failure.permanent or not self._sleep(pause, attempts):
            hint = (
                "correct certificate-authority in the kubeconfig" if failure.permanent and "TLS" in str(failure) else ""
            )
            raise ClusterUnreachable(
                f"{about}: {failure.words}",
                hint=hint,
                retryable=not failure.permanent,
                details={**about.details, "attempts": attempts.count + 1},
            ) from failure

    def _waits(self, answer: Answer, refusal: Refusal, about: About, attempts: _Attempts, repeatable: bool) -> bool:
        """Whether the refusal is of those that pass, and time for one more attempt is left; then after a pause."""
        asked = read_retry_after(answer.headers, refusal)
        if not refusal.is_busy and not (refusal.code == 500 and asked is not None):
            return False
        if refusal.code != 429:
            # Whoever says so may stand before the server, or the server may have given up waiting for its own work.
            if not repeatable:
                raise AnswerLost(f"{about}: {refusal.code} {refusal.message}", details=about.details)
            attempts.was_lost = True
        return self._sleep(attempts.pause() if asked is None else asked + random.uniform(0, 0.1), attempts)  # noqa: S311

    def _sleep(self, seconds: float, attempts: _Attempts) -> bool:
        """False where the time of the call does not allow it, or revstamp is closing."""
        attempts.count += 1
        if time.monotonic() + seconds >= attempts.deadline:
            return False
        if attempts.stop is None:
            return not self.connection.closed.wait(seconds)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.connection.closed.is_set():
            if attempts.stop.wait(min(left, _LOOK_SECONDS)):
                return False
        return not self.connection.closed.is_set()


def read_retry_after(headers: Mapping[str, str], refusal: Refusal) -> float | None:
    """Seconds that the server asks to wait, by header or `Status`; None where it does not."""
    for found in (headers.get("Retry-After"), refusal.details.get("retryAfterSeconds")):
        try:
            seconds = float(found) if found else -1.0
        except (TypeError, ValueError):
            continue
        if seconds >= 0:
            return seconds
    return None


def _read(answer: Answer, about: About) -> Any:
    try:
        return json.loads(answer.data)
    except ValueError as error:
        raise ClusterUnreachable(
            f"{about}: what answers is no Kubernetes API: it sent no JSON",
            hint="correct the server in the kubeconfig",
            retryable=False,
            details=about.details,
        ) from error
