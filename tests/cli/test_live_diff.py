"""`revstamp diff --live` over a cluster that is simulated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from generator.cli.cluster_options import OPENER
from generator.cluster.kinds import DEPLOYMENT, ref_of
from generator.cluster.simulated import SimulatedCluster
from tests.cli.driver import Person
from tests.fleet_repository import commit_by_hand, find_generated


class LastingCluster(SimulatedCluster):
    """Goes on when a command closes it."""

    def close(self) -> None:
        """Nothing; `end` does it."""

    def end(self) -> None:
        """End it."""
        super().close()


@pytest.fixture
def cluster() -> Iterator[LastingCluster]:
    """What every command of the test opens."""
    cluster = LastingCluster(strict_namespaces=False)
    token = OPENER.set(lambda _: cluster)
    yield cluster
    OPENER.reset(token)
    cluster.end()


def test_one_endpoint_that_cannot_be_read_does_not_end_the_whole_difference(
    person: Person, cluster: LastingCluster
) -> None:
    """The others are printed, and the error is told last."""
    broken = find_generated(person.root, "manifests", "prod", "chat") / "deployment.yaml"
    broken.write_text("kind: [", encoding="utf-8")
    commit_by_hand(person.root)
    answer = person.type("diff", "--live", "--environment", "prod")
    assert answer.code not in (0, 70), answer
    assert "InferenceService" in answer.out
    assert "search" in answer.out
    assert "chat" in answer.err
    found = person.type("diff", "--live", "--environment", "prod", "--output", "json")
    bodies = {item["endpoint"]: item for item in found.json["endpoints"]}
    assert bodies["chat"]["objects"] == []
    assert bodies["chat"]["error"]["message"]
    assert {item["change"] for item in bodies["search"]["objects"]} == {"new"}


def test_a_change_by_hand_is_shown_as_what_an_apply_does_with_it(person: Person, cluster: LastingCluster) -> None:
    """Where the environment heals it is undone, else it is left where it stands; and who made it is said."""
    person.do("apply", "prod/chat")
    (live,) = cluster.list(DEPLOYMENT, "", "revstamp.io/endpoint=chat")
    image = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "x:1"}
    cluster.patch(ref_of(live), [image], manager="kubectl-edit")
    healing = person.do("diff", "--live", "-e", "prod/chat").out
    assert f"{ref_of(live)}: changed" in healing
    person.edit("environments/prod/environment.yaml", "drift: heal", "drift: report")
    commit_by_hand(person.root)
    reporting = person.do("diff", "--live", "-e", "prod/chat").out
    assert f"{ref_of(live)}: left" in reporting
    assert "kubectl-edit" in healing
    assert "kubectl-edit" in reporting
