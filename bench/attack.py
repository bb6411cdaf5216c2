"""Nobody stops it: `python -m bench.attack` attacks a service of its own and looks how others fare.

python -m bench.attack                            every attack, one after another
python -m bench.attack silent drip                these

While an attack lasts, and five seconds after it has ended, somebody else looks people up. Exit 1 where a
look-up fails or its p99 is over 250 ms, or memory is over 100 MB more than before; for guesses, where the p99
is over twice the idle one, or the right password is not let in within 5 s.
"""

import argparse
import contextlib
import importlib
import json
import secrets
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from bench import guesses
from bench.client import Client, wire_form
from bench.contenders import Ours, free_port
from bench.measure import resident

PEOPLE, LOOKUPS, MANY_LOOKUPS = 300, 300, 10_000
MUTATED, ENTRIES = 5000, 5
MOST_TIMES_IDLE, MOST_SECONDS_TO_ENTER = 2, 5
MOST_MS, MOST_MB = 250, 100
SETTLE_SECONDS = 5
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "
BODY = b"POST /api/scim/Users HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"


class Target(Ours):
    """The service on a plain and a TLS listener, with some people, a reading token and one to spare."""

    def prepare(self, people: int) -> None:
        """An empty folder and the tokens."""
        self.password = secrets.token_urlsafe(24)
        self.run("init", "--admin", "bench", "--password-stdin", given=self.password + "\n")
        self.tls, self.read = free_port(), self.made("scim:read")
        self.token = self.made("scim")

    def made(self, scope: str) -> str:
        """A new token."""
        return self.run("token", "create", "--description", "bench", "--scope", scope).strip()

    def command(self) -> list[str]:
        """With a TLS listener beside the plain one."""
        return [*super().command(), "--listen", f"https://127.0.0.1:{self.tls}"]

    def fill(self, people: int, seconds: float) -> Any:
        """People with a kilobyte each."""
        client = self.client()
        for n in range(people):
            made = client.ask("POST", "/api/scim/Users", {"userName": f"u{n}", "title": "x" * 900})
            assert made.status == 201, made  # noqa: S101
        client.close()

    def line(self, tls: bool = False) -> socket.socket:
        """A connection, over TLS when asked."""
        made = socket.create_connection(("127.0.0.1", self.tls if tls else self.port), 10)
        if not tls:
            return made
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(made)

    def reading(self, path: str) -> bytes:
        """A read with the reading token, as it goes over the wire."""
        return wire_form("GET", f"/api/scim{path}", self.read)


Lines = list[socket.socket]


class Attack(NamedTuple):
    """How many connections, what each sends at first, and what goes on meanwhile."""

    what: str
    connections: int
    first: Callable[[Target], bytes]
    tls: bool = False
    meanwhile: Callable[[Target, Lines], None] | None = None


def drip(_: Target, lines: Lines) -> None:
    """A byte on every connection that is still there."""
    for each in lines:
        with contextlib.suppress(OSError):
            each.sendall(b"x")


def greedy(target: Target, _: Lines) -> None:
    """Twelve connections of one token search without an index, again and again, for three seconds."""
    path = "/api/scim/Users?count=1000&sortBy=title&filter=" + "%20or%20".join(
        f"nickName%20co%20%22a{n}%22" for n in range(49)
    )
    end = time.monotonic() + 3

    def ask() -> None:
        with contextlib.closing(Client(target.port, target.read)) as client:
            while time.monotonic() < end:
                client.ask("GET", path)

    for _ in range(12):
        threading.Thread(target=ask, daemon=True).start()


def methods(target: Target, lines: Lines) -> None:
    """Ten thousand methods that nobody has heard of."""
    client = Client(target.port, target.read)
    for n in range(10_000):
        client.ask(f"M{n:07}", "/api/scim/Users")
    client.close()


ATTACKS = {
    "silent": Attack("connections that send nothing", 2500, lambda _: b""),
    "drip": Attack("connections that send a byte now and then", 2500, lambda _: HEAD, meanwhile=drip),
    "bodies": Attack("half bodies without a token", 2500, lambda _: BODY + b"x" * 60_000),
    "unread": Attack("pages asked for, never read", 300, lambda t: t.reading("/Users?count=1000") * 40),
    "unread-tls": Attack("the same over TLS", 300, lambda t: t.reading("/Users?count=1000") * 40, tls=True),
    "nonsense": Attack("pipelined nonsense, never read", 300, lambda _: b"A /\r\n\r\n" * 2000),
    "nonsense-tls": Attack("the same over TLS", 300, lambda _: b"A /\r\n\r\n" * 2000, tls=True),
    "greedy": Attack("searches without an index, one token", 0, lambda _: b"", meanwhile=greedy),
    "methods": Attack("10,000 unknown methods", 0, lambda _: b"", meanwhile=methods),
}


