"""Reports: the same difference for a terminal, a pull request and a script."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.render.diff import EndpointDiff, FleetDiff, diff_endpoint
from generator.render.report import diff_dict, diff_markdown, diff_text, fleet_dict, unified
from generator.render.report_text import cells
from generator.render.report_words import pair_texts
from tests.render.test_diff import ARGS, TEMPLATE, diff, files, stamped
from tests.render.test_pods import deployment, edited, inference_service, route, service

HOSTILE = [
    "a|b",
    "a\\|b",
    "`",
    "``` x",
    "@team",
    "#12",
    "<script>alert(1)</script>",
    "<!-- x",
    "](http://evil)",
    "![x](http://e)",
    "a\n\n# big\n",
    "\x1b[31m\x1b]0;x\x07",
    "\u202eabc",
    "*b* _c_ ~d~",
    "|---|",
    "&lt;",
    " ",
    "",
]


hostile = st.sampled_from(HOSTILE) | st.text(max_size=40)


def changed(**values: str) -> EndpointDiff:
    body = edited(deployment(), "spec/template/spec/containers/0/image", values.get("image", "registry.local/x:2"))
    body = edited(body, "spec/template/spec/containers/0/env/0/value", values.get("value", "v"))
    found = diff([deployment(), route()], [body, route(values.get("route", "/x"))])
    return replace(found, before_revision=7, after_revision=8)


def test_text_without_colour_is_plain() -> None:
    """Pipes and files get no escapes; with colour, taking it away gives the same text."""
    plain = diff_text(changed(), color=False, width=100)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9]+m", "", diff_text(changed(), color=True, width=100)) == plain


def test_text_tells_revision_verdict_rows_and_effects() -> None:
    """What a person wants to know before saying yes."""
    text = diff_text(changed(), color=False)
    assert text.startswith(
        "prod/chat r7 → r8\n  restarted, routed: 3 pods restart, GPUs 6, 2 more needed while they roll"
    )
    assert re.search(r"image +registry.local/vllm:v0.10.0 → registry.local/x:2  restarts\n", text)
    assert re.search(r"route +llm.local/llm/chat → llm.local/x  no restart\n", text)


@given(value=hostile, width=st.integers(-5, 200), color=st.booleans())
def test_no_value_steers_the_terminal_or_breaks_its_line(value: str, width: int, color: bool) -> None:
    """Escapes, line ends and bidi marks are written out."""
    text = diff_text(changed(image=value, value=value, route=value), color=color, width=width)
    bare = re.sub(r"\x1b\[[0-9]+m", "", text) if color else text
    assert all(line.isprintable() for line in bare.split("\n"))


@given(value=st.text(min_size=1, max_size=300), width=st.integers(60, 160))
def test_values_stay_within_the_width(value: str, width: int) -> None:
    """Wide characters take two columns; a long value is cut, never wrapped."""
    lines = diff_text(changed(image=value), color=False, width=width).split("\n")
    assert all(cells(line) <= width for line in lines if line.startswith((" " * 23, "  image")))


def test_long_values_are_cut_where_they_differ() -> None:
    """Two values that look alike after the cut would be worse than none."""
    long = "x" * 500
    assert pair_texts(f"{long}a", f"{long}b", 40) == (f"…{'x' * 24}a", f"…{'x' * 24}b")
    assert pair_texts("8", 8, 40) == ('"8"', "8")
    assert pair_texts(None, "", 40) == ("–", '""')


def test_the_verdict_names_a_restart_without_change() -> None:
    """The sentence that a redeploy's pull request starts with."""
    found = diff([stamped(deployment(), "1", "1")], [stamped(deployment(), "2", "2")])
    verdict = "restart only, no change of configuration: 3 pods restart, GPUs 6, 2 more needed while they roll"
    assert verdict in diff_text(found, color=False)
    assert verdict in diff_markdown([found]).split("\n")[0]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([deployment()], [deployment()], "no change"),
        ([], [deployment()], "created: pods 0 → 3, GPUs 0 → 6, 6 more needed"),
        ([deployment()], [], "deleted: pods 3 → 0, GPUs 6 → 0"),
        ([deployment(1)], [deployment(2)], "scaled: no pod restarts, GPUs 2 → 4, 2 more needed"),
        ([deployment(1)], [deployment(0)], "stopped: pods 1 → 0, GPUs 2 → 0"),
        ([service()], [edited(service(), "metadata/labels/a", "b")], "metadata-only: pods 0 → 0"),
        ([deployment()], [edited(deployment(), "spec/selector/matchLabels/app", "b")], "has to be made anew"),
        (
            [deployment(1)],
            [edited(edited(deployment(1), f"{ARGS}/2", "--x"), "spec/strategy", {"type": "Recreate"})],
            "restarted, adjusted: 1 pod restarts, GPUs 2; no pod serves between",
        ),
    ],
)
def test_verdicts_are_sentences(before: list[dict[str, Any]], after: list[dict[str, Any]], words: str) -> None:
    """One for each kind of change."""
    assert words in diff_text(diff(before, after), color=False)


