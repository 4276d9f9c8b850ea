"""The platform's rows and requests, from an empty directory to commits, through the command line.

Golden trees hold what each case committed: the endpoint's file, its rendered files, its stamp, and the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.driver import Answer, Person, answer_of

CASES_FOLDER = Path(__file__).parents[1] / "cases"
ROWS = CASES_FOLDER / "platform-rows.json"
CASES = json.loads((CASES_FOLDER / "redeploy-requests.json").read_text(encoding="utf-8"))
NAMES = [case["case"] for case in CASES]
GOLDEN = Path(__file__).parents[1] / "golden" / "cases"
SUPPORT = "prod/svc-c48311a09cf4"
REFUSED_BY_COMMIT = {"dev/svc-22c7278aa364", "dev/svc-c44c651b2385", "stg/svc-643053a2a043", "dev/svc-85b862fe1d87"}


@dataclass(frozen=True)
class Done:
    """One case: what was there before, what the command said, what was there after."""

    case: Mapping[str, Any]
    answer: Answer
    refs: tuple[tuple[str, str, str], tuple[str, str, str]]
    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def changed(self) -> dict[str, tuple[list[str], list[str]]]:
        """By file that differs: the lines that went and those that came."""
        found = {}
        for path in sorted({*self.before, *self.after}):
            old, new = self.before.get(path, "").splitlines(), self.after.get(path, "").splitlines()
            if old != new:
                found[path] = ([line for line in old if line not in new], [line for line in new if line not in old])
        return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Answer, Answer, dict[str, Done]]:
    """`init`, `import`, `commit`, and every request in its order."""
    empty = tmp_path_factory.mktemp("empty")
    assert answer_of(("init", "gitops"), empty).code == 0
    person = Person(empty / "gitops")
    imported = person.do("import", str(ROWS), "--output", "json")
    committed = person.do("commit", "--request-id", "first", "--output", "json")
    done = {}
    for case in CASES:
        before, refs = _files(person), person.state
        words = (
            "redeploy",
            case["endpoint"],
            "--request",
            "-",
            "--output",
            "json",
            "--request-id",
            _slug(case["case"]),
        )
        answer = person.type(*words, stdin=json.dumps(case["request"]))
        done[case["case"]] = Done(case, answer, (refs, person.state), before, _files(person))
    return person, imported, committed, done


def _files(person: Person) -> dict[str, str]:
    return {path: person.read(path) for path in person.git("ls-files", "environments").splitlines()}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def test_import_brings_all_twelve_rows(story: Any) -> None:
    """Also those that cannot be deployed yet."""
    outcomes = [item["outcome"] for item in story[1].json["endpoints"]]
    assert outcomes == ["written"] * 12


def test_commit_renders_what_can_be_deployed_and_warns_about_the_others(story: Any) -> None:
    """Exit code 0; each of the others with its reason."""
    items = {f"{item['environment']}/{item['endpoint']}": item for item in story[2].json["endpoints"]}
    assert len(items) == 12
    assert {name for name, item in items.items() if item["outcome"] == "refused"} == REFUSED_BY_COMMIT
    assert all(item["violations"] for item in items.values() if item["outcome"] == "refused")
    assert items["prod/svc-d20a8476dcee"]["outcome"] == "external"
    assert sum(item["revision"] == 1 for item in items.values()) == 7


@pytest.mark.parametrize("name", NAMES)
def test_each_case_comes_out_as_expected(story: Any, name: str) -> None:
    """0 where it is committed or healthy; another code, a JSON error with a hint and nothing touched where refused."""
    done = story[3][name]
    expect = done.case["expect"]
    if expect.startswith("refused"):
        assert done.answer.code in (3, 4)
        assert done.answer.out == ""
        assert done.answer.error["message"]
        assert done.answer.error["hint"]
        assert done.refs[0] == done.refs[1]
        assert not done.changed
    elif expect.startswith("healthy"):
        assert (done.answer.code, done.answer.json["state"], done.answer.json["commit"]) == (0, "healthy", None)
        assert done.refs[0] == done.refs[1]
    else:
        assert (done.answer.code, done.answer.json["state"]) == (0, "committed")
        assert done.answer.json["revision"] == (done.answer.json["baseRevision"] or 0) + 1
        assert done.refs[1][1] == ""


REFUSALS = {
    "rebuilt spec": ("job_type", "spec.deployment.job_type"),
    "too long": ("16384", "8192"),
    "wrong pair": ("RAG_TUNING", "RAG"),
    "wrong family": ("mistral",),
    "canary without split": ("traffic_split",),
    "split of 90": ("80 + 10", "100"),
    "not approved": ("under_review",),
    "no storage": ("storage_uri",),
    "bad quantity": ("'16 gigs'", "quantity"),
    "request above limit": ("8", "limit 4"),
    "hostile image": ("image reference",),
    "unknown framework": ("deployment", "kserve"),
    "no such endpoint": ("no such endpoint",),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_says_what_and_how_to_go_on(story: Any, name: str) -> None:
    """The message alone tells a person what is wrong."""
    error = story[3][name].answer.error
    text = error["message"] + error["hint"]
    assert all(word in text for word in REFUSALS[name]), text


def test_every_refusal_is_named(story: Any) -> None:
    """The list above forgets none."""
    assert {name for name, done in story[3].items() if done.answer.code} == set(REFUSALS)


def test_an_empty_request_changes_nothing_but_revisions(story: Any) -> None:
    """Of the manifests one line, the InferenceService's revision; of the stamp, revisions, request and digest."""
    changed = story[3]["as it is"].changed
    kinds = {path.rsplit("/", 1)[1] for path in changed if "/manifests/" in path}
    assert kinds == {"inferenceservice.yaml"}
    for path, (old, new) in changed.items():
        if "/manifests/" in path:
            assert [line.strip() for line in old] == ['revstamp.io/revision: "1"']
            assert [line.strip() for line in new] == ['revstamp.io/revision: "2"']
        else:
            assert "/stamps/" in path
            assert {line.split(":")[0] for line in new} == {"revision", "requestId", "podRevision", "manifestsDigest"}


