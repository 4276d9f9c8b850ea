"""Stamps outside of revstamp: digests that anybody can check, and merges that git must refuse."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from generator.errors import InvalidInput
from generator.render.stamp import (
    Stamp,
    StampedSet,
    manifests_digest,
    spec_digest,
)
from tests.render.test_pods import deployment, route, service
from tests.render.test_stamp import first, following


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")
def test_the_manifests_digest_is_what_sha256sum_says(tmp_path: Path) -> None:
    """Nobody needs revstamp to check it."""
    stamped = first(deployment(), service(), route())
    for name, text in stamped.files.items():
        (tmp_path / name).write_bytes(text.encode())
    command = "LC_ALL=C sha256sum * | sha256sum"
    output = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert stamped.stamp.manifests_digest == manifests_digest(stamped.files) == f"sha256:{output.split()[0]}"


def test_the_spec_digest_is_that_of_the_meaning() -> None:
    """Comments and the order of keys do not change it, types do."""
    assert spec_digest({"a": 1, "b": "ü"}) == spec_digest({"b": "ü", "a": 1})
    assert spec_digest({"a": 1}) != spec_digest({"a": "1"})
    assert spec_digest("\ud800").startswith("sha256:")


def run_git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, text=True)


def commit_stamped(folder: Path, branch: str, stamped: StampedSet) -> None:
    run_git(folder, "checkout", "-q", "-b", branch, "base")
    write_stamped(folder, stamped)
    assert run_git(folder, "commit", "-q", "-a", "-m", branch).returncode == 0


def write_stamped(folder: Path, stamped: StampedSet) -> None:
    for name, text in stamped.files.items():
        (folder / name).write_text(text)
    (folder / "stamp.yaml").write_text(stamped.stamp.to_yaml())


def with_request(stamped: StampedSet, request_id: str) -> StampedSet:
    return replace(stamped, stamp=replace(stamped.stamp, request_id=request_id))


@pytest.mark.parametrize("second", [{"restart": True}, {"scale": 5}, {"restart": True, "twice": True}])
def test_two_branches_that_both_redeploy_one_endpoint_conflict_in_git(tmp_path: Path, second: dict[str, Any]) -> None:
    """Otherwise two 8s would merge into one, and one of two redeploys would be lost without a word."""
    base = first(deployment(), service())
    run_git(tmp_path, "init", "-q", "-b", "base")
    write_stamped(tmp_path, base)
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "-q", "-m", "base")
    commit_stamped(tmp_path, "one", with_request(following(base, deployment(), service(), restart=True), "req-one"))
    body = deployment(second.get("scale", 3))
    other = following(base, body, service(), restart="restart" in second)
    if "twice" in second:
        other = following(other, body, service(), restart=True)
    commit_stamped(tmp_path, "other", with_request(other, "req-other"))
    merge = run_git(tmp_path, "merge", "one")
    assert merge.returncode != 0
    assert "stamp.yaml" in run_git(tmp_path, "diff", "--name-only", "--diff-filter=U").stdout
    with pytest.raises(InvalidInput, match="conflict markers"):
        Stamp.parse((tmp_path / "stamp.yaml").read_bytes(), "stamp.yaml")
