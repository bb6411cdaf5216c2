"""The log and the standard streams: a reader who stops reading, or is not there, holds up nobody."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

import pytest
from helpers import ROOT, free_port, wait_for

from promapp_lite.ops import logs
from promapp_lite.store import opening
from promapp_lite.store.access import admins


class Stuck:
    """A stream whose reader does not read until the gate opens."""

    def __init__(self):
        self.gate = threading.Event()
        self.lines = []

    def write(self, text):
        assert self.gate.wait(20)
        self.lines.append(text)

    def flush(self):
        pass


def record(text):
    """A log record."""
    return logging.LogRecord("x", logging.INFO, "", 0, text, (), None)


def test_a_reader_who_stops_costs_bounded_memory(monkeypatch):
    """So many lines wait, the others are dropped and counted; then all goes on."""
    monkeypatch.setattr(logs, "MOST_LINES", 5)
    stream = Stuck()
    handler = logs.BackgroundHandler(stream)
    for number in range(20):
        handler.handle(record(f"line {number}"))
    assert len(handler.lines) <= 5
    stream.gate.set()
    handler.flush()
    kept = [line for line in stream.lines if line.startswith("line")]
    (dropped,) = [
        re.match(r"(\d+) log lines were dropped", line) for line in stream.lines if "dropped" in line
    ]
    assert 5 <= len(kept) <= 6 and len(kept) + int(dropped[1]) == 20
    handler.handle(record("later"))
    handler.flush()
    assert stream.lines[-1] == "later\n"


def test_a_time_has_its_offset():
    """So that a line means the same wherever it is read."""
    handler = logs.Text(logs.TEXT)
    assert re.match(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d INFO here", handler.format(record("here"))
    )


@pytest.fixture
def served(tmp_path):
    """served(**streams): a running service with these streams, and its address."""
    store = opening.create(tmp_path / "data")
    admins.create(store, "ada", "correct horse battery")
    store.close()
    started = []

    def served(command=(), **streams):
        url = f"http://127.0.0.1:{free_port()}"
        words = ["serve", "--data-dir", str(tmp_path / "data"), "--listen", url, "--no-browser"]
        process = subprocess.Popen(
            [*command, sys.executable, str(ROOT / "cli.py"), *words], cwd=ROOT, **streams
        )
        started.append(process)
        wait_for(f"{url}/healthz", process)
        return process, url

    yield served
    for process in started:
        process.kill()
        process.wait(10)


def healthy(url):
    """Whether the service answers."""
    with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
        return json.loads(answer.read())["status"] == "ok"


def test_a_log_that_nobody_reads(served):
    """A full pipe behind stderr holds up neither requests nor SIGTERM."""
    reading, writing = os.pipe()
    process, url = served(stderr=writing)
    os.close(writing)
    for _ in range(1500):  # more than a pipe holds
        assert healthy(url)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    os.close(reading)


@pytest.mark.parametrize("closed", ["1", "2", "0 1 2"])
def test_closed_streams(served, tmp_path, closed):
    """Without standard output or error it starts, and the database is not written to by what is printed."""
    shut = " ".join(f"{number}>&-" for number in closed.split())
    process, url = served(command=["sh", "-c", f'exec "$@" {shut}', "sh"])
    assert healthy(url)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    opening.open_store(tmp_path / "data").close()


def test_a_hang_up_is_no_end(served):
    """SIGHUP to a service goes on: certificates are read anew by themselves."""
    process, url = served(stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    process.send_signal(signal.SIGHUP)
    assert healthy(url)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert "SIGHUP" in process.stderr.read()
    process.stderr.close()


def test_a_closed_terminal_is_an_end(served):
    """SIGHUP from a terminal that is closed stops the service in order."""
    master, slave = os.openpty()
    process, url = served(stdin=slave, stderr=subprocess.DEVNULL)
    os.close(slave)
    assert healthy(url)
    process.send_signal(signal.SIGHUP)
    assert process.wait(20) == 0
    os.close(master)
