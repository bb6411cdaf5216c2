"""`serve`, and what a double-click does."""

import traceback
from typing import Any

import click

from promapp_lite.cli.commands import example
from promapp_lite.cli.options import settings_of
from promapp_lite.config import Settings
from promapp_lite.errors import UserError
from promapp_lite.ops import logs
from promapp_lite.server import run
from promapp_lite.store import opening
from promapp_lite.store.access import setup
from promapp_lite.system import desktop


@click.command(epilog=example("promapp-lite serve --listen http://127.0.0.1:8480"))
@settings_of("serve")
def serve(**options: Any) -> None:
    """Serve the SCIM API and the console until SIGTERM or Ctrl-C."""
    run_server(Settings(**options))


def run_server(settings: Settings) -> None:
    """Set up the log on stderr, and serve."""
    logs.set_up(settings.log_format)
    logs.leave_out_origins()
    run.run(settings)


def start() -> None:
    """Create the data on first use, serve, and open the console; on an error keep the window open."""
    try:
        settings = Settings.load()
        serve_and_show(first_page(settings), settings)
    except Exception as error:
        text = str(error) if isinstance(error, UserError) else traceback.format_exc()
        click.echo(f"Error: {text}", err=True)
        desktop.hold()
        raise click.exceptions.Exit(1) from None


def first_page(settings: Settings) -> str:
    """The URL of the console, or a new set-up link, also printed, if there is no admin yet."""
    page, folder = settings.console_url, settings.data_dir
    store = opening.open_store(folder) if opening.exists(folder) else opening.create(folder)
    if setup.needed(store):
        page = f"{page}setup?key={setup.make(store)}"
        click.echo(f"Set-up link, valid once and for 24 hours:\n{page}")
    store.close()
    return page


def serve_and_show(page: str, settings: Settings) -> None:
    """Serve and open the page in a browser; if the folder is served already, open that server's page."""
    browser = desktop.present() and not settings.no_browser
    if browser:
        desktop.show_when_ready(page)
    try:
        run_server(settings)
    except opening.Busy as busy:
        if not desktop.answers(page, 2):
            raise
        click.echo(f"{busy} Its console: {page}")
        if browser:
            desktop.show(page)
