"""The benchmark's own arithmetic and scripts; nothing here takes a time."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from bench import attack, lost, report, run, seed, short, workloads
from bench.client import Answer
from bench.contenders import BARE, OURS, Ours
from bench.measure import Sample, sample, spread, together
from bench.seed import Seeded, Unfit
from bench.workloads import Plan, Site

PEER = "a-peer"


def cell(rate, cpu=1.0, rounds=()):
    """A measured cell."""
    got = {"rate": rate, "p50": 1.0, "p99": 2.0, "errors": 0, "cpu": cpu}
    return got | {"least": cpu, "requests": 10, "rounds": list(rounds) or [rate]}


@pytest.fixture
def found():
    """A run of one size with one peer that cannot filter."""
    get = {OURS: cell(800, 1.5), BARE: cell(1000, 1.0, [900, 1000, 1100]), PEER: cell(400)}
    cells = {"get": {"16": get}, "filter-title": {"16": get | {PEER: {"fails": "400 no such thing"}}}}
    memory = {
        name: {when: {"rss": 9, "anonymous": 8, "pss": 7} for when in ("filled", "after")} for name in get
    }
    synced = {
        "seconds": 2.0,
        "requests": 100,
        "cpu": 0.5,
        "memory": {"rss": 130.0, "anonymous": 1.0, "pss": 99.0},
    }
    return {
        "at": "2026-01-01",
        "machine": {"cpu": "x", "cores": 2, "python": "3", "system": "y", "load": 0},
        "pace": {"rounds": 3, "seconds": 1},
        "threads": 4,
        "contenders": [OURS, BARE, PEER],
        "sizes": {"1000": {"memory": memory, "cells": cells}},
        "sync": {OURS: synced, PEER: synced | {"seconds": 3.0}},
        "sync_people": 2000,
    }


def test_it_works(found):
    """A report has a row for each workload and number of connections, each as wide as its head."""
    told = report.markdown(found)
    for block in re.findall(r"(?:^\|.*\n?)+", told, re.M):
        widths = {line.count("|") for line in block.splitlines()}
        assert len(widths) == 1, block
    assert "| GET by id | 16 | 800 |" in told
    assert "0.8 | 1.5 | 400 (2) |" in told


def test_a_peer_that_fails_has_its_reason_told(found):
    """Never a silent number, never a silent gap."""
    told = report.markdown(found)
    assert "| fails |" in told
    assert f"{PEER}: filter without a column (1,000): 400 no such thing" in told


def test_ratios(found):
    """Requests a second and CPU, as shares; None where a contender failed."""
    get, title = (found["sizes"]["1000"]["cells"][key]["16"] for key in ("get", "filter-title"))
    assert report.ratio(get, OURS, BARE) == 0.8
    assert report.ratio(get, OURS, BARE, "cpu") == 1.5
    assert report.ratio(title, OURS, PEER) is None


def test_goals(found):
    """Reached, or missed by so much."""
    goals = {each.what: each for each in report.goals(found)}
    assert goals["GET by id, 1,000 people, 16 conn.: of bare"].reached
    assert goals["initial sync: seconds of the fastest peer, over ours"].value == 1.5
    assert not goals["resident MiB after the initial sync of 2,000 people"].reached
    assert "missed by 8%" in report.goals_table(list(goals.values()))


def test_flatness(found):
    """Hot requests at the largest size are compared with those at the smallest."""
    later = {OURS: cell(600)}
    found["sizes"]["100000"] = {"memory": {}, "cells": {"get": {"16": later}}}
    flat = [each for each in report.goals(found) if "against" in each.what]
    assert [(each.value, each.reached) for each in flat] == [(0.75, False)]
    later[BARE] = cell(750)  # the machine had become slower, for both
    flat = [each for each in report.goals(found) if "against" in each.what]
    assert [(each.value, each.reached) for each in flat] == [(1.0, True)]


def test_noise(found):
    """The spread of the bare application's rounds."""
    assert report.noise(found) == {"median": 0.2, "worst": 0.2}
    assert spread([]) == 0.0


def test_the_chart_is_a_picture(found):
    """Well-formed, with the best bar in full and a failure in words."""
    found["sizes"]["1000"]["cells"]["post"] = found["sizes"]["1000"]["cells"].pop("filter-title")
    drawn = report.chart(found)
    root = ET.fromstring(drawn)  # noqa: S314 - made here
    assert root.tag.endswith("svg")
    assert f'width="{report.WIDTH:.1f}"' in drawn
    assert ">fails<" in drawn


