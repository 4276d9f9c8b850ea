"""The schemas that rendering checks against are those of a real server, made anew by the script beside them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.catalogue import DEFAULT_KSERVE, KSERVE
from tests.testbed.fixtures.kserve_versions import ClusterWith

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "generator" / "render" / "schemas"
RELEASES = {"0.15": "0.15.2", "0.16": "0.16.0", "0.17": "0.17.0", "0.20": "0.20.0"}


@pytest.mark.parametrize(
    "version",
    [pytest.param(each, marks=() if each == DEFAULT_KSERVE else (pytest.mark.soak,)) for each in KSERVE],
)
def test_the_shipped_schemas_are_what_the_server_of_that_version_says(
    cluster_with: ClusterWith, version: str, tmp_path: Path
) -> None:
    """Kubernetes, KServe and Gateway API: not a byte differs."""
    made = tmp_path / "schemas"
    shutil.copytree(SHIPPED, made)
    command = [sys.executable, str(ROOT / "scripts" / "generate_schemas.py"), "--server", ""]
    command += ["--kubeconfig", str(cluster_with(version).kubeconfig), "--output", str(made)]
    command += ["--kserve", RELEASES[version], "--gateway-api", "1.7.0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_text("utf-8") for path in made.iterdir()} == {
        path.name: path.read_text("utf-8") for path in SHIPPED.iterdir()
    }


def test_the_versions_compared_are_those_of_the_testbed() -> None:
    """A version that is added there is compared here."""
    assert set(RELEASES) == set(KSERVE)
