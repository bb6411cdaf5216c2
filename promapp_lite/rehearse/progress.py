"""A progress bar on stderr while it is a terminal, erased once it is full."""

import sys
from collections.abc import Collection, Iterator
from typing import TypeVar

import click

Item = TypeVar("Item")
ERASE_LINE_ABOVE = "\x1b[1A\x1b[2K"


def track(label: str, items: Collection[Item]) -> Iterator[Item]:
    """The items; a bar shows how many are done, how many a second, and the time left."""
    if not items or not sys.stderr.isatty():
        yield from items
        return
    steps = max(1, len(items) // 200)
    bar = click.progressbar(
        items, label=f"{label:15}", show_pos=True, width=24, file=sys.stderr, update_min_steps=steps
    )
    bar.item_show_func = lambda _: rate(bar.time_per_iteration)
    with bar:
        yield from bar
    click.echo(ERASE_LINE_ABOVE, nl=False, err=True)


def rate(seconds: float) -> str | None:
    """Items a second; None before the first one is done."""
    return f"{1 / seconds:.0f}/s" if seconds else None
