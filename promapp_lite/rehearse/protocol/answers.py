"""Reading the target's answers as Entra does, and naming what it could not read."""

from typing import Any, Protocol

from promapp_lite.rehearse.protocol import errors
from promapp_lite.rehearse.protocol.client import Answer, Client
from promapp_lite.rehearse.protocol.errors import ProvisioningError
from promapp_lite.rehearse.protocol.paths import ENTERPRISE, child, read


class Searcher(Protocol):
    """Who asks: a client, and a place to note the target's defects."""

    client: Client

    def note(self, name: str, evidence: str) -> None:
        """Note a defect."""


def expect(operation: str, answer: Answer, *welcome: int) -> Answer:
    """The answer when its status is welcome, else ProvisioningError."""
    if answer.status not in welcome:
        raise errors.from_answer(operation, answer.status, answer.body, answer.text)
    return answer


def quoted(value: str) -> str:
    """A filter's comparison value."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def search(job: Searcher, endpoint: str, path: str, value: str, **query: str) -> Any:
    """The one resource whose attribute has the value, None when there is none; ProvisioningError else."""
    operation = f"GET {endpoint}?filter={path} eq {quoted(value)}"
    answer = job.client.get(endpoint, **query, filter=f"{path} eq {quoted(value)}")
    found = listed(job, operation, answer)
    if not found:
        return None
    strangers = [each for each in found if not is_match(each, path, value)]
    if strangers:
        job.note(
            "FilterIgnored",
            f"{operation} brought {len(found)} resources, among them "
            f"one with {path} {read(strangers[0], path)}",
        )
        raise ProvisioningError(errors.FILTERING, f"{operation} brought a resource that does not match.")
    if len(found) > 1:
        job.note("DoubledObjects", f"{operation} brought {len(found)} resources")
        raise ProvisioningError("DuplicateTargetEntries", f"{operation} brought {len(found)} resources.")
    return readable(job, operation, found[0])


def listed(job: Searcher, operation: str, answer: Answer) -> list[Any]:
    """The resources of a ListResponse; ProvisioningError when the answer is none."""
    if answer.status == 404:
        job.note(
            "NoMatchIs404",
            f"{operation} was answered 404; RFC 7644 section 3.4.2 wants 200 with an empty list",
        )
        raise ProvisioningError(
            errors.INCOMPATIBLE,
            "An HTTP/404 Not Found response was returned rather than "
            f"the expected HTTP/200 OK response: {operation} (RFC 7644 section 3.4.2)",
            404,
        )
    expect(operation, answer, 200)
    if not is_list(answer.body):
        job.note("NotScim", f"{operation} was answered {answer.text[:200]!r}")
        raise ProvisioningError(
            errors.INCOMPATIBLE, f"{operation} was not answered with a ListResponse.", 200
        )
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


def readable(job: Searcher, operation: str, resource: Any) -> Any:
    """The resource when Entra can deserialize it, else ProvisioningError with what is wrong."""
    wrong = flaw(resource)
    if wrong:
        job.note("NotDeserializable", f"{operation}: {wrong}")
        raise ProvisioningError(
            errors.INCOMPATIBLE,
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
