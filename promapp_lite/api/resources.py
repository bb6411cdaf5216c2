"""The SCIM endpoints (RFC 7644 §3): prove the input, call one store function, answer."""

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Flask, Response, current_app, g
from werkzeug.http import parse_etags

from promapp_lite import jsonio
from promapp_lite.api.authenticate import Api
from promapp_lite.api.responses import listed, reply
from promapp_lite.config import MOUNTS
from promapp_lite.errors import ScimError, bad
from promapp_lite.scim import discovery, membership, patch, resource
from promapp_lite.scim.discovery import MAX_PAGE
from promapp_lite.scim.filter import Tree, parse
from promapp_lite.scim.resource import ALL, Row, Selection, etag, location
from promapp_lite.scim.schema import GROUPS, KINDS, USERS, Kind, resolve
from promapp_lite.store.activity import journal
from promapp_lite.store.directory import groups, resources, users
from promapp_lite.store.directory.resources import Query

PAGE = 100
NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
PROBE_SECONDS = 60


def init_app(app: Flask) -> None:
    """Mount the API; the routes are in one list at the end of this file."""
    for mount in MOUNTS:
        blueprint = Blueprint(f"scim{mount.replace('/', '-')}", __name__, url_prefix=mount)
        for path, kind, methods, view in ROUTES:
            blueprint.add_url_rule(
                path,
                f"{view.__name__}{kind.name if kind else ''}",
                partial(call, view),
                methods=methods.split(),
                defaults={"kind": kind} if kind else {},
                strict_slashes=False,
                provide_automatic_options=False,
            )
        app.register_blueprint(blueprint)


def call(view: Callable[..., Response], **arguments: Any) -> Response:
    """Give a view the call that passed the gate."""
    return view(g.api, **arguments)


def body(api: Api) -> Any:
    """The request's JSON; ScimError 400 invalidSyntax where it is none."""
    try:
        return jsonio.loads(api.request.get_data())
    except ValueError as error:
        raise bad("invalidSyntax", str(error)) from None


def asked(api: Api) -> dict[str, str]:
    """The query parameters by name in lower case, the first of each; aadOptscim062020 does no harm."""
    sent = api.request.query_string
    if not sent:
        return {}
    pairs = parse_qsl(sent.decode(errors="replace"), keep_blank_values=True)
    return {name.lower(): value for name, value in reversed(pairs)}


# Reading


def find(api: Api, kind: Kind, id: str) -> Response:
    """GET a resource; 304 where the caller has this version."""
    chosen = selection(kind, asked(api))
    with api.store.snapshot() if kind is GROUPS else nullcontext():
        row = resources.get(api.store, kind, id)
        shown = present(api, kind, [row], chosen)[0]
    tag = etag(row.version)
    if "If-None-Match" in api.request.headers and api.request.if_none_match.contains_weak(bare(tag)):
        return reply(status=304, headers={"ETag": tag})
    return reply(shown, headers={"ETag": tag})


def search(api: Api, kind: Kind) -> Response:
    """GET a list of one kind."""
    return found(api, (kind,), asked(api))


def search_all(api: Api) -> Response:
    """GET the list of everything (RFC 7644 §3.4.2.1)."""
    return found(api, KINDS, asked(api))


def post_search(api: Api, kind: Kind) -> Response:
    """POST `.search` (RFC 7644 §3.4.3)."""
    return found(api, (kind,), search_request(api))


def post_search_all(api: Api) -> Response:
    """POST `.search` over everything."""
    return found(api, KINDS, search_request(api))


def search_request(api: Api) -> dict[str, str]:
    """The parameters in a SearchRequest body, as a query string would hold them."""
    sent = body(api)
    if not isinstance(sent, dict):
        raise bad("invalidSyntax", "A SearchRequest object was expected.")
    return {name.lower(): as_parameter(value) for name, value in sent.items() if value is not None}


def as_parameter(value: Any) -> str:
    """A JSON value as it would stand in a query string."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else jsonio.dumps(value)


def found(api: Api, kinds: tuple[Kind, ...], sent: Mapping[str, str]) -> Response:
    """One page of what a query finds, over one kind or several one after the other."""
    if "cursor" in sent and len(kinds) > 1:
        raise bad("invalidCursor", "A cursor pages through users or through groups, not through both.")
    shown: list[str] = []
    total, start, count = 0, start_of(sent), count_of(sent)
    cursor = None
    for kind in kinds:
        query = query_of(api, kind, sent, max(0, start - total), count - len(shown))
        page = resources.page(api.store, kind, query)
        here = present(api, kind, page.rows, selection(kind, sent))
        cursor = page.cursor(len(here))
        shown += here
        total += page.total
        if not page.total:
            note_probe(api, kind, query.tree)
    paging = {"startIndex": start + 1} if "cursor" not in sent else {"nextCursor": cursor} if cursor else {}
    return reply(listed(shown, total, **paging))


def query_of(api: Api, kind: Kind, sent: Mapping[str, str], start: int, count: int) -> Query:
    """The store's query for a set of parameters; ScimError 400 says what is wrong with them."""
    if "cursor" in sent and len(sent["cursor"]) > 100:
        raise bad("invalidCursor", "The cursor is not one this service gave.")
    order = sent.get("sortorder", "ascending").lower()
    if order not in ("ascending", "descending"):
        raise bad("invalidValue", f"sortOrder is ascending or descending; {order[:40]!r} was sent.")
    return Query(
        tree=parse(kind, sent["filter"]) if "filter" in sent else None,
        start=start,
        count=count,
        sort=resolve(kind, sent["sortby"]) if sent.get("sortby") else None,
        descending=order == "descending",
        cursor=sent.get("cursor"),
        base=api.base,
    )


