"""The server on the wire: strict HTTP, its own refusals as SCIM errors, an orderly end."""

import contextlib
import errno
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from helpers import ROOT, free_port, wait_for

from promapp_lite.config import Settings, usual_processes
from promapp_lite.errors import UserError
from promapp_lite.server.listeners import Listener, listeners
from promapp_lite.server.shutdown import ShutdownSignal
from promapp_lite.store import opening
from promapp_lite.store.access import admins, tokens


def speak(server, raw):
    """Send bytes, return all that comes back."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as line:
        line.sendall(raw)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65536), b""))


SMUGGLED = {
    "two Host": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two Content-Length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": b"POST /api/scim/Users HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Transfer-Encoding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "two Authorization": b"GET / HTTP/1.1\r\nHost: a\r\n"
    b"Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
    "blank before colon": b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
    "nonsense": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_strict_http(server, name):
    """What two parties could read differently is a 400 and the end of the connection."""
    head, _, body = speak(server, SMUGGLED[name]).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") or head.startswith(b"HTTP/1.0 400 "), head
    assert b"Connection: close" in head
    assert json.loads(body)["status"] == "400"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ((b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 65_536)[:65_536], b"431"),
        (b"POST /api/scim/Users HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
    ],
)
def test_refused_before_the_application(server, raw, status):
    """Too large a head or body is a SCIM error too, without a version of the server in it."""
    head, _, body = speak(server, raw).partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert b"application/scim+json" in head
    assert b"erver:" not in head and b"waitress" not in body.lower()
    assert json.loads(body)["status"] == status.decode()


def test_headers_of_every_answer(served):
    """Never cached, never sniffed, no server version, no CORS."""
    for method, path in (("GET", "/Users"), ("GET", "/nothing"), ("POST", "/Users")):
        headers = served(method, path, b"" if method == "POST" else None).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in headers and "Access-Control-Allow-Origin" not in headers


def test_a_host_header_is_never_reflected(served):
    """location comes from the settings, not from the caller."""
    answer = served(
        "GET", "/ServiceProviderConfig", headers={"Host": "evil.example", "X-Forwarded-Host": "evil"}
    )
    assert "evil" not in json.dumps(answer.json)


def test_keep_alive(server):
    """Several requests go over one connection."""
    address = urlsplit(server.url)
    line = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
    for _ in range(3):
        line.request("GET", "/healthz")
        answer = line.getresponse()
        assert (answer.status, json.loads(answer.read())["status"]) == (200, "ok")
    line.close()


def test_slow_connections_stop_nobody(server, served):
    """S9: with 150 half-sent requests open, a normal one is answered."""
    address = urlsplit(server.url)
    lines = [socket.create_connection((address.hostname, address.port), timeout=10) for _ in range(150)]
    for line in lines:
        line.sendall(b"GET /api/scim/Users HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    assert served("GET", "/ServiceProviderConfig").status == 200
    for line in lines:
        line.close()


@pytest.fixture
def processes():
    """How many processes serve: as many as usual, unless a test says otherwise."""
    return usual_processes()


@pytest.fixture
def process(tmp_path, processes):
    """A server process to end, its base URL and token."""
    store = opening.create(tmp_path / "data")
    admins.create(store, "ada", "correct horse battery")
    token = tokens.create(store, "x", "scim", 1, 1)
    store.close()
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        sys.executable,
        str(ROOT / "cli.py"),
        "serve",
        "--data-dir",
        str(tmp_path / "data"),
        "--listen",
        url,
        "--processes",
        str(processes),
    ]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    wait_for(f"{url}/healthz", started)
    yield started, url, token
    started.kill()
    started.wait(10)
    started.stderr.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_the_end_finishes_what_is_in_hand(process, signum):
    """Requests under way are answered, then the exit code is 0."""
    started, url, token = process
    address, answers = urlsplit(url), []

    def create(number):
        line = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        try:
            line.request(
                "POST",
                "/api/scim/Users",
                json.dumps({"userName": f"u{number}"}),
                {"Authorization": f"Bearer {token}"},
            )
            answers.append(line.getresponse().status)
        except OSError:
            answers.append(None)  # not taken any more
        finally:
            line.close()

    threads = [threading.Thread(target=create, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    started.send_signal(signum)
    for thread in threads:
        thread.join(30)
    assert started.wait(15) == 0
    told = started.stderr.read()
    assert set(answers) <= {201, None}, told
    assert "Traceback" not in told


def test_kill_loses_nothing(process, tmp_path):
    """R1: what was acknowledged before kill -9 is there afterwards."""
    started, url, token = process
    address, kept = urlsplit(url), []
    line = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    for number in range(50):
        body = json.dumps({"userName": f"u{number}"})
        line.request("POST", "/api/scim/Users", body, {"Authorization": f"Bearer {token}"})
        kept.append(json.loads(line.getresponse().read())["id"])
    started.kill()
    started.wait(10)
    line.close()
    store = opening.open_store(tmp_path / "data")
    found = {id for (id,) in store.database.execute_sql("SELECT id FROM users").fetchall()}
    store.close()
    assert set(kept) == found


def write_some(url, token):
    """Write twenty people over each of four connections at once, and read one back."""
    address = urlsplit(url)

    def write(name):
        line = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        for number in range(20):
            body = json.dumps({"userName": f"{name}-{number}"})
            line.request("POST", "/api/scim/Users", body, {"Authorization": f"Bearer {token}"})
            place = json.loads(line.getresponse().read())["id"]
            line.request("GET", f"/api/scim/Users/{place}", headers={"Authorization": f"Bearer {token}"})
            assert line.getresponse().read()
        line.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def people_in(file):
    """How many people a copy of that one file holds."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(file, folder)
        with contextlib.closing(sqlite3.connect(copy)) as database:
            return database.execute("SELECT COUNT(*) FROM users").fetchone()[0]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_copy_after_the_stop_is_whole(process, tmp_path):
    """R6: what was acknowledged is in the one file, and nothing stays beside it."""
    started, url, token = process
    write_some(url, token)
    started.send_signal(signal.SIGTERM)
    assert started.wait(15) == 0
    file = tmp_path / "data" / "promapp-lite.db"
    assert people_in(file) == 80
    assert not list(file.parent.glob("promapp-lite.db-*"))
    assert "another program" not in started.stderr.read()


