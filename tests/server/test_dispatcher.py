"""Who answers: the thread that reads a request, until it takes long and another one takes the lead over."""

import contextlib
import itertools
import socket
import threading
import time

import pytest
from helpers.listening import Listening
from waitress import wasyncore

from promapp_lite.config import Settings
from promapp_lite.server import channels, dispatcher, limits

HEAD = "{} {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\r\n"

CALLERS = map(str, itertools.count())


class Application:
    """Answers the path; /slow waits for the gate, /big and /some are long, /fault is none."""

    def __init__(self):
        self.gate = threading.Event()
        self.slow = threading.Semaphore(0)
        self.threads, self.paths = [], []

    def __call__(self, environ, start):
        path = environ["PATH_INFO"]
        self.threads.append(threading.get_ident())
        self.paths.append(path)
        if path.startswith("/slow"):
            self.slow.release()
            assert self.gate.wait(20)
        if path == "/fault":
            raise SystemExit(3)
        body = b"x" * {"/big": 40_000_000, "/some": 12_000_000}.get(path, 0) or path.encode()
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body[at : at + 1_000_000] for at in range(0, len(body), 1_000_000)]


@pytest.fixture
def called():
    """The application behind the listener."""
    return Application()


@pytest.fixture
def listener(called, tmp_path):
    """A listener to it with two threads beside the one that waits."""
    opened = Listening(called, Settings(tmp_path, threads=2), ("http",))
    called.leading = opened.leading
    yield opened
    called.gate.set()
    opened.close()
    assert opened.fault is None


@contextlib.contextmanager
def connected(listener, caller=None):
    """ask(path) on one connection, of a caller of its own or this one; the body, "" at its end."""
    caller = caller or next(CALLERS)
    with socket.create_connection(("127.0.0.1", listener.ports[0]), 20) as line, line.makefile("rb") as came:

        def answer():
            if not came.readline():
                return ""
            length = 0
            while (header := came.readline().strip().lower()) != b"":
                if header.startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            return came.read(length).decode()

        def send(*paths, method="GET"):
            line.sendall("".join(HEAD.format(method, path, caller) for path in paths).encode())

        def ask(path):
            send(path)
            return answer()

        ask.send, ask.answer, ask.line = send, answer, line
        yield ask


def test_one_after_the_other_is_one_thread_s_work(listener, called, monkeypatch):
    """Nothing is handed over, on one connection or on several."""
    monkeypatch.setattr(dispatcher.Dispatcher, "tick", lambda leading: 0.01)
    pulled = []
    monkeypatch.setattr(listener.servers[0].trigger, "pull_trigger", lambda: pulled.append(1))
    with connected(listener) as one, connected(listener) as two:
        for number in range(20):
            assert (one if number % 2 else two)(f"/{number}") == f"/{number}"
    assert len(set(called.threads)) == 1
    assert called.threads[0] != listener.thread.ident, "the main thread takes signals, not requests"
    assert not pulled, "the leader need not wake itself"
    monkeypatch.undo()


def test_nobody_waits_for_a_slow_answer(listener, called):
    """The next thread leads while it lasts, and the one after that; then the connection goes on."""
    with connected(listener) as one, connected(listener) as two, connected(listener) as three:
        one.send("/slow1")
        assert called.slow.acquire(timeout=10)
        assert three("/a") == "/a"
        two.send("/slow2")
        assert called.slow.acquire(timeout=10)
        assert three("/b") == "/b"
        called.gate.set()
        assert (one.answer(), two.answer()) == ("/slow1", "/slow2")
        assert (one("/c"), two("/d"), three("/e")) == ("/c", "/d", "/e")
    assert len(set(called.threads)) == 3


def test_when_all_are_slow_the_rest_waits(listener, called):
    """Three threads and the one in reserve are four answers at once; the fifth comes when one is free."""
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(connected(listener)) for _ in range(5)]
        for number, line in enumerate(lines):
            line.send(f"/slow{number}")
        for _ in range(4):
            assert called.slow.acquire(timeout=10)
        assert not called.slow.acquire(timeout=0.1)
        called.gate.set()
        assert [line.answer() for line in lines] == [f"/slow{number}" for number in range(5)]


