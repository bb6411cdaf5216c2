"""Background jobs: threads beside the requests."""

import threading
from collections.abc import Callable, Iterable

JOIN_SECONDS = 30
Job = Callable[[threading.Event], None]


class Jobs:
    """Functions that run each in a thread of its own until the event that they are given is set."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.jobs = tuple(jobs)
        self.ended = threading.Event()
        self.threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start them, where they do not run already."""
        if self.threads:
            return
        self.ended = threading.Event()
        self.threads = [
            threading.Thread(target=job, args=(self.ended,), daemon=True, name="job") for job in self.jobs
        ]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """End them, and wait until each has finished what it has in hand."""
        self.ended.set()
        for thread in self.threads:
            thread.join(JOIN_SECONDS)
        self.threads = []
