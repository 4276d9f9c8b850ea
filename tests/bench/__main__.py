"""`python -m tests.bench [--only NAME] [--quick]`: measure, print the table, write build/bench.json."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

from tests import bench
from tests.bench.harness import (
    Row,
    ScaleName,
    benchmark_names,
    isolated_git,
    render_table,
    run_benchmark,
    write_rows,
)

ROOT = Path(__file__).resolve().parents[2]


def load_benchmarks() -> tuple[str, ...]:
    """Import every module of this package that is no test; each registers what it measures."""
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith(("test_", "__")):
            importlib.import_module(f"tests.bench.{module.name}")
    return benchmark_names()


def measure(names: tuple[str, ...], scale: ScaleName, build: Path) -> tuple[str, bool]:
    """Run the benchmarks, write `bench.json` into the folder, and return the table, and whether all came to an end.

    One that fails is told about and costs only its own rows.
    """
    cache = build / "bench-data"
    cache.mkdir(parents=True, exist_ok=True)
    out = build / "bench.json"
    if len(names) == len(benchmark_names()):
        out.unlink(missing_ok=True)  # a whole run stands for itself
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=cache))
    rows: list[Row] = []
    notes: list[str] = []
    failed = False
    try:
        with isolated_git(scratch / "home"):
            for name in names:
                try:
                    made, said = run_benchmark(name, scale, scratch, cache)
                except Exception:
                    failed = True
                    notes.append(f"{name}: FAILED, its rows are missing")
                    traceback.print_exc()
                    continue
                rows += made
                notes += said
                write_rows(rows, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()}"
    remarks = [f"- {machine}, scale {scale}", *(f"- {note}" for note in notes)]
    return "\n".join([render_table(rows), "", *remarks, ""]), not failed


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help=f"one of {', '.join(load_benchmarks())}")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, under a minute: shows that it works")
    options = parser.parse_args()
    names = tuple(options.only or benchmark_names())
    for name in names:
        if name not in benchmark_names():
            parser.error(f"no benchmark {name!r}: there are {', '.join(benchmark_names())}")
    text, complete = measure(names, "quick" if options.quick else "full", ROOT / "build")
    sys.stdout.write(text)
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
