"""Claims about what changes hands on the way from one rendering to the next, and what the plan says to do."""

from __future__ import annotations

from typing import Any

import pytest

from generator.render.handover import warn_about_handover
from tests.render.factory import make_endpoint
from tests.render.rendering import render

FIXED = {"autoscaling": {}, "min_replicas": 3, "max_replicas": 3}
SCALED = {"min_replicas": 2, "max_replicas": 5}


def bodies(**overrides: Any) -> dict[str, Any]:
    """The objects of an endpoint by file name."""
    return {manifest.file_name: manifest.body for manifest in render(make_endpoint(**overrides))}


def warn(before: dict[str, Any], after: dict[str, Any], kserve: tuple[int, int] = (0, 17)) -> tuple[str, ...]:
    """The warnings of the way between two endpoints."""
    return warn_about_handover(bodies(**before) if before else {}, bodies(**after), kserve)


def test_an_autoscaler_that_takes_over_is_handed_the_number_first() -> None:
    """Its sole owner takes the field out, and a Deployment without it gets one replica."""
    (warning,) = warn(FIXED, SCALED)
    assert "an autoscaler takes over from 3 fixed replicas" in warning
    assert "sets them to 1" in warning
    assert "`replicas: 3` with --field-manager=handover" in warning


def test_a_fixed_number_that_takes_over_needs_the_autoscaler_gone() -> None:
    """Applying deletes nothing, and two would pull at one number."""
    (warning,) = warn(SCALED, FIXED)
    assert "delete HorizontalPodAutoscaler svc-0123456789ab-hpa in llm-ops-dev first" in warning
    assert "--force-conflicts" in warning
    (stopped,) = warn(SCALED, {"min_replicas": 0, "max_replicas": 0})
    assert stopped.startswith("0 fixed replicas take over")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, SCALED),
        (FIXED, {**FIXED, "min_replicas": 4, "max_replicas": 4}),
        (SCALED, {**SCALED, "max_replicas": 9}),
        ({"autoscaling": {}, "min_replicas": 1, "max_replicas": 1}, SCALED),
        ({"min_replicas": 0, "max_replicas": 0}, SCALED),
        (FIXED, {**SCALED, "framework": "kserve"}),
    ],
)
def test_nothing_is_said_where_no_number_changes_hands(before: dict[str, Any], after: dict[str, Any]) -> None:
    """First commits, the same owner, one replica or none before, and another object."""
    assert warn(before, after) == ()


def kserve(version: str, mode: str = "Standard") -> dict[str, Any]:
    """An InferenceService of a version and mode."""
    return {"framework": "kserve", "kserve__version": version, "kserve__mode": mode}


def test_another_deployment_mode_needs_a_new_inference_service() -> None:
    """In any spelling; KServe holds on to the mode in the status."""
    for before, after in ((kserve("0.16"), kserve("0.16", "Knative")), (kserve("0.15", "Knative"), kserve("0.17"))):
        (warning,) = warn(before, after)
        assert "which KServe refuses for an InferenceService that exists" in warning
        assert "delete InferenceService svc-0123456789ab in llm-ops-dev, then apply the new one" in warning


def test_another_spelling_of_the_mode_is_told_from_another_mode() -> None:
    """From 0.19 on it is taken; before, the status has to be spelt anew by hand."""
    (taken,) = warn(kserve("0.15"), kserve("0.20"), (0, 20))
    assert "Standard for RawDeployment: KServe takes that" in taken
    for version, minor in (("0.16", (0, 16)), ("0.17", (0, 17))):
        (refused,) = warn(kserve("0.15", "Knative"), kserve(version, "Knative"), minor)
        assert "only spelt anew, Knative for Serverless, but up to 0.17 KServe refuses that" in refused
        assert """--subresource=status --type=merge -p '{"status":{"deploymentMode":"Knative"}}'""" in refused
    assert warn(kserve("0.16"), kserve("0.17")) == ()


def test_what_is_no_object_is_passed_over() -> None:
    """A file that somebody's edit made unreadable."""
    assert warn_about_handover({"deployment.yaml": None, "x.yaml": []}, bodies(**SCALED), (0, 17)) == ()
