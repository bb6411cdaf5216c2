"""What is asked of every contender, as a table; each becomes a script for wrk and a proof of its answer."""

import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from bench import seed
from bench.client import Answer, Client
from bench.seed import Seeded, Unfit

PATHS = 5000  # so many different resources are asked for in turn
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
PAGE = 100
Check = Callable[[Answer], str | None]


class Site(NamedTuple):
    """Where requests go: a connection, the base path and what is there."""

    client: Client
    base: str
    seeded: Seeded
    only_people: bool = False
    person: seed.Form = seed.person


class Plan(NamedTuple):
    """The requests of a workload: paths in turn; in the body @N@ becomes a number, @ID@ an id, each once.

    `check` says what is wrong with an answer, None where it is right; `trace` is what a GET of the same
    path must show afterwards.
    """

    method: str
    paths: list[str]
    status: int
    check: Check
    body: str | None = None
    ids: tuple[str, ...] = ()
    trace: str | None = None

    def request(self, stamp: str, n: int) -> tuple[str, str, bytes | None]:
        """The n-th request, counted from 1, as the Lua script makes it too."""
        path = self.paths[(n - 1) % len(self.paths)]
        return self.method, path, self.fill(self.body, stamp, n).encode() if self.body else None

    def fill(self, text: str, stamp: str, n: int) -> str:
        """A text with the number and the id of the n-th request in it."""
        id = self.ids[(n - 1) % len(self.ids)] if self.ids else f"{stamp}-0000-4000-8000-{n:012x}"
        return text.replace("@N@", f"{stamp}{n:07d}").replace("@ID@", id)


class Workload(NamedTuple):
    """A row of the report; `plan` is given the site and may raise Unfit. `size` is that of a group."""

    key: str
    title: str
    plan: Callable[[Site], Plan]
    hot: bool = False
    size: int | None = None


def chosen(seeded: Seeded, numbers: list[int]) -> list[int]:
    """Some of the people, in an order of no pattern that is the same for all contenders."""
    picked = random.Random(7).sample(numbers, min(PATHS, len(numbers)))
    if not picked or not seeded.people:
        raise Unfit("there are no people")
    return picked


def has(name: str, value: Any = None) -> Check:
    """Checks that the answer has an attribute, of that value if one is given."""

    def check(answer: Answer) -> str | None:
        found = answer.json
        if not isinstance(found, dict) or name not in found or (value is not None and found[name] != value):
            return f"{name} is not there, or is not {value!r}" if value is not None else f"no {name}"
        return None

    return check


def anything(answer: Answer) -> str | None:
    """The status says enough."""
    return None


def by_id(members: bool) -> Callable[[Site], Plan]:
    """GET of people in groups, or in none."""

    def plan(site: Site) -> Plan:
        numbers = chosen(site.seeded, site.seeded.joined if members else site.seeded.alone)
        paths = [f"{site.base}/Users/{site.seeded.people[n]}" for n in numbers]
        return Plan("GET", paths, 200, has("userName", seed.user_name(numbers[0])))

    return plan


def finding(filter: str) -> Callable[[Site], Plan]:
    """A filter that one person matches; {n} is their number."""

    def plan(site: Site) -> Plan:
        numbers = chosen(site.seeded, site.seeded.alone)
        asked = [filter.format(n=f"{n:08}", user=seed.user_name(n)) for n in numbers]
        paths = [f"{site.base}/Users?filter={quote(each, safe='')}" for each in asked]
        return Plan("GET", paths, 200, found_one(seed.user_name(numbers[0])))

    return plan


def found_one(user_name: str) -> Check:
    """Checks that exactly that person was found: a filter that is not understood must not count."""

    def check(answer: Answer) -> str | None:
        found = (answer.json or {}).get("Resources") or []
        names = [each.get("userName") for each in found]
        return None if names == [user_name] else f"the filter found {len(names)} people, not the one"

    return check


def posting(site: Site) -> Plan:
    """POST of new people."""
    body = json.dumps(site.person("@N@"))
    return Plan("POST", [f"{site.base}/Users"], 201, has("id"), body)


