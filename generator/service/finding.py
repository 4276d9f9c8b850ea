"""One line of `revstamp doctor`.

Owns: `Finding` and how an error becomes one. Refuses: what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from generator.errors import RevstampError

Verdict = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it where it is not right. `details` are single cases."""

    check: str
    verdict: Verdict
    message: str
    fix: str = ""
    details: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "check": self.check,
            "verdict": self.verdict,
            "message": self.message,
            "fix": self.fix,
            "details": list(self.details),
        }


def guard(check: str, find: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; an error in it is one too, so that the other checks are still made."""
    try:
        yield from find()
    except RevstampError as error:
        yield failure(check, error)


def failure(check: str, error: RevstampError, message: str = "") -> Finding:
    """An error as a finding."""
    return Finding(check, "failure", message or error.message, error.hint, tuple(map(str, error.violations)))


def judge_cases(check: str, verdict: Verdict, cases: list[str], words: str, fix: str, good: str) -> Finding:
    """One finding for any number of single cases; `good` is said where there are none."""
    if not cases:
        return Finding(check, "ok", good)
    return Finding(check, verdict, f"{len(cases)} {words}", fix, tuple(cases))
