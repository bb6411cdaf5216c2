"""`admin create`, `password` and `list`."""

import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import click

from promapp_lite.cli.commands import Commands, example, opened, print_table
from promapp_lite.cli.options import data_dir, password_stdin
from promapp_lite.store.access import admins
from promapp_lite.store.engine import Store


@click.group(cls=Commands, epilog=example("promapp-lite admin create grace"))
def admin() -> None:
    """Manage admins, who use the console and own tokens."""


@admin.command(epilog=example("promapp-lite admin create grace"))
@data_dir
@click.argument("name")
@password_stdin
def create(data_dir: Path, name: str, password_stdin: bool) -> None:
    """Create another admin."""
    give_password(opened(data_dir), admins.create, name, password_stdin)


@admin.command(epilog=example("promapp-lite admin password ada"))
@data_dir
@click.argument("name")
@password_stdin
def password(data_dir: Path, name: str, password_stdin: bool) -> None:
    """Set an admin's password."""
    give_password(opened(data_dir), admins.set_password, name, password_stdin)


@admin.command("list", epilog=example("promapp-lite admin list"))
@data_dir
def list_admins(data_dir: Path) -> None:
    """List the admins."""
    found = admins.listed(opened(data_dir))
    print_table(
        ("NAME", "STATE", "CREATED"),
        ((each.name, "active" if each.active else "off", each.created[:10]) for each in found),
    )


def give_password(store: Store, act: Callable[[Store, str, str], None], name: str, from_stdin: bool) -> None:
    """Choose a password and pass it to `act`."""
    chosen, generated = choose_password(from_stdin)
    act(store, name, chosen)
    if generated:
        click.echo(f"Password: {chosen}   (shown only once)")


def choose_password(from_stdin: bool) -> tuple[str, bool]:
    """The password and whether it was generated: from stdin, a prompt on a terminal, or random."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True), False
    return secrets.token_urlsafe(15), True
