"""Provisioning activity: cycles, rows with their reasons, refused tokens, the CSV, and health."""

import csv
import io
import os
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from promapp_lite import clock
from promapp_lite.console import format
from promapp_lite.console.activity import bars, height
from promapp_lite.store.access import login_throttle
from promapp_lite.store.activity import auth_failures, cycles, entries, indexer
from promapp_lite.store.activity.entries import Filter
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.snapshots import copies, disk
from promapp_lite.system import certificates


@pytest.fixture
def ada(signed_in):
    """A browser ada is signed in with."""
    return signed_in


PROBE = "/Users?filter=userName+eq+%227d420df3-9995-4831-a406-ecf8166f5f6a%22"


def patch(path, value, op="replace"):
    """A PATCH body of one operation."""
    return {"Operations": [{"op": op, "path": path, "value": value}]}


def before(**length):
    """That long ago."""
    return clock.stamp(datetime.now(UTC) - timedelta(**length))


def age(store, **length):
    """Let all cycles have ended that long ago."""
    store.database.execute_sql("UPDATE cycle SET started = ?, ended = ?", (before(**length),) * 2)


@pytest.fixture
def cycle(store, send):
    """A cycle with one of everything."""
    send("GET", PROBE)
    user = send("POST", "/Users", {"userName": "anna@x", "displayName": "Anna"}).json["id"]
    send("PATCH", f"/Users/{user}", patch("title", "Boss"))
    send("PATCH", f"/Users/{user}", patch("title", "Boss"))
    send("PATCH", f"/Users/{user}", patch("active", False))
    send("PATCH", f"/Users/{user}", patch("active", True))
    send("POST", "/Users", {"userName": "Anna@x"})
    send("DELETE", f"/Users/{user}")
    indexer.catch_up(store)
    return user


def test_a_cycle_is_counted(store, cycle):
    """One row holds start, end and what happened; what changed nothing is not counted."""
    run = cycles.last(store)
    assert run.counts == dict.fromkeys(cycles.COUNTS, 1)
    assert run.tested == 1 and run.token == "tests" and run.started <= run.ended
    assert cycles.worked(store, 99, 5) == [run] == [cycles.one(store, run.id)]


@pytest.mark.parametrize(("minutes", "count"), [(9, 1), (11, 2)])
def test_a_cycle_ends_after_ten_quiet_minutes(store, send, cycle, minutes, count):
    """What comes later is another cycle."""
    age(store, minutes=minutes)
    send("POST", "/Users", {"userName": "later"})
    indexer.catch_up(store)
    assert len(cycles.worked(store, 99, 5)) == count


def test_two_tokens_are_two_cycles(store, send, cycle, app):
    """A run is by one token."""
    from promapp_lite.store.access import tokens

    other = tokens.create(store, "other", "scim", 30, 1)
    send("POST", "/Users", {"userName": "x"}, headers={"Authorization": f"Bearer {other}"})
    indexer.catch_up(store)
    assert [run.token for run in cycles.worked(store, 99, 5)] == ["other", "tests"]


def test_days(store, cycle):
    """Thirty days, today the last."""
    found = cycles.days(store, 30)
    assert len(found) == 30 and found[-1] == (clock.now()[:10], 5, 1) and found[0][1:] == (0, 0)
    shown = bars(found)
    assert [each["height"] for each in shown][-2:] == [0, 40] and 0 < shown[-1]["red"] < 40
    assert height(1, 10**6) == 2


STATES = [
    (None, "Azure AD has not connected yet."),
    ({"minutes": 12}, "12 minutes ago: 1 created, 1 updated, 1 enabled, 1 disabled, 1 deleted, 1 failed."),
    ({"hours": 4}, "may be stopped or in quarantine"),
]


def test_the_status_sentence(ada, send, store, request):
    """It tells what really happened, and how long ago."""
    assert STATES[0][1] in ada.get().text
    request.getfixturevalue("cycle")
    for length, told in STATES[1:]:
        age(store, **length)
        assert told in ada.get().text