def test_new_limits_reach_the_container(story: Any) -> None:
    """Memory 48Gi and cpu 6, and nothing else but the revision."""
    changed = story[3]["new limits"].changed
    path = next(path for path in changed if path.endswith("inferenceservice.yaml"))
    resources = _objects(story[3]["new limits"].after, path)["spec"]["predictor"]["containers"][0]["resources"]
    assert resources["limits"]["memory"] == "48Gi"
    assert resources["requests"]["cpu"] == "6"
    assert {line.strip() for line in changed[path][1]} == {'revstamp.io/revision: "3"', 'cpu: "6"', 'memory: "48Gi"'}


def test_a_request_to_move_to_cpu_leaves_no_gpu_anywhere(story: Any) -> None:
    """No resource, no node affinity, no toleration, no tensor parallelism; the CPU image."""
    files = _of(story[3]["to CPU"].after, "svc-b158fadf6990", "/manifests/")
    text = "".join(files.values())
    assert "nvidia" not in text
    assert "tensor-parallel" not in text
    assert "registry.internal/serve/vllm:0.8.5-cpu" in text
    assert "gpu: false" in story[3]["to CPU"].after["environments/stg/endpoints/svc-b158fadf6990.yaml"]


def test_an_external_model_has_no_manifests(story: Any) -> None:
    """Nothing is rendered and no stamp is written."""
    assert not [path for path in _files(story[0]) if "svc-d20a8476dcee" in path and "/endpoints/" not in path]


def test_the_untouched_page_on_cpu_moves_only_the_revision(story: Any) -> None:
    """Its placeholder of 80 GB is ignored with a notice; the endpoint's file stays to the byte."""
    done = story[3]["the page, untouched, CPU"]
    assert not [path for path in done.changed if "/endpoints/" in path]
    lines = [line.strip() for path, (_, new) in done.changed.items() if "/manifests/" in path for line in new]
    assert lines == ['revstamp.io/revision: "2"'] * len(lines)
    assert "gpu" not in "".join(_of(done.after, "svc-58e9fbab7f59", "/manifests/").values()).replace("-gpu", "").lower()
    assert any("gpu_memory_gb 80" in text for text in done.answer.json["notices"])


