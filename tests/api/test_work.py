"""S12: what a request costs is bounded by its bytes: no square of anything that a caller sends."""

import json
import unicodedata

import pytest

from promapp_lite import text
from promapp_lite.scim import limits, patch, resource
from promapp_lite.scim.resource_types import USERS

MARKS = "\u0316\u0301"  # of two classes, so that NFKC has to sort them


def operations(*each):
    """A PATCH body."""
    return {"Operations": [dict(zip(("op", "path", "value"), one, strict=False)) for one in each]}


@pytest.mark.parametrize("marks", [MARKS * 16, "\uff9e" * 31, "\u0f73" * 31], ids=ascii)
def test_crowded_texts_are_refused(send, marks):
    """More than 30 combining marks in a row, as text or escaped, in a value, a key, a path or a filter."""
    sent = {"userName": f"a{marks}"}
    for body in (sent, json.dumps(sent, ensure_ascii=False).encode(), {"userName": "a", f"x{marks}": 1}):
        assert send("POST", "/Users", body).json["scimType"] == "invalidValue"
    id = send("POST", "/Users", {"userName": "a"}).json["id"]
    path = f'emails[value eq "{marks}"]'
    assert send("PATCH", f"/Users/{id}", operations(("remove", path))).status == 400
    assert send("GET", f'/Users?filter=userName eq "{marks}"').status == 400


def test_thirty_marks_are_taken(send):
    """Scripts with many marks are stored as sent."""
    name = f"a{MARKS * 15}b{MARKS * 15}"
    assert send("POST", "/Users", {"userName": name}).json["userName"] == name


def test_which_characters_are_marks():
    """All that NFKC makes a combining mark at the beginning, in all of Unicode."""
    for number in [*range(0xD800), *range(0xE000, 0x110000)]:
        first = unicodedata.normalize("NFKD", chr(number))[0]
        assert text.is_mark(chr(number)) is (unicodedata.combining(first) > 0), hex(number)


@pytest.mark.timeout(10)
def test_folding_is_linear():
    """A million marks, where nothing has refused them, are not sorted."""
    assert len(text.fold("a" + MARKS * 500_000)) == 1_000_001


@pytest.mark.parametrize("length", range(28, 34))
def test_a_row_of_marks_is_found_wherever_it_stands(length):
    """More than 30 are crowded, at any place."""
    for before in range(70):
        assert text.crowded("b" * before + "\u0301" * length + "b" * 40) is (length > 30)
        assert text.crowded("b" * before + "\u0301" * length) is (length > 30)


def test_each_value_is_folded_once(monkeypatch):
    """A hundred operations over twenty values fold each value once, not a hundred times."""
    folded = []
    monkeypatch.setattr(patch, "fold", lambda text: folded.append(text) or text)
    document = {"emails": [{"value": f"é{number}"} for number in range(20)]}
    patch.apply(document, patch.parse(USERS, operations(*[("remove", 'emails[value eq "q"]')] * 100)))
    assert len(folded) == 20


def test_keys_of_an_object(send):
    """A thousand keys, in a body or by and by; one more is refused."""
    assert send("POST", "/Users", {"userName": "a"} | dict.fromkeys(map(str, range(1000)), 1)).status == 400
    made = send("POST", "/Users", {"userName": "a"} | {f"k{number}": 1 for number in range(900)})
    more = {f"m{number}": 1 for number in range(99)}
    id = made.json["id"]
    for number in (1, 2):
        answer = send(
            "PATCH", f"/Users/{id}", operations(("add", "", {f"{key}x{number}": 1 for key in more}))
        )
    assert (answer.status, answer.json["scimType"]) == (400, "tooMany")


@pytest.mark.parametrize("urn", ["", "urn:x:custom:2.0:User:"])
def test_keys_are_looked_up_in_linear_time(urn, monkeypatch):
    """For twice the keys the names are put to lower case twice as often."""

    class Counted(str):
        calls = 0

        def lower(self):
            Counted.calls += 1
            return super().lower()

    def calls(number):
        Counted.calls = 0
        document = {Counted(f"Held{each}"): 1 for each in range(number)}
        operations = [
            patch.Operation("add", patch.parse_path(USERS, f"{urn}new{each}")[0], None, 1)
            for each in range(number)
        ]
        patch.apply(document, operations)
        return Counted.calls

    assert calls(400) <= 2 * calls(200) + 10 <= 1000


def test_many_hits_are_replaced_in_linear_time():
    """A thousand values that all match are compared by what they are, never each with each."""

    class Compared(dict):
        pass

    values = [Compared(value=str(number), type="work") for number in range(1000)]
    found = patch.replaced(values, values[500:], [{"value": "new"}] * 500)
    assert found == values[:500] + [{"value": "new"}] * 500
    assert patch.others(values, values[500:]) == values[:500]


def test_long_values_cost_more(send):
    """What is read of the values counts: 4 MB of text a thousand times is too much."""
    id = send("POST", "/Users", {"userName": "a"}).json["id"]
    emails = [{"value": f"{number}{'x' * 9000}"} for number in range(400)]
    sent = [("add", "emails", emails), *[("remove", 'emails[value co "y"]')] * 999]
    assert send("PATCH", f"/Users/{id}", operations(*sent)).json["scimType"] == "tooMany"


