"""Everything one tree says: the repository's settings, its environments, its endpoints and their stamps.

Owns: reading and understanding the files of a tree, each at most once. Refuses: changing anything.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from generator.errors import InvalidInput, NotARepository, NotFound
from generator.render.stamp import Stamp
from generator.service.layout import ENVIRONMENTS, REPOSITORY_FILE, TEMPLATES, Layout
from generator.service.tree import FileTree, RecentTree
from generator.spec.document import Document
from generator.spec.endpoint import Endpoint
from generator.spec.environment import Environment
from generator.spec.names import endpoint_name, is_dns_label, is_endpoint_name
from generator.spec.repository_file import RepositoryFile
from generator.spec.validate import load_endpoint, load_environment, load_repository_file

if TYPE_CHECKING:
    from generator.render.engine import TemplateSet

_ROUTE = re.compile(rb"""(?m)^(?:[^#\n]*[\s{,])?["']?route["']?:\s*["']?(/[^\s"',}#]*)""")


@dataclass(frozen=True, slots=True)
class EndpointRef:
    """One endpoint of one environment."""

    environment: str
    name: str

    def __str__(self) -> str:
        return f"{self.environment}/{self.name}"


def ref_of_row(identity: str, environment: str) -> EndpointRef | None:
    """The endpoint of a row of the platform; None where its id is none."""
    try:
        return EndpointRef(environment, endpoint_name(identity))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class EndpointFile:
    """An endpoint's file: where it is, its bytes, and what they mean."""

    path: str
    content: bytes
    endpoint: Endpoint
    document: Document


class Fleet:
    """What one tree of files says. InvalidInput and NotFound name the file that is wrong or missing."""

    def __init__(self, tree: FileTree, successor: Fleet | None = None) -> None:
        """`successor` lends its settings to a tree that has none yet, such as that of an empty repository."""
        self.tree: FileTree = RecentTree(tree)
        self._successor = successor
        self._environments: dict[str, tuple[Environment, Document]] = {}

    @cached_property
    def settings(self) -> RepositoryFile:
        """The repository's `revstamp.yaml`."""
        content = self.tree.read(REPOSITORY_FILE)
        if content is None and self._successor is not None:
            return self._successor.settings
        if content is None:
            raise NotARepository(
                f"there is no {REPOSITORY_FILE} here",
                hint="run `revstamp init FOLDER`, or change to a GitOps repository",
            )
        return load_repository_file(content, REPOSITORY_FILE)[0]

    @cached_property
    def layout(self) -> Layout:
        """The repository's paths."""
        spec = self.settings.spec
        return Layout(spec.shards, spec.endpoint_folders == "sharded")

    @cached_property
    def templates(self) -> TemplateSet:
        """The shipped templates, with the repository's own on top where it says so."""
        from generator.render.engine import TemplateSet
        from generator.render.shipped import shipped_templates

        shipped = shipped_templates()
        if self.settings.spec.templates == "shipped":
            return TemplateSet(shipped)
        own = {}
        for name in self.tree.names(TEMPLATES):
            content = self.tree.read(f"{TEMPLATES}/{name}")
            if content is None or not name.endswith(".j2"):
                continue
            try:
                own[name] = content.decode("utf-8")
            except UnicodeDecodeError:
                raise InvalidInput(f"{TEMPLATES}/{name} is not UTF-8 text", hint="save it as UTF-8") from None
        return TemplateSet(shipped, own)

    def environment_names(self) -> tuple[str, ...]:
        """All environments that have a file."""
        names = (name for name in self.tree.names(ENVIRONMENTS) if is_dns_label(name))
        return tuple(name for name in names if self.tree.read(self.layout.environment_file(name)) is not None)

    def environment(self, name: str) -> tuple[Environment, Document]:
        """The environment and its document."""
        if name not in self._environments:
            path = self.layout.environment_file(name) if is_dns_label(name) else ""
            content = self.tree.read(path) if path else None
            if content is None:
                known = self.environment_names()
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"environments: {', '.join(known) or 'none'}"
                raise NotFound(f"there is no environment {name!r}", hint=hint)
            environment, document = load_environment(content, path)
            if environment.metadata.name != name:
                violation = document.violation(
                    ("metadata", "name"),
                    f"the name is {environment.metadata.name!r}, the folder {name!r}",
                    "make them one",
                )
                raise InvalidInput(f"{path} is in the wrong folder", violations=[violation])
            self._environments[name] = (environment, document)
        return self._environments[name]

    def endpoint_names(self, environment: str) -> tuple[str, ...]:
        """All endpoints of an environment that have a file, sorted."""
        return tuple(sorted(name for name, _ in self._endpoint_paths(environment)))

    def _endpoint_paths(self, environment: str) -> Iterator[tuple[str, str]]:
        folder = self.layout.endpoints_folder(environment)
        for name in self.tree.names(folder):
            if name.endswith(".yaml"):
                yield name.removesuffix(".yaml"), f"{folder}/{name}"
            elif len(name) <= 3 and not name.startswith("."):
                for below in self.tree.names(f"{folder}/{name}"):
                    if below.endswith(".yaml"):
                        yield below.removesuffix(".yaml"), f"{folder}/{name}/{below}"

    def find_file(self, ref: EndpointRef) -> tuple[str, bytes] | None:
        """Path and bytes of the endpoint's file, or None."""
        if not is_endpoint_name(ref.name):
            return None
        for path in self.layout.endpoint_files(ref.environment, ref.name):
            content = self.tree.read(path)
            if content is not None:
                return path, content
        return None

    def endpoint_file(self, ref: EndpointRef) -> EndpointFile:
        """The endpoint's file, understood."""
        found = self.find_file(ref)
        if found is None:
            raise NotFound(f"there is no endpoint {ref}", hint="`revstamp environments` lists them")
        return read_endpoint_file(*found, ref)

    def find_endpoint(self, text: str) -> EndpointRef:
        """The endpoint that a person means by a name, an id, or `environment/name`.

        NotFound where there is none; InvalidInput where the name stands in several environments.
        """
        environment, slash, name = text.rpartition("/")
        if slash:
            self.environment(environment)
        wanted = name_of(name)
        environments = (environment,) if slash else self.environment_names()
        found = [ref for ref in (EndpointRef(one, wanted) for one in environments) if self.find_file(ref) is not None]
        if not found:
            found = list(self._find_by_id(name, environments))
        if len(found) == 1:
            return found[0]
        if found:
            raise InvalidInput(
                f"{text!r} stands in {', '.join(ref.environment for ref in found)}", hint=f"say which: {found[0]}"
            )
        names = [known for one in environments for known in self.endpoint_names(one)]
        near = difflib.get_close_matches(wanted, names, 1)
        raise NotFound(
            f"no such endpoint: {text!r}",
            hint=f"did you mean {near[0]}?" if near else "`revstamp environments` lists the endpoints",
        )

    def find_past_endpoint(self, text: str) -> EndpointRef:
        """The same, also for one that is gone but left its stamp (as `environment/name`)."""
        environment, _, name = text.rpartition("/")
        ref = EndpointRef(environment, name)
        if environment and is_dns_label(environment) and is_endpoint_name(name) and self.stamp(ref) is not None:
            return ref
        return self.find_endpoint(text)

    def _find_by_id(self, text: str, environments: tuple[str, ...]) -> Iterator[EndpointRef]:
        """Endpoints whose file gives this id under a name of their own."""
        try:
            wanted = str(UUID(text))
        except ValueError:
            return
        for environment in environments:
            for name, path in self._endpoint_paths(environment):
                content = self.tree.read(path) or b""
                if wanted.encode() in content.lower():
                    ref = EndpointRef(environment, name)
                    if read_endpoint_file(path, content, ref).endpoint.metadata.id == wanted:
                        yield ref

    def stamp(self, ref: EndpointRef) -> Stamp | None:
        """The endpoint's stamp, or None where it was never rendered."""
        path = self.layout.stamp_file(ref.environment, ref.name)
        content = self.tree.read(path)
        return None if content is None else Stamp.parse(content, path)

    def manifest_files(self, ref: EndpointRef) -> Mapping[str, bytes]:
        """The endpoint's rendered files by name."""
        folder = self.layout.manifests_folder(ref.environment, ref.name)
        files = {name: self.tree.read(f"{folder}/{name}") for name in self.tree.names(folder)}
        return {name: content for name, content in files.items() if content is not None}

    @cached_property
    def _routes(self) -> dict[str, dict[str, list[str]]]:
        return {}

    def endpoints_on_route(self, environment: str, route: str, but: str | None = None) -> tuple[str, ...]:
        """Endpoints of the environment, `but` one, whose file gives this route; all files are looked through once."""
        if environment not in self._routes:
            index: dict[str, list[str]] = {}
            for name, path in self._endpoint_paths(environment):
                for match in _ROUTE.finditer(self.tree.read(path) or b""):
                    index.setdefault(match[1].decode("utf-8", "replace").rstrip("/"), []).append(name)
            self._routes[environment] = index
        found = self._routes[environment].get(route.rstrip("/"), ())
        names = (name for name in dict.fromkeys(found) if name != but)
        return tuple(name for name in names if self._has_route(EndpointRef(environment, name), route))

    def _has_route(self, ref: EndpointRef, route: str) -> bool:
        """Whether it is the endpoint's route: the same text may stand elsewhere in its file."""
        try:
            return self.endpoint_file(ref).endpoint.spec.route.rstrip("/") == route.rstrip("/")
        except (InvalidInput, NotFound):
            return False


def read_endpoint_file(path: str, content: bytes, ref: EndpointRef) -> EndpointFile:
    """Understand an endpoint file. InvalidInput also where its name is not its file's."""
    endpoint, document = load_endpoint(content, path)
    if endpoint.metadata.name != ref.name:
        violation = document.violation(
            ("metadata", "name"), f"the name is {endpoint.metadata.name!r}, the file's {ref.name!r}", "make them one"
        )
        raise InvalidInput(f"{path} does not hold the endpoint {ref.name}", violations=[violation])
    return EndpointFile(path, content, endpoint, document)


def name_of(text: str) -> str:
    """The endpoint's name that a person means: the platform's for an id, else the text itself."""
    try:
        return endpoint_name(text)
    except ValueError:
        return text
