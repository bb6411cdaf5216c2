"""Every request Entra ID is known to send gets the answer Entra ID expects (entra/*.json)."""

import copy
from collections import Counter
from typing import NamedTuple

import pytest
from helpers.replay import cases, replay

CASES = {case["file"]: case for case in cases()}
WRITES = {"POST", "PATCH", "DELETE"}


@pytest.mark.parametrize("file", CASES)
def test_entra(send, file):
    """Each case holds on an empty database, through WSGI."""
    replay(CASES[file], send)


@pytest.mark.parametrize("file", CASES)
def test_entra_served(served, file):
    """Each case holds on a running server that keeps the data of the cases before it."""
    replay(CASES[file], served)


def test_every_line_once():
    """Each of the 68 collected literal requests stands in exactly one file."""
    lines = [case["line"] for case in CASES.values() if case["line"] is not None]
    assert sorted(lines) == list(range(68))


def test_writes_are_proved():
    """No case ends with a write that was carried out: a GET shows its effect."""
    for case in CASES.values():
        last = case["steps"][-1]
        assert last["method"] not in WRITES or last["status"] >= 400, case["file"]


def test_names_are_unique():
    """A userName or group name made by two files is cleaned up by each of them."""
    files = {file: _names(case) for file, case in CASES.items()}
    count = Counter(name for names in files.values() for name in names)
    shared = {file for file, names in files.items() if any(count[name] > 1 for name in names)}
    assert [file for file in shared if not CASES[file].get("after")] == []


def _names(case):
    """The userNames and group displayNames a case gives by POST or PATCH, case-folded."""
    found = set()
    for step in case["given"] + case["steps"]:
        name = "displayname" if step["path"].startswith("/Groups") else "username"
        body = step.get("body") or {}
        operations = body.get("Operations", [])
        pairs = [*body.items(), *((one.get("path"), one.get("value")) for one in operations)]
        for one in operations:
            pairs += one["value"].items() if isinstance(one.get("value"), dict) else []
        found |= {
            (name, str(value).casefold()) for key, value in pairs if str(key).casefold() == name and value
        }
    return found


class Answer(NamedTuple):
    status: int = 200
    json: object = None
    headers: dict = {"Content-Type": "application/scim+json"}


CASE = {
    "file": "fake.json",
    "given": [
        {"as": "user", "method": "POST", "path": "/Users", "body": {"userName": "a"}},
    ],
    "steps": [
        {
            "method": "GET",
            "path": '/Users?filter=emails[type eq "x"].value+eq+%22{user}%22&n={other}',
            "status": 200,
            "answer": {"Resources": [{"id": "{user}", "active": True}]},
            "equal": {"totalResults": 1},
            "contains": {"schemas": "urn:list"},
            "absent": ["Resources.0.members", ["urn:x:2.0:User", "manager"]],
        }
    ],
    "after": [
        {"method": "DELETE", "path": "/Users/{user}"},
        {"method": "DELETE", "path": "/Users/{never}"},
    ],
}
CREATED = Answer(
    201,
    {"id": "7", "userName": "a"},
    {"Content-Type": "application/scim+json", "Location": "https://host/Users/7"},
)
FOUND = {
    "schemas": ["urn:list"],
    "totalResults": 1,
    "Resources": [{"id": "7", "active": True, "more": "x"}],
}


def fake(*answers):
    """A `send` that gives these answers in turn, then 204, and notes what it was asked."""
    queue, asked = list(answers), []

    def send(method, path, body=None, headers=None):
        asked.append((method, path))
        return queue.pop(0) if queue else Answer(204)

    return send, asked


def test_it_plays():
    """Given, steps and after are sent in order; names are filled, odd characters encoded."""
    send, asked = fake(CREATED, Answer(json=FOUND))
    replay(CASE, send)
    assert asked == [
        ("POST", "/Users"),
        ("GET", "/Users?filter=emails%5Btype%20eq%20%22x%22%5D.value+eq+%227%22&n={other}"),
        ("DELETE", "/Users/7"),
    ]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"Resources": []}, "answer.Resources"),
        ({"Resources": FOUND["Resources"] * 2}, "answer.Resources"),
        ({"Resources": [{"id": "7"}]}, "answer.Resources.0.active"),
        ({"Resources": [{"id": "7", "active": 1}]}, "answer.Resources.0.active"),
        ({"Resources": [{"id": "8", "active": True}]}, "answer.Resources.0.id"),
        ({"Resources": [{"id": "7", "active": True, "members": []}]}, "Resources.0.members"),
        ({"Resources": [{"id": "7", "active": True, "title": None}]}, "answer.Resources.0.title"),
        ({"urn:x:2.0:User": {"manager": {}}}, "manager"),
        ({"totalResults": 2}, "totalResults"),
        ({"schemas": []}, "schemas"),
    ],
)
def test_it_fails_at(change, part):
    """An answer that differs fails, and the message names file, step and path."""
    send, asked = fake(CREATED, Answer(json={**FOUND, **change}))
    with pytest.raises(AssertionError) as caught:
        replay(CASE, send)
    assert all(word in str(caught.value) for word in ("fake.json", "steps[0]", part))
    assert asked[-1] == ("DELETE", "/Users/7")


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (CREATED._replace(status=500), "status 500"),
        (CREATED._replace(json={"userName": "a"}), "Location"),
        (CREATED._replace(headers={"Content-Type": "application/scim+json"}), "Location"),
        (CREATED._replace(headers={"Content-Type": "text/html"}), "Content-Type"),
    ],
)
def test_it_fails_while_given(answer, part):
    """A scene that cannot be set fails the case and sends no step."""
    send, asked = fake(answer)
    with pytest.raises(AssertionError, match=part):
        replay(CASE, send)
    assert [method for method, _ in asked[:2]] in (["POST"], ["POST", "DELETE"])


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (Answer(404, {"schemas": [], "status": "404"}), "answer.schemas"),
        (Answer(404, None), "answer"),
        (Answer(200, {}), "status 200"),
        (Answer(204, {}), "status 204"),
    ],
)
def test_it_knows_errors(answer, part):
    """An error has to be a SCIM Error, its status a string."""
    case = {"file": "f", "given": [], "steps": [{"method": "GET", "path": "/x", "status": 404}]}
    good = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "404"}
    replay(case, fake(Answer(404, good))[0])
    for wrong in (answer, Answer(404, {**good, "status": 404})):
        with pytest.raises(AssertionError):
            replay(case, fake(wrong)[0])
    with pytest.raises(AssertionError, match=part):
        replay(case, fake(answer)[0])


def test_equal_is_complete():
    """`equal` refuses what `answer` lets pass: a member or sub-attribute nobody asked for."""
    case = copy.deepcopy(CASE)
    case["steps"][0]["equal"] = {"Resources": [{"id": "{user}", "active": True}]}
    send, _ = fake(CREATED, Answer(json=FOUND))
    with pytest.raises(AssertionError, match="unexpected .*more"):
        replay(case, send)
