"""doctor, config and completion: what an operator asks the program about itself."""

import contextlib
import dataclasses
import datetime
import os
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import free_port
from unit import test_certificates

from promapp_lite import clock, doctor
from promapp_lite.cli import main
from promapp_lite.config import Settings
from promapp_lite.doctor import data
from promapp_lite.ops import conditions
from promapp_lite.store import opening
from promapp_lite.store.access import admins
from promapp_lite.store.snapshots import backup
from promapp_lite.system import certificates


@pytest.fixture
def settings(tmp_path):
    """Settings over a healthy folder with one free https listener."""
    with opening.creating(tmp_path / "data") as store:
        admins.insert(store, "ada", "no hash")
    certificates.ensure(tmp_path / "data", "scim.example.org")
    listener = f"https://127.0.0.1:{free_port()}"
    return Settings(tmp_path / "data", url=listener, listen=(listener,))


def findings(settings, about):
    """(level, found, advice) of one check."""
    return [each[:1] + each[2:] for each in doctor.examine(settings) if each.about == about]


def levels(settings, about):
    """The levels one check found."""
    return [each[0] for each in findings(settings, about)]


def test_it_works(settings):
    """All is well, but for Tenant URL, as nobody serves."""
    found = {each.about: each.level for each in doctor.examine(settings)}
    assert found.pop("Tenant URL") == "warn"
    assert set(found.values()) == {"ok"}
    assert set(found) == {"data folder", "database", "certificate", "listener", "clock", "disk"}


class House:
    """A healthy folder that a state breaks, and its remedy mends."""

    def __init__(self, settings, patch):
        self.settings, self.patch = settings, patch
        self.folder = settings.data_dir
        self.file = self.folder / opening.DATABASE
        self.files = certificates.of(self.folder)
        self.good = self.folder.parent / "good.db"
        self.good.write_bytes(self.file.read_bytes())

    def sql(self, text, *values):
        """Change the database."""
        with contextlib.closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute(text, values)

    def change(self, **changes):
        """Change the settings."""
        self.settings = dataclasses.replace(self.settings, **changes)

    def restore(self):
        """What `promapp-lite restore` does, in a folder of its owner."""
        backup.restore(self.folder, self.good)

    def token(self, ends, revoked=None, used=0):
        """An access token that ends so many days from now."""
        now = datetime.datetime.now(datetime.UTC)
        stamps = [clock.stamp(now + datetime.timedelta(days=each)) for each in (ends, -used, -400)]
        self.sql(
            "INSERT INTO token (digest, hint, description, scope, owner_id,"
            " created, expires, last_used, revoked)"
            " VALUES (hex(randomblob(32)), 'pms_1234', 'Entra', 'scim', 1, ?, ?, ?, ?)",
            stamps[2], stamps[0], stamps[1], revoked,
        )  # fmt: skip

    def activity(self, *times):
        """Rows of activity, and a cycle that begins and ends with each."""
        for at in times:
            self.sql(
                "INSERT INTO activity (at, method, path, action, status, ms, times, indexed)"
                " VALUES (?, 'GET', '/', 'test', 200, 1, 1, 1)",
                at,
            )
            self.sql(
                "INSERT INTO cycle (token_id, started, ended, first, last, tested, created, updated, enabled,"
                " disabled, deleted, failed) VALUES (1, ?, ?, 1,"
                " (SELECT MAX(id) FROM activity), 1, 0, 0, 0, 0, 0, 0)",
                at, at,
            )  # fmt: skip

    def copy(self, days):
        """A daily copy so many days old, and an admin who is older."""
        self.sql("UPDATE admin SET created = '2026-01-01T00:00:00.000Z'")
        (self.folder / "backups").mkdir(exist_ok=True)
        made = self.folder / "backups" / "daily-2026-11-01.db"
        made.write_bytes(b"")
        os.utime(made, (time.time() - days * 86400,) * 2)

    def certificate(self, days):
        """The own certificate, made so many days ago."""
        moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)

        class Then(datetime.datetime):
            @classmethod
            def now(cls, zone=None):
                return moment

        self.files.cert.unlink()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(certificates, "datetime", Then)
            certificates.ensure(self.folder)

    def renew(self):
        """As the remedy for the own certificate says."""
        for each in self.files:
            each.unlink()
        certificates.ensure(self.folder)

    def lock(self):
        """Another program begins to write, and does not end."""
        self.patch.setattr(data, "SECONDS", 0.1)
        self.other = sqlite3.connect(self.file, check_same_thread=False)
        self.other.execute("BEGIN IMMEDIATE")

    def take_port(self):
        """Another program listens there."""
        self.other = socket.create_server(("127.0.0.1", 0))
        self.change(listen=(f"http://127.0.0.1:{self.other.getsockname()[1]}",))