def test_one_caller_never_has_all_threads(listener, called):
    """Its further requests wait, and are answered in the end; another caller is answered meanwhile."""
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(connected(listener, "greedy")) for _ in range(8)]
        for number, line in enumerate(greedy):
            line.send(f"/slow{number}")
        for _ in range(3):
            assert called.slow.acquire(timeout=10)
        other = stack.enter_context(connected(listener))
        for number in range(20):
            assert other(f"/{number}") == f"/{number}"
        assert not called.slow.acquire(timeout=0.1)
        called.gate.set()
        assert [line.answer() for line in greedy] == [f"/slow{number}" for number in range(8)]


def test_writes_never_have_all_threads(listener, called):
    """However many callers write, and wait for the disk, somebody can read."""
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(connected(listener)) for _ in range(8)]
        for number, line in enumerate(lines):
            line.send(f"/slow{number}", method="PATCH")
        for _ in range(3):
            assert called.slow.acquire(timeout=10)
        assert stack.enter_context(connected(listener))("/read") == "/read"
        assert not called.slow.acquire(timeout=0.1)
        called.gate.set()
        assert [line.answer() for line in lines] == [f"/slow{number}" for number in range(8)]


def test_a_waiting_request_whose_client_has_gone(listener, called):
    """Is forgotten, and holds up nobody."""
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(connected(listener, "greedy")) for _ in range(5)]
        for number, line in enumerate(greedy):
            line.send(f"/slow{number}")
        for _ in range(3):
            assert called.slow.acquire(timeout=10)
        assert stack.enter_context(connected(listener))("/x") == "/x"
        greedy[4].line.close()
        called.gate.set()
        assert [line.answer() for line in greedy[:3]] == [f"/slow{number}" for number in range(3)]
        assert stack.enter_context(connected(listener, "greedy"))("/y") == "/y"


