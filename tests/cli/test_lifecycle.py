"""The life of endpoints: numbers that are never used again, rollbacks, promotions, stops, deletions, restarts."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cli.driver import Person

CHAT = "environments/prod/endpoints/chat.yaml"
PROD = "environments/prod/environment.yaml"


def pods(person: Person, endpoint: str) -> Any:
    """What decides whether pods are replaced: the pod template, or the InferenceService without its replicas."""
    objects = person.manifests(endpoint)
    if "Deployment" in objects:
        return objects["Deployment"]["spec"]["template"]
    return objects["InferenceService"]["metadata"]["annotations"]


def test_a_number_that_was_reverted_by_hand_is_never_used_again(person: Person) -> None:
    """After `git revert` the stamp says 1 again; the next revision is 3 all the same."""
    assert person.ask("redeploy", "prod/chat")["revision"] == 2
    person.git("revert", "--no-edit", "HEAD")
    assert person.revision("prod/chat") == 1
    assert person.ask("redeploy", "prod/chat")["revision"] == 3
    person.git("reset", "--hard", "-q", "HEAD")
    person.check_sound()


def test_a_revert_of_two_redeploys_keeps_both_numbers_used(person: Person) -> None:
    """Also over a commit of somebody's own in between."""
    for _ in range(3):
        person.do("redeploy", "prod/chat")
    person.git("revert", "--no-edit", "--no-commit", "HEAD~2..HEAD")
    person.git("commit", "-qm", "back")
    assert person.revision("prod/chat") == 2
    assert person.ask("scale", "prod/chat", "--max", "5")["revision"] == 5
    assert person.ask("redeploy", "prod/search")["revision"] == 2


def test_deletion_and_a_new_endpoint_of_the_same_name_count_on(person: Person) -> None:
    """The stamp stays as a tombstone; the new endpoint's first revision is its next number."""
    text = person.read(CHAT)
    assert person.ask("delete", "prod/chat", "--yes")["revision"] == 2
    assert person.manifests("prod/chat") == {}
    assert person.stamp("prod/chat")["deleted"] is True
    person.check_sound()
    assert person.ask("log", "prod/chat")["revisions"][0]["deleted"] is True
    person.write(CHAT, text)
    person.do("commit", "-m", "again")
    assert person.revision("prod/chat") == 3
    assert "deleted" not in person.stamp("prod/chat")
    assert len(person.manifests("prod/chat")) == 5


def test_a_removed_file_is_a_deletion(person: Person) -> None:
    """`rm` and `commit` do what `delete` does."""
    (person.root / CHAT).unlink()
    answer = person.ask("commit", "-m", "gone")
    assert [item["outcome"] for item in answer["endpoints"]] == ["deleted"]
    assert person.manifests("prod/chat") == {}
    person.check_sound()


def test_what_is_deleted_cannot_be_redeployed_but_rolled_back(person: Person) -> None:
    """The rollback brings file and manifests back under a new number."""
    text = person.read(CHAT)
    person.do("delete", "prod/chat", "--yes")
    assert person.fail("redeploy", "prod/chat")["error"] == "not-found"
    answer = person.ask("rollback", "prod/chat")
    assert answer["revision"] == 3
    assert person.read(CHAT) == text
    assert person.stamp("prod/chat")["restores"] == 1
    person.check_sound()


def test_every_living_revision_can_be_restored(person: Person) -> None:
    """The file's bytes of then, rendered to the objects of then but for revision annotations."""
    texts = {1: (person.read(CHAT), pods(person, "prod/chat")["spec"])}
    for revision, words in ((2, ("--cpu-request", "5")), (3, ("--memory-limit", "64Gi")), (4, ("--gpus", "2"))):
        person.do("redeploy", "prod/chat", *words)
        texts[revision] = (person.read(CHAT), pods(person, "prod/chat")["spec"])
    for number, revision in enumerate((1, 2, 3, 4, 1), 5):
        answer = person.ask("rollback", "prod/chat", "--to", str(revision), "--reason", "too slow")
        assert answer["revision"] == number
        assert (person.read(CHAT), pods(person, "prod/chat")["spec"]) == texts[revision]
        assert f"r{number} = r{revision}" in person.git("log", "-1", "--format=%s")
    person.check_sound()


