"""`revstamp apply`: bring a cluster to what a commit says, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from generator.cli.cluster_options import cluster_options
from generator.cli.output import note, output_option, print_json, say, warn
from generator.cli.params import EndpointName
from generator.cli.rollout_lines import RolloutLines, require_healthy

if TYPE_CHECKING:
    from generator.cluster.changes import ObjectChange
    from generator.cluster.port import Cluster
    from generator.reconciler.endpoint_result import EndpointResult
    from generator.reconciler.environment_sync import EnvironmentSync
    from generator.rollout.status import RolloutStatus
    from generator.service.desired import DesiredEnvironment


@click.command("apply")
@click.argument("endpoints", nargs=-1, metavar="[ENDPOINT]...", type=EndpointName())
@click.option("--environment", "-e", metavar="NAME", help="All endpoints of this environment.")
@click.option("--rev", default="HEAD", show_default=True, metavar="REV", help="The commit whose manifests are applied.")
@click.option(
    "--path", type=click.Path(exists=True), help="Apply the YAML files of this file or folder, as they stand on disk."
)
@click.option("--wait", is_flag=True, help="Follow the rollouts until there is a verdict on each.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="The longest wait.")
@click.option("--dry-run", is_flag=True, help="Ask the API server what it would do; nothing is changed.")
@click.option("--force-conflicts", is_flag=True, help="Take fields that others hold, but no autoscaler's replicas.")
@click.option("--no-prune", is_flag=True, help="Delete nothing.")
@click.option(
    "--confirm-prune",
    type=click.IntRange(min=0),
    default=0,
    metavar="NUMBER",
    help="Allow that many objects to be deleted, beyond the environment's limit.",
)
@cluster_options
@output_option
@click.pass_obj
def command(folder: str, /, endpoints: tuple[str, ...], output: str, **values: Any) -> None:
    """Bring a cluster to what a commit says, in place, once.

    Server-side apply, in order; an object that fails stops no other. What git no longer has is pruned, if revstamp has
    applied it. With --wait the exit code is the verdict: 0 healthy, 10 failed, 11 timed out, 12 superseded. 9 means
    that some objects could not be applied.

    \b
    Examples:
      revstamp apply prod/chat --wait
      revstamp apply -e prod --wait --timeout 3600
      revstamp apply -e stg --rev v2026.05 --dry-run
      revstamp apply --path environments/dev/manifests --kubeconfig kind.yaml
    """
    from generator.cli.target import find_target

    if values["path"]:
        if endpoints or values["environment"] or values["wait"]:
            raise click.UsageError("--path goes without endpoints, --environment and --wait")
        from generator.cli.apply_path import apply_path

        apply_path(values, output)
        return
    target = find_target(folder, values["rev"], endpoints, values["environment"])
    with target.open_cluster(values) as cluster:
        _run(_make_sync(cluster, target.desired, values), target.names, values, output)


def _make_sync(cluster: Cluster, desired: DesiredEnvironment, values: dict[str, Any]) -> EnvironmentSync:
    from generator.reconciler.endpoint_result import SyncOptions
    from generator.reconciler.environment_sync import EnvironmentSync
    from generator.reconciler.slots import RolloutSlots

    options = SyncOptions(
        force=values["force_conflicts"],
        dry_run=values["dry_run"],
        prune=not values["no_prune"],
        confirmed_prune=values["confirm_prune"],
    )
    slots = None if values["dry_run"] else RolloutSlots(desired.environment.spec.policies.max_concurrent_rollouts)
    return EnvironmentSync(cluster, desired, options, slots)


def _run(sync: EnvironmentSync, names: tuple[str, ...] | None, values: dict[str, Any], output: str) -> None:
    from generator.reconciler.apply_once import apply_once, prepare, record_results

    chosen = prepare(sync, names)
    if not is_rev_given():
        refuse_older(sync, chosen)
    quiet = output == "json"
    results = apply_once(sync, chosen, progress=lambda result: None if quiet else print_result(result))
    statuses: dict[str, RolloutStatus] = {}
    finished = True
    if values["wait"] and not values["dry_run"]:
        statuses, finished = _wait(sync, results, values["timeout"], quiet)
    if not values["dry_run"]:
        record_results(sync, results, whole=names is None)
    _report(sync, results, statuses, values, output)
    require_applied(results, by_name=names is not None)
    if values["wait"]:
        require_healthy(statuses, finished=finished, seconds=values["timeout"])


def _wait(
    sync: EnvironmentSync, results: list[EndpointResult], seconds: float | None, quiet: bool
) -> tuple[dict[str, RolloutStatus], bool]:
    """Follow every endpoint that was applied; those that wait for a slot are applied as others end."""
    from generator.reconciler.wait_once import wait_for_rollouts

    with RolloutLines(hidden=quiet) as lines:
        return wait_for_rollouts(sync, results, seconds, lines.change)


def is_rev_given() -> bool:
    """Whether a person has named the commit."""
    source = click.get_current_context().get_parameter_source("rev")
    return source is not None and source is not click.core.ParameterSource.DEFAULT


def refuse_older(sync: EnvironmentSync, names: Sequence[str]) -> None:
    """Refused where the cluster has a newer commit already: a stale clone, or a pipeline that is run again.

    It would roll endpoints back that nobody wanted back.
    """
    from generator.errors import Refused

    record, repository, commit = sync.record, sync.desired.snapshot.repository, sync.desired.commit
    applied = {record.commit_of(name) for name in names} | {record.commit} if record is not None else set()
    newer = [found for found in applied if found and found != commit and repository.is_ancestor(commit, found)]
    if newer:
        raise Refused(
            f"{sync.desired.name} has commit {newer[0][:10]} already, which is newer than {commit[:10]}",
            hint=f"bring the clone up to date, or say --rev {commit[:10]} where the older one is meant",
        )


def print_result(result: EndpointResult) -> None:
    """What became of one endpoint, where there is something to tell."""
    from generator.cluster.changes import Action

    for change in result.changes:
        if change.action is Action.FAILED:
            warn(f"{change.ref}: {change.reason}")
            if change.error is not None and change.error.hint:
                note(f"  hint: {change.error.hint}")
        elif change.action is not Action.UNCHANGED:
            say(str(change))
        for drift in change.drift:
            if not change.reason:
                warn(f"{change.ref}: {drift}")
    if result.error is not None:
        warn(f"{result.name}: {result.error.message}")
        note(f"  hint: {result.error.hint}")
    if result.held:
        note(f"{result.name}: {result.held}")


def _report(
    sync: EnvironmentSync,
    results: list[EndpointResult],
    statuses: dict[str, RolloutStatus],
    values: dict[str, Any],
    output: str,
) -> None:
    from generator.cluster.changes import Action

    desired = sync.desired
    counts = {action.value: sum(result.changes.count(action) for result in results) for action in Action}
    if output == "json":
        print_json(
            {
                "environment": desired.name,
                "cluster": sync.cluster.name,
                "simulated": sync.cluster.is_simulated,
                "commit": desired.commit,
                "dryRun": values["dry_run"],
                "endpoints": [result.to_dict() for result in results],
                "counts": counts,
                "rollouts": [status.to_dict() for status in statuses.values()],
            }
        )
        return
    words = ", ".join(f"{count} {action}" for action, count in counts.items() if count) or "nothing to do"
    dry = " (dry run)" if values["dry_run"] else ""
    simulated = " [simulated]" if sync.cluster.is_simulated else ""
    say(f"{desired.name}{simulated} at {desired.commit[:10]}{dry}: {words}")


def _is_put_off(change: ObjectChange) -> bool:
    """Whether an object is not what git says, and not because somebody was allowed to scale it."""
    from generator.cluster.changes import Action
    from generator.cluster.drift import DriftKind

    scaled = bool(change.drift) and all(item.kind is not DriftKind.EDITED for item in change.drift)
    return change.action is Action.SKIPPED and not scaled


def require_applied(results: Sequence[EndpointResult], *, by_name: bool = False) -> None:
    """Raise ApplyIncomplete where something failed or was put off.

    No failure is what people wanted so: an endpoint of many that is suspended, a number of replicas that somebody set
    and the environment leaves. One that was asked for by name and is suspended is one.
    """
    from generator.errors import ApplyIncomplete

    kept = [str(change) for result in results for change in result.changes if _is_put_off(change)]
    suspended = [result.held for result in results if result.held and not result.waits_for_slot]
    failed = [result for result in results if result.error or result.changes.failed]
    waiting = [result for result in results if result.waits_for_slot]
    if failed:
        details = {"endpoints": [result.to_dict() for result in failed]}
        names = ", ".join(result.name for result in failed[:10])
        errors = [item for result in failed for item in result.errors]
        retryable = bool(errors) and all(error.retryable for error in errors)
        raise ApplyIncomplete(f"not everything was applied: {names}", details=details, retryable=retryable)
    if kept:
        raise ApplyIncomplete(
            f"{len(kept)} objects are not what the commit says: {'; '.join(kept[:10])}",
            hint="the lines above say why each was left; `--force-conflicts` takes what others hold",
        )
    if by_name and suspended:
        raise ApplyIncomplete(f"nothing was applied: {'; '.join(suspended)}", hint="`revstamp resume` lets it go on")
    if waiting:
        names = ", ".join(result.name for result in waiting[:10])
        raise ApplyIncomplete(
            f"{len(waiting)} endpoints wait for other rollouts to end: {names}",
            hint="run it with --wait, which goes on as rollouts end, or run it again later",
            retryable=True,
        )
