"""Diagnostics: `doctor`, `config` and `completion`."""

from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from promapp_lite import doctor as checks
from promapp_lite.cli.commands import example, print_table
from promapp_lite.cli.options import settings_of
from promapp_lite.config import Settings
from promapp_lite.errors import UserError

SOURCES = {
    ParameterSource.COMMANDLINE: "command line",
    ParameterSource.ENVIRONMENT: "environment",
    ParameterSource.DEFAULT_MAP: "config.toml",
}
SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command(epilog=example("promapp-lite doctor"))
@settings_of("serve")
def doctor(**options: Any) -> None:
    """Check the installation; exit 1 if a check fails.

    It checks the data folder, the database, admins, tokens, the certificate, the clock, the disk, the daily
    copies, the last contact, the indexes, the listeners and the Tenant URL.
    """
    failed = False
    for level, about, found, advice in checks.examine(Settings(**options)):
        failed = failed or level == "fail"
        click.echo(f"{level:4}  {about}: {found}" + (f"\n      -> {advice}" if advice else ""))
    if failed:
        raise UserError("Fix the failed checks above.")


@click.command(epilog=example("promapp-lite config"))
@settings_of("serve")
@click.pass_context
def config(context: click.Context, /, **options: Any) -> None:
    """Print the settings of serve and where each comes from."""
    rows = [(name, spelled(value), source(context, name)) for name, value in sorted(options.items())]
    print_table(("SETTING", "VALUE", "FROM"), rows)


def source(context: click.Context, name: str) -> str:
    """Where a setting comes from."""
    found = context.get_parameter_source(name)
    return SOURCES.get(found, "default") if found else "default"


def spelled(value: Any) -> str:
    """A setting as text."""
    if isinstance(value, tuple):
        return " ".join(value) or "-"
    if value is None:
        return "-"
    if isinstance(value, bool):  # as a key of a table, 1 would be True
        return "yes" if value else "no"
    return str(value)


@click.command(epilog=example("promapp-lite completion bash > ~/.promapp-lite.bash"))
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, /, shell: str) -> None:
    """Print the completion script for a shell.

    Load it from the shell's start-up file: it completes commands and options.
    """
    program = context.find_root().command
    click.echo(SHELLS[shell](program, {}, "promapp-lite", "_PROMAPP_LITE_COMPLETE").source())
