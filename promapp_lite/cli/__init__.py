"""The command line: each command a few lines over the rooms below.

It knows Click. May import every room but `rehearse`, which it names and Click loads.
"""

import importlib
import secrets
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import click

from promapp_lite import __version__, clock, doctor, jsonio
from promapp_lite.cli.options import FILE, settings_of
from promapp_lite.config import Settings
from promapp_lite.errors import UserError
from promapp_lite.ops import logs
from promapp_lite.server import run as server
from promapp_lite.server.listeners import Listener
from promapp_lite.store import opening
from promapp_lite.store.access import admins, setup, tokens
from promapp_lite.store.engine import Store
from promapp_lite.store.snapshots import backup, export
from promapp_lite.system import certificates, desktop, service

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


data_dir = settings_of("data")
serving = settings_of("serve")
password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
LAZY = {"rehearse": "promapp_lite.rehearse.command"}  # build.spec names them too, as nothing imports them
SOURCES = {
    "COMMANDLINE": "command line",
    "ENVIRONMENT": "environment",
    "DEFAULT_MAP": "config.toml",
    "DEFAULT": "default",
}
SELF_SIGNED = """\
              It is self-signed: Azure AD's cloud service wants a publicly trusted certificate
              (serve --tls-cert, or a proxy), the on-premises agent one that its own host trusts."""


class Commands(click.Group):
    """Turns a refusal into one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as refusal:
            raise click.ClickException(str(refusal)) from None

    def command(self, *args: Any, example: str = "", **facts: Any) -> Callable[..., Any]:
        """A command whose help ends with an example."""
        return super().command(*args, epilog=f"\b\nExample:\n  {example}", **facts)


class Main(Commands):
    """The whole program; what serving has no need of is imported when it is asked for (60 ms, 4 MB)."""

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
    invoke_without_command=True,
    context_settings=CONTEXT,
    epilog="\b\nExample:\n  promapp-lite init && promapp-lite serve",
)
@click.version_option(__version__, prog_name="promapp-lite")
@click.pass_context
def main(context: click.Context) -> None:
    """A SCIM 2.0 endpoint of your own for Azure AD (Microsoft Entra ID) provisioning."""
    if context.invoked_subcommand is None:
        context.invoke(start)


@main.command(
    example="promapp-lite init --data-dir /srv/promapp-lite --admin ada --url https://scim.example.org"
)
@settings_of("init")
@password_stdin
def init(data_dir: Path, admin: str, password_stdin: bool, url: str | None, listen: tuple[str, ...]) -> None:
    """Make the data folder, the database and the first admin."""
    if opening.exists(data_dir):
        raise UserError(f"{data_dir} is initialised already; nothing was changed.")
    password, generated = choose_password(password_stdin)
    admins.hash_password(password)
    store = opening.create(data_dir)
    admins.create(store, admin, password)
    store.close()
    if url:
        (data_dir / "config.toml").write_text(f"url = {jsonio.dumps(url)}\n", "utf-8")
    settings = Settings(data_dir, url=url, listen=listen)
    click.echo(f"Data folder:  {data_dir}\nAdmin:        {admin}")
    if generated:
        click.echo(f"Password:     {password}   (shown only now)")
    shown = certificates.ensure(data_dir, urlsplit(url or "").hostname)
    click.echo(f"Certificate:  {shown.cert}\nSHA-256:      {shown.fingerprint}\n{SELF_SIGNED}")
    click.echo(f"Tenant URL:   {settings.tenant_url}\n\nNext: promapp-lite serve")


def opened(folder: Path) -> Store:
    """The store of a data folder for the rest of the command."""
    store = opening.open_store(folder)
    click.get_current_context().call_on_close(store.close)
    return store


def choose_password(from_stdin: bool) -> tuple[str, bool]:
    """The password and whether it was made here: from stdin, a prompt on a terminal, or random."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True), False
    return secrets.token_urlsafe(15), True


@main.command(name="serve", example="promapp-lite serve --listen http://127.0.0.1:8480")
@serving
def serve_command(**options: Any) -> None:
    """Serve the SCIM API and the console until SIGTERM or Ctrl-C."""
    run_server(Settings(**options))


def run_server(settings: Settings) -> None:
    """Say what happens on stderr, and serve."""
    logs.set_up(settings.log_format)
    server.run(settings)