def moment(days):
    """So many days from now."""
    return clock.stamp(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days))


def write(file, content):
    """Write a file, whatever its type."""
    return file.write_bytes(content) if isinstance(content, bytes) else file.write_text(content)


LEAF, OTHER = test_certificates.CERT, test_certificates.private(test_certificates.ISSUER_KEY)
ROOT_ONLY = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root")
STATES = {  # what is broken: how, which check says so, how bad, in which words, and what mends it
    "no data": (lambda h: h.file.unlink(), "data folder", "fail", "there is no data", House.restore),
    "a folder open to others": (
        lambda h: h.folder.chmod(0o755),
        "data folder",
        "warn",
        "other users",
        lambda h: h.folder.chmod(0o700),
    ),
    "a folder that cannot be written": (
        lambda h: h.patch.setattr(os, "access", lambda *_: False),
        "data folder",
        "fail",
        "not writable",
        lambda h: h.patch.undo(),
    ),
    "a database of another's": pytest.param(
        lambda h: os.chown(h.file, 65534, 65534),
        "data folder",
        "fail",
        "does not belong",
        lambda h: os.chown(h.file, 0, 0),
        marks=ROOT_ONLY,
    ),
    "a lock of another's": pytest.param(
        lambda h: os.chown(h.folder / "migrate.lock", 65534, 65534),
        "data folder",
        "fail",
        "does not belong",
        lambda h: os.chown(h.folder / "migrate.lock", 0, 0),
        marks=ROOT_ONLY,
    ),
    "a damaged database": (
        lambda h: h.file.write_bytes(b"rubbish" * 5000),
        "database",
        "fail",
        "not a database",
        House.restore,
    ),
    "damaged in the middle": (
        lambda h: h.file.write_bytes(h.good.read_bytes()[:40_000] + b"x" * 20_000),
        "database",
        "fail",
        "malformed",
        House.restore,
    ),
    "an empty database": (lambda h: h.file.write_bytes(b""), "database", "fail", "empty", House.restore),
    "another program's database": (
        lambda h: (h.file.unlink(), h.sql("CREATE TABLE notes (id)")),
        "database",
        "fail",
        "another program's",
        House.restore,
    ),
    "a newer database": (
        lambda h: h.sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030')"),
        "database",
        "fail",
        "newer promapp-lite",
        lambda h: h.sql("DELETE FROM schema_migration WHERE name = '9999_future'"),
    ),
    "a locked database": (House.lock, "database", "fail", "locked by another", lambda h: h.other.close()),
    "no admin": (
        lambda h: h.sql("DELETE FROM admin"),
        "admin",
        "fail",
        "no admin",
        lambda h: h.sql(
            "INSERT INTO admin (name, name_key, password, active, created) VALUES ('a', 'a', 'x', 1, '')"
        ),
    ),
    "no active admin": (
        lambda h: h.sql("UPDATE admin SET active = 0"),
        "admin",
        "fail",
        "no admin is active",
        lambda h: h.sql("UPDATE admin SET active = 1"),
    ),
    "a token that has ended": (
        lambda h: h.token(-10),
        "token",
        "fail",
        "“Entra” ended",
        lambda h: h.token(365),
    ),
    "a token that was revoked": (
        lambda h: h.token(300, moment(-1)),
        "token",
        "fail",
        "“Entra” ended",
        lambda h: h.token(365),
    ),
    "a token near its end": (
        lambda h: h.token(10),
        "token",
        "warn",
        "“Entra” ends",
        lambda h: (h.token(365), h.sql("UPDATE token SET revoked = expires WHERE id = 1")),
    ),
    "a certificate that has ended": (
        lambda h: h.certificate(900),
        "certificate",
        "fail",
        "not valid now",
        House.renew,
    ),
    "a certificate not yet valid": (
        lambda h: h.certificate(-10),
        "certificate",
        "fail",
        "not valid now",
        House.renew,
    ),
    "a certificate near its end": (
        lambda h: h.certificate(810),
        "certificate",
        "warn",
        "expires",
        House.renew,
    ),
    "no certificate in its file": (
        lambda h: write(h.files.cert, "rubbish"),
        "certificate",
        "fail",
        "neither a certificate",
        House.renew,
    ),
    "another's key": (
        lambda h: write(h.files.key, OTHER),
        "certificate",
        "fail",
        "is not the key",
        House.renew,
    ),
    "no key": (
        lambda h: h.files.key.unlink(),
        "certificate",
        "fail",
        "cannot be read",
        lambda h: (write(h.files.key, b""), h.renew()),
    ),
    "a given certificate that is missing": (
        lambda h: h.change(tls_cert=Path("/none.pem"), tls_key=Path("/none.key")),
        "certificate",
        "fail",
        "/none.pem cannot be read",
        lambda h: h.change(tls_cert=None, tls_key=None),
    ),
    "a certificate in DER": (
        lambda h: write(h.files.cert, test_certificates.LEAF.public_bytes(test_certificates.DER)),
        "certificate",
        "fail",
        "openssl x509 -inform der",
        House.renew,
    ),
    "a byte order mark": (
        lambda h: write(h.files.cert, b"\xef\xbb\xbf" + h.files.cert.read_bytes()),
        "certificate",
        "fail",
        "byte order mark",
        House.renew,
    ),
    "a certificate for another name": (
        lambda h: h.change(url="https://other.example.org"),
        "certificate",
        "warn",
        "not for other.example.org",
        lambda h: h.change(url="https://scim.example.org"),
    ),
    "an intermediate that is missing": (
        lambda h: (write(h.files.cert, LEAF), write(h.files.key, test_certificates.PRIVATE)),
        "certificate",
        "warn",
        "lacks the certificate of its issuer",
        lambda h: (
            write(h.files.cert, LEAF + test_certificates.CHAIN),
            h.change(url="https://scim.example.org"),
        ),
    ),
    "a port that another program has": (
        House.take_port,
        "listener",
        "fail",
        "in use by another program",
        lambda h: h.other.close(),
    ),
    "a clock that has gone back": (
        lambda h: h.activity(moment(1)),
        "clock",
        "fail",
        "earlier than the last activity",
        lambda h: h.activity(moment(2), moment(0)) or h.sql("DELETE FROM cycle WHERE started > ?", moment(0)),
    ),
    "a clock before this release": (
        lambda h: h.patch.setattr(conditions.clock, "now", lambda: "1999-01-01T00:00:00.000Z"),
        "clock",
        "fail",
        "the clock says 1999",
        lambda h: h.patch.undo(),
    ),
    "a clock that was ahead once": (
        lambda h: h.activity(moment(100), moment(-0.01)),
        "clock",
        "warn",
        "was ahead once",
        lambda h: h.sql("DELETE FROM cycle WHERE started > ?", moment(0)),
    ),
    "a disk almost full": (
        lambda h: h.patch.setattr(conditions, "LOW", 1 << 60),
        "disk",
        "warn",
        "MB free",
        lambda h: h.patch.undo(),
    ),
    "a copy that is old": (lambda h: h.copy(3), "backups", "warn", "daily copy is of", lambda h: h.copy(0)),
    "no copy": (
        lambda h: h.sql("UPDATE admin SET created = '2026-01-01T00:00:00.000Z'"),
        "backups",
        "warn",
        "no daily copy",
        lambda h: h.copy(0),
    ),
    "nobody connects": (
        lambda h: h.activity(moment(-0.5)),
        "contact",
        "warn",
        "has not connected since",
        lambda h: h.activity(moment(0)),
    ),
    "searches without an index": (
        lambda h: h.sql(
            "INSERT INTO search_count (day, resource_type, path, searches) VALUES (?, 'User', 'title', 5000)",
            moment(0)[:10],
        ),
        "index",
        "warn",
        "title has no index",
        lambda h: h.sql("DELETE FROM search_count"),
    ),
    "a Tenant URL without https": (
        lambda h: h.change(url="http://scim.example.org"),
        "Tenant URL",
        "warn",
        "is not https",
        lambda h: None,
    ),
}


