# ruff: noqa: E501  lines of files are compared whole
"""Editing a person's file touches the lines that change, and no others."""

from __future__ import annotations

import copy
import difflib
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from generator.errors import InvalidInput
from generator.spec.document import load_document
from generator.spec.edit import is_same
from generator.spec.patch import Patch, apply_patch, edit_text
from tests.spec.factory import ENDPOINT, apply, refused
from tests.spec.yaml_styles import KEYS, documents, paths_of, plain_data, scalars

pytestmark = pytest.mark.sweep

FILE = """\
# Team chat.
apiVersion: revstamp.io/v1
kind: Endpoint
metadata: {name: chat, owner: 'nlp'}   # one line

spec:
    route: "/llm/chat"
    model:   # from the catalogue
        name: llama-8b
        version: '1.0'
        family: llama   # its family

    # memory of one replica
    memory:
        request:  "24Gi"   # enough
        limit: "32Gi"
    args: [--a, "--b"]
    pod:
        tolerations:
        - key: gpu
          operator: Exists
    cpu: {request: "4", limit: "8"} # cores
    rollbackPlan: |
        call us
        # not a comment
"""


def changed(before: str, after: str) -> list[str]:
    """The lines that differ, with - and + before them."""
    lines = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line.rstrip("\n") for line in lines if line[0] in "+-"]


def edit(sets: dict[str, Any] | None = None, clears: tuple[str, ...] = (), text: str = FILE) -> str:
    """The file with values set and cleared at dotted paths."""
    patch = Patch(
        {tuple(k.split(".")): v for k, v in (sets or {}).items()}, frozenset(tuple(c.split(".")) for c in clears)
    )
    return edit_text(text, patch)


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        ("spec.memory.limit", "48Gi", ['-         limit: "32Gi"', '+         limit: "48Gi"']),
        (
            "spec.memory.request",
            "1Gi",
            ['-         request:  "24Gi"   # enough', '+         request:  "1Gi"   # enough'],
        ),
        ("spec.route", "/b", ['-     route: "/llm/chat"', '+     route: "/b"']),
        ("spec.model.version", "2", ["-         version: '1.0'", "+         version: '2'"]),
        ("spec.model.family", "no", ["-         family: llama   # its family", '+         family: "no"   # its family']),
        ("spec.cpu.limit", "16", ['-     cpu: {request: "4", limit: "8"} # cores', '+     cpu: {request: "4", limit: "16"} # cores']),
        ("spec.cpu.x", 1, ['-     cpu: {request: "4", limit: "8"} # cores', '+     cpu: {request: "4", limit: "8", x: 1} # cores']),
        ("metadata.id", "7", ["- metadata: {name: chat, owner: 'nlp'}   # one line", "+ metadata: {name: chat, owner: 'nlp', id: \"7\"}   # one line"]),
        ("spec.args", ["--c"], ['-     args: [--a, "--b"]', '+     args: ["--c"]']),
        ("spec.image", "a/b:1", ['+     image: "a/b:1"']),
        ("spec.budgets.loadSeconds", 60, ["+     budgets:", "+         loadSeconds: 60"]),
        ("spec.pod.priorityClassName", "high", ["+         priorityClassName: high"]),
        ("spec.rollbackPlan", "none", ["-     rollbackPlan: |", "-         call us", "-         # not a comment", "+     rollbackPlan: none"]),
        ("spec.pod.env", [{"name": "A", "value": "b"}], ["+         env:", "+         - name: A", "+           value: b"]),
        ("spec.memory", None, ["-     memory:", "+     memory: null", '-         request:  "24Gi"   # enough', '-         limit: "32Gi"']),
    ],
)  # fmt: skip
def test_setting_one_value_changes_its_lines_alone(path: str, value: Any, lines: list[str]) -> None:
    """Comments, quotes, order, indentation and the spaces of every other line stay."""
    after = edit({path: value})
    assert sorted(changed(FILE, after)) == sorted(lines)


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("spec.memory.limit", ['-         limit: "32Gi"']),
        ("spec.cpu.limit", ['-     cpu: {request: "4", limit: "8"} # cores', '+     cpu: {request: "4"} # cores']),
        ("spec.cpu.request", ['-     cpu: {request: "4", limit: "8"} # cores', '+     cpu: {limit: "8"} # cores']),
        ("spec.args", ['-     args: [--a, "--b"]']),
        ("spec.rollbackPlan", ["-     rollbackPlan: |", "-         call us", "-         # not a comment"]),
        (
            "spec.pod.tolerations",
            ["-     pod:", "-         tolerations:", "-         - key: gpu", "-           operator: Exists"],
        ),
        ("spec.nothing.there", []),
    ],
)
def test_clearing_one_value_removes_its_lines_alone(path: str, lines: list[str]) -> None:
    """A mapping that loses its last field goes too; the comments of others stay."""
    assert changed(FILE, edit(clears=(path,))) == lines


