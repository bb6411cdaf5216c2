"""Where a form came from, as the browser says it: no page can forge that (RFC 6454, Fetch Metadata)."""

from urllib.parse import urlsplit

from flask import abort, request

from promapp_lite.console.request import settings

OWN_SITES = ("same-origin", "none")


def require_own_origin() -> None:
    """Refuse with 400 what another site's page sent, even with a good CSRF token.

    A browser that says nothing is let through, as the token stands. `null` is what Referrer-Policy
    no-referrer makes of our own pages' origin.
    """
    origin = request.headers.get("Origin", "null")
    if request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        abort(400)
    if origin != "null" and urlsplit(origin).netloc.lower() not in own_hosts():
        abort(400)


def own_hosts() -> set[str]:
    """This site's host, as it was asked for and as its public URL says: a proxy may pass on another."""
    return {request.host.lower(), urlsplit(settings().public_url).netloc.lower()}
