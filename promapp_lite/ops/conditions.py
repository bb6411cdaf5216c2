"""What can be wrong with a service, a check for each; /metrics, the console, the log and `doctor` read it."""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from promapp_lite import clock
from promapp_lite.config import Settings
from promapp_lite.ops.health import Health
from promapp_lite.store.access import admins, tokens
from promapp_lite.store.activity import cycles, journal
from promapp_lite.store.directory import indexes
from promapp_lite.store.engine import DB_ERRORS, Store
from promapp_lite.store.snapshots import disk
from promapp_lite.system import certificates

log = logging.getLogger("promapp_lite")

SEVERITIES = ("fail", "warn", "ok")  # it does not work; it will not for long, or only in part; it is well
SOON = timedelta(days=30)  # before the end of a certificate or token
LATE = timedelta(hours=3)  # Entra comes every 40 minutes
COPY_DUE = timedelta(hours=26)  # a daily copy is tried every hour
LOW = 500 * 1024**2  # bytes
BEGINNING = "2026-01-01"  # no right clock is before it
FIRST_SECONDS, LOOK_SECONDS = 10, 60
LOCK = "watch.lock"


class Condition(NamedTuple):
    """How one thing is: how bad, what was found, what to do about it, and since when, where that is known."""

    name: str
    severity: str
    found: str
    remedy: str = ""
    since: str | None = None


Found = Iterator[
    tuple[str, ...]
]  # severity, what was found, and where it is not ok the remedy, and since when
Check = Callable[[Settings, Store], Found]


def ago(length: timedelta) -> str:
    """The moment so long ago."""
    return clock.stamp(datetime.now(UTC) - length)


def certificate(settings: Settings, _: Store | None = None) -> Found:
    """Whether the https listeners have a usable certificate, for whom, and for how long."""
    files = certificates.configured(settings)
    if files is None or (not files.cert.exists() and not settings.tls_cert):
        return  # made at the start
    try:
        files.context()
        facts = certificates.facts(files.cert)
    except (OSError, ValueError) as error:
        yield "fail", certificates.why(error), "mend the file, or check --tls-cert and --tls-key"
        return
    own = " (self-signed: Azure AD's cloud service does not accept it)" if facts.self_signed else ""
    found, host = f"{files.cert} expires {facts.ends[:10]}{own}", urlsplit(settings.public_url).hostname or ""
    renew = "renew it" if settings.tls_cert else "delete the folder tls and restart the service"
    if not facts.begins <= clock.now() < facts.ends:
        yield "fail", f"{found}: not valid now", renew, facts.ends
    elif facts.ends < ago(-SOON):
        yield "warn", found, renew
    else:
        yield "ok", found
    if settings.url and not settings.behind_proxy and not facts.covers(host):
        yield "warn", f"{files.cert} is for {facts.names}, not for {host}", f"get one for {host}: {renew}"
    if facts.alone and not certificates.is_known(facts.issuer):
        found = f"{files.cert} lacks the certificate of its issuer, {facts.issuer}"
        yield "warn", found, "append it to the file: clients cannot verify the certificate without"


def clock_(_: Settings, store: Store) -> Found:
    """Whether the clock is later than this release and than the newest activity."""
    now, last, latest = clock.now(), journal.last_time(store), cycles.latest_start(store)
    if now < max(last, BEGINNING):
        found = f"the clock says {now}, earlier than the last activity at {last or BEGINNING}"
        yield "fail", found, "set it, preferably by NTP: tokens and certificates depend on it"
    elif now < latest:
        found = f"the clock was ahead once: there is activity of {latest}"
        yield "warn", found, "nothing, if it is right now; keep it right by NTP"
    else:
        yield "ok", now


def disk_(_: Settings, store: Store) -> Found:
    """Whether there is room for twice the data, as it is copied daily."""
    free, wanted = disk.free(store), max(LOW, 2 * disk.size(store))
    found = f"{free // 1024**2:,} MB free"
    if free < wanted:
        yield "warn", found, f"free some space: {wanted // 1024**2:,} MB are needed, or writes will fail"
    else:
        yield "ok", found


def backups(settings: Settings, store: Store) -> Found:
    """Whether there is a daily copy of today or yesterday."""
    if not settings.keep_backups:
        return
    made, begun = disk.last_copy(store), min((each.created for each in admins.listed(store)), default=None)
    if made and made.made >= ago(COPY_DUE):
        yield "ok", f"the last daily copy is {made.name}, {made.size:,} bytes"
    elif begun and begun < ago(COPY_DUE):
        found = f"the last daily copy is of {made.made[:10]}" if made else "there is no daily copy"
        remedy = "while the service runs, its log says why: the disk, or the owner of the folder backups"
        yield "warn", found, remedy, *([made.made] if made else [])


