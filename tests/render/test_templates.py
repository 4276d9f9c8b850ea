"""Claims about the templates that are shipped, as texts."""

from __future__ import annotations

import re

import pytest

from generator.render.context import TEMPLATE_KINDS
from generator.render.shipped import shipped_templates


def test_there_is_a_template_for_every_kind_and_nothing_unused() -> None:
    texts = shipped_templates()
    included = set(re.findall(r'include "([^"]+)"', "".join(texts.values())))
    assert set(TEMPLATE_KINDS) | included == set(texts)


@pytest.mark.parametrize("name", sorted(shipped_templates()))
def test_templates_are_plain_text_with_unix_line_ends(name: str) -> None:
    text = shipped_templates()[name]
    assert text.endswith("\n")
    assert text.isascii()
    assert "\r" not in text
    assert "\t" not in text


@pytest.mark.parametrize("name", sorted(shipped_templates()))
def test_no_template_starts_a_shell_or_holds_a_secret(name: str) -> None:
    text = shipped_templates()[name]
    assert not re.search(r"\b(sh|bash|exec)\b", text)
    assert "stringData" not in text
    assert "kind: Secret" not in text
