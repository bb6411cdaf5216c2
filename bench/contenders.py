"""Who takes part: how each is installed once, started on a free port, filled and stopped."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench import seed
from bench.client import Client
from bench.measure import processes
from bench.seed import Seeded, Unfit
from promapp_lite.rehearse.appliance import free_port

HERE = Path(__file__).parent
ROOT = HERE.parent
CACHE = ROOT / ".bench"
START_SECONDS = 60
STOP_SECONDS = 15
OURS, BARE = "promapp-lite", "bare"


def make_cache() -> None:
    """The cache folder, which git does not see."""
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n", "utf-8")


class Contender:
    """A server that can be started on a scratch folder; `largest` is how many people it is measured with."""

    name = ""
    base = "/scim/v2"
    largest = 10_000
    only_people = False  # whether members have to be people who are there
    person = staticmethod(seed.person)

    def __init__(self, threads: int) -> None:
        self.threads, self.token = threads, "bench-" + secrets.token_hex(16)
        self.folder, self.port = Path(), 0
        self.server: subprocess.Popen[bytes] | None = None
        self.seeded = Seeded([], {})

    def install(self) -> None:
        """Make ready what is started; kept in the cache."""

    def command(self) -> list[str]:
        """What starts it."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Environment variables of its own."""
        return {}

    def prepare(self, people: int) -> None:
        """What is done in its folder before it starts."""

    def fill(self, people: int, seconds: float) -> Seeded:
        """Put the people and groups in; Unfit where it takes longer."""
        return seed.post_all(self.client(), self.base, people, seconds, self.person)

    def start(self, folder: Path, people: int, seconds: float) -> None:
        """Start it with so many people; Unfit where it does not come up."""
        if people > self.largest:
            raise Unfit(f"is filled over HTTP, with up to {self.largest:,} people")
        self.folder, self.port = folder / self.name, free_port()
        self.folder.mkdir(parents=True)
        self.prepare(people)
        self.launch()
        self.seeded = self.fill(people, seconds) if people else Seeded([], {})

    def launch(self) -> None:
        """Start it on its folder as it is; Unfit where it does not come up."""
        with (self.folder / "server.log").open("wb") as log:
            self.server = subprocess.Popen(
                self.command(),
                cwd=self.directory(),
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait()

    def directory(self) -> Path:
        """Where it runs."""
        return self.folder

    def wait(self) -> None:
        """Return once it answers; Unfit with its last words when it does not."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.server and self.server.poll() is None:
            with (
                contextlib.suppress(OSError, EOFError, ValueError),
                contextlib.closing(self.client()) as client,
            ):
                if client.ask("GET", f"{self.base}/ServiceProviderConfig").status < 500:
                    return
            time.sleep(0.05)
        said = (self.folder / "server.log").read_text("utf-8", "replace").strip().splitlines()
        raise Unfit(f"did not start: {said[-1] if said else 'it said nothing'}")

    def client(self) -> Client:
        """A new connection to it."""
        return Client(self.port, self.token)

    def pids(self) -> list[int]:
        """Its processes."""
        return processes(self.server.pid) if self.server else []

    def stop(self) -> None:
        """SIGTERM, after a while the end; its folder goes away."""
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
            self.server = None
        shutil.rmtree(self.folder, ignore_errors=True)


class Ours(Contender):
    """The real `promapp-lite serve` on a scratch folder, as users run it."""

    name, base, largest = OURS, "/api/scim", 10_000_000

    def __init__(self, threads: int, options: tuple[str, ...] = ()) -> None:
        super().__init__(threads)
        self.options = options

    def program(self) -> str:
        """The command beside this interpreter."""
        return str(Path(sys.executable).with_name("promapp-lite"))

    def run(self, *arguments: str, given: str = "") -> str:
        """What a command of it prints."""
        command = [self.program(), *arguments, "--data-dir", str(self.folder / "data")]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unfit(f"{arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def prepare(self, people: int) -> None:
        """A copy of the cached folder with so many people, and a token."""
        shutil.copytree(self.planted(people), self.folder / "data")
        given = ("--description", "bench", "--expires-in", "2")
        self.token = self.run("token", "create", *given).strip()

    def planted(self, people: int) -> Path:
        """The folder with so many people, made once for each state of the program."""
        sources = sorted([*(ROOT / "promapp_lite").rglob("*.py"), HERE / "seed.py"])
        key = sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:12]
        kept = CACHE / "seed" / f"{key}-{people}"
        if not kept.exists():
            self.forget(key)
            scratch = kept.with_name(f"{kept.name}.part")
            shutil.rmtree(scratch, ignore_errors=True)
            real, self.folder = self.folder, scratch.with_name(f"{scratch.name}.init")
            shutil.rmtree(self.folder, ignore_errors=True)
            self.run("init", "--admin", "bench", "--password-stdin", given=secrets.token_urlsafe(24) + "\n")
            seed.plant(self.folder / "data", people)
            (self.folder / "data").rename(scratch)
            self.folder.rmdir()
            self.folder = real
            scratch.rename(kept)
        return kept

    def forget(self, key: str) -> None:
        """Drop the folders of other states of the program."""
        (CACHE / "seed").mkdir(parents=True, exist_ok=True)
        for old in (CACHE / "seed").iterdir():
            if not old.name.startswith(key):
                shutil.rmtree(old)

    def fill(self, people: int, seconds: float) -> Seeded:
        """It was filled before it started."""
        return seed.planted(self.folder / "data")

    def command(self) -> list[str]:
        """`promapp-lite serve`."""
        where = ("--data-dir", str(self.folder / "data"), "--listen", f"http://127.0.0.1:{self.port}")
        return [
            self.program(),
            "serve",
            *where,
            "--no-browser",
            "--index",
            "title",  # one workload matches by it, as an admin would by employeeNumber
            "--threads",
            str(self.threads),
            *self.options,
        ]


class Bare(Contender):
    """A Flask-on-Waitress application that answers the same bytes and commits a row as long."""

    name, base, largest = BARE, "", 10_000_000

    def command(self) -> list[str]:
        """bare.py with this interpreter."""
        database = str(self.folder / "bare.db")
        return [sys.executable, str(HERE / "bare.py"), str(self.port), database, str(self.threads)]

    def fill(self, people: int, seconds: float) -> Seeded:
        """It holds no people; the caller gives it the ids of ours."""
        return Seeded([], {})

    def learn(self, key: str, status: int, body: bytes) -> None:
        """Tell it what to answer for a workload."""
        self.client().ask("PUT", f"/answers/{key}?status={status}", body)


class PythonPeer(Contender):
    """A peer from PyPI in an environment of its own, on Waitress with as many threads as ours."""

    packages: tuple[str, ...] = ()
    script = ""

    def install(self) -> None:
        """Make its environment."""
        home = CACHE / self.name
        if (home / "ready").exists():
            return
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(home / "bin" / "pip"), "--disable-pip-version-check", "-q", "install"]
        subprocess.run([*pip, *self.packages, "waitress"], check=True)
        (home / "ready").touch()

    def command(self) -> list[str]:
        """Its script."""
        python = str(CACHE / self.name / "bin" / "python")
        return [python, str(HERE / "peers" / self.script), str(self.port), str(self.threads), self.token]


class Scim2Flask(PythonPeer):
    """scim2-flask over scim2-server's in-memory storage."""

    name, packages, script = "scim2-flask", ("scim2-flask==0.1.1", "scim2-server==0.8.3"), "scim2flask.py"


class DjangoScim2(PythonPeer):
    """django-scim2-server on SQLite; it refuses the enterprise extension, so its people have none."""

    name, packages, script = "django-scim2-server", ("django-scim2-server==1.1.0",), "django_server.py"
    only_people = True
    person = staticmethod(seed.plain)

    def command(self) -> list[str]:
        """Its script, and its database."""
        return [*super().command(), str(self.folder / "django.db")]


class Scimmy(Contender):
    """scimmy-routers with Express 4 and an indexed store in memory."""

    name, base = "scimmy-routers", "/scim"
    packages = ("scimmy@1.3.5", "scimmy-routers@1.3.2", "express@4")

    def install(self) -> None:
        """npm install."""
        home = CACHE / self.name
        if (home / "ready").exists():
            return
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"private": true}\n', "utf-8")
        npm = ["npm", "install", "--no-audit", "--no-fund", "--silent", *self.packages]
        subprocess.run(npm, cwd=home, check=True)
        (home / "ready").touch()

    def directory(self) -> Path:
        """Where its packages are."""
        return CACHE / self.name

    def environment(self) -> dict[str, str]:
        """Express without its development mode."""
        return {"NODE_ENV": "production"}

    def command(self) -> list[str]:
        """Its script."""
        return ["node", str(HERE / "peers" / "scimmy.mjs"), str(self.port), self.token]


