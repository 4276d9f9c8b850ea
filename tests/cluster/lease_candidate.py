"""A process that wants to lead: `python -m tests.cluster.lease_candidate KUBECONFIG NAMESPACE IDENTITY DURATION RENEW`.

Owns: saying on standard output, a line each time and with the machine's monotonic clock, whether it holds the lease.
Refuses: anything else; tests stop, kill and wake it.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from generator.cluster.lease import LeaderLease
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
    while lease.is_held():
        time.sleep(0.01)
    print(f"lost {time.monotonic()}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
