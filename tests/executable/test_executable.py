"""The executable itself, alone in a folder, with an empty environment and no Python on its path."""

import http.client
import json
import os
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.request
from functools import partial
from types import SimpleNamespace

import pytest
from helpers import FIXTURES, ROOT, free_port, usual, wait_for

from promapp_lite import __version__

PASSWORD = "correct horse battery\n"
SHORT = 300  # seconds for the build
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals and /proc"),
    pytest.mark.timeout(SHORT),
]


@pytest.fixture(scope="session")
def executable(tmp_path_factory):
    """The file in a folder of its own: built once a session, or the one PROMAPP_LITE_EXECUTABLE names."""
    alone = tmp_path_factory.mktemp("alone") / "promapp-lite"
    built = os.environ.get("PROMAPP_LITE_EXECUTABLE")
    shutil.copy(built or build(tmp_path_factory.mktemp("built")), alone)
    return alone


def build(folder):
    """Run the recipe of `make build`."""
    tools = subprocess.run([ROOT / ".ci" / "system", "build"], capture_output=True, text=True)
    if tools.returncode and not os.environ.get("CI"):
        pytest.skip(tools.stderr.strip())
    words = ["--noconfirm", "--log-level", "ERROR", "--distpath", folder, "--workpath", folder / "work"]
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", *words, "build.spec"],
        cwd=ROOT,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "315532800"},
    )
    return folder / "promapp-lite"


def execute(executable, *words, text=None, data=None, check=True):
    """The finished command."""
    done = subprocess.run(
        [executable, *words, *([] if data is None else ["--data-dir", data])],
        input=text, capture_output=True, text=True, env={}, cwd=executable.parent, timeout=60,
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture
def run(executable, tmp_path):
    """run(*words, text=None): the finished command, on a data folder of its own."""
    return partial(execute, executable, data=tmp_path / "data")


@pytest.fixture(scope="session")
def initialised(executable, tmp_path_factory):
    """A data folder that `init` made, to be copied, and a token for it."""
    data = tmp_path_factory.mktemp("initialised") / "data"
    execute(executable, "init", "--password-stdin", text=PASSWORD, data=data)
    created = execute(executable, "token", "create", "--description", "tests", data=data)
    return data, created.stdout.strip()


@pytest.fixture
def token(initialised):
    """A token for what `serve` serves."""
    return initialised[1]


@pytest.fixture
def serve(executable, tmp_path, initialised):
    """serve(): a running service over a folder of its own, with a plain and a TLS port; all are ended."""
    running = []

    def serve():
        data = tmp_path / "data"
        if not data.exists():
            shutil.copytree(initialised[0], data)
        plain, secure = free_port(), free_port()
        listen = ["--listen", f"http://127.0.0.1:{plain}", "--listen", f"https://127.0.0.1:{secure}"]
        process = subprocess.Popen(
            [executable, "serve", "--data-dir", data, *listen],
            env={"TMPDIR": str(make(tmp_path / "unpacked"))},
            cwd=executable.parent,
            stderr=subprocess.DEVNULL,
        )
        running.append(process)
        wait_for(f"http://127.0.0.1:{plain}/healthz", process)
        return SimpleNamespace(process=process, plain=plain, secure=secure, data=data)

    yield serve
    for process in running:
        process.kill()
        process.wait(20)


def make(path):
    """A folder, made where it is missing."""
    path.mkdir(exist_ok=True)
    return path


def ask(service, token, method, path, body=None):
    """Status and JSON over HTTPS, certificate and name checked."""
    context = ssl.create_default_context(cafile=service.data / "tls" / "cert.pem")
    connection = http.client.HTTPSConnection("localhost", service.secure, timeout=10, context=context)
    connection.request(method, f"/api/scim{path}", body and json.dumps(body), usual(token, None))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text) if text else None


def child_of(process):
    """The process the starter waits for."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return int(file.read().split()[0])


def ends(pid, seconds=10):
    """Whether a process is gone within these seconds."""
    for _ in range(seconds * 20):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().split()[2] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_version(run):
    """--version says it, and nothing else."""
    assert run("--version", data=None).stdout == f"promapp-lite, version {__version__}\n"


def test_help(run):
    """Help texts are inside: optimising them away would empty Click's help."""
    assert "Azure AD" in run("--help", data=None).stdout
    assert "Example:" in run("rehearse", "--help", data=None).stdout


