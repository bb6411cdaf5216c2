"""The activity: what each write and each failure leaves, in one row, in the transaction of the change."""

import itertools
import json
import time

import pytest

from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.schema import ENTERPRISE
from promapp_lite.store.activity import journal
from promapp_lite.store.activity.journal import Caller, record

FIELDS = "method, path, action, resource_type, resource_id, name, status, scim_type"


@pytest.fixture
def rows(store):
    """rows(field, …): these fields of all rows, in order."""

    def rows(*fields):
        found = store.database.execute_sql(f"SELECT {', '.join(fields)} FROM activity ORDER BY id").fetchall()  # noqa: S608
        return [row[0] for row in found] if len(fields) == 1 else found

    return rows


def patch(*operations):
    """A PATCH body of (op, path, value)."""
    return {"Operations": [dict(zip(("op", "path", "value"), each, strict=False)) for each in operations]}


def changes(rows):
    """The changes of the last row."""
    return json.loads(rows("changes")[-1])


@pytest.fixture
def ada(send):
    """The id of a user."""
    return send("POST", "/Users", {"userName": "ada", "title": "Countess", "password": "hush-hush"}).json[
        "id"
    ]


def test_a_user_made(send, ada, rows):
    """A row says who was made and what of; the password is nowhere."""
    assert rows(*FIELDS.split(", ")) == [("POST", "/api/scim/Users", "create", "User", ada, "ada", 201, None)]
    told = {each["path"]: (each["before"], each["after"]) for each in changes(rows)}
    assert told == {"userName": (None, "ada"), "title": (None, "Countess"), "active": (None, True)}
    assert "hush" not in str(rows("*"))


UPDATES = [
    (("replace", "title", "Lady"), "update", [("title", "Countess", "Lady")]),
    (("remove", "title"), "update", [("title", "Countess", None)]),
    (("replace", "active", "False"), "disable", [("active", True, False)]),
    (("replace", "active", True), "update", []),
    (("replace", "title", "Countess"), "update", []),
    (("add", "password", "hush-hush"), "update", []),
    (("add", "manager", "7"), "update", [(f"{ENTERPRISE}:manager", None, {"value": "7"})]),
    (("add", "name.givenName", "A"), "update", [("name.givenName", None, "A")]),
    (("replace", "userName", "ADA"), "update", [("userName", "ada", "ADA")]),
]


@pytest.mark.parametrize(("operation", "action", "wanted"), UPDATES)
def test_a_user_changed(send, ada, rows, operation, action, wanted):
    """A row names the change as an admin does, with what was and what is."""
    send("PATCH", f"/Users/{ada}", patch(operation))
    assert rows("action", "status", "resource_id")[1:] == [(action, 200, ada)]
    assert [tuple(each.values()) for each in changes(rows)] == wanted
    assert "hush" not in str(rows("*"))


def test_enabled_again(send, ada, rows):
    """Disable and enable are told apart."""
    for value in (False, True):
        send("PATCH", f"/Users/{ada}", patch(("replace", "active", value)))
    assert rows("action") == ["create", "disable", "enable"]


def test_put(send, ada, rows):
    """PUT is an update with what it cleared."""
    send("PUT", f"/Users/{ada}", {"userName": "ada", "nickName": "n"})
    assert rows("action")[-1] == "update"
    assert [tuple(each.values()) for each in changes(rows)] == [
        ("title", "Countess", None),
        ("nickName", None, "n"),
    ]


def test_members(send, ada, rows):
    """Membership changes tell the op, the number and the ids that really came or went."""
    group = send("POST", "/Groups", {"displayName": "g", "members": [{"value": "x"}]}).json["id"]
    assert changes(rows)[-1] == {"path": "members", "op": "add", "count": 1, "ids": ["x"]}
    send("PATCH", f"/Groups/{group}", patch(("add", "members", [{"value": "x"}, {"value": ada}])))
    assert changes(rows) == [{"path": "members", "op": "add", "count": 1, "ids": [ada]}]
    send("PATCH", f"/Groups/{group}", patch(("remove", "members", [{"value": "nobody"}])))
    assert changes(rows) == []
    send("PATCH", f"/Groups/{group}", patch(("replace", "members", [{"value": "x"}, {"value": "y"}])))
    assert [(each["op"], each["ids"]) for each in changes(rows)] == [("remove", [ada]), ("add", ["y"])]
    assert rows("status")[1:] == [201, 204, 204, 204]
    assert set(rows("name")[1:]) == {"g"}


def test_many_members(send, rows, monkeypatch):
    """Of a large change the number is kept and the first ids."""
    monkeypatch.setattr(journal, "MAX_IDS", 3)
    send("POST", "/Groups", {"displayName": "g", "members": [{"value": f"m{n}"} for n in range(10)]})
    told = changes(rows)[-1]
    assert (told["count"], len(told["ids"])) == (10, 3)


