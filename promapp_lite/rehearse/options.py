"""The options of `promapp-lite rehearse`; each also reads PROMAPP_LITE_ and its name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from promapp_lite.rehearse import scope

Command = Callable[..., None]
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Clauses(click.ParamType):  # type: ignore[type-arg]
    """A scoping filter; in the environment a line each."""

    name = "clauses"
    envvar_list_splitter = "\n"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The filter's clauses; wrong usage when it has none."""
        try:
            return scope.parse(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def option(name: str, *more: str, **settings: Any) -> Callable[[Command], Command]:
    """An option that also reads PROMAPP_LITE_ and its name."""
    variable = "PROMAPP_LITE_" + name.strip("-").upper().replace("-", "_")
    return click.option(name, *more, envvar=variable, show_envvar=True, **settings)


OPTIONS = (
    option(
        "--token",
        help="The Secret Token. Others on this machine can see it in the list of "
        "processes: prefer PROMAPP_LITE_TOKEN or --token-stdin.",
    ),
    option("--token-stdin", is_flag=True, help="Read the Secret Token from standard input."),
    option(
        "--users",
        type=click.IntRange(1, 100_000),
        default=500,
        show_default=True,
        help="How many people to invent.",
    ),
    option(
        "--groups",
        type=click.IntRange(0, 10_000),
        default=40,
        show_default=True,
        help="How many groups to invent.",
    ),
    option(
        "--from",
        "source",
        type=FILE,
        help="People from the portal's Download users CSV, or people and groups from JSON.",
    ),
    option("--mapping", "mapping_file", type=FILE, help="Attribute mapping as TOML or JSON."),
    option(
        "--scope",
        "who",
        type=click.Choice(["assigned", "all"]),
        default="assigned",
        show_default=True,
        help="Provision assigned people and groups, or all.",
    ),
    option(
        "--filter",
        "filters",
        type=Clauses(),
        multiple=True,
        metavar="CLAUSES",
        help="Scoping filter, like "
        "'department EQUALS Sales AND country EQUALS NZ'; one of several has to hold.",
    ),
    option("--flag", is_flag=True, help="Send the forms of aadOptscim062020."),
    option("--both-forms", is_flag=True, help="Run twice, without and with the flag."),
    option(
        "--cycles",
        type=click.IntRange(0, 1000),
        default=3,
        show_default=True,
        help="Incremental cycles after the initial one.",
    ),
    option(
        "--retries",
        type=click.IntRange(0, 30),
        default=4,
        show_default=True,
        help="Retry cycles for what failed.",
    ),
    option(
        "--seed",
        type=int,
        default=1,
        show_default=True,
        help="The same seed, the same people and events.",
    ),
    option(
        "--hour",
        type=click.FloatRange(0, 3600),
        default=0.02,
        show_default=True,
        help="How many seconds an hour of Entra's retry times takes here.",
    ),
    option(
        "--timeout",
        type=click.FloatRange(0.1, 600),
        default=30.0,
        show_default=True,
        help="Seconds to wait for an answer.",
    ),
    option("--keep", is_flag=True, help="Do not delete what was created."),
    option("--yes", is_flag=True, help="Run on a target that already holds people."),
    option("--ca-file", type=FILE, help="Trust the certificates in this file."),
    option("--insecure", is_flag=True, help="Do not check the certificate."),
    option("--json", "as_json", is_flag=True, help="Print everything as JSON."),
    option("--csv", "as_csv", is_flag=True, help="Print the provisioning log as CSV."),
)


def with_options(command: Command) -> Command:
    """The command with all options, in the order of the table."""
    for decorate in reversed(OPTIONS):
        command = decorate(command)
    return command
