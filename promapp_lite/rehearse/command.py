"""`promapp-lite rehearse`: the options, the source they name, and what is printed."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from urllib.parse import urlsplit

import click

from promapp_lite.rehearse import appliance, files, mapping, population, progress, report, run, summary
from promapp_lite.rehearse.directory import Directory
from promapp_lite.rehearse.escrow import Clock
from promapp_lite.rehearse.job import ProvisioningJob
from promapp_lite.rehearse.options import with_options
from promapp_lite.rehearse.protocol import errors
from promapp_lite.rehearse.protocol.client import Client, Stop
from promapp_lite.rehearse.protocol.errors import CannotStart, ProvisioningError
from promapp_lite.rehearse.report import Cycle
from promapp_lite.rehearse.run import Outcome, Plan
from promapp_lite.rehearse.workforce import Workforce
from promapp_lite.text import first_line

EPILOG = """\b
Example:
  promapp-lite rehearse https://people.example.org:8443/api/scim --token-stdin < token.txt
"""
STOPPED = "Stopped before everything was deleted. Look in the target for people and groups of the rehearsal."


@click.command(epilog=EPILOG)
@click.argument("url", required=False)
@with_options
def rehearse(**options: Any) -> None:
    """Play Entra ID's provisioning service against a SCIM endpoint.

    Test Connection, an initial cycle, joiners, movers and leavers, retries and a restart, in Entra's order
    and in its form. After each cycle the target is read back and compared with the source; at the end,
    everything that was created is deleted. Without URL an appliance is started for the rehearsal alone.

    The report ends with what has been shown, or with what to do next.

    Exit code: 0 everything is in order, 1 something failed or differs, 2 wrong usage.
    """
    check_usage(options)
    try:
        outcomes = rehearsed(options)
    except ProvisioningError as error:
        raise click.ClickException(errors.explanation(error.code, error.reason)) from None
    except (CannotStart, appliance.ApplianceError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        raise click.ClickException(STOPPED) from None
    show(options, outcomes)
    sys.exit(0 if all(outcome.ok for outcome in outcomes) else 1)


def rehearsed(options: dict[str, Any]) -> list[Outcome]:
    """What came of each form of requests that was asked for."""
    directory, table = read_files(options)
    settings = {name: options[name] for name in ("timeout", "ca_file", "insecure")}
    outcomes: list[Outcome] = []
    with interruptible() as stop, target(options) as (url, token):
        for flag in (False, True) if options["both_forms"] else (options["flag"],):
            client = Client(url, token, flag=flag, stop=stop, **settings)
            outcomes.append(run_one(options, client, source(options, directory), table))
            if outcomes[-1].stopped:
                break
    return outcomes


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
            "Warning: --insecure: the certificate is not checked, anyone in between can read the token.",
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
    try:
        token = first_line(sys.stdin.buffer).strip() if options["token_stdin"] else options["token"]
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isascii() or not token.isprintable():
        raise click.UsageError("the Secret Token is empty or holds characters no token has")
    return nullcontext((options["url"], token))


def source(options: dict[str, Any], read: Directory | None) -> Directory:
    """A fresh directory for each run."""
    if not read:
        return population.generate(options["users"], options["groups"], options["seed"])
    again = files.load(options["source"])
    if not again.groups:
        population.team_up(again, options["groups"], options["seed"])
    return again


def run_one(options: dict[str, Any], client: Client, directory: Directory, table: mapping.Table) -> Outcome:
    """One run, announced, with a line for each cycle."""
    people, groups = len(directory.people), len(directory.groups)
    click.echo(
        f"Provisioning {people} people and {groups} groups to {client.base} as Entra would"
        f"{'.' if options['keep'] else ', then deleting them again.'}",
        err=True,
    )
    job = ProvisioningJob(
        client, directory, table, options["who"] == "all", Clock(options["hour"]), progress.track
    )
    run.connect(job, options["yes"])
    plan = Plan(options["cycles"], options["retries"], options["keep"])
    return run.run(job, Workforce(directory, options["seed"]), plan, report_cycle)


def report_cycle(cycle: Cycle) -> None:
    """A line on stderr once a cycle is over."""
    click.echo(f"{cycle.name}: {cycle.verdict}, {cycle.requests} requests in {cycle.seconds:.1f} s", err=True)


def show(options: dict[str, Any], outcomes: list[run.Outcome]) -> None:
    """Print what was asked for: the summary, JSON or CSV."""
    if options["as_json"]:
        runs = [outcome.document() for outcome in outcomes]
        click.echo(
            json.dumps(
                {"ok": all(each.ok for each in outcomes), "lives": runs},
                ensure_ascii=False,
                indent=1,
            )
        )
    elif options["as_csv"]:
        rows = (row for each in outcomes for row in each.job.rows)
        click.echo(report.as_csv(rows).encode(), nl=False)  # as bytes, so that CRLF stays CRLF on Windows
    else:
        click.echo("\n\n".join(summary.summary(outcome) for outcome in outcomes))
