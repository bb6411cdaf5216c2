"""`service install`, `uninstall` and `status`."""

from pathlib import Path

import click

from promapp_lite.cli.commands import Commands, example
from promapp_lite.cli.options import settings_of
from promapp_lite.config import Settings, read_config
from promapp_lite.errors import UserError
from promapp_lite.ops import logs
from promapp_lite.server import run as server
from promapp_lite.server.listeners import Listener
from promapp_lite.server.shutdown import shutdown_signal
from promapp_lite.store import opening
from promapp_lite.system import service as system
from promapp_lite.system import winservice


@click.group(cls=Commands, epilog=example("promapp-lite service install --dry-run"))
def service() -> None:
    """Run at system start: systemd on Linux, a service on Windows."""


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


@service.command(hidden=True, epilog=example("promapp-lite service run"))
@settings_of("data")
def run(data_dir: Path) -> None:
    """Be the Windows service: the service manager starts this."""
    file = data_dir / "logs" / "promapp-lite.log"
    winservice.host(lambda: serve_to(file, data_dir), shutdown_signal.request)


def serve_to(file: Path, data_dir: Path) -> None:
    """Serve a data folder with the settings of its config.toml, and log to a file."""
    settings = Settings(data_dir, **read_config(data_dir))
    logs.set_up(settings.log_format, file)
    server.run(settings)


def carry_out(steps: list[system.Step], dry_run: bool) -> None:
    """Carry out the steps, or only print them."""
    for step in steps:
        if dry_run:
            click.echo(step.description())
        else:
            step.do()