def test_a_user_over_https(serve, token):
    """init, a token, serve, a user over TLS; SIGTERM ends it with 0 and clears what was unpacked."""
    service = serve()
    status, user = ask(service, token, "POST", "/Users", {"userName": "ada"})
    assert status == 201
    assert ask(service, token, "GET", f"/Users/{user['id']}")[1]["userName"] == "ada"
    service.process.terminate()
    assert service.process.wait(20) == 0
    assert list((service.data.parent / "unpacked").iterdir()) == []


def test_kill_and_restart(serve, token):
    """After kill -9 nothing goes on serving, the next start takes over, and no acknowledged user is lost."""
    service = serve()
    made = [ask(service, token, "POST", "/Users", {"userName": f"u{n}"})[1]["id"] for n in range(20)]
    child = child_of(service.process)
    service.process.kill()
    service.process.wait(10)
    assert ends(child)
    assert list((service.data.parent / "unpacked").iterdir()) == []
    again = serve()
    assert all(ask(again, token, "GET", f"/Users/{id}")[0] == 200 for id in made)
    os.kill(child_of(again.process), signal.SIGKILL)
    assert again.process.wait(20) != 0


def test_at_rest(serve, run):
    """The server and its starter stay below 52 MB (the goal is 45); a second start is refused."""
    service = serve()
    both = (service.process.pid, child_of(service.process))
    assert sum(resident(pid) for pid in both) <= 52 * 1024
    done = run("serve", "--listen", f"http://127.0.0.1:{free_port()}", check=False)
    assert done.returncode == 1
    assert "already serving" in done.stderr
    assert "Traceback" not in done.stderr


def test_backup_and_restore(serve, token, run, tmp_path):
    """While serving a copy; after the end, and a change, back to it under the same ids."""
    service = serve()
    first = ask(service, token, "POST", "/Users", {"userName": "first"})[1]["id"]
    run("backup", str(tmp_path / "copy.db"))
    ask(service, token, "DELETE", f"/Users/{first}")
    assert run("restore", str(tmp_path / "copy.db"), check=False).returncode == 1
    service.process.terminate()
    service.process.wait(20)
    run("restore", str(tmp_path / "copy.db"))
    assert ask(serve(), token, "GET", f"/Users/{first}")[0] == 200


def test_an_older_database(run, tmp_path):
    """The oldest released schema is opened and brought to this one."""
    data = make(tmp_path / "data")
    shutil.copy(min((FIXTURES / "schemas").glob("*.sqlite")), data / "promapp-lite.db")
    assert "ada" in run("admin", "list").stdout
    connection = sqlite3.connect(data / "promapp-lite.db")
    assert connection.execute("SELECT COUNT(*) FROM users").fetchone() == (2,)
    connection.close()


def test_alone(executable, tmp_path):
    """What a double-click runs: data are made in the user's folder; no desktop is no fault."""
    process = subprocess.Popen(
        [executable],
        env={"HOME": str(tmp_path), "PROMAPP_LITE_LISTEN": f"http://127.0.0.1:{(port := free_port())}"},
        cwd=executable.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(f"http://127.0.0.1:{port}/healthz", process)
    assert (tmp_path / ".local" / "share" / "promapp-lite" / "promapp-lite.db").exists()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert json.load(answer)["version"] == __version__
    process.terminate()
    assert process.wait(20) == 0


def test_its_size(executable):
    """An admin downloads it: 16 MB at most."""
    assert executable.stat().st_size <= 16 * 1024 * 1024


def resident(pid):
    """Resident memory in KiB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def test_the_bill_of_materials(executable, tmp_path):
    """What is inside is named with its version, and what has no business there is not inside."""
    if os.environ.get("PROMAPP_LITE_EXECUTABLE"):
        pytest.skip("built elsewhere")
    bill = json.loads(next(executable.parent.parent.glob("built*/promapp-lite.cdx.json")).read_text())
    names = {each["name"] for each in bill["components"]}
    assert {"flask", "peewee", "waitress", "click", "cryptography", "python", "openssl", "sqlite"} <= names
    assert not names & {"pytest", "psycopg", "rich", "pygments", "setuptools", "pyinstaller", "promapp-lite"}
    assert all(each["version"] for each in bill["components"])
