"""Click's options, made from the table of settings."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from promapp_lite import config
from promapp_lite.config import SETTINGS, Setting
from promapp_lite.system import ownership

FILE = click.Path(dir_okay=False, path_type=Path)
Command = Callable[..., Any]


class Checked(click.ParamType):  # type: ignore[type-arg]  # 8.2 has no type arguments
    """A string that the table checks; an error names the option, or the variable it came from."""

    name = "text"

    def __init__(self, row: Setting) -> None:
        self.row = row

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The string in its usual form; UserError where it is refused."""
        assert param and ctx and param.name  # noqa: S101 (Click gives both to the type of an option)
        from_variable = ctx.get_parameter_source(param.name) is ParameterSource.ENVIRONMENT
        return config.converted(
            self.row, value, config.variable(param.name) if from_variable else param.opts[0]
        )


def click_type(row: Setting) -> Any:
    """A setting's type as Click has it."""
    match row.type:
        case config.Number(low, high):
            return click.IntRange(low, high)
        case config.Choice(words):
            return click.Choice(words)
        case config.Location(folder):
            return click.Path(file_okay=not folder, dir_okay=folder, path_type=Path)
        case config.Text():
            return Checked(row)
        case config.Flag():
            return bool


def option(name: str) -> Callable[[Command], Command]:
    """The option of a setting; the data folder comes first, as its config.toml has the others' defaults."""
    row = SETTINGS[name]
    flag = isinstance(row.type, config.Flag)
    return click.option(
        f"--{config.option(name)}",
        type=click_type(row),
        is_flag=flag,
        multiple=row.multiple,
        default=row.default,
        show_default=row.shown or not flag,
        metavar=row.metavar,
        help=row.help,
        envvar=config.variable(name),
        show_envvar=True,
        is_eager=name == "data_dir",
        callback=use_config if name == "data_dir" else None,
    )


def use_config(context: click.Context, _: click.Parameter, folder: Path) -> Path:
    """Let the data folder's config.toml give the defaults of the other options.

    What the command creates in the folder belongs to the folder's owner when it ends.
    """
    context.call_on_close(functools.partial(ownership.give_back, folder))
    context.default_map = config.read_config(folder)
    return folder


def settings_of(name: str) -> Callable[[Command], Command]:
    """The options of all settings that a command takes, or all that work like it."""

    def add(command: Command) -> Command:
        for each in reversed(SETTINGS):
            if name in SETTINGS[each].commands:
                command = option(each)(command)
        return command

    return add


data_dir = settings_of("data")
password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
