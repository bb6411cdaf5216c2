"""The whole life of 500 people and 40 groups, in both forms, against a real server process."""

import importlib.util
from collections.abc import Iterator

import pytest
from helpers.rehearse_target import TOKEN, Target, serving

from promapp_lite.rehearse import generate, play
from promapp_lite.rehearse.appliance import appliance as real_appliance
from promapp_lite.rehearse.client import Client
from promapp_lite.rehearse.job import Job
from promapp_lite.rehearse.life import Life


@pytest.fixture(scope="module")
def appliance() -> Iterator[tuple[str, str]]:
    """Tenant URL and token of `promapp-lite serve`; of the small target where there is none."""
    if importlib.util.find_spec("promapp_lite.cli"):
        with real_appliance() as found:
            yield found
        return
    with serving(Target()) as url:
        yield url, TOKEN


@pytest.mark.timeout(180)
@pytest.mark.parametrize("flag", [False, True])
def test_the_whole_life(appliance, flag):
    """Converged after every cycle, 0 failures, no writes without a change, nothing left behind."""
    url, token = appliance
    directory = generate.generate(500, 40, 1)
    job = Job(Client(url, token, flag=flag), directory)
    play.open_door(job, yes=False)
    outcome = play.play(job, Life(directory, 1), 2, 2, False, "", lambda cycle: None)
    assert [cycle.verdict for cycle in job.cycles] == ["ok"] + ["converged"] * 6
    assert job.findings == {}
    assert outcome.ok
    assert sum(cycle.counts["failure"] for cycle in job.cycles) == 0
    quiet = [cycle for cycle in job.cycles if cycle.name.startswith("unchanged")]
    assert [cycle.writes for cycle in quiet] == [0, 0]
    initial = next(cycle for cycle in job.cycles if cycle.name == "initial")
    assert initial.counts["create"] > 480
    assert job.client.get("/Users", startIndex=1, count=1).body["totalResults"] == 0
    assert job.client.get("/Groups", startIndex=1, count=1).body["totalResults"] == 0
