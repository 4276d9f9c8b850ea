"""`revstamp serve` as processes: several workers, several replicas, a database that comes late, an orderly end."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest

from generator.cli.http_server import listening
from generator.cli.main import run
from tests.api.conftest import OWN, WHO
from tests.fleet_repository import git
from tests.testbed.postgres import Database
from tests.testbed.postgres_crash import CrashingPostgres

PATIENCE = 60.0
NAME = "prod/chat"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository with the shipped example."""
    clone = tmp_path / "clone"
    assert run(["init", str(clone), "--example"]) == 0
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(clone), str(bare)], check=True)
    return bare


@contextmanager
def serve(folder: Path, remote: Path, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """One process with a mirror of its own; killed at the end where it has not ended."""
    mirror = ["--url", str(remote), "--mirror", str(folder / "mirror.git"), "--poll", "1"]
    command = [sys.executable, "-m", "generator.cli.main", "serve", *mirror, "-o", "json", *words]
    folder.mkdir(exist_ok=True)
    given = {"REVSTAMP_CLUSTERS": "dev=simulated,prod=simulated", "REVSTAMP_WRITES_PER_MINUTE": "6000"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, stderr=log, stdout=log, text=True, env={**os.environ, **given, **variables}
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until(condition: Callable[[], object], what: str, folder: Path) -> None:
    """Wait for something; the log is shown where it does not come."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what}\n{(folder / 'log').read_text()[-3000:]}"
        time.sleep(0.05)


def answers(base: str) -> bool:
    """Whether the server answers."""
    try:
        return httpx.get(f"{base}/healthz", timeout=PATIENCE).status_code == 200
    except httpx.HTTPError:
        return False


def children(process: subprocess.Popen[str]) -> list[int]:
    """Processes of the API that a process has started."""
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in text.split() if is_there(int(word)) and b"--only" in _command(int(word))]


def _command(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def is_there(number: int) -> bool:
    """Whether a process is there, and not only waited for."""
    try:
        return Path(f"/proc/{number}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def redeploy_all(bases: list[str], count: int) -> list[str]:
    """Wishes for all endpoints through all servers at once, each sent twice with one key; the accepted ones' ids."""
    names = ("prod/chat", "prod/embed", "prod/large", "stg/chat", "stg/search", "dev/chat")
    found: dict[str, str] = {}

    def send(place: int) -> None:
        key, name = f"wish-{place // 2}", names[place // 2 % len(names)]
        base = bases[place % len(bases)]
        headers = {**WHO, "Idempotency-Key": key}
        answer = httpx.post(
            f"{base}{OWN}/endpoints/{name}/redeploy", headers=headers, params={"supersede": True}, timeout=PATIENCE
        )
        if answer.status_code == 202:
            found.setdefault(key, answer.json()["requestId"])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(count * 2)))
    return list(found.values())


def unsettled(base: str) -> int:
    """How many wait for their commit."""
    return len(redeployments(base, state="pending"))


def redeployments(base: str, **asked: str) -> list[dict[str, Any]]:
    """Those of the ledger that are asked for."""
    answer = httpx.get(f"{base}{OWN}/redeployments", headers=WHO, params=asked, timeout=PATIENCE)
    found: list[dict[str, Any]] = answer.json()["redeployments"]
    return found


@pytest.mark.testbed
def test_two_servers_on_one_database_make_one_commit_a_wish(
    tmp_path: Path, remote: Path, postgres_database: Database
) -> None:
    """Whoever accepts it and whoever carries it out, and however often it is sent."""
    with ExitStack() as stack:
        url = postgres_database.url
        assert run(["db", "upgrade", "--database", url]) == 0
        bases = []
        for name in ("one", "two"):
            port = free_port()
            words = ("--listen", f"127.0.0.1:{port}", "--only", "api", "--only", "worker")
            stack.enter_context(serve(tmp_path / name, remote, *words, REVSTAMP_DATABASE=url))
            bases.append(f"http://127.0.0.1:{port}")
        for name, base in zip(("one", "two"), bases, strict=True):
            until(lambda base=base: answers(base), f"{name} answers", tmp_path / name)  # type: ignore[misc]
        accepted = redeploy_all(bases, 24)
        assert len(accepted) > 6
        until(lambda: unsettled(bases[0]) == 0, "all are committed", tmp_path / "one")
        text = git(remote, "log", "--format=%B", "main")
        rows = redeployments(bases[1], limit="1000")
        committed = [row for row in rows if row["commitId"]]
        assert committed
        for row in committed:
            assert text.count(row["requestId"]) == 1, row
        assert {row["requestId"] for row in rows if row["state"] != "refused"} == set(accepted)


@pytest.mark.sweep
def test_several_processes_of_the_api_share_a_socket_and_end_together(tmp_path: Path, remote: Path) -> None:
    """One that dies is started again; after SIGTERM nothing is left, and whoever listened is told that it ends."""
    port, folder = free_port(), tmp_path / "served"
    base = f"http://127.0.0.1:{port}"
    with serve(folder, remote, "--listen", f"127.0.0.1:{port}", "--workers", "2") as process:
        until(lambda: answers(base), "it answers", folder)
        until(lambda: len(children(process)) == 2, "two processes", folder)
        first = children(process)[0]
        time.sleep(1.2)
        os.kill(first, signal.SIGKILL)
        until(lambda: len(children(process)) == 2 and first not in children(process), "another one", folder)
        until(lambda: answers(base), "it answers again", folder)
        answer = httpx.post(f"{base}{OWN}/endpoints/{NAME}/redeploy", headers=WHO, timeout=PATIENCE)
        assert answer.status_code == 202, answer.text
        number = answer.json()["id"]

        def state() -> str:
            return str(httpx.get(f"{base}{OWN}/redeployments/{number}", headers=WHO, timeout=PATIENCE).json()["state"])

        until(lambda: state() == "healthy", "it is healthy", folder)
        with httpx.stream("GET", f"{base}{OWN}/events", headers=WHO, timeout=PATIENCE) as stream:
            lines = stream.iter_lines()
            assert next(lines).startswith("retry")
            known = [process.pid, *children(process)]
            process.send_signal(signal.SIGTERM)
            list(lines)
        assert process.wait(PATIENCE) == 0, (folder / "log").read_text()[-3000:]
        until(lambda: not any(is_there(number) for number in known), "all have ended", folder)


@pytest.mark.sweep
def test_processes_of_the_api_end_with_the_one_that_started_them(tmp_path: Path, remote: Path) -> None:
    """Also where that one is killed and can tell them nothing: the socket is free again."""
    port, folder = free_port(), tmp_path / "served"
    base = f"http://127.0.0.1:{port}"
    with serve(folder, remote, "--listen", f"127.0.0.1:{port}", "--workers", "2") as process:
        until(lambda: len(children(process)) == 2, "two processes", folder)
        known = children(process)
        until(lambda: answers(base), "it answers", folder)
        process.kill()
        until(lambda: not any(is_there(number) for number in known), "all have ended", folder)
        assert not answers(base)


@pytest.mark.testbed
def test_two_processes_and_their_parent_carry_each_wish_out_once(
    tmp_path: Path, remote: Path, postgres_database: Database
) -> None:
    """On PostgreSQL, each wish sent twice: one redeployment and at most one commit each."""
    url, port, folder = postgres_database.url, free_port(), tmp_path / "served"
    assert run(["db", "upgrade", "--database", url]) == 0
    base = f"http://127.0.0.1:{port}"
    words = ("--listen", f"127.0.0.1:{port}", "--workers", "2", "--only", "api", "--only", "worker")
    with serve(folder, remote, *words, REVSTAMP_DATABASE=url):
        until(lambda: answers(base), "it answers", folder)
        accepted = redeploy_all([base], 12)
        assert len(accepted) > 3
        until(lambda: unsettled(base) == 0, "all are committed", folder)
        rows = redeployments(base, limit="1000")
        text = git(remote, "log", "--format=%B", "main")
    assert {row["requestId"] for row in rows if row["state"] != "refused"} == set(accepted)
    assert [text.count(row["requestId"]) for row in rows if row["commitId"]] == [1] * sum(
        bool(row["commitId"]) for row in rows
    )


@pytest.mark.sweep
def test_sigterm_gives_the_leases_back(tmp_path: Path, remote: Path) -> None:
    """The next one works at once, not after the leases have run out."""
    folder = tmp_path / "served"
    for _ in range(2):
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        with serve(folder, remote, "--listen", f"127.0.0.1:{port}") as process:
            until(lambda base=base: answers(base), "it answers", folder)  # type: ignore[misc]
            until(lambda: '"leading"' in (folder / "log").read_text(), "it leads", folder)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, (folder / "log").read_text()[-3000:]
            text = (folder / "log").read_text()
            assert '"stopping"' in text
            assert "Traceback" not in text


BODY = b"{}"


@contextmanager
def asking(base: str) -> Iterator[tuple[socket.socket, BinaryIO]]:
    """A redeploy whose route waits for its body, and the answer, on the server at this address."""
    host, port = base.removeprefix("http://").split(":")
    given = {**WHO, "Host": f"{host}:{port}", "Content-Type": "application/json", "Expect": "100-continue"}
    lines = [f"{name}: {value}" for name, value in {**given, "Content-Length": len(BODY)}.items()]
    head = "\r\n".join([f"POST {OWN}/endpoints/{NAME}/redeploy?reason=late HTTP/1.1", *lines, "", ""])
    with socket.create_connection((host, int(port)), PATIENCE) as connection, connection.makefile("rb") as answer:
        connection.sendall(head.encode("ascii"))
        assert (answer.readline(), answer.readline()) == (b"HTTP/1.1 100 Continue\r\n", b"\r\n")
        yield connection, answer


@pytest.mark.sweep
def test_a_request_under_way_is_answered_before_the_server_ends(tmp_path: Path, remote: Path) -> None:
    """SIGTERM comes between its headers and its body: it is accepted nevertheless, and kept."""
    folder, port = tmp_path / "served", free_port()
    base, url = f"http://127.0.0.1:{port}", f"sqlite:///{tmp_path}/ledger.db"
    assert run(["db", "upgrade", "--database", url]) == 0
    with serve(folder, remote, "--listen", f"127.0.0.1:{port}", REVSTAMP_DATABASE=url) as process:
        until(lambda: answers(base), "it answers", folder)
        with (
            httpx.stream("GET", f"{base}{OWN}/events", headers=WHO, timeout=PATIENCE) as stream,
            asking(base) as (connection, answer),
        ):
            process.send_signal(signal.SIGTERM)
            list(stream.iter_lines())  # it ends when the signal has arrived
            connection.sendall(BODY)
            assert answer.readline() == b"HTTP/1.1 202 Accepted\r\n"
        assert process.wait(PATIENCE) == 0, (folder / "log").read_text()[-3000:]
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        assert database.execute("select reason from revstamp_redeployments").fetchall() == [("late",)]


@pytest.mark.sweep
def test_a_request_that_does_not_end_is_told_that_the_server_does(tmp_path: Path, remote: Path) -> None:
    """After the time that answers under way have: it may be sent again."""
    folder, port = tmp_path / "served", free_port()
    base = f"http://127.0.0.1:{port}"
    with serve(folder, remote, "--listen", f"127.0.0.1:{port}") as process:
        until(lambda: answers(base), "it answers", folder)
        with asking(base) as (_, answer):
            process.send_signal(signal.SIGTERM)
            text = answer.read()
        assert text.startswith(b"HTTP/1.1 503 "), text
        assert b"retry-after: 5" in text.lower()
        assert b'"error":"ending"' in text
        assert process.wait(PATIENCE) == 0
        assert "Traceback" not in (folder / "log").read_text()


@pytest.mark.testbed
def test_a_database_that_comes_late_is_waited_for_and_one_that_goes_is_told(
    tmp_path: Path, remote: Path, crashing_postgres: CrashingPostgres
) -> None:
    """Reads say so with a problem that may be tried again, `/readyz` names it, and all goes on once it is back."""
    url = crashing_postgres.create_database().url
    assert run(["db", "upgrade", "--database", url]) == 0
    port, folder = free_port(), tmp_path / "served"
    base = f"http://127.0.0.1:{port}"
    words = ("--listen", f"127.0.0.1:{port}", "--only", "api", "--only", "worker")
    with ExitStack() as stack:
        with crashing_postgres.away():
            process = stack.enter_context(serve(folder, remote, *words, REVSTAMP_DATABASE=url))
            until(lambda: "the database is away" in (folder / "log").read_text(), "it waits", folder)
            until(lambda: answers(base), "it answers", folder)
            assert process.poll() is None
            check_answers_while_waiting(base)
        until(lambda: httpx.get(f"{base}/readyz", timeout=PATIENCE).status_code == 200, "it is ready", folder)
        assert httpx.get(f"{base}{OWN}/redeployments", headers=WHO, timeout=PATIENCE).status_code == 200
        with crashing_postgres.away():
            check_answers_without_database(base)
        until(lambda: httpx.get(f"{base}/readyz", timeout=PATIENCE).status_code == 200, "it is ready", folder)
        assert "Traceback" not in (folder / "log").read_text()


def check_answers_while_waiting(base: str) -> None:
    """Before anything else is there: alive, not ready, and in the shape of each route."""
    ready = httpx.get(f"{base}/readyz", timeout=PATIENCE)
    assert (ready.status_code, list(ready.json()["missing"])) == (503, ["database"])
    answer = httpx.post(f"{base}{OWN}/endpoints/{NAME}/redeploy", headers=WHO, json={}, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["retryable"]) == (503, "5", True)
    platform = httpx.get(f"{base}/llm-ops/v1/serving/endpoints", headers=WHO, timeout=PATIENCE)
    assert (platform.status_code, platform.json()["status"]) == (200, "fail")


def check_answers_without_database(base: str) -> None:
    """Each face says in its own way that trying again helps."""
    answer = httpx.get(f"{base}{OWN}/redeployments", headers=WHO, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["retryable"] is True
    page = httpx.get(f"{base}/", headers=WHO, timeout=PATIENCE)
    assert (page.status_code, "Trying again may help" in page.text) == (503, True)
    platform = httpx.get(f"{base}/llm-ops/v1/serving/endpoints", headers=WHO, timeout=PATIENCE)
    assert (platform.status_code, platform.json()["status"]) == (200, "fail")
    ready = httpx.get(f"{base}/readyz", timeout=PATIENCE)
    assert (ready.status_code, "database" in ready.json()["missing"]) == (503, True)
    assert answers(base)


def test_an_address_that_is_taken_is_said_before_anything_begins(tmp_path: Path, remote: Path) -> None:
    """No lease is taken, no branch is fetched for it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = tmp_path / "served"
        with serve(folder, remote, "--listen", f"127.0.0.1:{port}") as process:
            assert process.wait(PATIENCE) == 3
        text = (folder / "log").read_text()
        assert f"cannot listen on 127.0.0.1:{port}" in text
        assert not (folder / "mirror.git").exists()


def test_the_socket_says_that_it_is_tcp() -> None:
    """Else the event loop leaves Nagle's algorithm on, and the end of each answer waits for the client, for 40 ms."""
    with listening("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
