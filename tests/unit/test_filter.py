"""Filters as tables: text to tree, text to refusal, tree to SQL and parameters, and the limits."""

import contextlib
import sqlite3

import pytest
from peewee import SqliteDatabase

from promapp_lite.errors import ScimError
from promapp_lite.scim import filter as filters
from promapp_lite.scim.resource_types import GROUPS, USERS, Path
from promapp_lite.scim.schema import ENTERPRISE, Attribute
from promapp_lite.store.directory.filters import MODEL, Condition, ordering, params
from promapp_lite.store.engine import Statement

HOSTILE = "x'); DROP TABLE users; --"


def plain(part):
    """A tree with its paths as texts, to compare."""
    if isinstance(part, Path):
        return str(part)
    return tuple(plain(each) for each in part) if isinstance(part, tuple) else part


ADA = ("eq", "userName", "ada", "Ada")
TITLE = ("pr", "title")
ACTIVE = ("eq", "active", True, True)
WORK = ("eq", "type", "work", "work")
TREES = {
    # one comparison
    'userName eq "Ada"': ADA,
    'USERNAME EQ "Ada"': ADA,
    '  userName   eq\t"Ada"  ': ADA,
    "userName eq Ada": ADA,
    'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "Ada"': ADA,
    'userName ne "Ada"': ("ne", "userName", "ada", "Ada"),
    'userName co "D"': ("co", "userName", "d", "D"),
    'userName sw "J"': ("sw", "userName", "j", "J"),
    'userName ew "É"': ("ew", "userName", "é", "É"),
    'userName gt "a"': ("gt", "userName", "a", "a"),
    'userName ge "a"': ("ge", "userName", "a", "a"),
    'userName lt "a"': ("lt", "userName", "a", "a"),
    'userName le "a"': ("le", "userName", "a", "a"),
    "title pr": TITLE,
    "title PR": TITLE,
    # letter case counts where the schema says so
    'externalId eq "Ab"': ("eq", "externalId", "Ab", "Ab"),
    'id eq "Ab"': ("eq", "id", "Ab", "Ab"),
    # values by type
    "active eq true": ACTIVE,
    'active eq "True"': ACTIVE,
    "active eq FALSE": ("eq", "active", False, False),
    'title eq "true"': ("eq", "title", "true", "true"),
    "title eq true": ("eq", "title", "true", "true"),
    'meta.lastModified gt "2011-05-13T04:42:34Z"': (
        "gt",
        "meta.lastModified",
        "2011-05-13T04:42:34.000Z",
        "2011-05-13T04:42:34Z",
    ),
    'meta.created eq "2011-05-13T06:42:34.5+02:00"': (
        "eq",
        "meta.created",
        "2011-05-13T04:42:34.500Z",
        "2011-05-13T06:42:34.5+02:00",
    ),
    "nobody eq 7": ("eq", "nobody", 7, 7),
    "nobody eq -7.5": ("eq", "nobody", -7.5, -7.5),
    "nobody eq true": ("eq", "nobody", True, True),
    'nobody eq "7"': ("eq", "nobody", "7", "7"),
    "nobody eq 07": ("eq", "nobody", "07", "07"),
    "nobody eq 1_000": ("eq", "nobody", "1_000", "1_000"),
    # null is absence
    "title eq null": ("not", TITLE),
    "title ne null": TITLE,
    'title eq "null"': ("eq", "title", "null", "null"),
    # texts as JSON writes them
    r'title eq "a\"b\\c\u00e9\/"': ("eq", "title", 'a"b\\cé/', 'a"b\\cé/'),
    'title eq ""': ("eq", "title", "", ""),
    'title eq "and (or) [not] pr"': ("eq", "title", "and (or) [not] pr", "and (or) [not] pr"),
    # sub-attributes, values, extensions
    'name.familyName co "O\'Malley"': ("co", "name.familyName", "o'malley", "O'Malley"),
    'emails eq "a@x"': ("eq", "emails.value", "a@x", "a@x"),
    'emails.type eq "work"': ("eq", "emails.type", "work", "work"),
    "emails pr": ("pr", "emails"),
    'manager eq "7"': ("eq", f"{ENTERPRISE}:manager.value", "7", "7"),
    'department eq "IT"': ("eq", f"{ENTERPRISE}:department", "it", "IT"),
    f'{ENTERPRISE}:department eq "IT"': ("eq", f"{ENTERPRISE}:department", "it", "IT"),
    f'{ENTERPRISE.lower()}.manager.value eq "7"': ("eq", f"{ENTERPRISE}:manager.value", "7", "7"),
    'urn:acme:hr:2.0:User:badge eq "7"': ("eq", "urn:acme:hr:2.0:User:badge", "7", "7"),
    # and, or, not, parentheses
    'userName eq "Ada" and title pr': ("and", (ADA, TITLE)),
    'userName eq "Ada" AND title pr and active eq true': ("and", (ADA, TITLE, ACTIVE)),
    'userName eq "Ada" or title pr and active eq true': ("or", (ADA, ("and", (TITLE, ACTIVE)))),
    'title pr and active eq true or userName eq "Ada"': ("or", (("and", (TITLE, ACTIVE)), ADA)),
    '(userName eq "Ada" or title pr) and active eq true': ("and", (("or", (ADA, TITLE)), ACTIVE)),
    "not (title pr)": ("not", TITLE),
    "NOT(title pr)": ("not", TITLE),
    "not (title pr) and active eq true": ("and", (("not", TITLE), ACTIVE)),
    "not (not (title pr))": ("not", ("not", TITLE)),
    "((title pr))": TITLE,
    'not eq "x"': ("eq", "not", "x", "x"),
    # value paths
    'emails[type eq "work"]': ("value_path", "emails", WORK),
    'emails[type eq "work" and value co "@X"]': (
        "value_path",
        "emails",
        ("and", (WORK, ("co", "value", "@x", "@X"))),
    ),
    'emails[not (type eq "work")]': ("value_path", "emails", ("not", WORK)),
    'emails[type eq "work"].value eq "A"': (
        "value_path",
        "emails",
        ("and", (WORK, ("eq", "value", "a", "A"))),
    ),
    'emails [ type eq "work" ] or title pr': ("or", (("value_path", "emails", WORK), TITLE)),
    'roles[primary eq "True"]': ("value_path", "roles", ("eq", "primary", True, True)),
    "roles[primary eq true].value eq x": (
        "value_path",
        "roles",
        ("and", (("eq", "primary", True, True), ("eq", "value", "x", "x"))),
    ),
}


