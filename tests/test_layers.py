"""The house stays as the README says: imports only go down, the README's table and help are true."""

import ast
import re
from pathlib import Path

import click
import pytest
from conftest import ROOT

from promapp_lite.commands import main

PACKAGE = ROOT / "promapp_lite"
# the upper ones first
ROOMS = ("commands", "serve", "host", "factory", "web", "entra", "store", "scim", "settings", "wire")
FOREIGN = {  # which room may import which library
    "flask": {"factory", "web", "serve"},
    "flask_httpauth": {"web"},
    "werkzeug": {"web", "store"},
    "peewee": {"store", "web"},
    "playhouse": {"store"},
    "sqlite3": {"store"},
    "click": {"commands", "entra"},
    "urllib3": {"entra"},
    "waitress": {"serve", "host"},
    "cryptography": {"host", "store"},
}


def files():
    """(room, path) of every module of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] != "__init__":
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


def rooms_below(room):
    """The rooms a room may import: itself and those under it."""
    return set(ROOMS[ROOMS.index(room) :])


@pytest.mark.parametrize(
    ("room", "path"), list(files()), ids=lambda value: str(getattr(value, "name", value))
)
def test_imports_go_down(room, path):
    """No room imports one above it."""
    assert room in ROOMS, f"{path} is in no room of the README's table"
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "promapp_lite" and len(parts) > 1 and parts[1] != "__version__":
            assert parts[1] in rooms_below(room), f"{path.name} imports {module}"
        if parts[0] in FOREIGN:
            assert room in FOREIGN[parts[0]], f"{path.name} imports {module}"


def test_the_two_sides_share_nothing():
    """The rehearsed client imports no room of the server's, so they cannot share a misunderstanding."""
    for room, path in files():
        for module in imports(path):
            if room == "entra":
                assert not module.startswith("promapp_lite") or module.startswith("promapp_lite.entra"), path
            elif room != "commands":
                assert not module.startswith("promapp_lite.entra"), path


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


def test_every_module_and_public_function_has_a_promise():
    """Docstrings state what is promised."""
    for _, path in files():
        if "migrations" in path.parts and path.name != "__init__.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        assert ast.get_docstring(tree), path
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name != "Meta"]
        for node in (*tree.body, *(inner for outer in classes for inner in outer.body)):
            if (
                isinstance(node, ast.FunctionDef | ast.ClassDef)
                and node.name[0] != "_"
                and node.name != "Meta"
            ):
                assert ast.get_docstring(node), f"{path.name}: {node.name}"


def test_nothing_is_a_coroutine():
    """`factory.Application` calls every view and hook as it is."""
    for _, path in files():
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        assert not any(isinstance(node, ast.AsyncFunctionDef) for node in nodes), path


def test_the_layer_table_names_every_module():
    """The README's layer table is complete and names nothing that is gone."""
    table = (ROOT / "README.md").read_text("utf-8").split("## Layers")[1].split("\n## ")[0]
    named = set(re.findall(r"`(?:promapp_lite/)?([\w.]+?)(?:\.py|/)?`", table))
    for room, path in files():
        name = room if path.stem == "__init__" else path.stem
        if "migrations" not in path.parts:
            assert name in named, f"{path} is not in the table"
    stems = {path.stem for _, path in files()} | set(ROOMS) | {"app", "cli", "migrations", "templates"}
    for name in re.findall(r"\| `promapp_lite/(?:web|store|scim|entra)/` \|.*\| (.*) \|", table):
        assert set(re.findall(r"`([\w]+)/?`", name)) <= stems, name


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
