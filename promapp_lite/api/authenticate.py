"""Authentication of the SCIM API: no view is reached without a live access token."""

from flask import current_app, g, request
from flask_httpauth import HTTPTokenAuth

from promapp_lite.api.call import Api
from promapp_lite.config import MOUNTS
from promapp_lite.scim.refusals import refuse
from promapp_lite.store.access import tokens
from promapp_lite.store.activity.journal import Caller
from promapp_lite.store.engine import Store

bearer = HTTPTokenAuth("Bearer")
READING = ("GET", "HEAD")
OPEN = ".config"  # the view of ServiceProviderConfig, which says how to authenticate (RFC 7643 §5)
NAMES = {mount: mount.strip("/").replace("/", "-") for mount in MOUNTS}  # of the blueprint at each mount
MOUNT_OF = {name: mount for mount, name in NAMES.items()}


def authenticate() -> None:
    """Let a request with a live token through, as `g.api`; ScimError 401 or 403 for every other.

    ServiceProviderConfig alone is read without one.
    """
    asked = request._get_current_object()  # type: ignore[attr-defined]
    extensions, mount = current_app.extensions, MOUNT_OF[asked.blueprint]
    caller = Caller(asked.method, asked.path, asked.remote_addr)
    g.api = Api(extensions["store"], extensions["settings"].public_url + mount, caller, asked)
    if str(asked.endpoint).endswith(OPEN):
        return
    secret = sent_secret()
    grant = tokens.check(extensions["store"], secret, caller.address) if secret else None
    if not grant:
        extensions["auth_failures"].note(caller, secret)
        raise refuse("unauthorized")
    caller.token_id, g.hint = grant.token_id, grant.hint
    caller.only_reads = grant.scope != "scim"
    if caller.only_reads and not reads(asked.method, asked.path):
        raise refuse("read_only_token")


def admits(store: Store, authorization: str) -> bool:
    """Whether an Authorization header bears a live token: asked before a large body is read."""
    scheme, _, secret = authorization.partition(" ")
    return scheme.lower() == "bearer" and tokens.live(store, secret.strip())


def sent_secret() -> str | None:
    """The token that was sent, as far as one was."""
    sent = bearer.get_auth()
    return sent.token if sent else None


def reads(method: str, path: str) -> bool:
    """Whether a request only reads; `.search` is a read that is sent as POST."""
    return method in READING or (method == "POST" and path.endswith("/.search"))