def admin(_: Settings, store: Store) -> Found:
    """Whether somebody can sign in."""
    every = admins.listed(store)
    if not every:
        yield "fail", "there is no admin", "run promapp-lite admin create NAME"
    elif not any(each.active for each in every):
        yield (
            "fail",
            "no admin is active: nobody can sign in, no token works",
            "run promapp-lite admin enable NAME",
        )


def token(_: Settings, store: Store) -> Found:
    """Whether a Scim access token is live, and will be."""
    now, kept = clock.now(), [each for each in tokens.listed(store) if each.scope == "scim"]
    live = [each for each in kept if each.state(now) == "live"]
    renew = (
        "create another in the console, paste it into the Azure portal as Secret Token, press Test Connection"
    )
    if not live:
        for each in kept[-1:]:
            ended = min(each.revoked or each.expires, each.expires)
            found = f"no access token is live: “{each.description}” ended on {ended[:10]}"
            yield "fail", found, renew, ended
    for each in live:
        if each.expires < ago(-SOON) and each.last_used and each.last_used > ago(SOON):
            yield "warn", f"the access token “{each.description}” ends on {each.expires[:10]}", renew


def contact(_: Settings, store: Store) -> Found:
    """Whether Azure AD has been here lately, if it ever has."""
    run = cycles.last(store)
    if run and run.ended < ago(LATE):
        found = f"Azure AD has not connected since {run.ended[:16].replace('T', ' ')} UTC"
        remedy = "in the Azure portal look at Provisioning, Overview: it may be stopped or in quarantine"
        yield "warn", found, remedy, run.ended


def index(_: Settings, store: Store) -> Found:
    """Whether people are often searched by an attribute without an index."""
    for each in indexes.undeclared(store):
        found = f"{each.path} has no index and was searched {each.searches:,} times in a day"
        yield "warn", found, f"add to config.toml, and restart: {each.setting}"


CHECKS: dict[str, Check] = {
    "admin": admin,
    "token": token,
    "certificate": certificate,
    "clock": clock_,
    "disk": disk_,
    "backups": backups,
    "contact": contact,
    "index": index,
}
NAMES = ("writes", *CHECKS)


def examine(settings: Settings, store: Store) -> Iterator[Condition]:
    """How everything is that can be read quickly and without the running service."""
    for name, check in CHECKS.items():
        try:
            yield from (Condition(name, *each) for each in check(settings, store))
        except DB_ERRORS as error:
            yield Condition(name, "fail", str(error), "run promapp-lite doctor")


def wrong(settings: Settings, store: Store) -> Iterator[Condition]:
    """What of it is not well."""
    return (each for each in examine(settings, store) if each.severity != "ok")


def present(settings: Settings, store: Store, health: Health) -> list[Condition]:
    """What is wrong now, the worst first."""
    found = list(wrong(settings, store))
    if reason := health.fault():
        found.insert(0, Condition("writes", "fail", reason, health.remedy(), health.since))
    return sorted(found, key=lambda each: SEVERITIES.index(each.severity))


def watch(settings: Settings, store: Store, ended: threading.Event) -> None:
    """Log what begins and ceases to be wrong, and renew the own certificate; of all processes, one does.

    What is wrong with writes, every process logs for itself, see `Health`.
    """
    lock, wait = FileLock(store.path.with_name(LOCK), timeout=0), FIRST_SECONDS
    before: dict[str, Condition] = {}
    while not ended.wait(wait):
        wait = LOOK_SECONDS
        try:
            lock.acquire()
            renew(settings)
            before = tell(
                before, {each.name: each for each in examine(settings, store) if each.severity != "ok"}
            )
        except Timeout:
            continue
        except (OSError, *DB_ERRORS) as error:
            log.error("cannot look after the service: %s", error)
        store.disconnect()
    lock.release()


def renew(settings: Settings) -> None:
    """Renew the certificate that `init` made, where it is in use; listeners load it by themselves."""
    if certificates.configured(settings) != certificates.of(settings.data_dir):
        return
    try:
        if certificates.renew(settings.data_dir):
            log.info("the self-signed certificate was renewed, with the same key")
    except (OSError, ValueError) as error:
        log.error("the self-signed certificate cannot be renewed: %s", certificates.why(error))


def tell(before: dict[str, Condition], now: dict[str, Condition]) -> dict[str, Condition]:
    """Log what is new and what is over; what is now."""
    for name, each in now.items():
        if name not in before:
            log.log(LEVELS[each.severity], "%s: %s; %s", name, each.found, each.remedy)
    for name in before.keys() - now.keys():
        log.info("%s: well again", name)
    return now


LEVELS = {"fail": logging.ERROR, "warn": logging.WARNING}
