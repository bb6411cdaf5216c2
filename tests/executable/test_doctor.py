"""doctor, config and completion: what an operator asks the program about itself."""

import contextlib
import datetime
import os
import sqlite3
import subprocess

import pytest
from click.testing import CliRunner
from helpers import free_port

from promapp_lite import doctor
from promapp_lite.cli import main
from promapp_lite.config import Settings
from promapp_lite.doctor import machine
from promapp_lite.store import opening
from promapp_lite.system import certificates


@pytest.fixture
def settings(tmp_path):
    """Settings over a healthy folder with one free https listener."""
    opening.create(tmp_path / "data").close()
    certificates.ensure(tmp_path / "data")
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


def test_every_trouble_has_advice(settings):
    """Each finding that names a fault says what to do."""
    (settings.data_dir / opening.DATABASE).write_bytes(b"rubbish" * 5000)
    assert all(each.advice for each in doctor.examine(settings) if each.level != "ok")


def test_no_data(tmp_path):
    """Then there is nothing else to look at."""
    (only,) = doctor.examine(Settings(tmp_path / "none"))
    assert (only.level, only.advice) == ("fail", "run promapp-lite init")


def test_an_open_folder(settings):
    """Others could read people and digests."""
    settings.data_dir.chmod(0o755)
    assert levels(settings, "data folder") == ["warn", "ok"]


def test_a_folder_that_cannot_be_written(settings, monkeypatch):
    """A service under another user."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert levels(settings, "data folder") == ["fail"]


@pytest.mark.parametrize("content", [b"rubbish" * 5000, b""])
def test_a_database_that_is_none(settings, content):
    """Damaged or empty: it says so, and advises restore."""
    (settings.data_dir / opening.DATABASE).write_bytes(content)
    ((level, _, advice),) = findings(settings, "database")
    assert level == "fail" and "restore" in advice


def test_a_newer_database(settings):
    """The program is older than its data."""
    with contextlib.closing(sqlite3.connect(settings.data_dir / opening.DATABASE)) as connection, connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030')")
    connection.close()
    ((level, _, advice),) = findings(settings, "database")
    assert level == "fail" and "newer" in advice


@pytest.mark.parametrize(("days", "level"), [(-900, "fail"), (-810, "warn"), (0, "ok"), (10, "fail")])
def test_the_dates_of_the_certificate(settings, monkeypatch, days, level):
    """Expired or not yet valid, about to expire, good."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)

    class Then(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return moment

    files = certificates.of(settings.data_dir)
    files.cert.unlink()
    monkeypatch.setattr(certificates, "datetime", Then)
    certificates.ensure(settings.data_dir)
    assert levels(settings, "certificate") == [level]


def test_a_certificate_that_cannot_be_used(settings):
    """It names the file."""
    certificates.of(settings.data_dir).cert.write_text("rubbish")
    ((level, found, _),) = findings(settings, "certificate")
    assert level == "fail" and "cert.pem" in found


def test_a_listener_that_another_program_holds(settings):
    """Nobody serves the folder, yet the port is taken."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Settings(settings.data_dir, listen=(f"http://127.0.0.1:{other.getsockname()[1]}",))
        assert levels(taken, "listener") == ["fail"]


def test_while_serving(server):
    """The running service's listener is open; another that it does not have is not."""
    running = Settings(server.folder, listen=(server.url,))
    assert levels(running, "listener") == ["ok"]
    silent = Settings(server.folder, listen=(f"http://127.0.0.1:{free_port()}",))
    assert levels(silent, "listener") == ["fail"]


def test_a_clock_gone_back(settings, monkeypatch):
    """Before what was written already, tokens live too long."""
    monkeypatch.setattr(machine.clock, "now", lambda: "1999-01-01T00:00:00.000Z")
    assert levels(settings, "clock") == ["fail"]


def test_a_disk_almost_full(settings, monkeypatch):
    """Below what a day's copy takes."""
    monkeypatch.setattr(machine, "LOW", 1 << 60)
    assert levels(settings, "disk") == ["warn"]


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
    done = run("config", "--data-dir", tmp_path, "--threads", 8, PROMAPP_LITE_LOG_FORMAT="json")
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert lines["keep_backups"] == ["3", "config.toml"]
    assert lines["threads"] == ["8", "command", "line"]
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
