"""Branches that meet: conflicts on purpose, their resolution as documented, and the check in continuous integration."""

from __future__ import annotations

import subprocess

from tests.cli.driver import Person

CHAT = "environments/prod/endpoints/chat.yaml"


def branch(person: Person, name: str, *words: str) -> None:
    """A branch of its own with one commit, checked out while it is made."""
    person.git("switch", "-q", "-c", name, "main")
    person.do(*words)
    person.git("switch", "-q", "main")


def merge(person: Person, name: str) -> int:
    """The exit code of `git merge`."""
    return subprocess.run(["git", "merge", "-q", "--no-edit", name], cwd=person.root, capture_output=True).returncode


def resolve_as_documented(person: Person, side: str = "--theirs") -> None:
    """Generated files from the branch merged into, then rendered again."""
    person.git("checkout", side, "--", "environments/prod/stamps", "environments/prod/manifests")
    person.git("add", "environments")
    person.git("commit", "-q", "--no-edit")
    person.do("commit", "--all", "-m", "bring the branch up to date")


def test_two_branches_that_redeploy_one_endpoint_conflict_in_git(person: Person) -> None:
    """Both claim revision 2; git does not merge them into one."""
    branch(person, "a", "redeploy", "prod/chat")
    branch(person, "b", "redeploy", "prod/chat")
    assert merge(person, "a") == 0
    assert merge(person, "b") != 0
    assert "stamps" in person.git("diff", "--name-only", "--diff-filter=U")


def test_two_branches_that_change_different_endpoints_merge(person: Person) -> None:
    """And the result is what its sources say."""
    branch(person, "a", "redeploy", "prod/chat", "--cpu-request", "5")
    branch(person, "b", "redeploy", "prod/search", "--cpu-request", "5")
    assert merge(person, "a") == 0
    assert merge(person, "b") == 0
    assert person.do("render", "--check")
    assert (person.revision("prod/chat"), person.revision("prod/search")) == (2, 2)


def test_the_documented_way_out_of_a_conflict_works(person: Person) -> None:
    """Both changes stay, under numbers of their own, and the check passes."""
    branch(person, "bump", "redeploy", "prod/chat", "--cpu-request", "5")
    person.do("redeploy", "prod/chat", "--set", "metadata.owner=search")
    person.git("switch", "-q", "bump")
    assert merge(person, "main") != 0
    resolve_as_documented(person)
    assert "owner: search" in person.read(CHAT)
    assert person.manifests("prod/chat")["Deployment"]["metadata"]["annotations"]["revstamp.io/owner"] == "search"
    assert 'cpu: "5"' in "".join(person.generated("prod/chat").values())
    assert person.revision("prod/chat") == 3
    assert person.do("render", "--check", "--base", "main")
    person.git("switch", "-q", "main")
    assert merge(person, "bump") == 0
    assert person.do("render", "--check")
    person.check_sound()


def test_a_rebase_is_resolved_the_other_way_round(person: Person) -> None:
    """`--ours` is the branch rebased onto."""
    branch(person, "bump", "redeploy", "prod/chat", "--cpu-request", "5")
    person.do("redeploy", "prod/chat", "--set", "metadata.owner=search")
    person.git("switch", "-q", "bump")
    done = subprocess.run(["git", "rebase", "-q", "main"], cwd=person.root, capture_output=True)
    assert done.returncode != 0
    person.git("checkout", "--ours", "--", "environments/prod/stamps", "environments/prod/manifests")
    person.git("add", "environments")
    person.git("-c", "core.editor=true", "rebase", "--continue")
    person.do("commit", "--all", "-m", "render again")
    assert person.revision("prod/chat") == 3
    assert person.do("render", "--check", "--base", "main")


def test_the_check_accepts_a_branch_whose_revision_is_its_base_plus_one(person: Person) -> None:
    """With the base named and with the one of revstamp.yaml."""
    person.git("switch", "-q", "-c", "bump")
    person.do("redeploy", "prod/chat")
    assert person.ask("render", "--check", "--base", "main")["base"] == "main"
    assert person.ask("render", "--check")["base"] == "main"


def test_several_commits_on_a_branch_are_one_revision(person: Person) -> None:
    """A pull request of three commits makes 1 into 2, and restarts once."""
    person.git("switch", "-q", "-c", "bump")
    for words in (("--cpu-request", "5"), ("--memory-limit", "64Gi"), ("--cpu-request", "6")):
        assert person.ask("redeploy", "prod/chat", *words)["revision"] == 2
    person.do("scale", "prod/chat", "--max", "7")
    stamp = person.stamp("prod/chat")
    assert (stamp["revision"], stamp["podRevision"]) == (2, 2)
    assert person.do("render", "--check", "--base", "main")


def test_the_check_refuses_a_revision_that_the_base_has_used_meanwhile(person: Person) -> None:
    """With file, expected number and the way out."""
    branch(person, "bump", "redeploy", "prod/chat")
    person.do("redeploy", "prod/chat")
    person.git("switch", "-q", "bump")
    error = person.fail("render", "--check", "--base", "main")
    assert error["exit"] == 1
    violation = error["violations"][0]
    assert "/stamps/" in violation["file"]
    assert "must be 3" in violation["message"]
    assert "commit --all" in violation["fix"]


def test_a_branch_behind_its_base_that_did_not_touch_the_endpoint_passes(person: Person) -> None:
    """Whatever the base did since is none of its business."""
    branch(person, "bump", "redeploy", "prod/chat")
    person.do("redeploy", "prod/search")
    person.do("delete", "dev/chat", "--yes")
    person.git("switch", "-q", "bump")
    assert person.do("render", "--check", "--base", "main")


