"""What the tests share: an application over an empty database, a token for it, and a served one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
from helpers import PASSWORD, ROOT, free_port, parsed, sender, usual, wait_for
from helpers.browser import Browser

from promapp_lite.application import create_app
from promapp_lite.config import Settings
from promapp_lite.store import opening
from promapp_lite.store.access import admins, tokens
from promapp_lite.store.engine import sqlite

# A shell that starts us in the background lets us ignore Ctrl-C, and so would every program we start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch):
    """Passwords cost little in tests, except where their cost is the test."""
    monkeypatch.setattr(admins, "METHOD", "scrypt:1024:8:1")


@pytest.fixture(scope="session")
def empty_data(tmp_path_factory):
    """A data folder with one admin, `ada`, to be copied: making one takes many fsyncs."""
    folder = tmp_path_factory.mktemp("template") / "data"
    opened = opening.create(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admins, "METHOD", "scrypt:1024:8:1")
        admins.create(opened, "ada", PASSWORD)
    opened.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    opened.close()
    return folder


@pytest.fixture
def store(tmp_path, empty_data, monkeypatch):
    """An empty, migrated database with one admin, `ada`; it does not wait for the disk."""
    monkeypatch.setitem(sqlite.PRAGMAS, "synchronous", "off")
    shutil.copytree(empty_data, tmp_path / "data", dirs_exist_ok=True)
    opened = opening.open_store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def app(store):
    """The application over that database."""
    return create_app(Settings(store.path.parent), store)


@pytest.fixture
def token(store):
    """A live token with the scope scim."""
    return tokens.create(store, "tests", "scim", 30, admins.owner(store, None).id)


@pytest.fixture
def send(app, token):
    """send(method, path, body, headers) through WSGI; a header that is None is not sent."""
    return sender(app, token)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running `promapp-lite serve` on a folder and port of its own, and a token for it."""
    folder = tmp_path_factory.mktemp("served")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROMAPP_")}
    command = [sys.executable, str(ROOT / "cli.py")]

    def run(*words, text=None):
        done = subprocess.run(
            [*command, *words, "--data-dir", str(folder)],
            input=text,
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
            check=True,
        )
        return done.stdout.strip()

    run("init", "--password-stdin", text=PASSWORD)
    token = run("token", "create", "--description", "tests")
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [*command, "serve", "--no-browser", "--listen", url, "--data-dir", str(folder)],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    wait_for(f"{url}/healthz", process)
    yield SimpleNamespace(url=url, token=token, folder=folder, run=run, process=process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


@pytest.fixture
def served(server):
    """send over HTTP against the running server."""

    def send(method, path, body=None, headers=None, base="/api/scim"):
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            server.url + base + path, data, usual(server.token, headers), method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return SimpleNamespace(
                    status=answer.status, headers=answer.headers, json=parsed(answer.read())
                )
        except urllib.error.HTTPError as error:
            with error:
                return SimpleNamespace(status=error.code, headers=error.headers, json=parsed(error.read()))

    return send


@pytest.fixture
def open_path(app):
    """open_path(path, view): one more route, of no blueprint, so that it wants no sign-in."""

    def open_path(path, view, to=None, **facts):
        (to or app).add_url_rule(path, view.__name__, view, **facts)

    return open_path


@pytest.fixture
def open_listeners():
    """open_listeners(app, settings, schemes, shown=None): the ports of listeners inside this process."""
    from helpers.listening import Listening

    opened = []

    def open_listeners(*args):
        opened.append(Listening(*args))
        return opened[-1].ports

    yield open_listeners
    for each in opened:
        each.close()


@pytest.fixture
def signed_in(app, store):
    """A browser ada is signed in with; the activity begins after that."""
    browser = Browser(app)
    assert browser.sign_in().status_code == 303
    store.database.execute_sql("DELETE FROM activity")
    return browser
