"""Where one value ends: render with another value in its place, and see what differs.

Owns: changing one value of a resolved endpoint and comparing two renderings leaf by leaf, so that it holds for a
company's own templates too. Refuses: knowing templates, and judging values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any

from pydantic import BaseModel

from generator.errors import RenderFailed
from generator.render.engine import TemplateSet
from generator.render.pods import same_value
from generator.render.render import render_manifests
from generator.service.explained_fields import Field
from generator.spec.document import Path
from generator.spec.resolved import ResolvedEndpoint
from generator.spec.sections import EnvVar, StorageCredentials, Toleration

Bodies = Mapping[str, Mapping[str, Any]]
"""Rendered objects by file name."""

_EXAMPLES: Mapping[str, Any] = {
    "tolerations": (Toleration(key="example.com/traced", operator="Exists"),),
    "env": (EnvVar(name="TRACED", value="1"),),
    "storage_credentials": (StorageCredentials(scheme="s3", secret="traced", keys={"TRACED": "traced"}),),  # noqa: S106
}
"""Values to try in the place of empty lists."""


@dataclass(slots=True)
class Differences:
    """Places that differ: `changed` in what is rendered now, `added` only with the other value."""

    changed: dict[tuple[str, Path], None] = field(default_factory=dict)
    added: dict[tuple[str, Path], None] = field(default_factory=dict)


class Tracer:
    """One endpoint's rendering, to compare others with."""

    def __init__(self, resolved: ResolvedEndpoint, templates: TemplateSet) -> None:
        self.resolved = resolved
        self.templates = templates
        self.bodies = render_bodies(resolved, templates)

    def trace(self, wanted: Field) -> Differences:
        """Where the field ends. Nothing where no other value that was tried makes a difference."""
        value = get_value(self.resolved, wanted.path)
        found = Differences()
        for other in other_values(value, wanted):
            changed = _with_value(self.resolved, wanted.path, other)
            if wanted.name == "deployment.use_gpu":
                changed = replace(changed, device="gpu" if other else "cpu")
            try:
                after = render_bodies(changed, self.templates)
            except (RenderFailed, ValueError, TypeError, KeyError):
                continue  # a value that templates or arithmetic cannot take shows nothing
            compare_bodies(self.bodies, after, found)
            if found.changed:
                break
        return found


def render_bodies(resolved: ResolvedEndpoint, templates: TemplateSet) -> Bodies:
    """The endpoint's objects by file name, without revisions."""
    return {manifest.file_name: manifest.body for manifest in render_manifests(resolved, templates)}


def get_value(value: Any, path: tuple[str, ...]) -> Any:
    """What the attributes and keys of the path lead to."""
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part)
    return value


def _with_value(owner: Any, path: tuple[str, ...], value: Any) -> Any:
    """A copy of the owner with another value at the path; nothing is validated."""
    if not path:
        return value
    head, *rest = path
    inner = _with_value(get_value(owner, (head,)), tuple(rest), value)
    if isinstance(owner, Mapping):
        return {**owner, head: inner}
    if isinstance(owner, BaseModel):
        return owner.model_copy(update={head: inner})
    return replace(owner, **{head: inner}) if is_dataclass(owner) and not isinstance(owner, type) else inner


def other_values(value: Any, wanted: Field) -> Iterator[Any]:
    """Values of the same type that mean something else."""
    examples = [example for example in wanted.examples if example != value]
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
        yield from (value - 1,) if value > 1 else ()
    elif isinstance(value, Mapping) and value:
        yield _change_leaves(value)
    elif isinstance(value, tuple) and value:
        yield ()
    elif isinstance(value, BaseModel) or is_dataclass(value):
        yield None
    elif examples:
        yield from examples
    elif isinstance(value, Mapping):
        yield {"example.com/traced": "traced"}
    elif isinstance(value, tuple):
        yield _EXAMPLES.get(wanted.path[-1], ("traced",))
    elif isinstance(value, str):
        yield f"{value}-traced"


def _change_leaves(value: Any) -> Any:
    """The same structure with every scalar in it changed."""
    if isinstance(value, Mapping):
        return {key: _change_leaves(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_change_leaves(item) for item in value]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, BaseModel):
        return value.model_copy(update={"metric": "traced"})
    return f"{value}-traced"


def compare_bodies(before: Bodies, after: Bodies, found: Differences) -> None:
    """Note every leaf of `before` that `after` has not or has otherwise; an object that goes is one place."""
    for name, body in before.items():
        if name in after:
            for kind, path in _compare(body, after[name], ()):
                getattr(found, kind)[name, path] = None
        else:
            found.changed[name, ()] = None
    for name in after:
        if name not in before:
            found.added[name, ()] = None


def _compare(before: Any, after: Any, path: Path) -> Iterator[tuple[str, Path]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key, value in before.items():
            if key in after:
                yield from _compare(value, after[key], (*path, key))
            else:
                yield from (("changed", leaf) for leaf in _leaves(value, (*path, key)))
        yield from (("added", (*path, key)) for key in after if key not in before)
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        yield from _compare_lists(list(before), list(after), path)
    elif not same_value(before, after):
        yield from (("changed", leaf) for leaf in _leaves(before, path))


def _compare_lists(before: list[Any], after: list[Any], path: Path) -> Iterator[tuple[str, Path]]:
    """Items of the middle, where the lists differ; pairs where it is as long in both."""
    start = 0
    while start < min(len(before), len(after)) and same_value(before[start], after[start]):
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and same_value(before[-1 - end], after[-1 - end]):
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True), start):
            yield from _compare(one, other, (*path, index))
        return
    gone = [(index, item) for index, item in enumerate(old, start) if item not in new]
    come = [index for index, item in enumerate(new, start) if item not in old]
    for index, item in gone:
        yield from (("changed", leaf) for leaf in _leaves(item, (*path, index)))
    yield from (("added", (*path, index)) for index in come)
    if not gone and not come:  # the same items in another number or order
        yield "changed", path


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path
