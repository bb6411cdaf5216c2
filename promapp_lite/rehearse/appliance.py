"""An appliance of its own for a rehearsal without a URL: started, waited for, stopped."""

import secrets
import signal
import socket
import subprocess  # noqa: S404 - it starts this very program
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import urllib3
from urllib3.exceptions import HTTPError

START, STOP, STEP = 30.0, 15.0, 0.05
ENTRY = "from promapp_lite.cli import main; main()"


class ApplianceError(Exception):
    """The appliance did not start; the text holds its last line of output."""


def own_command() -> list[str]:
    """How to run this program again: the bundle itself, or the interpreter with the package."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-c", ENTRY]


def free_port() -> int:
    """An unused TCP port of the loopback address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def execute(command: Sequence[str], *arguments: str, given: str = "") -> str:
    """What a command prints; ApplianceError with its last line when it fails."""
    done = subprocess.run(  # noqa: S603 - this program, with our own arguments
        [*command, *arguments],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=START * 2,
        check=False,
    )
    if done.returncode:
        raise ApplianceError(f"{arguments[0]} failed: {last_line(done.stderr or done.stdout)}")
    return done.stdout


def last_line(text: str) -> str:
    """The last line a program printed."""
    return (text.strip().splitlines() or ["it printed nothing"])[-1]


def ready(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return once /healthz answers 200; ApplianceError when the server ends or takes too long."""
    end = time.monotonic() + START
    with urllib3.PoolManager(retries=False, timeout=2.0) as web:
        while time.monotonic() < end and server.poll() is None:
            try:
                if web.request("GET", f"{url}/healthz").status == 200:
                    return
            except (HTTPError, OSError):
                pass
            time.sleep(STEP)
    last = last_line(log.read_text("utf-8", "replace"))
    raise ApplianceError(f"the appliance did not come up at {url}: {last}")


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Terminate the server; kill it when it takes longer than STOP seconds."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(STOP)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextmanager
def appliance(command: Sequence[str] | None = None) -> Iterator[tuple[str, str]]:
    """Base URL and token of a fresh appliance on a scratch folder that goes away with it."""
    command = command or own_command()
    with tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as scratch:
        data = ("--data-dir", str(Path(scratch) / "data"))
        url = f"http://127.0.0.1:{free_port()}"
        execute(
            command,
            "init",
            *data,
            "--admin",
            "rehearsal",
            "--password-stdin",
            given=secrets.token_urlsafe(24) + "\n",
        )
        token = execute(command, "token", "create", *data, "--description", "rehearsal").strip()
        with (Path(scratch) / "log").open("wb") as log:
            server = subprocess.Popen(  # noqa: S603
                [*command, "serve", *data, "--listen", url, "--no-browser"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                ready(url, server, Path(scratch) / "log")
                yield f"{url}/api/scim", token
            finally:
                stop(server)