def patching(site: Site) -> Plan:
    """PATCH of two attributes, each time to something new, in Entra's form without the flag."""
    numbers = chosen(site.seeded, site.seeded.alone)
    operations = [
        {"op": "Replace", "path": "name.givenName", "value": "Given @N@"},
        {"op": "Replace", "path": "name.familyName", "value": "Family @N@"},
    ]
    paths = [f"{site.base}/Users/{site.seeded.people[n]}" for n in numbers]
    return Plan("PATCH", paths, 200, anything, patch_body(operations), trace="Given @N@")


def patch_body(operations: list[dict[str, Any]]) -> str:
    """A PATCH request's body (RFC 7644 §3.5.2)."""
    return json.dumps({"schemas": [PATCH], "Operations": operations})


def groups_of(site: Site, size: int) -> list[str]:
    """The paths of the groups of a size; Unfit where the contender has none."""
    if not site.seeded.groups.get(size):
        raise Unfit(f"a group of {size:,} could not be made")
    return [f"{site.base}/Groups/{id}" for id in site.seeded.groups[size]]


def adding(size: int) -> Callable[[Site], Plan]:
    """PATCH that adds one new member to a group of that size."""

    def plan(site: Site) -> Plan:
        people = site.seeded.people
        outside = [people[n] for n in site.seeded.joined[size:] + site.seeded.alone]
        body = patch_body([{"op": "Add", "path": "members", "value": [{"value": "@ID@"}]}])
        ids = tuple(outside) if site.only_people else ()
        return Plan("PATCH", groups_of(site, size), 204, anything, body, ids, "@ID@")

    return plan


def reading(size: int, whole: bool) -> Callable[[Site], Plan]:
    """GET of a group with its members, or without."""

    def plan(site: Site) -> Plan:
        suffix = "" if whole else "?excludedAttributes=members"
        return Plan(
            "GET", [path + suffix for path in groups_of(site, size)], 200, members(size if whole else 0)
        )

    return plan


def members(least: int) -> Check:
    """Checks that at least so many members are shown, or for 0 that none is."""

    def check(answer: Answer) -> str | None:
        shown = len((answer.json or {}).get("members") or [])
        right = shown >= least if least else not shown
        return None if right else f"{shown:,} members are shown"

    return check


def first_page(site: Site) -> Plan:
    """The first page of 100."""
    return Plan("GET", [f"{site.base}/Users?startIndex=1&count={PAGE}"], 200, page_of(site))


def deep_page(site: Site) -> Plan:
    """The deepest full page of 100, by index."""
    start = len(site.seeded.people) - PAGE + 1
    return Plan("GET", [f"{site.base}/Users?startIndex={start}&count={PAGE}"], 200, page_of(site))


def page_of(site: Site) -> Check:
    """Checks that the page is full."""

    def check(answer: Answer) -> str | None:
        shown = len((answer.json or {}).get("Resources") or [])
        return None if shown == PAGE else f"the page shows {shown} people, not {PAGE}"

    return check