def test_nothing_to_change(ada, send, store):
    """A cycle that only looked is told as such."""
    send("GET", PROBE)
    assert "Azure AD last checked in just now: nothing to change." in ada.get().text


def test_the_checklist(ada, send, store, token):
    """Each step is ticked by what really happened, in order."""

    def ticked():
        return ada.get(headers={"X-Part": "setup"}).text.count('<li class="done">')

    assert ticked() == 1
    send("GET", PROBE)
    assert ticked() == 2
    send("POST", "/Users", {"userName": "x"})
    assert ticked() == 3
    age(store, minutes=11)
    assert ticked() == 4 and "Set-up complete" in ada.get().text


SIEVES = [
    (Filter(), ["delete", "fail", "enable", "disable", "update", "update", "create", "test"]),
    (Filter(action="disable"), ["disable"]),
    (Filter(result="failed"), ["fail"]),
    (Filter(result="failed", action="create"), ["fail"]),
    (Filter(result="failed", action="delete"), []),
    (Filter(result="ok", action="update"), ["update", "update"]),
    (Filter(who="ann"), ["delete", "fail"]),
    (Filter(who="nobody"), []),
    (Filter(cycle=1, action="create"), ["create"]),
    (Filter(cycle=2), []),
    (Filter(resource="x"), []),
]


@pytest.mark.parametrize(("sieve", "actions"), SIEVES)
def test_filters(store, cycle, sieve, actions):
    """By person, action, result, cycle."""
    assert [each.action for each in entries.page(store, sieve)] == actions


def test_by_person_here(store, send):
    """A person who is here is found with all their rows."""
    user = send("POST", "/Users", {"userName": "anna@x", "displayName": "Zoë"}).json["id"]
    send("PATCH", f"/Users/{user}", patch("title", "x"))
    send("PATCH", f"/Users/{user}", patch("active", "maybe"))
    indexer.catch_up(store)
    found = entries.page(store, Filter(who="zoe"))
    assert [each.action for each in found] == ["fail", "update", "create"]
    assert found[0].name == "Zoë"


def test_no_filter_reads_the_whole_table(store):
    """Every combination of filters goes by an index, newest first, without sorting a million rows."""
    for action in ("", "update", "create", "delete"):
        for result in ("", "failed"):
            for flags in ((True, False, False), (False, True, False), (False, False, True), (False,) * 3):
                statement = entries.listing(flags[0], action, result, *flags[1:])
                sql, held = statement.bind(
                    store.database,
                    {
                        **{"before": 1, "limit": 1, "token_id": 1, "first": 1, "last": 1},
                        **{"resource": "", "ids": "[]", "rows": "[]"},
                    },
                )
                plan = [
                    r[3] for r in store.database.execute_sql("EXPLAIN QUERY PLAN " + sql, held).fetchall()
                ]
                assert any("SEARCH t1" in step or "MULTI-INDEX" in step for step in plan), plan
                assert flags[0] or not any("TEMP B-TREE" in step for step in plan), plan


def test_a_row_opens(ada, cycle):
    """A failure: what was sent, why, what to change; a change: before and after."""
    failure = ada.get("/?row=7").text
    assert "What to change" in failure and "Match objects using this attribute: Yes" in failure
    assert "Anna@x" in failure and "409 uniqueness" in failure
    change = ada.get("/?row=3").text
    assert "What changed" in change and "title" in change and "Boss" in change
    assert "sent values that were already here" in ada.get("/?row=4").text
    assert "What was deleted" in ada.get("/?row=8").text
    assert "as it should" in ada.get("/?row=1").text


def test_a_row_leads_to_its_cycle(ada, send, store, cycle):
    """The link in an opened row; a row that no cycle holds has none."""
    age(store, minutes=11)
    send("POST", "/Users", {"userName": "later"})
    indexer.catch_up(store)
    for row, its in (("7", 1), ("9", 2)):
        assert re.search(rf'href="/\?cycle={its}#activity"[^>]*>Open the cycle', ada.get(f"/?row={row}").text)
    send("GET", "/Users", headers={"Authorization": "Bearer wrong"})
    assert entries.one(store, 10).action == "denied" and "Open the cycle" not in ada.get("/?row=10").text


