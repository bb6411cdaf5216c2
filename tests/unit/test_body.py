"""The body of a request: JSON, strictly, and within the limits."""

import pytest

from promapp_lite.errors import ScimError
from promapp_lite.scim.body import read_json

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
    assert read_json(body) == GOOD[body]


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
    """Whatever else json.loads would take is refused, in words."""
    with pytest.raises(ScimError, match=BAD[body]):
        read_json(body)


def test_deep_with_a_long_number():
    """Nesting is refused in words also where a long number is inside."""
    with pytest.raises(ScimError):
        read_json(b"[" * 1000 + b"1234567890123456789" + b"]" * 1000)


def test_a_deep_body_is_a_400(send):
    """… and so it is through HTTP."""
    answer = send("POST", "/Users", b"[" * 1000 + b"1234567890123456789" + b"]" * 1000)
    assert (answer.status, answer.json["scimType"]) == (400, "invalidSyntax")


def test_a_nul_behind_a_backslash_is_a_text():
    r"""`\\u0000` is a backslash and five characters, not a NUL."""
    assert read_json(rb'"\\u0000"') == r"\u0000"
