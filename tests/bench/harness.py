"""What all benchmarks share: their registry, sizes, interleaved measuring, and the table of results.

Owns: how a measurement is taken and told. Refuses: judging a test by time; nothing here fails because it was slow.
A benchmark is a module of this package with a function marked `@benchmark("name")`; it is found by being there.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

ScaleName = Literal["full", "quick", "tiny"]

FOREIGN_SHARE = 0.1
"""Of all processors: where other programs took more than this, times are not to be trusted."""

GIT_CONFIG = """\
[user]
\tname = Bench Person
\temail = bench@example.org
[init]
\tdefaultBranch = main
[commit]
\tgpgSign = false
[gc]
\tauto = 0
[advice]
\tdetachedHead = false
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `ratio` says how many times better than the peer: above 1 revstamp is ahead.

    `goal` is None where the row only informs; `goal_met` is None where the goal could not be judged, for want of the
    peer.
    """

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    goal: str | None = None
    goal_met: bool | None = None


@dataclass(slots=True)
class Bench:
    """What a benchmark is given: its sizes, a folder of its own for this run, and one that outlasts it."""

    scale: ScaleName
    scratch: Path
    cache: Path
    notes: list[str] = field(default_factory=list)

    def pick(self, *, full: int, quick: int, tiny: int) -> int:
        """A size by scale: `full` is what is published, `tiny` only shows that it runs."""
        return {"full": full, "quick": quick, "tiny": tiny}[self.scale]

    def note(self, text: str) -> None:
        """A remark that is printed below the table."""
        self.notes.append(text)


Benchmark = Callable[[Bench], Iterable[Row]]
_REGISTRY: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Mark the function that measures; its module's docstring says what and against what."""

    def register(function: Benchmark) -> Benchmark:
        _REGISTRY[name] = function
        return function

    return register


def benchmark_names() -> tuple[str, ...]:
    """All registered benchmarks, in the order in which they are run."""
    return tuple(sorted(_REGISTRY))


def run_benchmark(name: str, scale: ScaleName, scratch: Path, cache: Path) -> tuple[list[Row], list[str]]:
    """Rows and remarks of one benchmark."""
    folder = scratch / name
    folder.mkdir(parents=True)
    bench = Bench(scale, folder, cache)
    started = time.perf_counter()
    with watch_load(bench.notes):
        rows = list(_REGISTRY[name](bench))
    tell(f"{name}: {time.perf_counter() - started:.0f} s")
    return rows, [f"{name}: {note}" for note in bench.notes]


# -- measuring ----------------------------------------------------------------------------------------------------


def interleave(samples: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Take turns, so that a slow minute of the machine meets all of them; each returns what it measured."""
    taken: dict[str, list[float]] = {name: [] for name in samples}
    for turn in range(rounds):
        order = list(samples)
        for name in order if turn % 2 == 0 else reversed(order):
            taken[name].append(samples[name]())
    return taken


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, by the clock on the wall."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1))]


def run(arguments: Sequence[str | Path], folder: Path, stdin: bytes = b"") -> bytes:
    """Run a program to its end and return what it printed; what it said to people where it failed is raised."""
    done = subprocess.run([str(each) for each in arguments], cwd=folder, input=stdin, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def revstamp_command() -> tuple[str, ...]:
    """The installed command beside this interpreter, as a person would start it."""
    script = Path(sys.executable).with_name("revstamp")
    return (str(script),) if script.exists() else (sys.executable, "-m", "generator.cli.main")


@contextmanager
def watch_load(notes: list[str]) -> Iterator[None]:
    """Remark on it where other programs kept the processors busy meanwhile."""
    before, own = _busy_seconds(), _own_seconds()
    started = time.perf_counter()
    yield
    capacity = (time.perf_counter() - started) * (os.cpu_count() or 1)
    foreign = max(0.0, (_busy_seconds() - before) - (_own_seconds() - own)) / capacity
    if foreign > FOREIGN_SHARE:
        notes.append(f"other programs used {foreign:.0%} of the processors meanwhile; times are too high")


def _busy_seconds() -> float:
    """Seconds that all processors together were not idle since the machine started; 0 where that is not told."""
    try:
        first = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
    except OSError:
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, *_ = (int(each) for each in first[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


@contextmanager
def isolated_git(folder: Path) -> Iterator[None]:
    """No configuration of the machine's user reaches a measurement."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "gitconfig"
    config.write_text(GIT_CONFIG, encoding="utf-8")
    before = dict(os.environ)
    for key in list(os.environ):
        if key.startswith(("GIT_", "REVSTAMP_")):
            del os.environ[key]
    # an installation has its bytecode compiled, and so has what is measured, wherever the sources lie
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(PYTHONPYCACHEPREFIX=str(folder / "bytecode"))
    os.environ.update(HOME=str(folder), GIT_CONFIG_GLOBAL=str(config), GIT_CONFIG_NOSYSTEM="1", LC_ALL="C.UTF-8")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# -- telling ------------------------------------------------------------------------------------------------------


def faster(name: str, value: float, unit: str, peer: str | None, peer_value: float | None, digits: int = 2) -> Row:
    """A row whose numbers are costs: the ratio is the peer's by ours."""
    ratio = None if peer_value is None or not value else round(peer_value / value, 2)
    shown = None if peer_value is None else round(peer_value, digits)
    return Row(name, round(value, digits), unit, peer, shown, ratio)


def render_table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table, for the terminal and the README alike."""
    head = ("benchmark", "revstamp", "unit", "peer", "peer's value", "ratio", "goal", "met")
    cells = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    right = {1, 4, 5}

    def line(parts: Sequence[str]) -> str:
        padded = (
            part.rjust(widths[column]) if column in right else part.ljust(widths[column])
            for column, part in enumerate(parts)
        )
        return f"| {' | '.join(padded)} |"

    rule = [("-" * (width - 1) + ":") if column in right else "-" * width for column, width in enumerate(widths)]
    return "\n".join([line(head), line(rule), *(line(each) for each in cells[1:])])


def _cells(row: Row) -> tuple[str, ...]:
    met = "" if row.goal is None else {True: "yes", False: "no", None: "not judged"}[row.goal_met]
    return (
        row.name,
        f"{row.value:,g}",
        row.unit,
        row.peer or "",
        "" if row.peer_value is None else f"{row.peer_value:,g}",
        "" if row.ratio is None else f"{row.ratio:,g}",
        row.goal or "",
        met,
    )


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """The rows as JSON. Rows of other benchmarks that stand in the file already stay, so that one can be run alone."""
    kept = [] if not path.exists() else json.loads(path.read_text("utf-8"))
    mine = {row.name for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    merged = [each for each in kept if each.get("name") not in mine] + [asdict(row) for row in rows]
    path.write_text(json.dumps(merged, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def tell(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
