"""What an API server says to a client that only reads: lists of many endpoints, watches in which nothing happens.

Owns: one real endpoint's objects under many names, served page by page. Refuses: changing anything. It is a process of
its own, so that what is measured is the client's memory alone: `python -m tests.bench.listed_api FILE COUNT`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.bench.cluster_fleet import PATTERN, name_of

VERSION = "1000"


class ListedApi(BaseHTTPRequestHandler):
    """`texts`: by plural, one object of it as JSON in which the pattern's name stands; None for what has no objects."""

    protocol_version = "HTTP/1.1"
    texts: Mapping[str, str]
    count = 0

    def do_GET(self) -> None:
        """A list, a watch, or nothing."""
        parts, query = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        plural = parts.path.rpartition("/")[2]
        if query.get("watch"):
            self._watch()
        elif parts.path.endswith("/namespaces/bench/" + plural):
            self._send(self._list(plural, int(query["limit"][0]), int(query.get("continue", ["0"])[0])))
        else:
            self._send(discover(parts.path))

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _list(self, plural: str, limit: int, start: int) -> bytes:
        text, end = self.texts.get(plural), min(start + limit, self.count)
        items = [] if text is None else [text.replace(PATTERN, name_of(number)) for number in range(start, end)]
        place: dict[str, Any] = {"resourceVersion": VERSION}
        if text is not None and end < self.count:
            place["continue"] = str(end)
        return f'{{"kind": "List", "metadata": {json.dumps(place)}, "items": [{",".join(items)}]}}'.encode()

    def _watch(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        bookmark = json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": VERSION}}}) + "\n"
        while True:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(bookmark), bookmark.encode()))
            self.wfile.flush()
            time.sleep(20)

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def discover(path: str) -> bytes:
    """What kinds of a group there are."""
    version = path.removeprefix("/apis/").removeprefix("/api/")
    return json.dumps({"kind": "APIResourceList", "groupVersion": version, "resources": []}).encode()


def main() -> None:
    """Serve until ended; the port is the first line of what it prints."""
    ListedApi.texts = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    ListedApi.count = int(sys.argv[2])
    server = ThreadingHTTPServer(("127.0.0.1", 0), ListedApi)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