def test_rows_are_paged(ada, send):
    """Every row is reached, none twice."""
    for number in range(45):
        send("POST", "/Users", {"userName": f"u{number}"})

    path, seen = "/?action=create", []
    while path:
        shown = ada.get(path, headers={"X-Part": "activity"}).text
        seen += re.findall(r'id="row-(\d+)"', shown)
        older = re.search(r'id="rows-older"\s+href="([^"#]+)', shown)
        path = older and older[1].replace("&amp;", "&")
    assert seen == [str(number) for number in range(45, 0, -1)]


def test_csv(ada, cycle, monkeypatch):
    """All rows that pass the filter; what a spreadsheet would run is text."""
    monkeypatch.setattr(entries, "CHUNK", 3)
    answer = ada.get("/activity.csv")
    assert (
        answer.content_type == "text/csv; charset=utf-8"
        and "attachment" in answer.headers["Content-Disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [each["Action"] for each in rows][:3] == ["Deleted", "Create refused", "Enabled"] and len(
        rows
    ) == 8
    assert rows[1]["Result"] == "Failure" and rows[1]["Status"] == "409"
    assert len(list(csv.reader(io.StringIO(ada.get("/activity.csv?action=disable").text)))) == 2


# Refused tokens


def refuse(send, times):
    """Requests with a wrong token."""
    for _ in range(times):
        assert send("GET", "/Users", headers={"Authorization": "Bearer pms_wrong"}).status == 401


def test_refused_tokens_are_counted(ada, send, store):
    """One row a minute and address, however many there were."""
    refuse(send, 25)
    assert store.database.execute_sql("SELECT COUNT(*) FROM activity").fetchone() == (1,)
    page = ada.get("/?row=1").text
    assert (
        "Token refused" in page and "127.0.0.1, 25 times" in page and "Nothing was shown or changed" in page
    )


def test_refused_tokens_cost_few_writes(send, store, monkeypatch):
    """The count is written at most once a second."""
    writes = []
    write = store.write
    monkeypatch.setattr(store, "write", lambda: writes.append(1) or write())
    refuse(send, 50)
    assert len(writes) <= 3


def test_processes_share_a_row(store):
    """Several processes count in one row."""
    both = [auth_failures.AuthFailures(store) for _ in range(2)]
    for _ in range(10):
        for counts in both:
            counts.note(Caller("GET", "/api/scim/Users", "10.0.0.1"), None)
    for counts in both:
        counts.flush()
    assert store.database.execute_sql("SELECT times FROM activity").fetchall() == [(20,)]


def test_many_addresses_share_a_row(store):
    """From ever new addresses the rows stay few."""
    counts = auth_failures.AuthFailures(store)
    for number in range(auth_failures.MAX_ADDRESSES + 50):
        counts.note(Caller("GET", "/api/scim/Users", f"10.0.0.{number}"), None)
    counts.flush()
    rows = store.database.execute_sql("SELECT address, times FROM activity ORDER BY id").fetchall()
    assert len(rows) == auth_failures.MAX_ADDRESSES + 1 and rows[-1] == (auth_failures.OTHERS, 50)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("revoked = '2026-01-02T00:00:00.000Z'", "was revoked on 2026-01-02"),
        ("expires = '2026-01-02T00:00:00.000Z'", "expired on 2026-01-02"),
        ("owner_id = 99", "no longer active"),
    ],
)
def test_a_dead_token_is_named(ada, send, store, token, change, told):
    """The admin sees which token it was; the caller is told nothing of it."""
    store.database.execute_sql(f"UPDATE token SET {change}")  # noqa: S608
    answer = send("GET", "/Users")
    assert told not in answer.json["detail"]
    page = ada.get("/?row=1").text
    assert told in page and "“tests”" in page and token not in page