@pytest.mark.parametrize("text", TREES)
def test_trees(text):
    """Each text has exactly this tree (RFC 7644 §3.4.2.2)."""
    assert plain(filters.parse(USERS, text)) == TREES[text]


REFUSED = {
    "": "an attribute was expected",
    "   ": "an attribute was expected",
    "userName": "an operator was expected",
    "userName eq": "a value is missing at the end",
    "userName eq )": "a value is missing before ')'",
    "userName is x": "'is' is not an operator",
    'userName eq "x': "cannot be read from",
    'userName eq "x\\"': "cannot be read from",
    r'userName eq "\q"': "is not a valid string",
    r'userName eq "\ud800"': "is not a valid string",
    r'userName eq "\u0000"': "is not a valid string",
    'userName eq "x" title pr': "'title' was not expected",
    'userName eq "x" and': "an attribute was expected",
    'and userName eq "x"': "'username' is not an operator",
    '(userName eq "x"': "')' is missing",
    'userName eq "x")': "')' was not expected",
    "()": "an attribute was expected",
    "not title pr": "is not an operator",
    '"userName" eq "x"': "an attribute was expected",
    'emails[type eq "work"': "']' is missing",
    'emails[type eq "work")': "']' is missing",
    "emails[]": "an attribute was expected",
    'emails.type[type eq "x"]': "is not a value path",
    'emails[type.x eq "work"]': "is not a sub-attribute of emails",
    'emails[type eq "work"].': "was not expected",
    'emails[type eq "work"].value': "an operator was expected",
    "active eq maybe": "active is true or false",
    "active gt true": "have no order",
    "active co true": "co compares strings",
    "nobody co 7": "co compares strings",
    "title gt null": "gt null has no meaning",
    'meta.created gt "yesterday"': "is a date and time",
    "name eq x": "name has sub-attributes",
    "addresses eq x": "addresses has sub-attributes",
    "title.x pr": "title has no sub-attributes",
    "a.b.c pr": "is not an attribute path",
    "1st pr": "is not an attribute path",
    "userName; pr": "is not an attribute path",
    "urn:ietf:params:scim:schemas:core:2.0:User pr": "names a schema",
    f"{ENTERPRISE} pr": "names a schema",
    f'{ENTERPRISE}[department eq "x"]': "",
    'emails[emails[type eq "work"]]': "is not a value path",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    """What cannot be read is refused with 400 invalidFilter, and the detail says where it is wrong."""
    with pytest.raises(ScimError) as caught:
        filters.parse(USERS, text)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidFilter")
    assert REFUSED[text] in caught.value.detail


def nested(opening, depth):
    """A comparison in so many parentheses."""
    return opening * depth + "title pr" + ")" * depth


LIMITS = {
    "4,000 characters": (f'title eq "{"x" * 3989}"', f'title eq "{"x" * 3990}"', "invalidFilter", "4,000"),
    "50 terms": (" or ".join(["title pr"] * 50), " or ".join(["title pr"] * 51), "tooMany", "50 terms"),
    "50 terms in brackets": (
        f"emails[{' or '.join(['type pr'] * 49)}]",
        f"emails[{' or '.join(['type pr'] * 50)}]",
        "tooMany",
        "50 terms",
    ),
    "20 levels": (nested("(", 20), nested("(", 21), "invalidFilter", "20 levels"),
    "20 levels of not": (nested("not (", 20), nested("not (", 21), "invalidFilter", "20 levels"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name):
    """The limit itself is taken, one more is refused."""
    fits, beyond, scim_type, told = LIMITS[name]
    assert filters.parse(USERS, fits)
    with pytest.raises(ScimError) as caught:
        filters.parse(USERS, beyond)
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)
    assert told in caught.value.detail


# SQL

PEEWEE = SqliteDatabase(":memory:")  # only writes SQL


def sql_of(kind, text):
    """The condition of a filter as SQL, and its parameters, without a database that holds anything."""
    tree = filters.parse(kind, text)
    model = MODEL[kind]
    statement = Statement(model.select(model.seq).where(Condition(kind).build(tree)))
    sql, values = statement.bind(PEEWEE, {**params(tree), "base": "B"})
    return sql.partition(" WHERE ")[2], values


KEY = '("t1"."user_key" = ?)'
DEPARTMENT = f'$."{ENTERPRISE}"."department"'
CLAUSES = {
    (USERS, 'userName eq "Ada"'): (KEY, ["ada"]),
    (USERS, 'userName ne "Ada"'): (f"({KEY} IS NOT TRUE)", ["ada"]),
    (USERS, 'not (userName ne "Ada")'): (KEY, ["ada"]),
    (USERS, 'not (userName eq "Ada")'): (f"({KEY} IS NOT TRUE)", ["ada"]),
    (USERS, 'userName gt "a"'): ('("t1"."user_key" > ?)', ["a"]),
    (USERS, 'userName ge "a"'): ('("t1"."user_key" >= ?)', ["a"]),
    (USERS, 'userName lt "a"'): ('("t1"."user_key" < ?)', ["a"]),
    (USERS, 'userName le "a"'): ('("t1"."user_key" <= ?)', ["a"]),
    (USERS, 'userName co "%"'): ('(instr("t1"."user_key", ?) > ?)', ["%", 0]),
    (USERS, 'userName sw "_"'): ('(substr("t1"."user_key", ?, length(?)) = ?)', [1, "_", "_"]),
    (USERS, "externalId pr"): ('("t1"."external_id" IS NOT NULL)', []),
    (USERS, "externalId eq null"): ('(("t1"."external_id" IS NOT NULL) IS NOT TRUE)', []),
    (USERS, 'id eq "X"'): ('("t1"."id" = ?)', ["X"]),
    (USERS, "active eq true"): ('("t1"."active" = ?)', [True]),
    (USERS, 'meta.created gt "2026-01-01"'): ('("t1"."created" > ?)', ["2026-01-01T00:00:00.000Z"]),
    (USERS, 'title eq "X"'): (("""(fold(json_extract("t1"."doc", '$."title"')) = ?)""", ["x"])),
    (USERS, 'department eq "X"'): (f"""(fold(json_extract("t1"."doc", '{DEPARTMENT}')) = ?)""", ["x"]),
    (USERS, 'manager eq "X"'): (
        f"""(json_extract("t1"."doc", '$."{ENTERPRISE}"."manager"."value"') = ?)""",
        ["X"],
    ),
    (USERS, 'emails.value eq "A@X"'): (
        '("t1"."id" IN (SELECT "t2"."user_id" FROM "email" AS "t2" WHERE ("t2"."value_key" = ?)))',
        ["a@x"],
    ),
    (USERS, 'userName eq "a" and externalId eq "b"'): (f'({KEY} AND ("t1"."external_id" = ?))', ["a", "b"]),
    (USERS, 'userName eq "a" or externalId eq "b"'): (f'({KEY} OR ("t1"."external_id" = ?))', ["a", "b"]),
    (USERS, 'not (userName eq "a" or externalId eq "b")'): (
        f'(({KEY} IS NOT TRUE) AND (("t1"."external_id" = ?) IS NOT TRUE))',
        ["a", "b"],
    ),
    (GROUPS, 'displayName eq "Ä"'): ('("t1"."display_key" = ?)', ["ä"]),
    (GROUPS, 'members eq "X"'): (
        '(EXISTS((SELECT 1 FROM "member" AS "t2" '
        'WHERE (("t2"."group_id" = "t1"."id") AND ("t2"."member_id" = ?)))))',
        ["X"],
    ),
}


def squeezed(sql):
    """SQL without blanks and parentheses, which Peewee sets after its own fashion."""
    return sql.replace(" ", "").replace("(", "").replace(")", "")


@pytest.mark.parametrize(
    ("kind", "text"), CLAUSES, ids=lambda part: part if isinstance(part, str) else part.name
)
def test_sql(kind, text):
    """Each filter is this SQL with these parameters in this order."""
    clause, parameters = CLAUSES[kind, text]
    sql, values = sql_of(kind, text)
    assert squeezed(sql) == squeezed(clause)
    assert values == parameters


TAINTED = [
    (USERS, f'{path} {operator} "{HOSTILE}"')
    for path in (
        "userName", "title", "externalId", "emails", "emails.type", "nobody", "nobody.sub", "manager",
        "groups", "name.givenName", "meta.version", "meta.location",
        "urn:acme:hr:2.0:User:badge", "x509Certificates",
    )
    for operator in ("eq", "ne", "co", "sw", "ew")
]  # fmt: skip
TAINTED += [
    (USERS, f'emails[type eq "{HOSTILE}" and value co "{HOSTILE}"]'),
    (USERS, f'emails[type eq "{HOSTILE}"].value eq "{HOSTILE}"'),
    (USERS, f'tags[value eq "{HOSTILE}" or nobody sw "{HOSTILE}"]'),
    (GROUPS, f'members eq "{HOSTILE}" or displayName co "{HOSTILE}"'),
    (GROUPS, f'members[type eq "{HOSTILE}" or display ew "{HOSTILE}"]'),
]


@pytest.mark.parametrize(
    ("kind", "text"), TAINTED, ids=lambda part: part if isinstance(part, str) else part.name
)
def test_no_text_in_sql(kind, text):
    """No text of a filter ever stands in SQL."""
    sql, values = sql_of(kind, text)
    assert "drop" not in sql.lower() and "'x'" not in sql
    assert any(value in (HOSTILE, HOSTILE.lower()) for value in values)


NAMES = ("qqname", "qqname.qqsub", "urn:qq:qqname:User:qqsub", "emails.qqsub", f"{ENTERPRISE}:qqname.qqsub")


@pytest.mark.parametrize("path", NAMES)
@pytest.mark.parametrize("operator", ['eq "v"', "pr", "gt 7", "eq true"])
def test_no_name_in_sql(path, operator):
    """No attribute name that a request made up stands in SQL either, nor in an order."""
    sql, values = sql_of(USERS, f"{path} {operator}")
    assert "qq" not in sql
    assert any("qq" in str(value) for value in values)


@pytest.mark.parametrize("path", ["qqname", "urn:qq:qqname:User:qqsub"])
def test_no_name_in_an_order(path):
    """sortBy is a parameter as well."""
    attribute = filters.resolve(USERS, path)
    query = MODEL[USERS].select(MODEL[USERS].seq).order_by(*ordering(USERS, attribute, False))
    sql, values = Statement(query).bind(PEEWEE, {})
    assert "qq" not in sql and any("qq" in str(value) for value in values)


@pytest.mark.parametrize("text", ["password eq x", "password pr", 'not (password eq "x")'])
def test_the_password_is_not_searched(text):
    """What is never returned is not found by either (RFC 7643 §7)."""
    with pytest.raises(ScimError) as caught:
        sql_of(USERS, text)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidFilter")


DEEP = {
    "or": " or ".join(f'title eq "{n}"' for n in range(50)),
    "and": " and ".join(f'nobody ne "{n}"' for n in range(50)),
    "mixed": " or ".join(f'title eq "{n}" and emails[type eq "{n}"]' for n in range(16)),
    "brackets": f"emails[{' or '.join(f'type eq {n}' for n in range(49))}]",
    "groups": " or ".join(f'groups.display eq "{n}"' for n in range(50)),
    "mails": " or ".join(f'emails.value eq "{n}"' for n in range(50)),
    "free": " or ".join(f'nobody.sub eq "{n}"' for n in range(50)),
    "extension": " and ".join(f'not (urn:acme:hr:2.0:User:badge eq "{n}")' for n in range(50)),
    "nested left": "(" * 19 + "title pr" + "".join(f" or nobody eq {n})" for n in range(19)),
    "nested right": "".join(f"nobody eq {n} or (" for n in range(19)) + "title pr" + ")" * 19,
    "alternating": "".join(f"nobody eq {n} {'or' if n % 2 else 'and'} not (" for n in range(20)) + "title pr"
    + ")" * 20,
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP)
def test_sqlite_takes_it(send, name):
    """Filters at the limits really run in SQLite: 50 chained terms and 20 levels."""
    assert send("POST", "/Users", {"userName": "ada"}).status == 201
    answer = send("POST", "/Users/.search", {"filter": DEEP[name]})
    assert answer.status == 200, answer.json


def test_sqlite_would_not_take_a_chain():
    """Why the parts are joined as a balanced tree: a long chain of ORs in parentheses is refused."""
    chain = "(" * 1200 + "1" + " OR 0)" * 1200
    with pytest.raises(sqlite3.OperationalError):
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            database.execute(f"SELECT {chain}")  # noqa: S608


VALUES = [
    ('type eq "work"', {"type": "WORK"}, True),
    ('type ne "work"', {}, True),
    ('TYPE eq "work"', {"Type": "work"}, True),
    ("type pr", {"type": "work"}, True),
    ("type pr", {}, False),
    ("primary eq true", {"primary": True}, True),
    ('primary eq "True"', {"primary": True}, True),
    ("primary eq true", {"primary": 1}, False),
    ("nobody eq 1", {"nobody": True}, False),
    ("nobody eq 1", {"nobody": 1.0}, True),
    ("nobody eq 1", {"nobody": "1"}, False),
    ("nobody gt 1", {"nobody": 2}, True),
    ('value eq "x"', "X", True),
    ('type eq "x"', "X", False),
    ('value sw "A" and value ew "z" and value co "q"', {"value": "aqZ"}, True),
    ('not (value eq "a") or type pr', {"value": "a"}, False),
    ('value gt "a"', {"value": "B"}, True),
    ('value lt "a"', {"value": None}, False),
    ('value eq "ß"', {"value": "SS"}, True),
    ('value eq "ﬁ"', {"value": "FI"}, True),
]


@pytest.mark.parametrize(("text", "value", "wanted"), VALUES)
def test_values(text, value, wanted):
    """The same filter against one value in memory, as PATCH chooses the values it changes."""
    attribute = next(each for each in USERS.attributes if each.name == "emails")
    tree = filters.parse_value(attribute, text)
    assert filters.matches(tree, value) is wanted
    assert filters.terms(tree) == text.count(" pr") + text.count(' "') + text.count(" true") + text.count(
        " 1"
    )


def test_plain_attribute_has_no_sub_attributes():
    """A value path over values that no table knows finds any sub-attribute."""
    free = Attribute("tags", type="any")
    assert plain(filters.parse_value(free, 'colour eq "Red"')) == ("eq", "colour", "red", "Red")
