"""Cycles as Entra runs them: call order, references last, deprovisioning, escrow, quarantine."""

import json
from contextlib import contextmanager

import pytest
from helpers.rehearse_target import TOKEN, Target, serving

from promapp_lite.rehearse import checks, cleanup, cycles, run
from promapp_lite.rehearse.directory import DEFAULT_ACCESS, Directory, Group, Person
from promapp_lite.rehearse.escrow import HOUR, Escrow, due
from promapp_lite.rehearse.job import ProvisioningJob
from promapp_lite.rehearse.protocol.client import Client
from promapp_lite.rehearse.protocol.errors import ProvisioningError
from promapp_lite.rehearse.protocol.paths import ENTERPRISE


def company():
    """Ann leads Ben; both are in a group."""
    directory = Directory()
    directory.add(Person("ann", {"userPrincipalName": "ann@x", "displayName": "Ann"}))
    directory.add(Person("ben", {"userPrincipalName": "ben@x", "displayName": "Ben"}, "ann"))
    directory.add(Group("team", {"displayName": "Team & Co"}, {"ann": None, "ben": None}))
    return directory


@contextmanager
def job_at(target, directory=None, flag=False, fate=None, **settings):
    """A job against a target, over a failing network if there is a fate."""
    with serving(target, fate or (lambda *request: None)) as url:
        client = Client(url, TOKEN, flag=flag, timeout=5)
        yield ProvisioningJob(client, directory or company(), **settings)


def calls(target, since=0):
    """Method and path of the requests, ids and random values replaced."""
    names = {
        key: each.get("userName") or each.get("displayName")
        for table in target.store.values()
        for key, each in table.items()
    }
    found = []
    for method, path, _, _ in target.log[since:]:
        for key, name in names.items():
            path = path.replace(key, f"<{name}>")
        found.append(f"{method} {path.removeprefix('/api/scim')}")
    return found


def entry(job, name):
    """Somebody in the source."""
    return job.directory.people.get(name) or job.directory.groups[name]


def change(job, name, **attributes):
    """Change attributes of an object of the source and log it."""
    one = entry(job, name)
    for key, value in attributes.items():
        setattr(one, key, value)
    job.directory.touch(one)


def user(target, name):
    """A person of the target by user name."""
    return next(each for each in target.store["Users"].values() if each["userName"] == name)


def test_the_order_of_the_initial_cycle():
    """Probe, then match and create each, references last."""
    target = Target()
    with job_at(target) as job:
        cycles.initial(job)
        seen = calls(target)
    assert [call.partition("+eq+")[0] for call in seen[:2]] == [
        "GET /Users?filter=userName",
        "GET /Groups?excludedAttributes=members&filter=displayName",
    ]
    assert seen[2:] == [
        "GET /Users?filter=userName+eq+%22ann%40x%22",
        "POST /Users",
        "GET /Users?filter=userName+eq+%22ben%40x%22",
        "POST /Users",
        "GET /Groups?excludedAttributes=members&filter=displayName+eq+%22Team+%26+Co%22",
        "POST /Groups",
        "PATCH /Users/<ben@x>",
        "PATCH /Groups/<Team & Co>",
    ]


def test_the_headers():
    """Bearer, ADSCIMVersion, no User-Agent, no Accept; the SCIM type on bodies only."""
    target = Target()
    with job_at(target) as job:
        cycles.initial(job)
    get, post = (next(call[3] for call in target.log if call[0] == verb) for verb in ("GET", "POST"))
    assert get["Authorization"] == f"Bearer {TOKEN}"
    assert get["ADSCIMVersion"] == "5.0"
    assert not {"User-Agent", "Accept", "Accept-Encoding", "Content-Type"} & set(get)
    assert post["Content-Type"] == "application/scim+json; charset=utf-8"


def test_the_flag_stays_in_the_query():
    """A Tenant URL with the flag turns it on, and every request carries it."""
    target = Target()
    with serving(target) as url:
        job = ProvisioningJob(Client(f"{url}/?aadOptscim062020", TOKEN), company())
        cycles.initial(job)
    assert job.client.flag
    assert all("aadOptscim062020" in path for _, path, _, _ in target.log)


def test_a_later_change():
    """GET by id, PATCH of what differs, nobody else is touched; the watermark moves."""
    target = Target()
    with job_at(target) as job:
        cycles.initial(job)
        mark = len(target.log)
        change(job, "ben", attributes=entry(job, "ben").attributes | {"displayName": "Benno"})
        cycle = cycles.incremental(job, "next")
        assert calls(target, mark)[2:] == ["GET /Users/<ben@x>", "PATCH /Users/<ben@x>"]
        assert cycle.counts == {"update": 1}
        body = target.log[-1][2]
        assert body["Operations"] == [{"op": "Replace", "path": "displayName", "value": "Benno"}]
        mark = len(target.log)
        cycles.incremental(job, "quiet")
        assert len(target.log) == mark + 2, "with no change only the probe is sent"


