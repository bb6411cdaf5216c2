"""CSV: what is written, and what no spreadsheet and no terminal runs."""

import csv
import io

import pytest

from promapp_lite import csvio


def read(text):
    """The cells of one line."""
    (found,) = csv.reader(io.StringIO(text, newline=""))
    return found


def test_it_works():
    """RFC 4180: CRLF at the end, quotes where they are needed; None is empty, booleans are as in JSON."""
    assert csvio.line(["a", 'b "c"', "d,e", None, True, False, -5, 1.5]) == (
        'a,"b ""c""","d,e",,true,false,-5,1.5\r\n'
    )
    assert read(csvio.line(["two\nlines", "Zoë"])) == ["two\nlines", "Zoë"]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_formula(begin):
    """A cell that begins as a formula does is marked as text; a number is none."""
    assert read(csvio.line([f"{begin}1+1"])) == [f"'{begin}1+1"]
    assert read(csvio.line([f"1{begin}1"])) == [f"1{begin}1"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("\x1b[2Jgone", r"\x1b[2Jgone"), ("\x00=1", r"\x00=1"), ("\x9b1m", r"\x9b1m"), ("a\x7f", r"a\x7f")],
)
def test_control_characters_do_not_go_out_raw(sent, shown):
    """A file that is shown in a terminal changes nothing there."""
    assert read(csvio.line([sent])) == [shown]
