"""The HTTP side of SCIM (RFC 7644 §3): statuses, headers, versions, parameters, what PUT and DELETE mean."""

from urllib.parse import quote

import pytest

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def made(send, path, **body):
    """A new resource as it was answered."""
    answer = send("POST", path, body)
    assert answer.status == 201, answer.json
    return answer.json


@pytest.mark.parametrize("word", ["attributes", "excludedAttributes"])
@pytest.mark.parametrize("path", ["a.b.c", "userName.", "1st"])
def test_a_wrong_selection_changes_nothing(send, word, path):
    """A write whose attributes cannot be read is refused before anything is written."""
    user = made(send, "/Users", userName="ada", title="Countess")
    query = f"?{word}={quote(path)}"
    change = {"Operations": [{"op": "replace", "path": "title", "value": "changed"}]}
    assert send("POST", f"/Users{query}", {"userName": "bob"}).status == 400
    assert send("PUT", f"/Users/{user['id']}{query}", {"userName": "eve"}).status == 400
    assert send("PATCH", f"/Users/{user['id']}{query}", change).status == 400
    assert send("GET", "/Users").json["Resources"] == [user]


@pytest.mark.parametrize(
    "text",
    [
        f'{ENTERPRISE}[department eq "x"]',
        'urn:nobody:2.0:User[a eq "x"]',
        f"{ENTERPRISE} pr",
        'emails[emails[type eq "work"]]',
        'x509Certificates.value gt "a"',
        'x509Certificates[value le "a"]',
        "active gt true",
    ],
)
def test_filters_without_meaning(send, text):
    """A filter that means nothing is refused with 400 invalidFilter."""
    answer = send("GET", f"/Users?filter={quote(text)}")
    assert (answer.status, answer.json["scimType"]) == (400, "invalidFilter")


KEYS = (
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",  # as in USP's example 2
    "urn:acme:hr:2.0",
    "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group",
    "@odata.type",
    "my attribute",
    "a.b.c",
)


@pytest.mark.parametrize("key", KEYS)
def test_unknown_keys(send, key):
    """A member nobody declared never gets a 400, whatever its name (README)."""
    answer = send("POST", "/Users", {"userName": "ada", key: {"a": 1}})
    assert answer.status == 201, answer.json
    change = {"Operations": [{"op": "replace", "value": {key: {"a": 2}, "title": "t"}}]}
    assert send("PATCH", f"/Users/{answer.json['id']}", change).json["title"] == "t"


@pytest.mark.parametrize(("old", "new"), [(1, True), (0, False), (True, 1), ("1", 1), (1, 1.5)])
def test_a_changed_type_is_a_change(send, old, new):
    """1 and true are different values of an attribute no table knows."""
    user = made(send, "/Users", userName="ada", custom=old)
    change = {"Operations": [{"op": "replace", "path": "custom", "value": new}]}
    assert repr(send("PATCH", f"/Users/{user['id']}", change).json["custom"]) == repr(new)
    assert repr(send("GET", f"/Users/{user['id']}").json["custom"]) == repr(new)


@pytest.mark.parametrize("number", ["123456789012345678901234567890", "18446744073709551617"])
def test_large_numbers(send, number):
    """A number too large to be kept to the letter is refused, not rounded."""
    answer = send("POST", "/Users", b'{"userName":"ada","custom":%s}' % number.encode())
    assert answer.status == 400 or answer.json["custom"] == int(number)


def test_members_as_shown(send):
    """Each with its type and address; the name that came with it goes first; of a stranger only the id."""
    ada = made(send, "/Users", userName="ada", displayName="Ada")["id"]
    eva = made(send, "/Users", userName="eva")["id"]
    inner = made(send, "/Groups", displayName="Inner")["id"]
    sent = [{"value": ada, "display": "Countess"}, {"value": eva}, {"value": inner}, {"value": "nobody"}]
    outer = made(send, "/Groups", displayName="Outer", members=[*sent, {"value": "z", "display": "Zed"}])
    base = outer["meta"]["location"].removesuffix(f"/Groups/{outer['id']}")
    wanted = [
        {"value": ada, "$ref": f"{base}/Users/{ada}", "type": "User", "display": "Countess"},
        {"value": eva, "$ref": f"{base}/Users/{eva}", "type": "User", "display": "eva"},
        {"value": inner, "$ref": f"{base}/Groups/{inner}", "type": "Group", "display": "Inner"},
        {"value": "nobody"},
        {"value": "z"},
    ]
    shown = send("GET", f"/Groups/{outer['id']}").json["members"]
    assert shown == sorted(wanted, key=lambda member: member["value"])
