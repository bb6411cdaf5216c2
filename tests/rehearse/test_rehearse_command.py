"""The command: options, exit codes, what it prints and what it never prints."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import Loud
from helpers.rehearse_target import TOKEN, Target, listening, serving

from promapp_lite.rehearse import appliance, progress, report
from promapp_lite.rehearse.command import rehearse
from promapp_lite.rehearse.protocol.client import Client
from promapp_lite.text import printable

SMALL = ("--users", "12", "--groups", "4", "--cycles", "1", "--hour", "0")


def run(*words, token=TOKEN, given=None, **environment):
    """The command's result."""
    environment = {"PROMAPP_LITE_TOKEN": token, **environment}
    return CliRunner(env=environment).invoke(rehearse, list(words), input=given)


def error_of(result):
    """The one line that says why it failed."""
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert result.stderr.endswith(f"{error}\n")
    return error.removeprefix("Error: ")


@pytest.fixture
def target():
    """A sound target."""
    return Target()


@pytest.fixture
def url(target):
    """Its Tenant URL."""
    with serving(target) as found:
        yield found


def test_it_works(url, target):
    """One sentence first, a line for each cycle, what is proved at the end; the target is as before."""
    result = run(url, *SMALL)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(f"Provisioning 12 people and 4 groups to {url} as Entra would, then")
    verdict, proved, _, step = result.stdout.splitlines()[-4:]
    assert verdict.startswith("OK: converged, 0 failures")
    assert proved.startswith("Shown: ")
    assert step.startswith("Next: ")
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "initial" in result.stdout
    assert "\r" not in result.output, "no progress bar where there is no terminal"
    assert target.store == {"Users": {}, "Groups": {}}


def test_json(url):
    """Everything as one document: cycles, findings and the log, and nothing else on stdout."""
    result = run(url, *SMALL, "--json", "--both-forms")
    document = json.loads(result.stdout)
    assert document["ok"]
    assert [life["form"] for life in document["lives"]] == [
        "without aadOptscim062020",
        "with aadOptscim062020",
    ]
    life = document["lives"][0]
    assert life["converged"]
    assert {cycle["verdict"] for cycle in life["cycles"]} == {"ok", "converged"}
    assert life["value"][0]["provisioningAction"] in ("create", "other")


def test_csv(url):
    """The log as CSV, one heading, one line a row."""
    result = run(url, *SMALL, "--csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {"create", "update"} <= {row["action"] for row in rows}
    assert {row["status"] for row in rows} <= {"success", "skipped"}
    assert all(row["sourceName"] for row in rows)


def test_it_refuses_a_target_that_holds_people(url, target):
    """Exit 1 and a sentence, nothing written; --yes rehearses and leaves them alone."""
    target.answer("POST", "/api/scim/Users", {"userName": "boss@x"})
    result = run(url, *SMALL)
    assert result.exit_code == 1
    assert "holds 1 people" in result.stderr
    assert len(error_of(result)) > 20
    assert all(call[0] == "GET" for call in target.log)
    assert run(url, *SMALL, "--yes").exit_code == 0
    assert [each["userName"] for each in target.store["Users"].values()] == ["boss@x"]


def test_keep(url, target):
    """--keep leaves people and groups."""
    assert run(url, *SMALL, "--keep").exit_code == 0
    assert target.store["Users"]
    assert target.store["Groups"]


@pytest.mark.parametrize(
    "words",
    [
        ("ftp://x",),
        ("people",),
        ("http://x", "--json", "--csv"),
        ("http://x", "--both-forms", "--keep"),
        ("http://x", "--users", "0"),
        ("http://x", "--scope", "some"),
        ("http://x", "--filter", "department"),
        ("http://x", "--from", "/no/such/file.csv"),
        ("http://x", "--nonsense"),
    ],
)
def test_wrong_usage(words):
    """Exit 2, before any request is sent."""
    result = run(*words)
    assert result.exit_code == 2
    assert "Error:" in result.stderr


@pytest.mark.parametrize("given", ["", "\n", "tok en\u00e9\n", "a\tb\n"])
def test_a_token_that_is_none(given):
    """An empty or impossible token is wrong usage."""
    assert run("http://127.0.0.1:9", "--token-stdin", given=given).exit_code == 2
    assert run("http://127.0.0.1:9", token="").exit_code == 2


def test_the_token_from_standard_input(url):
    """--token-stdin needs nothing in the environment or on the command line."""
    assert run(url, *SMALL, "--token-stdin", token="", given=TOKEN + "\n").exit_code == 0


def test_every_option_reads_the_environment(url):
    """PROMAPP_LITE_ and the option's name; several filters stand on lines of their own."""
    result = run(
        url,
        "--json",
        PROMAPP_LITE_USERS="30",
        PROMAPP_LITE_GROUPS="2",
        PROMAPP_LITE_CYCLES="0",
        PROMAPP_LITE_HOUR="0",
        PROMAPP_LITE_FILTER="department EQUALS IT\ndepartment EQUALS Legal",
    )
    life = json.loads(result.stdout)["lives"][0]
    assert [cycle["name"] for cycle in life["cycles"]] == [
        "Test Connection",
        "initial",
        "unchanged",
        "discovery",
    ]
    made = {
        prop["newValue"]
        for row in life["value"]
        if row["provisioningAction"] == "create"
        for prop in row["modifiedProperties"]
        if prop["displayName"].endswith(":department")
    }
    assert made == {"IT", "Legal"}


def test_people_from_a_file(url, target, tmp_path):
    """The portal's CSV is the source; --scope all takes everybody."""
    file = tmp_path / "people.csv"
    file.write_text("userPrincipalName,displayName,objectId\nzoe@x,Zoë,1\nbo@x,Bo,2\n", "utf-8")
    result = run(url, "--from", str(file), "--groups", "1", "--cycles", "0", "--keep", "--scope", "all")
    assert result.exit_code == 0, result.output
    assert {each["userName"] for each in target.store["Users"].values()} == {"zoe@x", "bo@x"}
    assert target.store["Groups"]


@pytest.mark.parametrize(("option", "text"), [("--from", "nothing"), ("--mapping", "{")])
def test_files_that_cannot_be_read(url, tmp_path, option, text):
    """One line that names the file, exit 1."""
    file = tmp_path / ("bad.csv" if option == "--from" else "bad.json")
    file.write_text(text)
    result = run(url, option, str(file))
    assert result.exit_code == 1
    assert file.name in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("target_url", "code"),
    [
        ("http://127.0.0.1:1/scim", "CredentialValidationUnavailable"),
        ("http://no-such-host.invalid/scim", "CredentialValidationUnavailable"),
    ],
)
def test_nobody_there(target_url, code):
    """Exit 1, one line with sentence, reason, advice and code, never a traceback."""
    result = run(target_url, "--timeout", "2")
    assert result.exit_code == 1
    error = error_of(result)
    assert error.startswith("The endpoint cannot be reached. ")
    assert error.endswith(f"{code})")
    assert "Tenant URL" in error
    assert "Traceback" not in result.output
    assert "0x" not in result.output


