"""What several tests use: requests as Entra sends them, ports, and a signal inside a finalizer."""

import io
import json
import os
import shutil
import signal
import socket
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
PASSWORD = "correct horse battery"


def sender(app, token):
    """`send` over one application and token."""
    client = app.test_client()

    def send(method, path, body=None, headers=None, base="/api/scim"):
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        answer = client.open(base + path, method=method, data=data, headers=usual(token, headers))
        return SimpleNamespace(
            status=answer.status_code, headers=answer.headers, json=parsed(answer.get_data())
        )

    return send


def usual(token, headers):
    """The headers Entra sends, changed as asked."""
    given = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/scim+json; charset=utf-8",
        **(headers or {}),
    }
    return {name: value for name, value in given.items() if value is not None}


def parsed(data):
    """The JSON of a body, None where it is empty."""
    return json.loads(data) if data else None


def free_port():
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, tries=200):
    """Return when the address answers; fail when the process ends or never answers."""
    for _ in range(tries):
        assert process.poll() is None, f"the server ended with {process.returncode}"
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} never answered")


class Loud(io.RawIOBase):
    """Raises a signal while it is finalized, where CPython drops what the handler raises."""

    def __init__(self, number):
        self.number = number

    def close(self):
        super().close()
        if number := self.__dict__.pop("number", None):
            signal.raise_signal(number)


def needs(program):
    """The path of a program; without it the test is skipped, and in CI it fails."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not installed")
    return found