def test_deleted(send, ada, rows):
    """The row of a delete keeps all there is for a restore: the resource, its groups, its members."""
    group = send(
        "POST", "/Groups", {"displayName": "g", "externalId": "e", "members": [{"value": ada}]}
    ).json["id"]
    send("DELETE", f"/Users/{ada}")
    kept = changes(rows)
    assert (
        kept["resource"]["doc"]["title"] == "Countess" and kept["groups"] == [group] and kept["members"] == []
    )
    send("POST", "/Groups", {"displayName": "outer", "members": [{"value": group}]})
    send("PATCH", f"/Groups/{group}", patch(("add", "members", ["x", "y"])))
    send("DELETE", f"/Groups/{group}")
    kept = changes(rows)
    assert kept["resource"]["doc"]["externalId"] == "e" and kept["members"] == ["x", "y"]
    assert len(kept["groups"]) == 1 and rows("action", "name", "status")[-1] == ("delete", "g", 204)


FAILURES = [
    ("POST", "/Users", {"userName": "ADA"}, 409, "uniqueness", "User", "ADA"),
    ("POST", "/Users", {"title": "x"}, 400, "invalidValue", "User", None),
    ("POST", "/Groups", {"displayName": ""}, 400, "invalidValue", "Group", ""),
    ("POST", "/Users", b"{", 400, "invalidSyntax", "User", None),
    ("PATCH", "/Users/nobody", patch(("remove", "title")), 404, None, "User", None),
    ("DELETE", "/Groups/nobody", None, 404, None, "Group", None),
    ("GET", "/Users/nobody", None, 404, None, "User", None),
    ("GET", "/Users?filter=x", None, 400, "invalidFilter", "User", None),
    ("GET", "/nowhere", None, 404, None, None, None),
    ("PUT", "/Users", {"userName": "b"}, 405, None, None, "b"),
    ("POST", "/Me", {}, 501, None, None, None),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "scim_type", "kind", "name"), FAILURES)
def test_failures(send, ada, rows, method, path, body, status, scim_type, kind, name):
    """Each failure is one row: status, scimType, words, and what it was about where that can be told."""
    answer = send(method, path, body)
    found = rows("action", "method", "status", "scim_type", "resource_type", "name", "changes")[1:]
    assert (answer.status, found) == (status, [("fail", method, status, scim_type, kind, name, None)])
    assert rows("detail")[-1] == answer.json["detail"]
    code, facts = rows("code", "facts")[-1]
    assert refuse(code, **json.loads(facts)).body() == answer.json


@pytest.mark.parametrize(
    "body",
    [
        {"userName": "ada", "password": "hush-hush"},
        {"userName": "ada", "PassWord": {"a": "hush-hush"}},
        {"userName": "ada", "Operations": [{"path": "password", "value": "hush-hush"}]},
        b'{"userName": "ada", "password": "hush-hush"',
    ],
)
def test_no_password_in_a_failure(send, ada, rows, body):
    """The request of a failure is kept for the admin, its passwords are not."""
    assert send("POST", "/Users", body).status in (400, 409)
    assert rows("request")[-1] and "hush" not in str(rows("*"))


def test_a_long_request_is_kept_short(send, ada, rows):
    """Of a refused body 10,000 characters are kept."""
    send("POST", "/Users", {"userName": "ada", "x": ["y" * 9000] * 5})
    assert len(rows("request")[-1]) == journal.MAX_REQUEST


def test_reading_leaves_nothing(send, ada, rows):
    """A successful read writes no row; callers without a token share one a minute and address."""
    for path in ("/Users", f"/Users/{ada}", "/Schemas", "/Users?filter=userName+eq+%22ada%22"):
        assert send("GET", path).status == 200
    for _ in range(3):
        assert send("POST", "/Users", {"userName": "b"}, {"Authorization": None}).status == 401
    assert rows("action") == ["create", "denied"]


def test_stale_versions(send, ada, rows):
    """A write refused for its version changes nothing and is one failure."""
    send("PATCH", f"/Users/{ada}", patch(("remove", "title")), {"If-Match": 'W/"9"'})
    assert rows("action", "status", "resource_id")[1:] == [("fail", 412, ada)]


def test_bulk(send, store, rows):
    """Each operation of a bulk request has its own row, with its own method, path, name and outcome."""
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ada"}},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "Ada"}},
        {"method": "PATCH", "path": "/Users/bulkId:a", "data": patch(("replace", "active", False))},
        {"method": "DELETE", "path": "/Groups/nobody"},
        {"method": "DELETE", "path": "/Users/bulkId:a"},
    ]
    assert send("POST", "/Bulk", {"Operations": operations}).status == 200
    assert rows("method", "action", "status", "scim_type") == [
        ("POST", "create", 201, None),
        ("POST", "fail", 409, "uniqueness"),
        ("PATCH", "disable", 200, None),
        ("DELETE", "fail", 404, None),
        ("DELETE", "delete", 204, None),
    ]
    assert [path.partition("/")[2].partition("/")[0] for path in rows("path")] == ["Users"] * 3 + [
        "Groups",
        "Users",
    ]


