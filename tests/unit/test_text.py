"""Files and piped input as editors and shells write them, on Windows too."""

import io

import pytest

from promapp_lite.text import decoded, first_line

WRITTEN = {  # who writes it so
    "Zürich 大川\r\nsecond\r\n".encode(): "PowerShell 7, Notepad",
    "\ufeffZürich 大川\r\nsecond\r\n".encode(): "PowerShell 5.1 with -Encoding UTF8",
    "\ufeffZürich 大川\r\nsecond\r\n".encode("utf-16-le"): "PowerShell 5.1 with >",
    "\ufeffZürich 大川\r\nsecond\r\n".encode("utf-16-be"): "Notepad, UTF-16 BE",
    "Zürich 大川\nsecond\n".encode(): "Linux",
}


@pytest.mark.parametrize("data", WRITTEN, ids=WRITTEN.values())
def test_what_tools_write(data):
    """The letters that were typed, without the byte order mark; a line without its end."""
    assert decoded(data).splitlines() == ["Zürich 大川", "second"]
    assert first_line(io.BytesIO(data)) == "Zürich 大川"


@pytest.mark.parametrize("letter", "\u010a\u0a0d", ids=ascii)
def test_a_letter_with_the_byte_of_a_line_end(letter):
    """In UTF-16 a byte 0A is a part of a letter too."""
    assert first_line(io.BytesIO(f"\ufeffa{letter}b\nc".encode("utf-16-le"))) == f"a{letter}b"


def test_other_encodings_are_refused():
    """What is guessed would be another password."""
    with pytest.raises(UnicodeDecodeError):
        first_line(io.BytesIO("Zürich\n".encode("cp1252")))
    assert first_line(io.BytesIO()) == ""
