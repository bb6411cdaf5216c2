"""Failed objects wait in escrow; a failing job goes into quarantine. Times are Entra's, scaled."""

import time
from dataclasses import dataclass, field

HOUR = 3600.0
CYCLE, QUARANTINED_CYCLE, LIMIT = 40 * 60.0, 24 * HOUR, 28 * 24 * HOUR
EARLY_RETRIES = (0.0, 6 * HOUR, 12 * HOUR, 24 * HOUR)
FEWEST, SHARE, MOST, MOST_WITH_REFERENCES = 5_000, 0.4, 40_000, 60_000


@dataclass
class Clock:
    """Entra's time: it jumps from cycle to cycle, and sleeps `hour` seconds for each hour."""

    hour: float = 0.0
    now: float = 0.0

    def wait(self, until: float) -> None:
        """Let time pass until then; never backwards."""
        passed = max(0.0, until - self.now)
        self.now += passed
        time.sleep(passed / HOUR * self.hour)


def due(first: float, tries: int) -> float:
    """When to try again after so many tries: next cycle, 6, 12, 24 hours, then daily."""
    if tries <= len(EARLY_RETRIES):
        return first + EARLY_RETRIES[tries - 1]
    return first + (tries - len(EARLY_RETRIES) + 1) * 24 * HOUR


@dataclass
class Entry:
    """A failed object: when it first failed, how often, why last."""

    first: float
    tries: int
    code: str
    reference: bool

    @property
    def due(self) -> float:
        """When it is tried again."""
        return due(self.first, self.tries)


@dataclass
class Escrow:
    """Failed objects by source id."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def fail(self, source_id: str, now: float, code: str, reference: bool) -> None:
        """Note a failure; the first one starts the waiting times."""
        before = self.entries.get(source_id)
        self.entries[source_id] = Entry(
            before.first if before else now, before.tries + 1 if before else 1, code, reference
        )

    def settle(self, source_id: str) -> None:
        """Forget an object that is in order or gone."""
        self.entries.pop(source_id, None)

    def due(self, now: float) -> set[str]:
        """The objects to try now; what has failed for 28 days is given up."""
        for source_id in [key for key, entry in self.entries.items() if now - entry.first > LIMIT]:
            self.settle(source_id)
        return {key for key, entry in self.entries.items() if entry.due <= now}

    def next(self) -> float | None:
        """When the next object is due, None when nothing waits."""
        return min((entry.due for entry in self.entries.values()), default=None)

    def excessive(self, objects: int) -> bool:
        """Whether so many of the objects fail that the job is quarantined."""
        every = len(self.entries)
        own = sum(not entry.reference for entry in self.entries.values())
        return every >= MOST_WITH_REFERENCES or own > MOST or (own >= FEWEST and own > SHARE * objects)
