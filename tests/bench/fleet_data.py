"""Endpoints to measure with: varied as in a real fleet, the same in every run.

Owns: endpoint files by number, the repository files around them, and repositories of any size. Refuses: measuring.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from uuid import UUID

from generator.service.fleet import EndpointRef, Fleet
from generator.service.initialise import InitRequest, first_files
from generator.service.layout import Layout
from generator.service.plan import PlanRequest, plan_change
from generator.service.tree import OverlayTree
from generator.spec.names import endpoint_name
from tests.bench.harness import run, tell

ENVIRONMENT = "prod"
PATTERNS = 40
"""Different endpoints that a large repository repeats under other names."""

_SPECS: tuple[Mapping[str, Any], ...] = (
    {"deployment": {"resources": {"gpus": 1}}},
    {"deployment": {"resources": {"gpus": 2, "gpu_memory_gb": 80}}, "autoscaling": {"cpuUtilization": 70}},
    {"deployment": {"resources": {"gpus": 0}, "use_gpu": False}},
    {"deployment": {"resources": {"gpus": 1}, "job_type": "RAG_TUNING", "serve_target": "RAG"}},
    {"deployment": {"resources": {"gpus": 1}}, "server": "tgi"},
    {"deployment": {"resources": {"gpus": 4, "gpu_memory_gb": 80}}, "server": "sglang"},
    {"deployment": {"resources": {"gpus": 1}}, "routing": {"type": "ingress", "ingress": {"className": "nginx"}}},
    {"deployment": {"resources": {"gpus": 1}}, "framework": "kserve"},
    {"deployment": {"resources": {"gpus": 1}}, "storage": "pvc"},
    {"deployment": {"resources": {"gpus": 0}, "use_gpu": False}, "routing": {"type": "ingress"}},
)
_FAMILIES = ("llama", "mistral", "qwen", "gemma", "phi")


@dataclass(frozen=True, slots=True)
class Sample:
    """One endpoint: its name, its id, and its file."""

    name: str
    id: str
    text: str


def identity(number: int) -> tuple[str, str]:
    """Name and id of the endpoint with this number."""
    id_ = str(UUID(hashlib.sha256(f"endpoint {number}".encode()).hexdigest()[:32]))
    return endpoint_name(id_), id_


def make_endpoint(number: int) -> Sample:
    """The endpoint with this number."""
    name, id_ = identity(number)
    return Sample(name, id_, _write_yaml(_endpoint_data(number, name, id_)))


def _endpoint_data(number: int, name: str, id_: str) -> dict[str, Any]:
    chosen = dict(_SPECS[number % len(_SPECS)])
    family = _FAMILIES[number // 10 % len(_FAMILIES)]
    storage = chosen.pop("storage", "s3")
    version = f"{number % 7}.{number % 11}.0"
    uri = f"pvc://models/{family}/{version}" if storage == "pvc" else f"s3://models/{family}/{version}"
    deployment = {
        "model_ref": f"{family}:{version}",
        "model_family": family,
        "job_type": "SFT",
        "serve_target": "GENERATION",
        **chosen.pop("deployment"),
    }
    runtime = {
        "max_concurrent_requests": 16 * (1 + number % 16),
        "max_input_tokens": 2048 * (1 + number % 3),
        "max_output_tokens": 512 * (1 + number % 3),
    }
    return {
        "apiVersion": "revstamp.io/v1",
        "kind": "Endpoint",
        "metadata": {"name": name, "id": id_, "owner": f"team-{number % 17}", "labels": {"team": f"t{number % 17}"}},
        "spec": {
            "route": f"/llm/{name}",
            "model": {
                "name": f"{family}-{number % 23}b",
                "version": version,
                "family": family,
                "storageUri": uri,
                "metadata": {"max_position_embeddings": 32768, "architecture": "ForCausalLM"},
            },
            "deployment": {**deployment, "runtime": runtime},
            "replicas": {"min": 1 + number % 2, "max": 3 + number % 2},
            "memory": {"request": "24Gi", "limit": f"{32 + 8 * (number % 3)}Gi"},
            "pod": {"env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "SEED", "value": str(number % 97)}]},
            **chosen,
        },
    }


def _write_yaml(data: Any, pad: str = "") -> str:
    lines = []
    for key, value in data.items():
        if isinstance(value, dict):
            lines.append(f"{pad}{key}:\n{_write_yaml(value, pad + '  ')}")
        else:
            lines.append(f"{pad}{key}: {json.dumps(value)}\n")
    return "".join(lines)


def repository_files(shards: int = 256) -> dict[str, bytes]:
    """The files of a repository without endpoints."""
    made = first_files(InitRequest((ENVIRONMENT,), shards))
    return {path: text.encode() for path, text in made.items()}


def layout(shards: int = 256) -> Layout:
    """The paths of such a repository."""
    return Layout(shards, shards > 16)


def endpoint_files(count: int, shards: int = 256) -> dict[str, bytes]:
    """The repository's files with this many endpoints, nothing rendered."""
    files = repository_files(shards)
    for sample in map(make_endpoint, range(count)):
        files[layout(shards).endpoint_files(ENVIRONMENT, sample.name)[0]] = sample.text.encode()
    return files


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """The files on disk."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


class EmptyTree:
    """No files at all, behind the port that fleets are read through."""

    def read(self, path: str) -> bytes | None:
        """Nothing."""
        return None

    def names(self, folder: str) -> tuple[str, ...]:
        """Nothing."""
        return ()


def render_files(sample: Sample, shards: int = 256) -> dict[str, bytes]:
    """All files that a first commit of the endpoint writes, its own among them."""
    path = layout(shards).endpoint_files(ENVIRONMENT, sample.name)[0]
    base = Fleet(OverlayTree(EmptyTree(), repository_files(shards)))
    fleet = Fleet(OverlayTree(base.tree, {path: sample.text.encode()}))
    ref = EndpointRef(ENVIRONMENT, sample.name)
    plan = plan_change(base, fleet, ref, fleet.endpoint_file(ref), PlanRequest(f"first-{sample.name}"))
    if plan.violations:
        raise plan.refusal()
    return dict(plan.writes)


def open_repository(folder: Path, count: int, shards: int = 256) -> Path:
    """A bare repository with this many endpoints, rendered, on `main`; kept for as long as they render the same."""
    kept = folder / f"fleet-{count}-{shards}-{_digest_patterns(shards)}.git"
    if kept.exists():
        return kept
    for stale in folder.glob(f"fleet-{count}-{shards}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    tell(f"making a repository of {count} endpoints")
    making = kept.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    run(["git", "init", "-q", "--bare", "--initial-branch=main", making], folder)
    with Popen(
        ["git", "-c", "core.compression=1", "fast-import", "--quiet", "--depth=10"], cwd=making, stdin=PIPE
    ) as process:
        assert process.stdin is not None
        for part in _import_stream(count, shards):
            process.stdin.write(part)
        process.stdin.close()
        if process.wait():
            raise RuntimeError("git fast-import failed")
    making.rename(kept)
    return kept


@cache
def _render_patterns(shards: int) -> tuple[Mapping[str, bytes], ...]:
    return tuple(render_files(make_endpoint(number), shards) for number in range(PATTERNS))


@cache
def _digest_patterns(shards: int) -> str:
    digest = hashlib.sha256()
    for files in (repository_files(shards), *_render_patterns(shards)):
        for path, content in files.items():
            digest.update(b"%s %d\n%s" % (path.encode(), len(content), content))
    return digest.hexdigest()[:12]


def _import_stream(count: int, shards: int) -> Iterator[bytes]:
    """One commit with everything. Above PATTERNS endpoints, files are earlier ones under another name."""
    yield b"commit refs/heads/main\ncommitter Bench Person <bench@example.org> 1700000000 +0000\ndata 6\nfleet\n"
    for path, content in repository_files(shards).items():
        yield _import_file(path, content)
    patterns = _render_patterns(shards)
    for number in range(count):
        pattern = number % PATTERNS
        for path, content in _rename(patterns[pattern], identity(pattern), identity(number), layout(shards)):
            yield _import_file(path, content)
    yield b"\n"


def _rename(
    files: Mapping[str, bytes], old: tuple[str, str], new: tuple[str, str], layout: Layout
) -> Iterator[tuple[str, bytes]]:
    """The files of one endpoint as if they were another's. Digests in the stamp stay, which nobody measures."""
    folders = (layout.manifests_folder, layout.stamp_file, lambda env, name: layout.endpoint_files(env, name)[0])
    for path, content in files.items():
        start = next(place(ENVIRONMENT, old[0]) for place in folders if path.startswith(place(ENVIRONMENT, old[0])))
        place = next(place for place in folders if place(ENVIRONMENT, old[0]) == start)
        written = content.replace(old[0].encode(), new[0].encode()).replace(old[1].encode(), new[1].encode())
        yield place(ENVIRONMENT, new[0]) + path[len(start) :], written


def _import_file(path: str, content: bytes) -> bytes:
    return b"M 644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)


def clone_bare(source: Path, target: Path) -> Path:
    """A copy to commit to, which shares the pack of what is kept."""
    run(["git", "clone", "-q", "--bare", "--local", source, target], target.parent)
    run(["git", "remote", "remove", "origin"], target)
    return target
