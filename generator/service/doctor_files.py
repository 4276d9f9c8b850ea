"""What can be wrong in a repository's files, all of them looked through.

Owns: the checks of settings, environments, templates, endpoints, stamps and folders. Refuses: git (`doctor`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from jinja2 import TemplateSyntaxError

from generator import __version__
from generator.errors import InvalidInput, NotFound, Refused, RenderFailed, RevstampError
from generator.render.schema_catalogue import SchemaVersions, shipped_kinds
from generator.service.finding import Finding, failure, guard, judge_cases
from generator.service.fleet import EndpointRef, Fleet
from generator.service.inventory import first_words, is_changed
from generator.service.layout import ENVIRONMENTS, REPOSITORY_FILE
from generator.service.plan import render_endpoint
from generator.service.verify import list_rendered
from generator.spec.defaults import DEFAULTS
from generator.spec.environment import Environment

SAMPLE = 500
"""Endpoints that are rendered where nobody asked for all: a second or two."""

MOST_ENTRIES = 2000
"""Entries of one folder; with more, every commit below it writes a large tree, and forges stop listing it."""

_MARKERS = (b"<<<<<<< ", b">>>>>>> ")


def check_files(fleet: Fleet, *, everything: bool = False) -> Iterator[Finding]:
    """All findings about the files of a tree. Where settings cannot be read, nothing else can be."""
    try:
        pinned = fleet.settings.spec.generator
    except RevstampError as error:
        yield failure(REPOSITORY_FILE, error)
        return
    if pinned == __version__:
        yield Finding(REPOSITORY_FILE, "ok", f"valid, pins revstamp {pinned}")
    else:
        fix = f"pip install revstamp=={pinned}, or set spec.generator to {__version__}"
        yield Finding(REPOSITORY_FILE, "failure", f"pins revstamp {pinned}, this is {__version__}", fix)
    names = fleet.environment_names()
    if not names:
        fix = f"add {ENVIRONMENTS}/NAME/environment.yaml"
        yield Finding("environments", "warning", "there is none", fix)
    for name in names:
        yield from guard(f"environment {name}", partial(_check_environment, fleet, name))
    yield from guard("templates", lambda: _check_templates(fleet))
    yield from guard("conflicts", lambda: _check_conflicts(fleet))
    yield from guard("stamps", lambda: _check_generated(fleet))
    yield from guard("endpoints", lambda: _check_endpoints(fleet, everything=everything))
    yield from guard("folders", lambda: _check_folders(fleet))


def _check_environment(fleet: Fleet, name: str) -> Iterator[Finding]:
    environment, _ = fleet.environment(name)
    versions = _versions_of(environment)
    shipped_kinds(versions)  # InvalidInput where a version has no schemas
    said = f"valid; Kubernetes {versions.kubernetes}, KServe {versions.kserve}"
    yield Finding(f"environment {name}", "ok", said)


def _versions_of(environment: Environment) -> SchemaVersions:
    kserve = environment.spec.kserve.version if environment.spec.kserve else None
    return SchemaVersions(environment.spec.kubernetes_version, kserve or DEFAULTS["kserve.version"])


def _check_templates(fleet: Fleet) -> Iterator[Finding]:
    """Every template compiles; whether it renders is seen with the endpoints."""
    broken = []
    for name in fleet.templates.sources:
        try:
            fleet.templates.render_object(name, {})
        except RenderFailed as error:
            if isinstance(error.__cause__, TemplateSyntaxError):
                broken.append(str(error.violations[0]) if error.violations else error.message)
    source = fleet.settings.spec.templates
    good = f"{len(fleet.templates.sources)} compile ({source})"
    yield judge_cases("templates", "failure", broken, "cannot be read", "correct the line that is named", good)


def _check_conflicts(fleet: Fleet) -> Iterator[Finding]:
    """A merge that was committed with its markers."""
    paths = [REPOSITORY_FILE]
    for environment in fleet.environment_names():
        paths.append(fleet.layout.environment_file(environment))
        refs = (EndpointRef(environment, name) for name in fleet.endpoint_names(environment))
        paths += [found[0] for ref in refs if (found := fleet.find_file(ref))]
    marked = [path for path in paths if any(_has_line(fleet.tree.read(path) or b"", marker) for marker in _MARKERS)]
    fix = "choose a side, and take the lines with <<<<<<<, ======= and >>>>>>> out"
    yield judge_cases("conflicts", "failure", marked, "files hold git's conflict markers", fix, "no conflict markers")


def _has_line(content: bytes, start: bytes) -> bool:
    return content.startswith(start) or b"\n" + start in content


def _check_generated(fleet: Fleet) -> Iterator[Finding]:
    """Stamps can be read; nothing generated is left of an endpoint that is no more."""
    damaged, orphans, count = [], [], 0
    for ref in list_rendered(fleet):
        path = fleet.layout.stamp_file(ref.environment, ref.name)
        has_file = fleet.find_file(ref) is not None
        try:
            stamp = fleet.stamp(ref)
        except InvalidInput as error:
            damaged.append(first_words(error))
            continue
        count += stamp is not None
        is_alive = stamp is not None and not stamp.deleted
        if fleet.manifest_files(ref) and not is_alive:
            folder = fleet.layout.manifests_folder(ref.environment, ref.name)
            orphans.append(f"{folder}: manifests {'of a deleted endpoint' if stamp else 'without a stamp'}")
        elif is_alive and not has_file:
            orphans.append(f"{path}: a living stamp, but no endpoint file")
    fix = "take the file from the delivery branch, or keep the side with the higher revision whole"
    yield judge_cases("stamps", "failure", damaged, "stamps cannot be read", fix, f"{count} can be read")
    fix = "`revstamp commit` where the endpoint was removed by hand; else remove the files or restore the endpoint's"
    yield judge_cases("leftovers", "warning", orphans, "generated files belong to no endpoint", fix, "none")


@dataclass(slots=True)
class _Endpoints:
    """What was found out about the endpoints that were looked at."""

    seen: int = 0
    unreadable: list[str] = field(default_factory=list)
    unrendered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def _check_endpoints(fleet: Fleet, *, everything: bool) -> Iterator[Finding]:
    refs = [EndpointRef(name, one) for name in fleet.environment_names() for one in fleet.endpoint_names(name)]
    step = 1 if everything else max(1, -(-len(refs) // SAMPLE))
    found = _Endpoints()
    for ref in refs[::step]:
        _examine_endpoint(fleet, ref, found)
    of = f"{found.seen} of {len(refs)} looked at (--all: all)" if step > 1 else f"{found.seen} looked at"
    fix = "correct the lines that are named"
    yield judge_cases("endpoint files", "failure", found.unreadable, "cannot be read", fix, of)
    fix = "correct the template"
    yield judge_cases("rendering", "failure", found.unrendered, "cannot be rendered", fix, "all that can be deployed")
    fix = "`revstamp explain ENDPOINT` says more; they are committed without manifests"
    yield judge_cases("deployable", "warning", found.refused, "cannot be deployed", fix, "all")
    fix = "run `revstamp commit --all`"
    yield judge_cases("up to date", "warning", found.changed, "files changed since they were rendered", fix, "all")


def _examine_endpoint(fleet: Fleet, ref: EndpointRef, found: _Endpoints) -> None:
    found.seen += 1
    try:
        file = fleet.endpoint_file(ref)
        rendering = render_endpoint(fleet, ref, file)
    except (InvalidInput, NotFound) as error:
        found.unreadable.append(f"{ref}: {first_words(error)}")
        return
    except Refused as error:
        found.refused.append(f"{ref}: {first_words(error)}")
        return
    except RenderFailed as error:
        found.unrendered.append(f"{ref}: {first_words(error)}")
        return
    try:
        stamp = fleet.stamp(ref)
    except InvalidInput:
        return
    if stamp is None or stamp.deleted:
        if not rendering.resolved.is_external:
            found.changed.append(f"{ref}: not rendered yet")
    elif is_changed(fleet, file, rendering.resolved, stamp):
        found.changed.append(str(ref))


def _check_folders(fleet: Fleet) -> Iterator[Finding]:
    """No folder grows past what git and forges are quick with."""
    large = []
    for environment in fleet.environment_names():
        folders = [fleet.layout.endpoints_folder(environment)]
        for kind in ("endpoints", "manifests", "stamps"):
            top = f"{ENVIRONMENTS}/{environment}/{kind}"
            folders += [f"{top}/{name}" for name in fleet.tree.names(top) if len(name) <= 3]
        sizes = {folder: len(fleet.tree.names(folder)) for folder in folders}
        large += [f"{folder}: {size} entries" for folder, size in sizes.items() if size > MOST_ENTRIES]
    fix = "make a repository with more shards (`revstamp init --shards 256`) and move the endpoint files into it"
    good = f"none with more than {MOST_ENTRIES} entries"
    yield judge_cases("folders", "warning", large, "folders are large", fix, good)
