"""Where values come from, and the record of it.

Owns: picking a value from the endpoint, its environment or the defaults, with its origin. Refuses: knowing the fields.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from generator.errors import Violation
from generator.spec.defaults import DEFAULTS
from generator.spec.document import Document, Path
from generator.spec.endpoint import Endpoint
from generator.spec.environment import Environment
from generator.spec.resolved import Origin


class Sources:
    """One resolution under way: the two files, and the origins and findings gathered so far."""

    def __init__(
        self, endpoint: Endpoint, document: Document, environment: Environment, env_document: Document
    ) -> None:
        self.endpoint, self.document = endpoint, document
        self.environment, self.env_document = environment, env_document
        self.spec, self.env = endpoint.spec, environment.spec
        self.origins: dict[str, Origin] = {}
        self.violations: list[Violation] = []
        self.notices: list[str] = []

    def from_file(self, path: Path) -> Origin:
        """The origin of a value that the endpoint's file, or a request on top of it, gives."""
        label = self.document.label(path)
        if label is not None:
            return Origin("request", f"request {label}")
        return Origin("file", f"{self.document.file}:{self.document.place(path).line}")

    def from_environment(self, path: Path, note: str = "") -> Origin:
        """The origin of a value that the environment's file gives."""
        place = self.env_document.place(path)
        return Origin("environment", f"{self.env_document.file}:{place.line}", note)

    def note_given(self, name: str, path: Path, value: Any) -> None:
        """Keep the origin of a field that only the endpoint's file can give, where it does."""
        if value is not None:
            self.origins[name] = self.from_file(path)

    def note(self, name: str, value: Any, origin: Origin) -> Any:
        """Keep the origin of a dotted field, and hand the value through."""
        self.origins[name] = origin
        return value

    def pick(self, name: str, default: Any = None, env_path: Path | None = None, note: str = "") -> Any:
        """The endpoint's value of a dotted field, else the environment's, else the default; the origin is kept."""
        path: Path = tuple(name.split("."))
        value = get_field(self.spec, path)
        if value is not None:
            return self.note(name, value, self.from_file(("spec", *path)))
        env_path = env_path or path
        value = get_field(self.env, env_path)
        if value is not None:
            return self.note(name, value, self.from_environment(("spec", *env_path), note))
        value = DEFAULTS.get(name, default) if default is None else default
        if value is not None:
            self.note(name, value, Origin("default", "revstamp's default"))
        return value


def get_field(value: Any, path: Path) -> Any:
    """The value at a path of file names, through models and mappings; None where there is none."""
    for part in path:
        if value is None:
            return None
        value = value.get(part) if isinstance(value, dict) else getattr(value, _snake(str(part)), None)
    return value


@cache
def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
