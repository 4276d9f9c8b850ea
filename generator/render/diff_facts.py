"""What people want to know about an endpoint, read from where its manifests keep it.

Owns: the table's rows (model, image, GPUs, limits, …) and the well-known places that each is read from: the flags of
vLLM, TGI and SGLang, KServe's fields, the storage initializer's arguments. Refuses: comparing (`diff_rows`). A place
that is not known is no loss: what no row tells is shown as a field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from generator.render.diff_fields import Steps, by_flag
from generator.render.impact_workload import Workload, main_container, read_workload
from generator.render.pods import items_at, kind_of, map_at, value_at

FLAGS = (
    ("model", ("--served-model-name", "--model-id", "--model", "--model-path")),
    ("tensor parallel", ("--tensor-parallel-size", "-tp", "--num-shard", "--tp-size", "--tp")),
    ("concurrent requests", ("--max-num-seqs", "--max-concurrent-requests", "--max-running-requests")),
    ("input tokens", ("--max-input-tokens", "--max-input-length")),
    ("total tokens", ("--max-model-len", "--max-total-tokens", "--context-length")),
    ("output tokens", ("--override-generation-config",)),
)
_STORAGE_ENV = "STORAGE_URI"


@dataclass(frozen=True, slots=True)
class Fact:
    """One row's value, and the fields it was read from: the kind of object and the steps to the field."""

    label: str
    value: str
    places: tuple[tuple[str, Steps], ...]


def read_facts(bodies: Mapping[str, Mapping[str, Any]]) -> dict[str, Fact]:
    """The facts that an endpoint's objects tell, by label, in the order in which people ask for them."""
    workload = read_workload(bodies.values())
    facts: dict[str, Fact] = {}
    if workload is not None:
        for read in _WORKLOAD_READERS:
            for fact in read(workload):
                _add(facts, fact)
    for fact in _read_route(bodies.values()):
        _add(facts, fact)
    return facts


def _add(facts: dict[str, Fact], fact: Fact) -> None:
    """The first place that tells a fact decides; others that say the same are places of it too."""
    known = facts.setdefault(fact.label, fact)
    if known is not fact and known.value == fact.value:
        facts[fact.label] = Fact(fact.label, fact.value, known.places + fact.places)


def _pod_steps(workload: Workload) -> Steps:
    return ("spec", "template", "spec") if workload.kind == "Deployment" else ("spec", "predictor")


def _container_steps(workload: Workload) -> Steps:
    if map_at(workload.pod, "model"):
        return (*_pod_steps(workload), "model")
    return (*_pod_steps(workload), "containers", f"[{main_container(workload.pod).get('name')}]")


def _fact(workload: Workload, label: str, value: Any, *places: Steps) -> Iterator[Fact]:
    if value not in (None, ""):
        yield Fact(label, str(value), tuple((workload.kind, place) for place in places))


def _read_flags(workload: Workload) -> Iterator[Fact]:
    container, steps = main_container(workload.pod), _container_steps(workload)
    for key in ("args", "command"):
        flags = by_flag(container.get(key)) or _known_flags(container.get(key))
        for label, names in FLAGS:
            for name in names:
                yield from _fact(workload, label, flags.get(f"[{name}]"), (*steps, key, f"[{name}]"))


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
    steps = _pod_steps(workload)
    model = map_at(workload.pod, "model")
    yield from _fact(workload, "storage", model.get("storageUri"), (*steps, "model", "storageUri"))
    for group in ("initContainers", "containers"):
        for container in items_at(workload.pod, group):
            place = (*steps, group, f"[{container.get('name')}]")
            for variable in items_at(container, "env"):
                if variable.get("name") == _STORAGE_ENV:
                    at = (*place, "env", f"[{_STORAGE_ENV}]")
                    yield from _fact(workload, "storage", variable.get("value"), at)
            arguments = container.get("args")
            if group == "initContainers" and isinstance(arguments, list) and "://" in str(arguments[:1]):
                yield from _fact(workload, "storage", arguments[0], (*place, "args"))


def _read_image(workload: Workload) -> Iterator[Fact]:
    container, steps = main_container(workload.pod), _container_steps(workload)
    yield from _fact(workload, "image", container.get("image"), (*steps, "image"))
    yield from _fact(workload, "runtime", container.get("runtime"), (*steps, "runtime"))
    yield from _fact(
        workload, "model format", value_at(container, "modelFormat", "name"), (*steps, "modelFormat", "name")
    )


