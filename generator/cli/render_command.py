"""`revstamp render`: an endpoint's manifests, or a check of the committed ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from generator.cli.output import note, output_option, print_json, say, warn

if TYPE_CHECKING:
    from generator.errors import Violation
    from generator.service.check import Base
    from generator.service.fleet import EndpointRef, Fleet
    from generator.service.plan import EndpointPlan


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
    """Print the manifests of endpoints as a commit would hold them now; nothing is committed.

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
    from generator.service.check import plan_as_it_is

    results = []
    for ref in refs:
        plan = plan_as_it_is(fleet, ref)
        if plan is None:
            continue
        if plan.violations:
            if strict:
                raise plan.refusal()
            warn(f"{ref} cannot be deployed: {plan.violations[0]}")
            continue
        files = plan.manifests(fleet.layout.manifests_folder(ref.environment, ref.name))
        if output == "json":
            results.append({**plan.to_dict(), "manifests": {name: text.decode() for name, text in files.items()}})
        elif target is not None:
            _write(target, plan, files)
        else:
            for name, data in files.items():
                sys.stdout.write(f"---\n# {ref} {name}\n{data.decode()}")
        for text in (*plan.warnings, *plan.notices):
            note(f"note: {ref}: {text}")
    if output == "json":
        print_json({"endpoints": results})


def _write(target: Path, plan: EndpointPlan, files: dict[str, bytes]) -> None:
    from generator.service.tree import write_file

    target.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_file(target.resolve(), f"{plan.ref.environment}/{plan.ref.name}/{name}", text)


def _check(fleet: Fleet, refs: list[EndpointRef], root: Path, base_rev: str | None, output: str) -> None:
    from generator.errors import CheckFailed
    from generator.service.check import check_rendered, check_revision, check_strays
    from generator.service.commit import require_generator

    require_generator(fleet)
    base = _find_base(root, fleet, base_rev)
    found: list[Violation] = list(check_strays(fleet, tuple(sorted({ref.environment for ref in refs}))))
    for ref in refs:
        found += check_rendered(fleet, ref)
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
