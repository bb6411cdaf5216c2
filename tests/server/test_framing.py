"""Framing is exact or the connection ends (RFC 9112), on plain and TLS listeners."""

import json
import socket
import ssl

import pytest

from promapp_lite.config import Settings
from promapp_lite.server import tls
from promapp_lite.system import certificates

HOST = b"Host: x\r\n"
ECHO = b"POST /echo HTTP/1.1\r\n" + HOST
OLD = b"POST /echo HTTP/1.0\r\nConnection: keep-alive\r\n"
REFUSED = {
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "no version": b"GET /\r\n\r\n",
    "a tab in the target": b"GET /a\tb HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control character in the target": b"GET /a\x01b HTTP/1.1\r\n" + HOST + b"\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target that is no address": b"GET http://[::1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a lower-case method": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long method": b"A" * 21 + b" / HTTP/1.1\r\n" + HOST + b"\r\n",
    "chunks in HTTP/1.0": OLD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two codings": ECHO + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "gzip": ECHO + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": ECHO + b"Transfer-Encoding: identity\r\n\r\n",
    "a folded coding": ECHO + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a coding with an odd blank": ECHO + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "length and chunks": ECHO + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": ECHO + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": ECHO + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed length": ECHO + b"Content-Length: +2\r\n\r\n{}",
    "a length of 5,000 digits": ECHO + b"Content-Length: " + b"1" * 5000 + b"\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n",
    "another expectation": ECHO + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}",
    "a chunk size that is none": ECHO + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "a chunk without its end": ECHO + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx0\r\n\r\n",
}
BODIES = {  # what is sent, and the bodies that are answered, in their order
    "none": (b"GET /echo HTTP/1.1\r\n" + HOST + b"\r\n", [b""]),
    "a length": (ECHO + b"Content-Length: 5\r\n\r\nhello", [b"hello"]),
    "chunks": (ECHO + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", [b"hello"]),
    "chunks with an extension and a trailer": (
        ECHO + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n",
        [b"hello"],
    ),
    "two, pipelined": (
        (ECHO + b"Content-Length: 1\r\n\r\n1") + (ECHO + b"Content-Length: 1\r\n\r\n2"),
        [b"1", b"2"],
    ),
    "HTTP/1.0": (OLD + b"Content-Length: 2\r\n\r\nhi", [b"hi"]),
    "blank lines before": (b"\r\n\r\n" + ECHO + b"Content-Length: 2\r\n\r\nhi", [b"hi"]),
    "an absolute target": (
        b"POST http://x/echo HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi",
        [b"hi"],
    ),
}


def application(environ, start):
    """Answer the body, its length and whether somebody's Authorization came with it."""
    body = environ["wsgi.input"].read()
    heads = [("Content-Length", str(len(body))), ("X-Seen", environ.get("HTTP_AUTHORIZATION", "none"))]
    start("200 OK", heads)
    return [body]


@pytest.fixture(params=["http", "https"])
def line(request, tmp_path, open_listeners):
    """A connection to a listener over that application, plain or TLS."""
    shown = tls.ServedCertificate(certificates.ensure(tmp_path)) if request.param == "https" else None
    (port,) = open_listeners(application, Settings(tmp_path, threads=2), (request.param,), shown)
    made = socket.create_connection(("127.0.0.1", port), 10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if shown:
        context = ssl.create_default_context(cafile=shown.certificate.cert)
        made = context.wrap_socket(made, server_hostname="localhost")
    with made:
        yield made


def answer(came):
    """(status, headers, body) of the next answer."""
    status = int(came.readline().split()[1])
    headers = {}
    while (text := came.readline().strip().decode()) != "":
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    return status, headers, came.read(int(headers.get("content-length", 0)))


@pytest.mark.parametrize("name", REFUSED)
def test_refused(line, name):
    """A 400 or 501 in SCIM's form, Connection: close, and nothing that follows is taken for a request."""
    line.sendall(REFUSED[name] + b"GET /echo HTTP/1.1\r\n" + HOST + b"\r\n")
    with line.makefile("rb") as came:
        status, headers, body = answer(came)
        assert status in (400, 501) and headers["connection"] == "close"
        assert json.loads(body)["status"] == str(status)
        assert came.read() == b""


@pytest.mark.parametrize("name", BODIES)
def test_bodies_split_anywhere(line, name):
    """Wherever a request is split into two packets, it is the same request, and the connection goes on."""
    sent, bodies = BODIES[name]
    with line.makefile("rb") as came:
        for at in range(1, len(sent) + 1):
            line.sendall(sent[:at])
            if at < len(sent):
                line.sendall(sent[at:])
            assert [answer(came)[2] for _ in bodies] == bodies, at


def test_no_header_reaches_the_next_request(line):
    """Expect without a body is not answered with 100, and what follows stands for itself."""
    first = b"GET /echo HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nAuthorization: mine\r\n\r\n"
    with line.makefile("rb") as came:
        line.sendall(first)
        assert answer(came)[1]["x-seen"] == "mine"
        line.sendall(b"GET /echo HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer(came)[1]["x-seen"] == "none"


def test_expect_is_answered_once_the_body_is_wanted(line):
    """100 for a small body, then the answer."""
    with line.makefile("rb") as came:
        line.sendall(ECHO + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert answer(came)[0] == 100
        line.sendall(b"hi")
        assert answer(came)[2] == b"hi"


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
@pytest.mark.parametrize("size", [b"Content-Length: 4000000", b"Transfer-Encoding: chunked"])
def test_a_large_body_needs_a_token_before_it_is_read(line, size, expect):
    """Without one the application answers without it, and the connection ends; the answer is seen."""
    line.sendall(ECHO + expect + size + b"\r\n\r\n")
    if size.startswith(b"T"):
        line.sendall(b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
    elif not expect:
        line.sendall(b"x" * 1_000_000)
    with line.makefile("rb") as came:
        status, headers, body = answer(came)
        if status == 100:
            status, headers, body = answer(came)
        assert (status, headers["connection"], body) == (200, "close", b"")
