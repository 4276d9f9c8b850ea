"""Two versions of one object, field by field, in paths that people can read.

Owns: walking two bodies together: list elements are matched by their name, flags of a command line by the flag.
Refuses: what a change means (`diff_effect`, `diff_rows`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generator.render.pods import same_value

DEEP = 64
"""No Kubernetes object nests deeper; past this a difference is shown whole, so that no input exhausts the stack."""

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMES = ("name", "mountPath", "containerPort", "port", "ip", "key")
_FLAG = re.compile(r"--?[A-Za-z][A-Za-z0-9._-]*")
_MISSING: Mapping[str, Any] = {}

Steps = tuple[str, ...]


class Effect(StrEnum):
    """What a change does to the pods that run."""

    RESTARTS = "restarts"
    NO_RESTART = "no restart"
    REPLACES = "replaces"

    @property
    def weight(self) -> int:
        """For finding the strongest of several effects."""
        return (Effect.NO_RESTART, Effect.RESTARTS, Effect.REPLACES).index(self)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. `old` or `new` is None where the field is not there.

    `steps` are the keys on the way; an element of a list is written `[name]`.
    """

    steps: Steps
    old: Any
    new: Any
    effect: Effect = Effect.NO_RESTART

    @property
    def path(self) -> str:
        """The path for people: `spec.template.spec.containers[model-server].image`."""
        return path_text(self.steps)


def path_text(steps: Steps) -> str:
    """Steps as one text; keys that hold dots or slashes stand in brackets."""
    text = ""
    for step in steps:
        if step.startswith("["):
            text += step
        elif _SIMPLE.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step}]"
    return text


def walk_fields(old: Any, new: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any, Any]]:
    """Every place where the two differ, with both values; where both say the same, nothing."""
    if same_value(old, new):
        return
    pair = _mappings(old, new, steps)
    if pair is None and isinstance(old, list) and isinstance(new, list) and len(steps) < DEEP:
        pair = _keyed_lists(old, new)
    found = False
    if pair is not None:
        before, after = pair
        for key in [*before, *(key for key in after if key not in before)]:
            for change in walk_fields(before.get(key), after.get(key), (*steps, str(key))):
                found = True
                yield change
    if not found:  # a leaf, or a difference that only the whole shows: an empty mapping, the order of a list
        yield steps, old, new


def _mappings(old: Any, new: Any, steps: Steps) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Both as mappings. Near the root a missing one counts as empty: there, fields of one mapping differ in effect."""
    if len(steps) >= DEEP:
        return None
    if len(steps) < 3:
        old = _MISSING if old is None else old
        new = _MISSING if new is None else new
    return (old, new) if isinstance(old, Mapping) and isinstance(new, Mapping) else None


def _keyed_lists(old: list[Any], new: list[Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Both lists by what tells their elements apart, or None where nothing does."""
    for name in _NAMES:
        before, after = _by_name(old, name), _by_name(new, name)
        if before is not None and after is not None:
            return before, after
    flags = by_flag(old), by_flag(new)
    if flags[0] is not None and flags[1] is not None:
        return flags[0], flags[1]
    if len(old) == len(new) and all(isinstance(item, Mapping) for item in [*old, *new]):
        return _by_place(old), _by_place(new)
    return None


def _by_name(items: list[Any], name: str) -> dict[str, Any] | None:
    named: dict[str, Any] = {}
    for item in items:
        text = item.get(name) if isinstance(item, Mapping) else None
        if not isinstance(text, str | int) or f"[{text}]" in named:
            return None
        named[f"[{text}]"] = item
    return named


def _by_place(items: list[Any]) -> dict[str, Any]:
    return {f"[{place}]": item for place, item in enumerate(items)}


def by_flag(items: Any) -> dict[str, str] | None:
    """A command line as `[--flag]` → value (empty for a switch), or None where it is not a list of unique flags.

    Both spellings, `--flag value` and `--flag=value`, read alike, so a changed spelling is not found here but as a
    difference of the whole list.
    """
    if not isinstance(items, list) or not items or not all(isinstance(item, str) for item in items):
        return None
    flags: dict[str, str] = {}
    waiting = ""
    for item in items:
        flag, equals, value = item.partition("=")
        if _FLAG.fullmatch(flag):
            key = f"[{flag}]"
            if key in flags:
                return None
            flags[key] = value
            waiting = "" if equals else key
        elif waiting:
            flags[waiting], waiting = item, ""
        else:
            return None
    return flags
