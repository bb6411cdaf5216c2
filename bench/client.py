"""A plain HTTP/1.1 client that costs little, so that the server is what is measured."""

import json
import socket
from typing import Any, NamedTuple

SECONDS = 60


class Answer(NamedTuple):
    """A status and a body."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def wire_form(method: str, path: str, token: str, body: bytes | None = None) -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
    if body is not None:
        head += f"Content-Type: application/scim+json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


class Client:
    """One kept connection to one server."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token
        self.file: Any = None

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request and read its answer; a body that is not bytes is written as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = wire_form(method, path, self.token, data)
        if self.file is not None:
            try:
                return self.exchange(sent)
            except (ConnectionError, EOFError):
                self.close()  # the server ended an idle connection
        self.open()
        return self.exchange(sent)

    def open(self) -> None:
        """Connect."""
        self.socket = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def close(self) -> None:
        """Disconnect."""
        if self.file is not None:
            self.file.close()
            self.socket.close()
            self.file = None

    def exchange(self, sent: bytes) -> Answer:
        """One request and its answer; EOFError where the server hung up instead."""
        self.socket.sendall(sent)
        line = self.file.readline()
        if not line:
            raise EOFError
        status, headers = int(line.split(None, 2)[1]), self.headers()
        body = self.body(status, headers)
        if headers.get(b"connection", b"").lower() == b"close":
            self.close()
        return Answer(status, body)

    def headers(self) -> dict[bytes, bytes]:
        """The headers, names in lower case."""
        found = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            found[name.lower()] = value.strip()
        return found

    def body(self, status: int, headers: dict[bytes, bytes]) -> bytes:
        """The body, by length, in chunks, or up to the end of the connection."""
        if status in (204, 304):
            return b""
        if b"content-length" in headers:
            return self.file.read(int(headers[b"content-length"]))
        if headers.get(b"transfer-encoding", b"").lower() != b"chunked":
            headers[b"connection"] = b"close"
            return self.file.read()
        parts = []
        while size := int(self.file.readline(), 16):
            parts.append(self.file.read(size))
            self.file.readline()
        self.file.readline()
        return b"".join(parts)
