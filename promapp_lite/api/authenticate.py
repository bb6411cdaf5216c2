"""Authentication of the SCIM API: no view is reached without a live access token."""

from flask import current_app, g, request
from flask_httpauth import HTTPTokenAuth

from promapp_lite.api.call import Api
from promapp_lite.config import MOUNTS
from promapp_lite.errors import ScimError
from promapp_lite.store.access import tokens
from promapp_lite.store.activity.journal import Caller

bearer = HTTPTokenAuth("Bearer")
READING = ("GET", "HEAD")
NAMES = {mount: mount.strip("/").replace("/", "-") for mount in MOUNTS}  # of the blueprint at each mount
MOUNT_OF = {name: mount for mount, name in NAMES.items()}


def authenticate() -> None:
    """Let a request with a live token through, as `g.api`; ScimError 401 or 403 for every other."""
    asked = request._get_current_object()  # type: ignore[attr-defined]
    extensions, mount = current_app.extensions, MOUNT_OF[asked.blueprint]
    caller = Caller(asked.method, asked.path, asked.remote_addr)
    g.api = Api(extensions["store"], extensions["settings"].public_url + mount, caller, asked)
    secret = sent_secret()
    grant = tokens.check(extensions["store"], secret, caller.address) if secret else None
    if not grant:
        extensions["denials"].note(caller, secret)
        raise ScimError(
            401,
            None,
            "The Secret Token is missing, wrong, expired or revoked. Create a Scim access token in the "
            "promapp-lite console and paste it as Secret Token.",
        )
    caller.token_id, g.hint = grant.token_id, grant.hint
    if grant.scope != "scim" and not reads(asked.method, asked.path):
        raise ScimError(
            403,
            None,
            "This access token may only read (scope scim:read); provisioning needs one with the scope Scim.",
        )


def sent_secret() -> str | None:
    """The token that was sent, as far as one was."""
    sent = bearer.get_auth()
    return sent.token if sent else None


def reads(method: str, path: str) -> bool:
    """Whether a request only reads; `.search` is a read that is sent as POST."""
    return method in READING or (method == "POST" and path.endswith("/.search"))
