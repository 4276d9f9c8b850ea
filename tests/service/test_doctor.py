"""Findings: how errors and cases become lines, and what the machine must have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from generator.errors import GitError, InvalidInput, Violation
from generator.gitops.process import GitOutput
from generator.service import doctor
from generator.service.finding import Finding, guard, judge_cases


def test_an_error_in_a_check_is_a_finding() -> None:
    """The checks after it are still made."""

    def find() -> Iterator[Finding]:
        yield Finding("remote", "ok", "first")
        raise GitError("no answer", hint="wait")

    found = list(guard("remote", find))
    assert [one.verdict for one in found] == ["ok", "failure"]
    assert found[1].fix == "wait"


def test_violations_are_the_details_of_a_finding() -> None:
    """Each with its place."""

    def find() -> Iterator[Finding]:
        raise InvalidInput("wrong", violations=[Violation("is wrong", file="a.yaml", line=3, column=1)])
        yield

    assert next(iter(guard("files", find))).details == ("a.yaml:3:1: is wrong",)


def test_no_cases_are_right_and_some_are_counted() -> None:
    """One line either way."""
    assert judge_cases("x", "failure", [], "are wrong", "mend", "fine") == Finding("x", "ok", "fine")
    assert judge_cases("x", "failure", ["a", "b"], "are wrong", "mend", "fine").message == "2 are wrong"


@pytest.mark.parametrize(("version", "verdict"), [((3, 10, 9), "failure"), ((3, 11, 0), "ok"), ((4, 0, 0), "ok")])
def test_python_must_be_new_enough(version: tuple[int, ...], verdict: str) -> None:
    """As the package asks for."""
    assert doctor._check_python(version).verdict == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("git version 2.33.1", "failure"),
        ("git version 2.34.1", "ok"),
        ("git version 2.39.5 (Apple Git-154)", "ok"),
        ("git version 3.0.0", "ok"),
        ("what", "failure"),
    ],
)
def test_git_must_be_new_enough(text: str, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vendors put words behind the number."""
    monkeypatch.setattr(doctor, "run_git", lambda *_, **__: GitOutput(0, text.encode(), ""))
    assert next(doctor._check_git()).verdict == verdict


@pytest.mark.parametrize(
    ("ahead", "behind", "verdict"), [(0, 0, "ok"), (1, 0, "warning"), (0, 1, "warning"), (1, 1, "failure")]
)
def test_only_a_branch_that_diverged_stands_in_the_way(ahead: int, behind: int, verdict: str) -> None:
    """The others follow by themselves."""
    assert doctor._say_distance("origin main", ahead, behind).verdict == verdict
