"""Self-checks for operators: each says what it found and what to do about it.

May look into every room; only `cli` looks into it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from promapp_lite.config import Settings
from promapp_lite.doctor import data, listeners, machine, tenant_url
from promapp_lite.doctor.result import Result


class Finding(NamedTuple):
    """One result: ok, warn or fail; its subject; what was found; what to do about it."""

    level: str
    about: str
    found: str
    advice: str


Check = Callable[[Settings], Iterator[Result]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("data folder", data.folder),
    ("database", data.database),
    ("certificate", listeners.certificate),
    ("listener", listeners.listeners),
    ("clock", machine.clock_ahead),
    ("disk", machine.disk),
    ("index", machine.searches),
    ("Tenant URL", tenant_url.tenant_url),
)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check in turn; without a data folder, only that one."""
    for about, check in CHECKS:
        results = list(check(settings))
        yield from (Finding(level, about, found, advice) for level, found, advice in results)
        if check is data.folder and any(each.level == "fail" for each in results):
            return
