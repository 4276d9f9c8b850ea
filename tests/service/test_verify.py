"""What `verify` says about files that differ, and how its results become one verdict."""

from __future__ import annotations

import pytest

from generator.errors import CheckFailed, NotReproducible, Violation
from generator.service.fleet import EndpointRef
from generator.service.verify import require_verified
from generator.service.verify_stamped import State, VerifiedEndpoint, compare_files

WORDS = ("edited", "added", "removed")


def result(state: State, name: str = "chat", command: str = "") -> VerifiedEndpoint:
    """One endpoint's result."""
    found = (Violation("was edited", file=f"{name}.yaml"),) if state == "failed" else ()
    return VerifiedEndpoint(EndpointRef("prod", name), state, 1, "0.1.0", found, "rendered elsewhere", command)


@pytest.mark.parametrize(
    ("right", "there", "expected"),
    [
        ({"a": b"1\n2\n"}, {"a": b"1\n2\n"}, []),
        ({"a": b"1\n2\n"}, {"a": b"1\n3\n"}, [("a", "edited", 2)]),
        ({"a": b"1\n"}, {"a": b"1\n2\n"}, [("a", "edited", 2)]),
        ({"a": b"1\n2\n"}, {"a": b"1\r\n2\n"}, [("a", "edited", 1)]),
        ({"a": b"1"}, {}, [("a", "removed", 0)]),
        ({}, {"b": b"1"}, [("b", "added", 0)]),
    ],
)
def test_the_first_line_that_differs_is_named(
    right: dict[str, bytes], there: dict[str, bytes], expected: list[tuple[str, str, int]]
) -> None:
    """Edited, added and removed are told apart."""
    assert list(compare_files(right, there, WORDS)) == expected


def test_nothing_wrong_is_no_error() -> None:
    """Deleted ones and those without a rendering are right as they are."""
    require_verified([result("verified"), result("deleted"), result("not rendered")], "HEAD")
    require_verified([], "HEAD")


def test_a_failure_outweighs_what_cannot_be_compared() -> None:
    """Exit code 1, with the violations of all that failed."""
    with pytest.raises(CheckFailed) as caught:
        require_verified([result("digest only", "one"), result("failed", "two"), result("failed", "three")], "HEAD")
    assert [violation.file for violation in caught.value.violations] == ["two.yaml", "three.yaml"]


def test_each_command_that_could_compare_is_handed_on() -> None:
    """The first in the hint, all in the details."""
    results = [result("digest only", name, f"revstamp verify {name}") for name in ("one", "two")]
    with pytest.raises(NotReproducible) as caught:
        require_verified(results, "HEAD")
    assert "revstamp verify one" in caught.value.hint
    assert caught.value.details["commands"] == ["revstamp verify one", "revstamp verify two"]
