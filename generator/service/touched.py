"""Which endpoints a person's edits touch: by their own file, their environment, the templates or the settings.

Owns: finding them, and refusing edits that would be committed and then read by nobody. Refuses: planning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from generator.errors import InvalidInput, Violation
from generator.gitops.trees import TreeChange
from generator.service.check import find_refs
from generator.service.fleet import EndpointRef, Fleet
from generator.service.layout import (
    REPOSITORY_FILE,
    TEMPLATES,
    endpoint_of_path,
    environment_of_path,
    is_below_endpoints,
)


@dataclass(frozen=True, slots=True)
class Touched:
    """Endpoints to be planned, with path and bytes of their files, those to be removed, and what is wrong already."""

    files: Mapping[EndpointRef, tuple[str, bytes]]
    gone: tuple[EndpointRef, ...]
    violations: tuple[Violation, ...]


def find_touched(after: Fleet, edits: TreeChange, *, everything: bool) -> Touched:
    """The endpoints that the edits touch; all endpoints where `everything` is wanted.

    The files are not understood here: thousands of understood files at once would fill the memory.
    """
    environments = _touched_environments(after, edits, everything=everything)
    violations = [*_find_strays(after, edits), *_find_broken(after, environments)]
    files: dict[EndpointRef, tuple[str, bytes]] = {}
    gone: list[EndpointRef] = []
    for ref in sorted(_touched_refs(after, edits, environments, everything=everything), key=str):
        found = after.find_file(ref)
        if found is not None:
            files[ref] = found
        elif any(endpoint_of_path(path) == (ref.environment, ref.name) for path in edits.writes):
            violations.append(_misplaced(ref, edits))
        else:
            gone.append(ref)
    return Touched(files, tuple(gone), tuple(violations))


def _touched_environments(after: Fleet, edits: TreeChange, *, everything: bool) -> list[str]:
    """Environments all of whose endpoints are rendered: their file was edited, or what all environments share."""
    changed = (*edits.writes, *edits.deletes)
    known = after.environment_names()
    if everything or any(path == REPOSITORY_FILE or path.startswith(f"{TEMPLATES}/") for path in changed):
        return list(known)
    names = {environment_of_path(path) for path in changed}
    return [name for name in known if name in names]


def _touched_refs(
    after: Fleet, edits: TreeChange, environments: list[str], *, everything: bool
) -> Iterator[EndpointRef]:
    refs = {EndpointRef(*found) for path in (*edits.writes, *edits.deletes) if (found := endpoint_of_path(path))}
    for environment in environments:
        refs |= {EndpointRef(environment, name) for name in after.endpoint_names(environment)}
    if everything:
        refs |= {ref for ref in find_refs(after) if after.find_file(ref) is None and _is_left_over(after, ref)}
    yield from refs


def _is_left_over(fleet: Fleet, ref: EndpointRef) -> bool:
    """Whether an endpoint without a file has manifests or a living stamp, as after a deletion without revstamp."""
    stamp = fleet.stamp(ref)
    return bool(fleet.manifest_files(ref)) or (stamp is not None and not stamp.deleted)


def _find_strays(after: Fleet, edits: TreeChange) -> Iterator[Violation]:
    """Edits that would be committed and then read by nobody, or that would leave endpoints without an environment."""
    known = after.environment_names()
    for path in edits.writes:
        name = environment_of_path(path)
        if is_below_endpoints(path) and endpoint_of_path(path) is None:
            yield Violation("stands where revstamp reads no file", "see docs/repository.md", "", path)
        elif name is not None and name not in known:
            yield Violation(f"{name!r} cannot name an environment", "use lower-case letters, digits and '-'", "", path)
    for path in sorted(edits.deletes):
        name = environment_of_path(path)
        left = after.endpoint_names(name) if name is not None else ()
        if left:
            text = f"is removed, but endpoints are left: {', '.join(left[:3])}{', …' if len(left) > 3 else ''}"
            yield Violation(text, "remove their files too, or keep the environment's", "", path)


def _find_broken(after: Fleet, environments: list[str]) -> Iterator[Violation]:
    """What is wrong with environments, also those that have no endpoints yet."""
    for name in environments:
        try:
            after.environment(name)
        except InvalidInput as error:
            yield from error.violations or (Violation(error.message, error.hint),)


def _misplaced(ref: EndpointRef, edits: TreeChange) -> Violation:
    path = next(path for path in edits.writes if endpoint_of_path(path) == (ref.environment, ref.name))
    return Violation(
        f"{ref.name!r} is not an endpoint name, or its folder is not its shard",
        "rename the file to the endpoint's name, and put it into endpoints/",
        "",
        path,
    )
