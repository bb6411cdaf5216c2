"""What a person reads after a rehearsal: a life on one screen."""

import re
from collections.abc import Iterable

from promapp_lite.rehearse import findings, report
from promapp_lite.rehearse.play import Outcome

SHOWN = 15
# Ids, filter values and lists of ids: what sets two messages of one kind apart.
PARTICULAR = re.compile(
    r"(?<=/Users/)[\w-]+|(?<=/Groups/)[\w-]+|\b[0-9a-f]{8}-?[0-9a-f-]{20,}\b"
    r"|(?<= eq \")[^\"]+|\([^)]*, …\)|(?<=operation )\d+"
)


def summary(outcome: Outcome) -> str:
    """A life on one screen: table, failures, differences, findings, verdict."""
    job = outcome.job
    parts = [f"{job.client.base}, {outcome.form}", report.table(job.cycles)]
    failed = [row for row in job.rows if row.status == report.FAILURE]
    parts += shown("failed", gathered((failure(row), row.source_name) for row in failed))
    compared = [cycle for cycle in job.cycles if cycle.differences is not None]
    differ = (compared[-1].differences or []) if compared else []
    parts += shown("differ", gathered(kind_of(text) for text in differ))
    parts += shown(
        "found",
        [f"{name}: {text}. {findings.MEANING[name]}" for name, text in job.findings.items()],
        most=100,
    )
    parts += shown("left behind", outcome.left)
    return "\n".join([*parts, verdict(outcome)])


def failure(row: report.Row) -> str:
    """A failed row as a line, without what is particular to its object."""
    reason = PARTICULAR.sub("…", " ".join((row.reason or "").split()))
    text = f"{row.action} {row.kind}: {row.code}: {reason.rstrip('.')}"
    return f"{text}. {row.advice or ''}".rstrip()


def kind_of(difference: str) -> tuple[str, str]:
    """A difference as its kind, and the difference."""
    _, _, said = difference.partition(": ")
    return PARTICULAR.sub("…", said.partition(" is ")[0]), difference


def gathered(lines: Iterable[tuple[str, str]]) -> list[str]:
    """Lines of one kind as one: how many, what, and the first example."""
    kinds: dict[str, list[str]] = {}
    for kind, example in lines:
        kinds.setdefault(kind, []).append(example)
    return [f"{len(found)} × {kind} ({found[0]})" for kind, found in kinds.items()]


def shown(title: str, lines: list[str], most: int = SHOWN) -> list[str]:
    """A titled list, shortened; nothing at all when it is empty."""
    if not lines:
        return []
    more = [f"  … and {len(lines) - most} more (--json or --csv has them all)"]
    return [f"{title}:", *(f"  {line}" for line in lines[:most]), *more[: len(lines) > most]]


def verdict(outcome: Outcome) -> str:
    """The last line."""
    job = outcome.job
    how = "stopped" if outcome.stopped else "converged" if outcome.converged else "did not converge"
    failed = sum(row.status == report.FAILURE for row in job.rows)
    return (
        f"{'OK' if outcome.ok else 'NOT OK'}: {how}, {failed} failures, "
        f"{outcome.quiet_writes} writes without a change, {job.client.requests} requests, "
        f"{outcome.seconds:.1f} s with all reading back"
    )
