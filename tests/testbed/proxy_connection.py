"""One client's connection through the fault proxy.

Owns: passing a request and its answer on, the answer of a watch event by event; carrying out a fault. Refuses: deciding
which request meets which fault; that is the proxy's plan.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, RemoteDisconnected
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from tests.testbed.api_faults import Answer, ApiExchange, ApiRequest, DropAnswer, DropRequest, EndWatch
from tests.testbed.proxy_watch import WatchStream, read_lines

if TYPE_CHECKING:
    from tests.testbed.fault_proxy import FaultProxy

_HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authorization"}
_PIECE = 65536


class ProxyConnection(BaseHTTPRequestHandler):
    """Takes requests one after another, and keeps one connection to the server for them."""

    proxy: FaultProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    _upstream: HTTPConnection | None = None
    _listener: threading.Thread | None = None

    def handle_one_request(self) -> None:
        """Any method, not only those that have a function."""
        with suppress(ConnectionError):
            self.raw_requestline = self.rfile.readline(_PIECE + 1)
            if self.raw_requestline and self.parse_request():
                self._pass_on()
                self.wfile.flush()
                return
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """The record says it."""

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        with suppress(OSError, ValueError):
            super().finish()

    def _pass_on(self) -> None:
        path, _, query = self.path.partition("?")
        request = ApiRequest(self.command, path, query)
        body = self._read_body()
        fault = self.proxy.meet(request)
        if "upgrade" in self.headers:
            fault = Answer(501, "NotImplemented", "the fault proxy does not pass on upgrades")
        if isinstance(fault, Answer):
            self._note(request, fault.status, fault)
            self._send(fault.status, {"Content-Type": "application/json", **fault.headers}, fault.body)
        elif isinstance(fault, DropRequest):
            self._note(request, 0, fault)
            self._cut()
        else:
            self._ask(request, body, fault)

    def _ask(self, request: ApiRequest, body: bytes, fault: object | None) -> None:
        try:
            connection, response = self._send_upstream(body)
        except (OSError, HTTPException) as error:
            self._note(request, 502, error)
            answer = Answer(502, "BadGateway", f"the API server cannot be reached: {error}")
            self._send(answer.status, {"Content-Type": "application/json"}, answer.body)
            return
        if isinstance(fault, DropAnswer):
            self._drop(request, response, fault)
        elif request.is_watch and response.status == 200:
            self._pass_watch(request, connection, response, fault if isinstance(fault, EndWatch) else EndWatch())
        else:
            self._pass_answer(request, response)

    def _send_upstream(self, body: bytes) -> tuple[HTTPConnection, HTTPResponse]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_HEADERS | {"host"}}
        if self.proxy.upstream.token and "authorization" not in self.headers:
            headers["Authorization"] = f"Bearer {self.proxy.upstream.token}"
        is_reused = self._upstream is not None and not _is_stale(self._upstream)
        if not is_reused:
            self._connect()
        try:
            return self._request(body, headers)
        except (RemoteDisconnected, ConnectionError):
            if not is_reused or self.command not in ("GET", "HEAD"):
                raise
        self._connect()  # the server closed it while the request was on its way
        return self._request(body, headers)

    def _connect(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        self._upstream = self.proxy.upstream.connect()

    def _request(self, body: bytes, headers: dict[str, str]) -> tuple[HTTPConnection, HTTPResponse]:
        assert self._upstream is not None
        self._upstream.request(self.command, self.path, body or None, headers)
        return self._upstream, self._upstream.getresponse()

    def _pass_answer(self, request: ApiRequest, response: HTTPResponse) -> None:
        """Head and body as they come; the length is the server's where it gave one."""
        self._note(request, response.status)
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _HOP_HEADERS:
                self.send_header(name, value)
        is_chunked = response.length is None and self.command != "HEAD"
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := response.read1(_PIECE):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
        response.read()  # nothing is left, but only so does the connection know
        if is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _drop(self, request: ApiRequest, response: HTTPResponse, fault: DropAnswer) -> None:
        content = response.read()
        if fault.after is not None:
            assert fault.after < len(content), f"the body has only {len(content)} bytes"
            headers = {name: value for name, value in response.getheaders() if name.startswith("Content-")}
            headers.pop("Content-Length", None)
            self._send(response.status, headers, content, fault.after)
        self._note(request, 0 if fault.after is None else response.status, fault)
        self._cut()

    def _pass_watch(
        self, request: ApiRequest, connection: HTTPConnection, response: HTTPResponse, how: EndWatch
    ) -> None:
        """Line by line: an event of a watch is a line of JSON."""
        upstream = connection.sock
        self._upstream = None  # a watch uses its connection up
        stream = WatchStream(request, upstream, how)
        timer = None if how.after_seconds is None else threading.Timer(how.after_seconds, stream.end)
        self._listener = threading.Thread(target=self._end_with_client, args=(stream,), daemon=True)
        self._listener.start()
        self.proxy.watch_began(stream)
        try:
            if timer is not None:
                timer.start()
            self.send_response_only(200)
            self.send_header("Content-Type", response.headers.get("Content-Type", "application/json"))
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()
            self._pass_events(response, stream)
        finally:
            if timer is not None:
                timer.cancel()
            connection.close()
            self._note(request, 200, stream.how if stream.was_ended else None, stream.events)
            self.proxy.watch_ended(stream)
            self.close_connection = True

    def _pass_events(self, response: HTTPResponse, stream: WatchStream) -> None:
        is_whole = True
        try:
            for line in read_lines(response) if not stream.is_full else ():
                self._write_chunk(line)
                stream.events += 1
                if stream.is_full:
                    break
        except (OSError, HTTPException, ValueError):
            is_whole = False
        if stream.is_full:
            stream.end()
        if stream.was_ended:
            if stream.how.error is not None:
                self._write_chunk(b'{"type":"ERROR","object":%b}\n' % stream.how.error.body)
            is_whole = not stream.how.broken
        if is_whole:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._cut()

    def _end_with_client(self, stream: WatchStream) -> None:
        """A client that goes away ends its watch at the server too. Clients do not speak while they watch."""
        with suppress(OSError, ValueError):
            self.connection.recv(1, socket.MSG_PEEK)
        stream.end()

    def _write_chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, headers: dict[str, str], content: bytes, upto: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:upto])

    def _cut(self) -> None:
        """Break the connection so that the client sees a reset."""
        self.close_connection = True
        if self._listener is not None:  # a socket that is being read is not closed
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RD)
            self._listener.join()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.rfile.close()

    def _note(self, request: ApiRequest, status: int, fault: object | None = None, events: int = 0) -> None:
        self.proxy.record.add(ApiExchange(request, status, events, fault))


def _is_stale(connection: HTTPConnection) -> bool:
    """Whether the server closed an idle connection, or says something that nobody asked for."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])
