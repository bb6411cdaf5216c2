"""R7: /healthz is the truth about reads and writes, found out beside the requests."""

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from helpers import PASSWORD, ROOT, free_port, wait_for
from peewee import OperationalError

from promapp_lite.ops import health as health_module
from promapp_lite.ops.health import Health
from promapp_lite.store import opening
from promapp_lite.store.access import admins, tokens
from promapp_lite.store.engine import Store


@pytest.fixture
def health(store):
    """Health over the test's own database."""
    return Health(store)


@pytest.fixture
def asked(app):
    """asked(): status and body of /healthz, its Health in the application's place."""

    def asked(health):
        app.extensions["health"] = health
        answer = app.test_client().get("/healthz")
        return answer.status_code, answer.json

    return asked


def test_it_works(health, asked):
    """A probe reads and writes; nothing is wrong."""
    health.take(health.probe())
    assert asked(health)[0] == 200 and asked(health)[1]["status"] == "ok"


FAULTS = ["database or disk is full", "attempt to write a readonly database", "disk I/O error"]


@pytest.mark.parametrize("what", FAULTS)
def test_what_cannot_be_written_is_said_once(health, asked, monkeypatch, caplog, what):
    """503 with the reason while it lasts, one line when it begins, one when it ends."""

    def fail(*_):
        raise OperationalError(what)

    caplog.set_level("INFO")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "prove_writable", fail)
        for _ in range(3):
            health.take(health.probe())
            assert asked(health) == (503, {"status": "unavailable", "reason": what})
    health.take(health.probe())
    assert asked(health)[0] == 200
    assert [each.levelname for each in caplog.records if "well" in each.message] == ["ERROR", "INFO"]


def test_a_probe_that_hangs_is_noticed(health, asked, monkeypatch):
    """When none has ended for some seconds the database is stuck."""
    health.take(None)
    later = time.monotonic() + 60
    monkeypatch.setattr(health_module.time, "monotonic", lambda: later)
    assert asked(health)[0] == 503


def test_asking_waits_for_no_lock(health, asked, store):
    """While somebody writes and does not end, the last known truth is told at once."""
    health.take(None)
    entered, done = threading.Event(), threading.Event()

    def write():
        with store.write():
            entered.set()
            assert done.wait(20)

    writer = threading.Thread(target=write)
    writer.start()
    assert entered.wait(10)
    assert asked(health)[0] == 200
    done.set()
    writer.join()


@pytest.fixture
def serving(tmp_path):
    """serving(): a service of two processes: its address, folder and a token."""
    started = []

    def serving():
        folder = tmp_path / "data"
        store = opening.create(folder)
        admins.create(store, "ada", PASSWORD)
        token = tokens.create(store, "x", "scim", 1, 1)
        store.close()
        url = f"http://127.0.0.1:{free_port()}"
        words = ["serve", "--data-dir", str(folder), "--listen", url, "--processes", "2", "--no-browser"]
        command = [sys.executable, str(ROOT / "cli.py"), *words]
        started.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
        wait_for(f"{url}/healthz", started[-1])
        return SimpleNamespace(url=url, folder=folder, token=token)

    yield serving
    for process in started:
        process.terminate()
        process.wait(30)


def ask(url, path, token=None, body=None):
    """Status and JSON of one request."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def becomes(url, wanted, tries=200):
    """Wait until /healthz has that status; its body."""
    for _ in range(tries):
        status, body = ask(url, "/healthz")
        if status == wanted:
            return body
        time.sleep(0.05)
    raise AssertionError(f"/healthz stayed {status}: {body}")


def test_a_database_that_is_gone(serving):
    """Nothing is acknowledged any more that would go into a file without a name; health says so."""
    server = serving()
    assert ask(server.url, "/api/scim/Users", server.token, {"userName": "before"})[0] == 201
    file = server.folder / "promapp-lite.db"
    file.rename(file.with_name("moved.db"))
    assert ask(server.url, "/api/scim/Users", server.token, {"userName": "after"})[0] == 503
    assert "is not there any more" in becomes(server.url, 503)["reason"]
    assert ask(server.url, "/livez")[0] == 200
    file.with_name("moved.db").rename(file)
    becomes(server.url, 200)
    assert ask(server.url, "/api/scim/Users", server.token, {"userName": "again"})[0] == 201


def test_a_stuck_writer_elsewhere(serving):
    """Reads go on, a write gives up after a while, health knows; and all is well when it lets go."""
    server = serving()
    made = ask(server.url, "/api/scim/Users", server.token, {"userName": "ada"})[1]
    lock = os.open(server.folder / "write.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert becomes(server.url, 503)["reason"]
    assert ask(server.url, f"/api/scim/Users/{made['id']}", server.token)[0] == 200
    assert ask(server.url, "/api/scim/Users", server.token, {"userName": "grace"})[0] == 503
    os.close(lock)
    becomes(server.url, 200)