def test_a_rollback_without_a_number_goes_to_the_last_other_spec(person: Person) -> None:
    """Plain redeploys in between are passed over."""
    person.do("redeploy", "prod/chat", "--cpu-request", "5")
    person.do("redeploy", "prod/chat")
    person.do("redeploy", "prod/chat")
    assert person.ask("rollback", "prod/chat")["revision"] == 5
    assert person.stamp("prod/chat")["restores"] == 1
    assert person.fail("rollback", "prod/chat", "--to", "99")["error"] == "not-found"


def test_a_rollback_shows_where_today_differs_from_then(person: Person) -> None:
    """The environment's image has moved since; the rollback restores the endpoint, not the environment."""
    person.do("redeploy", "prod/chat", "--cpu-request", "5")
    person.edit(PROD, "serve/vllm:0.8.5-gpu", "serve/vllm:0.9.1-gpu")
    person.do("commit", "-m", "vllm 0.9.1")
    answer = person.do("rollback", "prod/chat", "--to", "1", "--dry-run")
    assert "templates, environment or generator have changed" in answer.err
    assert "0.9.1" in answer.out
    planned = person.ask("rollback", "prod/chat", "--to", "1", "--dry-run")
    assert "0.9.1" in str(planned["differsFromRestored"])
    assert person.ask("rollback", "prod/chat", "--to", "1")["state"] == "committed"


def test_scaling_never_touches_a_pod(person: Person) -> None:
    """Neither the pod template nor the pod revision moves, on any framework; the revision does."""
    for endpoint in ("prod/chat", "prod/search"):
        before, pod_revision = pods(person, endpoint), person.stamp(endpoint)["podRevision"]
        for words in (("--min", "1", "--max", "7"), ("--replicas", "3"), ("--max", "9")):
            person.do("scale", endpoint, *words)
            assert pods(person, endpoint) == before
        assert person.stamp(endpoint)["podRevision"] == pod_revision
        assert person.revision(endpoint) == 4


def test_a_stopped_endpoint_is_started_by_scale_as_it_was(person: Person) -> None:
    """Zero pods and no HPA in between; the pod template is the same to the byte."""
    before = person.manifests("prod/chat")
    person.do("stop", "prod/chat")
    stopped = person.manifests("prod/chat")
    assert stopped["Deployment"]["spec"]["replicas"] == 0
    assert "HorizontalPodAutoscaler" not in stopped
    person.do("scale", "prod/chat", "--min", "2", "--max", "4")
    after = person.manifests("prod/chat")
    assert after["Deployment"]["spec"]["template"] == before["Deployment"]["spec"]["template"]
    assert set(after) == set(before)


def test_a_stopped_inference_service_says_so_to_kserve(person: Person) -> None:
    """`serving.kserve.io/stop`, and back."""
    person.do("stop", "prod/search")
    annotations = person.manifests("prod/search")["InferenceService"]["metadata"]["annotations"]
    assert annotations["serving.kserve.io/stop"] == "true"
    person.do("scale", "prod/search", "--replicas", "1")
    annotations = person.manifests("prod/search")["InferenceService"]["metadata"]["annotations"]
    assert "serving.kserve.io/stop" not in annotations


def test_the_same_scale_again_commits_nothing(person: Person) -> None:
    """No difference, no commit; a redeploy is one all the same."""
    person.do("scale", "prod/chat", "--max", "5")
    before = person.head
    assert person.ask("scale", "prod/chat", "--max", "5")["state"] == "unchanged"
    assert person.head == before
    assert person.ask("redeploy", "prod/chat")["state"] == "committed"


