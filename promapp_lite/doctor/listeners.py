"""The certificate and the listeners."""

import contextlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from promapp_lite import clock
from promapp_lite.config import PORTS, Settings
from promapp_lite.doctor.result import Result
from promapp_lite.store.opening import SERVING
from promapp_lite.system import certificates

SOON = timedelta(days=30)
SECONDS = 5
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, not bound to)
RENEW = "renew it; if it is self-signed, delete the tls folder and restart the service"


def certificate(settings: Settings) -> Iterator[Result]:
    """Whether the https listeners have a usable certificate, and for how long."""
    if not any(each.startswith("https:") for each in settings.listen):
        return
    files = certificates.of(settings.data_dir)
    if settings.tls_cert and settings.tls_key:
        files = certificates.Certificate(settings.tls_cert, settings.tls_key)
    try:
        files.context()
    except (OSError, ValueError) as error:
        yield Result("fail", f"{files.cert}: {error}", "check --tls-cert and --tls-key")
        return
    yield validity(files)


def validity(files: certificates.Certificate) -> Result:
    """How long a certificate is valid."""
    facts = certificates.facts(files.cert)
    now, soon = clock.now(), clock.stamp(datetime.now(UTC) + SOON)
    own = " (self-signed: Azure AD's cloud service does not accept it)" if facts.self_signed else ""
    found = f"{files.cert} expires {facts.ends[:10]}{own}"
    if not facts.begins <= now < facts.ends:
        return Result("fail", f"{found}: not valid now", RENEW)
    return Result("warn", found, RENEW) if facts.ends < soon else Result("ok", found)


def listeners(settings: Settings) -> Iterator[Result]:
    """Whether the service answers where it runs; where it does not run, whether its ports are free."""
    served = is_served(settings)
    for url in settings.listen:
        yield RESULTS[served, is_open(url)](url)


RESULTS = {  # whether the folder is served, and whether something listens at the address
    (True, True): lambda url: Result("ok", f"{url} is open"),
    (True, False): lambda url: Result(
        "fail", f"{url} does not answer", "check the --listen of the service, and its log"
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
