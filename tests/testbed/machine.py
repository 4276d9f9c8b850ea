"""The machine as it was before tests were shut off from it.

Owns: the environment that builds and caches need, where the cache is, and what happens where something is not
installed. Refuses: installing anything; a skip names the one command that does.

It is imported with the fixtures, before `isolated_machine` hides the person's home and variables.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PG", "PYTEST_", "COV_"))
}
"""What a build may see: home, path, proxies and the settings of Go, but nobody's git or database."""

_REQUIRED = frozenset(os.environ.get("REVSTAMP_TESTBED_REQUIRED", "").split())


def cache_folder() -> Path:
    """Where binaries are kept between runs: `REVSTAMP_TESTBED_CACHE`, else the user's cache."""
    named = ENVIRONMENT.get("REVSTAMP_TESTBED_CACHE")
    if named:
        return Path(named)
    base = ENVIRONMENT.get("XDG_CACHE_HOME") or str(Path(ENVIRONMENT.get("HOME", "/tmp")) / ".cache")
    return Path(base) / "revstamp-testbed"


def skip_without(what: str, reason: str) -> NoReturn:
    """Skip the test, or fail it where `REVSTAMP_TESTBED_REQUIRED` names `what` (words apart by spaces).

    Continuous integration requires what it installed, so that a test which always ran does not fall silent.
    """
    if what in _REQUIRED:
        pytest.fail(f"{reason} (REVSTAMP_TESTBED_REQUIRED names {what})", pytrace=False)
    pytest.skip(reason)
