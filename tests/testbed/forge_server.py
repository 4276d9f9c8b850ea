"""Gitea's process: where it gets its files from, who runs it, what it is told.

Owns: the settings, each with its reason, the first user, and the folder that goes with the server. Refuses: knowing
what is asked of it; that is `forge`.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import tempfile
import urllib.request
from contextlib import suppress
from pathlib import Path

from tests.testbed.cluster.runner import free_ports
from tests.testbed.machine import ENVIRONMENT
from tests.testbed.supervisor import Command, ServiceFailed, Supervised

OWNER = "owner"

_USER = "nobody"
"""Who runs it where the tests run as root, which Gitea refuses to."""

_SETTINGS = """\
APP_NAME = forge
RUN_USER = {user}
WORK_PATH = {folder}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = {address}/
STATIC_ROOT_PATH = {static}
DISABLE_SSH = true
OFFLINE_MODE = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
; Nothing has to outlive the server.
SQLITE_JOURNAL_MODE = MEMORY
[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
INTERNAL_TOKEN = {internal}
; Each request with a password or a token hashes it.
PASSWORD_HASH_ALGO = pbkdf2$1$50
[oauth2]
ENABLED = false
JWT_SECRET = {secret}
[service]
DISABLE_REGISTRATION = true
[mailer]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[queue]
TYPE = channel
[cron]
ENABLED = false
[actions]
ENABLED = false
[packages]
ENABLED = false
[session]
PROVIDER = memory
[log]
LEVEL = Warn
[repository]
DEFAULT_BRANCH = main
[repository.pull-request]
; Pull requests are looked at anew as soon as their base moves.
DELAY_CHECK_FOR_INACTIVE_DAYS = -1
"""


class ForgeServer:
    """A server that ends with whoever made it. `module` is Gitea's folder in the cache. Raises ServiceFailed."""

    def __init__(self, module: Path) -> None:
        self.module = module
        self.password = secrets.token_hex(16)
        self.internal_token = secrets.token_hex(32)
        for attempt in range(3):
            try:
                self._services = self._start()
                break
            except ServiceFailed as error:  # somebody may have taken the port since it was found free
                if attempt == 2 or "address already in use" not in str(error):
                    raise
        self.token = self._read_token()

    def stop(self) -> None:
        """End it and remove its folder."""
        self._services.stop()

    @property
    def pid(self) -> int:
        """The supervisor's."""
        return self._services.pid

    @property
    def folder(self) -> Path:
        """Repositories, database and logs."""
        return self._services.folder

    def log(self) -> str:
        """What the server has written so far."""
        return self._services.log("gitea")

    def _start(self) -> Supervised:
        self.address = f"http://127.0.0.1:{free_ports(1)[0]}"
        folder = Path(tempfile.mkdtemp(prefix="revstamp-forge-"))
        user = _USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        program, static = self._find_files(folder)
        config = folder / "app.ini"
        config.write_text(self._fill_settings(folder, static, user), encoding="utf-8")
        if os.geteuid() == 0:
            owner = pwd.getpwnam(user)
            for path in (folder, config):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        environment = {"HOME": str(folder), "TMPDIR": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
        gitea = [str(program), "--config", str(config)]
        services = Supervised(
            folder,
            [Command("gitea", [*gitea, "web"], user, environment, signal.SIGKILL)],  # there is nothing to save
            first=[
                Command("migrate", [*gitea, "migrate"], user, environment),
                Command("owner", [*gitea, *self._owner_words()], user, environment),
            ],
            environment=ENVIRONMENT,
        )
        try:
            services.wait_until(self._answers, seconds=60)
        except BaseException:
            services.stop()
            raise
        return services

    def _find_files(self, folder: Path) -> tuple[Path, Path]:
        """The program, and the folder with its pages: as they are in the cache, or where another user can read them.

        Root's own cache is closed to the user that the server runs as. Hard links cost nothing; they need one disk.
        """
        if os.geteuid() != 0:
            return self.module / "bin/gitea", self.module / "files"
        shutil.copytree(self.module / "files", folder / "files", copy_function=_link_or_copy)
        _link_or_copy(self.module / "bin/gitea", folder / "program")
        return folder / "program", folder / "files"

    def _fill_settings(self, folder: Path, static: Path, user: str) -> str:
        return _SETTINGS.format(
            user=user,
            folder=folder,
            port=self.address.rpartition(":")[2],
            address=self.address,
            static=static,
            secret=secrets.token_urlsafe(32),
            internal=self.internal_token,
        )

    def _owner_words(self) -> list[str]:
        """The first user and a token with all rights, which the answer holds."""
        return [
            *("admin", "user", "create", "--admin"),
            *("--username", OWNER, "--email", f"{OWNER}@example.org", "--password", self.password),
            *("--access-token", "--access-token-name", "first", "--access-token-scopes", "all"),
        ]

    def _read_token(self) -> str:
        said = self._services.log("owner")
        found = re.search(r"successfully created\.\.\. (\w+)", said)
        if found is None:
            self.stop()
            raise ServiceFailed(f"the forge gave no token: {said}")
        return found[1]

    def _answers(self) -> bool:
        """The first page that somebody else on the port would not have."""
        with suppress(OSError), urllib.request.urlopen(f"{self.address}/api/healthz", timeout=10) as answer:
            return b"database:ping" in answer.read()
        return False


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