def test_an_unchanged_restart_writes_nothing():
    """Everything is read and compared, nothing is written."""
    target = Target()
    with job_at(target) as job:
        cycles.initial(job)
        cycle = cycles.restart(job, "unchanged")
    assert (cycle.writes, cycle.requests) == (0, 5)


LEAVERS = [
    ({"enabled": False}, "PATCH"),
    ({"deleted": True}, "PATCH"),
    ({"role": None}, "PATCH"),
    ({"role": DEFAULT_ACCESS}, "PATCH"),
]


@pytest.mark.parametrize(("event", "verb"), LEAVERS)
@pytest.mark.parametrize("flag", [False, True])
def test_leavers_are_disabled(event, verb, flag):
    """Disabled, soft deleted, unassigned: PATCH active, as text without the flag."""
    target, directory = Target(), company()
    directory.groups.clear()
    with job_at(target, directory, flag=flag) as job:
        cycles.initial(job)
        change(job, "ben", **event)
        cycle = cycles.incremental(job, "leaver")
        method, _, body, _ = target.log[-1]
        assert method == verb
        assert cycle.counts == {"disable": 1}
        assert body["Operations"] == [
            {"op": "replace", "path": "active", "value": False}
            if flag
            else {"op": "Replace", "path": "active", "value": "False"}
        ]
        assert user(target, "ben@x")["active"] is False
        change(job, "ben", enabled=True, deleted=False, role="User")
        cycles.incremental(job, "back")
        assert user(target, "ben@x")["active"] is True
        assert checks.compare(job) == []


def test_hard_delete():
    """DELETE; the group needs no further request, the reports keep a manager who is gone."""
    target = Target()
    with job_at(target) as job:
        cycles.initial(job)
        change(job, "ann", deleted=True)
        cycles.incremental(job, "soft")
        job.directory.purge(entry(job, "ann"))
        mark = len(target.log)
        cycle = cycles.incremental(job, "hard")
        assert [call.split()[0] for call in calls(target, mark)[2:]] == ["GET", "GET", "DELETE"]
        assert cycle.counts == {"delete": 1}
        assert checks.compare(job) == []


def test_unassigned_then_deleted_is_only_disabled():
    """Who is no longer managed is not deleted; the rehearsal's own cleaning still does it."""
    target, directory = Target(), company()
    directory.groups.clear()
    with job_at(target, directory) as job:
        cycles.initial(job)
        change(job, "ben", role=None)
        cycles.incremental(job, "unassigned")
        job.directory.purge(entry(job, "ben"))
        cycles.incremental(job, "deleted")
        assert user(target, "ben@x")["active"] is False
        assert cleanup.leave(job) == []
        assert target.store == {"Users": {}, "Groups": {}}


def test_never_provisioned_people_are_skipped():
    """Who is disabled or not entitled from the start is not created; the log says why."""
    directory = company()
    directory.add(Person("c", {"userPrincipalName": "c@x"}, enabled=False))
    directory.add(Person("d", {"userPrincipalName": "d@x"}, role=DEFAULT_ACCESS))
    target = Target()
    with job_at(target, directory) as job:
        cycle = cycles.initial(job)
        assert cycle.counts["skipped"] == 2
        reasons = {row.source_name: row.code for row in job.rows if row.status == "skipped"}
        assert reasons == {"c@x": "EntrySynchronizationSkipped", "d@x": "NotEffectivelyEntitled"}
    with job_at(Target(), directory, everyone=True) as job:
        assert cycles.initial(job).counts["skipped"] == 1


def test_references_to_somebody_out_of_scope_wait_for_a_restart():
    """A manager and a member who come into scope later are sent with a restart only."""
    target, directory = Target(), company()
    directory.people["ann"].enabled = False
    with job_at(target, directory) as job:
        cycles.initial(job)
        change(job, "ann", enabled=True)
        cycles.incremental(job, "ann is here")
        group = next(iter(target.store["Groups"].values()))
        assert [each["value"] for each in group["members"]] == [user(target, "ben@x")["id"]]
        assert "manager" not in user(target, "ben@x").get(ENTERPRISE, {})
        assert checks.compare(job) == []
        cycles.restart(job, "restart")
        assert len(next(iter(target.store["Groups"].values()))["members"]) == 2
        assert user(target, "ben@x")[ENTERPRISE]["manager"] == {"value": user(target, "ann@x")["id"]}
        assert checks.compare(job) == []


