"""A whole run: contenders started, checked, warmed up, measured in turns, and stopped."""

import math
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench import workloads
from bench.contenders import BARE, CACHE, OURS, Bare, Contender, make_cache
from bench.measure import Sample, resident, together, wrk
from bench.seed import Unfit
from bench.sync import STEPS, Sync
from bench.workloads import Plan, Site, Workload

WARM_SECONDS = 0.3
WARM_REQUESTS = 8  # at least, unless they take LONGEST: ours makes an index at the fifth search
LONGEST = 5  # seconds of one run of wrk, where answers come slowly
SEED_SECONDS = 240
Say = Callable[[str], None]


class Broken(Exception):
    """An error answer of ours or of the bare application: the run is worth nothing."""


class Pace(NamedTuple):
    """How long and how often each cell is measured."""

    seconds: int = 1
    rounds: int = 3
    connections: tuple[int, ...] = (1, 16)


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
    }


@contextmanager
def running(
    contenders: Sequence[Contender], people: int, say: Say
) -> Iterator[tuple[list[Contender], dict[str, str]]]:
    """Those that started, and why the others did not; all are stopped at the end."""
    make_cache()
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="run-", ignore_cleanup_errors=True) as scratch:
        ready, fails = [], {}
        try:
            for each in contenders:
                say(f"  starting {each.name} with {people:,} people")
                try:
                    each.start(Path(scratch), people, SEED_SECONDS)
                    ready.append(each)
                except Unfit as reason:
                    each.stop()
                    guard(each, str(reason))
                    fails[each.name] = str(reason)
                    say(f"    fails: {reason}")
            yield ready, fails
        finally:
            for each in contenders:
                each.stop()


def guard(contender: Contender, reason: str) -> None:
    """Broken where it is one of ours that failed."""
    if contender.name in (OURS, BARE):
        raise Broken(f"{contender.name}: {reason}")


def measure(
    contenders: Sequence[Contender], people: int, wanted: Sequence[Workload], pace: Pace, say: Say
) -> dict[str, Any]:
    """All cells of one size: `cells[workload][connections][contender]`, and memory."""
    with running(contenders, people, say) as (ready, fails):
        memory = {each.name: {"filled": resident(each.pids())} for each in ready}
        cells: dict[str, Any] = {}
        for workload in wanted:
            if workload.size is not None and workload.size > people:
                continue
            cells[workload.key] = Row(workload, ready, fails, pace).measure(say)
        for each in ready:
            memory[each.name]["after"] = resident(each.pids())
        return {"memory": memory, "cells": cells}


