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
from pathlib import Path

from tests import bench
from tests.bench.harness import (
    ScaleName,
    benchmark_names,
    isolated_git,
    render_table,
    run_benchmarks,
    write_rows,
)

ROOT = Path(__file__).resolve().parents[2]


def load_benchmarks() -> tuple[str, ...]:
    """Import every module of this package that is no test; each registers what it measures."""
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith(("test_", "__")):
            importlib.import_module(f"tests.bench.{module.name}")
    return benchmark_names()


def measure(names: tuple[str, ...], scale: ScaleName, build: Path) -> str:
    """Run the benchmarks, write `bench.json` into the folder, and return the table with its remarks."""
    cache = build / "bench-data"
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=cache))
    try:
        with isolated_git(scratch / "home"):
            rows, notes = run_benchmarks(names, scale, scratch, cache)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    out = build / "bench.json"
    if len(names) == len(benchmark_names()):
        out.unlink(missing_ok=True)  # a whole run stands for itself
    write_rows(rows, out)
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()}"
    return "\n".join([render_table(rows), "", f"- {machine}, scale {scale}", *(f"- {note}" for note in notes), ""])


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
    sys.stdout.write(measure(names, "quick" if options.quick else "full", ROOT / "build"))


if __name__ == "__main__":
    main()
