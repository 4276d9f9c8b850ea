"""Templates to objects: the shipped templates with a company's own laid over them, file by file.

Owns: `TemplateSet`. Refuses: reading files (`shipped` and the callers hand over texts) and what the objects mean.
Every failure is a RenderFailed that names the template and the line as well as they can be known.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from jinja2 import TemplateNotFound
from jinja2.exceptions import SecurityError, TemplateSyntaxError, UndefinedError
from jinja2.loaders import BaseLoader

from generator.errors import RenderFailed, Violation
from generator.render.filters import MARK_CLOSE, MARK_OPEN
from generator.render.parse import YamlProblem, find_line
from generator.render.sandbox import Run, TemplateEnvironment, current_run
from generator.render.skeleton import fill_skeleton, parse_skeleton

MAX_SHAPES = 1024
"""Parsed shapes that are kept; a fleet has a few dozen."""

_MARK = re.compile(f"{MARK_OPEN}([^{MARK_CLOSE}]*):([0-9]+){MARK_CLOSE}")


class TemplateSet:
    """Named template texts. `overrides` replace shipped ones of the same name and may add pieces to include."""

    def __init__(self, shipped: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> None:
        self._overridden = frozenset(overrides or {})
        self.sources: Mapping[str, str] = {**shipped, **(overrides or {})}

    @cached_property
    def digest(self) -> str:
        """`sha256:…` over names and texts: the same templates have the same digest wherever they come from."""
        digest = hashlib.sha256()
        for name in sorted(self.sources):
            for part in (name, self.sources[name]):
                data = part.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "big") + data)
        return f"sha256:{digest.hexdigest()}"

    def render_object(self, template: str, values: Mapping[str, Any]) -> Any:
        """The data that a template makes of the values; None where it makes nothing. RenderFailed."""
        run, text = self._render(self._compiled.environment, template, values)
        try:
            return fill_skeleton(self._compiled.shape(text), run.values)
        except YamlProblem as problem:
            number = problem.line
            place, line = self._trace(template, values, lambda _: number)
            raise self._failed(problem.message, place, line, problem.hint) from problem

    def find_place(self, template: str, values: Mapping[str, Any], path: Sequence[str | int]) -> tuple[str, int]:
        """The template's file and line that make the field at `path`, or its nearest parent."""
        return self._trace(template, values, lambda text: find_line(text, path))

    @cached_property
    def _compiled(self) -> _Compiled:
        return _compile(tuple(sorted(self.sources.items())))

    def _place(self, name: str) -> str:
        """The name by which people find a template: their own file, or the one that revstamp ships."""
        return f"templates/{name}" if name in self._overridden else f"revstamp:templates/{name}"

    def _failed(self, message: str, place: str, line: int, hint: str) -> RenderFailed:
        hint = hint or "correct this line of the template, or the one above it"
        violation = Violation(message, fix=hint, file=place, line=line, code="template")
        return RenderFailed(f"{place}:{line}: {message}", hint=hint, violations=[violation])

    def _render(self, environment: TemplateEnvironment, name: str, values: Mapping[str, Any]) -> tuple[Run, str]:
        run = Run()
        token = current_run.set(run)
        try:
            return run, str(environment.get_template(name).render(values))
        except Exception as error:
            raise self._explain(error, name, values) from error
        finally:
            current_run.reset(token)

    def _explain(self, error: Exception, name: str, values: Mapping[str, Any]) -> RenderFailed:
        """Whatever running a template raised, as one error with a place and a hint."""
        place, line = _deepest_frame(error, self.sources) or (name, 1)
        message, hint = str(error) or type(error).__name__, "correct the template"
        if isinstance(error, TemplateSyntaxError):
            place, line, message = error.name or name, error.lineno, error.message or "syntax error"
        elif isinstance(error, TemplateNotFound):
            message, hint = f"there is no template {error.name!r}", f"there are: {', '.join(sorted(self.sources))}"
        elif isinstance(error, UndefinedError):
            hint = f"templates can use: {', '.join(sorted(values))}"
        elif isinstance(error, RecursionError):
            message, hint = "the template includes or calls itself without end", "end the recursion"
        elif isinstance(error, SecurityError):
            hint = "templates can use data, loops, conditions and a few filters, nothing else"
        return self._failed(message, self._place(place), line, hint)

    def _trace(self, name: str, values: Mapping[str, Any], line_of: Callable[[str], int]) -> tuple[str, int]:
        """Render once more with every line marked, and look up where a line of the text comes from."""
        _, marked = self._render(self._compiled.marked_environment, name, values)
        places: list[tuple[str, int]] = []
        place = (name, 1)
        for line in marked.split("\n"):
            for mark in _MARK.finditer(line):
                if _MARK.sub("", line[: mark.start()]).strip():
                    break
                place = (mark[1], int(mark[2]))
            places.append(place)
            for mark in _MARK.finditer(line):
                place = (mark[1], int(mark[2]))
        number = line_of(_MARK.sub("", marked))
        found, line_number = places[min(number, len(places)) - 1]
        return self._place(found), line_number


class _Sources(BaseLoader):
    """Hands texts to Jinja; the name stands for the file, so that tracebacks carry it."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template not in self._sources:
            raise TemplateNotFound(template)
        return self._sources[template], template, lambda: True


class _Compiled:
    """What is made of texts once a process: compiled templates, lazily, and the shapes of what they made."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._loader = _Sources(sources)
        self._shapes: dict[str, Any] = {}
        self.environment = TemplateEnvironment(self._loader)

    @cached_property
    def marked_environment(self) -> TemplateEnvironment:
        """Only made when an error has to be placed."""
        return TemplateEnvironment(self._loader, marked=True)

    def shape(self, text: str) -> Any:
        """The parsed shape of a text. Endpoints of one shape have one text, so most are found, not parsed."""
        try:
            return self._shapes[text]
        except KeyError:
            shape = parse_skeleton(text)
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        self._shapes[text] = shape
        return shape


@lru_cache(maxsize=8)
def _compile(sources: tuple[tuple[str, str], ...]) -> _Compiled:
    return _Compiled(dict(sources))


def _deepest_frame(error: Exception, names: Mapping[str, str]) -> tuple[str, int] | None:
    """The template and line in which an exception arose; Jinja rewrites tracebacks to template lines."""
    found = None
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename in names:
            found = (frame.tb_frame.f_code.co_filename, frame.tb_lineno)
        frame = frame.tb_next
    return found
