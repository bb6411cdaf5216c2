"""A small SCIM server in memory, with defects and network failures on request, and a run against it."""

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from promapp_lite.rehearse import population, run
from promapp_lite.rehearse.job import ProvisioningJob
from promapp_lite.rehearse.protocol.client import Client, Stop
from promapp_lite.rehearse.protocol.errors import ProvisioningError
from promapp_lite.rehearse.workforce import Workforce

TOKEN = "pms_test-token"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
URN = re.compile(r"(urn:[\w:.]*:2\.0:\w+):(.*)")
STEP = re.compile(r'(\w+)(?:\[(\w+) eq "(.*)"\])?(?:\.(\w+))?')
FILTER = re.compile(r'(\S+(?:\[.*\]\S*)?) eq "(.*)"')
UNIQUE = {"Users": "userName", "Groups": "displayName"}


class Refusal(Exception):
    """A status and a detail to answer with."""


class Target:
    """Users and Groups by id; `defects` names what it does wrong."""

    def __init__(self, *defects: str) -> None:
        self.defects = set(defects)
        self.store: dict[str, dict[str, dict]] = {"Users": {}, "Groups": {}}
        self.lock = threading.Lock()
        self.log: list[tuple[str, str, Any, dict[str, str]]] = []

    def answer(self, method: str, url: str, body: Any) -> tuple[int, Any]:
        """Status and body for a request."""
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, kind, *rest = parts.path.removeprefix("/api/scim").split("/")
        if kind not in self.store:
            return self.error(404, "no such endpoint")
        try:
            with self.lock:
                return ACTS[method, bool(rest)](self, kind, rest[0] if rest else "", query, body)
        except Refusal as refusal:
            return self.error(*refusal.args)

    @staticmethod
    def error(status: int, detail: str) -> tuple[int, Any]:
        """A SCIM error."""
        return status, {"schemas": [ERROR], "status": str(status), "detail": detail}

    def one(self, kind: str, key: str) -> dict:
        """The resource, or 404."""
        if key not in self.store[kind]:
            raise Refusal(404, f"no {key}")
        return self.store[kind][key]

    def search(self, kind: str, key: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """A ListResponse."""
        found = list(self.store[kind].values())
        if "filter" in query and "ignores-filters" not in self.defects:
            path, value = FILTER.fullmatch(query["filter"]).groups()
            found = [each for each in found if self.matches(each, path, value)]
            if not found and "no-match-404" in self.defects:
                raise Refusal(404, "nobody found")
        start, count = int(query.get("startIndex", 1)), int(query.get("count", 100))
        page = found[start - 1 : start - 1 + count]
        lean = (
            "members"
            if query.get("excludedAttributes") == "members" and "members-always" not in self.defects
            else ""
        )
        page = [{name: value for name, value in each.items() if name != lean} for each in page]
        return 200, {
            "schemas": [LIST],
            "totalResults": len(found),
            "Resources": page,
            "startIndex": start,
            "itemsPerPage": len(page),
        }

    def matches(self, resource: dict, path: str, value: str) -> bool:
        """Whether the filter holds."""
        if "hides-inactive" in self.defects and resource.get("active") is False:
            return False
        found = str(resource.get(path))
        exact = "case-sensitive" in self.defects
        return found == value if exact else found.lower() == value.lower()

    def get(self, kind: str, key: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """One resource."""
        found = dict(self.one(kind, key))
        if query.get("excludedAttributes") == "members" and "members-always" not in self.defects:
            found.pop("members", None)
        if "bare-manager" in self.defects:
            for extension in [value for name, value in found.items() if name.startswith("urn:")]:
                found = found | {
                    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": extension
                    | {"manager": extension.get("manager", {}).get("value")}
                    if "manager" in extension
                    else extension
                }
        return 200, found

    def post(self, kind: str, key: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """A new resource; 409 when the name is taken."""
        self.unique(kind, body, "")
        new = {"id": str(uuid.uuid4())} | {
            name: value for name, value in body.items() if value not in (None, [])
        }
        if "upper-mail" in self.defects and "emails" in new:
            new["emails"] = [each | {"value": each["value"].upper()} for each in new["emails"]]
        self.store[kind][new["id"]] = new
        return 201, new

    def unique(self, kind: str, body: dict, own: str) -> None:
        """409 when another one has the name."""
        name = str(body.get(UNIQUE[kind], "")).lower()
        if "doubles" not in self.defects and any(
            str(each[UNIQUE[kind]]).lower() == name and key != own for key, each in self.store[kind].items()
        ):
            raise Refusal(409, f"{UNIQUE[kind]} {name} is taken")

    def patch(self, kind: str, key: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Apply the operations."""
        resource = self.one(kind, key)
        changed = json.loads(json.dumps(resource))
        for operation in body["Operations"]:
            self.operate(changed, operation)
        self.unique(kind, changed, key)
        self.store[kind][key] = changed
        return (200, changed) if kind == "Users" else (204, None)

    def operate(self, resource: dict, operation: dict) -> None:
        """One operation."""
        verb, path, value = operation["op"].lower(), operation.get("path"), operation.get("value")
        if path and path.startswith("members"):
            return self.members(resource, verb, path, value)
        for name, each in ({path: value} if path else value).items():
            self.put(resource, name, each)
        return None

    def put(self, resource: dict, path: str, value: Any) -> None:
        """Set one attribute."""
        urn = URN.fullmatch(path)
        node = resource.setdefault(urn[1], {}) if urn else resource
        name, key, wanted, sub = STEP.fullmatch(urn[2] if urn else path).groups()
        if name == "active" and isinstance(value, str):
            value = bool(value) if "false-is-true" in self.defects else value.lower() == "true"
        if name == "manager" and isinstance(value, str):
            value = {"value": value}
        if key:
            elements = node.setdefault(name, [])
            found = next((each for each in elements if each.get(key) == wanted), None)
            if found is None:
                found = {key: wanted}
                elements.append(found)
            found[sub] = value
        elif sub:
            node.setdefault(name, {})[sub] = value
        else:
            node[name] = value

    def members(self, resource: dict, verb: str, path: str, value: Any) -> None:
        """Add or remove members."""
        have = resource.setdefault("members", [])
        ids = [each["value"] for each in value or ()] or re.findall(r'"(.*)"', path)
        if verb == "remove":
            keep = (
                [] if "remove-wipes" in self.defects else [each for each in have if each["value"] not in ids]
            )
            resource["members"] = keep
            return
        if "loses-members" in self.defects:
            ids = ids[:-1]
        known = {each["value"] for each in have} if "doubles-members" not in self.defects else ()
        have += [{"value": each} for each in ids if each not in known]

    def delete(self, kind: str, key: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Remove the resource and its memberships."""
        self.one(kind, key)
        if "ignores-delete" in self.defects:
            return 204, None
        del self.store[kind][key]
        for group in self.store["Groups"].values():
            group["members"] = [each for each in group.get("members", ()) if each["value"] != key]
        return 204, None


ACTS: dict[tuple[str, bool], Callable] = {
    ("GET", False): Target.search,
    ("GET", True): Target.get,
    ("POST", False): Target.post,
    ("PATCH", True): Target.patch,
    ("DELETE", True): Target.delete,
}


class Handler(BaseHTTPRequestHandler):
    """HTTP in front of a Target; `respond` decides what happens to a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    respond: Callable[["Handler", str, Any], tuple[int, Any] | None]

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        body = json.loads(raw) if raw else None
        found = type(self).respond(self, self.command, body)
        if found is None:
            self.close_connection = True
            return
        status, answer = found
        data = (
            answer.encode()
            if isinstance(answer, str)
            else b""
            if answer is None
            else json.dumps(answer).encode()
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/scim+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """A server whose clients may hang up without a traceback."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that went away is part of these tests."""


@contextmanager
def listening(respond: Callable[[Handler, str, Any], tuple[int, Any] | None]) -> Iterator[str]:
    """The base URL of a server that answers with `respond`."""
    handler = type("Bound", (Handler,), {"respond": respond})
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# What may happen to a request: fate(number, method, path) gives None, or one of
# "500", "401", "429" …: answered so in the target's place; "refuse": hung up at once;
# "drop": carried out, then hung up; "stall": carried out, and answered when the test is over.
Fate = Callable[[int, str, str], str | None]


@contextmanager
def serving(target: Target, fate: Fate = lambda number, method, path: None) -> Iterator[str]:
    """The Tenant URL of a target, reached over a network with this fate."""
    count, over = iter(range(10**9)), threading.Event()

    def respond(handler: Handler, method: str, body: Any) -> tuple[int, Any] | None:
        what = fate(next(count), method, handler.path)
        if what == "refuse":
            return None
        if what and what.isdigit():
            return Target.error(int(what), "the proxy says no")
        target.log.append((method, handler.path, body, dict(handler.headers)))
        if handler.headers.get("Authorization") != f"Bearer {TOKEN}":
            return Target.error(401, "bad token")
        found = target.answer(method, handler.path, body)
        if what == "stall":
            over.wait()
        return None if what else found

    with listening(respond) as url:
        try:
            yield f"{url}/api/scim"
        finally:
            over.set()


def rehearsed(
    url: str,
    token: str = TOKEN,
    *,
    people: int = 40,
    groups: int = 10,
    plan: run.Plan = run.Plan(3, 1),  # noqa: B008 (immutable)
    flag: bool = False,
    timeout: float = 5.0,
    stop: Stop | None = None,
) -> run.Outcome:
    """What a rehearsal of a made-up directory comes to; it ends when Test Connection fails."""
    directory = population.generate(people, groups, 1)
    job = ProvisioningJob(Client(url, token, flag=flag, timeout=timeout, stop=stop), directory)
    try:
        run.connect(job, yes=False)
    except ProvisioningError:
        return run.Outcome(job)
    return run.run(job, Workforce(directory, 1), plan, lambda cycle: None)
