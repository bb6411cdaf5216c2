"""The borders of the program: strict JSON, keys of texts in every script, moments."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from promapp_lite import clock, jsonio
from promapp_lite.text import fold

GOOD = {
    b"{}": {},
    b'\xef\xbb\xbf{"a":1}': {"a": 1},
    b' {"a" : [1, 2.5, true, null, "x"]}\r\n': {"a": [1, 2.5, True, None, "x"]},
    '"Zoë 😀 ﷽"'.encode(): "Zoë 😀 ﷽",
    b'"\\u00e9\\ud83d\\ude00\\n"': "é😀\n",
    b'{"a":1,"a":2}': {"a": 2},
    b"9223372036854775807": 2**63 - 1,
    b"-9223372036854775808": -(2**63),
    b"18446744073709551615": 2**64 - 1,
    b'\xef\xbb\xbf{"a":1234567890123456789}': {"a": 1234567890123456789},
    b'"12345678901234567890123456789"': "12345678901234567890123456789",
    b"[" * 32 + b"]" * 32: eval("[" * 32 + "]" * 32),  # noqa: S307
    b'"' + b"x" * 10_000 + b'"': "x" * 10_000,
}


@pytest.mark.parametrize("body", GOOD, ids=lambda body: repr(body[:40]))
def test_good_json(body):
    """JSON is read as it was meant."""
    assert jsonio.loads(body) == GOOD[body]


BAD = {
    b"": "not valid JSON",
    b"{": "not valid JSON",
    b"{'a':1}": "not valid JSON",
    b'{"a":1,}': "not valid JSON",
    b'{"a":1} {}': "not valid JSON",
    b"NaN": "not valid JSON",
    b'{"a":Infinity}': "not valid JSON",
    b"-Infinity": "not valid JSON",
    b"01": "not valid JSON",
    b"1_000": "not valid JSON",
    b'"\\ud800"': "not valid JSON",
    b'"\xff"': "not valid JSON",
    b'"\xed\xa0\x80"': "not valid JSON",
    '{"a":1}'.encode("utf-16"): "not valid JSON",
    '{"a":1}'.encode("utf-32"): "not valid JSON",
    b"[" * 100_000: "not valid JSON",
    b"[" * 33 + b"]" * 33: "32 levels",
    b'{"a":' * 33 + b"1" + b"}" * 33: "32 levels",
    b"[" * 1000 + b"]" * 1000: "32 levels",
    b'"a\\u0000b"': "NUL",
    b'{"\\u0000":1}': "NUL",
    b'"' + b"x" * 10_001 + b'"': "10,001",
    b'{"' + b"x" * 10_001 + b'":1}': "10,001",
    b"18446744073709551616": "too large",
    b"-9223372036854775809": "too large",
    b"9" * 300: "too large",
    b"9" * 5000: "not valid JSON",
    b"1e400": "not valid JSON",
}


@pytest.mark.parametrize("body", BAD, ids=lambda body: repr(body[:40]))
def test_bad_json(body):
    """Whatever else json.loads would take is refused with a ValueError in words."""
    with pytest.raises(ValueError, match=BAD[body]):
        jsonio.loads(body)


def test_deep_with_a_long_number():
    """Nesting is refused in words also where a long number is inside."""
    with pytest.raises(ValueError):
        jsonio.loads(b"[" * 1000 + b"1234567890123456789" + b"]" * 1000)


def test_a_deep_body_is_a_400(send):
    """… and so it is through HTTP (PROMISES S1)."""
    answer = send("POST", "/Users", b"[" * 1000 + b"1234567890123456789" + b"]" * 1000)
    assert (answer.status, answer.json["scimType"]) == (400, "invalidSyntax")


def test_a_nul_behind_a_backslash_is_a_text():
    r"""`\\u0000` is a backslash and five characters, not a NUL."""
    assert jsonio.loads(rb'"\\u0000"') == r"\u0000"


SAME = [
    ("ADA", "ada"),
    ("Ä", "ä"),
    ("A\u0308", "ä"),  # composed and not
    ("Straße", "STRASSE"),
    ("ﬁn", "FIN"),
    ("Ａｄａ", "ada"),  # full width
    ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),  # both small sigmas
    ("σίσυφος", "ΣΊΣΥΦΟΣ"),
    ("ДМИТРИЙ", "дмитрий"),
    ("ԲԱՐԵՒ", "բարեւ"),
    ("ᏣᎳᎩ", "ꮳꮃꭹ"),
    ("ᲐᲑᲒ", "აბგ"),  # noqa: RUF001
    ("𐐀", "𐐨"),
    ("①", "1"),
    ("ｶﾞ", "ガ"),
    ("\u212b", "å"),  # Ångström sign
    ("K", "\u212a"),  # Kelvin sign
    ("ϓ", "\u03d2\u0301"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_keys(one, other):
    """Texts that are the same to a reader have one key, in all scripts; a key is its own key."""
    assert fold(one) == fold(other)
    assert fold(fold(one)) == fold(one)


DIFFERENT = [
    ("a", "ä"),
    ("i", "ı"),
    ("o", "0"),
    ("a", "а"),
    ("a b", "ab"),
    ("ガ", "カ"),
    ("l", "1"),
    ("", " "),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_keys(one, other):
    """What a reader tells apart, or another script writes, stays apart."""
    assert fold(one) != fold(other)


MOMENTS = {
    "2026-11-23T08:15:00Z": "2026-11-23T08:15:00.000Z",
    "2026-11-23T08:15:00.123Z": "2026-11-23T08:15:00.123Z",
    "2026-11-23T08:15:00.123456Z": "2026-11-23T08:15:00.123Z",
    "2026-11-23T08:15:00+01:00": "2026-11-23T07:15:00.000Z",
    "2026-11-23T00:15:00-05:30": "2026-11-23T05:45:00.000Z",
    "2026-11-23T08:15:00": "2026-11-23T08:15:00.000Z",
    "2026-11-23": "2026-11-23T00:00:00.000Z",
    "2024-02-29T23:59:59Z": "2024-02-29T23:59:59.000Z",
}


@pytest.mark.parametrize("text", MOMENTS)
def test_moments(text):
    """An xsd:dateTime is kept as UTC with milliseconds, so that texts sort as moments do."""
    assert clock.stamp(clock.moment(text)) == MOMENTS[text]


@pytest.mark.parametrize(
    "text", ["", "now", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "23.11.2026", "8:15"]
)
def test_no_moments(text):
    """What is none is a ValueError."""
    with pytest.raises(ValueError):
        clock.moment(text)


def test_stamps_sort():
    """Stamps of moments in order are texts in order, whatever their offsets."""
    start = datetime(1999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    zones = [timezone(timedelta(hours=hours)) for hours in (-11, 0, 5, 13)]
    moments = [(start + timedelta(milliseconds=n * 7)).astimezone(zones[n % 4]) for n in range(300)]
    stamps = [clock.stamp(each) for each in moments]
    assert stamps == sorted(stamps) and len(set(stamps)) == 300


def test_now():
    """Now has the form that RFC 7643 and Entra show."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", clock.now())
    assert clock.stamp(clock.moment(clock.now()))[:10] == clock.now()[:10]
