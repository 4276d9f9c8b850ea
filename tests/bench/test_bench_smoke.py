"""The benchmarks run and tell their results in the agreed shape. What they measure is never judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.__main__ import load_benchmarks, measure
from tests.bench.harness import Row, interleave, percentile, render_table, write_rows

pytestmark = pytest.mark.sweep

FIELDS = ["name", "value", "unit", "peer", "peer_value", "ratio", "goal", "goal_met"]


def test_benchmarks_are_found_by_being_there() -> None:
    """Each module of the package that measures something registers itself under its own name."""
    assert set(load_benchmarks()) >= {"burst", "cold_render", "commit_scale", "memory", "render_bulk"}


@pytest.mark.parametrize("name", load_benchmarks())
def test_benchmark_writes_rows_of_the_agreed_shape(name: str, tmp_path: Path) -> None:
    """At the smallest size, each benchmark measures something and writes complete rows."""
    text, complete = measure((name,), "tiny", tmp_path)
    assert complete
    rows = json.loads((tmp_path / "bench.json").read_text("utf-8"))
    assert rows
    for row in rows:
        assert list(row) == FIELDS
        assert isinstance(row["value"], int | float)
        assert row["name"] in text
        assert (row["peer"] is None) == (row["peer_value"] is None)
        assert row["goal_met"] in (None, True, False)


def test_rows_of_other_benchmarks_stay_in_the_file(tmp_path: Path) -> None:
    """Running one benchmark alone replaces its rows and leaves those of the others."""
    path = tmp_path / "bench.json"
    write_rows([Row("a", 1, "ms"), Row("b", 2, "ms")], path)
    write_rows([Row("b", 3, "ms")], path)
    assert [(row["name"], row["value"]) for row in json.loads(path.read_text("utf-8"))] == [("a", 1), ("b", 3)]


def test_samples_take_turns() -> None:
    """A slow minute of the machine meets revstamp and its peer alike."""
    order: list[str] = []

    def sample(name: str) -> float:
        order.append(name)
        return float(len(order))

    interleave({"own": lambda: sample("own"), "peer": lambda: sample("peer")}, 2)
    assert order == ["own", "peer", "peer", "own"]


def test_percentile_is_a_value_that_was_measured() -> None:
    """The 99th percentile of a hundred values is the second greatest; of one, that one."""
    assert percentile([float(value) for value in range(1, 101)], 0.99) == 99.0
    assert percentile([7.0], 0.99) == 7.0


def test_table_says_when_a_goal_could_not_be_judged() -> None:
    """Where a peer is missing, the row stays and says so."""
    assert "not judged" in render_table([Row("render", 1.5, "ms", goal="20 times faster")])
