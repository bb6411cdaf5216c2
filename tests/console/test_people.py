"""People and groups on the page: found, opened, restored."""

import re

import pytest

from promapp_lite.scim.resource_types import USERS
from promapp_lite.store.activity import indexer
from promapp_lite.store.directory import people, search


@pytest.fixture
def ada(signed_in):
    """A browser ada is signed in with."""
    return signed_in


ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def make(send, name, **facts):
    """A user's id."""
    return send(
        "POST", "/Users", {"userName": f"{name.lower()}@contoso.com", "displayName": name, **facts}
    ).json["id"]


def found(store, text, show="people"):
    """The names a search finds."""
    indexer.catch_up(store)
    return sorted(each.name for each in people.listed(store, show, text))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["Anna Müller"], {"anna", "muller"}),
        (["anna.o'brien_x@contoso.com"], {"anna", "o", "brien", "x", "contoso", "com"}),
        (["ÇELİK", None, ""], {"celik"}),
        (["Weiß ﬁne"], {"weiss", "fine"}),
        (["日本語 の"], {"日本語", "の"}),
        (["x" * 99], {"x" * 40}),
        (["--- ..."], set()),
    ],
)
def test_words(texts, words):
    """Texts are found without case and accents, word by word."""
    assert search.words(texts) == words


def test_a_hostile_name_has_few_words():
    """However long, a name costs a bounded number of rows."""
    assert len(search.words([" ".join(map(str, range(5000)))])) == search.MAX_WORDS


@pytest.mark.parametrize("text", ["an", "ANN", "müll", "mull anna", "anna.muller@contoso", "  muller  "])
def test_search_finds(store, send, text):
    """By the beginnings of the words of name, userName and e-mail, in any order."""
    make(send, "Other")
    send("POST", "/Users", {"userName": "anna.muller@contoso.com", "displayName": "Anna Müller"})
    assert found(store, text) == ["Anna Müller"]


@pytest.mark.parametrize("text", ["nna", "anna x", "%", "_", "'", "anna muller zz"])
def test_search_finds_nobody(store, send, text):
    """All words must begin so; marks are no wildcards."""
    make(send, "Anna")
    assert text in ("%", "_", "'") or found(store, text) == []


def test_search_follows_changes(store, send):
    """A rename, a new address and a delete are found at once."""
    user = make(send, "Before", emails=[{"type": "work", "value": "old@x"}])
    send(
        "PATCH",
        f"/Users/{user}",
        {"Operations": [{"op": "replace", "path": "displayName", "value": "After"}]},
    )
    assert found(store, "after") == ["After"] and found(store, "before") == ["After"]  # still the userName
    send("PUT", f"/Users/{user}", {"userName": "new@x"})
    assert found(store, "old") == found(store, "before") == [] and found(store, "new") == ["new@x"]
    send("DELETE", f"/Users/{user}")
    assert found(store, "new") == []
    assert store.database.execute_sql("SELECT COUNT(*) FROM word WHERE kind = 'User'").fetchone() == (0,)


def test_nobody_twice(store, send):
    """Two words that begin alike are one person."""
    make(send, "Anna Annason")
    assert found(store, "ann") == ["Anna Annason"]


def test_states(store, send, ada):
    """Active, disabled, groups and deleted are told apart."""
    make(send, "Active")
    make(send, "Off", active=False)
    gone = make(send, "Gone")
    send("DELETE", f"/Users/{gone}")
    send("POST", "/Groups", {"displayName": "Team"})
    assert [found(store, "", show) for show in people.SHOWN] == [
        ["Active", "Off"],
        ["Active"],
        ["Off"],
        ["Team"],
        ["gone@contoso.com"],
    ]
    assert people.counts(store) == {"people": 2, "active": 1, "disabled": 1, "groups": 1}
    assert found(store, "off", "active") == [] and found(store, "gone", "deleted") == ["gone@contoso.com"]
    assert "2 people, 1 of them disabled; 1 group." in " ".join(ada.get().text.split())


def test_pages(send, ada):
    """The newest first, page by page, nobody twice and nobody left out."""
    ids = [make(send, f"P{n}") for n in range(40)]
    path, seen = "/?show=people", []
    while path:
        shown = ada.get(path, headers={"X-Part": "people"}).text
        seen += re.findall(r'id="user-([^"]+)"', shown)
        older = re.search(r'id="older"\s+href="([^"#]+)', shown)
        path = older and older[1].replace("&amp;", "&")
    assert seen == ids[::-1]


def test_a_person_opens(send, ada):
    """Attributes in the mapping's own words, manager, groups also through others, history."""
    boss = make(send, "Boss")
    user = make(
        send,
        "Anna",
        emails=[{"type": "work", "value": "a@x", "primary": True}],
        **{ENTERPRISE: {"department": "Sales", "manager": {"value": boss}}},
    )
    inner = send("POST", "/Groups", {"displayName": "Inner", "members": [{"value": user}]}).json["id"]
    send("POST", "/Groups", {"displayName": "Outer", "members": [{"value": inner}]})
    page = ada.get(f"/?user={user}", headers={"X-Part": "people"}).text
    for text in ("emails[type eq &#34;work&#34;].value", "department", "Sales", "Boss", "Inner", "Outer"):
        assert text in page
    assert page.count("through another") == 1 and "Created" in page and "SCIM JSON, version" in page


