"""Who did what: each act of an admin is a row of the activity, in words, with who and from where."""

import re
import shutil
from typing import get_args

import pytest
from click.testing import CliRunner
from helpers import PASSWORD
from helpers.browser import Browser

from promapp_lite.cli import main
from promapp_lite.console.format import AUDIT
from promapp_lite.store import opening
from promapp_lite.store.access import setup
from promapp_lite.store.activity import audit, cycles, indexer
from promapp_lite.store.activity.journal import Caller

NEW = "another good password"


def rows(store):
    """(action, admin, address, name, detail) of each row, the first first."""
    found = store.database.execute_sql(
        "SELECT action, admin_id, address, name, detail FROM activity ORDER BY id"
    )
    return found.fetchall()


def test_the_console(app, store):
    """From the set-up link to signing out, each with admin and address; no row holds a secret."""
    store.database.execute_sql("DELETE FROM admin")
    key, browser = setup.make(store), Browser(app)
    fields = {"key": key, "name": "grace", "password": PASSWORD, "again": PASSWORD}
    browser.post("/setup", f"/setup?key={key}", **fields)
    made = browser.post("/tokens", description="Azure AD", scope="scim", days="30").text
    secret = re.search(r'value="(pms_\w{42})"', made)[1]
    browser.post("/tokens/1/revoke")
    browser.post("/password", present=PASSWORD, password=NEW, again=NEW)
    browser.post("/backup").close()
    cookie = browser.cookie
    browser.post("/sign-out")
    found = rows(store)
    assert [row[0] for row in found] == [
        "first-admin",
        "sign-in",
        "token-made",
        "token-revoked",
        "password",
        "backup",
        "sign-out",
    ]
    assert {row[1:3] for row in found} == {(1, "127.0.0.1")}
    assert [row[3] for row in found if row[0].startswith("token")] == ["Azure AD"] * 2
    kept = str(store.database.execute_sql("SELECT * FROM activity").fetchall())
    assert not any(each in kept for each in (PASSWORD, NEW, secret, key, cookie))


def test_the_page_tells_it(signed_in, store):
    """In words, with a filter and in the CSV; whom it is about is found by name."""
    signed_in.post("/tokens", description="Azure AD", scope="scim:read", days="30")
    page = signed_in.get("/?action=token-made&row=1").text
    assert "Token made" in page and "scim:read, 30 days" in page and "by ada in the console" in page
    assert (
        "Token made"
        not in signed_in.get("/?action=backup", headers={"X-Part": "activity"}).text.split("data-results")[1]
    )
    assert (
        "Token made"
        in signed_in.get("/?who=azure", headers={"X-Part": "activity"}).text.split("data-results")[1]
    )
    line = signed_in.get("/activity.csv?action=token-made").text.splitlines()[1]
    assert "Token made,Success" in line and "ada" in line and "127.0.0.1" in line


def test_no_cycle_comes_of_it(signed_in, store):
    """Admins are not counted among what Azure AD did."""
    signed_in.post("/tokens", description="Azure AD", scope="scim", days="30")
    indexer.catch_up(store)
    assert cycles.last(store) is None
    assert cycles.days(store, 1)[0][1:] == (0, 0)


def test_failed_sign_ins_are_counted(app, store):
    """One row a minute and address; what was typed as a name is kept only where it is an admin's."""
    browser = Browser(app)
    for _ in range(3):
        browser.sign_in(password="wrong wrong wrong")
    browser.client.environ_base["REMOTE_ADDR"] = "10.0.0.9"
    browser.sign_in(name="my secret password", password="x")
    app.extensions["failed_sign_ins"].flush()
    found = store.database.execute_sql("SELECT action, times, address, status, name FROM activity")
    assert found.fetchall() == [
        ("sign-in-failed", 3, "127.0.0.1", 401, "ada"),
        ("sign-in-failed", 1, "10.0.0.9", 401, None),
    ]
    assert "my secret" not in str(store.database.execute_sql("SELECT * FROM activity").fetchall())
    browser.sign_in()
    assert "10.0.0.9, 1 time" in browser.get("/?action=sign-in-failed").text


def test_a_flood_of_wrong_passwords_is_bounded(store):
    """A thousand addresses leave about a hundred rows a minute."""
    counts = audit.FailedSignIns(store)
    for number in range(1000):
        counts.note(Caller("POST", "/sign-in", f"10.0.{number}.1"), "ada")
    assert len(rows(store)) == 101


@pytest.fixture
def run(tmp_path, empty_data):
    """run(*words, input=…) over a data folder of its own."""
    shutil.copytree(empty_data, tmp_path / "own", dirs_exist_ok=True)

    def run(*words, input=None):
        done = CliRunner().invoke(main, [*words, "--data-dir", str(tmp_path / "own")], input=input)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    return run


def test_the_command_line(run, tmp_path):
    """Each command leaves its row, by "command line"; a restore does in what it restored."""
    run("admin", "create", "grace", "--password-stdin", input=NEW)
    run("admin", "password", "grace", "--password-stdin", input=PASSWORD)
    run("admin", "disable", "grace")
    run("admin", "enable", "grace")
    secret = run("token", "create", "--description", "Azure AD")
    run("token", "revoke", "1")
    run("backup", str(tmp_path / "copy.db"))
    run("admin", "disable", "grace")
    store = opening.open_store(tmp_path / "own")
    assert [row[0] for row in rows(store)] == [
        "admin-made",
        "password",
        "admin-disabled",
        "admin-enabled",
        "token-made",
        "token-revoked",
        "backup",
        "admin-disabled",
    ]
    assert {row[1:3] for row in rows(store)} == {(None, "command line")}
    assert secret not in str(rows(store)) and PASSWORD not in str(rows(store))
    store.close()
    run("restore", str(tmp_path / "copy.db"))
    store = opening.open_store(tmp_path / "own")
    assert [row[0] for row in rows(store)][-2:] == ["token-revoked", "data-restored"]
    store.close()


def test_a_refused_act_leaves_no_row(signed_in, store):
    """What did not happen is not told."""
    signed_in.post("/tokens", description="", scope="scim", days="30")
    signed_in.post("/tokens/7/revoke")
    signed_in.post("/password", present=PASSWORD, password="short", again="short")
    assert rows(store) == []


def test_every_action_has_its_words():
    """The list of actions and the page's words agree."""
    assert {*get_args(audit.Action), audit.FailedSignIns.action} == {*AUDIT}
