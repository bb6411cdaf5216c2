"""One user or group (RFC 7644 §3): validate the input, call one store function, respond."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from flask import Response

from promapp_lite.api.call import Api, body, current, parameters
from promapp_lite.api.representation import present, selection
from promapp_lite.api.responses import reply
from promapp_lite.scim import membership, patch, resource
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource import ALL, Row, Selection, etag, location, names_version
from promapp_lite.scim.resource_types import GROUPS, ResourceType
from promapp_lite.store.directory import resources


def find(kind: ResourceType, id: str) -> Response:
    """GET a resource; 304 where the caller has this version."""
    api = current()
    chosen = selection(kind, parameters(api))
    with api.store.snapshot() if kind is GROUPS else nullcontext():
        row = resources.get(api.store, kind, id)
        shown = present(api, kind, [row], chosen)[0]
    tag = etag(row.version)
    if names_version(api.request.headers.get("If-None-Match", ""), row.version):
        return reply(status=304, headers={"ETag": tag})
    return reply(shown, headers={"ETag": tag})


def create(kind: ResourceType) -> Response:
    """POST a resource: 201, Location, and the resource as it was kept."""
    api = current()
    chosen = selection(kind, parameters(api))
    row = make(api, kind, body(api))
    return changed(api, kind, row, chosen, 201, {"Location": location(kind, api.base, row.id)})


def replace(kind: ResourceType, id: str) -> Response:
    """PUT a resource."""
    api = current()
    guard_existing(api, kind, id)
    chosen = selection(kind, parameters(api))
    return changed(api, kind, put(api, kind, id, body(api), api.if_match), chosen)


def update(kind: ResourceType, id: str) -> Response:
    """PATCH: 200 with the resource for a user, 204 for a group unless attributes are asked for.

    Microsoft advises the 204, as a group's answer would carry its members.
    """
    api = current()
    guard_existing(api, kind, id)
    chosen = selection(kind, parameters(api))
    row = modify(api, kind, id, body(api), api.if_match)
    if kind is GROUPS and chosen == ALL:
        return reply(status=204, headers={"ETag": etag(row.version)})
    return changed(api, kind, row, chosen)


def delete(kind: ResourceType, id: str) -> Response:
    """DELETE a resource."""
    api = current()
    guard_existing(api, kind, id)
    resources.delete(api.store, kind, id, api.if_match, api.caller)
    return reply(status=204)


def guard_existing(api: Api, kind: ResourceType, id: str) -> None:
    """ScimError 412 where If-None-Match names what is here: `*` is all there is (RFC 9110 §13.1.2)."""
    sent = api.request.headers.get("If-None-Match")
    if sent and names_version(sent, resources.get(api.store, kind, id).version):
        raise refuse("exists_already")


def changed(
    api: Api,
    kind: ResourceType,
    row: Row,
    chosen: Selection,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a write."""
    return reply(present(api, kind, [row], chosen)[0], status, {"ETag": etag(row.version), **(headers or {})})


def make(api: Api, kind: ResourceType, sent: Any) -> Row:
    """A new resource from a body."""
    document, steps = resource.build(kind, sent)
    return resources.create(api.store, kind, document, steps, api.caller)


def put(api: Api, kind: ResourceType, id: str, sent: Any, if_match: str | None) -> Row:
    """The resource replaced by a body."""
    document, steps = resource.build(kind, sent)
    return resources.replace(api.store, kind, id, document, steps, if_match, api.caller)


def modify(api: Api, kind: ResourceType, id: str, sent: Any, if_match: str | None) -> Row:
    """The resource with a PATCH body carried out."""
    operations = patch.parse(kind, sent)
    own, steps = membership.split(operations) if kind is GROUPS else (operations, [])
    return resources.patch(api.store, kind, id, own, steps, if_match, api.caller, api.budget)
