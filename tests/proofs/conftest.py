"""What the proofs share: a repository, connections, and the seed of all that is random."""

from __future__ import annotations

import os
import random

import pytest

from tests.cluster.gitops_fixtures import gitops as gitops
from tests.cluster.gitops_fixtures import opening as opening


@pytest.fixture
def chance() -> random.Random:
    """`PROOF_SEED=... pytest ...` repeats a run; the seed is printed."""
    seed = int(os.environ.get("PROOF_SEED") or random.SystemRandom().randrange(10**6))
    print(f"PROOF_SEED={seed}")
    return random.Random(seed)
