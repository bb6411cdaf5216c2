"""Text: case-folded, NFKC-normalised keys to compare by, and what editors and shells write."""

import codecs
import re
import unicodedata
from typing import IO

MARKS = 30  # combining marks in a row; Unicode's stream-safe format (UAX #15) has that bound too
# Characters that are no combining marks but become some in NFKC.
BECOME_MARKS = "\u0f73\u0f75\u0f81\uff9e\uff9f"


def fold(text: str) -> str:
    """The key under which two texts are the same to a reader: NFKC, case-folded, NFKC.

    A crowded text is only case-folded.
    """
    if text.isascii():
        return text.lower()
    if crowded(text):
        return text.casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def crowded(text: str) -> bool:
    """Whether more than MARKS combining marks follow each other: NFKC takes the square of their number."""
    step = MARKS + 1  # a longer row of marks has one at a multiple of this
    return any(
        is_mark(text[place]) and marks_around(text, place) > MARKS for place in range(MARKS, len(text), step)
    )


def is_mark(character: str) -> bool:
    """Whether NFKC may move the character past others."""
    return unicodedata.combining(character) > 0 or character in BECOME_MARKS


def marks_around(text: str, place: int) -> int:
    """How many marks stand in a row around a place, as far as it matters."""
    near = range(1, MARKS + 1)
    before = next((far - 1 for far in near if place < far or not is_mark(text[place - far])), MARKS)
    after = next(
        (far - 1 for far in near if place + far >= len(text) or not is_mark(text[place + far])), MARKS
    )
    return before + 1 + after


CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """The text for a terminal: what would move its cursor, change its colours or the order is replaced."""
    return CONTROL.sub("�", text)


def decoded(data: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark, as Windows' tools write it.

    UnicodeDecodeError for any other.
    """
    return data.decode("utf-16" if is_utf16(data) else "utf-8-sig")


def is_utf16(data: bytes) -> bool:
    """Whether a byte order mark says so."""
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def first_line(stream: IO[bytes]) -> str:
    """The first line of piped input, without its end; UnicodeDecodeError where it is not `decoded`."""
    data = stream.readline()
    if is_utf16(data):
        data += stream.read()  # a byte 0A is not the end of a line there
    return next(iter(decoded(data).splitlines()), "")
