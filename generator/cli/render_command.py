"""`revstamp render`: an endpoint's manifests, or a check of the committed ones."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from generator.cli.output import note, output_option, print_json, say, warn
from generator.cli.progress import Progress

if TYPE_CHECKING:
    from generator.errors import Violation
    from generator.service.check import Base
    from generator.service.fleet import EndpointRef, Fleet


@click.command("render")
@click.argument("endpoints", nargs=-1, metavar="[ENDPOINT]...")
@click.option("--environment", "-e", "environments", multiple=True, metavar="NAME", help="Only these. Repeatable.")
@click.option("--check", is_flag=True, help="Say whether the rendered files are what their sources say; for CI.")
@click.option("--base", "base_rev", metavar="REV", help="With --check: the branch that a pull request goes to.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Write the files below this folder instead.")
@output_option
@click.pass_obj
def command(
    folder: str,
    /,
    endpoints: tuple[str, ...],
    environments: tuple[str, ...],
    check: bool,
    base_rev: str | None,
    target: Path | None,
    output: str,
) -> None:
    """Print the manifests of endpoints as they follow from their files now; nothing is committed.

    With --check, compare the files at hand with what their sources render to, and, for a branch, each changed
    revision with that of the branch it goes to, + 1.

    \b
    Examples:
      revstamp render prod/chat
      revstamp render prod/chat | kubectl apply --server-side --dry-run=server -f -
      revstamp render -e prod --to build/manifests
      revstamp render --check --base origin/main
    """
    from generator.service.fleet import Fleet
    from generator.service.tree import FolderTree, find_root

    root = find_root(Path(folder))
    fleet = Fleet(FolderTree(root))
    refs = _select(fleet, endpoints, environments)
    if check:
        _check(fleet, refs, root, base_rev, output)
        return
    _render(fleet, refs, target, output, strict=bool(endpoints))


def _select(fleet: Fleet, endpoints: tuple[str, ...], environments: tuple[str, ...]) -> list[EndpointRef]:
    from generator.service.check import find_refs

    for environment in environments:
        fleet.environment(environment)
    if endpoints:
        return [fleet.find_endpoint(text) for text in endpoints]
    return list(find_refs(fleet, environments))


def _render(fleet: Fleet, refs: list[EndpointRef], target: Path | None, output: str, *, strict: bool) -> None:
    from generator.service.parallel import map_in_processes

    if strict and len(refs) > 1:  # nothing is printed or written for the others where one is refused
        for ref in refs:
            _render_one(fleet, None, output, strict, ref)
    if target is not None:
        target.mkdir(parents=True, exist_ok=True)
        target = target.resolve()
    results = []
    work = partial(_render_one, fleet, target, output, strict)
    with Progress("rendering endpoints", hidden=output == "json" or target is None) as progress:
        every = progress.follow(map_in_processes(work, refs), len(refs))
        for ref, done in zip(refs, every, strict=True):
            if done is None:
                continue
            results.append(done.data)
            if output == "text":
                _tell(ref, done)
    if output == "json":
        print_json({"endpoints": [data for data in results if data]})


def _tell(ref: EndpointRef, done: _Rendered) -> None:
    sys.stdout.write(done.text)
    if done.refused:
        warn(f"{ref} cannot be deployed: {done.refused}")
    for text in done.notes:
        note(f"note: {ref}: {text}")


class _Rendered(NamedTuple):
    """What one endpoint adds to the output; `data` in JSON, `text` otherwise, unless its files were written."""

    text: str = ""
    data: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    refused: str = ""


def _render_one(fleet: Fleet, target: Path | None, output: str, strict: bool, ref: EndpointRef) -> _Rendered | None:
    from generator.service.check import plan_as_it_is
    from generator.service.tree import write_file

    plan = plan_as_it_is(fleet, ref)
    if plan is None:
        return None
    if plan.violations and strict:
        raise plan.refusal()
    if plan.violations:
        return _Rendered(data={**plan.to_dict(), "manifests": {}}, refused=str(plan.violations[0]))
    files = plan.manifests(fleet.layout.manifests_folder(ref.environment, ref.name))
    notes = (*plan.warnings, *plan.notices)
    if target is not None:
        for name, data in files.items():
            write_file(target, f"{ref.environment}/{ref.name}/{name}", data)
    if output == "json":
        manifests = {name: text.decode() for name, text in files.items()}
        return _Rendered(data={**plan.to_dict(), "manifests": manifests})
    if target is None:
        return _Rendered("".join(f"---\n# {ref} {name}\n{data.decode()}" for name, data in files.items()), notes=notes)
    return _Rendered(notes=notes)


def _check(fleet: Fleet, refs: list[EndpointRef], root: Path, base_rev: str | None, output: str) -> None:
    from generator.errors import CheckFailed
    from generator.service.check import check_revision, check_strays
    from generator.service.commit import require_generator
    from generator.service.parallel import map_in_processes

    require_generator(fleet)
    base = _find_base(root, fleet, base_rev)
    found: list[Violation] = list(check_strays(fleet, tuple(sorted({ref.environment for ref in refs}))))
    with Progress("checking endpoints", hidden=output == "json") as progress:
        every = progress.follow(map_in_processes(partial(_check_one, fleet), refs), len(refs))
        for ref, differences in zip(refs, every, strict=True):
            found += differences
            if base is not None:
                found += check_revision(fleet, base, ref)
    if found:
        raise CheckFailed(
            f"{len(found)} of the rendered files are not what they should be",
            hint="the rendered files follow from the endpoint files; render them again",
            violations=found,
        )
    compared = f", revisions against {base.name}" if base else ""
    if output == "json":
        print_json({"state": "ok", "endpoints": len(refs), "base": base.name if base else None})
    else:
        say(f"{len(refs)} endpoints are what their sources say{compared}")


def _check_one(fleet: Fleet, ref: EndpointRef) -> list[Violation]:
    from generator.service.check import check_rendered

    return list(check_rendered(fleet, ref))


def _find_base(root: Path, fleet: Fleet, rev: str | None) -> Base | None:
    """The given base; else the delivery branch, of the remote before the local one, where another branch is here."""
    from generator.errors import NotARepository
    from generator.service.workspace import find_base

    try:
        return find_base(root, fleet.settings.spec.branch, rev)
    except NotARepository:
        if rev is not None:
            raise
        return None
