"""Filters, order, pages and projections find in SQL what a naive reading of the RFC finds in memory."""

import json
import random
from types import SimpleNamespace
from urllib.parse import quote
from uuid import UUID

import pytest
from helpers import PASSWORD, reference_filter, sender

from promapp_lite.application import create_app
from promapp_lite.config import Settings
from promapp_lite.store import opening
from promapp_lite.store.access import admins, tokens
from promapp_lite.store.directory import resources

ENTERPRISE = reference_filter.ENTERPRISE
CUSTOM = "urn:ietf:params:scim:schemas:extension:Acme:2.0:User"
GROUP_CUSTOM = "urn:example:acme:hr"
WORDS = (
    *("Äpfel", "äPFEL", "Apfel", "Straße", "STRASSE", "strasse", "ﬁsch", "FISCH", "Fisch"),
    *("Σίσυφος", "σίσυφοσ", "ΣΊΣΥΦΟΣ", "İstanbul", "istanbul", "ISTANBUL", "ıstanbul"),
    *("e\u0301clair", "éclair", "ＦＵＬＬ", "full", "Ⅳ", "iv", "日本", "😀", "ǅ", "ǆ"),
    *("100%", "a_b", "aXb", 'say "hi"', "back\\slash", "o'neil", "' OR 1=1 --", "$[0]", "null", "true"),
)
SIZES = (0, 1, 7, 42, 42.5, -3, 1e6)
USERS, GROUPS, FILTERS, SEEDS = 150, 50, 30, 20


def maybe(draw, part, chance=0.6):
    """The part, or nothing."""
    return part if draw.random() < chance else {}


def plural(draw, *types):
    """One to three values of a multi-valued attribute; at most one is primary."""
    chosen = draw.sample(types, draw.randint(1, min(3, len(types))))
    values = [{"value": draw.choice(WORDS), "type": each} for each in chosen]
    if draw.random() < 0.5:
        values[0]["primary"] = True
        values[-1].setdefault("primary", False)
    return values


def person(draw, number):
    """A user with some of all kinds of attributes."""
    word = lambda: draw.choice(WORDS)  # noqa: E731
    found = {"userName": f"{word()}-{number}"}
    found |= maybe(draw, {"externalId": word() + str(number % 40)})
    found |= maybe(draw, {"displayName": word()})
    found |= maybe(draw, {"title": word()})
    found |= maybe(draw, {"nickName": word()}, 0.3)
    found |= maybe(draw, {"active": draw.random() < 0.7})
    found |= maybe(draw, {"profileUrl": f"https://host/{word()}"}, 0.3)
    found |= maybe(draw, {"name": {"givenName": word(), "familyName": word()}})
    found |= maybe(draw, {"emails": plural(draw, "work", "home", "Other", "WORK2")})
    found |= maybe(draw, {"phoneNumbers": plural(draw, "work", "mobile", "fax")}, 0.4)
    found |= maybe(draw, {"roles": [{"value": word(), "display": word()}, word()]}, 0.3)
    found |= maybe(draw, {"photos": [{"value": f"https://host/{word()}"}]}, 0.2)
    found |= maybe(draw, {"x509Certificates": [{"value": draw.choice(("TUlJ", "tulj", "QUJD"))}]}, 0.3)
    place = {"locality": word(), "country": draw.choice(("CH", "ch", "DE")), "type": "work"}
    found |= maybe(draw, {"addresses": [place, {"formatted": word(), "type": "home"}]}, 0.4)
    found |= maybe(draw, {"shoeSize": draw.choice(SIZES)}, 0.4)
    found |= maybe(draw, {"vegan": draw.random() < 0.5}, 0.4)
    found |= maybe(draw, {"tags": draw.sample(WORDS, 2)}, 0.3)
    extra = maybe(draw, {"department": word()}) | maybe(draw, {"employeeNumber": str(number)})
    extra |= maybe(draw, {"manager": {"value": draw.choice(("Boss1", "boss1", "boss2"))}}, 0.3)
    found |= {ENTERPRISE: extra} if extra else {}
    acme = maybe(draw, {"badge": word()}) | maybe(draw, {"level": draw.choice(SIZES)})
    acme |= maybe(draw, {"cleared": draw.random() < 0.5}, 0.3)
    acme |= maybe(draw, {"desk": {"floor": draw.choice(SIZES), "Room": word()}}, 0.3)
    acme |= maybe(draw, {"boxes": [{"size": n, "label": word()} for n in draw.sample(SIZES, 2)]}, 0.3)
    return found | ({CUSTOM: acme} if acme else {})


