"""The Jinja environment of templates: sandboxed, strict, bounded, and without a way from values into structure.

Owns: what a template may call, how far it may run, and what `{{ value }}` leaves in its text: never the value, only
a token that stands for it. The text with tokens is parsed as YAML and the values are put in afterwards (`skeleton`),
so a value cannot add a line, a key or a comment, whatever it holds. Refuses: templates' sources and files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, ClassVar

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.filters import do_default
from jinja2.loaders import BaseLoader
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

OPEN, CLOSE = "\ue000", "\ue001"
"""Around the number of a value in a template's text; private-use characters that YAML takes as text."""

MARK_OPEN, MARK_CLOSE = "\ue002", "\ue003"
"""Around `template:line` in text that is rendered again to find the place of an error."""

MAX_STEPS = 20_000
"""Turns of loops and calls of macros in one rendering; the shipped templates need about fifty."""

MAX_TEXT = 1_000_000
"""Characters of one rendering; an object must fit etcd's 1.5 MB."""

MAX_RANGE = 1_000


class Fragment(str):
    """Text that a template made itself (a macro's result, a captured block), so it is no value and is not held."""

    __slots__ = ()


class Run:
    """One rendering: the values that its tokens stand for, and the steps that are left."""

    __slots__ = ("steps", "values")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.steps = MAX_STEPS


current_run: ContextVar[Run] = ContextVar("current_run")

_STRING_METHODS = frozenset({"startswith", "endswith", "lower", "upper", "strip", "lstrip", "rstrip", "split"})
_MAP_METHODS = frozenset({"items", "keys", "values", "get"})
_LOOP_FIELDS = frozenset(
    {"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"}
)
_TOKENS = tuple(f"{OPEN}{number}{CLOSE}" for number in range(512))


@pass_context
def _hold(_context: Context, value: Any) -> str:
    """Keep the value for later and leave its token; the context is asked for so that constants are not folded."""
    if type(value) is Fragment:
        return value
    if isinstance(value, Undefined):
        str(value)
    values = current_run.get().values
    values.append(value)
    number = len(values) - 1
    return _TOKENS[number] if number < 512 else f"{OPEN}{number}{CLOSE}"


def _concat(parts: Iterable[str]) -> Fragment:
    text = Fragment("".join(parts))
    if len(text) > MAX_TEXT:
        raise SecurityError(f"the template makes more than {MAX_TEXT:,} characters")
    return text


def _indent(text: str, width: int) -> str:
    """Every line that is not empty, moved to the right; for shared pieces: `{% filter indent(6) %}…`."""
    pad = " " * min(width, 100)
    lines = (pad + line if line.strip() else line for line in text.splitlines(keepends=True))
    return type(text)("".join(lines)) if type(text) is Fragment else "".join(lines)


def _merge(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """A map with the keys of both; those of the second win."""
    return {**base, **more}


def _bounded_range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > MAX_RANGE:
        raise SecurityError(f"a range of more than {MAX_RANGE:,} numbers")
    return numbers


_FILTERS: dict[str, Callable[..., Any]] = {
    "default": do_default,
    "indent": _indent,
    "join": lambda items, separator="": separator.join(str(item) for item in items),
    "length": len,
    "lower": lambda text: str(text).lower(),
    "merge": _merge,
    "replace": lambda text, old, new: str(text).replace(old, new) if old else str(text),
    "string": str,
    "trim": lambda text: str(text).strip(),
    "upper": lambda text: str(text).upper(),
}


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Jinja with finalizing tokens, a budget of steps, and nothing callable but a few methods and filters."""

    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"*", "**", "%", "+"})  # type: ignore[misc]

    def __init__(self, loader: BaseLoader, *, marked: bool = False) -> None:
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            finalize=_hold,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
            cache_size=-1,
        )
        self.marked = marked
        self.concat = _concat  # type: ignore[method-assign]
        self.filters = dict(_FILTERS)
        self.globals = {"range": _bounded_range, "namespace": self.globals["namespace"]}

    @property
    def tick(self) -> None:
        """Take one step of the budget; every loop and macro begins with reading this."""
        run = current_run.get()
        run.steps -= 1
        if run.steps < 0:
            raise SecurityError(f"the template takes more than {MAX_STEPS:,} steps")

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key before a method, so that data may have keys such as `items`."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """An allow-list: `str.format` alone would reach far, and padding methods make endless text."""
        if isinstance(obj, str):
            return attr in _STRING_METHODS
        if isinstance(obj, dict):
            return attr in _MAP_METHODS
        return attr in _LOOP_FIELDS and type(obj).__name__ == "LoopContext"

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic on numbers; text and lists may only be added, within bounds."""
        numbers = all(isinstance(side, int | float) and abs(side) < 2**63 for side in (left, right))
        if numbers and (operator != "**" or 0 <= right <= 64):
            return super().call_binop(context, operator, left, right)
        addable = operator == "+" and type(left) is type(right) and isinstance(left, str | list | tuple)
        if addable and len(left) + len(right) <= MAX_TEXT:
            return left + right
        raise SecurityError(f"{operator!r} between {type(left).__name__} and {type(right).__name__} is not allowed")

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _check_blocks(tree, name, filename)
        for loop in _loops(tree):
            loop.body.insert(0, nodes.ExprStmt(nodes.EnvironmentAttribute("tick"), lineno=loop.lineno))
        if self.marked:
            for data in list(tree.find_all(nodes.TemplateData)):
                data.data = _mark_lines(data.data, name or "", data.lineno)
        return tree


def _loops(tree: nodes.Template) -> Iterator[nodes.For | nodes.Macro | nodes.CallBlock]:
    """Everything whose body may run more than once."""
    yield from tree.find_all(nodes.For)
    yield from tree.find_all(nodes.Macro)
    yield from tree.find_all(nodes.CallBlock)


def _check_blocks(tree: nodes.Template, name: str | None, filename: str | None) -> None:
    """Refuse the two blocks whose result Jinja writes without finalizing it, but for the safe forms."""
    for block in tree.find_all(nodes.FilterBlock):
        if not isinstance(block.filter, nodes.Filter) or block.filter.name != "indent" or block.filter.node is not None:
            raise TemplateSyntaxError("only 'indent' can filter a block", block.lineno, name, filename)
    for call in tree.find_all(nodes.CallBlock):
        if not isinstance(call.call.node, nodes.Name):
            raise TemplateSyntaxError("only a macro can be called with a block", call.lineno, name, filename)


def _mark_lines(text: str, name: str, line: int) -> str:
    """The text with the template's name and line at its start and at the start of each further line."""
    return "\n".join(
        f"{MARK_OPEN}{name}:{line + offset}{MARK_CLOSE}{piece}" for offset, piece in enumerate(text.split("\n"))
    )
