"""A double-click: data on the first run, the console in the browser; a second one finds the first."""

import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import ROOT, free_port

from promapp_lite import cli
from promapp_lite.config import Settings
from promapp_lite.errors import UserError
from promapp_lite.server import run as run_module
from promapp_lite.store import opening
from promapp_lite.store.access import setup
from promapp_lite.system import desktop, frozen


@pytest.fixture
def opened(monkeypatch):
    """The pages the browser was told to open."""
    pages = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run(): `promapp-lite` alone on a folder of its own; `served` are the settings it serves with."""
    monkeypatch.setenv("PROMAPP_LITE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PROMAPP_LITE_LISTEN", f"http://127.0.0.1:{free_port()}")
    return lambda: CliRunner().invoke(cli.main, [])


def test_it_works(run, monkeypatch, tmp_path, opened):
    """First run: data are made, the service runs, and where there is a desktop the set-up link is shown."""
    shown, served = [], []
    monkeypatch.setattr(desktop, "present", lambda: True)
    monkeypatch.setattr(desktop, "show_when_ready", shown.append)
    monkeypatch.setattr(run_module, "run", served.append)
    printed = run().output
    assert opening.exists(tmp_path / "data")
    assert (
        len(shown) == 1 and shown[0].startswith(f"{served[0].console_url}setup?key=") and shown[0] in printed
    )


def test_with_an_admin_there_is_no_link(run, monkeypatch, tmp_path):
    """Later runs show the console; each run without an admin makes a new link, and only that one works."""
    shown = []
    monkeypatch.setattr(desktop, "present", lambda: True)
    monkeypatch.setattr(desktop, "show_when_ready", shown.append)
    monkeypatch.setattr(run_module, "run", lambda settings: None)
    assert run().exit_code == run().exit_code == 0
    store = opening.open_store(tmp_path / "data")
    old, new = (page.split("key=")[1] for page in shown)
    with pytest.raises(UserError):
        setup.use(store, old, "ada", "correct horse battery")
    setup.use(store, new, "ada", "correct horse battery")
    store.close()
    assert "Set-up link" not in run().output
    assert shown[2].endswith("/")


@pytest.mark.parametrize("hindrance", ["no desktop", "no-browser"])
def test_no_browser(run, monkeypatch, hindrance):
    """Without a desktop, and with --no-browser in the environment, no browser is opened."""
    shown = []
    monkeypatch.setattr(desktop, "present", lambda: hindrance == "no-browser")
    if hindrance == "no-browser":
        monkeypatch.setenv("PROMAPP_LITE_NO_BROWSER", "1")
    monkeypatch.setattr(desktop, "show_when_ready", shown.append)
    monkeypatch.setattr(run_module, "run", lambda settings: None)
    assert run().exit_code == 0
    assert shown == []


def test_a_second_double_click(run, monkeypatch, tmp_path, opened):
    """It finds the running one, shows that one's console and ends well."""
    monkeypatch.setattr(desktop, "present", lambda: True)
    monkeypatch.setattr(desktop, "show_when_ready", lambda page: None)
    monkeypatch.setattr(desktop, "answers", lambda page, seconds: True)
    opening.create(tmp_path / "data").close()
    with opening.serving_lock(tmp_path / "data"):
        done = run()
    assert done.exit_code == 0
    assert "already serving" in done.output
    assert len(opened) == 1 and opened[0].startswith("http://127.0.0.1:")


def test_a_second_one_without_an_answer(run, monkeypatch, tmp_path):
    """Where the folder is locked and nobody answers, it says so and fails."""
    monkeypatch.setattr(desktop, "answers", lambda page, seconds: False)
    opening.create(tmp_path / "data").close()
    with opening.serving_lock(tmp_path / "data"):
        assert run().exit_code == 1


