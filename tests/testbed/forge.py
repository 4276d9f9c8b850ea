"""A real forge, Gitea: repositories over HTTP, protected branches, pull requests and the ways to merge them.

Owns: the requests that tests need of a forge, and waiting for what it does beside its answers. Refuses: SSH, mail,
indexers, scheduled work and durability; the server is `forge_server`.
"""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.testbed.forge_server import OWNER, ForgeServer

_STILL_CHECKING = "try again later"
"""What Gitea answers while it works out whether a pull request can be merged, and also where it cannot be."""


class ForgeRefused(AssertionError):
    """The forge answered with an error: `status` is HTTP's, `message` its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the forge answers {status}: {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class ForgeRepository:
    """One repository of the owner."""

    name: str
    address: str
    token: str

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/repos/{OWNER}/{self.name}"

    @property
    def page(self) -> str:
        """What a person opens."""
        return f"{self.address}/{OWNER}/{self.name}"

    @property
    def url(self) -> str:
        """What git is given, without credentials: nobody gets in without."""
        return f"{self.page}.git"

    @property
    def authorized_url(self) -> str:
        """The same with those of the owner, who may push."""
        return self.url_with(self.token)

    def url_with(self, token: str) -> str:
        """The same with a token of the test's choice."""
        return self.url.replace("://", f"://{OWNER}:{quote(token, safe='')}@", 1)


class Forge:
    """The forge of one test process. `module` is Gitea's folder in the cache. Raises ServiceFailed."""

    def __init__(self, module: Path) -> None:
        self.server = ForgeServer(module)
        self._numbers = itertools.count(1)

    def stop(self) -> None:
        """End it and remove all that it held."""
        self.server.stop()

    def new_repository(self) -> ForgeRepository:
        """An empty private repository with a name of its own."""
        name = f"gitops-{next(self._numbers)}"
        self.api("POST", "/user/repos", {"name": name, "private": True, "default_branch": "main"})
        return ForgeRepository(name, self.server.address, self.server.token)

    def new_token(self, *scopes: str) -> str:
        """Another token of the owner, such as one with `read:repository` only."""
        basic = base64.b64encode(f"{OWNER}:{self.server.password}".encode()).decode()
        body = {"name": secrets.token_hex(8), "scopes": list(scopes)}
        return str(
            self._send("POST", f"/api/v1/users/{OWNER}/tokens", body, {"Authorization": f"Basic {basic}"})["sha1"]
        )

    def protect(self, repository: ForgeRepository, branch: str) -> None:
        """From now on nobody pushes to the branch; pull requests can be merged into it."""
        self.api("POST", f"{repository.path}/branch_protections", {"rule_name": branch, "enable_push": False})

    def open_pull_request(self, repository: ForgeRepository, head: str, base: str = "main", title: str = "") -> int:
        """Ask for a branch to be merged; the number of the pull request."""
        body = {"head": head, "base": base, "title": title or head}
        return int(self.api("POST", f"{repository.path}/pulls", body)["number"])

    def pull_requests(self, repository: ForgeRepository, state: str = "all") -> list[dict[str, Any]]:
        """All pull requests, the newest first, once the forge knows which can be merged (`mergeable`)."""
        self.settle()
        found: list[dict[str, Any]] = self.api("GET", f"{repository.path}/pulls?state={state}&sort=newest")
        return found

    def merge(self, repository: ForgeRepository, number: int, how: str = "merge", seconds: float = 60.0) -> str:
        """Merge a pull request by `merge`, `squash`, `rebase` or `rebase-merge`; the commit that the base is at.

        Raises ForgeRefused where it cannot be merged; conflicts are known for such only after so many seconds, since
        the forge answers the same while it has not looked yet.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.settle()
            try:
                self.api("POST", f"{repository.path}/pulls/{number}/merge", {"Do": how})
                break
            except ForgeRefused as refused:
                if _STILL_CHECKING not in refused.message or time.monotonic() > deadline:
                    raise
            time.sleep(0.1)
        return str(self.api("GET", f"{repository.path}/pulls/{number}")["merge_commit_sha"])

    def settle(self) -> None:
        """Wait until the forge has done what it put off: looking at pushes, and at pull requests after them."""
        headers = {"X-Gitea-Internal-Auth": f"Bearer {self.server.internal_token}"}
        body = {"Timeout": 20_000_000_000, "NonBlocking": False}  # in nanoseconds
        self._send("POST", "/api/internal/manager/flush-queues", body, headers)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One request of the owner's, such as `api("GET", "/version")`; its JSON. Raises ForgeRefused."""
        return self._send(method, f"/api/v1{path}", body, {"Authorization": f"token {self.server.token}"})

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(f"{self.server.address}{path}", data, dict(headers), method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ForgeRefused(error.code, error.read().decode(errors="replace")) from error
        return json.loads(text) if text.startswith((b"{", b"[")) else None