def test_rounds_are_taken_together():
    """Medians; errors are added up."""
    got = together([Sample(100, rate, 1, 2, errors, 0.5) for rate, errors in ((10, 0), (30, 1), (20, 2))])
    assert (got.rate, got.errors, got.requests, got.rounds) == (20, 3, 300, [10, 30, 20])


def test_every_refusal_is_an_error():
    """UserError answers, broken connections and lost answers count alike."""
    told = {"requests": 50, "micros": 500_000, "p50": 1, "p99": 2, "status": 3, "socket": 2, "timeout": 1}
    got = sample(told, 25.0)
    assert (got.rate, got.errors, got.cpu) == (100, 6, 0.5)


# Scripts and proofs


def site(answers, seeded=None):
    """A site whose connection gives these answers in turn, and keeps what it was asked."""

    class Line:
        asked = []

        def ask(self, *request):
            self.asked.append(request)
            return answers.pop(0)

    return Site(Line(), "/scim", seeded or Seeded([f"id{n}" for n in range(330)], {0: ["g"], 1000: ["h"]}))


@pytest.mark.parametrize("workload", workloads.WORKLOADS, ids=lambda each: each.key)
def test_script(workload, tmp_path):
    """Each workload becomes a script that says method, token and body, and reads its paths."""
    full = json.dumps({"Resources": [{}] * 100, "nextCursor": "c/1"}).encode()
    here = site([Answer(200, full)] * 3)
    if workload.size and workload.size not in here.seeded.groups:
        with pytest.raises(Unfit, match="could not be made"):
            workload.plan(here)
        return
    plan = workload.plan(here)
    text = workloads.script(plan, "secret", tmp_path, "0000abcd").read_text()
    assert f"[[{plan.method}]]" in text and "[[Bearer secret]]" in text
    assert (plan.body or "nil") in text
    paths = (tmp_path / "paths.txt").read_text().splitlines()
    assert paths == plan.paths and all(path.startswith("/scim/") and " " not in path for path in paths)


@pytest.mark.parametrize(
    ("text", "literal"), [("a", "[[a]]"), ("a]]b", "[=[a]]b]=]"), ("a]", "[=[a]]=]"), (None, "nil")]
)
def test_lua_literal(text, literal):
    """No text ends its own literal."""
    assert workloads.lua(text) == literal


def test_no_request_is_sent_twice():
    """The number in a body, and the id, differ by request and by run."""
    plan = Plan("POST", ["/a", "/b"], 201, workloads.anything, "@N@ @ID@")
    assert plan.request("00000001", 3) == (
        "POST",
        "/a",
        b"000000010000003 00000001-0000-4000-8000-000000000003",
    )
    assert len({plan.request(stamp, n) for stamp in ("00000001", "00000002") for n in (1, 2, 3)}) == 6


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("get", Answer(404, b"{}")),
        ("get", Answer(200, b'{"userName": "somebody else"}')),
        ("filter-title", Answer(200, b'{"Resources": []}')),
        ("filter-title", Answer(400, b"no such thing")),
        ("page-deep", Answer(200, b'{"Resources": [{}]}')),
        ("post", Answer(200, b'{"id": "1"}')),
        ("patch", Answer(500, b"")),
    ],
)
def test_a_wrong_answer_is_no_number(key, answer):
    """Another status, or an answer that is not about what was asked."""
    workload = next(each for each in workloads.WORKLOADS if each.key == key)
    here = site([answer])
    with pytest.raises(Unfit):
        workloads.prove(workload.plan(here), here.client, "00000001")


def test_an_acknowledged_change_must_be_there():
    """A server that ignores a member it does not know has not added one."""
    workload = next(each for each in workloads.WORKLOADS if each.key == "add-0")
    here = site([Answer(204, b""), Answer(200, b'{"members": []}')])
    with pytest.raises(Unfit, match="not there afterwards"):
        workloads.prove(workload.plan(here), here.client, "00000001")


def test_no_cursor_is_no_deep_page():
    """A server that ignores `cursor` would answer its first page for the deepest."""
    with pytest.raises(Unfit, match="nextCursor"):
        workloads.deep_cursor(site([Answer(200, json.dumps({"Resources": [{}] * 100}).encode())]))


def test_a_failing_answer_of_ours_fails_the_run():
    """A peer may fail; ours and the bare application may not."""
    ours, peer = Ours(4), Ours(4)
    peer.name = PEER
    run.guard(peer, "500")
    with pytest.raises(run.Broken, match="500"):
        run.guard(ours, "500")


