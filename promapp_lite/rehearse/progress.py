"""A progress bar with rate and time left, on a terminal only."""

import sys
import time
from typing import TextIO

WIDTH, EVERY = 24, 0.1


class Bar:
    """One line that is written over; on anything but a terminal it stays silent."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self.live = self.stream.isatty()
        self.what, self.start, self.last, self.length = "", 0.0, 0.0, 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that so many of the total are done."""
        if not self.live:
            return
        now = time.monotonic()
        if what != self.what or done == 0:
            self.what, self.start, self.last = what, now, 0.0
        if now - self.last < EVERY and done != total:
            return
        self.last = now
        self.write(line(what, done, total, now - self.start))

    def write(self, text: str) -> None:
        """Put the text where the last one stood."""
        self.stream.write("\r" + text.ljust(self.length))
        self.stream.flush()
        self.length = len(text)

    def clear(self) -> None:
        """Take the bar off the screen, so that lines can be printed."""
        if self.live and self.length:
            self.write("")
            self.stream.write("\r")
            self.length = 0


def line(what: str, done: int, total: int, passed: float) -> str:
    """The bar as text: what, bar, count, rate, time left."""
    if not total:
        return f"{what:20} {done}"
    full = WIDTH * done // total
    rate = done / passed if passed > 0 and done else 0.0
    left = f"  {clock((total - done) / rate)} left" if rate else ""
    return f"{what:20} [{'#' * full}{'.' * (WIDTH - full)}] {done}/{total}  {rate:.0f}/s{left}"


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
