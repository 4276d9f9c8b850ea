"""A git server over HTTP: git's own `http-backend` behind passwords and tokens, with faults on demand.

Owns: who may do what, which planned fault a request meets, the record of exchanges. Refuses: TLS, and anything of git
itself but the answer of a refused push (`git_faults`).

Faults are planned for one of three moments: `fetch` (when it is opened), `push-open` (when the push asks for the refs)
and `push` (when it sends its commits). A request without the right credentials meets no fault.
"""

from __future__ import annotations

import base64
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from tests.testbed.faults import Hold, Plan, Planned, Record
from tests.testbed.git_faults import UNAUTHORIZED, Answer, CutAnswer, CutRequest, Refuse, report_refusal

Moment = Literal["fetch", "push-open", "push"]


@dataclass(frozen=True, slots=True)
class GitExchange:
    """One request that was answered or cut. `moment` is empty for what is neither (a probe, the rest of a fetch)."""

    moment: str
    repository: str
    user: str | None
    status: int
    fault: object | None = None


class GitServer:
    """Serves the bare repositories below a folder. `users` have passwords; `readers` may only fetch.

    `tokens` are accepted as a password with any user name, as forges do.
    """

    def __init__(
        self,
        root: Path,
        users: Mapping[str, str],
        *,
        tokens: frozenset[str] = frozenset(),
        readers: frozenset[str] = frozenset(),
    ) -> None:
        self.root = root
        self.users = dict(users)
        self.tokens = tokens
        self.readers = readers
        self.record: Record[GitExchange] = Record()
        self._plan: Plan[str] = Plan()
        handler = type("Handler", (_Handler,), {"git_server": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return int(self._server.server_address[1])

    def url(self, repository: str, user: str = "", password: str | None = None) -> str:
        """The address of a repository; with a user also that user's credentials, or the ones given."""
        secret = self.users.get(user, "") if password is None else password
        credentials = f"{quote(user, safe='')}:{quote(secret, safe='')}@" if user else ""
        return f"http://{credentials}127.0.0.1:{self.port}/{repository}"

    def next(self, moment: Moment, action: object, times: int | None = 1) -> Planned[str]:
        """The next `times` requests at that moment meet the action (see `git_faults`, `Delay`); None is all."""
        return self._plan.add(lambda found: found == moment, action, times)

    def hold(self, moment: Moment) -> Hold:
        """Hold the next request at that moment until the test releases it."""
        hold = Hold()
        self.next(moment, hold)
        return hold

    def clear(self) -> None:
        """Nothing planned happens any more."""
        self._plan.clear()

    def count(self, moment: Moment, status: int = 200) -> int:
        """How many requests at that moment were answered so."""
        return len(self.record.list(lambda entry: entry.moment == moment and entry.status == status))

    def meet(self, moment: str) -> object | None:
        """Called by the handler: wait as planned, and learn what is to go wrong."""
        return self._plan.meet(moment) if moment else None

    def find_user(self, authorization: str) -> str | None:
        """Who is asking, by the header; None for nobody that is known."""
        scheme, _, value = authorization.partition(" ")
        if scheme == "Bearer" and value in self.tokens:
            return "token"
        if scheme != "Basic":
            return None
        user, _, password = base64.b64decode(value).decode("utf-8", "replace").partition(":")
        known = password in self.tokens or (user in self.users and self.users[user] == password)
        return user if known else None

    def stop(self) -> None:
        """Take no more requests."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that went away is no error of the server; what else breaks shows as a cut connection."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of git."""

    git_server: GitServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """The record says it."""

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        moment = self._find_moment(path, query)
        user = self.git_server.find_user(self.headers.get("Authorization", ""))
        fault = self.git_server.meet(moment) if user is not None else None
        if isinstance(fault, CutRequest):
            self._note(moment, path, user, 0, fault)
            self._cut()
            return
        body = self._read_body()
        if user is None:
            status, headers, content = _as_response(UNAUTHORIZED)
        elif user in self.git_server.readers and "receive-pack" in self.path:
            status, headers, content = _as_response(Answer(403, f"{user} may not write here"))
        elif isinstance(fault, Answer):
            status, headers, content = _as_response(fault)
        elif isinstance(fault, Refuse):
            status, headers = 200, {"Content-Type": "application/x-git-receive-pack-result"}
            content = report_refusal(fault, body)
        else:
            status, headers, content = self._run_backend(path, query, user, body)
        self._note(moment if body != b"0000" else "", path, user, status, fault)
        self._send(status, headers, content, fault.after if isinstance(fault, CutAnswer) else len(content))

    def _find_moment(self, path: str, query: str) -> str:
        if path.endswith("/git-receive-pack"):
            return "" if self.headers.get("Content-Length") == "4" else "push"  # four bytes are a probe
        opened = {"service=git-upload-pack": "fetch", "service=git-receive-pack": "push-open"}
        return opened.get(query, "") if path.endswith("/info/refs") else ""

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _run_backend(self, path: str, query: str, user: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.git_server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": user,
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        return int(headers.pop("Status", "200").split()[0]), headers, content

    def _send(self, status: int, headers: Mapping[str, str], content: bytes, upto: int | None) -> None:
        """The whole answer, or so many bytes of its body and then a broken connection."""
        if upto is not None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:upto])
        if upto is None or upto < len(content):
            self._cut()

    def _cut(self) -> None:
        """Break the connection so that the other side sees a reset, whatever is still on its way."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.rfile.close()

    def _note(self, moment: str, path: str, user: str | None, status: int, fault: object | None) -> None:
        self.git_server.record.add(GitExchange(moment, path.strip("/").split("/")[0], user, status, fault))


def _as_response(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    return answer.status, {"Content-Type": "text/plain", **answer.headers}, answer.text.encode()