def test_a_value_that_is_there_already_changes_nothing() -> None:
    """Also where it is written otherwise: 70 and 70.0 are one number."""
    text = FILE.replace("    args", "    autoscaling: {cpuUtilization: 70}\n    args")
    assert edit({"spec.memory.limit": "32Gi", "spec.autoscaling.cpuUtilization": 70.0}, text=text) == text


def test_true_is_not_one() -> None:
    """A value of another type is another value."""
    assert not is_same({"a": True}, {"a": 1})
    assert is_same({"a": [1, None]}, {"a": [1.0, None]})


def test_line_breaks_of_another_system_stay() -> None:
    """A file with CRLF gets its new lines with CRLF too."""
    text = FILE.replace("\n", "\r\n")
    after = edit({"spec.image": "a/b:1", "spec.memory.limit": "1Gi"}, text=text)
    assert after.count("\r\n") == after.count("\n") == text.count("\n") + 1


def test_a_file_without_a_last_line_break_is_edited_at_its_end() -> None:
    """A new last line is put behind the old one, and the old one is not joined with it."""
    text = "spec:\n  a: 1"
    assert edit({"spec.b": "x"}, text=text) == "spec:\n  a: 1\n  b: x"
    assert edit(clears=("spec.b",), text="spec:\n  a: 1\n  b: 2") == text


def test_an_empty_value_is_filled_on_its_line() -> None:
    """`cpu:` with nothing behind it takes a mapping or a text, and its comment stays."""
    text = "spec:\n  cpu:   # cores\n  b:\n"
    assert edit({"spec.cpu.limit": "8"}, text=text) == 'spec:\n  cpu:   # cores\n    limit: "8"\n  b:\n'
    assert edit({"spec.b": 1}, text=text) == "spec:\n  cpu:   # cores\n  b: 1\n"


def test_a_kept_text_block_keeps_its_empty_lines() -> None:
    """`|+` says that the empty lines behind it are text: a new key goes behind them."""
    text = "spec:\n  a: |+\n    x\n\n"
    after = edit({"spec.b": 1}, text=text)
    assert load_document(after, "f").data == {"spec": {"a": "x\n\n", "b": 1}}


@pytest.mark.parametrize(
    "word", ["yes", "No", "on", "null", "True", "~", "1e3", "007", "0x1f", "", " ", "a\nb", "💥", "-rf"]
)
def test_text_that_looks_like_something_else_is_quoted(word: str) -> None:
    """What is written is read back as the same text, here and by every YAML parser."""
    after = edit({"spec.image": word})
    assert load_document(after, "f").data["spec"]["image"] == word
    assert f"image: {json.dumps(word, ensure_ascii=False)}\n" in after


def test_a_patch_below_a_scalar_replaces_it() -> None:
    """The result is then judged as a whole: a route is no mapping."""
    assert "route:\n" in edit({"spec.route.host": "x"})
    assert refused(apply, Patch({("spec", "route", "host"): "x"})).violations[0].path == "spec.route"


def test_clearing_a_required_field_is_refused_at_its_place() -> None:
    """Nothing is written, and the violation names the field and the line that it would be taken from."""
    error = refused(apply, Patch(clears=frozenset([("spec", "route")])))
    assert [(v.path, v.line, v.message) for v in error.violations] == [
        ("spec.route", 7, "the field 'route' is missing")
    ]


def test_a_file_that_is_no_mapping_is_refused() -> None:
    """A list or nothing at all cannot be patched."""
    for text in ("- a\n", "x\n", "a: [\n"):
        refused(edit_text, text, Patch({("a",): 1}))


