"""Kubernetes quantities: parsing, comparing, and the canonical form that the API server answers with.

Owns: resource.Quantity's arithmetic (k8s.io/apimachinery/pkg/api/resource). Refuses: what a quantity is for.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from generator.spec.text import shown

QUANTITY = re.compile(
    r"(?P<sign>[+-]?)(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)(?P<suffix>[A-Za-z]{0,2}|[eE][+-]?[0-9]{1,2})"
)
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_EXPONENT = re.compile(r"[eE][+-]?[0-9]{1,2}")
_LARGEST = 2**63 - 1
_NANO = Fraction(1, 10**9)


def _split(text: str) -> tuple[Fraction, str]:
    """The value and its format: `binary`, `decimal` or `exponent`."""
    match = QUANTITY.fullmatch(text) if len(text) <= 64 else None
    if match is None:
        raise ValueError(f"{shown(text)} is not a Kubernetes quantity")
    number = Fraction(match["number"].rstrip(".") or "0") * (-1 if match["sign"] == "-" else 1)
    suffix = match["suffix"]
    if suffix in _BINARY:
        return number * 1024 ** _BINARY[suffix], "binary"
    if suffix in _DECIMAL:
        return number * Fraction(10) ** _DECIMAL[suffix], "decimal"
    if _EXPONENT.fullmatch(suffix):
        return number * Fraction(10) ** int(suffix[1:]), "exponent"
    raise ValueError(f"{shown(text)} is not a Kubernetes quantity")


@lru_cache(4096)  # a fleet has few different quantities, each asked for many times
def quantity_value(text: str) -> Fraction:
    """The exact value in base units (cores, bytes). ValueError where the text is no quantity or over 2^63-1."""
    value, _ = _split(text)
    if abs(value) > _LARGEST:
        raise ValueError(f"{shown(text)} is larger than Kubernetes can hold")
    return value


@lru_cache(4096)
def canonical_quantity(text: str) -> str:
    """The form in which the API server returns the quantity: `1024Mi` → `1Gi`, `0.5` → `500m`.

    Precision finer than nano is rounded up, as the server does. ValueError as in `quantity_value`.
    """
    quantity_value(text)
    value, form = _split(text)
    nanos = -(-abs(value) // _NANO) * (1 if value >= 0 else -1)
    value = nanos * _NANO
    if value == 0:
        return "0"
    if form == "binary" and abs(value) >= 1024 and value.denominator == 1:
        return _write_binary(int(value))
    return _write_decimal(value, exponent_form=form == "exponent")


def _write_binary(value: int) -> str:
    power = 0
    while value % 1024 == 0 and power < 6:
        value //= 1024
        power += 1
    suffix = next((name for name, exponent in _BINARY.items() if exponent == power), "")
    return f"{value}{suffix}"


def _write_decimal(value: Fraction, *, exponent_form: bool) -> str:
    exponent = -9
    mantissa = int(value * 10**9)
    while mantissa % 1000 == 0 and exponent < 18:
        mantissa //= 1000
        exponent += 3
    if exponent_form:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    suffix = next(name for name, power in _DECIMAL.items() if power == exponent)
    return f"{mantissa}{suffix}"
