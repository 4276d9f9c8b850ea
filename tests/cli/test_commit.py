"""`commit`: which endpoints an edit touches, all or nothing, and what becomes of edits of rendered files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.driver import Person
from tests.fleet_repository import CHAT as CHAT_TEXT

CHAT = "environments/prod/endpoints/chat.yaml"
SEARCH = "environments/prod/endpoints/search.yaml"


def test_edits_of_two_environments_are_one_commit(person: Person) -> None:
    """With every endpoint in its trailers."""
    before = person.head
    person.edit(CHAT, "48Gi", "64Gi")
    person.edit("environments/dev/endpoints/chat.yaml", "48Gi", "64Gi")
    person.do("commit", "-m", "more everywhere")
    assert person.git("rev-parse", "HEAD~1") == before
    message = person.git("log", "-1", "--format=%B")
    assert "Revstamp-Environment: dev" in message
    assert "Revstamp-Environment: prod" in message
    assert (person.revision("prod/chat"), person.revision("dev/chat")) == (2, 2)
    person.check_sound()


def test_an_environment_renders_its_own_endpoints_only(person: Person) -> None:
    """The other environments' files stay to the byte."""
    dev = person.generated("dev/chat")
    person.edit("environments/prod/environment.yaml", "requestTimeoutSeconds: 600", "requestTimeoutSeconds: 900")
    answer = person.ask("commit", "-m", "longer")
    touched = {f"{item['environment']}/{item['endpoint']}" for item in answer["endpoints"]}
    assert touched == {"prod/chat", "prod/search"}
    assert (person.revision("prod/chat"), person.revision("dev/chat")) == (2, 1)
    assert person.generated("dev/chat") == dev


def test_one_broken_file_beside_good_ones_stops_all_with_every_reason(person: Person) -> None:
    """All or nothing; each violation with file and line."""
    person.edit(CHAT, "48Gi", "64Gi")
    person.edit(SEARCH, "48Gi", "48 gigs")
    person.edit(SEARCH, "  route:", "  rout: /x\n  route:")
    before = person.state
    error = person.fail("commit", "-m", "x")
    assert (error["error"], error["exit"]) == ("invalid-input", 3)
    assert {(violation["file"], violation["line"] > 0) for violation in error["violations"]} == {(SEARCH, True)}
    assert len(error["violations"]) == 2
    assert person.state == before


def test_an_edit_that_would_take_down_what_runs_is_refused(person: Person) -> None:
    """A running endpoint does not silently lose its manifests by a rule."""
    person.edit(CHAT, "    family: llama", "    family: llama\n    status: rejected")
    person.edit(SEARCH, "48Gi", "64Gi")
    before = person.state
    error = person.fail("commit", "-m", "x")
    assert error["error"] == "refused"
    assert error["violations"][0]["file"] == CHAT
    assert person.state == before


def test_hand_edited_manifests_are_written_anew_and_the_person_is_told(person: Person) -> None:
    """A rendered file follows from its sources: the edit is not taken, and it does not stay either."""
    path = next(path for path in person.generated("prod/chat") if path.endswith("deployment.yaml"))
    before = person.read(path)
    person.edit(path, "48Gi", "99Gi")
    person.edit("environments/dev/endpoints/chat.yaml", "48Gi", "64Gi")
    answer = person.do("commit", "-m", "x")
    assert path in answer.err
    assert "99Gi" not in person.git("show", f"HEAD:{path}")
    assert person.read(path) == before
    person.check_sound()


def test_hand_edited_manifests_alone_are_told_and_undone(person: Person) -> None:
    """Nothing is committed, since nothing differs from what the sources render to."""
    path = next(path for path in person.generated("prod/chat") if path.endswith("deployment.yaml"))
    before, head = person.read(path), person.head
    person.edit(path, "48Gi", "99Gi")
    answer = person.do("commit", "-m", "x")
    assert path in answer.err
    assert (person.read(path), person.head, person.status) == (before, head, "")


