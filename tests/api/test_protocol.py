"""The protocol around resources: versions, routes, mounts, search, bulk, PUT, groups, parameters, paging."""

import re
from urllib.parse import quote

import pytest

from promapp_lite import clock
from promapp_lite.config import MOUNTS
from promapp_lite.scim.schema import ENTERPRISE, USER

ERROR = ["urn:ietf:params:scim:api:messages:2.0:Error"]
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def made(send, path, **body):
    """A new resource as it was answered."""
    answer = send("POST", path, body)
    assert answer.status == 201, answer.json
    return answer.json


def patch(*operations):
    """A PATCH body of (op, path, value)."""
    return {"Operations": [dict(zip(("op", "path", "value"), each, strict=False)) for each in operations]}


def refused(answer, status, scim_type=None):
    """Whether an answer is a SCIM error of that status and scimType, with words."""
    body = answer.json
    assert answer.status == status, body
    assert (body["schemas"], body["status"], body.get("scimType")) == (ERROR, str(status), scim_type)
    assert body["detail"] and answer.headers["Content-Type"] == "application/scim+json"
    return True


@pytest.fixture
def ada(send):
    """A user."""
    return made(send, "/Users", userName="ada", title="Countess")


# Versions (RFC 7644 §3.14)

TAGS = {
    'W/"1"': True,
    '"1"': True,
    "*": True,
    'W/"7", W/"1"': True,
    'W/"2"': False,
    '"7","8"': False,
    "W/1": True,  # without quotes, as some clients write it
    "rubbish": False,
    '""': False,
}


@pytest.mark.parametrize("tag", TAGS)
def test_if_match(send, ada, tag):
    """If-Match guards each write: 412 and nothing changed where it does not name the version."""
    path, headers = f"/Users/{ada['id']}", {"If-Match": tag}
    if not TAGS[tag]:
        assert refused(send("PUT", path, {"userName": "eve"}, headers), 412)
        assert refused(send("PATCH", path, patch(("remove", "title")), headers), 412)
        assert refused(send("DELETE", path, headers=headers), 412)
        assert send("GET", path).json == ada
        return
    assert send("PATCH", path, patch(("add", "title", "Countess")), headers).status == 200
    assert send("PUT", path, {"userName": "ada", "title": "Countess"}, headers).status == 200
    assert send("DELETE", path, headers=headers).status == 204


@pytest.mark.parametrize("tag", TAGS)
def test_if_none_match(send, ada, tag):
    """304 without a body where the caller has this version, else the resource."""
    for method in ("GET", "HEAD"):
        answer = send(method, f"/Users/{ada['id']}", headers={"If-None-Match": tag})
        assert answer.status == (304 if TAGS[tag] else 200)
        assert answer.headers["ETag"] == 'W/"1"'
        assert (answer.json is None) is (TAGS[tag] or method == "HEAD")


def test_versions_count_changes(send, ada):
    """A version counts changes: a write that changes nothing keeps it; header and meta agree."""
    path = f"/Users/{ada['id']}"
    again = send("PATCH", path, patch(("replace", "title", "Countess")))
    assert (again.headers["ETag"], again.json) == ('W/"1"', ada)
    changed = send("PATCH", path, patch(("replace", "title", "Lady")))
    assert changed.headers["ETag"] == changed.json["meta"]["version"] == 'W/"2"'
    assert changed.json["meta"]["created"] == ada["meta"]["created"] <= changed.json["meta"]["lastModified"]


def test_versions_of_groups(send, ada):
    """A group's version counts its members' coming and going too."""
    group = made(send, "/Groups", displayName="g")
    path = f"/Groups/{group['id']}"
    member = [{"value": ada["id"]}]
    steps = [("add", 2), ("add", 2), ("remove", 3), ("remove", 3)]
    for op, version in steps:
        assert send("PATCH", path, patch((op, "members", member))).headers["ETag"] == f'W/"{version}"'
    stale = send("PATCH", path, patch(("add", "members", member)), {"If-Match": 'W/"1"'})
    assert refused(stale, 412)
    assert send("GET", path).json["members"] == []


# Routes