def test_a_refused_bulk_operation_names_itself(send, rows):
    """The row of a refused operation is about that operation, not about the whole bulk request."""
    good = {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ada"}}
    bad = {"method": "POST", "path": "/Users", "bulkId": "b", "data": {"userName": "ADA"}}
    gone = {"method": "DELETE", "path": "/Groups/nobody"}
    send("POST", "/Bulk", {"Operations": [good, bad, gone]})
    assert rows("resource_type", "resource_id", "name")[1:] == [
        ("User", None, "ADA"),
        ("Group", "nobody", None),
    ]
    assert json.loads(rows("request")[1]) == {"userName": "ADA"}


def test_tokens_and_addresses(send, ada, rows):
    """Each row knows the token and the address; times are in order."""
    send("POST", "/Users", {"userName": "ADA"})
    tokens, addresses, times = zip(*rows("token_id", "address", "at"), strict=True)
    assert len(set(tokens)) == 1 and tokens[0] is not None and set(addresses) == {"127.0.0.1"}
    assert list(times) == sorted(times) and min(rows("ms")) >= 0


def test_undone_together(store, rows):
    """A row is undone with the change it tells of."""
    with pytest.raises(KeyError), store.write():
        record(store, Caller("POST", "/x"), "create", 201, changes=[{"a": 1}])
        raise KeyError
    assert rows("id") == []


@pytest.mark.timeout(60)
def test_a_bulk_request_of_failures_is_quick(send):
    """A failed operation does not read the whole bulk request again (no request takes over 5 s)."""
    filler = {"method": "DELETE", "path": "/Users/nobody", "data": ["x" * 9000] * 4}
    start = time.perf_counter()
    answer = send("POST", "/Bulk", {"Operations": [filler] * 40})
    assert {each["status"] for each in answer.json["Operations"]} == {"404"}
    assert time.perf_counter() - start < 1


def aged(store, days):
    """Make all activity that many days older."""
    store.database.execute_sql(
        "UPDATE activity SET at = strftime('%Y-%m-%dT%H:%M:%fZ', at, ?)", (f"-{days} days",)
    )


def test_old_activity_is_forgotten(send, store, rows, monkeypatch):
    """What is older than the days kept goes, in small steps, with the words it was found by."""
    monkeypatch.setattr(journal, "STEP", 2)
    monkeypatch.setattr(journal, "KEPT", 1)
    for number in range(5):
        send("POST", "/Users", {"userName": f"u{number}"})
        send("POST", "/Users", {"userName": f"U{number}"})
    aged(store, 91)
    send("POST", "/Users", {"userName": "young"})
    assert journal.prune(store, 0) == 0
    assert journal.prune(store, 90) == 10
    assert rows("name") == ["young"]
    left = store.database.execute_sql("SELECT COUNT(*) FROM word WHERE kind = 'Activity'").fetchone()
    assert left == (0,)
    assert journal.prune(store, 90) == 0


@pytest.fixture
def dated(send, store):
    """dated(*days): a row of activity for each, so many days from now, in this order."""

    def dated(*days):
        for each in days:
            send("POST", "/Users", {"userName": f"u{next(NUMBERS)}"})
            store.database.execute_sql(
                "UPDATE activity SET at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)"
                " WHERE id = (SELECT MAX(id) FROM activity)",
                (f"{each} days",),
            )

    return dated


NUMBERS = itertools.count()


@pytest.mark.parametrize(
    ("days", "left"),
    [
        ([-91, -91, 0], 1),
        ([100] * 7 + [-91] * 3 + [0], 8),  # a clock ahead once stops nothing, beyond one step
        ([-91, 100, -91, 0], 2),
        ([0, -91, 0], 3),  # a clock behind once: what lies before it is young, and stops the search
    ],
)
def test_pruning_whatever_the_clock_did(dated, rows, store, monkeypatch, days, left):
    """What is old goes, what is dated in the future keeps nothing else."""
    monkeypatch.setattr(journal, "KEPT", 1)
    monkeypatch.setattr(journal, "STEP", 2 if days[0] != 0 else 1)
    dated(*days)
    journal.prune(store, 90)
    assert len(rows("name")) == left


def test_the_newest_stay_whatever_their_dates(dated, rows, store, monkeypatch):
    """A clock that is ahead for a minute makes all of them old."""
    monkeypatch.setattr(journal, "KEPT", 5)
    dated(*[-91] * 8)
    journal.prune(store, 90)
    assert len(rows("name")) == 5
