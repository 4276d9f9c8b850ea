"""What people want to know about an endpoint, read from where its manifests keep it.

Owns: the facts beside the pod (replicas, strategy, budgets, route) and putting all of them together. Refuses:
comparing (`diff_rows`). A place that is not known is no loss: what no row tells is shown as a field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from generator.render.diff_container import CONTAINER_READERS
from generator.render.diff_fact import Fact, container_steps, tell
from generator.render.diff_fields import Steps
from generator.render.impact_workload import Workload, main_container, read_workload
from generator.render.pods import items_at, kind_of, map_at, value_at

_PROGRESS = "serving.knative.dev/progress-deadline"


def read_facts(bodies: Mapping[str, Mapping[str, Any]]) -> dict[str, Fact]:
    """The facts that an endpoint's objects tell, by label, in the order in which people ask for them."""
    workload = read_workload(bodies.values())
    facts: dict[str, Fact] = {}
    if workload is not None:
        for read in (*CONTAINER_READERS, *_WORKLOAD_READERS):
            for fact in read(workload):
                _add(facts, fact)
    for fact in _read_route(bodies.values()):
        _add(facts, fact)
    return facts


def _add(facts: dict[str, Fact], fact: Fact) -> None:
    """The first place that tells a fact decides; others that say the same echo it."""
    known = facts.setdefault(fact.label, fact)
    if known is not fact and known.value == fact.value:
        facts[fact.label] = replace(known, echoes=known.echoes + fact.places)


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
    yield from tell(workload, "canary traffic", percent, ("spec", "predictor", "canaryTrafficPercent"))


def _read_budgets(workload: Workload) -> Iterator[Fact]:
    container, steps = main_container(workload.pod), (*container_steps(workload), "startupProbe")
    probe = map_at(container, "startupProbe")
    if probe:
        counts = [probe.get("failureThreshold", 3), probe.get("periodSeconds", 10)]
        seconds = counts[0] * counts[1] if all(type(count) is int for count in counts) else None
        places = [(*steps, "failureThreshold"), (*steps, "periodSeconds")]
        yield from tell(workload, "startup budget", seconds and f"{seconds} s", *places)
    deadline = value_at(workload.body, "spec", "progressDeadlineSeconds")
    place = ("spec", "progressDeadlineSeconds")
    yield from tell(workload, "progress deadline", deadline and f"{deadline} s", place)
    timeout = value_at(workload.body, "spec", "predictor", "timeout")
    yield from tell(workload, "request timeout", timeout and f"{timeout} s", ("spec", "predictor", "timeout"))
    annotation = ("metadata", "annotations", _PROGRESS)
    yield from tell(workload, "progress deadline", value_at(workload.body, *annotation), annotation)


def _read_route(bodies: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    for body in bodies:
        if kind_of(body) == "HTTPRoute":
            hosts, rules = value_at(body, "spec", "hostnames"), items_at(body, "spec", "rules")
            matches = [match for rule in rules for match in items_at(rule, "matches")]
            places: list[tuple[str, Steps]] = [("HTTPRoute", ("spec", "hostnames"))]
            places += [("HTTPRoute", ("spec", "rules", f"[{place}]", "matches")) for place in range(len(rules))]
            yield _route(hosts, [value_at(match, "path", "value") for match in matches], places)
            yield from _read_route_timeout(rules)
        elif kind_of(body) == "Ingress":
            rules = items_at(body, "spec", "rules")
            paths = [path.get("path") for rule in rules for path in items_at(rule, "http", "paths")]
            yield _route([rule.get("host") for rule in rules], paths, [("Ingress", ("spec", "rules"))])


def _route(hosts: Any, paths: list[Any], places: list[tuple[str, Steps]]) -> Fact:
    host = " ".join(str(host) for host in hosts if host) if isinstance(hosts, list) else ""
    return Fact("route", f"{host}{' '.join(str(path) for path in paths if path)}", tuple(places))


def _read_route_timeout(rules: list[Mapping[str, Any]]) -> Iterator[Fact]:
    for place, rule in enumerate(rules):
        timeout = str(value_at(rule, "timeouts", "request") or "")
        if timeout:
            steps = ("spec", "rules", f"[{place}]", "timeouts", "request")
            text = f"{timeout[:-1]} s" if timeout[:-1].isdecimal() and timeout.endswith("s") else timeout
            yield Fact("request timeout", text, (("HTTPRoute", steps),))


_WORKLOAD_READERS: tuple[Callable[[Workload], Iterator[Fact]], ...] = (_read_replicas, _read_strategy, _read_budgets)
