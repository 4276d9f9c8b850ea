"""Whether a commit's manifests are what its stamps and sources say.

Owns: the check of a whole commit: which endpoints it has, what is left over, and the verdict. Refuses: changing
anything, and the check of one stamped endpoint (`verify_stamped`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from generator.errors import CheckFailed, InvalidInput, NotFound, NotReproducible, Violation
from generator.gitops.repository import Repository
from generator.service.committed_files import fleet_at
from generator.service.fleet import EndpointRef, Fleet
from generator.service.layout import ENVIRONMENTS
from generator.service.verify_stamped import StampCheck, StampedBy, State, VerifiedEndpoint
from generator.spec.names import is_dns_label, is_endpoint_name


def verify_endpoints(
    fleet: Fleet, refs: Iterable[EndpointRef], rev: str, stamped_by: StampedBy = lambda _: None
) -> Iterator[VerifiedEndpoint]:
    """One result for each endpoint; whatever is wrong with it is in the result. `rev` stands in commands only."""
    misplaced: dict[str, Mapping[str, list[Violation]]] = {}
    for ref in refs:
        if ref.environment not in misplaced:
            misplaced[ref.environment] = _find_misplaced(fleet, ref.environment)
        found = list(misplaced[ref.environment].get(ref.name, ()))
        try:
            yield _verify_endpoint(fleet, ref, found, rev, stamped_by)
        except (InvalidInput, NotFound) as error:
            found += error.violations or (Violation(error.message, error.hint),)
            yield VerifiedEndpoint(ref, "failed", violations=tuple(found))


def list_rendered(fleet: Fleet) -> tuple[EndpointRef, ...]:
    """Every endpoint that has a file, a stamp or manifests, sorted; also in a folder without environment.yaml."""
    found: dict[EndpointRef, None] = {}
    for environment in filter(is_dns_label, fleet.tree.names(ENVIRONMENTS)):
        for name in fleet.endpoint_names(environment):
            found[EndpointRef(environment, name)] = None
        for kind in ("stamps", "manifests"):
            for name, _ in list_generated(fleet, environment, kind):
                found[EndpointRef(environment, name)] = None
    return tuple(sorted(found, key=str))


def list_generated(fleet: Fleet, environment: str, kind: str) -> Iterator[tuple[str, str]]:
    """Name and path of everything in the shard folders of `stamps` or `manifests`."""
    folder = f"{ENVIRONMENTS}/{environment}/{kind}"
    for shard in fleet.tree.names(folder):
        for name in fleet.tree.names(f"{folder}/{shard}"):
            yield name.removesuffix(".yaml"), f"{folder}/{shard}/{name}"


def _verify_endpoint(
    fleet: Fleet, ref: EndpointRef, found: list[Violation], rev: str, stamped_by: StampedBy
) -> VerifiedEndpoint:
    stamp = fleet.stamp(ref) if is_endpoint_name(ref.name) else None
    folder = fleet.layout.manifests_folder(ref.environment, ref.name)
    files = fleet.manifest_files(ref)
    found += _strays(fleet, ref, files)
    if stamp is None:
        found += _say_of_all(files, folder, "has no stamp", "remove it, or run `revstamp commit`")
        return VerifiedEndpoint(ref, "failed" if found else "not rendered", violations=tuple(found))
    check = StampCheck(fleet, ref, stamp, files, folder)
    found += check.check_identity()
    if stamp.deleted:
        found += _say_of_all(files, folder, "is left of a deleted endpoint", "remove it")
        state: State = "failed" if found else "deleted"
        return VerifiedEndpoint(ref, state, stamp.revision, stamp.generator, tuple(found))
    return check.conclude(found, rev, stamped_by)


def _say_of_all(files: Iterable[str], folder: str, message: str, fix: str) -> list[Violation]:
    return [Violation(message, fix, file=f"{folder}/{name}") for name in files]


def _strays(fleet: Fleet, ref: EndpointRef, files: Mapping[str, bytes]) -> list[Violation]:
    folder = fleet.layout.manifests_folder(ref.environment, ref.name)
    strays = (name for name in fleet.tree.names(folder) if name not in files)
    return _say_of_all(strays, folder, "is no manifest", "remove it")


def _find_misplaced(fleet: Fleet, environment: str) -> Mapping[str, list[Violation]]:
    """Generated files in a shard folder that is not theirs, by endpoint."""
    found: dict[str, list[Violation]] = {}
    for kind, place in (("stamps", fleet.layout.stamp_file), ("manifests", fleet.layout.manifests_folder)):
        for name, path in list_generated(fleet, environment, kind):
            right = place(environment, name)
            if path != right:
                violation = Violation("stands in the wrong folder", f"its place is {right}", file=path)
                found.setdefault(name, []).append(violation)
    return found


def find_stamped_by(repository: Repository, until: str) -> StampedBy:
    """How the commit that wrote a stamp is found in the history that `until` contains."""

    def find(path: str) -> tuple[str, Fleet] | None:
        commit = next(repository.commits(path, until=until, limit=1), None)
        return (commit.id, fleet_at(repository.snapshot(commit.id))) if commit else None

    return find


def require_verified(results: Sequence[VerifiedEndpoint], rev: str) -> None:
    """CheckFailed where anything is wrong, NotReproducible where bytes could not be compared; else nothing."""
    failed = [item for item in results if item.state == "failed"]
    if failed:
        names = ", ".join(str(item.ref) for item in failed[:3]) + (", …" if len(failed) > 3 else "")
        raise CheckFailed(
            f"{rev}: {len(failed)} of {len(results)} endpoints are not what they should be: {names}",
            hint="each line names a file and what puts it right",
            violations=[violation for item in failed for violation in item.violations],
        )
    open_ones = [item for item in results if item.state == "digest only"]
    if open_ones:
        commands = list(dict.fromkeys(item.command for item in open_ones))
        first = open_ones[0]
        raise NotReproducible(
            f"{rev}: all digests are right, but {len(open_ones)} of {len(results)} endpoints cannot be rendered to the "
            f"byte here: {first.ref} was {first.note}",
            hint=f"run: {commands[0]}" + (f" (and {len(commands) - 1} more)" if len(commands) > 1 else ""),
            details={"commands": commands},
        )