def team(draw, number, ids):
    """A group with members that are users, earlier groups (or itself later on) and nobody."""
    held = [{"value": id} for id in draw.sample(ids, draw.randint(0, 6))]
    if held and draw.random() < 0.3:
        held[0]["display"] = draw.choice(WORDS)
    found = {"displayName": f"{draw.choice(WORDS)} {number}", "members": held}
    found |= maybe(draw, {"externalId": draw.choice(WORDS)})
    found |= maybe(draw, {"cost": draw.choice(SIZES)}, 0.4)
    return found | maybe(draw, {GROUP_CUSTOM: {"unit": draw.choice(WORDS), "open": draw.random() < 0.5}}, 0.4)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """`send` over 200 random resources, and the resources of each endpoint as GET returns them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(admins, "METHOD", "scrypt:1024:8:1")
        ids = random.Random(7644)
        patched.setattr(resources, "uuid4", lambda: UUID(int=ids.getrandbits(128)))
        store = opening.create(tmp_path_factory.mktemp("naive") / "data")
        admins.create(store, "ada", PASSWORD)
        token = tokens.create(store, "tests", "scim", 30, admins.owner(store, None).id)
        send = sender(create_app(Settings(store.path.parent), store), token)
        populate(send)
        yield SimpleNamespace(
            send=send, **{kind: everything(send, f"/{kind}") for kind in ("Users", "Groups")}
        )
        store.close()


def populate(send):
    """Make the resources; the last groups close circles."""
    draw = random.Random(7643)
    ids = [made(send, "/Users", person(draw, number)) for number in range(USERS)]
    groups = []
    for number in range(GROUPS):
        groups.append(made(send, "/Groups", team(draw, number, ids[:60] + groups + ["nobody", "ghost"])))
    inside = made(send, "/Groups", {"displayName": "Inside", "members": [{"value": ids[0]}]})
    both = [{"value": ids[0]}, {"value": inside}, {"value": "phantom", "display": "Phantom"}]
    made(send, "/Groups", {"displayName": "Both", "members": both})
    for one, other in zip(groups[-5:], groups[:5], strict=True):
        change = {"op": "add", "path": "members", "value": [{"value": one}, {"value": other}]}
        assert send("PATCH", f"/Groups/{other}", {"Operations": [change]}).status == 204


def made(send, path, body):
    """The id of a new resource."""
    answer = send("POST", path, body)
    assert answer.status == 201, (body, answer.json)
    return answer.json["id"]


def everything(send, path):
    """All resources of an endpoint."""
    answer = send("GET", f"{path}?count=1000").json
    assert answer["totalResults"] == len(answer["Resources"])
    return answer["Resources"]


def listed(world, kind, **query):
    """The answer to a query."""
    words = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    return world.send("GET", f"/{kind}?{words}")


def found(world, kind, text):
    """The ids a filter finds, or its error."""
    answer = listed(world, kind, filter=text, count=1000)
    return [each["id"] for each in answer.json["Resources"]] if answer.status == 200 else answer.json


TEXTS = {
    "Users": (
        *("userName", "externalId", "displayName", "title", "nickName", "profileUrl", "name.givenName"),
        *("NAME.familyname", "emails", "emails.value", "emails.type", "phoneNumbers.value", "roles.value"),
        *("roles.display", "photos.value", "addresses.locality", "addresses.country", "tags"),
        *("groups.value", "groups.display", "groups", "id", "meta.resourceType", "meta.version"),
        *("meta.location", "schemas", "department", "Manager.value", "manager", "userType"),
        *(f"{ENTERPRISE}:department", f"{ENTERPRISE.upper()}:EmployeeNumber", f"{ENTERPRISE}:manager.value"),
        *(f"{CUSTOM}:badge", f"{CUSTOM.lower()}:Badge", f"{CUSTOM}:desk.room", f"{CUSTOM}:boxes.label"),
        "urn:ietf:params:scim:schemas:core:2.0:User:userName",
    ),
    "Groups": (
        *("displayName", "externalId", "id", "members", "members.value", "members.display", "members.type"),
        *("meta.resourceType", "meta.version", "schemas", f"{GROUP_CUSTOM}:unit", "userName"),
        "urn:ietf:params:scim:schemas:core:2.0:Group:displayName",
    ),
}
NUMBERS = {
    "Users": ("shoeSize", f"{CUSTOM}:level", f"{CUSTOM}:desk.floor", f"{CUSTOM}:boxes.size"),
    "Groups": ("cost", "COST"),
}
TRUTHS = {
    "Users": ("active", "emails.primary", "vegan", f"{CUSTOM}:cleared"),
    "Groups": (f"{GROUP_CUSTOM}:open",),
}
MOMENTS = ("meta.created", "meta.lastModified")
LISTS = {
    "Users": (
        ("emails", ("value", "type", "Display"), ("primary",), ()),
        ("phoneNumbers", ("value", "TYPE"), ("primary",), ()),
        ("roles", ("value", "display"), (), ()),
        ("addresses", ("locality", "country", "type", "formatted"), (), ()),
        ("x509Certificates", ("value",), (), ()),
        ("groups", ("value", "display"), (), ()),
        (f"{CUSTOM}:boxes", ("label",), (), ("size",)),
        (f"{CUSTOM}:desk", ("room",), (), ("floor",)),
    ),
    "Groups": (("members", ("value", "display", "type"), (), ()),),
}
TEXT_OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ", "Co")
NUMBER_OPERATORS = ("eq", "ne", "gt", "ge", "lt", "le")


class Maker:
    """Makes random filters over one endpoint, with operands that stand somewhere in its resources."""

    def __init__(self, world, kind, seed):
        self.kind, self.resources = kind, getattr(world, kind)
        self.draw = random.Random(f"{kind} {seed}")

    def filter(self, depth=3):
        """A filter with up to `depth` levels."""
        roll = self.draw.random()
        if depth and roll < 0.2:
            return f"not ({self.filter(depth - 1)})"
        if depth and roll < 0.55:
            word = self.draw.choice((" and ", " or ", " AND "))
            return word.join(self.grouped(depth - 1) for _ in range(self.draw.randint(2, 3)))
        return self.term()

    def grouped(self, depth):
        """A filter, in parentheses where it needs or likes them."""
        text = self.filter(depth)
        return f"({text})" if " or " in text or self.draw.random() < 0.3 else text

    def term(self):
        """A comparison or a value path."""
        roll = self.draw.random()
        if roll < 0.2:
            return self.value_path()
        if roll < 0.3:
            every = TEXTS[self.kind] + NUMBERS[self.kind] + TRUTHS[self.kind] + MOMENTS
            return f"{self.draw.choice(every)} pr"
        return self.comparison(TEXTS[self.kind], TRUTHS[self.kind], NUMBERS[self.kind], MOMENTS)

    def value_path(self):
        """`emails[…]`, at times with `.value eq …` behind it."""
        path, *subs = self.draw.choice(LISTS[self.kind])
        inner = [self.comparison(*subs, (), at=path) for _ in range(self.draw.randint(1, 3))]
        text = self.draw.choice((" and ", " or ")).join(inner)
        text = f"not ({text})" if self.draw.random() < 0.2 else text
        behind = "." + self.comparison(*subs, (), at=path) if self.draw.random() < 0.2 else ""
        return f"{path}[{text}]{behind}"

    def comparison(self, texts, truths, numbers, moments, at=""):
        """`path operator operand`."""
        path = self.draw.choice((*texts, *truths, *numbers, *moments))
        whole = f"{at}.{path}" if at else path
        if path in truths:
            return f"{path} {self.draw.choice(('eq', 'ne'))} {self.draw.choice(('true', 'false', 'True'))}"
        if path in numbers:
            return f"{path} {self.draw.choice(NUMBER_OPERATORS)} {self.draw.choice(SIZES)}"
        if path in moments:
            moment = self.draw.choice(self.resources)["meta"]["created"]
            return f'{path} {self.draw.choice(NUMBER_OPERATORS)} "{moment}"'
        operator = self.draw.choice(TEXT_OPERATORS)
        if operator in TEXT_OPERATORS[5:9] and "x509" in whole:
            operator = "eq"  # binary values have no order
        return f"{path} {operator} {json.dumps(self.operand(whole), ensure_ascii=False)}"

    def operand(self, path):
        """A text that stands there in some resource, or nearly."""
        found, _ = reference_filter.reach(self.draw.choice(self.resources), path)
        texts = [each for each, _ in reference_filter.leaves(found, path) if isinstance(each, str)]
        text = self.draw.choice(texts or WORDS)
        start = self.draw.randint(0, max(0, len(text) - 1))
        changes = (str.upper, str.lower, lambda t: t[start:], lambda t: t[: start + 1], lambda t: "", str)
        return self.draw.choice(changes)(text)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("kind", ["Users", "Groups"])
def test_random_filters(world, kind, seed):
    """Random filters over every attribute and operator find the same resources in SQL and in memory."""
    maker = Maker(world, kind, seed)
    differ = {}
    for _ in range(FILTERS):
        text = maker.filter()
        wanted, got = reference_filter.matching(getattr(world, kind), text), found(world, kind, text)
        if got != wanted:
            differ[text] = got if isinstance(got, dict) else (len(wanted), len(got))
    assert differ == {}


WRITTEN = {
    "Users": (
        'userName sw "äpfel"',
        'userName sw "STRASSE" or userName sw "ﬁ"',
        'displayName eq "σίσυφος"',
        'displayName eq "ΣΊΣΥΦΟΣ" and not (displayName eq "SISYPHOS")',
        'displayName eq "istanbul"',
        'displayName eq "İSTANBUL" or title eq "i\u0307stanbul"',
        'displayName eq "\\u00c9CLAIR"',
        'title co "%"',
        'title eq "a_b"',
        'title co "\\""',
        'title co "\\\\"',
        'title eq "null"',
        "title eq null",
        "not (title eq null)",
        "title ne null and displayName ne null",
        'title ne "zzz"',
        'not (title eq "zzz" or title pr)',
        'not (emails[type eq "work" and not (primary eq true)])',
        'emails[type eq "work"].value sw "a"',
        'emails[value co "s" or display pr]',
        'emails[not (type eq "work")] and not (emails.type eq "work")',
        "emails[primary eq false]",
        'emails.primary eq "True" or active eq "False"',
        "emails.value ne null",
        'name.givenName gt "m" and name.familyName le "m"',
        "name pr",
        "not (name pr)",
        f"not ({ENTERPRISE}:manager pr)",
        f'{ENTERPRISE}:manager eq "Boss1"',
        'manager.value eq "boss1" or manager eq "BOSS2"',
        f"{CUSTOM}:desk pr and not ({CUSTOM}:boxes pr)",
        f"{CUSTOM}:boxes[size gt 1 and size lt 43]",
        f'{CUSTOM}:desk.Room co "s" or {CUSTOM}:DESK.FLOOR ge 42',
        "shoeSize eq 42.0",
        "shoeSize eq 1000000",
        'shoeSize eq "42"',
        "shoeSize lt 0 or shoeSize gt 1e5",
        'tags eq "fisch" and tags ne "iv"',
        'x509Certificates eq "TUlJ"',
        'x509Certificates.value eq "tulj"',
        'photos.value sw "https://host/S"',
        'profileUrl co "HOST"',
        "groups pr",
        "not (groups.value pr)",
        'groups[display co "s" and value pr]',
        'unknown eq "x"',
        'unknown ne "x"',
        "unknown.sub pr",
        'urn:nobody:has:this:User:thing ne "x"',
        'a.b eq "x" or userName sw "i"',
        'meta.created gt "2020-01-01T00:00:00Z"',
        'meta.created lt "2020-01-01T00:00:00+02:00"',
        'meta.version eq "W/\\"1\\""',
        'meta.location co "/Users/"',
        'meta.resourceType eq "user"',
        'id pr and externalId co "a"',
        '((((userName co "a"))))',
        'not (not (not (userName co "a")))',
        'userName co "a" or userName co "b" and title pr',
        '(userName co "a" or userName co "b") and title pr',
        'userName co ""',
        'schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"',
        "meta pr",
        'meta[resourceType eq "User"]',
        "vegan eq true",
        "vegan eq false",
        "vegan ne true",
        f"{CUSTOM}:cleared ne false",
        f"{CUSTOM}:cleared ne true",
        'groups.type eq "indirect"',
        'not (groups.type eq "indirect")',
    ),
    "Groups": (
        "members pr",
        "not (members pr)",
        'members[type eq "Group"]',
        'members[type eq "user" and display co "s"]',
        'members.type eq "Group" and members.type eq "User"',
        'members.value eq "nobody"',
        'members[value eq "nobody" or value eq "GHOST"]',
        'not (members[type eq "User"])',
        "members[not (type pr)]",
        'displayName co "fisch"',
        'displayName eq "äpfel 3" or displayName sw "straSSe"',
        'userName eq "x" or active eq true',
        f'{GROUP_CUSTOM}:unit co "a" or externalId eq "Fisch"',
        "cost ge 42",
        'members.display eq "Phantom"',
        "members.$ref pr",
        'meta.resourceType eq "Group"',
    ),
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in WRITTEN for text in WRITTEN[kind]])
def test_written_filters(world, kind, text):
    """Each filter finds the same resources in SQL and in memory."""
    assert found(world, kind, text) == reference_filter.matching(getattr(world, kind), text)


ORDERS = {
    "Users": (
        *("userName", "displayName", "title", "externalId", "name.familyName", "active", "emails", "id"),
        *("emails.value", "emails.type", "phoneNumbers.value", "addresses.country", "profileUrl"),
        *("department", f"{ENTERPRISE}:employeeNumber", f"{CUSTOM}:badge", f"{CUSTOM}:level", "shoeSize"),
        *("meta.created", "meta.lastModified", "x509Certificates.value", "manager.value", "unknown"),
    ),
    "Groups": ("displayName", "externalId", "cost", "id", "meta.lastModified"),
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind in ORDERS for path in ORDERS[kind]])
def test_order(world, kind, path, descending):
    """sortBy and sortOrder give the naive order, ties in the order of creation."""
    answer = listed(
        world, kind, sortBy=path, sortOrder="descending" if descending else "ascending", count=1000
    )
    got = [each["id"] for each in answer.json["Resources"]]
    assert got == reference_filter.ordered(getattr(world, kind), path, descending)


@pytest.mark.parametrize("text", [None, 'displayName co "s"', "not (title pr)"])
@pytest.mark.parametrize(
    ("start", "count"), [(1, 10), (11, 7), (1, 0), (140, 50), (151, 5), (9999, 5), (0, 3)]
)
def test_pages(world, text, start, count):
    """startIndex and count cut the naive list; totalResults and itemsPerPage count it."""
    every = reference_filter.matching(world.Users, text) if text else [each["id"] for each in world.Users]
    answer = listed(world, "Users", startIndex=start, count=count, **({"filter": text} if text else {})).json
    first = max(1, start)
    wanted = every[first - 1 : first - 1 + count]
    assert [each["id"] for each in answer["Resources"]] == wanted
    assert (answer["totalResults"], answer["itemsPerPage"], answer["startIndex"]) == (
        len(every),
        len(wanted),
        first,
    )


@pytest.mark.parametrize("query", [{}, {"filter": 'userName co "s"'}, {"sortBy": "title"}])
@pytest.mark.parametrize("count", [7, 50, 1000])
def test_cursors(world, query, count):
    """Following nextCursor (RFC 9865) gives every resource once, in order, and ends."""
    whole = listed(world, "Users", count=1000, **query).json
    got, cursor, pages = [], "", 0
    while cursor is not None:
        answer = listed(world, "Users", count=count, cursor=cursor, **query).json
        assert answer["totalResults"] == whole["totalResults"]
        got += [each["id"] for each in answer["Resources"]]
        cursor, pages = answer.get("nextCursor"), pages + 1
    assert got == [each["id"] for each in whole["Resources"]]
    assert pages == max(1, -(-len(got) // count))


def test_cursor_over_everything(world):
    """The root has no cursor: users and groups are counted apart."""
    answer = world.send("GET", "/?count=60&cursor=")
    assert (answer.status, answer.json["scimType"]) == (400, "invalidCursor")


@pytest.mark.parametrize("start", [1, 100, 145, 151, 199])
def test_everything_by_index(world, start):
    """The root is paged by index through users and groups alike."""
    answer = world.send("GET", f"/?count=20&startIndex={start}").json
    every = [each["id"] for each in world.Users + world.Groups]
    assert [each["id"] for each in answer["Resources"]] == every[start - 1 : start + 19]
    assert answer["totalResults"] == len(every)


SELECTIONS = (
    (("userName",), ()),
    (("USERNAME", "Name.GivenName"), ()),
    (("emails.value",), ()),
    (("emails.value", "emails.type"), ()),
    (("groups",), ()),
    (("groups.display",), ()),
    (("meta",), ()),
    (("meta.created", "active"), ()),
    (("tags", "shoeSize", "unknown"), ()),
    (("id",), ()),
    ((), ("emails",)),
    ((), ("emails.type", "name.familyName")),
    ((), ("groups", "meta", "id", "schemas")),
    ((), ("meta.location",)),
    ((), ("TAGS", "unknown", "unknown.sub")),
)


@pytest.mark.parametrize(("attributes", "excluded"), SELECTIONS)
def test_projection(world, attributes, excluded):
    """attributes and excludedAttributes cut each resource as the naive reading does."""
    query = {"attributes": ",".join(attributes), "excludedAttributes": ", ".join(excluded)}
    answer = listed(world, "Users", count=1000, **query).json["Resources"]
    assert answer == [reference_filter.projected(each, attributes, excluded) for each in world.Users]


@pytest.mark.parametrize(
    ("attributes", "excluded"), [(("members",), ()), ((), ("members",)), (("members.value",), ())]
)
def test_projection_of_groups(world, attributes, excluded):
    """The same for the members of groups."""
    query = {"attributes": ",".join(attributes), "excludedAttributes": ",".join(excluded)}
    answer = listed(world, "Groups", count=1000, **query).json["Resources"]
    assert answer == [reference_filter.projected(each, attributes, excluded) for each in world.Groups]


def test_whole_extensions(world):
    """An extension's URN alone selects or leaves out all of it; a qualified name one attribute of it."""
    for path, urn in ((ENTERPRISE.upper(), ENTERPRISE), (CUSTOM, CUSTOM), (CUSTOM.upper(), CUSTOM)):
        for each in listed(world, "Users", attributes=path, count=1000).json["Resources"]:
            whole = next(user for user in world.Users if user["id"] == each["id"])
            assert each == {name: whole[name] for name in ("schemas", "id", urn) if name in whole}
        for each in listed(world, "Users", excludedAttributes=path, count=1000).json["Resources"]:
            assert urn not in each
    answer = listed(world, "Users", attributes=f"{ENTERPRISE}:department", count=1000).json["Resources"]
    held = [user.get(ENTERPRISE, {}).get("department") for user in world.Users]
    assert [each.get(ENTERPRISE, {}).get("department") for each in answer] == held