# Advice


CASES = [
    ("POST", "/Users", {"userName": "Anna@x"}, "userName “Match objects using this attribute: Yes”"),
    ("POST", "/Users", {"userName": ""}, "source attribute of userName"),
    ("POST", "/Users", {"userName": "b", "active": "maybe"}, "Switch([IsSoftDeleted]"),
    ("POST", "/Users", {"userName": "b" * 256}, "Mid([source attribute], 1, 255)"),
    ("POST", "/Users", {"userName": "b", "title": ["x", "y"]}, "Item("),
    ("POST", "/Users", {"userName": " b"}, "StripSpaces("),
    ("POST", "/Users", {"userName": "b", "emails": [{"value": "x", "primary": True}] * 2}, "one type only"),
    ("PATCH", "/Users/nobody", patch("title", "x"), "Restart provisioning"),
    ("PATCH", "/Users/x", patch("id", "x"), "target attribute is id"),
    ("PATCH", "/Users/x", patch("emails[", "x"), "Edit attribute list"),
    ("GET", "/Users?filter=userName", None, "match on userName"),
    ("GET", "/nowhere", None, "Copy the Tenant URL"),
]


@pytest.mark.parametrize(("method", "path", "body", "told"), CASES)
def test_advice(ada, send, method, path, body, told):
    """A refusal is explained in the words of the Azure portal, with the names of what was sent."""
    send("POST", "/Users", {"userName": "anna@x"})
    answer = send(method, path, body)
    assert answer.status >= 400
    page = unescape(ada.get("/?row=2").text)
    assert told in page.split("What to change")[1].split("</section>")[0]
    assert answer.json["detail"] in page


def test_advice_for_what_another_version_wrote(ada, send, store):
    """A row whose code is not known, or that has none, opens all the same."""
    send("POST", "/Users", {"userName": ""})
    for code, shown in (("'gone'", True), ("NULL", False)):
        store.database.execute_sql(f"UPDATE activity SET code = {code}, facts = NULL")  # noqa: S608
        assert ("What to change" in ada.get("/?row=1").text) is shown


# Wrong passwords


@pytest.mark.parametrize(
    ("wrong", "seconds"), [(0, 0), (9, 0), (10, 1), (11, 2), (14, 16), (20, 900), (10**6, 900)]
)
def test_the_wait_grows(wrong, seconds):
    """Ten answers cost nothing, then it doubles, up to a quarter of an hour: never a lock."""
    assert login_throttle.pause(wrong) == seconds


def test_a_wait_harms_nobody_else(store):
    """It is of one account from one address, and ends with the right password."""
    for _ in range(15):
        login_throttle.wrong(store, "Ada", "10.0.0.1")
    assert 30 < login_throttle.wait(store, "ada", "10.0.0.1") <= 32
    assert login_throttle.wait(store, "ada", "10.0.0.2") == login_throttle.wait(store, "bob", "10.0.0.1") == 0
    login_throttle.right(store, "ada", "10.0.0.1")
    assert login_throttle.wait(store, "ada", "10.0.0.1") == 0
    assert "ada" not in str(store.database.execute_sql("SELECT * FROM attempt").fetchall())


def test_waiting_is_told(app, store):
    """429 with Retry-After; the right password does not help until then, and does afterwards."""
    from helpers.browser import Browser

    for _ in range(14):
        login_throttle.wrong(store, "ada", "127.0.0.1")
    browser = Browser(app)
    answer = browser.sign_in()
    assert answer.status_code == 429 and 0 < int(answer.headers["Retry-After"]) <= 16
    assert "Too many attempts, try again in" in answer.text
    store.database.execute_sql("UPDATE attempt SET last = ?", (before(seconds=20),))
    assert browser.sign_in().status_code == 303


# Health


def test_health_without_backup_and_certificate(ada, store):
    """None yet is said, not guessed."""
    assert disk.last_backup(store) is None
    page = ada.get(headers={"X-Part": "health"}).text
    assert "None yet" in page and "None</span>" in page


