"""What a hot request costs in statements, and that it uses an index; seconds are for bench/."""

import json
from urllib.parse import quote

import pytest

from promapp_lite.scim import limits
from promapp_lite.store import engine

USER = {"userName": "u@x", "emails": [{"type": "work", "value": "u@x"}], "externalId": "e1"}


@pytest.fixture
def count(store, send):
    """count(method, path, body): the SQL statements a request runs, transaction marks left out."""
    send("GET", "/Users")  # the token's last use is written
    send("POST", "/Users", {"userName": "first of the cycle"})

    def count(method, path, body=None):
        seen = []

        def watched(run):
            return lambda sql, params=None: seen.append(sql) or run(sql, params)

        with pytest.MonkeyPatch.context() as patch:
            for database in (store.database, store.writer):
                patch.setattr(database, "execute_sql", watched(database.execute_sql))
            answer = send(method, path, body)
        assert answer.status < 300, answer.json
        return seen

    return count


@pytest.fixture
def user(send):
    """A user's id."""
    return send("POST", "/Users", USER).json["id"]


def patch(*operations):
    """A PATCH body."""
    return {"Operations": [dict(zip(("op", "path", "value"), each, strict=False)) for each in operations]}


def test_reading_a_user(count, send, user):
    """Token and user, and where it is in groups these and what they are in."""
    assert len(count("GET", f"/Users/{user}")) == 2
    send("POST", "/Groups", {"displayName": "g", "members": [{"value": user}]})
    assert len(count("GET", f"/Users/{user}")) == 4
    assert len(count("GET", f"/Users/{user}?excludedAttributes=groups")) == 2


@pytest.mark.parametrize(
    "filter",
    ["userName eq %22u@x%22", "externalId eq %22e1%22", "emails[type eq %22work%22].value eq %22u@x%22"],
)
def test_finding_a_user(count, user, filter):
    """Token and page: no count where the page is not full, no groups where there are none."""
    assert len(count("GET", f"/Users?filter={filter}")) == 2


def test_finding_nobody(count):
    """Token and page."""
    assert len(count("GET", "/Users?filter=userName eq %22nobody%22")) == 2


def test_making_a_user(count):
    """Token, user, e-mail, activity."""
    assert len(count("POST", "/Users", USER)) == 4


def test_changing_a_user(count, user):
    """Token, read, write, activity; nothing is written twice."""
    assert (
        len(count("PATCH", f"/Users/{user}", patch(("replace", "title", "x"), ("replace", "nickName", "y"))))
        == 4
    )
    again = count("PATCH", f"/Users/{user}", patch(("replace", "title", "x")))
    assert not any(sql.startswith('UPDATE "users"') for sql in again)


def test_a_page(count, send):
    """A page costs the same statements for 1 and for 50 people."""
    for number in range(50):
        send("POST", "/Users", {"userName": f"u{number}"})
    assert len(count("GET", "/Users?count=1")) == len(count("GET", "/Users?count=50")) == 4


@pytest.mark.parametrize("size", [0, 500])
def test_a_member_costs_the_same_in_any_group(count, send, size):
    """PATCH of a group never reads its members."""
    members = [{"value": f"m{number}"} for number in range(size)]
    group = send("POST", "/Groups", {"displayName": "g", "members": members}).json["id"]
    seen = count("PATCH", f"/Groups/{group}", patch(("add", "members", [{"value": "new"}])))
    assert len(seen) == 5
    assert not any('FROM "member"' in sql for sql in seen)
    seen = count("PATCH", f"/Groups/{group}", patch(("remove", 'members[value eq "new"]', None)))
    assert len(seen) == 5


def test_many_members_are_one_statement(count, send):
    """A thousand members in one operation are one INSERT."""
    group = send("POST", "/Groups", {"displayName": "g"}).json["id"]
    members = [{"value": f"m{number}"} for number in range(1000)]
    assert len(count("PATCH", f"/Groups/{group}", patch(("add", "members", members)))) == 5


def test_a_group_without_members(count, send):
    """excludedAttributes=members does not read them."""
    group = send("POST", "/Groups", {"displayName": "g", "members": [{"value": "m"}]}).json["id"]
    for path in (f"/Groups/{group}?excludedAttributes=members", "/Groups?excludedAttributes=members"):
        assert not any("member" in sql for sql in count("GET", path))


FAST = {
    "/Users": [
        'userName eq "u"',
        'id eq "u"',
        'externalId eq "u"',
        'emails.value eq "u"',
        'emails[type eq "work"].value eq "u"',
        'emails[type eq "work" and value eq "u"]',
        'id eq "u" and manager eq "m"',
        'userName eq "u" or externalId eq "u"',
    ],
    "/Groups": ['displayName eq "g"', 'id eq "g" and members eq "m"', 'externalId eq "e"', 'members eq "m"'],
}


@pytest.mark.parametrize(("path", "filter"), [(path, text) for path in FAST for text in FAST[path]])
def test_matching_filters_use_an_index(store, count, path, filter):
    """No matching filter of Entra's reads the whole table."""
    (sql,) = [sql for sql in count("GET", f"{path}?filter={filter}".replace('"', "%22")) if "LIMIT" in sql]
    plan = store.database.execute_sql("EXPLAIN QUERY PLAN " + sql, ["x"] * sql.count("?")).fetchall()
    steps = [row[3] for row in plan]
    wanted = "member" if filter == 'members eq "m"' else "t1"
    assert any(step.startswith("SEARCH") for step in steps), steps
    if wanted == "t1":
        assert not any(step.startswith("SCAN t1") for step in steps), steps


