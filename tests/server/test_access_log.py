"""One log line a request and /metrics: what they tell, to whom, and what they never tell."""

import json
import logging
import socket
import threading
from dataclasses import replace

import pytest

from promapp_lite.config import LOG_FORMATS, Settings
from promapp_lite.ops import logs, meters
from promapp_lite.store.access import admins, tokens


@pytest.fixture
def lines(caplog):
    """lines(): the request lines so far."""
    caplog.set_level(logging.INFO, "promapp_lite.requests")
    return lambda: [each.getMessage() for each in caplog.records if each.name == "promapp_lite.requests"]


@pytest.fixture
def metrics(app):
    """metrics(token=None, address='127.0.0.1'): the answer of /metrics."""

    def metrics(token=None, address="127.0.0.1"):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})

    return metrics


def value(answer, name):
    """The value of one sample."""
    return next(
        float(line.rsplit(" ", 1)[1]) for line in answer.text.splitlines() if line.startswith(name + " ")
    )


def test_it_works(send, token, lines):
    """Method, path without its query, status, time and the token's first characters."""
    send("GET", "/Users?filter=userName%20eq%20%22ada@example.org%22")
    (line,) = lines()
    method, path, status, ms, unit, hint = line.split(" ")
    assert (method, path, status, unit, hint) == ("GET", "/api/scim/Users", "200", "ms", token[:8])
    assert ms.isdigit()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/Users/ada@example.org", "/api/scim/Users/..."),
        ("/Users/ada%40example.org", "/api/scim/Users/..."),
        ("/Users/a%0d%0aINFO forged", "/api/scim/Users/a%0D%0AINFO%20forged"),
        ("/Users/" + "x" * 500, "/api/scim/Users/" + "x" * 184),
    ],
)
def test_a_path_stays_one_line_without_people(send, lines, path, shown):
    """No address of a person, no line forged by a caller, no line without end."""
    send("GET", path)
    (line,) = lines()
    assert line.split(" ")[1] == shown


def test_a_wrong_token_is_not_told(send, token, lines):
    """What was sent as a token is not repeated, it may be a real one mistyped."""
    send("GET", "/Users", headers={"Authorization": f"Bearer {token[:-1]}"})
    (line,) = lines()
    assert line.endswith(" 401 0 ms -") or " 401 " in line and line.endswith(" -")


def test_json_lines():
    """One object a line: a request's facts as members, another's message, a traceback inside."""
    facts = {"method": "GET", "path": "/", "status": 200, "ms": 1, "token": "-"}
    record = logging.LogRecord("x", logging.INFO, "f", 1, "told", (), None)
    record.facts = facts
    found = json.loads(logs.Json().format(record))
    assert facts.items() <= found.items()
    assert found["time"].endswith("Z")
    try:
        raise ValueError("a fault\nof two lines")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "told %s", ("so",), (ValueError, error, None))
    line = logs.Json().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "told so"
    assert "a fault" in json.loads(line)["traceback"]


@pytest.mark.parametrize("form", LOG_FORMATS)
def test_the_log_goes_to_stderr(form, capsys):
    """In both formats."""
    before = logging.root.handlers[:], logging.root.level
    try:
        logs.set_up(form)
        logging.getLogger("promapp_lite").info("here")
        logging.root.handlers[0].flush()
    finally:
        logging.root.handlers[:], logging.root.level = before[0], before[1]
    told = capsys.readouterr()
    assert "here" in told.err and not told.out
    assert (form == "json") is told.err.startswith("{")


def test_requests_are_counted(send, metrics):
    """By method, route and status, whatever the mount and the id."""
    made = send("POST", "/Users", {"userName": "ada"}).json["id"]
    send("GET", f"/Users/{made}")
    send("GET", f"/Users/{made}", base="/scim/v2")
    send("GET", "/nothing-here")
    found = metrics()
    assert value(found, 'promapp_lite_requests_total{method="GET",route="/Users/<id>",status="200"}') == 2
    assert value(found, 'promapp_lite_requests_total{method="GET",route="/none",status="404"}') == 1
    assert value(found, 'promapp_lite_request_seconds_count{method="POST",route="/Users"}') == 1


