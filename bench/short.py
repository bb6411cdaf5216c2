"""The guard against slowness that creeps in: CPU a request of the hot workloads, ours over the bare ones.

Ratios hold on any machine, milliseconds do not. `expected.json` keeps them; more than 15 % over is a miss.
"""

import json
from pathlib import Path
from typing import Any

from bench.contenders import BARE, OURS

EXPECTED = Path(__file__).with_name("expected.json")
MARGIN = 0.15
PEOPLE, ROUNDS = 1_000, 4


def ratios(cells: dict[str, Any]) -> dict[str, float]:
    """CPU a request of ours over that of the bare application, at one connection.

    The round that was disturbed least counts: a busy machine adds processor time, it never takes any away.
    """
    return {key: round(row["1"][OURS]["least"] / row["1"][BARE]["least"], 3) for key, row in cells.items()}


def misses(measured: dict[str, float], expected: dict[str, float]) -> list[str]:
    """What is worse than was stored, by more than the margin, and what was stored but not measured."""
    found = []
    for key, stored in expected.items():
        got = measured.get(key)
        if got is None:
            found.append(f"{key}: was not measured")
        elif got > stored * (1 + MARGIN):
            found.append(
                f"{key}: {got:.2f} times the CPU of bare, {got / stored - 1:.0%} over the {stored:.2f} stored"
            )
    return found


def stored() -> dict[str, float]:
    """The ratios that are expected; SystemExit where none are stored yet."""
    if not EXPECTED.exists():
        raise SystemExit("bench: bench/expected.json is not there; make it with --short --store.")
    found: dict[str, float] = json.loads(EXPECTED.read_text("utf-8"))
    return found


def store(measured: dict[str, float]) -> None:
    """Keep these ratios as the expected ones."""
    EXPECTED.write_text(json.dumps(measured, indent=2) + "\n", "utf-8")
