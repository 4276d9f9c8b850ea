"""Claims about a company's own templates: mistakes are placed, and objects stay findable."""

from __future__ import annotations

import pytest

from generator.errors import RenderFailed
from generator.render.engine import TemplateSet
from generator.render.render import render_manifests
from generator.render.shipped import shipped_templates
from tests.render.factory import make_endpoint
from tests.render.rendering import SCHEMAS


def test_an_unknown_field_is_placed_in_the_template_that_makes_it() -> None:
    source = shipped_templates()["service.yaml.j2"].replace("  type: ClusterIP\n", "  type: ClusterIP\n  typo: 1\n")
    with pytest.raises(RenderFailed) as caught:
        render_manifests(make_endpoint(), TemplateSet(shipped_templates(), {"service.yaml.j2": source}), SCHEMAS)
    violation = caught.value.violations[0]
    line = source.split("\n").index("  typo: 1") + 1
    assert (violation.file, violation.line) == ("templates/service.yaml.j2", line)
    assert violation.path == "spec.typo"


def test_an_unknown_field_in_a_shared_piece_is_placed_there() -> None:
    source = shipped_templates()["_pod.yaml.j2"].replace("volumes:\n", "volumez: [1]\nvolumes:\n")
    with pytest.raises(RenderFailed) as caught:
        render_manifests(make_endpoint(), TemplateSet(shipped_templates(), {"_pod.yaml.j2": source}), SCHEMAS)
    line = source.split("\n").index("volumez: [1]") + 1
    assert caught.value.violations[0].place.startswith(f"templates/_pod.yaml.j2:{line}")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: Service", "kind: ConfigMap"),
        ("name: {{ name }}-svc", "name: other"),
        ("namespace: {{ namespace }}", "namespace: kube-system"),
        ("labels: {{ labels }}", "labels: {}"),
    ],
)
def test_an_override_cannot_change_what_revstamp_finds_objects_by(old: str, new: str) -> None:
    source = shipped_templates()["service.yaml.j2"].replace(old, new, 1)
    with pytest.raises(RenderFailed) as caught:
        render_manifests(make_endpoint(), TemplateSet(shipped_templates(), {"service.yaml.j2": source}), SCHEMAS)
    assert (
        caught.value.violations[0].line
        == source.split("\n").index(new if new in source.split("\n") else f"  {new}") + 1
    )


@pytest.mark.parametrize("source", ["", "- a\n", "text\n", "{# nothing #}\n"])
def test_a_workload_template_must_make_an_object(source: str) -> None:
    with pytest.raises(RenderFailed):
        render_manifests(make_endpoint(), TemplateSet(shipped_templates(), {"deployment.yaml.j2": source}))


def test_a_company_may_leave_out_the_budget_for_drains() -> None:
    templates = TemplateSet(shipped_templates(), {"poddisruptionbudget.yaml.j2": "{# we have our own #}\n"})
    assert render_manifests(make_endpoint(min_replicas=2), templates).get("PodDisruptionBudget") is None
