"""Clients of the service: threads that ask for redeployments, and for each of them until they have an answer.

Owns: what is asked for, keys, asking twice, what was answered. Refuses: judging.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from generator.errors import AlreadyRunning, AuthenticationFailed, InvalidInput, NotFound, Refused, RevstampError
from generator.service.recording import Accepted, Asker
from generator.service.redeployments import Redeployments
from generator.spec.patch import Patch

IMAGE = ("spec", "image")
_TWICE = 0.3
"""Of so many requests a second copy is sent, at the same moment or afterwards."""
_SUPERSEDE = 0.2


@dataclass(frozen=True, slots=True)
class Request:
    """One wish of one client, and what became of it."""

    key: str
    target: str
    kind: str
    answers: tuple[int, ...] = ()
    """Rows that it was told of: the same one, however often it asked."""
    refusal: str = ""
    refused: int = 0
    """The row that keeps the refusal."""
    running: int = 0
    """The one that ran already."""
    attempts: int = 1


@dataclass
class Askers:
    """The requests of all clients. `targets` are ids of endpoints."""

    service: Redeployments
    targets: Sequence[str]
    chance: random.Random
    done: list[Request] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Answers that no client should get."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 0

    def ask(self, target: str, kind: str, *, supersede: bool = False, twice: bool = False) -> Request:
        """One request, until it is answered; `twice`: with a copy of it at the same moment."""
        with self._lock:
            self._number += 1
            key = f"key-{self._number}"
        asker = Asker("Ann <ann@example.com>", f"{kind} as {key}", key, supersede=supersede)
        send = self._choose(target, kind, asker)
        with ThreadPoolExecutor(2) as pool:
            copies = [pool.submit(self._insist, Request(key, target, kind), send) for _ in range(1 + twice)]
        found = [copy.result() for copy in copies]
        rows = tuple(row for one in found for row in one.answers)
        for one in found:
            if one.running in rows:  # what runs is the copy: it is the same wish
                self._wonder(f"{key} was accepted as {rows} and refused: {one.refusal}")
        kept = replace(found[0], answers=rows, attempts=sum(one.attempts for one in found))
        with self._lock:
            self.done.append(kept)
        return kept

    def run(self, clients: int) -> list[threading.Thread]:
        """Ask at random, in so many threads, until told to stop."""
        threads = [
            threading.Thread(target=self._ask_on, args=(random.Random(self.chance.random()),), name=f"client-{number}")
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        return threads

    def stop(self) -> None:
        """No new requests; those that have no answer yet are asked on."""
        self._stop.set()

    def _ask_on(self, chance: random.Random) -> None:
        kinds = {"again": 3, "image": 3, "slow": 2, "broken": 1, "scale": 3, "stop": 1, "rollback": 2}
        while not self._stop.is_set():
            kind = chance.choices(list(kinds), list(kinds.values()))[0]
            target, supersede = chance.choice(self.targets), chance.random() < _SUPERSEDE
            try:
                self.ask(target, kind, supersede=supersede, twice=chance.random() < _TWICE)
            except Exception as error:
                self._wonder(f"{kind} of {target}: {type(error).__name__}: {error}")
            self._stop.wait(chance.uniform(0.1, 1.0))

    def _insist(self, request: Request, send: Callable[[], Accepted]) -> Request:
        """Ask until there is an answer, and perhaps once more: the answer has to be the same."""
        for attempt in range(1, 10_000):
            try:
                row = send().row
            except (Refused, InvalidInput, NotFound) as error:
                if isinstance(error, InvalidInput):
                    self._wonder(f"{request.key} {request.kind}: {error.message}")
                number = int(error.details.get("refused") or 0)
                running = int(error.details["redeployment"]["id"]) if isinstance(error, AlreadyRunning) else 0
                return replace(request, refusal=error.message, refused=number, running=running, attempts=attempt)
            except RevstampError as error:
                # A proxy that cuts connections makes git forget, now and then, to send the credentials along.
                if not error.retryable and not isinstance(error, AuthenticationFailed):
                    self._wonder(f"{request.key} {request.kind}: {error.code}: {error.message}")
                time.sleep(0.3)  # a client's pause before it asks again
                continue
            answers = (*request.answers, row.id)
            if len(answers) > 1 or int(request.key.rpartition("-")[2]) % 3:
                return replace(request, answers=answers, attempts=attempt)
            request = replace(request, answers=answers)
        raise AssertionError("no answer")

    def _choose(self, target: str, kind: str, asker: Asker) -> Callable[[], Accepted]:
        image = f"registry.internal/serve/vllm:{asker.key}"
        images = {
            "again": None,
            "image": image,
            "slow": f"registry.internal/serve/vllm:fate-slow-load-after-2s-{asker.key}",
            "broken": f"registry.internal/serve/vllm:fate-image-pull-{asker.key}",
        }
        service = self.service
        if kind in images:
            patch = Patch({IMAGE: images[kind]}) if images[kind] else Patch()
            return lambda: service.redeploy(target, asker, patch=patch)
        if kind == "rollback":
            return lambda: service.rollback(target, asker)
        count = 0 if kind == "stop" else 1 + self.chance.randrange(2)
        return lambda: service.scale(target, asker, count, count)

    def _wonder(self, text: str) -> None:
        with self._lock:
            self.surprises.append(text)


@contextmanager
def asking(askers: Askers, clients: int) -> Iterator[Askers]:
    """Clients ask until the block ends, and have all their answers then."""
    threads = askers.run(clients)
    try:
        yield askers
    finally:
        askers.stop()
        for thread in threads:
            thread.join(120)
    assert not [thread.name for thread in threads if thread.is_alive()], "a client has no answer"
