"""Writes a database as a released schema leaves it: `python tests/schemas/make.py` makes 0001.sqlite anew.

Run it while a schema is the newest, before a release; from then on that file is never made again.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from promapp_lite import factory, settings  # noqa: E402
from promapp_lite.store import admins, copies, opening, tokens  # noqa: E402


def make(target, folder):
    """One admin, one token, two people, one group, and what happened, as a copy of `folder`'s database."""
    admins.METHOD = "scrypt:1024:8:1"
    store = opening.create(folder)
    admins.create(store, "ada", "correct horse battery")
    secret = tokens.create(store, "Azure AD", "scim", 730, 1)
    client = factory.create_app(settings.Settings(folder), store).test_client()
    headers = {"Authorization": f"Bearer {secret}"}
    ids = [
        client.post("/api/scim/Users", json={"userName": name, "active": True}, headers=headers).json["id"]
        for name in ("ada@example.org", "grace@example.org")
    ]
    group = {"displayName": "All", "members": [{"value": id} for id in ids]}
    assert client.post("/api/scim/Groups", json=group, headers=headers).status_code == 201
    target.unlink(missing_ok=True)
    copies.copy(store.database, target)
    store.close()


if __name__ == "__main__":
    import tempfile

    newest = sorted(opening.MIGRATIONS.glob("[0-9]*.py"))[-1].stem
    with tempfile.TemporaryDirectory() as folder:
        make(HERE / f"{newest.split('_')[0]}.sqlite", Path(folder))
