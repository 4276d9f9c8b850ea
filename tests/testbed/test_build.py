"""Building into the cache: once, by one builder, all or nothing, and with a reason where it cannot be.

A script plays Go here; the cluster's own tests run what the real one has built.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.testbed import cache, catalogue
from tests.testbed.binaries import find_module
from tests.testbed.build import build_modules, go_version
from tests.testbed.catalogue import Command, Module
from tests.testbed.errors import BuildFailed, Missing
from tests.testbed.progress import Progress
from tests.testbed.settings import Settings

MODULE = Module("played", "example.com/played", (Command("one", "example.com/played/one"),))
GO = """#!/bin/sh
case "$1" in
env) echo {version} | tr " " "\\n" ;;
build)
    echo build >> "$CALLS"
    echo "example.com/played/part" >&2
    {body}
    ;;
esac
"""
GOOD = 'while [ "$1" != -o ]; do shift; done; sleep 0.3; echo program > "$2"'

PlayGo = Callable[..., Settings]


@pytest.fixture
def play_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayGo:
    """Settings with a Go that does what is given; without, there is no Go."""
    folder = tmp_path / "modules" / MODULE.name
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module played\n\nrequire example.com/played v1.2.3\n")
    (folder / "go.sum").write_text("")
    monkeypatch.setattr(catalogue, "MODULES", tmp_path / "modules")
    programs = tmp_path / "programs"
    programs.mkdir()

    def play(body: str, version: str = "go1.26.8 local") -> Settings:
        if body:
            (programs / "go").write_text(GO.replace("{body}", body).replace("{version}", version))
            (programs / "go").chmod(0o755)
        path = f"{programs}:/usr/bin:/bin" if body else str(programs)
        environment = {"PATH": path, "CALLS": str(tmp_path / "calls")}
        return Settings(environment, None, None, tmp_path / "cache", may_build=True)

    return play


def test_a_module_is_built_once(play_go: PlayGo, tmp_path: Path) -> None:
    """The second time it comes from the cache."""
    settings = play_go(GOOD)
    (first,) = build_modules([MODULE], settings)
    assert build_modules([MODULE], settings) == [first]
    assert (first / "bin/one").read_text() == "program\n"
    assert (tmp_path / "calls").read_text().count("build") == 1


def test_two_builders_at_once_build_once(play_go: PlayGo, tmp_path: Path) -> None:
    """The second waits for the first and finds what it has built."""
    settings = play_go(GOOD)
    found: list[Path] = []
    builders = [threading.Thread(target=lambda: found.extend(build_modules([MODULE], settings))) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert len(found) == 2
    assert len(set(found)) == 1
    assert (tmp_path / "calls").read_text().count("build") == 1


def test_a_failing_build_shows_what_go_said_and_leaves_nothing(play_go: PlayGo) -> None:
    """The next one starts afresh."""
    settings = play_go("echo 'part.go:3: undefined: nothing' >&2; exit 1")
    with pytest.raises(BuildFailed, match="undefined: nothing"):
        build_modules([MODULE], settings)
    assert not [path for path in settings.cache.iterdir() if path.is_dir()]


def test_what_is_built_needs_no_go(play_go: PlayGo) -> None:
    """A warm cache is enough."""
    (built,) = build_modules([MODULE], play_go(GOOD))
    without = Settings({"PATH": ""}, None, None, built.parent, may_build=True)
    assert find_module(MODULE, without) == built


def test_without_go_the_reason_names_the_command(play_go: PlayGo) -> None:
    """As the skip of a test shows it."""
    with pytest.raises(Missing, match=r"is not installed; install it, then `make testbed"):
        find_module(MODULE, play_go(""))


def test_a_go_that_is_too_old_counts_where_it_may_fetch_a_newer_one(play_go: PlayGo) -> None:
    """As it does by itself, unless the machine's settings hold it to what is installed."""
    assert go_version(play_go(GOOD, "go1.24.1 auto")) == "1.24"
    assert go_version(play_go(GOOD, "go1.24.1 local")) is None


def test_a_build_may_be_forbidden(play_go: PlayGo) -> None:
    """REVSTAMP_TESTBED_BUILD=0: tests skip instead of building for minutes."""
    settings = play_go(GOOD)
    forbidden = Settings(settings.environment, None, None, settings.cache, may_build=False)
    with pytest.raises(Missing, match="make testbed"):
        find_module(MODULE, forbidden)


@pytest.mark.usefixtures("play_go")
def test_whatever_decides_the_content_is_in_the_name() -> None:
    """Sums, flags and Go's version."""
    before = cache.folder_name(MODULE, "1.26")
    assert before != cache.folder_name(MODULE, "1.27")
    assert before != cache.folder_name(Module(MODULE.name, MODULE.path, MODULE.commands, tags="sqlite"), "1.26")
    (MODULE.folder / "go.sum").write_text("changed\n")
    assert before != cache.folder_name(MODULE, "1.26")


def test_stale_builds_are_removed_and_others_things_kept(tmp_path: Path) -> None:
    """The cache is shared with other parts of the testbed."""
    for name in ("etcd-000000000000-linux-amd64-go1.26", ".etcd-000000000000-linux.1", "yaml-oracle-1"):
        (tmp_path / name).mkdir()
    kept = tmp_path / cache.folder_name(catalogue.ETCD, "1.26")
    kept.mkdir()
    assert len(cache.remove_stale(tmp_path)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([kept.name, "yaml-oracle-1"])


def test_progress_says_which_step_of_how_many() -> None:
    """And how long it took."""
    stream = io.StringIO()
    progress = Progress(2, stream)
    progress.start("building one")
    progress.finish()
    progress.start("building two")
    assert stream.getvalue().splitlines() == [
        "[1/2] building one …",
        "[1/2] building one: done, 0 s",
        "[2/2] building two …",
    ]


@pytest.mark.parametrize("module", catalogue.ALL.values(), ids=list(catalogue.ALL))
def test_each_module_is_pinned(module: Module) -> None:
    """Its version's sum is in go.sum, so that what is fetched is what was tried."""
    assert f"{module.path} {module.version} h1:" in (module.folder / "go.sum").read_text(encoding="utf-8")