def _read_resources(workload: Workload) -> Iterator[Fact]:
    container, steps = main_container(workload.pod), _container_steps(workload)
    limits, requests = map_at(container, "resources", "limits"), map_at(container, "resources", "requests")
    places: list[Steps] = [
        (*steps, "resources", side, str(key)) for side in ("limits", "requests") for key in limits if "/" in str(key)
    ]
    text = f"{workload.gpus} × {workload.replicas} = {workload.gpus_held}" if workload.gpus else "none"
    yield Fact("GPUs × replicas", text, tuple((workload.kind, place) for place in places))
    for key in ("cpu", "memory"):
        pair = [str(side[key]) for side in (requests, limits) if side.get(key) is not None]
        at: list[Steps] = [(*steps, "resources", side, key) for side in ("requests", "limits")]
        yield from _fact(workload, key, " to ".join(dict.fromkeys(pair)), *at)


def _read_replicas(workload: Workload) -> Iterator[Fact]:
    spread = f" to {workload.max_replicas}, autoscaled" if workload.max_replicas > workload.replicas else ""
    places: list[tuple[str, Steps]] = [
        ("HorizontalPodAutoscaler", ("spec", key)) for key in ("minReplicas", "maxReplicas")
    ]
    places += [(workload.kind, ("spec", "replicas"))]
    places += [(workload.kind, ("spec", "predictor", key)) for key in ("minReplicas", "maxReplicas")]
    yield Fact("replicas", f"{workload.replicas}{spread}", tuple(places))


def _read_strategy(workload: Workload) -> Iterator[Fact]:
    steps = ("spec", "strategy") if workload.kind == "Deployment" else ("spec", "predictor", "deploymentStrategy")
    text = f"surge {workload.surge}, unavailable {workload.unavailable}"
    if workload.side_by_side:
        text = "side by side"
    elif value_at(workload.body, *steps, "type") == "Recreate":
        text = "Recreate"
    yield Fact("strategy", text, ((workload.kind, steps),))
    percent = value_at(workload.body, "spec", "predictor", "canaryTrafficPercent")
    yield from _fact(workload, "canary traffic", percent, ("spec", "predictor", "canaryTrafficPercent"))


def _read_budgets(workload: Workload) -> Iterator[Fact]:
    container, steps = main_container(workload.pod), (*_container_steps(workload), "startupProbe")
    probe = map_at(container, "startupProbe")
    if probe:
        counts = [probe.get("failureThreshold", 3), probe.get("periodSeconds", 10)]
        seconds = counts[0] * counts[1] if all(type(count) is int for count in counts) else None
        places = [(*steps, "failureThreshold"), (*steps, "periodSeconds")]
        yield from _fact(workload, "startup budget", seconds and f"{seconds} s", *places)
    deadline = value_at(workload.body, "spec", "progressDeadlineSeconds")
    place = ("spec", "progressDeadlineSeconds")
    yield from _fact(workload, "progress deadline", deadline and f"{deadline} s", place)
    timeout = value_at(workload.body, "spec", "predictor", "timeout")
    yield from _fact(workload, "request timeout", timeout and f"{timeout} s", ("spec", "predictor", "timeout"))


def _read_secrets(workload: Workload) -> Iterator[Fact]:
    """References to Secrets, by name and key: what they hold is nowhere in a manifest."""
    keys, places = [], []
    for group in ("initContainers", "containers"):
        for container in items_at(workload.pod, group):
            for variable in items_at(container, "env"):
                reference = map_at(variable, "valueFrom", "secretKeyRef")
                if reference:
                    keys.append(f"{reference.get('name')}/{reference.get('key')}")
                    steps = (*_pod_steps(workload), group, f"[{container.get('name')}]", "env")
                    places.append((*steps, f"[{variable.get('name')}]"))
    yield from _fact(workload, "secret keys", ", ".join(sorted(set(keys))), *places)


def _read_route(bodies: Any) -> Iterator[Fact]:
    for body in bodies:
        kind = kind_of(body)
        if kind not in ("HTTPRoute", "Ingress"):
            continue
        rules = items_at(body, "spec", "rules")
        hosts = value_at(body, "spec", "hostnames") if kind == "HTTPRoute" else [rule.get("host") for rule in rules]
        paths = [
            value_at(match, "path", "value") if kind == "HTTPRoute" else match.get("path")
            for rule in rules
            for match in (items_at(rule, "matches") if kind == "HTTPRoute" else items_at(rule, "http", "paths"))
        ]
        host = " ".join(str(host) for host in hosts if host) if isinstance(hosts, list) else ""
        text = f"{host}{' '.join(str(path) for path in paths if path)}"
        yield Fact("route", text, ((kind, ("spec", "hostnames")), (kind, ("spec", "rules"))))


_WORKLOAD_READERS: tuple[Callable[[Workload], Iterator[Fact]], ...] = (
    _read_flags,
    _read_storage,
    _read_image,
    _read_resources,
    _read_replicas,
    _read_strategy,
    _read_budgets,
    _read_secrets,
)