def test_bulk_patches_together(send):
    """10,000 operations of PATCH in a bulk request, also those without a path; more are 413."""
    one = operations(*[("add", "title", "x")] * 501)
    spread = operations(("add", "", dict.fromkeys([f"a{number}" for number in range(501)], 1)))
    for data in (one, spread):
        patches = [{"method": "PATCH", "path": "/Users/x", "data": data}] * 20
        assert send("POST", "/Bulk", {"Operations": patches}).status == 413
        assert send("POST", "/Bulk", {"Operations": patches[1:]}).status == 200


def test_bulk_comparisons_together(send, monkeypatch):
    """All operations of a bulk request share what they may compare."""
    monkeypatch.setattr(limits, "COMPARISONS", 500)
    emails = [{"value": str(number)} for number in range(100)]
    id = send("POST", "/Users", {"userName": "a", "emails": emails}).json["id"]
    data = operations(("remove", 'emails[value eq "q"]'))
    sent = [{"method": "PATCH", "path": f"/Users/{id}", "data": data}] * 10
    statuses = [each["status"] for each in send("POST", "/Bulk", {"Operations": sent}).json["Operations"]]
    assert statuses[0] == "200" and statuses[-1] == "400"


def test_names_of_attributes(send):
    """200 names; more are refused. The same one again is none more."""
    names = ",".join(f"a{number}" for number in range(200))
    assert send("GET", f"/Users?attributes={names}").status == 200
    assert send("GET", f"/Users?attributes={names},b").json["scimType"] == "tooMany"
    assert send("GET", f"/Users?attributes={'a,' * 1000}").status == 200


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", [" " * 2_000_000 + "x", '"a, ' * 500_000], ids=["blanks", "quotes"])
def test_entity_tags_are_read_once(text):
    """Millions of characters of If-Match take no time."""
    assert not resource.names_version(text, 1)


@pytest.mark.parametrize("tags", ['W/"3"', '"3"', "3", "*", '"1", W/"3"', 'w/"3" , "4"'])
def test_entity_tags(tags):
    """Weak or not, one of several, or any."""
    assert resource.names_version(tags, 3) and (tags == "*" or not resource.names_version(tags, 33))


@pytest.fixture
def large(send):
    """Seven users of 3 KB and three groups."""
    for number in range(7):
        assert send("POST", "/Users", {"userName": f"u{number}", "x": "y" * 3000}).status == 201
    for number in range(3):
        assert send("POST", "/Groups", {"displayName": f"g{number}"}).status == 201


def walked(send, path):
    """All resources of a list by startIndex, and the sizes of its pages."""
    seen, sizes = [], []
    while len(seen) < 100:
        page = send("GET", f"{path}startIndex={len(seen) + 1}").json
        if not page["Resources"]:
            return seen, sizes
        assert page["totalResults"] == (10 if path.startswith("/?") else 7)
        assert page["itemsPerPage"] == len(page["Resources"])
        seen += [each.get("userName") or each["displayName"] for each in page["Resources"]]
        sizes.append(len(page["Resources"]))
    raise AssertionError("it never ends")


@pytest.mark.parametrize("path", ["/Users?", "/Users?sortBy=userName&", "/Users?filter=userName pr&"])
def test_an_answer_is_cut_by_bytes(send, large, monkeypatch, path):
    """A page ends early, and the next one goes on behind it."""
    monkeypatch.setattr(limits, "ANSWER", 7000)
    assert walked(send, path) == ([f"u{number}" for number in range(7)], [2, 2, 2, 1])


def test_a_list_of_everything_is_cut_by_bytes(send, large, monkeypatch):
    """No group comes before the last user."""
    monkeypatch.setattr(limits, "ANSWER", 7000)
    seen, sizes = walked(send, "/?")
    assert seen == [f"u{number}" for number in range(7)] + [f"g{number}" for number in range(3)]
    assert sizes == [2, 2, 2, 4]


@pytest.mark.parametrize("more", ["", "&sortBy=userName"])
def test_cursors_go_on_behind_a_cut(send, large, monkeypatch, more):
    """Nobody is left out."""
    monkeypatch.setattr(limits, "ANSWER", 7000)
    seen, cursor = [], ""
    while cursor is not None:
        page = send("GET", f"/Users?cursor={cursor}{more}").json
        seen += [each["userName"] for each in page["Resources"]]
        cursor = page.get("nextCursor")
    assert seen == [f"u{number}" for number in range(7)]


@pytest.mark.parametrize("together", [0, 50_000])
def test_people_in_many_groups(send, monkeypatch, together):
    """Their groups count as bytes of the answer, and one who alone is over it is shown."""
    monkeypatch.setattr("promapp_lite.store.directory.users.MAX_TOGETHER", together)
    ids = [send("POST", "/Users", {"userName": f"u{number}"}).json["id"] for number in range(7)]
    for number in range(20):
        members = [{"value": id} for id in ids]
        inner = send("POST", "/Groups", {"displayName": f"g{number}", "members": members}).json["id"]
    send("POST", "/Groups", {"displayName": "outer", "members": [{"value": inner}]})
    whole = send("GET", "/Users").json["Resources"]
    assert [len(each["groups"]) for each in whole] == [21] * 7
    assert send("GET", f"/Users/{ids[0]}").json["groups"] == whole[0]["groups"]
    monkeypatch.setattr(limits, "ANSWER", 8000)
    seen, sizes = walked(send, "/Users?")
    assert seen == [f"u{number}" for number in range(7)] and max(sizes) < 3
    monkeypatch.setattr(limits, "ANSWER", 1)
    assert walked(send, "/Users?")[1] == [1] * 7
