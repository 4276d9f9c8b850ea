"""The Jinja environment of templates: sandboxed, strict, bounded, and without a way from values into structure.

Owns: what a template may call, how far it may run, and what `{{ value }}` leaves in its text: never the value, only
a token that stands for it. The text with tokens is parsed as YAML and the values are put in afterwards (`skeleton`),
so a value cannot add a line, a key or a comment, whatever it holds. Refuses: templates' sources and files.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, ClassVar

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.loaders import BaseLoader
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from generator.render.filters import (
    FILTERS,
    MARK_CLOSE,
    MARK_OPEN,
    Fragment,
    bounded_range,
    check_size,
    join_words,
)

OPEN, CLOSE = "\ue000", "\ue001"
"""Around the number of a value in a template's text; private-use characters that YAML takes as text."""

MAX_STEPS = 20_000
"""Turns of loops and calls of macros in one rendering; the shipped templates need about fifty."""


class Run:
    """One rendering: the values that its tokens stand for, and the steps that are left."""

    __slots__ = ("steps", "values")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.steps = MAX_STEPS


class Missing(StrictUndefined):
    """A name that is not there; its message lists those that are."""

    @property
    def _undefined_message(self) -> str:
        if isinstance(self._undefined_obj, dict):
            names = ", ".join(str(key) for key in self._undefined_obj)
            return f"there is no {self._undefined_name!r} here, only: {names or 'nothing'}"
        return super()._undefined_message


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
    check_size(len(text))
    return text


class _Generator(CodeGenerator):
    """Jinja's compiler, but for `~`, which must not make endless text."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802  (Jinja's name)
        self.write("environment.join_words((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class TemplateEnvironment(ImmutableSandboxedEnvironment):
    """Jinja with finalizing tokens, a budget of steps, and nothing callable but a few methods and filters."""

    code_generator_class = _Generator

    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"*", "**", "%", "+"})  # type: ignore[misc]

    def __init__(self, loader: BaseLoader, *, marked: bool = False) -> None:
        super().__init__(
            loader=loader,
            undefined=Missing,
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
        self.filters = dict(FILTERS)
        self.globals = {"range": bounded_range, "namespace": self.globals["namespace"]}

    @property
    def tick(self) -> None:
        """Take one step of the budget; every loop and macro begins with reading this."""
        run = current_run.get()
        run.steps -= 1
        if run.steps < 0:
            raise SecurityError(f"the template takes more than {MAX_STEPS:,} steps")

    def join_words(self, parts: Iterable[Any]) -> str:
        """What `~` makes: text, which is a value."""
        return join_words(parts)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key before a method, so that data may have keys such as `items`."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> None:
        """Jinja lets `str.format` through, wrapped; here it is an attribute like others, so not allowed."""

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
        if operator == "+" and type(left) is type(right) and isinstance(left, str | list | tuple):
            check_size(len(left) + len(right))
            return left + right
        raise SecurityError(f"{operator!r} between {type(left).__name__} and {type(right).__name__} is not allowed")

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for node in list(tree.find_all(_WATCHED)):
            if isinstance(node, nodes.For | nodes.Macro | nodes.CallBlock):
                node.body.insert(0, nodes.ExprStmt(nodes.EnvironmentAttribute("tick"), lineno=node.lineno))
            if problem := _unfinalized(node):
                raise TemplateSyntaxError(problem, node.lineno, name, filename)
            if self.marked and isinstance(node, nodes.TemplateData):
                node.data = _mark_lines(node.data, name or "", node.lineno)
        return tree


_WATCHED: Any = (nodes.For, nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.TemplateData)


def _unfinalized(node: nodes.Node) -> str:
    """What is wrong with a block whose result Jinja writes without finalizing it, but for the safe forms."""
    if isinstance(node, nodes.FilterBlock):
        plain = isinstance(node.filter, nodes.Filter) and node.filter.name == "indent" and node.filter.node is None
        return "" if plain else "only 'indent' can filter a block"
    if isinstance(node, nodes.CallBlock) and not isinstance(node.call.node, nodes.Name):
        return "only a macro can be called with a block"
    return ""


def _mark_lines(text: str, name: str, line: int) -> str:
    """The text with the template's name and line at its start and at the start of each further line."""
    return "\n".join(
        f"{MARK_OPEN}{name}:{line + offset}{MARK_CLOSE}{piece}" for offset, piece in enumerate(text.split("\n"))
    )