def test_one_activity_row_a_write(send, store, user):
    """Each write and each failure leaves one row, with what changed or why not."""
    send("PATCH", f"/Users/{user}", patch(("replace", "title", "Boss")))
    send("PATCH", f"/Users/{user}", patch(("replace", "active", "False")))
    send("POST", "/Users", USER)
    send("DELETE", f"/Users/{user}")
    send("GET", f"/Users/{user}")
    rows = store.database.execute_sql(
        "SELECT action, status, scim_type, name, resource_id = ?, changes FROM activity ORDER BY id", (user,)
    ).fetchall()
    assert [row[:5] for row in rows] == [
        ("create", 201, None, "u@x", 1),
        ("update", 200, None, "u@x", 1),
        ("disable", 200, None, "u@x", 1),
        ("fail", 409, "uniqueness", "u@x", None),
        ("delete", 204, None, "u@x", 1),
        ("fail", 404, None, None, 1),
    ]
    assert json.loads(rows[1][5]) == [{"path": "title", "before": None, "after": "Boss"}]
    kept = json.loads(rows[4][5])["resource"]
    assert kept["id"] == user and kept["doc"]["title"] == "Boss"


def test_a_failed_write_leaves_only_its_failure(send, store, user):
    """The transaction of a refused request is undone, its activity row is not."""
    send("POST", "/Users", {"userName": "U@X", "emails": [{"value": "other@x"}]})
    emails = store.database.execute_sql("SELECT value_key FROM email").fetchall()
    assert emails == [("u@x",)]


def test_the_probe_of_test_connection_is_kept(send, store):
    """A search for a random GUID is Test Connection: kept once a minute, not once a look-up."""
    for _ in range(3):
        send("GET", "/Users?filter=userName+eq+%227d420df3-9995-4831-a406-ecf8166f5f6a%22")
    send("GET", "/Users?filter=userName+eq+%22nobody%22")
    rows = store.database.execute_sql("SELECT action, resource_type FROM activity").fetchall()
    assert rows == [("test", "User")]


def test_a_change_within_the_document_names_no_index(count, user):
    """What is not matched by is written without the columns that indexes are made of; a rename with them."""

    def written(*operation):
        found = count("PATCH", f"/Users/{user}", patch(operation))
        return next(sql for sql in found if sql.startswith('UPDATE "users"'))

    assert "user_key" not in written("replace", "title", "x")
    assert "user_key" in written("replace", "userName", "other@x")
    assert "active" in written("replace", "active", False)
    assert "external_id" in written("replace", "externalId", "e2")


@pytest.fixture
def steps(store, send):
    """steps(filter): how far SQLite's virtual machine runs to answer it, in hundreds of instructions."""

    def steps(text):
        seen = []
        connection = store.database.connection()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "SEARCH_SECONDS", 1000)
            patch.setattr(engine.sqlite, "STEPS", 100)
            patch.setattr(engine.sqlite.time, "monotonic", lambda: seen.append(1) or 0)
            answer = send("GET", f"/Users?filter={quote(text)}")
        assert answer.status == 200, answer.json
        assert connection is store.database.connection()
        return len(seen), answer.json["totalResults"]

    return steps


def join(send, count, groups, prefix):
    """Make people who are all in some new groups, which are in one more; the last group's id."""
    made = [
        {"method": "POST", "path": "/Users", "bulkId": f"u{n}", "data": {"userName": f"{prefix}{n}"}}
        for n in range(count)
    ]
    members = [{"value": f"bulkId:u{n}"} for n in range(count)]
    made += [
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": f"g{n}",
            "data": {"displayName": f"{prefix} {n}", "members": members},
        }
        for n in range(groups)
    ]
    inner = [{"value": f"bulkId:g{n}"} for n in range(groups)]
    made += [
        {
            "method": "POST",
            "path": "/Groups",
            "bulkId": "top",
            "data": {"displayName": f"{prefix} top", "members": inner},
        }
    ]
    answer = send("POST", "/Bulk", {"Operations": made})
    assert {each["status"] for each in answer.json["Operations"]} == {"201"}
    return answer.json["Operations"][-1]["location"].rsplit("/", 1)[1]


IN_GROUP = {  # filters about one person or one small group
    'userName eq "few0" and groups.value eq "{}"': 1,
    'groups[value eq "{}" and type eq "indirect"] and userName eq "FEW0"': 1,
    'userName eq "few0" and not (groups.value eq "{}")': 0,
    'userName eq "few0" and groups pr': 1,
    'groups.value eq "{}"': 3,
    'groups[value eq "{}"]': 3,
}


def test_is_she_in_that_group(send, steps):
    """Costs what she and the group have, not what all others have: a walk, and no closure of everybody."""
    group = join(send, 3, 2, "few")
    before = {text: steps(text.format(group)) for text in IN_GROUP}
    join(send, 150, 20, "many")
    for text, found in IN_GROUP.items():
        cost, total = steps(text.format(group))
        assert total == before[text][1] == found, text
        assert cost <= 2 * before[text][0] + (10 if "userName" in text else 40), text