def deep_cursor(site: Site) -> Plan:
    """The deepest full page of 100, by cursor (RFC 9865), found by following nextCursor from the first."""
    cursor, deepest = "", None
    for _ in range(len(site.seeded.people) // PAGE):
        answer = site.client.ask("GET", f"{site.base}/Users?cursor={cursor}&count={PAGE}")
        if page_of(site)(answer):
            break
        deepest, cursor = cursor, (answer.json or {}).get("nextCursor")
        if not cursor:
            break
        cursor = quote(cursor, safe="")
    if not deepest:
        raise Unfit("no nextCursor is answered")
    return Plan("GET", [f"{site.base}/Users?cursor={deepest}&count={PAGE}"], 200, page_of(site))


# Reads come first, and what adds people last, so that nothing is measured on another's leavings.
WORKLOADS: tuple[Workload, ...] = (
    Workload("get", "GET by id", by_id(False), True),
    Workload("get-joined", "GET by id, of somebody in groups", by_id(True)),
    Workload("filter-user-name", "filter userName", finding('userName eq "{user}"'), True),
    Workload("filter-external-id", "filter externalId", finding('externalId eq "external{n}"'), True),
    Workload("filter-email", "filter work e-mail", finding('emails[type eq "work"].value eq "{user}"'), True),
    Workload("filter-title", "filter without a column", finding('title eq "Title {n}"')),
    Workload("page-first", "first page of 100", first_page),
    Workload("page-deep", "deepest page of 100, by index", deep_page),
    Workload("page-cursor", "deepest page of 100, by cursor", deep_cursor),
    *(
        Workload(f"{key}-{size}", f"{title}, {size:,} members", reading(size, key == "group"), size=size)
        for size in seed.GROUP_SIZES[1:]
        for key, title in (("group-slim", "GET group without members"), ("group", "GET group in full"))
    ),
    Workload("patch", "PATCH two attributes", patching, True),
    *(Workload(f"add-{n}", f"add one member to {n:,}", adding(n), n < 10_000, n) for n in seed.GROUP_SIZES),
    Workload("post", "POST", posting, True),
)
SHORT = ("get", "filter-user-name", "patch", "add-1000", "post")

LUA = """-- one workload, made by bench/workloads.py
local paths = {}
for line in io.lines(%(paths)s) do paths[#paths + 1] = line end
local ids = {}
for line in io.lines(%(ids)s) do ids[#ids + 1] = line end
local method, body, stamp, n = %(method)s, %(body)s, %(stamp)s, 0
local headers = {["Authorization"] = %(authorization)s}
if body then headers["Content-Type"] = "application/scim+json" end
local made = {}

function request()
  n = n + 1
  local at = (n - 1) %% #paths + 1
  if not body then
    made[at] = made[at] or wrk.format(method, paths[at], headers)
    return made[at]
  end
  local id = #ids > 0 and ids[(n - 1) %% #ids + 1] or string.format("%%s-0000-4000-8000-%%012x", stamp, n)
  local filled = body:gsub("@N@", string.format("%%s%%07d", stamp, n)):gsub("@ID@", id)
  return wrk.format(method, paths[at], headers, filled)
end

function done(summary, latency, requests)
  local e = summary.errors
  local form = '\\nRESULT {"requests":%%d,"micros":%%d,"p50":%%.3f,"p99":%%.3f,'
    .. '"status":%%d,"socket":%%d,"timeout":%%d}\\n'
  local p50, p99 = latency:percentile(50) / 1000, latency:percentile(99) / 1000
  io.write(string.format(form, summary.requests, summary.duration, p50, p99, e.status,
    e.connect + e.read + e.write, e.timeout))
end
"""

stamps = (f"{n:08x}" for n in itertools.count(1))


def lua(text: str | None) -> str:
    """A text as a Lua literal."""
    if text is None:
        return "nil"
    marks = next(marks for n in itertools.count() if f"]{(marks := '=' * n)}]" not in text + "]")
    return f"[{marks}[{text}]{marks}]"


def script(plan: Plan, token: str, folder: Path, stamp: str) -> Path:
    """Write the script of a plan for wrk, with its paths and ids beside it."""
    paths, ids, file = (folder / name for name in ("paths.txt", "ids.txt", "load.lua"))
    paths.write_text("".join(f"{each}\n" for each in plan.paths), "utf-8")
    ids.write_text("".join(f"{each}\n" for each in plan.ids), "utf-8")
    values = {
        "paths": lua(str(paths)),
        "ids": lua(str(ids)),
        "method": lua(plan.method),
        "body": lua(plan.body),
        "stamp": lua(stamp),
        "authorization": lua(f"Bearer {token}"),
    }
    file.write_text(LUA % values, "utf-8")
    return file


def prove(plan: Plan, client: Client, stamp: str) -> Answer:
    """Send the first request; Unfit where the answer is not what the workload is about."""
    answer = client.ask(*plan.request(stamp, 1))
    accepted = {200, 204} if plan.method == "PATCH" else {plan.status}
    if answer.status not in accepted:
        said = answer.body[:160].decode("utf-8", "replace")
        raise Unfit(f"{plan.method} is answered {answer.status} {said}")
    if wrong := plan.check(answer):
        raise Unfit(wrong)
    if plan.trace:
        shown = client.ask("GET", plan.paths[0]).body
        if plan.fill(plan.trace, stamp, 1).encode() not in shown:
            raise Unfit("the change is acknowledged and not there afterwards")
    return answer