def test_comments_and_order_of_a_file_survive_a_redeploy(person: Person) -> None:
    """People's files are edited by round trip."""
    person.edit(CHAT, "  replicas:\n", "  # the team's own words\n  replicas: # why so many\n")
    person.do("commit", "-m", "comments")
    before = person.read(CHAT)
    person.do("redeploy", "prod/chat", "--memory-limit", "64Gi")
    assert person.read(CHAT) == before.replace("48Gi", '"64Gi"')


def test_a_cleared_field_is_gone_from_file_and_manifest(person: Person) -> None:
    """By flag and by null in a request."""
    person.do("redeploy", "prod/chat", "--cpu-limit", "9")
    person.do("redeploy", "prod/chat", "--clear", "cpu-limit")
    assert "cpu" not in yaml.safe_load(person.read(CHAT))["spec"].get("cpu", {})
    person.do("redeploy", "prod/chat", "--request", "-", stdin='{"memoryLimit": null}')
    assert "48Gi" not in person.read(CHAT)
    assert "48Gi" not in str(person.manifests("prod/chat"))


def test_promotion_carries_model_and_limits_but_no_replicas_or_route(person: Person) -> None:
    """To the endpoint of the same name; the difference is shown."""
    person.edit("environments/dev/endpoints/chat.yaml", 'version: "1.0"', 'version: "2.0"')
    person.edit("environments/dev/endpoints/chat.yaml", "models/llama-chat/1.0", "models/llama-chat/2.0")
    person.do("commit", "-m", "try 2.0")
    answer = person.do("promote", "chat", "--from", "dev", "--to", "prod")
    assert "2.0" in answer.out
    spec = yaml.safe_load(person.read(CHAT))["spec"]
    assert spec["model"]["version"] == "2.0"
    assert spec["replicas"] == {"min": 2, "max": 4}
    assert (spec["route"], person.revision("prod/chat")) == ("/llm/chat", 2)
    assert person.ask("promote", "chat", "--from", "dev", "--to", "prod")["state"] == "unchanged"


def test_a_promotion_says_which_image_it_leaves_pinned(person: Person) -> None:
    """Only where the model moves below it and the source has none to carry."""
    person.edit(CHAT, "  replicas:\n", "  image: reg.local/vllm:9\n  replicas:\n")
    person.do("commit", "-m", "pin")
    assert person.ask("promote", "chat", "--from", "dev", "--to", "prod", "--dry-run")["notices"] == []
    person.edit("environments/dev/endpoints/chat.yaml", 'version: "1.0"', 'version: "2.0"')
    person.do("commit", "-m", "try 2.0")
    (notice,) = person.ask("promote", "chat", "--from", "dev", "--to", "prod", "--dry-run")["notices"]
    assert notice.startswith(f"image reg.local/vllm:9 of {CHAT} stays: dev names none of its own")
    person.edit("environments/dev/endpoints/chat.yaml", "  replicas:\n", "  image: reg.local/vllm:10\n  replicas:\n")
    person.do("commit", "-m", "try another image")
    assert person.ask("promote", "chat", "--from", "dev", "--to", "prod", "--dry-run")["notices"] == []


def test_the_plan_says_what_an_autoscaler_needs_to_take_over(person: Person) -> None:
    """And to give back; applying alone would take pods away."""
    fixed = person.ask("scale", "prod/chat", "--min", "3", "--max", "3")
    assert any("3 fixed replicas take over from an autoscaler" in text for text in fixed["warnings"])
    scaled = person.ask("scale", "prod/chat", "--min", "3", "--max", "5", "--dry-run")
    assert any("an autoscaler takes over from 3 fixed replicas" in text for text in scaled["warnings"])
    again = person.ask("redeploy", "prod/chat", "--dry-run")
    assert not any("take" in text and "over" in text for text in again["warnings"])


