"""Several processes on one folder hold every promise: one name, nothing lost, the dead replaced, all end."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from helpers import ROOT, Loud, free_port, wait_for

from promapp_lite.config import usual_processes
from promapp_lite.errors import UserError
from promapp_lite.server import shutdown, supervisor
from promapp_lite.server.board import Board
from promapp_lite.store import opening
from promapp_lite.store.access import admins, tokens

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


class Running:
    """A server of two processes on a folder."""

    def __init__(self, folder):
        store = opening.create(folder)
        admins.create(store, "ada", "correct horse battery")
        self.token = tokens.create(store, "x", "scim", 1, 1)
        store.close()
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        words = ["serve", "--data-dir", str(folder), "--listen", self.url, "--processes", "2", "--no-browser"]
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "cli.py"), *words], stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        wait_for(f"{self.url}/healthz", self.process)

    def ask(self, method, path, body=None, line=None):
        """(status, JSON) of one request, over a connection of its own unless one is given."""
        address = urlsplit(self.url)
        used = line or http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        used.request(
            method,
            f"/api/scim{path}",
            None if body is None else json.dumps(body),
            {"Authorization": f"Bearer {self.token}"},
        )
        answer = used.getresponse()
        data = answer.read()
        if line is None:
            used.close()
        return answer.status, json.loads(data) if data else None

    def workers(self):
        """The process ids of the workers."""
        return [
            int(word)
            for word in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]


@pytest.fixture
def running(tmp_path):
    """A server of two processes."""
    found = Running(tmp_path / "data")
    yield found
    found.process.kill()
    found.process.wait(20)
    found.process.stderr.close()


def together(work, number=16):
    """The results of work(0) … work(n), each in a thread, begun at one moment."""
    results, barrier = [None] * number, threading.Barrier(number)

    def run(each):
        barrier.wait()
        results[each] = work(each)

    threads = [threading.Thread(target=run, args=(each,)) for each in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def until(done, tries=300):
    """Wait until it holds."""
    for _ in range(tries):
        if done():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to be")


def test_one_name_and_no_lost_member(running):
    """The promises of one process: 1 × 201 and 15 × 409; 160 parallel member adds leave 160 members."""
    answers = together(lambda n: running.ask("POST", "/Users", {"userName": "Same" if n % 2 else "same"})[0])
    assert sorted(answers) == [201] + [409] * 15
    group = running.ask("POST", "/Groups", {"displayName": "g"})[1]["id"]

    def add(number):
        statuses = []
        for each in range(10):
            operation = {"op": "Add", "path": "members", "value": [{"value": f"m{number}-{each}"}]}
            statuses.append(running.ask("PATCH", f"/Groups/{group}", {"Operations": [operation]})[0])
        return max(statuses)

    assert set(together(add)) == {204}
    assert len(running.ask("GET", f"/Groups/{group}")[1]["members"]) == 160


def test_a_dead_worker_is_replaced(running):
    """kill -9 of one leaves the other serving, and another takes its place."""
    before = running.workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    assert running.ask("GET", "/Users")[0] == 200
    until(lambda: len(running.workers()) == 2 and before[0] not in running.workers())
    assert {running.ask("GET", "/Users")[0] for _ in range(10)} == {200}


def test_a_stopped_worker_is_replaced(running):
    """R8: what does not answer for ten seconds is killed, and another takes its place."""
    stuck = running.workers()[0]
    os.kill(stuck, signal.SIGSTOP)
    until(lambda: len(running.workers()) == 2 and stuck not in running.workers(), tries=600)
    assert {running.ask("GET", "/Users")[0] for _ in range(10)} == {200}


def test_one_worker_that_stops_leaves_the_others_listening(running):
    """SIGTERM to a worker is no end of the service."""
    os.kill(running.workers()[0], signal.SIGTERM)
    for _ in range(100):
        assert running.ask("GET", "/Users")[0] == 200
        time.sleep(0.02)
    until(lambda: len(running.workers()) == 2)


def test_workers_that_die_again_and_again_end_the_service(tmp_path, monkeypatch):
    """Exit 1 with the reason, so that the one who started it sees it."""
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0.02)
    died = []

    def begin():
        died.append(1)
        raise RuntimeError("broken")

    with pytest.raises(UserError, match="keep ending right after"):
        supervisor.run(Board(2), lambda number: begin(), [])


def test_a_dead_parent_leaves_nobody(running):
    """kill -9 of the parent ends the workers, so that a next start finds the folder and the port free."""
    left = running.workers()
    running.process.kill()
    running.process.wait(10)
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in left))
    opening.serving_lock(running.folder).release()


def test_sigterm_ends_all(running):
    """SIGTERM finishes what is in hand in each worker; exit code 0."""
    left = running.workers()
    answers = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(status_or_none(running, n))) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    running.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    assert running.process.wait(20) == 0
    assert set(answers) <= {201, None}
    assert not any(Path(f"/proc/{worker}").exists() for worker in left)


def status_or_none(running, number):
    """The status of a POST, None where the server took no more."""
    try:
        return running.ask("POST", "/Users", {"userName": f"u{number}"})[0]
    except OSError:
        return None


def test_a_revoked_token_is_dead_in_every_process(running):
    """There is no cache that one process could keep."""
    store = opening.open_store(running.folder)
    assert {running.ask("GET", "/Users")[0] for _ in range(8)} == {200}
    tokens.revoke(store, 1)
    store.close()
    assert {running.ask("GET", "/Users")[0] for _ in range(8)} == {401}


def test_metrics_count_all_processes(running):
    """/metrics is the sum, whichever process answers."""
    for number in range(20):
        running.ask("POST", "/Users", {"userName": f"u{number}"})
    address = urlsplit(running.url)

    def metrics():
        line = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        line.request("GET", "/metrics")
        text = line.getresponse().read().decode()
        line.close()
        return text

    counted = 'promapp_lite_requests_total{method="POST",route="/Users",status="201"} 20.0'
    end = time.monotonic() + 10  # each process writes its part down a moment later
    while counted not in metrics() and time.monotonic() < end:
        time.sleep(0.05)
    assert counted in metrics()
    assert 'promapp_lite_resources{resource="users"} 20.0' in metrics()


def test_usual(monkeypatch):
    """One a core up to four; one where there is no fork."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usual_processes() == 4
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert usual_processes() == 2
    monkeypatch.delattr(os, "fork")
    assert usual_processes() == 1


