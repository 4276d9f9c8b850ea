"""Verbs on objects: get, list, create, apply, patch, delete, watch, wait.

Owns: one connection a thread, paths of objects by the server's own discovery, and the server's refusals as ApiError.
Refuses: retries; a test that wants them says so.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.testbed.kube.kubeconfig import Access, read_access

Object = dict[str, Any]
FIELD_MANAGER = "testbed"
_PATCHES = {
    "apply": "application/apply-patch+yaml",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


class ApiError(Exception):
    """The server refused: `code` is HTTP's, `reason` the server's word, such as NotFound or Conflict."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message


class Api:
    """A client. Safe for threads: each has a connection of its own."""

    def __init__(self, access: Access | Path, timeout: float = 30.0) -> None:
        self._access = read_access(access) if isinstance(access, Path) else access
        self._timeout = timeout
        self._local = threading.local()
        self._plurals: dict[tuple[str, str], tuple[str, bool]] = {}

    def request(self, verb: str, path: str, body: Any = None, kind: str = "application/json", **query: Any) -> Object:
        """One request, answered as an object. Raises ApiError, OSError."""
        response = self._send(verb, path, body, kind, query)
        return _object(response.status, response.read())

    def get(self, path: str, **query: Any) -> Object:
        """`path` is one of the API's, such as /api/v1/nodes, or what `path_of` says."""
        return self.request("GET", path, **query)

    def find(self, path: str) -> Object | None:
        """An object, or None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def items(self, path: str, **query: Any) -> list[Object]:
        """The objects of a list, for example `items(..., labelSelector="app=chat")`."""
        found: list[Object] = self.get(path, **query).get("items") or []
        return found

    def create(self, thing: Object) -> Object:
        """Creates an object; one without a name needs `generateName`."""
        return self.request("POST", self.path_of(thing, collection=True), thing)

    def apply(self, thing: Object, *, force: bool = True, manager: str = FIELD_MANAGER, **query: Any) -> Object:
        """Server-side apply; `dryRun="All"` only asks."""
        query = {"fieldManager": manager, "force": str(force).lower(), **query}
        return self.request("PATCH", self.path_of(thing), thing, _PATCHES["apply"], **query)

    def patch(self, path: str, body: Any, how: str = "merge", **query: Any) -> Object:
        """`how`: merge, json or strategic. Ends in /status to patch an object's status."""
        return self.request("PATCH", path, body, _PATCHES[how], **query)

    def delete(self, path: str, *, propagation: str = "Background") -> None:
        """Deletes; an object that is not there is as good."""
        try:
            self.request("DELETE", path, {"propagationPolicy": propagation})
        except ApiError as error:
            if error.code != 404:
                raise

    def watch(self, path: str, seconds: int, **query: Any) -> Iterator[Object]:
        """The events of a list, each with `type` and `object`, until the server ends them after so many seconds."""
        query = {"watch": "true", "timeoutSeconds": seconds, **query}
        connection = self._connect(seconds + self._timeout)
        try:
            response = self._send("GET", path, None, "application/json", query, connection)
            if response.status >= 300:
                _object(response.status, response.read())
            for line in response:
                yield json.loads(line)
        finally:
            connection.close()

    def wait(self, path: str, good: Callable[[Object], object], seconds: float = 30.0) -> Object:
        """Reads an object until it is good; raises AssertionError with its last state."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.find(path)
            if found is not None and good(found):
                return found
            if time.monotonic() > deadline:
                state = json.dumps((found or {}).get("status"), indent=2) if found else "it does not exist"
                raise AssertionError(f"{path} is not as expected after {seconds:g} s: {state}")
            time.sleep(0.05)

    def wait_gone(self, path: str, seconds: float = 30.0) -> None:
        """Until an object is not there any more; raises AssertionError."""
        deadline = time.monotonic() + seconds
        while self.find(path) is not None:
            assert time.monotonic() < deadline, f"{path} is still there after {seconds:g} s"
            time.sleep(0.05)

    def path_of(self, thing: Object, *, collection: bool = False) -> str:
        """Where an object lives: its plural and whether it has a namespace is asked of the server, once a kind."""
        version, kind, metadata = thing["apiVersion"], thing["kind"], thing.get("metadata", {})
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._plurals:
            for each in self.get(root)["resources"]:
                if "/" not in each["name"]:
                    self._plurals[version, each["kind"]] = each["name"], each["namespaced"]
        plural, namespaced = self._plurals[version, kind]
        space = f"/namespaces/{metadata.get('namespace', 'default')}" if namespaced else ""
        return f"{root}{space}/{plural}" + ("" if collection else f"/{metadata['name']}")

    def _send(
        self,
        verb: str,
        path: str,
        body: Any,
        kind: str,
        query: dict[str, Any],
        connection: http.client.HTTPSConnection | None = None,
    ) -> http.client.HTTPResponse:
        target = f"{path}?{urlencode(query)}" if query else path
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Accept": "application/json", "Content-Type": kind}
        if self._access.token:
            headers["Authorization"] = f"Bearer {self._access.token}"
        own = connection or self._connection()
        try:
            own.request(verb, target, data, headers)
            return own.getresponse()
        except (http.client.RemoteDisconnected, ssl.SSLEOFError, BrokenPipeError):
            own.close()
            own.request(verb, target, data, headers)  # the server had closed a connection that was idle
            return own.getresponse()
        except (OSError, http.client.HTTPException):
            own.close()  # the next request connects anew
            raise

    def _connection(self) -> http.client.HTTPSConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect(self._timeout)
        connection: http.client.HTTPSConnection = self._local.connection
        return connection

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        at = urlsplit(self._access.server)
        return http.client.HTTPSConnection(at.hostname or "", at.port, timeout=timeout, context=self._access.tls)


def _object(status: int, data: bytes) -> Object:
    try:
        answer = json.loads(data or b"{}")
    except ValueError:
        answer = {"message": data.decode(errors="replace")}
    if status >= 300:
        raise ApiError(status, answer.get("reason", ""), answer.get("message", ""))
    found: Object = answer
    return found
