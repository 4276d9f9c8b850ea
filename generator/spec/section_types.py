"""The scalar types of the sections: what a label, a host, a variable or a path may look like.

Owns: these types with their sentences for people. Refuses: the sections that use them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from generator.spec.base import Line, Text, ecma_pattern, in_schema, in_schema_as, wrong
from generator.spec.names import (
    ANNOTATION_FIELDS,
    ENV_NAME,
    HOST,
    LABEL_VALUE,
    SECRET_KEY,
    is_env_name,
    is_host,
    is_label_key,
    is_label_value,
    is_reserved_key,
    is_secret_key,
    label_owner,
)
from generator.spec.text import shown

Server = Literal["vllm", "tgi", "sglang", "triton", "plain"]
Framework = Literal["deployment", "kserve"]
Device = Literal["gpu", "cpu"]
Seconds = Annotated[int, Field(ge=0, le=7 * 24 * 3600)]
Port = Annotated[int, Field(ge=1, le=65535)]


def _check_host(value: str) -> str:
    if not is_host(value):
        raise wrong(f"{shown(value)} is not a host name", "write a name such as llm.example.com")
    return value


def _check_label_key(value: str) -> str:
    if not is_label_key(value):
        raise wrong(f"{shown(value)} is not a label key", "write name or prefix/name")
    return value


def _check_label_value(value: str) -> str:
    if not is_label_value(value):
        raise wrong(f"{shown(value)} is not a label value", "at most 63 letters, digits, '-', '_' and '.'")
    return value


def _check_labels(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        _check_label_key(key)
        _check_label_value(text)
    return value


def _check_own_labels(value: dict[str, str]) -> dict[str, str]:
    for key in _check_labels(value):
        owner = label_owner(key)
        if owner is not None:
            raise wrong(f"the label {shown(key)} belongs to {owner}", "choose another key")
    return value


def _check_annotations(value: dict[str, str]) -> dict[str, str]:
    for key in value:
        if not is_label_key(key):
            raise wrong(f"{shown(key)} is not an annotation key", "write name or prefix/name")
        if is_reserved_key(key):
            raise wrong(f"the annotation {shown(key)} belongs to revstamp", "choose another key")
        if key in ANNOTATION_FIELDS:
            field = ANNOTATION_FIELDS[key]
            raise wrong(f"the annotation {shown(key)} is set by revstamp", f"say it by {field}")
    return value


def _check_env_name(value: str) -> str:
    if not is_env_name(value):
        raise wrong(f"{shown(value)} is not a variable name", "use letters, digits and '_', not a digit first")
    return value


def _check_secret_key(value: str) -> str:
    if not is_secret_key(value):
        fix = "at most 253 letters, digits, '-', '_' and '.', not '.' and not '..' first"
        raise wrong(f"{shown(value)} is not a key of a Secret", fix)
    return value


def _check_path(value: str) -> str:
    if not value.startswith("/") or any(character.isspace() for character in value):
        raise wrong(f"{shown(value)} is not a path", "write an absolute path such as /health")
    return value


_LABEL_SCHEMA = {
    "type": "object",
    "propertyNames": {"maxLength": 317},
    "additionalProperties": {"type": "string", "maxLength": 63, "pattern": ecma_pattern(LABEL_VALUE)},
}
Host = Annotated[str, AfterValidator(_check_host), in_schema_as(HOST, 253)]
Labels = Annotated[dict[str, str], AfterValidator(_check_own_labels), in_schema(**_LABEL_SCHEMA)]
Selector = Annotated[dict[str, str], AfterValidator(_check_labels), in_schema(**_LABEL_SCHEMA)]
Annotations = Annotated[dict[str, Text], AfterValidator(_check_annotations)]
EnvName = Annotated[str, AfterValidator(_check_env_name), in_schema_as(ENV_NAME, 253)]
LabelKey = Annotated[str, AfterValidator(_check_label_key)]
LabelValue = Annotated[str, AfterValidator(_check_label_value), in_schema_as(LABEL_VALUE, 63)]
SecretKeyName = Annotated[str, AfterValidator(_check_secret_key), in_schema_as(SECRET_KEY, 253)]
UrlPath = Annotated[Line, AfterValidator(_check_path)]
