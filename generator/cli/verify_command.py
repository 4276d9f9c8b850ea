"""`revstamp verify`: whether a commit's manifests are what its stamps and sources say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from generator.cli.output import output_option, print_json, print_table, say
from generator.cli.params import EndpointName
from generator.cli.progress import Progress

if TYPE_CHECKING:
    from generator.service.fleet import EndpointRef, Fleet
    from generator.service.verify_stamped import VerifiedEndpoint
    from generator.service.workspace import Workspace

_SHOWN_ROWS = 50


@click.command("verify")
@click.argument("rev", default="HEAD")
@click.argument("endpoints", nargs=-1, metavar="[ENDPOINT]...", type=EndpointName())
@output_option
@click.pass_obj
def command(folder: str, /, rev: str, endpoints: tuple[str, ...], output: str) -> None:
    """Check that the manifests of a commit are what its stamps and sources say.

    Always: the manifests' digest, the stamps, the revisions. Then everything is rendered again and compared to the
    byte. Exit code 1: something is wrong, each file is named. Exit code 7: the digests are right, but another version
    of revstamp or other templates made the bytes; the command that can compare them is printed.

    \b
    Examples:
      revstamp verify
      revstamp verify HEAD~3
      revstamp verify v2026.05 prod/chat --output json
      revstamp verify HEAD prod/chat stg/chat
    """
    from generator.service.committed_files import fleet_at
    from generator.service.verify import find_stamped_by, list_rendered, require_verified, verify_endpoints
    from generator.service.workspace import Workspace
    from generator.settings import load_settings

    workspace = Workspace.open(folder, load_settings())
    rev, endpoints = _split_arguments(workspace, rev, endpoints)
    snapshot = workspace.snapshot(rev)
    fleet = fleet_at(snapshot)
    refs = tuple(_find_stamped(fleet, name) for name in endpoints) or list_rendered(fleet)
    commit = snapshot.commit or rev
    checks = verify_endpoints(fleet, refs, rev, find_stamped_by(workspace.repository, commit))
    with Progress("verifying endpoints", hidden=output == "json") as progress:
        results = list(progress.follow(checks, len(refs)))
    if output == "json":
        print_json({"rev": rev, "commit": snapshot.commit, "endpoints": [item.to_dict() for item in results]})
    else:
        _print_results(results, rev, commit)
    require_verified(results, rev)


def _split_arguments(workspace: Workspace, rev: str, endpoints: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Lets people leave REV out before an endpoint: what is no commit but an endpoint is taken for one."""
    from generator.errors import NotFound
    from generator.service.committed_files import fleet_at

    try:
        workspace.repository.resolve(rev)
    except NotFound as error:
        try:
            _find_stamped(fleet_at(workspace.snapshot("HEAD")), rev)
        except NotFound:
            raise error from None
        return "HEAD", (rev, *endpoints)
    return rev, endpoints


def _find_stamped(fleet: Fleet, text: str) -> EndpointRef:
    """The endpoint that is meant, also one that was deleted and has only its stamp."""
    from generator.errors import NotFound
    from generator.service.fleet import EndpointRef
    from generator.spec.names import is_dns_label, is_endpoint_name

    try:
        return fleet.find_endpoint(text)
    except NotFound:
        environment, _, name = text.partition("/")
        if is_dns_label(environment) and is_endpoint_name(name):
            ref = EndpointRef(environment, name)
            if fleet.stamp(ref) is not None:
                return ref
        raise


def _print_results(results: list[VerifiedEndpoint], rev: str, commit: str) -> None:
    """Everything that is not plainly right, or all where there are few, and a summary."""
    shown = [item for item in results if item.state != "verified" or len(results) <= _SHOWN_ROWS]
    rows = [
        (str(item.ref), f"r{item.revision}" if item.revision else "–", item.state, item.note)
        for item in shown[:_SHOWN_ROWS]
    ]
    if rows:
        print_table(("endpoint", "revision", "state", "note"), rows)
    if len(shown) > len(rows):
        say(f"and {len(shown) - len(rows)} more")
    counts: dict[str, int] = {}
    for item in results:
        counts[item.state] = counts.get(item.state, 0) + 1
    summary = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no endpoints"
    say(f"{rev} ({commit[:10]}): {summary}")
