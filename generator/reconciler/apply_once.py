"""One pass over an environment, for a pipeline or a person.

Owns: many endpoints at once, and the record afterwards. Refuses: following anything; see `follow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from generator.cluster.record import AppliedRecord, read_record, update_record
from generator.reconciler.endpoint_result import EndpointResult
from generator.reconciler.environment_sync import FEW, READ_AHEAD, EnvironmentSync


def prepare(sync: EnvironmentSync, names: Iterable[str] | None) -> tuple[str, ...]:
    """Learn what is there; the endpoints that a pass is about: those named, or all that are not in sync."""
    sync.record = read_record(sync.cluster, sync.desired.name, sync.desired.environment.spec.namespace)
    chosen = None if names is None else tuple(names)
    if chosen is not None and len(chosen) <= FEW:
        sync.look_up(chosen)
    else:
        sync.list_objects()
    return chosen if chosen is not None else sync.pending()


def apply_once(
    sync: EnvironmentSync,
    names: Iterable[str],
    *,
    workers: int = 8,
    progress: Callable[[EndpointResult], None] = lambda _: None,
) -> list[EndpointResult]:
    """Pass over the endpoints, several at a time; each one's result, in the order of the names."""
    chosen = tuple(names)
    sync.judge_pruning(chosen)
    sync.begin_pass(len(chosen))
    try:
        with ThreadPoolExecutor(max_workers=max(1, min(workers, len(chosen)))) as pool:
            results = []
            for start in range(0, len(chosen), READ_AHEAD):
                part = chosen[start : start + READ_AHEAD]
                sync.desired.read_ahead(part)
                for result in pool.map(sync.sync, part):
                    progress(result)
                    results.append(result)
    finally:
        sync.end_pass()
    return results


def record_results(sync: EnvironmentSync, results: Iterable[EndpointResult], *, whole: bool) -> None:
    """Write down what the cluster has now: this commit for what is complete, what it had before for the rest.

    `whole`: the pass was about every endpoint, so that the commit is the environment's.
    """
    desired = sync.desired
    done = {result.name: result.commit for result in results if result.is_complete}
    left = [result.name for result in results if not result.is_complete]

    def change(before: AppliedRecord | None) -> AppliedRecord:
        old = before or AppliedRecord()
        if not whole:
            return old.with_endpoints(done)
        return AppliedRecord(desired.commit, {name: old.commit_of(name) for name in left})

    update_record(sync.cluster, desired.name, desired.environment.spec.namespace, change)
