"""The questions that people ask about one redeployment, answered from its row and events.

Owns: which questions, in which order, and the words of the answers. Refuses: asking git or a cluster: what is recorded
is what is told. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generator.store.endpoints import EndpointState
from generator.store.redeployment import Event, Redeployment, to_json
from generator.store.states import State

YES, NO, OPEN = "yes", "no", "not yet"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question; `answer` is yes, no, `not yet` or empty, `details` say the rest."""

    question: str
    answer: str
    details: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"question": self.question, "answer": self.answer, "details": list(self.details)}


def answer_all(row: Redeployment, events: Sequence[Event], state: EndpointState | None) -> tuple[Answer, ...]:
    """All questions about a redeployment, in the order in which it went its way."""
    return (
        _arrived(row),
        _passed(row),
        _decided(row),
        _committed(row, events),
        _applied(row),
        _cluster_says(row, events, state),
        _what_now(row),
    )


def _arrived(row: Redeployment) -> Answer:
    who = f"{row.kind} of {row.name} by {row.actor or 'somebody'} at {to_json(row.created_at)}"
    why = (f"reason: {row.reason}",) if row.reason else ()
    sent = (f"request: {row.request}",) if row.request else ("request: nothing but to do it again",)
    return Answer("Did the request arrive?", YES, (who, *why, *sent, f"request id {row.request_id}"))


def _passed(row: Redeployment) -> Answer:
    if row.state is not State.REFUSED:
        return Answer("Did validation pass?", YES, (f"accepted as redeployment {row.id}",))
    found = [f"{item['path']}: {item['message']}".lstrip(": ") for item in row.violations or ()]
    return Answer("Did validation pass?", NO, tuple(found) or (row.message,))


def _decided(row: Redeployment) -> Answer:
    question = "What was decided, from where?"
    if row.state is State.REFUSED:
        return Answer(question, "", ("nothing: it was refused, and nothing was touched",))
    details = [f"on the endpoint's file at commit {(row.base_commit or 'none')[:10]}"]
    if row.restores:
        details.append(f"the file as it was at r{row.restores}")
    resolved = row.resolved or {}
    if resolved:
        model = resolved.get("model") or {}
        details.append(f"model {model.get('name')} {model.get('version')}, image {resolved.get('image')}")
        details.append(f"replicas {resolved.get('min_replicas')} to {resolved.get('max_replicas')}")
        details.append(
            f"`revstamp explain {row.name} --rev {(row.commit_id or 'REV')[:10]}` says where each value is from"
        )
    if row.superseded_by is not None:
        details.append(f"redeployment {row.superseded_by} took its place")
    return Answer(question, "", tuple(details))


def _committed(row: Redeployment, events: Sequence[Event]) -> Answer:
    question = "What was committed?"
    if row.commit_id and row.state is State.PROPOSED:
        link = row.pull_request or f"the branch {row.branch}"
        return Answer(question, OPEN, (f"r{row.revision} waits to be merged: {link}",))
    if row.commit_id:
        words = f"r{row.revision} (pods r{row.pod_revision}) in {row.commit_id} at {to_json(row.committed_at)}"
        return Answer(question, YES, (words,))
    if row.state is State.PENDING:
        late = [event.message for event in events if event.name == "delayed"]
        return Answer(question, OPEN, (late[-1] if late else "a worker is about to",))
    if row.state is State.HEALTHY:
        return Answer(question, NO, (row.message or "nothing had to be committed",))
    return Answer(question, NO, (row.message,))


def _applied(row: Redeployment) -> Answer:
    question = "Was it applied?"
    if row.applied_at:
        return Answer(question, YES, (f"the cluster carries it since {to_json(row.applied_at)}",))
    if row.state is State.COMMITTED:
        return Answer(question, OPEN, ("the reconciler, Argo CD or Flux has not brought it to the cluster",))
    return Answer(question, NO, ())


def _cluster_says(row: Redeployment, events: Sequence[Event], state: EndpointState | None) -> Answer:
    details = [f"verdict {row.verdict} at {to_json(row.settled_at)}"] if row.verdict else []
    if row.phase:
        details.append(f"phase: {row.phase}" + (f" since {to_json(row.phase_since)}" if row.phase_since else ""))
    if row.failing or row.failure_reason:
        details.append(f"{row.failing or row.failure_reason}: {row.message}")
    evidence = [event.data.get("failure") for event in events if event.data.get("failure")]
    if evidence and isinstance(evidence[-1], dict):
        details.append(f"evidence: {evidence[-1].get('evidence')}")
    if state is not None:
        details.append(f"the endpoint is {state.status} now, at r{state.revision}")
        if state.good_revision and state.good_revision != state.revision:
            details.append(f"the last revision that was healthy is r{state.good_revision}")
    return Answer("What does the cluster say?", "", tuple(details) or ("nothing yet",))


def _what_now(row: Redeployment) -> Answer:
    if row.state is State.REFUSED:
        found = [item["fix"] for item in row.violations or () if item.get("fix")]
        return Answer("What now?", "", tuple(dict.fromkeys(found)) or (row.hint or "send it again, corrected",))
    if row.state in (State.FAILED, State.REJECTED):
        back = f"`revstamp rollback {row.name}` brings the last revision that differs back"
        return Answer("What now?", "", (*((row.hint,) if row.hint else ()), *((back,) if row.commit_id else ())))
    if row.state is State.SUPERSEDED:
        return Answer("What now?", "", (f"look at redeployment {row.superseded_by}",))
    if row.state is State.HEALTHY:
        return Answer("What now?", "", ("nothing",))
    return Answer("What now?", "", (*((row.hint,) if row.hint else ()), "wait; `--supersede` takes its place"))
