"""The table of refusals is whole: what the code refuses has a row, each row is used and says what to do."""

import ast
import re
import string

import pytest
from helpers import ROOT

from promapp_lite.scim import refusals
from promapp_lite.scim.refusals import REFUSALS, UNKNOWN, advice, refuse

PACKAGE = ROOT / "promapp_lite"
TABLES = {"BY_STATUS": refusals.BY_STATUS, "HTTP": refusals.HTTP}
# Microsoft's reference for writing expressions for attribute mappings; there is no Trim.
FUNCTIONS = {
    "Coalesce",
    "FormatDateTime",
    "Item",
    "Mid",
    "Replace",
    "StripSpaces",
    "Switch",
    "SelectUniqueValue",
}
NUMBERS = {"most", "sent", "seconds"}  # values that are numbers


def calls(name):
    """(file, call) of each call of a function in the package, rehearse left out: it is no server."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if "rehearse" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield path.relative_to(PACKAGE).as_posix(), node


def codes(argument):
    """The codes that an argument can be: a literal, or what a table holds, and a literal default."""
    for node in ast.walk(argument):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name) and node.id in TABLES:
            yield from TABLES[node.id].values()


SITES = [
    (file, code, frozenset(keyword.arg for keyword in call.keywords))
    for file, call in calls("refuse")
    for code in codes(call.args[0])
]


def fields(*texts):
    """The names of the values that texts name."""
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_all_is_refused_by_code():
    """Nothing makes an error but the table, and each call says which row it means."""
    assert {file for file, _ in calls("ScimError")} == {"scim/refusals.py"}
    assert all(list(codes(call.args[0])) for _, call in calls("refuse"))


@pytest.mark.parametrize(("file", "code", "given"), SITES, ids=lambda part: str(part))
def test_each_refusal_has_a_row_and_its_values(file, code, given):
    """What is refused is in the table, and every value that the row's texts name is given."""
    row = REFUSALS[code]
    assert fields(row.detail, row.why, row.change) <= given


@pytest.mark.parametrize("code", REFUSALS)
def test_each_row_is_used_and_complete(code):
    """It is raised somewhere, its texts are filled in without a rest, it says why and what to change."""
    row = REFUSALS[code]
    assert code in {used for _, used, _ in SITES}
    named = fields(row.detail, row.why, row.change)
    error = refuse(code, **{name: 1000 if name in NUMBERS else "some value" for name in named})
    found = advice(code, error.values)
    for text in (error.detail, found.why, found.change):
        assert len(text) >= 10 and "{" not in text.replace("{id}", "")
        assert error.code == code and set(re.findall(r"(\w+)\(\[", text)) <= FUNCTIONS


def test_long_values_are_cut():
    """A value that somebody sent is shown and kept short."""
    error = refuse("taken_name", kind="user", attribute="userName", value="x" * 5000)
    assert len(error.detail) < 400 and sum(map(len, error.values.values())) == refusals.LONGEST


def test_rows_of_another_version_have_advice():
    """A code that is no longer known, or values that lack one, still answer something."""
    assert advice("gone", {}) == advice("required", {}) == UNKNOWN


def test_braces_that_were_sent_are_text():
    """A value is filled in, never read as a text with values of its own."""
    assert "{value}" in refuse("wrong_op", op="{value}").detail


@pytest.mark.parametrize("sent", ["x", "\x00", "\U000e0001", "\\", "'\""], ids=ascii)
@pytest.mark.parametrize("code", REFUSALS)
def test_answers_echo_little(code, sent):
    """Of all that was sent together at most 200 characters, also where it has to be escaped."""
    row = REFUSALS[code]
    named = fields(row.detail, row.why, row.change)
    empty = refuse(code, **{name: 1000 if name in NUMBERS else "" for name in named})
    error = refuse(code, **{name: 1000 if name in NUMBERS else sent * 70_000 for name in named})
    assert len(error.detail) - len(empty.detail) <= 200 + 2 * len(named)
