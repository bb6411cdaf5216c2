"""The initial sync as Entra does it: people looked up and created, then groups with their members."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

from bench import seed
from bench.client import Answer, Client
from bench.contenders import BARE, Contender
from bench.measure import cpu_ms, resident
from bench.seed import Unfit
from bench.workloads import patch_body

PEOPLE, GROUPS, MEMBERS, CONNECTIONS = 2_000, 50, 40, 16
STEPS = {"find-user": 200, "make-user": 201, "find-group": 200, "make-group": 201, "add-members": 204}


class Synced(NamedTuple):
    """An initial sync: seconds on the wall, requests, server CPU ms a request, memory in MiB afterwards."""

    seconds: float
    requests: int
    cpu: float
    memory: dict[str, float]


class Sync:
    """One initial sync of an empty contender; `seen` is the first answer of each step."""

    def __init__(self, contender: Contender, people: int, seen: dict[str, Answer]) -> None:
        self.contender, self.people, self.seen = contender, people, seen
        self.ids = [""] * people
        self.failed: list[str] = []
        self.requests = 0

    def run(self) -> Synced:
        """Do it; Unfit at the first answer that is not the one expected."""
        began, used = time.perf_counter(), cpu_ms(self.contender.pids())
        self.spread(self.user, range(self.people))
        self.spread(self.group, range(GROUPS))
        seconds = time.perf_counter() - began
        pids = self.contender.pids()
        cpu = (cpu_ms(pids) - used) / self.requests
        return Synced(round(seconds, 2), self.requests, round(cpu, 4), resident(pids))

    def spread(self, act: Callable[[Client, int], None], numbers: Iterable[int]) -> None:
        """Do it for all numbers over 16 connections."""
        waiting, lock = iter(numbers), threading.Lock()

        def work() -> None:
            client = self.contender.client()
            try:
                while not self.failed:
                    with lock:
                        n = next(waiting, None)
                    if n is None:
                        break
                    act(client, n)
            except (Unfit, OSError, EOFError, KeyError, TypeError, ValueError) as error:
                self.failed.append(str(error) or type(error).__name__)
            client.close()

        threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        if self.failed:
            raise Unfit(f"initial sync: {self.failed[0]}")

    def ask(self, client: Client, step: str, method: str, path: str, body: Any = None) -> Answer:
        """One request of a step; Unfit where its answer is another one."""
        base = f"/{step}" if self.contender.name == BARE else self.contender.base
        answer = client.ask(method, base + path, body)
        accepted = (200, 204) if step == "add-members" else (STEPS[step],)
        if answer.status not in accepted:
            raise Unfit(f"{step} is answered {answer.status} {answer.body[:120].decode('utf-8', 'replace')}")
        self.seen.setdefault(step, answer)
        self.requests += 1
        return answer

    def user(self, client: Client, n: int) -> None:
        """Look for one person and make them."""
        filter = quote(f'userName eq "{seed.user_name(n)}"')
        self.ask(client, "find-user", "GET", f"/Users?filter={filter}")
        self.ids[n] = self.ask(client, "make-user", "POST", "/Users", self.contender.person(n)).json["id"]

    def group(self, client: Client, n: int) -> None:
        """Look for one group, make it, and add its members in one request."""
        filter = quote(f'displayName eq "Group {n}"')
        self.ask(client, "find-group", "GET", f"/Groups?excludedAttributes=members&filter={filter}")
        made = self.ask(client, "make-group", "POST", "/Groups", seed.group(f"Group {n}")).json["id"]
        members = [{"value": self.ids[(n * MEMBERS + each) % self.people]} for each in range(MEMBERS)]
        body = patch_body([{"op": "Add", "path": "members", "value": members}]).encode()
        self.ask(client, "add-members", "PATCH", f"/Groups/{made}", body)
