"""What can go wrong in the testbed.

Owns: the errors, each with a hint for what to do next. Refuses: the product's errors; those are `generator.errors`.

    TestbedError
    ├── Missing          a program is neither there nor buildable: the tests that need it are skipped
    ├── BuildFailed      go said no; holds the end of what it printed
    └── ClusterFailed    a program of the cluster did not start; holds the end of its log
"""

from __future__ import annotations

GET_IT = "make testbed"


class TestbedError(Exception):
    """The root. `hint` says what to do next."""

    __test__ = False  # the name starts as a test class's does

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class Missing(TestbedError):
    """A program that is not there and may not or cannot be built here."""


class BuildFailed(TestbedError):
    """A build that ended with an error."""


class ClusterFailed(TestbedError):
    """A cluster that did not come up."""
