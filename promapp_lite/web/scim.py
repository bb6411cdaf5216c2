"""The SCIM endpoints (RFC 7644 §3): prove the input, call one store function, answer."""

import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from werkzeug.http import parse_etags

from promapp_lite import wire
from promapp_lite.scim import discovery, members, patch, resource
from promapp_lite.scim.discovery import MAX_PAGE
from promapp_lite.scim.errors import ScimError, bad
from promapp_lite.scim.filter import Tree, parse
from promapp_lite.scim.resource import ALL, Row, Selection, etag, location
from promapp_lite.scim.schema import GROUPS, KINDS, USERS, Kind, resolve
from promapp_lite.settings import MOUNTS
from promapp_lite.store import activity, groups, resources, users
from promapp_lite.store.activity import Caller
from promapp_lite.store.db import Store
from promapp_lite.store.resources import Query
from promapp_lite.web.answers import listed, reply

PAGE = 100
NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
PROBE_SECONDS = 60


def init_app(app: Flask) -> None:
    """Mount the API; the routes are in one list at the end of this file."""
    for mount in MOUNTS:
        blueprint = Blueprint(f"scim{mount.replace('/', '-')}", __name__, url_prefix=mount)
        for path, kind, method, view in ROUTES:
            blueprint.add_url_rule(
                path,
                f"{view.__name__}{kind.name if kind else ''}",
                view,
                methods=[method],
                defaults={"kind": kind} if kind else {},
                strict_slashes=False,
                provide_automatic_options=False,
            )
        app.register_blueprint(blueprint)


def store() -> Store:
    """The application's store."""
    opened: Store = current_app.extensions["store"]
    return opened


def body() -> Any:
    """The request's JSON; ScimError 400 invalidSyntax where it is none."""
    try:
        return wire.loads(request.get_data())
    except ValueError as error:
        raise bad("invalidSyntax", str(error)) from None


def asked() -> dict[str, str]:
    """The query parameters, names in lower case; unknown ones (aadOptscim062020) do no harm."""
    if not request.query_string:
        return {}
    return {name.lower(): value for name, value in request.args.items()}


# Reading


def find(kind: Kind, id: str) -> Response:
    """GET a resource; 304 where the caller has this version."""
    chosen = selection(kind, asked())
    opened = store()
    with opened.snapshot() if kind is GROUPS else nullcontext():
        row = resources.get(opened, kind, id)
        shown = present(kind, [row], chosen)[0]
    tag = etag(row.version)
    if "If-None-Match" in request.headers and request.if_none_match.contains_weak(bare(tag)):
        return reply(status=304, headers={"ETag": tag})
    return reply(shown, headers={"ETag": tag})


def search(kind: Kind) -> Response:
    """GET a list of one kind."""
    return found((kind,), asked())


def search_all() -> Response:
    """GET the list of everything (RFC 7644 §3.4.2.1)."""
    return found(KINDS, asked())


def post_search(kind: Kind) -> Response:
    """POST `.search` (RFC 7644 §3.4.3)."""
    return found((kind,), search_request())


def post_search_all() -> Response:
    """POST `.search` over everything."""
    return found(KINDS, search_request())


def search_request() -> dict[str, str]:
    """The parameters in a SearchRequest body, as a query string would hold them."""
    sent = body()
    if not isinstance(sent, dict):
        raise bad("invalidSyntax", "A SearchRequest object was expected.")
    return {name.lower(): as_parameter(value) for name, value in sent.items() if value is not None}


