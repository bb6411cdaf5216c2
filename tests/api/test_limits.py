"""The documented limits, each with its status, and S10: a small request never costs much."""

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from peewee import OperationalError

from promapp_lite import clock
from promapp_lite.scim import limits
from promapp_lite.store.directory import groups


def patch(*operations):
    """A PATCH body."""
    return {"Operations": [dict(zip(("op", "path", "value"), each, strict=False)) for each in operations]}


@pytest.fixture
def user(send):
    """A user's id."""
    return send("POST", "/Users", {"userName": "u"}).json["id"]


LIMITS = {
    "text of 10,001 characters": ({"userName": "a", "title": "x" * 10_001}, 400, "invalidSyntax"),
    "32 levels": ({"userName": "a", "x": eval("[" * 32 + "1" + "]" * 32)}, 400, "invalidSyntax"),  # noqa: S307
    "userName of 256": ({"userName": "x" * 256}, 400, "invalidValue"),
    "externalId of 256": ({"userName": "a", "externalId": "x" * 256}, 400, "invalidValue"),
    "1,001 values": ({"userName": "a", "emails": [{"value": str(n)} for n in range(1001)]}, 400, "tooMany"),
    "over 1 MiB": ({"userName": "a", "x": ["y" * 9999] * 120}, 400, "invalidValue"),
    "blanks around": ({"userName": " a"}, 400, "invalidValue"),
    "control character": ({"userName": "a\tb"}, 400, "invalidValue"),
}
FITTING = {
    "text of 10,000 characters": {"userName": "a", "title": "x" * 10_000},
    "31 levels": {"userName": "a", "x": eval("[" * 31 + "1" + "]" * 31)},  # noqa: S307
    "userName of 255": {"userName": "x" * 255},
    "1,000 values": {"userName": "a", "emails": [{"value": str(n)} for n in range(1000)]},
}


@pytest.mark.parametrize("name", LIMITS)
def test_beyond(send, name):
    """One more than the limit is refused, with the status and scimType the README names."""
    body, status, scim_type = LIMITS[name]
    answer = send("POST", "/Users", body)
    assert (answer.status, answer.json["scimType"]) == (status, scim_type)


@pytest.mark.parametrize("name", FITTING)
def test_within(send, name):
    """The limit itself is taken."""
    assert send("POST", "/Users", FITTING[name]).status == 201


def test_operations(send, user):
    """1,000 operations a PATCH."""
    assert send("PATCH", f"/Users/{user}", patch(*[("add", "title", "x")] * 1000)).status == 200
    answer = send("PATCH", f"/Users/{user}", patch(*[("add", "title", "x")] * 1001))
    assert (answer.status, answer.json["scimType"]) == (400, "tooMany")


@pytest.mark.timeout(30)
def test_members(send):
    """50,000 members a request, quickly; one more is refused."""
    group = send("POST", "/Groups", {"displayName": "g"}).json["id"]
    many = [{"value": f"{n:08}-0000-4000-8000-000000000000"} for n in range(50_001)]
    assert send("PATCH", f"/Groups/{group}", patch(("add", "members", many))).json["scimType"] == "tooMany"
    assert send("PATCH", f"/Groups/{group}", patch(("add", "members", many[:-1]))).status == 204
    assert send("GET", f"/Groups/{group}").json["members"][0]["value"] == many[0]["value"]
    assert send("PATCH", f"/Groups/{group}", patch(("remove", "members", many[:-1]))).status == 204


def test_member_filters(send):
    """Filters over members read the whole list, so there are few in one PATCH."""
    group = send("POST", "/Groups", {"displayName": "g"}).json["id"]
    answer = send("PATCH", f"/Groups/{group}", patch(*[("remove", 'members[type eq "x"]')] * 21))
    assert answer.json["scimType"] == "tooMany"


@pytest.mark.timeout(30)
def test_comparisons(send, user):
    """A PATCH that would compare millions of values is refused in time."""
    emails = [{"value": str(n)} for n in range(1000)]
    path = f"emails[{' or '.join(['type eq 1'] * 50)}]"
    for operations in (
        [("add", "emails", emails), *[("remove", path)] * 999],
        [("add", "emails", emails), *[("remove", "emails", emails)] * 70],
        [("add", "emails", [str(n) for n in range(1000)])] * 500,
    ):
        answer = send("PATCH", f"/Users/{user}", patch(*operations))
        assert answer.status in (200, 400), answer.json


def test_page(send, monkeypatch):
    """A larger count is lowered to the largest page."""
    monkeypatch.setattr("promapp_lite.scim.limits.PAGE", 3)
    for number in range(5):
        send("POST", "/Users", {"userName": f"u{number}"})
    answer = send("GET", "/Users?count=100000").json
    assert (answer["itemsPerPage"], answer["totalResults"]) == (3, 5)


