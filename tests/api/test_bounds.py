"""S13: nothing that a caller chooses is kept without a bound: rows, log lines, labels."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from helpers import sender

from promapp_lite.ops import access_log
from promapp_lite.store.access import admins, tokens
from promapp_lite.store.activity import cycles, entries, indexer, journal
from promapp_lite.store.activity.entries import Filter

LONG = "x" * 60_000


@pytest.fixture
def reader(app, store):
    """send with a token that may only read."""
    secret = tokens.create(store, "reader", "scim:read", 30, admins.owner(store, None).id)
    return sender(app, secret)


def failures(store):
    """The failures that are kept, the newest first."""
    return entries.page(store, Filter(result="failed"), limit=1000)


def test_a_reader_makes_few_rows(reader, store):
    """However many addresses it thinks of: one row for each cause, which counts."""
    for number in range(300):
        assert reader("GET", f"/Users/{number}{LONG}").status == 404
    assert reader("POST", "/Users", {"userName": LONG}).status == 403
    refused, missing = failures(store)
    assert (missing.times, refused.times) == (300, 1)
    assert len(missing.path) <= 200 and len(missing.resource_id) <= 255 and len(missing.detail) < 400


def test_an_unknown_caller_makes_few_rows(send, store):
    """Rows for anonymous callers are cut too."""
    for number in range(50):
        assert send("M" * 5000, f"/{number}{LONG}", headers={"Authorization": None}).status == 401
    (row,) = entries.page(store, Filter(action="denied"))
    assert len(row.method) <= 20 and len(row.path) <= 200


def test_a_failure_that_repeats_is_one_row(send, store):
    """It moves to the top, says how often and since when, and counts in its cycle each time."""
    for _ in range(2):
        send("POST", "/Users", {"userName": "ada", "active": "perhaps"})
        send("POST", "/Users", {"userName": "bob", "active": "perhaps"})
    indexer.catch_up(store)
    for _ in range(3):
        send("POST", "/Users", {"userName": "ada", "active": "perhaps"})
    indexer.catch_up(store)
    send("POST", "/Users", {"userName": "ada", "name": "no parts"})
    indexer.catch_up(store)
    other, ada, bob = failures(store)
    assert [(each.name, each.times) for each in (other, ada, bob)] == [("ada", 1), ("ada", 5), ("bob", 2)]
    first = store.database.execute_sql("SELECT first FROM activity WHERE id = ?", (ada.id,)).fetchone()[0]
    assert first <= ada.at
    assert cycles.last(store).failed == 8
    assert [row.name for row in entries.page(store, Filter(who="bob"))] == ["bob"]


def test_failures_have_a_bound(send, store, monkeypatch):
    """Beyond it the oldest go, with the words by which they were found."""
    monkeypatch.setattr(journal, "MAX_FAILURES", 10)
    for number in range(60):
        send("POST", "/Users", {"userName": f"person{number}", "active": "perhaps"})
    indexer.catch_up(store)
    assert [row.name for row in failures(store)] == [f"person{number}" for number in range(59, 49, -1)]
    words = store.database.execute_sql("SELECT COUNT(*) FROM word WHERE kind = 'Activity'").fetchone()[0]
    assert words == 10


def test_labels_are_a_closed_list(app, send, store):
    """Thousands of methods make one label, none of it long."""
    for number in range(100):
        send(f"M{number:05}{'M' * 1000}", "/Users")
    text = app.extensions["access_log"].meters.text().decode()
    assert 'method="OTHER"' in text and "M00001" not in text


def test_log_lines_are_cut(send, caplog):
    """Of a method 20 characters, of a path 200; a part with an @ is left out whole, in linear time."""
    with caplog.at_level(logging.INFO, "promapp_lite.requests"):
        send("M" * 5000, "/@/" + "a" * 65_000 + "@" * 300 + "/b")
    facts = caplog.records[-1].facts
    assert len(facts["method"]) == 20 and len(facts["path"]) <= 200
    assert facts["path"].endswith("/.../.../b")


@pytest.mark.timeout(10)
def test_a_path_is_read_once():
    """Two million letters behind an @ take no time; by their square it would be hours."""
    assert access_log.shown("/@/" + "a" * 2_000_000).startswith("/.../aaa")


def test_security_txt(app):
    """RFC 9116: one Expires less than a year away, a Contact, plain text in UTF-8, for anybody."""
    answer = app.test_client().get("/.well-known/security.txt")
    lines = answer.get_data(as_text=True).splitlines()
    fields = dict(line.split(": ", 1) for line in lines if not line.startswith("#"))
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert fields["Contact"].startswith("https://") and len(fields) == 4
    left = datetime.fromisoformat(fields["Expires"]) - datetime.now(UTC)
    assert timedelta(days=170) < left < timedelta(days=365)
