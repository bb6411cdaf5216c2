"""The command line: each command is a few lines over the layers below.

It knows Click. May import every room but `rehearse`, which it names and Click loads.
"""

import importlib
from typing import Any

import click

from promapp_lite import __version__
from promapp_lite.cli import admins, data, diagnostics, serve, service, tokens
from promapp_lite.cli.commands import Commands, example
from promapp_lite.system import streams

LAZY = {"rehearse": "promapp_lite.rehearse.command"}  # named in build.spec too, as nothing imports them
COMMANDS: tuple[click.Command, ...] = (
    data.init,
    serve.serve,
    tokens.token,
    admins.admin,
    data.backup,
    data.restore,
    data.export,
    service.service,
    diagnostics.config,
    diagnostics.doctor,
    diagnostics.completion,
)


class Main(Commands):
    """The whole program; `rehearse` is imported only when used (60 ms, 4 MB)."""

    def main(self, *arguments: Any, **facts: Any) -> Any:
        """Run the program, also where it was started without standard output."""
        streams.ensure()
        return super().main(*arguments, **facts)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted([*super().list_commands(ctx), *LAZY])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name."""
        if name not in LAZY:
            return super().get_command(ctx, name)
        found: click.Command = getattr(importlib.import_module(LAZY[name]), name)
        return found


@click.group(
    cls=Main,
    commands=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example("promapp-lite init && promapp-lite serve"),
)
@click.version_option(__version__, prog_name="promapp-lite")
@click.pass_context
def main(context: click.Context) -> None:
    """A SCIM 2.0 endpoint of your own for Azure AD (Microsoft Entra ID) provisioning.

    Without a command it creates the data on first use, serves, and opens the console.
    """
    if context.invoked_subcommand is None:
        serve.start()
