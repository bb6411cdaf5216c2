"""`service install`, `uninstall` and `status`."""

from pathlib import Path

import click

from promapp_lite.cli.commands import Commands, example
from promapp_lite.cli.options import settings_of
from promapp_lite.errors import UserError
from promapp_lite.server.listeners import Listener
from promapp_lite.store import opening
from promapp_lite.system import service as system


@click.group(cls=Commands, epilog=example("promapp-lite service install --dry-run"))
def service() -> None:
    """Run at system start: systemd on Linux, a task on Windows."""


dry_run = click.option("--dry-run", is_flag=True, help="Print what would be done, without doing it.")


@service.command(epilog=example("promapp-lite service install --dry-run"))
@settings_of("install")
@dry_run
def install(data_dir: Path, listen: tuple[str, ...], dry_run: bool) -> None:
    """Serve the data folder now and at every system start.

    The service runs as the folder's owner, with the settings of its config.toml.
    """
    if not opening.exists(data_dir):
        raise UserError(f"There is no data in {data_dir} yet: run promapp-lite init first.")
    ports = [Listener.parse(url).port for url in listen]
    carry_out(system.install(data_dir.resolve(), ports), dry_run)


@service.command(epilog=example("promapp-lite service uninstall"))
@dry_run
def uninstall(dry_run: bool) -> None:
    """Stop the service and remove it from the system; the data is kept."""
    carry_out(system.uninstall(), dry_run)


@service.command(epilog=example("promapp-lite service status"))
@dry_run
def status(dry_run: bool) -> None:
    """Show whether the service is running."""
    carry_out(system.status(), dry_run)


def carry_out(steps: list[system.Step], dry_run: bool) -> None:
    """Carry out the steps, or only print them."""
    for step in steps:
        if dry_run:
            click.echo(step.description())
        else:
            step.do()
