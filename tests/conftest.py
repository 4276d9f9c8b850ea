"""What all tests share: an isolated git, `--update-golden`, the markers that are asked for, hypothesis' profiles.

Owns: what reaches a test from the machine that runs it. Refuses: fixtures of one room; those stand beside its tests.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

GIT_CONFIG = """\
[user]
\tname = Test Person
\temail = test@example.org
[init]
\tdefaultBranch = main
[commit]
\tgpgSign = false
[tag]
\tgpgSign = false
[protocol "file"]
\tallow = always
[advice]
\tdetachedHead = false
[gc]
\tauto = 0
"""


ASKED_FOR = ("soak", "sweep", "testbed", "cluster", "browser")
"""Markers of tests that run only where somebody asks with `-m`; `make test` asks for all but `soak`."""

pytest_plugins = [
    f"tests.testbed.fixtures.{path.stem}"
    for path in sorted((Path(__file__).parent / "testbed/fixtures").glob("[a-z]*.py"))
]
"""One file of fixtures for each service of the testbed."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest --update-golden` writes the golden trees anew instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew; read the diff in git")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`pytest` alone leaves out what takes long or needs more than git; any `-m` is taken as it is given."""
    if config.getoption("-m"):
        return
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in ASKED_FOR)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        kept = set(items) - set(left_out)
        items[:] = [item for item in items if item in kept]


@pytest.fixture(scope="session", autouse=True)
def isolated_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No git configuration, settings, colours or credentials of the machine's user reach a test.

    Each xdist worker is a process that makes its own home.
    """
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith(("GIT_", "REVSTAMP_", "XDG_")) or name in ("NO_COLOR", "FORCE_COLOR", "EMAIL", "COLUMNS"):
            patch.delenv(name)
    patch.setenv("HOME", str(home))
    patch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    patch.setenv("GIT_TERMINAL_PROMPT", "0")
    patch.setenv("LC_ALL", "C.UTF-8")
    yield
    patch.undo()


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def golden_tree(update_golden: bool) -> Callable[[Path, Mapping[str, str]], None]:
    """Compares files with a golden folder, as a diff; or, with `--update-golden`, makes the folder hold just them."""

    def check(folder: Path, files: Mapping[str, str]) -> None:
        if update_golden:
            _write_tree(folder, files)
        golden = read_tree(folder)
        difference = [
            line
            for name in sorted({*golden, *files})
            for line in difflib.unified_diff(
                golden.get(name, "").splitlines(),
                files.get(name, "").splitlines(),
                f"golden/{name}",
                f"now/{name}",
                lineterm="",
            )
        ]
        assert golden == dict(files), "\n".join([f"{folder} differs; `make golden` accepts it:", *difference])

    return check


def read_tree(folder: Path) -> dict[str, str]:
    """All files below a folder, by their path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _write_tree(folder: Path, files: Mapping[str, str]) -> None:
    for name in set(read_tree(folder)) - set(files):
        (folder / name).unlink()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