def test_the_last_backup(ada, store):
    """The newest file in backups."""
    folder = store.path.parent / copies.BACKUPS
    folder.mkdir()
    for name, hours in (("old.db", 30), ("new.db", 3)):
        (folder / name).write_bytes(b"x" * 1500)
        moment = (datetime.now(UTC) - timedelta(hours=hours)).timestamp()
        os.utime(folder / name, (moment, moment))
    assert disk.last_backup(store).name == "new.db"
    page = ada.get(headers={"X-Part": "health"}).text
    assert "3 hours ago" in page and "new.db, 1.5 kB" in page


def make_certificate(file, days):
    """A self-signed certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "scim.example.org")])
    found = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("scim.example.org")]), False)
        .sign(key, hashes.SHA256())
    )
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(found.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("days", "mark"), [(20, '<span class="bad">expires in 20 days'), (90, "expires in 90 days")]
)
def test_the_certificate(ada, store, days, mark):
    """Its names, whether it is self-signed, and its end."""
    make_certificate(certificates.of(store.path.parent).cert, days)
    page = " ".join(ada.get(headers={"X-Part": "health"}).text.split())
    assert mark in page and "scim.example.org; self-signed" in page


def test_a_broken_certificate(ada, store):
    """Told as none rather than as an error."""
    file = certificates.of(store.path.parent).cert
    file.parent.mkdir()
    file.write_bytes(b"no certificate")
    assert "None</span>" in ada.get(headers={"X-Part": "health"}).text


# Wording


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: format.ago(before(seconds=5)), "just now"),
        (lambda: format.ago(before(minutes=12)), "12 minutes ago"),
        (lambda: format.ago(before(hours=1)), "1 hour ago"),
        (lambda: format.ago(before(days=40)), "40 days ago"),
        (lambda: format.ahead(before(days=-3, seconds=-5)), "in 3 days"),
        (lambda: format.ahead(before(days=3)), "expired"),
        (lambda: format.span("2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"), "9 s"),
        (lambda: format.span("2026-01-01T00:00:00Z", "2026-01-01T00:02:05Z"), "2 min 05 s"),
        (lambda: format.span("2026-01-01T00:00:00Z", "2026-01-01T03:04:05Z"), "3 h 04 min"),
        (lambda: format.size(0), "0 bytes"),
        (lambda: format.size(1500), "1.5 kB"),
        (lambda: format.size(157_000_000), "157 MB"),
        (lambda: format.size(5 * 10**15), "5000.0 TB"),
        (lambda: format.count(1, "person", "people"), "1 person"),
        (lambda: format.count(1204, "person", "people"), "1,204 people"),
    ],
)
def test_wording(call, told):
    """Times, sizes and numbers as a person says them."""
    assert call() == told


def test_mapped():
    """A document in the lines of Azure's attribute mapping."""
    urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    document = {
        "schemas": ["x"],
        "userName": "a",
        "active": True,
        "name": {"givenName": "A"},
        "emails": [{"type": "work", "value": "a@x", "primary": True}],
        "roles": ["r", {"value": "s"}],
        urn: {"department": "D", "manager": {"value": "m"}},
    }
    assert format.mapped(document) == [
        ("userName", "a"),
        ("active", "true"),
        ("name.givenName", "A"),
        ('emails[type eq "work"].value', "a@x"),
        ('emails[type eq "work"].primary', "true"),
        ("roles", "r"),
        ("roles.value", "s"),
        (f"{urn}:department", "D"),
        (f"{urn}:manager.value", "m"),
    ]


def test_the_pictures_fit_the_tables(store, send):
    """What `make screenshots` puts into the past is there as cycles."""
    pytest.importorskip("playwright")
    from tests.screenshots import in_the_past

    send("POST", "/Users", {"userName": "ada"})
    in_the_past(store)
    runs = cycles.worked(store, 99, 99)
    assert len(runs) > 15 and runs[-1].created == 1
