"""Every wait has an end, and no address holds all connections: the limits of `server.limits`, made small."""

import contextlib
import socket
import time

import pytest
from helpers.listening import Listening

from promapp_lite.config import Settings
from promapp_lite.server import channels, dispatcher, limits

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


def application(environ, start):
    """A large answer at /large, else a small one."""
    body = b"x" * (12_000_000 if environ["PATH_INFO"] == "/large" else 2)
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def small(monkeypatch):
    """Limits of tenths of a second, looked at all the time."""
    monkeypatch.setattr(dispatcher, "LOOK_SECONDS", 0.02)
    for name in channels.DEADLINES:
        monkeypatch.setitem(channels.DEADLINES, name, 0.3)
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(limits, "BYTES_A_SECOND", 1000)


@pytest.fixture
def listening(tmp_path):
    """A listener over that application."""
    opened = Listening(application, Settings(tmp_path, threads=2), ("http",))
    yield opened
    opened.close()


@pytest.fixture
def port(listening):
    """Its port."""
    return listening.ports[0]


def open_line(port, sent=b"", source="127.0.0.1"):
    """A connection from an address, with something sent."""
    line = socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
    line.sendall(sent)
    return line


def answered(line):
    """Whether a request on the connection is answered."""
    with contextlib.suppress(OSError):
        line.sendall(GET)
        return line.recv(1000).startswith(b"HTTP/1.1 200")
    return False


def ended(line):
    """Return when the other side has ended the connection; fail after ten seconds."""
    with contextlib.suppress(ConnectionResetError):
        while line.recv(65536):
            pass


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nX: ", POST, POST + b"x", GET], ids=range(5))
def test_a_silent_client_is_ended(small, port, sent):
    """Before a request, in its header block, in its body, after an answer."""
    with open_line(port, sent) as line:
        ended(line)


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nX: ", POST], ids=["header", "body"])
def test_a_byte_now_and_then_is_too_slow(small, port, begun):
    """The header block has one deadline for all of it, a body a least rate."""
    with open_line(port, begun) as line, pytest.raises(OSError):
        for _ in range(2000):
            line.sendall(b"x")
            time.sleep(0.01)


def test_a_slow_reader_is_ended(small, listening, port):
    """An answer is read at a least rate."""
    with open_line(port, GET.replace(b"/", b"/large", 1)) as line:
        begun = False
        for _ in range(2000):
            held = listening.servers[0].active_channels
            begun = begun or bool(held)
            if begun and not held:
                break
            time.sleep(0.01)
        taken = 0
        with contextlib.suppress(ConnectionResetError):
            while part := line.recv(1 << 20):
                taken += len(part)
        assert taken < 12_000_000


def test_who_keeps_up_is_left_alone(small, port):
    """A body that comes in time is taken, however long all of it takes."""
    with open_line(port, POST) as line:
        for _ in range(20):
            line.sendall(b"x" * 50)
            time.sleep(0.03)
        assert line.recv(1000).startswith(b"HTTP/1.1 200")


def test_an_address_over_its_share_loses_the_longest_waiting(port, monkeypatch):
    """Its newest connections and everybody else's are answered; of the old ones the first go."""
    monkeypatch.setattr(channels.Server, "per_address", 5)
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(open_line(port, source="127.0.0.2"))
        lines = [stack.enter_context(open_line(port, b"GET / HT")) for _ in range(20)]
        newest = stack.enter_context(open_line(port))
        assert answered(newest) and answered(other)
        for line in lines[:15]:
            ended(line)


@pytest.fixture
def ten(monkeypatch):
    """Room for ten connections in the process."""
    monkeypatch.setattr(limits, "connections", lambda: 10)


def test_a_full_process_takes_from_whom_has_most(ten, port):
    """Somebody new is answered, at the cost of the address with the most connections."""
    with contextlib.ExitStack() as stack:
        few = [stack.enter_context(open_line(port, source="127.0.0.2")) for _ in range(2)]
        many = [stack.enter_context(open_line(port)) for _ in range(20)]
        assert answered(stack.enter_context(open_line(port, source="127.0.0.3")))
        assert all(answered(line) for line in few)
        for line in many[:12]:
            ended(line)


@pytest.mark.parametrize("proxy", ["127.0.0.1", "127.0.0.0/8"])
def test_a_trusted_proxy_has_no_share(tmp_path, monkeypatch, proxy):
    """All its connections are other people's, whether it is named by its address or by its network."""
    monkeypatch.setattr(channels.Server, "per_address", 3)
    settings = Settings(tmp_path, threads=2, behind_proxy=True, trusted_proxy=(proxy,))
    listening = Listening(application, settings, ("http",))
    with contextlib.closing(listening), contextlib.ExitStack() as stack:
        lines = [stack.enter_context(open_line(listening.ports[0])) for _ in range(10)]
        assert all(answered(line) for line in lines)


def test_no_descriptor_left(port, monkeypatch, caplog):
    """The listener waits a little instead of spinning, and goes on when there is one again."""
    monkeypatch.setattr(channels, "PAUSE_SECONDS", 0.2)
    tried = []

    def accept(server, real=channels.TcpWSGIServer.accept):
        tried.append(1)
        if len(tried) < 3:
            raise OSError(24, "Too many open files")
        return real(server)

    monkeypatch.setattr(channels.TcpWSGIServer, "accept", accept)
    with open_line(port) as line:
        assert answered(line)
    assert 3 <= len(tried) < 10
    assert "Too many open files" in caplog.text


def test_descriptors(monkeypatch):
    """The limit of connections follows what the system allows; Windows' select can watch 512."""
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (1024, 4096))
    assert limits.connections() == 412
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (1_000_000, 1_000_000))
    assert limits.connections() == limits.CONNECTIONS
    monkeypatch.setattr(limits, "resource", None)
    assert limits.connections() < limits.SELECT_DESCRIPTORS


def test_a_sandbox_that_forbids_more_descriptors(monkeypatch):
    """The service starts all the same, with what it has."""

    def forbidden(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(limits.resource, "setrlimit", forbidden)
    limits.raise_descriptors()


class Held(channels.Channel):
    """A connection in a server's map, without a socket."""

    def __init__(self, requests):
        self.address, self.requests, self.touched = "127.0.0.1", requests, 0.0


@pytest.mark.parametrize("most", ["connections", "per_address"])
def test_where_all_are_being_answered_the_next_is_refused(most):
    """Otherwise waiting requests of one caller add up to more than Windows' select can watch, and it ends."""
    server = channels.Server.__new__(channels.Server)
    server.task_dispatcher = dispatcher.Dispatcher({})
    server._map = {number: Held([object()]) for number in range(3)}
    assert server.make_room("127.0.0.1")
    setattr(server, most, 3)
    assert not server.make_room("127.0.0.1")
    server._map[3] = Held([])
    assert server.make_room("127.0.0.1") and server._map[3].will_close
    assert not server.make_room("127.0.0.1")  # that one makes room once only


def test_a_refused_connection_is_closed(port, monkeypatch):
    """Its client sees the end at once, and the others are answered."""
    with open_line(port) as first:
        assert answered(first)
        monkeypatch.setattr(channels.Server, "make_room", lambda *_: False)
        with open_line(port) as refused:
            ended(refused)
        assert answered(first)
