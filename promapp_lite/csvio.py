"""CSV (RFC 4180) that is safe in spreadsheets: no formulas, no raw control characters."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # a spreadsheet runs what begins so, the full-width forms too
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tab, CR and LF


def line(values: Iterable[Any]) -> str:
    """One line, with its end."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([cell(value) for value in values])
    return out.getvalue()


def cell(value: Any) -> str:
    """A value as text; what a spreadsheet could run begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    text = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return f"'{text}" if text.startswith(FORMULA) else text