def test_a_hand_edited_manifest_that_was_committed_by_hand_is_repaired_by_all(person: Person) -> None:
    """`render --check` names it, `commit --all` writes it anew as a revision."""
    path = next(path for path in person.generated("prod/chat") if path.endswith("deployment.yaml"))
    person.edit(path, "48Gi", "99Gi")
    person.git("commit", "-qam", "by hand")
    error = person.fail("render", "--check")
    assert (error["exit"], error["violations"][0]["file"]) == (1, path)
    person.do("commit", "--all", "-m", "as the sources say")
    assert "99Gi" not in person.read(path)
    assert person.do("render", "--check")
    assert person.revision("prod/chat") == 2
    person.check_sound()


def test_a_removed_manifest_comes_back(person: Person) -> None:
    """Also where the whole folder is gone."""
    paths = [path for path in person.generated("prod/chat") if "/manifests/" in path]
    for path in paths:
        (person.root / path).unlink()
    answer = person.do("commit")
    assert paths[0] in answer.err
    person.check_sound()
    assert all((person.root / path).is_file() for path in paths)


def test_a_foreign_file_among_the_manifests_is_never_committed(person: Person) -> None:
    """Argo CD or Flux would apply it. Committed by hand, it is found by the check and taken away by `commit --all`."""
    folder = Path(next(path for path in person.generated("prod/chat") if "/manifests/" in path)).parent
    person.write(f"{folder}/extra.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n")
    answer = person.do("commit", "--all")
    assert "extra.yaml" in answer.err
    assert "extra.yaml" not in person.git("ls-tree", "-r", "--name-only", "HEAD")
    person.git("add", "--all")
    person.git("commit", "-qm", "by hand")
    assert person.fail("render", "--check")["violations"][0]["file"].endswith("extra.yaml")
    person.do("commit", "--all", "-m", "only what is rendered")
    assert "extra.yaml" not in person.git("ls-tree", "-r", "--name-only", "HEAD")


def test_a_template_of_the_repository_overrides_one_and_only_one(person: Person) -> None:
    """Every endpoint renders anew with it; the shipped ones serve for the rest."""
    shipped = (Path(__file__).parents[2] / "templates" / "service.yaml.j2").read_text(encoding="utf-8")
    person.edit("revstamp.yaml", "templates: shipped", "templates: repository")
    person.write("templates/service.yaml.j2", shipped.replace("type: ClusterIP", "type: NodePort"))
    assert "ClusterIP" in shipped
    person.do("commit", "-m", "node ports")
    objects = person.manifests("prod/chat")
    assert objects["Service"]["spec"]["type"] == "NodePort"
    assert objects["Deployment"]["metadata"]["annotations"]["revstamp.io/revision"] == "1"
    assert person.stamp("prod/chat")["podRevision"] == 1
    assert person.do("render", "--check")
    person.check_sound()


def test_a_broken_template_is_an_error_with_its_line(person: Person) -> None:
    """Nothing is written."""
    person.edit("revstamp.yaml", "templates: shipped", "templates: repository")
    shipped = (Path(__file__).parents[2] / "templates" / "service.yaml.j2").read_text(encoding="utf-8")
    person.write("templates/service.yaml.j2", shipped.replace("type: ClusterIP", "tipe: {{ nothing.there }}"))
    before = person.state
    error = person.fail("commit", "-m", "x")
    assert (error["error"], error["exit"]) == ("render-failed", 3)
    assert error["violations"][0]["file"].endswith("service.yaml.j2")
    assert error["violations"][0]["line"] > 0
    assert person.state == before


def test_a_pinned_generator_that_is_another_refuses_to_render(person: Person) -> None:
    """Commit, redeploy and check say which version to install."""
    text = person.read("revstamp.yaml")
    version = text.split("generator: ")[1].split(" ")[0]
    person.write("revstamp.yaml", text.replace(f"generator: {version}", "generator: 99.1.2"))
    before = person.state
    error = person.fail("commit", "-m", "x")
    assert "99.1.2" in error["message"]
    assert "99.1.2" in error["hint"]
    assert person.state == before
    person.git("commit", "-qam", "another generator")
    for words in (("redeploy", "prod/chat"), ("scale", "prod/chat", "--max", "5"), ("render", "--check")):
        assert "99.1.2" in person.fail(*words)["message"]


