"""Root may run every command: files stay those of the folder's owner, so that the service still starts."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from helpers import PASSWORD, ROOT, free_port, wait_for

from promapp_lite.cli import main
from promapp_lite.system import ownership

OTHER = 65534
COMMANDS = [
    "init --admin ada --password-stdin",
    "doctor",
    "config",
    "token create --description x",
    "token list",
    "admin create grace --password-stdin",
    "export users",
    "backup {outside}/copy.db",
    "restore {outside}/copy.db",
    "restore {outside}/none.db",
    "serve --listen nonsense",
]

pytestmark = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="needs root")


@pytest.fixture
def folder(tmp_path):
    """A folder of another user."""
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    os.chown(made, OTHER, OTHER)
    return made


def owners(folder):
    """The files that do not belong to the folder's owner."""
    return [str(each) for each in folder.rglob("*") if each.lstat().st_uid != OTHER]


def test_every_command_keeps_the_owner(folder, tmp_path):
    """Whether it works or not, before the first start and after it."""
    for words in COMMANDS:
        words = words.format(outside=tmp_path).split()
        CliRunner().invoke(main, words, input=PASSWORD, env={"PROMAPP_LITE_DATA_DIR": str(folder)})
        assert owners(folder) == [], words
    assert (folder / "replaced").is_dir()


def test_the_running_service_keeps_it(folder):
    """Also what a process has created that is killed."""
    CliRunner().invoke(main, ["init", "--data-dir", str(folder)])
    url = f"http://127.0.0.1:{free_port()}"
    words = [sys.executable, "cli.py", "serve", "--no-browser", "--listen", url, "--data-dir", str(folder)]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        wait_for(url, process)
        process.kill()
    assert owners(folder) == []


def test_nothing_else_is_given_away(folder, tmp_path):
    """A link, or a second name for a file of root's, gives the owner nothing."""
    linked, named = tmp_path / "linked", tmp_path / "named"
    for each in (linked, named):
        each.write_text("root's")
    (folder / "link").symlink_to(linked)
    os.link(named, folder / "name")
    ownership.give_back(folder)
    assert (linked.stat().st_uid, named.stat().st_uid) == (0, 0)
