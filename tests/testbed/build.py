"""Builds a module into the cache: its programs, and the files of its source that the testbed reads.

Owns: calling `go`, in a folder of its own that is renamed into place when all of it is there. Refuses: where modules
are downloaded from; that is for the machine's own Go settings to say.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import zipfile
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from tests.testbed import cache
from tests.testbed.catalogue import Command, Module
from tests.testbed.errors import BuildFailed, Missing
from tests.testbed.progress import Progress
from tests.testbed.settings import Settings

OLDEST_GO = (1, 26)
"""What the newest of the modules asks for."""
NO_GO = "Go 1.26 or newer is not installed"


def go_version(settings: Settings) -> str | None:
    """Major and minor of the installed Go, such as 1.26; None where there is none that could build the modules.

    An older Go fetches the one that a module asks for, unless the machine forbids it.
    """
    go = shutil.which("go", path=settings.environment.get("PATH"))
    if go is None:
        return None
    words = [go, "env", "GOVERSION", "GOTOOLCHAIN"]
    said = subprocess.run(words, cwd="/", env=_environment(settings), capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)\S*\n(\w*)", said.stdout)
    if found is None:
        return None
    too_old = (int(found[1]), int(found[2])) < OLDEST_GO and found[3] == "local"
    return None if too_old else f"{found[1]}.{found[2]}"


def build_modules(modules: Iterable[Module], settings: Settings) -> list[Path]:
    """Builds what is not built yet; returns the folder of each. Raises Missing without Go, BuildFailed."""
    wanted = list(modules)
    go = go_version(settings)
    found = [cache.find_built(settings.cache, module, go) for module in wanted]
    if all(found):
        return [folder for folder in found if folder]
    if go is None:
        raise Missing(f"{NO_GO}, and what it would build is not in the cache", "install it")
    steps = sum(len(module.commands) or 1 for module, folder in zip(wanted, found, strict=True) if not folder)
    progress = Progress(steps)
    return [
        folder or _build_module(module, settings, go, progress) for module, folder in zip(wanted, found, strict=True)
    ]


def _build_module(module: Module, settings: Settings, go: str, progress: Progress) -> Path:
    name = cache.folder_name(module, go)
    target = settings.cache / name
    with cache.lock_folder(settings.cache, name, lambda: progress.say(f"{module.name}: waiting for another build")):
        if target.is_dir():  # the one that was waited for has built it
            for command in module.commands or [Command(module.name, "")]:
                progress.start(command.name)
                progress.finish("built meanwhile")
            return target
        staging = settings.cache / f".{name}.{os.getpid()}"
        shutil.rmtree(staging, ignore_errors=True)
        try:
            (staging / "bin").mkdir(parents=True)
            _fill(module, staging, settings, progress)
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return target


def _fill(module: Module, staging: Path, settings: Settings, progress: Progress) -> None:
    if not module.commands:
        progress.start(f"fetching {module.name} {module.version}")
    if module.files:
        _copy_files(module, staging, settings)
    if not module.commands:
        progress.finish()
    for command in module.commands:
        progress.start(f"building {command.name} {module.version}")
        arguments = ["build", "-v", *module.flags(), "-o", str(staging / "bin" / command.name), command.package]
        _run_go(arguments, module, {**_environment(settings), "CGO_ENABLED": str(int(module.cgo))}, progress)
        progress.finish()


def _run_go(arguments: Sequence[str], module: Module, environment: Mapping[str, str], progress: Progress) -> None:
    tail: deque[str] = deque(maxlen=40)
    counts = {"downloaded": 0, "compiled": 0}
    with subprocess.Popen(
        ["go", *arguments],
        cwd=module.folder,
        env=environment,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        reader = threading.Thread(target=_read_lines, args=(process, tail, counts), daemon=True)
        reader.start()
        while True:
            try:
                code = process.wait(timeout=1)
                break
            except subprocess.TimeoutExpired:
                what = "compiled" if counts["compiled"] else "downloaded"
                progress.tick(f"{counts[what]} {'packages' if what == 'compiled' else 'modules'} {what}")
        reader.join(timeout=5)
    if code != 0:
        progress.finish("failed")
        raise BuildFailed(f"go {arguments[0]} ended with {code} in {module.folder}:\n" + "\n".join(tail))


def _read_lines(process: subprocess.Popen[str], tail: deque[str], counts: dict[str, int]) -> None:
    """With -v, go names each module that it fetches and each package that it compiles, a line each."""
    for line in process.stderr or ():
        tail.append(line.rstrip("\n"))
        counts["downloaded" if line.startswith("go: ") else "compiled"] += 1


def _copy_files(module: Module, staging: Path, settings: Settings) -> None:
    prefix = f"{module.path}@{module.version}/"
    with zipfile.ZipFile(_fetch_source(module, staging, settings)) as source:
        for entry in source.infolist():
            name = PurePosixPath(entry.filename.removeprefix(prefix))
            if any(_matches(name, pattern) for pattern in module.files):
                target = staging / "files" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read(entry))


def _matches(name: PurePosixPath, pattern: str) -> bool:
    """`folder/**` is all below a folder, `folder/*.yaml` what is in it."""
    if pattern.endswith("/**"):
        return name.as_posix().startswith(pattern[:-2])
    return name.match(pattern) and name.parent == PurePosixPath(pattern).parent


def _fetch_source(module: Module, outside: Path, settings: Settings) -> Path:
    """The archive of the module's source, its sum compared with go.sum.

    The archive, and asked for from outside the module: Go does not unpack a source that asks for a newer Go than the
    one at hand, not even where only its manifests are wanted; it fetches and checks it, and says so beside the error.
    """
    answer = subprocess.run(
        ["go", "mod", "download", "-json", f"{module.path}@{module.version}"],
        cwd=outside,
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(answer.stdout or "{}")
    if "Zip" not in said or "Sum" not in said:
        raise BuildFailed(f"{module.path} could not be fetched: {said.get('Error') or answer.stderr}")
    line = f"{module.path} {module.version} {said['Sum']}"
    if line not in (module.folder / "go.sum").read_text(encoding="utf-8").splitlines():
        raise BuildFailed(f"{module.path} is not what {module.name}/go.sum says: {said['Sum']}")
    return Path(said["Zip"])


def _environment(settings: Settings) -> dict[str, str]:
    """The machine's own, but for what would change the build."""
    return {**settings.environment, "GOFLAGS": "", "GOWORK": "off", "GO111MODULE": "on"}
