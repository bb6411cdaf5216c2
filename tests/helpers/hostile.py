"""Requests nobody should send: hand-picked ones, and mutations of real ones with a fixed seed."""

import copy
import json
import random

from helpers.replay import cases

DEEP = b"[" * 5000 + b"]" * 5000
BODIES = (
    b"",
    b"\x00",
    b"null",
    b"0",
    b'"x"',
    b"[]",
    b"{",
    b"NaN",
    b'{"userName": NaN}',
    b'{"userName": Infinity}',
    b'{"userName": "\\ud800"}',
    b'{"userName": "\\u0000"}',
    b'{"userName": "a", "x": "' + b"x" * 10_001 + b'"}',
    b'{"userName": "a", "userName": "b", "username": "c"}',
    b'{"userName": "\xff\xfe"}',
    '{"userName": "x"}'.encode("utf-16"),
    DEEP,
    b'{"a":' * 500 + b"1" + b"}" * 500,
    b'{"userName": ' + b"9" * 5000 + b"}",
    b'{"userName": "z", "x": 9223372036854775808, "y": 1e999}',
    b'{"userName": "z1", "x": 1e308, "y": -9223372036854775809}',
    b'{"schemas": null, "userName": "z2"}',
    b'{"schemas": 5, "userName": "z3"}',
    b'{"schemas": [5], "userName": "z4"}',
    b'{"userName": {"value": {"value": {"value": "z5"}}}}',
    b'{"userName": ["z6", "z7"]}',
    b'{"userName": "z8", "emails": {"a": [[[[]]]]}}',
    b'{"userName": "z9", "__proto__": {"admin": true}, "__class__": "x", "constructor": []}',
    b'{"userName": "z10", "name": "text"}',
    b'{"userName": "z11", "": 1}',
    b'{"userName": "z12", "a b": 1}',
    b'{"userName": "z13", "urn:": {"a": 1}, "urn:x": 1, "urn::": {}}',
    b'{"userName": "z14", "emails[": 1}',
    b'{"userName": "z15", "emails[type eq \\"work\\"].value": {"a": 1}}',
    b'{"userName": "z16", "active": "perhaps"}',
    b'{"userName": " z17"}',
    b'{"userName": "z18\\n"}',
    b'{"displayName": ["a"], "members": "x"}',
    b'{"displayName": "g1", "members": [[]]}',
    b'{"displayName": "g2", "members": [{"value": 5}]}',
    b'{"displayName": "g3", "members": [{"value": ""}, null]}',
    b'{"Operations": []}',
    b'{"Operations": [null]}',
    b'{"Operations": [{}]}',
    b'{"Operations": [{"op": "explode"}]}',
    b'{"Operations": [{"op": "add"}]}',
    b'{"Operations": [{"op": "add", "value": 5}]}',
    b'{"Operations": [{"op": "remove"}]}',
    b'{"Operations": [{"op": "remove", "path": "userName"}]}',
    b'{"Operations": [{"op": "replace", "path": "id", "value": "x"}]}',
    b'{"Operations": [{"op": "replace", "path": "a[b", "value": "x"}]}',
    b'{"Operations": [{"op": "replace", "path": "emails[type xx 1]", "value": "x"}]}',
    b'{"Operations": [{"op": "replace", "path": "emails[]", "value": "x"}]}',
    b'{"Operations": [{"op": "replace", "path": "emails[type eq \\"a\\"].a.b", "value": "x"}]}',
    b'{"Operations": [{"op": "replace", "path": "name.a.b", "value": "x"}]}',
    b'{"Operations": [{"op": "replace", "path": "userName.x", "value": "x"}]}',
    b'{"Operations": [{"op": "add", "path": "userName[a eq 1].b", "value": "x"}]}',
    b'{"Operations": [{"op": "add", "path": "urn:x:y", "value": {"a": {"b": []}}}]}',
    b'{"Operations": [{"op": "add", "path": "x", "value": 1}, {"op": "add", "path": "x.y", "value": 1}]}',
    b'{"Operations": [{"op": "add", "path": "u:x", "value": 1}]}',
    b'{"Operations": [{"op": "add", "path": ["x"], "value": 1}]}',
    b'{"Operations": [{"op": "add", "path": "members[type eq \\"x\\"]", "value": 1}]}',
    b'{"Operations": [{"op": "remove", "path": "members[$ref eq \\"x\\"]"}]}',
    b'{"Operations": [{"op": "remove", "path": "members[display co \\"x\\" or type ne \\"User\\"]"}]}',
    b'{"Operations": "' + b"x" * 100 + b'"}',
    b'{"Operations": [{"method": "POST", "path": "/Users", "data": {}}]}',
    b'{"Operations": [{"method": "GET", "path": "/Users"}]}',
    b'{"Operations": [{"method": "DELETE", "path": "/Users/../Groups/x"}]}',
    b'{"Operations": [{"method": "PUT", "path": "/Users/bulkId:x", "data": {}}]}',
    b'{"filter": 5, "count": "x"}',
    b'{"filter": {"a": 1}, "startIndex": [1]}',
)
FILTERS = (
    "",
    " ",
    "(",
    ")",
    "not",
    "userName",
    "userName eq",
    'userName eq "',
    'userName eq "\\ud800"',
    'userName eq "\\u0000"',
    'userName eq "a" and',
    'userName eq "a" "b"',
    'userName xx "a"',
    "eq eq eq",
    'emails[type eq "work"',
    'emails[type eq "work"]]',
    'emails[emails[type eq "x"]]',
    'emails[type eq "work"].value.x eq "y"',
    'userName[value eq "x"]',
    'a.b.c eq "x"',
    'urn:a:b:c eq "x"',
    'urn:ietf:params:scim:schemas:core:2.0:User eq "x"',
    "active gt true",
    "active co true",
    "active eq 5",
    'meta.created gt "yesterday"',
    'meta.created gt "9999-99-99T00:00:00Z"',
    'meta.created gt "0001-01-01T00:00:00+23:59"',
    "x eq 9223372036854775808",
    "x gt -1e400",
    "x eq 1" + "0" * 400,
    "x eq null",
    "x gt null",
    "password eq 1",
    'groups.type sw "d"',
    'groups.$ref eq "x"',
    'members.$ref eq "x"',
    "name eq 5",
    'userName co "%_*?[a-z]\\\\"',
    'userName co "' + "%" * 3900 + '"',
    " and ".join(['title eq "x"'] * 50),
    " or ".join(['title eq "x"'] * 51),
    "not (" * 20 + "title pr" + ")" * 20,
    "(title pr or title eq 1 and " * 20 + "title pr" + ")" * 20,
    "(title pr and not (title eq 1 or " * 10 + "title pr" + "))" * 10,
    "(" * 200 + "title pr" + ")" * 200,
    "title eq " + "x" * 5000,
    "' or 1=1 --",
    'userName eq "x" or 1=1',
    'id eq "x\'); DROP TABLE users; --"',
    "\x00",
    "\ud7ff eq 1",
)
QUERIES = (
    "count=x", "count=-5", "count=1_000", "count=%D9%A1", "count=99999999999999999999", "count=1e3",
    "startIndex=0", "startIndex=-1", "startIndex=999999999999999999", "startIndex=x",
    "sortBy=", "sortBy=emails", "sortBy=members", "sortBy=password", "sortBy=a.b.c", "sortBy=x.y",
    "sortBy=urn:a:b:c", "sortBy=meta.created&sortOrder=descending", "sortOrder=sideways",
    "cursor=", "cursor=x", "cursor=%00", "cursor=YzA", "cursor=" + "A" * 5000, "cursor&sortBy=userName",
    "attributes=a.b.c", "attributes=,,,", "attributes=%00", "attributes=members.value,emails.type",
    "excludedAttributes=id,schemas,meta,userName", "attributes=urn:x:y&excludedAttributes=urn:x",
    "%ff=%fe", "=", "&&&", "filter=%ff", "aadOptscim062020", "filter=title%20pr&filter=x",
)  # fmt: skip
PATHS = (
    "", "/", "//", "/Users", "/Users/", "/Users//", "/Users/%00", "/Users/%0d%0aX-Evil:%201", "/Users/..",
    "/Users/%2e%2e/Groups", "/Users/" + "x" * 3000, "/users", "/Users/a/b", "/Users/.search", "/.search",
    "/Groups", "/Groups/%ff", "/Schemas", "/Schemas/x", "/ResourceTypes/", "/ServiceProviderConfig", "/Me",
    "/Bulk", "/__proto__", "/Users/%F0%9F%98%80", "/?aadOptscim062020/Users",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
JUNK = (
    None, True, 0, -1, 2**63, 1.5, "", " ", "\x7f", "x" * 300, "False", "\u202e", "ﬁ", [], {}, [[]], [None],
    {"value": None}, {"value": "x"}, [{"value": "x"}, {"value": "x"}], [{"primary": True}, {"primary": True}],
    {"op": "add"}, {"$ref": 5}, "emails[type eq \"work\"].value", "urn:x:2.0:User:a", "name.givenName",
)  # fmt: skip


def mutations(count, seed):
    """`count` requests, each a real one of `entra/*.json` with something in it changed."""
    dice = random.Random(seed)
    steps = [step for case in cases() for step in case["given"] + case["steps"]]
    for _ in range(count):
        step = copy.deepcopy(dice.choice(steps))
        body = step.get("body")
        for _ in range(dice.randint(1, 3)):
            body = mutate(body, dice)
        method = step["method"] if dice.random() < 0.9 else dice.choice(METHODS[:6])
        data = None if body is None else json.dumps(body).encode()
        yield method, step["path"], broken(data, dice)


def mutate(value, dice):
    """The value with one thing in it replaced, removed, doubled or renamed."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        act = dice.random()
        if act < 0.15:
            return {name: item for name, item in value.items() if name != key}
        if act < 0.3:
            return {
                **value,
                dice.choice(["", "x", "ID", key.upper(), key + ".x", key + "[a eq 1]"]): value[key],
            }
        return {**value, key: mutate(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.85:
        place = dice.randrange(len(value))
        if dice.random() < 0.2:
            return value + [copy.deepcopy(value[place])]
        return [mutate(item, dice) if index == place else item for index, item in enumerate(value)]
    return copy.deepcopy(dice.choice(JUNK))


def broken(data, dice):
    """The bytes, now and then with some cut or changed."""
    if not data or dice.random() > 0.1:
        return data
    place = dice.randrange(len(data))
    return (
        data[:place]
        if dice.random() < 0.5
        else data[:place] + bytes([dice.randrange(256)]) + data[place + 1 :]
    )
