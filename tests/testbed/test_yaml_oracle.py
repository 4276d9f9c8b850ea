"""The oracle is built once, by whoever comes first, and found again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.machine import ENVIRONMENT
from tests.testbed.yaml_oracle import MISSING, YamlOracle, find_oracle

pytestmark = pytest.mark.testbed

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that nobody has built into."""
    monkeypatch.setitem(ENVIRONMENT, "REVSTAMP_TESTBED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_two_builders_at_once_end_with_one_program(yaml_oracle: YamlOracle, empty_cache: Path) -> None:
    """Workers start together; none may find half a program."""
    if shutil.which("go", path=ENVIRONMENT["PATH"]) is None:
        pytest.skip(MISSING)
    script = "from tests.testbed.yaml_oracle import *; print(YamlOracle(find_oracle()).read('a: y').data)"
    builders = [
        subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [builder.communicate()[0] for builder in builders] == ["{'a': True}\n"] * 2
    assert len([path for path in empty_cache.iterdir() if not path.name.startswith(".")]) == 1


def test_a_program_in_the_cache_needs_no_go(
    yaml_oracle: YamlOracle, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine may be given the cache alone; without both, the reason says what to get."""
    monkeypatch.setitem(ENVIRONMENT, "PATH", os.devnull)
    assert find_oracle() is None
    assert "apt-get install golang" in MISSING
    empty_cache.mkdir()
    shutil.copy(yaml_oracle.program, empty_cache)
    assert find_oracle() == empty_cache / yaml_oracle.program.name


def test_the_oracle_answers_in_order_whatever_the_length(yaml_oracle: YamlOracle) -> None:
    """Long and short documents, good and bad ones."""
    documents = ["a: 1", "b: " + "x" * 200_000, "a: [", "c: 3"]
    readings = [yaml_oracle.read(document) for document in documents]
    assert [bool(reading.error) for reading in readings] == [False, False, True, False]
    assert (readings[0].data, len(readings[1].data["b"]), readings[3].data) == ({"a": 1}, 200_000, {"c": 3})
