"""A whole rehearsal, in both forms, against a real server process."""

from collections.abc import Iterator

import pytest
from helpers.rehearse_target import rehearsed

from promapp_lite.rehearse import checks
from promapp_lite.rehearse.appliance import appliance as new_appliance
from promapp_lite.rehearse.run import Plan


@pytest.fixture(scope="module")
def appliance() -> Iterator[tuple[str, str]]:
    """Tenant URL and token of `promapp-lite serve`."""
    with new_appliance() as found:
        yield found


@pytest.mark.parametrize("flag", [False, True])
def test_the_whole_run(appliance, flag, monkeypatch):
    """Converged after every cycle, 0 failures, no writes without a change, nothing left behind."""
    monkeypatch.setattr(checks, "PAGE", 25)
    outcome = rehearsed(*appliance, people=60, groups=10, plan=Plan(2, 2), flag=flag)
    job = outcome.job
    assert [(cycle.name, cycle.verdict) for cycle in job.cycles] == [
        ("Test Connection", "ok"),
        ("initial", "converged"),
        ("unchanged", "converged"),
        ("discovery", "ok"),
        ("incremental 1", "converged"),
        ("incremental 2", "converged"),
        ("restart", "converged"),
        ("unchanged again", "converged"),
    ]
    assert job.findings == {}
    assert outcome.ok
    assert sum(cycle.counts["failure"] for cycle in job.cycles) == 0
    cycles = {cycle.name: cycle for cycle in job.cycles}
    assert [cycles[name].writes for name in ("unchanged", "unchanged again", "discovery")] == [0, 0, 0]
    assert cycles["initial"].counts["create"] > 54
    found = cycles["discovery"].events
    assert found["accounts"] == found["matched"] > 2 * checks.PAGE
    assert job.client.get("/Users", startIndex=1, count=1).body["totalResults"] == 0
    assert job.client.get("/Groups", startIndex=1, count=1).body["totalResults"] == 0
