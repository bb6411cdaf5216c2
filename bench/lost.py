"""Nothing acknowledged is lost: `python -m bench.lost` kills the server under load, or cuts the power.

python -m bench.lost --kills 100                  kill -9 of all processes, again and again
python -m bench.lost --cuts 40                    an ext4 file system shut down as by a power cut; wants root

Sixteen connections post people. After each end the server starts again on the same folder, and everyone
who was acknowledged has to be there, each with the activity row of the creation. Exit 1 where one is not.
"""

import argparse
import contextlib
import fcntl
import json
import os
import random
import secrets
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.contenders import Ours

CONNECTIONS, THREADS = 16, 4
SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
NO_LOG_FLUSH = 2
MIB = 256


class Served(Ours):
    """The service on a folder of its own, which is ended under load and started again."""

    def prepare(self, people: int) -> None:
        """An empty folder, and a token."""
        self.run("init", "--admin", "bench", "--password-stdin", given=secrets.token_urlsafe(24) + "\n")
        self.token = self.run("token", "create", "--description", "bench").strip()

    def again(self) -> float:
        """Start it again; the seconds until it answers."""
        began = time.monotonic()
        self.launch()
        return time.monotonic() - began

    def kill(self) -> None:
        """kill -9 of all its processes."""
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()

    def load(self, round: int, seconds: float, end: threading.Event) -> list[str]:
        """Post people for a while over all connections; the names of those acknowledged until `end`."""
        kept: list[str] = []

        def post(line: int) -> None:
            number = 0
            with (
                contextlib.suppress(OSError, EOFError, ValueError, IndexError),
                contextlib.closing(self.client()) as client,
            ):
                while not end.is_set():
                    name, number = f"r{round}-{line}-{number}", number + 1
                    if client.ask("POST", "/api/scim/Users", {"userName": name}).status == 201:
                        kept.append(name)

        lines = [threading.Thread(target=post, args=(line,)) for line in range(CONNECTIONS)]
        for each in lines:
            each.start()
        time.sleep(seconds)
        self.stop_now()
        end.set()
        for each in lines:
            each.join(60)
        return kept

    def stop_now(self) -> None:
        """What ends the load."""
        self.kill()

    def missing(self, kept: list[str]) -> list[str]:
        """Who was acknowledged and is not there, or without its activity row."""
        database = sqlite3.connect(self.folder / "data" / "promapp-lite.db")
        people = {json.loads(doc)["userName"] for (doc,) in database.execute("SELECT doc FROM users")}
        logged = {name for (name,) in database.execute("SELECT name FROM activity WHERE action = 'create'")}
        sound = [row[0] for row in database.execute("PRAGMA quick_check")]
        database.close()
        return [name for name in kept if name not in people & logged] + [x for x in sound if x != "ok"]


class OnImage(Served):
    """A server on a file system of its own, which can lose its power."""

    mount: Path

    def stop_now(self) -> None:
        """Shut the file system down without writing its log, then end the server."""
        handle = os.open(self.mount, os.O_RDONLY)
        fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(handle)
        self.kill()

    def remount(self) -> None:
        """Mount it again, as after the power came back."""
        subprocess.run(["umount", str(self.mount)], check=True)
        mount(self.mount)


def mount(place: Path) -> None:
    """Mount the image beside the place."""
    subprocess.run(["mount", "-o", "loop", f"{place}.img", str(place)], check=True)


@contextlib.contextmanager
def image(folder: Path) -> Iterator[Path]:
    """A mounted ext4 file system in a file."""
    place = folder / "disk"
    place.mkdir()
    with Path(f"{place}.img").open("wb") as file:
        file.truncate(MIB * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-F", f"{place}.img"], check=True)
    mount(place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def rounds(served: Served, folder: Path, count: int) -> int:
    """End the load so many times; how many acknowledged writes were lost."""
    dice, kept, slowest, lost = random.Random(), 0, 0.0, 0
    served.start(folder, 0, 0)
    for round in range(count):
        names = served.load(round, dice.uniform(0.2, 0.8), threading.Event())
        if isinstance(served, OnImage):
            served.remount()
        slowest = max(slowest, served.again())
        gone = served.missing(names)
        kept, lost = kept + len(names), lost + len(gone)
        print(
            f"{round + 1}: {kept:,} acknowledged, {lost} lost {gone[:3] or ''}", file=sys.stderr, flush=True
        )
    served.kill()
    print(f"{count} ends, {kept:,} writes acknowledged, {lost} lost, slowest start {slowest:.2f} s")
    return lost


def main() -> int:
    """Run what is asked for."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("bench.lost", description=__doc__, formatter_class=form)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--cuts", type=int, default=0)
    asked = parser.parse_args()
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        if asked.kills:
            lost += rounds(Served(THREADS), Path(folder), asked.kills)
        if asked.cuts:
            with image(Path(folder)) as place:
                OnImage.mount = place
                lost += rounds(OnImage(THREADS), place, asked.cuts)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
