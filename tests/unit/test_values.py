"""Values as sent and as kept: the right type and shape, or a 400 in words."""

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim.schema import GROUPS, USERS, resolve
from promapp_lite.scim.values import coerce

W = {"type": "work", "value": "w@x"}
KEPT = [
    # texts stay to the letter
    ("title", "  Dr. Ä\n", "  Dr. Ä\n"),
    ("title", {"value": "x"}, "x"),
    ("title", ["x"], "x"),
    ("title", [], None),
    ("title", "", None),
    ("title", None, None),
    ("title", {"value": None}, None),
    ("profileUrl", "not a url", "not a url"),
    ("userName", "Zoë.O'Neil+x@corp", "Zoë.O'Neil+x@corp"),
    ("userName", "a b", "a b"),
    ("userName", "x" * 255, "x" * 255),
    ("displayName", "x" * 256, "x" * 256),
    # booleans
    ("active", True, True),
    ("active", "True", True),
    ("active", "FALSE", False),
    ("active", "false", False),
    ("active", ["False"], False),
    ("active", "", None),
    # complex
    ("name", {"GIVENNAME": "A", "familyName": ""}, {"givenName": "A"}),
    ("name", {"givenName": None}, None),
    ("name", {}, None),
    ("name", [{"givenName": "A"}], {"givenName": "A"}),
    ("name", {"nobody": [1, None]}, {"nobody": [1]}),
    # a manager in each of Entra's shapes
    ("manager", "7", {"value": "7"}),
    ("manager", {"value": "7"}, {"value": "7"}),
    ("manager", [{"value": "7", "$ref": "http://x/7"}], {"value": "7", "$ref": "http://x/7"}),
    ("manager", {"value": "7", "$ref": None}, {"value": "7"}),
    ("manager", {"value": "7", "displayName": "ignored"}, {"value": "7"}),
    ("manager", ["7"], {"value": "7"}),
    ("manager", "", None),
    ("manager", {"value": ""}, None),
    ("manager", [], None),
    # several values
    ("emails", [W], [W]),
    ("emails", W, [W]),
    ("emails", "w@x", [{"value": "w@x"}]),
    ("emails", ["a@contoso.local", "a@corp"], [{"value": "a@contoso.local"}, {"value": "a@corp"}]),
    ("emails", [None, "", {}, {"value": ""}, W], [W]),
    ("emails", [], None),
    ("emails", [{"VALUE": "w@x", "Type": "work", "primary": "True"}], [{**W, "primary": True}]),
    ("emails", [{**W, "primary": "false"}], [{**W, "primary": False}]),
    ("emails", [{**W, "extra": {"a": None, "b": 1}}], [{**W, "extra": {"b": 1}}]),
    ("roles", ['{"id":"1","value":"25"}'], [{"value": '{"id":"1","value":"25"}'}]),
    ("x509Certificates", ["MIID"], [{"value": "MIID"}]),
    # free
    ("nobody", 7, 7),
    ("nobody", {"a": [None, 1, {"b": None}]}, {"a": [1]}),
    ("nobody", [None, ""], None),
    ("nobody", False, False),
    ("nobody", 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sent", "kept"), KEPT)
def test_kept(name, sent, kept):
    """Each shape that Entra or the RFC sends becomes the one that is kept; None is nothing."""
    found = coerce(resolve(USERS, name).top, sent)
    assert found == kept and type(found) is type(kept)


REFUSED = [
    ("title", 7, "invalidValue", "title takes a text; 7 was sent."),
    ("title", True, "invalidValue", "title takes a text; true was sent."),
    ("title", {"a": 1}, "invalidValue", 'title takes a text; {"a":1} was sent.'),
    ("title", ["a", "b"], "invalidValue", "title takes one value; 2 were sent."),
    ("title", [["a"]], "invalidValue", 'title takes a text; ["a"] was sent.'),
    ("title", ["x" * 200, 7], "invalidValue", "title takes one value; 2 were sent."),
    ("active", "yes", "invalidValue", 'active takes true or false; "yes" was sent.'),
    ("active", 1, "invalidValue", "active takes true or false; 1 was sent."),
    ("active", {}, "invalidValue", "active takes true or false; {} was sent."),
    ("name", "Ada", "invalidValue", 'name takes an object; "Ada" was sent.'),
    ("name", {"givenName": 7}, "invalidValue", "givenName takes a text; 7 was sent."),
    ("name", {"givenName": "a", "GivenName": "b"}, "invalidSyntax", "name.givenName was sent twice"),
    ("manager", 7, "invalidValue", "value takes a text; 7 was sent."),
    ("manager", ["7", "8"], "invalidValue", "manager takes one value; 2 were sent."),
    ("manager", [["7"]], "invalidValue", 'manager takes an object; ["7"] was sent.'),
    ("emails", 7, "invalidValue", "value takes a text; 7 was sent."),
    ("emails", [["a@x"]], "invalidValue", 'emails takes an object; ["a@x"] was sent.'),
    ("emails", [{"primary": "yes"}], "invalidValue", 'primary takes true or false; "yes" was sent.'),
    ("emails", [{"value": "a", "primary": True}] * 2, "invalidValue", "emails has more than one value"),
    ("emails", ["a"] * 1001, "tooMany", "emails takes at most 1,000 values; 1,001 were sent."),
    ("addresses", ["x"], "invalidValue", 'addresses takes an object; "x" was sent.'),
    ("userName", "x" * 256, "invalidValue", "userName takes at most 255 characters; 256 were sent."),
    ("externalId", "x" * 256, "invalidValue", "externalId takes at most 255 characters; 256 were sent."),
    ("userName", " a", "invalidValue", "userName has blanks around it or control characters in it."),
    ("userName", "a\u00a0", "invalidValue", "userName has blanks around it or control characters in it."),
    ("userName", "a\nb", "invalidValue", "userName has blanks around it or control characters in it."),
    ("userName", "a\u202eb", "invalidValue", "userName has blanks around it or control characters in it."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sent", "scim_type", "told"), REFUSED)
def test_refused(name, sent, scim_type, told):
    """What cannot be meant is refused: the words name the attribute, what it takes and what came."""
    with pytest.raises(ScimError) as caught:
        coerce(resolve(USERS, name).top, sent)
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)
    assert caught.value.detail.startswith(told)


def test_a_long_value_is_shown_short():
    """The words show at most 80 characters of what came."""
    with pytest.raises(ScimError) as caught:
        coerce(resolve(USERS, "active").top, "x" * 5000)
    assert len(caught.value.detail) < 140 and "…" in caught.value.detail


@pytest.mark.parametrize("text", [" ", "a\u202eb", "\t", "x\u0085"])
def test_group_names(text):
    """A group's displayName takes any text but nothing."""
    assert coerce(resolve(GROUPS, "displayName").top, text) == text


TIMES = ["2026-11-23T08:15:00Z", "2026-11-23T08:15:00+01:00", "2026-11-23"]


@pytest.mark.parametrize("text", TIMES)
def test_moments(text):
    """A dateTime is kept to the letter where it is one; anything else is refused."""
    created = resolve(USERS, "meta.created").leaf
    assert coerce(created, text) == text
    for wrong in ("yesterday", 7, True, {"a": 1}):
        with pytest.raises(ScimError, match="created takes a date and time"):
            coerce(created, wrong)
