"""The form before a redeploy: fields with their present values, and what a filled one means.

Owns: which fields there are, where each stands in the endpoint's file, reading what a person typed, and finding the
field that a refusal is about. Refuses: judging values; the plan does. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from generator.errors import Violation
from generator.service.explain import find_origin
from generator.service.trace import get_value
from generator.spec.document import Document, Path, dotted
from generator.spec.patch import Patch
from generator.spec.resolved import ResolvedEndpoint

_DEPLOYMENT = ("spec", "deployment")
_USE_GPU: Path = (*_DEPLOYMENT, "use_gpu")


@dataclass(frozen=True, slots=True)
class FieldKind:
    """One field of the form. `resolved` leads to the value in effect; `choices` are those of a list."""

    name: str
    group: str
    path: Path
    resolved: tuple[str, ...]
    is_number: bool = False
    choices: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The name by which a resolved endpoint knows where the value came from."""
        return dotted(self.path[1:])


def _of_deployment(name: str, section: str) -> FieldKind:
    path = ("deployment", section, name)
    return FieldKind(name, "size" if section == "resources" else "limits", ("spec", *path), path, is_number=True)


def _of_pod(name: str, resource: str, bound: str) -> FieldKind:
    return FieldKind(name, "size", ("spec", resource, bound), (f"{resource}_{bound}",))


def _of_replicas(bound: str) -> FieldKind:
    return FieldKind(f"{bound}_replicas", "replicas", ("spec", "replicas", bound), (f"{bound}_replicas",), True)


FIELDS: tuple[FieldKind, ...] = (
    FieldKind("model_version", "model", ("spec", "model", "version"), ("model", "version")),
    FieldKind("storage_uri", "model", ("spec", "model", "storageUri"), ("model", "storage_uri")),
    FieldKind("image", "server", ("spec", "image"), ("image",)),
    FieldKind("framework", "server", ("spec", "framework"), ("framework",), choices=("deployment", "kserve")),
    _of_deployment("gpus", "resources"),
    _of_deployment("gpu_memory_gb", "resources"),
    _of_pod("cpu_request", "cpu", "request"),
    _of_pod("cpu_limit", "cpu", "limit"),
    _of_pod("memory_request", "memory", "request"),
    _of_pod("memory_limit", "memory", "limit"),
    _of_deployment("max_concurrent_requests", "runtime"),
    _of_deployment("max_input_tokens", "runtime"),
    _of_deployment("max_output_tokens", "runtime"),
    _of_replicas("min"),
    _of_replicas("max"),
)
GROUPS = ("model", "server", "size", "limits", "replicas")


@dataclass(frozen=True, slots=True)
class FormField:
    """A field as it is shown. `value` is what stands in the box, `shown` what is in effect where the box is empty.

    `origin`: where the value in effect comes from. `problems`: what is wrong with what was typed.
    """

    kind: FieldKind
    value: str
    shown: str
    origin: str
    was: str
    problems: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class Filled:
    """What a person typed, read: the patch that it means, and what cannot be read."""

    patch: Patch
    problems: Mapping[str, tuple[Violation, ...]] = field(default_factory=dict)


def read_present(document: Document, kind: FieldKind) -> str:
    """What the endpoint's file says of a field; empty where it says nothing."""
    value = document.at(kind.path)
    return "" if value is None else str(value)


def read_filled(given: Mapping[str, str], document: Document) -> Filled:
    """The difference between what was typed and the endpoint's file. A field that was not sent stays as it is."""
    sets: dict[Path, Any] = {}
    clears: set[Path] = set()
    problems: dict[str, tuple[Violation, ...]] = {}
    for kind in FIELDS:
        text = given.get(kind.name)
        text = text.strip() if text is not None else None
        if text is None or text == read_present(document, kind):
            continue
        if not text:
            clears.add(kind.path)
        elif kind.is_number and not (text.isascii() and text.isdecimal() and len(text) < 10):
            problem = Violation(f"{text[:40]!r} is not a whole number", "write digits only", dotted(kind.path), "form")
            problems[kind.name] = (problem,)
        else:
            sets[kind.path] = int(text) if kind.is_number else text
    gpus = sets.get((*_DEPLOYMENT, "resources", "gpus"))
    use_gpu = document.at(_USE_GPU)
    if gpus is not None and bool(gpus) != (True if use_gpu is None else use_gpu):
        sets[_USE_GPU] = bool(gpus)
    labels = {kind.path: kind.name for kind in FIELDS if kind.path in sets}
    return Filled(Patch(sets, frozenset(clears), labels), problems)


def make_fields(
    document: Document,
    resolved: ResolvedEndpoint | None,
    shared: Document,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, Sequence[Violation]] | None = None,
) -> tuple[FormField, ...]:
    """All fields, with what was typed so far or with what the file says. `shared`: the environment's file."""
    found, folder = [], f"{shared.file.rpartition('/')[0]}/"
    for kind in FIELDS:
        was, shown, origin = read_present(document, kind), "", ""
        if resolved is not None:
            effect = get_value(resolved, kind.resolved)
            shown = "" if effect is None else str(effect)
            origin = str(find_origin(kind.origin, resolved, document, shared)).removeprefix(folder)
        value = (given or {}).get(kind.name, was)
        found.append(FormField(kind, value, shown, origin, was, tuple((problems or {}).get(kind.name, ()))))
    return tuple(found)


def place_problems(violations: Sequence[Violation]) -> tuple[dict[str, tuple[Violation, ...]], tuple[Violation, ...]]:
    """Refusals by the field that they belong to, and those that belong to none."""
    placed: dict[str, tuple[Violation, ...]] = {}
    others = []
    for violation in violations:
        kind = _find_field(violation)
        if kind is None:
            others.append(violation)
        else:
            placed[kind.name] = (*placed.get(kind.name, ()), violation)
    return placed, tuple(others)


def _find_field(violation: Violation) -> FieldKind | None:
    """By the path, from its end: a refusal names the field in the file's words, or a section around it."""
    path = violation.path.removeprefix("spec.")
    for kind in FIELDS:
        name = dotted(kind.path[1:])
        if path and (path in (name, kind.name) or name.endswith(f".{path}")):
            return kind
    inside = [kind for kind in FIELDS if path and dotted(kind.path[1:]).startswith(f"{path}.")]
    return inside[0] if inside else None
