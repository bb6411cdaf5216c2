"""app.py under other WSGI servers: every setting counts, and the background jobs run, as with `serve`."""

import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import types

import pytest
from helpers import ROOT, free_port, usual, wait_for

from promapp_lite import clock
from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.access import admins, tokens
from promapp_lite.store.activity import journal
from promapp_lite.store.snapshots import backup, copies

CONFIG = """\
url = "https://scim.example.org/api/scim"
behind-proxy = true
activity-days = 30
log-format = "json"
"""
APP = "helpers.wsgi:app"
GUNICORN = ["-m", "gunicorn", "--workers", "2", "--threads", "2", "--bind", "127.0.0.1:{port}"]
WAITRESS = ["-m", "waitress", "--no-clear-untrusted-proxy-headers", "--listen", "127.0.0.1:{port}"]
SERVERS = {"waitress": WAITRESS, "gunicorn": GUNICORN, "gunicorn --preload": [*GUNICORN, "--preload"]}


@pytest.fixture
def data(tmp_path, empty_data):
    """A data folder with two rows of old activity, and a token for it."""
    folder = tmp_path / "data"
    shutil.copytree(empty_data, folder)
    (folder / "config.toml").write_text(CONFIG)
    store = opening.open_store(folder)
    token = tokens.create(store, "tests", "scim", 30, admins.owner(store, None).id)
    store.database.execute_sql(  # more than are kept whatever their dates, two of them old
        "WITH RECURSIVE each(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each LIMIT ?) "
        "INSERT INTO activity (at, method, path, action, status, ms, times, indexed) "
        "SELECT iif(n < 3, '2020-01-01T00:00:00.000Z', ?), 'GET', iif(n < 3, '/old', '/new'), "
        "'test', 200, 1, 1, 1 FROM each",
        (journal.KEPT + 2, clock.now()),
    )
    store.close()
    return types.SimpleNamespace(folder=folder, token=token)


def environment(folder):
    """Of our variables only the data folder's."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("PROMAPP_")}
    home = {"HOME": str(folder.parent)}  # where gunicorn puts its control socket
    return found | home | {"PROMAPP_LITE_DATA_DIR": str(folder), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}


def command(name, port):
    """What starts a server."""
    return [sys.executable, *(word.format(port=port) for word in SERVERS[name]), APP]


@pytest.fixture(params=SERVERS)
def served(request, data, tmp_path):
    """app.py under each server: `send`, `rows`, `log`."""
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command(request.param, port), env=environment(data.folder), cwd=ROOT, stderr=log, stdout=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", process)
        yield types.SimpleNamespace(
            send=lambda *asked: send(port, data.token, *asked),
            rows=lambda sql: rows(data.folder, sql),
            log=(tmp_path / "log").read_text,
            folder=data.folder,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def send(port, token, method, path, body=None, headers=None, source="127.0.0.1"):
    """A request from an address of this machine: status, headers and body."""
    made = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))
    made.request(method, path, json.dumps(body) if body else None, usual(token, headers))
    answer = made.getresponse()
    found = answer.status, answer.headers, json.loads(answer.read() or b"null")
    made.close()
    return found


def rows(folder, sql):
    """What is in the database."""
    connection = sqlite3.connect(folder / opening.DATABASE)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def wait_until(true, seconds=10):
    """Return when it holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_is_a_service_like_serve(served):
    """Location, proxies, the log, the daily copy, pruning, search: as config.toml says."""
    told = {
        "X-Forwarded-For": "198.51.100.9, 203.0.113.7:4711",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=6.6.6.6",
    }
    status, headers, _ = served.send("POST", "/api/scim/Users", {"userName": "ada"}, told)
    assert status == 201
    assert headers["Location"].startswith("https://scim.example.org/api/scim/Users/")
    assert served.send("POST", "/api/scim/Users", {"userName": "eve"}, told, "127.0.0.2")[0] == 201
    addresses = "SELECT address FROM activity WHERE method = 'POST' ORDER BY id"
    assert served.rows(addresses) == [("203.0.113.7",), ("127.0.0.2",)]

    wait_until(lambda: served.rows("SELECT COUNT(*) FROM activity WHERE path = '/old'") == [(0,)])
    wait_until(lambda: served.rows("SELECT COUNT(*) FROM word WHERE key = 'eve'") != [(0,)])
    served.send("POST", "/api/scim/Users", {"userName": "zoe"})  # the process that wrote it follows it
    wait_until(lambda: served.rows("SELECT COUNT(*) FROM word WHERE key = 'zoe'") != [(0,)])
    wait_until(lambda: '"path":"/api/scim/Users"' in served.log())
    wait_until(lambda: "daily copy written to" in served.log())
    assert "Logging error" not in served.log()
    assert served.log().count("daily copy written to") == 1
    (copy,) = (served.folder / copies.BACKUPS).iterdir()
    backup.check(copy)


@pytest.mark.parametrize("served", ["gunicorn"], indirect=True)
def test_it_keeps_serve_and_restore_off(served, tmp_path):
    """Its processes share the folder; `serve` and `restore` are refused as long as one of them runs."""
    store = opening.open_store(served.folder)
    backup.backup(store, tmp_path / "copy.db")
    store.close()
    for words in (["serve", "--no-browser"], ["restore", str(tmp_path / "copy.db")]):
        done = subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), *words],
            env=environment(served.folder) | {"PROMAPP_LITE_LISTEN": f"http://127.0.0.1:{free_port()}"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 1
        assert "already serving" in done.stderr


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("waitress", "config.toml"),
        ("waitress", "lock"),
        ("gunicorn", "config.toml"),
        ("gunicorn --preload", "lock"),
    ],
)
def test_what_cannot_be_is_one_line(data, name, trouble):
    """The server ends, and does not start its workers again and again."""
    if trouble == "config.toml":
        (data.folder / "config.toml").write_text("lisen = 1")
    lock = opening.serving_lock(data.folder)
    done = subprocess.run(
        command(name, free_port()),
        env=environment(data.folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lock.release()
    told = f"{data.folder / 'config.toml'}: there is no setting 'lisen'"
    assert ("Error: " + (told if trouble == "config.toml" else "Another promapp-lite")) in done.stderr
    assert "application.py" not in done.stderr  # a traceback of ours
    # gunicorn ends with 1 where its second worker fails while the end of the first is handled
    assert done.returncode in ((1,) if name == "waitress" else (1, 3))


def test_without_data(tmp_path):
    """It says what to do."""
    done = subprocess.run(
        command("waitress", free_port()), env=environment(tmp_path), cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: There is no data in {tmp_path} yet: run promapp-lite init first.\n",
    )


def test_the_locks_know_each_other(tmp_path):
    """Shared among those of other servers, and never with `serve`."""
    first = opening.shared_serving_lock(tmp_path)
    second = opening.shared_serving_lock(tmp_path)
    with pytest.raises(UserError, match="already serving"):
        opening.serving_lock(tmp_path)
    os.close(first)
    os.close(second)
    with opening.serving_lock(tmp_path), pytest.raises(UserError, match="already serving"):
        opening.shared_serving_lock(tmp_path)