def test_keys_with_a_question_mark_are_left_to_people() -> None:
    """A mapping in YAML's long form is not edited wrongly: it is edited right or refused."""
    text = "spec:\n  ? a\n  : 1\n  b: 2\n"
    for sets, clears in (({"spec.a": 2}, ()), ({}, ("spec.a",)), ({"spec.c": 1}, ())):
        try:
            after = edit(sets, clears, text)
        except InvalidInput:
            continue
        wanted = {"a": 1, "b": 2, **{key.split(".")[1]: value for key, value in sets.items()}}
        assert load_document(after, "f").data["spec"] == {k: v for k, v in wanted.items() if f"spec.{k}" not in clears}


@given(st.data())
def test_the_generated_files_say_what_was_written(data: st.DataObject) -> None:
    """The strategy that the properties rest on writes what it means."""
    text, meant = data.draw(documents())
    document = load_document(text, "f")
    assert (document.data, document.violations) == (meant, ())


@given(st.data())
def test_any_edit_of_any_file_says_what_was_wanted(data: st.DataObject) -> None:
    """Setting and clearing anything, anywhere that keys lead to, in every style."""
    text, meant = data.draw(documents())
    path = data.draw(st.sampled_from(paths_of(meant)))
    path = path[: data.draw(st.integers(0, len(path)))] + tuple(data.draw(st.lists(st.sampled_from(KEYS), max_size=2)))
    assume(path)
    clear = data.draw(st.booleans())
    patch = Patch(clears=frozenset([path])) if clear else Patch({path: data.draw(plain_data)})
    wanted = copy.deepcopy(meant)
    apply_patch(wanted, patch)
    assume(wanted)
    assert is_same(load_document(edit_text(text, patch), "f").data, wanted)


@given(st.data())
def test_any_number_of_edits_at_once_say_what_was_wanted(data: st.DataObject) -> None:
    """Values that stand side by side, in one empty mapping, or inside what another edit removes."""
    text, meant = data.draw(documents())
    known = paths_of(meant)
    near = st.builds(lambda path, key: (*path[:-1], key), st.sampled_from(known), st.sampled_from(KEYS))
    below = st.builds(lambda path, key: (*path, key), st.sampled_from(known), st.sampled_from(KEYS))
    paths = data.draw(st.lists(st.one_of(st.sampled_from(known), near, below), min_size=2, max_size=6, unique=True))
    sets = {path: data.draw(plain_data) for path in paths if data.draw(st.booleans())}
    patch = Patch(sets, frozenset(path for path in paths if path not in sets))
    wanted = copy.deepcopy(meant)
    apply_patch(wanted, patch)
    assume(wanted)
    assert is_same(load_document(edit_text(text, patch), "f").data, wanted)


@given(st.data())
def test_setting_one_scalar_changes_its_own_lines_alone(data: st.DataObject) -> None:
    """Every line before and after the value's own is the same, byte for byte."""
    text, meant = data.draw(documents())
    leaves = [path for path in paths_of(meant) if not isinstance(_at(meant, path), dict | list)]
    assume(leaves)
    path = data.draw(st.sampled_from(leaves))
    after = edit_text(text, Patch({path: data.draw(scalars)}))
    before_lines, after_lines = text.splitlines(keepends=True), after.splitlines(keepends=True)
    line = load_document(text, "f").place(path).line - 1
    assert before_lines[:line] == after_lines[:line]
    rest = len(after_lines) - line - 1
    assert rest == 0 or before_lines[-rest:] == after_lines[-rest:]
    assert len(before_lines) - len(after_lines) in (0, 1)


@given(st.data())
def test_setting_a_value_back_gives_the_same_data(data: st.DataObject) -> None:
    """An edit and its opposite leave what the file said."""
    text, meant = data.draw(documents())
    path = data.draw(st.sampled_from(paths_of(meant)))
    there = edit_text(text, Patch({path: data.draw(scalars)}))
    back = edit_text(there, Patch({path: _at(meant, path)}))
    assert is_same(load_document(back, "f").data, meant)


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        data = data[part]
    return data


def test_labels_point_at_the_right_line_after_an_edit() -> None:
    """Places are those of the edited text, not of the old one."""
    after = apply(Patch({("spec", "cpu", "limit"): "8"}), ENDPOINT)
    place = load_document(after, "f").place(("spec", "cpu", "limit"))
    assert after.splitlines()[place.line - 1][place.column - 1 :] == '"8"'
