"""Bulk (RFC 7644 §3.7): many writes in one request, each as whole as if sent alone."""

import re
from collections.abc import Callable
from typing import Any

from flask import Response

from promapp_lite import jsonio
from promapp_lite.api.call import Api, body, current
from promapp_lite.api.errors import about, keep
from promapp_lite.api.resources import make, modify, put
from promapp_lite.api.responses import reply
from promapp_lite.errors import ScimError
from promapp_lite.scim import limits
from promapp_lite.scim.body import member_of
from promapp_lite.scim.patch import Budget
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource import Row, etag, location
from promapp_lite.scim.resource_types import RESOURCE_TYPES, ResourceType
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.directory import resources

RESPONSE_URN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
KINDS = {kind.endpoint[1:]: kind for kind in RESOURCE_TYPES}
PATH = re.compile(r"/?(Users|Groups)(?:/([^/?]+))?/?", re.ASCII)
REFERENCE = re.compile(r"bulkId:(.+)", re.DOTALL)


def bulk() -> Response:
    """Carry out the operations in order until `failOnErrors` of them failed; what stood before stays done."""
    api = current()
    sent = body(api)
    operations, limit = member_of(sent, "operations"), member_of(sent, "failonerrors")
    if not isinstance(operations, list) or not operations:
        raise refuse("no_operations", request="bulk")
    if len(operations) > limits.BULK:
        raise refuse("too_many_bulk_operations", most=limits.BULK, sent=len(operations))
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise refuse("wrong_fail_on_errors")
    if sum(map(patches, operations)) > limits.BULK_PATCH:
        raise refuse("too_many_bulk_patches", most=limits.BULK_PATCH)
    api = api._replace(budget=Budget())
    made: dict[str, str] = {}
    answers, failed = [], 0
    for operation in operations:
        answer = carry_out(api, operation, made)
        answers.append(answer)
        failed += "response" in answer
        if limit is not None and failed >= limit:
            break
    return reply(jsonio.dumps({"schemas": [RESPONSE_URN], "Operations": answers}))


def patches(operation: Any) -> int:
    """How many operations of PATCH are in an operation, those without a path counted by their keys."""
    data = member_of(operation, "data") if isinstance(operation, dict) else None
    data = patch_body(data)
    sent = member_of(data, "operations") if isinstance(data, dict) else None
    values = (
        [member_of(each, "value") for each in sent if isinstance(each, dict)]
        if isinstance(sent, list)
        else []
    )
    return sum(max(1, len(value)) if isinstance(value, dict) else 1 for value in values)


def patch_body(data: Any) -> Any:
    """The body of a PATCH; RFC 7644 §3.7.3 shows its operations also as a bare list."""
    return {"Operations": data} if isinstance(data, list) else data


def carry_out(api: Api, operation: Any, made: dict[str, str]) -> dict[str, Any]:
    """One operation and its part of the answer; a refused one has the error in `response`."""
    answer: dict[str, Any] = {}
    caller = Caller("POST", api.caller.path, api.caller.address, api.caller.token_id)
    api = api._replace(caller=caller)
    try:
        return act(api, operation, made, answer)
    except ScimError as error:
        keep(api, error, subject(operation))
        return answer | {"status": str(error.status), "response": error.body()}


def subject(operation: Any) -> dict[str, object]:
    """What a refused operation was about."""
    sent = operation if isinstance(operation, dict) else {}
    return about(*named(member_of(sent, "path")), member_of(sent, "data"))


def act(api: Api, operation: Any, made: dict[str, str], answer: dict[str, Any]) -> dict[str, Any]:
    """Validate one operation and carry it out; `answer` is filled as its parts become known."""
    method, path, data = (member_of(operation, name) for name in ("method", "path", "data"))
    bulk_id, version = member_of(operation, "bulkid"), member_of(operation, "version")
    method = method.upper() if isinstance(method, str) else None
    if method not in METHODS:
        raise refuse("wrong_bulk_method", methods=", ".join(METHODS))
    answer["method"] = method
    if isinstance(bulk_id, str):
        answer["bulkId"] = bulk_id
    if method == "POST" and not (isinstance(bulk_id, str) and bulk_id):
        raise refuse("no_bulk_id")
    kind, id = target(path, made, method)
    if id:
        answer["location"] = location(kind, api.base, id)
    api.caller.method, api.caller.path = method, str(path)[:500]
    if method == "PATCH":
        data = patch_body(data)
    status, write = METHODS[method]
    row = write(api, kind, id, resolved(data, made), version_of(version))
    if method == "POST" and row is not None:
        made[bulk_id] = row.id
        answer["location"] = location(kind, api.base, row.id)
    if row is not None:
        answer["version"] = etag(row.version)
    return answer | {"status": status}


def target(path: Any, made: dict[str, str], method: str) -> tuple[ResourceType, str]:
    """The kind and id a bulk path names; a POST names no id."""
    kind, id = named(path)
    if kind is None or bool(id) is (method == "POST"):
        raise refuse("wrong_bulk_path")
    return kind, str(resolved(id, made)) if id else ""


def named(path: Any) -> tuple[ResourceType | None, str | None]:
    """The kind and the id in a bulk path; None for what it does not name."""
    match = PATH.fullmatch(path) if isinstance(path, str) else None
    return (KINDS[match[1]], match[2]) if match else (None, None)


def create(api: Api, kind: ResourceType, id: str, data: Any, if_match: str | None) -> Row:
    """POST: a new resource; it has no id and no version yet."""
    return make(api, kind, data)


def delete(api: Api, kind: ResourceType, id: str, data: Any, if_match: str | None) -> None:
    """DELETE; its data is ignored."""
    resources.delete(api.store, kind, id, if_match, api.caller)


def version_of(sent: Any) -> str | None:
    """The version an operation expects."""
    return sent if isinstance(sent, str) and sent else "*"


def resolved(value: Any, made: dict[str, str]) -> Any:
    """The value with every `bulkId:x` replaced by the id that was made for it; 409 where there is none."""
    if isinstance(value, dict):
        return {key: resolved(item, made) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, made) for item in value]
    match = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    if match[1] not in made:
        raise refuse("unknown_bulk_id", reference=value)
    return made[match[1]]


Write = Callable[[Api, ResourceType, str, Any, str | None], Row | None]
METHODS: dict[str, tuple[str, Write]] = {
    "POST": ("201", create),
    "PUT": ("200", put),
    "PATCH": ("200", modify),
    "DELETE": ("204", delete),
}
