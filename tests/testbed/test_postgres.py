"""The PostgreSQL that tests get: their own, empty, fast, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.machine import ENVIRONMENT
from tests.testbed.postgres import MISSING, Database, PostgresServer, find_binaries
from tests.testbed.supervisor import ServiceFailed
from tests.testbed.test_supervisor import is_alive, wait_for

pytestmark = pytest.mark.testbed

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(postgres_database: Database, turn: int) -> None:
    """What one test writes, the next does not see."""
    assert postgres_database.run_sql("select count(*) from pg_tables where schemaname = 'public'") == "0"
    postgres_database.run_sql("create table t (x text); insert into t values ('한국어 😀')")
    assert postgres_database.run_sql("select x from t") == "한국어 😀"


def test_a_mistake_is_told_in_the_words_of_the_server(postgres_database: Database) -> None:
    """The rest of the statements is not run."""
    with pytest.raises(ServiceFailed, match='relation "nothing" does not exist'):
        postgres_database.run_sql("select * from nothing; create table t ()")
    assert postgres_database.run_sql("select count(*) from pg_tables where schemaname = 'public'") == "0"


def test_a_template_is_filled_once_and_copied_often(postgres_server: PostgresServer) -> None:
    """Migrations run once per worker, not once per test."""
    calls = []

    def prepare(database: Database) -> None:
        calls.append(database.name)
        database.run_sql("create table t (x int); insert into t values (1)")

    names = [postgres_server.prepare_template("one table", prepare) for _ in range(2)]
    first, second = (postgres_server.create_database(name) for name in names)
    first.run_sql("delete from t")
    assert second.run_sql("select x from t") == "1"
    assert len(calls) == 1


def test_a_database_goes_although_somebody_is_connected(postgres_server: PostgresServer) -> None:
    """A test that forgot a connection does not stop the next one."""
    database = postgres_server.create_database()
    psql = [str(find_binaries() or "") + "/psql", "-X", "-A", "-t", "-d", database.url]
    with subprocess.Popen(psql, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as open_one:
        assert open_one.stdin is not None
        assert open_one.stdout is not None
        open_one.stdin.write(b"select 1;\n")
        open_one.stdin.flush()
        assert open_one.stdout.readline() == b"1\n"
        postgres_server.drop_database(database)
        assert postgres_server.run_sql(f"select 1 from pg_database where datname = '{database.name}'") == ""
        open_one.stdin.close()


def test_nobody_gets_in_without_the_password(postgres_database: Database) -> None:
    """Other users of the machine are not superusers of the server."""
    url = postgres_database.url
    psql = [str(find_binaries() or "") + "/psql", "-X", "-w", "-c", "select 1"]
    without = url[: url.index(":", 15)] + url[url.index("@") :]
    done = subprocess.run([*psql, "-d", without], capture_output=True, text=True)
    assert "no password supplied" in done.stderr


def test_the_server_listens_on_loopback_only_and_not_as_root(postgres_server: PostgresServer) -> None:
    """It is nobody else's business."""
    assert postgres_server.run_sql("show listen_addresses") == "127.0.0.1"
    pid = int((postgres_server.folder / "data/postmaster.pid").read_text().split()[0])
    assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_nothing_is_left_after_the_tests_are_killed_with_minus_9(postgres_server: PostgresServer) -> None:
    """Neither the server, nor one of its processes, nor its folder."""
    script = (
        "import time; from tests.testbed.postgres import *\n"
        "server = PostgresServer(find_binaries())\n"
        "print(server.folder, flush=True); time.sleep(600)\n"
    )
    tests = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert tests.stdout is not None
    folder = Path(tests.stdout.readline().strip())
    server = int((folder / "data/postmaster.pid").read_text().split()[0])
    processes = [server, *map(int, Path(f"/proc/{server}/task/{server}/children").read_text().split())]
    assert len(processes) > 1
    os.kill(tests.pid, signal.SIGKILL)
    tests.communicate()
    wait_for(lambda: not folder.exists())
    assert not any(is_alive(pid) for pid in processes)


def test_a_machine_without_postgresql_is_told_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reason of the skip is what to do about it."""
    monkeypatch.setitem(ENVIRONMENT, "REVSTAMP_TESTBED_POSTGRES", "/no/such/folder")
    assert find_binaries() is None
    assert "apt-get install postgresql" in MISSING