@pytest.mark.parametrize("processes", [2])
def test_a_killed_worker_leaves_nothing_beside_the_database(process, tmp_path):
    """Who stops last folds the log of those who could not."""
    started, url, token = process
    write_some(url, token)
    for worker in Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split():
        os.kill(int(worker), signal.SIGKILL)
    started.send_signal(signal.SIGTERM)
    assert started.wait(15) == 0
    assert people_in(tmp_path / "data" / "promapp-lite.db") == 80


def test_the_stop_names_a_log_that_stays(process, tmp_path):
    """Another program has the database open: a copy of the file alone would miss something."""
    started, url, token = process
    file = tmp_path / "data" / "promapp-lite.db"
    with contextlib.closing(sqlite3.connect(file)) as other:
        other.execute("SELECT COUNT(*) FROM users").fetchall()
        write_some(url, token)
        started.send_signal(signal.SIGTERM)
        assert started.wait(15) == 0
    assert f"{file}-wal together with it" in started.stderr.read()


@pytest.mark.parametrize("words", [["init", "--password-stdin"], ["token", "create", "--description", "x"]])
def test_a_command_leaves_one_file(tmp_path, words):
    """What a command wrote is in the database when it has ended, not in a log beside it."""
    if words[0] != "init":
        store = opening.create(tmp_path)
        admins.create(store, "ada", "correct horse battery")
        store.close()
    command = [sys.executable, str(ROOT / "cli.py"), *words, "--data-dir", str(tmp_path)]
    subprocess.run(command, input="correct horse battery", text=True, check=True, capture_output=True)
    assert (tmp_path / "promapp-lite.db").exists()
    assert not list(tmp_path.glob("promapp-lite.db-*"))


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("http://0.0.0.0:8480", "in the clear"),  # noqa: S104
        ("http://192.0.2.1:8480", "in the clear"),
        ("http://[::]:8480", "in the clear"),
        ("http://example.org:8480", "in the clear"),
        ("8480", "address"),
        ("http://", "address"),
        ("http://127.0.0.1:x", "address"),
        ("http://127.0.0.1/path", "address"),
    ],
)
def test_listeners_that_are_refused(tmp_path, listen, why):
    """Plain http opens on loopback only; other texts are no addresses."""
    with pytest.raises(UserError, match=why):
        listeners(Settings(tmp_path, listen=(listen,)))