@click.command()
def start() -> None:
    """What a double-click runs: data where there is none yet, serve, and show the console."""
    try:
        settings = Settings.load()
        serve_and_show(first_page(settings), settings)
    except Exception as error:
        told = str(error) if isinstance(error, UserError) else traceback.format_exc()
        click.echo(f"Error: {told}", err=True)
        desktop.hold()
        raise click.exceptions.Exit(1) from None


def first_page(settings: Settings) -> str:
    """The console, or where there is no admin yet a new set-up link, which is printed."""
    page, folder = settings.console_url, settings.data_dir
    store = opening.open_store(folder) if opening.exists(folder) else opening.create(folder)
    if setup.needed(store):
        page = f"{page}setup?key={setup.make(store)}"
        click.echo(f"Set-up link, good once and for 24 hours:\n{page}")
    store.close()
    return page


def serve_and_show(page: str, settings: Settings) -> None:
    """Serve and open the page in a browser; where another one serves already, open that one's."""
    shown = desktop.present() and not settings.no_browser
    if shown:
        desktop.show_when_ready(page)
    try:
        run_server(settings)
    except opening.Busy as busy:
        if not desktop.answers(page, 2):
            raise
        click.echo(f"{busy} Its console: {page}")
        if shown:
            desktop.show(page)


@main.command(name="config", example="promapp-lite config")
@serving
@click.pass_context
def show_config(context: click.Context, **options: Any) -> None:
    """Print the settings that serve would use, and where each comes from."""
    rows = [(name, spelled(value), SOURCES[source(context, name)]) for name, value in options.items()]
    table(("SETTING", "VALUE", "FROM"), sorted(rows))


def source(context: click.Context, name: str) -> str:
    """Where a setting comes from, as Click calls it."""
    found = context.get_parameter_source(name)
    return found.name if found else "DEFAULT"


def spelled(value: Any) -> str:
    """A setting as it would be written."""
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "-"
    return {None: "-", True: "yes", False: "no"}.get(value, str(value))


@main.command(name="doctor", example="promapp-lite doctor")
@serving
def call_doctor(**options: Any) -> None:
    """Check data folder, database, certificate, doors, clock, disk and Tenant URL; exit 1 where one fails."""
    failed = False
    for level, about, found, advice in doctor.examine(Settings(**options)):
        failed = failed or level == "fail"
        click.echo(f"{level:4}  {about}: {found}" + (f"\n      -> {advice}" if advice else ""))
    if failed:
        raise UserError("promapp-lite will not work well until that is mended.")


@main.command(name="completion", example="promapp-lite completion bash > ~/.promapp-lite.bash")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands and options; load it from the shell's start-up file."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 (the choice above)
    click.echo(made(main, {}, "promapp-lite", "_PROMAPP_LITE_COMPLETE").source())


@main.command(name="backup", example="promapp-lite backup /mnt/backups/promapp-lite.db")
@data_dir
@click.argument("file", type=FILE)
def backup_command(data_dir: Path, file: Path) -> None:
    """Copy the database into a new FILE, while serving too; it holds every write acknowledged before.

    config.toml and the tls folder are small files of their own: copy them beside it.
    """
    store = opened(data_dir)
    backup.backup(store, file)
    click.echo(f"{file}: {file.stat().st_size:,} bytes")


@main.command(name="restore", example="promapp-lite restore /mnt/backups/promapp-lite.db")
@data_dir
@click.argument("file", type=FILE)
def restore_command(data_dir: Path, file: Path) -> None:
    """Put the backup in FILE in the place of the database, which is kept; stop the service first.

    All ids, tokens and passwords are those of the backup: a token revoked since then lives again.
    """
    kept = backup.restore(data_dir, file)
    click.echo(f"{data_dir} holds what {file} holds." + (f" What it held before: {kept}" if kept else ""))
    click.echo("Tokens revoked since that backup are live again: promapp-lite token list")


@main.command(name="export", example="promapp-lite export --format csv users > people.csv")
@settings_of("export")
@click.option("--format", "form", type=click.Choice(export.FORMATS), default="csv", show_default=True)
@click.option("--output", type=click.File("w", "utf-8", lazy=True), default="-", help="A file; else stdout.")
@click.argument("share", type=click.Choice(export.SHARES), default="users")
def export_command(
    data_dir: Path, url: str | None, listen: tuple[str, ...], form: str, output: TextIO, share: str
) -> None:
    """Write users, groups or activity as a table, as JSON, or as the SCIM API would list them."""
    settings = Settings(data_dir, url=url, listen=listen)
    for piece in export.export(opened(data_dir), share, form, settings.tenant_url):
        output.write(piece)


