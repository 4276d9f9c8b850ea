"""What people read: one line, two lanes, time spent of the time there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from generator.rollout.status import Failure, Phase, Progress, Reason, RolloutStatus, Verdict
from generator.rollout.words import say_duration, say_status
from tests.rollout.factory import NOW, expectation

BEGAN = NOW - timedelta(seconds=190)
CRASH = Failure(
    Reason.CRASH_LOOP, "pod chat-a, container server ended (exit code 1)", "Error", "read the log", BEGAN, 2
)
ROLLING = Progress(wanted=2, updated=2, ready=1, old_serving=2, old_revision=41)


def status(**changes: Any) -> RolloutStatus:
    """Revision 42 loads."""
    usual: dict[str, Any] = {
        "expectation": expectation(revision=42, pod_revision=42), "phase": Phase.LOADING,
        "verdict": Verdict.PROGRESSING, "progress": ROLLING, "since": BEGAN,
        "deadline": BEGAN + timedelta(minutes=30), "newest_live": False, "serving": True,
    }  # fmt: skip
    return RolloutStatus(**{**usual, **changes})


LIVE = {
    "phase": Phase.LIVE, "verdict": Verdict.HEALTHY, "deadline": None, "newest_live": True,
    "progress": Progress(2, 2, 2),
}  # fmt: skip
NO_OLD = Progress(2, 1, 0)
SAID: list[tuple[dict[str, Any], str]] = [
    ({}, "r42: loading the model, 1 of 2 ready, old r41 serving 2 (3 min 10 s of 30 min)"),
    (
        {"progress": NO_OLD, "serving": False},
        "r42: loading the model, 0 of 2 ready, nothing serves (3 min 10 s of 30 min)",
    ),
    (
        {"progress": Progress(2, 1, 0, old_serving=2)},
        "r42: loading the model, 0 of 2 ready, old pods serving 2 (3 min 10 s of 30 min)",
    ),
    (LIVE, "r42: live, 2 of 2 ready"),
    (
        {"verdict": Verdict.FAILING, "failure": CRASH},
        "r42: loading the model, 1 of 2 ready, old r41 serving 2, failing, CrashLoop: "
        "pod chat-a, container server ended (exit code 1) (attempt 2, 3 min 10 s of 3 min)",
    ),
    (
        {"verdict": Verdict.FAILED, "failure": CRASH},
        "r42: Update failed, r41 still serving 2: CrashLoop: pod chat-a, container server ended (exit code 1)",
    ),
    (
        {"verdict": Verdict.FAILED, "failure": CRASH, "progress": NO_OLD, "serving": False},
        "r42: Update failed, nothing serves: CrashLoop: pod chat-a, container server ended (exit code 1)",
    ),
    (
        {**LIVE, "verdict": Verdict.FAILED, "failure": CRASH},
        "r42: Update failed, 2 of 2 are ready by now: CrashLoop: pod chat-a, container server ended (exit code 1)",
    ),
    ({"verdict": Verdict.SUPERSEDED}, "r42: superseded by a newer revision, r41 still serving 2"),
    (
        {"phase": Phase.NOT_APPLIED, "note": "there is no Deployment chat", "progress": Progress(2)},
        "r42: not applied, 0 of 2 ready: there is no Deployment chat",
    ),
    ({"phase": Phase.STOPPED, "verdict": Verdict.HEALTHY, "progress": Progress()}, "r42: stopped"),
]


@pytest.mark.parametrize(("changes", "line"), SAID)
def test_a_status_is_one_line_of_two_lanes(changes: dict[str, Any], line: str) -> None:
    """What is coming and what serves; a failed update says that the old one still does."""
    assert say_status(status(**changes), NOW) == line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (190, "3 min 10 s"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_durations_are_as_short_as_they_can_be(seconds: float, words: str) -> None:
    """Two units at most."""
    assert say_duration(seconds) == words


def test_the_json_form_has_every_key_and_times_in_utc() -> None:
    """Also where there is nothing to say."""
    plain = status(deadline=None).to_dict()
    assert plain["since"] == "2026-03-01T11:56:50Z"
    assert plain["deadline"] is None
    assert plain["failure"] is None
    assert plain["progress"] == {
        "wanted": 2, "updated": 2, "ready": 1, "oldServing": 2, "terminating": 0, "oldRevision": 41,
    }  # fmt: skip
    assert (plain["phase"], plain["verdict"], plain["newestLive"]) == ("loading the model", "progressing", False)
    assert status(failure=CRASH).to_dict()["failure"] == {
        "reason": "CrashLoop", "cause": CRASH.cause, "evidence": "Error", "hint": "read the log",
        "since": "2026-03-01T11:56:50Z", "attempts": 2,
    }  # fmt: skip