def test_a_group_opens(send, ada):
    """Its members, paged; an id of nobody is shown as such."""
    ids = sorted(make(send, f"M{n}") for n in range(20))
    members = [{"value": id} for id in [*ids, "zzz-nobody"]]
    group = send("POST", "/Groups", {"displayName": "Team", "members": members}).json["id"]
    first = ada.get(f"/?show=groups&group={group}", headers={"X-Part": "people"}).text
    assert "21 members" in first and re.findall(r'id="member-([^"]+)"', first) == ids[:15]
    rest = ada.get(f"/?group={group}&after={ids[14]}", headers={"X-Part": "people"}).text
    assert re.findall(r'id="member-([^"]+)"', rest) == ids[15:] and "zzz-nobody" in rest


def deleted_row(store):
    """The newest delete's activity row."""
    return store.database.execute_sql("SELECT MAX(id) FROM activity WHERE action = 'delete'").fetchone()[0]


def test_restoring_a_person(store, send, ada):
    """The same id, document, addresses, words and memberships; one activity row by the admin."""
    user = make(send, "Anna", emails=[{"type": "work", "value": "anna@x"}], title="Boss")
    groups = [send("POST", "/Groups", {"displayName": name}).json["id"] for name in ("A", "B", "Gone")]
    for group in groups:
        body = {"Operations": [{"op": "add", "path": "members", "value": [{"value": user}]}]}
        send("PATCH", f"/Groups/{group}", body)
    before = send("GET", f"/Users/{user}").json
    send("DELETE", f"/Users/{user}")
    send("DELETE", f"/Groups/{groups[2]}")
    row = store.database.execute_sql(
        "SELECT id FROM activity WHERE resource_id = ? AND action = 'delete'", (user,)
    )
    answer = ada.post(f"/restore/{row.fetchone()[0]}")
    assert answer.status_code == 303 and user in answer.location
    after = send("GET", f"/Users/{user}").json
    assert {**after, "meta": 0, "groups": 0} == {**before, "meta": 0, "groups": 0}
    assert [each["display"] for each in after["groups"]] == ["A", "B"]
    assert after["meta"]["created"] == before["meta"]["created"]
    assert send("GET", "/Users?filter=emails.value eq %22anna@x%22").json["totalResults"] == 1
    assert found(store, "anna") == ["Anna"] and found(store, "", "deleted") == ["Gone"]
    last = store.database.execute_sql(
        "SELECT action, admin_id, token_id, resource_id FROM activity ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert last == ("restore", 1, None, user)
    assert "Restored" in ada.get(answer.location).text


def test_restoring_a_group(store, send, ada):
    """With its members."""
    user = make(send, "Anna")
    group = send("POST", "/Groups", {"displayName": "Team", "members": [{"value": user}]}).json["id"]
    send("DELETE", f"/Groups/{group}")
    assert ada.post(f"/restore/{deleted_row(store)}").status_code == 303
    assert [each["value"] for each in send("GET", f"/Groups/{group}").json["members"]] == [user]


def test_restoring_twice(store, send, ada):
    """409 says that it is here already."""
    send("DELETE", f"/Users/{make(send, 'Anna')}")
    row = deleted_row(store)
    assert ada.post(f"/restore/{row}").status_code == 303
    again = ada.post(f"/restore/{row}")
    assert again.status_code == 409 and "already exists" in again.text


def test_restoring_where_the_name_is_taken(store, send, ada):
    """409 says what to do, and nothing has changed."""
    send("DELETE", f"/Users/{make(send, 'Anna')}")
    make(send, "ANNA")
    answer = ada.post(f"/restore/{deleted_row(store)}")
    assert answer.status_code == 409 and "now has the userName anna@contoso.com" in answer.text
    assert found(store, "anna") == ["ANNA"]


@pytest.mark.parametrize("row", [1, 999])
def test_restoring_what_was_no_delete(send, ada, row):
    """409 for a row that tells of no delete."""
    make(send, "Anna")
    assert ada.post(f"/restore/{row}").status_code == 409


def test_the_words_are_of_the_document():
    """Every text a person is looked for by is read."""
    document = {
        "userName": "a",
        "displayName": "b",
        "name": {"givenName": "c"},
        "emails": [{"value": "d"}, {}],
    }
    assert search.words(search.texts_of(USERS, document)) == {"a", "b", "c", "d"}


def test_search_probes_words_of_one_person(store):
    """Further words are looked for at one person at a time, never through a whole range of the index."""
    query, position = people.LISTS["people"][1:3]
    sql, held = search.finding("User", ["a", "b", "c"], query, position).limit(1).sql()
    plan = [row[3] for row in store.database.execute_sql("EXPLAIN QUERY PLAN " + sql, held).fetchall()]
    assert [step for step in plan if "key>?" in step] == [plan[0]]
    assert sum("(kind=? AND seq=?)" in step for step in plan) == 3