def test_a_wrong_token(url):
    """401: the words for credentials, without the token."""
    result = run(url, token="pms_wrong-one")
    assert result.exit_code == 1
    assert error_of(result).startswith("The endpoint does not accept the token. ")
    assert error_of(result).endswith("CredentialValidationFailure)")
    assert "pms_wrong-one" not in result.output


@pytest.mark.parametrize(
    "answer",
    [
        (200, "<html>hello</html>"),
        (200, {"hello": 1}),
        (406, "no"),
        (200, []),
        (302, ""),
        (404, "nothing here"),
        (503, "busy"),
    ],
)
def test_something_else_answers(answer):
    """A page, other JSON, a redirect: Test Connection fails with a code, exit 1."""
    with listening(lambda *_: answer) as base:
        result = run(base)
    assert result.exit_code == 1
    assert "SystemForCrossDomainIdentityManagement" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
def test_the_token_is_never_printed(form):
    """Not even when the target sends it back in its error."""

    def echo(handler, method, body):
        said = handler.headers["Authorization"]
        listed = {"totalResults": 0, "Resources": []}
        return (200, listed) if method == "GET" else (400, {"detail": f"bad header {said}"})

    with listening(echo) as base:
        result = run(base, *SMALL, *form)
    assert result.exit_code == 1
    assert "bad header" in result.stdout
    assert TOKEN not in result.output


def test_failures_are_shown_once_a_kind():
    """Many like failures are one line: their number, a sentence, the code and one example."""
    with serving(Target(), lambda n, method, path: "500" if method == "POST" else None) as url:
        result = run(url, *SMALL, "--retries", "0")
    assert result.exit_code == 1
    assert "× create User: The endpoint failed. " in result.stdout
    assert "(InternalServerError)" in result.stdout
    assert result.stdout.count("create User") == 1
    assert "\nNOT OK: did not converge" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Next: fix ")


def test_a_token_that_may_only_read_is_told_at_once():
    """The first write that is refused ends it: one line, and no further request."""
    target = Target()
    with serving(target, lambda n, method, path: None if method == "GET" else "403") as url:
        result = run(url, *SMALL)
    assert result.exit_code == 1
    assert error_of(result).startswith("The token may not do this. POST /Users was answered HTTP 403: ")
    assert error_of(result).endswith("(InsufficientRights)")
    assert all(call[0] == "GET" for call in target.log)
    assert len(target.log) == 6


