"""Base of all file models: frozen, camelCase in files, unknown fields refused.

Owns: the pydantic configuration and the scalar types that more than one model uses. Refuses: any rule that needs
two fields (that is `rules`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from generator.spec.names import DNS1123, IMAGE, MAX_IMAGE, SUBDOMAIN, ImageReference, is_dns_label, is_dns_subdomain
from generator.spec.plain_data import find_unplain
from generator.spec.quantity import QUANTITY, canonical_quantity
from generator.spec.text import has_control_characters, is_printable_line, shown

API_VERSION = "revstamp.io/v1"
MAX_LINE = 1024


class Model(BaseModel):
    """A frozen value read from a file or a request; fields are camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        defer_build=True,
        protected_namespaces=(),
    )


def wrong(message: str, fix: str = "") -> PydanticCustomError:
    """A validation error whose text is for people; `fix` says what would be right."""
    return PydanticCustomError("revstamp", "{message}", {"message": message, "fix": fix})


def _check_text(value: str) -> str:
    if has_control_characters(value):
        raise wrong("holds a control character", "remove it")
    return value


def _check_line(value: str) -> str:
    if not is_printable_line(value):
        fix = "remove line breaks, tabs, control characters and marks of text direction"
        raise wrong("must be one line of printable text", fix)
    return value


def _check_label(value: str) -> str:
    if not is_dns_label(value):
        raise wrong(f"{shown(value)} is not a Kubernetes name", "use lower-case letters, digits and '-', at most 63")
    return value


def _check_subdomain(value: str) -> str:
    if not is_dns_subdomain(value):
        raise wrong(f"{shown(value)} is not a Kubernetes object name", "use lower-case letters, digits, '-' and '.'")
    return value


def _check_image(value: str) -> str:
    if ImageReference.parse(value) is None:
        raise wrong(f"{shown(value)} is not an image reference", "write registry/repository:tag or …@sha256:…")
    return value


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _check_quantity(value: str) -> str:
    try:
        canonical_quantity(value)
    except ValueError as error:
        raise wrong(str(error), 'write a quantity such as "500m", "2" or "16Gi"') from None
    return value


def _check_free_form(value: dict[str, Any]) -> dict[str, Any]:
    found = find_unplain(value)
    if found is not None:
        path, problem = found
        where = ".".join(str(part) for part in path if isinstance(part, int) or part.isprintable())
        raise wrong(f"{shown(where)}: {problem}" if where else problem, "correct it, or leave it out")
    return value


def _check_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def in_schema(**schema: Any) -> WithJsonSchema:
    """How a type that is checked by code looks in the JSON Schema; at most as strict as the code."""
    return WithJsonSchema(schema)


def in_schema_as(pattern: re.Pattern[str], max_length: int) -> WithJsonSchema:
    """The same for a text of one pattern."""
    return in_schema(type="string", pattern=ecma_pattern(pattern), maxLength=max_length)


def ecma_pattern(pattern: re.Pattern[str]) -> str:
    """A Python pattern for the whole text, as JSON Schema writes patterns."""
    return "^(?:" + re.sub(r"\(\?P<\w+>", "(?:", pattern.pattern) + ")$"


Text = Annotated[str, AfterValidator(_check_text)]
Line = Annotated[str, Field(min_length=1, max_length=MAX_LINE), AfterValidator(_check_line)]
DnsLabel = Annotated[str, AfterValidator(_check_label), in_schema_as(DNS1123, 63)]
ObjectName = Annotated[str, AfterValidator(_check_subdomain), in_schema_as(SUBDOMAIN, 253)]
Image = Annotated[str, AfterValidator(_check_image), in_schema_as(IMAGE, MAX_IMAGE)]
Quantity = Annotated[
    str,
    BeforeValidator(_number_as_text),
    AfterValidator(_check_quantity),
    in_schema(type=["string", "number"], pattern=ecma_pattern(QUANTITY)),
]
Version = Annotated[str, Field(pattern=r"^v?[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?$")]
FreeForm = Annotated[dict[str, Any], AfterValidator(_check_free_form)]
AsTuple = BeforeValidator(_check_tuple)
