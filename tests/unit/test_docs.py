"""The docs are true: links lead somewhere, commands and settings exist."""

import re

import click
import pytest
from helpers import ROOT

from promapp_lite import config
from promapp_lite.cli import main
from promapp_lite.config import SETTINGS, read_config
from promapp_lite.scim import limits
from promapp_lite.scim.refusals import REFUSALS
from promapp_lite.server import limits as server_limits

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^\s+|`)(?:sudo (?:-u \S+ )?)?promapp-lite((?: [^\s`<>|&;]+)*)", re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Each link to another page, and to a heading of it."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        assert not heading or heading in headings(file), target


def test_the_limits_are_those_of_the_code():
    """README's table is what the code holds, each with the answer beyond it."""
    text = (ROOT / "README.md").read_text("utf-8").split("| limit | at most |")[1].split("\n\n")[0]
    shown = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text.splitlines()[2:]]
    *rows, page, answered = shown
    assert rows == [(what, most, answer(code)) for what, most, code in limits.TABLE]
    assert page == ("page", f"{limits.PAGE:,} resources", "the page is that long")
    assert answered == ("answer", f"{limits.ANSWER // limits.MIB} MiB", "the page ends early")


def answer(code):
    """Status and scimType of a refusal."""
    row = REFUSALS[code]
    return " ".join(filter(None, (str(row.status), row.scim_type)))


def headings(file):
    """The anchors of a page."""
    found = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page):
    """Each command line that is shown can be given, with its options."""
    for line in COMMAND.findall(page.read_text("utf-8")):
        command = main
        for word in line.split():
            if word.startswith("--"):
                known = {name for each in command.params for name in each.opts} | {"--help", "--version"}
                assert word in known, line
            elif isinstance(command, click.Group):
                command = command.get_command(None, word) or command


def test_the_settings_of_the_docs_exist(tmp_path):
    """The config.toml that is shown can be used."""
    shown = (ROOT / "docs" / "install-linux.md").read_text("utf-8")
    lines = [line.strip() for line in shown.splitlines() if re.match(r"\s+[a-z-]+ = ", line)]
    (tmp_path / "config.toml").write_text("\n".join(lines))
    assert len(read_config(tmp_path)) >= 4


def row(name):
    """A setting as its row in docs/settings.md."""
    setting = SETTINGS[name]
    option = config.option(name)
    given = setting.default
    default = setting.shown or ("no" if given is False else given or "none" if given != 0 else 0)
    told = ", ".join(given) or "none" if setting.multiple else default
    return f"| `--{option}` | `{option}` | `{config.variable(name)}` | {told} | {setting.help} |"


def test_the_list_of_settings():
    """docs/settings.md has exactly what the table in config.py has."""
    rows = [row(name) for name in SETTINGS]
    shown = (ROOT / "docs" / "settings.md").read_text("utf-8").splitlines()
    assert [line for line in shown if line.startswith("| `--")] == rows, "\n".join(rows)


def test_what_a_client_is_held_to_is_what_the_server_does():
    """The table in docs/security.md is that of the server."""
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    for row in server_limits.TABLE:
        assert f"| {row.limit} | {row.beyond} |" in text
