"""Base of all file models: frozen, camelCase in files, unknown fields refused.

Owns: the pydantic configuration and the scalar types that more than one model uses. Refuses: any rule that needs
two fields (that is `rules`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from generator.spec.names import ImageReference, is_dns_label, is_dns_subdomain
from generator.spec.quantity import canonical_quantity

API_VERSION = "revstamp.io/v1"

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udfff]")


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


def has_control_characters(text: str) -> bool:
    """Whether the text holds characters that YAML or Kubernetes cannot carry; tabs and newlines are not among them."""
    return _CONTROL.search(text) is not None


def _check_text(value: str) -> str:
    if has_control_characters(value):
        raise wrong("holds a control character", "remove it")
    return value


def _check_line(value: str) -> str:
    if has_control_characters(value) or "\n" in value or "\r" in value or "\t" in value:
        raise wrong("must be one line of printable text", "remove line breaks, tabs and control characters")
    return value


def _check_label(value: str) -> str:
    if not is_dns_label(value):
        raise wrong(f"{value!r} is not a Kubernetes name", "use lower-case letters, digits and '-', at most 63")
    return value


def _check_subdomain(value: str) -> str:
    if not is_dns_subdomain(value):
        raise wrong(f"{value!r} is not a Kubernetes object name", "use lower-case letters, digits, '-' and '.'")
    return value


def _check_image(value: str) -> str:
    if ImageReference.parse(value) is None:
        raise wrong(f"{value!r} is not an image reference", "write registry/repository:tag or …@sha256:…")
    return value


def _number_as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _check_quantity(value: str) -> str:
    try:
        canonical_quantity(value)
    except ValueError as error:
        raise wrong(str(error), 'write a quantity such as "500m", "2" or "16Gi"') from None
    return value


def _check_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Text = Annotated[str, AfterValidator(_check_text)]
Line = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_check_line)]
DnsLabel = Annotated[str, AfterValidator(_check_label)]
ObjectName = Annotated[str, AfterValidator(_check_subdomain)]
Image = Annotated[str, AfterValidator(_check_image)]
Quantity = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_check_quantity)]
AsTuple = BeforeValidator(_check_tuple)