@pytest.mark.parametrize(
    ("error", "told"), [(UserError("no room"), "Error: no room\n"), (ZeroDivisionError("bug"), "Traceback")]
)
def test_an_error_is_readable(run, monkeypatch, error, told):
    """It is told, and an own window stays open until it was read."""
    held = []

    def fail(settings):
        raise error

    monkeypatch.setattr(run_module, "run", fail)
    monkeypatch.setattr(desktop, "hold", lambda: held.append(True))
    done = run()
    assert done.exit_code == 1
    assert told in done.stderr
    assert held == [True]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"DISPLAY": ":0", "INVOCATION_ID": "1"}, False),
    ],
)
def test_where_there_is_a_desktop(monkeypatch, variables, expected):
    """A screen is a desktop; what systemd started is a service."""
    monkeypatch.setattr(sys, "platform", "linux")
    for name in (*desktop.SCREENS, "INVOCATION_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert desktop.present() is expected


def test_a_window_that_is_not_ours_is_not_held(monkeypatch):
    """On a terminal of the admin's own nothing waits."""
    monkeypatch.setattr("builtins.input", lambda text: pytest.fail("it waited"))
    desktop.hold()


def test_the_page_is_shown_when_the_service_answers(server, opened):
    """As soon as somebody answers, and never before."""
    desktop.show(server.url + "/healthz")
    assert opened == [server.url + "/healthz"]
    assert not desktop.answers(f"http://127.0.0.1:{free_port()}/", 0.2)


@pytest.mark.parametrize(
    ("listen", "page"),
    [
        (("http://127.0.0.1:8480", "https://0.0.0.0:8443"), "http://127.0.0.1:8480/"),
        (("https://0.0.0.0:8443",), "https://localhost:8443/"),
        (("https://[::]:8443",), "https://localhost:8443/"),
        (("https://scim.example.org",), "https://scim.example.org/"),
        (("https://0.0.0.0:8443", "http://[::1]:8480"), "http://[::1]:8480/"),
    ],
)
def test_the_console_has_an_address_for_this_machine(listen, page):
    """The http listener first, as no certificate is in the way there."""
    assert Settings(Path("x"), listen=listen).console_url == page


def test_programs_find_their_own_libraries(monkeypatch):
    """Inside the executable the browser must not load our libraries."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/unpacked")
    monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", "/usr/local/lib")
    monkeypatch.delenv("LIBPATH", raising=False)
    frozen.restore_environment()
    assert frozen.os.environ["LD_LIBRARY_PATH"] == "/usr/local/lib"
    assert "LD_LIBRARY_PATH_ORIG" not in frozen.os.environ


@pytest.mark.parametrize(
    ("unpacked", "executable", "found"),
    [
        (None, "/opt/promapp-lite", None),
        ("/opt/app/_internal", "/opt/app/promapp-lite", None),
        ("/tmp/_MEI1", "/opt/app/promapp-lite", Path("/tmp/_MEI1")),  # noqa: S108
    ],
)
def test_only_the_one_file_is_unpacked(monkeypatch, unpacked, executable, found):
    """A folder build has no starter to follow and nothing to clear away."""
    monkeypatch.setattr(sys, "_MEIPASS", unpacked, raising=False)
    monkeypatch.setattr(sys, "executable", executable)
    assert frozen.unpacked() == found


CHILD = """
import os, pathlib, sys, threading, time
from promapp_lite.server.shutdown import shutdown_signal
from promapp_lite.system import frozen
shutdown_signal.install()
folder = pathlib.Path(sys.argv[1])
threading.Thread(target=frozen.follow, args=(os.getppid(), folder), daemon=True).start()
print("ready", flush=True)
while True:
    time.sleep(0.1)
"""
STARTER = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


def test_the_starter_is_followed(tmp_path):
    """When the starter is killed, its child ends as on SIGTERM and clears away what was unpacked."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    words = [sys.executable, "-c", STARTER, CHILD, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT) as starter:
        assert starter.stdout.readline() == b"ready\n"
        starter.kill()
        starter.wait()
    for _ in range(200):
        if not folder.exists():
            return
        time.sleep(0.05)
    raise AssertionError("it is still there")
