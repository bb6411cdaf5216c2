"""`promapp-lite rehearse`: the options, the source they name, and what is printed."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from urllib.parse import urlsplit

import click

from promapp_lite.rehearse import appliance, files, generate, mapping, play, report, summary
from promapp_lite.rehearse.client import Client, Stop
from promapp_lite.rehearse.directory import Directory
from promapp_lite.rehearse.escrow import Clock
from promapp_lite.rehearse.faults import Fault
from promapp_lite.rehearse.job import Job
from promapp_lite.rehearse.life import Life
from promapp_lite.rehearse.options import with_options
from promapp_lite.rehearse.progress import Bar

FORMS = {False: "without aadOptscim062020", True: "with aadOptscim062020"}
EPILOG = """\b
Example:
  promapp-lite rehearse https://people.example.org:8443/api/scim --token-stdin < token.txt
"""
STOPPED = "stopped before the cleaning was done: look for people and groups of the rehearsal"


@click.command(epilog=EPILOG)
@click.argument("url", required=False)
@with_options
def rehearse(**options: Any) -> None:
    """Play Entra ID's provisioning service against the SCIM endpoint at URL.

    Test Connection, initial cycle, joiners, movers and leavers, retries and restart, in the order
    and form in which Entra sends them. After each cycle everything is read back and compared.
    Without URL it starts an appliance of its own and rehearses against that.

    Exit code: 0 all in order, 1 something failed or differs, 2 wrong usage.
    """
    check_usage(options)
    bar = Bar()
    try:
        directory, table = read_files(options)
        with interruptible() as stop, target(options) as (url, token):
            settings = {name: options[name] for name in ("timeout", "ca_file", "insecure")}
            clients = [Client(url, token, flag=flag, stop=stop, **settings) for flag in forms_of(options)]
            outcomes = []
            for client in clients:
                outcomes.append(one_life(options, client, directory, table, bar))
                if outcomes[-1].stopped:
                    break
    except (Fault, play.Refused, appliance.ApplianceError, ValueError, OSError) as error:
        bar.clear()
        raise click.ClickException(explained(error)) from None
    except KeyboardInterrupt:
        bar.clear()
        raise click.ClickException(STOPPED) from None
    finally:
        bar.clear()
    show(options, outcomes)
    sys.exit(0 if all(outcome.ok for outcome in outcomes) else 1)


@contextmanager
def interruptible() -> Iterator[Stop]:
    """SIGTERM stops a rehearsal as Ctrl-C does: it still cleans up."""
    stop = Stop()

    def interrupt(*_: Any) -> None:
        stop.asked = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_usage(options: dict[str, Any]) -> None:
    """UsageError for options that cannot stand together, or a URL that is none."""
    if options["as_json"] and options["as_csv"]:
        raise click.UsageError("--json and --csv cannot both be printed")
    if options["both_forms"] and options["keep"]:
        raise click.UsageError("--both-forms needs a clean target in between: leave out --keep")
    url = options["url"]
    if not url:
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"URL begins with https:// or http://, not {url!r}")
    if not (options["token"] or options["token_stdin"]):
        raise click.UsageError("give the Secret Token: PROMAPP_LITE_TOKEN, --token or --token-stdin")
    if options["insecure"]:
        click.echo(
            "Warning: --insecure: the certificate is not checked, anybody in between can read the token.",
            err=True,
        )


def read_files(options: dict[str, Any]) -> tuple[Directory | None, mapping.Table]:
    """The source file's directory, if one is named, and the mapping with the filters."""
    file, given = options["source"], options["mapping_file"]
    directory = files.load(file) if file else None
    table = mapping.load(given) if given else mapping.Table()
    return directory, mapping.Table(
        table.users, table.groups, table.user_filters + options["filters"], table.group_filters
    )


def target(options: dict[str, Any]) -> AbstractContextManager[tuple[str, str]]:
    """URL and token of the target: the one named, or an appliance started for it."""
    if not options["url"]:
        return appliance.appliance()
    token = sys.stdin.readline().strip() if options["token_stdin"] else options["token"]
    if not token or not token.isascii() or not token.isprintable():
        raise click.UsageError("the Secret Token is empty or holds characters no token has")
    return nullcontext((options["url"], token))


def forms_of(options: dict[str, Any]) -> tuple[bool, ...]:
    """Which forms to play: False without the flag, True with it."""
    return (False, True) if options["both_forms"] else (options["flag"],)


def source(options: dict[str, Any], read: Directory | None) -> Directory:
    """A directory to play on, its own for each life."""
    if not read:
        return generate.generate(options["users"], options["groups"], options["seed"])
    again = files.load(options["source"])
    if not again.groups:
        generate.team_up(again, options["groups"], options["seed"])
    return again


def one_life(
    options: dict[str, Any],
    client: Client,
    read: Directory | None,
    table: mapping.Table,
    bar: Bar,
) -> play.Outcome:
    """Play one life and say how each cycle went."""
    directory = source(options, read)
    job = Job(client, directory, table, options["who"] == "all", Clock(options["hour"]), bar)
    play.open_door(job, options["yes"])

    def say(cycle: report.Cycle) -> None:
        bar.clear()
        click.echo(
            f"{cycle.name}: {cycle.verdict}, {cycle.requests} requests in {cycle.seconds:.1f} s",
            err=True,
        )

    life = Life(directory, options["seed"])
    return play.play(
        job, life, options["cycles"], options["retries"], options["keep"], FORMS[client.flag], say
    )


def explained(error: Exception) -> str:
    """The one line for stderr."""
    if isinstance(error, Fault):
        return f"{error.code}: {error.reason.rstrip('.')}. {error.advice}"
    return str(error)


def show(options: dict[str, Any], outcomes: list[play.Outcome]) -> None:
    """Print what was asked for: the summary, JSON or CSV."""
    if options["as_json"]:
        lives = [outcome.document() for outcome in outcomes]
        click.echo(
            json.dumps(
                {"ok": all(each.ok for each in outcomes), "lives": lives},
                ensure_ascii=False,
                indent=1,
            )
        )
    elif options["as_csv"]:
        rows = (row for each in outcomes for row in each.job.rows)
        click.echo(report.as_csv(rows).encode(), nl=False)  # as bytes, so that CRLF stays CRLF on Windows
    else:
        click.echo("\n\n".join(summary.summary(outcome) for outcome in outcomes))
