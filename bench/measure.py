"""Measuring: wrk, processor time and memory of a server's processes, and how noisy a run was."""

import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from bench.seed import Unfit

TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 30  # seconds after which wrk counts an answer as missing


class Sample(NamedTuple):
    """One run of wrk: answers, answers a second, milliseconds, failures, server CPU ms an answer."""

    requests: int
    rate: float
    p50: float
    p99: float
    errors: int
    cpu: float


class Cell(NamedTuple):
    """The rounds of one workload by one contender at one number of connections, taken together.

    `least` is the CPU of the round that was disturbed least.
    """

    rate: float
    p50: float
    p99: float
    errors: int
    cpu: float
    least: float
    requests: int
    rounds: list[float]


def children(pid: int) -> list[int]:
    """The processes a process started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(each) for each in text.split()]


def processes(pid: int) -> list[int]:
    """A process and all it started, and they started."""
    return [pid, *(each for child in children(pid) for each in processes(child))]


def cpu_ms(pids: Iterable[int]) -> float:
    """The processor time of these processes and of their ended children, in milliseconds."""
    return sum(ticks_of(pid) for pid in pids) * 1000 / TICK


def ticks_of(pid: int) -> int:
    """utime, stime, cutime and cstime of /proc/PID/stat."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0
    return sum(map(int, stat.rpartition(")")[2].split()[11:15]))


def resident(pids: Iterable[int]) -> dict[str, float]:
    """Resident memory in MiB: added up, without pages of files, and with what processes share counted once.

    The system takes pages of files back when it needs them; a process and its forks share pages (Pss).
    """
    found = dict.fromkeys(("VmRSS", "RssAnon", "Pss"), 0)
    for pid in pids:
        for name, kib in memory_lines(pid):
            if name in found:
                found[name] += kib
    rss, anonymous, pss = (round(kib / 1024, 1) for kib in found.values())
    return {"rss": rss, "anonymous": anonymous, "pss": pss}


def memory_lines(pid: int) -> Iterator[tuple[str, int]]:
    """What /proc says of a process's memory, in KiB."""
    for file in ("status", "smaps_rollup"):
        try:
            lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition(":")
            if value.endswith(" kB"):
                yield name, int(value.split()[0])


def wrk(url: str, script: Path, connections: int, seconds: int, pids: list[int]) -> Sample:
    """One run of wrk with one thread; Unfit where it cannot connect."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{PATIENCE}s", "-s"]
    before = cpu_ms(pids)
    done = subprocess.run([*command, str(script), url], capture_output=True, text=True, check=False)
    used = cpu_ms(pids) - before
    if "RESULT " not in done.stdout:
        raise Unfit(f"wrk: {(done.stderr or done.stdout).strip()[-200:]}")
    return sample(json.loads(done.stdout.rpartition("RESULT ")[2].splitlines()[0]), used)


def sample(counted: dict[str, float], used: float) -> Sample:
    """A sample of what the script reported; every refusal and every lost connection is an error."""
    count = int(counted["requests"])
    errors = int(counted["status"] + counted["socket"] + counted["timeout"])
    rate = count / (counted["micros"] / 1e6)
    return Sample(count, rate, counted["p50"], counted["p99"], errors, used / count if count else 0.0)


def together(samples: list[Sample]) -> Cell:
    """The medians of several rounds; errors are added up."""
    middle = [statistics.median(each[n] for each in samples) for n in range(len(Sample._fields))]
    got = Sample(*middle)  # type: ignore[arg-type]
    rates = [round(each.rate, 1) for each in samples]
    return Cell(
        round(got.rate, 1),
        round(got.p50, 3),
        round(got.p99, 3),
        sum(each.errors for each in samples),
        round(got.cpu, 4),
        round(min(each.cpu for each in samples), 4),
        sum(each.requests for each in samples),
        rates,
    )


def spread(rounds: list[float]) -> float:
    """How far rounds of the same thing lie apart: (most - least) / median."""
    return (max(rounds) - min(rounds)) / statistics.median(rounds) if rounds and min(rounds) > 0 else 0.0


def needs_wrk() -> None:
    """SystemExit with what to do where wrk is not here."""
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is needed: install the package wrk (apt-get install wrk).")
