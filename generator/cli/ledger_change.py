"""A change of one endpoint where there is a ledger: recorded, committed at once where nobody else does, followed.

Owns: how this is told. Refuses: the use case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from generator.cli.background import name_process
from generator.cli.ledger import open_service
from generator.cli.ledger_wait import follow_redeployment
from generator.cli.output import note, print_json, say, warn

if TYPE_CHECKING:
    from generator.service.recording import Accepted, Asker
    from generator.service.redeployments import Redeployments
    from generator.service.workspace import Workspace
    from generator.settings import Settings
    from generator.store.redeployment import Redeployment

    UseCase = Callable[[Redeployments, Asker], Accepted]


def read_asker(values: Mapping[str, Any], settings: Settings, workspace: Workspace) -> Asker:
    """Who asks, by the options, the settings, or git. `--request-id` is the key that makes it count once."""
    from generator.service.recording import Asker

    actor = values.get("actor") or settings.actor or str(workspace.repository.author)
    reason = (values.get("reason") or "").replace("\r\n", "\n")
    given = values.get("request_id")
    return Asker(actor, reason, given, given or "", bool(values.get("supersede")), values.get("branch"))


def report_recorded(workspace: Workspace, use_case: UseCase, values: Mapping[str, Any], output: str) -> None:
    """Record the wish, commit it, and tell; with `--wait` until there is a verdict, whose exit code it is."""
    from generator.service.committing import Committer
    from generator.service.trunk import ClonedTrunk

    with open_service(ClonedTrunk(workspace), workspace.settings) as service:
        accepted = use_case(service, read_asker(values, workspace.settings, workspace))
        if output != "json":
            _tell_accepted(accepted)
        row = accepted.row
        if row.state == "pending":
            row = Committer(service.trunk, service.ledger, name_process()).drive(row) or service.queries.get(row.id)
        if output != "json":
            _tell_row(row)
        if values.get("wait"):
            row = follow_redeployment(service, row, values, output)
        if output == "json":
            print_json(_describe(accepted, service.queries.get(row.id)))
        require_good(row)


def _tell_accepted(accepted: Accepted) -> None:
    from generator.cli.change import print_plan

    if accepted.plan is not None:
        print_plan(accepted.plan, "text", state="planned")
    if not accepted.is_new:
        say("this request was accepted before; nothing is done again")


def _tell_row(row: Redeployment) -> None:
    commit = f"committed {row.commit_id[:10]} as" if row.commit_id else "nothing to commit; it waits for the verdict of"
    words = {
        "committed": f"{commit} r{row.revision}",
        "proposed": f"r{row.revision} waits on the branch {row.branch}",
        "pending": "not committed yet; a worker goes on with it",
    }
    text = words.get(row.state.value, row.state.value)
    say(f"redeployment {row.id}: {text}" + (f": {row.message}" if row.message else ""))
    if row.state == "proposed":
        note(f"open a pull request: {row.pull_request}" if row.pull_request else "open a pull request from it")
    if row.state == "pending":
        warn(row.message or "somebody else is committing it")


def _describe(accepted: Accepted, row: Redeployment) -> dict[str, Any]:
    plan = accepted.plan.to_dict() if accepted.plan else {}
    described = {**plan, "state": row.state.value, "requestId": row.request_id, "commit": row.commit_id}
    if row.revision is not None:
        described |= {"revision": row.revision, "podRevision": row.pod_revision}
    return {**described, "redeployment": row.to_dict()}


def require_good(row: Redeployment) -> None:
    """Raise by the state: failed, superseded; refused ones were raised before."""
    from generator.errors import RolloutFailed, RolloutSuperseded

    details = {"redeployment": row.to_dict()}
    if row.state in ("failed", "rejected"):
        reason = f"{row.failure_reason}: " if row.failure_reason else ""
        raise RolloutFailed(
            f"redeployment {row.id} of {row.name}: {reason}{row.message}", hint=row.hint, details=details
        )
    if row.state == "superseded":
        words = f"redeployment {row.id} of {row.name} was superseded by {row.superseded_by}"
        raise RolloutSuperseded(words, hint=f"revstamp show {row.superseded_by}", details=details)