def test_outcomes_are_counted(send, metrics):
    """What provisioning asked for: done, or refused."""
    for _ in range(2):
        send("POST", "/Users", {"userName": "ada"})
    found = metrics()
    for outcome in ("done", "refused"):
        labels = f'act="create",outcome="{outcome}",resource="Users"'
        assert value(found, f"promapp_lite_provisioning_total{{{labels}}}") == 1


def test_what_is_held_is_measured(send, metrics, store):
    """People, groups and the size of the database, as they are when asked."""
    assert value(metrics(), 'promapp_lite_resources{resource="users"}') == 0
    send("POST", "/Users", {"userName": "ada"})
    found = metrics()
    assert value(found, 'promapp_lite_resources{resource="users"}') == 1
    assert value(found, "promapp_lite_database_bytes") > 50_000


def test_tokens_about_to_expire(store, token, metrics):
    """A month ahead there is time to make the next one."""
    owner = admins.owner(store, None).id
    tokens.create(store, "long", "scim", 365, owner)
    tokens.create(store, "short", "scim", 3, owner)
    tokens.create(store, "ended", "scim", 3, owner)
    tokens.revoke(store, tokens.listed(store)[-1].id)
    found = metrics()
    counted = {state: value(found, f'promapp_lite_tokens{{state="{state}"}}') for state in meters.STATES}
    assert counted == {"live": 1, "expiring": 2, "expired": 0, "revoked": 1}


def test_who_may_read_metrics(store, metrics, token):
    """This machine, and elsewhere a live token of either scope; nobody else."""
    reader = tokens.create(store, "reader", "scim:read", 30, admins.owner(store, None).id)
    assert metrics().status_code == metrics(address="::1").status_code == 200
    assert metrics(address="203.0.113.9").status_code == 401
    assert metrics("pms_wrong", "203.0.113.9").status_code == 401
    assert metrics(reader, "203.0.113.9").status_code == metrics(token, "203.0.113.9").status_code == 200
    tokens.revoke(store, tokens.listed(store)[-1].id)
    assert metrics(reader, "203.0.113.9").status_code == 401


def test_who_may_read_metrics_behind_a_proxy(app, metrics, token):
    """Only a live token: a proxy that names no client makes everybody seem to be on this machine."""
    app.extensions["settings"] = replace(app.extensions["settings"], behind_proxy=True)
    assert metrics().status_code == metrics(address="::1").status_code == 401
    assert metrics(token).status_code == 200


def test_no_person_is_in_the_metrics(send, metrics):
    """Names, addresses and ids stay out."""
    made = send("POST", "/Users", {"userName": "ada@example.org", "displayName": "Ada"}).json["id"]
    send("GET", f"/Users/{made}")
    send("GET", "/Users/ada@example.org")
    assert not [each for each in ("ada", "Ada", made) if each in metrics().text]


def test_a_refused_message_has_its_line_too(app, open_listeners, lines):
    """What Waitress refuses before the application sees it is answered and told all the same."""
    (port,) = open_listeners(app, Settings(app.extensions["store"].path.parent), ("http",))
    for sent in (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"nonsense\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(sent)
            assert b" 400 " in connection.recv(4096)
    assert [" 400 0 ms -" in line for line in lines()] == [True, True]


def test_a_log_that_cannot_keep_up_goes_on(app, send, lines, monkeypatch):
    """Where writing beside the requests fails, nothing gathers in memory: lines are written at once again."""
    access_log = app.extensions["access_log"]
    ended = threading.Event()
    monkeypatch.setattr("promapp_lite.ops.access_log.SECONDS", 0)
    monkeypatch.setattr(access_log, "write", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        access_log.keep_up(ended)
    monkeypatch.undo()
    send("GET", "/Users")
    assert not access_log.waiting and len(lines()) == 1