def test_errors_under_load_fail_the_run(monkeypatch, tmp_path):
    """One error among the answers to wrk is enough."""
    ours = Ours(4)
    ours.folder = tmp_path
    row = run.Row(workloads.WORKLOADS[0], [ours], {}, run.Pace())
    row.plans, row.waits = {OURS: Plan("GET", ["/a"], 200, workloads.anything)}, {OURS: 0.001}
    monkeypatch.setattr(run, "wrk", lambda *_: Sample(1000, 1000, 1, 2, 1, 0.5))
    with pytest.raises(run.Broken, match="1 of 1,000 answers were errors"):
        row.at(16)


# Seed and guard


def test_people_are_of_one_length():
    """So that one answer of ours stands for all in the bare application."""
    assert len(json.dumps(seed.person(1))) == len(json.dumps(seed.person(99_999)))


def test_planted(tmp_path):
    """The store holds the people and groups that the ids name."""
    from promapp_lite.scim.resource_types import GROUPS
    from promapp_lite.store import opening
    from promapp_lite.store.directory import groups, resources

    opening.create(tmp_path).close()
    planted = seed.plant(tmp_path, 1000)
    assert seed.planted(tmp_path) == planted
    assert (len(planted.people), len(planted.joined), len(planted.groups[0])) == (
        1100,
        1000,
        seed.EMPTY_GROUPS,
    )
    store = opening.open_store(tmp_path)
    assert resources.get(store, GROUPS, planted.groups[1000][0]).id
    assert groups.members_of(store, planted.groups[1000], "").pop(0).count('"value"') == 1000
    store.close()


def test_the_guard_takes_the_least_disturbed_rounds():
    """A busy machine makes no miss."""
    row = {"1": {OURS: cell(1, 9.0) | {"least": 1.5}, BARE: cell(1, 2.0) | {"least": 1.0}}}
    assert short.ratios({"get": row}) == {"get": 1.5}
    assert together([Sample(1, 1, 1, 1, 0, cpu) for cpu in (3, 1, 2)])[4:6] == (2, 1)


def test_the_guard():
    """Fifteen percent over the stored ratio is a miss; what is faster is none."""
    expected = {"get": 1.0, "post": 2.0, "patch": 2.0}
    assert short.misses({"get": 1.14, "post": 1.0, "patch": 2.0}, expected) == []
    missed = short.misses({"get": 1.2, "post": 2.0}, expected)
    assert [line.split(":")[0] for line in missed] == ["get", "patch"]


def test_the_guard_knows_its_workloads():
    """What the short mode measures and what it expects are workloads there are."""
    known = {each.key for each in workloads.WORKLOADS}
    assert set(workloads.SHORT) <= known
    assert not short.EXPECTED.exists() or set(short.stored()) == set(workloads.SHORT)


def test_who_is_lost_is_named(store, send):
    """Who was acknowledged and is not there is told, and who is there without the row of the creation."""
    for name in ("here", "untold"):
        send("POST", "/Users", {"userName": name})
    store.database.execute_sql("DELETE FROM activity WHERE name = 'untold'")
    served = object.__new__(lost.Served)
    served.folder = store.path.parent.parent
    assert served.missing(["here", "untold", "gone"]) == ["untold", "gone"]


def test_a_kill_loses_nothing(tmp_path, capsys):
    """R1 in small: the server is killed under load and started again."""
    assert lost.rounds(lost.Served(4), tmp_path, 1) == 0
    told = capsys.readouterr().out
    assert told.startswith("1 ends, ") and "0 lost" in told and not told.startswith("1 ends, 0 ")


@pytest.mark.parametrize(("most", "code"), [(60_000, 0), (0, 1)])
def test_an_attack_is_carried_out_and_judged(monkeypatch, capsys, most, code):
    """Others are looked after while it lasts; who suffers more than promised is a failure."""
    monkeypatch.setattr(attack, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(attack, "LOOKUPS", 40)
    monkeypatch.setattr(attack, "PEOPLE", 5)
    monkeypatch.setattr(attack, "MOST_MS", most)
    monkeypatch.setitem(attack.ATTACKS, "nonsense", attack.ATTACKS["nonsense"]._replace(connections=10))
    assert attack.main(["nonsense"]) == code
    assert ("HARMED" in capsys.readouterr().out) is bool(code)
