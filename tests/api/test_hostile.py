"""S1: nothing gets a 5xx or anything but a SCIM error. S2: what is refused changes nothing."""

import re
from urllib.parse import quote

import pytest
from helpers import hostile

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
TABLES = ("users", "groups", "email", "member", "admin")


@pytest.fixture
def data(store):
    """All rows that a refused request must leave as they are."""

    def rows():
        return [store.database.execute_sql(f"SELECT * FROM {name}").fetchall() for name in TABLES]  # noqa: S608

    return rows


@pytest.fixture
def scene(send):
    """A user and a group to aim at, by the names the cases use."""
    user = send("POST", "/Users", {"userName": "scene", "emails": [{"type": "work", "value": "s@x"}]}).json
    group = send("POST", "/Groups", {"displayName": "scene", "members": [{"value": user["id"]}]}).json
    return lambda path: re.sub(r"\{\w+\}", user["id"] if "/Users" in path else group["id"], path)


@pytest.fixture
def attack(send, data):
    """Send a request and check both promises."""

    def attack(method, path, body=None, headers=None):
        before = data()
        answer = send(method, path, body, headers)
        where = f"{method} {path[:100]} {str(body)[:200]}"
        assert answer.status < 500 or answer.status == 501, f"{where}: {answer.status} {answer.json}"
        if answer.status >= 400:
            assert data() == before, f"{where}: refused with {answer.status}, and changed something"
            if method != "HEAD":
                assert answer.json["schemas"] == [ERROR], where
                assert answer.json["status"] == str(answer.status), where
                assert "Traceback" not in answer.json["detail"], where
        return answer

    return attack


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_bodies(attack, scene, method):
    """Every hostile body, at every place that takes one."""
    for body in hostile.BODIES:
        if method == "POST":
            for path in ("/Users", "/Groups", "/Bulk", "/.search", "/Users/.search"):
                attack(method, path, body)
        else:
            attack(method, scene("/Users/{id}"), body)
            attack(method, scene("/Groups/{id}"), body)


def test_filters(attack, scene):
    """Every hostile filter, over users, groups and both."""
    for text in hostile.FILTERS:
        for path in ("/Users", "/Groups", "/"):
            attack("GET", f"{path}?filter={quote(text, errors='replace')}")


def test_queries(attack, scene):
    """Every hostile query string."""
    for query in hostile.QUERIES:
        for path in ("/Users", "/Groups", "/", scene("/Users/{id}")):
            attack("GET", f"{path}?{query}")


def test_paths(attack):
    """Every hostile path with every method."""
    for path in hostile.PATHS:
        for method in hostile.METHODS:
            attack(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else None)


def test_headers(attack, scene):
    """Odd headers do no harm."""
    for headers in (
        {"If-Match": "x"},
        {"If-Match": '"'},
        {"If-None-Match": "W/"},
        {"Content-Type": "image/png"},
        {"Content-Type": "\xff"},
        {"Content-Length": "x"},
        {"Accept": "text/html"},
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
    ):
        for method in ("GET", "PATCH"):
            attack(method, scene("/Users/{id}"), b"{}" if method == "PATCH" else None, headers)


@pytest.mark.parametrize("seed", range(5))
def test_mutations(attack, scene, send, seed):
    """Real requests with something in them broken, beside a client whose own are always right."""
    mine = send("POST", "/Users", {"userName": "well-behaved"}).json["id"]
    for number, (method, path, body) in enumerate(hostile.mutations(1000, seed)):
        attack(method, quote(scene(path), safe="/?&=%+:"), body)
        if number % 20 == 0:
            rename = [{"op": "replace", "path": "title", "value": f"{seed}-{number}"}]
            assert send("PATCH", f"/Users/{mine}", {"Operations": rename}).status == 200
            found = send("GET", "/Users?filter=userName%20eq%20%22well-behaved%22").json["Resources"]
            assert [(each["id"], each["title"]) for each in found] == [(mine, f"{seed}-{number}")]


def test_a_patch_is_all_or_nothing(attack, send, scene):
    """An error in the last operation undoes the first."""
    operations = [
        {"op": "add", "path": "title", "value": "Boss"},
        {"op": "add", "path": "emails", "value": [{"value": "b@x"}]},
        {"op": "replace", "path": "userName", "value": ""},
    ]
    assert attack("PATCH", scene("/Users/{id}"), {"Operations": operations}).status == 400
    assert "title" not in send("GET", scene("/Users/{id}")).json


def test_body_too_large(attack):
    """Over 4 MiB is refused with 413, in words."""
    answer = attack("POST", "/Users", b'{"userName": "' + b"x" * (4 * 1024 * 1024) + b'"}')
    assert answer.status == 413
    assert "4 MiB" in answer.json["detail"]
