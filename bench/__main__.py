"""`make bench`: the whole comparison, or with --short the regression check.

make bench                                        ours and the bare application, 1,000 people
make bench ARGS="--peers"                         and the peers
make bench ARGS="--people 1000,10000,100000 --json all.json --table all.md --chart all.svg"
make bench ARGS="--short"                         the regression check; exit 1 if it fails
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import report, short
from bench.contenders import PEERS, Bare, Contender, Ours, ScimGateway, make_cache
from bench.measure import needs_wrk
from bench.run import Broken, Pace, machine, measure, synced
from bench.seed import Unfit
from bench.sync import PEOPLE
from bench.workloads import SHORT, WORKLOADS, Workload

SYNC = "sync"
ROUNDS = 3


def numbers(text: str) -> tuple[int, ...]:
    """`1000,10000` as numbers."""
    return tuple(int(each) for each in text.replace("_", "").split(","))


def words(text: str) -> list[str]:
    """`get,post` as keys of workloads; a beginning stands for all that begin so."""
    known = [*(each.key for each in WORKLOADS), SYNC]
    found = [key for word in text.split(",") for key in known if key.startswith(word)]
    if not found:
        raise argparse.ArgumentTypeError(f"workloads are {', '.join(known)}")
    return found


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        "bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", type=words, metavar="A,B", help="these workloads, by the start of their key"
    )
    parser.add_argument(
        "--people", type=numbers, default=(1000,), metavar="N,M", help="sizes, 1000 by default"
    )
    parser.add_argument("--connections", type=numbers, default=(1, 16), metavar="N,M", help="1,16 by default")
    parser.add_argument("--seconds", type=int, default=1, help="of one round; 1 by default")
    parser.add_argument("--rounds", type=int, help="3 by default, 4 with --short")
    parser.add_argument("--threads", type=int, default=4, help="of every Waitress; 4 by default")
    parser.add_argument(
        "--serve", default="", metavar="OPTIONS", help="further options of promapp-lite serve"
    )
    parser.add_argument("--sync-people", type=int, default=PEOPLE, help="of the initial sync")
    parser.add_argument("--peers", action="store_true", help="measure the peers of PyPI and npm too")
    parser.add_argument("--peer-folder", type=Path, metavar="PATH", help="a scimgateway source folder")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--table", type=Path, metavar="FILE", help="the report as Markdown; always printed")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="an SVG")
    parser.add_argument("--short", action="store_true", help="compare CPU ratios with the stored ones")
    parser.add_argument("--store", action="store_true", help="with --short: store them instead")
    return parser


def say(line: str) -> None:
    """Progress, apart from the report."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def contenders(asked: argparse.Namespace) -> list[Contender]:
    """Who takes part, ours first."""
    found: list[Contender] = [Ours(asked.threads, tuple(asked.serve.split())), Bare(asked.threads)]
    if asked.peers:
        found += [make(asked.threads) for make in PEERS]
    if asked.peer_folder:
        found.append(ScimGateway(asked.threads, asked.peer_folder))
    make_cache()
    for each in found:
        each.install()
    return found


def whole(asked: argparse.Namespace) -> dict[str, Any]:
    """The comparison."""
    wanted: list[Workload] = [each for each in WORKLOADS if not asked.only or each.key in asked.only]
    pace = Pace(asked.seconds, asked.rounds or ROUNDS, asked.connections)
    here = contenders(asked)
    run: dict[str, Any] = {
        "at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "pace": pace._asdict(),
        "threads": asked.threads,
        "contenders": [each.name for each in here],
        "sizes": {},
    }
    if wanted:
        for people in asked.people:
            say(f"{people:,} people")
            run["sizes"][str(people)] = measure(here, people, wanted, pace, say)
    if not asked.only or SYNC in asked.only:
        run["sync_people"], run["sync"] = asked.sync_people, synced(here, asked.sync_people, say)
    run["noise"] = report.noise(run)
    return run


def guard(asked: argparse.Namespace) -> int:
    """The short mode."""
    expected = {} if asked.store else short.stored()
    wanted = [each for each in WORKLOADS if each.key in SHORT]
    here: list[Contender] = [Ours(asked.threads, tuple(asked.serve.split())), Bare(asked.threads)]
    pace = Pace(asked.seconds, asked.rounds or short.ROUNDS, (1,))
    found = measure(here, short.PEOPLE, wanted, pace, say)
    measured = short.ratios(found["cells"])
    for key, value in measured.items():
        print(f"{key}: {value:.2f} times the CPU of bare")
    if asked.store:
        short.store(measured)
        return 0
    missed = short.misses(measured, expected)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def main() -> int:
    """Run and report; 1 if an answer was an error or the regression check fails."""
    asked = options().parse_args()
    needs_wrk()
    try:
        if asked.short:
            return guard(asked)
        run = whole(asked)
    except (Broken, Unfit) as error:
        print(f"bench: FAILED: {error}", file=sys.stderr)
        return 1
    keep(asked, run)
    return 0


def keep(asked: argparse.Namespace, run: dict[str, Any]) -> None:
    """Print the report, and save what was asked for."""
    table_text = report.markdown(run)
    print(table_text)
    if asked.json:
        asked.json.write_text(json.dumps(run, indent=1) + "\n", "utf-8")
    if asked.table:
        asked.table.write_text(table_text, "utf-8")
    if asked.chart and run["sizes"]:
        asked.chart.write_text(report.chart(run), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
