"""Passwords that a client sends are accepted, and stay nowhere: not in answers, not in any table."""

import json

import pytest

SECRET = "open sesame"
EXTENSION = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
BODIES = {
    "password": SECRET,
    "PassWord": SECRET,
    "password.value": SECRET,
    f"{EXTENSION}:password": SECRET,
    EXTENSION: {"Password": SECRET},
    "urn:x:custom:2.0:User": {"password": SECRET},
    "name": {"givenName": "A", "password": SECRET},
    "emails": [{"value": "a@example.org", "password": SECRET}],
    "x": [{"y": {"PASSWORD": {"value": SECRET}}}],
    'emails[password eq "open sesame"].type': "work",
    "X509Certificates": [{"value": "AA==", "password": SECRET}],
}
PATHS = [
    "password",
    "PASSWORD",
    "password.value",
    "name.password",
    "emails.password",
    'emails[type eq "work"].password',
    f'emails[password eq "{SECRET}"]',
    f'emails[password eq "{SECRET}"].value',
    f"{EXTENSION}:password",
    f"{EXTENSION}:manager.password",
    "urn:x:custom:2.0:User:password",
    "urn:ietf:params:scim:schemas:core:2.0:User:password",
]


@pytest.fixture
def nothing_stays(store):
    """Fail where the secret stands in a table at the end."""
    yield
    for (table,) in store.database.execute_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    ).fetchall():
        rows = store.database.execute_sql(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        assert not [row for row in rows if SECRET in repr(row)], table


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("place", ["/Users", "/Groups"])
def test_in_a_body(send, place, name):
    """In POST, PUT, a path-less PATCH and a bulk request, of users and groups."""
    sent = {"userName": "a", "displayName": "a", name: BODIES[name]}
    made = send("POST", place, sent)
    assert made.status == 201
    path = f"{place}/{made.json['id']}"
    assert send("PUT", path, sent).status == 200
    assert send("PATCH", path, {"Operations": [{"op": "add", "value": sent}]}).status in (200, 204)
    bulk = [{"method": "PUT", "path": path, "data": sent}]
    assert send("POST", "/Bulk", {"Operations": bulk}).json["Operations"][0]["status"] == "200"
    for answer in (made, send("GET", path), send("GET", place)):
        assert SECRET not in json.dumps(answer.json)


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("op", ["add", "replace"])
def test_in_a_path(send, path, op):
    """In every form of a path: the operation does nothing, the others are carried out."""
    id = send("POST", "/Users", {"userName": "a", "emails": [{"type": "work", "value": "a@b"}]}).json["id"]
    operations = [{"op": op, "path": path, "value": SECRET}, {"op": "add", "path": "title", "value": "T"}]
    answer = send("PATCH", f"/Users/{id}", {"Operations": operations})
    assert (answer.status, answer.json["title"]) == (200, "T")
    assert SECRET not in json.dumps(answer.json)


@pytest.mark.usefixtures("nothing_stays")
def test_an_escaped_name(send):
    """The name may be written with escapes."""
    answer = send("POST", "/Users", b'{"userName": "a", "x": {"p\\u0061ssword": "open sesame"}}')
    assert answer.status == 201 and "x" not in answer.json


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize(
    "body",
    [
        b"pass=open sesame",
        b'{"p\\u0061ssword": "open sesame"',
        b'"open sesame"',
        b'{"Operations": [{"method": "PUT", "path": "/Users/x", "data": "open sesame"}]}',
        b'{"Operations": [{"method": "?", "path": "/Users/x", "data": "open sesame"}], "failOnErrors": 0}',
    ],
)
@pytest.mark.parametrize("path", ["/Users", "/Bulk"])
def test_in_what_is_refused(send, store, path, body):
    """Of a body that is no JSON, or data that is a text, the activity keeps the length."""
    send("POST", path, body)
    kept = store.database.execute_sql("SELECT request FROM activity WHERE action = 'fail'").fetchall()
    assert kept and "characters" in kept[0][0]


def test_what_only_sounds_like_one_is_kept(send):
    """An attribute about passwords, and a value that is the word."""
    sent = {"userName": "a", "passwordExpires": "never", "emails": [{"type": "password", "value": "a@b"}]}
    made = send("POST", "/Users", sent).json
    assert made["passwordExpires"] == "never"
    change = [{"op": "replace", "path": 'emails[type eq "password"].value', "value": "c@d"}]
    answer = send("PATCH", f"/Users/{made['id']}", {"Operations": change})
    assert answer.json["emails"] == [{"type": "password", "value": "c@d"}]
