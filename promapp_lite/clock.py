"""Timestamps: UTC, as text that sorts chronologically."""

import time
from datetime import UTC, datetime
from functools import lru_cache


def now() -> str:
    """This moment as kept and shown everywhere: UTC, milliseconds, `2026-11-23T08:15:00.123Z`."""
    seconds, fraction = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{second(seconds)}.{fraction:03}Z"


def later(before: str) -> str:
    """This moment, or one kept earlier where the clock has gone back since."""
    return max(now(), before)


@lru_cache(4)
def second(number: int) -> str:
    """A second since 1970, `2026-11-23T08:15:00`; the same for many requests."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(number))


def stamp(moment: datetime) -> str:
    """A moment in the form of `now`; such texts sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def moment(text: str) -> datetime:
    """Read an xsd:dateTime (RFC 7643 §2.3.5); without an offset it is taken as UTC. ValueError otherwise."""
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def seconds_since(text: str) -> float:
    """How long ago a moment was; negative for one to come."""
    return (datetime.now(UTC) - moment(text)).total_seconds()
