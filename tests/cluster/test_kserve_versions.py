"""Other versions of KServe: each runs in a cluster of its own, built when somebody asks for the long sweeps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.testbed.catalogue import DEFAULT_KSERVE, KSERVE
from tests.testbed.cluster.hold import hold_cluster
from tests.testbed.cluster.spec import ClusterSpec, Pool
from tests.testbed.kube.api import Api
from tests.testbed.settings import SETTINGS
from tests.testbed.workloads import is_rolled_out, make_inference_service

pytestmark = [pytest.mark.cluster, pytest.mark.soak]

_OTHERS = [version for version in KSERVE if version != DEFAULT_KSERVE]


@pytest.mark.parametrize("version", _OTHERS)
def test_each_version_makes_a_deployment_of_an_inference_service(version: str) -> None:
    """In the mode that this version calls by its own name."""
    mode = "RawDeployment" if version == "0.15" else "Standard"
    spec = ClusterSpec(pools=(Pool("cpu", 1),), kserve=version)
    with hold_cluster(SETTINGS, spec, f"kserve-{version.replace('.', '-')}-{os.getpid()}") as running:
        api = Api(Path(running.kubeconfig))
        api.wait("/api/v1/namespaces/default/serviceaccounts/default", lambda _: True)
        api.apply(make_inference_service("default", mode=mode))
        api.wait("/apis/apps/v1/namespaces/default/deployments/chat-predictor", is_rolled_out)
