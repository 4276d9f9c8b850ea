"""The steps of a reusable workflow, run in order on this machine as a forge's runner would.

Owns: checkout, expressions, shell, the environment of a step, and what happens after one that fails. Refuses: actions
(`uses`) but for the checkout, and asserting. Only plain names are resolved in expressions, which is all that the
workflows use: one with a function or an operator fails the test.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.fleet_repository import git

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = ROOT / ".github/workflows"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_NAME = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)+")


@dataclass(frozen=True)
class StepResult:
    """One step that ran: its exit code and all that it printed."""

    name: str
    code: int
    output: str


@dataclass(frozen=True)
class JobResult:
    """The steps that ran, and the files that would have been kept."""

    steps: tuple[StepResult, ...]
    artifacts: Mapping[str, Path] = field(default_factory=dict)

    @property
    def failed(self) -> StepResult | None:
        """The first step that failed, which decides about the job."""
        return next((step for step in self.steps if step.code), None)

    @property
    def names(self) -> list[str]:
        """The steps that ran, by their names."""
        return [step.name for step in self.steps]

    def check(self) -> JobResult:
        """The result itself, of a job that must succeed."""
        assert self.failed is None, f"{self.failed.name}: {self.failed.code}\n{self.failed.output}"
        return self


@dataclass(frozen=True)
class Job:
    """A call of a workflow: what it is given, what the forge says of itself, the checkout, a folder for its files."""

    workflow: str
    checkout: Path
    temp: Path
    inputs: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    github: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> JobResult:
        """Run all steps; after one that fails only those that always run."""
        body = yaml.safe_load((WORKFLOWS / self.workflow).read_text(encoding="utf-8"))
        (job,) = body["jobs"].values()
        names = self._names(body[True]["workflow_call"])
        steps: list[StepResult] = []
        artifacts: dict[str, Path] = {}
        for step in job["steps"]:
            failed = any(done.code for done in steps)
            condition = step.get("if", "success()")
            assert condition in ("success()", "always()"), condition
            if failed and condition != "always()":
                continue
            if "run" in step:
                steps.append(self._run_step(step, names))
            elif step["uses"].startswith("actions/upload-artifact@"):
                given = step["with"]
                artifacts[given["name"]] = Path(resolve(given["path"], names))
        return JobResult(tuple(steps), artifacts)

    def _names(self, call: Mapping[str, Any]) -> dict[str, Any]:
        inputs = {name: given.get("default") for name, given in call["inputs"].items()} | dict(self.inputs)
        missing = [name for name, given in call["inputs"].items() if given.get("required") and inputs[name] is None]
        unknown = [
            *(self.inputs.keys() - call["inputs"].keys()),
            *(self.secrets.keys() - call.get("secrets", {}).keys()),
        ]
        assert not missing and not unknown, f"{self.workflow}: {missing} are missing, {unknown} are unknown"  # noqa: PT018
        return {
            "inputs": inputs,
            "secrets": dict(self.secrets),
            "github": dict(self.github),
            "runner": {"temp": str(self.temp)},
        }

    def _run_step(self, step: Mapping[str, Any], names: Mapping[str, Any]) -> StepResult:
        assert "${{" not in step["run"], f"{step['name']}: an expression in a script is open to injection"
        script = self.temp / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        own = {name: resolve(str(text), names) for name, text in (step.get("env") or {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.checkout,
            env={**runner_environment(self.temp), **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return StepResult(step["name"], done.returncode, done.stdout)


def runner_environment(temp: Path) -> dict[str, str]:
    """What a fresh runner has: a path with Python and git, an empty home, no settings of revstamp, no network for pip.

    The command is that of the environment which runs the tests, with the package of this checkout.
    """
    home = temp / "home"
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "CI": "true",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTHONPATH": str(ROOT),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def resolve(text: str, names: Mapping[str, Any]) -> str:
    """A text with its expressions resolved."""

    def find(match: re.Match[str]) -> str:
        expression = match[1]
        assert _NAME.fullmatch(expression), f"{expression!r} is more than a name"
        value: Any = names
        for part in expression.split("."):
            value = value[part]
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return _EXPRESSION.sub(find, text)


def check_out(remote: str, folder: Path, ref: str) -> Path:
    """A clean checkout as `actions/checkout` makes it: all branches, `ref` detached, no identity."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "remote", "add", "origin", remote)
    git(folder, "fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    git(folder, "fetch", "--quiet", "origin", f"+{ref}:refs/remotes/job")
    git(folder, "checkout", "--quiet", "--detach", "refs/remotes/job")
    return folder
