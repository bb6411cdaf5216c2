"""A network that fails: the rehearsal converges or reports, and never doubles a person."""

from collections import Counter
from itertools import count
from random import Random

import pytest
from helpers.rehearse_target import Target, rehearsed, serving

from promapp_lite.rehearse.protocol.client import Stop
from promapp_lite.rehearse.report import FAILURE
from promapp_lite.rehearse.run import Plan


def outcome_over(fate, target, retries=12, keep=True, cycles=2, **settings):
    """What a rehearsal comes to over a network with this fate."""
    with serving(target, fate) as url:
        return rehearsed(url, plan=Plan(cycles, retries, keep), **{"people": 20, "groups": 6} | settings)


def names(target):
    """How often each person is in the target."""
    return Counter(each["userName"].lower() for each in target.store["Users"].values())


def now_and_then(what, percent, writes_only=False, seed=1):
    """A fate that strikes so many of a hundred requests, after the listener is open."""
    random = Random(seed)

    def fate(number, method, path):
        if number < 4 or (writes_only and method == "GET"):
            return None
        return what if random.randrange(100) < percent else None

    return fate


@pytest.mark.parametrize(
    ("what", "percent", "codes"),
    [
        ("500", 10, {"InternalServerError"}),
        ("502", 10, {"WebExceptionProtocolError"}),
        ("refuse", 10, {"WebExceptionProtocolError"}),
        ("drop", 10, {"WebExceptionProtocolError"}),
    ],
)
def test_it_converges_in_spite_of(what, percent, codes):
    """Errors before the target, and answers lost after the write: all in order in the end."""
    target = Target()
    outcome = outcome_over(now_and_then(what, percent, writes_only=True), target)
    failed = {row.code for row in outcome.job.rows if row.status == FAILURE}
    assert codes <= failed <= codes | {"ReferenceNotFound"}
    assert outcome.converged, outcome.job.cycles[-1].differences
    assert not outcome.job.escrow.entries
    assert max(names(target).values()) == 1
    assert outcome.job.findings == {}, "what a bad network does is no defect of the target"
    assert not outcome.ok, "a failure is reported even when it healed"


def test_lost_answers_never_double_a_person():
    """Every third write is carried out without an answer: found again, not made again."""
    target = Target("doubles")  # nothing but Entra's own search keeps people single
    outcome = outcome_over(now_and_then("drop", 33, writes_only=True), target)
    assert max(names(target).values()) == 1
    assert not [name for name in outcome.job.findings if name == "DoubledObjects"]
    assert outcome.converged


def test_answers_that_come_too_late():
    """Timeout: retried, converged, nobody twice."""
    writes = count(1)

    def fate(number, method, path):
        return "stall" if number > 4 and method != "GET" and next(writes) in (3, 17) else None

    target = Target()
    outcome = outcome_over(fate, target, timeout=0.4, cycles=1)
    assert [row.code for row in outcome.job.rows].count("Timeout") == 2
    assert outcome.converged
    assert max(names(target).values()) == 1


def test_a_token_that_dies_on_the_way():
    """401 in the middle and ever after: quarantined, reported, exit 1, and nothing doubled."""
    target = Target()
    outcome = outcome_over(lambda number, *_: "401" if number > 30 else None, target, retries=2)
    assert outcome.job.quarantine
    assert not outcome.ok
    assert max(names(target).values()) == 1
    assert [cycle.name for cycle in outcome.job.cycles] == [
        "Test Connection",
        "initial",
        "retry 1",
        "retry 2",
    ]


def test_a_token_that_fails_now_and_then():
    """401 from a flickering gateway: a quarantine each time, converged in the end."""
    outcome = outcome_over(now_and_then("401", 1), Target(), retries=40)
    assert outcome.converged
    assert any(cycle.quarantine for cycle in outcome.job.cycles)


def test_too_many_requests_are_waited_out(monkeypatch):
    """429 is repeated after a pause, without a failure."""
    pauses = []
    monkeypatch.setattr("promapp_lite.rehearse.protocol.client.time.sleep", pauses.append)
    outcome = outcome_over(lambda number, *_: "429" if number % 7 == 6 else None, Target(), cycles=1)
    assert outcome.ok
    assert set(pauses) >= {1.0}


def test_it_cleans_up_over_a_bad_network():
    """What was posted without an answer is found and deleted, too."""
    target = Target()
    outcome = outcome_over(now_and_then("drop", 25, writes_only=True), target, keep=False, retries=1)
    assert outcome.left == []
    assert target.store == {"Users": {}, "Groups": {}}


def test_what_cannot_be_cleaned_up_is_named():
    """A target that refuses DELETE is reported, and it is not OK."""
    outcome = outcome_over(
        lambda number, method, _: "500" if method == "DELETE" else None,
        Target(),
        keep=False,
        cycles=0,
        people=5,
    )
    assert len(outcome.left) > 4
    assert not outcome.ok


def test_an_interruption_still_cleans_up():
    """Ctrl-C in the middle of the initial cycle: stopped, and nothing left behind."""
    target, stop = Target(), Stop()

    def fate(number, method, path):
        stop.asked = stop.asked or number == 40

    outcome = outcome_over(fate, target, keep=False, stop=stop)
    assert outcome.stopped
    assert not outcome.ok
    assert outcome.left == []
    assert target.store == {"Users": {}, "Groups": {}}
