"""A small GitOps repository with every kind of endpoint, made by the commands that people use.

Owns: its endpoint files and how it is made. Refuses: asserting anything.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from generator.cli.main import run

CHAT = """\
apiVersion: revstamp.io/v1
kind: Endpoint
metadata:
  name: chat
  owner: nlp
spec:
  route: /llm/chat
  model:
    name: llama-chat
    version: "1.0"
    family: llama
    storageUri: s3://models/llama-chat/1.0
    metadata:
      job_type: SFT
      max_position_embeddings: 131072
  deployment:
    resources:
      gpus: 1
  replicas:
    min: 2
    max: 4
  memory:
    limit: 48Gi
"""
SEARCH = CHAT.replace("name: chat\n", "name: search\n").replace("/llm/chat", "/llm/search").replace("min: 2", "min: 1")
ENDPOINTS = {
    "prod/chat": CHAT,
    "prod/search": SEARCH + "  framework: kserve\n",
    "dev/chat": CHAT.replace("min: 2\n    max: 4", "min: 0\n    max: 0"),
    "dev/outside": CHAT.replace("name: chat\n", "name: outside\n")
    .replace("/llm/chat", "/llm/outside")
    .replace('version: "1.0"', 'version: "1.0"\n    type: external'),
    "dev/draft": CHAT.replace("name: chat\n", "name: draft\n")
    .replace("/llm/chat", "/llm/draft")
    .replace('version: "1.0"', 'version: "1.0"\n    status: draft'),
    "dev/untyped": CHAT.replace("name: chat\n", "name: untyped\n")
    .replace("/llm/chat", "/llm/untyped")
    .replace("      job_type: SFT\n", ""),
}
"""Two that run, a stopped one, an external one, one that is not approved, and one without a job type."""


def make_repository(root: Path) -> Path:
    """The repository with everything committed by `revstamp commit`."""
    assert run(["init", str(root)]) == 0
    for place, text in ENDPOINTS.items():
        environment, name = place.split("/")
        write_endpoint(root, environment, name, text)
    assert run(["-C", str(root), "commit", "-m", "first"]) == 0
    return root


def copy_repository(source: Path, target: Path) -> Path:
    """A repository of its own with the same commits; quicker than making one."""
    shutil.copytree(source, target)
    return target


def write_endpoint(root: Path, environment: str, name: str, text: str) -> Path:
    """Put an endpoint file into the work tree."""
    path = root / "environments" / environment / "endpoints" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def find_generated(root: Path, kind: str, environment: str, name: str) -> Path:
    """The endpoint's manifests folder or stamp file."""
    return next((root / "environments" / environment / kind).glob(f"*/{name}"))


def git(root: Path, *arguments: str) -> str:
    """Run git in the repository, as a person would; its answer."""
    answer = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return answer.stdout.strip()


def commit_by_hand(root: Path, message: str = "by hand") -> str:
    """Commit everything without revstamp."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)
    return git(root, "rev-parse", "HEAD")