def test_a_route_that_two_endpoints_claim_is_refused(person: Person) -> None:
    """Unique in its environment, not over environments."""
    text = person.read(CHAT).replace("name: chat\n", "name: again\n", 1)
    person.write("environments/prod/endpoints/again.yaml", text)
    answer = person.do("commit", "-m", "x", "--output", "json").json
    item = next(item for item in answer["endpoints"] if item["endpoint"] == "again")
    assert item["outcome"] == "refused"
    assert "/llm/chat" in item["violations"][0]["message"]
    person.write("environments/stg/endpoints/again.yaml", text)
    assert person.ask("commit", "-m", "x")["endpoints"][0]["outcome"] == "changed"


def test_a_renamed_endpoint_is_a_deletion_and_a_new_one(person: Person) -> None:
    """The old name's stamp stays."""
    text = person.read(CHAT).replace("name: chat\n", "name: talk\n", 1)
    (person.root / CHAT).unlink()
    person.write("environments/prod/endpoints/talk.yaml", text)
    person.do("commit", "-m", "renamed")
    assert person.stamp("prod/chat")["deleted"] is True
    assert person.revision("prod/talk") == 1
    person.check_sound()


def test_files_of_no_use_to_revstamp_do_not_stop_it(person: Person) -> None:
    """Notes beside an environment are committed with the edits, untouched."""
    person.write("environments/prod/README.md", "# production\n")
    person.edit(CHAT, "48Gi", "64Gi")
    person.do("commit", "-m", "x")
    assert person.git("show", "HEAD:environments/prod/README.md") == "# production"
    person.check_sound()


def test_a_new_environment_is_a_folder_with_a_file(person: Person) -> None:
    """And endpoints in it are rendered in the same commit."""
    text = person.read("environments/dev/environment.yaml")
    person.write("environments/lab/environment.yaml", text.replace("name: dev", "name: lab").replace("-dev", "-lab"))
    person.write("environments/lab/endpoints/chat.yaml", CHAT_TEXT)
    person.do("commit", "-m", "a lab")
    assert person.revision("lab/chat") == 1
    assert person.manifests("lab/chat")["Deployment"]["metadata"]["namespace"] == "llm-ops-lab"


def test_an_environment_that_goes_with_its_endpoints_leaves_no_manifests(person: Person) -> None:
    """Removing a folder is a deletion of everything in it."""
    person.git("rm", "-rq", "environments/dev/endpoints", "environments/dev/environment.yaml")
    answer = person.type("commit", "-m", "no dev any more", "--output", "json")
    assert answer.code == 0, answer.err
    assert person.manifests("dev/chat") == {}
    assert person.stamp("dev/chat")["deleted"] is True
    person.check_sound()


def test_a_commit_of_edits_names_every_endpoint_that_cannot_be_deployed(person: Person) -> None:
    """Exit code 0, the reason on standard error, no manifests."""
    person.edit("environments/dev/endpoints/draft.yaml", "48Gi", "64Gi")
    answer = person.do("commit", "-m", "draft")
    assert "dev/draft is not deployed" in answer.err
    assert person.manifests("dev/draft") == {}
    person.check_sound()


def test_an_environment_is_not_removed_below_its_endpoints(person: Person) -> None:
    """They would keep manifests that nothing renders any more."""
    (person.root / "environments/dev/environment.yaml").unlink()
    error = person.fail("commit", "-m", "x")
    assert error["violations"][0]["file"] == "environments/dev/environment.yaml"
    assert "chat" in error["violations"][0]["message"]


def test_a_broken_environment_without_endpoints_is_refused(person: Person) -> None:
    """Nobody would notice before the first endpoint."""
    person.edit("environments/stg/environment.yaml", "namespace:", "namespaze:")
    error = person.fail("commit", "-m", "x")
    assert error["violations"][0]["file"] == "environments/stg/environment.yaml"


def test_an_endpoint_without_an_environment_is_refused(person: Person) -> None:
    """And so is a folder whose name no environment can have."""
    person.write("environments/nowhere/endpoints/chat.yaml", CHAT_TEXT)
    person.write("environments/No_Where/environment.yaml", person.read("environments/dev/environment.yaml"))
    error = person.fail("commit", "-m", "x")
    assert {violation["file"] for violation in error["violations"]} == {
        "environments/nowhere/endpoints/chat.yaml",
        "environments/No_Where/environment.yaml",
    }


