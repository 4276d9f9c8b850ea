"""What stands around the code: make targets, the lock, continuous integration, the words that files may hold."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import __version__

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+?)(?: ;.*)? \\$", re.MULTILINE)

# Each pattern says what must not be in a file of the repository, spelled so that it does not match itself.
FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w.])/(?:work|opt/wheels|home/\w+)[/]",
    "a folder beside the repository": r"[.][.]/(?:shared|seeds)\b",
    "the number of a ticket": r"(?i)\bissues?[ /]#?\d",
    "how the work was organised": r"(?i)\b(?:this|next|previous|earlier|later|another|parallel|helper)\s+session\b",
    "a package registry": r"(?i)pypi[.]org|files[.]pythonhosted|proxy[.]golang|registry[.]npmjs|sum[.]golang",
    "a way to another registry": r"(?<!no-emit)--(?:extra-)?index[-]url|--find[-]links|PIP_FIND[_]LINKS",
    "an unfinished thought": r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b",
}


@cache
def repository_files() -> tuple[Path, ...]:
    """All text files that git holds or would add."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.check_output(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT
    )
    paths = (ROOT / os.fsdecode(name) for name in names.split(b"\0") if name)
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


def read(name: str) -> str:
    """A file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads(read("pyproject.toml"))


def make_targets() -> set[str]:
    """What the Makefile can make."""
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


def pins(lock: str) -> dict[str, str]:
    """Package → version of one lock file."""
    return dict(PINNED.findall(read(lock)))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_mentions(what: str) -> None:
    """What belongs to a person, a machine or a registry has no place in the repository."""
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        lines = enumerate(text.splitlines(), 1)
        found += [f"{path.relative_to(ROOT)}:{n}: {line.strip()[:100]}" for n, line in lines if pattern.search(line)]
    assert not found, f"{what}:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "text",
    ["see ../" + "shared/x", "iss" + "ue #3", "/wo" + "rk/main", "https://py" + "pi.org/simple", "--index" + "-url x"],
)
def test_the_patterns_find_what_they_look_for(text: str) -> None:
    """A search that finds nothing must be able to find something."""
    assert any(re.search(pattern, text) for pattern in FORBIDDEN.values())


@pytest.mark.parametrize(
    "text", ['scope="session"', "an HTTP session", "the issue is", "network/3", "--no-emit-index-url"]
)
def test_the_patterns_leave_ordinary_words_alone(text: str) -> None:
    """A word is not forbidden for looking like one that is."""
    assert not any(re.search(pattern, text) for pattern in FORBIDDEN.values())


def test_text_files_end_lines_with_lf_and_end_with_one() -> None:
    """Bytes are compared and digested, so line endings never vary."""
    suffixes = {".py", ".md", ".toml", ".yaml", ".yml", ".j2", ".lock", ".json"}
    for path in repository_files():
        if path.suffix in suffixes and not {"golden", "cases"} & set(path.parts) and path.stat().st_size:
            content = path.read_bytes()
            assert b"\r" not in content, f"{path.relative_to(ROOT)} holds a carriage return"
            assert content.endswith(b"\n"), f"{path.relative_to(ROOT)} does not end with a line feed"


def test_every_make_command_in_the_documents_is_in_the_makefile() -> None:
    """A person who copies a command from a document gets what it says."""
    targets = make_targets()
    assert {"help", "demo", "test", "lint", "bench", "soak", "golden", "lock", "clean"} <= targets
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        named = re.findall(r"`make ([a-z]+)[^`]*`", text) + re.findall(r"^\$ make ([a-z]+)", text, re.MULTILINE)
        assert set(named) <= targets, f"{path.name} names {sorted(set(named) - targets)}"


def test_the_readme_names_both_commands_of_a_fresh_machine() -> None:
    """`make demo` and `make test` are all that is needed."""
    text = read("README.md")
    assert "make demo" in text
    assert "make test" in text


def test_make_help_lists_every_target() -> None:
    """`make` alone says what there is."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    printed = subprocess.check_output(["make"], cwd=ROOT, text=True, env=environment)
    assert {line.split()[1] for line in printed.splitlines()} == make_targets()


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    """The message says what is needed, not where it broke."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.18" && exit 0\nexit 1\n')
    old.chmod(0o755)
    words = ["make", "demo", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "3.9.18" in done.stderr


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_pin_every_package_with_hashes_and_no_address(lock: str) -> None:
    """An installation gets the very files that were tested, from wherever the machine gets its packages."""
    text = read(lock)
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert len(blocks) == len(pins(lock)) > 10
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_locks_hold_every_dependency_and_agree() -> None:
    """What pyproject.toml asks for is pinned; what both files pin, they pin alike."""
    runtime, tools = (pins(lock) for lock in LOCKS)
    groups = project()["dependency-groups"]

    def names(items: list[Any]) -> set[str]:
        found = [re.match(r"[A-Za-z0-9._-]+", item) for item in items if isinstance(item, str)]
        return {match[0].lower().replace("_", "-").replace(".", "-") for match in found if match}

    def spelled(lock: dict[str, str]) -> set[str]:
        return {name.replace("_", "-").replace(".", "-") for name in lock}

    assert names(project()["project"]["dependencies"]) | names(groups["build"]) <= spelled(runtime)
    assert names(groups["dev"]) <= spelled(tools)
    assert {name: version for name, version in tools.items() if runtime.get(name, version) != version} == {}


def test_ci_run_is_a_strict_script_that_makes_test_and_demo() -> None:
    """It stops at the first failure, asks nothing, and runs what a person runs."""
    path = ROOT / ".ci/run"
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert "</dev/null" in text
    assert "make test" in text
    assert "make demo" in text
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_the_workflow_runs_ci_run_on_every_python_that_is_claimed() -> None:
    """Least permissions, one run per branch at a time, each version of the classifiers."""
    workflow = yaml.safe_load(read(".github/workflows/ci.yml"))
    job = workflow["jobs"]["test"]
    claimed = [item.rsplit(" ", 1)[1] for item in project()["project"]["classifiers"] if re.search(r":: 3\.\d+$", item)]
    assert job["strategy"]["matrix"]["python"] == claimed == ["3.11", "3.12", "3.13"]
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    assert job["steps"][-1]["run"] == ".ci/run"
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", use) for use in uses)


def test_the_changelog_opens_with_this_version() -> None:
    """Whoever installs a version finds what is in it."""
    versions = re.findall(r"^## \[?([\w.]+)", read("CHANGELOG.md"), re.MULTILINE)
    assert next(version for version in versions if version != "Unreleased") == __version__


def test_the_license_is_apache_2() -> None:
    """The text that pyproject.toml names."""
    assert project()["project"]["license"] == "Apache-2.0"
    text = read("LICENSE")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_example_pins_this_generator() -> None:
    """The example that travels with revstamp renders with it."""
    spec = yaml.safe_load(read("revstamp.yaml"))["spec"]
    assert spec["generator"] == __version__
