"""Reading the target's answers as Entra does, and naming what it could not read."""

from typing import Any, Protocol

from promapp_lite.rehearse import faults
from promapp_lite.rehearse.client import Answer, Client
from promapp_lite.rehearse.faults import Fault
from promapp_lite.rehearse.paths import ENTERPRISE, child, read


class Finder(Protocol):
    """Who asks: a client, and a place to note the target's defects."""

    client: Client

    def find(self, name: str, evidence: str) -> None:
        """Note a defect."""


def expect(operation: str, answer: Answer, *welcome: int) -> Answer:
    """The answer when its status is welcome, else Fault."""
    if answer.status not in welcome:
        raise faults.fault_of(operation, answer.status, answer.body, answer.text)
    return answer


def quoted(value: str) -> str:
    """A filter's comparison value."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def search(job: Finder, endpoint: str, path: str, value: str, **query: str) -> Any:
    """The one resource whose attribute has the value, None when there is none; Fault else."""
    operation = f"GET {endpoint}?filter={path} eq {quoted(value)}"
    answer = job.client.get(endpoint, **query, filter=f"{path} eq {quoted(value)}")
    found = listed(job, operation, answer)
    if not found:
        return None
    strangers = [each for each in found if not is_match(each, path, value)]
    if strangers:
        job.find(
            "FilterIgnored",
            f"{operation} brought {len(found)} resources, among them "
            f"one with {path} {read(strangers[0], path)}",
        )
        raise Fault(faults.FILTERING, f"{operation} brought a resource that does not match.")
    if len(found) > 1:
        job.find("DoubledObjects", f"{operation} brought {len(found)} resources")
        raise Fault("DuplicateTargetEntries", f"{operation} brought {len(found)} resources.")
    return sound(job, operation, found[0])


def listed(job: Finder, operation: str, answer: Answer) -> list[Any]:
    """The resources of a ListResponse; Fault when the answer is none."""
    if answer.status == 404:
        job.find(
            "NoMatchIs404",
            f"{operation} was answered 404; RFC 7644 section 3.4.2 wants 200 with an empty list",
        )
        raise Fault(
            faults.INCOMPATIBLE,
            "An HTTP/404 Not Found response was returned rather than "
            f"the expected HTTP/200 OK response: {operation} (RFC 7644 section 3.4.2)",
            404,
        )
    expect(operation, answer, 200)
    if not is_list(answer.body):
        job.find("NotScim", f"{operation} was answered {answer.text[:200]!r}")
        raise Fault(faults.INCOMPATIBLE, f"{operation} was not answered with a ListResponse.", 200)
    return list(answer.body.get("Resources", []))


def is_list(body: Any) -> bool:
    """Whether it is a ListResponse: a number of results, and an array of objects if any."""
    if not isinstance(body, dict) or type(body.get("totalResults")) is not int:
        return False
    resources = body.get("Resources", [])
    return isinstance(resources, list) and all(isinstance(each, dict) for each in resources)


def is_match(resource: Any, path: str, value: str) -> bool:
    """Whether a resource has the value, letter case aside."""
    return isinstance(read(resource, path), str) and read(resource, path).casefold() == value.casefold()


LISTS = ("emails", "phoneNumbers", "addresses", "roles", "groups", "members")


def sound(job: Finder, operation: str, resource: Any) -> Any:
    """The resource when Entra can deserialize it, else Fault with what is wrong."""
    wrong = flaw(resource)
    if wrong:
        job.find("NotDeserializable", f"{operation}: {wrong}")
        raise Fault(
            faults.INCOMPATIBLE,
            "We were not able to deserialize the resource received "
            f"from your SCIM endpoint ({operation}): {wrong}.",
            200,
            fatal=False,
        )
    return resource


def flaw(resource: Any) -> str | None:
    """What keeps a resource from being read: no id, an array that is none, a bare manager."""
    if not isinstance(resource, dict):
        return "it is no JSON object"
    if not isinstance(resource.get("id"), str) or not resource["id"]:
        return "it has no id"
    for name in LISTS:
        if not isinstance(resource.get(name, []), list):
            return f"{name} is no array"
    manager = child(child(resource, ENTERPRISE), "manager")
    if manager is not None and not isinstance(manager, dict):
        return "manager is no object with a value"
    return None
