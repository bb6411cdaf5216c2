"""The borders of the program: keys of texts in every script, moments."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from promapp_lite import clock
from promapp_lite.text import fold

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
