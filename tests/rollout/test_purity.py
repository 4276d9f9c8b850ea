"""The room knows what a time is, and never asks what time it is."""

from __future__ import annotations

import ast

import pytest

from tests.test_imports import PACKAGE, impure_uses

MODULES = sorted((PACKAGE / "rollout").glob("*.py"))
CLOCKS = {"now", "utcnow", "today"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_an_assessment_touches_nothing_but_what_it_is_given(path: object) -> None:
    """No clock, no chance, no network, no file, no environment."""
    tree = ast.parse(path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]
    called = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")}
    assert set(impure_uses(tree)) <= {"datetime"}
    assert not called & CLOCKS
