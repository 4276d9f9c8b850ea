"""What travels in the wheel, proven by installing it where nothing else of revstamp is."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.sweep

ROOT = Path(__file__).resolve().parent.parent
NAME = "wheel-probe"

ENDPOINT = f"""\
apiVersion: revstamp.io/v1
kind: Endpoint
metadata:
  name: {NAME}
spec:
  route: /llm/{NAME}
  model:
    name: probe
    version: "1"
    family: llama
    status: approved
    storageUri: s3://models/probe
  deployment:
    model_ref: probe-1
    model_family: llama
    job_type: SFT
    serve_target: GENERATION
    resources:
      gpus: 1
  replicas:
    min: 1
    max: 1
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the pinned build backend; no network is used."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("revstamp-*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds the wheel.

    Its dependencies are links to the packages of the environment that runs the tests, all but revstamp's own files,
    so that neither a network nor the checkout can stand in for what the wheel lacks.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "revstamp" not in entry.name.lower() and entry.name != "generator" and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry, target_is_directory=entry.is_dir())
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-cache-dir", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, cwd=folder, env=plain_environment())
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def plain_environment() -> dict[str, str]:
    """The environment of the tests without what would lead Python back to the checkout."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_", "COV_"))}


def run(program: Path, *words: str, cwd: Path) -> str:
    """What a program prints; an assertion with all it said where it fails."""
    done = subprocess.run([program, *words], capture_output=True, text=True, cwd=cwd, env=plain_environment())
    assert done.returncode == 0, f"{program.name} {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def test_the_wheel_ships_templates_environments_schemas_and_types(wheel: Path) -> None:
    """Every template and example file of the checkout is in it, and no test."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for top in ("templates", "environments"):
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / top).rglob("*") if path.is_file()}
        assert files
        assert {f"generator/_shipped/{name}" for name in files} <= names
    schemas = {path.relative_to(ROOT).as_posix() for path in (ROOT / "generator/render/schemas").glob("*.json")}
    assert schemas
    assert {*schemas, "generator/py.typed", "generator/_shipped/revstamp.yaml"} <= names
    assert not [name for name in names if name.startswith(("tests/", "docs/")) or name.endswith(".pyc")]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_an_installed_wheel_makes_a_repository_and_renders_from_its_own_templates(
    installed: Path, tmp_path: Path
) -> None:
    """From an empty folder to manifests, with nothing but what the wheel brought."""
    package = run(installed / "python", "-c", "import generator; print(generator.__file__)", cwd=tmp_path).strip()
    assert package.startswith(str(installed.parent)), "the checkout was used, not the wheel"

    revstamp = installed / "revstamp"
    run(revstamp, "init", "gitops", cwd=tmp_path)
    repository = tmp_path / "gitops"
    assert (repository / "environments/dev/environment.yaml").is_file()
    file = repository / f"environments/dev/endpoints/{NAME}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(ENDPOINT, encoding="utf-8")
    printed = run(revstamp, "render", f"dev/{NAME}", cwd=repository)
    assert "kind: Deployment" in printed
    assert f"name: {NAME}" in printed


def test_an_installed_wheel_renders_the_example_endpoints_that_it_ships(installed: Path, tmp_path: Path) -> None:
    """`init --example` brings endpoints along, and each of them renders."""
    revstamp = installed / "revstamp"
    run(revstamp, "init", "--example", "gitops", cwd=tmp_path)
    repository = tmp_path / "gitops"
    files = sorted((repository / "environments").glob("*/endpoints/**/*.yaml"))
    assert files, "the wheel ships no example endpoint"
    rendered = [
        run(revstamp, "render", f"{path.parts[len(repository.parts) + 1]}/{path.stem}", cwd=repository)
        for path in files
    ]
    assert any("kind:" in text for text in rendered)