class Row:
    """One workload, measured with all contenders in turns."""

    def __init__(
        self, workload: Workload, ready: Sequence[Contender], fails: dict[str, str], pace: Pace
    ) -> None:
        self.workload, self.ready, self.pace = workload, ready, pace
        self.fails = dict(fails)
        self.plans: dict[str, Plan] = {}
        self.waits: dict[str, float] = {}

    def measure(self, say: Say) -> dict[str, Any]:
        """The cells by connections and contender; a contender that fails has the reason in its place."""
        for each in self.ready:
            try:
                self.plans[each.name] = self.plan(each)
                self.warm(each)
            except (Unfit, OSError, EOFError) as reason:
                guard(each, f"{self.workload.title}: {reason}")
                self.fails[each.name] = str(reason) or type(reason).__name__
        found = {str(n): self.at(n) for n in self.pace.connections}
        say(f"  {self.workload.title}: {brief(found)}")
        return found

    def plan(self, contender: Contender) -> Plan:
        """The checked plan; the bare application is asked for the paths of ours, and answers its bytes."""
        client = contender.client()
        if contender.name == BARE:
            ours = self.plans[OURS]
            return ours._replace(paths=[f"/{self.workload.key}{path}" for path in ours.paths])
        site = Site(client, contender.base, contender.seeded, contender.only_people, contender.person)
        plan = self.workload.plan(site)
        answer = workloads.prove(plan, client, next(workloads.stamps))
        for each in self.ready:
            if contender.name == OURS and isinstance(each, Bare):
                each.learn(self.workload.key, answer.status, answer.body)
        client.close()
        return plan

    def warm(self, contender: Contender) -> None:
        """Ask for a while, and note how long the last answer took; each is checked by its status."""
        client, stamp, plan = contender.client(), next(workloads.stamps), self.plans[contender.name]
        n, began, asked = 0, time.monotonic(), 0.0
        while asked - began < (LONGEST if n < WARM_REQUESTS else WARM_SECONDS):
            n, asked = n + 1, time.monotonic()
            answer = client.ask(*plan.request(stamp, n))
            if answer.status >= 300:
                raise Unfit(f"{plan.method} is answered {answer.status}")
        self.waits[contender.name] = time.monotonic() - asked
        client.close()

    def at(self, connections: int) -> dict[str, Any]:
        """The cells at one number of connections: rounds in which every contender has its turn."""
        samples: dict[str, list[Sample]] = {name: [] for name in self.plans}
        for turn in range(self.pace.rounds):
            order = self.ready[turn % len(self.ready) :] + self.ready[: turn % len(self.ready)]
            for each in order:
                if each.name not in self.fails and turn < self.rounds(each, connections):
                    self.once(each, connections, samples)
        return {
            each: {"fails": self.fails[each]} if each in self.fails else together(samples[each])._asdict()
            for each in dict.fromkeys([*samples, *self.fails])
        }

    def seconds(self, contender: Contender, connections: int) -> int:
        """Longer where answers come slowly, so that each connection gets some."""
        needed = math.ceil((connections + 3) * self.waits[contender.name])
        return max(self.pace.seconds, min(LONGEST, needed))

    def rounds(self, contender: Contender, connections: int) -> int:
        """One where each takes long."""
        return self.pace.rounds if self.seconds(contender, connections) <= 2 * self.pace.seconds else 1

    def once(self, contender: Contender, connections: int, samples: dict[str, list[Sample]]) -> None:
        """One run of wrk; an error answer is a failure of a peer, and the end of the run for ours."""
        plan, name = self.plans[contender.name], contender.name
        file = workloads.script(plan, contender.token, contender.folder, next(workloads.stamps))
        url = f"http://127.0.0.1:{contender.port}"
        try:
            got = wrk(url, file, connections, self.seconds(contender, connections), contender.pids())
            if got.errors:
                raise Unfit(f"{got.errors:,} of {got.requests:,} answers were errors")
            if not got.requests:
                raise Unfit("no answer in the time given")
        except Unfit as reason:
            guard(contender, f"{self.workload.title}, {connections} connections: {reason}")
            self.fails[name] = f"{reason} ({connections} connections)"
            return
        samples[name].append(got)


def brief(found: dict[str, Any]) -> str:
    """One line of what was measured."""
    return " | ".join(
        f"{connections}: " + ", ".join(f"{name} {cell.get('rate', 'fails')}" for name, cell in cells.items())
        for connections, cells in found.items()
    )


def synced(contenders: Sequence[Contender], people: int, say: Say) -> dict[str, Any]:
    """The initial sync of each contender, each alone on an empty server."""
    found: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    for each in contenders:
        with running([each], 0, say) as (ready, fails):
            found |= {name: {"fails": reason} for name, reason in fails.items()}
            if ready:
                found[each.name] = one_sync(each, people, seen)
                say(f"  initial sync of {people:,}: {each.name} {found[each.name]}")
    return found


def one_sync(contender: Contender, people: int, seen: dict[str, Any]) -> dict[str, Any]:
    """One initial sync; ours sets what the bare application answers."""
    if isinstance(contender, Bare):
        for step in STEPS:
            contender.learn(step, seen[step].status, seen[step].body)
    try:
        return Sync(contender, people, seen if contender.name == OURS else {}).run()._asdict()
    except Unfit as reason:
        guard(contender, str(reason))
        return {"fails": str(reason)}
