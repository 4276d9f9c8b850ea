"""A process that ends at any step of a commit leaves a clone that the next run continues."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).parents[2]
CASES = [(where, when) for where in ("local", "remote") for when in ("before", "after")]


def sweep_all(folder: Path, stride: int) -> None:
    """Four sweeps side by side; each checks its own repositories."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = str(ROOT / "tests/gitops/crash_sweep.py")
    running = [
        subprocess.Popen(
            [sys.executable, script, str(folder / f"{where}-{when}"), where, when, str(stride)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for where, when in CASES
    ]
    for process, case in zip(running, CASES, strict=True):
        stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, (case, stderr)
        assert int(stdout) > 20, case


def test_nothing_is_lost_and_nothing_done_twice_after_a_crash(tmp_path: Path) -> None:
    sweep_all(tmp_path, stride=7)


@pytest.mark.soak
def test_nothing_is_lost_and_nothing_done_twice_after_a_crash_at_each_step(tmp_path: Path) -> None:
    sweep_all(tmp_path, stride=1)
