"""The listeners."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from promapp_lite.config import PORTS, Settings
from promapp_lite.doctor.result import Result
from promapp_lite.store.opening import LISTENING, SERVING

SECONDS = 5
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, not bound to)


def listeners(settings: Settings) -> Iterator[Result]:
    """Whether the service answers where it runs; where it does not run, whether its ports are free."""
    served = is_served(settings)
    if served and not (settings.data_dir / LISTENING).exists():
        yield Result("ok", "the folder is served by another WSGI server")
        return
    for url in addresses(settings.data_dir) if served else settings.listen:
        yield RESULTS[served, is_open(url)](url)


def addresses(folder: Path) -> list[str]:
    """What the running service has said it listens on, whatever options it was started with."""
    return (folder / LISTENING).read_text("utf-8").split()


RESULTS = {  # whether the folder is served, and whether something listens at the address
    (True, True): lambda url: Result("ok", f"{url} is open"),
    (True, False): lambda url: Result(
        "fail", f"{url} does not answer", "look into the log of the service, and restart it"
    ),
    (False, True): lambda url: Result(
        "fail", f"{url} is in use by another program", "stop that program, or use --listen"
    ),
    (False, False): lambda url: Result("ok", f"{url} is free; the service is not running"),
}


def is_served(settings: Settings) -> bool:
    """Whether a process serves the data folder."""
    try:
        with FileLock(settings.data_dir / SERVING, timeout=0):
            return False
    except Timeout:
        return True


def is_open(url: str) -> bool:
    """Whether something listens at an address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    with contextlib.suppress(OSError):
        socket.create_connection(
            (LOOPBACK.get(host, host), parts.port or PORTS[parts.scheme]), SECONDS
        ).close()
        return True
    return False