def test_listeners(tmp_path):
    """Loopback in any spelling, and any address behind a proxy."""
    listen = ("http://127.0.0.1:1", "http://[::1]:2", "http://localhost:3")
    assert [each.port for each in listeners(Settings(tmp_path, listen=listen))] == [1, 2, 3]
    (found,) = listeners(Settings(tmp_path, listen=("http://192.0.2.1",), behind_proxy=True))
    assert found == Listener("http", "192.0.2.1", 80)


def test_a_taken_port(server):
    """It says which and why, in one line."""
    address = urlsplit(server.url)
    with pytest.raises(UserError, match=f"port {address.port}: another program uses it"):
        Listener("http", address.hostname, address.port).bind()


@pytest.mark.parametrize(
    ("number", "told"),
    [("EADDRINUSE", "another program"), ("EADDRNOTAVAIL", "this machine"), ("EACCES", "reserves")],
)
def test_why_it_cannot_listen(monkeypatch, number, told):
    """In words of ours: on Windows the text of these numbers is "Unknown error"."""

    def refuse(*_):
        raise OSError(getattr(errno, number), "Unknown error")

    monkeypatch.setattr("promapp_lite.server.listeners.listening", refuse)
    with pytest.raises(UserError, match=told):
        Listener("http", "127.0.0.1", 1).bind()


def test_a_port_is_held_exclusively_on_windows(monkeypatch):
    """There SO_REUSEADDR lets two programs share a port, and SO_EXCLUSIVEADDRUSE keeps others off."""
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    with Listener("http", "127.0.0.1", free_port()).bind() as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGBREAK"])
def test_signals_that_stop_the_service(monkeypatch, name):
    """Ctrl-Break as well, and the closing of the window, which reaches a program of Windows as that."""
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    taken = ("SIGTERM", "SIGINT", "SIGBREAK", "SIGHUP")
    before = {each: signal.getsignal(getattr(signal, each)) for each in taken}
    stop = ShutdownSignal()
    try:
        stop.install()
        with pytest.raises(SystemExit):
            signal.raise_signal(getattr(signal, name))
    finally:
        for each, handler in before.items():
            signal.signal(getattr(signal, each), handler)
    assert stop.requested


def test_an_answer_is_one_packet(app, open_listeners, store, token):
    """Head and body leave together; the head alone where there is no body."""
    (port,) = open_listeners(app, Settings(store.path.parent), ("http",))
    bearer = f"Authorization: Bearer {token}\r\nHost: x\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        for line in (b"GET /healthz HTTP/1.1\r\n", b"GET /api/scim/Users HTTP/1.1\r\n"):
            connection.sendall(line + bearer)
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            assert b" 200 " in head and f"Content-Length: {len(body)}".encode() in head and body
        connection.sendall(b"HEAD /api/scim/Users HTTP/1.1\r\n" + bearer)
        assert connection.recv(65536).endswith(b"\r\n\r\n")
