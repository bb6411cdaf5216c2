"""export: people, groups and activity for other programs, complete and of one state."""

import csv
import io
import json
import tracemalloc

import pytest

from promapp_lite import csvio
from promapp_lite.errors import UserError
from promapp_lite.store.snapshots import export

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ADA = {
    "userName": "ada@example.org",
    "displayName": 'Ada, "Countess"',
    "name": {"givenName": "Ada", "familyName": "Lövelace"},
    "emails": [{"value": "b@example.org"}, {"value": "a@example.org", "primary": True}],
    "active": True,
    ENTERPRISE: {"department": "=1+1", "manager": {"value": "somebody"}},
}
BASE = "https://scim.example.org/api/scim"


@pytest.fixture
def company(send):
    """Ada, a person with nothing but a name, and a group of both."""
    ids = [send("POST", "/Users", each).json["id"] for each in (ADA, {"userName": "b"})]
    body = {"displayName": "All", "members": [{"value": id} for id in ids]}
    return [*ids, send("POST", "/Groups", body).json["id"]]


def text(store, share, form):
    """The whole export."""
    return "".join(export.export(store, share, form, BASE))


def table(store, share):
    """The CSV export, read again."""
    return list(csv.DictReader(io.StringIO(text(store, share, "csv"), newline="")))


def test_it_works(store, company):
    """One line a person; commas, quotes and umlauts survive; the primary address is taken."""
    ada, other = table(store, "users")
    assert ada["id"] == company[0]
    assert (ada["displayName"], ada["familyName"]) == (ADA["displayName"], "Lövelace")
    assert (ada["email"], ada["manager"], ada["active"]) == ("a@example.org", "somebody", "true")
    assert (other["userName"], other["email"], other["title"]) == ("b", "", "")


def test_no_cell_is_a_formula(store, company):
    """What a spreadsheet would run is text."""
    assert table(store, "users")[0]["department"] == "'=1+1"


@pytest.mark.parametrize("value", ["=a", "+a", "-a", "@a", "\ta", "\ra"])
def test_formulas_in_every_form(value):
    """All that begins a formula, in one program or another."""
    assert csvio.cell(value) == f"'{value}"


def test_groups(store, company):
    """One line a group, its members by id."""
    (group,) = table(store, "groups")
    assert group["displayName"] == "All"
    assert sorted(group["members"].split()) == sorted(company[:2])


def test_activity(store, company):
    """One line a row; request bodies stay inside."""
    rows = table(store, "activity")
    assert [row["action"] for row in rows].count("create") == 3
    assert "request" not in rows[0]


@pytest.mark.parametrize("share", export.SHARES)
def test_json_is_what_csv_is(store, company, share):
    """The same records, with their types."""
    assert [list(each) for each in json.loads(text(store, share, "json"))] == [
        list(each) for each in table(store, share)
    ]


def test_scim_is_what_the_api_lists(store, company, send):
    """Every resource as the API shows it, under the public address."""
    for share in ("users", "groups"):
        listed = json.loads(text(store, share, "scim"))
        assert listed["totalResults"] == len(listed["Resources"])
        for each in listed["Resources"]:
            api = send("GET", f"/{share.title()}/{each['id']}").json
            assert each["meta"]["location"].startswith(BASE)
            assert {name: each[name] for name in api if name not in ("meta", "members", "groups")} == {
                name: api[name] for name in api if name not in ("meta", "members", "groups")
            }


def test_scim_groups_have_their_members(store, company):
    """By id."""
    (group,) = json.loads(text(store, "groups", "scim"))["Resources"]
    assert sorted(each["value"] for each in group["members"]) == sorted(company[:2])


@pytest.mark.parametrize("share", export.SHARES)
def test_of_nothing(store, share):
    """No people yet: a head without lines, an empty array, an empty list."""
    assert table(store, share) == []
    assert text(store, share, "csv").count("\r\n") == 1
    assert json.loads(text(store, share, "json")) == []


def test_activity_has_no_scim_form(store):
    """UserError, before anything is written."""
    with pytest.raises(UserError, match="csv or json"):
        export.export(store, "activity", "scim", BASE)


@pytest.mark.parametrize(
    ("share", "form"), [("users", "csv"), ("users", "scim"), ("groups", "json"), ("activity", "csv")]
)
def test_an_export_needs_the_memory_of_one_resource(store, share, form):
    """Not of all: rows are read as they are written."""
    many = "WITH RECURSIVE each(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each LIMIT 4000) "
    doc = json.dumps({"userName": "u", "displayName": "d", "title": "x" * 2000})
    for kind, columns in (("users", "display_name, user_key"), ("groups", "display_name, display_key")):
        store.database.execute_sql(
            f'{many} INSERT INTO "{kind}" (id, doc, version, created, modified, {columns}) '  # noqa: S608
            "SELECT 'id' || n, ?, 1, '2026-01-01', '2026-01-01', 'u', 'u' || n FROM each",
            (doc,),
        )
    store.database.execute_sql(
        f"{many} INSERT INTO activity (at, method, path, action, status, ms, times, indexed, detail) "  # noqa: S608
        "SELECT '2026-01-01T00:00:00.000Z', 'GET', '/', 'test', 200, 1, 1, 1, ? FROM each",
        ("x" * 2000,),
    )
    written = 0
    tracemalloc.start()
    for piece in export.export(store, share, form, "https://x"):
        written += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert written > 400_000 and peak < 1_000_000