def test_no_fork(monkeypatch):
    """Where there is no fork, asking for several is refused in words, and one is fine."""
    monkeypatch.delattr(os, "fork")
    supervisor.possible(1)
    with pytest.raises(UserError, match="Linux or macOS"):
        supervisor.possible(2)


def test_who_has_fewer():
    """A process is crowded while another holds fewer, alone never."""
    board = Board(3)
    for number, held in enumerate((2, 1, 1)):
        board.join(number)
        board.report(held)
    found = []
    for board.number in range(3):
        found.append(board.crowded())
    assert found == [True, False, False]
    alone = Board()
    alone.report(9)
    assert not alone.crowded()


def connections(worker):
    """How many sockets a process holds."""
    held = [os.readlink(each) for each in Path(f"/proc/{worker}/fd").iterdir() if each.is_symlink()]
    return sum(each.startswith("socket:") for each in held)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_connections_are_shared_out(running):
    """A burst of connections is held by both processes alike, whichever woke up first."""
    before = [connections(worker) for worker in running.workers()]
    address = urlsplit(running.url)
    lines = [http.client.HTTPConnection(address.hostname, address.port, timeout=30) for _ in range(16)]
    assert together(lambda n: running.ask("GET", "/Users", line=lines[n])[0]) == [200] * 16
    after = [connections(worker) for worker in running.workers()]
    for line in lines:
        line.close()
    held = [after[n] - before[n] for n in range(2)]
    assert min(held) >= 5, held


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # 3.13 tells of it
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_end_that_a_finalizer_drops_is_heeded(number):
    """The exception of the signal is lost, but not that it was asked for."""
    stop = shutdown.ShutdownSignal()
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop.install()
        Loud(number)
        assert stop.requested
        stop.requested = False
        with pytest.raises(SystemExit):
            signal.raise_signal(number)
        assert stop.requested
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_an_address_has_ten_sign_ins_over_all_processes(running):
    """The processes share the count: of 30 tries together 10 are looked at, and the others told to wait."""
    address = urlsplit(running.url)

    def sign_in(number):
        line = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        line.request("GET", "/")
        shown = line.getresponse()
        cookie = shown.headers["Set-Cookie"].partition(";")[0]
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown.read().decode())[1]
        form = urlencode({"csrf_token": token, "name": f"n{number}", "password": "wrong wrong wrong"})
        heads = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        line.request("POST", "/sign-in", form, heads)
        answer = line.getresponse()
        answer.read()
        line.close()
        return answer.status, answer.headers["Retry-After"]

    answers = [sign_in(number) for number in range(30)]
    assert sum(status == 429 for status, _ in answers) == 20
    assert all(0 < int(wait) <= 60 for status, wait in answers if status == 429)
