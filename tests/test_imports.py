"""The rooms: who may import whom, what each says of itself, what the pure core never touches, what starts fast."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "generator"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
PURE = [path for room in ("spec", "render") for path in sorted((PACKAGE / room).rglob("*.py"))]
IMPURE_MODULES = {"time", "random", "secrets", "socket", "subprocess", "threading", "datetime", "http", "urllib", "git"}
IMPURE_NAMES = {("os", "environ"), ("os", "getenv"), ("os", "urandom"), ("uuid", "uuid4"), ("uuid", "uuid1")}
SLOW_MODULES = {"pydantic", "git", "gitdb", "rich", "jinja2", "jsonschema_rs", "yaml"}

PRINT_MODULES = """\
import json, sys
from generator.cli.main import run
code = run(sys.argv[1:])
print(json.dumps({"code": code, "modules": sorted({name.split(".")[0] for name in sys.modules})}), file=sys.stderr)
"""


def test_rooms_import_only_from_rooms_below() -> None:
    """The contracts in pyproject.toml hold; `lint-imports` says which import breaks one."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_what_it_owns_and_what_it_refuses(room: str) -> None:
    """A room is a package; its docstring draws its border."""
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert "Owns:" in text, f"generator/{room}/__init__.py does not say what it owns"
    assert "Refuses:" in text, f"generator/{room}/__init__.py does not say what it refuses"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_module_says_what_it_is(path: Path) -> None:
    """Every module opens with a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_pure_core_sees_no_clock_chance_network_process_or_environment(path: Path) -> None:
    """Same input, same bytes: whatever could differ between two runs is out of reach."""
    found = set(impure_uses(ast.parse(path.read_text(encoding="utf-8"))))
    assert not found, f"{path.relative_to(ROOT)} uses {', '.join(sorted(found))}"


def impure_uses(tree: ast.AST) -> Iterator[str]:
    """What a module imports or reads that belongs to the machine, the moment or chance."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names if item.name.split(".")[0] in IMPURE_MODULES)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.split(".")[0] in IMPURE_MODULES:
                yield module
            yield from (f"{module}.{item.name}" for item in node.names if (module, item.name) in IMPURE_NAMES)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in IMPURE_NAMES
        ):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            yield "open()"


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from os import environ",
        "import os\nos.environ['A']",
        "from datetime import UTC",
        "open('a')",
    ],
)
def test_the_scan_of_the_pure_core_finds_what_it_looks_for(text: str) -> None:
    """A scan that finds nothing must be able to find something."""
    assert list(impure_uses(ast.parse(text)))


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_import_nothing_slow(word: str) -> None:
    """The libraries that do the work are imported by the command that needs them, not by the list of commands."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_MODULES, word], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seen = json.loads(done.stderr.splitlines()[-1])
    assert seen["code"] == 0
    assert done.stdout
    slow = SLOW_MODULES & set(seen["modules"])
    assert not slow, f"revstamp {word} imports {', '.join(sorted(slow))}"
