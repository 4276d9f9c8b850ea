"""What the containers of an endpoint tell: model, storage, image, limits, resources, secrets.

Owns: the well-known places inside a pod: flags of vLLM, TGI and SGLang, KServe's fields, the storage initializer's
arguments. Refuses: what stands beside the pod (`diff_facts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from generator.render.diff_fact import Fact, container_steps, pod_steps, tell
from generator.render.diff_fields import Steps, by_flag
from generator.render.impact_workload import Workload, main_container
from generator.render.pods import items_at, map_at, value_at

FLAGS = (
    ("model", ("--served-model-name", "--model-id", "--model", "--model-path")),
    ("tensor parallel", ("--tensor-parallel-size", "-tp", "--num-shard", "--tp-size", "--tp")),
    ("concurrent requests", ("--max-num-seqs", "--max-concurrent-requests", "--max-running-requests")),
    ("input tokens", ("--max-input-tokens", "--max-input-length")),
    ("total tokens", ("--max-model-len", "--max-total-tokens", "--context-length")),
    ("output tokens", ("--override-generation-config",)),
)
_STORAGE_ENV = "STORAGE_URI"
MODEL_PATH = "/mnt/models"


def _read_flags(workload: Workload) -> Iterator[Fact]:
    container, steps = main_container(workload.pod), container_steps(workload)
    for key in ("args", "command"):
        flags = by_flag(container.get(key)) or _known_flags(container.get(key))
        for label, names in FLAGS:
            for name in names:
                value = flags.get(f"[{name}]", "")
                if value != MODEL_PATH:  # where the files lie tells nobody which model it is
                    yield from tell(workload, label, value, (*steps, key, f"[{name}]"))


def _known_flags(items: Any) -> dict[str, str]:
    """The known flags of a command line that is more than flags, such as `serve /models --max-model-len 4096`."""
    known = {name for _, names in FLAGS for name in names}
    words = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
    flags: dict[str, str] = {}
    for word, after in zip(words, [*words, ""][1:], strict=True):
        name, equals, value = word.partition("=")
        if name in known:
            flags.setdefault(f"[{name}]", value if equals else after)
    return flags


def _read_storage(workload: Workload) -> Iterator[Fact]:
    steps = pod_steps(workload)
    model = map_at(workload.pod, "model")
    yield from tell(workload, "storage", model.get("storageUri"), (*steps, "model", "storageUri"))
    for group in ("initContainers", "containers"):
        for container in items_at(workload.pod, group):
            place = (*steps, group, f"[{container.get('name')}]")
            for variable in items_at(container, "env"):
                if variable.get("name") == _STORAGE_ENV:
                    at = (*place, "env", f"[{_STORAGE_ENV}]")
                    yield from tell(workload, "storage", variable.get("value"), at)
            arguments = container.get("args")
            if group == "initContainers" and isinstance(arguments, list) and "://" in str(arguments[:1]):
                yield from tell(workload, "storage", arguments[0], (*place, "args"))
    yield from _read_claim(workload)


def _read_claim(workload: Workload) -> Iterator[Fact]:
    """A model on a volume claim that is mounted as it is, without any download."""
    for volume in items_at(workload.pod, "volumes"):
        claim = value_at(volume, "persistentVolumeClaim", "claimName")
        for mount in items_at(main_container(workload.pod), "volumeMounts"):
            if claim and mount.get("name") == volume.get("name") and mount.get("mountPath") == MODEL_PATH:
                name = f"[{volume.get('name')}]"
                places = ((*pod_steps(workload), "volumes", name), (*container_steps(workload), "volumeMounts", name))
                yield from tell(workload, "storage", f"pvc://{claim}/{mount.get('subPath') or ''}", *places)


def _read_image(workload: Workload) -> Iterator[Fact]:
    container, steps = main_container(workload.pod), container_steps(workload)
    yield from tell(workload, "image", container.get("image"), (*steps, "image"))
    yield from tell(workload, "runtime", container.get("runtime"), (*steps, "runtime"))
    yield from tell(
        workload, "model format", value_at(container, "modelFormat", "name"), (*steps, "modelFormat", "name")
    )


def _read_resources(workload: Workload) -> Iterator[Fact]:
    container, steps = main_container(workload.pod), container_steps(workload)
    limits = map_at(container, "resources", "limits")
    places: list[Steps] = [
        (*steps, "resources", side, str(key)) for side in ("limits", "requests") for key in limits if "/" in str(key)
    ]
    text = f"{workload.gpus} × {workload.replicas} = {workload.gpus_held}" if workload.gpus else "none"
    yield Fact("GPUs × replicas", text, tuple((workload.kind, place) for place in places))
    yield from _read_amounts(workload, container, steps)
    for initializer in items_at(workload.pod, "initContainers"):
        yield from _read_amounts(
            workload, initializer, (*pod_steps(workload), "initContainers", f"[{initializer.get('name')}]")
        )


def _read_amounts(workload: Workload, container: Any, steps: Steps) -> Iterator[Fact]:
    for key in ("cpu", "memory"):
        at: list[Steps] = [(*steps, "resources", side, key) for side in ("requests", "limits")]
        pair = [str(value) for place in at if (value := value_at(container, *place[len(steps) :])) is not None]
        yield from tell(workload, key, " to ".join(dict.fromkeys(pair)), *at)


def _read_secrets(workload: Workload) -> Iterator[Fact]:
    """References to Secrets, by name and key: what they hold is nowhere in a manifest."""
    keys, places = [], []
    for group in ("initContainers", "containers"):
        for container in items_at(workload.pod, group):
            for variable in items_at(container, "env"):
                reference = map_at(variable, "valueFrom", "secretKeyRef")
                if reference:
                    keys.append(f"{reference.get('name')}/{reference.get('key')}")
                    steps = (*pod_steps(workload), group, f"[{container.get('name')}]", "env")
                    places.append((*steps, f"[{variable.get('name')}]"))
    yield from tell(workload, "secret keys", ", ".join(sorted(set(keys))), *places)


CONTAINER_READERS: tuple[Callable[[Workload], Iterator[Fact]], ...] = (
    _read_flags,
    _read_storage,
    _read_image,
    _read_resources,
    _read_secrets,
)
