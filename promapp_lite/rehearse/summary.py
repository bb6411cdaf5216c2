"""What a person reads after a rehearsal: a run on one screen."""

import re
from collections.abc import Iterable

from promapp_lite.rehearse import findings, report
from promapp_lite.rehearse.protocol.errors import explanation
from promapp_lite.rehearse.run import Outcome
from promapp_lite.text import printable

SHOWN = 15
# Ids, filter values and lists of ids: what differs between messages of one kind.
PARTICULAR = re.compile(
    r"(?<=/Users/)[\w-]+|(?<=/Groups/)[\w-]+|\b[0-9a-f]{8}-?[0-9a-f-]{20,}\b"
    r"|(?<= eq \")[^\"]+|\([^)]*, …\)|(?<=operation )\d+"
)
VERIFIED = """\
Shown: this machine reaches the URL, the token can read and write, and the
endpoint handles what Entra sends.
Next: enter this URL and token in Entra and choose Test Connection."""
NOT_SHOWN = """\
Not shown yet: that Entra can provision to this endpoint.
Next: fix what is listed above, from the top, and rehearse again."""
STOPPED = "Next: rehearse again and let it finish."


def summary(outcome: Outcome) -> str:
    """A run on one screen: table, failures, differences, findings, verdict, next step."""
    job = outcome.job
    parts = [f"{job.client.base}, {outcome.form}", report.table(job.cycles)]
    failed = [row for row in job.rows if row.status == report.FAILURE]
    parts += section("failed", by_kind((failure(row), row.source_name) for row in failed))
    compared = [cycle for cycle in job.cycles if cycle.differences is not None]
    differ = (compared[-1].differences or []) if compared else []
    parts += section("differs from the source", by_kind(kind_of(text) for text in differ))
    parts += section("found in the endpoint", [finding(*each) for each in job.findings.items()], most=100)
    parts += section("left behind", outcome.left)
    return printable("\n".join([*parts, verdict(outcome), next_step(outcome)]))


def failure(row: report.Row) -> str:
    """A failed row as a line, without what is particular to its object."""
    reason = PARTICULAR.sub("…", " ".join((row.reason or "").split()))
    return f"{row.action} {row.kind}: {explanation(row.code, reason)}"


def finding(name: str, evidence: str) -> str:
    """A finding as a line: what it means, what was seen, its name last."""
    return f"{findings.MEANING[name]} Seen: {evidence}. ({name})"


def kind_of(difference: str) -> tuple[str, str]:
    """A difference as its kind, and the difference."""
    _, _, said = difference.partition(": ")
    return PARTICULAR.sub("…", said.partition(" is ")[0]), difference


def by_kind(lines: Iterable[tuple[str, str]]) -> list[str]:
    """Lines of one kind as one: how many, what, and the first example."""
    kinds: dict[str, list[str]] = {}
    for kind, example in lines:
        kinds.setdefault(kind, []).append(example)
    return [f"{len(found)} × {kind} ({found[0]})" for kind, found in kinds.items()]


def section(title: str, lines: list[str], most: int = SHOWN) -> list[str]:
    """A titled list, shortened; nothing when it is empty."""
    if not lines:
        return []
    more = [f"  … and {len(lines) - most} more (--json or --csv has them all)"]
    return [f"{title}:", *(f"  {line}" for line in lines[:most]), *more[: len(lines) > most]]


def verdict(outcome: Outcome) -> str:
    """OK or NOT OK, and the sums."""
    job = outcome.job
    how = "stopped" if outcome.stopped else "converged" if outcome.converged else "did not converge"
    failed = sum(row.status == report.FAILURE for row in job.rows)
    return (
        f"{'OK' if outcome.ok else 'NOT OK'}: {how}, {failed} failures, "
        f"{outcome.quiet_writes} writes without a change, {job.client.requests} requests, "
        f"{outcome.seconds:.1f} s"
    )


def next_step(outcome: Outcome) -> str:
    """What has been shown, and what to do next."""
    if outcome.ok:
        return VERIFIED
    return STOPPED if outcome.stopped else NOT_SHOWN