def test_the_check_refuses_a_skipped_revision(person: Person) -> None:
    """As after taking in a branch that was never merged."""
    path = next(path for path in person.generated("prod/chat") if "/stamps/" in path)
    person.git("switch", "-q", "-c", "bump")
    person.do("redeploy", "prod/chat")
    person.edit(path, "revision: 2\n", "revision: 5\n")
    person.git("commit", "-qam", "by hand")
    assert person.fail("render", "--check", "--base", "main")["exit"] == 1


def test_the_check_finds_an_edit_that_was_not_rendered(person: Person) -> None:
    """A pull request made without revstamp; every stale file is named."""
    person.git("switch", "-q", "-c", "bump")
    person.edit(CHAT, "48Gi", "64Gi")
    person.git("commit", "-qam", "by hand")
    error = person.fail("render", "--check", "--base", "main")
    files = {violation["file"] for violation in error["violations"]}
    assert any(path.endswith("deployment.yaml") for path in files)
    person.do("commit", "--all", "-m", "rendered")
    assert person.do("render", "--check", "--base", "main")
    assert person.revision("prod/chat") == 2


def test_the_check_finds_a_new_endpoint_that_was_not_rendered_and_one_that_was_removed(person: Person) -> None:
    """Neither has files of its own to differ."""
    text = person.read(CHAT).replace("name: chat\n", "name: talk\n", 1).replace("/llm/chat", "/llm/talk")
    person.write("environments/prod/endpoints/talk.yaml", text)
    person.git("rm", "-q", "environments/prod/endpoints/search.yaml")
    person.git("add", "--all")
    person.git("commit", "-qm", "by hand")
    messages = str(person.fail("render", "--check")["violations"])
    assert "prod/talk" in messages
    assert "prod/search" in messages


def test_an_unknown_base_is_named(person: Person) -> None:
    """Also one that could be an option."""
    for rev in ("nowhere", "--upload-pack=x", "a b", "a\nb"):
        answer = person.type("render", "--check", f"--base={rev}", "--output", "json")
        assert answer.code in (2, 3, 4), (rev, answer.code)
        assert "Traceback" not in answer.err


def test_a_squash_merge_carries_the_request_so_that_it_is_done_once(person: Person) -> None:
    """The id stays in the squashed message."""
    branch(person, "bump", "redeploy", "prod/chat", "--request-id", "order-9")
    message = person.git("log", "-1", "--format=%B", "bump")
    person.git("merge", "-q", "--squash", "bump")
    person.git("commit", "-qm", "bump (#9)", "-m", message)
    before = person.head
    answer = person.do("redeploy", "prod/chat", "--request-id", "order-9")
    assert "carried out before" in answer.out
    assert person.head == before


def test_a_pull_request_that_was_merged_is_in_the_log(person: Person) -> None:
    """Also when a merge commit brought it."""
    branch(person, "bump", "redeploy", "prod/chat", "--reason", "faster")
    person.do("redeploy", "prod/search")
    person.git("merge", "-q", "--no-edit", "bump")
    revisions = person.ask("log", "prod/chat")["revisions"]
    assert [entry["revision"] for entry in revisions] == [2, 1]
    assert revisions[0]["reason"] == "faster"
    assert person.ask("redeploy", "prod/chat")["revision"] == 3


def test_a_branch_that_was_stamped_twice_is_one_revision_in_the_log(person: Person) -> None:
    """With all reasons and authors, the change of both commits, and the state that reached the branch."""
    words = ("redeploy", "prod/chat", "--branch", "bump")
    person.do(*words, "--cpu-request", "5", "--reason", "more", "--actor", "Ann <ann@example.org>")
    second = person.ask(*words, "--route", "/llm/talk", "--reason", "a name", "--actor", "Bob <bob@example.org>")
    person.git("merge", "-q", "--no-ff", "--no-edit", "bump")
    revisions = person.ask("log", "prod/chat")["revisions"]
    assert [entry["revision"] for entry in revisions] == [2, 1]
    assert revisions[0]["commit"] == second["commit"]
    assert len(revisions[0]["commits"]) == 2
    assert revisions[0]["reason"] == "more; a name"
    assert {row["label"] for row in revisions[0]["diff"]["rows"]} >= {"cpu", "route"}
    line = next(line for line in person.do("log", "prod/chat").out.splitlines() if line.lstrip().startswith("r2"))
    assert "Bob, Ann" in " ".join(line.split())
    assert len(person.ask("log", "prod/chat", "-n", "1")["revisions"][0]["commits"]) == 2


def test_a_revision_that_came_back_by_hand_is_marked_in_the_log(person: Person) -> None:
    """Somebody reverted in git: r1 stands there again, and the next one is r3."""
    person.do("redeploy", "prod/chat")
    person.git("revert", "--no-edit", "HEAD")
    entries = person.ask("log", "prod/chat")["revisions"]
    assert [(entry["revision"], entry["again"]) for entry in entries] == [(1, True), (2, False), (1, False)]
    assert "r1 again" in person.do("log", "prod/chat").out
    assert person.ask("redeploy", "prod/chat")["revision"] == 3


def test_promotion_to_a_branch_leaves_the_delivery_branch(person: Person) -> None:
    """Every command that changes an endpoint can make a pull request."""
    before = person.head
    for words in (("scale", "prod/chat", "--max", "9"), ("stop", "prod/search"), ("delete", "dev/chat", "--yes")):
        name = words[0]
        answer = person.ask(*words, "--branch", name)
        assert (answer["branch"], person.head) == (name, before)
        assert person.git("rev-parse", name) == answer["commit"]
    person.check_sound()
