"""Self-checks for operators: each says what it found and what to do about it.

May look into every room; only `cli` looks into it.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from promapp_lite.config import Settings
from promapp_lite.doctor import data, listeners, tenant_url
from promapp_lite.doctor.result import Result
from promapp_lite.ops import conditions
from promapp_lite.store import opening
from promapp_lite.store.engine import Store


class Finding(NamedTuple):
    """One result: ok, warn or fail; its subject; what was found; what to do about it."""

    level: str
    about: str
    found: str
    advice: str


Check = Callable[[Settings], Iterator[Result]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("listener", listeners.listeners),
    ("Tenant URL", tenant_url.tenant_url),
)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check in turn; without a sound database, no further than that."""
    for about, first in (("data folder", data.folder), ("database", data.database)):
        results = list(first(settings))
        yield from (Finding(level, about, found, advice) for level, found, advice in results)
        if any(each.level == "fail" for each in results):
            return
    store = Store(settings.data_dir / opening.DATABASE)
    for each in conditions.examine(settings, store):
        yield Finding(each.severity, each.name, each.found, each.remedy)
    store.close()
    for about, check in CHECKS:
        yield from (Finding(level, about, found, advice) for level, found, advice in check(settings))
