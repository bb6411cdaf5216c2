"""service: what would be done is shown, systemd finds no fault with it, and what fails is told."""

import logging
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import free_port, needs, wait_for

from promapp_lite.cli import main
from promapp_lite.errors import UserError
from promapp_lite.ops import logs
from promapp_lite.store import opening
from promapp_lite.system import service, winservice

WORDS = ["/opt/promapp-lite", "serve", "--no-browser", "--data-dir", "/srv/promapp lite"]


@pytest.fixture
def data(tmp_path):
    """An initialised data folder."""
    opening.create(tmp_path / "data").close()
    return tmp_path / "data"


def run(*words):
    """The command's output."""
    return CliRunner().invoke(main, ["service", *map(str, words)])


def verified(folder, text):
    """What systemd-analyze says of a unit; the test is skipped where there is no systemd."""
    needs("systemd-analyze")
    file = folder / "checked-promapp.service"
    file.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if file.name in line]
    return done.returncode, lines


def test_it_works(data):
    """--dry-run prints the unit and the commands, and does nothing."""
    done = run("install", "--dry-run", "--data-dir", data)
    assert done.exit_code == 0
    assert f"write {service.UNIT}" in done.output
    assert done.output.endswith("run systemctl daemon-reload\nrun systemctl enable --now promapp-lite\n")
    assert not service.UNIT.exists()


@pytest.mark.extended
def test_systemd_finds_no_fault(tmp_path, data):
    """`systemd-analyze verify` accepts the unit."""
    text = service.unit(data, "root", service.command(data))
    assert verified(tmp_path, text) == (0, [])


@pytest.mark.extended
def test_the_sandbox_is_tight(tmp_path, data):
    """`systemd-analyze security` rates the exposure OK or better, 1.9 at most of 10."""
    needs("systemd-analyze")
    file = tmp_path / "checked-promapp.service"
    file.write_text(service.unit(Path("/srv/promapp-lite"), "nobody", WORDS))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=19", file],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_units_command_runs(data):
    """What systemd would start serves, and ends well on systemd's signal."""
    port = free_port()
    (data / "config.toml").write_text(f'listen = ["http://127.0.0.1:{port}"]\n')
    text = service.unit(data, "root", service.command(data))
    line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(line.removeprefix("ExecStart="))
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    wait_for(f"http://127.0.0.1:{port}/healthz", process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@pytest.mark.parametrize(("ports", "given"), [([8443, 8480], ""), ([443], "CAP_NET_BIND_SERVICE")])
def test_low_ports_take_one_capability(data, ports, given):
    """A service has no capability; for port 443 just the one."""
    text = service.unit(data, "root", WORDS, ports)
    assert f"CapabilityBoundingSet={given}\n" in text


@pytest.mark.parametrize(
    ("data", "home", "private"),
    [("/srv/x", "yes", "yes"), ("/home/ada/x", "read-only", "yes"), ("/tmp/x", "yes", "no")],  # noqa: S108
)
def test_the_data_stay_within_reach(data, home, private):
    """What the sandbox would hide is left in sight where the data are there."""
    text = service.unit(Path(data), "ada", WORDS)
    assert f"ProtectHome={home}\n" in text
    assert f"PrivateTmp={private}\n" in text
    assert f"ReadWritePaths={data}\n" in text


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("100%", "100%%"),
        ("$HOME", "$$HOME"),
        ('a"b', '"a\\"b"'),
        ("back\\slash", '"back\\\\slash"'),
    ],
)
def test_words_reach_systemd_as_they_are(word, expected):
    """Blanks, quotes, percent and dollar signs in a path."""
    assert service.quoted(word) == expected


def test_the_executable_is_named(monkeypatch, tmp_path):
    """Inside the executable the unit starts that one file."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/promapp-lite")
    assert service.command(tmp_path)[:2] == ["/opt/promapp-lite", "serve"]


def test_the_service_of_windows(monkeypatch, tmp_path):
    """What install would do, in order: stopped before it is laid, closed before it starts."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/down load/promapp-lite.exe")
    told = [step.description() for step in service.install(tmp_path / "a & b", [8443])]
    assert [each.split()[0] for each in told] == ["stop", "copy", "register", "close", "start"]
    assert f'"{sys.executable}" service run --data-dir "{tmp_path / "a & b"}"' in told[2]
    assert winservice.ACCOUNT in told[2] and winservice.ACCOUNT in told[3]
    monkeypatch.setattr(sys, "_MEIPASS", "/temp/_MEI1", raising=False)
    assert f"{winservice.PROGRAM}" in service.install(tmp_path, [])[2].description()
    assert [step.description().split()[0] for step in service.uninstall()] == ["stop", "remove"]
    assert service.status()[0].description().startswith("look up")


def test_the_sid_is_the_one_windows_gives():
    """TrustedInstaller's, which is public, by the same rule."""
    known = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    assert winservice.sid("TrustedInstaller") == known
    assert winservice.sid() in winservice.descriptor() and winservice.descriptor().startswith("D:P")


def test_the_service_logs_to_a_file_that_rolls(monkeypatch, tmp_path):
    """It has no console; the files are bounded in size and number."""
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    monkeypatch.setattr(logs, "FILES", 2)
    handler = logs.rolling(tmp_path / "logs" / "promapp-lite.log")
    for number in range(500):
        handler.emit(logging.makeLogRecord({"msg": f"line {number} ÄÖ", "levelname": "INFO"}))
    handler.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == 3 and all(each.stat().st_size <= 1300 for each in files)
    assert "line 499 ÄÖ" in files[0].read_text("utf-8")
    with pytest.raises(UserError, match="cannot be written"):
        logs.rolling(tmp_path / "logs" / "promapp-lite.log" / "x")


@pytest.mark.parametrize("words", [["uninstall"], ["status"]])
def test_the_others_can_be_shown_too(words):
    """--dry-run on each."""
    done = run(*words, "--dry-run")
    assert done.exit_code == 0
    assert "systemctl" in done.output


def test_without_data_it_is_refused(tmp_path):
    """A service that could not start is not installed."""
    done = run("install", "--data-dir", tmp_path / "none")
    assert done.exit_code == 1
    assert "init first" in done.stderr


def test_what_fails_is_told(tmp_path):
    """A command's exit code and a file that cannot be written are one line each; what may fail may."""
    with pytest.raises(UserError, match="failed with exit code 3"):
        service.Step((sys.executable, "-c", "raise SystemExit(3)")).do()
    with pytest.raises(UserError, match="Administrator"):
        service.Step(file=tmp_path / "none" / "x", text="").do()
    with pytest.raises(UserError, match="Administrator"):
        service.Step(("no-such-program-here",)).do()
    service.Step((sys.executable, "-c", "raise SystemExit(3)"), optional=True).do()


def test_files_are_written_and_removed(tmp_path):
    """The two things a step does to a file."""
    service.Step(file=tmp_path / "unit", text="text").do()
    assert (tmp_path / "unit").read_text() == "text"
    service.Step(file=tmp_path / "unit").do()
    service.Step(file=tmp_path / "unit").do()
    assert not (tmp_path / "unit").exists()