class ScimGateway(Contender):
    """scimgateway with its in-memory plugin (loki), from a source folder."""

    name, base, only_people = "scimgateway", "", True

    def __init__(self, threads: int, source: Path) -> None:
        super().__init__(threads)
        self.source = source

    def install(self) -> None:
        """Copy the folder and install what it needs."""
        home = CACHE / self.name
        if (home / "ready").exists():
            return
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.source, home, ignore=shutil.ignore_patterns(".git", "node_modules"))
        npm = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--omit=dev", "--ignore-scripts"]
        subprocess.run(npm, cwd=home, check=True)
        (home / "ready").touch()

    def prepare(self, people: int) -> None:
        """Its configuration: this port, this token, nothing on disk, no log file."""
        file = CACHE / self.name / "config" / "plugin-loki.json"
        config: dict[str, Any] = json.loads(file.read_text("utf-8"))
        gateway = config["scimgateway"]
        gateway["port"], gateway["localhostonly"] = self.port, True
        gateway["auth"]["bearerToken"] = [{"token": self.token, "readOnly": False, "baseEntities": []}]
        gateway["log"]["loglevel"] = {"file": "off", "console": "error"}
        config["endpoint"]["entity"]["undefined"] = {"dbname": "loki.db", "persistence": False}
        file.write_text(json.dumps(config, indent=2), "utf-8")

    def directory(self) -> Path:
        """Where it is installed."""
        return CACHE / self.name

    def environment(self) -> dict[str, str]:
        """Node without its development mode."""
        return {"NODE_ENV": "production"}

    def command(self) -> list[str]:
        """As its documentation starts it under Node."""
        return ["node", "--import=tsx", "index.ts"]


PEERS: tuple[Callable[[int], Contender], ...] = (Scim2Flask, Scimmy, DjangoScim2)
