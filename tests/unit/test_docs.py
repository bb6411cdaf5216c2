"""The docs are true: links lead somewhere, commands and settings exist."""

import re
import tomllib

import click
import pytest
from helpers import ROOT

from promapp_lite.cli import SERVING, main

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


def test_the_settings_of_the_docs_exist():
    """The config.toml that is shown names settings of serve."""
    shown = (ROOT / "docs" / "install-linux.md").read_text("utf-8")
    lines = [line.strip() for line in shown.splitlines() if re.match(r"\s+[a-z-]+ = ", line)]
    command = click.Command("x")
    for option in SERVING:
        option(command)
    known = {name.lstrip("-") for each in command.params for name in each.opts}
    found = tomllib.loads("\n".join(lines))
    assert len(found) >= 4
    assert set(found) <= known