def start_of(sent: Mapping[str, str]) -> int:
    """startIndex, counted from 0; below 1 counts as 1 (RFC 7644 §3.4.2.4)."""
    return max(1, number(sent, "startIndex", 1)) - 1


def count_of(sent: Mapping[str, str]) -> int:
    """count within 0 and the largest page."""
    return min(MAX_PAGE, max(0, number(sent, "count", PAGE)))


def number(sent: Mapping[str, str], name: str, default: int) -> int:
    """A whole number among the parameters."""
    text = sent.get(name.lower(), "").strip()
    if not text:
        return default
    if not NUMBER.fullmatch(text):
        raise bad("invalidValue", f"{name} is a whole number; {text[:40]!r} was sent.")
    return int(text)


def note_probe(api: Api, kind: Kind, tree: Tree | None) -> None:
    """Keep a trace of Test Connection: a search for a random GUID that finds nobody (entra/CLIENT §1).

    A new person's look-up can look the same, so at most one a minute and token is kept.
    """
    if tree is None or tree[0] != "eq" or not GUID.fullmatch(str(tree[2]).lower()):
        return
    seen = current_app.extensions["probes"]
    caller = api.caller
    if caller.started - seen.get(caller.token_id, -PROBE_SECONDS) < PROBE_SECONDS:
        return
    seen[caller.token_id] = caller.started
    with api.store.write():
        journal.record(api.store, caller, "test", 200, resource_type=kind.name)


def selection(kind: Kind, sent: Mapping[str, str]) -> Selection:
    """The attributes asked for."""
    attributes, excluded = sent.get("attributes"), sent.get("excludedattributes")
    if not attributes and not excluded:
        return ALL
    return resource.select(kind, (attributes or "").split(","), (excluded or "").split(","))


def present(api: Api, kind: Kind, rows: list[Row], chosen: Selection) -> list[str]:
    """The resources as JSON text, with what is derived where it is wanted.

    Of groups that have too many members together, only the first: the next page begins behind them.
    """
    name, derive = DERIVED[kind]
    parts = derive(api, rows) if chosen.wants(name) else [""] * len(rows)
    return [
        resource.project(resource.show(kind, row, api.base, part), chosen)
        for row, part in zip(rows, parts, strict=False)
    ]


def groups_parts(api: Api, rows: list[Row]) -> list[str]:
    """The `groups` of each user as JSON text, empty where there are none."""
    ids = [row.id for row in rows if row.linked]
    found = users.groups_of(api.store, ids) if ids else {}
    held = [found.get(row.id, ()) for row in rows]
    return [
        '"groups":' + jsonio.dumps([group(api.base, *each) for each in some]) if some else "" for some in held
    ]


def group(base: str, id: str, name: str, direct: bool) -> dict[str, str]:
    """One group of a user."""
    kind = "direct" if direct else "indirect"
    return {"value": id, "$ref": location(GROUPS, base, id), "display": name, "type": kind}


def members_parts(api: Api, rows: list[Row]) -> list[str]:
    """The `members` of each group as JSON text; an empty list where there are none, as Entra shows it."""
    held = groups.members_of(api.store, [row.id for row in rows], api.base)
    return [f'"members":{each}' for each in held]


DERIVED: dict[Kind, tuple[str, Callable[[Api, list[Row]], list[str]]]] = {
    USERS: ("groups", groups_parts),
    GROUPS: ("members", members_parts),
}


# Writing


def create(api: Api, kind: Kind) -> Response:
    """POST a resource: 201, Location, and the resource as it was kept."""
    chosen = selection(kind, asked(api))
    row = make(api, kind, body(api))
    return changed(api, kind, row, chosen, 201, {"Location": location(kind, api.base, row.id)})


def replace(api: Api, kind: Kind, id: str) -> Response:
    """PUT a resource."""
    chosen = selection(kind, asked(api))
    return changed(api, kind, put(api, kind, id, body(api), expected(api)), chosen)


