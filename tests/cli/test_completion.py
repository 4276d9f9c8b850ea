"""Shell completion: the scripts, and what is offered while somebody types."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generator.cli.main import run
from tests.fleet_repository import make_repository


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that no test changes."""
    return make_repository(tmp_path_factory.mktemp("completion") / "gitops")


def offered(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What bash would be told for the last word."""
    monkeypatch.chdir(root)
    monkeypatch.setenv("_REVSTAMP_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(("revstamp", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        run([])
    assert ended.value.code == 0
    return [line.partition(",")[2] for line in capsys.readouterr().out.split("\n") if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_accepts_its_script(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Parsed by the shell itself where there is one."""
    capsys.readouterr()
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_REVSTAMP_COMPLETE" in script
    if shutil.which(shell):
        file = tmp_path / "script"
        file.write_text(script)
        subprocess.run([shell, "-n", str(file)], check=True)
    assert run(["completion", shell, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["script"] == script.rstrip("\n") + "\n"


def test_another_shell_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2."""
    assert run(["completion", "tcsh"]) == 2


def test_endpoints_are_offered_by_both_names(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`environment/name`, and the bare name once."""
    assert offered(made, capsys, monkeypatch, "explain", "prod/") == ["prod/chat", "prod/search"]
    assert offered(made, capsys, monkeypatch, "explain", "chat") == ["chat"]
    assert offered(made, capsys, monkeypatch, "verify", "HEAD", "dev/d") == ["dev/draft"]


def test_environments_are_offered(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have a file."""
    (made / "environments" / "empty").mkdir(exist_ok=True)
    assert offered(made, capsys, monkeypatch, "environments", "") == ["dev", "prod", "stg"]


def test_the_repository_option_and_folders_below_are_heeded(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-C` from elsewhere, and a folder inside of the clone."""
    assert offered(tmp_path, capsys, monkeypatch, "-C", str(made), "explain", "prod/s") == ["prod/search"]
    assert offered(made / "environments/prod", capsys, monkeypatch, "explain", "prod/s") == ["prod/search"]


def test_outside_of_a_repository_nothing_is_offered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is said, for it would stand in the middle of somebody's line."""
    assert offered(tmp_path, capsys, monkeypatch, "explain", "") == []


def test_sharded_endpoint_folders_are_looked_into(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files only; nothing is parsed."""
    (tmp_path / "revstamp.yaml").write_text("")
    folder = tmp_path / "environments/prod/endpoints/0a"
    folder.mkdir(parents=True)
    (tmp_path / "environments/prod/environment.yaml").write_text("")
    (folder / "deep.yaml").write_text("not: [yaml")
    assert offered(tmp_path, capsys, monkeypatch, "explain", "prod/") == ["prod/deep"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_real_bash_completes_an_endpoint(made: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The script, the command and the names together."""
    capsys.readouterr()
    assert run(["completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    command = Path(sys.executable).with_name("revstamp")
    if not command.exists():
        pytest.skip("revstamp is not installed beside this Python")
    lines = (
        f"cd {made}; PATH={command.parent}:$PATH; source {script}; "
        'COMP_WORDS=(revstamp explain prod/s) COMP_CWORD=2; _revstamp_completion revstamp; echo "${COMPREPLY[@]}"'
    )
    answer = subprocess.run(["bash", "--norc", "-c", lines], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["prod/search"]
