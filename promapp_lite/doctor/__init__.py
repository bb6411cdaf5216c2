"""Self-checks for operators: each says what it found, and what to do about it.

May look into every room; only `cli` looks into it.
"""

import contextlib
import os
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from promapp_lite import clock
from promapp_lite.config import Settings
from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.directory import indexes
from promapp_lite.store.engine import DB_ERRORS, Store, sqlite
from promapp_lite.system import certificates

SOON = timedelta(days=30)
LOW = 500 * 1024 * 1024
BEGINNING = "2026-01-01"  # no right clock is before it
SECONDS = 5
LAST = "SELECT MAX(at) FROM activity"


class Finding(NamedTuple):
    """One thing found: ok, warn or fail; what it is about; what is; what to do about it."""

    level: str
    about: str
    found: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check in turn; without data the others have nothing to look at."""
    for check in CHECKS:
        found = list(check(settings))
        yield from found
        if check is folder and any(each.level == "fail" for each in found):
            return


def folder(settings: Settings) -> Iterator[Finding]:
    """Whether the data folder is there, can be written, and is closed to others."""
    path = settings.data_dir
    if not opening.exists(path):
        yield Finding("fail", "data folder", f"there are no data in {path}", "promapp-lite init")
        return
    if not os.access(path, os.W_OK):
        yield Finding("fail", "data folder", f"{path} cannot be written", "run as the user who owns it")
        return
    if os.name != "nt" and path.stat().st_mode & 0o077:
        yield Finding("warn", "data folder", f"others may look into {path}", f"chmod 700 {path}")
    yield Finding("ok", "data folder", str(path))


def database(settings: Settings) -> Iterator[Finding]:
    """Whether the database is sound and of a schema this program knows."""
    file = settings.data_dir / opening.DATABASE
    try:
        sqlite.integrity_check(file)
        found = sqlite.read_only(file)
        with found.connection_context():
            known = opening.steps(found)
        opening.refuse_newer(file, known)
    except DB_ERRORS as error:
        yield Finding("fail", "database", str(error), "promapp-lite restore with the last good backup")
    except UserError as refusal:
        yield Finding("fail", "database", str(refusal), "install the newer promapp-lite")
    else:
        yield Finding("ok", "database", f"sound, {file.stat().st_size:,} bytes")


def certificate(settings: Settings) -> Iterator[Finding]:
    """Whether the https doors have a certificate that can be used, for how long, and for this name."""
    if not any(door.startswith("https:") for door in settings.listen):
        return
    files = certificates.of(settings.data_dir)
    if settings.tls_cert and settings.tls_key:
        files = certificates.Certificate(settings.tls_cert, settings.tls_key)
    try:
        files.context()
    except (OSError, ValueError) as error:
        yield Finding("fail", "certificate", f"{files.cert}: {error}", "see --tls-cert and --tls-key")
        return
    yield from dates(files)


def dates(files: certificates.Certificate) -> Iterator[Finding]:
    """How long a certificate is good."""
    found = certificates.facts(files.cert)
    now, soon = clock.now(), clock.stamp(datetime.now(UTC) + SOON)
    own = " (self-signed: Azure AD's cloud service will not take it)" if found.self_signed else ""
    told = f"{files.cert} until {found.ends[:10]}{own}"
    advice = "renew it; of a self-signed one remove the tls folder and start again"
    if not found.begins <= now < found.ends:
        yield Finding("fail", "certificate", f"{told}: not valid now", advice)
    elif found.ends < soon:
        yield Finding("warn", "certificate", told, advice)
    else:
        yield Finding("ok", "certificate", told)


def doors(settings: Settings) -> Iterator[Finding]:
    """Whether the service runs; where it does not, whether its ports are free."""
    running = served(settings)
    for url in settings.listen:
        open_ = answers(url)
        if open_ is running:
            yield Finding(
                "ok", "door", f"{url} {'is open' if running else 'is free; nobody serves just now'}"
            )
        elif running:
            yield Finding("fail", "door", f"{url} does not answer", "is it another --listen? see the log")
        else:
            yield Finding("fail", "door", f"{url} is taken by another program", "end that, or use --listen")


def served(settings: Settings) -> bool:
    """Whether a process serves the data folder."""
    try:
        with FileLock(settings.data_dir / "serve.lock", timeout=0):
            return False
    except Timeout:
        return True


def answers(url: str) -> bool:
    """Whether somebody listens at an address."""
    parts = urlsplit(url)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(parts.hostname or "", parts.hostname)  # noqa: S104
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    with contextlib.suppress(OSError):
        socket.create_connection((host, port), SECONDS).close()
        return True
    return False


def check_clock(settings: Settings) -> Iterator[Finding]:
    """Whether the clock can be right: not before this program, nor before what it has written."""
    now = clock.now()
    found = sqlite.read_only(settings.data_dir / opening.DATABASE)
    with contextlib.suppress(*DB_ERRORS), found.connection_context():
        last = found.execute_sql(LAST).fetchone()[0] or ""
        if now < max(last, BEGINNING):
            told = f"it says {now}, but something happened at {last or BEGINNING}"
            yield Finding("fail", "clock", told, "set it, by NTP: tokens and certificates depend on it")
            return
    yield Finding("ok", "clock", now)


def disk(settings: Settings) -> Iterator[Finding]:
    """Whether there is room: for the data twice, as a copy is taken a day."""
    free = shutil.disk_usage(settings.data_dir).free
    wanted = max(LOW, 2 * (settings.data_dir / opening.DATABASE).stat().st_size)
    told = f"{free // 1024**2:,} MB free"
    if free < wanted:
        yield Finding("warn", "disk", told, f"make room: {wanted // 1024**2:,} MB are wanted, or writes stop")
    else:
        yield Finding("ok", "disk", told)


def tenant_url(settings: Settings) -> Iterator[Finding]:
    """Whether Tenant URL is reached from here, under a certificate this machine trusts."""
    import urllib.request

    url = settings.tenant_url
    if not url.startswith("https:"):
        yield Finding("warn", "Tenant URL", f"{url} is not https", "say --url https://its.public.name")
        return
    try:
        urllib.request.urlopen(f"{settings.public_url}/healthz", timeout=SECONDS).close()  # noqa: S310
        yield Finding("ok", "Tenant URL", f"{url} answers")
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        untrusted = isinstance(cause, ssl.SSLCertVerificationError)
        advice = "trust it, see docs/certificate.md" if untrusted else "check name, firewall, proxy"
        yield Finding("warn", "Tenant URL", f"{url}: {cause}", advice)


def searches(settings: Settings) -> Iterator[Finding]:
    """Whether people are often searched by an attribute without an index."""
    store = Store(settings.data_dir / opening.DATABASE)
    with contextlib.suppress(*DB_ERRORS), contextlib.closing(store):
        for each in indexes.undeclared(store):
            told = f"{each.path} was searched by {each.searches:,} times in a day and has no index"
            yield Finding("warn", "index", told, f"add to config.toml: {each.setting}")


Check = Callable[[Settings], Iterator[Finding]]
CHECKS: tuple[Check, ...] = (folder, database, certificate, doors, check_clock, disk, searches, tenant_url)