def test_json_has_every_key_always() -> None:
    """Scripts rely on them."""
    unchanged = diff_dict(diff([deployment()], [deployment()]))
    some = diff_dict(changed())
    assert unchanged.keys() == some.keys()
    assert some["intents"] == ["restarted", "routed"]
    assert some["impact"]["gpusExtra"] == 2
    assert some["rows"][0] == {
        "label": "image",
        "old": "registry.local/vllm:v0.10.0",
        "new": "registry.local/x:2",
        "effect": "restarts",
    }
    assert [item["path"] for item in some["otherFields"]] == [
        "spec.template.spec.containers[model-server].env[HF_HOME].value"
    ]
    fleet = fleet_dict(FleetDiff((changed(), diff([deployment()], [deployment()]))))
    assert (fleet["endpoints"], fleet["changed"], len(fleet["differences"])) == (2, 1, 1)
    assert json.loads(json.dumps([some, unchanged, fleet]))


def test_a_fleet_ends_with_its_sum() -> None:
    """After many screens, the last line is the one that is read."""
    text = diff_text(FleetDiff((changed(), diff([deployment()], [deployment()]))), color=False)
    assert text.endswith(
        "1 of 2 endpoints changed, 1 of them restart: 3 pods restart, GPUs 12, 2 more needed while they roll\n"
    )
    assert diff_text(FleetDiff(()), color=False) == "no change in 0 endpoints\n"


def test_a_switch_of_framework_says_what_takes_the_place_of_what() -> None:
    """In every form."""
    found = diff([deployment(2)], [inference_service()])
    words = "Deployment llm/chat goes and InferenceService llm/chat takes its place"
    assert words in diff_text(found, color=False)
    assert f"**Replaces:** {words}" in diff_markdown([found])
    assert diff_dict(found)["replaces"] == [words]


def test_only_revisions_moved_shows_no_table() -> None:
    """There is nothing to put in it."""
    found = diff([stamped(deployment(), "1", "1")], [edited(stamped(deployment(), "2", "2"), TEMPLATE, "2")])
    assert "|" not in diff_markdown([found])


@pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a.yaml": "x: 1\ny: 2\n"}, {"a.yaml": "x: 1\ny: 3\n"}),
        ({"a.yaml": "x: 1\n"}, {}),
        ({}, {"a.yaml": "x: 1\n"}),
        ({"a.yaml": "x: 1"}, {"a.yaml": "x: 1\n"}),
        ({"a.yaml": "x: \u2028 1\r\n\x0c\n"}, {"a.yaml": "x: \u2028 2\r\n\x0c\ny"}),
        ({"a.yaml": "a\n", "b.yaml": "b\n"}, {"a.yaml": "a\n", "b.yaml": "c\n"}),
    ],
)
def test_the_unified_form_is_a_patch_that_git_applies(
    tmp_path: Path, before: dict[str, str], after: dict[str, str]
) -> None:
    """Whoever wants lines gets real ones."""
    for name, text in before.items():
        (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "p.diff").write_bytes(unified(before, after).encode())
    subprocess.run(["git", "apply", "p.diff"], cwd=tmp_path, check=True)
    (tmp_path / "p.diff").unlink()
    assert {path.name: path.read_bytes().decode() for path in tmp_path.iterdir()} == after


def test_the_unified_form_is_empty_for_equal_files_and_safe_in_colour() -> None:
    """No header without a change; no escape of a file reaches the terminal."""
    assert unified({"a": "x\n"}, {"a": "x\n"}) == ""
    coloured = unified({"a": "x\n"}, {"a": "\x1b]0;x\x07\n"}, color=True)
    assert "\x1b]" not in coloured
    assert "\x1b[32m+\\x1b]0;x\\x07\x1b[0m\n" in coloured


def test_reports_take_differences_of_files() -> None:
    """From two trees in git, without rendering anything."""
    found = diff_endpoint(files(deployment(1)), files(deployment(2)), name="chat", environment="prod")
    assert "replicas" in diff_text(found, color=False)
