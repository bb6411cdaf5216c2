"""`admin create`, `password`, `disable`, `enable` and `list`."""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import click

from promapp_lite.cli.commands import Commands, caller, example, opened, print_table
from promapp_lite.cli.options import data_dir, password_stdin
from promapp_lite.errors import UserError
from promapp_lite.store.access import admins
from promapp_lite.store.activity import audit
from promapp_lite.store.engine import Store
from promapp_lite.text import first_line


@click.group(cls=Commands, epilog=example("promapp-lite admin create grace"))
def admin() -> None:
    """Manage admins, who use the console and own tokens."""


@admin.command(epilog=example("promapp-lite admin create grace"))
@data_dir
@click.argument("name")
@password_stdin
def create(data_dir: Path, name: str, password_stdin: bool) -> None:
    """Create another admin."""
    keep(opened(data_dir), admins.insert, admins.checked(name), password_stdin, "admin-made")


@admin.command(epilog=example("promapp-lite admin password ada"))
@data_dir
@click.argument("name")
@password_stdin
def password(data_dir: Path, name: str, password_stdin: bool) -> None:
    """Give an admin a new password, which ends their sessions."""
    keep(opened(data_dir), admins.set_password, name, password_stdin, "password")


@admin.command(epilog=example("promapp-lite admin disable grace"))
@data_dir
@click.argument("name")
def disable(data_dir: Path, name: str) -> None:
    """End an admin's sessions, and refuse sign-in and tokens."""
    store = opened(data_dir)
    with store.write():
        admins.disable(store, name)
        audit.record(store, caller(), "admin-disabled", name)


@admin.command(epilog=example("promapp-lite admin enable grace"))
@data_dir
@click.argument("name")
def enable(data_dir: Path, name: str) -> None:
    """Let a disabled admin in again."""
    store = opened(data_dir)
    with store.write():
        admins.enable(store, name)
        audit.record(store, caller(), "admin-enabled", name)


@admin.command("list", epilog=example("promapp-lite admin list"))
@data_dir
def list_admins(data_dir: Path) -> None:
    """List the admins."""
    found = admins.listed(opened(data_dir))
    print_table(
        ("NAME", "STATE", "CREATED"),
        ((each.name, "active" if each.active else "disabled", each.created[:10]) for each in found),
    )


def keep(
    store: Store, write: Callable[[Store, str, str], None], name: str, from_stdin: bool, action: audit.Action
) -> None:
    """Write an admin's password as its hash, and show one that nobody has chosen, once."""
    chosen, generated = choose_password(from_stdin)
    hashed = admins.hash_password(chosen)
    with store.write():
        write(store, name, hashed)
        audit.record(store, caller(), action, name)
        if generated:  # in here: nothing is kept that could not be shown
            click.echo(f"Password: {chosen}   (shown only once)")


def choose_password(from_stdin: bool) -> tuple[str, bool]:
    """The password and whether it was generated: from stdin, a prompt on a terminal, or random."""
    if from_stdin:
        try:
            return first_line(sys.stdin.buffer), False
        except UnicodeDecodeError:
            raise UserError(
                "The password on standard input is not in UTF-8. In PowerShell, run this first: "
                "$OutputEncoding = [Text.Encoding]::UTF8"
            ) from None
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True), False
    return secrets.token_urlsafe(15), True
