"""What the service can do (RFC 7644 §4): ServiceProviderConfig, Schemas, ResourceTypes; and Me."""

from typing import Any

from flask import Response

from promapp_lite import jsonio
from promapp_lite.api.call import current, parameters
from promapp_lite.api.responses import listed, reply
from promapp_lite.scim import discovery
from promapp_lite.scim.refusals import refuse


def config() -> Response:
    """GET ServiceProviderConfig; a filter is refused (RFC 7644 §4)."""
    refuse_filter()
    return reply(jsonio.dumps(discovery.config(current().base)))


def schemas() -> Response:
    """GET Schemas; a filter is refused (RFC 7644 §4)."""
    return discovered(discovery.schemas(current().base))


def schema(id: str) -> Response:
    """GET one schema by its URN."""
    return one_of(discovery.schemas(current().base), id)


def resource_types() -> Response:
    """GET ResourceTypes."""
    return discovered(discovery.resource_types(current().base))


def resource_type(id: str) -> Response:
    """GET one resource type."""
    return one_of(discovery.resource_types(current().base), id)


def discovered(resources: list[dict[str, Any]]) -> Response:
    """The whole list; there is no filter and no page on discovery."""
    refuse_filter()
    return reply(listed(map(jsonio.dumps, resources), len(resources), startIndex=1))


def refuse_filter() -> None:
    """ScimError 403 for a filter."""
    if "filter" in parameters(current()):
        raise refuse("no_discovery_filter")


def one_of(resources: list[dict[str, Any]], id: str) -> Response:
    """The one with that id, in any letter case."""
    for each in resources:
        if each["id"].lower() == id.lower():
            return reply(jsonio.dumps(each))
    raise refuse("unknown_schema", id=id)


def me() -> Response:
    """Me: a token stands for a provisioning service, not for a user (RFC 7644 §3.11)."""
    raise refuse("no_me")