def test_the_untouched_page_on_gpu_asks_for_no_card(story: Any) -> None:
    """80 GB that nobody chose are dropped, with a notice."""
    done = story[3]["the page, untouched, GPU without memory"]
    assert "nvidia.com/gpu.memory" not in "".join(_of(done.after, "svc-b158fadf6990", "/manifests/").values())
    assert any("gpu_memory_gb 80" in text for text in done.answer.json["notices"])
    assert "gpu_memory_gb" not in done.after["environments/stg/endpoints/svc-b158fadf6990.yaml"]


def test_cleared_numbers_of_the_page_are_not_given(story: Any) -> None:
    """65 percent reaches the HPA; the empty fields reach no file."""
    done = story[3]["the page, cleared numbers"]
    path = next(path for path in done.after if path.endswith("svc-4cd34c650233/horizontalpodautoscaler.yaml"))
    metrics = _objects(done.after, path)["spec"]["metrics"]
    assert [metric["resource"]["target"]["averageUtilization"] for metric in metrics] == [65]
    assert "targetLatencyMs" not in done.after["environments/prod/endpoints/svc-4cd34c650233.yaml"]


def test_input_that_fills_the_window_is_committed_with_a_warning(story: Any) -> None:
    """The server gets the model's own limit, not the sum."""
    done = story[3]["input fills the window"]
    assert "--max-model-len=131072" in "".join(_of(done.after, "svc-b158fadf6990", "/manifests/").values())
    assert any("131072" in text for text in done.answer.json["warnings"])


def test_a_framework_given_by_the_page_leaves_no_object_of_the_other(story: Any) -> None:
    """The endpoint whose spec came by an earlier request is served by KServe now."""
    done = story[3]["the page, no stored spec, framework only"]
    kinds = {path.rsplit("/", 1)[1] for path in _of(done.after, "svc-643053a2a043", "/manifests/")}
    assert "inferenceservice.yaml" in kinds
    assert "deployment.yaml" not in kinds


def test_history_holds_one_commit_for_each_committed_case(story: Any) -> None:
    """Each with its request id, so that no request is carried out twice."""
    person, _, _, done = story
    committed = [_slug(name) for name, item in done.items() if item.answer.code == 0 and item.answer.json["commit"]]
    log = person.git("log", "--reverse", "--format=%(trailers:key=Revstamp-Request-Id,valueonly,separator=)")
    assert [line for line in log.splitlines() if line][1:] == ["first", *committed]
    person.check_sound()
    assert person.do("render", "--check").code == 0


@pytest.mark.parametrize("name", NAMES)
def test_each_case_leaves_its_golden_tree(
    story: Any, name: str, golden_tree: Callable[[Path, Mapping[str, str]], None]
) -> None:
    """The endpoint's files after the case and the answer, compared as a diff."""
    done = story[3][name]
    endpoint = f"svc-{done.case['endpoint'].replace('-', '')[:12]}"
    files = _of(done.after, endpoint, "") if done.refs[0] != done.refs[1] else {}
    golden_tree(GOLDEN / _slug(name), {**files, "answer.json": _answer_text(done.answer)})


def test_the_first_commit_leaves_its_golden_tree(
    story: Any, golden_tree: Callable[[Path, Mapping[str, str]], None]
) -> None:
    """All endpoint files as imported, and what they render to."""
    first = story[3][NAMES[0]].before
    own = {path: text for path, text in first.items() if "/svc-" in path}
    golden_tree(GOLDEN / "first-commit", own)


def _of(files: Mapping[str, str], endpoint: str, part: str) -> dict[str, str]:
    return {path: text for path, text in files.items() if endpoint in path and part in path}


def _objects(files: Mapping[str, str], path: str) -> Any:
    return yaml.safe_load(files[path])


def _answer_text(answer: Answer) -> str:
    body = json.loads(answer.out or answer.err)
    if body.get("commit"):
        body["commit"] = "(a commit)"
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
