"""The house stays as the README says: imports only go down, the README's table and help are true."""

import ast
import importlib
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from helpers import ROOT

from promapp_lite.cli import main

PACKAGE = ROOT / "promapp_lite"
TOP = ("errors", "config", "csvio", "jsonio", "text", "clock", "addresses")
ROOMS = {  # each with what it may import: of ours, and of the libraries that few rooms may know
    "cli": ({"doctor", "server", "store", "system", "scim", "ops", *TOP}, {"click"}),
    "doctor": ({"server", "ops", "store", "system", "scim", *TOP}, {"filelock"}),
    "server": ({"application", "api", "ops", "store", "system", "scim", *TOP}, {"waitress", "flask"}),
    "application": ({"api", "console", "ops", "store", "system", "scim", *TOP}, {"flask"}),
    "api": ({"ops", "store", "scim", *TOP}, {"flask", "flask_httpauth", "werkzeug"}),
    "console": (
        {"ops", "store", "system", "scim", *TOP},
        {"flask", "flask_wtf", "jinja2", "markupsafe", "werkzeug"},
    ),
    "ops": ({"store", "system", "scim", *TOP}, {"flask", "prometheus_client", "werkzeug", "filelock"}),
    "rehearse": ({"csvio", "text"}, {"click", "urllib3"}),
    "store": ({"system", "scim", *TOP}, {"peewee", "playhouse", "sqlite3", "werkzeug", "filelock"}),
    "system": (set(TOP), {"cryptography"}),
    "scim": ({"errors", "jsonio", "text", "clock"}, set()),
    **{name: (set(TOP), {"platformdirs"} if name == "config" else set()) for name in TOP},
}
KNOWN = set().union(*(libraries for _, libraries in ROOMS.values()))


def files():
    """(room, path) of every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if not parts[0].startswith("__"):
            yield parts[0], path


def imports(path):
    """Every module a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names if node.module == "promapp_lite")


@pytest.mark.parametrize(
    ("room", "path"), list(files()), ids=lambda value: str(getattr(value, "name", value))
)
def test_imports_go_down(room, path):
    """No room imports one above it, nor a library that is another's."""
    assert room in ROOMS, f"{path} is in no room"
    below, libraries = ROOMS[room]
    for module in imports(path):
        first, _, rest = module.partition(".")
        if first == "promapp_lite" and rest and rest != "__version__":
            assert rest.split(".")[0] in below | {room}, f"{path.name} imports {module}"
        if first in KNOWN:
            assert first in libraries, f"{path.name} imports {module}"


def test_no_two_rooms_import_each_other():
    """Down is one direction."""
    order = list(ROOMS)
    for room, (below, _) in ROOMS.items():
        if room not in TOP:
            assert all(order.index(other) > order.index(room) for other in below), room


def test_the_pure_rooms_are_pure():
    """scim knows no Flask, no Peewee, no clock, no file."""
    outside = {name.split(".")[0] for room, path in files() if room == "scim" for name in imports(path)}
    assert outside <= {
        "promapp_lite",
        "orjson",
        "re",
        "json",
        "typing",
        "dataclasses",
        "functools",
        "collections",
    }


def test_every_module_and_public_class_has_a_promise():
    """Docstrings state what is promised; a function may leave it to its name."""
    for _, path in files():
        if "migrations" in path.parts and path.name != "__init__.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name[0] != "_":
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


def table():
    """The README's layer table: what is said of each room."""
    text = (ROOT / "README.md").read_text("utf-8").split("## Layers")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `promapp_lite/([\w/]+?)(?:\.py|/)?` \| (.*?) \|$", text, re.MULTILINE))


def rooms():
    """(name as in the table, its docstring) of every room, and of the parts of store."""
    inner = [f"store/{each.parent.name}" for each in sorted(PACKAGE.glob("store/*/__init__.py"))]
    for name in (*ROOMS, *(each for each in inner if "migrations" not in each)):
        yield name, importlib.import_module(f"promapp_lite.{name.replace('/', '.')}").__doc__


def test_the_readme_says_of_each_room_what_its_docstring_says():
    """The layer table is complete, names nothing that is gone, and is the first line of each docstring."""
    assert table() == {name: doc.splitlines()[0] for name, doc in rooms()}


def test_the_changelog_has_an_unreleased_head():
    """There is a place for what comes next."""
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_thin_entries():
    """app.py and cli.py hold one import of ours each."""
    for name in ("app.py", "cli.py"):
        ours = [module for module in imports(ROOT / name) if module.startswith("promapp_lite")]
        assert 1 <= len(ours) <= 2
        assert len(Path(ROOT / name).read_text("utf-8").splitlines()) <= 12


def commands(group, words=()):
    """(words, command) of every command."""
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_ends_with_an_example(words):
    """Each help text says what the command does and shows it once."""
    command = COMMANDS[words]
    assert command.help
    assert "Example:" in command.epilog
    assert " ".join(("promapp-lite", *words)) in command.epilog


def groups(group, words=()):
    """(words, group) of every group of commands, the program among them."""
    yield words, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from groups(command, (*words, name))


@pytest.mark.parametrize(("words", "group"), list(groups(main)), ids=str)
def test_a_list_of_commands_is_readable(words, group):
    """On a terminal of 80 columns no description is cut short; it ends with an example."""
    shown = CliRunner().invoke(main, [*words, "--help"], env={"COLUMNS": "80"}).output
    assert "..." not in shown.replace("[ARGS]...", "")
    assert max(map(len, shown.splitlines())) <= 80
    assert " ".join(("Example:\n    promapp-lite", *words)) in shown


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_options_have_variables(words):
    """Every option of a setting reads PROMAPP_LITE_<NAME>; all are documented."""
    plain = {"--help", "--password-stdin", "--description", "--scope", "--expires-in", "--owner"}
    plain |= {"--format", "--output", "--dry-run"}
    for option in COMMANDS[words].params:
        if isinstance(option, click.Option) and option.opts[0] not in plain:
            name = "PROMAPP_LITE_" + option.opts[0].lstrip("-").replace("-", "_").upper()
            assert option.envvar == name
            assert option.help, option


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_readme_names_every_command(words):
    """No command is missing in the README."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert words[0] in text
    assert words[-1] in text
