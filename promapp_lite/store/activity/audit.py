"""The audit trail: who signed in, and what admins did, as rows of the activity beside the provisioning.

No row holds a secret, nor a name that was typed where it is no admin's: people type passwords there.
"""

from typing import Any, Literal

from promapp_lite.errors import UserError
from promapp_lite.store.access import admins
from promapp_lite.store.activity import journal
from promapp_lite.store.activity.auth_failures import AuthFailures
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.engine import Store

Action = Literal[
    "sign-in",
    "sign-out",
    "first-admin",
    "admin-made",
    "admin-disabled",
    "admin-enabled",
    "password",
    "token-made",
    "token-revoked",
    "backup",
    "data-restored",
]
CLI, COMMAND_LINE = "CLI", "command line"
LONGEST = 255  # characters of a name


def command(words: str) -> Caller:
    """Who acts by a command of that name."""
    return Caller(CLI, words, COMMAND_LINE)


def record(store: Store, caller: Caller, action: Action, name: str, detail: str | None = None) -> None:
    """Write the row of an act on what is called so; in the transaction of the act where there is one."""
    with store.write():
        journal.record(store, caller, action, 200, name=name[:LONGEST], detail=detail)


class FailedSignIns(AuthFailures):
    """Wrong passwords, counted as refused tokens are: one row a minute and address."""

    action = "sign-in-failed"

    def facts(self, secret: str | None) -> dict[str, Any]:
        """The admin whose name was typed first in that minute; of any other name only that it is nobody's."""
        try:
            name = admins.named(self.store, secret or "").name
        except UserError:
            return {"detail": "There is no admin of the name that was typed."}
        return {"name": name, "detail": f"Wrong password for {name}."}
