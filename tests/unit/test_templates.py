"""The check of the templates that `make lint` runs: what it finds, and that ours pass."""

import importlib.util

import pytest
from helpers import ROOT

SPEC = importlib.util.spec_from_file_location("templates_check", ROOT / ".ci" / "templates.py")
check = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check)


def test_ours_pass(capsys):
    """One element a line."""
    assert check.main() == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("<p>one</p>\n<p>two</p>", []),
        ("<p>one <b>two</b></p>", [(1, "several elements on one line")]),
        ("<p\n  class=\"{{ '<b>' if x }}\"\n>", []),
        ("x" * 121, [(1, "121 characters")]),
        ("<p> \n\tx", [(1, "tab or trailing blank"), (2, "tab or trailing blank")]),
    ],
)
def test_what_it_finds(text, faults):
    """Line and fault."""
    assert list(check.faults(text)) == faults
