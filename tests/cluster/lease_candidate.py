"""A process that wants to lead: `python -m tests.cluster.lease_candidate KUBECONFIG NAMESPACE IDENTITY DURATION RENEW`.

Owns: saying on standard output, a line each time and with the machine's monotonic clock, whether it holds the lease,
and in the end how often it thought so too late.
Refuses: anything else; tests stop, kill and wake it.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from generator.cluster.lease import LeaderLease, read_clock
from tests.cluster.adapter_clusters import open_kubernetes


def main(kubeconfig: str, namespace: str, identity: str, duration: str, renew: str) -> None:
    """Until it is killed."""
    cluster = open_kubernetes(Path(kubeconfig))
    lease = LeaderLease(
        cluster,
        namespace,
        "revstamp-test",
        identity,
        duration_seconds=float(duration),
        renew_seconds=float(renew),
        retry_seconds=0.2,
    )
    lease.start()
    print(f"waits {time.monotonic()}", flush=True)
    if lease.wait_until_held(threading.Event()):
        print(f"leads {time.monotonic()}", flush=True)
        print(f"late {count_late(lease, float(duration))}", flush=True)


def count_late(lease: LeaderLease, duration: float) -> int:
    """Ask until the lease is no longer held; how often it still was right after a pause longer than its time."""
    late, before = 0, read_clock()
    while True:
        now = read_clock()
        if not lease.is_held():
            return late
        late, before = late + (now - before > duration), now
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