def test_promotion_finds_the_counterpart_by_route_or_takes_the_one_named(person: Person) -> None:
    """Names differ between environments where the platform made them."""
    text = person.read("environments/dev/endpoints/chat.yaml").replace("name: chat\n", "name: trial\n", 1)
    person.write("environments/stg/endpoints/trial.yaml", text.replace('version: "1.0"', 'version: "3.0"'))
    person.do("commit", "-m", "trial")
    assert person.ask("promote", "trial", "--from", "stg", "--to", "prod", "--dry-run")["endpoint"] == "chat"
    named = person.ask("promote", "trial", "--from", "stg", "--to", "prod", "--as", "search")
    assert (named["endpoint"], named["state"]) == ("search", "committed")
    assert person.fail("promote", "trial", "--from", "stg", "--to", "prod", "--as", "nobody")["error"] == "not-found"
    assert person.fail("promote", "trial", "--from", "stg", "--to", "stg")["error"] == "invalid-input"
    assert person.fail("promote", "trial", "--from", "stg", "--to", "nowhere")["error"] == "not-found"


def test_new_writes_a_file_that_can_be_committed_and_never_overwrites(person: Person) -> None:
    """The second `new` of a name is refused; nothing is committed by the first."""
    words = ("new", "fresh", "-e", "dev", "--model", "m", "--family", "llama", "--storage-uri", "s3://m/1")
    words += ("--job-type", "SFT", "--gpus", "1", "--route", "/llm/fresh")
    before = person.head
    assert person.ask(*words)["violations"] == []
    assert person.head == before
    assert person.fail(*words)["exit"] == 5
    person.do("commit", "-m", "fresh")
    assert person.revision("dev/fresh") == 1
    person.check_sound()


def test_new_says_what_is_missing_yet(person: Person) -> None:
    """A draft is written all the same, and committed with a warning."""
    answer = person.ask("new", "fresh", "-e", "dev", "--model", "m", "--family", "llama", "--route", "/llm/fresh")
    assert len(answer["violations"]) >= 1
    done = person.do("commit", "-m", "draft")
    assert "warning" in done.err
    person.check_sound()


def test_import_keeps_what_people_edited_unless_told(person: Person, platform_rows: str) -> None:
    """Twice: unchanged. Edited: kept. --overwrite: replaced. --dry-run: nothing."""
    first = [item["outcome"] for item in person.ask("import", platform_rows, "--dry-run")["endpoints"]]
    assert (first, person.status) == (["written"] * 12, "")
    person.do("import", platform_rows)
    again = [item["outcome"] for item in person.ask("import", platform_rows)["endpoints"]]
    assert again == ["unchanged"] * 12
    path = "environments/prod/endpoints/svc-c48311a09cf4.yaml"
    person.edit(path, "24Gi", "25Gi")
    kept = {item["endpoint"]: item["outcome"] for item in person.ask("import", platform_rows)["endpoints"]}
    assert kept["svc-c48311a09cf4"] == "kept"
    assert "25Gi" in person.read(path)
    person.do("import", platform_rows, "--overwrite")
    assert "25Gi" not in person.read(path)


@pytest.mark.parametrize(
    ("flag", "restarts"),
    [
        ("--cpu-request=5", True),
        ("--memory-limit=50Gi", True),
        ("--image=example.com/vllm:1", True),
        ("--route=/x", True),
    ],
)
def test_a_redeploy_always_restarts_whatever_it_changes(person: Person, flag: str, restarts: bool) -> None:
    """The pod revision follows the revision."""
    person.do("redeploy", "prod/chat", flag)
    stamp = person.stamp("prod/chat")
    assert (stamp["revision"], stamp["podRevision"] == 2) == (2, restarts)


def test_an_edited_route_restarts_nothing(person: Person) -> None:
    """Only the HTTPRoute moves to the new revision."""
    before = pods(person, "prod/chat")
    person.edit(CHAT, "/llm/chat", "/llm/talk")
    person.do("commit", "-m", "another route")
    assert pods(person, "prod/chat") == before
    stamp = person.stamp("prod/chat")
    assert (stamp["revision"], stamp["podRevision"]) == (2, 1)
    revisions = {
        kind: body["metadata"]["annotations"]["revstamp.io/revision"]
        for kind, body in person.manifests("prod/chat").items()
    }
    assert {kind for kind, revision in revisions.items() if revision == "2"} == {"HTTPRoute"}