def update(api: Api, kind: Kind, id: str) -> Response:
    """PATCH: 200 with the resource for a user, 204 for a group unless attributes are asked for.

    Microsoft advises the 204, as a group's answer would carry its members.
    """
    chosen = selection(kind, asked(api))
    row = modify(api, kind, id, body(api), expected(api))
    if kind is GROUPS and chosen == ALL:
        return reply(status=204, headers={"ETag": etag(row.version)})
    return changed(api, kind, row, chosen)


def delete(api: Api, kind: Kind, id: str) -> Response:
    """DELETE a resource."""
    resources.delete(api.store, kind, id, expected(api), api.caller)
    return reply(status=204)


def changed(
    api: Api,
    kind: Kind,
    row: Row,
    chosen: Selection,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a write."""
    return reply(present(api, kind, [row], chosen)[0], status, {"ETag": etag(row.version), **(headers or {})})


def make(api: Api, kind: Kind, sent: Any) -> Row:
    """A new resource from a body."""
    document, steps = resource.build(kind, sent)
    return resources.create(api.store, kind, document, steps, api.caller)


def put(api: Api, kind: Kind, id: str, sent: Any, check: resources.Check) -> Row:
    """The resource replaced by a body."""
    document, steps = resource.build(kind, sent)
    return resources.replace(api.store, kind, id, document, steps, check, api.caller)


def modify(api: Api, kind: Kind, id: str, sent: Any, check: resources.Check) -> Row:
    """The resource with a PATCH body carried out."""
    operations = patch.parse(kind, sent)
    own, steps = membership.split(operations) if kind is GROUPS else (operations, [])
    return resources.patch(api.store, kind, id, own, steps, check, api.caller)


def expected(api: Api, tag: str | None = None) -> resources.Check:
    """Refuses a version that If-Match (or a bulk operation's `version`) does not name: 412."""
    sent = tag if tag is not None else api.request.headers.get("If-Match")

    def check(row: Row) -> None:
        if sent is not None and not parse_etags(sent).contains_weak(bare(etag(row.version))):
            raise ScimError(412, None, f"The resource has changed: it is at version {etag(row.version)} now.")

    return check


def bare(tag: str) -> str:
    """An entity tag without its marks."""
    return tag.removeprefix("W/").strip('"')


# Discovery


def config(api: Api) -> Response:
    """GET ServiceProviderConfig."""
    return reply(jsonio.dumps(discovery.config(api.base)))


def schemas(api: Api) -> Response:
    """GET Schemas; a filter is refused (RFC 7644 §4)."""
    return discovered(api, discovery.schemas(api.base))


def schema(api: Api, id: str) -> Response:
    """GET one schema by its URN."""
    return one_of(discovery.schemas(api.base), id)


def resource_types(api: Api) -> Response:
    """GET ResourceTypes."""
    return discovered(api, discovery.resource_types(api.base))


def resource_type(api: Api, id: str) -> Response:
    """GET one resource type."""
    return one_of(discovery.resource_types(api.base), id)


def discovered(api: Api, resources: list[dict[str, Any]]) -> Response:
    """The whole list; there is no filter and no page on discovery."""
    if asked(api).get("filter"):
        raise ScimError(403, None, "Schemas, resource types and the configuration are not filtered.")
    return reply(listed(map(jsonio.dumps, resources), len(resources), startIndex=1))


def one_of(resources: list[dict[str, Any]], id: str) -> Response:
    """The one with that id, in any letter case."""
    for each in resources:
        if each["id"].lower() == id.lower():
            return reply(jsonio.dumps(each))
    raise ScimError(404, None, f"{id[:200]} is not known here.")


def me(api: Api) -> Response:
    """Me: a token stands for a provisioning service, not for a user (RFC 7644 §3.11)."""
    raise ScimError(501, None, "An access token here belongs to no user, so there is no Me.")


ROUTES: tuple[tuple[str, Kind | None, str, Callable[..., Response]], ...] = (
    *(
        (path, kind, method, view)
        for kind in KINDS
        for path, method, view in (
            (kind.endpoint, "GET", search),
            (kind.endpoint, "POST", create),
            (f"{kind.endpoint}/.search", "POST", post_search),
            (f"{kind.endpoint}/<id>", "GET", find),
            (f"{kind.endpoint}/<id>", "PUT", replace),
            (f"{kind.endpoint}/<id>", "PATCH", update),
            (f"{kind.endpoint}/<id>", "DELETE", delete),
        )
    ),
    ("/", None, "GET", search_all),
    ("/.search", None, "POST", post_search_all),
    ("/ServiceProviderConfig", None, "GET", config),
    ("/Schemas", None, "GET", schemas),
    ("/Schemas/<id>", None, "GET", schema),
    ("/ResourceTypes", None, "GET", resource_types),
    ("/ResourceTypes/<id>", None, "GET", resource_type),
    ("/Me", None, "GET POST PUT PATCH DELETE", me),
)