def test_what_was_deleted_without_revstamp_is_cleared_away_by_all(person: Person) -> None:
    """A file removed and committed by hand leaves manifests; `commit --all` removes them and keeps the number."""
    person.git("rm", "-q", CHAT)
    person.git("commit", "-qm", "by hand")
    assert person.fail("render", "--check")["exit"] == 1
    person.do("commit", "--all", "-m", "gone")
    assert person.manifests("prod/chat") == {}
    assert person.stamp("prod/chat")["deleted"] is True
    assert person.ask("commit", "--all")["state"] == "unchanged"
    assert person.do("render", "--check")


def test_a_hand_edit_of_a_rendered_file_survives_a_refused_commit(person: Person) -> None:
    """What is refused touches nothing, not even what would be written anew."""
    path = next(path for path in person.generated("prod/chat") if path.endswith("deployment.yaml"))
    person.edit(path, "48Gi", "99Gi")
    person.edit(SEARCH, "48Gi", "48 gigs")
    before = person.state
    person.fail("commit", "-m", "x")
    assert "99Gi" in person.read(path)
    assert person.state == before


def test_an_edit_of_a_stopped_endpoint_says_what_it_is(person: Person) -> None:
    """Its pod template changes, though nothing restarts."""
    person.edit("environments/dev/endpoints/chat.yaml", "48Gi", "64Gi")
    assert "unchanged" not in person.do("commit", "-m", "x").out


def test_the_summary_of_a_commit_names_a_replaced_workload(person: Person) -> None:
    """Of an edit in its subject, of a redeploy in its text; both ways."""
    person.edit("environments/prod/endpoints/search.yaml", "framework: kserve", "framework: deployment")
    assert "replaced (InferenceService → Deployment)" in person.do("commit").out
    assert "replaced (InferenceService → Deployment)" in person.git("log", "-1", "--format=%s")
    person.do("redeploy", "prod/search", "--framework", "kserve")
    assert "replaced (Deployment → InferenceService)" in person.git("log", "-1", "--format=%b")


def test_every_paragraph_of_a_reason_is_in_the_log(person: Person) -> None:
    """Of a redeploy and of an edit."""
    person.do("redeploy", "prod/chat", "--reason", "one\r\n\r\ntwo")
    person.edit(CHAT, "48Gi", "64Gi")
    person.do("commit", "-m", "more memory")
    revisions = person.ask("log", "prod/chat")["revisions"]
    assert [entry["reason"] for entry in revisions[:2]] == ["more memory", "one\n\ntwo"]


@pytest.mark.parametrize("reason", ["-x", "x" * 5000])
def test_a_reason_that_is_no_subject_goes_into_the_text(person: Person, reason: str) -> None:
    """Where an edit has no effect on what is deployed, the reason is the subject if it can be."""
    person.write(CHAT, "# a comment\n" + person.read(CHAT))
    person.do("commit", "-m", reason)
    assert person.git("log", "-1", "--format=%s") == "edits without effect on what is deployed"
    assert reason in person.git("log", "-1", "--format=%b")


@pytest.mark.parametrize("added", ["# a remark\n", "\n", "...\n"])
def test_a_manifest_that_was_edited_without_changing_its_meaning_is_found_and_put_right(
    tmp_path: Path, added: str
) -> None:
    """Committed by plain git: the check names the file, a commit writes it anew, and no pod is replaced for it."""
    Person(tmp_path).do("init", "gitops", "--example")
    person = Person(tmp_path / "gitops")
    person.do("commit")
    path = next(person.root.glob("environments/prod/manifests/*/chat/deployment.yaml"))
    before = path.read_text("utf-8")
    path.write_text(before + added, "utf-8")
    person.git("commit", "--quiet", "-am", "by hand")
    error = person.fail("render", "--check")
    assert [violation["file"] for violation in error["violations"]] == [str(path.relative_to(person.root))]
    person.do("commit", "--all")
    assert path.read_text("utf-8") == before
    person.do("render", "--check")