@pytest.mark.parametrize("flag", [False, True])
def test_members_leave_and_the_rest_are_added_again(flag):
    """Removing one re-sends those who stay, and the group ends as it should."""
    target = Target()
    with job_at(target, flag=flag) as job:
        cycles.initial(job)
        mark = len(target.log)
        change(job, "team", members={"ben": None})
        cycles.incremental(job, "ann leaves")
        assert calls(target, mark)[3:] == ["PATCH /Groups/<Team & Co>"] * 2 or flag
        verbs = [call[2]["Operations"][0]["op"].lower() for call in target.log[mark:] if call[0] == "PATCH"]
        assert verbs == ["remove", "add"]
        assert checks.compare(job) == []


def test_a_group_that_leaves_scope_is_deleted():
    """A group has no active: it is deleted, and created anew when it returns."""
    target = Target()
    with job_at(target) as job:
        cycles.initial(job)
        change(job, "team", role=None)
        assert cycles.incremental(job, "out").counts["delete"] == 1
        assert not target.store["Groups"]
        change(job, "team", role="User")
        cycles.incremental(job, "in")
        assert checks.compare(job) == []


def test_access_through_a_group():
    """Who is entitled by a group alone is created with it, and disabled when they leave it."""
    target, directory = Target(), company()
    directory.people["ben"].role = None
    with job_at(target, directory) as job:
        cycles.initial(job)
        assert user(target, "ben@x")["active"] is True
        change(job, "team", members={"ann": None})
        assert cycles.incremental(job, "ben leaves the team").counts["disable"] == 1
        assert user(target, "ben@x")["active"] is False
        change(job, "team", members={"ann": None, "ben": None})
        cycles.incremental(job, "ben is back")
        assert user(target, "ben@x")["active"] is True


def test_nulls_are_skipped():
    """A value cleared in the source stays in the target."""
    target = Target()
    with job_at(target) as job:
        cycles.initial(job)
        attributes = dict(entry(job, "ben").attributes)
        del attributes["displayName"]
        change(job, "ben", attributes=attributes)
        assert cycles.incremental(job, "cleared").writes == 0
        assert user(target, "ben@x")["displayName"] == "Ben"


def test_people_who_were_there_are_left_alone():
    """Somebody who matches is linked, reported and neither changed nor deleted."""
    target = Target()
    target.answer("POST", "/api/scim/Users", {"userName": "BEN@x", "displayName": "Old"})
    with job_at(target) as job:
        cycles.initial(job)
        (row,) = [row for row in job.rows if row.source_name == "ben@x"]
        assert (row.status, row.code) == ("skipped", "EntrySynchronizationSkipped")
        assert "displayName" in row.reason
        assert checks.compare(job) == [], "how somebody else's people look is no difference"
        assert cleanup.leave(job) == []
    assert [each["displayName"] for each in target.store["Users"].values()] == ["Old"]


def test_a_double_in_the_target_is_seen():
    """Reading back finds a second person of the same name, whatever its letter case."""
    target = Target("doubles")
    with job_at(target) as job:
        cycles.initial(job)
        target.answer("POST", "/api/scim/Users", {"userName": "BEN@x"})
        assert checks.compare(job) == ["ben@x: 2 times in the target"]
        assert "DoubledObjects" in job.findings


def test_the_same_name_twice_in_the_source():
    """The second one is DuplicateSourceEntries."""
    directory = company()
    directory.add(Person("ben2", {"userPrincipalName": "BEN@x"}))
    with job_at(Target(), directory) as job:
        cycles.initial(job)
        assert [row.code for row in job.rows if row.status == "failure"] == ["DuplicateSourceEntries"]


def test_an_anchor_that_is_gone():
    """Somebody deleted behind Entra's back is InvalidAnchor until a restart."""
    target = Target()
    with job_at(target) as job:
        cycles.initial(job)
        del target.store["Users"][user(target, "ben@x")["id"]]
        change(job, "ben")
        cycles.incremental(job, "next")
        assert [row.code for row in job.rows if row.status == "failure"] == ["InvalidAnchor"]
        assert checks.compare(job)


def test_a_conflict_has_its_code_and_advice():
    """409: EntryConflict with the target's own words."""
    target = Target("hides-inactive")
    target.answer("POST", "/api/scim/Users", {"userName": "ben@x", "active": False})
    with job_at(target) as job:
        cycles.initial(job)
        row, reference = [row for row in job.rows if row.status == "failure"]
        assert (row.code, reference.code) == ("EntryConflict", "ReferenceNotFound")
        assert "userName ben@x is taken" in row.reason
        assert "inactive" in row.advice
        assert cleanup.leave(job) == []
    assert len(target.store["Users"]) == 1, "the other one is not ours to delete"


