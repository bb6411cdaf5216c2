"""`token create`, `list` and `revoke`."""

from pathlib import Path

import click

from promapp_lite import clock
from promapp_lite.cli.commands import Commands, caller, example, opened, print_table
from promapp_lite.cli.options import data_dir
from promapp_lite.store.access import admins, tokens
from promapp_lite.store.activity import audit

HEAD = ("ID", "TOKEN", "SCOPE", "STATE", "EXPIRES", "LAST USED", "OWNER", "DESCRIPTION")


@click.group(cls=Commands, epilog=example('promapp-lite token create --description "Azure AD"'))
def token() -> None:
    """Manage access tokens (Azure AD's Secret Token)."""


@token.command(epilog=example('promapp-lite token create --description "Azure AD" --expires-in 365'))
@data_dir
@click.option("--description", required=True, help="What the token is for.")
@click.option(
    "--scope",
    type=click.Choice(tokens.SCOPES),
    default="scim",
    show_default=True,
    help="scim reads and writes, scim:read reads only.",
)
@click.option(
    "--expires-in",
    "days",
    metavar="DAYS",
    type=int,
    default=tokens.DEFAULT_DAYS,
    show_default=True,
    help="Days until it expires.",
)
@click.option("--owner", metavar="NAME", help="Admin it belongs to; the first one by default.")
def create(data_dir: Path, description: str, scope: str, days: int, owner: str | None) -> None:
    """Create a token and print it; it is shown only once."""
    store = opened(data_dir)
    with store.write():
        secret = tokens.create(store, description, scope, days, admins.owner(store, owner).id)
        audit.record(store, caller(), "token-made", description.strip(), f"{scope}, {days} days")
        click.echo(secret)  # in here: a token that could not be shown is not made


@token.command("list", epilog=example("promapp-lite token list"))
@data_dir
def list_tokens(data_dir: Path) -> None:
    """List the tokens; only their digests are stored."""
    now = clock.now()
    print_table(
        HEAD,
        (
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
        ),
    )


@token.command(epilog=example("promapp-lite token revoke 3"))
@data_dir
@click.argument("id", type=int)
def revoke(data_dir: Path, id: int) -> None:
    """Revoke a token; the next request with it is refused."""
    store = opened(data_dir)
    with store.write():
        audit.record(store, caller(), "token-revoked", tokens.revoke(store, id))
