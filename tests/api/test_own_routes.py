"""revstamp's own routes: reads with tags, taking somebody's place, the forge's webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from generator.reconciler.webhook import WebhookJudge
from generator.service.recording import Asker
from generator.spec.names import endpoint_name
from generator.store.endpoints import EndpointState
from generator.store.ledger import now
from generator.store.states import State
from tests.api.conftest import OWN, Served
from tests.api.test_platform_routes import SUPPORT

NAME = endpoint_name(SUPPORT)
SECRET = "s3cret"
PUSH = json.dumps({"ref": "refs/heads/main", "after": "0" * 40}).encode()


def redeploy(served: Served, **asker: Any) -> int:
    """The number of a pending redeployment."""
    return served.stage.service.redeploy(SUPPORT, Asker("ann", "first", **asker)).row.id


@pytest.mark.parametrize(
    "path",
    [
        f"{OWN}/environments",
        f"{OWN}/endpoints",
        f"{OWN}/endpoints/prod/{NAME}",
        f"{OWN}/redeployments",
        f"{OWN}/redeployments/1",
        f"{OWN}/redeployments/1/explain",
    ],
)
def test_a_read_that_nothing_has_changed_for_has_no_body(served: Served, path: str) -> None:
    """304 for its tag, also for a weak one and among others; the whole answer for another one."""
    assert redeploy(served) == 1
    with served.client() as client:
        first = client.get(path)
        tag = first.headers["etag"]
        assert first.status_code == 200
        for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = client.get(path, headers={"If-None-Match": given})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert client.get(path, headers={"If-None-Match": '"other"'}).content == first.content


def test_a_tag_changes_with_what_is_told(served: Served) -> None:
    """A new redeployment is seen by whoever asks with the old tag."""
    with served.client() as client:
        before = client.get(f"{OWN}/redeployments").headers["etag"]
        redeploy(served)
        assert client.get(f"{OWN}/redeployments", headers={"If-None-Match": before}).status_code == 200


def test_one_endpoint_is_told_with_its_state_and_its_last_redeployments(served: Served) -> None:
    """The state says when its cluster was looked at; an endpoint that nobody knows is a 404."""
    number = redeploy(served)
    moment = now()
    served.context.states.write([EndpointState("prod", NAME, "healthy", moment, checked_at=moment, revision=3)])
    with served.client() as client:
        found = client.get(f"{OWN}/endpoints/prod/{NAME}").json()
        assert [row["id"] for row in found["redeployments"]] == [str(number)]
        assert (found["endpoint"]["status"], found["endpoint"]["revision"]) == ("healthy", 3)
        assert found["endpoint"]["checkedAt"]
        missing = client.get(f"{OWN}/endpoints/prod/nothing")
        assert (missing.status_code, missing.json()["error"]) == (404, "not-found")


def test_a_redeployment_takes_the_place_of_the_one_that_is_named(served: Served) -> None:
    """The earlier one ends; the reason and settings are the new request's."""
    number = redeploy(served)
    with served.client() as client:
        body = {"memoryLimit": "48Gi", "reason": "it runs out of memory"}
        answer = client.post(f"{OWN}/redeployments/{number}/supersede", json=body)
        assert answer.status_code == 202, answer.text
        made = answer.json()
        assert (made["reason"], made["request"], made["state"]) == (body["reason"], {"memoryLimit": "48Gi"}, "pending")
        earlier = client.get(f"{OWN}/redeployments/{number}").json()
        assert earlier["supersededBy"] == made["id"]
        assert State(earlier["state"]).is_final


def test_whose_place_is_taken_already_keeps_it_from_nobody(served: Served) -> None:
    """409 with the one that runs instead, which goes on; the same key again is the first answer again."""
    number = redeploy(served)
    path = f"{OWN}/redeployments/{number}/supersede"
    with served.client() as client:
        key = {"Idempotency-Key": "one"}
        made = client.post(path, json={}, headers=key).json()
        late = client.post(path, json={})
        assert (late.status_code, late.headers["content-type"]) == (409, "application/problem+json")
        assert late.json()["details"]["redeployment"]["id"] == made["id"]
        assert served.stage.service.queries.get(int(made["id"])).state is State.PENDING
        assert client.post(path, json={}, headers=key).json()["id"] == made["id"]
        assert client.post(f"{OWN}/redeployments/99/supersede", json={}).status_code == 404


def sign(body: bytes) -> dict[str, str]:
    """As GitHub does."""
    return {"X-Hub-Signature-256": f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"}


def test_a_webhook_counts_by_its_signature_and_branch_and_a_replay_does_nothing(served: Served) -> None:
    """One look at the branch for one push, however often it is sent; none for another branch or a wrong signature."""
    nudges: list[int] = []
    judge = WebhookJudge(SECRET, "main")
    webhook = lambda headers, body: judge.judge(body, headers)  # noqa: E731
    served.context = replace(served.context, webhook=webhook, nudge=lambda: nudges.append(1))
    other = json.dumps({"ref": "refs/heads/other"}).encode()
    with served.client() as client:
        calls = ((PUSH, sign(PUSH)), (PUSH, sign(PUSH)), (other, sign(other)), (PUSH, sign(other)), (PUSH, {}))
        answers = [
            client.post(f"{OWN}/webhook", content=body, headers={**headers, "Content-Type": "application/json"})
            for body, headers in calls
        ]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 403, 403]
    assert [answer.json().get("accepted") for answer in answers[:3]] == [True, False, False]
    assert len(nudges) == 1
    assert not served.stage.service.queries.last_event_id()


def test_a_repeated_webhook_is_looked_at_again_after_a_minute_and_its_memory_is_bounded() -> None:
    """A person who presses "redeliver" later gets a look; a flood of pushes is not kept for ever."""
    moment = [0.0]
    judge = WebhookJudge(SECRET, "main", clock=lambda: moment[0])
    assert judge.judge(PUSH, sign(PUSH)).outcome == "accepted"
    assert judge.judge(PUSH, sign(PUSH)).outcome == "ignored"
    moment[0] = 61.0
    assert judge.judge(PUSH, sign(PUSH)).outcome == "accepted"
    for number in range(1500):
        body = json.dumps({"ref": "refs/heads/main", "number": number}).encode()
        assert judge.judge(body, sign(body)).outcome == "accepted"
    assert len(judge._seen) <= 1000
