"""systemd is told when the service is ready, that it is alive, and that it stops."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from helpers import PASSWORD, ROOT, free_port

from promapp_lite.server import notify


@pytest.fixture
def manager(tmp_path):
    """A socket as a service manager has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        yield manager


@pytest.mark.parametrize("processes", ["1", "2"])
def test_the_service_tells(manager, tmp_path, processes):
    """Ready first, then alive again and again, in the end that it stops."""
    words = [sys.executable, "cli.py"]
    folder = ["--data-dir", str(tmp_path / "data")]
    subprocess.run(
        [*words, "init", "--password-stdin", *folder], input=PASSWORD.encode(), cwd=ROOT, check=True
    )
    serve = ["serve", "--no-browser", "--processes", processes, "--listen", f"http://127.0.0.1:{free_port()}"]
    environment = os.environ | {"NOTIFY_SOCKET": manager.getsockname()}
    with subprocess.Popen([*words, *serve, *folder], cwd=ROOT, env=environment) as process:
        told = [manager.recv(99).decode() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        while told[-1] != notify.STOPPING:
            told.append(manager.recv(99).decode())
    assert told[0] == notify.READY and set(told[1:-1]) == {notify.ALIVE}
    assert process.returncode == 0


@pytest.mark.parametrize("address", ["", "no path", "/no/such/socket", "@no-such-abstract-one"])
def test_nobody_who_listens(monkeypatch, address):
    """It does not matter."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify.tell(notify.READY)


def test_an_abstract_socket(monkeypatch):
    """Named with an @, as sd_notify(3) says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0promapp-lite-test")
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", "@promapp-lite-test")
        notify.tell(notify.ALIVE)
        assert manager.recv(99) == b"WATCHDOG=1"