@pytest.mark.parametrize(
    ("broken", "about", "level", "words", "mend"),
    [pytest.param(*(each.values if hasattr(each, "values") else each), id=name,
                  marks=getattr(each, "marks", ())) for name, each in STATES.items()],
)  # fmt: skip
def test_a_broken_state(settings, monkeypatch, broken, about, level, words, mend):
    """It is named with a remedy, and once that is carried out, no longer."""
    house = House(settings, monkeypatch)
    broken(house)
    told = [each for each in findings(house.settings, about) if words in each[1]]
    assert [each[0] for each in told] == [level], findings(house.settings, about)
    assert told[0][2]
    mend(house)
    after = findings(house.settings, about)
    assert about == "Tenant URL" or not [each for each in after if each[0] != "ok"], after


def test_no_data(tmp_path):
    """Then there is nothing else to look at."""
    (only,) = doctor.examine(Settings(tmp_path / "none"))
    assert only.level == "fail" and "promapp-lite init" in only.advice


def test_while_serving(server):
    """The running service's listener is open; whatever options doctor is given."""
    running = Settings(server.folder, listen=(server.url,))
    assert levels(running, "listener") == ["ok"]
    other = Settings(server.folder, listen=(f"http://127.0.0.1:{free_port()}",))
    assert findings(other, "listener") == [("ok", f"{server.url} is open", "")]


