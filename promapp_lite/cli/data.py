"""The data as a whole: `init`, `backup`, `restore` and `export`."""

import os
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import click

from promapp_lite import jsonio
from promapp_lite.cli.admins import choose_password
from promapp_lite.cli.commands import example, opened
from promapp_lite.cli.options import FILE, data_dir, password_stdin, settings_of
from promapp_lite.config import CONFIG_FILE, Settings, read_config
from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.access import admins
from promapp_lite.store.snapshots import backup as backups
from promapp_lite.store.snapshots import export as exports
from promapp_lite.system import certificates

SELF_SIGNED = """\
              It is self-signed: Azure AD's cloud service wants a publicly trusted certificate
              (serve --tls-cert, or a proxy), the on-premises agent one that its own host trusts."""


@click.command(
    epilog=example(
        "promapp-lite init --data-dir /srv/promapp-lite --admin ada --url https://scim.example.org"
    )
)
@settings_of("init")
@password_stdin
def init(password_stdin: bool, **options: Any) -> None:
    """Make the data folder, the database and the first admin."""
    settings = Settings(**options)
    folder = settings.data_dir
    if opening.exists(folder):
        raise UserError(f"{folder} is initialised already; nothing was changed.")
    password, generated = choose_password(password_stdin)
    make(settings, password)
    click.echo(f"Data folder:  {folder}\nAdmin:        {settings.admin}")
    if generated:
        click.echo(f"Password:     {password}   (shown only now)")
    shown = certificates.ensure(folder, urlsplit(settings.url or "").hostname)
    click.echo(f"Certificate:  {shown.cert}\nSHA-256:      {shown.fingerprint}\n{SELF_SIGNED}")
    click.echo(f"Tenant URL:   {settings.tenant_url}\n\nNext: promapp-lite serve")


def make(settings: Settings, password: str) -> None:
    """Make the database, the admin and config.toml's url; nothing where the password is refused."""
    admins.hash_password(password)
    store = opening.create(settings.data_dir)
    admins.create(store, settings.admin, password)
    store.close()
    file = settings.data_dir / CONFIG_FILE
    if settings.url and "url" not in read_config(settings.data_dir):
        before = file.read_text("utf-8") if file.exists() else ""
        file.write_text(f"url = {jsonio.dumps(settings.url)}\n{before}", "utf-8")


@click.command(epilog=example("promapp-lite backup /mnt/backups/promapp-lite.db"))
@data_dir
@click.argument("file", type=FILE)
def backup(data_dir: Path, file: Path) -> None:
    """Copy the database into a new FILE, also while serving.

    The copy holds every write that was acknowledged before. config.toml and the tls folder are small files
    of their own: copy them beside it.
    """
    backups.backup(opened(data_dir), file)
    click.echo(f"{file}: {file.stat().st_size:,} bytes")


@click.command(epilog=example("promapp-lite restore /mnt/backups/promapp-lite.db"))
@data_dir
@click.argument("file", type=FILE)
def restore(data_dir: Path, file: Path) -> None:
    """Replace the database by the backup in FILE.

    Stop the service first. The database that was there is kept. All ids, tokens and passwords are those of
    the backup: a token revoked since then is live again.
    """
    kept = backups.restore(data_dir, file)
    click.echo(f"{data_dir} holds what {file} holds." + (f" What it held before: {kept}" if kept else ""))
    click.echo("Tokens revoked since that backup are live again: promapp-lite token list")


@click.command(epilog=example("promapp-lite export --format csv users > people.csv"))
@settings_of("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(exports.FORMATS),
    default="csv",
    show_default=True,
    help="A table, JSON, or what the SCIM API would list.",
)
@click.option("--output", type=click.Path(dir_okay=False), default="-", help="A file; else stdout.")
@click.argument(
    "share", metavar="[users|groups|activity]", type=click.Choice(exports.SHARES), default="users"
)
def export(form: str, output: str, share: str, **options: Any) -> None:
    """Export users, groups or activity as CSV, JSON or SCIM."""
    settings = Settings(**options)
    pieces = exports.export(opened(settings.data_dir), share, form, settings.tenant_url)
    with click.open_file(output, "w", "utf-8") if output == "-" else private(output) as file:
        for piece in pieces:
            file.write(piece)


def private(path: str) -> TextIO:
    """The file, empty and to be written; a new one is its owner's only, as people are in it."""
    try:
        return open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None
