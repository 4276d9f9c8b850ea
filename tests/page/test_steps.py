"""Steps, lanes and standings: pure arithmetic over rows, events and assessments."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.page.language import Words, choose_language
from generator.page.redeployment_view import view_redeployment
from generator.page.standing import judge_endpoint, judge_redeployment, read_lanes
from generator.page.steps import STEPS, WITHOUT_PODS, find_marks, find_usual, lay_out, spend_time
from generator.rollout.status import Phase, Reason
from generator.store.endpoints import EndpointState
from generator.store.redeployment import Event, Redeployment
from generator.store.states import Kind, State

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment after the request."""
    return START + timedelta(seconds=seconds)


def make_row(state: State = State.PROGRESSING, **changes: Any) -> Redeployment:
    """A redeploy that was committed after 1 s and applied after 2 s."""
    known: dict[str, Any] = {"revision": 42, "pod_revision": 42, "commit_id": "c" * 40}
    times = {"committed_at": at(1), "applied_at": at(2)}
    row = Redeployment(7, "req", "prod", "chat", Kind.REDEPLOY, state, START, **known, **times)
    return replace(row, **changes)


def make_rollout(phase: Phase, *, ready: int = 0, old: int = 2, revision: int = 42, **changes: Any) -> dict[str, Any]:
    """An assessment as it is stored."""
    progress = {"wanted": 2, "updated": 2, "ready": ready, "oldServing": old, "terminating": 0, "oldRevision": 41}
    known = {
        "revision": revision,
        "podRevision": revision,
        "namespace": "llm-ops-prod",
        "kind": "Deployment",
        "phase": phase.value,
        "since": "2026-03-01T12:00:05Z",
        "deadline": "2026-03-01T12:10:05Z",
        "newestLive": phase is Phase.LIVE,
        "serving": bool(ready or old),
        "progress": progress,
        "failure": None,
        "note": "",
    }
    return {**known, **changes}


def make_state(rollout: dict[str, Any] | None, status: str = "deploying", **changes: Any) -> EndpointState:
    """What is known of the endpoint."""
    return replace(
        EndpointState("prod", "chat", status, START, revision=42, pod_revision=42, rollout=rollout), **changes
    )


def tell(number: int, seconds: float, phase: Phase, **changes: Any) -> Event:
    """An event with an assessment."""
    return Event(number, 7, at(seconds), "phase", phase.value, make_rollout(phase, **changes))


EVENTS = (
    tell(1, 3, Phase.WAITING_FOR_CAPACITY),
    tell(2, 10, Phase.PULLING),
    tell(3, 12, Phase.DOWNLOADING),
    tell(4, 20, Phase.LOADING),
)


def test_time_is_spent_in_the_step_that_was_seen_last() -> None:
    """Downloading and loading are one step for people; the running step counts up to now."""
    spent = spend_time(find_marks(make_row(), EVENTS), at(50))
    assert spent == {"requested": 1, "committed": 1, "applied": 1, "capacity": 7, "image": 2, "model": 38}


def test_a_second_pod_that_starts_adds_to_the_steps_of_the_first() -> None:
    """Steps may begin again; no time is counted twice."""
    events = (*EVENTS, tell(5, 30, Phase.PULLING), tell(6, 31, Phase.LOADING), tell(7, 41, Phase.DRAINING))
    spent = spend_time(find_marks(make_row(), events), at(45))
    assert (spent["image"], spent["model"], spent["drained"]) == (3, 28, 4)
    assert sum(spent.values()) == 45


def test_what_is_usual_is_the_median_of_the_last_rollouts() -> None:
    """One slow morning does not make slowness usual."""
    assert find_usual([{"model": 60, "image": 2}, {"model": 70}, {"model": 900}]) == {"model": 70, "image": 2}


@pytest.mark.parametrize(
    ("state", "marks"),
    [
        (State.PROGRESSING, "done done done done done current todo todo"),
        (State.FAILED, "done done done done done failed todo todo"),
        (State.HEALTHY, "done done done done done done done done"),
    ],
)
def test_steps_are_done_current_failed_or_to_come(state: State, marks: str) -> None:
    """A failed one fails in the step that it had reached."""
    row = make_row(state, settled_at=None if state is State.PROGRESSING else at(40))
    steps = lay_out(row, EVENTS, at(50), {"model": 30.0})
    assert [step.name for step in steps] == list(STEPS)
    assert " ".join(step.mark for step in steps) == marks
    model = next(step for step in steps if step.name == "model")
    assert (model.seconds, model.usual) == (38 if state is State.PROGRESSING else 28, 30.0)


def test_a_stop_has_no_steps_of_new_pods() -> None:
    """Nothing is pulled or loaded for it."""
    steps = lay_out(make_row(kind=Kind.STOP), (tell(1, 3, Phase.STOPPING),), at(5), {})
    assert [step.name for step in steps] == list(WITHOUT_PODS)
    assert steps[-1].mark == "current"


@given(
    st.lists(st.tuples(st.floats(0, 1000), st.sampled_from(list(Phase))), max_size=20),
    st.sampled_from(list(State)),
    st.sampled_from(list(Kind)),
)
def test_steps_hold_for_whatever_was_told_in_whatever_order(
    told: list[tuple[float, Phase]], state: State, kind: Kind
) -> None:
    """No negative times, no time counted twice, at most one step at a time."""
    events = tuple(tell(place, seconds, phase) for place, (seconds, phase) in enumerate(told))
    row = make_row(state, kind=kind, settled_at=at(2000) if state.is_final else None)
    steps = lay_out(row, events, at(2000), {})
    assert sum(step.mark in ("current", "failed") for step in steps) <= 1
    assert all(step.seconds is None or step.seconds >= 0 for step in steps)
    assert sum(spend_time(find_marks(row, events), at(2000)).values()) == pytest.approx(2000)