def test_a_page_of_large_groups(send, monkeypatch):
    """Groups with many members make a shorter page; the next one goes on where it ended."""
    monkeypatch.setattr(groups, "MAX_SHOWN", 5)
    for number in range(4):
        members = [{"value": f"m{each}"} for each in range(3 * number)]
        send("POST", "/Groups", {"displayName": f"g{number}", "members": members})
    seen, sizes, start = [], [], 1
    while start <= 4:
        page = send("GET", f"/Groups?startIndex={start}").json
        sizes.append(page["itemsPerPage"])
        seen += [(each["displayName"], len(each["members"])) for each in page["Resources"]]
        start += page["itemsPerPage"]
    assert seen == [("g0", 0), ("g1", 3), ("g2", 6), ("g3", 9)]
    assert sizes == [2, 1, 1], "three members are within five, six more are not, and one group is the least"
    seen, cursor = [], ""
    while cursor is not None:
        page = send("GET", f"/Groups?cursor={cursor}").json
        seen += [each["displayName"] for each in page["Resources"]]
        cursor = page.get("nextCursor")
    assert seen == ["g0", "g1", "g2", "g3"]


def test_a_search_that_takes_too_long(send, monkeypatch):
    """It is broken off and says what to filter by; the connection serves on."""
    for number in range(30):
        send("POST", "/Users", {"userName": f"u{number}", "x": ["y" * 1000] * 100})
    monkeypatch.setattr(limits, "SEARCH_SECONDS", -1)
    monkeypatch.setattr("promapp_lite.store.engine.sqlite.STEPS", 10)
    answer = send("GET", "/Users?filter=x co %22z%22")
    assert (answer.status, answer.json["scimType"]) == (400, "tooMany")
    assert "userName" in answer.json["detail"]
    monkeypatch.undo()
    assert send("GET", "/Users?filter=x co %22z%22").json["totalResults"] == 0


def test_bulk(send):
    """1,000 operations a bulk request; more are 413."""
    one = {"method": "POST", "path": "/Users", "bulkId": "a", "data": {}}
    assert send("POST", "/Bulk", {"Operations": [one] * 1001}).status == 413


def test_the_configuration_tells_the_limits(send):
    """ServiceProviderConfig says what holds."""
    config = send("GET", "/ServiceProviderConfig").json
    assert config["filter"]["maxResults"] == limits.PAGE == 1000
    assert config["bulk"]["maxOperations"] == 1000
    assert config["bulk"]["maxPayloadSize"] == 4 * 1024 * 1024


def test_a_page_broken_off_while_its_rows_are_fetched(send, monkeypatch):
    """SQLite's own exception, which no statement's beginning raises, is the same refusal."""
    for number in range(50):
        send("POST", "/Users", {"userName": f"u{number}", "x": ["y" * 1000] * 50})
    asked = iter([0.0, *[0.0] * 20, *[1e9] * 10_000])
    monkeypatch.setattr("promapp_lite.store.engine.sqlite.time.monotonic", lambda: next(asked))
    monkeypatch.setattr("promapp_lite.store.engine.sqlite.STEPS", 10)
    answer = send("GET", "/Users?filter=x pr&count=50")
    assert (answer.status, answer.json["scimType"]) == (400, "tooMany")


def test_a_damaged_page(send, store, monkeypatch):
    """A fault that shows while rows are fetched is a 503, not a 500."""

    class Broken:
        def fetchone(self):
            raise sqlite3.DatabaseError("database disk image is malformed")

    run = store.run
    monkeypatch.setattr(
        store, "run", lambda statement, **values: Broken() if "id" in values else run(statement, **values)
    )
    assert send("GET", "/Users/x").status == 503


def test_a_full_disk(send, store, caplog):
    """R3: 503 and when to come again, reads go on, nothing refused is there, the log names the cause."""
    pages = store.database.execute_sql("PRAGMA page_count").fetchone()[0]
    store.writer.execute_sql(f"PRAGMA max_page_count = {pages + 30}")
    statuses = [send("POST", "/Users", {"userName": f"u{n}", "x": ["y" * 9000]}).status for n in range(40)]
    assert set(statuses) == {201, 503}
    answer = send("POST", "/Users", {"userName": "one more", "x": ["y" * 9000]})
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert "disk" in answer.json["detail"]
    assert any("database or disk is full" in record.message for record in caplog.records)
    kept = [f"u{n}" for n, status in enumerate(statuses) if status == 201]
    found = send("GET", "/Users?attributes=userName").json["Resources"]
    assert [each["userName"] for each in found] == kept
    store.writer.execute_sql("PRAGMA max_page_count = 1000000")
    assert send("POST", "/Users", {"userName": "one more"}).status == 201


def test_a_disk_that_takes_nothing_stops_no_read(app, send, store, signed_in, monkeypatch):
    """Neither the last use of a token nor that of a session, which are due, is needed for an answer."""
    assert send("GET", "/Users").status == 200
    tried = []

    def fail():
        tried.append(1)
        raise OperationalError("database or disk is full")

    store.database.execute_sql("UPDATE token SET last_used = '2026-01-01T00:00:00.000Z'")
    recent = clock.stamp(datetime.now(UTC) - timedelta(minutes=5))
    store.database.execute_sql("UPDATE session SET seen = ?", (recent,))
    monkeypatch.setattr(store, "write", fail)
    for _ in range(5):
        assert send("GET", "/Users").status == 200
    assert len(tried) == 1, "it is tried once a minute"
    assert "Sign out" in signed_in.get("/").get_data(as_text=True) and len(tried) > 1
    assert send("POST", "/Users", {"userName": "a"}).status == 503