def start(url, *words):
    """The command as a process; a signal while it connects may leave a socket open."""
    code = "from promapp_lite.rehearse.command import rehearse; rehearse(prog_name='rehearse')"
    root = Path(appliance.__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", code, url, *words],
        text=True,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PROMAPP_LITE_TOKEN": TOKEN, "PYTHONPATH": str(root)},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_it_cleans_up(url, target, number):
    """Exit 1, the summary so far, the target empty again, the token not among the arguments."""
    process = start(url, "--users", "3000")
    end = time.monotonic() + 20
    while len(target.store["Users"]) < 50 and time.monotonic() < end:
        time.sleep(0.01)
    words = Path(f"/proc/{process.pid}/cmdline")
    assert not words.exists() or TOKEN not in words.read_text()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert "NOT OK: stopped" in out
    assert "Traceback" not in err
    assert target.store == {"Users": {}, "Groups": {}}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # 3.13 tells of it
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_finalizer_is_not_lost(url, target, number, monkeypatch):
    """It stops at the next request, cleans up, and plays no second form."""
    posts = []

    def headers(client, body, original=Client._headers):
        posts.extend([body] if body else [])
        if body and len(posts) == 5:
            Loud(number)
        return original(client, body)

    monkeypatch.setattr(Client, "_headers", headers)
    result = run(url, *SMALL, "--both-forms")
    assert result.exit_code == 1
    assert "NOT OK: stopped" in result.stdout
    assert len(posts) == 5
    assert target.store == {"Users": {}, "Groups": {}}


FAKE = """
import sys, signal, pathlib
sys.path.insert(0, {tests!r})
from helpers.rehearse_target import *
words = sys.argv[1:]
folder = pathlib.Path(words[words.index("--data-dir") + 1])
if words[0] == "init":
    assert words[-1] == "--password-stdin" and len(sys.stdin.readline()) > 20
    folder.mkdir()
elif words[0] == "token":
    print(TOKEN)
else:
    port = int(words[words.index("--listen") + 1].rpartition(":")[2])
    target = Target()
    def respond(handler, method, body):
        if handler.path == "/healthz":
            return 200, {{"status": "ok"}}
        return target.answer(method, handler.path, body)
    handler = type("Bound", (Handler,), {{"respond": respond}})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server(("127.0.0.1", port), handler) as server:
        server.serve_forever(0.05)
"""


def test_without_url_it_starts_an_appliance(tmp_path, monkeypatch):
    """init, token create and serve through the command line; gone afterwards."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE.format(tests=str(Path(__file__).parents[1])))
    monkeypatch.setattr(appliance, "own_command", lambda: [sys.executable, str(script)])
    result = run(*SMALL, token="")
    assert result.exit_code == 0, result.output
    assert "http://127.0.0.1:" in result.stdout


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import sys; sys.exit('no room on the disk')", "no room on the disk"),
        ("import sys; 'serve' in sys.argv and sys.exit('port taken'); print('t')", "up at http"),
        ("import sys; 'serve' in sys.argv and sys.exit('port taken'); print('t')", "port taken"),
    ],
)
def test_an_appliance_that_does_not_start(tmp_path, monkeypatch, script, says):
    """Exit 1 and what it said."""
    file = tmp_path / "fake.py"
    file.write_text(script)
    monkeypatch.setattr(appliance, "own_command", lambda: [sys.executable, str(file)])
    result = run(token="")
    assert result.exit_code == 1
    assert says in result.stderr


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_the_bar_shows_count_and_rate(monkeypatch):
    """On a terminal: what, how far, how fast; the line is erased at the end. Elsewhere nothing."""
    seconds = count()
    monkeypatch.setattr("time.time", lambda: float(next(seconds)))
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        monkeypatch.setattr("sys.stderr", stream)
        assert list(progress.track("people", range(4))) == [0, 1, 2, 3]
    assert re.search(r"people +\[#+\]  4/4", terminal.getvalue())
    assert re.search(r"\d/s", terminal.getvalue())
    assert terminal.getvalue().endswith(progress.ERASE_LINE_ABOVE)
    assert file.getvalue() == ""


def test_the_summary_prints_no_control_characters():
    """What an endpoint answers moves no cursor of the terminal that shows the table."""
    cycle = report.Cycle("initial\x1b[2J", quarantine=None, differences=["a: \x9b"])
    assert "\x1b" not in report.table([cycle])
    assert printable("a\x1b[31m\x07\x9b\r\u202eb\nc") == "a\ufffd[31m\ufffd\ufffd\ufffd\ufffdb\nc"
