"""The limits of serving HTTP: how long a client may take, and how much of the service one may hold."""

import contextlib
import importlib
import sys
from typing import Any, NamedTuple

resource: Any = None if sys.platform == "win32" else importlib.import_module("resource")

# Each wait ends. Rates are those of Kestrel: after a few seconds a client keeps up or is dropped.
HANDSHAKE_SECONDS = 10
HEADER_SECONDS = 10  # for the whole header block, from its first byte
IDLE_SECONDS = 60  # between two requests of a connection
GRACE_SECONDS = 5
BYTES_A_SECOND = 240  # of a request's body to come, or of an answer to be read, once the grace is over
LINGER_SECONDS = 2  # to read on after an early refusal, so that the client gets to see it

FREE_BODY_BYTES = 64 * 1024  # a larger body is read only for a live access token
METHOD_LETTERS = 20

BACKLOG = 1024
CONNECTIONS = 4000  # a process, where the system has enough descriptors
CONNECTIONS_PER_ADDRESS = 250  # a process and address; a trusted proxy is exempt
SPARE_DESCRIPTORS = 200  # for the database, the log, temporary files
SELECT_DESCRIPTORS = 512  # all that Windows' select can watch


class Row(NamedTuple):
    """A limit as the documentation lists it."""

    limit: str
    beyond: str


TABLE = (
    Row(f"TLS handshake {HANDSHAKE_SECONDS} s, header block {HEADER_SECONDS} s", "the connection is closed"),
    Row(
        f"{BYTES_A_SECOND} bytes a second of a body or of reading an answer, after {GRACE_SECONDS} s",
        "the connection is closed",
    ),
    Row(f"{IDLE_SECONDS} s between two requests of a connection", "the connection is closed"),
    Row(
        f"{CONNECTIONS_PER_ADDRESS} connections a process and address",
        "the longest waiting one is closed",
    ),
    Row(f"{CONNECTIONS:,} connections a process", "the longest waiting one is closed"),
    Row(f"body of {FREE_BODY_BYTES // 1024} KiB without a live access token", "401, the body is not read"),
)


def raise_descriptors() -> None:
    """Allow this process, and those it forks, as many descriptors as the system lets it."""
    if resource is not None:
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * CONNECTIONS + SPARE_DESCRIPTORS
        with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it, as our systemd unit does
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (max(now, wanted if most < 0 else min(wanted, most)), most)
            )


def connections() -> int:
    """How many connections this process can hold: each may need a second descriptor, for a large body."""
    if resource is None:
        return SELECT_DESCRIPTORS - 32
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return int(max(32, min(CONNECTIONS, (allowed - SPARE_DESCRIPTORS) // 2)))