def as_parameter(value: Any) -> str:
    """A JSON value as it would stand in a query string."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else wire.dumps(value)


def found(kinds: tuple[Kind, ...], sent: Mapping[str, str]) -> Response:
    """One page of what a query finds, over one kind or several one after the other."""
    if "cursor" in sent and len(kinds) > 1:
        raise bad("invalidCursor", "A cursor pages through users or through groups, not through both.")
    shown: list[str] = []
    total, start, count = 0, start_of(sent), count_of(sent)
    cursor = None
    for kind in kinds:
        query = query_of(kind, sent)._replace(start=max(0, start - total), count=count - len(shown))
        page = resources.page(store(), kind, query)
        here = present(kind, page.rows, selection(kind, sent))
        cursor = page.cursor(len(here))
        shown += here
        total += page.total
        if not page.total:
            note_probe(kind, query.tree)
    paging = {"startIndex": start + 1} if "cursor" not in sent else {"nextCursor": cursor} if cursor else {}
    return reply(listed(shown, total, **paging))


def query_of(kind: Kind, sent: Mapping[str, str]) -> Query:
    """The store's query for a set of parameters; ScimError 400 says what is wrong with them."""
    if "cursor" in sent and len(sent["cursor"]) > 100:
        raise bad("invalidCursor", "The cursor is not one this service gave.")
    order = sent.get("sortorder", "ascending").lower()
    if order not in ("ascending", "descending"):
        raise bad("invalidValue", f"sortOrder is ascending or descending; {order[:40]!r} was sent.")
    return Query(
        tree=parse(kind, sent["filter"]) if sent.get("filter") else None,
        sort=resolve(kind, sent["sortby"]) if sent.get("sortby") else None,
        descending=order == "descending",
        cursor=sent.get("cursor"),
        base=g.base,
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


def note_probe(kind: Kind, tree: Tree | None) -> None:
    """Keep a trace of Test Connection: a search for a random GUID that finds nobody (entra/CLIENT §1).

    A new person's look-up can look the same, so at most one a minute and token is kept.
    """
    if tree is None or tree[0] != "eq" or not GUID.fullmatch(str(tree[2]).lower()):
        return
    seen = current_app.extensions["probes"]
    caller: Caller = g.caller
    if caller.started - seen.get(caller.token_id, -PROBE_SECONDS) < PROBE_SECONDS:
        return
    seen[caller.token_id] = caller.started
    store().transact(lambda: activity.record(store(), caller, "test", 200, resource_type=kind.name))


def selection(kind: Kind, sent: Mapping[str, str]) -> Selection:
    """The attributes asked for."""
    attributes, excluded = sent.get("attributes"), sent.get("excludedattributes")
    if not attributes and not excluded:
        return ALL
    return resource.select(kind, (attributes or "").split(","), (excluded or "").split(","))


def present(kind: Kind, rows: list[Row], chosen: Selection) -> list[str]:
    """The resources as JSON text, with what is derived where it is wanted.

    Of groups that have too many members together, only the first: the next page begins behind them.
    """
    name, derive = DERIVED[kind]
    parts = derive(store(), rows) if chosen.wants(name) else [""] * len(rows)
    return [
        resource.project(resource.show(kind, row, g.base, part), chosen)
        for row, part in zip(rows, parts, strict=False)
    ]


def groups_parts(opened: Store, rows: list[Row]) -> list[str]:
    """The `groups` of each user as JSON text, empty where there are none."""
    ids = [row.id for row in rows if row.linked]
    found = users.groups_of(opened, ids) if ids else {}
    held = [found.get(row.id, ()) for row in rows]
    return ['"groups":' + wire.dumps([group(*each) for each in some]) if some else "" for some in held]


def group(id: str, name: str, direct: bool) -> dict[str, str]:
    """One group of a user."""
    kind = "direct" if direct else "indirect"
    return {"value": id, "$ref": location(GROUPS, g.base, id), "display": name, "type": kind}


def members_parts(opened: Store, rows: list[Row]) -> list[str]:
    """The `members` of each group as JSON text; an empty list where there are none, as Entra shows it."""
    return [
        '"members":' + wire.dumps([member(*each) for each in held])
        for held in groups.members_of(opened, [row.id for row in rows])
    ]


def member(id: str, user: str | None, group: str | None) -> dict[str, str]:
    """One member; of an id that is nobody's (yet) there is nothing more to tell."""
    name, kind = (user, USERS) if user is not None else (group, GROUPS)
    if name is None:
        return {"value": id}
    return {"value": id, "$ref": location(kind, g.base, id), "type": kind.name, "display": name}


DERIVED: dict[Kind, tuple[str, Callable[[Store, list[Row]], list[str]]]] = {
    USERS: ("groups", groups_parts),
    GROUPS: ("members", members_parts),
}


# Writing


def create(kind: Kind) -> Response:
    """POST a resource: 201, Location, and the resource as it was kept."""
    row = make(kind, body(), g.caller)
    return changed(kind, row, 201, {"Location": location(kind, g.base, row.id)})


def replace(kind: Kind, id: str) -> Response:
    """PUT a resource."""
    return changed(kind, put(kind, id, body(), expected(), g.caller))


def update(kind: Kind, id: str) -> Response:
    """PATCH: 200 with the resource for a user, 204 for a group unless attributes are asked for.

    Microsoft advises the 204, as a group's answer would carry its members.
    """
    row = modify(kind, id, body(), expected(), g.caller)
    if kind is GROUPS and selection(kind, asked()) == ALL:
        return reply(status=204, headers={"ETag": etag(row.version)})
    return changed(kind, row)


def delete(kind: Kind, id: str) -> Response:
    """DELETE a resource."""
    resources.delete(store(), kind, id, expected(), g.caller)
    return reply(status=204)


def changed(kind: Kind, row: Row, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a write."""
    shown = present(kind, [row], selection(kind, asked()))[0]
    return reply(shown, status, {"ETag": etag(row.version), **(headers or {})})


def make(kind: Kind, sent: Any, caller: Caller) -> Row:
    """A new resource from a body."""
    document, steps = resource.build(kind, sent)
    return resources.create(store(), kind, document, steps, caller)


def put(kind: Kind, id: str, sent: Any, check: resources.Check, caller: Caller) -> Row:
    """The resource replaced by a body."""
    document, steps = resource.build(kind, sent)
    return resources.replace(store(), kind, id, document, steps, check, caller)


def modify(kind: Kind, id: str, sent: Any, check: resources.Check, caller: Caller) -> Row:
    """The resource with a PATCH body carried out."""
    operations = patch.parse(kind, sent)
    own, steps = members.split(operations) if kind is GROUPS else (operations, [])
    return resources.patch(store(), kind, id, own, steps, check, caller)


def expected(tag: str | None = None) -> resources.Check:
    """Refuses a version that If-Match (or a bulk operation's `version`) does not name: 412."""
    sent = tag if tag is not None else request.headers.get("If-Match")

    def check(row: Row) -> None:
        if sent is not None and not parse_etags(sent).contains_weak(bare(etag(row.version))):
            raise ScimError(412, None, f"The resource has changed: it is at version {etag(row.version)} now.")

    return check


def bare(tag: str) -> str:
    """An entity tag without its marks."""
    return tag.removeprefix("W/").strip('"')


# Discovery


def config() -> Response:
    """GET ServiceProviderConfig."""
    return reply(wire.dumps(discovery.config(g.base)))


def schemas() -> Response:
    """GET Schemas; a filter is refused (RFC 7644 §4)."""
    return discovered(discovery.schemas(g.base))


def schema(id: str) -> Response:
    """GET one schema by its URN."""
    return one_of(discovery.schemas(g.base), id)


def resource_types() -> Response:
    """GET ResourceTypes."""
    return discovered(discovery.resource_types(g.base))


def resource_type(id: str) -> Response:
    """GET one resource type."""
    return one_of(discovery.resource_types(g.base), id)


def discovered(resources: list[dict[str, Any]]) -> Response:
    """The whole list; there is no filter and no page on discovery."""
    if asked().get("filter"):
        raise ScimError(403, None, "Schemas, resource types and the configuration are not filtered.")
    return reply(listed(map(wire.dumps, resources), len(resources), startIndex=1))


def one_of(resources: list[dict[str, Any]], id: str) -> Response:
    """The one with that id, in any letter case."""
    for each in resources:
        if each["id"].lower() == id.lower():
            return reply(wire.dumps(each))
    raise ScimError(404, None, f"{id[:200]} is not known here.")


def me() -> Response:
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
    *(("/Me", None, method, me) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
)
