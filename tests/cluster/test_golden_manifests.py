"""What revstamp renders is what Kubernetes, KServe's webhooks and Gateway API take, field by field."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.cluster.golden_manifests import GoldenFile, find_differences, golden_files
from tests.testbed.catalogue import DEFAULT_KSERVE
from tests.testbed.fixtures.kserve_versions import ClusterWith
from tests.testbed.kube.api import Api

pytestmark = pytest.mark.cluster

SHIPPED_KSERVE = "0.16"
EVERY_RUN = frozenset({DEFAULT_KSERVE, SHIPPED_KSERVE})
"""Versions of which a cluster is started in every run; the others are for the long sweeps."""


def _parameters() -> Iterator[object]:
    for file in golden_files():
        marks = () if file.kserve in EVERY_RUN else (pytest.mark.soak,)
        yield pytest.param(file, id=f"{file.kserve}-{file.name}", marks=marks)


@pytest.fixture
def own_namespace(cluster_with: ClusterWith, golden: GoldenFile) -> Iterator[tuple[Api, str]]:
    """A namespace in the cluster that has the file's KServe."""
    api, name = cluster_with(golden.kserve).api, f"golden-{secrets.token_hex(5)}"
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield api, name
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize("golden", list(_parameters()))
def test_every_golden_manifest_is_accepted_and_comes_back_as_it_was_written(
    own_namespace: tuple[Api, str], golden: GoldenFile
) -> None:
    """Server-side apply, dry run, by the webhooks of the version that the environment names."""
    api, namespace = own_namespace
    objects = golden.objects()
    found = []
    for written in objects:
        written["metadata"]["namespace"] = namespace
        live = api.apply(written, dryRun="All", fieldValidation="Strict")
        found += [f"{written['kind']}{difference}" for difference in find_differences(written, live)]
    assert found == []


def test_a_difference_of_type_or_length_is_found() -> None:
    """The comparison itself can fail."""
    written = {"a": 1, "b": ["x"], "c": {"d": "1024Mi"}, "e": "1"}
    live = {"a": True, "b": ["x", "y"], "c": {"d": "1Gi"}, "f": 0}
    assert list(find_differences(written, live)) == [
        ".a: 1 came back as True",
        ".b: 1 items, 2 came back",
        ".c.d: '1024Mi' came back as '1Gi'",
        ".e: '1' is gone",
    ]
