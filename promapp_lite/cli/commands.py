"""Shared by all commands: errors, help examples, tables, and opening the data."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.activity import audit
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.engine import Store
from promapp_lite.text import printable

UNWRITABLE = (errno.ENOSPC, errno.EIO)


class Commands(click.Group):
    """Turns a UserError, and output that cannot be written, into one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as refusal:
            told = str(refusal)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            told = f"The output could not be written: {error.strerror}."
        drop_output()
        raise click.ClickException(told)


def drop_output() -> None:
    """Drop what cannot be written of the output: Python would fail at its end once more, with code 120."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def example(line: str) -> str:
    """The last lines of a help text."""
    return f"\b\nExample:\n  {line}"


def opened(folder: Path) -> Store:
    """The store of a data folder, which is closed when the command ends."""
    store = opening.open_store(folder)
    click.get_current_context().call_on_close(store.close)
    return store


def caller() -> Caller:
    """Who acts, for the activity: the command by its words."""
    return audit.command(click.get_current_context().command_path.partition(" ")[2])


def print_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Print rows under a head, in columns."""
    lines = [head, *(tuple(printable(cell.replace("\n", " ")) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(map(str.ljust, line, widths)).rstrip())
