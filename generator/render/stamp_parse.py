"""Reading a stamp file that anybody may have touched: a merge, an editor, an attacker.

Owns: the file's grammar (flat lines, `key: value`) and a clear message for each way to break it. Refuses: general
YAML. A stamp has no nesting, so no YAML parser is needed, each error knows its line, and ten thousand stamps are
read in the time a parser takes for some hundred.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from generator.errors import InvalidInput, Violation
from generator.render.stamp_file import HIGHEST_REVISION, KIND, Stamp, is_request_id
from generator.spec.base import API_VERSION
from generator.spec.names import is_dns_label, is_endpoint_name

LARGEST_STAMP = 16 * 1024

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9]*):[ ]+(\S.*?)[ ]*")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9/._-]*")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+[-+.a-z0-9]*")
_CONFLICT = re.compile(r"(<{7}|\|{7}|={7}|>{7})($|[ \t])")
_REVISION = re.compile(r"^revision:[ ]+([0-9]{1,10})[ ]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One field: the attribute it fills, what is right, in words for people, and whether it may be missing."""

    attribute: str | None
    accepts: Callable[[Any], bool]
    right: str
    optional: bool = False


def _text(check: Callable[[str], object]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and bool(check(value))


def _count(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= HIGHEST_REVISION


def _digest(attribute: str) -> _Rule:
    return _Rule(attribute, _text(_DIGEST.fullmatch), '"sha256:" and 64 hexadecimal digits, in quotes')


_RULES = {
    "apiVersion": _Rule(None, lambda value: value == API_VERSION, API_VERSION),
    "kind": _Rule(None, lambda value: value == KIND, KIND),
    "environment": _Rule("environment", _text(is_dns_label), "the name of an environment"),
    "endpoint": _Rule("endpoint", _text(is_endpoint_name), "the name of an endpoint"),
    "revision": _Rule("revision", _count(1), "a whole number from 1"),
    "requestId": _Rule("request_id", _text(is_request_id), "letters, digits, '.', '_', ':' and '-', at most 128"),
    "podRevision": _Rule("pod_revision", _count(0), "a whole number from 0"),
    "specDigest": _digest("spec_digest"),
    "manifestsDigest": _digest("manifests_digest"),
    "templatesDigest": _digest("templates_digest"),
    "generator": _Rule("generator", _text(_VERSION.fullmatch), 'a version such as "1.2.3"'),
    "restores": _Rule("restores", _count(1), "an earlier revision", optional=True),
    "deleted": _Rule("deleted", lambda value: value is True, "true, or no such line", optional=True),
}


@lru_cache(maxsize=64)
def parse_stamp(content: bytes, file: str) -> Stamp:
    """The stamp in these bytes. InvalidInput with every violation, each with its line.

    Cached: one plan asks for the same stamp several times.
    """
    text = _decode(content, file)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    _refuse_conflict(text, lines, file)
    found, places, wrong = _read_lines(lines, file)
    wrong += [_missing(key, file) for key, rule in _RULES.items() if not rule.optional and key not in places]
    if not wrong:
        wrong += _compare_revisions(found, places, file)
    if wrong:
        raise InvalidInput(
            f"{file} is not a stamp that revstamp wrote",
            hint="take the file as it is on the branch that is deployed; stamps are not edited by hand",
            violations=wrong,
        )
    return Stamp(**{rule.attribute: found[key] for key, rule in _RULES.items() if rule.attribute and key in found})


def _decode(content: bytes, file: str) -> str:
    if len(content) > LARGEST_STAMP:
        raise InvalidInput(
            f"{file}: {len(content)} bytes are too many for a stamp",
            hint=f"a stamp has less than {LARGEST_STAMP} bytes; take the file as it is on the deployed branch",
            violations=[Violation("too large for a stamp", file=file, line=1, column=1, code="too-large")],
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"{file}:{line}: not UTF-8 text",
            hint="take the file as it is on the deployed branch",
            violations=[Violation("not UTF-8 text", file=file, line=line, column=1, code="encoding")],
        ) from error


def _refuse_conflict(text: str, lines: list[str], file: str) -> None:
    """A merge that stopped is no damage: it is the stamp doing its work, and it has a simple way out."""
    number = next((number for number, line in enumerate(lines, 1) if _CONFLICT.match(line)), 0)
    if not number:
        return
    revisions = sorted({int(match[1]) for match in _REVISION.finditer(text)})
    high = f" (revision {revisions[-1]})" if revisions else ""
    raise InvalidInput(
        f"{file}:{number}: git conflict markers: two branches each made a new revision of this endpoint",
        hint=f"keep the side with the higher revision{high} whole, either side where they are equal, "
        f"then run `revstamp commit`: it counts on from there",
        violations=[Violation("git conflict marker", file=file, line=number, column=1, code="merge-conflict")],
    )


def _read_lines(lines: list[str], file: str) -> tuple[dict[str, Any], dict[str, int], list[Violation]]:
    found: dict[str, Any] = {}
    places: dict[str, int] = {}
    wrong: list[Violation] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        key = match[1] if match else ""
        if match is None:
            wrong.append(Violation("not a line `field: value`", file=file, line=number, column=1, code="syntax"))
        elif key in places:
            message = f"{key} stands here and in line {places[key]}"
            wrong.append(Violation(message, "keep one side of the merge", key, file, number, 1, "duplicate"))
        elif key not in _RULES:
            fix = "if a newer revstamp wrote it, use that version"
            wrong.append(Violation(f"unknown field {key!r}", fix, key, file, number, 1, "unknown-field"))
        else:
            places[key] = number
            try:
                found[key] = _checked(key, match[2])
            except ValueError as error:
                column = match.start(2) + 1
                wrong.append(Violation(str(error), f"write {_RULES[key].right}", key, file, number, column, "value"))
    return found, places, wrong


def _checked(key: str, text: str) -> Any:
    value = _scalar(text)
    if not _RULES[key].accepts(value):
        raise ValueError(f"{text[:80]!r} is not right for {key}")
    return value


def _scalar(text: str) -> Any:
    """A value in one of the four ways in which stamps are written; ValueError for any other."""
    if text == "true":
        return True
    if _NUMBER.fullmatch(text):
        return int(text)
    if _PLAIN.fullmatch(text):
        return text
    try:
        if text.startswith('"'):
            return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{text[:80]} is not one double-quoted text") from error
    raise ValueError(f"{text[:80]!r} is no plain word, number or double-quoted text")


def _missing(key: str, file: str) -> Violation:
    return Violation(f"{key} is missing", f"write {_RULES[key].right}", key, file, 1, 1, "missing")


def _compare_revisions(found: dict[str, Any], places: dict[str, int], file: str) -> list[Violation]:
    wrong = []
    if found["podRevision"] > found["revision"]:
        message = f"podRevision {found['podRevision']} is later than revision {found['revision']}"
        place = places["podRevision"]
        wrong.append(Violation(message, "at most the revision", "podRevision", file, place, 1, "value"))
    if found.get("restores", 0) >= found["revision"]:
        message = f"restores {found['restores']} is not before revision {found['revision']}"
        wrong.append(Violation(message, "an earlier revision", "restores", file, places["restores"], 1, "value"))
    return wrong