@contextlib.contextmanager
def attacking(target: Target, attack: Attack) -> Iterator[None]:
    """The attack lasts as long as the block."""
    lines: Lines = []
    try:
        for _ in range(attack.connections):
            with contextlib.suppress(OSError):
                lines.append(target.line(attack.tls))
                lines[-1].settimeout(2)
                lines[-1].sendall(attack.first(target))
        if attack.meanwhile:
            attack.meanwhile(target, lines)
        yield
    finally:
        for each in lines:
            each.close()


def look_up(target: Target, times: int = LOOKUPS) -> tuple[float, float]:
    """p50 and p99 of looking people up, each over a connection of its own now and then, in ms."""
    took, client = [], target.client()
    for n in range(times):
        if n % 20 == 0:
            client.close()
            client = target.client()
        began = time.monotonic()
        found = client.ask("GET", f"/api/scim/Users?filter=userName%20eq%20%22u{n % PEOPLE}%22")
        took.append((time.monotonic() - began) * 1000)
        assert found.status == 200 and json.loads(found.body)["totalResults"] == 1, found  # noqa: S101
    client.close()
    took.sort()
    return took[len(took) // 2], took[len(took) * 99 // 100]


def main(words: list[str] | None = None) -> int:
    """Carry out the attacks that are asked for; 1 where somebody else suffered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which attacks: {', '.join([*ATTACKS, *OTHERS])}")
    names = parser.parse_args(words).names or [*ATTACKS, *OTHERS]
    if unknown := set(names) - {*ATTACKS, *OTHERS}:
        parser.error(f"there is no attack {', '.join(sorted(unknown))}")
    harmed = 0
    with tempfile.TemporaryDirectory() as folder:
        target = Target(4)
        target.start(Path(folder), PEOPLE, 60)
        try:
            idle = look_up(target)
            print(f"{'idle':14} p50 {idle[0]:6.1f} ms, p99 {idle[1]:6.1f} ms")
            for name in names:
                harmed += OTHERS[name](target) if name in OTHERS else carry_out(target, name)
        finally:
            target.stop()
    return 1 if harmed else 0


def carry_out(target: Target, name: str) -> bool:
    """One attack; whether somebody else suffered."""
    before = resident(target.pids())["pss"]
    with attacking(target, ATTACKS[name]):
        during = look_up(target)
    time.sleep(SETTLE_SECONDS)
    after, more = look_up(target), resident(target.pids())["pss"] - before
    harmed = max(during[1], after[1]) > MOST_MS or more > MOST_MB
    told = f"p50 {during[0]:.1f} ms, p99 {during[1]:.1f} ms; after it {after[0]:.1f}, {after[1]:.1f} ms"
    print(
        f"{name:14} {told}; {more:+.0f} MB{'  HARMED' if harmed else ''}   {ATTACKS[name].what}", flush=True
    )
    return harmed


def guess(target: Target) -> bool:
    """Sixteen guess at a password, and the one who knows it signs in; whether somebody else suffered."""
    known = guesses.Browser(target.port)
    assert known.sign_in("bench", target.password) == 303  # noqa: S101
    idle, entered = look_up(target, MANY_LOOKUPS), dict[str, float]()
    with guesses.guessing(target.port, "bench") as answers:
        time.sleep(3)
        during = look_up(target, MANY_LOOKUPS)
        for _ in range(ENTRIES):
            known.forget_session()
            for who, browser in (("known browser", known), ("new address", guesses.Browser(target.port))):
                took = guesses.seconds_to_enter(browser, "bench", target.password)
                entered[who] = max(took, entered.get(who, 0))
    harmed = during[1] > MOST_TIMES_IDLE * idle[1] or max(entered.values()) > MOST_SECONDS_TO_ENTER
    told = ", ".join(f"{who} {seconds:.1f} s" for who, seconds in entered.items())
    print(f"{'guesses':14} p99 {during[1]:.1f} ms, idle {idle[1]:.1f} ms; the right password: {told}")
    print(f"{'':14} {answers[401]} checked, {answers[503]} sent away{'  HARMED' if harmed else ''}")
    return harmed


def mutate(target: Target) -> bool:
    """Five thousand requests with something in them broken; whether one got a 5xx, or somebody suffered."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    made = importlib.import_module("helpers.hostile").mutations(MUTATED, 0)
    failed: list[str] = []

    def send() -> None:
        with contextlib.closing(Client(target.port, target.token)) as client:
            for method, path, body in made:
                if method != "HEAD":
                    status = client.ask(method, "/api/scim" + quote(path, safe="/?&=%+:"), body).status
                    failed.extend([f"{method} {path}: {status}"] if status >= 500 and status != 501 else [])

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    during = look_up(target, MANY_LOOKUPS)
    sender.join()
    harmed = bool(failed) or during[1] > MOST_MS
    told = f"p50 {during[0]:.1f} ms, p99 {during[1]:.1f} ms; {len(failed)} answers of 5xx"
    print(f"{'mutated':14} {told}{'  HARMED' if harmed else ''}   {MUTATED:,} mutated requests", *failed[:3])
    return harmed


OTHERS = {"guesses": guess, "mutated": mutate}

if __name__ == "__main__":
    sys.exit(main())