ROOMS = ("/Users", "/Groups", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/", "")


@pytest.mark.parametrize("mount", MOUNTS)
def test_mounts(send, ada, mount):
    """Every room answers under every mount, with and without a trailing slash, to HEAD as to GET."""
    for spelled in [path + end for path in ROOMS for end in ("", "/", "?aadOptscim062020")]:
        got, head = send("GET", spelled, base=mount), send("HEAD", spelled, base=mount)
        assert got.status == head.status == 200, (spelled, got.json)
        assert head.json is None and head.headers["Content-Type"] == got.headers["Content-Type"]
        assert got.headers["Content-Type"] == "application/scim+json"


@pytest.mark.parametrize("mount", MOUNTS)
def test_locations(send, mount):
    """Location, meta.location and $ref name the mount that was asked."""
    answer = send("POST", "/Users", {"userName": "ada"}, base=mount)
    where = answer.headers["Location"]
    assert where == answer.json["meta"]["location"] and where.endswith(f"{mount}/Users/{answer.json['id']}")
    group = send(
        "POST", "/Groups/", {"displayName": "g", "members": [{"value": answer.json["id"]}]}, base=mount
    )
    assert group.json["members"][0]["$ref"] == where
    user = send("GET", f"/Users/{answer.json['id']}/", base=mount).json
    assert user["groups"][0]["$ref"] == group.headers["Location"]
    other = send(
        "GET", f"/Users/{answer.json['id']}", base=next(each for each in MOUNTS if each != mount)
    ).json
    assert other["meta"]["location"] != where and other["id"] == user["id"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:81", "a b", "'\"><", "127.0.0.1\t"])
def test_the_host_header_is_not_reflected(send, host):
    """No address in an answer comes from the client's Host header, nor from a proxy's unasked."""
    forged = {"Host": host, "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    answer = send("POST", "/Users", {"userName": "ada"}, forged)
    assert answer.status == 201
    assert "evil" not in str(answer.json) + str(answer.headers)
    assert host not in answer.headers["Location"]
    for path in ("/Users", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/nowhere"):
        found = send("GET", path, headers=forged)
        assert "evil" not in str(found.json) + str(found.headers)


NOWHERE = [
    "/nowhere",
    "/users",
    "/Users/a/b",
    "/Users/.search/x",
    "/Me/x",
    "/Bulk/x",
    "/Schemas/a/b",
    "/%2e%2e",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_nowhere(send, method):
    """What is nowhere is a SCIM 404."""
    for path in NOWHERE:
        assert refused(send(method, path, {} if method != "GET" else None), 404)


WRONG_METHODS = [
    ("PUT", "/Users"), ("PATCH", "/Users"), ("DELETE", "/Users"), ("POST", "/Users/x"),
    ("DELETE", "/Schemas"),
    ("POST", "/ServiceProviderConfig"), ("GET", "/Bulk"), ("PUT", "/Groups/.search/"), ("OPTIONS", "/Users"),
    ("TRACE", "/Users"), ("PROPFIND", "/Users"), ("POST", "/"), ("PATCH", "/ResourceTypes/User"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRONG_METHODS)
def test_wrong_methods(send, method, path):
    """A method that a room does not have is a SCIM 405 with Allow, or 404 where it would need an id."""
    answer = send(method, path, {} if method in ("POST", "PUT", "PATCH") else None)
    assert answer.status in (404, 405) and refused(answer, answer.status)
    assert answer.status == 404 or answer.headers["Allow"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_me(send, method):
    """Me is a SCIM 501."""
    assert refused(send(method, "/Me", {} if method != "GET" else None), 501)


@pytest.mark.parametrize(
    "id", ["x", "%0d%0aX-Evil:%201", "%00", "a" * 5000, "%F0%9F%98%80", "..", "%C0%AF", "1;--"]
)
def test_unknown_ids(send, id):
    """An id that is nobody's is a SCIM 404, and nothing of it reaches a header."""
    for room in ("/Users/", "/Groups/", "/Schemas/", "/ResourceTypes/"):
        answer = send("GET", room + id)
        assert refused(answer, 404)
        assert "X-Evil" not in answer.headers


def test_gone(send, ada):
    """After DELETE every method on it is 404, also a second DELETE."""
    path = f"/Users/{ada['id']}"
    deleted = send("DELETE", path)
    assert (deleted.status, deleted.json) == (204, None)
    for method, body in (
        ("GET", None),
        ("PUT", {"userName": "ada"}),
        ("PATCH", patch(("remove", "title"))),
        ("DELETE", None),
    ):
        assert refused(send(method, path, body), 404)
    assert refused(send("GET", path.replace("Users", "Groups")), 404)


@pytest.mark.parametrize(
    "kind", [None, "application/json", "text/plain", "Application/X+JSON; charset=utf-8", "garbage;;", ""]
)
def test_content_types(send, kind):
    """JSON, and what tools say that were not told; the answer is application/scim+json."""
    answer = send("POST", "/Users", {"userName": "ada"}, {"Content-Type": kind, "Accept": kind})
    assert (answer.status, answer.headers["Content-Type"]) == (201, "application/scim+json")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"7", b"null", b"NaN", b"\xff\xfe{\x00}\x00"])
def test_no_object(send, ada, body):
    """A body that is no JSON object is 400 invalidSyntax, for each method and room that takes one."""
    rooms = [("POST", "/Users"), ("POST", "/Groups"), ("POST", "/Bulk"), ("POST", "/.search")]
    for method, path in [*rooms, ("PUT", f"/Users/{ada['id']}"), ("PATCH", f"/Users/{ada['id']}")]:
        assert refused(send(method, path, body), 400, "invalidSyntax")


# PUT (RFC 7644 §3.5.1)


def test_put(send, ada):
    """PUT replaces all: what is left out goes, what the service keeps is ignored, `active` stays."""
    path = f"/Users/{ada['id']}"
    assert send("PATCH", path, patch(("replace", "active", False))).status == 200
    body = {
        "id": "other",
        "userName": "Ada",
        "nickName": "A",
        "meta": {"created": "1999-01-01T00:00:00Z", "version": "x"},
        "groups": [{"value": "x"}],
        ENTERPRISE: {"manager": {"value": "7", "displayName": "nobody"}},
    }
    answer = send("PUT", path, body)
    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"3"')
    assert (
        answer.json
        == send("GET", path).json
        == {
            "schemas": [USER, ENTERPRISE],
            "id": ada["id"],
            "userName": "Ada",
            "nickName": "A",
            "active": False,
            ENTERPRISE: {"manager": {"value": "7"}},
            "meta": {**ada["meta"], "lastModified": answer.json["meta"]["lastModified"], "version": 'W/"3"'},
        }
    )


def test_put_without_what_is_required(send, ada):
    """A PUT without userName or with somebody else's is refused and changes nothing."""
    made(send, "/Users", userName="bob")
    path = f"/Users/{ada['id']}"
    assert refused(send("PUT", path, {"title": "x"}), 400, "invalidValue")
    assert refused(send("PUT", path, {"userName": "BOB"}), 409, "uniqueness")
    assert send("GET", path).json == ada
    assert refused(send("PUT", "/Users/nobody", {"userName": "eve"}), 404)


def test_put_a_group(send, ada):
    """PUT sets the members to those named: none named, none left; externalId goes."""
    group = made(
        send, "/Groups", displayName="g", externalId="e", members=[{"value": ada["id"]}, {"value": "x"}]
    )
    path = f"/Groups/{group['id']}"
    put = send(
        "PUT", path, {"displayName": "h", "members": [{"value": "y"}, {"value": ada["id"]}, {"value": "y"}]}
    )
    assert put.status == 200 and "externalId" not in put.json
    assert sorted(each["value"] for each in put.json["members"]) == sorted([ada["id"], "y"])
    assert send("PUT", path, {"displayName": "h"}).json["members"] == []


# Groups


def test_a_deleted_user_leaves_all_groups(send, ada):
    """Memberships go with the user, the groups' versions count it, nobody else leaves."""
    groups = [
        made(send, "/Groups", displayName=f"g{n}", members=[{"value": ada["id"]}, {"value": "x"}])
        for n in range(3)
    ]
    assert send("DELETE", f"/Users/{ada['id']}").status == 204
    for group in groups:
        found = send("GET", f"/Groups/{group['id']}").json
        assert found["members"] == [{"value": "x"}] and found["meta"]["version"] == 'W/"2"'


def test_a_deleted_group_leaves(send, ada):
    """A deleted group is in nobody's groups and in no group."""
    inner = made(send, "/Groups", displayName="inner", members=[{"value": ada["id"]}])
    outer = made(send, "/Groups", displayName="outer", members=[{"value": inner["id"]}])
    assert len(send("GET", f"/Users/{ada['id']}").json["groups"]) == 2
    assert send("DELETE", f"/Groups/{inner['id']}").status == 204
    assert "groups" not in send("GET", f"/Users/{ada['id']}").json
    assert send("GET", f"/Groups/{outer['id']}").json["members"] == []


def test_groups_through_nesting_and_cycles(send, ada):
    """`groups` follows groups in groups, also in a circle; each once, direct where it is."""
    a = made(send, "/Groups", displayName="a", members=[{"value": ada["id"]}])
    b = made(send, "/Groups", displayName="b", members=[{"value": a["id"]}])
    c = made(send, "/Groups", displayName="c", members=[{"value": b["id"]}, {"value": ada["id"]}])
    assert send("PATCH", f"/Groups/{a['id']}", patch(("add", "members", [{"value": c["id"]}]))).status == 204
    assert send("PATCH", f"/Groups/{a['id']}", patch(("add", "members", [{"value": a["id"]}]))).status == 204
    groups = send("GET", f"/Users/{ada['id']}").json["groups"]
    assert [(each["display"], each["type"]) for each in groups] == [
        ("a", "direct"),
        ("b", "indirect"),
        ("c", "direct"),
    ]
    assert [each["value"] for each in groups] == [each["id"] for each in (a, b, c)]
    for text in ('groups.display eq "B"', f'groups eq "{b["id"]}"', 'groups[type eq "indirect"]'):
        assert send("GET", f"/Users?filter={quote(text)}").json["totalResults"] == 1


def test_members_that_come_later(send):
    """An unknown id in members is kept, and shown whole once it is somebody (README)."""
    group = made(send, "/Groups", displayName="g", members=[{"value": "later"}])
    assert group["members"] == [{"value": "later"}]


# Searching

QUERY = {
    "filter": 'title eq "t"',
    "sortBy": "userName",
    "sortOrder": "descending",
    "startIndex": 2,
    "count": 2,
}


def test_search(send):
    """POST .search answers as GET does, for one room and for all (RFC 7644 §3.4.3)."""
    for n in range(5):
        made(send, "/Users", userName=f"u{n}", title="t", nickName="n")
        made(send, "/Groups", displayName=f"g{n}", title="t")
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        **QUERY,
        "attributes": ["userName"],
    }
    got = send(
        "GET", f"/Users?{'&'.join(f'{k}={quote(str(v))}' for k, v in QUERY.items())}&attributes=userName"
    ).json
    for path in ("/Users/.search", "/Users/.search/"):
        assert send("POST", path, body).json == got
    assert (got["totalResults"], got["itemsPerPage"], got["startIndex"]) == (5, 2, 2)
    assert [each["userName"] for each in got["Resources"]] == ["u3", "u2"]
    assert all(set(each) == {"schemas", "id", "userName"} for each in got["Resources"])
    everything = send("POST", "/.search", {"filter": 'title eq "t"', "count": 7}).json
    assert (everything["totalResults"], everything["itemsPerPage"]) == (10, 7)
    assert send("POST", "/.search", {"filter": 'title eq "t"', "startIndex": 9}).json["itemsPerPage"] == 2
    assert send("GET", "/?count=0").json["totalResults"] == 10


@pytest.mark.parametrize("word", ["FILTER", "filter", "Filter"])
def test_parameters_in_any_case(send, ada, word):
    """Query parameters are found in any letter case; unknown ones and the flag do no harm."""
    made(send, "/Users", userName="bob")
    text = quote('userName eq "ADA"')
    for query in (
        f"{word}={text}",
        f"aadOptscim062020&{word}={text}",
        f"{word}={text}&x=y&aadOptscim062020=",
    ):
        found = send("GET", f"/Users?{query}&COUNT=1&STARTINDEX=1&ATTRIBUTES=title").json
        assert found["totalResults"] == 1 and found["Resources"][0]["title"] == "Countess"
        assert "userName" not in found["Resources"][0]


def test_the_first_of_each_parameter_counts(send, ada):
    """Whatever its letter case; a byte that is no text does no harm beside it."""
    assert send("GET", "/Users?count=0&COUNT=1&count=x").json["itemsPerPage"] == 0
    assert send("GET", "/Users?COUNT=1&count=0&a=%ff&%ff").json["itemsPerPage"] == 1
    assert send("GET", "/Users?filter=userName+eq+%22%ff%22").json["totalResults"] == 0


@pytest.mark.parametrize("blank", ["+", "%20"])
def test_blanks(send, ada, blank):
    """+ and %20 are blanks."""
    assert send("GET", f"/Users?filter=userName{blank}eq{blank}%22ada%22").json["totalResults"] == 1


NUMBERS = {
    "count=0": (0, 1), "count=-1": (0, 1), "count=2": (2, 1), "count=+2": (2, 1), "count=%2B2": (2, 1),
    "count=%202%20": (2, 1), "count=": (5, 1), "count=100000": (5, 1), "count=999999999999999999": (5, 1),
    "startIndex=0": (5, 1), "startIndex=-7": (5, 1), "startIndex=5": (1, 5), "startIndex=6": (0, 6),
    "startIndex=": (5, 1), "startIndex=999999999999999999": (0, 999999999999999999),
    "startIndex=3&count=2": (2, 3),
}  # fmt: skip


@pytest.mark.parametrize("more", ["", "&filter=userName+pr", "&sortBy=userName"])
def test_numbers(send, more):
    """count and startIndex as RFC 7644 §3.4.2.4 has them, whatever else is asked; the total stays true."""
    for n in range(5):
        made(send, "/Users", userName=f"u{n}")
    for query, wanted in NUMBERS.items():
        found = send("GET", f"/Users?{query}{more}").json
        assert (found["itemsPerPage"], found["startIndex"]) == wanted, query
        assert found["totalResults"] == 5 and len(found["Resources"]) == found["itemsPerPage"]


@pytest.mark.parametrize(
    "number", ["1_000", "١٢", "1.5", "1e3", "0x10", "ten", "9" * 19, "9" * 5000, "²", "--1"]
)
def test_no_numbers(send, number):
    """What int() would take or what is no number is refused."""
    for word in ("count", "startIndex"):
        assert refused(send("GET", f"/Users?{word}={quote(number)}"), 400, "invalidValue")
        assert refused(send("POST", "/Users/.search", {word: number}), 400, "invalidValue")


@pytest.mark.parametrize("query", ["sortBy=members", "sortBy=password", "sortBy=a.b.c", "sortBy=title.x"])
def test_no_order(send, query):
    """What there is no order by is refused."""
    path = "/Groups" if "members" in query else "/Users"
    assert refused(send("GET", f"{path}?{query}"), 400, "invalidPath")


@pytest.mark.parametrize("query", ["sortOrder=up", "sortBy=userName&sortOrder=1"])
def test_no_sort_order(send, query):
    """sortOrder is ascending or descending, in any letter case."""
    assert refused(send("GET", f"/Users?{query}"), 400, "invalidValue")
    assert send("GET", "/Users?sortBy=userName&sortOrder=DESCENDING").status == 200


CURSORS = ["x", "====", "YzE", "Yz0x", "YzFf", "a" * 101, "Y18x", "YysxMA", "é", "YzAx", quote("Yy0x")]


@pytest.mark.parametrize("cursor", CURSORS)
def test_cursors(send, cursor):
    """A cursor that was not given here is invalidCursor; `YzE` (c1) is one it could have given."""
    answer = send("GET", f"/Users?cursor={cursor}")
    if cursor == "YzE":
        assert answer.status == 200
        return
    assert refused(answer, 400, "invalidCursor")


def pages(send, query, between):
    """The userNames on all pages by cursor; `between` runs after each page."""
    seen, cursor = [], ""
    while cursor is not None:
        page = send("GET", f"/Users?cursor={cursor}&count=7{query}").json
        seen += [each["userName"] for each in page["Resources"]]
        cursor = page.get("nextCursor")
        between(page)
    return seen


@pytest.mark.parametrize("query", ["", "&filter=title+eq+%22t%22", "&filter=not+(nickName+pr)"])
def test_cursor_paging_while_others_write(send, query):
    """Nobody who stays is skipped or doubled while others come, change and go."""
    ids = {
        name: made(send, "/Users", userName=name, title="t")["id"] for name in map("u{:02}".format, range(40))
    }
    gone = iter(["u00", "u39", "u03", "u20", "u21", "u07"])
    number = iter(range(1000))

    def between(page):
        name = next(gone, None)
        if name:
            assert send("DELETE", f"/Users/{ids.pop(name)}").status == 204
            made(send, "/Users", userName=f"new{next(number)}", title="t")
        kept = page["Resources"][-1]["id"]
        send("PATCH", f"/Users/{kept}", patch(("add", "displayName", f"d{next(number)}")))

    seen = pages(send, query, between)
    assert len(seen) == len(set(seen))
    assert set(ids) <= set(seen)


# Bulk (RFC 7644 §3.7)


def bulk(send, *operations, **more):
    """The answers to bulk operations (method, path, data, further members)."""
    sent = [
        {"method": m, "path": p, **({} if d is None else {"data": d}), **rest} for m, p, d, rest in operations
    ]
    return send(
        "POST",
        "/Bulk",
        {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": sent, **more},
    )


def test_bulk_references(send):
    """bulkId: names what an operation before made, in values, lists and paths (§3.7.2)."""
    answer = bulk(
        send,
        ("POST", "/Users", {"userName": "ada"}, {"bulkId": "a"}),
        (
            "POST",
            "/Users",
            {"userName": "bob", ENTERPRISE: {"manager": {"value": "bulkId:a"}}},
            {"bulkId": "b"},
        ),
        ("POST", "/Groups", {"displayName": "g", "members": [{"value": "bulkId:a"}]}, {"bulkId": "g"}),
        ("PATCH", "/Groups/bulkId:g", patch(("add", "members", [{"value": "bulkId:b"}])), {}),
        ("PUT", "/Users/bulkId:b", {"userName": "rob"}, {"bulkId": "p"}),
        ("DELETE", "/Users/bulkId:a", None, {}),
    )
    assert answer.status == 200
    told = answer.json["Operations"]
    assert [each["status"] for each in told] == ["201", "201", "201", "200", "200", "204"]
    assert [each.get("bulkId") for each in told] == ["a", "b", "g", None, "p", None]
    ada, bob, group = (each["location"].rpartition("/")[2] for each in told[:3])
    assert [each["location"].rpartition("/")[2] for each in told[3:]] == [group, bob, ada]
    assert [each.get("version") for each in told] == ['W/"1"'] * 3 + ['W/"2"', 'W/"2"', None]
    assert [each["value"] for each in send("GET", f"/Groups/{group}").json["members"]] == [bob]
    assert GUID.fullmatch(bob)


def test_bulk_forward_references(send):
    """A reference to what comes later is refused with 409 and leaves the others (§3.7.1)."""
    answer = bulk(
        send,
        ("POST", "/Groups", {"displayName": "g", "members": [{"value": "bulkId:late"}]}, {"bulkId": "g"}),
        ("POST", "/Users", {"userName": "late"}, {"bulkId": "late"}),
        ("DELETE", "/Users/bulkId:never", None, {}),
    )
    first, second, third = answer.json["Operations"]
    assert (first["status"], first["response"]["scimType"], second["status"]) == (
        "409",
        "invalidValue",
        "201",
    )
    assert (third["status"], third["response"]["status"]) == ("409", "409")
    assert send("GET", "/Groups").json["totalResults"] == 0


@pytest.mark.parametrize(("limit", "done"), [(1, 2), (2, 4), (3, 5), (None, 5)])
def test_bulk_fail_on_errors(send, limit, done):
    """After failOnErrors failures nothing more is carried out; what stood before stays (§3.7.3)."""
    made(send, "/Users", userName="taken")
    names = ("a", "taken", "b", "TAKEN", "c")
    operations = [("POST", "/Users", {"userName": name}, {"bulkId": name}) for name in names]
    answer = bulk(send, *operations, **({"failOnErrors": limit} if limit else {}))
    told = answer.json["Operations"]
    assert [each["status"] for each in told] == ["201", "409", "201", "409", "201"][:done]
    there = {each["userName"] for each in send("GET", "/Users").json["Resources"]}
    assert there == {"taken", *(name for name in names[:done] if name.islower() and name != "taken")}


@pytest.mark.parametrize("limit", [0, -1, True, "1", 1.5, [], {}])
def test_bulk_wrong_limit(send, limit):
    """failOnErrors is a whole number from 1."""
    answer = bulk(send, ("POST", "/Users", {"userName": "a"}, {"bulkId": "a"}), failOnErrors=limit)
    assert refused(answer, 400, "invalidValue")
    assert send("GET", "/Users").json["totalResults"] == 0


BULK_REFUSED = [
    ({"method": "GET", "path": "/Users/x"}, "400", "invalidSyntax"),
    ({"method": 7, "path": "/Users"}, "400", "invalidSyntax"),
    ({"method": ["POST"], "path": "/Users"}, "400", "invalidSyntax"),
    ({"path": "/Users"}, "400", "invalidSyntax"),
    ({"method": "POST", "path": "/Users", "data": {"userName": "a"}}, "400", "invalidSyntax"),
    ({"method": "POST", "path": "/Users", "bulkId": 7, "data": {"userName": "a"}}, "400", "invalidSyntax"),
    ({"method": "POST", "path": "/Users", "bulkId": "a"}, "400", "invalidSyntax"),
    ({"method": "POST", "path": "/Users", "bulkId": "a", "data": {}}, "400", "invalidValue"),
    ({"method": "POST", "path": "/Users/x", "bulkId": "a", "data": {"userName": "a"}}, "400", "invalidPath"),
    ({"method": "POST", "path": "/Bulk", "bulkId": "a", "data": {}}, "400", "invalidPath"),
    ({"method": "PUT", "path": "/Users", "data": {"userName": "a"}}, "400", "invalidPath"),
    ({"method": "DELETE", "path": "/Users"}, "400", "invalidPath"),
    ({"method": "DELETE", "path": 7}, "400", "invalidPath"),
    ({"method": "DELETE", "path": "https://evil.example/Users/x"}, "400", "invalidPath"),
    ({"method": "DELETE", "path": "/Users/nobody"}, "404", None),
    ({"method": "PATCH", "path": "/Users/nobody", "data": {}}, "400", "invalidSyntax"),
    ("rubbish", "400", "invalidSyntax"),
    (None, "400", "invalidSyntax"),
]


@pytest.mark.parametrize(("operation", "status", "scim_type"), BULK_REFUSED)
def test_bulk_refused(send, operation, status, scim_type):
    """A refused operation tells why, and the one behind it is carried out."""
    good = {"method": "post", "path": "/Users/", "bulkId": "good", "data": {"userName": "good"}}
    answer = send("POST", "/Bulk", {"Operations": [operation, good]})
    first, second = answer.json["Operations"]
    assert (first["status"], first["response"].get("scimType")) == (status, scim_type)
    assert first["response"]["schemas"] == ERROR and first["response"]["detail"]
    assert second["status"] == "201"
    assert send("GET", "/Users").json["totalResults"] == 1


def test_bulk_versions(send, ada):
    """`version` guards an operation as If-Match does a request (§3.7.3)."""
    path = f"/Users/{ada['id']}"
    change = patch(("replace", "title", "x"))
    answer = bulk(
        send,
        ("PATCH", path, change, {"version": 'W/"7"'}),
        ("PATCH", path, change, {"version": 'W/"1"'}),
        ("PUT", path, {"userName": "eve"}, {"version": 'W/"1"'}),
        ("DELETE", path, None, {"version": 'W/"1"'}),
        ("PATCH", path, patch(("replace", "title", "y")), {}),
    )
    assert [each["status"] for each in answer.json["Operations"]] == ["412", "200", "412", "412", "200"]
    assert send("GET", path).json["title"] == "y"


@pytest.mark.parametrize("body", [{}, {"Operations": []}, {"Operations": {}}, {"Operations": None}])
def test_bulk_bodies(send, body):
    """A bulk body without operations is invalidSyntax."""
    assert refused(send("POST", "/Bulk", body), 400, "invalidSyntax")


@pytest.mark.parametrize("mount", MOUNTS)
def test_bulk_mounts(send, mount):
    """Bulk answers under every mount, with its locations there."""
    operation = {"method": "POST", "path": "Users", "bulkId": "a", "data": {"userName": "ada"}}
    answer = send("POST", "/Bulk/", {"Operations": [operation]}, base=mount).json["Operations"][0]
    assert f"{mount}/Users/" in answer["location"]


def test_a_bulk_id_of_a_refused_operation(send):
    """What was refused made nothing that could be named."""
    answer = bulk(
        send,
        ("POST", "/Users", {"title": "no name"}, {"bulkId": "a"}),
        ("POST", "/Groups", {"displayName": "g", "members": [{"value": "bulkId:a"}]}, {"bulkId": "g"}),
    )
    assert [each["status"] for each in answer.json["Operations"]] == ["400", "409"]


def test_last_modified_never_goes_back(send, monkeypatch):
    """RFC 7643 §3.1: after the clock was set back it is the later of now and its own value."""
    ada = send("POST", "/Users", {"userName": "ada"}).json["id"]
    crew = send("POST", "/Groups", {"displayName": "crew", "members": [{"value": ada}]}).json["id"]

    def modified(path):
        return send("GET", path).json["meta"]["lastModified"]

    before = modified(f"/Users/{ada}"), modified(f"/Groups/{crew}")
    monkeypatch.setattr(clock, "now", lambda: "2026-01-01T00:00:00.000Z")
    replace = {"op": "replace", "path": "title", "value": "x"}
    assert send("PATCH", f"/Users/{ada}", {"Operations": [replace]}).status == 200
    assert send("PATCH", f"/Groups/{crew}", {"Operations": [replace | {"path": "displayName"}]}).status == 204
    assert (modified(f"/Users/{ada}"), modified(f"/Groups/{crew}")) == before
    assert send("DELETE", f"/Users/{ada}").status == 204
    assert modified(f"/Groups/{crew}") == before[1]


def test_a_member_is_replaced_only_where_there_is_one(send):
    """`replace members[value eq "…"]` by another: noTarget, and nothing changed, where nobody has that id."""
    ada, eve = (made(send, "/Users", userName=name)["id"] for name in ("ada", "eve"))
    crew = made(send, "/Groups", displayName="crew", members=[{"value": ada}])["id"]

    def replace(id):
        path = f'members[value eq "{id}"]'
        return send("PATCH", f"/Groups/{crew}", patch(("replace", path, [{"value": eve}])))

    def members():
        return [each["value"] for each in send("GET", f"/Groups/{crew}").json["members"]]

    for nobody in ("bogus", eve):
        answer = replace(nobody)
        assert (answer.status, answer.json["scimType"], members()) == (400, "noTarget", [ada])
    assert replace(ada).status == 204 and members() == [eve]


def test_a_required_attribute_is_not_removed(send):
    """RFC 7644 §3.5.2.2: mutability; an empty list of operations changes nothing."""
    for path, name in (("/Users", "userName"), ("/Groups", "displayName")):
        id = made(send, path, **{name: "x"})["id"]
        answer = send("PATCH", f"{path}/{id}", patch(("remove", name)))
        assert (answer.status, answer.json["scimType"]) == (400, "mutability")
        assert send("PATCH", f"{path}/{id}", {"Operations": []}).status in (200, 204)
        assert send("GET", f"{path}/{id}").json[name] == "x"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/xml"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/html"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
    ],
)
def test_bodies_that_say_that_they_are_no_json(send, headers):
    """415 (RFC 9110 §15.5.16), whatever is in them."""
    assert refused(send("POST", "/Users", {"userName": "ada"}, headers), 415)
    assert refused(send("POST", "/Users/.search", {}, headers), 415)
    assert send("GET", "/Users").json["totalResults"] == 0


@pytest.mark.parametrize("tag", ["*", 'W/"1"', '"1"', 'W/"7", W/"1"'])
def test_if_none_match_on_writes(send, ada, tag):
    """412 where it names what is here (RFC 9110 §13.1.2); another version does no harm, nothing is 404."""
    path, headers = f"/Users/{ada['id']}", {"If-None-Match": tag}
    for method, body in (
        ("PUT", {"userName": "ada"}),
        ("PATCH", patch(("remove", "title"))),
        ("DELETE", None),
    ):
        assert refused(send(method, path, body, headers), 412)
    assert send("GET", path).json == ada
    assert refused(send("DELETE", "/Users/none", None, headers), 404)
    assert send("DELETE", path, None, {"If-None-Match": 'W/"9"'}).status == 204


@pytest.mark.parametrize(
    "base", ["/api/scim/", "/api/scim/v2", "/api/scim/v2/", "/api//scim", "/scim/v2/", "/scim///"]
)
def test_addresses_as_people_paste_them(send, base):
    """A slash too many, or /v2: it is the same service, and its locations are the usual ones."""
    answer = send("POST", "/Users", {"userName": "ada"}, base=base)
    assert answer.status == 201
    mount = "/api/scim" if "api" in base else base.rstrip("/")
    assert answer.headers["Location"].partition("/Users/")[0].endswith(mount)
    assert send("GET", f"/Users/{answer.json['id']}", base=base).status == 200
    assert refused(send("GET", "/Nothing", base=base), 404)


def test_a_posted_search_has_an_address(send):
    """RFC 7644 §3.4.3."""
    for path in ("/Users/.search", "/.search"):
        answer = send("POST", path, {"count": 1})
        assert answer.headers["Content-Location"].endswith(f"/api/scim{path}")


def test_service_provider_config_needs_no_token(app, send):
    """RFC 7643 §5: it says how to authenticate. Nothing else is open, nor does it take anything."""
    client = app.test_client()
    assert client.get("/api/scim/ServiceProviderConfig").get_json(force=True)["authenticationSchemes"]
    assert client.get("/api/scim/Schemas").status_code == 401
    assert client.post("/api/scim/ServiceProviderConfig", json={}).status_code == 401
    assert refused(send("GET", "/ServiceProviderConfig?filter=x"), 403)


BARE = [
    ([{"op": "replace", "path": "title", "value": "x"}], "200"),
    ([{"op": "add", "value": {"title": "x"}}, {"op": "Add", "path": "nickName", "value": "n"}], "200"),
    ([{"op": "replace", "path": "title", "value": "x"}, {"op": "remove", "path": "password"}], "200"),
    (
        [{"op": "replace", "path": "password", "value": "secret-1"}, {"op": "add", "value": {"title": "x"}}],
        "200",
    ),
    ([], "200"),
    ([{"op": "replace", "path": "id", "value": "x"}], "400"),
    ([{"op": "move"}], "400"),
    (["x"], "400"),
    ([[]], "400"),
    ([{"op": "add", "path": "title", "value": "x"}] * 1001, "400"),
]


@pytest.mark.parametrize(("data", "status"), BARE)
def test_bulk_bare_operations(send, data, status):
    """The operations of a PATCH in a bulk request may stand alone, as in the example of RFC 7644 §3.7.3."""
    results = []
    for number, body in enumerate((data, {"Operations": data})):
        user = send("POST", "/Users", {"userName": f"u{number}"}).json["id"]
        (done,) = bulk(send, ("PATCH", f"/Users/{user}", body, {})).json["Operations"]
        found = send("GET", f"/Users/{user}").json
        results.append((done["status"], found.get("title"), found.get("nickName")))
    assert results[0] == results[1]
    assert results[0][0] == status
