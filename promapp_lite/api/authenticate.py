"""The gate in front of the SCIM API: nothing behind it is reached without a live token."""

from functools import cached_property
from typing import NamedTuple

from flask import Flask, current_app, g, request
from flask.wrappers import Request as FlaskRequest
from flask_httpauth import HTTPTokenAuth

from promapp_lite.config import mount_of
from promapp_lite.scim.refusals import refuse
from promapp_lite.store.access import tokens
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.engine import Store

bearer = HTTPTokenAuth("Bearer")
READING = ("GET", "HEAD")


def init_app(app: Flask) -> None:
    """Put the gate before every request, also before those that no route answers."""
    app.request_class = Request
    app.before_request(gate)


class Request(FlaskRequest):
    """A request that knows which SCIM mount it is under, None where it is not SCIM."""

    @cached_property
    def mount(self) -> str | None:
        """The mount."""
        return mount_of(self.path)


class Api(NamedTuple):
    """One call that passed the gate: what its view needs, without asking Flask for it again."""

    store: Store
    base: str
    caller: Caller
    request: Request


def gate() -> None:
    """Let a SCIM request through, as `g.api`, or raise ScimError 401 or 403."""
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    if asked.mount is None:
        return
    rooms = current_app.extensions
    caller = Caller(asked.method, asked.path, asked.remote_addr)
    g.api = Api(rooms["store"], rooms["settings"].public_url + asked.mount, caller, asked)
    secret = sent_secret()
    grant = tokens.check(rooms["store"], secret, caller.address) if secret else None
    if not grant:
        rooms["denials"].note(caller, secret)
        raise refuse("unauthorized")
    caller.token_id, g.hint = grant.token_id, grant.hint
    if grant.scope != "scim" and not reads(asked):
        raise refuse("read_only_token")


def admits(store: Store, authorization: str) -> bool:
    """Whether an Authorization header bears a live token: asked before a large body is read."""
    scheme, _, secret = authorization.partition(" ")
    return scheme.lower() == "bearer" and tokens.live(store, secret.strip())


def sent_secret() -> str | None:
    """The token that was sent, as far as one was."""
    sent = bearer.get_auth()
    return sent.token if sent else None


def reads(asked: Request) -> bool:
    """Whether a request only reads; `.search` is a read that is sent as POST."""
    return asked.method in READING or (asked.method == "POST" and asked.path.endswith("/.search"))