@main.group(name="service", cls=Commands)
def service_group() -> None:
    """Start with the system: a systemd unit on Linux, a scheduled task on Windows."""


dry_run = click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")


@service_group.command(name="install", example="promapp-lite service install --dry-run")
@settings_of("install")
@dry_run
def install_service(data_dir: Path, listen: tuple[str, ...], dry_run: bool) -> None:
    """Serve the data folder from now on and whenever the system starts, as the folder's owner.

    Settings are those of the data folder's config.toml.
    """
    if not opening.exists(data_dir):
        raise UserError(f"There is no data in {data_dir} yet: run promapp-lite init first.")
    ports = [Listener.parse(url).port for url in listen]
    carry_out(service.install(data_dir.resolve(), ports), dry_run)


@service_group.command(name="uninstall", example="promapp-lite service uninstall")
@dry_run
def uninstall_service(dry_run: bool) -> None:
    """End the service and take it out of the system; the data stay."""
    carry_out(service.uninstall(), dry_run)


@service_group.command(name="status", example="promapp-lite service status")
@dry_run
def service_status(dry_run: bool) -> None:
    """Tell whether the service runs."""
    carry_out(service.status(), dry_run)


def carry_out(steps: list[service.Step], dry_run: bool) -> None:
    """Do the steps, or only say what they are."""
    for step in steps:
        click.echo(step.told()) if dry_run else step.do()


@main.group(cls=Commands)
def token() -> None:
    """Access tokens: what Azure AD calls Secret Token."""


@token.command(name="create", example='promapp-lite token create --description "Azure AD" --expires-in 365')
@data_dir
@click.option("--description", required=True, help="What the token is for.")
@click.option("--scope", type=click.Choice(tokens.SCOPES), default="scim", show_default=True)
@click.option(
    "--expires-in", "days", metavar="DAYS", type=int, default=tokens.DEFAULT_DAYS, show_default=True
)
@click.option("--owner", metavar="NAME", help="The admin it belongs to; the first one by default.")
def create_token(data_dir: Path, description: str, scope: str, days: int, owner: str | None) -> None:
    """Make a token and print it: the only time it is shown."""
    store = opened(data_dir)
    click.echo(tokens.create(store, description, scope, days, admins.owner(store, owner).id))


@token.command(name="list", example="promapp-lite token list")
@data_dir
def list_tokens(data_dir: Path) -> None:
    """List the tokens; their secrets are kept nowhere."""
    now = clock.now()
    rows = [
        (
            str(each.id),
            each.hint + "…",
            each.scope,
            each.state(now),
            each.expires[:10],
            each.last_used or "never",
            each.owner,
            each.description,
        )
        for each in tokens.listed(opened(data_dir))
    ]
    table(("ID", "TOKEN", "SCOPE", "STATE", "EXPIRES", "LAST USED", "OWNER", "DESCRIPTION"), rows)


@token.command(name="revoke", example="promapp-lite token revoke 3")
@data_dir
@click.argument("id", type=int)
def revoke_token(data_dir: Path, id: int) -> None:
    """End a token; the next request with it is refused."""
    tokens.revoke(opened(data_dir), id)


@main.group(cls=Commands)
def admin() -> None:
    """Admins: who may use the console and own tokens."""


@admin.command(name="create", example="promapp-lite admin create grace")
@data_dir
@click.argument("name")
@password_stdin
def create_admin(data_dir: Path, name: str, password_stdin: bool) -> None:
    """Make another admin."""
    give_password(opened(data_dir), admins.create, name, password_stdin)


@admin.command(name="password", example="promapp-lite admin password ada")
@data_dir
@click.argument("name")
@password_stdin
def change_password(data_dir: Path, name: str, password_stdin: bool) -> None:
    """Give an admin a new password."""
    give_password(opened(data_dir), admins.set_password, name, password_stdin)


def give_password(store: Store, act: Callable[[Store, str, str], None], name: str, from_stdin: bool) -> None:
    """Choose a password and carry out what needs it."""
    password, generated = choose_password(from_stdin)
    act(store, name, password)
    if generated:
        click.echo(f"Password: {password}   (shown only now)")


@admin.command(name="list", example="promapp-lite admin list")
@data_dir
def list_admins(data_dir: Path) -> None:
    """List the admins."""
    found = admins.listed(opened(data_dir))
    table(
        ("NAME", "STATE", "MADE"),
        [(a.name, "active" if a.active else "off", a.created[:10]) for a in found],
    )


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows under a head, in columns."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