def test_somebody_else_is_faster():
    """Who was created by another between search and POST is not ours: linked, left alone."""
    target, raced = Target(), []

    def fate(number, method, path):
        if method == "POST" and not raced:
            raced.append(target.answer("POST", path, {"userName": "ann@x", "displayName": "Hers"}))

    with job_at(target, fate=fate) as job:
        cycles.initial(job)
        assert job.rows[0].code == "EntryConflict"
        cycles.incremental(job, "next")
        assert not job.links["ann"].made
        assert cleanup.leave(job) == []
    assert [each["displayName"] for each in target.store["Users"].values()] == ["Hers"]


def test_waiting_times():
    """Next cycle, 6, 12, 24 hours after the first failure, then daily; 28 days at most."""
    assert [due(0, tries) / HOUR for tries in range(1, 8)] == [0, 6, 12, 24, 48, 72, 96]
    escrow = Escrow()
    escrow.fail("a", 0, "Timeout", False)
    escrow.fail("a", 100, "Timeout", False)
    assert escrow.due(5 * HOUR) == set()
    assert escrow.due(6 * HOUR) == {"a"}
    assert escrow.due(29 * 24 * HOUR) == set()
    assert escrow.next() is None


@pytest.mark.parametrize(
    ("own", "references", "objects", "excessive"),
    [
        (4_999, 0, 5_000, False),
        (5_000, 0, 20_000, False),
        (8_001, 0, 20_000, True),
        (40_001, 0, 10**6, True),
        (100, 59_900, 10**6, True),
        (100, 50_000, 60_000, False),
    ],
)
def test_when_a_job_is_quarantined(own, references, objects, excessive):
    """5,000 failures and 40 %, or 40,000, or 60,000 with references."""
    escrow = Escrow()
    for number in range(own + references):
        escrow.fail(str(number), 0, "x", number >= own)
    assert escrow.excessive(objects) is excessive


def test_bad_credentials_quarantine_and_heal():
    """401 in a cycle stops it at once; a day later the probe succeeds and the rest is done."""
    target, bad = Target(), set()

    def fate(number, method, path):
        if number == 5:
            bad.add("token")
        return "401" if bad else None

    with job_at(target, fate=fate) as job:
        cycle = cycles.initial(job)
        assert cycle.quarantine == job.quarantine == "Unauthorized"
        assert len(target.store["Users"]) == 1
        cycle = cycles.incremental(job, "still bad")
        assert cycle.quarantine.endswith("CredentialValidationFailure")
        assert cycle.requests == 1
        before = job.clock.now
        bad.clear()
        cycles.incremental(job, "healed")
        assert job.clock.now - before == 24 * HOUR
        assert job.quarantine is None
        assert checks.compare(job) == []


def test_an_aborted_cycle_keeps_its_failures():
    """What failed before a fatal error is in escrow, and is tried with the rest later."""
    fates = {3: "500", 4: "401"}
    target = Target()
    with job_at(target, fate=lambda number, *_: fates.get(number)) as job:
        assert cycles.initial(job).quarantine == "Unauthorized"
        assert set(job.escrow.entries) == {"ann", "ben"}
        cycles.incremental(job, "healed")
        assert job.escrow.entries == {}
        assert checks.compare(job) == []


def test_a_target_that_stopped_answering_ends_the_cycle():
    """Ten requests in a row without an answer are enough."""
    directory = Directory()
    for number in range(30):
        directory.add(Person(str(number), {"userPrincipalName": f"p{number}@x"}))
    with job_at(Target(), directory, fate=lambda n, *_: "refuse" if n > 1 else None) as job:
        cycle = cycles.initial(job)
        assert cycle.quarantine.endswith("CredentialValidationUnavailable")
        assert cycle.requests == 12


@pytest.mark.parametrize(
    ("defect", "code"),
    [("no-match-404", "ServiceIncompatible"), ("ignores-filters", "ServiceIncompatibleFiltering")],
)
def test_connection_finds_incompatible_targets(defect, code):
    """Test Connection says what is wrong before anything is written."""
    target = Target(defect)
    target.answer("POST", "/api/scim/Users", {"userName": "someone"})
    with job_at(target) as job, pytest.raises(ProvisioningError) as caught:
        run.connect(job, yes=True)
    assert caught.value.code.endswith(code)
    assert all(call[0] == "GET" for call in target.log)


def test_a_log_row_has_azures_shape():
    """The keys of Microsoft Graph's provisioningObjectSummary, serialisable."""
    with job_at(Target()) as job:
        cycles.initial(job)
        row = job.rows[0].document()
    assert json.loads(json.dumps(row)) == row
    assert row["provisioningAction"] == "create"
    assert row["provisioningStatusInfo"] == {"status": "success", "errorInformation": None}
    assert row["sourceIdentity"] == {"id": "ann", "displayName": "ann@x", "identityType": "User"}
    assert {"displayName": "displayName", "oldValue": None, "newValue": "Ann"} in row["modifiedProperties"]
