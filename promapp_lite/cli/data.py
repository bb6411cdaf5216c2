"""The data as a whole: `init`, `backup`, `restore` and `export`."""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import click

from promapp_lite import jsonio
from promapp_lite.cli.admins import choose_password
from promapp_lite.cli.commands import caller, example, opened
from promapp_lite.cli.options import FILE, data_dir, password_stdin, settings_of
from promapp_lite.config import CONFIG_FILE, Settings, read_config
from promapp_lite.errors import UserError
from promapp_lite.store import opening
from promapp_lite.store.access import admins, setup
from promapp_lite.store.activity import audit
from promapp_lite.store.engine import DB_ERRORS
from promapp_lite.store.snapshots import backup as backups
from promapp_lite.store.snapshots import export as exports
from promapp_lite.system import certificates
from promapp_lite.text import decoded

SELF_SIGNED = """\
              It is self-signed: Azure AD's cloud service needs a publicly trusted certificate
              (serve --tls-cert, or a proxy), the on-premises agent one that its host trusts."""


@click.command(
    epilog=example(
        "promapp-lite init --data-dir /srv/promapp-lite --admin ada --url https://scim.example.org"
    )
)
@settings_of("init")
@password_stdin
def init(password_stdin: bool, **options: Any) -> None:
    """Create the data folder, the database and the first admin."""
    settings = Settings(**options)
    folder = settings.data_dir
    if opening.exists(folder):
        refuse_again(folder)
    password, generated = choose_password(password_stdin)
    make(settings, password, generated)
    shown = certificates.ensure(folder, urlsplit(settings.url or "").hostname)
    click.echo(f"Certificate:  {shown.cert}\nSHA-256:      {shown.fingerprint}\n{SELF_SIGNED}")
    click.echo(f"Tenant URL:   {settings.tenant_url}\n\nNext: promapp-lite serve")


def refuse_again(folder: Path) -> None:
    """UserError for a folder that has a database; one without an admin is not finished by `init`."""
    store = opened(folder)
    finish = " It has no admin yet: run promapp-lite admin create NAME." if setup.needed(store) else ""
    raise UserError(f"{folder} is already initialised; nothing was changed.{finish}")


def make(settings: Settings, password: str, generated: bool) -> None:
    """Create the database with the admin, and config.toml's url, and show a generated password.

    Where one of these cannot be, no database is made.
    """
    name, hashed = admins.checked(settings.admin), admins.hash_password(password)
    with opening.creating(settings.data_dir) as store:
        with store.write():
            admins.insert(store, name, hashed)
            audit.record(store, caller(), "first-admin", name)
        if settings.url and "url" not in read_config(settings.data_dir):
            file = settings.data_dir / CONFIG_FILE
            before = decoded(file.read_bytes()) if file.exists() else ""
            file.write_text(f"url = {jsonio.dumps(settings.url)}\n{before}", "utf-8", newline="")
        click.echo(f"Data folder:  {settings.data_dir}\nAdmin:        {settings.admin}")
        if generated:
            click.echo(f"Password:     {password}   (shown only once)")


@click.command(epilog=example("promapp-lite backup /mnt/backups/promapp-lite.db"))
@data_dir
@click.argument("file", type=FILE)
def backup(data_dir: Path, file: Path) -> None:
    """Copy the database to a new FILE, even while serving.

    The copy holds every write acknowledged before it. config.toml and the tls folder are not part of it:
    copy them separately.
    """
    store = opened(data_dir)
    backups.backup(store, file)
    with suppress(*DB_ERRORS):  # a full disk keeps nobody from taking a copy elsewhere
        audit.record(store, caller(), "backup", str(file))
    click.echo(f"{file}: {file.stat().st_size:,} bytes")


@click.command(epilog=example("promapp-lite restore /mnt/backups/promapp-lite.db"))
@data_dir
@click.argument("file", type=FILE)
def restore(data_dir: Path, file: Path) -> None:
    """Replace the database with the backup in FILE.

    Stop the service first. The replaced database is kept. All ids, tokens and passwords are those of the
    backup: a token revoked since then is live again.
    """
    kept = backups.restore(data_dir, file, caller())
    click.echo(f"Restored {file} to {data_dir}." + (f" The previous database: {kept}" if kept else ""))
    click.echo("Tokens revoked since that backup are live again; check promapp-lite token list.")


@click.command(epilog=example("promapp-lite export --format csv users > people.csv"))
@settings_of("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(exports.FORMATS),
    default="csv",
    show_default=True,
    help="A table, JSON, or the SCIM API's list response.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False), default="-", help="File to write; stdout by default."
)
@click.argument(
    "share", metavar="[users|groups|activity]", type=click.Choice(exports.SHARES), default="users"
)
def export(form: str, output: str, share: str, **options: Any) -> None:
    """Export users, groups or activity as CSV, JSON or SCIM."""
    settings = Settings(**options)
    pieces = exports.export(opened(settings.data_dir), share, form, settings.tenant_url)
    with click.open_file(output, "wb") if output == "-" else private(output) as file:
        for piece in pieces:
            file.write(piece.encode())  # as bytes, so that CRLF stays CRLF on Windows


def private(path: str) -> IO[bytes]:
    """The file, empty and to be written; a new one is its owner's only, as people are in it."""
    try:
        return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None
