"""`revstamp status`: what serves, what is coming, what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from generator.cli.cluster_options import cluster_options
from generator.cli.output import output_option, print_json, print_table, say
from generator.cli.params import EndpointName

if TYPE_CHECKING:
    from generator.service.desired import DesiredEnvironment


@click.command("status")
@click.argument("endpoint", required=False, type=EndpointName())
@click.option("--environment", "-e", metavar="NAME", help="All endpoints of this environment.")
@click.option("--rev", default="HEAD", show_default=True, metavar="REV", help="The commit to measure by.")
@cluster_options
@output_option
@click.pass_obj
def command(
    folder: str, /, endpoint: str | None, environment: str | None, rev: str, output: str, **values: Any
) -> None:
    """Say how endpoints do in the cluster: what serves now, what is coming, and what is wrong.

    Two questions, two answers: is the newest revision live, and does anything serve. Nothing is changed.

    \b
    Examples:
      revstamp status prod/chat
      revstamp status -e prod
      revstamp status prod/chat --output json
    """
    from generator.cli.target import find_target

    target = find_target(folder, rev, (endpoint,) if endpoint else (), environment)
    with target.open_cluster(values) as cluster:
        report = read_status(cluster, target.desired, target.names)
    if output == "json":
        print_json(report)
    else:
        _print(report, single=target.names is not None)


def read_status(cluster: Any, desired: DesiredEnvironment, names: tuple[str, ...] | None) -> dict[str, Any]:
    """The JSON form: the record of what was applied, and a rollout for each endpoint."""
    from generator.cluster.record import read_record
    from generator.errors import RevstampError
    from generator.reconciler.follow import RolloutFollower, ignore_change
    from generator.service.expectation import expect_endpoint

    namespace = desired.environment.spec.namespace
    record = read_record(cluster, desired.name, namespace)
    chosen = names if names is not None else tuple(name for name, trace in desired.traces.items() if trace.manifests)
    expectations, broken = {}, {}
    for name in chosen:
        try:
            endpoint = desired.read(name)
        except RevstampError as error:
            broken[name] = error.to_dict()
            continue
        if endpoint.bodies:
            expectations[name] = expect_endpoint(desired, endpoint)
    single = chosen[0] if len(chosen) == 1 else ""
    with RolloutFollower(cluster, namespace, endpoint=single, on_change=ignore_change) as follower:
        follower.follow(expectations)
        statuses = follower.look()
    suspended = [name for name in chosen if desired.find_suspension(name)]
    return {
        "environment": desired.name,
        "cluster": cluster.name,
        "simulated": cluster.is_simulated,
        "commit": desired.commit,
        "suspended": desired.environment.spec.suspend,
        "applied": {"commit": record.commit, "apart": dict(record.apart)} if record else None,
        "endpoints": [
            {
                "endpoint": name,
                "suspended": name in suspended,
                "appliedCommit": record.commit_of(name) if record else None,
                "rollout": statuses[name].to_dict() if name in statuses else None,
                **({"error": broken[name]} if name in broken else {}),
                "words": _words(statuses.get(name)),
            }
            for name in chosen
        ],
    }


def _words(status: Any) -> str:
    from generator.rollout.words import say_status

    return say_status(status, datetime.now(UTC)) if status is not None else "nothing is deployed"


def _print(report: dict[str, Any], *, single: bool) -> None:
    mark = " [simulated]" if report["simulated"] else ""
    applied = report["applied"]
    at = f"applied {applied['commit'][:10]}" if applied and applied["commit"] else "never applied as a whole"
    paused = ", suspended" if report["suspended"] else ""
    say(f"{report['environment']}{mark} at {report['commit'][:10]}: {at}{paused}")
    rows = []
    for item in report["endpoints"]:
        rollout = item["rollout"]
        verdict = rollout["verdict"] if rollout else "error" if "error" in item else "–"
        words = item["error"]["message"] if "error" in item else item["words"]
        rows.append((item["endpoint"], verdict + (" (suspended)" if item["suspended"] else ""), words))
    if rows:
        print_table(("endpoint", "verdict", "now"), rows)
    if single:
        for item in report["endpoints"]:
            _print_failure(item["rollout"])


def _print_failure(rollout: dict[str, Any] | None) -> None:
    failure = rollout.get("failure") if rollout else None
    if not failure:
        return
    say(f"  cause:    {failure['cause']}")
    say(f"  evidence: {failure['evidence']}")
    say(f"  next:     {failure['hint']}")