def test_the_old_revision_serves_until_the_new_one_does() -> None:
    """Two lanes, from the request to the last old pod."""
    lanes = read_lanes(make_rollout(Phase.LOADING), 42)
    assert (lanes.serving.revision, lanes.serving.ready, lanes.coming.revision, lanes.coming.ready) == (41, 2, 42, 0)  # type: ignore[union-attr]
    lanes = read_lanes(make_rollout(Phase.LIVE, ready=2, old=0), 42)
    assert (lanes.serving.revision, lanes.coming) == (42, None)  # type: ignore[union-attr]


def test_before_anything_is_applied_the_present_pods_serve_and_the_new_ones_are_none() -> None:
    """The assessment is still about the revision before."""
    lanes = read_lanes(make_rollout(Phase.LIVE, ready=2, old=0, revision=41), 42)
    assert (lanes.serving.revision, lanes.serving.ready) == (41, 2)  # type: ignore[union-attr]
    assert (lanes.coming.revision, lanes.coming.ready) == (42, 0)  # type: ignore[union-attr]


def test_a_quiet_endpoint_serves_with_all_its_pods() -> None:
    """Nothing is told of it, so nothing is made up."""
    lanes = read_lanes(None, None, 41)
    assert (lanes.serving.revision, lanes.serving.ready) == (41, None)  # type: ignore[union-attr]
    assert read_lanes(None).serving is None


def test_a_failed_update_never_reads_as_if_nothing_served() -> None:
    """Old pods that serve are named; those without a revision are told of all the same."""
    failed = make_rollout(Phase.LOADING)
    assert judge_redeployment(make_row(State.FAILED), failed).words == "stands.failed_serving"
    unnamed = make_rollout(Phase.LOADING)
    unnamed["progress"] = {**unnamed["progress"], "oldRevision": None}
    assert judge_redeployment(make_row(State.FAILED), unnamed).words == "stands.failed_serving_unnamed"
    nothing = make_rollout(Phase.LOADING, old=0)
    assert judge_redeployment(make_row(State.FAILED), nothing).words == "stands.failed"
    assert judge_endpoint(make_state(failed, "degraded"), None).words == "stands.failed_serving"
    assert judge_endpoint(make_state(nothing, "failed"), None).kind == "broken"


def test_every_state_and_kind_has_words_in_both_languages() -> None:
    """Whatever a row says can be shown."""
    for language in ("en", "ko"):
        words = Words(language)
        for state in State:
            for rollout in (None, make_rollout(Phase.LOADING), make_rollout(Phase.LOADING, old=0)):
                for failing in (None, "CrashLoop"):
                    standing = judge_redeployment(make_row(state, failing=failing), rollout)
                    assert words(standing.words, **standing.values)
                    assert words(f"kind.{standing.kind}")
        assert all(words(f"verb.{kind.value}") for kind in Kind)
        assert all(words(f"reason.{reason.value}") for reason in Reason)
        assert all(words(f"step.{step}") for step in STEPS)


def test_the_cause_of_a_failure_comes_with_evidence_and_what_to_do() -> None:
    """One sentence, the raw words, the next action."""
    failure = {"reason": "ImagePull", "cause": "no such image", "evidence": "ErrImagePull: 404", "hint": "push it"}
    events = (*EVENTS, Event(9, 7, at(25), "failing", "", make_rollout(Phase.PULLING, failure=failure)))
    row = make_row(failing="ImagePull", message="no such image", hint="push it")
    view = view_redeployment(row, events, make_state(make_rollout(Phase.PULLING, failure=failure)), {}, at(30))
    assert view.cause is not None
    assert (view.cause.reason, view.cause.evidence, view.cause.hint) == ("ImagePull", "ErrImagePull: 404", "push it")
    assert view.actions[0] == "rollback"
    assert "--selector revstamp.io/endpoint=chat" in view.logs


def test_a_budget_is_only_told_of_the_revision_that_it_is_about() -> None:
    """Half of it is spent when half of it is spent; a settled one has none."""
    view = view_redeployment(make_row(), EVENTS, make_state(make_rollout(Phase.LOADING)), {}, at(305), rolls_back=True)
    assert view.budget is not None
    assert view.budget.share(at(305)) == 0.5
    assert view.budget.rolls_back
    other = make_state(make_rollout(Phase.LOADING, revision=41))
    assert view_redeployment(make_row(), EVENTS, other, {}, at(305)).budget is None
    settled = make_row(State.HEALTHY, settled_at=at(300))
    assert view_redeployment(settled, EVENTS, make_state(make_rollout(Phase.LOADING)), {}, at(305)).budget is None


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr-FR,ko;q=0.3", "ko"),
        ("fr", "en"),
        ("", "en"),
        ("ko;q=nonsense,en;q=0.1", "en"),
        ("*", "en"),
    ],
)
def test_the_browser_chooses_the_language(accept: str, language: str) -> None:
    """The best of what it asks for that there is."""
    assert choose_language(accept) == language
    assert choose_language(accept, "ko") == "ko"
    assert choose_language(accept, "xx") == language


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (90061, "1 d 1 h"),
    ],
)
def test_durations_are_told_in_their_two_greatest_units(seconds: float, words: str) -> None:
    """As the script of the page writes them."""
    assert Words("en").duration(seconds) == words
