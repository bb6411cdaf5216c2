"""Lists (RFC 7644 §3.4.2): by query string or as a SearchRequest, over one type of resource or all."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, current_app

from promapp_lite import jsonio
from promapp_lite.api.call import Api, body, current, parameters
from promapp_lite.api.representation import present, selection
from promapp_lite.api.responses import listed, reply
from promapp_lite.config import mount_of
from promapp_lite.scim import limits
from promapp_lite.scim.filter import Tree, parse
from promapp_lite.scim.refusals import refuse
from promapp_lite.scim.resource_types import RESOURCE_TYPES, ResourceType, resolve
from promapp_lite.store.activity import journal
from promapp_lite.store.directory import resources
from promapp_lite.store.directory.resources import Query

NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
PROBE_SECONDS = 60


def search(kind: ResourceType) -> Response:
    """GET a list of one kind."""
    api = current()
    return found(api, (kind,), parameters(api))


def search_all() -> Response:
    """GET the list of everything (RFC 7644 §3.4.2.1)."""
    api = current()
    return found(api, RESOURCE_TYPES, parameters(api))


def post_search(kind: ResourceType) -> Response:
    """POST `.search` (RFC 7644 §3.4.3)."""
    api = current()
    return posted(api, found(api, (kind,), search_request(api)))


def post_search_all() -> Response:
    """POST `.search` over everything."""
    api = current()
    return posted(api, found(api, RESOURCE_TYPES, search_request(api)))


def posted(api: Api, answer: Response) -> Response:
    """The answer with the address of the search, as RFC 7644 §3.4.3 shows it."""
    mount = mount_of(api.request.path) or ""
    answer.headers["Content-Location"] = api.base + api.request.path[len(mount) :]
    return answer


def search_request(api: Api) -> dict[str, str]:
    """The parameters in a SearchRequest body, as a query string would hold them."""
    sent = body(api)
    if not isinstance(sent, dict):
        raise refuse("not_an_object")
    return {name.lower(): as_parameter(value) for name, value in sent.items() if value is not None}


def as_parameter(value: Any) -> str:
    """A JSON value as it would stand in a query string."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else jsonio.dumps(value)


def found(api: Api, kinds: tuple[ResourceType, ...], sent: Mapping[str, str]) -> Response:
    """One page of what a query finds, over one kind or several one after the other."""
    if "cursor" in sent and len(kinds) > 1:
        raise refuse("cursor_over_both")
    shown: list[str] = []
    total, start, count = 0, start_of(sent), count_of(sent)
    cursor = None
    for kind in kinds:
        query = query_of(api, kind, sent, max(0, start - total), count - len(shown))
        page = resources.page(api.store, kind, query)
        here = present(api, kind, page.rows, selection(kind, sent))
        cursor = page.cursor(len(here))
        shown += here
        if len(here) < min(query.count, page.total - query.start):
            count = len(shown)  # the page ends here, as the answer would grow too large
        total += page.total
        if not page.total:
            note_probe(api, kind, query.tree)
    paging = {"startIndex": start + 1} if "cursor" not in sent else {"nextCursor": cursor} if cursor else {}
    return reply(listed(shown, total, **paging))


def query_of(api: Api, kind: ResourceType, sent: Mapping[str, str], start: int, count: int) -> Query:
    """The store's query for a set of parameters; ScimError 400 says what is wrong with them."""
    if "cursor" in sent and len(sent["cursor"]) > 100:
        raise refuse("wrong_cursor")
    order = sent.get("sortorder", "ascending").lower()
    if order not in ("ascending", "descending"):
        raise refuse("wrong_sort_order", value=order)
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
    return max(1, integer(sent, "startIndex", 1)) - 1


def count_of(sent: Mapping[str, str]) -> int:
    """count within 0 and the largest page."""
    return min(limits.PAGE, max(0, integer(sent, "count", limits.DEFAULT_PAGE)))


def integer(sent: Mapping[str, str], name: str, default: int) -> int:
    """A whole number among the parameters."""
    text = sent.get(name.lower(), "").strip()
    if not text:
        return default
    if not NUMBER.fullmatch(text):
        raise refuse("wrong_number", name=name, value=text)
    return int(text)


def note_probe(api: Api, kind: ResourceType, tree: Tree | None) -> None:
    """Keep a trace of Test Connection: a search for a random GUID without a match.

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
