"""Quantities are read and written as Kubernetes does."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.spec.quantity import canonical_quantity, quantity_value

CANONICAL = """
0=0 0Mi=0 1=1 1.0=1 01=1 007=7 +5=5 -1=-1 -0.5=-500m 100m=100m 1000m=1 1500m=1500m 0.5=500m .5=500m 5.=5 1.5=1500m
0.1=100m 0.001=1m 0.0001=100u 0.000000001=1n 0.0000000001=1n 12.345678901=12345678901n 250n=250n 1000n=1u 1u=1u
1000u=1m 2500u=2500u 1k=1k 1000=1k 1000k=1M 1500=1500 1024=1024 1025=1025 1M=1M 1000M=1G 1500M=1500M 0.5M=500k 1G=1G
2.5G=2500M 1000G=1T 1T=1T 1P=1P 1E=1E 9E=9E 1Ki=1Ki 1024Ki=1Mi 1000Ki=1000Ki 1536Ki=1536Ki 0.5Ki=512 1.5Ki=1536
1Mi=1Mi 1024Mi=1Gi 16384Mi=16Gi 1000Mi=1000Mi 1.5Mi=1536Ki 0.1Mi=104857600m 0.5Mi=512Ki 1Gi=1Gi 1024Gi=1Ti
1.5Gi=1536Mi 0.1Gi=107374182400m 0.3Gi=322122547200m 24Gi=24Gi 32Gi=32Gi 1Ti=1Ti 1.5Ti=1536Gi 1Pi=1Pi 1Ei=1Ei 7Ei=7Ei
1e3=1e3 1E3=1e3 1000e0=1e3 12e1=120 1e-3=1e-3 1e-7=100e-9 1e-10=1e-9 1e+2=100 1E+02=100 1.5e10=15e9 1e18=1e18
3.14Gi=3371549327360m 7.999999999Gi=8589934590926258176n 999999999Ki=999999999Ki 1023=1023 1023Ki=1023Ki
1048576=1048576 1048576Ki=1Gi -1Gi=-1Gi -1024Mi=-1Gi
"""
"""Text and canonical form, as `resource.ParseQuantity` and `CanonicalizeBytes` of k8s.io/apimachinery v0.33 answer."""

NO_QUANTITIES = "16gigs . m Gi 1e 1ee 1K 1mi 1gi 1KiB 1Zi 1i --1 1..5 1.5.5 1_000 0x10 1,5 inf nan 1Gi1 １ ٣ 1e999"
UNITS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}

numbers = st.decimals(0, 10_000, allow_nan=False, allow_infinity=False, places=3)
suffixes = st.sampled_from([*UNITS, *BINARY])


@pytest.mark.parametrize("pair", CANONICAL.split())
def test_canonical_forms_are_those_of_the_api_server(pair: str) -> None:
    """The table was answered by Kubernetes' own library; each form is also its own canonical form."""
    text, canonical = pair.split("=")
    assert canonical_quantity(text) == canonical
    assert canonical_quantity(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    ["", " ", "1 ", " 1", "1\n", "1" * 65, "1 Gi", *NO_QUANTITIES.split()],
)
def test_what_kubernetes_does_not_read_is_no_quantity(text: str) -> None:
    """Spaces, other digits, unknown suffixes and endless numbers are refused, with the text in the message."""
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        canonical_quantity(text)


@pytest.mark.parametrize("text", ["10E", "8Ei", "9223372036854775808", "1e19", "-10E"])
def test_a_quantity_beyond_64_bits_is_refused(text: str) -> None:
    """Kubernetes caps such a number without a word; a person should hear of it."""
    with pytest.raises(ValueError, match="larger than Kubernetes can hold"):
        canonical_quantity(text)


@given(numbers, suffixes)
def test_the_canonical_form_keeps_the_value(number: Decimal, suffix: str) -> None:
    """An independent reading of the text and of its canonical form gives one value, but for parts below nano."""
    text = f"{number}{suffix}"
    value = _read(text)
    if abs(value) > 2**63 - 1:
        return
    nanos = -(-value * 10**9 // 1)
    assert _read(canonical_quantity(text)) == Fraction(nanos, 10**9)


@given(numbers, suffixes)
def test_the_canonical_form_is_its_own(number: Decimal, suffix: str) -> None:
    """Writing a canonical form again changes nothing, so manifests do not drift."""
    try:
        once = canonical_quantity(f"{number}{suffix}")
    except ValueError:
        return
    assert canonical_quantity(once) == once


@given(numbers, suffixes, numbers, suffixes)
def test_canonical_forms_of_one_format_are_equal_only_for_equal_values(
    one: Decimal, first: str, two: Decimal, second: str
) -> None:
    """Two amounts compare as their values do, however they are written."""
    try:
        values = quantity_value(f"{one}{first}"), quantity_value(f"{two}{second}")
    except ValueError:
        return
    assert (values[0] < values[1]) == (_read(f"{one}{first}") < _read(f"{two}{second}"))


@given(st.text(max_size=12))
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    """No other exception leaves the parser."""
    try:
        quantity_value(text)
    except ValueError:
        return


def _read(text: str) -> Fraction:
    """An oracle of its own: digits and one suffix, by shifting decimals."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    suffix = text[len(number) :]
    value = Fraction(Decimal(number))
    return value * 2 ** BINARY[suffix] if suffix in BINARY else value * Fraction(10) ** UNITS[suffix]
