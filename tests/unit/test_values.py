"""Values as sent and as kept: the right type and shape, or a 400 in words."""

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim.resource_types import GROUPS, USERS, resolve
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
    ("title", 7, "invalidValue", "title must be a string; got 7."),
    ("title", True, "invalidValue", "title must be a string; got true."),
    ("title", {"a": 1}, "invalidValue", 'title must be a string; got {"a":1}.'),
    ("title", ["a", "b"], "invalidValue", "title takes one value; got 2."),
    ("title", [["a"]], "invalidValue", 'title must be a string; got ["a"].'),
    ("title", ["x" * 200, 7], "invalidValue", "title takes one value; got 2."),
    ("active", "yes", "invalidValue", 'active must be true or false; got "yes".'),
    ("active", 1, "invalidValue", "active must be true or false; got 1."),
    ("active", {}, "invalidValue", "active must be true or false; got {}."),
    ("name", "Ada", "invalidValue", 'name must be an object; got "Ada".'),
    ("name", {"givenName": 7}, "invalidValue", "givenName must be a string; got 7."),
    ("name", {"givenName": "a", "GivenName": "b"}, "invalidSyntax", "name.givenName was sent twice"),
    ("manager", 7, "invalidValue", "value must be a string; got 7."),
    ("manager", ["7", "8"], "invalidValue", "manager takes one value; got 2."),
    ("manager", [["7"]], "invalidValue", 'manager must be an object; got ["7"].'),
    ("emails", 7, "invalidValue", "value must be a string; got 7."),
    ("emails", [["a@x"]], "invalidValue", 'emails must be an object; got ["a@x"].'),
    ("emails", [{"primary": "yes"}], "invalidValue", 'primary must be true or false; got "yes".'),
    ("emails", [{"value": "a", "primary": True}] * 2, "invalidValue", "emails has more than one value"),
    ("emails", ["a"] * 1001, "tooMany", "emails takes at most 1,000 values; got 1,001."),
    ("addresses", ["x"], "invalidValue", 'addresses must be an object; got "x".'),
    ("userName", "x" * 256, "invalidValue", "userName takes at most 255 characters; got 256."),
    ("externalId", "x" * 256, "invalidValue", "externalId takes at most 255 characters; got 256."),
    ("userName", " a", "invalidValue", "userName must not begin or end with a space"),
    ("userName", "a\u00a0", "invalidValue", "userName must not begin or end with a space"),
    ("userName", "a\nb", "invalidValue", "userName must not begin or end with a space"),
    ("userName", "a\u202eb", "invalidValue", "userName must not begin or end with a space"),
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


@pytest.mark.parametrize("sent", [{"a": "open sesame"}, [["open sesame"]], 7])
def test_a_password_is_not_shown(sent):
    """What must never be returned is not in the words either."""
    with pytest.raises(ScimError) as caught:
        coerce(resolve(USERS, "password").top, sent)
    assert caught.value.detail == "password must be a string; got another type."


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
        with pytest.raises(ScimError, match="created must be a date and time"):
            coerce(created, wrong)