def test_a_plain_tenant_url(settings):
    """Azure AD asks for https."""
    plain = Settings(settings.data_dir, url="http://scim.example.org", listen=settings.listen)
    assert levels(plain, "Tenant URL") == ["warn"]


def test_an_untrusted_tenant_url(settings, app, open_listeners):
    """A self-signed certificate this machine does not trust: it says where to read on."""
    from promapp_lite.server import tls

    shown = tls.ServedCertificate(certificates.of(settings.data_dir))
    (port,) = open_listeners(app, settings, ("https",), shown)
    reached = Settings(settings.data_dir, url=f"https://localhost:{port}", listen=settings.listen)
    ((level, _, advice),) = findings(reached, "Tenant URL")
    assert level == "warn" and "docs/certificate.md" in advice


def run(*words, **environment):
    """A finished command."""
    return CliRunner().invoke(main, list(map(str, words)), env=environment)


def test_the_doctor_command(settings):
    """Exit 0 while nothing fails, 1 with one line where something does."""
    words = ["doctor", "--data-dir", settings.data_dir, "--listen", settings.listen[0]]
    assert run(*words).exit_code == 0
    (settings.data_dir / opening.DATABASE).write_bytes(b"rubbish" * 5000)
    done = run(*words)
    assert done.exit_code == 1
    assert "fail  database" in done.stdout
    assert done.stderr == "Error: Fix the failed checks above.\n"
    assert "Traceback" not in done.output


def test_the_config_command(tmp_path):
    """Each setting with its value and where it comes from."""
    (tmp_path / "config.toml").write_text('keep-backups = 3\nurl = "https://scim.example.org"\n')
    done = run(
        "config", "--data-dir", tmp_path, "--threads", 8, "--processes", 1, PROMAPP_LITE_LOG_FORMAT="json"
    )
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert lines["keep_backups"] == ["3", "config.toml"]
    assert lines["threads"] == ["8", "command", "line"]
    assert lines["processes"] == ["1", "command", "line"]  # a number, not the yes that equals it
    assert lines["log_format"] == ["json", "environment"]
    assert lines["behind_proxy"] == ["no", "default"]
    assert lines["tls_cert"] == ["-", "default"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    """The script of each shell asks this program."""
    done = run("completion", shell)
    assert done.exit_code == 0
    assert "_PROMAPP_LITE_COMPLETE" in done.stdout


def test_bash_reads_the_completion(tmp_path):
    """bash finds no fault in it."""
    (tmp_path / "it").write_text(run("completion", "bash").stdout)
    assert subprocess.run(["bash", "-n", str(tmp_path / "it")]).returncode == 0
