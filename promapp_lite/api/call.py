"""One call of the API that passed authentication, and what it sent."""

from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from flask import Request, g

from promapp_lite.scim import passwords
from promapp_lite.scim.body import read_json
from promapp_lite.scim.patch import Budget
from promapp_lite.scim.refusals import refuse
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.engine import Store

# JSON, or what tools say that were not told the type.
TYPES = ("/json", "+json", "/plain", "/octet-stream", "/x-www-form-urlencoded")


class Api(NamedTuple):
    """What a view needs of its request, without asking Flask's proxies for each part again."""

    store: Store
    base: str
    caller: Caller
    request: Request
    budget: Budget | None = None  # of a bulk request, for all its operations

    @property
    def if_match(self) -> str | None:
        """The versions that the caller wants changed, None for any (RFC 7644 §3.14)."""
        sent: str | None = self.request.headers.get("If-Match")
        return sent


def current() -> Api:
    """The call that `authenticate` let through."""
    api: Api = g.api
    return api


def body(api: Api) -> Any:
    """The request's JSON without passwords; ScimError 400 invalidSyntax where it is none, 415 by its type."""
    request = api.request
    if "/" in request.mimetype and not request.mimetype.endswith(TYPES):
        raise refuse("other_type", kind=request.mimetype)
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise refuse("encoded_body", coding=coding)
    sent = request.get_data()
    return passwords.without(read_json(sent), sent)


def parameters(api: Api) -> dict[str, str]:
    """The query parameters by name in lower case, the first of each; aadOptscim062020 does no harm."""
    sent = api.request.query_string
    if not sent:
        return {}
    pairs = parse_qsl(sent.decode(errors="replace"), keep_blank_values=True)
    return {name.lower(): value for name, value in reversed(pairs)}
