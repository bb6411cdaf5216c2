"""The command line as the contract says: outputs, exit codes, one clear line for what cannot be."""

import contextlib
import io
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import PASSWORD, ROOT

from promapp_lite import __version__
from promapp_lite.cli import main
from promapp_lite.cli.data import private
from promapp_lite.config import read_config
from promapp_lite.store import opening
from promapp_lite.store.access import admins, tokens


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run(*words, input=…) over a data folder of its own; an environment without our variables."""
    for name in list(os.environ):
        if name.startswith("PROMAPP_LITE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PROMAPP_LITE_DATA_DIR", str(tmp_path / "data"))

    def run(*words, input=None):
        return CliRunner().invoke(main, words, input=input)

    return run


@pytest.fixture
def ready(run):
    """`run` over an initialised folder."""
    assert run("init", "--admin", "ada", "--password-stdin", input=PASSWORD).exit_code == 0
    return run


def lines(result):
    """What a command printed."""
    return result.stdout.strip().splitlines()


def test_init(run, tmp_path):
    """Makes folder, database and admin; ends with Tenant URL and the next step."""
    result = run(
        "init", "--admin", "ada", "--password-stdin", "--url", "https://scim.example.org", input=PASSWORD
    )
    assert result.exit_code == 0
    assert "Tenant URL:   https://scim.example.org/api/scim" in result.stdout
    assert lines(result)[-1] == "Next: promapp-lite serve"
    assert PASSWORD not in result.output
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    store = opening.open_store(tmp_path / "data")
    assert admins.verify(store, "ada", PASSWORD) == 1
    store.close()


def test_init_keeps_the_config_file(run, tmp_path):
    """What config.toml says already stays; only a url that it lacks is added."""
    file = tmp_path / "data" / "config.toml"
    file.parent.mkdir()
    file.write_text("threads = 8\n")
    assert run("init", "--url", "https://scim.example.org").exit_code == 0
    assert file.read_text() == 'url = "https://scim.example.org"\nthreads = 8\n'


def test_init_generates_a_password_where_nobody_can_type(run, tmp_path):
    """Without a terminal and without --password-stdin it makes one and prints it, once."""
    result = run("init")
    (line,) = [line for line in lines(result) if line.startswith("Password:")]
    store = opening.open_store(tmp_path / "data")
    assert admins.verify(store, "admin", line.split()[1]) == 1
    store.close()


def test_init_twice(ready, tmp_path):
    """On an initialised folder: exit 1, one line, nothing changed."""
    before = (tmp_path / "data" / "promapp-lite.db").read_bytes()
    result = ready("init", "--password-stdin", input="another password")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ") and "already initialised" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert (tmp_path / "data" / "promapp-lite.db").read_bytes() == before


def test_init_where_a_double_click_has_begun(run, tmp_path):
    """There is data, but nobody to sign in: it says how to go on, and that works."""
    opening.create(tmp_path / "data").close()
    result = run("init", "--password-stdin", input=PASSWORD)
    assert result.exit_code == 1 and "promapp-lite admin create NAME" in result.stderr
    assert run("admin", "create", "ada", "--password-stdin", input=PASSWORD).exit_code == 0
    assert "admin create" not in run("init").stderr


@pytest.mark.parametrize(("admin", "password"), [("ada", "short"), ("", PASSWORD), ("a\nb", PASSWORD)])
def test_init_with_a_refused_admin_makes_nothing(run, tmp_path, admin, password):
    """A refused name or password leaves no half-made folder."""
    assert run("init", "--admin", admin, "--password-stdin", input=password).exit_code == 1
    assert not (tmp_path / "data").exists()


def test_token_create_prints_the_token_and_nothing_else(ready):
    """46 characters and a newline on stdout."""
    result = ready("token", "create", "--description", "Azure AD")
    assert result.exit_code == 0
    assert len(lines(result)) == 1 and len(lines(result)[0]) == 46
    assert result.stderr == ""


def test_token_list_and_revoke(ready):
    """The list shows all but the secret; revoke ends one, once."""
    secret = lines(ready("token", "create", "--description", "Azure AD", "--scope", "scim:read"))[0]
    head, row = lines(ready("token", "list"))
    assert head.split() == [
        "ID",
        "TOKEN",
        "SCOPE",
        "STATE",
        "EXPIRES",
        "LAST",
        "USED",
        "OWNER",
        "DESCRIPTION",
    ]
    assert secret[:8] in row and secret not in row and "live" in row and "scim:read" in row
    assert ready("token", "revoke", "1").exit_code == 0
    assert "revoked" in lines(ready("token", "list"))[1]
    again = ready("token", "revoke", "1")
    assert (again.exit_code, again.stderr) == (1, "Error: There is no live token 1.\n")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("token", "create"), 2, "--description"),
        (("token", "create", "--description", "x", "--scope", "all"), 2, "scim:read"),
        (("token", "create", "--description", "x", "--expires-in", "9999"), 1, "730"),
        (("token", "create", "--description", "x", "--owner", "nobody"), 1, "nobody"),
        (("token", "revoke", "x"), 2, "integer"),
        (("admin", "create", "ADA", "--password-stdin"), 1, "already"),
        (("admin", "password", "nobody", "--password-stdin"), 1, "no admin"),
        (("admin", "disable", "ada"), 1, "last active admin"),
        (("admin", "disable", "nobody"), 1, "no admin"),
        (("admin", "enable", "nobody"), 1, "no admin"),
        (("serve", "--listen", "http://0.0.0.0:1"), 1, "in the clear"),
        (("serve", "--listen", "ftp://x"), 1, "expected an address"),
        (("serve", "--listen", "http://127.0.0.1:99999"), 1, "expected an address"),
        (("serve", "--threads", "0"), 2, "threads"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_refusals(ready, words, code, told):
    """1 for what could not be done, 2 for wrong usage; a clear line, never a traceback."""
    result = ready(*words, input="a long enough password")
    assert result.exit_code == code, result.output
    assert told in result.stderr
    assert "Traceback" not in result.output
    if code == 1:
        assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [("token", "list"), ("serve",), ("admin", "list")])
def test_without_data(run, words):
    """Before init every other command says what to do."""
    result = run(*words)
    assert result.exit_code == 1
    assert "promapp-lite init" in result.stderr


def test_admins(ready):
    """More admins, new passwords, a list."""
    assert (
        ready("admin", "create", "grace", "--password-stdin", input="a long enough password").exit_code == 0
    )
    assert (
        ready("admin", "password", "grace", "--password-stdin", input="another long password").exit_code == 0
    )
    made = ready("admin", "create", "joan")
    assert made.stdout.startswith("Password: ")
    assert [line.split()[:2] for line in lines(ready("admin", "list"))] == [
        ["NAME", "STATE"],
        ["ada", "active"],
        ["grace", "active"],
        ["joan", "active"],
    ]


def test_flag_beats_environment_beats_file_beats_default(ready, monkeypatch, tmp_path):
    """The order of the contract, shown with --listen."""
    served = []
    monkeypatch.setattr("promapp_lite.server.run.run", lambda settings: served.append(settings.listen))
    ready("serve")
    (tmp_path / "data" / "config.toml").write_text('listen = ["http://127.0.0.1:1"]\nno-browser = true\n')
    ready("serve")
    monkeypatch.setenv("PROMAPP_LITE_LISTEN", "http://127.0.0.1:2 http://127.0.0.1:3")
    ready("serve")
    ready("serve", "--listen", "http://127.0.0.1:4")
    assert served == [
        ("http://127.0.0.1:8480", "https://0.0.0.0:8443"),
        ("http://127.0.0.1:1",),
        ("http://127.0.0.1:2", "http://127.0.0.1:3"),
        ("http://127.0.0.1:4",),
    ]


def test_a_broken_config_file(ready, tmp_path):
    """It is named, with what is wrong in it."""
    (tmp_path / "data" / "config.toml").write_text("listen = [")
    result = ready("token", "list")
    assert result.exit_code == 1
    assert "config.toml" in result.stderr


def test_alone(run, monkeypatch, tmp_path):
    """Without a command: data where there is none yet, then serve."""
    served = []
    monkeypatch.setattr("promapp_lite.server.run.run", served.append)
    assert run().exit_code == 0
    assert run().exit_code == 0
    assert [settings.data_dir for settings in served] == [tmp_path / "data"] * 2


def test_version(run):
    """--version prints it."""
    assert run("--version").stdout == f"promapp-lite, version {__version__}\n"


def test_the_token_of_the_command_works(ready, tmp_path):
    """What `token create` prints opens the API of a service on the same folder."""
    secret = lines(ready("token", "create", "--description", "x"))[0]
    store = opening.open_store(tmp_path / "data")
    assert tokens.check(store, secret, None).scope == "scim"
    store.close()


def test_disable_and_enable(ready):
    """A disabled admin is listed as such; of two admins one can be disabled, of two disabled none is left."""
    ready("admin", "create", "grace", "--password-stdin", input="a long enough password")
    assert ready("admin", "disable", "GRACE").exit_code == 0
    assert [line.split()[1] for line in lines(ready("admin", "list"))][1:] == ["active", "disabled"]
    assert ready("admin", "disable", "ada").exit_code == 1
    assert ready("admin", "enable", "grace").exit_code == 0
    assert ready("admin", "disable", "ada").exit_code == 0


def test_tables_print_no_control_characters(ready, tmp_path):
    """What somebody typed moves no cursor and changes no colour of the terminal that shows it."""
    store = opening.open_store(tmp_path / "data")
    tokens.create(store, "a", "scim", 30, 1)
    store.database.execute_sql("UPDATE admin SET name = ?", ("ada\x1b[2J\x9b1m\n\u202e\t",))
    secret = "x\x1b]0;title\x07\r\ny"
    store.database.execute_sql("UPDATE token SET description = ?", (secret,))
    store.close()
    for words in (("admin", "list"), ("token", "list")):
        shown = ready(*words).stdout
        assert "\ufffd" in shown and len(shown.splitlines()) == 2
        assert not set(shown) & set("\x1b\x07\x9b\r\t\u202e")


def test_export_is_for_its_owner(ready, tmp_path):
    """The file that is made holds people and addresses: nobody else reads it."""
    file = tmp_path / "people.csv"
    assert ready("export", "--output", str(file)).exit_code == 0
    assert file.read_text("utf-8").startswith("id,userName")
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o600
    assert "cannot be written" in ready("export", "--output", str(tmp_path / "no" / "file")).stderr


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("token create --description x", "SELECT COUNT(*) FROM token"),
        ("admin create grace", "SELECT COUNT(*) - 1 FROM admin"),
        ("admin password ada", "SELECT COUNT(*) FROM activity WHERE action = 'password'"),
    ],
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_secret_that_cannot_be_shown_is_not_made(ready, tmp_path, words, left):
    """One line says so, exit 1; nobody would know the token or password."""
    data = ["--data-dir", str(tmp_path / "data")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "cli.py", *words.split(), *data],
            cwd=ROOT, stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        1,
        "Error: The output could not be written: No space left on device.\n",
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "promapp-lite.db")) as connection:
        assert connection.execute(left).fetchone() == (0,)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_init_whose_password_cannot_be_shown_makes_nothing(tmp_path):
    """The next init does it."""
    with open("/dev/full", "w") as full:
        words = [sys.executable, "cli.py", "init", "--data-dir", str(tmp_path / "data")]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert not opening.exists(tmp_path / "data")


def test_a_password_in_another_encoding(ready):
    """Refused in words, as another password would be kept."""
    result = ready(
        "admin", "create", "eve", "--password-stdin", input="Zürich-Straße 2026\n".encode("cp1252")
    )
    assert result.exit_code == 1
    assert "not in UTF-8" in result.stderr
    assert "$OutputEncoding" in result.stderr


def test_init_keeps_a_config_file_in_utf_16(run, tmp_path):
    """A url is added to what Windows PowerShell wrote."""
    file = tmp_path / "data" / "config.toml"
    file.parent.mkdir()
    file.write_bytes("threads = 8\r\n".encode("utf-16"))
    words = ["init", "--password-stdin", "--url", "https://scim.example.org"]
    assert run(*words, input=PASSWORD).exit_code == 0
    assert read_config(file.parent) == {"url": "https://scim.example.org", "threads": 8}


def test_csv_keeps_its_line_ends_on_windows(ready, tmp_path, monkeypatch):
    """A text stream of Windows makes CR CR LF of CR LF, so the bytes are written past it."""
    translating = io.TextIOWrapper(io.BytesIO(), newline="\r\n")
    monkeypatch.setattr(sys, "stdout", translating)
    main(["export", "--format", "csv"], standalone_mode=False)
    found = translating.buffer.getvalue()
    assert found.endswith(b"\r\n")
    assert b"\r\r\n" not in found
    with private(str(tmp_path / "people.csv")) as file:
        file.write(found)
    assert (tmp_path / "people.csv").read_bytes() == found