def test_each_request_is_answered_once(listener, monkeypatch):
    """Leadership may be lost any moment: the thread that answered leaves the next request to the leader."""
    monkeypatch.setattr(dispatcher, "TICK_SECONDS", 0.0)
    monkeypatch.setattr(dispatcher, "IDLE_SECONDS", 0.0)
    wrong = []

    def go(name):
        with connected(listener) as ask:
            for number in range(200):
                paths = [f"/{name}/{number}/{part}" for part in range(1 + number % 3)]
                ask.send(*paths)
                got = [ask.answer() for _ in paths]
                wrong.extend([] if got == paths else [(paths, got)])

    threads = [threading.Thread(target=go, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)


def test_a_write_holds_up_nobody(listener, called, monkeypatch):
    """It may wait for the disk: another thread reads on at once, and the connection goes on afterwards."""
    monkeypatch.setattr(dispatcher.Dispatcher, "tick", lambda leading: 0.01)
    with connected(listener) as one, connected(listener) as two:
        assert (one("/a"), two("/b")) == ("/a", "/b")
        one.send("/slow", method="POST")
        assert called.slow.acquire(timeout=10)
        assert two("/c") == "/c"
        called.gate.set()
        assert one.answer() == "/slow"
        assert (one("/d"), two("/e")) == ("/d", "/e")
    monkeypatch.undo()


def test_who_asks_without_end_is_not_always_next(listener, called):
    """Connections are answered in turn: one request in between does not wait for hundreds of another's."""
    with connected(listener) as one, connected(listener) as two:
        one.send("/slow", method="POST")
        assert called.slow.acquire(timeout=10)
        one.send(*(f"/{number}" for number in range(300)))
        two.send("/between")
        called.gate.set()
        assert two.answer() == "/between"
        assert [one.answer() for _ in range(301)][-1] == "/299"
        assert called.paths.index("/between") < 150


def test_a_reader_who_does_not_read(listener):
    """The answering thread waits for them alone; the leader sends the rest."""
    with connected(listener) as one, connected(listener) as two:
        one.send("/big")
        for number in range(5):
            assert two(f"/{number}") == f"/{number}"
        assert len(one.answer()) == 40_000_000
        assert one("/again") == "/again"


@pytest.mark.parametrize("path", ["/big", "/some", "BAD"])
def test_many_who_never_read(listener, path):
    """They ask for more than the output may hold, again and again; everybody else is answered."""
    asked = b"A /\r\n\r\n" * 1000 if path == "BAD" else HEAD.format("GET", path, "x").encode() * 70
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", listener.ports[0]), 20))
            line.sendall(asked)
        with connected(listener) as ask:
            for number in range(20):
                assert ask(f"/{number}") == f"/{number}"
    with connected(listener) as ask:
        assert ask("/after") == "/after"


def test_a_client_that_reads_late_gets_every_answer(listener):
    """Requests behind one whose answer is unsent wait, and none is lost or doubled."""
    paths = ["/some", *(f"/{number}" for number in range(500)), "/some", "/last"]
    with connected(listener) as one, connected(listener) as two:
        one.send(*paths)
        assert two("/meanwhile") == "/meanwhile"
        assert [one.answer()[:5] for _ in paths] == [
            path if path != "/some" else "xxxxx" for path in (each[:5] for each in paths)
        ]


def test_who_reads_nothing_is_given_up(listener, called, monkeypatch):
    """A thread waits for a client only so long."""
    monkeypatch.setattr(channels, "READ_SECONDS", 0.05)
    monkeypatch.setattr(dispatcher, "LOOK_SECONDS", 0.05)
    with connected(listener) as one, connected(listener) as two:
        one.send("/big")
        for _ in range(500):
            if called.threads and len(listener.servers[0].active_channels) < 2:
                break
            time.sleep(0.02)
        assert len(one.answer()) < 40_000_000
        assert two("/after") == "/after"


def test_an_idle_client_that_has_not_read_is_ended(listener, called, monkeypatch):
    """Its connection can never be written to again, so nothing waits for that."""
    monkeypatch.setattr(dispatcher, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0)
    with connected(listener) as one:
        one.send("/some")
        for _ in range(500):
            channels = listener.servers[0].active_channels.values()
            if called.threads and all(not each.requests for each in channels):
                break
            time.sleep(0.02)
        for _ in range(500):
            if not listener.servers[0].active_channels:
                break
            listener.servers[0].trigger.pull_trigger()
            time.sleep(0.02)
        assert not listener.servers[0].active_channels


def test_a_process_that_nobody_leads_ends(listener, called, monkeypatch):
    """It would never answer again; what started it starts another."""
    monkeypatch.setattr(dispatcher, "STUCK_SECONDS", 0.3)
    monkeypatch.setattr(dispatcher, "END_SECONDS", 0.1)
    before = threading.active_count() - 5  # the loop and its four threads
    with contextlib.ExitStack() as stack:
        for number in range(4):
            stack.enter_context(connected(listener)).send(f"/slow{number}")
        listener.thread.join(10)
        assert not listener.thread.is_alive()
    assert "stuck" in str(listener.fault)
    listener.fault = None
    called.gate.set()
    for _ in range(500):
        if threading.active_count() == before:
            break
        time.sleep(0.02)
    wasyncore.close_all(listener.channels)


def test_a_closing_answer_drops_what_is_behind_it(listener, caplog):
    """And the next connection is served."""
    with connected(listener) as ask:
        ask.line.sendall(
            b"GET /one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            + HEAD.format("GET", "/two", "x").encode()
        )
        assert (ask.answer(), ask.answer()) == ("/one", "")
    with connected(listener) as ask:
        assert ask("/three") == "/three"
    assert not caplog.records


def test_a_thread_outlives_a_fault(listener, caplog):
    """What goes wrong in one request ends its connection, not the thread; even SystemExit."""
    for _ in range(5):
        with connected(listener) as ask:
            assert ask("/fault") == ""
    with connected(listener) as ask:
        assert ask("/x") == "/x"
    assert caplog.text.count("answering <") == 5


def test_a_broken_loop_ends_the_process(called, tmp_path, monkeypatch):
    """So that the parent starts another."""
    opened = Listening(called, Settings(tmp_path, threads=2), ("http",))

    def broken(**facts):
        raise OSError("no more poll")

    monkeypatch.setattr(wasyncore, "loop", broken)
    opened.thread.join(10)
    assert str(opened.fault) == "no more poll"


def test_what_is_in_hand_is_finished(called, tmp_path):
    """The end waits for the answers that have begun, and takes no more."""
    opened = Listening(called, Settings(tmp_path, threads=2), ("http",))
    with connected(opened) as one, connected(opened) as two:
        one.send("/slow")
        assert called.slow.acquire(timeout=10)
        opened.stop.requested = True
        time.sleep(0.2)
        called.gate.set()
        assert one.answer() == "/slow"
        opened.close()
        with contextlib.suppress(OSError):
            assert two("/late") == ""
